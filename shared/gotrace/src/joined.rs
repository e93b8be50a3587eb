//! A trace and its program's source: which goroutines had a line in a stack, and which functions a
//! goroutine was in. What is told is true, but not all: a trace sees stacks only where goroutines
//! wait, are stopped, make system calls, wake or create others, log, and where the CPU profiler
//! looks.

use foldhash::fast::FixedState;
use indexmap::IndexMap;

use crate::names::{Frame, Names, StackId, StringId};
use crate::trace::{Go, Trace};

/// How often something was seen, and when.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Seen {
    /// How often.
    pub times: u64,
    /// When first.
    pub first: u64,
    /// When last.
    pub last: u64,
}

impl Seen {
    /// Once.
    fn at(time: u64) -> Self {
        Self { times: 1, first: time, last: time }
    }

    fn join(&mut self, other: Self) {
        self.times = self.times.saturating_add(other.times);
        self.first = self.first.min(other.first);
        self.last = self.last.max(other.last);
    }
}

/// A function, and where in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ran {
    /// Its name.
    pub function: StringId,
    /// How often it was in a stack.
    pub seen: Seen,
    /// Its lines in them, by file and line. Each is counted once for a stack, so of a function that
    /// calls itself there may be more.
    pub lines: Vec<(StringId, u32, Seen)>,
}

/// A function that any goroutine was in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shared {
    /// Its name.
    pub function: StringId,
    /// Goroutines that had it in a stack.
    pub goroutines: u64,
    /// How often all of them had.
    pub seen: Seen,
}

/// A map that is read in the order in which it was filled.
type Map<K, V> = IndexMap<K, V, FixedState>;

/// The stacks of goroutines. It is made of a trace as it is, and knows nothing of what is added
/// later.
#[derive(Debug, Clone, Default)]
pub struct Joined {
    /// Sorted by goroutine and stack, each pair once.
    stacks: Vec<(Go, StackId, Seen)>,
}

impl Joined {
    /// Of all goroutines.
    pub fn of(trace: &Trace) -> Self {
        Self::collect(trace, |_| true)
    }

    /// Of one goroutine alone, which takes less.
    pub fn of_one(trace: &Trace, go: Go) -> Self {
        Self::collect(trace, |other| other == go)
    }

    fn collect(trace: &Trace, is_wanted: impl Fn(Go) -> bool) -> Self {
        let mut seen: Map<(Go, StackId), Seen> = Map::default();
        let mut note = |go: Go, stack: StackId, time: u64| {
            if stack != StackId::NONE && go != Go::NONE && is_wanted(go) {
                let now = Seen::at(time);
                seen.entry((go, stack)).and_modify(|seen| seen.join(now)).or_insert(now);
            }
        };
        for (go, goroutine) in (0..).map(Go).zip(&trace.goroutines) {
            note(goroutine.parent, goroutine.created_at, goroutine.begin);
            for slice in goroutine.track.slices() {
                note(go, slice.stack, slice.begin);
            }
        }
        trace.edges.iter().for_each(|edge| note(edge.from, edge.waker, edge.time));
        trace.logs.iter().for_each(|log| note(log.go, log.stack, log.time));
        trace.samples.iter().for_each(|sample| note(sample.go, sample.stack, sample.time));
        seen.sort_unstable_keys();
        Self { stacks: seen.into_iter().map(|((go, stack), seen)| (go, stack, seen)).collect() }
    }

    /// Files that any stack names, as the compiler was given them, in the order of their ids.
    pub fn files(&self, names: &Names) -> Vec<StringId> {
        let frames = self.distinct().into_iter().flat_map(|stack| names.frames(stack));
        let mut files: Vec<StringId> = frames.map(|frame| frame.file).collect();
        files.sort_unstable();
        files.dedup();
        files
    }

    /// The goroutines that had a call in a stack, in the order in which the trace told of them.
    pub fn goroutines(&self, names: &Names, is_it: impl Fn(&Frame) -> bool) -> Vec<(Go, Seen)> {
        let distinct = self.distinct();
        let has: Vec<bool> =
            distinct.iter().map(|stack| names.frames(*stack).any(|frame| is_it(&frame))).collect();
        let mut all: Vec<(Go, Seen)> = Vec::new();
        for (go, stack, seen) in &self.stacks {
            let at = distinct.binary_search(stack).ok();
            if !at.and_then(|at| has.get(at)).is_some_and(|has| *has) {
                continue;
            }
            match all.last_mut() {
                Some((last, sum)) if last == go => sum.join(*seen),
                _ => all.push((*go, *seen)),
            }
        }
        all
    }

    /// The functions that a goroutine was in, in the order in which they were first seen.
    pub fn functions(&self, names: &Names, go: Go) -> Vec<Ran> {
        let from = self.stacks.partition_point(|(other, ..)| *other < go);
        let own = self.stacks.iter().skip(from).take_while(|(other, ..)| *other == go);
        let mut all: Map<StringId, Ran> = Map::default();
        for (_, stack, seen) in own {
            for (at, frame) in names.frames(*stack).enumerate() {
                let Frame { function, file, line } = frame;
                let entry = all.entry(function);
                let ran = entry.or_insert_with(|| Ran { function, seen: *seen, lines: Vec::new() });
                let inner = || names.frames(*stack).take(at);
                if !inner().any(|other| other.function == function) && !ran.lines.is_empty() {
                    ran.seen.join(*seen);
                }
                if inner().any(|other| other == frame) {
                    continue;
                }
                match ran.lines.iter_mut().find(|(of, at, _)| (*of, *at) == (file, line)) {
                    Some((.., sum)) => sum.join(*seen),
                    None => ran.lines.push((file, line, *seen)),
                }
            }
        }
        let mut all: Vec<Ran> = all.into_values().collect();
        for ran in &mut all {
            ran.lines.sort_unstable_by_key(|(file, line, _)| (*file, *line));
        }
        all.sort_by_key(|ran| (ran.seen.first, ran.function));
        all
    }

    /// The functions that any of the goroutines that are wanted was in, by id.
    pub fn shared(&self, names: &Names, is_wanted: impl Fn(Go) -> bool) -> Vec<Shared> {
        let mut all: Map<StringId, (Shared, Go, StackId)> = Map::default();
        for (go, stack, seen) in self.stacks.iter().filter(|(go, ..)| is_wanted(*go)) {
            for Frame { function, .. } in names.frames(*stack) {
                let (shared, last, at) = all.entry(function).or_insert_with(|| {
                    let nothing = Seen { times: 0, ..*seen };
                    (Shared { function, goroutines: 0, seen: nothing }, Go::NONE, StackId::NONE)
                });
                if (*last, *at) == (*go, *stack) {
                    // It calls itself.
                    continue;
                }
                shared.goroutines += u64::from(last != go);
                shared.seen.join(*seen);
                (*last, *at) = (*go, *stack);
            }
        }
        let mut all: Vec<Shared> = all.into_values().map(|(shared, ..)| shared).collect();
        all.sort_unstable_by_key(|shared| shared.function);
        all
    }

    /// The lines of a file that any stack has, by number, and how many goroutines had each.
    pub fn lines(&self, names: &Names, file: StringId) -> Vec<(u32, u64)> {
        let mut all: Map<u32, (u64, Go)> = Map::default();
        for (go, stack, _) in &self.stacks {
            for frame in names.frames(*stack).filter(|frame| frame.file == file) {
                let (count, last) = all.entry(frame.line).or_insert((0, Go::NONE));
                *count += u64::from(last != go);
                *last = *go;
            }
        }
        all.sort_unstable_keys();
        all.into_iter().map(|(line, (count, _))| (line, count)).collect()
    }

    /// Every stack once, sorted.
    fn distinct(&self) -> Vec<StackId> {
        let mut all: Vec<StackId> = self.stacks.iter().map(|(_, stack, _)| *stack).collect();
        all.sort_unstable();
        all.dedup();
        all
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::GoState;
    use crate::trace::{CpuSample, Edge, Goroutine, Track};
    use crate::wake::Wake;

    /// Three goroutines: the first creates the others at line 5 and wakes the second in `deep`,
    /// which calls itself.
    fn example() -> (Names, Trace) {
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
        let main = stack(&[("main.main", 5)]);
        let work = stack(&[("main.work", 9)]);
        let deep = stack(&[("main.deep", 20), ("main.deep", 21), ("main.work", 9)]);
        let goroutine = |id, parent, begin, created_at, at| {
            let mut track = Track::default();
            track.enter(begin, GoState::NotExist, GoState::Waiting, StringId::EMPTY, at, 0);
            Goroutine {
                id,
                parent,
                depth: 0,
                begin,
                seen: begin,
                end: None,
                created: true,
                function: StringId::EMPTY,
                created_at,
                track,
            }
        };
        let mut trace = Trace::default();
        trace.goroutines.push(goroutine(1, Go::NONE, 0, StackId::NONE, StackId::NONE));
        trace.goroutines.push(goroutine(2, Go(0), 1, main, work));
        trace.goroutines.push(goroutine(3, Go(0), 2, main, deep));
        trace.samples.push(CpuSample { time: 9, go: Go(1), stack: work });
        let (from, to, wake) = (Go(0), Go(1), Wake::Send);
        trace.edges.push(Edge { time: 7, from, to, waker: deep, waiting: work, wake });
        (names, trace)
    }

    fn seen(times: u64, first: u64, last: u64) -> Seen {
        Seen { times, first, last }
    }

    #[test]
    fn a_line_has_goroutines() {
        let (names, trace) = example();
        let joined = Joined::of(&trace);
        let file = names.find("a.go").unwrap();
        assert_eq!(joined.files(&names), [file]);
        let at = |line| joined.goroutines(&names, |frame| (frame.file, frame.line) == (file, line));
        assert_eq!(at(5), [(Go(0), seen(2, 1, 2))]);
        let work = [(Go(0), seen(1, 7, 7)), (Go(1), seen(2, 1, 9)), (Go(2), seen(1, 2, 2))];
        assert_eq!(at(9), work);
        assert_eq!(at(20), [(Go(0), seen(1, 7, 7)), (Go(2), seen(1, 2, 2))]);
        assert_eq!(at(6), []);
        assert_eq!(joined.lines(&names, file), [(5, 1), (9, 3), (20, 2), (21, 2)]);
        let function = names.find("main.work").unwrap();
        assert_eq!(joined.goroutines(&names, |frame| frame.function == function), work);
    }

    #[test]
    fn a_goroutine_has_functions_with_their_lines() {
        let (names, trace) = example();
        let file = names.find("a.go").unwrap();
        let of = |function: &str, sum, lines: &[(u32, Seen)]| Ran {
            function: names.find(function).unwrap(),
            seen: sum,
            lines: lines.iter().map(|(line, seen)| (file, *line, *seen)).collect(),
        };
        let once = seen(1, 7, 7);
        let expected = [
            of("main.main", seen(2, 1, 2), &[(5, seen(2, 1, 2))]),
            of("main.work", once, &[(9, once)]),
            of("main.deep", once, &[(20, once), (21, once)]),
        ];
        assert_eq!(Joined::of(&trace).functions(&names, Go(0)), expected);
        assert_eq!(Joined::of_one(&trace, Go(0)).functions(&names, Go(0)), expected);
        let second = Joined::of_one(&trace, Go(1)).functions(&names, Go(1));
        assert_eq!(second, [of("main.work", seen(2, 1, 9), &[(9, seen(2, 1, 9))])]);
        assert_eq!(Joined::of(&trace).functions(&names, Go::NONE), []);
    }

    #[test]
    fn functions_tell_how_many_goroutines_were_in_them() {
        let (names, trace) = example();
        let joined = Joined::of(&trace);
        let all = |is_wanted: fn(Go) -> bool| -> Vec<_> {
            let all = joined.shared(&names, is_wanted);
            all.iter().map(|of| (names.text(of.function), of.goroutines, of.seen)).collect()
        };
        assert_eq!(
            all(|_| true),
            [
                ("main.main", 1, seen(2, 1, 2)),
                ("main.work", 3, seen(4, 1, 9)),
                ("main.deep", 2, seen(2, 2, 7)),
            ]
        );
        assert_eq!(all(|go| go == Go(1)), [("main.work", 1, seen(2, 1, 9))]);
    }
}
