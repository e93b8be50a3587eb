//! What REST answers.

use tests::PATIENCE;
use wire::{AgentToRelay, RelayToAgent, SourceId};

use super::peers::{Agent, Served, Viewer, announce, counts, packages, process, source, table};

#[tokio::test]
async fn services_summary_and_profile_say_what_the_agents_did() {
    let relay = Served::start().await;
    assert_eq!(relay.get("/api/v1/services").await.body, r#"{"services":[]}"#);
    assert_eq!(relay.get("/api/v1/profile").await.status, 404);
    let (p, q) = (table("example.com/p", 2), table("example.com/q", 1));
    let newer_q = table("example.com/q", 3);
    let mut viewer = relay.viewer().await;
    let mut agent = relay.agent().await;
    let tables = [&p, &q, &newer_q].map(|table| AgentToRelay::Table(table.encode()));
    agent.say(&tables).await;
    // Two replicas of a build, a newer build, and another service that shares a package.
    agent.say(&[process(1, 1, "svc"), packages(1, &[&p, &q])]).await;
    agent.say(&[process(2, 2, "svc"), packages(2, &[&p, &q])]).await;
    agent.say(&[process(3, 3, "svc"), packages(3, &[&p, &newer_q])]).await;
    agent.say(&[process(4, 4, "job"), packages(4, &[&p])]).await;
    agent.say(&[counts(1, &[(0, 1)]), counts(2, &[(0, 10)]), counts(3, &[(0, 100)])]).await;
    agent.say(&[counts(4, &[(1, 1000)])]).await;
    viewer.until_total(1111).await;

    let services = relay.get("/api/v1/services").await.json();
    let names: Vec<_> =
        services["services"].as_array().unwrap().iter().map(|s| s["name"].clone()).collect();
    assert_eq!(names, ["job", "svc"]);
    let builds = services["services"][1]["builds"].as_array().unwrap();
    assert_eq!(builds.len(), 2);
    let latest: Vec<_> = builds.iter().filter(|build| build["latest"] == true).collect();
    assert_eq!(latest.len(), 1);
    assert_eq!(latest[0]["processes"].as_array().unwrap().len(), 1);
    assert_eq!(latest[0]["processes"][0]["pid"], 3);
    assert_eq!(latest[0]["processes"][0]["state"], "running");
    assert_eq!(latest[0]["processes"][0]["statements"]["covered"], 2);
    assert_eq!(latest[0]["processes"][0]["statements"]["total"], 10);

    let newest = "mode: count\n\
                  example.com/p/a.go:1.2,1.9 2 100\n\
                  example.com/p/a.go:2.2,2.9 2 1000\n\
                  example.com/q/a.go:1.2,1.9 2 0\n\
                  example.com/q/a.go:2.2,2.9 2 0\n\
                  example.com/q/a.go:3.2,3.9 2 0\n";
    assert_eq!(relay.get("/api/v1/profile").await.body, newest);
    assert_eq!(relay.get("/api/v1/profile?format=go-text").await.body, newest);
    let all = relay.get("/api/v1/profile?build=all&service=svc").await.body;
    assert!(all.contains("p/a.go:1.2,1.9 2 111\n"), "{all}");
    let older = builds.iter().find(|build| build["latest"] == false).unwrap();
    let older = format!("/api/v1/profile?build={}", older["id"].as_str().unwrap());
    let expected = "mode: count\n\
                    example.com/p/a.go:1.2,1.9 2 11\n\
                    example.com/p/a.go:2.2,2.9 2 0\n\
                    example.com/q/a.go:1.2,1.9 2 0\n";
    assert_eq!(relay.get(&older).await.body, expected);
    let summary = relay.get("/api/v1/summary").await.json();
    assert_eq!(summary["total"]["statements"]["covered"], 4);
    assert_eq!(summary["total"]["statements"]["total"], 10);
    assert_eq!(summary["total"]["functions"]["total"], 2);
    assert_eq!(summary["files"][1]["path"], "example.com/q/a.go");
    assert_eq!(summary["packages"][0]["module"], "example.com");

    for (path, status) in [
        ("/api/v1/profile?service=nobody", 404),
        ("/api/v1/profile?process=x", 400),
        ("/api/v1/profile?process=99", 404),
        ("/api/v1/profile?format=lcov", 400),
        ("/api/v1/profile?sevrice=svc", 400),
        ("/api/v1/profiles", 404),
        ("/api/v1/reset", 405),
        ("/api/v2/services", 404),
    ] {
        let reply = relay.get(path).await;
        assert_eq!(reply.status, status, "{path}: {reply:?}");
        assert!(!reply.error().is_empty());
    }
}

/// A relay, and a process whose only source is to be had at `path`, if its agent answers.
struct House {
    relay: Served,
    viewer: Viewer,
    agent: Agent,
    text: String,
    id: SourceId,
    path: String,
}

impl House {
    async fn new() -> Self {
        let relay = Served::start().await;
        let mut viewer = relay.viewer().await;
        let mut agent = relay.agent().await;
        agent.say(&announce(1, 1, "svc", &table("example.com/p", 1))).await;
        viewer.until("the process", |page| page.processes.len() == 1).await;
        let text = source("example.com/p");
        let id = SourceId::of(text.as_bytes());
        let path = format!("/api/v1/source?id={}", id.hex());
        Self { relay, viewer, agent, text, id, path }
    }
}

#[tokio::test]
async fn a_source_is_asked_for_once_and_then_kept() {
    let House { relay, mut agent, text, id, path, .. } = House::new().await;
    let answer = async {
        assert_eq!(agent.asked().await, RelayToAgent::Want(id));
        // Both requests wait by now, or come later and find it here.
        agent.say(&[AgentToRelay::Source { id, bytes: Some(text.clone().into_bytes()) }]).await;
    };
    let (a, b, ()) = tokio::join!(relay.get(&path), relay.get(&path), answer);
    assert_eq!((a.status, &a.body, &b.body), (200, &text, &text));
    assert!(a.head.contains("content-type: text/plain; charset=utf-8"), "{}", a.head);
    drop(agent);
    assert_eq!(relay.get(&path).await.body, text);
}

#[tokio::test]
async fn a_source_that_nobody_has_is_not_found() {
    let House { relay, mut agent, id, path, .. } = House::new().await;
    let answer = async {
        agent.asked().await;
        agent.say(&[AgentToRelay::Source { id, bytes: None }]).await;
    };
    let (reply, ()) = tokio::join!(relay.get(&path), answer);
    assert_eq!((reply.status, reply.error().contains("nobody")), (404, true), "{reply:?}");
    // One that lies is put out, and its answer is not believed.
    let lie = async {
        agent.asked().await;
        agent.say(&[AgentToRelay::Source { id, bytes: Some(b"package evil".to_vec()) }]).await;
        assert_eq!(agent.refused().await.1, "protocol error");
    };
    let (reply, ()) = tokio::join!(relay.get(&path), lie);
    assert_eq!(reply.status, 404, "{reply:?}");
    for (id, status) in [
        ("0123456789abcdef0123456789abcdef", 404),
        ("00000000000000000000000000000000", 404),
        ("", 400),
        ("../../../../etc/passwd", 400),
        ("%2e%2e%2fetc%2fpasswd", 400),
    ] {
        let reply = relay.get(&format!("/api/v1/source?id={id}")).await;
        assert_eq!(reply.status, status, "{id}: {reply:?}");
    }
    assert_eq!(relay.get("/api/v1/source").await.status, 400);
}

#[tokio::test]
async fn a_source_is_found_by_the_path_that_a_package_names_and_by_no_other() {
    let House { relay, mut agent, text, id, .. } = House::new().await;
    let path = "/api/v1/source?process=1&path=example.com/p/a.go";
    let answer = async {
        assert_eq!(agent.asked().await, RelayToAgent::Want(id));
        agent.say(&[AgentToRelay::Source { id, bytes: Some(text.clone().into_bytes()) }]).await;
    };
    let (reply, ()) = tokio::join!(relay.get(path), answer);
    assert_eq!((reply.status, &reply.body), (200, &text));
    for path in ["/etc/passwd", "example.com/p/../p/a.go", "a.go", ""] {
        let reply = relay.get(&format!("/api/v1/source?path={path}")).await;
        assert_eq!(reply.status, 404, "{path}: {reply:?}");
    }
}

#[tokio::test]
async fn an_agent_that_never_answers_costs_a_few_seconds_and_nobody_else() {
    let House { relay, mut viewer, mut agent, path, .. } = House::new().await;
    let others = async {
        agent.asked().await;
        assert_eq!(relay.get("/healthz").await.status, 200);
        agent.say(&[counts(1, &[(0, 1)])]).await;
        viewer.until_total(1).await;
    };
    let (reply, ()) = tokio::join!(relay.get(&path), others);
    assert_eq!(reply.status, 504, "{reply:?}");
    assert!(relay::limits::SOURCE_TIMEOUT < PATIENCE / 2);
}

#[tokio::test]
async fn what_is_described_is_what_there_is() {
    let relay = Served::start().await;
    let description = relay.get("/api/v1/openapi.json").await;
    assert!(description.head.contains("content-type: application/json"));
    let description = description.json();
    for (path, methods) in description["paths"].as_object().unwrap() {
        for method in methods.as_object().unwrap().keys() {
            let reply = match method.as_str() {
                "get" => relay.get(path).await,
                _ => relay.post(path, "[]").await,
            };
            assert_ne!((reply.status, reply.status), (404, 405), "{path}");
            let missing = reply.body.contains("no such endpoint");
            assert!(!missing, "{path} is described and not there");
        }
    }
}

#[tokio::test]
async fn stopping_says_goodbye_to_everybody() {
    let relay = Served::start().await;
    let mut agent = relay.agent().await;
    let mut viewer = relay.viewer().await;
    viewer.until("the welcome", |page| page.relay != 0).await;
    let goodbye = tokio::spawn(async move { agent.refused().await });
    relay.stop().await;
    assert_eq!(goodbye.await.unwrap(), (1001, "relay stops".into()));
}
