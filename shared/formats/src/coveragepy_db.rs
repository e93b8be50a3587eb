//! coverage.py's data file, `.coverage`, an SQLite database.
//!
//! ```text
//! coverage_schema  version                            7 since coverage.py 5.0
//! meta             key, value                         has_arcs, version
//! file             id, path
//! context          id, context                        "" outside of any
//! line_bits        file_id, context_id, numbits       bit n of the blob: line n ran
//! arc              file_id, context_id, fromno, tono  with branches, instead; negative: exits
//! ```
//!
//! Spec: <https://coverage.readthedocs.io/en/latest/dbschema.html>.
//!
//! The file says which lines ran, not which could: coverage.py compiles the sources for that when
//! it reports. With the `.py` files beside it they are parsed here, by rules that come to the same
//! for nearly all code, and lines are those of `coverage report` with its default settings. What
//! only a `.coveragerc` says, as lines that it excludes, is not known. Without its source a file
//! has only the lines that ran.
//!
//! What the model can't keep: arcs, of which coverage.py makes branches by analyzing the code. For
//! branches take the report of `coverage json`.

use std::collections::{BTreeMap, BTreeSet};

use coverage::{Mode, Profile, Span};

use crate::companions::pairs;
use crate::draft::{Draft, FileDraft};
use crate::python::{self, Exclude, Source};
use crate::sqlite::{Database, MAGIC, Value};
use crate::{Format, Member, Notes, Place, Read, ReadError, Results, Together, limits};

/// The format.
pub const FORMAT: Format = Format {
    id: "coveragepy_db",
    name: "coverage.py data file",
    extensions: &["coverage", "sqlite", "db"],
    sniff,
    read: Read::Together(Together {
        companion: |name, _| name.ends_with(".py") || name.ends_with(".pyw"),
        read,
    }),
    write: None,
};

fn sniff(head: &[u8]) -> bool {
    let has = |text: &[u8]| head.windows(text.len()).any(|window| window == text);
    head.starts_with(MAGIC) && (has(b"coverage_schema") || has(b"numbits"))
}

/// The profiles of data files, with what the sources among the members say.
fn read(members: &[&Member], notes: &mut Notes) -> Results {
    let sources: Vec<&Member> =
        members.iter().copied().filter(|member| member.is_companion).collect();
    let data = members.iter().filter(|member| !member.is_companion);
    data.map(|member| {
        let name = member.name.clone();
        let profile = Data::read(&name, &member.bytes, notes)
            .and_then(|data| data.profile(&name, &sources, notes));
        (name, profile)
    })
    .collect()
}

/// What a data file holds.
#[derive(Default)]
struct Data {
    files: BTreeMap<i64, Ran>,
    contexts: BTreeMap<i64, String>,
    has_arcs: bool,
    /// Version of coverage.py that wrote it: the first two numbers.
    version: (u32, u32),
    n_unknown: u64,
}

/// What ran of a file.
#[derive(Default)]
struct Ran {
    path: String,
    /// By context a bit for each line, the lowest of the first byte that of line 0, as the
    /// database has them.
    bits: BTreeMap<i64, Vec<u8>>,
    /// By context; the line. Those at the ends of arcs.
    lines: BTreeSet<(i64, u32)>,
}

impl Ran {
    /// Contexts, each with the lines that ran in it.
    fn by_context(&self) -> impl Iterator<Item = (i64, u32)> {
        let in_bits = self
            .bits
            .iter()
            .flat_map(|(&context, bits)| lines(bits).map(move |line| (context, line)));
        in_bits.chain(self.lines.iter().copied())
    }

    /// Lines that ran in any context, ascending.
    fn lines(&self) -> BTreeSet<u32> {
        let mut all: Vec<u8> = Vec::new();
        self.bits.values().for_each(|bits| add_bits(&mut all, bits));
        lines(&all).chain(self.lines.iter().map(|(_, line)| *line)).collect()
    }
}

/// Lines whose bits are set, ascending; line 0 is none.
fn lines(bits: &[u8]) -> impl Iterator<Item = u32> {
    let set = |(byte, index): (&u8, u32)| {
        let byte = *byte;
        let bits = (0..8).filter(move |bit| byte >> bit & 1 == 1);
        bits.map(move |bit| index.saturating_mul(8).saturating_add(bit))
    };
    bits.iter().zip(0u32..).flat_map(set).filter(|line| (1..=limits::LINE).contains(line))
}

/// Sets bits that are set in others, too.
fn add_bits(bits: &mut Vec<u8>, more: &[u8]) {
    bits.resize(bits.len().max(more.len()), 0);
    bits.iter_mut().zip(more).for_each(|(bits, more)| *bits |= more);
}

impl Data {
    fn read(name: &str, bytes: &[u8], notes: &mut Notes) -> Result<Self, ReadError> {
        let database = Database::open(bytes)?;
        if database.has_log() {
            notes.add(name, "has a write-ahead log: what stands in that is not read");
        }
        let mut data = Self::default();
        let mut schema = None;
        database.rows("coverage_schema", |_, row| {
            schema = row.first().and_then(Value::integer);
            Ok(())
        })?;
        if schema != Some(7) {
            let reason = match schema {
                Some(schema) => format!("version {schema} of coverage.py's tables is not known"),
                None => "no data of coverage.py in this database".to_owned(),
            };
            return Err(ReadError::unsupported(Place::Whole, reason));
        }
        database.rows("meta", |_, row| {
            if let [key, value, ..] = row {
                match key.text() {
                    Some("has_arcs") => data.has_arcs = value.text() == Some("1"),
                    Some("version") => data.version = version(value.text().unwrap_or_default()),
                    _ => {}
                }
            }
            Ok(())
        })?;
        database.rows("file", |id, row| {
            let path = row.get(1).and_then(Value::text).unwrap_or_default().to_owned();
            data.files.insert(id, Ran { path, ..Ran::default() });
            Ok(())
        })?;
        database.rows("context", |id, row| {
            let context = row.get(1).and_then(Value::text).unwrap_or_default();
            data.contexts.insert(id, context.to_owned());
            Ok(())
        })?;
        database.rows("line_bits", |_, row| {
            if let [file, context, Value::Blob(bits), ..] = row
                && let Some(ran) = data.ran(file)
            {
                let context = context.integer().unwrap_or(0);
                add_bits(ran.bits.entry(context).or_default(), bits);
            }
            Ok(())
        })?;
        database.rows("arc", |_, row| {
            if let [file, context, from, to, ..] = row
                && let Some(ran) = data.ran(file)
            {
                // Exits are below zero.
                let line = |value: &Value| u32::try_from(value.integer()?).ok();
                let lines = [from, to].into_iter().filter_map(line);
                let lines = lines.filter(|line| (1..=limits::LINE).contains(line));
                let context = context.integer().unwrap_or(0);
                ran.lines.extend(lines.map(|line| (context, line)));
            }
            Ok(())
        })?;
        if data.n_unknown > 0 {
            let n_unknown = data.n_unknown;
            notes.add(name, format!("{n_unknown} rows of files that it does not list"));
        }
        Ok(data)
    }

    /// What ran of a file; `None` if it is not listed.
    fn ran(&mut self, file: &Value<'_>) -> Option<&mut Ran> {
        let ran = file.integer().and_then(|file| self.files.get_mut(&file));
        self.n_unknown += u64::from(ran.is_none());
        ran
    }

    fn profile(
        &self,
        name: &str,
        sources: &[&Member],
        notes: &mut Notes,
    ) -> Result<Profile, ReadError> {
        if self.files.is_empty() {
            return Err(ReadError::malformed(Place::Whole, "the data file lists no files"));
        }
        let paths: Vec<&str> = self.files.values().map(|ran| ran.path.as_str()).collect();
        let names: Vec<&str> = sources.iter().map(|source| source.name.as_str()).collect();
        let exclude = if self.version >= (7, 10) { Exclude::Types } else { Exclude::Comments };
        let mut n_bare = 0u64;
        let mut draft = Draft::default();
        for (ran, at) in self.files.values().zip(pairs(&paths, &names)) {
            let member = at.and_then(|at| sources.get(at));
            let mut source = member.and_then(|member| python::parse(&member.bytes, exclude));
            let past =
                |source: &Source| ran.lines().iter().any(|line| source.first(*line).is_none());
            if let (Some(member), Some(true)) = (member, source.as_ref().map(past)) {
                let why = "has fewer lines than ran: it is another version, and is not used";
                notes.add(name, format!("{}: {} {why}", ran.path, member.name));
                source = None;
            }
            let file = draft.file(&ran.path);
            match source {
                Some(source) => self.add_with(file, ran, &source),
                None => {
                    n_bare += 1;
                    self.add(file, ran);
                }
            }
        }
        if n_bare > 0 {
            let why = "without source: of these only the lines that ran are known, so that all \
                       seem covered; add the .py files, or take the report of `coverage json`";
            notes.add(name, format!("{n_bare} files {why}"));
        }
        if n_bare < paths.len() as u64 {
            let why = "lines that can run are found by parsing the sources: excluded are those of \
                       coverage.py's defaults, not those of a configuration";
            notes.add(name, why);
        }
        if self.has_arcs {
            let why = "branches are not worked out: the report of `coverage json` has them";
            notes.add(name, why);
        }
        Ok(draft.finish(Mode::Set, name, notes))
    }

    /// A file of which the source is not there.
    fn add(&self, draft: &mut FileDraft, ran: &Ran) {
        ran.lines().into_iter().for_each(|line| draft.line(line, 1));
        ran.by_context().for_each(|(context, line)| self.hit(draft, context, line));
    }

    fn add_with(&self, draft: &mut FileDraft, ran: &Ran, source: &Source) {
        let mut hit = BTreeSet::new();
        for (context, line) in ran.by_context() {
            let line = source.first(line).unwrap_or(line);
            if source.statements.contains_key(&line) {
                hit.insert(line);
                self.hit(draft, context, line);
            }
        }
        let mut functions: BTreeMap<usize, bool> = BTreeMap::new();
        for (line, function) in &source.statements {
            draft.line(*line, u64::from(hit.contains(line)));
            if let Some(function) = function {
                *functions.entry(*function).or_default() |= hit.contains(line);
            }
        }
        for (index, is_hit) in functions {
            if let Some((function, line)) = source.functions.get(index) {
                draft.function(function, Some(Span::line(*line)), Some(u64::from(is_hit)));
            }
        }
    }

    fn hit(&self, draft: &mut FileDraft, context: i64, line: u32) {
        if let Some(context) = self.contexts.get(&context).filter(|name| !name.is_empty()) {
            draft.hit_in(context, line);
        }
    }
}

fn version(text: &str) -> (u32, u32) {
    let mut numbers = text.split('.').map(|number| number.parse().unwrap_or(0));
    (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_two_numbers() {
        assert_eq!(
            (version("7.17.3"), version("7.10.0a1"), version("x")),
            ((7, 17), (7, 10), (0, 0))
        );
    }
}
