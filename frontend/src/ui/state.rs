//! Values that change, and values that are computed from them.
//!
//! A signal or memo of Leptos is compiled anew for each type that it holds, and says at each use
//! where in the source that is. Here only the value depends on the type: what is reactive is a
//! trigger, or a memo of a number.

use std::any::Any;
use std::fmt;
use std::marker::PhantomData;
use std::sync::{Arc, PoisonError, RwLock};

use leptos::prelude::{ArcTrigger, Get, GetValue, Memo, Notify, StoredValue, Track, untrack};

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

/// A value that is computed, and compared before it goes on. It belongs to the owner in which it
/// was made.
pub struct Derived<T> {
    version: Memo<u64>,
    value: StoredValue<Arc<dyn Any + Send + Sync>>,
    kind: PhantomData<fn() -> T>,
}

impl<T> Copy for Derived<T> {}

impl<T> Clone for Derived<T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> fmt::Debug for Derived<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Derived")
    }
}

impl<T: PartialEq + Send + Sync + 'static> Derived<T> {
    /// Computes the value when it is asked for and something that it was computed from changed.
    pub fn new(compute: impl Fn() -> T + Send + Sync + 'static) -> Self {
        let value = Arc::new(RwLock::new(None::<T>));
        let held = value.clone();
        let (version, value) = derive(
            Box::new(move || {
                let now = Some(compute());
                let mut held = held.write().unwrap_or_else(PoisonError::into_inner);
                let changed = *held != now;
                if changed {
                    *held = now;
                }
                changed
            }),
            value,
        );
        Self { version, value, kind: PhantomData }
    }

    /// Looks at the value, and runs again when it changes.
    pub fn with<R>(self, look: impl FnOnce(&T) -> R) -> R {
        let value = self.value();
        let held = value.read().unwrap_or_else(PoisonError::into_inner);
        look(held.as_ref().expect("a version has a value"))
    }

    /// The value; what runs now runs again when it changes.
    pub fn get(self) -> T
    where
        T: Clone,
    {
        self.with(T::clone)
    }

    /// The value as it is now.
    pub fn get_untracked(self) -> T
    where
        T: Clone,
    {
        untrack(|| self.get())
    }

    #[inline(never)]
    fn value(self) -> Arc<RwLock<Option<T>>> {
        let value = current(self.version, self.value);
        value.downcast().unwrap_or_else(|_| unreachable!("it was made with this type"))
    }
}

fn derive(
    step: Box<dyn Fn() -> bool + Send + Sync>,
    value: Arc<dyn Any + Send + Sync>,
) -> (Memo<u64>, StoredValue<Arc<dyn Any + Send + Sync>>) {
    let next = move |before: Option<&u64>| before.map_or(0, |&before| before) + u64::from(step());
    (Memo::new(next), StoredValue::new(value))
}

#[inline(never)]
fn current(
    version: Memo<u64>,
    value: StoredValue<Arc<dyn Any + Send + Sync>>,
) -> Arc<dyn Any + Send + Sync> {
    version.get();
    value.get_value()
}

#[inline(never)]
fn track(changed: &ArcTrigger) {
    changed.track();
}

#[inline(never)]
fn notify(changed: &ArcTrigger) {
    changed.notify();
}
