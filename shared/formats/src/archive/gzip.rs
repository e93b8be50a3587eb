//! gzip: RFC 1952. Members, one after the other, are one file.
//!
//! ```text
//! member = 1f 8b 08 flags mtime:4 xfl os [extra] [name 00] [comment 00] [crc16] deflate crc:4 size:4
//! ```

use super::Unpacking;
use super::inflate::Failure;
use crate::bytes::{Cursor, malformed, truncated};
use crate::{Place, ReadError};

const MAGIC: &[u8] = &[0x1f, 0x8b, 8];

/// Flags of a member, RFC 1952 section 2.3.1.
const HEADER_CRC: u8 = 1 << 1;
const EXTRA: u8 = 1 << 2;
const NAME: u8 = 1 << 3;
const COMMENT: u8 = 1 << 4;

pub(super) fn sniff(head: &[u8]) -> bool {
    head.starts_with(MAGIC)
}

pub(super) fn read(unpacking: &mut Unpacking, bytes: &[u8]) -> Result<Vec<u8>, ReadError> {
    let mut whole = Vec::new();
    let mut cursor = Cursor::new(bytes);
    let result = loop {
        if let Err(error) = member(unpacking, bytes, &mut cursor, &mut whole) {
            break Err(error);
        }
        // Tapes are filled up with zeros.
        if cursor.rest().iter().all(|&byte| byte == 0) {
            break Ok(());
        }
        if !cursor.rest().starts_with(MAGIC) {
            break Err(cursor.malformed("something that is not gzip follows"));
        }
    };
    unpacking.charge(whole.len());
    result.map(|()| whole)
}

fn member(
    unpacking: &mut Unpacking,
    bytes: &[u8],
    cursor: &mut Cursor,
    whole: &mut Vec<u8>,
) -> Result<(), ReadError> {
    let start = cursor.offset();
    cursor.take(MAGIC.len(), "gzip header")?;
    let flags = cursor.byte("gzip header")?;
    if flags & 0xe0 != 0 {
        let reason = "gzip flags that are not known";
        return Err(ReadError::unsupported(Place::Byte(start + 3), reason));
    }
    cursor.take(6, "gzip header")?;
    if flags & EXTRA != 0 {
        let length = u16::from_le_bytes(cursor.array("gzip header")?);
        cursor.take(usize::from(length), "gzip header")?;
    }
    for flag in [NAME, COMMENT] {
        if flags & flag != 0 {
            let end = cursor.rest().iter().position(|&byte| byte == 0);
            let end = end.ok_or_else(|| truncated(cursor.offset(), "gzip header"))?;
            cursor.take(end + 1, "gzip header")?;
        }
    }
    if flags & HEADER_CRC != 0 {
        let [low, high, ..] = crc(bytes.get(start..cursor.offset()).unwrap_or_default());
        let offset = cursor.offset();
        if cursor.array("gzip header")? != [low, high] {
            return Err(malformed(offset, "checksum of the gzip header is wrong"));
        }
    }
    let data = cursor.offset();
    let from = whole.len();
    let most = unpacking.most().saturating_sub(from);
    let taken = match unpacking.inflate.run(cursor.rest(), whole, most) {
        Ok(taken) => taken,
        Err(Failure::Full) => return Err(unpacking.too_large(start)),
        Err(Failure::Cut) => return Err(truncated(bytes.len(), "compressed data")),
        Err(Failure::Broken(at)) => return Err(malformed(data + at, "compressed data is broken")),
    };
    cursor.take(taken, "compressed data")?;
    let unpacked = whole.get(from..).unwrap_or_default();
    let offset = cursor.offset();
    if cursor.array("checksum")? != crc(unpacked) {
        return Err(malformed(offset, "checksum is wrong"));
    }
    let offset = cursor.offset();
    // The low 32 bits of the length.
    if u64::from(cursor.u32("length")?) != unpacked.len() as u64 & 0xffff_ffff {
        return Err(malformed(offset, "length is wrong"));
    }
    Ok(())
}

fn crc(bytes: &[u8]) -> [u8; 4] {
    crc32fast::hash(bytes).to_le_bytes()
}
