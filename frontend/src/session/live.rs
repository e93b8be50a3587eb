//! The connection to the relay: frames in, and again when it breaks.
//!
//! What is known stays on the screen while the connection is down. The relay begins every
//! connection with a snapshot, so nothing is lost: a greeting drops the processes, the frames
//! that follow bring them back with the right numbers.

use std::cell::{Cell, RefCell};

use gloo::timers::callback::{Interval, Timeout};
use js_sys::{ArrayBuffer, Uint8Array};
use leptos::prelude::*;
use wasm_bindgen::JsCast;
use wasm_bindgen::prelude::Closure;
use web_sys::{BinaryType, CloseEvent, Event, MessageEvent, WebSocket};
use wire::frame::Frame;
use wire::{RelayToViewer, WireError};

use super::{Data, Header, Session, paint, read, token, write};

/// The state of the connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Link {
    /// The first attempt.
    Connecting,
    /// Connected; the release of the relay.
    Live(String),
    /// Lost, and when the next attempt is made (this machine's clock, Unix milliseconds); `None`
    /// where there never was one, and the person has to ask for it.
    Lost(Option<u64>),
    /// There is none: this is a report, with its data inside.
    Report,
    /// The relay or its frames are not for this page; no further attempt is made.
    Refused(String),
}

impl Link {
    /// Whether there is a relay to be tried again.
    pub fn is_down(&self) -> bool {
        matches!(self, Link::Lost(_) | Link::Refused(_))
    }
}

/// First pause before another attempt, in milliseconds. Doubled up to the last: who waits for a
/// relay waits at most as long again as it has been away.
const FIRST_PAUSE: u32 = 250;
const LAST_PAUSE: u32 = 64_000;
/// After this pause in vain, a relay that never was there is not waited for: the page is one of a
/// web server that has none.
const VAIN_PAUSE: u32 = 4_000;

struct Socket {
    socket: WebSocket,
    _message: Closure<dyn FnMut(MessageEvent)>,
    _close: Closure<dyn FnMut(CloseEvent)>,
    _error: Closure<dyn FnMut(Event)>,
}

thread_local! {
    static SOCKET: RefCell<Option<Socket>> = const { RefCell::new(None) };
    static PAUSE: Cell<u32> = const { Cell::new(FIRST_PAUSE) };
    static RETRY: RefCell<Option<Timeout>> = const { RefCell::new(None) };
}

/// Connects, and again whenever the connection is lost.
pub fn connect(session: Session) {
    RETRY.with_borrow_mut(|retry| drop(retry.take()));
    let location = window().location();
    let scheme = if location.protocol().is_ok_and(|name| name == "https:") { "wss" } else { "ws" };
    let host = location.host().unwrap_or_default();
    let query = token::stored().map(|token| format!("?token={token}")).unwrap_or_default();
    let Ok(socket) = WebSocket::new(&format!("{scheme}://{host}/ws{query}")) else {
        session.link.set(Link::Refused("this address has no relay".into()));
        return;
    };
    socket.set_binary_type(BinaryType::Arraybuffer);
    let message = Closure::<dyn FnMut(MessageEvent)>::new(move |event: MessageEvent| {
        if let Ok(buffer) = event.data().dyn_into::<ArrayBuffer>()
            && let Err(error) = receive(session, &Uint8Array::new(&buffer).to_vec())
        {
            refuse(session, &error);
        }
    });
    let close = Closure::<dyn FnMut(CloseEvent)>::new(move |_| lost(session));
    // A close event follows every error.
    let error = Closure::<dyn FnMut(Event)>::new(|_| {});
    socket.set_onmessage(Some(message.as_ref().unchecked_ref()));
    socket.set_onclose(Some(close.as_ref().unchecked_ref()));
    socket.set_onerror(Some(error.as_ref().unchecked_ref()));
    let socket = Socket { socket, _message: message, _close: close, _error: error };
    SOCKET.with_borrow_mut(|slot| {
        if let Some(old) = slot.replace(socket) {
            hang_up(&old.socket);
        }
    });
}

fn hang_up(socket: &WebSocket) {
    socket.set_onmessage(None);
    socket.set_onclose(None);
    socket.set_onerror(None);
    let _ = socket.close();
}

fn lost(session: Session) {
    if matches!(session.link.get_untracked(), Link::Refused(_)) {
        return;
    }
    let pause = PAUSE.get();
    PAUSE.set((pause * 2).min(LAST_PAUSE));
    if pause >= VAIN_PAUSE && read(|data| data.live.relay.is_none()) {
        return session.link.set(Link::Lost(None));
    }
    session.link.set(Link::Lost(Some(local_ms() + u64::from(pause))));
    let retry = Timeout::new(pause, move || connect(session));
    RETRY.with_borrow_mut(|slot| *slot = Some(retry));
}

fn refuse(session: Session, error: &WireError) {
    let text = match error {
        WireError::Version { .. } => {
            format!("the relay speaks another version ({error}); reload the page")
        }
        _ => format!("the relay sent what is no frame ({error})"),
    };
    session.link.set(Link::Refused(text));
    SOCKET.with_borrow(|slot| {
        if let Some(socket) = slot {
            hang_up(&socket.socket);
        }
    });
}

pub(super) fn receive(session: Session, message: &[u8]) -> Result<(), WireError> {
    let frames = RelayToViewer::decode(message)?;
    let mut greeted = None;
    write(|data| {
        let mut changes = Vec::new();
        for frame in frames {
            match frame {
                RelayToViewer::Welcome { now_ms, ref release, .. } => {
                    #[expect(clippy::cast_precision_loss, reason = "a clock is below 2^52")]
                    let ahead = now_ms as f64 - js_sys::Date::now();
                    data.ahead_ms = ahead;
                    greeted = Some(release.clone());
                    data.flow.clear();
                }
                RelayToViewer::Flow(ref flow) => {
                    if !data.paused {
                        let Data { live, flow: store, .. } = &mut *data;
                        store.apply(live, flow);
                    }
                    continue;
                }
                _ => {}
            }
            data.live.apply(frame, &mut changes)?;
        }
        data.add(&changes);
        Ok(())
    })?;
    if let Some(release) = greeted {
        PAUSE.set(FIRST_PAUSE);
        session.link.set(Link::Live(release));
    }
    paint::request();
    Ok(())
}

fn local_ms() -> u64 {
    js_sys::Date::now().max(0.0) as u64
}

/// Drives what changes with time alone: rates, ages, the count-down to the next attempt.
pub fn beat(session: Session) {
    const BEAT_MS: u32 = 250;
    let hits = Cell::new(None::<(u64, f64, u64)>);
    let rate = Cell::new(0.0f64);
    Interval::new(BEAT_MS, move || {
        let now = js_sys::Date::now();
        // A hidden page gets no frames; its numbers go on.
        if write(Data::settle) {
            session.structure.update(|version| *version += 1);
        }
        let (totals, sum, processes, shape) = write(|data| {
            let Data { view, activity, paused, .. } = data;
            if !*paused {
                activity.sample(view, now);
            }
            (view.tree.total, view.hits, view.members.len(), view.shape_version)
        });
        #[expect(clippy::cast_precision_loss, reason = "a rate needs no more than 52 bits")]
        if let Some((before, then, known)) = hits.get()
            && known == shape
        {
            let measured = (sum - before) as f64 * 1_000.0 / (now - then).max(1.0);
            let smooth = rate.get() + 0.4 * (measured - rate.get());
            rate.set(if smooth < 0.5 { 0.0 } else { smooth });
        }
        hits.set(Some((sum, now, shape)));
        let header = Header { totals, rate: rate.get(), processes };
        if session.header.get_untracked() != header {
            session.header.set(header);
        }
        session.tick.update(|tick| *tick += 1);
        paint::request();
    })
    .forget();
}

impl Session {
    /// Tries to connect at once.
    pub fn retry(self) {
        if self.link.with_untracked(Link::is_down) {
            self.link.set(Link::Connecting);
            connect(self);
        }
    }

    /// What the pill says, and how long until the next attempt.
    pub fn pill(self) -> (&'static str, String) {
        self.tick.track();
        if self.route.with(|route| route.scope.is_opened()) {
            return ("opened", "From files".into());
        }
        if self.paused.get() {
            return ("paused", "Paused".into());
        }
        self.link.with(|link| match link {
            Link::Connecting => ("waiting", "Connecting…".into()),
            Link::Live(_) => ("live", "Live".into()),
            Link::Lost(None) => ("lost", "No relay".into()),
            Link::Lost(Some(at)) => {
                let seconds = at.saturating_sub(local_ms()).div_ceil(1_000);
                if seconds == 0 {
                    ("lost", "Lost, retrying…".into())
                } else {
                    ("lost", format!("Lost, retry in {seconds} s"))
                }
            }
            Link::Report => ("report", "Report".into()),
            Link::Refused(_) => ("lost", "Refused".into()),
        })
    }
}
