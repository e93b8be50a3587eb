//! The scheduler as the trace shows it: which goroutine is in which state, on which processor and
//! thread. It decides whether an event may come next; see [`crate::order`] for who asks.
//!
//! Events carry sequence numbers that count within a generation, per goroutine, per processor and
//! for the collector. An event whose number is not the next one has to wait until another thread's
//! events were placed.

use std::collections::HashMap;

use foldhash::fast::FixedState;

use crate::event::{Event, GoId, GoState, NONE, ProcId, ProcState, Range, TaskId, ThreadId, What};
use crate::generation::Tables;
use crate::names::StringId;
use crate::raw::Raw;

pub(crate) use slab::{Slab, Slot};

mod repair;
mod rules;
mod slab;

/// Whether an event may come next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Step {
    /// It did.
    Done,
    /// Another thread's events come first.
    Wait,
    /// It contradicts what was before it.
    Broken,
}

/// A place in the order of one resource's events: a generation and a number within it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Sequence {
    generation: u64,
    number: u64,
}

impl Sequence {
    fn start(generation: u64) -> Self {
        Self { generation, number: 0 }
    }

    /// Whether a number of a generation is the next one.
    #[inline]
    fn precedes(self, generation: u64, number: u64) -> bool {
        self.generation == generation && number.checked_sub(1) == Some(self.number)
    }
}

#[derive(Debug)]
struct Go {
    state: GoState,
    sequence: Sequence,
    /// The thread that it is bound to.
    thread: Slot,
    assists: bool,
    aside: Option<Box<Aside>>,
}

impl Go {
    /// Moves it on, to a state and its next place in order.
    #[inline]
    fn advance(&mut self, state: GoState) {
        self.state = state;
        self.sequence.number = self.sequence.number.saturating_add(1);
    }
}

/// What most goroutines never have, apart from what each event looks at.
#[derive(Debug, Default)]
struct Aside {
    regions: Vec<(TaskId, StringId)>,
    stops_world: Option<StringId>,
}

/// State of a goroutine, as events give it.
fn go_state(number: u64) -> Option<GoState> {
    Some(match number {
        1 => GoState::Runnable,
        2 => GoState::Running,
        3 => GoState::Syscall,
        4 => GoState::Waiting,
        _ => return None,
    })
}

/// State of a processor, as events give it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Status {
    Running,
    Idle,
    Syscall,
    /// In a system call whose thread is not known.
    Abandoned,
}

impl Status {
    fn of(number: u64) -> Option<Self> {
        Some(match number {
            1 => Self::Running,
            2 => Self::Idle,
            3 => Self::Syscall,
            4 => Self::Abandoned,
            _ => return None,
        })
    }

    /// The state that it is told as.
    fn shown(self) -> ProcState {
        match self {
            Self::Running | Self::Syscall => ProcState::Running,
            Self::Idle | Self::Abandoned => ProcState::Idle,
        }
    }
}

#[derive(Debug)]
struct Proc {
    status: Status,
    sequence: Sequence,
    /// The thread that it is bound to.
    thread: Slot,
    sweeps: bool,
}

impl Proc {
    /// Moves it on, to a status and its next place in order.
    #[inline]
    fn advance(&mut self, status: Status) {
        self.status = status;
        self.sequence.number = self.sequence.number.saturating_add(1);
    }
}

/// What a thread has: a goroutine, a processor.
#[derive(Debug, Clone, Copy)]
struct Thread {
    go: Slot,
    proc: Slot,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Collector {
    Unknown,
    Rests,
    Marks,
}

/// What is known of goroutines, processors and threads.
#[derive(Debug)]
pub(crate) struct Scheduler {
    gos: Slab<Go>,
    procs: Slab<Proc>,
    threads: Slab<Thread>,
    tasks: HashMap<TaskId, (TaskId, StringId), FixedState>,
    collector: Collector,
    cycle: u64,
    /// Rules are bent: nothing is asked of the context that an event can do without.
    bent: bool,
}

/// What an event may refer to, and where what it means is written to.
pub(crate) struct Scene<'a> {
    pub(crate) generation: u64,
    /// It is the first of the trace.
    pub(crate) first: bool,
    pub(crate) tables: &'a Tables,
    /// Time of the event told last.
    pub(crate) last: &'a mut i64,
    pub(crate) out: &'a mut Vec<Event>,
}

/// Tells an event. Time never stands still, whatever the clocks say.
// It is built where it is kept: a copy of it costs more than the rest of its way.
#[inline(always)]
pub(crate) fn tell(out: &mut Vec<Event>, last: &mut i64, mut event: Event) {
    event.time = event.time.max(last.saturating_add(1));
    *last = event.time;
    out.push(event);
}

/// Where an event happens: what its thread had before it.
#[derive(Debug, Clone, Copy)]
struct Context {
    thread: Slot,
    go: Slot,
    proc: Slot,
}

impl Scheduler {
    pub(crate) fn new() -> Self {
        Self {
            gos: Slab::default(),
            procs: Slab::default(),
            threads: Slab::default(),
            tasks: HashMap::default(),
            collector: Collector::Unknown,
            cycle: 0,
            bent: false,
        }
    }

    /// The place of a thread, which is made if it is new; none for [`NONE`].
    pub(crate) fn thread(&mut self, id: ThreadId) -> Slot {
        if id == NONE {
            return Slot::NONE;
        }
        self.threads.find_or(id, || Thread { go: Slot::NONE, proc: Slot::NONE })
    }

    /// Places an event of a thread, if it may come next.
    #[inline]
    pub(crate) fn place(&mut self, raw: &Raw, thread: Slot, scene: &mut Scene<'_>) -> Step {
        let at = self.context(thread);
        self.rule(raw, at, scene, scene.first)
    }

    /// Places an event that no rule lets in, by making the scheduler fit it. Returns whether that
    /// was possible.
    pub(crate) fn force(&mut self, raw: &Raw, thread: Slot, scene: &mut Scene<'_>) -> bool {
        if !self.repair(raw, thread, scene.generation) {
            return false;
        }
        self.bent = true;
        let at = self.context(thread);
        let placed = self.rule(raw, at, scene, true) == Step::Done;
        self.bent = false;
        placed
    }

    #[inline]
    fn context(&self, thread: Slot) -> Context {
        match self.threads.get(thread) {
            Some(has) => Context { thread, go: has.go, proc: has.proc },
            None => Context { thread, go: Slot::NONE, proc: Slot::NONE },
        }
    }

    /// Tells what an event means, in a context.
    #[inline(always)]
    fn tell(&self, scene: &mut Scene<'_>, raw: &Raw, at: Context, what: What) {
        let event = Event {
            time: raw.time,
            goroutine: self.gos.id(at.go),
            proc: self.procs.id(at.proc),
            thread: self.threads.id(at.thread),
            stack: scene.tables.stack(raw.stack),
            what,
        };
        tell(scene.out, scene.last, event);
    }

    /// Binds a goroutine to a thread, or a thread to none.
    fn bind_go(&mut self, thread: Slot, go: Slot) {
        if let Some(has) = self.threads.get_mut(thread) {
            let before = std::mem::replace(&mut has.go, go);
            if let Some(before) = self.gos.get_mut(before) {
                before.thread = Slot::NONE;
            }
            let from = self.gos.get_mut(go).map(|go| std::mem::replace(&mut go.thread, thread));
            if let Some(from) = from.filter(|from| *from != thread)
                && let Some(left) = self.threads.get_mut(from)
            {
                left.go = Slot::NONE;
            }
        }
    }

    /// Binds a processor to a thread, or a thread to none.
    fn bind_proc(&mut self, thread: Slot, proc: Slot) {
        if let Some(has) = self.threads.get_mut(thread) {
            let before = std::mem::replace(&mut has.proc, proc);
            if let Some(before) = self.procs.get_mut(before) {
                before.thread = Slot::NONE;
            }
            let from =
                self.procs.get_mut(proc).map(|proc| std::mem::replace(&mut proc.thread, thread));
            if let Some(from) = from.filter(|from| *from != thread)
                && let Some(left) = self.threads.get_mut(from)
            {
                left.proc = Slot::NONE;
            }
        }
    }

    fn add_go(&mut self, id: GoId, state: GoState, generation: u64) -> Slot {
        let go = Go {
            state,
            sequence: Sequence::start(generation),
            thread: Slot::NONE,
            assists: false,
            aside: None,
        };
        self.gos.add(id, go)
    }

    fn add_proc(&mut self, id: ProcId, status: Status, generation: u64) -> Slot {
        let sequence = Sequence::start(generation);
        self.procs.add(id, Proc { status, sequence, thread: Slot::NONE, sweeps: false })
    }

    /// Removes a goroutine that ended.
    fn remove_go(&mut self, go: Slot) {
        if let Some(thread) = self.gos.get(go).map(|go| go.thread) {
            self.bind_go(thread, Slot::NONE);
        }
        self.gos.remove(go);
    }

    fn sweep(&self, at: Context) -> Range {
        Range::Sweep(self.procs.id(at.proc))
    }
}
