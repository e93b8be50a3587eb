//! Notes and counters of GCC's `--coverage`, `.gcno` and `.gcda`, which gcov reads.
//!
//! The compiler leaves notes beside each object file: the graph of each function with its lines.
//! The program that ends leaves counters, which it adds to those of runs before. Both are of one
//! stamp; a pair without counters never ran. How the files stand is told in `gcno_file.rs`, and
//! how counters become counts of lines in `gcno_lines.rs`. What is read is what gcov says of the
//! same files, as its JSON has it: branches are the arms of all blocks of a line, named after the
//! function that is the last to start before the line.
//!
//! Layouts of GCC 4.7 to 15 are known, and Clang's, which imitates GCC 4.2 to 11. Names of C++
//! are shown as they are written there; those that can't be told stay as they are.
//!
//! Not kept: blocks, calls, whether an arm is a fall-through or throws, and which runs there were.

use std::collections::HashMap;

use coverage::{BranchKind, Mode, Position, Profile, Span};

use crate::draft::{Draft, FileDraft};
use crate::gcno_file::{self, FunctionCounts, Graph, Graphs, Head};
use crate::gcno_lines::{self, Content, Flow, Row};
use crate::limits::Budget;
use crate::symbols::demangled;
use crate::{Format, Member, Notes, Place, Read, ReadError, Results, Together, gcov_json};

/// The format.
pub const FORMAT: Format = Format {
    id: "gcno",
    name: "GCC notes and counters",
    extensions: &["gcno", "gcda"],
    sniff,
    read: Read::Together(Together { companion: |_, _| false, read }),
    write: None,
};

fn sniff(head: &[u8]) -> bool {
    gcno_file::head(head).is_some()
}

/// Notes, and the counters that belong to them.
struct Pair<'a> {
    notes: &'a Member,
    head: Head,
    counters: Vec<&'a Member>,
}

/// A profile for each file of notes, in the order of their names.
fn read(members: &[&Member], notes: &mut Notes) -> Results {
    let mut members = members.to_vec();
    members.sort_by(|a, b| a.name.cmp(&b.name));
    let mut results = Results::new();
    let mut pairs: Vec<Pair<'_>> = Vec::new();
    let mut counters: Vec<(&Member, Head)> = Vec::new();
    let mut by_file: HashMap<&str, Vec<usize>> = HashMap::new();
    for member in members {
        match gcno_file::head(&member.bytes) {
            Some(head) if head.is_counters => counters.push((member, head)),
            Some(head) => {
                by_file.entry(file(stem(&member.name))).or_default().push(pairs.len());
                pairs.push(Pair { notes: member, head, counters: Vec::new() });
            }
            None => {
                let error = ReadError::malformed(Place::Byte(0), "the head is cut short");
                results.push((member.name.clone(), Err(error)));
            }
        }
    }
    for (member, head) in counters {
        let found = by_file.get(file(stem(&member.name))).map(Vec::as_slice).unwrap_or_default();
        match belongs_to(member, head, found, &pairs) {
            Ok(at) => {
                if let Some(pair) = pairs.get_mut(at) {
                    pair.counters.push(member);
                }
            }
            Err(error) => results.push((member.name.clone(), Err(error))),
        }
    }
    for pair in pairs {
        let profile = profile(&pair, &mut results, notes);
        results.push((pair.notes.name.clone(), profile));
    }
    results
}

/// Position of the notes that counters belong to, among those found by their name: those of the
/// same stamp whose path is most like theirs.
fn belongs_to(
    counters: &Member,
    head: Head,
    found: &[usize],
    pairs: &[Pair<'_>],
) -> Result<usize, ReadError> {
    let likeness = |name: &str| {
        let parts = stem(name).rsplit('/').zip(stem(&counters.name).rsplit('/'));
        parts.take_while(|(a, b)| a == b).count()
    };
    let mut best: Option<((bool, usize), usize, &Pair<'_>)> = None;
    for &at in found {
        let Some(pair) = pairs.get(at) else { continue };
        let fitness = (pair.head.stamp == head.stamp, likeness(&pair.notes.name));
        if best.is_none_or(|best| best.0 < fitness) {
            best = Some((fitness, at, pair));
        }
    }
    match best {
        Some(((true, _), at, _)) => Ok(at),
        Some((_, _, pair)) => {
            let (ours, theirs, name) = (head.stamp, pair.head.stamp, &pair.notes.name);
            let reason =
                format!("stamp {ours:08x} is not {theirs:08x}, that of {name}: another build");
            Err(ReadError::unsupported(Place::Byte(8), reason))
        }
        None => {
            let reason = format!("its notes, {}.gcno, are missing", file(stem(&counters.name)));
            Err(ReadError::unsupported(Place::Whole, reason))
        }
    }
}

fn profile(
    pair: &Pair<'_>,
    results: &mut Results,
    notes: &mut Notes,
) -> Result<Profile, ReadError> {
    let name = pair.notes.name.as_str();
    let graphs = gcno_file::graphs(&pair.notes.bytes)?;
    let mut counts: HashMap<u32, Vec<FunctionCounts>> = HashMap::new();
    let mut n_read = 0;
    for member in &pair.counters {
        match counters(&graphs, member, notes) {
            Ok(found) => {
                n_read += 1;
                found.into_iter().for_each(|row| counts.entry(row.ident).or_default().push(row));
            }
            Err(error) => results.push((member.name.clone(), Err(error))),
        }
    }
    if n_read == 0 {
        notes.add(name, "no counters belong to it, so that nothing ran");
    }
    if graphs.functions.is_empty() {
        notes.add(name, "tells of no functions");
    }
    // Functions without a source are the compiler's own.
    let functions = graphs.functions.iter().filter(|graph| !graph.is_artificial);
    let flows: Vec<Flow<'_>> = functions
        .map(|graph| {
            let counts = counts.get(&graph.ident).map(Vec::as_slice);
            Flow::new(graph, &graphs, counts)
        })
        .collect();
    for flow in flows.iter().filter(|flow| !flow.is_solved) {
        let note = format!("counts of function {} do not tell all that ran", flow.graph.name);
        notes.add(name, note);
    }
    let n_names = graphs.sources.names.len();
    Budget::of_names().take(n_names.saturating_mul(graphs.folder.len()))?;
    Ok(draft(&graphs, &flows, name, notes).finish(Mode::Count, name, notes))
}

/// Counters of functions that the notes know.
fn counters(
    graphs: &Graphs,
    member: &Member,
    notes: &mut Notes,
) -> Result<Vec<FunctionCounts>, ReadError> {
    let mut found = gcno_file::counts(&member.bytes)?;
    if !found.is_whole {
        notes.add(&member.name, "ends without a mark: some counters may be missing");
    }
    let n_arcs = |row: &Graph| row.arcs.iter().filter(|arc| !arc.is_on_tree()).count();
    let known = graphs.functions.iter().map(|row| (row.ident, (row, n_arcs(row))));
    let known: HashMap<u32, (&Graph, usize)> = known.collect();
    found.functions.retain(|row| known.contains_key(&row.ident));
    for row in &found.functions {
        let Some(&(graph, n_arcs)) = known.get(&row.ident) else { continue };
        let place = Place::Byte(row.offset);
        if row.checksums != graph.checksums {
            let [a, b] = row.checksums;
            let [c, d] = graph.checksums;
            let reason = format!(
                "checksums {a:08x} {b:08x} of function {} are not {c:08x} {d:08x}, those of the notes",
                graph.name
            );
            return Err(ReadError::malformed(place, reason));
        }
        if let Some(n) = row.arcs.as_ref().map(Vec::len).filter(|&n| n != 0 && n != n_arcs) {
            let reason = format!("{n} counters for {n_arcs} arcs of function {}", graph.name);
            return Err(ReadError::malformed(place, reason));
        }
    }
    Ok(found.functions)
}

/// Counts that can't be, of one pair.
struct Odd {
    negative: u64,
    too_large: u64,
    /// Ways of blocks that may still be told; none once there were too many.
    n_arms: usize,
}

impl Odd {
    fn count(&mut self, count: i128) -> u64 {
        u64::try_from(count).unwrap_or_else(|_| {
            let odd = if count < 0 { &mut self.negative } else { &mut self.too_large };
            *odd += 1;
            if count < 0 { 0 } else { u64::MAX }
        })
    }
}

fn draft(graphs: &Graphs, flows: &[Flow<'_>], name: &str, notes: &mut Notes) -> Draft {
    let mut draft = Draft::default();
    // A block mostly is on one line, with its arms and conditions.
    let n_arms = flows.iter().map(|flow| flow.arcs.len() + flow.decisions.len()).sum::<usize>();
    let n_arms = n_arms.saturating_mul(2).saturating_add(1_000);
    let mut odd = Odd { negative: 0, too_large: 0, n_arms };
    let paths: Vec<String> =
        graphs.sources.names.iter().map(|path| gcov_json::joined(&graphs.folder, path)).collect();
    let path = |source: usize| paths.get(source).map(String::as_str).unwrap_or_default();
    let mut starts: Vec<(usize, (u32, u32), &Graph)> = Vec::with_capacity(flows.len());
    for flow in flows {
        let graph = flow.graph;
        starts.push((graph.source, graph.start, graph));
        let file = draft.file(path(graph.source));
        let entries = odd.count(flow.block(0));
        file.function(&demangled(&graph.name), Some(extent(graph)), Some(entries));
    }
    starts.sort_by_key(|&(source, start, _)| (source, start));
    let mut starts = starts.into_iter().peekable();
    // Functions that started before the line, the last one on top.
    let mut open: Vec<(usize, &Graph)> = Vec::new();
    let mut steps = gcno_lines::STEPS;
    for (row, content) in gcno_lines::rows(flows, graphs) {
        let count = gcno_lines::count(flows, &content, graphs.is_clang, &mut steps);
        let count = count.unwrap_or_else(|count| {
            let note = "some lines have loops too entangled to tell how often they ran";
            notes.add(name, note);
            count
        });
        let file = draft.file(path(row.source));
        file.line(row.line, odd.count(count));
        let begins = |&(source, start, _): &(usize, (u32, u32), _)| {
            (source, start.0) <= (row.source, row.line)
        };
        while let Some((source, _, graph)) = starts.next_if(begins) {
            open.push((source, graph));
        }
        while open
            .pop_if(|(source, graph)| *source != row.source || ends_before(graph, row.line))
            .is_some()
        {}
        let own = row.instance.and_then(|index| flows.get(index)).map(|flow| flow.graph);
        let graph = own.or(open.last().map(|(_, graph)| *graph));
        let instance = graph.map(|graph| graph.name.as_str()).unwrap_or_default();
        add_arms(file, flows, row, &content, instance, &mut odd);
        if odd.n_arms == 0 {
            notes.add(name, "its lines claim more branches than it has arcs: some are left out");
        }
    }
    if odd.negative > 0 {
        let n = odd.negative;
        notes.add(name, format!("{n} counts are negative, and taken for 0: threads lost some"));
    }
    if odd.too_large > 0 {
        notes.add(name, format!("{} counts are larger than can be told", odd.too_large));
    }
    draft
}

/// Adds the arms of a line's blocks, and the conditions that they decide.
fn add_arms(
    file: &mut FileDraft,
    flows: &[Flow<'_>],
    row: Row,
    content: &Content,
    instance: &str,
    odd: &mut Odd,
) {
    let place = Span::line(row.line);
    let (mut n_arms, mut n_decisions) = (0, 0);
    for &(function, block) in &content.forks {
        let Some(flow) = flows.get(function) else { continue };
        let n = flow.arcs_of(block).len() + flow.decisions_of(block).count() + 1;
        odd.n_arms = odd.n_arms.saturating_sub(n);
        if odd.n_arms == 0 {
            return;
        }
        for count in flow.arms(block) {
            let label = n_arms.to_string();
            file.arm(BranchKind::Branch, place, instance, &label, odd.count(count));
            n_arms += 1;
        }
        for (n_conditions, seen_true, seen_false) in flow.decisions_of(block) {
            let name = format!("{instance} {n_decisions}");
            n_decisions += 1;
            for index in 0..n_conditions {
                for (sense, seen) in [("t", seen_true), ("f", seen_false)] {
                    let label = format!("{index}{sense}");
                    let hit = seen.checked_shr(index).unwrap_or(0) & 1;
                    file.arm(BranchKind::Condition, place, name.trim(), &label, hit);
                }
            }
        }
    }
}

fn ends_before(graph: &Graph, line: u32) -> bool {
    (1..line).contains(&graph.last.0)
}

fn extent(graph: &Graph) -> Span {
    let ((line, column), (last, last_column)) = (graph.start, graph.last);
    if last < line {
        Span::line(line)
    } else if column == 0 || last_column == 0 {
        Span { start: Span::line(line).start, end: Span::line(last).end }
    } else {
        let end = Position { line: last, column: last_column.saturating_add(1) };
        Span { start: Position { line, column }, end }
    }
}

/// The name of a path's file.
fn file(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

/// A path without its ending.
fn stem(path: &str) -> &str {
    path.strip_suffix(".gcno").or(path.strip_suffix(".gcda")).unwrap_or(path)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::told;

    /// Words as a version of GCC puts them into files.
    #[derive(Clone, Copy)]
    struct Layout {
        version: [u8; 4],
        is_big: bool,
        is_new: bool,
    }

    const FOUR: Layout = Layout { version: *b"409*", is_big: false, is_new: false };
    const FOURTEEN: Layout = Layout { version: *b"B42*", is_big: false, is_new: true };

    impl Layout {
        fn words(self, words: &[u32]) -> Vec<u8> {
            let bytes =
                |word: &u32| if self.is_big { word.to_be_bytes() } else { word.to_le_bytes() };
            words.iter().flat_map(bytes).collect()
        }

        fn sized(self, start: &[u32], mut content: Vec<u8>) -> Vec<u8> {
            while !self.is_new && !content.len().is_multiple_of(4) {
                content.push(0);
            }
            let unit = if self.is_new { 1 } else { 4 };
            let length = u32::try_from(content.len() / unit).unwrap();
            [self.words(start), self.words(&[length]), content].concat()
        }

        fn text(self, text: &str) -> Vec<u8> {
            self.sized(&[], [text.as_bytes(), b"\0"].concat())
        }

        fn record(self, tag: u32, words: &[u32]) -> Vec<u8> {
            self.sized(&[tag], self.words(words))
        }

        fn head(self, magic: [u8; 4], stamp: u32) -> Vec<u8> {
            let words = [u32::from_be_bytes(magic), u32::from_be_bytes(self.version), stamp, 9];
            self.words(if self.is_new { &words } else { &words[..3] })
        }

        /// A function `f` of 5 blocks: block 2, on lines 3 and 4, goes to 3 on line 5 or to 4 on
        /// line 6, as does 3.
        fn notes(self, stamp: u32) -> Vec<u8> {
            let mut function = [self.words(&[7, 1, 2]), self.text("f")].concat();
            let mut out = self.head(*b"gcno", stamp);
            if self.is_new {
                out.extend([self.text("/src"), self.words(&[1])].concat());
                function.extend([self.words(&[0]), self.text("./x/../a.c")].concat());
                function.extend(self.words(&[3, 5, 7, 1]));
            } else {
                function.extend([self.text("a.c"), self.words(&[3])].concat());
            }
            out.extend(self.sized(&[0x0100_0000], function));
            out.extend(self.record(0x0141_0000, if self.is_new { &[5] } else { &[0; 5] }));
            for arcs in [[0, 2, 4].as_slice(), &[2, 4, 1, 3, 0], &[3, 4, 5], &[4, 1, 5]] {
                out.extend(self.record(0x0143_0000, arcs));
            }
            if self.is_new {
                out.extend(self.record(0x0147_0000, &[2, 1]));
            }
            let path = if self.is_new { "x/../a.c" } else { "a.c" };
            for (block, lines) in [(2, [4, 3].as_slice()), (3, &[5]), (4, &[6])] {
                let start = [self.words(&[block, 0]), self.text(path), self.words(lines)].concat();
                out.extend(self.sized(&[0x0145_0000], [start, self.words(&[0, 0])].concat()));
            }
            out
        }

        fn counters(self, stamp: u32, records: &[Vec<u8>]) -> Vec<u8> {
            let function = self.record(0x0100_0000, &[7, 1, 2]);
            [self.head(*b"gcda", stamp), function, records.concat(), self.words(&[0])].concat()
        }

        fn arcs(self, [entered, then]: [u32; 2]) -> Vec<u8> {
            self.record(0x01a1_0000, &[entered, 0, then, 0])
        }
    }

    fn read_files(files: &[(&str, Vec<u8>)]) -> String {
        told::together(&FORMAT, files, |_| false)
    }

    #[test]
    fn layouts_old_and_new_of_either_order() {
        let lines = "function -\nline 3 3\nline 4 3\nline 5 1\nline 6 3\n";
        for is_big in [false, true] {
            let four = Layout { is_big, ..FOUR };
            let counters = four.counters(5, &[four.arcs([3, 1])]);
            assert_eq!(
                read_files(&[("o/a.gcno", four.notes(5)), ("run/o/a.gcda", counters)]),
                format!(
                    "mode count\npackage - - -\nfile a.c\n{lines}function f 3 3\nbranch 3 f 0=1 1=2\n"
                )
            );
            let new = Layout { is_big, ..FOURTEEN };
            let decisions = new.record(0x01b1_0000, &[0, 0, 1, 0]);
            let counters = new.counters(5, &[new.arcs([3, 1]), decisions]);
            assert_eq!(
                read_files(&[("a.gcno", new.notes(5)), ("a.gcda", counters)]),
                format!(
                    "mode count\npackage /src - -\nfile /src/a.c\n{lines}function f 3.5,7.2 3\n\
                     branch 4 f 0=1 1=2\ncondition 4 f%200 0t=0 0f=1\n"
                )
            );
        }
    }

    #[test]
    fn runs_add_up_and_zeros_take_no_room() {
        let zeros = FOURTEEN.words(&[0x01a1_0000, 16u32.wrapping_neg()]);
        let files = [
            ("a.gcno", FOURTEEN.notes(5)),
            ("1/a.gcda", FOURTEEN.counters(5, &[FOURTEEN.arcs([3, 1])])),
            ("2/a.gcda", FOURTEEN.counters(5, &[zeros])),
            ("3/a.gcda", FOURTEEN.counters(5, &[FOURTEEN.arcs([4, 4])])),
        ];
        let text = read_files(&files);
        assert!(text.contains("line 4 7\nline 5 5\n") && text.contains("0=5 1=2\n"), "{text}");
    }

    #[test]
    fn counters_without_their_notes_are_refused() {
        let counters = |stamp| FOUR.counters(stamp, &[FOUR.arcs([1, 0])]);
        let text = read_files(&[
            ("a.gcno", FOUR.notes(5)),
            ("a.gcda", counters(6)),
            ("b.gcda", counters(5)),
        ]);
        let start = "a.gcda: byte 8: stamp 00000006 is not 00000005, that of a.gcno: another build\n\
                     b.gcda: its notes, b.gcno, are missing\nmode count\n";
        assert!(text.starts_with(start), "{text}");
        assert!(text.contains("line 4 0\n"), "{text}");
        assert!(
            text.ends_with("a.gcno: no counters belong to it, so that nothing ran\n"),
            "{text}"
        );
    }

    #[test]
    fn of_two_notes_of_one_name_those_of_the_same_folder_are_taken() {
        let text = read_files(&[
            ("x/a.gcno", FOUR.notes(5)),
            ("y/a.gcno", FOUR.notes(5)),
            ("run/x/a.gcda", FOUR.counters(5, &[FOUR.arcs([1, 0])])),
        ]);
        assert!(text.ends_with("\ny/a.gcno: no counters belong to it, so that nothing ran\n"));
        assert_eq!(text.matches("line 4 1\n").count(), 1, "{text}");
    }

    #[test]
    fn counters_that_can_not_be_are_told() {
        let files = [("a.gcno", FOUR.notes(5)), ("a.gcda", FOUR.counters(5, &[FOUR.arcs([1, 3])]))];
        let text = read_files(&files);
        assert!(text.contains("branch 3 f 0=3 1=0\n"), "{text}");
        assert!(
            text.ends_with("a.gcno: 1 counts are negative, and taken for 0: threads lost some\n")
        );
        let short = FOUR.record(0x01a1_0000, &[1, 0]);
        let text = read_files(&[("a.gcno", FOUR.notes(5)), ("a.gcda", FOUR.counters(5, &[short]))]);
        assert!(
            text.starts_with("a.gcda: byte 12: 1 counters for 2 arcs of function f\n"),
            "{text}"
        );
    }

    #[test]
    fn lengths_are_not_believed() {
        let mut notes = FOURTEEN.notes(5);
        let at = notes.windows(4).position(|four| *four == 0x0141_0000u32.to_le_bytes()).unwrap();
        notes[at + 8..at + 12].copy_from_slice(&u32::MAX.to_le_bytes());
        let text = read_files(&[("a.gcno", notes)]);
        assert!(text.contains("4294967295 blocks do not fit into the file"), "{text}");
    }
}
