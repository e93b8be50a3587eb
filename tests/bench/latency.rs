//! How long after a line was executed a viewer knows: from the program through shared memory,
//! collector, relay and WebSocket to the bytes that a page gets. Painting comes on top:
//! `tests/bench/page.mjs`.
//!
//! `cargo bench -p tests --bench latency [-- TICKS]`. Needs Go.
#![expect(clippy::print_stdout, reason = "a bench prints what it measured")]

use std::io::{BufRead as _, BufReader};
use std::process::{Command, Stdio};
use std::sync::mpsc::sync_channel;
use std::thread;

use futures_util::StreamExt as _;
use tests::served::Served;
use tests::{Scratch, coverglass, forge, output, program};
use wire::frame::Frame as _;
use wire::{RelayToViewer, Table};

fn main() {
    let ticks = std::env::args().skip(1).find_map(|word| word.parse().ok()).unwrap_or(400);
    let scratch = Scratch::new("latency");
    let folder = scratch.folder("shared");
    let binary = scratch.join("ticker");
    output(
        Command::new(coverglass())
            .args(["build", "-o"])
            .arg(&binary)
            .arg(".")
            .env("COVERGLASS_CACHE", scratch.folder("cache"))
            .current_dir(program("ticker")),
    );
    let served = Served::start(&folder, &[]);
    let (arrivals, arrived) = sync_channel(1 << 20);
    let address = served.address.clone();
    thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        runtime.expect("a runtime can be made").block_on(watch(&address, |count, at_ns| {
            let _ = arrivals.try_send((count, at_ns));
        }));
    });

    let mut child = Command::new(&binary)
        .args(["-n", &ticks.to_string(), "-every", "20ms"])
        .env("COVERGLASS_DIR", &folder)
        .stdout(Stdio::piped())
        .spawn()
        .expect("the ticker starts");
    let mut ticked = Vec::new();
    for line in BufReader::new(child.stdout.take().expect("stdout is a pipe")).lines() {
        let line = line.expect("the ticker writes text");
        if let Some((count, at_ns)) = line.split_once(' ') {
            let numbers: (u64, u64) = (
                count.parse().expect("a tick has a number"),
                at_ns.parse().expect("a tick has a time"),
            );
            ticked.push(numbers);
        }
    }
    child.wait().expect("the ticker ends");

    let arrived: Vec<(u64, u64)> = arrived.try_iter().collect();
    let mut late_us: Vec<u64> = ticked
        .iter()
        .filter_map(|&(count, at_ns)| {
            let seen = arrived.iter().find(|&&(seen, _)| seen >= count)?;
            Some(seen.1.saturating_sub(at_ns) / 1000)
        })
        .collect();
    late_us.sort_unstable();
    println!("ticks {}, seen {}", ticked.len(), late_us.len());
    for (name, part) in [("median", 50), ("p90", 90), ("p99", 99), ("max", 100)] {
        let position = (late_us.len() * part / 100).min(late_us.len().saturating_sub(1));
        let late_us = late_us.get(position).copied().unwrap_or(0);
        println!("{name:>6} {}.{:03} ms", late_us / 1000, late_us % 1000);
    }
}

/// Tells each count of the unit of `tick` and when it came.
async fn watch(address: &str, mut seen: impl FnMut(u64, u64)) {
    let (mut socket, _) = tokio_tungstenite::connect_async(format!("ws://{address}/ws"))
        .await
        .expect("a viewer can connect");
    let mut unit = None;
    while let Some(Ok(message)) = socket.next().await {
        let at_ns = forge::now_ns();
        let bytes = message.into_data();
        for frame in RelayToViewer::decode(&bytes).unwrap_or_default() {
            match frame {
                RelayToViewer::Table(bytes) => {
                    let table = Table::decode(&bytes).expect("the relay sends tables");
                    let mut first = 0;
                    for function in &table.functions {
                        if function.name == "tick" {
                            unit = Some(first);
                        }
                        first += u32::try_from(function.units.len()).unwrap_or(0);
                    }
                }
                RelayToViewer::Counts(counts) => {
                    for package in &counts.packages {
                        for (at, count) in package.units.iter().zip(&package.counts) {
                            if Some(*at) == unit {
                                seen(*count, at_ns);
                            }
                        }
                    }
                }
                _ => {}
            }
        }
    }
}
