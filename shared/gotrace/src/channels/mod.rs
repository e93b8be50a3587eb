//! Operations on channels, as programs record them that were built by `coverglass build
//! --channels`.
//!
//! A file is version 1; all numbers are little endian.
//!
//! ```text
//! file   := "CGCHAN1" 0 · 8 version u32 · 12 chunks u32 · 16 chunk bytes u32 · 20 record bytes u32
//!           24 pid · 32 wall clock ns · 40 the trace's clock then, ns · 48 chunks ever begun
//!           56 records lost · 72 Go version, up to 31 bytes · … 4096: chunk*
//! chunk  := 0 serial + 1 · 8 n u32: 0 records, else the first of n chunks with sites
//!           12 bytes u32 · 16 first site u32 · 20 sites u32 · from 72 on: record* or site*
//! record := 0 serial << 16 + index + 1 · 8 goroutine · 16 channel · 24 end, ns · 32 value bits
//!           40 site u32 · 44 duration in 64 ns u32, 0: unknown · 48 capacity u32 · 52 length u32
//!           56 what u8 · kind u8 · flags u16 · 60 size of the text u32 · 64 its first 8 bytes
//! text   := 0 as a record · 8 its first 48 bytes · 56 6 u8, 0 u8, flags u16: 1 if it is cut ·
//!           60 size u32 · 64 the last 8 bytes; a record with flag 32 has its number at 64
//! site   := what u8 · line uleb · column uleb · file str · function str · type str
//! ```
//!
//! A record is whole if its number is the one of its place. Chunks are taken in turns, so the
//! oldest are overwritten. The clock is that of the trace.

use std::collections::BTreeMap;
use std::fmt;

use thiserror::Error;

use crate::event::GoId;

mod read;
mod run;

pub use read::ChannelsReader;
pub use run::Stranger;

/// Bytes that are no file of channel operations. Reads well after "cannot read FILE: ".
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum ChannelsError {
    /// The first bytes are others.
    #[error("byte 0: this is no file of channel operations, which starts with `CGCHAN1`")]
    NoChannels,
    /// A version that is not known.
    #[error("byte 8: version {0} is not read: a newer Coverglass wrote this")]
    Version(u32),
    /// Sizes that the version does not have.
    #[error("byte {place}: {what} {found} instead of {expected}")]
    Shape {
        /// Offset of the number.
        place: u64,
        /// What it is.
        what: &'static str,
        /// What it says.
        found: u32,
        /// What it has to say.
        expected: u32,
    },
}

/// What an operation did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Did {
    /// Sent a value.
    Send = 1,
    /// Received one, or learned that there are no more.
    Receive = 2,
    /// Closed the channel.
    Close = 3,
    /// Made the channel.
    Make = 4,
    /// Nothing: a select took its default case.
    Default = 5,
}

impl Did {
    /// Its name, for people.
    pub fn name(self) -> &'static str {
        match self {
            Self::Send => "send",
            Self::Receive => "receive",
            Self::Close => "close",
            Self::Make => "make",
            Self::Default => "default",
        }
    }

    fn of(code: u8) -> Option<Self> {
        [Self::Send, Self::Receive, Self::Close, Self::Make, Self::Default]
            .into_iter()
            .find(|did| *did as u8 == code)
    }
}

/// What is known of a value. Equal values have equal bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Value {
    /// What it is.
    pub kind: Kind,
    /// Itself, where it has no more than 64 bits; otherwise a mixture.
    pub bits: u64,
    /// Bytes of a string.
    pub size: u32,
    /// The first of these.
    pub text: [u8; 8],
    /// Number of what it is in words, in [`Channels::texts`]; 0 where nobody asked for that.
    pub told: u64,
}

/// What a value is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Kind {
    /// Nobody looked at it.
    #[default]
    Unknown,
    /// An integer with a sign.
    Int,
    /// An integer without one.
    Uint,
    /// A boolean.
    Bool,
    /// A number with a fraction.
    Float,
    /// A string.
    Text,
    /// A pointer, channel, map or function.
    Pointer,
    /// Anything else: of this there are only the bits.
    Other,
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.kind {
            Kind::Unknown => f.write_str("?"),
            Kind::Int => write!(f, "{}", self.bits.cast_signed()),
            Kind::Uint => write!(f, "{}", self.bits),
            Kind::Bool => write!(f, "{}", self.bits != 0),
            Kind::Float => write!(f, "{}", f64::from_bits(self.bits)),
            Kind::Pointer if self.bits == 0 => f.write_str("nil"),
            Kind::Pointer => write!(f, "0x{:x}", self.bits),
            Kind::Text => {
                let known = self.text.get(..self.size.min(8) as usize).unwrap_or(&[]);
                let text = String::from_utf8_lossy(known);
                // A character may be cut at the end.
                let text = if self.size > 8 { text.trim_end_matches('\u{fffd}') } else { &*text };
                write!(f, "{text:?}")?;
                if self.size > 8 { write!(f, "… ({} bytes)", self.size) } else { Ok(()) }
            }
            Kind::Other => write!(f, "#{:x}", self.bits),
        }
    }
}

/// A value in words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Text {
    /// As many as there was room for.
    pub words: String,
    /// There are more.
    pub cut: bool,
}

/// A place in the source where operations happen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Site {
    /// What happens there.
    pub did: Did,
    /// Line, from 1.
    pub line: u32,
    /// Column in bytes, from 1.
    pub column: u32,
    /// The source file, as stacks of the trace name it.
    pub file: String,
    /// The function declaration around; empty outside of any.
    pub function: String,
    /// Type of the channel, as in `chan int`; empty for a default case.
    pub channel: String,
}

/// An operation on a channel that was completed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Operation {
    /// The goroutine.
    pub goroutine: GoId,
    /// Address of the channel, which is another channel's once this one is gone; 0 for none.
    pub channel: u64,
    /// A time before it happened, by the trace's clock in ns; `None` where the channel was ready
    /// and nobody looked at the clock.
    pub begin: Option<i64>,
    /// A time after it happened.
    pub end: i64,
    /// What it did.
    pub did: Did,
    /// It was chosen in a select.
    pub select: bool,
    /// It is one of a range clause.
    pub range: bool,
    /// Of a receive: whether there was a value, where the program asks.
    pub ok: Option<bool>,
    /// The value that was sent or received. Of a default case: how often in a row.
    pub value: Value,
    /// Number of the place; see [`Channels::sites`].
    pub site: u32,
    /// How many values the channel holds at most.
    pub capacity: u32,
    /// How many it held right after.
    pub length: u32,
}

/// What a program recorded.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Channels {
    /// What was done, by end.
    pub operations: Vec<Operation>,
    /// Places, by number.
    pub sites: BTreeMap<u32, Site>,
    /// Values in words, where the program was to tell them.
    pub texts: BTreeMap<u64, Text>,
    /// Operations that are not there: overwritten, or without room.
    pub lost: u64,
    /// Records that were not finished, or are none.
    pub torn: u64,
    /// Process id.
    pub pid: u64,
    /// Wall clock when it began to record, in ns.
    pub wall: u64,
    /// The trace's clock at that moment.
    pub mono: u64,
    /// Version of Go that built it.
    pub go_version: String,
}

impl Channels {
    /// Whether bytes look like such a file.
    pub fn sniff(bytes: &[u8]) -> bool {
        bytes.starts_with(read::MAGIC)
    }

    /// Reads a file, also one that is still written to.
    ///
    /// # Errors
    /// The bytes are something else, or of another version.
    pub fn read(bytes: &[u8]) -> Result<Self, ChannelsError> {
        read::read(bytes)
    }

    /// A value in words: those that the program told, if it did.
    pub fn words(&self, value: &Value) -> String {
        match (self.texts.get(&value.told), value.kind) {
            (None, _) => value.to_string(),
            (Some(Text { words, cut: false }), Kind::Text) => format!("{words:?}"),
            (Some(Text { words, cut: true }), Kind::Text) => {
                format!("{words:?}… ({} bytes)", value.size)
            }
            (Some(Text { words, cut: false }), _) => words.clone(),
            (Some(Text { words, cut: true }), _) => format!("{words}…"),
        }
    }

    /// The place of an operation.
    pub fn site(&self, operation: &Operation) -> Option<&Site> {
        self.sites.get(&operation.site)
    }
}
