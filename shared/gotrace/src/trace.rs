//! A trace as a picture needs it: goroutines, what each did when, and who woke whom.
//!
//! Everything is in columns that only grow, so a trace that is still being written is shown by
//! the same code; one without end lets go of what is long past, on request. Times are nanoseconds since the trace began.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use foldhash::fast::FixedState;

use crate::event::{Event, GoId, GoState, Metric, NONE, Range, TaskId, What};
use crate::ids::Ids;
use crate::names::{Names, StackId, StringId};
use crate::wake::{self, Wake};

pub use track::{Slice, StateTimes, Track};

mod forget;
mod track;

/// Index of a goroutine in [`Trace::goroutines`], in the order in which they were seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Go(pub u32);

impl Go {
    /// No goroutine.
    pub const NONE: Self = Self(u32::MAX);

    /// The index, if there is a goroutine.
    pub fn index(self) -> Option<usize> {
        (self != Self::NONE).then_some(self.0 as usize)
    }
}

/// A goroutine.
#[derive(Debug, Clone)]
pub struct Goroutine {
    /// Its id in the runtime. That of a thread of C that called Go may be another's later.
    pub id: GoId,
    /// The goroutine that created it; [`Go::NONE`] if that is not in the trace.
    pub parent: Go,
    /// How many goroutines are between it and one whose creation was not seen, itself included.
    pub depth: u32,
    /// When it was created. One that is older is there from the begin of the generation on that
    /// first tells of it, which is 0 in a trace that is whole.
    pub begin: u64,
    /// When the trace first told of it: later than `begin` for one that is older.
    pub seen: u64,
    /// When it ended, if it did.
    pub end: Option<u64>,
    /// Its creation is in the trace.
    pub created: bool,
    /// The function it began with; empty if the trace does not say.
    pub function: StringId,
    /// The stack of its creator at that moment.
    pub created_at: StackId,
    /// What it did.
    pub track: Track,
}

/// One goroutine made another runnable that had been waiting.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Edge {
    /// When.
    pub time: u64,
    /// The goroutine that did it; [`Go::NONE`] where it was a timer, the network or the runtime.
    pub from: Go,
    /// The goroutine that had been waiting.
    pub to: Go,
    /// Where the first one did it.
    pub waker: StackId,
    /// Where the other one was waiting.
    pub waiting: StackId,
    /// What it was about.
    pub wake: Wake,
}

/// A user task.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Task {
    /// Its id.
    pub id: TaskId,
    /// The task it belongs to, or [`NONE`].
    pub parent: TaskId,
    /// Its kind.
    pub name: StringId,
    /// The goroutine that began it.
    pub go: Go,
    /// When it began; 0 if that is older than the trace.
    pub begin: u64,
    /// When it ended, if it did.
    pub end: Option<u64>,
}

/// A region that a goroutine was inside of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Region {
    /// The goroutine.
    pub go: Go,
    /// The task it belongs to.
    pub task: TaskId,
    /// Its kind.
    pub name: StringId,
    /// When it was entered; 0 if that is older than the trace.
    pub begin: u64,
    /// When it was left, if it was.
    pub end: Option<u64>,
}

/// A message that the program logged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Log {
    /// When.
    pub time: u64,
    /// The goroutine.
    pub go: Go,
    /// The task it belongs to.
    pub task: TaskId,
    /// Its category.
    pub key: StringId,
    /// Its text.
    pub value: StringId,
    /// Where it was logged.
    pub stack: StackId,
}

/// What the CPU profiler saw.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CpuSample {
    /// When.
    pub time: u64,
    /// The goroutine that ran, if one did.
    pub go: Go,
    /// What it was doing.
    pub stack: StackId,
}

/// Something of the runtime's that took a while.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    /// What.
    pub range: Range,
    /// When it began; 0 if that is older than the trace.
    pub begin: u64,
    /// When it ended, if it did.
    pub end: Option<u64>,
}

/// What a trace holds.
#[derive(Debug, Clone, Default)]
pub struct Trace {
    /// Time of the first event, by the trace's own clock.
    pub origin: i64,
    /// Time of the last one, since the first.
    pub duration: u64,
    /// Events told, synchronization included.
    pub events: u64,
    /// All goroutines.
    pub goroutines: Vec<Goroutine>,
    /// Wake-ups, by time.
    pub edges: Vec<Edge>,
    /// User tasks, by begin.
    pub tasks: Vec<Task>,
    /// Regions, by begin.
    pub regions: Vec<Region>,
    /// Messages, by time.
    pub logs: Vec<Log>,
    /// Samples of the CPU profiler, by time.
    pub samples: Vec<CpuSample>,
    /// Ranges of the runtime, by begin.
    pub spans: Vec<Span>,
    /// Metrics and when they changed, by time.
    pub metrics: Vec<(u64, Metric, u64)>,
    by_id: Ids,
    wakes: wake::Cache,
    open_tasks: HashMap<TaskId, usize, FixedState>,
    open_regions: HashMap<Go, Vec<usize>, FixedState>,
    open_spans: HashMap<Range, usize, FixedState>,
    begun: bool,
    /// When the newest generation began.
    generation: u64,
    forgotten: u64,
}

impl Trace {
    /// The goroutine with an id, if it is in the trace: the last one that had it.
    pub fn find(&self, id: GoId) -> Option<Go> {
        self.by_id.get(id).map(Go)
    }

    /// A goroutine.
    pub fn goroutine(&self, go: Go) -> Option<&Goroutine> {
        self.goroutines.get(go.index()?)
    }

    /// The edges in a span of time, from `begin` to before `end`.
    pub fn edges_between(&self, begin: u64, end: u64) -> &[Edge] {
        let first = self.edges.partition_point(|edge| edge.time < begin);
        let last = self.edges.partition_point(|edge| edge.time < end);
        self.edges.get(first..last.max(first)).unwrap_or(&[])
    }

    /// The wake-up that made a goroutine runnable at a time.
    pub fn edge_to(&self, go: Go, time: u64) -> Option<&Edge> {
        self.edges_between(time, time.saturating_add(1)).iter().find(|edge| edge.to == go)
    }

    /// Adds an event; all have to come, in order.
    pub fn add(&mut self, names: &Names, event: &Event) {
        self.events += 1;
        if matches!(event.what, What::Sync(_)) {
            if self.begun {
                self.generation = event.time.saturating_sub(self.origin).cast_unsigned();
            }
            return;
        }
        if !self.begun {
            self.begun = true;
            self.origin = event.time;
        }
        let time = event.time.saturating_sub(self.origin).cast_unsigned();
        self.duration = time;
        match event.what {
            What::Go { go, from, to, reason, start } => {
                self.transition(names, event, time, Change { go, from, to, reason, start });
            }
            What::Metric(metric, value) => self.metrics.push((time, metric, value)),
            What::Sample => {
                let go = self.find(event.goroutine).unwrap_or(Go::NONE);
                self.samples.push(CpuSample { time, go, stack: event.stack });
            }
            What::RangeBegin(range) | What::RangeActive(range) => self.range_begin(range, time),
            What::RangeEnd(range) => self.range_end(range, time),
            What::TaskBegin { task, parent, name } => {
                let go = self.here(event, time);
                self.open_tasks.insert(task, self.tasks.len());
                self.tasks.push(Task { id: task, parent, name, go, begin: time, end: None });
            }
            What::TaskEnd { task, parent, name } => match self.open_tasks.remove(&task) {
                Some(at) => {
                    if let Some(task) = self.tasks.get_mut(at) {
                        task.end = Some(time);
                    }
                }
                None => {
                    let go = self.here(event, time);
                    let end = Some(time);
                    self.tasks.push(Task { id: task, parent, name, go, begin: 0, end });
                }
            },
            What::RegionBegin { task, name } => {
                let go = self.here(event, time);
                self.open_regions.entry(go).or_default().push(self.regions.len());
                self.regions.push(Region { go, task, name, begin: time, end: None });
            }
            What::RegionEnd { task, name } => {
                let go = self.here(event, time);
                match self.open_regions.get_mut(&go).and_then(Vec::pop) {
                    Some(at) => {
                        if let Some(region) = self.regions.get_mut(at) {
                            region.end = Some(time);
                        }
                    }
                    None => {
                        self.regions.push(Region { go, task, name, begin: 0, end: Some(time) });
                    }
                }
            }
            What::Log { task, key, value } => {
                let go = self.here(event, time);
                self.logs.push(Log { time, go, task, key, value, stack: event.stack });
            }
            What::Sync(_) | What::Label(_) | What::Proc { .. } | What::Experimental => {}
        }
    }

    fn transition(&mut self, names: &Names, event: &Event, time: u64, change: Change) {
        let Change { go: id, from, to, reason, start } = change;
        let parent = match from {
            GoState::NotExist if event.goroutine != NONE => self.here(event, time),
            _ => Go::NONE,
        };
        let go = match from {
            GoState::NotExist => self.born(id, time),
            _ => self.seen(id, time),
        };
        let depth = self.goroutine(parent).map_or(0, |parent| parent.depth.saturating_add(1));
        let Some(goroutine) = go.index().and_then(|at| self.goroutines.get_mut(at)) else { return };
        match from {
            GoState::NotExist => {
                (goroutine.begin, goroutine.seen) = (time, time);
                goroutine.created = true;
                goroutine.parent = parent;
                goroutine.depth = depth;
                goroutine.created_at = event.stack;
                goroutine.function = names.top(start).map_or(StringId::EMPTY, |top| top.function);
            }
            // A goroutine that never runs tells its stack; the outermost call is what it began as.
            GoState::Undetermined if goroutine.function == StringId::EMPTY => {
                let outer = names.frames(event.stack).next_back();
                goroutine.function = outer.map_or(StringId::EMPTY, |outer| outer.function);
            }
            _ => {}
        }
        if to == GoState::NotExist {
            goroutine.end = Some(time);
        }
        let own = event.goroutine == id || from == GoState::Undetermined || from == to;
        let stack = if own { event.stack } else { StackId::NONE };
        let proc = if to == GoState::Running { event.proc } else { NONE };
        let waited = goroutine.track.last().copied();
        if waited.is_some() || from == GoState::NotExist {
            goroutine.track.enter(time, from, to, reason, stack, proc);
        } else {
            // The first that is told of it held since the generation began.
            let begin = goroutine.begin;
            match from {
                GoState::Undetermined => {
                    goroutine.track.enter(begin, from, to, reason, stack, proc);
                }
                _ => {
                    let none = (StringId::EMPTY, StackId::NONE, NONE);
                    goroutine.track.enter(begin, from, from, none.0, none.1, none.2);
                    goroutine.track.enter(time, from, to, reason, stack, proc);
                }
            }
        }
        if goroutine.function == StringId::EMPTY && own && event.stack != StackId::NONE {
            let outer = names.frames(event.stack).next_back();
            goroutine.function = outer.map_or(StringId::EMPTY, |outer| outer.function);
        }
        if (from, to) == (GoState::Waiting, GoState::Runnable) {
            let (reason, waiting) = waited
                .map_or((StringId::EMPTY, StackId::NONE), |slice| (slice.reason, slice.stack));
            let by = match event.goroutine {
                NONE => Go::NONE,
                _ => self.here(event, time),
            };
            let wake = self.wakes.classify(names, by != Go::NONE, event.stack, reason);
            self.edges.push(Edge { time, from: by, to: go, waker: event.stack, waiting, wake });
        }
    }

    /// The goroutine that an event happened in.
    fn here(&mut self, event: &Event, time: u64) -> Go {
        if event.goroutine == NONE { Go::NONE } else { self.seen(event.goroutine, time) }
    }

    #[inline]
    fn seen(&mut self, id: GoId, time: u64) -> Go {
        if let Some(go) = self.find(id) {
            return go;
        }
        self.add_goroutine(id, time)
    }

    /// The goroutine that is created with an id. Threads of C that call Go hand theirs on: who has
    /// the id of one that ended is another.
    fn born(&mut self, id: GoId, time: u64) -> Go {
        let known = self.find(id);
        let over = |go| self.goroutine(go).is_some_and(|before| before.end.is_some());
        known.filter(|go| !over(*go)).unwrap_or_else(|| self.add_goroutine(id, time))
    }

    #[cold]
    fn add_goroutine(&mut self, id: GoId, time: u64) -> Go {
        let Ok(at) = u32::try_from(self.goroutines.len()) else { return Go::NONE };
        let go = Go(at);
        self.by_id.set(id, at);
        self.goroutines.push(Goroutine {
            id,
            parent: Go::NONE,
            depth: 0,
            begin: self.generation.min(time),
            seen: time,
            end: None,
            created: false,
            function: StringId::EMPTY,
            created_at: StackId::NONE,
            track: Track::default(),
        });
        go
    }

    fn range_begin(&mut self, range: Range, time: u64) {
        // It may be told again in each generation that it lasts through.
        if let Entry::Vacant(open) = self.open_spans.entry(range) {
            open.insert(self.spans.len());
            self.spans.push(Span { range, begin: time, end: None });
        }
    }

    fn range_end(&mut self, range: Range, time: u64) {
        match self.open_spans.remove(&range) {
            Some(at) => {
                if let Some(span) = self.spans.get_mut(at) {
                    span.end = Some(time);
                }
            }
            None => self.spans.push(Span { range, begin: 0, end: Some(time) }),
        }
    }
}

/// A transition of a goroutine.
struct Change {
    go: GoId,
    from: GoState,
    to: GoState,
    reason: StringId,
    start: StackId,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_that_is_handed_on_is_another_goroutine() {
        let names = Names::default();
        let mut trace = Trace::default();
        let mut add = |time, from, to| {
            let (reason, start, stack) = (StringId::EMPTY, StackId::NONE, StackId::NONE);
            let what = What::Go { go: 18, from, to, reason, start };
            trace.add(&names, &Event { time, goroutine: NONE, proc: NONE, thread: 1, stack, what });
        };
        for begin in [100, 300] {
            add(begin, GoState::NotExist, GoState::Syscall);
            add(begin + 10, GoState::Syscall, GoState::Running);
            add(begin + 20, GoState::Running, GoState::NotExist);
        }
        let lives: Vec<_> = trace.goroutines.iter().map(|go| (go.begin, go.end)).collect();
        assert_eq!(lives, [(0, Some(20)), (200, Some(220))]);
        assert_eq!(trace.find(18), Some(Go(1)));
        for go in &trace.goroutines {
            let times = go.track.times(0, trace.duration, trace.duration);
            assert_eq!(times.sum(), 20);
        }
    }
}
