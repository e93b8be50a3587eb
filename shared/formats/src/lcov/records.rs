//! The records of a tracefile.

use memchr::{memchr, memmem, memrchr};

use super::oddities::{Oddities, Oddity};
use super::rows::trim;

/// A record: what stands between `SF:` and `end_of_record`, or the next `SF:`.
#[derive(Debug, Clone, Copy)]
pub(super) struct Record<'a> {
    /// The file's name.
    pub(super) path: &'a [u8],
    /// The test's name; may be empty.
    pub(super) test: &'a [u8],
    /// Everything after the line of the name, up to the next record's.
    pub(super) rows: &'a [u8],
    /// Offset of the rows from the first byte.
    pub(super) at: usize,
}

impl<'a> Record<'a> {
    /// The folder of the file's name.
    pub(super) fn folder(&self) -> &'a [u8] {
        let end = self.path.iter().rposition(|byte| matches!(byte, b'/' | b'\\')).unwrap_or(0);
        self.path.get(..end).unwrap_or_default()
    }
}

/// All records that have a name, ordered by folder and name, those of one file as they come.
pub(super) fn by_file<'a>(bytes: &'a [u8], oddities: &mut Oddities) -> Vec<Record<'a>> {
    let mut records: Vec<Record> = Vec::new();
    let mut test: &[u8] = b"";
    let mut starts = memmem::find_iter(bytes, b"SF:").filter(|&at| starts_line(bytes, at));
    let mut next = starts.next();
    look_outside(bytes.get(..next.unwrap_or(bytes.len())).unwrap_or_default(), 0, oddities);
    let mut last_end = 0;
    while let Some(at) = next {
        next = starts.next();
        if let Some(name) = test_before(bytes.get(last_end..at).unwrap_or_default()) {
            test = name;
        }
        let record = bytes.get(at + 3..next.unwrap_or(bytes.len())).unwrap_or_default();
        let (path, n_bytes) = name(record);
        let rows = record.get(n_bytes..).unwrap_or_default();
        last_end = at + 3 + n_bytes;
        if path.is_empty() {
            oddities.add(Oddity::NoName, at);
        } else {
            records.push(Record { path, test, rows, at: last_end });
        }
    }
    // Stable, so that the records of a file keep their order.
    records.sort_by(|a, b| (a.folder(), a.path).cmp(&(b.folder(), b.path)));
    records
}

fn starts_line(bytes: &[u8], at: usize) -> bool {
    at == 0 || bytes.get(at - 1) == Some(&b'\n')
}

/// The name that a record starts with, and how many bytes it takes. What is given as a `data:` URL
/// may have several lines.
fn name(record: &[u8]) -> (&[u8], usize) {
    let end_of_line = |from: usize| {
        let rest = record.get(from..).unwrap_or_default();
        memchr(b'\n', rest).map_or(record.len(), |at| from + at + 1)
    };
    let mut end = end_of_line(0);
    if record.starts_with(b"data:") {
        while let Some(rest) = record.get(end..).filter(|rest| !rest.is_empty())
            && !super::TAGS.iter().any(|tag| rest.starts_with(tag))
        {
            end = end_of_line(end);
        }
    }
    (bare(record.get(..end).unwrap_or_default()), end)
}

/// A name without blanks and NULs around it.
fn bare(name: &[u8]) -> &[u8] {
    let is_part = |byte: &u8| !byte.is_ascii_whitespace() && *byte != 0;
    let start = name.iter().position(is_part).unwrap_or(name.len());
    trim(name.get(start..).unwrap_or_default())
}

/// The last test name after the end of the record before.
fn test_before(mut gap: &[u8]) -> Option<&[u8]> {
    loop {
        gap = gap.trim_ascii_end();
        let start = memrchr(b'\n', gap).map_or(0, |at| at + 1);
        let (before, line) = gap.split_at_checked(start)?;
        if let Some(name) = line.strip_prefix(b"TN:") {
            // What lcov's old --diff leaves behind.
            let name = name.strip_suffix(b",diff").unwrap_or(name);
            return Some(bare(name));
        }
        if before.is_empty() || line.starts_with(b"end_of_record") {
            return None;
        }
        gap = before;
    }
}

/// Notes what stands outside of records and is nothing that may.
pub(super) fn look_outside(bytes: &[u8], at: usize, oddities: &mut Oddities) {
    let mut offset = at;
    for line in bytes.split(|byte| *byte == b'\n') {
        let row = line.trim_ascii();
        if !(row.is_empty() || row.starts_with(b"#") || row.starts_with(b"TN:")) {
            oddities.add(Oddity::Outside, offset);
        }
        offset += line.len() + 1;
    }
}
