//! Union of profiles of several tools.

use std::collections::{BTreeMap, HashMap};

use coverage::{Profile, ProfileBuilder, Unit};

use crate::{by_line, merge};

/// Everything in profiles of one source, each with the name of what counted it: profiles of one
/// name are merged by unit, and their lines are then added up with those of the others, for no two
/// tools cut a source alike.
///
/// Of a line where several tools have branches, those of the tool with the most arms are kept, and
/// of a file with functions, those of the tool with the most functions: they would count twice.
/// Profiles of one name alone are [`merge`]d, and keep all that they have.
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
    let groups: Vec<Profile> =
        groups.iter().map(|(_, group)| bare(&by_line(&merge(group)))).collect();
    let mut arms: HashMap<(&str, u32), Most> = HashMap::new();
    let mut functions: HashMap<&str, Most> = HashMap::new();
    for (group, profile) in groups.iter().enumerate() {
        let shape = profile.shape();
        let mut n_arms: BTreeMap<(&str, u32), usize> = BTreeMap::new();
        for branch in shape.branches() {
            let path = shape.file(branch.file).path.as_str();
            *n_arms.entry((path, branch.span.start.line)).or_default() += branch.arms.len();
        }
        n_arms.into_iter().for_each(|(place, n)| arms.entry(place).or_default().see(group, n));
        let mut n_functions: BTreeMap<&str, usize> = BTreeMap::new();
        for function in shape.functions().iter().filter(|function| function.counted) {
            *n_functions.entry(shape.file(function.file).path.as_str()).or_default() += 1;
        }
        n_functions
            .into_iter()
            .for_each(|(path, n)| functions.entry(path).or_default().see(group, n));
    }
    let groups: Vec<Profile> = groups
        .iter()
        .enumerate()
        .map(|(group, profile)| {
            let keeps = |most: Option<&Most>| most.is_some_and(|most| most.group == group);
            let branch = |path: &str, line| keeps(arms.get(&(path, line)));
            without(profile, branch, |path| keeps(functions.get(path)))
        })
        .collect();
    merge(&groups.iter().collect::<Vec<_>>())
}

/// The group that has the most of something; the first of those that have as many.
#[derive(Debug, Clone, Copy, Default)]
struct Most {
    group: usize,
    n: usize,
}

impl Most {
    fn see(&mut self, group: usize, n: usize) {
        if n > self.n {
            *self = Self { group, n };
        }
    }
}

/// The profile with one package for each folder, by which tools that know of no packages agree
/// with those that do.
fn bare(profile: &Profile) -> Profile {
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
    copy(profile, &mut builder, &files, |_, _| true, |_| true);
    builder.build(profile.mode())
}

/// The profile with only the branches and functions that `branch` and `function` are for.
fn without(
    profile: &Profile,
    branch: impl Fn(&str, u32) -> bool,
    function: impl Fn(&str) -> bool,
) -> Profile {
    let shape = profile.shape();
    let mut builder = ProfileBuilder::default();
    let packages: Vec<_> = shape
        .packages()
        .iter()
        .map(|row| builder.package(&row.path, &row.name, &row.module))
        .collect();
    let files: Vec<_> = shape
        .files()
        .iter()
        .map(|file| builder.file(packages[file.package.index()], file.path.as_str()))
        .collect();
    copy(profile, &mut builder, &files, branch, function);
    builder.build(profile.mode())
}

fn copy(
    profile: &Profile,
    builder: &mut ProfileBuilder,
    files: &[coverage::FileIdx],
    keep_branch: impl Fn(&str, u32) -> bool,
    keep_function: impl Fn(&str) -> bool,
) {
    let shape = profile.shape();
    let path = |file| shape.file(file).path.as_str();
    let mut copies = Vec::with_capacity(shape.n_units());
    for (index, row) in (0u32..).zip(shape.functions()) {
        if row.units.is_empty() && !row.name.is_empty() && !keep_function(path(row.file)) {
            continue;
        }
        let file = files[row.file.index()];
        let function = builder.copied_function(file, profile, coverage::FunctionIdx(index));
        for unit_idx in row.units.clone().map(coverage::UnitIdx) {
            let unit = Unit { function, ..shape.unit(unit_idx) };
            copies.push(builder.unit(unit, profile.count(unit_idx)));
        }
    }
    for branch in shape.branches() {
        if keep_branch(path(branch.file), branch.span.start.line) {
            builder.copied_branch(files[branch.file.index()], profile, branch);
        }
    }
    builder.copy_contexts(profile, |unit| copies.get(unit.index()).copied());
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
             line 4 1\nline 9 0\ncontext t 2\nfunction f 1 1\nfunction g 9 0\nbranch 2 - 1/3\nbranch 4 - 1/2\n"
        );
    }

    #[test]
    fn one_tool_alone_keeps_its_units() {
        let go = dump::parse(GO).unwrap();
        let twice = unite(&[("go", &go), ("go", &go)]);
        assert_eq!(dump::write(&twice), dump::write(&merge(&[&go, &go])));
    }
}
