//! Files of programs that the relay knows.

use std::cell::RefCell;
use std::rc::Rc;

use formats::{Notes, go_text};
use frontend::session::api::scope_query;
use frontend::session::url::Route;
use frontend::trace::lines::Lines;
use leptos::prelude::window;
use wasm_bindgen::JsCast;
use wasm_bindgen_futures::JsFuture;
use web_sys::Response;

use super::{FRESH, KEPT, Measured, now};
use crate::frame::api;

/// Milliseconds for which counts are believed.
const COUNTED: f64 = 1_000.0;

thread_local! {
    static RELAY: RefCell<Relay> = RefCell::default();
}

#[derive(Default)]
struct Relay {
    /// Which processes are looked at, as parameters of the relay's; the newest builds where there
    /// are none.
    scope: String,
    /// Counts and when they were asked for, of a scope; none where there were none.
    counted: Option<(f64, String, Option<Rc<Lines>>)>,
    texts: Vec<(String, Rc<str>)>,
}

/// From now on, lines are those of this process.
pub(crate) fn look_at(process: &str) {
    let handle = process.bytes().all(|byte| byte.is_ascii_digit());
    let name = if handle { "process" } else { "service" };
    RELAY.set(Relay { scope: format!("{name}={process}"), ..Relay::default() });
}

/// Those of the files, as stacks name them, that the relay knows.
pub(super) async fn files(files: &[String], around: Option<&Route>) -> Vec<(String, Measured)> {
    let mut scope = RELAY.with_borrow(|relay| relay.scope.clone());
    if let (true, Some(route)) = (scope.is_empty(), around) {
        scope = scope_query(&route.scope, |_| None).trim_start_matches('&').to_owned();
        // Which number a process has only the page knows.
        if scope.starts_with("process=") {
            scope.clear();
        }
    }
    let Some(lines) = counted(&scope).await else { return Vec::new() };
    let mut found = Vec::new();
    for file in files {
        if let Some(lines) = lines.file(file) {
            let text = text(&scope, &lines.path).await;
            found.push((file.clone(), Measured { lines, text }));
        }
    }
    found
}

async fn counted(scope: &str) -> Option<Rc<Lines>> {
    let known = RELAY.with_borrow(|relay| {
        let (at, of, lines) = relay.counted.as_ref()?;
        let long = if lines.is_some() { COUNTED } else { FRESH };
        (of == scope && now() - at < long).then(|| lines.clone())
    });
    if let Some(lines) = known {
        return lines;
    }
    let profile = get(&api("profile", scope)).await;
    let lines = profile.and_then(|text| {
        let profile = go_text::read("profile", text.as_bytes(), &mut Notes::default()).ok()?;
        Some(Rc::new(Lines::of(profile)))
    });
    RELAY.with_borrow_mut(|relay| {
        relay.counted = Some((now(), scope.to_owned(), lines.clone()));
    });
    lines
}

async fn text(scope: &str, path: &str) -> Rc<str> {
    let known = RELAY.with_borrow(|relay| {
        relay.texts.iter().find(|(of, _)| of == path).map(|(_, text)| text.clone())
    });
    if let Some(text) = known {
        return text;
    }
    let encoded: String = js_sys::encode_uri_component(path).into();
    let address = api("source", &format!("{scope}&path={encoded}"));
    let text: Rc<str> = get(&address).await.unwrap_or_default().into();
    RELAY.with_borrow_mut(|relay| {
        relay.texts.truncate(KEPT - 1);
        relay.texts.insert(0, (path.to_owned(), text.clone()));
    });
    text
}

async fn get(address: &str) -> Option<String> {
    let response = JsFuture::from(window().fetch_with_str(address)).await.ok()?;
    let response: Response = response.unchecked_into();
    if !response.ok() {
        return None;
    }
    JsFuture::from(response.text().ok()?).await.ok()?.as_string()
}
