//! Laws that profile algebra keeps, whatever the profiles.

use std::fmt::Write as _;

use algebra::lines::lines;
use algebra::{Remap, by_line, filter, intersect, merge, remap, select, since, subtract, unite};
use coverage::{Metrics, Mode, Profile, dump};
use proptest::collection::vec;
use proptest::prelude::*;

/// Profiles over a small world, so that two of them often have units in common: up to 2 packages
/// of 2 files of 2 functions of 4 units, each of which may be missing; and a file of lines with
/// what else other formats tell: contexts, functions with counts, branches, conditions.
fn profile(mode: Mode) -> impl Strategy<Value = Profile> {
    counted(
        mode,
        match mode {
            Mode::Set => (0u64..2).boxed(),
            Mode::Count | Mode::Atomic => {
                prop_oneof![4 => 0u64..3, 2 => 1u64..1000, 1 => Just(u64::MAX)].boxed()
            }
        },
    )
}

fn counted(mode: Mode, count: BoxedStrategy<u64>) -> impl Strategy<Value = Profile> {
    let rows = vec((any::<bool>(), count.clone()), 12).prop_map(|rows| lines_file(&rows));
    (vec((any::<bool>(), count), 32), rows).prop_map(move |(units, rows)| {
        let mut text = format!("mode {}\n", mode.as_str());
        for (i, (present, count)) in units.into_iter().enumerate() {
            let (package, file, function, unit) = (i / 16, i / 8 % 2, i / 4 % 2, i % 4);
            if i % 16 == 0 {
                let _ = writeln!(text, "package p{package} p{package} m");
            }
            if i % 8 == 0 {
                let _ = writeln!(text, "file p{package}/{file}.go");
            }
            if i % 4 == 0 {
                let kind = ["function", "literal"][function];
                let _ = writeln!(text, "{kind} F{function}");
            }
            if present {
                let line = 10 * function + unit + 1;
                let _ = writeln!(text, "{line}.1,{line}.9 {unit} {count}");
            }
        }
        text += &rows;
        dump::parse(&text).expect("the text is a dump")
    })
}

/// A file of lines. Which rows it has and what they count depends on the numbers.
fn lines_file(rows: &[(bool, u64)]) -> String {
    let mut text = String::from("package q - -\nfile q/a.c\nfunction -\n");
    let lines: Vec<_> = (1..).zip(rows).take(4).filter(|(_, row)| row.0).collect();
    for (number, (_, count)) in &lines {
        let _ = writeln!(text, "line {number} {count}");
    }
    for (context, parity) in [("even", 0), ("odd", 1)] {
        let hit = |(number, row): &&(u32, &(bool, u64))| number % 2 == parity && row.1 > 0;
        let numbers: String =
            lines.iter().filter(hit).map(|(number, _)| format!(" {number}")).collect();
        if !numbers.is_empty() {
            let _ = writeln!(text, "context {context}{numbers}");
        }
    }
    for (number, (present, count)) in (4..).zip(&rows[4..]) {
        if *present {
            let zero = count.min(&1);
            let _ = match number % 4 {
                0 => writeln!(text, "function f{number} {number},{} {count}", number + 2),
                1 => writeln!(text, "branch {number} if then={count} else=0"),
                2 => writeln!(text, "branch {number} - {zero}/3"),
                _ => writeln!(text, "condition {number} 0 0t={count} 0f={zero}"),
            };
        }
    }
    text
}

fn two() -> impl Strategy<Value = (Profile, Profile)> {
    any_mode().prop_flat_map(|mode| (profile(mode), profile(mode)))
}

fn three() -> impl Strategy<Value = (Profile, Profile, Profile)> {
    any_mode().prop_flat_map(|mode| (profile(mode), profile(mode), profile(mode)))
}

fn any_mode() -> impl Strategy<Value = Mode> {
    prop_oneof![Just(Mode::Set), Just(Mode::Count), Just(Mode::Atomic)]
}

fn nothing_hit(profile: &Profile) -> bool {
    let columns = [profile.counts(), profile.arm_counts(), profile.function_counts()];
    columns.into_iter().flatten().all(|&count| count == 0)
}

proptest! {
    #[test]
    fn whole_profiles_read_back(a in any_mode().prop_flat_map(profile)) {
        let again = wire::whole::decode(&wire::whole::encode(&a)).unwrap();
        prop_assert_eq!(dump::write(&again), dump::write(&a));
        prop_assert_eq!(again.shape(), a.shape());
    }

    #[test]
    fn lines_hit_what_units_hit((a, b) in two()) {
        let lines = |profile: &Profile| by_line(profile);
        prop_assert_eq!(dump::write(&lines(&lines(&a))), dump::write(&lines(&a)));
        let both = Metrics::of(&lines(&merge(&[&a, &b]))).lines;
        prop_assert_eq!(Metrics::of(&merge(&[&lines(&a), &lines(&b)])).lines, both);
    }

    #[test]
    fn uniting_tools_hits_what_any_hits((a, b) in two()) {
        let united = unite(&[("a", &a), ("b", &b)]);
        let lines = merge(&[&by_line(&a), &by_line(&b)]);
        prop_assert_eq!(Metrics::of(&united).lines, Metrics::of(&lines).lines);
        let other = unite(&[("b", &b), ("a", &a)]);
        prop_assert_eq!(Metrics::of(&united), Metrics::of(&other));
    }

    #[test]
    fn dumps_read_back(a in any_mode().prop_flat_map(profile)) {
        let text = dump::write(&a);
        prop_assert_eq!(dump::write(&dump::parse(&text).unwrap()), text);
    }

    #[test]
    fn merging_one_changes_nothing(a in any_mode().prop_flat_map(profile)) {
        prop_assert_eq!(dump::write(&merge(&[&a])), dump::write(&a));
    }

    #[test]
    fn merge_commutes((a, b) in two()) {
        prop_assert_eq!(dump::write(&merge(&[&a, &b])), dump::write(&merge(&[&b, &a])));
    }

    // Of one mode: a set merged into counts counts 1 for each profile, or 1 for them all.
    #[test]
    fn merge_associates((a, b, c) in three()) {
        let left = merge(&[&merge(&[&a, &b]), &c]);
        let right = merge(&[&a, &merge(&[&b, &c])]);
        let at_once = merge(&[&a, &b, &c]);
        prop_assert_eq!(dump::write(&left), dump::write(&right));
        prop_assert_eq!(dump::write(&left), dump::write(&at_once));
    }

    #[test]
    fn merge_hits_what_any_hits((a, b) in two()) {
        let both = merge(&[&a, &b]);
        prop_assert!(nothing_hit(&subtract(&a, &both)));
        prop_assert!(nothing_hit(&subtract(&b, &both)));
        prop_assert!(nothing_hit(&subtract(&subtract(&both, &a), &b)));
    }

    #[test]
    fn a_without_itself_hits_nothing(a in any_mode().prop_flat_map(profile)) {
        prop_assert!(nothing_hit(&subtract(&a, &a)));
        prop_assert!(nothing_hit(&since(&a, &a)));
        prop_assert_eq!(dump::write(&intersect(&a, &a)), dump::write(&a));
    }

    #[test]
    fn difference_and_intersection_make_the_whole((a, b) in two()) {
        let whole = merge(&[&subtract(&a, &b), &intersect(&a, &b)]);
        prop_assert_eq!(dump::write(&whole), dump::write(&a));
    }

    #[test]
    fn difference_and_intersection_share_nothing((a, b) in two()) {
        prop_assert!(nothing_hit(&intersect(&subtract(&a, &b), &intersect(&a, &b))));
        prop_assert!(nothing_hit(&intersect(&subtract(&a, &b), &b)));
    }

    #[test]
    fn since_undoes_merge(
        // Far from the end: a sum that has reached it doesn't tell what was added.
        a in counted(Mode::Count, (0u64..1000).boxed()),
        b in counted(Mode::Count, (0u64..1000).boxed()),
    ) {
        let later = merge(&[&a, &b]);
        let nothing = since(&later, &later);
        prop_assert_eq!(dump::write(&since(&later, &a)), dump::write(&merge(&[&nothing, &b])));
    }

    #[test]
    fn parts_make_the_whole(a in any_mode().prop_flat_map(profile), mask in any::<u32>()) {
        let has = |file: coverage::FileIdx, span: coverage::Span| {
            mask >> ((file.0 + span.start.line) % 32) & 1 == 1
        };
        let (part, rest) = (select(&a, has), select(&a, |file, span| !has(file, span)));
        prop_assert_eq!(part.counts().len() + rest.counts().len(), a.counts().len());
        let whole = merge(&[&part, &rest]);
        prop_assert!(nothing_hit(&subtract(&a, &whole)));
        prop_assert_eq!(whole.totals().statements, a.totals().statements);
    }

    #[test]
    fn files_are_filtered_whole((a, b) in two()) {
        let first = |profile: &Profile| filter(profile, |package, _| package.path == "p0");
        let (left, right) = (first(&merge(&[&a, &b])), merge(&[&first(&a), &first(&b)]));
        prop_assert_eq!(dump::write(&left), dump::write(&right));
        prop_assert_eq!(dump::write(&first(&left)), dump::write(&left));
    }

    #[test]
    fn renaming_there_and_back_changes_nothing(a in any_mode().prop_flat_map(profile)) {
        let rules = |from: &str, to: &str| [Remap::new(from, to)];
        let there = remap(&a, &rules("p0", "elsewhere/q"));
        prop_assert_eq!(dump::write(&remap(&there, &rules("elsewhere/q", "p0"))), dump::write(&a));
    }

    #[test]
    fn joining_two_files_adds_what_they_counted(a in any_mode().prop_flat_map(profile)) {
        let one = remap(&a, &["p0", "p1", "q"].map(|from| Remap::new(from, "p")));
        prop_assert!(one.shape().packages().len() <= 1);
        prop_assert!(nothing_hit(&a) == nothing_hit(&one));
    }

    #[test]
    fn a_line_is_hit_where_a_unit_on_it_is(a in any_mode().prop_flat_map(profile)) {
        let lines = lines(&a);
        for unit_idx in a.shape().unit_indexes() {
            let span = a.shape().unit(unit_idx).span;
            let line = lines[a.shape().file_of(unit_idx).index()][&span.start.line];
            prop_assert!(line.n_hit <= line.n_units && line.count >= a.count(unit_idx));
        }
    }
}
