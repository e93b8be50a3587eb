//! A trace on its way, cut where it can be cut: whoever passes one on may leave out whole
//! generations, and whoever comes late may start with any of them, after the header.

use crate::error::TraceError;
use crate::generation::Header;
use crate::raw::batch;
use crate::reader;

/// Cuts a trace as its bytes come. What it gives, put together, is what was pushed.
///
/// It looks at the headers of batches only; at a place where there is none, everything that is
/// there is passed on as it is, for [`Reader`](crate::Reader) to say what is wrong with it.
#[derive(Debug, Default)]
pub struct Pieces {
    buffer: Vec<u8>,
    headed: bool,
    generation: Option<u64>,
}

/// Part of a trace.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Piece<'a> {
    /// What the file begins with, and everybody needs.
    Header(&'a [u8]),
    /// Whole batches of one generation.
    Batches {
        /// They are the first of their generation.
        begins: bool,
        /// Their bytes.
        bytes: &'a [u8],
    },
}

impl Pieces {
    /// Adds bytes, and gives the pieces that they complete.
    ///
    /// # Errors
    /// When the first bytes are those of no trace, or of one from before Go 1.22.
    pub fn push(
        &mut self,
        bytes: &[u8],
        mut sink: impl FnMut(Piece<'_>),
    ) -> Result<(), TraceError> {
        self.buffer.extend_from_slice(bytes);
        let mut at = 0;
        if !self.headed {
            let Some(header) = reader::header(&self.buffer)? else { return Ok(()) };
            sink(Piece::Header(header));
            at = header.len();
            self.headed = true;
        }
        // Where the batches start that were not given yet, and whether they begin a generation.
        let (mut start, mut begins) = (at, false);
        while let Some(rest) = self.buffer.get(at..).filter(|rest| !rest.is_empty()) {
            let header = match Header::read(rest) {
                Ok(Some(header)) => header,
                Ok(None) => {
                    at = self.buffer.len();
                    break;
                }
                Err(_) => break,
            };
            let length = header.length.saturating_add(header.size);
            if rest.len() < length {
                break;
            }
            if header.kind == batch::END {
                self.generation = None;
            } else if self.generation != Some(header.generation) {
                give(&self.buffer, start, at, begins, &mut sink);
                (start, begins) = (at, true);
                self.generation = Some(header.generation);
            }
            at += length;
        }
        give(&self.buffer, start, at, begins, &mut sink);
        self.buffer.drain(..at);
        Ok(())
    }

    /// What is left when no more bytes follow: a batch that breaks off.
    pub fn rest(&self) -> &[u8] {
        &self.buffer
    }
}

fn give(buffer: &[u8], start: usize, end: usize, begins: bool, sink: &mut impl FnMut(Piece<'_>)) {
    if let Some(bytes) = buffer.get(start..end).filter(|bytes| !bytes.is_empty()) {
        sink(Piece::Batches { begins, bytes });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A batch of this generation with `size` zeros in it.
    fn batch(generation: u8, size: u8) -> Vec<u8> {
        let mut bytes = vec![1, generation, 0, 0, size];
        bytes.resize(bytes.len() + usize::from(size), 0);
        bytes
    }

    /// The bytes of each generation, given in parts of this length.
    fn cut(trace: &[u8], part: usize) -> Vec<Vec<u8>> {
        let mut pieces = Pieces::default();
        let mut generations = Vec::new();
        for part in trace.chunks(part) {
            let sink = |piece: Piece<'_>| match piece {
                Piece::Header(bytes) | Piece::Batches { begins: true, bytes } => {
                    generations.push(bytes.to_vec());
                }
                Piece::Batches { bytes, .. } => {
                    generations.last_mut().unwrap().extend_from_slice(bytes);
                }
            };
            pieces.push(part, sink).unwrap();
        }
        generations.push(pieces.rest().to_vec());
        generations
    }

    #[test]
    fn cuts_are_at_generations_however_the_bytes_come() {
        let header = b"go 1.26 trace\0\0\0".to_vec();
        let first = [batch(1, 3), batch(1, 100), vec![52]].concat();
        let second = [batch(2, 9), vec![52]].concat();
        let cut_off = batch(3, 30)[..20].to_vec();
        let trace = [&header[..], &first, &second, &cut_off].concat();
        for part in [1, 2, 7, 64, 1000] {
            let expected = [&header[..], &first, &second, &cut_off];
            assert_eq!(cut(&trace, part), expected, "{part}");
        }
    }

    #[test]
    fn generations_without_a_mark_are_told_apart_by_number() {
        let header = b"go 1.22 trace\0\0\0".to_vec();
        let trace = [&header[..], &batch(4, 1), &batch(4, 2), &batch(5, 3)].concat();
        let first = [batch(4, 1), batch(4, 2)].concat();
        assert_eq!(cut(&trace, 5), [header, first, batch(5, 3), Vec::new()]);
    }

    #[test]
    fn what_is_no_trace_is_refused_and_what_is_no_batch_passed_on() {
        assert_eq!(Pieces::default().push(b"mode: set\n", |_| {}), Err(TraceError::NoTrace));
        let header = b"go 1.26 trace\0\0\0".to_vec();
        let trace = [&header[..], &batch(1, 1), b"\xffnonsense"].concat();
        assert_eq!(cut(&trace, 1000).concat(), trace);
        assert_eq!(cut(&trace, 3).concat(), trace);
    }
}
