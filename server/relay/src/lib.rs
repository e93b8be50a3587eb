//! The relay: agents in, viewers out, and REST for the rest.
//!
//! It understands frames, not formats: it validates what agents send, remembers it for those who
//! come late, and passes on what changed, at most 60 times a second to each viewer. It is a
//! library: [`run`] serves on a listener until it is told to stop.
//!
//! | file | responsibility |
//! |---|---|
//! | `routes` | every endpoint |
//! | `hub` | who is connected, what is remembered; no sockets |
//! | `agent`, `viewer` | one connection each |
//! | `api`, `source`, `assets` | what is answered |
//! | `guard`, `limits` | who may ask, and how much |
//! | `recording` | frames in a file, to be played again |
//! | `traces` | execution traces as they are written |
//!
//! Every queue is bounded: agents are made to wait by their socket, a viewer that is slow gets
//! fewer and larger messages, because counts are cumulative and what is skipped loses nothing.
//!
//! Not here: reading counters (`instrument`), accounting (the page, `algebra`), files to serve.

mod agent;
mod api;
mod assets;
mod guard;
mod hub;
pub mod limits;
mod metrics;
pub mod recording;
mod relay;
mod routes;
mod server;
mod source;
mod traces;
mod viewer;

use std::io;
use std::net::SocketAddr;

use thiserror::Error;
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use wire::{AgentToRelay, RelayToAgent};

pub use assets::Asset;

/// What a relay serves, and to whom.
#[derive(Debug, Default)]
pub struct Config {
    /// The page; `index.html` is what paths without a file name get.
    pub assets: &'static [Asset],
    /// Hashes of the page's inline scripts, as its Content-Security-Policy has them:
    /// `'sha256-…' 'sha256-…'`.
    pub script_hashes: &'static str,
    /// What a request must carry, by `?token=` or `Authorization: Bearer`. Must be there where the
    /// listener can be reached from other machines.
    pub token: Option<String>,
    /// Names, with or without a port, that the relay answers to besides its own.
    pub allowed_hosts: Vec<String>,
    /// The collector of this machine, if it runs in this process.
    pub local: Option<LocalAgent>,
}

/// The relay's end of the local collector.
#[derive(Debug)]
pub struct LocalAgent {
    frames: mpsc::Receiver<Vec<AgentToRelay>>,
    requests: std::sync::mpsc::SyncSender<RelayToAgent>,
}

/// The collector's end. When the relay stops, sending fails and the requests end.
#[derive(Debug)]
pub struct AgentEnd {
    /// Takes frames; a full queue makes the collector wait.
    pub frames: mpsc::Sender<Vec<AgentToRelay>>,
    /// What the relay asks.
    pub requests: std::sync::mpsc::Receiver<RelayToAgent>,
}

/// Two ends of bounded queues between a collector in this process and the relay.
pub fn local_agent() -> (LocalAgent, AgentEnd) {
    let (frames, taken) = mpsc::channel(limits::LOCAL_BATCHES);
    let (asked, requests) = std::sync::mpsc::sync_channel(limits::REQUESTS);
    (LocalAgent { frames: taken, requests: asked }, AgentEnd { frames, requests })
}

/// Why a relay can't run.
#[derive(Debug, Error)]
pub enum RunError {
    /// The listener is broken.
    #[error("the listener has no address")]
    Listener(#[from] io::Error),
    /// Anybody who can reach the machine could read its source code.
    #[error("{0} can be reached from other machines, so the relay needs a token")]
    TokenMissing(SocketAddr),
    /// The system has no randomness to give.
    #[error("the system gives no random numbers")]
    Random,
}

/// A token that can't be guessed: 32 hex digits.
///
/// # Errors
/// [`RunError::Random`], where the system gives no random numbers.
pub fn new_token() -> Result<String, RunError> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).map_err(|_| RunError::Random)?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

/// Serves until `shutdown` is there, then says goodbye to everybody and returns.
///
/// # Errors
/// [`RunError`], before anything is served.
pub async fn run(
    listener: TcpListener,
    config: Config,
    shutdown: impl Future<Output = ()>,
) -> Result<(), RunError> {
    let bound = listener.local_addr()?;
    if !bound.ip().is_loopback() && config.token.is_none() {
        return Err(RunError::TokenMissing(bound));
    }
    let mut id = [0; 8];
    getrandom::fill(&mut id).map_err(|_| RunError::Random)?;
    let guard = guard::Guard::new(config.token, config.allowed_hosts, bound);
    let id = u64::from_le_bytes(id);
    let relay = relay::Relay::new(id, guard, config.assets, config.script_hashes);

    let mut tasks = tokio::task::JoinSet::new();
    tasks.spawn(std::sync::Arc::clone(&relay).run_ticks());
    tasks.spawn(std::sync::Arc::clone(&relay).run_tidying());
    if let Some(local) = config.local {
        tasks.spawn(agent::run_local(std::sync::Arc::clone(&relay), local));
    }
    let routes = routes::routes(std::sync::Arc::clone(&relay));
    let mut serving = std::pin::pin!(server::run(std::sync::Arc::clone(&relay), listener, routes));
    tokio::select! {
        () = serving.as_mut() => {}
        () = shutdown => {
            relay.stop();
            serving.await;
        }
    }
    relay.stop();
    // They see the sign and end; what doesn't is ended here.
    let ended = async { while tasks.join_next().await.is_some() {} };
    let _ = tokio::time::timeout(limits::SHUTDOWN, ended).await;
    Ok(())
}
