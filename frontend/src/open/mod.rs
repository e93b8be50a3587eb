//! Opening files: dropped, picked, pasted. What they hold goes to [`opened`].

pub mod frames;
pub mod list;
pub mod named;

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use gloo::timers::callback::Timeout;
use js_sys::{Array, Function};
use leptos::prelude::{document, window};
use leptos::task::spawn_local;
use wasm_bindgen::prelude::Closure;
use wasm_bindgen::{JsCast, JsValue};
use web_sys::{
    ClipboardEvent, DataTransfer, DragEvent, Element, Event, File, FileSystemDirectoryEntry,
    FileSystemDirectoryReader, FileSystemEntry, FileSystemFileEntry, HtmlElement, HtmlInputElement,
    MouseEvent,
};

use crate::session::Session;
use crate::session::opened::{self, Progress};
use crate::ui::bind::{self, attribute, by_id, on, shown, text};

/// Lets files come in from everywhere on the page.
pub fn bind(session: Session) {
    let overlay = by_id("drop");
    let (over, left) = (overlay.clone(), overlay.clone());
    on(&window(), "dragover", move |event: DragEvent| {
        if carries_files(event.data_transfer()) {
            event.prevent_default();
            if over.hidden() {
                over.set_hidden(false);
                // Whoever drags files will let go of them soon.
                opened::prepare(session);
            }
        }
    });
    on(&window(), "dragleave", move |event: DragEvent| {
        if event.related_target().is_none() {
            left.set_hidden(true);
        }
    });
    on(&window(), "drop", move |event: DragEvent| {
        overlay.set_hidden(true);
        if let Some(transfer) =
            event.data_transfer().filter(|_| carries_files(event.data_transfer()))
        {
            event.prevent_default();
            dropped(session, &transfer);
        }
    });
    on(&document(), "paste", move |event: ClipboardEvent| {
        let target = event.target().and_then(|target| target.dyn_into::<Element>().ok());
        let field =
            target.is_some_and(|target| target.matches("input, textarea").unwrap_or_default());
        let Some(transfer) = event.clipboard_data().filter(|_| !field) else { return };
        if carries_files(Some(transfer.clone())) {
            dropped(session, &transfer);
        } else if let Ok(text) = transfer.get_data("text") {
            pasted(session, &text);
        }
    });
    for id in ["open-files", "open-folder"] {
        let input: HtmlInputElement = by_id(id).unchecked_into();
        let field = input.clone();
        on(&input, "change", move |_: Event| {
            picked(session, &field);
            // The same files may be picked again.
            field.set_value("");
        });
    }
    on(&document(), "click", move |event: MouseEvent| {
        let target = event.target().and_then(|target| target.dyn_into::<Element>().ok());
        let button = target.and_then(|target| target.closest("[data-open]").ok().flatten());
        match button.and_then(|button| button.get_attribute("data-open")).as_deref() {
            Some("paste") => spawn_local(async move {
                let read = window().navigator().clipboard().read_text();
                match wasm_bindgen_futures::JsFuture::from(read).await {
                    Ok(text) => pasted(session, &text.as_string().unwrap_or_default()),
                    Err(_) => session.fail("The browser doesn't allow it; press Ctrl V instead"),
                }
            }),
            Some("cancel") => {
                WALK.with_borrow_mut(|walk| drop(walk.take()));
                opened::cancel(session);
            }
            Some("forget") => opened::forget(session),
            Some("report") => opened::report(session),
            Some(id) => by_id(id).click(),
            None => {}
        }
    });
    progress(session);
}

fn progress(session: Session) {
    let place = by_id("opening");
    let opening = session.opening;
    shown(&place, move || opening.with(|now| now.as_ref().is_some_and(|now| !now.text.is_empty())));
    text(&bind::at(&place, "span"), move || {
        opening.with(|now| now.as_ref().map_or(String::new(), |now| now.text.clone()))
    });
    attribute(&bind::at(&place, "progress"), "value", move || {
        opening.with(|now| now.as_ref().map_or(0, |now| now.thousandths)).to_string()
    });
}

fn carries_files(transfer: Option<DataTransfer>) -> bool {
    transfer.is_some_and(|transfer| transfer.types().includes(&"Files".into(), 0))
}

fn pasted(session: Session, text: &str) {
    if text.trim().is_empty() {
        session.fail("There is no text to paste");
        return;
    }
    let parts = Array::of1(&text.into());
    if let Ok(file) = File::new_with_str_sequence(&parts, "pasted text") {
        opened::open(session, &Array::of1(&"pasted text".into()), &Array::of1(&file));
    }
}

fn picked(session: Session, input: &HtmlInputElement) {
    let Some(list) = input.files() else { return };
    let (names, files) = (Array::new(), Array::new());
    for file in (0..list.length()).filter_map(|at| list.get(at)) {
        // Folders are in a property that is not in every type of every browser.
        let path = js_sys::Reflect::get(&file, &"webkitRelativePath".into()).ok();
        let path = path.and_then(|path| path.as_string()).filter(|path| !path.is_empty());
        names.push(&path.unwrap_or_else(|| file.name()).into());
        files.push(&file);
    }
    if names.length() > 0 {
        opened::open(session, &names, &files);
    }
}

/// Folders that are looked through.
struct Walk {
    session: Session,
    names: Array,
    files: Array,
    /// Files and folders that have yet to be looked at.
    entries: Array,
    /// Answers that are waited for.
    left: Cell<u32>,
}

/// Entries that are looked at in one go. The browser tells all answers that it has at once, and the
/// page stands still meanwhile.
const ENTRIES: u32 = 100;

thread_local! {
    /// The walk under way. One that is not this one any more was cancelled.
    static WALK: RefCell<Option<Rc<Walk>>> = const { RefCell::new(None) };
}

fn dropped(session: Session, transfer: &DataTransfer) {
    let [names, files, entries] = std::array::from_fn(|_| Array::new());
    let walk = Rc::new(Walk { session, names, files, entries, left: Cell::new(1) });
    WALK.set(Some(walk.clone()));
    let items = transfer.items();
    for item in (0..items.length()).filter_map(|at| items.get(at)) {
        match item.webkit_get_as_entry() {
            Ok(Some(entry)) => drop(walk.entries.push(&entry)),
            // What was copied is no entry of a file system.
            _ => {
                if let Ok(Some(file)) = item.get_as_file() {
                    walk.names.push(&file.name().into());
                    walk.files.push(&file);
                }
            }
        }
    }
    walk.done();
}

impl Walk {
    fn visit(self: &Rc<Self>, entry: &FileSystemEntry) {
        let path = entry.full_path();
        let path = path.trim_start_matches('/').to_owned();
        if entry.name().starts_with('.') && path.contains('/') {
            return;
        }
        if entry.is_file() {
            let entry: &FileSystemFileEntry = entry.unchecked_ref();
            let walk = self.clone();
            let found = move |file: JsValue| {
                walk.names.push(&path.into());
                walk.files.push(&file);
                walk.done();
            };
            let (found, failed) = self.answers(found);
            entry.file_with_callback_and_callback(&found, &failed);
        } else if entry.is_directory() {
            let entry: &FileSystemDirectoryEntry = entry.unchecked_ref();
            self.next(entry.create_reader());
        }
    }

    /// Asks for more of a folder; browsers give some entries at a time, and none at its end.
    fn next(self: &Rc<Self>, reader: FileSystemDirectoryReader) {
        let (walk, more) = (self.clone(), reader.clone());
        let found = move |entries: JsValue| {
            let entries: Array = entries.unchecked_into();
            for entry in entries.iter() {
                walk.entries.push(&entry);
            }
            if entries.length() > 0 && walk.is_current() {
                let text = format!("Looking through folders: {} files", walk.names.length());
                walk.session.opening.set(Some(Progress { thousandths: 0, text }));
                walk.next(more);
            }
            walk.done();
        };
        let (found, failed) = self.answers(found);
        let _ = reader.read_entries_with_callback_and_callback(&found, &failed);
    }

    /// What is called when the browser has an answer, and when it has none.
    fn answers(self: &Rc<Self>, found: impl FnOnce(JsValue) + 'static) -> (Function, Function) {
        self.left.set(self.left.get() + 1);
        let walk = self.clone();
        let found = Closure::once_into_js(found).unchecked_into();
        (found, Closure::once_into_js(move |_: JsValue| walk.done()).unchecked_into())
    }

    fn is_current(self: &Rc<Self>) -> bool {
        WALK.with_borrow(|walk| walk.as_ref().is_some_and(|walk| Rc::ptr_eq(walk, self)))
    }

    fn done(self: &Rc<Self>) {
        self.left.set(self.left.get() - 1);
        if self.left.get() > 0 || !self.is_current() {
            return;
        }
        if self.entries.length() > 0 {
            // Answers that come while others are heard are heard in the same task.
            let walk = self.clone();
            let more = move || {
                walk.left.set(1);
                for _ in 0..ENTRIES.min(walk.entries.length()) {
                    walk.visit(walk.entries.pop().unchecked_ref());
                }
                walk.done();
            };
            Timeout::new(0, more).forget();
            return;
        }
        WALK.set(None);
        self.session.opening.set(None);
        if self.names.length() > 0 {
            opened::open(self.session, &self.names, &self.files);
        }
    }
}

/// Marks what is only for running programs, so that the style sheet hides it for opened profiles.
pub fn mark(session: Session) {
    let root: HtmlElement = bind::body();
    attribute(&root, "data-look", move || {
        if session.route.with(|route| route.scope.is_opened()) { "opened" } else { "" }
    });
}
