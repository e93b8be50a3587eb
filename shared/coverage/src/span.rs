//! Places in source text.

use std::fmt;

/// A place in a source file: 1-based line, 1-based column in bytes. Orders by line, then column.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Position {
    /// 1-based line.
    pub line: u32,
    /// 1-based column, in bytes from the start of the line.
    pub column: u32,
}

/// A range of source text, `start..end`, end exclusive. Orders by start, then end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Span {
    /// First byte of the range.
    pub start: Position,
    /// First byte after the range.
    pub end: Position,
}

impl Span {
    /// A span from 1-based lines and byte columns.
    pub fn new(start_line: u32, start_column: u32, end_line: u32, end_column: u32) -> Self {
        Self {
            start: Position { line: start_line, column: start_column },
            end: Position { line: end_line, column: end_column },
        }
    }

    /// A whole line, with its end.
    pub fn line(number: u32) -> Self {
        Self::new(number, 1, number.saturating_add(1), 1)
    }

    /// The number of the line that this is the whole of.
    pub fn as_line(self) -> Option<u32> {
        (self == Self::line(self.start.line)).then_some(self.start.line)
    }

    /// The last line that it touches: it may end in the first column of the next.
    pub fn last_line(self) -> u32 {
        match self.end.column {
            0 | 1 if self.end.line > self.start.line => self.end.line - 1,
            _ => self.end.line,
        }
    }

    /// Whether a text has the span's places. `line_bytes` is the length of a line of it, counted
    /// from 1, without the line's end.
    pub fn lies_in(self, line_bytes: impl Fn(u32) -> Option<usize>) -> bool {
        let has = |line, column: u32| {
            line_bytes(line).is_some_and(|bytes| column as usize <= bytes.saturating_add(1))
        };
        let last = self.last_line();
        let end = if last == self.end.line { self.end.column } else { 1 };
        has(self.start.line, self.start.column) && has(last, end)
    }
}

/// `line.column`, as Go's text profiles write it.
impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.line, self.column)
    }
}

/// `line.column,line.column`, as Go's text profiles write it.
impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{},{}", self.start, self.end)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_span_lies_in_a_text_that_has_its_places() {
        let lines = ["package a", "", "func F() { }"];
        let bytes = |line: u32| lines.get(line.checked_sub(1)? as usize).map(|line| line.len());
        for span in [Span::new(3, 10, 3, 13), Span::new(1, 1, 3, 1), Span::line(3), Span::line(2)] {
            assert!(span.lies_in(bytes), "{span}");
        }
        for span in [Span::new(3, 10, 3, 14), Span::new(3, 1, 4, 2), Span::line(4), Span::line(0)] {
            assert!(!span.lies_in(bytes), "{span}");
        }
    }
}
