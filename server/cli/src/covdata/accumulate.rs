//! Counts of many runs of many binaries, added up.

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use anyhow::{Result, bail};
use coverage::Mode;
use formats::go_counters::{self, Record};
use formats::go_meta::{Granularity, Meta, MetaFunction, MetaUnit};

use super::input::{self, PodFiles};
use super::pattern::Patterns;

/// Adds `count` to `sum` as mode `mode` has it; says whether that was too much for 32 bits.
pub(super) fn add(mode: Mode, sum: &mut u32, count: u32) -> bool {
    if mode == Mode::Set {
        *sum = u32::from(*sum != 0 || count != 0);
        return false;
    }
    let (total, overflows) = sum.overflowing_add(count);
    *sum = if overflows { u32::MAX } else { total };
    overflows
}

/// Says that counts stand at their highest value.
pub(super) fn warn_overflow() {
    super::warn("uint32 overflow during counter merge");
}

/// What modes and granularities pods may have one beside the other.
#[derive(Debug, Default)]
pub(super) struct Modes {
    strict: bool,
    seen: Option<(Mode, Granularity)>,
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

    /// The mode in force.
    pub(super) fn mode(&self) -> Mode {
        self.seen.map_or(Mode::default(), |(mode, _)| mode)
    }

    /// Takes another pod's.
    pub(super) fn meet(&mut self, path: &Path, meta: &Meta<'_>) -> Result<()> {
        let (mode, granularity) = (meta.mode, meta.granularity);
        let Some((old_mode, old_granularity)) = self.seen else {
            self.seen = Some((mode, granularity));
            return Ok(());
        };
        if old_granularity != granularity {
            bail!(
                "{}: counted {} here and {} elsewhere: they can't be joined",
                path.display(),
                granularity_word(granularity),
                granularity_word(old_granularity),
            );
        }
        if self.strict && old_mode != mode {
            bail!(
                "{}: counter mode is {} here and {} elsewhere: they can't be joined",
                path.display(),
                mode.as_str(),
                old_mode.as_str(),
            );
        }
        self.seen = Some((old_mode.max(mode), granularity));
        Ok(())
    }
}

/// Go's word for it.
pub(super) fn granularity_word(granularity: Granularity) -> &'static str {
    match granularity {
        Granularity::Block => "perblock",
        Granularity::Function => "perfunc",
    }
}

/// The units that a record counts, in the columns of the meta-data.
pub(super) fn units(meta: &Meta<'_>, record: &Record<'_>) -> Result<Range<usize>, &'static str> {
    let function = meta.function_at(record.package, record.function);
    let function = function.and_then(|function| meta.functions.get(function));
    let function = function.ok_or("counters of a function that the meta-data does not have")?;
    let units = function.units.start as usize..function.units.end as usize;
    if units.len() != record.counts.len() {
        return Err("not as many counters as the function has units");
    }
    Ok(units)
}

/// The counts of all runs of a pod, one for each unit of its meta-data, read by as many threads
/// as there are processors.
pub(super) fn counts(meta: &Meta<'_>, pod: &PodFiles, mode: Mode) -> Result<Vec<u32>> {
    let paths: Vec<&PathBuf> = pod.counters.iter().map(|counters| &counters.path).collect();
    let next = AtomicUsize::new(0);
    let overflow = AtomicBool::new(false);
    let failed = Mutex::new(None::<(usize, anyhow::Error)>);
    let work = || {
        let mut sums = vec![0; meta.units.len()];
        let mut buffer = Vec::new();
        loop {
            let file = next.fetch_add(1, Ordering::Relaxed);
            let Some(path) = paths.get(file) else { return sums };
            let read = read_counters(meta, path, &mut buffer, |units, counts| {
                let mut over = false;
                for (sum, &count) in sums[units].iter_mut().zip(counts) {
                    over |= add(mode, sum, count);
                }
                if over {
                    overflow.store(true, Ordering::Relaxed);
                }
            });
            if let Err(error) = read {
                let mut failed = failed.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
                // The first file in order is the one to name, whichever thread was faster.
                if failed.as_ref().is_none_or(|(other, _)| file < *other) {
                    *failed = Some((file, error));
                }
                next.store(paths.len(), Ordering::Relaxed);
                return sums;
            }
        }
    };
    let processors = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    // A thread costs about as much as a few small files.
    let n_threads = processors.min(paths.len() / 8).max(1);
    let mut sums = std::thread::scope(|scope| {
        let others: Vec<_> = (1..n_threads).map(|_| scope.spawn(work)).collect();
        let mut all = vec![work()];
        all.extend(others.into_iter().filter_map(|thread| thread.join().ok()));
        all
    })
    .into_iter();
    if let Some((_, error)) = failed.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner)
    {
        return Err(error);
    }
    let mut total = sums.next().unwrap_or_default();
    for other in sums {
        for (sum, count) in total.iter_mut().zip(other) {
            if add(mode, sum, count) {
                overflow.store(true, Ordering::Relaxed);
            }
        }
    }
    if overflow.into_inner() {
        warn_overflow();
    }
    Ok(total)
}

/// Reads a counter file of a pod and hands over the counts of each function.
pub(super) fn read_counters(
    meta: &Meta<'_>,
    path: &Path,
    buffer: &mut Vec<u8>,
    mut add: impl FnMut(Range<usize>, &[u32]),
) -> Result<()> {
    let bytes = input::read_into(path, buffer)?;
    let file = go_counters::read(bytes, |record| {
        add(units(meta, &record)?, record.counts);
        Ok(())
    });
    let file = file.map_err(input::refused(path))?;
    if file.meta_hash != meta.hash {
        bail!("cannot read {}: byte 8: counters of a different build", path.display());
    }
    input::warn_of(path, &file);
    Ok(())
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

/// A unit that was counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Counted<'a> {
    /// Source file.
    pub file: &'a str,
    /// Start line, end line, start column, end column: the order of text profiles.
    pub place: (u32, u32, u32, u32),
    /// Statements.
    pub statements: u32,
    /// Function.
    pub function: &'a str,
    /// Whether that is a literal at package level.
    pub literal: bool,
    /// How often it ran; last, so that equal units stand together.
    pub count: u32,
}

/// Adds the counts of a pod to those of others. A package that several binaries have alike is
/// counted as one.
pub(super) fn add_pod<'a>(
    packages: &mut Packages<'a>,
    meta: &'a Meta<'a>,
    counts: &[u32],
    mode: Mode,
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
                    overflow |= add(mode, sum, count);
                }
            }
            None => variants.push(Variant {
                blob: package.blob,
                functions,
                units: &meta.units[units],
                counts: counts.to_vec(),
            }),
        }
    }
    if overflow {
        warn_overflow();
    }
}

/// The units of a package, in the order of text profiles; equal ones are one.
pub(super) fn units_of<'a>(variants: &[Variant<'a>], mode: Mode) -> Vec<Counted<'a>> {
    let mut units = Vec::with_capacity(variants.iter().map(|variant| variant.units.len()).sum());
    for variant in variants {
        let base = variant.functions.first().map_or(0, |function| function.units.start);
        for function in variant.functions {
            let range =
                (function.units.start - base) as usize..(function.units.end - base) as usize;
            for (unit, &count) in variant.units[range.clone()].iter().zip(&variant.counts[range]) {
                let (start, end) = (unit.span.start, unit.span.end);
                units.push(Counted {
                    file: function.file,
                    place: (start.line, end.line, start.column, end.column),
                    statements: unit.statements,
                    function: function.name,
                    literal: function.literal,
                    count,
                });
            }
        }
    }
    units.sort_unstable();
    units.dedup_by(|later, earlier| {
        let same = (Counted { count: 0, ..*later }) == (Counted { count: 0, ..*earlier });
        if same {
            add(mode, &mut earlier.count, later.count);
        }
        same
    });
    units
}
