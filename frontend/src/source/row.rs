//! One line of source, painted by hand.

use std::cell::Cell;

use coverage::Shape;
use web_sys::HtmlElement;

use super::layout::{Line, Sheet, Status};
use crate::session::paint;
use crate::ui::dom::{Classed, Words, child};
use crate::ui::text::{age, grouped, short};

/// A glow is started again at most this often, in milliseconds: restarts are what costs.
const GLOW_MS: f64 = 400.0;
/// Where many lines change all the time, each is painted again after this long, in milliseconds.
const BUSY_MS: f64 = 60.0;
/// Lines that want to be painted in one frame, up to which all are.
const CROWD: u32 = 20;
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
    count_element: HtmlElement,
    line: usize,
    flip: bool,
    glowed_at: f64,
    painted_at: f64,
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
    /// Whether hits glow.
    pub(super) glows: bool,
}

impl LineRow {
    pub(super) fn new(element: &HtmlElement) -> Self {
        child(element, "span", "glow");
        let gutter = child(element, "span", "gutter");
        let glyph = Words::child(&gutter, "span", "glyph");
        let number = Words::child(&gutter, "span", "number");
        let count_element = child(&gutter, "span", "count");
        let count = Words::inside(&count_element);
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
            count_element,
            line: usize::MAX,
            flip: false,
            glowed_at: -GLOW_MS,
            painted_at: -BUSY_MS,
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
                Words::inside(&parent).set(&text[piece.range]);
            } else {
                Words::child(&parent, "span", class).set(&text[piece.range]);
            }
        }
        self.refresh(paint);
    }

    /// Brings its numbers up to date, and lets it glow where it was hit.
    pub(super) fn refresh(&mut self, paint: &Paint<'_>) {
        let line = paint.sheet.line(self.line, paint.counts, paint.last);
        let number = self.line as u32 + 1;
        let selected = paint.selection.is_some_and(|(from, to)| (from..=to).contains(&number));
        let before = self.shown;
        let past = paint.now_ms.saturating_sub(line.last);
        self.age.set(&if line.last == 0 || line.count.is_none() {
            String::new()
        } else {
            age(past)
        });
        let advanced = before.is_some_and(|before| line.last > before.last);
        let glow = paint.glows
            && past < FRESH_MS
            && advanced
            && paint.frame_ms - self.glowed_at >= GLOW_MS;
        let over = self.glowing && paint.frame_ms - self.glowed_at > 900.0;
        if before == Some(line) && selected == self.selected && !glow && !over {
            return;
        }
        // Nobody reads a screen of numbers that change sixty times a second, and painting them is
        // most of the work: where many lines run all the time, each is painted some fifteen times.
        // What starts to run, and what runs alone, is painted at once.
        let crowded = crowded(paint.frame_ms);
        let same_status = before.is_some_and(|before| before.status == line.status);
        let kept = same_status && selected == self.selected && !glow && !over;
        if crowded && kept && paint.frame_ms - self.painted_at < BUSY_MS {
            paint::request();
            return;
        }
        self.painted_at = paint.frame_ms;
        // A hit during the pause glows when the pause is over.
        let keep_last = advanced && paint.glows && past < FRESH_MS && !glow;
        self.shown = Some(match before {
            Some(before) if keep_last => Line { last: before.last, ..line },
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
            self.count_element.set_title(&if line.count.is_some() {
                grouped(count)
            } else {
                String::new()
            });
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
        let glow = match (self.glowing, self.flip) {
            (false, _) => "",
            (true, false) => " glow0",
            (true, true) => " glow1",
        };
        self.outer.set(&format!("{status}{selected}{glow}"));
    }
}

/// Lines that want to be painted: the frame in which they are counted, how many until now, and
/// how many there were in the frame before.
#[derive(Debug, Clone, Copy)]
struct Crowd {
    frame_ms: f64,
    now: u32,
    before: u32,
}

thread_local! {
    static WANTED: Cell<Crowd> = const { Cell::new(Crowd { frame_ms: 0.0, now: 0, before: 0 }) };
}

/// Counts a line that wants to be painted in this frame, and says whether there were many in the
/// one before.
fn crowded(frame_ms: f64) -> bool {
    let mut crowd = WANTED.get();
    if crowd.frame_ms != frame_ms {
        crowd = Crowd { frame_ms, now: 0, before: crowd.now };
    }
    crowd.now += 1;
    WANTED.set(crowd);
    crowd.before > CROWD
}

/// A sentence about a line: its units, their counts, and when they were hit.
pub(super) fn describe(paint: &Paint<'_>, line: usize) -> String {
    let mut text = format!("Line {}", line + 1);
    let marks = paint.sheet.marks(line);
    if marks.is_empty() {
        text.push_str(" · nothing to cover");
        return text;
    }
    for mark in marks {
        let unit = mark.unit as usize;
        let count = paint.counts.get(unit).copied().unwrap_or(0);
        let last = paint.last.get(unit).copied().unwrap_or(0);
        let span = paint.shape.unit_spans()[unit];
        let statements = paint.shape.unit_statements()[unit];
        text.push_str(&format!(
            " · {}:{}–{}:{} ({} statement{}) ",
            span.start.line,
            span.start.column,
            span.end.line,
            span.end.column,
            statements,
            if statements == 1 { "" } else { "s" },
        ));
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
    text
}
