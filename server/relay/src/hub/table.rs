//! A package's table as the relay keeps it: packed, as it goes to viewers, and what is asked often.

use bytes::Bytes;
use wire::frame::Frame;
use wire::{RelayToViewer, SourceId, Table, TableId, WireError};

/// A table that some process has, or that an agent announced.
#[derive(Debug)]
pub(crate) struct KnownTable {
    /// Its id.
    pub(crate) id: TableId,
    /// The version in which it arrived.
    pub(crate) version: u32,
    /// The message that carries it to viewers; all of them share these bytes.
    pub(crate) message: Bytes,
    /// Import path of the package.
    pub(crate) package: String,
    /// Statements of each unit, in counter order.
    pub(crate) statements: Vec<u32>,
    /// First units of the functions that can be traced, ascending.
    pub(crate) entries: Vec<u32>,
    /// The sources that it names, unknown ones left out, ascending.
    pub(crate) sources: Vec<SourceId>,
    table_bytes: usize,
}

impl KnownTable {
    /// Reads and checks a table with this id. Where it stands among others is for the hub to say.
    pub(crate) fn new(bytes: Vec<u8>, id: TableId) -> Result<Self, WireError> {
        let table = Table::decode(&bytes)?;
        let table_bytes = bytes.len();
        let mut message = Vec::with_capacity(table_bytes + 8);
        RelayToViewer::Table(bytes).encode(&mut message);
        let units = table.functions.iter().flat_map(|function| &function.units);
        let mut sources: Vec<_> = table.files.iter().map(|file| file.source).collect();
        sources.retain(|&source| source != SourceId::UNKNOWN);
        sources.sort_unstable();
        sources.dedup();
        Ok(Self {
            id,
            version: 0,
            message: message.into(),
            statements: units.map(|unit| unit.statements).collect(),
            package: table.package,
            entries: table.entries,
            sources,
            table_bytes,
        })
    }

    /// How many units the package has.
    pub(crate) fn n_units(&self) -> usize {
        self.statements.len()
    }

    /// Length of the packed table.
    pub(crate) fn n_bytes(&self) -> usize {
        self.table_bytes
    }

    /// The table itself, unpacked again: it is asked for rarely and large.
    pub(crate) fn table(&self) -> Table {
        let start = self.message.len() - self.table_bytes;
        // The bytes were read once already, so this can't fail; an empty table is harmless.
        Table::decode(&self.message[start..]).unwrap_or_default()
    }
}
