//! Whether a process still runs.

use std::fs::File;
use std::io::Read as _;
use std::path::Path;

use rustix::process::Pid;

use super::layout::Header;
use super::limits;

/// Whether the process that wrote this header still runs.
///
/// Where `/proc` is there, a process that started after the file was made is another one that got
/// the same number, and one that is a zombie with no thread left can count nothing any more.
/// Elsewhere the number alone decides.
pub(super) fn is_alive(header: &Header) -> bool {
    if header.pid_namespace != 0 && pid_namespace().is_some_and(|own| own != header.pid_namespace) {
        // Its number means nothing here.
        return true;
    }
    is_running(header.pid, header.created_boot_ns)
}

/// Whether a process has this number and started by `created_boot_ns` after boot (0: any time).
pub(super) fn is_running(pid: u32, created_boot_ns: u64) -> bool {
    match std::fs::read(format!("/proc/{pid}/stat")) {
        Ok(stat) => Stat::parse(&stat).is_none_or(|stat| stat.counts(created_boot_ns)),
        Err(_) if Path::new("/proc/self/stat").exists() => {
            // Hidden from us, or gone.
            exists(pid) && !Path::new("/proc").join(pid.to_string()).exists()
        }
        Err(_) => exists(pid),
    }
}

/// When a process started, in clock ticks since boot, by its `/proc/PID/stat`.
pub(super) fn start_ticks(stat: &[u8]) -> Option<u64> {
    Stat::parse(stat).map(|stat| stat.start_ticks)
}

fn exists(pid: u32) -> bool {
    let Some(pid) = i32::try_from(pid).ok().and_then(Pid::from_raw) else { return false };
    rustix::process::test_kill_process(pid) != Err(rustix::io::Errno::SRCH)
}

/// What `/proc/PID/stat` says that matters here.
#[derive(Debug, PartialEq, Eq)]
struct Stat {
    state: u8,
    n_threads: u64,
    start_ticks: u64,
}

impl Stat {
    /// Fields 3, 20 and 22 of the line; the second is a name in parentheses that may hold anything.
    fn parse(line: &[u8]) -> Option<Self> {
        let end = line.iter().rposition(|&byte| byte == b')')?;
        let rest = std::str::from_utf8(line.get(end + 1..)?).ok()?;
        let mut fields = rest.split_ascii_whitespace();
        Some(Self {
            state: *fields.next()?.as_bytes().first()?,
            n_threads: fields.nth(16)?.parse().ok()?,
            start_ticks: fields.nth(1)?.parse().ok()?,
        })
    }

    /// Whether this process can have made a file at `created_boot_ns`, and still counts.
    fn counts(&self, created_boot_ns: u64) -> bool {
        let over = matches!(self.state, b'Z' | b'X' | b'x') && self.n_threads <= 1;
        let per_second = rustix::param::clock_ticks_per_second().max(1);
        let started_ns = u128::from(self.start_ticks) * 1_000_000_000 / u128::from(per_second);
        let tick_ns = 1_000_000_000 / u128::from(per_second);
        let other = created_boot_ns != 0 && started_ns > u128::from(created_boot_ns) + tick_ns;
        !over && !other
    }
}

/// Inode of this process's pid namespace.
fn pid_namespace() -> Option<u32> {
    let link = std::fs::read_link("/proc/self/ns/pid").ok()?;
    link.to_str()?.strip_prefix("pid:[")?.strip_suffix(']')?.parse().ok()
}

/// Whether a process has given up one file for another, both named in the shared folder: it has
/// replaced its program (`exec`) without getting another number.
pub(super) fn has_moved_on(pid: u32, from: &str, to: &str) -> bool {
    let mut text = Vec::new();
    let Ok(maps) = File::open(format!("/proc/{pid}/maps")) else { return false };
    if maps.take(limits::MAP_BYTES).read_to_end(&mut text).is_err() {
        return false;
    }
    let text = String::from_utf8_lossy(&text);
    let maps = |name: &str| {
        text.lines().any(|line| {
            line.strip_suffix(" (deleted)").unwrap_or(line).rsplit('/').next() == Some(name)
        })
    };
    maps(to) && !maps(from)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_with_spaces_and_parentheses_hides_nothing() {
        let line = b"7 (a) R (b)) Z 1 7 7 0 -1 4 0 0 0 0 1 2 3 4 20 0 1 0 500 0 0";
        let stat = Stat::parse(line);
        assert_eq!(stat, Some(Stat { state: b'Z', n_threads: 1, start_ticks: 500 }));
    }

    #[test]
    fn a_process_that_started_later_is_another_one() {
        let stat = Stat { state: b'S', n_threads: 4, start_ticks: 500 };
        assert!(stat.counts(0));
        assert!(stat.counts(5_000_000_000));
        assert!(stat.counts(4_990_000_000));
        assert!(!stat.counts(4_980_000_000));
    }

    #[test]
    fn a_zombie_counts_while_it_has_threads() {
        assert!(!Stat { state: b'Z', n_threads: 1, start_ticks: 5 }.counts(0));
        assert!(Stat { state: b'Z', n_threads: 2, start_ticks: 5 }.counts(0));
    }

    #[test]
    fn this_process_runs_and_an_impossible_one_does_not() {
        assert!(is_running(std::process::id(), 0));
        assert!(!is_running(i32::MAX.unsigned_abs(), 0));
    }
}
