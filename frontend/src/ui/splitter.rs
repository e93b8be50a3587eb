//! A bar between two panes that is dragged, or moved with the arrow keys.

use gloo::storage::{LocalStorage, Storage};
use leptos::prelude::*;
use wasm_bindgen::JsCast;
use web_sys::{Element, KeyboardEvent, PointerEvent};

use crate::session::paint;

/// What a splitter sizes.
#[derive(Debug, Clone, Copy)]
pub struct Pane {
    /// Its name for those who don't see it.
    pub label: &'static str,
    /// Custom property of the style sheet that holds the width.
    pub property: &'static str,
    /// Width at the start, in pixels.
    pub width: i32,
    /// Least and largest width.
    pub limits: (i32, i32),
    /// Whether the pane lies on the right of the bar.
    pub on_right: bool,
}

/// The bar.
#[component]
pub fn Splitter(pane: Pane) -> impl IntoView {
    let key = format!("coverglass{}", pane.property);
    let stored = LocalStorage::raw().get_item(&key).ok().flatten();
    let width = RwSignal::new(stored.and_then(|text| text.parse().ok()).unwrap_or(pane.width));
    let clamp = move |wanted: i32| wanted.clamp(pane.limits.0, pane.limits.1);
    Effect::new(move |before: Option<i32>| {
        let width = clamp(width.get());
        if let Some(body) = document().body() {
            let _ = body.style().set_property(pane.property, &format!("{width}px"));
        }
        if before.is_some_and(|before| before != width) {
            let _ = LocalStorage::raw().set_item(&key, &width.to_string());
        }
        paint::request();
        width
    });
    let dragged = RwSignal::new(None::<(i32, i32)>);
    let down = move |event: PointerEvent| {
        event.prevent_default();
        dragged.set(Some((event.client_x(), width.get_untracked())));
        if let Some(element) = event.target().and_then(|target| target.dyn_into::<Element>().ok()) {
            let _ = element.set_pointer_capture(event.pointer_id());
        }
    };
    let moved = move |event: PointerEvent| {
        let Some((x, before)) = dragged.get_untracked() else { return };
        let by = event.client_x() - x;
        width.set(clamp(if pane.on_right { before - by } else { before + by }));
    };
    let key = move |event: KeyboardEvent| {
        let by = match event.key().as_str() {
            "ArrowLeft" => -16,
            "ArrowRight" => 16,
            _ => return,
        };
        event.prevent_default();
        event.stop_propagation();
        width.update(|width| *width = clamp(if pane.on_right { *width - by } else { *width + by }));
    };
    view! {
        <div
            class=if pane.on_right { "splitter before" } else { "splitter after" }
            role="separator"
            aria-orientation="vertical"
            aria-label=pane.label
            aria-valuenow=move || clamp(width.get()).to_string()
            aria-valuemin=pane.limits.0.to_string()
            aria-valuemax=pane.limits.1.to_string()
            tabindex="0"
            on:pointerdown=down
            on:pointermove=moved
            on:pointerup=move |_| dragged.set(None)
            on:pointercancel=move |_| dragged.set(None)
            on:keydown=key
        ></div>
    }
}
