//! `window.coverglass`: for pages that embed this one, for tests, and for measuring.
//!
//! ```text
//! coverglass.getState()    what is looked at, the connection, totals
//! coverglass.lastPaint     {frame, at, newest}: number of the last frame, when it was painted and
//!                          the time of the newest counts in it, both in Unix milliseconds
//! postMessage {type: "coverglass:get"}   from a page of the same origin, answered by
//!                          {type: "coverglass:state", state}
//! ```

use std::cell::{Cell, OnceCell};

use gloo::events::EventListener;
use js_sys::{Object, Reflect};
use leptos::prelude::*;
use wasm_bindgen::prelude::Closure;
use wasm_bindgen::{JsCast, JsValue};
use web_sys::MessageEvent;

use super::live::Link;
use super::{Session, api, read};

thread_local! {
    static LAST: OnceCell<Object> = const { OnceCell::new() };
    static FRAMES: Cell<f64> = const { Cell::new(0.0) };
}

/// Puts `window.coverglass` there.
pub fn serve(session: Session) {
    let api = Object::new();
    let get = Closure::<dyn Fn() -> JsValue>::new(move || state(session));
    let _ = Reflect::set(&api, &"getState".into(), get.as_ref());
    get.forget();
    let last = Object::new();
    let _ = Reflect::set(&api, &"lastPaint".into(), &last);
    LAST.with(|slot| {
        let _ = slot.set(last);
    });
    let _ = Reflect::set(&window(), &"coverglass".into(), &api);
    EventListener::new(&window(), "message", move |event| answer(session, event)).forget();
}

fn answer(session: Session, event: &web_sys::Event) {
    let Some(event) = event.dyn_ref::<MessageEvent>() else { return };
    let kind = Reflect::get(&event.data(), &"type".into()).ok().and_then(|kind| kind.as_string());
    let Some(source) = event.source().filter(|_| kind.as_deref() == Some("coverglass:get")) else {
        return;
    };
    let reply = Object::new();
    let _ = Reflect::set(&reply, &"type".into(), &"coverglass:state".into());
    let _ = Reflect::set(&reply, &"state".into(), &state(session));
    // Any page can open this one in a window and ask; only its own origin gets an answer.
    if window().location().origin().ok().as_deref() != Some(event.origin().as_str()) {
        return;
    }
    if let Ok(post) = Reflect::get(&source, &"postMessage".into())
        && let Ok(post) = post.dyn_into::<js_sys::Function>()
    {
        let _ = post.call2(&source, &reply, &JsValue::from_str(&event.origin()));
    }
}

#[expect(clippy::cast_precision_loss, reason = "totals stay far below 2^52")]
fn state(session: Session) -> JsValue {
    let link = session.link.get_untracked();
    let statements = read(|data| data.view.tree.total.statements);
    let word = match link {
        Link::Connecting => "connecting",
        Link::Live(_) => "live",
        Link::Lost(_) => "lost",
        Link::Report => "report",
        Link::Refused(_) => "refused",
    };
    let release = match link {
        Link::Live(release) => release.into(),
        _ => JsValue::NULL,
    };
    let numbers = read(|data| {
        let shape = data.view.shape();
        [
            data.view.members.len(),
            shape.packages().len(),
            shape.files().len(),
            shape.functions().len(),
            shape.n_units(),
        ]
        .map(|count| JsValue::from_f64(count as f64))
    });
    let [processes, packages, files, functions, units] = numbers;
    let fields = [
        ("version", env!("CARGO_PKG_VERSION").into()),
        ("link", word.into()),
        ("release", release),
        ("route", session.route.with_untracked(super::url::Route::to_hash).into()),
        ("processes", processes),
        ("packages", packages),
        ("files", files),
        ("functions", functions),
        ("units", units),
        ("statementsCovered", (statements.covered as f64).into()),
        ("statementsTotal", (statements.total as f64).into()),
        ("hitsPerSecond", session.header.with_untracked(|header| header.rate).into()),
        ("reading", session.opening.with_untracked(Option::is_some).into()),
        ("paused", session.paused.get_untracked().into()),
        ("recording", session.recording.get_untracked().is_some().into()),
    ];
    api::object(&fields).into()
}

/// Notes that a frame was painted.
#[expect(clippy::cast_precision_loss, reason = "a clock is below 2^52")]
pub(super) fn painted() {
    let Some(performance) = window().performance() else { return };
    let newest = read(|data| data.live.newest_ms) as f64;
    let frame = FRAMES.get() + 1.0;
    FRAMES.set(frame);
    LAST.with(|slot| {
        let Some(last) = slot.get() else { return };
        let at = performance.time_origin() + performance.now();
        for (name, value) in [("frame", frame), ("at", at), ("newest", newest)] {
            let _ = Reflect::set(last, &name.into(), &value.into());
        }
    });
}
