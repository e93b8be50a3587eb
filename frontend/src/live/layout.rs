//! What ran just now: functions by last hit, with their rate.
//!
//! Functions that run all the time must not jump about, and one that starts to run must be seen
//! at once. So the order is by last hit in whole seconds, then by the start of the activity, the
//! newest first.

use coverage::FunctionIdx;

use crate::session::view::View;
use crate::ui::order::by_key;

/// A function that runs, or ran a moment ago.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Active {
    /// The function, in the view.
    pub function: u32,
    /// When it began to run after a pause, in Unix milliseconds.
    pub since_ms: u64,
    /// Calls in a second, smoothed.
    pub rate: f64,
    calls: u64,
}

/// Functions that ran since the page was opened.
#[derive(Debug, Default)]
pub struct Activity {
    rows: Vec<Active>,
    row_of: Vec<u32>,
    shape_version: u64,
    sampled_ms: f64,
}

/// A function that rested longer than this begins anew.
const PAUSE_MS: u64 = 2_000;
/// Rows that are kept.
const ROWS: usize = 1_000;

impl Activity {
    /// Takes in the functions hit since the last call; `now_ms` is any clock that runs on.
    #[expect(clippy::cast_precision_loss, reason = "a rate needs no more than 52 bits")]
    pub fn sample(&mut self, view: &mut View, now_ms: f64) {
        if self.shape_version != view.shape_version {
            self.rows.clear();
            self.row_of = vec![u32::MAX; view.shape().functions().len()];
            self.shape_version = view.shape_version;
        }
        let seconds = ((now_ms - self.sampled_ms) / 1_000.0).max(0.001);
        self.sampled_ms = now_ms;
        for function in view.take_hit() {
            let last = view.function_last[function as usize];
            if self.row_of[function as usize] == u32::MAX {
                self.row_of[function as usize] = self.rows.len() as u32;
                // Calls before it was known are no rate.
                let calls = view.calls(FunctionIdx(function)).saturating_sub(1);
                self.rows.push(Active { function, since_ms: last, rate: 0.0, calls });
            }
            let row = &mut self.rows[self.row_of[function as usize] as usize];
            if last.saturating_sub(PAUSE_MS) > row.since_ms && row.rate < 0.05 {
                row.since_ms = last;
            }
        }
        for row in &mut self.rows {
            let calls = view.calls(FunctionIdx(row.function));
            let rate = calls.saturating_sub(row.calls) as f64 / seconds;
            // About a second and a half of memory at four samples a second.
            row.rate = if rate > 0.0 || row.rate > 0.05 {
                row.rate + 0.3 * (rate - row.rate)
            } else {
                0.0
            };
            row.calls = calls;
        }
        if self.rows.len() > ROWS {
            self.prune(view);
        }
    }

    fn prune(&mut self, view: &View) {
        by_key(&mut self.rows, |row| [u64::MAX - view.function_last[row.function as usize], 0]);
        for row in self.rows.split_off(ROWS / 2) {
            self.row_of[row.function as usize] = u32::MAX;
        }
        for (position, row) in self.rows.iter().enumerate() {
            self.row_of[row.function as usize] = position as u32;
        }
    }

    /// The rows in the order to show them. `now_ms` is the relay's clock.
    pub fn sorted(&self, view: &View, now_ms: u64) -> Vec<Active> {
        let mut rows = self.rows.clone();
        by_key(&mut rows, |row| {
            let last = view.function_last.get(row.function as usize).copied().unwrap_or(0);
            [now_ms.saturating_sub(last) / 1_000, u64::MAX - row.since_ms]
        });
        rows
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::session::model::tests::{apply, counts, live, table};
    use crate::session::scope::Scope;

    #[test]
    fn what_starts_to_run_stands_above_what_runs_all_the_time() {
        let mut live = live(1, &[table("m/a", &[("a.go", 3)])]);
        apply(&mut live, counts(1, 10_000, &[(0, 1)]));
        let mut view = View::default();
        view.rebuild(&live, &Scope::Newest);
        let mut activity = Activity::default();
        for step in 1..=20u64 {
            let at = 10_000 + step * 250;
            let units: &[(u32, u64)] =
                if step == 20 { &[(0, 400), (2, 1)] } else { &[(0, step * 10)] };
            for change in apply(&mut live, counts(1, at, units)) {
                view.add(&change);
            }
            activity.sample(&mut view, at as f64);
        }
        let rows = activity.sorted(&view, 15_000);
        assert_eq!(rows.iter().map(|row| row.function).collect::<Vec<_>>(), [1, 0]);
        assert!((30.0..400.0).contains(&rows[1].rate), "{}", rows[1].rate);
    }

    #[test]
    fn the_rate_of_what_rests_falls_to_nothing() {
        let mut live = live(1, &[table("m/a", &[("a.go", 1)])]);
        apply(&mut live, counts(1, 10_000, &[(0, 1)]));
        let mut view = View::default();
        view.rebuild(&live, &Scope::Newest);
        let mut activity = Activity::default();
        for change in apply(&mut live, counts(1, 10_100, &[(0, 1_000)])) {
            view.add(&change);
        }
        activity.sample(&mut view, 250.0);
        for step in 2..60 {
            activity.sample(&mut view, f64::from(step) * 250.0);
        }
        assert_eq!(activity.sorted(&view, 20_000)[0].rate, 0.0);
    }
}
