//! Coverage of what a diff changes.

use std::collections::BTreeMap;

use coverage::{FileIdx, Fraction, Profile};
use thiserror::Error;

use crate::lines::{Line, lines_of};

/// A unified diff, as `git diff` and `diff -u` write it: for each file the lines that are new.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Diff {
    /// Files in the order of the diff; those that were deleted are not among them.
    pub files: Vec<DiffFile>,
}

/// A file of a diff.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DiffFile {
    /// Path after the change, without the `b/` that git puts in front.
    pub path: String,
    /// Lines that are new or changed: 1-based numbers after the change, ascending.
    pub lines: Vec<u32>,
}

/// A diff that breaks its form.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("line {line}: {reason}")]
pub struct DiffError {
    /// 1-based line of the diff.
    pub line: usize,
    /// What is wrong there.
    pub reason: &'static str,
}

impl Diff {
    /// Whether a text has what makes a unified diff, damaged or not: the head of a file or of a hunk.
    pub fn is_in(text: &str) -> bool {
        let mut before = "";
        text.lines().any(|line| {
            let is_head = line.starts_with("diff --git a/")
                || line.starts_with("@@ -")
                || line.starts_with("+++ ") && before.starts_with("--- ");
            before = line;
            is_head
        })
    }

    /// Reads a unified diff. Whatever stands between its parts, as in a mail, is passed over.
    ///
    /// # Errors
    /// The first line that does not fit, and why; a text without any part of a diff.
    pub fn parse(text: &str) -> Result<Self, DiffError> {
        let mut files: Vec<DiffFile> = Vec::new();
        let mut lines = text.lines().enumerate().peekable();
        let mut seen = text.trim().is_empty();
        let mut in_file = false;
        while let Some((index, line)) = lines.next() {
            if line.starts_with("diff --git ") || line.starts_with("Binary files ") {
                (seen, in_file) = (true, false);
            } else if let Some(name) = line.strip_prefix("+++ ") {
                (seen, in_file) = (true, true);
                let path = file_name(name);
                files.push(DiffFile { path, lines: Vec::new() });
            } else if in_file && line.starts_with("@@@ ") {
                let reason = "the combined diff of a merge; one against a single parent is needed";
                return Err(DiffError { line: index + 1, reason });
            } else if let Some(hunk) = line.strip_prefix("@@ ") {
                let fail = |reason| DiffError { line: index + 1, reason };
                let (old, mut number, new) = ranges(hunk).ok_or(fail("not a hunk's header"))?;
                let file = files.last_mut().filter(|_| in_file);
                let file = file.ok_or(fail("a hunk without a file"))?;
                let (mut old, mut new) = (old, new);
                while old > 0 || new > 0 {
                    let Some((index, line)) = lines.next() else {
                        return Err(fail("the hunk is cut short"));
                    };
                    let fail = |reason| DiffError { line: index + 1, reason };
                    match line.as_bytes().first() {
                        Some(b'+') if new > 0 => {
                            file.lines.push(number);
                            (number, new) = (number.saturating_add(1), new - 1);
                        }
                        Some(b'-') if old > 0 => old -= 1,
                        // Mail programs drop the blank of an empty line.
                        Some(b' ') | None if old > 0 && new > 0 => {
                            (number, old, new) = (number.saturating_add(1), old - 1, new - 1);
                        }
                        Some(b'\\') => {}
                        _ => return Err(fail("the hunk has other lines than its header says")),
                    }
                }
            }
        }
        if !seen {
            return Err(DiffError { line: 1, reason: "no unified diff" });
        }
        files.retain(|file| file.path != "/dev/null");
        Ok(Self { files })
    }
}

/// The name in a `+++` line: without git's prefix, quotes, and the time that diff appends.
fn file_name(name: &str) -> String {
    let name = name.split('\t').next().unwrap_or(name).trim_end();
    let name = match name.strip_prefix('"').and_then(|name| name.strip_suffix('"')) {
        Some(quoted) => unquoted(quoted),
        None => name.to_owned(),
    };
    // git writes one of these letters, whichever two things it compares.
    match name.split_once('/') {
        Some(("b" | "w" | "i" | "c" | "o", rest)) => rest.to_owned(),
        _ => name,
    }
}

/// A name as git quotes it: with `\ooo` for bytes, and the usual letters.
fn unquoted(name: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = name.bytes();
    while let Some(byte) = rest.next() {
        if byte != b'\\' {
            bytes.push(byte);
            continue;
        }
        match rest.next() {
            Some(b't') => bytes.push(b'\t'),
            Some(b'n') => bytes.push(b'\n'),
            Some(digit @ b'0'..=b'7') => {
                let mut value = u32::from(digit - b'0');
                for digit in rest.by_ref().take(2) {
                    value = value * 8 + u32::from(digit.wrapping_sub(b'0') & 7);
                }
                bytes.push(u8::try_from(value).unwrap_or(b'?'));
            }
            Some(other) => bytes.push(other),
            None => {}
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Number of old lines, first new line and number of new lines of `-1,2 +3,4 @@`.
fn ranges(hunk: &str) -> Option<(u32, u32, u32)> {
    let mut words = hunk.split(' ');
    let range = |word: &str| -> Option<(u32, u32)> {
        let (start, count) = word.split_once(',').unwrap_or((word, "1"));
        Some((start.parse().ok()?, count.parse().ok()?))
    };
    let (_, old) = range(words.next()?.strip_prefix('-')?)?;
    let (start, new) = range(words.next()?.strip_prefix('+')?)?;
    (words.next()? == "@@").then_some((old, start, new))
}

/// What a profile says of a changed line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum LineState {
    /// Everything on it ran.
    Covered,
    /// Some of it ran.
    Partial,
    /// Nothing of it ran.
    Uncovered,
    /// There is nothing to run on it.
    NotCoverable,
}

impl LineState {
    fn of(line: Option<&Line>) -> Self {
        match line {
            None => Self::NotCoverable,
            Some(line) if line.covered() => Self::Covered,
            Some(line) if line.partial() => Self::Partial,
            Some(_) => Self::Uncovered,
        }
    }
}

/// Coverage of the changed lines of a diff.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Patch {
    /// Files of the diff that the profile knows, in the order of the diff.
    pub files: Vec<PatchFile>,
    /// Paths of the others, in the order of the diff.
    pub unknown: Vec<String>,
}

/// Coverage of the changed lines of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PatchFile {
    /// Path in the diff.
    pub path: String,
    /// The file in the profile; the first, if several packages have it.
    pub file: FileIdx,
    /// Changed lines with their state, ascending.
    pub lines: Vec<(u32, LineState)>,
}

impl PatchFile {
    /// How many changed lines are in this state.
    pub fn count(&self, state: LineState) -> u64 {
        self.lines.iter().filter(|(_, own)| *own == state).count() as u64
    }

    /// Lines of which all ran, and lines on which there is something to run.
    pub fn fraction(&self) -> Fraction {
        let covered = self.count(LineState::Covered);
        let others = self.count(LineState::Partial) + self.count(LineState::Uncovered);
        Fraction { covered, total: covered + others }
    }
}

impl Patch {
    /// Lines of which all ran, and lines on which there is something to run.
    pub fn fraction(&self) -> Fraction {
        self.files.iter().fold(Fraction::default(), |mut sum, file| {
            sum += file.fraction();
            sum
        })
    }
}

/// Coverage of what a diff changes. A file of the diff is that file of the profile whose path ends
/// like its own, with most components alike; if two do equally, it is unknown.
pub fn patch(profile: &Profile, diff: &Diff) -> Patch {
    let shape = profile.shape();
    let mut by_name: BTreeMap<&str, Vec<FileIdx>> = BTreeMap::new();
    for (index, file) in (0u32..).zip(shape.files()) {
        by_name.entry(file.path.file_name()).or_default().push(FileIdx(index));
    }
    let mut found = Patch::default();
    for changed in &diff.files {
        let name = changed.path.rsplit('/').next().unwrap_or(&changed.path);
        let candidates = by_name.get(name).map(Vec::as_slice).unwrap_or_default();
        let path = |file: FileIdx| shape.file(file).path.as_str();
        match crate::paths::best_match(&changed.path, candidates.iter().map(|file| path(*file))) {
            None => found.unknown.push(changed.path.clone()),
            Some(best) => {
                let same: Vec<_> =
                    candidates.iter().copied().filter(|file| path(*file) == best).collect();
                let mut known: BTreeMap<u32, Line> = BTreeMap::new();
                for &file in &same {
                    for (number, line) in lines_of(profile, file) {
                        let sum = known.entry(number).or_default();
                        sum.n_units += line.n_units;
                        sum.n_hit += line.n_hit;
                        sum.count = sum.count.max(line.count);
                    }
                }
                let lines = changed
                    .lines
                    .iter()
                    .map(|&number| (number, LineState::of(known.get(&number))))
                    .collect();
                found.files.push(PatchFile { path: changed.path.clone(), file: same[0], lines });
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use coverage::dump;

    use super::*;

    const DIFF: &str = "diff --git a/p/a.go b/p/a.go\nindex 1..2 100644\n--- a/p/a.go\n+++ b/p/a.go\n\
                        @@ -1,2 +1,4 @@ func F\n context\n+two\n+three\n-gone\n+four\n\\ No newline at end of file\n\
                        --- a/q/gone.go\t2026-01-01\n+++ /dev/null\n@@ -1 +0,0 @@\n-x\n\
                        --- a/x.md\n+++ \"b/\\303\\244.md\"\n@@ -0,0 +1 @@\n+x\n";

    #[test]
    fn new_lines_are_numbered_after_the_change() {
        let diff = Diff::parse(DIFF).unwrap();
        let files: Vec<_> = diff.files.iter().map(|f| (f.path.as_str(), f.lines.clone())).collect();
        assert_eq!(files, [("p/a.go", vec![2, 3, 4]), ("ä.md", vec![1])]);
        assert_eq!(Diff::parse(""), Ok(Diff::default()));
    }

    #[test]
    fn a_diff_is_known_by_its_heads() {
        assert!(Diff::is_in(DIFF));
        assert!(Diff::is_in("From 1 Mon Sep 17\nSubject: x\n---\n a | 1 +\n\n--- a\n+++ b\n"));
        assert!(Diff::is_in("@@ -1 +1 @@\n"));
        for text in ["", "mode: set\n", "--- \n+ x\n+++ y\n", "# see @@ -1\n"] {
            assert!(!Diff::is_in(text), "{text}");
        }
    }

    #[test]
    fn errors_name_the_line() {
        for (text, message) in [
            ("hello\n", "line 1: no unified diff"),
            ("+++ b/a\n@@ -1 +1\n", "line 2: not a hunk's header"),
            ("@@ -1 +1 @@\n", "line 1: a hunk without a file"),
            ("+++ b/a\n@@ -1,2 +1 @@\n-x\n", "line 2: the hunk is cut short"),
            (
                "diff --cc a\n--- a/a\n+++ b/a\n@@@ -1 -1 +1 @@@\n",
                "line 4: the combined diff of a merge; one against a single parent is needed",
            ),
            (
                "+++ b/a\n@@ -1 +1 @@\n-x\n-y\n",
                "line 4: the hunk has other lines than its header says",
            ),
        ] {
            assert_eq!(Diff::parse(text).unwrap_err().to_string(), message);
        }
    }

    #[test]
    fn changed_lines_have_states() {
        let profile = dump::parse(
            "mode count\npackage m/p p m\nfile m/p/a.go\nfunction F\n1.1,2.5 1 5\n\
             3.1,3.9 1 0\n3.10,3.20 1 1\n5.1,6.2 1 0\n",
        );
        let found = patch(&profile.unwrap(), &Diff::parse(DIFF).unwrap());
        use LineState::{Covered, NotCoverable, Partial};
        assert_eq!(found.files[0].lines, [(2, Covered), (3, Partial), (4, NotCoverable)]);
        assert_eq!(found.unknown, ["ä.md"]);
        assert_eq!(found.fraction(), Fraction { covered: 1, total: 2 });
    }
}
