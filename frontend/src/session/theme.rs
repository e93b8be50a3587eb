//! Light, dark, or as the system says.

use gloo::storage::{LocalStorage, Storage};
use leptos::prelude::document;

use super::Session;
use crate::ui::bind::effect;

const KEY: &str = "coverglass.theme";

/// A choice of colors.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Theme {
    /// As the system says.
    #[default]
    System,
    /// Dark on light.
    Light,
    /// Light on dark.
    Dark,
}

impl Theme {
    /// All of them, in the order of the switch.
    pub const ALL: [Theme; 3] = [Theme::System, Theme::Light, Theme::Dark];

    /// Its word, in storage and in the style sheet.
    pub fn word(self) -> &'static str {
        match self {
            Theme::System => "system",
            Theme::Light => "light",
            Theme::Dark => "dark",
        }
    }
}

/// The choice made before.
pub fn stored() -> Theme {
    let word = LocalStorage::raw().get_item(KEY).ok().flatten();
    let word = word.unwrap_or_default();
    Theme::ALL.into_iter().find(|theme| theme.word() == word).unwrap_or_default()
}

/// Puts the choice on the page, and keeps it.
pub fn follow(session: Session) {
    let mut before = session.theme.get_untracked();
    effect(move || {
        let theme = session.theme.get();
        if let Some(root) = document().document_element() {
            let _ = root.set_attribute("data-theme", theme.word());
        }
        if before != theme {
            before = theme;
            let _ = LocalStorage::raw().set_item(KEY, theme.word());
        }
        super::paint::request();
    });
}
