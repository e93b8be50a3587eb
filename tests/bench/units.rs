//! What a large program costs: a million units in 50 packages, as a build with all of std has in
//! the worst case. Processor time and memory of the relay, collector included, at rest and while
//! counts change; how much a viewer gets at first, and how long that takes.
//!
//! `cargo bench -p tests --bench units`. Linux only: it reads /proc. With `-- hold FOLDER` it only
//! makes such a program there and changes 455 units every 50 ms, until its input ends.
#![expect(clippy::print_stdout, reason = "a bench prints what it measured")]

use std::io::Read as _;
use std::path::Path;
use std::sync::mpsc::{RecvTimeoutError, sync_channel};
use std::thread;
use std::time::{Duration, Instant};

use futures_util::StreamExt as _;
use tests::served::Served;
use tests::{Scratch, forge};
use wire::RelayToViewer;
use wire::frame::Frame as _;

const PACKAGES: u32 = 50;
const FUNCTIONS: u32 = 2_000;
const UNITS: u32 = 10;
const N_UNITS: u64 = PACKAGES as u64 * FUNCTIONS as u64 * UNITS as u64;

fn main() {
    let words: Vec<String> = std::env::args().collect();
    if let Some(at) = words.iter().position(|word| word == "hold") {
        hold(Path::new(&words[at + 1]));
        return;
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.expect("a runtime can be made").block_on(measure());
}

/// A program of a million units.
fn forge(folder: &Path) -> forge::Target {
    let mut target = forge::Target::new(folder, std::process::id(), &["large"]);
    for i in 0..PACKAGES {
        let path = format!("example.com/large/p{i}");
        target.register(&forge::table(&path, "p", FUNCTIONS, UNITS));
    }
    target
}

/// Sets the counts of so many units, spread over all packages as the hits of a program are.
fn hit(target: &forge::Target, n_changes: u64, count: u64) {
    for i in 0..n_changes {
        let unit = i * N_UNITS / n_changes;
        let per_package = u64::from(FUNCTIONS * UNITS);
        target.count((unit / per_package) as usize, unit % per_package, count);
    }
}

fn hold(folder: &Path) {
    let target = forge(folder);
    let (end, ended) = sync_channel::<()>(0);
    thread::spawn(move || {
        let _ = std::io::stdin().read_to_end(&mut Vec::new());
        drop(end);
    });
    for round in 1.. {
        hit(&target, 455, round);
        if ended.recv_timeout(Duration::from_millis(50)) == Err(RecvTimeoutError::Disconnected) {
            return;
        }
    }
}

async fn measure() {
    let scratch = Scratch::new("units");
    let served = Served::start(scratch.path(), &[]);
    let empty = resident_kb(served.pid());
    let target = forge(scratch.path());
    println!("units {N_UNITS}");

    let started = Instant::now();
    let (mut socket, _) = tokio_tungstenite::connect_async(format!("ws://{}/ws", served.address))
        .await
        .expect("a viewer can connect");
    let (mut n_bytes, mut n_tables) = (0, 0);
    while n_tables < PACKAGES {
        let message = socket.next().await.expect("the relay stays").expect("it sends messages");
        let bytes = message.into_data();
        n_bytes += bytes.len();
        let frames = RelayToViewer::decode(&bytes).expect("the relay sends frames");
        let tables = frames.iter().filter(|frame| matches!(frame, RelayToViewer::Table(_)));
        n_tables += u32::try_from(tables.count()).unwrap_or(0);
    }
    println!(
        "a viewer has all tables after {} ms, {} KB",
        started.elapsed().as_millis(),
        n_bytes / 1000
    );

    for (what, n_changes) in
        [("at rest", 0), ("455 units change", 455), ("all units change", N_UNITS)]
    {
        let (cpu, mut n_bytes, mut n_messages) = (cpu_ms(served.pid()), 0, 0);
        let started = Instant::now();
        let mut round = 0;
        while started.elapsed() < Duration::from_secs(10) {
            round += 1;
            hit(&target, n_changes, round);
            let pause = tokio::time::sleep(Duration::from_millis(50));
            tokio::pin!(pause);
            loop {
                tokio::select! {
                    () = &mut pause => break,
                    Some(Ok(message)) = socket.next() => {
                        n_bytes += message.into_data().len();
                        n_messages += 1;
                    }
                }
            }
        }
        let seconds = started.elapsed().as_secs_f64();
        println!(
            "{what}: {:.0} ms of CPU per second, {:.0} messages/s, {:.0} KB/s to the viewer, {} MB resident",
            f64::from(cpu_ms(served.pid()) - cpu) / seconds,
            f64::from(n_messages) / seconds,
            n_bytes as f64 / 1000.0 / seconds,
            resident_kb(served.pid()) / 1000,
        );
    }
    println!("resident without any process: {} MB", empty / 1000);
}

fn resident_kb(pid: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).expect("the relay runs");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    line.and_then(|line| line.split_whitespace().next()?.parse().ok()).expect("it has a size")
}

/// Processor time of a process so far, to the tick of 10 ms.
fn cpu_ms(pid: u32) -> u32 {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).expect("the relay runs");
    let (_, rest) = stat.rsplit_once(") ").expect("the name ends");
    let words: Vec<&str> = rest.split(' ').collect();
    let ticks: u32 = words[11..13].iter().map(|word| word.parse::<u32>().unwrap_or(0)).sum();
    ticks * 10
}
