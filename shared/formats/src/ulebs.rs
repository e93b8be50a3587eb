//! Long runs of unsigned LEB128 numbers, decoded eight bytes at a time.
//!
//! Of the numbers in counter files four of five take one byte and nearly all others two. So each
//! byte is taken for the end of a number and joined with the byte before it, all eight at once;
//! those that end none are left out then. Where the next eight bytes are hangs on nothing that
//! these say, so a processor works on several at a time.

use crate::bytes::Cursor;

/// Top bit of each byte: whether the number goes on.
const GOES_ON: u64 = 0x8080_8080_8080_8080;

/// For each pattern of bytes that go on, the first byte being the lowest bit: how many numbers end
/// in the others (lowest four bits), and which of the values of [`joined`] they are (three bits
/// each).
static ENDS: [u32; 256] = ends();

#[expect(clippy::indexing_slicing, reason = "runs when this is compiled, over patterns of 8 bits")]
const fn ends() -> [u32; 256] {
    let mut all = [0; 256];
    let mut pattern = 0;
    while pattern < 256 {
        let mut byte = 0;
        while byte < 8 {
            if pattern >> byte & 1 == 0 {
                let place = byte >> 1 | (byte & 1) << 2;
                all[pattern] |= place << (4 + 3 * (all[pattern] & 0xf));
                all[pattern] += 1;
            }
            byte += 1;
        }
        pattern += 1;
    }
    all
}

/// The lower byte of each two.
const LOWER: u64 = 0x00ff_00ff_00ff_00ff;

/// Decodes numbers into `numbers` from `start` on, until all of it is filled, the bytes end, or a
/// number is cut short or does not end; gives how many numbers there are now. What lies past them
/// is of no meaning.
pub(crate) fn fill(cursor: &mut Cursor<'_>, numbers: &mut [u32], start: usize) -> usize {
    let mut filled = start;
    // The eight bytes before; a number that goes on at their end is not decoded yet.
    let mut last = 0u64;
    let n_pending = |last: u64| (!last & GOES_ON).leading_zeros() as usize / 8;
    while let Some(&eight) = cursor.rest().first_chunk::<8>()
        && let Some(out) = numbers.get_mut(filled..).and_then(|rest| rest.first_chunk_mut::<8>())
    {
        let word = u64::from_le_bytes(eight);
        let [first, second, third] = [8, 16, 24].map(|bits| word << bits | last >> (64 - bits));
        let of_three = first & second & GOES_ON;
        let values = joined(word, first);
        let (values, _) = values.as_flattened().as_chunks::<2>();
        // Each top bit times its power of two, all meeting in the highest byte.
        let tops = (word & GOES_ON) >> 7;
        let [.., pattern] = tops.wrapping_mul(0x0102_0408_1020_4080).to_le_bytes();
        let Some(&ends) = ENDS.get(usize::from(pattern)) else { return filled };
        let places = (4..).step_by(3).map(|shift| (ends >> shift & 7) as usize);
        let at = |lanes: &[[u8; 2]], place: usize| {
            u32::from(u16::from_le_bytes(lanes.get(place).copied().unwrap_or_default()))
        };
        if of_three == 0 {
            out.iter_mut().zip(places).for_each(|(out, place)| *out = at(values, place));
        } else if of_three & third == 0 {
            let starts = starts(second, of_three);
            let (starts, _) = starts.as_flattened().as_chunks::<2>();
            for (out, place) in out.iter_mut().zip(places) {
                let start = at(starts, place);
                *out = at(values, place) << (7 * (start >> 15)) | start & 0x7f;
            }
        } else {
            let end = cursor.offset() + 8;
            cursor.seek(cursor.offset() - n_pending(last));
            last = 0;
            while cursor.offset() < end
                && let Some(number) = numbers.get_mut(filled)
            {
                let Ok(value) = cursor.uleb("number") else { return filled };
                *number = value;
                filled += 1;
            }
            continue;
        }
        filled += (ends & 0xf) as usize;
        last = word;
        cursor.seek(cursor.offset() + 8);
    }
    cursor.seek(cursor.offset() - n_pending(last));
    while cursor.remaining() > 0
        && let Some(number) = numbers.get_mut(filled)
    {
        let Ok(value) = cursor.uleb("number") else { return filled };
        *number = value;
        filled += 1;
    }
    filled
}

/// The last two bytes of the number that ends at each byte, or the only one: first those at even
/// places, then those at odd ones, two bytes each. `before` has the bytes before those of `word`.
#[inline]
fn joined(word: u64, before: u64) -> [[u8; 8]; 2] {
    let [even, odd] = [word & LOWER, word >> 8 & LOWER];
    [(even, before & LOWER), (odd, even)].map(|(byte, before)| {
        let is_long = whole(before & GOES_ON);
        let long = byte << 7 | before & !GOES_ON;
        (byte ^ (byte ^ long) & is_long).to_le_bytes()
    })
}

/// The first byte of each number of three bytes, with the top bit of two set, in the order of
/// [`joined`]. `second` has the second bytes before, `of_three` says where such numbers end.
#[inline]
fn starts(second: u64, of_three: u64) -> [[u8; 8]; 2] {
    [0, 8].map(|shift| {
        let of_three = of_three >> shift & LOWER;
        let start = second >> shift & LOWER & !GOES_ON;
        (start & whole(of_three) | of_three << 8).to_le_bytes()
    })
}

/// All bits of each two bytes that have the top bit of the lower byte, the only one there may be.
#[inline]
fn whole(tops: u64) -> u64 {
    (tops << 9).wrapping_sub(tops >> 7)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn uleb(out: &mut Vec<u8>, mut number: u32) {
        while number > 0x7f {
            out.push(u8::try_from(number & 0x7f).unwrap() | 0x80);
            number >>= 7;
        }
        out.push(u8::try_from(number).unwrap());
    }

    #[test]
    fn numbers_of_every_length_come_out_in_order() {
        // A cheap generator, so that lengths mix in every way.
        let mut state = 1u32;
        let expected: Vec<u32> = (0..10_000)
            .map(|_| {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                let bits = [7, 7, 7, 7, 14, 14, 21, 32][(state >> 29) as usize];
                (state >> 3).wrapping_mul(0x9e37_79b9) >> (32 - bits)
            })
            .collect();
        let mut bytes = Vec::new();
        expected.iter().for_each(|&number| uleb(&mut bytes, number));
        for room in [1, 7, 8, 9, 100, 20_000] {
            let mut cursor = Cursor::new(&bytes);
            let mut found: Vec<u32> = Vec::new();
            while cursor.remaining() > 0 {
                let mut numbers = vec![0; room + 1];
                let filled = fill(&mut cursor, &mut numbers, 1);
                found.extend(&numbers[1..filled]);
            }
            assert!(found == expected, "with room for {room}");
        }
    }

    #[test]
    fn a_number_of_any_length_may_begin_anywhere_in_eight_bytes() {
        for length in 1..=5 {
            for before in 0..20 {
                for after in [0, 1, 7, 8, 30] {
                    let number = u32::MAX >> (32 - (7 * length).min(32));
                    let mut bytes = vec![1; before];
                    uleb(&mut bytes, number);
                    bytes.extend(vec![2; after]);
                    let mut numbers = vec![0; before + 1 + after + 8];
                    let filled = fill(&mut Cursor::new(&bytes), &mut numbers, 0);
                    let expected = [vec![1; before], vec![number], vec![2; after]].concat();
                    assert_eq!(numbers[..filled], expected, "{length} bytes after {before}");
                }
            }
        }
    }

    #[test]
    fn a_number_that_does_not_end_stops_it() {
        for (bytes, expected) in [(&[0x80; 5][..], 0), (&[0x80; 20], 0), (&[1, 2, 0x80], 2)] {
            let mut cursor = Cursor::new(bytes);
            assert_eq!(fill(&mut cursor, &mut [0; 32], 0), expected);
            // Asked again it does not go on past that number.
            assert_eq!((cursor.offset(), fill(&mut cursor, &mut [0; 32], 0)), (expected, 0));
        }
    }
}
