//! The page that this document is shown over, in a frame. It takes the page as a whole, and the
//! trace from where the page has put it. Where a person goes back it stays behind, hidden, and a
//! box on the page leads to it again, and from a line of the page's source to the goroutines that
//! had it in a stack. All of that is done from here: the page knows nothing of it, since its own
//! bytes are few.

use std::cell::RefCell;

use frontend::session::url::Route;
use frontend::trace::messages::{Ask, FlatAsk};
use frontend::trace::tables::Pick;
use frontend::ui::bind::{by_id, click, effect, on};
use gloo::events::EventListener;
use gloo::timers::callback::Timeout;
use js_sys::{Array, Function, Reflect};
use leptos::prelude::{Get, GetUntracked, With, window};
use wasm_bindgen::closure::Closure;
use wasm_bindgen::{JsCast, JsValue};
use web_sys::{Document, Element, HtmlElement, KeyboardEvent};

use crate::desk::Desk;

/// Style of the frame: the page's policy allows none in markup.
const FRAME: &str = "position:fixed;inset:0;z-index:40;width:100%;height:100%;border:0";
/// Style of the box on the page.
const BOX: &str = "position:fixed;right:16px;bottom:44px;z-index:30;display:flex;gap:6px;\
                   align-items:center;padding:6px 8px;max-width:calc(100% - 32px);\
                   background:var(--raised);border:1px solid var(--line);border-radius:8px;\
                   box-shadow:var(--shadow)";
/// What the page's frames for this document are called.
const FRAMES: &str = "iframe[title=Goroutines]";
/// Name of the function that a frame has to be removed by.
const SHUT: &str = "shut";
/// Milliseconds in which the page knows what was clicked.
const SETTLED: u32 = 60;

thread_local! {
    static LISTENERS: RefCell<Vec<EventListener>> = const { RefCell::new(Vec::new()) };
}

/// Comes over the page, if this is in a frame of one.
pub(crate) fn bind(desk: Desk) {
    let Some((frame, page)) = frame() else { return };
    only(&frame, &page);
    frame.style().set_css_text(FRAME);
    let Some(place) = place(desk, &frame, &page) else { return };
    let (shown, around) = (frame.clone(), place.clone());
    let show = move |is_shown: bool| {
        // Its style says how it lies there, which is stronger than being hidden.
        let _ = shown.style().set_property("display", if is_shown { "" } else { "none" });
        let _ = around.style().set_property("display", if is_shown { "none" } else { "flex" });
        shown.set_hidden(!is_shown);
        if is_shown {
            let _ = window().focus();
            let _ = by_id("stage").focus();
        } else if let Some(page) = shown.owner_document().and_then(|page| page.default_view()) {
            let _ = page.focus();
            look(desk);
        }
    };
    show(true);
    let back = by_id("back");
    back.set_hidden(false);
    let hide = show.clone();
    click(&back, move || hide(false));
    let hide = show.clone();
    on(&window(), "keydown", move |event: KeyboardEvent| {
        // First it closes what is open inside.
        let inside = !by_id("detail").hidden() || by_id("help").has_attribute("open");
        if event.key() == "Escape" && !inside && !event.default_prevented() {
            hide(false);
        }
    });
    bind_place(desk, &frame, &place, show);
}

/// Opens the trace that the page has put down for this document, once it can be read.
pub(crate) fn open(desk: Desk) {
    let page = frame().and_then(|(_, page)| page.body());
    let message = page.and_then(|body| Reflect::get(&body, &"trace".into()).ok());
    if let Some(message) = message.filter(Array::is_array) {
        let message: Array = message.unchecked_into();
        let name = message.get(2).as_string().unwrap_or_default();
        desk.open(&name, message.get(3).unchecked_ref());
    }
}

/// The frame that this is in, and the document of the page around it.
fn frame() -> Option<(HtmlElement, Document)> {
    // Objects of another window are instances of its classes, not of those here.
    let frame: HtmlElement = window().frame_element().ok().flatten()?.unchecked_into();
    let page = frame.owner_document()?;
    Some((frame, page))
}

/// What the page looks at that this document is shown over.
pub(crate) fn route() -> Option<Route> {
    let get = |of: &JsValue, name: &str| Reflect::get(of, &name.into()).ok();
    let page: JsValue = frame()?.1.default_view()?.into();
    let api = get(&page, "coverglass")?;
    let state =
        get(&api, "getState")?.dyn_ref::<JsValue>()?.unchecked_ref::<Function>().call0(&api);
    Some(Route::from_hash(&get(&state.ok()?, "route")?.as_string()?))
}

/// Removes the frame of another trace, which stayed behind: the page puts a new one after it.
fn only(frame: &HtmlElement, page: &Document) {
    if let Ok(Some(other)) = page.query_selector(FRAMES)
        && !other.is_same_node(Some(frame))
    {
        remove(&other);
    }
}

/// Removes a frame and what it has put on the page.
fn remove(frame: &Element) {
    match Reflect::get(frame, &SHUT.into()) {
        Ok(shut) if shut.is_function() => {
            let _ = shut.unchecked_ref::<Function>().call0(frame);
        }
        // It has not come so far.
        _ => frame.remove(),
    }
}

/// The box on the page: back to the trace, the goroutines of a line, away with it.
fn place(desk: Desk, frame: &HtmlElement, page: &Document) -> Option<HtmlElement> {
    let make = |tag: &str| page.create_element(tag).ok().map(JsCast::unchecked_into::<HtmlElement>);
    let place = make("section")?;
    let _ = place.set_attribute("aria-label", "Goroutines of a trace");
    place.style().set_css_text(BOX);
    for name in ["trace", "line", "close"] {
        let button = make("button")?;
        button.set_class_name("plain");
        let _ = button.set_attribute("name", name);
        let _ = place.append_child(&button);
    }
    page.body()?.append_child(&place).ok()?;
    let (frame_of, place_of) = (frame.clone(), place.clone());
    let shut = Closure::<dyn FnMut()>::new(move || {
        LISTENERS.take();
        desk.ask(&Ask::Cancel);
        place_of.remove();
        frame_of.remove();
    });
    let _ = Reflect::set(frame, &SHUT.into(), &shut.into_js_value());
    Some(place)
}

fn bind_place(
    desk: Desk,
    frame: &HtmlElement,
    place: &HtmlElement,
    show: impl Fn(bool) + Clone + 'static,
) {
    let button = |name: &str| -> Option<HtmlElement> {
        let found = place.query_selector(&format!("[name={name}]")).ok().flatten();
        found.map(JsCast::unchecked_into)
    };
    let (Some(trace), Some(line), Some(close)) = (button("trace"), button("line"), button("close"))
    else {
        return;
    };
    effect(move || {
        let name = desk.summary.with(|of| of.as_ref().map(|of| of.name.clone()));
        trace.set_text_content(Some(&format!("Goroutines of {}", name.unwrap_or_default())));
    });
    let Some(trace) = button("trace") else { return };
    let back = show.clone();
    click(&trace, move || back(true));
    close.set_text_content(Some("×"));
    let _ = close.set_attribute("aria-label", "Close the trace");
    let shut = frame.clone();
    click(&close, move || remove(&shut));

    let told = line.clone();
    effect(move || {
        let there = desk.flat.there.get();
        told.set_hidden(there.is_none());
        let Some(there) = there else { return };
        let lines = there.asked.rsplit(':').next().unwrap_or_default();
        let text = match there.goroutines {
            0 => format!("Line {lines}: in no stack"),
            1 => format!("Line {lines}: 1 goroutine"),
            count => format!("Line {lines}: {count} goroutines"),
        };
        told.set_text_content(Some(&text));
        let title = "Goroutines that had this line in a stack. A trace has stacks only where \
                     goroutines wait, are stopped, make system calls, wake or create others, log, \
                     or are sampled";
        let _ = told.set_attribute("title", title);
    });
    click(&line, move || {
        let there = desk.flat.there.get_untracked();
        if let Some(there) = there.filter(|there| there.goroutines > 0) {
            desk.flat.pick(desk, Pick::At(there.at));
            show(true);
        }
    });
    let Some(page) = frame.owner_document() else { return };
    let is_hidden = frame.clone();
    let heard = move |_: &web_sys::Event| {
        if is_hidden.hidden() {
            Timeout::new(SETTLED, move || look(desk)).forget();
        }
    };
    LISTENERS.with_borrow_mut(|listeners| {
        for name in ["click", "keyup"] {
            listeners.push(EventListener::new(&page, name, heard.clone()));
        }
    });
}

/// Asks who was at the line that is selected in the page's source.
fn look(desk: Desk) {
    let at = route().and_then(|route| {
        let (from, to) = route.lines?;
        let lines = if from == to { from.to_string() } else { format!("{from}-{to}") };
        Some(format!("{}:{lines}", route.file?))
    });
    desk.ask(&Ask::Flat(FlatAsk::There(at.unwrap_or_default())));
}
