//! Sorting. All lists of the page share one small sort of row numbers: the standard library's is
//! compiled anew for every type that it is asked to sort, at 4 KB each.

/// Sorts by two numbers; equal ones keep their order.
pub fn by_key<T>(rows: &mut Vec<T>, key: impl Fn(&T) -> [u64; 2]) {
    let keys: Vec<[u64; 2]> = rows.iter().map(key).collect();
    arrange(rows, &sorted(keys.len(), &|a, b| keys[a] < keys[b]));
}

/// Sorts by name; equal ones keep their order.
pub fn by_name<'n, T>(rows: &mut Vec<T>, name: impl Fn(&T) -> &'n str) {
    let names: Vec<&str> = rows.iter().map(name).collect();
    arrange(rows, &sorted(names.len(), &|a, b| names[a] < names[b]));
}

/// Row numbers in order, by merging ever longer runs.
fn sorted(len: usize, ahead: &dyn Fn(usize, usize) -> bool) -> Vec<usize> {
    let mut rows: Vec<usize> = (0..len).collect();
    let mut merged = rows.clone();
    let mut run = 1;
    while run < len {
        for start in (0..len).step_by(2 * run) {
            let (middle, end) = ((start + run).min(len), (start + 2 * run).min(len));
            let (mut left, mut right) = (start, middle);
            for place in &mut merged[start..end] {
                let from_right = right < end && (left == middle || ahead(rows[right], rows[left]));
                let next = if from_right { &mut right } else { &mut left };
                *place = rows[*next];
                *next += 1;
            }
        }
        std::mem::swap(&mut rows, &mut merged);
        run *= 2;
    }
    rows
}

fn arrange<T>(rows: &mut Vec<T>, order: &[usize]) {
    let mut taken: Vec<Option<T>> = rows.drain(..).map(Some).collect();
    rows.extend(order.iter().filter_map(|&row| taken[row].take()));
}

/// Two numbers of 32 bits as one that sorts like both.
pub fn pair(first: u32, second: u32) -> u64 {
    u64::from(first) << 32 | u64::from(second)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_rows_keep_their_order() {
        let mut rows: Vec<(&'static str, u64)> = vec![("b", 2), ("a", 1), ("c", 1), ("a", 2)];
        by_key(&mut rows, |row| [row.1, 0]);
        assert_eq!(rows, [("a", 1), ("c", 1), ("b", 2), ("a", 2)]);
        by_name(&mut rows, |row| row.0);
        assert_eq!(rows, [("a", 1), ("a", 2), ("b", 2), ("c", 1)]);
        let mut many: Vec<u64> = (0..1_000).map(|n| n * 7_919 % 1_009).collect();
        by_key(&mut many, |&n| [n / 10, 0]);
        assert!(many.is_sorted_by_key(|n| n / 10));
        assert!(pair(1, 0) > pair(0, u32::MAX));
    }
}
