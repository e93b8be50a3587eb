//! A frame: pixels of the rows, then labels, wake-ups, and what is chosen or pointed at.

use frontend::trace::colors::{Rgb, background};
use frontend::trace::detail::function;
use frontend::trace::passed::Relation;
use frontend::trace::raster::Scene;
use frontend::trace::rows::{Kind, Order};
use frontend::trace::time;
use frontend::trace::window::{Stage, Window};
use gotrace::trace::{Edge, Go};
use web_sys::OffscreenCanvasRenderingContext2d;

use super::{Flat, STRIP, TOP};
use crate::Opened;

/// Most wake-ups that are drawn as lines.
const MOST_EDGES: usize = 2_000;
/// Most slices of a row that are looked at for words in them.
const MOST_SLICES: usize = 1_500;
/// Height from which on rows have names.
const NAMED: f64 = 11.0;

/// Colors of what is not a goroutine.
pub(super) struct Look {
    pub(super) text: &'static str,
    pub(super) dim: &'static str,
    pub(super) raised: &'static str,
    pub(super) sunk: &'static str,
    pub(super) line: &'static str,
    pub(super) accent: &'static str,
    pub(super) message: &'static str,
    pub(super) veil: &'static str,
    pub(super) collector: &'static str,
    pub(super) stopped: &'static str,
}

const LIGHT: Look = Look {
    text: "#17202b",
    dim: "#566070",
    raised: "#f5f7fa",
    sunk: "#edf0f4",
    line: "#d5dbe3",
    accent: "#0067a3",
    message: "#b83c82",
    veil: "#ffffffb0",
    collector: "#8a5fb5",
    stopped: "#b3261e",
};

const DARK: Look = Look {
    text: "#e3e9f0",
    dim: "#98a4b3",
    raised: "#151c23",
    sunk: "#0a0e12",
    line: "#29333e",
    accent: "#63b7ea",
    message: "#ff9dc8",
    veil: "#0e1318b0",
    collector: "#b48be0",
    stopped: "#ff8f5a",
};

/// A color as style sheets have it.
pub(super) fn css([red, green, blue]: Rgb) -> String {
    format!("#{red:02x}{green:02x}{blue:02x}")
}

impl Flat {
    /// Draws a frame. Says whether there is more to draw in the next.
    pub(super) fn paint(
        &mut self,
        context: &OffscreenCanvasRenderingContext2d,
        opened: &Opened,
        mut enough: impl FnMut() -> bool,
    ) -> bool {
        let look = if self.dark { &DARK } else { &LIGHT };
        let (stage, view) = (self.stage(opened), self.view(opened));
        let frame = self.frame(&stage, &view);
        let mut scene = Scene {
            trace: &opened.trace,
            names: opened.names(),
            rows: &self.rows,
            shades: &mut self.shades,
            palette: &self.palette,
        };
        let mut more = self.layer.advance(&mut scene, frame, self.version, &mut enough);
        more |= self.advance_strip(opened, &stage, &mut enough);

        let ratio = self.size.ratio;
        let left = self.gutter();
        let _ = context.set_transform(1.0, 0.0, 0.0, 1.0, 0.0, 0.0);
        context.set_fill_style_str(&css(background(self.dark)));
        context.fill_rect(0.0, 0.0, self.size.width * ratio, self.size.height * ratio);
        self.layer.draw(context, frame, (left * ratio).round(), (TOP * ratio).round());
        let _ = context.set_transform(ratio, 0.0, 0.0, ratio, 0.0, 0.0);
        context.set_font("11px system-ui, -apple-system, 'Segoe UI', Roboto, sans-serif");
        context.set_text_baseline("middle");

        context.save();
        context.begin_path();
        context.rect(left, TOP, stage.width, stage.height);
        context.clip();
        self.paint_words(context, opened, &stage, &view);
        self.find_messages(opened, &stage, &view);
        self.paint_edges(context, opened, &stage, &view, look);
        self.paint_chosen(context, opened, &stage, &view, look);
        self.paint_messages(context, opened, &view, look);
        context.restore();

        self.paint_gutter(context, opened, &stage, &view, look);
        self.paint_strip(context, &stage, &view, look);
        self.paint_ruler(context, &stage, &view, look);
        self.paint_density(context, opened, &stage, &view, look);
        context.set_fill_style_str(look.line);
        context.fill_rect(0.0, STRIP, self.size.width, 1.0);
        context.fill_rect(0.0, TOP - 1.0, self.size.width, 1.0);
        context.fill_rect(left - 1.0, 0.0, 1.0, self.size.height);
        self.paint_hand(context, &stage, &view, look);
        more
    }

    /// Rows in view.
    pub(super) fn rows_in(&self, stage: &Stage, view: &Window) -> std::ops::Range<usize> {
        let first = time::whole(view.top.floor()) as usize;
        let end = time::whole(view.row_at(stage.height).ceil()) as usize;
        first..end.min(self.rows.len()).max(first)
    }

    /// Writes into slices what they are, where there is room.
    fn paint_words(
        &mut self,
        context: &OffscreenCanvasRenderingContext2d,
        opened: &Opened,
        stage: &Stage,
        view: &Window,
    ) {
        if view.row < 14.0 {
            return;
        }
        let (names, trace) = (opened.names(), &opened.trace);
        let (begin, end) = (time::whole(view.begin), time::whole(view.begin + view.span));
        let left = self.gutter();
        context.set_text_align("left");
        for row in self.rows_in(stage, view) {
            let Some(goroutine) = self.rows.one(row).and_then(|go| trace.goroutine(go)) else {
                continue;
            };
            let slices = goroutine.track.slices();
            let first = slices.partition_point(|slice| slice.begin <= begin).saturating_sub(1);
            let last = slices.partition_point(|slice| slice.begin < end);
            if last.saturating_sub(first) > MOST_SLICES {
                continue;
            }
            for index in first..last {
                let Some(slice) = slices.get(index) else { break };
                let from = view.x(stage, slice.begin as f64).max(0.0);
                let to = goroutine.track.end(index, trace.duration) as f64;
                let to = view.x(stage, to).min(stage.width);
                if to - from < 44.0 {
                    continue;
                }
                let Some(shade) = self.shades.of(names, slice.state, slice.reason) else {
                    continue;
                };
                let reason = names.text(slice.reason);
                let words = if reason.is_empty() { shade.title() } else { reason };
                // A letter is less than seven pixels wide.
                if (words.len() as f64).mul_add(6.2, 10.0) > to - from {
                    continue;
                }
                context.set_fill_style_str(&css(shade.text(self.dark)));
                let y = TOP + view.y(row as f64) + (view.row - 1.0) / 2.0 + 0.5;
                let _ = context.fill_text(words, left + from + 5.0, y);
            }
        }
    }

    /// Draws who woke whom, where there are not too many.
    fn paint_edges(
        &self,
        context: &OffscreenCanvasRenderingContext2d,
        opened: &Opened,
        stage: &Stage,
        view: &Window,
        look: &Look,
    ) {
        let (begin, end) = (time::whole(view.begin), time::whole(view.begin + view.span));
        let edges = opened.trace.edges_between(begin, end);
        if view.row < 3.0 || edges.len() > MOST_EDGES * 8 {
            return;
        }
        let rows = self.rows_in(stage, view);
        // Where messages are drawn, those that were handed over are that.
        let passed =
            opened.passed.as_ref().filter(|of| !self.drawn.is_empty() && of.only.is_none());
        let first = opened.trace.edges.partition_point(|edge| edge.time < begin);
        let seen = edges.iter().zip(first..).filter_map(|(edge, at)| {
            let (from, to) = self.ends(edge)?;
            let (low, high) = (from.min(to), from.max(to));
            let is_seen = high >= rows.start
                && low < rows.end
                && passed.is_none_or(|passed| passed.relation(at) != Relation::Message);
            is_seen.then_some((edge.time, from, to))
        });
        let seen: Vec<(u64, usize, usize)> = seen.take(MOST_EDGES + 1).collect();
        if seen.len() > MOST_EDGES {
            return;
        }
        context.set_stroke_style_str(look.text);
        context.set_fill_style_str(look.text);
        // The more there are, the paler is each.
        let alpha = (30.0 / (seen.len() as f64 + 40.0)).sqrt() * 0.75;
        context.set_global_alpha(alpha);
        self.lines(context, stage, view, &seen);
        context.set_global_alpha(1.0);
    }

    /// The rows of both ends of a wake-up, if both are shown and differ.
    fn ends(&self, edge: &Edge) -> Option<(usize, usize)> {
        let (from, to) = (self.rows.row_of(edge.from)?, self.rows.row_of(edge.to)?);
        (from != to).then_some((from, to))
    }

    fn lines(
        &self,
        context: &OffscreenCanvasRenderingContext2d,
        stage: &Stage,
        view: &Window,
        edges: &[(u64, usize, usize)],
    ) {
        let left = self.gutter();
        context.set_line_width(1.0);
        context.begin_path();
        for (time, from, to) in edges {
            let x = (left + view.x(stage, *time as f64)).floor() + 0.5;
            let (from, to) = (self.middle(view, *from), self.middle(view, *to));
            context.move_to(x, from);
            context.line_to(x, to);
        }
        context.stroke();
        if view.row < 7.0 {
            return;
        }
        // The head is at the one that was woken.
        context.begin_path();
        for (time, from, to) in edges {
            let x = (left + view.x(stage, *time as f64)).floor() + 0.5;
            let tip = self.middle(view, *to);
            let back = if to > from { -5.0 } else { 5.0 };
            context.move_to(x, tip);
            context.line_to(x - 3.0, tip + back);
            context.line_to(x + 3.0, tip + back);
            context.close_path();
        }
        context.fill();
    }

    pub(super) fn middle(&self, view: &Window, row: usize) -> f64 {
        TOP + view.y(row as f64) + view.row / 2.0
    }

    /// Draws around the chosen slice, and the wake-ups of its goroutine.
    fn paint_chosen(
        &self,
        context: &OffscreenCanvasRenderingContext2d,
        opened: &Opened,
        stage: &Stage,
        view: &Window,
        look: &Look,
    ) {
        let Some(chosen) = &self.chosen else { return };
        let Some(row) = self.rows.row_of(chosen.go) else { return };
        let Some(goroutine) = opened.trace.goroutine(chosen.go) else { return };
        let left = self.gutter();
        let (begin, end) = (view.begin, view.begin + view.span);
        let edges = chosen.edges.iter().filter_map(|at| opened.trace.edges.get(*at));
        let edges = edges.filter(|edge| (begin..=end).contains(&(edge.time as f64)));
        let seen: Vec<(u64, usize, usize)> = edges
            .filter_map(|edge| self.ends(edge).map(|(from, to)| (edge.time, from, to)))
            .take(MOST_EDGES)
            .collect();
        context.set_stroke_style_str(look.accent);
        context.set_fill_style_str(look.accent);
        context.set_global_alpha(if seen.len() > 200 { 0.35 } else { 0.9 });
        self.lines(context, stage, view, &seen);
        context.set_global_alpha(1.0);

        let (y, height) = (TOP + view.y(row as f64), view.row.max(3.0));
        context.set_global_alpha(0.10);
        context.fill_rect(left, y, stage.width, height);
        context.set_global_alpha(1.0);
        let slices = goroutine.track.slices();
        let index = slices.partition_point(|slice| slice.begin <= chosen.time).saturating_sub(1);
        let Some(slice) = slices.get(index) else { return };
        let to = goroutine.track.end(index, opened.trace.duration) as f64;
        let from = view.x(stage, slice.begin as f64).clamp(-4.0, stage.width + 4.0);
        let to = view.x(stage, to).clamp(-4.0, stage.width + 4.0);
        context.set_line_width(2.0);
        context.stroke_rect(left + from - 1.0, y - 0.5, (to - from).max(2.0) + 2.0, height);
    }

    /// Draws the names of rows, or of runs of rows where these are too low.
    fn paint_gutter(
        &self,
        context: &OffscreenCanvasRenderingContext2d,
        opened: &Opened,
        stage: &Stage,
        view: &Window,
        look: &Look,
    ) {
        let left = self.gutter();
        context.set_fill_style_str(look.raised);
        context.fill_rect(0.0, TOP, left, self.size.height - TOP);
        context.save();
        context.begin_path();
        context.rect(0.0, TOP, left - 6.0, stage.height);
        context.clip();
        context.set_text_align("left");
        if view.row >= NAMED {
            for row in self.rows_in(stage, view) {
                self.paint_name(context, opened, view, row, look);
            }
        } else {
            self.paint_runs(context, opened, stage, view, look);
        }
        context.restore();
    }

    fn paint_name(
        &self,
        context: &OffscreenCanvasRenderingContext2d,
        opened: &Opened,
        view: &Window,
        row: usize,
        look: &Look,
    ) {
        let Some(of) = self.rows.get(row) else { return };
        let Some(first) = self.rows.members(of).first().copied() else { return };
        let name = function(opened.names(), &opened.trace, first);
        let name = short(&name);
        let y = self.middle(view, row);
        let chosen = self.chosen.as_ref().is_some_and(|chosen| chosen.go == first);
        match of.kind {
            Kind::Group { open, .. } => {
                context.set_fill_style_str(look.text);
                let sign = if open { "▾" } else { "▸" };
                let count = self.rows.members(of).len();
                let words =
                    self.fitting(context, &format!("{sign} {name}"), &format!("  × {count}"), 14.0);
                let _ = context.fill_text(&words, 8.0, y);
            }
            Kind::One => {
                let goroutine = opened.trace.goroutine(first);
                let depth = goroutine.map_or(0, |goroutine| goroutine.depth).min(6);
                let indent = match self.order {
                    Order::Tree => f64::from(depth) * 9.0,
                    Order::Function => 14.0,
                    Order::Begin => 0.0,
                };
                let id = goroutine.map_or(0, |goroutine| goroutine.id);
                if chosen {
                    context.set_fill_style_str(look.accent);
                    context.fill_rect(0.0, y - view.row / 2.0, 3.0, view.row);
                } else {
                    context.set_fill_style_str(look.text);
                }
                let words = self.fitting(context, name, &format!(" #{id}"), 16.0 + indent);
                let _ = context.fill_text(&words, 10.0 + indent, y);
            }
        }
    }

    /// A name and what follows it, as short as the gutter is narrow.
    fn fitting(
        &self,
        context: &OffscreenCanvasRenderingContext2d,
        name: &str,
        rest: &str,
        used: f64,
    ) -> String {
        let room = self.gutter() - used;
        let wide = |text: &str| context.measure_text(text).map_or(0.0, |size| size.width());
        let words = format!("{name}{rest}");
        if wide(&words) <= room {
            return words;
        }
        let rest = format!("…{rest}");
        let most = name.chars().count();
        let share = (room - wide(&rest)) / wide(name).max(1.0);
        let mut cut: String =
            name.chars().take(time::whole(most as f64 * share) as usize).collect();
        while wide(&cut) + wide(&rest) > room && cut.pop().is_some() {}
        cut + &rest
    }

    /// Names runs of goroutines with the same function that are high enough together.
    fn paint_runs(
        &self,
        context: &OffscreenCanvasRenderingContext2d,
        opened: &Opened,
        stage: &Stage,
        view: &Window,
        look: &Look,
    ) {
        let begun = |row: usize| {
            let first = self.rows.members(self.rows.get(row)?).first().copied()?;
            Some((first, opened.trace.goroutine(first)?.function))
        };
        let all = self.rows_in(stage, view);
        let mut row = all.start;
        let mut below = TOP;
        while row < all.end {
            let Some((first, name)) = begun(row) else { break };
            let mut end = row + 1;
            while end < all.end && begun(end).is_some_and(|(_, other)| other == name) {
                end += 1;
            }
            let (upper, lower) = (TOP + view.y(row as f64), TOP + view.y(end as f64));
            let (upper, lower) = (upper.max(TOP), lower.min(TOP + stage.height));
            if lower - upper >= 12.0 && upper >= below - 0.5 {
                self.paint_run(context, opened, look, (first, end - row), (upper, lower));
                below = lower;
            }
            row = end;
        }
    }

    fn paint_run(
        &self,
        context: &OffscreenCanvasRenderingContext2d,
        opened: &Opened,
        look: &Look,
        (first, count): (Go, usize),
        (upper, lower): (f64, f64),
    ) {
        let name = function(opened.names(), &opened.trace, first);
        let name = short(&name);
        context.set_fill_style_str(look.line);
        context.fill_rect(0.0, upper, self.gutter(), 1.0);
        context.fill_rect(4.0, upper + 3.0, 2.0, (lower - upper - 5.0).max(1.0));
        context.set_fill_style_str(look.text);
        let count = if count > 1 { format!("  × {count}") } else { String::new() };
        let words = self.fitting(context, name, &count, 18.0);
        let _ = context.fill_text(&words, 12.0, (upper + lower) / 2.0);
    }

    /// Draws what the pointer is at: a cross, the time, and the box that is dragged.
    fn paint_hand(
        &self,
        context: &OffscreenCanvasRenderingContext2d,
        stage: &Stage,
        view: &Window,
        look: &Look,
    ) {
        let left = self.gutter();
        if let Some([(x, y), (to_x, to_y)]) = self.hands.dragged() {
            context.set_fill_style_str(look.accent);
            context.set_stroke_style_str(look.accent);
            context.set_line_width(1.0);
            context.set_global_alpha(0.15);
            context.fill_rect(x, y, to_x - x, to_y - y);
            context.set_global_alpha(1.0);
            context.stroke_rect(x + 0.5, y + 0.5, to_x - x, to_y - y);
        }
        let Some((x, y)) = self.hands.over.filter(|(x, _)| *x >= left) else { return };
        context.set_fill_style_str(look.text);
        context.set_global_alpha(0.35);
        context.fill_rect(x.floor(), STRIP, 1.0, self.size.height - STRIP);
        if y > TOP {
            context.fill_rect(left, y.floor(), stage.width, 1.0);
        }
        context.set_global_alpha(1.0);
        let words = time::point(view.time(stage, x - left));
        let wide = words.chars().count() as f64 * 6.2 + 10.0;
        let at = (x - wide / 2.0).clamp(left, (self.size.width - wide).max(left));
        context.set_fill_style_str(look.text);
        context.fill_rect(at, STRIP + 1.0, wide, 17.0);
        context.set_fill_style_str(look.raised);
        context.set_text_align("center");
        let _ = context.fill_text(&words, at + wide / 2.0, STRIP + 10.0);
        context.set_text_align("left");
    }
}

/// A function's name without the path of its package.
fn short(name: &str) -> &str {
    // Type arguments have paths of their own.
    let end = name.find('[').unwrap_or(name.len());
    let path = name.get(..end).and_then(|name| name.rfind('/'));
    path.and_then(|at| name.get(at + 1..)).unwrap_or(name)
}
