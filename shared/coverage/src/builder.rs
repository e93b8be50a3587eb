//! Profiles row by row.

use std::collections::BTreeMap;

use crate::{
    Branch, BranchIdx, BranchKind, Context, FileIdx, FunctionIdx, LabelIdx, Mode, Package,
    PackageIdx, Profile, Shape, ShapeBuilder, Span, Unit, UnitIdx, UnitKind,
};

/// Builds a [`Profile`] from the top down, each row with its count; order as in [`ShapeBuilder`].
#[derive(Debug, Default)]
pub struct ProfileBuilder {
    shape: ShapeBuilder,
    counts: Vec<u64>,
    arm_counts: Vec<u64>,
    function_counts: Vec<u64>,
    contexts: BTreeMap<String, Vec<UnitIdx>>,
}

impl ProfileBuilder {
    /// Adds a package.
    pub fn package(&mut self, path: &str, name: &str, module: &str) -> PackageIdx {
        self.shape.package(path, name, module)
    }

    /// Adds a file to a package.
    pub fn file(&mut self, package: PackageIdx, path: &str) -> FileIdx {
        self.shape.file(package, path)
    }

    /// Adds a function of which only the units are counted; those that follow are its own.
    pub fn function(&mut self, file: FileIdx, name: &str, literal: bool) -> FunctionIdx {
        self.function_counts.push(0);
        self.shape.function(file, name, literal)
    }

    /// Adds a function with what is known of itself: where it is and how often it was entered.
    pub fn declared_function(
        &mut self,
        file: FileIdx,
        name: &str,
        span: Option<Span>,
        count: Option<u64>,
    ) -> FunctionIdx {
        let function_idx = self.shape.function(file, name, false);
        self.declare(span, count);
        function_idx
    }

    /// Adds a function as another profile has it, without its units.
    pub fn copied_function(
        &mut self,
        file: FileIdx,
        profile: &Profile,
        function_idx: FunctionIdx,
    ) -> FunctionIdx {
        let row = profile.shape().function(function_idx);
        let copy = self.shape.function(file, &row.name, row.literal);
        self.declare(row.span, profile.function_count(function_idx));
        copy
    }

    fn declare(&mut self, span: Option<Span>, count: Option<u64>) {
        self.shape.declare(span, count.is_some());
        self.function_counts.push(count.unwrap_or(0));
    }

    /// Adds a unit to the function built last; `unit.function` must be that.
    pub fn unit(&mut self, unit: Unit, count: u64) -> UnitIdx {
        self.counts.push(count);
        self.shape.unit_of(unit.kind, unit.function, unit.span, unit.statements)
    }

    /// Adds a line to the function built last, which is the one given.
    pub fn line(&mut self, function: FunctionIdx, number: u32, count: u64) -> UnitIdx {
        self.unit(
            Unit { kind: UnitKind::Line, span: Span::line(number), statements: 1, function },
            count,
        )
    }

    /// Adds lines, as number and count, to the function built last: the first of their units.
    /// Numbers must not repeat.
    pub fn lines(&mut self, lines: &[(u32, u64)]) -> UnitIdx {
        self.counts.extend(lines.iter().map(|(_, count)| count));
        self.shape.lines(lines.iter().map(|(number, _)| *number))
    }

    /// The label of this text, for many branches and arms that have the same.
    pub fn label(&mut self, text: &str) -> LabelIdx {
        self.shape.label(text)
    }

    /// Adds a branch as [`Self::branch`] does, with its arms as label and count.
    pub fn labelled_branch(
        &mut self,
        file: FileIdx,
        kind: BranchKind,
        span: Span,
        name: LabelIdx,
        exact: bool,
        arms: &[(LabelIdx, u64)],
    ) {
        self.shape.labelled_branch(file, kind, span, name, exact);
        for &(label, count) in arms {
            self.shape.labelled_arm(label);
            self.arm_counts.push(count);
        }
    }

    /// Adds a branch to a file, as [`ShapeBuilder::branch`] does; the arms that follow are its own.
    pub fn branch(
        &mut self,
        file: FileIdx,
        kind: BranchKind,
        span: Span,
        name: &str,
        exact: bool,
    ) -> BranchIdx {
        self.shape.branch(file, kind, span, name, exact)
    }

    /// Adds an arm to the branch built last.
    pub fn arm(&mut self, label: &str, count: u64) {
        self.shape.arm(label);
        self.arm_counts.push(count);
    }

    /// Adds a branch of which only is known how many of its arms were taken.
    pub fn tally(
        &mut self,
        file: FileIdx,
        kind: BranchKind,
        span: Span,
        name: &str,
        covered: u32,
        total: u32,
    ) {
        self.branch(file, kind, span, name, false);
        for arm in 0..total {
            self.arm("", u64::from(arm < covered));
        }
    }

    /// Adds a branch as another profile has it, with its arms.
    pub fn copied_branch(&mut self, file: FileIdx, profile: &Profile, branch: &Branch) {
        let shape = profile.shape();
        self.branch(file, branch.kind, branch.span, shape.label(branch.name), branch.exact);
        for (label, arm) in shape.arms_of(branch) {
            self.arm(label, profile.arm_counts()[arm]);
        }
    }

    /// Takes over the packages and files of a shape, each package in its `module`: gives the file
    /// here for each of its files.
    pub fn copy_places(
        &mut self,
        shape: &Shape,
        mut module: impl FnMut(&Package) -> String,
    ) -> Vec<FileIdx> {
        let package = |row: &Package| self.package(&row.path, &row.name, &module(row));
        let packages: Vec<_> = shape.packages().iter().map(package).collect();
        let files = shape.files().iter();
        files.map(|row| self.file(packages[row.package.index()], row.path.as_str())).collect()
    }

    /// Takes over all that the files of a profile hold: functions with their units, branches and
    /// contexts. `files` gives the file here for each of its files.
    pub fn copy_files(&mut self, profile: &Profile, files: &[FileIdx]) {
        let shape = profile.shape();
        let mut copies = Vec::with_capacity(shape.n_units());
        for (index, row) in (0u32..).map(FunctionIdx).zip(shape.functions()) {
            let function = self.copied_function(files[row.file.index()], profile, index);
            for unit_idx in shape.units_of(index) {
                let unit = Unit { function, ..shape.unit(unit_idx) };
                copies.push(self.unit(unit, profile.count(unit_idx)));
            }
        }
        for branch in shape.branches() {
            self.copied_branch(files[branch.file.index()], profile, branch);
        }
        self.copy_contexts(profile, |unit| copies.get(unit.index()).copied());
    }

    /// Takes over the contexts of a profile. `copy` gives the unit here for one of its units.
    pub fn copy_contexts(
        &mut self,
        profile: &Profile,
        mut copy: impl FnMut(UnitIdx) -> Option<UnitIdx>,
    ) {
        for context in profile.contexts().iter() {
            let units: Vec<_> = context.units.iter().filter_map(|&unit| copy(unit)).collect();
            self.contexts.entry(context.name.clone()).or_default().extend(units);
        }
    }

    /// Says that a unit was hit in a context.
    pub fn hit_in(&mut self, context: &str, unit: UnitIdx) {
        match self.contexts.get_mut(context) {
            Some(units) => units.push(unit),
            None => {
                self.contexts.insert(context.to_owned(), vec![unit]);
            }
        }
    }

    /// Says that units were hit in a context.
    pub fn all_hit_in(&mut self, context: &str, units: impl Iterator<Item = UnitIdx>) {
        match self.contexts.get_mut(context) {
            Some(known) => known.extend(units),
            None => {
                self.contexts.insert(context.to_owned(), units.collect());
            }
        }
    }

    /// The finished profile; contexts stand by name.
    pub fn build(self, mode: Mode) -> Profile {
        let contexts = self.contexts.into_iter().map(|(name, mut units)| {
            units.sort_unstable();
            units.dedup();
            Context { name, units }
        });
        Profile::new(mode, self.shape.build().into(), self.counts)
            .with_outcomes(self.arm_counts, self.function_counts)
            .with_contexts(contexts.collect())
    }
}
