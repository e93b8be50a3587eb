//! Bounds on what is taken from a process that is attached to, and from its binary.

/// Largest binary, in bytes.
pub(super) const BINARY_BYTES: u64 = 8 << 30;
/// Largest section of a binary that is read, in bytes.
pub(super) const SECTION_BYTES: u64 = 512 << 20;
/// Largest counter section, in bytes.
pub(super) const COUNTER_BYTES: u64 = 256 << 20;
/// Bytes of a process's environment or memory map that are read.
pub(super) const PROC_BYTES: u64 = 16 << 20;
/// Largest file that a `-cover` binary leaves, in bytes.
pub(super) const LEFT_BYTES: u64 = 1 << 30;
/// Most folders of sources that are looked at to find out which module they are of.
pub(super) const FOLDERS: usize = 4096;
/// Bytes of a `go.mod` that are read.
pub(super) const GO_MOD_BYTES: u64 = 1 << 20;
/// Bytes of package meta-data after which a poll reads no further package.
pub(super) const POLL_BLOB_BYTES: usize = 16 << 20;
