//! What a trace holds, in numbers: events, goroutines, states, who woke whom.

use std::collections::{BTreeMap, BTreeSet};

use foldhash::fast::FixedState;
use indexmap::IndexMap;

use crate::event::{Event, GoId, GoState, NONE, Range, What};
use crate::names::{Names, StackId, StringId};

const HASH_START: u64 = 0xcbf2_9ce4_8422_2325;
const HASH_PRIME: u64 = 0x0100_0000_01b3;

/// A map that is read in the order in which it was filled.
type Map<K, V> = IndexMap<K, V, FixedState>;

/// Counts by name.
pub type Counts = BTreeMap<String, u64>;

/// The facts of a trace. Times are nanoseconds of the trace's clock.
#[derive(Debug, Clone, Default)]
pub struct Facts {
    /// Generations begun, and the end.
    pub syncs: u64,
    /// Events, synchronization included.
    pub events: u64,
    /// Events by kind, as Go's reader names them.
    pub by_kind: Counts,
    /// Time of the first event that is no synchronization; 0 if there is none.
    pub first: i64,
    /// Time of the last one.
    pub last: i64,
    /// FNV-1a of kind, time, goroutine, processor and thread of each event in order.
    pub order_hash: u64,
    /// XOR over goroutines of FNV-1a of each one's transitions: it depends on no other's.
    pub transition_hash: u64,
    /// Goroutines seen.
    pub goroutines: u64,
    /// Those that are older than the trace.
    pub preexisting: u64,
    /// Those created in it.
    pub created: u64,
    /// Those ended in it.
    pub destroyed: u64,
    /// Most that there were at once.
    pub peak: u64,
    /// Those created, by the function that they begin with.
    pub created_by_start: Counts,
    /// Longest chain of creations.
    pub depth: u64,
    /// Blocks by reason.
    pub blocks: Counts,
    /// Yields and preemptions by reason.
    pub stops: Counts,
    /// Times that a goroutine was given a processor.
    pub starts: u64,
    /// System calls begun.
    pub syscalls: u64,
    /// System calls that lost their processor.
    pub syscalls_blocked: u64,
    /// Goroutines that were woken.
    pub unblocks: u64,
    /// Those that a goroutine woke.
    pub unblocks_by_goroutine: u64,
    /// Wake-ups by what the woken one waited for.
    pub unblocks_by_reason: Counts,
    /// Those of them that a goroutine did.
    pub edges_by_reason: Counts,
    /// Those, by reason and by the innermost function of the one that woke.
    pub edges_by_top: Counts,
    /// Wake-ups through channels, by both source lines.
    pub channel_sites: Counts,
    /// Wake-ups through channels, but for closes.
    pub channel_edges: u64,
    /// Nanoseconds that goroutines spent in each state, waiting ones by reason.
    pub state_time: BTreeMap<String, i64>,
    /// User tasks begun, by kind.
    pub tasks: Counts,
    /// Regions entered, by kind.
    pub regions: Counts,
    /// Messages logged.
    pub logs: u64,
    /// Samples of the CPU profiler.
    pub samples: u64,
    /// Ranges begun or found active, by name.
    pub ranges: Counts,
    /// Metrics reported, by name.
    pub metrics: Counts,
    /// Threads seen.
    pub threads: u64,
    /// Processors seen.
    pub procs: u64,
    /// Labels of the collector's workers.
    pub labels: Counts,
    /// Events of experiments.
    pub experimental: u64,
}

/// What is known of a goroutine while its events come.
#[derive(Debug)]
struct Life {
    hash: u64,
    depth: u64,
    state: GoState,
    since: i64,
    reason: Waits,
    blocked_at: StackId,
    ended: bool,
}

/// What a goroutine waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Waits {
    /// It began to wait before the trace.
    Before,
    For(StringId),
}

/// Counts what may be counted by id until the names are wanted.
#[derive(Debug)]
pub struct Counter {
    facts: Facts,
    lives: Map<GoId, Life>,
    live: u64,
    threads: BTreeSet<u64>,
    procs: BTreeSet<u64>,
    last_thread: u64,
    last_proc: u64,
    kinds: [u64; 16],
    blocks: Map<StringId, u64>,
    stops: Map<StringId, u64>,
    starts: Map<StackId, u64>,
    wakes: Map<Waits, u64>,
    edges: Map<(Waits, StackId, StackId), u64>,
    spent: Map<(GoState, Waits), i64>,
}

impl Default for Counter {
    fn default() -> Self {
        Self {
            facts: Facts { order_hash: HASH_START, ..Facts::default() },
            lives: Map::default(),
            live: 0,
            threads: BTreeSet::new(),
            procs: BTreeSet::new(),
            last_thread: NONE,
            last_proc: NONE,
            kinds: [0; 16],
            blocks: Map::default(),
            stops: Map::default(),
            starts: Map::default(),
            wakes: Map::default(),
            edges: Map::default(),
            spent: Map::default(),
        }
    }
}

impl Counter {
    /// Counts an event; all of a trace have to come, in order.
    pub fn add(&mut self, names: &Names, event: &Event) {
        let facts = &mut self.facts;
        facts.events += 1;
        let (_, kind) = event.what.kind();
        if let Some(count) = usize::try_from(kind).ok().and_then(|kind| self.kinds.get_mut(kind)) {
            *count += 1;
        }
        if !matches!(event.what, What::Sync(_)) {
            if facts.first == 0 {
                facts.first = event.time;
            }
            facts.last = event.time;
        }
        for value in [kind, event.time.cast_unsigned(), event.goroutine, event.proc, event.thread] {
            facts.order_hash = hash(facts.order_hash, &value.to_le_bytes());
        }
        if event.thread != self.last_thread {
            self.last_thread = event.thread;
            self.threads.insert(event.thread);
        }
        if event.proc != self.last_proc {
            self.last_proc = event.proc;
            self.procs.insert(event.proc);
        }
        let text = |id: StringId| names.text(id).to_owned();
        match event.what {
            What::Sync(_) => facts.syncs += 1,
            What::Metric(metric, _) => one(&mut facts.metrics, metric.name().to_owned()),
            What::Label(label) => one(&mut facts.labels, text(label)),
            What::Sample => facts.samples += 1,
            What::RangeBegin(range) | What::RangeActive(range) => {
                one(&mut facts.ranges, range_name(range, names));
            }
            What::TaskBegin { name, .. } => one(&mut facts.tasks, text(name)),
            What::RegionBegin { name, .. } => one(&mut facts.regions, text(name)),
            What::Log { .. } => facts.logs += 1,
            What::Experimental => facts.experimental += 1,
            What::Proc { proc, .. } => {
                self.procs.insert(proc);
            }
            What::Go { go, from, to, reason, start } => {
                self.transition(names, event, go, from, to, reason, start);
            }
            What::RangeEnd(_) | What::TaskEnd { .. } | What::RegionEnd { .. } => {}
        }
    }

    #[expect(clippy::too_many_arguments, reason = "they are the fields of one event")]
    fn transition(
        &mut self,
        names: &Names,
        event: &Event,
        go: GoId,
        from: GoState,
        to: GoState,
        reason: StringId,
        start: StackId,
    ) {
        let facts = &mut self.facts;
        let depth = match from {
            GoState::NotExist => self.lives.get(&event.goroutine).map_or(1, |life| life.depth + 1),
            _ => 0,
        };
        let life = self.lives.entry(go).or_insert_with(|| Life {
            hash: HASH_START,
            depth: 0,
            state: GoState::Undetermined,
            since: 0,
            reason: Waits::For(StringId::EMPTY),
            blocked_at: StackId::NONE,
            ended: false,
        });
        life.hash = hash(life.hash, &(from as u64).to_le_bytes());
        life.hash = hash(life.hash, &(to as u64).to_le_bytes());
        life.hash = hash(life.hash, names.text(reason).as_bytes());
        if life.since != 0 && !matches!(from, GoState::Undetermined | GoState::NotExist) {
            let waits = waits(from, life.reason);
            let spent = self.spent.entry((from, waits)).or_default();
            *spent = spent.saturating_add(event.time.saturating_sub(life.since));
        }
        match from {
            GoState::NotExist => {
                facts.created += 1;
                life.depth = depth;
                facts.depth = facts.depth.max(depth);
                *self.starts.entry(start).or_default() += 1;
                self.live += 1;
            }
            GoState::Undetermined => {
                facts.preexisting += 1;
                self.live += 1;
                if to == GoState::Waiting {
                    life.reason = Waits::Before;
                }
            }
            _ => {}
        }
        facts.peak = facts.peak.max(self.live);
        match (from, to) {
            (_, GoState::NotExist) => {
                facts.destroyed += 1;
                life.ended = true;
                self.live = self.live.saturating_sub(1);
            }
            (GoState::Running, GoState::Waiting) => {
                life.reason = Waits::For(reason);
                life.blocked_at = event.stack;
                *self.blocks.entry(reason).or_default() += 1;
            }
            (GoState::Running, GoState::Runnable) => *self.stops.entry(reason).or_default() += 1,
            (GoState::Runnable, GoState::Running) => facts.starts += 1,
            (GoState::Running, GoState::Syscall) => facts.syscalls += 1,
            (GoState::Syscall, GoState::Runnable) => facts.syscalls_blocked += 1,
            (GoState::Waiting, GoState::Runnable) => {
                facts.unblocks += 1;
                *self.wakes.entry(life.reason).or_default() += 1;
                if event.goroutine != NONE {
                    facts.unblocks_by_goroutine += 1;
                    let edge = (life.reason, event.stack, life.blocked_at);
                    *self.edges.entry(edge).or_default() += 1;
                }
            }
            _ => {}
        }
        life.state = to;
        life.since = event.time;
    }

    /// The facts of what was counted.
    pub fn finish(mut self, names: &Names) -> Facts {
        let mut facts = self.facts;
        for life in self.lives.values() {
            if life.since != 0 && !life.ended {
                let key = (life.state, waits(life.state, life.reason));
                let spent = self.spent.entry(key).or_default();
                *spent = spent.saturating_add(facts.last.saturating_sub(life.since));
            }
        }
        let mut kinds = Counts::new();
        for (kind, count) in KINDS.iter().zip(self.kinds) {
            if count > 0 {
                kinds.insert((*kind).to_owned(), count);
            }
        }
        facts.by_kind = kinds;
        facts.goroutines = self.lives.len() as u64;
        facts.transition_hash =
            self.lives.iter().fold(0, |all, (id, life)| all ^ hash(life.hash, &id.to_le_bytes()));
        self.threads.remove(&NONE);
        self.procs.remove(&NONE);
        facts.threads = self.threads.len() as u64;
        facts.procs = self.procs.len() as u64;
        let text = |id: StringId| names.text(id).to_owned();
        for (reason, count) in self.blocks {
            add(&mut facts.blocks, text(reason), count);
        }
        for (reason, count) in self.stops {
            add(&mut facts.stops, text(reason), count);
        }
        for (start, count) in self.starts {
            let function = names.top(start).map_or_else(String::new, |top| text(top.function));
            add(&mut facts.created_by_start, function, count);
        }
        for (reason, count) in self.wakes {
            add(&mut facts.unblocks_by_reason, waits_name(reason, names), count);
        }
        for ((reason, waker, blocked), count) in self.edges {
            let reason = waits_name(reason, names);
            let top = names.top(waker).map_or("", |top| names.text(top.function));
            add(&mut facts.edges_by_reason, reason.clone(), count);
            add(&mut facts.edges_by_top, format!("{reason} <- {top}"), count);
            let by_channel = matches!(&*reason, "chan send" | "chan receive" | "select")
                && ["runtime.chan", "runtime.select"].iter().any(|name| top.starts_with(name));
            if by_channel {
                facts.channel_edges += count;
                let [waker, blocked] = [waker, blocked].map(|stack| user_site(stack, names));
                let site = format!("[{top}] {waker} => [{reason}] {blocked}");
                add(&mut facts.channel_sites, site, count);
            }
        }
        for ((state, reason), time) in self.spent {
            let mut name = state.name().to_owned();
            if state == GoState::Waiting {
                name = format!("{name}:{}", waits_name(reason, names));
            }
            let sum = facts.state_time.entry(name).or_default();
            *sum = sum.saturating_add(time);
        }
        facts
    }
}

const KINDS: [&str; 15] = [
    "Bad",
    "Sync",
    "Metric",
    "Label",
    "StackSample",
    "RangeBegin",
    "RangeActive",
    "RangeEnd",
    "TaskBegin",
    "TaskEnd",
    "RegionBegin",
    "RegionEnd",
    "Log",
    "StateTransition",
    "Experimental",
];

/// Name of a range, as Go's tools print it.
pub fn range_name(range: Range, names: &Names) -> String {
    match range {
        Range::StopTheWorld(why) => format!("stop-the-world ({})", names.text(why)),
        Range::Mark => "GC concurrent mark phase".to_owned(),
        Range::Sweep(_) => "GC incremental sweep".to_owned(),
        Range::Assist(_) => "GC mark assist".to_owned(),
    }
}

/// The innermost call of a stack that is neither the runtime's nor a lock's, as
/// `function@file:line`; empty if there is none.
pub fn user_site(stack: StackId, names: &Names) -> String {
    let inner = |function: &str| {
        ["runtime.", "sync.", "internal/"].iter().any(|name| function.starts_with(name))
    };
    let mut frames = names.frames(stack);
    let Some(frame) = frames.find(|frame| !inner(names.text(frame.function))) else {
        return String::new();
    };
    let file = names.text(frame.file);
    let base = file.rsplit('/').next().unwrap_or(file);
    format!("{}@{base}:{}", names.text(frame.function), frame.line)
}

fn waits(state: GoState, reason: Waits) -> Waits {
    if state == GoState::Waiting { reason } else { Waits::For(StringId::EMPTY) }
}

fn waits_name(reason: Waits, names: &Names) -> String {
    match reason {
        Waits::Before => "(before trace)".to_owned(),
        Waits::For(reason) => names.text(reason).to_owned(),
    }
}

fn one(counts: &mut Counts, name: String) {
    add(counts, name, 1);
}

fn add(counts: &mut Counts, name: String, count: u64) {
    let all = counts.entry(name).or_default();
    *all = all.saturating_add(count);
}

fn hash(start: u64, bytes: &[u8]) -> u64 {
    bytes.iter().fold(start, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(HASH_PRIME))
}
