//! SonarQube's generic coverage data, which gcovr, ReportGenerator and jest-sonar write.
//!
//! ```text
//! <coverage version="1">
//!   <file path="src/a.c">
//!     <lineToCover lineNumber="3" covered="true" branchesToCover="2" coveredBranches="1"/>
//! ```
//!
//! Spec: "Generic test data" in SonarQube's documentation. Lines were hit or not, and of branches
//! only their number is known. What a file says twice is of the same run.
//!
//! The form has no place for counts, functions, which arm of a branch was taken, conditions of
//! MC/DC, instructions and contexts.

use std::fmt::Write as _;

use coverage::{BranchKind, Fraction, Mode, Profile, Span};

use crate::draft::{Draft, Join};
use crate::xml::{self, Document, Element, Node, escape};
use crate::{Format, Notes, Read, ReadError, Write, outline};

/// The format.
pub const FORMAT: Format = Format {
    id: "sonar",
    name: "SonarQube generic coverage",
    extensions: &["xml"],
    sniff,
    read: Read::File(read),
    write: Some(Write {
        files: |profile| vec![("sonar.xml".to_owned(), write(profile).into_bytes())],
        blocks: false,
        keeps: &["lines", "branches"],
    }),
};

fn sniff(head: &[u8]) -> bool {
    // Cobertura and Clover have the same root, with other attributes.
    let is_only = |tag: &str| {
        let tag: String = tag.split_whitespace().collect();
        matches!(tag.trim_end_matches('/'), "coverageversion=\"1\"" | "coverageversion='1'")
    };
    let others = ["packages", "sources", "project"];
    xml::root(head).is_some_and(|(_, tag)| is_only(&tag))
        && !xml::sniff(head, "coverage", &[], &others)
}

/// The profile in these bytes.
///
/// # Errors
/// Where the document breaks off or is no XML, or a line does not say whether it was covered.
pub fn read(name: &str, bytes: &[u8], notes: &mut Notes) -> Result<Profile, ReadError> {
    let text = xml::decode(bytes);
    let mut document = Document::new(&text);
    let mut draft = Draft::new(Join::Max);
    let mut path = String::new();
    while let Some(node) = document.next()? {
        let Node::Open(element) = node else { continue };
        match element.name {
            "file" => {
                element.required("path")?.clone_into(&mut path);
                draft.file(&path);
            }
            "lineToCover" => line(&element, &path, &mut draft)?,
            _ => {}
        }
    }
    if draft.is_empty() {
        notes.add(name, "lists no files");
    }
    Ok(draft.finish(Mode::Set, name, notes))
}

fn line(element: &Element<'_>, path: &str, draft: &mut Draft) -> Result<(), ReadError> {
    element.required("lineNumber")?;
    let number = element.line("lineNumber")?.unwrap_or(0);
    let covered = match element.required("covered")?.trim() {
        covered if covered.eq_ignore_ascii_case("true") || covered == "1" => true,
        covered if covered.eq_ignore_ascii_case("false") || covered == "0" => false,
        _ => return Err(element.malformed("covered is neither true nor false")),
    };
    let small = |name| -> Result<u32, ReadError> {
        Ok(u32::try_from(element.number(name)?.unwrap_or(0)).unwrap_or(u32::MAX))
    };
    let (taken, arms) = (small("coveredBranches")?, small("branchesToCover")?);
    let file = draft.file(path);
    file.line(number, u64::from(covered));
    file.tally(BranchKind::Branch, Span::line(number), "", taken, arms);
    Ok(())
}

/// The profile, with files by package and path.
pub fn write(profile: &Profile) -> String {
    let mut out =
        String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<coverage version=\"1\">\n");
    for file in outline::files(profile) {
        let _ = writeln!(out, "<file path=\"{}\">", escape(file.path));
        for line in &file.lines {
            let (number, covered) = (line.number, line.count > 0);
            let _ = write!(out, "<lineToCover lineNumber=\"{number}\" covered=\"{covered}\"");
            let Fraction { covered, total } = line.arms(BranchKind::Branch);
            if total > 0 {
                let _ = write!(out, " branchesToCover=\"{total}\" coveredBranches=\"{covered}\"");
            }
            out += "/>\n";
        }
        out += "</file>\n";
    }
    out += "</coverage>\n";
    out
}

#[cfg(test)]
mod tests {
    use coverage::dump;

    use super::*;

    #[test]
    fn lines_are_hit_or_not() {
        let text = "<coverage version='1'><file path='C:\\a\\b.cs'>\
                    <lineToCover lineNumber='3' covered='true' branchesToCover='2' \
                    coveredBranches='9'/><lineToCover lineNumber='3' covered='False'/>\
                    <lineToCover lineNumber='0' covered='true'/></file><file path='c'/></coverage>";
        assert!(sniff(text.as_bytes()));
        let profile = read("", text.as_bytes(), &mut Notes::default()).unwrap();
        let expected = "mode set\npackage - - -\nfile c\npackage C:\\a - -\nfile C:\\a\\b.cs\n\
                        function -\nline 3 1\nbranch 3 - 2/2\n";
        assert_eq!(dump::write(&profile), expected);
        let again = read("", write(&profile).as_bytes(), &mut Notes::default()).unwrap();
        assert_eq!(dump::write(&again), expected);
    }

    #[test]
    fn errors_name_the_line() {
        for (line, message) in [
            ("<lineToCover covered='true'/>", "<lineToCover> has no lineNumber"),
            ("<lineToCover lineNumber='3'/>", "<lineToCover> has no covered"),
            ("<lineToCover lineNumber='3' covered='2'/>", "covered is neither true nor false"),
        ] {
            let text = format!("<coverage version='1'><file path='a'>\n{line}</file></coverage>");
            let error = read("", text.as_bytes(), &mut Notes::default()).unwrap_err();
            assert_eq!(error.to_string(), format!("line 2, column 1: {message}"));
        }
    }

    #[test]
    fn other_forms_with_this_root_are_left_alone() {
        assert!(sniff(b"<coverage version=\"1\"></coverage>"));
        assert!(!sniff(b"<coverage version=\"1\"><packages/></coverage>"));
        assert!(!sniff(b"<coverage version=\"1\" line-rate=\"1\"/>"));
    }
}
