//! Why bytes are no trace, and what of a damaged one was lost.

use std::borrow::Cow;
use std::fmt;

use thiserror::Error;

use crate::limits;

/// Bytes that can't be read as a trace at all. Reads well after "cannot read FILE: ".
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum TraceError {
    /// The first bytes are not those of a trace.
    #[error("byte 0: this is no Go execution trace, which starts with `go 1.NN trace`")]
    NoTrace,
    /// The trace is of a version before the format of Go 1.22.
    #[error(
        "byte 0: this trace is in the format of Go 1.{0}, which is not read: \
         record it with a program built by Go 1.22 or later"
    )]
    Old(u32),
    /// The header is there, but nothing that follows it could be read.
    #[error("byte {place}: the trace holds no events: {reason}")]
    Empty {
        /// Bytes before the end.
        place: u64,
        /// What stands in the way.
        reason: Cow<'static, str>,
    },
}

/// A part of a trace that is not as its version promises. What is around it was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Loss {
    /// Offset of the first byte concerned, from the start of the file.
    pub byte: u64,
    /// The generation it was found in; 0 where there is none yet.
    pub generation: u64,
    /// What is wrong, and what was made of it: a fragment in lower case.
    pub what: Cow<'static, str>,
}

impl fmt::Display for Loss {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "byte {}, generation {}: {}", self.byte, self.generation, self.what)
    }
}

/// What was lost of a trace, in the order in which it was met.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Losses {
    told: Vec<Loss>,
    untold: u64,
    /// Events that are in the file, but could not be placed.
    pub events: u64,
    /// Bytes that belong to no batch.
    pub bytes: u64,
    /// Events whose order is that of their clocks alone.
    pub by_clock: u64,
}

impl Losses {
    /// Nothing was lost, and all is in its order.
    pub fn is_empty(&self) -> bool {
        self.told.is_empty() && self.events == 0 && self.bytes == 0
    }

    /// The first [`limits::LOSSES`].
    pub fn told(&self) -> &[Loss] {
        &self.told
    }

    /// How many more there are.
    pub fn untold(&self) -> u64 {
        self.untold
    }

    pub(crate) fn tell(&mut self, byte: u64, generation: u64, what: impl Into<Cow<'static, str>>) {
        if self.told.len() < limits::LOSSES {
            self.told.push(Loss { byte, generation, what: what.into() });
        } else {
            self.untold = self.untold.saturating_add(1);
        }
    }
}
