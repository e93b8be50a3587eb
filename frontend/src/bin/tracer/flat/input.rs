//! Pointers, wheels and keys over the flat view.

use frontend::trace::detail::{function, state};
use frontend::trace::messages::{Action, FlatTell, Hover, Pointer, Tell, Wheel};
use frontend::trace::rows::Kind;
use frontend::trace::time;
use frontend::trace::window::Stage;
use frontend::ui::text::plural;
use gotrace::event::{GoState, Range};
use gotrace::trace::Go;

use super::{Flat, STRIP, TOP};
use crate::{Opened, tell};

/// Pixels that a pointer may move and still have clicked.
const STILL: f64 = 4.0;

/// What pointers are doing.
#[derive(Default)]
pub(super) struct Hands {
    /// Where pointers are that are down, in the order in which they came.
    down: Vec<(i32, f64, f64)>,
    drag: Drag,
    /// Where the pointer is, while it is over the view.
    pub(super) over: Option<(f64, f64)>,
    /// What is under it has to be told.
    stale: bool,
    told: bool,
}

#[derive(Default, Clone, Copy, PartialEq)]
enum Drag {
    #[default]
    None,
    /// Moves what is shown; whether it went further than a click, and where it began.
    Pan { moved: bool, x: f64, y: f64 },
    /// A box to zoom into, from here.
    Box(f64, f64),
    /// The window in the overview.
    Strip,
    /// Two fingers.
    Pinch,
}

impl Hands {
    /// Two corners of the box that is being dragged.
    pub(super) fn dragged(&self) -> Option<[(f64, f64); 2]> {
        match (self.drag, self.down.first()) {
            (Drag::Box(x, y), Some((_, to_x, to_y))) => Some([(x, y), (*to_x, *to_y)]),
            _ => None,
        }
    }

    fn forget(&mut self, id: i32) {
        self.down.retain(|(of, ..)| *of != id);
    }
}

/// What is at a place of the view.
pub(super) struct Hit {
    row: usize,
    go: Option<Go>,
    time: f64,
}

impl Flat {
    pub(super) fn point(&mut self, opened: &Opened, pointer: Pointer) {
        let Pointer { action, id, x, y, .. } = pointer;
        self.hands.stale = true;
        match action {
            Action::Down => {
                self.hands.forget(id);
                self.hands.down.push((id, x, y));
                self.hands.drag = match self.hands.down.len() {
                    2.. => Drag::Pinch,
                    _ if y < STRIP => Drag::Strip,
                    _ if pointer.shift && x > self.gutter() => Drag::Box(x, y),
                    _ => Drag::Pan { moved: false, x, y },
                };
                if self.hands.drag == Drag::Strip {
                    self.drag_strip(opened, x);
                }
            }
            Action::Move => {
                self.hands.over = Some((x, y));
                self.drag(opened, id, x, y);
            }
            Action::Up => {
                let drag = self.hands.drag;
                let corners = self.hands.dragged();
                self.hands.forget(id);
                self.hands.drag = Drag::None;
                match drag {
                    Drag::Pan { moved: false, .. } => self.click(opened, x, y),
                    Drag::Box(..) => {
                        if let Some([from, to]) = corners {
                            self.zoom_to(opened, from, to);
                        }
                    }
                    _ => {}
                }
                if let Some((_, x, y)) = self.hands.down.first() {
                    self.hands.drag = Drag::Pan { moved: true, x: *x, y: *y };
                }
            }
            Action::Leave => {
                self.hands.forget(id);
                self.hands.over = None;
                self.hands.drag = Drag::None;
            }
        }
    }

    fn drag(&mut self, opened: &Opened, id: i32, x: f64, y: f64) {
        let Some(at) = self.hands.down.iter().position(|(of, ..)| *of == id) else { return };
        let before = self.hands.down.clone();
        if let Some(place) = self.hands.down.get_mut(at) {
            *place = (id, x, y);
        }
        let stage = self.stage(opened);
        match self.hands.drag {
            Drag::Pan { moved, x: from_x, y: from_y } => {
                let moved = moved || (x - from_x).abs().max((y - from_y).abs()) > STILL;
                self.hands.drag = Drag::Pan { moved, x: from_x, y: from_y };
                if let (true, Some((_, old_x, old_y))) = (moved, before.get(at)) {
                    self.all = false;
                    self.window.pan(&stage, x - old_x, y - old_y);
                }
            }
            Drag::Strip => self.drag_strip(opened, x),
            Drag::Pinch => {
                if let ([a, b, ..], [c, d, ..]) = (&before[..], &self.hands.down[..]) {
                    let (old, new) = ([*a, *b], [*c, *d]);
                    self.pinch(&stage, old, new);
                }
            }
            Drag::Box(..) | Drag::None => {}
        }
    }

    fn pinch(&mut self, stage: &Stage, old: [(i32, f64, f64); 2], new: [(i32, f64, f64); 2]) {
        let middle = |places: [(i32, f64, f64); 2]| {
            let [(_, ax, ay), (_, bx, by)] = places;
            ((ax + bx) / 2.0, (ay + by) / 2.0, (ax - bx).abs(), (ay - by).abs())
        };
        let (old_x, old_y, old_width, old_height) = middle(old);
        let (x, y, width, height) = middle(new);
        self.all = false;
        self.window.pan(stage, x - old_x, y - old_y);
        // Fingers that are beside each other say nothing of what is above them.
        if old_width > 30.0 && width > 30.0 {
            self.window.zoom_time(stage, x - self.gutter(), width / old_width);
        }
        if old_height > 30.0 && height > 30.0 {
            self.window.zoom_rows(stage, y - TOP, height / old_height);
        }
    }

    fn drag_strip(&mut self, opened: &Opened, x: f64) {
        let stage = self.stage(opened);
        let at = (x - self.gutter()) / stage.width * stage.duration;
        self.all = false;
        self.window.begin = at - self.window.span / 2.0;
        self.window.keep(&stage);
    }

    fn zoom_to(&mut self, opened: &Opened, from: (f64, f64), to: (f64, f64)) {
        let stage = self.stage(opened);
        let left = self.gutter();
        let inside = |(x, y): (f64, f64)| {
            ((x - left).clamp(0.0, stage.width), (y - TOP).clamp(0.0, stage.height))
        };
        self.window = self.view(opened);
        self.all = false;
        self.window.show_box(&stage, inside(from), inside(to));
    }

    pub(super) fn turn(&mut self, opened: &Opened, wheel: Wheel) {
        let stage = self.stage(opened);
        let Wheel { x, y, dx, dy, zoom, shift } = wheel;
        self.hands.stale = true;
        self.window = self.window_now(opened);
        self.all = false;
        let factor = (-dy / 300.0).exp();
        if zoom {
            self.window.zoom_rows(&stage, y - TOP, factor);
        } else if shift {
            self.window.pan(&stage, 0.0, -dy - dx);
        } else if x < self.gutter() {
            self.window.pan(&stage, -dx, -dy);
        } else if dx.abs() > dy.abs() {
            self.window.pan(&stage, -dx, 0.0);
        } else {
            self.window.zoom_time(&stage, x - self.gutter(), factor);
        }
    }

    /// The window, also where it shows everything.
    fn window_now(&self, opened: &Opened) -> frontend::trace::window::Window {
        if self.all { self.stage(opened).all() } else { self.window }
    }

    pub(super) fn press(&mut self, opened: &Opened, key: &str, shift: bool) {
        let stage = self.stage(opened);
        let over = self.hands.over.filter(|(x, y)| *x > self.gutter() && *y > TOP);
        let x = over.map_or(stage.width / 2.0, |(x, _)| x - self.gutter());
        let y = over.map_or(stage.height / 2.0, |(_, y)| y - TOP);
        self.hands.stale = true;
        self.window = self.window_now(opened);
        let was_all = std::mem::take(&mut self.all);
        let (wide, tall) = (stage.width / 10.0, (stage.height / 10.0).max(self.window.row));
        match key {
            "+" | "=" | "w" => self.window.zoom_time(&stage, x, 1.5),
            "-" | "s" => self.window.zoom_time(&stage, x, 1.0 / 1.5),
            "W" => self.window.zoom_rows(&stage, y, 1.5),
            "S" => self.window.zoom_rows(&stage, y, 1.0 / 1.5),
            "ArrowUp" if shift => self.window.zoom_rows(&stage, y, 1.5),
            "ArrowDown" if shift => self.window.zoom_rows(&stage, y, 1.0 / 1.5),
            "ArrowLeft" | "a" => self.window.pan(&stage, wide, 0.0),
            "ArrowRight" | "d" => self.window.pan(&stage, -wide, 0.0),
            "ArrowUp" => self.window.pan(&stage, 0.0, tall),
            "ArrowDown" => self.window.pan(&stage, 0.0, -tall),
            "PageUp" => self.window.pan(&stage, 0.0, stage.height * 0.9),
            "PageDown" => self.window.pan(&stage, 0.0, -stage.height * 0.9),
            "Home" => self.window.begin = 0.0,
            "End" => self.window.begin = stage.duration,
            "f" | "0" => self.all = true,
            _ => {
                self.all = was_all;
                self.press_chosen(opened, key);
            }
        }
        self.window.keep(&stage);
    }

    fn press_chosen(&mut self, opened: &Opened, key: &str) {
        match key {
            "[" => self.step(opened, false),
            "]" => self.step(opened, true),
            "j" => self.step_row(opened, 1),
            "k" => self.step_row(opened, -1),
            "z" => self.zoom_to_chosen(opened),
            "e" => self.fold_all(opened),
            "Escape" => self.choose(None),
            "Enter" | " " => {
                let stage = self.stage(opened);
                let over = self.hands.over.filter(|(x, y)| *x > self.gutter() && *y > TOP);
                let middle = (self.gutter() + stage.width / 2.0, TOP + 1.0);
                let (x, y) = over.unwrap_or(middle);
                self.click(opened, x, y);
            }
            _ => {}
        }
    }

    /// Shows each goroutine of every function, or none.
    fn fold_all(&mut self, opened: &Opened) {
        if self.open.is_empty() {
            let functions = opened.trace.goroutines.iter().map(|goroutine| goroutine.function);
            self.open = functions.collect();
        } else {
            self.open.clear();
        }
        self.known = None;
    }

    /// The row, goroutine and time at a place.
    pub(super) fn hit(&mut self, opened: &Opened, x: f64, y: f64) -> Option<Hit> {
        if y < TOP {
            return None;
        }
        let (stage, view) = (self.stage(opened), self.view(opened));
        let row = time::whole(view.row_at(y - TOP).floor()) as usize;
        self.rows.get(row)?;
        let at = view.time(&stage, (x - self.gutter()).max(0.0));
        Some(Hit { row, go: self.rows.one(row), time: at })
    }

    fn click(&mut self, opened: &Opened, x: f64, y: f64) {
        if self.choose_message(opened, x, y) {
            return;
        }
        let in_gutter = x < self.gutter();
        let Some(Hit { row, go, time: at }) = self.hit(opened, x, y) else {
            if y >= TOP {
                self.choose(None);
            }
            return;
        };
        match (go, self.rows.get(row).map(|row| row.kind)) {
            (Some(go), _) => {
                let begin = opened.trace.goroutine(go).map_or(0, |goroutine| goroutine.begin);
                let at = if in_gutter { begin } else { time::whole(at) };
                self.choose_at(opened, go, at);
            }
            (None, Some(Kind::Group { function, open })) => {
                if open {
                    self.open.remove(&function);
                } else {
                    self.open.insert(function);
                }
                self.known = None;
            }
            _ => {}
        }
    }

    /// Tells what is under the pointer, if that may have changed.
    pub(super) fn hover(&mut self, opened: &Opened) {
        if !std::mem::take(&mut self.hands.stale) {
            return;
        }
        let still = matches!(self.hands.drag, Drag::None);
        let over = self.hands.over.filter(|_| still);
        let hover = over.and_then(|(x, y)| self.hover_at(opened, x, y));
        if hover.is_some() || self.hands.told {
            self.hands.told = hover.is_some();
            tell(&Tell::Flat(FlatTell::Hover(hover)));
        }
    }

    /// What is told of the time under the pointer where it is above the rows.
    fn hover_over(&mut self, opened: &Opened, x: f64, y: f64) -> Option<Hover> {
        if !(STRIP..TOP).contains(&y) || x < self.gutter() {
            return None;
        }
        let (stage, view) = (self.stage(opened), self.view(opened));
        let at = |x: f64| time::whole(view.time(&stage, x - self.gutter()));
        let (begin, end) = (at(x - 1.0), at(x + 1.0).max(at(x - 1.0) + 1));
        let trace = &opened.trace;
        let mut lines = vec![plural(trace.edges_between(begin, end).len() as u64, "wake-up")];
        for span in &trace.spans {
            let until = span.end.unwrap_or(trace.duration);
            if span.begin >= end || until < begin {
                continue;
            }
            let long = time::length(until.saturating_sub(span.begin) as f64);
            match span.range {
                Range::Mark => lines.push(format!("the collector marks, for {long}")),
                Range::StopTheWorld(why) => {
                    lines.push(format!("stopped for {long}: {}", opened.names().text(why)));
                }
                Range::Sweep(_) | Range::Assist(_) => {}
            }
        }
        let title = time::point(view.time(&stage, x - self.gutter()));
        Some(Hover { x, y, shade: String::new(), title, lines })
    }

    fn hover_at(&mut self, opened: &Opened, x: f64, y: f64) -> Option<Hover> {
        if y < TOP {
            return self.hover_over(opened, x, y);
        }
        if let Some(message) = self.hover_message(opened, x, y) {
            return Some(message);
        }
        let Hit { row, go, time: at } = self.hit(opened, x, y)?;
        let (names, trace) = (opened.names(), &opened.trace);
        let nanos = time::whole(at);
        let Some(go) = go else {
            let row = self.rows.get(row)?;
            let members = self.rows.members(row);
            let mut states = [0u32; 6];
            for go in members {
                let slice =
                    trace.goroutine(*go).and_then(|of| of.track.slices().get(of.track.at(nanos)?));
                let state = slice.map_or(GoState::NotExist, |slice| slice.state);
                states[state as usize] += 1;
            }
            let named = [
                (GoState::Running, "running"),
                (GoState::Runnable, "runnable"),
                (GoState::Waiting, "waiting"),
                (GoState::Syscall, "in system calls"),
            ];
            let lines = named
                .into_iter()
                .filter(|(state, _)| states[*state as usize] > 0)
                .map(|(state, name)| format!("{} {name}", states[state as usize]));
            let mut lines: Vec<String> = lines.collect();
            lines.push(format!("at {}", time::point(at)));
            let name = members.first().map_or_else(String::new, |go| function(names, trace, *go));
            let title = format!("{name} × {}", members.len());
            return Some(Hover { x, y, shade: String::new(), title, lines });
        };
        let goroutine = trace.goroutine(go)?;
        let title = format!("{} #{}", function(names, trace, go), goroutine.id);
        let index = goroutine.track.at(nanos);
        let in_gutter = x < self.gutter();
        let slice = index.filter(|_| !in_gutter);
        let Some((index, slice)) =
            slice.and_then(|index| Some((index, goroutine.track.slices().get(index)?)))
        else {
            let mut lines = vec![match goroutine.created {
                true => format!("created at {}", time::point(goroutine.begin as f64)),
                false => "older than the trace".to_owned(),
            }];
            if let Some(end) = goroutine.end {
                lines.push(format!("ended at {}", time::point(end as f64)));
            }
            return Some(Hover { x, y, shade: String::new(), title, lines });
        };
        let end = goroutine.track.end(index, trace.duration);
        let shade = self.shades.of(names, slice.state, slice.reason);
        let mut lines = vec![
            state(names, slice),
            time::length(end.saturating_sub(slice.begin) as f64),
            format!("from {}", time::point(slice.begin as f64)),
        ];
        if let Some(call) = frontend::trace::detail::site(names, slice.stack) {
            let file = call.file.rsplit('/').next().unwrap_or_default().to_owned();
            lines.push(format!("{file}:{}", call.line));
        }
        let shade = shade.map_or("", |shade| shade.name()).to_owned();
        Some(Hover { x, y, shade, title, lines })
    }
}
