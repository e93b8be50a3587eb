//! Files and folders to what they hold.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, anyhow, bail};
use formats::limits::Limits;
use formats::{Opened, Outcome, Place, Reading, archive, pods};

/// Folders that hold no coverage data, only a great many files.
const PASSED_OVER: &[&str] = &[".git", "node_modules"];

/// Opens an input: a file, or a folder with everything below it; archives are unpacked. Damaged
/// files of a folder are left out, with a warning that says why; of archives in a folder only
/// those are meant in which there is coverage data as far as they can be read. Files that only say
/// something with others find those beside them in the folder, or among `companions`. `buffer` is for
/// the bytes of files, to be used again.
pub(crate) fn open(
    path: &Path,
    companions: &[PathBuf],
    buffer: &mut Vec<u8>,
) -> Result<Vec<Opened>> {
    let name = path.display().to_string();
    let metadata = std::fs::metadata(path).with_context(|| format!("cannot read {name}"))?;
    let is_folder = metadata.is_dir();
    let mut files = Vec::new();
    if is_folder {
        list(path, &mut files)?;
    } else {
        files.push(path.to_owned());
        // The other files of the pod lie beside it.
        if let Some(tag) = tag(path) {
            files.clear();
            list_flat(path.parent().unwrap_or(Path::new("")), &mut files)?;
            files.retain(|file| self::tag(file) == Some(tag));
        }
    }
    // Meta-data first, so that counters need not wait in memory.
    files.sort_by_cached_key(|path| {
        let name = slashed(path);
        (!matches!(pods::part(&name), Some(pods::Part::Meta(_))), name)
    });
    let mut reading = Reading::default();
    let mut damaged = Vec::new();
    let mut others: Vec<&PathBuf> = companions.iter().collect();
    for file in &files {
        let name = slashed(file);
        if is_folder && pods::part(&name).is_none() && !is_known(&head(file)?) {
            others.push(file);
            continue;
        }
        read(file, buffer)?;
        // A file of a pod is none, whatever it begins with.
        if pods::part(&name).is_some() || !archive::sniff(buffer) {
            reading.add(&name, buffer);
            continue;
        }
        let unpacked = reading.add_archive(&name, buffer, &Limits::default(), &mut ());
        // Folders hold archives of all sorts, damaged ones for tests among them.
        if let Some(error) = unpacked.error
            && (unpacked.is_of_use || !is_folder)
        {
            damaged.push((name, error));
        }
    }
    for file in others {
        let name = slashed(file);
        if reading.wants(&name, &head(file)?) {
            read(file, buffer)?;
            reading.add(&name, buffer);
        }
    }
    let Outcome { opened, mut failures, notes } = reading.finish();
    failures.splice(0..0, damaged);
    for note in notes.all() {
        let times = if note.times > 1 { format!(" ({} times)", note.times) } else { String::new() };
        crate::complain(&format!("{}: {}{times}", note.file, note.what));
    }
    if notes.n_left_out() > 0 {
        crate::complain(&format!("{} more notes are left out", notes.n_left_out()));
    }
    if opened.is_empty()
        && let [(file, error)] = &failures[..]
    {
        // A person who gives what nothing reads wants to know what is read.
        if error.place == Place::Whole && error.reason == formats::UNKNOWN {
            bail!("cannot read {file}: {error}: {}", known());
        }
        bail!("cannot read {file}: {error}");
    }
    for (file, error) in &failures {
        // Of an archive, what could be read is there.
        let inside = format!("{file}/");
        let is_read = opened.iter().any(|opened| opened.name.starts_with(&inside));
        let what = if is_read { "part of " } else { "" };
        crate::complain(&format!("{what}{file} is left out: {error}"));
    }
    if opened.is_empty() {
        bail!("there is no coverage data in {name}: {}", known());
    }
    Ok(opened)
}

/// The files of an input that is no coverage data, but may belong to some: a binary, a class, a
/// folder of classes or sources. None of what is or holds coverage data.
pub(crate) fn companions(path: &Path) -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    if path.is_dir() {
        list(path, &mut files)?;
    } else if path.is_file() {
        files.push(path.to_owned());
    }
    let mut companions = Vec::new();
    for file in files {
        let Ok(head) = head(&file) else { continue };
        let name = slashed(&file);
        if pods::part(&name).is_some() || is_known(&head) {
            return Ok(Vec::new());
        }
        if formats::companion_of(&name, &head).next().is_some() {
            companions.push(file);
        }
    }
    Ok(companions)
}

fn slashed(path: &Path) -> String {
    path.to_string_lossy().replace('\\', "/")
}

/// What can be read, in a sentence.
fn known() -> String {
    let names: Vec<_> = formats::FORMATS.iter().map(|format| format.name).collect();
    format!("what can be read is {}", names.join(", "))
}

/// The tag of a file that is part of a pod.
fn tag(path: &Path) -> Option<&str> {
    match pods::part(path.file_name()?.to_str()?)? {
        pods::Part::Meta(tag) | pods::Part::Counters { tag, .. } => Some(tag),
    }
}

/// Whether the first bytes of a file are of a known format, or an archive's.
fn is_known(head: &[u8]) -> bool {
    formats::sniff(head).is_some() || archive::sniff(head)
}

fn head(path: &Path) -> Result<Vec<u8>> {
    let refused = || format!("cannot read {}", path.display());
    let mut head = Vec::with_capacity(formats::HEAD_BYTES);
    let file = File::open(path).with_context(refused)?;
    file.take(formats::HEAD_BYTES as u64).read_to_end(&mut head).with_context(refused)?;
    Ok(head)
}

fn read(path: &Path, buffer: &mut Vec<u8>) -> Result<()> {
    let refused = || format!("cannot read {}", path.display());
    buffer.clear();
    let mut file = File::open(path).with_context(refused)?;
    file.read_to_end(buffer).with_context(refused)?;
    Ok(())
}

/// Regular files of a folder and the folders below it; links to folders are not followed.
pub(crate) fn list(folder: &Path, files: &mut Vec<PathBuf>) -> Result<()> {
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        let mut found = Vec::new();
        list_flat(&folder, &mut found)?;
        for path in found {
            let kind = path.symlink_metadata().map(|metadata| metadata.file_type());
            if kind.as_ref().is_ok_and(std::fs::FileType::is_dir) {
                let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
                if !PASSED_OVER.contains(&name.as_str()) {
                    folders.push(path);
                }
            } else if path.is_file() {
                files.push(path);
            }
        }
    }
    Ok(())
}

fn list_flat(folder: &Path, files: &mut Vec<PathBuf>) -> Result<()> {
    let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
    let refused = || anyhow!("cannot list {}", folder.display());
    for entry in std::fs::read_dir(folder).with_context(|| refused().to_string())? {
        files.push(entry.with_context(|| refused().to_string())?.path());
    }
    Ok(())
}
