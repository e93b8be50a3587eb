//! Sorting. All lists of the page share two sorts, by numbers and by names: the standard
//! library's is compiled anew for every type that it is asked to sort, at 4 KB each.

/// Sorts by two numbers; equal ones keep their order.
pub fn by_key<T>(rows: &mut Vec<T>, key: impl Fn(&T) -> [u64; 2]) {
    let mut keys: Vec<([u64; 2], usize)> =
        rows.iter().enumerate().map(|(index, row)| (key(row), index)).collect();
    keys.sort_unstable();
    arrange(rows, keys.iter().map(|&(_, index)| index));
}

/// Sorts by name; equal ones keep their order.
pub fn by_name<'n, T>(rows: &mut Vec<T>, name: impl Fn(&T) -> &'n str) {
    let mut names: Vec<(&str, usize)> =
        rows.iter().enumerate().map(|(index, row)| (name(row), index)).collect();
    names.sort_unstable();
    arrange(rows, names.iter().map(|&(_, index)| index));
}

fn arrange<T>(rows: &mut Vec<T>, order: impl Iterator<Item = usize>) {
    let mut taken: Vec<Option<T>> = rows.drain(..).map(Some).collect();
    rows.extend(order.filter_map(|index| taken[index].take()));
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
        assert!(pair(1, 0) > pair(0, u32::MAX));
    }
}
