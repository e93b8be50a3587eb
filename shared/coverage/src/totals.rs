//! How much of a shape was hit, as a whole and level by level.

use std::ops::AddAssign;

use crate::{FileIdx, FunctionIdx, PackageIdx, Shape, UnitIdx};

/// Covered out of total. A total of 0 means that there was nothing to cover, not 0 %.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Hash)]
pub struct Fraction {
    /// How many were hit.
    pub covered: u64,
    /// How many there are.
    pub total: u64,
}

impl Fraction {
    /// Covered in percent, 0 to 100; `None` where there is nothing to cover.
    #[expect(clippy::cast_precision_loss, reason = "totals stay far below 2^52")]
    pub fn percent(self) -> Option<f64> {
        (self.total > 0).then(|| 100.0 * self.covered as f64 / self.total as f64)
    }
}

impl AddAssign for Fraction {
    fn add_assign(&mut self, other: Self) {
        self.covered += other.covered;
        self.total += other.total;
    }
}

/// The metrics of a stretch of source.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Hash)]
pub struct Totals {
    /// Statements: each unit counts as many as it stands for.
    pub statements: Fraction,
    /// Units.
    pub units: Fraction,
    /// Functions: hit when any of their units is. A function without units is not counted.
    pub functions: Fraction,
}

impl AddAssign for Totals {
    fn add_assign(&mut self, other: Self) {
        self.statements += other.statements;
        self.units += other.units;
        self.functions += other.functions;
    }
}

impl Totals {
    /// Totals of a whole shape with these counts.
    pub fn of(shape: &Shape, counts: &[u64]) -> Self {
        let mut totals = Self::default();
        for function in 0..shape.functions().len() {
            totals += of_function(shape, counts, function);
        }
        totals
    }
}

/// Totals for each row of each table of a shape: index with the shape's own indexes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tree {
    /// The whole.
    pub total: Totals,
    /// One for each package.
    pub packages: Vec<Totals>,
    /// One for each file.
    pub files: Vec<Totals>,
    /// One for each function.
    pub functions: Vec<Totals>,
}

impl Tree {
    /// Totals of every level of a shape with these counts, in one pass.
    pub fn of(shape: &Shape, counts: &[u64]) -> Self {
        let mut tree = Self {
            total: Totals::default(),
            packages: vec![Totals::default(); shape.packages().len()],
            files: vec![Totals::default(); shape.files().len()],
            functions: Vec::with_capacity(shape.functions().len()),
        };
        for (function_idx, function) in shape.functions().iter().enumerate() {
            let totals = of_function(shape, counts, function_idx);
            let package = shape.file(function.file).package;
            tree.total += totals;
            tree.packages[package.index()] += totals;
            tree.files[function.file.index()] += totals;
            tree.functions.push(totals);
        }
        tree
    }

    /// Totals of a package.
    pub fn package(&self, package_idx: PackageIdx) -> Totals {
        self.packages[package_idx.index()]
    }

    /// Totals of a file.
    pub fn file(&self, file_idx: FileIdx) -> Totals {
        self.files[file_idx.index()]
    }

    /// Totals of a function.
    pub fn function(&self, function_idx: FunctionIdx) -> Totals {
        self.functions[function_idx.index()]
    }
}

fn of_function(shape: &Shape, counts: &[u64], function_idx: usize) -> Totals {
    let mut totals = Totals::default();
    let units = shape.functions()[function_idx].units.clone();
    for unit_idx in units {
        let statements = u64::from(shape.unit(UnitIdx(unit_idx)).statements);
        totals.statements.total += statements;
        totals.units.total += 1;
        if counts.get(unit_idx as usize).is_some_and(|&count| count > 0) {
            totals.statements.covered += statements;
            totals.units.covered += 1;
        }
    }
    totals.functions.total = u64::from(totals.units.total > 0);
    totals.functions.covered = u64::from(totals.units.covered > 0);
    totals
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dump;

    const TWO_FILES: &str = "\
mode count
package p/a a p
file p/a/x.go
function F
3.10,5.2 2 1
5.2,6.3 3 0
function G
9.1,9.9 0 4
file p/a/y.go
function empty
";

    #[test]
    fn every_level_adds_up() {
        let profile = dump::parse(TWO_FILES).unwrap();
        let tree = Tree::of(profile.shape(), profile.counts());
        assert_eq!(tree.total, profile.totals());
        assert_eq!(tree.total.statements, Fraction { covered: 2, total: 5 });
        assert_eq!(tree.total.units, Fraction { covered: 2, total: 3 });
        assert_eq!(tree.total.functions, Fraction { covered: 2, total: 2 });
        assert_eq!(tree.file(FileIdx(1)), Totals::default());
        assert_eq!(tree.function(FunctionIdx(1)).statements.percent(), None);
    }
}
