//! Modified condition/decision coverage (MC/DC): which conditions of a decision were shown to decide
//! it alone.
//!
//! Conditions are a graph: each outcome of one leads to another, or out with the decision's value.
//! A way through it is a *test vector*, and a bitmap has a bit for each that ran. A condition is
//! shown by two vectors of different value that differ in nothing else, where what one of them
//! did not come to does not count as a difference.

/// Most conditions of a decision that are looked at: compilers take fewer.
pub(crate) const CONDITIONS: usize = 127;

/// A condition: its number, and the numbers of those that its outcomes false and true lead to.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Condition {
    pub(crate) id: usize,
    pub(crate) next: [Option<usize>; 2],
    /// Whether the compiler knows its value.
    pub(crate) is_constant: bool,
}

/// Where the bits of a decision are.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Bits<'a> {
    pub(crate) bitmap: &'a [u8],
    /// First bit past those of the decision; with `old` the byte of its first.
    pub(crate) index: usize,
    /// Whether a vector's number has a bit for each condition, as up to LLVM 18.
    pub(crate) old: bool,
}

/// One way through: which conditions had a value, which of them true.
#[derive(Debug, Clone, Copy)]
struct Vector {
    known: u128,
    yes: u128,
}

/// Of each condition, in the order given, whether it was shown; `None` for constants. `None` at all
/// if the conditions are no graph, its bits are not there, or `budget`, the number of vectors and
/// pairs that may still be looked at, is used up.
pub(crate) fn shown(
    conditions: &[Condition],
    bits: Bits<'_>,
    budget: &mut usize,
) -> Option<Vec<Option<bool>>> {
    let n = conditions.len();
    if n == 0 || n > CONDITIONS {
        return None;
    }
    let mut next = vec![None; n];
    for condition in conditions {
        let slot = next.get_mut(condition.id)?;
        if slot.replace(condition.next).is_some() {
            return None;
        }
    }
    let next: Vec<[Option<usize>; 2]> = next.into_iter().collect::<Option<_>>()?;
    let (offsets, n_vectors) = offsets(&next)?;
    let base =
        if bits.old { bits.index.checked_mul(8)? } else { bits.index.checked_sub(n_vectors)? };

    // Ways through, by their value. A way is left as soon as the budget ends.
    let mut ran: [Vec<Vector>; 2] = [Vec::new(), Vec::new()];
    let mut ways = vec![(0, 0usize, Vector { known: 0, yes: 0 })];
    while let Some((id, number, vector)) = ways.pop() {
        *budget = budget.checked_sub(1)?;
        for outcome in 0..2 {
            let bit = 1u128 << id;
            let yes = vector.yes | if outcome == 1 { bit } else { 0 };
            let vector = Vector { known: vector.known | bit, yes };
            let number = number.checked_add(*offsets.get(id)?.get(outcome)?)?;
            if let Some(next) = *next.get(id)?.get(outcome)? {
                ways.push((next, number, vector));
                continue;
            }
            let number = if bits.old { usize::try_from(yes).ok()? } else { number };
            let at = base.checked_add(number)?;
            if bits.bitmap.get(at / 8)? >> (at % 8) & 1 == 1 {
                ran.get_mut(outcome)?.push(vector);
            }
        }
    }
    let mut shown = 0u128;
    let [no, yes] = &ran;
    *budget = budget.checked_sub(no.len().checked_mul(yes.len())?)?;
    for a in no {
        for b in yes {
            let differ = (a.yes ^ b.yes) & a.known & b.known;
            if differ.is_power_of_two() {
                shown |= differ;
            }
        }
    }
    let of =
        |condition: &Condition| (!condition.is_constant).then_some(shown >> condition.id & 1 == 1);
    Some(conditions.iter().map(of).collect())
}

/// What each outcome of each condition adds to the number of a vector, and how many vectors there
/// are. A condition's outcomes to other conditions add how many ways lead to those from elsewhere
/// before; those out of the graph count on from the ones that more ways lead to.
fn offsets(next: &[[Option<usize>; 2]]) -> Option<(Vec<[usize; 2]>, usize)> {
    let mut n_open = vec![0usize; next.len()];
    for &id in next.iter().flatten().flatten() {
        *n_open.get_mut(id)? += 1;
    }
    if *n_open.first()? > 0 {
        return None;
    }
    let mut widths = vec![0usize; next.len()];
    *widths.first_mut()? = 1;
    let mut offsets = vec![[0; 2]; next.len()];
    let mut ends = Vec::new();
    let mut queue = std::collections::VecDeque::from([0]);
    let mut n_met = 0;
    while let Some(id) = queue.pop_front() {
        n_met += 1;
        let width = *widths.get(id)?;
        for outcome in 0..2 {
            let Some(to) = *next.get(id)?.get(outcome)? else {
                ends.push((width, id, outcome));
                continue;
            };
            let wide = widths.get_mut(to)?;
            *offsets.get_mut(id)?.get_mut(outcome)? = *wide;
            *wide = wide.checked_add(width)?;
            let open = n_open.get_mut(to)?;
            *open -= 1;
            if *open == 0 {
                queue.push_back(to);
            }
        }
    }
    // What is never met hangs on a circle.
    if n_met != next.len() {
        return None;
    }
    // Stable: of the same width, the first met first.
    ends.sort_by_key(|end| std::cmp::Reverse(end.0));
    let mut n_vectors = 0usize;
    for (width, id, outcome) in ends {
        *offsets.get_mut(id)?.get_mut(outcome)? = n_vectors;
        n_vectors = n_vectors.checked_add(width)?;
    }
    Some((offsets, n_vectors))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `a && b`.
    fn both() -> Vec<Condition> {
        let condition = |id, next| Condition { id, next, is_constant: false };
        vec![condition(0, [None, Some(1)]), condition(1, [None, None])]
    }

    fn shown_by(bitmap: u8, old: bool, budget: usize) -> Option<Vec<Option<bool>>> {
        let index = if old { 0 } else { 3 };
        shown(&both(), Bits { bitmap: &[bitmap], index, old }, &mut { budget })
    }

    #[test]
    fn a_condition_is_shown_by_a_pair() {
        // Vectors: a false, b false, b true.
        assert_eq!(shown_by(0b111, false, 99).unwrap(), [Some(true), Some(true)]);
        assert_eq!(shown_by(0b101, false, 99).unwrap(), [Some(true), Some(false)]);
        assert_eq!(shown_by(0b110, false, 99).unwrap(), [Some(false), Some(true)]);
        assert_eq!(shown_by(0b011, false, 99).unwrap(), [Some(false), Some(false)]);
        // a false is 0, a alone 1, both 3.
        assert_eq!(shown_by(0b1001, true, 99).unwrap(), [Some(true), Some(false)]);
        assert_eq!(shown_by(0b1010, true, 99).unwrap(), [Some(false), Some(true)]);
    }

    #[test]
    fn what_is_no_graph_is_not_looked_at() {
        assert_eq!(shown_by(0, false, 1), None);
        let mut circle = both();
        circle[1].next = [None, Some(1)];
        let bits = Bits { bitmap: &[0; 8], index: 9, old: false };
        assert_eq!(shown(&circle, bits, &mut 99), None);
        circle[1].id = 0;
        assert_eq!(shown(&circle, bits, &mut 99), None);
        assert_eq!(shown(&both(), Bits { index: 99, ..bits }, &mut 99), None);
        assert_eq!(shown(&both(), Bits { index: 2, ..bits }, &mut 99), None);
    }
}
