//! What formats of lines write of a profile: file by file its lines with their branches, and its
//! functions.

use std::collections::{HashMap, HashSet};

use coverage::{
    Branch, BranchKind, Fraction, Function, FunctionIdx, Package, Profile, UnitIdx, UnitKind,
};

/// What there is to write of a file.
#[derive(Debug)]
pub(crate) struct FileOutline<'a> {
    pub(crate) path: &'a str,
    pub(crate) package: &'a Package,
    /// By number.
    pub(crate) lines: Vec<LineOutline<'a>>,
    /// By line and name, which together tell them apart.
    pub(crate) functions: Vec<FunctionOutline>,
}

/// A line, and the branches on it. A branch where no line is stands on the one before, or else on
/// the first; a file without lines has no branches either.
#[derive(Debug)]
pub(crate) struct LineOutline<'a> {
    pub(crate) number: u32,
    pub(crate) count: u64,
    pub(crate) branches: Vec<BranchOutline<'a>>,
}

/// A branch and the counts of its arms.
#[derive(Debug)]
pub(crate) struct BranchOutline<'a> {
    pub(crate) branch: &'a Branch,
    pub(crate) counts: &'a [u64],
}

/// A function.
#[derive(Debug)]
pub(crate) struct FunctionOutline {
    pub(crate) line: Option<u32>,
    /// With a number where a function before is on the same line and has the same name.
    pub(crate) name: String,
    pub(crate) count: u64,
}

impl FileOutline<'_> {
    /// How many lines there are and were hit.
    pub(crate) fn line_total(&self) -> Fraction {
        let covered = self.lines.iter().filter(|line| line.count > 0).count();
        Fraction { covered: covered as u64, total: self.lines.len() as u64 }
    }

    /// How many arms there are and were taken, of branches of this kind.
    pub(crate) fn arm_total(&self, kind: BranchKind) -> Fraction {
        self.lines.iter().fold(Fraction::default(), |mut sum, line| {
            sum += line.arms(kind);
            sum
        })
    }

    /// How many functions there are and were entered.
    pub(crate) fn function_total(&self) -> Fraction {
        let covered = self.functions.iter().filter(|function| function.count > 0).count();
        Fraction { covered: covered as u64, total: self.functions.len() as u64 }
    }
}

impl LineOutline<'_> {
    /// How many arms there are on the line and were taken, of branches of this kind.
    pub(crate) fn arms(&self, kind: BranchKind) -> Fraction {
        let mut sum = Fraction::default();
        for row in self.branches.iter().filter(|row| row.branch.kind == kind) {
            sum.total += row.counts.len() as u64;
            sum.covered += row.counts.iter().filter(|count| **count > 0).count() as u64;
        }
        sum
    }
}

/// The files of a profile whose units are lines, by package and path.
pub(crate) fn files(profile: &Profile) -> Vec<FileOutline<'_>> {
    let shape = profile.shape();
    let mut files: Vec<_> = shape
        .files()
        .iter()
        .map(|file| FileOutline {
            path: file.path.as_str(),
            package: shape.package(file.package),
            lines: Vec::new(),
            functions: Vec::new(),
        })
        .collect();
    for (index, function) in (0u32..).zip(shape.functions()) {
        let Some(file) = files.get_mut(function.file.index()) else { continue };
        for unit_idx in function.units.clone().map(UnitIdx) {
            let unit = shape.unit(unit_idx);
            if unit.kind == UnitKind::Line {
                let (number, count) = (unit.span.start.line, profile.count(unit_idx));
                file.lines.push(LineOutline { number, count, branches: Vec::new() });
            }
        }
        if function.counted || !(function.name.is_empty() || function.units.is_empty()) {
            file.functions.push(outlined(profile, FunctionIdx(index), function));
        }
    }
    for file in &mut files {
        file.lines.sort_by_key(|line| line.number);
        file.functions.sort_by(|a, b| (a.line, &a.name).cmp(&(b.line, &b.name)));
        tell_apart(&mut file.functions);
    }
    for branch in shape.branches() {
        let arms = branch.arms.start as usize..branch.arms.end as usize;
        let Some(file) = files.get_mut(branch.file.index()) else { continue };
        let after = file.lines.partition_point(|line| line.number <= branch.span.start.line);
        if let Some(line) = file.lines.get_mut(after.saturating_sub(1)) {
            let counts = profile.arm_counts().get(arms).unwrap_or_default();
            line.branches.push(BranchOutline { branch, counts });
        }
    }
    files.sort_by(|a, b| (&a.package.path, a.path).cmp(&(&b.package.path, b.path)));
    files
}

fn outlined(profile: &Profile, function_idx: FunctionIdx, row: &Function) -> FunctionOutline {
    let first = row.units.clone().map(UnitIdx).next();
    let start = row.span.or_else(|| Some(profile.shape().unit(first?).span));
    let entered = first.map_or(0, |unit| profile.count(unit));
    let hit = u64::from(profile.function_hit(function_idx));
    FunctionOutline {
        line: start.map(|span| span.start.line),
        name: row.name.clone(),
        count: profile.function_count(function_idx).unwrap_or(entered.max(hit)),
    }
}

/// Numbers functions of one line and name, which readers could not tell apart.
fn tell_apart(functions: &mut [FunctionOutline]) {
    let mut known: HashSet<(Option<u32>, String)> = HashSet::new();
    let mut numbers: HashMap<(Option<u32>, String), usize> = HashMap::new();
    for function in functions {
        let mut key = (function.line, function.name.clone());
        while known.contains(&key) {
            let number = numbers.entry((function.line, function.name.clone())).or_insert(1);
            *number += 1;
            key.1 = format!("{} ({number})", function.name).trim_start().to_owned();
        }
        function.name.clone_from(&key.1);
        known.insert(key);
    }
}

#[cfg(test)]
mod tests {
    use coverage::dump;

    use super::*;

    #[test]
    fn branches_and_functions_stand_with_their_lines() {
        let text = "mode count\npackage p - -\nfile p/b.c\nfunction - 3 1\nfile p/a.c\nfunction -\n\
                    line 2 5\nline 4 0\nfunction f 2 5\nfunction f 2,4 0\nfunction g - 1\n\
                    branch 1 - 1/3\nbranch 3 - 0=0 1=4\nbranch 9 - 0/2\ninstruction 4 - 0/7\n";
        let profile = dump::parse(text).unwrap();
        let files = files(&profile);
        assert_eq!(files.iter().map(|file| file.path).collect::<Vec<_>>(), ["p/a.c", "p/b.c"]);
        assert_eq!(files[0].line_total(), Fraction { covered: 1, total: 2 });
        assert_eq!(files[0].arm_total(BranchKind::Branch), Fraction { covered: 2, total: 7 });
        assert_eq!(files[0].lines[1].arms(BranchKind::Instruction).total, 7);
        assert_eq!(files[0].lines[0].arms(BranchKind::Branch), Fraction { covered: 2, total: 5 });
        let functions: Vec<_> =
            files[0].functions.iter().map(|f| (f.line, f.name.as_str(), f.count)).collect();
        assert_eq!(functions, [(None, "g", 1), (Some(2), "f", 5), (Some(2), "f (2)", 0)]);
        assert_eq!((files[1].functions[0].line, files[1].functions[0].count), (Some(3), 1));
    }
}
