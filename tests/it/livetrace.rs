//! Execution traces as they are written: `run --trace`, `serve --pprof`, and what the relay gives
//! to those who watch.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::JoinHandle;

use gotrace::event::What;
use gotrace::{Reader, Trace};
use tests::served::Served;
use tests::{PATIENCE, Scratch, coverglass, has_go, until};

/// A program that starts ten goroutines, waits for a line, and ends as its argument says.
const PROGRAM: &str = r#"package main

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"net/http"
	_ "net/http/pprof"
	"os"
	"runtime/trace"
	"time"
)

func worker(in <-chan int, out chan<- int) {
	for v := range in {
		out <- v + 1
		time.Sleep(time.Millisecond)
	}
}

func main() {
	in, out := make(chan int), make(chan int)
	for range 10 {
		go worker(in, out)
	}
	go func() {
		for v := 0; ; v++ {
			in <- v
		}
	}()
	go func() {
		for range out {
		}
	}()
	if os.Args[1] == "serve" {
		listener, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			panic(err)
		}
		fmt.Println(listener.Addr())
		go http.Serve(listener, nil)
	}
	bufio.NewReader(os.Stdin).ReadString('\n')
	trace.Log(context.Background(), "words", "last")
	switch os.Args[1] {
	case "exit":
		os.Exit(3)
	case "panic":
		panic("as told")
	}
}
"#;

fn without_go(test: &str) -> bool {
    if has_go() {
        return false;
    }
    assert!(std::env::var("CI").is_err(), "{test} needs Go, and there is none");
    eprintln!("SKIPPED {test}: it needs Go, and there is none");
    true
}

/// A module with the program, and a folder for shared memory.
fn module(name: &str) -> Scratch {
    let scratch = Scratch::new(name);
    let module = scratch.folder("flock");
    std::fs::write(module.join("go.mod"), "module example.com/flock\n\ngo 1.23\n").expect("a file");
    std::fs::write(module.join("main.go"), PROGRAM).expect("a file");
    scratch.folder("memory");
    scratch
}

/// The program, traced for a relay; the trace is kept in `kept.trace`, too.
fn run(scratch: &Scratch, address: &str, how: &str) -> Child {
    let mut command = Command::new(coverglass());
    command.arg("run").arg(format!("--trace={}", kept(scratch).display())).args([".", how]);
    surround(&mut command, scratch);
    command.env("COVERGLASS_URL", format!("http://{address}"));
    command.stdin(Stdio::piped()).stderr(Stdio::null()).spawn().expect("coverglass runs")
}

fn surround(command: &mut Command, scratch: &Scratch) {
    let cache = Path::new(env!("CARGO_TARGET_TMPDIR")).join("live-cache");
    command.current_dir(scratch.join("flock")).env("COVERGLASS_CACHE", cache);
    command.env("COVERGLASS_DIR", scratch.join("memory")).env_remove("COVERGLASS_TOKEN");
    command.env_remove("COVERGLASS_URL").env_remove("GODEBUG").env("GOFLAGS", "");
}

fn kept(scratch: &Scratch) -> PathBuf {
    scratch.join("kept.trace")
}

/// Lets the program go on.
fn go_on(child: &mut Child) {
    child.stdin.take().expect("a pipe").write_all(b"\n").expect("it reads");
}

/// What the relay answers, to the end.
fn get(address: &str, path: &str) -> Vec<u8> {
    let mut stream = TcpStream::connect(address).expect("the relay listens");
    stream.set_read_timeout(Some(PATIENCE)).expect("a limit");
    // In this version the body is the rest, however long it takes to come.
    write!(stream, "GET {path} HTTP/1.0\r\nHost: {address}\r\n\r\n").expect("it is asked");
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).expect("it answers");
    let head = answer.windows(4).position(|end| end == b"\r\n\r\n").expect("a head") + 4;
    answer.split_off(head)
}

fn traces(address: &str) -> serde_json::Value {
    let body = get(address, "/api/v1/traces");
    serde_json::from_slice::<serde_json::Value>(&body).expect("JSON")["traces"].clone()
}

/// Waits until the relay has this many whole generations of a trace.
fn await_generations(address: &str, generations: u64) -> serde_json::Value {
    until("generations", || {
        let first = traces(address)[0].clone();
        (first["generations"].as_u64()? > generations).then_some(first)
    })
}

/// Reads the trace from now on.
fn watch(address: &str, process: &str) -> JoinHandle<Vec<u8>> {
    let (address, path) = (address.to_owned(), format!("/api/v1/trace?process={process}"));
    std::thread::spawn(move || get(&address, &path))
}

struct Read {
    trace: Trace,
    generations: u64,
    losses: Vec<String>,
    logs: Vec<String>,
}

fn read(bytes: &[u8]) -> Read {
    let mut reader = Reader::new();
    let (mut trace, mut logs) = (Trace::default(), Vec::new());
    let mut sink = |names: &gotrace::Names, event: &gotrace::Event| {
        if let What::Log { value, .. } = event.what {
            logs.push(names.text(value).to_owned());
        }
        trace.add(names, event);
    };
    reader.push(bytes, &mut sink).expect("a trace");
    reader.finish(&mut sink).expect("events");
    let losses = reader.losses().told().iter().map(ToString::to_string).collect();
    Read { generations: reader.generations(), trace, losses, logs }
}

/// Goroutines that began as workers.
fn workers(read: &Read, bytes: &[u8]) -> usize {
    let mut reader = Reader::new();
    reader.push(bytes, |_, _| {}).expect("a trace");
    reader.finish(|_, _| {}).expect("events");
    let names = reader.names();
    let of = |id| names.text(id) == "main.worker";
    read.trace.goroutines.iter().filter(|goroutine| of(goroutine.function)).count()
}

#[test]
fn the_stream_is_the_trace_that_is_kept_for_early_and_late_viewers() {
    if without_go("the_stream_is_the_trace_that_is_kept") {
        return;
    }
    let scratch = module("live");
    let relay = Served::start(&scratch.join("memory"), &[]);
    let mut child = run(&scratch, &relay.address, "end");
    let first = await_generations(&relay.address, 0);
    assert_eq!((&first["name"], &first["state"]), (&"flock".into(), &"live".into()));
    let early = watch(&relay.address, "flock");
    let process = until("the process", || {
        traces(&relay.address)[0]["process"].as_u64().map(|handle| handle.to_string())
    });
    await_generations(&relay.address, 3);
    let late = watch(&relay.address, &process);
    go_on(&mut child);
    assert!(child.wait().unwrap().success());

    let kept = std::fs::read(kept(&scratch)).unwrap();
    assert!(early.join().unwrap() == kept, "the early viewer has another trace");
    assert!(late.join().unwrap() == kept, "the late viewer has another trace");
    assert!(get(&relay.address, "/api/v1/trace?process=flock") == kept);
    let last = traces(&relay.address)[0].clone();
    assert_eq!(last["state"], "whole");
    assert_eq!(last["bytes"].as_u64().unwrap() + 16, kept.len() as u64);
    assert_eq!(last["lost"], serde_json::json!({"generations": 0, "bytes": 0}));

    let read = read(&kept);
    assert_eq!(read.losses, [""; 0]);
    assert!(read.generations > 3);
    assert_eq!(read.logs, ["last"]);
    assert_eq!(workers(&read, &kept), 10);
}

#[test]
fn what_was_written_survives_exit_and_panic_and_signals() {
    if without_go("what_was_written_survives_exit_and_panic_and_signals") {
        return;
    }
    for how in ["exit", "panic", "killed"] {
        let scratch = module("live-end");
        let relay = Served::start(&scratch.join("memory"), &[]);
        let mut child = run(&scratch, &relay.address, how);
        let first = await_generations(&relay.address, 2);
        let stream = watch(&relay.address, "flock");
        match how {
            "killed" => {
                let pid = i32::try_from(first["pid"].as_u64().unwrap()).unwrap();
                let pid = rustix::process::Pid::from_raw(pid).unwrap();
                rustix::process::kill_process(pid, rustix::process::Signal::KILL).unwrap();
            }
            _ => go_on(&mut child),
        }
        assert_eq!(child.wait().unwrap().code(), Some(1), "{how}");
        let kept = std::fs::read(kept(&scratch)).unwrap();
        let stream = stream.join().unwrap();
        // A batch that breaks off is of no use to a viewer.
        assert!(kept.starts_with(&stream) && kept.len() - stream.len() < 1 << 17, "{how}");
        let read = read(&stream);
        assert!(read.generations >= 2, "{how}: {} generations", read.generations);
        assert_eq!(workers(&read, &stream), 10, "{how}");
        if how == "exit" {
            assert_eq!(read.logs, ["last"], "everything up to os.Exit is there");
            assert_eq!(read.losses, [""; 0]);
        }
    }
}

#[test]
fn a_program_with_pprof_is_asked_and_shown() {
    if without_go("a_program_with_pprof_is_asked_and_shown") {
        return;
    }
    let scratch = module("live-pprof");
    let mut command = Command::new("go");
    surround(command.args(["run", ".", "serve"]), &scratch);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let (mut said, mut line) = (BufReader::new(child.stdout.take().unwrap()), String::new());
    said.read_line(&mut line).unwrap();
    let source = format!("api=http://{}", line.trim());
    let relay = Served::start(&scratch.join("memory"), &["--pprof", &source]);
    let first = await_generations(&relay.address, 1);
    assert_eq!((&first["name"], &first["process"]), (&"api".into(), &serde_json::Value::Null));
    let stream = watch(&relay.address, "api");
    go_on(&mut child);
    assert!(child.wait().unwrap().success());
    // The program is gone in the middle of its answer.
    let stream = stream.join().unwrap();
    let read = read(&stream);
    assert!(read.generations >= 1);
    assert_eq!(workers(&read, &stream), 10);
}

#[test]
fn a_trace_that_is_not_there_is_refused_with_a_sentence() {
    let scratch = Scratch::new("live-none");
    let relay = Served::start(scratch.path(), &["--no-collector"]);
    let said = |path: &str| String::from_utf8(get(&relay.address, path)).unwrap();
    assert_eq!(said("/api/v1/traces"), r#"{"traces":[]}"#);
    assert!(said("/api/v1/trace?process=x").contains(r#"there is no execution trace of \"x\""#));
    assert!(said("/api/v1/trace").contains("the parameter process is missing"));
}
