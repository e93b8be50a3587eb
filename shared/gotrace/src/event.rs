//! Events, in the order in which they happened.

use crate::names::{StackId, StringId};

/// Id of a goroutine, as the runtime gives it. Used twice in a run by threads of C that call Go only.
pub type GoId = u64;
/// Id of a P: a processor of the scheduler, from 0.
pub type ProcId = u64;
/// Id of a thread of the operating system.
pub type ThreadId = u64;
/// Id of a user task; [`BACKGROUND`] is the one that is always there.
pub type TaskId = u64;

/// No goroutine, processor, thread or task.
pub const NONE: u64 = u64::MAX;
/// The task of regions and logs that belong to none.
pub const BACKGROUND: TaskId = 0;

/// One thing that happened, and where. A state transition is told in the context before it: a
/// goroutine that starts to run does so on a thread that has none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Event {
    /// When, in nanoseconds of the trace's clock; grows by at least 1 from event to event.
    pub time: i64,
    /// The goroutine that ran there, or [`NONE`].
    pub goroutine: GoId,
    /// The processor it happened on, or [`NONE`].
    pub proc: ProcId,
    /// The thread it happened on, or [`NONE`].
    pub thread: ThreadId,
    /// What the goroutine was doing.
    pub stack: StackId,
    /// What happened.
    pub what: What,
}

/// What happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum What {
    /// A generation begins, or the trace ends. The first is 1.
    Sync(u32),
    /// A number that the runtime reports.
    Metric(Metric, u64),
    /// The kind of work that a worker of the collector does.
    Label(StringId),
    /// The CPU profiler looked: the event's stack was running.
    Sample,
    /// Something that takes a while begins.
    RangeBegin(Range),
    /// It began before, perhaps before the trace.
    RangeActive(Range),
    /// It ends.
    RangeEnd(Range),
    /// A user task begins.
    TaskBegin {
        /// The task.
        task: TaskId,
        /// The task it belongs to, or [`NONE`].
        parent: TaskId,
        /// Its kind.
        name: StringId,
    },
    /// A user task ends.
    TaskEnd {
        /// The task.
        task: TaskId,
        /// The task it belongs to, or [`NONE`] if its begin was not seen.
        parent: TaskId,
        /// Its kind; empty if its begin was not seen.
        name: StringId,
    },
    /// The goroutine enters a region.
    RegionBegin {
        /// The task it belongs to.
        task: TaskId,
        /// Its kind.
        name: StringId,
    },
    /// The goroutine leaves a region.
    RegionEnd {
        /// The task it belongs to.
        task: TaskId,
        /// Its kind.
        name: StringId,
    },
    /// The program says something.
    Log {
        /// The task it belongs to.
        task: TaskId,
        /// Its category.
        key: StringId,
        /// Its text.
        value: StringId,
    },
    /// A processor changes its state.
    Proc {
        /// The processor.
        proc: ProcId,
        /// Its state before.
        from: ProcState,
        /// Its state from now on.
        to: ProcState,
    },
    /// A goroutine changes its state.
    Go {
        /// The goroutine.
        go: GoId,
        /// Its state before.
        from: GoState,
        /// Its state from now on.
        to: GoState,
        /// Why it blocked or stopped; empty otherwise.
        reason: StringId,
        /// Where a goroutine that is created will begin.
        start: StackId,
    },
    /// An event of an experiment, whose meaning is not defined.
    Experimental,
}

/// A number that the runtime reports.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Metric {
    /// Processors in use (GOMAXPROCS).
    Procs,
    /// Bytes of live and unswept objects.
    HeapAlloc,
    /// Bytes at which the collector wants to be done.
    HeapGoal,
}

impl Metric {
    /// Its name in `runtime/metrics`, with its unit.
    pub fn name(self) -> &'static str {
        match self {
            Self::Procs => "/sched/gomaxprocs:threads",
            Self::HeapAlloc => "/memory/classes/heap/objects:bytes",
            Self::HeapGoal => "/gc/heap/goal:bytes",
        }
    }
}

/// Something of the runtime's that takes a while.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Range {
    /// Nothing runs but this goroutine, for the reason given.
    StopTheWorld(StringId),
    /// The collector marks.
    Mark,
    /// This processor sweeps.
    Sweep(ProcId),
    /// This goroutine has to help the collector.
    Assist(GoId),
}

/// State of a goroutine. The numbers are those of Go's own reader.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum GoState {
    /// It exists, but nothing is known of it.
    Undetermined = 0,
    /// Not created yet, or ended.
    NotExist = 1,
    /// It could run, if there were a processor for it.
    Runnable = 2,
    /// It runs.
    Running = 3,
    /// It waits for something.
    Waiting = 4,
    /// It is inside of a system call.
    Syscall = 5,
}

impl GoState {
    /// Its name, as Go's tools print it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Undetermined => "Undetermined",
            Self::NotExist => "NotExist",
            Self::Runnable => "Runnable",
            Self::Running => "Running",
            Self::Waiting => "Waiting",
            Self::Syscall => "Syscall",
        }
    }
}

/// State of a processor. The numbers are those of Go's own reader.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum ProcState {
    /// It exists, but nothing is known of it.
    Undetermined = 0,
    /// Not there.
    NotExist = 1,
    /// It runs goroutines, or waits for a system call to return.
    Running = 2,
    /// It has nothing to do.
    Idle = 3,
}

impl What {
    /// Name and number of the event's kind in Go's own reader.
    pub fn kind(&self) -> (&'static str, u64) {
        match self {
            Self::Sync(_) => ("Sync", 1),
            Self::Metric(..) => ("Metric", 2),
            Self::Label(_) => ("Label", 3),
            Self::Sample => ("StackSample", 4),
            Self::RangeBegin(_) => ("RangeBegin", 5),
            Self::RangeActive(_) => ("RangeActive", 6),
            Self::RangeEnd(_) => ("RangeEnd", 7),
            Self::TaskBegin { .. } => ("TaskBegin", 8),
            Self::TaskEnd { .. } => ("TaskEnd", 9),
            Self::RegionBegin { .. } => ("RegionBegin", 10),
            Self::RegionEnd { .. } => ("RegionEnd", 11),
            Self::Log { .. } => ("Log", 12),
            Self::Proc { .. } | Self::Go { .. } => ("StateTransition", 13),
            Self::Experimental => ("Experimental", 14),
        }
    }
}
