//! The structure that counts belong to: packages, files, functions, units and branches, as columns.

use std::collections::HashMap;
use std::fmt;
use std::ops::Range;

use crate::Span;
use crate::units::Units;

macro_rules! index {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub u32);

        impl $name {
            /// The index as a position in its table.
            pub fn index(self) -> usize {
                self.0 as usize
            }
        }
    };
}

index!(
    /// A row of [`Shape::packages`].
    PackageIdx
);
index!(
    /// A row of [`Shape::files`].
    FileIdx
);
index!(
    /// A row of [`Shape::functions`].
    FunctionIdx
);
index!(
    /// A unit: a position in a profile's counts.
    UnitIdx
);
index!(
    /// A row of [`Shape::branches`].
    BranchIdx
);
index!(
    /// An entry of [`Shape::labels`].
    LabelIdx
);

/// The name of a source file as a profile gives it: slash-separated, usually
/// `import/path/file.go`. Never a path of this machine; compared byte by byte.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SourcePath(String);

impl SourcePath {
    /// The whole path.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The last component.
    pub fn file_name(&self) -> &str {
        self.0.rsplit('/').next().unwrap_or(&self.0)
    }
}

impl From<&str> for SourcePath {
    fn from(path: &str) -> Self {
        Self(path.to_owned())
    }
}

impl fmt::Display for SourcePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A package, or whatever groups files in the measured language.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Package {
    /// Import path; unique in a shape.
    pub path: String,
    /// Name in the source's package clause; empty where unknown.
    pub name: String,
    /// Path of the module that holds the package; empty where unknown, and for Go's std.
    pub module: String,
}

/// A source file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct File {
    /// Name in profiles; the same path may occur in several packages of a shape, not in one.
    pub path: SourcePath,
    /// Package that the file belongs to.
    pub package: PackageIdx,
}

/// A function, method or package-level function literal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Function {
    /// Name as the format's tools print it; of Go `F`, `T.M`, `*T.M`, or `func.L9.C11` for a
    /// literal. Empty for units whose function is unknown.
    pub name: String,
    /// File that declares it.
    pub file: FileIdx,
    /// Whether it is a package-level function literal.
    pub literal: bool,
    /// Where its declaration is, or the line of its start if that is all that is known; `None`
    /// where only its units tell.
    pub span: Option<Span>,
    /// Whether it has a count of its own, besides those of its units.
    pub counted: bool,
    /// Its units, contiguous in the shape.
    pub units: Range<u32>,
}

/// What a unit stands for, and so which metric it belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub enum UnitKind {
    /// Statements that run one after the other, as Go's tools count them. Lies on every line
    /// that its span touches.
    #[default]
    Block,
    /// A line: its span is [`Span::line`]. A function has at most one for each number, and mostly
    /// all those of a file belong to one function without a name.
    Line,
    /// One statement. Statements may contain others.
    Statement,
    /// A stretch of source with a count of its own, as LLVM cuts it. Regions may contain others.
    Region,
}

/// One coverable stretch of source, as columns hold it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Unit {
    /// What it stands for.
    pub kind: UnitKind,
    /// Where it is.
    pub span: Span,
    /// How many statements it stands for: of a block any number, with 0 for an empty body, of a
    /// line or statement 1, of a region 0.
    pub statements: u32,
    /// Function that it belongs to.
    pub function: FunctionIdx,
}

/// What the outcomes of a [`Branch`] are, and so which metric they belong to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum BranchKind {
    /// Ways that execution can go on.
    Branch,
    /// Outcomes of the conditions of one decision (MC/DC).
    Condition,
    /// Instructions of a line.
    Instruction,
}

/// A place with several outcomes, each of them counted: an arm.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Branch {
    /// File that it is in.
    pub file: FileIdx,
    /// Where it is; [`Span::line`] where only its line is known.
    pub span: Span,
    /// What its arms are.
    pub kind: BranchKind,
    /// What the format calls it, a number or a kind such as `if`; tells branches of one place
    /// apart. May be the empty label.
    pub name: LabelIdx,
    /// Whether it is known which arm was taken. Otherwise the file only said how many: that many
    /// stand first with count 1, and the others with 0.
    pub exact: bool,
    /// Its arms, contiguous in the shape.
    pub arms: Range<u32>,
}

/// What was measured. Built by [`ShapeBuilder`], immutable afterwards.
///
/// Order is that of building: packages, then their files, functions and units in the order they
/// were pushed. It is the order of counters, not sorted; views and writers sort.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Shape {
    packages: Vec<Package>,
    files: Vec<File>,
    functions: Vec<Function>,
    units: Units,
    unit_functions: Vec<FunctionIdx>,
    branches: Vec<Branch>,
    arm_labels: Vec<LabelIdx>,
    labels: Vec<String>,
}

impl Shape {
    /// All packages, in building order.
    pub fn packages(&self) -> &[Package] {
        &self.packages
    }

    /// All files, in building order.
    pub fn files(&self) -> &[File] {
        &self.files
    }

    /// All functions, in building order.
    pub fn functions(&self) -> &[Function] {
        &self.functions
    }

    /// Kinds of all units, in counter order.
    pub fn unit_kinds(&self) -> impl Iterator<Item = UnitKind> {
        self.units.kinds()
    }

    /// Kind of a unit.
    pub fn kind(&self, unit_idx: UnitIdx) -> UnitKind {
        self.units.kind(unit_idx.index())
    }

    /// Functions of all units, in counter order.
    pub fn unit_functions(&self) -> &[FunctionIdx] {
        &self.unit_functions
    }

    /// All branches, in building order.
    pub fn branches(&self) -> &[Branch] {
        &self.branches
    }

    /// Labels of all arms, in counter order.
    pub fn arm_labels(&self) -> &[LabelIdx] {
        &self.arm_labels
    }

    /// The texts that name branches and arms, each once, in the order of their first use.
    pub fn labels(&self) -> &[String] {
        &self.labels
    }

    /// Text of a label of this shape.
    pub fn label(&self, label_idx: LabelIdx) -> &str {
        &self.labels[label_idx.index()]
    }

    /// Label and position of each arm of a branch, in order.
    pub fn arms_of(&self, branch: &Branch) -> impl Iterator<Item = (&str, usize)> {
        let arms = branch.arms.start as usize..branch.arms.end as usize;
        arms.map(|arm| (self.label(self.arm_labels[arm]), arm))
    }

    /// How many units, and so counts, there are.
    pub fn n_units(&self) -> usize {
        self.unit_functions.len()
    }

    /// Package of an index made by this shape.
    pub fn package(&self, package_idx: PackageIdx) -> &Package {
        &self.packages[package_idx.index()]
    }

    /// File of an index made by this shape.
    pub fn file(&self, file_idx: FileIdx) -> &File {
        &self.files[file_idx.index()]
    }

    /// Function of an index made by this shape.
    pub fn function(&self, function_idx: FunctionIdx) -> &Function {
        &self.functions[function_idx.index()]
    }

    /// Unit of an index made by this shape.
    pub fn unit(&self, unit_idx: UnitIdx) -> Unit {
        Unit {
            kind: self.units.kind(unit_idx.index()),
            span: self.units.span(unit_idx.index()),
            statements: self.units.statements(unit_idx.index()),
            function: self.unit_functions[unit_idx.index()],
        }
    }

    /// Whether units of this shape are those of another one by one, but for their functions.
    pub fn has_same_units(&self, own: Range<u32>, other: &Self, theirs: Range<u32>) -> bool {
        let range = |units: Range<u32>| units.start as usize..units.end as usize;
        self.units.are_same(range(own), &other.units, range(theirs))
    }

    /// File that a unit lies in.
    pub fn file_of(&self, unit_idx: UnitIdx) -> FileIdx {
        self.function(self.unit_functions[unit_idx.index()]).file
    }

    /// Units of a function, ascending.
    pub fn units_of(&self, function_idx: FunctionIdx) -> impl Iterator<Item = UnitIdx> + use<> {
        self.function(function_idx).units.clone().map(UnitIdx)
    }

    /// Every index of a unit, ascending.
    pub fn unit_indexes(&self) -> impl Iterator<Item = UnitIdx> + use<> {
        (0..u32::try_from(self.n_units()).unwrap_or(u32::MAX)).map(UnitIdx)
    }
}

/// Builds a [`Shape`] from the top down.
///
/// A unit goes to the function given, which must be the one built last, so that the units of a
/// function are contiguous; packages and files may be returned to at any time.
#[derive(Debug, Default)]
pub struct ShapeBuilder {
    shape: Shape,
    labels: HashMap<String, LabelIdx>,
}

impl ShapeBuilder {
    /// Adds a package.
    pub fn package(&mut self, path: &str, name: &str, module: &str) -> PackageIdx {
        let package_idx = PackageIdx(next(&self.shape.packages));
        self.shape.packages.push(Package {
            path: path.to_owned(),
            name: name.to_owned(),
            module: module.to_owned(),
        });
        package_idx
    }

    /// Adds a file to a package.
    pub fn file(&mut self, package: PackageIdx, path: &str) -> FileIdx {
        let file_idx = FileIdx(next(&self.shape.files));
        self.shape.files.push(File { path: path.into(), package });
        file_idx
    }

    /// Adds a function to a file; the units that follow are its own.
    pub fn function(&mut self, file: FileIdx, name: &str, literal: bool) -> FunctionIdx {
        let function_idx = FunctionIdx(next(&self.shape.functions));
        let first = next(&self.shape.unit_functions);
        self.shape.functions.push(Function {
            name: name.to_owned(),
            file,
            literal,
            span: None,
            counted: false,
            units: first..first,
        });
        function_idx
    }

    /// Says where the function built last is, and whether it has a count of its own.
    pub fn declare(&mut self, span: Option<Span>, counted: bool) {
        if let Some(function) = self.shape.functions.last_mut() {
            (function.span, function.counted) = (span, counted);
        }
    }

    /// Adds a block to the function built last; the index given says which that is, and a unit for
    /// an earlier function is added to the last one all the same.
    pub fn unit(&mut self, function: FunctionIdx, span: Span, statements: u32) -> UnitIdx {
        self.unit_of(UnitKind::Block, function, span, statements)
    }

    /// Adds a unit of any kind, as [`Self::unit`] does.
    pub fn unit_of(
        &mut self,
        kind: UnitKind,
        function: FunctionIdx,
        span: Span,
        statements: u32,
    ) -> UnitIdx {
        let unit_idx = UnitIdx(next(&self.shape.unit_functions));
        debug_assert_eq!(function.index() + 1, self.shape.functions.len());
        let last = FunctionIdx(next(&self.shape.functions).saturating_sub(1));
        self.shape.units.push((kind, span, statements));
        self.shape.unit_functions.push(last);
        if let Some(function) = self.shape.functions.last_mut() {
            function.units.end = unit_idx.0 + 1;
        }
        unit_idx
    }

    /// Adds lines to the function built last, as [`Self::unit_of`] does one by one: the first of
    /// their units. Numbers must not repeat.
    pub fn lines(&mut self, numbers: impl ExactSizeIterator<Item = u32>) -> UnitIdx {
        let first = UnitIdx(next(&self.shape.unit_functions));
        let n = self.shape.unit_functions.len() + numbers.len();
        let function = FunctionIdx(next(&self.shape.functions).saturating_sub(1));
        self.shape.units.extend_lines(numbers);
        self.shape.unit_functions.resize(n, function);
        if let Some(function) = self.shape.functions.last_mut() {
            function.units.end = next(&self.shape.unit_functions);
        }
        first
    }

    /// Adds a branch to a file; the arms that follow are its own. `exact` as in [`Branch`].
    pub fn branch(
        &mut self,
        file: FileIdx,
        kind: BranchKind,
        span: Span,
        name: &str,
        exact: bool,
    ) -> BranchIdx {
        let name = self.label(name);
        self.labelled_branch(file, kind, span, name, exact)
    }

    /// As [`Self::branch`], with a label of this builder for its name.
    pub fn labelled_branch(
        &mut self,
        file: FileIdx,
        kind: BranchKind,
        span: Span,
        name: LabelIdx,
        exact: bool,
    ) -> BranchIdx {
        let branch_idx = BranchIdx(next(&self.shape.branches));
        let first = next(&self.shape.arm_labels);
        self.shape.branches.push(Branch { file, span, kind, name, exact, arms: first..first });
        branch_idx
    }

    /// Adds an arm to the branch built last; its position among all arms.
    pub fn arm(&mut self, label: &str) -> usize {
        let label = self.label(label);
        self.labelled_arm(label)
    }

    /// As [`Self::arm`], with a label of this builder.
    pub fn labelled_arm(&mut self, label: LabelIdx) -> usize {
        self.shape.arm_labels.push(label);
        if let Some(branch) = self.shape.branches.last_mut() {
            branch.arms.end += 1;
        }
        self.shape.arm_labels.len() - 1
    }

    /// The label of this text, for many branches and arms that have the same.
    pub fn label(&mut self, text: &str) -> LabelIdx {
        if let Some(&label) = self.labels.get(text) {
            return label;
        }
        let label = LabelIdx(next(&self.shape.labels));
        self.shape.labels.push(text.to_owned());
        self.labels.insert(text.to_owned(), label);
        label
    }

    /// The finished shape.
    pub fn build(self) -> Shape {
        self.shape
    }
}

fn next<T>(table: &[T]) -> u32 {
    u32::try_from(table.len()).unwrap_or(u32::MAX)
}
