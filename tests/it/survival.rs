//! What really dies and comes back: relays, while programs run and browsers look.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};

use tests::{Scratch, coverglass, forge, until};

use crate::relay::peers::{Served, Viewer, announce, counts, state, table};
use wire::frame::State;

#[tokio::test]
async fn a_relay_that_comes_back_is_told_everything_again() {
    let relay = Served::start().await;
    let address = relay.address;
    let p = table("example.com/p", 4);
    let mut viewer = relay.viewer().await;
    let mut agent = relay.agent().await;
    agent.say(&announce(1, 7, "svc", &p)).await;
    agent.say(&announce(2, 8, "svc", &p)).await;
    agent.say(&[counts(1, &[(0, 5)]), counts(2, &[(1, 1)]), state(2, State::Ended)]).await;
    viewer.until_total(6).await;
    // A reset is the relay's own, and so forgotten with it.
    relay.post("/api/v1/reset", "{}").await;
    viewer.until_total(0).await;
    let first = viewer.page.relay;
    relay.stop().await;

    // The program runs on meanwhile; agent and page connect again and say or hear it all.
    let relay = Served::on(address, relay::Config::default()).await;
    let mut page = relay.viewer().await;
    let mut agent = relay.agent().await;
    agent.say(&announce(1, 7, "svc", &p)).await;
    agent.say(&[counts(1, &[(0, 9), (3, 2)])]).await;
    page.until_total(11).await;
    assert_ne!(page.page.relay, first, "a page must see that it is another relay");
    assert_eq!(page.page.processes.len(), 1);
}

/// A `coverglass` that is killed when dropped.
struct Running(Child);

impl Running {
    fn start(arguments: &[&str], counters: &Path, cache: &Path) -> Self {
        let mut command = Command::new(coverglass());
        command.args(arguments);
        Self::spawn(command, counters, cache)
    }

    fn spawn(mut command: Command, counters: &Path, cache: &Path) -> Self {
        command.env("COVERGLASS_DIR", counters).env("COVERGLASS_CACHE", cache);
        command.env_remove("COVERGLASS_TOKEN").env_remove("COVERGLASS_URL");
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
        Self(command.spawn().expect("coverglass starts"))
    }

    /// The one line that `serve` prints.
    fn url(&mut self) -> String {
        let out = self.0.stdout.take().expect("its output is ours");
        let mut line = String::new();
        BufReader::new(out).read_line(&mut line).expect("a line");
        assert!(line.starts_with("http://127.0.0.1:"), "{line:?}");
        line.trim_end().trim_end_matches('/').to_owned()
    }

    fn signal(&self, signal: &str) {
        tests::output(Command::new("kill").args([signal, &self.0.id().to_string()]));
    }

    fn end(&mut self) -> ExitStatus {
        until("its end", || self.0.try_wait().expect("it can be waited for"))
    }

    /// SIGKILL: nothing is said and nothing is put away.
    fn kill(mut self) {
        self.0.kill().expect("it can be killed");
        self.0.wait().expect("it ends");
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

async fn viewer(url: &str) -> Viewer {
    let url = url.replace("http://", "ws://") + "/ws";
    let (socket, _) = tokio_tungstenite::connect_async(url).await.expect("the relay is there");
    Viewer { socket, page: Default::default(), n_messages: 0 }
}

#[tokio::test]
async fn killing_the_relay_loses_nothing_of_a_program_that_runs() {
    let scratch = Scratch::new("survival");
    let (counters, cache) = (scratch.folder("counters"), scratch.folder("cache"));
    // This test's own process stands for the program that is watched.
    let mut target = forge::Target::new(&counters, std::process::id(), &["/bin/watched"]);
    target.register(&forge::table("example.com/watched", "main", 2, 8));
    target.count(0, 0, 7);

    let mut serve = Running::start(&["serve", "--listen", "127.0.0.1:0"], &counters, &cache);
    let url = serve.url();
    let mut first = viewer(&url).await;
    first.until_total(7).await;
    target.count(0, 3, 1);
    first.until_total(8).await;
    serve.kill();
    target.count(0, 0, 1_000_000);

    let listen = url.trim_start_matches("http://").to_owned();
    let mut serve = Running::start(&["serve", "--listen", &listen], &counters, &cache);
    assert_eq!(serve.url(), url);
    let mut second = viewer(&url).await;
    second.until_total(1_000_001).await;
    assert_ne!(first.page.relay, second.page.relay);
    target.count(0, 4, 1);
    second.until_total(1_000_002).await;
}

#[tokio::test]
async fn an_agent_finds_a_relay_that_was_killed_and_started_again() {
    let scratch = Scratch::new("survival");
    let (counters, cache) = (scratch.folder("counters"), scratch.folder("cache"));
    let mut target = forge::Target::new(&counters, std::process::id(), &["/bin/watched"]);
    target.register(&forge::table("example.com/watched", "main", 2, 8));
    target.count(0, 0, 7);

    let arguments = ["serve", "--no-collector", "--listen", "127.0.0.1:0"];
    let mut serve = Running::start(&arguments, &counters, &cache);
    let url = serve.url();
    let _agent = Running::start(&["agent", "--url", &url], &counters, &cache);
    let mut first = viewer(&url).await;
    first.until_total(7).await;
    serve.kill();
    target.count(0, 1, 3);
    let listen = url.trim_start_matches("http://").to_owned();
    let arguments = ["serve", "--no-collector", "--listen", &listen];
    let mut serve = Running::start(&arguments, &counters, &cache);
    serve.url();
    let mut second = viewer(&url).await;
    second.until_total(10).await;
    assert_eq!(second.page.states(State::Running), 1);
}

#[test]
fn a_port_that_is_taken_is_said_in_one_sentence() {
    let scratch = Scratch::new("survival");
    let (counters, cache) = (scratch.folder("counters"), scratch.folder("cache"));
    let mut serve = Running::start(&["serve", "--listen", "127.0.0.1:0"], &counters, &cache);
    let url = serve.url();
    let listen = url.trim_start_matches("http://");
    let second = |listen: &str| {
        let mut command = Command::new(coverglass());
        command.args(["serve", "--listen", listen]).env("COVERGLASS_DIR", &counters);
        let output = command.output().expect("coverglass starts");
        assert_eq!(output.status.code(), Some(2));
        assert!(output.stdout.is_empty());
        String::from_utf8(output.stderr).expect("text")
    };
    assert_eq!(
        second(listen),
        format!("coverglass: coverglass is running on {listen} already: {url}/\n")
    );
    let other = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let listen = other.local_addr().expect("an address").to_string();
    assert_eq!(
        second(&listen),
        format!(
            "coverglass: another program has taken {listen}; choose another port with --listen\n"
        )
    );
}

#[tokio::test]
async fn killing_the_demo_ends_its_program() {
    if !tests::has_go() {
        return;
    }
    let scratch = Scratch::new("survival");
    let counters = scratch.folder("counters");
    let arguments = ["demo", "--listen", "127.0.0.1:0"];
    let mut demo = Running::start(&arguments, &counters, crate::collector::cache());
    let mut first = viewer(&demo.url()).await;
    first.until("the program", |page| page.states(State::Running) == 1).await;
    demo.kill();
    let mut serve = Running::start(&["serve", "--listen", "127.0.0.1:0"], &counters, &counters);
    let mut second = viewer(&serve.url()).await;
    second.until("its end", |page| page.states(State::Ended) == 1).await;
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn without_hangups_the_relay_outlives_its_terminal() {
    let scratch = Scratch::new("survival");
    let counters = scratch.folder("counters");
    let mut target = forge::Target::new(&counters, std::process::id(), &["/bin/watched"]);
    target.register(&forge::table("example.com/watched", "main", 2, 8));
    target.count(0, 0, 7);
    // What `nohup` does.
    let mut command = Command::new("sh");
    command.args(["-c", r#"trap "" HUP; exec "$0" serve --listen 127.0.0.1:0"#]).arg(coverglass());
    let mut serve = Running::spawn(command, &counters, &counters);
    let url = serve.url();
    serve.signal("-HUP");
    let mut viewer = viewer(&url).await;
    viewer.until_total(7).await;
    target.count(0, 3, 1);
    viewer.until_total(8).await;
    drop(viewer);
    serve.signal("-TERM");
    assert_eq!(serve.end().code(), Some(0));
}

#[cfg(unix)]
#[test]
fn asked_to_stop_the_relay_ends_in_good_order() {
    let scratch = Scratch::new("survival");
    let (counters, cache) = (scratch.folder("counters"), scratch.folder("cache"));
    let mut serve = Running::start(&["serve", "--listen", "127.0.0.1:0"], &counters, &cache);
    serve.url();
    serve.signal("-TERM");
    assert_eq!(serve.end().code(), Some(0));
}
