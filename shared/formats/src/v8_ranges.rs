//! Ranges of V8's functions, of several processes added up.

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
pub(crate) struct Functions(BTreeMap<(usize, std::cmp::Reverse<usize>), Vec<Function>>);

impl Functions {
    /// Adds what one process says of a function.
    pub(crate) fn add(&mut self, name: String, is_block: bool, mut ranges: Vec<Range>) {
        ranges.sort_by_key(|range| (range.start, std::cmp::Reverse(range.end)));
        if let Some(&Range { start, end, .. }) = ranges.first() {
            let key = (start, std::cmp::Reverse(end));
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
    bounds.sort_by_key(|&(start, end)| (start, std::cmp::Reverse(end)));
    bounds.dedup();
    let bounds = split(bounds);
    let mut sums = vec![0u64; bounds.len()];
    for function in same {
        // Both in the same order, so that the ranges around one are those still open.
        let mut open: Vec<Range> = Vec::new();
        let mut ranges = function.ranges.iter().peekable();
        for (&(start, end), sum) in bounds.iter().zip(&mut sums) {
            let stands_before =
                |range: &&Range| range.start < start || range.start == start && range.end >= end;
            while let Some(range) = ranges.next_if(|range| stands_before(range)) {
                close(&mut open, range.start);
                open.push(*range);
            }
            close(&mut open, start);
            let innermost = open.iter().rev().find(|range| range.end >= end);
            *sum = sum.saturating_add(innermost.map_or(0, |range| range.count));
        }
    }
    let ranges = bounds.into_iter().zip(sums);
    ranges.map(|((start, end), count)| Range { start, end, count }).collect()
}

/// Takes away the ranges that end before this offset; they stand last.
fn close(open: &mut Vec<Range>, offset: usize) {
    while open.last().is_some_and(|range| range.end <= offset) {
        open.pop();
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
        for &outer in open.get(inner..).unwrap_or_default().iter().rev() {
            if done.len() > most {
                break;
            }
            done.push((from, outer));
            from = outer;
        }
        done.push((from, end));
        open.insert(inner, end);
    }
    done.sort_by_key(|&(start, end)| (start, std::cmp::Reverse(end)));
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
