//! Nodes that are painted by hand. They remember what they show and touch the page only when
//! that changes.

use leptos::prelude::document;
use wasm_bindgen::JsCast;
use web_sys::{HtmlElement, Node, Text};

/// A new element with a class, at the end of `parent`.
///
/// # Panics
/// When the browser can't make an element, which it always can.
pub fn child(parent: &Node, tag: &str, class: &str) -> HtmlElement {
    let element = document().create_element(tag).expect("the tag is a literal of ours");
    if !class.is_empty() {
        element.set_class_name(class);
    }
    let _ = parent.append_child(&element);
    element.unchecked_into()
}

/// Text that changes.
#[derive(Debug)]
pub struct Words {
    node: Text,
    shown: String,
}

impl Words {
    /// Empty text in a new element at the end of `parent`.
    pub fn child(parent: &Node, tag: &str, class: &str) -> Self {
        Self::inside(&child(parent, tag, class))
    }

    /// Empty text at the end of `parent`.
    pub fn inside(parent: &Node) -> Self {
        let node = document().create_text_node("");
        let _ = parent.append_child(&node);
        Self { node, shown: String::new() }
    }

    /// Shows another text.
    pub fn set(&mut self, text: &str) {
        if self.shown != text {
            self.node.set_data(text);
            self.shown.clear();
            self.shown.push_str(text);
        }
    }
}

/// An element whose class changes.
#[derive(Debug)]
pub struct Classed {
    /// The element.
    pub element: HtmlElement,
    shown: String,
}

impl Classed {
    /// A new element at the end of `parent`.
    pub fn child(parent: &Node, tag: &str, class: &str) -> Self {
        Self { element: child(parent, tag, class), shown: class.to_owned() }
    }

    /// An element that is there.
    pub fn of(element: &HtmlElement) -> Self {
        Self { element: element.clone(), shown: element.class_name() }
    }

    /// Gives it another class.
    pub fn set(&mut self, class: &str) {
        if self.shown != class {
            self.element.set_class_name(class);
            self.shown.clear();
            self.shown.push_str(class);
        }
    }
}

/// A bar that is partly filled.
#[derive(Debug)]
pub struct Bar {
    fill: HtmlElement,
    shown: u32,
}

impl Bar {
    /// An empty bar at the end of `parent`.
    pub fn child(parent: &Node) -> Self {
        let bar = child(parent, "span", "bar");
        Self::of(child(&bar, "span", "fill"))
    }

    /// A bar that is there, by what fills it.
    pub fn of(fill: HtmlElement) -> Self {
        Self { fill, shown: u32::MAX }
    }

    /// Fills `covered` of `total`; hides it where there is nothing to cover.
    pub fn set(&mut self, covered: u64, total: u64) {
        let permille = match (covered, total) {
            (_, 0) => 0,
            // A bar looks full only where nothing is missing, and empty only where nothing is.
            (covered, total) if covered >= total => 1_000,
            (0, _) => 0,
            (covered, total) => {
                let permille = covered.saturating_mul(1_000) / total;
                u32::try_from(permille).unwrap_or(1_000).clamp(30, 970)
            }
        };
        if self.shown != permille {
            self.shown = permille;
            let width = format!("{}.{}%", permille / 10, permille % 10);
            let _ = self.fill.style().set_property("width", &width);
        }
    }
}
