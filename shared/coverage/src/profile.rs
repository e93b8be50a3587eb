//! Counts on a shape.

use std::sync::Arc;

use crate::{FunctionIdx, Shape, Totals, UnitIdx};

/// How a unit was counted. Orders by how much a count says: a set merged into counts is a count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub enum Mode {
    /// Hit or not: the count is 0 or 1.
    Set,
    /// How many times; increments of concurrent goroutines may be lost.
    #[default]
    Count,
    /// How many times, exactly, also across goroutines.
    Atomic,
}

impl Mode {
    /// The word Go's tools use: `set`, `count` or `atomic`.
    pub fn as_str(self) -> &'static str {
        match self {
            Mode::Set => "set",
            Mode::Count => "count",
            Mode::Atomic => "atomic",
        }
    }

    /// The mode that Go's word names.
    pub fn from_word(word: &str) -> Option<Self> {
        match word {
            "set" => Some(Mode::Set),
            "count" => Some(Mode::Count),
            "atomic" => Some(Mode::Atomic),
            _ => None,
        }
    }
}

/// The coverage of one body of source: a shape and one count for each of its units.
///
/// Immutable once built. Cloning shares the shape and copies the counts.
#[derive(Debug, Clone)]
pub struct Profile {
    mode: Mode,
    shape: Arc<Shape>,
    counts: Vec<u64>,
}

impl Profile {
    /// A profile of `counts`, one per unit in the shape's order. Missing counts are 0, surplus
    /// ones are dropped, so that every profile has exactly one count for each unit.
    pub fn new(mode: Mode, shape: Arc<Shape>, mut counts: Vec<u64>) -> Self {
        counts.resize(shape.n_units(), 0);
        Self { mode, shape, counts }
    }

    /// A profile in which nothing ran.
    pub fn zero(mode: Mode, shape: Arc<Shape>) -> Self {
        Self::new(mode, shape, Vec::new())
    }

    /// How units were counted.
    pub fn mode(&self) -> Mode {
        self.mode
    }

    /// What was measured.
    pub fn shape(&self) -> &Arc<Shape> {
        &self.shape
    }

    /// One count for each unit, in the shape's order.
    pub fn counts(&self) -> &[u64] {
        &self.counts
    }

    /// The count of one unit; 0 for a unit that the shape does not have.
    pub fn count(&self, unit_idx: UnitIdx) -> u64 {
        self.counts.get(unit_idx.index()).copied().unwrap_or(0)
    }

    /// Whether any unit of the function was hit.
    pub fn function_hit(&self, function_idx: FunctionIdx) -> bool {
        self.shape.units_of(function_idx).any(|unit_idx| self.count(unit_idx) > 0)
    }

    /// Totals of the whole profile.
    pub fn totals(&self) -> Totals {
        Totals::of(&self.shape, &self.counts)
    }
}
