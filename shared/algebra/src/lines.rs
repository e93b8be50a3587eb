//! Lines of a file, which are what people and diffs speak of, and what tools agree on.

use std::collections::BTreeMap;

use coverage::{
    BranchKind, FileIdx, FunctionIdx, Profile, ProfileBuilder, Span, UnitIdx, UnitKind,
};

/// What is known of a line of source.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Line {
    /// How many units lie on the line, wholly or in part.
    pub n_units: u32,
    /// How many of them were hit.
    pub n_hit: u32,
    /// The highest count of a unit on the line.
    pub count: u64,
    /// How many arms the branches have that start on the line.
    pub n_arms: u32,
    /// How many of them were taken.
    pub n_taken: u32,
}

impl Line {
    /// Whether every unit on the line was hit, and every arm taken.
    pub fn covered(self) -> bool {
        self.n_hit == self.n_units && self.n_units > 0 && self.n_taken == self.n_arms
    }

    /// Whether something on the line was hit, and something not.
    pub fn partial(self) -> bool {
        self.n_hit > 0 && !self.covered()
    }
}

/// The lines of the files that hold code, by their 1-based number, in the order of the shape's
/// files.
///
/// A file that has lines of its own has those. Otherwise a block or region lies on every line
/// from its start to its end, but for one that it reaches only with its end in the first column; a
/// statement on its first line, as the tools that count them say.
pub fn lines(profile: &Profile) -> Vec<BTreeMap<u32, Line>> {
    let shape = profile.shape();
    let mut files = vec![BTreeMap::new(); shape.files().len()];
    let mut has_lines = vec![false; shape.files().len()];
    for unit_idx in shape.unit_indexes() {
        let is_line = shape.unit(unit_idx).kind == UnitKind::Line;
        has_lines[shape.file_of(unit_idx).index()] |= is_line;
    }
    for unit_idx in shape.unit_indexes() {
        let file = shape.file_of(unit_idx).index();
        add(&mut files[file], profile, unit_idx, has_lines[file]);
    }
    for branch in shape.branches() {
        add_arms(&mut files[branch.file.index()], profile, branch);
    }
    files
}

/// The lines of one file, as [`lines`] gives them.
pub fn lines_of(profile: &Profile, file: FileIdx) -> BTreeMap<u32, Line> {
    let shape = profile.shape();
    let mut lines = BTreeMap::new();
    let functions = shape.functions().iter().filter(|function| function.file == file);
    let units: Vec<_> =
        functions.flat_map(|function| function.units.clone().map(UnitIdx)).collect();
    let has_lines = units.iter().any(|&unit| shape.unit(unit).kind == UnitKind::Line);
    for unit_idx in units {
        add(&mut lines, profile, unit_idx, has_lines);
    }
    for branch in shape.branches().iter().filter(|branch| branch.file == file) {
        add_arms(&mut lines, profile, branch);
    }
    lines
}

/// The same profile with lines as its only units: what [`lines`] says of them, one unit for each.
/// Functions keep their names, places and counts; of one that has no count of its own, that of its
/// first unit is taken. Branches stay as they are.
pub fn by_line(profile: &Profile) -> Profile {
    let shape = profile.shape();
    if shape.unit_kinds().all(|kind| kind == UnitKind::Line) && !shares_lines(profile) {
        return profile.clone();
    }
    let mut builder = ProfileBuilder::default();
    let files = builder.copy_places(shape, |package| package.module.clone());
    let mut units: Vec<BTreeMap<u32, UnitIdx>> = Vec::with_capacity(shape.files().len());
    for (&file, lines) in files.iter().zip(lines(profile)) {
        let mut numbers = BTreeMap::new();
        if !lines.is_empty() {
            let function = builder.function(file, "", false);
            for (number, line) in lines.into_iter().filter(|(_, line)| line.n_units > 0) {
                numbers.insert(number, builder.line(function, number, line.count));
            }
        }
        units.push(numbers);
    }
    for (index, function) in (0u32..).zip(shape.functions()) {
        let mut spans = shape.units_of(FunctionIdx(index)).map(|unit| shape.unit(unit).span);
        let first = spans.next();
        if function.name.is_empty() && !function.counted {
            continue;
        }
        let span = function.span.or_else(|| {
            let start = first?.start;
            let end = spans.map(|span| span.end).fold(first?.end, Ord::max);
            Some(Span { start, end })
        });
        let entry = first.map(|_| profile.count(UnitIdx(function.units.start)));
        let count = profile.function_count(FunctionIdx(index)).or(entry);
        builder.declared_function(files[function.file.index()], &function.name, span, count);
    }
    for branch in shape.branches() {
        builder.copied_branch(files[branch.file.index()], profile, branch);
    }
    for context in profile.contexts().iter() {
        for &unit in &context.units {
            let span = shape.unit(unit).span;
            let lines = &units[shape.file_of(unit).index()];
            for &line in lines.range(span.start.line..=span.last_line()).map(|(_, line)| line) {
                builder.hit_in(&context.name, line);
            }
        }
    }
    builder.build(profile.mode())
}

/// The profile as a format can hold it that has a place for blocks, or has none: as it is, or
/// [`by_line`] where it has units of the other kind.
pub fn units_for(profile: &Profile, blocks: bool) -> Profile {
    let mut kinds = profile.shape().unit_kinds();
    let fits = kinds.all(|kind| (kind == UnitKind::Block) == blocks);
    if fits && !shares_lines(profile) { profile.clone() } else { by_line(profile) }
}

/// Whether lines are those of functions, of which two may have one.
fn shares_lines(profile: &Profile) -> bool {
    let shape = profile.shape();
    let mut named = shape.functions().iter().filter(|function| !function.name.is_empty());
    let is_line = |unit: u32| shape.unit(UnitIdx(unit)).kind == UnitKind::Line;
    named.any(|function| function.units.clone().any(is_line))
}

/// Most lines that one unit may cover: what claims more is no source, and would eat memory.
const UNIT_LINES: u32 = 100_000;

fn add(lines: &mut BTreeMap<u32, Line>, profile: &Profile, unit_idx: UnitIdx, has_lines: bool) {
    let unit = profile.shape().unit(unit_idx);
    let (first, count) = (unit.span.start.line, profile.count(unit_idx));
    let last = match unit.kind {
        UnitKind::Statement | UnitKind::Region | UnitKind::Block if has_lines => return,
        UnitKind::Line | UnitKind::Statement => first,
        UnitKind::Block | UnitKind::Region => unit.span.last_line(),
    };
    if unit.kind == UnitKind::Line {
        // Functions may share it.
        let line = lines.entry(first).or_default();
        (line.n_units, line.count) = (1, line.count.max(count));
        line.n_hit = u32::from(line.count > 0);
        return;
    }
    for number in first..=last.min(first.saturating_add(UNIT_LINES)) {
        let line = lines.entry(number).or_default();
        line.n_units += 1;
        line.n_hit += u32::from(count > 0);
        line.count = line.count.max(count);
    }
}

fn add_arms(lines: &mut BTreeMap<u32, Line>, profile: &Profile, branch: &coverage::Branch) {
    if branch.kind == BranchKind::Branch {
        let line = lines.entry(branch.span.start.line).or_default();
        let arms = branch.arms.start as usize..branch.arms.end as usize;
        for &count in &profile.arm_counts()[arms] {
            line.n_arms += 1;
            line.n_taken += u32::from(count > 0);
        }
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

    #[test]
    fn a_file_with_lines_has_those() {
        let text = "mode count\npackage p - -\nfile p/a.js\nfunction -\nline 1 5\nline 2 0\n\
                    statement 1.1,2.9 5\nfunction f 1 5\nbranch 1 if 0=5 1=0\nbranch 9 - 0/2\n\
                    condition 2 0 0=1\nfile p/b.js\nfunction -\nstatement 3.1,7.9 5\n";
        let lines = lines(&dump::parse(text).unwrap());
        assert_eq!(lines[0].keys().copied().collect::<Vec<_>>(), [1, 2, 9]);
        assert!(lines[0][&1].partial() && !lines[0][&1].covered());
        assert_eq!(lines[0][&9], Line { n_arms: 2, ..Line::default() });
        assert_eq!(lines[1].keys().copied().collect::<Vec<_>>(), [3]);
    }

    #[test]
    fn blocks_become_lines() {
        let text = "mode count\npackage p p m\nfile p/a.go\nfunction F\n1.9,2.9 1 5\n2.9,3.2 1 0\n\
                    context t 1.9,2.9\nfunction -\n7.1,8.1 1 0\n";
        assert_eq!(
            dump::write(&by_line(&dump::parse(text).unwrap())),
            "mode count\npackage p p m\nfile p/a.go\nfunction -\nline 1 5\nline 2 5\nline 3 0\n\
             line 7 0\ncontext t 1 2\nfunction F 1.9,3.2 5\n"
        );
    }

    #[test]
    fn a_line_of_two_functions_is_one() {
        let text = "mode count\npackage p - -\nfile p/a.c\nfunction f 1,2 1\nline 1 1\nline 2 1\n\
                    function g 2,3 0\nline 2 0\nline 3 0\n";
        let profile = dump::parse(text).unwrap();
        assert!(lines(&profile)[0][&2].covered());
        assert_eq!(
            dump::write(&units_for(&profile, false)),
            "mode count\npackage p - -\nfile p/a.c\nfunction -\nline 1 1\nline 2 1\nline 3 0\n\
             function f 1,2 1\nfunction g 2,3 0\n"
        );
    }
}
