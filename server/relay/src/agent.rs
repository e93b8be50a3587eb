//! Agents: the local collector over channels, others over a WebSocket. Both end in a [`Session`],
//! which holds what an agent may say when.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use futures_util::stream::{SplitSink, SplitStream};
use futures_util::{SinkExt, StreamExt};
use tokio::sync::mpsc;
use tokio::time::timeout;
use tracing::{debug, info, warn};
use warp::ws::{Message, WebSocket};
use wire::frame::Frame;
use wire::{AgentToRelay, TableId};

use crate::hub::{AgentId, Announced, KnownTable, Refusal};
use crate::relay::{Relay, Requests, Slot, now_ms};
use crate::traces::{End, Live};
use crate::{LocalAgent, limits, metrics};

/// What one agent has said on this connection.
#[derive(Debug)]
struct Session {
    relay: Arc<Relay>,
    id: AgentId,
    /// What the agent calls itself.
    name: String,
    /// The hub's names for the agent's processes.
    processes: HashMap<u32, Known>,
    /// Holding them keeps the hub from dropping them.
    tables: HashMap<TableId, Arc<KnownTable>>,
    /// Execution traces that it sends, by its own numbers.
    traces: BTreeMap<u32, Arc<Live>>,
}

#[derive(Debug, Clone, Copy)]
struct Known {
    as_: Announced,
    /// Packages that the agent has announced of it.
    n_packages: usize,
}

impl Session {
    fn new(relay: Arc<Relay>, name: String, requests: Requests) -> Self {
        let id = relay.join(requests);
        let (processes, tables, traces) = Default::default();
        Self { relay, id, name, processes, tables, traces }
    }

    /// Takes one frame: all of it or nothing.
    fn apply(&mut self, frame: AgentToRelay) -> Result<(), Refusal> {
        metrics::add(&self.relay.metrics.frames, 1);
        match frame {
            AgentToRelay::Hello { .. } => Ok(()),
            AgentToRelay::Process(process) => {
                let theirs = process.handle;
                let as_ = self.relay.hub().announce(self.id, process, now_ms())?;
                self.processes.insert(theirs, Known { as_, n_packages: 0 });
                Ok(())
            }
            AgentToRelay::Table(bytes) => self.table(bytes),
            AgentToRelay::Packages { handle, tables } => self.packages(handle, &tables),
            AgentToRelay::Counts(counts) => match self.process(counts.handle)? {
                Some(handle) => self.relay.hub().counts(handle, &counts, now_ms()),
                None => Ok(()),
            },
            AgentToRelay::Flow(flow) => match self.process(flow.handle)? {
                Some(handle) => self.relay.hub().flow(handle, flow, now_ms()),
                None => Ok(()),
            },
            AgentToRelay::State { handle, at_ms, state } => match self.process(handle)? {
                Some(handle) => self.relay.hub().state(handle, state, at_ms, now_ms()),
                None => Ok(()),
            },
            AgentToRelay::Tracing { handle, entries } => match self.process(handle)? {
                Some(handle) => self.relay.hub().tracing(handle, entries),
                None => Ok(()),
            },
            AgentToRelay::Source { id, bytes } => self.relay.sources().answer(self.id, id, bytes),
            AgentToRelay::TraceBegin(begin) => {
                let theirs = begin.trace;
                if self.traces.len() >= limits::AGENT_TRACES && !self.traces.contains_key(&theirs) {
                    let limit = limits::AGENT_TRACES;
                    return Err(Refusal::Limit { what: "execution traces at once", limit });
                }
                let live = self.relay.traces().begin(begin, now_ms());
                if let Some(before) = self.traces.insert(theirs, live) {
                    before.end(End::Broken);
                }
                Ok(())
            }
            AgentToRelay::TracePiece(piece) => match self.traces.get(&piece.trace) {
                Some(live) => {
                    live.add(piece);
                    Ok(())
                }
                None => Err(Refusal::Protocol(format!("trace {} has not begun", piece.trace))),
            },
            AgentToRelay::TraceEnd { trace } => match self.traces.remove(&trace) {
                Some(live) => {
                    live.end(End::Whole);
                    Ok(())
                }
                None => Err(Refusal::Protocol(format!("trace {trace} has not begun"))),
            },
        }
    }

    /// The hub's handle; none for a process that was folded away, whose news are old.
    fn process(&self, theirs: u32) -> Result<Option<u32>, Refusal> {
        match self.processes.get(&theirs).map(|known| known.as_) {
            Some(Announced::As(handle)) => {
                Ok(self.relay.hub().process(handle).is_some().then_some(handle))
            }
            Some(Announced::Folded) => Ok(None),
            None => Err(Refusal::Protocol(format!("process {theirs} was not announced"))),
        }
    }

    fn table(&mut self, bytes: Vec<u8>) -> Result<(), Refusal> {
        // Hashing and reading take a while for a large package, so the hub isn't locked for it.
        let id = TableId::of(&bytes);
        let known = self.relay.hub().known_table(id);
        let table = match known {
            Some(table) => table,
            None => {
                let table = KnownTable::new(bytes, id)?;
                self.relay.hub().add_table(table)?
            }
        };
        self.relay.has_sources(self.id, &table.sources);
        self.tables.insert(id, table);
        Ok(())
    }

    fn packages(&mut self, theirs: u32, ids: &[TableId]) -> Result<(), Refusal> {
        let mut tables = Vec::with_capacity(ids.len());
        for id in ids {
            let table = self.tables.get(id).cloned().ok_or_else(|| {
                Refusal::Protocol(format!("table {} was not sent on this connection", id.hex()))
            })?;
            tables.push(table);
        }
        let Some(handle) = self.process(theirs)? else { return Ok(()) };
        let Some(known) = self.processes.get_mut(&theirs) else { return Ok(()) };
        self.relay.hub().packages(handle, known.n_packages, tables)?;
        known.n_packages += ids.len();
        Ok(())
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        self.traces.values().for_each(|live| live.end(End::Broken));
        self.relay.leave(self.id);
    }
}

/// Serves the local collector until it or the relay stops. What it says wrong is logged and left
/// out: nobody could connect again in its place.
pub(crate) async fn run_local(relay: Arc<Relay>, local: LocalAgent) {
    let LocalAgent { mut frames, requests } = local;
    let requests = Requests::Local(requests);
    let mut session = Session::new(Arc::clone(&relay), "local collector".into(), requests);
    let mut last = String::new();
    loop {
        let batch = tokio::select! {
            batch = frames.recv() => batch,
            () = relay.stopped() => None,
        };
        let Some(batch) = batch else { return };
        for frame in batch {
            if let Err(refusal) = session.apply(frame) {
                metrics::add(&relay.metrics.refused, 1);
                let message = refusal.to_string();
                if message != last {
                    warn!("left out of what the local collector says: {message}");
                    last = message;
                }
            }
        }
        relay.wake();
    }
}

/// Serves one agent's connection.
pub(crate) async fn run(relay: Arc<Relay>, socket: WebSocket, slot: Slot) {
    let (mut sink, mut stream) = socket.split();
    let ended = tokio::select! {
        ended = talk(&relay, &mut sink, &mut stream) => ended,
        () = relay.stopped() => Ended::Stopped,
    };
    let close = match ended {
        Ended::Gone => None,
        Ended::Stopped => Some(Message::close_with(1001u16, "relay stops")),
        Ended::Refused(refusal) => {
            metrics::add(&relay.metrics.refused, 1);
            let status: u16 = match refusal.code() {
                "frame too large" => 1009,
                "relay is full" => 1013,
                _ => 1008,
            };
            Some(Message::close_with(status, refusal.code()))
        }
    };
    if let Some(close) = close {
        hang_up(&mut sink, &mut stream, close).await;
    }
    drop(slot);
}

enum Ended {
    /// The peer closed, broke off or fell silent.
    Gone,
    /// The relay stops.
    Stopped,
    /// The peer broke the protocol.
    Refused(Refusal),
}

impl From<Refusal> for Ended {
    fn from(refusal: Refusal) -> Self {
        Ended::Refused(refusal)
    }
}

async fn talk(
    relay: &Arc<Relay>,
    sink: &mut SplitSink<WebSocket, Message>,
    stream: &mut SplitStream<WebSocket>,
) -> Ended {
    let (requests, mut asked) = mpsc::channel(limits::REQUESTS);
    let mut session = None;
    let mut silent = false;
    let mut heard = tokio::time::Instant::now();
    loop {
        tokio::select! {
            message = stream.next() => {
                heard = tokio::time::Instant::now();
                silent = false;
                let message = match message {
                    None => return Ended::Gone,
                    Some(Err(error)) => return broken(&error),
                    Some(Ok(message)) => message,
                };
                if message.is_close() {
                    return Ended::Gone;
                }
                if message.is_text() {
                    let message = "text where binary frames belong".to_owned();
                    return Ended::Refused(Refusal::Protocol(message));
                }
                if message.is_binary()
                    && let Err(refusal) = take(relay, &mut session, &requests, message.as_bytes())
                {
                    let name = session.as_ref().map_or("", |session| session.name.as_str());
                    info!("the agent {name:?} is refused: {refusal}");
                    return Ended::Refused(refusal);
                }
            }
            Some(request) = asked.recv() => {
                let mut bytes = Vec::new();
                wire::RelayToAgent::encode(&request, &mut bytes);
                if !send(sink, Message::binary(bytes)).await {
                    return Ended::Gone;
                }
            }
            () = tokio::time::sleep_until(heard + if silent { limits::SILENCE } else { limits::PING }) => {
                if silent || !send(sink, Message::ping(Vec::new())).await {
                    return Ended::Gone;
                }
                silent = true;
            }
        }
    }
}

/// Takes a message's frames, the first of which must be a greeting.
fn take(
    relay: &Arc<Relay>,
    session: &mut Option<Session>,
    requests: &mpsc::Sender<wire::RelayToAgent>,
    bytes: &[u8],
) -> Result<(), Refusal> {
    for frame in AgentToRelay::decode(bytes)? {
        let session = match (session.as_mut(), &frame) {
            (Some(session), _) => session,
            (None, AgentToRelay::Hello { name, .. }) => {
                debug!("agent {name:?} is there");
                let requests = Requests::Remote(requests.clone());
                session.insert(Session::new(Arc::clone(relay), name.clone(), requests))
            }
            (None, _) => {
                return Err(Refusal::Protocol("the first frame is not a greeting".into()));
            }
        };
        session.apply(frame)?;
    }
    relay.wake();
    Ok(())
}

/// The library keeps its reasons to itself except as text.
pub(crate) fn too_long(error: &warp::Error) -> bool {
    error.to_string().contains("too long")
}

fn broken(error: &warp::Error) -> Ended {
    if too_long(error) {
        let limit = wire::limits::MESSAGE_BYTES;
        let error = wire::WireError::Limit { offset: 0, what: "message", limit };
        return Ended::Refused(Refusal::Wire(error));
    }
    debug!("an agent's connection broke: {error}");
    Ended::Gone
}

/// Sends a message; false where the peer takes nothing.
pub(crate) async fn send(sink: &mut SplitSink<WebSocket, Message>, message: Message) -> bool {
    matches!(timeout(limits::WRITE_TIMEOUT, sink.send(message)).await, Ok(Ok(())))
}

/// Says why, then waits a moment for the peer to hear it: closing a socket with unread bytes would
/// take the reason back.
pub(crate) async fn hang_up(
    sink: &mut SplitSink<WebSocket, Message>,
    stream: &mut SplitStream<WebSocket>,
    close: Message,
) {
    let goodbye = async {
        if sink.send(close).await.is_ok() {
            while let Some(Ok(message)) = stream.next().await {
                if message.is_close() {
                    break;
                }
            }
        }
    };
    let _ = timeout(limits::SHUTDOWN / 2, goodbye).await;
}
