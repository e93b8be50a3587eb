//! The keyboard: what each key does, and where it goes.

use leptos::prelude::*;
use wasm_bindgen::JsCast;
use web_sys::{HtmlElement, KeyboardEvent};

use crate::dialogs::{self, Dialog};
use crate::patch;
use crate::session::Session;
use crate::session::url::Tab;
use crate::source::go_uncovered;
use crate::ui::bind::on;

/// What has the letters for itself. The field of a dialog that has just closed keeps the focus
/// until the next frame.
const FIELDS: &str = ":is(input, select, textarea):not(dialog:not([open]) *)";

/// Listens for keys as long as the page lives. The dialog in `index.html` lists them.
pub fn listen(session: Session) {
    on(&document(), "keydown", move |event: KeyboardEvent| {
        if pressed(session, &event) {
            event.prevent_default();
        }
    });
}

fn pressed(session: Session, event: &KeyboardEvent) -> bool {
    let key = event.key();
    if (event.ctrl_key() || event.meta_key()) && key.eq_ignore_ascii_case("k") {
        Dialog::Palette.open();
        return true;
    }
    // A dialog has its own keys, and a field its letters.
    if event.ctrl_key() || event.meta_key() || event.alt_key() || dialogs::any_open() {
        return false;
    }
    let target = event.target().and_then(|target| target.dyn_into::<HtmlElement>().ok());
    let tag = target.as_ref().map(|target| target.tag_name()).unwrap_or_default();
    if target.is_some_and(|target| target.matches(FIELDS).unwrap_or_default()) {
        return false;
    }
    if session.is_report() && matches!(key.as_str(), "m" | " " | "t" | "3") {
        return false;
    }
    match key.as_str() {
        "?" => Dialog::Keys.open(),
        "/" => focus("filter"),
        "n" => go_uncovered(false),
        "p" => go_uncovered(true),
        "m" => session.mark(),
        // On a button, space is a click.
        " " if tag != "BUTTON" => session.toggle_pause(),
        "1" => session.go(|route| route.tab = Tab::Source),
        "2" => session.go(|route| route.tab = Tab::Functions),
        "3" => session.go(|route| route.tab = Tab::Recordings),
        "4" if session.diff.with_untracked(Option::is_some) => {
            session.go(|route| route.tab = Tab::Patch);
        }
        "N" => patch::go(session, false),
        "P" => patch::go(session, true),
        "t" => match session.selected.get_untracked() {
            Some(node) => crate::live::trace::toggle(session, node),
            None => session.fail("Select something in the tree to trace it"),
        },
        "Escape" => {
            session.notice.set(None);
            if session.lens.get_untracked().is_some() {
                session.lens.set(None);
            } else if session.route.with_untracked(|route| route.tab == Tab::Patch) {
                session.go(|route| route.tab = Tab::Source);
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
