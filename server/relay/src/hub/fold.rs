//! Keeps what is remembered in bounds without losing a count: processes that ended long ago
//! become one for each build of a service.

use std::collections::BTreeMap;
use std::sync::Arc;

use sha2::{Digest, Sha256};
use wire::frame::State;

use super::Hub;
use super::batch::lives;
use super::process::{Package, Process};
use crate::limits;

/// Processes that are remembered to be gone; viewers who are further behind start again.
pub(super) const FORGOTTEN: usize = 4096;
/// How many ended processes beyond the bound are let accumulate before they are folded at once.
const SLACK: usize = 8;
/// The columns' times are 32 bits of milliseconds: once half of them are used, the epoch moves.
const EPOCH_MOVES: u64 = 1 << 31;

impl Hub {
    /// What is due by the clock; call it every second or so.
    pub(crate) fn tidy(&mut self, now_ms: u64) {
        self.give_up_unreachable(now_ms);
        self.fold();
        self.move_epoch(now_ms);
    }

    fn give_up_unreachable(&mut self, now_ms: u64) {
        let patience = u64::try_from(limits::UNREACHABLE.as_millis()).unwrap_or(u64::MAX);
        for process in self.processes.values_mut() {
            if process.state == State::Unreachable
                && now_ms - process.state_ms.min(now_ms) > patience
            {
                process.enter(State::Ended, process.state_ms, self.version);
                self.dirty = true;
            }
        }
    }

    fn fold(&mut self) {
        let mut builds: BTreeMap<(String, String), Vec<(u64, u32)>> = BTreeMap::new();
        for process in self.processes.values() {
            if !lives(process) && !process.is_fold() {
                let build = (process.about.service.clone(), process.build().to_owned());
                builds.entry(build).or_default().push((process.state_ms, process.about.handle));
            }
        }
        for ((service, build), mut ended) in builds {
            if ended.len() < limits::ENDED_PER_BUILD + SLACK {
                continue;
            }
            ended.sort_unstable();
            ended.truncate(ended.len() - limits::ENDED_PER_BUILD);
            let handles: Vec<u32> = ended.into_iter().map(|(_, handle)| handle).collect();
            self.fold_into_one(&service, &build, &handles);
        }
    }

    fn fold_into_one(&mut self, service: &str, build: &str, handles: &[u32]) {
        let folds = self.processes.values().filter(|process| process.is_fold());
        let known = folds
            .filter(|process| process.about.service == service && process.build() == build)
            .map(|process| process.about.handle)
            .next();
        let mut fold = match known.and_then(|handle| self.processes.remove(&handle)) {
            Some(fold) => fold,
            None => match handles.first().and_then(|handle| self.processes.get(handle)) {
                Some(first) => {
                    let first = first.about.clone();
                    self.empty_fold(service, build, &first)
                }
                None => return,
            },
        };
        for handle in handles {
            let Some(process) = self.processes.remove(handle) else { continue };
            self.n_units -= process.n_units();
            self.by_key.remove(&process.about.key);
            self.remember_folded(process.about.key);
            self.n_units += absorb(&mut fold, &process, self.version);
            self.forgotten.push_back((self.version, *handle));
        }
        while self.forgotten.len() > FORGOTTEN
            && let Some((version, _)) = self.forgotten.pop_front()
        {
            self.lost_track = version;
        }
        self.processes.insert(fold.about.handle, fold);
        self.dirty = true;
    }

    fn empty_fold(&mut self, service: &str, build: &str, first: &wire::frame::Process) -> Process {
        let digest: [u8; 32] = Sha256::digest(format!("ended\0{service}\0{build}")).into();
        let mut key = [0; 16];
        key.copy_from_slice(&digest[..16]);
        let handle = self.next_handle;
        self.next_handle += 1;
        let about = wire::frame::Process {
            handle,
            key,
            pid: 0,
            host: String::new(),
            service: service.to_owned(),
            ..first.clone()
        };
        let mut fold = Process::new(about, self.version, 0);
        fold.enter(State::Ended, 0, self.version);
        fold
    }

    fn remember_folded(&mut self, key: [u8; 16]) {
        if self.folded_set.insert(key) {
            self.folded.push_back(key);
        }
        if self.folded.len() > limits::FOLDED_KEYS
            && let Some(oldest) = self.folded.pop_front()
        {
            self.folded_set.remove(&oldest);
        }
    }

    fn move_epoch(&mut self, now_ms: u64) {
        if now_ms.saturating_sub(self.epoch_ms) < EPOCH_MOVES {
            return;
        }
        let by_ms = u32::try_from(EPOCH_MOVES / 2).unwrap_or(u32::MAX);
        self.epoch_ms += u64::from(by_ms);
        for package in self.processes.values_mut().flat_map(|process| &mut process.packages) {
            package.columns.shift_epoch(by_ms);
        }
    }
}

/// Adds a process to the one that stands for many; returns how many units that takes.
fn absorb(fold: &mut Process, process: &Process, version: u32) -> usize {
    let n_units = fold.n_units();
    for (position, package) in process.packages.iter().enumerate() {
        let same = |candidate: &Package| candidate.table.id == package.table.id;
        // Processes of one build register their packages in the same order, as a rule.
        let known = if fold.packages.get(position).is_some_and(same) {
            Some(position)
        } else {
            fold.packages.iter().position(same)
        };
        let position = known.unwrap_or_else(|| {
            fold.append(vec![Arc::clone(&package.table)], version);
            fold.packages.len() - 1
        });
        if let Some(sum) = fold.packages.get_mut(position) {
            sum.columns.absorb(&package.columns, version);
            sum.version = version;
        }
    }
    fold.folded += 1;
    fold.about.started_ms = fold.about.started_ms.min(process.about.started_ms);
    fold.state_ms = fold.state_ms.max(process.state_ms);
    fold.version = version;
    fold.n_units() - n_units
}
