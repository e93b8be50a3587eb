//! Union of profiles.

use std::sync::Arc;

use coverage::{Mode, Profile};

use crate::union::union;
use crate::{alike, columns};

/// All units of all profiles; counts of equal units are added, saturating, and so are those of
/// equal functions and of equal arms. In mode set a count is 1 when any profile hit it. The mode
/// is the one that says most: set, then count, then atomic.
///
/// Merging nothing gives an empty profile. Order: packages and files as they are first met, from
/// the first profile to the last; functions and branches file by file, as they are first met in it.
pub fn merge(profiles: &[&Profile]) -> Profile {
    let Some(first) = profiles.first() else {
        return Profile::zero(Mode::default(), Arc::default());
    };
    let mode = profiles.iter().map(|profile| profile.mode()).max().unwrap_or_default();
    let merged = if profiles.iter().all(|profile| same_shape(first, profile)) {
        by_position(profiles, mode)
    } else {
        alike::on_first_shape(profiles, mode).unwrap_or_else(|| union(profiles, mode))
    };
    capped(merged)
}

/// The same profile with each unit of a function once, counts added as [`merge()`] does.
pub(crate) fn joined(profile: &Profile) -> Profile {
    capped(union(&[profile], profile.mode()))
}

/// The profile with counts as its mode has them.
fn capped(profile: Profile) -> Profile {
    if profile.mode() != Mode::Set {
        return profile;
    }
    let hits = |counts: &[u64]| -> Vec<u64> { counts.iter().map(|&count| count.min(1)).collect() };
    Profile::new(Mode::Set, profile.shape().clone(), hits(profile.counts()))
        .with_outcomes(hits(profile.arm_counts()), hits(profile.function_counts()))
        .with_contexts(profile.contexts().clone())
}

/// Whether both have the same units in the same order.
pub(crate) fn same_shape(a: &Profile, b: &Profile) -> bool {
    Arc::ptr_eq(a.shape(), b.shape()) || a.shape() == b.shape()
}

/// Profiles of one shape.
fn by_position(profiles: &[&Profile], mode: Mode) -> Profile {
    let shape = profiles[0].shape().clone();
    let sum = |counts: fn(&Profile) -> &[u64], n: usize| {
        let mut sums = vec![0; n];
        profiles.iter().for_each(|profile| columns::add(&mut sums, counts(profile)));
        sums
    };
    let arms = sum(Profile::arm_counts, shape.arm_labels().len());
    let functions = sum(Profile::function_counts, shape.functions().len());
    let counts = sum(Profile::counts, shape.n_units());
    let contexts = profiles.iter().flat_map(|profile| profile.contexts().iter().cloned());
    Profile::new(mode, shape, counts)
        .with_outcomes(arms, functions)
        .with_contexts(alike::joined_contexts(contexts.collect()).into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use coverage::dump;

    fn check(profiles: &[&str], expected: &str) {
        let profiles: Vec<_> = profiles.iter().map(|text| dump::parse(text).unwrap()).collect();
        let merged = merge(&profiles.iter().collect::<Vec<_>>());
        assert_eq!(dump::write(&merged), expected);
    }

    #[test]
    fn equal_units_add_and_others_stand_side_by_side() {
        check(
            &[
                "mode count\npackage p p m\nfile p/a.go\nfunction F\n1.1,2.2 1 3\n",
                "mode atomic\npackage p p m\nfile p/a.go\nfunction F\n1.1,2.2 1 4\n\
                 3.1,4.2 2 0\nfile p/b.go\nfunction G\n1.1,2.2 1 18446744073709551615\n",
                "mode count\npackage p p m\nfile p/b.go\nfunction G\n1.1,2.2 1 1\n",
            ],
            "mode atomic\npackage p p m\nfile p/a.go\nfunction F\n1.1,2.2 1 7\n3.1,4.2 2 0\n\
             file p/b.go\nfunction G\n1.1,2.2 1 18446744073709551615\n",
        );
    }

    #[test]
    fn two_functions_of_one_name_stay_two() {
        let text = "mode count\npackage p p m\nfile p/a.go\nfunction init\n1.1,2.2 1 1\n\
                    function init\n5.1,6.2 1 0\n";
        let other = "mode count\npackage q q m\nfile q/a.go\nfunction empty\n";
        let profiles = [dump::parse(text).unwrap(), dump::parse(other).unwrap()];
        let merged = merge(&[&profiles[0], &profiles[1], &profiles[0], &profiles[1]]);
        assert_eq!(merged.shape().functions().len(), 3);
        assert_eq!(merged.counts(), [2, 0]);
    }

    #[test]
    fn rows_that_are_one_function_become_one() {
        let function =
            |units: &str| format!("mode count\npackage p p m\nfile p/a.go\nfunction F\n{units}");
        let (first, second) = (function("1.1,2.2 1 1\n"), function("3.1,4.2 1 1\n"));
        let both = function("1.1,2.2 1 1\n3.1,4.2 1 1\n5.1,6.2 1 1\n");
        let sum = function("1.1,2.2 1 2\n3.1,4.2 1 2\n5.1,6.2 1 1\n");
        check(&[&first, &second, &both], &sum);
        check(&[&both, &second, &first], &sum);
    }

    #[test]
    fn sets_stay_sets() {
        let text = "mode set\npackage p p m\nfile p/a.go\nfunction F\n1.1,2.2 1 1\n";
        check(&[text, text], text);
    }

    #[test]
    fn merging_nothing_is_empty() {
        check(&[], "mode count\n");
    }

    #[test]
    fn arms_functions_and_contexts_come_together() {
        check(
            &[
                "mode count\npackage p - -\nfile p/a.c\nfunction -\nline 1 5\nline 2 0\n\
                 context t 1\nfunction f 1 5\nbranch 1 0 0=5 1=0\nbranch 2 - 1/3\n",
                "mode count\npackage p - -\nfile p/a.c\nfunction -\nline 2 1\nline 3 1\n\
                 context s 2 3\ncontext t 3\nfunction f 1 2\nfunction g 3 1\n\
                 branch 1 0 0=1 2=1\nbranch 2 - 2/3\n",
            ],
            "mode count\npackage p - -\nfile p/a.c\nfunction -\nline 1 5\nline 2 1\nline 3 1\n\
             context s 2 3\ncontext t 1 3\nfunction f 1 7\nfunction g 3 1\n\
             branch 1 0 0=6 1=0 2=1\nbranch 2 - 2/3\n",
        );
    }

    #[test]
    fn what_the_first_has_too_adds_up_in_every_column() {
        let a = "package p - -\nfile p/a.c\nfunction -\nline 1 5\nline 2 0\ncontext t 1\n\
                 function f 1 5\nbranch 1 x 0=5 1=0\n";
        let b = "package q - -\nfile q/b.c\nfunction -\nline 7 2\ncontext t 7\n\
                 function g 7 1\nbranch 7 0 x=0 1=2\n";
        let sum = "package q - -\nfile q/b.c\nfunction -\nline 7 4\ncontext t 7\n\
                   function g 7 2\nbranch 7 0 x=0 1=4\n";
        let both = format!("mode count\n{a}{b}");
        check(&[&both, &format!("mode count\n{b}")], &format!("mode count\n{a}{sum}"));
        // What is not quite the same is added all the same, row by row.
        let other = b.replace("line 7 2", "line 7 2\nline 8 2");
        check(
            &[&both, &format!("mode count\n{other}")],
            &format!("mode count\n{a}{}", sum.replace("line 7 4", "line 7 4\nline 8 2")),
        );
    }

    #[test]
    fn one_shape_adds_up_in_every_column() {
        let text = "mode count\npackage p - -\nfile p/a.c\nfunction -\nline 1 5\ncontext t 1\n\
                    function f 1 5\nbranch 1 0 0=5 1=0\n";
        check(
            &[text, text],
            "mode count\npackage p - -\nfile p/a.c\nfunction -\nline 1 10\ncontext t 1\n\
             function f 1 10\nbranch 1 0 0=10 1=0\n",
        );
    }
}
