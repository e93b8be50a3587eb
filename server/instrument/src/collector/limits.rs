//! Bounds on what the collector takes from a target, or does in one poll.

/// Largest shared-memory file, in bytes.
pub(super) const FILE_BYTES: u64 = 4 << 30;
/// Most units of one process, over all its packages.
pub(super) const PROCESS_UNITS: usize = 16 << 20;
/// Most processes watched at once, which takes as many file descriptors; the files of others wait
/// until one of these ends.
pub(super) const PROCESSES: usize = 256;
/// Most files opened in one poll.
pub(super) const ADOPTIONS: usize = 64;
/// Most names of refused files remembered; beyond, a new file is not opened at all.
pub(super) const REFUSED: usize = 4096;
/// Most units whose counts one poll reports; the rest waits for the next, which loses nothing
/// because counts are cumulative.
pub(super) const POLL_UNITS: usize = 256 << 10;
/// Bytes of unit tables after which one poll reads no further package.
pub(super) const POLL_TABLE_BYTES: usize = 16 << 20;
/// Most flow events of one process that one poll reports.
pub(super) const POLL_FLOW_EVENTS: usize = 4096;
/// Most flow shards, and most events in each.
pub(super) const FLOW_SHARDS: u32 = 64;
/// See [`FLOW_SHARDS`].
pub(super) const FLOW_CAPACITY: u32 = 1 << 16;
/// Most source paths remembered for looking sources up in the configured folders.
pub(super) const SOURCE_PATHS: usize = 1 << 16;
/// Most bytes of a process's memory map that are searched for a file's name.
pub(super) const MAP_BYTES: u64 = 16 << 20;
