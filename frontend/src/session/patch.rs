//! The diff that is open, and what is covered of it. The worker computes that, as the command
//! `coverglass patch` does.
//!
//! ```text
//! page → worker   ["patch", diff, id or "", text profile where there is no id]   ["forget diff"]
//! worker → page   ["diff", name, text, whether it is new]
//!                 ["patch", [path, name in the profile, sums, lines, runs]*, unknown paths, sums]
//! ```

use std::cell::{Cell, RefCell};
use std::sync::Arc;

use gloo::storage::{LocalStorage, Storage};
use js_sys::{Array, Uint32Array};
use wasm_bindgen::{JsCast, JsValue};

use super::scope::Scope;
use super::url::{Route, Tab};
use super::{Session, opened, read};
use crate::ui::bind::effect;

/// Coverage of the changed lines of a diff.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Patch {
    /// Files of the diff that the profile knows, most that is not covered first.
    pub files: Vec<PatchFile>,
    /// Paths of the others.
    pub unknown: Vec<String>,
    /// Of all files.
    pub sums: Sums,
}

/// Coverage of the changed lines of a file.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PatchFile {
    /// Path in the diff.
    pub path: String,
    /// Name in the profile.
    pub name: String,
    /// How much of it is covered.
    pub sums: Sums,
    /// Changed lines, ascending.
    pub lines: Vec<u32>,
    /// The first line of each run of changed lines that are not covered, ascending.
    pub runs: Vec<u32>,
}

/// How many changed lines are covered, covered in part, not covered, and without anything to run.
pub type Sums = [u32; 4];

impl Patch {
    /// Whether the diff changes a line of a file of the profile; from 1.
    pub fn changes(&self, name: &str, line: u32) -> bool {
        let mut files = self.files.iter().filter(|file| file.name == name);
        files.any(|file| file.lines.binary_search(&line).is_ok())
    }
}

/// What the worker tells of a patch.
pub fn message(patch: &Patch) -> Array {
    let files = patch.files.iter().map(|file| {
        let numbers = [&file.sums[..], &file.lines, &file.runs];
        let numbers = numbers.map(|numbers| JsValue::from(Uint32Array::from(numbers)));
        let texts = [&file.path, &file.name].map(|text| JsValue::from_str(text));
        JsValue::from(texts.into_iter().chain(numbers).collect::<Array>())
    });
    let unknown: Array = patch.unknown.iter().map(|path| JsValue::from_str(path)).collect();
    let sums = Uint32Array::from(&patch.sums[..]);
    Array::of4(&"patch".into(), &files.collect::<Array>(), &unknown, &sums)
}

fn patch_of(message: &Array) -> Patch {
    let list = |value: JsValue| value.unchecked_into::<Array>();
    let text = |value: JsValue| value.as_string().unwrap_or_default();
    let numbers = |value: JsValue| Uint32Array::new(&value).to_vec();
    let sums = |value: JsValue| numbers(value).try_into().unwrap_or_default();
    let (files, unknown) = (list(message.get(1)), list(message.get(2)));
    let files = files.iter().map(|file| {
        let file = list(file);
        PatchFile {
            path: text(file.get(0)),
            name: text(file.get(1)),
            sums: sums(file.get(2)),
            lines: numbers(file.get(3)),
            runs: numbers(file.get(4)),
        }
    });
    let files = files.collect();
    Patch { files, unknown: unknown.iter().map(text).collect(), sums: sums(message.get(3)) }
}

thread_local! {
    static TEXT: RefCell<JsValue> = const { RefCell::new(JsValue::UNDEFINED) };
    static IS_ASKED: Cell<bool> = const { Cell::new(false) };
    /// Covered units as they were seen last, and when.
    static UNITS: Cell<(u64, u64)> = const { Cell::new((0, 0)) };
}

/// Asks the worker anew when the diff or what is looked at changes.
pub(super) fn follow(session: Session) {
    let mut before: Option<(u32, String, u64)> = None;
    effect(move || {
        session.structure.track();
        let diff = session.diff.with(|diff| diff.as_ref().map(|diff| diff.version));
        let Route { scope, test, .. } = session.route.get();
        let any = read(|data| !scope.members(&data.live).is_empty());
        let now = diff.filter(|_| any).map(|diff| {
            let units = if scope.is_opened() { 0 } else { covered_units(session) };
            let looked = Route { scope: scope.clone(), test, ..Route::default() };
            (diff, looked.to_hash(), units)
        });
        if now == before {
            return;
        }
        let kind =
            |of: Option<&(u32, String, u64)>| of.map(|(diff, looked, _)| (*diff, looked.clone()));
        if kind(now.as_ref()) != kind(before.as_ref()) {
            session.patch.set(None);
        }
        if now.is_some() {
            ask(session, &scope);
        }
        before = now;
    });
}

/// How many units have run; programs run on, and a look every two seconds is enough.
fn covered_units(session: Session) -> u64 {
    let beat = session.tick.with(|tick| tick / 8);
    let (seen, units) = UNITS.get();
    if beat == seen {
        return units;
    }
    let units = session.header.with_untracked(|header| header.totals.units.covered);
    UNITS.set((beat, units));
    units
}

fn ask(session: Session, scope: &Scope) {
    // The worker is not told of the same again before it has come to it.
    if IS_ASKED.replace(true) && !scope.is_opened() {
        return;
    }
    let text = TEXT.with_borrow(JsValue::clone);
    let (id, counts) = opened::looked_at(scope);
    opened::order(session, Array::of4(&"patch".into(), &text, &id, &counts));
}

/// Takes what the worker found.
pub(super) fn receive(session: Session, message: &Array) {
    if session.diff.with_untracked(Option::is_some) {
        session.patch.set(Some(Arc::new(patch_of(message))));
    }
}

/// The worker has ended, whatever it was about.
pub(super) fn over() {
    IS_ASKED.set(false);
}

/// Takes a diff, and shows it if it is new.
pub(super) fn hold(session: Session, message: &Array) {
    let _ = LocalStorage::raw().set_item(opened::KEPT, "1");
    TEXT.set(message.get(2));
    let version = session.diff.with_untracked(|diff| diff.as_ref().map_or(0, |diff| diff.version));
    let name = message.get(1).as_string().unwrap_or_default();
    session.diff.set(Some(Diff { name, version: version + 1 }));
    if message.get(3).is_truthy() {
        session.go(|route| route.tab = Tab::Patch);
    }
}

/// Lets go of the diff.
pub(super) fn release(session: Session) {
    TEXT.set(JsValue::UNDEFINED);
    session.diff.set(None);
    session.patch.set(None);
    session.adjust(|route| {
        if route.tab == Tab::Patch {
            route.tab = Tab::Source;
        }
    });
}

/// Closes the diff and forgets it.
pub fn close(session: Session) {
    release(session);
    opened::order(session, Array::of1(&"forget diff".into()));
}

/// A diff that is open.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diff {
    /// What its file is called.
    pub name: String,
    version: u32,
}
