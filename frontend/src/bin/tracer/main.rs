//! The worker of traces: it reads one, keeps it, and draws it.
//!
//! What it is asked and what it tells stands in `frontend::trace::messages`.

mod read;

use std::cell::RefCell;

use frontend::trace::messages::{Ask, Summary, Tell, View};
use gotrace::{Losses, Names, Trace};
use js_sys::Array;
use serde::Serialize;
use wasm_bindgen::prelude::Closure;
use wasm_bindgen::{JsCast, JsValue};
use web_sys::{Blob, DedicatedWorkerGlobalScope, MessageEvent, OffscreenCanvas};

thread_local! {
    static DESK: RefCell<Desk> = RefCell::default();
}

/// A trace that was read.
struct Opened {
    names: Names,
    trace: Trace,
    summary: Summary,
}

#[derive(Default)]
struct Desk {
    opened: Option<Opened>,
    flat: Option<OffscreenCanvas>,
    space: Option<OffscreenCanvas>,
    view: View,
}

fn main() {
    console_error_panic_hook::set_once();
    let told = Closure::<dyn FnMut(MessageEvent)>::new(|event: MessageEvent| {
        let message: Array = event.data().unchecked_into();
        match serde_wasm_bindgen::from_value(message.get(0)) {
            Ok(ask) => DESK.with_borrow_mut(|desk| desk.answer(ask, &message)),
            Err(error) => tell(&Tell::Failed { reason: error.to_string() }),
        }
    });
    scope().set_onmessage(Some(told.as_ref().unchecked_ref()));
    told.forget();
    tell(&Tell::Ready);
}

fn scope() -> DedicatedWorkerGlobalScope {
    js_sys::global().unchecked_into()
}

/// Tells the document something.
fn tell(what: &Tell) {
    let serializer = serde_wasm_bindgen::Serializer::json_compatible();
    if let Ok(value) = what.serialize(&serializer) {
        // It fails only where a message can't be cloned, and plain objects can.
        let _ = scope().post_message(&Array::of1(&value));
    }
}

impl Desk {
    fn answer(&mut self, ask: Ask, message: &Array) {
        match ask {
            Ask::Canvases => {
                self.flat = message.get(1).dyn_into().ok();
                self.space = message.get(2).dyn_into().ok();
            }
            Ask::Open { name } => {
                let blob: Blob = message.get(1).unchecked_into();
                match read::read(&name, &blob) {
                    Ok(opened) => {
                        tell(&Tell::Opened(opened.summary.clone()));
                        self.opened = Some(opened);
                    }
                    Err(reason) => tell(&Tell::Failed { reason }),
                }
            }
            Ask::Show(view) => self.view = view,
            Ask::Resize { .. } | Ask::Pointer(_) | Ask::Wheel { .. } | Ask::Key { .. } => {}
        }
    }
}
