//! gcov's JSON, as `gcov --json-format` of GCC 9 and later writes it (`.gcov.json.gz`).
//!
//! ```text
//! {"gcc_version", "format_version": "1" | "2", "current_working_directory", "data_file",
//!  "files": [{"file", "functions": [{"name", "demangled_name", "start_line", …, "execution_count"}],
//!             "lines": [{"line_number", "function_name", "count",
//!                        "branches": [{"count", "fallthrough", "throw"}],
//!                        "conditions": [{"count", "covered", "not_covered_true": [0], …}]}]}]}
//! ```
//!
//! Spec: GCC manual, "Invoking Gcov". A line of a template stands there once for each instance:
//! its counts are added, and its branches stay apart by the name of the instance. Paths that are
//! relative begin at the working directory, which is put in front.
//!
//! Not kept: blocks, calls, and whether an arm is a fall-through or throws.

use coverage::{BranchKind, Mode, Position, Profile, Span};
use serde::Deserialize;

use crate::draft::{Draft, FileDraft};
use crate::limits::{self, Budget};
use crate::{Format, Notes, Place, Read, ReadError, json};

/// The format.
pub const FORMAT: Format = Format {
    id: "gcov_json",
    name: "gcov JSON",
    extensions: &["gcov.json", "json"],
    sniff,
    read: Read::File(read),
    write: None,
};

fn sniff(head: &[u8]) -> bool {
    // The order of the members is that of a hash.
    json::sniff(head, &["\"gcc_version\""])
        || json::sniff(head, &["\"files\"", "\"unexecuted_block\"", "\"line_number\""])
}

#[derive(Deserialize)]
struct Document {
    #[serde(default)]
    format_version: String,
    #[serde(default)]
    current_working_directory: String,
    files: Vec<FileRow>,
}

#[derive(Deserialize)]
struct FileRow {
    file: String,
    #[serde(default)]
    functions: Vec<FunctionRow>,
    #[serde(default)]
    lines: Vec<LineRow>,
}

#[derive(Deserialize)]
struct FunctionRow {
    name: String,
    #[serde(default)]
    demangled_name: String,
    start_line: u32,
    #[serde(default)]
    start_column: u32,
    #[serde(default)]
    end_line: u32,
    #[serde(default)]
    end_column: u32,
    execution_count: json::Number,
}

/// A line of one function. gcovr has the same rows.
#[derive(Deserialize)]
pub(crate) struct LineRow {
    pub(crate) line_number: u32,
    #[serde(default)]
    function_name: Option<String>,
    count: json::Number,
    #[serde(default)]
    branches: Vec<ArmRow>,
    #[serde(default)]
    conditions: Vec<ConditionRow>,
}

#[derive(Deserialize)]
struct ArmRow {
    count: json::Number,
}

/// Outcomes of the conditions of one decision: each condition has two.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct ConditionRow {
    pub(crate) count: u32,
    #[serde(default)]
    pub(crate) not_covered_false: Vec<u32>,
    #[serde(default)]
    pub(crate) not_covered_true: Vec<u32>,
}

/// The profile in these bytes.
///
/// # Errors
/// Where and why they are no gcov JSON.
pub fn read(name: &str, bytes: &[u8], notes: &mut Notes) -> Result<Profile, ReadError> {
    let document: Document = json::parse(bytes)?;
    if !matches!(document.format_version.as_str(), "" | "1" | "2") {
        let reason = format!("format version {} is not known", document.format_version);
        return Err(ReadError::unsupported(Place::Whole, reason));
    }
    if document.files.is_empty() {
        let note = "names no files: gcov did not find the .gcno file";
        notes.add(name, note);
    }
    let mut draft = Draft::default();
    let mut joins = Budget::of_names();
    for row in document.files {
        joins.take(document.current_working_directory.len())?;
        let path = joined(&document.current_working_directory, &row.file);
        let file = draft.file(&path);
        for function in row.functions {
            let span = extent(&function);
            let name = match function.demangled_name.as_str() {
                "" => &function.name,
                name => name,
            };
            let count = function.execution_count.count(|| format!("{path}: function {name}"))?;
            file.function(name, Some(span), Some(count));
        }
        row.lines.iter().try_for_each(|line| add_line(file, &path, line))?;
    }
    Ok(draft.finish(Mode::Count, name, notes))
}

/// Adds a line of the file of this path with its branches and conditions.
///
/// # Errors
/// A count is negative.
pub(crate) fn add_line(file: &mut FileDraft, path: &str, row: &LineRow) -> Result<(), ReadError> {
    let here = || format!("{path}: line {}", row.line_number);
    file.line(row.line_number, row.count.count(here)?);
    let place = Span::line(row.line_number);
    let instance = row.function_name.as_deref().unwrap_or_default();
    for (index, arm) in row.branches.iter().enumerate() {
        let count = arm.count.count(|| format!("{}, branch {index}", here()))?;
        file.arm(BranchKind::Branch, place, instance, &index.to_string(), count);
    }
    for (decision, condition) in row.conditions.iter().enumerate() {
        condition.tell(file, place, format!("{instance} {decision}").trim());
    }
    Ok(())
}

impl ConditionRow {
    /// Adds the outcomes of each condition, of as many as GCC has.
    pub(crate) fn tell(&self, file: &mut FileDraft, place: Span, name: &str) {
        for index in 0..(self.count / 2).min(limits::CONDITIONS) {
            for (sense, missed) in [("t", &self.not_covered_true), ("f", &self.not_covered_false)] {
                let hit = u64::from(!missed.contains(&index));
                file.arm(BranchKind::Condition, place, name, &format!("{index}{sense}"), hit);
            }
        }
    }
}

fn extent(function: &FunctionRow) -> Span {
    match (function.start_line, function.end_line) {
        (first, last) if last < first || last == 0 => Span::line(first),
        (first, last) if function.start_column == 0 => {
            Span { end: Span::line(last).end, start: Span::line(first).start }
        }
        (line, last) => Span {
            start: Position { line, column: function.start_column },
            end: Position { line: last, column: function.end_column.saturating_add(1) },
        },
    }
}

/// The path of a file that is given from a folder.
pub(crate) fn joined(folder: &str, path: &str) -> String {
    let absolute =
        path.starts_with('/') || path.get(1..3).is_some_and(|root| root.starts_with(':'));
    if folder.is_empty() || absolute || path.starts_with('<') {
        return path.to_owned();
    }
    let (mut folder, mut path) = (folder.trim_end_matches('/'), path);
    loop {
        if let Some(rest) = path.strip_prefix("./") {
            path = rest;
        } else if let (Some(rest), Some((above, _))) =
            (path.strip_prefix("../"), folder.rsplit_once('/'))
        {
            (path, folder) = (rest, above);
        } else {
            return format!("{folder}/{path}");
        }
    }
}

#[cfg(test)]
mod tests {
    use coverage::dump;

    use super::*;

    #[test]
    fn instances_of_a_template_are_one_line() {
        let text = r#"{"gcc_version": "14", "format_version": "2", "current_working_directory": "/b/x",
            "files": [{"file": "../a.h", "functions": [
              {"name": "_Zi", "demangled_name": "f<int>()", "start_line": 2, "start_column": 1,
               "end_line": 4, "end_column": 1, "execution_count": 3}],
             "lines": [
              {"line_number": 3, "function_name": "_Zi", "count": 3, "branches": [
                {"count": 2, "throw": false}, {"count": 1, "throw": true}],
               "conditions": [{"count": 4, "covered": 3, "not_covered_false": [], "not_covered_true": [1]}]},
              {"line_number": 3, "function_name": "_Zd", "count": 0, "branches": [{"count": 0}]}]}]}"#;
        let mut notes = Notes::default();
        let profile = read("a", text.as_bytes(), &mut notes).unwrap();
        assert_eq!(
            dump::write(&profile),
            "mode count\npackage /b - -\nfile /b/a.h\nfunction -\nline 3 3\n\
             function f<int>() 2.1,4.2 3\nbranch 3 _Zd 0=0\nbranch 3 _Zi 0=2 1=1\n\
             condition 3 _Zi%200 0t=1 0f=1 1t=0 1f=1\n"
        );
    }

    #[test]
    fn a_count_that_wrapped_is_refused() {
        let refused = |function: i64, line: i64, arm: i64| {
            let text = format!(
                r#"{{"gcc_version": "14", "current_working_directory": "/b", "files": [{{
                "file": "a.c", "functions": [{{"name": "f", "start_line": 1,
                "execution_count": {function}}}], "lines": [{{"line_number": 7,
                "count": {line}, "branches": [{{"count": 3}}, {{"count": {arm}}}]}}]}}]}}"#
            );
            read("a", text.as_bytes(), &mut Notes::default()).unwrap_err().to_string()
        };
        let why = "is below zero: its counter wrapped or was overwritten";
        assert_eq!(refused(-1, 0, 0), format!("/b/a.c: function f: count -1 {why}"));
        assert_eq!(refused(0, i64::MIN, 0), format!("/b/a.c: line 7: count {} {why}", i64::MIN));
        assert_eq!(refused(0, 1, -9), format!("/b/a.c: line 7, branch 1: count -9 {why}"));
    }

    #[test]
    fn folders_that_would_fill_the_memory_are_refused() {
        let file = format!("{{\"file\": \"{}\"}},", "a");
        let text = format!(
            r#"{{"gcc_version": "14", "current_working_directory": "/{}",
            "files": [{}{{"file": "b"}}]}}"#,
            "d".repeat(limits::JOINED_BYTES / 1_000),
            file.repeat(1_000)
        );
        let error = read("a", text.as_bytes(), &mut Notes::default()).unwrap_err();
        assert_eq!(error.to_string(), "more than 268435456 bytes of names that are put together");
    }

    #[test]
    fn paths_begin_at_the_working_directory() {
        for (path, expected) in [
            ("a.c", "/w/b/a.c"),
            ("../a.c", "/w/a.c"),
            ("./../../x/a.c", "/x/a.c"),
            ("/usr/a.h", "/usr/a.h"),
            ("C:/a.h", "C:/a.h"),
            ("<built-in>", "<built-in>"),
        ] {
            assert_eq!(joined("/w/b", path), expected);
        }
        assert_eq!(joined("", "../a.c"), "../a.c");
    }
}
