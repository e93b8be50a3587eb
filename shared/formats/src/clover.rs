//! Clover XML, as OpenClover, PHPUnit, Istanbul (nyc, c8, Jest, Vitest), gcovr and ReportGenerator
//! write it.
//!
//! ```text
//! <coverage generated="1700000000" clover="4.4.1">
//!   <project>
//!     <package name="p">
//!       <file name="A.java" path="/src/demo/p/A.java">     PHPUnit: the path is the name
//!         <metrics statements="2" conditionals="2" coveredconditionals="1" …/>
//!         <line num="3" type="method" signature="f() : void" count="2"/>
//!         <line num="4" type="stmt" count="2"/>
//!         <line num="4" type="cond" truecount="2" falsecount="0"/>
//! ```
//!
//! Spec: none but what OpenClover writes. There a `cond` says how often a condition was true and
//! how often false, which makes two arms. Istanbul and ReportGenerator put into the same places
//! how many arms of a line were taken and how many not. Which of the two is meant is seen from
//! `<metrics>` of the file: one of them adds up to its conditionals. Where none does, or a file
//! has conditionals but no `cond`, as from PHPUnit's path coverage, a note says so.
//!
//! `coveredmethods` of PHPUnit are those of which every line was hit; here a function is hit when
//! it was entered. A method on one line has only the row of the method there, but counts as a
//! statement too: methods without rows up to the next are such if there are as many as
//! `<metrics>` counts more.
//!
//! The form has no place for where functions end, conditions of MC/DC, instructions and contexts.

use std::collections::HashMap;
use std::fmt::Write as _;

use coverage::{BranchKind, Fraction, Mode, Profile, Span};

use crate::draft::{Draft, FileDraft, Join, Position};
use crate::limits::Budget;
use crate::outline::{self, FileOutline, LineOutline};
use crate::xml::{self, Document, Element, Node, escape};
use crate::{Format, Notes, Read, ReadError, Write};

/// The format.
pub const FORMAT: Format = Format {
    id: "clover",
    name: "Clover XML",
    extensions: &["xml"],
    sniff: |head| xml::sniff(head, "coverage", &[" generated=", " clover="], &["project"]),
    read: Read::File(read),
    write: Some(Write {
        files: |profile| vec![("clover.xml".to_owned(), write(profile).into_bytes())],
        blocks: false,
        keeps: &["lines", "branches", "functions"],
    }),
};

/// What Istanbul always says of itself.
const ISTANBUL: &str = "3.2.0";

/// The profile in these bytes.
///
/// # Errors
/// Where the document breaks off or is no XML, a line has no number, or a count is none.
pub fn read(name: &str, bytes: &[u8], notes: &mut Notes) -> Result<Profile, ReadError> {
    let text = xml::decode(bytes);
    let mut document = Document::new(&text);
    let mut draft = Draft::new(Join::Max);
    let mut usual = Meaning::TrueAndFalse;
    let mut joins = Budget::of_names();
    let mut package = String::new();
    let mut file: Option<CloverFile> = None;
    while let Some(node) = document.next()? {
        match (node, &mut file) {
            (Node::Open(element), None) => match element.name {
                "coverage" if element.attribute("clover") == Some(ISTANBUL) => {
                    usual = Meaning::TakenAndNot;
                }
                "package" => package = element.attribute("name").unwrap_or_default().to_owned(),
                "file" => {
                    joins.take(package.len())?;
                    let depth = document.path().len();
                    let is_test = document.path().contains(&"testproject");
                    file = Some(CloverFile::new(&element, &package, depth, is_test));
                }
                _ => {}
            },
            (Node::Open(element), Some(file)) => {
                let parent = document.path().iter().rev().nth(1).copied();
                match (element.name, parent) {
                    ("line", _) => file.line(&element, &mut draft)?,
                    ("metrics", Some("file")) => {
                        let declared = |total, covered| -> Result<_, ReadError> {
                            let covered = element.number(covered)?.unwrap_or(0);
                            let total = element.number(total)?;
                            Ok(total.map(|total| Fraction { covered, total }))
                        };
                        file.declared = declared("conditionals", "coveredconditionals")?;
                        file.statements = declared("statements", "coveredstatements")?;
                    }
                    _ => {}
                }
            }
            (Node::Close, Some(open)) if document.path().len() < open.depth => {
                if let Some(file) = file.take() {
                    file.finish(&mut draft, usual, name, notes);
                }
            }
            (Node::Close, None) if document.path().last() == Some(&"project") => package.clear(),
            (Node::Close | Node::Text(_), _) => {}
        }
    }
    if draft.is_empty() {
        notes.add(name, "lists no files");
    }
    Ok(draft.finish(Mode::Count, name, notes))
}

/// What the counts of a `cond` are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Meaning {
    /// How often it was true, and how often false.
    TrueAndFalse,
    /// How many arms were taken, and how many not.
    TakenAndNot,
}

/// A file that is being read.
struct CloverFile {
    path: String,
    /// Where its draft is, once there is one.
    position: Option<Position>,
    /// Elements that are open inside of it, itself included.
    depth: usize,
    /// Whether the file needs not be told of if it has no lines: gcovr makes up a test.
    is_test: bool,
    conditions: Vec<Condition>,
    /// What its metrics say of conditionals and of statements.
    declared: Option<Fraction>,
    statements: Option<Fraction>,
    /// Statements that have rows, and of PHPUnit's methods the lines and counts: of those that have
    /// no statements behind them, and of the last one.
    found: Fraction,
    bare: Vec<(u32, u64)>,
    last: Option<(u32, u64)>,
}

struct Condition {
    line: u32,
    count: Option<u64>,
    yes: u64,
    no: u64,
}

impl CloverFile {
    fn new(element: &Element<'_>, package: &str, depth: usize, is_test: bool) -> Self {
        let file = element.attribute("name").unwrap_or_default();
        let path = match element.attribute("path") {
            Some(path) if !path.is_empty() => path.to_owned(),
            // Old Clover names the file and its package.
            _ if package.is_empty() || file.contains(['/', '\\']) => file.to_owned(),
            _ => format!("{}/{file}", package.replace('.', "/")),
        };
        Self {
            path,
            position: None,
            depth,
            is_test,
            conditions: Vec::new(),
            declared: None,
            statements: None,
            found: Fraction::default(),
            bare: Vec::new(),
            last: None,
        }
    }

    fn draft<'a>(&mut self, draft: &'a mut Draft) -> &'a mut FileDraft {
        let position = *self.position.get_or_insert_with(|| draft.position(&self.path));
        draft.at(position)
    }

    fn line(&mut self, element: &Element<'_>, draft: &mut Draft) -> Result<(), ReadError> {
        element.required("num")?;
        let number = element.line("num")?.unwrap_or(0);
        self.is_test = false;
        let count = |attribute| element.count(attribute);
        match element.attribute("type") {
            Some("method") => {
                let count = count("count")?;
                let signature = element.attribute("signature").unwrap_or_default();
                let signature = signature.split(" : ").next().unwrap_or_default();
                let method = element.attribute("name").unwrap_or(signature);
                let span = (number > 0).then(|| Span::line(number));
                self.draft(draft).function(method, span, Some(count));
                // Only PHPUnit knows this.
                if element.attribute("crap").is_some() {
                    self.bare.extend(self.last.replace((number, count)));
                }
            }
            Some("cond") => self.conditions.push(Condition {
                line: number,
                yes: count("truecount")?,
                no: count("falsecount")?,
                count: element.attribute("count").map(|_| count("count")).transpose()?,
            }),
            _ => {
                let count = count("count")?;
                self.draft(draft).line(number, count);
                self.found += Fraction { covered: u64::from(count > 0), total: 1 };
                self.last = None;
            }
        }
        Ok(())
    }

    fn finish(mut self, draft: &mut Draft, usual: Meaning, name: &str, notes: &mut Notes) {
        if self.is_test {
            return;
        }
        let file = self.draft(draft);
        self.bare.extend(self.last);
        let mut with_bare = self.found;
        for &(_, count) in &self.bare {
            with_bare += Fraction { covered: u64::from(count > 0), total: 1 };
        }
        if self.statements == Some(with_bare) {
            self.bare.iter().for_each(|&(line, count)| file.line(line, count));
        }
        let meaning = self.meaning(usual);
        let found = self.total(meaning);
        if let Some(declared) = self.declared
            && declared != found
        {
            let path = &self.path;
            let said = format!("{} of {}", declared.covered, declared.total);
            notes.add(
                name,
                match found.total {
                    0 => format!("{path}: {said} branches were taken, but not on which lines"),
                    total => format!(
                        "{path}: {said} branches were taken by its metrics, {} of {total} by its lines",
                        found.covered
                    ),
                },
            );
        }
        let mut numbers: HashMap<u32, usize> = HashMap::new();
        for condition in &self.conditions {
            // The first of a line has no name, the others have numbers.
            let number = numbers.entry(condition.line).or_default();
            let name = if *number == 0 { String::new() } else { number.to_string() };
            *number += 1;
            condition.tell(file, meaning, &name);
        }
    }

    fn meaning(&self, usual: Meaning) -> Meaning {
        let other = match usual {
            Meaning::TrueAndFalse => Meaning::TakenAndNot,
            Meaning::TakenAndNot => Meaning::TrueAndFalse,
        };
        match self.declared {
            Some(declared) if self.total(usual) != declared && self.total(other) == declared => {
                other
            }
            _ => usual,
        }
    }

    /// The branches that the conditions make, if they mean this.
    fn total(&self, meaning: Meaning) -> Fraction {
        self.conditions.iter().fold(Fraction::default(), |sum, Condition { yes, no, .. }| {
            let (covered, total) = match meaning {
                Meaning::TrueAndFalse => (u64::from(*yes > 0) + u64::from(*no > 0), 2),
                Meaning::TakenAndNot => (*yes, yes.saturating_add(*no)),
            };
            Fraction {
                covered: sum.covered.saturating_add(covered),
                total: sum.total.saturating_add(total),
            }
        })
    }
}

impl Condition {
    fn tell(&self, file: &mut FileDraft, meaning: Meaning, name: &str) {
        let (kind, span) = (BranchKind::Branch, Span::line(self.line));
        let sum = self.yes.saturating_add(self.no);
        match meaning {
            Meaning::TrueAndFalse => {
                file.line(self.line, self.count.unwrap_or(sum));
                file.arm(kind, span, name, "true", self.yes);
                file.arm(kind, span, name, "false", self.no);
            }
            Meaning::TakenAndNot => {
                let small = |n: u64| u32::try_from(n).unwrap_or(u32::MAX);
                file.line(self.line, self.count.unwrap_or(self.yes.min(1)));
                file.tally(kind, span, name, small(self.yes), small(sum));
            }
        }
    }
}

/// The profile, with times of 0. Conditions are as OpenClover's if all branches have known arms in
/// pairs, and otherwise as Istanbul's.
pub fn write(profile: &Profile) -> String {
    let files = outline::files(profile);
    let branches = || files.iter().flat_map(|file| &file.lines).flat_map(|line| &line.branches);
    let mut arms = branches().filter(|row| row.branch.kind == BranchKind::Branch);
    let (meaning, version) = match arms.all(|row| row.branch.exact && row.counts.len() % 2 == 0) {
        true => (Meaning::TrueAndFalse, "4.4.1"),
        false => (Meaning::TakenAndNot, ISTANBUL),
    };
    let mut out = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<coverage generated=\"0\" \
         clover=\"{version}\">\n<project timestamp=\"0\" name=\"All files\">\n"
    );
    let packages: Vec<_> = files.chunk_by(|a, b| a.package.path == b.package.path).collect();
    let n_files = format!(" files=\"{0}\" classes=\"{0}\"", files.len());
    write_metrics(&mut out, &files, &format!("{n_files} packages=\"{}\"", packages.len()));
    for package in packages {
        let Some(first) = package.first() else { continue };
        let _ = writeln!(out, "<package name=\"{}\">", escape(&first.package.path));
        let n_files = format!(" files=\"{0}\" classes=\"{0}\"", package.len());
        write_metrics(&mut out, package, &n_files);
        for file in package {
            let name = file.path.rsplit(['/', '\\']).next().unwrap_or(file.path);
            let (name, path) = (escape(name), escape(file.path));
            let _ = writeln!(out, "<file name=\"{name}\" path=\"{path}\">");
            write_metrics(&mut out, std::slice::from_ref(file), " classes=\"1\"");
            write_lines(&mut out, file, meaning);
            out += "</file>\n";
        }
        out += "</package>\n";
    }
    out += "</project>\n</coverage>\n";
    out
}

fn write_metrics(out: &mut String, files: &[FileOutline<'_>], more: &str) {
    let [mut lines, mut arms, mut functions, mut all] = [Fraction::default(); 4];
    for file in files {
        lines += file.line_total();
        arms += file.arm_total(BranchKind::Branch);
        functions += file.function_total();
    }
    [lines, arms, functions].into_iter().for_each(|metric| all += metric);
    out.push_str("<metrics complexity=\"0\"");
    for (name, metric) in
        [("statements", lines), ("conditionals", arms), ("methods", functions), ("elements", all)]
    {
        let Fraction { covered, total } = metric;
        let _ = write!(out, " {name}=\"{total}\" covered{name}=\"{covered}\"");
    }
    let _ = writeln!(out, " loc=\"{0}\" ncloc=\"{0}\"{more}/>", lines.total);
}

/// Functions, lines and conditions by line; a function of no known line stands on 0.
fn write_lines(out: &mut String, file: &FileOutline<'_>, meaning: Meaning) {
    let mut functions = file.functions.iter().peekable();
    let mut write_functions = |out: &mut String, up_to: u32| {
        while let Some(function) = functions.next_if(|f| f.line.unwrap_or(0) <= up_to) {
            let line = function.line.unwrap_or(0);
            let name = escape(&function.name);
            let count = function.count;
            let _ = writeln!(
                out,
                "<line num=\"{line}\" type=\"method\" name=\"{name}\" count=\"{count}\"/>"
            );
        }
    };
    for line in &file.lines {
        write_functions(out, line.number);
        write_line(out, line, meaning);
    }
    write_functions(out, u32::MAX);
}

fn write_line(out: &mut String, line: &LineOutline<'_>, meaning: Meaning) {
    let (number, count) = (line.number, line.count);
    let mut condition = |yes: u64, no: u64| {
        let _ = writeln!(
            out,
            "<line num=\"{number}\" type=\"cond\" truecount=\"{yes}\" falsecount=\"{no}\" \
             count=\"{count}\"/>"
        );
    };
    let arms = line.arms(BranchKind::Branch);
    match meaning {
        _ if arms.total == 0 => {
            let _ = writeln!(out, "<line num=\"{number}\" type=\"stmt\" count=\"{count}\"/>");
        }
        Meaning::TakenAndNot => condition(arms.covered, arms.total - arms.covered),
        Meaning::TrueAndFalse => {
            let is_branch = |kind| kind == BranchKind::Branch;
            for row in line.branches.iter().filter(|row| is_branch(row.branch.kind)) {
                for pair in row.counts.chunks_exact(2) {
                    if let [yes, no] = pair {
                        condition(*yes, *no);
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use coverage::dump;

    use super::*;

    fn dumped(root: &str, files: &str) -> (String, Vec<String>) {
        let text = format!("<coverage {root}><project>{files}</project></coverage>");
        assert!((FORMAT.sniff)(text.as_bytes()));
        let mut notes = Notes::default();
        let profile = read("c.xml", text.as_bytes(), &mut notes).unwrap();
        (dump::write(&profile), notes.all().iter().map(|note| note.what.to_string()).collect())
    }

    #[test]
    fn metrics_say_what_conditions_mean() {
        let file = |covered, total| {
            format!(
                "<file name='a.js' path='a.js'><metrics conditionals='{total}' \
                 coveredconditionals='{covered}'/><line num='3' type='cond' count='7' \
                 truecount='2' falsecount='1'/></file>"
            )
        };
        let head = "mode count\npackage - - -\nfile a.js\nfunction -\nline 3 7\n";
        let (sums, no_notes) = dumped("generated='1' clover='3.2.0'", &file(2, 3));
        assert_eq!(sums, format!("{head}branch 3 - 2/3\n"));
        assert!(no_notes.is_empty());
        assert_eq!(dumped("generated='1'", &file(2, 3)), (sums, vec![]));
        let (pair, no_notes) = dumped("generated='1' clover='4.4.1'", &file(2, 2));
        assert_eq!(pair, format!("{head}branch 3 - true=2 false=1\n"));
        assert!(no_notes.is_empty());
        assert_eq!(dumped("generated='1' clover='3.2.0'", &file(2, 2)).0, pair);
        assert_eq!(
            dumped("generated='1'", &file(5, 9)).1,
            ["a.js: 5 of 9 branches were taken by its metrics, 2 of 2 by its lines"]
        );
    }

    #[test]
    fn methods_on_one_line_are_statements_of_phpunit() {
        let file = |statements, crap| {
            format!(
                "<file name='a.php'><line num='3' type='method' name='f' {crap} count='2'/>\
                 <line num='4' type='method' name='g' {crap} count='1'/><line num='5' type='stmt' \
                 count='1'/><line num='8' type='method' name='h' {crap} count='0'/>\
                 <metrics statements='{statements}' coveredstatements='2' conditionals='0'/></file>"
            )
        };
        let lines = |file: String| {
            let (dump, _) = dumped("generated='1'", &file);
            let lines = dump.lines().filter(|line| line.starts_with("line"));
            lines.collect::<Vec<_>>().join(", ")
        };
        assert_eq!(lines(file(3, "crap='1'")), "line 3 2, line 5 1, line 8 0");
        assert_eq!(lines(file(2, "crap='1'")), "line 5 1");
        assert_eq!(lines(file(3, "")), "line 5 1");
    }

    #[test]
    fn files_may_be_known_by_name_and_package_only() {
        let (found, notes) = dumped(
            "clover='2.0'",
            "<package name='com.acme'><file name='A.java'><line num='3' type='method' \
             signature='f(int) : void' count='2'/><line num='4' type='cond' truecount='0' \
             falsecount='2'/><line num='4' type='cond' truecount='0' falsecount='0'/></file>\
             </package><file name='/lib/b.php'><metrics conditionals='4' coveredconditionals='1'/>\
             <line num='1' type='stmt' count='0'/></file></project><testproject><file \
             name='dummy'/></testproject><project>",
        );
        assert_eq!(
            found,
            "mode count\npackage /lib - -\nfile /lib/b.php\nfunction -\nline 1 0\n\
             package com/acme - -\nfile com/acme/A.java\nfunction -\nline 4 2\n\
             function f(int) 3 2\nbranch 4 - true=0 false=2\nbranch 4 1 true=0 false=0\n"
        );
        assert_eq!(notes, ["/lib/b.php: 1 of 4 branches were taken, but not on which lines"]);
    }

    #[test]
    fn writing_keeps_lines_branches_and_functions() {
        let head = "mode count\npackage p - -\nfile p/a.c\nfunction -\nline 2 5\nline 4 0\n\
                    function f<int> 2 5\nfunction g - 0\n";
        for (before, after) in [
            ("branch 2 if 0=4 1=0\nbranch 2 - 1/4\n", "branch 2 - 2/6\n"),
            ("branch 2 if 0=4 1=0\nbranch 2 - 1/1\n", "branch 2 - 2/3\n"),
        ] {
            let written = write(&dump::parse(&format!("{head}{before}")).unwrap());
            let again = read("", written.as_bytes(), &mut Notes::default()).unwrap();
            assert_eq!(dump::write(&again), format!("{head}{after}"));
        }
    }
}
