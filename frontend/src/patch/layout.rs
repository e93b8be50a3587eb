//! A patch as rows: its files, most that is not covered first, and the way from line to line.

use std::cmp::Reverse;

use algebra::patch::LineState;
use coverage::{Fraction, Profile};

use crate::session::patch::{Patch, PatchFile, Sums};

/// What of a patch the page shows; the worker makes it.
pub fn of(profile: &Profile, patch: &algebra::patch::Patch) -> Patch {
    let mut sums = Sums::default();
    let mut files = Vec::new();
    for file in &patch.files {
        let mut made = PatchFile {
            path: file.path.clone(),
            name: profile.shape().file(file.file).path.to_string(),
            ..PatchFile::default()
        };
        let mut before = None;
        for &(number, state) in &file.lines {
            let (place, is_missed) = match state {
                LineState::Covered => (0, false),
                LineState::Partial => (1, true),
                LineState::Uncovered => (2, true),
                LineState::NotCoverable => (3, false),
            };
            sums[place] += 1;
            made.sums[place] += 1;
            made.lines.push(number);
            if is_missed {
                if before.is_none_or(|before: u32| before.checked_add(1) != Some(number)) {
                    made.runs.push(number);
                }
                before = Some(number);
            }
        }
        // A diff made by hand may have its parts in any order.
        made.lines.sort_unstable();
        made.runs.sort_unstable();
        files.push(made);
    }
    files.sort_by_cached_key(|file| {
        let Fraction { covered, total } = fraction(file.sums);
        (Reverse(total - covered), Reverse(covered), file.path.clone())
    });
    Patch { files, unknown: patch.unknown.clone(), sums }
}

/// Lines of which all ran, and lines on which there is something to run.
pub fn fraction([covered, partial, uncovered, _]: Sums) -> Fraction {
    let covered = u64::from(covered);
    Fraction { covered, total: covered + u64::from(partial) + u64::from(uncovered) }
}

/// The line to show of a file: the first that is not covered, or the first that was changed.
pub fn first_line(file: &PatchFile) -> Option<u32> {
    file.runs.first().or(file.lines.first()).copied()
}

/// From a line of a file to the next changed code that is not covered, or back to the one before:
/// its file's place in the patch, and its line. Goes through the files in their order, and round
/// at the ends.
pub fn next(patch: &Patch, name: &str, line: u32, back: bool) -> Option<(usize, u32)> {
    let at = patch.files.iter().position(|file| file.name == name);
    let (mut first, mut last, mut before) = (None, None, None);
    for (place, file) in patch.files.iter().enumerate() {
        for &number in &file.runs {
            let here = Some((place, number));
            first = first.or(here);
            last = here;
            let Some(at) = at else { continue };
            if (place, number) < (at, line) {
                before = here;
            } else if (place, number) > (at, line) && !back {
                return here;
            }
        }
    }
    if back { before.or(last) } else { first }
}

#[cfg(test)]
mod tests {
    use algebra::patch::Diff;
    use coverage::dump;

    use super::*;

    const PROFILE: &str = "mode count\npackage m p m\nfile m/a.go\nfunction A\n7.1,7.9 1 0\n\
        file m/b.go\nfunction B\n3.1,3.9 1 4\nfile m/c.go\nfunction C\n1.1,1.9 1 1\n\
        2.1,2.9 1 0\n2.9,3.9 1 0\n2.1,2.4 1 1\n9.1,9.9 1 0\nfile m/d.go\nfunction D\n5.1,5.2 1 1\n";

    fn patch() -> Patch {
        let profile = dump::parse(PROFILE).expect("the dump is right");
        let mut diff = String::new();
        for (name, hunks) in [
            ("x.md", &[(1, 1)][..]),
            ("b.go", &[(3, 2)]),
            // Out of order, as no tool writes it.
            ("c.go", &[(9, 1), (1, 3)]),
            ("a.go", &[(7, 1)]),
            ("d.go", &[]),
            ("a.txt", &[]),
        ] {
            diff += &format!("--- a/{name}\n+++ b/{name}\n");
            for &(start, n_lines) in hunks {
                diff += &format!("@@ -1,0 +{start},{n_lines} @@\n{}", "+x\n".repeat(n_lines));
            }
        }
        let diff = Diff::parse(&diff).expect("the diff is right");
        of(&profile, &algebra::patch(&profile, &diff))
    }

    #[test]
    fn what_is_missing_most_comes_first() {
        let patch = patch();
        let rows: Vec<_> =
            patch.files.iter().map(|f| (&*f.path, &*f.name, f.sums, first_line(f))).collect();
        assert_eq!(
            rows,
            [
                ("c.go", "m/c.go", [1, 1, 2, 0], Some(2)),
                ("a.go", "m/a.go", [0, 0, 1, 0], Some(7)),
                ("b.go", "m/b.go", [1, 0, 0, 1], Some(3)),
                ("d.go", "m/d.go", [0, 0, 0, 0], None),
            ]
        );
        assert_eq!(patch.unknown, ["x.md", "a.txt"]);
        assert_eq!(patch.sums, [2, 1, 3, 1]);
        assert_eq!(fraction(patch.sums), Fraction { covered: 2, total: 6 });
        assert_eq!(patch.files[0].runs, [2, 9]);
        assert!(patch.changes("m/c.go", 9) && !patch.changes("m/c.go", 4));
        assert!(!patch.changes("m/other.go", 9));
    }

    #[test]
    fn the_way_leads_through_all_files_and_round() {
        let patch = patch();
        let way = |name: &str, line, back| next(&patch, name, line, back);
        assert_eq!(way("m/c.go", 0, false), Some((0, 2)));
        assert_eq!(way("m/c.go", 2, false), Some((0, 9)));
        assert_eq!(way("m/c.go", 9, false), Some((1, 7)));
        assert_eq!(way("m/a.go", 7, false), Some((0, 2)));
        assert_eq!(way("m/b.go", 1, true), Some((1, 7)));
        assert_eq!(way("m/c.go", 2, true), Some((1, 7)));
        assert_eq!(way("m/c.go", 3, true), Some((0, 2)));
        assert_eq!(way("m/other.go", 5, false), Some((0, 2)));
        assert_eq!(way("m/other.go", 5, true), Some((1, 7)));
        assert_eq!(next(&Patch::default(), "m/a.go", 1, false), None);
    }
}
