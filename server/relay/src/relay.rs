//! What all connections share, and the two tasks that drive it: the tick and the tidying.

use std::collections::BTreeMap;
use std::collections::HashSet;
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};
use std::sync::mpsc::SyncSender;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tokio::sync::{Notify, mpsc, watch};
use tokio::time::Instant;
use wire::{RelayToAgent, SourceId};

use crate::Asset;
use crate::guard::Guard;
use crate::hub::{AgentId, Hub};
use crate::limits;
use crate::metrics::Metrics;
use crate::source::Sources;
use crate::traces::{End, Traces};

/// The state of one relay. Locks are held for as long as memory is touched, never while a peer is
/// read or written, and never two at once.
#[derive(Debug)]
pub(crate) struct Relay {
    hub: Mutex<Hub>,
    sources: Mutex<Sources>,
    traces: Mutex<Traces>,
    agents: Mutex<BTreeMap<AgentId, Peer>>,
    next_agent: AtomicU32,
    /// Agents that are connected or connecting.
    pub(crate) agent_slots: AtomicUsize,
    /// Viewers that are connected or connecting.
    pub(crate) viewer_slots: AtomicUsize,
    /// Counters of itself.
    pub(crate) metrics: Metrics,
    /// Who may talk to it.
    pub(crate) guard: Guard,
    /// The page.
    pub(crate) assets: &'static [Asset],
    /// Sources that the page's own scripts may come from, for its policy.
    pub(crate) script_hashes: &'static str,
    /// Woken when something changed in the hub.
    changed: Notify,
    /// Counts ticks; viewers wait for it.
    ticks: watch::Sender<u64>,
    /// Turns true when the relay stops.
    stop: watch::Sender<bool>,
}

/// How the relay reaches an agent.
#[derive(Debug)]
pub(crate) struct Peer {
    requests: Requests,
    sources: HashSet<SourceId>,
}

/// The bounded queue of what is asked of an agent.
#[derive(Debug, Clone)]
pub(crate) enum Requests {
    /// To a task that writes to a socket.
    Remote(mpsc::Sender<RelayToAgent>),
    /// To the local collector's thread.
    Local(SyncSender<RelayToAgent>),
}

impl Requests {
    fn send(&self, request: RelayToAgent) -> bool {
        match self {
            Requests::Remote(sender) => sender.try_send(request).is_ok(),
            Requests::Local(sender) => sender.try_send(request).is_ok(),
        }
    }
}

impl Relay {
    /// A relay that knows nothing yet.
    pub(crate) fn new(
        id: u64,
        guard: Guard,
        assets: &'static [Asset],
        script_hashes: &'static str,
    ) -> Arc<Self> {
        Arc::new(Self {
            hub: Mutex::new(Hub::new(id, now_ms())),
            sources: Mutex::default(),
            traces: Mutex::default(),
            agents: Mutex::default(),
            next_agent: AtomicU32::new(1),
            agent_slots: AtomicUsize::new(0),
            viewer_slots: AtomicUsize::new(0),
            metrics: Metrics::default(),
            guard,
            assets,
            script_hashes,
            changed: Notify::new(),
            ticks: watch::channel(0).0,
            stop: watch::channel(false).0,
        })
    }

    /// What is remembered.
    pub(crate) fn hub(&self) -> MutexGuard<'_, Hub> {
        lock(&self.hub)
    }

    /// Sources that are here or asked for.
    pub(crate) fn sources(&self) -> MutexGuard<'_, Sources> {
        lock(&self.sources)
    }

    /// Execution traces.
    pub(crate) fn traces(&self) -> MutexGuard<'_, Traces> {
        lock(&self.traces)
    }

    /// Something changed in the hub.
    pub(crate) fn wake(&self) {
        self.changed.notify_one();
    }

    /// Changes at every tick.
    pub(crate) fn ticks(&self) -> watch::Receiver<u64> {
        self.ticks.subscribe()
    }

    /// Returns when the relay stops.
    pub(crate) async fn stopped(&self) {
        // An error would mean that the sender, and so the relay, is gone.
        let _ = self.stop.subscribe().wait_for(|&stop| stop).await;
    }

    /// Ends every connection and task.
    pub(crate) fn stop(&self) {
        self.stop.send_replace(true);
        // Whoever reads one would wait for more.
        self.traces().all().iter().for_each(|live| live.end(End::Broken));
    }

    /// An agent is there.
    pub(crate) fn join(&self, requests: Requests) -> AgentId {
        let id = self.next_agent.fetch_add(1, Ordering::Relaxed);
        let peer = Peer { requests, sources: HashSet::new() };
        lock(&self.agents).insert(id, peer);
        id
    }

    /// An agent has these sources.
    pub(crate) fn has_sources(&self, agent: AgentId, sources: &[SourceId]) {
        if let Some(peer) = lock(&self.agents).get_mut(&agent) {
            peer.sources.extend(sources);
        }
    }

    /// An agent is gone.
    pub(crate) fn leave(&self, agent: AgentId) {
        lock(&self.agents).remove(&agent);
        self.sources().leave(agent);
        self.hub().leave(agent, now_ms());
        self.wake();
    }

    /// Agents that announced themselves.
    pub(crate) fn n_agents(&self) -> usize {
        lock(&self.agents).len()
    }

    /// The agents that announced a table naming this source.
    pub(crate) fn agents_with(&self, source: SourceId) -> Vec<AgentId> {
        let agents = lock(&self.agents);
        agents
            .iter()
            .filter(|(_, peer)| peer.sources.contains(&source))
            .map(|(&id, _)| id)
            .collect()
    }

    /// Asks something of an agent; false where it is gone or has too much to do.
    pub(crate) fn ask(&self, agent: AgentId, request: RelayToAgent) -> bool {
        let requests = lock(&self.agents).get(&agent).map(|peer| peer.requests.clone());
        requests.is_some_and(|requests| requests.send(request))
    }

    /// Gives viewers a tick when something changed: at once after a pause, else at most 60 times
    /// a second.
    pub(crate) async fn run_ticks(self: Arc<Self>) {
        let mut last = Instant::now();
        loop {
            tokio::select! {
                () = self.changed.notified() => {}
                () = self.stopped() => return,
            }
            tokio::time::sleep_until(last + limits::TICK).await;
            last = Instant::now();
            if self.hub().tick() {
                self.ticks.send_modify(|n| *n = n.wrapping_add(1));
            }
        }
    }

    /// Keeps the hub within its bounds.
    pub(crate) async fn run_tidying(self: Arc<Self>) {
        let mut every = tokio::time::interval(Duration::from_millis(500));
        every.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                _ = every.tick() => {}
                () = self.stopped() => return,
            }
            self.hub().tidy(now_ms());
            self.wake();
        }
    }
}

/// Counts one of a bounded number of peers, and gives the place back when dropped.
#[derive(Debug)]
pub(crate) struct Slot {
    relay: Arc<Relay>,
    of: fn(&Relay) -> &AtomicUsize,
}

impl Slot {
    /// A place, if one is free.
    pub(crate) fn take(
        relay: &Arc<Relay>,
        of: fn(&Relay) -> &AtomicUsize,
        limit: usize,
    ) -> Option<Self> {
        of(relay)
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |n| (n < limit).then_some(n + 1))
            .ok()
            .map(|_| Self { relay: Arc::clone(relay), of })
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        (self.of)(&self.relay).fetch_sub(1, Ordering::Relaxed);
    }
}

/// A lock is never poisoned for good: what it guards is consistent between statements, and one
/// connection's bug must not end all others.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The clock, in Unix milliseconds.
pub(crate) fn now_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}
