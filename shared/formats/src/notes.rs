//! What a reader put up with.

use std::borrow::Cow;

use crate::limits;

/// Oddities that did not stop a reader: what was left out or may mislead. Bounded: the same note
/// on the same file is counted, and past [`limits::NOTES`] notes only the number grows.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Notes {
    notes: Vec<Note>,
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
        let what = what.into();
        if let Some(note) = self.notes.iter_mut().rev().find(|n| n.file == file && n.what == what) {
            note.times += 1;
        } else if self.notes.len() < limits::NOTES {
            self.notes.push(Note { file: file.to_owned(), what, times: 1 });
        } else {
            self.n_left_out += 1;
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
