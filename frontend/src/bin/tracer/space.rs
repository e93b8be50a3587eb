//! Goroutines in space, time downwards.

mod control;
mod draw;
mod gl;
mod names;
mod shaders;

use frontend::trace::colors::Shades;
use frontend::trace::messages::{Pointer, Tell, Wheel};
use frontend::trace::space::camera::{Camera, View};
use frontend::trace::space::groups::{Groups, Ribbon};
use frontend::trace::space::level::{self, Budget, Level, Placed};
use frontend::trace::space::link::Link;
use frontend::trace::space::look::{Highlight, Width};
use frontend::trace::space::messages::{Frames, SpaceTell, State};
use frontend::trace::space::pick::{self, Hit};
use frontend::trace::space::place::{self, Layout, Places};
use frontend::trace::space::player::Player;
use frontend::trace::space::{self, height};
use frontend::trace::time;
use gotrace::trace::Go;
use wasm_bindgen::JsCast;
use wasm_bindgen::prelude::Closure;
use web_sys::{Event, OffscreenCanvas};

use crate::picture::{Picture, Size};
use crate::{Opened, clock, tell};
use control::Fingers;
use draw::{Frame, Renderer};
use names::{Atlas, short};

/// Names shown, at most.
const NAMES: usize = 50;
/// Milliseconds between two computations of what is drawn, at least.
const CALM: f64 = 160.0;
/// The same while a trace is being read.
const READING: f64 = 700.0;
/// Milliseconds of a frame that ribbons may take.
const BUDGET: f64 = 30.0;
/// Milliseconds between two tellings of what is shown, at least.
const TELLING: f64 = 33.0;
/// Part of a second that a link takes to arrive.
const TRAVEL: f64 = 700.0;
/// Milliseconds for which the same names are shown while the camera moves.
const STEADY: f64 = 250.0;
/// No goroutine, where shaders ask for one.
const NOBODY: u32 = u32::MAX;

/// The view, its canvas and what was asked of it.
pub(crate) struct Space {
    canvas: Option<OffscreenCanvas>,
    renderer: Option<Renderer>,
    missing: bool,
    size: Size,
    dark: bool,
    calm: bool,
    camera: Camera,
    player: Player,
    highlight: Highlight,
    width: Width,
    layout: Layout,
    labels: bool,
    spin: bool,
    link: Option<Link>,
    fingers: Fingers,
    hover: Option<Hit>,
    chosen: Option<u32>,
    /// What was chosen here, until the desk hears of it.
    choice: Option<Option<(Go, u64)>>,
    made: Made,
    atlas: Atlas,
    frames: Frames,
    dirty: bool,
    /// A trace is open that was not looked at yet.
    fresh: bool,
    last: f64,
    told: Option<State>,
    told_at: f64,
    wants_picture: bool,
    /// Which goroutines stand out, by number, and when that was said.
    wanted: Option<Vec<bool>>,
    wanted_of: u64,
}

/// What was computed of a trace, and for what.
#[derive(Default)]
struct Made {
    places: Places,
    groups: Groups,
    shades: Shades,
    ribbons: Vec<Option<Ribbon>>,
    level: Level,
    /// What there is of the trace is placed, and waits for its ribbons.
    weaving: bool,
    revision: Option<u64>,
    layout: Layout,
    camera: Option<(Camera, Size)>,
    at: f64,
    /// What names were placed for.
    named: Option<(Camera, Size)>,
    marks: Vec<f64>,
    /// Whose names are shown, since when, and whether the camera has moved since.
    names: Vec<u32>,
    names_at: f64,
    stale: bool,
}

impl Made {
    /// The trace, with the places that were computed.
    fn placed<'a>(&'a self, opened: &'a Opened) -> Placed<'a> {
        Placed {
            trace: &opened.trace,
            names: opened.names(),
            passed: opened.passed.as_ref(),
            places: &self.places,
            groups: &self.groups,
        }
    }
}

impl Default for Space {
    fn default() -> Self {
        Self {
            canvas: None,
            renderer: None,
            missing: false,
            size: Size { width: 1.0, height: 1.0, ratio: 1.0 },
            dark: false,
            calm: false,
            camera: Camera::default(),
            player: Player::default(),
            highlight: Highlight::All,
            width: Width::default(),
            layout: Layout::Circles,
            labels: true,
            spin: false,
            link: None,
            fingers: Fingers::default(),
            hover: None,
            chosen: None,
            choice: None,
            made: Made::default(),
            atlas: Atlas::default(),
            frames: Frames::default(),
            dirty: true,
            fresh: false,
            last: 0.0,
            told: None,
            told_at: 0.0,
            wants_picture: false,
            wanted: None,
            wanted_of: 0,
        }
    }
}

impl Picture for Space {
    fn canvas(&mut self, canvas: OffscreenCanvas) {
        // What was uploaded is gone with the context; all is made anew when it comes back.
        let lost = Closure::<dyn FnMut(Event)>::new(|event: Event| event.prevent_default());
        let back = Closure::<dyn FnMut(Event)>::new(|_| crate::with_space(Space::restore));
        for (name, listener) in [("webglcontextlost", lost), ("webglcontextrestored", back)] {
            let listener = listener.into_js_value();
            let _ = canvas.add_event_listener_with_callback(name, listener.unchecked_ref());
        }
        self.canvas = Some(canvas);
    }

    fn resize(&mut self, size: Size) {
        let shape = |size: Size| size.width / size.height.max(1.0);
        let refit = (shape(self.size) - shape(size)).abs() > 1e-3 && self.is_fitted();
        self.size = size;
        if refit {
            self.camera.fit(shape(size));
        }
        self.dirty = true;
    }

    fn theme(&mut self, dark: bool) {
        self.dark = dark;
        self.made.named = None;
        self.dirty = true;
    }

    fn open(&mut self) {
        self.made = Made::default();
        self.player = Player::default();
        self.camera = Camera::default();
        self.chosen = None;
        self.hover = None;
        self.fresh = true;
        self.dirty = true;
    }

    fn pointer(&mut self, opened: &Opened, pointer: Pointer) {
        self.pointed(opened, pointer);
    }

    fn wheel(&mut self, _opened: &Opened, wheel: Wheel) {
        self.wheeled(wheel);
    }

    fn key(&mut self, opened: &Opened, key: &str, shift: bool) {
        self.typed(opened, key, shift);
    }

    fn draw(&mut self, opened: &Opened, now: f64) -> bool {
        // After a pause, as much time as between two frames has passed.
        let passed = if now - self.last > 250.0 { 16.0 } else { now - self.last };
        self.last = now;
        if !self.start() {
            return false;
        }
        let duration = opened.trace.duration as f64;
        self.first_look(opened, duration);
        if self.player.playing {
            self.player.pass(passed, duration);
            self.dirty = true;
        }
        if self.spin && !self.fingers.any() {
            self.camera.yaw = (self.camera.yaw + passed * 0.000_2) % std::f64::consts::TAU;
            self.dirty = true;
        }
        let waits = self.make(opened, now);
        self.dirty |= self.made.stale && now - self.made.names_at >= STEADY;
        if self.dirty {
            self.dirty = false;
            let begin = clock();
            self.paint(opened, now);
            let spent = clock() - begin;
            self.frames.frames += 1.0;
            self.frames.cpu += spent;
            self.frames.longest = self.frames.longest.max(spent);
        }
        let untold = self.tell_state(opened, now, duration);
        let moves = self.player.playing || self.spin || self.made.stale;
        moves || waits || untold || !opened.is_read()
    }
}

impl Space {
    /// Has a context to draw with. Where there is none, that is told once.
    fn start(&mut self) -> bool {
        if self.renderer.is_some() {
            return true;
        }
        if self.missing {
            return false;
        }
        let made = self.canvas.as_ref().and_then(gl::context).map(|gl| Renderer::new(&gl));
        match made {
            Some(Ok(renderer)) => {
                self.renderer = Some(renderer);
                true
            }
            other => {
                self.missing = true;
                let detail = other.and_then(Result::err).unwrap_or_default();
                let mut reason = "This browser has no WebGL2, which the picture in space needs. \
                                  The flat view shows the same goroutines."
                    .to_owned();
                if !detail.is_empty() {
                    reason = format!("{reason} ({})", detail.trim());
                }
                tell(&Tell::Space(SpaceTell::Missing { reason }));
                false
            }
        }
    }

    /// These goroutines stand out from now on, or none in particular; `version` differs where they
    /// do.
    pub(crate) fn want(&mut self, wanted: Option<&[bool]>, version: u64) {
        if self.wanted_of != version {
            self.wanted_of = version;
            self.wanted = wanted.map(<[bool]>::to_vec);
            // They are drawn at once.
            self.made.camera = None;
            self.dirty = true;
        }
    }

    /// The graphics card is back.
    pub(crate) fn restore(&mut self) {
        self.renderer = None;
        self.atlas = Atlas::default();
        self.made.revision = None;
        self.dirty = true;
    }

    /// What is shown of a trace at first: it plays, unless the address or the reader's wish for
    /// calm say otherwise.
    fn first_look(&mut self, opened: &Opened, duration: f64) {
        if !self.fresh {
            return;
        }
        let link = self.link.unwrap_or_default();
        if self.made.revision.is_none() {
            self.layout = link.layout;
            self.highlight = link.highlight;
            match link.camera {
                Some(camera) => self.camera = camera,
                None => self.fit(),
            }
        }
        if !opened.is_read() {
            return;
        }
        self.fresh = false;
        self.link = None;
        match link.now {
            Some(now) => self.player.now = now.min(duration),
            None if self.calm || link.camera.is_some() => self.player.now = f64::INFINITY,
            None => self.player.restart(),
        }
        self.dirty = true;
    }

    /// Computes what is drawn, if the camera or the trace asks for something else. Says whether
    /// that has to wait.
    fn make(&mut self, opened: &Opened, now: f64) -> bool {
        let made = &mut self.made;
        // A trace that is being read will be another soon again.
        let other = made.revision != Some(opened.revision) && (!made.weaving || opened.is_read());
        let grown = other || made.layout != self.layout;
        let built = !made.weaving
            && made.camera.is_some_and(|(camera, size)| {
                size == self.size && (made.level.exact || near(camera, self.camera))
            });
        if !grown && built {
            return false;
        }
        let budget = Budget::default();
        let pause = if opened.is_read() { CALM } else { READING };
        let rests = made.camera.is_some() && made.layout == self.layout && !made.weaving;
        if rests && now - made.at < pause {
            return true;
        }
        let begin = clock();
        let trace = &opened.trace;
        if grown {
            let parents: Vec<Option<usize>> =
                trace.goroutines.iter().map(|goroutine| goroutine.parent.index()).collect();
            made.places = place::place(&parents, self.layout);
            made.groups = Groups::new(trace, &made.places);
            made.ribbons.clear();
            made.revision = Some(opened.revision);
            made.layout = self.layout;
            made.named = None;
            made.weaving = true;
        }
        let view = self.camera.view(self.size.width, self.size.height);
        let mut kept = (std::mem::take(&mut made.shades), std::mem::take(&mut made.ribbons));
        let placed = made.placed(opened);
        // What takes long is spread over frames.
        let enough = || clock() - begin > BUDGET;
        let woven = level::weave(&placed, &budget, &mut kept.0, &mut kept.1, enough);
        let level = woven.then(|| level::build(&placed, &view, &budget, &mut kept.0, &mut kept.1));
        (made.shades, made.ribbons) = kept;
        let Some(level) = level else { return true };
        made.weaving = false;
        made.level = level;
        if let Some(wanted) = &self.wanted {
            level::pale(&mut made.level, &made.groups, wanted);
        }
        made.camera = Some((self.camera, self.size));
        made.at = now;
        if let Some(renderer) = &mut self.renderer {
            renderer.level(&made.level);
        }
        self.frames.builds += 1.0;
        self.frames.build = clock() - begin;
        self.dirty = true;
        false
    }

    fn paint(&mut self, opened: &Opened, now: f64) {
        let Some(canvas) = self.canvas.clone() else { return };
        let ratio = self.size.ratio.clamp(0.5, 4.0);
        let pixels = |length: f64| (length * ratio).round().clamp(1.0, 8_192.0) as u32;
        let (width, height) = (pixels(self.size.width), pixels(self.size.height));
        if (canvas.width(), canvas.height()) != (width, height) {
            canvas.set_width(width);
            canvas.set_height(height);
        }
        let view = self.camera.view(width.into(), height.into());
        self.name(opened, &view, ratio, now);
        let duration = opened.trace.duration as f64;
        let made = &self.made;
        let hover = self.hover.map_or(NOBODY, |hit| u32::try_from(hit.line).unwrap_or(NOBODY));
        let frame = Frame {
            camera: self.camera,
            view,
            ratio,
            dark: self.dark,
            now: self.player.at(duration),
            duration,
            base: made.level.base as f64,
            travel: (self.player.rate(duration) * TRAVEL).max(1.0),
            width: self.line_width(),
            factor: self.width.factor(),
            highlight: self.highlight,
            chosen: [self.chosen.unwrap_or(NOBODY), hover],
            row: made.layout == Layout::Row,
            marks: &made.marks,
            labels: self.labels,
        };
        let Some(renderer) = &mut self.renderer else { return };
        renderer.draw(&frame);
        let level = &made.level;
        self.frames.primitives = renderer.primitives;
        self.frames.uploaded = renderer.uploaded;
        self.frames.segments = level.segments.len() as f64;
        self.frames.links = level.links.len() as f64;
        self.frames.lines = level.lines.len() as f64;
        self.frames.grouped = level.grouped as f64;
        if std::mem::take(&mut self.wants_picture) {
            control::picture(&canvas);
        }
    }

    /// Width of a line in space.
    fn line_width(&self) -> f64 {
        let room = f64::from(self.made.places.radius);
        (room * 0.45).clamp(0.002, 0.026) * self.width.factor()
    }

    /// Chooses names and puts them where their lines begin on the screen.
    fn name(&mut self, opened: &Opened, view: &View, ratio: f64, now: f64) {
        let key = Some((self.camera, self.size));
        let due = now - self.made.names_at >= STEADY;
        if self.made.named == key && !(self.made.stale && due) {
            return;
        }
        let choose = due || self.made.named.is_none();
        let trace = &opened.trace;
        let placed = self.made.placed(opened);
        // Anchors on the screen of the lines that begin on it, the nearest first.
        let mut anchors: Vec<(f64, u32, f64, f64)> = Vec::new();
        let lines = if choose { &self.made.level.lines } else { &self.made.names };
        for index in lines {
            let Some((top, bottom)) = placed.line(*index) else { continue };
            let Some((from, _)) = view.clip(top, bottom, 0.0) else { continue };
            let Some(spot) = view.spot(top + (bottom - top) * from) else { continue };
            let deep = trace.goroutine(Go(*index)).map_or(0, |goroutine| goroutine.depth);
            // Creators before those that they create, what stands out before the rest, and what is
            // looked at before all.
            let mut rank = spot.depth * (1.0 + 0.15 * f64::from(deep.min(6)));
            let wanted = self.wanted.as_ref().and_then(|wanted| wanted.get(*index as usize));
            if wanted == Some(&false) {
                rank *= 16.0;
            }
            if Some(*index) == self.chosen || self.hovered() == Some(*index) {
                rank = -1.0;
            } else if trace.goroutine(Go(*index)).is_some_and(|goroutine| goroutine.id == 1) {
                rank = 0.0;
            }
            anchors.push((rank, *index, spot.x, spot.y - 4.0 * ratio));
        }
        anchors.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
        anchors.truncate(NAMES * 24);
        let label = |index: u32| {
            let goroutine = trace.goroutine(Go(index));
            let function = goroutine.map_or("", |of| opened.names().text(of.function));
            let id = goroutine.map_or(0, |of| of.id);
            match short(function) {
                "" => format!("goroutine {id}"),
                "main.main" | "runtime.main" => "main".to_owned(),
                name => format!("{name} {id}"),
            }
        };
        // Letters are about this wide; how wide exactly is known when they are drawn.
        let width = |index: u32| (label(index).chars().count() as f64 * 7.0 + 10.0) * ratio;
        let line = names::LINE * ratio;
        let mut shown: Vec<(u32, f64, f64)> = Vec::new();
        if choose {
            let wanted =
                anchors.iter().map(|(_, index, x, y)| (*index as usize, *x, *y, width(*index)));
            for place in pick::labels(wanted, line, NAMES, (view.width, view.height)) {
                let index = u32::try_from(place.of).unwrap_or(NOBODY);
                shown.push((index, place.x + width(index) / 2.0, place.y));
            }
            self.made.names = shown.iter().map(|(index, ..)| *index).collect();
            self.made.names_at = now;
        } else {
            // In the order of before, so that their picture stays.
            for name in &self.made.names {
                let anchor = anchors.iter().find(|(_, index, ..)| index == name);
                let (x, y) = anchor.map_or((-1e4, -1e4), |(_, _, x, y)| (*x, *y));
                shown.push((*name, x, y));
            }
        }
        self.made.stale = !choose;
        let mut texts: Vec<(String, bool)> = Vec::new();
        let mut at: Vec<(f64, f64, f64, f64)> = Vec::new();
        for (index, x, y) in &shown {
            let begin = trace.goroutine(Go(*index)).map_or(0, |goroutine| goroutine.begin);
            let strong = Some(*index) == self.chosen || self.hovered() == Some(*index);
            texts.push((label(*index), strong));
            at.push((*x, y - line, 0.5, begin as f64));
        }
        self.made.marks.clear();
        let (foot, side) = draw::axis(self.camera, self.made.layout == Layout::Row);
        let duration = trace.duration as f64;
        let tall = view.scale(self.camera.distance) * (space::TOP - space::BOTTOM) / ratio;
        for mark in time::marks(0.0, duration, duration * (46.0 / tall.max(60.0)).min(1.0)) {
            if mark.label.is_empty() || mark.time > duration {
                continue;
            }
            let y = height(time::whole(mark.time), trace.duration);
            let mut point = foot + side * 0.045;
            point.y = y;
            if let Some(spot) = view.spot(point) {
                self.made.marks.push(y);
                texts.push((mark.label, false));
                at.push((spot.x, spot.y - line / 2.0, 1.0, -1.0));
            }
        }
        let canvas = self.atlas.write(texts, self.dark, ratio);
        let Some(renderer) = &mut self.renderer else { return };
        if let Some(canvas) = canvas {
            renderer.atlas(canvas);
        }
        let base = self.made.level.base as f64;
        let labels: Vec<[f32; 8]> = at
            .iter()
            .zip(self.atlas.pieces())
            .map(|((x, y, share, from), piece)| {
                let place =
                    [(x - piece.width * share).round(), y.round(), piece.width, piece.height];
                let [x, y, width, height] = place.map(|number| number as f32);
                [x, y, width, height, piece.x as f32, piece.y as f32, 1.0, (from - base) as f32]
            })
            .collect();
        renderer.labels(&labels);
        self.made.named = key;
    }

    fn hovered(&self) -> Option<u32> {
        self.hover.and_then(|hit| u32::try_from(hit.line).ok())
    }

    fn fit(&mut self) {
        self.camera = Camera::default();
        if self.layout == Layout::Row {
            (self.camera.yaw, self.camera.pitch) = (0.0, 0.12);
        }
        self.camera.fit(self.size.width / self.size.height.max(1.0));
    }

    /// The camera is where everything fits.
    fn is_fitted(&self) -> bool {
        let mut fitted = self.camera;
        fitted.fit(self.size.width / self.size.height.max(1.0));
        fitted == self.camera
    }

    /// Tells the document what is shown, if that changed. Says whether it has to wait.
    fn tell_state(&mut self, opened: &Opened, now: f64, duration: f64) -> bool {
        if now - self.told_at < TELLING {
            return self.told.is_some();
        }
        let level = &self.made.level;
        let mut shown = format!("{} goroutines", level.lines.len() + level.grouped);
        if level.grouped > 0 {
            shown = format!("{shown}, {} of them in ribbons", level.grouped);
        }
        if level.shown < level.wakes {
            let what = if opened.passed.is_some() { "wake-ups and messages" } else { "wake-ups" };
            shown = format!("{shown}; {} of {} {what}", level.shown, level.wakes);
        }
        let at = self.player.at(duration);
        let mut address = frontend::trace::address::Address::default();
        let link = Link {
            camera: (!self.is_fitted_as_usual()).then_some(self.camera),
            now: (at < duration).then_some(at),
            highlight: self.highlight,
            layout: self.layout,
        };
        link.write(&mut address);
        let state = State {
            at,
            duration,
            playing: self.player.playing,
            speed: self.player.speed(),
            rate: self.player.rate(duration) * 1_000.0,
            highlight: self.highlight,
            width: self.width.factor(),
            row: self.layout == Layout::Row,
            labels: self.labels,
            spin: self.spin,
            hash: address.write(),
            shown,
        };
        if self.told.as_ref() != Some(&state) && !opened.trace.goroutines.is_empty() {
            tell(&Tell::Space(SpaceTell::State(Box::new(state.clone()))));
            self.told = Some(state);
            self.told_at = now;
        }
        false
    }

    fn is_fitted_as_usual(&self) -> bool {
        let mut usual = Self { size: self.size, layout: self.layout, ..Self::default() };
        usual.fit();
        usual.camera == self.camera
    }
}

/// Two cameras that see about the same.
fn near(a: Camera, b: Camera) -> bool {
    let zoom = a.distance / b.distance;
    let moved = (a.target - b.target).length();
    let turned = (a.yaw - b.yaw).sin().abs().max(-(a.yaw - b.yaw).cos());
    let inside = b.distance < 2.0;
    (0.77..1.3).contains(&zoom)
        && moved < b.distance * 0.12
        && (!inside || (turned < 0.12 && (a.pitch - b.pitch).abs() < 0.12))
}
