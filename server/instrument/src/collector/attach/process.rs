//! A process, as the system shows it to others: its memory, and what it was started with.

use std::fs::File;
use std::io::{self, Read as _};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{FileExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};

use super::error::AttachError;
use super::limits;

/// A process that is read. Its memory is that of the program it ran when this was made: once it
/// has ended or runs another, there is none.
#[derive(Debug)]
pub(super) struct Process {
    pub(super) pid: u32,
    memory: File,
    /// What has to be added to the addresses of its binary.
    pub(super) slide: u64,
    pub(super) arguments: Vec<String>,
    /// Its working directory; none where the system doesn't tell.
    pub(super) directory: Option<PathBuf>,
    environment: Vec<u8>,
    /// When it started, in clock ticks since boot.
    pub(super) start_ticks: u64,
    /// Its number as it sees it itself.
    pub(super) own_pid: u32,
}

impl Process {
    /// Opens a process; `binary` reads what it runs, given the file and its name.
    pub(super) fn open<T>(
        pid: u32,
        binary: impl FnOnce(File, &str) -> Result<T, AttachError>,
        movable: impl FnOnce(&T) -> Option<(u64, u64)>,
    ) -> Result<(Self, T), AttachError> {
        let folder = PathBuf::from(format!("/proc/{pid}"));
        let start_ticks = start_ticks(pid).ok_or(AttachError::NoProcess(pid))?;
        let refused = |what: &str| {
            let what = format!("{what} of process {pid}");
            let folder = folder.clone();
            move |error: io::Error| match error.kind() {
                io::ErrorKind::PermissionDenied => {
                    AttachError::NoRights { pid, advice: advice(&folder) }
                }
                _ => AttachError::Io { what, source: error },
            }
        };
        let arguments = arguments(&folder);
        let name = arguments.first().cloned().unwrap_or_else(|| format!("process {pid}"));
        let file = match File::open(folder.join("exe")) {
            Ok(file) => file,
            // A thread of the kernel, or a process that is ending.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Err(AttachError::NotGo(format!("process {pid}")));
            }
            Err(error) => return Err(refused("the program")(error)),
        };
        let inode = file.metadata().map_or(0, |found| found.ino());
        let memory = File::open(folder.join("mem")).map_err(refused("the memory"))?;
        let read = binary(file, &name)?;
        let slide = match movable(&read) {
            Some(first) => slide(&folder, inode, first)?,
            None => 0,
        };
        let environment = bounded(&folder.join("environ")).unwrap_or_default();
        let own_pid = own_pid(&folder).unwrap_or(pid);
        let directory = std::fs::read_link(folder.join("cwd")).ok();
        let process =
            Self { pid, memory, slide, arguments, directory, environment, start_ticks, own_pid };
        // Otherwise the number is that of another process by now.
        if self::start_ticks(pid) != Some(start_ticks) {
            return Err(AttachError::NoProcess(pid));
        }
        Ok((process, read))
    }

    /// Fills `buffer` from `address`.
    ///
    /// # Errors
    /// [`AttachError::Gone`] where there is no memory any more.
    pub(super) fn read(&self, address: u64, buffer: &mut [u8]) -> Result<(), AttachError> {
        let mut done = 0;
        while let Some(rest) = buffer.get_mut(done..).filter(|rest| !rest.is_empty()) {
            match self.memory.read_at(rest, address.saturating_add(done as u64)) {
                Ok(0) => return Err(AttachError::Gone),
                Ok(n) => done += n,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.raw_os_error() == Some(3) => return Err(AttachError::Gone),
                Err(source) => return Err(AttachError::io("its memory")(source)),
            }
        }
        Ok(())
    }

    /// A variable of the environment that it was started with, if it isn't empty.
    pub(super) fn variable(&self, name: &str) -> Option<&Path> {
        let mut variables = self.environment.split(|&byte| byte == 0);
        let value = variables
            .find_map(|variable| variable.strip_prefix(name.as_bytes())?.strip_prefix(b"="))?;
        (!value.is_empty()).then(|| Path::new(std::ffi::OsStr::from_bytes(value)))
    }

    /// A path of the process, as others reach it while it runs.
    pub(super) fn reach(&self, path: &Path) -> PathBuf {
        let folder = PathBuf::from(format!("/proc/{}", self.pid));
        match path.strip_prefix("/") {
            Ok(below) => folder.join("root").join(below),
            Err(_) => folder.join("cwd").join(path),
        }
    }
}

/// When a process started, in clock ticks since boot.
fn start_ticks(pid: u32) -> Option<u64> {
    let stat = std::fs::read(format!("/proc/{pid}/stat")).ok()?;
    super::super::alive::start_ticks(&stat)
}

fn arguments(folder: &Path) -> Vec<String> {
    let bytes = bounded(&folder.join("cmdline")).unwrap_or_default();
    let bytes = bytes.strip_suffix(&[0]).unwrap_or(&bytes);
    if bytes.is_empty() {
        return Vec::new();
    }
    let words = bytes.split(|&byte| byte == 0).take(wire::limits::ARGUMENTS);
    words.map(|word| String::from_utf8_lossy(word).into_owned()).collect()
}

fn bounded(path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(path)?.take(limits::PROC_BYTES).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// The last of the numbers that the process has, one in each pid namespace.
fn own_pid(folder: &Path) -> Option<u32> {
    let status = bounded(&folder.join("status")).ok()?;
    let status = String::from_utf8_lossy(&status);
    let numbers = status.lines().find_map(|line| line.strip_prefix("NSpid:"))?;
    numbers.split_ascii_whitespace().next_back()?.parse().ok()
}

/// How far from its own addresses a program was loaded, that may be loaded anywhere.
fn slide(folder: &Path, inode: u64, first: (u64, u64)) -> Result<u64, AttachError> {
    let (offset, address) = first;
    let maps = bounded(&folder.join("maps")).map_err(AttachError::io("its memory map"))?;
    let maps = String::from_utf8_lossy(&maps);
    let start = maps.lines().find_map(|line| loaded_at(line, inode, offset));
    let start = start.ok_or(AttachError::malformed("its memory map", "the program isn't there"))?;
    Ok(start.wrapping_sub(address))
}

/// Where the byte at `offset` of the file is, if this line of a memory map has it.
fn loaded_at(line: &str, inode: u64, offset: u64) -> Option<u64> {
    let mut words = line.split_ascii_whitespace();
    let (start, end) = words.next()?.split_once('-')?;
    let number = |text| u64::from_str_radix(text, 16).ok();
    let (start, end) = (number(start)?, number(end)?);
    let at = number(words.nth(1)?)?;
    let found: u64 = words.nth(1)?.parse().ok()?;
    let inside = offset.checked_sub(at).filter(|&inside| inside < end.saturating_sub(start));
    inside.filter(|_| found == inode).map(|inside| start.wrapping_add(inside))
}

/// What to do where reading is forbidden.
fn advice(folder: &Path) -> String {
    let own = rustix::process::geteuid().as_raw();
    let theirs = std::fs::metadata(folder).map_or(own, |found| found.uid());
    if theirs != own {
        return format!("it belongs to user {theirs}; run this as the same user, or as root");
    }
    let scope = std::fs::read_to_string("/proc/sys/kernel/yama/ptrace_scope").unwrap_or_default();
    match scope.trim() {
        "1" | "2" | "3" => format!(
            "kernel.yama.ptrace_scope is {}; start the program with `coverglass run --attach -- \
             PROGRAM`, whose child may be read, or set it to 0 with sysctl",
            scope.trim()
        ),
        _ => "the system protects it; start the program with `coverglass run --attach -- PROGRAM`"
            .to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_that_maps_the_start_of_the_program_counts() {
        let line = "7f10a000-7f20a000 r-xp 00001000 fe:01 77   /bin/a b";
        assert_eq!(loaded_at(line, 77, 0x1000), Some(0x7f10_a000));
        assert_eq!(loaded_at(line, 77, 0x1234), Some(0x7f10_a234));
        assert_eq!(loaded_at(line, 77, 0), None);
        assert_eq!(loaded_at(line, 78, 0x1000), None);
        assert_eq!(loaded_at("nonsense", 77, 0), None);
        assert_eq!(loaded_at("ffffffffffffffff-0 r 0 0 77", 77, 1), None);
    }
}
