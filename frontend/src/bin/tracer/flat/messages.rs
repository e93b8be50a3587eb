//! Values on their way from one row to another, where the program recorded them.

use frontend::trace::messages::Hover;
use frontend::trace::passed::Passed;
use frontend::trace::time;
use frontend::trace::window::{Stage, Window};
use web_sys::OffscreenCanvasRenderingContext2d;

use super::paint::Look;
use super::{Flat, TOP};
use crate::Opened;

/// Most messages that are drawn: of more, none could be told apart.
const MOST: usize = 2_000;
/// Most messages whose rows are looked for.
const MOST_FOUND: usize = 8 * MOST;
/// Most messages whose values are written beside them.
const MOST_WORDS: usize = 120;
/// Height of a row from which on messages are drawn.
const LOW: f64 = 3.0;
/// The same for their values.
const HIGH: f64 = 10.0;
/// How far from a message the pointer still means it, in CSS pixels.
const REACH: f64 = 4.0;
/// Letters of a value that are written beside a message.
const LETTERS: usize = 16;

/// A message that is drawn: its number, and both its ends on the canvas.
#[derive(Debug, Clone, Copy)]
pub(super) struct Drawn {
    index: u32,
    from: (f64, f64),
    to: (f64, f64),
}

impl Drawn {
    /// How far a place is from its line.
    fn distance(&self, (x, y): (f64, f64)) -> f64 {
        let (dx, dy) = (self.to.0 - self.from.0, self.to.1 - self.from.1);
        let (px, py) = (x - self.from.0, y - self.from.1);
        let part = ((px * dx + py * dy) / (dx * dx + dy * dy).max(1e-9)).clamp(0.0, 1.0);
        (px - part * dx).hypot(py - part * dy)
    }
}

impl Flat {
    /// Finds the messages that are drawn in this frame.
    pub(super) fn find_messages(&mut self, opened: &Opened, stage: &Stage, view: &Window) {
        self.drawn.clear();
        let Some(passed) = opened.passed.as_ref().filter(|_| view.row >= LOW) else { return };
        let (begin, end) = (time::whole(view.begin), time::whole(view.begin + view.span));
        let Some(found) = passed.between(begin, end, MOST_FOUND) else { return };
        let rows = self.rows_in(stage, view);
        let left = self.gutter();
        for index in found {
            let message = passed.messages.get(index as usize);
            let Some((message, (from, to))) = message.zip(passed.ends(index)) else { continue };
            let both = self.rows.row_of(from).zip(self.rows.row_of(to));
            let Some((from, to)) = both.filter(|(from, to)| from != to) else { continue };
            if from.max(to) < rows.start || from.min(to) >= rows.end {
                continue;
            }
            if self.drawn.len() == MOST {
                self.drawn.clear();
                return;
            }
            let place = |time: i64, row: usize| {
                let x = (left + view.x(stage, time as f64)).floor() + 0.5;
                (x, self.middle(view, row))
            };
            let (from, to) = (place(message.sent, from), place(message.received, to));
            self.drawn.push(Drawn { index, from, to });
        }
    }

    /// Draws messages: from where they were sent to where they were received.
    pub(super) fn paint_messages(
        &self,
        context: &OffscreenCanvasRenderingContext2d,
        opened: &Opened,
        view: &Window,
        look: &Look,
    ) {
        let Some(passed) = opened.passed.as_ref().filter(|_| !self.drawn.is_empty()) else {
            return;
        };
        context.set_stroke_style_str(look.message);
        context.set_fill_style_str(look.message);
        // The more there are, the paler is each.
        let alpha = (120.0 / (self.drawn.len() as f64 + 60.0)).sqrt().min(1.0);
        context.set_global_alpha(alpha);
        context.set_line_width(1.5);
        context.begin_path();
        for Drawn { from, to, .. } in &self.drawn {
            context.move_to(from.0, from.1);
            context.line_to(to.0, to.1);
        }
        context.stroke();
        if view.row >= 7.0 {
            context.begin_path();
            for drawn in &self.drawn {
                ends(context, drawn);
            }
            context.fill();
        }
        context.set_global_alpha(1.0);
        if view.row >= HIGH && self.drawn.len() <= MOST_WORDS {
            self.paint_values(context, passed, look);
        }
    }

    /// Writes values beside their messages, where they don't cover each other.
    fn paint_values(
        &self,
        context: &OffscreenCanvasRenderingContext2d,
        passed: &Passed,
        look: &Look,
    ) {
        context.set_text_align("left");
        let mut taken: Vec<(f64, f64, f64)> = Vec::new();
        for Drawn { index, from, to } in &self.drawn {
            let Some(message) = passed.messages.get(*index as usize) else { continue };
            let value = passed.value(message);
            let mut words: String = value.chars().take(LETTERS).collect();
            if words.len() < value.len() {
                words.push('…');
            }
            let wide = words.chars().count() as f64 * 6.4 + 6.0;
            let (x, y) = ((from.0 + to.0) / 2.0 + 4.0, (from.1 + to.1) / 2.0);
            let free = |(other, at, width): &(f64, f64, f64)| {
                (y - at).abs() >= 13.0 || x >= other + width || *other >= x + wide
            };
            if !taken.iter().all(free) {
                continue;
            }
            taken.push((x, y, wide));
            context.set_fill_style_str(look.raised);
            context.set_global_alpha(0.86);
            context.fill_rect(x, y - 7.0, wide, 14.0);
            context.set_global_alpha(1.0);
            context.set_fill_style_str(look.message);
            let _ = context.fill_text(&words, x + 3.0, y + 0.5);
        }
    }

    /// The message that is drawn at a place.
    pub(super) fn message_at(&self, x: f64, y: f64) -> Option<u32> {
        if x < self.gutter() || y < TOP {
            return None;
        }
        let far = self.drawn.iter().map(|drawn| (drawn.distance((x, y)), drawn.index));
        let near = far.min_by(|a, b| a.0.total_cmp(&b.0))?;
        (near.0 <= REACH).then_some(near.1)
    }

    /// What is told of the message under the pointer.
    pub(super) fn hover_message(&self, opened: &Opened, x: f64, y: f64) -> Option<Hover> {
        let passed = opened.passed.as_ref()?;
        let (title, lines) = passed.told(opened.names(), &opened.trace, self.message_at(x, y)?)?;
        Some(Hover { x, y, shade: "message".to_owned(), title, lines })
    }

    /// Chooses the receiver of the message at a place. Says whether there is one.
    pub(super) fn choose_message(&mut self, opened: &Opened, x: f64, y: f64) -> bool {
        let Some(index) = self.message_at(x, y) else { return false };
        let Some(passed) = &opened.passed else { return false };
        let message = passed.messages.get(index as usize);
        let Some((message, (_, to))) = message.zip(passed.ends(index)) else { return false };
        self.choose_at(opened, to, message.received.unsigned_abs());
        true
    }
}

/// A dot where a message begins, and a head where it ends.
fn ends(context: &OffscreenCanvasRenderingContext2d, drawn: &Drawn) {
    let Drawn { from, to, .. } = drawn;
    context.rect(from.0 - 1.5, from.1 - 1.5, 3.0, 3.0);
    let (dx, dy) = (to.0 - from.0, to.1 - from.1);
    let long = dx.hypot(dy).max(1e-9);
    let (dx, dy) = (dx / long * 7.0, dy / long * 7.0);
    context.move_to(to.0, to.1);
    context.line_to(to.0 - dx - dy * 0.5, to.1 - dy + dx * 0.5);
    context.line_to(to.0 - dx + dy * 0.5, to.1 - dy - dx * 0.5);
    context.close_path();
}
