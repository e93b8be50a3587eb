//! Ranges of V8's functions, of several processes added up.

use std::cmp::Reverse;
use std::collections::BTreeMap;

/// A stretch of a script that ran so many times, in UTF-16 code units.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Range {
    pub(crate) start: usize,
    pub(crate) end: usize,
    pub(crate) count: u64,
}

/// A function with its ranges: the first is the whole, each stands before those inside of it.
#[derive(Debug, PartialEq)]
pub(crate) struct Function {
    pub(crate) name: String,
    /// Whether more is known than how often it was entered.
    pub(crate) is_block: bool,
    pub(crate) ranges: Vec<Range>,
}

/// Functions of a script, by where they are, with the ranges that each process has.
#[derive(Default)]
pub(crate) struct Functions(BTreeMap<(usize, Reverse<usize>), Vec<Function>>);

impl Functions {
    /// Adds what one process says of a function.
    pub(crate) fn add(&mut self, name: String, is_block: bool, mut ranges: Vec<Range>) {
        ranges.sort_by_key(|range| (range.start, Reverse(range.end)));
        if let Some(&Range { start, end, .. }) = ranges.first() {
            let key = (start, Reverse(end));
            self.0.entry(key).or_default().push(Function { name, is_block, ranges });
        }
    }

    /// Each function once: outer ones before those inside of them.
    pub(crate) fn merged(&self) -> Vec<Function> {
        self.0
            .values()
            .map(|same| {
                let ranges = match &same[..] {
                    [one] => one.ranges.clone(),
                    _ => sum(same),
                };
                let name = same.first().map(|function| function.name.clone()).unwrap_or_default();
                let is_block = same.iter().any(|function| function.is_block);
                Function { name, is_block, ranges: tidy(ranges) }
            })
            .collect()
    }
}

/// Every range of any process, with the sum of what the innermost range around it says in each.
fn sum(same: &[Function]) -> Vec<Range> {
    let mut bounds: Vec<(usize, usize)> = same
        .iter()
        .flat_map(|function| &function.ranges)
        .map(|range| (range.start, range.end))
        .collect();
    bounds.sort_by_key(|&(start, end)| (start, Reverse(end)));
    bounds.dedup();
    let bounds = split(bounds);
    let mut steps: Vec<Step> = same.iter().flat_map(|function| steps(&function.ranges)).collect();
    steps.sort_by_key(|step| (step.start, Reverse(step.end)));
    let mut ends: Vec<usize> = steps.iter().map(|step| step.end).collect();
    ends.sort_unstable();
    ends.dedup();
    // What the innermost range of a process says is the sum of the steps of all those around.
    let mut around = Around::of(ends);
    let mut steps = steps.into_iter().peekable();
    bounds
        .into_iter()
        .map(|(start, end)| {
            let stands_before =
                |step: &Step| step.start < start || step.start == start && step.end >= end;
            while let Some(step) = steps.next_if(stands_before) {
                around.add(step.end, step.by);
            }
            let count = u64::try_from(around.sum(end).max(0)).unwrap_or(u64::MAX);
            Range { start, end, count }
        })
        .collect()
}

/// A range of a process, and by how much its count is another than that of the one around it.
struct Step {
    start: usize,
    end: usize,
    by: i128,
}

/// The steps of ranges that are sorted, outer ones first.
fn steps(ranges: &[Range]) -> Vec<Step> {
    let mut open: Vec<Range> = Vec::new();
    let mut steps = Vec::with_capacity(ranges.len());
    for &range in ranges {
        while open.last().is_some_and(|outer| outer.end < range.end || outer.end <= range.start) {
            open.pop();
        }
        let outer = open.last().map_or(0, |outer| outer.count);
        let by = i128::from(range.count) - i128::from(outer);
        steps.push(Step { start: range.start, end: range.end, by });
        open.push(range);
    }
    steps
}

/// Steps by where they end: a binary indexed tree, whose sums are over all ends from one on.
struct Around {
    /// Ascending.
    ends: Vec<usize>,
    sums: Vec<i128>,
}

impl Around {
    fn of(ends: Vec<usize>) -> Self {
        let sums = vec![0; ends.len() + 1];
        Self { ends, sums }
    }

    /// Position of the first end from this one on, counted from 1 at the last end of all.
    fn position(&self, end: usize) -> usize {
        self.ends.len() - self.ends.partition_point(|known| *known < end)
    }

    fn add(&mut self, end: usize, by: i128) {
        let mut at = self.position(end).max(1);
        while let Some(sum) = self.sums.get_mut(at) {
            *sum += by;
            at += at & at.wrapping_neg();
        }
    }

    fn sum(&self, end: usize) -> i128 {
        let mut at = self.position(end);
        let mut sum = 0;
        while let Some(part) = self.sums.get(at).filter(|_| at > 0) {
            sum += part;
            at &= at - 1;
        }
        sum
    }
}

/// Cuts ranges that start in one and end in another where that ends, so that each is wholly in
/// those around it. Ranges of real processes rarely cross; past so many cuts they stay as they are.
fn split(bounds: Vec<(usize, usize)>) -> Vec<(usize, usize)> {
    let most = bounds.len().saturating_mul(4);
    let mut done: Vec<(usize, usize)> = Vec::with_capacity(bounds.len());
    // Ends of the ranges around the one at hand, the smallest last.
    let mut open: Vec<usize> = Vec::new();
    for (start, end) in bounds {
        while open.last().is_some_and(|outer| *outer <= start) {
            open.pop();
        }
        let inner = open.partition_point(|outer| *outer >= end);
        let mut from = start;
        if done.len() <= most {
            for &outer in open.get(inner..).unwrap_or_default().iter().rev() {
                done.push((from, outer));
                from = outer;
            }
            // Takes as long as there are cuts.
            open.insert(inner, end);
        }
        done.push((from, end));
    }
    done.sort_by_key(|&(start, end)| (start, Reverse(end)));
    done.dedup();
    done
}

/// Ranges that say something: those with another count than what is around them, and neighbors
/// with the same count as one.
fn tidy(ranges: Vec<Range>) -> Vec<Range> {
    let mut tidy: Vec<Range> = Vec::with_capacity(ranges.len());
    // Ranges around the one at hand: end and count, and where its last child stands.
    let mut open: Vec<(usize, u64, Option<usize>)> = Vec::new();
    for range in ranges {
        while open.len() > 1 && open.last().is_some_and(|outer| outer.0 <= range.start) {
            open.pop();
        }
        let Some(outer) = open.last_mut() else {
            open.push((range.end, range.count, None));
            tidy.push(range);
            continue;
        };
        if outer.1 == range.count {
            continue;
        }
        let last = outer.2.and_then(|at| tidy.get_mut(at));
        if let Some(last) = last.filter(|last| last.end == range.start && last.count == range.count)
        {
            last.end = range.end;
        } else {
            outer.2 = Some(tidy.len());
            tidy.push(range);
        }
        open.push((range.end, range.count, None));
    }
    // A whole that is another whole.
    if let [whole, inner, ..] = &mut tidy[..]
        && (whole.start, whole.end) == (inner.start, inner.end)
    {
        whole.count = inner.count;
        tidy.remove(1);
    }
    tidy
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ranges(rows: &[(usize, usize, u64)]) -> Vec<Range> {
        rows.iter().map(|&(start, end, count)| Range { start, end, count }).collect()
    }

    fn merged(processes: &[&[(usize, usize, u64)]]) -> Vec<Range> {
        let mut functions = Functions::default();
        for rows in processes {
            functions.add("f".to_owned(), true, ranges(rows));
        }
        let mut merged = functions.merged();
        assert_eq!(merged.len(), 1);
        merged.remove(0).ranges
    }

    #[test]
    fn processes_are_added_by_their_innermost_ranges() {
        let found = merged(&[
            &[(0, 100, 2), (10, 20, 0), (50, 60, 5)],
            &[(0, 100, 1), (10, 30, 7), (12, 14, 0)],
        ]);
        let expected = [(0, 100, 3), (10, 30, 9), (10, 20, 7), (12, 14, 0), (50, 60, 6)];
        assert_eq!(found, ranges(&expected));
    }

    #[test]
    fn ranges_across_each_other_are_cut() {
        let found = merged(&[&[(0, 100, 1), (10, 50, 0)], &[(0, 100, 1), (30, 70, 0)]]);
        assert_eq!(found, ranges(&[(0, 100, 2), (10, 70, 1), (30, 50, 0)]));
    }

    #[test]
    fn ranges_that_say_nothing_are_left_out() {
        let found = merged(&[&[(0, 100, 1), (10, 20, 1), (20, 30, 4), (30, 40, 4), (22, 25, 1)]]);
        assert_eq!(found, ranges(&[(0, 100, 1), (20, 40, 4), (22, 25, 1)]));
        assert_eq!(merged(&[&[(0, 9, 0), (0, 9, 3)]]), ranges(&[(0, 9, 3)]));
    }
}
