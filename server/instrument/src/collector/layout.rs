//! Where what stands in the files that target and collector share. Everything is little endian.
//!
//! ```text
//! coverglass.<uid>.<pid>.<created, Unix ns, hex>          made by the target, mode 0600
//!   0 magic "CGLIVE1\0" · 8 version u32 = 1 · 12 page size P u32 · 16 pid u64
//!   24 created u64 (Unix ns) · 32 created u64 (ns since boot; 0 where unknown)
//!   40 bytes in use u64 · 48 packages u32 · 52 packages without shared memory u32
//!   56 flags u32 · 60 argument bytes u32
//!   64 clock u64: Unix ms, written at every poll by the collector
//!   72 flow shards u32 · 76 events per shard u32 · 80 flow ready u32   written by the collector
//!   84 pid namespace u32 (0 where unknown) · 88 Go version [32], NUL padded
//!   128 arguments [1920], each followed by NUL
//!   P, or 4096 if that is larger: one region per package, each a multiple of P long
//!     +0 length u64 · +8 offset of counter 0 u64 · +16 counters u32 · +20 entries u32
//!     +24 offset of mode word 0 u64 · +32 table bytes u32 · +36 reserved u32 · +40 table id [16]
//!     +56 reserved u64 · +64 table · … counters u64[] and mode words u64[], anywhere behind
//!
//! <the same name>.flow                                     made by the collector, mode 0600
//!   0 magic "CGFLOW1\0" · 8 shards u32 · 12 events per shard u32
//!   4096 shards, each 64 + 40 × capacity bytes rounded up to 64:
//!     +0 head u64: how many events were ever begun · +64 events, number n in slot n mod capacity
//!       event := number + 1 u64, stored last
//!                · goroutine u64 · label u64 · package << 32 | unit u64 · clock u64
//! ```
//!
//! Offsets count from the start of the file. Nothing here reads a file: these are pure functions
//! of bytes that somebody else wrote, and all of them are checked against the file's size.

use std::fmt;

use wire::{TableId, limits};

use super::refusal::Refusal;

/// First eight bytes of a target's file.
pub(super) const MAGIC: &[u8; 8] = b"CGLIVE1\0";
/// First eight bytes of a flow file.
pub(super) const FLOW_MAGIC: &[u8; 8] = b"CGFLOW1\0";
/// Layout version.
const VERSION: u32 = 1;
/// Bytes of the header that mean something.
pub(super) const HEADER_BYTES: usize = 2048;
/// Smallest page, and so the smallest file.
pub(super) const MIN_PAGE: u64 = 4096;
/// Start of the fields that change while the target runs; see [`Progress`].
pub(super) const PROGRESS_AT: u64 = 40;
/// Length of those fields in bytes.
pub(super) const PROGRESS_BYTES: usize = 48;
/// Where the clock stands.
pub(super) const CLOCK_AT: u64 = 64;
/// Where the number of flow shards stands; the capacity follows.
pub(super) const FLOW_SHAPE_AT: u64 = 72;
/// Where the flow's ready word stands.
pub(super) const FLOW_READY_AT: u64 = 80;
/// Bytes of a region's header.
pub(super) const REGION_BYTES: usize = 64;
/// Bytes before the first shard of a flow file.
pub(super) const FLOW_HEADER_BYTES: u64 = 4096;
/// Bytes before a shard's first event.
pub(super) const SHARD_HEADER_BYTES: u64 = 64;
/// Bytes of a flow event.
pub(super) const EVENT_BYTES: usize = 40;

const ARGUMENTS_AT: usize = 128;
const GO_VERSION_AT: usize = 88;

/// The name of a target's file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct FileName {
    /// User that the target runs as.
    pub uid: u32,
    /// The target, as it numbers itself.
    pub pid: u32,
    /// When the target made the file, in Unix nanoseconds.
    pub created_ns: u64,
}

impl FileName {
    /// The name in these words; `None` for anything that a target would not write.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let mut words = text.strip_prefix("coverglass.")?.split('.');
        let name = Self {
            uid: words.next()?.parse().ok()?,
            pid: words.next()?.parse().ok()?,
            created_ns: u64::from_str_radix(words.next()?, 16).ok()?,
        };
        // Signs, leading zeros and capitals read as numbers too, but no target writes them.
        (name.pid > 0 && name.to_string() == text).then_some(name)
    }
}

impl fmt::Display for FileName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "coverglass.{}.{}.{:x}", self.uid, self.pid, self.created_ns)
    }
}

/// What a target says of itself once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Header {
    /// Page size of the target, in bytes.
    pub page: u64,
    /// Its process id, as it numbers itself.
    pub pid: u32,
    /// When it made the file, in Unix nanoseconds.
    pub created_ns: u64,
    /// The same in nanoseconds since boot; 0 where unknown.
    pub created_boot_ns: u64,
    /// Inode of its pid namespace; 0 where unknown.
    pub pid_namespace: u32,
    /// Go version that built it.
    pub go_version: String,
    /// Its command line.
    pub arguments: Vec<String>,
}

impl Header {
    /// Whether nothing was written yet.
    pub(super) fn is_blank(bytes: &[u8]) -> bool {
        bytes.iter().take(MAGIC.len()).all(|&byte| byte == 0)
    }

    /// The header in the file's first [`HEADER_BYTES`].
    pub(super) fn parse(bytes: &[u8]) -> Result<Self, Refusal> {
        if bytes.get(..8) != Some(MAGIC) {
            return Err(Refusal::malformed(0, "not a Coverglass file"));
        }
        let version = u32_at(bytes, 8);
        if version != VERSION {
            return Err(Refusal::Version { offset: 8, found: version, expected: VERSION });
        }
        let page = u64::from(u32_at(bytes, 12));
        if !page.is_power_of_two() || !(MIN_PAGE..=1 << 20).contains(&page) {
            return Err(Refusal::malformed(12, "page size is none"));
        }
        let pid = u32::try_from(u64_at(bytes, 16))
            .ok()
            .filter(|&pid| pid > 0 && i32::try_from(pid).is_ok())
            .ok_or(Refusal::malformed(16, "process id is out of range"))?;
        let argument_bytes = u32_at(bytes, 60) as usize;
        let arguments = bytes
            .get(ARGUMENTS_AT..HEADER_BYTES)
            .and_then(|room| room.get(..argument_bytes))
            .ok_or(Refusal::malformed(60, "arguments are longer than their room"))?;
        let go_version = bytes.get(GO_VERSION_AT..ARGUMENTS_AT).unwrap_or_default();
        let go_version = go_version.split(|&byte| byte == 0).next().unwrap_or_default();
        Ok(Self {
            page,
            pid,
            created_ns: u64_at(bytes, 24),
            created_boot_ns: u64_at(bytes, 32),
            pid_namespace: u32_at(bytes, 84),
            go_version: String::from_utf8_lossy(go_version).into_owned(),
            arguments: split_arguments(arguments),
        })
    }

    /// Where the first region starts.
    pub(super) fn first_region(&self) -> u64 {
        self.page.max(MIN_PAGE)
    }
}

fn split_arguments(bytes: &[u8]) -> Vec<String> {
    let bytes = bytes.strip_suffix(&[0]).unwrap_or(bytes);
    if bytes.is_empty() {
        return Vec::new();
    }
    bytes
        .split(|&byte| byte == 0)
        .take(limits::ARGUMENTS)
        .map(|argument| String::from_utf8_lossy(argument).into_owned())
        .collect()
}

/// The fields of the header that change while the target runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Progress {
    /// Packages whose regions are complete.
    pub n_packages: u32,
    /// Packages that count in plain memory, where nobody sees it.
    pub n_unmapped: u32,
    /// The clock, in Unix milliseconds: when a collector read the file last; 0 for never.
    pub clock_ms: u64,
    /// Flow shards and events per shard.
    pub flow_shape: (u32, u32),
    /// Whether the flow file is there.
    pub flow_ready: bool,
}

impl Progress {
    /// The fields in the [`PROGRESS_BYTES`] from [`PROGRESS_AT`].
    pub(super) fn parse(bytes: &[u8]) -> Self {
        Self {
            n_packages: u32_at(bytes, 8),
            n_unmapped: u32_at(bytes, 12),
            clock_ms: u64_at(bytes, 24),
            flow_shape: (u32_at(bytes, 32), u32_at(bytes, 36)),
            flow_ready: u32_at(bytes, 40) == 1,
        }
    }
}

/// The header of one package's region.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct RegionHeader {
    /// Where the next region starts.
    pub end: u64,
    /// Where counter 0 stands.
    pub counters_at: u64,
    /// Number of counters.
    pub n_counters: usize,
    /// Where mode word 0 stands.
    pub modes_at: u64,
    /// Number of mode words.
    pub n_entries: usize,
    /// Where the table stands.
    pub table_at: u64,
    /// Length of the table in bytes.
    pub table_bytes: usize,
    /// Hash of the table.
    pub table: TableId,
}

impl RegionHeader {
    /// The header of a region that starts at `start`, in a file of `file_bytes`.
    pub(super) fn parse(
        bytes: &[u8; REGION_BYTES],
        start: u64,
        page: u64,
        file_bytes: u64,
    ) -> Result<Self, Refusal> {
        let length = u64_at(bytes, 0);
        let end = start.saturating_add(length);
        if length == 0 || !length.is_multiple_of(page) {
            return Err(Refusal::malformed(start, "region is no whole number of pages"));
        }
        if end > file_bytes {
            return Err(Refusal::malformed(start, "region reaches beyond the file"));
        }
        let (n_counters, n_entries) = (u32_at(bytes, 16) as usize, u32_at(bytes, 20) as usize);
        if n_counters > limits::UNITS {
            return Err(Refusal::limit(start + 16, "number of counters", limits::UNITS));
        }
        if n_entries > n_counters {
            return Err(Refusal::malformed(start + 20, "more entries than counters"));
        }
        let table_bytes = u32_at(bytes, 32) as usize;
        if table_bytes > limits::TABLE_BYTES {
            return Err(Refusal::limit(start + 32, "unit table", limits::TABLE_BYTES));
        }
        let table_at = start + REGION_BYTES as u64;
        let table_end = table_at + table_bytes as u64;
        if table_end > end {
            return Err(Refusal::malformed(start + 32, "unit table reaches beyond its region"));
        }
        let mut table = [0; 16];
        table.copy_from_slice(&bytes[40..56]);
        let header = Self {
            end,
            counters_at: u64_at(bytes, 8),
            n_counters,
            modes_at: u64_at(bytes, 24),
            n_entries,
            table_at,
            table_bytes,
            table: TableId(table),
        };
        let inside = |at: u64, n: usize| {
            at.is_multiple_of(8) && at >= table_end && at.saturating_add(8 * n as u64) <= end
        };
        if n_counters > 0 && !inside(header.counters_at, n_counters) {
            return Err(Refusal::malformed(start + 8, "counters are not inside their region"));
        }
        if n_entries > 0 && !inside(header.modes_at, n_entries) {
            return Err(Refusal::malformed(start + 24, "mode words are not inside their region"));
        }
        let (counters_end, modes_end) = (
            header.counters_at.saturating_add(8 * n_counters as u64),
            header.modes_at.saturating_add(8 * n_entries as u64),
        );
        if n_entries > 0 && header.modes_at < counters_end && header.counters_at < modes_end {
            return Err(Refusal::malformed(start + 24, "mode words and counters overlap"));
        }
        Ok(header)
    }
}

/// Shape of a flow file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct FlowShape {
    /// Number of rings; a power of two.
    pub shards: u32,
    /// Events in each; a power of two.
    pub capacity: u32,
}

impl FlowShape {
    /// Bytes from one shard to the next.
    pub(super) fn stride(self) -> u64 {
        (SHARD_HEADER_BYTES + u64::from(self.capacity) * EVENT_BYTES as u64).next_multiple_of(64)
    }

    /// Length of the file in bytes.
    pub(super) fn file_bytes(self) -> u64 {
        self.shard_at(self.shards)
    }

    /// Where a shard starts.
    pub(super) fn shard_at(self, shard: u32) -> u64 {
        FLOW_HEADER_BYTES + self.stride() * u64::from(shard)
    }

    /// The header of a flow file of this shape.
    pub(super) fn header(self) -> [u8; 16] {
        let mut bytes = [0; 16];
        bytes[..8].copy_from_slice(FLOW_MAGIC);
        bytes[8..12].copy_from_slice(&self.shards.to_le_bytes());
        bytes[12..].copy_from_slice(&self.capacity.to_le_bytes());
        bytes
    }
}

/// The `u32` at `offset`; 0 where the bytes end before it does.
pub(super) fn u32_at(bytes: &[u8], offset: usize) -> u32 {
    bytes
        .get(offset..offset + 4)
        .and_then(|word| word.try_into().ok())
        .map_or(0, u32::from_le_bytes)
}

/// The `u64` at `offset`; 0 where the bytes end before it does.
pub(super) fn u64_at(bytes: &[u8], offset: usize) -> u64 {
    bytes
        .get(offset..offset + 8)
        .and_then(|word| word.try_into().ok())
        .map_or(0, u64::from_le_bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_names_that_a_target_writes_are_read() {
        let name = FileName { uid: 1000, pid: 42, created_ns: 0x18ab };
        assert_eq!(FileName::parse("coverglass.1000.42.18ab"), Some(name));
        for text in [
            "coverglass.1000.42.18AB",
            "coverglass.1000.042.18ab",
            "coverglass.+1000.42.18ab",
            "coverglass.1000.0.18ab",
            "coverglass.1000.42.18ab.flow",
            "coverglass.1000.42.",
            "coverglass.1000.42",
            "coverglass.1000.4294967296.1",
            "Coverglass.1000.42.18ab",
        ] {
            assert_eq!(FileName::parse(text), None, "{text}");
        }
    }

    #[test]
    fn arguments_end_with_their_nul() {
        assert_eq!(split_arguments(b""), Vec::<String>::new());
        assert_eq!(split_arguments(b"a\0\0c\0"), ["a", "", "c"]);
        assert_eq!(split_arguments(b"a\0cut"), ["a", "cut"]);
    }

    #[test]
    fn regions_stay_inside_the_file() {
        let mut bytes = [0; REGION_BYTES];
        bytes[..8].copy_from_slice(&8192u64.to_le_bytes());
        bytes[8..16].copy_from_slice(&8192u64.to_le_bytes());
        bytes[16..20].copy_from_slice(&512u32.to_le_bytes());
        assert!(RegionHeader::parse(&bytes, 4096, 4096, 12288).is_ok());
        let error = |bytes: &[u8; REGION_BYTES], size| {
            RegionHeader::parse(bytes, 4096, 4096, size).unwrap_err().to_string()
        };
        assert_eq!(error(&bytes, 12287), "byte 4096: region reaches beyond the file");
        bytes[16] = 1;
        bytes[17] = 2;
        assert_eq!(error(&bytes, 12288), "byte 4104: counters are not inside their region");
        bytes[8..16].copy_from_slice(&u64::MAX.to_le_bytes());
        assert_eq!(error(&bytes, 12288), "byte 4104: counters are not inside their region");
        bytes[..8].copy_from_slice(&u64::MAX.to_le_bytes());
        assert_eq!(error(&bytes, 12288), "byte 4096: region is no whole number of pages");
    }
}
