//! What Kotlin's compiler adds to the code of methods, which JaCoCo leaves out of its reports.

use std::collections::BTreeMap;

use crate::jacoco_view::{Changes, View, Way, Ways};
use crate::java_class::SYNTHETIC;
use crate::java_code::{
    ACONST_NULL, ALOAD, ARETURN, ASTORE, ATHROW, DUP, GETSTATIC, GOTO, IALOAD, IAND, ICONST_M1,
    IFEQ, IFNONNULL, IFNULL, ILOAD, INVOKESPECIAL, INVOKESTATIC, INVOKEVIRTUAL, LDC, NEW, Operand,
    POP, SWAP,
};

/// Changes what does not count of a method of a class of Kotlin.
pub(crate) fn change(view: &View<'_>, changes: &mut Changes) {
    view.safe_calls(changes);
    for at in view.all() {
        match view.code(at) {
            Some(IFNONNULL) => {
                view.late_property(at, changes);
                view.not_null(at, changes);
                view.unsafe_cast(at, changes);
            }
            Some(IFNULL) => view.late_property_to_return(at, changes),
            Some(NEW) => view.impossible_case(at, changes),
            Some(DUP) => view.nullable_enum(at, changes),
            Some(ALOAD) => view.cases_of_text(at, changes),
            _ => {}
        }
    }
    view.default_arguments(changes);
}

const INTRINSICS: &str = "kotlin/jvm/internal/Intrinsics";

impl View<'_> {
    /// `a?.b?.c`: each has its own way for null; they count as one that leads to where null does.
    fn safe_calls(&self, changes: &mut Changes) {
        let mut chains: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
        for at in self.all().filter(|&at| self.code(at) == Some(IFNULL)) {
            let Some(null) = self.jump(at) else { continue };
            if self.is_safe_call(at, null, !chains.contains_key(&null)) {
                chains.entry(null).or_default().push(at);
            }
        }
        for (null, chain) in chains {
            let asks_last =
                null.checked_sub(1).filter(|&before| self.code(before) == Some(IFNONNULL));
            if chain.len() == 1 && asks_last.is_none() {
                continue;
            }
            for at in chain {
                let mut ways = Ways::default();
                ways.add(Way::On(at), at, 0);
                ways.add(Way::On(null), null, 0);
                changes.replaced.insert(at, ways);
            }
            if let Some(at) = asks_last {
                let mut ways = Ways::default();
                ways.add(Way::On(null), null, 0);
                ways.add(Way::On(at), at, 1);
                changes.replaced.insert(at, ways);
            }
        }
    }

    /// Whether a question for null is one of a chain that leads to `null`.
    fn is_safe_call(&self, at: usize, null: usize, is_first: bool) -> bool {
        let before = |n: usize, code| {
            let position = at.checked_sub(n).filter(|&position| self.code(position) == Some(code));
            position.unwrap_or(usize::MAX)
        };
        let loads = before(1, ALOAD) != usize::MAX;
        let goes_on = || loads && self.share_variable(before(1, ALOAD), before(2, ASTORE));
        match self.code(null) {
            Some(POP) => self.follows(at) && before(1, DUP) != usize::MAX,
            Some(ACONST_NULL) => loads && (is_first || goes_on()),
            None => false,
            Some(_) => {
                let target = self.instructions.get(null).map(|row| &row.operand);
                let branches = matches!(target, Some(Operand::Jump(_) | Operand::Switch(_)));
                !branches && if is_first { loads && self.is_before_elvis(null) } else { goes_on() }
            }
        }
    }

    /// Whether what stands before this is the last of a chain, with `?:` behind it.
    fn is_before_elvis(&self, null: usize) -> bool {
        null.checked_sub(5).is_some_and(|at| {
            self.are(at, &[ASTORE, ALOAD, IFNULL, ALOAD, GOTO])
                && self.jump(at + 2) == Some(null)
                && self.share_variable(at, at + 1)
                && self.share_variable(at, at + 3)
        })
    }

    /// The last position of a call that says that a `lateinit` property is not set.
    fn says_not_set(&self, mut at: usize) -> Option<usize> {
        if self.code(at) == Some(POP) {
            at += 1;
        }
        (self.are(at, &[LDC, INVOKESTATIC])
            && self.is_about(at + 1, INTRINSICS, "throwUninitializedPropertyAccessException"))
        .then_some(at + 1)
    }

    /// A read of a `lateinit` property.
    fn late_property(&self, at: usize, changes: &mut Changes) {
        let (Some(last), Some(to)) = (self.says_not_set(at + 1), self.jump(at)) else { return };
        // Compilers have ended it in several ways.
        if (last + 1..=last + 3).contains(&to) {
            changes.ignored.extend(at..to);
        }
    }

    /// A read of a `lateinit` property that is given back.
    fn late_property_to_return(&self, at: usize, changes: &mut Changes) {
        let Some(to) = self.jump(at) else { return };
        let Some(last) = self.says_not_set(to).map(|last| last + 2) else { return };
        if matches!(self.code(last), Some(ARETURN | ATHROW)) {
            changes.ignored.insert(at);
            changes.ignored.extend(to..=last);
        }
    }

    /// `!!`, as it was before Kotlin 1.4.
    fn not_null(&self, at: usize, changes: &mut Changes) {
        let is_call = self.code(at + 1) == Some(INVOKESTATIC);
        if is_call && self.is_about(at + 1, INTRINSICS, "throwNpe") {
            changes.ignored.extend(at..at + 2);
        }
    }

    /// `as` of a type that is not null.
    fn unsafe_cast(&self, at: usize, changes: &mut Changes) {
        const CODES: [u8; 5] = [NEW, DUP, LDC, INVOKESPECIAL, ATHROW];
        let start = if self.follows_as(at + 1, POP) { at + 2 } else { at + 1 };
        let is_error = self.is_type(start, "java/lang/NullPointerException")
            || self.is_type(start, "kotlin/TypeCastException");
        let end = start + CODES.len();
        if self.are(start, &CODES)
            && is_error
            && self.text(start + 2).starts_with(b"null cannot be cast to non-null type")
            && self.jump(at) == Some(end)
        {
            changes.ignored.extend(at..end);
        }
    }

    /// `when` that has a case for all that there is: what is done otherwise only throws.
    fn impossible_case(&self, at: usize, changes: &mut Changes) {
        let end = at + 3;
        if !self.is_type(at, "kotlin/NoWhenBranchMatchedException")
            || !self.are(at, &[NEW, DUP, INVOKESPECIAL, ATHROW])
        {
            return;
        }
        for from in (0..end).rev() {
            if !self.spend(1) {
                return;
            }
            if self.code(from) == Some(IFEQ) && self.jump(from) == Some(at) {
                changes.ignored.insert(from);
                changes.ignored.extend(at..=end);
                return;
            }
            if let Some(switch) = self.switch(from)
                && switch.ways.first() == Some(&at)
            {
                changes.replaced.insert(from, Ways::without_default(from, switch));
                changes.ignored.extend(at..=end);
                return;
            }
        }
    }

    /// The question for null of a `when` by an enum.
    fn nullable_enum(&self, at: usize, changes: &mut Changes) {
        const CODES: [u8; 9] =
            [DUP, IFNONNULL, POP, ICONST_M1, GOTO, GETSTATIC, SWAP, INVOKEVIRTUAL, IALOAD];
        let switch = at + CODES.len();
        let (class, name, _) = self.member(at + 5);
        if self.are(at, &CODES)
            && class.ends_with(b"$WhenMappings")
            && name.starts_with(b"$EnumSwitchMapping$")
            && self.switch(switch).is_some()
            && self.jump(at + 1) == Some(at + 5)
            && self.jump(at + 4) == Some(switch)
        {
            changes.ignored.extend(at..switch);
        }
    }

    /// `when` by a text that stays where it is.
    fn cases_of_text(&self, at: usize, changes: &mut Changes) {
        if let Some((end, ways)) = self.ways_of_text(at) {
            changes.ignored.extend(at + 3..=end);
            changes.replaced.insert(at + 2, ways);
        }
    }

    /// The last position of its comparisons, and where all of it leads.
    fn ways_of_text(&self, at: usize) -> Option<(usize, Ways)> {
        if !self.asks_hash(at + 1) {
            return None;
        }
        let switch = self.switch(at + 2)?;
        let &default = switch.ways.first()?;
        let mut ways = Ways::default();
        ways.add(Way::To(default), at + 2, 0);
        let (mut last, mut n_hashes) = (at + 2, 0);
        while n_hashes < switch.cases.len() {
            let differs = last + 4;
            let is_case = self.code(last + 1) == Some(ALOAD)
                && self.share_variable(at, last + 1)
                && self.compares(last + 2)
                && self.code(differs) == Some(IFEQ);
            if !is_case || !self.spend(1) {
                return None;
            }
            let (other, then) = (self.jump(differs)?, differs + 1);
            if self.code(then) == Some(GOTO) {
                ways.add(Way::To(self.jump(then)?), then, 1);
                last = then;
                if other == default {
                    ways.add(Way::To(default), differs, 1);
                    n_hashes += 1;
                }
            } else if other == default && n_hashes + 1 == switch.cases.len() {
                self.code(then)?;
                ways.add(Way::To(default), differs, 1);
                ways.add(Way::On(then), differs, 0);
                last = differs;
                break;
            } else {
                return None;
            }
        }
        (!switch.cases.is_empty()).then_some((last, ways))
    }

    /// Which arguments were left out in a call, and the refusal of such calls of `super`.
    fn default_arguments(&self, changes: &mut Changes) {
        const REFUSES: [u8; 6] = [IFNULL, NEW, DUP, LDC, INVOKESPECIAL, ATHROW];
        let method = self.method;
        let is_constructor = method.name == "<init>"
            && method.ends_with_marker("Lkotlin/jvm/internal/DefaultConstructorMarker;");
        if method.access & SYNTHETIC == 0 || !(is_constructor || method.name.ends_with("$default"))
        {
            return;
        }
        let mut at = 0;
        if self.are(1, &REFUSES)
            && self.is_type(2, "java/lang/UnsupportedOperationException")
            && self.text(4).starts_with(b"Super calls with default arguments not supported in")
        {
            at = REFUSES.len() + 1;
            changes.ignored.extend(0..at);
        }
        let first = self.first_mask(is_constructor);
        let mut asks = Vec::new();
        while self.code(at) == Some(ILOAD) && self.variable(at).is_some_and(|mask| mask >= first) {
            if !self.are(at + 2, &[IAND, IFEQ]) || !self.spend(1) {
                return;
            }
            asks.push(at + 3);
            match self.jump(at + 3) {
                Some(to) => at = to,
                None => return,
            }
        }
        changes.ignored.extend(asks);
    }

    /// The number of the first variable that says which arguments were left out.
    fn first_mask(&self, is_constructor: bool) -> u16 {
        let parameters = self.method.parameters();
        // One for each 32 arguments; the last parameter is a marker.
        let n_masks = parameters.len().saturating_sub(2) / 33 + 1;
        let n_arguments = parameters.len().saturating_sub(n_masks + 1);
        let sizes = parameters.iter().take(n_arguments).map(|name| match *name {
            "J" | "D" => 2,
            _ => 1,
        });
        sizes.fold(u16::from(is_constructor), u16::saturating_add)
    }
}
