//! What one profile has that another has, or has not.

use std::collections::HashMap;

use coverage::{Profile, Span, UnitIdx};

use crate::columns::grown;
use crate::merge::same_shape;

/// `a` without what `b` hit: the shape of `a`, counts 0 where `b` hit the same unit.
pub fn subtract(a: &Profile, b: &Profile) -> Profile {
    combine(a, b, |a, b| if b > 0 { 0 } else { a })
}

/// Of `a` only what `b` hit too: the shape of `a`, counts 0 where `b` did not hit the same unit.
pub fn intersect(a: &Profile, b: &Profile) -> Profile {
    combine(a, b, |a, b| if b > 0 { a } else { 0 })
}

/// What ran between two readings of growing counters: the shape of `later`, counts of `later`
/// less those of `earlier`. A count that is lower than before started again from 0, and is taken
/// as it is.
pub fn since(later: &Profile, earlier: &Profile) -> Profile {
    combine(later, earlier, grown)
}

fn combine(a: &Profile, b: &Profile, count: impl Fn(u64, u64) -> u64) -> Profile {
    let other = counts_on(a, b);
    let counts = a.counts().iter().zip(other).map(|(&a, b)| count(a, b)).collect();
    Profile::new(a.mode(), a.shape().clone(), counts)
}

/// The counts of `b` in the order of the units of `a`; 0 for units that `b` does not have.
fn counts_on(a: &Profile, b: &Profile) -> Vec<u64> {
    if same_shape(a, b) {
        return b.counts().to_vec();
    }
    let mut known: HashMap<UnitKey<'_>, u64> = HashMap::with_capacity(b.counts().len());
    for unit_idx in b.shape().unit_indexes() {
        let sum = known.entry(key(b, unit_idx)).or_default();
        *sum = sum.saturating_add(b.count(unit_idx));
    }
    a.shape()
        .unit_indexes()
        .map(|unit_idx| known.get(&key(a, unit_idx)).copied().unwrap_or(0))
        .collect()
}

/// Package, file, function name, literal, span, statements.
type UnitKey<'a> = (&'a str, &'a str, &'a str, bool, Span, u32);

fn key(profile: &Profile, unit_idx: UnitIdx) -> UnitKey<'_> {
    let shape = profile.shape();
    let unit = shape.unit(unit_idx);
    let function = shape.function(unit.function);
    let file = shape.file(function.file);
    let package = shape.package(file.package);
    (
        &package.path,
        file.path.as_str(),
        &function.name,
        function.literal,
        unit.span,
        unit.statements,
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use coverage::dump;

    const A: &str = "mode count\npackage p p m\nfile p/a.go\nfunction F\n1.1,2.2 1 5\n3.1,4.2 1 2\n5.1,6.2 1 0\n";
    const B: &str = "mode count\npackage p p m\nfile p/a.go\nfunction F\n3.1,4.2 1 1\n7.1,8.2 1 9\n5.1,6.2 1 3\n";

    fn counts(operation: fn(&Profile, &Profile) -> Profile) -> Vec<u64> {
        let result = operation(&dump::parse(A).unwrap(), &dump::parse(B).unwrap());
        assert_eq!(result.shape(), dump::parse(A).unwrap().shape());
        result.counts().to_vec()
    }

    #[test]
    fn subtract_keeps_units_only_left_hit() {
        assert_eq!(counts(subtract), [5, 0, 0]);
    }

    #[test]
    fn intersect_keeps_units_both_hit_with_the_left_counts() {
        assert_eq!(counts(intersect), [0, 2, 0]);
    }

    #[test]
    fn since_subtracts_numbers_and_takes_a_restarted_count_as_it_is() {
        assert_eq!(counts(since), [5, 1, 0]);
        let a = dump::parse(A).unwrap();
        assert!(since(&a, &a).counts().iter().all(|&count| count == 0));
    }
}
