//! `merge`: the runs of each binary become one, or with `-pcombine` those of all binaries.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result};
use coverage::Mode;
use formats::go_counters::{self, CounterFile};
use formats::go_meta::{Meta, MetaFunction, MetaUnit};
use formats::go_write::{self, CounterWriter, Fnv128, PackageWriter};

use super::accumulate::{self, Modes};
use super::flags::Flags;
use super::input::{self, Input, PodFiles};

/// What some runs of a pod counted. Counts are columns of the meta-data's units; a function
/// without a record did not run.
#[derive(Debug)]
pub(super) struct Runs {
    /// One count for each unit.
    pub counts: Vec<u32>,
    /// Whether each function has a record.
    pub recorded: Vec<bool>,
    /// Arguments in which all runs agree.
    pub args: Args,
}

/// Name and value pairs of runs: those in which all agree.
#[derive(Debug, Default)]
pub(super) struct Args(Option<BTreeMap<String, String>>);

impl Args {
    /// Takes those of another run.
    pub(super) fn meet(&mut self, file: &CounterFile<'_>) {
        let own: BTreeMap<String, String> = file
            .segments
            .iter()
            .flatten()
            .map(|&(name, value)| (name.to_owned(), value.to_owned()))
            .collect();
        match &mut self.0 {
            None => self.0 = Some(own),
            Some(all) => {
                // The words of the command line stay together or go together.
                let is_word = |name: &str| name.starts_with("argc") || name.starts_with("argv");
                let words = |args: &BTreeMap<String, String>| -> Vec<(String, String)> {
                    let words = args.iter().filter(|(name, _)| is_word(name));
                    words.map(|(name, value)| (name.clone(), value.clone())).collect()
                };
                let differ = words(all) != words(&own);
                all.retain(|name, value| {
                    own.get(name) == Some(value) && !(differ && is_word(name))
                });
            }
        }
    }

    /// The pairs, sorted by name.
    pub(super) fn pairs(&self) -> Vec<(&str, &str)> {
        let pairs = self.0.iter().flatten();
        pairs.map(|(name, value)| (name.as_str(), value.as_str())).collect()
    }
}

impl Runs {
    /// Nothing has run yet.
    pub(super) fn none(meta: &Meta<'_>) -> Self {
        let counts = vec![0; meta.units.len()];
        let recorded = vec![false; meta.functions.len()];
        Self { counts, recorded, args: Args::default() }
    }

    /// Adds the counts of a file.
    pub(super) fn add(
        &mut self,
        meta: &Meta<'_>,
        mode: Mode,
        path: &Path,
        buffer: &mut Vec<u8>,
    ) -> Result<()> {
        let mut overflow = false;
        let Self { counts, recorded, args } = self;
        let read = |function: usize, units: std::ops::Range<usize>, added: &[u32]| {
            recorded[function] = true;
            for (sum, &count) in counts[units].iter_mut().zip(added) {
                overflow |= accumulate::add(mode, sum, count);
            }
        };
        read_records(meta, path, buffer, args, read)?;
        if overflow {
            accumulate::warn_overflow();
        }
        Ok(())
    }
}

/// Reads a counter file and hands over each function, by its position in the meta-data, with its
/// units and counts.
pub(super) fn read_records(
    meta: &Meta<'_>,
    path: &Path,
    buffer: &mut Vec<u8>,
    args: &mut Args,
    mut sink: impl FnMut(usize, std::ops::Range<usize>, &[u32]),
) -> Result<()> {
    let bytes = input::read_into(path, buffer)?;
    let file = go_counters::read(bytes, |record| {
        let units = accumulate::units(meta, &record)?;
        let function = meta.function_at(record.package, record.function).unwrap_or_default();
        sink(function, units, record.counts);
        Ok(())
    });
    let file = file.map_err(input::refused(path))?;
    if file.meta_hash != meta.hash {
        anyhow::bail!("cannot read {}: byte 8: counters of a different build", path.display());
    }
    input::warn_of(path, &file);
    args.meet(&file);
    Ok(())
}

/// `merge` without `-pcombine`.
pub(super) fn merge(input: &Input, flags: &Flags) -> Result<()> {
    for pod in &input.pods {
        let bytes = input::read_meta(&pod.meta)?;
        let meta = input::meta(&pod.meta, &bytes)?;
        let mut runs = Runs::none(&meta);
        let mut buffer = Vec::new();
        for counters in &pod.counters {
            runs.add(&meta, meta.mode, &counters.path, &mut buffer)?;
        }
        write_pod(pod, &bytes, &meta, &runs, flags)?;
    }
    Ok(())
}

/// Writes a pod with these runs: its meta-data as it is, or only the packages that are wanted.
pub(super) fn write_pod(
    pod: &PodFiles,
    bytes: &[u8],
    meta: &Meta<'_>,
    runs: &Runs,
    flags: &Flags,
) -> Result<()> {
    let kept: Vec<_> =
        meta.packages.iter().filter(|package| flags.packages.keep(package.path)).collect();
    let (hash, selected);
    let written = if flags.packages.keep_all() {
        hash = meta.hash;
        bytes
    } else {
        let blobs: Vec<&[u8]> = kept.iter().map(|package| package.blob).collect();
        hash = hash_of(&blobs);
        selected = go_write::meta_file(&blobs, meta.mode, meta.granularity, hash);
        &selected
    };
    let name = pod.meta.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let name = if flags.packages.keep_all() { name } else { format!("covmeta.{}", hex(hash)) };
    let tag = name.strip_prefix("covmeta.").unwrap_or(&name).to_owned();
    let mut writer = CounterWriter::new(hash, &runs.args.pairs());
    for (package_idx, package) in (0u32..).zip(kept) {
        for (position, function) in package.functions.clone().enumerate() {
            let units = meta.functions[function as usize].units.clone();
            if runs.recorded[function as usize] {
                let counts = &runs.counts[units.start as usize..units.end as usize];
                writer.record(package_idx, u32::try_from(position)?, counts);
            }
        }
    }
    write_files(flags, &name, written, &tag, &writer.finish())
}

/// Hash of a file of these packages, as Go's tool makes it when it makes the file.
fn hash_of(blobs: &[&[u8]]) -> [u8; 16] {
    let mut hash = Fnv128::default();
    for blob in blobs {
        hash.write(&Fnv128::of(blob));
    }
    hash.finish()
}

fn hex(hash: [u8; 16]) -> String {
    hash.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn write_files(flags: &Flags, name: &str, meta: &[u8], tag: &str, counters: &[u8]) -> Result<()> {
    let folder = flags.output.as_deref().unwrap_or(Path::new(""));
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_nanos();
    let counters_name = format!("covcounters.{tag}.0.{now}");
    for (name, bytes) in [(name, meta), (&counters_name, counters)] {
        let path = folder.join(name);
        std::fs::write(&path, bytes).with_context(|| format!("cannot write {}", path.display()))?;
    }
    Ok(())
}

/// A function, whatever binary it is in.
type FunctionKey<'a> = (&'a str, &'a str, bool, &'a [MetaUnit]);

/// A package of several binaries.
struct Combined<'a> {
    path: &'a str,
    name: &'a str,
    module: &'a str,
    functions: Vec<(&'a MetaFunction<'a>, &'a [MetaUnit])>,
    known: HashMap<FunctionKey<'a>, usize>,
    counts: Vec<Option<Vec<u32>>>,
}

/// `merge -pcombine`: one set of files for all binaries. A package keeps the functions of all;
/// those that are alike in everything are one.
pub(super) fn combine(input: &Input, flags: &Flags) -> Result<()> {
    if input.pods.is_empty() {
        return Ok(());
    }
    let files = input.pods.iter().map(|pod| input::read_meta(&pod.meta));
    let files = files.collect::<Result<Vec<_>>>()?;
    let mut modes = Modes::relaxed();
    let mut metas = Vec::with_capacity(files.len());
    for (pod, bytes) in input.pods.iter().zip(&files) {
        let meta = input::meta(&pod.meta, bytes)?;
        modes.meet(&pod.meta, &meta)?;
        metas.push(meta);
    }
    let mode = modes.mode();
    let mut packages: Vec<Combined<'_>> = Vec::new();
    let mut by_path: HashMap<&str, usize> = HashMap::new();
    let mut args = Args::default();
    let mut buffer = Vec::new();
    let mut overflow = false;
    for (pod, meta) in input.pods.iter().zip(&metas) {
        // Where each function of this pod is among those of all.
        let mut places: Vec<Option<(usize, usize)>> = vec![None; meta.functions.len()];
        for package in meta.packages.iter().filter(|package| flags.packages.keep(package.path)) {
            let at = *by_path.entry(package.path).or_insert_with(|| {
                packages.push(Combined {
                    path: package.path,
                    name: package.name,
                    module: package.module,
                    functions: Vec::new(),
                    known: HashMap::new(),
                    counts: Vec::new(),
                });
                packages.len() - 1
            });
            let combined = &mut packages[at];
            for (function_idx, function) in
                package.functions.clone().zip(meta.functions_of(package))
            {
                let units = meta.units_of(function);
                let key = (function.name, function.file, function.literal, units);
                let position = *combined.known.entry(key).or_insert_with(|| {
                    combined.functions.push((function, units));
                    combined.counts.push(None);
                    combined.functions.len() - 1
                });
                places[function_idx as usize] = Some((at, position));
            }
        }
        for counters in &pod.counters {
            let sink = |function: usize, units: std::ops::Range<usize>, counts: &[u32]| {
                let Some((package, position)) = places[function] else { return };
                let sums = packages[package].counts[position].get_or_insert_default();
                sums.resize(units.len(), 0);
                for (sum, &count) in sums.iter_mut().zip(counts) {
                    overflow |= accumulate::add(mode, sum, count);
                }
            };
            read_records(meta, &counters.path, &mut buffer, &mut args, sink)?;
        }
    }
    if overflow {
        accumulate::warn_overflow();
    }
    let mut blobs = Vec::with_capacity(packages.len());
    for package in &packages {
        let mut writer = PackageWriter::new(package.path, package.name, package.module);
        for (function, units) in &package.functions {
            let units = units.iter().copied();
            writer.function(function.name, function.file, function.literal, units);
        }
        blobs.push(writer.finish().0);
    }
    let blobs: Vec<&[u8]> = blobs.iter().map(Vec::as_slice).collect();
    let hash = hash_of(&blobs);
    let granularity = metas[0].granularity;
    let meta = go_write::meta_file(&blobs, mode, granularity, hash);
    let mut writer = CounterWriter::new(hash, &args.pairs());
    for (package_idx, package) in (0u32..).zip(&packages) {
        for (function_idx, counts) in (0u32..).zip(&package.counts) {
            if let Some(counts) = counts {
                writer.record(package_idx, function_idx, counts);
            }
        }
    }
    let tag = hex(hash);
    write_files(flags, &format!("covmeta.{tag}"), &meta, &tag, &writer.finish())
}
