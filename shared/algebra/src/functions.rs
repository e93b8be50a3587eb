//! Names for profiles that have none.

use coverage::{FileIdx, FunctionIdx, Package, Profile, ProfileBuilder, SourcePath, Span, Unit};

/// Gives units whose function has no name to the functions that the source has: each to the one
/// around its start. `functions` gives name and extent of those of a file, in the order of the
/// source; for files without any, and for units outside of all, nothing changes. `module` gives
/// the module of each package. Counts stay the same, and units keep their order.
pub fn with_names(
    profile: &Profile,
    module: impl FnMut(&Package) -> String,
    mut functions: impl FnMut(&SourcePath) -> Vec<(String, Span)>,
) -> Profile {
    let shape = profile.shape();
    let mut builder = ProfileBuilder::default();
    let files = builder.copy_places(shape, module);
    let mut known: Option<(FileIdx, Vec<(String, Span)>)> = None;
    for (index, row) in (0u32..).zip(shape.functions()) {
        let file = files[row.file.index()];
        let mut extents: &[(String, Span)] = &[];
        if row.name.is_empty() {
            if known.as_ref().is_none_or(|(of, _)| *of != row.file) {
                known = Some((row.file, functions(&shape.file(row.file).path)));
            }
            extents = known.as_ref().map_or(&[], |(_, extents)| extents);
        }
        let around = |span: Span| {
            let before = extents.partition_point(|(_, extent)| extent.start <= span.start);
            before.checked_sub(1).filter(|&last| span.start < extents[last].1.end)
        };
        let index = FunctionIdx(index);
        let mut last = None;
        for unit_idx in row.units.clone().map(coverage::UnitIdx) {
            let unit = shape.unit(unit_idx);
            let place = around(unit.span);
            let function_idx = match last {
                Some((known, function_idx)) if known == place => function_idx,
                _ => match place {
                    Some(place) => builder.function(file, &extents[place].0, row.literal),
                    None => builder.copied_function(file, profile, index),
                },
            };
            last = Some((place, function_idx));
            let unit = Unit { function: function_idx, ..unit };
            builder.unit(unit, profile.count(unit_idx));
        }
        if row.units.is_empty() {
            builder.copied_function(file, profile, index);
        }
    }
    for branch in shape.branches() {
        builder.copied_branch(files[branch.file.index()], profile, branch);
    }
    builder.copy_contexts(profile, Some);
    builder.build(profile.mode())
}

/// [`with_names`] for functions only: modules stay as they are.
pub fn with_functions(
    profile: &Profile,
    functions: impl FnMut(&SourcePath) -> Vec<(String, Span)>,
) -> Profile {
    with_names(profile, |package| package.module.clone(), functions)
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
