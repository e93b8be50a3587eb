//! What stacks tell of goroutines: who was at a line or in a function, and in which functions one
//! was. It is true, but not all: a trace has stacks only where goroutines wait, are stopped, make
//! system calls, wake or create others, log, or are sampled.

use std::collections::BTreeMap;
use std::str::FromStr;

use algebra::paths::best_match;
use anyhow::{Result, bail};
use gotrace::joined::{Joined, Ran, Seen};
use gotrace::trace::Go;
use gotrace::{Names, StringId};
use serde_json::{Value, json};

use super::glob::Glob;
use super::open::Opened;
use super::table::time;

/// A line of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Place {
    file: String,
    line: u32,
}

impl FromStr for Place {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let place = text.rsplit_once(':').and_then(|(file, line)| {
            let line = line.parse().ok().filter(|line| *line > 0)?;
            Some(Self { file: file.trim_start_matches("./").to_owned(), line })
        });
        let place = place.filter(|place| !place.file.is_empty());
        place.ok_or_else(|| "not FILE:LINE, as in main.go:12".to_owned())
    }
}

/// The stacks of goroutines, and those of them that were where they had to be.
pub(super) struct Where {
    joined: Joined,
    chosen: Option<BTreeMap<Go, Seen>>,
}

impl Where {
    /// Looks for goroutines that had a line, or a function that matches, in a stack; both in one
    /// call where both are given.
    pub(super) fn new(opened: &Opened, at: Option<&Place>, ran: Option<&Glob>) -> Result<Self> {
        let joined = Joined::of(&opened.trace);
        if at.is_none() && ran.is_none() {
            return Ok(Self { joined, chosen: None });
        }
        let names = &opened.names;
        let files = at.map(|place| files(names, &joined, &place.file));
        if let (Some(place), Some([])) = (at, files.as_deref()) {
            bail!(
                "no stack of {} names a file {}, or several could be meant",
                opened.name,
                place.file
            );
        }
        let line = at.map_or(0, |place| place.line);
        let chosen = joined.goroutines(names, |frame| {
            let is_at = files
                .as_ref()
                .is_none_or(|files| frame.line == line && files.contains(&frame.file));
            is_at && ran.is_none_or(|glob| glob.matches(names.text(frame.function)))
        });
        Ok(Self { joined, chosen: Some(chosen.into_iter().collect()) })
    }

    /// Whether only some goroutines were looked for.
    pub(super) fn is_some_only(&self) -> bool {
        self.chosen.is_some()
    }

    /// How often and when a goroutine was there.
    pub(super) fn seen(&self, go: Go) -> Option<Seen> {
        self.chosen.as_ref().and_then(|chosen| chosen.get(&go)).copied()
    }

    /// Whether a goroutine was there, if that is asked.
    pub(super) fn has(&self, go: Go) -> bool {
        self.chosen.as_ref().is_none_or(|chosen| chosen.contains_key(&go))
    }

    /// The functions that a goroutine was in.
    pub(super) fn functions(&self, names: &Names, go: Go) -> Vec<Ran> {
        self.joined.functions(names, go)
    }
}

/// The files of a trace that a person means: all whose names end so, or the one that ends most
/// like it.
fn files(names: &Names, joined: &Joined, name: &str) -> Vec<StringId> {
    let all = joined.files(names);
    let ends = |file: &&StringId| {
        let rest = names.text(**file).strip_suffix(name);
        rest.is_some_and(|rest| rest.is_empty() || rest.ends_with('/') || name.starts_with('/'))
    };
    let found: Vec<StringId> = all.iter().filter(ends).copied().collect();
    if !found.is_empty() {
        return found;
    }
    let best = best_match(name, all.iter().map(|file| names.text(*file)));
    best.and_then(|best| names.find(best)).into_iter().collect()
}

/// How often and when, as JSON.
pub(super) fn seen_json(seen: Seen) -> Value {
    json!({"stacks": seen.times, "first_ns": seen.first, "last_ns": seen.last})
}

/// A function that a goroutine was in, as JSON.
pub(super) fn ran_json(names: &Names, ran: &Ran) -> Value {
    let mut json = seen_json(ran.seen);
    json["function"] = names.text(ran.function).into();
    let lines = ran.lines.iter().map(|(file, line, seen)| {
        let mut json = seen_json(*seen);
        json["file"] = names.text(*file).into();
        json["line"] = (*line).into();
        json
    });
    json["lines"] = lines.collect();
    json
}

/// A function that a goroutine was in, as a line: name, how often, when, and at which lines.
pub(super) fn ran_line(names: &Names, ran: &Ran) -> String {
    let Seen { times, first, last } = ran.seen;
    let when =
        if first == last { time(first) } else { format!("{} to {}", time(first), time(last)) };
    let mut text = format!("{} {times}× {when}", names.text(ran.function));
    for (file, line, seen) in &ran.lines {
        text += &format!(", {}:{line}", names.text(*file));
        if seen.times != times {
            text += &format!(" {}×", seen.times);
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_a_file_and_a_line() {
        let place = |text: &str| Place::from_str(text).map(|place| (place.file, place.line));
        assert_eq!(place("./a/main.go:12"), Ok(("a/main.go".to_owned(), 12)));
        assert_eq!(place("C:/a.go:3"), Ok(("C:/a.go".to_owned(), 3)));
        for wrong in ["main.go", "main.go:", "main.go:0", ":3", "main.go:x", ""] {
            assert!(place(wrong).is_err(), "{wrong}");
        }
    }
}
