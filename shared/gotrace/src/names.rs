//! Strings, frames and stacks of a trace, each kept once for all generations.

use foldhash::fast::FixedState;
use indexmap::IndexSet;

/// Index of a string in [`Names`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct StringId(pub u32);

/// Index of a frame in [`Names`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FrameId(pub u32);

/// Index of a stack in [`Names`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct StackId(pub u32);

impl StringId {
    /// The empty string.
    pub const EMPTY: Self = Self(0);
}

impl StackId {
    /// No stack was recorded.
    pub const NONE: Self = Self(0);
}

/// One call in a stack.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Frame {
    /// Full name of the function, as the linker knows it.
    pub function: StringId,
    /// Its file, as the compiler was given it.
    pub file: StringId,
    /// Line in the file; the first is 1, 0 is unknown.
    pub line: u32,
}

/// The names that events refer to.
#[derive(Debug, Clone)]
pub struct Names {
    strings: IndexSet<Box<str>, FixedState>,
    frames: IndexSet<Frame, FixedState>,
    stacks: IndexSet<Box<[FrameId]>, FixedState>,
}

impl Default for Names {
    fn default() -> Self {
        let mut names = Self {
            strings: IndexSet::default(),
            frames: IndexSet::default(),
            stacks: IndexSet::default(),
        };
        names.string("");
        names.stack(&[]);
        names
    }
}

impl Names {
    /// The text of a string; empty if the trace does not hold it.
    pub fn text(&self, id: StringId) -> &str {
        self.strings.get_index(id.0 as usize).map_or("", |text| text)
    }

    /// The id of a text, if an event or frame may refer to it.
    pub fn find(&self, text: &str) -> Option<StringId> {
        self.strings.get_index_of(text).and_then(|at| u32::try_from(at).ok()).map(StringId)
    }

    /// A frame.
    pub fn frame(&self, id: FrameId) -> Option<Frame> {
        self.frames.get_index(id.0 as usize).copied()
    }

    /// The frames of a stack, innermost call first; none for [`StackId::NONE`].
    pub fn frames(
        &self,
        id: StackId,
    ) -> impl ExactSizeIterator<Item = Frame> + DoubleEndedIterator {
        let ids = self.stacks.get_index(id.0 as usize).map_or(&[][..], |ids| ids);
        ids.iter().map(|id| {
            self.frame(*id).unwrap_or(Frame {
                function: StringId::EMPTY,
                file: StringId::EMPTY,
                line: 0,
            })
        })
    }

    /// The innermost call of a stack.
    pub fn top(&self, id: StackId) -> Option<Frame> {
        self.frames(id).next()
    }

    /// Number of strings, of frames and of stacks.
    pub fn sizes(&self) -> [usize; 3] {
        [self.strings.len(), self.frames.len(), self.stacks.len()]
    }

    pub(crate) fn string(&mut self, text: &str) -> StringId {
        if let Some(at) = self.strings.get_index_of(text) {
            return StringId(index(at));
        }
        StringId(index(self.strings.insert_full(text.into()).0))
    }

    pub(crate) fn intern(&mut self, frame: Frame) -> FrameId {
        FrameId(index(self.frames.insert_full(frame).0))
    }

    pub(crate) fn stack(&mut self, frames: &[FrameId]) -> StackId {
        if let Some(at) = self.stacks.get_index_of(frames) {
            return StackId(index(at));
        }
        StackId(index(self.stacks.insert_full(frames.into()).0))
    }
}

/// An index as it is kept. A trace of 2^32 strings has more bytes than can be held.
fn index(at: usize) -> u32 {
    u32::try_from(at).unwrap_or(u32::MAX)
}
