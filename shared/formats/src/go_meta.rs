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
//! Go's decoders trust lengths; this one doesn't: offsets and counts are checked against the bytes
//! that are there before anything is allocated. Counter files are not read here.

use coverage::{Mode, Span};
use thiserror::Error;

const MAGIC: [u8; 4] = *b"\0cvm";
const HEADER_BYTES: usize = 56;
const PACKAGE_HEADER_BYTES: usize = 44;
/// Fewest bytes that a unit takes: five numbers.
const UNIT_BYTES: usize = 5;

/// Meta-data that breaks its layout. Offsets count from the first byte of the file.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum GoMetaError {
    /// The bytes end before the value does.
    #[error("byte {offset}: {what} is cut short")]
    Truncated {
        /// Where the value starts.
        offset: usize,
        /// What was being read.
        what: &'static str,
    },
    /// The value breaks the layout.
    #[error("byte {offset}: {what}")]
    Malformed {
        /// Where the value starts.
        offset: usize,
        /// What is wrong with it.
        what: &'static str,
    },
    /// A legal file of a kind that this reader does not know.
    #[error("byte {offset}: {what}")]
    Unsupported {
        /// Where the value starts.
        offset: usize,
        /// What is not supported.
        what: &'static str,
    },
}

/// A meta-data file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MetaFile {
    /// How counters count.
    pub mode: Mode,
    /// Whether there is one unit for each function only.
    pub per_function: bool,
    /// Hash that counter files name, as hex digits in `covmeta.<hash>`.
    pub hash: [u8; 16],
    /// Packages; counter files name them by their position.
    pub packages: Vec<MetaPackage>,
}

/// A package of a meta-data file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MetaPackage {
    /// Import path; `command-line-arguments` for a list of files.
    pub path: String,
    /// Name in the package clause.
    pub name: String,
    /// Module path; empty for std.
    pub module: String,
    /// Functions; counters name them by their position.
    pub functions: Vec<MetaFunction>,
}

/// A function of a package.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MetaFunction {
    /// `F`, `T.M`, `*T.M`, or `func.L9.C11` for a literal.
    pub name: String,
    /// `import/path/file.go`, or an absolute path in a list of files.
    pub file: String,
    /// Whether it is a function literal at package level.
    pub literal: bool,
    /// Its units, in counter order.
    pub units: Vec<MetaUnit>,
}

/// A unit of a function.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MetaUnit {
    /// Where it is.
    pub span: Span,
    /// How many statements it stands for; 0 for an empty body.
    pub statements: u32,
}

/// The meta-data in these bytes.
///
/// # Errors
/// Where and why the bytes are no meta-data file of version 1.
pub fn read(bytes: &[u8]) -> Result<MetaFile, GoMetaError> {
    let mut cursor = Cursor { bytes, offset: 0 };
    if cursor.array("magic")? != MAGIC {
        return Err(GoMetaError::Malformed { offset: 0, what: "not a Go meta-data file" });
    }
    if cursor.u32("version")? > 1 {
        return Err(GoMetaError::Unsupported { offset: 4, what: "unknown meta-data version" });
    }
    if cursor.u64("length")? != bytes.len() as u64 {
        let what = "stated length is not that of the file";
        return Err(GoMetaError::Malformed { offset: 8, what });
    }
    let n_packages = cursor.u64("package count")?;
    let hash = cursor.array("hash")?;
    cursor.take(8, "string table place")?;
    let mode = match cursor.byte("counter mode")? {
        1 => Mode::Set,
        2 => Mode::Count,
        3 => Mode::Atomic,
        _ => return Err(GoMetaError::Unsupported { offset: 48, what: "unknown counter mode" }),
    };
    let per_function = match cursor.byte("granularity")? {
        1 => false,
        2 => true,
        _ => return Err(GoMetaError::Unsupported { offset: 49, what: "unknown granularity" }),
    };
    cursor.take(HEADER_BYTES - cursor.offset, "header")?;
    let n_packages = usize::try_from(n_packages)
        .ok()
        .filter(|n| n.saturating_mul(16 + PACKAGE_HEADER_BYTES) <= bytes.len())
        .ok_or(GoMetaError::Malformed { offset: 16, what: "more packages than bytes" })?;
    let mut offsets = Vec::with_capacity(n_packages);
    for _ in 0..n_packages {
        offsets.push((cursor.offset, cursor.u64("package offset")?));
    }
    let mut packages = Vec::with_capacity(n_packages);
    let mut end = cursor.offset;
    for (at, offset) in offsets {
        let length = cursor.u64("package length")?;
        let place = |value| usize::try_from(value).unwrap_or(usize::MAX);
        let (start, length) = (place(offset), place(length));
        let blob = bytes.get(start..).and_then(|rest| rest.get(..length));
        let blob = blob
            .ok_or(GoMetaError::Malformed { offset: at, what: "package lies outside the file" })?;
        if start < end {
            let what = "package starts before its predecessor ends";
            return Err(GoMetaError::Malformed { offset: at, what });
        }
        end = start + length;
        packages.push(read_package(blob, start)?);
    }
    Ok(MetaFile { mode, per_function, hash, packages })
}

/// Reads one package's blob; `base` is its offset in the file, for errors.
fn read_package(blob: &[u8], base: usize) -> Result<MetaPackage, GoMetaError> {
    let mut cursor = Cursor { bytes: blob, offset: 0 };
    let mut header = || -> Result<_, GoMetaError> {
        cursor.take(4, "package length")?;
        let names = [cursor.u32("name")?, cursor.u32("path")?, cursor.u32("module path")?];
        cursor.take(16 + 4 + 4, "package hash")?;
        let n_functions = cursor.u32("function count")? as usize;
        if n_functions.saturating_mul(4) > blob.len() {
            return Err(cursor.malformed("more functions than bytes"));
        }
        let mut offsets = Vec::with_capacity(n_functions);
        for _ in 0..n_functions {
            offsets.push(cursor.u32("function offset")? as usize);
        }
        let strings = read_strings(&mut cursor)?;
        let mut functions = Vec::with_capacity(n_functions);
        for offset in offsets {
            // Functions that overlapped could claim far more units than the file has bytes.
            if offset < cursor.offset {
                let what = "function starts before its predecessor ends";
                return Err(GoMetaError::Malformed { offset, what });
            }
            cursor.offset = offset;
            functions.push(read_function(&mut cursor, &strings)?);
        }
        let [name, path, module] = names.map(|index| strings.get(index as usize));
        let (Some(name), Some(path), Some(module)) = (name, path, module) else {
            return Err(GoMetaError::Malformed { offset: 4, what: "name is not in the strings" });
        };
        Ok(MetaPackage {
            path: (*path).to_owned(),
            name: (*name).to_owned(),
            module: (*module).to_owned(),
            functions,
        })
    };
    header().map_err(|error| error.shifted(base))
}

fn read_strings<'a>(cursor: &mut Cursor<'a>) -> Result<Vec<&'a str>, GoMetaError> {
    let n_strings = cursor.length("string count", 1)?;
    let mut strings = Vec::with_capacity(n_strings);
    for _ in 0..n_strings {
        let length = cursor.length("string", 1)?;
        let offset = cursor.offset;
        let text = std::str::from_utf8(cursor.take(length, "string")?)
            .map_err(|_| GoMetaError::Malformed { offset, what: "string is not UTF-8" })?;
        strings.push(text);
    }
    Ok(strings)
}

fn read_function(cursor: &mut Cursor<'_>, strings: &[&str]) -> Result<MetaFunction, GoMetaError> {
    let n_units = cursor.length("unit count", UNIT_BYTES)?;
    let mut word = |what| -> Result<String, GoMetaError> {
        let offset = cursor.offset;
        let index = cursor.uleb(what)?;
        let text = strings.get(index as usize);
        let what = "name is not in the strings";
        Ok((*text.ok_or(GoMetaError::Malformed { offset, what })?).to_owned())
    };
    let (name, file) = (word("function name")?, word("file name")?);
    let mut units = Vec::with_capacity(n_units);
    for _ in 0..n_units {
        let span = Span::new(
            cursor.uleb("start line")?,
            cursor.uleb("start column")?,
            cursor.uleb("end line")?,
            cursor.uleb("end column")?,
        );
        units.push(MetaUnit { span, statements: cursor.uleb("statements")? });
    }
    let literal = cursor.uleb("literal flag")? != 0;
    Ok(MetaFunction { name, file, literal, units })
}

impl GoMetaError {
    /// The error of a blob that starts `base` bytes into the file.
    fn shifted(mut self, base: usize) -> Self {
        let (Self::Truncated { offset, .. }
        | Self::Malformed { offset, .. }
        | Self::Unsupported { offset, .. }) = &mut self;
        *offset = offset.saturating_add(base);
        self
    }
}

/// Takes values off the front of a slice and knows where it is.
struct Cursor<'a> {
    bytes: &'a [u8],
    offset: usize,
}

impl<'a> Cursor<'a> {
    fn malformed(&self, what: &'static str) -> GoMetaError {
        GoMetaError::Malformed { offset: self.offset, what }
    }

    fn take(&mut self, length: usize, what: &'static str) -> Result<&'a [u8], GoMetaError> {
        let taken = self.bytes.get(self.offset..).and_then(|rest| rest.get(..length));
        let taken = taken.ok_or(GoMetaError::Truncated { offset: self.offset, what })?;
        self.offset += length;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self, what: &'static str) -> Result<[u8; N], GoMetaError> {
        let mut array = [0; N];
        array.copy_from_slice(self.take(N, what)?);
        Ok(array)
    }

    fn byte(&mut self, what: &'static str) -> Result<u8, GoMetaError> {
        self.array::<1>(what).map(|[byte]| byte)
    }

    fn u32(&mut self, what: &'static str) -> Result<u32, GoMetaError> {
        self.array(what).map(u32::from_le_bytes)
    }

    fn u64(&mut self, what: &'static str) -> Result<u64, GoMetaError> {
        self.array(what).map(u64::from_le_bytes)
    }

    /// An unsigned LEB128 that fits 32 bits.
    fn uleb(&mut self, what: &'static str) -> Result<u32, GoMetaError> {
        let offset = self.offset;
        let mut value = 0u64;
        for shift in [0, 7, 14, 21, 28] {
            let byte = self.byte(what)?;
            value |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                let what = "number exceeds 32 bits";
                return u32::try_from(value).map_err(|_| GoMetaError::Malformed { offset, what });
            }
        }
        Err(GoMetaError::Malformed { offset, what: "number exceeds 32 bits" })
    }

    /// The length of a list whose elements take `element_bytes` or more.
    fn length(&mut self, what: &'static str, element_bytes: usize) -> Result<usize, GoMetaError> {
        let offset = self.offset;
        let length = self.uleb(what)? as usize;
        if length.saturating_mul(element_bytes) > self.bytes.len().saturating_sub(self.offset) {
            return Err(GoMetaError::Truncated { offset, what });
        }
        Ok(length)
    }
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
        let meta = read(&one_function()).unwrap();
        assert_eq!((meta.mode, meta.per_function), (Mode::Count, false));
        let package = &meta.packages[0];
        assert_eq!((package.path.as_str(), package.name.as_str()), ("ex.com/t", "main"));
        assert_eq!(package.module, "ex.com/t");
        let function = &package.functions[0];
        assert_eq!((function.name.as_str(), function.file.as_str()), ("main", "ex.com/t/m.go"));
        assert!(!function.literal);
        let unit = MetaUnit { span: Span::new(2, 13, 2, 27), statements: 1 };
        assert_eq!(function.units, [unit]);
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
