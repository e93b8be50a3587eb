//! Counts of one shape, unit by unit: for whoever knows that the units are the same.

/// What ran between two readings of growing counters: `later` less `earlier`. A count that is
/// lower than before started again from 0, and is taken as it is; what `earlier` lacks was 0.
pub fn since(later: &[u64], earlier: &[u64]) -> Vec<u64> {
    let earlier = earlier.iter().copied().chain(std::iter::repeat(0));
    later.iter().zip(earlier).map(|(&later, earlier)| grown(later, earlier)).collect()
}

/// Adds counts to others, saturating.
pub fn add(sums: &mut [u64], counts: &[u64]) {
    for (sum, &count) in sums.iter_mut().zip(counts) {
        *sum = sum.saturating_add(count);
    }
}

/// What a counter grew by.
pub(crate) fn grown(later: u64, earlier: u64) -> u64 {
    later.checked_sub(earlier).unwrap_or(later)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_not_there_before_counts_whole() {
        assert_eq!(since(&[5, 2, 7], &[3, 4]), [2, 2, 7]);
        let mut sums = [1, u64::MAX];
        add(&mut sums, &[2, 1]);
        assert_eq!(sums, [3, u64::MAX]);
    }
}
