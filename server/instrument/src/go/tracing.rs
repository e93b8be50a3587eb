//! `run --trace`: the program's execution trace, by a pipe with a name.
//!
//! The program finds the name in its environment and writes the trace there
//! (`src/runtime/trace.go`). Here it is read at once, whatever becomes of it afterwards, for the
//! runtime keeps in memory what it can't write.

use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{self, Read as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::thread::JoinHandle;
use std::time::Duration;

use super::GoError;

/// Where the program finds the pipe's name.
const VARIABLE: &str = "COVERGLASS_TRACE";
/// How long a generation of the trace is, so that it can be shown soon after.
const PERIOD: &str = "traceadvanceperiod=250000000";
/// Bytes that are read at once: as many as a pipe holds.
const PIECE: usize = 64 << 10;

/// A program whose execution trace is read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Traced {
    /// Its process, or that of what it runs in.
    pub pid: u32,
    /// Its name.
    pub name: String,
    /// Where the trace is to be kept, besides.
    pub file: Option<PathBuf>,
}

/// Takes a trace piece by piece; it is dropped at the end.
pub type TraceSink = Box<dyn FnMut(&[u8]) + Send>;

/// What is to be done with the traces of programs.
pub type Tracer<'a> = &'a (dyn Fn(Traced) -> TraceSink + Sync);

/// The pipe, and who reads it.
pub(super) struct Pipe {
    folder: PathBuf,
    path: PathBuf,
    opened: mpsc::SyncSender<TraceSink>,
    reader: JoinHandle<()>,
}

impl Pipe {
    /// Makes a pipe, and waits for somebody to write to it.
    pub(super) fn make() -> Result<Self, GoError> {
        let folder = std::env::temp_dir().join(format!("coverglass-trace-{}", std::process::id()));
        DirBuilder::new().mode(0o700).create(&folder).map_err(GoError::file(&folder))?;
        let path = folder.join("pipe");
        let made = Command::new("mkfifo").arg(&path).stdin(Stdio::null()).status();
        let made = made.and_then(|status| match status.success() {
            true => Ok(()),
            false => Err(io::Error::other("mkfifo can't make it")),
        });
        made.map_err(GoError::file(&path))?;
        let (opened, sinks) = mpsc::sync_channel::<TraceSink>(1);
        let from = path.clone();
        let reader = std::thread::spawn(move || {
            // It waits here until the program opens its end.
            let Ok(mut pipe) = File::open(from) else { return };
            let Ok(mut sink) = sinks.recv() else { return };
            let mut piece = vec![0; PIECE];
            while let Ok(n) = pipe.read(&mut piece)
                && n > 0
            {
                sink(piece.get(..n).unwrap_or_default());
            }
        });
        Ok(Self { folder, path, opened, reader })
    }

    /// Tells a program of the pipe.
    pub(super) fn announce(&self, command: &mut Command) {
        let before = std::env::var("GODEBUG").unwrap_or_default();
        let own = before.split(',').any(|setting| setting.starts_with("traceadvanceperiod="));
        let debug = match (own, before.is_empty()) {
            (true, _) => before,
            (false, true) => PERIOD.to_owned(),
            (false, false) => format!("{before},{PERIOD}"),
        };
        command.env("GODEBUG", debug).env(VARIABLE, &self.path);
    }

    /// What takes the trace of the program, which has started.
    pub(super) fn give(&self, sink: TraceSink) {
        let _ = self.opened.try_send(sink);
    }

    /// Reads to the end, which has come when the program has ended.
    pub(super) fn end(self) {
        let Self { folder, path, opened, reader } = self;
        drop(opened);
        release(&path, &reader);
        let _ = reader.join();
        let _ = std::fs::remove_dir_all(folder);
    }
}

/// Lets a reader go on that waits for a writer, which now will not come.
fn release(path: &Path, reader: &JoinHandle<()>) {
    let flags = rustix::fs::OFlags::NONBLOCK.bits().cast_signed();
    while !reader.is_finished() {
        // It fails as long as there is no reader yet; one that reads finds the end at once.
        if OpenOptions::new().write(true).custom_flags(flags).open(path).is_ok() {
            return;
        }
        std::thread::sleep(Duration::from_millis(1));
    }
}
