//! What a viewer is told: everything that changed after the version it knows.
//!
//! Viewers that keep up share *batches*: the first to ask after a tick seals one, the others are
//! given the same bytes. A viewer that falls behind the batches at hand, or is new, is *swept*:
//! told process by process what changed since, in its own messages, until it can join the others
//! again. It holds one process's changes at a time, so however slow it is, it costs no queue.
//!
//! Folding moves counts from one process to another. Both halves travel in one message: the first
//! of a batch or sweep, after the tables.

use std::collections::{BTreeMap, HashMap};
use std::ops::Bound;

use bytes::Bytes;
use thiserror::Error;
use wire::RelayToViewer;
use wire::frame::{Counts, Flow, PackageCounts, State};

use super::process::Process;
use super::{Hub, encode, finish, full};
use crate::limits;

/// What one viewer knows.
#[derive(Debug, Default)]
pub(crate) struct Viewer {
    /// It has been told of this version; 0 for nothing.
    version: u32,
    sweep: Option<Sweep>,
    /// Flow events that it was sent or told to be lost, by process.
    flow_seen: HashMap<u32, u64>,
}

/// The viewer is further behind than the hub remembers what is gone, and has to start again.
#[derive(Debug, Error)]
#[error("fell too far behind")]
pub(crate) struct Behind;

/// Changes from one version to another, as messages that viewers share.
#[derive(Debug)]
pub(super) struct Batch {
    from: u32,
    to: u32,
    messages: Vec<Bytes>,
    n_bytes: usize,
    /// Flow events up to the end of the batch, by process.
    flow: Vec<(u32, u64)>,
}

#[derive(Debug)]
struct Sweep {
    /// The version that the viewer will know in the end.
    target: u32,
    /// The next process.
    next: u32,
    /// Flow events up to `target`, by process.
    flow: Vec<(u32, u64)>,
}

/// Units in a counts frame; a message may be cut after it.
const FRAME_UNITS: usize = 1 << 16;
/// Changes younger than this happened "just now", which costs no bytes.
const JUST_NOW_MS: u64 = 20;

impl Hub {
    /// A viewer is there.
    pub(crate) fn join(&mut self) -> Viewer {
        self.n_viewers += 1;
        Viewer::default()
    }

    /// A viewer is gone.
    pub(crate) fn part(&mut self, _viewer: Viewer) {
        self.n_viewers = self.n_viewers.saturating_sub(1);
    }

    /// The next messages for a viewer; none where it knows all that may be told at this tick.
    ///
    /// # Errors
    /// [`Behind`] where it must connect again.
    pub(crate) fn pull(&mut self, viewer: &mut Viewer, now_ms: u64) -> Result<Vec<Bytes>, Behind> {
        if viewer.sweep.is_none() {
            if viewer.version > 0 && viewer.version < self.lost_track {
                return Err(Behind);
            }
            if viewer.version == self.sealed && viewer.version > 0 {
                if !self.due {
                    return Ok(Vec::new());
                }
                self.seal(now_ms);
            }
            if let Some(batch) =
                self.batches.iter().find(|batch| batch.from == viewer.version && batch.from > 0)
            {
                viewer.version = batch.to;
                viewer.flow_seen.extend(batch.flow.iter().copied());
                return Ok(batch.messages.clone());
            }
        }
        Ok(self.sweep(viewer, now_ms))
    }

    /// Closes the version: what changes from here on goes into the next batch.
    fn seal(&mut self, now_ms: u64) {
        let (from, to) = (self.sealed, self.version);
        self.advance();
        let mut messages = Vec::new();
        let mut message = self.head(from, to, now_ms, &mut messages);
        for process in self.processes.values().filter(|process| !process.is_fold()) {
            self.tell(process, from, to, now_ms, &mut message, Some(&mut messages));
        }
        let flow = self.take_flow(&mut message);
        finish(&mut message, &mut messages);
        let n_bytes = messages.iter().map(Bytes::len).sum();
        self.batches.push_back(Batch { from, to, messages, n_bytes, flow });
        let mut kept: usize = self.batches.iter().map(|batch| batch.n_bytes).sum();
        while self.batches.len() > limits::BATCHES
            || (kept > limits::BATCH_BYTES && self.batches.len() > 1)
        {
            kept -= self.batches.pop_front().map_or(0, |batch| batch.n_bytes);
        }
    }

    fn advance(&mut self) {
        self.sealed = self.version;
        self.version += 1;
        self.dirty = false;
        self.due = false;
    }

    fn sweep(&mut self, viewer: &mut Viewer, now_ms: u64) -> Vec<Bytes> {
        let since = viewer.version;
        let mut messages = Vec::new();
        let (mut sweep, mut message) = match viewer.sweep.take() {
            Some(sweep) => (sweep, Vec::new()),
            None => self.begin_sweep(since, now_ms, &mut messages),
        };
        let mut n_told = message.len();
        let rest = (Bound::Included(sweep.next), Bound::Unbounded);
        for process in self.processes.range(rest).map(|(_, process)| process) {
            if process.is_fold() || process.appeared > sweep.target {
                continue;
            }
            // Enough for one turn: others want theirs, and memory is spent on what is in flight.
            if n_told >= limits::PART_BYTES {
                sweep.next = process.about.handle;
                viewer.sweep = Some(sweep);
                finish(&mut message, &mut messages);
                return messages;
            }
            let (n_messages, n_bytes) = (messages.len(), message.len());
            self.tell(process, since, sweep.target, now_ms, &mut message, Some(&mut messages));
            n_told += messages[n_messages..].iter().map(Bytes::len).sum::<usize>();
            n_told = (n_told + message.len()).saturating_sub(n_bytes);
        }
        self.tell_lost_flow(viewer, &sweep, now_ms, &mut message);
        viewer.version = sweep.target;
        viewer.flow_seen = sweep.flow.into_iter().collect();
        finish(&mut message, &mut messages);
        messages
    }

    /// Fixes what the sweep leads to, and begins its first message.
    fn begin_sweep(
        &mut self,
        since: u32,
        now_ms: u64,
        messages: &mut Vec<Bytes>,
    ) -> (Sweep, Vec<u8>) {
        if self.dirty || self.sealed == 0 {
            // Others may be up to date, and take what changed from a batch.
            if self.n_viewers > 1 && self.sealed > 0 {
                self.seal(now_ms);
            } else {
                self.batches.clear();
                self.take_flow(&mut Vec::new());
                self.advance();
            }
        }
        if since == 0 {
            messages.push(self.welcome(now_ms));
        }
        let target = self.sealed;
        let message = self.head(since, target, now_ms, messages);
        let totals = self.processes.values().filter(|process| process.flow_total > 0);
        let flow = totals.map(|process| (process.about.handle, process.flow_total)).collect();
        (Sweep { target, next: 0, flow }, message)
    }

    fn welcome(&self, now_ms: u64) -> Bytes {
        let mut message = Vec::new();
        let release = env!("CARGO_PKG_VERSION").to_owned();
        let (version, relay) = (wire::VERSION, self.relay);
        encode(&RelayToViewer::Welcome { version, relay, now_ms, release }, &mut message);
        message.into()
    }

    /// Tables, then a message, to be continued, with what must not be torn apart: processes that
    /// are gone, resets, and the processes that the gone ones were folded into.
    fn head(&self, since: u32, to: u32, now_ms: u64, messages: &mut Vec<Bytes>) -> Vec<u8> {
        let newest = self.tables.values().rev();
        let mut new: Vec<_> = newest.take_while(|table| table.version > since).collect();
        new.reverse();
        messages.extend(new.into_iter().map(|table| table.message.clone()));
        let mut message = Vec::new();
        if since > 0 {
            for &(version, handle) in &self.forgotten {
                if version > since {
                    encode(&RelayToViewer::Forget { handle }, &mut message);
                }
            }
            let mut resets: BTreeMap<u64, Vec<u32>> = BTreeMap::new();
            for process in self.processes.values() {
                if process.appeared <= since && since < process.reset_version {
                    resets.entry(process.reset_ms).or_default().push(process.about.handle);
                }
            }
            for (at_ms, handles) in resets {
                encode(&RelayToViewer::Reset { at_ms, handles }, &mut message);
            }
        }
        for process in self.processes.values().filter(|process| process.is_fold()) {
            self.tell(process, since, to, now_ms, &mut message, None);
        }
        message
    }

    /// What changed of a process after `since`, without packages that came after `to`. Where
    /// there is a list of messages, those that get full are cut and put there.
    fn tell(
        &self,
        process: &Process,
        since: u32,
        to: u32,
        now_ms: u64,
        message: &mut Vec<u8>,
        mut messages: Option<&mut Vec<Bytes>>,
    ) {
        if process.version <= since {
            return;
        }
        let handle = process.about.handle;
        // One that was renamed appears again, with everything that is older.
        let since = if process.appeared > since { 0 } else { since };
        if process.appeared > since {
            encode(&RelayToViewer::Process(process.about.clone()), message);
        }
        let packages = || process.packages.iter().filter(|package| package.added <= to);
        let added = packages().filter(|package| package.added > since);
        let tables: Vec<_> = added.map(|package| package.table.id).collect();
        if !tables.is_empty() {
            encode(&RelayToViewer::Packages { handle, tables }, message);
        }
        let floor = since.max(process.reset_version);
        let mut counts = Counts { handle, at_ms: now_ms, packages: Vec::new() };
        let mut n_units = 0;
        for (position, package) in (0u32..).zip(packages()) {
            if package.version <= floor {
                continue;
            }
            let mut changed = package.columns.changed_after(floor).peekable();
            while changed.peek().is_some() {
                let mut columns = PackageCounts { package: position, ..PackageCounts::default() };
                for unit in changed.by_ref().take(FRAME_UNITS - n_units) {
                    let at_ms = self.epoch_ms + u64::from(package.columns.changed_ms(unit));
                    columns.units.push(u32::try_from(unit).unwrap_or(u32::MAX));
                    columns.counts.push(package.columns.count(unit));
                    columns.ages_ms.push(now_ms.saturating_sub(at_ms));
                }
                n_units += columns.units.len();
                counts.packages.push(columns);
                if n_units >= FRAME_UNITS {
                    flush_counts(&mut counts, message);
                    n_units = 0;
                    if let Some(messages) = messages.as_deref_mut().filter(|_| full(message)) {
                        finish(message, messages);
                    }
                }
            }
        }
        flush_counts(&mut counts, message);
        if process.appeared > since || process.state_version > since {
            let (state, at_ms) = (process.state, process.state_ms);
            encode(&RelayToViewer::State { handle, at_ms, state }, message);
        }
        if process.tracing_version > since {
            let entries = process.tracing;
            encode(&RelayToViewer::Tracing { handle, entries }, message);
        }
        if let Some(messages) = messages.filter(|_| full(message)) {
            finish(message, messages);
        }
    }

    /// Appends the flow events that wait; what had to be dropped is counted as lost.
    fn take_flow(&mut self, message: &mut Vec<u8>) -> Vec<(u32, u64)> {
        let mut totals = Vec::new();
        for (handle, mut flow) in std::mem::take(&mut self.flow) {
            if let Some(process) = self.processes.get_mut(&handle) {
                flow.lost = flow.lost.saturating_add(std::mem::take(&mut process.flow_lost));
                process.flow_total = process
                    .flow_total
                    .saturating_add(flow.lost)
                    .saturating_add(flow.events.len() as u64);
                totals.push((handle, process.flow_total));
                encode(&RelayToViewer::Flow(flow), message);
            }
        }
        self.flow_bytes = 0;
        totals
    }

    /// A viewer that was swept has missed the flow events of that time.
    fn tell_lost_flow(&self, viewer: &Viewer, sweep: &Sweep, now_ms: u64, message: &mut Vec<u8>) {
        if viewer.version == 0 {
            return;
        }
        for &(handle, total) in &sweep.flow {
            let seen = viewer.flow_seen.get(&handle).copied().unwrap_or(0);
            if total > seen && self.processes.contains_key(&handle) {
                let (lost, events) = (total - seen, Vec::new());
                encode(&RelayToViewer::Flow(Flow { handle, at_ms: now_ms, lost, events }), message);
            }
        }
    }
}

fn flush_counts(counts: &mut Counts, message: &mut Vec<u8>) {
    if counts.packages.is_empty() {
        return;
    }
    let ages = || counts.packages.iter().flat_map(|package| &package.ages_ms);
    if ages().all(|&age_ms| age_ms < JUST_NOW_MS) {
        for package in &mut counts.packages {
            package.ages_ms.clear();
        }
    }
    let packages = std::mem::take(&mut counts.packages);
    let (handle, at_ms) = (counts.handle, counts.at_ms);
    encode(&RelayToViewer::Counts(Counts { handle, at_ms, packages }), message);
}

/// Whether the process is one whose life goes on.
pub(super) fn lives(process: &Process) -> bool {
    process.state != State::Ended
}
