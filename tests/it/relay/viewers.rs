//! What viewers are told: late ones, slow ones, many.

use std::time::{Duration, Instant};

use futures_util::future::join_all;
use tests::PATIENCE;
use tokio::time::timeout;
use wire::AgentToRelay;
use wire::frame::{Counts, PackageCounts};

use super::peers::{Page, Served, announce, counts, state, table};
use wire::frame::State;

#[tokio::test]
async fn a_late_viewer_knows_what_an_early_one_does() {
    let relay = Served::start().await;
    let (p, q) = (table("example.com/p", 300), table("example.com/q", 5));
    let mut early = relay.viewer().await;
    let mut agent = relay.agent().await;
    agent.say(&announce(1, 1, "svc", &p)).await;
    for round in 1..=50 {
        agent.say(&[counts(1, &[(round, 1), (299, u64::from(round))])]).await;
    }
    agent.say(&announce(2, 2, "other", &q)).await;
    agent.say(&[counts(2, &[(4, 9)]), state(2, State::Ended)]).await;
    early.until("everything", |page| page.total() == 109 && page.states(State::Ended) == 1).await;
    let mut late = relay.viewer().await;
    late.until_total(109).await;
    assert_eq!(late.page, early.page);
}

#[tokio::test]
async fn a_reset_zeroes_for_everybody() {
    let relay = Served::start().await;
    let p = table("example.com/p", 4);
    let mut viewer = relay.viewer().await;
    let mut agent = relay.agent().await;
    agent.say(&announce(1, 1, "one", &p)).await;
    agent.say(&announce(2, 2, "two", &p)).await;
    agent.say(&[counts(1, &[(0, 5), (1, 5)]), counts(2, &[(0, 100)])]).await;
    viewer.until_total(110).await;
    assert_eq!(relay.post("/api/v1/reset", r#"{"service":"one"}"#).await.json()["processes"], 1);
    viewer.until_total(100).await;
    agent.say(&[counts(1, &[(1, 7)])]).await;
    viewer.until_total(102).await;
    let mut late = relay.viewer().await;
    late.until_total(102).await;
    assert_eq!(late.page, viewer.page);
    let profile = relay.get("/api/v1/profile?service=one").await.body;
    let lines: Vec<_> = profile.lines().collect();
    assert_eq!(
        lines[..4],
        [
            "mode: count",
            "example.com/p/a.go:1.2,1.9 2 0",
            "example.com/p/a.go:2.2,2.9 2 2",
            "example.com/p/a.go:3.2,3.9 2 0",
        ]
    );
    assert_eq!(relay.post("/api/v1/reset", "{}").await.json()["processes"], 2);
    viewer.until_total(0).await;
    let process = viewer.page.processes.keys().next().unwrap();
    let body = format!(r#"{{"process":{process}}}"#);
    assert_eq!(relay.post("/api/v1/reset", &body).await.json()["processes"], 1);
}

/// Counts of all units of a large package.
fn large(handle: u32, n_units: u32, count: u64) -> AgentToRelay {
    let package = PackageCounts {
        package: 0,
        units: (0..n_units).collect(),
        counts: vec![count; n_units as usize],
        ages_ms: Vec::new(),
    };
    AgentToRelay::Counts(Counts { handle, at_ms: 1, packages: vec![package] })
}

#[tokio::test]
async fn a_stalled_viewer_is_told_the_sum_and_holds_up_nobody() {
    const UNITS: u32 = 20_000;
    const ROUNDS: u64 = 20;
    let relay = Served::start().await;
    let p = table("example.com/p", UNITS);
    let mut quick = relay.viewer().await;
    let mut stalled = relay.narrow_viewer().await;
    let mut agent = relay.agent().await;
    agent.say(&announce(1, 1, "svc", &p)).await;
    stalled.until("the process", |page| page.processes.len() == 1).await;
    // Each round is some 150 KB, and what the kernel keeps for the socket some megabytes. It is
    // full when three rounds in a row are told to the quick one alone. One that takes nothing is
    // given up after a while, so what follows must not take long, on a slow machine neither.
    let (mut round, mut n_told, mut n_alone) = (0, 0, 0);
    while n_alone < 3 {
        round += 1;
        agent.say(&[large(1, UNITS, 1_000_000_000 * round)]).await;
        quick.until_total(u64::from(UNITS) * 1_000_000_000 * round).await;
        let told = relay.metric("coverglass_messages_total").await - quick.n_messages;
        n_alone = if told == n_told { n_alone + 1 } else { 0 };
        n_told = told;
    }
    let before = u64::from(UNITS) * 1_000_000_000 * round;
    for step in 1..=ROUNDS {
        agent.say(&[large(1, 1, 1_000_000_000 * round + step)]).await;
        quick.until_total(before + step).await;
    }
    stalled.until_total(before + ROUNDS).await;
    assert_eq!(stalled.page, quick.page);
    assert!(
        stalled.n_messages + 10 < quick.n_messages,
        "{} messages for the stalled, {} for the quick",
        stalled.n_messages,
        quick.n_messages
    );
    // And it keeps up again.
    agent.say(&[large(1, 1, 1 << 50)]).await;
    let total = u64::from(UNITS - 1) * 1_000_000_000 * round + (1 << 50);
    quick.until_total(total).await;
    stalled.until_total(total).await;
}

#[tokio::test]
async fn changes_in_quick_succession_are_told_at_most_sixty_times_a_second() {
    let relay = Served::start().await;
    let p = table("example.com/p", 10);
    let mut viewer = relay.viewer().await;
    let mut agent = relay.agent().await;
    agent.say(&announce(1, 1, "svc", &p)).await;
    viewer.until("the process", |page| page.processes.len() == 1).await;
    let (before, began) = (viewer.n_messages, Instant::now());
    let feed = async {
        for round in 1..=300 {
            agent.say(&[counts(1, &[(0, round)])]).await;
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        agent
    };
    let (_agent, ()) = tokio::join!(feed, viewer.until_total(300));
    let allowed = began.elapsed().as_millis() / relay::limits::TICK.as_millis() + 2;
    let n_messages = (viewer.n_messages - before) as u128;
    assert!(n_messages <= allowed, "{n_messages} messages in {:?}", began.elapsed());
}

#[tokio::test(flavor = "multi_thread")]
async fn two_hundred_viewers_are_all_told_the_same() {
    let relay = Served::start().await;
    let p = table("example.com/p", 500);
    let mut agent = relay.agent().await;
    agent.say(&announce(1, 1, "svc", &p)).await;
    let mut viewers = join_all((0..200).map(|_| relay.viewer())).await;
    let feed = async {
        for round in 1..=100u64 {
            let pairs: Vec<_> = (0..500).map(|unit| (unit, round)).collect();
            agent.say(&[counts(1, &pairs)]).await;
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    let watch = join_all(viewers.iter_mut().map(|viewer| viewer.until_total(50_000)));
    tokio::join!(feed, watch);
    let first: Page = viewers[0].page.clone();
    assert!(viewers.iter().all(|viewer| viewer.page == first));
    assert_eq!(relay.metric("coverglass_viewers").await, 200);
    drop(viewers);
    let gone = async {
        while relay.metric("coverglass_viewers").await > 0 {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    timeout(PATIENCE, gone).await.expect("viewers that left are not counted any more");
}
