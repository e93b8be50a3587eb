//! `debugdump`: everything that the files hold, for people.

use std::collections::BTreeMap;
use std::io::Write;

use anyhow::Result;
use formats::go_counters;

use super::accumulate::{self, Modes};
use super::flags::Flags;
use super::input::{self, Input};
use super::writer;

/// `debugdump`.
pub(super) fn dump(input: &Input, flags: &Flags, arguments: &[String]) -> Result<()> {
    let mut out = writer(None)?;
    let program = std::env::args_os().next().unwrap_or_default();
    writeln!(out, "/* WARNING: the format of this dump is not stable and is")?;
    writeln!(out, " * expected to change from one Go release to the next.")?;
    writeln!(out, " *")?;
    writeln!(out, " * produced by:")?;
    writeln!(out, " *\t{} {}", program.to_string_lossy(), arguments.join(" "))?;
    writeln!(out, " */")?;
    let (mut covered, mut total) = (0u64, 0u64);
    for pod in &input.pods {
        let bytes = input::read_meta(&pod.meta)?;
        let meta = input::meta(&pod.meta, &bytes)?;
        Modes::strict().meet(&pod.meta, &meta)?;
        writeln!(out, "Cover mode: {}", meta.mode.as_str())?;
        let granularity = accumulate::granularity_word(meta.granularity);
        writeln!(out, "Cover granularity: {granularity}")?;

        let mut counts = vec![0; meta.units.len()];
        // Functions of which some run has a record, even one of zeros.
        let mut live = vec![false; meta.units.len()];
        let mut empty_live = BTreeMap::new();
        let mut overflow = false;
        let mut buffer = Vec::new();
        for counters in &pod.counters {
            let path = &counters.path;
            let bytes = input::read_into(path, &mut buffer)?;
            let file = go_counters::read(bytes, |record| {
                let units = accumulate::units(&meta, &record)?;
                if units.is_empty() {
                    empty_live.insert((record.package, record.function), ());
                }
                for (sum, &count) in counts[units.clone()].iter_mut().zip(record.counts) {
                    overflow |= accumulate::add(meta.mode, sum, count);
                }
                live[units].fill(true);
                Ok(())
            });
            let file = file.map_err(input::refused(path))?;
            if file.meta_hash != meta.hash {
                anyhow::bail!(
                    "cannot read {}: byte 8: counters of a different build",
                    path.display()
                );
            }
            input::warn_of(path, &file);
            let args: Vec<_> = file.segments.into_iter().flatten().collect();
            write!(out, "data file {}", path.display())?;
            for name in ["GOOS", "GOARCH"] {
                if let Some(value) = arg(&args, name) {
                    write!(out, " {name}={value}")?;
                }
            }
            let argc: usize = arg(&args, "argc").and_then(|n| n.parse().ok()).unwrap_or_default();
            if argc > 0 {
                // Never more than there are values, whatever the file claims.
                let words: Vec<_> = (0..argc.min(args.len()))
                    .map(|i| arg(&args, &format!("argv{i}")).unwrap_or_default())
                    .collect();
                write!(out, "  program args: [{}]", words.join(" "))?;
            }
            writeln!(out, "\n")?;
        }
        if overflow {
            accumulate::warn_overflow();
        }
        for (package_idx, package) in (0u32..).zip(&meta.packages) {
            if !flags.packages.keep(package.path) {
                continue;
            }
            let functions = meta.functions_of(package);
            let is_live = |function_idx: u32, units: &std::ops::Range<u32>| match units.is_empty() {
                true => empty_live.contains_key(&(package_idx, function_idx)),
                false => live[units.start as usize],
            };
            let shown: Vec<_> = (0u32..)
                .zip(functions)
                .filter(|(idx, function)| !flags.live || is_live(*idx, &function.units))
                .collect();
            if !shown.is_empty() {
                writeln!(out, "\nPackage path: {}", package.path)?;
                writeln!(out, "Package name: {}", package.name)?;
                writeln!(out, "Module path: {}", package.module)?;
            }
            for (_, function) in shown {
                writeln!(out, "\nFunc: {}", function.name)?;
                writeln!(out, "Srcfile: {}", function.file)?;
                writeln!(out, "Literal: {}", function.literal)?;
                let counts = &counts[function.units.start as usize..];
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
                let counts = &counts[function.units.start as usize..];
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

fn arg<'a>(args: &[(&str, &'a str)], name: &str) -> Option<&'a str> {
    args.iter().rev().find(|(key, _)| *key == name).map(|&(_, value)| value)
}
