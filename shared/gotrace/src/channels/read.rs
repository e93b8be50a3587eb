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
