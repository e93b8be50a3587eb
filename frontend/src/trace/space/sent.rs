//! Messages as links: values that went through channels, as the program recorded it.

use gotrace::Wake;
use gotrace::trace::{Edge, Go};

use super::level::Placed;

/// Kind of a link that is a message: a value that the program says went through a channel.
pub const MESSAGE: u32 = 14;

/// Steps in which a link's time under way doubles: it is 2 to the power of its number by this.
pub const STEPS: f64 = 1_600.0;

/// A message that is to be shown.
pub(super) struct Sent {
    pub(super) ends: (Go, Go),
    pub(super) time: u64,
    pub(super) received: u64,
}

/// Messages that were received in a time.
pub(super) fn sent(placed: &Placed<'_>, begin: u64, end: u64) -> Vec<Sent> {
    let Some(passed) = placed.passed else { return Vec::new() };
    let found = passed.messages.iter().zip(0..).filter_map(|(message, index)| {
        let (time, received) = (message.sent.unsigned_abs(), message.received.unsigned_abs());
        let is_seen = (begin..=end).contains(&received) && passed.is_wanted(message);
        let ends = passed.ends(index).filter(|_| is_seen)?;
        // Times count from the begin of what is seen.
        Some(Sent { ends, time: time.max(begin), received })
    });
    found.collect()
}

/// A time under way in nanoseconds, as a link has it: 16 bits.
pub(super) fn under_way(nanos: u64) -> u32 {
    let steps = (nanos as f64).max(1.0).log2() * STEPS;
    steps.round().clamp(0.0, f64::from(u16::MAX)) as u32
}

/// The two ends of a wake-up, from whom data or the cause comes to whom it goes.
pub fn direction(edge: &Edge) -> (Go, Go) {
    match edge.wake {
        Wake::Receive => (edge.to, edge.from),
        _ => (edge.from, edge.to),
    }
}

#[cfg(test)]
mod tests {
    use gotrace::StackId;

    use super::super::camera::Camera;
    use super::super::groups::Groups;
    use super::super::level::{Budget, CREATED, build};
    use super::super::place::{Layout, place};
    use super::*;
    use crate::trace::colors::Shades;
    use crate::trace::testing;

    #[test]
    fn recorded_messages_take_the_place_of_wake_ups() {
        let (names, trace) = testing::family();
        let passed = testing::passed(&trace);
        let parents: Vec<_> = trace.goroutines.iter().map(|of| of.parent.index()).collect();
        let places = place(&parents, Layout::Circles);
        let groups = Groups::new(&trace, &places);
        let links = |passed| {
            let placed =
                Placed { trace: &trace, names: &names, passed, places: &places, groups: &groups };
            let mut camera = Camera::default();
            camera.fit(1.5);
            let view = camera.view(900.0, 600.0);
            let budget = Budget::default();
            let level = build(&placed, &view, &budget, &mut Shades::default(), &mut Vec::new());
            let links = level.links.iter().filter(|link| link[3] & 15 != CREATED);
            let links = links.map(|[from, to, time, word]| {
                let long = f64::from(word >> 16) / STEPS;
                (word & 15, *from, *to, f32::from_bits(*time), long.exp2().round())
            });
            links.collect::<Vec<_>>()
        };
        assert_eq!(links(None), [(Wake::Send as u32, 2, 0, 90.0, 1.0)]);
        // One that a goroutine sends to itself goes nowhere.
        let sent = [(2, 0, 90.0, 1.0), (1, 0, 50.0, 70.0), (2, 0, 66.0, 64.0)];
        let sent = sent.map(|(from, to, time, long)| (MESSAGE, from, to, time, long));
        assert_eq!(links(Some(&passed)), sent);
    }

    #[test]
    fn data_goes_from_the_sender_to_the_receiver() {
        let edge = |wake| Edge {
            time: 0,
            from: Go(1),
            to: Go(2),
            waker: StackId::NONE,
            waiting: StackId::NONE,
            wake,
        };
        assert_eq!(direction(&edge(Wake::Send)), (Go(1), Go(2)));
        assert_eq!(direction(&edge(Wake::Receive)), (Go(2), Go(1)));
    }
}
