//! Which send belongs to which receive.
//!
//! A channel gives values out in the order in which they came in, so what has to be found is the
//! moment of each operation, between what its goroutine did before and the time it was recorded.
//!
//! - Where one goroutine woke another, the trace has that moment, for both of them. A sender that
//!   wakes a receiver hands its value over, and so does a receiver that wakes a sender on a channel
//!   without a buffer: these pairs are certain.
//! - All others are paired in order, equal values with each other, the earliest first.
//!
//! How certain a pair is, its [`Grade`] says. An operation may be recorded long after it happened,
//! when the system takes the processor away in between, so order counts only where the times of
//! two operations can't be mixed up. Without a trace all but the handing over is there.

use std::collections::HashMap;

use foldhash::fast::FixedState;

use crate::channels::{Channels, Did, Kind, Operation, Value};
use crate::event::GoId;
use crate::trace::Trace;

mod moments;
mod pairs;

/// How certain it is that a value that was received is the one that was sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Grade {
    /// No other send is possible.
    Exact,
    /// Another one had the same value on its way at that time, but was sent earlier or later.
    Ordered,
    /// Another one had the same value and may have been first.
    Ambiguous,
}

impl Grade {
    /// Its name, for people.
    pub fn name(self) -> &'static str {
        match self {
            Self::Exact => "exact",
            Self::Ordered => "ordered",
            Self::Ambiguous => "ambiguous",
        }
    }
}

/// A value on its way through a channel.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Message {
    /// Index of the channel, in [`Messages::channels`].
    pub channel: u32,
    /// The goroutine that sent it.
    pub from: GoId,
    /// The goroutine that received it.
    pub to: GoId,
    /// When it was sent, in ns since the trace began: below 0 if that was earlier.
    pub sent: i64,
    /// When it was received.
    pub received: i64,
    /// The value.
    pub value: Value,
    /// Number of the place where it was sent.
    pub sent_at: u32,
    /// Number of the place where it was received.
    pub received_at: u32,
    /// How certain this is.
    pub grade: Grade,
}

/// Something that happened to a channel as a whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mark {
    /// When, in ns since the trace began.
    pub time: i64,
    /// The goroutine that did it.
    pub goroutine: GoId,
    /// Number of the place.
    pub site: u32,
}

/// A channel.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Channel {
    /// Its address.
    pub address: u64,
    /// How many values it holds at most.
    pub capacity: u32,
    /// Its type, as in `chan int`.
    pub element: String,
    /// Its creation, if that was recorded.
    pub made: Option<Mark>,
    /// Its end, if that was recorded.
    pub closed: Option<Mark>,
    /// How many values it held after each operation, by time.
    pub lengths: Vec<(i64, u32)>,
    /// Sends.
    pub sends: u64,
    /// Receives of values.
    pub receives: u64,
    /// Values that were received and whose send is not recorded.
    pub unsent: u64,
    /// Values that were sent and whose receive is not recorded: some may still be in there.
    pub unreceived: u64,
}

/// All that went through channels.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Messages {
    /// Messages, by the time they were received.
    pub messages: Vec<Message>,
    /// Channels, by their first operation.
    pub channels: Vec<Channel>,
}

/// An operation, as it is looked at here.
#[derive(Debug, Clone, Copy)]
struct Moment<'a> {
    operation: &'a Operation,
    /// It was not before this, in ns since the trace began.
    low: i64,
    /// It was not after this.
    high: i64,
    /// When it was, as far as that is known.
    time: i64,
    /// Its place among all.
    index: usize,
    /// The other side, where that is certain.
    partner: Option<usize>,
}

impl Messages {
    /// Pairs what was recorded. The trace has to be of the same run.
    pub fn of(channels: &Channels, trace: Option<&Trace>) -> Self {
        let moments = moments::of(channels, trace);
        let (identity, mut found) = identify(channels, &moments);
        let mut members: Vec<Vec<usize>> = vec![Vec::new(); found.len()];
        for (moment, channel) in moments.iter().zip(&identity) {
            if let Some(list) = channel.and_then(|channel| members.get_mut(channel as usize)) {
                list.push(moment.index);
            }
        }
        let mut messages = Vec::new();
        for ((channel, list), index) in found.iter_mut().zip(&members).zip(0_u32..) {
            let list: Vec<&Moment<'_>> = list.iter().filter_map(|at| moments.get(*at)).collect();
            pairs::of(channel, index, &list, &mut messages);
        }
        messages.sort_by_key(|message: &Message| (message.received, message.sent, message.to));
        Self { messages, channels: found }
    }
}

/// The channel of each operation, and all channels. An address is that of another channel after
/// each `make` that returned it.
fn identify(channels: &Channels, moments: &[Moment<'_>]) -> (Vec<Option<u32>>, Vec<Channel>) {
    let mut current: HashMap<u64, u32, FixedState> = HashMap::default();
    let mut found: Vec<Channel> = Vec::new();
    let identity = moments.iter().map(|moment| {
        let operation = moment.operation;
        if operation.channel == 0 {
            return None;
        }
        let mark =
            || Mark { time: moment.high, goroutine: operation.goroutine, site: operation.site };
        let known = current.get(&operation.channel).filter(|_| operation.did != Did::Make);
        let index = match known {
            Some(index) => *index,
            None => {
                let index = u32::try_from(found.len()).ok()?;
                current.insert(operation.channel, index);
                found.push(Channel {
                    address: operation.channel,
                    capacity: operation.capacity,
                    ..Channel::default()
                });
                index
            }
        };
        let channel = found.get_mut(index as usize)?;
        let site = channels.site(operation);
        if let Some(site) = site
            && (channel.element.is_empty() || operation.did == Did::Make)
        {
            channel.element.clone_from(&site.channel);
        }
        match operation.did {
            Did::Make => channel.made = Some(mark()),
            Did::Close => channel.closed = Some(mark()),
            Did::Send => channel.sends += 1,
            Did::Receive if operation.ok != Some(false) => channel.receives += 1,
            Did::Receive | Did::Default => {}
        }
        if channel.capacity > 0 {
            channel.lengths.push((moment.high, operation.length.min(channel.capacity)));
        }
        Some(index)
    });
    let identity = identity.collect();
    (identity, found)
}

/// Whether the value is known, so that only equal ones belong to it.
fn known(operation: &Operation) -> Option<u64> {
    (operation.value.kind != Kind::Unknown).then_some(operation.value.bits)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Operations from lines `goroutine s|r|m|c|x channel end value`; `?` is an unknown value, and x
    /// a receive that finds the channel closed.
    fn messages(capacity: u32, text: &str) -> Vec<String> {
        let mut channels = Channels::default();
        for line in text.lines() {
            let words: Vec<&str> = line.split_whitespace().collect();
            let [goroutine, did, channel, end, value] = words[..] else { panic!("{line}") };
            let kind = if value == "?" { Kind::Unknown } else { Kind::Int };
            channels.operations.push(Operation {
                goroutine: goroutine.parse().unwrap(),
                channel: channel.parse().unwrap(),
                begin: None,
                end: end.parse().unwrap(),
                did: match did {
                    "s" => Did::Send,
                    "m" => Did::Make,
                    "c" => Did::Close,
                    _ => Did::Receive,
                },
                select: false,
                range: false,
                ok: (did == "x").then_some(false),
                value: Value { kind, bits: value.parse().unwrap_or(0), ..Value::default() },
                site: 0,
                capacity,
                length: 0,
            });
        }
        let found = Messages::of(&channels, None);
        let line = |m: &Message| {
            format!("{} {}>{} {} {}", m.channel, m.from, m.to, m.value, m.grade.name())
        };
        found.messages.iter().map(line).collect()
    }

    #[test]
    fn equal_values_belong_together_whatever_order_they_were_recorded_in() {
        let found = messages(2, "1 s 9 10000 5\n2 s 9 10010 6\n3 r 9 20000 6\n4 r 9 20010 5");
        assert_eq!(found, ["0 2>3 6 exact", "0 1>4 5 exact"]);
    }

    #[test]
    fn the_first_in_is_the_first_out() {
        let found = messages(2, "1 s 9 1000 ?\n1 s 9 2000 ?\n3 r 9 3000 ?\n3 r 9 4000 ?");
        assert_eq!(found, ["0 1>3 ? ordered", "0 1>3 ? exact"]);
    }

    #[test]
    fn what_may_have_been_sent_before_is_ambiguous_to_the_last() {
        let found = messages(2, "1 s 9 1000 ?\n2 s 9 2000 ?\n3 r 9 3000 ?\n3 r 9 4000 ?");
        assert_eq!(found, ["0 1>3 ? ambiguous", "0 2>3 ? ambiguous"]);
    }

    #[test]
    fn order_tells_nothing_where_sends_are_missing() {
        let found =
            messages(2, "1 s 9 1 ?\n1 s 9 1000 ?\n3 r 9 2000 ?\n3 r 9 3000 ?\n3 r 9 9000 ?");
        assert_eq!(found, ["0 1>3 ? ambiguous", "0 1>3 ? ambiguous"]);
    }

    #[test]
    fn an_address_is_another_channel_once_it_was_made_anew() {
        let found = messages(
            1,
            "1 m 9 1 ?\n1 s 9 2 7\n1 m 9 3 ?\n2 s 9 4 7\n3 r 9 5 7\n3 c 9 6 ?\n3 x 9 7 ?",
        );
        assert_eq!(found, ["1 2>3 7 exact"]);
    }

    #[test]
    fn nothing_is_received_before_it_was_sent() {
        assert!(messages(1, "3 r 9 1000 7\n1 s 9 2000 8\n1 s 9 9000 7").is_empty());
    }
}
