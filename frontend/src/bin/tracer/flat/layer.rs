//! Pixels on canvases of their own: the newest finished picture, and the one that is made.

use frontend::trace::raster::{Frame, Raster, Scene};
use wasm_bindgen::{Clamped, JsCast};
use web_sys::{ImageData, OffscreenCanvas, OffscreenCanvasRenderingContext2d};

/// Two canvases that take turns.
#[derive(Default)]
pub(super) struct Layer {
    shown: Option<Shown>,
    making: Option<Making>,
    spare: Option<Sheet>,
}

struct Shown {
    sheet: Sheet,
    frame: Frame,
    version: u64,
}

struct Making {
    sheet: Sheet,
    raster: Raster,
    version: u64,
    /// Lines that are on the sheet.
    put: usize,
}

struct Sheet {
    canvas: OffscreenCanvas,
    context: OffscreenCanvasRenderingContext2d,
}

impl Layer {
    /// Makes more of the picture of a frame. Says whether there is more to do.
    pub(super) fn advance(
        &mut self,
        scene: &mut Scene,
        frame: Frame,
        version: u64,
        mut enough: impl FnMut() -> bool,
    ) -> bool {
        if self.making.as_ref().is_some_and(|making| making.version != version) {
            self.spare = self.making.take().map(|making| making.sheet);
        }
        loop {
            if self.making.is_none() {
                if self.is_shown(frame, version) || frame.width == 0 || frame.height == 0 {
                    return false;
                }
                self.making = self.begin(scene, frame, version);
            }
            let Some(making) = &mut self.making else { return false };
            let done = making.raster.fill(scene, &mut enough);
            making.put();
            if !done {
                return true;
            }
            if let Some(Making { sheet, raster, version, .. }) = self.making.take() {
                let before = self.shown.replace(Shown { sheet, frame: raster.frame, version });
                self.spare = before.map(|before| before.sheet);
            }
            if enough() {
                return !self.is_shown(frame, version);
            }
        }
    }

    /// A picture is not finished.
    pub(super) fn is_making(&self) -> bool {
        self.making.is_some()
    }

    fn is_shown(&self, frame: Frame, version: u64) -> bool {
        self.shown.as_ref().is_some_and(|shown| shown.frame == frame && shown.version == version)
    }

    fn begin(&mut self, scene: &Scene, frame: Frame, version: u64) -> Option<Making> {
        let (width, height) = (u32::try_from(frame.width).ok()?, u32::try_from(frame.height).ok()?);
        let sheet = match self.spare.take() {
            Some(sheet) => sheet,
            None => {
                let canvas = OffscreenCanvas::new(width, height).ok()?;
                let context = canvas.get_context("2d").ok()??.dyn_into().ok()?;
                Sheet { canvas, context }
            }
        };
        if (sheet.canvas.width(), sheet.canvas.height()) != (width, height) {
            sheet.canvas.set_width(width);
            sheet.canvas.set_height(height);
        }
        let raster = Raster::new(frame, scene.palette);
        Some(Making { sheet, raster, version, put: 0 })
    }

    /// Draws what there is, in pixels of the screen from `left` and `upper`, where it belongs in a
    /// frame.
    pub(super) fn draw(
        &self,
        context: &OffscreenCanvasRenderingContext2d,
        frame: Frame,
        left: f64,
        upper: f64,
    ) {
        if let Some(shown) = &self.shown {
            let height = shown.frame.height;
            blit(context, &shown.sheet, shown.frame, frame, height, left, upper);
        }
        if let Some(making) = &self.making {
            blit(context, &making.sheet, making.raster.frame, frame, making.put, left, upper);
        }
    }
}

impl Making {
    /// Puts the new lines on the sheet.
    fn put(&mut self) {
        let Frame { width, height, .. } = self.raster.frame;
        let (from, to) = (self.put, self.raster.done.min(height));
        let pixels = self.raster.pixels.get(from * width * 4..to * width * 4);
        let (Some(pixels), Ok(columns)) = (pixels, u32::try_from(width)) else { return };
        if pixels.is_empty() {
            return;
        }
        if let Ok(image) = ImageData::new_with_u8_clamped_array(Clamped(pixels), columns) {
            let _ = self.sheet.context.put_image_data(&image, 0.0, from as f64);
            self.put = to;
        }
    }
}

/// Draws the first lines of a picture of `of` where they are in `frame`.
fn blit(
    context: &OffscreenCanvasRenderingContext2d,
    sheet: &Sheet,
    of: Frame,
    frame: Frame,
    lines: usize,
    left: f64,
    upper: f64,
) {
    if lines == 0 {
        return;
    }
    let wide = frame.width as f64 / frame.span;
    let (x, width) = ((of.begin - frame.begin) * wide, of.span * wide);
    let tall = frame.row / of.row;
    let (y, height) = (of.top * tall - frame.top, lines as f64 * tall);
    let same = (of.begin, of.span, of.row) == (frame.begin, frame.span, frame.row);
    context.set_image_smoothing_enabled(!same);
    let _ = context.draw_image_with_offscreen_canvas_and_sw_and_sh_and_dx_and_dy_and_dw_and_dh(
        &sheet.canvas,
        0.0,
        0.0,
        of.width as f64,
        lines as f64,
        left + x,
        upper + y,
        width,
        height,
    );
}
