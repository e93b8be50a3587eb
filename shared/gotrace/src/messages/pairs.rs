//! Pairs on one channel.

use std::collections::{HashMap, VecDeque};

use foldhash::fast::FixedState;

use super::{Channel, Grade, Message, Moment, known};
use crate::channels::{Did, Kind};

/// The trace's clock ticks this often, in ns.
const TICK: i64 = 64;

/// Sends that nobody has received yet, the earliest first.
#[derive(Default)]
struct Waiting {
    by_value: HashMap<u64, VecDeque<usize>, FixedState>,
    /// Those of unknown value.
    unknown: VecDeque<usize>,
    /// All of them, and more.
    all: VecDeque<usize>,
    taken: Vec<bool>,
}

/// Pairs the operations on a channel.
pub(super) fn of(
    channel: &mut Channel,
    index: u32,
    moments: &[&Moment<'_>],
    messages: &mut Vec<Message>,
) {
    let mut sends: Vec<&Moment<'_>> = Vec::new();
    let mut receives: Vec<&Moment<'_>> = Vec::new();
    let mut by_index: HashMap<usize, &Moment<'_>, FixedState> = HashMap::default();
    for moment in moments {
        match moment.operation.did {
            Did::Send if moment.partner.is_some() => {
                by_index.insert(moment.index, *moment);
            }
            Did::Send => sends.push(*moment),
            Did::Receive if moment.operation.ok != Some(false) => receives.push(*moment),
            _ => {}
        }
    }
    let mut push = |send: &Moment<'_>, receive: &Moment<'_>, grade| {
        let value = match receive.operation.value {
            value if value.kind == Kind::Unknown => send.operation.value,
            value => value,
        };
        messages.push(Message {
            channel: index,
            from: send.operation.goroutine,
            to: receive.operation.goroutine,
            sent: send.time,
            received: receive.time.max(send.time),
            value,
            sent_at: send.operation.site,
            received_at: receive.operation.site,
            grade,
        });
    };
    receives.retain(|receive| {
        let Some(send) = receive.partner.and_then(|at| by_index.remove(&at)) else { return true };
        push(send, receive, Grade::Exact);
        false
    });
    // What was handed over to someone that is not here.
    channel.unreceived += by_index.len() as u64;
    sends.sort_by_key(|moment| (moment.time, moment.index));
    receives.sort_by_key(|moment| (moment.time, moment.index));
    let sent_apart = apart(&sends);
    let received_apart = apart(&receives);
    let mut waiting = Waiting::of(&sends);
    for (receive, received_apart) in receives.iter().zip(received_apart) {
        let found = waiting.take(&sends, receive);
        let Some((at, send, rival)) = found else {
            let zero = receive.operation.value.bits == 0 && receive.operation.ok.is_none();
            let closed = channel.closed.is_some_and(|closed| closed.time <= receive.high);
            if zero && closed {
                channel.receives = channel.receives.saturating_sub(1);
            } else {
                channel.unsent += 1;
            }
            continue;
        };
        let grade = match rival.filter(|rival| rival.low.saturating_sub(TICK) <= receive.high) {
            None => Grade::Exact,
            Some(_) if received_apart && sent_apart.get(at) == Some(&true) => Grade::Ordered,
            Some(_) => Grade::Ambiguous,
        };
        push(send, receive, grade);
    }
    channel.unreceived += waiting.taken.iter().filter(|taken| !**taken).count() as u64;
}

/// Whether each operation was at another time than all others of the same value.
fn apart(moments: &[&Moment<'_>]) -> Vec<bool> {
    let mut order: Vec<(Option<u64>, i64, usize)> = moments
        .iter()
        .enumerate()
        .map(|(at, moment)| (known(moment.operation), moment.early, at))
        .collect();
    order.sort_unstable();
    let mut apart = vec![true; moments.len()];
    let mut mark = |at: usize| {
        if let Some(apart) = apart.get_mut(at) {
            *apart = false;
        }
    };
    // The one before that ends last, of the same value.
    let mut last: Option<(Option<u64>, i64, usize)> = None;
    for (value, early, at) in order {
        let late = moments.get(at).map_or(early, |moment| moment.late);
        match last.filter(|(before, ..)| *before == value) {
            Some((_, end, before)) if end >= early => {
                mark(before);
                mark(at);
                if late > end {
                    last = Some((value, late, at));
                }
            }
            _ => last = Some((value, late, at)),
        }
    }
    apart
}

impl Waiting {
    fn of(sends: &[&Moment<'_>]) -> Self {
        let mut waiting = Self { taken: vec![false; sends.len()], ..Self::default() };
        for (at, send) in sends.iter().enumerate() {
            waiting.all.push_back(at);
            match known(send.operation) {
                Some(bits) => waiting.by_value.entry(bits).or_default().push_back(at),
                None => waiting.unknown.push_back(at),
            }
        }
        waiting
    }

    /// Takes the earliest send that a receive may belong to, and tells the next one.
    fn take<'s, 'm>(
        &mut self,
        sends: &[&'s Moment<'m>],
        receive: &Moment<'_>,
    ) -> Option<(usize, &'s Moment<'m>, Option<&'s Moment<'m>>)> {
        let taken = &self.taken;
        let same = known(receive.operation).map(|bits| {
            let queue = self.by_value.get_mut(&bits)?;
            first(queue, taken)?;
            Some(queue)
        });
        let queue = match same {
            None => &mut self.all,
            Some(queue) => queue.unwrap_or(&mut self.unknown),
        };
        let at = first(queue, &self.taken)?;
        let send = sends.get(at)?;
        if send.low.saturating_sub(TICK) > receive.high {
            return None;
        }
        if let Some(taken) = self.taken.get_mut(at) {
            *taken = true;
        }
        let rival = first(queue, &self.taken);
        Some((at, *send, rival.and_then(|at| sends.get(at).copied())))
    }
}

/// The first of a queue that nobody has taken by another one.
fn first(queue: &mut VecDeque<usize>, taken: &[bool]) -> Option<usize> {
    while let Some(at) = queue.front() {
        if taken.get(*at) == Some(&false) {
            return Some(*at);
        }
        queue.pop_front();
    }
    None
}
