//! A list of any length with only the visible rows on the page.
//!
//! Rows have one height. A pool of elements is as large as the window; row `i` always lies in
//! slot `i % pool`, so scrolling by one row changes one element.

use std::cell::Cell;
use std::rc::Rc;

use wasm_bindgen::JsCast;
use wasm_bindgen::prelude::Closure;
use web_sys::{Event, HtmlElement, ResizeObserver};

use super::dom::child;
use crate::session::paint;

/// Rows beyond the window on both sides, so that a fast scroll meets no gaps.
const OVERSCAN: usize = 6;

struct Slot<R> {
    element: HtmlElement,
    row: R,
    index: usize,
}

/// A list with only the visible rows on the page.
pub struct Rows<R> {
    scroller: HtmlElement,
    spacer: HtmlElement,
    row_px: f64,
    class: &'static str,
    pool: Vec<Slot<R>>,
    len: usize,
    /// Height and scroll position of the window. Asking for them makes the browser lay out the
    /// page, so it is done only where they may have changed.
    window: Rc<Cell<Option<(f64, f64)>>>,
    resized: ResizeObserver,
    changed: Closure<dyn FnMut(Event)>,
}

impl<R> Rows<R> {
    /// An empty list in `scroller`; its rows get `class`.
    pub fn new(scroller: HtmlElement, row_px: f64, class: &'static str) -> Self {
        let spacer = child(&scroller, "div", "spacer");
        let _ = spacer.set_attribute("role", "presentation");
        let window = Rc::new(Cell::new(None));
        let stale = window.clone();
        let changed = Closure::<dyn FnMut(Event)>::new(move |_| {
            stale.set(None);
            paint::request();
        });
        let listener = changed.as_ref().unchecked_ref();
        let _ = scroller.add_event_listener_with_callback("scroll", listener);
        let resized = ResizeObserver::new(listener).expect("what is given is a function");
        resized.observe(&scroller);
        let pool = Vec::new();
        Self { scroller, spacer, row_px, class, pool, len: 0, window, resized, changed }
    }

    /// The element that scrolls.
    pub fn scroller(&self) -> &HtmlElement {
        &self.scroller
    }

    /// Brings rows and window together: `make` fills an element of the pool, `show` makes it row
    /// `index`. With `all`, rows that were there before are shown again too.
    pub fn update(
        &mut self,
        len: usize,
        all: bool,
        mut make: impl FnMut(&HtmlElement) -> R,
        mut show: impl FnMut(&mut R, &HtmlElement, usize),
    ) {
        if len != self.len {
            self.len = len;
            let height = pixels("", len, self.row_px, "");
            let _ = self.spacer.style().set_property("height", &height);
            // A shorter list may scroll back.
            self.window.set(None);
        }
        let (height, top) = self.window.get().unwrap_or_else(|| {
            let height = f64::from(self.scroller.client_height());
            (height, f64::from(self.scroller.scroll_top()))
        });
        self.window.set(Some((height, top)));
        let visible = (height / self.row_px) as usize + 2;
        let wanted = (visible + 2 * OVERSCAN).min(len);
        let mut moved = all;
        while self.pool.len() < wanted {
            let element = child(&self.spacer, "div", self.class);
            let row = make(&element);
            self.pool.push(Slot { element, row, index: usize::MAX });
            // Rows change their slots with the size of the pool.
            moved = true;
        }
        if self.pool.is_empty() {
            return;
        }
        let first = ((top / self.row_px) as usize).saturating_sub(OVERSCAN);
        let first = first.min(len.saturating_sub(self.pool.len()));
        let n_slots = self.pool.len();
        for index in first..first + n_slots {
            let slot = &mut self.pool[index % n_slots];
            if index >= len {
                if slot.index != usize::MAX {
                    slot.index = usize::MAX;
                    slot.element.set_hidden(true);
                }
                continue;
            }
            if slot.index == index && !moved {
                continue;
            }
            if slot.index != index {
                if slot.index == usize::MAX {
                    slot.element.set_hidden(false);
                }
                slot.index = index;
                let place = pixels("translateY(", index, self.row_px, ")");
                let _ = slot.element.style().set_property("transform", &place);
            }
            show(&mut slot.row, &slot.element, index);
        }
    }

    /// Visits the rows on the page.
    pub fn each(&mut self, mut visit: impl FnMut(&mut R, &HtmlElement, usize)) {
        for slot in self.pool.iter_mut().filter(|slot| slot.index != usize::MAX) {
            visit(&mut slot.row, &slot.element, slot.index);
        }
    }

    /// Scrolls so that a row is seen: as little as possible, or to the middle.
    pub fn reveal(&self, index: usize, middle: bool) {
        reveal(&self.scroller, self.row_px, index, middle);
        self.window.set(None);
    }
}

impl<R> Drop for Rows<R> {
    fn drop(&mut self) {
        self.resized.disconnect();
        // The scroller may stay, and its next event would find the closure gone.
        let listener = self.changed.as_ref().unchecked_ref();
        let _ = self.scroller.remove_event_listener_with_callback("scroll", listener);
    }
}

/// The place of a row in pixels. In whole numbers: printing others takes 10 KB of code.
pub fn pixels(before: &str, index: usize, row_px: f64, after: &str) -> String {
    format!("{before}{}px{after}", (index as f64 * row_px) as u64)
}

/// Scrolls so that row `index` is seen.
pub fn reveal(scroller: &HtmlElement, row_px: f64, index: usize, middle: bool) {
    let height = f64::from(scroller.client_height());
    let top = f64::from(scroller.scroll_top());
    let row = index as f64 * row_px;
    let wanted = if middle {
        row - height / 2.0 + row_px
    } else if row < top {
        row
    } else if row + row_px > top + height {
        row + row_px - height
    } else {
        return;
    };
    scroller.set_scroll_top(wanted.max(0.0) as i32);
    paint::request();
}
