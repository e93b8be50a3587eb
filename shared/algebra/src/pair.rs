//! What one profile has that another has, or has not.

use std::collections::HashMap;
use std::hash::Hash;

use coverage::{BranchKind, Context, FileIdx, Profile, Shape, Span, UnitIdx, UnitKind};

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
    let both = |a: &[u64], b: Vec<u64>| a.iter().zip(b).map(|(&a, b)| count(a, b)).collect();
    let counts: Vec<u64> = both(a.counts(), counts_on(a, b));
    let contexts = a.contexts().iter().map(|context| {
        let units = context.units.iter().copied().filter(|unit| counts[unit.index()] > 0);
        Context { name: context.name.clone(), units: units.collect() }
    });
    let contexts = contexts.collect();
    let arms = both(a.arm_counts(), arms_on(a, b));
    let functions = both(&padded(a), functions_on(a, b));
    Profile::new(a.mode(), a.shape().clone(), counts)
        .with_outcomes(arms, functions)
        .with_contexts(contexts)
}

/// The counts of `b` in the order of the units of `a`; 0 for units that `b` does not have.
fn counts_on(a: &Profile, b: &Profile) -> Vec<u64> {
    if same_shape(a, b) {
        return b.counts().to_vec();
    }
    let known = sums(b.shape().unit_indexes().map(|unit| (key(b, unit), b.count(unit))));
    let units = a.shape().unit_indexes();
    units.map(|unit_idx| known.get(&key(a, unit_idx)).copied().unwrap_or(0)).collect()
}

/// Package, file, function name, literal, kind, span, statements.
type UnitKey<'a> = (&'a str, &'a str, &'a str, bool, UnitKind, Span, u32);

fn key(profile: &Profile, unit_idx: UnitIdx) -> UnitKey<'_> {
    let shape = profile.shape();
    let unit = shape.unit(unit_idx);
    let function = shape.function(unit.function);
    let (package, file) = file(shape, function.file);
    (package, file, &function.name, function.literal, unit.kind, unit.span, unit.statements)
}

/// The counts of `b` in the order of the arms of `a`, likewise.
fn arms_on(a: &Profile, b: &Profile) -> Vec<u64> {
    if same_shape(a, b) {
        return b.arm_counts().to_vec();
    }
    let known = sums(arms(b).into_iter().zip(b.arm_counts().iter().copied()));
    arms(a).iter().map(|arm| known.get(arm).copied().unwrap_or(0)).collect()
}

/// Package, file, kind, span, name, label, and which of the arms with this label.
type ArmKey<'a> = (&'a str, &'a str, BranchKind, Span, &'a str, &'a str, u32);

fn arms(profile: &Profile) -> Vec<ArmKey<'_>> {
    let shape = profile.shape();
    let mut keys = Vec::with_capacity(shape.arm_labels().len());
    for branch in shape.branches() {
        let (package, file) = file(shape, branch.file);
        let name = shape.label(branch.name);
        let first = keys.len();
        for (label, _) in shape.arms_of(branch) {
            let same = keys[first..].iter().filter(|key: &&ArmKey<'_>| key.5 == label).count();
            let same = u32::try_from(same).unwrap_or(u32::MAX);
            keys.push((package, file, branch.kind, branch.span, name, label, same));
        }
    }
    keys
}

/// The counts of `b` in the order of the functions of `a`, likewise.
fn functions_on(a: &Profile, b: &Profile) -> Vec<u64> {
    if same_shape(a, b) {
        return padded(b);
    }
    let known = sums(functions(b).zip(padded(b)));
    functions(a).map(|function| known.get(&function).copied().unwrap_or(0)).collect()
}

/// Package, file, name and place of each function.
fn functions(profile: &Profile) -> impl Iterator<Item = (&str, &str, &str, Option<Span>)> {
    let shape = profile.shape();
    shape.functions().iter().map(|function| {
        let (package, file) = file(shape, function.file);
        (package, file, function.name.as_str(), function.span)
    })
}

/// Counts of functions, one for each.
fn padded(profile: &Profile) -> Vec<u64> {
    let mut counts = profile.function_counts().to_vec();
    counts.resize(profile.shape().functions().len(), 0);
    counts
}

fn file(shape: &Shape, file: FileIdx) -> (&str, &str) {
    let row = shape.file(file);
    (&shape.package(row.package).path, row.path.as_str())
}

fn sums<K: Hash + Eq>(counts: impl Iterator<Item = (K, u64)>) -> HashMap<K, u64> {
    let mut known: HashMap<K, u64> = HashMap::new();
    for (key, count) in counts {
        let sum = known.entry(key).or_default();
        *sum = sum.saturating_add(count);
    }
    known
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

    #[test]
    fn arms_and_functions_are_told_apart_as_units_are() {
        let a = "mode count\npackage p - -\nfile p/a.c\nfunction -\nline 1 5\nline 2 1\n\
                 context t 1 2\nfunction f 1 5\nfunction g 2 1\nbranch 1 0 0=5 1=4\nbranch 2 - 2/3\n";
        let b = "mode count\npackage p - -\nfile p/a.c\nfunction -\nline 1 2\nline 3 1\n\
                 function f 1 1\nbranch 1 0 0=0 1=1\nbranch 2 - 1/3\n";
        let [a, b] = [a, b].map(|text| dump::parse(text).unwrap());
        assert_eq!(
            dump::write(&subtract(&a, &b)),
            "mode count\npackage p - -\nfile p/a.c\nfunction -\nline 1 0\nline 2 1\ncontext t 2\n\
             function f 1 0\nfunction g 2 1\nbranch 1 0 0=5 1=0\nbranch 2 - 1/3\n"
        );
        assert_eq!(
            dump::write(&intersect(&a, &b)),
            "mode count\npackage p - -\nfile p/a.c\nfunction -\nline 1 5\nline 2 0\ncontext t 1\n\
             function f 1 5\nfunction g 2 0\nbranch 1 0 0=0 1=4\nbranch 2 - 1/3\n"
        );
    }
}
