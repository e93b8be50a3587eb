//! Marking: a first mark starts a recording, the second shows what ran in between.

use std::sync::Arc;

use super::recording::{Recorded, Recording};
use super::url::Tab;
use super::{Session, paint, read, write};

/// Recordings that are kept; the oldest makes room.
const KEPT: usize = 20;

impl Session {
    /// Sets a mark: starts a recording, or ends the one under way and shows it.
    pub fn mark(self) {
        if self.stands_still() {
            return;
        }
        if self.recording.get_untracked().is_some() { self.finish() } else { self.record() }
    }

    fn record(self) {
        let started = write(|data| {
            let now = data.now_ms();
            data.live.recording = Some(Recording::start(&data.live, now));
            now
        });
        self.recording.set(Some(started));
        self.tell("Recording: do what you want to see, then mark again");
    }

    fn finish(self) {
        let number = self.recorded.with_untracked(Vec::len) + 1;
        let recorded = write(|data| {
            data.settle();
            let now = data.now_ms();
            let recording = data.live.recording.take()?;
            Some(recording.finish(&data.live, &data.view, format!("Recording {number}"), now))
        });
        self.recording.set(None);
        let Some(recorded) = recorded else { return };
        self.recorded.update(|list| {
            list.push(Arc::new(recorded));
            if list.len() > KEPT {
                list.remove(0);
            }
        });
        self.lens.set(Some(self.recorded.with_untracked(Vec::len) - 1));
        self.go(|route| route.tab = Tab::Recordings);
    }

    /// Drops the recording under way.
    pub fn cancel_recording(self) {
        write(|data| data.live.recording = None);
        self.recording.set(None);
    }

    /// The recording that the source shows instead of live counts, if it fits the view.
    pub fn lens_recording(self) -> Option<Arc<Recorded>> {
        let position = self.lens.get()?;
        let recorded = self.recorded.with(|list| list.get(position).cloned())?;
        self.structure.track();
        read(|data| Arc::ptr_eq(recorded.profile.shape(), data.view.shape())).then_some(recorded)
    }

    /// Gives a recording another name.
    pub fn rename(self, position: usize, name: String) {
        self.recorded.update(|list| {
            if let Some(recorded) = list.get_mut(position) {
                *recorded = Arc::new(Recorded { name, ..(**recorded).clone() });
            }
        });
    }

    /// Throws a recording away.
    pub fn discard(self, position: usize) {
        self.lens.set(None);
        self.recorded.update(|list| {
            if position < list.len() {
                list.remove(position);
            }
        });
        paint::request();
    }
}
