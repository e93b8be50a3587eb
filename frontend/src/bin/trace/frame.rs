//! Where the trace comes from that nobody dropped here: the page around, or the relay.

use frontend::session::token;
use frontend::ui::bind::by_id;
use frontend::ui::dom::child;
use js_sys::{Array, Reflect};
use leptos::prelude::window;
use leptos::task::spawn_local;
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;
use web_sys::Response;

use crate::desk::Desk;
use crate::{around, flow, source};

/// Opens what there is to open, once the worker is there.
pub(crate) fn start(desk: Desk) {
    token::take();
    around::open(desk);
    let search = window().location().search().unwrap_or_default();
    let mut fields = search.trim_start_matches('?').split('&');
    match fields.find_map(|field| field.strip_prefix("live=")) {
        Some(process) => {
            source::look_at(process);
            let address = api("trace", &format!("process={process}"));
            let name = js_sys::decode_uri_component(process);
            let name: String = name.map_or_else(|_| process.to_owned(), Into::into);
            flow::follow(&name);
            desk.follow(name, address);
        }
        None => spawn_local(list()),
    }
}

/// An address of the relay.
pub(crate) fn api(path: &str, query: &str) -> String {
    let token = token::stored().map(|token| format!("&token={token}")).unwrap_or_default();
    let origin = window().location().origin().unwrap_or_default();
    format!("{origin}/api/v1/{path}?{query}{token}")
}

/// Links to the traces that the relay has, if there is a relay.
async fn list() {
    let get = |of: &JsValue, name: &str| Reflect::get(of, &name.into()).unwrap_or_default();
    let address = api("traces", "");
    let Ok(response) = JsFuture::from(window().fetch_with_str(&address)).await else { return };
    let response: Response = response.unchecked_into();
    let Ok(body) = response.json() else { return };
    let Ok(body) = JsFuture::from(body).await else { return };
    let Ok(traces) = get(&body, "traces").dyn_into::<Array>() else { return };
    let place = by_id("live");
    for trace in traces.iter() {
        let name = get(&trace, "name").as_string().unwrap_or_default();
        let process = get(&trace, "process").as_f64().map(|handle| handle.to_string());
        let link = child(&place, "a", "");
        link.set_text_content(Some(&name));
        let process = process.unwrap_or_else(|| js_sys::encode_uri_component(&name).into());
        let _ = link.set_attribute("href", &format!("/trace.html?live={process}"));
    }
    place.set_hidden(traces.length() == 0);
}
