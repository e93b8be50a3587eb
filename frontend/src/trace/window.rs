//! What part of a trace is looked at: a stretch of time and some rows, and how both change.

/// Most pixels that a row is high.
pub const TALLEST: f64 = 48.0;
/// Most pixels that a row is high where all rows are shown.
const TALL: f64 = 24.0;
/// Pixels that a row has for its name.
const NAMED: f64 = 15.0;
/// Heights of the window that are scrolled rather than rows made too low for their names.
const SCREENS: f64 = 4.0;
/// The shortest stretch of time that is shown, in nanoseconds.
const SHORTEST: f64 = 50.0;

/// What a window looks at, and its size.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Stage {
    /// Width in CSS pixels.
    pub width: f64,
    /// Height in CSS pixels.
    pub height: f64,
    /// Length of the trace in nanoseconds.
    pub duration: f64,
    /// Number of rows.
    pub rows: f64,
}

/// A stretch of time and some rows.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Window {
    /// Where it begins, in nanoseconds.
    pub begin: f64,
    /// How long it is, in nanoseconds.
    pub span: f64,
    /// Its first row; a half is the middle of one.
    pub top: f64,
    /// Height of a row in CSS pixels.
    pub row: f64,
}

impl Stage {
    /// The window that shows everything, or the first rows where a few screens hold all of them
    /// with their names.
    pub fn all(&self) -> Window {
        let row = self.lowest();
        let named = self.rows * NAMED <= self.height * SCREENS;
        let row = if named { row.max(NAMED) } else { row };
        Window { begin: 0.0, span: self.longest(), top: 0.0, row }
    }

    fn longest(&self) -> f64 {
        self.duration.max(SHORTEST)
    }

    /// Height of rows where all are shown.
    fn lowest(&self) -> f64 {
        (self.height / self.rows.max(1.0)).clamp(1e-4, TALL)
    }
}

impl Window {
    /// The time at a place from the left.
    pub fn time(&self, stage: &Stage, x: f64) -> f64 {
        self.begin + x / stage.width.max(1.0) * self.span
    }

    /// The place of a time, from the left.
    pub fn x(&self, stage: &Stage, time: f64) -> f64 {
        (time - self.begin) / self.span * stage.width
    }

    /// The row at a place from the top.
    pub fn row_at(&self, y: f64) -> f64 {
        self.top + y / self.row
    }

    /// The place of a row's upper end, from the top.
    pub fn y(&self, row: f64) -> f64 {
        (row - self.top) * self.row
    }

    /// Makes time `factor` times as wide; what is at `x` stays there.
    pub fn zoom_time(&mut self, stage: &Stage, x: f64, factor: f64) {
        let at = self.time(stage, x);
        self.span = (self.span / factor).clamp(SHORTEST, stage.longest());
        self.begin = at - x / stage.width.max(1.0) * self.span;
        self.keep(stage);
    }

    /// Makes rows `factor` times as high; what is at `y` stays there.
    pub fn zoom_rows(&mut self, stage: &Stage, y: f64, factor: f64) {
        let at = self.row_at(y);
        self.row = (self.row * factor).clamp(stage.lowest().min(TALL), TALLEST);
        self.top = at - y / self.row;
        self.keep(stage);
    }

    /// Moves what is shown, in CSS pixels.
    pub fn pan(&mut self, stage: &Stage, dx: f64, dy: f64) {
        self.begin -= dx / stage.width.max(1.0) * self.span;
        self.top -= dy / self.row;
        self.keep(stage);
    }

    /// Shows what is in a box from one corner to another. One without height keeps the rows.
    pub fn show_box(&mut self, stage: &Stage, from: (f64, f64), to: (f64, f64)) {
        let (left, right) = (from.0.min(to.0), from.0.max(to.0));
        let (top, bottom) = (from.1.min(to.1), from.1.max(to.1));
        if right - left >= 3.0 {
            let begin = self.time(stage, left);
            self.span = self.time(stage, right) - begin;
            self.begin = begin;
        }
        if bottom - top >= 12.0 {
            let first = self.row_at(top);
            self.row = stage.height / (self.row_at(bottom) - first).max(1e-3);
            self.top = first;
        }
        self.keep(stage);
    }

    /// Shows a stretch of time with some room around it.
    pub fn show_time(&mut self, stage: &Stage, begin: f64, end: f64) {
        self.span = ((end - begin) * 1.5).max(SHORTEST);
        self.begin = (begin + end - self.span) / 2.0;
        self.keep(stage);
    }

    /// Moves as little as needed so that a time and a row are seen; from afar, to the middle.
    pub fn reveal(&mut self, stage: &Stage, time: f64, row: f64) {
        let x = self.x(stage, time);
        if x < 0.0 || x > stage.width {
            self.begin = time - self.span / 2.0;
        }
        let y = self.y(row);
        if y < 0.0 || y + self.row > stage.height {
            self.top = row + 0.5 - stage.height / 2.0 / self.row;
        }
        self.keep(stage);
    }

    /// Stays within the trace.
    pub fn keep(&mut self, stage: &Stage) {
        let all = stage.all();
        if !(self.span.is_finite() && self.begin.is_finite() && self.span > 0.0) {
            (self.begin, self.span) = (all.begin, all.span);
        }
        if !(self.row.is_finite() && self.top.is_finite() && self.row > 0.0) {
            (self.top, self.row) = (all.top, all.row);
        }
        self.span = self.span.clamp(SHORTEST, all.span);
        self.begin = self.begin.clamp(0.0, (all.span - self.span).max(0.0));
        self.row = self.row.clamp(stage.lowest(), TALLEST);
        self.top = self.top.clamp(0.0, (stage.rows - stage.height / self.row).max(0.0));
    }

    /// It shows everything.
    pub fn is_all(&self, stage: &Stage) -> bool {
        let all = stage.all();
        let same = |a: f64, b: f64| (a - b).abs() <= b * 1e-6;
        same(self.span, all.span) && same(self.row, all.row) && self.top == 0.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STAGE: Stage = Stage { width: 1_000.0, height: 500.0, duration: 1e9, rows: 10_000.0 };

    #[test]
    fn what_is_at_the_pointer_stays_there() {
        let mut window = STAGE.all();
        assert!(window.is_all(&STAGE));
        for factor in [2.0, 10.0, 0.5] {
            let (time, row) = (window.time(&STAGE, 300.0), window.row_at(200.0));
            window.zoom_time(&STAGE, 300.0, factor);
            window.zoom_rows(&STAGE, 200.0, factor);
            assert!((window.time(&STAGE, 300.0) - time).abs() < 1e-3);
            assert!((window.row_at(200.0) - row).abs() < 1e-6);
        }
        assert!(!window.is_all(&STAGE));
    }

    #[test]
    fn nothing_outside_of_the_trace_is_shown() {
        let mut window = STAGE.all();
        window.zoom_time(&STAGE, 0.0, 4.0);
        window.zoom_rows(&STAGE, 0.0, 1e9);
        assert_eq!(window.row, TALLEST);
        window.pan(&STAGE, 1e9, 1e9);
        assert_eq!((window.begin, window.top), (0.0, 0.0));
        window.pan(&STAGE, -1e9, -1e9);
        assert_eq!(window.begin + window.span, 1e9);
        assert_eq!(window.top + 500.0 / window.row, 10_000.0);
        window.zoom_time(&STAGE, 10.0, 1e30);
        assert_eq!(window.span, SHORTEST);
        window = Window { begin: f64::NAN, span: -1.0, top: 0.0, row: f64::INFINITY };
        window.keep(&STAGE);
        assert_eq!(window, STAGE.all());
    }

    #[test]
    fn a_box_is_shown_as_large_as_it_fits() {
        let mut window = STAGE.all();
        window.show_box(&STAGE, (600.0, 300.0), (500.0, 250.0));
        assert!((window.begin - 0.5e9).abs() < 1.0 && (window.span - 0.1e9).abs() < 1.0);
        assert!((window.top - 5_000.0).abs() < 1e-6 && (window.row - 0.5).abs() < 1e-9);
    }

    #[test]
    fn rows_are_named_where_they_are_few() {
        let few = Stage { rows: 90.0, ..STAGE };
        let mut window = few.all();
        assert_eq!(window.row, NAMED);
        window.zoom_rows(&few, 0.0, 1e-9);
        assert!((window.row - 500.0 / 90.0).abs() < 1e-9 && !window.is_all(&few));
        assert_eq!(Stage { rows: 3.0, ..STAGE }.all().row, TALL);
    }

    #[test]
    fn what_is_revealed_is_seen() {
        let mut window = STAGE.all();
        window.zoom_time(&STAGE, 0.0, 100.0);
        window.zoom_rows(&STAGE, 0.0, 1e9);
        window.reveal(&STAGE, 0.7e9, 9_000.0);
        let (x, y) = (window.x(&STAGE, 0.7e9), window.y(9_000.0));
        assert!((0.0..=1_000.0).contains(&x) && (0.0..=452.0).contains(&y), "{x} {y}");
        let before = window;
        window.reveal(&STAGE, 0.7e9, 9_000.0);
        assert_eq!(window, before);
    }
}
