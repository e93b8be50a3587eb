//! The code of a method as filters look at it, and what they change in what was covered.
//!
//! Places are positions of instructions. What compilers wrote is known by sequences of
//! instructions; some have to stand without anything between them that a class file names, such as
//! the start of a line.

use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet};

use crate::jacoco_flow::Covered;
use crate::java_class::{Class, Code, Method};
use crate::java_code::{INVOKEINTERFACE, INVOKEVIRTUAL, Instruction, Operand, Switch};

/// The code of a method.
pub(crate) struct View<'a> {
    pub(crate) class: &'a Class<'a>,
    pub(crate) method: &'a Method<'a>,
    pub(crate) code: &'a Code<'a>,
    pub(crate) instructions: &'a [Instruction],
    /// Whether something names the place of an instruction.
    named: Vec<bool>,
    /// Whether a line begins with an instruction.
    starts_line: Vec<bool>,
    /// Steps that may still be taken. No compiler writes code that needs as many.
    budget: Cell<usize>,
}

impl<'a> View<'a> {
    pub(crate) fn new(
        class: &'a Class<'a>,
        method: &'a Method<'a>,
        code: &'a Code<'a>,
        instructions: &'a [Instruction],
    ) -> Self {
        let budget = Cell::new(100_000 + 64 * code.bytes.len());
        let (mut named, mut starts_line) = (vec![false; instructions.len()], Vec::new());
        starts_line.clone_from(&named);
        let position = |offset: usize| instructions.binary_search_by_key(&offset, |i| i.offset);
        let mut mark = |at: usize| {
            if let Some(is_named) = named.get_mut(at) {
                *is_named = true;
            }
        };
        for &(offset, _) in &code.lines {
            if let Ok(at) = position(offset)
                && let Some(starts) = starts_line.get_mut(at)
            {
                *starts = true;
                mark(at);
            }
        }
        let handlers = code.handlers.iter().flat_map(|row| [row.start, row.end, row.handler]);
        for offset in handlers.chain(code.scopes.iter().copied()) {
            position(offset).into_iter().for_each(&mut mark);
        }
        for instruction in instructions {
            match &instruction.operand {
                Operand::Jump(to) => mark(*to),
                Operand::Switch(switch) => switch.ways.iter().copied().for_each(&mut mark),
                _ => {}
            }
        }
        Self { class, method, code, instructions, named, starts_line, budget }
    }

    /// Whether so many more steps may be taken.
    pub(crate) fn spend(&self, n_steps: usize) -> bool {
        let left = self.budget.get().checked_sub(n_steps);
        self.budget.set(left.unwrap_or(0));
        left.is_some()
    }

    /// The positions of all instructions.
    pub(crate) fn all(&self) -> std::ops::Range<usize> {
        0..self.instructions.len()
    }

    pub(crate) fn code(&self, position: usize) -> Option<u8> {
        self.instructions.get(position).map(|instruction| instruction.code)
    }

    /// Whether these are the codes from a position on.
    pub(crate) fn are(&self, position: usize, codes: &[u8]) -> bool {
        codes.iter().zip(position..).all(|(&code, at)| self.code(at) == Some(code))
    }

    /// Whether nothing names the place of an instruction, so that only the one before it leads
    /// there.
    pub(crate) fn follows(&self, position: usize) -> bool {
        self.named.get(position) == Some(&false)
    }

    /// Whether this is the code there, right behind the instruction before.
    pub(crate) fn follows_as(&self, position: usize, code: u8) -> bool {
        self.follows(position) && self.code(position) == Some(code)
    }

    pub(crate) fn starts_line(&self, position: usize) -> bool {
        self.starts_line.get(position) == Some(&true)
    }

    pub(crate) fn position(&self, offset: usize) -> Option<usize> {
        self.instructions.binary_search_by_key(&offset, |row| row.offset).ok()
    }

    pub(crate) fn variable(&self, position: usize) -> Option<u16> {
        match self.instructions.get(position)?.operand {
            Operand::Variable(variable) => Some(variable),
            _ => None,
        }
    }

    /// Whether these two have the same variable.
    pub(crate) fn share_variable(&self, a: usize, b: usize) -> bool {
        self.variable(a).is_some_and(|variable| self.variable(b) == Some(variable))
    }

    pub(crate) fn jump(&self, position: usize) -> Option<usize> {
        match self.instructions.get(position)?.operand {
            Operand::Jump(target) => Some(target),
            _ => None,
        }
    }

    pub(crate) fn switch(&self, position: usize) -> Option<&Switch> {
        match &self.instructions.get(position)?.operand {
            Operand::Switch(switch) => Some(switch),
            _ => None,
        }
    }

    fn constant(&self, position: usize) -> Option<u16> {
        match self.instructions.get(position)?.operand {
            Operand::Constant(idx) => Some(idx),
            _ => None,
        }
    }

    /// Class, name and descriptor of the member that an instruction is about.
    pub(crate) fn member(&self, position: usize) -> (&'a [u8], &'a [u8], &'a [u8]) {
        self.constant(position).map(|idx| self.class.constants.member(idx)).unwrap_or_default()
    }

    /// Whether an instruction is about this member of a class.
    pub(crate) fn is_about(&self, position: usize, class: &str, name: &str) -> bool {
        let (of, member, _) = self.member(position);
        of == class.as_bytes() && member == name.as_bytes()
    }

    /// Whether this is an instruction about a type, and that is it.
    pub(crate) fn is_type(&self, position: usize, name: &str) -> bool {
        self.constant(position).is_some_and(|idx| self.class.constants.class(idx) == name)
    }

    /// The text that an instruction loads.
    pub(crate) fn text(&self, position: usize) -> &'a [u8] {
        self.constant(position).map(|idx| self.class.constants.string(idx)).unwrap_or_default()
    }

    /// Whether an instruction calls a method, not one that is made when it is called.
    pub(crate) fn is_call(&self, position: usize) -> bool {
        self.code(position).is_some_and(|code| (INVOKEVIRTUAL..=INVOKEINTERFACE).contains(&code))
    }
}

/// What filters change.
#[derive(Debug, Default)]
pub(crate) struct Changes {
    /// Instructions that do not count.
    pub(crate) ignored: BTreeSet<usize>,
    /// Instructions that are copies of each other; the first counts for both.
    pub(crate) copies: Vec<(usize, usize)>,
    /// Instructions whose ways to go on are others than those in the code.
    pub(crate) replaced: BTreeMap<usize, Ways>,
}

/// Ways to go on: each is taken if one of these instructions went this way.
#[derive(Debug, Default)]
pub(crate) struct Ways {
    rows: BTreeMap<Way, Vec<(usize, u32)>>,
}

/// What tells ways apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Way {
    /// To a place that has a name.
    To(usize),
    /// On with an instruction.
    On(usize),
}

impl Ways {
    /// A way is taken if an instruction goes on by that of its ways.
    pub(crate) fn add(&mut self, way: Way, from: usize, branch: u32) {
        self.rows.entry(way).or_default().push((from, branch));
    }

    /// Those of a `switch` without its default.
    pub(crate) fn without_default(at: usize, switch: &Switch) -> Self {
        let mut ways = Self::default();
        for (branch, &to) in (0..).zip(&switch.ways).skip(1) {
            ways.add(Way::To(to), at, branch);
        }
        ways
    }
}

impl Changes {
    /// Changes what was covered; the positions of what does not count.
    pub(crate) fn apply(self, covered: &mut [Covered]) -> BTreeSet<usize> {
        let Self { mut ignored, copies, replaced } = self;
        merge(&copies, &mut ignored, covered);
        for (position, ways) in replaced {
            let is_taken = |&(from, branch): &(usize, u32)| {
                covered.get(from).is_some_and(|row: &Covered| row.taken.contains(&branch))
            };
            let n_branches = u32::try_from(ways.rows.len()).unwrap_or(u32::MAX);
            let taken = (0..).zip(ways.rows.values()).filter(|(_, from)| from.iter().any(is_taken));
            let taken = taken.map(|(branch, _)| branch).collect();
            if let Some(row) = covered.get_mut(position) {
                (row.n_branches, row.taken) = (n_branches, taken);
            }
        }
        ignored
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
