//! Things with ids, in slots that are used again.

use crate::event::NONE;
use crate::ids::Ids;

/// Place of a thing in a [`Slab`], or of none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Slot(u32);

impl Slot {
    pub(crate) const NONE: Self = Self(u32::MAX);

    pub(crate) fn is_none(self) -> bool {
        self == Self::NONE
    }
}

/// Things by slot and by id.
#[derive(Debug)]
pub(crate) struct Slab<T> {
    things: Vec<(u64, Option<T>)>,
    free: Vec<Slot>,
    slots: Ids,
}

impl<T> Default for Slab<T> {
    fn default() -> Self {
        Self { things: Vec::new(), free: Vec::new(), slots: Ids::default() }
    }
}

impl<T> Slab<T> {
    #[inline]
    pub(crate) fn get(&self, slot: Slot) -> Option<&T> {
        self.things.get(slot.0 as usize)?.1.as_ref()
    }

    #[inline]
    pub(crate) fn get_mut(&mut self, slot: Slot) -> Option<&mut T> {
        self.things.get_mut(slot.0 as usize)?.1.as_mut()
    }

    /// The id of a thing, or [`NONE`].
    #[inline]
    pub(crate) fn id(&self, slot: Slot) -> u64 {
        self.things.get(slot.0 as usize).map_or(NONE, |thing| thing.0)
    }

    #[inline]
    pub(crate) fn find(&self, id: u64) -> Option<Slot> {
        self.slots.get(id).map(Slot)
    }

    pub(crate) fn find_or(&mut self, id: u64, make: impl FnOnce() -> T) -> Slot {
        match self.find(id) {
            Some(slot) => slot,
            None => self.add(id, make()),
        }
    }

    /// Adds a thing whose id no other has.
    pub(crate) fn add(&mut self, id: u64, thing: T) -> Slot {
        let slot = match self.free.pop() {
            Some(slot) => slot,
            None => {
                self.things.push((NONE, None));
                Slot(u32::try_from(self.things.len() - 1).unwrap_or(u32::MAX))
            }
        };
        if let Some(place) = self.things.get_mut(slot.0 as usize) {
            *place = (id, Some(thing));
            self.slots.set(id, slot.0);
        }
        slot
    }

    pub(crate) fn remove(&mut self, slot: Slot) {
        if let Some(place) = self.things.get_mut(slot.0 as usize)
            && place.1.take().is_some()
        {
            self.slots.remove(place.0);
            place.0 = NONE;
            self.free.push(slot);
        }
    }
}
