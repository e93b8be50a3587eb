//! Signs that a profile says less than it seems to.

use coverage::{FileIdx, Profile, UnitIdx, UnitKind};

/// Why the numbers of a file are to be doubted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Doubt {
    /// Units overlap, which those of one build never do: the file was cut into units in two ways,
    /// by other versions of Go or of the source, and much of it counts twice.
    Mixed,
    /// Neighboring units repeat one number of statements, as Go 1.27.0 and 1.27.1 leave them
    /// (golang/go#80974): long runs count too much.
    Inflated,
}

impl Doubt {
    /// What to tell a person: a fragment that reads well after "FILE: ".
    pub fn sentence(self) -> &'static str {
        match self {
            Self::Mixed => {
                "its units overlap: it is of two builds by different versions of Go or of the source, and counts twice"
            }
            Self::Inflated => {
                "its statements look as Go 1.27.0 counts them, too many where comments stand between"
            }
        }
    }
}

/// Neighbors that must repeat a number of statements before that is no chance.
const REPEATS: usize = 3;

/// Files whose numbers are to be doubted, in the order of the shape.
pub fn doubts(profile: &Profile) -> Vec<(FileIdx, Doubt)> {
    let shape = profile.shape();
    let mut units: Vec<Vec<UnitIdx>> = vec![Vec::new(); shape.files().len()];
    let blocks = |unit: &UnitIdx| shape.kind(*unit) == UnitKind::Block;
    for unit_idx in shape.unit_indexes().filter(blocks) {
        units[shape.file_of(unit_idx).index()].push(unit_idx);
    }
    let mut found = Vec::new();
    for (file, mut units) in (0u32..).map(FileIdx).zip(units) {
        units.sort_by_key(|unit_idx| {
            (shape.unit(*unit_idx).span.start, shape.unit(*unit_idx).span.end)
        });
        let mut repeats = 0;
        let (mut mixed, mut inflated) = (false, false);
        for pair in units.windows(2) {
            let [left, right] = [shape.unit(pair[0]), shape.unit(pair[1])];
            mixed |= right.span.start < left.span.end && right.span.end > left.span.start;
            // Pieces of one run end in the first column of the next line with code.
            let abut = left.span.end.column == 1
                && left.function == right.function
                && right.span.start.line >= left.span.end.line
                && left.statements == right.statements
                && left.statements > 1
                && profile.count(pair[0]) == profile.count(pair[1]);
            repeats = if abut { repeats + 1 } else { 0 };
            inflated |= repeats >= REPEATS - 1;
        }
        found.extend(mixed.then_some((file, Doubt::Mixed)));
        found.extend(inflated.then_some((file, Doubt::Inflated)));
    }
    found
}

#[cfg(test)]
mod tests {
    use coverage::dump;

    use super::*;

    fn of(units: &str) -> Vec<Doubt> {
        let text = format!("mode count\npackage p p m\nfile p/a.go\nfunction F\n{units}");
        doubts(&dump::parse(&text).unwrap()).into_iter().map(|(_, doubt)| doubt).collect()
    }

    #[test]
    fn units_of_one_build_do_not_overlap() {
        assert_eq!(of("1.10,2.9 1 5\n2.9,3.2 1 0\n3.2,4.2 1 0\n"), []);
        assert_eq!(of("1.10,2.9 1 5\n2.3,3.1 1 0\n"), [Doubt::Mixed]);
        assert_eq!(of("1.10,2.9 1 5\n1.10,2.9 2 0\n"), [Doubt::Mixed]);
        assert_eq!(of("1.10,9.9 1 5\n2.1,3.1 1 0\n"), [Doubt::Mixed]);
    }

    #[test]
    fn numbers_that_repeat_over_pieces_of_a_run_are_doubted() {
        let pieces = "2.2,3.1 3 5\n4.2,5.1 3 5\n6.2,7.1 3 5\n";
        assert_eq!(of(pieces), [Doubt::Inflated]);
        assert_eq!(of(&pieces.replace(" 3 5", " 1 5")), []);
        assert_eq!(of("2.2,3.1 3 5\n4.2,5.1 3 5\n"), []);
    }
}
