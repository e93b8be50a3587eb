//! Pointers, wheels, keys, and what the document asks.

use frontend::trace::address::Address;
use frontend::trace::detail;
use frontend::trace::messages::{Action, FlatTell, Hover, Pointer, Tell, Wheel};
use frontend::trace::space::link::Link;
use frontend::trace::space::look::Highlight;
use frontend::trace::space::messages::{SpaceAsk, SpaceTell};
use frontend::trace::space::pick::{self, Hit};
use frontend::trace::space::place::Layout;
use frontend::trace::time;
use gotrace::Trace;
use gotrace::trace::{Go, Goroutine};
use js_sys::Array;
use wasm_bindgen_futures::JsFuture;
use web_sys::OffscreenCanvas;

use super::Space;
use crate::{Opened, tell, tell_with};

/// How far from a line a pointer still means it, in CSS pixels.
const REACH: f64 = 9.0;
/// How far a pointer may move and still have clicked, in CSS pixels.
const CLICK: f64 = 4.0;
/// How far an arrow key turns or moves, in CSS pixels.
const STEP: f64 = 36.0;

/// Pointers that are down, and what they did.
#[derive(Default)]
pub(super) struct Fingers {
    down: Vec<Finger>,
}

struct Finger {
    id: i32,
    at: (f64, f64),
    moved: f64,
    buttons: u16,
}

impl Fingers {
    /// Whether one is down.
    pub(super) fn any(&self) -> bool {
        !self.down.is_empty()
    }
}

impl Space {
    /// A pointer did something.
    pub(super) fn pointed(&mut self, opened: &Opened, pointer: Pointer) {
        let at = (pointer.x, pointer.y);
        match pointer.action {
            Action::Down => {
                self.fingers.down.retain(|finger| finger.id != pointer.id);
                let (id, buttons) = (pointer.id, pointer.buttons);
                self.fingers.down.push(Finger { id, at, moved: 0.0, buttons });
            }
            Action::Move => self.moved(opened, pointer),
            Action::Up => {
                let found = self.fingers.down.iter().position(|finger| finger.id == pointer.id);
                let finger = found.map(|place| self.fingers.down.remove(place));
                if finger.is_some_and(|finger| finger.moved < CLICK && finger.buttons == 1) {
                    self.click(opened, at);
                }
            }
            Action::Leave => {
                self.fingers.down.retain(|finger| finger.id != pointer.id);
                self.hover(opened, None, at);
            }
        }
    }

    fn moved(&mut self, opened: &Opened, pointer: Pointer) {
        let at = (pointer.x, pointer.y);
        let other = self.fingers.down.iter().find(|finger| finger.id != pointer.id);
        let other = other.map(|finger| finger.at);
        let found = self.fingers.down.iter_mut().find(|finger| finger.id == pointer.id);
        let Some(finger) = found else {
            let hit = self.hit(opened, at);
            self.hover(opened, hit, at);
            return;
        };
        let (dx, dy) = (at.0 - finger.at.0, at.1 - finger.at.1);
        let before = finger.at;
        finger.moved += dx.hypot(dy);
        finger.at = at;
        let buttons = finger.buttons;
        let (width, height) = (self.size.width, self.size.height);
        if let Some(other) = other {
            // Two fingers: what is between them stays between them.
            let apart = |a: (f64, f64)| (a.0 - other.0).hypot(a.1 - other.1).max(8.0);
            let middle = ((at.0 + other.0) / 2.0, (at.1 + other.1) / 2.0);
            self.camera.pan(dx / 2.0, dy / 2.0, height);
            self.camera.zoom(apart(before) / apart(at), middle.0, middle.1, width, height);
        } else if pointer.shift || buttons & 0b110 != 0 {
            self.camera.pan(dx, dy, height);
        } else {
            self.camera.orbit(dx, dy, height);
        }
        self.dirty = true;
    }

    /// The line under a place, as far as it is drawn at this time.
    fn hit(&self, opened: &Opened, (x, y): (f64, f64)) -> Option<Hit> {
        let view = self.camera.view(self.size.width, self.size.height);
        let made = &self.made;
        let trace = &opened.trace;
        let placed = made.placed(opened);
        let now = self.player.at(trace.duration as f64);
        let lowest = frontend::trace::space::height(now as u64, trace.duration);
        let lines = made.level.lines.iter().filter_map(|index| {
            let (top, mut bottom) = placed.line(*index)?;
            bottom.y = bottom.y.max(lowest);
            (top.y >= bottom.y).then_some((*index as usize, top, bottom))
        });
        let hit = pick::nearest(&view, lines, x, y, REACH)?;
        // Of the whole line again.
        let (top, bottom) = placed.line(u32::try_from(hit.line).ok()?)?;
        let drawn = top.y - bottom.y.max(lowest);
        let part = hit.part * drawn / (top.y - bottom.y).max(1e-12);
        Some(Hit { part, ..hit })
    }

    /// This line is under the pointer; the document shows what it is.
    fn hover(&mut self, opened: &Opened, hit: Option<Hit>, (x, y): (f64, f64)) {
        if hit.is_none() && self.hover.is_none() {
            return;
        }
        let line = |hit: Option<Hit>| hit.map(|hit| hit.line);
        if line(self.hover) != line(hit) {
            self.made.named = None;
            self.dirty = true;
        }
        self.hover = hit;
        let told = hit.and_then(|hit| {
            let index = u32::try_from(hit.line).ok()?;
            let trace = &opened.trace;
            let at = time_of(trace.goroutine(Go(index))?, trace, hit);
            let detail = detail::detail(opened.names(), trace, Go(index), at)?;
            let lasted = time::length(detail.end - detail.begin);
            let lines = vec![format!("{}, {lasted}", detail.state), time::point(at as f64)];
            let title = format!("{} (g{})", detail.function, detail.id);
            Some(Hover { x, y, shade: detail.shade, title, lines })
        });
        tell(&Tell::Flat(FlatTell::Hover(told)));
    }

    fn click(&mut self, opened: &Opened, at: (f64, f64)) {
        let trace = &opened.trace;
        self.choice = Some(self.hit(opened, at).and_then(|hit| {
            let index = u32::try_from(hit.line).ok()?;
            Some((Go(index), time_of(trace.goroutine(Go(index))?, trace, hit)))
        }));
    }

    /// What was chosen since this was asked last: a goroutine at a time, or nothing.
    pub(crate) fn take_choice(&mut self) -> Option<Option<(Go, u64)>> {
        self.choice.take()
    }

    /// This goroutine is chosen.
    pub(crate) fn choose(&mut self, chosen: Option<Go>) {
        let chosen = chosen.map(|go| go.0);
        if self.chosen != chosen {
            self.chosen = chosen;
            self.made.named = None;
            self.dirty = true;
        }
    }

    /// A wheel turned: nearer and farther, or up and down with Shift.
    pub(super) fn wheeled(&mut self, wheel: Wheel) {
        let (width, height) = (self.size.width, self.size.height);
        if wheel.shift {
            // Browsers turn the wheel of a mouse sideways then.
            self.camera.pan(0.0, -(wheel.dy + wheel.dx), height);
        } else {
            let factor =
                (wheel.dy * if wheel.zoom { 0.01 } else { 0.001_5 }).clamp(-1.5, 1.5).exp();
            self.camera.zoom(factor, wheel.x, wheel.y, width, height);
        }
        self.dirty = true;
    }

    /// A key went down.
    pub(super) fn typed(&mut self, opened: &Opened, key: &str, shift: bool) {
        let duration = opened.trace.duration as f64;
        let (width, height) = (self.size.width, self.size.height);
        if let Some(highlight) = Highlight::keyed(key) {
            self.highlight = highlight;
        }
        match key {
            "r" => self.player.restart(),
            "p" | " " => {
                // All that moves stands still, also what turns.
                if self.spin && !self.player.playing {
                    self.spin = false;
                } else {
                    self.player.toggle(duration);
                    self.spin &= self.player.playing;
                }
            }
            "+" | "=" => self.width.shift(true),
            "-" | "_" => self.width.shift(false),
            "f" => self.player.shift(true),
            "s" => self.player.shift(false),
            "n" => {
                self.labels = !self.labels;
                self.made.named = None;
            }
            "l" => {
                self.layout = match self.layout {
                    Layout::Circles => Layout::Row,
                    Layout::Row => Layout::Circles,
                };
                self.hover = None;
                self.fit();
            }
            "a" => self.spin = !self.spin,
            "Home" | "h" => self.fit(),
            "Escape" => self.choice = Some(None),
            "PageUp" | "PageDown" => {
                let factor = if key == "PageUp" { 1.0 / 1.25 } else { 1.25 };
                self.camera.zoom(factor, width / 2.0, height / 2.0, width, height);
            }
            "ArrowLeft" | "ArrowRight" | "ArrowUp" | "ArrowDown" => {
                let (x, y) = match key {
                    "ArrowLeft" => (STEP, 0.0),
                    "ArrowRight" => (-STEP, 0.0),
                    "ArrowUp" => (0.0, STEP),
                    _ => (0.0, -STEP),
                };
                match shift {
                    true => self.camera.pan(x, y, height),
                    false => self.camera.orbit(x, y, height),
                }
            }
            _ => {}
        }
        self.dirty = true;
    }

    /// The document asks for something.
    pub(crate) fn asked(&mut self, opened: Option<&Opened>, ask: SpaceAsk) {
        match ask {
            SpaceAsk::Seek { at } => {
                self.player.now = at.max(0.0);
                self.player.playing = false;
            }
            SpaceAsk::Highlight(highlight) => self.highlight = highlight,
            SpaceAsk::Link { hash } => {
                self.link = Some(Link::read(&Address::read(&hash)));
                self.fresh = opened.is_some();
                self.made.revision = None;
            }
            SpaceAsk::Calm { calm } => self.calm = calm,
            SpaceAsk::Picture => self.wants_picture = true,
            SpaceAsk::Frames => tell(&Tell::Space(SpaceTell::Frames(self.frames))),
        }
        self.dirty = true;
    }
}

/// The time at a point of a goroutine's line.
fn time_of(goroutine: &Goroutine, trace: &Trace, hit: Hit) -> u64 {
    let end = goroutine.end.unwrap_or(trace.duration);
    let long = end.saturating_sub(goroutine.begin) as f64;
    goroutine.begin + time::whole(long * hit.part)
}

/// Tells the document what the canvas shows now, as a PNG file.
pub(super) fn picture(canvas: &OffscreenCanvas) {
    // What the canvas shows is taken at once; packing it takes a while.
    let Ok(promise) = canvas.convert_to_blob() else { return };
    wasm_bindgen_futures::spawn_local(async move {
        if let Ok(blob) = JsFuture::from(promise).await {
            tell_with(&Tell::Space(SpaceTell::Picture), &Array::of1(&blob));
        }
    });
}
