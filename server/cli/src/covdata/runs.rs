//! Reading the counter files of a pod: by all processors, and once more with care where a file is
//! not as Go's programs write it.

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::{Path, PathBuf};

use anyhow::{Result, anyhow, bail};
use formats::go_counters::{self, CounterFile, Launch, RecordHead};
use formats::go_meta::Meta;

use super::{input, threads};

/// How counts are joined.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Join {
    /// 1 if any is more than 0.
    Or,
    /// Up to the highest value of 32 bits.
    Add,
}

impl Join {
    /// A count that is joined to nothing yet.
    pub(super) fn first(self, count: u32) -> u32 {
        if self == Self::Or { count.min(1) } else { count }
    }

    /// Joins `count` to `sum`; says whether that was too much.
    pub(super) fn add(self, sum: &mut u32, count: u32) -> bool {
        if self == Self::Or {
            *sum = u32::from(*sum != 0 || count != 0);
            return false;
        }
        let (total, overflows) = sum.overflowing_add(count);
        *sum = if overflows { u32::MAX } else { total };
        overflows
    }
}

/// Says that counts stand at their highest value.
pub(super) fn warn_overflow() {
    super::warn("uint32 overflow during counter merge");
}

/// Where the counts of a function are in a column that has one for each unit of the meta-data.
#[derive(Debug)]
pub(super) struct Layout {
    hash: [u8; 16],
    /// First function of each package, and one past the last.
    packages: Vec<u32>,
    /// First unit of each function, and one past the last.
    functions: Vec<u32>,
}

impl Layout {
    /// That of this meta-data.
    pub(super) fn new(meta: &Meta<'_>) -> Self {
        let with_end = |starts: &mut Vec<u32>, end: Option<u32>| starts.push(end.unwrap_or(0));
        let mut packages: Vec<u32> = meta.packages.iter().map(|row| row.functions.start).collect();
        with_end(&mut packages, meta.packages.last().map(|row| row.functions.end));
        let mut functions: Vec<u32> = meta.functions.iter().map(|row| row.units.start).collect();
        with_end(&mut functions, meta.functions.last().map(|row| row.units.end));
        Self { hash: meta.hash, packages, functions }
    }

    fn n_functions(&self) -> usize {
        self.functions.len() - 1
    }

    fn n_units(&self) -> usize {
        self.functions.last().map_or(0, |&end| end as usize)
    }

    /// The position of a function among all, and its units.
    #[inline]
    fn find(&self, package: u32, function: u32) -> Result<(usize, Range<usize>), &'static str> {
        const NONE: &str = "counters of a function that the meta-data does not have";
        let [first, end, ..] = self.packages.get(package as usize..).ok_or(NONE)? else {
            return Err(NONE);
        };
        let at = first.checked_add(function).filter(|at| at < end).ok_or(NONE)? as usize;
        match self.functions.get(at..) {
            Some([start, end, ..]) => Ok((at, *start as usize..*end as usize)),
            _ => Err(NONE),
        }
    }
}

/// The process that counted, as far as all runs agree.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Process {
    words: Vec<Vec<u8>>,
    os: Vec<u8>,
    arch: Vec<u8>,
}

impl Process {
    fn of(launch: &Launch<'_>) -> Self {
        let words = launch.words.iter().map(|word| word.to_vec()).collect();
        Self { words, os: launch.os.to_vec(), arch: launch.arch.to_vec() }
    }

    /// Keeps what is the same in a further run. Command lines are kept whole or not at all.
    pub(super) fn meet(&mut self, other: &Launch<'_>) {
        if self.words != other.words {
            self.words.clear();
        }
        if self.os != other.os {
            self.os.clear();
        }
        if self.arch != other.arch {
            self.arch.clear();
        }
    }

    /// As a counter file has it.
    pub(super) fn launch(&self) -> Launch<'_> {
        let words = self.words.iter().map(Vec::as_slice).collect();
        Launch { words, os: &self.os, arch: &self.arch }
    }
}

/// What some runs of a pod counted.
#[derive(Debug, Default)]
pub(super) struct Runs {
    /// One count for each unit of the meta-data.
    pub counts: Vec<u32>,
    /// Whether each function has a record; one without did not run.
    pub recorded: Vec<bool>,
    /// Functions whose records have not as many counts as units; these stand for those above.
    pub odd: BTreeMap<usize, Odd>,
    /// The process, as far as the runs agree; `None` if there is no run.
    pub process: Option<Process>,
    /// What the caller wanted to know of each file, by its position.
    pub lines: BTreeMap<usize, Vec<u8>>,
    warnings: BTreeMap<usize, Vec<String>>,
    overflows: bool,
}

/// Counts of a function that has other units.
#[derive(Debug, Default)]
pub(super) struct Odd {
    /// The counts; Go's tool takes the longest record.
    pub counts: Vec<u32>,
    /// File of the latest record.
    path: PathBuf,
    /// Offset of that record.
    offset: usize,
}

impl Odd {
    /// An error at the record.
    fn refused(&self, reason: &str) -> anyhow::Error {
        anyhow!("cannot read {}: byte {}: {reason}", self.path.display(), self.offset)
    }
}

/// Reads these counter files. `line` may say something of each, given its position, which is kept.
pub(super) fn read(
    layout: &Layout,
    paths: &[&Path],
    join: Join,
    line: impl Fn(usize, &CounterFile<'_>) -> Vec<u8> + Sync,
) -> Result<Runs> {
    let make = || Runs::none(layout);
    let visit = |runs: &mut Runs, file: usize, path: &Path, bytes: &[u8]| {
        let Runs { counts, recorded, .. } = runs;
        let place = |head: RecordHead| {
            let (function, units) = layout.find(head.package, head.function)?;
            if units.len() != head.n_counts {
                return Err(OTHER_LENGTH);
            }
            recorded[function] = true;
            Ok(units.start)
        };
        let (found, overflows) =
            go_counters::add(bytes, counts, place).map_err(input::refused(path))?;
        runs.overflows |= overflows;
        runs.meet(layout, file, path, &found, &line)
    };
    let mut runs = match each_file(paths, make, visit) {
        Ok(all) => {
            let mut all = all.into_iter();
            let mut runs = all.next().unwrap_or_default();
            for other in all {
                runs.join(other);
            }
            if join == Join::Or {
                runs.counts.iter_mut().for_each(|count| *count = (*count).min(1));
            }
            runs
        }
        // Something is odd or wrong; which of both shows where files are read in order.
        Err(_) => read_carefully(layout, paths, join, &line)?,
    };
    for (_, warnings) in std::mem::take(&mut runs.warnings) {
        warnings.iter().for_each(|warning| super::warn(warning));
    }
    if runs.overflows && join == Join::Add {
        warn_overflow();
    }
    Ok(runs)
}

const OTHER_LENGTH: &str = "not as many counters as the function has units";

/// Reads counter files in order, with records of whatever length.
fn read_carefully(
    layout: &Layout,
    paths: &[&Path],
    join: Join,
    line: &impl Fn(usize, &CounterFile<'_>) -> Vec<u8>,
) -> Result<Runs> {
    let mut runs = Runs::none(layout);
    let mut buffer = Vec::new();
    for (file, path) in paths.iter().enumerate() {
        let bytes = input::read_into(path, &mut buffer)?;
        let found = go_counters::read(bytes, |record| {
            let (function, units) = layout.find(record.package, record.function)?;
            let flat = &mut runs.counts[units];
            let is_recorded = std::mem::replace(&mut runs.recorded[function], true);
            let own = if record.counts.len() == flat.len() && !runs.odd.contains_key(&function) {
                flat
            } else {
                let odd = runs.odd.entry(function).or_insert_with(|| Odd {
                    counts: if is_recorded { flat.to_vec() } else { Vec::new() },
                    ..Odd::default()
                });
                if record.counts.len() < odd.counts.len() {
                    return Err("fewer counters than an earlier record of the function has");
                }
                odd.counts.resize(record.counts.len(), 0);
                odd.path.clone_from(&path.to_path_buf());
                odd.offset = record.offset;
                &mut odd.counts
            };
            for (sum, &count) in own.iter_mut().zip(record.counts) {
                runs.overflows |= join.add(sum, count);
            }
            Ok(())
        });
        let found = found.map_err(input::refused(path))?;
        runs.meet(layout, file, path, &found, line)?;
    }
    Ok(runs)
}

impl Runs {
    /// Nothing has run yet.
    pub(super) fn none(layout: &Layout) -> Self {
        let counts = vec![0; layout.n_units()];
        let recorded = vec![false; layout.n_functions()];
        Self { counts, recorded, ..Self::default() }
    }

    /// Takes what a file says besides its counts.
    fn meet(
        &mut self,
        layout: &Layout,
        file: usize,
        path: &Path,
        found: &CounterFile<'_>,
        line: &impl Fn(usize, &CounterFile<'_>) -> Vec<u8>,
    ) -> Result<()> {
        if found.meta_hash != layout.hash {
            bail!("cannot read {}: byte 8: counters of a different build", path.display());
        }
        let launch = found.segments.first().cloned().unwrap_or_default();
        match &mut self.process {
            None => self.process = Some(Process::of(&launch)),
            Some(process) => process.meet(&launch),
        }
        let line = line(file, found);
        if !line.is_empty() {
            self.lines.insert(file, line);
        }
        let warnings = input::oddities(path, found);
        if !warnings.is_empty() {
            self.warnings.insert(file, warnings);
        }
        Ok(())
    }

    /// Adds further runs, without odd records.
    fn join(&mut self, mut other: Self) {
        for (sum, &count) in self.counts.iter_mut().zip(&other.counts) {
            self.overflows |= Join::Add.add(sum, count);
        }
        for (recorded, &too) in self.recorded.iter_mut().zip(&other.recorded) {
            *recorded |= too;
        }
        self.overflows |= other.overflows;
        self.lines.append(&mut other.lines);
        self.warnings.append(&mut other.warnings);
        match (&mut self.process, &other.process) {
            (Some(process), Some(other)) => process.meet(&other.launch()),
            (process @ None, Some(_)) => *process = other.process,
            _ => {}
        }
    }

    /// The counts of a function, whose units are these.
    pub(super) fn counts_of(&self, function: usize, units: Range<u32>) -> &[u32] {
        match self.odd.get(&function) {
            Some(odd) => &odd.counts,
            None => &self.counts[units.start as usize..units.end as usize],
        }
    }

    /// Lets each function have as many counts as units: leaves out what is too much, as Go's tool
    /// does, and refuses what is too little.
    pub(super) fn fit(&mut self, layout: &Layout) -> Result<()> {
        for (function, odd) in std::mem::take(&mut self.odd) {
            let units =
                layout.functions[function] as usize..layout.functions[function + 1] as usize;
            let own = &mut self.counts[units];
            let (n_counts, n_units) = (odd.counts.len(), own.len());
            let at = format!("{}: byte {}", odd.path.display(), odd.offset);
            if n_counts == 0 {
                super::warn(&format!("{at}: a record without counters is left out"));
            } else if n_counts < n_units {
                return Err(odd.refused(&format!("{n_counts} counters for {n_units} units")));
            } else {
                let left_out = n_counts - n_units;
                super::warn(&format!("{at}: {left_out} counters too many are left out"));
            }
            own.fill(0);
            for (own, &count) in own.iter_mut().zip(&odd.counts) {
                *own = count;
            }
        }
        Ok(())
    }

    /// Says that records are kept as they are although they don't fit their functions.
    pub(super) fn warn_of_odd(&self) {
        if let Some(odd) = self.odd.values().next() {
            super::warn(&format!(
                "{}: byte {}: {OTHER_LENGTH}; such records are copied as they are",
                odd.path.display(),
                odd.offset
            ));
        }
    }

    /// Sets to 0 what `other` runs hit.
    pub(super) fn subtract(&mut self, layout: &Layout, paths: &[&Path]) -> Result<()> {
        if self.odd.is_empty()
            && let Ok(other) = each_file(
                paths,
                || vec![0; layout.n_units()],
                |hit, _, path, bytes| {
                    each_record(layout, path, bytes, |_, units, counts| {
                        for (hit, &count) in hit[units].iter_mut().zip(counts) {
                            *hit |= count;
                        }
                    })
                },
            )
        {
            for hit in other {
                for (own, hit) in self.counts.iter_mut().zip(hit) {
                    *own = if hit == 0 { *own } else { 0 };
                }
            }
            return Ok(());
        }
        self.zero_carefully(layout, paths, |count| count != 0).map(|_| ())
    }

    /// Sets to 0 what a run did not hit of the functions that it entered, and gives the functions
    /// that any entered.
    pub(super) fn intersect(&mut self, layout: &Layout, paths: &[&Path]) -> Result<Vec<bool>> {
        if self.odd.is_empty()
            && let Ok(other) = each_file(
                paths,
                || (vec![0; layout.n_units()], vec![false; layout.n_functions()]),
                |(missed, entered), _, path, bytes| {
                    each_record(layout, path, bytes, |function, units, counts| {
                        entered[function] = true;
                        for (missed, &count) in missed[units].iter_mut().zip(counts) {
                            *missed |= u32::from(count == 0);
                        }
                    })
                },
            )
        {
            let mut entered = vec![false; layout.n_functions()];
            for (missed, also_entered) in other {
                for (own, missed) in self.counts.iter_mut().zip(missed) {
                    *own = if missed == 0 { *own } else { 0 };
                }
                for (entered, also) in entered.iter_mut().zip(also_entered) {
                    *entered |= also;
                }
            }
            return Ok(entered);
        }
        self.zero_carefully(layout, paths, |count| count == 0)
    }

    /// Reads counter files in order and sets to 0 what stands where another count is `wanted`;
    /// gives the functions that have a record there.
    fn zero_carefully(
        &mut self,
        layout: &Layout,
        paths: &[&Path],
        wanted: impl Fn(u32) -> bool,
    ) -> Result<Vec<bool>> {
        let mut entered = vec![false; layout.n_functions()];
        let mut buffer = Vec::new();
        for path in paths {
            let bytes = input::read_into(path, &mut buffer)?;
            let found = go_counters::read(bytes, |record| {
                let (function, units) = layout.find(record.package, record.function)?;
                if !self.recorded[function] {
                    return Ok(());
                }
                entered[function] = true;
                let own = match self.odd.get_mut(&function) {
                    Some(odd) => &mut odd.counts,
                    None => &mut self.counts[units],
                };
                for (i, _) in record.counts.iter().enumerate().filter(|(_, count)| wanted(**count))
                {
                    *own.get_mut(i).ok_or("more counters than the first folder has")? = 0;
                }
                Ok(())
            });
            check(layout, path, &found.map_err(input::refused(path))?)?;
        }
        Ok(entered)
    }
}

/// Hands over each record of a counter file, all of the length that their functions have.
fn each_record(
    layout: &Layout,
    path: &Path,
    bytes: &[u8],
    mut sink: impl FnMut(usize, Range<usize>, &[u32]),
) -> Result<()> {
    let found = go_counters::each(bytes, |head, counts| {
        let (function, units) = layout.find(head.package, head.function)?;
        if units.len() != counts.len() {
            return Err(OTHER_LENGTH);
        }
        sink(function, units, counts);
        Ok(())
    });
    check(layout, path, &found.map_err(input::refused(path))?)
}

/// Refuses counters of a different build, and says what else may mislead.
fn check(layout: &Layout, path: &Path, found: &CounterFile<'_>) -> Result<()> {
    if found.meta_hash != layout.hash {
        bail!("cannot read {}: byte 8: counters of a different build", path.display());
    }
    input::oddities(path, found).iter().for_each(|warning| super::warn(warning));
    Ok(())
}

/// Reads files by all processors, each thread into a state of its own, and gives those states; at
/// least one. Which thread reads which file is left to chance.
fn each_file<S: Send>(
    paths: &[&Path],
    make: impl Fn() -> S + Sync,
    visit: impl Fn(&mut S, usize, &Path, &[u8]) -> Result<()> + Sync,
) -> Result<Vec<S>> {
    let states = threads::each(
        paths.len(),
        || (make(), Vec::new()),
        |(state, buffer), file| {
            let path = paths[file];
            visit(state, file, path, input::read_into(path, buffer)?)
        },
    )?;
    Ok(states.into_iter().map(|(state, _)| state).collect())
}
