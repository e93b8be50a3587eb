//! Union of profiles of several shapes, file by file: what is known of one file is little, however
//! many there are.

use std::collections::HashMap;

use coverage::{
    Branch, BranchKind, FileIdx, FunctionIdx, LabelIdx, Mode, PackageIdx, Profile, ProfileBuilder,
    Shape, Span, Unit, UnitIdx, UnitKind,
};

/// All units, functions and branches of all profiles, counts added, saturating. Order: packages
/// and files as they are first met, from the first profile to the last; functions and branches
/// file by file, as they are first met in it.
pub(crate) fn union(profiles: &[&Profile], mode: Mode) -> Profile {
    let mut builder = ProfileBuilder::default();
    let parts = parts(profiles, &mut builder);
    let sources: Vec<_> =
        profiles.iter().map(|profile| Source::new(profile, &mut builder)).collect();
    let mut units: Vec<Vec<Option<UnitIdx>>> = sources.iter().map(Source::no_units).collect();
    for parts in parts.chunk_by(|a, b| a.to == b.to) {
        let mut file = FileUnion::default();
        if !parts.iter().all(|part| file.add(&sources[part.profile], part, Units::Ascend)) {
            file = FileUnion::default();
            parts.iter().for_each(|part| {
                file.add(&sources[part.profile], part, Units::AsTheyCome);
            });
        }
        file.build(&mut builder, parts[0].to, &mut units);
    }
    for (profile, units) in profiles.iter().zip(&units) {
        builder.copy_contexts(profile, |unit| units.get(unit.index()).copied().flatten());
    }
    builder.build(mode)
}

/// A file of a profile, and the one that it becomes part of.
struct Part {
    to: FileIdx,
    profile: usize,
    file: FileIdx,
}

/// Builds all packages and files; the parts of each file, in the order of profiles.
fn parts(profiles: &[&Profile], builder: &mut ProfileBuilder) -> Vec<Part> {
    let mut package_rows: HashMap<&str, PackageIdx> = HashMap::new();
    let mut file_rows: HashMap<(PackageIdx, &str), FileIdx> = HashMap::new();
    let mut parts = Vec::new();
    for (profile, shape) in profiles.iter().map(|profile| profile.shape()).enumerate() {
        let packages: Vec<_> = shape
            .packages()
            .iter()
            .map(|row| {
                let new = || builder.package(&row.path, &row.name, &row.module);
                *package_rows.entry(&row.path).or_insert_with(new)
            })
            .collect();
        for (index, row) in (0u32..).zip(shape.files()) {
            let key = (packages[row.package.index()], row.path.as_str());
            let to = *file_rows.entry(key).or_insert_with(|| builder.file(key.0, key.1));
            parts.push(Part { to, profile, file: FileIdx(index) });
        }
    }
    // Stable, so that profiles keep their order.
    parts.sort_by_key(|part| part.to);
    parts
}

/// A profile, with what belongs to each of its files.
struct Source<'a> {
    profile: &'a Profile,
    functions: ByFile,
    branches: ByFile,
    /// Its labels in the union.
    labels: Vec<LabelIdx>,
}

impl<'a> Source<'a> {
    fn new(profile: &'a Profile, builder: &mut ProfileBuilder) -> Self {
        let shape: &'a Shape = profile.shape();
        let n_files = shape.files().len();
        Self {
            profile,
            functions: ByFile::new(n_files, shape.functions().iter().map(|row| row.file)),
            branches: ByFile::new(n_files, shape.branches().iter().map(|row| row.file)),
            labels: shape.labels().iter().map(|text| builder.label(text)).collect(),
        }
    }

    /// A place for what each unit becomes, if there are contexts that want to know.
    fn no_units(&self) -> Vec<Option<UnitIdx>> {
        match self.profile.contexts().is_empty() {
            true => Vec::new(),
            false => vec![None; self.profile.shape().n_units()],
        }
    }
}

/// Rows of each file, in their order.
pub(crate) struct ByFile {
    /// Where those of each file start.
    starts: Vec<u32>,
    rows: Vec<u32>,
}

impl ByFile {
    pub(crate) fn new(n_files: usize, files: impl Iterator<Item = FileIdx> + Clone) -> Self {
        let mut starts = vec![0; n_files + 1];
        files.clone().for_each(|file| starts[file.index() + 1] += 1);
        let mut sum = 0;
        starts.iter_mut().for_each(|start| {
            sum += *start;
            *start = sum;
        });
        let mut rows = vec![0; sum as usize];
        let mut next = starts.clone();
        for (row, file) in (0u32..).zip(files) {
            rows[next[file.index()] as usize] = row;
            next[file.index()] += 1;
        }
        Self { starts, rows }
    }

    pub(crate) fn of(&self, file: FileIdx) -> &[u32] {
        &self.rows[self.starts[file.index()] as usize..self.starts[file.index() + 1] as usize]
    }
}

/// How the units of functions are joined.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Units {
    /// Those of each function ascend, no two functions have one name, and what has one name shares
    /// a unit. So it nearly always is, and it is the quick way.
    Ascend,
    AsTheyCome,
}

/// A unit within a function.
type Place = (UnitKind, Span, u32);

fn place(unit: Unit) -> Place {
    (unit.kind, unit.span, unit.statements)
}

/// What all profiles say of a file.
#[derive(Default)]
struct FileUnion<'a> {
    functions: Vec<FunctionRow<'a>>,
    branches: Vec<BranchRow>,
    /// Rows of functions by name, where [`Units::Ascend`].
    named: HashMap<(&'a str, bool), usize>,
    /// Units by function and place, where [`Units::AsTheyCome`]: row, and position in it.
    units: HashMap<(&'a str, bool, Place), (usize, usize)>,
    empty: Known<(&'a str, bool, Option<Span>)>,
    branch_rows: Known<BranchKey>,
    n_parts: usize,
    /// Units that contexts may ask for: profile, unit, row of its function, place.
    wanted: Vec<(usize, UnitIdx, usize, Place)>,
    scratch: Vec<(Unit, u64)>,
}

struct FunctionRow<'a> {
    name: &'a str,
    literal: bool,
    span: Option<Span>,
    count: Option<u64>,
    units: Vec<(Unit, u64)>,
    /// The last part that has it.
    part: usize,
    /// Whether its units are in another row now.
    moved: bool,
}

type BranchKey = (BranchKind, Span, LabelIdx, bool);

struct BranchRow {
    key: BranchKey,
    arms: Vec<(LabelIdx, u64)>,
}

/// Rows by key. Mostly a profile lists what the one before does, in the same order: the row after
/// the last one is tried first, and the map filled only when that fails.
struct Known<K> {
    keys: Vec<(K, usize)>,
    map: HashMap<K, usize>,
    next: usize,
}

impl<K> Default for Known<K> {
    fn default() -> Self {
        Self { keys: Vec::new(), map: HashMap::new(), next: 0 }
    }
}

impl<K: Copy + Ord + std::hash::Hash> Known<K> {
    /// The row of a key.
    fn find(&mut self, key: K) -> Option<usize> {
        let at = match self.keys.get(self.next) {
            Some((known, _)) if *known == key => self.next,
            // What comes last in an ascending list is new.
            None if self.map.is_empty() && self.keys.last().is_none_or(|last| last.0 < key) => {
                return None;
            }
            _ => {
                let filled = self.map.len();
                let missing = self.keys.iter().enumerate().skip(filled);
                self.map.extend(missing.map(|(at, (key, _))| (*key, at)));
                *self.map.get(&key)?
            }
        };
        self.next = at + 1;
        Some(self.keys[at].1)
    }

    /// Adds a key that was not found.
    fn push(&mut self, key: K, row: usize) {
        // While it is new everything is, and the next one isn't known either.
        if self.next == self.keys.len() {
            self.next += 1;
        }
        self.keys.push((key, row));
    }
}

impl<'a> FileUnion<'a> {
    /// Adds what a profile says; false if the units are not as `how` has it.
    fn add(&mut self, source: &Source<'a>, part: &Part, how: Units) -> bool {
        self.n_parts += 1;
        (self.empty.next, self.branch_rows.next) = (0, 0);
        let shape: &'a Shape = source.profile.shape();
        for &index in source.functions.of(part.file) {
            let idx = FunctionIdx(index);
            let function = shape.function(idx);
            let head = FunctionRow {
                name: &function.name,
                literal: function.literal,
                span: function.span,
                count: source.profile.function_count(idx),
                units: Vec::new(),
                part: self.n_parts,
                moved: false,
            };
            if function.units.is_empty() {
                self.add_empty(head);
                continue;
            }
            let row = match how {
                Units::Ascend => self.join_ascending(head, source.profile, idx),
                Units::AsTheyCome => Some(self.join_units(head, source.profile, idx)),
            };
            let Some(row) = row else { return false };
            if !source.profile.contexts().is_empty() {
                let units = shape.units_of(idx);
                let wanted = units.map(|unit| (part.profile, unit, row, place(shape.unit(unit))));
                self.wanted.extend(wanted);
            }
        }
        for &index in source.branches.of(part.file) {
            self.add_branch(source, &shape.branches()[index as usize]);
        }
        true
    }

    fn add_empty(&mut self, head: FunctionRow<'a>) {
        let key = (head.name, head.literal, head.span);
        match self.empty.find(key) {
            Some(row) => self.functions[row].entered(head.span, head.count),
            None => {
                self.empty.push(key, self.functions.len());
                self.functions.push(head);
            }
        }
    }

    /// Joins a function whose units ascend with the one of its name; its row.
    fn join_ascending(
        &mut self,
        mut head: FunctionRow<'a>,
        profile: &Profile,
        idx: FunctionIdx,
    ) -> Option<usize> {
        let shape = profile.shape();
        let mut units = shape.units_of(idx).map(|i| (shape.unit(i), profile.count(i)));
        let key = (head.name, head.literal);
        let Some(&at) = self.named.get(&key) else {
            head.units.extend(units);
            let ascend = head.units.is_sorted_by(|a, b| place(a.0) < place(b.0));
            self.named.insert(key, self.functions.len());
            self.functions.push(head);
            return ascend.then(|| self.functions.len() - 1);
        };
        let row = &mut self.functions[at];
        if row.part == head.part {
            return None;
        }
        row.part = head.part;
        row.entered(head.span, head.count);
        let mut known = row.units.drain(..).peekable();
        let (mut last, mut n_shared) = (None, 0);
        self.scratch.clear();
        for (unit, count) in units.by_ref() {
            let place = Some(self::place(unit));
            if last >= place {
                return None;
            }
            last = place;
            while let Some(before) = known.next_if(|known| Some(self::place(known.0)) < place) {
                self.scratch.push(before);
            }
            match known.next_if(|known| Some(self::place(known.0)) == place) {
                Some((unit, sum)) => {
                    n_shared += 1;
                    self.scratch.push((unit, sum.saturating_add(count)));
                }
                None => self.scratch.push((unit, count)),
            }
        }
        self.scratch.extend(known);
        std::mem::swap(&mut row.units, &mut self.scratch);
        (n_shared > 0).then_some(at)
    }

    /// Joins a function with those of its name that it shares a unit with; its row. A function
    /// that changed keeps one row: its new units join those that are known, and rows that turn out
    /// to be one function become one.
    fn join_units(&mut self, head: FunctionRow<'a>, profile: &Profile, idx: FunctionIdx) -> usize {
        let shape = profile.shape();
        let (name, literal, span, count) = (head.name, head.literal, head.span, head.count);
        let mut head = Some(head);
        let mut joined = None;
        for unit_idx in shape.units_of(idx) {
            let unit = shape.unit(unit_idx);
            let key = (name, literal, place(unit));
            let (row, position) = match self.units.get(&key) {
                Some(&found) => found,
                None => {
                    let row = joined.unwrap_or_else(|| {
                        self.functions.extend(head.take());
                        self.functions.len() - 1
                    });
                    let units = &mut self.functions[row].units;
                    self.units.insert(key, (row, units.len()));
                    units.push((unit, 0));
                    (row, units.len() - 1)
                }
            };
            let sum = &mut self.functions[row].units[position].1;
            *sum = sum.saturating_add(profile.count(unit_idx));
            joined = Some(joined.map_or(row, |other| self.join_rows(other, row)));
        }
        let row = joined.unwrap_or_default();
        if head.is_some() {
            self.functions[row].entered(span, count);
        }
        row
    }

    /// Moves the units of the later of two rows into the earlier one and returns that.
    fn join_rows(&mut self, a: usize, b: usize) -> usize {
        if a == b {
            return a;
        }
        let (kept, gone) = (a.min(b), a.max(b));
        let row = &mut self.functions[gone];
        row.moved = true;
        let (units, span, count) = (std::mem::take(&mut row.units), row.span, row.count);
        let (name, literal) = (row.name, row.literal);
        self.functions[kept].entered(span, count);
        for (unit, count) in units {
            let units = &mut self.functions[kept].units;
            self.units.insert((name, literal, place(unit)), (kept, units.len()));
            units.push((unit, count));
        }
        kept
    }

    fn add_branch(&mut self, source: &Source<'a>, branch: &Branch) {
        let name = source.labels[branch.name.index()];
        let key = (branch.kind, branch.span, name, branch.exact);
        let arms = branch.arms.start as usize..branch.arms.end as usize;
        let labels = source.profile.shape().arm_labels()[arms.clone()].iter();
        let labels = labels.map(|label| source.labels[label.index()]);
        let new = labels.zip(source.profile.arm_counts()[arms].iter().copied());
        let Some(row) = self.branch_rows.find(key) else {
            self.branch_rows.push(key, self.branches.len());
            self.branches.push(BranchRow { key, arms: Vec::new() });
            // It may have two arms of one label, which stay two.
            self.branches.last_mut().into_iter().for_each(|row| row.arms.extend(new.clone()));
            return;
        };
        let arms = &mut self.branches[row].arms;
        let known = arms.len();
        for (position, (label, count)) in new.enumerate() {
            // Mostly the arms are the same; where only their number is known, position tells.
            let at = match arms.get(position) {
                Some((other, _)) if *other == label => Some(position),
                _ if branch.exact => arms[..known].iter().position(|(other, _)| *other == label),
                _ => None,
            };
            match at {
                Some(at) => arms[at].1 = arms[at].1.saturating_add(count),
                None => arms.push((label, count)),
            }
        }
    }

    /// Adds everything to the file, and says what became of the units that are wanted.
    fn build(
        self,
        builder: &mut ProfileBuilder,
        file: FileIdx,
        units: &mut [Vec<Option<UnitIdx>>],
    ) {
        // First unit of each row.
        let mut first = vec![None; self.functions.len()];
        for (row, first) in self.functions.iter().zip(&mut first).filter(|(row, _)| !row.moved) {
            let function = if row.literal {
                builder.function(file, row.name, true)
            } else {
                builder.declared_function(file, row.name, row.span, row.count)
            };
            for &(unit, count) in &row.units {
                let unit_idx = builder.unit(Unit { function, ..unit }, count);
                first.get_or_insert(unit_idx);
            }
        }
        for BranchRow { key: (kind, span, name, exact), arms } in &self.branches {
            builder.labelled_branch(file, *kind, *span, *name, *exact, arms);
        }
        for (profile, unit, row, place) in self.wanted {
            let FunctionRow { name, literal, units: known, .. } = &self.functions[row];
            let at = match self.units.get(&(*name, *literal, place)) {
                Some(&at) => Some(at),
                None => {
                    let at = known.binary_search_by_key(&place, |known| self::place(known.0));
                    at.ok().map(|at| (row, at))
                }
            };
            units[profile][unit.index()] = at.and_then(|(row, position)| {
                Some(UnitIdx(first[row]?.0 + u32::try_from(position).ok()?))
            });
        }
    }
}

impl FunctionRow<'_> {
    /// Adds what another profile says of the function.
    fn entered(&mut self, span: Option<Span>, count: Option<u64>) {
        self.span = self.span.or(span);
        self.count = match (self.count, count) {
            (Some(a), Some(b)) => Some(a.saturating_add(b)),
            (a, b) => a.or(b),
        };
    }
}
