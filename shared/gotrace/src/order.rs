//! The events of a generation in the order in which they happened.
//!
//! Each thread wrote its own events in order. The next event of the trace is the earliest of the
//! threads' next ones that the [scheduler] lets in. The order is that of Go's own reader, event for
//! event: ties are decided by the same heap.

use crate::cursor::Cursor;
use crate::error::Losses;
use crate::event::{Event, NONE, What};
use crate::generation::{Generation, Sample, Tables};
use crate::limits;
use crate::names::StackId;
use crate::raw::{self, Raw, Unread};
use crate::scheduler::{self, Scene, Scheduler, Slot, Step};
use crate::sort;

/// Orders the generations of one trace.
#[derive(Debug)]
pub(crate) struct Order {
    scheduler: Scheduler,
    syncs: u32,
    last: i64,
    first_generation: Option<u64>,
    /// Events that are in order and were not told yet.
    pub(crate) out: Vec<Event>,
    /// What was met in the file, by type.
    pub(crate) counts: Box<raw::Counts>,
}

/// A generation as it is read: its batches, the reader's buffer that holds them, where that
/// starts in the file, and its tables.
#[derive(Clone, Copy)]
pub(crate) struct Source<'a> {
    pub(crate) generation: &'a Generation,
    pub(crate) buffer: &'a [u8],
    pub(crate) base: u64,
    pub(crate) tables: &'a Tables,
}

/// A generation some of whose events are in order.
#[derive(Debug)]
pub(crate) struct Run {
    lines: Vec<Line>,
    heap: Heap,
    /// Samples told so far.
    samples: usize,
    /// Attempts to place events that may still be made.
    tries: usize,
}

/// What is left of a thread's events.
#[derive(Debug)]
struct Line {
    /// Index of its lane in the generation.
    lane: usize,
    thread: Slot,
    /// The batch after the current one.
    batch: usize,
    /// Offset in the buffer of `next`, of what comes after it, and of the batch's end.
    from: usize,
    at: usize,
    end: usize,
    next: Raw,
}

impl Order {
    pub(crate) fn new() -> Self {
        Self {
            scheduler: Scheduler::new(),
            syncs: 0,
            last: 0,
            first_generation: None,
            out: Vec::new(),
            counts: Box::new([0; 256]),
        }
    }

    /// Begins with a generation.
    pub(crate) fn begin(&mut self, source: Source<'_>, losses: &mut Losses) -> Run {
        self.sync(source.tables.begin);
        let mut run = Run {
            lines: Vec::with_capacity(source.generation.lanes.len()),
            heap: Heap::default(),
            samples: 0,
            tries: limits::TRIES_PER_EVENT.saturating_mul(1024),
        };
        for lane in 0..source.generation.lanes.len() {
            let next = Raw::NONE;
            let mut line =
                Line { lane, thread: Slot::NONE, batch: 0, from: 0, at: 0, end: 0, next };
            if line.advance(source, losses, &mut self.counts) {
                run.heap.insert(line.next.time, run.lines.len());
                run.lines.push(line);
            }
        }
        if !run.lines.is_empty() {
            self.first_generation.get_or_insert(source.generation.number);
        }
        run
    }

    /// Brings so many more events of a generation in order. Returns whether some are left.
    pub(crate) fn go_on(
        &mut self,
        run: &mut Run,
        source: Source<'_>,
        losses: &mut Losses,
        most: usize,
    ) -> bool {
        let Run { lines, heap, samples, tries } = run;
        let mut left = most;
        while left > 0 {
            let first = heap.first();
            let sample = source.tables.samples.get(*samples);
            if let Some(sample) = sample
                && first.is_none_or(|(time, _)| sample.time < time)
            {
                *samples += 1;
                left -= 1;
                self.sample(sample, source.tables);
                continue;
            }
            let Some((_, top)) = first else { return false };
            let Some(line) = lines.get_mut(top) else { return false };
            // A thread goes on as long as its events are the earliest.
            let until = heap.second().min(sample.map_or(i64::MAX, |sample| sample.time));
            let mut place = 0;
            let more = loop {
                left -= 1;
                *tries = tries.saturating_add(limits::TRIES_PER_EVENT);
                let step = self.attempt(line, source);
                if step != Step::Done {
                    let at;
                    (place, at) = self.choose(heap, lines, step, source, tries, losses);
                    let Some(line) = lines.get_mut(at) else { return false };
                    break line.advance(source, losses, &mut self.counts).then_some(line.next.time);
                }
                if !line.advance(source, losses, &mut self.counts) {
                    break None;
                }
                if line.next.time > until || left == 0 {
                    break Some(line.next.time);
                }
            };
            match more {
                Some(time) => heap.update(place, time),
                None => heap.remove(place),
            }
        }
        !heap.0.is_empty() || *samples < source.tables.samples.len()
    }

    /// Tells that a generation begins or, after the last, that the trace ends.
    fn sync(&mut self, time: i64) {
        self.syncs = self.syncs.saturating_add(1);
        let what = What::Sync(self.syncs);
        let stack = StackId::NONE;
        let event = Event { time, goroutine: NONE, proc: NONE, thread: NONE, stack, what };
        scheduler::tell(&mut self.out, &mut self.last, event);
    }

    /// Tells the end of the trace.
    pub(crate) fn end(&mut self) {
        self.sync(self.last);
    }

    /// Places the event of another thread than the first, or makes that of the first one fit, or
    /// gives it up. Returns the place in the heap of the thread whose event it was, and its line.
    #[inline(never)]
    fn choose(
        &mut self,
        heap: &mut Heap,
        lines: &mut [Line],
        step: Step,
        source: Source<'_>,
        tries: &mut usize,
        losses: &mut Losses,
    ) -> (usize, usize) {
        if step == Step::Wait && *tries > heap.0.len() {
            heap.sort();
            for (place, (_, at)) in heap.0.iter().enumerate().skip(1) {
                *tries -= 1;
                let Some(line) = lines.get_mut(*at) else { continue };
                if self.attempt(line, source) == Step::Done {
                    return (place, *at);
                }
            }
        }
        let first = heap.first().map_or(usize::MAX, |(_, at)| at);
        if let Some(line) = lines.get(first) {
            if losses.by_clock == 0 && losses.events == 0 {
                let what = "events are missing or contradict each other; \
                            from here on some are in the order of their clocks alone";
                losses.tell(line.byte(source), source.generation.number, what);
            }
            let told = (self.out.len(), self.last);
            let (scheduler, mut scene) = self.scene(source);
            if scheduler.force(&line.next, line.thread, &mut scene) {
                losses.by_clock = losses.by_clock.saturating_add(1);
            } else {
                losses.events = losses.events.saturating_add(1);
                self.out.truncate(told.0);
                self.last = told.1;
            }
        }
        (0, first)
    }

    #[inline]
    fn attempt(&mut self, line: &mut Line, source: Source<'_>) -> Step {
        // A thread is known to the scheduler from the first attempt on, as in Go's reader.
        if line.thread.is_none() {
            let lane = source.generation.lanes.get(line.lane);
            line.thread = self.scheduler.thread(lane.map_or(NONE, |lane| lane.thread));
        }
        let (scheduler, mut scene) = self.scene(source);
        scheduler.place(&line.next, line.thread, &mut scene)
    }

    #[inline]
    fn scene<'a>(&'a mut self, source: Source<'a>) -> (&'a mut Scheduler, Scene<'a>) {
        let generation = source.generation.number;
        let scene = Scene {
            generation,
            first: self.first_generation == Some(generation),
            tables: source.tables,
            last: &mut self.last,
            out: &mut self.out,
        };
        (&mut self.scheduler, scene)
    }

    fn sample(&mut self, sample: &Sample, tables: &Tables) {
        let Sample { time, thread, proc, goroutine, stack } = *sample;
        let stack = tables.stack(stack);
        let event = Event { time, goroutine, proc, thread, stack, what: What::Sample };
        scheduler::tell(&mut self.out, &mut self.last, event);
    }
}

impl Line {
    /// Where its next event is in the file.
    fn byte(&self, source: Source<'_>) -> u64 {
        source.base.saturating_add(self.from as u64)
    }

    /// Reads the thread's next event; false if there is none.
    #[inline(always)]
    fn advance(
        &mut self,
        source: Source<'_>,
        losses: &mut Losses,
        counts: &mut raw::Counts,
    ) -> bool {
        loop {
            let mut bytes = Cursor::new(source.buffer.get(self.at..self.end).unwrap_or(&[]));
            if bytes.is_empty() {
                if self.next_batch(source) {
                    continue;
                }
                return false;
            }
            match self.next.read_next(&mut bytes, |ticks| source.tables.nanoseconds(ticks)) {
                Ok(()) => {
                    raw::count(counts, self.next.kind as u8);
                    self.from = self.at;
                    self.at += bytes.at();
                    return true;
                }
                Err(why) => self.break_off(why, source, losses),
            }
        }
    }

    /// Goes on with the thread's next batch, if there is one.
    #[cold]
    fn next_batch(&mut self, source: Source<'_>) -> bool {
        let lane = source.generation.lanes.get(self.lane);
        let Some((ticks, place)) = lane.and_then(|lane| lane.batches.get(self.batch)) else {
            return false;
        };
        self.batch += 1;
        (self.at, self.end) = (place.start, place.end);
        self.next.time = source.tables.nanoseconds(*ticks);
        true
    }

    /// Gives up what is left of a batch in which there is no event.
    #[cold]
    fn break_off(&mut self, why: Unread, source: Source<'_>, losses: &mut Losses) {
        let byte = source.base.saturating_add(self.at as u64);
        let what = match why {
            Unread::Cut => "an event breaks off; what is left of its batch is lost".into(),
            Unread::Type(kind) => {
                format!("{kind} is the type of no event; what is left of its batch is lost")
            }
        };
        let left = self.end.min(source.buffer.len()).saturating_sub(self.at);
        losses.bytes = losses.bytes.saturating_add(left as u64);
        losses.tell(byte, source.generation.number, what);
        self.at = self.end;
    }
}

/// Lines by the time of their next event: a binary heap, the earliest on top. What it does with
/// ties is part of the order, so it is not left to a library.
#[derive(Debug, Default)]
struct Heap(Vec<(i64, usize)>);

impl Heap {
    #[inline]
    fn first(&self) -> Option<(i64, usize)> {
        self.0.first().copied()
    }

    /// The time of the earliest line but the first.
    #[inline]
    fn second(&self) -> i64 {
        self.time(1).min(self.time(2))
    }

    #[inline]
    fn time(&self, place: usize) -> i64 {
        self.0.get(place).map_or(i64::MAX, |(time, _)| *time)
    }

    fn insert(&mut self, time: i64, line: usize) {
        self.0.push((time, line));
        self.up(self.0.len() - 1);
    }

    /// The line at a place has another event now.
    #[inline]
    fn update(&mut self, place: usize, time: i64) {
        if let Some(entry) = self.0.get_mut(place) {
            entry.0 = time;
        }
        if self.up(place) == place {
            self.down(place);
        }
    }

    /// The line at a place has no more events: it goes to the top as if it were the earliest, and
    /// the last one takes that place.
    fn remove(&mut self, mut place: usize) {
        while place > 0 {
            let parent = (place - 1) / 2;
            self.0.swap(parent, place);
            place = parent;
        }
        if !self.0.is_empty() {
            self.0.swap_remove(0);
            self.down(0);
        }
    }

    #[inline]
    fn up(&mut self, mut place: usize) -> usize {
        while place > 0 {
            let parent = (place - 1) / 2;
            if self.time(parent) <= self.time(place) {
                break;
            }
            self.0.swap(parent, place);
            place = parent;
        }
        place
    }

    #[inline]
    fn down(&mut self, mut place: usize) {
        let time = self.time(place);
        loop {
            let (mut least, mut earliest) = (place, time);
            for child in [2 * place + 1, 2 * place + 2] {
                if let Some((time, _)) = self.0.get(child).filter(|(time, _)| *time < earliest) {
                    (least, earliest) = (child, *time);
                }
            }
            if least == place {
                return;
            }
            self.0.swap(place, least);
            place = least;
        }
    }

    /// Sorts by time. A sorted heap is a heap.
    fn sort(&mut self) {
        if self.0.len() <= sort::SHORT {
            self.0.sort_by_key(|(time, _)| *time);
        } else {
            sort::sort(&mut self.0);
        }
    }
}
