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

use std::collections::HashMap;
use std::fmt::Write as _;
use std::sync::Arc;

use coverage::{FileIdx, Mode, Profile, ShapeBuilder, Span};

use crate::{Format, Notes, Place, Read, ReadError, Write};

/// The format.
pub const FORMAT: Format = Format {
    id: "go_text",
    name: "Go text profile",
    extensions: &["out", "cov", "coverprofile", "txt"],
    sniff: |head| head.starts_with(b"mode: "),
    read: Read::File(read),
    write: Some(Write {
        files: |profile| vec![("coverage.out".to_owned(), write(profile).into_bytes())],
        blocks: true,
        keeps: &["statements"],
    }),
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

/// The profile in these bytes. Several profiles one after the other, as `cat` joins them, are read
/// as one; their mode lines must agree. Blocks of one place are one unit, counts added (mode set:
/// or): `go test -coverpkg` lists each block once for every test binary. Units of a file stand in
/// the order of their spans.
///
/// # Errors
/// The first line that does not fit the form, and why.
pub fn read(name: &str, bytes: &[u8], notes: &mut Notes) -> Result<Profile, ReadError> {
    let mut mode = None;
    let mut files: Vec<&str> = Vec::new();
    let mut blocks: Vec<(u32, Block)> = Vec::with_capacity((bytes.len() / 16).min(1 << 16));
    let mut known: HashMap<&[u8], u32> = HashMap::new();
    let mut last: (&[u8], u32) = (b"", u32::MAX);
    for (index, line) in bytes.split(|byte| *byte == b'\n').enumerate() {
        let fail = |reason: &'static str| ReadError::malformed(Place::Line(index + 1), reason);
        let line = line.trim_ascii_end();
        if let Some(word) = line.strip_prefix(b"mode: ") {
            let word = str::from_utf8(word).unwrap_or_default();
            let found = Mode::from_word(word.trim()).ok_or(fail("unknown mode"))?;
            if mode.is_some_and(|mode| mode != found) {
                return Err(fail("mode differs from the first mode line"));
            }
            mode = Some(found);
        } else if line.is_empty() {
            continue;
        } else if mode.is_none() {
            return Err(fail("not a mode line"));
        } else {
            let (file, block) = block(line).map_err(fail)?;
            if file != last.0 || last.1 == u32::MAX {
                let at = match known.get(file) {
                    Some(&at) => at,
                    None => {
                        let path = str::from_utf8(file).map_err(|_| fail("name is not UTF-8"))?;
                        let many = |_| ReadError::limit(Place::Line(index + 1), "too many files");
                        let at = u32::try_from(files.len()).map_err(many)?;
                        files.push(path);
                        known.insert(file, at);
                        at
                    }
                };
                last = (file, at);
            }
            // Lists that are joined say the same of a block over and over.
            if blocks.len() == blocks.capacity() {
                blocks = merged(blocks);
                blocks.reserve_exact(blocks.len().max(64));
            }
            blocks.push((last.1, block));
        }
    }
    let empty = || ReadError::malformed(Place::Line(1), "the profile is empty");
    let mode = mode.ok_or_else(empty)?;
    drop(known);
    let blocks = merged(blocks);
    let mut by_file: Vec<(&str, &[(u32, Block)])> = blocks
        .chunk_by(|(a, _), (b, _)| a == b)
        .filter_map(|blocks| Some((*files.get(blocks.first()?.0 as usize)?, blocks)))
        .collect();
    by_file.sort_by_key(|&(file, _)| (package_of(file), file));
    let mut builder = ShapeBuilder::default();
    let mut counts = Vec::with_capacity(blocks.len());
    let mut package = None;
    for (file, blocks) in by_file {
        let path = package_of(file);
        let package_idx = match package {
            Some((last, package_idx)) if last == path => package_idx,
            _ => builder.package(path, "", ""),
        };
        package = Some((path, package_idx));
        let file_idx: FileIdx = builder.file(package_idx, file);
        let function = builder.function(file_idx, "", false);
        for (_, block) in blocks {
            builder.unit(function, block.span, block.statements);
            counts.push(if mode == Mode::Set { block.count.min(1) } else { block.count });
        }
        if blocks.windows(2).any(|pair| matches!(pair, [(_, a), (_, b)] if a.span == b.span)) {
            let note =
                format!("{file}: one place with two numbers of statements: different builds");
            notes.add(name, note);
        }
    }
    Ok(Profile::new(mode, Arc::new(builder.build()), counts))
}

/// Blocks in order, those of one place as one with their counts added.
fn merged(mut blocks: Vec<(u32, Block)>) -> Vec<(u32, Block)> {
    blocks.sort_by_key(|(file, block)| (*file, block.span.start, block.span.end, block.statements));
    blocks.dedup_by(|(file, block), (into_file, into)| {
        let is_same =
            (*file, block.span, block.statements) == (*into_file, into.span, into.statements);
        if is_same {
            into.count = into.count.saturating_add(block.count);
        }
        is_same
    });
    blocks
}

/// What a line of a profile says of a place in a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Block {
    /// Where it is.
    pub span: Span,
    /// How many statements it holds.
    pub statements: u32,
    /// How often it ran.
    pub count: u64,
}

/// The file and block of a line, without its end. The name may itself hold colons, blanks and
/// commas, so the line is cut from the right.
///
/// # Errors
/// Why the line is none.
pub fn block(line: &[u8]) -> Result<(&[u8], Block), &'static str> {
    const FORM: &str = "not file:span statements count";
    const SPAN: &str = "span is not line.column,line.column";
    let mut rest = line;
    let mut number = |before: u8, missing: &'static str, not: &'static str| {
        let digits = rest.iter().rev().take_while(|byte| byte.is_ascii_digit()).count();
        let (left, digits) = rest.split_at(rest.len() - digits);
        // Go's reader takes a plus sign, too.
        let left = left.strip_suffix(b"+").unwrap_or(left);
        let Some(left) = left.strip_suffix(&[before]) else {
            return Err(if rest.contains(&before) { not } else { missing });
        };
        rest = left;
        let value = digits.iter().try_fold(0u64, |value, digit| {
            value.checked_mul(10)?.checked_add(u64::from(digit - b'0'))
        });
        value.filter(|_| !digits.is_empty()).ok_or(not)
    };
    let count = number(b' ', FORM, "count is not a number")?;
    let statements = number(b' ', FORM, "statements is not a number")?;
    let end_column = number(b'.', SPAN, SPAN)?;
    let end_line = number(b',', SPAN, SPAN)?;
    let start_column = number(b'.', SPAN, SPAN)?;
    let start_line = number(b':', FORM, SPAN)?;
    let small = |value: u64| u32::try_from(value).map_err(|_| "a number exceeds 32 bits");
    let span =
        Span::new(small(start_line)?, small(start_column)?, small(end_line)?, small(end_column)?);
    Ok((rest, Block { span, statements: small(statements)?, count }))
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
        assert_eq!(again(text), text);
    }

    /// The text, read and written.
    fn again(text: &str) -> String {
        write(&read("", text.as_bytes(), &mut Notes::default()).unwrap())
    }

    #[test]
    fn names_may_hold_colons_and_blanks() {
        let text = "mode: set\nC:/my code/a.go:1.1,2.2 1 1\n";
        assert_eq!(again(text), text);
    }

    #[test]
    fn a_block_that_is_listed_again_is_one_unit() {
        let text = "mode: count\r\np/a.go:1.1,2.2 1 3\r\nq/b.go:1.1,2.2 1 0\n\nmode: count\n\
                    p/a.go:1.1,2.2 1 4\np/a.go:1.1,2.2 2 +4";
        let merged = "mode: count\np/a.go:1.1,2.2 1 7\np/a.go:1.1,2.2 2 4\nq/b.go:1.1,2.2 1 0\n";
        assert_eq!(again(text), merged);
        assert_eq!(
            again("mode: set\na.go:1.1,2.2 1 1\na.go:1.1,2.2 1 1\n"),
            "mode: set\na.go:1.1,2.2 1 1\n"
        );
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
            let error = read("", text.as_bytes(), &mut Notes::default()).unwrap_err();
            assert_eq!(error.to_string(), message);
        }
    }
}
