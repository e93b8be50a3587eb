//! What went through channels during a trace, where the program recorded it: by time, by
//! goroutine and by channel.

mod tables;

use std::collections::BTreeMap;

use gotrace::messages::{Channel, Message, Messages};
use gotrace::trace::{Edge, Go};
use gotrace::{Channels, Names, Trace};
use serde::{Deserialize, Serialize};

use super::detail::{Place, function};
use super::time;

/// Most messages that are told of a goroutine at once.
const TOLD: usize = 40;
/// Messages of a channel that can be looked at together.
const FEW: usize = 40;
/// Most messages that are looked at for those that were under way all the time.
const WALK: usize = 50_000;

/// Messages between goroutines of a trace.
#[derive(Debug, Clone, Default)]
pub struct Passed {
    /// Messages, by the time they were received. Times are within the trace.
    pub messages: Vec<Message>,
    /// Sender and receiver of each.
    ends: Vec<(Go, Go)>,
    /// Messages by the time they were sent.
    by_sent: Vec<u32>,
    /// The latest receive of these and all before.
    latest: Vec<i64>,
    /// Messages of each goroutine by the time it sent or received them: from where on, and all.
    begins: Vec<u32>,
    by_goroutine: Vec<End>,
    /// Of each of the trace's wake-ups: what it has to do with messages.
    relations: Vec<Relation>,
    /// Channels, by their first operation.
    pub channels: Vec<Channel>,
    /// Of each channel: how long goroutines waited for it outside of selects, in nanoseconds.
    waited: Vec<u64>,
    /// Of each channel: how many values it held at most.
    held: Vec<u32>,
    /// Places and words; no operations any more.
    recorded: Channels,
    /// Only messages of this channel are shown.
    pub only: Option<u32>,
}

/// One end of a message: its number, and whether it is the receiver's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct End(u32, bool);

/// How a wake-up and the messages are related.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Relation {
    /// It is about something else.
    None,
    /// It came with an operation, whose message is another one's.
    Operation,
    /// It is how a message was handed over.
    Message,
}

/// What a goroutine sent and received.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Parcels {
    /// Messages that it sent.
    pub sent: u32,
    /// Messages that it received.
    pub received: u32,
    /// Some of them, by time.
    pub parcels: Vec<Parcel>,
}

/// A message, as one of its goroutines sees it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Parcel {
    /// The goroutine sent it; otherwise it received it.
    pub sent: bool,
    /// What it was.
    pub value: String,
    /// The goroutine at the other end, when it was there.
    pub other: Place,
    /// When this goroutine sent or received it, in nanoseconds.
    pub time: f64,
    /// How long it was under way, in nanoseconds.
    pub under_way: f64,
    /// The channel: its type, and where it was made.
    pub channel: String,
    /// Where it was sent.
    pub sent_at: String,
    /// Where it was received.
    pub received_at: String,
    /// How certain it is that it is the one that was sent.
    pub certain: String,
    /// It was sent or received in the slice that is chosen.
    pub here: bool,
}

impl Passed {
    /// Pairs what was recorded during a trace.
    pub fn of(channels: &Channels, trace: &Trace) -> Self {
        Self::new(channels, Messages::of(channels, Some(trace)), trace)
    }

    /// Of what was recorded, and of the pairs in it.
    pub(super) fn new(channels: &Channels, found: Messages, trace: &Trace) -> Self {
        let Messages { messages: all, channels: mut found } = found;
        let end = i64::try_from(trace.duration).unwrap_or(i64::MAX);
        let (mut messages, mut ends) = (Vec::new(), Vec::new());
        for mut message in all {
            let both = trace.find(message.from).zip(trace.find(message.to));
            let Some(both) = both.filter(|_| message.received >= 0 && message.sent <= end) else {
                continue;
            };
            message.sent = message.sent.max(0);
            message.received = message.received.min(end);
            messages.push(message);
            ends.push(both);
        }
        let held = found.iter_mut().map(|channel| {
            let lengths = std::mem::take(&mut channel.lengths);
            lengths.iter().map(|(_, length)| *length).max().unwrap_or(0)
        });
        let held = held.collect();
        let mut passed = Self {
            waited: waited(channels, &found, trace.origin),
            held,
            channels: found,
            recorded: Channels {
                sites: channels.sites.clone(),
                texts: channels.texts.clone(),
                ..Channels::default()
            },
            messages,
            ends,
            ..Self::default()
        };
        passed.sort(trace.goroutines.len());
        passed.relations = trace.edges.iter().map(|edge| passed.relate(edge)).collect();
        passed
    }

    /// Makes what finds messages.
    fn sort(&mut self, goroutines: usize) {
        let Self { messages, ends, .. } = &*self;
        let count = u32::try_from(messages.len()).unwrap_or(u32::MAX);
        let mut by_sent: Vec<u32> = (0..count).collect();
        let of = |index: &u32| messages.get(*index as usize);
        by_sent.sort_by_key(|index| of(index).map(|message| message.sent));
        let mut newest = i64::MIN;
        let running = by_sent.iter().map(|index| {
            newest = newest.max(of(index).map_or(i64::MIN, |message| message.received));
            newest
        });
        let latest = running.collect();
        let mut own: Vec<(Go, i64, End)> = Vec::with_capacity(messages.len() * 2);
        for ((message, (from, to)), index) in messages.iter().zip(ends).zip(0..) {
            own.push((*from, message.sent, End(index, false)));
            own.push((*to, message.received, End(index, true)));
        }
        own.sort_unstable();
        let mut begins = vec![0; goroutines + 1];
        for (go, ..) in &own {
            if let Some(begin) = go.index().and_then(|at| begins.get_mut(at + 1)) {
                *begin += 1;
            }
        }
        let mut sum = 0;
        for begin in &mut begins {
            sum += *begin;
            *begin = sum;
        }
        self.begins = begins;
        self.latest = latest;
        self.by_goroutine = own.into_iter().map(|(.., end)| end).collect();
        self.by_sent = by_sent;
    }

    /// Sender and receiver of a message, by number.
    pub fn ends(&self, index: u32) -> Option<(Go, Go)> {
        self.ends.get(index as usize).copied()
    }

    /// Whether a message is to be shown.
    pub fn is_wanted(&self, message: &Message) -> bool {
        self.only.is_none_or(|only| only == message.channel)
    }

    /// Messages that were under way in a time, by number; none if there are more than `most`.
    pub fn between(&self, begin: u64, end: u64, most: usize) -> Option<Vec<u32>> {
        let (begin, end) = (begin.cast_signed(), end.cast_signed());
        let messages = &self.messages;
        let of = |index: &u32| messages.get(*index as usize);
        let received = messages.partition_point(|message| message.received < begin);
        let received_later = messages.partition_point(|message| message.received <= end);
        let sent = self.by_sent.partition_point(|at| of(at).is_some_and(|m| m.sent < begin));
        let sent_later = self.by_sent.partition_point(|at| of(at).is_some_and(|m| m.sent <= end));
        if sent_later.saturating_sub(received) > most {
            return None;
        }
        let number = |at: usize| u32::try_from(at).unwrap_or(u32::MAX);
        let mut found: Vec<u32> = (number(received)..number(received_later)).collect();
        let mut later = |at: &u32| {
            if of(at).is_some_and(|message| message.received > end) {
                found.push(*at);
            }
        };
        self.by_sent.get(sent..sent_later).unwrap_or(&[]).iter().for_each(&mut later);
        let before = self.by_sent.iter().zip(&self.latest).take(sent).rev().take(WALK);
        before.take_while(|(_, latest)| **latest > end).for_each(|(at, _)| later(at));
        found.retain(|at| of(at).is_some_and(|message| self.is_wanted(message)));
        Some(found)
    }

    /// When the messages of the channel that alone is shown begin, when the first of them that are
    /// few enough to be looked at end, and which is the first.
    pub fn first_of_only(&self) -> Option<(u64, u64, u32)> {
        let of = self.messages.iter().zip(0..).filter(|(message, _)| self.is_wanted(message));
        let few: Vec<(&Message, u32)> = of.take(FEW).collect();
        let (_, first) = few.iter().min_by_key(|(message, _)| message.sent)?;
        let begin = few.iter().map(|(message, _)| message.sent).min()?;
        let end = few.iter().map(|(message, _)| message.received).max()?;
        Some((begin.unsigned_abs(), end.unsigned_abs(), *first))
    }

    /// Messages of a goroutine, by the time that it sent or received them.
    fn of_goroutine(&self, go: Go) -> &[End] {
        let range = go.index().and_then(|at| {
            Some(*self.begins.get(at)? as usize..*self.begins.get(at + 1)? as usize)
        });
        range.and_then(|range| self.by_goroutine.get(range)).unwrap_or(&[])
    }

    /// When a message was sent, or received.
    fn own_time(&self, End(index, received): End) -> i64 {
        let message = self.messages.get(index as usize);
        message.map_or(0, |message| if received { message.received } else { message.sent })
    }

    /// How a wake-up and the messages are related, by its number in the trace.
    pub fn relation(&self, edge: usize) -> Relation {
        self.relations.get(edge).copied().unwrap_or(Relation::None)
    }

    fn relate(&self, edge: &Edge) -> Relation {
        let time = edge.time.cast_signed();
        let own = self.of_goroutine(edge.to);
        let first = own.partition_point(|end| self.own_time(*end) < time);
        let then = own.iter().skip(first).take_while(|end| self.own_time(**end) == time);
        let mut found = Relation::None;
        for End(index, _) in then {
            let Some(message) = self.messages.get(*index as usize) else { break };
            let ends = self.ends(*index);
            let both = ends == Some((edge.from, edge.to)) || ends == Some((edge.to, edge.from));
            if both && message.sent == message.received {
                return Relation::Message;
            }
            found = Relation::Operation;
        }
        found
    }

    /// What a goroutine sent and received, from a time on; `end` is that of the slice chosen.
    pub fn parcels(&self, trace: &Trace, go: Go, begin: u64, end: u64) -> Parcels {
        let own = self.of_goroutine(go);
        let (begin, end) = (begin.cast_signed(), end.cast_signed());
        let first = own.partition_point(|end| self.own_time(*end) < begin);
        // As many as there is room for, also where few follow.
        let first = first.min(own.len().saturating_sub(TOLD));
        let sent = own.iter().filter(|End(_, received)| !received).count();
        let sent = u32::try_from(sent).unwrap_or(u32::MAX);
        let parcels = own.iter().skip(first).take(TOLD).filter_map(|own| {
            let End(index, received) = *own;
            let message = self.messages.get(index as usize)?;
            let (from, to) = self.ends(index)?;
            let (other, at) = if received { (from, message.sent) } else { (to, message.received) };
            let time = self.own_time(*own);
            Some(Parcel {
                sent: !received,
                value: self.value(message),
                other: Place { id: trace.goroutine(other)?.id as f64, time: at as f64 },
                time: time as f64,
                under_way: message.received.saturating_sub(message.sent) as f64,
                channel: self.title(message.channel),
                sent_at: self.site(message.sent_at),
                received_at: self.site(message.received_at),
                certain: message.grade.name().to_owned(),
                here: (begin..=end).contains(&time),
            })
        });
        Parcels {
            sent,
            received: u32::try_from(own.len()).unwrap_or(u32::MAX).saturating_sub(sent),
            parcels: parcels.collect(),
        }
    }

    /// What is told of a message: its value, and lines about it.
    pub fn told(&self, names: &Names, trace: &Trace, index: u32) -> Option<(String, Vec<String>)> {
        let message = self.messages.get(index as usize)?;
        let (from, to) = self.ends(index)?;
        let end = |go: Go, at: u32| {
            let id = trace.goroutine(go).map_or(0, |goroutine| goroutine.id);
            format!("{} #{id}, {}", function(names, trace, go), self.place(at))
        };
        let under_way = message.received.saturating_sub(message.sent) as f64;
        let lines = vec![
            self.title(message.channel),
            format!("from {}", end(from, message.sent_at)),
            format!("to {}", end(to, message.received_at)),
            format!("sent at {}", time::point(message.sent as f64)),
            match under_way {
                0.0 => "handed over".to_owned(),
                nanos => format!("received {} later", time::length(nanos)),
            },
            message.grade.name().to_owned(),
        ];
        Some((self.value(message), lines))
    }

    /// A message's value, in words.
    pub fn value(&self, message: &Message) -> String {
        self.recorded.words(&message.value)
    }

    /// What a channel is called: its type, and where it was made.
    pub fn title(&self, channel: u32) -> String {
        let Some(of) = self.channels.get(channel as usize) else { return String::new() };
        let element = if of.element.is_empty() { "chan" } else { &of.element };
        match of.made {
            Some(made) => format!("{element} of {}", self.place(made.site)),
            None => format!("{element} 0x{:x}", of.address),
        }
    }

    /// File and line of a place.
    fn place(&self, site: u32) -> String {
        self.recorded.sites.get(&site).map_or_else(String::new, |site| {
            format!("{}:{}", site.file.rsplit('/').next().unwrap_or(&site.file), site.line)
        })
    }

    /// Function, file and line of a place.
    fn site(&self, number: u32) -> String {
        let function = self.recorded.sites.get(&number).map_or("", |site| site.function.as_str());
        format!("{function} {}", self.place(number)).trim_start().to_owned()
    }
}

/// How long goroutines waited for each channel, outside of selects.
fn waited(channels: &Channels, found: &[Channel], origin: i64) -> Vec<u64> {
    // An address is another channel's once it was made anew.
    let mut by_address: BTreeMap<u64, Vec<(i64, usize)>> = BTreeMap::new();
    for (at, channel) in found.iter().enumerate() {
        let since = channel.made.map_or(i64::MIN, |made| made.time);
        by_address.entry(channel.address).or_default().push((since, at));
    }
    let mut sums = vec![0_u64; found.len()];
    for operation in &channels.operations {
        let Some(begin) = operation.begin else { continue };
        let Some(list) = by_address.get(&operation.channel) else { continue };
        let end = operation.end.saturating_sub(origin);
        let at = list.iter().rfind(|(since, _)| *since <= end).or_else(|| list.first());
        if let Some(sum) = at.and_then(|(_, at)| sums.get_mut(*at)) {
            *sum = sum.saturating_add_signed(operation.end.saturating_sub(begin));
        }
    }
    sums
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trace::testing;

    #[test]
    fn messages_are_found_by_time() {
        let (_, trace) = testing::family();
        let passed = testing::passed(&trace);
        let times: Vec<_> = passed.messages.iter().map(|m| (m.sent, m.received)).collect();
        assert_eq!(times, [(65, 68), (90, 90), (50, 120), (66, 130)]);
        let between = |begin, end| {
            let mut found = passed.between(begin, end, 10).unwrap();
            found.sort_unstable();
            found
        };
        assert_eq!(between(0, 200), [0, 1, 2, 3]);
        assert_eq!(between(0, 49), [0; 0]);
        assert_eq!(between(55, 60), [2]);
        assert_eq!(between(67, 95), [0, 1, 2, 3]);
        assert_eq!(between(125, 126), [3]);
        assert_eq!(between(131, 200), [0; 0]);
        assert_eq!(passed.between(0, 200, 3), None);
        let only = Passed { only: Some(0), ..passed.clone() };
        assert_eq!(only.between(0, 200, 10).unwrap(), [1]);
    }

    #[test]
    fn a_goroutine_has_what_it_sent_and_received() {
        let (_, trace) = testing::family();
        let passed = testing::passed(&trace);
        let main = passed.parcels(&trace, Go(0), 110, 200);
        assert_eq!((main.sent, main.received), (0, 3));
        let lines: Vec<_> = main
            .parcels
            .iter()
            .map(|p| {
                format!(
                    "{} {} g{} {} {} {}",
                    p.time, p.value, p.other.id, p.here, p.channel, p.certain
                )
            })
            .collect();
        assert_eq!(
            lines,
            [
                "90 7 g3 false chan int of main.go:5 exact",
                "120 1 g2 true chan int 0xb exact",
                "130 2 g3 true chan int 0xb exact",
            ]
        );
        let worker = passed.parcels(&trace, Go(2), 0, 10);
        assert_eq!((worker.sent, worker.received), (3, 1));
        assert_eq!(worker.parcels[0].sent_at, "work main.go:20");
    }

    #[test]
    fn a_wake_up_is_a_message_where_it_was_handed_over() {
        let (_, trace) = testing::family();
        let passed = testing::passed(&trace);
        let edge = trace.edges[0];
        assert_eq!((edge.time, edge.from, edge.to), (90, Go(2), Go(0)));
        assert_eq!(
            (passed.relate(&edge), passed.relation(0)),
            (Relation::Message, Relation::Message)
        );
        assert_eq!(passed.relate(&Edge { from: Go(1), ..edge }), Relation::Operation);
        assert_eq!(passed.relate(&Edge { time: 91, ..edge }), Relation::None);
    }
}
