//! Traces that come with the page: a list of links, each of which opens one.

use frontend::ui::bind::{by_id, on};
use leptos::prelude::{Set, window};
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::{JsFuture, spawn_local};
use web_sys::{Blob, Element, MouseEvent, PointerEvent, Response, WheelEvent};

use crate::desk::Desk;

/// Name of the trace in an address: `?gallery=NAME`.
const QUERY: &str = "gallery=";

/// Opens what is clicked in the list.
pub(crate) fn bind(desk: Desk) {
    let list = by_id("gallery");
    // The stage below would take the pointer and the wheel for its own.
    for place in [&list, &by_id("live")] {
        on(place, "pointerdown", |event: PointerEvent| event.stop_propagation());
        on(place, "wheel", |event: WheelEvent| event.stop_propagation());
    }
    on(&list, "click", move |event: MouseEvent| {
        let target = event.target().and_then(|target| target.dyn_into::<Element>().ok());
        let link = target.and_then(|target| target.closest("a").ok().flatten());
        let address = link.and_then(|link| link.get_attribute("href"));
        let Some(address) = address.filter(|_| !event.ctrl_key() && !event.meta_key()) else {
            return;
        };
        if let Some(name) = name(&address) {
            event.prevent_default();
            if let Ok(history) = window().history() {
                // So that the address can be given to others.
                let _ = history.replace_state_with_url(&JsValue::NULL, "", Some(&address));
            }
            spawn_local(open(desk, name));
        }
    });
}

/// Opens the trace that the document's own address names, if it names one.
pub(crate) fn open_from_address(desk: Desk) {
    let search = window().location().search().unwrap_or_default();
    if let Some(name) = name(&search) {
        spawn_local(open(desk, name));
    }
}

/// The name in an address's query. Only letters can stand for a trace, so that nothing else of the
/// server can be asked for.
fn name(query: &str) -> Option<String> {
    let parts = query.trim_start_matches('?').split('&');
    let name = parts.filter_map(|part| part.strip_prefix(QUERY)).next()?;
    let is_name = !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_lowercase());
    is_name.then(|| name.to_owned())
}

async fn open(desk: Desk, name: String) {
    let mut names = vec![format!("{name}.trace")];
    let link = format!("a[href=\"?gallery={name}\"][data-channels]");
    if by_id("gallery").query_selector(&link).is_ok_and(|link| link.is_some()) {
        names.push(format!("{name}.channels.gz"));
    }
    let mut files = Vec::new();
    for name in names {
        match fetch(&format!("/gallery/{name}")).await {
            Ok(blob) => files.push((name, blob)),
            Err(reason) => desk.failed.set(format!("cannot read {name}: {reason}")),
        }
    }
    desk.open_all(files);
}

async fn fetch(address: &str) -> Result<Blob, String> {
    let unreachable = |_| "it can't be fetched".to_owned();
    let response = JsFuture::from(window().fetch_with_str(address)).await.map_err(unreachable)?;
    let response: Response = response.unchecked_into();
    if !response.ok() {
        return Err(format!("the server answered {}", response.status()));
    }
    let blob = JsFuture::from(response.blob().map_err(unreachable)?).await.map_err(unreachable)?;
    Ok(blob.unchecked_into())
}
