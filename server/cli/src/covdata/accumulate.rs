//! Counts of many runs of many binaries, added up.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Result, bail};
use coverage::{Mode, Span};
use formats::go_meta::{Granularity, Meta, MetaFunction, MetaUnit, Stated};

use super::pattern::Patterns;
use super::runs::{self, Join};

/// What modes and granularities pods may have one beside the other. Bytes that stand for neither
/// are put up with, as Go's tools do.
#[derive(Debug, Default)]
pub(super) struct Modes {
    strict: bool,
    seen: Option<Stated>,
}

impl Modes {
    /// All pods must agree in everything.
    pub(super) fn strict() -> Self {
        Self { strict: true, seen: None }
    }

    /// Modes may differ: that which says most holds.
    pub(super) fn relaxed() -> Self {
        Self { strict: false, seen: None }
    }

    /// What is in force.
    pub(super) fn stated(&self) -> Stated {
        self.seen.unwrap_or(Stated { mode: 0, granularity: 0 })
    }

    /// Takes another pod's, and says how counts are joined from there on.
    pub(super) fn meet(&mut self, path: &Path, meta: &Meta<'_>) -> Result<Join> {
        let new = meta.stated;
        let old = self.seen.filter(|old| old.mode != 0).unwrap_or(new);
        if old.granularity != new.granularity {
            bail!(
                "{}: counted {} here and {} elsewhere: they can't be joined",
                path.display(),
                granularity_word(new),
                granularity_word(old),
            );
        }
        if self.strict && old.mode != new.mode {
            bail!(
                "{}: counter mode is {} here and {} elsewhere: they can't be joined",
                path.display(),
                mode_word(new),
                mode_word(old),
            );
        }
        let stated = Stated { mode: old.mode.max(new.mode), ..new };
        self.seen = Some(stated);
        Ok(join_of(stated))
    }
}

/// How counts of a mode are joined.
pub(super) fn join_of(stated: Stated) -> Join {
    if stated.mode() == Some(Mode::Set) { Join::Or } else { Join::Add }
}

/// Go's word for the mode.
pub(super) fn mode_word(stated: Stated) -> &'static str {
    match stated.mode() {
        Some(mode) => mode.as_str(),
        None => "<invalid>",
    }
}

/// Go's word for the granularity.
pub(super) fn granularity_word(stated: Stated) -> &'static str {
    match stated.granularity() {
        Some(Granularity::Block) => "perblock",
        Some(Granularity::Function) => "perfunc",
        None => "<invalid>",
    }
}

/// Packages of several binaries by import path.
pub(super) type Packages<'a> = BTreeMap<&'a str, Vec<Variant<'a>>>;

/// A package as one or more binaries have it, and what they counted.
#[derive(Debug)]
pub(super) struct Variant<'a> {
    blob: &'a [u8],
    functions: &'a [MetaFunction<'a>],
    units: &'a [MetaUnit],
    counts: Vec<u32>,
}

/// Where a unit is in its file, in the order of text profiles: by start line, end line, start column,
/// end column. One number compares faster than four.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Place(u128);

impl Place {
    fn of(span: Span) -> Self {
        let Span { start, end } = span;
        let parts = [start.line, end.line, start.column, end.column];
        Self(parts.into_iter().fold(0, |all, part| all << 32 | u128::from(part)))
    }

    /// Start line, end line, start column, end column.
    #[expect(clippy::cast_possible_truncation, reason = "takes apart what was put together")]
    pub(super) fn parts(self) -> [u32; 4] {
        [96, 64, 32, 0].map(|shift| (self.0 >> shift) as u32)
    }
}

/// A unit that was counted, its names being positions in those of its [`Package`].
#[derive(Debug, Clone, Copy)]
pub(super) struct Counted {
    /// Source file, by the order of their names.
    pub file: u32,
    /// Its place in that.
    pub place: Place,
    /// Statements.
    pub statements: u32,
    /// Function.
    pub function: u32,
    /// How often it ran.
    pub count: u32,
}

/// The units of a package, in the order of text profiles; equal ones are one.
#[derive(Debug, Default)]
pub(super) struct Package<'a> {
    /// Source files, sorted.
    pub files: Vec<&'a str>,
    /// Name of each function, and whether it is a literal at package level.
    pub functions: Vec<(&'a str, bool)>,
    /// Its units.
    pub units: Vec<Counted>,
}

/// Adds the counts of a pod to those of others. A package that several binaries have alike is
/// counted as one.
pub(super) fn add_pod<'a>(
    packages: &mut Packages<'a>,
    meta: &'a Meta<'a>,
    counts: &[u32],
    join: Join,
    patterns: &Patterns,
) {
    let mut overflow = false;
    for package in &meta.packages {
        if !patterns.keep(package.path) {
            continue;
        }
        let functions = meta.functions_of(package);
        let units = match (functions.first(), functions.last()) {
            (Some(first), Some(last)) => first.units.start as usize..last.units.end as usize,
            _ => 0..0,
        };
        let variants = packages.entry(package.path).or_default();
        let counts = &counts[units.clone()];
        match variants.iter_mut().find(|variant| variant.blob == package.blob) {
            Some(variant) => {
                for (sum, &count) in variant.counts.iter_mut().zip(counts) {
                    overflow |= join.add(sum, count);
                }
            }
            None => variants.push(Variant {
                blob: package.blob,
                functions,
                units: &meta.units[units],
                counts: counts.iter().map(|&count| join.first(count)).collect(),
            }),
        }
    }
    if overflow {
        runs::warn_overflow();
    }
}

impl<'a> Package<'a> {
    /// Becomes the package that these variants are; takes the room that it has already.
    pub(super) fn fill(&mut self, variants: &[Variant<'a>], join: Join) {
        let Self { files, functions, units } = self;
        files.clear();
        functions.clear();
        units.clear();
        for function in variants.iter().flat_map(|variant| variant.functions) {
            if files.last() != Some(&function.file) {
                files.push(function.file);
            }
            functions.push((function.name, function.literal));
        }
        files.sort_unstable();
        files.dedup();
        let mut position = 0;
        for variant in variants {
            let base = variant.functions.first().map_or(0, |function| function.units.start);
            let mut last = ("", 0);
            for function in variant.functions {
                // Functions come file by file.
                if last.0 != function.file {
                    let file = files.binary_search(&function.file).unwrap_or_default();
                    last = (function.file, to_u32(file));
                }
                let range =
                    (function.units.start - base) as usize..(function.units.end - base) as usize;
                let counted = variant.units[range.clone()].iter().zip(&variant.counts[range]);
                let first = units.len();
                units.extend(counted.map(|(unit, &count)| Counted {
                    file: last.1,
                    place: Place::of(unit.span),
                    statements: unit.statements,
                    function: position,
                    count,
                }));
                // Units stand in the order in which they were made, functions mostly in that of
                // the source: many small sorts spare a great one.
                units[first..].sort_unstable_by_key(|unit| (unit.place, unit.statements));
                position += 1;
            }
        }
        let place = |unit: &Counted| (unit.file, unit.place, unit.statements);
        if units.is_sorted_by(|a, b| place(a) < place(b)) {
            return;
        }
        let function = |unit: &Counted| functions[unit.function as usize];
        units.sort_by(|a, b| place(a).cmp(&place(b)).then_with(|| function(a).cmp(&function(b))));
        units.dedup_by(|later, earlier| {
            let same = place(later) == place(earlier) && function(later) == function(earlier);
            if same {
                join.add(&mut earlier.count, later.count);
            }
            same
        });
    }
}

/// A position in a table whose rows come of a file of less than 4 GB.
fn to_u32(position: usize) -> u32 {
    u32::try_from(position).unwrap_or(u32::MAX)
}
