//! What one goroutine did, from its begin to its end.

use crate::event::{GoState, ProcId};
use crate::names::{StackId, StringId};

/// Slices between two marks.
const MARK: usize = 32;

/// A stretch of time in one state. It lasts until the next slice begins, or the goroutine ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Slice {
    /// When it begins.
    pub begin: u64,
    /// Why the goroutine waits or was stopped; empty otherwise.
    pub reason: StringId,
    /// Where the goroutine was when it began, as far as the trace says.
    pub stack: StackId,
    /// The state.
    pub state: GoState,
    /// The processor that it runs on; `u16::MAX` where it doesn't run.
    pub proc: u16,
}

/// Nanoseconds in each of [`StateTimes::STATES`].
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct StateTimes(pub [u64; 4]);

impl StateTimes {
    /// The states, in the order in which the times are.
    pub const STATES: [GoState; 4] =
        [GoState::Runnable, GoState::Running, GoState::Waiting, GoState::Syscall];

    /// The time in a state; 0 for those in which a goroutine is not there.
    pub fn of(&self, state: GoState) -> u64 {
        Self::STATES.iter().zip(self.0).find(|(of, _)| **of == state).map_or(0, |(_, time)| time)
    }

    /// The time in all of them.
    pub fn sum(&self) -> u64 {
        self.0.iter().fold(0, |sum, time| sum.saturating_add(*time))
    }

    /// The state with most of the time; none where there is no time at all.
    pub fn longest(&self) -> Option<GoState> {
        let longest = Self::STATES.into_iter().zip(self.0).max_by_key(|(_, time)| *time)?;
        (longest.1 > 0).then_some(longest.0)
    }

    /// Adds time in a state.
    pub fn add(&mut self, state: GoState, time: u64) {
        for (of, sum) in Self::STATES.into_iter().zip(&mut self.0) {
            if of == state {
                *sum = sum.saturating_add(time);
            }
        }
    }

    /// Adds the times of another.
    pub fn join(&mut self, other: &Self) {
        for (sum, time) in self.0.iter_mut().zip(other.0) {
            *sum = sum.saturating_add(time);
        }
    }

    fn less(&self, before: &Self) -> Self {
        let mut left = *self;
        for (time, before) in left.0.iter_mut().zip(before.0) {
            *time = time.saturating_sub(before);
        }
        left
    }
}

/// The slices of a goroutine, by time, and the time spent in each state up to every so many of
/// them, so that a span of any length is summed by looking at few.
#[derive(Debug, Clone, Default)]
pub struct Track {
    slices: Vec<Slice>,
    marks: Vec<StateTimes>,
    ended: Option<u64>,
}

impl Track {
    /// All slices, by time.
    pub fn slices(&self) -> &[Slice] {
        &self.slices
    }

    /// The newest slice.
    pub fn last(&self) -> Option<&Slice> {
        self.slices.last()
    }

    /// The index of the slice that a time is in: the last one that begins no later.
    pub fn at(&self, time: u64) -> Option<usize> {
        if self.ended.is_some_and(|end| time >= end) {
            return None;
        }
        self.slices.partition_point(|slice| slice.begin <= time).checked_sub(1)
    }

    /// When a slice ends; `now` where it goes on.
    pub fn end(&self, index: usize, now: u64) -> u64 {
        let next = index.checked_add(1).and_then(|next| self.slices.get(next));
        next.map_or(self.ended.unwrap_or(now), |next| next.begin)
    }

    /// The time spent in each state from `begin` to `end`; `now` is the end of the trace so far.
    pub fn times(&self, begin: u64, end: u64, now: u64) -> StateTimes {
        if end <= begin {
            return StateTimes::default();
        }
        self.until(end, now).less(&self.until(begin, now))
    }

    /// The time spent in each state before a time.
    fn until(&self, time: u64, now: u64) -> StateTimes {
        let count = self.slices.partition_point(|slice| slice.begin < time);
        let mark = count.saturating_sub(1) / MARK;
        let mut times = match mark.checked_sub(1) {
            Some(at) => self.marks.get(at).copied().unwrap_or_default(),
            None => StateTimes::default(),
        };
        let first = mark * MARK;
        for index in first..count {
            let Some(slice) = self.slices.get(index) else { break };
            let end = self.end(index, now).min(time);
            times.add(slice.state, end.saturating_sub(slice.begin));
        }
        times
    }

    /// Lets go of the slices that were over before a time.
    pub(super) fn forget_before(&mut self, time: u64) {
        let first = self.slices.partition_point(|slice| slice.begin <= time).saturating_sub(1);
        if first == 0 {
            return;
        }
        self.slices.drain(..first);
        self.marks.clear();
        let mut times = StateTimes::default();
        for (at, pair) in self.slices.windows(2).enumerate() {
            if let [slice, next] = pair {
                times.add(slice.state, next.begin.saturating_sub(slice.begin));
            }
            if (at + 1).is_multiple_of(MARK) {
                self.marks.push(times);
            }
        }
        self.slices.shrink_to_fit();
    }

    pub(crate) fn enter(
        &mut self,
        time: u64,
        from: GoState,
        to: GoState,
        reason: StringId,
        stack: StackId,
        proc: ProcId,
    ) {
        // Each generation tells the state anew; that is no new slice.
        if let Some(last) = self.slices.last_mut().filter(|last| from == to && last.state == to) {
            if last.stack == StackId::NONE {
                last.stack = stack;
            }
            return;
        }
        if to == GoState::NotExist {
            self.ended = Some(time);
            return;
        }
        let count = self.slices.len();
        if count > 0 && count.is_multiple_of(MARK) {
            // Of the mark before and the slices since, which all end here at the latest.
            let mut times = self.marks.last().copied().unwrap_or_default();
            for index in count - MARK..count {
                let end = self.end(index, time);
                if let Some(slice) = self.slices.get(index) {
                    times.add(slice.state, end.saturating_sub(slice.begin));
                }
            }
            self.marks.push(times);
        }
        let proc = u16::try_from(proc).unwrap_or(u16::MAX);
        self.slices.push(Slice { begin: time, reason, stack, state: to, proc });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A track that changes its state every 10 ns, in turn.
    fn track(slices: u64) -> Track {
        let mut track = Track::default();
        let mut before = GoState::NotExist;
        for number in 0..slices {
            let state = StateTimes::STATES[usize::try_from(number % 4).unwrap()];
            track.enter(number * 10, before, state, StringId::EMPTY, StackId::NONE, 0);
            before = state;
        }
        track
    }

    #[test]
    fn times_are_those_of_a_walk_over_all_slices() {
        for slices in [0, 1, 31, 32, 33, 64, 65, 200] {
            let track = track(slices);
            let now = slices * 10 + 5;
            for (begin, end) in [(0, now), (5, 6), (15, 333), (320, 640), (639, 641), (0, 10_000)] {
                let mut walked = StateTimes::default();
                for (index, slice) in track.slices().iter().enumerate() {
                    let last = track.end(index, now).min(end);
                    walked.add(slice.state, last.saturating_sub(slice.begin.max(begin)));
                }
                assert_eq!(track.times(begin, end, now), walked, "{slices} {begin} {end}");
            }
        }
    }

    #[test]
    fn a_time_after_the_end_is_in_no_slice() {
        let mut track = track(3);
        assert_eq!(track.at(25), Some(2));
        track.enter(30, GoState::Waiting, GoState::NotExist, StringId::EMPTY, StackId::NONE, 0);
        assert_eq!((track.at(29), track.at(30)), (Some(2), None));
        assert_eq!(track.times(0, 100, 100).sum(), 30);
    }
}
