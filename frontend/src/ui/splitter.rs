//! A bar between two panes that is dragged, or moved with the arrow keys.

use crate::ui::state::State;
use gloo::storage::{LocalStorage, Storage};
use web_sys::{Element, KeyboardEvent, PointerEvent};

use super::bind::{attribute, body, effect, on};
use crate::session::paint;

/// Makes a bar of an element with ARIA's values, in pixels: its width at the start, the least and
/// the largest. `property` of the style sheet holds the width; the pane lies on the right of the
/// bar or on its left.
pub fn splitter(bar: &Element, property: &'static str, on_right: bool) {
    let number = |name| bar.get_attribute(name).and_then(|text| text.parse::<i32>().ok());
    let limits =
        (number("aria-valuemin").unwrap_or(0), number("aria-valuemax").unwrap_or(i32::MAX));
    let key = format!("coverglass{property}");
    let stored = LocalStorage::raw().get_item(&key).ok().flatten();
    let stored = stored.and_then(|text| text.parse().ok()).or_else(|| number("aria-valuenow"));
    let clamp = move |wanted: i32| wanted.min(limits.1).max(limits.0);
    let width = State::new(clamp(stored.unwrap_or(0)));

    attribute(bar, "aria-valuenow", move || width.get().to_string());
    let mut before = None;
    effect(move || {
        let width = width.get();
        let _ = body().style().set_property(property, &format!("{width}px"));
        if before.replace(width).is_some_and(|before| before != width) {
            let _ = LocalStorage::raw().set_item(&key, &width.to_string());
        }
        paint::request();
    });

    let dragged = State::new(None::<(i32, i32)>);
    let element = bar.clone();
    on(bar, "pointerdown", move |event: PointerEvent| {
        event.prevent_default();
        dragged.set(Some((event.client_x(), width.get_untracked())));
        let _ = element.set_pointer_capture(event.pointer_id());
    });
    on(bar, "pointermove", move |event: PointerEvent| {
        let Some((x, before)) = dragged.get_untracked() else { return };
        let by = event.client_x() - x;
        width.set(clamp(if on_right { before - by } else { before + by }));
    });
    for end in ["pointerup", "pointercancel"] {
        on(bar, end, move |_: PointerEvent| dragged.set(None));
    }
    on(bar, "keydown", move |event: KeyboardEvent| {
        let by = match event.key().as_str() {
            "ArrowLeft" => -16,
            "ArrowRight" => 16,
            _ => return,
        };
        event.prevent_default();
        event.stop_propagation();
        width.update(|width| *width = clamp(if on_right { *width - by } else { *width + by }));
    });
}
