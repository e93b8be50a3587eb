//! The bytes of a file of channel operations.

use super::{Channels, ChannelsError, Did, Kind, Operation, Site, Value};
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

pub(super) fn read(bytes: &[u8]) -> Result<Channels, ChannelsError> {
    if !bytes.starts_with(MAGIC) || bytes.len() < HEADER_BYTES {
        return Err(ChannelsError::NoChannels);
    }
    match u32_at(bytes, 8) {
        VERSION => {}
        version => return Err(ChannelsError::Version(version)),
    }
    for (place, what, expected) in
        [(16, "chunks of bytes", CHUNK_BYTES), (20, "records of bytes", RECORD_BYTES)]
    {
        let found = u32_at(bytes, place);
        let expected = u32::try_from(expected).unwrap_or(u32::MAX);
        if found != expected {
            return Err(ChannelsError::Shape { place: place as u64, what, found, expected });
        }
    }
    let version = bytes.get(72..103).unwrap_or(&[]);
    let version = version.split(|byte| *byte == 0).next().unwrap_or(&[]);
    let mut channels = Channels {
        pid: u64_at(bytes, 24),
        wall: u64_at(bytes, 32),
        mono: u64_at(bytes, 40),
        lost: u64_at(bytes, 56),
        go_version: String::from_utf8_lossy(version).into_owned(),
        ..Channels::default()
    };
    let chunks = bytes.get(HEADER_BYTES..).unwrap_or(&[]);
    let n_chunks = u64::from(u32_at(bytes, 12)).max(1);
    let mut at = 0;
    while let Some(chunk) = chunks.get(at..).filter(|chunk| chunk.len() >= RECORD_BYTES) {
        let whole = chunk.get(..CHUNK_BYTES).unwrap_or(chunk);
        let n_sites = u32_at(whole, 8) as usize;
        match u64_at(whole, 0).checked_sub(1) {
            // Never begun.
            None => at += CHUNK_BYTES,
            Some(_) if n_sites > 0 => {
                let length = n_sites.saturating_mul(CHUNK_BYTES).min(chunk.len());
                sites(&mut channels, chunk.get(..length).unwrap_or(chunk));
                at = at.saturating_add(length.next_multiple_of(CHUNK_BYTES));
            }
            Some(serial) => {
                records(&mut channels, whole, serial);
                // Each turn overwrote what was here.
                channels.lost =
                    channels.lost.saturating_add((serial / n_chunks).saturating_mul(CHUNK_RECORDS));
                at += CHUNK_BYTES;
            }
        }
    }
    channels.operations.sort_by_key(|operation| (operation.end, operation.goroutine));
    Ok(channels)
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
        match operation(record).filter(|_| number == expected) {
            Some(operation) => channels.operations.push(operation),
            None => channels.torn += 1,
        }
    }
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
        text: u64_at(record, 64).to_le_bytes(),
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
