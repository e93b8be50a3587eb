//! What the document and the worker tell each other. Each message is an array: one of these as a
//! plain object, then what goes along.

use serde::{Deserialize, Serialize};

use super::detail::{Detail, Place};
use super::filter::Filter;
use super::joined::There;
use super::rows::Order;
use super::space::messages::{SpaceAsk, SpaceTell};
use super::tables::{About, Table};

/// Where the worker is.
pub const WORKER: &str = "/tracer_loader.js";

/// How goroutines are shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, Default)]
#[serde(rename_all = "kebab-case")]
pub enum View {
    /// Goroutines by time, flat.
    #[default]
    Flat,
    /// Goroutines in space, time downwards.
    Space,
}

/// What a pointer did over a canvas. Places are CSS pixels from its upper left corner.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Pointer {
    /// What happened.
    pub action: Action,
    /// Which pointer, where there are several fingers.
    pub id: i32,
    /// Place from the left.
    pub x: f64,
    /// Place from the top.
    pub y: f64,
    /// Buttons held: 1 is the first, 2 the second.
    pub buttons: u16,
    /// Shift is held.
    pub shift: bool,
}

/// A wheel turned over a canvas.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Wheel {
    /// Place from the left, in CSS pixels.
    pub x: f64,
    /// Place from the top.
    pub y: f64,
    /// To the right, in CSS pixels.
    pub dx: f64,
    /// Downwards.
    pub dy: f64,
    /// Control is held, as for a pinch on a touch pad.
    pub zoom: bool,
    /// Shift is held.
    pub shift: bool,
}

/// What a pointer did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Action {
    /// A button or finger went down.
    Down,
    /// It moved.
    Move,
    /// A button or finger went up.
    Up,
    /// It left the canvas, or the browser took it away.
    Leave,
}

/// What the document asks of the worker.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Ask {
    /// Draws on two canvases from now on, which go along: for [`View::Flat`] and [`View::Space`].
    Canvases,
    /// Shows a trace that is still being written.
    Live {
        /// What it is called.
        name: String,
        /// Where the relay gives it.
        address: String,
    },
    /// Reads the trace in the blob that goes along.
    Open {
        /// Name of its file.
        name: String,
    },
    /// Shows what went through channels during the trace: the blob that goes along has it.
    Channels {
        /// Name of its file.
        name: String,
    },
    /// Reads no further; what was read so far is shown.
    Cancel,
    /// The page is dark now, or is not.
    Theme {
        /// It is dark.
        dark: bool,
    },
    /// The canvases have this size now, in CSS pixels.
    Resize {
        /// Width.
        width: f64,
        /// Height.
        height: f64,
        /// Pixels of the screen in one of CSS.
        ratio: f64,
    },
    /// Shows this view.
    Show(View),
    /// A pointer did something.
    Pointer(Pointer),
    /// A wheel turned.
    Wheel(Wheel),
    /// A key went down, by its name.
    Key {
        /// Its name, as the browser gives it.
        key: String,
        /// Shift is held.
        shift: bool,
    },
    /// Something of the flat view.
    Flat(FlatAsk),
    /// Something of the view in space.
    Space(SpaceAsk),
}

/// What the document asks of the flat view.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FlatAsk {
    /// Orders rows so.
    Order(Order),
    /// Shows only these goroutines.
    Filter(Filter),
    /// Chooses the slice of a goroutine, and shows it.
    Choose(Place),
    /// Chooses nothing.
    Leave,
    /// Shows only messages of this channel and looks at them, or shows all.
    Only(Option<u32>),
    /// Looks at this part, or at everything.
    Look(Option<Look>),
    /// Computes a table of the goroutines that are shown.
    Table {
        /// What it is about.
        about: About,
        /// The column that it is sorted by, and whether the largest come first.
        sort: Option<(u32, bool)>,
    },
    /// Asks who was at a line, as [`Filter::at`]; nowhere if it is empty.
    There(String),
}

/// The part of a trace that is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Look {
    /// Where it begins, in nanoseconds.
    pub begin: f64,
    /// How long it is, in nanoseconds.
    pub span: f64,
    /// Its first row; a half is the middle of one.
    pub top: f64,
    /// Height of a row in CSS pixels.
    pub row: f64,
}

/// What the worker tells the document.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Tell {
    /// It is there.
    Ready,
    /// It has read so many of so many bytes.
    Progress {
        /// Read so far.
        done: f64,
        /// To be read.
        all: f64,
    },
    /// A trace was opened.
    Opened(Summary),
    /// What was asked for can't be done.
    Failed {
        /// File, place and reason.
        reason: String,
    },
    /// Something of the flat view.
    Flat(FlatTell),
    /// Something of the view in space; what it is may go along.
    Space(SpaceTell),
}

/// What the flat view tells.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FlatTell {
    /// What is under the pointer.
    Hover(Option<Hover>),
    /// The slice that is chosen.
    Chosen(Option<Box<Detail>>),
    /// How many goroutines are shown, and of how many.
    Shown {
        /// Those that are shown.
        shown: u32,
        /// All.
        all: u32,
    },
    /// What is looked at; nothing if it is everything.
    Look(Option<Look>),
    /// The channel whose messages alone are shown.
    Only(Option<String>),
    /// A table.
    Table(Table),
    /// Who was at the line that was asked for.
    There(Option<There>),
    /// Kinds of tasks and of regions that there are.
    Kinds {
        /// Of tasks.
        tasks: Vec<String>,
        /// Of regions.
        regions: Vec<String>,
    },
}

/// What is under the pointer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Hover {
    /// Place from the left, in CSS pixels.
    pub x: f64,
    /// Place from the top.
    pub y: f64,
    /// Name of the shade; empty for a group.
    pub shade: String,
    /// What it is.
    pub title: String,
    /// What is told of it, line by line.
    pub lines: Vec<String>,
}

/// A trace in a few numbers.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Summary {
    /// Name of its file.
    pub name: String,
    /// Its size in bytes.
    pub bytes: f64,
    /// Go's minor version in its header.
    pub version: u32,
    /// From its first event to its last, in nanoseconds.
    pub duration: f64,
    /// Events.
    pub events: f64,
    /// Goroutines seen.
    pub goroutines: u32,
    /// Wake-ups of one goroutine by another.
    pub edges: u32,
    /// Channels that the program recorded; none if that was not opened.
    pub channels: u32,
    /// Values that went through them.
    pub messages: u32,
    /// What was lost of a damaged file, a sentence each.
    pub losses: Vec<String>,
}
