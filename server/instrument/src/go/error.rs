//! Why a build could not be instrumented.

use std::io;
use std::path::PathBuf;

use formats::ReadError;
use thiserror::Error;

/// Why a build could not be instrumented. Errors in the user's own code are not among these: go
/// itself reports them.
#[derive(Debug, Error)]
pub enum GoError {
    /// There is no go command.
    #[error("cannot start the go command ({0}): Go 1.23 or later must be installed and in PATH")]
    NoGo(#[source] io::Error),
    /// The installed Go is too old.
    #[error("Go {0} is too old: Go 1.23 or later is needed")]
    OldGo(String),
    /// Counters can't be shared on the platform that is built for.
    #[error("cannot watch programs for {0}: only linux and darwin on amd64 and arm64")]
    Platform(String),
    /// Flags that contradict each other, or that can't be had.
    #[error("{0}")]
    Usage(String),
    /// A go command that prepares the build failed.
    #[error("go {command} failed:\n{message}")]
    Go {
        /// The subcommand.
        command: &'static str,
        /// What it printed.
        message: String,
    },
    /// The cover tool failed or wrote something unexpected.
    #[error("{0}")]
    Cover(String),
    /// Records of channel operations could not be placed.
    #[error("channel operations can't be recorded: {0}")]
    Channels(String),
    /// The cover tool's meta-data can't be read.
    #[error("meta-data of go tool cover: {0}")]
    Meta(#[from] ReadError),
    /// A source without a package clause.
    #[error("the package clause is missing")]
    NoPackageClause,
    /// JSON that go, or the user's overlay, holds.
    #[error("{what}: {source}")]
    Json {
        /// Where the JSON is from.
        what: String,
        /// What is wrong with it.
        source: serde_json::Error,
    },
    /// A file can't be read or written.
    #[error("{path}: {source}")]
    File {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// The cache can't be written.
    #[error("the cache: {0}")]
    Cache(#[from] io::Error),
}

impl GoError {
    /// An error about one file.
    pub(super) fn file(path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::File { path: path.into(), source }
    }
}
