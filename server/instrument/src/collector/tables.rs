//! The unit tables of the packages that are watched, each kept once.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use wire::{AgentToRelay, SourceId, Table, TableId, WireError};

use super::limits;

/// A table that was checked: its bytes are what its id says, and they decode.
#[derive(Debug)]
pub(super) struct KnownTable {
    /// Hash of the bytes.
    pub id: TableId,
    /// Encoded table.
    pub bytes: Vec<u8>,
    /// Import path.
    pub package: String,
    /// Name in the package clause.
    pub name: String,
    /// Number of units.
    pub n_units: usize,
    /// Units where flow can be switched, ascending.
    pub entries: Vec<u32>,
}

/// All tables of the processes that are watched.
#[derive(Debug, Default)]
pub(super) struct Tables {
    known: BTreeMap<TableId, Arc<KnownTable>>,
    sent: BTreeSet<TableId>,
    /// Path of each source in profiles, kept when `keep_paths` is set.
    paths: BTreeMap<SourceId, String>,
    keep_paths: bool,
}

impl Tables {
    /// No tables; `keep_paths` remembers the paths of their sources for [`Tables::path`].
    pub(super) fn new(keep_paths: bool) -> Self {
        Self { keep_paths, ..Self::default() }
    }

    /// The table in `bytes`, which must be the one that `id` names.
    pub(super) fn adopt(
        &mut self,
        id: TableId,
        bytes: Vec<u8>,
    ) -> Result<Arc<KnownTable>, WireError> {
        if let Some(known) = self.known.get(&id).filter(|known| known.bytes == bytes) {
            return Ok(known.clone());
        }
        if TableId::of(&bytes) != id {
            return Err(WireError::Malformed {
                offset: 0,
                what: "its bytes are not those its id names",
            });
        }
        let table = Table::decode(&bytes)?;
        if self.keep_paths {
            for file in &table.files {
                if self.paths.len() < limits::SOURCE_PATHS && file.source != SourceId::UNKNOWN {
                    self.paths.insert(file.source, file.path.clone());
                }
            }
        }
        let known = Arc::new(KnownTable {
            id,
            bytes,
            n_units: table.n_units(),
            package: table.package,
            name: table.name,
            entries: table.entries,
        });
        self.known.insert(id, known.clone());
        Ok(known)
    }

    /// Tells of a table, unless this connection was told before.
    pub(super) fn send(&mut self, table: &KnownTable, frames: &mut Vec<AgentToRelay>) {
        if self.sent.insert(table.id) {
            frames.push(AgentToRelay::Table(table.bytes.clone()));
        }
    }

    /// A new connection was told nothing yet.
    pub(super) fn announce(&mut self) {
        self.sent.clear();
    }

    /// Drops the tables of packages that nobody watches any more.
    pub(super) fn prune(&mut self) {
        self.known.retain(|_, table| Arc::strong_count(table) > 1);
    }

    /// Path in profiles of a source that some table named.
    pub(super) fn path(&self, source: SourceId) -> Option<&str> {
        self.paths.get(&source).map(String::as_str)
    }
}
