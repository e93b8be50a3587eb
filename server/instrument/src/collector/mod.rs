//! Reads what instrumented programs count, and tells of it in frames.
//!
//! A target keeps its counters in a file in shared memory (`layout.rs` draws it). The collector
//! finds these files, reads them every few milliseconds, and tells what changed: [`Collector`] is
//! a state machine without a thread or clock of its own, [`run`] the loop around it.
//!
//! * A file is read, never mapped, and everything in it is checked: a hostile or dying target can
//!   neither stop nor fool the collector beyond its own counts. What isn't acceptable is named
//!   once, with the reason, and left alone.
//! * Counts are cumulative and never decrease. What is told twice, late, or after several polls at
//!   once is as true as every single change would have been, so a slow receiver loses nothing.
//! * Death is looked for before the counters are read: the last reading is exact, whatever ended
//!   the process. Its files are removed once the end was told ([`Collector::settle`]).
//! * Polling costs some 3 % of a core at most; with large programs it becomes less frequent.
//!
//! Not here: sockets (the relay and the agent have them), and what counts mean (`coverage`).

mod alive;
pub mod attach;
mod flow;
mod layout;
mod limits;
mod name;
mod pace;
mod refusal;
mod region;
mod shared_file;
mod sources;
mod sweep;
mod tables;
mod target;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use wire::{AgentToRelay, RelayToAgent};

use layout::FileName;
use tables::Tables;
use target::{Poll, Target};

pub use pace::{Watch, drive, drive_unheard, run};
pub use refusal::Refusal;
pub use sweep::{Bound, Swept, sweep};

/// How a collector works.
#[derive(Debug, Clone)]
pub struct Config {
    /// Where targets make their files.
    pub directory: PathBuf,
    /// Shortest time between two polls.
    pub poll: Duration,
    /// Shortest time between two looks for new files; longer where looking takes long, unless it is
    /// zero.
    pub list: Duration,
    /// Shortest time between two looks whether a process lives.
    pub life: Duration,
    /// How long a process may take to complete its file before it is refused.
    pub grace: Duration,
    /// How long a process waits for its main package, which names it, before it is told.
    pub hold: Duration,
    /// Folders in which sources are looked up that no build has cached.
    pub sources: Vec<PathBuf>,
    /// Name of this machine.
    pub host: String,
}

impl Default for Config {
    /// The folder that targets use under the same environment, and the usual times.
    fn default() -> Self {
        Self {
            directory: directory(),
            poll: Duration::from_millis(5),
            list: Duration::from_millis(20),
            life: Duration::from_millis(20),
            grace: Duration::from_secs(1),
            hold: Duration::from_millis(250),
            sources: Vec::new(),
            host: rustix::system::uname().nodename().to_string_lossy().into_owned(),
        }
    }
}

/// Where targets make their files: `$COVERGLASS_DIR`, else `/dev/shm` where it is there and may be
/// written, else `$TMPDIR` or `/tmp`.
pub fn directory() -> PathBuf {
    let variable = |name| std::env::var_os(name).filter(|value| !value.is_empty());
    if let Some(directory) = variable("COVERGLASS_DIR") {
        return directory.into();
    }
    let shared = Path::new("/dev/shm");
    let access = rustix::fs::Access::WRITE_OK | rustix::fs::Access::EXEC_OK;
    if cfg!(target_os = "linux") && shared.is_dir() && rustix::fs::access(shared, access).is_ok() {
        return shared.into();
    }
    variable("TMPDIR").map_or_else(|| "/tmp".into(), PathBuf::from)
}

/// Watches the instrumented processes of this machine's user.
#[derive(Debug)]
pub struct Collector {
    config: Config,
    targets: Vec<Target>,
    tables: Tables,
    scratch: Vec<u8>,
    next_handle: u32,
    /// Target that the next poll starts with, so that all get their turn.
    first: usize,
    /// When the folder was listed last, and how long that took.
    listed: Option<(Instant, Duration)>,
    refused: BTreeMap<String, Refusal>,
    /// Files that are read but could not be removed.
    done: BTreeSet<String>,
    complaint: Option<String>,
}

impl Collector {
    /// A collector that knows of nothing yet.
    pub fn new(config: Config) -> Self {
        Self {
            tables: Tables::new(!config.sources.is_empty()),
            config,
            targets: Vec::new(),
            scratch: Vec::new(),
            next_handle: 1,
            first: 0,
            listed: None,
            refused: BTreeMap::new(),
            done: BTreeSet::new(),
            complaint: None,
        }
    }

    /// How it works.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// Whether there is nothing to watch.
    fn is_idle(&self) -> bool {
        self.targets.is_empty()
    }

    /// Files that are left alone, and why.
    pub fn refused(&self) -> impl Iterator<Item = (&str, &Refusal)> {
        self.refused.iter().map(|(name, refusal)| (name.as_str(), refusal))
    }

    /// Reads all targets and appends what changed to `frames`. `now_ms` is the Unix time in
    /// milliseconds.
    ///
    /// A single poll is bounded; what doesn't fit is told by the next ones.
    pub fn poll(&mut self, now_ms: u64, frames: &mut Vec<AgentToRelay>) {
        let list = self.config.list;
        let pause = |took: Duration| if list.is_zero() { list } else { list.max(took * 30) };
        if self.listed.is_none_or(|(at, took)| at.elapsed() >= pause(took)) {
            self.list(now_ms);
        }
        let mut poll = Poll {
            config: &self.config,
            now_ms,
            tables: &mut self.tables,
            scratch: &mut self.scratch,
            units_left: limits::POLL_UNITS,
            table_bytes_left: limits::POLL_TABLE_BYTES,
            frames,
        };
        let mut failed = Vec::new();
        let mut first = None;
        let n_targets = self.targets.len();
        for step in 0..n_targets {
            let position = (self.first + step) % n_targets;
            let Some(target) = self.targets.get_mut(position) else { break };
            if let Err(refusal) = target.poll(&mut poll) {
                failed.push((position, refusal));
            }
            if first.is_none() && poll.is_exhausted() {
                first = Some(position + 1);
            }
        }
        self.first = first.unwrap_or(0);
        failed.sort_by_key(|(position, _)| *position);
        for (position, refusal) in failed.into_iter().rev() {
            if !refusal.is_ours() {
                let target = self.targets.remove(position);
                target.give_up(now_ms, frames);
                self.refuse(target.file_name, refusal);
            }
        }
    }

    /// Forgets what was told: the next poll tells everything, to a new connection.
    pub fn announce(&mut self) {
        self.tables.announce();
        self.targets.iter_mut().for_each(Target::announce);
    }

    /// The frames so far have arrived: the files of processes whose end they tell are removed.
    pub fn settle(&mut self) {
        if !self.targets.iter().any(|target| target.told_end) {
            return;
        }
        let (ended, watched) = self.targets.drain(..).partition(|target| target.told_end);
        self.targets = watched;
        let ended: Vec<Target> = ended;
        for target in ended {
            target.remove();
            self.done.insert(target.file_name);
        }
        self.tables.prune();
    }

    /// Does what the relay asks, and appends the answer to `frames`.
    pub fn request(&mut self, request: RelayToAgent, frames: &mut Vec<AgentToRelay>) {
        match request {
            RelayToAgent::Want(id) => {
                let bytes = sources::find(id, self.tables.path(id), &self.config.sources);
                frames.push(AgentToRelay::Source { id, bytes });
            }
            RelayToAgent::Trace { handle, on, package, units } => {
                let target = self.targets.iter_mut().find(|target| target.handle == handle);
                frames.push(match target {
                    Some(target) => target.trace(on, package, &units),
                    None => AgentToRelay::Tracing { handle, entries: 0 },
                });
            }
        }
    }

    /// Switches all tracing off, for when nobody will read on.
    pub fn stop(&mut self) {
        self.targets.iter_mut().for_each(Target::stop);
    }

    /// Looks for new files.
    fn list(&mut self, now_ms: u64) {
        let started = Instant::now();
        let names = match self.names() {
            Ok(names) => names,
            Err(error) => {
                let directory = self.config.directory.display();
                self.complain(format!("cannot list {directory}: {error}"));
                Vec::new()
            }
        };
        let present: BTreeSet<&str> = names.iter().map(|(_, text)| text.as_str()).collect();
        self.refused.retain(|name, _| present.contains(name.as_str()));
        self.done.retain(|name| present.contains(name.as_str()));
        let watched: BTreeSet<String> =
            self.targets.iter().map(|target| target.file_name.clone()).collect();
        let mut n_adopted = 0;
        for (name, text) in &names {
            if watched.contains(text) || self.refused.contains_key(text) || self.done.contains(text)
            {
                continue;
            }
            if let Some(base) = text.strip_suffix(".flow") {
                // Its process is dead and read, and whoever read it was interrupted.
                if !present.contains(base) && !watched.contains(base) {
                    self.remove_orphan(*name, text);
                }
            } else if self.targets.len() >= limits::PROCESSES {
                self.complain(format!("{} processes are watched; more wait", limits::PROCESSES));
                break;
            } else if n_adopted < limits::ADOPTIONS && self.refused.len() < limits::REFUSED {
                n_adopted += 1;
                self.adopt(*name, text, now_ms);
            }
        }
        // With more to do, the next poll goes on at once.
        let took = if n_adopted < limits::ADOPTIONS { started.elapsed() } else { Duration::ZERO };
        self.listed = (n_adopted < limits::ADOPTIONS).then_some((started, took));
    }

    /// Names of this user's files, oldest first.
    fn names(&self) -> std::io::Result<Vec<(FileName, String)>> {
        let uid = rustix::process::geteuid().as_raw();
        let mut names = Vec::new();
        for entry in std::fs::read_dir(&self.config.directory)? {
            let Ok(text) = entry?.file_name().into_string() else { continue };
            let name = FileName::parse(text.strip_suffix(".flow").unwrap_or(&text));
            names.extend(name.filter(|name| name.uid == uid).map(|name| (name, text)));
        }
        names.sort_by_key(|(name, _)| (name.created_ns, name.pid));
        Ok(names)
    }

    fn adopt(&mut self, name: FileName, text: &str, now_ms: u64) {
        let opened = Target::open(&self.config, text, self.next_handle);
        let path = self.config.directory.join(text);
        let is_young = || {
            let touched =
                std::fs::symlink_metadata(&path).map_or(0, |found| shared_file::touched_ms(&found));
            u128::from(now_ms.saturating_sub(touched)) < self.config.grace.as_millis()
        };
        match opened {
            Ok(Some(target)) => {
                self.next_handle = self.next_handle.wrapping_add(1).max(1);
                let (pid, created_ns) = target.identity();
                for other in self.targets.iter_mut().filter(|other| other.identity().0 == pid) {
                    if other.identity().1 < created_ns {
                        other.successor = Some(text.to_owned());
                    }
                }
                self.targets.push(target);
            }
            // The process is at it.
            Ok(None) | Err(_) if is_young() => {}
            Ok(None) if !alive::is_running(name.pid, 0) => remove(&path),
            Ok(None) => self.refuse(text.to_owned(), Refusal::malformed(0, "nothing was written")),
            Err(refusal) if refusal.is_gone() => {}
            Err(refusal) if refusal.is_ours() => {
                self.complain(format!("cannot read {text}: {refusal}"))
            }
            Err(refusal) => self.refuse(text.to_owned(), refusal),
        }
    }

    fn remove_orphan(&mut self, name: FileName, text: &str) {
        let path = self.config.directory.join(text);
        match shared_file::SharedFile::open(&path) {
            Ok(_) if alive::is_running(name.pid, 0) => {}
            Ok(_) => remove(&path),
            Err(refusal) if refusal.is_gone() || refusal.is_ours() => {}
            Err(refusal) => self.refuse(text.to_owned(), refusal),
        }
    }

    fn refuse(&mut self, file_name: String, refusal: Refusal) {
        let path = self.config.directory.join(&file_name);
        tracing::warn!("{} is left alone: {refusal}", path.display());
        self.refused.insert(file_name, refusal);
    }

    /// Says what goes wrong with the whole, once until something else does.
    fn complain(&mut self, complaint: String) {
        if self.complaint.as_ref() != Some(&complaint) {
            tracing::warn!("{complaint}");
            self.complaint = Some(complaint);
        }
    }
}

fn remove(path: &Path) {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            tracing::warn!("cannot remove {}: {error}", path.display());
        }
        _ => {}
    }
}
