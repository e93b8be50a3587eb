//! One line of source, painted by hand.

use coverage::{Shape, Unit, UnitIdx};
use web_sys::HtmlElement;

use super::layout::{Line, Sheet, Status};
use crate::session::paint::{Beat, SLOW_MS};
use crate::session::patch::Patch;
use crate::ui::dom::{Classed, Words, child};
use crate::ui::text::{age, grouped, plural, short};

/// A glow is started again at most this often, in milliseconds: restarts are what costs.
const GLOW_MS: f64 = 6.0 * SLOW_MS;
/// Lines that want to be painted in one frame, up to which all are.
const CROWD: u32 = 20;
/// Many lines in one frame are taken to go on for this long, in milliseconds: hits come in messages,
/// and not every frame has one.
const CROWD_MS: f64 = 200.0;
/// A hit older than this doesn't glow.
const FRESH_MS: u64 = 1_500;

/// Elements of a line.
pub(super) struct LineRow {
    outer: Classed,
    glyph: Words,
    number: Words,
    count: Words,
    age: Words,
    code: HtmlElement,
    units: Vec<(u32, Classed)>,
    shown: Option<Line>,
    title_for: Option<(u64, usize)>,
    gutter: HtmlElement,
    line: usize,
    flip: bool,
    glowed_at: f64,
    glowing: bool,
    selected: bool,
}

/// What lines are painted from.
pub(super) struct Paint<'a> {
    pub(super) sheet: &'a Sheet,
    pub(super) shape: &'a Shape,
    pub(super) counts: &'a [u64],
    pub(super) last: &'a [u64],
    pub(super) now_ms: u64,
    pub(super) frame_ms: f64,
    pub(super) selection: Option<(u32, u32)>,
    /// The diff that is open, and the name of the file in it.
    pub(super) patch: Option<(&'a Patch, &'a str)>,
    /// Whether hits glow.
    pub(super) glows: bool,
}

impl Paint<'_> {
    /// Whether the diff changes a line, from 1.
    fn changes(&self, line: u32) -> bool {
        self.patch.is_some_and(|(patch, name)| patch.changes(name, line))
    }
}

impl LineRow {
    pub(super) fn new(element: &HtmlElement) -> Self {
        child(element, "span", "glow");
        let gutter = child(element, "span", "gutter");
        let glyph = Words::child(&gutter, "span", "glyph");
        let number = Words::child(&gutter, "span", "number");
        let count = Words::child(&gutter, "span", "count");
        let age = Words::child(&gutter, "span", "age");
        child(&gutter, "span", "edge");
        let code = child(element, "code", "");
        Self {
            outer: Classed::of(element),
            glyph,
            number,
            count,
            age,
            code,
            units: Vec::new(),
            shown: None,
            title_for: None,
            gutter,
            line: usize::MAX,
            flip: false,
            glowed_at: f64::NEG_INFINITY,
            glowing: false,
            selected: false,
        }
    }

    /// Makes it another line.
    pub(super) fn show(&mut self, paint: &Paint<'_>, line: usize) {
        self.line = line;
        self.shown = None;
        self.title_for = None;
        self.glowing = false;
        self.number.set(&(line + 1).to_string());
        self.code.set_text_content(None);
        self.units.clear();
        let text = paint.sheet.line_text(line);
        let mut inside: Option<(u32, HtmlElement)> = None;
        for piece in paint.sheet.pieces(line) {
            let parent = match (piece.unit, &inside) {
                (None, _) => {
                    inside = None;
                    self.code.clone()
                }
                (Some(unit), Some((open, element))) if unit == *open => element.clone(),
                (Some(unit), _) => {
                    let wrapper = Classed::child(&self.code, "span", "unit");
                    let element = wrapper.element.clone();
                    self.units.push((unit, wrapper));
                    inside = Some((unit, element.clone()));
                    element
                }
            };
            let class = piece.kind.class();
            if class.is_empty() {
                Words::inside(&parent).set(text.get(piece.range).unwrap_or_default());
            } else {
                Words::child(&parent, "span", class).set(text.get(piece.range).unwrap_or_default());
            }
        }
        self.refresh(paint, Turn::ALL);
    }

    /// Brings its numbers up to date, and lets it glow where it was hit. Says whether there was
    /// something to paint.
    pub(super) fn refresh(&mut self, paint: &Paint<'_>, turn: Turn) -> bool {
        let line = paint.sheet.line(self.line, paint.counts, paint.last);
        let number = self.line as u32 + 1;
        let selected = paint.selection.is_some_and(|(from, to)| (from..=to).contains(&number));
        let before = self.shown;
        let past = paint.now_ms.saturating_sub(line.last);
        let advanced =
            paint.glows && past < FRESH_MS && before.is_some_and(|before| line.last > before.last);
        let over = self.glowing && paint.frame_ms - self.glowed_at > 900.0;
        let glow = advanced
            && paint.frame_ms - self.glowed_at >= GLOW_MS
            && (turn.glows || !self.glowing || over);
        let same = before == Some(line) && selected == self.selected;
        let same_status = before.is_some_and(|before| before.status == line.status);
        let urgent = !same_status || selected != self.selected || (glow && !self.glowing);
        if !turn.paints && !urgent {
            return !same || over;
        }
        self.age.set(&if line.arms.1 > 0 {
            // What comes from files has no age.
            format!("{}/{}", line.arms.0, line.arms.1)
        } else if line.last == 0 || line.count.is_none() {
            String::new()
        } else {
            age(past)
        });
        if same && !glow && !over {
            return false;
        }
        // A hit during the pause glows when the pause is over.
        self.shown = Some(match before {
            Some(before) if advanced && !glow => Line { last: before.last, ..line },
            _ => line,
        });
        self.selected = selected;
        self.glyph.set(match line.status {
            Status::None => "",
            Status::Covered => "✓",
            Status::Partial => "◐",
            Status::Uncovered => "✗",
        });
        self.count.set(&line.count.map_or(String::new(), short));
        for (unit, wrapper) in &mut self.units {
            let hit = paint.counts.get(*unit as usize).is_some_and(|&count| count > 0);
            wrapper.set(if hit { "unit hit" } else { "unit missed" });
        }
        let count = line.count.unwrap_or(0);
        if self.title_for != Some((count, self.line)) {
            self.title_for = Some((count, self.line));
            let details = paint.sheet.details(self.line).map_or("", |details| &details.text);
            let count = if line.count.is_some() { grouped(count) } else { String::new() };
            let joint = if details.is_empty() { "" } else { "\n" };
            self.gutter.set_title(&[&count, joint, details].concat());
        }
        if glow {
            self.flip = !self.flip;
            self.glowed_at = paint.frame_ms;
            self.glowing = true;
        } else if over {
            self.glowing = false;
        }
        let status = match line.status {
            Status::None => "line",
            Status::Covered => "line covered",
            Status::Partial => "line partial",
            Status::Uncovered => "line uncovered",
        };
        let selected = if selected { " selected" } else { "" };
        let changed = if paint.changes(number) { " changed" } else { "" };
        let glow = match (self.glowing, self.flip) {
            (false, _) => "",
            (true, false) => " glow0",
            (true, true) => " glow1",
        };
        let arms = if line.arms.1 > 0 { " arms" } else { "" };
        self.outer.set(&format!("{status}{selected}{changed}{glow}{arms}"));
        true
    }
}

/// What lines may do in a frame.
#[derive(Debug, Clone, Copy)]
pub(super) struct Turn {
    /// Whether all are brought up to date, or only those where more than a number has changed.
    paints: bool,
    /// Whether those that glow begin anew.
    glows: bool,
}

impl Turn {
    /// Everything.
    pub(super) const ALL: Turn = Turn { paints: true, glows: true };
}

/// When lines are painted.
///
/// Nobody reads a screen of numbers that change sixty times a second, and to lay out, paint and
/// composite a frame is most of the work, however little of it has changed. So where many lines
/// run all the time, all of them are painted in the same frames, some fifteen a second. What starts
/// to run, and what runs alone, is painted at once.
#[derive(Debug, Default)]
pub(super) struct Pace {
    wanted: u32,
    crowded_until: f64,
    paints: Beat,
    glows: Beat,
}

impl Pace {
    /// What lines may do in the frame of this time.
    pub(super) fn turn(&mut self, frame_ms: f64) -> Turn {
        if std::mem::take(&mut self.wanted) > CROWD {
            self.crowded_until = frame_ms + CROWD_MS;
        }
        let (paints, glows) =
            (self.paints.next(frame_ms, SLOW_MS), self.glows.next(frame_ms, GLOW_MS));
        if frame_ms < self.crowded_until { Turn { paints, glows } } else { Turn::ALL }
    }

    /// Counts a line that had something to paint.
    pub(super) fn count(&mut self, wanted: bool) {
        self.wanted += u32::from(wanted);
    }

    /// Whether lines wait for a later frame.
    pub(super) fn waits(&self, turn: Turn) -> bool {
        self.wanted > 0 && !turn.paints
    }
}

/// A sentence about a line: its units, their counts, and when they were hit.
pub(super) fn describe(paint: &Paint<'_>, line: usize) -> String {
    let mut text = format!("Line {}", line + 1);
    if paint.changes(line as u32 + 1) {
        text.push_str(", changed by the diff");
    }
    let marks = paint.sheet.marks(line);
    if marks.is_empty() {
        text.push_str(" · nothing to cover");
    }
    for mark in marks {
        let unit = mark.unit as usize;
        let count = paint.counts.get(unit).copied().unwrap_or(0);
        let last = paint.last.get(unit).copied().unwrap_or(0);
        let Unit { span, statements, .. } = paint.shape.unit(UnitIdx(mark.unit));
        text.push_str(" · ");
        if span.as_line().is_none() {
            text.push_str(&format!(
                "{}:{}–{}:{} ({}) ",
                span.start.line,
                span.start.column,
                span.end.line,
                span.end.column,
                plural(u64::from(statements), "statement"),
            ));
        }
        match (count, last) {
            (0, _) => text.push_str("never ran"),
            (_, 0) => text.push_str(&format!("ran {}×", grouped(count))),
            _ => text.push_str(&format!(
                "ran {}×, {}",
                grouped(count),
                crate::ui::text::ago(paint.now_ms.saturating_sub(last))
            )),
        }
    }
    if let Some(details) = paint.sheet.details(line) {
        text.push_str(" · ");
        text.push_str(&details.text);
    }
    text
}
