//! `debugdump`: everything that the files hold, for people.

use std::io::{BufWriter, Write};

use anyhow::Result;
use formats::go_counters::CounterFile;

use super::accumulate::{self, Modes};
use super::flags::Flags;
use super::input::{self, CounterPath, Input};
use super::runs::{self, Layout};

/// `debugdump`.
pub(super) fn dump(input: &Input, flags: &Flags) -> Result<()> {
    let mut out = BufWriter::with_capacity(256 << 10, std::io::stdout().lock());
    let (mut covered, mut total) = (0u64, 0u64);
    for pod in &input.pods {
        let bytes = input::read_meta(&pod.meta)?;
        let meta = input::meta(&pod.meta, &bytes)?;
        let join = Modes::strict().meet(&pod.meta, &meta)?;
        writeln!(out, "Cover mode: {}", accumulate::mode_word(meta.stated))?;
        writeln!(out, "Cover granularity: {}", accumulate::granularity_word(meta.stated))?;
        let layout = Layout::new(&meta);
        let describe = |file, found: &CounterFile<'_>| describe(&pod.counters[file], found, flags);
        let mut runs = runs::read(&layout, &pod.paths(), join, describe)?;
        runs.fit(&layout)?;
        for line in runs.lines.values() {
            out.write_all(line)?;
        }
        for package in &meta.packages {
            if !flags.packages.keep(package.path) {
                continue;
            }
            let functions = meta.functions_of(package);
            // A record of zeros counts as life.
            let shown: Vec<_> = package
                .functions
                .clone()
                .zip(functions)
                .filter(|(idx, _)| !flags.live || runs.recorded[*idx as usize])
                .map(|(_, function)| function)
                .collect();
            if !shown.is_empty() {
                writeln!(out, "\nPackage path: {}", package.path)?;
                writeln!(out, "Package name: {}", package.name)?;
                writeln!(out, "Module path: {}", package.module)?;
            }
            for function in shown {
                writeln!(out, "\nFunc: {}", function.name)?;
                writeln!(out, "Srcfile: {}", function.file)?;
                writeln!(out, "Literal: {}", function.literal)?;
                let counts = &runs.counts[function.units.start as usize..];
                for (i, (unit, count)) in meta.units_of(function).iter().zip(counts).enumerate() {
                    let (start, end) = (unit.span.start, unit.span.end);
                    writeln!(
                        out,
                        "{i}: L{}:C{} -- L{}:C{} NS={} = {count}",
                        start.line, start.column, end.line, end.column, unit.statements,
                    )?;
                }
            }
            for function in functions {
                let counts = &runs.counts[function.units.start as usize..];
                for (unit, &count) in meta.units_of(function).iter().zip(counts) {
                    total += u64::from(unit.statements);
                    covered += if count > 0 { u64::from(unit.statements) } else { 0 };
                }
            }
        }
    }
    writeln!(out, "totalStmts: {total} coveredStmts: {covered}")?;
    out.flush()?;
    Ok(())
}

/// The first lines, which Go's tool writes before it looks for files.
pub(super) fn preamble(arguments: &[String]) {
    let program = std::env::args_os().next().unwrap_or_default();
    let lines = [
        "/* WARNING: the format of this dump is not stable and is".to_owned(),
        " * expected to change from one Go release to the next.".to_owned(),
        " *".to_owned(),
        " * produced by:".to_owned(),
        format!(" *\t{} {}", program.to_string_lossy(), arguments.join(" ")),
        " */\n".to_owned(),
    ];
    let _ = std::io::stdout().write_all(lines.join("\n").as_bytes());
}

/// The lines on a counter file.
fn describe(counters: &CounterPath, file: &CounterFile<'_>, flags: &Flags) -> Vec<u8> {
    let launch = file.segments.first().cloned().unwrap_or_default();
    let CounterPath { path, folder } = counters;
    let path = path.display();
    let mut line = match flags.verbose {
        ..2 => String::new(),
        _ => format!("visit counter data file {path} dirIdx {folder}\n"),
    };
    line.push_str(&format!("data file {path}"));
    let mut line = line.into_bytes();
    for (name, value) in [(" GOOS=", launch.os), (" GOARCH=", launch.arch)] {
        if !value.is_empty() {
            line.extend_from_slice(name.as_bytes());
            line.extend_from_slice(value);
        }
    }
    if !launch.words.is_empty() {
        line.extend_from_slice(b"  program args: [");
        line.extend_from_slice(&launch.words.join(&b' '));
        line.extend_from_slice(b"]\n");
    }
    line.push(b'\n');
    line
}
