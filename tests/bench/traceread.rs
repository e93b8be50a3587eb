//! Reads a trace as `tests/bench/trace.py` wants it measured: `traceread order FILE` only puts its
//! events in order, `traceread trace FILE` builds what the page shows.
#![expect(clippy::print_stdout, reason = "a bench prints what it measured")]

use gotrace::{Reader, Trace};

/// Bytes that are handed over at once, as the page's worker does.
const PIECE: usize = 4 << 20;

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    let [_, what, file] = &arguments[..] else { panic!("usage: traceread order|trace FILE") };
    let bytes = std::fs::read(file).unwrap_or_else(|error| panic!("{file}: {error}"));
    let mut reader = Reader::new();
    let mut trace = Trace::default();
    let mut events = 0_u64;
    let builds = what == "trace";
    let mut take = |names: &gotrace::Names, event: &gotrace::Event| {
        events += 1;
        if builds {
            trace.add(names, event);
        }
    };
    for piece in bytes.chunks(PIECE) {
        reader.push(piece, &mut take).unwrap_or_else(|error| panic!("{file}: {error}"));
    }
    reader.finish(&mut take).unwrap_or_else(|error| panic!("{file}: {error}"));
    println!("{events} {} {}", trace.goroutines.len(), trace.edges.len());
}
