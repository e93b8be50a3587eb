//! Bytes in and out: unsigned LEB128, strings, bounded lists.

use thiserror::Error;

/// Bytes that are not a table or frame. Offsets count from the start of the table or body.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum WireError {
    /// The bytes end before the value does.
    #[error("byte {offset}: {what} is cut short")]
    Truncated {
        /// Where the value starts.
        offset: usize,
        /// What was being read.
        what: &'static str,
    },
    /// The value breaks the protocol.
    #[error("byte {offset}: {what}")]
    Malformed {
        /// Where the value starts.
        offset: usize,
        /// What is wrong with it.
        what: &'static str,
    },
    /// The value is larger than this build accepts.
    #[error("byte {offset}: {what} exceeds the limit of {limit}")]
    Limit {
        /// Where the value starts.
        offset: usize,
        /// What is too large.
        what: &'static str,
        /// The largest value accepted.
        limit: usize,
    },
    /// The peer speaks another version.
    #[error("version {found} is not the version {expected} of this build")]
    Version {
        /// What the peer sent.
        found: u64,
        /// What this build speaks.
        expected: u32,
    },
}

/// Appends values to a buffer.
#[derive(Debug, Default)]
pub struct Writer {
    bytes: Vec<u8>,
}

impl Writer {
    /// The bytes written so far.
    pub fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }

    /// Appends one byte.
    pub fn byte(&mut self, value: u8) {
        self.bytes.push(value);
    }

    /// Appends bytes as they are.
    pub fn raw(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    /// Appends an unsigned LEB128.
    pub fn uleb(&mut self, mut value: u64) {
        while value >= 0x80 {
            self.bytes.push((value & 0x7f) as u8 | 0x80);
            value >>= 7;
        }
        self.bytes.push((value & 0x7f) as u8);
    }

    /// Appends a signed value as a zigzag LEB128.
    pub fn zigzag(&mut self, value: i64) {
        self.uleb(((value << 1) ^ (value >> 63)).cast_unsigned());
    }

    /// Appends a length and that many bytes.
    pub fn string(&mut self, text: &str) {
        self.uleb(text.len() as u64);
        self.raw(text.as_bytes());
    }
}

/// Takes values off the front of a slice and knows how far it got.
#[derive(Debug, Clone)]
pub struct Reader<'a> {
    bytes: &'a [u8],
    offset: usize,
}

impl<'a> Reader<'a> {
    /// Reads from the first byte of `bytes`.
    pub fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, offset: 0 }
    }

    /// Bytes taken so far.
    pub fn offset(&self) -> usize {
        self.offset
    }

    /// Bytes that are left.
    pub fn remaining(&self) -> usize {
        self.bytes.len()
    }

    /// An error at the current offset.
    #[cold]
    #[inline(never)]
    pub fn malformed(&self, what: &'static str) -> WireError {
        WireError::Malformed { offset: self.offset, what }
    }

    /// Takes one byte.
    pub fn byte(&mut self, what: &'static str) -> Result<u8, WireError> {
        let (&first, rest) =
            self.bytes.split_first().ok_or(WireError::Truncated { offset: self.offset, what })?;
        self.bytes = rest;
        self.offset += 1;
        Ok(first)
    }

    /// Takes an unsigned LEB128 of up to 64 bits.
    #[inline(never)]
    pub fn uleb(&mut self, what: &'static str) -> Result<u64, WireError> {
        let start = self.offset;
        let mut value = 0u64;
        for shift in (0..64).step_by(7) {
            let byte = self.byte(what)?;
            let bits = u64::from(byte & 0x7f);
            if shift == 63 && bits > 1 {
                return Err(WireError::Malformed { offset: start, what: "number exceeds 64 bits" });
            }
            value |= bits << shift;
            if byte < 0x80 {
                return Ok(value);
            }
        }
        Err(WireError::Malformed { offset: start, what: "number exceeds 64 bits" })
    }

    /// Takes an unsigned LEB128 that must fit 32 bits.
    #[inline(never)]
    pub fn uleb32(&mut self, what: &'static str) -> Result<u32, WireError> {
        let offset = self.offset;
        u32::try_from(self.uleb(what)?).map_err(|_| WireError::Limit {
            offset,
            what,
            limit: u32::MAX as usize,
        })
    }

    /// Takes a zigzag LEB128.
    pub fn zigzag(&mut self, what: &'static str) -> Result<i64, WireError> {
        let value = self.uleb(what)?;
        Ok((value >> 1).cast_signed() ^ -((value & 1).cast_signed()))
    }

    /// Takes the length of a list: at most `limit`, and no longer than the bytes that are left
    /// can hold when an element takes `element_bytes` or more.
    #[inline(never)]
    pub fn length(
        &mut self,
        what: &'static str,
        limit: usize,
        element_bytes: usize,
    ) -> Result<usize, WireError> {
        let offset = self.offset;
        let length = self.uleb(what)?;
        let length = usize::try_from(length).unwrap_or(usize::MAX);
        if length > limit {
            return Err(WireError::Limit { offset, what, limit });
        }
        if length.saturating_mul(element_bytes) > self.remaining() {
            return Err(WireError::Truncated { offset, what });
        }
        Ok(length)
    }

    /// Takes `length` bytes.
    #[inline(never)]
    pub fn raw(&mut self, length: usize, what: &'static str) -> Result<&'a [u8], WireError> {
        let (taken, rest) = self
            .bytes
            .split_at_checked(length)
            .ok_or(WireError::Truncated { offset: self.offset, what })?;
        self.bytes = rest;
        self.offset += length;
        Ok(taken)
    }

    /// Takes `N` bytes.
    pub fn array<const N: usize>(&mut self, what: &'static str) -> Result<[u8; N], WireError> {
        let (taken, rest) = self
            .bytes
            .split_first_chunk::<N>()
            .ok_or(WireError::Truncated { offset: self.offset, what })?;
        self.bytes = rest;
        self.offset += N;
        Ok(*taken)
    }

    /// Takes a string.
    #[inline(never)]
    pub fn string(&mut self, what: &'static str) -> Result<&'a str, WireError> {
        let length = self.length(what, crate::limits::STRING_BYTES, 1)?;
        let offset = self.offset;
        std::str::from_utf8(self.raw(length, what)?)
            .map_err(|_| WireError::Malformed { offset, what: "string is not UTF-8" })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_read_back() {
        for value in [0, 1, 127, 128, 300, u64::from(u32::MAX), u64::MAX] {
            let mut writer = Writer::default();
            writer.uleb(value);
            writer.zigzag(value.cast_signed());
            let bytes = writer.into_bytes();
            let mut reader = Reader::new(&bytes);
            assert_eq!(reader.uleb("n"), Ok(value));
            assert_eq!(reader.zigzag("n"), Ok(value.cast_signed()));
            assert_eq!(reader.remaining(), 0);
        }
    }

    #[test]
    fn overlong_numbers_are_refused() {
        let error = Reader::new(&[0xff; 11]).uleb("n").unwrap_err();
        assert_eq!(error.to_string(), "byte 0: number exceeds 64 bits");
    }

    #[test]
    fn a_length_beyond_the_bytes_is_refused_before_anything_is_allocated() {
        let mut writer = Writer::default();
        writer.uleb(1 << 40);
        let error = Reader::new(&writer.into_bytes()).length("list", usize::MAX, 1).unwrap_err();
        assert_eq!(error.to_string(), "byte 0: list is cut short");
    }
}
