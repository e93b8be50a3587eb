//! What the relay counts of itself, in Prometheus' text form.

use std::fmt::Write as _;
use std::sync::atomic::{AtomicU64, Ordering};

use wire::frame::State;

use crate::relay::Relay;

/// Counters that only grow.
#[derive(Debug, Default)]
pub(crate) struct Metrics {
    /// Frames taken from agents.
    pub(crate) frames: AtomicU64,
    /// Peers refused, for whatever reason.
    pub(crate) refused: AtomicU64,
    /// Messages sent to viewers.
    pub(crate) messages: AtomicU64,
    /// Bytes of them.
    pub(crate) bytes: AtomicU64,
    /// Viewers dropped because they took nothing for too long.
    pub(crate) stalled: AtomicU64,
}

/// Adds to a counter.
pub(crate) fn add(counter: &AtomicU64, n: u64) {
    counter.fetch_add(n, Ordering::Relaxed);
}

/// The text that a scraper gets.
pub(crate) fn text(relay: &Relay) -> String {
    let (n_viewers, (n_tables, n_units), mut states) = {
        let hub = relay.hub();
        let mut states = [("running", 0u64), ("ended", 0), ("unreachable", 0)];
        for process in hub.processes() {
            let n = u64::from(process.folded.max(1));
            match process.state {
                State::Running => states[0].1 += n,
                State::Ended => states[1].1 += n,
                State::Unreachable => states[2].1 += n,
            }
        }
        (hub.n_viewers(), hub.sizes(), states)
    };
    states.sort_unstable();
    let metrics = &relay.metrics;
    let counter = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
    let mut out = String::new();
    let mut one = |name: &str, kind: &str, help: &str, value: u64| {
        let _ = writeln!(out, "# HELP coverglass_{name} {help}");
        let _ = writeln!(out, "# TYPE coverglass_{name} {kind}\ncoverglass_{name} {value}");
    };
    one("viewers", "gauge", "Browsers connected", n_viewers as u64);
    one("agents", "gauge", "Agents connected", relay.n_agents() as u64);
    one("tables", "gauge", "Packages known", n_tables as u64);
    one("units", "gauge", "Units counted, over all processes", n_units as u64);
    one("source_bytes", "gauge", "Bytes of sources kept", relay.sources().n_bytes() as u64);
    one("frames_total", "counter", "Frames taken from agents", counter(&metrics.frames));
    one("messages_total", "counter", "Messages sent to viewers", counter(&metrics.messages));
    one("bytes_total", "counter", "Bytes sent to viewers", counter(&metrics.bytes));
    one("refused_total", "counter", "Peers refused", counter(&metrics.refused));
    one(
        "stalled_total",
        "counter",
        "Viewers dropped for taking nothing",
        counter(&metrics.stalled),
    );
    let _ = writeln!(out, "# HELP coverglass_processes Processes by state");
    let _ = writeln!(out, "# TYPE coverglass_processes gauge");
    for (state, n) in states {
        let _ = writeln!(out, "coverglass_processes{{state=\"{state}\"}} {n}");
    }
    out
}
