//! A trace from a blob, in pieces, so that the file is never in memory twice and what was read so
//! far is drawn while the rest is. A generation of many events is brought in order in pieces, too.

use frontend::trace::messages::{Summary, Tell};
use frontend::trace::passed::Passed;
use gotrace::{Names, Reader, Trace};
use js_sys::Uint8Array;
use web_sys::{Blob, FileReaderSync};

use crate::{clock, tell};

/// Bytes that are read at once.
const PIECE: f64 = (1 << 18) as f64;
/// Events that are told between two looks at the clock.
const EVENTS: usize = 1 << 13;
/// Milliseconds after which others have their turn.
const TURN: f64 = 24.0;

/// A trace, or the part of it that was read.
pub(crate) struct Opened {
    source: Source,
    /// What it holds.
    pub(crate) trace: Trace,
    /// The same in a few numbers.
    pub(crate) summary: Summary,
    /// What went through channels meanwhile, where that was opened, too.
    pub(crate) passed: Option<Passed>,
    /// Differs from what it was when the trace has grown since.
    pub(crate) revision: u64,
}

enum Source {
    Reading(Box<Reader>),
    Read(Names),
}

impl Opened {
    /// The names that the trace refers to.
    pub(crate) fn names(&self) -> &Names {
        match &self.source {
            Source::Reading(reader) => reader.names(),
            Source::Read(names) => names,
        }
    }

    /// All that will be read was read.
    pub(crate) fn is_read(&self) -> bool {
        matches!(self.source, Source::Read(_))
    }

    /// A trace of which nothing was read yet, with so many bytes; 0 where nobody knows.
    pub(crate) fn new(name: &str, bytes: f64) -> Self {
        Self {
            source: Source::Reading(Box::default()),
            trace: Trace::default(),
            summary: Summary { name: name.to_owned(), bytes, ..Summary::default() },
            passed: None,
            revision: 0,
        }
    }

    /// Adds what comes next.
    pub(crate) fn add(&mut self, bytes: &[u8]) {
        if let Source::Reading(reader) = &mut self.source {
            reader.add(bytes);
        }
    }

    /// Nothing more follows, once what was added is read.
    pub(crate) fn close(&mut self) {
        if let Source::Reading(reader) = &mut self.source {
            reader.end();
        }
    }

    /// Reads what was added, until it is time for others, which `begin` was the last time. Says
    /// whether there is more.
    pub(crate) fn go_on(&mut self, begin: f64) -> Result<bool, gotrace::TraceError> {
        let Source::Reading(reader) = &mut self.source else { return Ok(false) };
        let trace = &mut self.trace;
        let before = trace.events;
        let more = loop {
            let more = reader.tell(EVENTS, |names, event| trace.add(names, event))?;
            if !more || is_over(begin) {
                break more;
            }
        };
        if trace.events != before {
            self.revision += 1;
        }
        Ok(more)
    }

    /// Brings the summary up to date with what was read so far.
    pub(crate) fn sum_up(&mut self) {
        let source = std::mem::replace(&mut self.source, Source::Read(Names::default()));
        if let Source::Reading(reader) = &source {
            self.summarize(reader);
        }
        self.source = source;
    }

    /// Nothing more follows.
    pub(crate) fn end(&mut self) -> Result<(), gotrace::TraceError> {
        let source = std::mem::replace(&mut self.source, Source::Read(Names::default()));
        let Source::Reading(mut reader) = source else {
            self.source = source;
            return Ok(());
        };
        let trace = &mut self.trace;
        let ended = reader.finish(|names, event| trace.add(names, event));
        self.summarize(&reader);
        self.source = Source::Read(reader.into_names());
        self.revision += 1;
        ended
    }

    /// Bytes that are no part of what was told yet.
    fn waiting(&self) -> f64 {
        match &self.source {
            Source::Reading(reader) => reader.waiting() as f64,
            Source::Read(_) => 0.0,
        }
    }

    fn summarize(&mut self, reader: &Reader) {
        let losses = reader.losses();
        let mut told: Vec<String> = losses.told().iter().map(ToString::to_string).collect();
        if losses.untold() > 0 {
            told.push(format!("and {} more", losses.untold()));
        }
        let trace = &self.trace;
        let by_goroutine = trace.edges.iter().filter(|edge| edge.from.index().is_some()).count();
        self.summary.version = reader.version().unwrap_or(0);
        self.summary.duration = trace.duration as f64;
        self.summary.events = trace.events as f64;
        self.summary.goroutines = u32::try_from(trace.goroutines.len()).unwrap_or(u32::MAX);
        self.summary.edges = u32::try_from(by_goroutine).unwrap_or(u32::MAX);
        self.summary.losses = told;
    }
}

/// A blob that is being read.
pub(crate) struct Reading {
    blob: Blob,
    files: FileReaderSync,
    done: f64,
    cancelled: bool,
    /// What was read is all there will be.
    closed: bool,
}

/// Whether a turn that began at a time is over.
fn is_over(begin: f64) -> bool {
    clock() - begin > TURN
}

impl Reading {
    /// Begins to read, and the trace that it will fill.
    pub(crate) fn new(name: &str, blob: Blob) -> Result<(Self, Opened), String> {
        let files = FileReaderSync::new()
            .map_err(|_| format!("cannot read {name}: this browser lets no worker read files"))?;
        let opened = Opened::new(name, blob.size());
        Ok((Self { blob, files, done: 0.0, cancelled: false, closed: false }, opened))
    }

    /// Reads no further: what was read is told, and the rest is a loss.
    pub(crate) fn cancel(&mut self) {
        self.cancelled = true;
    }

    /// Reads for a while. Says whether there is more.
    pub(crate) fn read(&mut self, opened: &mut Opened) -> Result<bool, String> {
        let name = opened.summary.name.clone();
        let fail = |reason: &dyn std::fmt::Display| format!("cannot read {name}: {reason}");
        let all = self.blob.size();
        let begin = clock();
        // What is complete is told before more is read, so that it is seen as soon as can be.
        while !opened.go_on(begin).map_err(|error| fail(&error))? {
            if self.done >= all || self.cancelled {
                if self.closed {
                    opened.end().map_err(|error| fail(&error))?;
                    if self.cancelled && self.done < all {
                        let lost = format!("reading was cancelled; the file has {all} bytes");
                        opened.summary.losses.push(lost);
                    }
                    tell(&Tell::Opened(opened.summary.clone()));
                    return Ok(false);
                }
                self.closed = true;
                opened.close();
            } else {
                self.take(opened).map_err(|()| {
                    fail(&"the browser does not give its bytes; was the file changed?")
                })?;
            }
            if is_over(begin) {
                break;
            }
        }
        // What is read and not told is half done.
        tell(&Tell::Progress { done: self.done - opened.waiting() / 2.0, all });
        Ok(true)
    }

    /// Adds a piece of the blob.
    fn take(&mut self, opened: &mut Opened) -> Result<(), ()> {
        let end = (self.done + PIECE).min(self.blob.size());
        let piece = self
            .blob
            .slice_with_f64_and_f64(self.done, end)
            .and_then(|piece| self.files.read_as_array_buffer(&piece))
            .map_err(drop)?;
        opened.add(&Uint8Array::new(&piece).to_vec());
        self.done = end;
        Ok(())
    }
}
