//! How much of a trace without end is kept, and what of it is shown.

/// What is kept, in nanoseconds.
const KEPT: u64 = 60_000_000_000;
/// What is kept at least, however much happens.
const LEAST: u64 = 2_000_000_000;
/// Slices, edges and whatever else is kept at most.
const ITEMS: usize = 4 << 20;
/// Least time between two looks at what may go, in nanoseconds of the trace.
const PAUSE: u64 = 5_000_000_000;
/// What is shown while nobody looks elsewhere, in nanoseconds.
const SHOWN: u64 = 1_000_000_000;

/// The part of a trace that is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    span: u64,
    looked: u64,
    items: usize,
}

impl Default for Window {
    fn default() -> Self {
        Self { span: KEPT, looked: 0, items: ITEMS }
    }
}

impl Window {
    /// The time before which all may be let go of, where it is time for that: of a trace that is
    /// `now` nanoseconds long and holds so many slices and other things. It grows shorter
    /// where more happens than fits. While a person looks at something else than the newest part,
    /// as much stays as fits.
    pub fn due(&mut self, now: u64, items: usize, follows: bool) -> Option<u64> {
        if now.saturating_sub(self.looked) < PAUSE {
            return None;
        }
        self.looked = now;
        if !follows && items <= self.items {
            return None;
        }
        if items > self.items {
            self.span = (self.span / 2).max(LEAST);
        } else if items < self.items / 4 {
            self.span = self.span.saturating_mul(2).min(KEPT);
        }
        now.checked_sub(self.span).filter(|time| *time > 0)
    }

    /// From when to when is shown: the newest second.
    pub fn newest(duration: u64) -> (f64, f64) {
        let begin = duration.saturating_sub(SHOWN);
        (begin as f64, duration as f64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: u64 = 1_000_000_000;

    #[test]
    fn a_minute_is_kept_and_less_where_much_happens() {
        let mut window = Window { items: 100, ..Window::default() };
        let seconds = |time: Option<u64>| time.map(|time| time / SECOND);
        assert_eq!(window.due(30 * SECOND, 50, true), None);
        assert_eq!({ window }.due(90 * SECOND, 50, false), None, "somebody looks at it");
        assert_eq!(seconds(window.due(90 * SECOND, 50, true)), Some(30));
        assert_eq!(window.due(93 * SECOND, 50, true), None, "it has only just looked");
        assert_eq!(seconds(window.due(100 * SECOND, 200, true)), Some(70));
        assert_eq!(seconds(window.due(110 * SECOND, 200, true)), Some(95));
        assert_eq!(seconds(window.due(120 * SECOND, 10, true)), Some(90));
        for second in 0..20 {
            window.due((200 + 10 * second) * SECOND, 200, true);
        }
        assert_eq!(seconds(window.due(500 * SECOND, 200, true)), Some(498), "two seconds stay");
    }

    #[test]
    fn the_newest_second_is_shown() {
        assert_eq!(Window::newest(5 * SECOND), (4e9, 5e9));
        assert_eq!(Window::newest(7), (0.0, 7.0));
    }
}
