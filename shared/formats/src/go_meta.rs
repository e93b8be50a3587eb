//! Go coverage meta-data: what `go build -cover` says of packages, functions and units.
//!
//! Written by `cover -pkgcfg` (`EmitMetaFile`) and, as `covmeta.<hash>`, by every `-cover` binary.
//! Layout: Go `internal/coverage/defs.go`; little endian, `uleb` is unsigned LEB128.
//!
//! ```text
//! file    := "\0cvm" · version u32 = 1 · length u64 · n u64 · hash [16] · strings offset u32
//!            · strings length u32 · mode u8 · granularity u8 · 0 [6]
//!            · package offset u64 × n · package length u64 × n · strings · package × n
//! package := length u32 · name u32 · path u32 · module u32 · hash [16] · 0 [4] · n strings u32
//!            · n functions f u32 · function offset u32 × f · strings · function × f
//! strings := n uleb · (length uleb · bytes) × n               names above are positions in it
//! function := n units uleb · name uleb · file uleb · unit × n · literal uleb
//! unit    := start line uleb · start column uleb · end line uleb · end column uleb · statements uleb
//! ```
//!
//! What is read borrows its names and lies in columns: one table of packages, one of functions,
//! one of units, in the order of the file. So counters of a whole file are one array, too.
//!
//! Go's decoders trust lengths; this one doesn't: offsets and counts are checked against the bytes
//! that are there before anything is allocated.

use std::ops::Range;

use coverage::{Mode, ShapeBuilder, Span};

use crate::bytes::{Cursor, malformed};
use crate::error::{Place, ReadError};

/// First bytes of a meta-data file.
pub const MAGIC: [u8; 4] = *b"\0cvm";
/// Bytes before the table of packages.
pub const HEADER_BYTES: usize = 56;
/// Bytes of a package before its functions' offsets.
pub const PACKAGE_HEADER_BYTES: usize = 44;
/// Fewest bytes that a unit takes: five numbers.
const UNIT_BYTES: usize = 5;

/// How finely functions are counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Granularity {
    /// A unit for each basic block of the source.
    Block,
    /// One unit for each function.
    Function,
}

/// A meta-data file, read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Meta<'a> {
    /// The bytes that stand for mode and granularity, for whoever writes them again.
    pub stated: Stated,
    /// How counters count.
    pub mode: Mode,
    /// How finely functions are counted.
    pub granularity: Granularity,
    /// Hash that counter files name, as hex digits in `covmeta.<hash>`.
    pub hash: [u8; 16],
    /// Packages in the order of the file; counter files name them by their position.
    pub packages: Vec<MetaPackage<'a>>,
    /// Functions of all packages, contiguous for each.
    pub functions: Vec<MetaFunction<'a>>,
    /// Units of all functions, contiguous for each, in counter order.
    pub units: Vec<MetaUnit>,
}

/// The bytes of a header that stand for mode and granularity. Go's tools put up with values that
/// stand for nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stated {
    /// 1 set, 2 count, 3 atomic.
    pub mode: u8,
    /// 1 for blocks, 2 for functions.
    pub granularity: u8,
}

impl Stated {
    /// What stands for these.
    pub fn new(mode: Mode, granularity: Granularity) -> Self {
        let mode = match mode {
            Mode::Set => 1,
            Mode::Count => 2,
            Mode::Atomic => 3,
        };
        let granularity = match granularity {
            Granularity::Block => 1,
            Granularity::Function => 2,
        };
        Self { mode, granularity }
    }

    /// The mode, or `None` if the byte stands for none.
    pub fn mode(self) -> Option<Mode> {
        match self.mode {
            1 => Some(Mode::Set),
            2 => Some(Mode::Count),
            3 => Some(Mode::Atomic),
            _ => None,
        }
    }

    /// The granularity, or `None` if the byte stands for none.
    pub fn granularity(self) -> Option<Granularity> {
        match self.granularity {
            1 => Some(Granularity::Block),
            2 => Some(Granularity::Function),
            _ => None,
        }
    }
}

/// A package of a meta-data file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MetaPackage<'a> {
    /// Import path; `command-line-arguments` for a list of files.
    pub path: &'a str,
    /// Name in the package clause.
    pub name: &'a str,
    /// Module path; empty for std.
    pub module: &'a str,
    /// Hash over names, positions and statement counts, as the compiler wrote it.
    pub hash: [u8; 16],
    /// Its functions in [`Meta::functions`]; counter files name them by their position in it.
    pub functions: Range<u32>,
    /// Its bytes, which stand on their own: another meta-data file may hold them unchanged.
    pub blob: &'a [u8],
}

/// A function of a package.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MetaFunction<'a> {
    /// `F`, `T.M`, `*T.M`, or `func.L9.C11` for a literal.
    pub name: &'a str,
    /// `import/path/file.go`, or an absolute path in a list of files.
    pub file: &'a str,
    /// Whether it is a function literal at package level.
    pub literal: bool,
    /// Its units in [`Meta::units`], and its counts wherever those of the file are one array.
    pub units: Range<u32>,
}

/// A unit of a function.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct MetaUnit {
    /// Where it is.
    pub span: Span,
    /// How many statements it stands for; 0 for an empty body.
    pub statements: u32,
}

impl<'a> Meta<'a> {
    /// The functions of a package.
    pub fn functions_of(&self, package: &MetaPackage<'a>) -> &[MetaFunction<'a>] {
        let Range { start, end } = package.functions;
        self.functions.get(start as usize..end as usize).unwrap_or_default()
    }

    /// The units of a function.
    pub fn units_of(&self, function: &MetaFunction<'a>) -> &[MetaUnit] {
        let Range { start, end } = function.units;
        self.units.get(start as usize..end as usize).unwrap_or_default()
    }

    /// The position in [`Meta::functions`] of a function that a counter file names by package and
    /// function, or `None` if there is none such.
    pub fn function_at(&self, package: u32, function: u32) -> Option<usize> {
        let functions = &self.packages.get(package as usize)?.functions;
        let at = functions.start.checked_add(function)?;
        (at < functions.end).then_some(at as usize)
    }

    /// Adds the packages, files, functions and units to a shape, in the order of the file.
    pub fn add_to(&self, builder: &mut ShapeBuilder) {
        for package in &self.packages {
            let package_idx = builder.package(package.path, package.name, package.module);
            // Functions come file by file, so the last few files are the ones to look among.
            let mut files: Vec<(&str, coverage::FileIdx)> = Vec::new();
            for function in self.functions_of(package) {
                let known = files.iter().rev().find(|(path, _)| *path == function.file);
                let file_idx = match known {
                    Some(&(_, file_idx)) => file_idx,
                    None => {
                        let file_idx = builder.file(package_idx, function.file);
                        files.push((function.file, file_idx));
                        file_idx
                    }
                };
                let function_idx = builder.function(file_idx, function.name, function.literal);
                for unit in self.units_of(function) {
                    builder.unit(function_idx, unit.span, unit.statements);
                }
            }
        }
    }
}

/// Whether these are the first bytes of a meta-data file.
pub fn sniff(head: &[u8]) -> bool {
    head.starts_with(&MAGIC)
}

/// The meta-data in these bytes.
///
/// # Errors
/// Where and why the bytes are no meta-data file of version 1.
pub fn read(bytes: &[u8]) -> Result<Meta<'_>, ReadError> {
    let meta = read_as_go(bytes)?;
    if meta.stated.mode().is_none() {
        return Err(ReadError::unsupported(Place::Byte(48), "unknown counter mode"));
    }
    if meta.stated.granularity().is_none() {
        return Err(ReadError::unsupported(Place::Byte(49), "unknown granularity"));
    }
    Ok(meta)
}

/// The meta-data in these bytes. As Go's tools do, this takes an unknown mode for one that adds,
/// and an unknown granularity for blocks; [`Meta::stated`] tells.
///
/// # Errors
/// Where and why the bytes are no meta-data file of version 1.
pub fn read_as_go(bytes: &[u8]) -> Result<Meta<'_>, ReadError> {
    let mut cursor = Cursor::new(bytes);
    if cursor.array("magic")? != MAGIC {
        return Err(malformed(0, "not a Go meta-data file"));
    }
    if cursor.u32("version")? > 1 {
        return Err(ReadError::unsupported(Place::Byte(4), "unknown meta-data version"));
    }
    if cursor.u64("length")? != bytes.len() as u64 {
        return Err(malformed(8, "stated length is not that of the file"));
    }
    let n_packages = cursor.u64("package count")?;
    let hash = cursor.array("hash")?;
    cursor.take(4, "string table place")?;
    let strings_bytes = cursor.u32("string table length")? as usize;
    let [mode, granularity] = [cursor.byte("counter mode")?, cursor.byte("granularity")?];
    let stated = Stated { mode, granularity };
    let mode = stated.mode().unwrap_or(Mode::Count);
    let granularity = stated.granularity().unwrap_or(Granularity::Block);
    cursor.take(HEADER_BYTES - cursor.offset(), "header")?;
    let n_packages = usize::try_from(n_packages)
        .ok()
        .filter(|n| n.saturating_mul(16 + PACKAGE_HEADER_BYTES) <= bytes.len())
        .ok_or(malformed(16, "more packages than bytes"))?;
    let mut offsets = Vec::with_capacity(n_packages);
    for _ in 0..n_packages {
        offsets.push((cursor.offset(), cursor.u64("package offset")?));
    }
    let packages = Vec::with_capacity(n_packages);
    // A unit takes five bytes or more; most take six or seven.
    let units = Vec::with_capacity(bytes.len() / 8);
    let functions = Vec::new();
    let mut meta = Meta { stated, mode, granularity, hash, packages, functions, units };
    let mut end = cursor.offset();
    for (at, offset) in offsets {
        let length = cursor.u64("package length")?;
        let place = |value| usize::try_from(value).unwrap_or(usize::MAX);
        let (start, length) = (place(offset), place(length));
        let blob = bytes.get(start..).and_then(|rest| rest.get(..length));
        let blob = blob.ok_or(malformed(at, "package lies outside the file"))?;
        if start < end {
            return Err(malformed(at, "package starts before its predecessor ends"));
        }
        end = start + length;
        read_package(&mut meta, blob).map_err(|error| error.shifted(start))?;
    }
    // Go looks for these strings right here, whatever place the header gives them.
    let base = cursor.offset();
    let mut strings = Cursor::new(cursor.take(strings_bytes, "string table")?);
    read_words(&mut strings).map_err(|error| error.shifted(base))?;
    Ok(meta)
}

/// Reads one package's blob; places in errors count from its first byte.
fn read_package<'a>(meta: &mut Meta<'a>, blob: &'a [u8]) -> Result<(), ReadError> {
    let mut cursor = Cursor::new(blob);
    // Go bounds functions by this length and drops those past it without a word.
    if (cursor.u32("package length")? as usize) < blob.len() {
        return Err(malformed(0, "package is longer than it says"));
    }
    let names = [cursor.u32("name")?, cursor.u32("path")?, cursor.u32("module path")?];
    let hash = cursor.array("package hash")?;
    cursor.take(4 + 4, "package header")?;
    let n_functions = cursor.u32("function count")? as usize;
    if n_functions.saturating_mul(4) > blob.len() {
        return Err(cursor.malformed("more functions than bytes"));
    }
    let offsets = cursor.take(n_functions * 4, "function offsets")?;
    let strings = read_strings(&mut cursor)?;
    let first = next(&meta.functions)?;
    meta.functions.reserve(n_functions);
    for offset in offsets.as_chunks::<4>().0 {
        let offset = u32::from_le_bytes(*offset) as usize;
        // Functions that overlapped could claim far more units than the file has bytes.
        if offset < cursor.offset() {
            return Err(malformed(offset, "function starts before its predecessor ends"));
        }
        cursor.seek(offset);
        read_function(meta, &mut cursor, &strings)?;
    }
    let functions = first..next(&meta.functions)?;
    let [name, path, module] = names.map(|index| strings.get(index as usize).copied());
    let (Some(name), Some(path), Some(module)) = (name, path, module) else {
        return Err(malformed(4, "name is not in the strings"));
    };
    meta.packages.push(MetaPackage { path, name, module, hash, functions, blob });
    Ok(())
}

/// The index of the next row.
fn next<T>(table: &[T]) -> Result<u32, ReadError> {
    let too_many = || ReadError::limit(Place::Whole, "more than 4 billion rows");
    u32::try_from(table.len()).map_err(|_| too_many())
}

/// A table of strings.
pub(crate) fn read_words<'a>(cursor: &mut Cursor<'a>) -> Result<Vec<&'a [u8]>, ReadError> {
    let n_strings = cursor.length("string count", 1)?;
    let mut strings = Vec::with_capacity(n_strings);
    for _ in 0..n_strings {
        let length = cursor.length("string", 1)?;
        strings.push(cursor.take(length, "string")?);
    }
    Ok(strings)
}

/// A table of strings that are text.
fn read_strings<'a>(cursor: &mut Cursor<'a>) -> Result<Vec<&'a str>, ReadError> {
    let base = cursor.offset();
    let not_text = |_| malformed(base, "a string of this table is not UTF-8");
    read_words(cursor)?.into_iter().map(|word| str::from_utf8(word).map_err(not_text)).collect()
}

fn read_function<'a>(
    meta: &mut Meta<'a>,
    cursor: &mut Cursor<'a>,
    strings: &[&'a str],
) -> Result<(), ReadError> {
    let n_units = cursor.length("unit count", UNIT_BYTES)?;
    let mut word = |what| {
        let offset = cursor.offset();
        let index = cursor.uleb(what)?;
        strings.get(index as usize).copied().ok_or(malformed(offset, "name is not in the strings"))
    };
    let (name, file) = (word("function name")?, word("file name")?);
    let first = next(&meta.units)?;
    for _ in 0..n_units {
        let span = Span::new(
            cursor.uleb("start line")?,
            cursor.uleb("start column")?,
            cursor.uleb("end line")?,
            cursor.uleb("end column")?,
        );
        meta.units.push(MetaUnit { span, statements: cursor.uleb("statements")? });
    }
    let literal = cursor.uleb("literal flag")? != 0;
    let units = first..next(&meta.units)?;
    meta.functions.push(MetaFunction { name, file, literal, units });
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What `cover -pkgcfg` of Go 1.26 wrote for
    /// `package main`, newline, `func main() { println(1) }` in `m.go` of `ex.com/t`.
    const ONE_FUNCTION: &str = "\
        0063766d01000000a10000000000000001000000000000005a2edb1fd3cd79f3\
        20461bdc01da893f480000000200000002010000000000004a00000000000000\
        57000000000000000100570000000200000001000000010000005a2edb1fd3cd\
        79f320461bdc01da893f0000000004000000010000004e00000004000865782e\
        636f6d2f74046d61696e0d65782e636f6d2f742f6d2e676f010203020d021b01\
        00";

    fn one_function() -> Vec<u8> {
        let digits = ONE_FUNCTION.as_bytes().chunks(2);
        digits.map(|pair| u8::from_str_radix(str::from_utf8(pair).unwrap(), 16).unwrap()).collect()
    }

    #[test]
    fn a_package_reads_as_cover_wrote_it() {
        let bytes = one_function();
        let meta = read(&bytes).unwrap();
        assert_eq!((meta.mode, meta.granularity), (Mode::Count, Granularity::Block));
        let package = &meta.packages[0];
        assert_eq!((package.path, package.name, package.module), ("ex.com/t", "main", "ex.com/t"));
        let function = &meta.functions_of(package)[0];
        assert_eq!((function.name, function.file), ("main", "ex.com/t/m.go"));
        assert!(!function.literal);
        let unit = MetaUnit { span: Span::new(2, 13, 2, 27), statements: 1 };
        assert_eq!(meta.units_of(function), [unit]);
        assert_eq!((meta.function_at(0, 0), meta.function_at(0, 1)), (Some(0), None));
    }

    #[test]
    fn every_truncation_is_refused() {
        for length in 0..one_function().len() {
            assert!(read(&one_function()[..length]).is_err(), "{length} bytes were accepted");
        }
    }

    #[test]
    fn no_changed_byte_panics() {
        for offset in 0..one_function().len() {
            for value in [0, 1, 0x7f, 0x80, 0xff] {
                let mut bytes = one_function();
                bytes[offset] = value;
                let _ = read(&bytes);
            }
        }
    }

    #[test]
    fn errors_name_the_byte() {
        let mut bytes = one_function();
        bytes[153] = 99;
        let error = read(&bytes).unwrap_err();
        assert_eq!(error.to_string(), "byte 153: name is not in the strings");
    }
}
