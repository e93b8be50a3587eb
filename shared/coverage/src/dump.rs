//! The canonical text form of a profile: golden, debugging and test notation in one.
//!
//! ```text
//! mode count
//! package example.com/a a example.com      path, name, module
//! file example.com/a/a.go
//! function *T.Add                          "literal NAME" for a package-level literal
//! 3.24,5.2 2 7                             block: span, statements, count
//! line 4 7                                 number, count; likewise statement and region, by span
//! context TestAdd 3.24,5.2 4               units of the function that were hit in this context
//! function main 7,9 1                      span, and its own count
//! branch 4 if then=7 else=0                span, name, arms; likewise condition and instruction
//! branch 5 - 1/3                           where only the number of arms taken is known
//! ```
//!
//! A span that is a whole line is given by its number, one of whole lines by the first and the
//! last. `-` stands for an empty word, and for a span or a count that is not known; blanks, `%`,
//! `=` and a `-` alone are written as `%` and two hex digits.
//!
//! [`write()`] sorts packages, files, functions, units and branches, so equal dumps mean equal
//! profiles. [`parse()`] reads lines in any order that nests; blank lines are skipped.

use std::borrow::Cow;
use std::fmt::Write as _;

use thiserror::Error;

use crate::{
    BranchKind, FunctionIdx, Mode, Profile, ProfileBuilder, Shape, Span, Unit, UnitIdx, UnitKind,
};

/// A dump that breaks its own form. Lines are 1-based.
#[derive(Debug, Error, PartialEq, Eq)]
#[error("line {line}: {reason}")]
pub struct DumpError {
    /// 1-based line of the dump.
    pub line: usize,
    /// What is wrong there.
    pub reason: &'static str,
}

/// The canonical dump: all that the model holds, sorted by path, name and span.
pub fn write(profile: &Profile) -> String {
    let shape = profile.shape();
    let mut out = format!("mode {}\n", profile.mode().as_str());
    let mut rows = Rows { functions: vec![Vec::new(); shape.files().len()], branches: Vec::new() };
    rows.branches.clone_from(&rows.functions);
    for (index, function) in shape.functions().iter().enumerate() {
        rows.functions[function.file.index()].push(index);
    }
    for (index, branch) in shape.branches().iter().enumerate() {
        rows.branches[branch.file.index()].push(index);
    }
    let files = sorted(shape.files().len(), |i| shape.files()[i].path.clone());
    for package_idx in sorted(shape.packages().len(), |i| shape.packages()[i].path.clone()) {
        let package = &shape.packages()[package_idx];
        let _ = writeln!(
            out,
            "package {} {} {}",
            word(&package.path),
            word(&package.name),
            word(&package.module)
        );
        for &file_idx in &files {
            let file = &shape.files()[file_idx];
            if file.package.index() == package_idx {
                let _ = writeln!(out, "file {}", word(file.path.as_str()));
                write_functions(&mut out, profile, &rows.functions[file_idx]);
                write_branches(&mut out, profile, &rows.branches[file_idx]);
            }
        }
    }
    out
}

/// Functions and branches of each file.
struct Rows {
    functions: Vec<Vec<usize>>,
    branches: Vec<Vec<usize>>,
}

fn write_functions(out: &mut String, profile: &Profile, functions: &[usize]) {
    let shape = profile.shape();
    let mut functions: Vec<_> = functions
        .iter()
        .map(|&index| {
            let function = &shape.functions()[index];
            let count = profile.function_count(FunctionIdx(u32::try_from(index).unwrap_or(0)));
            let units = function.units.clone().map(UnitIdx);
            let mut rows: Vec<_> = units
                .map(|i| {
                    (
                        shape.unit(i).kind,
                        shape.unit(i).span,
                        shape.unit(i).statements,
                        profile.count(i),
                    )
                })
                .collect();
            rows.sort_unstable();
            (function.name.as_str(), function.literal, function.span, rows, count, index)
        })
        .collect();
    functions.sort_unstable();
    for (name, literal, span, rows, count, index) in functions {
        let kind = if literal { "literal" } else { "function" };
        let _ = write!(out, "{kind} {}", word(name));
        if span.is_some() || count.is_some() {
            let _ = write!(out, " {}", span.map_or("-".to_owned(), place));
        }
        if let Some(count) = count {
            let _ = write!(out, " {count}");
        }
        out.push('\n');
        for (kind, span, statements, count) in rows {
            let _ = match kind {
                UnitKind::Block => writeln!(out, "{span} {statements} {count}"),
                UnitKind::Line => writeln!(out, "line {} {count}", place(span)),
                UnitKind::Statement => writeln!(out, "statement {} {count}", place(span)),
                UnitKind::Region => writeln!(out, "region {} {count}", place(span)),
            };
        }
        write_contexts(out, profile, shape, index);
    }
}

fn write_contexts(out: &mut String, profile: &Profile, shape: &Shape, function: usize) {
    let units = &shape.functions()[function].units;
    for context in profile.contexts().iter() {
        let from = context.units.partition_point(|unit| unit.0 < units.start);
        let to = context.units.partition_point(|unit| unit.0 < units.end);
        let mut spans: Vec<_> = context.units[from..to]
            .iter()
            .map(|&unit| (shape.unit(unit).kind, shape.unit(unit).span))
            .collect();
        spans.sort_unstable();
        if !spans.is_empty() {
            let _ = write!(out, "context {}", word(&context.name));
            for (kind, span) in spans {
                let _ = match kind {
                    UnitKind::Line => write!(out, " {}", place(span)),
                    _ => write!(out, " {span}"),
                };
            }
            out.push('\n');
        }
    }
}

fn write_branches(out: &mut String, profile: &Profile, branches: &[usize]) {
    let shape = profile.shape();
    let mut rows: Vec<_> = branches
        .iter()
        .map(|&index| {
            let branch = &shape.branches()[index];
            let arms = shape.arms_of(branch);
            let arms =
                arms.map(|(label, arm)| (label, profile.arm_counts()[arm])).collect::<Vec<_>>();
            (branch.kind, branch.span, shape.label(branch.name), branch.exact, arms)
        })
        .collect();
    rows.sort_unstable();
    for (kind, span, name, exact, arms) in rows {
        let kind = match kind {
            BranchKind::Branch => "branch",
            BranchKind::Condition => "condition",
            BranchKind::Instruction => "instruction",
        };
        let _ = write!(out, "{kind} {} {}", place(span), word(name));
        if exact {
            for (label, count) in arms {
                let _ = write!(out, " {}={count}", word(label));
            }
        } else {
            let taken = arms.iter().filter(|(_, count)| *count > 0).count();
            let _ = write!(out, " {taken}/{}", arms.len());
        }
        out.push('\n');
    }
}

/// The profile that a dump describes.
///
/// # Errors
/// The first line that does not fit the form, and why.
pub fn parse(text: &str) -> Result<Profile, DumpError> {
    let mut builder = ProfileBuilder::default();
    let (mut mode, mut package, mut file, mut function) = (Mode::Count, None, None, None);
    // Units of the function at hand, for contexts.
    let mut units: Vec<(UnitKind, Span, UnitIdx)> = Vec::new();
    for (index, line) in text.lines().enumerate() {
        let fail = |reason| DumpError { line: index + 1, reason };
        let words: Vec<&str> = line.split_whitespace().collect();
        let no_count = || fail("count is not a number");
        match words.as_slice() {
            [] => {}
            ["mode", name] => mode = Mode::from_word(name).ok_or(fail("unknown mode"))?,
            ["package", path, name, module] => {
                package = Some(builder.package(&unword(path), &unword(name), &unword(module)));
            }
            ["file", path] => {
                let package = package.ok_or(fail("file outside a package"))?;
                file = Some(builder.file(package, &unword(path)));
            }
            ["literal", name] => {
                let file = file.ok_or(fail("function outside a file"))?;
                function = Some(builder.function(file, &unword(name), true));
                units.clear();
            }
            ["function", name, rest @ ..] => {
                let file = file.ok_or(fail("function outside a file"))?;
                let span = match rest.first() {
                    None | Some(&"-") => None,
                    Some(text) => Some(parse_place(text).ok_or(fail("not a span"))?),
                };
                let count = rest.get(1).map(|count| count.parse().map_err(|_| no_count()));
                let count = count.transpose()?;
                function = Some(builder.declared_function(file, &unword(name), span, count));
                units.clear();
            }
            [kind @ ("branch" | "condition" | "instruction"), span, name, arms @ ..] => {
                let file = file.ok_or(fail("branch outside a file"))?;
                let span = parse_place(span).ok_or(fail("not a span"))?;
                let kind = match *kind {
                    "branch" => BranchKind::Branch,
                    "condition" => BranchKind::Condition,
                    _ => BranchKind::Instruction,
                };
                parse_branch(&mut builder, file, (kind, span, &unword(name)), arms)
                    .ok_or_else(no_count)?;
            }
            ["context", name, spans @ ..] => {
                for text in spans {
                    let span = parse_place(text).ok_or(fail("not a span"))?;
                    let is_line = !text.contains('.');
                    let same = units.iter().filter(|(kind, found, _)| {
                        *found == span && (*kind == UnitKind::Line) == is_line
                    });
                    let mut found = false;
                    for (_, _, unit) in same {
                        builder.hit_in(&unword(name), *unit);
                        found = true;
                    }
                    if !found {
                        return Err(fail("the context's unit is not in the function"));
                    }
                }
            }
            [first, second, count] => {
                let function = function.ok_or(fail("unit outside a function"))?;
                let kind = match *first {
                    "line" => UnitKind::Line,
                    "statement" => UnitKind::Statement,
                    "region" => UnitKind::Region,
                    _ => UnitKind::Block,
                };
                let is_block = kind == UnitKind::Block;
                let span = if is_block { parse_span(first) } else { parse_place(second) };
                let span = span.ok_or(fail("span is not line.col,line.col"))?;
                let statements = match kind {
                    UnitKind::Block => {
                        second.parse().map_err(|_| fail("statements is not a number"))?
                    }
                    UnitKind::Line | UnitKind::Statement => 1,
                    UnitKind::Region => 0,
                };
                let count = count.parse().map_err(|_| no_count())?;
                let unit = Unit { kind, span, statements, function };
                units.push((kind, span, builder.unit(unit, count)));
            }
            _ => return Err(fail("not a line of a dump")),
        }
    }
    Ok(builder.build(mode))
}

fn parse_branch(
    builder: &mut ProfileBuilder,
    file: crate::FileIdx,
    (kind, span, name): (BranchKind, Span, &str),
    arms: &[&str],
) -> Option<()> {
    if let [tally] = arms
        && let Some((covered, total)) = tally.split_once('/')
        && !tally.contains('=')
    {
        builder.tally(file, kind, span, name, covered.parse().ok()?, total.parse().ok()?);
        return Some(());
    }
    builder.branch(file, kind, span, name, true);
    for arm in arms {
        let (label, count) = arm.split_once('=')?;
        builder.arm(&unword(label), count.parse().ok()?);
    }
    Some(())
}

/// A span as dumps write it where whole lines are usual.
fn place(span: Span) -> String {
    let last = span.end.line.saturating_sub(1);
    match (span.as_line(), span.start.column, span.end.column) {
        (Some(line), ..) => line.to_string(),
        (None, 1, 1) if last > span.start.line => format!("{},{last}", span.start.line),
        _ => span.to_string(),
    }
}

fn parse_place(text: &str) -> Option<Span> {
    if text.contains('.') {
        return parse_span(text);
    }
    let (first, last) = text.split_once(',').unwrap_or((text, text));
    let end: u32 = last.parse().ok()?;
    Some(Span::new(first.parse().ok()?, 1, end.saturating_add(1), 1))
}

fn parse_span(text: &str) -> Option<Span> {
    let (start, end) = text.split_once(',')?;
    let (start_line, start_column) = start.split_once('.')?;
    let (end_line, end_column) = end.split_once('.')?;
    Some(Span::new(
        start_line.parse().ok()?,
        start_column.parse().ok()?,
        end_line.parse().ok()?,
        end_column.parse().ok()?,
    ))
}

fn sorted<K: Ord>(n: usize, key: impl Fn(usize) -> K) -> Vec<usize> {
    let mut indexes: Vec<usize> = (0..n).collect();
    indexes.sort_by_key(|&i| key(i));
    indexes
}

fn word(text: &str) -> Cow<'_, str> {
    let odd = |c: char| c.is_whitespace() || c.is_control() || matches!(c, '%' | '=');
    match text {
        "" => "-".into(),
        "-" => "%2d".into(),
        _ if text.contains(odd) => {
            let mut word = String::new();
            for c in text.chars() {
                if odd(c) {
                    for byte in c.encode_utf8(&mut [0; 4]).bytes() {
                        let _ = write!(word, "%{byte:02x}");
                    }
                } else {
                    word.push(c);
                }
            }
            word.into()
        }
        _ => text.into(),
    }
}

fn unword(word: &str) -> Cow<'_, str> {
    if word == "-" {
        return "".into();
    }
    if !word.contains('%') {
        return word.into();
    }
    let mut bytes = Vec::with_capacity(word.len());
    let mut rest = word.as_bytes();
    while let [byte, tail @ ..] = rest {
        rest = tail;
        let hex = rest.get(..2).and_then(|hex| str::from_utf8(hex).ok());
        match hex.and_then(|hex| u8::from_str_radix(hex, 16).ok()) {
            Some(value) if *byte == b'%' => {
                bytes.push(value);
                rest = &rest[2..];
            }
            _ => bytes.push(*byte),
        }
    }
    String::from_utf8_lossy(&bytes).into_owned().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn writing_sorts_and_reads_back() {
        let text = "mode set\npackage p p -\nfile p/b.go\nfunction F\n2.1,3.2 1 1\n1.1,2.1 0 0\n\
                    file p/a.go\nliteral func.L1.C1\n1.1,1.9 1 5\n";
        let sorted = "mode set\npackage p p -\nfile p/a.go\nliteral func.L1.C1\n1.1,1.9 1 5\n\
                      file p/b.go\nfunction F\n1.1,2.1 0 0\n2.1,3.2 1 1\n";
        let dump = write(&parse(text).unwrap());
        assert_eq!(dump, sorted);
        assert_eq!(write(&parse(&dump).unwrap()), dump);
    }

    #[test]
    fn an_empty_function_stands_before_its_namesakes() {
        let sorted =
            "mode count\npackage p p -\nfile p/a.go\nfunction F\nfunction F\n1.1,2.1 1 1\n";
        let other = "mode count\npackage p p -\nfile p/a.go\nfunction F\n1.1,2.1 1 1\nfunction F\n";
        assert_eq!(write(&parse(other).unwrap()), sorted);
        assert_eq!(write(&parse(sorted).unwrap()), sorted);
    }

    #[test]
    fn errors_name_the_line() {
        let error = parse("mode count\n1.1,1.2 1 1\n").unwrap_err();
        assert_eq!(error.to_string(), "line 2: unit outside a function");
    }

    #[test]
    fn every_row_is_written_as_it_is_read() {
        let text = "mode count\npackage p - -\nfile p/a%20b.c\nfunction -\nline 1 4\nline 2 0\n\
                    statement 1.1,1.9 4\nregion 1.1,2.9 4\ncontext t2 1\n\
                    context t%3d1 1 1.1,1.9\nfunction f(int,%20i) 1,2 0\nfunction g - 2\nfunction h 7\n\
                    branch 1 if yes=4 no=0\nbranch 2.1,2.5 - -=1\nbranch 2 - 1/3\n\
                    condition 1 0 0t=1 0f=0\ninstruction 2 - 0/2\n";
        let profile = parse(text).unwrap();
        assert_eq!(write(&profile), text);
        assert_eq!(profile.contexts().len(), 2);
    }
}
