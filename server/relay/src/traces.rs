//! Execution traces that programs write while they run: the newest part of each, for whoever comes
//! late, and what follows, for whoever stays.
//!
//! A trace is a header and then generations, each of which stands for itself. What is kept begins
//! with a whole generation and has [`limits::TRACE_BYTES`] at most: the oldest go first. What the
//! bytes mean is not known here.
//!
//! ```text
//! header · generation 17 · generation 18 · … · what there is of generation 41
//!          └ piece · piece                     └ a reader waits here for the next piece
//! ```

use std::collections::{BTreeMap, VecDeque};
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use futures_util::Stream;
use tokio::sync::watch;
use wire::frame::{TraceBegin, TracePiece};

use crate::limits;

/// All traces that are kept.
#[derive(Debug, Default)]
pub(crate) struct Traces {
    kept: BTreeMap<u32, Arc<Live>>,
    next: u32,
}

/// A trace.
#[derive(Debug)]
pub(crate) struct Live {
    /// Names it here.
    pub(crate) id: u32,
    /// Process id where it runs; 0 where that is not known.
    pub(crate) pid: u32,
    /// Host where it runs.
    pub(crate) host: String,
    /// What people call it.
    pub(crate) name: String,
    /// When it began, in Unix milliseconds.
    pub(crate) began_ms: u64,
    header: Bytes,
    window: Mutex<Window>,
    /// Changes with every piece.
    pieces: watch::Sender<u64>,
}

/// What is kept of a trace.
#[derive(Debug, Default)]
struct Window {
    generations: VecDeque<Generation>,
    /// Number of the first of them.
    first: u64,
    n_bytes: usize,
    lost: Lost,
    end: Option<End>,
    /// The generation that is being written is not kept, because its begin is not there or it is
    /// too long.
    skipping: bool,
}

/// What was left out of a trace.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Lost {
    /// Generations that made room for newer ones, or were too long to be kept.
    pub(crate) generations: u64,
    /// Bytes that never got here.
    pub(crate) bytes: u64,
}

#[derive(Debug, Default)]
struct Generation {
    pieces: Vec<Bytes>,
    n_bytes: usize,
}

/// How a trace came to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    /// The program has ended, or stopped tracing.
    Whole,
    /// Nobody is left who would send more.
    Broken,
}

impl Traces {
    /// A trace begins. One of the same program that was there before makes room for it.
    pub(crate) fn begin(&mut self, begin: TraceBegin, now_ms: u64) -> Arc<Live> {
        let same = |live: &Live| {
            live.host == begin.host && live.pid == begin.pid && live.name == begin.name
        };
        for live in self.kept.values().filter(|live| same(live)) {
            live.end(End::Broken);
        }
        self.kept.retain(|_, live| !same(live));
        while self.kept.len() >= limits::TRACES {
            // The oldest that has ended, or else the oldest.
            let over = self.kept.values().find(|live| live.summary().end.is_some());
            let Some(id) = over.or(self.kept.values().next()).map(|live| live.id) else { break };
            if let Some(live) = self.kept.remove(&id) {
                live.end(End::Broken);
            }
        }
        self.next += 1;
        let live = Arc::new(Live {
            id: self.next,
            pid: begin.pid,
            host: begin.host,
            name: begin.name,
            began_ms: now_ms,
            header: begin.header.into(),
            window: Mutex::default(),
            pieces: watch::channel(0).0,
        });
        self.kept.insert(live.id, Arc::clone(&live));
        live
    }

    /// All that are kept, oldest first.
    pub(crate) fn all(&self) -> Vec<Arc<Live>> {
        self.kept.values().cloned().collect()
    }
}

/// A trace in a few numbers.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Summary {
    /// Generations that are kept, the one that is being written included.
    pub(crate) generations: usize,
    /// Bytes of them.
    pub(crate) n_bytes: usize,
    /// What was left out.
    pub(crate) lost: Lost,
    /// How it ended, if it did.
    pub(crate) end: Option<End>,
}

impl Live {
    /// Takes a piece.
    pub(crate) fn add(&self, piece: TracePiece) {
        let mut window = self.window();
        if window.end.is_some() {
            return;
        }
        window.lost.bytes = window.lost.bytes.saturating_add(piece.lost);
        if piece.begins {
            window.skipping = false;
            window.generations.push_back(Generation::default());
        } else if window.generations.is_empty() {
            window.skipping = true;
        }
        if window.skipping {
            window.lost.bytes = window.lost.bytes.saturating_add(piece.bytes.len() as u64);
            return;
        }
        let n_bytes = piece.bytes.len();
        window.n_bytes += n_bytes;
        if let Some(last) = window.generations.back_mut() {
            last.n_bytes += n_bytes;
            last.pieces.push(piece.bytes.into());
        }
        while window.n_bytes > limits::TRACE_BYTES && window.generations.len() > 1 {
            window.drop_first();
        }
        if window.n_bytes > limits::TRACE_BYTES {
            window.drop_first();
            window.skipping = true;
        }
        drop(window);
        self.pieces.send_modify(|n| *n = n.wrapping_add(1));
    }

    /// Nothing more follows.
    pub(crate) fn end(&self, end: End) {
        self.window().end.get_or_insert(end);
        self.pieces.send_modify(|n| *n = n.wrapping_add(1));
    }

    /// What there is.
    pub(crate) fn summary(&self) -> Summary {
        let window = self.window();
        Summary {
            generations: window.generations.len(),
            n_bytes: window.n_bytes,
            lost: window.lost,
            end: window.end,
        }
    }

    /// The trace from the oldest generation that is kept, and on as it comes. A reader that is so
    /// slow that what it would read next is gone gets an error, as does one of a trace that breaks
    /// off while it reads: so it knows that it lacks something, and may begin again.
    pub(crate) fn read(
        self: Arc<Self>,
    ) -> impl Stream<Item = Result<Bytes, io::Error>> + Send + Sync + 'static {
        let place = {
            let window = self.window();
            let broken = window.end == Some(End::Broken);
            Place { generation: window.first, piece: 0, patient: broken }
        };
        let changed = self.pieces.subscribe();
        let header = Some(self.header.clone());
        futures_util::stream::unfold(Some((self, place, changed, header)), |state| async move {
            let (live, mut place, mut changed, header) = state?;
            if let Some(header) = header {
                return Some((Ok(header), Some((live, place, changed, None))));
            }
            loop {
                // Before the look, so that no change between it and the wait goes unseen.
                changed.mark_unchanged();
                match live.next(&mut place) {
                    Next::Piece(bytes) => {
                        return Some((Ok(bytes), Some((live, place, changed, None))));
                    }
                    Next::Over => return None,
                    Next::Failed(reason) => return Some((Err(io::Error::other(reason)), None)),
                    Next::Wait => changed.changed().await.ok()?,
                }
            }
        })
    }

    fn next(&self, place: &mut Place) -> Next {
        let window = self.window();
        let Some(at) = place.generation.checked_sub(window.first) else {
            return Next::Failed("the reader is too slow");
        };
        let at = usize::try_from(at).unwrap_or(usize::MAX);
        let piece = |at: usize, piece: usize| window.generations.get(at)?.pieces.get(piece);
        if let Some(bytes) = piece(at, place.piece) {
            place.piece += 1;
            return Next::Piece(bytes.clone());
        }
        if let Some(bytes) = piece(at.saturating_add(1), 0) {
            (place.generation, place.piece) = (place.generation + 1, 1);
            return Next::Piece(bytes.clone());
        }
        match window.end {
            None => Next::Wait,
            Some(End::Broken) if !place.patient => Next::Failed("the trace broke off"),
            Some(_) => Next::Over,
        }
    }

    fn window(&self) -> MutexGuard<'_, Window> {
        self.window.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Window {
    fn drop_first(&mut self) {
        if let Some(first) = self.generations.pop_front() {
            self.first += 1;
            self.n_bytes -= first.n_bytes;
            self.lost.generations += 1;
        }
    }
}

/// What a reader gets next.
#[derive(Debug, PartialEq, Eq)]
enum Next {
    Piece(Bytes),
    Wait,
    Over,
    Failed(&'static str),
}

/// Where a reader is.
#[derive(Debug)]
struct Place {
    generation: u64,
    piece: usize,
    /// The trace had broken off before: what there is is all there will be.
    patient: bool,
}

#[cfg(test)]
mod tests {
    use futures_util::StreamExt;

    use super::*;

    fn live(traces: &mut Traces, name: &str) -> Arc<Live> {
        let header = b"header".to_vec();
        let begin = TraceBegin { trace: 1, pid: 7, host: "h".into(), name: name.into(), header };
        traces.begin(begin, 0)
    }

    fn add(live: &Live, begins: bool, bytes: &[u8]) {
        live.add(TracePiece { trace: 1, begins, lost: 0, bytes: bytes.to_vec() });
    }

    /// All that a reader gets up to the end, and whether that is a good one.
    async fn all(stream: impl Stream<Item = Result<Bytes, io::Error>>) -> (Vec<u8>, bool) {
        let mut stream = std::pin::pin!(stream);
        let (mut all, mut good) = (Vec::new(), true);
        while let Some(part) = stream.next().await {
            match part {
                Ok(bytes) => all.extend_from_slice(&bytes),
                Err(_) => good = false,
            }
        }
        (all, good)
    }

    #[tokio::test]
    async fn late_readers_start_with_a_generation_and_all_get_what_follows() {
        let mut traces = Traces::default();
        let live = live(&mut traces, "api");
        add(&live, false, b"?");
        let early = Arc::clone(&live).read();
        add(&live, true, b"a1");
        add(&live, false, b"a2");
        let late = Arc::clone(&live).read();
        add(&live, true, b"b");
        live.end(End::Whole);
        assert_eq!(all(early).await, (b"headera1a2b".to_vec(), true));
        assert_eq!(all(late).await, (b"headera1a2b".to_vec(), true));
        assert_eq!(live.summary().lost, Lost { generations: 0, bytes: 1 });
    }

    #[tokio::test]
    async fn the_oldest_generations_make_room_and_slow_readers_are_told() {
        let mut traces = Traces::default();
        let live = live(&mut traces, "api");
        let half = vec![0; limits::TRACE_BYTES / 2];
        add(&live, true, &half);
        let slow = Arc::clone(&live).read();
        add(&live, true, &half);
        add(&live, true, b"c");
        live.end(End::Whole);
        let summary = live.summary();
        assert_eq!((summary.generations, summary.lost.generations), (2, 1));
        assert!(summary.n_bytes <= limits::TRACE_BYTES);
        assert_eq!(all(slow).await, (b"header".to_vec(), false));
        let (bytes, good) = all(Arc::clone(&live).read()).await;
        assert!(good && bytes.len() == "header".len() + half.len() + 1);
    }

    #[tokio::test]
    async fn a_generation_too_long_is_passed_over_to_its_end() {
        let mut traces = Traces::default();
        let live = live(&mut traces, "api");
        let third = vec![0; limits::TRACE_BYTES / 3];
        add(&live, true, &third);
        for _ in 0..4 {
            add(&live, false, &third);
        }
        assert_eq!(live.summary().n_bytes, 0);
        add(&live, true, b"next");
        live.end(End::Whole);
        assert_eq!(all(Arc::clone(&live).read()).await, (b"headernext".to_vec(), true));
        assert_eq!(live.summary().lost.generations, 1);
    }

    #[tokio::test]
    async fn a_trace_that_breaks_off_is_an_error_to_those_who_were_there_only() {
        let mut traces = Traces::default();
        let first = live(&mut traces, "api");
        add(&first, true, b"a");
        let there = Arc::clone(&first).read();
        first.end(End::Broken);
        assert_eq!(all(there).await, (b"headera".to_vec(), false));
        assert_eq!(all(Arc::clone(&first).read()).await, (b"headera".to_vec(), true));
    }

    #[test]
    fn one_program_has_one_trace_and_there_are_not_too_many() {
        let mut traces = Traces::default();
        let first = live(&mut traces, "api");
        live(&mut traces, "api");
        assert_eq!(first.summary().end, Some(End::Broken));
        assert_eq!(traces.all().len(), 1);
        for n in 0..2 * limits::TRACES {
            live(&mut traces, &n.to_string());
        }
        assert_eq!(traces.all().len(), limits::TRACES);
    }
}
