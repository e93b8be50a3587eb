//! What compilers add to code, which JaCoCo leaves out of its reports.
//!
//! Spec: JaCoCo's documentation, "Filtering Options" in its change history; each is checked
//! against reports of version 0.8.15. What only Kotlin's compiler adds is told apart in
//! `jacoco_kotlin.rs`, `jacoco_kotlin_code.rs` and `jacoco_suspend.rs`.

use std::collections::BTreeSet;

use crate::jacoco_flow::Covered;
use crate::jacoco_view::{Changes, View, Way, Ways};
use crate::java_class::{BRIDGE, Handler, PRIVATE, SYNTHETIC};
use crate::java_code::{
    ACONST_NULL, ALOAD, ASTORE, ATHROW, DUP, GETFIELD, GETSTATIC, GOTO, ICONST_0, ICONST_1,
    ICONST_M1, IFEQ, IFNE, IFNULL, ILOAD, INVOKEDYNAMIC, INVOKEINTERFACE, INVOKESPECIAL,
    INVOKEVIRTUAL, ISTORE, Instruction, LDC, MONITOREXIT, NEW, Operand, PUTSTATIC, RETURN,
};
use crate::{jacoco_kotlin, jacoco_kotlin_code, jacoco_suspend};

/// Instructions of a method that do not count, by their position. `covered` is changed where
/// several instructions stand for one place in the source. `inlined_from` is the first line that
/// Kotlin gave to code from elsewhere.
pub(crate) fn ignored(
    view: &View<'_>,
    inlined_from: Option<u32>,
    covered: &mut [Covered],
) -> BTreeSet<usize> {
    let is_kotlin = view.class.annotations.iter().any(|name| name == KOTLIN);
    if view.is_generated(is_kotlin) || (is_kotlin && jacoco_kotlin::is_generated(view)) {
        return view.all().collect();
    }
    let mut changes = Changes::default();
    view.monitors(&mut changes.ignored);
    view.assertions(&mut changes.ignored);
    view.switches_of_texts(&mut changes.ignored);
    view.comparisons_of_texts(&mut changes);
    view.switches_of_all(&mut changes);
    view.record_patterns(&mut changes.ignored);
    view.resources(&mut changes.ignored);
    view.finally(&mut changes);
    if is_kotlin {
        jacoco_kotlin_code::change(view, &mut changes);
        jacoco_suspend::change(view, &mut changes.ignored);
        let is_inlined = |line: u32| inlined_from.is_some_and(|first| line >= first);
        for (position, _) in covered.iter().enumerate().filter(|(_, row)| match row.line {
            Some(line) => is_inlined(line),
            // What is in front of the first line is not in the source.
            None => view.class.source.is_some(),
        }) {
            changes.ignored.insert(position);
        }
    }
    changes.apply(covered)
}

/// The annotation of all classes of Kotlin.
pub(crate) const KOTLIN: &str = "Lkotlin/Metadata;";

/// Whether an annotation says that a tool made this, such as `lombok.Generated`.
fn is_annotated(annotations: &[String]) -> bool {
    let simple = |name: &String| {
        name.rsplit(['/', '$']).next().is_some_and(|simple| simple.contains("Generated"))
    };
    annotations.iter().any(simple)
}

impl View<'_> {
    /// Whether a method is not in the source as such, or nothing is to be said of it.
    fn is_generated(&self, is_kotlin: bool) -> bool {
        let (class, method) = (self.class, self.method);
        let is_lambda = method.name.starts_with("lambda$")
            || (class.is_scala && method.name.starts_with("$anonfun$"));
        let of_enum = match method.name.as_str() {
            "values" => method.descriptor == format!("()[L{};", class.name),
            "valueOf" => method.descriptor == format!("(Ljava/lang/String;)L{};", class.name),
            _ => false,
        };
        class.access & SYNTHETIC != 0
            || method.access & BRIDGE != 0
            || (!is_kotlin && method.access & SYNTHETIC != 0 && !is_lambda)
            || (of_enum && class.super_name == "java/lang/Enum")
            || is_annotated(&class.annotations)
            || is_annotated(&method.annotations)
            || self.is_empty_constructor()
            || self.is_of_record()
    }

    /// Private constructors that only keep others from making objects, and those that every enum
    /// has.
    fn is_empty_constructor(&self) -> bool {
        let method = self.method;
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
            && (method.access & PRIVATE != 0 || method.descriptor != "()V")
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
    fn is_of_record(&self) -> bool {
        let method = self.method;
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
        let &default = self.switch(at + 4)?.ways.first()?;
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

    /// `switch` on a text that compares it right behind the switch on its hash, as Eclipse's
    /// compiler and Kotlin's have it. It counts as what keeps the text.
    fn comparisons_of_texts(&self, changes: &mut Changes) {
        for at in self.all().filter(|&at| self.code(at) == Some(ASTORE)) {
            if let Some((end, ways)) = self.comparisons_of_text(at) {
                changes.ignored.extend(at + 1..=end);
                changes.replaced.insert(at, ways);
            }
        }
    }

    /// The last position of such a switch, and where all of it leads.
    fn comparisons_of_text(&self, at: usize) -> Option<(usize, Ways)> {
        let is_text = |next| self.code(next) == Some(ALOAD) && self.share_variable(at, next);
        let (mut next, mut null) = (at + 1, None);
        if self.follows_as(next, ALOAD) {
            if !is_text(next) {
                return None;
            }
            if self.follows_as(next + 1, DUP) && self.code(next + 2) == Some(IFNULL) {
                (next, null) = (next + 3, Some(next + 2));
            } else if self.follows_as(next + 1, IFNULL) && is_text(next + 2) {
                (next, null) = (next + 3, Some(next + 1));
            } else {
                next += 1;
            }
        }
        if !self.asks_hash(next) {
            return None;
        }
        let switch = self.switch(next + 1)?;
        let &default = switch.ways.first()?;
        let mut ways = Ways::default();
        ways.add(Way::To(default), next + 1, 0);
        let (mut last, mut n_hashes) = (next + 1, 0);
        while n_hashes < switch.cases.len() {
            if !is_text(last + 1) || !self.compares(last + 2) || !self.spend(1) {
                return None;
            }
            let after = last + 4;
            let to = self.jump(after)?;
            if self.follows_as(after, IFEQ) && to == default && n_hashes + 1 == switch.cases.len() {
                ways.add(Way::To(default), after, 1);
                ways.add(self.way(after + 1), after, 0);
                last = after;
                break;
            }
            if !self.follows_as(after, IFNE) {
                return None;
            }
            ways.add(Way::To(to), after, 1);
            last = after;
            if self.follows_as(after + 1, GOTO) {
                last = after + 1;
                ways.add(Way::To(default), last, 1);
                n_hashes += 1;
            } else if default == after + 1 {
                ways.add(Way::To(default), after, 0);
                n_hashes += 1;
            }
        }
        if let Some(null) = null {
            ways.add(Way::To(self.jump(null)?), null, 1);
        }
        (!switch.cases.is_empty()).then_some((last, ways))
    }

    /// The way on with an instruction.
    fn way(&self, position: usize) -> Way {
        if self.follows(position) { Way::On(position) } else { Way::To(position) }
    }

    /// Whether this is the hash of a text.
    pub(crate) fn asks_hash(&self, position: usize) -> bool {
        self.code(position) == Some(INVOKEVIRTUAL)
            && self.is_about(position, "java/lang/String", "hashCode")
    }

    /// Whether a text is compared with another one here.
    pub(crate) fn compares(&self, position: usize) -> bool {
        self.are(position, &[LDC, INVOKEVIRTUAL])
            && self.is_about(position + 1, "java/lang/String", "equals")
    }

    /// `switch` that has a case for all that there is: its default only throws.
    fn switches_of_all(&self, changes: &mut Changes) {
        let mut line = None;
        let line_at = |at: usize| {
            let offset = self.instructions.get(at).map(|row| row.offset);
            let row = self.code.lines.iter().find(|(start, _)| Some(*start) == offset);
            row.map(|(_, line)| *line)
        };
        for at in self.all() {
            if self.starts_line(at) && self.spend(self.code.lines.len()) {
                line = line_at(at);
            }
            let Some(switch) = self.switch(at) else { continue };
            let Some(&default) = switch.ways.first() else { continue };
            let Some(end) = self.throws_mismatch(default) else { continue };
            if self.starts_line(default) && line_at(default) != line {
                continue;
            }
            changes.ignored.extend(default..=end);
            changes.replaced.insert(at, Ways::without_default(at, switch));
        }
    }

    /// Patterns of records: what accessors throw is thrown again as a failed match.
    fn record_patterns(&self, ignored: &mut BTreeSet<usize>) {
        const CODES: [u8; 8] =
            [ASTORE, NEW, DUP, ALOAD, INVOKEVIRTUAL, ALOAD, INVOKESPECIAL, ATHROW];
        for handler in &self.code.handlers {
            let Some(at) = self.position(handler.handler) else { continue };
            if self.are(at, &CODES)
                && self.class.constants.class(handler.type_idx) == "java/lang/Throwable"
                && self.is_type(at + 1, "java/lang/MatchException")
                && self.share_variable(at, at + 3)
                && self.share_variable(at, at + 5)
                && self.member(at + 4).1 == b"toString"
            {
                ignored.extend(at..at + CODES.len());
            }
        }
    }

    /// Position of the throw, if that is all that is done here.
    fn throws_mismatch(&self, at: usize) -> Option<usize> {
        let codes: &[u8] = if self.is_type(at, "java/lang/IncompatibleClassChangeError") {
            &[NEW, DUP, INVOKESPECIAL, ATHROW]
        } else if self.is_type(at, "java/lang/MatchException") {
            &[NEW, DUP, ACONST_NULL, ACONST_NULL, INVOKESPECIAL, ATHROW]
        } else {
            return None;
        };
        self.are(at, codes).then(|| at + codes.len() - 1)
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
    fn finally(&self, changes: &mut Changes) {
        let Changes { ignored, copies, .. } = changes;
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
            let goes_on =
                |row: &Instruction| row.goes_on() || matches!(row.operand, Operand::Switch(_));
            if last.is_some_and(goes_on) && !is_inside(range.end) {
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
