//! `subtract` and `intersect`: what the first folder hit and the others did not, or did too.
//!
//! Both work pod by pod, as Go's tool does: what other binaries counted of a package has no say.
//! Where several pods have files in several folders Go's tool panics; here each is computed.

use std::ops::Range;

use anyhow::Result;
use formats::go_meta::Meta;

use super::flags::Flags;
use super::input::{self, Input, PodFiles};
use super::merge::{self, Args, Runs};

/// `subtract`: counts of the first folder, 0 where the second hit.
pub(super) fn subtract(input: &Input, flags: &Flags) -> Result<()> {
    each_pod(input, flags, |meta, pod, runs| {
        let mut buffer = Vec::new();
        for counters in pod.counters.iter().filter(|counters| counters.folder > 0) {
            let mut ignored = Args::default();
            let sink = |_, units: Range<usize>, counts: &[u32]| {
                for (own, &other) in runs.counts[units].iter_mut().zip(counts) {
                    if other != 0 {
                        *own = 0;
                    }
                }
            };
            merge::read_records(meta, &counters.path, &mut buffer, &mut ignored, sink)?;
        }
        Ok(())
    })
}

/// `intersect`: counts of the first folder, 0 where a run of a later one hit nothing. A function
/// that no run of a later folder entered is dropped.
pub(super) fn intersect(input: &Input, flags: &Flags) -> Result<()> {
    each_pod(input, flags, |meta, pod, runs| {
        let mut buffer = Vec::new();
        let later: Vec<_> = pod.counters.iter().filter(|counters| counters.folder > 0).collect();
        for folder in later.chunk_by(|a, b| a.folder == b.folder) {
            let mut entered = vec![false; meta.functions.len()];
            for counters in folder {
                let mut ignored = Args::default();
                let sink = |function: usize, units: Range<usize>, counts: &[u32]| {
                    entered[function] = true;
                    for (own, &other) in runs.counts[units].iter_mut().zip(counts) {
                        if other == 0 {
                            *own = 0;
                        }
                    }
                };
                merge::read_records(meta, &counters.path, &mut buffer, &mut ignored, sink)?;
            }
            for (recorded, entered) in runs.recorded.iter_mut().zip(entered) {
                *recorded &= entered;
            }
        }
        Ok(())
    })
}

/// Adds the runs of the first folder, lets `change` take away from them, and writes what is left.
fn each_pod(
    input: &Input,
    flags: &Flags,
    change: impl Fn(&Meta<'_>, &PodFiles, &mut Runs) -> Result<()>,
) -> Result<()> {
    for pod in &input.pods {
        let bytes = input::read_meta(&pod.meta)?;
        let meta = input::meta(&pod.meta, &bytes)?;
        let mut runs = Runs::none(&meta);
        let mut buffer = Vec::new();
        for counters in pod.counters.iter().filter(|counters| counters.folder == 0) {
            runs.add(&meta, meta.mode, &counters.path, &mut buffer)?;
        }
        change(&meta, pod, &mut runs)?;
        // What is left is no run of the program.
        runs.args = Args::default();
        merge::write_pod(pod, &bytes, &meta, &runs, flags)?;
    }
    Ok(())
}
