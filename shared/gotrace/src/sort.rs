//! Sorting by time as Go's `slices.SortFunc` does, down to what becomes of equal times: that is
//! part of the order of events, so it is not left to a library.
//!
//! It is a quicksort that defeats patterns (Orson Peters, arXiv 2106.05123) with the constants
//! that Go chose: short rows are sorted by insertion, which keeps ties; longer ones are not.

/// What is sorted: a time, and whose it is.
pub(crate) type Timed = (i64, usize);

/// Rows up to this long are sorted by insertion.
pub(crate) const SHORT: usize = 12;
/// From this length on, pivots are medians of medians, and single elements out of place are moved.
const LONG: usize = 50;
/// So many of those are moved before it is a case for the quicksort after all.
const MOVES: usize = 5;
/// Comparisons of a median of medians: all of them the wrong way around in a row that falls.
const COMPARISONS: usize = 12;

/// Sorts by time.
pub(crate) fn sort(row: &mut [Timed]) {
    let bad_pivots = usize::BITS - row.len().leading_zeros();
    quick(row, None, bad_pivots);
}

fn time(row: &[Timed], at: usize) -> i64 {
    row.get(at).map_or(i64::MAX, |timed| timed.0)
}

/// Whether one element is earlier than another.
fn earlier(row: &[Timed], one: usize, other: usize) -> bool {
    time(row, one) < time(row, other)
}

/// Sorts a part that comes after an element with the time `before`, if it is not the first one.
fn quick(mut row: &mut [Timed], mut before: Option<i64>, mut bad_pivots: u32) {
    let (mut balanced, mut parted) = (true, true);
    while row.len() > SHORT {
        if bad_pivots == 0 {
            heap(row);
            return;
        }
        if !balanced {
            scatter(row);
            bad_pivots -= 1;
        }
        let (mut pivot, swaps) = choose(row);
        let mut rises = swaps == 0;
        if swaps == COMPARISONS {
            row.reverse();
            pivot = row.len() - 1 - pivot;
            rises = true;
        }
        if balanced && parted && rises && mend(row) {
            return;
        }
        if before.is_some_and(|before| before >= time(row, pivot)) {
            // The pivot is the least there is: its equals need no more sorting.
            let equal = part_equal(row, pivot);
            row = row.split_at_mut(equal).1;
            continue;
        }
        let middle;
        (middle, parted) = part(row, pivot);
        let middle_time = time(row, middle);
        let length = row.len();
        let (left, rest) = row.split_at_mut(middle);
        // The pivot counts as one of the right, and is in its place.
        balanced = left.len().min(rest.len()) >= length / 8;
        let left_is_shorter = left.len() < rest.len();
        let right = rest.split_at_mut(1).1;
        if left_is_shorter {
            quick(left, before, bad_pivots);
            (row, before) = (right, Some(middle_time));
        } else {
            quick(right, Some(middle_time), bad_pivots);
            row = left;
        }
    }
    insert(row);
}

fn insert(row: &mut [Timed]) {
    for from in 1..row.len() {
        let mut at = from;
        while at > 0 && earlier(row, at, at - 1) {
            row.swap(at, at - 1);
            at -= 1;
        }
    }
}

fn heap(row: &mut [Timed]) {
    for root in (0..=row.len().saturating_sub(1) / 2).rev() {
        sift(row, root);
    }
    for last in (0..row.len()).rev() {
        row.swap(0, last);
        sift(row.split_at_mut(last).0, 0);
    }
}

fn sift(row: &mut [Timed], mut root: usize) {
    loop {
        let mut child = 2 * root + 1;
        if child >= row.len() {
            return;
        }
        if child + 1 < row.len() && earlier(row, child, child + 1) {
            child += 1;
        }
        if !earlier(row, root, child) {
            return;
        }
        row.swap(root, child);
        root = child;
    }
}

/// Moves three elements in the middle anywhere, to break whatever made for bad pivots.
fn scatter(row: &mut [Timed]) {
    let length = row.len();
    let mut random = length as u64;
    let mask = (1_u64 << (u64::BITS - random.leading_zeros())) - 1;
    let middle = length / 4 * 2;
    for at in middle - 1..=middle + 1 {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        let other = usize::try_from(random & mask).unwrap_or(0);
        row.swap(at, if other < length { other } else { other - length });
    }
}

/// A pivot, and how many comparisons on the way to it went the wrong way around.
fn choose(row: &[Timed]) -> (usize, usize) {
    let quarter = row.len() / 4;
    let mut of = [quarter, quarter * 2, quarter * 3];
    let mut swaps = 0;
    if row.len() >= LONG {
        of = of.map(|at| median(row, [at - 1, at, at + 1], &mut swaps));
    }
    (median(row, of, &mut swaps), swaps)
}

fn median(row: &[Timed], of: [usize; 3], swaps: &mut usize) -> usize {
    let mut ordered = |one, other| {
        if earlier(row, other, one) {
            *swaps += 1;
            (other, one)
        } else {
            (one, other)
        }
    };
    let [first, second, third] = of;
    let (first, second) = ordered(first, second);
    let (second, _) = ordered(second, third);
    ordered(first, second).1
}

/// Parts a row into what is earlier than the pivot and what is not. Returns where the pivot is
/// then, and whether nothing had to be moved for it.
fn part(row: &mut [Timed], pivot: usize) -> (usize, bool) {
    row.swap(0, pivot);
    let (mut from, mut to) = (1, row.len() - 1);
    let mut moved = false;
    loop {
        while from <= to && earlier(row, from, 0) {
            from += 1;
        }
        while from <= to && !earlier(row, to, 0) {
            to -= 1;
        }
        if from > to {
            row.swap(to, 0);
            return (to, !moved);
        }
        row.swap(from, to);
        moved = true;
        from += 1;
        to -= 1;
    }
}

/// Parts a row, none of whose elements is earlier than the pivot, into its equals and the later
/// ones. Returns where these begin.
fn part_equal(row: &mut [Timed], pivot: usize) -> usize {
    row.swap(0, pivot);
    let (mut from, mut to) = (1, row.len() - 1);
    loop {
        while from <= to && !earlier(row, 0, from) {
            from += 1;
        }
        while from <= to && earlier(row, 0, to) {
            to -= 1;
        }
        if from > to {
            return from;
        }
        row.swap(from, to);
        from += 1;
        to -= 1;
    }
}

/// Sorts a row that almost is. Returns whether it is then.
fn mend(row: &mut [Timed]) -> bool {
    let mut at = 1;
    for _ in 0..MOVES {
        while at < row.len() && !earlier(row, at, at - 1) {
            at += 1;
        }
        if at == row.len() {
            return true;
        }
        if row.len() < LONG {
            return false;
        }
        row.swap(at, at - 1);
        let mut left = at - 1;
        while left > 0 && at >= 2 && earlier(row, left, left - 1) {
            row.swap(left, left - 1);
            left -= 1;
        }
        let mut right = at + 1;
        while right < row.len() && earlier(row, right, right - 1) {
            row.swap(right, right - 1);
            right += 1;
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A row of one of eight shapes: random, of few values, rising, falling, almost sorted,
    /// falling in pairs, in waves, and up and down.
    fn row(shape: usize, length: usize) -> Vec<Timed> {
        let mut random = (length * 8 + shape) as u64 + 88_172_645_463_325_252;
        let element = |at: usize| {
            random ^= random << 13;
            random ^= random >> 7;
            random ^= random << 17;
            let random = usize::try_from(random % 1_000_000).unwrap();
            let time = match shape {
                0 => random,
                1 => random % 4,
                2 => at,
                3 => length - at,
                4 if random.is_multiple_of(50) => random % 100,
                4 => at / 3,
                5 => (length - at) / 2,
                6 => at % 7,
                _ if at > length / 2 => length - at,
                _ => at,
            };
            (i64::try_from(time).unwrap(), at)
        };
        (0..length).map(element).collect()
    }

    #[test]
    fn ties_are_left_as_go_leaves_them() {
        // FNV-1a of where each element was, two bytes each, by Go 1.27.3's `slices.SortFunc`.
        let expected: [u64; 8] = [
            0x635e_2e86_00ae_a271,
            0x29aa_44c7_1bc0_a429,
            0x6be7_6c3e_de06_ca75,
            0x3ab0_a382_0584_9f85,
            0x9acc_6cd6_908d_bc81,
            0xe8c1_81cc_062a_58f1,
            0xf628_71cb_0b22_40c1,
            0x9fe9_a806_996a_0875,
        ];
        for (shape, expected) in expected.into_iter().enumerate() {
            let mut hash = 0xcbf2_9ce4_8422_2325_u64;
            for length in [0, 1, 2, 12, 13, 20, 49, 50, 51, 64, 100, 333, 1000, 5000] {
                let mut row = row(shape, length);
                sort(&mut row);
                assert!(row.is_sorted_by_key(|(time, _)| *time), "{shape} {length}");
                for (_, at) in row {
                    for byte in u16::try_from(at).unwrap().to_le_bytes() {
                        hash = (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
                    }
                }
            }
            assert_eq!(hash, expected, "{shape}");
        }
    }

    #[test]
    fn the_heap_sorts_too() {
        for length in [0, 1, 2, 13, 1000] {
            let mut row = row(0, length);
            heap(&mut row);
            assert!(row.is_sorted_by_key(|(time, _)| *time), "{length}");
        }
    }
}
