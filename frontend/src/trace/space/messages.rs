//! What document and worker tell each other about space.

use serde::{Deserialize, Serialize};

use super::look::Highlight;

/// What the document asks.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SpaceAsk {
    /// Shows a time, in nanoseconds since the trace began.
    Seek {
        /// The time.
        at: f64,
    },
    /// Makes what is bright another.
    Highlight(Highlight),
    /// Shows the camera, time and looks of an address.
    Link {
        /// The address, from its `#` on.
        hash: String,
    },
    /// Lets nothing move by itself.
    Calm {
        /// Whether.
        calm: bool,
    },
    /// Asks for the picture as a file.
    Picture,
    /// Asks for [`SpaceTell::Frames`].
    Frames,
}

/// What the worker tells.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SpaceTell {
    /// What is shown, when it changes.
    State(Box<State>),
    /// The picture goes along, as a blob.
    Picture,
    /// What frames cost so far.
    Frames(Frames),
    /// Nothing can be drawn in space.
    Missing {
        /// Why.
        reason: String,
    },
}

/// What is shown.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct State {
    /// The time shown, in nanoseconds.
    pub at: f64,
    /// The end of the trace, in nanoseconds.
    pub duration: f64,
    /// Time goes on by itself.
    pub playing: bool,
    /// How fast, 1 being the usual.
    pub speed: f64,
    /// Nanoseconds of the trace in a second.
    pub rate: f64,
    /// What stands out.
    pub highlight: Highlight,
    /// Lines are wider than usual by this factor.
    pub width: f64,
    /// Goroutines stand side by side.
    pub row: bool,
    /// Names are shown.
    pub labels: bool,
    /// The camera turns by itself.
    pub spin: bool,
    /// Camera, time and looks, as an address.
    pub hash: String,
    /// What there is to see, in a sentence.
    pub shown: String,
}

/// What frames cost.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct Frames {
    /// Frames drawn.
    pub frames: f64,
    /// Milliseconds that the worker spent on them, in all.
    pub cpu: f64,
    /// The longest of them.
    pub longest: f64,
    /// Quads in the newest one.
    pub primitives: f64,
    /// Of these, pieces of goroutines.
    pub segments: f64,
    /// Of these, links.
    pub links: f64,
    /// Goroutines that are lines of their own.
    pub lines: f64,
    /// Goroutines that are part of a ribbon.
    pub grouped: f64,
    /// Times that what is drawn was computed.
    pub builds: f64,
    /// Milliseconds that the newest of these took.
    pub build: f64,
    /// Bytes that were handed to the graphics card, in all.
    pub uploaded: f64,
}
