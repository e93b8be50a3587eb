//! Bounds on what a trace may claim. The first three are the runtime's own.

/// Longest batch, in bytes.
pub const BATCH_BYTES: u64 = 64 << 10;
/// Most frames of a stack.
pub const STACK_FRAMES: u64 = 128;
/// Longest string, in bytes.
pub const STRING_BYTES: u64 = 1 << 10;
/// Most events that may wait for others before order is made by time alone, as a multiple of the
/// events of a generation: what a damaged file may cost.
pub const TRIES_PER_EVENT: usize = 64;
/// Most losses that are told one by one; the rest is counted.
pub const LOSSES: usize = 64;
/// Ids of goroutines, processors and threads from this on are kept in a map, not in a table.
pub const DENSE_IDS: u64 = 1 << 20;
/// The same for strings and stacks.
pub const TABLE_IDS: u64 = 1 << 24;
/// Ids of strings and stacks below this may be in a table, however short what is read of them is;
/// others only where it has as many bytes.
pub const FEW_IDS: u64 = 1 << 8;
