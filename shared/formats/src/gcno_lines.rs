//! From counters of arcs to counts of lines, by gcov's rules.
//!
//! Counts of the arcs that have no counter follow from those that have one: what enters a block
//! leaves it. A block is put on the last line of each of its stretches, and such a line ran as
//! often as its blocks were entered from elsewhere, plus the runs of loops inside it. Other lines
//! of a block ran as often as it did.

use std::collections::BTreeMap;

use crate::gcno_file::{FunctionCounts, Graph, Graphs};

/// A function whose arcs are counted.
#[derive(Debug)]
pub(crate) struct Flow<'a> {
    pub(crate) graph: &'a Graph,
    /// Of each arc; negative where counters were lost.
    pub(crate) arcs: Vec<i128>,
    pub(crate) blocks: Vec<i128>,
    /// Arcs that leave each block, by where they lead; Clang's as they stand.
    pub(crate) leaving: Vec<Vec<usize>>,
    entering: Vec<Vec<usize>>,
    /// Of each decision: conditions that were true, and that were false.
    pub(crate) decisions: Vec<(u64, u64)>,
    /// Positions of the decisions of each block that has any.
    decisions_of: BTreeMap<usize, Vec<usize>>,
    /// Whether the counters were enough to tell all counts.
    pub(crate) is_solved: bool,
}

impl<'a> Flow<'a> {
    /// Arcs and blocks as counted, or all of them 0. Counters have to be as many as there are arcs
    /// off the tree.
    pub(crate) fn new(
        graph: &'a Graph,
        Graphs { version, is_clang, .. }: &Graphs,
        counts: Option<&[FunctionCounts]>,
    ) -> Self {
        let n_blocks = graph.n_blocks;
        let mut flow = Self {
            graph,
            arcs: vec![0; graph.arcs.len()],
            blocks: vec![0; n_blocks],
            leaving: vec![Vec::new(); n_blocks],
            entering: vec![Vec::new(); n_blocks],
            decisions: vec![(0, 0); graph.decisions.len()],
            decisions_of: BTreeMap::new(),
            is_solved: true,
        };
        for (index, (block, _)) in graph.decisions.iter().enumerate() {
            flow.decisions_of.entry(*block).or_default().push(index);
        }
        for (index, arc) in graph.arcs.iter().enumerate() {
            if let Some(leaving) = flow.leaving.get_mut(arc.from) {
                leaving.push(index);
            }
            if let Some(entering) = flow.entering.get_mut(arc.to) {
                entering.push(index);
            }
        }
        if let Some(counts) = counts {
            // GCC numbers counters by block, which is not always the order of the arcs' records.
            let mut off_tree = flow.leaving.iter().flatten().copied().collect::<Vec<_>>();
            off_tree.retain(|&arc| graph.arcs.get(arc).is_some_and(|arc| !arc.is_on_tree()));
            for run in counts {
                for (&arc, &count) in off_tree.iter().zip(run.arcs.iter().flatten()) {
                    if let Some(sum) = flow.arcs.get_mut(arc) {
                        *sum += i128::from(count);
                    }
                }
                for (sum, seen) in flow.decisions.iter_mut().zip(&run.decisions) {
                    *sum = (sum.0 | seen.0, sum.1 | seen.1);
                }
            }
            flow.is_solved = flow.solve(*version);
        }
        if !is_clang {
            for leaving in &mut flow.leaving {
                leaving.sort_by_key(|&arc| graph.arcs.get(arc).map(|arc| arc.to));
            }
        }
        flow
    }

    /// Fills in the arcs on the tree and the blocks; whether that could be done.
    fn solve(&mut self, version: u32) -> bool {
        let n_blocks = self.blocks.len();
        // Nothing is known of what enters the first block and leaves the last.
        let exit = if version < 48 { n_blocks.saturating_sub(1) } else { 1 };
        let mut sides = vec![[Side::default(); 2]; n_blocks];
        let mut known: Vec<bool> = self.graph.arcs.iter().map(|arc| !arc.is_on_tree()).collect();
        for ((arc, &is_known), &count) in self.graph.arcs.iter().zip(&known).zip(&self.arcs) {
            for (block, side) in [(arc.to, 0), (arc.from, 1)] {
                if let Some(side) = sides.get_mut(block).and_then(|sides| sides.get_mut(side)) {
                    side.add(is_known.then_some(count));
                }
            }
        }
        let mut counted = vec![false; n_blocks];
        let mut waiting: Vec<usize> = (0..n_blocks).collect();
        while let Some(block) = waiting.pop() {
            let (Some(&[entering, leaving]), Some(is_counted), Some(total)) =
                (sides.get(block), counted.get_mut(block), self.blocks.get_mut(block))
            else {
                continue;
            };
            let sides_known =
                [entering.n_unknown == 0 && block != 0, leaving.n_unknown == 0 && block != exit];
            if !*is_counted {
                match sides_known {
                    [_, true] => *total = leaving.sum,
                    [true, _] => *total = entering.sum,
                    _ => continue,
                }
                *is_counted = true;
            }
            let total = *total;
            for (side, arcs, may) in
                [(entering, &self.entering, block != 0), (leaving, &self.leaving, block != exit)]
            {
                if side.n_unknown != 1 || !may {
                    continue;
                }
                let arcs = arcs.get(block).map(Vec::as_slice).unwrap_or_default();
                let is_unknown = |arc: &&usize| known.get(**arc) == Some(&false);
                let Some(&index) = arcs.iter().find(is_unknown) else { continue };
                let (Some(arc), Some(is_known), Some(count)) =
                    (self.graph.arcs.get(index), known.get_mut(index), self.arcs.get_mut(index))
                else {
                    continue;
                };
                (*is_known, *count) = (true, total - side.sum);
                for (block, side) in [(arc.to, 0), (arc.from, 1)] {
                    if let Some(side) = sides.get_mut(block).and_then(|sides| sides.get_mut(side)) {
                        side.tell(*count);
                        waiting.push(block);
                    }
                }
            }
        }
        counted.into_iter().all(|is_counted| is_counted)
    }

    /// Counts of the ways that a block can go on, if there are several. Calls that do not return
    /// are none.
    pub(crate) fn arms(&self, block: usize) -> impl Iterator<Item = i128> {
        let leaving = self.arcs_of(block);
        let is_real = |arc: &&usize| self.graph.arcs.get(**arc).is_some_and(|arc| !arc.is_fake());
        let several = leaving.iter().filter(is_real).count() > 1;
        leaving.iter().filter(is_real).filter(move |_| several).map(|&arc| self.count_of(arc))
    }

    /// Decisions of a block: how many conditions each has, and which of them were true and false.
    pub(crate) fn decisions_of(&self, block: usize) -> impl Iterator<Item = (u32, u64, u64)> {
        self.decisions_of.get(&block).into_iter().flatten().filter_map(|&index| {
            let (_, n_conditions) = self.graph.decisions.get(index)?;
            let (seen_true, seen_false) = self.decisions.get(index)?;
            Some((*n_conditions, *seen_true, *seen_false))
        })
    }

    pub(crate) fn arcs_of(&self, block: usize) -> &[usize] {
        self.leaving.get(block).map(Vec::as_slice).unwrap_or_default()
    }

    fn count_of(&self, arc: usize) -> i128 {
        self.arcs.get(arc).copied().unwrap_or(0)
    }

    pub(crate) fn block(&self, block: usize) -> i128 {
        self.blocks.get(block).copied().unwrap_or(0)
    }
}

/// What is known of the arcs that enter a block, or that leave it.
#[derive(Debug, Clone, Copy, Default)]
struct Side {
    n_unknown: usize,
    sum: i128,
}

impl Side {
    fn add(&mut self, count: Option<i128>) {
        match count {
            Some(count) => self.sum += count,
            None => self.n_unknown += 1,
        }
    }

    fn tell(&mut self, count: i128) {
        self.n_unknown -= 1;
        self.sum += count;
    }
}

/// A line of a source. Where several functions start at one line, as instances of a template do,
/// each has its lines for itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Row {
    pub(crate) source: usize,
    pub(crate) line: u32,
    /// The function, if it has its lines for itself.
    pub(crate) instance: Option<usize>,
}

/// What is on a line.
#[derive(Debug, Default)]
pub(crate) struct Content {
    /// Counts of blocks that are on this line and others.
    pub(crate) sum: i128,
    /// Function and block of those that are put on this line; as often as they have stretches
    /// that end here.
    pub(crate) blocks: Vec<(usize, usize)>,
    /// Those of them whose arms are here.
    pub(crate) forks: Vec<(usize, usize)>,
}

/// Rows with what is on them.
pub(crate) fn rows(
    flows: &[Flow<'_>],
    Graphs { version, is_clang, .. }: &Graphs,
) -> BTreeMap<Row, Content> {
    let is_clang = *is_clang;
    // Before GCC 8 the last line of a stretch was the one that is written last.
    let is_sorted = *version >= 80 && !is_clang;
    let mut starts: BTreeMap<(usize, u32), u32> = BTreeMap::new();
    for flow in flows {
        *starts.entry((flow.graph.source, flow.graph.start.0)).or_default() += 1;
    }
    let mut rows: BTreeMap<Row, Content> = BTreeMap::new();
    for (index, flow) in flows.iter().enumerate() {
        let graph = flow.graph;
        let is_instance = !is_clang
            && graph.last.0 > 0
            && starts.get(&(graph.source, graph.start.0)).is_some_and(|&n| n > 1);
        let own = graph.start.0..=graph.last.0;
        let mut last: Option<Row> = None;
        let mut stretches = graph.stretches.iter().peekable();
        while let Some(stretch) = stretches.next() {
            let mut lines = stretch.lines.clone();
            if is_sorted {
                lines.sort_unstable();
            }
            for line in lines {
                let has_own = is_instance && stretch.source == graph.source && own.contains(&line);
                let row = Row { source: stretch.source, line, instance: has_own.then_some(index) };
                let content = rows.entry(row).or_default();
                content.sum += flow.block(stretch.block);
                if is_clang && content.blocks.last() != Some(&(index, stretch.block)) {
                    content.blocks.push((index, stretch.block));
                }
                last = Some(row);
            }
            let is_inner = stretch.block != 0 && stretch.block + 1 != graph.n_blocks;
            if let Some(content) = last.and_then(|row| rows.get_mut(&row))
                && (is_clang || is_inner)
            {
                if !is_clang {
                    content.blocks.push((index, stretch.block));
                }
                content.forks.push((index, stretch.block));
            }
            if stretches.peek().is_none_or(|next| next.block != stretch.block) {
                last = None;
            }
        }
    }
    rows
}

/// How often a line ran; what is known if its loops are too entangled to tell within these steps.
pub(crate) fn count(
    flows: &[Flow<'_>],
    content: &Content,
    is_clang: bool,
    steps: &mut u32,
) -> Result<i128, i128> {
    if content.blocks.is_empty() {
        return Ok(content.sum);
    }
    let mut total = 0i128;
    let mut failed = false;
    for same in content.blocks.chunk_by(|a, b| a.0 == b.0) {
        let Some(flow) = same.first().and_then(|(function, _)| flows.get(*function)) else {
            continue;
        };
        let mut blocks: Vec<usize> = same.iter().map(|row| row.1).collect();
        blocks.sort_unstable();
        let is_here = |block: usize| blocks.binary_search(&block).is_ok();
        for same in blocks.chunk_by(|a, b| a == b) {
            let Some(&block) = same.first() else { continue };
            let mut entered = 0i128;
            // A block that is the first of its function is entered from nowhere.
            if is_clang && block == 0 {
                entered += flow.arcs_of(block).iter().map(|&arc| flow.count_of(arc)).sum::<i128>();
            }
            for &arc in flow.entering.get(block).into_iter().flatten() {
                if flow.graph.arcs.get(arc).is_some_and(|arc| !is_here(arc.from)) {
                    entered += flow.count_of(arc);
                }
            }
            total += entered * i128::try_from(same.len()).unwrap_or(0);
        }
        blocks.dedup();
        match Loops::new(flow, &blocks, steps).run() {
            Some(count) => total += count,
            None => failed = true,
        }
    }
    if failed { Err(total) } else { Ok(total) }
}

/// Steps that the search for loops may take in one pair of files. Real ones need some thousands.
pub(crate) const STEPS: u32 = 50_000_000;

/// The search for loops of one line, after Johnson's "Finding all the elementary circuits of a
/// directed graph": each loop that is found takes away the smallest count of its arcs, as long as
/// there are any.
#[derive(Debug)]
struct Loops<'a> {
    /// For each block of the line the arcs to others of them: which block, and what is left of
    /// their counts.
    arcs: Vec<Vec<(usize, i128)>>,
    is_blocked: Vec<bool>,
    /// For each block those that are free again when it is.
    dependents: Vec<Vec<usize>>,
    steps: &'a mut u32,
}

/// A block on the way that is searched.
#[derive(Debug)]
struct Step {
    block: usize,
    /// The next of its arcs.
    next: usize,
    found: bool,
}

impl<'a> Loops<'a> {
    fn new(flow: &Flow<'_>, blocks: &[usize], steps: &'a mut u32) -> Self {
        let inner = |arc: &usize| {
            let to = flow.graph.arcs.get(*arc)?.to;
            Some((blocks.binary_search(&to).ok()?, flow.count_of(*arc)))
        };
        let arcs = |&block: &usize| flow.arcs_of(block).iter().filter_map(inner).collect();
        Self {
            arcs: blocks.iter().map(arcs).collect(),
            is_blocked: vec![false; blocks.len()],
            dependents: vec![Vec::new(); blocks.len()],
            steps,
        }
    }

    /// How often the loops ran; `None` if that takes too long.
    fn run(mut self) -> Option<i128> {
        // Blocks before the first one of a loop are never looked at again: only those with an arc
        // back to them start any.
        let mut starts = vec![false; self.arcs.len()];
        for (block, arcs) in self.arcs.iter().enumerate() {
            for &(to, count) in arcs {
                if let Some(is_start) = starts.get_mut(to) {
                    *is_start |= to <= block && count > 0;
                }
            }
        }
        let mut total = 0;
        for (start, _) in starts.iter().enumerate().filter(|(_, is_start)| **is_start) {
            self.spend(self.arcs.len() / 16)?;
            self.is_blocked.fill(false);
            self.dependents.iter_mut().for_each(Vec::clear);
            total += self.from(start)?;
        }
        Some(total)
    }

    fn spend(&mut self, n_steps: usize) -> Option<()> {
        let left = self.steps.checked_sub(u32::try_from(n_steps).unwrap_or(u32::MAX));
        *self.steps = left.unwrap_or(0);
        left.map(|_| ())
    }

    fn arc(&self, block: usize, index: usize) -> Option<(usize, i128)> {
        self.arcs.get(block)?.get(index).copied()
    }

    fn block(&mut self, block: usize, is_blocked: bool) {
        if let Some(flag) = self.is_blocked.get_mut(block) {
            *flag = is_blocked;
        }
    }

    /// Runs of loops whose first block is this.
    fn from(&mut self, start: usize) -> Option<i128> {
        let mut total = 0;
        let mut way = vec![Step { block: start, next: 0, found: false }];
        // Arcs of the way, and how many of them lie before the first that has nothing left.
        let mut path: Vec<(usize, usize)> = Vec::new();
        let mut n_alive = usize::MAX;
        self.block(start, true);
        while let Some(step) = way.last_mut() {
            self.spend(1)?;
            let (block, index) = (step.block, step.next);
            step.next += 1;
            let Some((to, count)) = self.arc(block, index) else {
                let found = step.found;
                way.pop();
                if found {
                    self.free(block)?;
                } else {
                    self.depend(block, start)?;
                }
                path.pop();
                if path.len() <= n_alive {
                    n_alive = usize::MAX;
                }
                if let Some(above) = way.last_mut() {
                    above.found |= found;
                }
                continue;
            };
            if to < start || count <= 0 {
                continue;
            }
            if to == start {
                step.found = true;
                if n_alive == usize::MAX {
                    path.push((block, index));
                    total += self.take(&path, &mut n_alive);
                    path.pop();
                    if path.len() <= n_alive {
                        n_alive = usize::MAX;
                    }
                }
            } else if n_alive == usize::MAX && self.is_blocked.get(to) == Some(&false) {
                path.push((block, index));
                self.block(to, true);
                way.push(Step { block: to, next: 0, found: false });
            }
        }
        Some(total)
    }

    /// Takes one loop away; how often it ran.
    fn take(&mut self, path: &[(usize, usize)], n_alive: &mut usize) -> i128 {
        let counts = path.iter().filter_map(|&(block, index)| Some(self.arc(block, index)?.1));
        let least = counts.min().unwrap_or(0);
        // Whether that is too much is found at the next step.
        let _ = self.spend(path.len());
        for (position, &(block, index)) in path.iter().enumerate() {
            if let Some(arc) = self.arcs.get_mut(block).and_then(|arcs| arcs.get_mut(index)) {
                arc.1 -= least;
                if arc.1 <= 0 {
                    *n_alive = (*n_alive).min(position);
                }
            }
        }
        least
    }

    /// Frees a block, and those that wait for it.
    fn free(&mut self, block: usize) -> Option<()> {
        let mut waiting = vec![block];
        while let Some(block) = waiting.pop() {
            self.spend(1)?;
            if self.is_blocked.get(block) == Some(&true) {
                self.block(block, false);
                if let Some(dependents) = self.dependents.get_mut(block) {
                    waiting.append(dependents);
                }
            }
        }
        Some(())
    }

    /// Has a block wait for those that it leads to.
    fn depend(&mut self, block: usize, start: usize) -> Option<()> {
        let mut index = 0;
        while let Some((to, count)) = self.arc(block, index) {
            index += 1;
            if to < start || count <= 0 {
                continue;
            }
            if let Some(dependents) = self.dependents.get_mut(to) {
                let n_compared = dependents.len();
                if !dependents.contains(&block) {
                    dependents.push(block);
                }
                self.spend(n_compared)?;
            }
        }
        Some(())
    }
}
