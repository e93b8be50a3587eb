//! A list box: rows that can be picked with the mouse and the keyboard.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use web_sys::{HtmlElement, KeyboardEvent, MouseEvent};

use super::bind::{effect, on, set};
use super::dom::{Bar, Classed, Words};
use super::rows::Rows;
use crate::session::{Session, paint};

/// How a list box looks.
#[derive(Debug, Clone, Copy)]
pub struct Look {
    /// Prefix of its rows' ids; differs among the lists of a page.
    pub id: &'static str,
    /// Height of a row in pixels.
    pub row_px: f64,
    /// Class of a row.
    pub class: &'static str,
}

/// Elements of a row.
#[derive(Debug, Default)]
pub struct Cells {
    /// Texts, in the order in which the content makes them.
    pub words: Vec<Words>,
    /// A bar, if it has one.
    pub bar: Option<Bar>,
    /// A heat dot, if it has one.
    pub heat: Option<Classed>,
}

impl Cells {
    /// Shows these texts.
    pub fn set(&mut self, texts: &[&str]) {
        for (words, text) in self.words.iter_mut().zip(texts) {
            words.set(text);
        }
    }
}

/// What a list box shows.
pub trait Content {
    /// Collects what is to be shown, four times a second. Gives the number of rows.
    fn collect(&mut self) -> usize;
    /// Makes the elements of a row.
    fn make(&self, element: &HtmlElement) -> Cells;
    /// Makes them show row `index`.
    fn show(&mut self, row: &mut Cells, index: usize);
    /// Row `index` was picked.
    fn pick(&mut self, index: usize);
    /// What row `index` is about; it stays selected when it moves.
    fn key(&self, index: usize) -> u64;
}

struct State {
    content: Box<dyn Content>,
    len: usize,
    stale: bool,
    /// The selected row, and what it is about.
    active: Option<(usize, u64)>,
    look: Look,
    list: HtmlElement,
}

impl State {
    fn select(&mut self, active: Option<(usize, u64)>) {
        self.active = active;
        let id = active.map_or(String::new(), |(index, _)| format!("{}{index}", self.look.id));
        set(&self.list, "aria-activedescendant", &id);
        self.stale = true;
        paint::request();
    }

    fn pick(&mut self, index: usize) {
        if index < self.len {
            self.select(Some((index, self.content.key(index))));
            self.content.pick(index);
        }
    }

    /// Does what a key means. Says whether it means anything.
    fn key(&mut self, key: &str) -> bool {
        let at = self.active.map(|(index, _)| index);
        let next = match key {
            "ArrowDown" => at.map_or(0, |at| at + 1),
            "ArrowUp" => at.unwrap_or(1).saturating_sub(1),
            "Home" => 0,
            "End" => usize::MAX,
            "Enter" => {
                if let Some(at) = at {
                    self.pick(at);
                }
                return true;
            }
            _ => return false,
        };
        let Some(last) = self.len.checked_sub(1) else { return false };
        let next = next.min(last);
        self.select(Some((next, self.content.key(next))));
        super::rows::reveal(&self.list, self.look.row_px, next, false);
        true
    }

    fn paint(&mut self, rows: &mut Rows<Cells>) {
        let all = self.stale;
        if all {
            self.len = self.content.collect();
            if let Some((at, key)) = self.active
                && (at >= self.len || self.content.key(at) != key)
            {
                let moved = (0..self.len).find(|&index| self.content.key(index) == key);
                self.select(moved.map(|index| (index, key)));
            }
        }
        self.stale = false;
        let active = self.active.map(|(index, _)| index);
        let content = RefCell::new(&mut self.content);
        rows.update(
            self.len,
            all,
            |element| {
                set(element, "role", "option");
                content.borrow().make(element)
            },
            |row, element, index| {
                element.set_id(&format!("{}{index}", self.look.id));
                let chosen = if active == Some(index) { "true" } else { "false" };
                set(element, "aria-selected", chosen);
                content.borrow_mut().show(row, index);
            },
        );
    }
}

/// Fills a list box that is on the page: `<div class="list" role="listbox" tabindex="0">`.
pub fn fill(list: &HtmlElement, look: Look, content: impl Content + 'static) {
    build(list.clone(), look, Box::new(content));
}

fn build(list: HtmlElement, look: Look, content: Box<dyn Content>) {
    let session = Session::expect();
    let state = State { content, len: 0, stale: true, active: None, look, list: list.clone() };
    let state = Rc::new(RefCell::new(state));

    let again = Rc::new(Cell::new(true));
    let stale = again.clone();
    effect(move || {
        session.tick.track();
        session.route.track();
        session.structure.track();
        session.lens.track();
        session.recorded.track();
        stale.set(true);
        paint::request();
    });
    let shared = state.clone();
    let mut rows = Rows::new(list.clone(), look.row_px, look.class);
    paint::on_paint(move |_| {
        let mut state = shared.borrow_mut();
        state.stale |= again.replace(false);
        state.paint(&mut rows);
    });
    let shared = state.clone();
    let scroller = list.clone();
    on(&list, "click", move |event: MouseEvent| {
        let top = scroller.get_bounding_client_rect().top();
        let y = f64::from(event.client_y()) - top + f64::from(scroller.scroll_top());
        if y >= 0.0 {
            shared.borrow_mut().pick((y / look.row_px) as usize);
        }
    });
    on(&list, "keydown", move |event: KeyboardEvent| {
        if state.borrow_mut().key(&event.key()) {
            event.prevent_default();
            event.stop_propagation();
        }
    });
}
