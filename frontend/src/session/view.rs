//! The processes that are looked at, added up: what every panel paints.
//!
//! One [`Shape`] for all packages in scope, and columns beside it: counts, last hits, totals of
//! every level. Hits change them in place; anything else rebuilds them, which takes a few
//! milliseconds for a million units.

use std::sync::Arc;

use coverage::{FileIdx, FunctionIdx, Mode, PackageIdx, Shape, ShapeBuilder, Tree, UnitIdx};
use wire::SourceId;

use super::model::{Change, Live, Process};
use super::scope::Scope;
use crate::ui::order::{by_key, by_name};

/// A package in the view, and where its rows start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Part {
    /// Position in [`Live::packs`].
    pub pack: u32,
    /// Its first file.
    pub files: u32,
    /// Its first function.
    pub functions: u32,
    /// Its first unit.
    pub units: u32,
}

/// The processes that are looked at, added up.
#[derive(Debug, Default)]
pub struct View {
    /// Packages, by import path; the position is the [`PackageIdx`].
    pub parts: Vec<Part>,
    /// Count of every unit.
    pub counts: Vec<u64>,
    /// When each unit was hit last, in Unix milliseconds; 0 for never.
    pub last: Vec<u64>,
    /// Totals of every level.
    pub tree: Tree,
    /// When each function was hit last, in Unix milliseconds; 0 for never.
    pub function_last: Vec<u64>,
    /// The same of files.
    pub file_last: Vec<u64>,
    /// The same of packages.
    pub package_last: Vec<u64>,
    /// Functions hit since [`View::take_hit`].
    hit: Vec<u32>,
    is_hit: Vec<bool>,
    /// Sum of all hits since the page was opened.
    pub hits: u64,
    /// Grows when [`View::shape`] is another one.
    pub shape_version: u64,
    /// Processes in scope.
    pub members: Vec<u32>,
    mode: Mode,
    shape: Arc<Shape>,
    sources: Vec<SourceId>,
    part_of: Vec<u32>,
}

impl View {
    /// What the view covers: packages, files, functions, units.
    pub fn shape(&self) -> &Arc<Shape> {
        &self.shape
    }

    /// How units are counted.
    pub fn mode(&self) -> Mode {
        self.mode
    }

    /// Whether a process is in the view.
    pub fn contains(&self, process: &Process) -> bool {
        self.members.contains(&process.info.handle)
    }

    /// Source of a file as it was built.
    pub fn source(&self, file: FileIdx) -> SourceId {
        self.sources.get(file.index()).copied().unwrap_or(SourceId::UNKNOWN)
    }

    /// The first file with this name in profiles.
    pub fn file_named(&self, path: &str) -> Option<FileIdx> {
        let row = self.shape.files().iter().position(|file| file.path.as_str() == path)?;
        Some(FileIdx(row as u32))
    }

    /// A file's name without the path of its module, which is the same for most.
    pub fn short_path(&self, file: FileIdx) -> &str {
        let Some(row) = self.shape.files().get(file.index()) else { return "" };
        let (path, module) = (row.path.as_str(), &self.shape.package(row.package).module);
        let rest = path.strip_prefix(module.as_str()).and_then(|rest| rest.strip_prefix('/'));
        rest.filter(|_| !module.is_empty()).unwrap_or(path)
    }

    /// Package of the view that a unit of a pack falls in, and the unit's index in the view.
    pub fn unit_of(&self, pack: u32, unit: u32) -> Option<UnitIdx> {
        let part = self.parts.get(*self.part_of.get(pack as usize)? as usize)?;
        let unit_idx = UnitIdx(part.units + unit);
        (unit_idx.index() < self.counts.len()).then_some(unit_idx)
    }

    /// Package that a file lies in, as a part.
    pub fn part(&self, package: PackageIdx) -> Option<Part> {
        self.parts.get(package.index()).copied()
    }

    /// Count of a function's first unit: how often it was called.
    pub fn calls(&self, function: FunctionIdx) -> u64 {
        let Some(row) = self.shape.functions().get(function.index()) else { return 0 };
        if row.units.is_empty() { 0 } else { self.counts[row.units.start as usize] }
    }

    /// Functions hit since this was asked last, each once.
    pub fn take_hit(&mut self) -> Vec<u32> {
        for &function in &self.hit {
            self.is_hit[function as usize] = false;
        }
        std::mem::take(&mut self.hit)
    }

    /// Counts of packages, laid out as the view's units; packages that it lacks are left out.
    pub fn flatten(&self, columns: &[(u32, Vec<u64>)]) -> Vec<u64> {
        let mut flat = vec![0u64; self.counts.len()];
        for (pack, counts) in columns {
            let Some(first) = self.unit_of(*pack, 0) else { continue };
            for (sum, &count) in flat[first.index()..].iter_mut().zip(counts) {
                *sum = sum.saturating_add(count);
            }
        }
        flat
    }

    /// Adds up everything anew.
    pub fn rebuild(&mut self, live: &Live, scope: &Scope) {
        let members = scope.members(live);
        self.members = members.iter().map(|process| process.info.handle).collect();
        let mut packs: Vec<u32> =
            members.iter().flat_map(|process| process.packs.iter().copied()).collect();
        by_key(&mut packs, |&pack| live.packs[pack as usize].order);
        packs.dedup();
        by_name(&mut packs, |&pack| &live.packs[pack as usize].table.package);
        if !packs.iter().eq(self.parts.iter().map(|part| &part.pack)) {
            self.reshape(live, &packs);
        }
        self.add_up(&members);
        self.sum_levels();
    }

    fn reshape(&mut self, live: &Live, packs: &[u32]) {
        let mut builder = ShapeBuilder::default();
        self.parts.clear();
        self.sources.clear();
        self.part_of = vec![u32::MAX; live.packs.len()];
        self.mode = Mode::Set;
        let (mut functions, mut units) = (0usize, 0usize);
        for &row in packs {
            let pack = &live.packs[row as usize];
            self.part_of[row as usize] = narrow(self.parts.len());
            self.parts.push(Part {
                pack: row,
                files: narrow(self.sources.len()),
                functions: narrow(functions),
                units: narrow(units),
            });
            pack.table.add_to(&mut builder);
            self.mode = self.mode.max(pack.table.mode);
            self.sources.extend(pack.table.files.iter().map(|file| file.source));
            functions += pack.table.functions.len();
            units += pack.n_units();
        }
        self.shape = Arc::new(builder.build());
        self.shape_version += 1;
        self.hit.clear();
        self.is_hit = vec![false; functions];
    }

    fn add_up(&mut self, members: &[&Process]) {
        let n_units = self.shape.n_units();
        self.counts.clear();
        self.counts.resize(n_units, 0);
        self.last.clear();
        self.last.resize(n_units, 0);
        for process in members {
            for (&pack, column) in process.packs.iter().zip(&process.columns) {
                let Some(first) = self.unit_of(pack, 0) else { continue };
                let counts = self.counts[first.index()..].iter_mut();
                let last = self.last[first.index()..].iter_mut();
                let cells = column.counts.iter().zip(&column.last);
                for ((count, last), (&add, &after)) in counts.zip(last).zip(cells) {
                    *count = count.saturating_add(add);
                    if after > 0 {
                        *last = (*last).max(process.info.started_ms + u64::from(after));
                    }
                }
            }
        }
    }

    fn sum_levels(&mut self) {
        let shape = self.shape.clone();
        self.tree = Tree::of(&shape, &self.counts);
        self.package_last = vec![0; shape.packages().len()];
        self.file_last = vec![0; shape.files().len()];
        self.function_last = shape
            .functions()
            .iter()
            .map(|function| {
                let units = function.units.start as usize..function.units.end as usize;
                let last = self.last[units].iter().copied().max().unwrap_or(0);
                let file = function.file;
                let package = shape.file(file).package;
                self.file_last[file.index()] = self.file_last[file.index()].max(last);
                self.package_last[package.index()] = self.package_last[package.index()].max(last);
                last
            })
            .collect();
    }

    /// Adds hits to the columns and to the totals of every level.
    pub fn add(&mut self, change: &Change) {
        if !self.members.contains(&change.handle) {
            return;
        }
        let shape = self.shape.clone();
        for &(unit, delta, at_ms) in &change.units {
            let Some(unit_idx) = self.unit_of(change.pack, unit) else { continue };
            let function_idx = shape.unit_functions()[unit_idx.index()];
            let file_idx = shape.function(function_idx).file;
            let package_idx = shape.file(file_idx).package;
            self.hits = self.hits.saturating_add(delta);
            let count = &mut self.counts[unit_idx.index()];
            let was_hit = *count > 0;
            *count = count.saturating_add(delta);
            if !was_hit {
                let statements = u64::from(shape.unit(unit_idx).statements);
                let function = &mut self.tree.functions[function_idx.index()];
                let fresh = u64::from(function.functions.covered == 0);
                let file = &mut self.tree.files[file_idx.index()];
                let package = &mut self.tree.packages[package_idx.index()];
                for level in [function, file, package, &mut self.tree.total] {
                    level.statements.covered += statements;
                    level.units.covered += 1;
                    level.functions.covered += fresh;
                }
            }
            for last in [
                &mut self.last[unit_idx.index()],
                &mut self.function_last[function_idx.index()],
                &mut self.file_last[file_idx.index()],
                &mut self.package_last[package_idx.index()],
            ] {
                *last = (*last).max(at_ms);
            }
            if !std::mem::replace(&mut self.is_hit[function_idx.index()], true) {
                self.hit.push(function_idx.0);
            }
        }
    }
}

fn narrow(index: usize) -> u32 {
    u32::try_from(index).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::super::model::tests::{add, apply, counts, live, table};
    use super::*;

    #[test]
    fn hits_give_the_same_totals_as_adding_up_anew() {
        let tables = [table("m/a", &[("a.go", 3), ("b.go", 2)])];
        let mut live = live(1, &tables);
        add(&mut live, 2, "svc", &tables);
        apply(&mut live, counts(1, 2_000, &[(0, 1)]));
        apply(&mut live, counts(2, 2_000, &[(4, 1)]));
        let mut view = View::default();
        view.rebuild(&live, &Scope::Newest);
        for frame in
            [counts(1, 3_000, &[(0, 5), (1, 1), (9, 2)]), counts(2, 3_100, &[(0, 2), (1, 7)])]
        {
            for change in apply(&mut live, frame) {
                view.add(&change);
            }
        }
        let mut anew = View::default();
        anew.rebuild(&live, &Scope::Newest);
        assert_eq!(view.counts, anew.counts);
        assert_eq!(view.last, anew.last);
        assert_eq!(view.tree, anew.tree);
        assert_eq!(view.function_last, anew.function_last);
        assert_eq!(view.file_last, anew.file_last);
        assert_eq!(view.package_last, anew.package_last);
        assert_eq!(view.hits, 4 + 1 + 2 + 2 + 7);
        assert_eq!(view.take_hit(), [0, 4]);
        assert!(view.take_hit().is_empty());
    }

    #[test]
    fn only_processes_in_scope_count() {
        let tables = [table("m/a", &[("a.go", 1)])];
        let mut live = live(1, &tables);
        add(&mut live, 2, "svc", &tables);
        apply(&mut live, counts(1, 2_000, &[(0, 1)]));
        apply(&mut live, counts(2, 2_000, &[(1, 1)]));
        let mut view = View::default();
        view.rebuild(&live, &Scope::Process("02".repeat(16)));
        assert_eq!(view.counts, [0, 1]);
        for change in apply(&mut live, counts(1, 2_500, &[(0, 9)])) {
            view.add(&change);
        }
        assert_eq!(view.counts, [0, 1]);
        assert_eq!(view.hits, 0);
    }

    #[test]
    fn packages_stand_by_path_and_sources_follow_them() {
        let mut live = live(1, &[table("m/z", &[("z.go", 1)]), table("m/a", &[("a.go", 1)])]);
        let mut view = View::default();
        view.rebuild(&live, &Scope::Newest);
        let paths: Vec<_> = view.shape().packages().iter().map(|p| p.path.as_str()).collect();
        assert_eq!(paths, ["m/a", "m/z"]);
        let file = view.file_named("m/z/z.go").unwrap();
        assert_eq!(view.short_path(file), "m/z/z.go");
        assert_eq!(view.source(file), SourceId::of(b"z.go"));
        let version = view.shape_version;
        add(&mut live, 2, "svc", &[table("m/a", &[("a.go", 1)])]);
        view.rebuild(&live, &Scope::Process("01".repeat(16)));
        assert_eq!(view.shape_version, version);
    }
}
