//! One package of one process: its counters as they were told last, and its flow switches.

use std::sync::Arc;

use wire::frame::PackageCounts;

use super::layout::{REGION_BYTES, RegionHeader, u64_at};
use super::refusal::Refusal;
use super::shared_file::SharedFile;
use super::tables::{KnownTable, Tables};

/// Bytes read and compared at a time: they stay in the second-level cache.
const CHUNK_BYTES: usize = 128 << 10;
/// Bytes compared at a time inside a chunk that differs.
const BLOCK_BYTES: usize = 512;

/// A package that a process registered.
#[derive(Debug)]
pub(super) struct Region {
    /// Its structure.
    pub table: Arc<KnownTable>,
    counters_at: u64,
    modes_at: u64,
    /// Counters as known, as the file holds them: little endian.
    counts: Vec<u8>,
    /// When each changed last, in milliseconds since the process started.
    changed: Vec<u32>,
    /// Units from here on were not told yet to this connection.
    untold: usize,
    /// Chunk where the last comparison stopped because enough had changed.
    resume: usize,
    /// Whether the counters were read before.
    seen: bool,
    /// Whether each entry is traced.
    traced: Vec<bool>,
}

/// What one poll needs to know to read a package.
#[derive(Debug)]
pub(super) struct Reading<'a> {
    /// The process's file.
    pub file: &'a SharedFile,
    /// Room for a chunk.
    pub scratch: &'a mut Vec<u8>,
    /// Now, in milliseconds since the process started.
    pub now: u32,
    /// The same clock when what a first reading finds is taken to have happened.
    pub first: u32,
    /// How many more units this poll may tell.
    pub units_left: &'a mut usize,
}

impl Region {
    /// The region that starts at `start`, and where the next one does.
    pub(super) fn read(
        file: &SharedFile,
        start: u64,
        page: u64,
        tables: &mut Tables,
    ) -> Result<(Self, u64), Refusal> {
        let mut bytes = [0; REGION_BYTES];
        file.read(start, &mut bytes)?;
        let header = RegionHeader::parse(&bytes, start, page, file.length()?)?;
        let mut bytes = vec![0; header.table_bytes];
        file.read(header.table_at, &mut bytes)?;
        let table = tables
            .adopt(header.table, bytes)
            .map_err(|source| Refusal::Table { offset: header.table_at, source })?;
        if table.n_units != header.n_counters {
            return Err(Refusal::malformed(start + 16, "its table has another number of units"));
        }
        if table.entries.len() != header.n_entries {
            return Err(Refusal::malformed(start + 20, "its table has another number of entries"));
        }
        let region = Self {
            counters_at: header.counters_at,
            modes_at: header.modes_at,
            counts: vec![0; 8 * header.n_counters],
            changed: vec![0; header.n_counters],
            untold: 0,
            resume: 0,
            seen: false,
            traced: vec![false; header.n_entries],
            table,
        };
        Ok((region, header.end))
    }

    /// Tells everything again, to a new connection.
    pub(super) fn announce(&mut self) {
        self.untold = 0;
    }

    /// Reads the counters and appends to `out` what has to be told, units ascending.
    ///
    /// Returns whether everything was read and told; otherwise the next reading goes on where this
    /// one stopped.
    pub(super) fn poll(
        &mut self,
        reading: &mut Reading<'_>,
        out: &mut PackageCounts,
    ) -> Result<bool, Refusal> {
        let changed_at = if self.seen { reading.now } else { reading.first };
        self.seen = true;
        let complete = self.compare(reading, changed_at, out)?;
        Ok(self.tell_rest(reading, out) && complete)
    }

    /// Compares the file with what is known, and tells changes of units that were told before.
    fn compare(
        &mut self,
        reading: &mut Reading<'_>,
        changed_at: u32,
        out: &mut PackageCounts,
    ) -> Result<bool, Refusal> {
        reading.scratch.resize(CHUNK_BYTES, 0);
        let start = std::mem::take(&mut self.resume);
        for (chunk_idx, known) in self.counts.chunks_mut(CHUNK_BYTES).enumerate().skip(start) {
            let at = chunk_idx * CHUNK_BYTES;
            let fresh = reading.scratch.get_mut(..known.len()).unwrap_or_default();
            reading.file.read(self.counters_at + at as u64, fresh)?;
            if *fresh == *known {
                continue;
            }
            let blocks = fresh.chunks(BLOCK_BYTES).zip(known.chunks_mut(BLOCK_BYTES));
            for (block_idx, (fresh, known)) in blocks.enumerate() {
                if fresh == known {
                    continue;
                }
                let words = fresh.chunks_exact(8).zip(known.chunks_exact_mut(8));
                for (word_idx, (fresh, known)) in words.enumerate() {
                    let (old, new) = (u64_at(known, 0), u64_at(fresh, 0));
                    // Counters only grow: anything else is a target that plays tricks.
                    if new <= old {
                        continue;
                    }
                    let unit = (at + block_idx * BLOCK_BYTES) / 8 + word_idx;
                    let told = unit < self.untold;
                    if told && *reading.units_left == 0 {
                        self.resume = chunk_idx;
                        return Ok(false);
                    }
                    let new = if may_be_torn(old, new) {
                        let mut word = [0; 8];
                        reading.file.read(self.counters_at + 8 * unit as u64, &mut word)?;
                        u64::from_le_bytes(word).max(old)
                    } else {
                        new
                    };
                    known.copy_from_slice(&new.to_le_bytes());
                    if let Some(changed) = self.changed.get_mut(unit) {
                        *changed = changed_at;
                    }
                    if told {
                        *reading.units_left -= 1;
                        push(out, unit, new, u64::from(reading.now.saturating_sub(changed_at)));
                    }
                }
            }
        }
        Ok(start == 0)
    }

    /// Tells the counts of units that this connection was not told yet.
    fn tell_rest(&mut self, reading: &mut Reading<'_>, out: &mut PackageCounts) -> bool {
        let rest = self.counts.get(8 * self.untold..).unwrap_or_default();
        let first = self.untold;
        for (i, (word, &changed)) in
            rest.chunks_exact(8).zip(self.changed.get(first..).unwrap_or_default()).enumerate()
        {
            let count = u64_at(word, 0);
            if count > 0 {
                if *reading.units_left == 0 {
                    self.untold = first + i;
                    return false;
                }
                *reading.units_left -= 1;
                push(out, first + i, count, u64::from(reading.now.saturating_sub(changed)));
            }
        }
        self.untold = self.changed.len();
        true
    }

    /// How many entries are traced.
    pub(super) fn n_traced(&self) -> usize {
        self.traced.iter().filter(|&&on| on).count()
    }

    /// Whether flow can be switched at this unit.
    pub(super) fn is_entry(&self, unit: u32) -> bool {
        self.table.entries.binary_search(&unit).is_ok()
    }

    /// Learns which entries are traced already.
    pub(super) fn read_modes(&mut self, file: &SharedFile) -> Result<(), Refusal> {
        let mut bytes = vec![0; 8 * self.traced.len()];
        if !bytes.is_empty() {
            file.read(self.modes_at, &mut bytes)?;
        }
        for (traced, word) in self.traced.iter_mut().zip(bytes.chunks_exact(8)) {
            *traced = u64_at(word, 0) != 0;
        }
        Ok(())
    }

    /// Switches these entries, or all where `units` is empty.
    pub(super) fn switch(
        &mut self,
        file: &SharedFile,
        on: bool,
        units: &[u32],
    ) -> Result<(), Refusal> {
        if self.traced.is_empty() {
            return Ok(());
        }
        if units.is_empty() {
            self.traced.fill(on);
        }
        for unit in units {
            let entry = self.table.entries.binary_search(unit).ok();
            if let Some(traced) = entry.and_then(|entry| self.traced.get_mut(entry)) {
                *traced = on;
            }
        }
        // Words behind the end of a file that was cut would lengthen it again.
        if self.modes_at + 8 * self.traced.len() as u64 > file.length()? {
            return Err(Refusal::malformed(self.modes_at, "the file ends before its mode words"));
        }
        let words: Vec<u8> =
            self.traced.iter().flat_map(|&on| u64::from(on).to_le_bytes()).collect();
        file.write(self.modes_at, &words)
    }
}

fn push(out: &mut PackageCounts, unit: usize, count: u64, age_ms: u64) {
    out.units.push(u32::try_from(unit).unwrap_or(u32::MAX));
    out.counts.push(count);
    out.ages_ms.push(age_ms);
}

/// Whether a value may be made of bytes from before and after a carry: only then can a copy that
/// isn't made word by word hold more than was ever counted, and the largest value seen is kept.
fn may_be_torn(old: u64, new: u64) -> bool {
    new & 0xff == 0xff && new >> 8 != old >> 8
}
