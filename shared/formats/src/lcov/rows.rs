//! The rows of the records of one file, and what they come to.

use std::borrow::Cow;

use coverage::{BranchKind, FileIdx, LabelIdx, ProfileBuilder, Span, UnitIdx};
use memchr::memchr;

use super::functions::Functions;
use super::labels::{Labels, Name};
use super::oddities::{Oddities, Oddity};
use super::records::{Record, look_outside};
use crate::limits;

/// What was read of a file. Kept from file to file, so that its memory is.
#[derive(Debug, Default)]
pub(super) struct Rows<'a> {
    /// Number and count.
    lines: Vec<(u32, u64)>,
    /// Arms of branches, and outcomes of conditions.
    arms: Vec<Arm>,
    conditions: Vec<Arm>,
    functions: Functions<'a>,
    /// Lines that were hit, by test.
    tests: Vec<(&'a [u8], Vec<u32>)>,
    /// What the file says of its own totals: LF, LH and so on; not if it has several records.
    totals: [Option<(u64, usize)>; 6],
    n_records: usize,
}

/// What a row says of an arm.
#[derive(Debug, Clone, Copy)]
struct Arm {
    line: u32,
    branch: Name,
    label: Name,
    count: u64,
}

impl Arm {
    fn is_same(&self, other: &Self) -> bool {
        (self.line, self.branch, self.label) == (other.line, other.branch, other.label)
    }
}

impl<'a> Rows<'a> {
    /// Whether nothing was read.
    pub(super) fn is_empty(&self) -> bool {
        self.lines.is_empty() && self.arms.is_empty() && self.functions.is_empty()
    }

    /// Takes the rows of a record.
    pub(super) fn read(
        &mut self,
        record: &Record<'a>,
        labels: &mut Labels,
        oddities: &mut Oddities,
    ) {
        let (first_line, first_arm) = (self.lines.len(), self.arms.len());
        let at = |rest: &[u8]| record.at + record.rows.len() - rest.len();
        let mut rest = record.rows;
        loop {
            // Nearly all rows are these, in their plain form.
            if let Some((line, after)) = plain_line(rest) {
                self.lines.push(line);
                rest = after;
                continue;
            }
            if let Some((arm, after)) = plain_arm(rest) {
                self.arms.push(arm);
                rest = after;
                continue;
            }
            if let Some((count, name, after)) = plain_function(b"FNDA:", rest) {
                self.functions.enter(name, count);
                rest = after;
                continue;
            }
            if let Some((line, name, after)) = plain_function(b"FN:", rest)
                && let Some(line) = plain_line_number(line)
                && !name.first().is_some_and(u8::is_ascii_digit)
            {
                self.functions.declare_at(line, name);
                rest = after;
                continue;
            }
            if rest.is_empty() {
                oddities.add(Oddity::NoEnd, (record.at + record.rows.len()).saturating_sub(1));
                break;
            }
            let (row, after) = match memchr(b'\n', rest) {
                Some(end) => (rest.get(..end).unwrap_or(rest), rest.get(end + 1..)),
                None => (rest, None),
            };
            let (row, after) = (trim(row), after.unwrap_or_default());
            if row.starts_with(b"end_of_record") {
                look_outside(after, at(after), oddities);
                break;
            }
            let place = at(rest);
            if let Err(oddity) = self.row(row, place, labels, oddities) {
                oddities.add(oddity, place);
            }
            rest = after;
        }
        self.functions.end_record(oddities);
        if !record.test.is_empty() {
            let lines = self.lines.get(first_line..).unwrap_or_default();
            let hit = lines.iter().filter(|line| line.1 > 0).map(|line| line.0);
            self.tests.push((record.test, hit.collect()));
        }
        // Records of one file mostly have the same rows.
        add_in_step(&mut self.lines, first_line, |a, b| a.0 == b.0, |line| &mut line.1);
        add_in_step(&mut self.arms, first_arm, Arm::is_same, |arm| &mut arm.count);
        self.n_records += 1;
    }

    /// Takes a row of any form.
    fn row(
        &mut self,
        row: &'a [u8],
        place: usize,
        labels: &mut Labels,
        oddities: &mut Oddities,
    ) -> Result<(), Oddity> {
        let (tag, fields) = match memchr(b':', row) {
            Some(at) => row.split_at_checked(at + 1).unwrap_or((row, b"")),
            None => (row, &b""[..]),
        };
        let mut count = |text: &[u8]| count(text, place, oddities);
        match tag {
            b"DA:" => {
                let (line, rest) = field(fields).ok_or(Oddity::Line)?;
                let (taken, _checksum) = field(rest).unwrap_or((rest, b""));
                let number = line_number(line).map_err(|odd| odd.unwrap_or(Oddity::Line))?;
                self.lines.push((number, count(taken)?));
            }
            b"BRDA:" => {
                let arm = arm(fields, labels, &mut count)?;
                self.arms.extend(arm);
            }
            b"MCDC:" => {
                let outcome = outcome(fields, labels, &mut count)?;
                self.conditions.extend(outcome);
            }
            b"FN:" => self.functions.declare(fields)?,
            b"FNDA:" => {
                let (taken, name) = field(fields).ok_or(Oddity::Function)?;
                self.functions.enter(name, count(taken)?);
            }
            b"FNL:" => self.functions.group(fields, place)?,
            b"FNA:" => {
                let (index, rest) = field(fields).ok_or(Oddity::Function)?;
                let (taken, name) = field(rest).ok_or(Oddity::Function)?;
                let index = number(index).ok_or(Oddity::Function)?;
                self.functions.alias(index, name, count(taken)?, place);
            }
            b"LF:" => self.total(0, fields, place),
            b"LH:" => self.total(1, fields, place),
            b"BRF:" => self.total(2, fields, place),
            b"BRH:" => self.total(3, fields, place),
            b"FNF:" => self.total(4, fields, place),
            b"FNH:" => self.total(5, fields, place),
            b"TN:" | b"VER:" | b"MCF:" | b"MCH:" => {}
            _ if row.is_empty() || row.starts_with(b"#") => {}
            _ => return Err(Oddity::Unknown),
        }
        Ok(())
    }

    fn total(&mut self, which: usize, text: &[u8], place: usize) {
        if let (Some(total), Some(value)) = (self.totals.get_mut(which), number(text)) {
            *total = Some((value, place));
        }
    }

    /// Adds what was read to the file that was built last, and forgets it.
    pub(super) fn build(
        &mut self,
        builder: &mut ProfileBuilder,
        file: FileIdx,
        labels: &mut Labels,
        oddities: &mut Oddities,
    ) {
        sum_lines(&mut self.lines);
        let hit = self.lines.iter().filter(|line| line.1 > 0).count();
        let lines = [self.lines.len(), hit];
        if !self.lines.is_empty() {
            builder.function(file, "", false);
            let first = builder.lines(&self.lines);
            for (test, numbers) in self.tests.drain(..) {
                let units = units_of(&numbers, &self.lines, first);
                builder.all_hit_in(&text(test), units);
            }
        }
        let functions = self.functions.build(builder, file);
        let branches = build_arms(&mut self.arms, BranchKind::Branch, builder, file, labels);
        build_arms(&mut self.conditions, BranchKind::Condition, builder, file, labels);
        let found = [lines, branches, functions];
        if self.n_records == 1 {
            for (total, found) in self.totals.iter().zip(found.as_flattened()) {
                if let Some((total, at)) = total
                    && usize::try_from(*total) != Ok(*found)
                {
                    oddities.add(Oddity::Total, *at);
                }
            }
        }
        self.lines.clear();
        self.tests.clear();
        self.totals = Default::default();
        self.n_records = 0;
    }
}

/// Adds the counts of the rows from the second part on to those before, if these are just the same
/// rows, which then are all.
fn add_in_step<T: Copy>(
    rows: &mut Vec<T>,
    second: usize,
    is_same: impl Fn(&T, &T) -> bool,
    count: impl Fn(&mut T) -> &mut u64,
) {
    let (sums, added) = rows.split_at_mut(second);
    if sums.len() == added.len() && sums.iter().zip(&*added).all(|(a, b)| is_same(a, b)) {
        for (sum, added) in sums.iter_mut().zip(added) {
            let sum = count(sum);
            *sum = sum.saturating_add(*count(added));
        }
        rows.truncate(second);
    }
}

/// `DA:line,count` with its end, where both are small enough to be taken as they are.
fn plain_line(rest: &[u8]) -> Option<((u32, u64), &[u8])> {
    let [b'D', b'A', b':', rest @ ..] = rest else { return None };
    let (line, rest) = plain_number(rest)?;
    let [b',', rest @ ..] = rest else { return None };
    let (count, rest) = plain_number(rest)?;
    Some(((plain_line_number(line)?, count), end_of_row(rest)?))
}

/// `BRDA:line,block,arm,taken` likewise.
fn plain_arm(rest: &[u8]) -> Option<(Arm, &[u8])> {
    let [b'B', b'R', b'D', b'A', b':', rest @ ..] = rest else { return None };
    let (line, rest) = plain_number(rest)?;
    let ([b',', b'e' | b'f', rest @ ..] | [b',', rest @ ..]) = rest else { return None };
    let (block, rest) = plain_number(rest)?;
    let [b',', rest @ ..] = rest else { return None };
    let (label, rest) = plain_number(rest)?;
    let (count, rest) = match rest {
        [b',', b'-', rest @ ..] => (0, rest),
        [b',', rest @ ..] => plain_number(rest)?,
        _ => return None,
    };
    let (branch, label) = (Name::number(block)?, Name::number(label)?);
    Some((Arm { line: plain_line_number(line)?, branch, label, count }, end_of_row(rest)?))
}

/// `FNDA:count,name` or `FN:line,name` likewise.
fn plain_function<'a>(tag: &[u8], rest: &'a [u8]) -> Option<(u64, &'a [u8], &'a [u8])> {
    let (number, rest) = plain_number(rest.strip_prefix(tag)?)?;
    let [b',', rest @ ..] = rest else { return None };
    let (name, rest) = rest.split_at_checked(memchr(b'\n', rest)?)?;
    Some((number, trim(name), rest.get(1..)?))
}

fn plain_line_number(number: u64) -> Option<u32> {
    u32::try_from(number).ok().filter(|number| (1..=limits::LINE).contains(number))
}

/// The digits that a text starts with, unless they could be more than 64 bits.
fn plain_number(text: &[u8]) -> Option<(u64, &[u8])> {
    let mut rest = text;
    let mut value = 0u64;
    while let [digit @ b'0'..=b'9', after @ ..] = rest {
        value = value.wrapping_mul(10).wrapping_add(u64::from(digit - b'0'));
        rest = after;
    }
    let n_digits = text.len() - rest.len();
    (1..20).contains(&n_digits).then_some((value, rest))
}

fn end_of_row(rest: &[u8]) -> Option<&[u8]> {
    match rest {
        [b'\n', rest @ ..] | [b'\r', b'\n', rest @ ..] => Some(rest),
        _ => None,
    }
}

/// Without the blanks and zero bytes at the end.
pub(super) fn trim(row: &[u8]) -> &[u8] {
    let n = row.iter().rev().take_while(|byte| matches!(byte, 0..=b' ')).count();
    row.get(..row.len() - n).unwrap_or(row)
}

/// What stands before the first comma, and after it.
pub(super) fn field(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let (field, rest) = text.split_at_checked(memchr(b',', text)?)?;
    Some((field, rest.get(1..)?))
}

/// A text that is digits and nothing else; the highest number if it is beyond 64 bits.
pub(super) fn number(text: &[u8]) -> Option<u64> {
    if let Some((value, [])) = plain_number(text) {
        return Some(value);
    }
    let is_number = !text.is_empty() && text.iter().all(u8::is_ascii_digit);
    is_number.then(|| str::from_utf8(text).ok()?.parse().ok()).map(|n| n.unwrap_or(u64::MAX))
}

/// A name as text. That it is UTF-8 is sooner found out than what to do where it is not.
pub(super) fn text(name: &[u8]) -> Cow<'_, str> {
    str::from_utf8(name).map_or_else(|_| String::from_utf8_lossy(name), Cow::Borrowed)
}

/// The number of a line; `None` of an oddity if it is no number at all.
pub(super) fn line_number(text: &[u8]) -> Result<u32, Option<Oddity>> {
    let number = number(text.strip_prefix(b"-").unwrap_or(text)).ok_or(None)?;
    let is_negative = text.starts_with(b"-");
    plain_line_number(number).filter(|_| !is_negative).ok_or(Some(Oddity::LineRange))
}

/// A count, of which are also read: what gcov writes for "never" (`#####`, `=====`), and numbers
/// with a point or an exponent.
fn count(text: &[u8], place: usize, oddities: &mut Oddities) -> Result<u64, Oddity> {
    let text = text.trim_ascii();
    let never = |byte| text.len() >= 5 && text.iter().all(|b| *b == byte);
    if let Some(count) = number(text) {
        // 20 digits may be too many.
        if count == u64::MAX && text != b"18446744073709551615" {
            oddities.add(Oddity::Overflow, place);
        }
        return Ok(count);
    }
    if text == b"-" || never(b'#') || never(b'=') {
        return Ok(0);
    }
    let is_number = text.iter().any(u8::is_ascii_digit);
    let value = str::from_utf8(text).ok().filter(|_| is_number).and_then(|text| text.parse().ok());
    let value: f64 = value.filter(|value: &f64| value.is_finite()).ok_or(Oddity::Count)?;
    if value < 0.0 {
        return Err(Oddity::Negative);
    }
    if value >= TOO_HIGH {
        oddities.add(Oddity::Overflow, place);
    }
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "`as` saturates")]
    Ok(value as u64)
}

/// 2^64.
const TOO_HIGH: f64 = 18_446_744_073_709_551_616.0;

/// `line,block,arm,taken`, of which the arm may be a text with commas; none if lcov leaves it out
/// of its own totals.
fn arm(
    fields: &[u8],
    labels: &mut Labels,
    count: &mut impl FnMut(&[u8]) -> Result<u64, Oddity>,
) -> Result<Option<Arm>, Oddity> {
    let (line, rest) = field(fields).ok_or(Oddity::Branch)?;
    let (block, rest) = field(rest).ok_or(Oddity::Branch)?;
    let comma = rest.iter().rposition(|byte| *byte == b',').ok_or(Oddity::Branch)?;
    let (label, taken) = rest.split_at_checked(comma).ok_or(Oddity::Branch)?;
    let line = line_number(line).map_err(|odd| odd.unwrap_or(Oddity::Branch))?;
    let count = count(taken.get(1..).unwrap_or_default())?;
    let block = match block {
        [b'U', ..] => return Ok(None),
        [b'e' | b'f', block @ ..] => block,
        _ => block,
    };
    Ok(Some(Arm { line, branch: labels.name(block), label: labels.name(label), count }))
}

/// `line,conditions,sense,taken,index,expression`: an outcome is called by index, sense, and the
/// expression if there is one.
fn outcome(
    fields: &[u8],
    labels: &mut Labels,
    count: &mut impl FnMut(&[u8]) -> Result<u64, Oddity>,
) -> Result<Option<Arm>, Oddity> {
    let mut rest = fields;
    let mut next = || -> Result<&[u8], Oddity> {
        let (field, after) = field(rest).ok_or(Oddity::Condition)?;
        rest = after;
        Ok(field)
    };
    let (line, group, sense, taken, index) = (next()?, next()?, next()?, next()?, next()?);
    let line = line_number(line).map_err(|odd| odd.unwrap_or(Oddity::Condition))?;
    if !matches!(sense, b"t" | b"f") || number(index).is_none() {
        return Err(Oddity::Condition);
    }
    let count = count(taken)?;
    if group.starts_with(b"U") {
        return Ok(None);
    }
    let is_plain = rest.is_empty() || rest == index;
    let label =
        if is_plain { [index, sense].concat() } else { [index, sense, b" ", rest].concat() };
    Ok(Some(Arm { line, branch: labels.name(group), label: labels.name(&label), count }))
}

/// Lines by number, each once, with the sum of its counts.
fn sum_lines(lines: &mut Vec<(u32, u64)>) {
    if lines.is_sorted_by(|a, b| a.0 < b.0) {
        return;
    }
    lines.sort_unstable_by_key(|line| line.0);
    lines.dedup_by(|row, kept| {
        let is_same = row.0 == kept.0;
        if is_same {
            kept.1 = kept.1.saturating_add(row.1);
        }
        is_same
    });
}

/// The units of these lines, of which the first of a file has this one.
fn units_of(
    numbers: &[u32],
    lines: &[(u32, u64)],
    first: UnitIdx,
) -> impl Iterator<Item = UnitIdx> {
    let mut from = 0;
    numbers.iter().filter_map(move |number| {
        // They mostly ascend.
        let rest = lines.get(from..)?;
        let at = match rest.iter().take(8).position(|line| line.0 == *number) {
            Some(at) => from + at,
            None => lines.binary_search_by_key(number, |line| line.0).ok()?,
        };
        from = at;
        Some(UnitIdx(first.0.saturating_add(u32::try_from(at).ok()?)))
    })
}

/// Arms by branch; branches stand by line and name, the arms of each in the order in which they
/// were first met. How many arms there are, and how many were taken.
fn build_arms(
    rows: &mut Vec<Arm>,
    kind: BranchKind,
    builder: &mut ProfileBuilder,
    file: FileIdx,
    labels: &mut Labels,
) -> [usize; 2] {
    let key = |arm: &Arm| (arm.line, arm.branch);
    if !rows.is_sorted_by_key(key) {
        // Stable, so that the arms of a branch keep their order.
        rows.sort_by_key(key);
    }
    let mut totals = [0, 0];
    let mut arms: Vec<(LabelIdx, u64)> = Vec::new();
    for branch in rows.chunk_by(|a, b| key(a) == key(b)) {
        let Some(first) = branch.first() else { continue };
        arms.clear();
        if branch.is_sorted_by(|a, b| a.label < b.label) {
            arms.extend(branch.iter().map(|arm| (labels.label(arm.label, builder), arm.count)));
        } else {
            sum_arms(branch, &mut arms, |name| labels.label(name, builder));
        }
        totals = [totals[0] + arms.len(), totals[1] + arms.iter().filter(|arm| arm.1 > 0).count()];
        let name = labels.label(first.branch, builder);
        builder.labelled_branch(file, kind, Span::line(first.line), name, true, &arms);
    }
    rows.clear();
    totals
}

fn sum_arms(
    branch: &[Arm],
    arms: &mut Vec<(LabelIdx, u64)>,
    mut label: impl FnMut(Name) -> LabelIdx,
) {
    let mut by_label: Vec<_> = branch.iter().enumerate().collect();
    by_label.sort_by_key(|(_, arm)| arm.label);
    let mut sums: Vec<(usize, Name, u64)> = Vec::with_capacity(by_label.len());
    for (position, arm) in by_label {
        match sums.last_mut() {
            Some((_, name, sum)) if *name == arm.label => *sum = sum.saturating_add(arm.count),
            _ => sums.push((position, arm.label, arm.count)),
        }
    }
    sums.sort_unstable_by_key(|sum| sum.0);
    arms.extend(sums.into_iter().map(|(_, name, sum)| (label(name), sum)));
}
