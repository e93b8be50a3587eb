//! Deflate: RFC 1951.

use miniz_oxide::inflate::TINFLStatus;
use miniz_oxide::inflate::core::inflate_flags::TINFL_FLAG_USING_NON_WRAPPING_OUTPUT_BUF;
use miniz_oxide::inflate::core::{DecompressorOxide, decompress};

/// The least that output grows by.
const STEP_BYTES: usize = 64 << 10;

/// Room for the tables, kept from one stream to the next.
#[derive(Default)]
pub(super) struct Inflate(Box<DecompressorOxide>);

/// Why a stream does not unpack.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Failure {
    /// It has more bytes than were asked for.
    Full,
    /// It goes on past the end of its input.
    Cut,
    /// It breaks the format at, or before, this byte of its input.
    Broken(usize),
}

impl Inflate {
    /// Unpacks the stream at the start of `packed` to the end of `into`, `most` bytes or fewer;
    /// gives the number of bytes that it took.
    pub(super) fn run(
        &mut self,
        packed: &[u8],
        into: &mut Vec<u8>,
        most: usize,
    ) -> Result<usize, Failure> {
        self.0.init();
        let start = into.len();
        let (mut n_in, mut n_out) = (0, 0);
        let mut room = packed.len().saturating_mul(4).max(STEP_BYTES).min(most);
        let result = loop {
            into.resize(start + room, 0);
            let (input, output) = (packed.get(n_in..), into.get_mut(start..));
            let (Some(input), Some(output)) = (input, output) else { break Err(Failure::Cut) };
            let flags = TINFL_FLAG_USING_NON_WRAPPING_OUTPUT_BUF;
            let (status, taken, given) = decompress(&mut self.0, input, output, n_out, flags);
            n_in += taken;
            n_out += given;
            match status {
                TINFLStatus::Done => break Ok(n_in),
                TINFLStatus::HasMoreOutput if room < most => {
                    room = room.saturating_mul(2).max(STEP_BYTES).min(most);
                }
                TINFLStatus::HasMoreOutput => break Err(Failure::Full),
                TINFLStatus::FailedCannotMakeProgress | TINFLStatus::NeedsMoreInput => {
                    break Err(Failure::Cut);
                }
                _ => break Err(Failure::Broken(n_in)),
            }
        };
        into.truncate(start + n_out);
        result
    }
}
