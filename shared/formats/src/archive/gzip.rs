//! gzip: RFC 1952. Members, one after the other, are one file.
//!
//! ```text
//! member = 1f 8b 08 flags mtime:4 xfl os [extra] [name 00] [comment 00] [crc16] deflate crc:4 size:4
//! ```

use super::inflate::{Failure, Inflate};
use super::source::{Source, Work};
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

/// What gzip unpacks to.
pub(super) struct Gunzip<'a> {
    bytes: &'a [u8],
    cursor: Cursor<'a>,
    inflate: Inflate,
    crc: crc32fast::Hasher,
    /// The length of the member so far: its low 32 bits are kept in the file.
    n_bytes: u64,
    is_inside: bool,
}

impl<'a> Gunzip<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self {
            bytes,
            cursor: Cursor::new(bytes),
            inflate: Inflate::default(),
            crc: crc32fast::Hasher::new(),
            n_bytes: 0,
            is_inside: false,
        }
    }

    /// Starts the next member; says whether there is one.
    fn start(&mut self) -> Result<bool, ReadError> {
        let cursor = &mut self.cursor;
        let start = cursor.offset();
        if start > 0 {
            // Tapes are filled up with zeros.
            if cursor.rest().iter().all(|&byte| byte == 0) {
                return Ok(false);
            }
            if !cursor.rest().starts_with(MAGIC) {
                return Err(cursor.malformed("something that is not gzip follows"));
            }
        }
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
            let offset = cursor.offset();
            let header = self.bytes.get(start..offset).unwrap_or_default();
            let [low, high, ..] = crc32fast::hash(header).to_le_bytes();
            if cursor.array("gzip header")? != [low, high] {
                return Err(malformed(offset, "checksum of the gzip header is wrong"));
            }
        }
        self.inflate.start();
        self.crc = crc32fast::Hasher::new();
        self.n_bytes = 0;
        Ok(true)
    }

    /// Ends a member: its checksum and length must be right.
    fn end(&mut self) -> Result<(), ReadError> {
        let cursor = &mut self.cursor;
        let offset = cursor.offset();
        if cursor.u32("checksum")? != self.crc.clone().finalize() {
            return Err(malformed(offset, "checksum is wrong"));
        }
        let offset = cursor.offset();
        if u64::from(cursor.u32("length")?) != self.n_bytes & 0xffff_ffff {
            return Err(malformed(offset, "length is wrong"));
        }
        Ok(())
    }
}

impl Source for Gunzip<'_> {
    fn next(&mut self, work: &mut Work) -> Result<&[u8], ReadError> {
        while self.inflate.ready().is_empty() {
            if !self.is_inside {
                if !self.start()? {
                    break;
                }
                self.is_inside = true;
            }
            if self.inflate.is_done() {
                self.end()?;
                self.is_inside = false;
                continue;
            }
            let at = self.cursor.offset();
            let taken = self.inflate.step(self.cursor.rest()).map_err(|failure| match failure {
                Failure::Cut => truncated(self.bytes.len(), "compressed data"),
                Failure::Broken(offset) => malformed(at + offset, "compressed data is broken"),
            })?;
            self.cursor.seek(at + taken);
            let ready = self.inflate.ready();
            work.charge(at, ready.len())?;
            self.crc.update(ready);
            self.n_bytes += ready.len() as u64;
        }
        Ok(self.inflate.ready())
    }

    fn skip(&mut self, n_bytes: usize) {
        self.inflate.skip(n_bytes);
    }
}
