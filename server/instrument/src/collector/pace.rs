//! How often to poll, and the loop that does.

use std::ops::ControlFlow;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use rustix::time::{ClockId, clock_gettime};
use wire::{AgentToRelay, RelayToAgent};

use super::{Collector, Config};

/// A poll is followed by this many times its own length: polling takes some 3 % of a core.
const PAUSE: u32 = 30;
/// The same for a single expensive poll among cheap ones, such as when a process registers.
const SHORT_PAUSE: u32 = 2;
/// Longest pause, however long a poll takes.
const LONGEST_PAUSE: Duration = Duration::from_millis(250);
/// Most requests answered between two polls.
const REQUESTS: usize = 64;

/// Watches the processes of this machine until `sink` breaks or the sender of `requests` is gone.
///
/// Each batch of frames goes to `sink`, which may block: nothing is polled meanwhile and nothing
/// is lost, because counts are cumulative. Accepting a batch means that it has arrived: only then
/// are the files of processes removed whose end it tells.
pub fn run(
    config: Config,
    requests: Receiver<RelayToAgent>,
    sink: impl FnMut(Vec<AgentToRelay>) -> ControlFlow<()>,
) {
    Collector::new(config).run(&requests, sink);
    drop(requests);
}

impl Collector {
    /// What [`run`] does, with a collector that outlives the connection: after
    /// [`announce`](Self::announce) it may run again. Tracing is switched off in between.
    pub fn run(
        &mut self,
        requests: &Receiver<RelayToAgent>,
        sink: impl FnMut(Vec<AgentToRelay>) -> ControlFlow<()>,
    ) {
        drive(self, requests, sink);
    }
}

/// What is watched, told poll by poll.
pub trait Watch {
    /// Reads, and appends what changed to `frames`. `now_ms` is the Unix time in milliseconds.
    fn poll(&mut self, now_ms: u64, frames: &mut Vec<AgentToRelay>);
    /// Forgets what was told: the next poll tells everything, to a new connection.
    fn announce(&mut self);
    /// The frames so far have arrived.
    fn settle(&mut self);
    /// Does what the relay asks, and appends the answer to `frames`.
    fn request(&mut self, request: RelayToAgent, frames: &mut Vec<AgentToRelay>);
    /// Nobody reads on for now.
    fn stop(&mut self);
    /// Shortest time to the next poll.
    fn pause(&self) -> Duration;
    /// Whether what isn't read in time is gone, so that it must be read even while nobody listens.
    fn fades(&self) -> bool;
    /// Since when there is nothing left to happen.
    fn ended(&self) -> Option<Instant>;
    /// Whether everything was told and has arrived, and nothing more can come.
    fn is_over(&self) -> bool;
}

impl Watch for Collector {
    fn poll(&mut self, now_ms: u64, frames: &mut Vec<AgentToRelay>) {
        Collector::poll(self, now_ms, frames);
    }

    fn announce(&mut self) {
        Collector::announce(self);
    }

    fn settle(&mut self) {
        Collector::settle(self);
    }

    fn request(&mut self, request: RelayToAgent, frames: &mut Vec<AgentToRelay>) {
        Collector::request(self, request, frames);
    }

    fn stop(&mut self) {
        Collector::stop(self);
    }

    fn pause(&self) -> Duration {
        // With nothing to watch, only the folder is looked at.
        let Config { poll, list, .. } = *self.config();
        if self.is_idle() { poll.max(list) } else { poll }
    }

    fn fades(&self) -> bool {
        false
    }

    fn ended(&self) -> Option<Instant> {
        None
    }

    fn is_over(&self) -> bool {
        false
    }
}

/// Polls and answers until `sink` breaks, the sender of `requests` is gone, or all is over.
pub fn drive(
    watch: &mut impl Watch,
    requests: &Receiver<RelayToAgent>,
    mut sink: impl FnMut(Vec<AgentToRelay>) -> ControlFlow<()>,
) {
    let mut pace = Pace::default();
    while !watch.is_over() {
        let mut frames = Vec::new();
        pace.poll(watch, &mut frames);
        if deliver(watch, frames, &mut sink).is_break() {
            break;
        }
        let next = Instant::now() + pace.pause(watch.pause());
        if answer_until(watch, next, requests, &mut sink).is_break() {
            break;
        }
    }
    watch.stop();
}

/// Polls while nobody listens, until `wait` breaks; it is given the pause to the next poll, and
/// [`Watch::ended`].
pub fn drive_unheard(
    watch: &mut impl Watch,
    mut wait: impl FnMut(Duration, Option<Instant>) -> ControlFlow<()>,
) {
    let mut pace = Pace::default();
    let mut frames = Vec::new();
    while wait(pace.pause(watch.pause()), watch.ended()).is_continue() {
        frames.clear();
        pace.poll(watch, &mut frames);
    }
}

fn deliver(
    watch: &mut impl Watch,
    frames: Vec<AgentToRelay>,
    sink: &mut impl FnMut(Vec<AgentToRelay>) -> ControlFlow<()>,
) -> ControlFlow<()> {
    if !frames.is_empty() {
        sink(frames)?;
    }
    watch.settle();
    ControlFlow::Continue(())
}

/// Answers requests until it is time for the next poll.
fn answer_until(
    watch: &mut impl Watch,
    next: Instant,
    requests: &Receiver<RelayToAgent>,
    sink: &mut impl FnMut(Vec<AgentToRelay>) -> ControlFlow<()>,
) -> ControlFlow<()> {
    for _ in 0..REQUESTS {
        match requests.recv_timeout(next.saturating_duration_since(Instant::now())) {
            Ok(request) => {
                let mut frames = Vec::new();
                watch.request(request, &mut frames);
                deliver(watch, frames, sink)?;
            }
            Err(RecvTimeoutError::Timeout) => return ControlFlow::Continue(()),
            Err(RecvTimeoutError::Disconnected) => return ControlFlow::Break(()),
        }
    }
    ControlFlow::Continue(())
}

/// What the last two polls took, in processor time: on a busy machine, the time on the wall says
/// more of the others.
#[derive(Debug, Default)]
struct Pace {
    last: Duration,
    before: Duration,
}

impl Pace {
    fn poll(&mut self, watch: &mut impl Watch, frames: &mut Vec<AgentToRelay>) {
        let before = processor_time();
        watch.poll(unix_ms(), frames);
        self.note(processor_time().saturating_sub(before));
    }

    fn note(&mut self, taken: Duration) {
        self.before = std::mem::replace(&mut self.last, taken);
    }

    fn pause(&self, shortest: Duration) -> Duration {
        let steady = self.last.min(self.before) * PAUSE;
        steady.max(self.last * SHORT_PAUSE).min(LONGEST_PAUSE).max(shortest)
    }
}

fn processor_time() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(u64::try_from(time.tv_sec).unwrap_or(0), u32::try_from(time.tv_nsec).unwrap_or(0))
}

pub(super) fn unix_ms() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(now.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_with_what_polls_take() {
        let ms = Duration::from_millis;
        let pause = |before, last| Pace { before, last }.pause(ms(5));
        assert_eq!(pause(Duration::from_micros(20), Duration::from_micros(20)), ms(5));
        assert_eq!(pause(ms(1), ms(1)), ms(30));
        assert_eq!(pause(ms(100), ms(100)), ms(250));
        // Registering once takes long; the next counts are wanted soon.
        assert_eq!(pause(Duration::from_micros(20), ms(40)), ms(80));
        assert_eq!(pause(ms(40), Duration::from_micros(20)), ms(5));
    }
}
