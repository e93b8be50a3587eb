//! The slice that is chosen.

use frontend::trace::detail::detail;
use frontend::trace::messages::{FlatTell, Tell};
use frontend::trace::time;
use gotrace::trace::Go;

use super::Flat;
use crate::{Opened, tell};

/// Most wake-ups of one goroutine that are drawn.
const MOST: usize = 4_000;

/// A slice that is chosen, by its goroutine and a time in it.
pub(super) struct Chosen {
    pub(super) go: Go,
    pub(super) time: u64,
    /// Indexes of the wake-ups that its goroutine did or got, by time.
    pub(super) edges: Vec<usize>,
}

impl Flat {
    /// Chooses what the document wished for, once it is there.
    pub(super) fn fulfil(&mut self, opened: &Opened) {
        let Some(place) = self.wish else { return };
        if let Some(go) = opened.trace.find(time::whole(place.id)) {
            self.wish = None;
            self.choose_at(opened, go, time::whole(place.time));
            self.show(opened, go, place.time);
        } else if opened.is_read() {
            self.wish = None;
        }
    }

    /// Chooses the slice of a goroutine that a time is in.
    pub(crate) fn choose_at(&mut self, opened: &Opened, go: Go, time: u64) {
        let edges = opened.trace.edges.iter().enumerate();
        let of = edges.filter(|(_, edge)| edge.from == go || edge.to == go);
        let edges = of.map(|(at, _)| at).take(MOST).collect();
        self.choose(Some(Chosen { go, time, edges }));
        let mut detail = detail(opened.names(), &opened.trace, go, time);
        if let (Some(detail), Some(passed)) = (&mut detail, &opened.passed) {
            let (begin, end) = (time::whole(detail.begin), time::whole(detail.end));
            detail.passed = Some(passed.parcels(&opened.trace, go, begin, end));
        }
        tell(&Tell::Flat(FlatTell::Chosen(detail.map(Box::new))));
    }

    /// What went through channels is known now.
    pub(crate) fn passed(&mut self, opened: &Opened) {
        if let Some(Chosen { go, time, .. }) = self.chosen {
            self.choose_at(opened, go, time);
        }
    }

    /// Looks at the messages of the channel that alone is shown.
    pub(crate) fn look_at_channel(&mut self, opened: &Opened) {
        let Some(passed) = opened.passed.as_ref().filter(|passed| passed.only.is_some()) else {
            return;
        };
        let Some((begin, end, index)) = passed.first_of_only() else { return };
        let Some((from, _)) = passed.ends(index) else { return };
        self.refresh(opened);
        self.choose_at(opened, from, begin);
        self.show(opened, from, begin as f64);
        let stage = self.stage(opened);
        self.window.show_time(&stage, begin as f64, end as f64);
    }

    /// The goroutine that is chosen.
    pub(crate) fn chosen_go(&self) -> Option<Go> {
        self.chosen.as_ref().map(|chosen| chosen.go)
    }

    /// Chooses nothing.
    pub(crate) fn leave(&mut self) {
        self.choose(None);
    }

    pub(super) fn choose(&mut self, chosen: Option<Chosen>) {
        if chosen.is_none() && self.chosen.is_some() {
            tell(&Tell::Flat(FlatTell::Chosen(None)));
        }
        self.chosen = chosen;
    }

    /// Moves the window so that a goroutine is seen at a time.
    fn show(&mut self, opened: &Opened, go: Go, at: f64) {
        let folded = self.rows.row_of(go).is_some_and(|row| self.rows.one(row) != Some(go));
        if let (true, Some(goroutine)) = (folded, opened.trace.goroutine(go)) {
            self.open.insert(goroutine.function);
            self.known = None;
            self.refresh(opened);
        }
        let Some(row) = self.rows.row_of(go) else { return };
        let stage = self.stage(opened);
        let mut window = if self.all { stage.all() } else { self.window };
        if window.row < 8.0 {
            window.row = 14.0;
            window.top = row as f64 - stage.height / 2.0 / window.row;
        }
        window.reveal(&stage, at, row as f64);
        self.all = false;
        self.window = window;
    }

    /// Chooses the slice before or after.
    pub(super) fn step(&mut self, opened: &Opened, forth: bool) {
        let Some(Chosen { go, time, .. }) = self.chosen else { return };
        let Some(goroutine) = opened.trace.goroutine(go) else { return };
        let slices = goroutine.track.slices();
        let index = slices.partition_point(|slice| slice.begin <= time).saturating_sub(1);
        let next = if forth { index.checked_add(1) } else { index.checked_sub(1) };
        let Some(slice) = next.and_then(|next| slices.get(next)) else { return };
        self.choose_at(opened, go, slice.begin);
        self.show(opened, go, slice.begin as f64);
    }

    /// Chooses the goroutine some rows below, at the same time.
    pub(super) fn step_row(&mut self, opened: &Opened, by: isize) {
        let Some(Chosen { go, time, .. }) = self.chosen else { return };
        let mut row = self.rows.row_of(go);
        while let Some(next) = row.and_then(|row| row.checked_add_signed(by)) {
            if next >= self.rows.len() {
                return;
            }
            if let Some(go) = self.rows.one(next) {
                self.choose_at(opened, go, time);
                self.show(opened, go, time as f64);
                return;
            }
            row = Some(next);
        }
    }

    /// Shows the chosen slice as wide as it is sensible.
    pub(super) fn zoom_to_chosen(&mut self, opened: &Opened) {
        let Some(Chosen { go, time, .. }) = self.chosen else { return };
        let Some(goroutine) = opened.trace.goroutine(go) else { return };
        let slices = goroutine.track.slices();
        let index = slices.partition_point(|slice| slice.begin <= time).saturating_sub(1);
        let Some(slice) = slices.get(index) else { return };
        let end = goroutine.track.end(index, opened.trace.duration);
        let stage = self.stage(opened);
        self.show(opened, go, slice.begin as f64);
        self.window.show_time(&stage, slice.begin as f64, end as f64);
    }
}
