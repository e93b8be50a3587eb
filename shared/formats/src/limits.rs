//! What readers accept. Inputs are files of the person who opens them: the limits keep a hostile
//! one from eating the machine, and no honest one should ever meet them.

/// Notes kept of one reading.
pub const NOTES: usize = 1_000;

/// Bytes of files that may wait for others: counters for their meta-data, sources and binaries
/// for the counters that belong to them.
pub const WAITING_BYTES: usize = 256 << 20;

/// The highest number of a line; what claims more is no source.
pub const LINE: u32 = 10_000_000;

/// The highest number of a column.
pub const COLUMN: u32 = 1_000_000;

/// Arms of one branch of which only the number is known.
pub const ARMS: u32 = 100_000;

/// Arms of all branches of a file of coverage of which only the number is known: a few bytes can
/// claim many.
pub const ALL_ARMS: u64 = 20_000_000;

/// Elements of XML inside of each other.
pub const DEPTH: usize = 256;

/// Attributes of an element of XML.
pub const ATTRIBUTES: usize = 1_000;

/// How much an archive may unpack to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of everything that is unpacked, archives inside included.
    pub total_bytes: usize,
    /// Bytes of one entry.
    pub entry_bytes: usize,
    /// How many times the archive's own size everything may be, past [`Self::free_bytes`].
    pub ratio: usize,
    /// Bytes that any archive may unpack to, however small it is.
    pub free_bytes: usize,
    /// Entries, directories included.
    pub entries: usize,
    /// Archives inside of each other.
    pub depth: usize,
}

impl Default for Limits {
    /// Counters of many runs are nearly the same, so that honest archives of them shrink to a
    /// thousandth; what unpacks to little memory needs no such rule.
    fn default() -> Self {
        Self {
            total_bytes: 2 << 30,
            entry_bytes: 1 << 30,
            ratio: 1_000,
            free_bytes: 256 << 20,
            entries: 1_000_000,
            depth: 3,
        }
    }
}
