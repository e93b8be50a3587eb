//! A trace from a blob, in pieces, so that the file is never in memory twice and what was read so
//! far is drawn while the rest is.

use frontend::trace::messages::{Summary, Tell};
use gotrace::{Names, Reader, Trace};
use js_sys::Uint8Array;
use web_sys::{Blob, FileReaderSync};

use crate::{clock, tell};

/// Bytes that are read at once.
const PIECE: f64 = (1 << 18) as f64;
/// Milliseconds after which others have their turn.
const TURN: f64 = 24.0;

/// A trace, or the part of it that was read.
pub(crate) struct Opened {
    source: Source,
    /// What it holds.
    pub(crate) trace: Trace,
    /// The same in a few numbers.
    pub(crate) summary: Summary,
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

    /// Reads no further: what the last bytes tell is told, and the rest is a loss.
    pub(crate) fn cancel(&mut self) {
        let all = self.summary.bytes;
        if let Ok(()) = self.end() {
            let lost = format!("reading was cancelled; the file has {all} bytes");
            self.summary.losses.push(lost);
            tell(&Tell::Opened(self.summary.clone()));
        }
    }

    /// A trace of which nothing was read yet, with so many bytes; 0 where nobody knows.
    pub(crate) fn new(name: &str, bytes: f64) -> Self {
        Self {
            source: Source::Reading(Box::default()),
            trace: Trace::default(),
            summary: Summary { name: name.to_owned(), bytes, ..Summary::default() },
            revision: 0,
        }
    }

    /// Reads what comes next.
    pub(crate) fn push(&mut self, bytes: &[u8]) -> Result<(), gotrace::TraceError> {
        let Source::Reading(reader) = &mut self.source else { return Ok(()) };
        let trace = &mut self.trace;
        let before = trace.events;
        reader.push(bytes, |names, event| trace.add(names, event))?;
        if trace.events != before {
            self.revision += 1;
        }
        Ok(())
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
}

impl Reading {
    /// Begins to read, and the trace that it will fill.
    pub(crate) fn new(name: &str, blob: Blob) -> Result<(Self, Opened), String> {
        let files = FileReaderSync::new()
            .map_err(|_| format!("cannot read {name}: this browser lets no worker read files"))?;
        let opened = Opened::new(name, blob.size());
        Ok((Self { blob, files, done: 0.0 }, opened))
    }

    /// Reads for a while. Says whether there is more.
    pub(crate) fn read(&mut self, opened: &mut Opened) -> Result<bool, String> {
        let name = opened.summary.name.clone();
        let fail = |reason: &dyn std::fmt::Display| format!("cannot read {name}: {reason}");
        let all = self.blob.size();
        let begin = clock();
        while self.done < all {
            let end = (self.done + PIECE).min(all);
            let piece = self
                .blob
                .slice_with_f64_and_f64(self.done, end)
                .and_then(|piece| self.files.read_as_array_buffer(&piece))
                .map_err(|_| fail(&"the browser does not give its bytes; was the file changed?"))?;
            opened.push(&Uint8Array::new(&piece).to_vec()).map_err(|error| fail(&error))?;
            self.done = end;
            if clock() - begin > TURN {
                break;
            }
        }
        tell(&Tell::Progress { done: self.done, all });
        if self.done < all {
            return Ok(true);
        }
        opened.end().map_err(|error| fail(&error))?;
        tell(&Tell::Opened(opened.summary.clone()));
        Ok(false)
    }
}
