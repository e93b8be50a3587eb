//! Long runs of unsigned LEB128 numbers, decoded eight bytes at a time.
//!
//! Of the numbers in counter files four of five take one byte and nearly all others two. Which of
//! eight bytes end a number says where all numbers in them are; with that looked up in a table,
//! they are cut without a branch for each.

use crate::bytes::Cursor;

/// Top bit of each byte: whether the number goes on.
const GOES_ON: u64 = 0x8080_8080_8080_8080;

/// The numbers of one or two bytes at the start of eight bytes, up to the first longer one.
#[derive(Clone, Copy)]
struct Window {
    /// How many numbers there are.
    n_numbers: u8,
    /// Bytes that they take.
    n_bytes: u8,
    /// Bit at which each starts.
    shifts: [u8; 8],
    /// Which bits it has when the top bits of bytes are squeezed out; none past the last.
    masks: [u16; 8],
}

/// A window for each pattern of bytes that go on, the first byte being the lowest bit.
static WINDOWS: [Window; 256] = windows();

#[expect(
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    reason = "runs when this is compiled, over patterns of eight bits"
)]
const fn windows() -> [Window; 256] {
    let none = Window { n_numbers: 0, n_bytes: 0, shifts: [0; 8], masks: [0; 8] };
    let mut windows = [none; 256];
    let mut pattern = 0;
    while pattern < 256 {
        let window = &mut windows[pattern];
        let mut byte = 0;
        while byte < 8 {
            let goes_on = pattern >> byte & 1 == 1;
            if goes_on && (byte == 7 || pattern >> (byte + 1) & 1 == 1) {
                break;
            }
            let number = window.n_numbers as usize;
            window.shifts[number] = 8 * byte as u8;
            window.masks[number] = if goes_on { 0x3fff } else { 0x7f };
            window.n_numbers += 1;
            byte += if goes_on { 2 } else { 1 };
        }
        window.n_bytes = byte as u8;
        pattern += 1;
    }
    windows
}

/// Decodes numbers into `numbers` from `start` on, until all of it is filled, the bytes end, or a
/// number is cut short or does not end; gives how many numbers there are now. What lies past them
/// is of no meaning.
pub(crate) fn fill(cursor: &mut Cursor<'_>, numbers: &mut [u32], start: usize) -> usize {
    let mut filled = start;
    while let Some(&eight) = cursor.rest().first_chunk::<8>()
        && let Some(out) = numbers.get_mut(filled..).and_then(|rest| rest.first_chunk_mut::<8>())
    {
        let word = u64::from_le_bytes(eight);
        let goes_on = word & GOES_ON;
        if goes_on == 0 {
            *out = eight.map(u32::from);
            cursor.seek(cursor.offset() + 8);
            filled += 8;
            continue;
        }
        // Each top bit times its power of two, all meeting in the highest byte.
        let [.., pattern] = (goes_on >> 7).wrapping_mul(0x0102_0408_1020_4080).to_le_bytes();
        let Some(window) = WINDOWS.get(usize::from(pattern)) else { return filled };
        if window.n_numbers == 0 {
            let Ok(number) = cursor.uleb("number") else { return filled };
            out[0] = number;
            filled += 1;
            continue;
        }
        for ((out, &shift), &mask) in out.iter_mut().zip(&window.shifts).zip(&window.masks) {
            let [low, high, ..] = (word >> (shift & 63)).to_le_bytes();
            let bytes = u32::from(u16::from_le_bytes([low, high]));
            *out = (bytes & 0x7f | bytes >> 1 & 0x3f80) & u32::from(mask);
        }
        cursor.seek(cursor.offset() + usize::from(window.n_bytes));
        filled += usize::from(window.n_numbers);
    }
    while cursor.remaining() > 0
        && let Some(number) = numbers.get_mut(filled)
    {
        let Ok(value) = cursor.uleb("number") else { return filled };
        *number = value;
        filled += 1;
    }
    filled
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
    fn a_number_that_does_not_end_stops_it() {
        for (bytes, expected) in [(&[0x80; 5][..], 0), (&[0x80; 20], 0), (&[1, 2, 0x80], 2)] {
            let mut cursor = Cursor::new(bytes);
            assert_eq!(fill(&mut cursor, &mut [0; 32], 0), expected);
            // Asked again it does not go on past that number.
            assert_eq!((cursor.offset(), fill(&mut cursor, &mut [0; 32], 0)), (expected, 0));
        }
    }
}
