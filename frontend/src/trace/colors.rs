//! Colors of what goroutines do, for both views: told apart with every kind of color vision, on
//! light and on dark.

use gotrace::event::GoState;
use gotrace::{Names, StringId};

/// What a goroutine does, as far as it has a color of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Shade {
    /// It runs.
    Running = 0,
    /// It could run.
    Runnable = 1,
    /// It is inside of a system call.
    Syscall = 2,
    /// It waits for a channel or in a select.
    Channel = 3,
    /// It waits for a lock, a condition or a group.
    Sync = 4,
    /// It waits for the network.
    Network = 5,
    /// It sleeps.
    Sleep = 6,
    /// It waits for something else: the collector, other work of the runtime, or what the trace
    /// does not say.
    Other = 7,
}

/// A color: red, green and blue.
pub type Rgb = [u8; 3];

impl Shade {
    /// Number of shades.
    pub const COUNT: usize = 8;

    /// All, by number.
    pub const ALL: [Self; Self::COUNT] = [
        Self::Running,
        Self::Runnable,
        Self::Syscall,
        Self::Channel,
        Self::Sync,
        Self::Network,
        Self::Sleep,
        Self::Other,
    ];

    /// Its name, as addresses have it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Runnable => "runnable",
            Self::Syscall => "syscall",
            Self::Channel => "channel",
            Self::Sync => "sync",
            Self::Network => "network",
            Self::Sleep => "sleep",
            Self::Other => "other",
        }
    }

    /// Its name, for people.
    pub fn title(self) -> &'static str {
        match self {
            Self::Running => "Running",
            Self::Runnable => "Runnable",
            Self::Syscall => "System call",
            Self::Channel => "Channel",
            Self::Sync => "Lock",
            Self::Network => "Network",
            Self::Sleep => "Sleep",
            Self::Other => "Other wait",
        }
    }

    /// The shade with a name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|shade| shade.name() == name)
    }

    /// It is a way of waiting.
    pub fn waits(self) -> bool {
        self as u8 >= Self::Channel as u8
    }

    /// Its color.
    pub fn rgb(self, dark: bool) -> Rgb {
        match (self, dark) {
            (Self::Running, false) => [0x00, 0x72, 0xb2],
            (Self::Running, true) => [0x56, 0xb4, 0xe9],
            (Self::Runnable, false) => [0xe6, 0x9f, 0x00],
            (Self::Runnable, true) => [0xf0, 0xb4, 0x29],
            (Self::Syscall, false) => [0x00, 0x9e, 0x73],
            (Self::Syscall, true) => [0x2f, 0xc9, 0x9a],
            (Self::Channel, false) => [0xb9, 0xae, 0xdb],
            (Self::Channel, true) => [0x5a, 0x4f, 0x85],
            (Self::Sync, false) => [0xdf, 0xa9, 0xb8],
            (Self::Sync, true) => [0x7d, 0x48, 0x58],
            (Self::Network, false) => [0xa6, 0xcb, 0xd3],
            (Self::Network, true) => [0x35, 0x5f, 0x68],
            (Self::Sleep, false) => [0xdf, 0xe3, 0xe8],
            (Self::Sleep, true) => [0x2b, 0x34, 0x3d],
            (Self::Other, false) => [0xc6, 0xcc, 0xd3],
            (Self::Other, true) => [0x42, 0x4c, 0x57],
        }
    }

    /// The color of text upon it.
    pub fn text(self, dark: bool) -> Rgb {
        match (self, dark) {
            (Self::Running, false) => [0xff; 3],
            (Self::Running | Self::Runnable | Self::Syscall, _) => [0x06, 0x10, 0x18],
            (_, false) => [0x1c, 0x24, 0x2e],
            (_, true) => [0xed, 0xf1, 0xf5],
        }
    }
}

/// What lies behind everything.
pub fn background(dark: bool) -> Rgb {
    if dark { [0x0e, 0x13, 0x18] } else { [0xff; 3] }
}

/// Shades of reasons, each looked up once.
#[derive(Debug, Clone, Default)]
pub struct Shades {
    reasons: Vec<Option<Shade>>,
}

impl Shades {
    /// The shade of a state, with the reason for it. None where a goroutine is not there.
    pub fn of(&mut self, names: &Names, state: GoState, reason: StringId) -> Option<Shade> {
        match state {
            GoState::Running => Some(Shade::Running),
            GoState::Runnable => Some(Shade::Runnable),
            GoState::Syscall => Some(Shade::Syscall),
            GoState::Waiting => Some(self.wait(names, reason)),
            GoState::Undetermined | GoState::NotExist => None,
        }
    }

    fn wait(&mut self, names: &Names, reason: StringId) -> Shade {
        let at = reason.0 as usize;
        if let Some(Some(shade)) = self.reasons.get(at) {
            return *shade;
        }
        let shade = waiting(names.text(reason));
        // Reasons are few and come early; names of functions may be many.
        if at < 4_096 {
            if self.reasons.len() <= at {
                self.reasons.resize(at + 1, None);
            }
            if let Some(place) = self.reasons.get_mut(at) {
                *place = Some(shade);
            }
        }
        shade
    }
}

/// The shade of a reason to wait, as the runtime names it.
pub fn waiting(reason: &str) -> Shade {
    match reason {
        "chan send" | "chan receive" | "select" => Shade::Channel,
        "sync" | "sync.(*Cond).Wait" => Shade::Sync,
        "network" => Shade::Network,
        "sleep" => Shade::Sleep,
        _ => Shade::Other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shades_are_found_by_name_and_number() {
        for (number, shade) in Shade::ALL.into_iter().enumerate() {
            assert_eq!(shade as usize, number);
            assert_eq!(Shade::named(shade.name()), Some(shade));
        }
        assert_eq!(Shade::named("blue"), None);
        assert_eq!(waiting("select"), Shade::Channel);
        assert_eq!(waiting("GC sweep wait"), Shade::Other);
        assert!(Shade::Sleep.waits() && !Shade::Syscall.waits());
    }

    #[test]
    fn text_can_be_read_on_every_shade() {
        for shade in Shade::ALL {
            for dark in [false, true] {
                let ratio = contrast(shade.text(dark), shade.rgb(dark));
                assert!(ratio >= 4.5, "{shade:?} {dark}: {ratio}");
            }
        }
    }

    /// Contrast as WCAG 2.2 defines it.
    fn contrast(a: Rgb, b: Rgb) -> f64 {
        let light = |color: Rgb| {
            let part = |part: u8| {
                let part = f64::from(part) / 255.0;
                if part <= 0.04045 { part / 12.92 } else { ((part + 0.055) / 1.055).powf(2.4) }
            };
            0.2126 * part(color[0]) + 0.7152 * part(color[1]) + 0.0722 * part(color[2])
        };
        let (a, b) = (light(a), light(b));
        (a.max(b) + 0.05) / (a.min(b) + 0.05)
    }
}
