//! What is remembered of each unit of a package: one column per fact.

/// Counts of one package in one process, in counter order.
#[derive(Debug, Default)]
pub(crate) struct Columns {
    /// The highest count reported, since the process started.
    counts: Vec<u64>,
    /// The count at the last reset; empty while there was none.
    base: Vec<u64>,
    /// The version in which it changed last; 0 for never.
    versions: Vec<u32>,
    /// When it changed last, in milliseconds after the hub's epoch.
    changed_ms: Vec<u32>,
}

/// Units looked at together; the compiler turns the look into a few vector instructions.
const STRIDE: usize = 128;

impl Columns {
    /// Columns of `n_units` that never ran.
    pub(crate) fn new(n_units: usize) -> Self {
        Self {
            counts: vec![0; n_units],
            base: Vec::new(),
            versions: vec![0; n_units],
            changed_ms: vec![0; n_units],
        }
    }

    /// How many units there are.
    pub(crate) fn len(&self) -> usize {
        self.counts.len()
    }

    /// Takes a newer count. A lower one is old news and ignored, as is a unit that isn't there.
    pub(crate) fn raise(&mut self, unit: usize, count: u64, version: u32, at_ms: u32) -> bool {
        match self.counts.get_mut(unit) {
            Some(known) if *known < count => *known = count,
            _ => return false,
        }
        self.versions[unit] = version;
        self.changed_ms[unit] = at_ms;
        true
    }

    /// The count since the last reset.
    pub(crate) fn count(&self, unit: usize) -> u64 {
        self.counts[unit] - self.base.get(unit).copied().unwrap_or(0)
    }

    /// All counts since the last reset.
    pub(crate) fn counts(&self) -> impl Iterator<Item = u64> {
        (0..self.len()).map(|unit| self.count(unit))
    }

    /// When the unit changed last, in milliseconds after the hub's epoch.
    pub(crate) fn changed_ms(&self, unit: usize) -> u32 {
        self.changed_ms[unit]
    }

    /// The units that changed after `since`, ascending.
    pub(crate) fn changed_after(&self, since: u32) -> impl Iterator<Item = usize> {
        self.versions
            .chunks(STRIDE)
            .enumerate()
            .filter(move |(_, chunk)| {
                chunk.iter().fold(false, |changed, &version| changed | (version > since))
            })
            .flat_map(move |(index, chunk)| {
                let units = chunk.iter().enumerate().filter(move |(_, version)| **version > since);
                units.map(move |(unit, _)| index * STRIDE + unit)
            })
    }

    /// Counts start again from 0.
    pub(crate) fn reset(&mut self) {
        self.base.clone_from(&self.counts);
    }

    /// Adds the counts of another process's columns, which have as many units.
    pub(crate) fn absorb(&mut self, other: &Columns, version: u32) {
        for unit in 0..self.len().min(other.len()) {
            let count = other.count(unit);
            if count > 0 {
                self.counts[unit] = self.counts[unit].saturating_add(count);
                self.versions[unit] = version;
                self.changed_ms[unit] = self.changed_ms[unit].max(other.changed_ms[unit]);
            }
        }
    }

    /// The hub's epoch moved by `by_ms`; what is older than the new one counts as just as old.
    pub(crate) fn shift_epoch(&mut self, by_ms: u32) {
        for changed_ms in &mut self.changed_ms {
            *changed_ms = changed_ms.saturating_sub(by_ms);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_higher_counts_are_taken() {
        let mut columns = Columns::new(300);
        assert!(columns.raise(299, 5, 1, 10));
        assert!(!columns.raise(299, 4, 2, 20));
        assert!(!columns.raise(300, 1, 2, 20));
        assert_eq!((columns.count(299), columns.changed_ms(299)), (5, 10));
        assert_eq!(columns.changed_after(0).collect::<Vec<_>>(), [299]);
        assert_eq!(columns.changed_after(1).count(), 0);
    }

    #[test]
    fn counts_start_again_at_a_reset() {
        let mut columns = Columns::new(2);
        columns.raise(0, 5, 1, 0);
        columns.reset();
        assert_eq!(columns.counts().collect::<Vec<_>>(), [0, 0]);
        columns.raise(0, 7, 2, 0);
        assert_eq!(columns.counts().collect::<Vec<_>>(), [2, 0]);
    }

    #[test]
    fn absorbing_adds_what_was_counted_since_the_reset() {
        let (mut sum, mut one) = (Columns::new(2), Columns::new(2));
        one.raise(0, 5, 1, 3);
        one.reset();
        one.raise(0, 8, 2, 9);
        sum.absorb(&one, 4);
        sum.absorb(&one, 5);
        assert_eq!(sum.counts().collect::<Vec<_>>(), [6, 0]);
        assert_eq!(sum.changed_ms(0), 9);
        assert_eq!(sum.changed_after(4).collect::<Vec<_>>(), [0]);
    }
}
