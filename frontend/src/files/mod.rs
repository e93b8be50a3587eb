//! The tree on the left: module, package, file, function.

pub mod layout;
mod row;

use std::cell::RefCell;
use std::rc::Rc;

use coverage::FileIdx;
use leptos::html::{Div, Input};
use leptos::prelude::*;
use wasm_bindgen::JsCast;
use web_sys::{KeyboardEvent, MouseEvent};

use crate::session::url::{Route, Show, Sort, Tab};
use crate::session::view::View;
use crate::session::{Session, paint, read};
use crate::ui::dynamic::{click, effect, flag, memo, part};
use crate::ui::fuzzy::Query;
use crate::ui::icon::icon;
use crate::ui::rows::{Rows, reveal};
use layout::{Key, Node, Options, Outline, Row, Tree};
use row::TreeRow;

/// Height of a row in pixels, as in the style sheet.
const ROW_PX: f64 = 24.0;

/// What the painter and the handlers share.
#[derive(Default)]
struct State {
    outline: Outline,
    rows: Vec<Row>,
    toggled: Vec<Key>,
    options: Options,
    selected: Option<Key>,
    stale: bool,
    sorted_ms: u64,
}

impl State {
    /// Makes the rows anew where they are no longer right. Says whether it did.
    fn refresh(&mut self, session: Session) -> bool {
        let State { outline, rows, toggled, options, selected, stale, sorted_ms } = self;
        read(|data| {
            let view = &data.view;
            let reshaped = outline.update(view);
            let now = data.now_ms();
            // What moves by itself does so once a second.
            let moves = options.show == Show::Hot || options.sort != Sort::Name;
            let moves = moves && !data.paused && now.saturating_sub(*sorted_ms) >= 1_000;
            if !(reshaped || *stale || moves) {
                return false;
            }
            *stale = false;
            *sorted_ms = now;
            options.now_ms = now;
            *rows = Tree { view, outline, options, toggled }.rows();
            if reshaped && let Some(key) = selected {
                let found = rows.iter().find(|row| outline.key(view, row.node) == *key);
                session.selected.set(found.map(|row| row.node));
            }
            true
        })
    }

    fn position(&self, node: Option<Node>) -> Option<usize> {
        let node = node?;
        self.rows.iter().position(|row| row.node == node)
    }

    fn toggle(&mut self, node: Node) {
        let key = read(|data| self.outline.key(&data.view, node));
        match self.toggled.iter().position(|toggled| *toggled == key) {
            Some(at) => drop(self.toggled.swap_remove(at)),
            None => self.toggled.push(key),
        }
        self.stale = true;
    }

    fn select(&mut self, session: Session, node: Node) {
        self.selected = Some(read(|data| self.outline.key(&data.view, node)));
        session.selected.set(Some(node));
        paint::request();
    }
}

/// Opens what a node of the tree stands for.
pub fn open(session: Session, node: Node) {
    let target = read(|data| target(&data.view, node));
    if let Some((file, function)) = target {
        session.go(|route| {
            route.tab = Tab::Source;
            route.file = Some(file);
            route.function = function;
            route.lines = None;
        });
    }
}

fn target(view: &View, node: Node) -> Option<(String, Option<String>)> {
    let shape = view.shape();
    match node {
        Node::Module(_) | Node::Package(_) => None,
        Node::File(row) => Some((shape.files().get(row as usize)?.path.to_string(), None)),
        Node::Function(row) => {
            let function = shape.functions().get(row as usize)?;
            Some((shape.file(function.file).path.to_string(), Some(function.name.clone())))
        }
    }
}

/// The tree with its filters.
#[component]
pub fn Files() -> impl IntoView {
    let session = Session::expect();
    let state = Rc::new(RefCell::new(State::default()));
    let scroller: NodeRef<Div> = NodeRef::new();
    let active = RwSignal::new(None::<String>);
    let empty = RwSignal::new(None::<&'static str>);

    let shared = state.clone();
    let filter = memo(move || {
        session.route.with(|route: &Route| (route.query.clone(), route.show, route.sort))
    });
    effect(move || {
        let (query, show, sort) = filter.get();
        let mut state = shared.borrow_mut();
        state.options = Options { query: Query::new(&query), show, sort, now_ms: 0 };
        state.stale = true;
        paint::request();
    });

    let shared = state.clone();
    let mut rows: Option<Rows<TreeRow>> = None;
    paint::on_paint(move |_| {
        let Some(element) = scroller.get_untracked() else { return };
        let rows = rows.get_or_insert_with(|| Rows::new(element.unchecked_into(), ROW_PX, "node"));
        let mut state = shared.borrow_mut();
        let fresh = state.refresh(session);
        let selected = session.selected.get_untracked();
        let open = session.route.with_untracked(|route| route.file.clone());
        read(|data| {
            let (view, State { outline, rows: list, .. }) = (&data.view, &mut *state);
            let open = open.and_then(|path| view.file_named(&path)).map(|file| Node::File(file.0));
            rows.update(list.len(), fresh, TreeRow::new, |row, element, index| {
                row.show(element, view, outline, &list[index], index);
            });
            let now = data.now_ms();
            rows.each(|row, element, index| {
                if let Some(shown) = list.get(index) {
                    let node = shown.node;
                    row.numbers(element, view, outline, node, now);
                    row.state(element, selected == Some(node), open == Some(node));
                }
            });
            let nothing = match (list.is_empty(), view.parts.is_empty()) {
                (false, _) => None,
                (true, true) => Some("No packages yet"),
                (true, false) => Some("Nothing matches the filter"),
            };
            if empty.get_untracked() != nothing {
                empty.set(nothing);
            }
        });
        let id = state.position(selected).map(|index| format!("node{index}"));
        if active.get_untracked() != id {
            active.set(id);
        }
    });

    let shared = state.clone();
    let clicked = move |event: MouseEvent| {
        let Some(element) = scroller.get_untracked() else { return };
        let rect = element.get_bounding_client_rect();
        let y = f64::from(event.client_y()) - rect.top() + f64::from(element.scroll_top());
        let row = shared.borrow().rows.get((y / ROW_PX) as usize).cloned();
        let Some(row) = row else { return };
        shared.borrow_mut().select(session, row.node);
        let target = event.target().and_then(|target| target.dyn_into::<web_sys::Element>().ok());
        let on = |class| {
            target.as_ref().is_some_and(|target| matches!(target.closest(class), Ok(Some(_))))
        };
        if on(".trace") {
            crate::live::trace::toggle(session, row.node);
        } else if on(".twisty") || matches!(row.node, Node::Module(_) | Node::Package(_)) {
            shared.borrow_mut().toggle(row.node);
        } else {
            open(session, row.node);
        }
        paint::request();
    };

    let shared = state.clone();
    let pressed = move |event: KeyboardEvent| {
        if event.ctrl_key() || event.meta_key() || event.alt_key() {
            return;
        }
        let mut state = shared.borrow_mut();
        let at = state.position(session.selected.get_untracked());
        let last = state.rows.len().checked_sub(1);
        let row = at.and_then(|at| state.rows.get(at).cloned());
        let page = scroller.get_untracked().map_or(10, |e| e.client_height() as usize / 24);
        let mut next = None;
        match (event.key().as_str(), row) {
            ("ArrowDown", _) => next = Some(at.map_or(0, |at| at + 1)),
            ("ArrowUp", _) => next = Some(at.unwrap_or(1).saturating_sub(1)),
            ("PageDown", _) => next = Some(at.unwrap_or(0) + page),
            ("PageUp", _) => next = Some(at.unwrap_or(0).saturating_sub(page)),
            ("Home", _) => next = Some(0),
            ("End", _) => next = last,
            ("ArrowRight", Some(row)) => match row.open {
                Some(false) => state.toggle(row.node),
                Some(true) => next = at.map(|at| at + 1),
                None => {}
            },
            ("ArrowLeft", Some(row)) => match row.open {
                Some(true) => state.toggle(row.node),
                _ => next = at.and_then(|at| layout::parent(&state.rows, at)),
            },
            ("Enter", Some(row)) => {
                drop(state);
                if matches!(row.node, Node::Module(_) | Node::Package(_)) {
                    shared.borrow_mut().toggle(row.node);
                } else {
                    open(session, row.node);
                }
                event.prevent_default();
                event.stop_propagation();
                paint::request();
                return;
            }
            ("t", Some(row)) => {
                drop(state);
                crate::live::trace::toggle(session, row.node);
                event.prevent_default();
                event.stop_propagation();
                return;
            }
            _ => return,
        }
        event.prevent_default();
        event.stop_propagation();
        if let (Some(next), Some(last)) = (next, last) {
            let next = next.min(last);
            let node = state.rows[next].node;
            state.select(session, node);
            if let Some(element) = scroller.get_untracked() {
                reveal(&element, ROW_PX, next, false);
            }
        }
        paint::request();
    };

    // Whoever opens a file by other means finds it selected here.
    let shared = state.clone();
    effect(move || {
        let file = session.route.with(|route| route.file.clone());
        session.structure.track();
        let Some(file) = file.and_then(|path| read(|data| data.view.file_named(&path))) else {
            return;
        };
        let mut state = shared.borrow_mut();
        state.refresh(session);
        let inside = |node: Node| match node {
            Node::Function(row) => read(|data| {
                data.view.shape().functions().get(row as usize).is_some_and(|f| f.file == file)
            }),
            node => node == Node::File(file.0),
        };
        if session.selected.get_untracked().is_some_and(inside) {
            return;
        }
        show_file(&mut state, session, file);
        if let (Some(at), Some(element)) =
            (state.position(Some(Node::File(file.0))), scroller.get_untracked())
        {
            reveal(&element, ROW_PX, at, false);
        }
    });

    view! {
        <section class="files" aria-label="Files">
            <Filters/>
            <div
                class="tree"
                role="tree"
                tabindex="0"
                aria-label="Modules, packages, files and functions"
                aria-activedescendant=move || active.get()
                node_ref=scroller
                on:click=clicked
                on:keydown=pressed
            ></div>
            {part(move || {
                let Some(text) = empty.get() else { return ().into_any() };
                let (query, show, _) = filter.get();
                let clear = (!query.is_empty() || show != Show::All).then(|| view! {
                    <button class="plain" on:click=click(move || session.adjust(|route| {
                        route.query.clear();
                        route.show = Show::All;
                    }))>"Clear the filter"</button>
                });
                view! { <div class="nothing"><p>{text}</p>{clear}</div> }.into_any()
            })}
        </section>
    }
}

/// Selects a file, and opens its package if that is closed.
fn show_file(state: &mut State, session: Session, file: FileIdx) {
    let node = Node::File(file.0);
    if state.position(Some(node)).is_none() {
        let package =
            read(|data| data.view.shape().files().get(file.index()).map(|file| file.package));
        let package = package.map(|package| Node::Package(package.0));
        let closed = state.position(package).is_some_and(|at| state.rows[at].open == Some(false));
        if let Some(package) = package.filter(|_| closed) {
            state.toggle(package);
            state.refresh(session);
        }
    }
    state.select(session, node);
}

#[component]
fn Filters() -> impl IntoView {
    let session = Session::expect();
    let input: NodeRef<Input> = NodeRef::new();
    let query = memo(move || session.route.with(|route| route.query.clone()));
    view! {
        <div class="filters">
            <label class="search">
                {icon("search")}
                <input
                    id="filter"
                    type="search"
                    placeholder="Filter…  /"
                    aria-label="Filter packages, files and functions"
                    autocomplete="off"
                    spellcheck="false"
                    node_ref=input
                    prop:value=move || query.get()
                    on:input=move |event| {
                        let text = event_target_value(&event);
                        session.adjust(|route| route.query = text);
                    }
                    on:keydown=move |event| {
                        if event.key() == "Escape" {
                            event.stop_propagation();
                            session.adjust(|route| route.query.clear());
                            if let Some(input) = input.get_untracked() {
                                let _ = input.blur();
                            }
                        }
                    }
                />
            </label>
            <div class="choices">
                <div class="segments" role="group" aria-label="Show">
                    {Show::ALL.iter().map(|&show| view! {
                        <button
                            aria-pressed=flag(move || session.route.with(|route| route.show == show))
                            on:click=click(move || session.adjust(|route| route.show = show))
                        >
                            {match show {
                                Show::All => "All",
                                Show::Hot => "Hot",
                                Show::Uncovered => "Uncovered",
                            }}
                        </button>
                    }).collect_view()}
                </div>
                <select
                    aria-label="Sort"
                    prop:value=move || session.route.with(|route| route.sort.word())
                    on:change=move |event| {
                        let sort = Sort::from_word(&event_target_value(&event));
                        session.adjust(|route| route.sort = sort);
                    }
                >
                    {Sort::ALL.iter().map(|&sort| view! {
                        <option
                            value=sort.word()
                            prop:selected=move || session.route.with(|route| route.sort == sort)
                        >
                            {match sort {
                                Sort::Name => "Name",
                                Sort::Coverage => "Least covered",
                                Sort::Uncovered => "Most uncovered",
                                Sort::Recent => "Last hit",
                            }}
                        </option>
                    }).collect_view()}
                </select>
            </div>
        </div>
    }
}
