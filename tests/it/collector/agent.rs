//! `coverglass agent`: what a relay elsewhere is told, whatever happens to the connection.

use std::path::Path;
use std::process::Command;

use tests::{Scratch, forge};
use wire::frame::State;
use wire::{RelayToAgent, SourceId};

use super::programs::Running;
use super::push::Told;
use super::tiny::Tiny;
use super::{Sleeper, trace};

fn agent(relay: &Tiny, folder: &Path) -> Running {
    let mut command = Command::new(tests::coverglass());
    command.args(["agent", "--url", &relay.url()]).env("COVERGLASS_DIR", folder);
    command.env("COVERGLASS_TOKEN", "secret-2").env_remove("COVERGLASS_URL");
    Running::start(&mut command)
}

fn target(folder: &Scratch, pid: u32, count: u64) -> forge::Target {
    let mut target = forge::Target::new(folder.path(), pid, &["shop"]);
    target.register(&forge::table("example.com/shop", "main", 2, 3));
    target.count(0, 1, count);
    target
}

fn count(told: &Told, number: usize) -> u64 {
    told.counts(number, "F0").get(1).copied().unwrap_or(0)
}

#[test]
fn a_relay_elsewhere_is_told_and_answered() {
    let (relay, folder) = (Tiny::start(), Scratch::in_memory("agent"));
    let target = target(&folder, std::process::id(), 7);
    let agent = agent(&relay, folder.path());
    let mut told = Told::default();
    told.until(&relay, "the first count", |told| count(told, 0) == 7);
    assert_eq!(told.tokens, [Some("Bearer secret-2".to_owned())]);
    target.count(0, 1, 8);
    told.until(&relay, "another count", |told| count(told, 0) == 8);
    let handle = told.connections[&0].only().process.handle;
    relay.ask(0, trace(handle, true, None, &[]));
    relay.ask(0, RelayToAgent::Want(SourceId([3; 16])));
    relay.ping(0);
    told.until(&relay, "answers", |told| {
        let seen = &told.connections[&0];
        seen.only().n_traced == 2 && seen.sources.len() == 1 && told.n_answered == 1
    });
    assert_eq!(target.modes(0, 2), [1, 1]);
    agent.kill("-TERM");
    told.until(&relay, "leave", |told| told.closed.get(&0) == Some(&true));
    tests::until("the end of tracing", || (target.modes(0, 2) == [0, 0]).then_some(()));
    assert!(target.path.exists());
}

#[test]
fn what_happens_while_there_is_no_relay_is_told_to_the_next() {
    let (mut relay, folder) = (Tiny::start(), Scratch::in_memory("agent"));
    let mut sleeper = Sleeper::new();
    let alive = target(&folder, std::process::id(), 1);
    let dying = target(&folder, sleeper.pid(), 100);
    let _agent = agent(&relay, folder.path());
    let mut told = Told::default();
    let both = |told: &Told, number: usize| {
        let Some(seen) = told.connections.get(&number) else { return Vec::new() };
        let mut counts: Vec<u64> =
            seen.processes.values().flat_map(|p| p.counts.values().copied()).collect();
        counts.sort_unstable();
        counts
    };
    told.until(&relay, "both counts", |told| both(told, 0) == [1, 100]);
    // The relay stops; meanwhile one process goes on and the other ends.
    let address = relay.address;
    drop(relay);
    alive.count(0, 1, 2);
    dying.count(0, 1, 200);
    sleeper.kill(true);
    relay = Tiny::start_at(address);
    let mut told = Told::default();
    told.until(&relay, "the end", |told| {
        let seen = told.connections.get(&0);
        seen.is_some_and(|seen| seen.processes.values().any(|p| p.state == State::Ended))
    });
    assert_eq!(both(&told, 0), [2, 200]);
    tests::until("its file to go", || (!dying.path.exists()).then_some(()));
    // The same after the connection alone is lost.
    alive.count(0, 1, 3);
    relay.hang_up(0);
    told.until(&relay, "everything again", |told| both(told, 1) == [3]);
}

#[test]
fn what_the_relay_has_not_confirmed_is_not_removed() {
    let (relay, folder) = (Tiny::start_deaf(), Scratch::in_memory("agent"));
    let mut sleeper = Sleeper::new();
    let dead = target(&folder, sleeper.pid(), 5);
    sleeper.kill(true);
    let mut agent = agent(&relay, folder.path());
    let mut told = Told::default();
    // This relay hears, and hangs up before it answers the ping that follows.
    told.until(&relay, "three connections", |told| told.closed.len() >= 3);
    agent.kill("-TERM");
    assert!(agent.wait().success());
    assert_eq!(told.connections[&2].only().state, State::Ended);
    assert!(dead.path.exists(), "it was removed before anybody had surely read it");
}

#[test]
fn addresses_that_no_agent_can_use_are_refused() {
    for (url, reason) in [("https://relay", "TLS"), ("ftp://relay", "ftp")] {
        let mut command = Command::new(tests::coverglass());
        let output = command.args(["agent", "--url", url]).output().expect("it can be run");
        assert_eq!(output.status.code(), Some(2));
        let text = String::from_utf8_lossy(&output.stderr);
        assert!(text.contains(reason) && text.lines().count() == 1, "{text}");
    }
}
