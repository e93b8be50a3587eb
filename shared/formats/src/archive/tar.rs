//! tar: POSIX ustar and pax, GNU's long names and large numbers, and what came before.
//!
//! ```text
//! header: name:100 mode:8 uid:8 gid:8 size:12 mtime:12 sum:8 type link:100
//!         "ustar":6 version:2 user:32 group:32 major:8 minor:8 prefix:155 ·:12
//! ```
//! Header and data are each filled up to blocks of 512 bytes; blocks of zeros end it.

use super::source::{Part, Source, Work, drain, fill};
use super::{Unpacking, entry_name};
use crate::bytes::{malformed, truncated};
use crate::{Place, ReadError};

const BLOCK: usize = 512;

/// Longest header of names that is taken.
const EXTENSION_BYTES: usize = 1 << 20;

pub(super) fn sniff(head: &[u8]) -> bool {
    head.first_chunk::<BLOCK>().is_some_and(|block| block[0] != 0 && is_header(block))
}

/// What the next entry is called and how long it is, by the headers in front of it.
#[derive(Debug, Default, Clone)]
struct Extended {
    path: Option<Vec<u8>>,
    size: Option<usize>,
    is_sparse: bool,
}

/// The bytes of a tar, and how far they have been read.
struct Tar<'a> {
    source: &'a mut dyn Source,
    at: usize,
}

impl Tar<'_> {
    /// The next bytes, up to `length`: fewer at the end.
    fn take(&mut self, work: &mut Work, length: usize) -> Result<Vec<u8>, ReadError> {
        let mut bytes = Vec::new();
        fill(self.source, work, &mut bytes, length)?;
        self.at = self.at.saturating_add(bytes.len());
        Ok(bytes)
    }

    /// The data of an entry.
    fn part(&mut self, length: usize) -> Part<'_> {
        Part { source: &mut *self.source, left: length, at: self.at, what: DATA }
    }

    /// Goes past an entry, of which nothing or something has been read.
    fn pass(&mut self, work: &mut Work, end: usize) -> Result<(), ReadError> {
        let left = end.saturating_sub(self.at);
        drain(&mut self.part(left), work)?;
        self.at = end;
        Ok(())
    }
}

const DATA: &str = "data of the tar's entry";

pub(super) fn read(
    unpacking: &mut Unpacking,
    archive: &str,
    source: &mut dyn Source,
    depth: usize,
) -> Result<(), ReadError> {
    let mut tar = Tar { source, at: 0 };
    let mut global = Extended::default();
    let mut next = Extended::default();
    loop {
        let at = tar.at;
        let block = tar.take(&mut unpacking.work, BLOCK)?;
        if block.is_empty() {
            return Err(malformed(at, "the tar is cut short: its end mark is missing"));
        }
        let Some(block) = block.first_chunk::<BLOCK>() else {
            return Err(truncated(at, "tar header"));
        };
        if block.iter().all(|&byte| byte == 0) {
            return Ok(());
        }
        if !is_header(block) {
            return Err(malformed(at, "this is no tar header, or its checksum is wrong"));
        }
        unpacking.count(at)?;
        let kind = block[156];
        let mut size = number(&block[124..136]).ok_or_else(|| malformed(at + 124, "no size"))?;
        let data_at = tar.at;
        let end = |size: usize| {
            let end =
                size.checked_next_multiple_of(BLOCK).and_then(|size| data_at.checked_add(size));
            end.ok_or_else(|| truncated(data_at, DATA))
        };
        if matches!(kind, b'x' | b'g' | b'L' | b'K') {
            if size > EXTENSION_BYTES {
                let reason = format!("names of more than {EXTENSION_BYTES} bytes");
                return Err(ReadError::limit(Place::Byte(at + 124), reason));
            }
            let data = tar.take(&mut unpacking.work, size)?;
            tar.pass(&mut unpacking.work, end(size)?)?;
            match kind {
                b'x' => pax(&data, data_at, &mut next)?,
                b'g' => pax(&data, data_at, &mut global)?,
                b'L' => next.path = Some(until_zero(&data).to_vec()),
                _ => {}
            }
            continue;
        }
        let this = std::mem::take(&mut next);
        size = this.size.or(global.size).unwrap_or(size);
        // Links and devices have no data, whatever their size says.
        if matches!(kind, b'1'..=b'6') {
            size = 0;
        }
        let end = end(size)?;
        let path = this.path.or_else(|| global.path.clone()).unwrap_or_else(|| plain_path(block));
        let is_file = matches!(kind, 0 | b'0' | b'7' | b'S') && !path.ends_with(b"/");
        if is_file {
            let is_sparse = this.is_sparse || global.is_sparse || kind == b'S';
            let mut part = tar.part(size);
            let read = entry(unpacking, archive, &path, &mut part, is_sparse, depth);
            tar.at = part.at;
            if let Err(error) = read {
                let shown = String::from_utf8_lossy(path.get(..80).unwrap_or(&path))
                    .replace(char::is_control, "\u{fffd}");
                unpacking.left_out(data_at, &shown, error)?;
            }
        }
        tar.pass(&mut unpacking.work, end)?;
    }
}

fn entry(
    unpacking: &mut Unpacking,
    archive: &str,
    path: &[u8],
    part: &mut Part,
    is_sparse: bool,
    depth: usize,
) -> Result<(), ReadError> {
    let Some(name) = entry_name(path)? else { return Ok(()) };
    if is_sparse {
        return Err(ReadError::unsupported(Place::Whole, "it is a sparse file"));
    }
    unpacking.file(&format!("{archive}/{name}"), part, depth)
}

/// Whether the checksum is that of the header: the sum of its bytes, itself taken as spaces. Some
/// old tools added bytes as signed ones.
fn is_header(block: &[u8; BLOCK]) -> bool {
    let Some(sum) = octal(&block[148..156]) else { return false };
    let (mut unsigned, mut signed) = (0i64, 0i64);
    for (at, &byte) in block.iter().enumerate() {
        let byte = if (148..156).contains(&at) { b' ' } else { byte };
        unsigned += i64::from(byte);
        signed += i64::from(i8::from_ne_bytes([byte]));
    }
    i64::try_from(sum).is_ok_and(|sum| sum == unsigned || sum == signed)
}

/// A number: octal digits, or binary where the highest bit is set.
fn number(field: &[u8]) -> Option<usize> {
    let (&first, rest) = field.split_first()?;
    if first & 0x80 == 0 {
        return octal(field).and_then(|number| usize::try_from(number).ok());
    }
    let mut number = u64::from(first & 0x7f);
    for &byte in rest {
        number = number.checked_mul(256)? | u64::from(byte);
    }
    usize::try_from(number).ok()
}

/// Octal digits, with spaces in front and a space or zero behind.
fn octal(field: &[u8]) -> Option<u64> {
    let text = std::str::from_utf8(until_zero(field)).ok()?.trim();
    if text.is_empty() {
        return Some(0);
    }
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| u64::from_str_radix(text, 8).ok())?
}

fn until_zero(field: &[u8]) -> &[u8] {
    field.split(|&byte| byte == 0).next().unwrap_or_default()
}

/// The path of a header by itself.
fn plain_path(block: &[u8; BLOCK]) -> Vec<u8> {
    let name = until_zero(&block[..100]);
    let prefix = until_zero(&block[345..500]);
    // GNU's own header has no prefix but times in its place.
    if &block[257..263] != b"ustar\0" || prefix.is_empty() {
        return name.to_vec();
    }
    [prefix, b"/", name].concat()
}

/// Records of a pax header: `length key=value\n`, where the length is that of the whole record.
fn pax(data: &[u8], at: usize, extended: &mut Extended) -> Result<(), ReadError> {
    let mut rest = data;
    while !until_zero(rest).is_empty() {
        let offset = at + (data.len() - rest.len());
        let wrong = || malformed(offset, "this is no pax record");
        let space = rest.iter().take(12).position(|&byte| byte == b' ').ok_or_else(wrong)?;
        let (digits, _) = rest.split_at_checked(space).ok_or_else(wrong)?;
        let length = std::str::from_utf8(digits).ok().and_then(|digits| digits.parse().ok());
        let (record, after) =
            length.and_then(|length| rest.split_at_checked(length)).ok_or_else(wrong)?;
        rest = after;
        let record = record.get(space + 1..).and_then(|record| record.strip_suffix(b"\n"));
        let record = record.ok_or_else(wrong)?;
        let equals = record.iter().position(|&byte| byte == b'=').ok_or_else(wrong)?;
        let (key, value) = record.split_at_checked(equals).ok_or_else(wrong)?;
        let value = value.get(1..).unwrap_or_default();
        match key {
            b"path" => extended.path = Some(value.to_vec()).filter(|path| !path.is_empty()),
            b"size" if value.is_empty() => extended.size = None,
            b"size" => {
                let size = std::str::from_utf8(value).ok().and_then(|size| size.parse().ok());
                extended.size = Some(size.ok_or_else(wrong)?);
            }
            key if key.starts_with(b"GNU.sparse.") => extended.is_sparse = true,
            _ => {}
        }
    }
    Ok(())
}
