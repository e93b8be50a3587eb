//! What agents say, and what comes of it.

use wire::frame::{Flow, FlowEvent, State};
use wire::{AgentToRelay, RelayToAgent};

use super::peers::{Served, announce, counts, hello, packages, process, state, table};

#[tokio::test]
async fn a_process_that_is_announced_again_is_the_same() {
    let relay = Served::start().await;
    let p = table("example.com/p", 4);
    let mut viewer = relay.viewer().await;
    let mut agent = relay.agent().await;
    agent.say(&announce(1, 7, "svc", &p)).await;
    agent.say(&[counts(1, &[(0, 3), (1, 4)])]).await;
    viewer.until_total(7).await;
    drop(agent);
    viewer.until("unreachable", |page| page.states(State::Unreachable) == 1).await;
    assert_eq!(viewer.page.total(), 7, "the counts of an unreachable process stay");

    // By another handle, with the same and then higher counts.
    let mut agent = relay.agent().await;
    agent.say(&announce(99, 7, "svc", &p)).await;
    agent.say(&[counts(99, &[(0, 3), (1, 4)]), counts(99, &[(1, 6)])]).await;
    viewer.until_total(9).await;
    assert_eq!(viewer.page.processes.len(), 1);
    assert_eq!(viewer.page.states(State::Running), 1);
}

#[tokio::test]
async fn two_collectors_of_one_machine_are_not_counted_twice() {
    let relay = Served::start().await;
    let p = table("example.com/p", 4);
    let mut viewer = relay.viewer().await;
    let (mut a, mut b) = (relay.agent().await, relay.agent().await);
    for (agent, handle) in [(&mut a, 1), (&mut b, 5)] {
        agent.say(&announce(handle, 7, "svc", &p)).await;
        agent.say(&[counts(handle, &[(0, 10), (3, 1)])]).await;
    }
    a.say(&[counts(1, &[(0, 12)])]).await;
    viewer.until_total(13).await;
    // The slower one's older news change nothing.
    b.say(&[counts(5, &[(0, 11)]), counts(5, &[(2, 1)])]).await;
    viewer.until_total(14).await;
    drop(a);
    // The other one still watches it.
    b.say(&[counts(5, &[(2, 2)])]).await;
    viewer.until_total(15).await;
    assert_eq!(viewer.page.states(State::Running), 1);
}

#[tokio::test]
async fn a_process_that_gets_its_name_late_is_known_by_it() {
    let relay = Served::start().await;
    let p = table("example.com/p", 4);
    let mut viewer = relay.viewer().await;
    let mut agent = relay.agent().await;
    agent.say(&announce(1, 7, "a.out", &p)).await;
    agent.say(&[counts(1, &[(0, 3)])]).await;
    viewer.until_total(3).await;
    agent.say(&[process(1, 7, "svc"), packages(1, &[&p]), counts(1, &[(1, 4)])]).await;
    viewer.until_total(7).await;
    let names: Vec<_> =
        viewer.page.processes.values().map(|shown| shown.about.service.as_str()).collect();
    assert_eq!(names, ["svc"]);
    let services = relay.get("/api/v1/services").await.json();
    assert_eq!(services["services"][0]["name"], "svc");
}

#[tokio::test]
async fn packages_may_come_later_and_in_pieces() {
    let relay = Served::start().await;
    let (p, q) = (table("example.com/p", 2), table("example.com/q", 3));
    let mut viewer = relay.viewer().await;
    let mut agent = relay.agent().await;
    agent.say(&announce(1, 7, "svc", &p)).await;
    agent.say(&[counts(1, &[(1, 1)])]).await;
    viewer.until_total(1).await;
    agent.say(&[AgentToRelay::Table(q.encode()), packages(1, &[&q])]).await;
    viewer
        .until("both packages", |page| page.processes.values().all(|p| p.packages.len() == 2))
        .await;
    assert_eq!(viewer.page.total(), 1);
}

#[tokio::test]
async fn ended_processes_beyond_the_bound_become_one_and_no_count_is_lost() {
    let relay = Served::start().await;
    let p = table("example.com/p", 4);
    let mut viewer = relay.viewer().await;
    let mut agent = relay.agent().await;
    let mut expected = 0;
    for key in 0..200u8 {
        let handle = u32::from(key);
        agent.say(&announce(handle, key, "job", &p)).await;
        agent.say(&[counts(handle, &[(handle % 4, 5)]), state(handle, State::Ended)]).await;
        expected += 5;
    }
    let bound = relay::limits::ENDED_PER_BUILD;
    let folded =
        |page: &super::peers::Page| page.total() == expected && page.processes.len() < bound + 16;
    viewer.until("folding", folded).await;
    let summed: u64 = viewer.page.total();
    assert_eq!(summed, expected);
    let text = relay.get("/api/v1/profile").await.body;
    assert!(text.ends_with("example.com/p/a.go:4.2,4.9 2 250\n"), "{text}");
    // What the agent still says of those that were folded is heard and counts for nothing.
    agent.say(&[counts(0, &[(0, 5)]), counts(1, &[(1, 1)])]).await;
    let mut again = relay.agent().await;
    again.say(&announce(3, 0, "job", &p)).await;
    again.say(&[counts(3, &[(0, 5)])]).await;
    again.say(&announce(4, 250, "other", &p)).await;
    again.say(&[counts(4, &[(0, 1)])]).await;
    viewer.until_total(expected + 1).await;
}

#[tokio::test]
async fn an_ended_process_stays_ended() {
    let relay = Served::start().await;
    let p = table("example.com/p", 4);
    let mut viewer = relay.viewer().await;
    let mut agent = relay.agent().await;
    agent.say(&announce(1, 7, "svc", &p)).await;
    agent.say(&[state(1, State::Ended), state(1, State::Running), counts(1, &[(0, 1)])]).await;
    viewer.until_total(1).await;
    drop(agent);
    let mut agent = relay.agent().await;
    agent.say(&announce(1, 7, "svc", &p)).await;
    agent.say(&[counts(1, &[(0, 2)])]).await;
    viewer.until_total(2).await;
    assert_eq!(viewer.page.states(State::Ended), 1);
}

#[tokio::test]
async fn flow_and_tracing_reach_the_viewers_and_wishes_the_agent() {
    let relay = Served::start().await;
    let p = table("example.com/p", 4);
    let mut viewer = relay.viewer().await;
    let mut agent = relay.agent().await;
    agent.say(&announce(41, 7, "svc", &p)).await;
    viewer.until("the process", |page| page.processes.len() == 1).await;
    let handle = *viewer.page.processes.keys().next().unwrap();

    let reply = relay
        .post(
            "/api/v1/trace",
            &format!(r#"{{"process":{handle},"on":true,"package":"example.com/p","units":[0]}}"#),
        )
        .await;
    assert_eq!(reply.status, 200, "{reply:?}");
    let wish = RelayToAgent::Trace { handle: 41, on: true, package: Some(0), units: vec![0] };
    assert_eq!(agent.asked().await, wish);
    for (body, status) in [
        (format!(r#"{{"process":{handle},"on":true,"package":"example.com/x"}}"#), 404),
        (format!(r#"{{"process":{handle},"on":true,"package":"example.com/p","units":[1]}}"#), 400),
        (format!(r#"{{"process":{handle},"on":true,"units":[0]}}"#), 400),
        (r#"{"process":77,"on":true}"#.to_owned(), 404),
        (r#"{"process":"x","on":true}"#.to_owned(), 400),
        (r#"{"on":true}"#.to_owned(), 400),
    ] {
        let reply = relay.post("/api/v1/trace", &body).await;
        assert_eq!(reply.status, status, "{body}: {reply:?}");
        assert!(!reply.error().is_empty());
    }

    let event = FlowEvent { unit: 0, goroutine: 9, ..FlowEvent::default() };
    agent
        .say(&[
            AgentToRelay::Tracing { handle: 41, entries: 1 },
            AgentToRelay::Flow(Flow { handle: 41, at_ms: 1, lost: 2, events: vec![event; 3] }),
        ])
        .await;
    viewer.until("flow", |page| (page.events, page.lost) == (3, 2)).await;
    assert_eq!(viewer.page.processes[&handle].tracing, 1);
}

#[tokio::test]
async fn all_who_watch_a_process_are_asked_to_trace_it() {
    let relay = Served::start().await;
    let p = table("example.com/p", 4);
    let mut viewer = relay.viewer().await;
    // The first pushes its own counts, say, and can't trace.
    let mut agents = [relay.agent().await, relay.agent().await];
    for (number, agent) in (1..).zip(&mut agents) {
        agent.say(&announce(number, 7, "svc", &p)).await;
        agent.say(&[counts(number, &[(number, 1)])]).await;
    }
    viewer.until_total(2).await;
    let reply = relay.post("/api/v1/trace", r#"{"process":1,"on":true}"#).await;
    assert_eq!(reply.status, 200, "{reply:?}");
    for (number, agent) in (1..).zip(&mut agents) {
        let wish = RelayToAgent::Trace { handle: number, on: true, package: None, units: vec![] };
        assert_eq!(agent.asked().await, wish);
    }
}

#[tokio::test]
async fn the_local_collector_is_an_agent_too() {
    let (local, end) = relay::local_agent();
    let relay = Served::with(relay::Config { local: Some(local), ..Default::default() }).await;
    let mut viewer = relay.viewer().await;
    let p = table("example.com/p", 4);
    end.frames.send(announce(1, 7, "svc", &p)).await.unwrap();
    end.frames.send(vec![counts(1, &[(0, 3)])]).await.unwrap();
    viewer.until_total(3).await;
    // What it says wrong is left out, the rest counts.
    end.frames.send(vec![counts(2, &[(0, 3)]), counts(1, &[(1, 1)])]).await.unwrap();
    viewer.until_total(4).await;
    relay.stop().await;
    assert!(end.frames.send(Vec::new()).await.is_err());
    assert!(end.requests.recv().is_err());
}

#[tokio::test]
async fn an_agent_must_greet_and_speak_our_version() {
    let relay = Served::start().await;
    let mut agent = relay.stranger().await;
    agent.say(&[process(1, 1, "svc")]).await;
    assert_eq!(agent.refused().await, (1008, "protocol error".into()));
    let mut agent = relay.stranger().await;
    agent.say(&[AgentToRelay::Hello { version: 2, name: "new".into() }]).await;
    assert_eq!(agent.refused().await, (1008, "other version".into()));
    let mut agent = relay.agent().await;
    agent.say(&[hello(), process(1, 1, "svc")]).await;
    let mut viewer = relay.viewer().await;
    viewer.until("the process", |page| page.processes.len() == 1).await;
}
