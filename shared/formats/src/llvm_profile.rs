//! What programs instrumented by LLVM counted (clang's `-fprofile-instr-generate
//! -fcoverage-mapping`, rustc's `-C instrument-coverage`, Swift's `-profile-coverage-mapping`):
//! `.profraw` as the program writes it (`llvm_raw`), or `.profdata` as
//! `llvm-profdata merge` does (`llvm_indexed`), together with the program.
//!
//! Such files only hold counters by function; where they are in the source is said by the coverage
//! map in the program itself (`llvm_binary`). All profiles that are given
//! together are added up, on the maps of all binaries, as `llvm-cov` does for several objects.
//!
//! A profile that names the build that it is of is only read with binaries of that build, and one
//! of which no function is in the binary, or every function is another, is refused. Single
//! functions that do not fit are left out and counted.
//!
//! Not kept: single instantiations, test vectors of MC/DC, values and times of calls.

use std::collections::HashSet;

use coverage::{Mode, Profile};

use crate::llvm_binary::{Binary, is_binary};
use crate::llvm_counts::{Counts, hex};
use crate::llvm_mapping::{self, Counting};
use crate::llvm_report::Report;
use crate::{
    Format, Member, Notes, Place, Read, ReadError, Results, Together, limits, llvm_binary,
    llvm_indexed, llvm_raw,
};

/// The format.
pub const FORMAT: Format = Format {
    id: "llvm_profile",
    name: "LLVM profile with its program",
    extensions: &["profraw", "profdata"],
    sniff: |head| llvm_raw::layout(head).is_some() || head.starts_with(llvm_indexed::MAGIC),
    read: Read::Together(Together { companion: |_, head| is_binary(head), read }),
    write: None,
};

/// A file of counters.
struct Source<'a> {
    name: &'a str,
    counts: Counts,
}

/// A binary with maps.
struct Program<'a> {
    name: &'a str,
    binary: Binary<'a>,
}

/// One profile of all files of counters that fit the binaries, named as the first of them, and an
/// error for each that does not.
fn read(members: &[&Member], notes: &mut Notes) -> Results {
    let mut results = Results::new();
    let mut programs = Vec::new();
    let mut unread = Vec::new();
    for member in members.iter().filter(|member| member.is_companion) {
        match llvm_binary::read(&member.bytes) {
            Ok(Some(binary)) => programs.push(Program { name: &member.name, binary }),
            Ok(None) => notes.add(
                &member.name,
                "no coverage map in it: it was not built with -fcoverage-mapping or \
                 -C instrument-coverage, or its sections were stripped",
            ),
            Err(error) => unread.push((member.name.clone(), error)),
        }
    }
    let mut sources = Vec::new();
    for member in members.iter().filter(|member| !member.is_companion) {
        let read = if member.bytes.starts_with(llvm_indexed::MAGIC) {
            llvm_indexed::read
        } else {
            llvm_raw::read
        };
        let name = member.name.as_str();
        match read(name, &member.bytes, notes) {
            Ok(counts) => match fits(&counts, &programs) {
                Ok(()) => sources.push(Source { name, counts }),
                Err(error) => results.push((member.name.clone(), Err(error))),
            },
            Err(error) => results.push((member.name.clone(), Err(error))),
        }
    }
    if let Some(first) = sources.first().map(|source| source.name.to_owned()) {
        let profile = together(sources, &programs, notes);
        results.push((first, profile));
    }
    results.extend(unread.into_iter().map(|(name, error)| (name, Err(error))));
    results
}

/// Whether a binary of the build that these counts are of is there.
fn fits(counts: &Counts, programs: &[Program<'_>]) -> Result<(), ReadError> {
    let ids: Vec<String> = counts.build_ids.iter().map(|id| hex(id)).collect();
    let of_build = match ids.len() {
        0 => String::new(),
        _ => format!(" (build id {})", ids.join(", ")),
    };
    if programs.is_empty() {
        let reason = format!(
            "it holds counters of {} functions, but not where those are: add the program or \
             library{of_build} that wrote it, as it was built with -fprofile-instr-generate \
             -fcoverage-mapping or -C instrument-coverage",
            counts.n_functions(),
        );
        return Err(ReadError::unsupported(Place::Whole, reason));
    }
    if ids.is_empty() || programs.iter().any(|program| is_of(program, counts)) {
        return Ok(());
    }
    let others: Vec<String> = programs.iter().map(described).collect();
    let reason = format!(
        "it was written by another build{of_build} than {}: its counters say nothing about that",
        others.join(", ")
    );
    Err(ReadError::malformed(Place::Whole, reason))
}

fn is_of(program: &Program<'_>, counts: &Counts) -> bool {
    let id = program.binary.build_id.as_ref();
    id.is_none_or(|id| counts.build_ids.is_empty() || counts.build_ids.contains(id))
}

fn described(program: &Program<'_>) -> String {
    match &program.binary.build_id {
        Some(id) => format!("{} (build id {})", program.name, hex(id)),
        None => program.name.to_owned(),
    }
}

/// The profile of all counts on all maps.
fn together(
    sources: Vec<Source<'_>>,
    programs: &[Program<'_>],
    notes: &mut Notes,
) -> Result<Profile, ReadError> {
    let name = sources.first().map(|source| source.name.to_owned()).unwrap_or_default();
    let mut used = Vec::new();
    for program in programs {
        if sources.iter().any(|source| is_of(program, &source.counts)) {
            used.push(program);
        } else {
            let note = format!("{} is of no build that counted, and left out", described(program));
            notes.add(program.name, note);
        }
    }
    let mut counts = Counts::default();
    let others: Vec<&str> = sources.iter().skip(1).map(|source| source.name).collect();
    if !others.is_empty() {
        let (last, more) = (others.last().copied().unwrap_or_default(), others.len() - 1);
        let more = if more > 0 { format!(" and {more} more") } else { String::new() };
        notes.add(&name, format!("counts of {last}{more} are added"));
    }
    for Source { name, counts: more } in sources {
        let n_misfits = counts.merge(more);
        if n_misfits > 0 {
            let note = format!("{n_misfits} functions have other counters than before: left out");
            notes.add(name, note);
        }
    }

    let mut report = Report::default();
    let mut said = Said::default();
    for program in &used {
        add(program, &counts, &mut report, &mut said)?;
    }
    said.check(&counts, &used)?;
    said.note(&name, notes);

    let mode = if counts.is_set { Mode::Set } else { Mode::Count };
    Ok(report.finish(mode, &name, notes))
}

/// What was met on the way.
#[derive(Default)]
struct Said {
    n_regions: usize,
    /// Test vectors and pairs that were looked at.
    vectors: usize,
    /// Functions of the binaries that have counts.
    n_counted: u64,
    /// Functions whose body is another, and how the first of them differs.
    n_changed: u64,
    first_changed: String,
    n_short: u64,
    n_negative: u64,
    n_decisions: u64,
    known: HashSet<(Vec<usize>, String)>,
}

impl Said {
    /// Whether profile and binaries have anything to do with each other.
    fn check(&self, counts: &Counts, used: &[&Program<'_>]) -> Result<(), ReadError> {
        if self.n_counted > 0 || counts.n_functions() == 0 {
            return Ok(());
        }
        let others: Vec<&str> = used.iter().map(|program| program.name).collect();
        let reason = if self.n_changed > 0 {
            format!(
                "all {} functions have another structure in {} ({}): it is of another build",
                self.n_changed,
                others.join(", "),
                self.first_changed
            )
        } else {
            format!(
                "none of the {} functions that it counts is in {}: it is of another program",
                counts.n_functions(),
                others.join(", ")
            )
        };
        Err(ReadError::malformed(Place::Whole, reason))
    }

    fn note(&self, name: &str, notes: &mut Notes) {
        if self.n_changed > 0 {
            notes.add(
                name,
                format!(
                    "{} functions have mismatched data and are left out ({})",
                    self.n_changed, self.first_changed
                ),
            );
        }
        for (n, what) in [
            (self.n_short, "functions have fewer counters than their map needs, and are left out"),
            (self.n_negative, "counts came out below 0, as threads raced, and are 0"),
            (self.n_decisions, "decisions can't be evaluated, and are left out"),
        ] {
            if n > 0 {
                notes.add(name, format!("{n} {what}"));
            }
        }
    }
}

fn add(
    program: &Program<'_>,
    counts: &Counts,
    report: &mut Report,
    said: &mut Said,
) -> Result<(), ReadError> {
    let Binary { files, names, functions, .. } = &program.binary;
    let of_program = |mut error: ReadError| {
        error.reason = format!("{}: {}", program.name, error.reason).into();
        error
    };
    for function in functions {
        let map = llvm_mapping::read(function.map, function.n_files).map_err(of_program)?;
        said.n_regions = said.n_regions.saturating_add(map.n_regions());
        if said.n_regions > limits::REGIONS {
            return Err(ReadError::limit(Place::Whole, "more regions than any program has"));
        }
        let path = |index: &usize| files.get(function.first_file.saturating_add(*index));
        let paths: Vec<&str> = map.files.iter().filter_map(path).map(String::as_str).collect();
        let hash = function.name;
        let name = names.get(&hash).map_or_else(|| format!("{hash:016x}"), String::clone);
        let bodies = counts.of(hash);
        let body = bodies.iter().find(|body| body.hash == function.hash);
        if let (Some(other), None) = (bodies.first(), body) {
            // One that is only seen in this binary may be used in another.
            if function.hash != 0 || !map.is_dummy() {
                if said.n_changed == 0 {
                    said.first_changed = format!(
                        "{name} has hash {:016x} in {}, {:016x} in the profile",
                        function.hash, program.name, other.hash
                    );
                }
                said.n_changed += 1;
            }
            continue;
        }
        if map.is_empty_region() && body.is_some_and(|body| body.counts.first() > Some(&0)) {
            continue;
        }
        said.n_counted += u64::from(body.is_some());
        let shown = paths.first().and_then(|path| name.strip_prefix(path)?.get(1..));
        let shown = shown.unwrap_or(&name).to_owned();
        let ids: Vec<usize> = paths.iter().map(|path| report.file(path)).collect();
        if said.known.contains(&(ids.clone(), shown.clone())) {
            continue;
        }
        let mut budget = limits::VECTORS.saturating_sub(said.vectors);
        let left = budget;
        let counting = Counting { body, old_vectors: counts.old_vectors, budget: &mut budget };
        let counted = map.count(shown.clone(), counting);
        said.vectors += left - budget;
        let Some((mut record, odd)) = counted else {
            said.n_short += 1;
            continue;
        };
        said.n_negative += odd.n_negative;
        said.n_decisions += odd.n_decisions;
        record.files.clone_from(&ids);
        said.known.insert((ids, shown));
        report.add(record);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use coverage::dump;

    use super::*;
    use crate::llvm_binary::Function;
    use crate::llvm_counts::Counted;

    /// One file; the whole function, counted by the first counter.
    const MAP: &[u8] = &[1, 0, 0, 1, 1, 1, 1, 2, 2];

    fn program(name: &'static str, hash: u64, id: Option<&[u8]>) -> Program<'static> {
        let function = Function { name: 7, hash, map: MAP, first_file: 0, n_files: 1 };
        let binary = Binary {
            files: vec!["a.c".to_owned()],
            names: BTreeMap::from([(7, "f".to_owned())]),
            functions: vec![function],
            build_id: id.map(<[u8]>::to_vec),
        };
        Program { name, binary }
    }

    fn source(function: u64, hash: u64, id: Option<&[u8]>) -> Source<'static> {
        let mut counts = Counts::default();
        counts.build_ids.extend(id.map(<[u8]>::to_vec));
        counts.add(function, Counted { hash, counts: vec![4], bitmap: Vec::new() });
        Source { name: "a.profraw", counts }
    }

    /// What comes of them: the dump and the notes, or the error.
    fn said(sources: Vec<Source<'_>>, programs: &[Program<'_>]) -> String {
        let mut notes = Notes::default();
        let fit = sources.iter().try_for_each(|source| fits(&source.counts, programs));
        let profile = fit.and_then(|()| together(sources, programs, &mut notes));
        let mut said =
            profile.map_or_else(|error| error.to_string(), |profile| dump::write(&profile));
        for note in notes.all() {
            said += &format!("{}: {}\n", note.file, note.what);
        }
        said
    }

    const READ: &str = "mode count\npackage - - -\nfile a.c\nfunction -\n";

    #[test]
    fn counts_of_several_runs_are_added() {
        let said = said(vec![source(7, 1, None), source(7, 1, None)], &[program("p", 1, None)]);
        let expected = "region 1.1,3.2 8\nfunction f 1.1,3.2 8\nline 1 8\nline 2 8\nline 3 8\n\
                        a.profraw: counts of a.profraw are added\n";
        assert_eq!(said, format!("{READ}{expected}"));
    }

    #[test]
    fn a_function_that_was_never_met_did_not_run() {
        let mut source = source(7, 1, None);
        let mut program = program("p", 1, None);
        program.binary.functions.push(Function { name: 9, ..program.binary.functions[0] });
        program.binary.functions[1].map = &[1, 0, 0, 1, 1, 9, 1, 0, 5];
        source.counts.is_set = true;
        let said = said(vec![source], &[program]);
        assert!(
            said.starts_with("mode set\n") && said.contains("function f 1.1,3.2 1\n"),
            "{said}"
        );
        assert!(said.contains("function 0000000000000009 9.1,9.5 0\n"), "{said}");
    }

    #[test]
    fn without_its_program_a_profile_says_what_is_missing() {
        let said = said(vec![source(7, 1, Some(b"\xab\x01"))], &[]);
        let expected = "it holds counters of 1 functions, but not where those are: add the \
                        program or library (build id ab01) that wrote it";
        assert!(said.starts_with(expected), "{said}");
    }

    #[test]
    fn another_build_is_refused_with_both_ids() {
        let programs = [program("p", 1, Some(b"\x02"))];
        let other = said(vec![source(7, 1, Some(b"\x01"))], &programs);
        let expected = "it was written by another build (build id 01) than p (build id 02)";
        assert!(other.starts_with(expected), "{other}");
        let both = [program("p", 1, Some(b"\x02")), program("q", 1, Some(b"\x01"))];
        let one = said(vec![source(7, 1, Some(b"\x01"))], &both);
        assert!(
            one.ends_with("p: p (build id 02) is of no build that counted, and left out\n"),
            "{one}"
        );
    }

    #[test]
    fn another_structure_is_refused_with_both_hashes() {
        let said =
            |function, hash| said(vec![source(function, hash, None)], &[program("p", 2, None)]);
        let expected = "all 1 functions have another structure in p (f has hash 0000000000000002 \
                        in p, 0000000000000001 in the profile): it is of another build";
        assert_eq!(said(7, 1), expected);
        let expected = "none of the 1 functions that it counts is in p: it is of another program";
        assert_eq!(said(8, 1), expected);
    }
}
