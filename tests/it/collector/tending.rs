//! The loop, sources, and cleaning up.

use std::ops::ControlFlow;
use std::sync::mpsc;
use std::time::{Duration, SystemTime};

use instrument::collector::{Bound, Collector, Config, Swept, run, sweep};
use tests::{Scratch, forge};
use wire::frame::State;
use wire::{AgentToRelay, RelayToAgent, SourceId};

use super::{Seen, Sleeper, collector, config, poll, trace};

#[test]
fn the_loop_tells_answers_and_cleans_up() {
    let folder = Scratch::in_memory("collector");
    let mut sleeper = Sleeper::new();
    let mut target = forge::Target::new(folder.path(), sleeper.pid(), &["sleep"]);
    target.register(&forge::table("example.com/a", "a", 1, 2));
    target.count(0, 1, 1);
    let (requests, asked) = mpsc::channel();
    let (frames, told) = mpsc::sync_channel(1);
    let config = config(folder.path());
    let thread = std::thread::spawn(move || {
        run(config, asked, |batch| match frames.send(batch) {
            Ok(()) => ControlFlow::Continue(()),
            Err(_) => ControlFlow::Break(()),
        });
    });
    let mut seen = Seen::default();
    let mut await_that = |what: &str, is: &dyn Fn(&Seen) -> bool| {
        while !is(&seen) {
            let batch = told.recv_timeout(tests::PATIENCE);
            seen.take(batch.unwrap_or_else(|_| panic!("waited in vain for {what}")));
        }
    };
    await_that("the first count", &|seen| {
        seen.processes.values().any(|process| process.counts_of(0) == [(1, 1)])
    });
    requests.send(trace(1, true, None, &[])).expect("the loop runs");
    await_that("the answer", &|seen| seen.only().n_traced == 1);
    requests.send(RelayToAgent::Want(SourceId([9; 16]))).expect("the loop runs");
    await_that("no source", &|seen| seen.sources.get(&SourceId([9; 16])) == Some(&None));
    target.count(0, 1, 99);
    sleeper.kill(true);
    await_that("the end", &|seen| seen.only().state == State::Ended);
    drop(requests);
    thread.join().expect("the loop ends when nobody asks any more");
    assert_eq!(seen.only().counts_of(0), [(1, 99)]);
    assert!(!target.path.exists());
}

#[test]
fn a_receiver_that_breaks_leaves_the_dead_for_the_next_one() {
    let folder = Scratch::in_memory("collector");
    let mut sleeper = Sleeper::new();
    let mut target = forge::Target::new(folder.path(), sleeper.pid(), &["sleep"]);
    target.register(&forge::table("example.com/a", "a", 1, 2));
    target.count(0, 1, 5);
    sleeper.kill(true);
    let (_requests, asked) = mpsc::channel();
    let mut collector = collector(folder.path());
    let mut told = Vec::new();
    collector.run(&asked, |batch| {
        told.push(batch);
        ControlFlow::Break(())
    });
    assert_eq!(told.len(), 1);
    assert!(target.path.exists());
    collector.announce();
    let mut seen = Seen::default();
    collector.run(&asked, |batch| {
        if seen.take(batch).only().state == State::Ended {
            ControlFlow::Break(())
        } else {
            ControlFlow::Continue(())
        }
    });
    assert_eq!(seen.only().counts_of(0), [(1, 5)]);
}

#[test]
fn nothing_is_read_while_the_receiver_is_busy_and_nothing_is_lost() {
    let folder = Scratch::in_memory("collector");
    let mut target = forge::Target::new(folder.path(), std::process::id(), &["shop"]);
    target.register(&forge::table("example.com/a", "a", 1, 2));
    let (_requests, asked) = mpsc::channel();
    let mut seen = Seen::default();
    let mut n_batches = 0;
    collector(folder.path()).run(&asked, |batch| {
        seen.take(batch);
        n_batches += 1;
        let clock = target.u64_at(64);
        for count in 1..=100 {
            target.count(0, 0, n_batches * 100 + count);
        }
        assert_eq!(target.u64_at(64), clock);
        if n_batches == 5 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    });
    assert_eq!(seen.only().counts_of(0), [(0, 500)]);
}

#[test]
fn sources_are_found_by_their_end_and_known_by_their_hash() {
    let folder = Scratch::in_memory("collector");
    let roots = Scratch::new("sources");
    let mut table = forge::table("example.com/shop/cart", "cart", 1, 1);
    let right = b"package cart\n".to_vec();
    table.files[0].source = SourceId::of(&right);
    table.files.push(wire::table::TableFile {
        path: "../../secret.go".to_owned(),
        source: SourceId::of(b"secret"),
    });
    std::fs::write(roots.join("secret.go"), "secret").expect("it can be written");
    std::fs::create_dir_all(roots.join("a/b/cart")).expect("folders can be made");
    std::fs::write(roots.join("a.go"), "package other\n").expect("it can be written");
    std::fs::write(roots.join("a/b/cart/a.go"), &right).expect("it can be written");
    let mut target = forge::Target::new(folder.path(), std::process::id(), &["shop"]);
    target.register(&table);
    let sources = vec![roots.join("missing"), roots.path().to_owned(), roots.join("a/b")];
    let mut collector = Collector::new(Config { sources, ..config(folder.path()) });
    poll(&mut collector);
    let mut want = |id| {
        let mut frames = Vec::new();
        collector.request(RelayToAgent::Want(id), &mut frames);
        let Some(AgentToRelay::Source { id: answered, bytes }) = frames.pop() else {
            panic!("no answer")
        };
        assert_eq!(answered, id);
        bytes
    };
    assert_eq!(want(SourceId::of(&right)), Some(right.clone()));
    assert_eq!(want(SourceId::of(b"secret")), None);
    assert_eq!(want(SourceId::UNKNOWN), None);
    std::fs::write(roots.join("a/b/cart/a.go"), "package cart // edited\n").expect("it is ours");
    assert_eq!(want(SourceId::of(&right)), None, "an edited file is not what was built");
}

#[test]
fn sweeping_removes_the_oldest_of_the_dead_beyond_the_bound() {
    let folder = Scratch::in_memory("collector");
    let mut sleeper = Sleeper::new();
    let live = forge::Target::new(folder.path(), std::process::id(), &["shop"]);
    let dead: Vec<forge::Target> =
        (0..6).map(|_| forge::Target::new(folder.path(), sleeper.pid(), &["sleep"])).collect();
    std::fs::write(folder.join("else"), "x").expect("it can be written");
    let bound = Bound { processes: 3, ..Bound::default() };
    let sweep = |bound| sweep(folder.path(), bound).expect("the folder is there");
    assert_eq!(sweep(bound), Swept::default(), "they live");
    sleeper.kill(true);
    assert_eq!(sweep(Bound::default()), Swept::default());
    assert_eq!(sweep(bound), Swept { processes: 3, bytes: 3 * 4096 });
    let there = |range: std::ops::Range<usize>| dead[range].iter().all(|dead| dead.path.exists());
    assert!(!dead[2].path.exists() && there(3..6));
    let bytes = Bound { bytes: 2 * 4096, ..Bound::default() };
    assert_eq!(sweep(bytes), Swept { processes: 1, bytes: 4096 });
    assert!(there(4..6));
    let age = Bound { age: Duration::ZERO, ..Bound::default() };
    assert_eq!(sweep(age).processes, 2);
    assert!(live.path.exists() && folder.join("else").exists());
    assert!(instrument::collector::sweep(&folder.join("missing"), bound).is_err());
    assert!(SystemTime::now() > SystemTime::UNIX_EPOCH);
}
