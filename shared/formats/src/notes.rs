//! What a reader put up with.

use std::borrow::Cow;
use std::collections::HashMap;

use crate::limits;

/// Oddities that did not stop a reader: what was left out or may mislead. Bounded: the same note
/// on the same file is counted, and past [`limits::NOTES`] notes only the number grows.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Notes {
    notes: Vec<Note>,
    /// Positions of those, by file and what they say.
    positions: HashMap<String, HashMap<Cow<'static, str>, usize>>,
    n_left_out: u64,
}

/// One oddity.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Note {
    /// The file that it is about, as it was given; empty for the input as a whole.
    pub file: String,
    /// What is odd: a fragment in lower case that reads well after "FILE: ".
    pub what: Cow<'static, str>,
    /// How often it was met.
    pub times: u64,
}

impl Notes {
    /// Notes an oddity of a file.
    pub fn add(&mut self, file: &str, what: impl Into<Cow<'static, str>>) {
        self.add_times(file, what, 1);
    }

    /// Notes an oddity of a file that was met so often.
    pub(crate) fn add_times(&mut self, file: &str, what: impl Into<Cow<'static, str>>, times: u64) {
        let what = what.into();
        let known = self.positions.get(file).and_then(|of_file| of_file.get(&what));
        if let Some(note) = known.and_then(|at| self.notes.get_mut(*at)) {
            note.times += times;
        } else if self.notes.len() < limits::NOTES {
            let of_file = self.positions.entry(file.to_owned()).or_default();
            of_file.insert(what.clone(), self.notes.len());
            self.notes.push(Note { file: file.to_owned(), what, times });
        } else {
            self.n_left_out += times;
        }
    }

    /// All notes in the order in which they were first met.
    pub fn all(&self) -> &[Note] {
        &self.notes
    }

    /// How many more notes there were than are kept.
    pub fn n_left_out(&self) -> u64 {
        self.n_left_out
    }
}
