//! Coverage as `llvm-cov export` writes it, and `cargo llvm-cov --json`: versions 2 and 3.
//!
//! ```text
//! {"data": [{
//!    "files": [{"filename": …,
//!       "segments": [[line, column, count, has count, is entry, is gap], …],
//!       "branches": [[4 of place, true, false, file, expanded file, kind], …],
//!       "mcdc_records": [[4 of place, …, kind, [pair of each condition], …], …],
//!       "expansions": [what macros' uses hold], "summary": {…}}],
//!    "functions": [{"name": …, "count": …, "filenames": […], "branches", "mcdc_records",
//!       "regions": [[4 of place, count, file, expanded file, kind], …]}],
//!    "totals": {…}}],
//!  "type": "llvm.coverage.json.export", "version": "3.1.0"}
//! ```
//!
//! Described in LLVM's `llvm/tools/llvm-cov/CoverageExporterJson.cpp`. Functions give everything as
//! `llvm_report` says, lines by the rule of `llvm_lines`. Rows of MC/DC have 7 items in version 2.0, 10 in 3.0
//! and 11 in 3.1. Exported with `-skip-functions`, there are no functions and regions, lines
//! come of the files' segments, and branches of instantiations are one branch; with `-summary-only`, there is nothing to read.
//!
//! Not kept: single instantiations, what a macro's uses differ in by line, test vectors, and
//! which outcomes of a branch are constant: a file does not say. Where it has more than its summary
//! counts, since LLVM 20, those of the shortest conditions are taken for constants.

use std::collections::HashMap;
use std::fmt;

use coverage::{Mode, Profile};
use serde::Deserialize;
use serde::de::{Deserializer, IgnoredAny, SeqAccess, Visitor};

use crate::llvm_lines::{Kind, Segment, line_budget, lines};
use crate::llvm_report::{Branching, Decision, Record, Region, Report, compare};
use crate::{Format, Notes, Place, Read, ReadError, json, limits, text};

/// The format.
pub const FORMAT: Format = Format {
    id: "llvm_json",
    name: "LLVM JSON export",
    extensions: &["json"],
    sniff,
    read: Read::File(read),
    write: None,
};

/// What `type` says.
const TYPE: &str = "llvm.coverage.json.export";

/// Kind of a branch that is a condition of a decision.
const CONDITION: u64 = 6;

/// Keys are sorted, so that the type stands at the end of what LLVM writes.
fn sniff(head: &[u8]) -> bool {
    let head = text::decode(head);
    let start: String = head.chars().filter(|c| !c.is_whitespace()).take(64).collect();
    start.starts_with(r#"{"data":[{"files":["#) || (start.starts_with('{') && head.contains(TYPE))
}

#[derive(Deserialize)]
struct Root {
    data: Vec<Export>,
    r#type: String,
    version: String,
}

#[derive(Deserialize)]
struct Export {
    files: Vec<File>,
    functions: Option<Vec<Function>>,
    totals: Option<Summary>,
}

#[derive(Deserialize)]
struct File {
    filename: String,
    segments: Option<Vec<Row<6>>>,
    #[serde(default)]
    branches: Vec<Row<9>>,
    #[serde(default)]
    mcdc_records: Vec<DecisionRow>,
    summary: Option<Summary>,
}

#[derive(Deserialize)]
struct Function {
    name: String,
    count: Number,
    #[serde(default)]
    filenames: Vec<String>,
    #[serde(default)]
    regions: Vec<Row<8>>,
    #[serde(default)]
    branches: Vec<Row<9>>,
    #[serde(default)]
    mcdc_records: Vec<DecisionRow>,
}

#[derive(Deserialize, Default, Clone, Copy)]
struct Summary {
    #[serde(default)]
    lines: Total,
    #[serde(default)]
    functions: Total,
    #[serde(default)]
    regions: Total,
    #[serde(default)]
    branches: Total,
    #[serde(default)]
    mcdc: Total,
}

#[derive(Deserialize, Default, Clone, Copy)]
struct Total {
    count: u64,
    covered: u64,
}

impl Summary {
    fn all(&self) -> [(&'static str, u64, u64); 5] {
        let row = |metric, total: Total| (metric, total.count, total.covered);
        [
            row("lines", self.lines),
            row("functions", self.functions),
            row("regions", self.regions),
            row("branches", self.branches),
            row("conditions", self.mcdc),
        ]
    }
}

/// The profile in these bytes.
///
/// # Errors
/// Where and why it is none, or that the file holds nothing but totals.
pub fn read(name: &str, bytes: &[u8], notes: &mut Notes) -> Result<Profile, ReadError> {
    let root: Root = json::parse(bytes)?;
    if root.r#type != TYPE {
        return Err(ReadError::malformed(Place::Whole, format!("its type is not {TYPE}")));
    }
    if !(root.version.starts_with("2.") || root.version.starts_with("3.")) {
        let reason = format!("version {} of the export is not read, 2 and 3 are", root.version);
        return Err(ReadError::unsupported(Place::Whole, reason));
    }
    let n_files: usize = root.data.iter().map(|export| export.files.len()).sum();
    if n_files > 0
        && root.data.iter().flat_map(|export| &export.files).all(|file| file.segments.is_none())
    {
        let totals = root.data.iter().filter_map(|export| export.totals.as_ref());
        let totals = totals.flat_map(Summary::all).filter(|(_, total, _)| *total > 0);
        let totals: Vec<_> =
            totals.map(|(metric, total, hit)| format!("{hit} of {total} {metric}")).collect();
        let reason = format!(
            "it only has totals ({}), and no lines: export it without -summary-only",
            totals.join(", ")
        );
        return Err(ReadError::unsupported(Place::Whole, reason));
    }
    let n_segments = |file: &File| file.segments.as_ref().map_or(0, Vec::len);
    let mut budget =
        line_budget(root.data.iter().flat_map(|export| &export.files).map(n_segments).sum());
    let mut report = Report::default();
    let mut totals = Vec::new();
    let whole = root.data.len() == 1;
    for export in root.data {
        let has_functions = export.functions.is_some();
        if !has_functions {
            let Summary { functions, regions, .. } = export.totals.unwrap_or_default();
            let note = format!(
                "exported with -skip-functions, so that functions ({} of {}) and regions ({} of {}) \
                 are not in it",
                functions.covered, functions.count, regions.covered, regions.count
            );
            notes.add(name, note);
        }
        totals.extend(export.totals);
        for file in export.files {
            let at = report.file(&file.filename);
            let segments = segments(&file.segments.unwrap_or_default());
            let found = lines(&segments, &mut budget)?;
            if let Some(summary) =
                file.summary.filter(|summary| whole && summary.branches.count > 0)
            {
                report.n_outcomes(at, summary.branches.count);
            }
            if !has_functions {
                let branches = branches_of_file(&file.branches, &found, &segments);
                report.outcomes(at, branches, decisions_of_file(file.mcdc_records));
            }
            report.lines(at, found);
        }
        for function in export.functions.unwrap_or_default() {
            let record = record(function, &mut report)?;
            report.add(record);
        }
    }
    let profile = report.finish(Mode::Count, name, notes);
    if let ([summary], true) = (&totals[..], whole) {
        compare(&profile, &summary.all(), name, notes);
    }
    Ok(profile)
}

fn segments(rows: &[Row<6>]) -> Vec<Segment> {
    let mut segments: Vec<Segment> = rows
        .iter()
        .map(|&Row([line, column, count, has_count, is_entry, is_gap])| Segment {
            at: (small(line), small(column)),
            count,
            has_count: has_count > 0,
            is_entry: is_entry > 0,
            is_gap: is_gap > 0,
        })
        .collect();
    segments.sort_by_key(|segment| segment.at.0);
    segments
}

fn record(function: Function, report: &mut Report) -> Result<Record, ReadError> {
    let Function { name, count: Number(count), filenames, regions, branches, mcdc_records } =
        function;
    let files = filenames.iter().map(|path| report.file(path)).collect();
    let mut record = Record { name, count, files, ..Record::default() };
    for Row([line, column, end_line, end_column, count, file, expanded, kind]) in regions {
        let kind = match kind {
            0 => Kind::Code,
            1 => Kind::Expansion,
            2 => Kind::Skipped,
            3 => Kind::Gap,
            _ => {
                let reason = format!("a region of function {:?} is of kind {kind}", record.name);
                return Err(ReadError::unsupported(Place::Whole, reason));
            }
        };
        record.regions.push(Region {
            start: (small(line), small(column)),
            end: (small(end_line), small(end_column)),
            count,
            file: small(file),
            expanded: small(expanded),
            kind,
        });
    }
    record.decisions = mcdc_records.into_iter().map(DecisionRow::decision).collect();
    // Conditions are branches too, but for constants, so that a decision without has no others.
    let conditions = || branches.iter().filter(|Row(row)| row.last() == Some(&CONDITION));
    let uses = |row: &Region| row.kind == Kind::Expansion;
    let n_pairs = record.decisions.len().saturating_mul(branches.len() + record.regions.len());
    for decision in record.decisions.iter_mut().take_while(|_| n_pairs <= limits::VECTORS) {
        let holds = |start, end| decision.start <= start && end <= decision.end;
        if !conditions().map(branching).any(|row| holds(row.start, row.end))
            && !record.regions.iter().any(|row| uses(row) && holds(row.start, row.end))
        {
            decision.conditions.fill(None);
        }
    }
    record.branches = branches.iter().map(branching).collect();
    Ok(record)
}

fn branching(&Row([line, column, end_line, end_column, yes, no, file, ..]): &Row<9>) -> Branching {
    Branching {
        start: (small(line), small(column)),
        end: (small(end_line), small(end_column)),
        file: small(file),
        outcomes: [Some(yes), Some(no)],
    }
}

/// Branches that a file lists, those of instantiations as one. A branch that ran, but took neither
/// way, is a constant.
fn branches_of_file(rows: &[Row<9>], lines: &[(u32, u64)], segments: &[Segment]) -> Vec<Branching> {
    let mut branches: Vec<Branching> = Vec::new();
    let mut known = HashMap::new();
    for row in rows.iter().map(branching) {
        let at = *known.entry((row.start, row.end)).or_insert(branches.len());
        match branches.get_mut(at) {
            Some(same) => {
                for (sum, count) in same.outcomes.iter_mut().zip(row.outcomes) {
                    *sum = sum.zip(count).map(|(a, b)| a.saturating_add(b));
                }
            }
            None => branches.push(row),
        }
    }
    let ran = |row: &Branching| {
        let before = segments.partition_point(|segment| segment.at <= row.start);
        let around = before.checked_sub(1).and_then(|last| segments.get(last));
        let is_line = lines.binary_search_by_key(&row.start.0, |line| line.0).is_ok();
        is_line && around.is_some_and(|segment| segment.has_count && segment.count > 0)
    };
    branches.retain(|row| row.outcomes != [Some(0), Some(0)] || !ran(row));
    branches
}

/// Decisions that a file lists, those of instantiations as one.
fn decisions_of_file(rows: Vec<DecisionRow>) -> Vec<Decision> {
    let mut decisions: Vec<Decision> = Vec::new();
    let mut known = HashMap::new();
    for row in rows.into_iter().map(DecisionRow::decision) {
        let at = *known.entry((row.start, row.end)).or_insert(decisions.len());
        match decisions.get_mut(at) {
            Some(same) => {
                for (pair, other) in same.conditions.iter_mut().zip(row.conditions) {
                    *pair = (*pair).max(other);
                }
            }
            None => decisions.push(row),
        }
    }
    decisions
}

fn small(number: u64) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

/// A count, or another number of a row. None is below zero.
struct Number(u64);

impl<'de> Deserialize<'de> for Number {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct NumberVisitor;
        impl Visitor<'_> for NumberVisitor {
            type Value = Number;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a whole number, true or false")
            }
            fn visit_u64<E>(self, count: u64) -> Result<Number, E> {
                Ok(Number(count))
            }
            fn visit_i64<E: serde::de::Error>(self, count: i64) -> Result<Number, E> {
                u64::try_from(count)
                    .map(Number)
                    .map_err(|_| E::custom(ReadError::negative(Place::Whole, "a row", count)))
            }
            fn visit_bool<E>(self, yes: bool) -> Result<Number, E> {
                Ok(Number(u64::from(yes)))
            }
        }
        deserializer.deserialize_any(NumberVisitor)
    }
}

/// The first numbers of a row; what is missing is 0, what follows is not looked at.
struct Row<const N: usize>([u64; N]);

impl<'de, const N: usize> Deserialize<'de> for Row<N> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct RowVisitor<const N: usize>;
        impl<'de, const N: usize> Visitor<'de> for RowVisitor<N> {
            type Value = Row<N>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an array of five numbers or more")
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Row<N>, A::Error> {
                let mut row = [0; N];
                for (index, item) in row.iter_mut().enumerate() {
                    match items.next_element()? {
                        Some(Number(number)) => *item = number,
                        None if index < 5 => {
                            return Err(serde::de::Error::invalid_length(index, &self));
                        }
                        None => return Ok(Row(row)),
                    }
                }
                while items.next_element::<IgnoredAny>()?.is_some() {}
                Ok(Row(row))
            }
        }
        deserializer.deserialize_seq(RowVisitor)
    }
}

/// A row of MC/DC: numbers, and after them an array with a truth value for each condition.
struct DecisionRow {
    numbers: Vec<u64>,
    conditions: Vec<bool>,
}

impl DecisionRow {
    fn decision(self) -> Decision {
        let number = |index: usize| self.numbers.get(index).copied().map_or(0, small);
        // Three numbers before the array were the expanded file and the kind; now, true and false
        // outcomes, both files, and the kind.
        let file = (self.numbers.len() >= 9).then(|| number(6));
        Decision {
            start: (number(0), number(1)),
            end: (number(2), number(3)),
            file,
            conditions: self.conditions.into_iter().map(Some).collect(),
        }
    }
}

impl<'de> Deserialize<'de> for DecisionRow {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Item {
            Number(u64),
            Conditions(Vec<bool>),
        }
        struct RowVisitor;
        impl<'de> Visitor<'de> for RowVisitor {
            type Value = DecisionRow;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("numbers and an array of conditions")
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<DecisionRow, A::Error> {
                let mut numbers = Vec::new();
                loop {
                    match items.next_element()? {
                        Some(Item::Number(number)) => numbers.push(number),
                        Some(Item::Conditions(conditions)) => {
                            while items.next_element::<IgnoredAny>()?.is_some() {}
                            return Ok(DecisionRow { numbers, conditions });
                        }
                        None => {
                            return Err(serde::de::Error::invalid_length(numbers.len(), &self));
                        }
                    }
                }
            }
        }
        deserializer.deserialize_seq(RowVisitor)
    }
}

#[cfg(test)]
mod tests {
    use coverage::dump;

    use super::*;

    /// What an export of this content says, and the notes.
    fn said(data: &str) -> (String, String) {
        let text = format!(r#"{{"data":[{data}],"type":"{TYPE}","version":"3.0.1"}}"#);
        assert!(sniff(text.as_bytes()));
        let mut notes = Notes::default();
        let text = match read("x.json", text.as_bytes(), &mut notes) {
            Ok(profile) => dump::write(&profile),
            Err(error) => error.to_string(),
        };
        let notes: Vec<_> = notes.all().iter().map(|note| note.what.to_string()).collect();
        (text, notes.join("\n"))
    }

    const FILE: &str = r#""files":[{"filename":"a.h","segments":[[1,1,5,true,true,false],
        [3,2,0,false,false,false]],"branches":[[2,3,2,4,1,0,0,0,4],[2,3,2,4,0,3,0,0,4],
        [2,6,2,7,0,0,0,0,4]],"mcdc_records":[]}]"#;

    #[test]
    fn instantiations_are_one_function() {
        let function = |name: &str, count: u32, inner: u32, yes: u32, no: u32| {
            format!(
                r#"{{"name":"{name}","count":{count},"filenames":["a.h"],
                    "regions":[[1,1,3,2,{count},0,0,0],[2,5,2,9,{inner},0,0,0]],
                    "branches":[[2,3,2,4,{yes},{no},0,0,4]],"mcdc_records":[]}}"#
            )
        };
        let both = [function("g", 2, 0, 1, 1), function("f", 3, 3, 0, 3)].join(",");
        let (text, notes) = said(&format!(r#"{{{FILE},"functions":[{both}]}}"#));
        let expected = "mode count\npackage - - -\nfile a.h\nfunction -\nregion 1.1,3.2 5\n\
                        region 2.5,2.9 3\nfunction f 1.1,3.2 5\nline 1 5\nline 2 5\nline 3 5\n\
                        branch 2.3,2.4 - true=1 false=4\n";
        assert_eq!((text.as_str(), notes.as_str()), (expected, ""));
    }

    #[test]
    fn a_constant_is_the_shortest_of_what_is_too_much() {
        let said = |n_outcomes: u32| {
            let file = format!(
                r#""files":[{{"filename":"a.c","segments":[],
                    "summary":{{"branches":{{"count":{n_outcomes},"covered":2}}}}}}]"#
            );
            let function = r#"{"name":"f","count":4,"filenames":["a.c"],
                "regions":[[1,1,9,2,4,0,0,0]],"branches":[[2,5,2,17,0,4,0,0,4],
                [3,5,3,7,0,0,0,0,4],[4,5,4,6,0,4,0,0,4],[5,5,5,6,1,3,0,0,4]]}"#;
            said(&format!(r#"{{{file},"functions":[{function}]}}"#)).0
        };
        let arms = |text: &str| text.matches(['=']).count();
        assert_eq!(arms(&said(8)), 8);
        assert!(said(7).contains("branch 4.5,4.6 - false=4\n"), "{}", said(7));
        assert!(said(6).contains("branch 3.5,3.7 - false=0\n"), "{}", said(6));
        assert_eq!(arms(&said(5)), 8, "a long one is no constant");
    }

    #[test]
    fn what_a_macro_brings_lies_at_its_use() {
        let function = r#"{"name":"f","count":1,"filenames":["a.c","m.h","m.h"],"regions":[
            [1,1,9,2,1,0,0,0],[4,3,4,9,1,0,1,1],[7,20,7,30,1,1,2,1],[8,1,8,5,0,2,0,0]],
            "branches":[[8,1,8,2,1,0,2,0,4],[8,1,8,2,0,0,2,0,4]],
            "mcdc_records":[[2,1,2,9,1,1,0,0,5,[true,false],[]],[8,1,8,9,1,1,2,0,5,[true],[]]]}"#;
        let (text, _) = said(&format!(r#"{{"files":[],"functions":[{function}]}}"#));
        assert!(text.contains("region 4.3,4.9 0\n"), "{text}");
        assert!(text.contains("branch 4.3,4.9 8.1 true=1 false=0\nbranch 4.3,4.9 8.1#2"), "{text}");
        assert!(text.contains("file a.c"), "{text}");
        // The decision of the macro is none of the function's.
        assert_eq!(text.matches("condition").count(), 1, "{text}");
    }

    #[test]
    fn without_functions_files_tell_of_branches() {
        let (text, notes) = said(&format!(
            r#"{{{FILE},"totals":{{"lines":{{"count":4,"covered":4}},
               "functions":{{"count":2,"covered":1}}}}}}"#
        ));
        assert!(text.contains("line 3 5\nbranch 2.3,2.4 - true=1 false=3\n"), "{text}");
        assert_eq!(text.matches("branch").count(), 1, "a constant is no branch: {text}");
        let expected = "exported with -skip-functions, so that functions (1 of 2) and regions \
                        (0 of 0) are not in it\n\
                        lines: 4 of 4 in the summary of llvm-cov, which";
        assert!(notes.starts_with(expected), "{notes}");
    }

    #[test]
    fn a_row_of_older_versions_is_shorter() {
        let rows: Vec<DecisionRow> =
            serde_json::from_str("[[1,2,3,4,0,5,[true,false]],[1,2,3,4,9,8,7,0,5,[true],[]]]")
                .unwrap();
        let rows: Vec<Decision> = rows.into_iter().map(DecisionRow::decision).collect();
        assert_eq!(rows[0].conditions, [Some(true), Some(false)]);
        assert_eq!((rows[0].file, rows[1].file), (None, Some(7)));
        assert_eq!((rows[1].start, rows[1].end), ((1, 2), (3, 4)));
    }

    #[test]
    fn totals_alone_are_refused_with_them() {
        let (text, _) = said(
            r#"{"files":[{"filename":"a.c","summary":{}}],
                "totals":{"lines":{"count":62,"covered":55},"regions":{"count":9,"covered":8}}}"#,
        );
        let expected = "it only has totals (55 of 62 lines, 8 of 9 regions), and no lines: \
                        export it without -summary-only";
        assert_eq!(text, expected);
    }

    #[test]
    fn errors_have_a_place() {
        let error =
            |text: &str| read("", text.as_bytes(), &mut Notes::default()).unwrap_err().to_string();
        assert_eq!(
            error(r#"{"data":[],"type":"x","version":"2.0.1"}"#),
            format!("its type is not {TYPE}")
        );
        let other = format!(r#"{{"data":[],"type":"{TYPE}","version":"9.0"}}"#);
        assert!(error(&other).starts_with("version 9.0 of the export"), "{}", error(&other));
        let (text, _) = said(r#"{"files":[{"filename":"a.c","segments":[[1,2]]}]}"#);
        assert!(text.starts_with("line 1, column 54: invalid length 2"), "{text}");
        let (text, _) = said(r#"{"files":[{"filename":"a.c","segments":[[1,2,"x"]]}]}"#);
        assert!(text.contains("expected a whole number, true or false"), "{text}");
    }
}
