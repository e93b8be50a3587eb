//! `subtract` and `intersect`: what the first folder hit and the others did not, or did too.
//!
//! Both work pod by pod, as Go's tool does: what other binaries counted of a package has no say.
//! Go's tool carries state from pod to pod, which this follows, since its output does; where that
//! is no intersection, and where Go's tool panics, it says so.

use anyhow::{Result, bail};
use formats::go_meta::Meta;

use super::accumulate;
use super::flags::Flags;
use super::input::{self, CounterPath, Input, PodFiles};
use super::merge;
use super::runs::{self, Layout, Runs};

/// `subtract`: counts of the first folder, 0 where the second hit.
pub(super) fn subtract(input: &Input, flags: &Flags) -> Result<()> {
    refuse_mixed(input, "subtract")?;
    for pod in &input.pods {
        let bytes = input::read_meta(&pod.meta)?;
        let meta = input::meta(&pod.meta, &bytes)?;
        let layout = Layout::new(&meta);
        trace(flags, pod);
        let mut runs = first_folder(&layout, &meta, pod)?;
        runs.subtract(&layout, &pod.paths_in(1))?;
        merge::write_pod(pod, &bytes, &meta, &runs, flags)?;
    }
    Ok(())
}

/// `intersect`: counts of the first folder, 0 where a run of a later one hit nothing. A function
/// that no run of a later folder entered is dropped.
pub(super) fn intersect(input: &Input, flags: &Flags) -> Result<()> {
    refuse_mixed(input, "intersect")?;
    let mut last = None;
    let mut is_wrong = false;
    for pod in &input.pods {
        let bytes = input::read_meta(&pod.meta)?;
        let meta = input::meta(&pod.meta, &bytes)?;
        let layout = Layout::new(&meta);
        trace(flags, pod);
        let mut runs = first_folder(&layout, &meta, pod)?;
        // Functions that runs of the latest folder entered. Go's tool starts each pod with none of
        // them, and only a folder that begins in the pod replaces that.
        let none = || Some(vec![false; meta.functions.len()]);
        let mut entered = none();
        let mut is_stale = true;
        let mut n_later = 0;
        for folder in pod.counters.chunk_by(|a, b| a.folder == b.folder).map(|run| run[0].folder) {
            if last != Some(folder) {
                last = Some(folder);
                if folder > 0 {
                    is_wrong |= is_stale && runs.recorded.contains(&true);
                    runs.keep(entered.as_deref());
                }
                entered = if folder == 0 { None } else { none() };
                is_stale = false;
            }
            if folder > 0 {
                let paths = pod.paths_in(folder);
                is_wrong |= paths.len() > 1;
                n_later += 1;
                let too = runs.intersect(&layout, &paths)?;
                for (entered, too) in entered.iter_mut().flatten().zip(too) {
                    *entered |= too;
                }
            }
        }
        is_wrong |= is_stale && runs.recorded.contains(&true);
        runs.keep(entered.as_deref());
        is_wrong |= n_later + 1 < flags.inputs.len() && runs.recorded.contains(&true);
        merge::write_pod(pod, &bytes, &meta, &runs, flags)?;
    }
    if is_wrong {
        super::warn(
            "with several binaries, or several runs in a later folder, this is what go tool \
             covdata makes but not the intersection: coverglass intersect computes that",
        );
    }
    Ok(())
}

impl Runs {
    /// Drops functions that are not among these, if there are any.
    fn keep(&mut self, entered: Option<&[bool]>) {
        let Some(entered) = entered else { return };
        for (recorded, &entered) in self.recorded.iter_mut().zip(entered) {
            *recorded &= entered;
        }
    }
}

/// The lines of Go's tool on the files of a pod.
fn trace(flags: &Flags, pod: &PodFiles) {
    flags.trace(2, format_args!("visitMetaDataFile(mdf={})", pod.meta.display()));
    for CounterPath { path, folder } in &pod.counters {
        let path = path.display();
        flags.trace(2, format_args!("visiting counter data file {path} diridx {folder}"));
    }
}

/// The runs of the first folder.
fn first_folder(layout: &Layout, meta: &Meta<'_>, pod: &PodFiles) -> Result<Runs> {
    let join = accumulate::join_of(meta.stated);
    let mut runs = runs::read(layout, &pod.paths_in(0), join, |_, _| Vec::new())?;
    // What is left is no run of the program.
    runs.process = None;
    Ok(runs)
}

/// Refuses what Go's tool panics at: once it has read a file of a later folder it takes none of an
/// earlier one, whatever pod that is in.
fn refuse_mixed(input: &Input, verb: &str) -> Result<()> {
    let folders = input.pods.iter().flat_map(|pod| &pod.counters);
    if folders.is_sorted_by_key(|counters| counters.folder) {
        return Ok(());
    }
    bail!(
        "several binaries have counters in several folders, where go tool covdata crashes: \
         coverglass {verb} computes it"
    );
}
