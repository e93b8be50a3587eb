//! Bounds on what a peer may send. A frame beyond them is refused as a whole.

/// Longest WebSocket message, in bytes.
pub const MESSAGE_BYTES: usize = 64 << 20;
/// Longest encoded [`Table`](crate::Table), in bytes.
pub const TABLE_BYTES: usize = 16 << 20;
/// Longest source file, in bytes.
pub const SOURCE_BYTES: usize = 8 << 20;
/// Longest string, in bytes.
pub const STRING_BYTES: usize = 64 << 10;
/// Most command-line arguments kept of a process.
pub const ARGUMENTS: usize = 64;
/// Most packages of a process.
pub const PACKAGES: usize = 1 << 16;
/// Most units of a package.
pub const UNITS: usize = 4 << 20;
/// Longest header of an execution trace, in bytes.
pub const TRACE_HEADER: usize = 64;
/// Longest piece of an execution trace, in bytes.
pub const TRACE_PIECE: usize = 4 << 20;
/// Most flow events in a frame.
pub const FLOW_EVENTS: usize = 1 << 16;
