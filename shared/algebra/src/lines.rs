//! Lines of a file, which are what people and diffs speak of.

use std::collections::BTreeMap;

use coverage::{FileIdx, Profile};

/// What is known of a line of source.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Line {
    /// How many units lie on the line, wholly or in part.
    pub n_units: u32,
    /// How many of them were hit.
    pub n_hit: u32,
    /// The highest count of a unit on the line.
    pub count: u64,
}

impl Line {
    /// Whether every unit on the line was hit.
    pub fn covered(self) -> bool {
        self.n_hit == self.n_units && self.n_units > 0
    }

    /// Whether some units on the line were hit and others not.
    pub fn partial(self) -> bool {
        self.n_hit > 0 && self.n_hit < self.n_units
    }
}

/// The lines of the files that hold code, by their 1-based number, in the order of the shape's
/// files. A unit lies on every line from its start to its end, but for one that it reaches only
/// with its end in the first column.
pub fn lines(profile: &Profile) -> Vec<BTreeMap<u32, Line>> {
    let shape = profile.shape();
    let mut files = vec![BTreeMap::new(); shape.files().len()];
    for unit_idx in shape.unit_indexes() {
        let lines = &mut files[shape.file_of(unit_idx).index()];
        add(lines, profile, unit_idx);
    }
    files
}

/// The lines of one file, as [`lines`] gives them.
pub fn lines_of(profile: &Profile, file: FileIdx) -> BTreeMap<u32, Line> {
    let shape = profile.shape();
    let mut lines = BTreeMap::new();
    for function in shape.functions().iter().filter(|function| function.file == file) {
        for unit_idx in function.units.clone().map(coverage::UnitIdx) {
            add(&mut lines, profile, unit_idx);
        }
    }
    lines
}

/// Most lines that one unit may cover: what claims more is no source, and would eat memory.
const UNIT_LINES: u32 = 100_000;

fn add(lines: &mut BTreeMap<u32, Line>, profile: &Profile, unit_idx: coverage::UnitIdx) {
    let span = profile.shape().unit(unit_idx).span;
    let count = profile.count(unit_idx);
    let last = match span.end.column {
        0 | 1 if span.end.line > span.start.line => span.end.line - 1,
        _ => span.end.line,
    };
    for number in span.start.line..=last.min(span.start.line.saturating_add(UNIT_LINES)) {
        let line = lines.entry(number).or_default();
        line.n_units += 1;
        line.n_hit += u32::from(count > 0);
        line.count = line.count.max(count);
    }
}

#[cfg(test)]
mod tests {
    use coverage::dump;

    use super::*;

    #[test]
    fn units_lie_on_the_lines_that_they_reach() {
        let profile = dump::parse(
            "mode count\npackage p p m\nfile p/a.go\nfunction F\n1.1,2.9 1 5\n2.9,3.2 1 0\n\
             5.1,6.1 1 0\n",
        );
        let profile = profile.unwrap();
        let lines = lines(&profile);
        let found: Vec<_> =
            lines[0].iter().map(|(n, line)| (*n, line.n_hit, line.n_units, line.count)).collect();
        assert_eq!(found, [(1, 1, 1, 5), (2, 1, 2, 5), (3, 0, 1, 0), (5, 0, 1, 0)]);
        assert!(lines[0][&1].covered() && lines[0][&2].partial() && !lines[0][&3].covered());
        assert_eq!(lines_of(&profile, FileIdx(0)), lines[0]);
    }

    #[test]
    fn a_unit_that_claims_the_earth_gets_a_field() {
        let text = "mode count\npackage p p m\nfile p/a.go\nfunction F\n1.1,4294967295.9 1 5\n";
        assert_eq!(lines(&dump::parse(text).unwrap())[0].len(), UNIT_LINES as usize + 1);
    }
}
