//! SimpleCov's `.resultset.json` and `coverage.json`.
//!
//! ```text
//! { "RSpec": { "coverage": { "/src/a.rb": {                      .resultset.json, by command
//!     "lines": [null, 1, 0],
//!     "branches": { "[:if, 0, 2, 4, 5, 7]": { "[:then, 1, 3, 6, 3, 9]": 1, … }},
//!     "methods": { "[A, :f, 1, 2, 6, 5]": 1 } }, "/src/b.rb": [1, null] }, "timestamp": 1 } }
//!
//! { "meta": { "simplecov_version": "1.0.0" }, "coverage": { "a.rb": {       coverage.json
//!     "lines": [null, 1, "ignored"],
//!     "branches": [{ "type": "then", "start_line": 3, "end_line": 3, "coverage": 1 }],
//!     "methods": [{ "name": "A#f", "start_line": 1, "end_line": 6, "coverage": 1 }] }}}
//! ```
//!
//! Spec: Ruby's `ext/coverage` for lines, branches and methods (a name, a number, then start line,
//! column, end line, column; columns are 0-based bytes), and `coverage.schema.json` of SimpleCov.
//!
//! Commands are added up as SimpleCov does it: a line that is none for one of them and did not run
//! for the others is none. If there are several, each is a context. Lines between two comments
//! `# :nocov:` are only left out by SimpleCov's reports; here, too, if the `.rb` files are beside
//! the result set. A branch is its place and kind, an arm its word, of `when` and `in` with its
//! place.
//!
//! What the model can't keep: which arms of `coverage.json` belong together, as the file doesn't
//! say it: each is a branch. Which lines are ignored.

use std::collections::{BTreeMap, BTreeSet};

use coverage::{BranchKind, Mode, Profile, Span};
use serde::Deserialize;

use crate::companions::pairs;
use crate::draft::{Draft, FileDraft, Names};
use crate::json::{self, Number, Pairs};
use crate::{Format, Member, Notes, Place, Read, ReadError, Results, Together, text};

/// The format.
pub const FORMAT: Format = Format {
    id: "simplecov",
    name: "SimpleCov",
    extensions: &["json"],
    sniff: |head| is_report(head) || is_result_set(head),
    read: Read::Together(Together { companion: |name, _| name.ends_with(".rb"), read }),
    write: None,
};

fn is_report(head: &[u8]) -> bool {
    // In the schema of such reports it is an object.
    let is_version = |rest: &str| rest.trim_start_matches([':', ' ']).starts_with('"');
    json::sniff(head, &["\"meta\"", "\"simplecov_version\""])
        && text::decode(head).split("\"simplecov_version\"").skip(1).any(is_version)
}

/// Whether the first key of the first value is `coverage`, with files.
fn is_result_set(head: &[u8]) -> bool {
    let head = text::decode(head);
    let tokens = ["{", "\"", ":", "{", "\"coverage\"", ":", "{"];
    let mut rest = &*head;
    for token in tokens {
        let Some(after) = rest.trim_start().strip_prefix(token) else { return false };
        rest = match token {
            "\"" => after.split_once('"').map_or("", |(_, rest)| rest),
            _ => after,
        };
    }
    rest.trim_start().starts_with(['"', '}'])
}

#[derive(Deserialize)]
struct Command {
    #[serde(default)]
    coverage: Pairs<File>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum File {
    Lines(Vec<Count>),
    All(Metrics),
}

#[derive(Deserialize, Default)]
struct Metrics {
    #[serde(default)]
    lines: Option<Vec<Count>>,
    #[serde(default)]
    branches: Pairs<Pairs<Number>>,
    #[serde(default)]
    methods: Pairs<Number>,
}

/// A count, nothing, or a word such as `ignored`.
#[derive(Deserialize, Clone)]
#[serde(untagged)]
enum Count {
    Number(Number),
    Word(serde::de::IgnoredAny),
}

impl Count {
    fn number(&self) -> Number {
        match self {
            Self::Number(number) => *number,
            Self::Word(_) => Number::default(),
        }
    }
}

#[derive(Deserialize)]
struct Report {
    coverage: Pairs<ReportFile>,
}

#[derive(Deserialize)]
struct ReportFile {
    lines: Option<Vec<Count>>,
    #[serde(default)]
    branches: Vec<ReportArm>,
    #[serde(default)]
    methods: Vec<ReportMethod>,
}

#[derive(Deserialize)]
struct ReportArm {
    #[serde(rename = "type")]
    kind: String,
    start_line: u32,
    end_line: u32,
    coverage: Count,
}

#[derive(Deserialize)]
struct ReportMethod {
    name: String,
    start_line: u32,
    end_line: u32,
    coverage: Count,
}

fn read(members: &[&Member], notes: &mut Notes) -> Results {
    let sources: Vec<&Member> =
        members.iter().copied().filter(|member| member.is_companion).collect();
    let files = members.iter().filter(|member| !member.is_companion);
    files
        .map(|member| {
            let name = member.name.as_str();
            let read = if is_report(member.bytes.get(..crate::HEAD_BYTES).unwrap_or(&member.bytes))
            {
                read_report(name, &member.bytes, notes)
            } else {
                read_set(name, &member.bytes, &sources, notes)
            };
            (member.name.clone(), read)
        })
        .collect()
}

/// A result set. Files are listed by each command that loaded them.
fn read_set(
    name: &str,
    bytes: &[u8],
    sources: &[&Member],
    notes: &mut Notes,
) -> Result<Profile, ReadError> {
    let commands: Pairs<Command> = json::parse(bytes)?;
    let n_commands = commands.0.len();
    let mut files: BTreeMap<String, Vec<(String, Metrics)>> = BTreeMap::new();
    for (command, result) in commands.0 {
        for (path, file) in result.coverage.0 {
            let metrics = match file {
                File::Lines(lines) => Metrics { lines: Some(lines), ..Metrics::default() },
                File::All(metrics) => metrics,
            };
            files.entry(path).or_default().push((command.clone(), metrics));
        }
    }
    if files.is_empty() {
        return Err(ReadError::malformed(Place::Whole, "the result set lists no files"));
    }
    let paths: Vec<&str> = files.keys().map(String::as_str).collect();
    let names: Vec<&str> = sources.iter().map(|source| source.name.as_str()).collect();
    let pairs = pairs(&paths, &names);
    let n_bare = pairs.iter().filter(|pair| pair.is_none()).count();
    if n_bare > 0 {
        let why = "without source: lines between comments `# :nocov:` count, which SimpleCov's \
                   own reports leave out; add the .rb files";
        notes.add(name, format!("{n_bare} files {why}"));
    }
    let mut draft = Draft::default();
    for ((path, results), at) in files.iter().zip(pairs) {
        let source = at.and_then(|at| sources.get(at));
        let hidden = source.map(|source| hidden(&source.bytes)).unwrap_or_default();
        let file = draft.file(path);
        add_lines(file, path, results, &hidden, n_commands > 1)?;
        for (_, metrics) in results {
            add_branches(file, path, &metrics.branches, &hidden)?;
            add_methods(file, path, &metrics.methods, &hidden)?;
        }
    }
    Ok(draft.finish(Mode::Count, name, notes))
}

fn add_lines(
    file: &mut FileDraft,
    path: &str,
    results: &[(String, Metrics)],
    hidden: &BTreeSet<u32>,
    by_command: bool,
) -> Result<(), ReadError> {
    let lists = || results.iter().filter_map(|(name, row)| Some((name, row.lines.as_ref()?)));
    // Of each line the sum, and how many lists have a count of it.
    let mut sums: Vec<(u64, usize)> = Vec::new();
    for (command, lines) in lists() {
        sums.resize(sums.len().max(lines.len()), (0, 0));
        for ((number, count), (sum, n)) in (1u32..).zip(lines).zip(&mut sums) {
            let count = count.number();
            *n += usize::from(count.is_some());
            let count = count.count(|| format!("{path}: line {number}"))?;
            *sum = sum.saturating_add(count);
            if by_command && count > 0 && !hidden.contains(&number) {
                file.hit_in(command, number);
            }
        }
    }
    let n_lists = lists().count();
    for (number, (sum, n)) in (1u32..).zip(sums).filter(|row| !hidden.contains(&row.0)) {
        if sum > 0 || n == n_lists {
            file.line(number, sum);
        }
    }
    Ok(())
}

fn add_branches(
    file: &mut FileDraft,
    path: &str,
    branches: &Pairs<Pairs<Number>>,
    hidden: &BTreeSet<u32>,
) -> Result<(), ReadError> {
    let mut names = Names::default();
    for (key, arms) in &branches.0 {
        let Some((words, span)) = place(key) else { continue };
        let name = names.unique(span, word(words));
        for (key, count) in &arms.0 {
            let Some((words, place)) = place(key) else { continue };
            if hidden.range(place.start.line..=place.end.line).next().is_some() {
                continue;
            }
            let label = match word(words) {
                word @ ("when" | "in") => format!("{word} {}", place.start),
                word => word.to_owned(),
            };
            let what = || format!("{path}: line {}, {label} of {name}", span.start.line);
            file.arm(BranchKind::Branch, span, &name, &label, count.count(what)?);
        }
    }
    Ok(())
}

fn add_methods(
    file: &mut FileDraft,
    path: &str,
    methods: &Pairs<Number>,
    hidden: &BTreeSet<u32>,
) -> Result<(), ReadError> {
    for (key, count) in &methods.0 {
        let Some((words, span)) = place(key) else { continue };
        let (class, name) = words.rsplit_once(", ").unwrap_or(("", words));
        let name = name.trim_start_matches(':').trim_matches('"');
        let name = match class.trim_matches('"') {
            "" => name.to_owned(),
            class => format!("{class}#{name}"),
        };
        if hidden.range(span.start.line..=span.end.line).next().is_none() {
            let count = count.count(|| format!("{path}: method {name}"))?;
            file.function(&name, Some(span), Some(count));
        }
    }
    Ok(())
}

/// `coverage.json`, in which nothing is left to be left out.
fn read_report(name: &str, bytes: &[u8], notes: &mut Notes) -> Result<Profile, ReadError> {
    let report: Report = json::parse(bytes)?;
    if report.coverage.0.is_empty() {
        return Err(ReadError::malformed(Place::Whole, "the report lists no files"));
    }
    let mut draft = Draft::default();
    for (path, file) in &report.coverage.0 {
        let draft = draft.file(path);
        for (number, count) in (1u32..).zip(file.lines.iter().flatten()) {
            let number_of_hits = count.number();
            if number_of_hits.is_some() {
                let count = number_of_hits.count(|| format!("{path}: line {number}"))?;
                draft.line(number, count);
            }
        }
        let mut names = Names::default();
        for arm in file.branches.iter().filter(|arm| arm.coverage.number().is_some()) {
            let span = Span::new(arm.start_line, 1, arm.end_line.saturating_add(1), 1);
            let branch = names.unique(span, &arm.kind);
            let what = || format!("{path}: line {}, {branch}", arm.start_line);
            let count = arm.coverage.number().count(what)?;
            draft.arm(BranchKind::Branch, span, &branch, &arm.kind, count);
        }
        for method in file.methods.iter().filter(|method| method.coverage.number().is_some()) {
            let span = Span::new(method.start_line, 1, method.end_line.saturating_add(1), 1);
            let what = || format!("{path}: method {}", method.name);
            let count = method.coverage.number().count(what)?;
            draft.function(&method.name, Some(span), Some(count));
        }
    }
    Ok(draft.finish(Mode::Count, name, notes))
}

/// What stands in a key before its place, and that: `[:if, 0, 2, 4, 5, 7]`.
fn place(key: &str) -> Option<(&str, Span)> {
    let mut parts = key.strip_prefix('[')?.strip_suffix(']')?.rsplitn(5, ", ");
    let mut number = || parts.next()?.trim().parse::<u32>().ok();
    let (end_column, end_line) = (number()?, number()?);
    let (start_column, start_line) = (number()?, number()?);
    let (start_column, end_column) = (start_column.saturating_add(1), end_column.saturating_add(1));
    Some((parts.next()?, Span::new(start_line, start_column, end_line, end_column)))
}

/// The word of `:if, 0`.
fn word(words: &str) -> &str {
    words.split(',').next().unwrap_or_default().trim().trim_start_matches(':')
}

/// Lines from one comment `# :nocov:` to the next, or to the end.
fn hidden(source: &[u8]) -> BTreeSet<u32> {
    let mut hidden = BTreeSet::new();
    let mut is_on = false;
    for (number, line) in (1u32..).zip(source.split(|byte| *byte == b'\n')) {
        let comment = line.trim_ascii_start().strip_prefix(b"#");
        let toggles =
            comment.is_some_and(|comment| comment.trim_ascii_start().starts_with(b":nocov:"));
        if toggles || is_on {
            hidden.insert(number);
        }
        is_on ^= toggles;
    }
    hidden
}

#[cfg(test)]
mod tests {
    use coverage::dump;

    use super::*;

    fn read_text(text: &str, source: &str) -> (String, usize) {
        let member = |name: &str, text: &str| Member {
            name: name.to_owned(),
            bytes: text.as_bytes().to_vec(),
            is_companion: name.ends_with(".rb"),
        };
        let (data, source) = (member("r.json", text), member("a.rb", source));
        let members: Vec<_> =
            if source.bytes.is_empty() { vec![&data] } else { vec![&data, &source] };
        let mut notes = Notes::default();
        let [(_, profile)] = <[_; 1]>::try_from(read(&members, &mut notes)).unwrap();
        (dump::write(&profile.unwrap()), notes.all().len())
    }

    #[test]
    fn commands_are_added_up_as_simplecov_does() {
        let text = r#"{"a":{"coverage":{"/p/a.rb":[null,1,0,0,2]},"timestamp":1.5},
            "b":{"coverage":{"/p/a.rb":{"lines":[0,null,0,3]},"/p/b.rb":[0]}}}"#;
        assert!(is_result_set(text.as_bytes()) && !is_report(text.as_bytes()));
        let expected = "mode count\npackage /p - -\nfile /p/a.rb\nfunction -\nline 2 1\nline 3 0\n\
                        line 4 3\nline 5 2\ncontext a 2 5\ncontext b 4\nfile /p/b.rb\n\
                        function -\nline 1 0\n";
        assert_eq!(read_text(text, ""), (expected.to_owned(), 1));
    }

    #[test]
    fn hidden_lines_are_left_out_with_the_source() {
        let text = r#"{"a":{"coverage":{"/p/a.rb":{"lines":[1,null,0,null,1],"branches":{
            "[:if, 0, 3, 0, 3, 9]":{"[:then, 1, 3, 2, 3, 4]":0},
            "[:case, 2, 5, 0, 9, 3]":{"[:when, 3, 6, 2, 6, 3]":4,"[:when, 4, 7, 2, 7, 3]":0,
            "[:else, 5, 5, 0, 9, 3]":0},"[:case, 6, 5, 0, 9, 3]":{"[:else, 7, 5, 0, 9, 3]":1}},
            "methods":{"[A::B, :f=, 1, 2, 2, 5]":7,"[\"A\", :g, 5, 2, 6, 5]":0}}}}}"#;
        let (dump, n_notes) = read_text(text, "a\n # :nocov:\nb\n# :nocov:\nc\n");
        let expected = "mode count\npackage /p - -\nfile /p/a.rb\nfunction -\nline 1 1\nline 5 1\n\
                        function A#g 5.3,6.6 0\nbranch 5.1,9.4 case when%206.3=4 when%207.3=0 else=0\n\
                        branch 5.1,9.4 case-2 else=1\n";
        assert_eq!((dump.as_str(), n_notes), (expected, 0));
    }

    #[test]
    fn reports_have_words_among_the_counts() {
        let text = r#"{"meta":{"simplecov_version":"1.0.0"},"coverage":{"a.rb":{
            "lines":[null,2,"ignored",0],"branches":[{"type":"then","start_line":2,"end_line":3,
            "coverage":1},{"type":"else","start_line":2,"end_line":2,"coverage":"ignored"}],
            "methods":[{"name":"A#f","start_line":1,"end_line":4,"coverage":2}]}}}"#;
        let expected = "mode count\npackage - - -\nfile a.rb\nfunction -\nline 2 2\nline 4 0\n\
                        function A#f 1,4 2\nbranch 2,3 then then=1\n";
        assert_eq!(read_text(text, "x"), (expected.to_owned(), 0));
    }
}
