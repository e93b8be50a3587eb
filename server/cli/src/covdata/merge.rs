//! `merge`: the runs of each binary become one, or with `-pcombine` those of all binaries.

use std::collections::HashMap;
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result, bail};
use formats::go_meta::{Meta, MetaFunction, MetaPackage, MetaUnit};
use formats::go_write::{self, CounterWriter, Fnv128, PackageWriter};

use super::accumulate::{self, Modes};
use super::flags::Flags;
use super::input::{self, Input, PodFiles};
use super::runs::{self, Layout, Process, Runs};
use super::threads;

/// `merge` without `-pcombine`.
pub(super) fn merge(input: &Input, flags: &Flags) -> Result<()> {
    for pod in &input.pods {
        let bytes = input::read_meta(&pod.meta)?;
        let meta = input::meta(&pod.meta, &bytes)?;
        let join = accumulate::join_of(meta.stated);
        flags.trace(2, format_args!("visitMetaDataFile(mdf={})", pod.meta.display()));
        flags.trace_counters(pod);
        let runs = runs::read(&Layout::new(&meta), &pod.paths(), join, |_, _| Vec::new())?;
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
    runs.warn_of_odd();
    let kept: Vec<_> =
        meta.packages.iter().filter(|package| flags.packages.keep(package.path)).collect();
    let (hash, name, selected);
    let written = if flags.packages.keep_all() {
        hash = meta.hash;
        name = pod.meta.file_name().unwrap_or_default().to_string_lossy().into_owned();
        bytes
    } else {
        let blobs: Vec<&[u8]> = kept.iter().map(|package| package.blob).collect();
        hash = hash_of(blobs.iter().map(|blob| Fnv128::of(blob)));
        name = format!("covmeta.{}", hex(hash));
        selected = go_write::meta_file(&blobs, meta.stated, hash);
        &selected
    };
    let process = runs.process.clone().unwrap_or_default();
    let mut writer = CounterWriter::new(hash, &process.launch());
    for (package_idx, package) in (0u32..).zip(kept) {
        for (position, function) in (0u32..).zip(package.functions.clone()) {
            let function = function as usize;
            if runs.recorded[function] {
                let units = meta.functions[function].units.clone();
                writer.record(package_idx, position, runs.counts_of(function, units));
            }
        }
    }
    write_files(flags, &name, written, hash, &writer.finish())
}

/// Hash of a file of packages that have these, as Go's tool makes it when it makes the file.
fn hash_of(packages: impl Iterator<Item = [u8; 16]>) -> [u8; 16] {
    let mut hash = Fnv128::default();
    packages.for_each(|package| hash.write(&package));
    hash.finish()
}

fn hex(hash: [u8; 16]) -> String {
    hash.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Writes a meta-data file, and the counters that its header's hash names.
fn write_files(
    flags: &Flags,
    name: &str,
    meta: &[u8],
    hash: [u8; 16],
    counters: &[u8],
) -> Result<()> {
    let folder = flags.output.as_deref().unwrap_or(Path::new(""));
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_nanos();
    let counters_name = format!("covcounters.{}.0.{now}", hex(hash));
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
    known: HashMap<FunctionKey<'a>, usize, foldhash::fast::RandomState>,
    counts: Vec<Option<Vec<u32>>>,
}

/// `merge -pcombine`: one set of files for all binaries. A package keeps the functions of all;
/// those that are alike in everything are one.
pub(super) fn combine(input: &Input, flags: &Flags) -> Result<()> {
    let files = input.pods.iter().map(|pod| input::read_meta(&pod.meta));
    let files = files.collect::<Result<Vec<_>>>()?;
    let metas = input.pods.iter().zip(&files).map(|(pod, bytes)| input::meta(&pod.meta, bytes));
    let metas = metas.collect::<Result<Vec<_>>>()?;
    let mut modes = Modes::relaxed();
    let mut packages: Vec<Combined<'_>> = Vec::new();
    let mut by_path: HashMap<&str, usize> = HashMap::new();
    let mut process: Option<Process> = None;
    let mut overflows = false;
    for (pod, meta) in input.pods.iter().zip(&metas) {
        flags.trace(2, format_args!("visitMetaDataFile(mdf={})", pod.meta.display()));
        let join = modes.meet(&pod.meta, meta)?;
        flags.trace_counters(pod);
        let runs = runs::read(&Layout::new(meta), &pod.paths(), join, |_, _| Vec::new())?;
        runs.warn_of_odd();
        match (&mut process, &runs.process) {
            (Some(process), Some(other)) => process.meet(&other.launch()),
            (None, Some(other)) => process = Some(other.clone()),
            _ => {}
        }
        for (package_idx, package) in meta.packages.iter().enumerate() {
            if !flags.packages.keep(package.path) {
                continue;
            }
            let at = *by_path.entry(package.path).or_insert_with(|| {
                let path = package.path;
                flags.trace(
                    2,
                    format_args!("install new pkm entry for package {path} pk={package_idx}"),
                );
                packages.push(Combined::new(package));
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
                if !runs.recorded[function_idx as usize] {
                    continue;
                }
                let counts = runs.counts_of(function_idx as usize, function.units.clone());
                match &mut combined.counts[position] {
                    own @ None => *own = Some(counts.to_vec()),
                    Some(own) if own.len() != counts.len() => bail!(
                        "cannot read {}: {} of {} has {} counters here and {} elsewhere",
                        pod.meta.display(),
                        function.name,
                        package.path,
                        counts.len(),
                        own.len(),
                    ),
                    Some(own) => {
                        for (sum, &count) in own.iter_mut().zip(counts) {
                            overflows |= join.add(sum, count);
                        }
                    }
                }
            }
        }
    }
    if overflows {
        runs::warn_overflow();
    }
    let written = threads::map(packages.len(), |package_idx| {
        let package = &packages[package_idx];
        let mut writer = PackageWriter::new(package.path, package.name, package.module);
        for (function, units) in &package.functions {
            let units = units.iter().copied();
            writer.function(function.name, function.file, function.literal, units);
        }
        let (blob, _) = writer.finish();
        let hash = Fnv128::of(&blob);
        Ok((blob, hash))
    })?;
    let blobs: Vec<&[u8]> = written.iter().map(|(blob, _)| blob.as_slice()).collect();
    let hash = hash_of(written.iter().map(|(_, hash)| *hash));
    let meta = go_write::meta_file(&blobs, modes.stated(), hash);
    let process = process.unwrap_or_default();
    let mut writer = CounterWriter::new(hash, &process.launch());
    for (package_idx, package) in (0u32..).zip(&packages) {
        for (function_idx, counts) in (0u32..).zip(&package.counts) {
            if let Some(counts) = counts {
                writer.record(package_idx, function_idx, counts);
            }
        }
    }
    write_files(flags, &format!("covmeta.{}", hex(hash)), &meta, hash, &writer.finish())
}

impl<'a> Combined<'a> {
    /// A package without functions yet.
    fn new(package: &MetaPackage<'a>) -> Self {
        Self {
            path: package.path,
            name: package.name,
            module: package.module,
            functions: Vec::new(),
            known: HashMap::default(),
            counts: Vec::new(),
        }
    }
}
