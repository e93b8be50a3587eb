//! `percent`, `func`, `textfmt` and `pkglist`: what was covered, for people and for other tools.

use std::collections::BTreeSet;
use std::io::Write;

use anyhow::Result;
use coverage::Mode;

use super::accumulate::{self, Counted, Modes, Packages};
use super::flags::Flags;
use super::input::{self, Input};
use super::{Verb, writer};

/// `percent`, `func` and `textfmt`.
pub(super) fn report(verb: Verb, input: &Input, flags: &Flags) -> Result<()> {
    let mut modes = match verb {
        Verb::Textfmt => Modes::strict(),
        _ => Modes::relaxed(),
    };
    let files = input.pods.iter().map(|pod| input::read_meta(&pod.meta));
    let files = files.collect::<Result<Vec<_>>>()?;
    let mut metas = Vec::with_capacity(files.len());
    for (pod, bytes) in input.pods.iter().zip(&files) {
        let meta = input::meta(&pod.meta, bytes)?;
        modes.meet(&pod.meta, &meta)?;
        metas.push(meta);
    }
    let mode = metas.first().map_or(Mode::default(), |meta| meta.mode);
    let mut packages = Packages::new();
    for (pod, meta) in input.pods.iter().zip(&metas) {
        let counts = accumulate::counts(meta, pod, meta.mode)?;
        accumulate::add_pod(&mut packages, meta, &counts, modes.mode(), &flags.packages);
    }
    let mut out = writer(flags.output.as_ref().filter(|_| verb == Verb::Textfmt))?;
    match verb {
        // Not even a mode or a total, then.
        _ if metas.is_empty() => {
            drop(writer(flags.output.as_ref())?);
        }
        Verb::Percent => {
            percent(&packages, &mut *out, modes.mode())?;
            if flags.output.is_some() {
                let mut text = writer(flags.output.as_ref())?;
                textfmt(&packages, &mut *text, mode)?;
                text.flush()?;
            }
        }
        Verb::Func => functions(&packages, &mut *out, modes.mode())?,
        _ => textfmt(&packages, &mut *out, mode)?,
    }
    out.flush()?;
    Ok(())
}

/// A text profile.
fn textfmt(packages: &Packages<'_>, out: &mut dyn Write, mode: Mode) -> Result<()> {
    writeln!(out, "mode: {}", mode.as_str())?;
    let mut line = Vec::new();
    for variants in packages.values() {
        for unit in accumulate::units_of(variants, mode) {
            let (start_line, end_line, start_column, end_column) = unit.place;
            line.clear();
            line.extend_from_slice(unit.file.as_bytes());
            let numbers = [
                (b':', start_line),
                (b'.', start_column),
                (b',', end_line),
                (b'.', end_column),
                (b' ', unit.statements),
                (b' ', unit.count),
            ];
            for (before, number) in numbers {
                line.push(before);
                push_number(&mut line, number);
            }
            line.push(b'\n');
            out.write_all(&line)?;
        }
    }
    Ok(())
}

/// Appends a number in decimal; `write!` takes four times as long, and a profile is numbers.
fn push_number(out: &mut Vec<u8>, mut number: u32) {
    let mut digits = [0; 10];
    let mut at = digits.len();
    loop {
        at -= 1;
        digits[at] = b'0' + u8::try_from(number % 10).unwrap_or_default();
        number /= 10;
        if number == 0 {
            break;
        }
    }
    out.extend_from_slice(&digits[at..]);
}

/// Covered and all statements of some units.
fn statements<'a>(units: impl IntoIterator<Item = &'a Counted<'a>>) -> (u64, u64) {
    units.into_iter().fold((0, 0), |(covered, total), unit| {
        let statements = u64::from(unit.statements);
        (covered + if unit.count > 0 { statements } else { 0 }, total + statements)
    })
}

#[expect(clippy::cast_precision_loss, reason = "statements stay far below 2^52")]
pub(crate) fn share(covered: u64, total: u64) -> f64 {
    if total == 0 { 0.0 } else { 100.0 * covered as f64 / total as f64 }
}

/// The line of a package without statements has no end: so does Go's tool write it.
fn percent(packages: &Packages<'_>, out: &mut dyn Write, mode: Mode) -> Result<()> {
    for (path, variants) in packages {
        let (covered, total) = statements(&accumulate::units_of(variants, mode));
        write!(out, "\t{path}\t\t")?;
        if total > 0 {
            writeln!(out, "coverage: {:.1}% of statements", share(covered, total))?;
        }
    }
    Ok(())
}

/// Rows are made where the name of the function changes from one unit to the next, so neighbors
/// of one name share a row. Literals have none, but count in the total.
fn functions(packages: &Packages<'_>, out: &mut dyn Write, mode: Mode) -> Result<()> {
    let mut rows = Vec::new();
    let (mut covered, mut total) = (0, 0);
    for variants in packages.values() {
        let units = accumulate::units_of(variants, mode);
        for group in units.chunk_by(|a, b| a.function == b.function) {
            let (group_covered, group_total) = statements(group);
            covered += group_covered;
            total += group_total;
            if let Some(first) = group.first().filter(|first| !first.literal) {
                rows.push((
                    format!("{}:{}:", first.file, first.place.0),
                    first.function.to_owned(),
                    share(group_covered, group_total),
                ));
            }
        }
    }
    rows.push(("total".into(), "(statements)".into(), share(covered, total)));
    write_table(&rows, out)
}

/// Columns as Go's text/tabwriter sets them: padded with tabs of 8, one blank apart at least.
pub(crate) fn write_table(rows: &[(String, String, f64)], out: &mut dyn Write) -> Result<()> {
    const TAB: usize = 8;
    let width = |column: fn(&(String, String, f64)) -> &str| {
        let widest = rows.iter().map(|row| column(row).chars().count()).max().unwrap_or(0);
        (widest + 1).next_multiple_of(TAB)
    };
    let first = width(|row| &row.0);
    let second = width(|row| &row.1);
    let cell = |out: &mut dyn Write, text: &str, width: usize| -> Result<()> {
        let tabs = (width - text.chars().count()).div_ceil(TAB);
        out.write_all(text.as_bytes())?;
        for _ in 0..tabs {
            out.write_all(b"\t")?;
        }
        Ok(())
    };
    for row in rows {
        cell(out, &row.0, first)?;
        cell(out, &row.1, second)?;
        writeln!(out, "{:.1}%", row.2)?;
    }
    Ok(())
}

/// `pkglist`.
pub(super) fn packages(input: &Input, flags: &Flags) -> Result<()> {
    let mut modes = Modes::relaxed();
    let mut paths = BTreeSet::new();
    for pod in &input.pods {
        let bytes = input::read_meta(&pod.meta)?;
        let meta = input::meta(&pod.meta, &bytes)?;
        modes.meet(&pod.meta, &meta)?;
        // Damage is said even where the counts don't matter.
        accumulate::counts(&meta, pod, meta.mode)?;
        let kept = meta.packages.iter().filter(|package| flags.packages.keep(package.path));
        paths.extend(kept.map(|package| package.path.to_owned()));
    }
    let mut out = writer(None)?;
    for path in paths {
        writeln!(out, "{path}")?;
    }
    out.flush()?;
    Ok(())
}
