//! What lies above the rows: the overview of the whole trace, the ruler, and how many wake-ups
//! there are, by time.

use frontend::trace::overview::{Overview, SHOWN};
use frontend::trace::time;
use frontend::trace::window::{Stage, Window};
use gotrace::event::Range;
use wasm_bindgen::JsCast;
use web_sys::{OffscreenCanvas, OffscreenCanvasRenderingContext2d};

use super::paint::{Look, css};
use super::{Flat, STRIP, pixels};
use crate::Opened;

/// The overview, drawn once.
#[derive(Default)]
pub(super) struct Strip {
    overview: Option<Overview>,
    canvas: Option<OffscreenCanvas>,
}

impl Flat {
    /// Makes more of the overview. Says whether there is more to do.
    pub(super) fn advance_strip(
        &mut self,
        opened: &Opened,
        stage: &Stage,
        enough: impl FnMut() -> bool,
    ) -> bool {
        if self.strip.canvas.is_some() {
            return false;
        }
        let columns = pixels(stage.width * self.size.ratio);
        let trace = &opened.trace;
        let overview =
            self.strip.overview.get_or_insert_with(|| Overview::new(columns as usize, trace));
        if !overview.fill(opened.names(), trace, &mut self.shades, enough) {
            return true;
        }
        self.strip.canvas = strip(overview, columns, pixels(STRIP * self.size.ratio), self.dark);
        false
    }

    /// Draws the overview, with what is looked at.
    pub(super) fn paint_strip(
        &self,
        context: &OffscreenCanvasRenderingContext2d,
        stage: &Stage,
        view: &Window,
        look: &Look,
    ) {
        let left = self.gutter();
        context.set_fill_style_str(look.sunk);
        context.fill_rect(0.0, 0.0, self.size.width, STRIP);
        if let Some(canvas) = &self.strip.canvas {
            let _ = context.draw_image_with_offscreen_canvas_and_dw_and_dh(
                canvas,
                left,
                0.0,
                stage.width,
                STRIP,
            );
        }
        let scale = stage.width / stage.duration.max(1.0);
        let (from, to) = (view.begin * scale, (view.begin + view.span) * scale);
        if from > 0.5 || to < stage.width - 0.5 {
            context.set_fill_style_str(look.veil);
            context.fill_rect(left, 0.0, from, STRIP);
            context.fill_rect(left + to, 0.0, (stage.width - to).max(0.0), STRIP);
            context.set_stroke_style_str(look.accent);
            context.set_line_width(1.5);
            context.stroke_rect(left + from, 0.75, (to - from).max(2.0), STRIP - 1.5);
        }
        context.set_fill_style_str(look.dim);
        context.set_text_align("left");
        let label = if left > 120.0 { "Running and runnable" } else { "Running" };
        let _ = context.fill_text(label, 10.0, STRIP / 2.0);
    }

    /// Draws the ruler, and marks the time under the pointer on it.
    pub(super) fn paint_ruler(
        &self,
        context: &OffscreenCanvasRenderingContext2d,
        stage: &Stage,
        view: &Window,
        look: &Look,
    ) {
        let left = self.gutter();
        context.set_fill_style_str(look.raised);
        context.fill_rect(0.0, STRIP, self.size.width, 30.0);
        context.set_fill_style_str(look.dim);
        context.set_text_align("left");
        let apart = 110.0 / stage.width * view.span;
        for mark in time::marks(view.begin, view.span, apart) {
            let x = (left + view.x(stage, mark.time)).round();
            let tall = if mark.label.is_empty() { 3.0 } else { 7.0 };
            context.fill_rect(x, STRIP + 22.0 - tall, 1.0, tall);
            if !mark.label.is_empty() && x + 30.0 < self.size.width {
                let _ = context.fill_text(&mark.label, x + 4.0, STRIP + 10.0);
            }
        }
        let span = time::length(view.span);
        let _ = context.fill_text(&format!("{span} shown"), 10.0, STRIP + 11.0);
    }

    /// Draws how many wake-ups there are, and where the collector marks or stops the world.
    pub(super) fn paint_density(
        &self,
        context: &OffscreenCanvasRenderingContext2d,
        opened: &Opened,
        stage: &Stage,
        view: &Window,
        look: &Look,
    ) {
        let (left, y) = (self.gutter(), STRIP + 23.0);
        let trace = &opened.trace;
        let edges = &trace.edges;
        let columns = pixels(stage.width / 2.0);
        let nanos = view.span / f64::from(columns.max(1));
        let index = |time: f64| {
            let time = time::whole(time);
            edges.partition_point(|edge| edge.time < time)
        };
        let mut before = index(view.begin);
        context.set_fill_style_str(look.text);
        for column in 0..columns {
            let next = index(view.begin + nanos * f64::from(column + 1));
            let count = next.saturating_sub(before);
            before = next;
            if count > 0 {
                context.set_global_alpha((0.12 + (count as f64).ln() * 0.13).min(0.9));
                context.fill_rect(left + f64::from(column) * 2.0, y, 2.0, 6.0);
            }
        }
        context.set_global_alpha(1.0);
        for span in &trace.spans {
            let color = match span.range {
                Range::Mark => look.collector,
                Range::StopTheWorld(_) => look.stopped,
                Range::Sweep(_) | Range::Assist(_) => continue,
            };
            let end = span.end.unwrap_or(trace.duration) as f64;
            let (from, to) = (view.x(stage, span.begin as f64), view.x(stage, end));
            if to < 0.0 || from > stage.width {
                continue;
            }
            let (from, to) = (from.max(0.0), to.min(stage.width));
            context.set_fill_style_str(color);
            context.fill_rect(left + from, STRIP, (to - from).max(1.0), 3.0);
        }
        context.set_fill_style_str(look.dim);
        context.set_text_align("left");
    }
}

fn strip(overview: &Overview, width: u32, height: u32, dark: bool) -> Option<OffscreenCanvas> {
    let canvas = OffscreenCanvas::new(width.max(1), height.max(1)).ok()?;
    let context: OffscreenCanvasRenderingContext2d =
        canvas.get_context("2d").ok()??.dyn_into().ok()?;
    let (height, most) = (f64::from(height), f64::from(overview.most()));
    for (at, shade) in SHOWN.into_iter().enumerate().rev() {
        context.set_fill_style_str(&css(shade.rgb(dark)));
        for (x, column) in overview.columns.iter().enumerate() {
            let sum: f64 = column.iter().copied().map(f64::from).sum();
            // Few are seen beside many: the height is the root of their number.
            let scale = (sum / most).sqrt() * (height - 4.0) / sum.max(1e-6);
            let below: f64 = column.iter().take(at).copied().map(f64::from).sum();
            let own = column.get(at).copied().map_or(0.0, f64::from);
            if own > 0.02 {
                let (y, tall) = (height - (below + own) * scale, own * scale);
                context.fill_rect(x as f64, y.min(height - 2.0), 1.0, tall.max(2.0));
            }
        }
    }
    Some(canvas)
}
