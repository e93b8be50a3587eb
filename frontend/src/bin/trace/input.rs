//! Files, pointers, wheels and keys.

use frontend::trace::messages::{Action, Ask, Pointer, View, Wheel};
use frontend::ui::bind::{by_id, click, on};
use leptos::prelude::{GetUntracked, document, window};
use wasm_bindgen::JsCast;
use wasm_bindgen::prelude::Closure;
use web_sys::{
    Blob, DragEvent, Element, Event, FileList, HtmlDialogElement, HtmlElement, HtmlInputElement,
    KeyboardEvent, MediaQueryList, MessageEvent, PointerEvent, ResizeObserver, WheelEvent,
};

use crate::desk::{Desk, handed};
use crate::tools;

/// Listens to everything that comes from outside.
pub(crate) fn bind(desk: Desk) {
    files(desk);
    pointers(desk);
    keys(desk);
    let observer = Closure::<dyn FnMut()>::new(move || resized(desk));
    if let Ok(resizes) = ResizeObserver::new(observer.as_ref().unchecked_ref()) {
        resizes.observe(&by_id("stage"));
    }
    observer.forget();
    if let Some(dark) = prefers_dark() {
        on(&dark, "change", move |_: Event| themed(desk));
    }
}

/// Tells the worker whether the page is dark.
pub(crate) fn themed(desk: Desk) {
    let root = document().document_element();
    let theme = root.and_then(|root| root.get_attribute("data-theme"));
    let dark = match theme.as_deref() {
        Some("dark") => true,
        Some("light") => false,
        _ => prefers_dark().is_some_and(|dark| dark.matches()),
    };
    desk.ask(&Ask::Theme { dark });
}

fn prefers_dark() -> Option<MediaQueryList> {
    window().match_media("(prefers-color-scheme: dark)").ok().flatten()
}

/// Tells the worker the canvases' size.
pub(crate) fn resized(desk: Desk) {
    let stage = by_id("stage").get_bounding_client_rect();
    if stage.width() == 0.0 {
        // The page hides it; it comes back as it was.
        return;
    }
    let ratio = window().device_pixel_ratio();
    desk.ask(&Ask::Resize { width: stage.width(), height: stage.height(), ratio });
}

fn files(desk: Desk) {
    on(&window(), "dragover", |event: DragEvent| event.prevent_default());
    on(&window(), "drop", move |event: DragEvent| {
        event.prevent_default();
        let files = event.data_transfer().and_then(|transfer| transfer.files());
        desk.open_all(all(files));
    });
    on(&window(), "message", move |event: MessageEvent| {
        if event.origin() == window().location().origin().unwrap_or_default()
            && let Some((name, blob)) = handed(&event.data())
        {
            desk.open(&name, &blob);
        }
    });
    let picker: HtmlInputElement = by_id("file").unchecked_into();
    let field = picker.clone();
    on(&picker, "change", move |_: Event| {
        desk.open_all(all(field.files()));
        field.set_value("");
    });
    let picker = by_id("file");
    click(&by_id("open"), move || picker.click());
}

/// Files with their names.
fn all(files: Option<FileList>) -> Vec<(String, Blob)> {
    let files = files.iter().flat_map(|files| (0..files.length()).filter_map(|at| files.get(at)));
    files.map(|file| (file.name(), file.into())).collect()
}

fn pointers(desk: Desk) {
    let stage = by_id("stage");
    let kinds = [
        ("pointerdown", Action::Down),
        ("pointermove", Action::Move),
        ("pointerup", Action::Up),
        ("pointercancel", Action::Leave),
        ("pointerleave", Action::Leave),
    ];
    for (name, action) in kinds {
        let place = stage.clone();
        on(&stage, name, move |event: PointerEvent| {
            if action == Action::Down {
                let _ = place.set_pointer_capture(event.pointer_id());
                let _ = place.focus();
            }
            let (x, y) = inside(&place, event.client_x(), event.client_y());
            desk.ask(&Ask::Pointer(Pointer {
                action,
                id: event.pointer_id(),
                x,
                y,
                buttons: event.buttons(),
                shift: event.shift_key(),
            }));
        });
    }
    let place = stage.clone();
    on(&stage, "wheel", move |event: WheelEvent| {
        event.prevent_default();
        let (x, y) = inside(&place, event.client_x(), event.client_y());
        // Lines and pages of those mice that count in them.
        let unit = match event.delta_mode() {
            WheelEvent::DOM_DELTA_LINE => 16.0,
            WheelEvent::DOM_DELTA_PAGE => place.client_height().into(),
            _ => 1.0,
        };
        let (dx, dy) = (event.delta_x() * unit, event.delta_y() * unit);
        let zoom = event.ctrl_key() || event.meta_key();
        desk.ask(&Ask::Wheel(Wheel { x, y, dx, dy, zoom, shift: event.shift_key() }));
    });
}

fn inside(place: &HtmlElement, x: i32, y: i32) -> (f64, f64) {
    let place = place.get_bounding_client_rect();
    (f64::from(x) - place.left(), f64::from(y) - place.top())
}

/// Keys that mean something to whatever has the focus.
const OWN: [&str; 10] = [
    "Enter",
    " ",
    "ArrowUp",
    "ArrowDown",
    "ArrowLeft",
    "ArrowRight",
    "PageUp",
    "PageDown",
    "Home",
    "End",
];

fn keys(desk: Desk) {
    let help: HtmlDialogElement = by_id("help").unchecked_into();
    let shown = help.clone();
    click(&by_id("keys"), move || drop(shown.show_modal()));
    on(&document(), "keydown", move |event: KeyboardEvent| {
        let target = event.target().and_then(|target| target.dyn_into::<Element>().ok());
        let fits = |selector| {
            target.as_ref().is_some_and(|target| target.matches(selector).unwrap_or_default())
        };
        let key = event.key();
        let field = fits("input, select, textarea");
        if field || help.open() || event.ctrl_key() || event.meta_key() || event.alt_key() {
            return;
        }
        if OWN.contains(&key.as_str()) {
            if !fits("body, #stage") {
                return;
            }
            event.prevent_default();
        }
        match key.as_str() {
            "v" => desk.show(match desk.view.get_untracked() {
                View::Flat => View::Space,
                View::Space => View::Flat,
            }),
            "?" => drop(help.show_modal()),
            "/" => {
                event.prevent_default();
                tools::search();
            }
            _ => desk.ask(&Ask::Key { key, shift: event.shift_key() }),
        }
    });
}
