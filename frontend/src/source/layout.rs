//! A source file as rows: which columns of which line belong to which unit.
//!
//! Units are shaded to the column. A line's own mark comes from the units that have a word on it:
//! the `{` at the end of `if x {` belongs to the branch, but says nothing of the line.

use std::ops::Range;

use coverage::{FileIdx, Shape, Span, UnitIdx};
use wire::details::LineDetails;

use super::go::{self, Kind, State};
use crate::ui::order::{by_key, pair};

/// Lines beyond this are not shown: a browser can't place rows further down.
pub const MAX_LINES: usize = 1_400_000;

/// Columns of a line that belong to a unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mark {
    /// The unit, in the view.
    pub unit: u32,
    /// First byte of the line.
    pub from: u32,
    /// First byte after.
    pub to: u32,
    /// Whether the unit has a word on this line, not only punctuation.
    pub telling: bool,
}

/// What is known of a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Status {
    /// There is nothing to cover.
    #[default]
    None,
    /// Every unit ran.
    Covered,
    /// Some units ran.
    Partial,
    /// No unit ran.
    Uncovered,
}

/// A line with its numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Line {
    /// What is known of it.
    pub status: Status,
    /// Count of the unit with most hits; `None` where the line only ends what others began.
    pub count: Option<u64>,
    /// When any of its units was hit last, in Unix milliseconds; 0 for never.
    pub last: u64,
    /// Arms of its branches: taken, and all.
    pub arms: (u32, u32),
}

/// A run of text of one colour and one unit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Piece {
    /// Bytes of the line.
    pub range: Range<usize>,
    /// Syntax.
    pub kind: Kind,
    /// The unit, in the view.
    pub unit: Option<u32>,
}

/// A source file as rows.
#[derive(Debug, Default)]
pub struct Sheet {
    text: String,
    lines: Vec<Range<u32>>,
    states: Vec<State>,
    marks: Vec<Mark>,
    first_mark: Vec<u32>,
    /// First line (from 0) of each function with units, and the function, by line.
    pub functions: Vec<(u32, u32)>,
    /// Whether the source is not there, and the rows only stand for its lines.
    pub missing: bool,
    /// Whether units lie where the source has nothing: it is not the one that was measured.
    pub misfits: bool,
    /// What is known of lines besides their units, ascending.
    pub details: Vec<LineDetails>,
}

impl Sheet {
    /// The rows of a file; without its text, rows for the lines that units name.
    pub fn new(shape: &Shape, file: FileIdx, text: Option<String>) -> Self {
        let mut sheet = Sheet { missing: text.is_none(), ..Sheet::default() };
        let functions = shape
            .functions()
            .iter()
            .enumerate()
            .filter(|(_, function)| function.file == file && !function.units.is_empty());
        let mut units: Vec<(Span, u32)> = Vec::new();
        for (row, function) in functions {
            let own = function.units.clone().map(|unit| (shape.unit(UnitIdx(unit)).span, unit));
            let line = own.clone().map(|(span, _)| span.start.line).min().unwrap_or(1);
            units.extend(own);
            sheet.functions.push((line.saturating_sub(1), row as u32));
        }
        by_key(&mut sheet.functions, |&(line, row)| [pair(line, row), 0]);
        sheet.text = text.unwrap_or_else(|| sheet.outline(shape, &units));
        sheet.split();
        sheet.place(units);
        sheet
    }

    /// Names of functions on the lines where they start, for a source that is not there.
    fn outline(&self, shape: &Shape, units: &[(Span, u32)]) -> String {
        let n_lines = units.iter().map(|(span, _)| span.last_line()).max().unwrap_or(0) as usize;
        let mut lines = vec![String::new(); n_lines.min(MAX_LINES)];
        for &(line, function) in &self.functions {
            if let Some(text) = lines.get_mut(line as usize) {
                *text = format!("// {}", shape.functions()[function as usize].name);
            }
        }
        lines.join("\n")
    }

    fn split(&mut self) {
        let mut start = 0;
        let mut state = State::Code;
        for line in self.text.split('\n').take(MAX_LINES) {
            let end = start + line.len();
            let shown = line.strip_suffix('\r').unwrap_or(line);
            self.lines.push(narrow(start)..narrow(start + shown.len()));
            self.states.push(state);
            state = go::line(shown, state, |_, _| {});
            start = end + 1;
        }
        // A newline at the end of the file ends its last line.
        if !self.missing && self.lines.len() > 1 && self.lines.last().is_some_and(Range::is_empty) {
            self.lines.pop();
            self.states.pop();
        }
    }

    fn place(&mut self, mut units: Vec<(Span, u32)>) {
        // Within a line the wider unit comes first, so that the last mark on a byte is the inner.
        by_key(&mut units, |(Span { start, end }, _)| {
            let lines = end.line.saturating_sub(start.line);
            let wide = pair(u32::MAX - lines, u32::MAX - end.column);
            [wide, pair(start.line, start.column)]
        });
        let mut placed: Vec<(u32, Mark)> = Vec::new();
        for (span, unit) in units {
            let bytes = |line: u32| self.lines.get((line as usize).wrapping_sub(1)).map(Range::len);
            self.misfits |= !self.missing && !span.lies_in(bytes);
            let first = span.start.line.saturating_sub(1) as usize;
            for line in first..(span.last_line() as usize).min(self.lines.len()) {
                let text = self.line_text(line);
                let from = if line == first { span.start.column.saturating_sub(1) } else { 0 };
                let is_last = line + 1 == span.end.line as usize;
                let to = if is_last { span.end.column.saturating_sub(1) } else { u32::MAX };
                let mut mark = self.mark(text, unit, from as usize, to as usize);
                if let Some(mark) = mark.as_mut().filter(|_| span.as_line().is_some()) {
                    mark.telling = true;
                }
                placed.extend(mark.map(|mark| (line as u32, mark)));
            }
        }
        by_key(&mut placed, |&(line, _)| [u64::from(line), 0]);
        self.first_mark = Vec::with_capacity(self.lines.len() + 1);
        for line in 0..=self.lines.len() {
            let first = placed.partition_point(|&(at, _)| (at as usize) < line);
            self.first_mark.push(narrow(first));
        }
        self.marks = placed.into_iter().map(|(_, mark)| mark).collect();
    }

    /// The unit's columns on a line without the white space around them; none if nothing is left.
    fn mark(&self, text: &str, unit: u32, from: usize, to: usize) -> Option<Mark> {
        if self.missing {
            return Some(Mark { unit, from: 0, to: 0, telling: true });
        }
        let bytes = text.as_bytes();
        let to = to.min(bytes.len());
        let inside = bytes.get(from..to)?;
        let first = inside.iter().position(|byte| !byte.is_ascii_whitespace())?;
        let last = inside.iter().rposition(|byte| !byte.is_ascii_whitespace())?;
        let (from, to) = (boundary(text, from + first), boundary(text, from + last + 1));
        let telling = bytes[from..to]
            .iter()
            .any(|byte| byte.is_ascii_alphanumeric() || *byte >= 0x80 || b"_\"'`".contains(byte));
        Some(Mark { unit, from: narrow(from), to: narrow(to), telling })
    }

    /// How many rows there are.
    pub fn n_lines(&self) -> usize {
        self.lines.len()
    }

    /// The text of a line, from 0.
    pub fn line_text(&self, line: usize) -> &str {
        let range = self.lines.get(line).cloned().unwrap_or(0..0);
        self.text.get(range.start as usize..range.end as usize).unwrap_or_default()
    }

    /// Units with columns on a line, outer before inner.
    pub fn marks(&self, line: usize) -> &[Mark] {
        match (self.first_mark.get(line), self.first_mark.get(line + 1)) {
            (Some(&first), Some(&end)) => &self.marks[first as usize..end as usize],
            _ => &[],
        }
    }

    /// What is known of a line, from 0, besides its units.
    pub fn details(&self, line: usize) -> Option<&LineDetails> {
        let at = self.details.binary_search_by_key(&(line + 1), |row| row.line as usize);
        self.details.get(at.ok()?)
    }

    /// A line's status and numbers under these columns of the view.
    pub fn line(&self, line: usize, counts: &[u64], last: &[u64]) -> Line {
        let marks = self.marks(line);
        let telling = marks.iter().any(|mark| mark.telling);
        let mut found = Line::default();
        let (mut covered, mut uncovered) = (false, false);
        for mark in marks.iter().filter(|mark| mark.telling == telling) {
            let count = counts.get(mark.unit as usize).copied().unwrap_or(0);
            let last = last.get(mark.unit as usize).copied().unwrap_or(0);
            covered |= count > 0;
            uncovered |= count == 0;
            found.last = found.last.max(last);
            if telling {
                found.count = Some(found.count.unwrap_or(0).max(count));
            }
        }
        found.status = match (covered, uncovered) {
            (false, false) => Status::None,
            (true, false) => Status::Covered,
            (true, true) => Status::Partial,
            (false, true) => Status::Uncovered,
        };
        if let Some(details) = self.details(line) {
            found.arms = (details.taken, details.total);
            if found.status == Status::Covered && details.taken < details.total {
                found.status = Status::Partial;
            }
        }
        found
    }

    /// A line's text, split by colour and by unit; nothing is left out.
    pub fn pieces(&self, line: usize) -> Vec<Piece> {
        let text = self.line_text(line);
        let marks = self.marks(line);
        let mut cuts: Vec<usize> =
            marks.iter().flat_map(|mark| [mark.from as usize, mark.to as usize]).collect();
        by_key(&mut cuts, |&cut| [cut as u64, 0]);
        cuts.dedup();
        let unit_at = |byte: usize| {
            let inside = |mark: &&Mark| (mark.from as usize) <= byte && byte < mark.to as usize;
            marks.iter().rev().find(inside).map(|mark| mark.unit)
        };
        let mut pieces = Vec::new();
        let state = self.states.get(line).copied().unwrap_or_default();
        go::line(text, state, |kind, token| {
            let mut start = token.start;
            for end in cuts.iter().copied().filter(|&cut| cut > token.start && cut < token.end) {
                pieces.push(Piece { range: start..end, kind, unit: unit_at(start) });
                start = end;
            }
            pieces.push(Piece { range: start..token.end, kind, unit: unit_at(start) });
        });
        pieces
    }

    /// First line of the next run of lines that are not fully covered, after `line` or before it.
    /// Goes round at the ends.
    pub fn next_uncovered(&self, line: usize, back: bool, counts: &[u64]) -> Option<usize> {
        let missed = |line: usize| {
            matches!(self.line(line, counts, &[]).status, Status::Uncovered | Status::Partial)
        };
        let starts: Vec<usize> = (0..self.n_lines())
            .filter(|&line| missed(line) && !line.checked_sub(1).is_some_and(missed))
            .collect();
        if back {
            starts.iter().rev().find(|&&start| start < line).or(starts.last()).copied()
        } else {
            starts.iter().find(|&&start| start > line).or(starts.first()).copied()
        }
    }

    /// The function that a line lies in, or the next one above it.
    pub fn function_at(&self, line: usize) -> Option<u32> {
        let above = self.functions.partition_point(|&(first, _)| first as usize <= line);
        above.checked_sub(1).map(|row| self.functions[row].1)
    }

    /// The whole file in `cells` cells from top to bottom: status, and the last hit.
    pub fn overview(&self, cells: usize, counts: &[u64], last: &[u64]) -> Vec<(Status, u64)> {
        let mut overview = vec![(Status::None, 0); cells];
        if cells == 0 || self.lines.is_empty() {
            return overview;
        }
        // A short file is not stretched: a line is at most three cells high.
        let scale = (cells as f64 / self.lines.len() as f64).min(3.0);
        for line in 0..self.lines.len() {
            if self.marks(line).is_empty() {
                continue;
            }
            let found = self.line(line, counts, last);
            let first = (line as f64 * scale) as usize;
            let end = (((line + 1) as f64 * scale) as usize).max(first + 1);
            for cell in overview.iter_mut().take(end.min(cells)).skip(first) {
                cell.0 = worse(cell.0, found.status);
                cell.1 = cell.1.max(found.last);
            }
        }
        overview
    }

    /// The line that a place in the overview stands for; `at` goes from 0 to `cells`.
    pub fn overview_line(&self, at: f64, cells: f64) -> usize {
        let scale = (cells / self.lines.len().max(1) as f64).min(3.0);
        ((at / scale).max(0.0) as usize).min(self.lines.len().saturating_sub(1))
    }
}

/// What must not be overlooked where several lines share a pixel.
fn worse(a: Status, b: Status) -> Status {
    let weight = |status| match status {
        Status::None => 0,
        Status::Covered => 1,
        Status::Partial => 2,
        Status::Uncovered => 3,
    };
    if weight(b) > weight(a) { b } else { a }
}

fn boundary(text: &str, mut at: usize) -> usize {
    while !text.is_char_boundary(at) {
        at += 1;
    }
    at
}

fn narrow(at: usize) -> u32 {
    u32::try_from(at).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use coverage::ShapeBuilder;

    const SOURCE: &str = "package p\n\nfunc F(x int) int {\n\tif x > 1 {\n\t\treturn 2\n\t}\n\treturn 3\n}\n\nfunc G() { println() }; func H() { println() }\n";

    fn sheet() -> Sheet {
        let mut builder = ShapeBuilder::default();
        let package = builder.package("p", "p", "p");
        let file = builder.file(package, "p/p.go");
        let function = builder.function(file, "F", false);
        builder.unit(function, Span::new(3, 19, 4, 11), 1);
        builder.unit(function, Span::new(4, 11, 6, 3), 1);
        builder.unit(function, Span::new(7, 2, 7, 10), 1);
        let function = builder.function(file, "G", false);
        builder.unit(function, Span::new(10, 10, 10, 23), 1);
        let function = builder.function(file, "H", false);
        builder.unit(function, Span::new(10, 34, 10, 47), 1);
        Sheet::new(&builder.build(), file, Some(SOURCE.to_owned()))
    }

    /// Marks each line's text with its units: `[unit text]`.
    fn shaded(sheet: &Sheet, line: usize) -> String {
        let mut out = String::new();
        let mut open = None;
        for piece in sheet.pieces(line) {
            if piece.unit != open {
                out.push_str(if open.is_some() { "]" } else { "" });
                out.extend(piece.unit.map(|unit| format!("[{unit} ")));
                open = piece.unit;
            }
            out.push_str(&sheet.line_text(line)[piece.range]);
        }
        out.push_str(if open.is_some() { "]" } else { "" });
        out
    }

    #[test]
    fn units_are_shaded_to_the_column() {
        let sheet = sheet();
        let lines: Vec<_> = (0..sheet.n_lines()).map(|line| shaded(&sheet, line)).collect();
        assert_eq!(
            lines,
            [
                "package p",
                "",
                "func F(x int) int [0 {]",
                "\t[0 if x > 1] [1 {]",
                "\t\t[1 return 2]",
                "\t[1 }]",
                "\t[2 return 3]",
                "}",
                "",
                "func G() [3 { println() }]; func H() [4 { println() }]",
            ]
        );
    }

    #[test]
    fn a_source_of_another_version_misfits() {
        assert!(!sheet().misfits);
        let mut builder = ShapeBuilder::default();
        let package = builder.package("p", "p", "p");
        let file = builder.file(package, "p/p.go");
        let function = builder.function(file, "F", false);
        builder.unit(function, Span::new(3, 19, 4, 11), 1);
        let shape = builder.build();
        let misfits = |text: &str| Sheet::new(&shape, file, Some(text.to_owned())).misfits;
        assert!(!misfits(SOURCE));
        assert!(!misfits(&SOURCE.replace('\n', "\r\n")));
        assert!(misfits("package p\n\nfunc F(x int) int {\n"), "the line is not there");
        assert!(misfits(&SOURCE.replace("x > 1", "x")), "the line is shorter");
        assert!(!Sheet::new(&shape, file, None).misfits);
    }

    #[test]
    fn a_brace_says_nothing_of_its_line() {
        let sheet = sheet();
        let counts = [5, 0, 5, 0, 2];
        let status: Vec<_> = (0..10).map(|line| sheet.line(line, &counts, &[]).status).collect();
        use Status::{Covered, None, Partial, Uncovered};
        assert_eq!(
            status,
            [None, None, Covered, Covered, Uncovered, Uncovered, Covered, None, None, Partial]
        );
        assert_eq!(sheet.line(3, &counts, &[]).count, Some(5));
        assert_eq!(sheet.line(5, &counts, &[]).count, Option::None);
        assert_eq!(sheet.line(9, &counts, &[0, 0, 0, 7, 9]).last, 9);
    }

    #[test]
    fn a_line_whose_arms_were_not_all_taken_is_partial() {
        let mut builder = ShapeBuilder::default();
        let package = builder.package("p", "p", "p");
        let file = builder.file(package, "p/a.js");
        let function = builder.function(file, "", false);
        for line in 1..4 {
            builder.unit(function, Span::line(line), 1);
        }
        let mut sheet = Sheet::new(&builder.build(), file, Some("if (a)\n}\nb\n".into()));
        sheet.details =
            vec![LineDetails { line: 1, taken: 1, total: 2, text: "if: 0 4×, 1 never".into() }];
        let lines: Vec<_> = (0..3).map(|line| sheet.line(line, &[4, 2, 0], &[])).collect();
        let found: Vec<_> = lines.iter().map(|line| (line.status, line.count, line.arms)).collect();
        // A line that counts by itself says so, whatever stands on it.
        assert_eq!(
            found,
            [
                (Status::Partial, Some(4), (1, 2)),
                (Status::Covered, Some(2), (0, 0)),
                (Status::Uncovered, Some(0), (0, 0)),
            ]
        );
        assert_eq!(sheet.next_uncovered(1, true, &[4, 2, 0]), Some(0));
        sheet = Sheet::new(&two_lines(), FileIdx(0), None);
        assert_eq!((sheet.n_lines(), sheet.marks(1).len()), (2, 1));
    }

    /// Two lines without their source.
    fn two_lines() -> Shape {
        let mut builder = ShapeBuilder::default();
        let package = builder.package("p", "p", "p");
        let file = builder.file(package, "p/a.js");
        builder.function(file, "", false);
        builder.lines([1, 2].into_iter());
        builder.build()
    }

    #[test]
    fn going_to_the_next_uncovered_goes_round() {
        let sheet = sheet();
        let counts = [5, 0, 5, 0, 2];
        assert_eq!(sheet.next_uncovered(0, false, &counts), Some(4));
        assert_eq!(sheet.next_uncovered(4, false, &counts), Some(9));
        assert_eq!(sheet.next_uncovered(9, false, &counts), Some(4));
        assert_eq!(sheet.next_uncovered(4, true, &counts), Some(9));
        assert_eq!(sheet.next_uncovered(0, false, &[1; 5]), None);
    }

    #[test]
    fn without_the_source_lines_still_count() {
        let mut builder = ShapeBuilder::default();
        let package = builder.package("p", "p", "p");
        let file = builder.file(package, "p/p.go");
        let function = builder.function(file, "F", false);
        builder.unit(function, Span::new(3, 19, 4, 11), 1);
        let sheet = Sheet::new(&builder.build(), file, None);
        assert!(sheet.missing);
        assert_eq!((sheet.n_lines(), sheet.line_text(2)), (4, "// F"));
        assert_eq!(sheet.line(3, &[8], &[]).count, Some(8));
    }

    #[test]
    fn spans_beyond_the_text_are_cut() {
        let mut builder = ShapeBuilder::default();
        let package = builder.package("p", "p", "p");
        let file = builder.file(package, "p/p.go");
        let function = builder.function(file, "F", false);
        builder.unit(function, Span::new(0, 0, 0, 0), 1);
        builder.unit(function, Span::new(1, 2, 900, 7), 1);
        builder.unit(function, Span::new(1, 99, 1, 200), 1);
        builder.unit(function, Span::new(9, 1, 2, 1), 1);
        let sheet = Sheet::new(&builder.build(), file, Some("é = 1\r\nb".into()));
        assert_eq!(shaded(&sheet, 0), "é[1  = 1]");
        assert_eq!(shaded(&sheet, 1), "[1 b]");
        assert!(sheet.marks(5).is_empty());
    }

    #[test]
    fn the_overview_keeps_what_must_not_be_overlooked() {
        let sheet = sheet();
        let counts = [5, 0, 5, 1, 2];
        let overview = sheet.overview(2, &counts, &[0, 0, 3, 0, 0]);
        assert_eq!(overview, [(Status::Uncovered, 0), (Status::Uncovered, 3)]);
        assert_eq!(sheet.overview_line(1.0, 2.0), 5);
        assert_eq!(sheet.function_at(4), Some(0));
        assert_eq!(sheet.function_at(0), None);
    }
}
