//! Deflate: RFC 1951.

use miniz_oxide::inflate::TINFLStatus;
use miniz_oxide::inflate::core::{DecompressorOxide, decompress};

/// Bytes that are unpacked in one go. Deflate reaches back 32 KiB, and a ring has to be a power of
/// two.
const RING_BYTES: usize = 64 << 10;

/// A stream that is unpacked into a ring, piece by piece.
pub(super) struct Inflate {
    tables: Box<DecompressorOxide>,
    ring: Vec<u8>,
    /// Where in the ring the next byte goes.
    at: usize,
    /// What of the ring has not been taken yet.
    from: usize,
    to: usize,
    is_done: bool,
}

/// Why a stream does not unpack.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Failure {
    /// It goes on past the end of its input.
    Cut,
    /// It breaks the format at, or before, this byte of its input.
    Broken(usize),
}

impl Default for Inflate {
    fn default() -> Self {
        let (tables, ring) = (Box::default(), vec![0; RING_BYTES]);
        Self { tables, ring, at: 0, from: 0, to: 0, is_done: false }
    }
}

impl Inflate {
    /// Makes it ready for another stream.
    pub(super) fn start(&mut self) {
        self.tables.init();
        (self.at, self.from, self.to, self.is_done) = (0, 0, 0, false);
    }

    /// What has been unpacked and not been taken.
    pub(super) fn ready(&self) -> &[u8] {
        self.ring.get(self.from..self.to).unwrap_or_default()
    }

    /// Takes so many of the bytes that are [`Self::ready`].
    pub(super) fn skip(&mut self, n_bytes: usize) {
        self.from = self.from.saturating_add(n_bytes).min(self.to);
    }

    /// Unpacks more of the stream, whose rest starts `packed`; gives how many bytes of that it
    /// took. All that was ready must have been taken. At the end of the stream nothing is ready
    /// after this.
    pub(super) fn step(&mut self, packed: &[u8]) -> Result<usize, Failure> {
        if self.is_done {
            return Ok(0);
        }
        if self.at == self.ring.len() {
            self.at = 0;
        }
        let (status, taken, given) =
            decompress(&mut self.tables, packed, &mut self.ring, self.at, 0);
        self.from = self.at;
        self.at += given;
        self.to = self.at;
        match status {
            TINFLStatus::Done => self.is_done = true,
            TINFLStatus::HasMoreOutput => {}
            TINFLStatus::FailedCannotMakeProgress | TINFLStatus::NeedsMoreInput => {
                return Err(Failure::Cut);
            }
            _ => return Err(Failure::Broken(taken)),
        }
        Ok(taken)
    }

    /// Whether all of the stream has been unpacked.
    pub(super) fn is_done(&self) -> bool {
        self.is_done
    }
}
