//! Why bytes could not be read.

use std::borrow::Cow;
use std::fmt;

use thiserror::Error;

/// Why bytes could not be read: whose fault, where, and the reason. Reads well after
/// "cannot read FILE: ".
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{place}{reason}")]
pub struct ReadError {
    /// Whose fault it is.
    pub fault: Fault,
    /// Where in the input.
    pub place: Place,
    /// What is wrong there: a fragment in lower case, no full stop.
    pub reason: Cow<'static, str>,
}

/// Whose fault an error is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// The input breaks the rules of its format.
    Malformed,
    /// The input is legal, but of a kind that is not read here.
    Unsupported,
    /// The input is larger than is allowed.
    Limit,
}

/// A place in an input.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// The input as a whole.
    Whole,
    /// Offset of a byte from the first one, which is 0.
    Byte(usize),
    /// A line of text; the first is 1.
    Line(usize),
    /// A column of a line of text, in bytes; the first of each is 1.
    Column(usize, usize),
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Whole => Ok(()),
            Self::Byte(offset) => write!(f, "byte {offset}: "),
            Self::Line(line) => write!(f, "line {line}: "),
            Self::Column(line, column) => write!(f, "line {line}, column {column}: "),
        }
    }
}

impl ReadError {
    /// The input breaks its format.
    pub fn malformed(place: Place, reason: impl Into<Cow<'static, str>>) -> Self {
        Self { fault: Fault::Malformed, place, reason: reason.into() }
    }

    /// The input is legal, but not read here.
    pub fn unsupported(place: Place, reason: impl Into<Cow<'static, str>>) -> Self {
        Self { fault: Fault::Unsupported, place, reason: reason.into() }
    }

    /// The input is too large.
    pub fn limit(place: Place, reason: impl Into<Cow<'static, str>>) -> Self {
        Self { fault: Fault::Limit, place, reason: reason.into() }
    }

    /// A count of this is below zero, which no count of anything that ran is: a counter wrapped,
    /// or was overwritten.
    pub(crate) fn negative(
        place: Place,
        what: impl fmt::Display,
        count: impl fmt::Display,
    ) -> Self {
        let why = "is below zero: its counter wrapped or was overwritten";
        Self::malformed(place, format!("{what}: count {count} {why}"))
    }

    /// The error of a part that starts `base` bytes into the whole.
    pub(crate) fn shifted(mut self, base: usize) -> Self {
        if let Place::Byte(offset) = &mut self.place {
            *offset = offset.saturating_add(base);
        }
        self
    }
}
