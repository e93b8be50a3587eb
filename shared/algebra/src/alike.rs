//! Profiles of which the first has every file that the others have, with the same functions, units
//! and branches in one order, as several runs of one build do. Then only counts differ.

use std::collections::{HashMap, HashSet};

use coverage::{
    Branch, Context, FileIdx, Function, LabelIdx, Mode, PackageIdx, Profile, Shape, UnitIdx,
};

use crate::columns;
use crate::union::ByFile;

/// The first profile with the counts of all added, saturating; none if it lacks anything that
/// another has, or has it otherwise.
pub(crate) fn on_first_shape(profiles: &[&Profile], mode: Mode) -> Option<Profile> {
    let (first, others) = profiles.split_first()?;
    let base = Base::new(first.shape())?;
    let mut sums = Sums::of(first);
    for other in others {
        base.add(other, &mut sums)?;
    }
    Some(
        Profile::new(mode, first.shape().clone(), sums.units)
            .with_outcomes(sums.arms, sums.functions)
            .with_contexts(joined_contexts(sums.contexts).into()),
    )
}

/// Counts in the order of the first shape.
struct Sums {
    units: Vec<u64>,
    arms: Vec<u64>,
    functions: Vec<u64>,
    contexts: Vec<Context>,
}

impl Sums {
    fn of(profile: &Profile) -> Self {
        let mut functions = profile.function_counts().to_vec();
        functions.resize(profile.shape().functions().len(), 0);
        Self {
            units: profile.counts().to_vec(),
            arms: profile.arm_counts().to_vec(),
            functions,
            contexts: profile.contexts().to_vec(),
        }
    }
}

/// The shape of the first profile, and where its rows are.
struct Base<'a> {
    shape: &'a Shape,
    packages: HashSet<&'a str>,
    files: HashMap<(&'a str, &'a str), FileIdx>,
    rows: Rows,
    labels: HashMap<&'a str, LabelIdx>,
}

/// Rows of a shape by file.
struct Rows {
    functions: ByFile,
    branches: ByFile,
}

impl Rows {
    fn new(shape: &Shape) -> Self {
        let n_files = shape.files().len();
        Self {
            functions: ByFile::new(n_files, shape.functions().iter().map(|row| row.file)),
            branches: ByFile::new(n_files, shape.branches().iter().map(|row| row.file)),
        }
    }
}

impl<'a> Base<'a> {
    /// None if a file is there twice: those would have to be joined.
    fn new(shape: &'a Shape) -> Option<Self> {
        let files: HashMap<_, _> = keys(shape).zip((0..).map(FileIdx)).collect();
        let labels = shape.labels().iter().map(String::as_str).zip((0..).map(LabelIdx));
        (files.len() == shape.files().len()).then(|| Self {
            shape,
            packages: shape.packages().iter().map(|row| row.path.as_str()).collect(),
            files,
            rows: Rows::new(shape),
            labels: labels.collect(),
        })
    }

    /// Adds the counts of a profile; none if the base lacks anything that it has.
    fn add(&self, profile: &Profile, sums: &mut Sums) -> Option<()> {
        let shape = profile.shape();
        let mut packages = shape.packages().iter();
        if !packages.all(|row| self.packages.contains(row.path.as_str())) {
            return None;
        }
        let labels: Vec<Option<LabelIdx>> =
            shape.labels().iter().map(|text| self.labels.get(text.as_str()).copied()).collect();
        let rows = Rows::new(shape);
        // Where the units of each function are in the base.
        let mut starts = vec![0; shape.functions().len()];
        for (key, file) in keys(shape).zip((0..).map(FileIdx)) {
            let to = *self.files.get(&key)?;
            let [own, theirs] = [self.rows.functions.of(to), rows.functions.of(file)];
            if own.len() != theirs.len() {
                return None;
            }
            for (&own, &theirs) in own.iter().zip(theirs) {
                let (own, theirs) = (own as usize, theirs as usize);
                let (to, from) = (&self.shape.functions()[own], &shape.functions()[theirs]);
                if !self.is_same_function(to, shape, from) {
                    return None;
                }
                let count = profile.function_counts().get(theirs..=theirs).unwrap_or_default();
                columns::add(&mut sums.functions[own..=own], count);
                columns::add(
                    &mut sums.units[to.units.start as usize..to.units.end as usize],
                    &profile.counts()[from.units.start as usize..from.units.end as usize],
                );
                starts[theirs] = to.units.start;
            }
            let [own, theirs] = [self.rows.branches.of(to), rows.branches.of(file)];
            if own.len() != theirs.len() {
                return None;
            }
            for (&own, &theirs) in own.iter().zip(theirs) {
                let to = &self.shape.branches()[own as usize];
                let from = &shape.branches()[theirs as usize];
                if !self.is_same_branch(to, shape, from, &labels) {
                    return None;
                }
                columns::add(&mut sums.arms[arms(to)], &profile.arm_counts()[arms(from)]);
            }
        }
        sums.contexts.extend(profile.contexts().iter().map(|context| {
            let units = context.units.iter().map(|&unit| {
                let function = shape.unit_functions()[unit.index()];
                let first = shape.function(function).units.start;
                UnitIdx(starts[function.index()] + (unit.0 - first))
            });
            Context { name: context.name.clone(), units: units.collect() }
        }));
        Some(())
    }

    fn is_same_function(&self, own: &Function, shape: &Shape, other: &Function) -> bool {
        own.name == other.name
            && (own.literal, own.span, own.counted) == (other.literal, other.span, other.counted)
            && self.shape.has_same_units(own.units.clone(), shape, other.units.clone())
    }

    fn is_same_branch(
        &self,
        own: &Branch,
        shape: &Shape,
        other: &Branch,
        labels: &[Option<LabelIdx>],
    ) -> bool {
        let label = |label: &LabelIdx| labels[label.index()];
        let [ours, theirs] =
            [&self.shape.arm_labels()[arms(own)], &shape.arm_labels()[arms(other)]];
        (own.kind, own.span, own.exact) == (other.kind, other.span, other.exact)
            && label(&other.name) == Some(own.name)
            && ours.len() == theirs.len()
            && ours.iter().zip(theirs).all(|(own, other)| label(other) == Some(*own))
    }
}

/// Package and path of each file.
fn keys(shape: &Shape) -> impl Iterator<Item = (&str, &str)> {
    let package = |package: PackageIdx| shape.package(package).path.as_str();
    shape.files().iter().map(move |file| (package(file.package), file.path.as_str()))
}

fn arms(branch: &Branch) -> std::ops::Range<usize> {
    branch.arms.start as usize..branch.arms.end as usize
}

/// Contexts by name, each once.
pub(crate) fn joined_contexts(mut contexts: Vec<Context>) -> Vec<Context> {
    // Stable, so that what comes first is extended.
    contexts.sort_by(|a, b| a.name.cmp(&b.name));
    contexts.dedup_by(|context, kept| {
        let is_same = context.name == kept.name;
        if is_same {
            kept.units.append(&mut context.units);
        }
        is_same
    });
    for context in &mut contexts {
        context.units.sort_unstable();
        context.units.dedup();
    }
    contexts
}
