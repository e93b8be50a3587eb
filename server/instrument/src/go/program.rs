//! Running a program as `go run` does.

use std::ffi::OsString;
use std::io;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus};

use super::GoError;
use super::tracing::{Pipe, Traced, Tracer};

/// Starts the program and waits for its end; the result is the exit code of `go run`.
pub(super) fn run(
    program: &Path,
    wrapper: &[String],
    arguments: &[OsString],
    directory: &Path,
    environment: Option<(&str, PathBuf)>,
    trace: Option<(Option<PathBuf>, Tracer<'_>)>,
) -> Result<i32, GoError> {
    let mut command = match wrapper.split_first() {
        Some((first, rest)) => {
            let mut command = Command::new(first);
            command.args(rest).arg(program);
            command
        }
        None => Command::new(program),
    };
    command.args(arguments).current_dir(directory).envs(environment);
    let Some((file, tracer)) = trace else {
        return Ok(report(attend(&mut command, |_| {}).map_err(GoError::file(program))?));
    };
    let pipe = Pipe::make()?;
    pipe.announce(&mut command);
    let name = program.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let ended = attend(&mut command, |pid| pipe.give(tracer(Traced { pid, name, file })));
    pipe.end();
    Ok(report(ended.map_err(GoError::file(program))?))
}

/// Starts a command and waits for its end; `started` is given its process id first. Signals that
/// reach us meanwhile are for the command.
///
/// # Errors
/// It can't be started, or signals can't be caught.
pub fn attend(command: &mut Command, started: impl FnOnce(u32)) -> io::Result<ExitStatus> {
    let signals = super::signals::Forwarder::install()?;
    let mut child = command.spawn()?;
    started(child.id());
    signals.wait(&mut child)
}

/// Says how the program ended, in go's words, unless it ended well.
fn report(status: ExitStatus) -> i32 {
    match (status.code(), status.signal()) {
        (Some(0), _) => return 0,
        (Some(code), _) => eprintln!("exit status {code}"),
        (None, Some(signal)) => eprintln!("signal: {}", super::signals::name(signal)),
        (None, None) => eprintln!("{status}"),
    }
    1
}
