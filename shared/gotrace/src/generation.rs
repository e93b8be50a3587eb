//! A generation: about a second of a trace that stands for itself. Its batches are collected as
//! they come, then its tables are read, and only then its events can be.

use std::cell::Cell;
use std::collections::HashMap;
use std::ops::Range;

use foldhash::fast::FixedState;

use crate::cursor::{Cursor, Short};
use crate::error::Losses;
use crate::event::{GoId, NONE, ProcId, ThreadId};
use crate::ids::Ids;
use crate::limits;
use crate::names::{Frame, FrameId, Names, StackId, StringId};
use crate::raw::{self, batch};

/// Ticks per second of all clocks but those of Windows.
const USUAL_FREQUENCY: u64 = 15_625_000;

/// Strings that each program registers first, in this order, so that an event's reason is known
/// even where the table of strings is lost.
const REGISTERED: [&str; 19] = [
    "Not worker",
    "GC (dedicated)",
    "GC (fractional)",
    "GC (idle)",
    "unspecified",
    "forever",
    "network",
    "select",
    "sync.(*Cond).Wait",
    "sync",
    "chan send",
    "chan receive",
    "GC mark assist wait for work",
    "GC background sweeper wait",
    "system goroutine wait",
    "preempted",
    "wait for debug call",
    "wait until GC ends",
    "sleep",
];

/// Clocks that were read at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Clock {
    /// The trace's own clock, in nanoseconds.
    pub trace: i64,
    /// The system's monotonic clock, in nanoseconds.
    pub monotonic: u64,
    /// The wall clock, in nanoseconds since 1970 (UTC).
    pub wall: i128,
}

/// Header of a batch, as it stands in the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Header {
    pub(crate) kind: u8,
    pub(crate) generation: u64,
    pub(crate) thread: ThreadId,
    pub(crate) ticks: u64,
    /// Bytes of the batch after its header.
    pub(crate) size: usize,
    /// Bytes of the header.
    pub(crate) length: usize,
    /// The size has all ten bytes of the longest integer, as the runtime leaves room for it: next
    /// to nothing else looks like that.
    pub(crate) padded: bool,
}

impl Header {
    /// Reads the header of a batch, or the mark that ends a generation.
    pub(crate) fn read(bytes: &[u8]) -> Result<Option<Self>, Short> {
        let mut at = Cursor::new(bytes);
        let kind = at.byte()?;
        match kind {
            batch::END => {
                let (thread, padded) = (NONE, true);
                let end =
                    Self { kind, generation: 0, thread, ticks: 0, size: 0, length: 1, padded };
                return Ok(Some(end));
            }
            batch::EVENTS => {}
            batch::EXPERIMENT => {
                at.byte()?;
            }
            _ => return Ok(None),
        }
        let mut values = [0; 4];
        let mut before = 0;
        for value in &mut values {
            before = at.at();
            let left = bytes.len() - before;
            match at.uleb() {
                Ok(read) => *value = read,
                // With ten bytes there it isn't cut: it is no integer.
                Err(Short) if left >= 10 => return Ok(None),
                Err(Short) => return Err(Short),
            }
        }
        let [generation, thread, ticks, size] = values;
        if generation == 0 || size > limits::BATCH_BYTES {
            return Ok(None);
        }
        let size = usize::try_from(size).map_err(|_| Short)?;
        let padded = at.at() - before == 10;
        Ok(Some(Self { kind, generation, thread, ticks, size, length: at.at(), padded }))
    }
}

/// A thread's batches, in the order of the file: ticks at the start, and where its events are.
#[derive(Debug)]
pub(crate) struct Lane {
    pub(crate) thread: ThreadId,
    pub(crate) batches: Vec<(u64, Range<usize>)>,
}

/// The batches of a generation, as places in the reader's buffer.
#[derive(Debug, Default)]
pub(crate) struct Generation {
    pub(crate) number: u64,
    /// Where its first batch is.
    begin: usize,
    pub(crate) lanes: Vec<Lane>,
    lane_of: HashMap<ThreadId, usize, FixedState>,
    tables: Vec<(u8, Range<usize>)>,
    least_ticks: Option<u64>,
    frequency: Option<u64>,
    /// Where a batch of clocks is that breaks off.
    unread_clocks: Option<usize>,
    snapshot: Option<(u64, u64, i128)>,
}

impl Generation {
    pub(crate) fn new(number: u64, begin: usize) -> Self {
        Self { number, begin, ..Self::default() }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.lanes.is_empty() && self.tables.is_empty()
    }

    /// Adds a batch whose bytes are `place` in `buffer`.
    pub(crate) fn add(
        &mut self,
        header: &Header,
        buffer: &[u8],
        place: Range<usize>,
        counts: &mut raw::Counts,
    ) {
        raw::count(counts, header.kind);
        if self.least_ticks.is_none_or(|least| header.ticks < least) {
            self.least_ticks = Some(header.ticks);
        }
        if header.kind == batch::EXPERIMENT {
            return;
        }
        let bytes = buffer.get(place.clone()).unwrap_or(&[]);
        match bytes.first() {
            None => {}
            Some(&kind @ (batch::STRINGS | batch::STACKS | batch::SAMPLES)) => {
                self.tables.push((kind, place));
            }
            Some(&(batch::FREQUENCY | batch::SYNC)) => {
                let is_read = self.sync(bytes, header.ticks, counts).is_ok();
                let breaks_off = (!is_read).then_some(place.start);
                self.unread_clocks = self.unread_clocks.or(breaks_off);
            }
            Some(_) => {
                let lane = *self.lane_of.entry(header.thread).or_insert_with(|| {
                    self.lanes.push(Lane { thread: header.thread, batches: Vec::new() });
                    self.lanes.len() - 1
                });
                if let Some(lane) = self.lanes.get_mut(lane) {
                    lane.batches.push((header.ticks, place));
                }
            }
        }
    }

    fn sync(&mut self, bytes: &[u8], ticks: u64, counts: &mut raw::Counts) -> Result<(), Short> {
        let mut at = Cursor::new(bytes);
        while !at.is_empty() {
            let kind = at.byte()?;
            if matches!(kind, batch::SYNC | batch::FREQUENCY | batch::CLOCK) {
                raw::count(counts, kind);
            }
            match kind {
                batch::SYNC => {}
                batch::FREQUENCY => self.frequency = Some(at.uleb()?).filter(|ticks| *ticks > 0),
                batch::CLOCK => {
                    let then = ticks.saturating_add(at.uleb()?);
                    let monotonic = at.uleb()?;
                    let seconds = i128::from(at.uleb()?);
                    let wall = seconds * 1_000_000_000 + i128::from(at.uleb()?);
                    self.snapshot = Some((then, monotonic, wall));
                }
                _ => return Err(Short),
            }
        }
        Ok(())
    }

    /// Where it starts in the file, whose byte `base` is the first of the reader's buffer.
    pub(crate) fn place(&self, base: u64) -> u64 {
        base.saturating_add(self.begin as u64)
    }

    /// Bytes of the tables: there are fewer ids than that.
    fn table_bytes(&self) -> u64 {
        self.tables.iter().map(|(_, place)| place.len() as u64).sum()
    }

    /// Reads the tables. `before` are those of the generation before, if there was one.
    pub(crate) fn tables(
        &self,
        buffer: &[u8],
        base: u64,
        before: Option<&Tables>,
        names: &mut Names,
        losses: &mut Losses,
        counts: &mut raw::Counts,
    ) -> Tables {
        if let Some(place) = self.unread_clocks {
            let what = "a batch of clocks breaks off";
            losses.tell(base.saturating_add(place as u64), self.number, what);
        }
        let frequency = self.frequency.unwrap_or_else(|| {
            let what = "the clock's frequency is missing; the usual one is taken";
            losses.tell(self.place(base), self.number, what);
            before.map_or(USUAL_FREQUENCY, |before| before.frequency)
        });
        let mut tables = Tables::new(frequency, self.table_bytes());
        let mut tell = |place: &Range<usize>, what: &'static str| {
            losses.tell(base.saturating_add(place.start as u64), self.number, what);
        };
        let of = |kind: u8| {
            let chosen = self.tables.iter().filter(move |table| table.0 == kind);
            chosen.map(|(_, place)| (place, buffer.get(place.clone()).unwrap_or(&[])))
        };
        for (place, bytes) in of(batch::STRINGS) {
            if tables.read_strings(bytes, names, counts).is_err() {
                tell(place, "a batch of strings breaks off");
            }
        }
        tables.register(before, names);
        let mut frames = HashMap::default();
        for (place, bytes) in of(batch::STACKS) {
            if tables.read_stacks(bytes, &mut frames, names, counts).is_err() {
                tell(place, "a batch of stacks breaks off");
            }
        }
        for (place, bytes) in of(batch::SAMPLES) {
            if tables.read_samples(bytes, counts).is_err() {
                tell(place, "a batch of CPU samples breaks off");
            }
        }
        tables.samples.sort_by_key(|sample| sample.time);
        tables.begin = tables.nanoseconds(self.least_ticks.unwrap_or(0));
        tables.clock = self.snapshot.map(|(ticks, monotonic, wall)| Clock {
            trace: tables.nanoseconds(ticks),
            monotonic,
            wall,
        });
        tables
    }
}

/// What the CPU profiler saw.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Sample {
    pub(crate) time: i64,
    pub(crate) thread: ThreadId,
    pub(crate) proc: ProcId,
    pub(crate) goroutine: GoId,
    pub(crate) stack: u64,
}

/// What the ids in a generation's events stand for.
#[derive(Debug)]
pub(crate) struct Tables {
    pub(crate) samples: Vec<Sample>,
    pub(crate) begin: i64,
    pub(crate) clock: Option<Clock>,
    frequency: u64,
    nanoseconds_per_tick: f64,
    /// The same as an integer, and the ticks up to which that gives the same times; 0 of them where
    /// it is no integer.
    whole_per_tick: u64,
    whole_ticks: u64,
    strings: Ids,
    stacks: Ids,
    /// A string or a stack was asked for that is not there.
    lacks: Cell<bool>,
}

impl Tables {
    /// Tables of so many bytes. Their ids count from 1, unless the file is damaged.
    fn new(frequency: u64, bytes: u64) -> Self {
        let most = bytes.clamp(limits::FEW_IDS, limits::TABLE_IDS);
        let nanoseconds_per_tick = 1.0 / (frequency as f64 / 1e9);
        let whole_per_tick = 1_000_000_000 / frequency;
        let is_whole = whole_per_tick as f64 == nanoseconds_per_tick;
        // Up to 2^53 a float holds each integer.
        let whole_ticks = if is_whole { (1 << 53) / whole_per_tick } else { 0 };
        Self {
            samples: Vec::new(),
            begin: 0,
            clock: None,
            frequency,
            nanoseconds_per_tick,
            whole_per_tick,
            whole_ticks,
            strings: Ids::below(most),
            stacks: Ids::below(most),
            lacks: Cell::new(false),
        }
    }

    /// Ticks as nanoseconds, rounded as Go's reader does.
    #[inline]
    #[expect(clippy::cast_possible_truncation, reason = "the fraction goes, as in Go's reader")]
    pub(crate) fn nanoseconds(&self, ticks: u64) -> i64 {
        if ticks < self.whole_ticks {
            return (ticks * self.whole_per_tick).cast_signed();
        }
        (ticks as f64 * self.nanoseconds_per_tick) as i64
    }

    pub(crate) fn string(&self, id: u64) -> StringId {
        match self.strings.get(id) {
            Some(string) => StringId(string),
            None => {
                self.lacks.set(self.lacks.get() || id != 0);
                StringId::EMPTY
            }
        }
    }

    #[inline]
    pub(crate) fn stack(&self, id: u64) -> StackId {
        if id == 0 {
            return StackId::NONE;
        }
        match self.stacks.get(id) {
            Some(stack) => StackId(stack),
            None => {
                self.lacks.set(true);
                StackId::NONE
            }
        }
    }

    /// Whether events referred to strings or stacks that are not there.
    pub(crate) fn lacks(&self) -> bool {
        self.lacks.get()
    }

    fn read_strings(
        &mut self,
        bytes: &[u8],
        names: &mut Names,
        counts: &mut raw::Counts,
    ) -> Result<(), Short> {
        let mut at = Cursor::new(bytes);
        raw::count(counts, at.byte()?);
        while !at.is_empty() {
            if at.byte()? != batch::STRING {
                return Err(Short);
            }
            let id = at.uleb()?;
            let length = at.uleb()?;
            if length > limits::STRING_BYTES {
                return Err(Short);
            }
            let text = String::from_utf8_lossy(at.take(length)?);
            self.strings.set(id, names.string(&text).0);
            raw::count(counts, batch::STRING);
        }
        Ok(())
    }

    /// Fills in the strings that each program registers first, where they are missing.
    fn register(&mut self, before: Option<&Self>, names: &mut Names) {
        for (id, text) in (1..).zip(REGISTERED) {
            if self.strings.get(id).is_none() {
                let known = before.and_then(|before| before.strings.get(id));
                self.strings.set(id, known.unwrap_or_else(|| names.string(text).0));
            }
        }
    }

    /// Reads stacks. A program counter stands for the same frame in the whole generation: the
    /// first that was told.
    fn read_stacks(
        &mut self,
        bytes: &[u8],
        frames: &mut HashMap<u64, FrameId, FixedState>,
        names: &mut Names,
        counts: &mut raw::Counts,
    ) -> Result<(), Short> {
        let mut at = Cursor::new(bytes);
        let mut stack = Vec::new();
        raw::count(counts, at.byte()?);
        while !at.is_empty() {
            if at.byte()? != batch::STACK {
                return Err(Short);
            }
            let id = at.uleb()?;
            let depth = at.uleb()?;
            if depth > limits::STACK_FRAMES {
                return Err(Short);
            }
            stack.clear();
            for _ in 0..depth {
                let counter = at.uleb()?;
                let (function, file, line) = (at.uleb()?, at.uleb()?, at.uleb()?);
                stack.push(*frames.entry(counter).or_insert_with(|| {
                    let line = u32::try_from(line).unwrap_or(0);
                    let [function, file] = [function, file].map(|id| self.string(id));
                    names.intern(Frame { function, file, line })
                }));
            }
            self.stacks.set(id, names.stack(&stack).0);
            raw::count(counts, batch::STACK);
        }
        Ok(())
    }

    fn read_samples(&mut self, bytes: &[u8], counts: &mut raw::Counts) -> Result<(), Short> {
        let mut at = Cursor::new(bytes);
        raw::count(counts, at.byte()?);
        while !at.is_empty() {
            if at.byte()? != batch::SAMPLE {
                return Err(Short);
            }
            let time = self.nanoseconds(at.uleb()?);
            let (thread, proc, go, stack) = (at.uleb()?, at.uleb()?, at.uleb()?, at.uleb()?);
            let goroutine = if go == 0 { NONE } else { go };
            self.samples.push(Sample { time, thread, proc, goroutine, stack });
            raw::count(counts, batch::SAMPLE);
        }
        Ok(())
    }
}
