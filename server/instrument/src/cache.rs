//! What is kept between builds: sources as they were built, and instrumented packages.
//!
//! ```text
//! <directory>/sources/<SourceId>       a source file's bytes
//! <directory>/packages/<key>/          a package's rewritten files, its table and a manifest
//! <directory>/runtime/<key>/           the Go runtime package
//! <directory>/overlays/<key>.json      what replaces what, for `go -overlay`
//! <directory>/run/<key>/<name>         binaries of `coverglass run`
//! ```
//!
//! Every entry is named by a hash of what it was made from and written under another name first,
//! so builds that run at once don't disturb each other and an entry that is there is whole. Go's
//! own build cache then finds the same bytes again: an unchanged project compiles nothing.
//! [`trim`] drops what no build has used for a month.

use std::ffi::OsStr;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, SystemTime};

use wire::SourceId;

const DAY: Duration = Duration::from_secs(24 * 60 * 60);
/// Unused entries live this long.
const KEPT: Duration = Duration::from_secs(30 * 24 * 60 * 60);
const KINDS: [&str; 5] = ["sources", "packages", "runtime", "overlays", "run"];

/// Where the cache is: `$COVERGLASS_CACHE`, else `coverglass` in the user's cache directory.
pub fn directory() -> PathBuf {
    let variable = |name| std::env::var_os(name).filter(|value| !value.is_empty());
    if let Some(directory) = variable("COVERGLASS_CACHE") {
        return std::path::absolute(&directory).unwrap_or_else(|_| directory.into());
    }
    let base = variable("XDG_CACHE_HOME").map(PathBuf::from).filter(|path| path.is_absolute());
    let home = || variable("HOME").map(PathBuf::from);
    let base = base.or_else(|| {
        let caches = if cfg!(target_os = "macos") { "Library/Caches" } else { ".cache" };
        home().map(|home| home.join(caches))
    });
    base.unwrap_or_else(std::env::temp_dir).join("coverglass")
}

/// The source file that was built under this id, if it is still there.
pub fn source(id: SourceId) -> Option<Vec<u8>> {
    let bytes = fs::read(directory().join("sources").join(id.hex())).ok()?;
    (SourceId::of(&bytes) == id).then_some(bytes)
}

/// Keeps a source file.
pub(crate) fn store_source(directory: &Path, id: SourceId, bytes: &[u8]) -> io::Result<()> {
    let path = directory.join("sources").join(id.hex());
    if touch(&path) { Ok(()) } else { write(&path, bytes) }
}

/// Whether the entry is there; it then counts as used today.
pub(crate) fn touch(path: &Path) -> bool {
    let Ok(metadata) = fs::metadata(path) else { return false };
    let now = SystemTime::now();
    let old = metadata.modified().is_ok_and(|at| now.duration_since(at).is_ok_and(|age| age > DAY));
    if old && let Ok(file) = fs::File::open(path) {
        let _ = file.set_modified(now);
    }
    true
}

/// Writes a file so that it appears at once and whole.
pub(crate) fn write(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let temporary = temporary_beside(path)?;
    let written = fs::write(&temporary, bytes).and_then(|()| fs::rename(&temporary, path));
    if written.is_err() {
        let _ = fs::remove_file(&temporary);
    }
    written
}

/// Makes a directory by filling another one first, so that it appears at once and whole.
pub(crate) fn write_directory<E: From<io::Error>>(
    path: &Path,
    fill: impl FnOnce(&Path) -> Result<(), E>,
) -> Result<(), E> {
    let temporary = temporary_beside(path)?;
    let filled = fs::create_dir(&temporary).map_err(E::from).and_then(|()| fill(&temporary));
    let moved = filled.and_then(|()| match fs::rename(&temporary, path) {
        // Another build was faster, with the same content.
        Err(_) if path.is_dir() => Ok(()),
        renamed => renamed.map_err(E::from),
    });
    let _ = fs::remove_dir_all(&temporary);
    moved
}

/// A new name in the entry's directory, which is made if it is missing.
fn temporary_beside(path: &Path) -> io::Result<PathBuf> {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let parent = path.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(parent)?;
    let serial = NEXT.fetch_add(1, Ordering::Relaxed);
    let name = path.file_name().unwrap_or(OsStr::new("entry")).to_string_lossy();
    Ok(parent.join(format!(".{name}.{}.{serial}", std::process::id())))
}

/// Drops entries that no build has used for a month; looks at most once a day.
pub(crate) fn trim(directory: &Path) {
    let stamp = directory.join("trimmed");
    let age = |path: &Path| fs::metadata(path).ok()?.modified().ok()?.elapsed().ok();
    if age(&stamp).is_some_and(|age| age < DAY) || fs::write(&stamp, "").is_err() {
        return;
    }
    for kind in KINDS {
        let Ok(entries) = fs::read_dir(directory.join(kind)) else { continue };
        for path in entries.flatten().map(|entry| entry.path()) {
            if age(&path).is_some_and(|age| age > KEPT) {
                let _ =
                    if path.is_dir() { fs::remove_dir_all(&path) } else { fs::remove_file(&path) };
            }
        }
    }
}
