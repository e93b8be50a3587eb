//! The page in a real window: bindings, the address, storage, rows, and the source as it runs.
//!
//! `tests/window` runs them, with wasm-bindgen-test-runner and a Chromium. What computes is tested
//! natively, beside the code; what takes a relay, in `tests/browser`. All tests share one window,
//! and with it one session.

#![cfg(target_arch = "wasm32")]
#![expect(clippy::unwrap_used, reason = "tests stop by panicking")]

use std::cell::{Cell, OnceCell};
use std::rc::Rc;

use coverage::{Mode, Span};
use frontend::session::theme::{self, Theme};
use frontend::session::url::{Route, Tab};
use frontend::session::{self, Session, navigate, paint, token};
use frontend::ui::bind;
use frontend::ui::dom::{Words, child};
use frontend::ui::rows::{Rows, reveal};
use frontend::ui::state::State;
use leptos::prelude::{Owner, document, window};
use wasm_bindgen::prelude::Closure;
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;
use wasm_bindgen_test::{wasm_bindgen_test, wasm_bindgen_test_configure};
use web_sys::{Element, HtmlElement, Response};
use wire::RelayToViewer;
use wire::frame::{Counts, PackageCounts, Process};
use wire::table::{SourceId, Table, TableFile, TableFunction, TableId, TableUnit};

wasm_bindgen_test_configure!(run_in_browser);

/// Frames after which a test gives up: some seconds.
const PATIENCE: u32 = 300;
/// Lines of the program, from line 3, that are one unit each.
const N_LINES: u32 = 200;
const FILE: &str = "example.com/m/a.go";

/// Waits for the next frame. What was asked to be painted before is painted then.
async fn frame() {
    let frame = js_sys::Promise::new(&mut |done, _| {
        window().request_animation_frame(&done).unwrap();
    });
    JsFuture::from(frame).await.unwrap();
}

async fn until(what: &str, holds: impl Fn() -> bool) {
    for _ in 0..PATIENCE {
        if holds() {
            return;
        }
        frame().await;
    }
    panic!("in vain: {what}");
}

/// An owner of effects and listeners. Effects take an executor, which the first mount makes.
fn owner() -> Owner {
    thread_local! {
        static MOUNTED: Cell<bool> = const { Cell::new(false) };
    }
    if !MOUNTED.replace(true) {
        leptos::mount::mount_to_body(|| ());
    }
    Owner::new()
}

/// A place of its own in the window.
fn place(height_px: u32) -> HtmlElement {
    let place = child(&document().body().unwrap(), "div", "");
    let style = format!("position: relative; width: 300px; height: {height_px}px; overflow: auto");
    place.set_attribute("style", &style).unwrap();
    place
}

#[wasm_bindgen_test]
async fn bindings_follow_their_state_and_end_with_their_owner() {
    let owner = owner();
    let place = place(20);
    place.set_inner_html("<button><b></b></button>");
    let (button, word) = (bind::at(&place, "button"), bind::at(&place, "b"));
    let clicks = Rc::new(Cell::new(0));
    let count = State::new(0u32);
    owner.with(|| {
        bind::text(&word, move || format!("{} hits", count.get()));
        bind::flag(&button, "aria-pressed", move || count.get() > 0);
        bind::attribute(&button, "title", move || if count.get() > 1 { "hot" } else { "" });
        bind::shown(&word, move || count.get() < 2);
        let clicks = clicks.clone();
        bind::click(&button, move || clicks.set(clicks.get() + 1));
    });
    let look = || {
        let title = button.get_attribute("title");
        (word.text_content().unwrap(), button.get_attribute("aria-pressed").unwrap(), title)
    };
    assert_eq!(look(), ("0 hits".into(), "false".into(), None));
    button.click();
    count.set(2);
    until("the text changes", || look().0 == "2 hits").await;
    assert_eq!(look(), ("2 hits".into(), "true".into(), Some("hot".into())));
    assert!(word.hidden());
    assert_eq!(clicks.get(), 1);

    owner.cleanup();
    count.set(3);
    button.click();
    frame().await;
    frame().await;
    assert_eq!(look().0, "2 hits");
    assert_eq!(clicks.get(), 1);
    place.remove();
}

#[wasm_bindgen_test]
async fn only_visible_rows_are_in_the_window_and_they_follow_it() {
    let _owner = owner();
    let place = place(200);
    let mut rows: Rows<Words> = Rows::new(place.clone(), 20.0, "row");
    let paint = |rows: &mut Rows<Words>| {
        let make = |element: &HtmlElement| Words::inside(element);
        rows.update(100_000, false, make, |words, _, index| words.set(&format!("row {index}")));
    };
    // What lies at a height of the window, in rows from the top.
    let at = |row: f64| {
        let rect = place.get_bounding_client_rect();
        let (x, y) = (rect.left() + 5.0, rect.top() + row * 20.0 + 10.0);
        #[expect(clippy::cast_possible_truncation, reason = "pixels of a window")]
        let element = document().element_from_point(x as f32, y as f32);
        element.and_then(|element| element.text_content()).unwrap_or_default()
    };
    let style = document().create_element("style").unwrap();
    style
        .set_text_content(Some(".row { position: absolute; left: 0; width: 100%; height: 20px; }"));
    place.before_with_node_1(&style).unwrap();
    place.scroll_into_view();
    paint(&mut rows);
    assert_eq!((at(0.0), at(9.0)), ("row 0".into(), "row 9".into()));
    assert!(children(&place.first_element_child().unwrap()).len() < 40);

    reveal(&place, 20.0, 50_000, false);
    frame().await;
    paint(&mut rows);
    assert_eq!((at(0.0), at(9.0)), ("row 49991".into(), "row 50000".into()));

    place.style().set_property("height", "400px").unwrap();
    place.scroll_into_view();
    // The browser tells of the new size in the next frame, after the painters.
    frame().await;
    frame().await;
    paint(&mut rows);
    assert_eq!((at(0.0), at(19.0)), ("row 49991".into(), "row 50010".into()));
    place.remove();
    style.remove();
}

#[wasm_bindgen_test]
fn a_token_leaves_the_address_and_stays_in_the_tab() {
    let location = window().location();
    let (path, hash) = (location.pathname().unwrap(), location.hash().unwrap());
    let address = |query: &str| {
        let history = window().history().unwrap();
        let address = format!("{path}{query}#/1/functions");
        history.replace_state_with_url(&JsValue::NULL, "", Some(&address)).unwrap();
    };
    address("?a=1&token=s%20t&b");
    token::take();
    assert_eq!(location.search().unwrap(), "?a=1&b");
    assert_eq!(location.hash().unwrap(), "#/1/functions");
    assert_eq!(token::stored().as_deref(), Some("s%20t"));
    address("?token=");
    token::take();
    assert_eq!(location.search().unwrap(), "");
    assert_eq!(token::stored(), None);
    let history = window().history().unwrap();
    history.replace_state_with_url(&JsValue::NULL, "", Some(&format!("{path}{hash}"))).unwrap();
}

#[wasm_bindgen_test]
async fn a_theme_is_put_on_the_page_and_kept() {
    let session = page();
    let root = document().document_element().unwrap();
    for theme in [Theme::Dark, Theme::Light, Theme::System] {
        session.theme.set(theme);
        let word = theme.word();
        until(word, || root.get_attribute("data-theme").as_deref() == Some(word)).await;
        assert_eq!(theme::stored(), theme);
    }
    let storage = window().local_storage().unwrap().unwrap();
    storage.set_item("coverglass.theme", "sepia").unwrap();
    assert_eq!(theme::stored(), Theme::System);
}

#[wasm_bindgen_test]
async fn the_address_follows_the_route_and_the_route_the_address() {
    let session = page();
    open(session).await;
    session.go(|route| route.tab = Tab::Functions);
    assert!(window().location().hash().unwrap().starts_with("#/1/functions"));
    assert_eq!(navigate::current(), session.route.get_untracked());
    until("the functions are there", || found(".functions").is_some()).await;
    window().history().unwrap().back().unwrap();
    until("the way back", || session.route.with_untracked(|route| route.tab == Tab::Source)).await;
    until("the source is there again", || found("section.source").is_some()).await;
    window().location().set_hash("#/1/source?f=no/such.go").unwrap();
    let no_such = |route: &Route| route.file.as_deref() == Some("no/such.go");
    until("a link typed by hand", || session.route.with_untracked(no_such)).await;
    until("what is not there is named", || {
        found("[data-why=unknown]:not([hidden]) .mono")
            .is_some_and(|path| path.text_content().as_deref() == Some("no/such.go"))
    })
    .await;
}

#[wasm_bindgen_test]
async fn a_line_shows_its_text_its_count_and_its_unit() {
    let session = page();
    open(session).await;
    assert_eq!(line(4).text, "\twork(4) // four");
    hit(&[(1, 1_234)]);
    frame().await;
    let row = line(4);
    assert_eq!((row.glyph.as_str(), row.count.as_str()), ("✓", "1234"));
    assert!(row.class.starts_with("line covered"), "{}", row.class);
    assert_eq!(row.hit, ["work(4)"]);
    assert!(row.element.query_selector("code .f").unwrap().is_some(), "syntax has no color");
    let gutter = row.element.query_selector(".gutter").unwrap().unwrap();
    assert_eq!(gutter.get_attribute("title").as_deref(), Some("1\u{202f}234"));
    let after = line(2);
    assert_eq!((after.glyph.as_str(), after.count.as_str(), after.age.as_str()), ("", "", ""));
}

#[wasm_bindgen_test]
async fn a_click_on_a_line_says_what_is_known_of_it() {
    let session = page();
    open(session).await;
    click_at(&line(5).element, line(5).element.get_bounding_client_rect().top() + 10.0);
    assert_eq!(session.route.with_untracked(|route| route.lines), Some((5, 5)));
    until("the line is selected", || line(5).class.contains("selected")).await;
    until("its unit is told", || {
        let status = found(".status-line").and_then(|status| status.text_content());
        status.is_some_and(|text| text.starts_with("Line 5 · 5:2–5:9 (1 statement)"))
    })
    .await;
    session.adjust(|route| route.lines = None);
}

#[wasm_bindgen_test]
async fn many_lines_are_painted_together_and_the_first_hit_of_one_at_once() {
    let session = page();
    open(session).await;
    // All but the first ones, which other tests look at, and the last one on the screen.
    let lone = shown_lines().into_iter().max().unwrap();
    let units: Vec<u32> = (10..N_LINES).filter(|unit| unit + 3 != lone).collect();
    assert_eq!(line(lone).glyph, "✗");
    let mut count = 1_000_000;
    let mut run = async |frames: u64| {
        for _ in 0..frames {
            count += 10_000;
            hit(&units.iter().map(|&unit| (unit, count)).collect::<Vec<_>>());
            frame().await;
        }
        count
    };
    run(20).await;
    let together = || {
        let counts = shown_lines().into_iter().filter(|&line| line >= 13 && line != lone);
        let mut counts: Vec<String> = counts.map(|number| line(number).count).collect();
        counts.dedup();
        counts
    };
    assert_eq!(together().len(), 1);
    hit(&[(lone - 3, 7)]);
    frame().await;
    assert_eq!((line(lone).glyph.as_str(), line(lone).count.as_str()), ("✓", "7"));
    let count = run(1).await;
    let last = frontend::ui::text::short(count);
    until("the last count is shown", || together() == [last.clone()]).await;
    until("a line that runs glows", || line(20).class.contains(" glow")).await;
    until("glowing ends", || !line(20).class.contains(" glow")).await;
}

/// The page of `index.html`, brought to life once, with one process in it.
fn page() -> Session {
    thread_local! {
        static PAGE: OnceCell<(Session, Owner)> = const { OnceCell::new() };
    }
    let begin = || {
        let owner = owner();
        (owner.with(start), owner)
    };
    PAGE.with(|slot| slot.get_or_init(begin).0)
}

fn start() -> Session {
    let body = document().body().unwrap();
    let html = include_str!("../index.html");
    let (_, html) = html.split_once("<body>").unwrap();
    let (html, _) = html.split_once("</body>").unwrap();
    body.insert_adjacent_html("beforeend", html).unwrap();
    let style = document().create_element("style").unwrap();
    let code = ".code { height: 800px; } [hidden] { display: none !important; }";
    style.set_text_content(Some(&format!("{}{code}", include_str!("../../static/source.css"))));
    body.append_child(&style).unwrap();
    answer_with_source();
    frontend::app::start();
    session::write(|data| {
        let table = table();
        let bytes = table.encode();
        let info = Process { handle: 1, key: [1; 16], service: "svc".into(), ..Process::default() };
        let frames = [
            RelayToViewer::Process(info),
            RelayToViewer::Table(bytes.clone()),
            RelayToViewer::Packages { handle: 1, tables: vec![TableId::of(&bytes)] },
        ];
        for frame in frames {
            data.live.apply(frame, &mut Vec::new()).unwrap();
        }
    });
    paint::request();
    Session::expect()
}

/// Whatever is fetched, the source comes.
fn answer_with_source() {
    let fetch = Closure::<dyn Fn(JsValue) -> js_sys::Promise>::new(|_| {
        let response = Response::new_with_opt_str(Some(&source())).unwrap();
        js_sys::Promise::resolve(&JsValue::from(response))
    });
    js_sys::Reflect::set(&window(), &"fetch".into(), fetch.as_ref()).unwrap();
    fetch.forget();
}

fn source() -> String {
    let mut text = "package p\nfunc F() {\n".to_owned();
    for line in 3..3 + N_LINES {
        let comment = if line == 4 { " // four" } else { "" };
        text.push_str(&format!("\twork({line}){comment}\n"));
    }
    text.push_str("}\n");
    text
}

fn table() -> Table {
    let unit = |line: u32| {
        let end = 8 + line.to_string().len() as u32;
        TableUnit { span: Span::new(line, 2, line, end), statements: 1 }
    };
    Table {
        package: "example.com/m".into(),
        name: "p".into(),
        module: "example.com/m".into(),
        mode: Mode::Count,
        files: vec![TableFile { path: FILE.into(), source: SourceId::of(source().as_bytes()) }],
        functions: vec![TableFunction {
            name: "F".into(),
            file: 0,
            literal: false,
            units: (3..3 + N_LINES).map(unit).collect(),
        }],
        entries: vec![0],
        ..Table::default()
    }
}

/// The process has executed units so often.
fn hit(units: &[(u32, u64)]) {
    session::write(|data| {
        let counts = Counts {
            handle: 1,
            at_ms: data.now_ms(),
            packages: vec![PackageCounts {
                package: 0,
                units: units.iter().map(|unit| unit.0).collect(),
                counts: units.iter().map(|unit| unit.1).collect(),
                ages_ms: vec![0; units.len()],
            }],
        };
        let mut changes = Vec::new();
        data.live.apply(RelayToViewer::Counts(counts), &mut changes).unwrap();
        data.add(&changes);
    });
    paint::request();
}

/// Opens the file, at its top.
async fn open(session: Session) {
    session.go(|route| *route = Route { file: Some(FILE.into()), ..Route::default() });
    until("the file is shown", || found(".sheet:not([hidden]) .line .number").is_some()).await;
    found(".code").unwrap().set_scroll_top(0);
    until("line 4 is shown", || shown_lines().contains(&4)).await;
}

fn found(selector: &str) -> Option<Element> {
    document().query_selector(selector).unwrap()
}

/// What the page shows of a line.
struct Line {
    element: Element,
    class: String,
    text: String,
    glyph: String,
    count: String,
    age: String,
    hit: Vec<String>,
}

fn rows() -> Vec<Element> {
    let mut rows = children(&found(".code > .spacer").unwrap());
    rows.retain(|row| !row.has_attribute("hidden"));
    rows
}

fn children(parent: &Element) -> Vec<Element> {
    std::iter::successors(parent.first_element_child(), Element::next_element_sibling).collect()
}

/// Clicks on an element, this far from the top of the window.
fn click_at(element: &Element, y: f64) {
    let init = js_sys::Object::new();
    js_sys::Reflect::set(&init, &"bubbles".into(), &true.into()).unwrap();
    js_sys::Reflect::set(&init, &"clientY".into(), &y.into()).unwrap();
    let kind = js_sys::Reflect::get(&window(), &"MouseEvent".into()).unwrap();
    let kind: js_sys::Function = kind.unchecked_into();
    let arguments = js_sys::Array::of2(&"click".into(), &init);
    let event = js_sys::Reflect::construct(&kind, &arguments).unwrap();
    element.dispatch_event(event.unchecked_ref()).unwrap();
}

fn part(row: &Element, selector: &str) -> String {
    row.query_selector(selector).unwrap().unwrap().text_content().unwrap()
}

/// Numbers of the lines on the page.
fn shown_lines() -> Vec<u32> {
    rows().iter().map(|row| part(row, ".number").parse().unwrap()).collect()
}

fn line(number: u32) -> Line {
    let number = number.to_string();
    let element = rows().into_iter().find(|row| part(row, ".number") == number).unwrap();
    let units = children(&element.query_selector("code").unwrap().unwrap());
    let hit = units.iter().filter(|unit| unit.class_name() == "unit hit");
    Line {
        class: element.class_name(),
        text: part(&element, "code"),
        glyph: part(&element, ".glyph"),
        count: part(&element, ".count"),
        age: part(&element, ".age"),
        hit: hit.map(|unit| unit.text_content().unwrap()).collect(),
        element,
    }
}
