//! zstd: RFC 8878. Frames, one after the other, are one file.

use ruzstd::decoding::errors::{FrameDecoderError, ReadFrameHeaderError};
use ruzstd::decoding::{BlockDecodingStrategy, FrameDecoder};

use super::source::{Source, Work};
use crate::bytes::{malformed, truncated};
use crate::limits::ZSTD_WINDOW_BYTES;
use crate::{Place, ReadError};

/// First bytes of a frame, section 3.1.1.
const MAGIC: [u8; 4] = 0xfd2f_b528_u32.to_le_bytes();
/// First bytes of a frame to be skipped, section 3.1.2, without the low half of the first.
const SKIPPED: [u8; 4] = 0x184d_2a50_u32.to_le_bytes();

/// How much is unpacked before it is looked at how much it is.
const STEP_BYTES: usize = 64 << 10;

pub(super) fn sniff(head: &[u8]) -> bool {
    match head.first_chunk::<4>() {
        Some(&[first, rest @ ..]) => {
            [first, rest[0], rest[1], rest[2]] == MAGIC
                || (first & 0xf0 == SKIPPED[0] && rest == SKIPPED[1..])
        }
        None => false,
    }
}

/// What zstd unpacks to.
pub(super) struct Unzstd<'a> {
    bytes: &'a [u8],
    rest: &'a [u8],
    /// One for each frame: used again, a decoder makes room for all of the window that the next
    /// frame declares.
    decoder: Option<Box<FrameDecoder>>,
    ready: Vec<u8>,
    from: usize,
    to: usize,
}

impl<'a> Unzstd<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, rest: bytes, decoder: None, ready: vec![0; STEP_BYTES], from: 0, to: 0 }
    }

    fn offset(&self) -> usize {
        self.bytes.len() - self.rest.len()
    }

    /// Starts the next frame, if it is not one to be skipped.
    fn start(&mut self) -> Result<(), ReadError> {
        let start = self.offset();
        let mut decoder = Box::new(FrameDecoder::new());
        decoder.set_max_window_size(ZSTD_WINDOW_BYTES as u64);
        match decoder.reset(&mut self.rest) {
            Ok(()) => {
                self.decoder = Some(decoder);
                Ok(())
            }
            Err(FrameDecoderError::ReadFrameHeaderError(ReadFrameHeaderError::SkipFrame {
                length,
                ..
            })) => {
                let after = usize::try_from(length).ok();
                let after = after.and_then(|length| self.rest.get(length..));
                self.rest = after.ok_or_else(|| truncated(start, "frame to be skipped"))?;
                Ok(())
            }
            Err(error) => Err(refused(start, &error)),
        }
    }
}

impl Source for Unzstd<'_> {
    fn next(&mut self, work: &mut Work) -> Result<&[u8], ReadError> {
        while self.from == self.to {
            let at = self.offset();
            let Some(decoder) = &mut self.decoder else {
                if self.rest.is_empty() {
                    break;
                }
                self.start()?;
                continue;
            };
            if decoder.can_collect() > 0 {
                let mut room = &mut self.ready[..];
                // Memory takes what it has room for, without an error.
                let _ = decoder.collect_to_writer(&mut room);
                let n_bytes = STEP_BYTES - room.len();
                (self.from, self.to) = (0, n_bytes);
                work.charge(at, n_bytes)?;
            } else if decoder.is_finished() {
                if let Some(sum) = decoder.get_checksum_from_data()
                    && decoder.get_calculated_checksum() != Some(sum)
                {
                    return Err(malformed(at.saturating_sub(4), "checksum is wrong"));
                }
                self.decoder = None;
            } else {
                let step = BlockDecodingStrategy::UptoBytes(STEP_BYTES);
                decoder.decode_blocks(&mut self.rest, step).map_err(|error| refused(at, &error))?;
            }
        }
        Ok(self.ready.get(self.from..self.to).unwrap_or_default())
    }

    fn skip(&mut self, n_bytes: usize) {
        self.from = self.from.saturating_add(n_bytes).min(self.to);
    }
}

fn refused(offset: usize, error: &FrameDecoderError) -> ReadError {
    let place = Place::Byte(offset);
    match error {
        FrameDecoderError::DictNotProvided { .. } => {
            ReadError::unsupported(place, "zstd data that needs a dictionary")
        }
        FrameDecoderError::WindowSizeTooBig { .. } => {
            let reason = format!("a zstd window of more than {ZSTD_WINDOW_BYTES} bytes");
            ReadError::limit(place, reason)
        }
        _ => ReadError::malformed(place, "zstd data is broken or cut short"),
    }
}
