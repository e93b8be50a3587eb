//! Bytes in, events out, a generation at a time.

use std::borrow::Cow;

use crate::error::{Losses, TraceError};
use crate::event::Event;
use crate::generation::{Clock, Generation, Header, Tables};
use crate::names::Names;
use crate::order::{Order, Run, Source};
use crate::raw::{self, batch};

/// Length of a trace's header.
const HEADER: usize = 16;
/// The first version that is read.
const OLDEST: u32 = 22;
/// The newest version whose format is known.
const NEWEST: u32 = 26;
/// From this version on, a mark ends each generation.
const MARKED: u32 = 26;

/// Events that are brought in order at once, before they are told: few enough to stay in the
/// nearest cache.
const CHUNK: usize = 256;

/// Reads a trace. Bytes are [pushed](Reader::push) as they come; events are told as soon as their
/// generation is complete, and [`finish`](Reader::finish) tells the rest. What is damaged is left
/// out and listed in [`losses`](Reader::losses).
///
/// Who has to do something else meanwhile [adds](Reader::add) bytes and is [told](Reader::tell) so
/// many events at a time; [`end`](Reader::end) says that no more bytes follow.
#[derive(Debug)]
pub struct Reader {
    version: Option<u32>,
    buffer: Vec<u8>,
    /// Offset in the file of the buffer's first byte.
    base: u64,
    /// Offset in the buffer of what was not looked at yet.
    at: usize,
    /// Offset in the buffer up to which generations were told.
    done: usize,
    /// Where no batch is, between `at` and this place: what need not be looked through again.
    looked: usize,
    /// Sizes of batches are padded: those of the first one are, and so of all.
    padded: Option<bool>,
    generation: Generation,
    /// The newest generation that is told or being told.
    tables: Option<Tables>,
    telling: Option<Telling>,
    order: Order,
    names: Names,
    losses: Losses,
    clocks: Vec<Clock>,
    generations: u64,
    progress: Progress,
}

/// A generation that is being told.
#[derive(Debug)]
struct Telling {
    generation: Generation,
    /// Where its batches end in the buffer.
    end: usize,
    run: Run,
}

/// How far a reader is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Progress {
    /// More bytes may follow.
    Open,
    /// No more bytes follow.
    Ended,
    /// The end of the trace was told.
    Told,
}

/// What was done with the bytes at a place.
enum Taken {
    /// They were used.
    Some,
    /// There are too few.
    Short,
}

/// Whether a batch starts at a place.
enum Found {
    At(usize),
    /// More bytes have to come to tell.
    Perhaps(usize),
    Nowhere,
}

impl Default for Reader {
    fn default() -> Self {
        Self::new()
    }
}

impl Reader {
    /// A reader that has seen nothing.
    pub fn new() -> Self {
        Self {
            version: None,
            buffer: Vec::new(),
            base: 0,
            at: 0,
            done: 0,
            looked: 0,
            padded: None,
            generation: Generation::default(),
            tables: None,
            telling: None,
            order: Order::new(),
            names: Names::default(),
            losses: Losses::default(),
            clocks: Vec::new(),
            generations: 0,
            progress: Progress::Open,
        }
    }

    /// Adds bytes, and tells the events of the generations that they complete.
    ///
    /// # Errors
    /// When the first bytes are those of no trace, or of one from before Go 1.22.
    pub fn push(
        &mut self,
        bytes: &[u8],
        sink: impl FnMut(&Names, &Event),
    ) -> Result<(), TraceError> {
        self.add(bytes);
        self.tell(usize::MAX, sink).map(drop)
    }

    /// Tells what is left. No more bytes may follow.
    ///
    /// # Errors
    /// As [`push`](Self::push); also when the trace ends before its first event.
    pub fn finish(&mut self, sink: impl FnMut(&Names, &Event)) -> Result<(), TraceError> {
        self.end();
        self.tell(usize::MAX, sink).map(drop)
    }

    /// Adds bytes, and tells nothing yet.
    pub fn add(&mut self, bytes: &[u8]) {
        self.buffer.extend_from_slice(bytes);
    }

    /// No more bytes follow.
    pub fn end(&mut self) {
        if self.progress == Progress::Open {
            self.progress = Progress::Ended;
        }
    }

    /// Tells about so many events of what was added and is complete. Returns whether there may be
    /// more of them.
    ///
    /// # Errors
    /// As [`push`](Self::push) and, after the [end](Self::end), as [`finish`](Self::finish).
    pub fn tell(
        &mut self,
        most: usize,
        mut sink: impl FnMut(&Names, &Event),
    ) -> Result<bool, TraceError> {
        let mut left = most;
        loop {
            let more = self.prepare(left.min(CHUNK))?;
            left = left.saturating_sub(self.order.out.len());
            for event in &self.order.out {
                sink(&self.names, event);
            }
            self.order.out.clear();
            if !more || left == 0 {
                return Ok(more);
            }
        }
    }

    /// The version in the header: 22 is Go 1.22. Go 1.24 writes 23, Go 1.27 writes 26.
    pub fn version(&self) -> Option<u32> {
        self.version
    }

    /// The strings and stacks of the events told so far.
    pub fn names(&self) -> &Names {
        &self.names
    }

    /// Gives up the reader for its names.
    pub fn into_names(self) -> Names {
        self.names
    }

    /// What was lost so far.
    pub fn losses(&self) -> &Losses {
        &self.losses
    }

    /// Readings of other clocks, one for each generation from Go 1.25 on.
    pub fn clocks(&self) -> &[Clock] {
        &self.clocks
    }

    /// Generations told so far.
    pub fn generations(&self) -> u64 {
        self.generations
    }

    /// Bytes that wait for the end of their generation.
    pub fn waiting(&self) -> usize {
        self.buffer.len() - self.done
    }

    /// How often each type of event, batch and part of a batch was met, by its number; see
    /// [`type_name`](crate::type_name).
    pub fn counts(&self) -> &[u64; 256] {
        &self.order.counts
    }

    /// Brings about so many events in order. Returns whether there may be more of them.
    fn prepare(&mut self, most: usize) -> Result<bool, TraceError> {
        let ended = self.progress != Progress::Open;
        if self.version.is_none() && !self.read_header(ended)? {
            return Ok(false);
        }
        while self.telling.is_none() && self.at < self.buffer.len() {
            match self.batch(ended) {
                Taken::Some => {}
                Taken::Short => break,
            }
        }
        if self.telling.is_none() && self.progress == Progress::Ended {
            if self.is_marked() && self.generation.is_empty() {
                self.generation = Generation::default();
            } else if self.is_marked() {
                self.lose(self.at, "the end of the last generation is missing");
            }
            self.end_generation(self.at);
        }
        if let Some(mut telling) = self.telling.take() {
            if self.go_on(&mut telling, most) {
                self.telling = Some(telling);
            } else {
                self.forget(self.at);
            }
            return Ok(true);
        }
        if self.progress == Progress::Ended {
            if self.generations == 0 {
                let reason = match self.losses.told().first() {
                    Some(loss) => loss.what.clone(),
                    None => Cow::Borrowed("it ends after its header"),
                };
                return Err(TraceError::Empty { place: self.base + self.at as u64, reason });
            }
            self.progress = Progress::Told;
            self.order.end();
        }
        Ok(false)
    }

    /// Reads the header. Returns whether it is there.
    fn read_header(&mut self, ended: bool) -> Result<bool, TraceError> {
        let Some(header) = header(&self.buffer)? else {
            return if ended { Err(TraceError::NoTrace) } else { Ok(false) };
        };
        let version = version(header).ok_or(TraceError::NoTrace)?;
        if version > NEWEST {
            let what = format!("Go 1.{version} is newer than this reader; read as Go 1.{NEWEST}");
            self.losses.tell(0, 0, what);
        }
        self.version = Some(version);
        self.at = HEADER;
        Ok(true)
    }

    /// Takes the batch at the current place.
    fn batch(&mut self, last: bool) -> Taken {
        let rest = self.buffer.get(self.at..).unwrap_or(&[]);
        let header = match Header::read(rest) {
            Ok(Some(header)) if header.kind == batch::END => header,
            Ok(Some(header)) if header.padded == *self.padded.get_or_insert(header.padded) => {
                header
            }
            Ok(_) => return self.skip(last),
            Err(_) if last => return self.skip(last),
            Err(_) => return Taken::Short,
        };
        let start = self.at + header.length;
        if header.kind == batch::END {
            raw::count(&mut self.order.counts, header.kind);
            self.end_generation(self.at);
            self.at += 1;
            if self.telling.is_none() {
                self.forget(self.at);
            }
            return Taken::Some;
        }
        let mut end = start.saturating_add(header.size);
        let is_cut = end > self.buffer.len();
        if is_cut {
            if !last {
                return Taken::Short;
            }
            // What is there of the last batch is used. Is it the last, or does its size lie?
            if matches!(self.next_batch(start, true), Found::At(_)) {
                return self.skip(last);
            }
            end = self.buffer.len();
        }
        if self.generation.number != 0 && header.generation != self.generation.number {
            let follows = self.buffer.get(end..).map(Header::read);
            let agrees = match follows {
                Some(Ok(Some(next))) => {
                    next.kind == batch::END || next.generation == header.generation
                }
                Some(Err(_)) if !last => return Taken::Short,
                _ => last && end >= self.buffer.len() && header.generation > self.generation.number,
            };
            if !agrees || header.generation < self.generation.number {
                self.lose(self.at, "a batch of another generation is left out");
                self.losses.bytes = self.losses.bytes.saturating_add((end - self.at) as u64);
                self.at = end;
                return Taken::Some;
            }
            let number = self.generation.number;
            if self.is_marked() || header.generation != number + 1 {
                self.lose(self.at, "the end of a generation is missing");
            }
            self.end_generation(self.at);
            return Taken::Some;
        }
        if is_cut {
            self.lose(self.at, "the file ends inside of a batch");
        }
        if self.generation.number == 0 {
            self.generation = Generation::new(header.generation, self.at);
        }
        self.generation.add(&header, &self.buffer, start..end, &mut self.order.counts);
        self.at = end;
        Taken::Some
    }

    /// Skips to the next batch, at a place where there is none.
    fn skip(&mut self, last: bool) -> Taken {
        let next = match self.next_batch(self.looked.max(self.at + 1), last) {
            Found::At(next) => next,
            Found::Nowhere if last => self.buffer.len(),
            Found::Nowhere => {
                self.looked = self.buffer.len();
                return Taken::Short;
            }
            Found::Perhaps(place) => {
                self.looked = place;
                return Taken::Short;
            }
        };
        self.note_skip(next - self.at);
        self.at = next;
        Taken::Some
    }

    fn note_skip(&mut self, bytes: usize) {
        self.lose(self.at, format!("{bytes} bytes are no batch and left out"));
        self.losses.bytes = self.losses.bytes.saturating_add(bytes as u64);
    }

    /// The first place from `from` on at which a batch of this generation or a later one starts.
    fn next_batch(&self, from: usize, last: bool) -> Found {
        let rest = self.buffer.get(from..).unwrap_or(&[]);
        for (place, byte) in (from..).zip(rest) {
            if !matches!(*byte, batch::EVENTS | batch::EXPERIMENT) {
                continue;
            }
            match self.is_batch(place, last) {
                Some(true) => return Found::At(place),
                Some(false) => {}
                None => return Found::Perhaps(place),
            }
        }
        Found::Nowhere
    }

    /// Whether the bytes at a place are a batch; none if there are too few to tell. One that isn't
    /// padded has to be followed by another.
    fn is_batch(&self, place: usize, last: bool) -> Option<bool> {
        let rest = self.buffer.get(place..).unwrap_or(&[]);
        let header = match Header::read(rest) {
            Ok(Some(header)) => header,
            Ok(None) => return Some(false),
            Err(_) => return last.then_some(false),
        };
        let current = self.generation.number;
        let near = current == 0 || header.generation.wrapping_sub(current) <= 1;
        let padded = self.padded.is_none_or(|padded| padded == header.padded);
        if !near || !padded || header.size == 0 {
            return Some(false);
        }
        if header.padded {
            return Some(true);
        }
        let end = header.length + header.size;
        let Some(more) = rest.get(end..).filter(|more| !more.is_empty()) else {
            return last.then_some(end == rest.len());
        };
        match Header::read(more) {
            Ok(Some(next)) => {
                let follows = next.generation.wrapping_sub(header.generation) <= 1;
                Some(next.kind == batch::END || follows)
            }
            Ok(None) => Some(false),
            Err(_) => last.then_some(true),
        }
    }

    /// Begins to tell the current generation, whose batches end at `end` in the buffer.
    fn end_generation(&mut self, end: usize) {
        let generation = std::mem::take(&mut self.generation);
        // Before there was a mark, a file could end with nothing but the clocks of a generation.
        if generation.number == 0 || (generation.is_empty() && self.generations == 0) {
            return;
        }
        let buffer = self.buffer.get(..end).unwrap_or(&[]);
        let before = self.tables.as_ref();
        let (names, losses) = (&mut self.names, &mut self.losses);
        let counts = &mut self.order.counts;
        let tables = generation.tables(buffer, self.base, before, names, losses, counts);
        let source = Source { generation: &generation, buffer, base: self.base, tables: &tables };
        let run = self.order.begin(source, losses);
        self.clocks.extend(tables.clock);
        self.tables = Some(tables);
        self.telling = Some(Telling { generation, end, run });
        self.generations += 1;
    }

    /// Whether a mark ends each generation.
    fn is_marked(&self) -> bool {
        self.version.is_some_and(|version| version >= MARKED)
    }

    /// Brings about so many events of a generation in order. Returns whether some are left.
    fn go_on(&mut self, telling: &mut Telling, most: usize) -> bool {
        let Telling { generation, end, run } = telling;
        let buffer = self.buffer.get(..*end).unwrap_or(&[]);
        let Some(tables) = &self.tables else { return false };
        let source = Source { generation, buffer, base: self.base, tables };
        let more = self.order.go_on(run, source, &mut self.losses, most);
        if !more && tables.lacks() {
            let what = "strings or stacks are missing that events refer to";
            self.losses.tell(generation.place(self.base), generation.number, what);
        }
        more
    }

    /// Gives up the bytes before a place in the buffer, where no generation is; not before they
    /// are the most of it, since the others have to move.
    fn forget(&mut self, end: usize) {
        if end < self.buffer.len() / 2 {
            self.done = end;
            return;
        }
        (self.done, self.looked) = (0, 0);
        self.buffer.drain(..end);
        self.base += end as u64;
        self.at -= end;
    }

    fn lose(&mut self, place: usize, what: impl Into<Cow<'static, str>>) {
        self.losses.tell(self.base + place as u64, self.generation.number, what);
    }
}

/// The header that these bytes begin with, if there are enough of them.
///
/// # Errors
/// When they are those of no trace, or of one from before Go 1.22.
pub(crate) fn header(bytes: &[u8]) -> Result<Option<&[u8]>, TraceError> {
    let Some(header) = bytes.get(..HEADER) else {
        let starts = b"go 1.".iter().zip(bytes).all(|(want, is)| want == is);
        return if starts { Ok(None) } else { Err(TraceError::NoTrace) };
    };
    match version(header).ok_or(TraceError::NoTrace)? {
        old if old < OLDEST => Err(TraceError::Old(old)),
        _ => Ok(Some(header)),
    }
}

/// The version in a header of 16 bytes: `go 1.NN trace`, filled up with zeros.
fn version(header: &[u8]) -> Option<u32> {
    let rest = header.strip_prefix(b"go 1.")?;
    let digits = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let tail = rest.get(digits..)?.strip_prefix(b" trace")?;
    if digits > 4 || tail.iter().any(|byte| *byte != 0) {
        return None;
    }
    std::str::from_utf8(rest.get(..digits)?).ok()?.parse().ok()
}
