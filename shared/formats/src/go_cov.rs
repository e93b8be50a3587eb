//! Go binary coverage data: a folder of `covmeta.*` and `covcounters.*` files, as binaries built
//! with `go build -cover` leave them in `GOCOVERDIR`.
//!
//! The files are [`go_meta`] and [`go_counters`]; a meta-data file and the counters of its runs
//! are a *pod* ([`pods`](crate::pods)) and read together as one profile, in which the counts of
//! all runs are added (mode set: or).
//!
//! What the model does not keep: which run counted what, the program's arguments, and the
//! granularity. A function of which some runs have no record did not run there.

use std::sync::Arc;

use coverage::{Mode, Profile, Shape, ShapeBuilder, UnitIdx};

use crate::go_counters::Launch;
use crate::go_meta::{self, Granularity, Meta, MetaUnit, Stated};
use crate::go_write::{self, CounterWriter, Fnv128, PackageWriter};
use crate::{Files, Format, Place, Read, ReadError, Write, go_counters};

/// The format.
pub const FORMAT: Format = Format {
    id: "go_cov",
    name: "Go binary coverage data",
    extensions: &[],
    sniff: |head| go_meta::sniff(head) || go_counters::sniff(head),
    read: Read::Pods,
    write: Some(Write { files: write, blocks: true, keeps: &["statements"] }),
};

/// A pod that is being read: what was measured, and the counts of the runs so far.
#[derive(Debug, Clone)]
pub struct Pod {
    hash: [u8; 16],
    mode: Mode,
    shape: Arc<Shape>,
    /// First function of each package, and one past the last package's.
    package_functions: Vec<u32>,
    counts: Vec<u64>,
    n_runs: u64,
}

impl Pod {
    /// A pod without runs yet.
    ///
    /// # Errors
    /// Where and why the bytes are no meta-data.
    pub fn new(meta: &[u8]) -> Result<Self, ReadError> {
        Ok(Self::of(&go_meta::read(meta)?))
    }

    /// A pod without runs yet.
    pub fn of(meta: &Meta<'_>) -> Self {
        let mut builder = ShapeBuilder::default();
        meta.add_to(&mut builder);
        let mut package_functions: Vec<u32> =
            meta.packages.iter().map(|package| package.functions.start).collect();
        package_functions.push(meta.packages.last().map_or(0, |package| package.functions.end));
        Self {
            hash: meta.hash,
            mode: meta.mode,
            counts: vec![0; meta.units.len()],
            shape: Arc::new(builder.build()),
            package_functions,
            n_runs: 0,
        }
    }

    /// Adds what a run counted: all of it, or nothing if the file is refused. Gives the number of
    /// snapshots in it. If each holds what those before it hold, as `coverage.WriteCounters` leaves
    /// them, the last is what counts; after `coverage.ClearCounters` they add up.
    ///
    /// # Errors
    /// Where and why the bytes are no counters, or no counters of this pod.
    pub fn add(&mut self, counters: &[u8]) -> Result<usize, ReadError> {
        let starts = self.check(counters)?;
        let snapshots: Vec<&[u8]> =
            starts.iter().map(|&start| counters.get(start..).unwrap_or_default()).collect();
        if let [only] = snapshots[..] {
            let mut counts = std::mem::take(&mut self.counts);
            self.add_to(&mut counts, only);
            self.counts = counts;
        } else {
            let mut run = vec![0; self.counts.len()];
            let mut last = run.clone();
            for snapshot in &snapshots {
                let mut counts = vec![0; self.counts.len()];
                self.add_to(&mut counts, snapshot);
                let grows = last.iter().zip(&counts).all(|(last, count)| count >= last);
                if !grows {
                    saturating_add(&mut run, &last);
                }
                last = counts;
            }
            saturating_add(&mut run, &last);
            saturating_add(&mut self.counts, &run);
        }
        self.n_runs += 1;
        Ok(snapshots.len())
    }

    /// Where the snapshots of a file start, if all of it fits this pod.
    fn check(&self, counters: &[u8]) -> Result<Vec<usize>, ReadError> {
        let mut starts = Vec::new();
        let mut next = Some(0);
        while let Some(start) = next {
            let bytes = counters.get(start..).unwrap_or_default();
            let shifted = |error: ReadError| error.shifted(start);
            let file = go_counters::read(bytes, |record| self.units(record).map(|_| ()));
            let file = file.map_err(shifted)?;
            if file.meta_hash != self.hash {
                let place = Place::Byte(start + 8);
                return Err(ReadError::malformed(place, "counters of a different build"));
            }
            starts.push(start);
            next = file.next.map(|next| start + next);
        }
        Ok(starts)
    }

    /// Adds the counts of a file that was checked.
    fn add_to(&self, counts: &mut [u64], counters: &[u8]) {
        let read = go_counters::read(counters, |record| {
            let units = counts.get_mut(self.units(record)?).unwrap_or_default();
            for (sum, &count) in units.iter_mut().zip(record.counts) {
                *sum = sum.saturating_add(u64::from(count));
            }
            Ok(())
        });
        debug_assert!(read.is_ok());
    }

    /// How many runs were added.
    pub fn n_runs(&self) -> u64 {
        self.n_runs
    }

    /// The profile of all runs so far.
    pub fn profile(mut self) -> Profile {
        if self.mode == Mode::Set {
            self.counts.iter_mut().for_each(|count| *count = (*count).min(1));
        }
        Profile::new(self.mode, self.shape, self.counts)
    }

    /// The units that a record counts.
    fn units(
        &self,
        record: go_counters::Record<'_>,
    ) -> Result<std::ops::Range<usize>, &'static str> {
        let package = record.package as usize;
        let function = match self.package_functions.get(package..) {
            Some([start, end, ..]) => {
                start.checked_add(record.function).filter(|function| function < end)
            }
            _ => None,
        };
        let functions = self.shape.functions();
        let function = function.and_then(|function| functions.get(function as usize));
        let function = function.ok_or("counters of a function that the meta-data does not have")?;
        let units = function.units.start as usize..function.units.end as usize;
        if units.len() != record.counts.len() {
            return Err("not as many counters as the function has units");
        }
        Ok(units)
    }
}

fn saturating_add(sums: &mut [u64], counts: &[u64]) {
    for (sum, &count) in sums.iter_mut().zip(counts) {
        *sum = sum.saturating_add(count);
    }
}

/// A meta-data file and one counter file, as a run of Go 1.26 leaves them. Functions without a
/// count have no record; counts above 2^32 - 1 are written as that.
fn write(profile: &Profile) -> Files {
    let shape = profile.shape();
    // Functions by package: a shape lists them in any order.
    let mut functions: Vec<Vec<usize>> = vec![Vec::new(); shape.packages().len()];
    for (function, row) in shape.functions().iter().enumerate() {
        let package = shape.file(row.file).package.index();
        if let Some(functions) = functions.get_mut(package) {
            functions.push(function);
        }
    }
    let mut hash = Fnv128::default();
    let mut blobs = Vec::with_capacity(functions.len());
    for (package, functions) in shape.packages().iter().zip(&functions) {
        let mut writer = PackageWriter::new(&package.path, &package.name, &package.module);
        for row in functions.iter().filter_map(|&function| shape.functions().get(function)) {
            let file = shape.file(row.file).path.as_str();
            let units = row.units.clone().map(|unit_idx| {
                let unit = shape.unit(UnitIdx(unit_idx));
                MetaUnit { span: unit.span, statements: unit.statements }
            });
            writer.function(&row.name, file, row.literal, units);
        }
        let (blob, blob_hash) = writer.finish();
        hash.write(&blob_hash);
        blobs.push(blob);
    }
    hash.write(profile.mode().as_str().as_bytes());
    hash.write(b"perblock");
    let hash = hash.finish();
    let blobs: Vec<&[u8]> = blobs.iter().map(Vec::as_slice).collect();
    let meta = go_write::meta_file(&blobs, Stated::new(profile.mode(), Granularity::Block), hash);

    let mut writer = CounterWriter::new(hash, &Launch::default());
    for (package, functions) in (0u32..).zip(&functions) {
        for (position, &function) in (0u32..).zip(functions) {
            let Some(row) = shape.functions().get(function) else { continue };
            let units = row.units.start as usize..row.units.end as usize;
            let counts = profile.counts().get(units).unwrap_or_default();
            if counts.iter().any(|&count| count > 0) {
                let counts: Vec<u32> =
                    counts.iter().map(|&count| u32::try_from(count).unwrap_or(u32::MAX)).collect();
                writer.record(package, position, &counts);
            }
        }
    }
    let tag: String = hash.iter().map(|byte| format!("{byte:02x}")).collect();
    vec![(format!("covmeta.{tag}"), meta), (format!("covcounters.{tag}.0.0"), writer.finish())]
}

#[cfg(test)]
mod tests {
    use coverage::dump;

    use super::*;

    const TEXT: &str = "mode count\npackage p p m\nfile p/a.go\nfunction F\n1.1,2.2 1 5\n\
                        3.1,4.2 2 0\nfunction G\n5.1,6.2 1 0\npackage q q m\nfile q/b.go\n\
                        function H\n1.1,2.2 1 4294967295\n";

    #[test]
    fn a_pod_that_is_written_reads_back() {
        let profile = dump::parse(TEXT).unwrap();
        let files = write(&profile);
        let mut pod = Pod::new(&files[0].1).unwrap();
        pod.add(&files[1].1).unwrap();
        assert_eq!(dump::write(&pod.profile()), TEXT);
    }

    #[test]
    fn of_snapshots_that_grow_the_last_counts() {
        let files = write(&dump::parse(TEXT).unwrap());
        let later = write(&dump::parse(&TEXT.replace("2.2 1 5", "2.2 1 7")).unwrap());
        let start = write(&dump::parse(&TEXT.replace("2.2 1 5", "2.2 1 1")).unwrap());
        let mut pod = Pod::new(&files[0].1).unwrap();
        assert_eq!(pod.add(&[&*files[1].1, &*later[1].1].concat()).unwrap(), 2);
        assert_eq!(pod.clone().profile().counts()[0], 7);
        pod.add(&[&*later[1].1, &*start[1].1].concat()).unwrap();
        assert_eq!(pod.profile().counts()[0], 7 + 7 + 1);
    }

    #[test]
    fn runs_add_up_and_a_refused_one_adds_nothing() {
        let files = write(&dump::parse(TEXT).unwrap());
        let mut pod = Pod::new(&files[0].1).unwrap();
        pod.add(&files[1].1).unwrap();
        pod.add(&files[1].1).unwrap();
        let other = write(&dump::parse(&TEXT.replace("function F", "function E")).unwrap());
        let refused = pod.add(&other[1].1).unwrap_err();
        assert_eq!(refused.to_string(), "byte 8: counters of a different build");
        assert_eq!(pod.n_runs(), 2);
        assert_eq!(pod.profile().counts(), [10, 0, 0, 2 * u64::from(u32::MAX)]);
    }
}
