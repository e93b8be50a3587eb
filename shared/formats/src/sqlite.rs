//! Tables of an SQLite database, read row by row.
//!
//! ```text
//! page 1    header of 100 bytes, then the b-tree of sqlite_schema: type, name, table, root, SQL
//! a page    05 interior: cells of child page, key; last child in the header
//!           0d leaf:     cells of payload length, rowid, payload, overflow page
//! a payload length of head, serial types; values
//! ```
//!
//! Spec: <https://www.sqlite.org/fileformat2.html>, sections 1.3, 1.5, 1.6 and 2.1. Only what
//! programs write that make a new file is read: tables with rowids, text in UTF-8, no journal that
//! is still to be applied. Every page is visited once, so that a file can't lead in circles, and
//! the cells of a table can't hold more than the file does.

use std::borrow::Cow;

use crate::{Place, ReadError};

/// What every database starts with.
pub(crate) const MAGIC: &[u8] = b"SQLite format 3\0";

/// A database.
pub(crate) struct Database<'a> {
    bytes: &'a [u8],
    page_bytes: usize,
    /// Bytes of a page that are used.
    usable: usize,
}

/// A value of a row.
#[derive(Debug, PartialEq)]
pub(crate) enum Value<'a> {
    Null,
    Integer(i64),
    Real,
    Text(Cow<'a, str>),
    Blob(Vec<u8>),
}

impl Value<'_> {
    /// The number, if it is one.
    pub(crate) fn integer(&self) -> Option<i64> {
        match self {
            Self::Integer(value) => Some(*value),
            _ => None,
        }
    }

    /// The text, if it is one.
    pub(crate) fn text(&self) -> Option<&str> {
        match self {
            Self::Text(value) => Some(value),
            _ => None,
        }
    }
}

impl<'a> Database<'a> {
    /// The database in these bytes.
    ///
    /// # Errors
    /// It is none, is cut short, or is of a kind that is not read here.
    pub(crate) fn open(bytes: &'a [u8]) -> Result<Self, ReadError> {
        let header = bytes.get(..100).ok_or(malformed(0, "the database is cut short"))?;
        if !header.starts_with(MAGIC) {
            return Err(malformed(0, "not an SQLite database"));
        }
        let page_bytes = match number(header, 16, 2) {
            1 => 65_536,
            n if (512..=32_768).contains(&n) && n.is_power_of_two() => n,
            _ => return Err(malformed(16, "size of a page is no power of two")),
        };
        let usable = page_bytes - number(header, 20, 1);
        if usable < 480 {
            return Err(malformed(20, "too much of each page is reserved"));
        }
        if number(header, 56, 4) > 1 {
            let reason = "text of the database is UTF-16, which is not read here";
            return Err(ReadError::unsupported(Place::Byte(56), reason));
        }
        let n_pages = number(header, 28, 4);
        if n_pages.checked_mul(page_bytes).is_none_or(|length| length > bytes.len()) {
            let reason = format!("the database is cut short: it has {n_pages} pages");
            return Err(ReadError::malformed(Place::Byte(28), reason));
        }
        Ok(Self { bytes, page_bytes, usable })
    }

    /// Whether changes may stand in another file, the write-ahead log.
    pub(crate) fn has_log(&self) -> bool {
        self.bytes.get(18..20) == Some(&[2, 2])
    }

    /// Gives each row of a table, with its rowid, to `row`. Columns that the row does not have are
    /// not in its list. `false` if there is no such table.
    ///
    /// # Errors
    /// Place and reason of what does not fit the format, or what `row` says.
    pub(crate) fn rows(
        &self,
        table: &str,
        row: impl FnMut(i64, &[Value<'_>]) -> Result<(), ReadError>,
    ) -> Result<bool, ReadError> {
        let mut root = None;
        self.walk(1, |_, values| {
            if let [kind, name, _, page, ..] = values
                && kind.text() == Some("table")
                && name.text() == Some(table)
            {
                root = page.integer();
            }
            Ok(())
        })?;
        match root.map(usize::try_from) {
            None => Ok(false),
            Some(Ok(page)) => self.walk(page, row).map(|()| true),
            Some(Err(_)) => Err(malformed(100, "page of a table is below zero")),
        }
    }

    fn walk(
        &self,
        root: usize,
        mut row: impl FnMut(i64, &[Value<'_>]) -> Result<(), ReadError>,
    ) -> Result<(), ReadError> {
        let mut visited = vec![false; self.bytes.len() / self.page_bytes + 1];
        let mut waiting = vec![root];
        let mut left = self.bytes.len();
        while let Some(number_of_page) = waiting.pop() {
            let (start, page) = self.page(number_of_page)?;
            visit(&mut visited, number_of_page, start)?;
            // The first page starts with the header of the file.
            let head = if number_of_page == 1 { 100 } else { 0 };
            let is_leaf = match number(page, head, 1) {
                0x0d => true,
                0x05 => false,
                _ => return Err(malformed(start + head, "not a page of a table")),
            };
            let n_cells = number(page, head + 3, 2);
            let cells = head + if is_leaf { 8 } else { 12 };
            let mut children = Vec::new();
            for cell in 0..n_cells {
                let pointer = cells + 2 * cell;
                let at = number(page, pointer, 2);
                let rest = page.get(at..self.usable.max(at)).filter(|rest| !rest.is_empty());
                let rest = rest
                    .filter(|_| pointer + 2 <= self.usable)
                    .ok_or(malformed(start + pointer, "cell is not in its page"))?;
                if is_leaf {
                    let length = self.leaf(start + at, rest, &mut visited, &mut row)?;
                    let overlap = "the cells of a table overlap";
                    left = left.checked_sub(length).ok_or(malformed(start + at, overlap))?;
                } else {
                    children.push(number(rest, 0, 4));
                }
            }
            if !is_leaf {
                children.push(number(page, head + 8, 4));
            }
            waiting.extend(children.into_iter().rev());
        }
        Ok(())
    }

    /// Gives the row in a cell to `row`; how many bytes it has.
    fn leaf(
        &self,
        start: usize,
        cell: &[u8],
        visited: &mut [bool],
        row: &mut impl FnMut(i64, &[Value<'_>]) -> Result<(), ReadError>,
    ) -> Result<usize, ReadError> {
        let cut = || malformed(start, "cell is cut short");
        let (length, rest) = varint(cell).ok_or_else(cut)?;
        let (rowid, rest) = varint(rest).ok_or_else(cut)?;
        let length = usize::try_from(length).ok().filter(|length| *length <= self.bytes.len());
        let length = length.ok_or(malformed(start, "row is larger than the file"))?;
        // Section 1.6: what stands in the page, and what in overflow pages.
        let most = self.usable - 35;
        let least = (self.usable - 12) * 32 / 255 - 23;
        let local = match length {
            _ if length <= most => length,
            _ => Some(least + (length - least) % (self.usable - 4))
                .filter(|local| *local <= most)
                .unwrap_or(least),
        };
        let mut payload = Cow::Borrowed(rest.get(..local).ok_or_else(cut)?);
        if local < length {
            let mut next = rest.get(local..local + 4).map(|next| number(next, 0, 4));
            let whole = payload.to_mut();
            while whole.len() < length {
                let number_of_page = next.ok_or_else(cut)?;
                let (start, page) = self.page(number_of_page)?;
                visit(visited, number_of_page, start)?;
                let wanted = (length - whole.len()).min(self.usable - 4);
                whole.extend_from_slice(page.get(4..4 + wanted).ok_or_else(cut)?);
                next = Some(number(page, 0, 4));
            }
        }
        let values = values(&payload).ok_or(malformed(start, "row does not fit its own head"))?;
        row(rowid, &values)?;
        // At least the lengths of the row and of its head.
        Ok(length + 2)
    }

    /// A page and where it starts.
    fn page(&self, number: usize) -> Result<(usize, &'a [u8]), ReadError> {
        let start = number.checked_sub(1).and_then(|index| index.checked_mul(self.page_bytes));
        let page = start.and_then(|start| {
            Some((start, self.bytes.get(start..start.checked_add(self.page_bytes)?)?))
        });
        page.ok_or_else(|| {
            let reason = format!("page {number} is not in the file");
            ReadError::malformed(Place::Whole, reason)
        })
    }
}

fn visit(visited: &mut [bool], page: usize, start: usize) -> Result<(), ReadError> {
    match visited.get_mut(page) {
        Some(visited) if !*visited => {
            *visited = true;
            Ok(())
        }
        _ => Err(malformed(start, "the page occurs twice in one tree")),
    }
}

/// The values of a row. Section 2.1.
fn values(payload: &[u8]) -> Option<Vec<Value<'_>>> {
    let (length, rest) = varint(payload)?;
    let length = usize::try_from(length).ok()?;
    let head = payload.len() - rest.len();
    let mut types = payload.get(head..length)?;
    let mut body = payload.get(length..)?;
    let mut values = Vec::new();
    while !types.is_empty() {
        let (kind, rest) = varint(types)?;
        types = rest;
        let length = match kind {
            0 | 8 | 9 | 12 | 13 => 0,
            1..=4 => usize::try_from(kind).ok()?,
            5 => 6,
            6 | 7 => 8,
            14.. => usize::try_from((kind - 12) / 2).ok()?,
            _ => return None,
        };
        let (value, rest) = body.split_at_checked(length)?;
        body = rest;
        values.push(match kind {
            0 => Value::Null,
            1..=6 => {
                let sign = if value.first().is_some_and(|byte| *byte >= 0x80) { -1 } else { 0 };
                Value::Integer(value.iter().fold(sign, |sum, byte| sum << 8 | i64::from(*byte)))
            }
            7 => Value::Real,
            8 | 9 => Value::Integer(kind - 8),
            _ if kind % 2 == 0 => Value::Blob(value.to_vec()),
            _ => Value::Text(String::from_utf8_lossy(value)),
        });
    }
    Some(values)
}

/// A number of one to nine bytes, high bits first, and what follows it. Section 1.6.
fn varint(bytes: &[u8]) -> Option<(i64, &[u8])> {
    let mut value = 0i64;
    for (index, &byte) in bytes.iter().enumerate().take(9) {
        if index == 8 {
            return Some((value << 8 | i64::from(byte), bytes.get(9..)?));
        }
        value = value << 7 | i64::from(byte & 0x7f);
        if byte < 0x80 {
            return Some((value, bytes.get(index + 1..)?));
        }
    }
    None
}

/// The number in so many bytes, the high ones first; what is not there counts as 0.
fn number(bytes: &[u8], at: usize, length: usize) -> usize {
    let bytes = bytes.get(at..at + length).unwrap_or_default();
    bytes.iter().fold(0, |sum, byte| sum << 8 | usize::from(*byte))
}

fn malformed(offset: usize, reason: &'static str) -> ReadError {
    ReadError::malformed(Place::Byte(offset), reason)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn varints_have_up_to_nine_bytes() {
        assert_eq!(varint(&[0x7f, 1]), Some((127, &[1][..])));
        assert_eq!(varint(&[0x81, 0]), Some((128, &[][..])));
        assert_eq!(varint(&[0xff; 9]), Some((-1, &[][..])));
        assert_eq!(varint(&[0xff; 8]), None);
    }

    #[test]
    fn values_are_of_their_serial_types() {
        // Types: null, 1 byte, 2 bytes, 0, 1, real, text of 2, blob of 1.
        let row = [9, 0, 1, 2, 8, 9, 7, 17, 14, 0xff, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, b'h', b'i', 7];
        let expected = [
            Value::Null,
            Value::Integer(-1),
            Value::Integer(256),
            Value::Integer(0),
            Value::Integer(1),
            Value::Real,
            Value::Text("hi".into()),
            Value::Blob(vec![7]),
        ];
        assert_eq!(values(&row).unwrap(), expected);
        assert_eq!(values(&row[..22]), None);
        assert_eq!(values(&[2, 10]), None);
    }

    #[test]
    fn what_is_no_database_is_refused() {
        let fails = |bytes: &[u8]| Database::open(bytes).err().map(|error| error.to_string());
        assert_eq!(fails(b"").unwrap(), "byte 0: the database is cut short");
        assert_eq!(fails(&[0; 100]).unwrap(), "byte 0: not an SQLite database");
        let mut header = [MAGIC, &[0; 84]].concat();
        assert_eq!(fails(&header).unwrap(), "byte 16: size of a page is no power of two");
        header[16] = 2;
        header[31] = 2;
        assert_eq!(fails(&header).unwrap(), "byte 28: the database is cut short: it has 2 pages");
    }

    #[test]
    fn cells_that_overlap_are_refused() {
        // One page of which all cells are the same row: a blob of 200 bytes.
        let mut file = [MAGIC, &[0; 1008]].concat();
        (file[16], file[100], file[104]) = (2, 13, 3);
        for cell in 0..3 {
            file[109 + 2 * cell] = 250;
        }
        let row = [&[0x81, 0x4b, 1, 3, 0x83, 0x1c][..], &[9; 200]].concat();
        file[250..250 + row.len()].copy_from_slice(&row);
        let mut n_rows = 0;
        let mut count = |page: &[u8]| {
            Database::open(page)?.walk(1, |_, values| {
                assert_eq!(values, [Value::Blob(vec![9; 200])]);
                n_rows += 1;
                Ok(())
            })
        };
        count(&file).unwrap();
        file[104] = 6;
        for cell in 3..6 {
            file[109 + 2 * cell] = 250;
        }
        let error = count(&file).unwrap_err();
        assert_eq!(error.to_string(), "byte 250: the cells of a table overlap");
        assert_eq!(n_rows, 3 + 5);
    }

    #[test]
    fn a_tree_does_not_lead_in_circles() {
        let mut file = [MAGIC, &[0; 1008]].concat();
        file[16] = 2;
        file[100] = 5;
        file[111] = 1;
        let error = Database::open(&file).unwrap().rows("t", |_, _| Ok(())).unwrap_err();
        assert_eq!(error.to_string(), "byte 0: the page occurs twice in one tree");
        file[100] = 13;
        file[104] = 1;
        file[109] = 1;
        let error = Database::open(&file).unwrap().rows("t", |_, _| Ok(())).unwrap_err();
        assert_eq!(error.to_string(), "byte 1: row does not fit its own head");
    }
}
