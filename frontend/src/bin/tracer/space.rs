//! Goroutines in space, time upwards.

use frontend::trace::messages::{Pointer, Wheel};
use web_sys::OffscreenCanvas;

use crate::Opened;
use crate::picture::{Picture, Size};

/// The view, its canvas and what was asked of it.
#[derive(Default)]
pub(crate) struct Space {
    canvas: Option<OffscreenCanvas>,
}

impl Picture for Space {
    fn canvas(&mut self, canvas: OffscreenCanvas) {
        self.canvas = Some(canvas);
    }

    fn resize(&mut self, _size: Size) {}

    fn theme(&mut self, _dark: bool) {}

    fn open(&mut self) {}

    fn pointer(&mut self, _opened: &Opened, _pointer: Pointer) {}

    fn wheel(&mut self, _opened: &Opened, _wheel: Wheel) {}

    fn key(&mut self, _opened: &Opened, _key: &str, _shift: bool) {}

    fn draw(&mut self, _opened: &Opened, _now: f64) -> bool {
        false
    }
}
