//! Going from place to place: the route signal and the address stay the same.

use gloo::events::EventListener;
use leptos::prelude::*;
use wasm_bindgen::JsValue;

use super::Session;
use super::url::Route;

/// What the address says.
pub fn current() -> Route {
    Route::from_hash(&window().location().hash().unwrap_or_default())
}

/// Follows back, forward, and links typed by hand.
pub fn follow(session: Session) {
    for event in ["popstate", "hashchange"] {
        EventListener::new(&window(), event, move |_| {
            let route = current();
            if session.route.with_untracked(|known| *known != route) {
                session.route.set(route);
                super::paint::request();
            }
        })
        .forget();
    }
}

impl Session {
    /// Goes somewhere else; the way back is kept.
    pub fn go(self, change: impl FnOnce(&mut Route)) {
        self.change(change, true);
    }

    /// Adjusts what is looked at, without a step in the history.
    pub fn adjust(self, change: impl FnOnce(&mut Route)) {
        self.change(change, false);
    }

    fn change(self, change: impl FnOnce(&mut Route), step: bool) {
        let known = self.route.get_untracked();
        let mut route = known.clone();
        change(&mut route);
        if route.scope != known.scope {
            // Another profile has other tests.
            route.test.clear();
        }
        if known == route {
            return;
        }
        if let Ok(history) = window().history() {
            let hash = route.to_hash();
            let _ = if step {
                history.push_state_with_url(&JsValue::NULL, "", Some(&hash))
            } else {
                history.replace_state_with_url(&JsValue::NULL, "", Some(&hash))
            };
        }
        self.route.set(route);
        super::paint::request();
    }
}
