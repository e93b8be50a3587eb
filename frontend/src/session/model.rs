//! What the relay has told: processes, their packages and counts. Plain columns, no signals.
//!
//! A process holds one [`Column`] for each of its packages. A [`Change`] is what a frame did to
//! one of them; the [`View`](super::view::View) adds changes up for what is on screen.

use std::sync::Arc;

use wire::details::Details;
use wire::frame::{Counts, Process as ProcessInfo, State};
use wire::{RelayToViewer, Table, TableId, WireError};

use super::recording::Recording;
use crate::ui::order::by_key;

/// Structure of a package and where each of its functions starts.
#[derive(Debug)]
pub struct Pack {
    /// Names the package as built.
    pub id: TableId,
    /// Its structure.
    pub table: Table,
    /// First unit of each function, ascending, with the number of units at the end.
    pub starts: Vec<u32>,
    /// Its id as numbers that sort like it.
    pub order: [u64; 2],
}

impl Pack {
    fn new(id: TableId, table: Table) -> Self {
        let mut starts = Vec::with_capacity(table.functions.len() + 1);
        let mut next = 0;
        for function in &table.functions {
            starts.push(next);
            next += u32::try_from(function.units.len()).unwrap_or(u32::MAX);
        }
        starts.push(next);
        Self { id, table, starts, order: order(id) }
    }

    /// How many units, and so counters, the package has.
    pub fn n_units(&self) -> usize {
        self.starts.last().map_or(0, |&end| end as usize)
    }

    /// Position of the function that holds a unit.
    pub fn function_of(&self, unit: u32) -> Option<usize> {
        let position = self.starts.partition_point(|&start| start <= unit).checked_sub(1)?;
        (position < self.table.functions.len()).then_some(position)
    }
}

/// Counts of one package of one process.
#[derive(Debug, Default, Clone)]
pub struct Column {
    /// One count for each unit; empty until the first arrives.
    pub counts: Vec<u64>,
    /// When each unit was hit last, in milliseconds after the process's start, 0 for never.
    pub last: Vec<u32>,
}

/// A process that is watched.
#[derive(Debug)]
pub struct Process {
    /// What the relay says of it.
    pub info: ProcessInfo,
    /// Running, ended or unreachable.
    pub state: State,
    /// Positions of its packages in [`Live::packs`].
    pub packs: Vec<u32>,
    /// Counts, one column for each package.
    pub columns: Vec<Column>,
    /// Traced entries.
    pub tracing: u32,
    /// Hash of its packages: equal for replicas of one build.
    pub build: String,
    /// What is known of it besides counts, where it comes from files.
    pub details: Details,
}

impl Process {
    /// Its key in hex, which names it for ever, also in links.
    pub fn key(&self) -> String {
        hex(&self.info.key)
    }

    /// Statements of the process, covered and all.
    pub fn statements(&self, packs: &[Arc<Pack>]) -> coverage::Fraction {
        let mut fraction = coverage::Fraction::default();
        for (pack, column) in self.packs.iter().zip(&self.columns) {
            let Some(pack) = packs.get(*pack as usize) else { continue };
            let units = pack.table.functions.iter().flat_map(|function| &function.units);
            for (unit, statements) in units.map(|unit| u64::from(unit.statements)).enumerate() {
                fraction.total += statements;
                if column.counts.get(unit).is_some_and(|&count| count > 0) {
                    fraction.covered += statements;
                }
            }
        }
        fraction
    }
}

/// Handles from here on name opened profiles; no relay has as many processes.
pub const OPENED: u32 = 1 << 31;

/// Units of one package of one process that were hit.
#[derive(Debug)]
pub struct Change {
    /// The process.
    pub handle: u32,
    /// Position of the package in [`Live::packs`].
    pub pack: u32,
    /// Unit within the package, how much its count grew, and when, in Unix milliseconds.
    pub units: Vec<(u32, u64, u64)>,
}

/// The relay at the other end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Relay {
    /// Drawn at random when it started.
    pub number: u64,
    /// Its release.
    pub release: String,
    /// Its clock when it greeted, in Unix milliseconds.
    pub now_ms: u64,
}

/// All that the relay has told.
#[derive(Debug, Default)]
pub struct Live {
    /// The relay at the other end, once it has greeted.
    pub relay: Option<Relay>,
    /// Structures of packages. They stay when the relay changes: their ids are hashes.
    pub packs: Vec<Arc<Pack>>,
    /// Processes in the order in which the relay named them.
    pub processes: Vec<Process>,
    /// Profiles that were read from files, in the order in which they came ([`super::opened`]).
    /// They stay when the relay changes.
    pub opened: Vec<Process>,
    /// What is being recorded.
    pub recording: Option<Recording>,
    /// Grows whenever processes, packages or states change, or counts other than by hits.
    pub structure: u64,
    /// Newest time of a count, in Unix milliseconds.
    pub newest_ms: u64,
    /// Ids of packs, sorted, with their positions. A list: it is small, and so is its code.
    pack_of: Vec<([u64; 2], u32)>,
}

impl Live {
    /// Takes in one frame; hits are appended to `changes`.
    ///
    /// # Errors
    /// Where and why a table is not one.
    pub fn apply(
        &mut self,
        frame: RelayToViewer,
        changes: &mut Vec<Change>,
    ) -> Result<(), WireError> {
        match frame {
            RelayToViewer::Welcome { relay, now_ms, release, .. } => {
                self.relay = Some(Relay { number: relay, release, now_ms });
                self.processes.clear();
                self.structure += 1;
            }
            RelayToViewer::Process(info) => self.process(info),
            RelayToViewer::Table(bytes) => {
                let id = TableId::of(&bytes);
                if let Err(at) = self.find_pack(id) {
                    let row = u32::try_from(self.packs.len()).unwrap_or(u32::MAX);
                    self.packs.push(Arc::new(Pack::new(id, Table::decode(&bytes)?)));
                    self.pack_of.insert(at, (order(id), row));
                }
            }
            RelayToViewer::Packages { handle, tables } => self.packages(handle, &tables),
            RelayToViewer::Counts(counts) => self.counts(counts, changes),
            RelayToViewer::State { handle, state, .. } => {
                if let Some(process) = self.process_mut(handle) {
                    process.state = state;
                    self.structure += 1;
                }
            }
            RelayToViewer::Tracing { handle, entries } => {
                if let Some(process) = self.process_mut(handle) {
                    process.tracing = entries;
                    self.structure += 1;
                }
            }
            RelayToViewer::Reset { handles, .. } => self.reset(&handles),
            RelayToViewer::Forget { handle } => self.forget(handle),
            RelayToViewer::Details(mut details) => {
                if let Some(process) = self.process_mut(details.handle) {
                    let known = &mut process.details;
                    known.lines = details.lines;
                    known.metrics = details.metrics;
                    known.files.append(&mut details.files);
                    self.structure += 1;
                }
            }
            RelayToViewer::Flow(_) => {}
        }
        Ok(())
    }

    /// The process of a handle.
    pub fn by_handle(&self, handle: u32) -> Option<&Process> {
        self.processes.iter().find(|process| process.info.handle == handle)
    }

    fn row_of(&self, handle: u32) -> Option<usize> {
        self.processes.iter().position(|process| process.info.handle == handle)
    }

    /// Where a pack is in the sorted ids, or where it would be.
    fn find_pack(&self, id: TableId) -> Result<usize, usize> {
        self.pack_of.binary_search_by(|(known, _)| known.cmp(&order(id)))
    }

    fn process_mut(&mut self, handle: u32) -> Option<&mut Process> {
        by_handle(self.list(handle), handle)
    }

    /// The list that a process of this handle stands in.
    fn list(&mut self, handle: u32) -> &mut Vec<Process> {
        if handle < OPENED { &mut self.processes } else { &mut self.opened }
    }

    /// Drops an opened profile, and the structures that were its alone.
    pub fn close(&mut self, handle: u32) {
        let Some(at) = self.opened.iter().position(|process| process.info.handle == handle) else {
            return;
        };
        let closed = self.opened.remove(at);
        for pack in closed.packs {
            let used = |processes: &[Process]| processes.iter().any(|p| p.packs.contains(&pack));
            // Those of running programs stay: they come again with the next greeting.
            if !used(&self.opened) && !used(&self.processes) {
                let id = self.packs[pack as usize].id;
                if let Ok(at) = self.find_pack(id) {
                    self.pack_of.remove(at);
                }
                // Positions are names, so its place stays.
                self.packs[pack as usize] = Arc::new(Pack::new(id, Table::default()));
            }
        }
        self.structure += 1;
    }

    fn process(&mut self, info: ProcessInfo) {
        self.structure += 1;
        let process = Process {
            state: State::Running,
            packs: Vec::new(),
            columns: Vec::new(),
            tracing: 0,
            build: build_id(&[]),
            details: Details::default(),
            info,
        };
        let handle = process.info.handle;
        // A process that is announced again sends everything again.
        let list = self.list(handle);
        match by_handle(list, handle) {
            Some(known) => *known = process,
            None => list.push(process),
        }
    }

    fn packages(&mut self, handle: u32, tables: &[TableId]) {
        let rows: Vec<u32> = tables
            .iter()
            .filter_map(|&id| Some(self.pack_of[self.find_pack(id).ok()?].1))
            .collect();
        let Some(process) = self.process_mut(handle) else { return };
        process.columns.resize(process.columns.len() + rows.len(), Column::default());
        process.packs.extend(rows);
        let mut sorted = process.packs.clone();
        by_key(&mut sorted, |&pack| self.packs[pack as usize].order);
        let ids: Vec<TableId> = sorted.iter().map(|&pack| self.packs[pack as usize].id).collect();
        if let Some(process) = self.process_mut(handle) {
            process.build = build_id(&ids);
        }
        self.structure += 1;
    }

    fn counts(&mut self, counts: Counts, changes: &mut Vec<Change>) {
        let Counts { handle, at_ms, packages } = counts;
        self.newest_ms = self.newest_ms.max(at_ms);
        // Not by `process_mut`, which would borrow the structures too.
        let list = if handle < OPENED { &mut self.processes } else { &mut self.opened };
        let Some(process) = by_handle(list, handle) else { return };
        let started_ms = process.info.started_ms;
        for package in packages {
            let Some(&pack) = process.packs.get(package.package as usize) else { continue };
            let column = &mut process.columns[package.package as usize];
            let first = column.counts.is_empty();
            if first {
                let n_units = self.packs[pack as usize].n_units();
                column.counts = vec![0; n_units];
                column.last = vec![0; n_units];
            }
            let mut units = Vec::new();
            for (position, (&unit, &count)) in package.units.iter().zip(&package.counts).enumerate()
            {
                let Some(old) = column.counts.get_mut(unit as usize) else { continue };
                if count == *old {
                    continue;
                }
                let at = at_ms.saturating_sub(package.ages_ms.get(position).copied().unwrap_or(0));
                let last = &mut column.last[unit as usize];
                let after = u32::try_from(at.saturating_sub(started_ms)).unwrap_or(u32::MAX);
                // Files don't say when a unit ran.
                *last = if count > 0 && handle < OPENED { after.max(1) } else { 0 };
                if count < *old {
                    self.structure += 1;
                } else if !first {
                    units.push((unit, count - *old, at));
                }
                *old = count;
            }
            if first {
                // What a process did before this page knew it is no news.
                self.structure += 1;
            } else if !units.is_empty() {
                changes.push(Change { handle, pack, units });
            }
        }
    }

    fn reset(&mut self, handles: &[u32]) {
        for handle in handles {
            let Some(row) = self.row_of(*handle) else { continue };
            if let Some(recording) = &mut self.recording {
                recording.keep(&self.processes[row]);
            }
            for column in &mut self.processes[row].columns {
                // The first counts after a reset are news: they come from hits.
                column.counts.fill(0);
                column.last.fill(0);
            }
        }
        self.structure += 1;
    }

    fn forget(&mut self, handle: u32) {
        self.close(handle);
        let Some(row) = self.row_of(handle) else { return };
        if let Some(recording) = &mut self.recording {
            recording.keep(&self.processes[row]);
        }
        self.processes.remove(row);
        self.structure += 1;
    }
}

fn by_handle(list: &mut [Process], handle: u32) -> Option<&mut Process> {
    list.iter_mut().find(|process| process.info.handle == handle)
}

/// An id as numbers that sort like it.
fn order(id: TableId) -> [u64; 2] {
    let bits = u128::from_be_bytes(id.0);
    [(bits >> 64) as u64, bits as u64]
}

/// Hash of the sorted ids: 16 hex digits.
fn build_id(ids: &[TableId]) -> String {
    let bytes: Vec<u8> = ids.iter().flat_map(|id| id.0).collect();
    hex(&TableId::of(&bytes).0[..8])
}

/// Lowercase hex digits.
pub fn hex(bytes: &[u8]) -> String {
    let digit = |value: u8| char::from_digit(u32::from(value), 16).unwrap_or('0');
    bytes.iter().flat_map(|&byte| [digit(byte >> 4), digit(byte & 15)]).collect()
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use coverage::{Mode, Span};
    use wire::frame::PackageCounts;
    use wire::table::{SourceId, TableFile, TableFunction, TableUnit};

    /// A package of `files`, each with functions `f0`, `f1`, … of two units of one statement.
    pub(crate) fn table(package: &str, files: &[(&str, u32)]) -> Table {
        let mut table = Table {
            package: package.into(),
            name: "p".into(),
            module: "example.com/m".into(),
            mode: Mode::Count,
            ..Table::default()
        };
        for (file, (name, n_functions)) in (0..).zip(files) {
            table.files.push(TableFile {
                path: format!("{package}/{name}"),
                source: SourceId::of(name.as_bytes()),
            });
            for function in 0..*n_functions {
                let line = function * 10 + 3;
                table.entries.push(u32::try_from(table.n_units()).unwrap());
                table.functions.push(TableFunction {
                    name: format!("f{function}"),
                    file,
                    literal: false,
                    units: vec![
                        TableUnit { span: Span::new(line, 10, line + 1, 8), statements: 1 },
                        TableUnit { span: Span::new(line + 1, 8, line + 3, 3), statements: 1 },
                    ],
                });
            }
        }
        table
    }

    /// A state in which one process runs these packages.
    pub(crate) fn live(handle: u32, tables: &[Table]) -> Live {
        let mut live = Live::default();
        add(&mut live, handle, "svc", tables);
        live
    }

    /// Adds a process that runs these packages.
    pub(crate) fn add(live: &mut Live, handle: u32, service: &str, tables: &[Table]) {
        let info = ProcessInfo {
            handle,
            key: [handle.to_le_bytes()[0]; 16],
            pid: handle,
            service: service.into(),
            started_ms: 1_000 + u64::from(handle),
            ..ProcessInfo::default()
        };
        apply(live, RelayToViewer::Process(info));
        let tables: Vec<_> = tables.iter().map(Table::encode).collect();
        let ids = tables.iter().map(|bytes| TableId::of(bytes)).collect();
        for bytes in tables {
            apply(live, RelayToViewer::Table(bytes));
        }
        apply(live, RelayToViewer::Packages { handle, tables: ids });
    }

    pub(crate) fn apply(live: &mut Live, frame: RelayToViewer) -> Vec<Change> {
        let mut changes = Vec::new();
        live.apply(frame, &mut changes).unwrap();
        changes
    }

    pub(crate) fn counts(handle: u32, at_ms: u64, units: &[(u32, u64)]) -> RelayToViewer {
        RelayToViewer::Counts(Counts {
            handle,
            at_ms,
            packages: vec![PackageCounts {
                package: 0,
                units: units.iter().map(|unit| unit.0).collect(),
                counts: units.iter().map(|unit| unit.1).collect(),
                ages_ms: Vec::new(),
            }],
        })
    }

    #[test]
    fn first_counts_are_no_news_and_later_ones_are_differences() {
        let mut live = live(7, &[table("m/a", &[("a.go", 2)])]);
        assert!(apply(&mut live, counts(7, 2_000, &[(0, 40)])).is_empty());
        let changes = apply(&mut live, counts(7, 2_500, &[(0, 42), (3, 1)]));
        assert_eq!(changes[0].units, [(0, 2, 2_500), (3, 1, 2_500)]);
        assert_eq!(live.processes[0].columns[0].counts, [42, 0, 0, 1]);
        assert_eq!(live.processes[0].columns[0].last[0], 2_500 - 1_007);
    }

    #[test]
    fn counts_that_are_sent_twice_say_nothing_new() {
        let mut live = live(7, &[table("m/a", &[("a.go", 1)])]);
        apply(&mut live, counts(7, 2_000, &[(0, 1)]));
        apply(&mut live, counts(7, 2_100, &[(0, 5)]));
        assert!(apply(&mut live, counts(7, 2_200, &[(0, 5)])).is_empty());
    }

    #[test]
    fn counts_for_what_is_not_there_are_ignored() {
        let mut live = live(7, &[table("m/a", &[("a.go", 1)])]);
        apply(&mut live, counts(8, 2_000, &[(0, 1)]));
        apply(&mut live, counts(7, 2_000, &[(99, 1)]));
        assert_eq!(live.processes[0].columns[0].counts, [0, 0]);
    }

    #[test]
    fn a_new_greeting_drops_processes_and_keeps_structures() {
        let mut live = live(7, &[table("m/a", &[("a.go", 1)])]);
        let welcome =
            RelayToViewer::Welcome { version: 1, relay: 2, now_ms: 5, release: String::new() };
        apply(&mut live, welcome);
        assert!(live.processes.is_empty());
        assert_eq!(live.packs.len(), 1);
        assert!(live.by_handle(7).is_none());
    }

    #[test]
    fn opened_profiles_outlive_the_relay_until_they_are_closed() {
        let mut live = live(7, &[table("m/a", &[("a.go", 1)])]);
        let own = [table("m/a", &[("a.go", 1)]), table("m/b", &[("b.go", 1)])];
        add(&mut live, OPENED + 3, "cover.out", &own);
        apply(&mut live, counts(OPENED + 3, 0, &[(0, 4)]));
        let welcome =
            RelayToViewer::Welcome { version: 1, relay: 2, now_ms: 5, release: String::new() };
        apply(&mut live, welcome);
        assert!(live.processes.is_empty());
        assert_eq!(live.opened[0].columns[0].counts, [4, 0]);
        assert_eq!(live.opened[0].columns[0].last, [0, 0]);
        add(&mut live, 8, "svc", &own[..1]);
        live.close(OPENED + 3);
        assert!(live.opened.is_empty());
        assert_eq!(live.packs[0].n_units(), 2);
        assert_eq!(live.packs[1].n_units(), 0);
        add(&mut live, OPENED + 3, "cover.out", &own);
        assert_eq!(live.opened[0].packs, [0, 2]);
    }

    #[test]
    fn forgetting_one_process_leaves_the_others_reachable() {
        let tables = [table("m/a", &[("a.go", 1)])];
        let mut live = live(7, &tables);
        add(&mut live, 8, "svc", &tables);
        apply(&mut live, RelayToViewer::Forget { handle: 7 });
        assert_eq!(live.by_handle(8).map(|process| process.info.handle), Some(8));
        assert!(live.by_handle(7).is_none());
    }

    #[test]
    fn replicas_share_a_build() {
        let a = table("m/a", &[("a.go", 1)]);
        let b = table("m/b", &[("b.go", 1)]);
        let mut live = live(1, &[a.clone(), b.clone()]);
        add(&mut live, 2, "svc", &[b, a.clone()]);
        add(&mut live, 3, "svc", &[a]);
        assert_eq!(live.processes[0].build, live.processes[1].build);
        assert_ne!(live.processes[0].build, live.processes[2].build);
        assert_eq!(live.processes[0].build.len(), 16);
    }

    #[test]
    fn units_know_their_function() {
        let live = live(1, &[table("m/a", &[("a.go", 2)])]);
        let pack = &live.packs[0];
        assert_eq!((pack.function_of(1), pack.function_of(2)), (Some(0), Some(1)));
        assert_eq!(pack.function_of(4), None);
    }
}
