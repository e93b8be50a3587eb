//! A process that is watched: what its file says, and what of that was told.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use wire::frame::{Counts, Flow, PackageCounts, Process, State};
use wire::{AgentToRelay, TableId};

use super::alive;
use super::flow::Rings;
use super::layout::{CLOCK_AT, FileName, HEADER_BYTES, Header, Progress};
use super::limits;
use super::refusal::Refusal;
use super::region::{Reading, Region};
use super::shared_file::SharedFile;
use super::tables::Tables;
use super::{Config, name, remove};

/// Age from which a process that is found is taken to have counted at its start.
const UNSEEN_MS: u32 = 1000;
/// How long rings are read after tracing was switched off: for the events that were being written.
const LINGER: Duration = Duration::from_secs(1);
/// Most frames that the rings of a dead process fill.
const FINAL_ROUNDS: usize = 64;

/// A process that is watched.
#[derive(Debug)]
pub(super) struct Target {
    /// Number of the process in frames.
    pub handle: u32,
    /// Name of its file.
    pub file_name: String,
    /// Whether its end was told, so that its files may go.
    pub told_end: bool,
    /// Name of the file of a younger process with the same number.
    pub successor: Option<String>,
    path: PathBuf,
    file: SharedFile,
    header: Header,
    process: Process,
    regions: Vec<Region>,
    next_region: u64,
    /// Region where the next poll starts, so that busy ones can't starve the others.
    first: usize,
    found: Instant,
    /// Whether the name of the program is known, and not only that of its file.
    named: bool,
    /// Whether the process was told at any time.
    known: bool,
    /// Whether this connection knows the process as it is.
    told: bool,
    n_packages_told: usize,
    n_units: usize,
    n_unmapped: u32,
    polled: bool,
    checked: Option<Instant>,
    /// When it died, in Unix milliseconds.
    died_ms: Option<u64>,
    rings: Option<Rings>,
    /// Whether packages that are still to come are to be traced as well.
    trace_all: bool,
    n_traced_told: usize,
    /// When tracing was on last.
    traced: Option<Instant>,
}

/// What one poll shares among all targets.
#[derive(Debug)]
pub(super) struct Poll<'a> {
    pub config: &'a Config,
    /// Now, in Unix milliseconds.
    pub now_ms: u64,
    pub tables: &'a mut Tables,
    pub scratch: &'a mut Vec<u8>,
    pub units_left: usize,
    pub table_bytes_left: usize,
    pub frames: &'a mut Vec<AgentToRelay>,
}

impl Poll<'_> {
    /// Whether nothing more can be told, so that the targets behind had no turn.
    pub(super) fn is_exhausted(&self) -> bool {
        self.units_left == 0 || self.table_bytes_left == 0
    }
}

impl Target {
    /// Opens the file of a process. `None` where the process has written nothing yet.
    pub(super) fn open(
        config: &Config,
        file_name: &str,
        handle: u32,
    ) -> Result<Option<Self>, Refusal> {
        let path = config.directory.join(file_name);
        let file = SharedFile::open(&path)?;
        let mut bytes = [0; HEADER_BYTES];
        if file.length()? == 0 {
            return Ok(None);
        }
        file.read(0, &mut bytes)?;
        if Header::is_blank(&bytes) {
            return Ok(None);
        }
        let header = Header::parse(&bytes)?;
        let name = FileName::parse(file_name)
            .ok_or(Refusal::Unsafe("its name is not that of a Coverglass file"))?;
        if (name.pid, name.created_ns) != (header.pid, header.created_ns) {
            return Err(Refusal::malformed(
                16,
                "process and time are not those of the file's name",
            ));
        }
        let process = Process {
            handle,
            key: name::process_key(&config.host, &header),
            pid: header.pid,
            host: config.host.clone(),
            service: name::of_arguments(&header.arguments),
            arguments: header.arguments.clone(),
            started_ms: header.created_ns / 1_000_000,
            go_version: header.go_version.clone(),
        };
        Ok(Some(Self {
            handle,
            file_name: file_name.to_owned(),
            told_end: false,
            successor: None,
            path,
            next_region: header.first_region(),
            file,
            header,
            regions: Vec::new(),
            first: 0,
            found: Instant::now(),
            named: process.service.ends_with(".test"),
            process,
            known: false,
            told: false,
            n_packages_told: 0,
            n_units: 0,
            n_unmapped: 0,
            polled: false,
            checked: None,
            died_ms: None,
            rings: None,
            trace_all: false,
            n_traced_told: 0,
            traced: None,
        }))
    }

    /// Number and age of the process, to find one that took the number of another.
    pub(super) fn identity(&self) -> (u32, u64) {
        (self.header.pid, self.header.created_ns)
    }

    /// Says that the file can't be read any further, if this connection knows the process.
    pub(super) fn give_up(&self, at_ms: u64, frames: &mut Vec<AgentToRelay>) {
        if self.known {
            let state = State::Unreachable;
            frames.push(AgentToRelay::State { handle: self.handle, at_ms, state });
        }
    }

    /// Removes the files of a process whose end was told.
    pub(super) fn remove(&self) {
        remove(&self.path);
        remove(&self.flow_path());
    }

    fn flow_path(&self) -> PathBuf {
        let mut path = self.path.clone().into_os_string();
        path.push(".flow");
        path.into()
    }

    /// Tells everything again, to a new connection.
    pub(super) fn announce(&mut self) {
        self.told = false;
        self.told_end = false;
        self.n_packages_told = 0;
        self.n_traced_told = 0;
        self.regions.iter_mut().for_each(Region::announce);
    }

    /// Reads what changed and tells it.
    pub(super) fn poll(&mut self, poll: &mut Poll<'_>) -> Result<(), Refusal> {
        if self.told_end {
            return Ok(());
        }
        // First death, then the counters: nothing is counted after that look at it.
        self.check_life(poll);
        let progress = Progress::read(&self.file)?;
        if self.died_ms.is_none() {
            self.file.write(CLOCK_AT, &poll.now_ms.to_le_bytes())?;
        }
        let mut complete = self.read_regions(poll, &progress)?;
        if !self.tell_process(poll) {
            return Ok(());
        }
        complete &= self.tell_counts(poll)?;
        self.polled = true;
        self.tell_tracing(poll);
        self.tell_flow(poll);
        if let Some(at_ms) = self.died_ms.filter(|_| complete) {
            let state = State::Ended;
            poll.frames.push(AgentToRelay::State { handle: self.handle, at_ms, state });
            self.told_end = true;
        }
        Ok(())
    }

    fn check_life(&mut self, poll: &Poll<'_>) {
        let due = self.checked.is_none_or(|at| at.elapsed() >= poll.config.life);
        if self.died_ms.is_some() || !due {
            return;
        }
        let gone = self
            .successor
            .as_ref()
            .is_some_and(|to| alive::has_moved_on(self.header.pid, &self.file_name, to));
        if gone || !alive::is_alive(&self.header) {
            // Of one that died before anybody looked, only the file tells when that was: after it
            // was touched last.
            let at_ms = match self.checked {
                Some(_) => poll.now_ms,
                None => self.file.touched_ms().min(poll.now_ms).max(self.process.started_ms),
            };
            self.died_ms = Some(at_ms);
        }
        self.checked = Some(Instant::now());
    }

    /// Reads the packages that were registered since, and returns whether that were all.
    fn read_regions(&mut self, poll: &mut Poll<'_>, progress: &Progress) -> Result<bool, Refusal> {
        let n_packages = progress.n_packages as usize;
        if n_packages > wire::limits::PACKAGES {
            return Err(Refusal::limit(48, "number of packages", wire::limits::PACKAGES));
        }
        if progress.n_unmapped > self.n_unmapped {
            self.n_unmapped = progress.n_unmapped;
            tracing::warn!(
                "process {} ({}): the counts of {} packages are missing, for lack of shared memory",
                self.header.pid,
                self.process.service,
                self.n_unmapped,
            );
        }
        while self.regions.len() < n_packages && poll.table_bytes_left > 0 {
            let (region, next) =
                Region::read(&self.file, self.next_region, self.header.page, poll.tables)?;
            self.n_units += region.table.n_units;
            if self.n_units > limits::PROCESS_UNITS {
                let offset = self.next_region + 16;
                return Err(Refusal::limit(offset, "units of a process", limits::PROCESS_UNITS));
            }
            let table_bytes = region.table.bytes.len().max(1);
            poll.table_bytes_left = poll.table_bytes_left.saturating_sub(table_bytes);
            self.next_region = next;
            self.add_region(region, progress)?;
        }
        Ok(self.regions.len() >= n_packages)
    }

    fn add_region(&mut self, mut region: Region, progress: &Progress) -> Result<(), Refusal> {
        if self.trace_all {
            region.switch(&self.file, true, &[])?;
        } else if progress.flow_ready {
            region.read_modes(&self.file)?;
        }
        self.named |= region.table.name == "main";
        if let Some(service) = name::of_main(&region.table, &self.header.arguments) {
            if service != self.process.service {
                // The relay was told another name, taken from the command line: it is told the
                // process again, and with it the list of its packages.
                (self.told, self.n_packages_told) = (false, 0);
            }
            self.process.service = service;
        }
        if region.n_traced() > 0 && self.rings.is_none() && !self.trace_all {
            let rings = Rings::open(&self.flow_path(), progress.flow_shape);
            self.rings = rings.inspect_err(|refusal| self.warn_of_flow(refusal)).ok();
        }
        self.regions.push(region);
        Ok(())
    }

    /// Tells of the process and its packages; `false` while its name is still awaited.
    fn tell_process(&mut self, poll: &mut Poll<'_>) -> bool {
        if !self.told {
            let ready = self.named
                || self.known
                || self.died_ms.is_some()
                || self.found.elapsed() >= poll.config.hold;
            if !ready {
                return false;
            }
            poll.frames.push(AgentToRelay::Process(self.process.clone()));
            (self.told, self.known) = (true, true);
        }
        let new = self.regions.get(self.n_packages_told..).unwrap_or_default();
        if !new.is_empty() {
            new.iter().for_each(|region| poll.tables.send(&region.table, poll.frames));
            let tables: Vec<TableId> = new.iter().map(|region| region.table.id).collect();
            poll.frames.push(AgentToRelay::Packages { handle: self.handle, tables });
            self.n_packages_told = self.regions.len();
        }
        true
    }

    /// Tells the counts that changed, and returns whether those were all.
    fn tell_counts(&mut self, poll: &mut Poll<'_>) -> Result<bool, Refusal> {
        let since_start =
            |ms: u64| u32::try_from(ms.saturating_sub(self.process.started_ms)).unwrap_or(u32::MAX);
        let now = since_start(poll.now_ms);
        // Nobody saw when a process counted that ran before it was found: at its start, then,
        // rather than just now.
        let watched = self.polled || now < UNSEEN_MS;
        let first = if watched { now } else { 0 };
        let mut counts = Counts { handle: self.handle, at_ms: poll.now_ms, packages: Vec::new() };
        let mut complete = true;
        let n_regions = self.regions.len();
        for step in 0..n_regions {
            let position = (self.first + step) % n_regions;
            let Some(region) = self.regions.get_mut(position) else { break };
            let mut package = PackageCounts {
                package: u32::try_from(position).unwrap_or(u32::MAX),
                ..PackageCounts::default()
            };
            let mut reading = Reading {
                file: &self.file,
                scratch: poll.scratch,
                now,
                first,
                units_left: &mut poll.units_left,
            };
            let all = region.poll(&mut reading, &mut package)?;
            if complete && !all {
                complete = false;
                self.first = position;
            }
            if !package.units.is_empty() {
                counts.packages.push(package);
            }
        }
        // Most often, everything happened just now.
        if counts.packages.iter().all(|package| package.ages_ms.iter().all(|&age| age == 0)) {
            counts.packages.iter_mut().for_each(|package| package.ages_ms.clear());
        }
        if !counts.packages.is_empty() {
            poll.frames.push(AgentToRelay::Counts(counts));
        }
        Ok(complete)
    }

    fn n_traced(&self) -> usize {
        self.regions.iter().map(Region::n_traced).sum()
    }

    fn tell_tracing(&mut self, poll: &mut Poll<'_>) {
        let n_traced = self.n_traced();
        if n_traced != self.n_traced_told {
            self.n_traced_told = n_traced;
            poll.frames.push(self.tracing());
        }
    }

    fn tracing(&self) -> AgentToRelay {
        let entries = u32::try_from(self.n_traced()).unwrap_or(u32::MAX);
        AgentToRelay::Tracing { handle: self.handle, entries }
    }

    /// Drains the rings; all of them once the process is dead.
    fn tell_flow(&mut self, poll: &mut Poll<'_>) {
        if self.n_traced_told > 0 {
            self.traced = Some(Instant::now());
        }
        let over = self.died_ms.is_some();
        let idle = self.traced.is_none_or(|at| at.elapsed() > LINGER);
        let Some(rings) = self.rings.as_mut().filter(|_| over || !idle) else { return };
        let limit = if over { wire::limits::FLOW_EVENTS } else { limits::POLL_FLOW_EVENTS };
        let n_rounds = if over { FINAL_ROUNDS } else { 1 };
        for _ in 0..n_rounds {
            match rings.drain(&self.regions, limit, poll.now_ms, over) {
                Ok((events, 0)) if events.is_empty() => break,
                Ok((events, lost)) => poll.frames.push(AgentToRelay::Flow(Flow {
                    handle: self.handle,
                    at_ms: poll.now_ms,
                    lost,
                    events,
                })),
                Err(refusal) => {
                    self.warn_of_flow(&refusal);
                    self.rings = None;
                    break;
                }
            }
        }
    }

    /// Switches tracing and says how many entries are traced then. `package` is a position; `None`
    /// stands for all packages, also those to come. No `units` stands for all of a package.
    pub(super) fn trace(&mut self, on: bool, package: Option<u32>, units: &[u32]) -> AgentToRelay {
        if self.died_ms.is_none()
            && let Err(refusal) = self.switch(on, package, units)
        {
            self.warn_of_flow(&refusal);
        }
        self.n_traced_told = self.n_traced();
        self.tracing()
    }

    fn switch(&mut self, on: bool, package: Option<u32>, units: &[u32]) -> Result<(), Refusal> {
        if on && self.rings.is_none() {
            self.rings = Some(Rings::open_or_create(&self.flow_path(), &self.file)?);
        }
        match package {
            Some(position) => {
                if let Some(region) = self.regions.get_mut(position as usize) {
                    region.switch(&self.file, on, units)?;
                }
            }
            None => {
                self.trace_all = on;
                for region in &mut self.regions {
                    region.switch(&self.file, on, &[])?;
                }
            }
        }
        Ok(())
    }

    /// Switches tracing off for good: nobody will read the rings.
    pub(super) fn stop(&mut self) {
        if self.n_traced() > 0 {
            self.trace(false, None, &[]);
        }
    }

    fn warn_of_flow(&self, refusal: &Refusal) {
        tracing::warn!(
            "cannot trace process {}: {}.flow: {refusal}",
            self.header.pid,
            self.file_name
        );
    }
}
