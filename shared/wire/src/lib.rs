//! What travels between collector, relay and browser: unit tables and frames.
//!
//! A **table** ([`Table`]) is the structure of one package as it was built: files, functions,
//! units, and where flow tracing can be switched. Its id is a hash of its bytes, so builds that
//! differ never merge by accident and replicas of one build merge by themselves.
//!
//! **Details** ([`details`]) are what a profile from files holds besides units: branches, contexts,
//! totals of all metrics.
//!
//! A **whole profile** ([`whole`]) is all that one holds, for keeping and handing on.
//!
//! A **frame** is one message of the live protocol. A WebSocket message carries one or more:
//!
//! ```text
//! message := frame*            frame := kind u8 · length uleb · body (length bytes)
//! uleb    := unsigned LEB128, at most 10 bytes      str := length uleb · UTF-8 bytes
//! ```
//!
//! A reader skips kinds that it doesn't know and ignores bytes after a body's last known field,
//! so both may be added without a new [`VERSION`]. Everything else bumps it; see `CHANGES.md`.
//!
//! Counts on the wire are *cumulative* since the process started (or was reset): a frame that is
//! sent twice, late or merged with its successors says nothing false.
//!
//! Decoding trusts nothing: each length is checked against the bytes that are left and against
//! [`limits`] before anything is allocated, and an error names the byte where it stopped.
//!
//! Not here: sockets, clocks, and who may send what when.

#![deny(clippy::indexing_slicing, clippy::cast_possible_truncation)]
#![cfg_attr(test, allow(clippy::indexing_slicing))]

pub mod codec;
pub mod details;
pub mod frame;
pub mod limits;
pub mod table;
pub mod whole;

pub use codec::WireError;
pub use frame::{AgentToRelay, RelayToAgent, RelayToViewer};
pub use table::{SourceId, Table, TableId};

/// Version of frames and tables. Peers of different versions don't talk.
pub const VERSION: u32 = 1;
