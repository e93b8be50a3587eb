//! Push mode: programs that tell a relay themselves what they count.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Read as _;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, Mutex, Weak};
use std::time::Duration;

use instrument::collector::{Collector, Config};
use tests::served::Served;
use tests::{Scratch, forge, until};
use wire::RelayToAgent;
use wire::frame::State;
use wire::{AgentToRelay, SourceId};

use super::Seen;
use super::programs::{
    Built, Running, Slot, build_files, build_text, collector, counts, pushing_exits, shared,
};
use super::tiny::{Event, Tiny};

/// What several connections told.
#[derive(Default)]
pub(super) struct Told {
    pub(super) connections: BTreeMap<usize, Seen>,
    greeted: BTreeSet<usize>,
    pub(super) tokens: Vec<Option<String>>,
    pub(super) n_answered: usize,
    /// Connections that are gone, and whether they took leave.
    pub(super) closed: BTreeMap<usize, bool>,
}

impl Told {
    /// Takes events until it is so.
    pub(super) fn until(
        &mut self,
        relay: &Tiny,
        what: &str,
        is: impl Fn(&Self) -> bool,
    ) -> &mut Self {
        while !is(self) {
            match relay.event(what) {
                Event::Opened(number, path, token) => {
                    assert_eq!(path, "/agent");
                    self.tokens.push(token);
                    self.connections.insert(number, Seen::default());
                }
                Event::Said(number, frames) => {
                    let seen = self.connections.get_mut(&number).expect("it was opened");
                    if self.greeted.insert(number) {
                        let first = frames.first();
                        assert!(matches!(first, Some(AgentToRelay::Hello { version: 1, .. })));
                    }
                    seen.take(frames);
                }
                Event::Answered => self.n_answered += 1,
                Event::Closed(number, took_leave) => {
                    self.closed.insert(number, took_leave);
                }
            }
        }
        self
    }

    pub(super) fn counts(&self, number: usize, function: &str) -> Vec<u64> {
        let Some(seen) = self.connections.get(&number) else { return Vec::new() };
        let mut processes = seen.processes.values().filter(|process| !process.packages.is_empty());
        processes.next().map_or_else(Vec::new, |process| counts(seen, process, function))
    }
}

/// A program that pushes to `url`; without a folder it has no shared memory.
fn push(program: &Path, arguments: &[&str], url: &str, folder: Option<&Path>) -> Running {
    let mut command = Command::new(program);
    let nowhere = Path::new("/nowhere/at/all");
    command.args(arguments).env("COVERGLASS_URL", url).env_remove("COVERGLASS_TOKEN");
    command.env("COVERGLASS_DIR", folder.unwrap_or(nowhere));
    Running::start(&mut command)
}

#[test]
fn without_shared_memory_a_program_tells_all_that_it_did() {
    if !tests::has_go() {
        return;
    }
    let exits = pushing_exits();
    for (mode, code, n_after) in [("return", 0, 1), ("exit", 3, 0)] {
        let relay = Tiny::start();
        let mut program = push(&exits.path, &[mode, "500"], &relay.url(), None);
        let mut told = Told::default();
        told.until(&relay, "leave", |told| !told.closed.is_empty());
        assert_eq!(program.wait().code(), Some(code));
        assert!(told.closed[&0], "it took no leave");
        assert_eq!(told.counts(0, "step"), [500, 250, 250]);
        assert_eq!(told.counts(0, "after"), [n_after]);
        let process = told.connections[&0].only();
        assert_eq!(process.state, State::Ended);
        assert_eq!(process.process.service, "exits");
        assert_eq!(process.process.pid, program.pid());
        assert_eq!(process.process.arguments[1..], [mode, "500"]);
        assert!(process.process.go_version.starts_with("go1."));
    }
}

#[test]
fn a_program_that_is_killed_has_told_what_it_did() {
    if !tests::has_go() {
        return;
    }
    let exits = pushing_exits();
    let relay = Tiny::start();
    let mut program = push(&exits.path, &["sigkill", "2000"], &relay.url(), None);
    program.await_ready();
    let mut told = Told::default();
    told.until(&relay, "wait", |told| told.counts(0, "wait").first() == Some(&1));
    program.kill("-KILL");
    told.until(&relay, "the end", |told| !told.closed.is_empty());
    assert_eq!(told.counts(0, "step"), [2000, 1000, 1000]);
    assert_eq!((told.closed[&0], told.connections[&0].only().state), (false, State::Running));
}

#[test]
fn a_program_whose_memory_nobody_reads_pushes_under_the_same_name() {
    if !tests::has_go() {
        return;
    }
    let exits = pushing_exits();
    let relay = Tiny::start();
    let folder = Scratch::in_memory("push");
    let mut program = push(&exits.path, &["sigterm", "10"], &relay.url(), Some(folder.path()));
    program.await_ready();
    let mut told = Told::default();
    told.until(&relay, "the counts", |told| told.counts(0, "step") == [10, 5, 5]);
    let pushed = told.connections[&0].only().process.clone();
    let mut seen = Seen::default();
    let config = collector(folder.path()).config().clone();
    let mut collector = Collector::new(Config { host: pushed.host.clone(), ..config });
    until("the same process", || {
        seen.poll(&mut collector);
        (!seen.processes.is_empty()).then_some(())
    });
    let read = wire::frame::Process { handle: pushed.handle, ..seen.only().process.clone() };
    assert_eq!(read, pushed);
    // What it does last is told both ways.
    program.kill("-TERM");
    told.until(&relay, "the end", |told| !told.closed.is_empty());
    assert_eq!(told.counts(0, "step"), [20, 10, 10]);
    until("the end", || {
        seen.poll(&mut collector);
        (seen.only().state == State::Ended).then_some(())
    });
    assert_eq!(counts(&seen, seen.only(), "step"), [20, 10, 10]);
    assert_eq!(program.wait().code(), Some(0));
}

#[test]
fn a_short_program_that_nobody_has_read_tells_at_its_end() {
    if !tests::has_go() {
        return;
    }
    let exits = pushing_exits();
    let relay = Tiny::start();
    let folder = Scratch::in_memory("push");
    let mut program = push(&exits.path, &["short", "30"], &relay.url(), Some(folder.path()));
    let mut told = Told::default();
    told.until(&relay, "the end", |told| !told.closed.is_empty());
    assert_eq!(told.counts(0, "step"), [30, 15, 15]);
    assert!(program.wait().success());
}

#[test]
fn a_connection_that_breaks_is_made_again_and_told_everything() {
    if !tests::has_go() {
        return;
    }
    let ticking = ticking();
    let mut relay = Tiny::start();
    let mut program = push(&ticking.path, &[], &relay.url(), None);
    let ticks = |told: &Told, number| told.counts(number, "tick").first().copied().unwrap_or(0);
    let mut told = Told::default();
    told.until(&relay, "ticks", |told| ticks(told, 0) > 10);
    relay.hang_up(0);
    told.until(&relay, "another connection", |told| ticks(told, 1) > 0);
    assert!(ticks(&told, 1) >= ticks(&told, 0), "it was told less than before");
    // The relay is restarted.
    let address = relay.address;
    drop(relay);
    relay = Tiny::start_at(address);
    let mut again = Told::default();
    again.until(&relay, "ticks", |again| ticks(again, 0) > ticks(&told, 1));
    program.kill("-TERM");
    again.until(&relay, "the end", |again| again.closed.values().any(|&leave| leave));
    let last = *again.closed.iter().find(|(_, leave)| **leave).expect("there is one").0;
    assert_eq!(ticks(&again, last), program.printed().trim().parse::<u64>().expect("a number"));
}

#[test]
fn tokens_are_sent_pings_answered_and_sources_not_there() {
    if !tests::has_go() {
        return;
    }
    let ticking = ticking();
    let relay = Tiny::start();
    let mut command = Command::new(&ticking.path);
    command.env("COVERGLASS_URL", format!("{}/", relay.url())).env("COVERGLASS_TOKEN", "secret-1");
    command.env("COVERGLASS_DIR", "/nowhere/at/all");
    let _program = Running::start(&mut command);
    let mut told = Told::default();
    told.until(&relay, "an agent", |told| !told.tokens.is_empty());
    assert_eq!(told.tokens, [Some("Bearer secret-1".to_owned())]);
    for number in 0..20 {
        relay.ask(0, RelayToAgent::Want(SourceId([number; 16])));
        relay.ping(0);
    }
    told.until(&relay, "answers", |told| {
        told.n_answered == 20 && told.connections[&0].sources.len() == 20
    });
    assert!(told.connections[&0].sources.values().all(Option::is_none));
    assert!(told.closed.is_empty());
}

#[test]
fn without_a_url_there_is_not_even_a_goroutine() {
    if !tests::has_go() {
        return;
    }
    let ticking = ticking();
    let folder = Scratch::in_memory("push");
    let mut command = Command::new(&ticking.path);
    command.arg("goroutines").env_remove("COVERGLASS_URL").env("COVERGLASS_DIR", folder.path());
    let mut program = Running::start(&mut command);
    assert!(program.wait().success());
    assert_eq!(program.printed(), "1\n");
}

#[test]
fn a_program_that_is_read_tells_nobody_else() {
    if !tests::has_go() {
        return;
    }
    let scratch = Scratch::new("read");
    let binary = gated(&scratch, "");
    let go_on = scratch.join("go-on");
    let argument = go_on.to_str().expect("its name is text");
    let relay = Tiny::start();
    let folder = Scratch::in_memory("push");
    let mut program = push(&binary, &[argument, "2s"], &relay.url(), Some(folder.path()));
    // By this collector's clock it has just been here, however long it is until it comes again.
    let ahead_ms = 3_600_000;
    let grace = Duration::from_millis(2 * ahead_ms);
    let mut collector =
        Collector::new(Config { grace, ..collector(folder.path()).config().clone() });
    let mut seen = Seen::default();
    let mut has = |state: State| {
        let mut frames = Vec::new();
        collector.poll(forge::now_ms() + ahead_ms, &mut frames);
        seen.take(frames).processes.values().any(|process| process.state == state).then_some(())
    };
    until("the program", || has(State::Running));
    std::fs::write(&go_on, "").expect("it can be written");
    until("its end", || has(State::Ended));
    assert!(program.wait().success());
    assert!(relay.events.try_recv().is_err(), "it connected");
}

#[test]
fn a_relay_that_is_not_there_or_silent_lets_programs_end() {
    if !tests::has_go() {
        return;
    }
    let exits = pushing_exits();
    let silent = TcpListener::bind("127.0.0.1:0").expect("a port");
    let gone = TcpListener::bind("127.0.0.1:0").expect("a port");
    let gone_address = gone.local_addr().expect("an address");
    drop(gone);
    let silent_address = silent.local_addr().expect("an address");
    let addresses = [silent_address.to_string(), gone_address.to_string(), "%:".to_owned()];
    for address in addresses {
        let mut program = push(&exits.path, &["exit"], &format!("http://{address}"), None);
        let status = until("its end", || program.ended());
        assert_eq!(status.code(), Some(3), "{address}");
    }
    // A program that panics or deadlocks ends as it does without, as far as Go can see.
    let mut program = push(&exits.path, &["panic"], &format!("http://{silent_address}"), None);
    let status = until("its end", || program.ended());
    assert_eq!(status.code(), Some(2));
}

#[test]
fn the_race_detector_has_nothing_to_say() {
    if !tests::has_go() || Command::new("gcc").arg("--version").output().is_err() {
        return;
    }
    let scratch = Scratch::new("race");
    let binary = build_text(&scratch, TICKING, &["--push", "-race"]);
    let folder = Scratch::in_memory("shared");
    for folder in [None, Some(folder.path())] {
        let relay = Tiny::start();
        let mut program = push(&binary, &[], &relay.url(), folder);
        let mut told = Told::default();
        told.until(&relay, "ticks", |told| told.counts(0, "tick").first() > Some(&20));
        program.kill("-TERM");
        told.until(&relay, "the end", |told| !told.closed.is_empty());
        // A race would make it 66.
        assert_eq!(program.wait().code(), Some(0));
        let printed = program.printed().trim().parse::<u64>().expect("a number");
        assert_eq!(told.counts(0, "tick"), [printed]);
    }
}

#[test]
fn a_program_whose_main_package_comes_late_is_renamed() {
    if !tests::has_go() {
        return;
    }
    let scratch = Scratch::new("late");
    // With the network's packages the gate waits for those that push mode waits for, and so comes
    // after it.
    let binary = gated(&scratch, "_ \"net\"");
    let go_on = scratch.join("go-on");
    let argument = go_on.to_str().expect("its name is text");
    let relay = Tiny::start();
    let _program = push(&binary, &[argument, "1h"], &relay.url(), None);
    let folder = Scratch::in_memory("late");
    let mut collector = collector(folder.path());
    let mut seen = Seen::default();
    let mut command = Command::new(&binary);
    command.args([argument, "1h"]).env_remove("COVERGLASS_URL");
    command.env("COVERGLASS_DIR", folder.path());
    let _watched = Running::start(&mut command);

    let named = |seen: &Seen, name: &str, n_packages: usize| {
        let mut processes = seen.processes.values();
        processes.any(|p| p.process.service == name && p.packages.len() == n_packages)
    };
    let mut told = Told::default();
    let pushed = |told: &Told, name: &str, n_packages: usize| {
        told.connections.values().any(|seen| named(seen, name, n_packages))
    };
    told.until(&relay, "the first name", |told| pushed(told, "program", 1));
    until("the first name", || named(seen.poll(&mut collector), "program", 1).then_some(()));
    std::fs::write(&go_on, "").expect("it can be written");
    told.until(&relay, "the other name", |told| pushed(told, "small", 2));
    until("the other name", || named(seen.poll(&mut collector), "small", 2).then_some(()));
    assert!(told.closed.is_empty());
}

#[test]
fn what_has_no_place_in_shared_memory_is_pushed_beside_what_is_read() {
    if !tests::has_go() {
        return;
    }
    let scratch = Scratch::new("full");
    let main = TICKING.replace("\t\t\ttick()", "\t\t\ta.Tick()\n\t\t\tb.Tick()\n\t\t\ttick()");
    let main =
        main.replace("import (", "import (\n\t\"example.com/small/a\"\n\t\"example.com/small/b\"");
    let small = |name| format!("package {name}\n\nvar n int\n\nfunc Tick() {{ n++ }}\n");
    let functions = (0..3000).map(|number| format!("\nfunc f{number}() {{ n-- }}\n"));
    let large = small("b") + &functions.collect::<String>();
    let files = [("main.go", main.as_str()), ("a/a.go", &small("a")), ("b/b.go", &large)];
    let binary = build_files(&scratch, &files, &["--push"]);
    let folder = Scratch::in_memory("full");
    let relay = Served::start(folder.path(), &[]);
    // Files of 8 pages have room for the first package and the last, but not for that between.
    let blocks = rustix::param::page_size() * 8 / 512;
    let mut command = Command::new("sh");
    command.args(["-c", &format!("ulimit -f {blocks}; exec \"$0\"")]).arg(&binary);
    command.env("COVERGLASS_URL", format!("http://{}", relay.address));
    command.env_remove("COVERGLASS_TOKEN").env("COVERGLASS_DIR", folder.path());
    let mut program = Running::start(&mut command);
    let profile = || {
        let mut command = Command::new(tests::coverglass());
        command.args(["profile", "--service", "small", "--url", &relay.address]);
        command.env_remove("COVERGLASS_TOKEN");
        String::from_utf8(command.output().expect("coverglass starts").stdout).expect("text")
    };
    let tick = |profile: &str, file: &str| {
        let mut lines = profile.lines().filter(|line| line.starts_with(file));
        lines.next_back().and_then(|line| line.rsplit(' ').next()?.parse::<u64>().ok())
    };
    let a = |profile: &str| tick(profile, "example.com/small/a/a.go:5.");
    let b = |profile: &str| tick(profile, "example.com/small/b/b.go:5.");
    let own = |profile: &str| tick(profile, "example.com/small/main.go:");
    until("ticks of each package", || {
        let profile = profile();
        [a(&profile), b(&profile), own(&profile)].iter().all(|n| *n > Some(10)).then_some(())
    });
    program.kill("-TERM");
    let printed = Some(program.printed().trim().parse::<u64>().expect("a number"));
    until("the last ticks", || {
        let profile = profile();
        [a(&profile), b(&profile), own(&profile)].iter().all(|n| *n == printed).then_some(())
    });
}

/// Counts its ticks until it is asked to end, and prints how many it were.
const TICKING: &str = r#"package main

import (
	"fmt"
	"os"
	"os/signal"
	"runtime"
	"syscall"
	"time"
)

var n int

func main() {
	if len(os.Args) > 1 {
		fmt.Println(runtime.NumGoroutine())
		return
	}
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGTERM)
	for {
		select {
		case <-signals:
			fmt.Println(n)
			os.Exit(0)
		case <-time.After(time.Millisecond):
			tick()
		}
	}
}

func tick() { n++ }
"#;

/// A program that lives so long (second argument) once a file (first argument) is there. A package
/// of it, with this import besides, waits for that before the main package is registered.
fn gated(scratch: &Scratch, import: &str) -> PathBuf {
    let main = r#"package main

import (
	_ "example.com/small/gate"
	"os"
	"time"
)

func main() {
	life, _ := time.ParseDuration(os.Args[2])
	time.Sleep(life)
}
"#;
    let gate = r#"package gate

import (
	"os"
	"time"
)

var _ = wait()

func wait() bool {
	for {
		if _, err := os.Stat(os.Args[1]); err == nil {
			return true
		}
		time.Sleep(time.Millisecond)
	}
}
"#;
    let gate = gate.replace("import (", &format!("import (\n\t{import}"));
    build_files(scratch, &[("main.go", main), ("gate/gate.go", &gate)], &["--push"])
}

fn ticking() -> Arc<Built> {
    static SLOT: Slot = Mutex::new(Weak::new());
    shared(&SLOT, |scratch| build_text(scratch, TICKING, &["--push"]))
}

impl Running {
    /// What the program has printed, to its end.
    fn printed(&mut self) -> String {
        let mut text = String::new();
        self.output().read_to_string(&mut text).expect("it can be read");
        text
    }
}
