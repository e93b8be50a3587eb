//! `summary --json`: every count of a trace, under the names that Go's own reader suggests.

use anyhow::Result;
use gotrace::facts::{Counter, Counts};
use gotrace::{Clock, Losses, type_name};
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

use super::FileArgs;
use super::open;

/// Most functions that are told of those that goroutines begin with.
const FUNCTIONS: usize = 25;
/// Most wakers that are told.
const WAKERS: usize = 40;
/// Most pairs of lines that are told.
const SITES: usize = 25;
/// Bytes of a trace's header.
const HEADER: usize = 16;

/// `coverglass trace summary --json`.
pub(super) fn facts(args: &FileArgs) -> Result<()> {
    let mut counter = Counter::default();
    let mut hash = Sha256::new();
    let mut header = Vec::with_capacity(HEADER);
    let mut n_bytes = 0;
    let look = |bytes: &[u8]| {
        hash.update(bytes);
        n_bytes += bytes.len();
        header.extend(bytes.iter().take(HEADER - header.len()));
    };
    let reader = open::read(args, look, |names, event| counter.add(names, event))?;
    let facts = counter.finish(reader.names());
    let hash: String = hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
    let header = String::from_utf8_lossy(&header).trim_end_matches('\0').to_owned();
    let wire = (0..=u8::MAX).zip(reader.counts()).filter(|(_, count)| **count > 0);
    let wire: Counts =
        wire.filter_map(|(kind, count)| Some((type_name(kind)?.to_owned(), *count))).collect();
    let mut json = json!({
        "file": open::name(args),
        "sha256": hash,
        "bytes": n_bytes,
        "header": header,
        "syncs": facts.syncs,
        "events": facts.events,
        "events_by_kind": facts.by_kind,
        "first_ts_ns": facts.first,
        "last_ts_ns": facts.last,
        "duration_ns": facts.last - facts.first,
        "order_hash_fnv1a64": format!("{:016x}", facts.order_hash),
        "per_goroutine_transition_hash_xor_fnv1a64": format!("{:016x}", facts.transition_hash),
        "goroutines": facts.goroutines,
        "goroutines_preexisting": facts.preexisting,
        "goroutines_created": facts.created,
        "goroutines_destroyed": facts.destroyed,
        "goroutines_peak_live": facts.peak,
        "max_creation_depth": facts.depth,
        "block_events_by_reason": facts.blocks,
        "stop_events_by_reason": facts.stops,
        "go_starts": facts.starts,
        "syscall_begin": facts.syscalls,
        "syscall_end_blocked": facts.syscalls_blocked,
        "unblock_events": facts.unblocks,
        "unblock_events_with_waker_goroutine": facts.unblocks_by_goroutine,
        "unblock_events_by_wakee_block_reason": facts.unblocks_by_reason,
        "unblock_edges_g_to_g_by_wakee_block_reason": facts.edges_by_reason,
        "unblock_edges_reason_wakertop_count": wakers(&facts.edges_by_top),
        "channel_edges_total": facts.channel_edges,
        "sum_ns_by_state": facts.state_time,
        "logs": facts.logs,
        "cpu_samples": facts.samples,
        "threads": facts.threads,
        "procs": facts.procs,
        "experimental_events": facts.experimental,
        "wire_events": wire,
        "generations": reader.generations(),
    });
    let starts = most(&facts.created_by_start, FUNCTIONS);
    json["created_by_start_func_top"] = starts
        .into_iter()
        .map(|(name, count)| (name.clone(), Value::from(count)))
        .collect::<Map<_, _>>()
        .into();
    // What there is nothing of is left out.
    let optional = [
        ("channel_edges_site_to_site_top", json!(lines(&facts.channel_sites, SITES))),
        ("tasks_begin", json!(facts.tasks)),
        ("regions_begin", json!(facts.regions)),
        ("range_begin", json!(facts.ranges)),
        ("metrics", json!(facts.metrics)),
        ("labels", json!(facts.labels)),
        ("clock_snapshots", json!(clocks(reader.clocks()))),
        ("losses", losses(reader.losses())),
    ];
    for (name, value) in optional {
        let is_empty = value.as_array().is_some_and(Vec::is_empty)
            || value.as_object().is_some_and(Map::is_empty);
        if !is_empty {
            json[name] = value;
        }
    }
    crate::print_json(&json)
}

/// The largest counts, then by name.
fn most(counts: &Counts, limit: usize) -> Vec<(&String, u64)> {
    let mut rows: Vec<_> = counts.iter().map(|(name, count)| (name, *count)).collect();
    rows.sort_by(|a, b| b.1.cmp(&a.1).then(a.0.cmp(b.0)));
    rows.truncate(limit);
    rows
}

fn lines(counts: &Counts, limit: usize) -> Vec<String> {
    most(counts, limit).into_iter().map(|(name, count)| format!("{name} = {count}")).collect()
}

/// Null where there are none, as Go writes an empty list.
fn wakers(counts: &Counts) -> Option<Vec<String>> {
    (!counts.is_empty()).then(|| lines(counts, WAKERS))
}

/// The first two and the last one.
fn clocks(clocks: &[Clock]) -> Vec<String> {
    let shown: Vec<&Clock> = match clocks {
        [first, second, _, .., last] => vec![first, second, last],
        few => few.iter().collect(),
    };
    let text = |clock: &&Clock| {
        format!("trace={} mono={} wall={}", clock.trace, clock.monotonic, clock.wall)
    };
    shown.iter().map(text).collect()
}

fn losses(losses: &Losses) -> Value {
    if losses.is_empty() {
        return json!({});
    }
    let places: Vec<Value> = losses
        .told()
        .iter()
        .map(|loss| json!({"byte": loss.byte, "generation": loss.generation, "what": loss.what}))
        .collect();
    json!({
        "events": losses.events,
        "bytes": losses.bytes,
        "events_by_clock": losses.by_clock,
        "places": places,
        "more_places": losses.untold(),
    })
}
