//! Union of profiles of several tools.

use std::collections::{BTreeMap, HashMap};

use coverage::{BranchKind, FunctionIdx, Profile, ProfileBuilder, Unit, UnitIdx};

use crate::{by_line, columns, merge};

/// Everything in profiles of one source, each with the name of what counted it: profiles of one
/// name are merged by unit, and their lines are then added up with those of the others, for no two
/// tools cut a source alike.
///
/// Branches and functions would count twice. Of a line, those arms are kept that the tool with the
/// most of them has; where others have as many and tell them apart, they are taken for the same.
/// Of a file, those functions are kept that the tool with the most of them has; what others say of
/// a function that starts on the same line is added. Profiles of one name alone are [merged](merge()), and
/// keep all that they have.
pub fn unite(profiles: &[(&str, &Profile)]) -> Profile {
    let mut groups: Vec<(&str, Vec<&Profile>)> = Vec::new();
    for &(name, profile) in profiles {
        match groups.iter_mut().find(|(known, _)| *known == name) {
            Some((_, group)) => group.push(profile),
            None => groups.push((name, vec![profile])),
        }
    }
    if groups.len() < 2 {
        return merge(&profiles.iter().map(|(_, profile)| *profile).collect::<Vec<_>>());
    }
    let groups: Vec<Profile> = groups.iter().map(|(_, group)| in_common(&merge(group))).collect();
    let (mut arms, mut functions) = (Arms::new(), Functions::new());
    for (group, profile) in groups.iter().enumerate() {
        for (place, row) in arms_of(profile) {
            arms.entry(place).or_default().see(group, row);
        }
        for (path, row) in functions_of(profile) {
            functions.entry(path).or_default().see(group, row);
        }
    }
    let groups: Vec<Profile> = groups
        .iter()
        .enumerate()
        .map(|(group, profile)| with_most(group, profile, &arms, &functions))
        .collect();
    merge(&groups.iter().collect::<Vec<_>>())
}

/// A line of a file, and what its arms are.
type Place<'a> = (&'a str, u32, BranchKind);
type Arms<'a> = HashMap<Place<'a>, Most>;
type Functions<'a> = HashMap<&'a str, Most>;

/// What one group has at a place.
#[derive(Debug, Clone, Default)]
struct Row {
    /// Count of each arm, or of each function.
    counts: Vec<u64>,
    /// Line on which each function starts; of arms nothing.
    starts: Vec<u32>,
    /// Whether it is not known which arms were taken.
    is_tally: bool,
}

/// The group that has the most at a place, and what all say of it.
#[derive(Debug, Clone, Default)]
struct Most {
    group: usize,
    own: Row,
    /// The other groups' rows.
    others: Vec<Row>,
}

impl Most {
    fn see(&mut self, group: usize, row: Row) {
        // The order of the groups decides nothing.
        let n_hit = |row: &Row| row.counts.iter().filter(|count| **count > 0).count();
        let order = (row.counts.len().cmp(&self.own.counts.len()))
            .then_with(|| self.own.is_tally.cmp(&row.is_tally))
            .then_with(|| n_hit(&row).cmp(&n_hit(&self.own)))
            .then_with(|| (&row.starts, &row.counts).cmp(&(&self.own.starts, &self.own.counts)));
        if order.is_gt() {
            let other = std::mem::replace(&mut self.own, row);
            self.others.push(other);
            self.group = group;
        } else {
            self.others.push(row);
        }
    }

    /// Counts of the arms, of all who tell as many of them apart.
    fn arm_counts(&self) -> Vec<u64> {
        let mut sums = self.own.counts.clone();
        let alike =
            |row: &&Row| row.counts.len() == sums.len() && !row.is_tally && !self.own.is_tally;
        let alike: Vec<&Row> = self.others.iter().filter(alike).collect();
        alike.into_iter().for_each(|row| columns::add(&mut sums, &row.counts));
        sums
    }

    /// What the others say of the function that starts on a line, if only one does.
    fn entered_at(&self, line: u32) -> u64 {
        let only = |row: &&Row| row.starts.iter().filter(|start| **start == line).count() == 1;
        if !only(&&self.own) {
            return 0;
        }
        let rows = self.others.iter().filter(only);
        let counts = rows.filter_map(|row| {
            row.starts.iter().position(|start| *start == line).map(|at| row.counts[at])
        });
        counts.fold(0, u64::saturating_add)
    }
}

fn arms_of(profile: &Profile) -> BTreeMap<Place<'_>, Row> {
    let shape = profile.shape();
    let mut rows: BTreeMap<Place<'_>, Row> = BTreeMap::new();
    for branch in shape.branches() {
        let path = shape.file(branch.file).path.as_str();
        let row = rows.entry((path, branch.span.start.line, branch.kind)).or_default();
        let arms = branch.arms.start as usize..branch.arms.end as usize;
        row.counts.extend(&profile.arm_counts()[arms]);
        row.is_tally |= !branch.exact;
    }
    rows
}

fn functions_of(profile: &Profile) -> BTreeMap<&str, Row> {
    let shape = profile.shape();
    let mut rows: BTreeMap<&str, Row> = BTreeMap::new();
    for (index, function) in (0u32..).map(FunctionIdx).zip(shape.functions()) {
        if let Some(count) = profile.function_count(index) {
            let row = rows.entry(shape.file(function.file).path.as_str()).or_default();
            row.counts.push(count);
            row.starts.push(function.span.map_or(0, |span| span.start.line));
        }
    }
    rows
}

/// The part of a group's profile that is kept, with what the others add to it.
fn with_most(
    group: usize,
    profile: &Profile,
    arms: &Arms<'_>,
    functions: &Functions<'_>,
) -> Profile {
    let shape = profile.shape();
    let mut builder = ProfileBuilder::default();
    let files = builder.copy_places(shape, |package| package.module.clone());
    let path = |file| shape.file(file).path.as_str();
    let mut copies = Vec::with_capacity(shape.n_units());
    for (index, row) in (0u32..).map(FunctionIdx).zip(shape.functions()) {
        let most = functions.get(path(row.file));
        let kept = most.filter(|most| most.group == group);
        let file = files[row.file.index()];
        let function = match (profile.function_count(index), kept) {
            (Some(_), None) => continue,
            (Some(count), Some(most)) => {
                let start = row.span.map_or(0, |span| span.start.line);
                let count = count.saturating_add(most.entered_at(start));
                builder.declared_function(file, &row.name, row.span, Some(count))
            }
            (None, _) => builder.copied_function(file, profile, index),
        };
        for unit_idx in row.units.clone().map(UnitIdx) {
            let unit = Unit { function, ..shape.unit(unit_idx) };
            copies.push((unit_idx, builder.unit(unit, profile.count(unit_idx))));
        }
    }
    // How many arms of a place have been copied.
    let mut done: HashMap<Place<'_>, usize> = HashMap::new();
    for branch in shape.branches() {
        let place = (path(branch.file), branch.span.start.line, branch.kind);
        let Some(most) = arms.get(&place).filter(|most| most.group == group) else { continue };
        let counts = most.arm_counts();
        let done = done.entry(place).or_default();
        let name = shape.label(branch.name);
        builder.branch(files[branch.file.index()], branch.kind, branch.span, name, branch.exact);
        for (label, _) in shape.arms_of(branch) {
            builder.arm(label, counts.get(*done).copied().unwrap_or(0));
            *done += 1;
        }
    }
    let copy = |unit| {
        let at = copies.binary_search_by_key(&unit, |(from, _)| *from).ok()?;
        copies.get(at).map(|(_, to)| *to)
    };
    builder.copy_contexts(profile, copy);
    builder.build(profile.mode())
}

/// What a profile has in common with those of other tools: its lines, with one package for each
/// folder, by which tools that know of no packages agree with those that do.
pub fn in_common(profile: &Profile) -> Profile {
    let profile = &by_line(profile);
    let shape = profile.shape();
    let mut builder = ProfileBuilder::default();
    let mut packages = HashMap::new();
    let files: Vec<_> = shape
        .files()
        .iter()
        .map(|file| {
            let path = file.path.as_str();
            let folder = path.rsplit_once('/').map_or("", |(folder, _)| folder);
            let package = packages.entry(folder).or_insert_with(|| builder.package(folder, "", ""));
            builder.file(*package, path)
        })
        .collect();
    builder.copy_files(profile, &files);
    builder.build(profile.mode())
}

#[cfg(test)]
mod tests {
    use coverage::dump;

    use super::*;

    const GO: &str =
        "mode count\npackage m/a a m\nfile a/x.go\nfunction F\n1.1,2.9 2 5\n2.9,4.2 1 0\n";

    #[test]
    fn lines_are_what_tools_have_in_common() {
        let info = "mode count\npackage a - -\nfile a/x.go\nfunction -\nline 2 1\nline 4 1\nline 9 0\n\
                    context t 2\nfunction f 1 1\nfunction g 9 0\nbranch 2 0 0=1 1=0\n";
        let xml = "mode set\npackage - - -\nfile a/x.go\nfunction -\nline 2 1\nbranch 2 - 1/3\n\
                   branch 4 - 1/2\n";
        let [go, info, xml] = [GO, info, xml].map(|text| dump::parse(text).unwrap());
        let united = unite(&[("go", &go), ("lcov", &info), ("xml", &xml), ("go", &go)]);
        assert_eq!(
            dump::write(&united),
            "mode count\npackage a - -\nfile a/x.go\nfunction -\nline 1 10\nline 2 12\nline 3 0\n\
             line 4 1\nline 9 0\ncontext t 2\nfunction f 1 11\nfunction g 9 0\nbranch 2 - 1/3\nbranch 4 - 1/2\n"
        );
    }

    #[test]
    fn one_tool_alone_keeps_its_units() {
        let go = dump::parse(GO).unwrap();
        let twice = unite(&[("go", &go), ("go", &go)]);
        assert_eq!(dump::write(&twice), dump::write(&merge(&[&go, &go])));
    }

    #[test]
    fn arms_and_functions_that_several_tell_apart_are_the_same() {
        let a = "mode count\npackage a - -\nfile a/x.js\nfunction -\nline 1 1\nfunction f 1 1\n\
                 function g 5 0\nbranch 1 if 0=1 1=0\nbranch 3 - 1/2\n";
        let b = "mode count\npackage a - -\nfile a/x.js\nfunction -\nline 1 1\nfunction (anonymous) 5 2\n\
                 branch 1 0 0=0 1=4\nbranch 3 - 2/2\n";
        let [a, b] = [a, b].map(|text| dump::parse(text).unwrap());
        let expected = "mode count\npackage a - -\nfile a/x.js\nfunction -\nline 1 2\nfunction f 1 1\n\
                        function g 5 2\nbranch 1 if 0=1 1=4\nbranch 3 - 2/2\n";
        assert_eq!(dump::write(&unite(&[("a", &a), ("b", &b)])), expected);
        let other = unite(&[("b", &b), ("a", &a)]);
        assert_eq!(
            coverage::Metrics::of(&other),
            coverage::Metrics::of(&dump::parse(expected).unwrap())
        );
    }
}
