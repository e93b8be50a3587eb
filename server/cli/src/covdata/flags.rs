//! Flags in Go's form: `-name=value`, `-name value`, one dash or two, up to the first argument
//! that is none.

use std::fmt::Arguments;
use std::io::Write;
use std::path::PathBuf;

use super::Verb;
use super::input::{CounterPath, PodFiles};
use super::pattern::Patterns;

/// The flags of a `covdata` command.
#[derive(Debug, Default)]
pub(super) struct Flags {
    /// `-i`: folders to read, in order.
    pub inputs: Vec<PathBuf>,
    /// `-o`: file or folder to write.
    pub output: Option<PathBuf>,
    /// `-pkg`: packages to keep; all, if not given.
    pub packages: Patterns,
    /// `-pcombine`: join different binaries.
    pub combine: bool,
    /// `-live`: leave out functions that did not run.
    pub live: bool,
    /// `-v`: how much to say.
    pub verbose: i64,
}

impl Flags {
    /// A line on standard output of what Go's tool says from this verbosity on.
    pub(super) fn trace(&self, level: i64, line: Arguments<'_>) {
        if self.verbose >= level {
            let _ = writeln!(std::io::stdout(), "{line}");
        }
    }

    /// The lines of Go's tool on the counter files of a pod.
    pub(super) fn trace_counters(&self, pod: &PodFiles) {
        for CounterPath { path, folder } in &pod.counters {
            let path = path.display();
            self.trace(2, format_args!("visit counter data file {path} dirIdx {folder}"));
        }
    }
}

/// What the arguments of a command are.
pub(super) enum Parsed {
    /// Flags.
    Flags(Flags),
    /// A call for help.
    Help,
    /// Wrong, and why.
    Wrong(String),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Text,
    Switch,
    Number,
}

/// Name, kind, what it does, and which commands have it (none listed: all).
const FLAGS: &[(&str, Kind, &str, &[Verb])] = &[
    ("i", Kind::Text, "folders to read, separated by commas", &[]),
    (
        "o",
        Kind::Text,
        "file or folder to write",
        &[Verb::Textfmt, Verb::Percent, Verb::Merge, Verb::Subtract, Verb::Intersect],
    ),
    ("pkg", Kind::Text, "only packages that match one of these patterns, as in a/b,c/...", &[]),
    ("pcombine", Kind::Switch, "join what different binaries counted", &[Verb::Merge]),
    ("live", Kind::Switch, "only functions that ran", &[Verb::Debugdump]),
    ("v", Kind::Number, "1 or 2: say what is read", &[]),
    (
        "h",
        Kind::Switch,
        "accepted for Go's sake, as are -hw and the flags for profiles of the tool",
        &[],
    ),
    ("hw", Kind::Switch, "", &[]),
    ("cpuprofile", Kind::Text, "", &[]),
    ("memprofile", Kind::Text, "", &[]),
    ("memprofilerate", Kind::Number, "", &[]),
];

fn applies(verbs: &[Verb], verb: Verb) -> bool {
    verbs.is_empty() || verbs.contains(&verb)
}

/// The flags of a command, for people.
pub(super) fn help(verb: Verb) -> String {
    FLAGS
        .iter()
        .filter(|(_, _, does, verbs)| applies(verbs, verb) && !does.is_empty())
        .map(|(name, _, does, _)| format!("  -{name:<9} {does}\n"))
        .collect()
}

/// Reads the arguments after a command.
pub(super) fn parse(verb: Verb, arguments: &[String]) -> Parsed {
    let mut flags = Flags::default();
    let mut rest = arguments.iter();
    while let Some(argument) = rest.next() {
        let Some(name) = argument.strip_prefix('-').filter(|name| !name.is_empty()) else {
            return Parsed::Wrong("unknown extra arguments".into());
        };
        let name = match name.strip_prefix('-') {
            Some("") if rest.as_slice().is_empty() => break,
            Some("") => return Parsed::Wrong("unknown extra arguments".into()),
            Some(name) => name,
            None => name,
        };
        if name.starts_with(['-', '=']) {
            return Parsed::Wrong(format!("bad flag syntax: {argument}"));
        }
        let (name, value) = match name.split_once('=') {
            Some((name, value)) => (name, Some(value)),
            None => (name, None),
        };
        let found =
            FLAGS.iter().find(|(known, _, _, verbs)| *known == name && applies(verbs, verb));
        let Some((_, kind, ..)) = found else {
            if name == "help" {
                return Parsed::Help;
            }
            return Parsed::Wrong(format!("flag provided but not defined: -{name}"));
        };
        let value = match (value, kind) {
            (Some(value), _) => value,
            (None, Kind::Switch) => "true",
            (None, _) => match rest.next() {
                Some(value) => value,
                None => return Parsed::Wrong(format!("flag needs an argument: -{name}")),
            },
        };
        if let Err(reason) = set(&mut flags, name, *kind, value) {
            return Parsed::Wrong(reason);
        }
    }
    Parsed::Flags(flags)
}

fn set(flags: &mut Flags, name: &str, kind: Kind, value: &str) -> Result<(), String> {
    let switch = match value {
        "1" | "t" | "T" | "true" | "TRUE" | "True" => Some(true),
        "0" | "f" | "F" | "false" | "FALSE" | "False" => Some(false),
        _ => None,
    };
    if kind == Kind::Switch && switch.is_none() {
        return Err(format!("invalid boolean value {value:?} for -{name}"));
    }
    let number = number(value);
    if kind == Kind::Number && number.is_none() {
        return Err(format!("invalid value {value:?} for flag -{name}"));
    }
    match name {
        "i" if value.is_empty() => flags.inputs.clear(),
        "i" => flags.inputs = value.split(',').map(PathBuf::from).collect(),
        "o" => flags.output = Some(value).filter(|value| !value.is_empty()).map(PathBuf::from),
        "pkg" => flags.packages = Patterns::of(value),
        "pcombine" => flags.combine = switch.unwrap_or_default(),
        "live" => flags.live = switch.unwrap_or_default(),
        "v" => flags.verbose = number.unwrap_or_default(),
        _ => {}
    }
    Ok(())
}

/// An integer as Go's flags take it: with a sign, a base and underscores.
fn number(text: &str) -> Option<i64> {
    let (sign, digits) = match text.strip_prefix('-') {
        Some(digits) => (-1, digits),
        None => (1, text.strip_prefix('+').unwrap_or(text)),
    };
    let digits = digits.to_ascii_lowercase();
    let (base, digits) = match digits.get(..2) {
        Some("0x") => (16, &digits[2..]),
        Some("0b") => (2, &digits[2..]),
        Some("0o") => (8, &digits[2..]),
        _ if digits.len() > 1 && digits.starts_with('0') => (8, &digits[1..]),
        _ => (10, &digits[..]),
    };
    i64::from_str_radix(&digits.replace('_', ""), base).ok()?.checked_mul(sign)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(verb: Verb, arguments: &[&str]) -> Result<Flags, String> {
        let arguments: Vec<_> = arguments.iter().map(ToString::to_string).collect();
        match parse(verb, &arguments) {
            Parsed::Flags(flags) => Ok(flags),
            Parsed::Help => Err("help".into()),
            Parsed::Wrong(reason) => Err(reason),
        }
    }

    #[test]
    fn every_form_of_a_flag_is_read() {
        let flags = parsed(Verb::Merge, &["-i=a,b", "--o", "c", "-pcombine", "-v=0x10", "--"]);
        let flags = flags.unwrap();
        assert_eq!(flags.inputs, [PathBuf::from("a"), PathBuf::from("b")]);
        assert_eq!(flags.output, Some(PathBuf::from("c")));
        assert!(flags.combine);
        assert_eq!(flags.verbose, 16);
    }

    #[test]
    fn what_go_refuses_is_refused() {
        for (arguments, reason) in [
            (&["-i"][..], "flag needs an argument: -i"),
            (&["-live"], "flag provided but not defined: -live"),
            (&["-v=x"], "invalid value \"x\" for flag -v"),
            (&["-pcombine=x"], "invalid boolean value \"x\" for -pcombine"),
            (&["-=3"], "bad flag syntax: -=3"),
            (&["---i"], "bad flag syntax: ---i"),
            (&["-i=a", "b"], "unknown extra arguments"),
            (&["-"], "unknown extra arguments"),
            (&["--", "b"], "unknown extra arguments"),
            (&["--help"], "help"),
        ] {
            assert_eq!(parsed(Verb::Merge, arguments).unwrap_err(), reason);
        }
    }
}
