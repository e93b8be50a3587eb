//! Which goroutines are shown, and in which row each one is.

use std::collections::BTreeSet;

use gotrace::trace::Go;
use gotrace::{StringId, Trace};
use serde::{Deserialize, Serialize};

/// How rows are ordered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, Default)]
#[serde(rename_all = "kebab-case")]
pub enum Order {
    /// Below the goroutine that created it, in order of creation.
    #[default]
    Tree,
    /// By the function it began with, most goroutines first; each function can be folded.
    Function,
    /// By creation.
    Begin,
}

impl Order {
    /// All, with their names in addresses.
    pub const ALL: [(Self, &str); 3] =
        [(Self::Tree, "tree"), (Self::Function, "function"), (Self::Begin, "begin")];
}

/// What a row shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// One goroutine.
    One,
    /// All goroutines that began with a function; those that are shown below it, too.
    Group {
        /// The function.
        function: StringId,
        /// Each of them has a row of its own below.
        open: bool,
    },
}

/// A row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Row {
    /// What it shows.
    pub kind: Kind,
    first: u32,
    count: u32,
}

/// Rows, in the order in which they are shown.
#[derive(Debug, Clone, Default)]
pub struct Rows {
    list: Vec<Row>,
    order: Vec<Go>,
    /// Row of each goroutine; `u32::MAX` where it has none.
    row_of: Vec<u32>,
}

impl Rows {
    /// Rows of the goroutines that `keep` says, in an order; groups in `open` show each of their
    /// goroutines.
    pub fn new(
        trace: &Trace,
        order: Order,
        open: &BTreeSet<StringId>,
        keep: impl Fn(Go) -> bool,
    ) -> Self {
        let count = u32::try_from(trace.goroutines.len()).unwrap_or(u32::MAX);
        let kept = (0..count).map(Go).filter(|go| keep(*go));
        let mut rows = Self::default();
        match order {
            Order::Tree => rows.order = tree(trace).into_iter().filter(|go| keep(*go)).collect(),
            Order::Begin => {
                rows.order = kept.collect();
                let begin = |go: &Go| trace.goroutine(*go).map_or(0, |goroutine| goroutine.begin);
                rows.order.sort_by_key(begin);
            }
            Order::Function => {
                rows.order = kept.collect();
                rows.group(trace, open);
                rows.index(trace.goroutines.len());
                return rows;
            }
        }
        let all = u32::try_from(rows.order.len()).unwrap_or(u32::MAX);
        rows.list = (0..all).map(|first| Row { kind: Kind::One, first, count: 1 }).collect();
        rows.index(trace.goroutines.len());
        rows
    }

    fn group(&mut self, trace: &Trace, open: &BTreeSet<StringId>) {
        let function =
            |go: Go| trace.goroutine(go).map_or(StringId::EMPTY, |goroutine| goroutine.function);
        self.order.sort_by_key(|go| (function(*go), *go));
        let mut groups: Vec<&[Go]> =
            self.order.chunk_by(|a, b| function(*a) == function(*b)).collect();
        groups.sort_by_key(|group| (std::cmp::Reverse(group.len()), group.first().copied()));
        let groups: Vec<Vec<Go>> = groups.into_iter().map(<[Go]>::to_vec).collect();
        self.order.clear();
        for group in groups {
            let first = u32::try_from(self.order.len()).unwrap_or(u32::MAX);
            let count = u32::try_from(group.len()).unwrap_or(u32::MAX);
            let name = group.first().map_or(StringId::EMPTY, |go| function(*go));
            let is_open = open.contains(&name);
            if count > 1 {
                let kind = Kind::Group { function: name, open: is_open };
                self.list.push(Row { kind, first, count });
            }
            if count == 1 || is_open {
                let ones =
                    (first..first + count).map(|first| Row { kind: Kind::One, first, count: 1 });
                self.list.extend(ones);
            }
            self.order.extend(group);
        }
    }

    fn index(&mut self, goroutines: usize) {
        let mut row_of = vec![u32::MAX; goroutines];
        for (place, row) in (0..).zip(&self.list) {
            for go in self.members(row) {
                // Of a group that is open, the rows below come later.
                if let Some(of) = go.index().and_then(|at| row_of.get_mut(at)) {
                    *of = place;
                }
            }
        }
        self.row_of = row_of;
    }

    /// Number of rows.
    pub fn len(&self) -> usize {
        self.list.len()
    }

    /// There is nothing to show.
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// Number of goroutines in them.
    pub fn goroutines(&self) -> usize {
        self.order.len()
    }

    /// A row.
    pub fn get(&self, row: usize) -> Option<&Row> {
        self.list.get(row)
    }

    /// The goroutines of a row.
    pub fn members(&self, row: &Row) -> &[Go] {
        let first = row.first as usize;
        self.order.get(first..first + row.count as usize).unwrap_or(&[])
    }

    /// The goroutine of a row that shows one.
    pub fn one(&self, row: usize) -> Option<Go> {
        let row = self.list.get(row)?;
        (row.kind == Kind::One).then(|| self.members(row).first().copied())?
    }

    /// The row that shows a goroutine: its own, or that of its folded group.
    pub fn row_of(&self, go: Go) -> Option<usize> {
        let row = *self.row_of.get(go.index()?)?;
        (row != u32::MAX).then_some(row as usize)
    }
}

/// All goroutines, each below the one that created it.
fn tree(trace: &Trace) -> Vec<Go> {
    let count = trace.goroutines.len();
    // Children as lists that are linked from the newest to the oldest.
    let mut newest = vec![Go::NONE; count];
    let mut older = vec![Go::NONE; count];
    let mut roots = Vec::new();
    for (number, goroutine) in (0..).zip(&trace.goroutines) {
        let go = Go(number);
        // One that creates itself, or is created by a later one, is in no tree.
        let parent = goroutine.parent.index().filter(|parent| *parent < number as usize);
        match parent.and_then(|parent| newest.get_mut(parent)) {
            Some(place) => {
                let before = std::mem::replace(place, go);
                if let Some(place) = older.get_mut(number as usize) {
                    *place = before;
                }
            }
            None => roots.push(go),
        }
    }
    let mut order = Vec::with_capacity(count);
    let mut waiting: Vec<Go> = roots.into_iter().rev().collect();
    while let Some(go) = waiting.pop() {
        order.push(go);
        let mut child = go.index().and_then(|at| newest.get(at)).copied().unwrap_or(Go::NONE);
        // The oldest is pushed last, so it comes first.
        while let Some(at) = child.index() {
            waiting.push(child);
            child = older.get(at).copied().unwrap_or(Go::NONE);
        }
    }
    order
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trace::testing;

    fn shown(rows: &Rows) -> Vec<Vec<u32>> {
        (0..rows.len())
            .filter_map(|row| rows.get(row))
            .map(|row| rows.members(row).iter().map(|go| go.0).collect())
            .collect()
    }

    #[test]
    fn children_are_below_their_parents() {
        // 0 creates 1 and 2, 1 creates 3, 2 creates 4.
        let (_, trace) = testing::family();
        let rows = Rows::new(&trace, Order::Tree, &BTreeSet::new(), |_| true);
        assert_eq!(shown(&rows), [vec![0], vec![1], vec![3], vec![2], vec![4]]);
        let rows = Rows::new(&trace, Order::Begin, &BTreeSet::new(), |go| go.0 != 3);
        assert_eq!(shown(&rows), [vec![0], vec![1], vec![2], vec![4]]);
        assert_eq!((rows.row_of(Go(4)), rows.row_of(Go(3))), (Some(3), None));
    }

    #[test]
    fn functions_are_folded_unless_they_are_open() {
        let (names, trace) = testing::family();
        let folded = Rows::new(&trace, Order::Function, &BTreeSet::new(), |_| true);
        assert_eq!(shown(&folded), [vec![1, 2], vec![3, 4], vec![0]]);
        assert_eq!(folded.row_of(Go(2)), Some(0));
        assert_eq!(folded.one(0), None);
        assert_eq!(folded.one(2), Some(Go(0)));
        let worker = trace.goroutines[1].function;
        assert_eq!(names.text(worker), "main.worker");
        let open = Rows::new(&trace, Order::Function, &BTreeSet::from([worker]), |_| true);
        assert_eq!(shown(&open), [vec![1, 2], vec![1], vec![2], vec![3, 4], vec![0]]);
        assert_eq!(open.row_of(Go(2)), Some(2));
        assert_eq!(open.goroutines(), 5);
    }
}
