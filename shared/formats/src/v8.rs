//! Coverage of V8's precise mode, as Node.js writes it with `NODE_V8_COVERAGE`, and Chrome's
//! debugging protocol gives it.
//!
//! ```text
//! { "result": [{ "scriptId": "1", "url": "file:///src/a.js", "functions": [{
//!     "functionName": "f", "isBlockCoverage": true,
//!     "ranges": [{ "startOffset": 0, "endOffset": 90, "count": 1 }, …] }]}],
//!   "source-map-cache": { "file:///src/a.js": { "lineLengths": [9, 0], "data": MAP }}}
//! ```
//!
//! Puppeteer has a list of scripts with `text`, each in `rawScriptCoverage` if it is asked for that.
//!
//! Spec: <https://chromedevtools.github.io/devtools-protocol/tot/Profiler/>. Offsets are UTF-16
//! code units. The ranges of a function lie inside of each other, the first is the function
//! itself; the innermost range counts.
//!
//! Files of several processes are added up. A script needs its text to have lines: that of a file
//! beside it, of its entry (`source`), or at least the lengths of its lines from the cache. Where
//! the cache has a source map the result is that of the originals. Numbers are then those of c8
//! (all of 54,440 lines, 1,617 ranges and 1,663 functions in 226 files of one run were equal):
//! each line of a file up to the last that is not blank counts, also those without code; it has
//! the count of the innermost range that it is wholly in. Each range is a branch with one arm. V8
//! knows no statements. Scripts without text have functions only, and a note says so.
//!
//! Lines that a comment such as `c8 ignore next` ignores count as covered, as do branches and
//! functions that start there; c8 does it so. Not applied: maps that are not in the cache. Left
//! out: what belongs to Node.js (`node:`), and code without a URL.

use std::collections::{BTreeMap, BTreeSet};

use coverage::{BranchKind, Mode, Position, Profile, Span};
use serde::Deserialize;

use crate::companions::pairs;
use crate::draft::{Draft, FileDraft};
use crate::json::{self, Number, Pairs};
use crate::limits::{self, Budget};
use crate::source_map::{self, SourceMap};
use crate::v8_ranges::{Function, Functions, Range};
use crate::{Format, Member, Notes, Place, Read, ReadError, Results, Together, text};

/// The format.
pub const FORMAT: Format = Format {
    id: "v8",
    name: "V8 coverage",
    extensions: &["json"],
    sniff: |head| {
        json::sniff(head, &["\"scriptId\"", "\"url\"", "\"functions\""])
            || json::sniff(head, &["\"url\"", "\"ranges\"", "\"start\"", "\"end\""])
    },
    read: Read::Together(Together { companion: is_source, read }),
    write: None,
};

const NOT_RAW: &str = "only what ran, without functions and counts: have Puppeteer give that with \
                       `includeRawScriptCoverage`";

fn is_source(name: &str, _: &[u8]) -> bool {
    let endings = ["js", "mjs", "cjs", "jsx", "ts", "mts", "cts", "tsx"];
    name.rsplit_once('.').is_some_and(|(_, ending)| endings.contains(&ending))
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Dump {
    Process(Process),
    Scripts(Vec<Script>),
    Pages(Vec<PageScript>),
}

#[derive(Deserialize)]
struct Process {
    result: Vec<Script>,
    #[serde(default, rename = "source-map-cache")]
    maps: Pairs<Cached>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Script {
    url: String,
    functions: Vec<ScriptFunction>,
    source: Option<String>,
}

/// A script as Puppeteer gives it.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct PageScript {
    text: Option<String>,
    raw_script_coverage: Option<Script>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ScriptFunction {
    function_name: String,
    ranges: Vec<ScriptRange>,
    #[serde(default)]
    is_block_coverage: bool,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ScriptRange {
    start_offset: Number,
    end_offset: Number,
    count: Number,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Cached {
    line_lengths: Option<Vec<usize>>,
    data: Option<source_map::Json>,
}

/// What all processes say of one script.
#[derive(Default)]
struct Measured {
    functions: Functions,
    source: Option<String>,
    line_lengths: Option<Vec<usize>>,
    map: Option<source_map::Json>,
}

/// All files are one profile: each tells of one process.
fn read(members: &[&Member], notes: &mut Notes) -> Results {
    let mut results = Vec::new();
    let mut scripts: BTreeMap<String, Measured> = BTreeMap::new();
    let mut names = Vec::new();
    for member in members.iter().filter(|member| !member.is_companion) {
        match json::parse(&member.bytes) {
            Ok(Dump::Pages(pages))
                if pages.iter().all(|page| page.raw_script_coverage.is_none()) =>
            {
                let error = ReadError::malformed(Place::Whole, NOT_RAW);
                results.push((member.name.clone(), Err(error)));
            }
            Ok(dump) => {
                names.push(member.name.as_str());
                add_dump(dump, &mut scripts);
            }
            Err(error) => results.push((member.name.clone(), Err(error))),
        }
    }
    if let Some(name) = names.first() {
        let sources: Vec<&Member> =
            members.iter().copied().filter(|member| member.is_companion).collect();
        results.push(((*name).to_owned(), profile(name, scripts, &sources, notes)));
    }
    results
}

fn add_dump(dump: Dump, scripts: &mut BTreeMap<String, Measured>) {
    let (result, maps) = match dump {
        Dump::Process(process) => (process.result, process.maps.0),
        Dump::Scripts(scripts) => (scripts, Vec::new()),
        Dump::Pages(pages) => {
            let scripts = pages.into_iter().filter_map(|page| {
                page.raw_script_coverage.map(|raw| Script { source: page.text, ..raw })
            });
            (scripts.collect(), Vec::new())
        }
    };
    for script in result {
        let is_file = script.url.contains("://") || script.url.starts_with('/');
        if !is_file || script.url.starts_with("node:") {
            continue;
        }
        let measured = scripts.entry(script.url).or_default();
        measured.source = measured.source.take().or(script.source);
        for function in script.functions {
            let ranges = function.ranges.iter().filter_map(|range| {
                let start = usize::try_from(range.start_offset.checked()?).ok()?;
                let end = usize::try_from(range.end_offset.checked()?).ok()?;
                let count = range.count.checked().unwrap_or(0);
                (start < end).then_some(Range { start, end, count })
            });
            let (name, is_block) = (function.function_name, function.is_block_coverage);
            measured.functions.add(name, is_block, ranges.collect());
        }
    }
    for (url, cached) in maps {
        if let Some(measured) = scripts.get_mut(&url) {
            measured.line_lengths = measured.line_lengths.take().or(cached.line_lengths);
            measured.map = measured.map.take().or(cached.data);
        }
    }
}

fn profile(
    name: &str,
    scripts: BTreeMap<String, Measured>,
    sources: &[&Member],
    notes: &mut Notes,
) -> Result<Profile, ReadError> {
    if scripts.is_empty() {
        let reason = "no script in it has a URL of its own: only Node.js itself ran";
        return Err(ReadError::malformed(Place::Whole, reason));
    }
    let (mut maps, mut measured) = (Vec::new(), Vec::new());
    let mut joined = Budget::of_names();
    for (url, mut script) in scripts {
        if let Some(map) = &script.map {
            joined.take(map.joined_bytes(url.len()))?;
        }
        maps.push(match script.map.take().map(SourceMap::new) {
            Some(Ok(map)) => Some(map),
            Some(Err(why)) => {
                notes.add(name, format!("{url}: source map is not used: {why}"));
                None
            }
            None => None,
        });
        measured.push((url, script));
    }
    // Every path whose text may be among the companions: scripts, then originals.
    let paths: Vec<String> =
        measured.iter().map(|(url, _)| text::path_of_url(url).into_owned()).collect();
    let originals: Vec<Vec<String>> = maps
        .iter()
        .zip(&paths)
        .map(|(map, path)| {
            let sources = map.iter().flat_map(|map| &map.sources);
            sources.map(|(source, _)| resolve(path, source)).collect()
        })
        .collect();
    let all: Vec<&str> =
        paths.iter().chain(originals.iter().flatten()).map(String::as_str).collect();
    let companions: Vec<&str> = sources.iter().map(|source| source.name.as_str()).collect();
    let mut marked = BTreeSet::new();
    let mut found: BTreeMap<&str, String> = BTreeMap::new();
    for (path, at) in all.iter().zip(pairs(&all, &companions)) {
        let Some(source) = at.and_then(|at| sources.get(at)) else { continue };
        if source.bytes.starts_with(b"\xef\xbb\xbf") {
            marked.insert(*path);
        }
        found.insert(path, text::decode(&source.bytes).into_owned());
    }
    let mut draft = Draft::default();
    let (mut n_bare, mut n_unmapped) = (0u64, 0u64);
    let mut unseen = Budget::new(limits::UNSEEN_LINES, "lines of originals without their text");
    for (((_, script), map), (path, originals)) in
        measured.iter().zip(&maps).zip(paths.iter().zip(&originals))
    {
        let functions = script.functions.merged();
        let end = functions.iter().flat_map(|function| &function.ranges).map(|range| range.end);
        let end = end.max().unwrap_or(0);
        let own = found.get(path.as_str()).map(String::as_str).or(script.source.as_deref());
        let mut lines = own.map(Lines::of_text);
        // Node.js leaves a byte order mark in what it runs.
        if lines.as_ref().is_some_and(|lines| lines.n_units + 1 == end)
            && marked.contains(path.as_str())
        {
            lines = own.map(|text| Lines::of_text(&format!("\u{feff}{text}")));
        }
        if lines.as_ref().is_some_and(|lines| lines.n_units < end) {
            let why = "the source is shorter than what ran: it is another version, and is not used";
            notes.add(name, format!("{path}: {why}"));
            lines = None;
        }
        let lines = lines.or_else(|| script.line_lengths.as_deref().map(Lines::of_lengths));
        match (lines, map) {
            (Some(generated), Some(map)) if !originals.is_empty() => {
                let texts: Vec<Lines> = (0..)
                    .zip(map.sources.iter().zip(originals))
                    .map(|(source, ((_, content), path))| {
                        let content = found.get(path.as_str()).or(content.as_ref());
                        n_unmapped += u64::from(content.is_none());
                        match content {
                            Some(content) => Ok(Lines::of_text(content)),
                            None => map
                                .extents(source, &mut unseen)
                                .map(|extents| Lines::of_lengths(&extents)),
                        }
                    })
                    .collect::<Result<_, _>>()?;
                let mapping = Mapping { generated, map, texts: &texts };
                add_mapped(&mut draft, &functions, &mapping, originals);
            }
            (Some(lines), _) => {
                let own = |range: &Range| Some((0, range.start, range.end.min(lines.n_units)));
                let stretches = stretches(&functions, own).remove(&0).unwrap_or_default();
                add(draft.file(path), &stretches, &lines);
            }
            (None, _) => {
                n_bare += 1;
                add_bare(draft.file(path), &functions);
            }
        }
    }
    if n_bare > 0 {
        let why = "scripts without their text: of these only functions are known; add the sources";
        notes.add(name, format!("{n_bare} {why}"));
    }
    if n_unmapped > 0 {
        let why = "originals without their text: their lines are taken to end where the source \
                   map ends; add the sources";
        notes.add(name, format!("{n_unmapped} {why}"));
    }
    Ok(draft.finish(Mode::Count, name, notes))
}

/// The path of an original that a map names, which may be relative to the script.
fn resolve(script: &str, source: &str) -> String {
    let source = text::path_of_url(source);
    if source.contains("://") || source.starts_with('/') || source.get(1..2) == Some(":") {
        return source.into_owned();
    }
    let mut parts: Vec<&str> = script.split('/').collect();
    parts.pop();
    for part in source.split('/') {
        match part {
            "." => {}
            ".." if parts.len() > 1 => {
                parts.pop();
            }
            part => parts.push(part),
        }
    }
    parts.join("/")
}

/// Where the lines of a text are, in UTF-16 code units.
struct Lines {
    /// Start and end of each, without what ends it.
    bounds: Vec<(usize, usize)>,
    n_units: usize,
    /// Positions of lines that a comment ignores, ascending.
    ignored: Vec<usize>,
}

impl Lines {
    fn of_text(text: &str) -> Self {
        let n_units = text.encode_utf16().count();
        let mut bounds = Vec::new();
        let mut start = 0;
        for line in text.trim_end().split_inclusive('\n') {
            let length = line.encode_utf16().count();
            let bare = line.strip_suffix('\n').unwrap_or(line);
            let n_ends = line.len() - bare.strip_suffix('\r').unwrap_or(bare).len();
            bounds.push((start, start + length - n_ends));
            start += length;
        }
        Self { bounds, n_units, ignored: ignored(text) }
    }

    fn of_lengths(lengths: &[usize]) -> Self {
        let mut bounds = Vec::with_capacity(lengths.len());
        let mut start = 0usize;
        for &length in lengths {
            let end = start.saturating_add(length);
            bounds.push((start, end));
            start = end.saturating_add(1);
        }
        while bounds.last().is_some_and(|(start, end)| start == end) {
            bounds.pop();
        }
        Self { bounds, n_units: start, ignored: Vec::new() }
    }

    fn last(&self) -> usize {
        self.bounds.last().map_or(0, |bounds| bounds.1)
    }

    fn is_ignored(&self, line: usize) -> bool {
        self.ignored.binary_search(&line).is_ok()
    }

    /// Positions of the lines that a range touches, other than with its end at theirs.
    fn touched(&self, start: usize, end: usize) -> std::ops::Range<usize> {
        let from = self.bounds.partition_point(|bounds| bounds.1 <= start);
        let to = self.bounds.partition_point(|bounds| bounds.0 <= end);
        from..to.max(from)
    }

    /// Positions of the lines that a range holds as a whole, of those that it touches.
    fn inside(&self, start: usize, end: usize) -> std::ops::Range<usize> {
        let from = self.bounds.partition_point(|bounds| bounds.1 <= start || bounds.0 < start);
        let to = self.bounds.partition_point(|bounds| bounds.1 <= end);
        from..to.max(from)
    }

    /// The count of each line: of the last range that holds it, 1 where none does. From the last
    /// range on, so that none is looked at again whose count is known.
    fn counts(&self, stretches: &[Stretch<'_>]) -> Vec<u64> {
        let mut counts = vec![1u64; self.bounds.len()];
        let mut open = Open::of(counts.len());
        for stretch in stretches.iter().rev() {
            let inside = self.inside(stretch.start, stretch.end.min(self.last()));
            let mut line = open.from(inside.start);
            while let Some(count) = counts.get_mut(line).filter(|_| line < inside.end) {
                *count = stretch.count;
                open.close(line);
                line = open.from(line + 1);
            }
        }
        counts
    }

    /// The offset of a place; past the end of its line that end.
    fn offset(&self, line: usize, column: Option<usize>) -> usize {
        let Some(&(start, end)) = self.bounds.get(line) else { return self.last() };
        column.map_or(end, |column| start.saturating_add(column).min(end))
    }

    fn position(&self, line: usize, offset: usize) -> Option<Position> {
        let (start, _) = self.bounds.get(line)?;
        let column = u32::try_from(offset.saturating_sub(*start)).ok()?.saturating_add(1);
        Some(Position { line: u32::try_from(line).ok()?.saturating_add(1), column })
    }
}

/// Positions of the lines that comments ignore: `c8 ignore next` with a number or without, on a
/// line of its own or behind code, `c8 ignore start` to `c8 ignore stop`, the same with `v8`, and
/// `node:coverage` with `ignore next`, `disable` and `enable`.
fn ignored(text: &str) -> Vec<usize> {
    let mut ignored = Vec::new();
    let (mut n_next, mut is_on) = (0usize, false);
    for (index, line) in text.split('\n').enumerate() {
        let hit = n_next > 0 || is_on;
        n_next = n_next.saturating_sub(1);
        let comment = line.match_indices("/* ").find_map(|(at, start)| {
            let words = line.get(at + start.len()..)?;
            let (tool, order) = words.split_once(' ')?;
            let order = match tool {
                "c8" | "v8" => order.strip_prefix("ignore ")?,
                "node:coverage" => order.strip_prefix("ignore ").unwrap_or(order),
                _ => return None,
            };
            Some((line.get(..at)?, order))
        });
        let before = ignored.len();
        match comment {
            Some((code, order)) if order.starts_with("next") => {
                let is_alone = !code.contains(|c: char| c.is_ascii_alphanumeric() || c == '_');
                let n = order.get(4..).unwrap_or_default().split_whitespace().next();
                let n = n.and_then(|n| n.parse().ok()).unwrap_or(1);
                n_next = if is_alone { n } else { n_next };
                ignored.push(index);
            }
            Some((_, order)) if order.starts_with("start") || order.starts_with("disable") => {
                (is_on, n_next) = (true, 0);
                ignored.push(index);
            }
            Some((_, order)) if order.starts_with("stop") || order.starts_with("enable") => {
                (is_on, n_next) = (false, 0);
                ignored.push(index);
            }
            _ => {}
        }
        if hit && ignored.len() == before {
            ignored.push(index);
        }
    }
    ignored
}

/// Positions that are still open, of which the next one is found by leaps.
struct Open {
    /// The position itself where it is open, else one before which none is.
    next: Vec<usize>,
}

impl Open {
    fn of(n: usize) -> Self {
        Self { next: (0..n).collect() }
    }

    /// The first open position from this one on.
    fn from(&mut self, mut at: usize) -> usize {
        while let Some(&next) = self.next.get(at).filter(|next| **next != at) {
            let leap = self.next.get(next).copied().unwrap_or(next);
            if let Some(known) = self.next.get_mut(at) {
                *known = leap;
            }
            at = leap;
        }
        at
    }

    fn close(&mut self, at: usize) {
        if let Some(next) = self.next.get_mut(at) {
            *next = at + 1;
        }
    }
}

/// Which text a range is of, and its offsets there.
type Placed = (usize, usize, usize);

/// A range where it stands in a text.
struct Stretch<'a> {
    function: &'a Function,
    /// Whether it is the whole function.
    is_whole: bool,
    count: u64,
    start: usize,
    end: usize,
}

/// The ranges of all functions by the text that they are placed in.
fn stretches(
    functions: &[Function],
    place: impl Fn(&Range) -> Option<Placed>,
) -> BTreeMap<usize, Vec<Stretch<'_>>> {
    let mut by_text: BTreeMap<usize, Vec<Stretch>> = BTreeMap::new();
    for function in functions {
        for (index, range) in function.ranges.iter().enumerate() {
            if let Some((text, start, end)) = place(range) {
                let (is_whole, count) = (index == 0, range.count);
                let stretch = Stretch { function, is_whole, count, start, end };
                by_text.entry(text).or_default().push(stretch);
            }
        }
    }
    by_text
}

/// Adds a text with the ranges in it.
fn add(file: &mut FileDraft, stretches: &[Stretch<'_>], lines: &Lines) {
    let mut known: BTreeMap<Span, u32> = BTreeMap::new();
    for &Stretch { function, is_whole, count, start, end } in stretches {
        let end = end.min(lines.last());
        let touched = lines.touched(start, end);
        if touched.is_empty() {
            continue;
        }
        let first = lines.position(touched.start, start);
        let last = lines.position(touched.end - 1, end);
        let Some((start, end)) = first.zip(last) else { continue };
        let span = Span { start, end };
        let count = if lines.is_ignored(touched.start) { 1 } else { count };
        if function.is_block {
            let n = known.entry(span).or_default();
            *n += 1;
            let name = if *n > 1 { format!("range-{n}") } else { "range".to_owned() };
            file.arm(BranchKind::Branch, span, &name, "0", count);
        }
        if is_whole && !function.name.is_empty() {
            file.function(&function.name, Some(span), Some(count));
        }
    }
    for ((number, line), count) in (1u32..).zip(0..).zip(lines.counts(stretches)) {
        file.line(number, if lines.is_ignored(line) { 1 } else { count });
    }
}

/// A script, its map and the texts that it leads to.
struct Mapping<'a> {
    generated: Lines,
    map: &'a SourceMap,
    texts: &'a [Lines],
}

impl Mapping<'_> {
    /// Which original a range is of, and its offsets there; `None` if it starts and ends in
    /// different ones, or where nothing is mapped.
    fn place(&self, range: &Range) -> Option<Placed> {
        let bounds = &self.generated.bounds;
        let end = range.end.min(self.generated.last());
        let first = bounds.partition_point(|bounds| bounds.1 < range.start);
        let last = bounds.partition_point(|bounds| bounds.0 <= end).checked_sub(1)?;
        let (first_start, last_start) = (bounds.get(first)?.0, bounds.get(last)?.0);
        let from = self.map.original(first, range.start.saturating_sub(first_start))?;
        let column = end.saturating_sub(last_start);
        let before = self.map.original(last, column.saturating_sub(1).max(1))?;
        let mut until = (before.line, self.map.end(before));
        if before.source != from.source {
            return None;
        }
        if (from.line, Some(from.column)) == until {
            let after = self.map.after(last, column)?;
            until = (after.line, after.column.checked_sub(1));
        }
        let text = self.texts.get(from.source)?;
        let start = text.offset(from.line, Some(from.column));
        Some((from.source, start, text.offset(until.0, until.1)))
    }
}

fn add_mapped(draft: &mut Draft, functions: &[Function], mapping: &Mapping, paths: &[String]) {
    let stretches = stretches(functions, |range| mapping.place(range));
    for (own, (path, lines)) in paths.iter().zip(mapping.texts).enumerate() {
        add(draft.file(path), stretches.get(&own).map_or(&[], Vec::as_slice), lines);
    }
}

/// Functions of which it is not known where they are. Namesakes are told apart by their offset.
fn add_bare(file: &mut FileDraft, functions: &[Function]) {
    let mut known: BTreeMap<&str, u32> = BTreeMap::new();
    for function in functions {
        *known.entry(&function.name).or_default() += 1;
    }
    for function in functions.iter().filter(|function| !function.name.is_empty()) {
        let Some(range) = function.ranges.first() else { continue };
        let name = match known.get(function.name.as_str()) {
            Some(1) => function.name.clone(),
            _ => format!("{} at offset {}", function.name, range.start),
        };
        file.function(&name, None, Some(range.count));
    }
}

#[cfg(test)]
mod tests {
    use coverage::dump;

    use super::*;

    fn read_files(files: &[(&str, &str)]) -> (String, Vec<String>) {
        let members: Vec<Member> = files
            .iter()
            .map(|(name, text)| Member {
                name: (*name).to_owned(),
                bytes: text.as_bytes().to_vec(),
                is_companion: is_source(name, b""),
            })
            .collect();
        let mut notes = Notes::default();
        let results = read(&members.iter().collect::<Vec<_>>(), &mut notes);
        let [(_, result)] = <[_; 1]>::try_from(results).unwrap();
        let text = result.map_or_else(|error| error.to_string(), |read| dump::write(&read));
        (text, notes.all().iter().map(|note| note.what.to_string()).collect())
    }

    const DUMP: &str = r#"{"result":[{"scriptId":"1","url":"node:fs","functions":[]},
        {"scriptId":"2","url":"file:///p/a.js","functions":[
        {"functionName":"","ranges":[{"startOffset":0,"endOffset":24,"count":1}],
        "isBlockCoverage":true},
        {"functionName":"f","ranges":[{"startOffset":3,"endOffset":22,"count":2},
        {"startOffset":9,"endOffset":14,"count":0},
        {"startOffset":-5,"endOffset":99,"count":-1}],"isBlockCoverage":true},
        {"functionName":"f","ranges":[{"startOffset":15,"endOffset":17,"count":0}],
        "isBlockCoverage":false}]}]}"#;

    const SOURCE: &str = "ä\n\nf {a\r\n  {b}\n  g h\n}\n\n";

    #[test]
    fn lines_have_the_innermost_range_that_they_are_wholly_in() {
        let expected = "mode count\npackage /p - -\nfile /p/a.js\nfunction -\nline 1 1\nline 2 1\n\
                        line 3 2\nline 4 0\nline 5 2\nline 6 2\nfunction f 3.1,6.2 2\n\
                        function f 5.1,5.3 0\nbranch 1.1,6.2 range 0=1\nbranch 3.1,6.2 range 0=2\n\
                        branch 4.1,4.6 range 0=0\n";
        let (dump, notes) = read_files(&[("x/a.js", SOURCE), ("c.json", DUMP)]);
        assert_eq!((dump.as_str(), notes.len()), (expected, 0));
    }

    #[test]
    fn puppeteer_has_the_text_of_scripts() {
        let (dump, _) = read_files(&[("x/a.js", SOURCE), ("c.json", DUMP)]);
        let scripts: serde_json::Value = serde_json::from_str(DUMP).unwrap();
        let mut page = serde_json::json!([{"url": "file:///p/a.js",
            "ranges": [{"start": 0, "end": 24}], "text": SOURCE,
            "rawScriptCoverage": scripts["result"][1]}]);
        assert!((FORMAT.sniff)(br#"[{"url":"x","ranges":[{"start":0,"end":24}],"text":""#));
        assert_eq!(read_files(&[("c.json", &page.to_string())]).0, dump);
        page[0].as_object_mut().unwrap().remove("rawScriptCoverage");
        let (error, _) = read_files(&[("c.json", &page.to_string())]);
        assert!(error.contains("includeRawScriptCoverage"), "{error}");
    }

    #[test]
    fn a_byte_order_mark_counts() {
        let dump = DUMP.replace("24", "25");
        let (with, notes) =
            read_files(&[("x/a.js", &format!("\u{feff}{SOURCE}")), ("c.json", &dump)]);
        assert!(notes.is_empty(), "{notes:?}");
        assert!(with.contains("line 1 1\nline 2 1\n"), "{with}");
        let (without, notes) = read_files(&[("x/a.js", SOURCE), ("c.json", &dump)]);
        assert!(!without.contains("line 1"), "{without}");
        assert!(notes.iter().any(|note| note.contains("shorter than what ran")), "{notes:?}");
    }

    #[test]
    fn processes_are_one_profile() {
        let (dump, _) = read_files(&[("1.json", DUMP), ("2.json", DUMP), ("a.js", SOURCE)]);
        assert!(dump.contains("line 3 4\nline 4 0\nline 5 4\n"), "{dump}");
        assert!(dump.contains("branch 4.1,4.6 range 0=0\n"), "{dump}");
    }

    #[test]
    fn scripts_without_text_have_functions() {
        let expected = "mode count\npackage /p - -\nfile /p/a.js\nfunction f%20at%20offset%2015 - 0\n\
                        function f%20at%20offset%203 - 2\n";
        let (dump, notes) = read_files(&[("c.json", DUMP)]);
        assert_eq!((dump.as_str(), notes.len()), (expected, 1));
        let (other, notes) = read_files(&[("c.json", DUMP), ("a.js", "f()")]);
        assert_eq!((other.as_str(), notes.len()), (expected, 2));
        assert!(notes[0].contains("another version"), "{notes:?}");
    }

    #[test]
    fn maps_lead_to_originals() {
        // `let f = () => 1;` of the second line of a.ts is the first of a.js.
        let text = r#"{"result":[{"scriptId":"2","url":"file:///p/out/a.js","functions":[
            {"functionName":"","ranges":[{"startOffset":0,"endOffset":12,"count":1}],
            "isBlockCoverage":true},
            {"functionName":"f","ranges":[{"startOffset":4,"endOffset":11,"count":0}],
            "isBlockCoverage":true}]}],"source-map-cache":{"file:///p/out/a.js":{
            "lineLengths":[12],"data":{"version":3,"sources":["../src/a.ts"],
            "mappings":"AACA,IAAO"}}}}"#;
        let (dump, notes) = read_files(&[("c.json", text), ("src/a.ts", "//\nlet f: F = g\n//\n")]);
        let expected = "mode count\npackage /p/src - -\nfile /p/src/a.ts\nfunction -\nline 1 1\n\
                        line 2 1\nline 3 1\nfunction f 2.8,2.13 0\nbranch 2.1,2.13 range 0=1\n\
                        branch 2.8,2.13 range 0=0\n";
        assert_eq!((dump.as_str(), notes.len()), (expected, 0));
        let (dump, notes) = read_files(&[("c.json", text)]);
        assert!(dump.contains("line 2 1\n") && !dump.contains("line 3"), "{dump}");
        assert!(notes[0].contains("originals without their text"), "{notes:?}");
    }

    #[test]
    fn comments_ignore_lines() {
        let text = "a\n/* c8 ignore next */\nb\nc\nd; /* v8 ignore next */\ne\n\
                    /* c8 ignore next 2 */\nf\ng\nh\n/* c8 ignore start */\ni\nj\n\
                    /* c8 ignore stop */\nk\n/* node:coverage disable */\nl\n\
                    /* node:coverage enable */ /* c8 says */\nm";
        assert_eq!(ignored(text), [1, 2, 4, 6, 7, 8, 10, 11, 12, 13, 15, 16, 17]);
    }

    #[test]
    fn what_is_only_of_node_is_refused() {
        let text = r#"{"result":[{"scriptId":"1","url":"node:fs","functions":[]}]}"#;
        let (error, _) = read_files(&[("c.json", text)]);
        assert_eq!(error, "no script in it has a URL of its own: only Node.js itself ran");
    }
}
