//! The files of `-i`, and reading them.

use std::fs::File;
use std::io::{ErrorKind, Read};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use formats::go_counters::CounterFile;
use formats::go_meta::{self, Meta};
use formats::{ReadError, pods};

/// Everything that the folders of `-i` hold.
#[derive(Debug)]
pub(super) struct Input {
    /// Pods, in Go's order.
    pub pods: Vec<PodFiles>,
}

/// The files of one pod.
#[derive(Debug)]
pub(super) struct PodFiles {
    /// The meta-data file.
    pub meta: PathBuf,
    /// Counter files, those of the first folder first.
    pub counters: Vec<CounterPath>,
}

impl PodFiles {
    /// All counter files.
    pub(super) fn paths(&self) -> Vec<&Path> {
        self.counters.iter().map(|counters| counters.path.as_path()).collect()
    }

    /// The counter files of a folder.
    pub(super) fn paths_in(&self, folder: usize) -> Vec<&Path> {
        let counters = self.counters.iter().filter(|counters| counters.folder == folder);
        counters.map(|counters| counters.path.as_path()).collect()
    }
}

/// A counter file.
#[derive(Debug)]
pub(super) struct CounterPath {
    /// Where it is.
    pub path: PathBuf,
    /// Which of the folders it is in, the first being 0.
    pub folder: usize,
}

impl Input {
    /// Lists the folders and pairs the files in them.
    pub(super) fn open(folders: &[PathBuf]) -> Result<Self> {
        let mut files = Vec::new();
        for (folder_idx, folder) in folders.iter().enumerate() {
            if folder.as_os_str().is_empty() {
                bail!("an element of -i is empty");
            }
            let refused = || format!("cannot list {}", folder.display());
            for entry in std::fs::read_dir(folder).with_context(refused)? {
                let entry = entry.with_context(refused)?;
                let Ok(name) = entry.file_name().into_string() else { continue };
                if pods::part(&name).is_none() || entry.file_type().is_ok_and(|kind| kind.is_dir())
                {
                    continue;
                }
                // As Go's filepath.Join spells it: that decides the order of pods.
                files.push((folder_idx, joined(folder, &name)));
            }
        }
        let names: Vec<(usize, &str)> =
            files.iter().map(|(folder, path)| (*folder, path.as_str())).collect();
        let found = pods::group(&names);
        for orphan in found.orphans {
            super::warn(&format!(
                "{}: its meta-data is missing, so it is left out",
                files[orphan].1
            ));
        }
        let pods = found
            .pods
            .into_iter()
            .map(|pod| PodFiles {
                meta: PathBuf::from(&files[pod.meta].1),
                counters: pod
                    .counters
                    .iter()
                    .map(|counters| CounterPath {
                        path: PathBuf::from(&files[counters.file].1),
                        folder: counters.folder,
                    })
                    .collect(),
            })
            .collect();
        Ok(Self { pods })
    }
}

/// A folder and a name in it, without what leads nowhere: `a//b/./` and `c` are `a/b/c`.
fn joined(folder: &Path, name: &str) -> String {
    let mut path = PathBuf::new();
    for component in folder.components() {
        match component {
            std::path::Component::CurDir => {}
            std::path::Component::ParentDir
                if path.file_name().is_some_and(|last| last != "..") =>
            {
                path.pop();
            }
            component => path.push(component),
        }
    }
    path.push(name);
    path.to_string_lossy().into_owned()
}

/// The bytes of a file, in a buffer that is used again.
pub(super) fn read_into<'a>(path: &Path, buffer: &'a mut Vec<u8>) -> Result<&'a [u8]> {
    let refused = || format!("cannot read {}", path.display());
    let mut file = File::open(path).with_context(refused)?;
    // Asking for the length first would take longer than a read that finds the end.
    let mut n_read = 0;
    loop {
        if buffer.len() - n_read < LEAST_ROOM {
            buffer.resize((buffer.len() * 2).max(16 * LEAST_ROOM), 0);
        }
        match file.read(&mut buffer[n_read..]) {
            Ok(0) => return Ok(&buffer[..n_read]),
            Ok(n) => n_read += n,
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error).with_context(refused),
        }
    }
}

/// Room in a buffer, in bytes, that is worth a read.
const LEAST_ROOM: usize = 4096;

/// The bytes of a meta-data file.
pub(super) fn read_meta(path: &Path) -> Result<Vec<u8>> {
    std::fs::read(path).with_context(|| format!("cannot read {}", path.display()))
}

/// The meta-data in these bytes of a file.
pub(super) fn meta<'a>(path: &Path, bytes: &'a [u8]) -> Result<Meta<'a>> {
    let meta = go_meta::read_as_go(bytes).map_err(refused(path))?;
    let hash: String = meta.hash.iter().map(|byte| format!("{byte:02x}")).collect();
    if !path.to_string_lossy().ends_with(&hash) {
        super::warn(&format!("{}: its name is not that of its content, {hash}", path.display()));
    }
    Ok(meta)
}

/// An error of a reader, with the file.
pub(super) fn refused(path: &Path) -> impl Fn(ReadError) -> anyhow::Error {
    move |error| anyhow::Error::new(error).context(format!("cannot read {}", path.display()))
}

/// What of a counter file may mislead.
pub(super) fn oddities(path: &Path, file: &CounterFile<'_>) -> Vec<String> {
    let mut oddities = Vec::new();
    if file.segments.len() > 1 {
        let n = file.segments.len();
        oddities.push(format!("{}: all {n} segments are added up", path.display()));
    }
    if let Some(next) = file.next {
        oddities.push(format!(
            "{}: byte {next}: a further snapshot begins here, and is left out as go tool covdata does; \
             coverglass merge reads all",
            path.display()
        ));
    }
    oddities
}
