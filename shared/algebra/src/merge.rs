//! Union of profiles.

use std::collections::HashMap;
use std::sync::Arc;

use coverage::{
    Branch, BranchKind, Context, FunctionIdx, Mode, Profile, ProfileBuilder, Span, Unit, UnitIdx,
    UnitKind,
};

use crate::columns;

/// All units of all profiles; counts of equal units are added, saturating, and so are those of
/// equal functions and of equal arms. In mode set a count is 1 when any profile hit it. The mode
/// is the one that says most: set, then count, then atomic.
///
/// Merging nothing gives an empty profile. Order: packages, files, functions and branches as they
/// are first met, from the first profile to the last.
pub fn merge(profiles: &[&Profile]) -> Profile {
    let Some(first) = profiles.first() else {
        return Profile::zero(Mode::default(), Arc::default());
    };
    let mode = profiles.iter().map(|profile| profile.mode()).max().unwrap_or_default();
    let merged = if profiles.iter().all(|profile| same_shape(first, profile)) {
        by_position(profiles)
    } else {
        let mut union = Union::default();
        for profile in profiles {
            union.add(profile);
        }
        union.finish()
    };
    let counts = |counts: &[u64]| -> Vec<u64> {
        let most = if mode == Mode::Set { 1 } else { u64::MAX };
        counts.iter().map(|&count| count.min(most)).collect()
    };
    Profile::new(mode, merged.shape().clone(), counts(merged.counts()))
        .with_outcomes(counts(merged.arm_counts()), counts(merged.function_counts()))
        .with_contexts(merged.contexts().clone())
}

/// Whether both have the same units in the same order.
pub(crate) fn same_shape(a: &Profile, b: &Profile) -> bool {
    Arc::ptr_eq(a.shape(), b.shape()) || a.shape() == b.shape()
}

/// Profiles of one shape.
fn by_position(profiles: &[&Profile]) -> Profile {
    let shape = profiles[0].shape().clone();
    let sum = |counts: fn(&Profile) -> &[u64], n: usize| {
        let mut sums = vec![0; n];
        profiles.iter().for_each(|profile| columns::add(&mut sums, counts(profile)));
        sums
    };
    let arms = sum(Profile::arm_counts, shape.arm_labels().len());
    let functions = sum(Profile::function_counts, shape.functions().len());
    let counts = sum(Profile::counts, shape.n_units());
    let mut contexts: Vec<Context> = Vec::new();
    for context in profiles.iter().flat_map(|profile| profile.contexts().iter()) {
        match contexts.binary_search_by(|known| known.name.cmp(&context.name)) {
            Ok(at) => {
                contexts[at].units.extend(&context.units);
                contexts[at].units.sort_unstable();
                contexts[at].units.dedup();
            }
            Err(at) => contexts.insert(at, context.clone()),
        }
    }
    Profile::new(shape_mode(profiles), shape, counts)
        .with_outcomes(arms, functions)
        .with_contexts(contexts.into())
}

fn shape_mode(profiles: &[&Profile]) -> Mode {
    profiles.first().map(|profile| profile.mode()).unwrap_or_default()
}

/// A unit within a file: function name (interned), literal, kind, span, statements.
type UnitKey = (u32, u32, bool, UnitKind, Span, u32);

#[derive(Default)]
struct Union<'a> {
    packages: Vec<(&'a str, &'a str, &'a str)>,
    files: Vec<(usize, &'a str)>,
    functions: Vec<FunctionRow<'a>>,
    branches: Vec<BranchRow<'a>>,
    package_rows: HashMap<&'a str, usize>,
    file_rows: HashMap<(usize, &'a str), u32>,
    names: HashMap<&'a str, u32>,
    empty_functions: HashMap<(u32, u32, bool, Option<Span>), usize>,
    units: HashMap<UnitKey, (usize, usize)>,
    branch_rows: HashMap<(u32, BranchKind, Span, &'a str, bool), usize>,
    contexts: Vec<(&'a str, Vec<UnitKey>)>,
}

struct FunctionRow<'a> {
    file: u32,
    name: &'a str,
    literal: bool,
    span: Option<Span>,
    count: Option<u64>,
    units: Vec<(Unit, u64)>,
    /// Whether its units are in another row now.
    moved: bool,
}

struct BranchRow<'a> {
    file: u32,
    kind: BranchKind,
    span: Span,
    name: &'a str,
    exact: bool,
    arms: Vec<(&'a str, u64)>,
}

impl<'a> Union<'a> {
    fn add(&mut self, profile: &'a Profile) {
        let shape = profile.shape();
        let package_rows: Vec<usize> = shape
            .packages()
            .iter()
            .map(|package| {
                *self.package_rows.entry(&package.path).or_insert_with(|| {
                    self.packages.push((&package.path, &package.name, &package.module));
                    self.packages.len() - 1
                })
            })
            .collect();
        let file_rows: Vec<u32> = shape
            .files()
            .iter()
            .map(|file| {
                let key = (package_rows[file.package.index()], file.path.as_str());
                *self.file_rows.entry(key).or_insert_with(|| {
                    self.files.push(key);
                    row(self.files.len() - 1)
                })
            })
            .collect();
        let mut keys = Vec::new();
        for (index, function) in (0u32..).zip(shape.functions()) {
            let n_names = row(self.names.len());
            let name = *self.names.entry(&function.name).or_insert(n_names);
            let file = file_rows[function.file.index()];
            let head = FunctionRow {
                file,
                name: &function.name,
                literal: function.literal,
                span: function.span,
                count: profile.function_count(FunctionIdx(index)),
                units: Vec::new(),
                moved: false,
            };
            if function.units.is_empty() {
                self.add_empty(name, head);
                continue;
            }
            // A function that changed keeps one row: its new units join those that are known, and
            // rows that turn out to be one function become one.
            let mut head = Some(head);
            let mut joined = None;
            for unit_idx in function.units.clone().map(UnitIdx) {
                let unit = shape.unit(unit_idx);
                let key = (file, name, function.literal, unit.kind, unit.span, unit.statements);
                let (row, position) = match self.units.get(&key) {
                    Some(&place) => place,
                    None => {
                        let row = joined.unwrap_or_else(|| {
                            self.functions.extend(head.take());
                            self.functions.len() - 1
                        });
                        let units = &mut self.functions[row].units;
                        self.units.insert(key, (row, units.len()));
                        units.push((unit, 0));
                        (row, units.len() - 1)
                    }
                };
                let sum = &mut self.functions[row].units[position].1;
                *sum = sum.saturating_add(profile.count(unit_idx));
                joined = Some(joined.map_or(row, |other| self.join(other, row, key)));
                if !profile.contexts().is_empty() {
                    keys.push(key);
                }
            }
            if let (Some(head), Some(row)) = (head, joined) {
                self.functions[row].entered(head.span, head.count);
            }
        }
        for branch in shape.branches() {
            self.add_branch(profile, branch, file_rows[branch.file.index()]);
        }
        for context in profile.contexts().iter() {
            let units = context.units.iter().filter_map(|unit| keys.get(unit.index()).copied());
            self.contexts.push((&context.name, units.collect()));
        }
    }

    fn add_empty(&mut self, name: u32, head: FunctionRow<'a>) {
        let key = (head.file, name, head.literal, head.span);
        if let Some(&row) = self.empty_functions.get(&key) {
            self.functions[row].entered(head.span, head.count);
        } else {
            self.empty_functions.insert(key, self.functions.len());
            self.functions.push(head);
        }
    }

    fn add_branch(&mut self, profile: &'a Profile, branch: &'a Branch, file: u32) {
        let shape = profile.shape();
        let (kind, span, exact) = (branch.kind, branch.span, branch.exact);
        let name = shape.label(branch.name);
        let row = *self.branch_rows.entry((file, kind, span, name, exact)).or_insert_with(|| {
            self.branches.push(BranchRow { file, kind, span, name, exact, arms: Vec::new() });
            self.branches.len() - 1
        });
        let arms = &mut self.branches[row].arms;
        let known = arms.len();
        for (position, (label, arm)) in shape.arms_of(branch).enumerate() {
            let count = profile.arm_counts()[arm];
            // Mostly the arms are the same; where only their number is known, position tells.
            let at = match arms.get(position) {
                Some((other, _)) if *other == label => Some(position),
                _ if exact => arms[..known].iter().position(|(other, _)| *other == label),
                _ => None,
            };
            match at {
                Some(at) => arms[at].1 = arms[at].1.saturating_add(count),
                None => arms.push((label, count)),
            }
        }
    }

    /// Moves the units of the later of two rows into the earlier one and returns that. `key` is
    /// that of any of their units.
    fn join(&mut self, a: usize, b: usize, key: UnitKey) -> usize {
        if a == b {
            return a;
        }
        let (kept, gone) = (a.min(b), a.max(b));
        let row = &mut self.functions[gone];
        row.moved = true;
        let (units, span, count) = (std::mem::take(&mut row.units), row.span, row.count);
        self.functions[kept].entered(span, count);
        for (unit, count) in units {
            let units = &mut self.functions[kept].units;
            let key = (key.0, key.1, key.2, unit.kind, unit.span, unit.statements);
            self.units.insert(key, (kept, units.len()));
            units.push((unit, count));
        }
        kept
    }

    fn finish(self) -> Profile {
        let mut builder = ProfileBuilder::default();
        let packages: Vec<_> = self
            .packages
            .iter()
            .map(|(path, name, module)| builder.package(path, name, module))
            .collect();
        let files: Vec<_> = self
            .files
            .iter()
            .map(|&(package, path)| builder.file(packages[package], path))
            .collect();
        // First unit of each function.
        let mut first = vec![0; self.functions.len()];
        let mut n_units = 0;
        for (index, function) in self.functions.iter().enumerate().filter(|(_, row)| !row.moved) {
            let file = files[function.file as usize];
            let idx = if function.literal {
                builder.function(file, function.name, true)
            } else {
                builder.declared_function(file, function.name, function.span, function.count)
            };
            first[index] = n_units;
            n_units += row(function.units.len());
            for &(unit, count) in &function.units {
                builder.unit(Unit { function: idx, ..unit }, count);
            }
        }
        for branch in &self.branches {
            let file = files[branch.file as usize];
            builder.branch(file, branch.kind, branch.span, branch.name, branch.exact);
            branch.arms.iter().for_each(|(label, count)| builder.arm(label, *count));
        }
        for (name, keys) in &self.contexts {
            for key in keys {
                let (index, position) = self.units[key];
                builder.hit_in(name, UnitIdx(first[index] + row(position)));
            }
        }
        builder.build(Mode::default())
    }
}

impl FunctionRow<'_> {
    /// Adds what another profile says of the function.
    fn entered(&mut self, span: Option<Span>, count: Option<u64>) {
        self.span = self.span.or(span);
        self.count = match (self.count, count) {
            (Some(a), Some(b)) => Some(a.saturating_add(b)),
            (a, b) => a.or(b),
        };
    }
}

fn row(index: usize) -> u32 {
    u32::try_from(index).unwrap_or(u32::MAX)
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
