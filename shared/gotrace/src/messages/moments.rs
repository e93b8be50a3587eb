//! When each operation happened.

use std::collections::HashMap;

use foldhash::fast::FixedState;

use super::{Moment, known};
use crate::channels::{Channels, Did};
use crate::event::GoId;
use crate::trace::{Edge, Go, Trace};
use crate::wake::Wake;

/// The trace's clock ticks this often, in ns.
pub(super) const TICK: i64 = 64;

/// The operations in their order, with what is known of the time of each.
pub(super) fn of<'a>(channels: &'a Channels, trace: Option<&Trace>) -> Vec<Moment<'a>> {
    let first = channels.operations.first().map_or(0, |operation| operation.end);
    let origin = trace.map_or(first, |trace| trace.origin);
    let mut previous: HashMap<GoId, i64, FixedState> = HashMap::default();
    let mut moments = Vec::with_capacity(channels.operations.len());
    for (index, operation) in channels.operations.iter().enumerate() {
        let high = operation.end.saturating_sub(origin);
        let before = previous.insert(operation.goroutine, high);
        let begin = operation.begin.map(|begin| begin.saturating_sub(origin));
        let low = begin.or(before).unwrap_or(i64::MIN).max(before.unwrap_or(i64::MIN)).min(high);
        moments.push(Moment { operation, low, high, time: high, index, partner: None });
    }
    if let Some(trace) = trace {
        bind(&mut moments, trace);
    }
    moments
}

/// Looks for the moment of each operation in the trace.
fn bind(moments: &mut [Moment<'_>], trace: &Trace) {
    let mut wakes: HashMap<Go, Vec<&Edge>, FixedState> = HashMap::default();
    for edge in &trace.edges {
        wakes.entry(edge.to).or_default().push(edge);
    }
    let mut done: HashMap<GoId, Vec<usize>, FixedState> = HashMap::default();
    let mut woken = Vec::new();
    for moment in moments.iter_mut() {
        done.entry(moment.operation.goroutine).or_default().push(moment.index);
        let Some(go) = trace.find(moment.operation.goroutine) else { continue };
        let created = trace.goroutine(go).filter(|goroutine| goroutine.parent != Go::NONE);
        let begin = created.map_or(i64::MIN, |goroutine| goroutine.begin.cast_signed());
        moment.low = moment.low.max(begin).min(moment.high);
        let edges = wakes.get(&go).map_or(&[][..], Vec::as_slice);
        let end = edges.partition_point(|edge| edge.time.cast_signed() <= moment.high);
        let Some(edge) = end.checked_sub(1).and_then(|last| edges.get(last)) else { continue };
        if !edge.wake.is_channel() {
            // Nothing but its channel makes an operation wait.
            moment.low = moment.low.max(edge.time.cast_signed());
        } else if is_own(moment, edge) {
            woken.push((moment.index, *edge));
        }
    }
    for (index, edge) in woken {
        let time = edge.time.cast_signed();
        let list = trace.goroutine(edge.from).and_then(|by| done.get(&by.id));
        let other = list.and_then(|list| partner(moments, list, index, time, trace.origin));
        let Some(other) = other else { continue };
        for at in [index, other] {
            if let Some(moment) = moments.get_mut(at) {
                moment.time = time;
                moment.low = moment.low.max(time.saturating_sub(TICK)).min(moment.high);
                moment.high = moment.high.min(time.saturating_add(TICK)).max(moment.low);
            }
        }
        let Some(own) = moments.get(index).map(|moment| moment.operation) else { continue };
        // A value that goes into a buffer is not the one that comes out.
        if own.did == Did::Receive || own.capacity == 0 {
            for (at, partner) in [(index, other), (other, index)] {
                if let Some(moment) = moments.get_mut(at) {
                    moment.partner = Some(partner);
                }
            }
        }
    }
}

/// Whether the last wake-up of an operation's goroutine before it was done may be its own.
fn is_own(moment: &Moment<'_>, edge: &Edge) -> bool {
    let fits = matches!(
        (moment.operation.did, edge.wake),
        (Did::Receive, Wake::Send | Wake::Select) | (Did::Send, Wake::Receive | Wake::Select)
    );
    fits && edge.from != Go::NONE && edge.time.cast_signed() >= moment.low.saturating_sub(TICK)
}

/// The operation on the other side, among those of the goroutine that did the waking, if it is the
/// only one: the trace's clock is coarse, so the one before or after may be possible, too.
fn partner(
    moments: &[Moment<'_>],
    list: &[usize],
    index: usize,
    time: i64,
    origin: i64,
) -> Option<usize> {
    let own = moments.get(index)?.operation;
    let wanted = if own.did == Did::Send { Did::Receive } else { Did::Send };
    let handed_over = own.did == Did::Receive || own.capacity == 0;
    let recorded = |at: &usize| moments.get(*at).map_or(i64::MAX, |m| m.operation.end);
    // It was recorded later than it happened.
    let first = list.partition_point(|at| recorded(at) < time.saturating_add(origin));
    let later = list.get(first..)?.iter().filter_map(|at| moments.get(*at));
    let mut possible =
        later.take_while(|moment| moment.low <= time.saturating_add(TICK)).filter(|moment| {
            let same = !handed_over
                || known(own).zip(known(moment.operation)).is_none_or(|(one, other)| one == other);
            same && moment.operation.did == wanted
                && moment.operation.channel == own.channel
                && moment.partner.is_none()
        });
    let found = possible.next()?;
    possible.next().is_none().then_some(found.index)
}
