//! A list box: rows that can be picked with the mouse and the keyboard.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use leptos::html::Div;
use leptos::prelude::*;
use wasm_bindgen::JsCast;
use web_sys::{HtmlElement, KeyboardEvent, MouseEvent};

use super::bind::{attribute, effect, on};
use super::dom::{Bar, Classed, Words};
use super::rows::Rows;
use crate::session::{Session, paint};

/// How a list box looks.
#[derive(Debug, Clone, Copy)]
pub struct Look {
    /// Its name for those who don't see it.
    pub label: &'static str,
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
}

type Shared = Rc<RefCell<State>>;
/// The selected row, and what it is about.
type Active = RwSignal<Option<(usize, u64)>>;

/// The list box.
pub fn list_box(look: Look, content: impl Content + 'static) -> AnyView {
    let place: NodeRef<Div> = NodeRef::new();
    let mut content = Some(content);
    let owner = Owner::current();
    super::dynamic::effect(move || {
        let (Some(place), Some(content)) = (place.get(), content.take()) else { return };
        let place: HtmlElement = place.unchecked_into();
        if let Some(owner) = &owner {
            owner.with(|| fill(&place, look, content));
        }
    });
    view! {
        <div class="list" role="listbox" tabindex="0" aria-label=look.label node_ref=place></div>
    }
    .into_any()
}

/// Fills a list box that is on the page: `<div class="list" role="listbox" tabindex="0">`.
pub fn fill(list: &HtmlElement, look: Look, content: impl Content + 'static) {
    build(list, look, Box::new(content));
}

fn build(list: &HtmlElement, look: Look, content: Box<dyn Content>) {
    let session = Session::expect();
    let active: Active = RwSignal::new(None);
    let state: Shared = Rc::new(RefCell::new(State { content, len: 0, stale: true }));

    let again = Rc::new(Cell::new(true));
    let set = again.clone();
    effect(move || {
        session.tick.track();
        session.route.track();
        session.structure.track();
        session.lens.track();
        session.recorded.track();
        active.track();
        set.set(true);
        paint::request();
    });
    attribute(list, "aria-activedescendant", move || {
        active.get().map_or(String::new(), |(index, _)| format!("{}{index}", look.id))
    });
    let shared = state.clone();
    let mut rows = Rows::new(list.clone(), look.row_px, look.class);
    paint::on_paint(move |_| {
        shared.borrow_mut().stale |= again.replace(false);
        paint_rows(look, &mut rows, &shared, active);
    });
    let shared = state.clone();
    let scroller = list.clone();
    on(list, "click", move |event: MouseEvent| {
        let top = scroller.get_bounding_client_rect().top();
        let y = f64::from(event.client_y()) - top + f64::from(scroller.scroll_top());
        if y >= 0.0 {
            pick(&shared, active, (y / look.row_px) as usize);
        }
    });
    let scroller = list.clone();
    on(list, "keydown", move |event: KeyboardEvent| {
        let Some(next) = key(&state, active, &event.key()) else { return };
        event.prevent_default();
        event.stop_propagation();
        if let Some(next) = next {
            super::rows::reveal(&scroller, look.row_px, next, false);
        }
    });
}

fn paint_rows(look: Look, rows: &mut Rows<Cells>, shared: &Shared, active: Active) {
    let mut state = shared.borrow_mut();
    let all = std::mem::take(&mut state.stale);
    if all {
        state.len = state.content.collect();
        if let Some((at, key)) = active.get_untracked()
            && (at >= state.len || state.content.key(at) != key)
        {
            let moved = (0..state.len).find(|&index| state.content.key(index) == key);
            active.set(moved.map(|index| (index, key)));
        }
    }
    let active = active.get_untracked().map(|(index, _)| index);
    let len = state.len;
    let content = RefCell::new(&mut state.content);
    rows.update(
        len,
        all,
        |element| {
            let _ = element.set_attribute("role", "option");
            content.borrow().make(element)
        },
        |row, element, index| {
            element.set_id(&format!("{}{index}", look.id));
            let chosen = if active == Some(index) { "true" } else { "false" };
            let _ = element.set_attribute("aria-selected", chosen);
            content.borrow_mut().show(row, index);
        },
    );
}

fn pick(shared: &Shared, active: Active, index: usize) {
    let mut state = shared.borrow_mut();
    if index < state.len {
        active.set(Some((index, state.content.key(index))));
        state.content.pick(index);
    }
}

/// What a key does; `None` if nothing, otherwise the row that it went to.
fn key(shared: &Shared, active: Active, key: &str) -> Option<Option<usize>> {
    let at = active.get_untracked().map(|(index, _)| index);
    let last = shared.borrow().len.checked_sub(1);
    let next = match key {
        "ArrowDown" => at.map_or(0, |at| at + 1),
        "ArrowUp" => at.unwrap_or(1).saturating_sub(1),
        "Home" => 0,
        "End" => last.unwrap_or(0),
        "Enter" => {
            if let Some(at) = at {
                pick(shared, active, at);
            }
            return Some(None);
        }
        _ => return None,
    };
    let next = next.min(last?);
    active.set(Some((next, shared.borrow().content.key(next))));
    Some(Some(next))
}
