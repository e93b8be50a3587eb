//! What an agent said, with its times, in a file: to be played where there is nothing to watch.
//!
//! ```text
//! file      := recording | gzip(recording)
//! recording := "CGR" · version u8 · release str · began uleb (Unix ms) · record*
//! record    := pause uleb (ms since the record before) · length uleb · frame* (length bytes)
//! ```
//!
//! Frames are those of an agent (`wire::frame`), without a greeting; the first record holds the
//! sources. Counts within [`WINDOW_MS`] are merged: they are cumulative, so the last ones say all.

use std::collections::BTreeMap;
use std::io::{Read, Write};

use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;
use thiserror::Error;
use wire::codec::{Reader, Writer};
use wire::frame::{Counts, Frame, PackageCounts};
use wire::{AgentToRelay, SourceId, Table, WireError};

use crate::limits;

const MAGIC: &[u8; 3] = b"CGR";
const VERSION: u8 = 1;
const GZIP: &[u8] = &[0x1f, 0x8b];

/// Counts this close together are recorded as one.
pub const WINDOW_MS: u64 = 50;

/// Why bytes are no recording.
#[derive(Debug, Error)]
pub enum RecordingError {
    /// It can't be unpacked.
    #[error("not a gzip file, or cut short: {0}")]
    Packed(#[from] std::io::Error),
    /// It breaks the form. Offsets count from the start of the recording or record.
    #[error("{0}")]
    Malformed(#[from] WireError),
    /// It is larger than this build reads.
    #[error("longer than {limit} bytes")]
    Limit {
        /// The bound.
        limit: usize,
    },
}

/// A recording, read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Recording {
    /// The release that made it.
    pub release: String,
    /// When it began, in Unix milliseconds.
    pub began_ms: u64,
    /// What was said, in order.
    pub records: Vec<Record>,
}

/// What was said at one time.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Record {
    /// When, in milliseconds after the recording began.
    pub at_ms: u64,
    /// The frames.
    pub frames: Vec<AgentToRelay>,
}

impl Recording {
    /// Reads a recording.
    ///
    /// # Errors
    /// Where and why the bytes are none.
    pub fn read(bytes: &[u8]) -> Result<Self, RecordingError> {
        if bytes.len() > limits::RECORDING_BYTES {
            return Err(RecordingError::Limit { limit: limits::RECORDING_BYTES });
        }
        if !bytes.starts_with(GZIP) {
            return Self::read_plain(bytes);
        }
        let mut plain = Vec::new();
        let limit = limits::RECORDING_UNPACKED;
        GzDecoder::new(bytes).take(limit as u64 + 1).read_to_end(&mut plain)?;
        if plain.len() > limit {
            return Err(RecordingError::Limit { limit });
        }
        Self::read_plain(&plain)
    }

    fn read_plain(bytes: &[u8]) -> Result<Self, RecordingError> {
        let mut reader = Reader::new(bytes);
        if &reader.array::<3>("magic")? != MAGIC {
            return Err(WireError::Malformed { offset: 0, what: "not a recording" }.into());
        }
        let version = reader.byte("version")?;
        if version != VERSION {
            let (found, expected) = (version.into(), VERSION.into());
            return Err(WireError::Version { found, expected }.into());
        }
        let release = reader.string("release")?.to_owned();
        let began_ms = reader.uleb("time")?;
        let mut records = Vec::new();
        let mut at_ms = 0u64;
        while reader.remaining() > 0 {
            at_ms = at_ms.saturating_add(reader.uleb("pause")?);
            let length = reader.length("record", wire::limits::MESSAGE_BYTES, 1)?;
            let frames = AgentToRelay::decode(reader.raw(length, "record")?)?;
            records.push(Record { at_ms, frames });
        }
        Ok(Self { release, began_ms, records })
    }

    /// The recording as a packed file.
    pub fn write(&self) -> Vec<u8> {
        let mut writer = Writer::default();
        writer.raw(MAGIC);
        writer.byte(VERSION);
        writer.string(&self.release);
        writer.uleb(self.began_ms);
        let mut before_ms = 0;
        for record in &self.records {
            let mut message = Vec::new();
            record.frames.iter().for_each(|frame| frame.encode(&mut message));
            writer.uleb(record.at_ms.saturating_sub(before_ms));
            writer.uleb(message.len() as u64);
            writer.raw(&message);
            before_ms = record.at_ms;
        }
        let mut packer = GzEncoder::new(Vec::new(), Compression::best());
        // Writing to memory does not fail.
        let _ = packer.write_all(&writer.into_bytes());
        packer.finish().unwrap_or_default()
    }

    /// The sources that the recorded tables name, ascending.
    pub fn sources(&self) -> Vec<SourceId> {
        let mut sources = Vec::new();
        for frame in self.records.iter().flat_map(|record| &record.frames) {
            if let AgentToRelay::Table(bytes) = frame
                && let Ok(table) = Table::decode(bytes)
            {
                sources.extend(table.files.iter().map(|file| file.source));
            }
        }
        sources.retain(|&source| source != SourceId::UNKNOWN);
        sources.sort_unstable();
        sources.dedup();
        sources
    }
}

/// Takes down what an agent says.
#[derive(Debug)]
pub struct Recorder {
    recording: Recording,
    /// Counts that wait for the end of their window, by process and package.
    waiting: BTreeMap<(u32, u32), BTreeMap<u32, u64>>,
    waiting_since_ms: u64,
}

impl Recorder {
    /// Starts at this time.
    pub fn new(now_ms: u64) -> Self {
        let release = env!("CARGO_PKG_VERSION").to_owned();
        Self {
            recording: Recording { release, began_ms: now_ms, records: Vec::new() },
            waiting: BTreeMap::new(),
            waiting_since_ms: 0,
        }
    }

    /// Takes down frames.
    pub fn take(&mut self, now_ms: u64, frames: Vec<AgentToRelay>) {
        let at_ms = now_ms.saturating_sub(self.recording.began_ms);
        if at_ms >= self.waiting_since_ms + WINDOW_MS {
            self.flush(at_ms);
        }
        let mut others = Vec::new();
        for frame in frames {
            match frame {
                AgentToRelay::Counts(counts) => {
                    if self.waiting.is_empty() {
                        self.waiting_since_ms = at_ms;
                    }
                    self.push(at_ms, std::mem::take(&mut others));
                    for package in counts.packages {
                        let units = self.waiting.entry((counts.handle, package.package));
                        units.or_default().extend(package.units.into_iter().zip(package.counts));
                    }
                }
                AgentToRelay::Hello { .. } => {}
                other => {
                    self.flush(at_ms);
                    others.push(other);
                }
            }
        }
        self.push(at_ms, others);
    }

    /// The recording, with these sources.
    pub fn finish(
        mut self,
        now_ms: u64,
        source: impl Fn(SourceId) -> Option<Vec<u8>>,
    ) -> Recording {
        self.flush(now_ms.saturating_sub(self.recording.began_ms));
        let sources = self.recording.sources().into_iter();
        let frames = sources.filter_map(|id| {
            source(id).map(|bytes| AgentToRelay::Source { id, bytes: Some(bytes) })
        });
        let frames = frames.collect();
        self.recording.records.insert(0, Record { at_ms: 0, frames });
        self.recording
    }

    fn flush(&mut self, at_ms: u64) {
        let mut frames: BTreeMap<u32, Vec<PackageCounts>> = BTreeMap::new();
        for ((handle, package), units) in std::mem::take(&mut self.waiting) {
            let (units, counts) = units.into_iter().unzip();
            let columns = PackageCounts { package, units, counts, ages_ms: Vec::new() };
            frames.entry(handle).or_default().push(columns);
        }
        let began_ms = self.recording.began_ms;
        let frames = frames.into_iter().map(|(handle, packages)| {
            AgentToRelay::Counts(Counts { handle, at_ms: began_ms + at_ms, packages })
        });
        let frames = frames.collect();
        self.push(at_ms, frames);
        self.waiting_since_ms = at_ms;
    }

    fn push(&mut self, at_ms: u64, frames: Vec<AgentToRelay>) {
        if !frames.is_empty() {
            self.recording.records.push(Record { at_ms, frames });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counts(pairs: &[(u32, u64)]) -> AgentToRelay {
        let (units, counts) = pairs.iter().copied().unzip();
        let package = PackageCounts { package: 0, units, counts, ages_ms: Vec::new() };
        AgentToRelay::Counts(Counts { handle: 1, at_ms: 0, packages: vec![package] })
    }

    fn sample() -> Recording {
        let mut recorder = Recorder::new(1_000);
        let process = AgentToRelay::Process(wire::frame::Process::default());
        recorder.take(1_000, vec![process, counts(&[(0, 1)])]);
        recorder.take(1_010, vec![counts(&[(0, 2), (3, 1)])]);
        recorder.take(1_100, vec![counts(&[(0, 9)])]);
        recorder.take(1_105, vec![AgentToRelay::Tracing { handle: 1, entries: 0 }]);
        recorder.finish(1_200, |_| None)
    }

    #[test]
    fn counts_that_are_close_become_one_and_order_is_kept() {
        let recording = sample();
        let at: Vec<_> = recording.records.iter().map(|record| record.at_ms).collect();
        assert_eq!(at, [0, 0, 100, 105, 105]);
        let AgentToRelay::Counts(merged) = &recording.records[2].frames[0] else {
            panic!("no counts")
        };
        assert_eq!(merged.packages[0].units, [0, 3]);
        assert_eq!(merged.packages[0].counts, [2, 1]);
    }

    #[test]
    fn recordings_read_back_packed_and_plain_and_no_truncation_does() {
        let recording = sample();
        let packed = recording.write();
        assert_eq!(Recording::read(&packed).unwrap(), recording);
        let mut plain = Vec::new();
        GzDecoder::new(&packed[..]).read_to_end(&mut plain).unwrap();
        assert_eq!(Recording::read(&plain).unwrap(), recording);
        for length in 0..packed.len() {
            assert!(Recording::read(&packed[..length]).is_err(), "{length} bytes were accepted");
        }
        let whole = recording.records.len();
        for length in 0..plain.len() {
            // Cut between two records it is a shorter recording.
            let cut = Recording::read(&plain[..length]);
            assert!(cut.is_err() || cut.is_ok_and(|cut| cut.records.len() < whole));
        }
    }
}
