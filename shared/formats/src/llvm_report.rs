//! Profiles of LLVM's function records, added up as `llvm-cov report` does.
//!
//! Functions of one file that start at one place are *instantiations* of one: a template's, a
//! generic's, a header's in several programs. Of each metric the instantiation counts that has
//! most covered; what no arm or region of that one reached is 0, and the rest has the counts of all
//! together. What a macro's use brings along lies at that use, in the file of the function.
//! Lines are those of each function: one that two functions share is a line of both. Only where
//! there are no functions, they are those of the file. Names are shown as `llvm-cov -Xdemangler` has
//! them: of instantiations, that of the first by what the linker calls them.

use std::collections::{BTreeMap, HashMap};

use coverage::{
    BranchKind, FileIdx, FunctionIdx, Metrics, Mode, Profile, ProfileBuilder, Span, Unit, UnitKind,
};

use crate::draft::folder;
use crate::llvm_lines::{Kind, Point, line_budget, lines};
use crate::llvm_segments::{Stretch, segments};
use crate::symbols::demangled;
use crate::{Notes, ReadError, limits};

/// A function as the compiler mapped and the program counted it.
#[derive(Debug, Default)]
pub(crate) struct Record {
    pub(crate) name: String,
    pub(crate) count: u64,
    /// Positions in [`Report::files`] of the files that regions speak of by their position here.
    pub(crate) files: Vec<usize>,
    pub(crate) regions: Vec<Region>,
    pub(crate) branches: Vec<Branching>,
    pub(crate) decisions: Vec<Decision>,
}

/// A region of a record.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Region {
    pub(crate) start: Point,
    pub(crate) end: Point,
    pub(crate) count: u64,
    pub(crate) file: u32,
    /// File of what a macro's use expands to.
    pub(crate) expanded: u32,
    pub(crate) kind: Kind,
}

/// A condition with its two outcomes; `None` is one that the compiler knows not to happen.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Branching {
    pub(crate) start: Point,
    pub(crate) end: Point,
    pub(crate) file: u32,
    pub(crate) outcomes: [Option<u64>; 2],
}

/// A decision: of each of its conditions whether an independence pair ran, `None` for a constant.
#[derive(Debug, Clone)]
pub(crate) struct Decision {
    pub(crate) start: Point,
    pub(crate) end: Point,
    /// `None` where it is not said: in the function itself if it lies there.
    pub(crate) file: Option<u32>,
    pub(crate) conditions: Vec<Option<bool>>,
}

/// Everything that is said of a program.
#[derive(Debug, Default)]
pub(crate) struct Report {
    files: Vec<FileReport>,
    known: HashMap<String, usize>,
    records: Vec<Record>,
}

#[derive(Debug, Default)]
struct FileReport {
    path: String,
    lines: BTreeMap<u32, u64>,
    /// Records by the start of their function.
    groups: BTreeMap<Point, Vec<usize>>,
    /// Of files without functions.
    branches: Vec<Branching>,
    decisions: Vec<Decision>,
    /// How many outcomes of branches it is known to have.
    n_outcomes: Option<u64>,
}

impl Report {
    /// Position of a file by its path, new or known.
    pub(crate) fn file(&mut self, path: &str) -> usize {
        if let Some(&at) = self.known.get(path) {
            return at;
        }
        self.known.insert(path.to_owned(), self.files.len());
        self.files.push(FileReport { path: path.to_owned(), ..FileReport::default() });
        self.files.len() - 1
    }

    /// Lines of a file. Counts of what is said again are added.
    pub(crate) fn lines(&mut self, file: usize, lines: Vec<(u32, u64)>) {
        let Some(file) = self.files.get_mut(file) else { return };
        if file.lines.is_empty() {
            file.lines = lines.into_iter().collect();
            return;
        }
        for (number, count) in lines {
            let sum = file.lines.entry(number).or_default();
            *sum = sum.saturating_add(count);
        }
    }

    /// What a file says itself of its branches and decisions, where functions are left out.
    pub(crate) fn outcomes(
        &mut self,
        file: usize,
        branches: Vec<Branching>,
        decisions: Vec<Decision>,
    ) {
        if let Some(file) = self.files.get_mut(file) {
            file.branches.extend(branches);
            file.decisions.extend(decisions);
        }
    }

    /// How many outcomes of branches the file has, where the rows do not say which are constant.
    pub(crate) fn n_outcomes(&mut self, file: usize, n_outcomes: u64) {
        if let Some(file) = self.files.get_mut(file) {
            file.n_outcomes = Some(n_outcomes);
        }
    }

    /// Adds a function. One without regions of its own file has no place, and is left out.
    pub(crate) fn add(&mut self, record: Record) {
        let Some((main, first)) = record.main() else { return };
        let Some(&file) = record.files.get(main as usize) else { return };
        let Some(file) = self.files.get_mut(file) else { return };
        file.groups.entry(first.start).or_default().push(self.records.len());
        self.records.push(record);
    }

    /// The profile: files by folder and path; in each first its lines by number, then regions by
    /// place, then functions by place. `name` is the file that was read, for notes.
    pub(crate) fn finish(mut self, mode: Mode, name: &str, notes: &mut Notes) -> Profile {
        self.files.sort_by(|a, b| (folder(&a.path), &a.path).cmp(&(folder(&b.path), &b.path)));
        let mut builder = ProfileBuilder::default();
        let mut package = None;
        let n_regions = self.records.iter().map(|record| record.regions.len()).sum();
        let mut budget = line_budget(n_regions);
        for file in &self.files {
            let path = folder(&file.path);
            let package_idx = match package {
                Some((last, idx)) if last == path => idx,
                _ => builder.package(path, "", ""),
            };
            package = Some((path, package_idx));
            let file_idx = builder.file(package_idx, &file.path);
            let most = if mode == Mode::Set { 1 } else { u64::MAX };
            let mut rows = Rows { most, ..Rows::default() };
            for group in file.groups.values() {
                let records: Vec<&Record> =
                    group.iter().filter_map(|&index| self.records.get(index)).collect();
                rows.add_group(&records, &mut budget);
            }
            rows.branches.extend(file.branches.iter().map(|row| (span(row.start, row.end), *row)));
            rows.decisions.extend(file.decisions.iter().cloned());
            if file.groups.is_empty() {
                rows.lines.extend(&file.lines);
            }
            if let Some(n_outcomes) = file.n_outcomes {
                rows.leave_out_constants(n_outcomes);
            }
            rows.build(&mut builder, file_idx);
            if rows.n_left_out > 0 {
                let FileReport { path, .. } = file;
                let n = rows.n_left_out;
                notes.add(name, format!("{path}: {n} rows with impossible places are left out"));
            }
        }
        builder.build(mode)
    }
}

impl Record {
    /// The file that the function is in, and its first region there: that which no macro's use
    /// expands to.
    fn main(&self) -> Option<(u32, &Region)> {
        let mut expanded = vec![false; self.files.len()];
        for region in self.regions.iter().filter(|region| region.kind == Kind::Expansion) {
            if let Some(file) = expanded.get_mut(region.expanded as usize) {
                *file = true;
            }
        }
        let main = u32::try_from(expanded.iter().position(|file| !file)?).ok()?;
        Some((main, self.regions.iter().find(|region| region.file == main)?))
    }

    /// Where each file of the record is used by the function: the outermost use of a macro.
    fn sites(&self, main: u32) -> Vec<Option<Span>> {
        let mut uses: Vec<Option<&Region>> = vec![None; self.files.len()];
        for region in self.regions.iter().filter(|region| region.kind == Kind::Expansion) {
            if let Some(of) = uses.get_mut(region.expanded as usize) {
                *of = Some(region);
            }
        }
        let mut sites: Vec<Option<Option<Span>>> = vec![None; self.files.len()];
        for file in 0..self.files.len() {
            // Each file's way to the function is walked once.
            let (mut way, mut at) = (Vec::new(), file);
            let site = loop {
                if let Some(Some(known)) = sites.get(at) {
                    break *known;
                }
                if way.len() > self.files.len() {
                    break None;
                }
                way.push(at);
                match uses.get(at) {
                    Some(Some(region)) if region.file == main => {
                        break Some(span(region.start, region.end));
                    }
                    Some(Some(region)) => at = region.file as usize,
                    _ => break None,
                }
            };
            for file in way {
                if let Some(known) = sites.get_mut(file) {
                    *known = Some(site);
                }
            }
        }
        sites.into_iter().map(Option::flatten).collect()
    }
}

/// What a file's functions give.
#[derive(Default)]
struct Rows {
    /// Of files without functions.
    lines: BTreeMap<u32, u64>,
    regions: Vec<(Span, u64)>,
    functions: Vec<FunctionRow>,
    /// Branches and where they are shown; their own place tells those of one use apart.
    branches: Vec<(Span, Branching)>,
    decisions: Vec<Decision>,
    /// The highest count.
    most: u64,
    n_left_out: u64,
}

/// A function with its lines.
struct FunctionRow {
    span: Span,
    name: String,
    count: u64,
    lines: Vec<(u32, u64)>,
}

/// Columns of the longest literal that is a condition, `false`.
const LITERAL_COLUMNS: u32 = 5;

impl Rows {
    /// Leaves out outcomes that are too many, of conditions short enough for a literal: the
    /// shortest first, and never what was taken. `do … while (0)` is what mostly has one.
    fn leave_out_constants(&mut self, n_outcomes: u64) {
        let n_found = self.branches.iter().flat_map(|(_, row)| row.outcomes).flatten().count();
        let n_more = n_found.saturating_sub(usize::try_from(n_outcomes).unwrap_or(usize::MAX));
        let width = |row: &Branching| {
            let is_short = row.start.0 == row.end.0 && row.start.1 < row.end.1;
            is_short.then(|| row.end.1 - row.start.1).filter(|width| *width <= LITERAL_COLUMNS)
        };
        let mut short: Vec<_> = self
            .branches
            .iter_mut()
            .filter_map(|(_, row)| {
                Some((width(row)?, row.outcomes.iter_mut().find(|o| **o == Some(0))?))
            })
            .collect();
        if short.len() >= n_more {
            short.sort_by_key(|(width, _)| *width);
            short.into_iter().take(n_more).for_each(|(_, outcome)| *outcome = None);
        }
    }

    fn add_group(&mut self, records: &[&Record], budget: &mut usize) {
        let mains = records.iter().filter_map(|record| {
            let (main, first) = record.main()?;
            Some((*record, main, first))
        });
        let mains: Vec<_> = mains.collect();
        let Some(&(_, _, first)) = mains.first() else { return };
        let name = records.iter().map(|record| record.name.as_str()).min().unwrap_or_default();
        let count = records.iter().fold(0u64, |sum, record| sum.saturating_add(record.count));
        let end = mains.iter().map(|(_, _, first)| first.end).max().unwrap_or(first.end);
        let lines = lines_of(&mains, budget).unwrap_or_else(|_| {
            self.n_left_out += 1;
            Vec::new()
        });
        let (span_of, name) = (span(first.start, end), demangled(name));
        self.functions.push(FunctionRow { span: span_of, name, count, lines });

        let code = |record: &Record| -> Vec<Region> {
            record.regions.iter().filter(|region| region.kind == Kind::Code).copied().collect()
        };
        let hit = |(record, ..): &&(&Record, u32, &Region)| {
            let code = code(record);
            (code.iter().filter(|region| region.count > 0).count(), code.len())
        };
        if let Some(&(best, main, _)) = first_max(&mains, hit) {
            let sites = best.sites(main);
            let mut sums: HashMap<(u32, Point, Point), u64> = HashMap::new();
            if records.len() > 1 {
                for region in records.iter().flat_map(|record| code(record)) {
                    let sum = sums.entry((region.file, region.start, region.end)).or_default();
                    *sum = sum.saturating_add(region.count);
                }
            }
            for region in code(best) {
                let sum = sums.get(&(region.file, region.start, region.end));
                let count = sum.copied().filter(|_| region.count > 0).unwrap_or(region.count);
                let site = site(region.file, main, &sites, (region.start, region.end));
                self.regions.push((site.unwrap_or(span(first.start, end)), count));
            }
        }

        let taken = |(record, main, _): &&(&Record, u32, &Region)| {
            let sites = record.sites(*main);
            let rows = record
                .branches
                .iter()
                .filter(|row| site(row.file, *main, &sites, (row.start, row.end)).is_some());
            let arms: Vec<u64> = rows.flat_map(|row| row.outcomes).flatten().collect();
            (arms.iter().filter(|count| **count > 0).count(), arms.len())
        };
        if let Some(&(best, main, _)) = first_max(&mains, taken) {
            let sites = best.sites(main);
            let mut sums: HashMap<(u32, Point, Point), [u64; 2]> = HashMap::new();
            if records.len() > 1 {
                for row in records.iter().flat_map(|record| &record.branches) {
                    let sum = sums.entry((row.file, row.start, row.end)).or_default();
                    for (sum, outcome) in sum.iter_mut().zip(row.outcomes) {
                        *sum = sum.saturating_add(outcome.unwrap_or(0));
                    }
                }
            }
            for row in &best.branches {
                let place = site(row.file, main, &sites, (row.start, row.end));
                let Some(place) = place else { continue };
                let mut row = *row;
                if let Some(sum) = sums.get(&(row.file, row.start, row.end)) {
                    for (outcome, &sum) in row.outcomes.iter_mut().zip(sum) {
                        *outcome = outcome.map(|count| if count > 0 { sum } else { 0 });
                    }
                }
                self.branches.push((place, row));
            }
        }

        // LLVM leaves out the decisions of macros.
        let own = |(record, main, first): &(&Record, u32, &Region)| -> Vec<Decision> {
            let inside = |row: &&Decision| row.start >= first.start && row.end <= first.end;
            let own = record.decisions.iter().filter(|row| match row.file {
                Some(file) => file == *main,
                None => inside(row),
            });
            own.cloned().collect()
        };
        let shown = |row: &&(&Record, u32, &Region)| {
            let own = own(row);
            let conditions = own.iter().flat_map(|row| &row.conditions).flatten();
            (conditions.clone().filter(|shown| **shown).count(), conditions.count())
        };
        if let Some(best) = first_max(&mains, shown) {
            self.decisions.extend(own(best));
        }
    }

    fn build(&mut self, builder: &mut ProfileBuilder, file: FileIdx) {
        let lines = std::mem::take(&mut self.lines);
        let mut regions = std::mem::take(&mut self.regions);
        regions.retain(|row| self.fits(row.0));
        regions.sort_by_key(|row| row.0);
        if !(lines.is_empty() && regions.is_empty()) {
            let function: FunctionIdx = builder.function(file, "", false);
            for (number, count) in lines {
                if self.fits(Span::line(number)) {
                    builder.line(function, number, count.min(self.most));
                }
            }
            for (span, count) in regions {
                let kind = UnitKind::Region;
                builder.unit(Unit { kind, span, statements: 0, function }, count.min(self.most));
            }
        }
        for row in std::mem::take(&mut self.functions) {
            if self.fits(row.span) {
                let count = row.count.min(self.most);
                let function =
                    builder.declared_function(file, &row.name, Some(row.span), Some(count));
                for (number, count) in row.lines {
                    if self.fits(Span::line(number)) {
                        builder.line(function, number, count.min(self.most));
                    }
                }
            }
        }
        let mut branches = std::mem::take(&mut self.branches);
        branches.retain(|row| self.fits(row.0));
        branches.sort_by_key(|(shown, row)| (*shown, row.start, row.end));
        let mut names: HashMap<(Span, String), usize> = HashMap::new();
        for (shown, row) in branches {
            let own = span(row.start, row.end);
            let mut label = if own == shown { String::new() } else { own.start.to_string() };
            let n_before = names.entry((shown, label.clone())).or_default();
            *n_before += 1;
            if *n_before > 1 {
                label.push_str(&format!("#{n_before}"));
            }
            if row.outcomes == [None, None] {
                continue;
            }
            builder.branch(file, BranchKind::Branch, shown, &label, true);
            for (arm, outcome) in ["true", "false"].into_iter().zip(row.outcomes) {
                if let Some(count) = outcome {
                    builder.arm(arm, count.min(self.most));
                }
            }
        }
        let mut decisions = std::mem::take(&mut self.decisions);
        decisions.retain(|row| self.fits(span(row.start, row.end)));
        decisions.sort_by_key(|row| (row.start, row.end));
        for same in decisions.chunk_by(|a, b| (a.start, a.end) == (b.start, b.end)) {
            for (index, row) in same.iter().enumerate() {
                let label = if index > 0 { format!("#{}", index + 1) } else { String::new() };
                let place = span(row.start, row.end);
                builder.branch(file, BranchKind::Condition, place, &label, true);
                for (index, shown) in row.conditions.iter().enumerate() {
                    if let Some(shown) = shown {
                        builder.arm(&format!("C{}", index + 1), u64::from(*shown));
                    }
                }
            }
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
}

/// Says where the profile differs from totals of `llvm-cov`, given as total and covered.
pub(crate) fn compare(
    profile: &Profile,
    summary: &[(&'static str, u64, u64)],
    name: &str,
    notes: &mut Notes,
) {
    let metrics = Metrics::of(profile);
    for &(metric, total, covered) in summary {
        let found = metrics.named(metric);
        let left_out = found.total == 0 && matches!(metric, "functions" | "regions");
        if (found.total, found.covered) != (total, covered) && !left_out {
            let why = match metric {
                "lines" => "which adds up functions, which the file does not tell apart",
                _ => "which knows instantiations and constants that the file does not tell apart",
            };
            notes.add(
                name,
                format!(
                    "{metric}: {covered} of {total} in the summary of llvm-cov, {why}; here {} of {}",
                    found.covered, found.total
                ),
            );
        }
    }
}

/// Lines of a function: those of the instantiation that has most covered, with the counts of all
/// together where it was hit. Of the lines in `budget`, those found are taken.
///
/// # Errors
/// If there are more lines than the budget allows.
fn lines_of(
    mains: &[(&Record, u32, &Region)],
    budget: &mut usize,
) -> Result<Vec<(u32, u64)>, ReadError> {
    let all: Vec<Vec<(u32, u64)>> = mains
        .iter()
        .map(|(record, main, _)| {
            let own = record.regions.iter().filter(|region| region.file == *main);
            let stretches = own.map(|&Region { start, end, count, kind, .. }| Stretch {
                start,
                end,
                count,
                kind,
            });
            lines(&segments(stretches.collect()), budget)
        })
        .collect::<Result<_, _>>()?;
    let hit = |rows: &&Vec<(u32, u64)>| rows.iter().filter(|(_, count)| *count > 0).count();
    let best = first_max(&all, |rows| (hit(rows), rows.len())).map_or(&[][..], Vec::as_slice);
    let mut sums: BTreeMap<u32, u64> = BTreeMap::new();
    for &(number, count) in all.iter().flatten() {
        let sum = sums.entry(number).or_default();
        *sum = sum.saturating_add(count);
    }
    let sum = |number| sums.get(&number).copied().unwrap_or(0);
    let counted = |&(number, count): &(u32, u64)| (number, if count > 0 { sum(number) } else { 0 });
    Ok(best.iter().map(counted).collect())
}

/// The first of the rows that have the highest key.
fn first_max<T, K: Ord>(rows: &[T], key: impl Fn(&&T) -> K) -> Option<&T> {
    rows.iter().rev().max_by_key(key)
}

/// Where something of a record is shown: its own place in the function's file, or the use of the
/// macro that it is in.
fn site(file: u32, main: u32, sites: &[Option<Span>], own: (Point, Point)) -> Option<Span> {
    if file == main {
        return Some(span(own.0, own.1));
    }
    sites.get(file as usize).copied().flatten()
}

fn span(start: Point, end: Point) -> Span {
    Span::new(start.0, start.1, end.0, end.1)
}
