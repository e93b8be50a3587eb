//! The counter section of a `-cover` binary, as it is read again and again.
//!
//! ```text
//! section  := (function | 0 u32)*                       zeros stand for functions that never ran
//! function := counters n u32 · package u32 · number in the package u32 · counter u32 × n
//! ```
//!
//! A function writes its header when it is entered, each time: number of counters first, and then
//! counts. It does so while we read, so what is found in one reading may be half a header. Two
//! readings settle it: what the first one saw counted has a header that the second one sees whole.
//!
//! Nothing here reads a process: these are pure functions of bytes that somebody else wrote.

use std::ops::Range;

use coverage::Mode;

use super::super::layout::u32_at;

/// Bytes compared at a time.
const BLOCK_BYTES: usize = 1024;
/// Words before a function's first counter.
const HEADER_WORDS: usize = 3;
/// A word that is part of a header, or of a function that isn't known.
const NO_UNIT: u32 = u32::MAX;

/// What a header's package and function numbers stand for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Lookup {
    /// These units of the process, one for each counter.
    Units(Range<u32>),
    /// A package that isn't registered yet.
    NotYet,
    /// Nothing.
    Nothing,
}

/// The counters of a process: cumulative, and when each changed last.
#[derive(Debug, Default)]
pub(super) struct Counters {
    /// The section as far as its words belong to known units; the others stay 0.
    known: Vec<u8>,
    /// For each word: its unit and one, 0 while that isn't known, or [`NO_UNIT`].
    places: Vec<u32>,
    pub(super) mode: Mode,
    /// Counts by unit.
    pub(super) totals: Vec<u64>,
    /// When each changed last, in milliseconds since the process started.
    pub(super) changed: Vec<u32>,
    /// What was read of each unit last, for what it left in a file.
    last: Vec<u32>,
    is_changed: Vec<bool>,
    /// Units that changed since they were told, in no order.
    changes: Vec<u32>,
}

impl Counters {
    /// The counters of a section of this length.
    pub(super) fn new(bytes: usize) -> Self {
        let n_words = bytes / 4;
        Self { known: vec![0; 4 * n_words], places: vec![0; n_words], ..Self::default() }
    }

    /// Makes room for so many units.
    pub(super) fn grow(&mut self, n_units: usize) {
        self.totals.resize(n_units, 0);
        self.changed.resize(n_units, 0);
        self.last.resize(n_units, 0);
        self.is_changed.resize(n_units, false);
    }

    /// Takes the changes of known units, and returns whether there are others.
    pub(super) fn compare(&mut self, fresh: &[u8], now: u32) -> bool {
        let mut others = false;
        let mut changes = Vec::new();
        let blocks = fresh.chunks(BLOCK_BYTES).zip(self.known.chunks_mut(BLOCK_BYTES));
        for (block_idx, (fresh, known)) in blocks.enumerate() {
            if fresh == known {
                continue;
            }
            let words = fresh.chunks_exact(4).zip(known.chunks_exact_mut(4));
            for (word_idx, (fresh, known)) in words.enumerate().filter(|(_, (a, b))| a != b) {
                let word = block_idx * BLOCK_BYTES / 4 + word_idx;
                match self.places.get(word).copied().unwrap_or(NO_UNIT) {
                    0 => others = true,
                    NO_UNIT => {}
                    place => {
                        known.copy_from_slice(fresh);
                        changes.push((place - 1, u32_at(fresh, 0)));
                    }
                }
            }
        }
        for (unit, value) in changes {
            self.count(unit, value, now);
        }
        others
    }

    /// Finds functions that were entered since, given two readings, one after the other. Returns
    /// whether all that counts was found.
    pub(super) fn find(
        &mut self,
        first: &[u8],
        second: &[u8],
        now: u32,
        lookup: impl Fn(u32, u32) -> Lookup,
    ) -> bool {
        let mut complete = true;
        let mut word = 0;
        while word + HEADER_WORDS < self.places.len() {
            let header = second.get(4 * word..4 * (word + HEADER_WORDS)).unwrap_or_default();
            let n_counters = u32_at(header, 0) as usize;
            if n_counters == 0 || self.places.get(word) != Some(&0) {
                word += 1;
                continue;
            }
            let counters = word + HEADER_WORDS..(word + HEADER_WORDS).saturating_add(n_counters);
            let counted = first.get(4 * counters.start..4usize.saturating_mul(counters.end));
            let fits = counted.is_some();
            let counts = counted.unwrap_or_default().iter().any(|&byte| byte != 0);
            let whole = first.get(4 * word..4 * (word + HEADER_WORDS)) == Some(header) && counts;
            let found = lookup(u32_at(header, 4), u32_at(header, 8));
            let is_coming = found == Lookup::NotYet;
            let units = match found {
                Lookup::Units(units) if fits && units.len() == n_counters => Some(units),
                _ => None,
            };
            match units {
                Some(units) if whole => {
                    self.place(word, NO_UNIT, HEADER_WORDS);
                    for (counter, unit) in counters.clone().zip(units) {
                        self.place(counter, unit.saturating_add(1), 1);
                    }
                }
                // Begun while it was read.
                Some(_) => complete = false,
                None if fits && (!counts || is_coming) => complete = false,
                // Go's own reader goes on behind it, too.
                None if fits && whole => self.place(word, NO_UNIT, HEADER_WORDS + n_counters),
                // Where the next one starts, nobody knows.
                None => return false,
            }
            word = counters.end;
        }
        self.compare(second, now);
        complete
    }

    fn place(&mut self, word: usize, place: u32, n_words: usize) {
        if let Some(places) = self.places.get_mut(word..word + n_words) {
            places.fill(place);
        }
    }

    /// Takes what a counter of a unit was read as. What is a little more than before, modulo 2³²,
    /// is an overflow. Any other decrease was the program clearing its counters, which only the
    /// atomic mode allows, or else goroutines that overwrote each other's increments.
    fn count(&mut self, unit: u32, value: u32, now: u32) {
        let Some(last) = self.last.get_mut(unit as usize) else { return };
        let step = value.wrapping_sub(*last);
        let more = if value >= *last || (step < 1 << 31 && value != 0) {
            step
        } else if self.mode == Mode::Atomic {
            value
        } else {
            return;
        };
        *last = value;
        self.add(unit, more, now);
    }

    /// Takes the counts of units from a file that the process left. What was read later than the
    /// file was written stays.
    pub(super) fn count_left(&mut self, units: Range<u32>, counts: &[u32], now: u32) {
        for (unit, &value) in units.zip(counts) {
            let Some(last) = self.last.get_mut(unit as usize) else { return };
            let step = value.wrapping_sub(*last);
            if step < 1 << 31 || *last == 0 {
                *last = value;
                self.add(unit, step, now);
            }
        }
    }

    fn add(&mut self, unit: u32, more: u32, now: u32) {
        let position = unit as usize;
        let Some(total) = self.totals.get_mut(position).filter(|_| more > 0) else { return };
        let before = *total;
        *total = total.saturating_add(u64::from(more));
        if self.mode == Mode::Set {
            *total = 1;
        }
        if *total == before {
            return;
        }
        if let Some(changed) = self.changed.get_mut(position) {
            *changed = now;
        }
        self.mark(unit);
    }

    fn mark(&mut self, unit: u32) {
        if let Some(is_changed) = self.is_changed.get_mut(unit as usize)
            && !std::mem::replace(is_changed, true)
        {
            self.changes.push(unit);
        }
    }

    /// Nothing was told yet.
    pub(super) fn announce(&mut self) {
        self.changes.clear();
        self.is_changed.fill(false);
        for unit in 0..u32::try_from(self.totals.len()).unwrap_or(u32::MAX) {
            if self.totals.get(unit as usize).is_some_and(|&total| total > 0) {
                self.mark(unit);
            }
        }
    }

    /// Up to `limit` of the units that changed since they were told, ascending. They count as told.
    pub(super) fn take_changes(&mut self, limit: usize) -> Vec<u32> {
        self.changes.sort_unstable();
        let taken: Vec<u32> = self.changes.drain(..limit.min(self.changes.len())).collect();
        for &unit in &taken {
            if let Some(is_changed) = self.is_changed.get_mut(unit as usize) {
                *is_changed = false;
            }
        }
        taken
    }

    /// Whether everything was told.
    pub(super) fn is_told(&self) -> bool {
        self.changes.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes(words: &[u32]) -> Vec<u8> {
        words.iter().flat_map(|word| word.to_le_bytes()).collect()
    }

    /// Package 1: functions of two units and of one.
    fn lookup(package: u32, function: u32) -> Lookup {
        match (package, function) {
            (1, 0) => Lookup::Units(0..2),
            (1, 1) => Lookup::Units(2..3),
            (2, _) => Lookup::NotYet,
            _ => Lookup::Nothing,
        }
    }

    fn counters(n_words: usize) -> Counters {
        let mut counters = Counters::new(4 * n_words);
        counters.grow(3);
        counters
    }

    #[test]
    fn functions_are_found_once_they_run_and_followed_from_then_on() {
        let mut counters = counters(10);
        assert!(!counters.compare(&bytes(&[0; 10]), 5));
        let ran = bytes(&[0, 0, 0, 0, 0, 0, 1, 1, 1, 4]);
        assert!(counters.compare(&ran, 5));
        assert!(counters.find(&ran, &ran, 5, lookup));
        assert_eq!(counters.totals, [0, 0, 4]);
        let ran = bytes(&[2, 1, 0, 7, 0, 0, 1, 1, 1, 6]);
        assert!(counters.compare(&ran, 9));
        assert!(counters.find(&ran, &ran, 9, lookup));
        assert_eq!((&*counters.totals, &*counters.changed), (&[7, 0, 6][..], &[9, 0, 9][..]));
        assert!(!counters.compare(&ran, 9));
        assert_eq!(counters.take_changes(1), [0]);
        assert_eq!(counters.take_changes(9), [2]);
        assert!(counters.is_told());
        counters.announce();
        assert_eq!(counters.take_changes(9), [0, 2]);
    }

    #[test]
    fn half_a_header_waits_for_the_rest() {
        let mut counters = counters(10);
        let whole = bytes(&[2, 1, 0, 7, 1, 0, 1, 1, 1, 4]);
        // The first reading came before package and function were written.
        for first in [[2, 0, 0, 0, 0], [2, 1, 0, 0, 0], [0, 0, 0, 7, 0]] {
            let first = bytes(&[&first[..], &[0, 1, 1, 1, 4]].concat());
            assert!(!counters.find(&first, &whole, 1, lookup));
            assert_eq!(counters.totals[..2], [0, 0]);
        }
        assert!(counters.find(&whole, &whole, 1, lookup));
        assert_eq!(counters.totals, [7, 1, 4]);
    }

    #[test]
    fn what_nobody_knows_is_passed_over_and_what_is_to_come_awaited() {
        let mut unknown = counters(10);
        let section = bytes(&[2, 9, 0, 7, 1, 0, 1, 1, 1, 4]);
        assert!(unknown.find(&section, &section, 1, lookup));
        assert_eq!(unknown.totals, [0, 0, 4]);
        assert!(!unknown.compare(&section, 1), "it would be looked for at every poll");
        let mut coming = counters(10);
        let section = bytes(&[2, 2, 0, 7, 1, 0, 1, 1, 1, 4]);
        assert!(!coming.find(&section, &section, 1, lookup));
        assert!(coming.compare(&section, 1));
        let mut hostile = counters(10);
        let section = bytes(&[u32::MAX, 1, 0, 7, 1, 0, 1, 1, 1, 4]);
        assert!(!hostile.find(&section, &section, 1, lookup));
    }

    #[test]
    fn counters_that_overflow_or_are_cleared_go_on_from_their_total() {
        let mut counters = Counters { mode: Mode::Atomic, ..counters(4) };
        let at = |count| bytes(&[1, 1, 1, count]);
        assert!(counters.find(&at(u32::MAX - 1), &at(u32::MAX - 1), 1, lookup));
        counters.compare(&at(3), 1);
        assert_eq!(counters.totals[2], (1 << 32) + 3);
        counters.compare(&at(0), 1);
        counters.compare(&at(2), 1);
        assert_eq!(counters.totals[2], (1 << 32) + 5);
        counters.compare(&at(1), 1);
        assert_eq!(counters.totals[2], (1 << 32) + 6);
    }

    #[test]
    fn increments_that_were_overwritten_take_nothing_away() {
        let mut counters = Counters { mode: Mode::Count, ..counters(4) };
        let at = |count| bytes(&[1, 1, 1, count]);
        assert!(counters.find(&at(1000), &at(1000), 1, lookup));
        counters.compare(&at(101), 1);
        counters.compare(&at(999), 1);
        assert_eq!(counters.totals[2], 1000);
        counters.compare(&at(1001), 1);
        assert_eq!(counters.totals[2], 1001);
    }

    #[test]
    fn a_file_that_was_left_adds_what_was_not_seen() {
        let mut counters = counters(4);
        let section = bytes(&[1, 1, 1, 5]);
        assert!(counters.find(&section, &section, 1, lookup));
        counters.count_left(2..3, &[9], 2);
        counters.count_left(2..3, &[4], 3);
        counters.count_left(0..2, &[1, u32::MAX], 3);
        assert_eq!(counters.totals, [1, u64::from(u32::MAX), 9]);
    }

    #[test]
    fn no_section_panics_or_hangs() {
        let mut state = 1u32;
        let mut random = || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            // Mostly small numbers, as headers have them.
            if state >> 29 == 0 { state } else { (state >> 16) % 4 }
        };
        for n_words in 0..40 {
            for _ in 0..200 {
                let mut counters = counters(n_words);
                for _ in 0..3 {
                    let mut section = || bytes(&(0..n_words).map(|_| random()).collect::<Vec<_>>());
                    let (first, second) = (section(), section());
                    counters.compare(&first, 1);
                    counters.find(&first, &second, 1, lookup);
                }
                assert_eq!(counters.totals.len(), 3);
            }
        }
    }

    #[test]
    fn set_counters_stay_at_one() {
        let mut counters = Counters { mode: Mode::Set, ..counters(4) };
        let section = bytes(&[1, 1, 1, 77]);
        assert!(counters.find(&section, &section, 1, lookup));
        counters.count_left(2..3, &[99], 2);
        assert_eq!(counters.totals, [0, 0, 1]);
    }
}
