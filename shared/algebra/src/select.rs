//! Parts of a profile.

use coverage::{File, Package, Profile, ShapeBuilder, UnitIdx};

/// The units for which `keep` holds, with their counts. Functions, files and packages that lose
/// all of their units go; those that had none stay.
pub fn select(profile: &Profile, mut keep: impl FnMut(UnitIdx) -> bool) -> Profile {
    let shape = profile.shape();
    let kept: Vec<bool> = shape.unit_indexes().map(&mut keep).collect();
    // What had no unit is only there for its name: it goes with what is around it.
    let mut function_kept = vec![false; shape.functions().len()];
    let mut file_kept = vec![false; shape.files().len()];
    let mut file_lost = vec![false; shape.files().len()];
    for (function, row) in shape.functions().iter().enumerate() {
        let units = row.units.start as usize..row.units.end as usize;
        function_kept[function] = units.is_empty() || kept[units.clone()].contains(&true);
        if kept[units.clone()].contains(&true) {
            file_kept[row.file.index()] = true;
        } else if !units.is_empty() {
            file_lost[row.file.index()] = true;
        }
    }
    let mut package_kept = vec![false; shape.packages().len()];
    let mut package_lost = vec![false; shape.packages().len()];
    for (file, row) in shape.files().iter().enumerate() {
        file_kept[file] |= !file_lost[file];
        package_kept[row.package.index()] |= file_kept[file];
        package_lost[row.package.index()] |= !file_kept[file];
    }
    for (kept, lost) in package_kept.iter_mut().zip(package_lost) {
        *kept |= !lost;
    }
    rebuild(
        profile,
        Rows { packages: package_kept, files: file_kept, functions: function_kept, units: kept },
    )
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
    rebuild(profile, Rows { packages, files, functions, units })
}

/// Which rows of each table are kept.
struct Rows {
    packages: Vec<bool>,
    files: Vec<bool>,
    functions: Vec<bool>,
    units: Vec<bool>,
}

fn rebuild(profile: &Profile, rows: Rows) -> Profile {
    let shape = profile.shape();
    let mut builder = ShapeBuilder::default();
    let packages: Vec<_> = shape
        .packages()
        .iter()
        .zip(&rows.packages)
        .map(|(row, kept)| kept.then(|| builder.package(&row.path, &row.name, &row.module)))
        .collect();
    let files: Vec<_> = shape
        .files()
        .iter()
        .zip(&rows.files)
        .map(|(row, kept)| {
            let package = packages[row.package.index()].filter(|_| *kept)?;
            Some(builder.file(package, row.path.as_str()))
        })
        .collect();
    let mut counts = Vec::new();
    for (row, kept) in shape.functions().iter().zip(&rows.functions) {
        let Some(file) = files[row.file.index()].filter(|_| *kept) else { continue };
        let function = builder.function(file, &row.name, row.literal);
        for unit_idx in row.units.clone().map(UnitIdx).filter(|unit| rows.units[unit.index()]) {
            let unit = shape.unit(unit_idx);
            builder.unit(function, unit.span, unit.statements);
            counts.push(profile.count(unit_idx));
        }
    }
    Profile::new(profile.mode(), builder.build().into(), counts)
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
        let few = select(&profile, |unit| [0, 4].contains(&unit.0));
        assert_eq!(
            dump::write(&few),
            "mode count\npackage p p m\nfile p/a.go\nfunction F\n1.1,2.2 1 5\npackage q q m\n\
             file q/c.go\nfunction I\n1.1,2.2 1 1\n"
        );
        assert_eq!(dump::write(&select(&profile, |_| true)), TEXT);
        assert_eq!(dump::write(&select(&profile, |_| false)), "mode count\n");
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
}
