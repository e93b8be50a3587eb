//! Traced function entries, by goroutine.
//!
//! Bounded: [`GOROUTINES`] goroutines are kept, each with its last [`EVENTS`] entries; older ones
//! make room and are counted.

use std::collections::VecDeque;

use wire::frame::Flow as FlowFrame;

use super::model::Live;
use crate::ui::order::by_key;

/// Goroutines that are kept.
pub const GOROUTINES: usize = 512;
/// Entries that are kept of each.
pub const EVENTS: usize = 256;

/// One traced entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Event {
    /// Position of the package in [`Live::packs`].
    pub pack: u32,
    /// First unit of the function entered.
    pub unit: u32,
    /// When, in Unix milliseconds.
    pub at_ms: u64,
}

/// What a goroutine did.
#[derive(Debug)]
pub struct Goroutine {
    /// Its process.
    pub handle: u32,
    /// Its number.
    pub number: u64,
    /// Identity of its pprof labels; 0 for none.
    pub label: u64,
    /// Entries seen, also those no longer kept.
    pub n_events: u64,
    /// Its last entries, oldest first.
    pub events: VecDeque<Event>,
}

impl Goroutine {
    /// When it entered a function last, in Unix milliseconds.
    pub fn last_ms(&self) -> u64 {
        self.events.back().map_or(0, |event| event.at_ms)
    }
}

/// Traced function entries, by goroutine.
#[derive(Debug, Default)]
pub struct Flow {
    /// Goroutines in the order of their first entry.
    pub goroutines: Vec<Goroutine>,
    /// Entries seen.
    pub n_events: u64,
    /// Entries overwritten in the target before they could be read.
    pub lost: u64,
    /// Goroutines that made room for others.
    pub dropped: u64,
}

impl Flow {
    /// Takes in a frame.
    pub fn apply(&mut self, live: &Live, frame: &FlowFrame) {
        self.lost += frame.lost;
        let Some(process) = live.by_handle(frame.handle) else { return };
        for event in &frame.events {
            let Some(&pack) = process.packs.get(event.package as usize) else { continue };
            self.n_events += 1;
            let key = (frame.handle, event.goroutine);
            // There are a few hundred at most, and mostly a few.
            let known = self.goroutines.iter().position(|g| (g.handle, g.number) == key);
            let row = known.unwrap_or_else(|| self.admit(key));
            let goroutine = &mut self.goroutines[row];
            goroutine.label = event.label;
            goroutine.n_events += 1;
            if goroutine.events.len() == EVENTS {
                goroutine.events.pop_front();
            }
            let at_ms = frame.at_ms.saturating_sub(event.age_ms);
            goroutine.events.push_back(Event { pack, unit: event.unit, at_ms });
        }
    }

    fn admit(&mut self, key: (u32, u64)) -> usize {
        if self.goroutines.len() >= GOROUTINES {
            // Half of them at once, those that were quiet longest: so it is rarely done.
            let mut times: Vec<u64> = self.goroutines.iter().map(Goroutine::last_ms).collect();
            by_key(&mut times, |&time| [time, 0]);
            let limit = times[GOROUTINES / 2];
            let before = self.goroutines.len();
            let mut surplus = GOROUTINES / 2;
            self.goroutines.retain(|goroutine| {
                let goes = goroutine.last_ms() <= limit && surplus > 0;
                surplus -= usize::from(goes);
                !goes
            });
            self.dropped += (before - self.goroutines.len()) as u64;
        }
        self.goroutines.push(Goroutine {
            handle: key.0,
            number: key.1,
            label: 0,
            n_events: 0,
            events: VecDeque::new(),
        });
        self.goroutines.len() - 1
    }

    /// Forgets all entries.
    pub fn clear(&mut self) {
        *self = Self::default();
    }
}

#[cfg(test)]
mod tests {
    use super::super::model::tests::{live, table};
    use super::*;
    use wire::frame::FlowEvent;

    fn frame(at_ms: u64, goroutines: &[u64]) -> FlowFrame {
        let event = |&goroutine: &u64| FlowEvent { goroutine, age_ms: 1, ..FlowEvent::default() };
        FlowFrame { handle: 1, at_ms, lost: 2, events: goroutines.iter().map(event).collect() }
    }

    #[test]
    fn entries_are_grouped_and_losses_counted() {
        let live = live(1, &[table("m/a", &[("a.go", 1)])]);
        let mut flow = Flow::default();
        flow.apply(&live, &frame(100, &[7, 9, 7]));
        flow.apply(&live, &frame(200, &[9]));
        assert_eq!((flow.n_events, flow.lost), (4, 4));
        let rows: Vec<_> =
            flow.goroutines.iter().map(|g| (g.number, g.n_events, g.last_ms())).collect();
        assert_eq!(rows, [(7, 2, 99), (9, 2, 199)]);
    }

    #[test]
    fn what_is_kept_is_bounded_and_the_quiet_ones_go_first() {
        let live = live(1, &[table("m/a", &[("a.go", 1)])]);
        let mut flow = Flow::default();
        for number in 0..GOROUTINES as u64 + 10 {
            flow.apply(&live, &frame(1_000 + number, &[number]));
        }
        assert!(flow.goroutines.len() <= GOROUTINES);
        assert_eq!(flow.dropped, GOROUTINES as u64 / 2);
        assert!(flow.goroutines.iter().all(|g| g.number >= GOROUTINES as u64 / 2));
        for _ in 0..EVENTS {
            flow.apply(&live, &frame(9_000, &[500, 500]));
        }
        let busy = flow.goroutines.iter().find(|g| g.number == 500).unwrap();
        assert_eq!(busy.events.len(), EVENTS);
        assert_eq!(busy.n_events, 2 * EVENTS as u64 + 1);
    }
}
