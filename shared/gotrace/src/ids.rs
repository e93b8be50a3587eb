//! Ids, which are small numbers for the most part, and what they stand for.

use std::collections::HashMap;

use foldhash::fast::FixedState;

use crate::limits;

/// A map from ids to indexes: a table of the small ones, so that most are found in one step.
#[derive(Debug, Clone)]
pub(crate) struct Ids {
    /// By id, for those below `most`: an index and 1, or 0 for none.
    dense: Vec<u32>,
    most: u64,
    rest: HashMap<u64, u32, FixedState>,
}

impl Default for Ids {
    fn default() -> Self {
        Self::below(limits::DENSE_IDS)
    }
}

impl Ids {
    /// A map whose table goes up to before an id.
    pub(crate) fn below(most: u64) -> Self {
        Self { dense: Vec::new(), most, rest: HashMap::default() }
    }

    #[inline]
    pub(crate) fn get(&self, id: u64) -> Option<u32> {
        match usize::try_from(id).ok().and_then(|id| self.dense.get(id)) {
            Some(entry) => entry.checked_sub(1),
            None => self.rest.get(&id).copied(),
        }
    }

    /// Sets what an id stands for; `u32::MAX` can't be kept.
    pub(crate) fn set(&mut self, id: u64, index: u32) {
        let (Ok(at), Some(entry)) = (usize::try_from(id), index.checked_add(1)) else { return };
        if id >= self.most {
            self.rest.insert(id, index);
            return;
        }
        if self.dense.len() <= at {
            self.dense.resize(at + 1, 0);
        }
        if let Some(place) = self.dense.get_mut(at) {
            *place = entry;
        }
    }

    pub(crate) fn remove(&mut self, id: u64) {
        match usize::try_from(id).ok().and_then(|id| self.dense.get_mut(id)) {
            Some(place) => *place = 0,
            None => drop(self.rest.remove(&id)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_and_large_ids_are_found_until_they_are_removed() {
        let mut ids = Ids::below(10);
        for (index, id) in [0, 9, 10, u64::MAX].into_iter().enumerate() {
            assert_eq!(ids.get(id), None);
            ids.set(id, u32::try_from(index).unwrap());
        }
        assert_eq!(
            [0, 9, 10, u64::MAX].map(|id| ids.get(id)),
            [Some(0), Some(1), Some(2), Some(3)]
        );
        assert_eq!((ids.get(5), ids.dense.len()), (None, 10));
        for id in [9, 10, 11] {
            ids.remove(id);
            assert_eq!(ids.get(id), None);
        }
        assert_eq!(ids.get(0), Some(0));
    }
}
