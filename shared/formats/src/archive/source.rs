//! Bytes as they are unpacked, piece by piece.

use crate::ReadError;
use crate::bytes::truncated;
use crate::error::Place;

/// Bytes of which only the next few are held.
pub(super) trait Source {
    /// The next bytes, as many as are there; none at the end, where checksums have been found
    /// right.
    fn next(&mut self, work: &mut Work) -> Result<&[u8], ReadError>;

    /// Goes past so many of the bytes that [`Self::next`] gave.
    fn skip(&mut self, n_bytes: usize);
}

/// How much more may be unpacked.
#[derive(Debug)]
pub(super) struct Work {
    left_bytes: usize,
    /// Whether a limit on the whole is reached, so that nothing more is read.
    pub(super) is_over: bool,
}

impl Work {
    pub(super) fn new(bytes: usize) -> Self {
        Self { left_bytes: bytes, is_over: false }
    }

    /// Counts bytes that were unpacked from the compressed data at `offset`.
    pub(super) fn charge(&mut self, offset: usize, n_bytes: usize) -> Result<(), ReadError> {
        match self.left_bytes.checked_sub(n_bytes) {
            Some(left) => self.left_bytes = left,
            None => {
                self.left_bytes = 0;
                self.is_over = true;
                let reason = "the archive unpacks to far more than its size allows: unpack it \
                              first, if it is to be trusted";
                return Err(ReadError::limit(Place::Byte(offset), reason));
            }
        }
        Ok(())
    }
}

/// Bytes that lie in memory.
pub(super) struct Slice<'a>(pub(super) &'a [u8]);

impl Source for Slice<'_> {
    fn next(&mut self, _: &mut Work) -> Result<&[u8], ReadError> {
        Ok(self.0)
    }

    fn skip(&mut self, n_bytes: usize) {
        self.0 = self.0.get(n_bytes..).unwrap_or_default();
    }
}

/// Goes to the end, and so checks all of it; gives the number of bytes.
pub(super) fn drain(source: &mut dyn Source, work: &mut Work) -> Result<usize, ReadError> {
    let mut n_bytes = 0usize;
    loop {
        let length = source.next(work)?.len();
        if length == 0 {
            return Ok(n_bytes);
        }
        source.skip(length);
        n_bytes = n_bytes.saturating_add(length);
    }
}

/// Moves bytes to the end of `into` until that has `most`, or the source ends.
pub(super) fn fill(
    source: &mut dyn Source,
    work: &mut Work,
    into: &mut Vec<u8>,
    most: usize,
) -> Result<(), ReadError> {
    while let Some(room) = most.checked_sub(into.len()).filter(|&room| room > 0) {
        let bytes = source.next(work)?;
        let bytes = bytes.get(..room).unwrap_or(bytes);
        if bytes.is_empty() {
            break;
        }
        into.extend_from_slice(bytes);
        let n_bytes = bytes.len();
        source.skip(n_bytes);
    }
    Ok(())
}

/// The next `length` bytes of a source, of which `what` is made.
pub(super) struct Part<'a> {
    pub(super) source: &'a mut dyn Source,
    pub(super) left: usize,
    /// Where the next byte is.
    pub(super) at: usize,
    pub(super) what: &'static str,
}

impl Source for Part<'_> {
    fn next(&mut self, work: &mut Work) -> Result<&[u8], ReadError> {
        if self.left == 0 {
            return Ok(&[]);
        }
        let bytes = self.source.next(work)?;
        if bytes.is_empty() {
            return Err(truncated(self.at, self.what));
        }
        Ok(bytes.get(..self.left).unwrap_or(bytes))
    }

    fn skip(&mut self, n_bytes: usize) {
        self.source.skip(n_bytes);
        self.left = self.left.saturating_sub(n_bytes);
        self.at = self.at.saturating_add(n_bytes);
    }
}
