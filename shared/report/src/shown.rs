//! A profile of any kind as the page shows it: blocks as they are, everything else as lines, with
//! what else is known of each line beside them.

use std::collections::BTreeMap;

use algebra::extents::{Extent, innermost};
use coverage::{
    Branch, BranchKind, FileIdx, FunctionIdx, Metrics, Package, Profile, ProfileBuilder, UnitIdx,
    UnitKind,
};
use wire::details::{Details, FileDetails, LineDetails, Metric};

/// How many contexts of a line are named.
const NAMED: usize = 3;
/// Longest name of an arm or a context, in characters.
const NAME: usize = 80;
/// Most arms of a line that are told apart.
const ARMS: usize = 24;

/// Whether a page shows the profile by line.
pub fn is_by_line(profile: &Profile) -> bool {
    profile.shape().unit_kinds().any(|kind| kind != UnitKind::Block)
}

/// The profile with the units that a page shows: its own where all are blocks; otherwise lines,
/// each in the innermost function around it.
pub fn units(profile: &Profile) -> Profile {
    if !is_by_line(profile) {
        return profile.clone();
    }
    let profile = algebra::by_line(profile);
    let shape = profile.shape();
    let common = crate::common(shape.packages().iter().map(|package| package.path.as_str()));
    let module = |package: &Package| match package.module.as_str() {
        "" if common.is_empty() => "Files".to_owned(),
        "" => common.to_owned(),
        module => module.to_owned(),
    };
    let mut extents: Vec<Vec<Extent>> = vec![Vec::new(); shape.files().len()];
    let mut lines: Vec<BTreeMap<u32, u64>> = vec![BTreeMap::new(); shape.files().len()];
    for (index, function) in (0u32..).map(FunctionIdx).zip(shape.functions()) {
        let file = function.file.index();
        for unit in shape.units_of(index) {
            lines[file].insert(shape.unit(unit).span.start.line, profile.count(unit));
        }
        let span = function.span.filter(|_| !function.name.is_empty());
        extents[file].extend(span.map(|span| Extent::of(span, index)));
    }
    let mut builder = ProfileBuilder::default();
    let packages: Vec<_> = shape
        .packages()
        .iter()
        .map(|row| {
            let path = if row.path.is_empty() { "." } else { &row.path };
            builder.package(path, &row.name, &module(row))
        })
        .collect();
    for ((row, extents), lines) in shape.files().iter().zip(extents).zip(lines) {
        let file = builder.file(packages[row.package.index()], row.path.as_str());
        for (function, lines) in by_function(extents, lines) {
            match function {
                Some(function) => builder.copied_function(file, &profile, function),
                None => builder.function(file, "", false),
            };
            builder.lines(&lines);
        }
    }
    builder.build(profile.mode())
}

/// A function, or `None` for what lies in none, and its lines as number and count.
type Lines = (Option<FunctionIdx>, Vec<(u32, u64)>);

/// The lines of a file in the innermost function around each.
fn by_function(mut extents: Vec<Extent>, lines: BTreeMap<u32, u64>) -> Vec<Lines> {
    let around = innermost(&mut extents, lines.keys().copied());
    let mut groups: BTreeMap<Option<usize>, Vec<(u32, u64)>> = BTreeMap::new();
    for (inner, line) in around.into_iter().zip(lines) {
        groups.entry(inner).or_default().push(line);
    }
    let function = |index: usize| extents.get(index).map(|extent| extent.function);
    groups.into_iter().map(|(index, lines)| (index.and_then(function), lines)).collect()
}

/// What a page is told of a profile besides units and counts; `None` where there is nothing.
pub fn details(profile: &Profile, handle: u32) -> Option<Details> {
    let shape = profile.shape();
    let lines = is_by_line(profile);
    if !lines && shape.branches().is_empty() && profile.contexts().is_empty() {
        return None;
    }
    let metrics = Metrics::of(profile).all().into_iter().filter(|(_, metric)| metric.total > 0);
    let metrics = metrics.map(|(name, metric)| Metric {
        name: name.to_owned(),
        covered: metric.covered,
        total: metric.total,
    });
    let mut rows: Vec<BTreeMap<u32, Row>> = vec![BTreeMap::new(); shape.files().len()];
    for branch in shape.branches() {
        let row = rows[branch.file.index()].entry(branch.span.start.line).or_default();
        row.add(profile, branch);
    }
    for (index, context) in (0u32..).zip(profile.contexts().iter()) {
        let mut seen = (FileIdx(u32::MAX), 0);
        for &unit in &context.units {
            let (file, numbers) = (shape.file_of(unit), numbers(profile, unit));
            for number in numbers {
                // Units of a line stand one after the other.
                if std::mem::replace(&mut seen, (file, number)) != (file, number) {
                    rows[file.index()].entry(number).or_default().run_by(index);
                }
            }
        }
    }
    let files = shape.files().iter().zip(rows).filter(|(_, rows)| !rows.is_empty());
    let files = files.map(|(file, rows)| {
        let lines: Vec<_> =
            rows.into_iter().map(|(line, row)| row.into_details(profile, line)).collect();
        FileDetails::new(file.path.as_str(), &lines)
    });
    Some(Details { handle, lines, metrics: metrics.collect(), files: files.collect() })
}

/// The lines that a unit lies on, as far as they are told.
fn numbers(profile: &Profile, unit: UnitIdx) -> std::ops::RangeInclusive<u32> {
    let unit = profile.shape().unit(unit);
    let first = unit.span.start.line;
    match unit.kind {
        UnitKind::Line | UnitKind::Statement => first..=first,
        UnitKind::Block | UnitKind::Region => {
            first..=unit.span.last_line().min(first.saturating_add(100_000))
        }
    }
}

/// What is known of a line.
#[derive(Debug, Clone, Default)]
struct Row {
    taken: u32,
    total: u32,
    n_told: usize,
    texts: Vec<String>,
    /// The first contexts that it ran in, the last that was seen, and how many there are.
    contexts: Vec<u32>,
    last: Option<u32>,
    n_contexts: usize,
}

impl Row {
    fn add(&mut self, profile: &Profile, branch: &Branch) {
        let shape = profile.shape();
        let arms: Vec<(&str, u64)> = shape
            .arms_of(branch)
            .map(|(label, arm)| (label, profile.arm_counts().get(arm).copied().unwrap_or(0)))
            .collect();
        let n_taken = arms.iter().filter(|(_, count)| *count > 0).count();
        let what = match branch.kind {
            BranchKind::Branch => "branch",
            BranchKind::Condition => "condition",
            BranchKind::Instruction => "instructions",
        };
        if branch.kind == BranchKind::Branch {
            self.taken = self.taken.saturating_add(narrow(n_taken));
            self.total = self.total.saturating_add(narrow(arms.len()));
        }
        self.n_told += arms.len();
        let name = match shape.label(branch.name) {
            "" => what.to_owned(),
            name => format!("{what} {}", short(name)),
        };
        let is_long = self.n_told > ARMS || branch.kind == BranchKind::Instruction;
        self.texts.push(if is_long || !branch.exact {
            format!("{name}: {n_taken} of {} taken", arms.len())
        } else {
            let told = arms.iter().zip(1..).map(|((label, count), number)| {
                let label = match label.parse::<u32>() {
                    Ok(label) => format!("arm {label}"),
                    Err(_) if label.is_empty() => format!("arm {number}"),
                    Err(_) => short(label),
                };
                match count {
                    0 => format!("{label} never"),
                    count => format!("{label} {count}×"),
                }
            });
            format!("{name}: {}", told.collect::<Vec<_>>().join(", "))
        });
    }

    fn run_by(&mut self, context: u32) {
        if self.last.replace(context) != Some(context) {
            self.n_contexts += 1;
            if self.contexts.len() < NAMED {
                self.contexts.push(context);
            }
        }
    }

    fn into_details(mut self, profile: &Profile, line: u32) -> LineDetails {
        if self.n_contexts > 0 {
            let names = self.contexts.iter().filter_map(|&at| profile.contexts().get(at as usize));
            let names: Vec<_> = names.map(|context| short(&context.name)).collect();
            let more = match self.n_contexts - names.len() {
                0 => String::new(),
                n => format!(" and {n} more"),
            };
            let tests = if self.n_contexts == 1 { "test" } else { "tests" };
            let names = names.join(", ");
            self.texts.push(format!("run by {} {tests}: {names}{more}", self.n_contexts));
        }
        // A line of generated code may have thousands of branches.
        let n_more = self.texts.len().saturating_sub(ARMS);
        if n_more > 0 {
            let last = self.texts.split_off(self.texts.len() - 1);
            self.texts.truncate(ARMS - 1);
            self.texts.push(format!("and {n_more} more"));
            self.texts.extend(last);
        }
        let text = self.texts.join(" · ");
        LineDetails { line, taken: self.taken, total: self.total, text }
    }
}

fn short(name: &str) -> String {
    match name.char_indices().nth(NAME) {
        Some((end, _)) => format!("{}…", &name[..end]),
        None => name.to_owned(),
    }
}

fn narrow(n: usize) -> u32 {
    u32::try_from(n).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use coverage::dump;

    use super::*;

    const JS: &str = "mode count\npackage web - -\nfile web/a.js\nfunction -\nline 1 1\nline 2 4\n\
                      line 3 0\nline 5 7\nline 6 7\nline 9 1\nfunction f 2.1,8.2 4\n\
                      function g 5.3,5.40 7\nbranch 2 if 0=4 1=0\nbranch 3 - 1/2\n\
                      condition 3 a t=1 f=0\n";

    #[test]
    fn lines_stand_in_the_innermost_function() {
        let shown = units(&dump::parse(JS).unwrap());
        assert_eq!(
            dump::write(&shown),
            "mode count\npackage web - web\nfile web/a.js\nfunction -\nline 1 1\nline 9 1\n\
             function f 2.1,8.2 4\nline 2 4\nline 3 0\nline 6 7\nfunction g 5.3,5.40 7\nline 5 7\n"
        );
        assert_eq!(dump::write(&units(&shown)), dump::write(&shown));
        let starts = "mode count\npackage - - -\nfile a.c\nfunction -\nline 1 1\nline 3 1\nline 4 0\n\
                      line 9 2\nfunction f 3 1\nfunction g 9 2\n";
        assert_eq!(
            dump::write(&units(&dump::parse(starts).unwrap())),
            "mode count\npackage . - Files\nfile a.c\nfunction -\nline 1 1\nfunction f 3 1\nline 3 1\n\
             line 4 0\nfunction g 9 2\nline 9 2\n"
        );
    }

    #[test]
    fn details_tell_arms_and_contexts() {
        let profile = dump::parse(JS).unwrap();
        let details = details(&profile, 7).unwrap();
        let metrics: Vec<_> =
            details.metrics.iter().map(|m| (&*m.name, m.covered, m.total)).collect();
        let expected =
            [("lines", 5, 6), ("branches", 2, 4), ("functions", 2, 2), ("conditions", 1, 2)];
        assert_eq!(metrics, expected);
        let lines = details.files[0].lines().unwrap();
        let lines: Vec<_> = lines.iter().map(|r| (r.line, r.taken, r.total, &*r.text)).collect();
        assert_eq!(
            lines,
            [
                (2, 1, 2, "branch if: arm 0 4×, arm 1 never"),
                (3, 1, 2, "branch: 1 of 2 taken · condition a: t 1×, f never"),
            ]
        );
        assert!(details.lines && (details.files[0].taken, details.files[0].total) == (2, 4));
        let names = ["d", "a", "c", "b"].map(|name| format!("context {name} 1\n"));
        let text =
            format!("mode set\npackage - - -\nfile a.py\nfunction -\nline 1 1\n{}", names.concat());
        let found = super::details(&dump::parse(&text).unwrap(), 7).unwrap();
        assert_eq!(found.files[0].lines().unwrap()[0].text, "run by 4 tests: a, b, c and 1 more");
    }

    #[test]
    fn blocks_alone_have_no_details() {
        let go = "mode set\npackage p p m\nfile p/a.go\nfunction F\n1.1,2.2 1 1\n";
        let go = dump::parse(go).unwrap();
        assert!(details(&go, 7).is_none() && !is_by_line(&go));
        assert_eq!(dump::write(&units(&go)), dump::write(&go));
    }
}
