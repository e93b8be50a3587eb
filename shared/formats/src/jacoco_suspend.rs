//! What Kotlin's compiler adds to functions that can be suspended, and its plug-in for Compose to
//! those that can be composed again. JaCoCo leaves it out of its reports.

use std::collections::BTreeSet;
use std::iter;

use crate::jacoco_view::View;
use crate::java_code::{
    ALOAD, ARETURN, ASTORE, ATHROW, CHECKCAST, DUP, GETFIELD, IF_ACMPNE, IFEQ, IFNE, IFNULL,
    INSTANCEOF, INVOKESPECIAL, INVOKESTATIC, LDC, NEW, POP, TABLESWITCH,
};

/// Adds what does not count of a method of a class of Kotlin.
pub(crate) fn change(view: &View<'_>, ignored: &mut BTreeSet<usize>) {
    view.states(ignored);
    for at in view.all().filter(|&at| view.code(at) == Some(DUP)) {
        view.suspended_tail(at, ignored);
        view.suspended_block(at, ignored);
    }
    if view.method.annotations.iter().any(|name| name == "Landroidx/compose/runtime/Composable;") {
        view.all().for_each(|at| view.composed(at, ignored));
    }
}

impl View<'_> {
    /// Whether the mark of what is suspended is asked for here.
    fn asks_suspended(&self, at: usize) -> bool {
        self.code(at) == Some(INVOKESTATIC)
            && self.is_about(
                at,
                "kotlin/coroutines/intrinsics/IntrinsicsKt",
                "getCOROUTINE_SUSPENDED",
            )
    }

    /// A call at the end that may be suspended.
    fn suspended_tail(&self, at: usize, ignored: &mut BTreeSet<usize>) {
        if self.are(at, &[DUP, INVOKESTATIC, IF_ACMPNE, ARETURN, POP])
            && self.asks_suspended(at + 1)
        {
            ignored.extend(at..at + 5);
        }
    }

    /// `suspendCoroutineUninterceptedOrReturn`: what debuggers are told.
    fn suspended_block(&self, at: usize, ignored: &mut BTreeSet<usize>) {
        if !self.are(at, &[DUP, INVOKESTATIC, IF_ACMPNE, ALOAD]) || !self.asks_suspended(at + 1) {
            return;
        }
        let mut tells = at + 4;
        if self.follows_as(tells, CHECKCAST) {
            if !self.is_type(tells, "kotlin/coroutines/Continuation") {
                return;
            }
            tells += 1;
        }
        let probes = "kotlin/coroutines/jvm/internal/DebugProbesKt";
        if self.code(tells) == Some(INVOKESTATIC)
            && self.is_about(tells, probes, "probeCoroutineSuspended")
            && self.jump(at + 2) == Some(tells + 1)
        {
            ignored.extend(at + 2..=tells);
        }
    }

    /// The `switch` that goes on where a function was suspended, and what leads there.
    fn states(&self, ignored: &mut BTreeSet<usize>) {
        if let Some(added) = self.added_for_states() {
            added.into_iter().for_each(|range| ignored.extend(range));
        }
    }

    fn added_for_states(&self) -> Option<Vec<std::ops::Range<usize>>> {
        let start = self.all().find(|&at| self.asks_suspended(at))?;
        let keeps = start + 1;
        let cases = &self.switch(start + 4)?.cases;
        let is_switch = self.are(start + 2, &[ALOAD, GETFIELD, TABLESWITCH]);
        let is_kept = match self.code(keeps)? {
            ASTORE => true,
            POP => cases.len() == 1,
            _ => false,
        };
        if !is_switch || !is_kept || self.code(start + 5) != Some(ALOAD) {
            return None;
        }
        let begun = self.throws_failure(start + 6)?;
        let mut added: Vec<_> = iter::once(0..begun).collect();
        let mut states = cases.iter().skip(1).peekable();
        for at in begun - 1..self.instructions.len() {
            let Some(&&state) = states.peek() else { break };
            let returns = at + 4;
            let suspends = self.are(at + 1, &[ALOAD, IF_ACMPNE, ALOAD, ARETURN])
                && self.share_variable(keeps, at + 1)
                && self.share_variable(keeps, at + 3)
                && state == returns + 1;
            if suspends {
                let resumed = self.jump(at + 2)?;
                if !self.spend(resumed.saturating_sub(at)) {
                    return None;
                }
                added.push(at..resumed);
                states.next();
            }
        }
        let &default = self.switch(start + 4)?.ways.first()?;
        let throws = self.are(default, &[NEW, DUP, LDC, INVOKESPECIAL, ATHROW])
            && self.is_type(default, "java/lang/IllegalStateException")
            && self.text(default + 2) == b"call to 'resume' before 'invoke' with coroutine";
        added.push(default..default + 5);
        throws.then_some(added)
    }

    /// The position after the question whether a function goes on with a failure.
    fn throws_failure(&self, at: usize) -> Option<usize> {
        const OLD: [u8; 7] = [DUP, INSTANCEOF, IFEQ, CHECKCAST, GETFIELD, ATHROW, POP];
        if self.code(at) == Some(INVOKESTATIC)
            && self.is_about(at, "kotlin/ResultKt", "throwOnFailure")
        {
            return Some(at + 1);
        }
        let is_failure = |at| self.is_type(at, "kotlin/Result$Failure");
        (self.are(at, &OLD) && is_failure(at + 1) && is_failure(at + 3)).then(|| at + OLD.len())
    }

    /// What the plug-in for Compose adds around a call.
    fn composed(&self, at: usize, ignored: &mut BTreeSet<usize>) {
        const COMPOSER: &str = "androidx/compose/runtime/Composer";
        if !self.is_call(at) {
            return;
        }
        let is = |name| self.is_about(at, COMPOSER, name) && self.spend(self.instructions.len());
        if is("shouldExecute") && self.follows_as(at + 1, IFEQ) {
            ignored.extend(0..at + 2);
        } else if is("getSkipping") && self.follows_as(at + 1, IFNE) {
            let skips = self.jump(at + 1).unwrap_or(self.instructions.len());
            ignored.extend((0..at + 2).chain(skips..self.instructions.len()));
        } else if is("endRestartGroup")
            && self.follows_as(at + 1, DUP)
            && self.follows_as(at + 2, IFNULL)
        {
            let end = self.jump(at + 2).filter(|&end| self.code(end) == Some(POP));
            ignored.extend(end.map(|end| at + 2..=end).into_iter().flatten());
        } else if self.is_about(at, "androidx/compose/runtime/ComposerKt", "isTraceInProgress")
            && self.follows_as(at + 1, IFEQ)
        {
            let end = self.jump(at + 1).filter(|end| self.spend(end.saturating_sub(at)));
            ignored.extend(at + 1..end.unwrap_or(at + 2));
        }
    }
}
