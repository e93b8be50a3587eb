//! Sources as they were built, for pages that show them.

use std::fs::File;
use std::io::Read as _;
use std::path::{Component, Path, PathBuf};

use wire::{SourceId, limits};

use crate::cache;

/// The bytes of a source: from the cache that builds fill, otherwise from one of these folders,
/// where `path`, its name in profiles, or any end of it, leads to them. Only bytes with this very
/// hash are taken, so a file that was edited since is not shown for the one that was built.
pub(super) fn find(id: SourceId, path: Option<&str>, folders: &[PathBuf]) -> Option<Vec<u8>> {
    if id == SourceId::UNKNOWN {
        return None;
    }
    let cached = cache::source(id).filter(|bytes| bytes.len() <= limits::SOURCE_BYTES);
    cached.or_else(|| {
        let path = Path::new(path?);
        let plain = path.components().all(|word| matches!(word, Component::Normal(_)));
        folders.iter().filter(|_| plain).find_map(|folder| in_folder(id, path, folder))
    })
}

fn in_folder(id: SourceId, path: &Path, folder: &Path) -> Option<Vec<u8>> {
    let mut rest = path.components();
    while !rest.as_path().as_os_str().is_empty() {
        if let Some(bytes) = read(&folder.join(rest.as_path()))
            && SourceId::of(&bytes) == id
        {
            return Some(bytes);
        }
        rest.next();
    }
    None
}

fn read(path: &Path) -> Option<Vec<u8>> {
    // Looked at first: opening a pipe would wait for its writer.
    let found = std::fs::metadata(path).ok().filter(std::fs::Metadata::is_file)?;
    let length = usize::try_from(found.len()).ok().filter(|&n| n <= limits::SOURCE_BYTES)?;
    let mut bytes = Vec::with_capacity(length);
    File::open(path).ok()?.take(limits::SOURCE_BYTES as u64).read_to_end(&mut bytes).ok()?;
    Some(bytes)
}
