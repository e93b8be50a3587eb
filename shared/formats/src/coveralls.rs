//! Coveralls JSON: what coverage reporters of many languages post to coveralls.io, and gcovr,
//! excoveralls and others write to files.
//!
//! ```text
//! { "repo_token": "…", "git": …,
//!   "source_files": [ { "name": "src/a.c", "source_digest": "…",
//!     "coverage": [null, 1, 0],             one for each line, from line 1; may be a JSON string
//!     "branches": [2, 0, 0, 1, 2, 0, 1, 0]  line, block, arm, how often; and so on
//!   } ] }
//! ```
//!
//! Spec: <https://docs.coveralls.io/api-reference>.
//!
//! What the model can't keep: sources, digests, and what is said of the repository. A file that
//! is written has no digest, as no source is at hand.

use std::fmt::{self, Write as _};

use coverage::{Branch, BranchKind, Mode, Profile, Span, UnitKind};
use serde::Deserialize;
use serde::de::{self, Deserializer, SeqAccess, Visitor};

use crate::draft::Draft;
use crate::json::{self, Number};
use crate::{Format, Notes, Place, Read, ReadError, Write, limits, text};

/// The format.
pub const FORMAT: Format = Format {
    id: "coveralls",
    name: "Coveralls JSON",
    extensions: &["json"],
    sniff: |head| {
        json::member(&text::decode(head), "source_files").is_some_and(|list| list.starts_with('['))
    },
    read: Read::File(read),
    write: Some(Write {
        files: |profile| vec![("coveralls.json".to_owned(), write(profile).into_bytes())],
        blocks: false,
        keeps: &["lines", "branches"],
    }),
};

#[derive(Deserialize)]
struct Report {
    source_files: Vec<SourceFile>,
}

#[derive(Deserialize)]
struct SourceFile {
    name: String,
    #[serde(default)]
    coverage: Lines,
    #[serde(default)]
    branches: Option<Vec<Number>>,
}

/// Counts by line: an array, or the text of one.
#[derive(Default)]
struct Lines(Vec<Number>);

impl<'de> Deserialize<'de> for Lines {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Forms;
        impl<'de> Visitor<'de> for Forms {
            type Value = Lines;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an array of counts")
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut array: A) -> Result<Lines, A::Error> {
                let mut counts = Vec::new();
                while let Some(count) = array.next_element()? {
                    counts.push(count);
                }
                Ok(Lines(counts))
            }
            fn visit_str<E: de::Error>(self, text: &str) -> Result<Lines, E> {
                serde_json::from_str(text).map(Lines).map_err(E::custom)
            }
            fn visit_unit<E: de::Error>(self) -> Result<Lines, E> {
                Ok(Lines::default())
            }
        }
        deserializer.deserialize_any(Forms)
    }
}

/// The profile in these bytes. What is said twice of a file is added up.
///
/// # Errors
/// Line and column of what is no JSON or not of this shape; a report without files.
pub fn read(name: &str, bytes: &[u8], notes: &mut Notes) -> Result<Profile, ReadError> {
    let report: Report = json::parse(bytes)?;
    if report.source_files.is_empty() {
        return Err(ReadError::malformed(Place::Whole, "the report lists no files"));
    }
    let mut draft = Draft::default();
    for SourceFile { name: path, coverage, branches } in report.source_files {
        let file = draft.file(&path);
        for (line, count) in (1u32..).zip(&coverage.0).filter(|(_, count)| count.is_some()) {
            file.line(line, count.count(|| format!("{path}: line {line}"))?);
        }
        let branches = branches.unwrap_or_default();
        let (quads, rest) = branches.as_chunks::<4>();
        if !rest.is_empty() {
            notes.add(name, format!("{path}: the last branch is cut, and left out"));
        }
        for [line, block, arm, count] in quads {
            let line = line.position().unwrap_or(0);
            let label = |number: &Number| number.checked().unwrap_or(0).to_string();
            let (block, arm) = (label(block), label(arm));
            let what = || format!("{path}: line {line}, branch {block}, arm {arm}");
            let count = count.count(what)?;
            file.arm(BranchKind::Branch, Span::line(line), &block, &arm, count);
        }
    }
    Ok(draft.finish(Mode::Count, name, notes))
}

/// The profile as a report: files by path, and in each a row for every line up to the last one
/// that counts. Of a file whose lines are as scattered as no source's, those past
/// [`limits::ARRAY_LINES`] are left out.
fn write(profile: &Profile) -> String {
    let shape = profile.shape();
    let mut files: Vec<Rows> = shape
        .files()
        .iter()
        .map(|file| Rows { path: file.path.as_str(), lines: Vec::new(), branches: Vec::new() })
        .collect();
    for unit in shape.unit_indexes().filter(|unit| shape.unit(*unit).kind == UnitKind::Line) {
        if let Some(file) = files.get_mut(shape.file_of(unit).index()) {
            file.lines.push((shape.unit(unit).span.start.line, profile.count(unit)));
        }
    }
    for branch in shape.branches().iter().filter(|branch| branch.kind == BranchKind::Branch) {
        if let Some(file) = files.get_mut(branch.file.index()) {
            file.branches.push(branch);
        }
    }
    files.sort_by_key(|file| file.path);
    let mut room = limits::ARRAY_LINES;
    let mut out = String::from("{\"source_files\":[");
    for (position, Rows { path, lines, branches }) in files.iter_mut().enumerate() {
        let comma = if position == 0 { "" } else { "," };
        let _ = write!(out, "{comma}\n{{\"name\":{},\"coverage\":[", json::quoted(path));
        lines.sort_unstable();
        let mut next = 1;
        for &(line, count) in &*lines {
            let Some(left) = room.checked_sub(line.saturating_sub(next)) else { break };
            room = left;
            while next < line {
                out.push_str(if next == 1 { "null" } else { ",null" });
                next += 1;
            }
            let _ = write!(out, "{}{count}", if next == 1 { "" } else { "," });
            next += 1;
        }
        out.push_str("],\"branches\":[");
        let mut blocks = Blocks::default();
        branches.sort_by_key(|branch| branch.span);
        let mut comma = "";
        for branch in branches {
            let line = branch.span.start.line;
            let block = blocks.next(line);
            for (arm, (_, at)) in shape.arms_of(branch).enumerate() {
                let count = profile.arm_counts().get(at).copied().unwrap_or(0);
                let _ = write!(out, "{comma}{line},{block},{arm},{count}");
                comma = ",";
            }
        }
        out.push_str("]}");
    }
    out.push_str("\n]}\n");
    out
}

/// What is written of a file.
struct Rows<'a> {
    path: &'a str,
    lines: Vec<(u32, u64)>,
    branches: Vec<&'a Branch>,
}

/// Numbers for the branches of each line.
#[derive(Default)]
struct Blocks {
    line: u32,
    block: u32,
}

impl Blocks {
    fn next(&mut self, line: u32) -> u32 {
        self.block = if line == self.line { self.block + 1 } else { 0 };
        self.line = line;
        self.block
    }
}

#[cfg(test)]
mod tests {
    use coverage::{Metrics, dump};

    use super::*;
    use crate::told;

    fn read_text(text: &str) -> Result<String, String> {
        told::file(&FORMAT, text)
    }

    #[test]
    fn lines_may_be_a_text_and_branches_come_in_fours() {
        let text = r#"{"git":{"source_files":[]},"source_files":[
            {"name":"b.c","coverage":"[1,null,0]","branches":[1,0,0,3,1,0,1,0,1]},
            {"name":"a.c","coverage":[null,5],"branches":null},
            {"name":"a.c","coverage":[0,2.0]},{"name":"c.c"}]}"#;
        let expected = "mode count\npackage - - -\nfile a.c\nfunction -\nline 1 0\nline 2 7\n\
                        file b.c\nfunction -\nline 1 1\nline 3 0\nbranch 1 0 0=3 1=0\nfile c.c\n\
                        b.c: the last branch is cut, and left out\n";
        assert_eq!(read_text(text).unwrap(), expected);
    }

    #[test]
    fn what_is_written_has_a_row_for_every_line() {
        let profile = dump::parse(
            "mode count\npackage p - -\nfile p/\"b\".c\nfunction -\nline 3 4\nline 1 0\n\
             branch 3 if then=4 else=0\nbranch 3 x 0=1\nbranch 4 - 1/2\ncondition 3 - a=1\n",
        )
        .unwrap();
        let text = "{\"source_files\":[\n{\"name\":\"p/\\\"b\\\".c\",\"coverage\":[0,null,4],\
                    \"branches\":[3,0,0,4,3,0,1,0,3,1,0,1,4,0,0,1,4,0,1,0]}\n]}\n";
        assert_eq!(write(&profile), text);
        let again = read("", text.as_bytes(), &mut Notes::default()).unwrap();
        assert_eq!(write(&again), text);
        assert_eq!(Metrics::of(&again).branches, Metrics::of(&profile).branches);
    }

    #[test]
    fn lines_that_no_source_has_do_not_fill_the_memory() {
        let mut text = String::from("mode count\npackage p - -\n");
        for file in 0..30 {
            let _ = write!(text, "file p/{file}\nfunction -\nline 2 1\nline 9000000 1\n");
        }
        let written = write(&dump::parse(&text).unwrap());
        assert!(written.len() < 6 * limits::ARRAY_LINES as usize, "{}", written.len());
    }

    #[test]
    fn errors_have_a_place() {
        let error = read_text("{\"source_files\":[{\"name\":\"a\",\n\"coverage\":[x]}]}");
        assert_eq!(error.unwrap_err(), "line 2, column 13: expected value");
        let error = read_text("{\"source_files\":[]}").unwrap_err();
        assert_eq!(error, "the report lists no files");
        let why = "is below zero: its counter wrapped or was overwritten";
        for (file, what) in [
            (r#""coverage":[1,null,-2]"#, "line 3: count -2"),
            (r#""coverage":[1],"branches":[7,0,1,-9]"#, "line 7, branch 0, arm 1: count -9"),
        ] {
            let text = format!(r#"{{"source_files":[{{"name":"a.c",{file}}}]}}"#);
            assert_eq!(read_text(&text).unwrap_err(), format!("a.c: {what} {why}"));
        }
    }

    #[test]
    fn the_head_says_what_it_is() {
        for head in
            ["{\"source_files\" : [", "\u{feff} {\"git\":{\"a\":[1,\"}\"]},\"source_files\":[{"]
        {
            assert!((FORMAT.sniff)(head.as_bytes()), "{head}");
        }
        for head in [
            "{}",
            "[{\"source_files\":[]}]",
            "{\"a\":{\"source_files\":[]}}",
            "{\"source_files\":{",
        ] {
            assert!(!(FORMAT.sniff)(head.as_bytes()), "{head}");
        }
    }
}
