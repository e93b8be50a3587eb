//! Xcode's coverage as `xccov view --json` prints it: archives with lines, reports with functions.
//!
//! ```text
//! { "/src/A.swift": [{ "line": 2, "isExecutable": true, "executionCount": 3,       --archive
//!     "subranges": [{ "column": 13, "length": 9, "executionCount": 0 }] }] }
//!
//! { "targets": [{ "name": "App", "files": [{ "path": "/src/A.swift",               --report
//!     "functions": [{ "name": "f()", "lineNumber": 2, "executionCount": 3,
//!                     "executableLines": 2, "coveredLines": 2 }] }] }] }
//! ```
//!
//! Spec: `man xccov`; the keys are those that it prints.
//!
//! A line of an archive that can't run is none. A part of a line with a count of its own is a
//! region; its column is taken to count from 1, as LLVM's do, from which it comes. A report has
//! functions only, each on the line of its start; a file that several targets have is added up.
//!
//! What the model can't keep: targets, and how many lines of a function or file a report says are
//! covered, but not which. A note names the archive instead.

use coverage::{Mode, Profile, Span};
use serde::Deserialize;

use crate::draft::Draft;
use crate::json::{self, Number, Pairs};
use crate::{Format, Notes, Place, Read, ReadError};

/// The format.
pub const FORMAT: Format = Format {
    id: "xccov",
    name: "Xcode xccov JSON",
    extensions: &["json"],
    sniff: |head| is_archive(head) || is_report(head),
    read: Read::File(read),
    write: None,
};

fn is_archive(head: &[u8]) -> bool {
    json::sniff(head, &["\"isExecutable\"", "\"line\""])
}

fn is_report(head: &[u8]) -> bool {
    json::sniff(head, &["\"executableLines\"", "\"coveredLines\"", "\"lineCoverage\""])
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Line {
    line: u32,
    #[serde(default)]
    is_executable: bool,
    #[serde(default)]
    execution_count: Number,
    #[serde(default)]
    subranges: Option<Vec<Subrange>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Subrange {
    column: u32,
    length: u32,
    #[serde(default)]
    execution_count: Number,
}

/// A report; of one target or one file it may be that alone.
#[derive(Deserialize)]
struct Report {
    #[serde(default)]
    targets: Vec<Target>,
    #[serde(default)]
    files: Vec<File>,
}

#[derive(Deserialize)]
struct Target {
    #[serde(default)]
    files: Vec<File>,
}

#[derive(Deserialize)]
struct File {
    path: String,
    #[serde(default)]
    functions: Vec<Function>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Function {
    name: String,
    line_number: Number,
    #[serde(default)]
    execution_count: Number,
}

/// The profile in these bytes.
///
/// # Errors
/// Line and column of what is no JSON or not of this shape; no files.
pub fn read(name: &str, bytes: &[u8], notes: &mut Notes) -> Result<Profile, ReadError> {
    let head = bytes.get(..crate::HEAD_BYTES).unwrap_or(bytes);
    let mut draft = Draft::default();
    if is_archive(head) {
        for (path, lines) in json::parse::<Pairs<Vec<Line>>>(bytes)?.0 {
            let file = draft.file(&path);
            for line in lines.iter().filter(|line| line.is_executable) {
                let here = || format!("{path}: line {}", line.line);
                file.line(line.line, line.execution_count.count(here)?);
                for part in line.subranges.iter().flatten() {
                    let end = part.column.saturating_add(part.length);
                    let span = Span::new(line.line, part.column, line.line, end);
                    let what = || format!("{}, column {}", here(), part.column);
                    file.region(span, part.execution_count.count(what)?);
                }
            }
        }
    } else {
        let report: Report = json::parse(bytes)?;
        for file in report.targets.iter().flat_map(|target| &target.files).chain(&report.files) {
            let draft = draft.file(&file.path);
            for function in &file.functions {
                let line = function.line_number.position().unwrap_or(0);
                let what = || format!("{}: function {}", file.path, function.name);
                let count = function.execution_count.count(what)?;
                draft.function(&function.name, Some(Span::line(line)), Some(count));
            }
        }
        let why = "a report has functions, no lines: `xccov view --archive --json` has those";
        notes.add(name, why);
    }
    if draft.is_empty() {
        return Err(ReadError::malformed(Place::Whole, "no files are listed"));
    }
    Ok(draft.finish(Mode::Count, name, notes))
}

#[cfg(test)]
mod tests {
    use coverage::dump;

    use super::*;

    fn read_text(text: &str) -> Result<(String, usize), String> {
        let mut notes = Notes::default();
        let profile = read("x", text.as_bytes(), &mut notes).map_err(|error| error.to_string())?;
        Ok((dump::write(&profile), notes.all().len()))
    }

    #[test]
    fn archives_have_lines_and_parts_of_them() {
        let text = r#"{"/p/a.swift":[{"line":1,"isExecutable":false},
            {"line":2,"isExecutable":true,"executionCount":3,
            "subranges":[{"column":5,"length":4,"executionCount":0}]},
            {"line":3,"isExecutable":true,"executionCount":0}]}"#;
        let expected = "mode count\npackage /p - -\nfile /p/a.swift\nfunction -\nline 2 3\n\
                        line 3 0\nregion 2.5,2.9 0\n";
        assert_eq!(read_text(text), Ok((expected.to_owned(), 0)));
    }

    #[test]
    fn reports_have_functions_of_all_targets() {
        let file = r#"{"path":"/p/a.swift","coveredLines":1,"executableLines":2,"lineCoverage":0.5,
            "functions":[{"name":"f()","lineNumber":2,"executionCount":3},
            {"name":"g()","lineNumber":9,"executionCount":0}]}"#;
        let text = format!("{{\"targets\":[{{\"files\":[{file}]}},{{\"files\":[{file}]}}]}}");
        let expected = "mode count\npackage /p - -\nfile /p/a.swift\nfunction f() 2 6\n\
                        function g() 9 0\n";
        assert_eq!(read_text(&text), Ok((expected.to_owned(), 1)));
        assert_eq!(read_text("{\"targets\":[]}"), Err("no files are listed".to_owned()));
    }
}
