//! What a profile holds besides units and counts, as a body of a frame.
//!
//! ```text
//! details  handle uleb · lines u8 · n uleb · metric* · n uleb · file*
//!          metric := name str · covered uleb · total uleb
//!          file   := path str · taken uleb · total uleb · length uleb · rows
//!          rows   := n uleb · text str* · row*
//!          row    := line uleb (from the previous, first from 0) · taken uleb · total uleb · text uleb
//! ```

use crate::codec::{Reader, WireError, Writer};
use crate::limits;

/// How much of a metric is covered.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Metric {
    /// Its name in output, such as `branches`.
    pub name: String,
    /// How many are covered.
    pub covered: u64,
    /// How many there are.
    pub total: u64,
}

/// What is known of a line besides its counts.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct LineDetails {
    /// Its number, from 1.
    pub line: u32,
    /// Arms of its branches that were taken.
    pub taken: u32,
    /// Arms of its branches.
    pub total: u32,
    /// For people: each arm, and in which contexts the line ran. May be empty.
    pub text: String,
}

/// What is known of a file's lines besides their counts.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct FileDetails {
    /// Its name in profiles.
    pub path: String,
    /// Arms that were taken.
    pub taken: u64,
    /// Arms of all its branches.
    pub total: u64,
    rows: Vec<u8>,
}

impl FileDetails {
    /// The details of a file with these lines, ascending.
    pub fn new(path: &str, lines: &[LineDetails]) -> Self {
        let mut texts: Vec<&str> = lines.iter().map(|line| &*line.text).collect();
        texts.sort_unstable();
        texts.dedup();
        let mut rows = Writer::default();
        rows.uleb(texts.len() as u64);
        texts.iter().for_each(|text| rows.string(text));
        let (mut details, mut previous) = (Self { path: path.to_owned(), ..Self::default() }, 0);
        for row in lines {
            rows.uleb(u64::from(row.line.wrapping_sub(previous)));
            rows.uleb(u64::from(row.taken));
            rows.uleb(u64::from(row.total));
            rows.uleb(texts.partition_point(|text| *text < row.text.as_str()) as u64);
            previous = row.line;
            details.taken += u64::from(row.taken);
            details.total += u64::from(row.total);
        }
        details.rows = rows.into_bytes();
        details
    }

    /// Its lines, ascending. Read when they are wanted: most files of a profile are never shown.
    ///
    /// # Errors
    /// Where and why they are none.
    pub fn lines(&self) -> Result<Vec<LineDetails>, WireError> {
        let mut reader = Reader::new(&self.rows);
        let mut texts = Vec::new();
        for _ in 0..reader.length("text list", limits::UNITS, 1)? {
            texts.push(reader.string("text")?);
        }
        let (mut lines, mut line) = (Vec::new(), 0u32);
        while reader.remaining() > 0 {
            let step = reader.uleb32("line")?;
            line = line.checked_add(step).ok_or_else(|| reader.malformed("line overflows"))?;
            let (taken, total) = (reader.uleb32("taken arms")?, reader.uleb32("arms")?);
            let text = texts.get(reader.uleb32("text")? as usize);
            let text = text.ok_or_else(|| reader.malformed("there is no such text"))?;
            lines.push(LineDetails { line, taken, total, text: (*text).to_owned() });
        }
        Ok(lines)
    }

    /// Bytes that it takes on the wire, about.
    pub fn n_bytes(&self) -> usize {
        self.rows.len() + self.path.len()
    }
}

/// What a profile holds besides units and counts.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Details {
    /// The process.
    pub handle: u32,
    /// Whether its units are lines.
    pub lines: bool,
    /// Totals of all metrics that the profile has.
    pub metrics: Vec<Metric>,
    /// By file, those only of which something is known.
    pub files: Vec<FileDetails>,
}

impl Details {
    /// What is known of the lines of a file.
    pub fn file(&self, path: &str) -> Option<&FileDetails> {
        self.files.iter().find(|file| file.path == path)
    }

    pub(crate) fn write(&self, body: &mut Writer) {
        body.uleb(u64::from(self.handle));
        body.byte(u8::from(self.lines));
        body.uleb(self.metrics.len() as u64);
        for metric in &self.metrics {
            body.string(&metric.name);
            body.uleb(metric.covered);
            body.uleb(metric.total);
        }
        body.uleb(self.files.len() as u64);
        for file in &self.files {
            body.string(&file.path);
            body.uleb(file.taken);
            body.uleb(file.total);
            body.uleb(file.rows.len() as u64);
            body.raw(&file.rows);
        }
    }

    #[inline(never)]
    pub(crate) fn read(reader: &mut Reader<'_>) -> Result<Self, WireError> {
        let handle = reader.uleb32("process")?;
        let lines = reader.byte("lines flag")? != 0;
        let mut details = Details { handle, lines, ..Details::default() };
        for _ in 0..reader.length("metric list", limits::PACKAGES, 3)? {
            let name = reader.string("metric")?.to_owned();
            let (covered, total) = (reader.uleb("covered")?, reader.uleb("total")?);
            details.metrics.push(Metric { name, covered, total });
        }
        for _ in 0..reader.length("file list", limits::UNITS, 4)? {
            let path = reader.string("file name")?.to_owned();
            let (taken, total) = (reader.uleb("taken arms")?, reader.uleb("arms")?);
            let length = reader.length("rows", limits::MESSAGE_BYTES, 1)?;
            let rows = reader.raw(length, "rows")?.to_vec();
            details.files.push(FileDetails { path, taken, total, rows });
        }
        Ok(details)
    }
}
