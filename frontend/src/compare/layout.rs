//! A recording as rows: the functions that ran, and the lines of each.

use coverage::{FunctionIdx, Profile};

use crate::ui::order::{by_key, by_name, pair};

/// A function that ran.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ran {
    /// The function, in the profile's shape.
    pub function: u32,
    /// Count of its first unit: how often it was called.
    pub calls: u64,
    /// Units that ran, and all.
    pub units: (u32, u32),
    /// Lines that ran, first and last, with their count; ascending.
    pub lines: Vec<(u32, u32, u64)>,
}

/// The functions that ran, by file and place.
pub fn ran(profile: &Profile) -> Vec<Ran> {
    let shape = profile.shape();
    let mut rows = Vec::new();
    for (row, function) in (0..).zip(shape.functions()) {
        let function_idx = FunctionIdx(row);
        if !profile.function_hit(function_idx) {
            continue;
        }
        let mut lines: Vec<(u32, u32, u64)> = shape
            .units_of(function_idx)
            .filter(|&unit_idx| profile.count(unit_idx) > 0)
            .map(|unit_idx| {
                let span = shape.unit(unit_idx).span;
                (span.start.line, span.end.line, profile.count(unit_idx))
            })
            .collect();
        by_key(&mut lines, |&(from, to, count)| [pair(from, to), count]);
        let n_units = function.units.end - function.units.start;
        let first = profile.counts()[function.units.start as usize];
        rows.push(Ran {
            function: row,
            calls: first,
            units: (u32::try_from(lines.len()).unwrap_or(u32::MAX), n_units),
            lines: joined(&lines),
        });
    }
    by_key(&mut rows, |row: &Ran| [row.lines.first().map_or(0, |lines| u64::from(lines.0)), 0]);
    by_name(&mut rows, |row| {
        let function = shape.function(FunctionIdx(row.function));
        shape.file(function.file).path.as_str()
    });
    rows
}

/// Runs of lines with the same count, joined where they touch.
fn joined(lines: &[(u32, u32, u64)]) -> Vec<(u32, u32, u64)> {
    let mut out: Vec<(u32, u32, u64)> = Vec::new();
    for &(from, to, count) in lines {
        match out.last_mut() {
            Some(last) if last.2 == count && from <= last.1 + 1 => last.1 = last.1.max(to),
            _ => out.push((from, to, count)),
        }
    }
    out
}

/// The lines in words: `3–5 ×2, 9 ×1`.
pub fn words(lines: &[(u32, u32, u64)]) -> String {
    let mut text = String::new();
    for &(from, to, count) in lines {
        if !text.is_empty() {
            text.push_str(", ");
        }
        text.push_str(&from.to_string());
        if to > from {
            text.push('–');
            text.push_str(&to.to_string());
        }
        text.push_str(&format!(" ×{}", crate::ui::text::short(count)));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use coverage::dump;

    #[test]
    fn what_ran_is_listed_by_place_with_its_counts() {
        let profile = dump::parse(
            "mode count\npackage p p m\nfile p/b.go\nfunction B\n1.1,2.2 1 0\n3.1,4.2 1 0\n\
             function C\n7.1,8.2 1 2\n8.2,9.2 1 2\n12.1,13.2 1 1\n14.1,15.1 1 0\n\
             file p/a.go\nfunction A\n1.1,1.9 1 5\n",
        )
        .unwrap();
        let rows = ran(&profile);
        let names: Vec<_> = rows
            .iter()
            .map(|row| profile.shape().functions()[row.function as usize].name.as_str())
            .collect();
        assert_eq!(names, ["A", "C"]);
        assert_eq!((rows[1].calls, rows[1].units), (2, (3, 4)));
        assert_eq!(words(&rows[1].lines), "7–9 ×2, 12–13 ×1");
        assert_eq!(words(&rows[0].lines), "1 ×5");
    }
}
