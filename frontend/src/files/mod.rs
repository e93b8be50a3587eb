//! The tree on the left: module, package, file, function.

pub mod layout;
mod row;

use std::cell::{RefCell, RefMut};
use std::rc::Rc;

use coverage::FileIdx;
use wasm_bindgen::JsCast;
use web_sys::{Element, HtmlElement, HtmlInputElement, KeyboardEvent, MouseEvent};

use crate::session::paint::{self, Beat, SLOW_MS};
use crate::session::url::{Show, Sort, Tab};
use crate::session::view::View;
use crate::session::{Session, opened, read};
use crate::ui::bind::{self, by_id, click, effect, flag, memo, on, shown};
use crate::ui::dom::child;
use crate::ui::fuzzy::Query;
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
struct Files {
    session: Session,
    scroller: HtmlElement,
    state: RefCell<State>,
}

/// Brings the tree in `index.html` to life.
pub fn bind(session: Session) {
    filters(session);
    tests(session);
    let scroller = by_id("tree");
    let state = RefCell::default();
    let files = Rc::new(Files { session, scroller: scroller.clone(), state });

    let shared = files.clone();
    let filter =
        memo(move || session.route.with(|route| (route.query.clone(), route.show, route.sort)));
    effect(move || {
        let (query, show, sort) = filter.get();
        let mut state = shared.state.borrow_mut();
        state.options = Options { query: Query::new(&query), show, sort, now_ms: 0 };
        state.stale = true;
        paint::request();
    });

    let shared = files.clone();
    let mut rows: Rows<TreeRow> = Rows::new(scroller.clone(), ROW_PX, "node");
    let mut active = None;
    let mut nothing = Nothing::default();
    let mut beat = Beat::default();
    paint::on_paint(move |frame_ms| {
        let numbers = beat.next(frame_ms, 2.0 * SLOW_MS);
        if !numbers {
            paint::request();
        }
        shared.paint(&mut rows, numbers, &mut nothing);
        let selected = session.selected.get_untracked();
        let at = shared.state.borrow().position(selected);
        if active != at {
            active = at;
            let id = at.map(|index| format!("node{index}")).unwrap_or_default();
            bind::set(&shared.scroller, "aria-activedescendant", &id);
        }
    });

    let shared = files.clone();
    on(&scroller, "click", move |event: MouseEvent| shared.clicked(&event));
    let shared = files.clone();
    on(&scroller, "keydown", move |event: KeyboardEvent| {
        if shared.pressed(&event) {
            event.prevent_default();
            event.stop_propagation();
            paint::request();
        }
    });

    // Whoever opens a file by other means finds it selected here.
    effect(move || files.follow());
}

/// What stands in place of the rows where there are none: the text, and whether a filter is set.
#[derive(Default)]
struct Nothing {
    shown: Option<(&'static str, bool)>,
}

impl Nothing {
    fn show(&mut self, now: Option<(&'static str, bool)>) {
        if self.shown == now {
            return;
        }
        self.shown = now;
        let place = by_id("tree-nothing");
        place.set_hidden(now.is_none());
        let (text, filtered) = now.unwrap_or_default();
        bind::at(&place, "p").set_text_content(Some(text));
        bind::at(&place, "button").set_hidden(!filtered);
    }
}

impl Files {
    /// Brings the rows up to date; their numbers only now and then.
    fn paint(&self, rows: &mut Rows<TreeRow>, numbers: bool, nothing: &mut Nothing) {
        let mut state = self.state.borrow_mut();
        let fresh = state.refresh(self.session);
        let selected = self.session.selected.get_untracked();
        let open = self.session.route.with_untracked(|route| route.file.clone());
        read(|data| {
            let (view, State { outline, rows: list, options, .. }) = (&data.view, &mut *state);
            let open = open.and_then(|path| view.file_named(&path)).map(|file| Node::File(file.0));
            let now = data.now_ms();
            rows.update(list.len(), fresh, TreeRow::new, |row, element, index| {
                row.show(element, view, outline, &list[index], index);
                row.numbers(element, data, outline, list[index].node, now);
            });
            rows.each(|row, element, index| {
                if let Some(shown) = list.get(index) {
                    let node = shown.node;
                    if numbers {
                        row.numbers(element, data, outline, node, now);
                    }
                    row.state(element, selected == Some(node), open == Some(node));
                }
            });
            let text = match (list.is_empty(), view.parts.is_empty()) {
                (false, _) => None,
                (true, true) => Some("No packages yet"),
                (true, false) => Some("Nothing matches the filter"),
            };
            nothing.show(text.map(|text| (text, options.filters())));
        });
    }

    fn clicked(&self, event: &MouseEvent) {
        let rect = self.scroller.get_bounding_client_rect();
        let y = f64::from(event.client_y()) - rect.top() + f64::from(self.scroller.scroll_top());
        let mut state = self.state.borrow_mut();
        let Some(row) = state.rows.get((y / ROW_PX) as usize).cloned() else { return };
        state.select(self.session, row.node);
        let target = event.target().and_then(|target| target.dyn_into::<Element>().ok());
        let on = |class| {
            target.as_ref().is_some_and(|target| matches!(target.closest(class), Ok(Some(_))))
        };
        if on(".trace") {
            drop(state);
            crate::live::trace::toggle(self.session, row.node);
        } else {
            self.open(state, row.node, on(".twisty"));
        }
        paint::request();
    }

    /// Opens a row: what lies inside it, or its source.
    fn open(&self, mut state: RefMut<'_, State>, node: Node, inside: bool) {
        if inside || matches!(node, Node::Module(_) | Node::Package(_)) {
            state.toggle(node);
        } else {
            drop(state);
            open(self.session, node);
        }
    }

    /// Says whether the key was one of the tree's.
    fn pressed(&self, event: &KeyboardEvent) -> bool {
        if event.ctrl_key() || event.meta_key() || event.alt_key() {
            return false;
        }
        let mut state = self.state.borrow_mut();
        let at = state.position(self.session.selected.get_untracked());
        let last = state.rows.len().checked_sub(1);
        let row = at.and_then(|at| state.rows.get(at).cloned());
        let page = (f64::from(self.scroller.client_height()) / ROW_PX) as usize;
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
                self.open(state, row.node, false);
                return true;
            }
            ("t", Some(row)) => {
                drop(state);
                crate::live::trace::toggle(self.session, row.node);
                return true;
            }
            _ => return false,
        }
        if let (Some(next), Some(last)) = (next, last) {
            let next = next.min(last);
            let node = state.rows[next].node;
            state.select(self.session, node);
            reveal(&self.scroller, ROW_PX, next, false);
        }
        true
    }

    /// Selects the file that is open, unless something in it is.
    fn follow(&self) {
        let session = self.session;
        let file = session.route.with(|route| route.file.clone());
        session.structure.track();
        let Some(file) = file.and_then(|path| read(|data| data.view.file_named(&path))) else {
            return;
        };
        let mut state = self.state.borrow_mut();
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
        if let Some(at) = state.position(Some(Node::File(file.0))) {
            reveal(&self.scroller, ROW_PX, at, false);
        }
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

/// Tests that are offered at once, of those that fit what is typed.
const TESTS: usize = 100;

/// The field with the test of which only is shown what it ran, where tests are known.
fn tests(session: Session) {
    let place = by_id("test");
    let input: HtmlInputElement = bind::at(&place, "input").unchecked_into();
    let all = bind::at(&place, "button");
    let test = memo(move || session.route.with(|route| route.test.clone()));
    bind::value(&input, move || test.get());
    shown(&all, move || test.with(|test| !test.is_empty()));
    click(&all, move || session.go(|route| route.test.clear()));
    bind::edited(&input, "input", move |text| {
        offer(session, &text);
    });
    let field = input.clone();
    bind::edited(&input, "change", move |text| {
        if text.is_empty() || offer(session, &text) {
            session.go(|route| route.test = text);
        } else {
            session.fail("There is no test of this name");
            field.set_value("");
            session.go(|route| route.test.clear());
        }
    });
    effect(move || {
        offer(session, &input.value());
        place.set_hidden(opened::tests(session)[0].length() == 0);
    });
}

/// Offers the tests that fit what is typed. Says whether it is the name of one.
fn offer(session: Session, typed: &str) -> bool {
    let list = by_id("tests");
    list.set_text_content(None);
    let query = Query::new(typed);
    let [names, texts] = opened::tests(session);
    let (mut n_offered, mut is_known) = (0, false);
    for at in 0..names.length() {
        let name = names.get(at).as_string().unwrap_or_default();
        is_known |= name == typed;
        if n_offered < TESTS && query.score(&name).is_some() {
            n_offered += 1;
            let option = child(&list, "option", "");
            bind::set(&option, "value", &name);
            option.set_text_content(texts.get(at).as_string().as_deref());
        }
    }
    is_known
}

fn filters(session: Session) {
    let input = by_id("filter");
    let query = memo(move || session.route.with(|route| route.query.clone()));
    bind::value(&input, move || query.get());
    bind::edited(&input, "input", move |text| session.adjust(|route| route.query = text));
    let field = input.clone();
    on(&input, "keydown", move |event: KeyboardEvent| {
        if event.key() == "Escape" {
            event.stop_propagation();
            session.adjust(|route| route.query.clear());
            let _ = field.blur();
        }
    });
    for &show in Show::ALL {
        let button = by_id(&format!("rows-{}", show.word()));
        flag(&button, "aria-pressed", move || session.route.with(|route| route.show == show));
        click(&button, move || session.adjust(|route| route.show = show));
    }
    let sort = by_id("sort");
    bind::value(&sort, move || session.route.with(|route| route.sort.word()));
    bind::edited(&sort, "change", move |word| {
        session.adjust(|route| route.sort = Sort::from_word(&word));
    });
    click(&bind::at(&by_id("tree-nothing"), "button"), move || {
        session.adjust(|route| {
            route.query.clear();
            route.show = Show::All;
        });
    });
}
