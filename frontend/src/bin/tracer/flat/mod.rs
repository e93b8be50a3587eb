//! Goroutines by time, flat: rows of goroutines whose pixels are computed here, with labels, a
//! ruler and wake-ups drawn over them.
//!
//! Each frame draws the newest finished picture where it belongs now, so panning and zooming never
//! wait; a picture of what is looked at now is made meanwhile, some milliseconds in each frame
//! ([`layer`]).

mod chosen;
mod input;
mod layer;
mod messages;
mod over;
mod paint;

use std::collections::BTreeSet;

use frontend::trace::colors::{Shade, Shades};
use frontend::trace::filter::Filter;
use frontend::trace::joined;
use frontend::trace::messages::{FlatAsk, FlatTell, Look, Pointer, Tell, Wheel};
use frontend::trace::raster::{Frame, Palette};
use frontend::trace::rows::{Order, Rows};
use frontend::trace::tables::{self, Scope};
use frontend::trace::window::{Stage, Window};
use gotrace::StringId;
use gotrace::joined::{Joined, Seen};
use gotrace::trace::Go;
use wasm_bindgen::JsCast;
use web_sys::{OffscreenCanvas, OffscreenCanvasRenderingContext2d};

use crate::picture::{Picture, Size};
use crate::{Opened, clock, tell};
use chosen::Chosen;
use input::Hands;
use layer::Layer;
use messages::Drawn;
use over::Strip;

/// Milliseconds of a frame that pixels may take.
const BUDGET: f64 = 8.0;
/// Milliseconds between two tellings of what is looked at.
const PAUSE: f64 = 250.0;
/// Milliseconds after which rows are made anew while a trace is read: at least, and at most where
/// a picture of those that there are is not finished.
const AGAIN: (f64, f64) = (40.0, 1_000.0);
/// Rows are made anew for at most a part of the time.
const SHARE: f64 = 8.0;
/// Height of the overview, in CSS pixels.
const STRIP: f64 = 36.0;
/// Upper end of the rows: below the overview, the ruler and the density of wake-ups.
const TOP: f64 = STRIP + 30.0;

/// The view: what was asked of it, and what it has drawn.
pub(crate) struct Flat {
    canvas: Option<OffscreenCanvas>,
    context: Option<OffscreenCanvasRenderingContext2d>,
    size: Size,
    dark: bool,
    order: Order,
    open: BTreeSet<StringId>,
    filter: Filter,
    wanted: Vec<bool>,
    /// The stacks of a revision of the trace, once somebody has asked for them.
    joined: Option<(u64, Joined)>,
    /// Who was where the filter says.
    here: Vec<(Go, Seen)>,
    rows: Rows,
    shades: Shades,
    palette: Palette,
    /// The trace's revision that rows are of; nothing where they have to be made anew.
    known: Option<u64>,
    /// When they were made, and how long that took.
    made: (f64, f64),
    /// The trace's revision whose kinds of tasks and regions were told.
    kinds_of: Option<u64>,
    /// Differs when the same window shows other pixels.
    version: u64,
    window: Window,
    /// The window shows everything, even if there will be more.
    all: bool,
    layer: Layer,
    strip: Strip,
    chosen: Option<Chosen>,
    /// What was asked to be chosen before it was read.
    wish: Option<frontend::trace::detail::Place>,
    hands: Hands,
    /// Messages of the newest frame.
    drawn: Vec<Drawn>,
    told: Option<Look>,
    told_at: f64,
}

impl Default for Flat {
    fn default() -> Self {
        Self {
            canvas: None,
            context: None,
            size: Size { width: 0.0, height: 0.0, ratio: 1.0 },
            dark: false,
            order: Order::default(),
            open: BTreeSet::new(),
            filter: Filter::default(),
            wanted: Vec::new(),
            joined: None,
            here: Vec::new(),
            rows: Rows::default(),
            shades: Shades::default(),
            palette: Palette::new(false, [true; Shade::COUNT]),
            known: None,
            made: (0.0, 0.0),
            kinds_of: None,
            version: 0,
            window: Window::default(),
            all: true,
            layer: Layer::default(),
            strip: Strip::default(),
            chosen: None,
            wish: None,
            hands: Hands::default(),
            drawn: Vec::new(),
            told: None,
            told_at: 0.0,
        }
    }
}

impl Picture for Flat {
    fn canvas(&mut self, canvas: OffscreenCanvas) {
        let context = canvas.get_context("2d").ok().flatten();
        self.context = context.and_then(|context| context.dyn_into().ok());
        self.canvas = Some(canvas);
    }

    fn resize(&mut self, size: Size) {
        self.size = Size { ratio: size.ratio.clamp(0.5, 2.0), ..size };
        if let Some(canvas) = &self.canvas {
            canvas.set_width(pixels(self.size.width * self.size.ratio));
            canvas.set_height(pixels(self.size.height * self.size.ratio));
        }
        self.strip = Strip::default();
    }

    fn theme(&mut self, dark: bool) {
        self.dark = dark;
        self.recolor();
    }

    fn open(&mut self) {
        self.rows = Rows::default();
        self.wanted.clear();
        self.joined = None;
        self.here.clear();
        self.open.clear();
        self.shades = Shades::default();
        self.known = None;
        self.kinds_of = None;
        self.layer = Layer::default();
        self.strip = Strip::default();
        self.chosen = None;
        self.drawn.clear();
        tell(&Tell::Flat(FlatTell::Chosen(None)));
        tell(&Tell::Flat(FlatTell::Only(None)));
    }

    fn pointer(&mut self, opened: &Opened, pointer: Pointer) {
        self.refresh(opened);
        self.point(opened, pointer);
    }

    fn wheel(&mut self, opened: &Opened, wheel: Wheel) {
        self.refresh(opened);
        self.turn(opened, wheel);
    }

    fn key(&mut self, opened: &Opened, key: &str, shift: bool) {
        self.refresh(opened);
        self.press(opened, key, shift);
    }

    fn follow(&mut self, opened: &Opened, begin: f64, end: f64) {
        self.refresh(opened);
        let all = self.stage(opened).all();
        self.window = Window { begin, span: (end - begin).max(1.0), ..all };
        self.all = false;
    }

    fn forgot(&mut self) {
        self.known = None;
        self.choose(None);
    }

    fn draw(&mut self, opened: &Opened, now: f64) -> bool {
        let Some(context) = self.context.clone() else { return false };
        let begin = clock();
        self.refresh(opened);
        let more = self.paint(&context, opened, || clock() - begin > BUDGET);
        self.hover(opened);
        self.tell_look(opened, now) || more
    }
}

impl Flat {
    /// Does what the document asks.
    pub(crate) fn ask(&mut self, opened: Option<&Opened>, ask: FlatAsk) {
        match ask {
            FlatAsk::Order(order) => {
                self.order = order;
                self.known = None;
                self.window.top = 0.0;
            }
            FlatAsk::Filter(filter) => {
                self.filter = filter;
                self.known = None;
                self.recolor();
            }
            FlatAsk::Choose(place) => {
                self.wish = Some(place);
                if let Some(opened) = opened {
                    self.refresh(opened);
                }
            }
            FlatAsk::There(at) => {
                let there = opened
                    .filter(|_| !at.is_empty())
                    .map(|opened| joined::there(opened.names(), self.join(opened), &at));
                tell(&Tell::Flat(FlatTell::There(there)));
            }
            FlatAsk::Leave => self.choose(None),
            // The desk does this, which may change what is open.
            FlatAsk::Only(_) => {}
            FlatAsk::Look(look) => {
                self.all = look.is_none();
                if let Some(Look { begin, span, top, row }) = look {
                    self.window = Window { begin, span, top, row };
                }
            }
            FlatAsk::Table { about, sort } => {
                if let Some(opened) = opened {
                    self.refresh(opened);
                    if about.is_of_stacks() {
                        self.join(opened);
                    }
                    let none = Joined::default();
                    let scope = Scope {
                        names: opened.names(),
                        trace: &opened.trace,
                        passed: opened.passed.as_ref(),
                        wanted: &self.wanted,
                        joined: self.joined.as_ref().map_or(&none, |(_, joined)| joined),
                        here: &self.here,
                    };
                    tell(&Tell::Flat(FlatTell::Table(tables::table(&scope, about, sort))));
                }
            }
        }
    }

    fn recolor(&mut self) {
        self.palette = Palette::new(self.dark, self.filter.wanted());
        self.version += 1;
        self.strip = Strip::default();
    }

    /// Makes rows anew where the trace or what is wanted of it has changed.
    fn refresh(&mut self, opened: &Opened) {
        let begin = clock();
        if self.known == Some(opened.revision) || self.can_wait(opened, begin) {
            self.fulfil(opened);
            return;
        }
        self.known = Some(opened.revision);
        let (names, trace) = (opened.names(), &opened.trace);
        let filter = self.filter.clone();
        let at_place = !(filter.ran.is_empty() && filter.at.is_empty());
        let joined = at_place.then(|| self.join(opened));
        let here = joined.and_then(|joined| joined::here(names, joined, &filter));
        self.wanted = self.filter.apply(names, trace, &mut self.shades, here.as_deref());
        self.here = here.unwrap_or_default();
        let wanted = &self.wanted;
        self.rows = Rows::new(trace, self.order, &self.open, |go: Go| {
            go.index().is_some_and(|at| wanted.get(at).copied().unwrap_or(true))
        });
        self.version += 1;
        self.strip = Strip::default();
        let count = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
        tell(&Tell::Flat(FlatTell::Shown {
            shown: count(self.rows.goroutines()),
            all: count(trace.goroutines.len()),
        }));
        if opened.is_read() && self.kinds_of != Some(opened.revision) {
            self.kinds_of = Some(opened.revision);
            let text = |id: &StringId| names.text(*id).to_owned();
            let tasks: BTreeSet<StringId> = trace.tasks.iter().map(|task| task.name).collect();
            let regions: BTreeSet<StringId> =
                trace.regions.iter().map(|region| region.name).collect();
            tell(&Tell::Flat(FlatTell::Kinds {
                tasks: tasks.iter().map(text).collect(),
                regions: regions.iter().map(text).collect(),
            }));
        }
        self.made = (begin, clock() - begin);
        self.fulfil(opened);
    }

    /// The stacks of all goroutines.
    fn join(&mut self, opened: &Opened) -> &Joined {
        let known = self.joined.take().filter(|(revision, _)| *revision == opened.revision);
        let known = known.unwrap_or_else(|| (opened.revision, Joined::of(&opened.trace)));
        &self.joined.insert(known).1
    }

    /// Which goroutines are wanted, where not all are, and a number that differs when others are.
    pub(crate) fn wanted(&mut self, opened: &Opened) -> (Option<&[bool]>, u64) {
        self.refresh(opened);
        ((!self.filter.is_empty()).then_some(&*self.wanted), self.version)
    }

    /// The trace is being read, and its rows were made not long ago.
    fn can_wait(&self, opened: &Opened, now: f64) -> bool {
        let (at, took) = self.made;
        let pause = if self.layer.is_making() { AGAIN.1 } else { AGAIN.0.max(took * SHARE) };
        self.known.is_some() && !opened.is_read() && now - at < pause
    }

    /// Width of the column with the rows' names.
    fn gutter(&self) -> f64 {
        match self.size.width {
            900.0.. => 230.0,
            600.0.. => 160.0,
            _ => 90.0,
        }
    }

    /// What the window looks at.
    fn stage(&self, opened: &Opened) -> Stage {
        Stage {
            width: (self.size.width - self.gutter()).max(1.0),
            height: (self.size.height - TOP).max(1.0),
            duration: opened.trace.duration as f64,
            rows: self.rows.len() as f64,
        }
    }

    /// The window as it is drawn: on whole pixels, so that rows are alike.
    fn view(&mut self, opened: &Opened) -> Window {
        let stage = self.stage(opened);
        if self.all {
            self.window = stage.all();
        }
        self.window.keep(&stage);
        let mut view = self.window;
        let ratio = self.size.ratio;
        if view.row * ratio >= 3.0 {
            view.row = (view.row * ratio).floor() / ratio;
        }
        view.top = (view.top * view.row * ratio).round() / ratio / view.row;
        view
    }

    fn frame(&self, stage: &Stage, view: &Window) -> Frame {
        let ratio = self.size.ratio;
        Frame {
            width: pixels(stage.width * ratio) as usize,
            height: pixels(stage.height * ratio) as usize,
            begin: view.begin,
            span: view.span,
            top: (view.top * view.row * ratio).round(),
            row: view.row * ratio,
        }
    }

    /// Tells what is looked at, from time to time. Says whether it has to be told later.
    fn tell_look(&mut self, opened: &Opened, now: f64) -> bool {
        let stage = self.stage(opened);
        let Window { begin, span, top, row } = self.window;
        let look = (!self.window.is_all(&stage)).then_some(Look { begin, span, top, row });
        if look == self.told {
            return false;
        }
        if now - self.told_at < PAUSE {
            return true;
        }
        self.told = look;
        self.told_at = now;
        tell(&Tell::Flat(FlatTell::Look(look)));
        false
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "sizes of screens are small and not negative"
)]
fn pixels(size: f64) -> u32 {
    size.max(0.0).round() as u32
}
