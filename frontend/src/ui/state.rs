//! State that lives as long as the page.
//!
//! A signal of Leptos is compiled anew for each type that it holds, and says at each use where in
//! the source that is. Here only the value depends on the type: what is reactive is one trigger.

use std::fmt;
use std::sync::{PoisonError, RwLock};

use leptos::prelude::{ArcTrigger, Notify, Track};

/// A value, and who is to know when it changes. Copies share it. It is never freed: make it once
/// for the page, not for a part of it.
pub struct State<T: 'static>(&'static Inner<T>);

struct Inner<T> {
    value: RwLock<T>,
    changed: ArcTrigger,
}

impl<T> Copy for State<T> {}

impl<T> Clone for State<T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> fmt::Debug for State<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("State")
    }
}

impl<T: Default> Default for State<T> {
    fn default() -> Self {
        Self::new(T::default())
    }
}

impl<T> State<T> {
    /// Holds this value.
    pub fn new(value: T) -> Self {
        let inner = Inner { value: RwLock::new(value), changed: ArcTrigger::new() };
        Self(Box::leak(Box::new(inner)))
    }

    /// Lets what runs now run again when the value changes.
    pub fn track(self) {
        track(&self.0.changed);
    }

    /// Looks at the value, and runs again when it changes.
    pub fn with<R>(self, look: impl FnOnce(&T) -> R) -> R {
        self.track();
        self.with_untracked(look)
    }

    /// Looks at the value once.
    pub fn with_untracked<R>(self, look: impl FnOnce(&T) -> R) -> R {
        look(&self.0.value.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Changes the value, and says so.
    pub fn update(self, change: impl FnOnce(&mut T)) {
        change(&mut self.0.value.write().unwrap_or_else(PoisonError::into_inner));
        notify(&self.0.changed);
    }

    /// Holds another value, and says so.
    pub fn set(self, value: T) {
        self.update(|held| *held = value);
    }
}

impl<T: Clone> State<T> {
    /// The value; what runs now runs again when it changes.
    pub fn get(self) -> T {
        self.with(T::clone)
    }

    /// The value as it is now.
    pub fn get_untracked(self) -> T {
        self.with_untracked(T::clone)
    }
}

#[inline(never)]
fn track(changed: &ArcTrigger) {
    changed.track();
}

#[inline(never)]
fn notify(changed: &ArcTrigger) {
    changed.notify();
}
