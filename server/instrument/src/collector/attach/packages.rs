//! The packages of a process, and the units that its counters stand for.
//!
//! Each covered package registers its meta-data when it is initialized (Go `internal/coverage/rtcov`),
//! in a list that only grows. Counters name a package by its position in the list, from 1 on.
//! Packages that run before they can register, those below the runtime, have numbers from -2 down
//! that are built in and stand in the list as well.
//!
//! ```text
//! Meta  := list address u64 · packages u64 · capacity u64 · …
//! entry := meta-data address u64 · length u32 · hash [16] · 0 [4] · path address u64
//!          · path length u64 · built-in number i64 (-1 for none) · mode u8 · granularity u8 · 0 [6]
//! ```

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;
use std::time::{Duration, Instant};

use coverage::Mode;
use formats::go_meta::{self, Granularity, Meta, Stated};
use formats::go_write;
use wire::table::{Origin, Table};
use wire::{TableId, limits as wire_limits};

use super::super::layout::{u32_at, u64_at};
use super::super::limits as collector_limits;
use super::super::tables::{KnownTable, Tables};
use super::binary::BuildInfo;
use super::counters::Lookup;
use super::error::AttachError;
use super::limits;
use super::process::Process;
use super::sources::Sources;

const LIST_BYTES: usize = 24;
const ENTRY_BYTES: usize = 64;
/// How long an entry may take to be written before the list is given up.
const WRITING: Duration = Duration::from_secs(2);
/// Place in errors.
const PLACE: &str = "the list of its packages";

/// The packages that a process has registered.
#[derive(Debug, Default)]
pub(super) struct Packages {
    pub(super) list: Vec<Package>,
    /// Positions of packages with a number that is built in.
    built_in: BTreeMap<i32, usize>,
    pub(super) n_units: u32,
    /// How the program counts.
    pub(super) mode: Mode,
    /// Since when an entry is there that isn't whole.
    waiting: Option<Instant>,
}

/// A package that a process has registered.
#[derive(Debug)]
pub(super) struct Package {
    pub(super) table: Arc<KnownTable>,
    /// Its units among those of the process.
    pub(super) units: Range<u32>,
    /// Units of each function among those of the process.
    functions: Vec<Range<u32>>,
    /// Hash of its meta-data.
    hash: [u8; 16],
}

/// What is needed to make tables.
#[derive(Debug)]
pub(super) struct Shared<'a> {
    pub(super) build: &'a BuildInfo,
    pub(super) sources: &'a mut Sources,
    pub(super) tables: &'a mut Tables,
}

struct Entry {
    blob_at: u64,
    n_bytes: usize,
    hash: [u8; 16],
    built_in: i64,
    mode: u8,
    granularity: u8,
}

impl Entry {
    fn parse(bytes: &[u8]) -> Option<Self> {
        Some(Self {
            blob_at: u64_at(bytes, 0),
            n_bytes: u32_at(bytes, 8) as usize,
            hash: bytes.get(12..28)?.try_into().ok()?,
            built_in: u64_at(bytes, 48).cast_signed(),
            mode: *bytes.get(56)?,
            granularity: *bytes.get(57)?,
        })
    }
}

impl Packages {
    /// Reads the packages that were registered since, and returns whether those were all.
    pub(super) fn read(
        &mut self,
        process: &Process,
        address: u64,
        shared: &mut Shared<'_>,
    ) -> Result<bool, AttachError> {
        let mut head = [0; LIST_BYTES];
        process.read(address, &mut head)?;
        let n_packages = u64_at(&head, 8);
        if n_packages > wire_limits::PACKAGES as u64 {
            let limit = wire_limits::PACKAGES as u64;
            return Err(AttachError::Limit { what: "number of packages", limit });
        }
        let mut bytes_left = limits::POLL_BLOB_BYTES;
        while (self.list.len() as u64) < n_packages {
            if bytes_left == 0 {
                return Ok(false);
            }
            let mut bytes = [0; ENTRY_BYTES];
            let offset = (self.list.len() * ENTRY_BYTES) as u64;
            // The list may move while it grows; what it was is overwritten later than it is left.
            match process.read(u64_at(&head, 0).wrapping_add(offset), &mut bytes) {
                Err(AttachError::Io { .. }) => return self.wait(),
                read => read?,
            }
            let entry = Entry::parse(&bytes);
            let Some((entry, blob)) = entry.and_then(|entry| read_blob(process, entry)) else {
                return self.wait();
            };
            self.waiting = None;
            bytes_left = bytes_left.saturating_sub(blob.len());
            let position = self.list.len();
            self.add(&blob, entry.mode, entry.granularity, shared)?;
            if let Ok(number) = i32::try_from(entry.built_in)
                && number < -1
            {
                self.built_in.insert(number, position);
            }
        }
        Ok(true)
    }

    /// The entry isn't whole: its process may be at it.
    fn wait(&mut self) -> Result<bool, AttachError> {
        if self.waiting.get_or_insert_with(Instant::now).elapsed() > WRITING {
            return Err(AttachError::malformed(PLACE, "an entry names no meta-data"));
        }
        Ok(false)
    }

    /// Adds the packages of a meta-data file that the process has left, as far as they aren't
    /// known. `false`: it is of another program.
    pub(super) fn read_file(
        &mut self,
        bytes: &[u8],
        shared: &mut Shared<'_>,
    ) -> Result<bool, AttachError> {
        let malformed = |error| AttachError::malformed("its covmeta file", error);
        let meta = go_meta::read(bytes).map_err(malformed)?;
        let known = self.list.iter().zip(&meta.packages);
        if meta.packages.len() < self.list.len() || known.clone().any(|(a, b)| a.hash != b.hash) {
            return Ok(false);
        }
        let granularity = if meta.granularity == Granularity::Block { 1 } else { 2 };
        let mode = match meta.mode {
            Mode::Set => 1,
            Mode::Count => 2,
            Mode::Atomic => 3,
        };
        for package in meta.packages.get(self.list.len()..).unwrap_or_default() {
            self.add(package.blob, mode, granularity, shared)?;
        }
        Ok(true)
    }

    fn add(
        &mut self,
        blob: &[u8],
        mode: u8,
        granularity: u8,
        shared: &mut Shared<'_>,
    ) -> Result<(), AttachError> {
        let malformed = |error: String| AttachError::malformed("its meta-data", error);
        match mode {
            1 => self.mode = Mode::Set,
            2 => self.mode = Mode::Count,
            3 => self.mode = Mode::Atomic,
            // Packages that are registered without counters.
            _ => {}
        }
        let granularity = if granularity == 2 { Granularity::Function } else { Granularity::Block };
        let file = go_write::meta_file(&[blob], Stated::new(self.mode, granularity), [0; 16]);
        let meta = go_meta::read(&file).map_err(|error| malformed(error.to_string()))?;
        let table = table(&meta, self.mode, shared);
        let bytes = table.encode();
        let known = shared.tables.adopt(TableId::of(&bytes), bytes);
        let known = known.map_err(|error| malformed(error.to_string()))?;
        let first = self.n_units;
        let n_units = first as usize + meta.units.len();
        if n_units > collector_limits::PROCESS_UNITS {
            let limit = collector_limits::PROCESS_UNITS as u64;
            return Err(AttachError::Limit { what: "units of a process", limit });
        }
        self.n_units = u32::try_from(n_units).unwrap_or(u32::MAX);
        let shift = |range: &Range<u32>| range.start + first..range.end + first;
        self.list.push(Package {
            table: known,
            units: first..self.n_units,
            functions: meta.functions.iter().map(|function| shift(&function.units)).collect(),
            hash: meta.packages.first().map(|package| package.hash).unwrap_or_default(),
        });
        Ok(())
    }

    /// The units of a function as counters in memory name it.
    pub(super) fn find(&self, package: u32, function: u32) -> Lookup {
        let number = package.cast_signed();
        let position = match number {
            0 => return Lookup::NotYet,
            1.. => package as usize - 1,
            _ => match self.built_in.get(&number) {
                Some(&position) => position,
                None => return Lookup::NotYet,
            },
        };
        match self.units(position, function) {
            Some(units) => Lookup::Units(units),
            None if position >= self.list.len() => Lookup::NotYet,
            None => Lookup::Nothing,
        }
    }

    /// The units of a function as counter files name it.
    pub(super) fn units(&self, position: usize, function: u32) -> Option<Range<u32>> {
        self.list.get(position)?.functions.get(function as usize).cloned()
    }
}

/// The meta-data that an entry names, if it is that.
fn read_blob(process: &Process, entry: Entry) -> Option<(Entry, Vec<u8>)> {
    // The compiler writes length and hash in front of the meta-data as well.
    if !(go_meta::PACKAGE_HEADER_BYTES..=wire_limits::TABLE_BYTES).contains(&entry.n_bytes) {
        return None;
    }
    let mut head = [0; go_meta::PACKAGE_HEADER_BYTES];
    process.read(entry.blob_at, &mut head).ok()?;
    if u32_at(&head, 0) as usize != entry.n_bytes || head.get(16..32) != Some(&entry.hash) {
        return None;
    }
    let mut blob = vec![0; entry.n_bytes];
    process.read(entry.blob_at, &mut blob).ok()?;
    Some((entry, blob))
}

/// The table of a package, the only one of this meta-data.
fn table(meta: &Meta<'_>, mode: Mode, shared: &mut Shared<'_>) -> Table {
    let Some(package) = meta.packages.first() else { return Table::default() };
    let mut table = crate::table_of(meta, mode);
    for (file_idx, file) in (0..).zip(&mut table.files) {
        let units = table.functions.iter().filter(|function| function.file == file_idx);
        let spans = units.flat_map(|function| function.units.iter().map(|unit| unit.span));
        file.source = shared.sources.find(package.module, package.path, &file.path, spans);
    }
    table.origin = origin(package.path, package.module, shared.build);
    table
}

fn origin(path: &str, module: &str, build: &BuildInfo) -> Origin {
    let version = build.modules.iter().find(|(path, _)| path == module).map(|(_, v)| v.as_str());
    let first = path.split('/').next().unwrap_or_default();
    if module == build.main || version == Some("(devel)") || path == "command-line-arguments" {
        Origin::Main
    } else if module.is_empty() && !first.contains('.') {
        Origin::Std
    } else {
        Origin::Dependency
    }
}
