//! Where JaCoCo puts probes into a method, and what follows from those that were passed.
//!
//! Probes stand where control flow ends or where ways come together: before returns and throws,
//! on jumps to instructions that others lead to as well, and before such instructions. A line with
//! a call has one in front of it too, as the call may throw. Each covers what leads to it without
//! another one between. Spec: "Control Flow Analysis" of JaCoCo's documentation; the order of
//! probes is that of the code, checked against reports of JaCoCo itself.

use std::collections::BTreeSet;

use crate::java_class::Code;
use crate::java_code::{ATHROW, Instruction, Operand};

/// An instruction as it was covered.
#[derive(Debug, Clone, Default)]
pub(crate) struct Covered {
    pub(crate) line: Option<u32>,
    /// Ways to go on.
    pub(crate) n_branches: u32,
    /// Those that were taken.
    pub(crate) taken: BTreeSet<u32>,
    /// The instruction that leads here, and by which of its ways.
    from: Option<(usize, u32)>,
}

/// What is known of the place of an instruction.
#[derive(Debug, Clone, Copy, Default)]
struct Label {
    /// Whether anything names the place.
    exists: bool,
    n_targets: u32,
    /// Whether the instruction before may go on with this one.
    is_successor: bool,
    has_call: bool,
}

impl Label {
    fn is_multi_target(self) -> bool {
        self.n_targets > 1 || (self.n_targets > 0 && self.is_successor)
    }

    fn needs_probe(self) -> bool {
        self.is_successor && (self.is_multi_target() || self.has_call)
    }
}

/// Each instruction as the probes say that it was covered. `next` is the number of the method's
/// first probe, and that of the next method's afterwards.
pub(crate) fn covered(
    code: &Code<'_>,
    instructions: &[Instruction],
    probes: &[bool],
    next: &mut usize,
) -> Vec<Covered> {
    let labels = labels(code, instructions);
    let label = |position: usize| labels.get(position).copied().unwrap_or_default();
    let mut lines = lines(code, instructions);
    let mut flow = Flow { rows: vec![Covered::default(); instructions.len()] };
    let mut probe = || {
        let was_passed = probes.get(*next).copied().unwrap_or(false);
        *next += 1;
        was_passed
    };
    let mut jumps: Vec<(usize, usize, u32)> = Vec::new();
    let mut current: Option<usize> = None;
    for (position, instruction) in instructions.iter().enumerate() {
        let here = label(position);
        if here.needs_probe() {
            let was_passed = probe();
            if let Some(before) = current.take() {
                flow.probe(before, 0, was_passed);
            }
        }
        if here.exists && !here.is_successor {
            current = None;
        }
        if let Some(row) = flow.rows.get_mut(position) {
            row.line = lines.get_mut(position).and_then(Option::take);
        }
        if let Some(before) = current {
            flow.branch(before, position, 0);
        }
        current = Some(position);
        match &instruction.operand {
            Operand::Jump(target) if label(*target).is_multi_target() => {
                let was_passed = probe();
                flow.probe(position, 1, was_passed);
            }
            Operand::Jump(target) => jumps.push((position, *target, 1)),
            Operand::Switch(switch) => {
                for (branch, &target) in (0..).zip(&switch.ways) {
                    if label(target).is_multi_target() {
                        let was_passed = probe();
                        flow.probe(position, branch, was_passed);
                    } else {
                        jumps.push((position, target, branch));
                    }
                }
            }
            _ if instruction.is_return() || instruction.code == ATHROW => {
                let was_passed = probe();
                flow.probe(position, 0, was_passed);
            }
            _ => {}
        }
    }
    jumps.into_iter().for_each(|(from, to, branch)| flow.branch(from, to, branch));
    flow.rows
}

fn labels(code: &Code<'_>, instructions: &[Instruction]) -> Vec<Label> {
    let mut labels = vec![Label::default(); instructions.len()];
    let position = |offset: usize| {
        instructions.binary_search_by_key(&offset, |instruction| instruction.offset).ok()
    };
    fn target(labels: &mut [Label], position: Option<usize>) {
        if let Some(label) = position.and_then(|position| labels.get_mut(position)) {
            label.exists = true;
            label.n_targets = label.n_targets.saturating_add(1);
        }
    }
    // The start of a method is entered from outside.
    target(&mut labels, Some(0));
    let mut is_line = vec![false; instructions.len()];
    for handler in &code.handlers {
        target(&mut labels, position(handler.start));
        target(&mut labels, position(handler.handler));
        if let Some(label) = position(handler.end).and_then(|end| labels.get_mut(end)) {
            label.exists = true;
        }
    }
    for position in code.scopes.iter().filter_map(|&offset| position(offset)) {
        if let Some(label) = labels.get_mut(position) {
            label.exists = true;
        }
    }
    for &(offset, line) in &code.lines {
        let Some(position) = position(offset) else { continue };
        if let (Some(label), Some(is_line)) = (labels.get_mut(position), is_line.get_mut(position))
        {
            // Line 0 is what compilers add; calls there have no probe in front.
            (label.exists, *is_line) = (true, *is_line || line != 0);
        }
    }
    let mut is_successor = false;
    let mut line = None;
    for (position, instruction) in instructions.iter().enumerate() {
        if let Some(label) = labels.get_mut(position) {
            label.is_successor = is_successor;
        }
        if is_line.get(position) == Some(&true) {
            line = Some(position);
        }
        if instruction.is_call()
            && let Some(label) = line.and_then(|line| labels.get_mut(line))
        {
            label.has_call = true;
        }
        match &instruction.operand {
            Operand::Jump(to) => target(&mut labels, Some(*to)),
            Operand::Switch(to) => to.ways.iter().for_each(|&to| target(&mut labels, Some(to))),
            _ => {}
        }
        is_successor = instruction.goes_on();
    }
    labels
}

/// The line of each instruction: that which was named last.
fn lines(code: &Code<'_>, instructions: &[Instruction]) -> Vec<Option<u32>> {
    let mut starts = vec![None; instructions.len()];
    for &(offset, line) in &code.lines {
        let position = instructions.binary_search_by_key(&offset, |row| row.offset);
        if let Some(start) = position.ok().and_then(|position| starts.get_mut(position)) {
            *start = Some(line);
        }
    }
    let mut current = None;
    for start in &mut starts {
        current = start.or(current);
        *start = current;
    }
    starts
}

struct Flow {
    rows: Vec<Covered>,
}

impl Flow {
    /// A way that leads to another instruction.
    fn branch(&mut self, from: usize, to: usize, branch: u32) {
        if let Some(row) = self.rows.get_mut(from) {
            row.n_branches += 1;
        }
        let Some(target) = self.rows.get_mut(to) else { return };
        target.from = Some((from, branch));
        if !target.taken.is_empty() {
            self.take(from, branch);
        }
    }

    /// A way with a probe on it.
    fn probe(&mut self, from: usize, branch: u32, was_passed: bool) {
        if let Some(row) = self.rows.get_mut(from) {
            row.n_branches += 1;
        }
        if was_passed {
            self.take(from, branch);
        }
    }

    /// A way was taken, and so were those that lead there.
    fn take(&mut self, from: usize, branch: u32) {
        let mut next = Some((from, branch));
        while let Some(row) = next.and_then(|(from, _)| self.rows.get_mut(from)) {
            let was_taken = !row.taken.is_empty();
            row.taken.extend(next.map(|(_, branch)| branch));
            next = if was_taken { None } else { row.from };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::java_code;

    #[test]
    fn calls_have_a_probe_in_front_but_on_line_0() {
        // Loads a variable, then on another line calls with it, and returns.
        let bytes = &[0x2a, 0xb8, 0, 1, 0xb1];
        for (line, n_probes) in [(4, 2), (0, 1)] {
            let code = Code { bytes, lines: vec![(0, 3), (1, line)], ..Code::default() };
            let instructions = java_code::instructions(&code).unwrap().unwrap();
            let mut next = 0;
            covered(&code, &instructions, &[], &mut next);
            assert_eq!(next, n_probes, "line {line}");
        }
    }
}
