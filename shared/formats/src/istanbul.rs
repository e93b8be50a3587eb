//! Istanbul's `coverage-final.json`, as nyc, c8, Jest, Vitest, Karma and Cypress write it.
//!
//! ```text
//! { "/src/a.js": { "path": "/src/a.js",
//!     "statementMap": { "0": LOC, … },                      "s": { "0": 7, … },
//!     "fnMap": { "0": { "name", "decl": LOC, "loc": LOC }},  "f": { "0": 7, … },
//!     "branchMap": { "0": { "type", "loc": LOC, "locations": [LOC, …] }}, "b": { "0": [7, 0] } } }
//! LOC = { "start": { "line": 3, "column": 0 }, "end": { "line": 3, "column": 9 } }
//! ```
//!
//! Spec: `istanbuljs/istanbuljs`, `packages/istanbul-lib-instrument` and `istanbul-lib-coverage`.
//! Lines are 1-based; columns are 0-based UTF-16 code units, end exclusive. Here they are 1-based
//! code units: without the source they can't be turned into bytes. A column that is `null`, for
//! infinity, is the end of the line.
//!
//! Statements, functions and arms are counted as they are. A line has the highest count of the
//! statements that start on it, as Istanbul says. So totals are those of Istanbul's own summary.
//! What a place is called in the file, `"0"`, depends on who instrumented it and is not kept: a
//! statement is its place, a branch its place and type, an arm its place, or its number where it
//! has none of its own. What a comment ignores is not listed, or, before Istanbul 1.0, listed with
//! `"skip": true`, and then counts as covered.
//!
//! What the model can't keep: `inputSourceMap` (positions are then of the generated code, which a
//! note says), which part of a function is its name, and the truth counts `bT`.

use std::collections::{BTreeMap, HashMap};
use std::fmt::Write as _;

use coverage::{BranchKind, FunctionIdx, Mode, Position, Profile, Span, UnitIdx, UnitKind};
use serde::Deserialize;

use crate::draft::{Draft, FileDraft, Names};
use crate::json::{self, Number, Pairs};
use crate::{Format, Notes, Place, Read, ReadError, Write, text};

/// The format.
pub const FORMAT: Format = Format {
    id: "istanbul",
    name: "Istanbul coverage-final.json",
    extensions: &["json"],
    sniff: |head| json::sniff(head, &["\"statementMap\""]),
    read: Read::File(read),
    write: Some(Write {
        files: |profile| vec![("coverage-final.json".to_owned(), write(profile).into_bytes())],
        blocks: false,
        keeps: &["statements", "branches", "functions"],
    }),
};

/// A file's coverage, or what wraps it.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Entry {
    path: Option<String>,
    statement_map: Option<Pairs<Loc>>,
    #[serde(default)]
    fn_map: Pairs<Function>,
    #[serde(default)]
    branch_map: Pairs<Branch>,
    #[serde(default)]
    s: Pairs<Number>,
    #[serde(default)]
    f: Pairs<Number>,
    #[serde(default)]
    b: Pairs<Vec<Number>>,
    input_source_map: Option<serde::de::IgnoredAny>,
    data: Option<Box<Entry>>,
}

#[derive(Deserialize)]
struct Function {
    #[serde(default)]
    name: String,
    decl: Option<Loc>,
    loc: Option<Loc>,
    line: Option<Number>,
    #[serde(default)]
    skip: bool,
}

#[derive(Deserialize)]
struct Branch {
    #[serde(default, rename = "type")]
    kind: String,
    loc: Option<Loc>,
    #[serde(default)]
    locations: Vec<Option<Loc>>,
    line: Option<Number>,
}

#[derive(Deserialize, Clone, Copy, Default)]
struct Loc {
    #[serde(default)]
    start: Option<Point>,
    #[serde(default)]
    end: Option<Point>,
    #[serde(default)]
    skip: bool,
}

#[derive(Deserialize, Clone, Copy, Default)]
struct Point {
    #[serde(default)]
    line: Number,
    #[serde(default)]
    column: Number,
}

impl Loc {
    /// The place, unless there is none, as for an `else` that is not written.
    fn span(self) -> Option<Span> {
        let start = self.start.unwrap_or_default();
        let end = self.end.unwrap_or_default();
        let line = start.line.position()?;
        let column = |point: Point| point.column.position().map(|column| column.saturating_add(1));
        let last = end.line.position().unwrap_or(line);
        let end = match column(end) {
            Some(column) => Position { line: last, column },
            None => Position { line: last.saturating_add(1), column: 1 },
        };
        Some(Span { start: Position { line, column: column(start).unwrap_or(1) }, end })
    }
}

/// A file whose coverage may be wrapped, as some programs that pass it on do.
#[derive(Deserialize)]
struct Wrapped {
    data: Pairs<Entry>,
}

/// The profile in these bytes: files by path, which is what they say of themselves rather than
/// their key. Files that are listed again are added.
///
/// # Errors
/// Line and column of what is no JSON or not of this shape; no file with coverage.
pub fn read(name: &str, bytes: &[u8], notes: &mut Notes) -> Result<Profile, ReadError> {
    let mut files = json::parse::<Pairs<Entry>>(bytes)?.0;
    if let [(key, entry)] = &files[..]
        && key == "data"
        && entry.statement_map.is_none()
        && entry.data.is_none()
    {
        files = json::parse::<Wrapped>(bytes)?.data.0;
    }
    let mut draft = Draft::default();
    for (key, mut entry) in files {
        if let Some(data) = entry.data.take() {
            entry = *data;
        }
        let Some(statements) = entry.statement_map.take() else {
            notes.add(name, format!("{key}: no statementMap, so not the coverage of a file"));
            continue;
        };
        let path = entry.path.take().filter(|path| !path.is_empty()).unwrap_or(key);
        if entry.input_source_map.is_some() {
            let note = "has a source map that is not applied: lines are those of generated code";
            notes.add(name, format!("{path}: {note}"));
        }
        let mut doubts = Doubts::default();
        let file = draft.file(&text::path_of_url(&path));
        add(file, &path, &statements, &entry, &mut doubts)?;
        doubts.tell(name, &path, notes);
    }
    if draft.is_empty() {
        return Err(ReadError::malformed(Place::Whole, "no file in it has a statementMap"));
    }
    Ok(draft.finish(Mode::Count, name, notes))
}

/// Rows that say less than they should, by what is wrong with them.
#[derive(Default)]
struct Doubts {
    n_uncounted: u64,
    n_unknown: u64,
    n_unplaced: u64,
    n_uneven: u64,
}

impl Doubts {
    fn tell(&self, name: &str, path: &str, notes: &mut Notes) {
        for (n, what) in [
            (self.n_uncounted, "statements, functions or branches without counts are left out"),
            (self.n_unknown, "counts of statements, functions or branches that it does not list"),
            (self.n_unplaced, "statements, functions or branches without a line are left out"),
            (self.n_uneven, "branches with more or fewer counts than arms: the counts are taken"),
        ] {
            if n > 0 {
                notes.add(name, format!("{path}: {n} {what}"));
            }
        }
    }

    /// Each row of a map with its counts. Both mostly stand in the same order.
    fn join<'a, M, C>(&mut self, map: &'a Pairs<M>, counts: &'a Pairs<C>) -> Vec<(&'a M, &'a C)> {
        let mut rows = Vec::with_capacity(map.0.len());
        let mut by_key: Option<HashMap<&str, &C>> = None;
        for (index, (key, row)) in map.0.iter().enumerate() {
            let count = match counts.0.get(index) {
                Some((same, count)) if same == key => Some(count),
                _ => {
                    let all = || counts.0.iter().map(|(key, count)| (key.as_str(), count));
                    by_key.get_or_insert_with(|| all().collect()).get(key.as_str()).copied()
                }
            };
            match count {
                Some(count) => rows.push((row, count)),
                None => self.n_uncounted += 1,
            }
        }
        self.n_unknown += counts.0.len().saturating_sub(rows.len()) as u64;
        rows
    }
}

fn add(
    file: &mut FileDraft,
    path: &str,
    statements: &Pairs<Loc>,
    entry: &Entry,
    doubts: &mut Doubts,
) -> Result<(), ReadError> {
    let at = |what: &str, span: Option<Span>| match span {
        Some(span) => format!("{path}: line {}, {what}", span.start.line),
        None => format!("{path}: {what}"),
    };
    let mut lines: BTreeMap<u32, u64> = BTreeMap::new();
    for (loc, &count) in doubts.join(statements, &entry.s) {
        let count = count.count(|| at("statement", loc.span()))?.max(u64::from(loc.skip));
        let Some(span) = loc.span() else {
            doubts.n_unplaced += 1;
            continue;
        };
        let line = lines.entry(span.start.line).or_default();
        *line = count.max(*line);
        file.statement(span, count);
    }
    for (line, count) in lines {
        file.line(line, count);
    }
    for (function, &count) in doubts.join(&entry.fn_map, &entry.f) {
        let decl = function.decl.and_then(Loc::span);
        let loc = function.loc.and_then(Loc::span);
        let line = function.line.and_then(Number::position);
        let span = match (decl, loc) {
            (Some(decl), Some(loc)) => {
                Some(Span { start: decl.start.min(loc.start), end: loc.end.max(decl.end) })
            }
            (decl, loc) => decl.or(loc).or(line.map(Span::line)),
        };
        let count = count.count(|| at(&format!("function {}", function.name), span))?;
        let count = count.max(u64::from(function.skip));
        file.function(&function.name, span, Some(count));
    }
    let mut names = Names::default();
    for (branch, counts) in doubts.join(&entry.branch_map, &entry.b) {
        let arms: Vec<_> = branch.locations.iter().map(|loc| loc.and_then(Loc::span)).collect();
        let line = branch.line.and_then(Number::position);
        let first = arms.iter().flatten().next().copied();
        let own = branch.loc.and_then(Loc::span);
        let Some(span) = own.or(first).or(line.map(Span::line)) else {
            doubts.n_unplaced += 1;
            continue;
        };
        doubts.n_uneven += u64::from(counts.len() != arms.len());
        // Several of a place come of code that a tool made out of one place.
        let name = names.unique(span, &branch.kind);
        let mut n_arms: BTreeMap<Span, u32> = BTreeMap::new();
        arms.iter().flatten().for_each(|place| *n_arms.entry(*place).or_default() += 1);
        for (index, &count) in counts.iter().enumerate() {
            let place = arms.get(index).copied().flatten();
            let place = place.filter(|place| *place != span && n_arms.get(place) == Some(&1));
            let label = place.map_or_else(|| index.to_string(), |place| place.to_string());
            let skip =
                branch.locations.get(index).is_some_and(|loc| loc.is_some_and(|loc| loc.skip));
            let count = count.count(|| at(&format!("{name}, arm {index}"), Some(span)))?;
            let count = count.max(u64::from(skip));
            file.arm(BranchKind::Branch, span, &name, &label, count);
        }
    }
    Ok(())
}

/// The profile as JSON, files by path. A file without statements has its lines as statements, and
/// one without those its regions.
pub fn write(profile: &Profile) -> String {
    let mut files: BTreeMap<&str, Rows> = BTreeMap::new();
    let shape = profile.shape();
    for file in shape.files() {
        files.entry(file.path.as_str()).or_default();
    }
    let path_of = |file: coverage::FileIdx| shape.file(file).path.as_str();
    for (index, function) in (0u32..).zip(shape.functions()) {
        let Some(rows) = files.get_mut(path_of(function.file)) else { continue };
        for unit_idx in function.units.clone().map(UnitIdx) {
            let unit = shape.unit(unit_idx);
            rows.units.push((unit.kind, unit.span, profile.count(unit_idx)));
        }
        let function_idx = FunctionIdx(index);
        let first = function.units.clone().next().map(UnitIdx);
        if function.counted || !(function.name.is_empty() || first.is_none()) {
            let entry = || first.map_or(0, |unit| profile.count(unit));
            let count = profile.function_count(function_idx).unwrap_or_else(entry);
            let count = count.max(u64::from(profile.function_hit(function_idx)));
            let span = function.span.or(first.map(|unit| shape.unit(unit).span));
            rows.functions.push((span.unwrap_or(Span::line(1)), &function.name, count));
        }
    }
    for branch in shape.branches().iter().filter(|branch| branch.kind == BranchKind::Branch) {
        let Some(rows) = files.get_mut(path_of(branch.file)) else { continue };
        let arms = shape.arms_of(branch).map(|(label, arm)| {
            let count = profile.arm_counts().get(arm).copied().unwrap_or(0);
            (label, count)
        });
        rows.branches.push((branch.span, shape.label(branch.name), arms.collect()));
    }
    let mut out = String::from("{");
    for (index, (path, rows)) in files.into_iter().enumerate() {
        out.push_str(if index > 0 { ",\n" } else { "\n" });
        rows.write(&mut out, path);
    }
    out.push_str("\n}\n");
    out
}

/// Labels and counts.
type Arms<'a> = Vec<(&'a str, u64)>;

/// What is written of a file.
#[derive(Default)]
struct Rows<'a> {
    units: Vec<(UnitKind, Span, u64)>,
    functions: Vec<(Span, &'a str, u64)>,
    branches: Vec<(Span, &'a str, Arms<'a>)>,
}

impl Rows<'_> {
    fn write(mut self, out: &mut String, path: &str) {
        let kinds = [UnitKind::Statement, UnitKind::Line, UnitKind::Region, UnitKind::Block];
        let has = |kind: &UnitKind| self.units.iter().any(|unit| unit.0 == *kind);
        let kind = kinds.into_iter().find(has);
        self.units.retain(|unit| Some(unit.0) == kind);
        self.units.sort_unstable();
        self.functions.sort_unstable();
        self.branches.sort_unstable();
        let path = json::quoted(path);
        let _ = write!(out, "{path}:{{\"path\":{path},\"statementMap\":{{");
        list(out, &self.units, |(_, span, _)| loc(*span));
        out.push_str("},\"fnMap\":{");
        list(out, &self.functions, |(span, name, _)| {
            let name = json::quoted(name);
            let (loc, line) = (loc(*span), span.start.line);
            format!("{{\"name\":{name},\"decl\":{loc},\"loc\":{loc},\"line\":{line}}}")
        });
        out.push_str("},\"branchMap\":{");
        list(out, &self.branches, |(span, name, arms)| {
            let places: Vec<_> =
                arms.iter().map(|(label, _)| loc(place(label).unwrap_or(*span))).collect();
            format!(
                "{{\"loc\":{},\"type\":{},\"locations\":[{}],\"line\":{}}}",
                loc(*span),
                json::quoted(name),
                places.join(","),
                span.start.line
            )
        });
        out.push_str("},\"s\":{");
        list(out, &self.units, |(.., count)| count.to_string());
        out.push_str("},\"f\":{");
        list(out, &self.functions, |(.., count)| count.to_string());
        out.push_str("},\"b\":{");
        list(out, &self.branches, |(.., arms)| {
            let counts: Vec<_> = arms.iter().map(|(_, count)| count.to_string()).collect();
            format!("[{}]", counts.join(","))
        });
        out.push_str("}}");
    }
}

fn list<T>(out: &mut String, rows: &[T], mut value: impl FnMut(&T) -> String) {
    for (index, row) in rows.iter().enumerate() {
        let comma = if index > 0 { "," } else { "" };
        let _ = write!(out, "{comma}\"{index}\":{}", value(row));
    }
}

fn loc(Span { start, end }: Span) -> String {
    let point = |Position { line, column }: Position| {
        format!("{{\"line\":{line},\"column\":{}}}", column.saturating_sub(1))
    };
    format!("{{\"start\":{},\"end\":{}}}", point(start), point(end))
}

/// The place that the label of an arm tells.
fn place(label: &str) -> Option<Span> {
    let point = |text: &str| {
        let (line, column) = text.split_once('.')?;
        Some((line.parse().ok()?, column.parse().ok()?))
    };
    let (start, end) = label.split_once(',')?;
    let ((start_line, start_column), (end_line, end_column)) = (point(start)?, point(end)?);
    Some(Span::new(start_line, start_column, end_line, end_column))
}

#[cfg(test)]
mod tests {
    use coverage::{Metrics, dump};

    use super::*;

    fn read_text(text: &str) -> (String, Vec<String>) {
        let mut notes = Notes::default();
        let profile = read("x", text.as_bytes(), &mut notes).unwrap();
        let notes = notes.all().iter().map(|note| note.what.to_string()).collect();
        (dump::write(&profile), notes)
    }

    #[test]
    fn what_is_skipped_is_covered() {
        let place = r#""start":{"line":1,"column":0},"end":{"line":1,"column":9}"#;
        let text = format!(
            r#"{{"a.js":{{"path":"a.js","statementMap":{{"1":{{{place},"skip":true}}}},"s":{{"1":0}},
            "fnMap":{{"1":{{"name":"f","line":1,"loc":{{{place}}},"skip":true}}}},"f":{{"1":0}},
            "branchMap":{{"1":{{"line":1,"type":"if","locations":[{{{place},"skip":true}},{{{place}}}]}}}},
            "b":{{"1":[0,0]}}}}}}"#
        );
        let (dump, notes) = read_text(&text);
        assert!(notes.is_empty(), "{notes:?}");
        let metrics = Metrics::of(&dump::parse(&dump).unwrap());
        let covered = |name| (metrics.named(name).covered, metrics.named(name).total);
        assert_eq!([covered("lines"), covered("statements"), covered("functions")], [(1, 1); 3]);
        assert_eq!(covered("branches"), (1, 2));
    }

    const FILE: &str = r#"{"path":"file:///s/a.js","statementMap":{
        "0":{"start":{"line":1,"column":0},"end":{"line":1,"column":null}},
        "1":{"start":{"line":1,"column":4},"end":{"line":2,"column":3}},
        "2":{"start":{"line":4,"column":2},"end":{"line":4,"column":9}}},
        "s":{"1":3,"0":1,"2":0},
        "fnMap":{"0":{"name":"f","decl":{"start":{"line":1,"column":9},
        "end":{"line":1,"column":10}},"loc":{"start":{"line":1,"column":12},
        "end":{"line":9,"column":1}}}},"f":{"0":2},
        "branchMap":{"0":{"type":"if","line":4,"locations":[
        {"start":{"line":4,"column":2},"end":{"line":4,"column":9}},{"start":{},"end":{}}]},
        "1":{"type":"if","locations":[{"start":{},"end":{}}]}},
        "b":{"0":[2,5,1],"1":[1],"7":[1]}}"#;

    const DUMP: &str = "mode count\npackage /s - -\nfile /s/a.js\nfunction -\nline 1 3\nline 4 0\n\
        statement 1 1\nstatement 1.5,2.4 3\nstatement 4.3,4.10 0\nfunction f 1.10,9.2 2\n\
        branch 4.3,4.10 if 0=2 1=5 2=1\n";

    #[test]
    fn counts_below_zero_are_refused() {
        for (from, to, what) in [
            ("\"2\":0}", "\"2\":-1}", "line 4, statement: count -1"),
            ("\"f\":{\"0\":2}", "\"f\":{\"0\":-2}", "line 1, function f: count -2"),
            ("[2,5,1]", "[2,-5,1]", "line 4, if, arm 1: count -5"),
        ] {
            assert!(FILE.contains(from), "{from}");
            let text = format!("{{\"a\":{}}}", FILE.replace(from, to));
            let error = read("x", text.as_bytes(), &mut Notes::default()).unwrap_err();
            let why = "is below zero: its counter wrapped or was overwritten";
            assert_eq!(error.to_string(), format!("file:///s/a.js: {what} {why}"));
        }
    }

    #[test]
    fn what_is_missing_or_too_much_is_told() {
        let (dump, notes) = read_text(&format!("{{\"/s/a.js\":{FILE}}}"));
        assert_eq!(dump, DUMP);
        assert_eq!(
            notes,
            [
                "file:///s/a.js: 1 counts of statements, functions or branches that it does not \
                 list",
                "file:///s/a.js: 1 statements, functions or branches without a line are left out",
                "file:///s/a.js: 1 branches with more or fewer counts than arms: the counts are \
                 taken",
            ]
        );
    }

    #[test]
    fn wrappers_are_taken_off() {
        for text in [
            format!("{{\"k\":{{\"data\":{FILE}}}}}"),
            format!("{{\"data\":{{\"k\":{FILE}}}}}"),
            format!("{{\"data\":{FILE}}}"),
        ] {
            assert_eq!(read_text(&text).0, DUMP, "{text}");
        }
    }

    #[test]
    fn arms_are_their_places() {
        let text = r#"{"a.js":{"path":"a.js","statementMap":{},"s":{},"fnMap":{},"f":{},
            "branchMap":{"3":{"type":"cond-expr","loc":{"start":{"line":1,"column":0},
            "end":{"line":1,"column":9}},"locations":[
            {"start":{"line":1,"column":4},"end":{"line":1,"column":5}},
            {"start":{"line":1,"column":8},"end":{"line":1,"column":9}}]}},"b":{"3":[1,0]}}}"#;
        let (dump, notes) = read_text(text);
        assert!(dump.ends_with("branch 1.1,1.10 cond-expr 1.5,1.6=1 1.9,1.10=0\n"), "{dump}");
        assert!(notes.is_empty());
        let profile = dump::parse(&dump).unwrap();
        assert_eq!(read_text(&write(&profile)).0, dump);
    }

    #[test]
    fn lines_are_written_as_statements() {
        let dump = "mode count\npackage p - -\nfile p/a.c\nfunction -\nline 1 4\nline 2 0\n\
                    function f 1 2\nbranch 1 0 -=1 -=0\nbranch 2 - 1/3\n";
        let profile = dump::parse(dump).unwrap();
        let (again, _) = read_text(&write(&profile));
        assert_eq!(
            again,
            "mode count\npackage p - -\nfile p/a.c\nfunction -\nline 1 4\nline 2 0\n\
             statement 1 4\nstatement 2 0\nfunction f 1 2\nbranch 1 0 0=1 1=0\n\
             branch 2 - 0=1 1=0 2=0\n"
        );
        assert_eq!(Metrics::of(&dump::parse(&again).unwrap()).branches.total, 5);
    }

    #[test]
    fn what_is_no_coverage_is_refused() {
        let fails =
            |text: &str| read("", text.as_bytes(), &mut Notes::default()).unwrap_err().to_string();
        assert_eq!(fails("{}"), "no file in it has a statementMap");
        assert_eq!(
            fails("{\"a\":{\"statementMap\":7}}"),
            "line 1, column 22: invalid type: integer `7`, expected an object"
        );
        assert!(fails("{\"a\":{\"statementMap\":{").starts_with("line 1, column 22: EOF"));
    }
}
