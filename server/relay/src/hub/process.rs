//! What is remembered of one process.

use std::sync::Arc;

use sha2::{Digest, Sha256};
use wire::frame::State;

use super::columns::Columns;
use super::table::KnownTable;

/// Names a connected agent, the local collector included.
pub(crate) type AgentId = u32;

/// One package of a process.
#[derive(Debug)]
pub(crate) struct Package {
    /// Its structure.
    pub(crate) table: Arc<KnownTable>,
    /// Its counts.
    pub(crate) columns: Columns,
    /// The version in which it was added.
    pub(crate) added: u32,
    /// The version in which a count changed last.
    pub(crate) version: u32,
}

/// A process, or what became of many that ended ([`Process::is_fold`]).
///
/// Each fact carries the version in which it changed last, so that a viewer who has seen version
/// `v` is told what is newer, and nothing else.
#[derive(Debug)]
pub(crate) struct Process {
    /// What its agent said of it; the handle is the hub's.
    pub(crate) about: wire::frame::Process,
    /// Its packages, in the order of registration.
    pub(crate) packages: Vec<Package>,
    /// What is known of its life.
    pub(crate) state: State,
    /// Since when, in Unix milliseconds.
    pub(crate) state_ms: u64,
    /// Entries that are traced.
    pub(crate) tracing: u32,
    /// The agents that watch it, each with its own handle for it.
    pub(crate) agents: Vec<(AgentId, u32)>,
    /// Processes folded into this one; 0 for a process proper.
    pub(crate) folded: u32,
    /// When it was last reset, in Unix milliseconds.
    pub(crate) reset_ms: u64,
    /// Flow events sent or lost up to the last batch.
    pub(crate) flow_total: u64,
    /// Flow events lost since the last batch.
    pub(crate) flow_lost: u64,
    /// The version in which it appeared under its name.
    pub(crate) appeared: u32,
    /// The version in which `state` changed.
    pub(crate) state_version: u32,
    /// The version in which `tracing` changed.
    pub(crate) tracing_version: u32,
    /// The version of the last reset; 0 for none. All older counts are 0.
    pub(crate) reset_version: u32,
    /// The newest of all versions here.
    pub(crate) version: u32,
    build: String,
}

impl Process {
    /// A process that just appeared.
    pub(crate) fn new(about: wire::frame::Process, version: u32, now_ms: u64) -> Self {
        Self {
            about,
            packages: Vec::new(),
            state: State::Running,
            state_ms: now_ms,
            tracing: 0,
            agents: Vec::new(),
            folded: 0,
            reset_ms: 0,
            flow_total: 0,
            flow_lost: 0,
            appeared: version,
            state_version: version,
            tracing_version: 0,
            reset_version: 0,
            version,
            build: build_id(&[]),
        }
    }

    /// Names the build: 16 hex digits that all processes with the same tables share.
    pub(crate) fn build(&self) -> &str {
        &self.build
    }

    /// Whether this stands for many processes that ended.
    pub(crate) fn is_fold(&self) -> bool {
        self.folded > 0
    }

    /// How many units all packages have.
    pub(crate) fn n_units(&self) -> usize {
        self.packages.iter().map(|package| package.columns.len()).sum()
    }

    /// Appends packages.
    pub(crate) fn append(&mut self, tables: Vec<Arc<KnownTable>>, version: u32) {
        self.packages.extend(tables.into_iter().map(|table| Package {
            columns: Columns::new(table.n_units()),
            table,
            added: version,
            version: 0,
        }));
        self.version = version;
        self.build = build_id(&self.packages);
    }

    /// It has another name now, as one has whose main package took its time: it is told anew.
    pub(crate) fn rename(&mut self, service: String, version: u32) {
        self.about.service = service;
        self.appeared = version;
        self.version = version;
    }

    /// Its life changed.
    pub(crate) fn enter(&mut self, state: State, at_ms: u64, version: u32) {
        self.state = state;
        self.state_ms = at_ms;
        self.state_version = version;
        self.version = version;
    }

    /// Counts start again from 0.
    pub(crate) fn reset(&mut self, at_ms: u64, version: u32) {
        for package in &mut self.packages {
            package.columns.reset();
        }
        self.reset_ms = at_ms;
        self.reset_version = version;
        self.version = version;
    }

    /// Statements that ran since the last reset, and all there are.
    pub(crate) fn statements(&self) -> (u64, u64) {
        let (mut covered, mut total) = (0, 0);
        for package in &self.packages {
            for (count, &statements) in package.columns.counts().zip(&package.table.statements) {
                total += u64::from(statements);
                covered += if count > 0 { u64::from(statements) } else { 0 };
            }
        }
        (covered, total)
    }
}

fn build_id(packages: &[Package]) -> String {
    let mut ids: Vec<_> = packages.iter().map(|package| package.table.id).collect();
    ids.sort_unstable();
    let mut hash = Sha256::new();
    for id in ids {
        hash.update(id.0);
    }
    let digest: [u8; 32] = hash.finalize().into();
    digest[..8].iter().map(|byte| format!("{byte:02x}")).collect()
}
