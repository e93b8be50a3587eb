//! The page: what a running Go program executes, as it executes it.
//!
//! Frames come in by [`session::live`] and become plain columns ([`session::model`],
//! [`session::view`]). Panels paint from them in one animation frame ([`session::paint`]); only
//! what changes a few times a second goes through signals.
//!
//! - `session/`: what is known and what is looked at, the only home of shared state;
//! - `open/`: files that are dropped, picked or pasted; a worker (`bin/worker`) reads them;
//! - `files/ source/ summary/ live/ compare/ patch/`: one folder for each panel; what computes lies in
//!   `layout.rs`, knows no Leptos and no browser, and is tested natively;
//! - `trace/`: execution traces, a document of their own (`bin/trace`) with a worker that reads and
//!   draws (`bin/tracer`);
//! - `ui/`: markup, rows, lists and text, which know nothing of coverage;
//! - `../index.html`: what the page is made of. The code binds to it.
//!
//! Not here: reading of coverage formats (`formats`), set operations (`algebra`), frames (`wire`).

pub mod app;
pub mod compare;
pub mod dialogs;
pub mod files;
pub mod keys;
pub mod live;
pub mod open;
pub mod palette;
pub mod patch;
pub mod session;
pub mod source;
pub mod summary;
pub mod trace;
pub mod ui;
pub mod welcome;
