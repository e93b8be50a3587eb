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

/// Declares the types of timed events: number, name, arguments after the time, and whether the last
/// of them is the stack of the goroutine that wrote it.
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

        }

        /// Number of arguments, and whether the last of them is the stack, by number of the type.
        const SHAPES: [(u8, bool); 256] = {
            let mut shapes = [(0, false); 256];
            $(
                shapes[$number] = ($args, $stack);
            )*
            shapes
        };

        const NAMES: &[(u8, &str)] = &[$(($number, stringify!($name)),)*];
    };
}

kinds! {
    9 ProcsChange 2 true,
    10 ProcStart 2 false,
    11 ProcStop 0 false,
    12 ProcSteal 3 false,
    13 ProcStatus 2 false,
    14 GoCreate 3 true,
    15 GoCreateSyscall 1 false,
    16 GoStart 2 false,
    17 GoDestroy 0 false,
    18 GoDestroySyscall 0 false,
    19 GoStop 2 true,
    20 GoBlock 2 true,
    21 GoUnblock 3 true,
    22 GoSyscallBegin 2 true,
    23 GoSyscallEnd 0 false,
    24 GoSyscallEndBlocked 0 false,
    25 GoStatus 3 false,
    26 STWBegin 2 true,
    27 STWEnd 0 false,
    28 GCActive 1 false,
    29 GCBegin 2 true,
    30 GCEnd 1 false,
    31 GCSweepActive 1 false,
    32 GCSweepBegin 1 true,
    33 GCSweepEnd 2 false,
    34 GCMarkAssistActive 1 false,
    35 GCMarkAssistBegin 1 true,
    36 GCMarkAssistEnd 0 false,
    37 HeapAlloc 1 false,
    38 HeapGoal 1 false,
    39 GoLabel 1 false,
    40 UserTaskBegin 4 true,
    41 UserTaskEnd 2 true,
    42 UserRegionBegin 3 true,
    43 UserRegionEnd 3 true,
    44 UserLog 4 true,
    45 GoSwitch 2 false,
    46 GoSwitchDestroy 2 false,
    47 GoCreateBlocked 3 true,
    48 GoStatusStack 4 true,
    128 Span 3 false,
    129 SpanAlloc 3 false,
    130 SpanFree 1 false,
    131 HeapObject 2 false,
    132 HeapObjectAlloc 2 false,
    133 HeapObjectFree 1 false,
    134 GoroutineStack 2 false,
    135 GoroutineStackAlloc 2 false,
    136 GoroutineStackFree 1 false,
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
    /// Its arguments; those that its type has not mean nothing.
    pub(crate) args: [u64; 4],
    /// The generation's id of the stack of the goroutine that wrote the event; 0 is none.
    pub(crate) stack: u64,
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

impl Raw {
    /// What stands where no event was read yet.
    pub(crate) const NONE: Self = Self { kind: Kind::ProcStop, time: 0, args: [0; 4], stack: 0 };

    /// Reads the event after this one in its place; `nanoseconds` converts ticks.
    // Nothing is moved once it is read, which would take as long as to read it.
    #[inline(always)]
    pub(crate) fn read_next(
        &mut self,
        bytes: &mut Cursor<'_>,
        nanoseconds: impl FnOnce(u64) -> i64,
    ) -> Result<(), Unread> {
        let byte = bytes.byte()?;
        self.kind = Kind::of(byte).ok_or(Unread::Type(byte))?;
        let (count, stack) = SHAPES.get(usize::from(byte)).copied().unwrap_or_default();
        self.time = self.time.saturating_add(nanoseconds(bytes.uleb()?));
        let mut last = 0;
        for (at, arg) in self.args.iter_mut().enumerate() {
            if at == usize::from(count) {
                break;
            }
            last = bytes.uleb()?;
            *arg = last;
        }
        self.stack = if stack { last } else { 0 };
        Ok(())
    }
}
