//! The data of a report: a file that is this page with a profile and its sources inside.
//!
//! What starts a report unpacks it first, and leaves `window.coverglassReport` with
//! `frames`, the messages of a relay in one, and `source`, a function that gives the text of the
//! source with an id, in hex. See `shared/report`.

use js_sys::{Function, Reflect, Uint8Array};
use leptos::prelude::window;
use wasm_bindgen::{JsCast, JsValue};

use super::live::{self, Link};
use super::{Session, write};

fn report() -> Option<JsValue> {
    let report = Reflect::get(&window(), &"coverglassReport".into()).ok()?;
    report.is_object().then_some(report)
}

/// Shows the report, if this is one.
pub(super) fn open(session: Session) -> bool {
    let Some(report) = report() else { return false };
    let frames = Reflect::get(&report, &"frames".into()).unwrap_or_default();
    match live::receive(session, &Uint8Array::new(&frames).to_vec()) {
        Ok(()) => session.link.set(Link::Report),
        Err(error) => session.link.set(Link::Refused(format!("the report is damaged ({error})"))),
    }
    write(|data| {
        // A file does not know when things happened.
        for column in data.live.processes.iter_mut().flat_map(|process| &mut process.columns) {
            column.last.fill(0);
        }
    });
    true
}

/// The source with this id, in hex, if this is a report: `None` inside where it has none.
pub(super) fn source(id: &str) -> Option<Option<String>> {
    let report = report()?;
    let source = Reflect::get(&report, &"source".into()).ok()?.dyn_into::<Function>().ok()?;
    Some(source.call1(&report, &id.into()).ok().and_then(|text| text.as_string()))
}

impl Session {
    /// Whether this is a report, in which nothing happens.
    pub fn is_report(self) -> bool {
        self.link.with_untracked(|link| *link == Link::Report)
    }
}
