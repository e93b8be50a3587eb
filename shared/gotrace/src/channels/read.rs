//! The bytes of a file of channel operations.

use std::collections::HashSet;

use foldhash::fast::FixedState;

use super::{Channels, ChannelsError, Did, Kind, Operation, Site, Text, Value};
use crate::cursor::Cursor;

pub(super) const MAGIC: &[u8] = b"CGCHAN1\0";
const VERSION: u32 = 1;
const HEADER_BYTES: usize = 4096;
const CHUNK_BYTES: usize = 1 << 16;
const RECORD_BYTES: usize = 72;
/// The first place of a record is the chunk's head.
const CHUNK_RECORDS: u64 = (CHUNK_BYTES / RECORD_BYTES - 1) as u64;

const SELECT: u64 = 1;
const OK: u64 = 2;
const CLOSED: u64 = 4;
const VALUE: u64 = 8;
const RANGE: u64 = 16;
const TOLD: u64 = 32;

/// What a record with words does, and its flag where they are cut.
const TEXT: u8 = 6;
const CUT: u64 = 1;
/// Bytes of words in a record: before what it does, and behind.
const WORDS: [std::ops::Range<usize>; 2] = [8..56, 64..72];

/// Most chunks that are read as one run of places.
const RUN_CHUNKS: usize = 1 << 10;

/// Reads a file piece by piece, and keeps the newest operations only.
#[derive(Debug, Clone)]
pub struct ChannelsReader {
    channels: Channels,
    /// Chunks that are taken in turns; 0 before the header was read.
    n_chunks: u64,
    /// What does not make a chunk yet.
    rest: Vec<u8>,
    /// Bytes that make the next one.
    wanted: usize,
    most: usize,
}

impl ChannelsReader {
    /// Reads nothing yet. Of more than so many operations the oldest are lost.
    pub fn new(most: usize) -> Self {
        let channels = Channels::default();
        Self { channels, n_chunks: 0, rest: Vec::new(), wanted: HEADER_BYTES, most }
    }

    /// Reads the next bytes.
    ///
    /// # Errors
    /// The bytes are something else, or of another version.
    pub fn push(&mut self, bytes: &[u8]) -> Result<(), ChannelsError> {
        if self.rest.is_empty() && bytes.len() >= self.wanted {
            let read = self.take(bytes)?;
            self.rest.extend_from_slice(bytes.get(read..).unwrap_or(&[]));
            return Ok(());
        }
        self.rest.extend_from_slice(bytes);
        if self.rest.len() >= self.wanted {
            let rest = std::mem::take(&mut self.rest);
            let read = self.take(&rest)?;
            self.rest.extend_from_slice(rest.get(read..).unwrap_or(&[]));
        }
        Ok(())
    }

    /// Reads what is whole, and says how many bytes that was.
    fn take(&mut self, bytes: &[u8]) -> Result<usize, ChannelsError> {
        let mut left = bytes;
        if self.n_chunks == 0 {
            let Some((header, behind)) = left.split_at_checked(HEADER_BYTES) else { return Ok(0) };
            self.header(header)?;
            left = behind;
        }
        while let Some(whole) = left.get(..CHUNK_BYTES) {
            let length = length(whole);
            let Some((run, behind)) = left.split_at_checked(length) else {
                self.wanted = length;
                return Ok(bytes.len() - left.len());
            };
            self.chunk(run);
            left = behind;
        }
        self.wanted = CHUNK_BYTES;
        Ok(bytes.len() - left.len())
    }

    /// Nothing more follows.
    ///
    /// # Errors
    /// There were no bytes, or too few.
    pub fn finish(mut self) -> Result<Channels, ChannelsError> {
        if self.n_chunks == 0 {
            return Err(ChannelsError::NoChannels);
        }
        // A file that is cut off, as one that is being copied.
        let rest = std::mem::take(&mut self.rest);
        let mut left = &*rest;
        while left.len() >= RECORD_BYTES {
            let whole = left.get(..CHUNK_BYTES).unwrap_or(left);
            let (run, behind) = left.split_at(length(whole).min(left.len()));
            self.chunk(run);
            left = behind;
        }
        self.keep_newest();
        self.channels.operations.sort_by_key(|operation| (operation.end, operation.goroutine));
        Ok(self.channels)
    }

    fn header(&mut self, bytes: &[u8]) -> Result<(), ChannelsError> {
        if !bytes.starts_with(MAGIC) {
            return Err(ChannelsError::NoChannels);
        }
        match u32_at(bytes, 8) {
            VERSION => {}
            version => return Err(ChannelsError::Version(version)),
        }
        for (place, what, expected) in
            [(16, "size of a chunk", CHUNK_BYTES), (20, "size of a record", RECORD_BYTES)]
        {
            let found = u32_at(bytes, place);
            let expected = u32::try_from(expected).unwrap_or(u32::MAX);
            if found != expected {
                return Err(ChannelsError::Shape { place: place as u64, what, found, expected });
            }
        }
        let version = bytes.get(72..103).unwrap_or(&[]);
        let version = version.split(|byte| *byte == 0).next().unwrap_or(&[]);
        self.n_chunks = u64::from(u32_at(bytes, 12)).max(1);
        self.channels = Channels {
            pid: u64_at(bytes, 24),
            wall: u64_at(bytes, 32),
            mono: u64_at(bytes, 40),
            lost: u64_at(bytes, 56),
            go_version: String::from_utf8_lossy(version).into_owned(),
            ..Channels::default()
        };
        Ok(())
    }

    /// Reads a chunk of records, or a run of those with places.
    fn chunk(&mut self, run: &[u8]) {
        let Some(serial) = u64_at(run, 0).checked_sub(1) else {
            // Never begun.
            return;
        };
        if u32_at(run, 8) > 0 {
            sites(&mut self.channels, run);
            return;
        }
        records(&mut self.channels, run, serial);
        // Each turn overwrote what was here.
        let overwritten = (serial / self.n_chunks).saturating_mul(CHUNK_RECORDS);
        self.channels.lost = self.channels.lost.saturating_add(overwritten);
        if self.channels.operations.len() >= self.most.saturating_mul(2) {
            self.keep_newest();
        }
    }

    fn keep_newest(&mut self) {
        let operations = &mut self.channels.operations;
        let Some(old) = operations.len().checked_sub(self.most).filter(|old| *old > 0) else {
            return;
        };
        operations.sort_by_key(|operation| (operation.end, operation.goroutine));
        operations.drain(..old);
        let told: HashSet<u64, FixedState> =
            operations.iter().map(|operation| operation.value.told).collect();
        // Words may come before the operation that they belong to.
        if self.channels.texts.len() > self.most.saturating_mul(2) {
            self.channels.texts.retain(|number, _| told.contains(number));
        }
        self.channels.lost = self.channels.lost.saturating_add(old as u64);
    }
}

/// Bytes of what begins with this chunk.
fn length(chunk: &[u8]) -> usize {
    let begun = u64_at(chunk, 0) > 0;
    let chunks = if begun { u32_at(chunk, 8) as usize } else { 1 };
    chunks.clamp(1, RUN_CHUNKS) * CHUNK_BYTES
}

pub(super) fn read(bytes: &[u8]) -> Result<Channels, ChannelsError> {
    let mut reader = ChannelsReader::new(usize::MAX);
    reader.push(bytes)?;
    reader.finish()
}

fn records(channels: &mut Channels, chunk: &[u8], serial: u64) {
    let places = chunk.chunks_exact(RECORD_BYTES).skip(1);
    for (record, index) in places.zip(0..CHUNK_RECORDS) {
        let number = u64_at(record, 0);
        if number == 0 {
            // Not written yet, or begun and never finished: the ones behind it tell.
            continue;
        }
        let expected = (serial << 16).wrapping_add(index + 1);
        if number == expected && record.get(56) == Some(&TEXT) {
            channels.texts.insert(number, text(record));
            continue;
        }
        match operation(record).filter(|_| number == expected) {
            Some(operation) => channels.operations.push(operation),
            None => channels.torn += 1,
        }
    }
}

fn text(record: &[u8]) -> Text {
    let [before, behind] = WORDS.map(|range| record.get(range).unwrap_or(&[]));
    let mut bytes = [before, behind].concat();
    bytes.truncate(u32_at(record, 60) as usize);
    let cut = (u64_at(record, 56) >> 16) & CUT != 0;
    let words = String::from_utf8_lossy(&bytes);
    // A character may be cut at the end.
    let words = if cut { words.trim_end_matches('\u{fffd}') } else { &*words };
    Text { words: words.to_owned(), cut }
}

fn operation(record: &[u8]) -> Option<Operation> {
    let what = u64_at(record, 56);
    let [did, kind, ..] = what.to_le_bytes();
    let did = Did::of(did)?;
    let has = |flag: u64| (what >> 16) & flag != 0;
    let end = i64::try_from(u64_at(record, 24)).ok()?;
    let duration = i64::from(u32_at(record, 44)) * 64;
    let kind = match kind {
        _ if !has(VALUE) => Kind::Unknown,
        1 => Kind::Int,
        2 => Kind::Uint,
        3 => Kind::Bool,
        4 => Kind::Float,
        5 => Kind::Text,
        6 => Kind::Pointer,
        _ => Kind::Other,
    };
    let value = Value {
        kind,
        bits: u64_at(record, 32),
        size: u32_at(record, 60),
        text: if has(TOLD) { [0; 8] } else { u64_at(record, 64).to_le_bytes() },
        told: if has(TOLD) { u64_at(record, 64) } else { 0 },
    };
    Some(Operation {
        goroutine: u64_at(record, 8),
        channel: u64_at(record, 16),
        begin: (duration > 0).then(|| end.saturating_sub(duration)),
        end,
        did,
        select: has(SELECT),
        range: has(RANGE),
        ok: has(OK).then(|| !has(CLOSED)),
        value,
        site: u32_at(record, 40),
        capacity: u32_at(record, 48),
        length: u32_at(record, 52),
    })
}

/// Reads places up to the first that is none.
fn sites(channels: &mut Channels, run: &[u8]) {
    let (size, first, count) = (u32_at(run, 12), u32_at(run, 16), u32_at(run, 20));
    let table = run.get(RECORD_BYTES..).unwrap_or(&[]);
    let mut cursor = Cursor::new(table.get(..size as usize).unwrap_or(table));
    for number in 0..count {
        let Some(site) = site(&mut cursor) else {
            channels.torn += 1;
            return;
        };
        channels.sites.insert(first.saturating_add(number), site);
    }
}

fn site(cursor: &mut Cursor<'_>) -> Option<Site> {
    let did = Did::of(cursor.byte().ok()?)?;
    let mut number = || u32::try_from(cursor.uleb().ok()?).ok();
    let (line, column) = (number()?, number()?);
    let mut text = || {
        let length = cursor.uleb().ok()?;
        Some(String::from_utf8_lossy(cursor.take(length).ok()?).into_owned())
    };
    Some(Site { did, line, column, file: text()?, function: text()?, channel: text()? })
}

fn u64_at(bytes: &[u8], at: usize) -> u64 {
    let found = bytes.get(at..).and_then(|rest| rest.first_chunk::<8>());
    found.map_or(0, |found| u64::from_le_bytes(*found))
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    let found = bytes.get(at..).and_then(|rest| rest.first_chunk::<4>());
    found.map_or(0, |found| u32::from_le_bytes(*found))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A file with one chunk of sites and one of these records, each behind its number.
    fn file(records: &[[u64; 9]]) -> Vec<u8> {
        let mut bytes = MAGIC.to_vec();
        for number in [1_u32, 4096, 1 << 16, 72] {
            bytes.extend(number.to_le_bytes());
        }
        bytes.extend(7_u64.to_le_bytes());
        bytes.resize(72, 0);
        bytes.extend(b"go1.26.8");
        bytes.resize(HEADER_BYTES, 0);
        let table = b"\x01\x09\x02\x04/a.g\x04main\x08chan int";
        bytes.extend(1_u64.to_le_bytes());
        for number in [1, u32::try_from(table.len()).unwrap(), 1, 1] {
            bytes.extend(number.to_le_bytes());
        }
        bytes.resize(HEADER_BYTES + RECORD_BYTES, 0);
        bytes.extend(table);
        bytes.resize(HEADER_BYTES + CHUNK_BYTES, 0);
        bytes.extend(2_u64.to_le_bytes());
        bytes.resize(HEADER_BYTES + CHUNK_BYTES + RECORD_BYTES, 0);
        for record in records {
            bytes.extend(record.iter().flat_map(|word| word.to_le_bytes()));
        }
        bytes.resize(HEADER_BYTES + 2 * CHUNK_BYTES, 0);
        bytes
    }

    const SENT: [u64; 9] =
        [(1 << 16) + 1, 5, 0xc000, 1000, 42, 1 | 2 << 32, 3 | 1 << 32, 1 | 1 << 8 | VALUE << 16, 0];

    #[test]
    fn a_record_says_who_did_what_where_and_when() {
        let channels = read(&file(&[SENT])).unwrap();
        assert_eq!((channels.pid, channels.go_version.as_str()), (7, "go1.26.8"));
        let [operation] = channels.operations[..] else { panic!("{channels:?}") };
        assert_eq!((operation.goroutine, operation.channel), (5, 0xc000));
        assert_eq!((operation.begin, operation.end), (Some(872), 1000));
        assert_eq!((operation.capacity, operation.length), (3, 1));
        assert_eq!((operation.did, operation.value.to_string()), (Did::Send, "42".into()));
        let site = channels.site(&operation).unwrap();
        assert_eq!((site.line, site.column, &*site.channel), (9, 2, "chan int"));
    }

    #[test]
    fn values_are_told_in_words_where_they_were_asked_for() {
        let mut sent = SENT;
        (sent[0], sent[7], sent[8]) =
            ((1 << 16) + 2, SENT[7] & !0xff00 | TOLD << 16, (1 << 16) + 1);
        let mut words = [0; 9];
        (words[0], words[7]) = ((1 << 16) + 1, u64::from(TEXT) | CUT << 16 | 56 << 32);
        for (word, part) in [1, 2, 3, 4, 5, 6, 8]
            .into_iter()
            .zip(b"{1 [2 3] error: all of it that there is room for, no mor".chunks(8))
        {
            words[word] = u64::from_le_bytes(part.try_into().unwrap());
        }
        let channels = read(&file(&[words, sent])).unwrap();
        let [operation] = channels.operations[..] else { panic!("{channels:?}") };
        let told = channels.words(&operation.value);
        assert_eq!(told, "{1 [2 3] error: all of it that there is room for, no mor…");
        assert_eq!((operation.value.to_string(), channels.torn), ("#2a".to_owned(), 0));
    }

    #[test]
    fn what_is_not_whole_is_counted() {
        let mut old = SENT;
        old[0] = 3;
        let mut unknown = SENT;
        unknown[0] += 2;
        unknown[7] = 99;
        let channels = read(&file(&[SENT, old, unknown])).unwrap();
        assert_eq!((channels.operations.len(), channels.torn), (1, 2));
    }

    #[test]
    fn pieces_of_any_size_are_read_as_the_whole_is() {
        let whole = file(&[SENT; 1]);
        for size in [1, 71, 4_095, 65_536, 100_000] {
            let mut reader = ChannelsReader::new(usize::MAX);
            for piece in whole.chunks(size).take(if size == 1 { 5_000 } else { usize::MAX }) {
                reader.push(piece).unwrap();
            }
            if size > 1 {
                assert_eq!(reader.finish(), read(&whole), "{size}");
            }
        }
        assert_eq!(ChannelsReader::new(1).finish(), Err(ChannelsError::NoChannels));
    }

    #[test]
    fn the_newest_are_kept() {
        let later = |at: u64| {
            let mut record = SENT;
            (record[0], record[3]) = (SENT[0] + at, 2_000 - at);
            record
        };
        let mut reader = ChannelsReader::new(2);
        reader.push(&file(&[later(0), later(1), later(2), later(3), later(4)])).unwrap();
        let channels = reader.finish().unwrap();
        let ends: Vec<_> = channels.operations.iter().map(|operation| operation.end).collect();
        assert_eq!((ends, channels.lost), (vec![1_999, 2_000], 3));
    }

    #[test]
    fn damage_harms_nobody() {
        let whole = file(&[SENT; 3]);
        for length in (0..200).chain(4000..4400).chain((0..whole.len()).step_by(997)) {
            let _ = read(&whole[..length]);
        }
        for at in (0..120).chain(HEADER_BYTES..HEADER_BYTES + 140) {
            for byte in [0, 1, 0x7f, 0xff] {
                let mut damaged = whole.clone();
                damaged[at] = byte;
                let _ = read(&damaged);
            }
        }
        assert_eq!(read(b"go 1.26 trace\0\0\0"), Err(ChannelsError::NoChannels));
        let mut newer = whole.clone();
        newer[8] = 2;
        assert_eq!(read(&newer), Err(ChannelsError::Version(2)));
        let mut other = whole;
        other[20] = 80;
        let told = read(&other).unwrap_err().to_string();
        assert_eq!(told, "byte 20: size of a record 80 instead of 72");
    }
}
