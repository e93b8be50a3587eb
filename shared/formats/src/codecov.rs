//! Codecov's own JSON, which tools write that Codecov doesn't know: monocart, hpc-codecov,
//! cargo-llvm-cov, …
//!
//! ```text
//! { "coverage": {
//!     "src/a.py": { "1": 0, "2": 7, "3": "1/2", "6": null },
//!     "src/b.py": [null, 1, 0, true]        from line 0, which there is none of
//!   },
//!   "messages": { "src/a.py": { "3": "…" } } }
//! ```
//!
//! Spec: <https://docs.codecov.com/docs/codecov-custom-coverage-format>.
//!
//! `"1/2"` is a line of whose two branches one was taken; which one isn't said, nor how often the
//! line ran. It is hit if any was taken. `true` says that a line ran, and maybe not all of it.
//!
//! What the model can't keep: messages.

use std::collections::BTreeMap;
use std::fmt;

use coverage::{BranchKind, Mode, Profile, Span};
use serde::Deserialize;
use serde::de::{Deserializer, Error, MapAccess, SeqAccess, Visitor};

use crate::draft::{Draft, FileDraft};
use crate::json::{self, Number, Pairs};
use crate::{Format, Notes, Place, Read, ReadError, text};

/// The format.
pub const FORMAT: Format = Format {
    id: "codecov",
    name: "Codecov JSON",
    extensions: &["json"],
    sniff,
    read: Read::File(read),
    write: None,
};

/// Whether `coverage` holds rows of lines; SimpleCov's holds objects with rows in them.
fn sniff(head: &[u8]) -> bool {
    let head = text::decode(head);
    let first_file = json::member(&head, "coverage").and_then(json::first_member);
    first_file.is_some_and(|(_, lines)| match lines.strip_prefix('[') {
        Some(rows) => !rows.trim_start().starts_with(['{', '[']),
        None => json::first_member(lines).is_some_and(|(line, _)| line.parse::<u32>().is_ok()),
    })
}

#[derive(Deserialize)]
struct Report {
    coverage: Pairs<Lines>,
}

/// Values by line.
#[derive(Default)]
struct Lines(Vec<(String, Value)>);

impl<'de> Deserialize<'de> for Lines {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Forms;
        impl<'de> Visitor<'de> for Forms {
            type Value = Lines;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an array or object of lines")
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut array: A) -> Result<Lines, A::Error> {
                let mut lines = Vec::new();
                let mut number = 0u64;
                while let Some(value) = array.next_element()? {
                    if value != Value::Nothing {
                        lines.push((number.to_string(), value));
                    }
                    number += 1;
                }
                Ok(Lines(lines))
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Lines, A::Error> {
                let mut lines = Vec::new();
                while let Some(line) = map.next_entry()? {
                    lines.push(line);
                }
                Ok(Lines(lines))
            }
            fn visit_unit<E: Error>(self) -> Result<Lines, E> {
                Ok(Lines::default())
            }
        }
        deserializer.deserialize_any(Forms)
    }
}

/// What is said of a line.
#[derive(Debug, PartialEq, Eq)]
enum Value {
    Nothing,
    Count(Number),
    /// As it stands, `1/2` or anything.
    Text(String),
}

impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Forms;
        impl Visitor<'_> for Forms {
            type Value = Value;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a count, \"1/2\", true or null")
            }
            fn visit_bool<E: Error>(self, is_hit: bool) -> Result<Value, E> {
                self.visit_u64(u64::from(is_hit))
            }
            fn visit_u64<E: Error>(self, count: u64) -> Result<Value, E> {
                Ok(Value::Count(count.into()))
            }
            fn visit_i64<E: Error>(self, count: i64) -> Result<Value, E> {
                Ok(Value::Count(count.into()))
            }
            fn visit_f64<E: Error>(self, count: f64) -> Result<Value, E> {
                Ok(Value::Count(count.into()))
            }
            fn visit_str<E: Error>(self, text: &str) -> Result<Value, E> {
                Ok(Value::Text(text.to_owned()))
            }
            fn visit_unit<E: Error>(self) -> Result<Value, E> {
                Ok(Value::Nothing)
            }
        }
        deserializer.deserialize_any(Forms)
    }
}

/// The profile in these bytes.
///
/// # Errors
/// Line and column of what is no JSON or not of this shape; a report without files.
pub fn read(name: &str, bytes: &[u8], notes: &mut Notes) -> Result<Profile, ReadError> {
    let report: Report = json::parse(bytes)?;
    if report.coverage.0.is_empty() {
        return Err(ReadError::malformed(Place::Whole, "the report lists no files"));
    }
    let mut draft = Draft::default();
    for (path, lines) in &report.coverage.0 {
        let file = draft.file(path);
        let mut odd: BTreeMap<&str, u64> = BTreeMap::new();
        for (line, value) in &lines.0 {
            if let Value::Count(count) = value {
                count.count(|| format!("{path}: line {line}"))?;
            }
            if let Err(what) = add(file, line, value) {
                *odd.entry(what).or_default() += 1;
            }
        }
        for (what, n) in odd {
            notes.add_times(name, format!("{path}: {what}"), n);
        }
    }
    Ok(draft.finish(Mode::Count, name, notes))
}

/// Adds a line, or says what is odd about it.
fn add(file: &mut FileDraft, line: &str, value: &Value) -> Result<(), &'static str> {
    let line = line.parse().map_err(|_| "a row whose key is no line, left out")?;
    match value {
        Value::Nothing => {}
        Value::Count(count) => {
            file.line(line, count.checked().unwrap_or(0));
        }
        Value::Text(text) => {
            if let Ok(count) = text.parse() {
                file.line(line, count);
                return Ok(());
            }
            let (taken, total) = fraction(text).ok_or("a row that is no count, left out")?;
            file.line(line, u64::from(taken > 0));
            file.tally(BranchKind::Branch, Span::line(line), "", taken, total);
        }
    }
    Ok(())
}

fn fraction(text: &str) -> Option<(u32, u32)> {
    let (taken, total) = text.split_once('/')?;
    Some((taken.trim().parse().ok()?, total.trim().parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::told;

    fn read_text(text: &str) -> Result<String, String> {
        told::file(&FORMAT, text)
    }

    #[test]
    fn lines_are_a_list_or_have_numbers() {
        let text = r#"{"messages":{},"coverage":{"b.py":[null,1,0,true,"1/2","0/2",-0.0,null],
            "a.py":{"1":0,"2":5.0,"3":"2/3","4":null,"x":1,"5":"many","6":"7","0":1}}}"#;
        let expected = "mode count\npackage - - -\nfile a.py\nfunction -\nline 1 0\nline 2 5\n\
                        line 3 1\nline 6 7\nbranch 3 - 2/3\nfile b.py\nfunction -\nline 1 1\n\
                        line 2 0\nline 3 1\nline 4 1\nline 5 0\nline 6 0\nbranch 4 - 1/2\n\
                        branch 5 - 0/2\n\
                        a.py: a row that is no count, left out\n\
                        a.py: a row whose key is no line, left out\n\
                        a.py: 1 rows with impossible numbers are left out\n";
        assert_eq!(read_text(text).unwrap(), expected);
    }

    #[test]
    fn errors_have_a_place() {
        let error = read_text("{\"coverage\":\n{\"a\":[[1]]}}").unwrap_err();
        assert!(error.starts_with("line 2, column 7: invalid type: sequence"), "{error}");
        assert_eq!(read_text("{\"coverage\":{}}").unwrap_err(), "the report lists no files");
        assert_eq!(
            read_text("{\"coverage\":{\"a.c\":{\"7\":-1}}}").unwrap_err(),
            "a.c: line 7: count -1 is below zero: its counter wrapped or was overwritten"
        );
    }

    #[test]
    fn the_head_says_what_it_is() {
        for head in [
            "{\"coverage\":{\"a\":{\"1\":0",
            "\u{feff}{ \"messages\":{\"a\":[1]},\n \"coverage\" : { \"a\\\"b\" : [ null, 1",
        ] {
            assert!(sniff(head.as_bytes()), "{head}");
        }
        for head in [
            "{\"coverage\":{\"a\":{\"lines\":[1]}}}",
            "{\"RSpec\":{\"coverage\":{\"a\":[1]}}}",
            "{\"coverage\":{}}",
            "{\"coverage\":[{\"a\":1}]}",
        ] {
            assert!(!sniff(head.as_bytes()), "{head}");
        }
    }
}
