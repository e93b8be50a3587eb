//! The address: what is looked at stands in it, so that a link shows the same.

use std::cell::RefCell;

use frontend::trace::address::Address;
use frontend::trace::messages::View;
use frontend::ui::bind::{effect, on};
use leptos::prelude::{Get, window};
use wasm_bindgen::JsValue;
use web_sys::Event;

use crate::desk::Desk;
use crate::space::SpaceDesk;

thread_local! {
    static ADDRESS: RefCell<Address> = RefCell::default();
}

/// Keeps the address up to date, and follows it when it is changed.
pub(crate) fn bind(desk: Desk) {
    on(&window(), "hashchange", move |_: Event| read(desk));
    effect(move || {
        // Before, the address has not been read.
        if !desk.ready.get() {
            return;
        }
        let view = desk.view.get();
        ADDRESS.with_borrow_mut(|address| {
            address.set("view", if view == View::Space { "3d" } else { "" });
            desk.flat.write(address);
            desk.space.write(address);
            let hash = address.write();
            let location = window().location();
            if location.hash().is_ok_and(|old| old != hash) {
                replace(&format!("{}{hash}", location.search().unwrap_or_default()));
            }
        });
    });
}

/// Looks at what the address says.
pub(crate) fn read(desk: Desk) {
    let address = Address::read(&window().location().hash().unwrap_or_default());
    let view = if address.value("view") == Some("3d") { View::Space } else { View::Flat };
    desk.show(view);
    desk.flat.read(desk, &address);
    SpaceDesk::read(desk, &address);
    ADDRESS.set(address);
}

/// Another trace was opened than the one that the address speaks of.
pub(crate) fn forget() {
    replace("");
}

/// Puts another query and fragment behind the document's own address.
fn replace(rest: &str) {
    let location = window().location();
    // With its origin: a path that begins with two slashes would name a host.
    let origin = location.origin().unwrap_or_default();
    let path = location.pathname().unwrap_or_default();
    if let Ok(history) = window().history() {
        let url = format!("{origin}{path}{rest}");
        let _ = history.replace_state_with_url(&JsValue::NULL, "", Some(&url));
    }
}
