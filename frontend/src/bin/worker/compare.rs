//! What two opened profiles have together, in common, or one without the other.

use coverage::{Function, Profile, Span, Totals, UnitIdx};
use frontend::open::frames::{About, COMPUTED};
use frontend::ui::text::{grouped, plural};
use report::shown;
use wire::TableId;

use crate::opened::Kept;
use crate::reports::{is_computed, kind};

/// Compares two profiles; `None` for an operation that is not known. The result's id is that of
/// the operation and of the two, so that the same comparison takes the place of an earlier one.
pub(crate) fn compare(operation: &str, a: Kept, b: Kept) -> Option<Kept> {
    let seed = [operation.as_bytes(), &a.about.id, &b.about.id].concat();
    let (left, right) = (name(&a.about), name(&b.about));
    let is_alike = kind(&a) == kind(&b) && (kind(&a) == "go" || !is_computed(&a.about));
    let union =
        (!is_alike).then(|| algebra::unite(&[(kind(&a), &a.profile), ("other", &b.profile)]));
    let (a, b) = match is_alike {
        true => (a.profile, b.profile),
        false => (by_line(&a.profile), by_line(&b.profile)),
    };
    let (a, b) = (with_names(a, &b), b);
    let b = with_names(b, &a);
    let union = union.unwrap_or_else(|| algebra::merge(&[&a, &b]));
    let mut notes = mixed(&union);
    let (name, difference, profile) = match operation {
        "merge" => {
            let difference = difference(&union, &a, &left);
            (format!("{left} with {right}"), difference, union)
        }
        "intersect" => {
            let profile = algebra::intersect(&a, &b);
            let difference = difference(&profile, &a, &left);
            (format!("{left} in common with {right}"), difference, profile)
        }
        "subtract" => {
            let profile = algebra::subtract(&a, &b);
            let (units, points) = (more(&profile), points(&union, &b));
            let difference = format!("adds {units}, {points} to {right}");
            (format!("{left} without {right}"), difference, profile)
        }
        _ => return None,
    };
    if is_nameless(&a) != is_nameless(&b) {
        notes.push(
            "Only one of the two names its functions, and units of others differ: drop the sources"
                .into(),
        );
    }
    let about = About {
        id: TableId::of(&seed).0,
        name,
        format: format!("{COMPUTED} · {difference}"),
        n_files: 0,
        notes,
    };
    Some(Kept { about, profile })
}

/// The lines of a profile, whatever its tool calls the packages of files.
fn by_line(profile: &Profile) -> Profile {
    algebra::unite(&[("tool", profile), ("none", &algebra::merge(&[]))])
}

/// What a profile is called within the name of another.
fn name(about: &About) -> String {
    if is_computed(about) { format!("({})", about.name) } else { about.name.clone() }
}

/// What `new` has more than `old`: `+3.2 % of statements, 41 units more than a.out`.
fn difference(new: &Profile, old: &Profile, name: &str) -> String {
    let (more, fewer) = (totals(new).units.covered, totals(old).units.covered);
    let (one, many) = words(new);
    let units = match more.abs_diff(fewer) {
        0 => format!("as many {many} as"),
        n => format!("{} {} than", plural(n, one), if more > fewer { "more" } else { "fewer" }),
    };
    format!("{}, {units} {name}", points(new, old))
}

/// How many units ran: `41 units`.
fn more(profile: &Profile) -> String {
    plural(totals(profile).units.covered, words(profile).0)
}

/// What units are called, one and many.
fn words(profile: &Profile) -> (&'static str, &'static str) {
    if shown::is_by_line(profile) { ("line", "lines") } else { ("unit", "units") }
}

/// Totals of what a page shows of a profile.
fn totals(profile: &Profile) -> Totals {
    algebra::units_for(profile, true).totals()
}

/// Percentage points that `new` has more than `old`, with a sign, and what of.
fn points(new: &Profile, old: &Profile) -> String {
    let percent = |profile| totals(profile).statements.percent().unwrap_or_default();
    let points = percent(new) - percent(old);
    let sign = match points {
        0.05.. => "+",
        ..=-0.05 => "−",
        _ => "±",
    };
    let what = if shown::is_by_line(new) { "lines" } else { "statements" };
    format!("{sign}{:.1} % of {what}", points.abs())
}

/// A note of files that two builds cut in two ways.
fn mixed(union: &Profile) -> Vec<String> {
    let files: Vec<&str> = algebra::doubts(union)
        .into_iter()
        .filter(|(_, doubt)| *doubt == algebra::Doubt::Mixed)
        .map(|(file, _)| union.shape().file(file).path.as_str())
        .collect();
    let Some(first) = files.first() else { return Vec::new() };
    let more = match files.len() - 1 {
        0 => String::new(),
        n => format!(" and {} more", grouped(n as u64)),
    };
    vec![format!(
        "The two are of different builds of one source: units of {first}{more} overlap, and only \
         equal ones are compared"
    )]
}

fn is_nameless(profile: &Profile) -> bool {
    !shown::is_by_line(profile)
        && profile.shape().functions().iter().any(|function| function.name.is_empty())
}

/// A text profile with names for its functions, from another profile that has them: units are the
/// same only in functions of one name.
fn with_names(profile: Profile, other: &Profile) -> Profile {
    if !is_nameless(&profile) || is_nameless(other) {
        return profile;
    }
    let shape = other.shape();
    algebra::with_functions(&profile, |path| {
        let functions = shape.functions().iter();
        let of_file = functions.filter(|function| shape.file(function.file).path == *path);
        let extent = |function: &Function| {
            let spans = function.units.clone().map(|unit| shape.unit(UnitIdx(unit)).span);
            let start = spans.clone().map(|span| span.start).min()?;
            let end = spans.map(|span| span.end).max()?;
            Some((function.name.clone(), Span { start, end }))
        };
        of_file.filter_map(extent).collect()
    })
}

#[cfg(test)]
mod tests {
    use coverage::dump;

    use super::*;

    fn kept(name: &str, id: u8, units: &str) -> Kept {
        let text = format!("mode count\npackage p p m\nfile p/a.go\nfunction F\n{units}");
        let about = About { id: [id; 16], name: name.into(), ..About::default() };
        Kept { about, profile: dump::parse(&text).expect("the dump is right") }
    }

    fn check(operation: &str, counts: &[u64], name: &str, format: &str) -> Kept {
        let a = kept("a.out", 1, "1.1,2.2 1 5\n3.1,4.2 1 2\n5.1,6.2 1 0\n7.1,8.2 1 0\n");
        let b = kept("b.out", 2, "1.1,2.2 1 0\n3.1,4.2 1 1\n5.1,6.2 1 4\n7.1,8.2 1 3\n");
        let found = compare(operation, a, b).expect("the operation is known");
        assert_eq!(found.profile.counts(), counts);
        assert_eq!((found.about.name.as_str(), found.about.format.as_str()), (name, format));
        assert!(found.about.notes.is_empty());
        found
    }

    #[test]
    fn results_say_what_they_are() {
        check(
            "merge",
            &[5, 3, 4, 3],
            "a.out with b.out",
            "computed · +50.0 % of statements, 2 units more than a.out",
        );
        check(
            "intersect",
            &[0, 2, 0, 0],
            "a.out in common with b.out",
            "computed · −25.0 % of statements, 1 unit fewer than a.out",
        );
        let first = check(
            "subtract",
            &[5, 0, 0, 0],
            "a.out without b.out",
            "computed · adds 1 unit, +25.0 % of statements to b.out",
        );
        let id = first.about.id;
        let again = compare("merge", first, kept("c.out", 3, "1.1,2.2 1 5\n")).expect("merge");
        assert_eq!(again.about.name, "(a.out without b.out) with c.out");
        assert_ne!(again.about.id, id);
        assert!(compare("guess", kept("a", 1, ""), kept("b", 2, "")).is_none());
    }

    #[test]
    fn reports_of_two_tools_are_compared_by_line() {
        let mut a = kept("a.out", 1, "3.9,4.2 1 5\n5.1,5.9 1 0\n");
        a.about.format = "Go".into();
        let mut b = kept("b.info", 2, "");
        b.about.format = "lcov".into();
        let text = "mode count\npackage else - -\nfile p/a.go\nfunction -\nline 3 0\nline 5 7\n\
                    branch 5 - 1/2\n";
        b.profile = dump::parse(text).expect("the dump is right");
        let found = compare("merge", a.clone(), b.clone()).expect("merge");
        assert_eq!(found.about.format, "computed · +33.3 % of lines, 1 line more than a.out");
        assert_eq!(found.profile.totals().units, coverage::Fraction { covered: 3, total: 3 });
        let found = compare("subtract", b, a).expect("subtract");
        assert_eq!(found.about.name, "b.info without a.out");
        assert_eq!(found.profile.counts(), [0, 7]);
        assert!(found.about.notes.is_empty());
    }

    #[test]
    fn different_builds_of_a_source_are_noted() {
        let (a, b) = (kept("a", 1, "1.1,3.2 1 5\n"), kept("b", 2, "1.1,4.2 1 5\n"));
        let found = compare("intersect", a, b).expect("the operation is known");
        assert!(found.about.notes[0].contains("different builds of one source: units of p/a.go"));
    }

    #[test]
    fn units_without_a_function_name_meet_those_with_one() {
        let a = kept("a", 1, "1.1,3.2 1 5\n4.1,5.2 1 1\n");
        let mut b = kept("b", 2, "");
        let text = "mode set\npackage p p m\nfile p/a.go\nfunction -\n1.1,3.2 1 1\n4.1,5.2 1 0\n";
        b.profile = dump::parse(text).expect("the dump is right");
        let found = compare("subtract", b, a).expect("the operation is known");
        assert_eq!(found.profile.counts(), [0, 0]);
        assert!(found.about.notes.is_empty());
    }
}
