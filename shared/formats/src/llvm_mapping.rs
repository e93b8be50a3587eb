//! The coverage map of one function: which counters, added and subtracted, count which region.
//!
//! ```text
//! n files  position of each in the names of its module
//! n expressions  left counter, right counter           of each
//! n regions  header, place                             for each file
//! ```
//!
//! Everything is LEB128. The low two bits of a counter say what it is: 0 nothing, 1 a counter, 2 or
//! 3 an expression that subtracts or adds. A region's header is its counter, or, if that is 0, with
//! bit 2 the file that a macro expands to, and otherwise its kind. Spec:
//! <https://llvm.org/docs/CoverageMappingFormat.html>; kinds 4 to 6, of branches, are in LLVM's
//! `CoverageMapping.h`.

use crate::bytes::Cursor;
use crate::llvm_counts::{Counted, uleb};
use crate::llvm_lines::{Kind, Point};
use crate::llvm_mcdc::{self, Bits, Condition};
use crate::llvm_report::{Branching, Decision, Record, Region};
use crate::{Place, ReadError};

/// A map, decoded.
#[derive(Debug)]
pub(crate) struct Mapping {
    /// Positions in the file names of the module.
    pub(crate) files: Vec<usize>,
    expressions: Vec<Expression>,
    regions: Vec<Mapped>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Counter {
    Zero,
    Value(usize),
    Expression(usize),
}

#[derive(Debug, Clone, Copy)]
struct Expression {
    adds: bool,
    left: Counter,
    right: Counter,
}

#[derive(Debug, Clone, Copy)]
struct Mapped {
    start: Point,
    end: Point,
    file: u32,
    what: What,
}

#[derive(Debug, Clone, Copy)]
enum What {
    Region(Kind, Counter),
    Expansion(u32),
    Branch([Counter; 2], Option<(usize, [Option<usize>; 2])>),
    Decision { bits: usize, n_conditions: usize },
}

/// What it takes to count a map.
pub(crate) struct Counting<'a> {
    /// The function's counters; `None` if it never got any, because nothing called it.
    pub(crate) body: Option<&'a Counted>,
    pub(crate) old_vectors: bool,
    /// Test vectors and pairs that may still be looked at.
    pub(crate) budget: &'a mut usize,
}

/// Oddities of a counted map.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Odd {
    /// Regions whose count came out below zero.
    pub(crate) n_negative: u64,
    /// Decisions that are no graph of conditions, or too large.
    pub(crate) n_decisions: u64,
}

/// Reads a map of a module that has so many file names.
pub(crate) fn read(bytes: &[u8], n_names: usize) -> Result<Mapping, ReadError> {
    let mut cursor = Cursor::new(bytes);
    let what = "a coverage map";
    let n_files = length(&mut cursor, what)?;
    let mut files = Vec::with_capacity(n_files);
    for _ in 0..n_files {
        let at = cursor.offset();
        let file = usize::try_from(uleb(&mut cursor, what)?).unwrap_or(usize::MAX);
        if file >= n_names {
            return Err(malformed(at, "a function in a file without a name"));
        }
        files.push(file);
    }
    let n_expressions = length(&mut cursor, what)?;
    let none = Expression { adds: false, left: Counter::Zero, right: Counter::Zero };
    let mut expressions = vec![none; n_expressions];
    for index in 0..n_expressions {
        let left = counter(&mut cursor, &mut expressions)?;
        let right = counter(&mut cursor, &mut expressions)?;
        if let Some(expression) = expressions.get_mut(index) {
            (expression.left, expression.right) = (left, right);
        }
    }
    let mut regions = Vec::new();
    for file in 0..n_files {
        let file = u32::try_from(file).unwrap_or(u32::MAX);
        let mut line = 0u32;
        for _ in 0..length(&mut cursor, what)? {
            let region = region(&mut cursor, &mut expressions, (file, n_files), &mut line)?;
            regions.push(region);
        }
    }
    Ok(Mapping { files, expressions, regions })
}

fn region(
    cursor: &mut Cursor<'_>,
    expressions: &mut [Expression],
    (file, n_files): (u32, usize),
    line: &mut u32,
) -> Result<Mapped, ReadError> {
    let at = cursor.offset();
    let head = number(cursor)?;
    let mut what = if head & 3 != 0 {
        What::Region(Kind::Code, decode(head, at, expressions)?)
    } else if head & 4 != 0 {
        if (head >> 3) as usize >= n_files {
            return Err(malformed(at, "a macro's use expands to no file"));
        }
        What::Expansion(head >> 3)
    } else {
        match head >> 3 {
            0 => What::Region(Kind::Code, Counter::Zero),
            2 => What::Region(Kind::Skipped, Counter::Zero),
            kind @ (4 | 6) => {
                let outcomes = [counter(cursor, expressions)?, counter(cursor, expressions)?];
                let mut condition = None;
                if kind == 6 {
                    // Each is one more than the number, so that 0 is none.
                    let id = number(cursor)? as usize;
                    let yes = (number(cursor)? as usize).checked_sub(1);
                    let no = (number(cursor)? as usize).checked_sub(1);
                    let id = id.checked_sub(1);
                    let id = id.ok_or_else(|| malformed(at, "a condition without a number"))?;
                    condition = Some((id, [no, yes]));
                }
                What::Branch(outcomes, condition)
            }
            5 => What::Decision {
                bits: number(cursor)? as usize,
                n_conditions: number(cursor)? as usize,
            },
            kind => {
                let reason = format!("a region of kind {kind}");
                return Err(ReadError::unsupported(Place::Byte(at), reason));
            }
        }
    };
    let first = line.checked_add(number(cursor)?);
    let mut column = number(cursor)?;
    let n_lines = number(cursor)?;
    let mut end_column = number(cursor)?;
    if end_column >> 31 == 1 {
        end_column &= u32::MAX >> 1;
        if let What::Region(kind, _) = &mut what {
            *kind = Kind::Gap;
        }
    }
    if (column, end_column) == (0, 0) {
        // Whole lines.
        (column, end_column) = (1, u32::MAX);
    }
    let last = first.and_then(|first| Some((first, first.checked_add(n_lines)?)));
    let (first, last) = last.ok_or_else(|| malformed(at, "a region on impossible lines"))?;
    *line = first;
    let (start, end) = ((first, column), (last, end_column));
    if start > end {
        return Err(malformed(at, "a region that ends before it starts"));
    }
    Ok(Mapped { start, end, file, what })
}

impl Mapping {
    /// Whether it is only there because the function was seen, but not used, in its module.
    pub(crate) fn is_dummy(&self) -> bool {
        let zero = |region: &Mapped| matches!(region.what, What::Region(_, Counter::Zero));
        self.files.len() == 1
            && self.expressions.is_empty()
            && matches!(&self.regions[..], [region] if zero(region))
    }

    /// Whether all that is said is that the function did not run here.
    pub(crate) fn is_empty_region(&self) -> bool {
        matches!(&self.regions[..], [Mapped { what: What::Region(_, Counter::Zero), .. }])
    }

    /// How many regions there are.
    pub(crate) fn n_regions(&self) -> usize {
        self.regions.len()
    }

    /// The map with counts; `None` if it asks for counters that are not there.
    pub(crate) fn count(&self, name: String, counting: Counting<'_>) -> Option<(Record, Odd)> {
        let Counting { body, old_vectors, budget } = counting;
        let values = self.values(body.map(|body| &body.counts[..]))?;
        let value = |counter: Counter| match counter {
            Counter::Zero => Some(0),
            Counter::Value(id) => match body {
                Some(body) => body.counts.get(id).map(|&count| i128::from(count)),
                None => Some(0),
            },
            Counter::Expression(id) => values.get(id).copied().flatten(),
        };
        let mut odd = Odd::default();
        let mut record = Record { name, ..Record::default() };
        let mut decisions: Vec<Open<'_>> = Vec::new();
        let mut n_expanded = 0;
        let expanded = self.expanded_counters();
        for region in &self.regions {
            let mut count = |counter: Counter| {
                let value = value(counter)?;
                odd.n_negative += u64::from(value < 0);
                Some(u64::try_from(value.max(0)).unwrap_or(u64::MAX))
            };
            let Mapped { start, end, file, .. } = *region;
            match region.what {
                What::Region(kind, counter) => {
                    let count = count(counter)?;
                    record.regions.push(Region { start, end, count, file, expanded: 0, kind });
                }
                What::Expansion(to) => {
                    let counter = expanded.get(to as usize).copied().flatten();
                    let count = count(counter.unwrap_or(Counter::Zero))?;
                    let kind = Kind::Expansion;
                    record.regions.push(Region { start, end, count, file, expanded: to, kind });
                    give_up(&mut decisions, &mut n_expanded, budget, &mut odd.n_decisions);
                    if let Some(open) = decisions.iter_mut().find(|open| open.holds(region)) {
                        open.expanded.push(to);
                        n_expanded += 1;
                    }
                }
                What::Decision { n_conditions, .. } if n_conditions > llvm_mcdc::CONDITIONS => {
                    odd.n_decisions += 1;
                }
                What::Decision { .. } => {
                    decisions.push(Open { region, branches: Vec::new(), expanded: Vec::new() })
                }
                What::Branch(outcomes, condition) => {
                    let mut counted = [None; 2];
                    for (slot, counter) in counted.iter_mut().zip(outcomes) {
                        let count = count(counter)?;
                        *slot = (counter != Counter::Zero).then_some(count);
                    }
                    record.branches.push(Branching { start, end, file, outcomes: counted });
                    let Some((id, next)) = condition else { continue };
                    let is_constant = outcomes.contains(&Counter::Zero);
                    let row = Condition { id, next, is_constant };
                    give_up(&mut decisions, &mut n_expanded, budget, &mut odd.n_decisions);
                    let Some(at) = decisions.iter().position(|open| open.takes(region, id)) else {
                        continue;
                    };
                    let Some(open) = decisions.get_mut(at) else { continue };
                    open.branches.insert(if id == 0 { 0 } else { open.branches.len() }, row);
                    if open.branches.len() == open.n_conditions() {
                        let open = decisions.remove(at);
                        n_expanded -= open.expanded.len();
                        match open.decision(body, old_vectors, budget) {
                            Some(decision) => record.decisions.push(decision),
                            None => odd.n_decisions += 1,
                        }
                    }
                }
            }
        }
        record.count = record.regions.first().map_or(0, |region| region.count);
        Some((record, odd))
    }

    /// The value of each expression; `None` for those that lead to themselves.
    fn values(&self, counts: Option<&[u64]>) -> Option<Vec<Option<i128>>> {
        let mut values: Vec<Option<i128>> = vec![None; self.expressions.len()];
        let mut met = vec![false; self.expressions.len()];
        let mut ways = Vec::new();
        for first in 0..self.expressions.len() {
            ways.push(first);
            while let Some(&id) = ways.last() {
                let Expression { adds, left, right } = *self.expressions.get(id)?;
                let value = |counter: Counter| match counter {
                    Counter::Zero => Ok(Some(0)),
                    Counter::Value(id) => match counts {
                        Some(counts) => Ok(counts.get(id).map(|&count| i128::from(count))),
                        None => Ok(Some(0)),
                    },
                    Counter::Expression(id) => match values.get(id).copied().flatten() {
                        Some(value) => Ok(Some(value)),
                        None if met.get(id).copied().unwrap_or(true) => Ok(None),
                        None => Err(id),
                    },
                };
                match (value(left), value(right)) {
                    (Err(inner), _) | (_, Err(inner)) => {
                        if let Some(met) = met.get_mut(id) {
                            *met = true;
                        }
                        ways.push(inner);
                    }
                    (Ok(left), Ok(right)) => {
                        let sum = left.zip(right).map(|(left, right)| {
                            if adds {
                                left.saturating_add(right)
                            } else {
                                left.saturating_sub(right)
                            }
                        });
                        if let (Some(value), Some(met)) = (values.get_mut(id), met.get_mut(id)) {
                            (*value, *met) = (sum, true);
                        }
                        ways.pop();
                    }
                }
            }
        }
        Some(values)
    }

    /// The counter of what each file holds first, which is that of the macro's use.
    fn expanded_counters(&self) -> Vec<Option<Counter>> {
        let mut first: Vec<Option<&Mapped>> = vec![None; self.files.len()];
        for region in &self.regions {
            if let Some(slot @ None) = first.get_mut(region.file as usize) {
                *slot = Some(region);
            }
        }
        let mut found: Vec<Option<Counter>> = vec![None; self.files.len()];
        for file in 0..self.files.len() {
            let (mut way, mut at) = (Vec::new(), file);
            let counter = loop {
                if let Some(known) = found.get(at).copied().flatten() {
                    break known;
                }
                if way.len() > self.files.len() {
                    break Counter::Zero;
                }
                way.push(at);
                match first.get(at).copied().flatten().map(|region| region.what) {
                    Some(What::Region(_, counter) | What::Branch([counter, _], _)) => {
                        break counter;
                    }
                    Some(What::Expansion(to)) => at = to as usize,
                    _ => break Counter::Zero,
                }
            };
            for file in way {
                if let Some(slot) = found.get_mut(file) {
                    *slot = Some(counter);
                }
            }
        }
        found
    }
}

/// Forgets open decisions once looking through them, and what macros they use, took too much.
fn give_up(
    decisions: &mut Vec<Open<'_>>,
    n_expanded: &mut usize,
    budget: &mut usize,
    n_forgotten: &mut u64,
) {
    match budget.checked_sub(decisions.len().saturating_add(*n_expanded)) {
        Some(left) => *budget = left,
        None => {
            *n_forgotten += decisions.len() as u64;
            decisions.clear();
            *n_expanded = 0;
        }
    }
}

/// A decision whose conditions are not all met yet.
struct Open<'a> {
    region: &'a Mapped,
    branches: Vec<Condition>,
    /// Files of macros that are used in it.
    expanded: Vec<u32>,
}

impl Open<'_> {
    fn n_conditions(&self) -> usize {
        match self.region.what {
            What::Decision { n_conditions, .. } => n_conditions,
            _ => 0,
        }
    }

    fn holds(&self, inner: &Mapped) -> bool {
        (inner.file == self.region.file
            && inner.start >= self.region.start
            && inner.end <= self.region.end)
            || self.expanded.contains(&inner.file)
    }

    fn takes(&self, branch: &Mapped, id: usize) -> bool {
        id < self.n_conditions()
            && self.branches.iter().all(|known| known.id != id)
            && self.holds(branch)
    }

    fn decision(&self, body: Option<&Counted>, old: bool, budget: &mut usize) -> Option<Decision> {
        let What::Decision { bits: index, .. } = self.region.what else { return None };
        let conditions = match body {
            None => {
                let of = |row: &Condition| (!row.is_constant).then_some(false);
                self.branches.iter().map(of).collect()
            }
            Some(body) => {
                let bits = Bits { bitmap: &body.bitmap, index, old };
                llvm_mcdc::shown(&self.branches, bits, budget)?
            }
        };
        let Mapped { start, end, file, .. } = *self.region;
        Some(Decision { start, end, file: Some(file), conditions })
    }
}

fn counter(cursor: &mut Cursor<'_>, expressions: &mut [Expression]) -> Result<Counter, ReadError> {
    let at = cursor.offset();
    let value = number(cursor)?;
    decode(value, at, expressions)
}

/// The counter of a number, which also says of an expression whether it adds.
fn decode(value: u32, at: usize, expressions: &mut [Expression]) -> Result<Counter, ReadError> {
    let id = (value >> 2) as usize;
    match value & 3 {
        0 => Ok(Counter::Zero),
        1 => Ok(Counter::Value(id)),
        tag => {
            let expression = expressions.get_mut(id);
            let expression = expression.ok_or_else(|| malformed(at, "no such expression"))?;
            expression.adds = tag == 3;
            Ok(Counter::Expression(id))
        }
    }
}

fn number(cursor: &mut Cursor<'_>) -> Result<u32, ReadError> {
    let at = cursor.offset();
    let number = uleb(cursor, "a coverage map")?;
    u32::try_from(number).map_err(|_| malformed(at, "a number exceeds 32 bits"))
}

/// The length of a list, of which each element takes a byte or more.
fn length(cursor: &mut Cursor<'_>, what: &'static str) -> Result<usize, ReadError> {
    let at = cursor.offset();
    let length = usize::try_from(uleb(cursor, what)?).unwrap_or(usize::MAX);
    if length > cursor.remaining() {
        return Err(malformed(at, "a list longer than the coverage map"));
    }
    Ok(length)
}

fn malformed(at: usize, reason: &'static str) -> ReadError {
    ReadError::malformed(Place::Byte(at), reason)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counted(map: &[u8], counts: &[u64]) -> Option<(Record, Odd)> {
        let body = Counted { hash: 1, counts: counts.to_vec(), bitmap: vec![0b101] };
        let counting = Counting { body: Some(&body), old_vectors: false, budget: &mut 1_000 };
        read(map, 1).unwrap().count("f".to_owned(), counting)
    }

    /// One file; #0 - #1; the body, what #1 counts, a gap, and a branch of both.
    const MAP: &[u8] = &[
        1, 0, 1, 1, 5, 4, 1, 1, 10, 4, 2, 5, 1, 5, 1, 9, 2, 1, 9, 0, 0x8b, 0x80, 0x80, 0x80, 8, 32,
        5, 2, 0, 2, 0, 4,
    ];

    #[test]
    fn expressions_count_regions() {
        let (record, odd) = counted(MAP, &[7, 3]).unwrap();
        let regions: Vec<_> =
            record.regions.iter().map(|region| (region.kind, region.start, region.count)).collect();
        let expected = [(Kind::Code, (1, 10), 7), (Kind::Code, (2, 5), 3), (Kind::Gap, (3, 9), 4)];
        assert_eq!(regions, expected);
        assert_eq!(record.branches[0].outcomes, [Some(3), Some(4)]);
        assert_eq!((record.count, odd), (7, Odd::default()));
    }

    #[test]
    fn a_count_below_zero_is_zero() {
        let (record, odd) = counted(MAP, &[3, 7]).unwrap();
        assert_eq!((record.regions[2].count, odd.n_negative), (0, 2));
        assert!(counted(MAP, &[3]).is_none());
    }

    #[test]
    fn expressions_in_a_circle_have_no_value() {
        let map = [1, 0, 2, 6, 1, 3, 1, 1, 3, 1, 1, 0, 9];
        assert!(counted(&map, &[1]).is_none());
    }

    /// `a && b` at 1.1: the decision, and a condition that leads to another.
    const DECISION: &[u8] = &[
        1, 0, 0, 4, 1, 1, 1, 1, 9, 40, 3, 2, 0, 1, 0, 9, 48, 1, 5, 1, 2, 0, 0, 1, 0, 2, 48, 1, 5,
        2, 0, 0, 0, 5, 0, 9,
    ];

    #[test]
    fn conditions_are_those_of_the_decision_around_them() {
        let (record, odd) = counted(DECISION, &[7, 3]).unwrap();
        let [decision] = &record.decisions[..] else { panic!("{record:?}") };
        assert_eq!((decision.start, decision.end, decision.file), ((1, 1), (1, 9), Some(0)));
        assert_eq!(decision.conditions, [Some(true), Some(false)]);
        assert_eq!(odd, Odd::default());
    }

    #[test]
    fn decisions_are_left_out_once_they_took_too_much() {
        let body = Counted { hash: 1, counts: vec![7, 3], bitmap: vec![0b101] };
        let counting = Counting { body: Some(&body), old_vectors: false, budget: &mut 1 };
        let map = read(DECISION, 1).unwrap();
        let (record, odd) = map.count("f".to_owned(), counting).unwrap();
        assert_eq!((record.decisions.len(), record.branches.len(), odd.n_decisions), (0, 2, 1));
    }

    #[test]
    fn a_map_that_is_cut_is_refused() {
        for length in 0..MAP.len() {
            assert!(read(&MAP[..length], 1).is_err(), "{length}");
        }
        assert!(read(MAP, 0).is_err());
    }
}
