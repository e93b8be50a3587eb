//! A trace and its program's source: which goroutines had a line in a stack, and which functions a
//! goroutine was in. What is told is true, but not all: a trace sees stacks only where goroutines
//! wait, wake others or are created, and where the CPU profiler looks.

use std::collections::{BTreeSet, HashMap};

use foldhash::fast::FixedState;

use crate::names::{Names, StackId, StringId};
use crate::trace::{Go, Trace};

/// Lines and goroutines, both ways. It is made of a trace as it is, and knows nothing of what is
/// added later.
#[derive(Debug, Clone, Default)]
pub struct Joined {
    lines: HashMap<(StringId, u32), Vec<Go>, FixedState>,
    stacks: Vec<Vec<StackId>>,
    files: BTreeSet<StringId>,
}

impl Joined {
    /// Looks at all stacks of a trace.
    pub fn of(trace: &Trace, names: &Names) -> Self {
        let mut stacks: Vec<Vec<StackId>> = trace
            .goroutines
            .iter()
            .map(|goroutine| goroutine.track.slices().iter().map(|slice| slice.stack).collect())
            .collect();
        let mut note = |go: Go, stack: StackId| {
            if let Some(of) = go.index().and_then(|at| stacks.get_mut(at)) {
                of.push(stack);
            }
        };
        trace.goroutines.iter().for_each(|created| note(created.parent, created.created_at));
        trace.edges.iter().for_each(|edge| note(edge.from, edge.waker));
        trace.logs.iter().for_each(|log| note(log.go, log.stack));
        trace.samples.iter().for_each(|sample| note(sample.go, sample.stack));

        let mut joined = Self::default();
        for (of, at) in stacks.iter_mut().zip(0..) {
            of.sort_unstable();
            of.dedup();
            of.retain(|stack| *stack != StackId::NONE);
            for frame in of.iter().flat_map(|stack| names.frames(*stack)) {
                joined.files.insert(frame.file);
                let here = joined.lines.entry((frame.file, frame.line)).or_default();
                // Goroutines come in order, so one that is here already is the last.
                if here.last() != Some(&Go(at)) {
                    here.push(Go(at));
                }
            }
        }
        joined.stacks = stacks;
        joined
    }

    /// Files that any stack names, as the compiler was given them.
    pub fn files(&self) -> impl Iterator<Item = StringId> {
        self.files.iter().copied()
    }

    /// The goroutines that had a line of a file in a stack, in the order in which they were seen.
    pub fn goroutines(&self, file: StringId, line: u32) -> &[Go] {
        self.lines.get(&(file, line)).map_or(&[], |all| all)
    }

    /// The functions that a goroutine was in, by name.
    pub fn functions<'n>(&self, go: Go, names: &'n Names) -> BTreeSet<&'n str> {
        let stacks = go.index().and_then(|at| self.stacks.get(at));
        let frames = stacks.into_iter().flatten().flat_map(|stack| names.frames(*stack));
        frames.map(|frame| names.text(frame.function)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::GoState;
    use crate::names::Frame;
    use crate::trace::{CpuSample, Edge, Goroutine, Track};
    use crate::wake::Wake;

    #[test]
    fn lines_have_goroutines_and_goroutines_have_functions() {
        let mut names = Names::default();
        let mut stack = |calls: &[(&str, u32)]| {
            let frames: Vec<_> = calls
                .iter()
                .map(|(function, line)| {
                    let (function, file) = (names.string(function), names.string("a.go"));
                    names.intern(Frame { function, file, line: *line })
                })
                .collect();
            names.stack(&frames)
        };
        let (main, work, deep) = (stack(&[("main.main", 5)]), stack(&[("main.work", 9)]), {
            stack(&[("main.deep", 20), ("main.work", 9)])
        });
        let goroutine = |id, parent, created_at, at| {
            let mut track = Track::default();
            track.enter(1, GoState::NotExist, GoState::Waiting, StringId::EMPTY, at, 0);
            Goroutine {
                id,
                parent,
                depth: 0,
                begin: 0,
                seen: 0,
                end: None,
                created: true,
                function: StringId::EMPTY,
                created_at,
                track,
            }
        };
        let mut trace = Trace::default();
        trace.goroutines.push(goroutine(1, Go::NONE, StackId::NONE, StackId::NONE));
        trace.goroutines.push(goroutine(2, Go(0), main, work));
        trace.goroutines.push(goroutine(3, Go(0), main, deep));
        trace.samples.push(CpuSample { time: 3, go: Go(1), stack: work });
        let (from, to, wake) = (Go(0), Go(1), Wake::Send);
        trace.edges.push(Edge { time: 2, from, to, waker: deep, waiting: work, wake });

        let joined = Joined::of(&trace, &names);
        let file = names.find("a.go").unwrap();
        assert_eq!(joined.files().collect::<Vec<_>>(), [file]);
        assert_eq!(joined.goroutines(file, 5), [Go(0)]);
        assert_eq!(joined.goroutines(file, 9), [Go(0), Go(1), Go(2)]);
        assert_eq!(joined.goroutines(file, 20), [Go(0), Go(2)]);
        assert_eq!(joined.goroutines(file, 6), []);
        let functions = |go| joined.functions(go, &names).into_iter().collect::<Vec<_>>();
        assert_eq!(functions(Go(0)), ["main.deep", "main.main", "main.work"]);
        assert_eq!(functions(Go(1)), ["main.work"]);
    }
}
