//! What both views have in common, so that the desk need not know which one is shown.

use frontend::trace::messages::{Pointer, Wheel};
use web_sys::OffscreenCanvas;

use crate::Opened;

/// Size of a canvas.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Size {
    /// Width in CSS pixels.
    pub(crate) width: f64,
    /// Height in CSS pixels.
    pub(crate) height: f64,
    /// Pixels of the screen in one of CSS.
    pub(crate) ratio: f64,
}

/// A view. Nothing but [`draw`](Picture::draw) touches the canvas's pixels; what changes only
/// says so, and the next animation frame draws it.
pub(crate) trait Picture {
    /// Draws on this canvas from now on.
    fn canvas(&mut self, canvas: OffscreenCanvas);
    /// The canvas has another size.
    fn resize(&mut self, size: Size);
    /// The page is dark, or is not.
    fn theme(&mut self, dark: bool);
    /// Another trace is open. It may still be read: its columns grow, and so does
    /// [`Opened::revision`].
    fn open(&mut self);
    /// A pointer did something.
    fn pointer(&mut self, opened: &Opened, pointer: Pointer);
    /// A wheel turned.
    fn wheel(&mut self, opened: &Opened, wheel: Wheel);
    /// A key went down.
    fn key(&mut self, opened: &Opened, key: &str, shift: bool);
    /// A trace that is being written has grown, and nobody has looked elsewhere: shows it from
    /// `begin` to `end`, in nanoseconds.
    fn follow(&mut self, _opened: &Opened, _begin: f64, _end: f64) {}
    /// What is long past of such a trace was let go of: indexes from before are void.
    fn forgot(&mut self) {}
    /// Draws, at a time in milliseconds. Says whether there is more to draw in the next frame.
    fn draw(&mut self, opened: &Opened, now: f64) -> bool;
}
