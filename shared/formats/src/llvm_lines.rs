//! LLVM's way from segments to lines.
//!
//! Regions of a file nest. A *segment* starts where what counts changes: it has the count of the
//! innermost region from there on, up to the next segment. A line has the highest count of the
//! regions that start on it and of the segment that reaches into it from before. Rules as of
//! `llvm-cov show`; <https://llvm.org/docs/CoverageMappingFormat.html> says what the kinds are.

use crate::{Place, ReadError, limits};

/// A 1-based line and column.
pub(crate) type Point = (u32, u32);

/// What a region is. Orders as of two regions of one extent the first counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    /// Code with a count.
    Code,
    /// A macro's use; its count is that of the macro's first region.
    Expansion,
    /// No code: left out by the preprocessor, a comment, an empty line.
    Skipped,
    /// Space between statements, which gives its count to lines without any other region.
    Gap,
}

/// Where what counts changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Segment {
    pub(crate) at: Point,
    pub(crate) count: u64,
    /// Whether there is a count from here on.
    pub(crate) has_count: bool,
    /// Whether a region starts here, not only ends.
    pub(crate) is_entry: bool,
    pub(crate) is_gap: bool,
}

/// Numbers and counts of the lines that have code, ascending. Of the lines in `budget`, those
/// found are taken.
///
/// # Errors
/// If there are more lines than the budget allows.
pub(crate) fn lines(
    segments: &[Segment],
    budget: &mut usize,
) -> Result<Vec<(u32, u64)>, ReadError> {
    let mut lines = Vec::new();
    let mut push = |number: u32, count: u64| {
        *budget = budget.checked_sub(1).ok_or_else(|| {
            ReadError::limit(Place::Whole, "its regions claim more lines than any source has")
        })?;
        lines.push((number, count));
        Ok(())
    };
    let mut wrapped: Option<Segment> = None;
    for on_line in segments.chunk_by(|a, b| a.at.0 == b.at.0) {
        let (Some(first), Some(&last)) = (on_line.first(), on_line.last()) else { continue };
        let number = first.at.0;
        if let Some(before) = wrapped.filter(|before| before.has_count) {
            for between in before.at.0.saturating_add(1)..number.min(limits::LINE) {
                push(between, before.count)?;
            }
        }
        let starts = on_line.iter().filter(|s| s.is_entry && s.has_count && !s.is_gap);
        let most = starts.map(|segment| segment.count).max();
        let skipped = first.is_entry && !first.has_count;
        let reached = wrapped.is_some_and(|before| before.has_count);
        let entered = on_line.iter().any(|segment| segment.is_entry && segment.has_count);
        if entered || (!skipped && (reached || most.is_some())) {
            push(number, most.max(wrapped.map(|before| before.count)).unwrap_or(0))?;
        }
        wrapped = Some(last);
    }
    Ok(lines)
}

/// How many lines the segments of a file or program may make.
pub(crate) fn line_budget(n_segments: usize) -> usize {
    n_segments.saturating_mul(100).saturating_add(1_000_000).min(limits::LINES)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A segment: line, count if it has one, whether a region starts.
    fn segment(line: u32, count: Option<u64>, is_entry: bool) -> Segment {
        let (has_count, count) = (count.is_some(), count.unwrap_or(0));
        Segment { at: (line, 1), count, has_count, is_entry, is_gap: false }
    }

    fn found(segments: &[Segment]) -> Vec<(u32, u64)> {
        lines(segments, &mut 1_000).unwrap()
    }

    #[test]
    fn a_line_has_the_highest_count_that_reaches_it() {
        let all = [
            segment(1, Some(2), true),
            segment(3, Some(0), true),
            segment(3, Some(2), false),
            segment(5, Some(0), false),
            segment(6, Some(0), true),
            segment(7, None, false),
        ];
        assert_eq!(found(&all), [(1, 2), (2, 2), (3, 2), (4, 2), (5, 2), (6, 0), (7, 0)]);
    }

    #[test]
    fn skipped_lines_are_none() {
        let all = [
            segment(1, Some(1), true),
            segment(2, None, true),
            segment(4, Some(1), false),
            segment(5, None, false),
            segment(9, Some(3), true),
        ];
        assert_eq!(found(&all), [(1, 1), (5, 1), (9, 3)]);
    }

    #[test]
    fn a_region_that_claims_the_earth_is_refused() {
        let earth = [segment(1, Some(1), true), segment(u32::MAX, None, false)];
        let error = lines(&earth, &mut 1_000).unwrap_err();
        assert!(error.to_string().contains("more lines"), "{error}");
    }
}
