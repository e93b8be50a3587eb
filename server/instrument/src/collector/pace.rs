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
        mut sink: impl FnMut(Vec<AgentToRelay>) -> ControlFlow<()>,
    ) {
        let mut deliver = |collector: &mut Self, frames: Vec<AgentToRelay>| {
            if !frames.is_empty() && sink(frames).is_break() {
                return ControlFlow::Break(());
            }
            collector.settle();
            ControlFlow::Continue(())
        };
        let mut pace = Pace::default();
        loop {
            let before = processor_time();
            let mut frames = Vec::new();
            self.poll(unix_ms(), &mut frames);
            pace.note(processor_time().saturating_sub(before));
            if deliver(self, frames).is_break() {
                break;
            }
            // With nothing to watch, only the folder is looked at.
            let Config { poll, list, .. } = *self.config();
            let shortest = if self.is_idle() { poll.max(list) } else { poll };
            let next = Instant::now() + pace.pause(shortest);
            if self.answer_until(next, requests, &mut deliver).is_break() {
                break;
            }
        }
        self.stop();
    }

    /// Answers requests until it is time for the next poll.
    fn answer_until(
        &mut self,
        next: Instant,
        requests: &Receiver<RelayToAgent>,
        deliver: &mut impl FnMut(&mut Self, Vec<AgentToRelay>) -> ControlFlow<()>,
    ) -> ControlFlow<()> {
        for _ in 0..REQUESTS {
            match requests.recv_timeout(next.saturating_duration_since(Instant::now())) {
                Ok(request) => {
                    let mut frames = Vec::new();
                    self.request(request, &mut frames);
                    deliver(self, frames)?;
                }
                Err(RecvTimeoutError::Timeout) => return ControlFlow::Continue(()),
                Err(RecvTimeoutError::Disconnected) => return ControlFlow::Break(()),
            }
        }
        ControlFlow::Continue(())
    }
}

/// What the last two polls took, in processor time: on a busy machine, the time on the wall says
/// more of the others.
#[derive(Debug, Default)]
struct Pace {
    last: Duration,
    before: Duration,
}

impl Pace {
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

fn unix_ms() -> u64 {
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
