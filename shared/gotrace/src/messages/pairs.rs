//! Pairs on one channel.

use std::collections::{HashMap, VecDeque};

use foldhash::fast::FixedState;

use super::moments::TICK;
use super::{Channel, Grade, Message, Moment, known};
use crate::channels::{Did, Kind};

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
    let all = || sends.iter().chain(&receives);
    let by_value = all().all(|moment| known(moment.operation).is_some());
    let (sent, received) = (Crowd::of(&sends, by_value), Crowd::of(&receives, by_value));
    let mut waiting = Waiting::of(&sends);
    let mut found = Vec::with_capacity(receives.len());
    for (receive, at) in receives.iter().zip(0..) {
        let Some((send, rival)) = waiting.take(&sends, receive) else {
            let zero = receive.operation.value.bits == 0 && receive.operation.ok.is_none();
            let closed = channel.closed.is_some_and(|closed| closed.time <= receive.high);
            if zero && closed {
                channel.receives = channel.receives.saturating_sub(1);
            } else {
                channel.unsent += 1;
            }
            continue;
        };
        found.push((at, send, rival));
    }
    let left = waiting.taken.iter().filter(|taken| !**taken).count() as u64;
    channel.unreceived += left;
    // Where some are missing, the first in need not be the first out.
    let complete = channel.unsent == 0 && left <= u64::from(channel.capacity);
    for (receive_at, send_at, rival) in found {
        let (Some(send), Some(receive)) = (sends.get(send_at), receives.get(receive_at)) else {
            continue;
        };
        let single = sent.is_single(send_at) && received.is_single(receive_at);
        let apart = sent.is_apart(send_at) && received.is_apart(receive_at);
        let rival = rival.and_then(|at| sends.get(at));
        let rival = rival.is_some_and(|rival| rival.low.saturating_sub(TICK) <= receive.high);
        push(
            send,
            receive,
            match (single || apart && complete, rival) {
                (true, false) => Grade::Exact,
                (true, true) => Grade::Ordered,
                (false, _) => Grade::Ambiguous,
            },
        );
    }
}

/// Operations that order alone tells from each other: those of the same value or, where not all
/// values are known, all of them.
struct Crowd {
    crowds: HashMap<Option<u64>, usize, FixedState>,
    of: Vec<Option<u64>>,
    apart: Vec<bool>,
}

impl Crowd {
    fn of(moments: &[&Moment<'_>], by_value: bool) -> Self {
        let of = moments.iter().map(|moment| known(moment.operation).filter(|_| by_value));
        let of: Vec<Option<u64>> = of.collect();
        let mut crowds: HashMap<Option<u64>, usize, FixedState> = HashMap::default();
        of.iter().for_each(|crowd| *crowds.entry(*crowd).or_default() += 1);
        Self { crowds, apart: apart(moments, &of), of }
    }

    /// Whether there is no other one.
    fn is_single(&self, at: usize) -> bool {
        self.of.get(at).and_then(|crowd| self.crowds.get(crowd)) == Some(&1)
    }

    /// Whether it was at another time than all others.
    fn is_apart(&self, at: usize) -> bool {
        self.apart.get(at) == Some(&true)
    }
}

/// Whether each operation was at another time than all others of its crowd.
fn apart(moments: &[&Moment<'_>], crowds: &[Option<u64>]) -> Vec<bool> {
    let mut order: Vec<(Option<u64>, i64, usize)> = moments
        .iter()
        .zip(crowds)
        .enumerate()
        .map(|(at, (moment, crowd))| (*crowd, moment.low, at))
        .collect();
    order.sort_unstable();
    let mut apart = vec![true; moments.len()];
    let mut mark = |at: usize| {
        if let Some(apart) = apart.get_mut(at) {
            *apart = false;
        }
    };
    // The one before that ends last, of the same crowd.
    let mut last: Option<(Option<u64>, i64, usize)> = None;
    for (crowd, low, at) in order {
        let high = moments.get(at).map_or(low, |moment| moment.high);
        match last.filter(|(before, ..)| *before == crowd) {
            Some((_, end, before)) if end > low => {
                mark(before);
                mark(at);
                if high > end {
                    last = Some((crowd, high, at));
                }
            }
            _ => last = Some((crowd, high, at)),
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
    fn take(
        &mut self,
        sends: &[&Moment<'_>],
        receive: &Moment<'_>,
    ) -> Option<(usize, Option<usize>)> {
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
        Some((at, first(queue, &self.taken)))
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
