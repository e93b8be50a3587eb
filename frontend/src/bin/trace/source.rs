//! The source of a call's line, with how often it ran, where the relay knows the program.

use std::cell::RefCell;
use std::rc::Rc;

use formats::{Notes, go_text};
use frontend::trace::lines::Lines;
use frontend::ui::dom::child;
use leptos::prelude::window;
use leptos::task::spawn_local;
use wasm_bindgen::JsCast;
use wasm_bindgen_futures::JsFuture;
use web_sys::{Element, Response};

use crate::frame::api;

/// Sources that are kept.
const KEPT: usize = 32;

thread_local! {
    static SOURCES: RefCell<Sources> = RefCell::default();
}

#[derive(Default)]
struct Sources {
    /// Which processes are looked at, as a parameter of the relay's; none for the newest builds.
    scope: String,
    texts: Vec<(String, Rc<str>)>,
}

/// A line of a source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SourceLine {
    /// Its text, without what it is indented by; empty where the relay has no such source.
    pub(crate) text: String,
    /// How often it ran; none where there is nothing to cover.
    pub(crate) count: Option<u64>,
}

/// From now on, lines are those of this process.
pub(crate) fn look_at(process: &str) {
    SOURCES.with_borrow_mut(|sources| {
        let handle = process.bytes().all(|byte| byte.is_ascii_digit());
        let name = if handle { "process" } else { "service" };
        *sources = Sources { scope: format!("{name}={process}"), texts: Vec::new() };
    });
}

/// The line of a file that a stack names; `None` where the relay knows nothing of it.
pub(crate) async fn source_of(file: &str, line: u32) -> Option<SourceLine> {
    let scope = SOURCES.with_borrow(|sources| sources.scope.clone());
    // Counts grow, so they are asked for each time.
    let profile = get(&api("profile", &scope)).await?;
    let profile = go_text::read("profile", profile.as_bytes(), &mut Notes::default()).ok()?;
    let found = Lines::of(profile).at(file, line)?;
    let known = SOURCES.with_borrow(|sources| {
        sources.texts.iter().find(|(path, _)| *path == found.path).map(|(_, text)| text.clone())
    });
    let text = match known {
        Some(text) => text,
        None => {
            let path: String = js_sys::encode_uri_component(&found.path).into();
            let address = api("source", &format!("{scope}&path={path}"));
            let text: Rc<str> = get(&address).await.unwrap_or_default().into();
            SOURCES.with_borrow_mut(|sources| {
                sources.texts.truncate(KEPT - 1);
                sources.texts.insert(0, (found.path.clone(), text.clone()));
            });
            text
        }
    };
    let at = usize::try_from(line).ok()?.checked_sub(1)?;
    let text = text.lines().nth(at).unwrap_or_default().trim().to_owned();
    Some(SourceLine { text, count: found.count })
}

/// Puts the line below what is told of a call, once the relay has answered.
pub(crate) fn show(call: &Element, file: &str, line: u32) {
    let (call, file) = (call.clone(), file.to_owned());
    spawn_local(async move {
        let Some(found) = source_of(&file, line).await else { return };
        let count = found.count.map(|count| format!("{count}× ")).unwrap_or_default();
        let place = child(&call, "code", "source-line");
        place.set_text_content(Some(&format!("{count}{}", found.text)));
        if let Some(count) = found.count {
            let covered = if count > 0 { "covered" } else { "uncovered" };
            let _ = place.set_attribute("data-line", covered);
        }
    });
}

async fn get(address: &str) -> Option<String> {
    let response = JsFuture::from(window().fetch_with_str(address)).await.ok()?;
    let response: Response = response.unchecked_into();
    if !response.ok() {
        return None;
    }
    JsFuture::from(response.text().ok()?).await.ok()?.as_string()
}
