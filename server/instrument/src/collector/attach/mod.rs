//! Programs that were built with plain `go build -cover`, watched from outside.
//!
//! Such a program keeps its counters in its own memory. Linux lets others of the same user read
//! that: the binary's symbols say where the counters are, and the list of packages that the
//! program keeps says what they stand for. Both are read again and again, and what changed is told
//! in the same frames as of instrumented programs.
//!
//! * The process is never stopped or written to, so it can't be traced, nor its counters reset.
//! * Its memory ends with it. A program that ends by itself leaves its last counts in
//!   `GOCOVERDIR`, if that is set, and these are read; otherwise what it counted after the last
//!   poll is lost.
//! * Counters of Go are 32 bits wide and overflow: counts go on, but an overflow from before the
//!   first poll is not seen.
//! * Memory, binary and files are read as if an enemy had written them.

mod binary;
mod counters;
mod error;
mod left;
mod limits;
mod packages;
mod process;
mod sources;

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use formats::go_counters;
use wire::frame::{self, PackageCounts, State};
use wire::{AgentToRelay, RelayToAgent, TableId};

use super::tables::Tables;
use super::{Watch, alive, limits as collector_limits, name, pace};

pub use binary::Binary;
pub use error::AttachError;
pub use left::test_folder;

use counters::Counters;
use left::Left;
use packages::{Packages, Shared};
use process::Process;
use sources::{Sources, Surroundings};

/// Time since its start from which a process is taken to have counted before it was found.
const UNSEEN_MS: u64 = 1000;
/// Shortest time between two polls.
const POLL: Duration = Duration::from_millis(5);

/// A process that is attached to.
#[derive(Debug)]
pub struct Attachment {
    told: frame::Process,
    /// None once it has ended, and where it may not be read.
    process: Option<Process>,
    /// Whether it may not be read, so that only what it leaves is seen.
    unreadable: bool,
    own_pid: u32,
    binary: Binary,
    packages: Packages,
    counters: Counters,
    sources: Sources,
    left: Left,
    /// Room for two readings of the counters.
    readings: [Vec<u8>; 2],
    polled: bool,
    /// When it ended, in Unix milliseconds.
    died_ms: Option<u64>,
    is_told: bool,
    n_packages_told: usize,
    told_end: bool,
}

/// A process that was started to be attached to.
#[derive(Debug)]
pub struct Launched {
    /// The process.
    pub pid: u32,
    /// What it runs.
    pub binary: Binary,
    /// The file of that.
    pub path: PathBuf,
    /// Its command line.
    pub arguments: Vec<String>,
    /// Folders in which it leaves its last counts.
    pub folders: Vec<PathBuf>,
}

impl Attachment {
    /// Attaches to a process, called `host` and `handle` in frames. Sources are looked for in
    /// `folders`, besides where they were built.
    ///
    /// # Errors
    /// Why it can't be watched.
    pub fn open(
        pid: u32,
        handle: u32,
        host: &str,
        folders: &[PathBuf],
    ) -> Result<Self, AttachError> {
        if !cfg!(target_os = "linux") {
            return Err(AttachError::NotLinux);
        }
        let (process, binary) = Process::open(pid, Binary::read, |binary: &Binary| binary.movable)?;
        let left = Left::of(&process);
        let path = std::fs::read_link(format!("/proc/{pid}/exe")).unwrap_or_default();
        let arguments = process.arguments.clone();
        let start_ticks = process.start_ticks;
        let told = about(handle, host, pid, start_ticks, arguments, &binary);
        Ok(Self::new(told, Some(process), binary, left, &path, folders))
    }

    /// Attaches to a process that was just started. Where it has ended already, or may not be read,
    /// only what it leaves will be told.
    pub fn launched(launched: Launched, handle: u32, host: &str, folders: &[PathBuf]) -> Self {
        let Launched { pid, binary, path, arguments, folders: left } = launched;
        let movable = binary.movable;
        let opened = Process::open(pid, |_, _| Ok(()), |()| movable);
        let mut unreadable = false;
        let process = match opened {
            Ok((process, ())) => Some(process),
            Err(error @ AttachError::NoRights { .. }) => {
                tracing::warn!("{error}; only its last counts will be seen");
                unreadable = true;
                None
            }
            // It has ended already.
            Err(_) => None,
        };
        let start_ticks = process.as_ref().map_or(0, |process| process.start_ticks);
        let told = about(handle, host, pid, start_ticks, arguments, &binary);
        Self { unreadable, ..Self::new(told, process, binary, Left::at(left), &path, folders) }
    }

    fn new(
        told: frame::Process,
        process: Option<Process>,
        binary: Binary,
        left: Left,
        path: &Path,
        folders: &[PathBuf],
    ) -> Self {
        let surroundings = surroundings(process.as_ref(), path, folders);
        let section = binary.counters.end - binary.counters.start;
        // Bounded when the binary was read.
        let section = usize::try_from(section).unwrap_or(0);
        Self {
            own_pid: process.as_ref().map_or(told.pid, |process| process.own_pid),
            told,
            process,
            unreadable: false,
            sources: Sources::new(&binary, &surroundings),
            binary,
            packages: Packages::default(),
            counters: Counters::new(section),
            left,
            readings: [vec![0; section], vec![0; section]],
            polled: false,
            died_ms: None,
            is_told: false,
            n_packages_told: 0,
            told_end: false,
        }
    }

    /// Name of the program.
    pub fn service(&self) -> &str {
        &self.told.service
    }

    fn poll(
        &mut self,
        now_ms: u64,
        tables: &mut Tables,
        units_left: &mut usize,
        frames: &mut Vec<AgentToRelay>,
    ) -> Result<(), AttachError> {
        if self.told_end {
            return Ok(());
        }
        let mut complete = true;
        if self.died_ms.is_none() {
            match self.read(now_ms, tables) {
                Ok(all) => complete = all,
                Err(AttachError::Gone) => self.end(now_ms, tables),
                Err(error) => return Err(error),
            }
        }
        let young = self.since_start(now_ms) < UNSEEN_MS;
        if self.packages.list.is_empty() && self.died_ms.is_none() && young {
            // Nothing is initialized yet.
            return Ok(());
        }
        self.tell(now_ms, tables, units_left, frames);
        if let Some(at_ms) = self.died_ms.filter(|_| complete && self.counters.is_told()) {
            let handle = self.told.handle;
            frames.push(AgentToRelay::State { handle, at_ms, state: State::Ended });
            self.told_end = true;
        }
        Ok(())
    }

    fn since_start(&self, now_ms: u64) -> u64 {
        now_ms.saturating_sub(self.told.started_ms)
    }

    /// Reads what changed, and returns whether that was all there is.
    fn read(&mut self, now_ms: u64, tables: &mut Tables) -> Result<bool, AttachError> {
        if self.unreadable && alive::is_running(self.told.pid, 0) {
            return Ok(true);
        }
        let process = self.process.as_ref().ok_or(AttachError::Gone)?;
        let [first, second] = &mut self.readings;
        let since_start = now_ms.saturating_sub(self.told.started_ms);
        // Nobody saw when a process counted that ran before it was found: at its start, then.
        let unseen = !self.polled && since_start >= UNSEEN_MS;
        let now = if unseen { 0 } else { u32::try_from(since_start).unwrap_or(u32::MAX) };
        let counters_at = self.binary.counters.start.wrapping_add(process.slide);
        process.read(counters_at, first)?;
        let others = self.counters.compare(first, now);
        let mut shared = Shared { build: &self.binary.build, sources: &mut self.sources, tables };
        let packages_at = self.binary.packages.wrapping_add(process.slide);
        let mut complete = self.packages.read(process, packages_at, &mut shared)?;
        self.counters.mode = self.packages.mode;
        self.counters.grow(self.packages.n_units as usize);
        if others {
            process.read(counters_at, second)?;
            let packages = &self.packages;
            complete &= self
                .counters
                .find(first, second, now, |package, function| packages.find(package, function));
        }
        self.polled |= !self.packages.list.is_empty();
        Ok(complete)
    }

    /// The process has ended: takes the counts that it left.
    fn end(&mut self, now_ms: u64, tables: &mut Tables) {
        self.died_ms = Some(now_ms);
        self.process = None;
        let now = u32::try_from(self.since_start(now_ms)).unwrap_or(u32::MAX);
        // A second earlier, because the system counts in ticks.
        let since_ns = u128::from(self.told.started_ms.saturating_sub(1000)) * 1_000_000;
        for file in self.left.files(self.own_pid, since_ns) {
            let mut shared =
                Shared { build: &self.binary.build, sources: &mut self.sources, tables };
            match self.packages.read_file(&file.meta, &mut shared) {
                Ok(true) => {}
                Ok(false) => continue,
                Err(error) => {
                    tracing::warn!("process {}: {}", self.told.pid, error.whole());
                    continue;
                }
            }
            self.counters.mode = self.packages.mode;
            self.counters.grow(self.packages.n_units as usize);
            let (packages, counters) = (&self.packages, &mut self.counters);
            let mut rest = &*file.counters;
            loop {
                let read = go_counters::read(rest, |record| {
                    let units = packages.units(record.package as usize, record.function);
                    let units = units.filter(|units| units.len() == record.counts.len());
                    let units = units.ok_or("no such function")?;
                    counters.count_left(units, record.counts, now);
                    Ok(())
                });
                match read {
                    Ok(read) => match read.next.and_then(|next| rest.get(next..)) {
                        Some(next) => rest = next,
                        None => break,
                    },
                    Err(error) => {
                        tracing::warn!("process {}: its last counts: {error}", self.told.pid);
                        break;
                    }
                }
            }
        }
    }

    fn tell(
        &mut self,
        now_ms: u64,
        tables: &mut Tables,
        units_left: &mut usize,
        frames: &mut Vec<AgentToRelay>,
    ) {
        let handle = self.told.handle;
        if !self.is_told {
            frames.push(AgentToRelay::Process(self.told.clone()));
            self.is_told = true;
        }
        let new = self.packages.list.get(self.n_packages_told..).unwrap_or_default();
        if !new.is_empty() {
            new.iter().for_each(|package| tables.send(&package.table, frames));
            let tables: Vec<TableId> = new.iter().map(|package| package.table.id).collect();
            frames.push(AgentToRelay::Packages { handle, tables });
            self.n_packages_told = self.packages.list.len();
        }
        let changes = self.counters.take_changes(*units_left);
        *units_left -= changes.len();
        let now = u32::try_from(self.since_start(now_ms)).unwrap_or(u32::MAX);
        let mut packages: Vec<PackageCounts> = Vec::new();
        let mut changes = changes.into_iter().peekable();
        for (position, package) in (0u32..).zip(&self.packages.list) {
            let mut told = PackageCounts { package: position, ..PackageCounts::default() };
            while let Some(unit) = changes.next_if(|unit| *unit < package.units.end) {
                let at = unit as usize;
                told.units.push(unit.saturating_sub(package.units.start));
                told.counts.push(self.counters.totals.get(at).copied().unwrap_or(0));
                let changed = self.counters.changed.get(at).copied().unwrap_or(now);
                told.ages_ms.push(u64::from(now.saturating_sub(changed)));
            }
            if !told.units.is_empty() {
                packages.push(told);
            }
        }
        if packages.iter().all(|package| package.ages_ms.iter().all(|&age| age == 0)) {
            packages.iter_mut().for_each(|package| package.ages_ms.clear());
        }
        if !packages.is_empty() {
            let counts = frame::Counts { handle, at_ms: now_ms, packages };
            frames.push(AgentToRelay::Counts(counts));
        }
    }

    fn announce(&mut self) {
        (self.is_told, self.n_packages_told, self.told_end) = (false, 0, false);
        self.counters.announce();
    }
}

/// What frames say of the process.
fn about(
    handle: u32,
    host: &str,
    pid: u32,
    start_ticks: u64,
    arguments: Vec<String>,
    binary: &Binary,
) -> frame::Process {
    let boot_id = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
    let boot_id: String = boot_id.chars().filter(char::is_ascii_hexdigit).take(16).collect();
    let boot_id = u64::from_str_radix(&boot_id, 16).unwrap_or(0);
    let service = match binary.is_test {
        true => None,
        false => name::of_path(&binary.build.path, &arguments),
    };
    frame::Process {
        handle,
        key: name::key(host, [u64::from(pid), start_ticks, boot_id]),
        pid,
        host: host.to_owned(),
        service: service.unwrap_or_else(|| name::of_arguments(&arguments)),
        started_ms: started_ms(start_ticks),
        go_version: binary.build.go_version.clone(),
        arguments,
    }
}

/// Unix time in milliseconds of so many clock ticks after boot; now, for none.
fn started_ms(start_ticks: u64) -> u64 {
    let now_ms = pace::unix_ms();
    let uptime = std::fs::read_to_string("/proc/uptime").unwrap_or_default();
    let uptime = uptime.split_ascii_whitespace().next().and_then(|word| word.split_once('.'));
    let uptime_ms = uptime.and_then(|(seconds, hundredths)| {
        Some(seconds.parse::<u64>().ok()? * 1000 + hundredths.parse::<u64>().ok()? * 10)
    });
    let per_second = rustix::param::clock_ticks_per_second().max(1);
    let started_ms = start_ticks.saturating_mul(1000) / per_second;
    match uptime_ms.filter(|_| start_ticks > 0) {
        Some(uptime_ms) => now_ms.saturating_sub(uptime_ms.saturating_sub(started_ms)),
        None => now_ms,
    }
}

/// Where sources may be found.
fn surroundings(process: Option<&Process>, path: &Path, folders: &[PathBuf]) -> Surroundings {
    let variable = |name: &str| match process {
        Some(process) => process.variable(name).map(Path::to_owned),
        None => std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from),
    };
    let mut surroundings = Surroundings { folders: folders.to_vec(), ..Surroundings::default() };
    let directory = match process {
        Some(process) => process.directory.clone(),
        None => std::env::current_dir().ok(),
    };
    surroundings.folders.extend(directory);
    surroundings.folders.extend(path.parent().map(Path::to_owned));
    let go_path = variable("GOPATH").or_else(|| Some(variable("HOME")?.join("go")));
    surroundings.module_caches.extend(variable("GOMODCACHE"));
    surroundings.module_caches.extend(go_path.map(|path| path.join("pkg/mod")));
    surroundings.go_roots.extend(variable("GOROOT"));
    surroundings.go_roots.extend(["/usr/local/go", "/usr/lib/go"].map(PathBuf::from));
    surroundings
}

/// Processes that are attached to, together told to one relay.
#[derive(Debug)]
pub struct Attached {
    attachments: Vec<Attachment>,
    tables: Tables,
    ended: Option<Instant>,
    warned_of_tracing: bool,
}

impl Attached {
    /// Watches these.
    pub fn new(attachments: Vec<Attachment>) -> Self {
        let tables = Tables::new(false);
        Self { attachments, tables, ended: None, warned_of_tracing: false }
    }
}

impl Watch for Attached {
    fn poll(&mut self, now_ms: u64, frames: &mut Vec<AgentToRelay>) {
        let mut units_left = collector_limits::POLL_UNITS;
        let tables = &mut self.tables;
        self.attachments.retain_mut(|attachment| {
            match attachment.poll(now_ms, tables, &mut units_left, frames) {
                Ok(()) => true,
                Err(error) => {
                    let frame::Process { handle, pid, .. } = attachment.told;
                    tracing::warn!("process {pid} is no longer watched: {}", error.whole());
                    if attachment.is_told {
                        let state = State::Unreachable;
                        frames.push(AgentToRelay::State { handle, at_ms: now_ms, state });
                    }
                    false
                }
            }
        });
        if self.attachments.iter().all(|attachment| attachment.died_ms.is_some()) {
            self.ended.get_or_insert_with(Instant::now);
        }
    }

    fn announce(&mut self) {
        self.tables.announce();
        self.attachments.iter_mut().for_each(Attachment::announce);
    }

    fn settle(&mut self) {
        self.attachments.retain(|attachment| !attachment.told_end);
        self.tables.prune();
    }

    fn request(&mut self, request: RelayToAgent, frames: &mut Vec<AgentToRelay>) {
        match request {
            RelayToAgent::Want(id) => {
                let found = self.attachments.iter();
                let bytes = found.filter_map(|attachment| attachment.sources.bytes(id)).next();
                frames.push(AgentToRelay::Source { id, bytes });
            }
            RelayToAgent::Trace { handle, on, .. } => {
                if on && !std::mem::replace(&mut self.warned_of_tracing, true) {
                    tracing::warn!(
                        "a program built with -cover can't be traced: build it with \
                         `coverglass build`"
                    );
                }
                frames.push(AgentToRelay::Tracing { handle, entries: 0 });
            }
        }
    }

    fn stop(&mut self) {}

    fn pause(&self) -> Duration {
        POLL
    }

    fn fades(&self) -> bool {
        true
    }

    fn ended(&self) -> Option<Instant> {
        self.ended
    }

    fn is_over(&self) -> bool {
        self.attachments.is_empty()
    }
}
