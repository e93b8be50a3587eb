//! What a goroutine of a program that runs has entered, where the program is one that the relay
//! can ask for its flow.

use std::cell::RefCell;

use frontend::session::api::{self, Trace};
use frontend::session::model::Live;
use frontend::session::token;
use frontend::trace::flow::{Entered, Flow, process};
use frontend::trace::tables::Pick;
use frontend::ui::bind::{at, by_id, click, copy, flag, part, shown, text};
use frontend::ui::text::{age, grouped};
use gloo::timers::callback::{Interval, Timeout};
use js_sys::{ArrayBuffer, Date, Uint8Array};
use leptos::prelude::{Get, RwSignal, Set, Update, With, window};
use leptos::task::spawn_local;
use wasm_bindgen::JsCast;
use wasm_bindgen::prelude::Closure;
use web_sys::{BinaryType, CloseEvent, HtmlElement, MessageEvent, WebSocket};
use wire::RelayToViewer;
use wire::frame::{Frame, State};

use crate::desk::Desk;
use crate::detail::pick;
use crate::source;

/// Milliseconds between two looks at what has come.
const PAUSE: u32 = 500;
/// Milliseconds before the relay is called again.
const RETRY: u32 = 2_000;
/// Most functions that are shown.
const MOST: usize = 60;

thread_local! {
    static STORE: RefCell<Store> = RefCell::default();
}

#[derive(Default)]
struct Store {
    /// The process, as the address names it.
    process: String,
    live: Live,
    flow: Flow,
    /// Something has come since it was shown.
    is_new: bool,
}

/// The process that is watched.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Watched {
    handle: u32,
    is_on: bool,
}

/// Follows what the process enters, from now on.
pub(crate) fn follow(named: &str) {
    STORE.with_borrow_mut(|store| named.clone_into(&mut store.process));
    connect();
}

/// Binds what is shown of it.
pub(crate) fn bind(desk: Desk) {
    let watched = RwSignal::new(None::<Watched>);
    let version = RwSignal::new(0_u32);
    Interval::new(PAUSE, move || {
        if !STORE.with_borrow_mut(|store| std::mem::take(&mut store.is_new)) {
            return;
        }
        watched.set(STORE.with_borrow(|store| {
            let process = process(&store.live, &store.process)?;
            let is_running = process.state == State::Running;
            let is_on = process.tracing > 0;
            is_running.then_some(Watched { handle: process.info.handle, is_on })
        }));
        version.update(|version| *version = version.wrapping_add(1));
    })
    .forget();

    let place = by_id("flow");
    shown(&place, move || watched.get().is_some());
    let is_on = move || watched.get().is_some_and(|of| of.is_on);
    let switch = by_id("flow-switch");
    flag(&switch, "aria-pressed", is_on);
    text(&switch, move || if is_on() { "Stop" } else { "Trace entries" });
    click(&switch, move || {
        let Some(Watched { handle, is_on }) = watched.get() else { return };
        spawn_local(async move {
            let trace = Trace { process: handle, on: !is_on, package: None, units: None };
            if let Err(error) = api::trace(trace).await {
                desk.failed.set(format!("Entries can't be traced: {}", error.text()));
            }
        });
    });
    let entered = move || -> Vec<Entered> {
        version.get();
        let id = desk.flat.chosen.with(|of| of.as_ref().map(|of| of.id));
        let (Some(id), Some(of)) = (id, watched.get()) else { return Vec::new() };
        let number = frontend::trace::time::whole(id);
        STORE.with_borrow(|store| store.flow.of(&store.live, of.handle, number))
    };
    text(&by_id("flow-note"), move || {
        version.get();
        let lost = STORE.with_borrow(|store| store.flow.lost);
        match (is_on(), lost) {
            (false, _) => "The program can tell each function that its goroutines enter, \
                           at some cost: this is off"
                .to_owned(),
            (true, 0) => "Each entry since this page and the tracing of entries are on; \
                          what the compiler inlines has none"
                .to_owned(),
            (true, lost) => format!("{} entries were lost: they came too fast", grouped(lost)),
        }
    });
    part(&by_id("entered"), move || entered().iter().take(MOST).map(|of| row(desk, of)).collect());
}

fn row(desk: Desk, of: &Entered) -> HtmlElement {
    let item = copy("ran-template");
    pick(&at(&item, ".ran"), desk, &of.function, Pick::Ran(of.function.clone()));
    let since = age((Date::now() as u64).saturating_sub(of.last_ms));
    let since = if since == "now" { since } else { format!("{since} ago") };
    at(&item, "small").set_text_content(Some(&format!("{}×, {since}", grouped(of.times))));
    source::show(&item, &of.file, of.line);
    item
}

/// Listens to the relay, and again when the connection is lost.
fn connect() {
    let location = window().location();
    let scheme = if location.protocol().is_ok_and(|name| name == "https:") { "wss" } else { "ws" };
    let host = location.host().unwrap_or_default();
    let query = token::stored().map(|token| format!("?token={token}")).unwrap_or_default();
    let Ok(socket) = WebSocket::new(&format!("{scheme}://{host}/ws{query}")) else { return };
    socket.set_binary_type(BinaryType::Arraybuffer);
    let message = Closure::<dyn FnMut(MessageEvent)>::new(move |event: MessageEvent| {
        if let Ok(buffer) = event.data().dyn_into::<ArrayBuffer>() {
            receive(&Uint8Array::new(&buffer).to_vec());
        }
    });
    let close = Closure::once_into_js(move |_: CloseEvent| {
        Timeout::new(RETRY, connect).forget();
    });
    socket.set_onmessage(Some(message.into_js_value().unchecked_ref()));
    socket.set_onclose(Some(close.unchecked_ref()));
}

/// Takes in what the relay tells; what is no frame is left out.
fn receive(message: &[u8]) {
    let Ok(frames) = RelayToViewer::decode(message) else { return };
    STORE.with_borrow_mut(|store| {
        store.is_new = true;
        for frame in frames {
            match frame {
                RelayToViewer::Flow(flow) => store.flow.apply(&store.live, &flow),
                // Counts are asked for where they are shown.
                RelayToViewer::Counts(_) => {}
                frame => {
                    if matches!(frame, RelayToViewer::Welcome { .. }) {
                        // Numbers of processes may be others now.
                        store.flow = Flow::default();
                    }
                    let _ = store.live.apply(frame, &mut Vec::new());
                }
            }
        }
    });
}
