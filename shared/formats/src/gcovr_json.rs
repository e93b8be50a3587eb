//! gcovr's own JSON report, as `gcovr --json` writes it.
//!
//! ```text
//! {"gcovr/format_version": "0.15",
//!  "files": [{"file", "lines": [{"line_number", "function_name", "count", "gcovr/noncode",
//!                                "branches": [{"count", …}], "conditions": […]}],
//!             "functions": [{"name", "demangled_name", "lineno", "execution_count", "pos"}]}]}
//! ```
//!
//! Spec: gcovr's guide, "JSON Output". Lines that it excludes or takes for no code are left out,
//! as they are from its own totals. A line of a template stands there once for each instance, as
//! in gcov's own JSON; gcovr counts such rows one by one, here they are one line.
//!
//! Not kept: decisions, calls, blocks, the hashes of lines.

use coverage::{Mode, Profile, Span};
use serde::Deserialize;

use crate::draft::Draft;
use crate::gcov_json::{LineRow, add_line};
use crate::{Format, Notes, Read, ReadError, json, text};

/// The format.
pub const FORMAT: Format = Format {
    id: "gcovr_json",
    name: "gcovr JSON",
    extensions: &["json"],
    sniff,
    read: Read::File(read),
    write: None,
};

#[derive(Deserialize)]
struct Document {
    files: Vec<FileRow>,
}

#[derive(Deserialize)]
struct FileRow {
    file: String,
    #[serde(default)]
    lines: Vec<Row>,
    #[serde(default)]
    functions: Vec<FunctionRow>,
}

#[derive(Deserialize)]
struct Row {
    #[serde(flatten)]
    line: LineRow,
    #[serde(default, rename = "gcovr/noncode")]
    noncode: bool,
    #[serde(default, rename = "gcovr/excluded")]
    excluded: bool,
}

#[derive(Deserialize)]
struct FunctionRow {
    #[serde(default)]
    name: Option<String>,
    #[serde(default)]
    demangled_name: Option<String>,
    #[serde(default)]
    lineno: u32,
    #[serde(default)]
    execution_count: json::Number,
    #[serde(default, rename = "gcovr/excluded")]
    excluded: bool,
}

/// Before version 8 members were sorted, so that the version of the format stands at the end.
fn sniff(head: &[u8]) -> bool {
    let is_old = || {
        let head: String = text::decode(head).chars().filter(|c| !c.is_whitespace()).collect();
        let rows = [
            r#""functions":[{"blocks_percent":"#,
            r#""functions":[{"execution_count":"#,
            r#""functions":[],"lines":[{"branches":"#,
            r#""gcovr/"#,
        ];
        head.starts_with(r#"{"files":[{"file":""#)
            && rows.iter().any(|row| head.contains(row))
            && !head.contains(r#""unexecuted_block""#)
    };
    json::sniff(head, &["\"gcovr/format_version\"", "\"files\""]) || is_old()
}

/// The profile in these bytes.
///
/// # Errors
/// Where and why they are no report of gcovr.
pub fn read(name: &str, bytes: &[u8], notes: &mut Notes) -> Result<Profile, ReadError> {
    let document: Document = json::parse(bytes)?;
    let mut draft = Draft::default();
    for row in document.files {
        let file = draft.file(&row.file);
        for line in row.lines.iter().filter(|line| !line.noncode && !line.excluded) {
            add_line(file, &row.file, &line.line)?;
        }
        for function in row.functions.iter().filter(|function| !function.excluded) {
            let name = function.demangled_name.as_ref().or(function.name.as_ref());
            let name = name.map_or("", String::as_str);
            let span = (function.lineno > 0).then(|| Span::line(function.lineno));
            let what = || format!("{}: function {name}", row.file);
            file.function(name, span, Some(function.execution_count.count(what)?));
        }
    }
    Ok(draft.finish(Mode::Count, name, notes))
}

#[cfg(test)]
mod tests {
    use coverage::dump;

    use super::*;

    #[test]
    fn the_version_may_stand_at_the_end() {
        for (row, is_ours) in [
            (r#""functions": [], "lines": [{"branches": [], "count": 1, "line_number": 3}"#, true),
            (r#""functions": [{"execution_count": 4, "lineno": 5, "name": "gen(int)"}"#, true),
            (r#""lines": [{"branches": [], "count": 0, "gcovr/noncode": true}"#, true),
            (r#""functions": [], "lines": [{"branches": [], "unexecuted_block": false}"#, false),
            (r#""summary": {}"#, false),
        ] {
            let head = format!("{{\n \"files\": [\n{{\"file\": \"a b.c\", {row}");
            assert_eq!(sniff(head.as_bytes()), is_ours, "{head}");
        }
    }

    #[test]
    fn what_gcovr_leaves_out_stays_out() {
        let text = r#"{"gcovr/format_version": "0.6", "files": [{"file": "a.c", "lines": [
            {"line_number": 1, "count": 2, "branches": [{"count": 2}, {"count": 0}]},
            {"line_number": 2, "count": 0, "branches": [], "gcovr/noncode": true},
            {"line_number": 3, "count": 0, "branches": [], "gcovr/excluded": true}],
          "functions": [{"name": "f", "lineno": 1, "execution_count": 2}]}]}"#;
        let profile = read("a", text.as_bytes(), &mut Notes::default()).unwrap();
        assert_eq!(
            dump::write(&profile),
            "mode count\npackage - - -\nfile a.c\nfunction -\nline 1 2\nfunction f 1 2\n\
             branch 1 - 0=2 1=0\n"
        );
    }
}
