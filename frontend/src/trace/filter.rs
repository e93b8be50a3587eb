//! Which goroutines are wanted.

use std::collections::{BTreeMap, BTreeSet};

use gotrace::event::TaskId;
use gotrace::joined::Seen;
use gotrace::trace::{Go, StateTimes};
use gotrace::{Names, StringId, Trace};
use serde::{Deserialize, Serialize};

use super::colors::{Shade, Shades};

/// What goroutines have to have, to be shown.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Filter {
    /// Words that its function's name or its id has, all of them: `worker`, `g12`, `12`.
    pub words: String,
    /// What it has done at least once, by [`Shade::name`]; empty if anything. The rest is pale.
    pub shades: Vec<String>,
    /// The kind of a task that it took part in.
    pub task: String,
    /// The kind of a region that it was in.
    pub region: String,
    /// A function that it had in a stack.
    pub ran: String,
    /// A line that it had in a stack, as `FILE:LINE`.
    pub at: String,
}

impl Filter {
    /// Everything is wanted.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// The shades that are wanted, by number; all where none is named.
    pub fn wanted(&self) -> [bool; Shade::COUNT] {
        let named: Vec<Shade> = self.shades.iter().filter_map(|name| Shade::named(name)).collect();
        Shade::ALL.map(|shade| named.is_empty() || named.contains(&shade))
    }

    /// Whether each goroutine is wanted, by number. Of those that were in its function and at its
    /// line, `here` has to tell ([`joined::here`](super::joined::here)).
    pub fn apply(
        &self,
        names: &Names,
        trace: &Trace,
        shades: &mut Shades,
        here: Option<&[(Go, Seen)]>,
    ) -> Vec<bool> {
        let mut wanted = vec![true; trace.goroutines.len()];
        if !self.words.trim().is_empty() {
            self.apply_words(names, trace, &mut wanted);
        }
        if !self.task.is_empty() {
            keep(&mut wanted, &of_task(names, trace, &self.task));
        }
        if !self.region.is_empty() {
            let regions = trace.regions.iter();
            let of = regions.filter(|region| names.text(region.name) == self.region);
            keep(&mut wanted, &of.map(|region| region.go).collect());
        }
        if let Some(here) = here {
            keep(&mut wanted, &here.iter().map(|(go, _)| *go).collect());
        }
        if !self.shades.is_empty() {
            let of = self.wanted();
            for (wanted, goroutine) in wanted.iter_mut().zip(&trace.goroutines) {
                *wanted = *wanted && has_been(&goroutine.track, names, trace.duration, &of, shades);
            }
        }
        wanted
    }

    fn apply_words(&self, names: &Names, trace: &Trace, wanted: &mut [bool]) {
        let words: Vec<Word> = self.words.split_whitespace().map(Word::new).collect();
        // There are few functions, whatever the number of goroutines.
        let mut fits: BTreeMap<StringId, Vec<bool>> = BTreeMap::new();
        for (wanted, goroutine) in wanted.iter_mut().zip(&trace.goroutines) {
            let fits = fits.entry(goroutine.function).or_insert_with(|| {
                let name = names.text(goroutine.function).to_lowercase();
                words
                    .iter()
                    .map(|word| word.text.is_some_and(|text| name.contains(&text.to_lowercase())))
                    .collect()
            });
            let id = goroutine.id.to_string();
            *wanted =
                *wanted && words.iter().zip(fits).all(|(word, fits)| *fits || word.id == Some(&id));
        }
    }
}

/// A word that is looked for.
struct Word<'w> {
    /// The id it names, if it is a number or `g` and a number.
    id: Option<&'w str>,
    /// What a name has to have in it; nothing for `g12`, which is an id only.
    text: Option<&'w str>,
}

impl<'w> Word<'w> {
    fn new(word: &'w str) -> Self {
        let digits = |text: &'w str| {
            (!text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())).then_some(text)
        };
        let id = word.strip_prefix(['g', 'G', '#']).and_then(digits);
        Self { id: id.or(digits(word)), text: if id.is_some() { None } else { Some(word) } }
    }
}

fn keep(wanted: &mut [bool], of: &BTreeSet<Go>) {
    for (number, wanted) in (0..).zip(wanted) {
        *wanted = *wanted && of.contains(&Go(number));
    }
}

/// The goroutines that began a task of a kind, or have a region or message of one.
fn of_task(names: &Names, trace: &Trace, kind: &str) -> BTreeSet<Go> {
    let tasks = trace.tasks.iter().filter(|task| names.text(task.name) == kind);
    let mut of: BTreeSet<Go> = tasks.clone().map(|task| task.go).collect();
    let ids: BTreeSet<TaskId> = tasks.map(|task| task.id).collect();
    of.extend(
        trace.regions.iter().filter(|region| ids.contains(&region.task)).map(|region| region.go),
    );
    of.extend(trace.logs.iter().filter(|log| ids.contains(&log.task)).map(|log| log.go));
    of
}

fn has_been(
    track: &gotrace::trace::Track,
    names: &Names,
    now: u64,
    of: &[bool; Shade::COUNT],
    shades: &mut Shades,
) -> bool {
    let times = track.times(0, u64::MAX, now);
    let wait = |shade: Shade| shade.waits() && of[shade as usize];
    let all_waits = Shade::ALL.into_iter().all(|shade| !shade.waits() || of[shade as usize]);
    let by_state = StateTimes::STATES.into_iter().any(|state| {
        let shade = shades.of(names, state, StringId::EMPTY);
        let wanted =
            shade.is_some_and(|shade| if shade.waits() { all_waits } else { of[shade as usize] });
        wanted && times.of(state) > 0
    });
    by_state
        || (Shade::ALL.into_iter().any(wait)
            && track
                .slices()
                .iter()
                .any(|slice| shades.of(names, slice.state, slice.reason).is_some_and(wait)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trace::testing;

    fn shown(filter: &Filter) -> Vec<usize> {
        let (names, trace) = testing::family();
        let wanted = filter.apply(&names, &trace, &mut Shades::default(), None);
        wanted.iter().enumerate().filter(|(_, wanted)| **wanted).map(|(at, _)| at).collect()
    }

    #[test]
    fn goroutines_are_found_by_function_and_id() {
        let words = |words: &str| Filter { words: words.to_owned(), ..Filter::default() };
        assert_eq!(shown(&words("")), [0, 1, 2, 3, 4]);
        assert_eq!(shown(&words("WORKER")), [1, 2]);
        assert_eq!(shown(&words("worker g3")), [2]);
        assert_eq!(shown(&words(" 5 ")), [4]);
        assert_eq!(shown(&words("g99")), [0usize; 0]);
    }

    #[test]
    fn goroutines_are_found_by_what_they_did() {
        let shades = |shades: &[&str]| Filter {
            shades: shades.iter().map(|name| (*name).to_owned()).collect(),
            ..Filter::default()
        };
        assert_eq!(shown(&shades(&["channel"])), [0]);
        assert_eq!(shown(&shades(&["sync"])), [1]);
        assert_eq!(shown(&shades(&["running"])), [0, 1, 2]);
        assert_eq!(shown(&shades(&["network"])), [0usize; 0]);
        assert_eq!(shown(&shades(&["runnable"])), [0, 1, 2, 3, 4]);
    }
}
