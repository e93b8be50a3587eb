//! What a source says is not to count: generated files, and marks in comments.
//!
//! | mark, in a comment | leaves out |
//! |---|---|
//! | `coverglass:ignore`, `coverage-ignore`, `coverage:ignore` | the line, with the block that it opens; alone on its line, the next line likewise |
//! | `notest` | the same |
//! | `pragma: no cover` | the same |
//! | `LCOV_EXCL_LINE`, `GCOV_EXCL_LINE` | the line |
//! | `LCOV_EXCL_START` … `LCOV_EXCL_STOP`, also `GCOV_` | all lines from the one to the other |
//! | `coverglass:ignore-file` | the file |
//! | `Code generated … DO NOT EDIT.` on a line of its own before the package clause | the file |

use std::ops::RangeInclusive;

use coverage::{Profile, SourcePath};

use crate::select;

/// What a source leaves out.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Ignored {
    /// Whether the file is generated.
    pub generated: bool,
    /// Whether the whole file is to be left out by a mark.
    pub file: bool,
    /// Lines that are left out: 1-based, ascending, may overlap.
    pub lines: Vec<RangeInclusive<u32>>,
}

/// Marks that leave out a line with the block that it opens.
const BLOCK_MARKS: &[&str] =
    &["coverglass:ignore", "coverage-ignore", "coverage:ignore", "notest", "pragma: no cover"];

/// What a source of a language with `//` and `/* */` comments leaves out.
pub fn ignored(source: &str) -> Ignored {
    let mut found = Ignored::default();
    let lines = scan(source);
    let mut started = None;
    let mut before_package = true;
    for (number, line) in (1u32..).zip(&lines) {
        let comment = line.comment.trim();
        if before_package && line.depth == 0 && line.code.is_empty() {
            found.generated |=
                comment.starts_with("Code generated ") && comment.ends_with(" DO NOT EDIT.");
        }
        before_package &= !line.code.starts_with("package ");
        if comment.is_empty() {
            continue;
        }
        let has = |mark: &str| comment.split_whitespace().any(|word| word == mark);
        if has("coverglass:ignore-file") {
            found.file = true;
        }
        if has("LCOV_EXCL_START") || has("GCOV_EXCL_START") {
            started.get_or_insert(number);
        }
        if (has("LCOV_EXCL_STOP") || has("GCOV_EXCL_STOP"))
            && let Some(start) = started.take()
        {
            found.lines.push(start..=number);
        }
        if has("LCOV_EXCL_LINE") || has("GCOV_EXCL_LINE") {
            found.lines.push(number..=number);
        }
        if BLOCK_MARKS.iter().any(|mark| is_mark(comment, mark)) {
            let target = match line.code.is_empty() {
                true => number + 1,
                false => number,
            };
            found.lines.push(target..=block_end(&lines, target));
        }
    }
    if let Some(start) = started {
        found.lines.push(start..=u32::MAX);
    }
    found.lines.sort_by_key(|range| (*range.start(), *range.end()));
    found
}

/// Whether a comment is this mark, perhaps with a reason behind it.
fn is_mark(comment: &str, mark: &str) -> bool {
    let rest = comment.strip_prefix(mark);
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with([' ', '\t', ':', ',', ';', '(']))
}

/// The last line of the block that a line opens, or the line itself.
fn block_end(lines: &[Line<'_>], number: u32) -> u32 {
    let at = number as usize - 1;
    let Some(line) = lines.get(at) else { return number };
    // `} else {` closes one block and opens another: what counts is the depth that is left.
    let Some(opened) = line.opens else { return number };
    let close = lines[at + 1..].iter().position(|line| line.lowest <= opened);
    close.map_or(u32::MAX, |position| number.saturating_add(position as u32 + 1))
}

/// A line of source, with what is code in it and what is comment.
#[derive(Debug, Default)]
struct Line<'a> {
    /// Text before the first comment, without blanks around it.
    code: &'a str,
    /// Text of the last comment on the line, without its signs.
    comment: &'a str,
    /// How many braces are open at the start of the line.
    depth: u32,
    /// The fewest that are open anywhere on it.
    lowest: u32,
    /// Depth outside the last block that the line opens and leaves open.
    opens: Option<u32>,
}

#[derive(Clone, Copy, PartialEq)]
enum State {
    Code,
    BlockComment,
    RawString,
}

/// Splits a source into lines, braces and comments; strings are passed over.
fn scan(source: &str) -> Vec<Line<'_>> {
    let mut lines = Vec::new();
    let mut state = State::Code;
    let mut depth = 0u32;
    for text in source.lines() {
        let mut line = Line { depth, lowest: depth, ..Line::default() };
        let mut code_end = None;
        let mut comment_start = (state == State::BlockComment).then_some(0);
        let bytes = text.as_bytes();
        let mut open: Vec<u32> = Vec::new();
        let mut at = 0;
        while at < bytes.len() {
            let two = bytes.get(at..at + 2).unwrap_or_default();
            match state {
                State::BlockComment if two == b"*/" => {
                    line.comment = &text[comment_start.unwrap_or(0)..at];
                    state = State::Code;
                    at += 1;
                }
                State::RawString if bytes[at] == b'`' => state = State::Code,
                State::BlockComment | State::RawString => {}
                State::Code => match bytes[at] {
                    b'/' if two == b"//" => {
                        code_end.get_or_insert(at);
                        line.comment = &text[at + 2..];
                        break;
                    }
                    b'/' if two == b"/*" => {
                        code_end.get_or_insert(at);
                        state = State::BlockComment;
                        comment_start = Some(at + 2);
                        at += 1;
                    }
                    b'`' => state = State::RawString,
                    quote @ (b'"' | b'\'') => {
                        let mut end = at + 1;
                        while end < bytes.len() && bytes[end] != quote {
                            end += if bytes[end] == b'\\' { 2 } else { 1 };
                        }
                        at = end;
                    }
                    b'{' => {
                        open.push(depth);
                        depth += 1;
                    }
                    b'}' => {
                        depth = depth.saturating_sub(1);
                        line.lowest = line.lowest.min(depth);
                        open.pop();
                    }
                    _ => {}
                },
            }
            at += 1;
        }
        if state == State::BlockComment
            && let Some(start) = comment_start
        {
            line.comment = text.get(start..).unwrap_or_default();
        }
        let code_start = if line.comment.is_empty() || code_end.is_some() { 0 } else { text.len() };
        line.code = text.get(code_start..code_end.unwrap_or(text.len())).unwrap_or_default().trim();
        line.opens = open.last().copied();
        lines.push(line);
    }
    lines
}

/// What of the things that sources leave out is wanted all the same.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Wanted {
    /// Generated files.
    pub generated: bool,
    /// Lines and files with marks.
    pub marked: bool,
}

/// Takes out what sources leave out and nobody wants. `source` gives the text of a file, where it
/// is at hand. A unit goes if it starts on a line that is left out.
pub fn without_ignored<'a>(
    profile: &Profile,
    wanted: Wanted,
    source: impl Fn(&SourcePath) -> Option<&'a str>,
) -> Profile {
    let shape = profile.shape();
    let files: Vec<Ignored> = shape
        .files()
        .iter()
        .map(|file| source(&file.path).map(ignored).unwrap_or_default())
        .collect();
    let whole =
        |file: &Ignored| (file.file && !wanted.marked) || (file.generated && !wanted.generated);
    let lines = |file: &Ignored| !wanted.marked && !file.lines.is_empty();
    if !files.iter().any(|file| whole(file) || lines(file)) {
        return profile.clone();
    }
    select(profile, |file, span| {
        let file = &files[file.index()];
        let line = span.start.line;
        !whole(file) && (wanted.marked || !file.lines.iter().any(|range| range.contains(&line)))
    })
}

#[cfg(test)]
mod tests {
    use coverage::dump;

    use super::*;

    fn lines(source: &str) -> Vec<(u32, u32)> {
        ignored(source).lines.iter().map(|range| (*range.start(), *range.end())).collect()
    }

    #[test]
    fn a_mark_leaves_out_the_block_that_its_line_opens() {
        let source = "package a\n\nfunc f() {\n\tif x { // coverglass:ignore can't happen\n\
                      \t\tfor {\n\t\t}\n\t} else {\n\t}\n\ty() //coverglass:ignore\n}\n";
        assert_eq!(lines(source), [(4, 7), (9, 9)]);
    }

    #[test]
    fn a_mark_alone_is_about_the_next_line() {
        let source =
            "// coverage-ignore\nfunc f() {\n\ts := \"}\" + `}\n}` // {\n}\n\nfunc g() {}\n";
        assert_eq!(lines(source), [(2, 5)]);
    }

    #[test]
    fn marks_that_people_use_are_known() {
        for mark in ["notest", "pragma: no cover", "coverage:ignore", "coverglass:ignore: why"] {
            assert_eq!(lines(&format!("a()\nb() // {mark}\nc()\n")), [(2, 2)], "{mark}");
            assert_eq!(lines(&format!("a()\nb() /* {mark} */\nc()\n")), [(2, 2)], "{mark}");
        }
        let source = "a()\n// LCOV_EXCL_START\nb()\n// LCOV_EXCL_STOP\nc() // LCOV_EXCL_LINE\n";
        assert_eq!(lines(source), [(2, 4), (5, 5)]);
        assert_eq!(lines("a()\n// LCOV_EXCL_START\n"), [(2, u32::MAX)]);
        for none in ["// nothing", "// notested", "s := \"// notest\"", "// see notest"] {
            assert_eq!(lines(none), [], "{none}");
        }
    }

    #[test]
    fn generated_files_say_so_before_their_package() {
        let generated = "// Code generated by stringer; DO NOT EDIT.\n\npackage a\n";
        assert!(ignored(generated).generated);
        assert!(!ignored(&format!("package a\n{generated}")).generated);
        assert!(ignored("//coverglass:ignore-file\npackage a\n").file);
    }

    #[test]
    fn units_on_lines_that_are_left_out_go() {
        let profile = dump::parse(
            "mode count\npackage p p m\nfile p/a.go\nfunction F\n1.1,2.2 1 5\n3.1,4.2 1 2\n\
             file p/b.go\nfunction G\n1.1,2.2 1 0\n",
        );
        let source = |path: &SourcePath| match path.file_name() {
            "a.go" => Some("func f() {\n\n} // notest\n"),
            _ => Some("// Code generated by hand. DO NOT EDIT.\npackage p\n"),
        };
        let profile = profile.unwrap();
        let kept = |generated, marked| {
            without_ignored(&profile, Wanted { generated, marked }, source).counts().to_vec()
        };
        assert_eq!(kept(false, false), [5]);
        assert_eq!(kept(true, false), [5, 0]);
        assert_eq!(kept(false, true), [5, 2]);
    }
}
