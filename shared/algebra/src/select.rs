//! Parts of a profile.

use coverage::{
    File, FileIdx, FunctionIdx, Package, PackageIdx, Profile, ProfileBuilder, Span, Unit, UnitIdx,
};

/// The units, branches and functions for whose place `keep` holds, with their counts. A function
/// goes when it loses all of its units; one that had none and is only known by its place, if that
/// is not kept. Files and packages that lose all that they had go too.
pub fn select(profile: &Profile, mut keep: impl FnMut(FileIdx, Span) -> bool) -> Profile {
    let shape = profile.shape();
    let file_of = |unit_idx| shape.file_of(unit_idx);
    let units: Vec<bool> =
        shape.unit_indexes().map(|unit| keep(file_of(unit), shape.unit(unit).span)).collect();
    let branches: Vec<bool> =
        shape.branches().iter().map(|branch| keep(branch.file, branch.span)).collect();
    // What had nothing is only there for its name: it goes with what is around it.
    let mut file_kept = vec![false; shape.files().len()];
    let mut file_lost = vec![false; shape.files().len()];
    for (branch, kept) in shape.branches().iter().zip(&branches) {
        file_kept[branch.file.index()] |= kept;
        file_lost[branch.file.index()] |= !kept;
    }
    let mut functions = vec![false; shape.functions().len()];
    for (function, row) in shape.functions().iter().enumerate() {
        let of_function = &units[row.units.start as usize..row.units.end as usize];
        let has_units = !of_function.is_empty();
        let place = row.span.filter(|_| !has_units);
        let kept = match place {
            Some(span) => keep(row.file, span),
            None => !has_units || of_function.contains(&true),
        };
        functions[function] = kept;
        if has_units || place.is_some() {
            file_kept[row.file.index()] |= kept;
            file_lost[row.file.index()] |= !kept;
        }
    }
    let mut packages = vec![false; shape.packages().len()];
    let mut package_lost = vec![false; shape.packages().len()];
    for (file, row) in shape.files().iter().enumerate() {
        file_kept[file] |= !file_lost[file];
        packages[row.package.index()] |= file_kept[file];
        package_lost[row.package.index()] |= !file_kept[file];
    }
    for (kept, lost) in packages.iter_mut().zip(package_lost) {
        *kept |= !lost;
    }
    rebuild(profile, &Rows { packages, files: file_kept, functions, units, branches })
}

/// The files for which `keep` holds. Packages without files stay only if all do.
pub fn filter(profile: &Profile, mut keep: impl FnMut(&Package, &File) -> bool) -> Profile {
    let shape = profile.shape();
    let files: Vec<bool> =
        shape.files().iter().map(|file| keep(shape.package(file.package), file)).collect();
    if files.iter().all(|kept| *kept) {
        return profile.clone();
    }
    let mut packages = vec![false; shape.packages().len()];
    for (file, kept) in shape.files().iter().zip(&files) {
        packages[file.package.index()] |= kept;
    }
    let functions: Vec<bool> =
        shape.functions().iter().map(|function| files[function.file.index()]).collect();
    let units = shape.unit_functions().iter().map(|function| functions[function.index()]).collect();
    let branches = shape.branches().iter().map(|branch| files[branch.file.index()]).collect();
    rebuild(profile, &Rows { packages, files, functions, units, branches })
}

/// The profile without its branches.
pub(crate) fn without_branches(profile: &Profile) -> Profile {
    let shape = profile.shape();
    let rows = Rows {
        packages: vec![true; shape.packages().len()],
        files: vec![true; shape.files().len()],
        functions: vec![true; shape.functions().len()],
        units: vec![true; shape.n_units()],
        branches: Vec::new(),
    };
    rebuild(profile, &rows)
}

/// Which rows of each table are kept.
struct Rows {
    packages: Vec<bool>,
    files: Vec<bool>,
    functions: Vec<bool>,
    units: Vec<bool>,
    branches: Vec<bool>,
}

fn rebuild(profile: &Profile, rows: &Rows) -> Profile {
    let shape = profile.shape();
    let mut builder = ProfileBuilder::default();
    let packages: Vec<Option<PackageIdx>> = shape
        .packages()
        .iter()
        .zip(&rows.packages)
        .map(|(row, kept)| kept.then(|| builder.package(&row.path, &row.name, &row.module)))
        .collect();
    let files: Vec<Option<FileIdx>> = shape
        .files()
        .iter()
        .zip(&rows.files)
        .map(|(row, kept)| {
            let package = packages[row.package.index()].filter(|_| *kept)?;
            Some(builder.file(package, row.path.as_str()))
        })
        .collect();
    let mut copies = Vec::with_capacity(shape.n_units());
    for ((index, row), kept) in (0u32..).zip(shape.functions()).zip(&rows.functions) {
        let units = row.units.clone().map(UnitIdx);
        let Some(file) = files[row.file.index()].filter(|_| *kept) else {
            copies.extend(units.map(|_| None));
            continue;
        };
        let function = builder.copied_function(file, profile, FunctionIdx(index));
        for unit_idx in units {
            let unit = Unit { function, ..shape.unit(unit_idx) };
            let kept = rows.units[unit_idx.index()];
            copies.push(kept.then(|| builder.unit(unit, profile.count(unit_idx))));
        }
    }
    for (branch, _) in shape.branches().iter().zip(&rows.branches).filter(|(_, kept)| **kept) {
        if let Some(file) = files[branch.file.index()] {
            builder.copied_branch(file, profile, branch);
        }
    }
    builder.copy_contexts(profile, |unit| copies[unit.index()]);
    builder.build(profile.mode())
}

#[cfg(test)]
mod tests {
    use coverage::dump;

    use super::*;

    const TEXT: &str = "mode count\npackage p p m\nfile p/a.go\nfunction F\n1.1,2.2 1 5\n\
                        3.1,4.2 1 2\nfunction G\n5.1,6.2 1 0\nfile p/b.go\nfunction H\n\
                        1.1,2.2 1 1\npackage q q m\nfile q/c.go\nfunction I\n1.1,2.2 1 1\n";

    #[test]
    fn what_loses_all_units_goes() {
        let profile = dump::parse(TEXT).unwrap();
        let few = select(&profile, |file, span| file.0 != 1 && span.start.line == 1);
        assert_eq!(
            dump::write(&few),
            "mode count\npackage p p m\nfile p/a.go\nfunction F\n1.1,2.2 1 5\npackage q q m\n\
             file q/c.go\nfunction I\n1.1,2.2 1 1\n"
        );
        assert_eq!(dump::write(&select(&profile, |_, _| true)), TEXT);
        assert_eq!(dump::write(&select(&profile, |_, _| false)), "mode count\n");
    }

    #[test]
    fn files_are_kept_whole() {
        let profile = dump::parse(TEXT).unwrap();
        let few = filter(&profile, |package, file| {
            package.path == "p" && file.path.as_str().ends_with("b.go")
        });
        assert_eq!(
            dump::write(&few),
            "mode count\npackage p p m\nfile p/b.go\nfunction H\n1.1,2.2 1 1\n"
        );
        assert_eq!(dump::write(&filter(&profile, |_, _| true)), TEXT);
    }

    #[test]
    fn what_stands_at_a_place_goes_with_it() {
        let text = "mode count\npackage p - -\nfile p/a.c\nfunction -\nline 1 5\nline 2 0\n\
                    context t 1\nfunction f 1,2 5\nfunction g 7 0\nbranch 1 0 0=5 1=0\n\
                    branch 2 0 0=0 1=0\n";
        let profile = dump::parse(text).unwrap();
        let kept = select(&profile, |_, span| span.start.line < 2);
        assert_eq!(
            dump::write(&kept),
            "mode count\npackage p - -\nfile p/a.c\nfunction -\nline 1 5\ncontext t 1\n\
             function f 1,2 5\nbranch 1 0 0=5 1=0\n"
        );
        assert_eq!(dump::write(&select(&profile, |_, _| true)), text);
    }
}
