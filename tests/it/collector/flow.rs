//! Tracing: switches, rings, and what is lost.

use instrument::collector::Collector;
use tests::{Scratch, forge, until};
use wire::frame::FlowEvent;

use super::{Seen, Sleeper, collector, poll, trace};

struct Traced {
    folder: Scratch,
    target: forge::Target,
    collector: Collector,
    seen: Seen,
    handle: u32,
}

/// A process with two packages of three entries each, four units apart, that is watched.
fn watched(pid: u32) -> Traced {
    let folder = Scratch::in_memory("collector");
    let mut target = forge::Target::new(folder.path(), pid, &["shop"]);
    target.register(&forge::table("example.com/a", "a", 3, 4));
    target.register(&forge::table("example.com/b", "b", 3, 4));
    let mut collector = collector(folder.path());
    let mut seen = Seen::default();
    let handle = seen.poll(&mut collector).only().process.handle;
    Traced { folder, target, collector, seen, handle }
}

impl Traced {
    fn request(&mut self, on: bool, package: Option<u32>, units: &[u32]) -> u32 {
        let mut frames = Vec::new();
        self.collector.request(trace(self.handle, on, package, units), &mut frames);
        assert_eq!(frames.len(), 1, "{frames:?}");
        self.seen.take(frames).only().n_traced
    }

    fn modes(&self) -> [Vec<u64>; 2] {
        [self.target.modes(0, 3), self.target.modes(1, 3)]
    }

    /// Events and losses since the last call.
    fn events(&mut self) -> (Vec<FlowEvent>, u64) {
        self.seen.poll(&mut self.collector);
        let process = self.seen.process(self.handle);
        (std::mem::take(&mut process.events), std::mem::take(&mut process.lost))
    }
}

#[test]
fn tracing_is_switched_by_program_package_and_function() {
    let mut traced = watched(std::process::id());
    let name = format!("{}.flow", traced.target.name());
    assert!(!traced.folder.join(&name).exists());
    assert_eq!(traced.request(true, Some(1), &[4]), 1);
    assert_eq!(traced.modes(), [[0, 0, 0], [0, 1, 0]]);
    assert!(traced.folder.join(&name).exists());
    assert_eq!(traced.target.u64_at(80), 1, "the target is told that its rings are there");
    assert_eq!(traced.request(true, Some(0), &[]), 4);
    assert_eq!(traced.modes(), [[1, 1, 1], [0, 1, 0]]);
    assert_eq!(traced.request(false, Some(0), &[0, 8]), 2);
    assert_eq!(traced.modes(), [[0, 1, 0], [0, 1, 0]]);
    assert_eq!(traced.request(true, None, &[]), 6);
    assert_eq!(traced.modes(), [[1; 3], [1; 3]]);
    // A package that comes later is part of the program as well.
    traced.target.register(&forge::table("example.com/c", "c", 2, 1));
    traced.seen.poll(&mut traced.collector);
    assert_eq!(traced.seen.only().n_traced, 8);
    assert_eq!(traced.target.modes(2, 2), [1, 1]);
    assert_eq!(traced.request(false, None, &[]), 0);
    assert_eq!(traced.modes(), [[0; 3], [0; 3]]);
    assert_eq!(traced.target.modes(2, 2), [0, 0]);
    // Units that are none, packages that are none, processes that are none.
    assert_eq!(traced.request(true, Some(0), &[1, 99, u32::MAX]), 0);
    assert_eq!(traced.request(true, Some(9), &[]), 0);
    let mut frames = Vec::new();
    traced.collector.request(trace(99, true, None, &[]), &mut frames);
    assert_eq!(frames, [wire::AgentToRelay::Tracing { handle: 99, entries: 0 }]);
}

#[test]
fn events_are_told_oldest_first_with_their_age() {
    let mut traced = watched(std::process::id());
    traced.request(true, None, &[]);
    let flow = traced.target.flow();
    let now = forge::now_ms();
    flow.event(2, 21, (1, 8), now - 10);
    flow.event(2, 22, (1, 4), now - 30);
    flow.event(0, 20, (0, 0), now - 20);
    flow.event(0, 20, (0, 4), now - 20);
    let mut frames = Vec::new();
    traced.collector.poll(now, &mut frames);
    let events = traced.seen.take(frames).only().events.clone();
    let event =
        |goroutine, package, unit, age_ms| FlowEvent { package, unit, goroutine, label: 7, age_ms };
    let expected =
        [event(22, 1, 4, 30), event(20, 0, 0, 20), event(20, 0, 4, 20), event(21, 1, 8, 10)];
    assert_eq!(events, expected);
    assert_eq!(traced.seen.only().lost, 0);
    assert_eq!(poll(&mut traced.collector), []);
}

#[test]
fn rings_go_round_without_loss_while_they_are_read() {
    let mut traced = watched(std::process::id());
    traced.request(true, None, &[]);
    let flow = traced.target.flow();
    let mut goroutines = Vec::new();
    for round in 0..7 {
        for number in 0..1000 {
            flow.event(3, round * 1000 + number, (0, 0), 0);
        }
        let (events, lost) = traced.events();
        assert_eq!(lost, 0);
        goroutines.extend(events.iter().map(|event| event.goroutine));
    }
    assert!(7000 > flow.capacity);
    assert_eq!(goroutines, (0..7000).collect::<Vec<u64>>());
}

#[test]
fn events_that_were_overwritten_are_counted() {
    let mut traced = watched(std::process::id());
    traced.request(true, None, &[]);
    let flow = traced.target.flow();
    for number in 0..flow.capacity + 100 {
        flow.event(3, number, (0, 0), 0);
    }
    let (events, lost) = traced.events();
    assert_eq!(lost, 100);
    assert_eq!(events.len() as u64, flow.capacity);
    assert_eq!(events[0].goroutine, 100);
}

#[test]
fn bursts_are_told_in_pieces_and_lose_nothing() {
    let mut traced = watched(std::process::id());
    traced.request(true, None, &[]);
    let flow = traced.target.flow();
    for number in 0..3000 {
        for shard in 0..4 {
            flow.event(shard, number, (0, 0), shard);
        }
    }
    let (first, _) = traced.events();
    assert_eq!(first.len(), 4096);
    let mut n_events = first.len();
    for _ in 0..3 {
        let (events, lost) = traced.events();
        assert_eq!(lost, 0);
        n_events += events.len();
    }
    assert_eq!(n_events, 12_000);
}

#[test]
fn an_event_that_is_being_written_is_waited_for_and_then_given_up() {
    let mut traced = watched(std::process::id());
    traced.request(true, None, &[]);
    let flow = traced.target.flow();
    flow.event(0, 1, (0, 0), 0);
    let slow = flow.begin(0);
    flow.event(0, 3, (0, 0), 0);
    let goroutines =
        |events: &[FlowEvent]| -> Vec<u64> { events.iter().map(|event| event.goroutine).collect() };
    let (events, lost) = traced.events();
    assert_eq!((goroutines(&events), lost), (vec![1], 0));
    flow.finish(0, slow, 2, (0, 0), 0);
    let (events, lost) = traced.events();
    assert_eq!((goroutines(&events), lost), (vec![2, 3], 0));
    flow.begin(0);
    flow.event(0, 5, (0, 0), 0);
    let mut all = (Vec::new(), 0);
    until("the event behind one that is never finished", || {
        let (events, lost) = traced.events();
        all.0.extend(goroutines(&events));
        all.1 += lost;
        (!all.0.is_empty()).then_some(())
    });
    assert_eq!(all, (vec![5], 1));
}

#[test]
fn events_that_name_no_entry_and_heads_that_jump_are_lost_and_harmless() {
    let mut traced = watched(std::process::id());
    traced.request(true, None, &[]);
    let flow = traced.target.flow();
    for place in [(0, 1), (9, 0), (0, u32::MAX), (u32::MAX, u32::MAX)] {
        flow.event(0, 1, place, 0);
    }
    flow.event(0, 2, (1, 8), u64::MAX);
    let (events, lost) = traced.events();
    assert_eq!((events.len(), events[0].age_ms, lost), (1, 0, 4));
    flow.set_head(1, u64::MAX);
    let (events, lost) = traced.events();
    // The oldest slots of the ring are not even old events: they are waited for.
    assert_eq!((events.len(), lost), (0, u64::MAX - flow.capacity));
    flow.set_head(1, 3);
    let (events, lost) = traced.events();
    assert_eq!((events.len(), lost), (0, 0));
    flow.event(1, 5, (0, 0), 0);
    let (events, lost) = traced.events();
    assert_eq!((events.len(), events[0].goroutine, lost), (1, 5, 0));
}

#[test]
fn a_dead_process_leaves_its_last_events() {
    let mut sleeper = Sleeper::new();
    let mut traced = watched(sleeper.pid());
    traced.request(true, None, &[]);
    let flow = traced.target.flow();
    for number in 0..4000 {
        flow.event(0, number, (0, 0), 0);
        flow.event(1, number, (0, 0), 0);
        flow.event(2, number, (0, 0), 0);
    }
    flow.begin(1);
    sleeper.kill(true);
    let (events, lost) = traced.events();
    assert_eq!((events.len(), lost), (12_000, 1));
    traced.collector.settle();
    assert_eq!(std::fs::read_dir(traced.folder.path()).expect("it is there").count(), 0);
}

#[test]
fn tracing_goes_on_with_another_collector_and_stops_with_the_last() {
    let mut traced = watched(std::process::id());
    traced.request(true, Some(0), &[]);
    let flow = traced.target.flow();
    flow.event(0, 1, (0, 0), 0);
    // The first collector is gone without a word.
    traced.collector = collector(traced.folder.path());
    traced.seen = Seen::default();
    let process = traced.seen.poll(&mut traced.collector).only();
    assert_eq!(process.n_traced, 3);
    traced.handle = process.process.handle;
    flow.event(0, 2, (0, 0), 0);
    let (events, lost) = traced.events();
    assert_eq!((events.len(), events[0].goroutine, lost), (1, 2, 0));
    assert_eq!(traced.request(true, None, &[]), 6);
    traced.collector.stop();
    assert_eq!(traced.modes(), [[0; 3], [0; 3]]);
}

#[test]
fn a_flow_file_that_is_not_the_collectors_is_not_used() {
    let mut traced = watched(std::process::id());
    let path = traced.folder.join(format!("{}.flow", traced.target.name()));
    std::fs::create_dir(&path).expect("a folder can be made");
    assert_eq!(traced.request(true, None, &[]), 0);
    assert_eq!(traced.modes(), [[0; 3], [0; 3]]);
    assert_eq!(traced.target.u64_at(80), 0);
    std::fs::remove_dir(&path).expect("it can be removed");
    // A target that says that its rings are there, and lies about their size.
    traced.request(true, None, &[]);
    traced.target.put_u32(76, 1 << 31);
    let mut other = collector(traced.folder.path());
    let mut seen = Seen::default();
    seen.poll(&mut other).poll(&mut other);
    assert_eq!(seen.only().counts.len(), 0);
}

#[test]
fn a_flow_file_without_its_process_is_removed() {
    let mut sleeper = Sleeper::new();
    let mut traced = watched(sleeper.pid());
    traced.request(true, None, &[]);
    let path = traced.folder.join(format!("{}.flow", traced.target.name()));
    std::fs::remove_file(&traced.target.path).expect("it can be removed");
    let mut collector = collector(traced.folder.path());
    poll(&mut collector);
    assert!(path.exists());
    sleeper.kill(true);
    poll(&mut collector);
    assert!(!path.exists());
}
