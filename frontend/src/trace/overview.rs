//! The whole trace in a strip: how many goroutines run, could run and are in system calls, by
//! time.

use gotrace::{Names, Trace};

use super::colors::{Shade, Shades};

/// Shades that the strip shows, from below.
pub const SHOWN: [Shade; 3] = [Shade::Running, Shade::Syscall, Shade::Runnable];

/// Goroutines in each of [`SHOWN`], on average, for each column of a strip.
#[derive(Debug, Clone, Default)]
pub struct Overview {
    /// The columns.
    pub columns: Vec<[f32; SHOWN.len()]>,
    sums: Vec<[f64; SHOWN.len()]>,
    next: usize,
    duration: u64,
}

impl Overview {
    /// A strip of so many columns of which nothing is known yet.
    pub fn new(columns: usize, trace: &Trace) -> Self {
        Self {
            columns: Vec::new(),
            // Changes of the level, and a column more where those at the end go.
            sums: vec![[0.0; SHOWN.len()]; columns + 2],
            next: 0,
            duration: trace.duration.max(1),
        }
    }

    /// Looks at more goroutines, until there is enough for now. Says whether all is done.
    pub fn fill(
        &mut self,
        names: &Names,
        trace: &Trace,
        shades: &mut Shades,
        mut enough: impl FnMut() -> bool,
    ) -> bool {
        if !self.columns.is_empty() {
            return true;
        }
        let columns = self.sums.len() - 2;
        let scale = columns as f64 / self.duration as f64;
        let mut since = 0;
        while let Some(goroutine) = trace.goroutines.get(self.next) {
            self.next += 1;
            let slices = goroutine.track.slices();
            for (index, slice) in slices.iter().enumerate() {
                let shade = shades.of(names, slice.state, slice.reason);
                let Some(place) = SHOWN.iter().position(|shown| Some(*shown) == shade) else {
                    continue;
                };
                let end = goroutine.track.end(index, trace.duration);
                self.slope(place, slice.begin as f64 * scale, 1.0);
                self.slope(place, end as f64 * scale, -1.0);
            }
            since += slices.len() + 4;
            if since > 8_192 {
                since = 0;
                if enough() {
                    return false;
                }
            }
        }
        let mut level = [0.0; SHOWN.len()];
        self.columns = self
            .sums
            .iter()
            .take(columns)
            .map(|change| {
                for (level, change) in level.iter_mut().zip(change) {
                    *level += change;
                }
                #[expect(clippy::cast_possible_truncation, reason = "it is a number of goroutines")]
                level.map(|level| level.max(0.0) as f32)
            })
            .collect();
        self.sums = Vec::new();
        true
    }

    /// From a place on there is one more, or one less: of the column that the place is in, it
    /// has a part.
    fn slope(&mut self, shade: usize, at: f64, by: f64) {
        let column = super::time::whole(at.floor()) as usize;
        let part = at - at.floor();
        let last = self.sums.len().saturating_sub(2);
        if let Some(sum) = self.sums.get_mut(column.min(last)) {
            sum[shade] += by * (1.0 - part);
        }
        if let Some(sum) = self.sums.get_mut((column + 1).min(last + 1)) {
            sum[shade] += by * part;
        }
    }

    /// The largest sum of a column; 1 if there is none.
    pub fn most(&self) -> f32 {
        self.columns.iter().map(|column| column.iter().sum()).fold(1.0, f32::max)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trace::testing;

    #[test]
    fn columns_tell_how_many_there_are_on_average() {
        let (names, trace) = testing::family();
        let mut overview = Overview::new(10, &trace);
        let mut shades = Shades::default();
        while !overview.fill(&names, &trace, &mut shades, || true) {}
        let running: Vec<f32> = overview.columns.iter().map(|column| column[0]).collect();
        // Until 30 main, 40-50 and 60-100 the workers, from 110 on main.
        let wanted = [1.0, 0.5, 0.5, 1.0, 1.0, 0.5, 1.0, 1.0, 1.0, 1.0];
        for (is, wanted) in running.iter().zip(wanted) {
            assert!((is - wanted).abs() < 1e-3, "{running:?}");
        }
        assert_eq!(overview.columns[9][1], 0.0);
        // Two children are runnable to the end.
        assert!((overview.columns[9][2] - 2.0).abs() < 1e-3);
        assert!(overview.most() >= 3.0);
    }
}
