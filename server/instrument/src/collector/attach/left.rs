//! What a `-cover` binary leaves when it ends by itself: its last counts, exactly.

use std::fs::File;
use std::io::Read as _;
use std::os::fd::AsRawFd as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use formats::pods::{self, Part};
use rustix::fs::OFlags;

use super::limits;
use super::process::Process;

/// The folders in which a process leaves its counts. They are held open: once it has ended, its
/// own paths lead nowhere.
#[derive(Debug, Default)]
pub(super) struct Left {
    folders: Vec<File>,
}

/// What one process left.
#[derive(Debug)]
pub(super) struct LeftFile {
    pub(super) meta: Vec<u8>,
    pub(super) counters: Vec<u8>,
}

impl Left {
    /// The folders that a running process was told to use.
    pub(super) fn of(process: &Process) -> Self {
        let variable = process.variable("GOCOVERDIR").map(Path::to_owned);
        let paths = variable.into_iter().chain(test_folder(&process.arguments));
        Self::at(paths.map(|path| process.reach(&path)))
    }

    /// These folders.
    pub(super) fn at(paths: impl IntoIterator<Item = PathBuf>) -> Self {
        let flags = OFlags::DIRECTORY | OFlags::NONBLOCK;
        let open = |path| {
            let mut options = File::options();
            options.read(true).custom_flags(flags.bits().cast_signed()).open(path).ok()
        };
        Self { folders: paths.into_iter().filter_map(open).collect() }
    }

    /// What the process that numbers itself so has left since `since_ns`, in Unix nanoseconds,
    /// oldest first.
    pub(super) fn files(&self, own_pid: u32, since_ns: u128) -> Vec<LeftFile> {
        let mut found = Vec::new();
        for folder in &self.folders {
            let folder = PathBuf::from(format!("/proc/self/fd/{}", folder.as_raw_fd()));
            let Ok(entries) = std::fs::read_dir(&folder) else { continue };
            let names = entries.flatten().filter_map(|entry| entry.file_name().into_string().ok());
            let mut names: Vec<(u128, String)> =
                names.filter_map(|name| Some((written_ns(&name, own_pid)?, name))).collect();
            names.retain(|(at, _)| *at >= since_ns);
            names.sort();
            for (_, name) in names {
                let Some(Part::Counters { tag, .. }) = pods::part(&name) else { continue };
                let meta = read(&folder.join(format!("covmeta.{tag}")));
                if let (Some(meta), Some(counters)) = (meta, read(&folder.join(&name))) {
                    found.push(LeftFile { meta, counters });
                }
            }
        }
        found
    }
}

/// When a counter file was written, by its name, if it is of this process.
fn written_ns(name: &str, own_pid: u32) -> Option<u128> {
    match pods::part(name)? {
        Part::Counters { pid, .. } if pid == i64::from(own_pid) => {
            name.rsplit('.').next()?.parse().ok()
        }
        _ => None,
    }
}

/// The folder that a test binary is told, by its command line, to leave its counts in.
pub fn test_folder(arguments: &[String]) -> Option<PathBuf> {
    let mut words = arguments.iter().skip(1);
    while let Some(word) = words.next() {
        let Some(flag) = word.strip_prefix('-') else { continue };
        match flag.strip_prefix('-').unwrap_or(flag).strip_prefix("test.gocoverdir") {
            Some("") => return words.next().map(PathBuf::from),
            Some(rest) if rest.starts_with('=') => {
                return rest.strip_prefix('=').map(PathBuf::from);
            }
            _ => {}
        }
    }
    None
}

fn read(path: &Path) -> Option<Vec<u8>> {
    let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK;
    let file = File::options().read(true).custom_flags(flags.bits().cast_signed()).open(path);
    let file = file.ok()?;
    let found = file.metadata().ok().filter(|found| found.is_file())?;
    if found.len() > limits::LEFT_BYTES {
        return None;
    }
    let mut bytes = Vec::new();
    file.take(limits::LEFT_BYTES).read_to_end(&mut bytes).ok()?;
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_files_of_the_process_count() {
        assert_eq!(written_ns("covcounters.00ff.7.123", 7), Some(123));
        assert_eq!(written_ns("covcounters.00ff.8.123", 7), None);
        assert_eq!(written_ns("tmp.covcounters.00ff.7.123", 7), None);
    }

    #[test]
    fn the_folder_of_a_test_is_its_flag() {
        let of = |words: &[&str]| {
            let words: Vec<String> = words.iter().map(|word| (*word).to_owned()).collect();
            test_folder(&words)
        };
        assert_eq!(of(&["a.test", "-test.v", "-test.gocoverdir=/d"]), Some("/d".into()));
        assert_eq!(of(&["a.test", "--test.gocoverdir", "/d"]), Some("/d".into()));
        assert_eq!(of(&["a.test", "-test.gocoverdirs=/d"]), None);
        assert_eq!(of(&["a.test"]), None);
    }
}
