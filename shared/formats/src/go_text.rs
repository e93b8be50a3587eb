//! Go text profiles, as `go test -coverprofile` and `go tool covdata textfmt` write them.
//!
//! ```text
//! mode: count
//! example.com/a/a.go:3.24,5.2 2 7        file:start,end statements count
//! ```
//!
//! Spec: `go doc cover`; positions are 1-based lines and 1-based byte columns, end exclusive.
//! The form has no packages and no functions: a file's package is the directory of its name, and
//! its units belong to one function without a name.

use std::fmt::Write as _;
use std::sync::Arc;

use coverage::{FileIdx, Mode, Profile, ShapeBuilder, Span};

use crate::{Format, Place, Read, ReadError};

/// The format.
pub const FORMAT: Format = Format {
    id: "go",
    name: "Go text profile",
    extensions: &["out", "cov", "coverprofile", "txt"],
    sniff: |head| head.starts_with(b"mode: "),
    read: Read::File(|_, bytes, _| {
        let text = str::from_utf8(bytes).map_err(|error| {
            let line =
                bytes.iter().take(error.valid_up_to()).filter(|byte| **byte == b'\n').count();
            ReadError::malformed(Place::Line(line + 1), "not UTF-8")
        })?;
        read(text)
    }),
    write: Some(|profile| vec![("coverage.out".to_owned(), write(profile).into_bytes())]),
};

/// The profile as text, in the order of `go tool covdata textfmt`: packages by path, within them
/// units by file, start line, end line, start column, end column and statements.
pub fn write(profile: &Profile) -> String {
    let shape = profile.shape();
    let mut order: Vec<_> = shape
        .unit_indexes()
        .map(|unit_idx| {
            let file = shape.file(shape.file_of(unit_idx));
            let Span { start, end } = shape.unit(unit_idx).span;
            let place = (start.line, end.line, start.column, end.column);
            let package = shape.package(file.package).path.as_str();
            let statements = shape.unit(unit_idx).statements;
            (package, file.path.as_str(), place, statements, profile.count(unit_idx))
        })
        .collect();
    order.sort_unstable();
    let mut out = format!("mode: {}\n", profile.mode().as_str());
    for (_, file, (start_line, end_line, start_column, end_column), statements, count) in order {
        let span = Span::new(start_line, start_column, end_line, end_column);
        let _ = writeln!(out, "{file}:{span} {statements} {count}");
    }
    out
}

/// The profile in this text. Several profiles one after the other, as `cat` joins them, are read
/// as one; their mode lines must agree. Units keep the order of their lines within a file.
///
/// # Errors
/// The first line that does not fit the form, and why.
pub fn read(text: &str) -> Result<Profile, ReadError> {
    let mut mode = None;
    let mut files: Vec<(&str, Vec<Row>)> = Vec::new();
    for (index, line) in text.lines().enumerate() {
        let fail = |reason: &'static str| ReadError::malformed(Place::Line(index + 1), reason);
        if let Some(word) = line.strip_prefix("mode: ") {
            let found = Mode::from_word(word.trim()).ok_or(fail("unknown mode"))?;
            if mode.is_some_and(|mode| mode != found) {
                return Err(fail("mode differs from the first mode line"));
            }
            mode = Some(found);
        } else if mode.is_none() {
            return Err(fail("not a mode line"));
        } else if !line.trim().is_empty() {
            let (file, row) = read_row(line).map_err(fail)?;
            match files.last_mut() {
                Some((last, rows)) if *last == file => rows.push(row),
                _ => files.push((file, vec![row])),
            }
        }
    }
    let mode = mode.ok_or(ReadError::malformed(Place::Line(1), "the profile is empty"))?;
    // A file may come up again further down; a stable sort joins its parts in their order.
    files.sort_by_key(|&(file, _)| (package_of(file), file));
    let mut builder = ShapeBuilder::default();
    let mut counts = Vec::new();
    let (mut package, mut last_file) = (None, None);
    let mut function = None;
    for (file, rows) in files {
        if last_file != Some(file) {
            let path = package_of(file);
            let package_idx = match package {
                Some((last, package_idx)) if last == path => package_idx,
                _ => builder.package(path, "", ""),
            };
            package = Some((path, package_idx));
            last_file = Some(file);
            let file_idx: FileIdx = builder.file(package_idx, file);
            function = Some(builder.function(file_idx, "", false));
        }
        for row in rows {
            if let Some(function) = function {
                builder.unit(function, row.span, row.statements);
                counts.push(row.count);
            }
        }
    }
    Ok(Profile::new(mode, Arc::new(builder.build()), counts))
}

struct Row {
    span: Span,
    statements: u32,
    count: u64,
}

/// One line: the name may itself hold colons, blanks and commas, so it is cut from the right.
fn read_row(line: &str) -> Result<(&str, Row), &'static str> {
    let mut words = line.trim_end().rsplitn(3, ' ');
    let (count, statements, place) = (words.next(), words.next(), words.next());
    let (file, span) =
        place.and_then(|place| place.rsplit_once(':')).ok_or("not file:span statements count")?;
    let number = |text: &str| text.parse::<u32>().ok();
    let position = |text: &str| {
        let (line, column) = text.split_once('.')?;
        Some((number(line)?, number(column)?))
    };
    let ((start_line, start_column), (end_line, end_column)) = span
        .split_once(',')
        .and_then(|(start, end)| Some((position(start)?, position(end)?)))
        .ok_or("span is not line.column,line.column")?;
    Ok((
        file,
        Row {
            span: Span::new(start_line, start_column, end_line, end_column),
            statements: statements.and_then(number).ok_or("statements is not a number")?,
            count: count.and_then(|text| text.parse().ok()).ok_or("count is not a number")?,
        },
    ))
}

fn package_of(file: &str) -> &str {
    file.rsplit_once('/').map_or("", |(directory, _)| directory)
}

#[cfg(test)]
mod tests {
    use super::*;
    use coverage::dump;

    #[test]
    fn units_are_written_as_covdata_orders_them() {
        let profile = dump::parse(
            "mode count\npackage q q m\nfile q/a.go\nfunction F\n1.1,2.2 1 3\npackage p p m\n\
             file p/b.go\nfunction G\n3.9,3.12 1 1\n3.1,5.2 2 0\n",
        )
        .unwrap();
        let text = "mode: count\np/b.go:3.9,3.12 1 1\np/b.go:3.1,5.2 2 0\nq/a.go:1.1,2.2 1 3\n";
        assert_eq!(write(&profile), text);
        assert_eq!(write(&read(text).unwrap()), text);
    }

    #[test]
    fn names_may_hold_colons_and_blanks() {
        let text = "mode: set\nC:/my code/a.go:1.1,2.2 1 1\n";
        assert_eq!(write(&read(text).unwrap()), text);
    }

    #[test]
    fn errors_name_line_and_reason() {
        for (text, message) in [
            ("", "line 1: the profile is empty"),
            ("p/a.go:1.1,2.2 1 1\n", "line 1: not a mode line"),
            ("mode: sat\n", "line 1: unknown mode"),
            ("mode: set\np/a.go:1.1,2.2 1 x\n", "line 2: count is not a number"),
            ("mode: set\np/a.go:1.1,2 1 1\n", "line 2: span is not line.column,line.column"),
            ("mode: set\nhello\n", "line 2: not file:span statements count"),
            ("mode: set\nmode: count\n", "line 2: mode differs from the first mode line"),
        ] {
            assert_eq!(read(text).unwrap_err().to_string(), message);
        }
    }
}
