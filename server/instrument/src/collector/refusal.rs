//! Why a file is not read.

use std::io;

use thiserror::Error;
use wire::WireError;

/// Why a file in the shared folder is not read. Offsets count from the start of the file.
#[derive(Debug, Error)]
pub enum Refusal {
    /// The file breaks its layout.
    #[error("byte {offset}: {what}")]
    Malformed {
        /// Where.
        offset: u64,
        /// What is wrong there.
        what: &'static str,
    },
    /// Another version of the layout.
    #[error("byte {offset}: layout version {found} is not the version {expected} of this build")]
    Version {
        /// Where.
        offset: u64,
        /// The file's version.
        found: u32,
        /// This build's version.
        expected: u32,
    },
    /// More than this build accepts.
    #[error("byte {offset}: {what} exceeds the limit of {limit}")]
    Limit {
        /// Where.
        offset: u64,
        /// What is too large.
        what: &'static str,
        /// The largest value accepted.
        limit: u64,
    },
    /// The table of a package can't be read.
    #[error("unit table at byte {offset}: {source}")]
    Table {
        /// Where the table starts.
        offset: u64,
        /// What is wrong with it; its offsets count from the table's start.
        source: WireError,
    },
    /// It is not a private file of this user.
    #[error("{0}")]
    Unsafe(&'static str),
    /// The system refuses to open, read or write it.
    #[error("{what}: {source}")]
    Io {
        /// What was tried.
        what: &'static str,
        /// The system's answer.
        source: io::Error,
    },
}

impl Refusal {
    pub(super) fn malformed(offset: u64, what: &'static str) -> Self {
        Self::Malformed { offset, what }
    }

    pub(super) fn limit(offset: u64, what: &'static str, limit: usize) -> Self {
        Self::Limit { offset, what, limit: limit as u64 }
    }

    /// Whether the file was there when its folder was listed and is gone now.
    pub(super) fn is_gone(&self) -> bool {
        matches!(self, Self::Io { source, .. } if source.kind() == io::ErrorKind::NotFound)
    }

    /// Whether another attempt may succeed: this process has no file descriptor or memory left.
    pub(super) fn is_ours(&self) -> bool {
        let Self::Io { source, .. } = self else { return false };
        let busy = [rustix::io::Errno::MFILE, rustix::io::Errno::NFILE, rustix::io::Errno::NOMEM];
        busy.iter().any(|errno| source.raw_os_error() == Some(errno.raw_os_error()))
    }
}
