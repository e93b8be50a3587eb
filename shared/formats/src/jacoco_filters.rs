//! What compilers add to code, which JaCoCo leaves out of its reports.
//!
//! Spec: JaCoCo's documentation, "Filtering Options" in its change history; each is checked
//! against its reports.

use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet};

use crate::jacoco_flow::Covered;
use crate::java_class::{Class, Code, Handler, Method, PRIVATE, SYNTHETIC};
use crate::java_code::{
    ACONST_NULL, ALOAD, ASTORE, ATHROW, DUP, GETFIELD, GETSTATIC, GOTO, ICONST_0, ICONST_1,
    ICONST_M1, IFEQ, IFNE, IFNULL, ILOAD, INVOKEDYNAMIC, INVOKEINTERFACE, INVOKESPECIAL,
    INVOKEVIRTUAL, ISTORE, Instruction, LDC, MONITOREXIT, NEW, Operand, PUTSTATIC, RETURN,
};

/// Whether a method is not in the source as such.
pub(crate) fn is_generated(class: &Class<'_>, method: &Method<'_>) -> bool {
    let is_lambda = method.name.starts_with("lambda$");
    let is_enum = class.super_name == "java/lang/Enum";
    let of_enum = match method.name.as_str() {
        "values" => method.descriptor == format!("()[L{};", class.name),
        "valueOf" => method.descriptor == format!("(Ljava/lang/String;)L{};", class.name),
        _ => false,
    };
    (method.access & SYNTHETIC != 0 && !is_lambda)
        || (is_enum && of_enum)
        || is_annotated(&class.annotations)
        || is_annotated(&method.annotations)
}

/// Whether an annotation says that a tool made this, such as `lombok.Generated`.
fn is_annotated(annotations: &[String]) -> bool {
    let simple = |name: &String| {
        name.rsplit(['/', '$']).next().is_some_and(|simple| simple.contains("Generated"))
    };
    annotations.iter().any(simple)
}

/// Instructions of a method that do not count, by their position. `covered` is changed where
/// several instructions stand for one place in the source.
pub(crate) fn ignored(
    class: &Class<'_>,
    method: &Method<'_>,
    code: &Code<'_>,
    instructions: &[Instruction],
    covered: &mut [Covered],
) -> BTreeSet<usize> {
    let budget = Cell::new(100_000 + 64 * code.bytes.len());
    let view = View { class, code, instructions, budget };
    let mut ignored = BTreeSet::new();
    if view.is_empty_constructor(method) {
        ignored.extend(0..instructions.len());
        return ignored;
    }
    if view.is_of_record(method) {
        ignored.extend(0..instructions.len());
        return ignored;
    }
    view.monitors(&mut ignored);
    view.assertions(&mut ignored);
    view.switches_of_texts(&mut ignored);
    view.switches_of_all(&mut ignored, covered);
    view.patterns_of_records(&mut ignored);
    view.resources(&mut ignored);
    view.finally(&mut ignored, covered);
    ignored
}

struct View<'a> {
    class: &'a Class<'a>,
    code: &'a Code<'a>,
    instructions: &'a [Instruction],
    /// Steps that may still be taken. No compiler writes code that needs as many.
    budget: Cell<usize>,
}

impl View<'_> {
    /// Whether so many more steps may be taken.
    fn spend(&self, n_steps: usize) -> bool {
        let left = self.budget.get().checked_sub(n_steps);
        self.budget.set(left.unwrap_or(0));
        left.is_some()
    }

    fn code(&self, position: usize) -> Option<u8> {
        self.instructions.get(position).map(|instruction| instruction.code)
    }

    /// Whether these are the codes from a position on.
    fn are(&self, position: usize, codes: &[u8]) -> bool {
        codes.iter().zip(position..).all(|(&code, at)| self.code(at) == Some(code))
    }

    fn position(&self, offset: usize) -> Option<usize> {
        self.instructions.binary_search_by_key(&offset, |row| row.offset).ok()
    }

    fn variable(&self, position: usize) -> Option<u16> {
        match self.instructions.get(position)?.operand {
            Operand::Variable(variable) => Some(variable),
            _ => None,
        }
    }

    fn jump(&self, position: usize) -> Option<usize> {
        match self.instructions.get(position)?.operand {
            Operand::Jump(target) => Some(target),
            _ => None,
        }
    }

    /// Class, name and descriptor of the member that an instruction is about.
    fn member(&self, position: usize) -> (&[u8], &[u8], &[u8]) {
        match self.instructions.get(position).map(|instruction| &instruction.operand) {
            Some(Operand::Constant(idx)) => self.class.constants.member(*idx),
            _ => Default::default(),
        }
    }

    /// Private constructors that only keep others from making objects, and those that every enum
    /// has.
    fn is_empty_constructor(&self, method: &Method<'_>) -> bool {
        let calls = |position| {
            let (class, name, descriptor) = self.member(position);
            class == self.class.super_name.as_bytes()
                && name == b"<init>"
                && descriptor == method.descriptor.as_bytes()
        };
        let is_enum = self.class.super_name == "java/lang/Enum";
        let codes: &[u8] = match method.descriptor.as_str() {
            "()V" => &[ALOAD, INVOKESPECIAL, RETURN],
            "(Ljava/lang/String;I)V" if is_enum => &[ALOAD, ALOAD, ILOAD, INVOKESPECIAL, RETURN],
            _ => return false,
        };
        method.name == "<init>"
            && method.access & PRIVATE != 0
            && self.instructions.len() == codes.len()
            && self.are(0, codes)
            && calls(codes.len() - 2)
    }

    /// The handler that leaves a `synchronized` block when something is thrown in it.
    fn monitors(&self, ignored: &mut BTreeSet<usize>) {
        for handler in self.code.handlers.iter().filter(|row| row.type_idx == 0) {
            let Some(at) = self.position(handler.handler) else { continue };
            if handler.start == handler.handler {
                continue;
            }
            if self.are(at, &[ASTORE, ALOAD, MONITOREXIT, ALOAD, ATHROW])
                && self.variable(at) == self.variable(at + 3)
            {
                ignored.extend(at..at + 5);
            } else if self.are(at, &[ALOAD, MONITOREXIT, ATHROW]) {
                ignored.extend(at..at + 3);
            }
        }
    }

    /// What every record has: accessors of fields, and methods that are made when they are called.
    fn is_of_record(&self, method: &Method<'_>) -> bool {
        let last = |position| self.instructions.get(position).is_some_and(Instruction::is_return);
        let is_accessor = || {
            method.descriptor.starts_with("()")
                && self.are(0, &[ALOAD, GETFIELD])
                && self.instructions.len() == 3
                && last(2)
                && self.member(1).1 == method.name.as_bytes()
        };
        let made = |n_arguments: usize| {
            let codes = [ALOAD, ALOAD];
            codes.get(..n_arguments).is_some_and(|codes| self.are(0, codes))
                && self.code(n_arguments) == Some(INVOKEDYNAMIC)
                && self.instructions.len() == n_arguments + 2
                && last(n_arguments + 1)
        };
        self.class.super_name == "java/lang/Record"
            && match (method.name.as_str(), method.descriptor.as_str()) {
                ("toString", "()Ljava/lang/String;") | ("hashCode", "()I") => made(1),
                ("equals", "(Ljava/lang/Object;)Z") => made(2),
                _ => is_accessor(),
            }
    }

    /// The questions whether assertions are on.
    fn assertions(&self, ignored: &mut BTreeSet<usize>) {
        for at in 0..self.instructions.len() {
            let is_flag = |position| self.member(position).1 == b"$assertionsDisabled";
            if self.are(at, &[GETSTATIC, IFNE]) && is_flag(at) {
                ignored.insert(at + 1);
            }
            let codes = [LDC, INVOKEVIRTUAL, IFNE, ICONST_1, GOTO, ICONST_0, PUTSTATIC];
            let asks = |position| self.member(position).1 == b"desiredAssertionStatus";
            if self.are(at, &codes) && asks(at + 1) && is_flag(at + 6) {
                ignored.extend(at..at + codes.len());
            }
        }
    }

    fn targets(&self, position: usize) -> Option<&[usize]> {
        match &self.instructions.get(position)?.operand {
            Operand::Switch(targets) => Some(targets),
            _ => None,
        }
    }

    /// `switch` on a text: first on its hash, to get the number of the case, and then on that.
    fn switches_of_texts(&self, ignored: &mut BTreeSet<usize>) {
        for at in 0..self.instructions.len() {
            if self.code(at) == Some(ICONST_M1)
                && self.are(at + 1, &[ISTORE, ALOAD, INVOKEVIRTUAL])
                && self.member(at + 3).1 == b"hashCode"
                && let Some(end) = self.switch_of_text(at)
            {
                ignored.extend(at + 4..end);
            }
        }
    }

    /// Position of the number that the second switch of this one is on.
    fn switch_of_text(&self, at: usize) -> Option<usize> {
        let (number, text) = (self.variable(at + 1)?, self.variable(at + 2)?);
        let &default = self.targets(at + 4)?.first()?;
        let mut next = at + 5;
        while next < default {
            let is_case = self.are(next, &[ALOAD, LDC, INVOKEVIRTUAL, IFEQ])
                && self.variable(next) == Some(text)
                && self.member(next + 2).1 == b"equals"
                && self.code(next + 5) == Some(ISTORE)
                && self.variable(next + 5) == Some(number);
            if !is_case || !self.spend(1) {
                return None;
            }
            next += if self.code(next + 6) == Some(GOTO) { 7 } else { 6 };
        }
        (next == default && self.code(next) == Some(ILOAD) && self.variable(next) == Some(number))
            .then_some(next)
    }

    /// `switch` that has a case for all that there is: its default only throws.
    fn switches_of_all(&self, ignored: &mut BTreeSet<usize>, covered: &mut [Covered]) {
        for at in 0..self.instructions.len() {
            let Some([default, rest @ ..]) = self.targets(at) else { continue };
            let Some(end) = self.throws_mismatch(*default) else { continue };
            ignored.extend(*default..=end);
            let is_hit =
                |to: &usize| covered.get(*to).is_some_and(|target| !target.taken.is_empty());
            let taken = (0..).zip(rest).filter(|(_, to)| is_hit(to)).map(|(way, _)| way).collect();
            if let Some(row) = covered.get_mut(at) {
                row.n_branches = u32::try_from(rest.len()).unwrap_or(u32::MAX);
                row.taken = taken;
            }
        }
    }

    /// Position of the throw, if that is all that is done here.
    fn throws_mismatch(&self, at: usize) -> Option<usize> {
        let Operand::Constant(idx) = self.instructions.get(at)?.operand else { return None };
        let codes: &[u8] = match self.class.constants.class(idx).as_str() {
            "java/lang/IncompatibleClassChangeError" => &[NEW, DUP, INVOKESPECIAL, ATHROW],
            "java/lang/MatchException" => {
                &[NEW, DUP, ACONST_NULL, ACONST_NULL, INVOKESPECIAL, ATHROW]
            }
            _ => return None,
        };
        self.are(at, codes).then(|| at + codes.len() - 1)
    }

    /// The handler around the accessors that a pattern of a record calls: it wraps what they throw.
    fn patterns_of_records(&self, ignored: &mut BTreeSet<usize>) {
        let codes = [ASTORE, NEW, DUP, ALOAD, INVOKEVIRTUAL, ALOAD, INVOKESPECIAL, ATHROW];
        for handler in &self.code.handlers {
            let Some(at) = self.position(handler.handler) else { continue };
            let is_of_mismatch = |position: usize| {
                let (class, name, _) = self.member(position);
                class == b"java/lang/MatchException" && name == b"<init>"
            };
            if self.class.constants.class(handler.type_idx) == "java/lang/Throwable"
                && self.are(at, &codes)
                && self.variable(at + 3) == self.variable(at)
                && self.variable(at + 5) == self.variable(at)
                && self.member(at + 4).1 == b"toString"
                && is_of_mismatch(at + 6)
            {
                ignored.extend(at..at + codes.len());
            }
        }
    }

    /// What `try` with resources closes, as javac has it since Java 11.
    fn resources(&self, ignored: &mut BTreeSet<usize>) {
        for handler in &self.code.handlers {
            if self.class.constants.class(handler.type_idx) != "java/lang/Throwable" {
                continue;
            }
            let Some(at) = self.position(handler.handler) else { continue };
            let Some((end, resource)) = self.closing_handler(at) else { continue };
            ignored.extend(at..=end);
            // Of several ways out, those before the last stay in reports.
            let closes = |at: usize| self.close(at).filter(|(_, closed)| *closed == resource);
            let start = self.position(handler.start).unwrap_or(at);
            let mut before = (start..at).rev();
            let Some(last) = before.find(|&last| closes(last).is_some() || !self.spend(1)) else {
                continue;
            };
            if closes(last).is_none() {
                return;
            }
            let asks = last.checked_sub(2).filter(|&asks| {
                self.are(asks, &[ALOAD, IFNULL]) && self.variable(asks) == Some(resource)
            });
            ignored.extend(asks.unwrap_or(last)..last + 2);
            self.leave(last + 2, ignored);
        }
    }

    /// Leaves out the jump behind what was added.
    fn leave(&self, at: usize, ignored: &mut BTreeSet<usize>) {
        if self.code(at) == Some(GOTO) {
            ignored.insert(at);
        }
    }

    /// Position after a call of `close`, perhaps with a question for null in front, and the
    /// variable that is closed.
    fn close(&self, mut at: usize) -> Option<(usize, u16)> {
        let resource = self.variable(at)?;
        if self.are(at, &[ALOAD, IFNULL]) {
            at += 2;
        }
        let is_call = matches!(self.code(at + 1)?, INVOKEVIRTUAL | INVOKEINTERFACE);
        let (_, name, descriptor) = self.member(at + 1);
        (self.code(at) == Some(ALOAD)
            && self.variable(at) == Some(resource)
            && is_call
            && name == b"close"
            && descriptor == b"()V")
            .then_some((at + 2, resource))
    }

    /// The last position of a handler that closes a resource and throws again; the resource.
    fn closing_handler(&self, at: usize) -> Option<(usize, u16)> {
        let thrown = self.variable(at)?;
        let (next, resource) = self.close(at + 1)?;
        let codes = [GOTO, ASTORE, ALOAD, ALOAD, INVOKEVIRTUAL, ALOAD, ATHROW];
        (self.code(at) == Some(ASTORE)
            && self.are(next, &codes)
            && self.variable(next + 2) == Some(thrown)
            && self.variable(next + 5) == Some(thrown)
            && self.member(next + 4).1 == b"addSuppressed")
            .then_some((next + 6, resource))
    }

    /// `finally`: javac copies it to every way out. The copies count as one.
    fn finally(&self, ignored: &mut BTreeSet<usize>, covered: &mut [Covered]) {
        let mut copies: Vec<(usize, usize)> = Vec::new();
        for handler in self.code.handlers.iter().filter(|row| row.type_idx == 0) {
            let Some(at) = self.position(handler.handler) else { continue };
            let Some(length) = self.finally_length(at) else { continue };
            for exit in self.exits(handler) {
                if !self.spend(length) {
                    return;
                }
                let same =
                    |n| self.code(at + 1 + n).is_some_and(|code| self.code(exit + n) == Some(code));
                if (0..length).all(same) {
                    ignored.extend([at, at + 1 + length, at + 2 + length]);
                    copies.extend((0..length).map(|n| (at + 1 + n, exit + n)));
                    self.leave(exit + length, ignored);
                }
            }
        }
        merge(&copies, ignored, covered);
    }

    /// How many instructions there are between keeping what was thrown and throwing it again.
    fn finally_length(&self, at: usize) -> Option<usize> {
        let thrown = self.variable(at).filter(|_| self.code(at) == Some(ASTORE))?;
        let rest = self.instructions.get(at + 1..)?;
        let length = rest.iter().position(|row| {
            row.code == ALOAD && row.operand == Operand::Variable(thrown) || !self.spend(1)
        })?;
        (length > 0 && self.code(at + 2 + length) == Some(ATHROW)).then_some(length)
    }

    /// Where control leaves the stretches of a handler. What it does first itself is often one.
    fn exits(&self, handler: &Handler) -> Vec<usize> {
        let range = |row: &Handler| {
            let start = self.instructions.partition_point(|i| i.offset < row.start);
            start..self.instructions.partition_point(|i| i.offset < row.end)
        };
        let same = || self.code.handlers.iter().filter(|row| row.handler == handler.handler);
        let inside: Vec<_> = same().map(range).collect();
        let is_inside = |at: usize| inside.iter().any(|range| range.contains(&at));
        let mut exits = Vec::new();
        let n_steps = inside.iter().map(|range| range.len().saturating_mul(inside.len()));
        if !self.spend(self.code.handlers.len().saturating_add(n_steps.sum())) {
            return exits;
        }
        for range in &inside {
            for position in range.clone() {
                exits.extend(self.jump(position).filter(|to| !is_inside(*to)));
            }
            let last = range.clone().next_back().and_then(|last| self.instructions.get(last));
            if last.is_some_and(Instruction::goes_on) && !is_inside(range.end) {
                exits.push(range.end);
            }
        }
        let (start, end) = (handler.start, handler.end);
        for other in self.code.handlers.iter().filter(|row| (row.start, row.end) == (start, end)) {
            let after = self.position(other.handler).map(|catches| catches + 1);
            exits.extend(after.filter(|to| other != handler && !is_inside(*to)));
        }
        exits
    }
}

/// Counts instructions that are copies of each other as the first one.
fn merge(copies: &[(usize, usize)], ignored: &mut BTreeSet<usize>, covered: &mut [Covered]) {
    let mut first: BTreeMap<usize, usize> = BTreeMap::new();
    let find = |first: &BTreeMap<usize, usize>, mut at: usize| {
        while let Some(&next) = first.get(&at) {
            at = next;
        }
        at
    };
    for &(a, b) in copies {
        let (a, b) = (find(&first, a), find(&first, b));
        if a != b {
            first.insert(b, a);
        }
    }
    for &copy in first.keys() {
        ignored.insert(copy);
        let taken = covered.get(copy).map(|row| row.taken.clone()).unwrap_or_default();
        if let Some(row) = covered.get_mut(find(&first, copy)) {
            row.taken.extend(taken);
        }
    }
}
