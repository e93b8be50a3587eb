//! Go binary coverage data: a folder of `covmeta.*` and `covcounters.*` files, as binaries built
//! with `go build -cover` leave them in `GOCOVERDIR`.
//!
//! The files are [`go_meta`] and [`go_counters`]; a meta-data file and the counters of its runs
//! are a *pod* ([`pods`](crate::pods)) and read together as one profile, in which the counts of
//! all runs are added (mode set: or).
//!
//! What the model does not keep: which run counted what, the program's arguments, and the
//! granularity. A function of which some runs have no record did not run there.

use std::collections::HashMap;
use std::sync::Arc;

use coverage::{Mode, Package, Profile, Shape, ShapeBuilder, UnitIdx};

use crate::go_meta::{self, Granularity, Meta};
use crate::go_write::{self, CounterWriter, Fnv128, uleb};
use crate::{Files, Format, Place, Read, ReadError, go_counters};

/// The format.
pub const FORMAT: Format = Format {
    id: "go-cov",
    name: "Go binary coverage data",
    extensions: &[],
    sniff: |head| go_meta::sniff(head) || go_counters::sniff(head),
    read: Read::Pods,
    write: Some(write),
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

    /// Adds what a run counted: all of it, or nothing if the file is refused.
    ///
    /// # Errors
    /// Where and why the bytes are no counters, or no counters of this pod.
    pub fn add(&mut self, counters: &[u8]) -> Result<(), ReadError> {
        let file = go_counters::read(counters, |record| self.units(record).map(|_| ()))?;
        if file.meta_hash != self.hash {
            return Err(ReadError::malformed(Place::Byte(8), "counters of a different build"));
        }
        let mut counts = std::mem::take(&mut self.counts);
        let read = go_counters::read(counters, |record| {
            let units = counts.get_mut(self.units(record)?).unwrap_or_default();
            for (sum, &count) in units.iter_mut().zip(record.counts) {
                *sum = sum.saturating_add(u64::from(count));
            }
            Ok(())
        });
        self.counts = counts;
        self.n_runs += 1;
        read.map(|_| ())
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
        let (blob, blob_hash) = write_package(shape, package, functions);
        hash.write(&blob_hash);
        blobs.push(blob);
    }
    hash.write(profile.mode().as_str().as_bytes());
    hash.write(b"perblock");
    let hash = hash.finish();
    let blobs: Vec<&[u8]> = blobs.iter().map(Vec::as_slice).collect();
    let meta = go_write::meta_file(&blobs, profile.mode(), Granularity::Block, hash);

    let mut writer = CounterWriter::new(hash, &[]);
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

/// A package's blob and the hash of its content.
fn write_package(shape: &Shape, package: &Package, functions: &[usize]) -> (Vec<u8>, [u8; 16]) {
    let mut strings = Strings::default();
    strings.index("");
    let names = [&package.name, &package.path, &package.module].map(|name| strings.index(name));
    let mut hash = Fnv128::default();
    for word in [&package.path, &package.name, &package.module] {
        hash.write(word.as_bytes());
    }
    let mut bodies = Vec::new();
    let mut starts = Vec::with_capacity(functions.len());
    for &function in functions {
        let Some(row) = shape.functions().get(function) else { continue };
        let file = shape.file(row.file).path.as_str();
        starts.push(bodies.len());
        uleb(&mut bodies, u64::from(row.units.end - row.units.start));
        uleb(&mut bodies, u64::from(strings.index(&row.name)));
        uleb(&mut bodies, u64::from(strings.index(file)));
        hash.write(row.name.as_bytes());
        hash.write(file.as_bytes());
        for unit_idx in row.units.clone() {
            let unit = shape.unit(UnitIdx(unit_idx));
            let (start, end) = (unit.span.start, unit.span.end);
            for value in [start.line, start.column, end.line, end.column, unit.statements] {
                uleb(&mut bodies, u64::from(value));
                hash.write(&value.to_le_bytes());
            }
        }
        uleb(&mut bodies, u64::from(row.literal));
        hash.write(&u32::from(row.literal).to_le_bytes());
    }
    let hash = hash.finish();
    let n_strings = strings.list.len();
    let mut table = Vec::new();
    uleb(&mut table, n_strings as u64);
    for string in strings.list {
        uleb(&mut table, string.len() as u64);
        table.extend(string.as_bytes());
    }
    let base = go_meta::PACKAGE_HEADER_BYTES + 4 * starts.len() + table.len();
    let word = |value: usize| u32::try_from(value).unwrap_or(u32::MAX).to_le_bytes();
    let mut blob = Vec::with_capacity(base + bodies.len());
    blob.extend(word(base + bodies.len()));
    for name in names {
        blob.extend(name.to_le_bytes());
    }
    blob.extend(hash);
    blob.extend([0; 4]);
    blob.extend(word(n_strings));
    blob.extend(word(starts.len()));
    for start in starts {
        blob.extend(word(base + start));
    }
    blob.extend(table);
    blob.extend(bodies);
    (blob, hash)
}

/// Strings by position, each once.
#[derive(Default)]
struct Strings<'a> {
    list: Vec<&'a str>,
    known: HashMap<&'a str, u32>,
}

impl<'a> Strings<'a> {
    fn index(&mut self, text: &'a str) -> u32 {
        let next = u32::try_from(self.list.len()).unwrap_or(u32::MAX);
        *self.known.entry(text).or_insert_with(|| {
            self.list.push(text);
            next
        })
    }
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
