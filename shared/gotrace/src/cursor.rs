//! A place in bytes, and the integers found there.

/// Reads forwards through bytes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Cursor<'a> {
    bytes: &'a [u8],
    at: usize,
}

/// The bytes end before the value does, or it has more than 64 bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Short;

impl<'a> Cursor<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0 }
    }

    pub(crate) fn at(&self) -> usize {
        self.at
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.at >= self.bytes.len()
    }

    pub(crate) fn byte(&mut self) -> Result<u8, Short> {
        let byte = *self.bytes.get(self.at).ok_or(Short)?;
        self.at += 1;
        Ok(byte)
    }

    pub(crate) fn take(&mut self, count: u64) -> Result<&'a [u8], Short> {
        let count = usize::try_from(count).map_err(|_| Short)?;
        let end = self.at.checked_add(count).ok_or(Short)?;
        let taken = self.bytes.get(self.at..end).ok_or(Short)?;
        self.at = end;
        Ok(taken)
    }

    /// An unsigned LEB128 of at most ten bytes, padded or not.
    #[inline]
    pub(crate) fn uleb(&mut self) -> Result<u64, Short> {
        let first = *self.bytes.get(self.at).ok_or(Short)?;
        if first < 0x80 {
            self.at += 1;
            return Ok(u64::from(first));
        }
        self.long_uleb()
    }

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
}
