//! `percent`, `func`, `textfmt` and `pkglist`: what was covered, for people and for other tools.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::Write;

use anyhow::{Result, bail};
use formats::go_meta::Stated;

use super::Verb;
use super::accumulate::{self, Counted, Modes, Package, Packages};
use super::flags::Flags;
use super::input::{self, Input};
use super::runs::{self, Join, Layout};

/// `percent`, `func` and `textfmt`. A text profile goes to `profile`.
pub(super) fn report(
    verb: Verb,
    input: &Input,
    flags: &Flags,
    profile: Option<File>,
) -> Result<()> {
    let mut modes = match verb {
        Verb::Textfmt => Modes::strict(),
        _ => Modes::relaxed(),
    };
    let files = input.pods.iter().map(|pod| input::read_meta(&pod.meta));
    let files = files.collect::<Result<Vec<_>>>()?;
    let metas = input.pods.iter().zip(&files).map(|(pod, bytes)| input::meta(&pod.meta, bytes));
    let metas = metas.collect::<Result<Vec<_>>>()?;
    // Go's tool writes nothing then, not even a mode or a total.
    let Some(first) = metas.first().map(|meta| meta.stated) else { return Ok(()) };
    let mut packages = Packages::new();
    for (pod, meta) in input.pods.iter().zip(&metas) {
        let join = modes.meet(&pod.meta, meta)?;
        let layout = Layout::new(meta);
        flags.trace_counters(pod);
        let mut runs = runs::read(&layout, &pod.paths(), join, |_, _| Vec::new())?;
        runs.fit(&layout)?;
        // Across binaries Go's tool goes by the mode of the first, whatever comes later.
        let join = accumulate::join_of(first);
        accumulate::add_pod(&mut packages, meta, &runs.counts, join, &flags.packages);
    }
    if first.mode == 0 && (verb == Verb::Func || profile.is_some()) {
        bail!("cannot read {}: byte 48: unknown counter mode", input.pods[0].meta.display());
    }
    let join = accumulate::join_of(first);
    match verb {
        Verb::Func => functions(&packages, &mut std::io::stdout().lock(), join)?,
        Verb::Percent => percent(&packages, &mut std::io::stdout().lock(), join)?,
        _ => {}
    }
    if let Some(mut profile) = profile {
        textfmt(&packages, &mut profile, first)?;
    }
    Ok(())
}

/// Bytes that are worth a write.
const WRITE_BYTES: usize = 256 << 10;

/// A text profile.
fn textfmt(packages: &Packages<'_>, out: &mut dyn Write, stated: Stated) -> Result<()> {
    let mut text = Vec::with_capacity(WRITE_BYTES + (WRITE_BYTES >> 4));
    writeln!(text, "mode: {}", accumulate::mode_word(stated))?;
    let mut package = Package::default();
    for variants in packages.values() {
        package.fill(variants, accumulate::join_of(stated));
        for unit in &package.units {
            let [start_line, end_line, start_column, end_column] = unit.place.parts();
            text.extend_from_slice(package.files[unit.file as usize].as_bytes());
            let numbers = [
                (b':', start_line),
                (b'.', start_column),
                (b',', end_line),
                (b'.', end_column),
                (b' ', unit.statements),
                (b' ', unit.count),
            ];
            for (before, number) in numbers {
                text.push(before);
                push_number(&mut text, number);
            }
            text.push(b'\n');
            if text.len() >= WRITE_BYTES {
                out.write_all(&text)?;
                text.clear();
            }
        }
    }
    out.write_all(&text)?;
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
fn statements(units: &[Counted]) -> (u64, u64) {
    units.iter().fold((0, 0), |(covered, total), unit| {
        let statements = u64::from(unit.statements);
        (covered + if unit.count > 0 { statements } else { 0 }, total + statements)
    })
}

#[expect(clippy::cast_precision_loss, reason = "statements stay far below 2^52")]
pub(crate) fn share(covered: u64, total: u64) -> f64 {
    if total == 0 { 0.0 } else { 100.0 * covered as f64 / total as f64 }
}

/// The line of a package without statements has no end: so does Go's tool write it.
fn percent(packages: &Packages<'_>, out: &mut dyn Write, join: Join) -> Result<()> {
    let mut text = Vec::new();
    let mut package = Package::default();
    for (path, variants) in packages {
        package.fill(variants, join);
        let (covered, total) = statements(&package.units);
        write!(text, "\t{path}\t\t")?;
        if total > 0 {
            writeln!(text, "coverage: {:.1}% of statements", share(covered, total))?;
        }
    }
    out.write_all(&text)?;
    out.flush()?;
    Ok(())
}

/// A row of `func`, of this tool and of `cover`.
pub(crate) struct Row<'a> {
    /// Source file.
    pub file: &'a str,
    /// Line of the function.
    pub line: u32,
    /// Its name.
    pub name: &'a str,
    /// Statements covered, in percent.
    pub share: f64,
}

/// Rows are made where the name of the function changes from one unit to the next, so neighbors
/// of one name share a row. Literals have none, but count in the total.
fn functions(packages: &Packages<'_>, out: &mut dyn Write, join: Join) -> Result<()> {
    let mut rows = Vec::new();
    let (mut covered, mut total) = (0, 0);
    let mut package = Package::default();
    for variants in packages.values() {
        package.fill(variants, join);
        let name = |unit: &Counted| package.functions[unit.function as usize].0;
        let same = |a: &Counted, b: &Counted| a.function == b.function || name(a) == name(b);
        for group in package.units.chunk_by(same) {
            let (group_covered, group_total) = statements(group);
            covered += group_covered;
            total += group_total;
            let first = &group[0];
            let (name, is_literal) = package.functions[first.function as usize];
            if !is_literal {
                let file = package.files[first.file as usize];
                let share = share(group_covered, group_total);
                rows.push(Row { file, line: first.place.parts()[0], name, share });
            }
        }
    }
    let mut text = Vec::new();
    write_table(&rows, ("total", share(covered, total)), &mut text)?;
    out.write_all(&text)?;
    out.flush()?;
    Ok(())
}

/// Columns as Go's text/tabwriter sets them: padded with tabs of 8, one blank apart at least. The
/// last row has the word that is given and the share of all.
pub(crate) fn write_table(
    rows: &[Row<'_>],
    (word, total): (&str, f64),
    out: &mut Vec<u8>,
) -> Result<()> {
    const TAB: usize = 8;
    let last = [word, "(statements)"];
    let digits = |number: u32| number.checked_ilog10().unwrap_or(0) as usize + 1;
    let place = |row: &Row<'_>| row.file.chars().count() + digits(row.line) + 2;
    let widest = |widths: &mut dyn Iterator<Item = usize>, last: &str| {
        (widths.max().unwrap_or(0).max(last.len()) + 1).next_multiple_of(TAB)
    };
    let first = widest(&mut rows.iter().map(place), last[0]);
    let second = widest(&mut rows.iter().map(|row| row.name.chars().count()), last[1]);
    let pad = |out: &mut Vec<u8>, width: usize, column: usize| {
        out.resize(out.len() + (column - width).div_ceil(TAB), b'\t');
    };
    for row in rows {
        out.extend_from_slice(row.file.as_bytes());
        out.push(b':');
        push_number(out, row.line);
        out.push(b':');
        pad(out, place(row), first);
        out.extend_from_slice(row.name.as_bytes());
        pad(out, row.name.chars().count(), second);
        writeln!(out, "{:.1}%", row.share)?;
    }
    for (word, column) in last.into_iter().zip([first, second]) {
        out.extend_from_slice(word.as_bytes());
        pad(out, word.len(), column);
    }
    writeln!(out, "{total:.1}%")?;
    Ok(())
}

/// `pkglist`.
pub(super) fn packages(input: &Input, flags: &Flags) -> Result<()> {
    let mut modes = Modes::relaxed();
    let mut paths = BTreeSet::new();
    for pod in &input.pods {
        let bytes = input::read_meta(&pod.meta)?;
        let meta = input::meta(&pod.meta, &bytes)?;
        let join = modes.meet(&pod.meta, &meta)?;
        // Damage is said even where the counts don't matter.
        let layout = Layout::new(&meta);
        flags.trace_counters(pod);
        runs::read(&layout, &pod.paths(), join, |_, _| Vec::new())?.fit(&layout)?;
        let kept = meta.packages.iter().filter(|package| flags.packages.keep(package.path));
        paths.extend(kept.map(|package| package.path.to_owned()));
    }
    let text: String = paths.iter().flat_map(|path| [path, "\n"]).collect();
    std::io::stdout().write_all(text.as_bytes())?;
    Ok(())
}
