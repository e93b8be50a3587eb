//! Indexed profiles (`.profdata`), as `llvm-profdata merge` writes them. Versions 5 to 13, of LLVM 9
//! to 22.
//!
//! ```text
//! header   magic, version, -, hash, offsets: of the table, …, of build ids (since 9), …
//! …
//! table    n buckets, n entries, offset of each bucket
//! bucket   n entries of 16 bits, then hash, length of name and of the rest, name; and for
//!          each body: hash, n counters, counters, n bytes of bitmap and each in 64 bits
//!          (since 11), length of values, values
//! ```
//!
//! Little-endian, 64 bits unless said. Spec: LLVM's `InstrProf.h` and `InstrProfData.inc`.

use crate::bytes::Cursor;
use crate::llvm_counts::{Counted, Counts, name_hash};
use crate::llvm_raw::{BYTE_COUNTERS, VERSION};
use crate::{Notes, Place, ReadError};

/// What such a file starts with.
pub(crate) const MAGIC: &[u8; 8] = b"\xfflprofi\x81";

/// Counts of all functions in a file.
///
/// # Errors
/// Where and why it is none.
pub(crate) fn read(name: &str, bytes: &[u8], notes: &mut Notes) -> Result<Counts, ReadError> {
    let mut cursor = Cursor::new(bytes);
    let header = "the header";
    cursor.take(MAGIC.len(), header)?;
    let flags = cursor.u64(header)?;
    let version = flags & VERSION;
    if !(5..=13).contains(&version) {
        let reason = format!(
            "indexed profile of version {version}: versions 5 to 13 (LLVM 9 to 22) are read"
        );
        return Err(ReadError::unsupported(Place::Byte(8), reason));
    }
    cursor.u64(header)?;
    if cursor.u64(header)? != 0 {
        return Err(ReadError::unsupported(Place::Byte(24), "names are not hashed by MD5"));
    }
    let table_at = cursor.u64(header)?;
    let mut counts = Counts::default();
    counts.old_vectors = version < 12;
    counts.is_set = flags & BYTE_COUNTERS > 0;
    if version >= 9 {
        cursor.u64(header)?;
        let ids_at = cursor.u64(header)?;
        build_ids(bytes, ids_at, &mut counts)?;
    }

    let table = "the table of functions";
    cursor.seek(usize::try_from(table_at).unwrap_or(usize::MAX));
    let n_buckets = cursor.u64(table)?;
    let n_entries = cursor.u64(table)?;
    let n_buckets = usize::try_from(n_buckets).unwrap_or(usize::MAX);
    let buckets = cursor.take(n_buckets.saturating_mul(8), table)?;
    // Buckets that lie over each other would say more than there is.
    let mut entries_left = n_entries.min(bytes.len() as u64 / 24);
    for bucket in buckets.chunks_exact(8).filter_map(|chunk| chunk.first_chunk::<8>()) {
        let at = u64::from_le_bytes(*bucket);
        if at == 0 {
            continue;
        }
        cursor.seek(usize::try_from(at).unwrap_or(usize::MAX));
        let n = u16::from_le_bytes(cursor.array(table)?);
        for _ in 0..n {
            let at = cursor.offset();
            entries_left = entries_left.checked_sub(1).ok_or_else(|| {
                ReadError::malformed(Place::Byte(at), "more functions than the table says")
            })?;
            cursor.u64(table)?;
            let name_bytes = cursor.u64(table)?;
            let rest_bytes = cursor.u64(table)?;
            let length = |bytes: u64| usize::try_from(bytes).unwrap_or(usize::MAX);
            let function = cursor.take(length(name_bytes), "a function's name")?;
            let at = cursor.offset();
            let rest = cursor.take(length(rest_bytes), "a function's counters")?;
            let all = bodies(rest, version).map_err(|error| error.shifted(at))?;
            for body in all {
                if !counts.add(name_hash(function), body) {
                    let note = "functions that are there twice, with other counters, are left out";
                    notes.add(name, note);
                }
            }
        }
    }
    Ok(counts)
}

fn build_ids(bytes: &[u8], at: u64, counts: &mut Counts) -> Result<(), ReadError> {
    let mut cursor = Cursor::new(bytes);
    let ids = "build ids";
    cursor.seek(usize::try_from(at).unwrap_or(usize::MAX));
    let length = usize::try_from(cursor.u64(ids)?).unwrap_or(usize::MAX);
    let mut cursor = Cursor::new(cursor.take(length, ids)?);
    while cursor.remaining() > 0 {
        let length = usize::try_from(cursor.u64(ids)?).unwrap_or(usize::MAX);
        let id = cursor.take(length, ids)?;
        cursor.seek(cursor.offset().next_multiple_of(8));
        if !id.is_empty() && !counts.build_ids.iter().any(|known| known == id) {
            counts.build_ids.push(id.to_vec());
        }
    }
    Ok(())
}

fn bodies(bytes: &[u8], version: u64) -> Result<Vec<Counted>, ReadError> {
    let mut cursor = Cursor::new(bytes);
    let what = "a function's counters";
    let mut bodies = Vec::new();
    while cursor.remaining() > 0 {
        let hash = cursor.u64(what)?;
        let words = |cursor: &mut Cursor<'_>| -> Result<Vec<u64>, ReadError> {
            let n = usize::try_from(cursor.u64(what)?).unwrap_or(usize::MAX);
            let words = cursor.take(n.saturating_mul(8), what)?.chunks_exact(8);
            Ok(words
                .filter_map(|word| word.first_chunk().copied())
                .map(u64::from_le_bytes)
                .collect())
        };
        let counts = words(&mut cursor)?;
        let bitmap = if version > 10 { words(&mut cursor)? } else { Vec::new() };
        let bitmap = bitmap.into_iter().map(|word| word.to_le_bytes()[0]).collect();
        let values = cursor.u32(what)? as usize;
        if values < 8 {
            return Err(cursor.malformed("values of no length"));
        }
        cursor.take(values - 4, what)?;
        bodies.push(Counted { hash, counts, bitmap });
    }
    Ok(bodies)
}
