//! Functions for profiles that name none.

use coverage::{Profile, ShapeBuilder, SourcePath, Span};

/// Gives units whose function has no name to the functions that the source has: each to the last
/// one that starts before the unit and does not end before it. `functions` gives name and extent
/// of those of a file, in the order of the source; for files without any, and for units outside of
/// all, nothing changes.
pub fn with_functions(
    profile: &Profile,
    mut functions: impl FnMut(&SourcePath) -> Vec<(String, Span)>,
) -> Profile {
    let shape = profile.shape();
    let extents: Vec<Vec<(String, Span)>> = {
        let mut nameless = vec![false; shape.files().len()];
        for function in shape.functions().iter().filter(|function| function.name.is_empty()) {
            nameless[function.file.index()] = true;
        }
        let files = shape.files().iter().zip(nameless);
        files
            .map(|(file, nameless)| if nameless { functions(&file.path) } else { Vec::new() })
            .collect()
    };
    if extents.iter().all(Vec::is_empty) {
        return profile.clone();
    }
    let mut builder = ShapeBuilder::default();
    let packages: Vec<_> = shape
        .packages()
        .iter()
        .map(|row| builder.package(&row.path, &row.name, &row.module))
        .collect();
    let files: Vec<_> = shape
        .files()
        .iter()
        .map(|row| builder.file(packages[row.package.index()], row.path.as_str()))
        .collect();
    let mut counts = Vec::with_capacity(profile.counts().len());
    for row in shape.functions() {
        let extents = &extents[row.file.index()];
        let file = files[row.file.index()];
        let mut add = |builder: &mut ShapeBuilder, name: &str, units: &[coverage::UnitIdx]| {
            let function = builder.function(file, name, row.literal);
            for &unit_idx in units {
                let unit = shape.unit(unit_idx);
                builder.unit(function, unit.span, unit.statements);
                counts.push(profile.count(unit_idx));
            }
        };
        let units: Vec<_> = row.units.clone().map(coverage::UnitIdx).collect();
        if !row.name.is_empty() || extents.is_empty() {
            add(&mut builder, &row.name, &units);
            continue;
        }
        // Where in the list of extents each unit belongs; those outside of all come first.
        let place = |unit_idx: coverage::UnitIdx| {
            let start = shape.unit(unit_idx).span.start;
            let before = extents.partition_point(|(_, extent)| extent.start <= start);
            let inside = before.checked_sub(1).filter(|&last| start < extents[last].1.end);
            inside.map_or(0, |last| last + 1)
        };
        let mut placed: Vec<_> =
            units.into_iter().map(|unit_idx| (place(unit_idx), unit_idx)).collect();
        placed.sort();
        for group in placed.chunk_by(|a, b| a.0 == b.0) {
            let place = group.first().map_or(0, |first| first.0);
            let name = place.checked_sub(1).map_or("", |function| extents[function].0.as_str());
            let units: Vec<_> = group.iter().map(|(_, unit_idx)| *unit_idx).collect();
            add(&mut builder, name, &units);
        }
    }
    Profile::new(profile.mode(), builder.build().into(), counts)
}

#[cfg(test)]
mod tests {
    use coverage::dump;

    use super::*;

    #[test]
    fn units_go_to_the_function_around_them() {
        let profile = dump::parse(
            "mode count\npackage p p m\nfile p/a.go\nfunction -\n1.1,2.2 1 5\n3.10,4.2 1 2\n\
             5.1,5.9 1 1\n7.10,9.2 1 0\nfile p/b.go\nfunction -\n1.1,2.2 1 1\n",
        );
        let extents = |path: &SourcePath| match path.file_name() {
            "a.go" => vec![
                ("F".to_owned(), Span::new(3, 1, 6, 2)),
                ("G".to_owned(), Span::new(7, 1, 9, 2)),
            ],
            _ => Vec::new(),
        };
        assert_eq!(
            dump::write(&with_functions(&profile.unwrap(), extents)),
            "mode count\npackage p p m\nfile p/a.go\nfunction -\n1.1,2.2 1 5\nfunction F\n\
             3.10,4.2 1 2\n5.1,5.9 1 1\nfunction G\n7.10,9.2 1 0\nfile p/b.go\nfunction -\n\
             1.1,2.2 1 1\n"
        );
    }
}
