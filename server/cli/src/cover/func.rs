//! `-func`: the share of statements covered, by function.

use std::io::Write;

use anyhow::Result;
use formats::go_source;

use super::profile::{FileProfile, statements};
use crate::covdata::report::{Row, share, write_table};
use crate::sources::Sources;

/// Writes a row for each function and one for all.
pub(super) fn write(
    profiles: &[FileProfile<'_>],
    sources: &Sources,
    out: &mut dyn Write,
) -> Result<()> {
    let mut rows = Vec::new();
    let (mut covered, mut total) = (0, 0);
    for profile in profiles {
        let source = super::source(profile, sources)?;
        for function in go_source::functions(&String::from_utf8_lossy(&source)) {
            let start = (function.span.start.line, function.span.start.column);
            let end = (function.span.end.line, function.span.end.column);
            // Blocks are sorted by their start: none behind the first that starts too late counts.
            let own = profile.blocks.iter().take_while(|block| block.start < end);
            let (own_covered, own_total) = statements(own.filter(|block| block.end > start));
            covered += own_covered;
            total += own_total;
            let share = share(own_covered.unsigned_abs(), own_total.unsigned_abs());
            rows.push((profile.name, start.0, function.name, share));
        }
    }
    let rows: Vec<_> = rows
        .iter()
        .map(|(file, line, name, share)| Row { file, line: *line, name, share: *share })
        .collect();
    let total = share(covered.unsigned_abs(), total.unsigned_abs());
    let mut text = Vec::new();
    write_table(&rows, ("total:", total), &mut text)?;
    out.write_all(&text)?;
    Ok(())
}
