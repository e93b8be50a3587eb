//! Names beside lines, and times beside the axis: which, where, and a picture of their letters.

use frontend::trace::colors::background;
use wasm_bindgen::JsCast;
use web_sys::{OffscreenCanvas, OffscreenCanvasRenderingContext2d as Context};

/// Width of the picture, in CSS pixels.
const WIDTH: f64 = 512.0;
/// Height of a line of text, in CSS pixels.
pub(super) const LINE: f64 = 17.0;
/// Room beside a text, for what lies around its letters.
const PAD: f64 = 4.0;

/// A text in the picture, in pixels of the screen.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(super) struct Piece {
    pub(super) x: f64,
    pub(super) y: f64,
    pub(super) width: f64,
    pub(super) height: f64,
}

/// A picture of texts.
#[derive(Default)]
pub(super) struct Atlas {
    drawn: Option<(OffscreenCanvas, Context)>,
    texts: Vec<(String, bool)>,
    pieces: Vec<Piece>,
    made_for: (bool, f64),
}

impl Atlas {
    /// Draws these texts, strong ones bold, and gives the canvas if it is not the same as before.
    pub(super) fn write(
        &mut self,
        texts: Vec<(String, bool)>,
        dark: bool,
        ratio: f64,
    ) -> Option<&OffscreenCanvas> {
        if self.texts == texts && self.made_for == (dark, ratio) {
            return None;
        }
        if self.drawn.is_none() {
            let canvas = OffscreenCanvas::new(1, 1).ok()?;
            let context: Context = canvas.get_context("2d").ok()??.dyn_into().ok()?;
            self.drawn = Some((canvas, context));
        }
        let (canvas, context) = self.drawn.as_ref()?;
        context.set_font(&font(false, ratio));
        let line = (LINE * ratio).ceil();
        let limit = WIDTH * ratio;
        let (mut x, mut y) = (0.0_f64, 0.0);
        self.pieces.clear();
        for (text, strong) in &texts {
            context.set_font(&font(*strong, ratio));
            let wide = context.measure_text(text).map_or(0.0, |size| size.width());
            let width = (wide + 2.0 * PAD * ratio).ceil().min(limit);
            if x + width > limit {
                x = 0.0;
                y += line;
            }
            self.pieces.push(Piece { x, y, width, height: line });
            x += width;
        }
        // Setting its size empties a canvas, and forgets the font.
        canvas.set_width(limit as u32);
        canvas.set_height((y + line) as u32);
        context.set_text_baseline("middle");
        context.set_line_join("round");
        let [r, g, b] = background(dark);
        context.set_stroke_style_str(&format!("rgba({r},{g},{b},0.85)"));
        context.set_line_width(3.5 * ratio);
        for ((text, strong), piece) in texts.iter().zip(&self.pieces) {
            context.set_font(&font(*strong, ratio));
            context.set_fill_style_str(match (dark, strong) {
                (true, true) => "#ffffff",
                (true, false) => "#c3cdd9",
                (false, true) => "#0b1118",
                (false, false) => "#3b4653",
            });
            let (x, y) = (piece.x + PAD * ratio, piece.y + piece.height * 0.52);
            // They fail only for numbers that are none.
            let _ = context.stroke_text(text, x, y);
            let _ = context.fill_text(text, x, y);
        }
        self.texts = texts;
        self.made_for = (dark, ratio);
        self.drawn.as_ref().map(|(canvas, _)| canvas)
    }

    /// Where the texts are, in the order in which they came.
    pub(super) fn pieces(&self) -> &[Piece] {
        &self.pieces
    }
}

fn font(strong: bool, ratio: f64) -> String {
    let weight = if strong { "600" } else { "500" };
    format!(
        "{weight} {:.1}px system-ui, -apple-system, \"Segoe UI\", Roboto, sans-serif",
        12.0 * ratio
    )
}

/// A function's name without the path of its package.
pub(super) fn short(name: &str) -> &str {
    name.rsplit('/').next().unwrap_or(name)
}
