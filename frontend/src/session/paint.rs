//! One animation frame for everything that is painted by hand.
//!
//! Panels register a painter; whoever changes something asks for a frame with [`request`]. All
//! painters run in one frame, and none runs while nothing changes.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use leptos::prelude::{on_cleanup, window};
use wasm_bindgen::JsCast;
use wasm_bindgen::prelude::Closure;

/// Where a lot changes all the time, it is painted this often, in milliseconds: nobody reads numbers
/// that change sixty times a second.
pub const SLOW_MS: f64 = 66.0;

/// A measure of frames, the same for all painters: to lay out, paint and composite a frame is most
/// of the work, so that what is painted now and then is best painted in the same frames.
#[derive(Debug, Default)]
pub struct Beat(u64);

impl Beat {
    /// Whether the frame of this time is the first one of its measure.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "times of frames are positive and far below 2^53"
    )]
    pub fn next(&mut self, frame_ms: f64, measure_ms: f64) -> bool {
        let measure = (frame_ms / measure_ms) as u64;
        std::mem::replace(&mut self.0, measure) != measure
    }
}

type Painter = Rc<RefCell<dyn FnMut(f64)>>;

thread_local! {
    static PAINTERS: RefCell<Vec<(u32, Painter)>> = const { RefCell::new(Vec::new()) };
    static NEXT: Cell<u32> = const { Cell::new(0) };
    static ASKED: Cell<bool> = const { Cell::new(false) };
    static FRAME: Closure<dyn FnMut(f64)> = Closure::new(frame);
}

/// Asks for a frame.
pub fn request() {
    if !ASKED.replace(true) {
        let asked = FRAME
            .with(|frame| window().request_animation_frame(frame.as_ref().unchecked_ref()).is_ok());
        ASKED.set(asked);
    }
}

/// Runs `painter` in every frame until the owner is cleaned up; it gets the frame's time.
pub fn on_paint(painter: impl FnMut(f64) + 'static) {
    let id = NEXT.get();
    NEXT.set(id + 1);
    let painter: Painter = Rc::new(RefCell::new(painter));
    PAINTERS.with_borrow_mut(|painters| painters.push((id, painter)));
    on_cleanup(move || {
        PAINTERS.with_borrow_mut(|painters| painters.retain(|(other, _)| *other != id));
    });
    request();
}

fn frame(now: f64) {
    ASKED.set(false);
    // Painters may come and go while they run.
    let painters: Vec<Painter> = PAINTERS
        .with_borrow(|painters| painters.iter().map(|(_, painter)| painter.clone()).collect());
    for painter in painters {
        if let Ok(mut painter) = painter.try_borrow_mut() {
            painter(now);
        }
    }
    super::embed::painted();
}
