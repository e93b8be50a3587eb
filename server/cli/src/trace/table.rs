//! Rows of text in columns, and rows of JSON.

use std::io::{BufWriter, ErrorKind, Write};

use anyhow::{Context, Result};
use serde_json::Value;

/// A table: the first row holds the names of its columns. All cells are one text, since there may
/// be millions.
pub(super) struct Table {
    columns: Vec<Column>,
    widths: Vec<usize>,
    cells: String,
    ends: Vec<usize>,
}

/// A column's name, and which way it leans.
pub(super) enum Column {
    /// Words, from the left.
    Words(&'static str),
    /// Numbers, to the right.
    Numbers(&'static str),
}

use Column::{Numbers, Words};

impl Table {
    /// A table without rows.
    pub(super) fn new(columns: Vec<Column>) -> Self {
        let names: Vec<_> = columns.iter().map(|(Words(name) | Numbers(name))| *name).collect();
        let widths = vec![0; columns.len()];
        let mut table = Self { columns, widths, cells: String::new(), ends: Vec::new() };
        table.add(names);
        table
    }

    /// Adds a row: a cell for each column.
    pub(super) fn add<S: AsRef<str>>(&mut self, row: impl IntoIterator<Item = S>) {
        for (cell, width) in row.into_iter().zip(&mut self.widths) {
            let cell = cell.as_ref();
            *width = cell.chars().count().max(*width);
            self.cells += cell;
            self.ends.push(self.cells.len());
        }
    }

    /// The lines, the first with the names.
    pub(super) fn lines(&self) -> impl Iterator<Item = String> {
        let mut begin = 0;
        self.ends.chunks(self.columns.len().max(1)).map(move |ends| {
            let mut line = String::new();
            for ((end, column), &width) in ends.iter().zip(&self.columns).zip(&self.widths) {
                let cell = self.cells.get(begin..*end).unwrap_or_default();
                begin = *end;
                line += &match column {
                    Words(_) => format!("{cell:width$}  "),
                    Numbers(_) => format!("{cell:>width$}  "),
                };
            }
            line.truncate(line.trim_end().len());
            line
        })
    }

    /// All lines as one text.
    pub(super) fn text(&self) -> String {
        self.lines().flat_map(|line| [line, "\n".to_owned()]).collect()
    }
}

/// Writes lines to standard output. A reader that has gone away is no failure.
pub(super) fn print(lines: impl Iterator<Item = String>) -> Result<()> {
    let mut out = BufWriter::new(std::io::stdout().lock());
    let write = || {
        for line in lines {
            writeln!(out, "{line}")?;
        }
        out.flush()
    };
    match write() {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => {
            Err(error).context("cannot write to standard output")
        }
        _ => Ok(()),
    }
}

/// Writes rows as an array of JSON, one in a line, so that they are never in memory together.
pub(super) fn print_json(rows: impl Iterator<Item = Value>) -> Result<()> {
    let mut rows = rows.peekable();
    let mut open = "[";
    print(std::iter::from_fn(move || {
        let Some(row) = rows.next() else {
            // An array without rows is one line.
            return match std::mem::take(&mut open) {
                "[" => Some("[]".to_owned()),
                _ => None,
            };
        };
        let comma = if rows.peek().is_some() { "," } else { "]" };
        Some(format!("{}{row}{comma}", std::mem::take(&mut open)))
    }))
}

/// Nanoseconds as a person reads them, with three digits.
pub(super) fn time(nanoseconds: u64) -> String {
    let units = [(1_000_000_000, "s"), (1_000_000, "ms"), (1_000, "µs")];
    let Some((unit, name)) = units.into_iter().find(|(unit, _)| nanoseconds >= *unit) else {
        return format!("{nanoseconds} ns");
    };
    let value = nanoseconds as f64 / unit as f64;
    let digits = if value < 10.0 { 2 } else { usize::from(value < 100.0) };
    format!("{value:.digits$} {name}")
}

/// Nanoseconds as microseconds, none of them lost.
pub(super) fn micros(nanoseconds: u64) -> String {
    format!("{}.{:03}", nanoseconds / 1_000, nanoseconds % 1_000)
}

/// A share of a whole in percent.
pub(super) fn share(part: u64, whole: u64) -> String {
    if whole == 0 { "-".to_owned() } else { format!("{:.1}%", part as f64 * 100.0 / whole as f64) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_lean_as_they_are_told() {
        let mut table = Table::new(vec![Words("name"), Numbers("n"), Words("")]);
        table.add(["µ", "10", "end"]);
        table.add(["longer", "2", ""]);
        assert_eq!(table.text(), "name     n\nµ       10  end\nlonger   2\n");
    }

    #[test]
    fn times_have_three_digits() {
        let times = [0, 999, 1_000, 12_345, 999_000, 1_500_000, 20_000_000_000, 3_600_000_000_000];
        let texts = times.map(time);
        let expected =
            ["0 ns", "999 ns", "1.00 µs", "12.3 µs", "999 µs", "1.50 ms", "20.0 s", "3600 s"];
        assert_eq!(texts, expected);
        assert_eq!([share(1, 3), share(0, 0)], ["33.3%", "-"]);
    }
}
