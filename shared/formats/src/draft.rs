//! Profiles of formats that list files with what was counted in each, in any order.
//!
//! A reader tells a [`Draft`] what it finds; the draft sorts it, joins what is said twice, and
//! gives the profile. Rows with absurd numbers are left out, with a note.

use std::collections::{BTreeMap, HashMap};
use std::rc::Rc;

use coverage::{BranchKind, FileIdx, Mode, Profile, ProfileBuilder, Span, Unit, UnitIdx, UnitKind};

use crate::{Notes, limits};

/// How counts of the same thing in one file come together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Join {
    /// They are added, saturating: each tells of other runs.
    #[default]
    Add,
    /// The highest counts: they tell of the same runs.
    Max,
}

impl Join {
    fn join(self, a: u64, b: u64) -> u64 {
        match self {
            Self::Add => a.saturating_add(b),
            Self::Max => a.max(b),
        }
    }
}

/// A profile that comes about.
#[derive(Debug, Default)]
pub(crate) struct Draft {
    join: Join,
    files: Vec<FileDraft>,
    known: HashMap<String, usize>,
}

/// Where a file is in the draft that gave this.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Position(usize);

/// What is known of a file.
#[derive(Debug, Default)]
pub(crate) struct FileDraft {
    path: String,
    /// Path of its package, if that is not its folder.
    package: Option<String>,
    /// Module that its package belongs to.
    module: String,
    lines: Vec<(u32, u64)>,
    /// Statements and regions; what is of another owner is another unit.
    units: Vec<(UnitKind, Span, u32, u64)>,
    /// Numbers of owners of statements, by name.
    owners: HashMap<String, u32>,
    functions: Vec<FunctionRow>,
    arms: Vec<ArmRow>,
    /// The name of the branch that came last: its arms mostly follow each other.
    last_name: Rc<str>,
    tallies: Vec<TallyRow>,
    contexts: BTreeMap<String, Vec<u32>>,
    n_left_out: u64,
}

#[derive(Debug)]
struct FunctionRow {
    name: String,
    span: Option<Span>,
    count: Option<u64>,
}

#[derive(Debug)]
struct ArmRow {
    kind: BranchKind,
    span: Span,
    name: Rc<str>,
    label: String,
    count: u64,
}

#[derive(Debug)]
struct TallyRow {
    kind: BranchKind,
    span: Span,
    name: String,
    covered: u32,
    total: u32,
}

impl Draft {
    /// A draft that joins what one file says twice in this way.
    pub(crate) fn new(join: Join) -> Self {
        Self { join, ..Self::default() }
    }

    /// The file of this path, new or known.
    pub(crate) fn file(&mut self, path: &str) -> &mut FileDraft {
        let position = self.position(path);
        self.at(position)
    }

    /// Where the file of this path is, new or known: for many rows of one file, of which each
    /// would look it up by a path that may be long.
    pub(crate) fn position(&mut self, path: &str) -> Position {
        if let Some(&at) = self.known.get(path) {
            return Position(at);
        }
        self.known.insert(path.to_owned(), self.files.len());
        self.files.push(FileDraft { path: path.to_owned(), ..FileDraft::default() });
        Position(self.files.len() - 1)
    }

    /// The file at a position of this draft.
    #[expect(clippy::indexing_slicing, reason = "positions are those of this list")]
    pub(crate) fn at(&mut self, position: Position) -> &mut FileDraft {
        &mut self.files[position.0]
    }

    /// The file of this path in this package of a module, new or known. Others of the path are
    /// other files.
    #[expect(clippy::indexing_slicing, reason = "positions are those of this list")]
    pub(crate) fn file_in(&mut self, package: &str, module: &str, path: &str) -> &mut FileDraft {
        // No path holds this character, so that no other file has the key.
        let key = format!("{package}\0{path}");
        let at = match self.known.get(&key) {
            Some(&at) => at,
            None => {
                self.known.insert(key, self.files.len());
                let mut file = FileDraft { path: path.to_owned(), ..FileDraft::default() };
                file.of_package(package, module);
                self.files.push(file);
                self.files.len() - 1
            }
        };
        &mut self.files[at]
    }

    /// Whether no file was met.
    pub(crate) fn is_empty(&self) -> bool {
        self.files.is_empty()
    }

    /// The profile: files by package and path; in each first its lines, by number, then
    /// statements and regions by place, then functions by place and name. `name` is the file that
    /// was read, for notes.
    pub(crate) fn finish(self, mode: Mode, name: &str, notes: &mut Notes) -> Profile {
        let Self { join, mut files, .. } = self;
        files.sort_by(|a, b| (a.package(), &a.path).cmp(&(b.package(), &b.path)));
        let mut builder = ProfileBuilder::default();
        let mut package = None;
        let mut n_arms = 0u64;
        for mut file in files {
            file.tallies.retain(|row| {
                n_arms = n_arms.saturating_add(u64::from(row.total));
                let fits = n_arms <= limits::ALL_ARMS;
                file.n_left_out += u64::from(!fits);
                fits
            });
            if file.n_left_out > 0 {
                let FileDraft { path, n_left_out, .. } = &file;
                notes.add(
                    name,
                    format!("{path}: {n_left_out} rows with impossible numbers are left out"),
                );
            }
            let package_idx = match &package {
                Some((last, idx)) if *last == file.package() => *idx,
                _ => builder.package(file.package(), "", &file.module),
            };
            package = Some((file.package().to_owned(), package_idx));
            let file_idx = builder.file(package_idx, &file.path);
            file.build(&mut builder, file_idx, join, mode);
        }
        builder.build(mode)
    }
}

impl FileDraft {
    /// Says which package the file is of, and which module that.
    pub(crate) fn of_package(&mut self, package: &str, module: &str) {
        self.package = Some(package.to_owned());
        module.clone_into(&mut self.module);
    }

    fn package(&self) -> &str {
        self.package.as_deref().unwrap_or_else(|| folder(&self.path))
    }

    /// A line and how often it ran.
    pub(crate) fn line(&mut self, number: u32, count: u64) {
        if self.fits(Span::line(number)) {
            self.lines.push((number, count));
        }
    }

    /// A line that ran in this context; [`Self::line`] has to tell of it too.
    pub(crate) fn hit_in(&mut self, context: &str, line: u32) {
        match self.contexts.get_mut(context) {
            Some(lines) => lines.push(line),
            None => {
                self.contexts.insert(context.to_owned(), vec![line]);
            }
        }
    }

    /// A statement and how often it ran.
    pub(crate) fn statement(&mut self, span: Span, count: u64) {
        if self.fits(span) {
            self.units.push((UnitKind::Statement, span, 0, count));
        }
    }

    /// A statement of a function, and how often it ran there. Where functions share code, each
    /// has a statement of its own.
    pub(crate) fn statement_of(&mut self, function: &str, span: Span, count: u64) {
        if self.fits(span) {
            let next = u32::try_from(self.owners.len()).unwrap_or(u32::MAX).saturating_add(1);
            let owner = match self.owners.get(function) {
                Some(&owner) => owner,
                None => *self.owners.entry(function.to_owned()).or_insert(next),
            };
            self.units.push((UnitKind::Statement, span, owner, count));
        }
    }

    /// A region and how often it ran.
    pub(crate) fn region(&mut self, span: Span, count: u64) {
        if self.fits(span) {
            self.units.push((UnitKind::Region, span, 0, count));
        }
    }

    /// A function, where it is if that is known, and how often it was entered if that is known.
    pub(crate) fn function(&mut self, name: &str, span: Option<Span>, count: Option<u64>) {
        if span.is_none_or(|span| self.fits(span)) {
            self.functions.push(FunctionRow { name: name.to_owned(), span, count });
        }
    }

    /// An arm of the branch that is at this place and has this name, of which the start counts.
    pub(crate) fn arm(
        &mut self,
        kind: BranchKind,
        span: Span,
        name: &str,
        label: &str,
        count: u64,
    ) {
        if self.fits(span) {
            let most = name.len().min(limits::BRANCH_NAME);
            let end = (0..=most).rev().find(|end| name.is_char_boundary(*end)).unwrap_or(0);
            let name = name.get(..end).unwrap_or(name);
            if *self.last_name != *name {
                self.last_name = name.into();
            }
            let (name, label) = (Rc::clone(&self.last_name), label.to_owned());
            self.arms.push(ArmRow { kind, span, name, label, count });
        }
    }

    /// A branch of which only is known how many arms were taken.
    pub(crate) fn tally(
        &mut self,
        kind: BranchKind,
        span: Span,
        name: &str,
        covered: u32,
        total: u32,
    ) {
        if total > limits::ARMS {
            self.n_left_out += 1;
        } else if self.fits(span) && total > 0 {
            let (name, covered) = (name.to_owned(), covered.min(total));
            self.tallies.push(TallyRow { kind, span, name, covered, total });
        }
    }

    fn fits(&mut self, span: Span) -> bool {
        let fits = (1..=limits::LINE).contains(&span.start.line)
            && (span.start.line..=limits::LINE + 1).contains(&span.end.line)
            && span.start.column <= limits::COLUMN
            && span.end.column <= limits::COLUMN;
        self.n_left_out += u64::from(!fits);
        fits
    }

    fn build(mut self, builder: &mut ProfileBuilder, file: FileIdx, join: Join, mode: Mode) {
        let most = if mode == Mode::Set { 1 } else { u64::MAX };
        self.lines.sort_by_key(|row| row.0);
        self.units.sort_by_key(|row| (row.0, row.1, row.2));
        let mut numbers: Vec<(u32, UnitIdx)> = Vec::new();
        if !(self.lines.is_empty() && self.units.is_empty()) {
            let function = builder.function(file, "", false);
            for same in self.lines.chunk_by(|a, b| a.0 == b.0) {
                let Some(&(number, first)) = same.first() else { continue };
                let count = same.iter().skip(1).fold(first, |sum, row| join.join(sum, row.1));
                let unit = builder.line(function, number, count.min(most));
                if !self.contexts.is_empty() {
                    numbers.push((number, unit));
                }
            }
            for same in self.units.chunk_by(|a, b| (a.0, a.1, a.2) == (b.0, b.1, b.2)) {
                let Some(&(kind, span, _, first)) = same.first() else { continue };
                let count = same.iter().skip(1).fold(first, |sum, row| join.join(sum, row.3));
                let statements = u32::from(kind == UnitKind::Statement);
                builder.unit(Unit { kind, span, statements, function }, count.min(most));
            }
        }
        for (context, lines) in self.contexts {
            for line in lines {
                if let Ok(at) = numbers.binary_search_by_key(&line, |row| row.0)
                    && let Some((_, unit)) = numbers.get(at)
                {
                    builder.hit_in(&context, *unit);
                }
            }
        }
        self.functions.sort_by(|a, b| (a.span, &a.name).cmp(&(b.span, &b.name)));
        for same in self.functions.chunk_by(|a, b| (a.span, &a.name) == (b.span, &b.name)) {
            let Some(first) = same.first() else { continue };
            let counts = same.iter().filter_map(|row| row.count);
            let count = counts.reduce(|a, b| join.join(a, b)).map(|count| count.min(most));
            builder.declared_function(file, &first.name, first.span, count);
        }
        build_arms(self.arms, builder, file, join, most);
        self.tallies.sort_by(|a, b| (a.kind, a.span, &a.name).cmp(&(b.kind, b.span, &b.name)));
        for same in
            self.tallies.chunk_by(|a, b| (a.kind, a.span, &a.name) == (b.kind, b.span, &b.name))
        {
            let Some(first) = same.first() else { continue };
            // Which arms were taken is not known: at least the most that any row says.
            let covered = same.iter().map(|row| row.covered).max().unwrap_or(0);
            let total = same.iter().map(|row| row.total).max().unwrap_or(0);
            builder.tally(file, first.kind, first.span, &first.name, covered, total);
        }
    }
}

/// Arms by branch. Branches stand by kind, place and name; the arms of each in the order in which
/// they were first met.
fn build_arms(
    mut rows: Vec<ArmRow>,
    builder: &mut ProfileBuilder,
    file: FileIdx,
    join: Join,
    most: u64,
) {
    // Stable, so that the arms of a branch keep their order.
    rows.sort_by(|a, b| (a.kind, a.span, &a.name).cmp(&(b.kind, b.span, &b.name)));
    for branch in rows.chunk_by(|a, b| (a.kind, a.span, &a.name) == (b.kind, b.span, &b.name)) {
        let Some(first) = branch.first() else { continue };
        builder.branch(file, first.kind, first.span, &first.name, true);
        let mut arms: Vec<(&str, u64)> = Vec::with_capacity(branch.len());
        let mut known: HashMap<&str, usize> = HashMap::new();
        for row in branch {
            match known.get(row.label.as_str()).and_then(|&at| arms.get_mut(at)) {
                Some(arm) => arm.1 = join.join(arm.1, row.count),
                None => {
                    known.insert(&row.label, arms.len());
                    arms.push((&row.label, row.count));
                }
            }
        }
        for (label, count) in arms {
            builder.arm(label, count.min(most));
        }
    }
}

/// Names of branches, which of a place are told apart by a number.
#[derive(Debug, Default)]
pub(crate) struct Names {
    /// How many there are of a kind at a place.
    n_of: HashMap<(Span, String), u32>,
}

impl Names {
    /// The kind, with a number behind it unless it is the first of its place.
    pub(crate) fn unique(&mut self, span: Span, kind: &str) -> String {
        let n = self.n_of.entry((span, kind.to_owned())).or_default();
        *n = n.saturating_add(1);
        if *n > 1 { format!("{kind}-{n}") } else { kind.to_owned() }
    }
}

/// The folder of a path, with either kind of separator; empty for a name alone.
pub(crate) fn folder(path: &str) -> &str {
    path.rsplit_once(['/', '\\']).map_or("", |(folder, _)| folder)
}

#[cfg(test)]
mod tests {
    use coverage::dump;

    use super::*;

    fn finished(draft: Draft) -> String {
        let mut notes = Notes::default();
        let mut text = dump::write(&draft.finish(Mode::Count, "x.info", &mut notes));
        for note in notes.all() {
            text += &format!("{}: {}\n", note.file, note.what);
        }
        text
    }

    #[test]
    fn what_is_said_twice_is_joined() {
        for (join, expected) in [(Join::Add, "line 2 7"), (Join::Max, "line 2 4")] {
            let mut draft = Draft::new(join);
            for count in [3, 4] {
                let file = draft.file("src/a.c");
                file.line(2, count);
                file.line(1, 0);
                file.hit_in("t", 2);
                file.function("f", Some(Span::line(1)), Some(count));
                file.arm(BranchKind::Branch, Span::line(2), "0", "1", 0);
                file.arm(BranchKind::Branch, Span::line(2), "0", "0", count);
                file.tally(BranchKind::Branch, Span::line(3), "", 1, 2);
            }
            draft.file("src/a.c").line(0, 1);
            let text = finished(draft);
            assert!(text.contains(expected), "{text}");
            assert!(text.contains("branch 2 0 1=0 0="), "{text}");
            assert!(text.contains("branch 3 - 1/2\n"), "{text}");
            assert!(text.contains("context t 2\n"), "{text}");
            assert!(text.contains("x.info: src/a.c: 1 rows with impossible numbers"), "{text}");
        }
    }

    #[test]
    fn files_stand_by_package() {
        let mut draft = Draft::default();
        draft.file("b/x.c").line(1, 1);
        draft.file("A.java").of_package("com/acme", "app");
        draft.file("w\\y.c").line(1, 0);
        draft.file("b/a.c").line(1, 1);
        let expected = "mode count\npackage b - -\nfile b/a.c\nfunction -\nline 1 1\n\
                        file b/x.c\nfunction -\nline 1 1\npackage com/acme - app\n\
                        file A.java\npackage w - -\nfile w\\y.c\nfunction -\nline 1 0\n";
        assert_eq!(finished(draft), expected);
    }
}
