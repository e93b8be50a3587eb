//! The units of a shape, as columns.

use std::ops::Range;

use crate::{Span, UnitKind};

/// What is known of a unit besides its function.
pub(crate) type Row = (UnitKind, Span, u32);

/// Units in counter order. Where all are lines a number tells everything of each: a report of
/// millions of them takes a fifth of the memory, and as much less time to be made.
///
/// [`Self::Any`] holds at least one that is no line, so that equal units are equal here too.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Units {
    /// Numbers of lines.
    Lines(Vec<u32>),
    /// Any kinds.
    Any(Columns),
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Columns {
    kinds: Vec<UnitKind>,
    spans: Vec<Span>,
    statements: Vec<u32>,
}

impl Default for Units {
    fn default() -> Self {
        Self::Lines(Vec::new())
    }
}

impl Units {
    pub(crate) fn len(&self) -> usize {
        match self {
            Self::Lines(numbers) => numbers.len(),
            Self::Any(columns) => columns.spans.len(),
        }
    }

    pub(crate) fn kind(&self, at: usize) -> UnitKind {
        match self {
            Self::Lines(_) => UnitKind::Line,
            Self::Any(columns) => columns.kinds[at],
        }
    }

    pub(crate) fn span(&self, at: usize) -> Span {
        match self {
            Self::Lines(numbers) => Span::line(numbers[at]),
            Self::Any(columns) => columns.spans[at],
        }
    }

    pub(crate) fn statements(&self, at: usize) -> u32 {
        match self {
            Self::Lines(_) => 1,
            Self::Any(columns) => columns.statements[at],
        }
    }

    /// The kinds that there are, in counter order.
    pub(crate) fn kinds(&self) -> impl Iterator<Item = UnitKind> {
        (0..self.len()).map(|at| self.kind(at))
    }

    /// Whether units here are those there one by one.
    pub(crate) fn are_same(&self, own: Range<usize>, other: &Self, theirs: Range<usize>) -> bool {
        match (self, other) {
            (Self::Lines(own_numbers), Self::Lines(numbers)) => own_numbers[own] == numbers[theirs],
            _ => {
                own.len() == theirs.len()
                    && own.zip(theirs).all(|(a, b)| self.row(a) == other.row(b))
            }
        }
    }

    fn row(&self, at: usize) -> Row {
        (self.kind(at), self.span(at), self.statements(at))
    }

    pub(crate) fn push(&mut self, row: Row) {
        match self {
            Self::Any(columns) => columns.push(row),
            Self::Lines(numbers) if row == line(row.1.start.line) => {
                numbers.push(row.1.start.line);
            }
            Self::Lines(numbers) => {
                let mut columns = Columns::default();
                numbers.iter().copied().map(line).for_each(|row| columns.push(row));
                columns.push(row);
                *self = Self::Any(columns);
            }
        }
    }

    /// Adds lines.
    pub(crate) fn extend_lines(&mut self, added: impl Iterator<Item = u32>) {
        match self {
            Self::Lines(numbers) => numbers.extend(added),
            Self::Any(columns) => added.map(line).for_each(|row| columns.push(row)),
        }
    }
}

impl Columns {
    fn push(&mut self, (kind, span, statements): Row) {
        self.kinds.push(kind);
        self.spans.push(span);
        self.statements.push(statements);
    }
}

/// A line as any other unit.
fn line(number: u32) -> Row {
    (UnitKind::Line, Span::line(number), 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_what_they_were_when_others_come() {
        let block = (UnitKind::Block, Span::new(1, 2, 3, 4), 5);
        let mut units = Units::default();
        units.push(line(7));
        units.extend_lines([8, 9].into_iter());
        let lines = units.clone();
        units.push(block);
        units.extend_lines([10].into_iter());
        let rows: Vec<_> = (0..units.len()).map(|at| units.row(at)).collect();
        assert_eq!(rows, [line(7), line(8), line(9), block, line(10)]);
        assert_eq!(lines.row(2), line(9));
        assert_eq!(lines.kinds().collect::<Vec<_>>(), [UnitKind::Line; 3]);
        let mut one_by_one = Units::default();
        rows.into_iter().for_each(|row| one_by_one.push(row));
        assert_eq!(one_by_one, units);
        assert!(units.are_same(0..3, &lines, 0..3) && !units.are_same(1..4, &lines, 0..3));
    }
}
