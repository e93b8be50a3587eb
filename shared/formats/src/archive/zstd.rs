//! zstd: RFC 8878. Frames, one after the other, are one file.

use ruzstd::decoding::errors::{FrameDecoderError, ReadFrameHeaderError};
use ruzstd::decoding::{BlockDecodingStrategy, FrameDecoder};

use super::Unpacking;
use crate::bytes::{malformed, truncated};
use crate::{Place, ReadError};

/// First bytes of a frame, section 3.1.1.
const MAGIC: [u8; 4] = 0xfd2f_b528_u32.to_le_bytes();
/// First bytes of a frame to be skipped, section 3.1.2, without the low half of the first.
const SKIPPED: [u8; 4] = 0x184d_2a50_u32.to_le_bytes();

/// How much is unpacked before it is looked at how much it is.
const STEP_BYTES: usize = 256 << 10;

/// The largest window: what `zstd` itself takes unasked.
const WINDOW_BYTES: u64 = 128 << 20;

pub(super) fn sniff(head: &[u8]) -> bool {
    match head.first_chunk::<4>() {
        Some(&[first, rest @ ..]) => {
            [first, rest[0], rest[1], rest[2]] == MAGIC
                || (first & 0xf0 == SKIPPED[0] && rest == SKIPPED[1..])
        }
        None => false,
    }
}

pub(super) fn read(unpacking: &mut Unpacking, bytes: &[u8]) -> Result<Vec<u8>, ReadError> {
    let most = unpacking.most();
    let mut whole = Vec::new();
    let result = frames(bytes, &mut whole, most);
    let result = match result {
        Ok(true) => Ok(()),
        Ok(false) => Err(unpacking.too_large(0)),
        Err(error) => Err(error),
    };
    unpacking.charge(whole.len());
    result.map(|()| whole)
}

/// Unpacks all frames; gives `false` if that is more than `most` bytes.
pub(super) fn frames(bytes: &[u8], whole: &mut Vec<u8>, most: usize) -> Result<bool, ReadError> {
    let mut decoder = FrameDecoder::new();
    decoder.set_max_window_size(WINDOW_BYTES);
    let mut rest = bytes;
    while !rest.is_empty() {
        let start = bytes.len() - rest.len();
        match decoder.reset(&mut rest) {
            Ok(()) => {}
            Err(FrameDecoderError::ReadFrameHeaderError(ReadFrameHeaderError::SkipFrame {
                length,
                ..
            })) => {
                let after = usize::try_from(length).ok().and_then(|length| rest.get(length..));
                rest = after.ok_or_else(|| truncated(start, "frame to be skipped"))?;
                continue;
            }
            Err(error) => return Err(refused(start, &error)),
        }
        loop {
            let at = bytes.len() - rest.len();
            let step = BlockDecodingStrategy::UptoBytes(STEP_BYTES);
            decoder.decode_blocks(&mut rest, step).map_err(|error| refused(at, &error))?;
            let ready = decoder.can_collect();
            if ready > most.saturating_sub(whole.len()) {
                return Ok(false);
            }
            // A vector takes all that it is given.
            let _ = decoder.collect_to_writer(&mut *whole);
            if decoder.is_finished() {
                break;
            }
        }
        if let Some(sum) = decoder.get_checksum_from_data()
            && decoder.get_calculated_checksum() != Some(sum)
        {
            return Err(malformed(bytes.len() - rest.len() - 4, "checksum is wrong"));
        }
    }
    Ok(true)
}

fn refused(offset: usize, error: &FrameDecoderError) -> ReadError {
    let place = Place::Byte(offset);
    match error {
        FrameDecoderError::DictNotProvided { .. } => {
            ReadError::unsupported(place, "zstd data that needs a dictionary")
        }
        FrameDecoderError::WindowSizeTooBig { .. } => {
            let reason = format!("a zstd window of more than {WINDOW_BYTES} bytes");
            ReadError::limit(place, reason)
        }
        _ => ReadError::malformed(place, "zstd data is broken or cut short"),
    }
}
