use std::collections::{BTreeMap, BTreeSet};

use coverage::Span;
use wire::frame::{FlowEvent, PackageCounts};
use wire::table::{TableFile, TableFunction, TableUnit};
use wire::{SourceId, Table};

use super::*;

/// What a page knows that was told these messages.
#[derive(Debug, Default, PartialEq, Eq, Clone)]
struct Page {
    tables: BTreeSet<TableId>,
    processes: BTreeMap<u32, Shown>,
    lost: u64,
    events: u64,
    welcomes: u32,
}

#[derive(Debug, Default, PartialEq, Eq, Clone)]
struct Shown {
    service: String,
    packages: Vec<TableId>,
    counts: BTreeMap<(u32, u32), u64>,
    state: Option<State>,
}

impl Page {
    fn take(&mut self, message: &[u8]) {
        for frame in RelayToViewer::decode(message).unwrap() {
            match frame {
                RelayToViewer::Welcome { .. } => {
                    let welcomes = self.welcomes + 1;
                    *self = Page { welcomes, ..Page::default() };
                }
                RelayToViewer::Process(process) => {
                    let service = process.service;
                    let shown = Shown { service: service.clone(), ..Shown::default() };
                    let known = self.processes.insert(process.handle, shown);
                    let renamed = known.is_none_or(|known| known.service != service);
                    assert!(renamed, "process {} was told twice", process.handle);
                }
                RelayToViewer::Table(bytes) => {
                    self.tables.insert(TableId::of(&bytes));
                }
                RelayToViewer::Packages { handle, tables } => {
                    assert!(tables.iter().all(|id| self.tables.contains(id)), "table missing");
                    self.shown(handle).packages.extend(tables);
                }
                RelayToViewer::Counts(counts) => {
                    let shown = self.shown(counts.handle);
                    for package in &counts.packages {
                        assert!((package.package as usize) < shown.packages.len());
                        for (unit, count) in package.units.iter().zip(&package.counts) {
                            assert!(*count > 0);
                            shown.counts.insert((package.package, *unit), *count);
                        }
                    }
                }
                RelayToViewer::Flow(flow) => {
                    self.lost += flow.lost;
                    self.events += flow.events.len() as u64;
                }
                RelayToViewer::State { handle, state, .. } => {
                    self.shown(handle).state = Some(state);
                }
                RelayToViewer::Tracing { .. } | RelayToViewer::Details(_) => {}
                RelayToViewer::Reset { handles, .. } => {
                    for handle in handles {
                        self.shown(handle).counts.clear();
                    }
                }
                RelayToViewer::Forget { handle } => {
                    self.processes.remove(&handle);
                }
            }
        }
    }

    fn shown(&mut self, handle: u32) -> &mut Shown {
        self.processes.get_mut(&handle).unwrap_or_else(|| panic!("process {handle} not told"))
    }

    fn total(&self) -> u64 {
        self.processes.values().flat_map(|shown| shown.counts.values()).sum()
    }

    /// Pulls until there is nothing more.
    fn catch_up(&mut self, hub: &mut Hub, viewer: &mut Viewer) -> usize {
        let mut n_messages = 0;
        loop {
            let messages = hub.pull(viewer, 1_000).unwrap();
            if messages.is_empty() {
                return n_messages;
            }
            n_messages += messages.len();
            for message in messages {
                self.take(&message);
            }
        }
    }
}

fn table(package: &str, n_units: u32) -> Vec<u8> {
    let unit = |line| TableUnit { span: Span::new(line, 1, line, 9), statements: 2 };
    let source = SourceId::of(package.as_bytes());
    Table {
        package: package.into(),
        name: "p".into(),
        files: vec![TableFile { path: format!("{package}/a.go"), source }],
        functions: vec![TableFunction {
            name: "F".into(),
            file: 0,
            literal: false,
            units: (1..=n_units).map(unit).collect(),
        }],
        entries: vec![0],
        ..Table::default()
    }
    .encode()
}

fn hub() -> Hub {
    Hub::new(1, 0)
}

fn add_table(hub: &mut Hub, bytes: Vec<u8>) -> Arc<KnownTable> {
    let id = TableId::of(&bytes);
    hub.add_table(KnownTable::new(bytes, id).unwrap()).unwrap()
}

fn start(hub: &mut Hub, key: u8, n_units: u32) -> u32 {
    let about = wire::frame::Process { key: [key; 16], service: "s".into(), ..Default::default() };
    let Announced::As(handle) = hub.announce(7, about, 0).unwrap() else { panic!("folded") };
    let table = add_table(hub, table("p", n_units));
    hub.packages(handle, 0, vec![table]).unwrap();
    handle
}

fn counts(handle: u32, pairs: &[(u32, u64)]) -> Counts {
    let (units, counts) = pairs.iter().copied().unzip();
    let package = PackageCounts { package: 0, units, counts, ages_ms: Vec::new() };
    Counts { handle, at_ms: 0, packages: vec![package] }
}

fn run(hub: &mut Hub, handle: u32, pairs: &[(u32, u64)]) {
    hub.counts(handle, &counts(handle, pairs), 500).unwrap();
}

#[test]
fn a_late_viewer_knows_what_an_early_one_does() {
    let mut hub = hub();
    let mut early = hub.join();
    let mut page = Page::default();
    page.catch_up(&mut hub, &mut early);
    let first = start(&mut hub, 1, 300);
    for round in 1..20 {
        run(&mut hub, first, &[(round, u64::from(round)), (299, u64::from(round))]);
        hub.tick();
        page.catch_up(&mut hub, &mut early);
        if round == 10 {
            start(&mut hub, 2, 5);
        }
    }
    let mut late = hub.join();
    let mut late_page = Page::default();
    late_page.catch_up(&mut hub, &mut late);
    page.catch_up(&mut hub, &mut early);
    assert_eq!(late_page, page);
    assert_eq!(page.total(), (1..20).sum::<u64>() + 19);
}

#[test]
fn viewers_that_keep_up_share_the_bytes_and_wait_for_the_tick() {
    let mut hub = hub();
    let (mut a, mut b) = (hub.join(), hub.join());
    let (mut page_a, mut page_b) = (Page::default(), Page::default());
    page_a.catch_up(&mut hub, &mut a);
    page_b.catch_up(&mut hub, &mut b);
    let handle = start(&mut hub, 1, 3);
    assert!(hub.pull(&mut a, 0).unwrap().is_empty(), "told before the tick");
    assert!(hub.tick());
    let from_a = hub.pull(&mut a, 0).unwrap();
    let from_b = hub.pull(&mut b, 0).unwrap();
    assert_eq!(from_a.len(), from_b.len());
    assert!(from_a.iter().zip(&from_b).all(|(a, b)| a.as_ptr() == b.as_ptr()));
    run(&mut hub, handle, &[(0, 1)]);
    assert!(hub.pull(&mut a, 0).unwrap().is_empty(), "told before the tick");
}

#[test]
fn a_viewer_that_stalls_is_told_the_sum() {
    let mut hub = hub();
    let handle = start(&mut hub, 1, 10);
    let (mut quick, mut slow) = (hub.join(), hub.join());
    let (mut quick_page, mut slow_page) = (Page::default(), Page::default());
    quick_page.catch_up(&mut hub, &mut quick);
    slow_page.catch_up(&mut hub, &mut slow);
    for round in 1..=100 {
        run(&mut hub, handle, &[((round % 10) as u32, round)]);
        hub.tick();
        quick_page.catch_up(&mut hub, &mut quick);
    }
    assert_eq!(slow_page.catch_up(&mut hub, &mut slow), 1);
    assert_eq!(slow_page, quick_page);
    assert_eq!(slow_page.welcomes, 1);
    // From here on the two share again.
    run(&mut hub, handle, &[(0, 1000)]);
    hub.tick();
    let (a, b) = (hub.pull(&mut quick, 0).unwrap(), hub.pull(&mut slow, 0).unwrap());
    assert_eq!(a[0].as_ptr(), b[0].as_ptr());
}

#[test]
fn a_reset_zeroes_for_early_slow_and_late_viewers() {
    let mut hub = hub();
    let handle = start(&mut hub, 1, 4);
    let (mut early, mut slow) = (hub.join(), hub.join());
    let (mut early_page, mut slow_page) = (Page::default(), Page::default());
    run(&mut hub, handle, &[(0, 5), (1, 5)]);
    early_page.catch_up(&mut hub, &mut early);
    slow_page.catch_up(&mut hub, &mut slow);
    run(&mut hub, handle, &[(2, 7)]);
    hub.reset(&Scope::default(), 600).unwrap();
    run(&mut hub, handle, &[(1, 6)]);
    for _ in 0..20 {
        hub.tick();
        early_page.catch_up(&mut hub, &mut early);
        let count = hub.version.into();
        run(&mut hub, handle, &[(3, count)]);
    }
    hub.tick();
    let mut late = hub.join();
    let mut late_page = Page::default();
    late_page.catch_up(&mut hub, &mut late);
    early_page.catch_up(&mut hub, &mut early);
    slow_page.catch_up(&mut hub, &mut slow);
    assert_eq!(early_page.shown(handle).counts[&(0, 1)], 1);
    assert_eq!(early_page.shown(handle).counts.len(), 2);
    assert_eq!(late_page, early_page);
    assert_eq!(slow_page, early_page);
}

#[test]
fn a_process_announced_twice_is_the_same() {
    let mut hub = hub();
    let first = start(&mut hub, 1, 4);
    run(&mut hub, first, &[(0, 9)]);
    hub.leave(7, 700);
    assert_eq!(hub.process(first).unwrap().state, State::Unreachable);
    let again = start(&mut hub, 1, 4);
    assert_eq!(again, first);
    run(&mut hub, first, &[(0, 3)]);
    let rows = hub.rows(&Scope::default()).unwrap();
    assert_eq!((rows.len(), rows[0].counts[0]), (1, 9));
    assert_eq!(hub.process(first).unwrap().state, State::Running);
    // Two agents watch it now; it stays reachable while one is left.
    let about = wire::frame::Process { key: [1; 16], ..Default::default() };
    hub.announce(8, about, 0).unwrap();
    hub.leave(7, 800);
    assert_eq!(hub.process(first).unwrap().state, State::Running);
}

#[test]
fn a_process_that_is_renamed_is_told_anew_to_early_slow_and_late_viewers() {
    let mut hub = hub();
    let handle = start(&mut hub, 1, 4);
    let (mut early, mut slow) = (hub.join(), hub.join());
    let (mut page, mut slow_page) = (Page::default(), Page::default());
    run(&mut hub, handle, &[(0, 5), (1, 2)]);
    hub.tick();
    page.catch_up(&mut hub, &mut early);
    slow_page.catch_up(&mut hub, &mut slow);
    hub.reset(&Scope::default(), 600).unwrap();
    run(&mut hub, handle, &[(1, 3)]);
    let about = wire::frame::Process { key: [1; 16], service: "t".into(), ..Default::default() };
    assert_eq!(hub.announce(7, about.clone(), 0).unwrap(), Announced::As(handle));
    // Another agent knows only its file.
    let (arguments, service) = (vec!["/bin/a.out".into(), "-v".into()], "a.out".into());
    hub.announce(8, wire::frame::Process { arguments, service, ..about }, 0).unwrap();
    hub.tick();
    page.catch_up(&mut hub, &mut early);
    assert_eq!((page.processes[&handle].service.as_str(), page.total()), ("t", 1));
    run(&mut hub, handle, &[(3, 1)]);
    hub.tick();
    page.catch_up(&mut hub, &mut early);
    slow_page.catch_up(&mut hub, &mut slow);
    let mut late = hub.join();
    let mut late_page = Page::default();
    late_page.catch_up(&mut hub, &mut late);
    assert_eq!(late_page.total(), 2);
    assert_eq!([&page, &slow_page], [&late_page, &late_page]);
}

#[test]
fn folding_keeps_every_count_and_is_one_message() {
    let mut hub = hub();
    let mut viewer = hub.join();
    let mut page = Page::default();
    page.catch_up(&mut hub, &mut viewer);
    let mut expected = 0;
    for key in 0..100u8 {
        let handle = start(&mut hub, key, 4);
        run(&mut hub, handle, &[(u32::from(key % 4), 3), (3, 5)]);
        expected += if key % 4 == 3 { 5 } else { 8 };
        hub.state(handle, State::Ended, u64::from(key), 1_000).unwrap();
    }
    hub.tick();
    page.catch_up(&mut hub, &mut viewer);
    assert_eq!((page.processes.len(), page.total()), (100, expected));

    hub.tidy(1_000);
    assert_eq!(hub.processes.len(), limits::ENDED_PER_BUILD + 1);
    hub.tick();
    let messages = hub.pull(&mut viewer, 1_000).unwrap();
    assert_eq!(messages.len(), 1);
    page.take(&messages[0]);
    assert_eq!((page.processes.len(), page.total()), (limits::ENDED_PER_BUILD + 1, expected));

    let mut late = hub.join();
    let mut late_page = Page::default();
    late_page.catch_up(&mut hub, &mut late);
    assert_eq!(late_page, page);
    let counts = hub.rows(&Scope::default()).unwrap()[0].counts.iter().sum::<u64>();
    assert_eq!(counts, expected);
    // An agent that connects again and tells all it knows adds nothing.
    let about = wire::frame::Process { key: [0; 16], ..Default::default() };
    assert_eq!(hub.announce(9, about, 0).unwrap(), Announced::Folded);
}

#[test]
fn what_is_not_there_is_refused_and_nothing_is_taken() {
    let mut hub = hub();
    let handle = start(&mut hub, 1, 4);
    let mut bad = counts(handle, &[(0, 1), (4, 1)]);
    let refusal = hub.counts(handle, &bad, 0).unwrap_err();
    assert_eq!(refusal.to_string(), "count of unit 4, not in p");
    bad = counts(handle, &[(0, 1)]);
    bad.packages.push(PackageCounts { package: 1, ..PackageCounts::default() });
    assert!(hub.counts(handle, &bad, 0).is_err());
    let flow = Flow {
        handle,
        events: vec![FlowEvent { unit: 4, ..FlowEvent::default() }],
        ..Flow::default()
    };
    assert!(hub.flow(handle, flow, 0).is_err());
    let other = add_table(&mut hub, table("q", 4));
    assert!(hub.packages(handle, 0, vec![other]).is_err());
    assert_eq!(hub.rows(&Scope::default()).unwrap()[0].counts, [0, 0, 0, 0]);
}

#[test]
fn flow_that_cannot_be_told_is_counted_as_lost() {
    let mut hub = hub();
    let handle = start(&mut hub, 1, 4);
    let (mut quick, mut slow) = (hub.join(), hub.join());
    let (mut quick_page, mut slow_page) = (Page::default(), Page::default());
    quick_page.catch_up(&mut hub, &mut quick);
    slow_page.catch_up(&mut hub, &mut slow);
    let flow = |n: usize| Flow {
        handle,
        lost: 1,
        events: vec![FlowEvent::default(); n],
        ..Flow::default()
    };
    let mut sent = 0;
    for _ in 0..30 {
        hub.flow(handle, flow(10), 0).unwrap();
        hub.flow(handle, flow(60_000), 0).unwrap();
        sent += 60_012;
        hub.tick();
        quick_page.catch_up(&mut hub, &mut quick);
    }
    slow_page.catch_up(&mut hub, &mut slow);
    run(&mut hub, handle, &[(0, 1)]);
    hub.flow(handle, flow(10), 0).unwrap();
    sent += 11;
    hub.tick();
    quick_page.catch_up(&mut hub, &mut quick);
    slow_page.catch_up(&mut hub, &mut slow);
    assert_eq!(quick_page.events + quick_page.lost, sent);
    assert_eq!(slow_page.events + slow_page.lost, sent);
    assert_eq!((quick_page.events, slow_page.events), (310, 10));
}

#[test]
fn times_survive_weeks() {
    let mut hub = hub();
    let handle = start(&mut hub, 1, 2);
    let weeks = 40 * 24 * 3_600_000;
    run(&mut hub, handle, &[(0, 1)]);
    hub.tidy(weeks);
    hub.counts(handle, &counts(handle, &[(1, 1)]), weeks).unwrap();
    let columns = &hub.process(handle).unwrap().packages[0].columns;
    assert_eq!(hub.epoch_ms + u64::from(columns.changed_ms(1)), weeks);
    assert!(weeks - (hub.epoch_ms + u64::from(columns.changed_ms(0))) > 24 * 3_600_000);
}

#[test]
fn a_snapshot_of_many_processes_comes_in_turns() {
    let mut hub = hub();
    for key in 0..12u8 {
        let handle = start(&mut hub, key, 200_000);
        let pairs: Vec<_> = (0..200_000).map(|unit| (unit, 1_000_000)).collect();
        run(&mut hub, handle, &pairs);
    }
    let mut viewer = hub.join();
    let first: usize = hub.pull(&mut viewer, 1_000).unwrap().iter().map(Bytes::len).sum();
    assert!(first < 6 << 20, "{first} bytes in the first turn");
    let mut viewer = hub.join();
    let mut page = Page::default();
    page.catch_up(&mut hub, &mut viewer);
    assert_eq!(page.total(), 12 * 200_000 * 1_000_000);
}

#[test]
fn a_process_that_died_young_belongs_to_the_build_it_is_part_of() {
    let mut hub = hub();
    let whole = start(&mut hub, 1, 4);
    let more = add_table(&mut hub, table("q", 2));
    hub.packages(whole, 1, vec![more]).unwrap();
    run(&mut hub, whole, &[(0, 1)]);
    // It started later, and ended before it had registered its second package.
    let young = start(&mut hub, 2, 4);
    run(&mut hub, young, &[(0, 10)]);
    // And one that has registered nothing yet.
    let about = wire::frame::Process { key: [3; 16], service: "s".into(), ..Default::default() };
    hub.announce(7, about, 0).unwrap();
    let rows = hub.rows(&Scope::default()).unwrap();
    let counts: Vec<_> = rows.iter().map(|row| row.counts.iter().sum::<u64>()).collect();
    assert_eq!(counts, [11, 0]);
    let latest = latest_builds(hub.processes());
    assert_eq!(latest["s"].build, hub.process(whole).unwrap().build());
}

#[test]
fn a_viewer_that_missed_more_than_is_remembered_has_to_start_again() {
    let mut hub = hub();
    let mut viewer = hub.join();
    Page::default().catch_up(&mut hub, &mut viewer);
    for round in 0..fold::FORGOTTEN + 200 {
        let key = (round as u128 + 1).to_le_bytes();
        let about = wire::frame::Process { key, service: "s".into(), ..Default::default() };
        let Announced::As(handle) = hub.announce(7, about, 0).unwrap() else { panic!("folded") };
        hub.state(handle, State::Ended, 0, 0).unwrap();
        hub.tidy(0);
    }
    assert!(hub.pull(&mut viewer, 0).is_err());
    let mut viewer = hub.join();
    let mut page = Page::default();
    page.catch_up(&mut hub, &mut viewer);
    assert_eq!(page.processes.len(), hub.processes.len());
}
