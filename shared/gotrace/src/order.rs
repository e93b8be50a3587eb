//! The events of a generation in the order in which they happened.
//!
//! Each thread wrote its own events in order. The next event of the trace is the earliest of the
//! threads' next ones that the [scheduler](crate::scheduler) lets in. The order is that of Go's
//! own reader, event for event: ties are decided by the same heap.

use crate::cursor::Cursor;
use crate::error::Losses;
use crate::event::{Event, NONE, What};
use crate::generation::{Generation, Lane, Sample, Tables};
use crate::limits;
use crate::names::StackId;
use crate::raw::{self, Kind, Raw, Unread};
use crate::scheduler::{Scene, Scheduler, Slot, Step};
use crate::sort;

/// Orders the generations of one trace.
#[derive(Debug)]
pub(crate) struct Order {
    scheduler: Scheduler,
    syncs: u32,
    last: i64,
    out: Vec<Event>,
    /// What was met in the file, by type.
    pub(crate) counts: Box<raw::Counts>,
}

/// A generation as it is read: its batches, the reader's buffer that holds them, where that
/// starts in the file, and its tables.
pub(crate) struct Source<'a> {
    pub(crate) generation: &'a Generation,
    pub(crate) buffer: &'a [u8],
    pub(crate) base: u64,
    pub(crate) tables: &'a Tables,
}

/// What is left of a thread's events.
struct Line<'a> {
    lane: &'a Lane,
    thread: Slot,
    batch: usize,
    /// Offset in the batch of `next`, and of what comes after it.
    from: usize,
    at: usize,
    last: i64,
    next: Raw,
}

impl Order {
    pub(crate) fn new() -> Self {
        Self {
            scheduler: Scheduler::new(),
            syncs: 0,
            last: 0,
            out: Vec::new(),
            counts: Box::new([0; 256]),
        }
    }

    /// Tells a generation's events.
    pub(crate) fn run(
        &mut self,
        source: &Source<'_>,
        losses: &mut Losses,
        sink: &mut impl FnMut(&Event),
    ) {
        self.sync(source.tables.begin, sink);
        let mut lines = self.lines(source, losses);
        let mut heap = Heap::default();
        for at in 0..lines.len() {
            heap.insert(&lines, at);
        }
        let mut samples = source.tables.samples.iter().peekable();
        let mut tries = limits::TRIES_PER_EVENT.saturating_mul(1024);
        while samples.peek().is_some() || !heap.0.is_empty() {
            let first = heap.0.first().and_then(|at| lines.get(*at)).map(|line| line.next.time);
            if let Some(sample) =
                samples.next_if(|sample| first.is_none_or(|time| sample.time < time))
            {
                self.sample(sample, source.tables, sink);
                continue;
            }
            let place = self.choose(&mut heap, &mut lines, source, &mut tries, losses);
            tries = tries.saturating_add(limits::TRIES_PER_EVENT);
            // Almost always one.
            for at in 0..self.out.len() {
                if let Some(event) = self.out.get(at) {
                    self.tell(*event, sink);
                }
            }
            self.out.clear();
            let more = heap
                .0
                .get(place)
                .and_then(|at| lines.get_mut(*at))
                .is_some_and(|line| line.advance(source, losses, &mut self.counts));
            if more {
                heap.update(&lines, place);
            } else {
                heap.remove(&lines, place);
            }
        }
    }

    /// Tells that a generation begins or, after the last, that the trace ends.
    pub(crate) fn sync(&mut self, time: i64, sink: &mut impl FnMut(&Event)) {
        self.syncs = self.syncs.saturating_add(1);
        let what = What::Sync(self.syncs);
        let stack = StackId::NONE;
        self.tell(Event { time, goroutine: NONE, proc: NONE, thread: NONE, stack, what }, sink);
    }

    /// Tells the end of the trace.
    pub(crate) fn end(&mut self, sink: &mut impl FnMut(&Event)) {
        self.sync(self.last, sink);
    }

    fn lines<'a>(&mut self, source: &Source<'a>, losses: &mut Losses) -> Vec<Line<'a>> {
        let mut lines = Vec::with_capacity(source.generation.lanes.len());
        for lane in &source.generation.lanes {
            let next = Raw { kind: Kind::ProcStop, time: 0, args: [0; 4] };
            let mut line =
                Line { lane, thread: Slot::NONE, batch: 0, from: 0, at: 0, last: 0, next };
            if line.advance(source, losses, &mut self.counts) {
                lines.push(line);
            }
        }
        lines
    }

    /// Places one event into `self.out`, or gives it up. Returns the place in the heap of the
    /// thread whose event it was.
    fn choose(
        &mut self,
        heap: &mut Heap,
        lines: &mut [Line<'_>],
        source: &Source<'_>,
        tries: &mut usize,
        losses: &mut Losses,
    ) -> usize {
        let mut place = 0;
        let mut step = self.attempt(heap, lines, place, source);
        if step == Step::Wait && *tries > heap.0.len() {
            heap.sort(lines);
            for other in 1..heap.0.len() {
                *tries -= 1;
                if self.attempt(heap, lines, other, source) == Step::Done {
                    (place, step) = (other, Step::Done);
                    break;
                }
            }
        }
        if step != Step::Done {
            let number = source.generation.number;
            if let Some(line) = heap.0.get(place).and_then(|at| lines.get(*at)) {
                if losses.by_clock == 0 && losses.events == 0 {
                    let what = "events are missing or contradict each other; \
                                from here on some are in the order of their clocks alone";
                    losses.tell(line.byte(source), number, what);
                }
                let mut scene =
                    Scene { generation: number, tables: source.tables, out: &mut self.out };
                if self.scheduler.force(&line.next, line.thread, &mut scene) {
                    losses.by_clock = losses.by_clock.saturating_add(1);
                } else {
                    losses.events = losses.events.saturating_add(1);
                    self.out.clear();
                }
            }
        }
        place
    }

    #[inline]
    fn attempt(
        &mut self,
        heap: &Heap,
        lines: &mut [Line<'_>],
        place: usize,
        source: &Source<'_>,
    ) -> Step {
        let Some(line) = heap.0.get(place).and_then(|at| lines.get_mut(*at)) else {
            return Step::Broken;
        };
        // A thread is known to the scheduler from the first attempt on, as in Go's reader.
        if line.thread.is_none() {
            line.thread = self.scheduler.thread(line.lane.thread);
        }
        let number = source.generation.number;
        let mut scene = Scene { generation: number, tables: source.tables, out: &mut self.out };
        self.scheduler.place(&line.next, line.thread, &mut scene)
    }

    fn sample(&mut self, sample: &Sample, tables: &Tables, sink: &mut impl FnMut(&Event)) {
        let Sample { time, thread, proc, goroutine, stack } = *sample;
        let stack = tables.stack(stack);
        self.tell(Event { time, goroutine, proc, thread, stack, what: What::Sample }, sink);
    }

    /// Hands on an event. Time never stands still, whatever the clocks say.
    #[inline]
    fn tell(&mut self, mut event: Event, sink: &mut impl FnMut(&Event)) {
        if event.time <= self.last {
            event.time = self.last.saturating_add(1);
        }
        self.last = event.time;
        sink(&event);
    }
}

impl Line<'_> {
    /// Where the next event is in the file.
    fn byte(&self, source: &Source<'_>) -> u64 {
        let batch = self.lane.batches.get(self.batch).map_or(0, |(_, place)| place.start);
        source.base.saturating_add(batch.saturating_add(self.from) as u64)
    }

    /// Reads the thread's next event; false if there is none.
    fn advance(
        &mut self,
        source: &Source<'_>,
        losses: &mut Losses,
        counts: &mut raw::Counts,
    ) -> bool {
        while let Some((ticks, place)) = self.lane.batches.get(self.batch) {
            let bytes = source.buffer.get(place.clone()).unwrap_or(&[]);
            if self.at == 0 {
                self.last = source.tables.nanoseconds(*ticks);
            }
            let mut cursor = Cursor::new(bytes.get(self.at..).unwrap_or(&[]));
            if !cursor.is_empty() {
                match raw::event(&mut cursor) {
                    Ok((kind, ticks, args)) => {
                        self.last = self.last.saturating_add(source.tables.nanoseconds(ticks));
                        self.next = Raw { kind, time: self.last, args };
                        self.from = self.at;
                        self.at += cursor.at();
                        raw::count(counts, kind as u8);
                        return true;
                    }
                    Err(why) => {
                        let byte = source.base.saturating_add((place.start + self.at) as u64);
                        let what = match why {
                            Unread::Cut => {
                                "an event breaks off; what is left of its batch is lost".into()
                            }
                            Unread::Type(kind) => format!(
                                "{kind} is the type of no event; what is left of its batch is lost"
                            ),
                        };
                        let left = bytes.len().saturating_sub(self.at);
                        losses.bytes = losses.bytes.saturating_add(left as u64);
                        losses.tell(byte, source.generation.number, what);
                    }
                }
            }
            self.batch += 1;
            self.at = 0;
        }
        false
    }
}

/// Lines by the time of their next event: a binary heap, the earliest on top. What it does with
/// ties is part of the order, so it is not left to a library.
#[derive(Debug, Default)]
struct Heap(Vec<usize>);

impl Heap {
    fn time(&self, lines: &[Line<'_>], place: usize) -> i64 {
        self.0.get(place).and_then(|at| lines.get(*at)).map_or(i64::MAX, |line| line.next.time)
    }

    fn insert(&mut self, lines: &[Line<'_>], at: usize) {
        self.0.push(at);
        self.up(lines, self.0.len() - 1);
    }

    /// The line at a place has another event now.
    fn update(&mut self, lines: &[Line<'_>], place: usize) {
        if self.up(lines, place) == place {
            self.down(lines, place);
        }
    }

    /// The line at a place has no more events: it goes to the top as if it were the earliest, and
    /// the last one takes that place.
    fn remove(&mut self, lines: &[Line<'_>], mut place: usize) {
        while place > 0 {
            let parent = (place - 1) / 2;
            self.0.swap(parent, place);
            place = parent;
        }
        if !self.0.is_empty() {
            self.0.swap_remove(0);
            self.down(lines, 0);
        }
    }

    fn up(&mut self, lines: &[Line<'_>], mut place: usize) -> usize {
        while place > 0 {
            let parent = (place - 1) / 2;
            if self.time(lines, parent) <= self.time(lines, place) {
                break;
            }
            self.0.swap(parent, place);
            place = parent;
        }
        place
    }

    fn down(&mut self, lines: &[Line<'_>], mut place: usize) {
        loop {
            let mut least = place;
            for child in [2 * place + 1, 2 * place + 2] {
                if child < self.0.len() && self.time(lines, child) < self.time(lines, least) {
                    least = child;
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
    fn sort(&mut self, lines: &[Line<'_>]) {
        let time = |at: usize| lines.get(at).map_or(i64::MAX, |line| line.next.time);
        if self.0.len() <= sort::SHORT {
            self.0.sort_by_key(|at| time(*at));
            return;
        }
        let mut row: Vec<_> = self.0.iter().map(|at| (time(*at), *at)).collect();
        sort::sort(&mut row);
        for (place, (_, at)) in self.0.iter_mut().zip(row) {
            *place = at;
        }
    }
}
