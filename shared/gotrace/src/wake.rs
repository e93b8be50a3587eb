//! What it means that one goroutine made another runnable.
//!
//! The trace says who, whom, both stacks and the reason for which the other one waited. What it
//! was about follows from the innermost function of the waker and that reason. On a channel
//! without a buffer each completed communication is one such wake-up, and the other way around. On
//! one with a buffer it is the wake-up only: a receiver that wakes a sender took another's value.

use crate::names::{Names, StackId, StringId};

/// What a wake-up was about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Wake {
    /// The waker sent on a channel; data goes to the one it woke.
    Send = 0,
    /// The waker received from a channel; data comes from the one it woke.
    Receive = 1,
    /// Both were in a select; which way data went is not in the trace.
    Select = 2,
    /// The waker closed the channel.
    Close = 3,
    /// A lock was handed over, or a group of goroutines is done.
    Sync = 4,
    /// A condition was signalled.
    Condition = 5,
    /// Something can be read or written.
    Network = 6,
    /// It was time.
    Timer = 7,
    /// A coroutine handed over.
    Switch = 8,
    /// Work of the runtime's own.
    Runtime = 9,
}

impl Wake {
    /// All, by number.
    pub const ALL: [Self; 10] = [
        Self::Send,
        Self::Receive,
        Self::Select,
        Self::Close,
        Self::Sync,
        Self::Condition,
        Self::Network,
        Self::Timer,
        Self::Switch,
        Self::Runtime,
    ];

    /// Its name, for people.
    pub fn name(self) -> &'static str {
        match self {
            Self::Send => "send",
            Self::Receive => "receive",
            Self::Select => "select",
            Self::Close => "close",
            Self::Sync => "sync",
            Self::Condition => "condition",
            Self::Network => "network",
            Self::Timer => "timer",
            Self::Switch => "switch",
            Self::Runtime => "runtime",
        }
    }

    /// A value went through a channel.
    pub fn is_channel(self) -> bool {
        matches!(self, Self::Send | Self::Receive | Self::Select)
    }
}

/// What tells what a wake-up was about: whether a goroutine did it, with which stack, and what the
/// other one waited for.
type Key = (bool, StackId, StringId);

/// Wake-ups that were looked at: there are few kinds of them, and names take long to compare.
#[derive(Debug, Clone, Default)]
pub(crate) struct Cache(Vec<Option<(Key, Wake)>>);

impl Cache {
    /// Kinds that are remembered, by the last bits of what tells them apart.
    const SIZE: usize = 256;

    /// What a wake-up was about.
    #[inline]
    pub(crate) fn classify(
        &mut self,
        names: &Names,
        by_goroutine: bool,
        waker: StackId,
        reason: StringId,
    ) -> Wake {
        let key = (by_goroutine, waker, reason);
        let mixed = waker.0 ^ reason.0.wrapping_mul(31);
        let at = mixed as usize % Self::SIZE;
        if let Some(Some((known, wake))) = self.0.get(at)
            && *known == key
        {
            return *wake;
        }
        let wake = classify(names, by_goroutine, waker, reason);
        self.0.resize(Self::SIZE, None);
        if let Some(place) = self.0.get_mut(at) {
            *place = Some((key, wake));
        }
        wake
    }
}

fn classify(names: &Names, by_goroutine: bool, waker: StackId, reason: StringId) -> Wake {
    let reason = names.text(reason);
    let top = names.top(waker).map_or("", |frame| names.text(frame.function));
    // Of one that waits since before the trace, the reason is not known.
    let is_unknown = reason.is_empty();
    let on_channel = matches!(reason, "chan receive" | "chan send" | "select");
    match top {
        "runtime.chansend1" | "runtime.selectnbsend" | "runtime.chansend" | "reflect.chansend0"
            if on_channel || is_unknown =>
        {
            Wake::Send
        }
        "runtime.chanrecv1"
        | "runtime.chanrecv2"
        | "runtime.selectnbrecv"
        | "runtime.chanrecv"
        | "reflect.chanrecv"
            if on_channel || is_unknown =>
        {
            Wake::Receive
        }
        "runtime.selectgo" => match reason {
            "chan send" => Wake::Receive,
            "chan receive" => Wake::Send,
            _ => Wake::Select,
        },
        _ => match reason {
            "sync.(*Cond).Wait" => Wake::Condition,
            "sync" => Wake::Sync,
            "network" => Wake::Network,
            "sleep" => Wake::Timer,
            "" => of_waker(by_goroutine, top),
            _ if on_channel && !by_goroutine => Wake::Timer,
            // The stack is lost: most who wake on a channel bring or take a value.
            "chan receive" if top.is_empty() => Wake::Send,
            "chan send" if top.is_empty() => Wake::Receive,
            "select" if top.is_empty() => Wake::Select,
            _ if on_channel && !top.starts_with("runtime.") => Wake::Close,
            _ if on_channel && top == "runtime.closechan" => Wake::Close,
            _ => Wake::Runtime,
        },
    }
}

/// What a wake-up was about, by the innermost function of the waker alone.
fn of_waker(by_goroutine: bool, top: &str) -> Wake {
    match top {
        "" if by_goroutine => Wake::Switch,
        "" => Wake::Runtime,
        "runtime.closechan" => Wake::Close,
        "internal/poll.runtime_Semrelease" => Wake::Sync,
        _ if top.starts_with("sync.(*Cond).") => Wake::Condition,
        _ if top.starts_with("sync.") => Wake::Sync,
        _ if top.starts_with("internal/poll.") => Wake::Network,
        _ if top.starts_with("runtime.") => Wake::Runtime,
        // To close a channel has no frame of its own.
        _ => Wake::Close,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::names::Frame;

    #[test]
    fn the_waker_tells_what_it_was_about_and_the_reason_where_it_is_known() {
        let mut names = Names::default();
        let mut wake = |top: &str, reason: &str| {
            let (function, reason) = (names.string(top), names.string(reason));
            let frame = names.intern(Frame { function, file: StringId::EMPTY, line: 1 });
            let stack =
                names.stack(if top.is_empty() { &[] } else { std::slice::from_ref(&frame) });
            classify(&names, true, stack, reason)
        };
        for (top, reason, expected) in [
            ("runtime.chansend1", "chan receive", Wake::Send),
            ("reflect.chansend0", "select", Wake::Send),
            ("reflect.chanrecv", "chan send", Wake::Receive),
            ("reflect.chanclose", "chan receive", Wake::Close),
            ("main.main", "select", Wake::Close),
            ("runtime.selectgo", "chan send", Wake::Receive),
            ("runtime.selectgo", "", Wake::Select),
            ("runtime.chanrecv2", "", Wake::Receive),
            ("sync.(*Cond).Broadcast", "", Wake::Condition),
            ("sync.(*WaitGroup).Add", "", Wake::Sync),
            ("internal/poll.(*pollDesc).evict", "", Wake::Network),
            ("context.(*cancelCtx).cancel", "", Wake::Close),
            ("runtime.systemstack_switch", "", Wake::Runtime),
            ("runtime.chansend1", "sleep", Wake::Timer),
            ("", "", Wake::Switch),
            ("", "chan receive", Wake::Send),
            ("", "chan send", Wake::Receive),
            ("", "select", Wake::Select),
        ] {
            assert_eq!(wake(top, reason), expected, "{top} wakes from {reason:?}");
        }
    }
}
