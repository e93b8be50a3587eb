//! coverage.py's JSON report, of `coverage json`, formats 1 to 3.
//!
//! ```text
//! { "meta": { "format": 3, "version": "7.17.3", "branch_coverage": true, "show_contexts": true },
//!   "files": { "pkg/a.py": {
//!     "executed_lines": [1, 4], "missing_lines": [5], "excluded_lines": [9],
//!     "executed_branches": [[4, 5]], "missing_branches": [[4, -3]],   from, to; negative: exits
//!     "contexts": { "4": ["test_a", ""] },
//!     "functions": { "f": { "start_line": 3, "executed_lines": … }, "": … },
//!     "classes": … }},
//!   "totals": … }
//! ```
//!
//! Spec: <https://coverage.readthedocs.io/en/latest/cmd.html#json-reporting-coverage-json>.
//!
//! Lines are hit or not; excluded ones are no lines here, also where they ran. An arm is a way out of a line: `to 5`,
//! or `exit 3` for leaving the code that starts on line 3. A function is hit if one of its lines
//! is, stands on its `start_line` or, in reports before that was written, on its first line of
//! code, and is left out if nothing of it counts. Totals are those of `coverage report`, but for
//! older versions (7.2 still) that list docstrings as executed lines and do not count them: they
//! can't be told from others, and a note says how many there are.
//!
//! Branches are listed less exactly than they are counted. Ways from a line to itself that are none
//! in the source are listed by older versions, and what `while True` or `no branch` exempts counts
//! as taken without being listed. Where the summary tells, the former are left out, and a line of
//! one taken arm has a second. A note says what is counted beyond that, of which no line is known.
//!
//! What the model can't keep: which lines are excluded, and classes, but for their methods. Lines
//! that ran in no context, `""`, just have none.

use std::collections::{BTreeMap, BTreeSet};

use coverage::{BranchKind, Mode, Profile, Span};
use serde::Deserialize;

use crate::draft::{Draft, FileDraft};
use crate::json::{self, Pairs};
use crate::{Format, Notes, Place, Read, ReadError};

/// The format.
pub const FORMAT: Format = Format {
    id: "coveragepy_json",
    name: "coverage.py JSON",
    extensions: &["json"],
    sniff: |head| json::sniff(head, &["\"meta\"", "\"branch_coverage\"", "\"show_contexts\""]),
    read: Read::File(read),
    write: None,
};

#[derive(Deserialize)]
struct Report {
    files: Pairs<File>,
}

#[derive(Deserialize)]
struct File {
    #[serde(flatten)]
    region: Region,
    #[serde(default)]
    summary: Summary,
    #[serde(default)]
    executed_branches: Vec<(i64, i64)>,
    #[serde(default)]
    missing_branches: Vec<(i64, i64)>,
    #[serde(default)]
    contexts: Pairs<Vec<String>>,
    #[serde(default)]
    functions: Pairs<Region>,
}

#[derive(Deserialize, Default)]
struct Summary {
    covered_lines: Option<u64>,
    num_branches: Option<usize>,
}

#[derive(Deserialize)]
struct Region {
    executed_lines: Vec<i64>,
    missing_lines: Vec<i64>,
    #[serde(default)]
    excluded_lines: Vec<i64>,
    start_line: Option<i64>,
}

/// The profile in these bytes.
///
/// # Errors
/// Line and column of what is no JSON or not of this shape; a report without files.
pub fn read(name: &str, bytes: &[u8], notes: &mut Notes) -> Result<Profile, ReadError> {
    let report: Report = json::parse(bytes)?;
    if report.files.0.is_empty() {
        return Err(ReadError::malformed(Place::Whole, "the report lists no files"));
    }
    let mut draft = Draft::default();
    for (path, file) in &report.files.0 {
        let n_listed = file.region.executed().count() as u64;
        let n_more = n_listed.saturating_sub(file.summary.covered_lines.unwrap_or(n_listed));
        if n_more > 0 {
            let why = "lines ran that its summary does not count: docstrings, it doesn't say which";
            notes.add(name, format!("{path}: {n_more} {why}"));
        }
        let arms = file.arms();
        let n_arms: usize = arms.values().map(BTreeMap::len).sum();
        let n_counted = file.summary.num_branches.unwrap_or(n_arms);
        if n_counted != n_arms {
            let why = "branches are told of by line";
            notes.add(name, format!("{path}: {n_arms} of the {n_counted} counted {why}"));
        }
        add(draft.file(path), file, &arms);
    }
    Ok(draft.finish(Mode::Set, name, notes))
}

impl Region {
    /// Lines that ran and count. Older versions list excluded ones with them.
    fn executed(&self) -> impl Iterator<Item = i64> {
        let excluded: BTreeSet<i64> = self.excluded_lines.iter().copied().collect();
        self.executed_lines.iter().copied().filter(move |line| !excluded.contains(line))
    }
}

/// Where each line may go, in that order whichever was taken, and whether it did.
type Arms = BTreeMap<i64, BTreeMap<i64, u64>>;

/// An arm that is counted as taken, but not listed.
const UNLISTED: i64 = i64::MAX;

impl File {
    /// The arms that are counted, as far as the list and the summary say.
    fn arms(&self) -> Arms {
        let mut listed = Arms::new();
        // Some versions list some of them several times.
        for (arcs, count) in [(&self.missing_branches, 0), (&self.executed_branches, 1)] {
            for &(from, to) in arcs {
                listed.entry(from).or_default().insert(to, count);
            }
        }
        let n_counted = self.summary.num_branches;
        let n_of = |arms: &Arms| arms.values().map(BTreeMap::len).sum::<usize>();
        if n_counted.is_none_or(|n_counted| n_counted == n_of(&listed)) {
            return listed;
        }
        let mut counted = listed.clone();
        for (from, arms) in &mut counted {
            if arms.len() > 2 {
                arms.remove(from);
            } else if arms.len() == 1 && arms.values().all(|count| *count > 0) {
                arms.insert(UNLISTED, 1);
            }
        }
        if n_counted.is_some_and(|n_counted| n_of(&counted) <= n_counted) {
            return counted;
        }
        listed
    }
}

fn add(draft: &mut FileDraft, file: &File, arms: &Arms) {
    for &line in &file.region.missing_lines {
        draft.line(number(line), 0);
    }
    for line in file.region.executed() {
        draft.line(number(line), 1);
    }
    for (from, arms) in arms {
        for (&to, &count) in arms {
            let label = match to {
                UNLISTED => "other".to_owned(),
                ..0 => format!("exit {}", to.unsigned_abs()),
                _ => format!("to {to}"),
            };
            draft.arm(BranchKind::Branch, Span::line(number(*from)), "", &label, count);
        }
    }
    for (line, contexts) in &file.contexts.0 {
        let Ok(line) = line.parse() else { continue };
        for context in contexts.iter().filter(|context| !context.is_empty()) {
            draft.hit_in(context, line);
        }
    }
    for (name, function) in file.functions.0.iter().filter(|(name, _)| !name.is_empty()) {
        let lines = function.executed_lines.iter().chain(&function.missing_lines);
        let Some(&first) = lines.min() else { continue };
        let start = Span::line(number(function.start_line.unwrap_or(first)));
        let count = u64::from(!function.executed_lines.is_empty());
        draft.function(name, Some(start), Some(count));
    }
}

/// What is no number of a line becomes one that no file has.
fn number(line: i64) -> u32 {
    u32::try_from(line).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use coverage::dump;

    use super::*;

    fn read_text(text: &str) -> Result<String, String> {
        let mut notes = Notes::default();
        let profile = read("x", text.as_bytes(), &mut notes).map_err(|error| error.to_string())?;
        let notes: Vec<_> = notes.all().iter().map(|note| note.what.as_ref()).collect();
        Ok(dump::write(&profile) + &notes.join("\n"))
    }

    #[test]
    fn arcs_are_arms_and_old_functions_stand_on_their_code() {
        let text = r#"{"meta":{"branch_coverage":true,"show_contexts":true},"files":{"p\\a.py":{
            "executed_lines":[4,3,-1,9],"summary":{"covered_lines":2},"missing_lines":[5],"excluded_lines":[9],
            "executed_branches":[[4,-3]],"missing_branches":[[4,5]],
            "contexts":{"4":["","t|run"],"1":["t|run"]},
            "functions":{"":{"executed_lines":[3],"missing_lines":[]},
            "f":{"executed_lines":[4],"missing_lines":[5]},
            "C.g":{"executed_lines":[],"missing_lines":[5],"start_line":4},
            "h":{"executed_lines":[],"missing_lines":[],"start_line":8}}}}}"#;
        let expected = "mode set\npackage p - -\nfile p\\a.py\nfunction -\nline 3 1\nline 4 1\n\
                        line 5 0\ncontext t|run 4\nfunction C.g 4 0\nfunction f 4 1\n\
                        branch 4 - exit%203=1 to%205=0\n\
                        p\\a.py: 1 lines ran that its summary does not count: docstrings, it \
                        doesn't say which\np\\a.py: 1 rows with impossible numbers are left out";
        assert_eq!(read_text(text).unwrap(), expected);
    }

    #[test]
    fn branches_are_those_that_the_summary_counts() {
        let read_branches = |n_counted: usize| {
            let text = format!(
                r#"{{"meta":{{}},"files":{{"a.py":{{"executed_lines":[1,2,3],"missing_lines":[],
                "summary":{{"num_branches":{n_counted}}},"missing_branches":[[3,-1]],
                "executed_branches":[[1,1],[1,1],[1,-1],[1,2],[2,3],[3,3]]}}}}}}"#
            );
            let text = read_text(&text).unwrap();
            let lines = text.lines().filter(|line| !line.starts_with("line"));
            lines.skip(4).collect::<Vec<_>>().join("\n")
        };
        let mended = "branch 1 - exit%201=1 to%202=1\nbranch 2 - to%203=1 other=1\n\
                      branch 3 - exit%201=0 to%203=1";
        let [one, two, rest] = mended.split('\n').collect::<Vec<_>>()[..] else { panic!() };
        // One too many on the first line, one too few on the second.
        assert_eq!(
            read_branches(6),
            format!("branch 1 - exit%201=1 to%201=1 to%202=1\nbranch 2 - to%203=1\n{rest}")
        );
        assert_eq!(
            read_branches(8),
            format!("{one}\n{two}\n{rest}\na.py: 6 of the 8 counted branches are told of by line")
        );
    }

    #[test]
    fn what_is_no_report_is_refused() {
        assert_eq!(read_text("{\"files\":{}}").unwrap_err(), "the report lists no files");
        let error = read_text("{\"files\":{\"a.py\":{\"executed_lines\":[1]}}}").unwrap_err();
        assert!(error.contains("missing field `missing_lines`"), "{error}");
    }
}
