//! A place in bytes, and the integers found there.

/// Reads forwards through bytes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Cursor<'a> {
    rest: &'a [u8],
    length: usize,
}

/// The bytes end before the value does, or it has more than 64 bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Short;

impl<'a> Cursor<'a> {
    #[inline]
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes, length: bytes.len() }
    }

    #[inline]
    pub(crate) fn at(&self) -> usize {
        self.length - self.rest.len()
    }

    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    #[inline]
    pub(crate) fn byte(&mut self) -> Result<u8, Short> {
        let (byte, rest) = self.rest.split_first().ok_or(Short)?;
        self.rest = rest;
        Ok(*byte)
    }

    pub(crate) fn take(&mut self, count: u64) -> Result<&'a [u8], Short> {
        let count = usize::try_from(count).map_err(|_| Short)?;
        let (taken, rest) = self.rest.split_at_checked(count).ok_or(Short)?;
        self.rest = rest;
        Ok(taken)
    }

    /// An unsigned LEB128 of at most ten bytes, padded or not.
    #[inline]
    pub(crate) fn uleb(&mut self) -> Result<u64, Short> {
        let Some(word) = self.rest.first_chunk() else {
            return self.long_uleb();
        };
        let word = u64::from_le_bytes(*word);
        if word & 0x80 == 0 {
            self.skip(1);
            return Ok(word & 0x7f);
        }
        // All bytes at once, since what length comes next is hard to foresee: the first byte
        // without its highest bit is the last one, and the bits of those before it move together.
        let ends = !word & 0x8080_8080_8080_8080;
        if ends == 0 {
            return self.long_uleb();
        }
        self.skip(ends.trailing_zeros() as usize / 8 + 1);
        let word = word & (ends ^ (ends - 1));
        let word = word & 0x007f_007f_007f_007f | (word & 0x7f00_7f00_7f00_7f00) >> 1;
        let word = word & 0x0000_3fff_0000_3fff | (word & 0x3fff_0000_3fff_0000) >> 2;
        Ok(word & 0x0fff_ffff | (word & 0x0fff_ffff_0000_0000) >> 4)
    }

    #[inline]
    fn skip(&mut self, count: usize) {
        self.rest = self.rest.get(count..).unwrap_or(&[]);
    }

    #[cold]
    fn long_uleb(&mut self) -> Result<u64, Short> {
        let mut value = 0_u64;
        for shift in (0..70).step_by(7) {
            let byte = self.byte()?;
            let bits = u64::from(byte & 0x7f);
            if shift == 63 && bits > 1 {
                return Err(Short);
            }
            value |= bits << shift;
            if byte < 0x80 {
                return Ok(value);
            }
        }
        Err(Short)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn integers_may_be_padded_but_not_too_long() {
        assert_eq!(Cursor::new(&[0x7f]).uleb(), Ok(127));
        assert_eq!(Cursor::new(&[0x80, 0x01]).uleb(), Ok(128));
        let padded = [0x85, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x00];
        assert_eq!(Cursor::new(&padded).uleb(), Ok(5));
        let largest = [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01];
        assert_eq!(Cursor::new(&largest).uleb(), Ok(u64::MAX));
        let larger = [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x02];
        assert_eq!(Cursor::new(&larger).uleb(), Err(Short));
        assert_eq!(Cursor::new(&[0x80; 11]).uleb(), Err(Short));
        assert_eq!(Cursor::new(&[0x80, 0x80]).uleb(), Err(Short));
    }

    #[test]
    fn integers_are_the_same_whatever_follows() {
        for bits in 0..64 {
            for value in
                [1_u64 << bits, u64::MAX >> bits, (u64::MAX >> bits) & 0x5555_5555_5555_5555]
            {
                let mut bytes = Vec::new();
                let mut rest = value;
                while rest > 0x7f {
                    bytes.push(0x80 | u8::try_from(rest & 0x7f).unwrap());
                    rest >>= 7;
                }
                bytes.push(u8::try_from(rest).unwrap());
                let length = bytes.len();
                for after in [&[][..], &[0xff; 12], &[0; 12]] {
                    let all = [&bytes[..length], after].concat();
                    let mut cursor = Cursor::new(&all);
                    assert_eq!((cursor.uleb(), cursor.at()), (Ok(value), length));
                }
                assert_eq!(Cursor::new(&bytes[..length - 1]).uleb(), Err(Short));
            }
        }
    }
}
