//! Every metric that a profile carries.

use std::ops::AddAssign;

use crate::{BranchKind, FileIdx, Fraction, FunctionIdx, Profile, UnitIdx, UnitKind};

/// What is covered of a stretch of source, metric by metric. A metric that nothing in the profile
/// belongs to has a total of 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Hash)]
pub struct Metrics {
    /// Lines, of formats that count them.
    pub lines: Fraction,
    /// Statements: those of each block, and single ones.
    pub statements: Fraction,
    /// Arms of branches.
    pub branches: Fraction,
    /// Functions that have a name or a count; hit as [`Profile::function_hit`] says.
    pub functions: Fraction,
    /// Outcomes of conditions (MC/DC).
    pub conditions: Fraction,
    /// Regions.
    pub regions: Fraction,
    /// Instructions.
    pub instructions: Fraction,
}

impl AddAssign for Metrics {
    fn add_assign(&mut self, other: Self) {
        self.lines += other.lines;
        self.statements += other.statements;
        self.branches += other.branches;
        self.functions += other.functions;
        self.conditions += other.conditions;
        self.regions += other.regions;
        self.instructions += other.instructions;
    }
}

impl Metrics {
    /// Metrics of the whole profile.
    pub fn of(profile: &Profile) -> Self {
        let mut total = Self::default();
        Self::by_file(profile).into_iter().for_each(|file| total += file);
        total
    }

    /// Metrics of each file, in the shape's order.
    pub fn by_file(profile: &Profile) -> Vec<Self> {
        let shape = profile.shape();
        let mut files = vec![Self::default(); shape.files().len()];
        for (index, row) in (0u32..).zip(shape.functions()) {
            let metrics = &mut files[row.file.index()];
            let known = row.counted || !(row.name.is_empty() || row.units.is_empty());
            if known {
                add(&mut metrics.functions, 1, profile.function_hit(FunctionIdx(index)));
            }
            for unit_idx in row.units.clone().map(UnitIdx) {
                let (metric, n) = match shape.kind(unit_idx) {
                    UnitKind::Block | UnitKind::Statement => {
                        (&mut metrics.statements, u64::from(shape.unit(unit_idx).statements))
                    }
                    UnitKind::Line => (&mut metrics.lines, 1),
                    UnitKind::Region => (&mut metrics.regions, 1),
                };
                add(metric, n, profile.count(unit_idx) > 0);
            }
        }
        for branch in shape.branches() {
            let metrics = &mut files[branch.file.index()];
            let metric = match branch.kind {
                BranchKind::Branch => &mut metrics.branches,
                BranchKind::Condition => &mut metrics.conditions,
                BranchKind::Instruction => &mut metrics.instructions,
            };
            let arms = branch.arms.start as usize..branch.arms.end as usize;
            for &count in &profile.arm_counts()[arms] {
                add(metric, 1, count > 0);
            }
        }
        files
    }

    /// The metrics of files, added up by package, in the shape's order.
    pub fn by_package(profile: &Profile, files: &[Self]) -> Vec<Self> {
        let shape = profile.shape();
        let mut packages = vec![Self::default(); shape.packages().len()];
        for (index, &metrics) in (0u32..).zip(files) {
            packages[shape.file(FileIdx(index)).package.index()] += metrics;
        }
        packages
    }

    /// The metric that says most in short: lines where they are counted, otherwise statements, or
    /// whatever else there is. Its name in output, and its value.
    pub fn headline(&self) -> (&'static str, Fraction) {
        let present = |(_, fraction): &(&str, Fraction)| fraction.total > 0;
        self.all().into_iter().find(present).unwrap_or(("statements", self.statements))
    }

    /// The metric of this name in output.
    pub fn named(&self, name: &str) -> Fraction {
        self.all()
            .into_iter()
            .find(|(known, _)| *known == name)
            .map_or_else(Fraction::default, |(_, f)| f)
    }

    /// Every metric under its name in output.
    pub fn all(&self) -> [(&'static str, Fraction); 7] {
        [
            ("lines", self.lines),
            ("statements", self.statements),
            ("branches", self.branches),
            ("functions", self.functions),
            ("conditions", self.conditions),
            ("regions", self.regions),
            ("instructions", self.instructions),
        ]
    }
}

fn add(metric: &mut Fraction, n: u64, hit: bool) {
    metric.total += n;
    metric.covered += if hit { n } else { 0 };
}

#[cfg(test)]
mod tests {
    use crate::dump;

    use super::*;

    #[test]
    fn each_kind_counts_for_its_own_metric() {
        let profile = dump::parse(
            "mode count\npackage p - -\nfile p/a.c\nfunction -\nline 1 4\nline 2 0\n\
             statement 1.1,1.9 4\nregion 1.1,2.9 4\nfunction f 1 0\nfunction g - 2\n\
             branch 1 if yes=4 no=0\nbranch 2 - 1/3\ncondition 1 0 0t=1 0f=0\n\
             instruction 2 - 0/2\n",
        );
        let metrics = Metrics::of(&profile.unwrap());
        let found: Vec<_> =
            metrics.all().map(|(name, f)| format!("{name} {}/{}", f.covered, f.total)).into();
        let expected = [
            "lines 1/2",
            "statements 1/1",
            "branches 2/5",
            "functions 1/2",
            "conditions 1/2",
            "regions 1/1",
            "instructions 0/2",
        ];
        assert_eq!(found, expected);
    }
}
