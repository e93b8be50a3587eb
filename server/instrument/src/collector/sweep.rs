//! Cleaning up where no collector ever comes by.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use super::alive;
use super::layout::{FileName, HEADER_BYTES, Header};
use super::shared_file::SharedFile;

/// How much dead processes may leave behind. The oldest go first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bound {
    /// Most processes.
    pub processes: usize,
    /// Most bytes in all.
    pub bytes: u64,
    /// Longest time since the process started.
    pub age: Duration,
}

impl Default for Bound {
    /// 64 processes, 256 MiB, a week.
    fn default() -> Self {
        Self { processes: 64, bytes: 256 << 20, age: Duration::from_secs(7 * 24 * 60 * 60) }
    }
}

/// What [`sweep`] removed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Swept {
    /// Dead processes whose counts were removed.
    pub processes: usize,
    /// Bytes that they took.
    pub bytes: u64,
}

struct Left {
    created_ns: u64,
    bytes: u64,
    paths: Vec<PathBuf>,
}

/// Removes what dead processes of this user left in `directory`, as far as it is beyond `bound`.
///
/// A collector removes the files of a process once it has read them; this is for programs that
/// run again and again while no collector ever does.
///
/// # Errors
/// The directory can't be listed. A file that can't be removed stays, and is not counted.
pub fn sweep(directory: &Path, bound: Bound) -> std::io::Result<Swept> {
    let uid = rustix::process::geteuid().as_raw();
    let mut left: BTreeMap<(u64, u32), Left> = BTreeMap::new();
    for entry in std::fs::read_dir(directory)? {
        let Ok(entry) = entry else { continue };
        let file_name = entry.file_name();
        let Some(text) = file_name.to_str() else { continue };
        let base = text.strip_suffix(".flow").unwrap_or(text);
        let Some(name) = FileName::parse(base).filter(|name| name.uid == uid) else { continue };
        let Ok(file) = SharedFile::open(&entry.path()) else { continue };
        if may_run(&name, base == text, &file) {
            continue;
        }
        let row = left.entry((name.created_ns, name.pid)).or_insert(Left {
            created_ns: name.created_ns,
            bytes: 0,
            paths: Vec::new(),
        });
        row.bytes += file.length().unwrap_or(0);
        row.paths.push(entry.path());
    }
    let now = SystemTime::now();
    let too_old = |created_ns: u64| {
        let created = SystemTime::UNIX_EPOCH.checked_add(Duration::from_nanos(created_ns));
        created.and_then(|at| now.duration_since(at).ok()).is_some_and(|age| age > bound.age)
    };
    let mut kept = left.len();
    let mut kept_bytes: u64 = left.values().map(|row| row.bytes).sum();
    let mut swept = Swept::default();
    for row in left.into_values() {
        if kept <= bound.processes && kept_bytes <= bound.bytes && !too_old(row.created_ns) {
            break;
        }
        kept -= 1;
        kept_bytes = kept_bytes.saturating_sub(row.bytes);
        if row.paths.iter().all(|path| std::fs::remove_file(path).is_ok()) {
            swept.processes += 1;
            swept.bytes += row.bytes;
        }
    }
    Ok(swept)
}

/// Whether the process that the file is named after may still run, as far as can be told.
fn may_run(name: &FileName, is_main: bool, file: &SharedFile) -> bool {
    let mut bytes = [0; HEADER_BYTES];
    let header = file.read(0, &mut bytes).and_then(|()| Header::parse(&bytes));
    match header {
        Ok(header) if is_main && header.pid == name.pid => alive::is_alive(&header),
        // A flow file, or one that its process never finished.
        _ => alive::is_running(name.pid, 0),
    }
}
