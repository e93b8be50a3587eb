//! What lies over the page: the list of keys, the palette, and the question before a reset.

use leptos::task::spawn_local;
use wasm_bindgen::JsCast;
use web_sys::{HtmlDialogElement, MouseEvent};

use crate::palette;
use crate::session::scope::Scope;
use crate::session::{Session, api, opened, read};
use crate::ui::bind::{self, by_id, click, on, text};

/// A dialog of the page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dialog {
    /// The list of keys.
    Keys,
    /// The palette.
    Palette,
    /// The question before counts are reset.
    Reset,
}

impl Dialog {
    const ALL: [Dialog; 3] = [Dialog::Keys, Dialog::Palette, Dialog::Reset];

    /// Its element.
    pub fn element(self) -> HtmlDialogElement {
        let id = match self {
            Dialog::Keys => "dialog-keys",
            Dialog::Palette => "dialog-palette",
            Dialog::Reset => "dialog-reset",
        };
        by_id(id).unchecked_into()
    }

    /// Opens it, in the place of one that is open. The keyboard is in it at once.
    pub fn open(self) {
        let element = self.element();
        if !element.open() {
            close();
            let _ = element.show_modal();
        }
    }
}

/// Whether a dialog is open: it has its own keys.
pub fn any_open() -> bool {
    Dialog::ALL.into_iter().any(|dialog| dialog.element().open())
}

/// Closes the one that is open.
pub fn close() {
    for dialog in Dialog::ALL.into_iter().map(Dialog::element).filter(HtmlDialogElement::open) {
        dialog.close();
    }
}

/// Brings the dialogs in `index.html` to life.
pub fn bind(session: Session) {
    for dialog in Dialog::ALL {
        let element = dialog.element();
        let own = element.clone();
        on(&element, "click", move |event: MouseEvent| {
            // A click beside the dialog hits the dialog element itself.
            if event.target().as_ref() == Some(own.as_ref()) {
                close();
            }
        });
        if dialog != Dialog::Palette {
            click(&bind::at(&element, ".close"), close);
        }
    }
    palette::bind(session);

    let reset_dialog = Dialog::Reset.element();
    text(&bind::at(&reset_dialog, ".what"), move || {
        session.structure.track();
        session.route.with(|route| match &route.scope {
            Scope::Newest => "all services".to_owned(),
            Scope::Service(service) | Scope::Build(service, _) => format!("the service {service}"),
            scope @ (Scope::Process(_) | Scope::Opened(_)) => read(|data| scope.title(&data.live)),
        })
    });
    click(&bind::at(&reset_dialog, ".danger"), move || {
        close();
        reset(session);
    });
}

fn reset(session: Session) {
    let (service, process) = match session.route.with_untracked(|route| route.scope.clone()) {
        Scope::Newest => (None, None),
        Scope::Service(service) | Scope::Build(service, _) => (Some(service), None),
        Scope::Process(key) => (None, handle_of(&key)),
        Scope::Opened(_) => {
            session.stands_still();
            return;
        }
    };
    spawn_local(async move {
        match api::reset(api::Reset { service, process }).await {
            Ok(()) => session.tell("Counts start again from 0"),
            Err(error) => session.fail(format!("The counts can't be reset: {}", error.text())),
        }
    });
}

/// The relay's number of the process with this key.
fn handle_of(key: &str) -> Option<u32> {
    read(|data| {
        let mut processes = data.live.processes.iter();
        processes.find(|process| process.key() == key).map(|process| process.info.handle)
    })
}

/// Gives the person the relay's profile of what is looked at.
pub fn download(session: Session) {
    let scope = session.route.with_untracked(|route| route.scope.clone());
    if session.is_report() || scope.is_opened() {
        return saved(session, &opened::counts());
    }
    let query = api::scope_query(&scope, handle_of);
    spawn_local(async move {
        match api::profile(&query).await {
            Ok(text) => saved(session, &text),
            Err(error) => session.fail(format!("There is no profile: {}", error.text())),
        }
    });
}

fn saved(session: Session, text: &str) {
    api::save("coverage.out", text);
    session.tell("Saved as coverage.out; go tool cover reads it");
}
