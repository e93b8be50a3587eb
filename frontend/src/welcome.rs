//! What a page without any process says.

use leptos::prelude::*;
use leptos::task::spawn_local;
use web_sys::HtmlElement;

use crate::session::Session;
use crate::session::live::Link;
use crate::ui::bind::{self, click, shown, text};

/// The command that it offers, as it stands in `index.html`.
const COMMAND: &str = "coverglass run ./cmd/yours";

/// What it says; that depends on the connection.
pub fn show(session: Session) -> HtmlElement {
    let welcome = bind::copy("welcome");
    for link in ["live", "connecting", "lost", "refused"] {
        let text = bind::at(&welcome, &format!("[data-link={link}]"));
        shown(&text, move || session.link.with(|now| word(now) == link));
    }
    text(&bind::at(&welcome, "[data-link=refused] p"), move || match session.link.get() {
        Link::Refused(reason) => reason,
        _ => String::new(),
    });
    let copy = bind::at(&welcome, "button");
    let button = copy.clone();
    click(&copy, move || {
        let button = button.clone();
        spawn_local(async move {
            let write = window().navigator().clipboard().write_text(COMMAND);
            if wasm_bindgen_futures::JsFuture::from(write).await.is_ok() {
                button.set_text_content(Some("Copied"));
            }
        });
    });
    welcome
}

fn word(link: &Link) -> &'static str {
    match link {
        Link::Live(_) => "live",
        Link::Connecting => "connecting",
        Link::Lost(_) => "lost",
        Link::Refused(_) => "refused",
        Link::Report => "report",
    }
}
