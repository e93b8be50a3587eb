//! Where goroutines were delayed, as a profile for `go tool pprof`.
//!
//! The profile is a message of protocol buffers, packed with gzip; its fields are those of
//! pprof's `profile.proto`, whose numbers stand beside the calls below.

use std::collections::{BTreeMap, HashMap};
use std::io::{Result, Write};

use clap::ValueEnum;
use flate2::Compression;
use flate2::write::GzEncoder;
use gotrace::event::GoState;
use gotrace::trace::{Go, Goroutine, Slice};
use gotrace::{Frame, Names, StackId, StringId};

use super::open::Opened;

/// What kept goroutines from running. The kinds are those of `go tool trace -pprof`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Delay {
    /// Waiting for the network
    Net,
    /// Waiting for channels and locks
    Sync,
    /// Inside of system calls
    Syscall,
    /// Able to run, but without a processor; other than Go's, new goroutines count as well
    Sched,
}

impl Delay {
    fn is_meant(self, names: &Names, slice: &Slice) -> bool {
        let reason = names.text(slice.reason);
        match self {
            Self::Net => slice.state == GoState::Waiting && reason == "network",
            Self::Sync => {
                let words = ["chan", "sync", "select"];
                slice.state == GoState::Waiting && words.iter().any(|word| reason.contains(word))
            }
            Self::Syscall => slice.state == GoState::Syscall,
            Self::Sched => slice.state == GoState::Runnable,
        }
    }
}

/// Writes how often and how long goroutines were delayed, by stack. What lasts beyond the end of
/// the trace is left out, as `go tool trace` does.
pub(super) fn write(opened: &Opened, delay: Delay, out: &mut dyn Write) -> Result<()> {
    let mut delays: BTreeMap<StackId, (u64, u64)> = BTreeMap::new();
    for (go, goroutine) in (0..).map(Go).zip(&opened.trace.goroutines) {
        for (index, slice) in goroutine.track.slices().iter().enumerate() {
            // A time after the trace tells a slice that goes on from one that ends with it.
            let end = goroutine.track.end(index, u64::MAX);
            if end != u64::MAX && delay.is_meant(&opened.names, slice) {
                let (count, spent) = delays.entry(stack(opened, go, goroutine, slice)).or_default();
                *count += 1;
                *spent = spent.saturating_add(end.saturating_sub(slice.begin));
            }
        }
    }
    let mut packed = GzEncoder::new(out, Compression::default());
    packed.write_all(&profile(&opened.names, &delays, opened.trace.duration))?;
    packed.finish().map(drop)
}

/// The stack at which a slice began: the goroutine's own, or that of the one who woke or created it.
fn stack(opened: &Opened, go: Go, goroutine: &Goroutine, slice: &Slice) -> StackId {
    if slice.stack != StackId::NONE {
        return slice.stack;
    }
    match opened.trace.edge_to(go, slice.begin) {
        Some(edge) => edge.waker,
        None if goroutine.created && goroutine.begin == slice.begin => goroutine.created_at,
        None => StackId::NONE,
    }
}

fn profile(names: &Names, delays: &BTreeMap<StackId, (u64, u64)>, duration: u64) -> Vec<u8> {
    let mut tables = Tables::default();
    tables.text("");
    let mut body = Message::default();
    for (kind, unit) in [("contentions", "count"), ("delay", "nanoseconds")] {
        let mut value = Message::default();
        value.number(1, tables.text(kind));
        value.number(2, tables.text(unit));
        body.message(1, &value);
    }
    for (stack, (count, spent)) in delays {
        let mut sample = Message::default();
        let locations: Vec<u64> =
            names.frames(*stack).map(|frame| tables.location(names, frame)).collect();
        sample.numbers(1, &locations);
        sample.numbers(2, &[*count, *spent]);
        body.message(2, &sample);
    }
    body.0.extend(&tables.body.0);
    for text in &tables.texts {
        body.bytes(6, text.as_bytes());
    }
    body.number(10, duration);
    body.0
}

/// What samples refer to by number.
#[derive(Default)]
struct Tables {
    /// Functions and locations, as they are met.
    body: Message,
    texts: Vec<String>,
    text_ids: HashMap<String, u64>,
    functions: HashMap<(StringId, StringId), u64>,
    locations: HashMap<Frame, u64>,
}

impl Tables {
    fn text(&mut self, text: &str) -> u64 {
        if let Some(id) = self.text_ids.get(text) {
            return *id;
        }
        let id = self.texts.len() as u64;
        self.texts.push(text.to_owned());
        self.text_ids.insert(text.to_owned(), id);
        id
    }

    fn location(&mut self, names: &Names, frame: Frame) -> u64 {
        if let Some(id) = self.locations.get(&frame) {
            return *id;
        }
        let function = self.function(names, frame);
        let mut line = Message::default();
        line.number(1, function);
        line.number(2, frame.line.into());
        let id = self.locations.len() as u64 + 1;
        let mut location = Message::default();
        location.number(1, id);
        location.message(4, &line);
        self.body.message(4, &location);
        self.locations.insert(frame, id);
        id
    }

    fn function(&mut self, names: &Names, frame: Frame) -> u64 {
        let key = (frame.function, frame.file);
        if let Some(id) = self.functions.get(&key) {
            return *id;
        }
        let name = self.text(names.text(frame.function));
        let file = self.text(names.text(frame.file));
        let id = self.functions.len() as u64 + 1;
        let mut function = Message::default();
        function.number(1, id);
        function.number(2, name);
        function.number(3, name);
        function.number(4, file);
        self.body.message(5, &function);
        self.functions.insert(key, id);
        id
    }
}

/// A message of protocol buffers: fields, each with its number and type before it.
#[derive(Default)]
struct Message(Vec<u8>);

impl Message {
    fn varint(&mut self, mut value: u64) {
        while value >= 0x80 {
            self.0.push((value & 0x7f) as u8 | 0x80);
            value >>= 7;
        }
        self.0.push(value as u8);
    }

    fn number(&mut self, field: u64, value: u64) {
        self.varint(field << 3);
        self.varint(value);
    }

    fn bytes(&mut self, field: u64, bytes: &[u8]) {
        self.varint(field << 3 | 2);
        self.varint(bytes.len() as u64);
        self.0.extend(bytes);
    }

    fn message(&mut self, field: u64, message: &Self) {
        self.bytes(field, &message.0);
    }

    fn numbers(&mut self, field: u64, values: &[u64]) {
        let mut packed = Self::default();
        values.iter().for_each(|value| packed.varint(*value));
        self.message(field, &packed);
    }
}
