//! When each operation happened.

use std::collections::HashMap;

use foldhash::fast::FixedState;

use super::{Moment, known};
use crate::channels::{Channels, Did};
use crate::event::{GoId, GoState};
use crate::trace::{Edge, Go, Trace};
use crate::wake::Wake;

/// The trace's clock ticks this often, in ns.
const TICK: i64 = 64;
/// An operation that wakes a goroutine is recorded this much later, in ns.
const RECORDED: i64 = 128;
/// An operation on a channel that is ready takes no longer than this, in ns, unless its goroutine
/// is interrupted.
const QUICK: i64 = 2_000;

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
        let time = high;
        moments.push(Moment {
            operation,
            low,
            high,
            early: low,
            late: high,
            time,
            index,
            certain: false,
            partner: None,
        });
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
        if edge.wake.is_channel() && edge.from != Go::NONE {
            wakes.entry(edge.to).or_default().push(edge);
        }
    }
    let mut done: HashMap<GoId, Vec<usize>, FixedState> = HashMap::default();
    for moment in moments.iter() {
        done.entry(moment.operation.goroutine).or_default().push(moment.index);
    }
    let mut woken = Vec::new();
    for moment in moments.iter_mut() {
        let Some(go) = trace.find(moment.operation.goroutine) else { continue };
        let edges = wakes.get(&go).map_or(&[][..], Vec::as_slice);
        if let Some(edge) = woke(moment, edges) {
            woken.push((moment.index, *edge));
        } else {
            narrow(moment, trace, go);
        }
    }
    for (index, edge) in woken {
        let time = edge.time.cast_signed();
        let other = trace.goroutine(edge.from).and_then(|by| done.get(&by.id));
        let other = other.and_then(|list| partner(moments, list, index, time, trace.origin));
        for at in [Some(index), other].into_iter().flatten() {
            if let Some(moment) = moments.get_mut(at) {
                (moment.time, moment.certain) = (time, true);
                moment.early = moment.low.max(time.saturating_sub(TICK)).min(moment.high);
                moment.late = moment.high.min(time.saturating_add(TICK)).max(moment.early);
            }
        }
        let Some(other) = other else { continue };
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

/// The last wake-up of an operation's goroutine before it was done, if that may be its own.
fn woke<'e>(moment: &Moment<'_>, edges: &[&'e Edge]) -> Option<&'e Edge> {
    let end = edges.partition_point(|edge| edge.time.cast_signed() <= moment.high);
    let edge = edges.get(end.checked_sub(1)?)?;
    let fits = matches!(
        (moment.operation.did, edge.wake),
        (Did::Receive, Wake::Send | Wake::Select) | (Did::Send, Wake::Receive | Wake::Select)
    );
    (fits && edge.time.cast_signed() >= moment.low.saturating_sub(TICK)).then_some(*edge)
}

/// The operation on the other side, among those of the goroutine that did the waking.
///
/// It was recorded a little after the wake-up. The trace's clock is coarse, and times in it are
/// moved where the order demands it, so the operations before and after may be possible, too.
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
    let end = |at: &usize| moments.get(*at).map_or(i64::MAX, |m| m.operation.end);
    let time_by_clock = time.saturating_add(origin);
    let first = list.partition_point(|at| end(at) < time_by_clock.saturating_sub(TICK));
    let near = list.get(first..)?.iter().take(4).filter_map(|at| moments.get(*at));
    let possible = near.filter(|moment| {
        let same = !handed_over
            || known(own).zip(known(moment.operation)).is_none_or(|(one, other)| one == other);
        same && moment.operation.did == wanted
            && moment.operation.channel == own.channel
            && moment.low <= time.saturating_add(TICK)
            && moment.partner.is_none()
    });
    let usual = time_by_clock.saturating_add(RECORDED);
    let found = possible.min_by_key(|moment| moment.operation.end.abs_diff(usual));
    found.map(|moment| moment.index)
}

/// Leaves out the time in which an operation has hardly been, since its goroutine has been running
/// for longer than one takes.
fn narrow(moment: &mut Moment<'_>, trace: &Trace, go: Go) {
    let Some(goroutine) = trace.goroutine(go) else { return };
    let Ok(high) = u64::try_from(moment.high) else { return };
    let Some(slice) = goroutine.track.at(high).and_then(|at| goroutine.track.slices().get(at))
    else {
        return;
    };
    let quick = moment.high.saturating_sub(QUICK);
    if slice.state == GoState::Running && slice.begin.cast_signed() <= quick {
        moment.early = moment.low.max(quick);
    }
}
