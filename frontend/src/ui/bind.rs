//! Binds the markup of `index.html` to signals.
//!
//! What the page is made of stands in `index.html`, as elements or, for what appears later, in a
//! `<template>`. This fills it: one piece of code for each kind of binding, with a boxed closure,
//! where a view's macro makes 1 to 3 KB of Wasm for each element.
//!
//! Effects and listeners belong to the owner in which they are made. Inside of a [`part`] that is
//! the part: they end when it is made anew or goes. Effects run at once, and again in a
//! microtask when what they read changes.
//!
//! ```ignore
//! let tool = bind::copy("tool-template");
//! bind::text(&bind::at(&tool, ".name"), move || name.get());
//! bind::flag(&tool, "aria-pressed", move || chosen.get());
//! bind::click(&tool, move || chosen.set(true));
//! ```

use std::borrow::Cow;

use leptos::prelude::{LocalStorage, RenderEffect, StoredValue, WithValue, document, on_cleanup};
use wasm_bindgen::JsCast;
use wasm_bindgen::prelude::Closure;
use web_sys::{Element, Event, EventTarget, HtmlElement, HtmlInputElement, HtmlTemplateElement};

use super::state::Derived;

type Value = Cow<'static, str>;

/// The page's body.
///
/// # Panics
/// Before the browser has read the body's start tag.
pub fn body() -> HtmlElement {
    found(document().body().map(Into::into), "body")
}

/// The element with this id.
///
/// # Panics
/// When the page has none, which is a mistake in this crate; so for all that looks for markup.
pub fn by_id(id: &str) -> HtmlElement {
    found(document().get_element_by_id(id), id)
}

/// The first element below `root` that a selector fits.
///
/// # Panics
/// When there is none.
pub fn at(root: &Element, selector: &str) -> HtmlElement {
    found(root.query_selector(selector).ok().flatten(), selector)
}

/// A copy of what the template with this id holds: one element.
///
/// # Panics
/// When there is no such template, or it is empty.
pub fn copy(id: &str) -> HtmlElement {
    let template: HtmlTemplateElement = by_id(id).unchecked_into();
    let first = template.content().first_element_child();
    let copy = first.and_then(|element| element.clone_node_with_deep(true).ok());
    found(copy.map(JsCast::unchecked_into), id)
}

fn found(element: Option<Element>, name: &str) -> HtmlElement {
    let Some(element) = element else { panic!("no {name}") };
    element.unchecked_into()
}

/// Runs now, and again when what it reads changes.
pub fn effect(run: impl FnMut() + 'static) {
    effect_of(Box::new(run));
}

fn effect_of(mut run: Box<dyn FnMut()>) {
    let effect = RenderEffect::new(move |_: Option<()>| run());
    on_cleanup(move || drop(effect));
}

/// A number, text or choice that is computed and compared before it goes on.
pub fn memo<T: PartialEq + Send + Sync + 'static>(
    compute: impl Fn() -> T + Send + Sync + 'static,
) -> Derived<T> {
    Derived::new(compute)
}

/// Keeps the text of an element.
pub fn text<S: Into<Value>>(element: &Element, mut text: impl FnMut() -> S + 'static) {
    keep(element, None, Box::new(move || text().into()));
}

/// Keeps an attribute; an empty value takes it away.
pub fn attribute<S: Into<Value>>(
    element: &Element,
    name: &'static str,
    mut value: impl FnMut() -> S + 'static,
) {
    keep(element, Some(name), Box::new(move || value().into()));
}

/// Keeps an attribute `true` or `false`, as ARIA has them.
pub fn flag(element: &Element, name: &'static str, mut flag: impl FnMut() -> bool + 'static) {
    attribute(element, name, move || if flag() { "true" } else { "false" });
}

/// Shows an element while `when` holds.
pub fn shown(element: &Element, mut when: impl FnMut() -> bool + 'static) {
    attribute(element, "hidden", move || if when() { "" } else { "hidden" });
}

fn keep(element: &Element, name: Option<&'static str>, mut value: Box<dyn FnMut() -> Value>) {
    let element = element.clone();
    let mut last = None;
    effect_of(Box::new(move || {
        let value = value();
        if last.as_ref() == Some(&value) {
            return;
        }
        match name {
            None => element.set_text_content(Some(&value)),
            Some(name) => set(&element, name, &value),
        }
        last = Some(value);
    }));
}

/// Sets an attribute; an empty value takes it away.
pub fn set(element: &Element, name: &str, value: &str) {
    let _ = if value.is_empty() {
        element.remove_attribute(name)
    } else {
        element.set_attribute(name, value)
    };
}

/// Keeps what an input or a select holds.
pub fn value<S: Into<Value>>(element: &Element, mut value: impl FnMut() -> S + 'static) {
    let element: HtmlInputElement = element.clone().unchecked_into();
    effect(move || {
        let value = value().into();
        if element.value() != value {
            element.set_value(&value);
        }
    });
}

/// Keeps the elements in `place`: all of them are made anew when what `make` reads changes.
pub fn part(place: &Element, make: impl FnMut() -> Vec<HtmlElement> + 'static) {
    part_of(place.clone(), Box::new(make));
}

fn part_of(place: Element, mut make: Box<dyn FnMut() -> Vec<HtmlElement>>) {
    effect_of(Box::new(move || {
        let elements = make();
        place.set_text_content(None);
        for element in elements {
            let _ = place.append_child(&element);
        }
    }));
}

/// Listens; `E` is the event's type, on which nothing checks.
pub fn on<E: JsCast + 'static>(
    target: &EventTarget,
    event: &'static str,
    mut run: impl FnMut(E) + 'static,
) {
    on_event(target, event, Box::new(move |event: Event| run(event.unchecked_into())));
}

fn on_event(target: &EventTarget, event: &'static str, run: Box<dyn FnMut(Event)>) {
    let target = target.clone();
    let closure = Closure::wrap(run);
    let _ = target.add_event_listener_with_callback(event, closure.as_ref().unchecked_ref());
    let listener = StoredValue::<_, LocalStorage>::new_local((target, closure));
    // What an owner stored is forgotten after its clean-up.
    on_cleanup(move || {
        listener.with_value(|(target, closure)| {
            let listener = closure.as_ref().unchecked_ref();
            let _ = target.remove_event_listener_with_callback(event, listener);
        });
    });
}

/// Listens for clicks.
pub fn click(element: &Element, mut run: impl FnMut() + 'static) {
    on_event(element, "click", Box::new(move |_| run()));
}

/// Listens to what is typed or chosen in an input or a select: `input` for every letter, `change`
/// for what is done.
pub fn edited(element: &Element, event: &'static str, mut run: impl FnMut(String) + 'static) {
    let input: HtmlInputElement = element.clone().unchecked_into();
    on_event(element, event, Box::new(move |_| run(input.value())));
}
