//! Whether operations and a trace are of the same run.

use thiserror::Error;

use super::Channels;
use crate::event::GoState;
use crate::trace::Trace;

/// How far a record may be from what the trace says, in ns: its clock is coarse, and times in it
/// are moved where the order demands it.
const SLACK: i64 = 2_000;
/// Operations that are looked at.
const LOOKED_AT: usize = 1_000;

/// Why operations can't be those of a trace. Reads well after "FILE is of another run: ".
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum Stranger {
    /// None was at a time that is in the trace.
    #[error("its operations were {:.3} s {}", .nanos.unsigned_abs() as f64 / 1e9, if *.nanos < 0 { "before the trace began" } else { "after the trace had ended" })]
    Time {
        /// From the nearest end of the trace to the nearest operation; below 0 if that was before.
        nanos: i64,
    },
    /// Goroutines did them that were not there, or did not run then.
    #[error(
        "of {looked_at} operations, {wrong} are by goroutines that the trace does not show running then"
    )]
    Goroutines {
        /// Operations that were looked at.
        looked_at: usize,
        /// Those of them that can't be.
        wrong: usize,
    },
}

impl Channels {
    /// Whether the operations may be those of a trace.
    ///
    /// # Errors
    /// They can't: the times or the goroutines are others.
    pub fn check_run(&self, trace: &Trace) -> Result<(), Stranger> {
        let (begin, end) = (trace.origin, trace.origin.saturating_add_unsigned(trace.duration));
        let operations = &self.operations;
        let first = operations.partition_point(|operation| operation.end < begin);
        let last = operations.partition_point(|operation| operation.end <= end);
        let inside = operations.get(first..last).unwrap_or(&[]);
        if inside.is_empty() {
            let before = first.checked_sub(1).and_then(|at| operations.get(at));
            let before = before.map(|operation| operation.end.saturating_sub(begin));
            let after = operations.get(last).map(|operation| operation.end.saturating_sub(end));
            let nearest = before.into_iter().chain(after).min_by_key(|nanos| nanos.unsigned_abs());
            return nearest.map_or(Ok(()), |nanos| Err(Stranger::Time { nanos }));
        }
        let step = inside.len().div_ceil(LOOKED_AT).max(1);
        let (mut looked_at, mut wrong) = (0, 0);
        for operation in inside.iter().step_by(step) {
            looked_at += 1;
            let time = operation.end.saturating_sub(begin);
            if !runs(trace, operation.goroutine, time) {
                wrong += 1;
            }
        }
        if wrong * 2 > looked_at { Err(Stranger::Goroutines { looked_at, wrong }) } else { Ok(()) }
    }
}

/// Whether a goroutine ran about then, as far as the trace knows.
fn runs(trace: &Trace, id: u64, time: i64) -> bool {
    let Some(goroutine) = trace.find(id).and_then(|go| trace.goroutine(go)) else { return false };
    let at = |time: i64| u64::try_from(time).unwrap_or(0);
    let (early, late) = (at(time.saturating_sub(SLACK)), at(time.saturating_add(SLACK)));
    if goroutine.end.is_some_and(|end| end < early) {
        return false;
    }
    let slices = goroutine.track.slices();
    let first = slices.partition_point(|slice| slice.begin <= early).saturating_sub(1);
    let last = slices.partition_point(|slice| slice.begin <= late);
    let near = slices.get(first..last).unwrap_or(&[]);
    near.iter().any(|slice| !matches!(slice.state, GoState::Waiting | GoState::Runnable))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::channels::{Did, Operation, Value};
    use crate::event::NONE;
    use crate::names::{Names, StackId, StringId};
    use crate::{Event, What};

    /// Goroutine 1 waits from 10 to 20 µs, and runs before and after, until 30 µs.
    fn trace() -> Trace {
        let (names, mut trace) = (Names::default(), Trace::default());
        for (time, by, from, to) in [
            (1_000, NONE, GoState::Undetermined, GoState::Running),
            (11_000, 1, GoState::Running, GoState::Waiting),
            (21_000, NONE, GoState::Waiting, GoState::Running),
            (31_000, 1, GoState::Running, GoState::NotExist),
        ] {
            let (reason, start) = (StringId::EMPTY, StackId::NONE);
            let what = What::Go { go: 1, from, to, reason, start };
            let (proc, thread, stack) = (0, 0, StackId::NONE);
            trace.add(&names, &Event { time, goroutine: by, proc, thread, stack, what });
        }
        trace
    }

    fn check(operations: &[(u64, i64)]) -> Result<(), Stranger> {
        let operation = |(goroutine, end): &(u64, i64)| Operation {
            goroutine: *goroutine,
            channel: 0xc000,
            begin: None,
            end: *end,
            did: Did::Send,
            select: false,
            range: false,
            ok: None,
            value: Value::default(),
            site: 1,
            capacity: 0,
            length: 0,
        };
        let operations = operations.iter().map(operation).collect();
        Channels { operations, ..Channels::default() }.check_run(&trace())
    }

    #[test]
    fn who_runs_when_it_is_recorded_is_of_the_run() {
        assert_eq!(check(&[(1, 500), (1, 5_000), (1, 25_000), (1, 90_000)]), Ok(()));
        assert_eq!(check(&[]), Ok(()));
    }

    #[test]
    fn other_times_and_other_goroutines_are_of_another_run() {
        assert_eq!(check(&[(1, 500)]), Err(Stranger::Time { nanos: -500 }));
        let late = check(&[(1, 2_000_031_000)]).unwrap_err();
        assert_eq!(late.to_string(), "its operations were 2.000 s after the trace had ended");
        let waits = Stranger::Goroutines { looked_at: 3, wrong: 2 };
        assert_eq!(check(&[(1, 5_000), (1, 15_000), (7, 5_000)]), Err(waits));
    }
}
