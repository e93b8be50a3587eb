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
use crate::go_meta::read_words;
use crate::ulebs;

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
    /// The process that counted, as each segment has it.
    pub segments: Vec<Launch<'a>>,
    /// Offset where a further file begins in these bytes, if one does.
    pub next: Option<usize>,
}

/// The process that counted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Launch<'a> {
    /// Its command line; a word that the file lacks is empty. Of any bytes, as command lines are.
    pub words: Vec<&'a [u8]>,
    /// `GOOS`; empty if the file does not say.
    pub os: &'a [u8],
    /// `GOARCH`; empty if the file does not say.
    pub arch: &'a [u8],
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
    /// Offset of the record.
    pub offset: usize,
}

/// A record whose counts are not read yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RecordHead {
    /// Position of the package in the meta-data.
    pub package: u32,
    /// Position of the function in its package.
    pub function: u32,
    /// How many counts follow.
    pub n_counts: usize,
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

/// Reads the first counter file in these bytes and hands each record to `sink`, in the order of
/// the file. A record that `sink` refuses, with a reason, ends the reading with an error at that
/// record; records before it have been handed over then, so whoever must not see half a file calls
/// this twice, the first time only to check.
///
/// # Errors
/// Where and why the bytes are no counter file of version 1.
pub fn read<'a>(
    bytes: &'a [u8],
    mut sink: impl FnMut(Record<'_>) -> Result<(), &'static str>,
) -> Result<CounterFile<'a>, ReadError> {
    let mut counts = Vec::new();
    walk(bytes, |cursor, flavor, head, offset| {
        read_counts(cursor, flavor, head.n_counts, &mut counts)?;
        let RecordHead { package, function, .. } = head;
        sink(Record { package, function, counts: &counts, offset })
    })
}

/// Reads the first counter file in these bytes and adds each record's counts to those in `sums`
/// that start where `place` says. Sums stay at their highest value; the second result says whether
/// one had to. After an error some of the file's counts are added.
///
/// # Errors
/// Where and why the bytes are no counter file of version 1, or what `place` refuses.
pub fn add<'a>(
    bytes: &'a [u8],
    sums: &mut [u32],
    mut place: impl FnMut(RecordHead) -> Result<usize, &'static str>,
) -> Result<(CounterFile<'a>, bool), ReadError> {
    let mut overflows = false;
    let file = each(bytes, |head, counts| {
        let start = place(head)?;
        let sums = sums.get_mut(start..).and_then(|rest| rest.get_mut(..head.n_counts));
        overflows |= add_counts(sums.ok_or(OUTSIDE)?, counts);
        Ok(())
    })?;
    Ok((file, overflows))
}

/// Reads the first counter file in these bytes as [`read`] does, several times as fast where it is
/// as Go's programs write it. If that ends in an error, `sink` may have had records twice.
///
/// # Errors
/// Where and why the bytes are no counter file of version 1, or what `sink` refuses.
pub fn each<'a>(
    bytes: &'a [u8],
    mut sink: impl FnMut(RecordHead, &[u32]) -> Result<(), &'static str>,
) -> Result<CounterFile<'a>, ReadError> {
    let n_read = match plain(bytes) {
        Some((file, mut records, n_records)) => {
            match each_plain(&mut records, n_records, &mut sink) {
                Plain::All => return Ok(file),
                Plain::More => n_records,
                Plain::Part => 0,
            }
        }
        None => 0,
    };
    let mut n_left = n_read;
    let mut counts = Vec::new();
    walk(bytes, |cursor, flavor, head, _| {
        read_counts(cursor, flavor, head.n_counts, &mut counts)?;
        if n_left > 0 {
            n_left -= 1;
            return Ok(());
        }
        sink(head, &counts)
    })
}

const OUTSIDE: &str = "counters of a function that the meta-data does not have";
const CUT_SHORT: &str = "a counter is cut short";

/// Adds counts to as many sums; says whether one was too much for 32 bits and is the highest value
/// now.
fn add_counts(sums: &mut [u32], counts: &[u32]) -> bool {
    let mut overflows = false;
    for (sum, &count) in sums.iter_mut().zip(counts) {
        let (total, over) = sum.overflowing_add(count);
        *sum = if over { u32::MAX } else { total };
        overflows |= over;
    }
    overflows
}

/// A file as Go's programs write it, from its looks: what it says, the bytes of its records, and
/// their number. `None` if it has raw counters, several segments, or errors.
fn plain(bytes: &[u8]) -> Option<(CounterFile<'_>, Cursor<'_>, u64)> {
    let (body, footer) = bytes.split_last_chunk::<FOOTER_BYTES>()?;
    if footer[..4] != MAGIC || footer[8..12] != [1, 0, 0, 0] {
        return None;
    }
    let mut cursor = Cursor::new(body);
    let (meta_hash, flavor) = read_header(&mut cursor).ok().filter(|(_, f)| *f == Flavor::Uleb)?;
    let (n_records, launch) = read_segment_head(&mut cursor, flavor).ok()?;
    Some((CounterFile { meta_hash, segments: vec![launch], next: None }, cursor, n_records))
}

/// How much of a plain file was read.
enum Plain {
    /// All.
    All,
    /// All records of the first segment, and other bytes follow.
    More,
    /// Records up to one that is wrong.
    Part,
}

/// Numbers that are decoded before records are made of them: they fit the nearest cache.
const NUMBERS: usize = 4096;

/// Reads so many records.
fn each_plain(
    cursor: &mut Cursor<'_>,
    n_records: u64,
    sink: &mut impl FnMut(RecordHead, &[u32]) -> Result<(), &'static str>,
) -> Plain {
    let mut numbers = vec![0; NUMBERS.min(cursor.remaining()) + 8];
    let (mut at, mut filled) = (0, 0);
    let mut n_left = n_records;
    loop {
        while n_left > 0
            && let Some([n_counts, package, function, rest @ ..]) = numbers.get(at..filled)
            && let n_counts = *n_counts as usize
            && let Some(counts) = rest.get(..n_counts)
        {
            let head = RecordHead { package: *package, function: *function, n_counts };
            if sink(head, counts).is_err() {
                return Plain::Part;
            }
            at += 3 + n_counts;
            n_left -= 1;
        }
        if n_left == 0 {
            let is_all = at == filled && cursor.remaining() == 0;
            return if is_all { Plain::All } else { Plain::More };
        }
        numbers.copy_within(at..filled, 0);
        filled -= at;
        at = 0;
        // A record that is longer than the room has no more numbers than bytes, too.
        if numbers.len() < filled + NUMBERS / 2 && numbers.len() < filled + cursor.remaining() {
            numbers.resize(numbers.len() * 2, 0);
        }
        let now = ulebs::fill(cursor, &mut numbers, filled);
        if now == filled {
            return Plain::Part;
        }
        filled = now;
    }
}

/// Reads a file and lets `visit` read the counts of each record.
#[inline]
fn walk<'a>(
    bytes: &'a [u8],
    mut visit: impl FnMut(&mut Cursor<'a>, Flavor, RecordHead, usize) -> Result<(), &'static str>,
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
    let mut n_segments = 0;
    while cursor.remaining() > 0 {
        if cursor.rest().starts_with(&MAGIC) {
            file.next = Some(cursor.offset());
            break;
        }
        let (n_records, launch) = read_segment_head(&mut cursor, flavor)?;
        file.segments.push(launch);
        for _ in 0..n_records {
            let at = cursor.offset();
            let [n_counts, package, function] = [
                read_value(&mut cursor, flavor, "counter count")?,
                read_value(&mut cursor, flavor, "package")?,
                read_value(&mut cursor, flavor, "function")?,
            ];
            let head = RecordHead { package, function, n_counts: n_counts as usize };
            let least = if flavor == Flavor::Uleb { 1 } else { 4 };
            if head.n_counts.saturating_mul(least) > cursor.remaining() {
                return Err(malformed(at, "more counters than bytes"));
            }
            visit(&mut cursor, flavor, head, at).map_err(|reason| malformed(at, reason))?;
        }
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

/// The number of records that follow, and the process that counted.
fn read_segment_head<'a>(
    cursor: &mut Cursor<'a>,
    flavor: Flavor,
) -> Result<(u64, Launch<'a>), ReadError> {
    let base = cursor.offset();
    let n_records = cursor.u64("function count")?;
    let strings_bytes = cursor.u32("string table length")? as usize;
    let args_bytes = cursor.u32("args length")? as usize;
    let strings_at = cursor.offset();
    let mut part = Cursor::new(cursor.take(strings_bytes, "string table")?);
    let strings = read_words(&mut part).map_err(|error| error.shifted(strings_at))?;
    let args_at = cursor.offset();
    let mut part = Cursor::new(cursor.take(args_bytes, "args")?);
    let launch = read_args(&mut part, &strings).map_err(|error| error.shifted(args_at))?;
    // Go counts the padding as part of the args, and skips it where a file does not.
    cursor.take((cursor.offset() - base).wrapping_neg() % 4, "padding")?;
    let least = if flavor == Flavor::Uleb { 3 } else { 12 };
    if n_records.saturating_mul(least) > cursor.remaining() as u64 {
        return Err(malformed(base, "more functions than bytes"));
    }
    Ok((n_records, launch))
}

fn read_args<'a>(cursor: &mut Cursor<'_>, strings: &[&'a [u8]]) -> Result<Launch<'a>, ReadError> {
    if cursor.remaining() == 0 {
        return Ok(Launch::default());
    }
    let n_args = cursor.length("args", 2)?;
    let mut word = || {
        let offset = cursor.offset();
        let index = cursor.uleb("arg")?;
        strings.get(index as usize).copied().ok_or(malformed(offset, "arg is not in the strings"))
    };
    let mut launch = Launch::default();
    let mut argc = None;
    let mut numbered = Vec::with_capacity(n_args);
    for _ in 0..n_args {
        let (name, value) = (word()?, word()?);
        match name {
            b"GOOS" => launch.os = value,
            b"GOARCH" => launch.arch = value,
            b"argc" => argc = Some(value),
            _ => numbered.extend(word_number(name).map(|number| (number, value))),
        }
    }
    let Some(argc) = argc else { return Ok(launch) };
    let n_words = std::str::from_utf8(argc).ok().and_then(|argc| argc.parse::<usize>().ok());
    let n_words = n_words.ok_or(malformed(0, "argc is not a number"))?;
    if n_words > n_args {
        return Err(malformed(0, "argc is more than there are args"));
    }
    launch.words = vec![&[][..]; n_words];
    for (number, value) in numbered {
        if let Some(word) = launch.words.get_mut(number) {
            *word = value;
        }
    }
    Ok(launch)
}

/// Which word of the command line has this name, `argv` and its number.
fn word_number(name: &[u8]) -> Option<usize> {
    let digits = name.strip_prefix(b"argv")?;
    let is_plain =
        digits.iter().all(u8::is_ascii_digit) && (digits == b"0" || !digits.starts_with(b"0"));
    std::str::from_utf8(digits).ok().filter(|_| is_plain)?.parse().ok()
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

/// Reads the counts of one function, which the bytes are enough for, into `counts`, which is
/// emptied first.
fn read_counts(
    cursor: &mut Cursor<'_>,
    flavor: Flavor,
    n_counts: usize,
    counts: &mut Vec<u32>,
) -> Result<(), &'static str> {
    counts.clear();
    if flavor == Flavor::Uleb {
        counts.resize(n_counts, 0);
        let filled = ulebs::fill(cursor, counts, 0);
        return if filled == n_counts { Ok(()) } else { Err(CUT_SHORT) };
    }
    let words = cursor.take(n_counts * 4, "counters").map_err(|_| CUT_SHORT)?;
    let words = words.as_chunks::<4>().0.iter();
    match flavor {
        Flavor::RawBig => counts.extend(words.map(|&word| u32::from_be_bytes(word))),
        _ => counts.extend(words.map(|&word| u32::from_le_bytes(word))),
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
    fn args_say_what_ran_where() {
        let bytes = file(2, ULEB);
        let found = read(&bytes, |_| Ok(())).unwrap();
        assert_eq!(found.meta_hash, [7; 16]);
        assert_eq!(found.segments, [Launch { os: b"aix", ..Launch::default() }]);
    }

    #[test]
    fn padding_may_lie_past_the_args() {
        let mut bytes = file(2, ULEB);
        bytes[44] = 3;
        assert_eq!(records(&bytes), records(&file(2, ULEB)));
    }

    #[test]
    fn adding_is_reading_and_adding() {
        let counts = [0, 1, 127, 128, 16_383, 16_384, u32::MAX, 5, 300, 2, 2, 2, 2, 2, 2, 2, 2, 9];
        let mut records = vec![18, 0, 0];
        for count in counts {
            let mut count = count;
            while count > 0x7f {
                records.push(u8::try_from(count & 0x7f).unwrap() | 0x80);
                count >>= 7;
            }
            records.push(u8::try_from(count).unwrap());
        }
        records.extend([1, 0, 1, 4]);
        let bytes = file(2, &records);
        let mut sums = vec![1; 20];
        let place = |head: RecordHead| match head.function {
            0 => Ok(0),
            _ => Ok(19),
        };
        let (_, overflows) = add(&bytes, &mut sums, place).unwrap();
        let mut expected: Vec<u32> = counts.iter().map(|count| count.saturating_add(1)).collect();
        expected.extend([1, 5]);
        assert_eq!((sums, overflows), (expected, true));
        let refused = add(&bytes, &mut [0; 18], place).unwrap_err();
        assert!(refused.to_string().ends_with("a function that the meta-data does not have"));
    }

    #[test]
    fn adding_takes_records_of_any_length_and_the_first_file_only() {
        let mut bytes = vec![0x80 | 32, 0x80 | 94, 2, 0, 0];
        bytes.extend([3; 44_832]);
        bytes.extend([1, 0, 1, 4]);
        assert_eq!(bytes.len(), 5 + 44_832 + 4);
        for copies in [1, 2] {
            let bytes = file(2, &bytes).repeat(copies);
            let mut sums = vec![0; 44_833];
            let place = |head: RecordHead| Ok(head.function as usize * 44_832);
            let (found, overflows) = add(&bytes, &mut sums, place).unwrap();
            assert_eq!((found.next.is_some(), overflows), (copies == 2, false));
            assert!(sums[..44_832].iter().all(|&sum| sum == 3));
            assert_eq!(sums[44_832], 4);
        }
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

    #[test]
    fn words_have_their_number_in_plain_digits() {
        let named = [("argv0", Some(0)), ("argv10", Some(10)), ("argv", None), ("argv01", None)];
        let odd = [("argv+1", None), ("argv1x", None), ("argv99999999999999999999", None)];
        for (name, number) in named.into_iter().chain(odd) {
            assert_eq!(word_number(name.as_bytes()), number, "{name}");
        }
    }
}
