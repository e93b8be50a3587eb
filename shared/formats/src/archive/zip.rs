//! zip: PKWARE's APPNOTE 6.3. What is in it, the directory at its end says.
//!
//! ```text
//! (local header, data, [descriptor])*  directory header*  [zip64 end, its locator]  end
//! ```

use super::inflate::{Failure, Inflate};
use super::source::{Slice, Source, Work};
use super::zstd::Unzstd;
use super::{Unpacking, entry_name};
use crate::bytes::{Cursor, malformed, truncated};
use crate::{Place, ReadError};

const LOCAL: u32 = 0x0403_4b50;
const HEADER: u32 = 0x0201_4b50;
const SIGNATURE: u32 = 0x0505_4b50;
const END: u32 = 0x0605_4b50;
const LOCATOR_64: u32 = 0x0706_4b50;
const END_64: u32 = 0x0606_4b50;

/// Bytes of headers without what varies.
const LOCAL_BYTES: usize = 30;
const HEADER_BYTES: usize = 46;
const END_BYTES: usize = 22;
const LOCATOR_64_BYTES: usize = 20;

/// Bits of the general flags, section 4.4.4.
const ENCRYPTED: u16 = 1;

pub(super) fn sniff(head: &[u8]) -> bool {
    [LOCAL, END].iter().any(|magic| head.starts_with(&magic.to_le_bytes()))
}

/// A zip of these files, deflated.
pub(super) fn write(files: &[(String, Vec<u8>)]) -> Vec<u8> {
    // Version 2.0 knows deflate; bit 11: names are UTF-8; the first day that there is.
    const START: [u8; 10] = [20, 0, 0, 8, 8, 0, 0, 0, 0x21, 0];
    let u32 = |length: usize| u32::try_from(length).unwrap_or(u32::MAX).to_le_bytes();
    let u16 = |length: usize| u16::try_from(length).unwrap_or(u16::MAX).to_le_bytes();
    let (mut zip, mut directory) = (Vec::new(), Vec::new());
    for (name, bytes) in files {
        let packed = miniz_oxide::deflate::compress_to_vec(bytes, 6);
        let mut header = START.to_vec();
        header.extend(crc32fast::hash(bytes).to_le_bytes());
        header.extend(u32(packed.len()));
        header.extend(u32(bytes.len()));
        header.extend(u16(name.len()));
        header.extend([0; 2]);
        directory.extend(HEADER.to_le_bytes());
        directory.extend([20, 0]);
        directory.extend(&header);
        directory.extend([0; 10]);
        directory.extend(u32(zip.len()));
        directory.extend(name.as_bytes());
        zip.extend(LOCAL.to_le_bytes());
        zip.extend(header);
        zip.extend(name.as_bytes());
        zip.extend(packed);
    }
    let directory_at = zip.len();
    zip.extend(&directory);
    zip.extend(END.to_le_bytes());
    zip.extend([0; 4]);
    zip.extend(u16(files.len()));
    zip.extend(u16(files.len()));
    zip.extend(u32(directory.len()));
    zip.extend(u32(directory_at));
    zip.extend([0; 2]);
    zip
}

/// What the directory says of an entry.
struct Header<'a> {
    name: &'a [u8],
    flags: u16,
    method: u16,
    crc: u32,
    packed_bytes: u64,
    bytes: u64,
    local_at: u64,
    is_file: bool,
}

pub(super) fn read(
    unpacking: &mut Unpacking,
    archive: &str,
    bytes: &[u8],
    depth: usize,
) -> Result<(), ReadError> {
    let (directory_at, directory_end, n_entries) = directory(bytes)?;
    let mut cursor = Cursor::new(bytes.get(..directory_end).unwrap_or(bytes));
    cursor.seek(directory_at);
    for _ in 0..n_entries {
        let at = cursor.offset();
        unpacking.count(at)?;
        let header = header(&mut cursor)?;
        let raw = String::from_utf8_lossy(header.name.get(..80).unwrap_or(header.name));
        let read = entry(unpacking, archive, bytes, directory_at, &header, depth);
        if let Err(error) = read {
            let name: String = raw.replace(char::is_control, "\u{fffd}");
            unpacking.left_out(at, &name, error)?;
        }
    }
    if cursor.remaining() > 0 && cursor.clone().u32("directory")? != SIGNATURE {
        return Err(cursor.malformed("the directory of the zip has more entries than it says"));
    }
    Ok(())
}

/// Start and end of the directory, and the number of its entries.
fn directory(bytes: &[u8]) -> Result<(usize, usize, u64), ReadError> {
    let missing = || truncated(bytes.len(), "the zip's directory at its end");
    // A comment of up to 64 KiB may follow; then the end says how long it is.
    let last = bytes.len().checked_sub(END_BYTES).ok_or_else(missing)?;
    let is_end = |&at: &usize| {
        let mut cursor = Cursor::new(bytes);
        cursor.seek(at);
        let magic = cursor.u32("").is_ok_and(|magic| magic == END);
        magic && {
            cursor.seek(at + END_BYTES - 2);
            let comment = cursor.array("").map(u16::from_le_bytes);
            comment.is_ok_and(|comment| usize::from(comment) == cursor.remaining())
        }
    };
    let first = last.saturating_sub(usize::from(u16::MAX));
    let end_at = (first..=last).rev().find(is_end).ok_or_else(missing)?;
    let mut cursor = Cursor::new(bytes);
    cursor.seek(end_at + 4);
    let mut u16 = || cursor.array("end of the zip").map(u16::from_le_bytes);
    let (disk, start_disk) = (u16()?, u16()?);
    let (n_here, n_entries) = (u16()?, u16()?);
    let length = cursor.u32("end of the zip")?;
    let start = cursor.u32("end of the zip")?;
    let is_64 =
        n_entries == u16::MAX || length == u32::MAX || start == u32::MAX || disk == u16::MAX;
    if is_64 && let Some(found) = directory_64(bytes, end_at)? {
        return Ok(found);
    }
    if disk != 0 || start_disk != 0 || n_here != n_entries {
        return Err(ReadError::unsupported(Place::Byte(end_at), "a zip in several parts"));
    }
    let found = (u64::from(start), u64::from(length), u64::from(n_entries));
    checked(found, end_at)
}

/// The same where 16 or 32 bits are not enough, section 4.3.14; `None` where there is no such end,
/// so that the numbers just are that large.
fn directory_64(bytes: &[u8], end_at: usize) -> Result<Option<(usize, usize, u64)>, ReadError> {
    let Some(locator_at) = end_at.checked_sub(LOCATOR_64_BYTES) else { return Ok(None) };
    let mut cursor = Cursor::new(bytes);
    cursor.seek(locator_at);
    if cursor.u32("")? != LOCATOR_64 {
        return Ok(None);
    }
    cursor.u32("")?;
    let at = cursor.u64("")?;
    let at = usize::try_from(at).ok().filter(|&at| at < locator_at);
    let at = at.ok_or_else(|| malformed(locator_at, "the zip64 end lies outside of the zip"))?;
    cursor.seek(at);
    if cursor.u32("zip64 end")? != END_64 {
        return Err(malformed(at, "there is no zip64 end where one should be"));
    }
    cursor.take(8 + 2 + 2, "zip64 end")?;
    let (disk, start_disk) = (cursor.u32("zip64 end")?, cursor.u32("zip64 end")?);
    let (n_here, n_entries) = (cursor.u64("zip64 end")?, cursor.u64("zip64 end")?);
    if disk != 0 || start_disk != 0 || n_here != n_entries {
        return Err(ReadError::unsupported(Place::Byte(at), "a zip in several parts"));
    }
    let length = cursor.u64("zip64 end")?;
    let start = cursor.u64("zip64 end")?;
    checked((start, length, n_entries), at).map(Some)
}

/// Start, length and number of entries of a directory that must end before `end_at`.
fn checked(
    (start, length, n_entries): (u64, u64, u64),
    end_at: usize,
) -> Result<(usize, usize, u64), ReadError> {
    let end = start.checked_add(length).and_then(|end| usize::try_from(end).ok());
    let start = usize::try_from(start).ok();
    let (Some(start), Some(end)) = (start, end.filter(|&end| end <= end_at)) else {
        return Err(malformed(end_at, "the zip's directory lies outside of it"));
    };
    if n_entries.saturating_mul(HEADER_BYTES as u64) > length {
        return Err(malformed(end_at, "the zip's directory is too short for its entries"));
    }
    Ok((start, end, n_entries))
}

fn header<'a>(cursor: &mut Cursor<'a>) -> Result<Header<'a>, ReadError> {
    const WHAT: &str = "an entry of the zip's directory";
    let at = cursor.offset();
    if cursor.u32(WHAT)? != HEADER {
        return Err(malformed(at, "this is no entry of a zip's directory"));
    }
    let u16 = |cursor: &mut Cursor| cursor.array(WHAT).map(u16::from_le_bytes);
    let made_by = u16(cursor)?;
    u16(cursor)?;
    let (flags, method) = (u16(cursor)?, u16(cursor)?);
    cursor.u32(WHAT)?;
    let crc = cursor.u32(WHAT)?;
    let (packed_bytes, bytes) = (cursor.u32(WHAT)?, cursor.u32(WHAT)?);
    let (name, extra, comment) = (u16(cursor)?, u16(cursor)?, u16(cursor)?);
    u16(cursor)?;
    u16(cursor)?;
    let attributes = cursor.u32(WHAT)?;
    let local_at = cursor.u32(WHAT)?;
    let name = cursor.take(usize::from(name), WHAT)?;
    let extra_at = cursor.offset();
    let extra = cursor.take(usize::from(extra), WHAT)?;
    cursor.take(usize::from(comment), WHAT)?;
    let mut header = Header {
        name,
        flags,
        method,
        crc,
        packed_bytes: u64::from(packed_bytes),
        bytes: u64::from(bytes),
        local_at: u64::from(local_at),
        is_file: true,
    };
    // Unix keeps the kind of a file in the upper half.
    let kind = (attributes >> 16) & 0o170_000;
    let is_special = made_by >> 8 == 3 && !matches!(kind, 0 | 0o100_000);
    header.is_file = !is_special && !name.ends_with(b"/") && !name.ends_with(b"\\");
    zip64(&mut header, extra).map_err(|error| error.shifted(extra_at))?;
    Ok(header)
}

/// The numbers that need 64 bits, section 4.5.3: those of the header that are all ones, in order.
fn zip64(header: &mut Header, extra: &[u8]) -> Result<(), ReadError> {
    let mut cursor = Cursor::new(extra);
    while cursor.remaining() >= 4 {
        let id = u16::from_le_bytes(cursor.array("")?);
        let length = u16::from_le_bytes(cursor.array("")?);
        let at = cursor.offset();
        let Ok(field) = cursor.take(usize::from(length), "") else { break };
        if id != 1 {
            continue;
        }
        let mut field = Cursor::new(field);
        for number in [&mut header.bytes, &mut header.packed_bytes, &mut header.local_at] {
            if *number == u64::from(u32::MAX) {
                *number = field.u64("zip64 field").map_err(|error| error.shifted(at))?;
            }
        }
        break;
    }
    Ok(())
}

fn entry(
    unpacking: &mut Unpacking,
    archive: &str,
    bytes: &[u8],
    directory_at: usize,
    header: &Header,
    depth: usize,
) -> Result<(), ReadError> {
    if !header.is_file {
        return Ok(());
    }
    let Some(name) = entry_name(header.name)? else { return Ok(()) };
    if header.flags & ENCRYPTED != 0 {
        return Err(ReadError::unsupported(Place::Whole, "it is encrypted"));
    }
    let outside = || ReadError::malformed(Place::Whole, "its data lies outside of the zip");
    let local_at = usize::try_from(header.local_at).map_err(|_| outside())?;
    // Data lies before the directory.
    let mut cursor = Cursor::new(bytes.get(..directory_at).unwrap_or(bytes));
    cursor.seek(local_at);
    if cursor.u32("header of the entry")? != LOCAL {
        return Err(malformed(local_at, "this is no entry of a zip"));
    }
    cursor.take(LOCAL_BYTES - 4 - 4, "header of the entry")?;
    let name_bytes = u16::from_le_bytes(cursor.array("header of the entry")?);
    let extra_bytes = u16::from_le_bytes(cursor.array("header of the entry")?);
    let rest = usize::from(name_bytes) + usize::from(extra_bytes);
    cursor.take(rest, "header of the entry")?;
    let at = cursor.offset();
    let packed_bytes = usize::try_from(header.packed_bytes).map_err(|_| outside())?;
    let packed = cursor.take(packed_bytes, "data of the entry")?;
    let n_bytes = usize::try_from(header.bytes).unwrap_or(usize::MAX);
    if n_bytes > unpacking.left_held() {
        return Err(unpacking.too_large());
    }
    if header.method == 0 {
        // Entries may share bytes, so that these multiply too.
        unpacking.work.charge(at, packed.len())?;
    }
    let mut inflate = std::mem::take(&mut unpacking.inflate).unwrap_or_default();
    inflate.start();
    let source: &mut dyn Source = match header.method {
        0 => &mut Slice(packed),
        8 => &mut Deflated { packed, taken: 0, inflate: &mut inflate },
        93 => &mut Unzstd::new(packed),
        method => {
            let reason = format!("compression method {method} of zip is not read here");
            return Err(ReadError::unsupported(Place::Byte(at), reason));
        }
    };
    let crc = crc32fast::Hasher::new();
    let mut checked = Checked { source, at, left: n_bytes, expected: header.crc, crc, n_ahead: 0 };
    let read = unpacking.file(&format!("{archive}/{name}"), &mut checked, depth);
    unpacking.inflate = Some(inflate);
    read
}

/// A deflated entry.
struct Deflated<'a> {
    packed: &'a [u8],
    /// How much of it has been unpacked.
    taken: usize,
    inflate: &'a mut Inflate,
}

impl Source for Deflated<'_> {
    fn next(&mut self, work: &mut Work) -> Result<&[u8], ReadError> {
        while self.inflate.ready().is_empty() && !self.inflate.is_done() {
            let rest = self.packed.get(self.taken..).unwrap_or_default();
            let taken = self.inflate.step(rest).map_err(|failure| match failure {
                Failure::Cut => truncated(self.packed.len(), "compressed data"),
                Failure::Broken(at) => malformed(self.taken + at, "compressed data is broken"),
            })?;
            self.taken += taken;
            work.charge(self.taken, self.inflate.ready().len())?;
        }
        Ok(self.inflate.ready())
    }

    fn skip(&mut self, n_bytes: usize) {
        self.inflate.skip(n_bytes);
    }
}

/// An entry whose length and checksum are what the directory says, or reading it ends in an error.
struct Checked<'a> {
    source: &'a mut dyn Source,
    /// Where its data is.
    at: usize,
    /// How many bytes are still to come after those that were checked.
    left: usize,
    expected: u32,
    crc: crc32fast::Hasher,
    /// How many bytes were checked and not taken yet.
    n_ahead: usize,
}

impl Source for Checked<'_> {
    fn next(&mut self, work: &mut Work) -> Result<&[u8], ReadError> {
        let at = self.at;
        let bytes = self.source.next(work).map_err(|error| error.shifted(at))?;
        let fresh = bytes.get(self.n_ahead..).unwrap_or_default();
        let Some(left) = self.left.checked_sub(fresh.len()) else {
            return Err(malformed(at, "it has more bytes than the directory says"));
        };
        self.left = left;
        self.crc.update(fresh);
        self.n_ahead = bytes.len();
        if bytes.is_empty() {
            if self.left > 0 {
                return Err(malformed(at, "it has fewer bytes than the directory says"));
            }
            if self.crc.clone().finalize() != self.expected {
                return Err(malformed(at, "checksum is wrong"));
            }
        }
        Ok(bytes)
    }

    fn skip(&mut self, n_bytes: usize) {
        self.source.skip(n_bytes);
        self.n_ahead = self.n_ahead.saturating_sub(n_bytes);
    }
}
