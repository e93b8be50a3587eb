//! Why a process can't be watched.

use std::io;

use thiserror::Error;

/// Why a process can't be watched, in a sentence for the person who asked.
#[derive(Debug, Error)]
pub enum AttachError {
    /// Another system than Linux.
    #[error("attaching needs Linux: elsewhere, build the program with `coverglass build`")]
    NotLinux,
    /// There is no such process.
    #[error("there is no process {0}")]
    NoProcess(u32),
    /// The system forbids to read the process.
    #[error("process {pid} may not be read: {advice}")]
    NoRights {
        /// The process.
        pid: u32,
        /// What to do about it.
        advice: String,
    },
    /// The program was not built by Go.
    #[error("{0} is no Go program")]
    NotGo(String),
    /// A kind of binary that isn't read.
    #[error("{program} can't be watched: {reason}")]
    Unsupported {
        /// The program.
        program: String,
        /// What about it.
        reason: &'static str,
    },
    /// The program counts nothing.
    #[error("{0} was not built with -cover: build it with `go build -cover`")]
    NotCover(String),
    /// The program has no symbols, so nobody knows where it counts.
    #[error(
        "{0} is stripped, so nothing says where its counters are: build it without -ldflags=-s"
    )]
    Stripped(String),
    /// Something in the process or its binary is not as Go leaves it.
    #[error("{place}: {what}")]
    Malformed {
        /// File, or part of the process's memory.
        place: &'static str,
        /// What is wrong there.
        what: String,
    },
    /// More than this build accepts.
    #[error("{what} exceeds the limit of {limit}")]
    Limit {
        /// What is too large.
        what: &'static str,
        /// The largest value accepted.
        limit: u64,
    },
    /// The system refuses to read something.
    #[error("cannot read {what}")]
    Io {
        /// What was to be read.
        what: String,
        /// The system's answer.
        source: io::Error,
    },
    /// The process has ended, and its memory is gone.
    #[error("it has ended")]
    Gone,
}

impl AttachError {
    pub(super) fn malformed(place: &'static str, what: impl ToString) -> Self {
        Self::Malformed { place, what: what.to_string() }
    }

    pub(super) fn io(what: impl ToString) -> impl FnOnce(io::Error) -> Self {
        let what = what.to_string();
        move |source| Self::Io { what, source }
    }

    /// With the system's answer, where there is one.
    pub(super) fn whole(&self) -> String {
        match self {
            Self::Io { source, .. } => format!("{self}: {source}"),
            other => other.to_string(),
        }
    }
}
