//! What ran in some contexts: in one test, or in all whose names begin alike.

use std::collections::BTreeMap;

use coverage::{Context, Fraction, FunctionIdx, Mode, Profile, UnitIdx, UnitKind};

use crate::extents::{Extent, innermost};
use crate::select;

/// Whether a pattern means a context: by its whole name, where `*` stands for any characters.
pub fn is_meant(pattern: &str, name: &str) -> bool {
    let Some((start, rest)) = pattern.split_once('*') else { return pattern == name };
    let Some(mut left) = name.strip_prefix(start) else { return false };
    let mut parts: Vec<&str> = rest.split('*').collect();
    let end = parts.pop().unwrap_or_default();
    for part in parts {
        let Some((_, after)) = left.split_once(part) else { return false };
        left = after;
    }
    left.ends_with(end)
}

/// The profile with what ran in the contexts that are `wanted`, as if nothing else had run.
///
/// Of a context is known what it hit, not how often, and not which arms it took: units are hit or
/// not, and there are no branches. A function was entered if any of its own units was hit, or any
/// line inside of it below its first, which may have run only to define it.
pub fn in_contexts(profile: &Profile, wanted: impl Fn(&str) -> bool) -> Profile {
    let contexts: Vec<_> =
        profile.contexts().iter().filter(|context| wanted(&context.name)).cloned().collect();
    let mut counts = vec![0; profile.shape().n_units()];
    for unit in contexts.iter().flat_map(|context| &context.units) {
        if let Some(count) = counts.get_mut(unit.index()) {
            *count = 1;
        }
    }
    let entered = entered(profile, &counts);
    let ran = Profile::new(Mode::Set, profile.shape().clone(), counts)
        .with_outcomes(Vec::new(), entered)
        .with_contexts(contexts.into());
    if ran.shape().branches().is_empty() { ran } else { select::without_branches(&ran) }
}

/// How much each context hit, in the profile's order: of its lines where lines are counted,
/// otherwise of its statements.
pub fn shares(profile: &Profile) -> Vec<Fraction> {
    let shape = profile.shape();
    let has_lines = shape.unit_kinds().any(|kind| kind == UnitKind::Line);
    let weight = |unit: UnitIdx| {
        let unit = shape.unit(unit);
        match unit.kind {
            UnitKind::Line => 1,
            _ if has_lines => 0,
            _ => u64::from(unit.statements),
        }
    };
    let total = shape.unit_indexes().map(weight).sum();
    let share = |context: &Context| Fraction {
        covered: context.units.iter().map(|&unit| weight(unit)).sum(),
        total,
    };
    profile.contexts().iter().map(share).collect()
}

/// For each function 1 if it was entered, by the units that were hit.
fn entered(profile: &Profile, counts: &[u64]) -> Vec<u64> {
    let shape = profile.shape();
    let hit = |unit: UnitIdx| counts.get(unit.index()).is_some_and(|&count| count > 0);
    let mut entered = vec![0; shape.functions().len()];
    let mut extents: Vec<Vec<Extent>> = vec![Vec::new(); shape.files().len()];
    let mut lines: Vec<BTreeMap<u32, bool>> = vec![BTreeMap::new(); shape.files().len()];
    for (index, row) in (0u32..).map(FunctionIdx).zip(shape.functions()) {
        let file = row.file.index();
        for unit in shape.units_of(index) {
            *lines[file].entry(shape.unit(unit).span.start.line).or_default() |= hit(unit);
        }
        if !row.units.is_empty() {
            entered[index.index()] = u64::from(shape.units_of(index).any(hit));
        } else if profile.function_hit(index) {
            extents[file].extend(row.span.map(|span| Extent::of(span, index)));
        }
    }
    for (mut extents, lines) in extents.into_iter().zip(lines) {
        let around = innermost(&mut extents, lines.keys().copied());
        // Of each function, whether its first line was hit, and any below if there are such.
        let mut found: Vec<(bool, Option<bool>)> = vec![(false, None); extents.len()];
        for ((line, is_hit), at) in lines.into_iter().zip(around) {
            let Some(at) = at else { continue };
            match &mut found[at] {
                (first, _) if extents[at].first == line => *first |= is_hit,
                (_, below) => *below = Some(below.unwrap_or_default() | is_hit),
            }
        }
        for (extent, (first, below)) in extents.iter().zip(found) {
            entered[extent.function.index()] = u64::from(below.unwrap_or(first));
        }
    }
    entered
}

#[cfg(test)]
mod tests {
    use coverage::dump;

    use super::*;

    #[test]
    fn patterns_are_names_with_stars() {
        for (pattern, name, expected) in [
            ("TestAdd", "TestAdd", true),
            ("TestAdd", "TestAdd/empty", false),
            ("TestAdd*", "TestAdd/empty", true),
            ("*::cart::*[?]*", "a::cart::b[?]|run", true),
            ("*ab*ab", "ab", false),
            ("*ab*ab", "xabab", true),
            ("a*a", "a", false),
            ("*", "", true),
            ("", "", true),
            ("", "a", false),
        ] {
            assert_eq!(is_meant(pattern, name), expected, "{pattern} {name}");
        }
    }

    #[test]
    fn only_what_ran_in_the_context_is_left() {
        let text = "mode count\npackage p - -\nfile p/a.py\nfunction -\nline 1 5\nline 2 3\n\
                    line 3 1\nline 5 5\nline 6 2\ncontext one 1 2 5\ncontext two 3 6\n\
                    function f 1,3 5\nfunction g 5,6 5\nfunction h 9 1\nbranch 2 if 0=3 1=0\n";
        let profile = dump::parse(text).unwrap();
        assert_eq!(
            dump::write(&in_contexts(&profile, |name| name == "one")),
            "mode set\npackage p - -\nfile p/a.py\nfunction -\nline 1 1\nline 2 1\nline 3 0\n\
             line 5 1\nline 6 0\ncontext one 1 2 5\nfunction f 1,3 1\nfunction g 5,6 0\n\
             function h 9 0\n"
        );
        let covered: Vec<_> = shares(&profile).iter().map(|it| (it.covered, it.total)).collect();
        assert_eq!(covered, [(3, 5), (2, 5)]);
        let both = in_contexts(&profile, |name| is_meant("*", name));
        assert_eq!((both.counts(), both.function_counts()), (&[1; 5][..], &[0, 1, 1, 0][..]));
        let none = in_contexts(&profile, |_| false);
        assert!(none.counts().iter().all(|count| *count == 0) && none.contexts().is_empty());
    }

    #[test]
    fn units_of_functions_tell_whether_they_were_entered() {
        let text = "mode atomic\npackage p p m\nfile p/a.go\nfunction F\n1.1,2.2 1 7\n\
                    context t 1.1,2.2\nfunction G\n3.1,4.2 1 7\nfunction H 5,6 2\nline 5 2\n";
        let ran = in_contexts(&dump::parse(text).unwrap(), |name| name == "t");
        assert_eq!((ran.counts(), ran.function_counts()), (&[1, 0, 0][..], &[1, 0, 0][..]));
        assert!(ran.function_hit(FunctionIdx(0)) && !ran.function_hit(FunctionIdx(2)));
    }
}
