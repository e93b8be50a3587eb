//! Execution traces: recorded by programs of `tests/programs/tracetruth`, read by us, and read by
//! Go's own reader, which `tests/programs/traceoracle` asks.

use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use gotrace::event::{Event, GoState, Range, What};
use gotrace::facts::{self, Counter};
use gotrace::{Clock, Losses, Names, Reader, StackId, Trace, TraceError};
use serde_json::{Value, json};

use crate::{Scratch, output, program, repository};

/// What came out of a trace.
#[derive(Debug)]
pub struct Told {
    /// Strings and stacks.
    pub names: Names,
    /// All events.
    pub events: Vec<Event>,
    /// What was lost.
    pub losses: Losses,
    /// Readings of other clocks.
    pub clocks: Vec<Clock>,
}

/// Reads a trace as a whole.
///
/// # Errors
/// As the reader's.
pub fn read(bytes: &[u8]) -> Result<Told, TraceError> {
    read_pieces([bytes])
}

/// Reads a trace that comes in pieces.
///
/// # Errors
/// As the reader's.
pub fn read_pieces<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> Result<Told, TraceError> {
    let mut reader = Reader::new();
    let mut events = Vec::new();
    for piece in pieces {
        reader.push(piece, |_, event| events.push(*event))?;
    }
    reader.finish(|_, event| events.push(*event))?;
    let (losses, clocks) = (reader.losses().clone(), reader.clocks().to_vec());
    Ok(Told { names: reader.into_names(), events, losses, clocks })
}

impl Told {
    /// The events in columns.
    pub fn trace(&self) -> Trace {
        let mut trace = Trace::default();
        self.events.iter().for_each(|event| trace.add(&self.names, event));
        trace
    }

    /// The facts, as `traceoracle facts` prints them.
    pub fn facts(&self) -> Value {
        let mut counter = Counter::default();
        self.events.iter().for_each(|event| counter.add(&self.names, event));
        let facts = counter.finish(&self.names);
        let hash = |hash: u64| format!("{hash:016x}");
        let clocks: Vec<_> = self
            .clocks
            .iter()
            .map(|clock| json!([clock.trace, clock.monotonic, i64::try_from(clock.wall).ok()]))
            .collect();
        let text = self.lines().iter().fold(0xcbf2_9ce4_8422_2325, |hash: u64, line| {
            line.bytes()
                .chain([b'\n'])
                .fold(hash, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
        });
        json!({
            "syncs": facts.syncs,
            "clocks": clocks,
            "events": facts.events,
            "by_kind": facts.by_kind,
            "first": facts.first,
            "last": facts.last,
            "order_hash": hash(facts.order_hash),
            "transition_hash": hash(facts.transition_hash),
            "text_hash": hash(text),
            "goroutines": facts.goroutines,
            "preexisting": facts.preexisting,
            "created": facts.created,
            "destroyed": facts.destroyed,
            "peak": facts.peak,
            "created_by_start": facts.created_by_start,
            "depth": facts.depth,
            "blocks": facts.blocks,
            "stops": facts.stops,
            "starts": facts.starts,
            "syscalls": facts.syscalls,
            "syscalls_blocked": facts.syscalls_blocked,
            "unblocks": facts.unblocks,
            "unblocks_by_goroutine": facts.unblocks_by_goroutine,
            "unblocks_by_reason": facts.unblocks_by_reason,
            "edges_by_reason": facts.edges_by_reason,
            "edges_by_top": facts.edges_by_top,
            "channel_sites": facts.channel_sites,
            "channel_edges": facts.channel_edges,
            "state_time": facts.state_time,
            "tasks": facts.tasks,
            "regions": facts.regions,
            "logs": facts.logs,
            "samples": facts.samples,
            "ranges": facts.ranges,
            "metrics": facts.metrics,
            "threads": facts.threads,
            "procs": facts.procs,
            "labels": facts.labels,
            "experimental": facts.experimental,
        })
    }

    /// A line for each event, as `traceoracle events` prints them.
    pub fn lines(&self) -> Vec<String> {
        self.events.iter().map(|event| line(&self.names, event)).collect()
    }
}

fn line(names: &Names, event: &Event) -> String {
    let text = |id| names.text(id);
    let Event { time, goroutine, proc, thread, stack, what } = *event;
    let [goroutine, proc, thread] = [goroutine, proc, thread].map(u64::cast_signed);
    let mut line = format!("{time} {} g{goroutine} p{proc} m{thread}", what.kind().0);
    let told = match what {
        What::Sync(_) | What::Sample | What::Experimental => String::new(),
        What::Metric(metric, value) => format!(" {} {value}", metric.name()),
        What::Label(label) => format!(" [{}]", text(label)),
        What::RangeBegin(range) | What::RangeActive(range) | What::RangeEnd(range) => {
            let scope = match range {
                Range::StopTheWorld(_) => format!(" of g{goroutine}"),
                Range::Mark => String::new(),
                Range::Sweep(proc) => format!(" of p{}", proc.cast_signed()),
                Range::Assist(go) => format!(" of g{}", go.cast_signed()),
            };
            format!(" [{}]{scope}", facts::range_name(range, names))
        }
        What::TaskBegin { task, parent, name } | What::TaskEnd { task, parent, name } => {
            format!(" {task} in {} [{}]", parent.cast_signed(), text(name))
        }
        What::RegionBegin { task, name } | What::RegionEnd { task, name } => {
            format!(" of {task} [{}]", text(name))
        }
        What::Log { task, key, value } => format!(" of {task} [{}] [{}]", text(key), text(value)),
        What::Proc { proc, from, to } => format!(" p{proc} {}>{}", from as u8, to as u8),
        What::Go { go, from, to, reason, start } => {
            let starts = match from {
                GoState::NotExist => format!(" starts{}", calls(names, start)),
                _ => String::new(),
            };
            format!(" g{go} {}>{} [{}]{starts}", from as u8, to as u8, text(reason))
        }
    };
    let _ = write!(line, "{told} at{}", calls(names, stack));
    line.replace('\n', "\\n")
}

fn calls(names: &Names, stack: StackId) -> String {
    names.frames(stack).fold(String::new(), |mut all, frame| {
        let (function, file) = (names.text(frame.function), names.text(frame.file));
        let _ = write!(all, " {function}@{file}:{}", frame.line);
        all
    })
}

/// What two sets of facts differ in, a line for each.
pub fn difference(expected: &Value, found: &Value) -> String {
    let empty = serde_json::Map::new();
    let [expected, found] = [expected, found].map(|facts| facts.as_object().unwrap_or(&empty));
    let mut lines = String::new();
    for key in expected.keys().chain(found.keys().filter(|key| !expected.contains_key(*key))) {
        let [expected, found] = [expected.get(key), found.get(key)];
        if expected != found {
            let _ = writeln!(lines, "{key}: {expected:?} expected, {found:?} found");
        }
    }
    lines
}

/// The program that asks Go's reader, built once for each test run.
pub fn oracle() -> &'static Path {
    static BINARY: OnceLock<PathBuf> = OnceLock::new();
    BINARY.get_or_init(|| {
        let root = output(Command::new("go").args(["env", "GOROOT"])).stdout;
        let root = String::from_utf8(root).expect("a path");
        // The reader is internal to Go's commands: ours is built in the place of one of them.
        let place = Path::new(root.trim()).join("src/cmd/addr2line");
        let sources = std::fs::read_dir(program("traceoracle")).expect("it is there");
        let replaced: serde_json::Map<_, _> = sources
            .map(|source| {
                let source = source.expect("it can be listed");
                let place = place.join(source.file_name()).display().to_string();
                (place, json!(source.path().display().to_string()))
            })
            .collect();
        let scratch = Scratch::new("traceoracle");
        let overlay = scratch.join("overlay.json");
        std::fs::write(&overlay, json!({ "Replace": replaced }).to_string()).expect("written");
        let binary = beside_tests("traceoracle");
        output(
            Command::new("go")
                .args(["build", "-overlay"])
                .arg(&overlay)
                .arg("-o")
                .arg(&binary)
                .arg("cmd/addr2line")
                .env("GOFLAGS", "")
                .env("GOWORK", "off")
                .current_dir(scratch.path()),
        );
        binary
    })
}

/// The program that records traces, built once for each test run.
pub fn recorder() -> &'static Path {
    static BINARY: OnceLock<PathBuf> = OnceLock::new();
    BINARY.get_or_init(|| {
        let binary = beside_tests("tracetruth");
        output(
            Command::new("go")
                .args(["build", "-trimpath", "-o"])
                .arg(&binary)
                .arg(".")
                .env("CGO_ENABLED", "0")
                .env("GOWORK", "off")
                .current_dir(program("tracetruth")),
        );
        binary
    })
}

/// A path for a program that belongs to this run: in the folder of the binary that asks.
fn beside_tests(name: &str) -> PathBuf {
    let own = std::env::current_exe().expect("the test binary has a path");
    let folder = own.parent().expect("it lies in a folder");
    folder.join(format!("{name}-{}{}", std::process::id(), std::env::consts::EXE_SUFFIX))
}

/// Records a program of `tracetruth`; returns the trace and what the program printed: how many
/// values it let through channels.
pub fn record(program: &str, debug: &str) -> (Vec<u8>, u64) {
    let scratch = Scratch::in_memory("trace");
    let file = scratch.join("trace");
    let mut command = Command::new(recorder());
    command.arg(&file).args(program.split(' ')).env("GODEBUG", debug);
    let printed = String::from_utf8(output(&mut command).stdout).expect("text");
    let through = printed.trim().parse().unwrap_or(0);
    (std::fs::read(&file).expect("the trace was written"), through)
}

/// What Go's reader says of a trace: its facts, and its events as lines.
pub fn ask(bytes: &[u8]) -> (Value, Vec<String>) {
    let scratch = Scratch::in_memory("trace");
    let file = scratch.join("trace");
    std::fs::write(&file, bytes).expect("it can be written");
    let ask = |what: &str| {
        let told = output(Command::new(oracle()).arg(what).arg(&file)).stdout;
        String::from_utf8(told).expect("text")
    };
    let facts = serde_json::from_str(&ask("facts")).expect("JSON");
    (facts, ask("events").lines().map(str::to_owned).collect())
}

/// The recorded traces of `tests/fixtures/trace`, by name, each with what Go's reader says of it.
pub fn fixtures() -> Vec<(String, Vec<u8>, Value)> {
    let folder = repository().join("tests/fixtures/trace");
    let mut all: Vec<_> = std::fs::read_dir(&folder)
        .expect("the fixtures are there")
        .map(|entry| entry.expect("it can be listed").path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "trace"))
        .collect();
    all.sort();
    all.into_iter()
        .map(|path| {
            let bytes = std::fs::read(&path).expect("a fixture can be read");
            let facts = std::fs::read(path.with_extension("json")).expect("it has its facts");
            let facts = serde_json::from_slice(&facts).expect("they are JSON");
            (path.file_name().expect("a name").to_string_lossy().into_owned(), bytes, facts)
        })
        .collect()
}
