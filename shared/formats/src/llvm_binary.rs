//! The coverage maps in an instrumented program, library or object file: ELF, Mach-O or PE, with
//! maps of versions 4 to 7, of LLVM 11 and later.
//!
//! ```text
//! __llvm_covmap     for each module: -, length of file names, 0, version (all of 32 bits), file
//!                   names; to the next 8
//! __llvm_covfun     for each function: hash of its name, length of its map (32 bits), hash of its
//!                   body, hash of its file names, map; to the next 8
//! __llvm_prf_names  names of functions
//! ```
//!
//! Spec: <https://llvm.org/docs/CoverageMappingFormat.html>. Before version 6 all file names are
//! whole; since then the first is the folder in which the compiler ran, and others may be relative
//! to it.

use std::collections::{BTreeMap, HashMap};

use object::{Object, ObjectSection};

use crate::bytes::Cursor;
use crate::llvm_counts::{name_hash, names, packed, uleb};
use crate::llvm_mapping;
use crate::{Place, ReadError, limits};

/// The maps of a binary.
#[derive(Debug)]
pub(crate) struct Binary<'a> {
    /// Names of files, those of all modules one after the other.
    pub(crate) files: Vec<String>,
    /// Names of functions by their hash.
    pub(crate) names: BTreeMap<u64, String>,
    pub(crate) functions: Vec<Function<'a>>,
    /// The linker's identity of it.
    pub(crate) build_id: Option<Vec<u8>>,
}

/// A function that has a map.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Function<'a> {
    /// Hash of its name.
    pub(crate) name: u64,
    /// Hash of its body's structure; 0 where it is seen but not used.
    pub(crate) hash: u64,
    /// Its map, which speaks of files from `first_file` on.
    pub(crate) map: &'a [u8],
    pub(crate) first_file: usize,
    pub(crate) n_files: usize,
}

/// Whether a file starts as a binary that can hold maps.
pub(crate) fn is_binary(head: &[u8]) -> bool {
    const MAGICS: [&[u8]; 6] = [
        b"\x7fELF",
        b"MZ",
        b"\xfe\xed\xfa\xce",
        b"\xfe\xed\xfa\xcf",
        b"\xce\xfa\xed\xfe",
        b"\xcf\xfa\xed\xfe",
    ];
    MAGICS.iter().any(|magic| head.starts_with(magic))
}

/// The maps in a binary; `None` if it has none.
///
/// # Errors
/// Where and why they can't be read.
pub(crate) fn read(bytes: &[u8]) -> Result<Option<Binary<'_>>, ReadError> {
    let unreadable = |error: object::Error| {
        ReadError::malformed(Place::Whole, format!("it is no binary that can be read: {error}"))
    };
    let file = object::File::parse(bytes).map_err(unreadable)?;
    let big = !file.is_little_endian();
    let (mut modules, mut functions, mut name_texts) = (Vec::new(), Vec::new(), Vec::new());
    for section in file.sections() {
        let Ok(name) = section.name() else { continue };
        let contents = || section.data().map_err(unreadable);
        match name.split('$').next().unwrap_or(name) {
            "__llvm_covmap" | ".lcovmap" => modules.push(contents()?),
            "__llvm_covfun" | ".lcovfun" => functions.push(contents()?),
            "__llvm_prf_names" | ".lprfn" => name_texts.push(contents()?),
            _ => {}
        }
    }
    if modules.is_empty() {
        return Ok(None);
    }
    let build_id = file.build_id().ok().flatten().map(<[u8]>::to_vec);
    let build_id = build_id.or_else(|| Some(file.mach_uuid().ok()??.to_vec()));
    let mut binary =
        Binary { files: Vec::new(), names: BTreeMap::new(), functions: Vec::new(), build_id };
    for text in name_texts {
        binary.names.extend(names(text).map_err(|error| in_section(error, "__llvm_prf_names"))?);
    }
    let mut ranges = HashMap::new();
    let mut budget = limits::NAME_BYTES;
    for section in modules {
        read_modules(section, big, &mut binary.files, &mut ranges, &mut budget)
            .map_err(|error| in_section(error, "__llvm_covmap"))?;
    }
    let mut known = HashMap::new();
    for section in functions {
        read_functions(section, big, &ranges, &mut known, &mut binary.functions)
            .map_err(|error| in_section(error, "__llvm_covfun"))?;
    }
    Ok(Some(binary))
}

/// Places are those in a section, whose name is said.
fn in_section(mut error: ReadError, section: &str) -> ReadError {
    error.reason = format!("section {section}: {}", error.reason).into();
    error
}

/// File names of each module by their hash: where they start, and how many they are.
type Ranges = HashMap<u64, (usize, usize)>;

fn read_modules(
    section: &[u8],
    big: bool,
    files: &mut Vec<String>,
    ranges: &mut Ranges,
    budget: &mut usize,
) -> Result<(), ReadError> {
    let mut cursor = Cursor::new(section);
    while cursor.remaining() >= 16 {
        let at = cursor.offset();
        let mut field = || -> Result<u32, ReadError> {
            let value = cursor.u32("a module's header")?;
            Ok(if big { value.swap_bytes() } else { value })
        };
        let (n_records, names_bytes, map_bytes, version) = (field()?, field()?, field()?, field()?);
        // A linker may pad.
        if (n_records, names_bytes, map_bytes, version) == (0, 0, 0, 0) {
            continue;
        }
        let version = version.saturating_add(1);
        if !(4..=7).contains(&version) || map_bytes != 0 {
            let reason = format!("coverage map of version {version}: versions 4 to 7 are read");
            return Err(ReadError::unsupported(Place::Byte(at), reason));
        }
        let at = cursor.offset();
        let names = cursor.take(names_bytes as usize, "file names")?;
        let hash = name_hash(names);
        if let std::collections::hash_map::Entry::Vacant(entry) = ranges.entry(hash) {
            let first = files.len();
            let found = file_names(names, version, files, budget);
            found.map_err(|error| error.shifted(at))?;
            entry.insert((first, files.len() - first));
        }
        cursor.seek(cursor.offset().next_multiple_of(8));
    }
    Ok(())
}

fn file_names(
    bytes: &[u8],
    version: u32,
    files: &mut Vec<String>,
    budget: &mut usize,
) -> Result<(), ReadError> {
    let mut cursor = Cursor::new(bytes);
    let what = "file names";
    let n_names = uleb(&mut cursor, what)?;
    let text = packed(&mut cursor, budget, what)?;
    let mut cursor = Cursor::new(&text);
    let mut folder: Option<String> = None;
    for _ in 0..n_names {
        let length = usize::try_from(uleb(&mut cursor, what)?).unwrap_or(usize::MAX);
        let path = String::from_utf8_lossy(cursor.take(length, what)?).into_owned();
        let path = match &folder {
            Some(folder) if version >= 6 => {
                let whole = joined(folder, &path);
                let more = whole.len().saturating_sub(path.len());
                *budget = budget.checked_sub(more).ok_or_else(|| {
                    ReadError::limit(Place::Whole, "file names unpack to too much")
                })?;
                whole
            }
            _ => path,
        };
        if folder.is_none() {
            folder = Some(path.clone());
        }
        files.push(path);
    }
    Ok(())
}

/// A path under a folder, without dots, unless it is whole.
fn joined(folder: &str, path: &str) -> String {
    let drive = |path: &str| path.as_bytes().get(1) == Some(&b':');
    if path.starts_with(['/', '\\']) || drive(path) || folder.is_empty() {
        return path.to_owned();
    }
    let separator = if folder.contains('\\') && !folder.contains('/') { '\\' } else { '/' };
    let is_separator = |c: char| c == '/' || (separator == '\\' && c == '\\');
    let mut parts: Vec<&str> = Vec::new();
    for part in folder.split(is_separator).chain(path.split(is_separator)) {
        match part {
            "." => {}
            "" if !parts.is_empty() => {}
            ".." if parts.last().is_some_and(|last| !matches!(*last, "" | "..")) => {
                parts.pop();
            }
            part => parts.push(part),
        }
    }
    parts.join(if separator == '\\' { "\\" } else { "/" })
}

fn read_functions<'a>(
    section: &'a [u8],
    big: bool,
    ranges: &Ranges,
    known: &mut HashMap<u64, usize>,
    functions: &mut Vec<Function<'a>>,
) -> Result<(), ReadError> {
    let mut cursor = Cursor::new(section);
    let what = "a function's record";
    while cursor.remaining() >= 28 {
        let at = cursor.offset();
        let u64 = |cursor: &mut Cursor<'a>| -> Result<u64, ReadError> {
            let value = cursor.u64(what)?;
            Ok(if big { value.swap_bytes() } else { value })
        };
        let name = u64(&mut cursor)?;
        let length = cursor.u32(what)?;
        let length = if big { length.swap_bytes() } else { length };
        let hash = u64(&mut cursor)?;
        let files = u64(&mut cursor)?;
        let map = cursor.take(length as usize, "a function's map")?;
        cursor.seek(cursor.offset().next_multiple_of(8));
        if (name, length, hash, files) == (0, 0, 0, 0) {
            continue;
        }
        let &(first_file, n_files) = ranges.get(&files).ok_or_else(|| {
            ReadError::malformed(Place::Byte(at), format!("no file names of hash {files:016x}"))
        })?;
        let function = Function { name, hash, map, first_file, n_files };
        // A header's function is in each module that saw it, and often only used in some.
        match known.get(&name).and_then(|&at| functions.get_mut(at)) {
            Some(first) => {
                if is_dummy(first) && !is_dummy(&function) {
                    *first = function;
                }
            }
            None => {
                known.insert(name, functions.len());
                functions.push(function);
            }
        }
    }
    Ok(())
}

fn is_dummy(function: &Function<'_>) -> bool {
    let map = || llvm_mapping::read(function.map, function.n_files);
    function.hash == 0 && map().is_ok_and(|map| map.is_dummy())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn relative_names_are_under_the_folder() {
        for (folder, path, whole) in [
            ("/src/app", "a.c", "/src/app/a.c"),
            ("/src/app/build", "../src/./a.c", "/src/app/src/a.c"),
            ("/src/app", "/usr/a.h", "/usr/a.h"),
            (r"C:\dev", r"src\..\a.c", r"C:\dev\a.c"),
            ("", "../a.c", "../a.c"),
            ("/", "../../a.c", "/../../a.c"),
        ] {
            assert_eq!(joined(folder, path), whole);
        }
    }

    #[test]
    fn what_is_no_binary_says_so() {
        assert!(is_binary(b"\x7fELF") && !is_binary(b"\xca\xfe\xba\xbe"));
        let error = read(b"\x7fELF").unwrap_err();
        assert!(error.to_string().starts_with("it is no binary"), "{error}");
    }
}
