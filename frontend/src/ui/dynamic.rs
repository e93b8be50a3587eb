//! Parts of a view that change, behind one type for each kind.
//!
//! A closure in a view is a type of its own, for which Leptos is compiled anew: 2 to 6 KB of Wasm
//! each. Boxed, all of them share that code.

use leptos::prelude::*;
use web_sys::MouseEvent;

use super::state::Derived;

/// Text that changes.
pub type Text = Box<dyn FnMut() -> String + Send>;
/// A word of the style sheet or of ARIA that changes.
pub type Word = Box<dyn FnMut() -> &'static str + Send>;
/// A part of the page that changes.
pub type Part = Box<dyn FnMut() -> AnyView + Send>;
/// What a click does.
pub type Click = Box<dyn FnMut(MouseEvent)>;

/// Text that changes.
pub fn text(text: impl FnMut() -> String + Send + 'static) -> Text {
    Box::new(text)
}

/// A word that changes.
pub fn word(word: impl FnMut() -> &'static str + Send + 'static) -> Word {
    Box::new(word)
}

/// `true` or `false`, as ARIA has them.
pub fn flag(mut flag: impl FnMut() -> bool + Send + 'static) -> Word {
    Box::new(move || if flag() { "true" } else { "false" })
}

/// A part of the page that is made anew when what it reads changes.
pub fn part(part: impl FnMut() -> AnyView + Send + 'static) -> Part {
    Box::new(part)
}

/// A part of the page that is there while `when` holds.
pub fn shown(
    when: impl Fn() -> bool + Send + Sync + 'static,
    mut view: impl FnMut() -> AnyView + Send + 'static,
) -> Part {
    let when: Box<dyn Fn() -> bool + Send + Sync> = Box::new(when);
    let when = Derived::new(when);
    Box::new(move || if when.get() { view() } else { ().into_any() })
}

/// What a click does.
pub fn click(click: impl FnMut() + 'static) -> Click {
    let mut click = click;
    Box::new(move |_| click())
}

/// Runs again when what it reads changes.
pub fn effect(run: impl FnMut() + 'static) {
    let mut run: Box<dyn FnMut()> = Box::new(run);
    Effect::new(move |_: Option<()>| run());
}

/// A number, text or choice that is computed and compared before it goes on.
pub fn memo<T: PartialEq + Send + Sync + 'static>(
    compute: impl Fn() -> T + Send + Sync + 'static,
) -> Derived<T> {
    Derived::new(compute)
}
