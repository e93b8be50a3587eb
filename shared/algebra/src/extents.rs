//! Which function a line lies in, where functions are known by their places only.

use coverage::{FunctionIdx, Span};

/// Lines of a function; without its last where only its first is known.
#[derive(Debug, Clone, Copy)]
pub struct Extent {
    /// Its first line, from 1.
    pub first: u32,
    /// Its last line.
    pub last: Option<u32>,
    /// The function.
    pub function: FunctionIdx,
}

impl Extent {
    /// The lines of a function with this span; a span of one line says where it begins.
    pub fn of(span: Span, function: FunctionIdx) -> Self {
        let last = if span.as_line().is_some() { None } else { Some(span.last_line()) };
        Self { first: span.start.line, last, function }
    }
}

/// For each of `lines`, ascending, the position of the innermost of `extents` around it. Sorts the
/// extents of a file by their first lines, outer before inner. A function without an end ends where
/// the next one begins.
pub fn innermost(
    extents: &mut [Extent],
    lines: impl IntoIterator<Item = u32>,
) -> Vec<Option<usize>> {
    extents.sort_by_key(|extent| (extent.first, std::cmp::Reverse(extent.last)));
    let starts: Vec<u32> = extents.iter().map(|extent| extent.first).collect();
    // Functions around the line that is looked at, outer before inner.
    let mut around: Vec<(usize, u32)> = Vec::new();
    let mut next = 0;
    let inner = |number| {
        while let Some(extent) = extents.get(next).filter(|extent| extent.first <= number) {
            let following = starts.get(starts.partition_point(|start| *start <= extent.first));
            let open_end = following.map_or(u32::MAX, |start| start.saturating_sub(1));
            around.push((next, extent.last.unwrap_or(open_end)));
            next += 1;
        }
        while around.last().is_some_and(|(_, last)| *last < number) {
            around.pop();
        }
        around.last().map(|(index, _)| *index)
    };
    lines.into_iter().map(inner).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_lie_in_the_innermost_function() {
        let extent =
            |first, last, function| Extent { first, last, function: FunctionIdx(function) };
        let mut extents =
            [extent(9, None, 3), extent(4, Some(5), 1), extent(2, Some(7), 0), extent(12, None, 2)];
        let found = innermost(&mut extents, [1, 2, 4, 6, 8, 9, 11, 12, 99]);
        let found: Vec<_> =
            found.into_iter().map(|at| at.map(|at| extents[at].function.0)).collect();
        assert_eq!(
            found,
            [None, Some(0), Some(1), Some(0), None, Some(3), Some(3), Some(2), Some(2)]
        );
    }
}
