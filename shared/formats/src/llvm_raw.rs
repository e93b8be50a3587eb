//! Raw profiles (`.profraw`), as an instrumented program writes them when it ends. Versions 8 to
//! 10, of LLVM 14 to 22, of either byte order and pointer size.
//!
//! ```text
//! header     magic, version, then sizes of what follows: all of 64 bits
//! build ids  length, bytes, to the next 8                      for each program and library
//! records    name hash, body hash, where its counters are, …  for each function
//! counters   64 bits, or a byte that is 0 where it ran
//! bitmap     a bit for each test vector of MC/DC               since version 9
//! names, types, values                                         not looked at
//! ```
//!
//! Several may follow each other in a file. Spec: LLVM's `InstrProfData.inc`, whose numbers are the
//! fields here.

use crate::llvm_counts::{Counted, Counts};
use crate::{Notes, Place, ReadError};

/// Low bytes of the version: the rest says how it was counted.
pub(crate) const VERSION: u64 = 0x00ff_ffff_ffff_ffff;
/// Counters are bytes.
pub(crate) const BYTE_COUNTERS: u64 = 1 << 60;
/// Before the counters of a function is the time of its first call.
const TIMES: u64 = 1 << 63;
/// Counts past this are no counts, LLVM says.
const ODD_COUNT: u64 = 1 << 56;

/// Byte order and size of pointers, by the magic number that a file starts with.
pub(crate) fn layout(bytes: &[u8]) -> Option<Layout> {
    let magic = *bytes.first_chunk::<8>()?;
    let (big, magic) = match magic {
        [0xff, ..] => (true, magic),
        [.., 0xff] => {
            let mut reversed = magic;
            reversed.reverse();
            (false, reversed)
        }
        _ => return None,
    };
    match &magic {
        b"\xfflprofr\x81" => Some(Layout { big, pointer_bytes: 8 }),
        b"\xfflprofR\x81" => Some(Layout { big, pointer_bytes: 4 }),
        _ => None,
    }
}

/// How numbers are stored.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Layout {
    big: bool,
    pointer_bytes: usize,
}

/// Fields off the front of a slice.
struct Fields<'a> {
    bytes: &'a [u8],
    at: usize,
    layout: Layout,
}

impl<'a> Fields<'a> {
    fn take(&mut self, length: u64, what: &'static str) -> Result<&'a [u8], ReadError> {
        let length = usize::try_from(length).unwrap_or(usize::MAX);
        let end = self.at.checked_add(length);
        let Some(taken) = end.and_then(|end| self.bytes.get(self.at..end)) else {
            let left = self.bytes.len().saturating_sub(self.at);
            let reason = format!("{what} should be {length} bytes long, {left} are left");
            return Err(ReadError::malformed(Place::Byte(self.at), reason));
        };
        self.at += length;
        Ok(taken)
    }

    fn number(&mut self, length: usize, what: &'static str) -> Result<u64, ReadError> {
        let big = self.layout.big;
        let taken = self.take(length as u64, what)?;
        let add = |value: u64, byte: &u8| value << 8 | u64::from(*byte);
        Ok(if big { taken.iter().fold(0, add) } else { taken.iter().rev().fold(0, add) })
    }

    fn u64(&mut self, what: &'static str) -> Result<u64, ReadError> {
        self.number(8, what)
    }

    /// Goes on at the next multiple.
    fn align(&mut self, to: usize) {
        self.at = self.at.next_multiple_of(to);
    }

    fn malformed(&self, reason: String) -> ReadError {
        ReadError::malformed(Place::Byte(self.at), reason)
    }
}

/// Counts of all profiles in a file.
///
/// # Errors
/// Where and why it is none.
pub(crate) fn read(name: &str, bytes: &[u8], notes: &mut Notes) -> Result<Counts, ReadError> {
    let mut counts = Counts::default();
    let mut at = 0;
    loop {
        let rest = bytes.get(at..).unwrap_or_default();
        let Some(layout) = layout(rest) else {
            if at == 0 {
                return Err(ReadError::malformed(Place::Byte(0), "no magic number"));
            }
            if rest.iter().any(|byte| *byte != 0) {
                notes.add(name, format!("{} bytes after the profile are left out", rest.len()));
            }
            return Ok(counts);
        };
        let mut fields = Fields { bytes: rest, at: 8, layout };
        one(&mut fields, &mut counts, name, notes).map_err(|error| error.shifted(at))?;
        at += fields.at;
    }
}

fn one(
    fields: &mut Fields<'_>,
    counts: &mut Counts,
    name: &str,
    notes: &mut Notes,
) -> Result<(), ReadError> {
    let header = "the header";
    let flags = fields.u64(header)?;
    let version = flags & VERSION;
    if !(8..=10).contains(&version) {
        let reason = format!(
            "raw profile of version {version}: versions 8 to 10 (LLVM 14 and later) are read; \
             merge it with the llvm-profdata of its compiler"
        );
        return Err(ReadError::unsupported(Place::Byte(8), reason));
    }
    let ids_bytes = fields.u64(header)?;
    let n_records = fields.u64(header)?;
    let before_counters = fields.u64(header)?;
    let n_counters = fields.u64(header)?;
    let after_counters = fields.u64(header)?;
    let (mut bitmap_bytes, mut after_bitmap) = (0, 0);
    if version >= 9 {
        (bitmap_bytes, after_bitmap) = (fields.u64(header)?, fields.u64(header)?);
    }
    let names_bytes = fields.u64(header)?;
    let counters_delta = fields.u64(header)?;
    let bitmap_delta = if version >= 9 { fields.u64(header)? } else { 0 };
    fields.u64(header)?;
    let (mut n_types, mut type_names_bytes) = (0, 0);
    if version >= 10 {
        (n_types, type_names_bytes) = (fields.u64(header)?, fields.u64(header)?);
    }
    let last_value_kind = fields.u64(header)?;
    if last_value_kind > 7 {
        return Err(fields.malformed(format!("{last_value_kind} kinds of values")));
    }

    let layout = fields.layout;
    let ids = fields.take(ids_bytes, "build ids")?;
    build_ids(&mut Fields { bytes: ids, at: 0, layout }, counts)?;

    let kinds_bytes = 2 * (last_value_kind + 1);
    let pointer = layout.pointer_bytes as u64;
    // Up to the number of counters; then the kinds, and since version 9 the size of the bitmap.
    let mut record_bytes = 16 + pointer * if version >= 9 { 4 } else { 3 } + 4 + kinds_bytes;
    if version >= 9 {
        record_bytes = record_bytes.next_multiple_of(4) + 4;
    }
    let record_bytes = record_bytes.next_multiple_of(8);
    let records_at = fields.at;
    let records = fields.take(n_records.saturating_mul(record_bytes), "function records")?;
    fields.take(before_counters, "padding")?;
    let counter_bytes: u64 = if flags & BYTE_COUNTERS > 0 { 1 } else { 8 };
    let counters = fields.take(n_counters.saturating_mul(counter_bytes), "counters")?;
    fields.take(after_counters, "padding")?;
    let bitmap = fields.take(bitmap_bytes, "bitmap")?;
    fields.take(after_bitmap, "padding")?;
    fields.take(names_bytes, "function names")?;
    fields.align(8);
    fields.take(n_types.saturating_mul(16 + pointer.max(8) * u64::from(n_types > 0)), "types")?;
    fields.take(type_names_bytes, "type names")?;
    fields.align(8);

    // Each counter belongs to one function, so that records can't claim more than there are.
    let (mut counters_left, mut bitmap_left) = (counters.len(), bitmap.len());
    let mut n_with_values = 0usize;
    let mut records = Fields { bytes: records, at: 0, layout };
    let record = "a function record";
    let mask = if pointer == 8 { u64::MAX } else { u64::from(u32::MAX) };
    for index in 0..n_records {
        records.at = usize::try_from(index * record_bytes).unwrap_or(usize::MAX);
        let start = records_at + records.at;
        let function = records.u64(record)?;
        let hash = records.u64(record)?;
        let counters_at = records.number(layout.pointer_bytes, record)?;
        let bitmap_at =
            if version >= 9 { records.number(layout.pointer_bytes, record)? } else { 0 };
        records.take(2 * pointer, record)?;
        let n = records.number(4, record)?;
        let kinds = records.take(kinds_bytes, record)?;
        n_with_values += usize::from(kinds.iter().any(|byte| *byte != 0));
        let n_bitmap = if version >= 9 {
            records.align(4);
            records.number(4, record)?
        } else {
            0
        };
        // Places are said from the record on, or as addresses where they are not known.
        let moved = if counters_delta == 0 { 0 } else { index * record_bytes };
        let place = |at: u64, delta: u64| at.wrapping_sub(delta.wrapping_sub(moved)) & mask;
        let slice = |of: &[u8], at: u64, length: u64, left: &mut usize, what: &str| {
            if length == 0 {
                return Ok(Vec::new());
            }
            let (at, length) = (usize::try_from(at), usize::try_from(length));
            let range = at.ok().zip(length.ok()).and_then(|(at, n)| Some(at..at.checked_add(n)?));
            let found = range.and_then(|range| of.get(range));
            let found = found.filter(|found| found.len() <= *left).ok_or_else(|| {
                let reason = format!("a function's {what} lie outside of all {what}");
                ReadError::malformed(Place::Byte(start), reason)
            })?;
            *left -= found.len();
            Ok(found.to_vec())
        };
        let at = place(counters_at, counters_delta);
        let own =
            slice(counters, at, n.saturating_mul(counter_bytes), &mut counters_left, "counters")?;
        let at = place(bitmap_at, bitmap_delta);
        let bitmap = slice(bitmap, at, n_bitmap, &mut bitmap_left, "bitmaps")?;
        let times = if flags & TIMES > 0 { 8 } else { 0 };
        let own = own.get(times..).unwrap_or_default();
        let body = Counted { hash, counts: numbers(own, counter_bytes, layout), bitmap };
        if body.counts.iter().any(|count| *count > ODD_COUNT) {
            notes.add(name, "functions with counts past 2^56: the file may be damaged");
        }
        if !counts.add(function, body) {
            notes.add(name, "functions that are there twice, with other counters, are left out");
        }
    }
    for _ in 0..n_with_values {
        let length = fields.number(4, "values")?;
        fields.take(length.saturating_sub(4), "values")?;
    }
    counts.old_vectors |= version < 10;
    counts.is_set |= flags & BYTE_COUNTERS > 0;
    Ok(())
}

fn build_ids(fields: &mut Fields<'_>, counts: &mut Counts) -> Result<(), ReadError> {
    while fields.at < fields.bytes.len() {
        let length = fields.u64("a build id")?;
        let id = fields.take(length, "a build id")?;
        fields.align(8);
        if !id.is_empty() && !counts.build_ids.iter().any(|known| known == id) {
            counts.build_ids.push(id.to_vec());
        }
    }
    Ok(())
}

fn numbers(bytes: &[u8], counter_bytes: u64, layout: Layout) -> Vec<u64> {
    if counter_bytes == 1 {
        return bytes.iter().map(|byte| u64::from(*byte == 0)).collect();
    }
    let counts = bytes.chunks_exact(8).filter_map(|chunk| chunk.first_chunk().copied());
    let number = if layout.big { u64::from_be_bytes } else { u64::from_le_bytes };
    counts.map(number).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A profile of function 7, whose counters are 3 and 4, and 8, whose counter is 5.
    fn profile(version: u64, layout: Layout) -> Vec<u8> {
        let Layout { big, pointer_bytes } = layout;
        let mut out = Vec::new();
        let mut put = |value: u64, length: usize| {
            let bytes = value.to_be_bytes();
            let mut bytes = bytes[8 - length..].to_vec();
            if !big {
                bytes.reverse();
            }
            out.extend(bytes);
        };
        let letter = if pointer_bytes == 8 { b'r' } else { b'R' };
        let magic = [0xff, b'l', b'p', b'r', b'o', b'f', letter, 0x81];
        put(u64::from_be_bytes(magic), 8);
        put(version, 8);
        let counters_delta = 0x100u64;
        let bitmap = if version >= 9 { [1, 7].as_slice() } else { &[] };
        [16, 2, 0, 3, 0].iter().chain(bitmap).for_each(|&value| put(value, 8));
        put(3, 8);
        put(counters_delta, 8);
        if version >= 9 {
            put(0x200, 8);
        }
        put(0, 8);
        if version >= 10 {
            put(0, 8);
            put(0, 8);
        }
        let last_kind = if version >= 10 { 2 } else { 1 };
        put(last_kind as u64, 8);
        put(3, 8);
        put(if big { 0x0a0b_0c00_0000_0000 } else { 0x000c_0b0a }, 8);
        let mut moved = 0;
        for (name, hash, at, n, n_bits) in [(7, 70, 0, 2, 1), (8, 80, 16, 1, 0)] {
            put(name, 8);
            put(hash, 8);
            let mask = if pointer_bytes == 8 { u64::MAX } else { u64::from(u32::MAX) };
            put((counters_delta + at).wrapping_sub(moved) & mask, pointer_bytes);
            if version >= 9 {
                put(0x200u64.wrapping_sub(moved) & mask, pointer_bytes);
            }
            put(0, pointer_bytes);
            put(0, pointer_bytes);
            put(n, 4);
            (0..=last_kind).for_each(|_| put(0, 2));
            let mut record_bytes = 16 + pointer_bytes * if version >= 9 { 4 } else { 3 } + 4;
            record_bytes += 2 * (last_kind + 1);
            if version >= 9 {
                (0..record_bytes.next_multiple_of(4) - record_bytes).for_each(|_| put(0, 1));
                put(n_bits, 4);
                record_bytes = record_bytes.next_multiple_of(4) + 4;
            }
            (0..record_bytes.next_multiple_of(8) - record_bytes).for_each(|_| put(0, 1));
            moved += record_bytes.next_multiple_of(8) as u64;
        }
        [3, 4, 5].iter().for_each(|&count| put(count, 8));
        if version >= 9 {
            put(0b101, 1);
            (0..7).for_each(|_| put(0, 1));
        }
        // Names are "a" and "b", not packed.
        [3, 0, u64::from(b'a'), 1, u64::from(b'b')].iter().for_each(|&byte| put(byte, 1));
        (0..3).for_each(|_| put(0, 1));
        out
    }

    fn all() -> impl Iterator<Item = (u64, Layout)> {
        (8..=10).flat_map(|version| {
            [(true, 8), (true, 4), (false, 8), (false, 4)]
                .map(|(big, pointer_bytes)| (version, Layout { big, pointer_bytes }))
        })
    }

    #[test]
    fn every_layout_says_the_same() {
        for (version, layout) in all() {
            let mut bytes = profile(version, layout);
            let mut notes = Notes::default();
            let counts = read("", &bytes, &mut notes).unwrap();
            let [first] = counts.of(7) else { panic!("{version} {layout:?}") };
            assert_eq!((first.hash, &first.counts[..]), (70, &[3, 4][..]));
            assert_eq!(first.bitmap, if version >= 9 { &[0b101][..] } else { &[] });
            let [second] = counts.of(8) else { panic!("{version} {layout:?}") };
            assert_eq!((second.hash, &second.counts[..]), (80, &[5][..]));
            assert_eq!(counts.build_ids, [b"\x0a\x0b\x0c"]);
            assert_eq!((counts.old_vectors, notes.all().len()), (version < 10, 0));
            // One after the other they are added.
            bytes.extend(profile(version, layout));
            let twice = read("", &bytes, &mut notes).unwrap();
            assert_eq!(twice.of(7)[0].counts, [6, 8]);
        }
    }

    #[test]
    fn one_that_is_cut_is_refused() {
        for (version, layout) in all() {
            let bytes = profile(version, layout);
            for length in 0..bytes.len() - 8 {
                assert!(read("", &bytes[..length], &mut Notes::default()).is_err(), "{length}");
            }
        }
    }

    #[test]
    fn what_is_claimed_has_to_be_there() {
        let layout = Layout { big: false, pointer_bytes: 8 };
        for (at, message) in [
            (8, "byte 8: raw profile of version 255: versions 8 to 10"),
            (24, "function records should be"),
            (40, "counters should be"),
            (80, "a function's counters lie outside of all counters"),
            (176, "a function's counters lie outside of all counters"),
        ] {
            let mut bytes = profile(9, layout);
            bytes[at] = 0xff;
            let error = read("", &bytes, &mut Notes::default()).unwrap_err().to_string();
            assert!(error.contains(message), "{at}: {error}");
        }
    }
}
