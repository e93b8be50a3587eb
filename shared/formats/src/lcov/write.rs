//! Profiles as tracefiles of dialect 1.x, which every reader of the format takes.

use std::borrow::Cow;
use std::collections::HashSet;

use coverage::{
    Branch, BranchKind, File, FunctionIdx, LabelIdx, Profile, SourcePath, UnitIdx, UnitKind,
};

use super::functions::has_equal;

/// The profile as one record for each file, by path. Records name a test where all that was hit of
/// the file was hit in that one context; how often a line ran in which of several isn't known.
pub(super) fn write(profile: &Profile) -> Vec<u8> {
    let shape = profile.shape();
    let mut files: Vec<FileRows> = shape.files().iter().map(FileRows::new).collect();
    for (index, function) in (0u32..).zip(shape.functions()) {
        if let Some(file) = files.get_mut(function.file.index()) {
            file.functions.push(FunctionIdx(index));
        }
    }
    for branch in shape.branches() {
        if let Some(file) = files.get_mut(branch.file.index()) {
            file.branches.push(branch);
        }
    }
    for context in profile.contexts().iter() {
        for &unit in &context.units {
            if let Some(file) = files.get_mut(shape.file_of(unit).index()) {
                file.is_hit_in(&context.name);
            }
        }
    }
    files.sort_by_key(|file| file.path);
    let labels = Labels::of(profile);
    let mut out = Vec::new();
    for file in &mut files {
        file.write(profile, &labels, &mut out);
    }
    out
}

/// The numbers that labels are, of those that are: each is looked at once, and used a million times.
struct Labels(Vec<Option<u64>>);

impl Labels {
    fn of(profile: &Profile) -> Self {
        Self(profile.shape().labels().iter().map(|label| own_number(label)).collect())
    }

    fn number(&self, label: LabelIdx) -> Option<u64> {
        self.0.get(label.index()).copied().flatten()
    }

    /// Whether these are numbers, each once.
    fn are_numbers(&self, labels: &[LabelIdx]) -> bool {
        let numbers = || labels.iter().map(|label| self.number(*label));
        if numbers().any(|number| number.is_none()) {
            return false;
        }
        numbers().is_sorted_by(|a, b| a < b) || {
            let mut numbers: Vec<_> = numbers().collect();
            numbers.sort_unstable();
            numbers.is_sorted_by(|a, b| a < b)
        }
    }
}

/// What belongs to a file.
struct FileRows<'a> {
    path: &'a SourcePath,
    functions: Vec<FunctionIdx>,
    branches: Vec<&'a Branch>,
    test: Test<'a>,
}

/// In which contexts units of a file were hit.
#[derive(Clone, Copy)]
enum Test<'a> {
    None,
    /// In this one alone, and how many units.
    One(&'a str, usize),
    Several,
}

impl<'a> FileRows<'a> {
    fn new(file: &'a File) -> Self {
        Self { path: &file.path, functions: Vec::new(), branches: Vec::new(), test: Test::None }
    }

    fn is_hit_in(&mut self, context: &'a str) {
        self.test = match self.test {
            Test::None => Test::One(context, 1),
            Test::One(known, n_units) if known == context => Test::One(known, n_units + 1),
            _ => Test::Several,
        };
    }

    fn write(&mut self, profile: &Profile, labels: &Labels, out: &mut Vec<u8>) {
        let lines = self.lines(profile);
        let n_hit = lines.iter().filter(|line| line.1 > 0).count();
        let test = match self.test {
            Test::One(test, n_units) if n_units == n_hit => one_line(test),
            _ => "".into(),
        };
        row(out, "TN:", &[], test.as_bytes());
        row(out, "SF:", &[], one_line(self.path.as_str()).as_bytes());
        self.write_functions(profile, out);
        // Stable, so that the branches of a line keep their order.
        self.branches.sort_by_key(|branch| (branch.kind, branch.span.start.line));
        let same =
            |a: &&Branch, b: &&Branch| (a.kind, a.span.start.line) == (b.kind, b.span.start.line);
        let mut numbers = Vec::new();
        for (kind, tags) in
            [(BranchKind::Branch, ["BRF:", "BRH:"]), (BranchKind::Condition, ["MCF:", "MCH:"])]
        {
            let first = self.branches.partition_point(|branch| branch.kind < kind);
            let end = self.branches.partition_point(|branch| branch.kind <= kind);
            let mut totals = [0, 0];
            for line in self.branches.get(first..end).unwrap_or_default().chunk_by(same) {
                number(line, labels, &mut numbers);
                for (branch, number) in line.iter().zip(&numbers) {
                    write_branch(profile, labels, branch, *number, &lines, out);
                    for &count in arms_of(profile, branch) {
                        totals = [totals[0] + 1, totals[1] + u64::from(count > 0)];
                    }
                }
            }
            if totals[0] > 0 {
                tags.iter().zip(totals).for_each(|(tag, total)| row(out, tag, &[total], b""));
            }
        }
        for &(number, count) in &lines {
            row(out, "DA:", &[u64::from(number), count], b"");
        }
        row(out, "LF:", &[lines.len() as u64], b"");
        row(out, "LH:", &[n_hit as u64], b"");
        out.extend_from_slice(b"end_of_record\n");
    }

    /// Number and count of each line, ascending.
    fn lines(&self, profile: &Profile) -> Vec<(u32, u64)> {
        let shape = profile.shape();
        let units = self.functions.iter().flat_map(|&function| shape.units_of(function));
        let lines = units.filter(|&unit| shape.unit(unit).kind == UnitKind::Line);
        let mut lines: Vec<_> =
            lines.map(|unit| (shape.unit(unit).span.start.line, profile.count(unit))).collect();
        if !lines.is_sorted_by(|a, b| a.0 < b.0) {
            lines.sort_unstable_by_key(|&(number, count)| (number, std::cmp::Reverse(count)));
            lines.dedup_by_key(|line| line.0);
        }
        lines
    }

    fn write_functions(&self, profile: &Profile, out: &mut Vec<u8>) {
        let shape = profile.shape();
        let mut functions: Vec<(u32, Cow<'_, str>, u64)> = Vec::new();
        for &idx in &self.functions {
            let function = shape.function(idx);
            let first = function.units.clone().map(UnitIdx).next();
            let count = match (profile.function_count(idx), first) {
                (Some(count), _) => count,
                (None, Some(first)) if !function.name.is_empty() => {
                    profile.count(first).max(u64::from(profile.function_hit(idx)))
                }
                _ => continue,
            };
            let span = function.span.or(first.map(|first| shape.unit(first).span));
            let line = span.map_or(0, |span| span.start.line);
            functions.push((line, function_name(&function.name), count));
        }
        functions.sort_by(|a, b| (a.0, &a.1).cmp(&(b.0, &b.1)));
        tell_apart(&mut functions);
        for (line, name, _) in &functions {
            row(out, "FN:", &[u64::from(*line)], name.as_bytes());
        }
        for (_, name, count) in &functions {
            row(out, "FNDA:", &[*count], name.as_bytes());
        }
        if !functions.is_empty() {
            let n_hit = functions.iter().filter(|function| function.2 > 0).count();
            row(out, "FNF:", &[functions.len() as u64], b"");
            row(out, "FNH:", &[n_hit as u64], b"");
        }
    }
}

/// Counts are told by name, so each name is given once: others of it get their line.
fn tell_apart(functions: &mut [(u32, Cow<'_, str>, u64)]) {
    if !has_equal(functions.iter().map(|function| function.1.as_bytes())) {
        return;
    }
    let mut taken: HashSet<String> = functions.iter().map(|row| row.1.to_string()).collect();
    let mut met = HashSet::new();
    for (line, name, _) in functions {
        if met.insert(name.to_string()) {
            continue;
        }
        let with_line = format!("{name}:{line}");
        let mut unique = with_line.clone();
        for n in 2u64.. {
            if taken.insert(unique.clone()) {
                break;
            }
            unique = format!("{with_line}#{n}");
        }
        *name = unique.into();
    }
}

/// A number for each of the branches of a line: its name where that is one, and no other's.
fn number(branches: &[&Branch], labels: &Labels, numbers: &mut Vec<u64>) {
    let names = || branches.iter().map(|branch| labels.number(branch.name));
    numbers.clear();
    numbers.extend(names().flatten());
    if numbers.len() == branches.len() && numbers.is_sorted_by(|a, b| a < b) {
        return;
    }
    let mut taken = HashSet::new();
    let owned: Vec<_> = names().map(|n| n.filter(|n| taken.insert(*n))).collect();
    let mut free = 0u64;
    numbers.clear();
    numbers.extend(owned.into_iter().map(|number| {
        number.unwrap_or_else(|| {
            while !taken.insert(free) {
                free += 1;
            }
            free
        })
    }));
}

/// The number that a text is, if it is just that.
fn own_number(text: &str) -> Option<u64> {
    let is_plain =
        text.bytes().all(|byte| byte.is_ascii_digit()) && (text == "0" || !text.starts_with('0'));
    text.parse().ok().filter(|_| is_plain)
}

fn arms_of<'a>(profile: &'a Profile, branch: &Branch) -> &'a [u64] {
    let arms = branch.arms.start as usize..branch.arms.end as usize;
    profile.arm_counts().get(arms).unwrap_or_default()
}

fn write_branch(
    profile: &Profile,
    numbers: &Labels,
    branch: &Branch,
    number: u64,
    lines: &[(u32, u64)],
    out: &mut Vec<u8>,
) {
    let line = branch.span.start.line;
    let counts = arms_of(profile, branch);
    let labels = || profile.shape().arms_of(branch).map(|(label, _)| label);
    if branch.kind == BranchKind::Condition {
        let outcomes: Option<Vec<_>> = labels().map(outcome).collect();
        let mut keys: Vec<_> = outcomes.iter().flatten().copied().collect();
        keys.sort_unstable();
        let are_kept = outcomes.is_some() && keys.is_sorted_by(|a, b| a < b);
        for (position, (label, count)) in (0u64..).zip(labels().zip(counts)) {
            // Of other tools an arm is a condition. Both senses of one have the same expression.
            let kept = outcome(label).filter(|_| are_kept);
            let (index, sense, expression) = kept.unwrap_or((position, "t", label));
            let expression = match one_line(expression) {
                none if none.is_empty() => index.to_string(),
                expression => expression.into_owned(),
            };
            let rest = format!("{sense},{count},{index},{expression}");
            row(out, "MCDC:", &[u64::from(line), number], rest.as_bytes());
        }
        return;
    }
    // What was never reached has no outcome.
    let is_reached = counts.iter().any(|count| *count > 0)
        || lines
            .binary_search_by_key(&line, |line| line.0)
            .is_ok_and(|at| lines.get(at).is_some_and(|line| line.1 > 0));
    let arms = branch.arms.start as usize..branch.arms.end as usize;
    let labels = profile.shape().arm_labels().get(arms).unwrap_or_default();
    let are_kept = numbers.are_numbers(labels);
    for (position, (label, count)) in (0u64..).zip(labels.iter().zip(counts)) {
        let label = numbers.number(*label).filter(|_| are_kept).unwrap_or(position);
        let place = [u64::from(line), number, label, *count];
        match is_reached {
            true => row(out, "BRDA:", &place, b""),
            false => row(out, "BRDA:", &[place[0], place[1], place[2]], b"-"),
        }
    }
}

/// Index, sense and expression, as the reader joins them.
fn outcome(label: &str) -> Option<(u64, &str, &str)> {
    let (short, expression) = label.split_once(' ').unwrap_or((label, ""));
    let (index, sense) = short.split_at_checked(short.len().checked_sub(1)?)?;
    Some((own_number(index)?, sense, expression)).filter(|_| matches!(sense, "t" | "f"))
}

/// A tag, numbers and a text if it is not empty, with commas.
fn row(out: &mut Vec<u8>, tag: &str, numbers: &[u64], text: &[u8]) {
    out.extend_from_slice(tag.as_bytes());
    for (position, number) in numbers.iter().enumerate() {
        if position > 0 {
            out.push(b',');
        }
        out.extend_from_slice(itoa::Buffer::new().format(*number).as_bytes());
    }
    if !(numbers.is_empty() || text.is_empty()) {
        out.push(b',');
    }
    out.extend_from_slice(text);
    out.push(b'\n');
}

/// A text without what would end a row.
fn one_line(text: &str) -> Cow<'_, str> {
    let text = text.trim_matches(|c: char| c.is_ascii_whitespace() || c == '\0');
    match memchr::memchr2(b'\n', b'\r', text.as_bytes()) {
        Some(_) => text.replace(['\n', '\r'], " ").into(),
        None => text.into(),
    }
}

/// A name that is not empty, and of which no part is taken for the number of an end line.
fn function_name(name: &str) -> Cow<'_, str> {
    match one_line(name) {
        name if name.is_empty() => "(anonymous)".into(),
        name if name.split_once(',').is_some_and(|(first, _)| is_digits(first)) => {
            format!(" {name}").into()
        }
        name => name,
    }
}

fn is_digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}
