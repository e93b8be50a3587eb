//! How goroutines and stacks are told.

use gotrace::event::GoState;
use gotrace::trace::{Go, Goroutine, Slice, StateTimes};
use gotrace::{Frame, Names, StackId, StringId, Trace};
use serde_json::{Value, json};

use super::open::Opened;

/// Where nothing is known.
pub(super) const NOTHING: &str = "-";

/// Functions that stand between a program and what it waits for.
const INNER: &[&str] = &["runtime.", "runtime/", "sync.", "internal/", "time."];

/// A text of the trace, or a dash.
pub(super) fn text(names: &Names, id: StringId) -> &str {
    match names.text(id) {
        "" => NOTHING,
        text => text,
    }
}

/// The function that a goroutine began with.
pub(super) fn function<'n>(trace: &Trace, names: &'n Names, go: Go) -> &'n str {
    trace.goroutine(go).map_or(NOTHING, |goroutine| text(names, goroutine.function))
}

/// Whether a goroutine is the runtime's own, or one that writes the trace.
pub(super) fn is_system(names: &Names, goroutine: &Goroutine) -> bool {
    let function = names.text(goroutine.function);
    function != "runtime.main"
        && (function.starts_with("runtime.") || function.starts_with("runtime/trace."))
}

/// A line of source, and the function that it is in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Site<'n> {
    /// Full name of the function.
    pub(super) function: &'n str,
    /// The file, as the compiler was given it.
    pub(super) file: &'n str,
    /// Line in the file; the first is 1.
    pub(super) line: u32,
}

impl<'n> Site<'n> {
    fn new(names: &'n Names, frame: Frame) -> Self {
        let Frame { function, file, line } = frame;
        Self { function: names.text(function), file: names.text(file), line }
    }

    /// The innermost call of a stack that is the program's, or else the innermost one; none if
    /// there is no stack.
    pub(super) fn of(names: &'n Names, stack: StackId) -> Option<Self> {
        let mut sites = names.frames(stack).map(|frame| Self::new(names, frame));
        let own = |site: &Self| !INNER.iter().any(|inner| site.function.starts_with(inner));
        sites.find(own).or_else(|| names.top(stack).map(|frame| Self::new(names, frame)))
    }

    /// Name of the file and line, as `main.go:12`; a dash where they are not known.
    pub(super) fn short(&self) -> String {
        if self.file.is_empty() {
            return NOTHING.to_owned();
        }
        // Both kinds of slashes, whatever system the program ran on.
        let base = self.file.rsplit(['/', '\\']).next().unwrap_or(self.file);
        format!("{base}:{}", self.line)
    }

    /// All of it.
    pub(super) fn to_json(self) -> Value {
        json!({"function": self.function, "file": self.file, "line": self.line})
    }
}

/// Line of the program that a stack is at, or a dash.
pub(super) fn line(names: &Names, stack: StackId) -> String {
    Site::of(names, stack).map_or_else(|| NOTHING.to_owned(), |site| site.short())
}

/// The calls of a stack, innermost first, a line each.
pub(super) fn calls(names: &Names, stack: StackId) -> impl Iterator<Item = String> {
    let sites = names.frames(stack).map(|frame| Site::new(names, frame));
    sites.map(|Site { function, file, line }| format!("{function} {file}:{line}"))
}

/// The calls of a stack, innermost first.
pub(super) fn stack(names: &Names, stack: StackId) -> Value {
    names.frames(stack).map(|frame| Site::new(names, frame).to_json()).collect()
}

/// A state in a word.
pub(super) fn state(state: GoState) -> &'static str {
    match state {
        GoState::Runnable => "runnable",
        GoState::Running => "running",
        GoState::Waiting => "waiting",
        GoState::Syscall => "syscall",
        GoState::NotExist => "ended",
        GoState::Undetermined => "unknown",
    }
}

/// A slice's state, with the reason where it has one.
pub(super) fn state_of(names: &Names, slice: &Slice) -> String {
    match names.text(slice.reason) {
        "" => state(slice.state).to_owned(),
        reason => format!("{}: {reason}", state(slice.state)),
    }
}

/// The time that a goroutine spent in each state.
pub(super) fn times(opened: &Opened, goroutine: &Goroutine) -> StateTimes {
    let now = opened.trace.duration;
    goroutine.track.times(0, now, now)
}

/// Times by the names of their states.
pub(super) fn times_json(times: &StateTimes) -> Value {
    StateTimes::STATES
        .into_iter()
        .map(|of| (state(of).to_owned(), Value::from(times.of(of))))
        .collect()
}

/// The slice that a goroutine is in when the trace ends, if it is still there.
pub(super) fn now(goroutine: &Goroutine) -> Option<&Slice> {
    if goroutine.end.is_some() { None } else { goroutine.track.last() }
}

/// Whether a goroutine of the program waits when the trace ends.
pub(super) fn is_stuck(names: &Names, goroutine: &Goroutine) -> bool {
    now(goroutine).is_some_and(|slice| slice.state == GoState::Waiting)
        && !is_system(names, goroutine)
}
