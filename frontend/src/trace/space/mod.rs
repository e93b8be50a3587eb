//! Goroutines in space: each is a vertical line, time runs downwards, and children stand around
//! the goroutine that created them.
//!
//! What computes is here, knows no browser and no WebGL, and is tested natively:
//!
//! - [`place`]: where each goroutine stands, by the creation tree, in circles or in a row;
//! - [`camera`]: where one looks from, and what lands where on the screen;
//! - [`level`]: what is drawn of a trace, given the camera: lines for goroutines that can be told
//!   apart, ribbons for [`groups`] that can't, within a budget whatever the size of the trace;
//! - [`sent`]: messages among its links;
//! - [`pick`]: which line is under the pointer, and which names are shown;
//! - [`player`]: the time that is shown, and how fast it goes;
//! - [`look`]: highlights and widths; [`link`]: all of this as part of an address;
//! - [`messages`]: what document and worker tell each other about it.
//!
//! Space is measured so that the circles fill a disc of radius 1 around the vertical axis, and
//! the trace lasts from [`TOP`] down to [`BOTTOM`].

pub mod camera;
pub mod groups;
pub mod level;
pub mod link;
pub mod look;
pub mod math;
pub mod messages;
pub mod pick;
pub mod place;
pub mod player;
pub mod sent;

/// Height at which the trace begins.
pub const TOP: f64 = 0.8;

/// Height at which it ends.
pub const BOTTOM: f64 = -0.8;

/// The height of a time in a trace that lasts `duration`; both in nanoseconds.
pub fn height(time: u64, duration: u64) -> f64 {
    TOP + (BOTTOM - TOP) * (time as f64 / duration.max(1) as f64)
}

/// The time at a height, within the trace: the inverse of [`height`].
pub fn time(height: f64, duration: u64) -> u64 {
    let part = ((height - TOP) / (BOTTOM - TOP)).clamp(0.0, 1.0);
    (part * duration as f64) as u64
}
