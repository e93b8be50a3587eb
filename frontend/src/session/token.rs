//! The token that a relay may ask for.
//!
//! It comes once as `?token=…`, stays in this tab's session storage, and is taken out of the
//! address so that a copied link doesn't carry it.

use gloo::storage::{SessionStorage, Storage};
use leptos::prelude::window;
use wasm_bindgen::JsValue;

const KEY: &str = "coverglass.token";

/// Takes the token out of the address.
pub fn take() {
    let location = window().location();
    let search = location.search().unwrap_or_default();
    let mut kept = Vec::new();
    let mut token = None;
    for field in search.trim_start_matches('?').split('&').filter(|field| !field.is_empty()) {
        match field.strip_prefix("token=") {
            Some(value) => token = Some(value.to_owned()),
            None => kept.push(field),
        }
    }
    let Some(token) = token else { return };
    if SessionStorage::raw().set_item(KEY, &token).is_err() {
        // Without storage the token must stay where it is.
        return;
    }
    let path = location.pathname().unwrap_or_default();
    let query = if kept.is_empty() { String::new() } else { format!("?{}", kept.join("&")) };
    let hash = location.hash().unwrap_or_default();
    if let Ok(history) = window().history() {
        let address = format!("{path}{query}{hash}");
        let _ = history.replace_state_with_url(&JsValue::NULL, "", Some(&address));
    }
}

/// The token, percent-encoded as it came.
pub fn stored() -> Option<String> {
    SessionStorage::raw().get_item(KEY).ok().flatten().filter(|token| !token.is_empty())
}
