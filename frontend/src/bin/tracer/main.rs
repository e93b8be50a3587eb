//! The worker of traces: it reads one, keeps it, and draws it.
//!
//! What it is asked and what it tells stands in `frontend::trace::messages`. Reading goes on in
//! pieces between messages and frames, so it can be watched and cancelled.

mod flat;
mod live;
mod passed;
mod picture;
mod read;
mod space;

use std::cell::RefCell;

use frontend::trace::messages::{Action, Ask, FlatAsk, Tell, View};
use js_sys::Array;
use serde::Serialize;
use wasm_bindgen::JsCast;
use wasm_bindgen::prelude::Closure;
use web_sys::{Blob, DedicatedWorkerGlobalScope, MessageEvent};

use flat::Flat;
use picture::{Picture, Size};
use space::Space;

pub(crate) use read::Opened;

thread_local! {
    static DESK: RefCell<Desk> = RefCell::default();
    static FRAME: Closure<dyn FnMut(f64)> = Closure::new(|now| DESK.with_borrow_mut(|desk| desk.frame(now)));
    static PIECE: Closure<dyn FnMut()> = Closure::new(|| DESK.with_borrow_mut(Desk::read));
}

#[derive(Default)]
struct Desk {
    opened: Option<Opened>,
    reading: Option<read::Reading>,
    live: live::Live,
    operations: passed::Operations,
    view: View,
    flat: Flat,
    space: Space,
    /// A frame was asked for.
    framed: bool,
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

/// Does something with the view in space, when the graphics card told something.
pub(crate) fn with_space(run: impl FnOnce(&mut Space)) {
    DESK.with_borrow_mut(|desk| {
        run(&mut desk.space);
        desk.request();
    });
}

/// Milliseconds since the worker was started.
pub(crate) fn clock() -> f64 {
    scope().performance().map_or(0.0, |performance| performance.now())
}

/// Tells the document something.
pub(crate) fn tell(what: &Tell) {
    tell_with(what, &Array::new());
}

/// Tells the document something; objects go along.
pub(crate) fn tell_with(what: &Tell, along: &Array) {
    let serializer = serde_wasm_bindgen::Serializer::json_compatible();
    if let Ok(value) = what.serialize(&serializer) {
        // It fails only where a message can't be cloned, and plain objects can.
        let _ = scope().post_message(&Array::of1(&value).concat(along));
    }
}

impl Desk {
    fn answer(&mut self, ask: Ask, message: &Array) {
        match ask {
            Ask::Canvases => {
                if let Ok(canvas) = message.get(1).dyn_into() {
                    self.flat.canvas(canvas);
                }
                if let Ok(canvas) = message.get(2).dyn_into() {
                    self.space.canvas(canvas);
                }
            }
            Ask::Live { name, address } => self.follow(name, address),
            Ask::Open { name } => {
                self.live.stop();
                self.operations.open(self.opened.is_some());
                let blob: Blob = message.get(1).unchecked_into();
                match read::Reading::new(&name, blob) {
                    Ok((reading, opened)) => {
                        self.reading = Some(reading);
                        self.opened = Some(opened);
                        self.flat.open();
                        self.space.open();
                        self.read();
                    }
                    Err(reason) => tell(&Tell::Failed { reason }),
                }
            }
            Ask::Channels { name } => self.operations(name, message.get(1).unchecked_into()),
            Ask::Cancel => {
                self.live.stop();
                self.cancel();
            }
            Ask::Show(view) => self.view = view,
            Ask::Space(ask) => self.space.asked(self.opened.as_ref(), ask),
            Ask::Theme { dark } => {
                self.flat.theme(dark);
                self.space.theme(dark);
            }
            Ask::Resize { width, height, ratio } => {
                let size = Size { width, height, ratio };
                self.flat.resize(size);
                self.space.resize(size);
            }
            Ask::Pointer(pointer) => {
                self.live.follows &= pointer.action != Action::Down;
                if let (Some(opened), picture) = self.both() {
                    picture.pointer(opened, pointer);
                }
            }
            Ask::Wheel(wheel) => {
                self.live.follows = false;
                if let (Some(opened), picture) = self.both() {
                    picture.wheel(opened, wheel);
                }
            }
            Ask::Key { key, shift } => {
                self.live.key(&key);
                if let (Some(opened), picture) = self.both() {
                    picture.key(opened, &key, shift);
                }
            }
            Ask::Flat(FlatAsk::Only(channel)) => self.only(channel),
            Ask::Flat(ask) => self.flat.ask(self.opened.as_ref(), ask),
        }
        self.share_choice();
        self.request();
    }

    /// Both views have one choice, whichever it was made in.
    fn share_choice(&mut self) {
        let Some(opened) = &self.opened else { return };
        match self.space.take_choice() {
            Some(Some((go, time))) => self.flat.choose_at(opened, go, time),
            Some(None) => self.flat.leave(),
            None => {}
        }
        self.space.choose(self.flat.chosen_go());
    }

    /// What is open, and the view that is shown.
    fn both(&mut self) -> (Option<&Opened>, &mut dyn Picture) {
        let picture: &mut dyn Picture = match self.view {
            View::Flat => &mut self.flat,
            View::Space => &mut self.space,
        };
        (self.opened.as_ref(), picture)
    }

    /// Asks for an animation frame, if none was asked for.
    fn request(&mut self) {
        if !self.framed && self.opened.is_some() {
            self.framed = FRAME
                .with(|frame| scope().request_animation_frame(frame.as_ref().unchecked_ref()))
                .is_ok();
        }
    }

    fn frame(&mut self, now: f64) {
        self.framed = false;
        if let (Some(opened), View::Space) = (&self.opened, self.view) {
            // What is filtered there stands out here.
            let (wanted, version) = self.flat.wanted(opened);
            self.space.want(wanted, version);
        }
        if let (Some(opened), picture) = self.both()
            && picture.draw(opened, now)
        {
            self.request();
        }
    }

    /// Reads on, and again when others had their turn.
    fn read(&mut self) {
        let (Some(reading), Some(opened)) = (&mut self.reading, &mut self.opened) else { return };
        match reading.read(opened) {
            Ok(true) => {
                let _ = PIECE.with(|piece| {
                    scope().set_timeout_with_callback(piece.as_ref().unchecked_ref())
                });
            }
            Ok(false) => {
                self.reading = None;
                self.read_operations();
            }
            Err(reason) => {
                self.reading = None;
                self.opened = None;
                tell(&Tell::Failed { reason });
            }
        }
        self.request();
    }

    /// Reads no further. What was read so far stays.
    fn cancel(&mut self) {
        if let Some(reading) = &mut self.reading {
            reading.cancel();
        }
        self.read_operations();
    }
}
