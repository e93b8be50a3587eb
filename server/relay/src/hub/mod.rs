//! Who is connected and what is remembered. No sockets, no clock: times are arguments.
//!
//! A snapshot, a delta and a delta that catches up are one mechanism: *what changed after version
//! v*. Every change is stamped with the hub's version; a viewer remembers the version that it has
//! been told of ([`batch`]). Counts are cumulative, so what is skipped or told twice does no harm.
//!
//! Not here: what an agent may send when (`agent`), and how messages travel (`viewer`).

mod batch;
mod columns;
mod fold;
mod process;
mod query;
mod table;

use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};
use std::sync::Arc;

use bytes::Bytes;
use thiserror::Error;
use wire::frame::{Counts, Flow, Frame, State};
use wire::{RelayToViewer, SourceId, TableId, WireError};

pub(crate) use batch::Viewer;
pub(crate) use process::{AgentId, Package, Process};
pub(crate) use query::{Row, Scope, ScopeError, latest_builds};
pub(crate) use table::KnownTable;

use crate::limits;
use batch::Batch;

/// Why a peer is refused. The message is for the log, [`Refusal::code`] for the peer.
#[derive(Debug, Error)]
pub(crate) enum Refusal {
    /// The bytes are no frames.
    #[error("{0}")]
    Wire(#[from] WireError),
    /// The frames contradict each other.
    #[error("{0}")]
    Protocol(String),
    /// More than the relay keeps.
    #[error("more than {limit} {what}")]
    Limit {
        /// What there is too much of.
        what: &'static str,
        /// The bound.
        limit: usize,
    },
}

impl Refusal {
    /// One or two words for the peer.
    pub(crate) fn code(&self) -> &'static str {
        match self {
            Refusal::Wire(WireError::Version { .. }) => "other version",
            Refusal::Wire(WireError::Limit { .. }) => "frame too large",
            Refusal::Wire(_) => "malformed frame",
            Refusal::Protocol(_) => "protocol error",
            Refusal::Limit { .. } => "relay is full",
        }
    }
}

/// What became of an announced process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Announced {
    /// It is known by this handle.
    As(u32),
    /// It ended long ago and was folded away: what its agent still says is counted already.
    Folded,
}

/// Processes, tables and counts.
#[derive(Debug)]
pub(crate) struct Hub {
    /// Drawn at random when the relay started.
    relay: u64,
    /// Unix milliseconds that the columns' times count from.
    epoch_ms: u64,
    /// Stamps changes. Starts at 1, so that 0 is before everything.
    version: u32,
    /// Whether anything changed since `sealed`.
    dirty: bool,
    /// Whether the next viewer that is up to date may seal a batch.
    due: bool,
    /// The version that viewers who are up to date have been told of.
    sealed: u32,
    batches: VecDeque<Batch>,
    n_viewers: usize,
    /// Flow frames for the next batch, by process.
    flow: Vec<(u32, Flow)>,
    flow_bytes: usize,
    processes: BTreeMap<u32, Process>,
    by_key: HashMap<[u8; 16], u32>,
    next_handle: u32,
    /// By arrival.
    tables: BTreeMap<u32, Arc<KnownTable>>,
    table_seqs: HashMap<TableId, u32>,
    next_table: u32,
    table_bytes: usize,
    n_units: usize,
    /// Keys of folded processes, oldest first.
    folded: VecDeque<[u8; 16]>,
    folded_set: HashSet<[u8; 16]>,
    /// Processes that are gone, by the version in which they went, oldest first.
    forgotten: VecDeque<(u32, u32)>,
    /// Of processes that went up to this version not all are remembered.
    lost_track: u32,
}

impl Hub {
    /// An empty hub.
    pub(crate) fn new(relay: u64, now_ms: u64) -> Self {
        Self {
            relay,
            epoch_ms: now_ms,
            version: 1,
            dirty: false,
            due: false,
            sealed: 0,
            batches: VecDeque::new(),
            n_viewers: 0,
            flow: Vec::new(),
            flow_bytes: 0,
            processes: BTreeMap::new(),
            by_key: HashMap::new(),
            next_handle: 1,
            tables: BTreeMap::new(),
            table_seqs: HashMap::new(),
            next_table: 0,
            table_bytes: 0,
            n_units: 0,
            folded: VecDeque::new(),
            folded_set: HashSet::new(),
            forgotten: VecDeque::new(),
            lost_track: 0,
        }
    }

    /// The table with this id, if it is here.
    pub(crate) fn known_table(&self, id: TableId) -> Option<Arc<KnownTable>> {
        self.table_seqs.get(&id).and_then(|seq| self.tables.get(seq)).cloned()
    }

    /// Takes in a table, unless it came in meanwhile.
    pub(crate) fn add_table(&mut self, mut table: KnownTable) -> Result<Arc<KnownTable>, Refusal> {
        if let Some(known) = self.known_table(table.id) {
            return Ok(known);
        }
        let full = |hub: &Self| {
            if hub.tables.len() >= limits::TABLES {
                Some(Refusal::Limit { what: "tables", limit: limits::TABLES })
            } else if hub.table_bytes + table.n_bytes() > limits::TABLE_BYTES {
                Some(Refusal::Limit { what: "bytes of tables", limit: limits::TABLE_BYTES })
            } else {
                None
            }
        };
        if full(self).is_some() {
            self.drop_unused_tables();
        }
        if let Some(refusal) = full(self) {
            return Err(refusal);
        }
        let seq = self.next_table;
        self.next_table += 1;
        table.version = self.version;
        self.table_bytes += table.n_bytes();
        self.table_seqs.insert(table.id, seq);
        let table = Arc::new(table);
        self.tables.insert(seq, Arc::clone(&table));
        Ok(table)
    }

    /// An agent watches a process: a new one, or one that is known by its key.
    pub(crate) fn announce(
        &mut self,
        agent: AgentId,
        mut about: wire::frame::Process,
        now_ms: u64,
    ) -> Result<Announced, Refusal> {
        let theirs = about.handle;
        if let Some(process) =
            self.by_key.get(&about.key).and_then(|handle| self.processes.get_mut(handle))
        {
            process.agents.retain(|&(id, handle)| (id, handle) != (agent, theirs));
            process.agents.push((agent, theirs));
            if process.state == State::Unreachable {
                process.enter(State::Running, now_ms, self.version);
                self.dirty = true;
            }
            if process.about.service != about.service && !is_named_after_file(&about) {
                process.rename(about.service, self.version);
                self.dirty = true;
            }
            return Ok(Announced::As(process.about.handle));
        }
        if self.folded_set.contains(&about.key) {
            return Ok(Announced::Folded);
        }
        if self.processes.len() >= limits::PROCESSES {
            return Err(Refusal::Limit { what: "processes", limit: limits::PROCESSES });
        }
        let handle = self.next_handle;
        self.next_handle += 1;
        about.handle = handle;
        self.by_key.insert(about.key, handle);
        let mut process = Process::new(about, self.version, now_ms);
        process.agents.push((agent, theirs));
        self.processes.insert(handle, process);
        self.dirty = true;
        Ok(Announced::As(handle))
    }

    /// An agent names packages of a process, the first of them at `position`. Those that are known
    /// must be the same, the others are appended.
    pub(crate) fn packages(
        &mut self,
        handle: u32,
        position: usize,
        tables: Vec<Arc<KnownTable>>,
    ) -> Result<(), Refusal> {
        let process = find(&mut self.processes, handle)?;
        let n_known = process.packages.len();
        if position > n_known {
            return Err(Refusal::Protocol("packages leave a gap".into()));
        }
        let n_again = tables.len().min(n_known - position);
        for (known, table) in process.packages[position..].iter().zip(&tables) {
            if known.table.id != table.id {
                let package = &table.package;
                return Err(Refusal::Protocol(format!(
                    "package {package} is not the one that this process announced before"
                )));
            }
        }
        let added: Vec<_> = tables.into_iter().skip(n_again).collect();
        if added.is_empty() {
            return Ok(());
        }
        if n_known + added.len() > wire::limits::PACKAGES {
            let limit = wire::limits::PACKAGES;
            return Err(Refusal::Limit { what: "packages of a process", limit });
        }
        let n_units: usize = added.iter().map(|table| table.n_units()).sum();
        if self.n_units + n_units > limits::UNITS {
            return Err(Refusal::Limit { what: "units", limit: limits::UNITS });
        }
        self.n_units += n_units;
        process.append(added, self.version);
        self.dirty = true;
        Ok(())
    }

    /// Takes newer counts; all of the frame or, where it names what isn't there, nothing.
    pub(crate) fn counts(
        &mut self,
        handle: u32,
        counts: &Counts,
        now_ms: u64,
    ) -> Result<(), Refusal> {
        let now = self.since_epoch(now_ms);
        let process = find(&mut self.processes, handle)?;
        for changed in &counts.packages {
            let package = process.packages.get(changed.package as usize).ok_or_else(|| {
                Refusal::Protocol(format!("counts of package {}, not announced", changed.package))
            })?;
            // Units ascend, so the last is the largest.
            if let Some(&last) = changed.units.last().filter(|&&unit| {
                unit as usize >= package.columns.len() || changed.counts.len() < changed.units.len()
            }) {
                let path = &package.table.package;
                return Err(Refusal::Protocol(format!("count of unit {last}, not in {path}")));
            }
        }
        let mut any = false;
        for changed in &counts.packages {
            let Some(package) = process.packages.get_mut(changed.package as usize) else {
                continue;
            };
            let mut raised = false;
            for (i, (&unit, &count)) in changed.units.iter().zip(&changed.counts).enumerate() {
                let age = changed.ages_ms.get(i).copied().unwrap_or(0);
                let at = now.saturating_sub(u32::try_from(age).unwrap_or(u32::MAX));
                raised |= package.columns.raise(unit as usize, count, self.version, at);
            }
            if raised {
                package.version = self.version;
                any = true;
            }
        }
        if any {
            process.version = self.version;
            self.dirty = true;
        }
        Ok(())
    }

    /// Passes traced entries on, as far as there is room for them.
    pub(crate) fn flow(&mut self, handle: u32, mut flow: Flow, now_ms: u64) -> Result<(), Refusal> {
        let process = find(&mut self.processes, handle)?;
        let outside = flow.events.iter().find(|event| {
            process
                .packages
                .get(event.package as usize)
                .is_none_or(|package| event.unit as usize >= package.columns.len())
        });
        if let Some(event) = outside {
            let (package, unit) = (event.package, event.unit);
            return Err(Refusal::Protocol(format!(
                "flow event in unit {unit} of package {package}, not announced"
            )));
        }
        // As large as an event gets on the wire, and then some.
        let n_bytes = flow.events.len() * 24 + 32;
        let n_events = flow.lost.saturating_add(flow.events.len() as u64);
        if self.n_viewers == 0 {
            process.flow_total = process.flow_total.saturating_add(n_events);
        } else if self.flow_bytes + n_bytes > limits::FLOW_BYTES {
            process.flow_lost = process.flow_lost.saturating_add(n_events);
        } else {
            self.flow_bytes += n_bytes;
            flow.handle = handle;
            flow.at_ms = now_ms;
            self.flow.push((handle, flow));
            self.dirty = true;
        }
        Ok(())
    }

    /// A process's life changed. That it ended is final.
    pub(crate) fn state(
        &mut self,
        handle: u32,
        state: State,
        at_ms: u64,
        now_ms: u64,
    ) -> Result<(), Refusal> {
        let process = find(&mut self.processes, handle)?;
        if process.state != state && process.state != State::Ended {
            process.enter(state, at_ms.min(now_ms), self.version);
            self.dirty = true;
        }
        Ok(())
    }

    /// How many entries of a process are traced.
    pub(crate) fn tracing(&mut self, handle: u32, entries: u32) -> Result<(), Refusal> {
        let process = find(&mut self.processes, handle)?;
        process.tracing = entries;
        process.tracing_version = self.version;
        process.version = self.version;
        self.dirty = true;
        Ok(())
    }

    /// An agent is gone; processes that nobody else watches can't be reached any more.
    pub(crate) fn leave(&mut self, agent: AgentId, now_ms: u64) {
        for process in self.processes.values_mut() {
            let n_agents = process.agents.len();
            process.agents.retain(|&(id, _)| id != agent);
            if process.agents.is_empty() && n_agents > 0 && process.state == State::Running {
                process.enter(State::Unreachable, now_ms, self.version);
                self.dirty = true;
            }
        }
    }

    /// Counts of these processes start again from 0; returns how many there are.
    pub(crate) fn reset(&mut self, scope: &Scope, now_ms: u64) -> Result<usize, ScopeError> {
        let handles: Vec<u32> =
            self.select_all(scope)?.iter().map(|process| process.about.handle).collect();
        for handle in &handles {
            if let Some(process) = self.processes.get_mut(handle) {
                process.reset(now_ms, self.version);
            }
        }
        // What changes from here on is newer than the reset.
        self.version += 1;
        self.dirty |= !handles.is_empty();
        Ok(handles.len())
    }

    /// Whether a viewer has something to be told; the next one that asks may seal a batch.
    pub(crate) fn tick(&mut self) -> bool {
        self.due |= self.dirty;
        self.dirty
    }

    /// Whether a table that is known names this source.
    pub(crate) fn names_source(&self, source: SourceId) -> bool {
        self.tables.values().any(|table| table.sources.binary_search(&source).is_ok())
    }

    /// A process, for those who want to talk to its agent.
    pub(crate) fn process(&self, handle: u32) -> Option<&Process> {
        self.processes.get(&handle)
    }

    /// Every process, oldest first.
    pub(crate) fn processes(&self) -> impl DoubleEndedIterator<Item = &Process> {
        self.processes.values()
    }

    /// Tables and units that are remembered.
    pub(crate) fn sizes(&self) -> (usize, usize) {
        (self.tables.len(), self.n_units)
    }

    /// Viewers that are connected.
    pub(crate) fn n_viewers(&self) -> usize {
        self.n_viewers
    }

    fn since_epoch(&self, now_ms: u64) -> u32 {
        u32::try_from(now_ms.saturating_sub(self.epoch_ms)).unwrap_or(u32::MAX)
    }

    /// Drops tables that neither a process nor an agent holds.
    fn drop_unused_tables(&mut self) {
        self.tables.retain(|_, table| Arc::strong_count(table) > 1);
        self.table_seqs.retain(|_, seq| self.tables.contains_key(seq));
        self.table_bytes = self.tables.values().map(|table| table.n_bytes()).sum();
    }
}

/// Whether the name is that of the program's file. One that comes from its main package is better,
/// and not every agent knows that package.
fn is_named_after_file(about: &wire::frame::Process) -> bool {
    let program = about.arguments.first().map_or("", String::as_str);
    let file = program.rsplit(['/', '\\']).next().unwrap_or_default();
    file.strip_suffix(".exe").unwrap_or(file) == about.service
}

fn find(processes: &mut BTreeMap<u32, Process>, handle: u32) -> Result<&mut Process, Refusal> {
    processes
        .get_mut(&handle)
        .ok_or_else(|| Refusal::Protocol(format!("process {handle} is not there any more")))
}

fn encode(frame: &RelayToViewer, message: &mut Vec<u8>) {
    frame.encode(message);
}

/// Messages are cut between frames once they are this large.
fn full(message: &[u8]) -> bool {
    message.len() >= limits::PART_BYTES
}

fn finish(message: &mut Vec<u8>, messages: &mut Vec<Bytes>) {
    if !message.is_empty() {
        messages.push(std::mem::take(message).into());
    }
}

#[cfg(test)]
mod tests;
