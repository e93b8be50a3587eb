//! What many viewers cost: 200 of them on one relay, while 100 and then 20 000 unit counts change
//! per second. Processor time of the relay alone, messages to each viewer, and how late they come.
//!
//! `cargo bench -p tests --bench viewers`. Linux only: it reads /proc.
#![expect(clippy::print_stdout, reason = "a bench prints what it measured")]

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use futures_util::StreamExt as _;
use tests::served::Served;
use tests::{Scratch, forge};
use tokio::sync::Mutex;
use wire::RelayToViewer;
use wire::frame::Frame as _;

const VIEWERS: usize = 200;
const UNITS: u64 = 2_000;
/// The package in which a single unit changes at each write, to time it by.
const MARK: (usize, u64) = (1, 0);

#[tokio::main(flavor = "multi_thread", worker_threads = 1)]
async fn main() {
    let scratch = Scratch::new("viewers");
    let served = Served::start(scratch.path(), &[]);
    let mut target = forge::Target::new(scratch.path(), std::process::id(), &["watched"]);
    target.register(&forge::table("example.com/watched", "main", 200, 10));
    target.register(&forge::table("example.com/watched/mark", "mark", 1, 1));

    let written = Arc::new(Mutex::new(Vec::<Instant>::new()));
    let n_messages = Arc::new(AtomicU64::new(0));
    let late = Arc::new(Mutex::new(Vec::<Duration>::new()));
    for viewer in 0..VIEWERS {
        let url = format!("ws://{}/ws", served.address);
        let (mut socket, _) = tokio_tungstenite::connect_async(url).await.expect("room for one");
        let (n_messages, late, written) = (n_messages.clone(), late.clone(), written.clone());
        tokio::spawn(async move {
            while let Some(Ok(message)) = socket.next().await {
                n_messages.fetch_add(1, Ordering::Relaxed);
                // Reading them all would be measuring the reader.
                if viewer % 20 != 0 {
                    continue;
                }
                let now = Instant::now();
                let frames = RelayToViewer::decode(&message.into_data()).expect("frames");
                for frame in frames {
                    let RelayToViewer::Counts(counts) = frame else { continue };
                    let mark = counts.packages.iter().find(|p| p.package as usize == MARK.0);
                    let Some(&round) = mark.and_then(|mark| mark.counts.first()) else { continue };
                    let written = written.lock().await;
                    if let Some(at) = usize::try_from(round).ok().and_then(|i| written.get(i - 1)) {
                        late.lock().await.push(now - *at);
                    }
                }
            }
        });
    }
    println!("viewers {VIEWERS}");
    for (what, n_units, pause_ms) in [
        ("at rest", 0, 50),
        ("5 units change, 20 times a second", 5, 50),
        ("100 units change, 200 times a second", 100, 5),
    ] {
        late.lock().await.clear();
        let (cpu, before) = (cpu_ms(served.pid()), n_messages.load(Ordering::Relaxed));
        let started = Instant::now();
        while started.elapsed() < Duration::from_secs(10) {
            if n_units > 0 {
                let round = {
                    let mut written = written.lock().await;
                    written.push(Instant::now());
                    written.len() as u64
                };
                for i in 0..n_units {
                    target.count(0, (round * 37 + i) % UNITS, round);
                }
                target.count(MARK.0, MARK.1, round);
            }
            tokio::time::sleep(Duration::from_millis(pause_ms)).await;
        }
        let seconds = started.elapsed().as_secs_f64();
        let sent = n_messages.load(Ordering::Relaxed) - before;
        let mut late = late.lock().await;
        late.sort_unstable();
        let at = |percent: usize| {
            let index = (late.len() * percent / 100).min(late.len().saturating_sub(1));
            late.get(index).map_or(0.0, |late| late.as_secs_f64() * 1000.0)
        };
        println!(
            "{what}: {:.0} ms of CPU per second, {:.1} messages/s to each viewer, \
             {:.1} ms late in the median, {:.1} ms at 99 %",
            f64::from(cpu_ms(served.pid()) - cpu) / seconds,
            sent as f64 / seconds / VIEWERS as f64,
            at(50),
            at(99),
        );
    }
    let status = std::fs::read_to_string(format!("/proc/{}/status", served.pid()));
    let status = status.expect("the relay runs");
    let resident = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    println!("resident: {}", resident.unwrap_or_default().trim());
}

/// Processor time of a process so far, to the tick of 10 ms.
fn cpu_ms(pid: u32) -> u32 {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).expect("the relay runs");
    let (_, rest) = stat.rsplit_once(") ").expect("the name ends");
    let words: Vec<&str> = rest.split(' ').collect();
    let ticks: u32 = words[11..13].iter().map(|word| word.parse::<u32>().unwrap_or(0)).sum();
    ticks * 10
}
