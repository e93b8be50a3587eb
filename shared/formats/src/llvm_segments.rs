//! LLVM's way from regions to segments, as of `llvm-cov show`: what `llvm_lines`
//! makes lines of.

use std::collections::BTreeSet;

use crate::llvm_lines::{Kind, Point, Segment};

/// A stretch of a file and its count.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Stretch {
    pub(crate) start: Point,
    pub(crate) end: Point,
    pub(crate) count: u64,
    pub(crate) kind: Kind,
}

/// The segments of the regions of one file, by place.
pub(crate) fn segments(mut stretches: Vec<Stretch>) -> Vec<Segment> {
    stretches.sort_by(|a, b| (a.start, b.end, a.kind).cmp(&(b.start, a.end, b.kind)));
    // Instantiations and uses of a macro say the same extent again. An extent that is code and
    // a macro's use has the count of the code alone.
    stretches.dedup_by(|next, kept| {
        let same = (next.start, next.end) == (kept.start, kept.end);
        if same && next.kind == kept.kind {
            kept.count = kept.count.saturating_add(next.count);
        }
        same
    });
    let mut sweep = Sweep {
        stretches: &stretches,
        by_end: BTreeSet::new(),
        open: BTreeSet::new(),
        out: vec![],
    };
    for (index, stretch) in stretches.iter().enumerate() {
        sweep.close(Some(stretch.start));
        let next = stretches.get(index + 1);
        let is_entry = stretch.kind != Kind::Gap;
        if stretch.start == stretch.end {
            let skipped = next.is_none() || stretch.kind == Kind::Skipped;
            let around = sweep.latest();
            sweep.emit(around.unwrap_or(stretch), stretch.start, is_entry, skipped);
            if let Some(around) = around.filter(|_| skipped) {
                sweep.emit(around, stretch.start, false, false);
            }
            continue;
        }
        if next.is_none_or(|next| next.start != stretch.start) {
            sweep.emit(stretch, stretch.start, is_entry, false);
        }
        sweep.by_end.insert((stretch.end, index));
        sweep.open.insert(index);
    }
    sweep.close(None);
    sweep.out
}

struct Sweep<'a> {
    stretches: &'a [Stretch],
    /// Stretches that are open, by their end, then by their position.
    by_end: BTreeSet<(Point, usize)>,
    /// The same by position.
    open: BTreeSet<usize>,
    out: Vec<Segment>,
}

impl<'a> Sweep<'a> {
    /// The open stretch that started last.
    fn latest(&self) -> Option<&'a Stretch> {
        self.open.last().and_then(|&index| self.stretches.get(index))
    }

    /// Closes what ends up to a place, or everything.
    fn close(&mut self, until: Option<Point>) {
        while let Some(&(end, _)) = self.by_end.first()
            && until.is_none_or(|until| end <= until)
        {
            while let Some(&(same, index)) = self.by_end.first()
                && same == end
            {
                self.by_end.pop_first();
                self.open.remove(&index);
            }
            if Some(end) == until {
                continue;
            }
            // What ends next counts on; past what has to be closed, what started last.
            let next = self.by_end.first().map(|&(end, _)| end);
            let next = next.filter(|next| until.is_none_or(|until| *next <= until));
            let follower = match next {
                Some(next) => {
                    let last = self.by_end.range(..=(next, usize::MAX)).next_back();
                    last.and_then(|&(_, index)| self.stretches.get(index))
                }
                None => self.latest(),
            };
            match follower {
                Some(stretch) => self.emit(stretch, end, false, false),
                None => self.out.push(Segment {
                    at: end,
                    count: 0,
                    has_count: false,
                    is_entry: false,
                    is_gap: false,
                }),
            }
        }
    }

    fn emit(&mut self, stretch: &Stretch, at: Point, is_entry: bool, skipped: bool) {
        let has_count = !skipped && stretch.kind != Kind::Skipped;
        let count = if has_count { stretch.count } else { 0 };
        let same = |last: &Segment| {
            (last.has_count, last.count, last.is_entry) == (has_count, stretch.count, false)
        };
        if !is_entry && !skipped && self.out.last().is_some_and(same) {
            return;
        }
        let is_gap = has_count && stretch.kind == Kind::Gap;
        self.out.push(Segment { at, count, has_count, is_entry, is_gap });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::llvm_lines::lines;

    fn stretch(kind: Kind, start: Point, end: Point, count: u64) -> Stretch {
        Stretch { start, end, count, kind }
    }

    /// Line, column, count or `-`, `*` at an entry.
    fn drawn(stretches: Vec<Stretch>) -> (String, Vec<(u32, u64)>) {
        let segments = segments(stretches);
        let text = segments.iter().map(|segment| {
            let count = segment.has_count.then(|| segment.count.to_string());
            let entry = if segment.is_entry { "*" } else { "" };
            format!("{}.{}={}{entry}", segment.at.0, segment.at.1, count.unwrap_or("-".into()))
        });
        let text: Vec<_> = text.collect();
        (text.join(" "), lines(&segments, &mut 1_000).unwrap())
    }

    #[test]
    fn what_is_inside_counts_until_it_ends() {
        let body = stretch(Kind::Code, (1, 10), (6, 2), 3);
        let inner = stretch(Kind::Code, (2, 5), (4, 6), 0);
        let (text, lines) = drawn(vec![inner, body]);
        assert_eq!(text, "1.10=3* 2.5=0* 4.6=3 6.2=-");
        assert_eq!(lines, [(1, 3), (2, 3), (3, 0), (4, 0), (5, 3), (6, 3)]);
    }

    #[test]
    fn gaps_and_skipped_lines_follow_their_own_rules() {
        let body = stretch(Kind::Code, (1, 1), (6, 2), 2);
        let gap = stretch(Kind::Gap, (2, 9), (3, 3), 0);
        let inner = stretch(Kind::Code, (3, 3), (3, 9), 0);
        let skipped = stretch(Kind::Skipped, (5, 1), (5, 99), 0);
        let (text, lines) = drawn(vec![body, gap, inner, skipped]);
        assert_eq!(text, "1.1=2* 2.9=0 3.3=0* 3.9=2 5.1=-* 5.99=2 6.2=-");
        assert_eq!(lines, [(1, 2), (2, 2), (3, 0), (4, 2), (6, 2)]);
    }

    #[test]
    fn instantiations_are_added_and_functions_kept_apart() {
        let f = stretch(Kind::Code, (1, 1), (2, 2), 1);
        let g = stretch(Kind::Code, (9, 1), (9, 8), 5);
        let (text, lines) = drawn(vec![f, g, f, stretch(Kind::Expansion, (1, 1), (2, 2), 7)]);
        assert_eq!(text, "1.1=2* 2.2=- 9.1=5* 9.8=-");
        assert_eq!(lines, [(1, 2), (2, 2), (9, 5)]);
    }
}
