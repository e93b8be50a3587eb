//! What is told of processes that behave.

use tests::{Scratch, forge};
use wire::AgentToRelay;
use wire::frame::State;

use super::{Seen, collector, poll};

/// This process: it lives as long as the test.
fn own_target(folder: &Scratch, arguments: &[&str]) -> forge::Target {
    forge::Target::new(folder.path(), std::process::id(), arguments)
}

#[test]
fn a_process_is_told_with_its_tables_packages_and_counts() {
    let folder = Scratch::in_memory("collector");
    let mut target = own_target(&folder, &["/usr/bin/shop", "-port", ""]);
    target.register(&forge::table("example.com/cart", "cart", 2, 3));
    target.count(0, 0, 5);
    target.count(0, 5, u64::MAX);
    let mut collector = collector(folder.path());
    let frames = poll(&mut collector);
    let kinds: Vec<&str> = frames
        .iter()
        .map(|frame| match frame {
            AgentToRelay::Process(_) => "process",
            AgentToRelay::Table(_) => "table",
            AgentToRelay::Packages { .. } => "packages",
            AgentToRelay::Counts(_) => "counts",
            _ => "other",
        })
        .collect();
    assert_eq!(kinds, ["process", "table", "packages", "counts"]);
    let mut seen = Seen::default();
    let process = seen.take(frames).only();
    assert_eq!(process.process.pid, std::process::id());
    assert_eq!(process.process.host, "host");
    assert_eq!(process.process.service, "shop");
    assert_eq!(process.process.arguments, ["/usr/bin/shop", "-port", ""]);
    assert_eq!(process.process.go_version, "go1.26.8");
    let name = target.path.extension().and_then(|name| name.to_str()).expect("it is text");
    let created_ns = u64::from_str_radix(name, 16).expect("a file is named after its time");
    assert_eq!(process.process.started_ms, created_ns / 1_000_000);
    assert_eq!(process.counts_of(0), [(0, 5), (5, u64::MAX)]);
    assert_eq!(process.state, State::Running);
    assert_eq!(collector.refused().count(), 0);
}

#[test]
fn only_what_changed_is_told_again() {
    let folder = Scratch::in_memory("collector");
    let mut target = own_target(&folder, &["shop"]);
    target.register(&forge::table("example.com/cart", "cart", 1, 40_000));
    target.count(0, 7, 1);
    let mut collector = collector(folder.path());
    let mut seen = Seen::default();
    assert_eq!(seen.poll(&mut collector).only().counts_of(0), [(7, 1)]);
    assert_eq!(poll(&mut collector), []);
    for unit in [0, 7, 63, 64, 8191, 8192, 39_999] {
        target.count(0, unit, 300 + unit);
    }
    let frames = poll(&mut collector);
    let [AgentToRelay::Counts(counts)] = frames.as_slice() else { panic!("{frames:?}") };
    assert_eq!(counts.packages[0].units, [0, 7, 63, 64, 8191, 8192, 39_999]);
    assert_eq!(counts.packages[0].counts, [300, 307, 363, 364, 8491, 8492, 40_299]);
    assert_eq!(counts.packages[0].ages_ms, [0; 0]);
    assert_eq!(poll(&mut collector), []);
}

#[test]
fn the_clock_is_written_at_every_poll() {
    let folder = Scratch::in_memory("collector");
    let target = own_target(&folder, &["shop"]);
    let mut collector = collector(folder.path());
    collector.poll(1_700_000_000_123, &mut Vec::new());
    assert_eq!(target.u64_at(64), 1_700_000_000_123);
    collector.poll(1_700_000_000_456, &mut Vec::new());
    assert_eq!(target.u64_at(64), 1_700_000_000_456);
}

#[test]
fn packages_are_told_as_they_register() {
    let folder = Scratch::in_memory("collector");
    let mut target = own_target(&folder, &["/tmp/a.out"]);
    target.register(&forge::table("example.com/cart", "cart", 1, 2));
    target.count(0, 1, 3);
    let mut collector = collector(folder.path());
    let mut seen = Seen::default();
    assert_eq!(seen.poll(&mut collector).only().process.service, "a.out");
    let region = target.write_region(&forge::table("example.com/cmd/shop", "main", 1, 2));
    target.put_u64(region.counters_at, 9);
    assert_eq!(poll(&mut collector), [], "a region is not read before it is complete");
    target.put_u32(48, 2);
    let process = seen.poll(&mut collector).only();
    assert_eq!(process.packages.len(), 2);
    assert_eq!((process.counts_of(0), process.counts_of(1)), (vec![(1, 3)], vec![(0, 9)]));
    assert_eq!(process.process.service, "shop", "the main package names the program");
}

#[test]
fn a_process_waits_for_its_name_a_little() {
    let folder = Scratch::in_memory("collector");
    let mut target = own_target(&folder, &["/tmp/a.out"]);
    target.register(&forge::table("example.com/cart", "cart", 1, 2));
    target.count(0, 1, 3);
    let hold = std::time::Duration::from_secs(3600);
    let config = instrument::collector::Config { hold, ..super::config(folder.path()) };
    let mut collector = instrument::collector::Collector::new(config);
    assert_eq!(poll(&mut collector), []);
    target.register(&forge::table("example.com/cmd/shop", "main", 1, 2));
    let mut seen = Seen::default();
    let process = seen.poll(&mut collector).only();
    assert_eq!((process.process.service.as_str(), process.packages.len()), ("shop", 2));
    assert_eq!(process.counts_of(0), [(1, 3)]);
}

#[test]
fn a_table_is_sent_once_however_many_processes_have_it() {
    let folder = Scratch::in_memory("collector");
    let table = forge::table("example.com/cart", "cart", 1, 2);
    let targets: Vec<forge::Target> = (0..3)
        .map(|number| {
            let mut target = own_target(&folder, &["shop"]);
            target.register(&table);
            target.count(0, 0, number + 1);
            target
        })
        .collect();
    let mut collector = collector(folder.path());
    let mut seen = Seen::default();
    seen.poll(&mut collector);
    assert_eq!(seen.tables.len(), 1);
    let counts: Vec<_> = seen.processes.values().map(|process| process.counts_of(0)).collect();
    assert_eq!(counts, [[(0, 1)], [(0, 2)], [(0, 3)]]);
    let keys: std::collections::BTreeSet<_> =
        seen.processes.values().map(|process| process.process.key).collect();
    assert_eq!(keys.len(), targets.len());
}

#[test]
fn a_new_connection_is_told_everything_with_ages() {
    let folder = Scratch::in_memory("collector");
    let mut target = own_target(&folder, &["shop"]);
    target.register(&forge::table("example.com/cart", "cart", 1, 8));
    target.count(0, 1, 10);
    let mut collector = collector(folder.path());
    let start = forge::now_ms();
    collector.poll(start, &mut Vec::new());
    target.count(0, 2, 20);
    collector.poll(start + 5000, &mut Vec::new());
    collector.announce();
    let mut frames = Vec::new();
    target.count(0, 3, 30);
    collector.poll(start + 7000, &mut frames);
    let mut seen = Seen::default();
    let process = seen.take(frames).only();
    assert_eq!(process.counts_of(0), [(1, 10), (2, 20), (3, 30)]);
    let ages: Vec<u64> = process.ages_ms.values().copied().collect();
    assert_eq!(ages, [7000, 2000, 0]);
}

#[test]
fn what_ran_before_the_collector_is_as_old_as_the_process() {
    let folder = Scratch::in_memory("collector");
    let mut target = own_target(&folder, &["shop"]);
    target.register(&forge::table("example.com/cart", "cart", 1, 8));
    target.count(0, 1, 10);
    let mut collector = collector(folder.path());
    let later = forge::now_ms() + 60_000;
    let mut frames = Vec::new();
    collector.poll(later, &mut frames);
    let mut seen = Seen::default();
    let process = seen.take(frames).only();
    assert_eq!(process.ages_ms[&(0, 1)], later - process.process.started_ms);
    target.count(0, 1, 11);
    let mut frames = Vec::new();
    collector.poll(later + 5, &mut frames);
    assert_eq!(seen.take(frames).only().ages_ms[&(0, 1)], 0);
}

#[test]
fn counts_that_decrease_are_not_told() {
    let folder = Scratch::in_memory("collector");
    let mut target = own_target(&folder, &["shop"]);
    target.register(&forge::table("example.com/cart", "cart", 1, 4));
    target.count(0, 0, 100);
    target.count(0, 1, 100);
    let mut collector = collector(folder.path());
    let mut seen = Seen::default();
    seen.poll(&mut collector);
    target.count(0, 0, 50);
    target.count(0, 1, 0);
    target.count(0, 2, 1);
    assert_eq!(seen.poll(&mut collector).only().counts_of(0), [(0, 100), (1, 100), (2, 1)]);
    target.count(0, 0, 101);
    assert_eq!(seen.poll(&mut collector).only().counts_of(0)[0], (0, 101));
}

#[test]
fn a_large_program_is_told_in_pieces_and_whole_in_the_end() {
    let folder = Scratch::in_memory("collector");
    let mut target = own_target(&folder, &["shop"]);
    for package in 0..3 {
        target.register(&forge::table(&format!("example.com/p{package}"), "p", 20, 10_000));
        let ones: Vec<u8> = (1..=200_000u64).flat_map(u64::to_le_bytes).collect();
        target.put(target.regions[package].counters_at, &ones);
    }
    let mut collector = collector(folder.path());
    let mut seen = Seen::default();
    let mut n_polls = 0;
    while n_polls < 2 || !poll_is_silent(&mut seen, &mut collector) {
        n_polls += 1;
    }
    assert!(n_polls > 2, "600,000 counts were told at once");
    for package in 0..3 {
        let counts = seen.only().counts_of(package);
        assert_eq!(counts.len(), 200_000);
        assert!(counts.iter().all(|(unit, count)| u64::from(*unit) + 1 == *count));
    }
    // The same when everything changes that was told before.
    for package in 0..3 {
        let twos: Vec<u8> = (1..=200_000u64).flat_map(|n| (n + 7).to_le_bytes()).collect();
        target.put(target.regions[package].counters_at, &twos);
    }
    while !poll_is_silent(&mut seen, &mut collector) {}
    for package in 0..3 {
        let counts = seen.only().counts_of(package);
        assert!(counts.iter().all(|(unit, count)| u64::from(*unit) + 8 == *count));
    }
}

fn poll_is_silent(seen: &mut Seen, collector: &mut instrument::collector::Collector) -> bool {
    let frames = poll(collector);
    let silent = frames.is_empty();
    seen.take(frames);
    silent
}
