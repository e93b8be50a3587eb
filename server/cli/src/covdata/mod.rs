//! `coverglass covdata`: a drop-in for `go tool covdata`, without Go.
//!
//! Same commands, flags, exit codes, files and standard output, byte for byte, its oddities
//! included; messages on standard error are our own. Where Go's tool crashes, hangs or hides that
//! data is damaged, this one says so and fails.

mod accumulate;
mod dump;
mod flags;
mod input;
mod merge;
mod pattern;
pub(crate) mod report;
mod runs;
mod setops;
mod threads;

use std::ffi::OsString;
use std::fs::File;
use std::io::Write;
use std::process::ExitCode;

use anyhow::Result;

use self::flags::{Flags, Parsed};
use self::input::Input;

/// What `covdata` does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verb {
    Textfmt,
    Percent,
    Pkglist,
    Func,
    Merge,
    Subtract,
    Intersect,
    Debugdump,
}

/// Name, use, and what it does.
const VERBS: &[(Verb, &str, &str, &str)] = &[
    (Verb::Textfmt, "textfmt", "-i=DIRS -o=FILE", "write a Go text profile"),
    (
        Verb::Percent,
        "percent",
        "-i=DIRS [-o=FILE]",
        "print the share of statements covered, by package",
    ),
    (Verb::Pkglist, "pkglist", "-i=DIRS", "print the import paths of all packages"),
    (Verb::Func, "func", "-i=DIRS", "print the share of statements covered, by function"),
    (Verb::Merge, "merge", "-i=DIRS -o=DIR", "add the counts of all runs"),
    (
        Verb::Subtract,
        "subtract",
        "-i=DIR1,DIR2 -o=DIR",
        "keep of the first what the second did not hit",
    ),
    (
        Verb::Intersect,
        "intersect",
        "-i=DIR1,DIR2 -o=DIR",
        "keep of the first what the others hit too",
    ),
    (Verb::Debugdump, "debugdump", "-i=DIRS", "print everything that the files hold"),
];

/// `coverglass covdata`, with everything that follows.
pub(crate) fn command(arguments: &[OsString]) -> ExitCode {
    let arguments: Vec<String> =
        arguments.iter().map(|argument| argument.to_string_lossy().into_owned()).collect();
    let Some((word, rest)) = arguments.split_first() else {
        return usage("missing command");
    };
    let Some(&(verb, name, form, does)) = VERBS.iter().find(|(_, name, ..)| name == word) else {
        return usage(&format!("unknown command {word:?}"));
    };
    let help = |reason: &str| {
        if !reason.is_empty() {
            crate::complain(reason);
        }
        let _ = write!(
            std::io::stderr(),
            "usage: coverglass covdata {name} {form}\n\n{does}\n\n{}",
            flags::help(verb)
        );
        ExitCode::from(2)
    };
    let flags = match flags::parse(verb, rest) {
        Parsed::Flags(flags) => flags,
        Parsed::Help => return help(""),
        Parsed::Wrong(reason) => return help(&reason),
    };
    flags.trace(1, format_args!("starting mode-independent setup"));
    if flags.inputs.is_empty() {
        return help("select input directories with '-i'");
    }
    let needs_output =
        !matches!(verb, Verb::Percent | Verb::Pkglist | Verb::Func | Verb::Debugdump);
    if needs_output && flags.output.is_none() {
        return help("select an output with '-o'");
    }
    if verb == Verb::Subtract && flags.inputs.len() != 2 {
        return help("subtract takes exactly two input directories");
    }
    let profile = match &flags.output {
        Some(path) if matches!(verb, Verb::Textfmt | Verb::Percent) => match File::create(path) {
            Ok(file) => Some(file),
            Err(error) => return help(&format!("cannot write {}: {error}", path.display())),
        },
        _ => None,
    };
    if verb == Verb::Debugdump {
        dump::preamble(&arguments);
    }
    flags.trace(1, format_args!("starting perform"));
    match run(verb, &flags, profile) {
        Ok(()) => {
            flags.trace(1, format_args!("leaving main"));
            ExitCode::SUCCESS
        }
        Err(error) => {
            crate::complain(&format!("{error:#}"));
            ExitCode::from(1)
        }
    }
}

fn usage(reason: &str) -> ExitCode {
    crate::complain(reason);
    let mut text = String::from("usage: coverglass covdata COMMAND FLAGS\n\n");
    for (_, name, _, does) in VERBS {
        text.push_str(&format!("  {name:<10} {does}\n"));
    }
    text.push_str("\nA command's flags: coverglass covdata COMMAND -help\n");
    let _ = std::io::stderr().write_all(text.as_bytes());
    ExitCode::from(2)
}

fn run(verb: Verb, flags: &Flags, profile: Option<File>) -> Result<()> {
    let input = Input::open(&flags.inputs)?;
    if input.pods.is_empty() {
        warn("no applicable files found in input directories");
    }
    if flags.verbose > 0 {
        for pod in &input.pods {
            let n = pod.counters.len();
            crate::complain(&format!("{} with {n} counter files", pod.meta.display()));
        }
    }
    match verb {
        Verb::Textfmt | Verb::Percent | Verb::Func => report::report(verb, &input, flags, profile),
        Verb::Pkglist => report::packages(&input, flags),
        Verb::Debugdump => dump::dump(&input, flags),
        Verb::Merge if flags.combine => merge::combine(&input, flags),
        Verb::Merge => merge::merge(&input, flags),
        Verb::Subtract => setops::subtract(&input, flags),
        Verb::Intersect => setops::intersect(&input, flags),
    }
}

/// One sentence on standard error about what may mislead.
fn warn(sentence: &str) {
    crate::complain(&format!("warning: {sentence}"));
}
