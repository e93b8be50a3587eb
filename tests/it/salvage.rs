//! Damaged execution traces: what is whole in them is read.

use gotrace::event::What;
use tests::torn::{Batch, arguments, batches, uleb};
use tests::traces::{self, Told};

/// Where each timed event of a whole trace ends, in the order of the file.
fn ends(bytes: &[u8]) -> Vec<usize> {
    let mut all = Vec::new();
    for batch in batches(bytes).iter().filter(|batch| batch.timed) {
        let mut at = batch.body.start;
        while at < batch.body.end {
            let kind = bytes[at];
            at += 1;
            for _ in 0..=arguments(kind).unwrap_or_else(|| panic!("byte {at}: type {kind}")) {
                uleb(bytes, &mut at).expect("it is whole");
            }
            all.push(at);
        }
    }
    all
}

/// Events that threads wrote. Samples come from a table, and synchronization is no event.
fn timed(told: &Told) -> usize {
    told.events.iter().filter(|event| !matches!(event.what, What::Sync(_) | What::Sample)).count()
}

#[test]
fn a_trace_that_breaks_off_anywhere_gives_all_events_that_are_whole() {
    for (name, bytes, _) in traces::fixtures() {
        let ends = ends(&bytes);
        // Every byte near the ends, and some between.
        let is_near = |length: usize| length < 200 || length + 200 > bytes.len();
        for length in (0..bytes.len()).filter(|length| is_near(*length) || length % 13 == 0) {
            let whole = ends.partition_point(|end| *end <= length);
            let told = match traces::read(&bytes[..length]) {
                Ok(told) => told,
                Err(error) => {
                    assert_eq!(whole, 0, "{name}, {length} bytes: {error}");
                    continue;
                }
            };
            let found = timed(&told);
            assert!(
                found >= whole,
                "{name}, {length} bytes: {found} of {whole} events: {:?}",
                told.losses
            );
        }
    }
}

#[test]
fn without_its_last_byte_a_trace_gives_all_its_events() {
    for (name, bytes, facts) in traces::fixtures() {
        let told =
            traces::read(&bytes[..bytes.len() - 1]).unwrap_or_else(|e| panic!("{name}: {e}"));
        assert_eq!(told.events.len() as i64, facts["events"], "{name}");
    }
}

/// The trace with other batches; the file's header and what stands between stay as they are.
fn with(bytes: &[u8], batches: impl IntoIterator<Item = Batch>) -> Vec<u8> {
    let mut all = bytes[..16].to_vec();
    batches.into_iter().for_each(|batch| all.extend(&bytes[batch.place]));
    all
}

/// Reads a damaged trace of which so many timed events are whole; all of them are told but those
/// that are said to be lost. Returns how many those are.
fn check_salvage(what: &str, bytes: &[u8], whole: usize) -> u64 {
    let told = traces::read(bytes).unwrap_or_else(|error| panic!("{what}: {error}"));
    let (found, lost) = (timed(&told), told.losses.events);
    assert!(found + lost as usize >= whole, "{what}: {found} of {whole}: {:?}", told.losses);
    lost
}

fn n_events(bytes: &[u8], batch: &Batch) -> usize {
    ends(&with(bytes, [batch.clone()])).len()
}

#[test]
fn a_batch_that_is_missing_or_zeroed_takes_no_other_with_it() {
    for (name, bytes, _) in traces::fixtures() {
        let batches = batches(&bytes);
        let all = ends(&bytes).len();
        for (at, batch) in batches.iter().enumerate() {
            let left = all - n_events(&bytes, batch);
            let mut others = batches.clone();
            others.remove(at);
            let removed =
                check_salvage(&format!("{name} without {at}"), &with(&bytes, others), left);
            let mut zeroed = bytes.clone();
            zeroed[batch.place.clone()].fill(0);
            let zeroed = check_salvage(&format!("{name} with zeros for {at}"), &zeroed, left);
            assert!(removed.max(zeroed) as usize <= all / 10, "{name}, {at}: {removed}, {zeroed}");
        }
    }
}

#[test]
fn batches_that_come_twice_or_in_another_order_do_no_harm() {
    for (name, bytes, _) in traces::fixtures() {
        let batches = batches(&bytes);
        for at in 0..batches.len() {
            let mut twice = batches.clone();
            twice.insert(at, batches[at].clone());
            check_salvage(&format!("{name} with {at} twice"), &with(&bytes, twice), 0);
            let mut swapped = batches.clone();
            swapped.swap(at, (at * 7 + 1) % batches.len());
            check_salvage(&format!("{name} with {at} elsewhere"), &with(&bytes, swapped), 0);
        }
    }
}

#[test]
fn changed_bytes_spoil_little() {
    let mut pick = 1_u64;
    for (name, bytes, _) in traces::fixtures() {
        let all = ends(&bytes).len();
        let mut spoiled = 0;
        for _ in 0..100 {
            pick = pick.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            let mut bytes = bytes.clone();
            let at = 16 + (pick >> 33) as usize % (bytes.len() - 16);
            bytes[at] ^= 1 << (pick >> 29 & 7);
            let found = traces::read(&bytes).map_or(0, |told| timed(&told));
            spoiled += usize::from(found < all / 2);
        }
        // One in the header of a large batch costs the batch.
        assert!(spoiled < 20, "{name}: {spoiled} of 100 changes cost half of it");
    }
}
