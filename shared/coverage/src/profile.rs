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

/// What ran while a label was set: a test's name, or whatever else a format calls a context.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Context {
    /// The label; unique in a profile.
    pub name: String,
    /// The units that were hit then, ascending.
    pub units: Vec<UnitIdx>,
}

/// The coverage of one body of source: a shape and one count for each of its units, arms and
/// functions.
///
/// Immutable once built, so that clones share all of it.
#[derive(Debug, Clone)]
pub struct Profile {
    mode: Mode,
    shape: Arc<Shape>,
    counts: Arc<Vec<u64>>,
    arm_counts: Arc<Vec<u64>>,
    function_counts: Arc<Vec<u64>>,
    contexts: Arc<[Context]>,
}

impl Profile {
    /// A profile of `counts`, one per unit in the shape's order. Missing counts are 0, surplus
    /// ones are dropped, so that every profile has exactly one count for each unit. No arm was
    /// taken, and no function entered but for what its units say.
    pub fn new(mode: Mode, shape: Arc<Shape>, mut counts: Vec<u64>) -> Self {
        counts.resize(shape.n_units(), 0);
        let arm_counts = vec![0; shape.arm_labels().len()];
        Self {
            mode,
            shape,
            counts: counts.into(),
            arm_counts: arm_counts.into(),
            function_counts: Arc::default(),
            contexts: Arc::default(),
        }
    }

    /// The same with counts of arms and of functions, in the shape's order; what is missing is 0,
    /// and the count of a function that is not [`counted`](crate::Function::counted) says nothing.
    #[must_use]
    pub fn with_outcomes(mut self, mut arms: Vec<u64>, mut functions: Vec<u64>) -> Self {
        arms.resize(self.shape.arm_labels().len(), 0);
        functions.truncate(self.shape.functions().len());
        (self.arm_counts, self.function_counts) = (arms.into(), functions.into());
        self
    }

    /// The same with contexts.
    #[must_use]
    pub fn with_contexts(mut self, contexts: Arc<[Context]>) -> Self {
        self.contexts = contexts;
        self
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

    /// One count for each arm, in the shape's order.
    pub fn arm_counts(&self) -> &[u64] {
        &self.arm_counts
    }

    /// Counts of functions, in the shape's order; shorter than that where the rest is 0.
    pub fn function_counts(&self) -> &[u64] {
        &self.function_counts
    }

    /// What ran in which context, by name.
    pub fn contexts(&self) -> &Arc<[Context]> {
        &self.contexts
    }

    /// The count of one unit; 0 for a unit that the shape does not have.
    pub fn count(&self, unit_idx: UnitIdx) -> u64 {
        self.counts.get(unit_idx.index()).copied().unwrap_or(0)
    }

    /// How often a function was entered; `None` where only its units are counted.
    pub fn function_count(&self, function_idx: FunctionIdx) -> Option<u64> {
        let counted = self.shape.function(function_idx).counted;
        let count = self.function_counts.get(function_idx.index()).copied();
        counted.then_some(count.unwrap_or(0))
    }

    /// Whether the function was entered: by its own count, or else by any of its units.
    pub fn function_hit(&self, function_idx: FunctionIdx) -> bool {
        match self.function_count(function_idx) {
            Some(count) => count > 0,
            None => self.shape.units_of(function_idx).any(|unit_idx| self.count(unit_idx) > 0),
        }
    }

    /// Totals of the whole profile.
    pub fn totals(&self) -> Totals {
        Totals::of(&self.shape, &self.counts)
    }
}
