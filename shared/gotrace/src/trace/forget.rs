//! Letting go of what is long past, so that a trace without end fits into memory.

use std::collections::HashMap;

use super::{Go, Goroutine, Trace};
use crate::ids::Ids;

impl Trace {
    /// Lets go of what was over before a time: goroutines that had ended, and of the others the
    /// slices; edges, samples, messages, and what else ended before. Returns whether there was
    /// anything of that.
    ///
    /// Indexes change: those of goroutines and of everything else. [`forgotten`](Self::forgotten)
    /// tells that they did.
    pub fn forget_before(&mut self, time: u64) -> bool {
        let before = self.len();
        let mut moved = Vec::with_capacity(self.goroutines.len());
        let mut kept = 0_u32;
        for goroutine in &self.goroutines {
            let stays = goroutine.end.is_none_or(|end| end >= time);
            moved.push(if stays { Go(kept) } else { Go::NONE });
            kept = kept.saturating_add(u32::from(stays));
        }
        let now = |go: Go| match go.index() {
            Some(at) => moved.get(at).copied().unwrap_or(Go::NONE),
            None => Go::NONE,
        };
        self.goroutines.retain(|goroutine| goroutine.end.is_none_or(|end| end >= time));
        for goroutine in &mut self.goroutines {
            goroutine.parent = now(goroutine.parent);
            goroutine.track.forget_before(time);
        }
        self.by_id = by_id(&self.goroutines);

        self.edges.retain(|edge| edge.time >= time);
        for edge in &mut self.edges {
            (edge.from, edge.to) = (now(edge.from), now(edge.to));
        }
        self.edges.retain(|edge| edge.to != Go::NONE);
        self.logs.retain(|log| log.time >= time);
        self.logs.iter_mut().for_each(|log| log.go = now(log.go));
        self.samples.retain(|sample| sample.time >= time);
        self.samples.iter_mut().for_each(|sample| sample.go = now(sample.go));
        let stale = self.metrics.partition_point(|(at, ..)| *at < time);
        self.metrics.drain(..stale);

        let tasks = keep(&mut self.tasks, |task| task.end.is_none_or(|end| end >= time));
        self.tasks.iter_mut().for_each(|task| task.go = now(task.go));
        self.open_tasks.retain(|_, at| place(&tasks, at));
        // A goroutine that ended inside of a region never leaves it.
        let regions = keep(&mut self.regions, |region| {
            now(region.go) != Go::NONE && region.end.is_none_or(|end| end >= time)
        });
        self.regions.iter_mut().for_each(|region| region.go = now(region.go));
        let open = std::mem::take(&mut self.open_regions);
        self.open_regions = open
            .into_iter()
            .filter_map(|(go, mut open)| {
                open.retain_mut(|at| place(&regions, at));
                (now(go) != Go::NONE && !open.is_empty()).then(|| (now(go), open))
            })
            .collect::<HashMap<_, _, _>>();
        let spans = keep(&mut self.spans, |span| span.end.is_none_or(|end| end >= time));
        self.open_spans.retain(|_, at| place(&spans, at));

        let any = self.len() < before;
        if any {
            self.forgotten = self.forgotten.saturating_add(1);
        }
        any
    }

    /// How often something was let go of: indexes from before are void when it changes.
    pub fn forgotten(&self) -> u64 {
        self.forgotten
    }

    /// Slices of all goroutines, and everything else that is kept.
    #[must_use]
    pub fn len(&self) -> usize {
        let slices: usize =
            self.goroutines.iter().map(|goroutine| goroutine.track.slices().len()).sum();
        slices
            + self.goroutines.len()
            + self.edges.len()
            + self.tasks.len()
            + self.regions.len()
            + self.logs.len()
            + self.samples.len()
            + self.spans.len()
            + self.metrics.len()
    }

    /// Whether nothing is kept.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// Goroutines by their ids.
fn by_id(goroutines: &[Goroutine]) -> Ids {
    let mut ids = Ids::default();
    for (goroutine, at) in goroutines.iter().zip(0..) {
        ids.set(goroutine.id, at);
    }
    ids
}

/// Keeps some of a list, and tells where each went.
fn keep<T>(list: &mut Vec<T>, stays: impl Fn(&T) -> bool) -> Vec<Option<usize>> {
    let mut places = Vec::with_capacity(list.len());
    let mut kept = 0;
    list.retain(|item| {
        let stays = stays(item);
        places.push(stays.then_some(kept));
        kept += usize::from(stays);
        stays
    });
    places
}

/// Moves an index to where its item went; `false` where that is gone.
fn place(places: &[Option<usize>], at: &mut usize) -> bool {
    match places.get(*at).copied().flatten() {
        Some(now) => {
            *at = now;
            true
        }
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Edge, Region, Track};
    use super::*;
    use crate::event::{GoState, NONE};
    use crate::names::{StackId, StringId};
    use crate::wake::Wake;

    fn goroutine(id: u64, parent: Go, end: Option<u64>) -> Goroutine {
        let mut track = Track::default();
        let mut from = GoState::NotExist;
        for (at, state) in (0..100).zip([GoState::Running, GoState::Waiting].into_iter().cycle()) {
            track.enter(at * 10, from, state, StringId::EMPTY, StackId::NONE, 0);
            from = state;
        }
        Goroutine {
            id,
            parent,
            depth: 0,
            begin: 0,
            seen: 0,
            end,
            created: true,
            function: StringId::EMPTY,
            created_at: StackId::NONE,
            track,
        }
    }

    fn trace() -> Trace {
        let edge = |time, from, to| Edge {
            time,
            from,
            to,
            waker: StackId::NONE,
            waiting: StackId::NONE,
            wake: Wake::Send,
        };
        let region = |go, end| Region { go, task: NONE, name: StringId::EMPTY, begin: 1, end };
        let goroutines = vec![
            goroutine(1, Go::NONE, None),
            goroutine(7, Go(0), Some(450)),
            goroutine(9, Go(1), None),
        ];
        let mut trace = Trace {
            edges: vec![edge(5, Go(0), Go(1)), edge(600, Go(1), Go(2)), edge(700, Go(2), Go(0))],
            regions: vec![region(Go(1), None), region(Go(2), None), region(Go(0), Some(20))],
            ..Trace::default()
        };
        trace.by_id = by_id(&goroutines);
        trace.goroutines = goroutines;
        trace.open_regions = [(Go(1), vec![0]), (Go(2), vec![1])].into_iter().collect();
        trace
    }

    #[test]
    fn what_is_left_keeps_its_relations_and_times() {
        let whole = trace();
        let mut trace = trace();
        assert!(trace.forget_before(505));
        assert_eq!(trace.forgotten(), 1);
        let ids: Vec<u64> = trace.goroutines.iter().map(|goroutine| goroutine.id).collect();
        assert_eq!(ids, [1, 9]);
        assert_eq!((trace.find(9), trace.find(7)), (Some(Go(1)), None));
        assert_eq!(trace.goroutines[1].parent, Go::NONE);
        let edges: Vec<_> = trace.edges.iter().map(|e| (e.time, e.from, e.to)).collect();
        assert_eq!(edges, [(600, Go::NONE, Go(1)), (700, Go(1), Go(0))]);
        assert_eq!(trace.regions.len(), 1);
        assert_eq!(trace.open_regions.get(&Go(1)), Some(&vec![0]));
        // The slice that lasts into what is kept stays whole.
        let (of, was) = (&trace.goroutines[1].track, &whole.goroutines[2].track);
        assert_eq!(of.slices(), &was.slices()[50..]);
        for (begin, end) in [(505, 1000), (505, 506), (640, 970), (999, 1010)] {
            assert_eq!(of.times(begin, end, 1010), was.times(begin, end, 1010), "{begin} {end}");
        }
        assert!(!trace.forget_before(505), "there is nothing left to forget");
    }
}
