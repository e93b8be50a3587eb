//! Real Go programs, built by `coverglass build`: what is told equals what they did, however they
//! end.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use instrument::collector::{Collector, Config};
use tests::{Scratch, until};
use wire::RelayToAgent;
use wire::frame::State;

use super::{Seen, SeenProcess, cache, config, trace};

/// Builds the module in `folder` and returns the binary.
pub(super) fn build(scratch: &Scratch, folder: &Path, flags: &[&str]) -> PathBuf {
    let binary = scratch.join("program");
    let mut command = Command::new(tests::coverglass());
    command.arg("build").args(flags).arg("-o").arg(&binary).arg(".").current_dir(folder);
    command.env("COVERGLASS_CACHE", cache());
    tests::output(&mut command);
    binary
}

/// A program that was built, for as long as a test needs it.
pub(super) struct Built {
    pub(super) path: PathBuf,
    _scratch: Scratch,
}

/// Where tests that run at once find what one of them has built.
pub(super) type Slot = Mutex<Weak<Built>>;

/// The program in this slot, built unless somebody has it already.
pub(super) fn shared(slot: &Slot, build: impl FnOnce(&Scratch) -> PathBuf) -> Arc<Built> {
    let mut slot = slot.lock().unwrap_or_else(PoisonError::into_inner);
    slot.upgrade().unwrap_or_else(|| {
        let scratch = Scratch::new("program");
        let built = Arc::new(Built { path: build(&scratch), _scratch: scratch });
        *slot = Arc::downgrade(&built);
        built
    })
}

/// The program that ends in many ways.
fn exits() -> Arc<Built> {
    static SLOT: Slot = Mutex::new(Weak::new());
    shared(&SLOT, |scratch| build(scratch, &tests::program("exits"), &[]))
}

/// The same with push mode: it uses the network then, so Go doesn't see its deadlock.
pub(super) fn pushing_exits() -> Arc<Built> {
    static SLOT: Slot = Mutex::new(Weak::new());
    shared(&SLOT, |scratch| build(scratch, &tests::program("exits"), &["--push"]))
}

/// A program of one file.
pub(super) fn build_text(scratch: &Scratch, text: &str, flags: &[&str]) -> PathBuf {
    build_files(scratch, &[("main.go", text)], flags)
}

/// A program of these files, of module `example.com/small`.
pub(super) fn build_files(scratch: &Scratch, files: &[(&str, &str)], flags: &[&str]) -> PathBuf {
    let folder = scratch.folder("source");
    for &(path, text) in [("go.mod", "module example.com/small\n\ngo 1.24\n")].iter().chain(files) {
        let path = folder.join(path);
        std::fs::create_dir_all(path.parent().expect("it lies in the folder"))
            .expect("a folder can be made");
        std::fs::write(path, text).expect("it can be written");
    }
    build(scratch, &folder, flags)
}

/// Counts of a function's units, in counter order.
pub(super) fn counts(seen: &Seen, process: &SeenProcess, function: &str) -> Vec<u64> {
    for (position, id) in (0..).zip(&process.packages) {
        let mut first = 0u32;
        for candidate in &seen.tables[id].functions {
            let n_units = u32::try_from(candidate.units.len()).expect("it is small");
            if candidate.name == function {
                let count = |unit| process.counts.get(&(position, unit)).copied().unwrap_or(0);
                return (first..first + n_units).map(count).collect();
            }
            first += n_units;
        }
    }
    panic!("no function {function}")
}

/// A collector that gives programs time to complete their files.
pub(super) fn collector(folder: &Path) -> Collector {
    Collector::new(Config { grace: Duration::from_secs(60), ..config(folder) })
}

/// Shared memory of its own, and what its collector has told of the programs there.
struct Watch {
    folder: Scratch,
    collector: Collector,
    seen: Seen,
}

impl Watch {
    fn new() -> Self {
        let folder = Scratch::in_memory("shared");
        Self { collector: collector(folder.path()), folder, seen: Seen::default() }
    }

    /// Starts a program that shares its counters here.
    fn spawn(&self, program: &Path, arguments: &[&str]) -> Running {
        let mut command = Command::new(program);
        command.args(arguments).env("COVERGLASS_DIR", self.folder.path());
        Running::start(command.env_remove("COVERGLASS_URL"))
    }

    fn poll(&mut self) -> &Seen {
        self.seen.poll(&mut self.collector)
    }

    fn request(&mut self, request: RelayToAgent) {
        let mut frames = Vec::new();
        self.collector.request(request, &mut frames);
        self.seen.take(frames);
    }

    /// Polls until so many processes have ended, which leave nothing then.
    fn until_ended(&mut self, n_processes: usize) -> &Seen {
        until("the end of all processes", || {
            self.seen.poll(&mut self.collector);
            self.collector.settle();
            let refused = self.collector.refused().next();
            assert!(refused.is_none(), "{refused:?}");
            let processes = self.seen.processes.values();
            let ended = processes.filter(|process| process.state == State::Ended);
            (ended.count() == n_processes).then_some(())
        });
        assert_eq!(std::fs::read_dir(self.folder.path()).expect("it is there").count(), 0);
        &self.seen
    }
}

/// A program that runs no longer than the test.
pub(super) struct Running(Child);

impl Running {
    pub(super) fn start(command: &mut Command) -> Self {
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
        Self(command.spawn().expect("the program can be run"))
    }

    pub(super) fn pid(&self) -> u32 {
        self.0.id()
    }

    /// Waits until the program has said that it is ready.
    pub(super) fn await_ready(&mut self) {
        use std::io::{BufRead as _, BufReader};
        let mut line = String::new();
        BufReader::new(self.output()).read_line(&mut line).expect("it can be read");
        assert_eq!(line, "ready\n");
    }

    /// What it prints.
    pub(super) fn output(&mut self) -> &mut std::process::ChildStdout {
        self.0.stdout.as_mut().expect("its output is piped")
    }

    pub(super) fn kill(&self, signal: &str) {
        tests::output(Command::new("kill").arg(signal).arg(self.pid().to_string()));
    }

    pub(super) fn ended(&mut self) -> Option<ExitStatus> {
        self.0.try_wait().expect("it can be waited for")
    }

    pub(super) fn wait(&mut self) -> ExitStatus {
        self.0.wait().expect("it can be waited for")
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn counts_are_exact_however_a_program_ends() {
    if !tests::has_go() {
        return;
    }
    let exits = exits();
    // The mode, the signal that it waits for, runs of step, runs of after.
    let modes = [
        ("return", None, 1000, 1),
        ("short", None, 1000, 1),
        ("exit", None, 1000, 0),
        ("panic", None, 1010, 0),
        ("nil", None, 1000, 0),
        ("map", None, 1000, 0),
        ("deadlock", None, 1000, 0),
        ("stack", None, 1000, 0),
        ("sigterm", Some("-TERM"), 1010, 0),
        ("default", Some("-TERM"), 1000, 0),
        ("sigkill", Some("-KILL"), 1000, 0),
    ];
    // Watched while it runs, and found dead.
    for watched in [true, false] {
        for (mode, signal, n_steps, n_after) in modes {
            let mut watch = Watch::new();
            let mut child = watch.spawn(&exits.path, &[mode]);
            if signal.is_some() {
                child.await_ready();
            }
            if watched {
                watch.poll();
            }
            if let Some(signal) = signal {
                child.kill(signal);
            }
            if !watched {
                child.wait();
            }
            let seen = watch.until_ended(1);
            let process = seen.only();
            let steps = counts(seen, process, "step");
            assert_eq!(steps, [n_steps, n_steps / 2, n_steps / 2], "{mode}, watched: {watched}");
            assert_eq!(counts(seen, process, "after"), [n_after], "{mode}, watched: {watched}");
            assert_eq!(process.process.pid, child.pid());
            assert_eq!(process.process.service, "exits");
            assert_eq!(process.process.arguments[1..], [mode]);
            assert!(process.process.go_version.starts_with("go1."));
            child.wait();
        }
    }
}

#[test]
fn a_burst_of_short_programs_is_told_whole() {
    if !tests::has_go() {
        return;
    }
    let exits = exits();
    let mut watch = Watch::new();
    let mut children: Vec<Running> = (0..50)
        .map(|number: u32| {
            let n = (2 * number).to_string();
            watch.spawn(&exits.path, &["short", &n])
        })
        .collect();
    let seen = watch.until_ended(50);
    let steps: BTreeSet<u64> =
        seen.processes.values().map(|process| counts(seen, process, "step")[0]).collect();
    assert_eq!(steps, (0..50).map(|number| 2 * number).collect());
    children.iter_mut().for_each(|child| assert!(child.wait().success()));
}

#[test]
fn a_program_that_replaces_itself_is_two_processes() {
    if !tests::has_go() {
        return;
    }
    let scratch = Scratch::new("exec");
    let text = r#"package main

import (
	"fmt"
	"os"
	"syscall"
	"time"
)

func main() {
	if len(os.Args) == 1 {
		for range 7 {
			before()
		}
		path, _ := os.Executable()
		fmt.Println(syscall.Exec(path, []string{"small", "again"}, os.Environ()))
	}
	after()
	time.Sleep(time.Hour)
}

func before() {}

func after() {}
"#;
    let binary = build_text(&scratch, text, &[]);
    let mut watch = Watch::new();
    let mut child = watch.spawn(&binary, &[]);
    until("the end of what was replaced", || {
        let ended = |process: &SeenProcess| process.state == State::Ended;
        let any = watch.poll().processes.values().any(ended);
        watch.collector.settle();
        any.then_some(())
    });
    until("what replaced it", || {
        let seen = watch.poll();
        let mut processes = seen.processes.values();
        processes.any(|p| p.packages.len() == 1 && counts(seen, p, "after") == [1]).then_some(())
    });
    let seen = &watch.seen;
    let mut processes: Vec<_> = seen.processes.values().collect();
    processes.sort_by_key(|process| process.process.started_ms);
    assert_eq!(processes.len(), 2);
    assert_eq!(counts(seen, processes[0], "before"), [7]);
    assert_eq!(counts(seen, processes[1], "before"), [0]);
    assert_eq!(processes[1].state, State::Running);
    assert_ne!(processes[0].process.key, processes[1].process.key);
    child.kill("-KILL");
    child.wait();
    watch.until_ended(2);
}

#[test]
fn tracing_tells_goroutines_apart_and_stops() {
    if !tests::has_go() {
        return;
    }
    let scratch = Scratch::new("flow");
    let text = r#"package main

import "time"

func main() {
	for n := range 3 {
		go func() {
			for {
				work(n)
				time.Sleep(time.Millisecond)
			}
		}()
	}
	select {}
}

// Functions that the compiler inlines can't be traced, so these are large.

func work(n int) {
	sum := 0
	for i := range 10 {
		if i%3 == n {
			sum += i
		}
	}
	defer other(sum)
	recover()
}

func other(n int) {
	for i := range 10 {
		if i == n+1 {
			println(i)
		}
	}
	defer recover()
}
"#;
    let binary = build_text(&scratch, text, &[]);
    let mut watch = Watch::new();
    let mut child = watch.spawn(&binary, &[]);
    until("the first counts", || {
        let mut processes = watch.poll().processes.values();
        processes.any(|process| !process.counts.is_empty()).then_some(())
    });
    let seen = &watch.seen;
    let (handle, process) = seen.processes.first_key_value().expect("there is one");
    let (handle, table) = (*handle, &seen.tables[&process.packages[0]]);
    let first_of = |name: &str| {
        let before = table.functions.iter().take_while(|function| function.name != name);
        before.map(|function| function.units.len()).sum::<usize>() as u32
    };
    let (work, other) = (first_of("work"), first_of("other"));
    watch.request(trace(handle, true, Some(0), &[work]));
    until("300 events", || (watch.poll().only().events.len() >= 300).then_some(()));
    let process = watch.seen.only();
    assert_eq!((process.n_traced, process.lost), (1, 0));
    assert!(process.events.iter().all(|event| event.unit == work && event.package == 0));
    let goroutines: BTreeSet<u64> = process.events.iter().map(|event| event.goroutine).collect();
    assert_eq!(goroutines.len(), 3, "{goroutines:?}");
    assert!(process.events.iter().all(|event| event.age_ms < 3_600_000));
    watch.request(trace(handle, true, None, &[]));
    until("events of the other function", || {
        watch.poll().only().events.iter().any(|event| event.unit == other).then_some(())
    });
    watch.collector.stop();
    let n_counted = |seen: &Seen| counts(seen, seen.only(), "other")[0];
    // What was being written is still read, then nothing comes any more.
    let now = n_counted(&watch.seen);
    until("ten more runs", || (n_counted(watch.poll()) >= now + 10).then_some(()));
    let (n_events, now) = (watch.seen.only().events.len(), n_counted(&watch.seen));
    until("ten more runs", || (n_counted(watch.poll()) >= now + 10).then_some(()));
    assert_eq!(watch.seen.only().events.len(), n_events);
    child.kill("-KILL");
    child.wait();
    watch.until_ended(1);
}

#[test]
fn programs_built_with_the_race_detector_are_read_the_same() {
    if !tests::has_go() {
        return;
    }
    let scratch = Scratch::new("race");
    let has_cgo = Command::new("gcc").arg("--version").output().is_ok();
    if !has_cgo {
        return;
    }
    let binary = build(&scratch, &tests::program("exits"), &["-race"]);
    let mut watch = Watch::new();
    let mut child = watch.spawn(&binary, &["exit", "50"]);
    let seen = watch.until_ended(1);
    assert_eq!(counts(seen, seen.only(), "step"), [50, 25, 25]);
    child.wait();
}
