//! Programs of plain `go build -cover`, watched from outside: what is told equals what Go's own
//! tools say of the same run.

#![cfg(target_os = "linux")]

use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, ExitStatus, Output, Stdio};

use instrument::collector::Watch as _;
use instrument::collector::attach::{Attached, Attachment};
use tests::oracle::{Counts, counts, difference};
use tests::served::Served;
use tests::{Scratch, coverglass, forge, until};
use wire::{AgentToRelay, RelayToAgent, SourceId, Table};

const MAIN: &str = r#"package main

import (
	"bufio"
	"fmt"
	"os"
	"runtime/coverage"
	"strconv"
	"strings"

	"example.com/live/sub"
)

func main() {
	fmt.Println("ready")
	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() {
		word, rest, _ := strings.Cut(lines.Text(), " ")
		switch word {
		case "work":
			n, _ := strconv.Atoi(rest)
			fmt.Println("done", sub.Work(n))
		case "dump":
			meta := coverage.WriteMetaDir(rest)
			fmt.Println("dumped", meta, coverage.WriteCountersDir(rest))
		case "exit":
			os.Exit(3)
		}
	}
}
"#;

const SUB: &str = r#"package sub

func Work(n int) (odd int) {
	for i := range n {
		odd += step(i)
	}
	return odd
}

func step(i int) int {
	if i%2 == 1 {
		return 1
	}
	return 0
}

func never() {}
"#;

const TEST: &str = r#"package sub

import "testing"

func TestWork(t *testing.T) {
	if Work(9) != 4 {
		t.Fatal()
	}
}
"#;

/// The module's folder.
fn module(scratch: &Scratch) -> PathBuf {
    let folder = scratch.folder("live");
    std::fs::create_dir_all(folder.join("sub")).expect("a folder can be made");
    let go_mod = "module example.com/live\n\ngo 1.23\n";
    for (path, text) in
        [("go.mod", go_mod), ("main.go", MAIN), ("sub/sub.go", SUB), ("sub/sub_test.go", TEST)]
    {
        std::fs::write(folder.join(path), text).expect("it can be written");
    }
    folder
}

fn build(scratch: &Scratch, flags: &[&str]) -> PathBuf {
    let binary = scratch.join("live.bin");
    let mut go = Command::new("go");
    go.arg("build").args(flags).arg("-o").arg(&binary).arg(".").current_dir(module(scratch));
    tests::output(&mut go);
    binary
}

/// A program that does what it is told.
struct Running {
    child: Child,
    input: Option<ChildStdin>,
    output: BufReader<ChildStdout>,
}

impl Running {
    fn start(command: &mut Command) -> Self {
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = command.spawn().expect("the program can be run");
        let input = child.stdin.take();
        let output = BufReader::new(child.stdout.take().expect("its output is piped"));
        let mut running = Self { child, input, output };
        assert_eq!(running.line(), "ready\n");
        running
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        self.output.read_line(&mut line).expect("it can be read");
        line
    }

    fn say(&mut self, line: &str) {
        writeln!(self.input.as_mut().expect("it listens"), "{line}").expect("it reads");
    }

    fn tell(&mut self, line: &str) -> String {
        self.say(line);
        self.line()
    }

    fn end(&mut self) -> ExitStatus {
        self.input = None;
        self.child.wait().expect("it can be waited for")
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// `coverglass attach`, and the relay that it tells.
struct Watched {
    relay: Served,
    agent: Child,
}

impl Watched {
    fn start(scratch: &Scratch, pids: &[u32]) -> Self {
        let relay = relay(scratch);
        let mut command = command(&relay);
        command.arg("attach").args(pids.iter().map(u32::to_string)).stderr(Stdio::null());
        let agent = command.spawn().expect("coverglass starts");
        until("the first counts", || (!profile(&relay).is_empty()).then_some(()));
        Self { relay, agent }
    }

    /// Waits for the end of the agent, which comes after that of the processes.
    fn end(mut self) -> Served {
        assert!(self.agent.wait().expect("it can be waited for").success());
        self.relay
    }
}

fn relay(scratch: &Scratch) -> Served {
    Served::start(&scratch.folder("counters"), &["--no-collector"])
}

fn command(relay: &Served) -> Command {
    let mut command = Command::new(coverglass());
    command.env("COVERGLASS_URL", format!("http://{}", relay.address));
    command.env_remove("COVERGLASS_TOKEN").env_remove("GOCOVERDIR");
    command
}

fn profile(relay: &Served) -> Counts {
    let output = command(relay).arg("profile").output().expect("coverglass starts");
    counts(&String::from_utf8(output.stdout).expect("text"))
}

/// What Go says that was left in a folder.
fn left(folder: &Path) -> Counts {
    let mut covdata = Command::new("go");
    covdata.args(["tool", "covdata", "textfmt", "-o", "/dev/stdout", "-i"]).arg(folder);
    counts(&String::from_utf8(tests::output(&mut covdata).stdout).expect("text"))
}

fn assert_same(expected: &Counts, found: &Counts) {
    let difference = difference(expected, found);
    assert!(!expected.is_empty() && difference.is_empty(), "{difference}");
}

/// Count of the first block of `step`.
fn steps(counts: &Counts) -> u64 {
    let of_step = |(block, count): (&String, &u64)| block.contains("sub.go:10.").then_some(*count);
    counts.iter().find_map(of_step).unwrap_or(0)
}

#[test]
fn live_and_last_counts_are_those_of_go_in_each_mode() {
    for (mode, kind) in [("set", "exe"), ("count", "pie"), ("atomic", "exe"), ("atomic", "pie")] {
        let scratch = Scratch::new("attach");
        let flags = ["-cover", "-coverpkg=./...", "-covermode", mode, "-buildmode", kind];
        let binary = build(&scratch, &flags);
        let folder = scratch.folder("left");
        let mut running = Running::start(Command::new(&binary).env("GOCOVERDIR", &folder));
        let watched = Watched::start(&scratch, &[running.child.id()]);
        let most = |n| if mode == "set" { 1 } else { n };
        for n in [10, 1_010] {
            running.tell(if n == 10 { "work 10" } else { "work 1000" });
            until("live counts", || (steps(&profile(&watched.relay)) == most(n)).then_some(()));
        }
        running.tell("work 77");
        assert!(running.end().success());
        let relay = watched.end();
        assert_same(&left(&folder), &profile(&relay));
        assert_eq!(steps(&profile(&relay)), most(1_087), "{mode} {kind}");
    }
}

#[test]
fn exits_and_kills_lose_nothing_that_was_seen() {
    let scratch = Scratch::new("attach");
    let binary = build(&scratch, &["-cover", "-coverpkg=./...", "-covermode=atomic"]);
    let folder = scratch.folder("left");
    let mut running = Running::start(Command::new(&binary).env("GOCOVERDIR", &folder));
    let watched = Watched::start(&scratch, &[running.child.id()]);
    running.tell("work 5");
    running.say("exit");
    assert_eq!(running.end().code(), Some(3));
    assert_same(&left(&folder), &profile(&watched.end()));

    let folder = scratch.folder("dumped");
    let mut running = Running::start(Command::new(&binary).env_remove("GOCOVERDIR"));
    let watched = Watched::start(&scratch, &[running.child.id()]);
    running.tell("work 123");
    assert_eq!(running.tell(&format!("dump {}", folder.display())), "dumped <nil> <nil>\n");
    let expected = left(&folder);
    until("all counts", || {
        difference(&expected, &profile(&watched.relay)).is_empty().then_some(())
    });
    running.child.kill().expect("it can be killed");
    assert_same(&expected, &profile(&watched.end()));
}

#[test]
fn packages_below_the_runtime_have_their_own_numbers() {
    let scratch = Scratch::new("attach");
    let covered = "-coverpkg=./...,strconv,strings,runtime,internal/cpu,internal/bytealg";
    let binary = build(&scratch, &["-cover", "-covermode=atomic", covered]);
    let folder = scratch.folder("left");
    let mut running = Running::start(Command::new(&binary).env("GOCOVERDIR", &folder));
    let watched = Watched::start(&scratch, &[running.child.id()]);
    running.tell("work 50");
    assert!(running.end().success());
    let (expected, found) = (left(&folder), profile(&watched.end()));
    // The runtime goes on after it has written what it counted.
    let quiet = |counts: &Counts| -> Counts {
        let outside = ["example.com/", "strconv/", "strings/"];
        let counts =
            counts.iter().filter(|(block, _)| outside.iter().any(|p| block.starts_with(p)));
        counts.map(|(block, count)| (block.clone(), *count)).collect()
    };
    assert_same(&quiet(&expected), &quiet(&found));
    assert_eq!(expected.len(), found.len());
    let less = expected.iter().find(|(block, count)| found.get(*block) < Some(*count));
    assert_eq!(less, None);
    assert!(found.iter().any(|(block, count)| block.starts_with("runtime/") && *count > 0));
}

#[test]
fn several_processes_are_watched_at_once() {
    let scratch = Scratch::new("attach");
    let binary = build(&scratch, &["-cover", "-coverpkg=./...", "-covermode=count"]);
    let folder = scratch.folder("left");
    let start = || Running::start(Command::new(&binary).env("GOCOVERDIR", &folder));
    let (mut one, mut other) = (start(), start());
    let watched = Watched::start(&scratch, &[one.child.id(), other.child.id()]);
    one.tell("work 10");
    other.tell("work 200");
    until("both", || (steps(&profile(&watched.relay)) == 210).then_some(()));
    assert!(one.end().success());
    other.tell("work 1000");
    assert!(other.end().success());
    assert_same(&left(&folder), &profile(&watched.end()));
}

#[test]
fn without_a_relay_the_program_runs_as_ever_and_that_is_said() {
    let scratch = Scratch::new("attach");
    let binary = build(&scratch, &["-cover"]);
    let port = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = format!("http://{}", port.local_addr().expect("an address"));
    drop(port);
    let mut command = Command::new(coverglass());
    command.args(["run", "--attach", "--url", &url, "--"]).arg(&binary).stdin(Stdio::null());
    let output = command.output().expect("coverglass starts");
    assert_eq!((output.status.code(), &*output.stdout), (Some(0), &b"ready\n"[..]));
    let said = String::from_utf8(output.stderr).expect("text");
    assert!(said.ends_with("there was no relay to tell what it counted\n"), "{said}");
}

#[test]
fn a_process_that_comes_before_its_relay_is_told_whole() {
    let scratch = Scratch::new("attach");
    let binary = build(&scratch, &["-cover", "-coverpkg=./...", "-covermode=count"]);
    let served = relay(&scratch);
    let address = served.address.clone();
    drop(served);
    let folder = scratch.folder("left");
    let mut running = Running::start(Command::new(&binary).env("GOCOVERDIR", &folder));
    let mut agent = Command::new(coverglass());
    agent.args(["attach", &running.child.id().to_string(), "--url", &format!("http://{address}")]);
    let agent = agent.stderr(Stdio::null()).spawn().expect("coverglass starts");
    running.tell("work 20");
    let mut serve = Command::new(coverglass());
    serve.args(["serve", "--no-collector", "--listen", &address]);
    let relay = Served::spawn(serve);
    let watched = Watched { relay, agent };
    until("its counts", || (steps(&profile(&watched.relay)) == 20).then_some(()));
    assert!(running.end().success());
    assert_same(&left(&folder), &profile(&watched.end()));
}

/// Runs a program by `coverglass run --attach`.
fn run(relay: &Served, scratch: &Scratch, program: &[&str], input: &str) -> Output {
    let mut command = command(relay);
    command.args(["run", "--attach", "--"]).args(program).env("TMPDIR", scratch.folder("tmp"));
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("coverglass starts");
    let mut stdin = child.stdin.take().expect("its input is piped");
    stdin.write_all(input.as_bytes()).expect("it reads");
    drop(stdin);
    child.wait_with_output().expect("it can be waited for")
}

#[test]
fn programs_that_are_run_attached_lose_nothing_however_short() {
    let scratch = Scratch::new("attach");
    let binary = build(&scratch, &["-cover", "-coverpkg=./...", "-covermode=count"]);
    let program = binary.to_str().expect("text");
    for (input, code) in [("", 0), ("work 99\nexit\n", 3), ("work 100000\n", 0)] {
        let folder = scratch.folder("left");
        let mut alone = Command::new(&binary);
        alone.env("GOCOVERDIR", &folder).stdin(Stdio::piped()).stdout(Stdio::null());
        let mut alone = alone.spawn().expect("the program can be run");
        let stdin = alone.stdin.take();
        stdin.expect("its input is piped").write_all(input.as_bytes()).expect("it reads");
        alone.wait().expect("it can be waited for");
        let expected = left(&folder);
        std::fs::remove_dir_all(&folder).expect("it can be removed");

        let relay = relay(&scratch);
        let output = run(&relay, &scratch, &[program], input);
        assert_eq!(output.status.code(), Some(code));
        assert!(output.stdout.starts_with(b"ready\n"));
        let said = String::from_utf8(output.stderr).expect("text");
        assert!(said.starts_with("coverglass: watching live.bin for http://127.0.0.1:"), "{said}");
        assert_eq!(said.lines().count(), 1, "{said}");
        assert_same(&expected, &profile(&relay));
        assert_eq!(std::fs::read_dir(scratch.join("tmp")).expect("it is there").count(), 0);
    }
}

#[test]
fn test_binaries_are_watched_as_well() {
    let scratch = Scratch::new("attach");
    let binary = scratch.join("sub.test");
    let mut go = Command::new("go");
    go.args(["test", "-c", "-cover", "-covermode=count", "-coverpkg=./...", "-o"]).arg(&binary);
    tests::output(go.arg("./sub").current_dir(module(&scratch)));
    let folder = scratch.folder("left");
    let mut flag = std::ffi::OsString::from("-test.gocoverdir=");
    flag.push(&folder);
    tests::output(Command::new(&binary).arg(flag));
    let relay = relay(&scratch);
    let output = run(&relay, &scratch, &[binary.to_str().expect("text"), "-test.v"], "");
    assert!(output.status.success());
    assert!(String::from_utf8_lossy(&output.stdout).contains("--- PASS: TestWork"));
    assert_same(&left(&folder), &profile(&relay));
}

#[test]
fn sources_are_those_that_were_built_or_none() {
    for flags in [&["-cover", "-coverpkg=./..."][..], &["-cover", "-coverpkg=./...", "-trimpath"]] {
        let scratch = Scratch::new("attach");
        let binary = build(&scratch, flags);
        let running = Running::start(Command::new(&binary).current_dir(scratch.join("live")));
        let sources = |attached: &mut Attached| -> Vec<(String, SourceId)> {
            let mut frames = Vec::new();
            until("the tables", || {
                attached.poll(forge::now_ms(), &mut frames);
                frames.iter().any(|f| matches!(f, AgentToRelay::Packages { .. })).then_some(())
            });
            let tables = frames.iter().filter_map(|frame| match frame {
                AgentToRelay::Table(bytes) => Some(Table::decode(bytes).expect("a table")),
                _ => None,
            });
            let files = tables.flat_map(|table| table.files);
            files.map(|file| (file.path, file.source)).collect()
        };
        let attach = || {
            let attachment = Attachment::open(running.child.id(), 1, "host", &[]);
            Attached::new(vec![attachment.expect("it can be attached to")])
        };
        let mut attached = attach();
        let found = sources(&mut attached);
        let expected = [("main.go", MAIN), ("sub/sub.go", SUB)];
        for (path, text) in expected {
            let id = SourceId::of(text.as_bytes());
            assert!(found.contains(&(format!("example.com/live/{path}"), id)), "{found:?}");
            let mut frames = Vec::new();
            attached.request(RelayToAgent::Want(id), &mut frames);
            let bytes = Some(text.as_bytes().to_vec());
            assert_eq!(frames, [AgentToRelay::Source { id, bytes }]);
        }
        let mut frames = Vec::new();
        let trace = RelayToAgent::Trace { handle: 1, on: true, package: None, units: Vec::new() };
        attached.request(trace, &mut frames);
        assert_eq!(frames, [AgentToRelay::Tracing { handle: 1, entries: 0 }]);
        // One is too short for its units, the other was written after the binary.
        std::fs::write(scratch.join("live/main.go"), "package main\n").expect("it can be written");
        let later = std::time::SystemTime::now() + std::time::Duration::from_secs(60);
        let sub = std::fs::File::options().write(true).open(scratch.join("live/sub/sub.go"));
        sub.and_then(|file| file.set_modified(later)).expect("it can be dated");
        let found = sources(&mut attach());
        assert!(found.iter().all(|(_, id)| *id == SourceId::UNKNOWN), "{found:?}");
    }
}

#[test]
fn what_cannot_be_watched_is_refused_with_a_reason() {
    let scratch = Scratch::new("attach");
    let relay = relay(&scratch);
    let refused = |command: &mut Command| {
        let output = command.output().expect("coverglass starts");
        assert_eq!(output.status.code(), Some(2));
        assert!(output.stdout.is_empty());
        let said = String::from_utf8(output.stderr).expect("text");
        assert_eq!(said.lines().count(), 1, "{said}");
        said
    };
    let attach = |pid: u32| refused(command(&relay).args(["attach", &pid.to_string()]));
    for (flags, reason) in [
        (&["-cover", "-ldflags=-s"][..], "is stripped"),
        (&["-cover=false"], "was not built with -cover"),
    ] {
        let binary = build(&scratch, flags);
        let mut running = Running::start(&mut Command::new(&binary));
        assert!(attach(running.child.id()).contains(reason));
        let said = refused(command(&relay).args(["run", "--attach", "--"]).arg(&binary));
        assert!(said.contains(reason), "{said}");
        running.end();
    }
    let said = refused(command(&relay).args(["run", "--attach", "--", "./nowhere"]));
    assert!(said.starts_with("coverglass: cannot read ./nowhere: No such file"), "{said}");
    let mut sleep = Command::new("sleep").arg("1000").spawn().expect("sleep can be run");
    let said = attach(sleep.id());
    sleep.kill().expect("it can be killed");
    sleep.wait().expect("it can be waited for");
    // It may be too young to have a name.
    assert!(said.contains(" is no Go program"), "{said}");
    assert!(attach(i32::MAX.unsigned_abs()).contains("there is no process"));
    // Somebody else's process: that of the system for a user, ours for another user.
    let is_root = rustix::process::geteuid().is_root();
    let mut stranger = command(&relay);
    stranger.args(["attach", if is_root { "PID" } else { "1" }]);
    if is_root {
        stranger = command(&relay);
        stranger.args(["attach", &std::process::id().to_string()]).uid(65_534);
        if stranger.output().is_err() {
            // Others can't even reach the binary under test.
            return;
        }
    }
    let said = refused(&mut stranger);
    assert!(said.contains("may not be read: it belongs to user 0"), "{said}");
}
