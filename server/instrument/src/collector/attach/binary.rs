//! What a Go binary says of itself: where it counts, what it was built from, and from which files.
//!
//! ELF sections and symbols are read with `object`, which checks every offset against the file.
//! `.go.buildinfo` and `.gopclntab` are Go's own:
//!
//! ```text
//! .go.buildinfo := "\xff Go buildinf:" · pointer size u8 · flags u8 (2: what follows is inline)
//!                  · 0 up to 32 · n uleb · version [n] · n uleb · modules [n]
//!                  modules := 16 bytes · lines · 16 bytes
//!                  line := "path" \t import path | ("mod" | "dep" | "=>") \t path \t version …
//! .gopclntab    := magic u32 · 0 [2] · quantum u8 · pointer size u8 · functions u64 · files u64
//!                  · text start u64 · function names u64 · compilation units u64 · file table u64
//!                  · pc table u64 …          the last ones are offsets in the section
//! file table    := (name · 0)*
//! ```

use std::fs::File;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use object::elf::{ET_DYN, FileHeader64, PT_LOAD, SHT_SYMTAB, Sym64};
use object::read::elf::{FileHeader as _, ProgramHeader as _, SectionHeader as _, Sym as _};
use object::{Endianness, ReadCache, SectionIndex};

use super::super::layout::u64_at;
use super::error::AttachError;
use super::limits;

type Header = FileHeader64<Endianness>;
type Section = <Header as object::read::elf::FileHeader>::SectionHeader;

/// What a binary that was built with `-cover` says of itself. Addresses are as it was linked.
#[derive(Debug)]
pub struct Binary {
    /// Where its counters stand.
    pub(super) counters: Range<u64>,
    /// Where the list of the packages that count stands.
    pub(super) packages: u64,
    /// Offset in the file and address of what is loaded first, where it is loaded anywhere.
    pub(super) movable: Option<(u64, u64)>,
    /// When the file was written.
    pub(super) written: SystemTime,
    pub(super) build: BuildInfo,
    /// Names of the source files of its functions, as it was told them.
    pub(super) sources: Vec<String>,
    /// Whether `go test` built it.
    pub is_test: bool,
}

/// What a binary was built from.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(super) struct BuildInfo {
    /// Such as `go1.26.8`.
    pub(super) go_version: String,
    /// Import path of the main package.
    pub(super) path: String,
    /// The main module.
    pub(super) main: String,
    /// All modules with their versions, the main one first.
    pub(super) modules: Vec<(String, String)>,
}

impl Binary {
    /// The binary that would run under this name: a path, or a name in `PATH`.
    ///
    /// # Errors
    /// It isn't there, or is none that can be watched.
    pub fn find(program: &Path) -> Result<(PathBuf, Self), AttachError> {
        if !cfg!(target_os = "linux") {
            return Err(AttachError::NotLinux);
        }
        let mut path = program.to_owned();
        if program.components().count() == 1 && !program.to_string_lossy().contains('/') {
            let folders = std::env::var_os("PATH").unwrap_or_default();
            let found = std::env::split_paths(&folders).map(|folder| folder.join(program));
            path = found.into_iter().find(|path| path.is_file()).unwrap_or(path);
        }
        let file = File::open(&path).map_err(AttachError::io(path.display()))?;
        let binary = Self::read(file, &program.to_string_lossy())?;
        Ok((path, binary))
    }

    /// Reads a binary, called `program` in errors.
    pub(super) fn read(file: File, program: &str) -> Result<Self, AttachError> {
        let found = file.metadata().map_err(AttachError::io(program))?;
        if !found.is_file() {
            return Err(AttachError::NotGo(program.to_owned()));
        }
        if found.len() > limits::BINARY_BYTES {
            return Err(AttachError::Limit { what: "binary", limit: limits::BINARY_BYTES });
        }
        let written = found.modified().unwrap_or(SystemTime::UNIX_EPOCH);
        let cache = ReadCache::new(file);
        let elf = Elf::read(&cache, program)?;
        let is_go = [".go.buildinfo", ".note.go.buildid"].iter().any(|name| elf.has(name));
        if !is_go {
            return Err(AttachError::NotGo(program.to_owned()));
        }
        let symbols = elf.symbols(program)?;
        let (Some(packages), Some(start), Some(end)) =
            (symbols.packages, symbols.counters, symbols.counters_end)
        else {
            return Err(AttachError::NotCover(program.to_owned()));
        };
        if start >= end {
            return Err(AttachError::NotCover(program.to_owned()));
        }
        if end - start > limits::COUNTER_BYTES {
            return Err(AttachError::Limit { what: "counters", limit: limits::COUNTER_BYTES });
        }
        let build = elf.section(".go.buildinfo").map(BuildInfo::parse).unwrap_or_default();
        // External linkers put it in with what is relocated.
        let table = elf.section(".gopclntab").or_else(|| elf.section(".data.rel.ro.gopclntab"));
        Ok(Self {
            counters: start..end,
            packages,
            movable: elf.movable(),
            written,
            build,
            sources: table.map(source_names).unwrap_or_default(),
            is_test: symbols.is_test,
        })
    }
}

/// A 64-bit, little-endian ELF file.
struct Elf<'a> {
    data: &'a ReadCache<File>,
    endian: Endianness,
    header: &'a Header,
    sections: object::read::elf::SectionTable<'a, Header, &'a ReadCache<File>>,
}

#[derive(Default)]
struct Symbols {
    counters: Option<u64>,
    counters_end: Option<u64>,
    packages: Option<u64>,
    is_test: bool,
}

impl<'a> Elf<'a> {
    fn read(data: &'a ReadCache<File>, program: &str) -> Result<Self, AttachError> {
        let unsupported = |reason| AttachError::Unsupported { program: program.to_owned(), reason };
        let ident = object::ReadRef::read_bytes_at(data, 0, 16).unwrap_or_default();
        match ident.get(..6) {
            Some([0x7f, b'E', b'L', b'F', 2, 1]) => {}
            Some([0x7f, b'E', b'L', b'F', 1, _]) => {
                return Err(unsupported("32-bit programs are not read yet"));
            }
            Some([0x7f, b'E', b'L', b'F', ..]) => {
                return Err(unsupported("big-endian programs are not read"));
            }
            _ => return Err(AttachError::NotGo(program.to_owned())),
        }
        let malformed = |error: object::Error| AttachError::malformed("its ELF file", error);
        let header = Header::parse(data).map_err(malformed)?;
        let endian = header.endian().map_err(malformed)?;
        let sections = header.sections(endian, data).map_err(malformed)?;
        Ok(Self { data, endian, header, sections })
    }

    fn by_name(&self, name: &str) -> Option<&'a Section> {
        let found = self.sections.section_by_name(self.endian, name.as_bytes());
        found.map(|(_, section)| section)
    }

    fn has(&self, name: &str) -> bool {
        self.by_name(name).is_some()
    }

    /// The bytes of a section that is there and not too large.
    fn section(&self, name: &str) -> Option<&'a [u8]> {
        self.bytes(self.by_name(name)?)
    }

    fn bytes(&self, section: &Section) -> Option<&'a [u8]> {
        if section.sh_size(self.endian) > limits::SECTION_BYTES {
            return None;
        }
        section.data(self.endian, self.data).ok()
    }

    /// The symbols that matter here.
    fn symbols(&self, program: &str) -> Result<Symbols, AttachError> {
        let tables = self.sections.iter();
        let mut tables = tables.filter(|section| section.sh_type(self.endian) == SHT_SYMTAB);
        let Some(table) = tables.next() else {
            return Err(AttachError::Stripped(program.to_owned()));
        };
        let names = self.sections.section(SectionIndex(table.sh_link(self.endian) as usize)).ok();
        let names = names.and_then(|section| self.bytes(section));
        let entries = self.bytes(table).and_then(|bytes| {
            let n_entries = bytes.len() / size_of::<Sym64<Endianness>>();
            object::pod::slice_from_bytes::<Sym64<Endianness>>(bytes, n_entries).ok()
        });
        let (Some(names), Some((entries, _))) = (names, entries) else {
            return Err(AttachError::malformed("its ELF file", "the symbols can't be read"));
        };
        let mut found = Symbols::default();
        for entry in entries {
            let name = names.get(entry.st_name(self.endian) as usize..).unwrap_or_default();
            let is =
                |wanted: &[u8]| name.strip_prefix(wanted).is_some_and(|n| n.first() == Some(&0));
            let value = Some(entry.st_value(self.endian));
            match name.first() {
                Some(b'r') if is(b"runtime.covctrs") => found.counters = value,
                Some(b'r') if is(b"runtime.ecovctrs") => found.counters_end = value,
                // Where it was before Go 1.22.
                Some(b'r') if is(b"runtime.covMeta") => found.packages = value,
                Some(b'i') if is(b"internal/coverage/rtcov.Meta") => found.packages = value,
                Some(b't') if is(b"testing.MainStart") => found.is_test = true,
                _ => {}
            }
        }
        Ok(found)
    }

    fn movable(&self) -> Option<(u64, u64)> {
        let endian = self.endian;
        if self.header.e_type(endian) != ET_DYN {
            return None;
        }
        let segments = self.header.program_headers(endian, self.data).ok()?;
        let first = segments.iter().find(|segment| segment.p_type(endian) == PT_LOAD)?;
        Some((first.p_offset(endian), first.p_vaddr(endian)))
    }
}

impl BuildInfo {
    /// What a `.go.buildinfo` section says; nothing where it is of another kind.
    fn parse(section: &[u8]) -> Self {
        const MAGIC: &[u8] = b"\xff Go buildinf:";
        let inline = section.get(15).is_some_and(|flags| flags & 2 != 0);
        if !section.starts_with(MAGIC) || !inline {
            return Self::default();
        }
        let mut rest = section.get(32..).unwrap_or_default();
        let mut text = || {
            let mut length = 0usize;
            for shift in (0..28).step_by(7) {
                let (&byte, after) = rest.split_first()?;
                rest = after;
                length |= usize::from(byte & 0x7f) << shift;
                if byte < 0x80 {
                    let (text, after) = rest.split_at_checked(length)?;
                    rest = after;
                    return Some(text);
                }
            }
            None
        };
        let version = text().unwrap_or_default();
        let modules = text().unwrap_or_default();
        let modules = modules.get(16..modules.len().saturating_sub(16)).unwrap_or_default();
        let mut build = Self {
            go_version: String::from_utf8_lossy(version).chars().take(64).collect(),
            ..Self::default()
        };
        for line in String::from_utf8_lossy(modules).lines() {
            let mut words = line.split('\t');
            let (kind, path) = (words.next(), words.next().unwrap_or_default().to_owned());
            let version = words.next().unwrap_or_default().to_owned();
            match kind {
                Some("path") => build.path = path,
                Some("mod") => {
                    build.main.clone_from(&path);
                    build.modules.push((path, version));
                }
                Some("dep") => build.modules.push((path, version)),
                _ => {}
            }
        }
        build
    }
}

/// The Go files in the file table of a `.gopclntab` section.
fn source_names(section: &[u8]) -> Vec<String> {
    let offset = |at| usize::try_from(u64_at(section, at)).unwrap_or(usize::MAX);
    let table = section.get(offset(48)..offset(56)).unwrap_or_default();
    let names = table.split(|&byte| byte == 0).filter(|name| name.ends_with(b".go"));
    names.filter_map(|name| str::from_utf8(name).ok().map(str::to_owned)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn build_info_is_read_as_go_writes_it() {
        let modules = "0123456789abcdefpath\tex.com/a/cmd\nmod\tex.com/a\t(devel)\t\n\
                       dep\tex.com/b\tv1.2.3\th1:x\n0123456789abcdef";
        let mut section = b"\xff Go buildinf:\x08\x02".to_vec();
        section.resize(32, 0);
        section.push(8);
        section.extend(b"go1.26.8");
        section.push(u8::try_from(modules.len()).unwrap());
        section.extend(modules.as_bytes());
        let build = BuildInfo::parse(&section);
        assert_eq!((&*build.go_version, &*build.path), ("go1.26.8", "ex.com/a/cmd"));
        let module = |path: &str, version: &str| (path.to_owned(), version.to_owned());
        assert_eq!(build.modules, [module("ex.com/a", "(devel)"), module("ex.com/b", "v1.2.3")]);
        for length in 0..section.len() {
            BuildInfo::parse(&section[..length]);
        }
    }

    #[test]
    fn a_file_table_outside_its_section_names_nothing() {
        let mut section = vec![0; 64];
        section[48] = 64;
        section[56] = 79;
        section.extend(b"/a/b.go\0/c.s\0x\0");
        assert_eq!(source_names(&section), ["/a/b.go"]);
        section[57] = 0xff;
        assert!(source_names(&section).is_empty());
        assert!(source_names(&section[..50]).is_empty());
    }
}
