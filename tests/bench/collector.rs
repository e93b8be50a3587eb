//! What watching costs: microseconds per poll, and how long after it happened a count is told.
//!
//! `cargo bench -p tests --bench collector`. Files lie where real ones do, in memory if there is
//! a `/dev/shm`. Times are processor time of the polling thread, medians of many polls.
#![expect(clippy::print_stdout, reason = "a bench prints what it measured")]

use std::ops::ControlFlow;
use std::path::PathBuf;
use std::sync::mpsc;
use std::time::{Duration, Instant};

use instrument::collector::{Collector, Config, run};
use tests::forge;
use wire::AgentToRelay;

fn main() {
    println!(
        "{:>10} {:>10} {:>12} {:>12} {:>12}",
        "units", "changes", "median µs", "p90 µs", "frame bytes"
    );
    for (n_packages, n_units) in [(1, 15), (40, 275), (400, 275), (50, 20_000)] {
        let total = n_packages * n_units;
        for n_changes in [0, 1, 455, total] {
            if n_changes <= total {
                polls(n_packages, n_units, n_changes);
            }
        }
    }
    for (n_packages, n_units) in [(1, 15), (40, 275), (50, 20_000)] {
        latency(n_packages, n_units);
    }
}

/// A folder where targets make their files.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Self {
        let shared = PathBuf::from("/dev/shm");
        let base = if shared.is_dir() { shared } else { std::env::temp_dir() };
        let folder = base.join(format!("coverglass-bench-{}", forge::now_ns()));
        std::fs::create_dir(&folder).expect("a folder can be made");
        Self(folder)
    }

    fn config(&self) -> Config {
        Config { directory: self.0.clone(), hold: Duration::ZERO, ..Config::default() }
    }

    fn target(&self, n_packages: u32, n_units: u32) -> forge::Target {
        let mut target = forge::Target::new(&self.0, std::process::id(), &["bench"]);
        for package in 0..n_packages {
            let path = format!("example.com/p{package}");
            target.register(&forge::table(&path, "p", n_units / 5, 5));
        }
        target
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// Polls while `n_changes` counters, spread evenly, grow between two polls.
fn polls(n_packages: u32, n_units: u32, n_changes: u32) {
    let folder = Folder::new();
    let target = folder.target(n_packages, n_units);
    let mut collector = Collector::new(folder.config());
    let mut counts = vec![vec![0u64; n_units as usize]; n_packages as usize];
    let n_rounds = if n_packages * n_units > 500_000 { 60 } else { 400 };
    let mut times = Vec::new();
    let mut bytes = 0;
    for round in 0..n_rounds {
        let total = u64::from(n_packages) * u64::from(n_units);
        for change in 0..u64::from(n_changes) {
            let unit = change * total / u64::from(n_changes);
            let (package, unit) = (unit / u64::from(n_units), unit % u64::from(n_units));
            counts[package as usize][unit as usize] += 1;
        }
        for (package, counts) in counts.iter().enumerate() {
            if n_changes > 0 {
                let words: Vec<u8> = counts.iter().flat_map(|count| count.to_le_bytes()).collect();
                target.put(target.regions[package].counters_at, &words);
            }
        }
        let mut frames = Vec::new();
        let before = processor_time();
        collector.poll(forge::now_ms(), &mut frames);
        let taken = processor_time() - before;
        if round > 10 {
            times.push(taken);
            bytes = message_bytes(&frames);
        }
    }
    times.sort_unstable();
    println!(
        "{:>10} {n_changes:>10} {:>12.1} {:>12.1} {bytes:>12}",
        n_packages * n_units,
        micros(times[times.len() / 2]),
        micros(times[times.len() * 9 / 10]),
    );
}

/// How long it takes from a store into a counter to the frame that tells of it.
fn latency(n_packages: u32, n_units: u32) {
    let folder = Folder::new();
    let target = folder.target(n_packages, n_units);
    let (requests, asked) = mpsc::channel();
    let (told, frames) = mpsc::channel();
    let config = folder.config();
    let thread = std::thread::spawn(move || {
        run(config, asked, |batch| match told.send((Instant::now(), batch)) {
            Ok(()) => ControlFlow::Continue(()),
            Err(_) => ControlFlow::Break(()),
        });
    });
    let mut times = Vec::new();
    let last = target.regions.len() - 1;
    for round in 1..=300u64 {
        // Out of step with the polls.
        std::thread::sleep(Duration::from_micros(5000 + round * 37 % 5000));
        let stored = Instant::now();
        target.count(last, 3, round);
        let seen = loop {
            let (at, batch) = frames.recv().expect("the loop runs");
            if batch.iter().any(|frame| tells(frame, round)) {
                break at;
            }
        };
        times.push(seen.saturating_duration_since(stored));
    }
    drop(requests);
    thread.join().expect("the loop ends");
    times.sort_unstable();
    println!(
        "latency at {} units: median {:.2} ms, p99 {:.2} ms",
        n_packages * n_units,
        micros(times[times.len() / 2]) / 1000.0,
        micros(times[times.len() * 99 / 100]) / 1000.0,
    );
}

fn tells(frame: &AgentToRelay, count: u64) -> bool {
    let AgentToRelay::Counts(counts) = frame else { return false };
    counts.packages.iter().any(|package| package.counts.contains(&count))
}

fn message_bytes(frames: &[AgentToRelay]) -> usize {
    let mut message = Vec::new();
    frames.iter().for_each(|frame| wire::frame::Frame::encode(frame, &mut message));
    message.len()
}

fn micros(time: Duration) -> f64 {
    time.as_secs_f64() * 1e6
}

/// Processor time of this thread.
fn processor_time() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    let seconds = u64::try_from(time.tv_sec).expect("it is positive");
    Duration::new(seconds, u32::try_from(time.tv_nsec).expect("it is below a second"))
}
