//! Goroutines and source: the functions that one was in, and who was at a line.

use algebra::paths::best_match;
use gotrace::joined::{Joined, Seen};
use gotrace::trace::Go;
use gotrace::{Frame, Names, StringId, Trace};
use serde::{Deserialize, Serialize};

use super::filter::Filter;

/// Most functions of a goroutine that are told.
pub const MOST: usize = 120;

/// A function that a goroutine was in.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Ran {
    /// Its name.
    pub function: String,
    /// Stacks that it was in.
    pub times: f64,
    /// When first, in nanoseconds.
    pub first: f64,
    /// When last.
    pub last: f64,
    /// Where in it.
    pub lines: Vec<Spot>,
}

/// A line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Default)]
pub struct Spot {
    /// Its file, as the trace names it.
    pub file: String,
    /// Its number.
    pub line: u32,
    /// Stacks that it was in.
    pub times: u32,
}

/// Who was at a line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct There {
    /// The place as it was asked for.
    pub asked: String,
    /// The same, with the file as the trace names it.
    pub at: String,
    /// Goroutines that had it in a stack.
    pub goroutines: u32,
}

/// A place as a filter has it.
pub fn place(file: &str, line: u32) -> String {
    if file.is_empty() { String::new() } else { format!("{file}:{line}") }
}

/// The functions that a goroutine was in, those of the program before those of the runtime, each
/// in the order in which they were first seen; and how many there are.
pub fn ran(names: &Names, trace: &Trace, go: Go) -> (Vec<Ran>, u32) {
    let mut all = Joined::of_one(trace, go).functions(names, go);
    all.sort_by_key(|ran| is_runtime(names.text(ran.function)));
    let count = u32::try_from(all.len()).unwrap_or(u32::MAX);
    let told = all.iter().take(MOST).map(|ran| Ran {
        function: names.text(ran.function).to_owned(),
        times: ran.seen.times as f64,
        first: ran.seen.first as f64,
        last: ran.seen.last as f64,
        lines: ran
            .lines
            .iter()
            .map(|(file, line, seen)| Spot {
                file: names.text(*file).to_owned(),
                line: *line,
                times: u32::try_from(seen.times).unwrap_or(u32::MAX),
            })
            .collect(),
    });
    (told.collect(), count)
}

/// Whether a function is the runtime's own.
pub fn is_runtime(function: &str) -> bool {
    function.starts_with("runtime.") || function.starts_with("internal/")
}

/// The goroutines that were where a filter says; `None` where it says nothing of that.
pub fn here(names: &Names, joined: &Joined, filter: &Filter) -> Option<Vec<(Go, Seen)>> {
    if filter.ran.is_empty() && filter.at.is_empty() {
        return None;
    }
    let function = names.find(&filter.ran).filter(|_| !filter.ran.is_empty());
    let at = filter.at.rsplit_once(':').and_then(|(file, lines)| {
        let (from, to) = lines.split_once('-').unwrap_or((lines, lines));
        let lines = from.parse::<u32>().ok()?..=to.parse::<u32>().ok()?;
        Some((file_of(names, joined, file)?, lines))
    });
    // What no stack names is nowhere.
    if (function.is_none() && !filter.ran.is_empty()) || (at.is_none() && !filter.at.is_empty()) {
        return Some(Vec::new());
    }
    let is_it = |frame: &Frame| {
        function.is_none_or(|function| frame.function == function)
            && at
                .as_ref()
                .is_none_or(|(file, lines)| frame.file == *file && lines.contains(&frame.line))
    };
    Some(joined.goroutines(names, is_it))
}

/// Who was at a line, or some of them, of a file as a profile names it.
pub fn there(names: &Names, joined: &Joined, asked: &str) -> There {
    let filter = Filter { at: asked.to_owned(), ..Filter::default() };
    let found = asked.rsplit_once(':').and_then(|(file, lines)| {
        let file = names.text(file_of(names, joined, file)?);
        Some(format!("{file}:{lines}"))
    });
    let count = here(names, joined, &filter).map_or(0, |here| here.len());
    There {
        asked: asked.to_owned(),
        at: found.unwrap_or_default(),
        goroutines: u32::try_from(count).unwrap_or(u32::MAX),
    }
}

/// The file of a trace that has this name, or whose name ends like it.
pub fn file_of(names: &Names, joined: &Joined, name: &str) -> Option<StringId> {
    let files = joined.files(names);
    if let Some(exact) = names.find(name).filter(|file| files.contains(file)) {
        return Some(exact);
    }
    names.find(best_match(name, files.iter().map(|file| names.text(*file)))?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trace::testing;

    fn at(filter: &Filter) -> Option<Vec<u32>> {
        let (names, trace) = testing::family();
        let here = here(&names, &Joined::of(&trace), filter)?;
        Some(here.iter().map(|(go, _)| go.0).collect())
    }

    #[test]
    fn a_goroutine_has_functions_and_those_of_the_program_come_first() {
        let (names, trace) = testing::family();
        let (ran, count) = ran(&names, &trace, Go(0));
        let told: Vec<_> =
            ran.iter().map(|ran| (&*ran.function, ran.times, ran.first, ran.last)).collect();
        assert_eq!(told, [("main.main", 3.0, 10.0, 30.0), ("runtime.chanrecv1", 1.0, 30.0, 30.0)]);
        assert_eq!(ran[0].lines, [Spot { file: "main.go".to_owned(), line: 10, times: 3 }]);
        assert_eq!(count, 2);
    }

    #[test]
    fn a_line_has_goroutines() {
        let line = |at: &str| Filter { at: at.to_owned(), ..Filter::default() };
        assert_eq!(at(&Filter::default()), None);
        assert_eq!(at(&line("main.go:20")), Some(vec![1, 2]));
        assert_eq!(at(&line("example.com/shop/main.go:20")), Some(vec![1, 2]));
        assert_eq!(at(&line("main.go:10-20")), Some(vec![0, 1, 2]));
        assert_eq!(at(&line("main.go:20-10")), Some(vec![]));
        assert_eq!(at(&line("main.go:21")), Some(vec![]));
        assert_eq!(at(&line("other.go:20")), Some(vec![]));
        assert_eq!(at(&line("main.go")), Some(vec![]));
        let ran = |ran: &str| Filter { ran: ran.to_owned(), ..Filter::default() };
        assert_eq!(at(&ran("runtime.chansend1")), Some(vec![2]));
        assert_eq!(at(&ran("main.nobody")), Some(vec![]));
        let both = Filter { ran: "main.worker".to_owned(), ..line("main.go:10") };
        assert_eq!(at(&both), Some(vec![]));
    }

    #[test]
    fn a_line_of_a_profile_is_one_of_the_trace() {
        let (names, trace) = testing::family();
        let joined = Joined::of(&trace);
        let there = |asked: &str| {
            let there = there(&names, &joined, asked);
            (there.at, there.goroutines)
        };
        assert_eq!(there("example.com/m/main.go:20"), ("main.go:20".to_owned(), 2));
        assert_eq!(there("example.com/m/main.go:7-9"), ("main.go:7-9".to_owned(), 0));
        assert_eq!(there("example.com/m/a.go:20"), (String::new(), 0));
    }
}
