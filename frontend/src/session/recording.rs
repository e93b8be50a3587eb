//! What ran between two marks.
//!
//! A recording keeps the counts of every process at its start. Its result is, for each process,
//! what [`columns::since`] says of now and then, added up over the processes. A process that is
//! reset or forgotten meanwhile leaves what it did up to then.

use algebra::columns;
use coverage::{Mode, Profile};

use super::model::{Live, Process};
use super::view::View;

/// Counts of packages, by their position in [`Live::packs`].
type Columns = Vec<(u32, Vec<u64>)>;

/// A recording under way.
#[derive(Debug, Default)]
pub struct Recording {
    /// When it started, in Unix milliseconds of the relay.
    pub started_ms: u64,
    earlier: Vec<([u8; 16], Columns)>,
    kept: Columns,
}

/// What ran during a finished recording.
#[derive(Debug, Clone)]
pub struct Recorded {
    /// Name given by the user.
    pub name: String,
    /// When it started, in Unix milliseconds of the relay.
    pub started_ms: u64,
    /// How long it took.
    pub length_ms: u64,
    /// The differences, on the shape of the view it was made in.
    pub profile: Profile,
}

impl Recording {
    /// Starts from what the processes have counted so far.
    pub fn start(live: &Live, started_ms: u64) -> Self {
        let earlier =
            live.processes.iter().map(|process| (process.info.key, counts_of(process))).collect();
        Self { started_ms, earlier, kept: Vec::new() }
    }

    /// Keeps what a process did since the start, before its counts go away or start again.
    pub(super) fn keep(&mut self, process: &Process) {
        if stands_for_many(process) {
            return;
        }
        let known = self.earlier.iter().position(|(key, _)| *key == process.info.key);
        let mut earlier = known.map(|row| self.earlier.swap_remove(row).1).unwrap_or_default();
        for (pack, later) in counts_of(process) {
            let then = earlier
                .iter_mut()
                .find(|column| column.0 == pack)
                .map(|column| std::mem::take(&mut column.1));
            self.kept.push((pack, columns::since(&later, &then.unwrap_or_default())));
        }
    }

    /// What ran since the start in the processes that the view shows.
    pub fn finish(&self, live: &Live, view: &View, name: String, now_ms: u64) -> Recorded {
        let mut counts = view.flatten(&self.kept);
        let single = |process: &&Process| view.contains(process) && !stands_for_many(process);
        for process in live.processes.iter().filter(single) {
            let empty = Columns::new();
            let earlier = self
                .earlier
                .iter()
                .find(|(key, _)| *key == process.info.key)
                .map_or(&empty, |(_, columns)| columns);
            let later = view.flatten(&counts_of(process));
            columns::add(&mut counts, &columns::since(&later, &view.flatten(earlier)));
        }
        if view.mode() == Mode::Set {
            counts.iter_mut().for_each(|count| *count = (*count).min(1));
        }
        Recorded {
            name,
            started_ms: self.started_ms,
            length_ms: now_ms.saturating_sub(self.started_ms),
            profile: Profile::new(view.mode(), view.shape().clone(), counts),
        }
    }
}

/// Whether the process is the relay's sum of processes that ended long ago. What they did during
/// a recording was kept when the relay forgot them.
fn stands_for_many(process: &Process) -> bool {
    process.info.pid == 0 && process.info.host.is_empty()
}

fn counts_of(process: &Process) -> Columns {
    process
        .packs
        .iter()
        .zip(&process.columns)
        .map(|(&pack, column)| (pack, column.counts.clone()))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::super::model::tests::{add, apply, counts, live, table};
    use super::super::scope::Scope;
    use super::*;
    use wire::RelayToViewer;

    fn view(live: &Live) -> View {
        let mut view = View::default();
        view.rebuild(live, &Scope::Newest);
        view
    }

    #[test]
    fn only_what_ran_between_the_marks_is_left() {
        let mut live = live(1, &[table("m/a", &[("a.go", 2)])]);
        apply(&mut live, counts(1, 2_000, &[(0, 5), (2, 9)]));
        let recording = Recording::start(&live, 2_000);
        apply(&mut live, counts(1, 3_000, &[(0, 7), (1, 1)]));
        let recorded = recording.finish(&live, &view(&live), "click".into(), 3_000);
        assert_eq!(recorded.profile.counts(), [2, 1, 0, 0]);
        assert_eq!(recorded.length_ms, 1_000);
    }

    #[test]
    fn a_process_that_came_during_the_recording_counts_whole() {
        let tables = [table("m/a", &[("a.go", 1)])];
        let mut live = live(1, &tables);
        let recording = Recording::start(&live, 0);
        add(&mut live, 2, "svc", &tables);
        apply(&mut live, counts(2, 2_000, &[(0, 3)]));
        let recorded = recording.finish(&live, &view(&live), String::new(), 0);
        assert_eq!(recorded.profile.counts(), [3, 0]);
    }

    #[test]
    fn reset_and_forgotten_processes_leave_what_they_did() {
        let tables = [table("m/a", &[("a.go", 1)])];
        let mut live = live(1, &tables);
        add(&mut live, 2, "svc", &tables);
        apply(&mut live, counts(1, 2_000, &[(0, 10)]));
        live.recording = Some(Recording::start(&live, 2_000));
        apply(&mut live, counts(1, 2_100, &[(0, 14)]));
        apply(&mut live, counts(2, 2_100, &[(1, 100)]));
        apply(&mut live, RelayToViewer::Reset { at_ms: 2_200, handles: vec![1] });
        apply(&mut live, counts(1, 2_300, &[(0, 2)]));
        apply(&mut live, RelayToViewer::Forget { handle: 2 });
        let recording = live.recording.take().unwrap();
        let recorded = recording.finish(&live, &view(&live), String::new(), 0);
        assert_eq!(recorded.profile.counts(), [6, 100]);
    }

    #[test]
    fn folded_processes_count_once() {
        let tables = [table("m/a", &[("a.go", 1)])];
        let mut live = live(1, &tables);
        apply(&mut live, counts(1, 2_000, &[(0, 10)]));
        live.recording = Some(Recording::start(&live, 2_000));
        apply(&mut live, counts(1, 2_100, &[(0, 14)]));
        apply(&mut live, RelayToViewer::Forget { handle: 1 });
        add(&mut live, 2, "svc", &tables);
        live.processes[0].info.pid = 0; // As the relay names it.
        apply(&mut live, counts(2, 2_200, &[(0, 14)]));
        let recording = live.recording.take().unwrap();
        let recorded = recording.finish(&live, &view(&live), String::new(), 0);
        assert_eq!(recorded.profile.counts(), [4, 0]);
    }

    #[test]
    fn a_process_that_a_new_relay_announces_again_is_known_again() {
        let tables = [table("m/a", &[("a.go", 1)])];
        let mut live = live(1, &tables);
        apply(&mut live, counts(1, 2_000, &[(0, 10)]));
        let recording = Recording::start(&live, 2_000);
        let welcome =
            RelayToViewer::Welcome { version: 1, relay: 2, now_ms: 5, release: String::new() };
        apply(&mut live, welcome);
        add(&mut live, 1, "svc", &tables);
        apply(&mut live, counts(1, 4_000, &[(0, 13)]));
        let recorded = recording.finish(&live, &view(&live), String::new(), 0);
        assert_eq!(recorded.profile.counts(), [3, 0]);
    }
}
