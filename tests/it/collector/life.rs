//! What happens when processes end, however they end.

use instrument::collector::Collector;
use tests::{Scratch, forge, until};
use wire::frame::State;

use super::{Seen, Sleeper, collector, poll};

fn polled_until_ended(seen: &mut Seen, collector: &mut Collector) {
    until("the end of all processes", || {
        seen.poll(collector);
        seen.processes.values().all(|process| process.state == State::Ended).then_some(())
    });
}

#[test]
fn the_last_counts_of_a_killed_process_are_told_before_its_end() {
    for reap in [true, false] {
        let folder = Scratch::in_memory("collector");
        let mut sleeper = Sleeper::new();
        let mut target = forge::Target::new(folder.path(), sleeper.pid(), &["sleep"]);
        target.register(&forge::table("example.com/a", "a", 1, 4));
        target.count(0, 0, 1);
        let mut collector = collector(folder.path());
        let mut seen = Seen::default();
        assert_eq!(seen.poll(&mut collector).only().state, State::Running);
        target.count(0, 0, 1234);
        target.count(0, 3, 5678);
        sleeper.kill(reap);
        polled_until_ended(&mut seen, &mut collector);
        assert_eq!(seen.only().counts_of(0), [(0, 1234), (3, 5678)]);
        assert!(target.path.exists(), "the file stays until the end has arrived");
        assert_eq!(poll(&mut collector), []);
        collector.settle();
        assert!(!target.path.exists());
        assert_eq!(poll(&mut collector), []);
        assert_eq!(collector.refused().count(), 0);
    }
}

#[test]
fn an_end_that_did_not_arrive_is_told_again() {
    let folder = Scratch::in_memory("collector");
    let mut sleeper = Sleeper::new();
    let mut target = forge::Target::new(folder.path(), sleeper.pid(), &["sleep"]);
    target.register(&forge::table("example.com/a", "a", 1, 4));
    target.count(0, 0, 1234);
    sleeper.kill(true);
    let mut collector = collector(folder.path());
    let first = poll(&mut collector);
    collector.announce();
    let second = poll(&mut collector);
    assert_eq!(first.len(), 5, "process, table, packages, counts, state: {first:?}");
    for frames in [first, second] {
        let mut seen = Seen::default();
        let process = seen.take(frames).only();
        assert_eq!((process.state, process.counts_of(0)), (State::Ended, vec![(0, 1234)]));
    }
    // The same for a collector that starts where another one was killed.
    let mut other = super::collector(folder.path());
    let mut seen = Seen::default();
    assert_eq!(seen.poll(&mut other).only().counts_of(0), [(0, 1234)]);
    other.settle();
    assert!(!target.path.exists());
}

#[test]
fn a_process_that_died_before_anybody_looked_ended_when_its_file_was_touched() {
    let folder = Scratch::in_memory("collector");
    let mut sleeper = Sleeper::new();
    let target = forge::Target::new(folder.path(), sleeper.pid(), &["sleep"]);
    sleeper.kill(true);
    let touched = forge::now_ms();
    let mut collector = collector(folder.path());
    let mut frames = Vec::new();
    collector.poll(touched + 3_600_000, &mut frames);
    let mut seen = Seen::default();
    let process = seen.take(frames).only();
    assert_eq!(process.state, State::Ended);
    assert!(process.ended_ms <= touched && process.ended_ms >= process.process.started_ms);
    assert_eq!(target.u64_at(64), 0, "nobody watches a dead process");
}

#[test]
fn a_process_that_took_the_number_of_a_dead_one_is_not_taken_for_it() {
    let folder = Scratch::in_memory("collector");
    // This process started long after boot.
    let target = forge::Target::made_at(
        folder.path(),
        std::process::id(),
        &["older"],
        forge::now_ns() - 3_600_000_000_000,
        1,
    );
    let mut collector = collector(folder.path());
    let mut seen = Seen::default();
    assert_eq!(seen.poll(&mut collector).only().state, State::Ended);
    collector.settle();
    assert!(!target.path.exists());
}

#[test]
fn a_live_process_of_somebody_else_keeps_its_file() {
    let folder = Scratch::in_memory("collector");
    let mut target = forge::Target::new(folder.path(), 1, &["init"]);
    target.register(&forge::table("example.com/a", "a", 1, 1));
    target.count(0, 0, 3);
    let mut collector = collector(folder.path());
    let mut seen = Seen::default();
    for _ in 0..3 {
        assert_eq!(seen.poll(&mut collector).only().state, State::Running);
        collector.settle();
    }
    assert_eq!(seen.only().counts_of(0), [(0, 3)]);
    assert!(target.path.exists());
}

#[test]
fn a_process_of_another_pid_namespace_is_never_declared_dead() {
    let folder = Scratch::in_memory("collector");
    let mut sleeper = Sleeper::new();
    let target = forge::Target::new(folder.path(), sleeper.pid(), &["sleep"]);
    target.put_u32(84, 1);
    sleeper.kill(true);
    let mut collector = collector(folder.path());
    let mut seen = Seen::default();
    assert_eq!(seen.poll(&mut collector).only().state, State::Running);
}

#[test]
fn a_process_without_packages_is_told_and_ends() {
    let folder = Scratch::in_memory("collector");
    let mut sleeper = Sleeper::new();
    forge::Target::new(folder.path(), sleeper.pid(), &["sleep"]);
    let mut collector = collector(folder.path());
    let mut seen = Seen::default();
    assert_eq!(seen.poll(&mut collector).only().process.service, "sleep");
    sleeper.kill(true);
    polled_until_ended(&mut seen, &mut collector);
}

#[test]
fn fifty_short_lives_at_once_are_all_told() {
    let folder = Scratch::in_memory("collector");
    let mut collector = collector(folder.path());
    let mut seen = Seen::default();
    seen.poll(&mut collector);
    let table = forge::table("example.com/a", "a", 2, 3);
    let mut sleepers: Vec<Sleeper> = (0..50).map(|_| Sleeper::new()).collect();
    let targets: Vec<forge::Target> = sleepers
        .iter()
        .zip(1..)
        .map(|(sleeper, count)| {
            let mut target = forge::Target::new(folder.path(), sleeper.pid(), &["sleep"]);
            target.register(&table);
            target.count(0, 2, count);
            target
        })
        .collect();
    // Half of them die before they are seen.
    for (number, sleeper) in sleepers.iter_mut().enumerate() {
        if number == 25 {
            seen.poll(&mut collector);
        }
        sleeper.kill(true);
    }
    until("fifty ends", || {
        seen.poll(&mut collector);
        collector.settle();
        let ended = seen.processes.values().filter(|process| process.state == State::Ended);
        (ended.count() == 50).then_some(())
    });
    let mut counts: Vec<u64> =
        seen.processes.values().map(|process| process.counts[&(0, 2)]).collect();
    counts.sort_unstable();
    assert_eq!(counts, (1..=50).collect::<Vec<u64>>());
    assert_eq!(seen.tables.len(), 1);
    assert!(targets.iter().all(|target| !target.path.exists()));
    assert_eq!(std::fs::read_dir(folder.path()).expect("it is there").count(), 0);
}

#[test]
fn more_processes_than_can_be_watched_at_once_take_turns() {
    let folder = Scratch::in_memory("collector");
    let mut sleeper = Sleeper::new();
    for number in 0..600u64 {
        let mut target = forge::Target::new(folder.path(), sleeper.pid(), &["sleep"]);
        if number % 100 == 0 {
            target.register(&forge::table("example.com/a", "a", 1, 1));
            target.count(0, 0, number + 1);
        }
    }
    let mut collector = collector(folder.path());
    let mut seen = Seen::default();
    for _ in 0..20 {
        seen.poll(&mut collector);
    }
    assert_eq!(seen.processes.len(), 256);
    sleeper.kill(true);
    until("600 ends", || {
        seen.poll(&mut collector);
        collector.settle();
        let ended = seen.processes.values().filter(|process| process.state == State::Ended);
        (ended.count() == 600).then_some(())
    });
    assert_eq!(std::fs::read_dir(folder.path()).expect("it is there").count(), 0);
    assert_eq!(collector.refused().count(), 0);
}
