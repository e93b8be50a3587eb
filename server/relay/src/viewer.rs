//! Viewers: one WebSocket each. A viewer takes from the hub what changed when it can take it; one
//! that is slow gets fewer, larger messages, and holds up nobody.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use futures_util::stream::{SplitSink, SplitStream};
use futures_util::{SinkExt, StreamExt};
use tokio::time::{Instant, timeout};
use tracing::debug;
use warp::ws::{Message, WebSocket};

use crate::agent::{hang_up, send, too_long};
use crate::hub::Viewer;
use crate::relay::{Relay, Slot, now_ms};
use crate::{limits, metrics};

/// Serves one viewer's connection.
pub(crate) async fn run(relay: Arc<Relay>, socket: WebSocket, slot: Slot) {
    let (mut sink, mut stream) = socket.split();
    let heard = Heard::default();
    let mut seat = Seat::take(&relay);
    let close = tokio::select! {
        close = listen(&mut stream, &heard) => close,
        close = tell(&relay, &mut seat, &mut sink, &heard) => close,
        () = relay.stopped() => Some(Message::close_with(1001u16, "relay stops")),
    };
    drop(seat);
    if let Some(close) = close {
        hang_up(&mut sink, &mut stream, close).await;
    }
    drop(slot);
}

/// The viewer's place in the hub, given back however the connection ends.
struct Seat<'a> {
    relay: &'a Relay,
    viewer: Option<Viewer>,
}

impl<'a> Seat<'a> {
    fn take(relay: &'a Relay) -> Self {
        let viewer = Some(relay.hub().join());
        Self { relay, viewer }
    }
}

impl Drop for Seat<'_> {
    fn drop(&mut self) {
        if let Some(viewer) = self.viewer.take() {
            self.relay.hub().part(viewer);
        }
    }
}

/// When the viewer last showed a sign of life, in milliseconds after the connection began.
struct Heard {
    began: Instant,
    at_ms: AtomicU64,
}

impl Default for Heard {
    fn default() -> Self {
        Self { began: Instant::now(), at_ms: AtomicU64::new(0) }
    }
}

impl Heard {
    fn now_ms(&self) -> u64 {
        u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    fn note(&self) {
        self.at_ms.store(self.now_ms(), Ordering::Relaxed);
    }

    fn silent_for(&self) -> std::time::Duration {
        let ago = self.now_ms().saturating_sub(self.at_ms.load(Ordering::Relaxed));
        std::time::Duration::from_millis(ago)
    }
}

/// Waits for the viewer to leave. It has nothing to say, and is told so.
async fn listen(stream: &mut SplitStream<WebSocket>, heard: &Heard) -> Option<Message> {
    loop {
        match stream.next().await {
            None => return None,
            Some(Err(error)) => {
                debug!("a viewer's connection broke: {error}");
                let close = Message::close_with(1009u16, "message too large");
                return too_long(&error).then_some(close);
            }
            Some(Ok(message)) if message.is_close() => return None,
            Some(Ok(message)) if message.is_text() || message.is_binary() => {
                return Some(Message::close_with(1008u16, "viewers only listen"));
            }
            Some(Ok(_)) => heard.note(),
        }
    }
}

/// Tells the viewer what changed, tick by tick.
async fn tell(
    relay: &Relay,
    seat: &mut Seat<'_>,
    sink: &mut SplitSink<WebSocket, Message>,
    heard: &Heard,
) -> Option<Message> {
    let mut ticks = relay.ticks();
    let mut pinged = Instant::now();
    loop {
        ticks.mark_unchanged();
        loop {
            let viewer = seat.viewer.as_mut()?;
            let messages = match relay.hub().pull(viewer, now_ms()) {
                Ok(messages) => messages,
                Err(behind) => {
                    metrics::add(&relay.metrics.stalled, 1);
                    return Some(Message::close_with(1013u16, behind.to_string()));
                }
            };
            if messages.is_empty() {
                break;
            }
            metrics::add(&relay.metrics.messages, messages.len() as u64);
            let n_bytes: usize = messages.iter().map(bytes::Bytes::len).sum();
            metrics::add(&relay.metrics.bytes, n_bytes as u64);
            let all = async {
                for message in messages {
                    // Each may be large: the viewer has the whole timeout for every one.
                    let sent = sink.feed(Message::binary(message));
                    timeout(limits::WRITE_TIMEOUT, sent).await.ok()?.ok()?;
                }
                timeout(limits::WRITE_TIMEOUT, sink.flush()).await.ok()?.ok()
            };
            if all.await.is_none() {
                debug!("a viewer took nothing for too long, or is gone");
                metrics::add(&relay.metrics.stalled, 1);
                return None;
            }
        }
        tokio::select! {
            changed = ticks.changed() => changed.ok()?,
            () = tokio::time::sleep_until(pinged + limits::PING) => {
                if heard.silent_for() > limits::SILENCE || !send(sink, Message::ping(Vec::new())).await {
                    return None;
                }
                pinged = Instant::now();
            }
        }
    }
}
