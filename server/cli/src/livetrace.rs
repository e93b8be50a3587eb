//! Execution traces on their way to the relay, while they are written.
//!
//! Whoever has the bytes hands them to a [`Forward`], which never makes them wait: where the relay
//! takes them too slowly, or there is none, whole generations are left out, and the relay is told
//! how much that was.

use std::fs::File;
use std::io::Write as _;
use std::thread::JoinHandle;
use std::time::Duration;

use anyhow::Result;
use futures_util::{SinkExt as _, StreamExt as _};
use gotrace::{Piece, Pieces};
use instrument::go::{TraceSink, Traced};
use tokio::sync::mpsc;
use tokio::time::{sleep, timeout};
use tokio_tungstenite::tungstenite::Message;
use wire::AgentToRelay;
use wire::frame::{Frame as _, TraceBegin, TracePiece};

use crate::agent::{self, Relay, Socket};

/// Pieces that wait for the network, of 64 KiB each, more or less.
const PIECES: usize = 256;
/// How long the relay may take for what is left when the trace has ended.
const FAREWELL: Duration = Duration::from_secs(3);
/// Pauses between attempts to connect double from here…
const FIRST_RETRY: Duration = Duration::from_millis(250);
/// … up to here.
const LAST_RETRY: Duration = Duration::from_secs(10);
/// The number of the trace: there is one on each connection.
const TRACE: u32 = 1;

/// Whose trace it is.
#[derive(Debug, Clone)]
pub(crate) struct Of {
    /// Process id; 0 where it is not known.
    pub(crate) pid: u32,
    /// What people call it.
    pub(crate) name: String,
}

/// Takes the bytes of a trace, and sends them.
pub(crate) struct Forward {
    pieces: Pieces,
    parts: Option<mpsc::Sender<Part>>,
    /// Bytes that were left out since the last piece.
    lost: u64,
    /// What comes belongs to a generation of which something was left out.
    skipping: bool,
    /// A header was sent.
    headed: bool,
    /// No trace is sent of what isn't one.
    failed: bool,
    sender: Option<JoinHandle<()>>,
}

enum Part {
    Header(Vec<u8>),
    Batches { begins: bool, lost: u64, bytes: Vec<u8> },
}

impl Forward {
    /// Sends a trace to this relay, from a thread of its own.
    pub(crate) fn start(relay: Relay, of: Of) -> Result<Self> {
        relay.check()?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let (parts, taken) = mpsc::channel(PIECES);
        let send =
            move || runtime.block_on(Sending { relay, of, parts: taken, header: None }.run());
        let sender = std::thread::Builder::new().name("trace".into()).spawn(send)?;
        Ok(Self {
            pieces: Pieces::default(),
            parts: Some(parts),
            lost: 0,
            skipping: false,
            headed: false,
            failed: false,
            sender: Some(sender),
        })
    }

    /// Takes what comes next.
    pub(crate) fn push(&mut self, bytes: &[u8]) {
        let Some(parts) = &self.parts else { return };
        let (lost, skipping, headed) = (&mut self.lost, &mut self.skipping, &mut self.headed);
        let cut = self.pieces.push(bytes, |piece| match piece {
            // It comes first, so there is room.
            Piece::Header(bytes) => {
                if !std::mem::replace(headed, true) {
                    drop(parts.try_send(Part::Header(bytes.to_vec())));
                }
            }
            Piece::Batches { begins, bytes } => {
                *skipping &= !begins;
                let part = Part::Batches { begins, lost: *lost, bytes: bytes.to_vec() };
                if !*skipping && parts.try_send(part).is_ok() {
                    *lost = 0;
                } else {
                    *skipping = true;
                    *lost = lost.saturating_add(bytes.len() as u64);
                }
            }
        });
        if let Err(error) = cut
            && !std::mem::replace(&mut self.failed, true)
        {
            crate::complain(&format!("the execution trace can't be shown: {error}"));
        }
    }

    /// Another trace of the same process follows, as the runtime writes them one after the other:
    /// generations are numbered on, so it continues the first.
    pub(crate) fn restart(&mut self) {
        (self.pieces, self.skipping) = (Pieces::default(), false);
    }
}

impl Drop for Forward {
    fn drop(&mut self) {
        self.parts = None;
        if let Some(sender) = self.sender.take() {
            let _ = sender.join();
        }
    }
}

/// What becomes of the trace of a program that `run` runs.
pub(crate) fn take(traced: Traced) -> TraceSink {
    let Traced { pid, name, file } = traced;
    let mut file = file.and_then(|path| match File::create(&path) {
        Ok(file) => Some((path, file)),
        Err(error) => {
            crate::complain(&format!("cannot write {}: {error}", path.display()));
            None
        }
    });
    let args = crate::RelayArgs { url: None, token: None };
    let host = instrument::collector::Config::default().host;
    let relay = Relay::new(&args, host, "its execution trace is live at".to_owned());
    let mut forward = match Forward::start(relay, Of { pid, name }) {
        Ok(forward) => Some(forward),
        Err(error) => {
            crate::complain(&format!("its execution trace can't be sent: {error:#}"));
            None
        }
    };
    Box::new(move |bytes| {
        if let Some((path, kept)) = &mut file
            && let Err(error) = kept.write_all(bytes)
        {
            crate::complain(&format!("cannot write {}: {error}", path.display()));
            file = None;
        }
        if let Some(forward) = &mut forward {
            forward.push(bytes);
        }
    })
}

/// The thread's end.
struct Sending {
    relay: Relay,
    of: Of,
    parts: mpsc::Receiver<Part>,
    header: Option<Vec<u8>>,
}

/// Why a connection is over.
enum Over {
    /// The trace has ended, and everything was sent.
    Told,
    Lost(String),
}

impl Sending {
    async fn run(mut self) {
        // What follows may be the token.
        let shown = self.relay.url.split('?').next().unwrap_or_default().to_owned();
        let page = format!("{}/trace.html?live={}", shown.trim_end_matches('/'), self.of.name);
        let mut retry = FIRST_RETRY;
        let mut told = String::new();
        loop {
            let lost = match self.relay.connect().await {
                Ok(socket) => {
                    crate::complain(&format!("{} {page}", self.relay.greeting));
                    (retry, told) = (FIRST_RETRY, String::new());
                    match self.talk(socket).await {
                        Over::Told => return,
                        Over::Lost(reason) => format!("lost {shown} ({reason})"),
                    }
                }
                Err(reason) => format!("cannot send the execution trace to {shown} ({reason})"),
            };
            if lost != told {
                crate::complain(&lost);
                told = lost;
            }
            // Nobody will want what is written meanwhile.
            let wait = sleep(retry);
            let mut wait = std::pin::pin!(wait);
            retry = (retry * 2).min(LAST_RETRY);
            loop {
                tokio::select! {
                    part = self.parts.recv() => match part {
                        Some(Part::Header(header)) => self.header = Some(header),
                        Some(Part::Batches { .. }) => {}
                        None => return,
                    },
                    () = wait.as_mut() => break,
                }
            }
        }
    }

    async fn talk(&mut self, mut socket: Socket) -> Over {
        let host = self.relay.host.clone();
        let hello = AgentToRelay::Hello { version: wire::VERSION, name: host };
        let mut frames = vec![hello];
        // After a pause the first thing to tell is the begin of a generation.
        let mut skipping = self.header.is_some();
        frames.extend(self.header.clone().map(|header| self.begin(header)));
        loop {
            for frame in frames.drain(..) {
                let mut message = Vec::new();
                frame.encode(&mut message);
                let sent = timeout(agent::SEND, socket.send(Message::binary(message))).await;
                match sent {
                    Ok(Ok(())) => {}
                    Ok(Err(error)) => return Over::Lost(agent::say(&error)),
                    Err(_) => return Over::Lost("it takes nothing any more".to_owned()),
                }
            }
            tokio::select! {
                heard = socket.next() => match heard {
                    Some(Ok(Message::Close(Some(close)))) if !close.reason.is_empty() => {
                        return Over::Lost(close.reason.to_string());
                    }
                    // Pings are answered while it listens.
                    Some(Ok(message)) if !message.is_close() => {}
                    Some(Err(error)) => return Over::Lost(agent::say(&error)),
                    _ => return Over::Lost("it hung up".to_owned()),
                },
                part = self.parts.recv() => match part {
                    Some(Part::Header(header)) => {
                        self.header = Some(header.clone());
                        frames.push(self.begin(header));
                    }
                    Some(Part::Batches { begins, lost, bytes }) => {
                        skipping &= !begins;
                        if !skipping {
                            frames.extend(pieces(begins, lost, &bytes));
                        }
                    }
                    None => {
                        let _ = timeout(FAREWELL, goodbye(socket)).await;
                        return Over::Told;
                    }
                },
            }
        }
    }

    fn begin(&self, header: Vec<u8>) -> AgentToRelay {
        let (host, Of { pid, name }) = (self.relay.host.clone(), self.of.clone());
        AgentToRelay::TraceBegin(TraceBegin { trace: TRACE, pid, host, name, header })
    }
}

/// A piece as frames, none of which is too long.
fn pieces(begins: bool, lost: u64, bytes: &[u8]) -> impl Iterator<Item = AgentToRelay> {
    bytes.chunks(wire::limits::TRACE_PIECE).enumerate().map(move |(at, bytes)| {
        let (begins, lost) = if at == 0 { (begins, lost) } else { (false, 0) };
        let bytes = bytes.to_vec();
        AgentToRelay::TracePiece(TracePiece { trace: TRACE, begins, lost, bytes })
    })
}

/// Says that the trace has ended, and waits until the relay has read it.
async fn goodbye(mut socket: Socket) {
    let mut message = Vec::new();
    AgentToRelay::TraceEnd { trace: TRACE }.encode(&mut message);
    if socket.send(Message::binary(message)).await.is_ok() && socket.close(None).await.is_ok() {
        while let Some(Ok(_)) = socket.next().await {}
    }
}
