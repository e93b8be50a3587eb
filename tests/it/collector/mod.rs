//! The collector: files in shared memory in, frames out.

mod agent;
mod flow;
mod hostile;
mod life;
mod programs;
mod push;
mod reading;
mod tending;
mod tiny;

use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use instrument::collector::{Collector, Config};
use tests::forge;
use wire::frame::{FlowEvent, Frame as _, Process, State};
use wire::{AgentToRelay, RelayToAgent, SourceId, Table, TableId};

/// A cache that all tests share, also those of the next run.
pub(crate) fn cache() -> &'static Path {
    Path::new(concat!(env!("CARGO_TARGET_TMPDIR"), "/coverglass-cache"))
}

/// A collector that does everything at every poll.
fn collector(folder: &Path) -> Collector {
    Collector::new(config(folder))
}

fn config(folder: &Path) -> Config {
    Config {
        directory: folder.to_owned(),
        poll: Duration::from_millis(1),
        list: Duration::ZERO,
        life: Duration::ZERO,
        grace: Duration::ZERO,
        hold: Duration::ZERO,
        sources: Vec::new(),
        host: "host".to_owned(),
    }
}

/// Polls once, now.
fn poll(collector: &mut Collector) -> Vec<AgentToRelay> {
    let mut frames = Vec::new();
    collector.poll(forge::now_ms(), &mut frames);
    frames
}

/// Why the only file that was refused was.
fn refusal(collector: &Collector) -> String {
    let refusals: Vec<String> =
        collector.refused().map(|(_, refusal)| refusal.to_string()).collect();
    assert_eq!(refusals.len(), 1, "{refusals:?}");
    refusals.concat()
}

/// What a receiver knows after some frames, which it holds to the protocol.
#[derive(Debug, Default)]
struct Seen {
    tables: BTreeMap<TableId, Table>,
    processes: BTreeMap<u32, SeenProcess>,
    sources: BTreeMap<SourceId, Option<Vec<u8>>>,
}

#[derive(Debug, Default)]
struct SeenProcess {
    process: Process,
    packages: Vec<TableId>,
    counts: BTreeMap<(u32, u32), u64>,
    ages_ms: BTreeMap<(u32, u32), u64>,
    state: State,
    ended_ms: u64,
    events: Vec<FlowEvent>,
    lost: u64,
    n_traced: u32,
}

impl Seen {
    /// Takes what one poll told.
    fn poll(&mut self, collector: &mut Collector) -> &mut Self {
        self.take(poll(collector))
    }

    fn take(&mut self, frames: Vec<AgentToRelay>) -> &mut Self {
        for frame in frames {
            let mut message = Vec::new();
            frame.encode(&mut message);
            let read = AgentToRelay::decode(&message).expect("frames can be read");
            assert!(read.first() == Some(&frame) && read.len() == 1, "frames read back");
            self.take_one(frame);
        }
        self
    }

    fn take_one(&mut self, frame: AgentToRelay) {
        match frame {
            AgentToRelay::Hello { .. } => {}
            AgentToRelay::Process(process) => {
                let seen = self.processes.entry(process.handle).or_default();
                seen.process = process;
                seen.packages.clear();
            }
            AgentToRelay::Table(bytes) => {
                let table = Table::decode(&bytes).expect("a table is whole");
                let before = self.tables.insert(TableId::of(&bytes), table);
                assert!(before.is_none(), "a table is sent once");
            }
            AgentToRelay::Packages { handle, tables } => {
                assert!(tables.iter().all(|id| self.tables.contains_key(id)));
                self.process(handle).packages.extend(tables);
            }
            AgentToRelay::Counts(counts) => {
                for package in counts.packages {
                    let id = self.process(counts.handle).packages[package.package as usize];
                    let n_units = self.tables[&id].n_units();
                    let seen = self.process(counts.handle);
                    for (i, (unit, count)) in package.units.iter().zip(&package.counts).enumerate()
                    {
                        assert!((*unit as usize) < n_units);
                        let place = (package.package, *unit);
                        let before = seen.counts.insert(place, *count);
                        assert!(before.unwrap_or(0) <= *count, "counts never decrease");
                        let age_ms = package.ages_ms.get(i).copied().unwrap_or(0);
                        seen.ages_ms.insert(place, age_ms);
                    }
                }
            }
            AgentToRelay::Flow(flow) => {
                let seen = self.process(flow.handle);
                seen.lost += flow.lost;
                seen.events.extend(flow.events);
            }
            AgentToRelay::State { handle, at_ms, state } => {
                let seen = self.process(handle);
                (seen.state, seen.ended_ms) = (state, at_ms);
            }
            AgentToRelay::Source { id, bytes } => {
                self.sources.insert(id, bytes);
            }
            AgentToRelay::Tracing { handle, entries } => self.process(handle).n_traced = entries,
            AgentToRelay::TraceBegin(_)
            | AgentToRelay::TracePiece(_)
            | AgentToRelay::TraceEnd { .. } => panic!("the collector sends no execution trace"),
        }
    }

    fn process(&mut self, handle: u32) -> &mut SeenProcess {
        self.processes.get_mut(&handle).expect("a process is told before what it does")
    }

    /// The only process.
    fn only(&self) -> &SeenProcess {
        assert_eq!(self.processes.len(), 1, "{self:?}");
        self.processes.values().next().expect("there is one")
    }
}

impl SeenProcess {
    /// Counts of one package, as pairs of unit and count.
    fn counts_of(&self, package: u32) -> Vec<(u32, u64)> {
        let of = self.counts.iter().filter(|((position, _), _)| *position == package);
        of.map(|((_, unit), count)| (*unit, *count)).collect()
    }
}

/// A process that does nothing until it is killed.
struct Sleeper(Child);

impl Sleeper {
    fn new() -> Self {
        let mut command = Command::new("sleep");
        Self(command.arg("1000").stdin(Stdio::null()).spawn().expect("sleep can be run"))
    }

    fn pid(&self) -> u32 {
        self.0.id()
    }

    /// Kills it, and takes it from the system's table if `reap`; otherwise it stays a zombie.
    fn kill(&mut self, reap: bool) {
        self.0.kill().expect("it can be killed");
        if reap {
            self.0.wait().expect("it can be waited for");
        }
    }
}

impl Drop for Sleeper {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn trace(handle: u32, on: bool, package: Option<u32>, units: &[u32]) -> RelayToAgent {
    RelayToAgent::Trace { handle, on, package, units: units.to_vec() }
}
