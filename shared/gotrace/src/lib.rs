//! Go execution traces, as `runtime/trace`, `go test -trace`, `/debug/pprof/trace` and the flight
//! recorder write them: bytes in, ordered events and timelines out.
//!
//! A trace is a row of **generations** of about a second. Each stands for itself: its threads'
//! batches of events, and the tables of strings and stacks that they refer to.
//!
//! ```text
//! trace      := "go 1.NN trace" 0 0 0 · generation*
//! generation := batch* · 52 (from Go 1.26 on)
//! batch      := 1 · generation uleb · thread uleb · ticks uleb · size uleb · size bytes
//! bytes      := 4 string* | 2 stack* | 6 sample* | clock | event*
//! event      := type u8 · ticks since the one before uleb · up to four arguments uleb
//! ```
//!
//! [`Reader`] puts the events in order, as Go's own reader does, and tells what a damaged file
//! lacks instead of refusing it.
//!
//! Versions 22 to 26 of the format are read, which Go 1.22 to 1.27 write. What they can't tell:
//! which channel an operation was on, its value, and operations that did not block.
//!
//! Not here: files, sockets, and what a trace looks like on a screen.

#![deny(clippy::indexing_slicing, clippy::cast_possible_truncation)]
#![cfg_attr(test, allow(clippy::indexing_slicing))]

pub mod channels;
mod cursor;
pub mod error;
pub mod event;
pub mod facts;
mod generation;
mod ids;
pub mod joined;
pub mod limits;
pub mod messages;
pub mod names;
mod order;
pub mod pieces;
mod raw;
mod reader;
mod scheduler;
mod sort;
pub mod trace;
pub mod wake;

pub use channels::{Channels, ChannelsError};
pub use error::{Loss, Losses, TraceError};
pub use event::{Event, What};
pub use generation::Clock;
pub use names::{Frame, FrameId, Names, StackId, StringId};
pub use pieces::{Piece, Pieces};
pub use raw::type_name;
pub use reader::Reader;
pub use trace::Trace;
pub use wake::Wake;
