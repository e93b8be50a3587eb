//! Union of profiles.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use coverage::{Mode, Profile, Shape, ShapeBuilder, Span};

use crate::columns;

/// All units of all profiles; counts of equal units are added, saturating. In mode set a unit is
/// 1 when any profile hit it. The mode is the one that says most: set, then count, then atomic.
///
/// Merging nothing gives an empty profile. Order: packages, files and functions as they are first
/// met, from the first profile to the last.
pub fn merge(profiles: &[&Profile]) -> Profile {
    let Some(first) = profiles.first() else {
        return Profile::zero(Mode::default(), Arc::default());
    };
    let mode = profiles.iter().map(|profile| profile.mode()).max().unwrap_or_default();
    let (shape, counts) = if profiles.iter().all(|profile| same_shape(first, profile)) {
        let mut counts = first.counts().to_vec();
        for profile in &profiles[1..] {
            columns::add(&mut counts, profile.counts());
        }
        (first.shape().clone(), counts)
    } else {
        let mut union = Union::default();
        for profile in profiles {
            union.add(profile);
        }
        let (shape, counts) = union.finish();
        (Arc::new(shape), counts)
    };
    let counts = match mode {
        Mode::Set => counts.into_iter().map(|count| count.min(1)).collect(),
        Mode::Count | Mode::Atomic => counts,
    };
    Profile::new(mode, shape, counts)
}

/// Whether both have the same units in the same order.
pub(crate) fn same_shape(a: &Profile, b: &Profile) -> bool {
    Arc::ptr_eq(a.shape(), b.shape()) || a.shape() == b.shape()
}

/// A unit within a file: function name (interned), literal, span, statements.
type UnitKey = (u32, u32, bool, Span, u32);

#[derive(Default)]
struct Union<'a> {
    packages: Vec<(&'a str, &'a str, &'a str)>,
    files: Vec<(usize, &'a str)>,
    functions: Vec<FunctionRow<'a>>,
    package_rows: HashMap<&'a str, usize>,
    file_rows: HashMap<(usize, &'a str), u32>,
    names: HashMap<&'a str, u32>,
    empty_functions: HashSet<(u32, u32, bool)>,
    units: HashMap<UnitKey, (usize, usize)>,
}

struct FunctionRow<'a> {
    file: u32,
    name: &'a str,
    literal: bool,
    units: Vec<(Span, u32, u64)>,
    /// Whether its units are in another row now.
    moved: bool,
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
        for function in shape.functions() {
            let n_names = row(self.names.len());
            let name = *self.names.entry(&function.name).or_insert(n_names);
            let file = file_rows[function.file.index()];
            let units = function.units.start as usize..function.units.end as usize;
            let key = |i: usize| {
                (file, name, function.literal, shape.unit_spans()[i], shape.unit_statements()[i])
            };
            if units.is_empty() && self.empty_functions.insert((file, name, function.literal)) {
                self.function(file, &function.name, function.literal);
            }
            // A function that changed keeps one row: its new units join those that are known, and
            // rows that turn out to be one function become one.
            let mut joined = None;
            for i in units {
                let key = key(i);
                let (row, position) = match self.units.get(&key) {
                    Some(&place) => place,
                    None => {
                        let row = joined.unwrap_or_else(|| {
                            self.function(file, &function.name, function.literal)
                        });
                        let units = &mut self.functions[row].units;
                        self.units.insert(key, (row, units.len()));
                        units.push((key.3, key.4, 0));
                        (row, units.len() - 1)
                    }
                };
                let sum = &mut self.functions[row].units[position].2;
                *sum = sum.saturating_add(profile.counts()[i]);
                joined = Some(joined.map_or(row, |other| self.join(other, row, key)));
            }
        }
    }

    fn function(&mut self, file: u32, name: &'a str, literal: bool) -> usize {
        let units = Vec::new();
        self.functions.push(FunctionRow { file, name, literal, units, moved: false });
        self.functions.len() - 1
    }

    /// Moves the units of the later of two rows into the earlier one and returns that. `key` is
    /// that of any of their units.
    fn join(&mut self, a: usize, b: usize, key: UnitKey) -> usize {
        if a == b {
            return a;
        }
        let (kept, gone) = (a.min(b), a.max(b));
        self.functions[gone].moved = true;
        for unit in std::mem::take(&mut self.functions[gone].units) {
            let units = &mut self.functions[kept].units;
            self.units.insert((key.0, key.1, key.2, unit.0, unit.1), (kept, units.len()));
            units.push(unit);
        }
        kept
    }

    fn finish(self) -> (Shape, Vec<u64>) {
        let mut builder = ShapeBuilder::default();
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
        let mut counts = Vec::with_capacity(self.units.len());
        for function in self.functions.iter().filter(|function| !function.moved) {
            let file = files[function.file as usize];
            let function_idx = builder.function(file, function.name, function.literal);
            for &(span, statements, count) in &function.units {
                builder.unit(function_idx, span, statements);
                counts.push(count);
            }
        }
        (builder.build(), counts)
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
}
