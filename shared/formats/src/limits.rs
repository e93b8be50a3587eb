//! What readers accept. Inputs are files of the person who opens them: the limits keep a hostile
//! one from eating the machine, and no honest one should ever meet them.

use crate::{Place, ReadError};

/// Notes kept of one reading.
pub const NOTES: usize = 1_000;

/// Bytes of files that may wait for others, until a last one that may be larger: counters for
/// their meta-data, sources and binaries for the counters that belong to them.
pub const WAITING_BYTES: usize = 256 << 20;

/// Bytes that may wait of an archive before counters without meta-data are passed over, to come
/// when it is unpacked again.
pub const LATE_BYTES: usize = 64 << 20;

/// The highest number of a line; what claims more is no source.
pub const LINE: u32 = 10_000_000;

/// The highest number of a column.
pub const COLUMN: u32 = 1_000_000;

/// Lines that the regions of one profile of LLVM may reach over.
pub const LINES: usize = 16_000_000;

/// Regions of the binaries of one profile.
pub const REGIONS: usize = 20_000_000;

/// Bytes that the names of functions or files in a binary unpack to.
pub const NAME_BYTES: usize = 256 << 20;

/// Test vectors, and pairs of them, that are looked at in one profile.
pub const VECTORS: usize = 50_000_000;

/// Conditions of one decision of GCC, which has a bit of 64 for each.
pub const CONDITIONS: u32 = 64;

/// Arms of one branch of which only the number is known.
pub const ARMS: u32 = 100_000;

/// Arms of all branches of a file of coverage of which only the number is known: a few bytes can
/// claim many.
pub const ALL_ARMS: u64 = 8_000_000;

/// Empty rows that are written to lists with one for every line, of all files together.
pub const ARRAY_LINES: u32 = 20_000_000;
/// Lines that statements which span several may make beyond their first, in a file of coverage.
pub const SPAN_LINES: u64 = 5_000_000;

/// Lines that source maps may give to originals whose text is not there, of all scripts together.
pub const UNSEEN_LINES: usize = 4_000_000;

/// Bytes of the name of a branch that tell it from others of its place.
pub const BRANCH_NAME: usize = 4_096;

/// Bytes of names that are put together of what a file says once and what it says many times: of
/// a folder and the files in it, a class and its methods.
pub const JOINED_BYTES: usize = 256 << 20;

/// Elements of XML inside of each other.
pub const DEPTH: usize = 256;

/// Attributes of an element of XML.
pub const ATTRIBUTES: usize = 1_000;

/// What a file may still use up of something.
#[derive(Debug)]
pub(crate) struct Budget {
    left: usize,
    most: usize,
    what: &'static str,
}

impl Budget {
    /// So much of this.
    pub(crate) fn new(most: usize, what: &'static str) -> Self {
        Self { left: most, most, what }
    }

    /// Bytes of names that are put together.
    pub(crate) fn of_names() -> Self {
        Self::new(JOINED_BYTES, "bytes of names that are put together")
    }

    /// Uses up so much.
    ///
    /// # Errors
    /// There is less left.
    pub(crate) fn take(&mut self, n: usize) -> Result<(), ReadError> {
        self.left = self.left.checked_sub(n).ok_or_else(|| {
            ReadError::limit(Place::Whole, format!("more than {} {}", self.most, self.what))
        })?;
        Ok(())
    }
}

/// How much an archive may unpack to.
///
/// What is held at once grows with the archive, not with what it says of itself: `held_bytes`, or
/// `held_ratio` times its own size, plus [`Self::tar_bytes`] and the window of one decompressor for
/// each of the archives inside of each other: 64 KiB, for zstd as much as it declares and has
/// unpacked, up to [`ZSTD_WINDOW_BYTES`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// Bytes that are held at once: the file that is being read, the archives that it is in, and
    /// files that stay in memory as profiles. Counters do not stay: they are added up.
    pub held_bytes: usize,
    /// How many times the archive's own size may be held, where that is more.
    pub held_ratio: usize,
    /// Bytes that are unpacked altogether, kept or passed over: the work that an archive makes.
    pub work_bytes: usize,
    /// How many times the archive's own size may be unpacked, where that is more.
    pub work_ratio: usize,
    /// Compressed tars up to so many bytes are unpacked once. Larger ones are never held: they are
    /// unpacked a first time for the checksum at their end, and again for their files.
    pub tar_bytes: usize,
    /// Entries, directories included.
    pub entries: usize,
    /// Archives inside of each other.
    pub depth: usize,
}

/// The largest window of zstd: what `zstd` itself takes unasked.
pub const ZSTD_WINDOW_BYTES: usize = 128 << 20;

impl Default for Limits {
    /// Chosen, not measured on archives of many projects: only what is larger than `held_bytes`
    /// has to keep to `held_ratio`. Counters of many runs are nearly the same and shrink a great
    /// deal, but of them each is small and none is kept.
    fn default() -> Self {
        Self {
            held_bytes: 128 << 20,
            held_ratio: 32,
            // Addresses have 32 bits in a browser.
            work_bytes: usize::try_from(8u64 << 30).unwrap_or(usize::MAX),
            work_ratio: 256,
            tar_bytes: 16 << 20,
            entries: 1_000_000,
            depth: 3,
        }
    }
}
