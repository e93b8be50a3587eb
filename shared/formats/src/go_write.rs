//! Writing Go coverage meta-data and counter files, as Go 1.26's tools write them.
//!
//! Layouts: [`go_meta`] and [`go_counters`]. Packages keep
//! their bytes; only what names a package by its position is made anew.

use std::collections::{BTreeMap, HashMap};

use crate::go_counters::{self, Launch};
use crate::go_meta::{self, MetaUnit, Stated};

/// FNV-1a with 128 bits, as Go 1.24 and later hash meta-data (before that it was MD5).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fnv128(u128);

impl Default for Fnv128 {
    fn default() -> Self {
        Self(0x6c62_272e_07bb_0142_62b8_2175_6295_c58d)
    }
}

impl Fnv128 {
    /// By what each byte multiplies.
    const PRIME: u128 = 0x0000_0000_0100_0000_0000_0000_0000_013b;

    /// Hashes more bytes.
    pub fn write(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            self.0 = (self.0 ^ u128::from(byte)).wrapping_mul(Self::PRIME);
        }
    }

    /// Hashes the four bytes of a number, the lowest first. Bytes of 0 only multiply, and most
    /// numbers end in two or three of them: those are one step.
    fn write_number(&mut self, number: u32) {
        const TWICE: u128 = Fnv128::PRIME.wrapping_mul(Fnv128::PRIME);
        match number.to_le_bytes() {
            [first, 0, 0, 0] => {
                self.0 = (self.0 ^ u128::from(first)).wrapping_mul(TWICE.wrapping_mul(TWICE));
            }
            [first, second, 0, 0] => {
                self.write(&[first]);
                let rest = TWICE.wrapping_mul(Self::PRIME);
                self.0 = (self.0 ^ u128::from(second)).wrapping_mul(rest);
            }
            bytes => self.write(&bytes),
        }
    }

    /// The hash of all bytes so far.
    pub fn finish(self) -> [u8; 16] {
        self.0.to_be_bytes()
    }

    /// The hash of these bytes.
    pub fn of(bytes: &[u8]) -> [u8; 16] {
        let mut hash = Self::default();
        hash.write(bytes);
        hash.finish()
    }
}

/// A meta-data file that holds these packages, given as their blobs, in this order.
pub fn meta_file(blobs: &[&[u8]], stated: Stated, hash: [u8; 16]) -> Vec<u8> {
    let first = go_meta::HEADER_BYTES + 16 * blobs.len() + 2;
    let total = first + blobs.iter().map(|blob| blob.len()).sum::<usize>();
    let mut out = Vec::with_capacity(total);
    out.extend(go_meta::MAGIC);
    out.extend(1u32.to_le_bytes());
    out.extend((total as u64).to_le_bytes());
    out.extend((blobs.len() as u64).to_le_bytes());
    out.extend(hash);
    out.extend(u32::try_from(first - 2).unwrap_or(u32::MAX).to_le_bytes());
    out.extend(2u32.to_le_bytes());
    out.extend([stated.mode, stated.granularity, 0, 0, 0, 0, 0, 0]);
    let mut offset = first as u64;
    for blob in blobs {
        out.extend(offset.to_le_bytes());
        offset += blob.len() as u64;
    }
    for blob in blobs {
        out.extend((blob.len() as u64).to_le_bytes());
    }
    // One empty string.
    out.extend([1, 0]);
    for blob in blobs {
        out.extend_from_slice(blob);
    }
    out
}

/// Writes the blob of a package.
#[derive(Debug, Clone)]
pub struct PackageWriter<'a> {
    strings: Strings<'a>,
    names: [u32; 3],
    hash: Fnv128,
    bodies: Vec<u8>,
    starts: Vec<usize>,
}

impl<'a> PackageWriter<'a> {
    /// A package without functions yet.
    pub fn new(path: &'a str, name: &'a str, module: &'a str) -> Self {
        let mut strings = Strings::default();
        let mut hash = Fnv128::default();
        strings.index(b"");
        let [path, name, module] = [path, name, module].map(|word| {
            hash.write(word.as_bytes());
            strings.index(word.as_bytes())
        });
        let names = [name, path, module];
        Self { strings, names, hash, bodies: Vec::new(), starts: Vec::new() }
    }

    /// Adds a function.
    pub fn function(
        &mut self,
        name: &'a str,
        file: &'a str,
        literal: bool,
        units: impl ExactSizeIterator<Item = MetaUnit>,
    ) {
        self.starts.push(self.bodies.len());
        uleb(&mut self.bodies, units.len() as u64);
        for word in [name, file] {
            self.hash.write(word.as_bytes());
            uleb(&mut self.bodies, u64::from(self.strings.index(word.as_bytes())));
        }
        for unit in units {
            let (start, end) = (unit.span.start, unit.span.end);
            for value in [start.line, start.column, end.line, end.column, unit.statements] {
                uleb(&mut self.bodies, u64::from(value));
                self.hash.write_number(value);
            }
        }
        uleb(&mut self.bodies, u64::from(literal));
        self.hash.write_number(u32::from(literal));
    }

    /// The blob, and the hash of names, positions and statement counts that stands in it.
    pub fn finish(self) -> (Vec<u8>, [u8; 16]) {
        let hash = self.hash.finish();
        let n_strings = self.strings.list.len();
        let mut table = Vec::new();
        write_strings(&mut table, &self.strings.list);
        let base = go_meta::PACKAGE_HEADER_BYTES + 4 * self.starts.len() + table.len();
        let word = |value: usize| u32::try_from(value).unwrap_or(u32::MAX).to_le_bytes();
        let mut blob = Vec::with_capacity(base + self.bodies.len());
        blob.extend(word(base + self.bodies.len()));
        for name in self.names {
            blob.extend(name.to_le_bytes());
        }
        blob.extend(hash);
        blob.extend([0; 4]);
        blob.extend(word(n_strings));
        blob.extend(word(self.starts.len()));
        for start in self.starts {
            blob.extend(word(base + start));
        }
        blob.extend(table);
        blob.extend(self.bodies);
        (blob, hash)
    }
}

/// Strings by position, each once.
#[derive(Debug, Clone, Default)]
struct Strings<'a> {
    list: Vec<&'a [u8]>,
    known: HashMap<&'a [u8], u32>,
}

impl<'a> Strings<'a> {
    fn index(&mut self, text: &'a [u8]) -> u32 {
        let next = u32::try_from(self.list.len()).unwrap_or(u32::MAX);
        *self.known.entry(text).or_insert_with(|| {
            self.list.push(text);
            next
        })
    }
}

fn write_strings(out: &mut Vec<u8>, strings: &[&[u8]]) {
    uleb(out, strings.len() as u64);
    for string in strings {
        uleb(out, string.len() as u64);
        out.extend_from_slice(string);
    }
}

/// Writes a counter file with one segment.
#[derive(Debug, Clone)]
pub struct CounterWriter {
    bytes: Vec<u8>,
    n_functions: u64,
}

impl CounterWriter {
    /// A file for the meta-data with this hash, counted by this process.
    pub fn new(meta_hash: [u8; 16], launch: &Launch<'_>) -> Self {
        let mut bytes = Vec::new();
        bytes.extend(go_counters::MAGIC);
        bytes.extend(1u32.to_le_bytes());
        bytes.extend(meta_hash);
        bytes.extend([2, 0, 0, 0, 0, 0, 0, 0]);

        let named = [("GOOS", launch.os), ("GOARCH", launch.arch)];
        let mut args: BTreeMap<String, Vec<u8>> = named
            .into_iter()
            .filter(|(_, value)| !value.is_empty())
            .map(|(name, value)| (name.to_owned(), value.to_vec()))
            .collect();
        if !launch.words.is_empty() {
            args.insert("argc".into(), launch.words.len().to_string().into_bytes());
        }
        for (i, word) in launch.words.iter().enumerate() {
            args.insert(format!("argv{i}"), word.to_vec());
        }
        let mut strings = Strings::default();
        strings.index(b"");
        let pairs: Vec<_> = args
            .iter()
            .flat_map(|(name, value)| [strings.index(name.as_bytes()), strings.index(value)])
            .collect();
        let mut table = Vec::new();
        write_strings(&mut table, &strings.list);
        let mut list = Vec::new();
        uleb(&mut list, args.len() as u64);
        for index in pairs {
            uleb(&mut list, u64::from(index));
        }
        // The padding is part of the list.
        list.resize(list.len() + (16 + table.len() + list.len()).wrapping_neg() % 4, 0);

        bytes.extend(0u64.to_le_bytes());
        bytes.extend(u32::try_from(table.len()).unwrap_or(u32::MAX).to_le_bytes());
        bytes.extend(u32::try_from(list.len()).unwrap_or(u32::MAX).to_le_bytes());
        bytes.extend(table);
        bytes.extend(list);
        Self { bytes, n_functions: 0 }
    }

    /// Adds the counts of a function, named by package and position in it.
    pub fn record(&mut self, package: u32, function: u32, counts: &[u32]) {
        uleb(&mut self.bytes, counts.len() as u64);
        uleb(&mut self.bytes, u64::from(package));
        uleb(&mut self.bytes, u64::from(function));
        for &count in counts {
            uleb(&mut self.bytes, u64::from(count));
        }
        self.n_functions += 1;
    }

    /// The finished file.
    pub fn finish(mut self) -> Vec<u8> {
        let place = go_counters::HEADER_BYTES..go_counters::HEADER_BYTES + 8;
        if let Some(place) = self.bytes.get_mut(place) {
            place.copy_from_slice(&self.n_functions.to_le_bytes());
        }
        self.bytes.extend(go_counters::MAGIC);
        self.bytes.extend([0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0]);
        self.bytes
    }
}

/// Appends an unsigned LEB128.
fn uleb(out: &mut Vec<u8>, mut value: u64) {
    while value > 0x7f {
        out.push((value & 0x7f) as u8 | 0x80);
        value >>= 7;
    }
    out.push((value & 0x7f) as u8);
}

#[cfg(test)]
mod tests {
    use coverage::Mode;

    use super::*;
    use crate::go_meta::Granularity;

    #[test]
    fn hash_is_that_of_go() {
        // `fnv.New128a()` of Go 1.26 over nothing, and over "a".
        let hex = |hash: [u8; 16]| hash.iter().map(|b| format!("{b:02x}")).collect::<String>();
        assert_eq!(hex(Fnv128::of(b"")), "6c62272e07bb014262b821756295c58d");
        assert_eq!(hex(Fnv128::of(b"a")), "d228cb696f1a8caf78912b704e4a8964");
    }

    #[test]
    fn a_number_hashes_as_its_bytes() {
        for number in [0, 1, 0x7f, 0xff, 0x100, 0xff00, 0xffff, 0x1_0000, 0x0101_0101, u32::MAX] {
            let mut hash = Fnv128::default();
            hash.write_number(number);
            assert_eq!(hash.finish(), Fnv128::of(&number.to_le_bytes()), "{number}");
        }
    }

    #[test]
    fn what_is_written_reads_back() {
        let words = vec![&b"linux"[..], b"\xff", b""];
        let launch = Launch { words, os: b"linux", arch: b"" };
        let mut writer = CounterWriter::new([9; 16], &launch);
        writer.record(1, 200, &[0, 1, u32::MAX]);
        writer.record(2, 0, &[]);
        let bytes = writer.finish();
        let mut records = Vec::new();
        let file = go_counters::read(&bytes, |record| {
            records.push((record.package, record.function, record.counts.to_vec()));
            Ok(())
        })
        .unwrap();
        assert_eq!(file.meta_hash, [9; 16]);
        assert_eq!(file.segments, [launch]);
        assert_eq!(records, [(1, 200, vec![0, 1, u32::MAX]), (2, 0, vec![])]);
        assert!(!bytes[go_counters::HEADER_BYTES..].is_empty());

        let empty = meta_file(&[], Stated::new(Mode::Atomic, Granularity::Function), [3; 16]);
        let meta = go_meta::read(&empty).unwrap();
        assert_eq!((meta.mode, meta.granularity), (Mode::Atomic, Granularity::Function));
        assert_eq!(meta.hash, [3; 16]);
    }
}
