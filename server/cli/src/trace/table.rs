//! Rows of text in columns.

/// A table: the first row holds the names of its columns.
pub(super) struct Table {
    columns: Vec<Column>,
    rows: Vec<Vec<String>>,
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
        let names = columns.iter().map(|(Words(name) | Numbers(name))| (*name).to_owned());
        let rows = vec![names.collect()];
        Self { columns, rows }
    }

    /// Adds a row.
    pub(super) fn add(&mut self, row: Vec<String>) {
        self.rows.push(row);
    }

    /// The lines, the first with the names.
    pub(super) fn lines(&self) -> Vec<String> {
        let width = |column: usize| {
            let cells = self.rows.iter().filter_map(|row| row.get(column));
            cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
        };
        let widths: Vec<usize> = (0..self.columns.len()).map(width).collect();
        let line = |row: &Vec<String>| {
            let cells = row.iter().zip(&self.columns).zip(&widths);
            let padded = cells.map(|((cell, column), &width)| match column {
                Words(_) => format!("{cell:width$}"),
                Numbers(_) => format!("{cell:>width$}"),
            });
            padded.collect::<Vec<_>>().join("  ").trim_end().to_owned()
        };
        self.rows.iter().map(line).collect()
    }

    /// All lines as one text.
    pub(super) fn text(&self) -> String {
        self.lines().into_iter().flat_map(|line| [line, "\n".to_owned()]).collect()
    }
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
        table.add(vec!["µ".to_owned(), "10".to_owned(), "end".to_owned()]);
        table.add(vec!["longer".to_owned(), "2".to_owned(), String::new()]);
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
