//! The whole file in a strip: where it is uncovered, and where it is hot.

use leptos::prelude::window;
use wasm_bindgen::JsCast;
use web_sys::{CanvasRenderingContext2d, HtmlCanvasElement};

use super::layout::{Sheet, Status};

/// Hot spots cool down within this time, in milliseconds.
const HEAT_MS: u64 = 3_000;

/// Colours of the strip, from the style sheet.
#[derive(Debug, Clone, Default, PartialEq)]
struct Colors {
    covered: String,
    partial: String,
    uncovered: String,
    glow: String,
}

/// The strip.
#[derive(Debug, Default)]
pub(super) struct Ruler {
    colors: Colors,
    theme: Option<String>,
    drawn: Vec<(Status, u8)>,
}

impl Ruler {
    /// Draws the strip again where it has changed.
    pub(super) fn draw(
        &mut self,
        canvas: &HtmlCanvasElement,
        sheet: &Sheet,
        counts: &[u64],
        last: &[u64],
        now_ms: u64,
    ) {
        let scale = window().device_pixel_ratio();
        let width = (f64::from(canvas.client_width()) * scale) as u32;
        let height = (f64::from(canvas.client_height()) * scale) as u32;
        let resized = canvas.width() != width || canvas.height() != height;
        let overview = sheet.overview((f64::from(height) / scale) as usize, counts, last);
        let heat = |last: u64| match (last, now_ms.saturating_sub(last)) {
            (0, _) => 0,
            // In steps, so that a strip that cools is drawn a few times only.
            (_, past) => 10 - (past.min(HEAT_MS) * 10 / HEAT_MS) as u8,
        };
        let cells: Vec<(Status, u8)> =
            overview.into_iter().map(|(status, last)| (status, heat(last))).collect();
        let recolored = self.recolor(canvas);
        if !resized && !recolored && cells == self.drawn {
            return;
        }
        if resized {
            canvas.set_width(width);
            canvas.set_height(height);
        }
        let context = canvas.get_context("2d").ok().flatten();
        let Some(context) = context.and_then(|c| c.dyn_into::<CanvasRenderingContext2d>().ok())
        else {
            return;
        };
        let (wide, high) = (f64::from(width), f64::from(height));
        context.clear_rect(0.0, 0.0, wide, high);
        let mut start = 0;
        for end in 1..=cells.len() {
            if end < cells.len() && cells[end] == cells[start] {
                continue;
            }
            let (status, heat) = cells[start];
            let (y, length) = (start as f64 * scale, (end - start) as f64 * scale);
            // The kinds differ by width and place as well as by colour.
            let (color, from, to) = match status {
                Status::None => ("", 0.0, 0.0),
                Status::Covered => (self.colors.covered.as_str(), 0.0, 0.25),
                Status::Partial => (self.colors.partial.as_str(), 0.0, 0.6),
                Status::Uncovered => (self.colors.uncovered.as_str(), 0.0, 1.0),
            };
            if !color.is_empty() {
                context.set_global_alpha(1.0);
                context.set_fill_style_str(color);
                context.fill_rect(from * wide, y, (to - from) * wide, length);
            }
            if heat > 0 {
                context.set_global_alpha(f64::from(heat) / 10.0);
                context.set_fill_style_str(&self.colors.glow);
                context.fill_rect(0.5 * wide, y, 0.5 * wide, length);
            }
            start = end;
        }
        self.drawn = cells;
    }

    fn recolor(&mut self, canvas: &HtmlCanvasElement) -> bool {
        let root = leptos::prelude::document().document_element();
        let chosen = root.and_then(|root| root.get_attribute("data-theme")).unwrap_or_default();
        let dark = window()
            .match_media("(prefers-color-scheme: dark)")
            .ok()
            .flatten()
            .is_some_and(|query| query.matches());
        let theme = format!("{chosen}{dark}");
        if self.theme.as_ref() == Some(&theme) {
            return false;
        }
        self.theme = Some(theme);
        let Ok(Some(style)) = window().get_computed_style(canvas) else { return false };
        let color =
            |name| style.get_property_value(name).unwrap_or_default().trim_ascii().to_owned();
        // Those of its own that nothing else uses: a variable would not say which theme's it is.
        let colors = Colors {
            covered: color("color"),
            partial: color("outline-color"),
            uncovered: color("caret-color"),
            glow: color("--glow"),
        };
        let changed = colors != self.colors;
        self.colors = colors;
        changed
    }
}
