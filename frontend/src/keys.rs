//! The keyboard: what each key does, the overlay that lists them, and the palette.

use gloo::events::{EventListener, EventListenerOptions};
use leptos::prelude::*;
use wasm_bindgen::JsCast;
use web_sys::{HtmlElement, KeyboardEvent};

use crate::session::Session;
use crate::session::url::Tab;
use crate::source::go_uncovered;

/// Keys and what they do, as the overlay lists them.
pub const KEYS: &[(&str, &str)] = &[
    ("/", "Filter packages, files and functions"),
    ("n  p", "Next, previous uncovered code in the file"),
    ("m", "Mark: start or end a recording"),
    ("Space", "Pause or resume"),
    ("1  2  3", "Source, functions, recordings"),
    ("t", "Trace what is selected in the tree"),
    ("↑ ↓ ← →", "Move, open and close in the tree"),
    ("Enter", "Open the selected row"),
    ("Ctrl K  ⌘ K", "Go to any file, function or command"),
    ("Esc", "Close, clear, back to live counts"),
    ("?", "This list"),
];

/// What lies over the page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Overlay {
    /// The list of keys.
    Keys,
    /// The palette.
    Palette,
    /// The question before counts are reset.
    Reset,
}

/// Listens for keys as long as the page lives.
pub fn listen(session: Session, overlay: RwSignal<Option<Overlay>>) {
    let options = EventListenerOptions::enable_prevent_default();
    EventListener::new_with_options(&document(), "keydown", options, move |event| {
        let Some(event) = event.dyn_ref::<KeyboardEvent>() else { return };
        if pressed(session, overlay, event) {
            event.prevent_default();
        }
    })
    .forget();
}

fn pressed(session: Session, overlay: RwSignal<Option<Overlay>>, event: &KeyboardEvent) -> bool {
    let key = event.key();
    if (event.ctrl_key() || event.meta_key()) && key.eq_ignore_ascii_case("k") {
        overlay.set(Some(Overlay::Palette));
        return true;
    }
    // A dialog has its own keys, and a field its letters.
    if overlay.get_untracked().is_some() || event.ctrl_key() || event.meta_key() || event.alt_key()
    {
        return false;
    }
    let target = event.target().and_then(|target| target.dyn_into::<HtmlElement>().ok());
    let tag = target.as_ref().map(|target| target.tag_name()).unwrap_or_default();
    if tag == "INPUT" || tag == "SELECT" || tag == "TEXTAREA" {
        return false;
    }
    match key.as_str() {
        "?" => overlay.set(Some(Overlay::Keys)),
        "/" => focus("filter"),
        "n" => go_uncovered(false),
        "p" => go_uncovered(true),
        "m" => session.mark(),
        // On a button, space is a click.
        " " if tag != "BUTTON" => session.toggle_pause(),
        "1" => session.go(|route| route.tab = Tab::Source),
        "2" => session.go(|route| route.tab = Tab::Functions),
        "3" => session.go(|route| route.tab = Tab::Recordings),
        "t" => match session.selected.get_untracked() {
            Some(node) => crate::live::trace::toggle(session, node),
            None => session.fail("Select something in the tree to trace it"),
        },
        "Escape" => {
            session.notice.set(None);
            if session.lens.get_untracked().is_some() {
                session.lens.set(None);
            } else {
                session.adjust(|route| route.lines = None);
            }
        }
        _ => return false,
    }
    true
}

/// Moves the keyboard to an element.
pub fn focus(id: &str) {
    let element = document().get_element_by_id(id);
    if let Some(element) = element.and_then(|element| element.dyn_into::<HtmlElement>().ok()) {
        let _ = element.focus();
    }
}
