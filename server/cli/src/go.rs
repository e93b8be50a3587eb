//! `build`, `run` and `test`: everything goes to the instrumenter as it is.

use std::ffi::OsString;
use std::process::ExitCode;

use instrument::go::Verb;

/// Runs the go command; the exit code is go's own.
pub(crate) fn command(verb: Verb, arguments: &[OsString]) -> ExitCode {
    let code = instrument::go::command(verb, arguments, &crate::livetrace::take);
    u8::try_from(code).map_or(ExitCode::FAILURE, ExitCode::from)
}
