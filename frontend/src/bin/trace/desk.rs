//! The worker, and what it told last.

use std::cell::RefCell;

use frontend::trace::messages::{Ask, Summary, Tell, View, WORKER};
use frontend::trace::time;
use frontend::ui::bind::{at, attribute, body, by_id, click, effect, flag, part, shown, text};
use frontend::ui::dom::child;
use frontend::ui::text::{grouped, plural};
use js_sys::{Array, Reflect, Uint8Array};
use leptos::prelude::{Get, RwSignal, Set, With, WithUntracked, document};
use serde::Serialize;
use wasm_bindgen::prelude::Closure;
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::{JsFuture, spawn_local};
use web_sys::{Blob, HtmlCanvasElement, MessageEvent, Worker, WorkerOptions, WorkerType};

use crate::flat::Flat;
use crate::space::{self, SpaceDesk};
use crate::{address, around, detail, flow, frame, gallery, input, tables, tools};

thread_local! {
    static RUNNING: RefCell<Option<Running>> = const { RefCell::new(None) };
}

struct Running {
    worker: Worker,
    _message: Closure<dyn FnMut(MessageEvent)>,
}

/// What the document shows besides the canvases.
#[derive(Clone, Copy)]
pub(crate) struct Desk {
    /// The trace that is open.
    pub(crate) summary: RwSignal<Option<Summary>>,
    /// How much of a trace was read, from 0 to 1.
    pub(crate) progress: RwSignal<Option<f64>>,
    /// Why something could not be done.
    pub(crate) failed: RwSignal<String>,
    /// The view that is shown.
    pub(crate) view: RwSignal<View>,
    /// What is known of the flat view.
    pub(crate) flat: Flat,
    /// The worker is there, and has its canvases.
    pub(crate) ready: RwSignal<bool>,
    /// What the tools of the view in space show.
    pub(crate) space: SpaceDesk,
}

/// Brings the document to life.
pub(crate) fn start() {
    let desk = Desk {
        summary: RwSignal::new(None),
        progress: RwSignal::new(None),
        failed: RwSignal::new(String::new()),
        view: RwSignal::new(View::Flat),
        flat: Flat::new(),
        ready: RwSignal::new(false),
        space: SpaceDesk::default(),
    };
    desk.run();
    input::bind(desk);
    gallery::bind(desk);
    space::bind(desk);
    for (id, view) in [("view-flat", View::Flat), ("view-space", View::Space)] {
        let button = by_id(id);
        flag(&button, "aria-pressed", move || desk.view.get() == view);
        click(&button, move || desk.show(view));
    }
    let status = by_id("status");
    text(&status, move || desk.status());
    let failed = by_id("failed");
    shown(&failed, move || !desk.failed.with(String::is_empty));
    text(&at(&failed, "p"), move || desk.failed.get());
    shown(&by_id("welcome"), move || {
        desk.summary.with(Option::is_none) && desk.progress.get().is_none()
    });
    let reading = move || desk.progress.get().is_some();
    let progress = by_id("progress");
    shown(&progress, reading);
    attribute(&progress, "value", move || format!("{:.3}", desk.progress.get().unwrap_or(0.0)));
    shown(&by_id("cancel"), reading);
    click(&by_id("cancel"), move || desk.ask(&Ask::Cancel));
    losses(desk);
    tools::bind(desk);
    detail::bind(desk);
    flow::bind(desk);
    around::bind(desk);
    tables::bind(desk);
    desk.flat.keep_asking(desk);
    address::bind(desk);
    let (flat, space) = (by_id("flat"), by_id("space"));
    effect(move || {
        flat.set_hidden(desk.view.get() != View::Flat);
        space.set_hidden(desk.view.get() != View::Space);
        let view = if desk.view.get() == View::Space { "space" } else { "flat" };
        let _ = by_id("stage").set_attribute("data-view", view);
    });
}

/// What was lost of a damaged file.
fn losses(desk: Desk) {
    let place = by_id("losses");
    let told = move || {
        desk.summary.with(|summary| summary.as_ref().map_or_else(Vec::new, |of| of.losses.clone()))
    };
    shown(&place, move || !told().is_empty());
    text(&at(&place, "summary"), move || match told().len() {
        1 => "Part of this file is lost".to_owned(),
        count => format!("{count} parts of this file are lost"),
    });
    part(&at(&place, "ul"), move || {
        let item = |loss: &String| {
            let item = child(&document().create_document_fragment(), "li", "");
            item.set_text_content(Some(loss));
            item
        };
        told().iter().map(item).collect()
    });
}

impl Desk {
    /// Starts a worker, and gives it the canvases.
    fn run(self) {
        let options = WorkerOptions::new();
        options.set_type(WorkerType::Module);
        let Ok(worker) = Worker::new_with_options(WORKER, &options) else {
            self.failed.set("This browser lets no worker read traces".to_owned());
            return;
        };
        let message = Closure::<dyn FnMut(MessageEvent)>::new(move |event: MessageEvent| {
            let message: Array = event.data().unchecked_into();
            if let Ok(tell) = serde_wasm_bindgen::from_value(message.get(0)) {
                self.told(tell, &message);
            }
        });
        worker.set_onmessage(Some(message.as_ref().unchecked_ref()));
        RUNNING.set(Some(Running { worker, _message: message }));
    }

    fn told(self, tell: Tell, message: &Array) {
        match tell {
            Tell::Ready => {
                let canvases = Array::new();
                for id in ["flat", "space"] {
                    let canvas: HtmlCanvasElement = by_id(id).unchecked_into();
                    match canvas.transfer_control_to_offscreen() {
                        Ok(canvas) => drop(canvases.push(&canvas)),
                        Err(_) => {
                            self.failed.set("This browser can't draw in a worker".to_owned());
                            return;
                        }
                    }
                }
                self.ask_with(&Ask::Canvases, &canvases, true);
                input::themed(self);
                input::resized(self);
                address::read(self);
                gallery::open_from_address(self);
                self.ready.set(true);
                frame::start(self);
                let _ = body().set_attribute("data-ready", "");
            }
            Tell::Progress { done, all } => self.progress.set(Some(done / all.max(1.0))),
            Tell::Opened(summary) => {
                self.progress.set(None);
                self.summary.set(Some(summary));
            }
            Tell::Space(tell) => self.space.told(self, tell, message),
            Tell::Failed { reason } => {
                self.progress.set(None);
                self.failed.set(reason);
            }
            Tell::Flat(tell) => self.flat.told(tell),
        }
    }

    /// Asks something of the worker.
    pub(crate) fn ask(self, ask: &Ask) {
        self.ask_with(ask, &Array::new(), false);
    }

    /// Asks something of the worker; objects go along, as copies or for good.
    fn ask_with(self, ask: &Ask, along: &Array, moved: bool) {
        let serializer = serde_wasm_bindgen::Serializer::json_compatible();
        let Ok(value) = ask.serialize(&serializer) else { return };
        let message = Array::of1(&value).concat(along);
        RUNNING.with_borrow(|running| {
            let Some(running) = running else { return };
            let _ = match moved {
                true => running.worker.post_message_with_transfer(&message, along),
                false => running.worker.post_message(&message),
            };
        });
    }

    /// Opens a trace.
    pub(crate) fn open(self, name: &str, blob: &Blob) {
        // A link may speak of the trace that is opened first.
        if self.summary.with_untracked(Option::is_some) {
            self.flat.forget(self);
            address::forget();
        }
        self.failed.set(String::new());
        self.progress.set(Some(0.0));
        self.ask_with(&Ask::Open { name: name.to_owned() }, &Array::of1(blob), false);
    }

    /// Opens files: a trace, what its program recorded of channels, or both.
    pub(crate) fn open_all(self, files: Vec<(String, Blob)>) {
        spawn_local(async move {
            let mut operations = Vec::new();
            let mut traces = 0;
            for (name, blob) in files {
                if is_of_channels(&blob).await {
                    operations.push((name, blob));
                } else if traces == 0 {
                    traces += 1;
                    self.open(&name, &blob);
                } else {
                    self.failed.set(format!("{name} is not shown: one trace at a time"));
                }
            }
            if let Some((name, blob)) = operations.pop() {
                if traces == 0 {
                    self.failed.set(String::new());
                }
                self.ask_with(&Ask::Channels { name }, &Array::of1(&blob), false);
            }
        });
    }

    /// Shows a trace that is still being written, which the relay gives at this address.
    pub(crate) fn follow(self, name: String, address: String) {
        self.failed.set(String::new());
        self.ask(&Ask::Live { name, address });
    }

    /// Shows a view.
    pub(crate) fn show(self, view: View) {
        self.view.set(view);
        self.ask(&Ask::Show(view));
    }

    fn status(self) -> String {
        if let Some(part) = self.progress.get() {
            return format!("Reading… {:.0} %", part * 100.0);
        }
        self.summary.with(|summary| {
            summary.as_ref().map_or_else(String::new, |summary| {
                format!(
                    "{}: {}, {} events, {} goroutines, {} wake-ups",
                    summary.name,
                    time::length(summary.duration),
                    grouped(time::whole(summary.events)),
                    grouped(summary.goroutines.into()),
                    grouped(summary.edges.into())
                ) + &match summary.channels {
                    0 => String::new(),
                    channels => format!(
                        ", {} over {}",
                        plural(summary.messages.into(), "message"),
                        plural(channels.into(), "channel")
                    ),
                }
            })
        })
    }
}

/// Whether a file holds channel operations, packed or not, by its first bytes.
async fn is_of_channels(blob: &Blob) -> bool {
    let Ok(start) = blob.slice_with_f64_and_f64(0.0, 7.0) else { return false };
    let Ok(bytes) = JsFuture::from(start.array_buffer()).await else { return false };
    let bytes = Uint8Array::new(&bytes).to_vec();
    bytes == b"CGCHAN1" || bytes.starts_with(&[0x1f, 0x8b])
}

/// The blob and name in a message from the page that shows this document in a frame.
pub(crate) fn handed(data: &JsValue) -> Option<(String, Blob)> {
    let name = Reflect::get(data, &"trace".into()).ok()?.as_string()?;
    let blob = Reflect::get(data, &"blob".into()).ok()?.dyn_into().ok()?;
    Some((name, blob))
}
