//! The canonical text form of a profile: golden, debugging and test notation in one.
//!
//! ```text
//! mode count
//! package example.com/a a example.com      path, name, module; - for an empty word
//! file example.com/a/a.go
//! function *T.Add                          "literal NAME" for a package-level literal
//! 3.24,5.2 2 7                             span, statements, count
//! ```
//!
//! [`write()`] sorts packages, files, functions and units, so equal dumps mean equal profiles.
//! [`parse()`] reads lines in any order that nests; blank lines are skipped.

use std::fmt::Write as _;
use std::sync::Arc;

use thiserror::Error;

use crate::{Mode, Profile, Shape, ShapeBuilder, Span};

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
    for package_idx in sorted(shape.packages().len(), |i| shape.packages()[i].path.clone()) {
        let package = &shape.packages()[package_idx];
        let _ = writeln!(
            out,
            "package {} {} {}",
            word(&package.path),
            word(&package.name),
            word(&package.module)
        );
        let files = sorted(shape.files().len(), |i| shape.files()[i].path.clone());
        for file_idx in
            files.into_iter().filter(|&i| shape.files()[i].package.index() == package_idx)
        {
            let _ = writeln!(out, "file {}", shape.files()[file_idx].path);
            write_functions(&mut out, profile, shape, file_idx);
        }
    }
    out
}

fn write_functions(out: &mut String, profile: &Profile, shape: &Shape, file_idx: usize) {
    let mut functions: Vec<_> = shape
        .functions()
        .iter()
        .filter(|function| function.file.index() == file_idx)
        .map(|function| {
            let mut rows: Vec<_> = (function.units.start as usize..function.units.end as usize)
                .map(|i| (shape.unit_spans()[i], shape.unit_statements()[i], profile.counts()[i]))
                .collect();
            rows.sort_unstable();
            (function.name.as_str(), function.literal, rows)
        })
        .collect();
    functions.sort_unstable();
    for (name, literal, rows) in functions {
        let kind = if literal { "literal" } else { "function" };
        let _ = writeln!(out, "{kind} {}", word(name));
        for (span, statements, count) in rows {
            let _ = writeln!(out, "{span} {statements} {count}");
        }
    }
}

/// The profile that a dump describes.
///
/// # Errors
/// The first line that does not fit the form, and why.
pub fn parse(text: &str) -> Result<Profile, DumpError> {
    let mut builder = ShapeBuilder::default();
    let (mut mode, mut package, mut file, mut function) = (Mode::Count, None, None, None);
    let mut counts = Vec::new();
    for (index, line) in text.lines().enumerate() {
        let fail = |reason| DumpError { line: index + 1, reason };
        let words: Vec<&str> = line.split_whitespace().collect();
        match words.as_slice() {
            [] => {}
            ["mode", name] => mode = Mode::from_word(name).ok_or(fail("unknown mode"))?,
            ["package", path, name, module] => {
                package = Some(builder.package(unword(path), unword(name), unword(module)));
            }
            ["file", path] => {
                file = Some(builder.file(package.ok_or(fail("file outside a package"))?, path));
            }
            [kind @ ("function" | "literal"), name] => {
                let file = file.ok_or(fail("function outside a file"))?;
                function = Some(builder.function(file, unword(name), *kind == "literal"));
            }
            [span, statements, count] => {
                let function = function.ok_or(fail("unit outside a function"))?;
                let span = parse_span(span).ok_or(fail("span is not line.col,line.col"))?;
                let statements =
                    statements.parse().map_err(|_| fail("statements is not a number"))?;
                builder.unit(function, span, statements);
                counts.push(count.parse().map_err(|_| fail("count is not a number"))?);
            }
            _ => return Err(fail("not a line of a dump")),
        }
    }
    Ok(Profile::new(mode, Arc::new(builder.build()), counts))
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

fn word(text: &str) -> &str {
    if text.is_empty() { "-" } else { text }
}

fn unword(text: &str) -> &str {
    if text == "-" { "" } else { text }
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
}
