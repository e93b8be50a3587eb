//! Events as a thread wrote them: a type, a time since the event before, up to four arguments.

use crate::cursor::{Cursor, Short};

/// How often each type of event or batch was met, by its number.
pub(crate) type Counts = [u64; 256];

/// Counts one.
#[inline]
pub(crate) fn count(counts: &mut Counts, kind: u8) {
    if let Some(count) = counts.get_mut(usize::from(kind)) {
        *count += 1;
    }
}

/// Types of batches, and what they begin with.
pub(crate) mod batch {
    pub(crate) const EVENTS: u8 = 1;
    pub(crate) const STACKS: u8 = 2;
    pub(crate) const STACK: u8 = 3;
    pub(crate) const STRINGS: u8 = 4;
    pub(crate) const STRING: u8 = 5;
    pub(crate) const SAMPLES: u8 = 6;
    pub(crate) const SAMPLE: u8 = 7;
    pub(crate) const FREQUENCY: u8 = 8;
    pub(crate) const EXPERIMENT: u8 = 49;
    pub(crate) const SYNC: u8 = 50;
    pub(crate) const CLOCK: u8 = 51;
    pub(crate) const END: u8 = 52;
}

/// Declares the types of timed events: number, name, arguments after the time, and which of them
/// is the stack of the goroutine that wrote it (counted from 1; 0 for none).
macro_rules! kinds {
    ($($number:literal $name:ident $args:literal $stack:literal,)*) => {
        /// Type of a timed event.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        #[repr(u8)]
        pub(crate) enum Kind {
            $($name = $number,)*
        }

        impl Kind {
            fn of(byte: u8) -> Option<Self> {
                Some(match byte {
                    $($number => Self::$name,)*
                    _ => return None,
                })
            }

            fn args(self) -> usize {
                match self {
                    $(Self::$name => $args,)*
                }
            }

            fn stack(self) -> usize {
                match self {
                    $(Self::$name => $stack,)*
                }
            }
        }

        const NAMES: &[(u8, &str)] = &[$(($number, stringify!($name)),)*];
    };
}

kinds! {
    9 ProcsChange 2 2,
    10 ProcStart 2 0,
    11 ProcStop 0 0,
    12 ProcSteal 3 0,
    13 ProcStatus 2 0,
    14 GoCreate 3 3,
    15 GoCreateSyscall 1 0,
    16 GoStart 2 0,
    17 GoDestroy 0 0,
    18 GoDestroySyscall 0 0,
    19 GoStop 2 2,
    20 GoBlock 2 2,
    21 GoUnblock 3 3,
    22 GoSyscallBegin 2 2,
    23 GoSyscallEnd 0 0,
    24 GoSyscallEndBlocked 0 0,
    25 GoStatus 3 0,
    26 STWBegin 2 2,
    27 STWEnd 0 0,
    28 GCActive 1 0,
    29 GCBegin 2 2,
    30 GCEnd 1 0,
    31 GCSweepActive 1 0,
    32 GCSweepBegin 1 1,
    33 GCSweepEnd 2 0,
    34 GCMarkAssistActive 1 0,
    35 GCMarkAssistBegin 1 1,
    36 GCMarkAssistEnd 0 0,
    37 HeapAlloc 1 0,
    38 HeapGoal 1 0,
    39 GoLabel 1 0,
    40 UserTaskBegin 4 4,
    41 UserTaskEnd 2 2,
    42 UserRegionBegin 3 3,
    43 UserRegionEnd 3 3,
    44 UserLog 4 4,
    45 GoSwitch 2 0,
    46 GoSwitchDestroy 2 0,
    47 GoCreateBlocked 3 3,
    48 GoStatusStack 4 4,
    128 Span 3 0,
    129 SpanAlloc 3 0,
    130 SpanFree 1 0,
    131 HeapObject 2 0,
    132 HeapObjectAlloc 2 0,
    133 HeapObjectFree 1 0,
    134 GoroutineStack 2 0,
    135 GoroutineStackAlloc 2 0,
    136 GoroutineStackFree 1 0,
}

/// Name of a type of event or batch, as Go's tools print it.
pub fn type_name(number: u8) -> Option<&'static str> {
    Some(match number {
        batch::EVENTS => "EventBatch",
        batch::STACKS => "Stacks",
        batch::STACK => "Stack",
        batch::STRINGS => "Strings",
        batch::STRING => "String",
        batch::SAMPLES => "CPUSamples",
        batch::SAMPLE => "CPUSample",
        batch::FREQUENCY => "Frequency",
        batch::EXPERIMENT => "ExperimentalBatch",
        batch::SYNC => "Sync",
        batch::CLOCK => "ClockSnapshot",
        batch::END => "EndOfGeneration",
        _ => NAMES.iter().find(|(kind, _)| *kind == number)?.1,
    })
}

/// A timed event, not yet placed.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Raw {
    pub(crate) kind: Kind,
    /// Nanoseconds, as its thread's clock has it.
    pub(crate) time: i64,
    pub(crate) args: [u64; 4],
}

impl Raw {
    /// The generation's id of the stack of the goroutine that wrote the event; 0 is none.
    pub(crate) fn stack(&self) -> u64 {
        match self.kind.stack() {
            0 => 0,
            at => self.args.get(at - 1).copied().unwrap_or(0),
        }
    }
}

/// Why no event could be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unread {
    /// The bytes end inside of it, or hold an integer that is none.
    Cut,
    /// Its first byte is the type of no timed event.
    Type(u8),
}

impl From<Short> for Unread {
    fn from(_: Short) -> Self {
        Self::Cut
    }
}

/// Reads one event; its time is the ticks since the event before it, for the caller to add up.
#[inline]
pub(crate) fn event(bytes: &mut Cursor<'_>) -> Result<(Kind, u64, [u64; 4]), Unread> {
    let byte = bytes.byte()?;
    let kind = Kind::of(byte).ok_or(Unread::Type(byte))?;
    let ticks = bytes.uleb()?;
    let mut args = [0; 4];
    for arg in args.iter_mut().take(kind.args()) {
        *arg = bytes.uleb()?;
    }
    Ok((kind, ticks, args))
}
