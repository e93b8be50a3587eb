//! What is told of a slice that was chosen, and of the goroutine it belongs to.

use gotrace::trace::{Edge, Go, StateTimes};
use gotrace::{Frame, Names, StackId, Trace, Wake};
use serde::{Deserialize, Serialize};

use gotrace::event::GoState;

use super::colors::Shades;
use super::joined::{Ran, is_runtime, ran};
use super::passed::Parcels;

/// Most names of tasks and regions that are told.
const MOST_NAMES: usize = 8;

/// A goroutine by its id, at a time in nanoseconds.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Place {
    /// The goroutine's id.
    pub id: f64,
    /// When.
    pub time: f64,
}

/// A call.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Call {
    /// The function.
    pub function: String,
    /// Its file; empty if it is not known.
    pub file: String,
    /// The line in it.
    pub line: u32,
}

/// One goroutine woke another.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Woken {
    /// The other one, shortly before or after; none where it was a timer, the network or the
    /// runtime.
    pub other: Option<Place>,
    /// The function it began with.
    pub function: String,
    /// What it was about.
    pub about: String,
    /// When, in nanoseconds.
    pub time: f64,
    /// Where the waker was.
    pub waker: Option<Call>,
    /// Where the other one waited.
    pub waiting: Option<Call>,
}

/// A slice, and its goroutine.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Detail {
    /// The goroutine's id.
    pub id: f64,
    /// The function it began with.
    pub function: String,
    /// The goroutine that created it.
    pub creator: Option<Place>,
    /// The creator's function.
    pub creator_function: String,
    /// Where it was created.
    pub created_at: Option<Call>,
    /// Goroutines that it created.
    pub children: u32,
    /// When it was created; none if it is older than the trace.
    pub born: Option<f64>,
    /// When it ended, if it did.
    pub died: Option<f64>,
    /// Name of the slice's shade.
    pub shade: String,
    /// What it does, with the reason.
    pub state: String,
    /// The processor it runs on.
    pub proc: Option<u32>,
    /// When the slice begins.
    pub begin: f64,
    /// When it ends, at the latest with the trace.
    pub end: f64,
    /// It goes on to the end of the trace.
    pub stuck: bool,
    /// Which slice it is, from 1, and of how many.
    pub number: [u32; 2],
    /// Its calls, innermost first; they may be those of a slice before.
    pub stack: Vec<Call>,
    /// How it came to run: who woke it last.
    pub woken: Option<Woken>,
    /// Whom it wakes next.
    pub wakes: Option<Woken>,
    /// Nanoseconds in each of [`StateTimes::STATES`].
    pub totals: [f64; 4],
    /// Names of the regions that it is in, the innermost last.
    pub regions: Vec<String>,
    /// Kinds of the tasks of those.
    pub tasks: Vec<String>,
    /// The first of the functions that the goroutine was in, as far as stacks tell.
    pub ran: Vec<Ran>,
    /// How many functions those are in all.
    pub n_ran: u32,
    /// What the goroutine sent and received, where the program recorded it.
    pub passed: Option<Parcels>,
}

/// What a goroutine does, in a few words.
pub fn state(names: &Names, slice: &gotrace::trace::Slice) -> String {
    let name = match slice.state {
        GoState::Running => "running",
        GoState::Runnable => "runnable",
        GoState::Waiting => "waiting",
        GoState::Syscall => "system call",
        GoState::Undetermined | GoState::NotExist => "not there",
    };
    match names.text(slice.reason) {
        "" => name.to_owned(),
        reason => format!("{name}: {reason}"),
    }
}

/// The name of a function that a goroutine began with.
pub fn function(names: &Names, trace: &Trace, go: Go) -> String {
    let name = trace.goroutine(go).map_or("", |goroutine| names.text(goroutine.function));
    if name.is_empty() { "(unknown)".to_owned() } else { name.to_owned() }
}

/// Everything about the slice of a goroutine that a time is in, or the nearest one.
pub fn detail(names: &Names, trace: &Trace, go: Go, time: u64) -> Option<Detail> {
    let goroutine = trace.goroutine(go)?;
    let track = &goroutine.track;
    let slices = track.slices();
    let index = slices.partition_point(|slice| slice.begin <= time).saturating_sub(1);
    let slice = slices.get(index)?;
    let end = track.end(index, trace.duration);
    // One that starts to run does so where it stopped.
    let stack = slices.get(..=index)?.iter().rev().map(|slice| slice.stack);
    let stack = stack.into_iter().find(|stack| *stack != StackId::NONE).unwrap_or(StackId::NONE);
    let shade = Shades::default().of(names, slice.state, slice.reason);
    let regions: Vec<_> = trace
        .regions
        .iter()
        .filter(|region| {
            region.go == go && region.begin <= time && region.end.is_none_or(|end| end > time)
        })
        .take(MOST_NAMES)
        .collect();
    let mut tasks: Vec<String> = Vec::new();
    for region in &regions {
        let of = trace.tasks.iter().find(|task| task.id == region.task);
        let name = of.map_or("", |task| names.text(task.name));
        if !name.is_empty() && !tasks.iter().any(|task| task == name) {
            tasks.push(name.to_owned());
        }
    }
    let waker = if slice.state == GoState::Waiting {
        trace.edge_to(go, end)
    } else {
        let waits = slices.get(..index)?.iter().rposition(|slice| slice.state == GoState::Waiting);
        waits.and_then(|waits| trace.edge_to(go, track.end(waits, trace.duration)))
    };
    let next = trace.edges_between(slice.begin, u64::MAX).iter().find(|edge| edge.from == go);
    let children = trace.goroutines.iter().filter(|other| other.parent == go).count();
    let creator = trace.goroutine(goroutine.parent);
    let (ran, n_ran) = ran(names, trace, go);
    Some(Detail {
        id: goroutine.id as f64,
        function: function(names, trace, go),
        creator: creator.map(|of| Place { id: of.id as f64, time: goroutine.begin as f64 }),
        creator_function: creator
            .map_or_else(String::new, |_| function(names, trace, goroutine.parent)),
        created_at: names.top(goroutine.created_at).map(|frame| call(names, frame)),
        children: u32::try_from(children).unwrap_or(u32::MAX),
        born: goroutine.created.then_some(goroutine.begin as f64),
        died: goroutine.end.map(|end| end as f64),
        shade: shade.map_or("other", |shade| shade.name()).to_owned(),
        state: state(names, slice),
        proc: (slice.proc != u16::MAX).then_some(slice.proc.into()),
        begin: slice.begin as f64,
        end: end as f64,
        stuck: goroutine.end.is_none() && index + 1 == slices.len(),
        number: [index + 1, slices.len()].map(|count| u32::try_from(count).unwrap_or(u32::MAX)),
        stack: names.frames(stack).map(|frame| call(names, frame)).collect(),
        woken: waker.map(|edge| woken(names, trace, edge, edge.from)),
        wakes: next.map(|edge| woken(names, trace, edge, edge.to)),
        totals: StateTimes::STATES
            .map(|state| track.times(0, u64::MAX, trace.duration).of(state) as f64),
        regions: regions.iter().map(|region| names.text(region.name).to_owned()).collect(),
        tasks,
        ran,
        n_ran,
        passed: None,
    })
}

fn woken(names: &Names, trace: &Trace, edge: &Edge, other: Go) -> Woken {
    let place = trace.goroutine(other).map(|of| Place { id: of.id as f64, time: edge.time as f64 });
    Woken {
        function: match place {
            Some(_) => function(names, trace, other),
            None if edge.wake == Wake::Timer => "a timer".to_owned(),
            None if edge.wake == Wake::Network => "the network".to_owned(),
            None => "the runtime".to_owned(),
        },
        other: place,
        about: edge.wake.name().to_owned(),
        time: edge.time as f64,
        waker: site(names, edge.waker),
        waiting: site(names, edge.waiting),
    }
}

/// The place of a stack that says most: the innermost call that is not the runtime's own.
pub fn site(names: &Names, stack: StackId) -> Option<Call> {
    let own = names.frames(stack).find(|frame| !is_runtime(names.text(frame.function)));
    own.or_else(|| names.top(stack)).map(|frame| call(names, frame))
}

fn call(names: &Names, frame: Frame) -> Call {
    Call {
        function: names.text(frame.function).to_owned(),
        file: names.text(frame.file).to_owned(),
        line: frame.line,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trace::testing;

    #[test]
    fn a_slice_tells_who_woke_it_and_where() {
        let (names, trace) = testing::family();
        let detail = detail(&names, &trace, Go(0), 60).expect("it is there");
        assert_eq!((detail.id, detail.function.as_str()), (1.0, "main.main"));
        assert_eq!(
            (detail.state.as_str(), detail.shade.as_str()),
            ("waiting: chan receive", "channel")
        );
        assert_eq!((detail.begin, detail.end, detail.number), (30.0, 90.0, [2, 4]));
        assert!(!detail.stuck && detail.creator.is_none() && detail.born.is_none());
        let functions: Vec<&str> = detail.stack.iter().map(|call| call.function.as_str()).collect();
        assert_eq!(functions, ["runtime.chanrecv1", "main.main"]);
        let woken = detail.woken.expect("somebody sent");
        assert_eq!(woken.other, Some(Place { id: 3.0, time: 90.0 }));
        assert_eq!((woken.function.as_str(), woken.about.as_str()), ("main.worker", "send"));
        assert_eq!(woken.waker.map(|call| call.line), Some(20));
        assert_eq!(woken.waiting.map(|call| call.line), Some(10));
        assert_eq!(detail.children, 2);
    }

    #[test]
    fn a_goroutine_that_is_stuck_says_so() {
        let (names, trace) = testing::family();
        let stuck = detail(&names, &trace, Go(1), 1_000).expect("it is there");
        assert!(stuck.stuck);
        assert_eq!((stuck.state.as_str(), stuck.end), ("waiting: sync", 200.0));
        assert_eq!(stuck.creator, Some(Place { id: 1.0, time: 10.0 }));
        assert_eq!(stuck.created_at.as_ref().map(|call| call.line), Some(10));
        assert_eq!(stuck.totals, [30.0, 10.0, 150.0, 0.0]);
        let waker = detail(&names, &trace, Go(2), 70).expect("it is there");
        let wakes = waker.wakes.expect("it sends");
        assert_eq!(wakes.other, Some(Place { id: 1.0, time: 90.0 }));
        assert_eq!((waker.died, waker.stuck), (Some(100.0), false));
        assert!(detail(&names, &trace, Go(9), 0).is_none());
    }
}
