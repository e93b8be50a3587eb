//! Values off the front of a slice, with the place for errors.

use crate::error::{Place, ReadError};

/// Takes values off the front of a slice and knows where it is.
#[derive(Debug, Clone)]
pub(crate) struct Cursor<'a> {
    bytes: &'a [u8],
    offset: usize,
}

impl<'a> Cursor<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, offset: 0 }
    }

    /// Offset of the next byte.
    pub(crate) fn offset(&self) -> usize {
        self.offset
    }

    /// Goes to an offset; reading past the end is an error then, going there is none.
    pub(crate) fn seek(&mut self, offset: usize) {
        self.offset = offset;
    }

    /// The bytes that are left.
    pub(crate) fn rest(&self) -> &'a [u8] {
        self.bytes.get(self.offset..).unwrap_or_default()
    }

    /// How many bytes are left.
    pub(crate) fn remaining(&self) -> usize {
        self.bytes.len().saturating_sub(self.offset)
    }

    /// A cursor over the bytes up to here, at the first one.
    pub(crate) fn before(&self) -> Self {
        Self::new(self.bytes.get(..self.offset).unwrap_or(self.bytes))
    }

    /// An error at the next byte.
    pub(crate) fn malformed(&self, reason: &'static str) -> ReadError {
        malformed(self.offset, reason)
    }

    pub(crate) fn take(
        &mut self,
        length: usize,
        what: &'static str,
    ) -> Result<&'a [u8], ReadError> {
        let taken = self.bytes.get(self.offset..).and_then(|rest| rest.get(..length));
        let Some(taken) = taken else { return Err(truncated(self.offset, what)) };
        self.offset += length;
        Ok(taken)
    }

    pub(crate) fn array<const N: usize>(
        &mut self,
        what: &'static str,
    ) -> Result<[u8; N], ReadError> {
        let mut array = [0; N];
        array.copy_from_slice(self.take(N, what)?);
        Ok(array)
    }

    pub(crate) fn byte(&mut self, what: &'static str) -> Result<u8, ReadError> {
        match self.bytes.get(self.offset) {
            Some(&byte) => {
                self.offset += 1;
                Ok(byte)
            }
            None => Err(truncated(self.offset, what)),
        }
    }

    pub(crate) fn u32(&mut self, what: &'static str) -> Result<u32, ReadError> {
        self.array(what).map(u32::from_le_bytes)
    }

    pub(crate) fn u64(&mut self, what: &'static str) -> Result<u64, ReadError> {
        self.array(what).map(u64::from_le_bytes)
    }

    /// An unsigned LEB128. Surplus bits are dropped and zero bytes at its end accepted, as Go's
    /// reader does, up to ten bytes; a value is its low 32 bits. After an error the next byte is
    /// still the number's first.
    #[inline]
    pub(crate) fn uleb(&mut self, what: &'static str) -> Result<u32, ReadError> {
        match self.bytes.get(self.offset) {
            Some(&byte) if byte < 0x80 => {
                self.offset += 1;
                Ok(u32::from(byte))
            }
            _ => self.long_uleb(what),
        }
    }

    #[expect(clippy::cast_possible_truncation, reason = "Go's reader keeps the low 32 bits too")]
    fn long_uleb(&mut self, what: &'static str) -> Result<u32, ReadError> {
        let mut value = 0u64;
        let rest = self.rest();
        for ((at, &byte), shift) in rest.iter().enumerate().zip((0..70).step_by(7)) {
            value |= u64::from(byte & 0x7f).checked_shl(shift).unwrap_or(0);
            if byte < 0x80 {
                self.offset += at + 1;
                return Ok(value as u32);
            }
        }
        if rest.len() < 10 {
            return Err(truncated(self.offset + rest.len(), what));
        }
        Err(malformed(self.offset, "number does not end"))
    }

    /// The length of a list whose elements take `element_bytes` or more.
    pub(crate) fn length(
        &mut self,
        what: &'static str,
        element_bytes: usize,
    ) -> Result<usize, ReadError> {
        let offset = self.offset;
        let length = self.uleb(what)? as usize;
        if length.saturating_mul(element_bytes) > self.remaining() {
            return Err(truncated(offset, what));
        }
        Ok(length)
    }
}

/// The bytes end before the value does.
pub(crate) fn truncated(offset: usize, what: &'static str) -> ReadError {
    ReadError::malformed(Place::Byte(offset), format!("{what} is cut short"))
}

/// The value breaks the layout.
pub(crate) fn malformed(offset: usize, reason: &'static str) -> ReadError {
    ReadError::malformed(Place::Byte(offset), reason)
}
