//! Go coverage counters: what one run of a `-cover` binary counted.
//!
//! Written as `covcounters.<hash of the meta-data>.<process id>.<time in ns>` when the program
//! ends, or by `runtime/coverage` while it runs. Layout: Go `internal/coverage/defs.go`; little
//! endian but for raw counters where the header says so.
//!
//! ```text
//! file    := header · (segment · footer) × n          n is 1 in whatever Go's tools write
//! header  := "\0cwm" · version u32 = 1 · hash [16] · flavor u8 · big endian u8 · 0 [6]
//! segment := n functions u64 · strings length u32 · args length u32 · strings · args
//!            · 0 up to a multiple of 4 (part of the args length) · record × n functions
//! args    := n uleb · (key uleb · value uleb) × n             positions in the strings
//! record  := n counters · package · function · counter × n    uleb each, or u32 (flavor raw)
//! footer  := "\0cwm" · 0 [4] · segments so far u32 · 0 [4]
//! ```
//!
//! Only functions that ran have a record. Repeated `coverage.WriteCounters` to one writer leaves
//! whole files one after the other: snapshots, each of which holds what those before it hold.

use crate::bytes::{Cursor, malformed};
use crate::error::{Place, ReadError};
use crate::go_meta::read_strings;

/// First bytes of a counter file, and of its footers.
pub const MAGIC: [u8; 4] = *b"\0cwm";
/// Bytes before the first segment.
pub const HEADER_BYTES: usize = 32;
/// Bytes of a footer.
pub const FOOTER_BYTES: usize = 16;

/// How counters are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Flavor {
    Uleb,
    RawLittle,
    RawBig,
}

/// What a counter file says besides its records.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CounterFile<'a> {
    /// Hash of the meta-data that the counters belong to.
    pub meta_hash: [u8; 16],
    /// Name and value pairs of each segment, in the order of the file: `GOOS`, `GOARCH`, `argc`,
    /// `argv0` and so on.
    pub segments: Vec<Vec<(&'a str, &'a str)>>,
    /// Offset where a further file begins in these bytes, if one does.
    pub next: Option<usize>,
}

/// What one run counted in one function.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Record<'a> {
    /// Position of the package in the meta-data.
    pub package: u32,
    /// Position of the function in its package.
    pub function: u32,
    /// One count for each unit.
    pub counts: &'a [u32],
}

/// Whether these are the first bytes of a counter file.
pub fn sniff(head: &[u8]) -> bool {
    head.starts_with(&MAGIC)
}

/// The hash of the meta-data that a counter file names in its header.
///
/// # Errors
/// Where and why the bytes are no counter file of version 1.
pub fn meta_hash(bytes: &[u8]) -> Result<[u8; 16], ReadError> {
    read_header(&mut Cursor::new(bytes)).map(|(hash, _)| hash)
}

/// Reads the first counter file in these bytes and hands each record to `sink`, in the order of the file. A record that
/// `sink` refuses, with a reason, ends the reading with an error at that record; records before
/// it have been handed over then, so whoever must not see half a file calls this twice, the first
/// time only to check.
///
/// # Errors
/// Where and why the bytes are no counter file of version 1.
pub fn read<'a>(
    bytes: &'a [u8],
    mut sink: impl FnMut(Record<'_>) -> Result<(), &'static str>,
) -> Result<CounterFile<'a>, ReadError> {
    let mut cursor = Cursor::new(bytes);
    let (meta_hash, flavor) = read_header(&mut cursor)?;
    // A file that was cut short lacks its last footer. That is said first, since nothing else
    // that is wrong with it matters then.
    let footer = bytes.len().saturating_sub(FOOTER_BYTES);
    if cursor.remaining() < FOOTER_BYTES || bytes.get(footer..footer + 4) != Some(&MAGIC) {
        return Err(malformed(bytes.len(), "the footer is missing: the file is cut short"));
    }
    let mut file = CounterFile { meta_hash, segments: Vec::new(), next: None };
    let mut counts = Vec::new();
    let mut n_segments = 0;
    while cursor.remaining() > 0 {
        if cursor.rest().starts_with(&MAGIC) {
            file.next = Some(cursor.offset());
            break;
        }
        file.segments.push(read_segment(&mut cursor, flavor, &mut counts, &mut sink)?);
        n_segments += 1;
        let at = cursor.offset();
        if cursor.array("footer")? != MAGIC {
            return Err(malformed(at, "the footer is not where the records end"));
        }
        cursor.take(4, "footer")?;
        if cursor.u32("segment count")? != n_segments {
            return Err(malformed(at + 8, "the footer counts other segments than there are"));
        }
        cursor.take(4, "footer")?;
    }
    Ok(file)
}

fn read_header(cursor: &mut Cursor<'_>) -> Result<([u8; 16], Flavor), ReadError> {
    let base = cursor.offset();
    if cursor.array("magic")? != MAGIC {
        return Err(malformed(base, "not a Go counter file"));
    }
    if cursor.u32("version")? > 1 {
        return Err(ReadError::unsupported(Place::Byte(base + 4), "unknown counter file version"));
    }
    let meta_hash = cursor.array("hash")?;
    let flavor = match [cursor.byte("flavor")?, cursor.byte("byte order")?] {
        [1, 0] => Flavor::RawLittle,
        [1, _] => Flavor::RawBig,
        [2, _] => Flavor::Uleb,
        _ => {
            let reason = "unknown counter flavor";
            return Err(ReadError::unsupported(Place::Byte(base + 24), reason));
        }
    };
    cursor.take(6, "header")?;
    Ok((meta_hash, flavor))
}

fn read_segment<'a>(
    cursor: &mut Cursor<'a>,
    flavor: Flavor,
    counts: &mut Vec<u32>,
    sink: &mut impl FnMut(Record<'_>) -> Result<(), &'static str>,
) -> Result<Vec<(&'a str, &'a str)>, ReadError> {
    let base = cursor.offset();
    let n_functions = cursor.u64("function count")?;
    let strings_bytes = cursor.u32("string table length")? as usize;
    let args_bytes = cursor.u32("args length")? as usize;
    let strings_at = cursor.offset();
    let mut part = Cursor::new(cursor.take(strings_bytes, "string table")?);
    let strings = read_strings(&mut part).map_err(|error| error.shifted(strings_at))?;
    let args_at = cursor.offset();
    let mut part = Cursor::new(cursor.take(args_bytes, "args")?);
    let args = read_args(&mut part, &strings).map_err(|error| error.shifted(args_at))?;
    let least = if flavor == Flavor::Uleb { 3 } else { 12 };
    if n_functions.saturating_mul(least) > cursor.remaining() as u64 {
        return Err(malformed(base, "more functions than bytes"));
    }
    for _ in 0..n_functions {
        let at = cursor.offset();
        let [n_counts, package, function] = [
            read_value(cursor, flavor, "counter count")?,
            read_value(cursor, flavor, "package")?,
            read_value(cursor, flavor, "function")?,
        ];
        read_counts(cursor, flavor, n_counts as usize, counts)
            .map_err(|reason| malformed(at, reason))?;
        sink(Record { package, function, counts }).map_err(|reason| malformed(at, reason))?;
    }
    Ok(args)
}

fn read_args<'a>(
    cursor: &mut Cursor<'_>,
    strings: &[&'a str],
) -> Result<Vec<(&'a str, &'a str)>, ReadError> {
    if cursor.remaining() == 0 {
        return Ok(Vec::new());
    }
    let n_args = cursor.length("args", 2)?;
    let mut word = || {
        let offset = cursor.offset();
        let index = cursor.uleb("arg")?;
        strings.get(index as usize).copied().ok_or(malformed(offset, "arg is not in the strings"))
    };
    (0..n_args).map(|_| Ok((word()?, word()?))).collect()
}

fn read_value(
    cursor: &mut Cursor<'_>,
    flavor: Flavor,
    what: &'static str,
) -> Result<u32, ReadError> {
    match flavor {
        Flavor::Uleb => cursor.uleb(what),
        Flavor::RawLittle => cursor.u32(what),
        Flavor::RawBig => cursor.u32(what).map(u32::swap_bytes),
    }
}

/// Reads the counts of one function into `counts`, which is emptied first.
fn read_counts(
    cursor: &mut Cursor<'_>,
    flavor: Flavor,
    n_counts: usize,
    counts: &mut Vec<u32>,
) -> Result<(), &'static str> {
    const SHORT: &str = "more counters than bytes";
    let least = if flavor == Flavor::Uleb { 1 } else { 4 };
    if n_counts.saturating_mul(least) > cursor.remaining() {
        return Err(SHORT);
    }
    counts.clear();
    counts.reserve(n_counts);
    if flavor != Flavor::Uleb {
        let words = cursor.take(n_counts * 4, "counters").map_err(|_| SHORT)?;
        let words = words.as_chunks::<4>().0.iter();
        match flavor {
            Flavor::RawBig => counts.extend(words.map(|&word| u32::from_be_bytes(word))),
            _ => counts.extend(words.map(|&word| u32::from_le_bytes(word))),
        }
        return Ok(());
    }
    while counts.len() < n_counts {
        // Four of five counts are one byte, and they come in runs: eight at a time.
        let rest = cursor.rest();
        if let Some(&eight) = rest.first_chunk::<8>()
            && n_counts - counts.len() >= 8
            && u64::from_le_bytes(eight) & 0x8080_8080_8080_8080 == 0
        {
            counts.extend_from_slice(&eight.map(u32::from));
            cursor.seek(cursor.offset() + 8);
        } else {
            let few = (n_counts - counts.len()).min(8);
            for _ in 0..few {
                counts.push(cursor.uleb("counter").map_err(|_| "a counter is cut short")?);
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two functions of package 0: three units (1, 300, 0), and one (2).
    fn file(flavor: u8, records: &[u8]) -> Vec<u8> {
        let mut bytes = MAGIC.to_vec();
        bytes.extend(1u32.to_le_bytes());
        bytes.extend([7; 16]);
        bytes.extend([flavor & 3, flavor >> 2, 0, 0, 0, 0, 0, 0]);
        bytes.extend(2u64.to_le_bytes());
        bytes.extend(11u32.to_le_bytes());
        bytes.extend(5u32.to_le_bytes());
        bytes.extend(b"\x03\0\x04GOOS\x03aix");
        bytes.extend([1, 1, 2, 0, 0]);
        bytes.extend(records);
        bytes.extend(MAGIC);
        bytes.extend([0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0]);
        bytes
    }

    const ULEB: &[u8] = &[3, 0, 4, 1, 0xac, 2, 0, 1, 0, 9, 2];

    fn records(bytes: &[u8]) -> Result<Vec<(u32, u32, Vec<u32>)>, ReadError> {
        let mut records = Vec::new();
        read(bytes, |record| {
            records.push((record.package, record.function, record.counts.to_vec()));
            Ok(())
        })?;
        Ok(records)
    }

    #[test]
    fn every_flavor_reads_alike() {
        let expected = vec![(0, 4, vec![1, 300, 0]), (0, 9, vec![2])];
        let words = [3u32, 0, 4, 1, 300, 0, 1, 0, 9, 2];
        let little: Vec<u8> = words.iter().flat_map(|word| word.to_le_bytes()).collect();
        let big: Vec<u8> = words.iter().flat_map(|word| word.to_be_bytes()).collect();
        for bytes in [file(2, ULEB), file(1, &little), file(5, &big)] {
            assert_eq!(records(&bytes).unwrap(), expected);
        }
    }

    #[test]
    fn args_are_pairs() {
        let bytes = file(2, ULEB);
        let found = read(&bytes, |_| Ok(())).unwrap();
        assert_eq!(found.meta_hash, [7; 16]);
        assert_eq!(found.segments, [[("GOOS", "aix")]]);
    }

    #[test]
    fn of_files_one_after_the_other_the_first_is_read_and_the_next_named() {
        let twice = file(2, ULEB).repeat(2);
        assert_eq!(records(&twice).unwrap().len(), 2);
        assert_eq!(read(&twice, |_| Ok(())).unwrap().next, Some(twice.len() / 2));
    }

    #[test]
    fn long_runs_of_counts_keep_their_order() {
        let mut counts: Vec<u32> = (0..100).collect();
        counts[41] = 1 << 30;
        let mut bytes = vec![100, 0, 0];
        for &count in &counts {
            let mut count = count;
            while count > 0x7f {
                bytes.push(u8::try_from(count & 0x7f).unwrap() | 0x80);
                count >>= 7;
            }
            bytes.push(u8::try_from(count).unwrap());
        }
        bytes.extend([0, 0, 1]);
        let read = records(&file(2, &bytes)).unwrap();
        assert_eq!(read, [(0, 0, counts), (0, 1, vec![])]);
    }

    #[test]
    fn every_truncation_is_refused() {
        let bytes = file(2, ULEB);
        for length in 0..bytes.len() {
            assert!(records(&bytes[..length]).is_err(), "{length} bytes were accepted");
        }
    }

    #[test]
    fn a_refused_record_is_named_by_its_byte() {
        let bytes = file(2, ULEB);
        let error = read(&bytes, |record| match record.function {
            9 => Err("there is no such function"),
            _ => Ok(()),
        });
        assert_eq!(error.unwrap_err().to_string(), "byte 71: there is no such function");
    }
}
