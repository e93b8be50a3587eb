//! Execution data of JaCoCo, `.exec` and Android's `.ec`, with the classes that it was made for.
//!
//! ```text
//! u8 01, u16 C0C0, u16 version 1007                       a header, again where files are joined
//! u8 10, text id, u64 start, u64 end                      a session; times in milliseconds
//! u8 11, u64 class id, text name, probes                  what was passed of a class
//! text: u16 length, UTF-8    probes: number in groups of 7 bits, then a bit for each, low first
//! ```
//!
//! Spec: JaCoCo's `ExecutionDataWriter` documentation. All numbers are big-endian. The data only
//! says which probes were passed: lines, instructions, branches and methods come from the class
//! files, which have to be those that ran. A class is known by the CRC-64 of its bytes. What is
//! read then is what a report of JaCoCo says of all classes that are given (`jacoco_flow.rs`),
//! without what compilers add (`jacoco_filters.rs`).
//!
//! Without classes each class that was loaded is a function, and its probes are instructions of the
//! first line of `NAME.class`.
//!
//! Not kept: sessions, complexity, classes of Java 5 and older with subroutines, and instructions
//! without a line, unless their class does not name a source: then it stands for that, as
//! `NAME.class`, and they are at its first line. Of JaCoCo's filters those for `try` with resources of
//! Eclipse's compiler and before Java 11 are not there: such code counts.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet, HashMap};

use coverage::{BranchKind, Fraction, Mode, Profile, Span};

use crate::bytes::{Cursor, malformed};
use crate::draft::{Draft, Join};
use crate::jacoco_inline::{self, Inlined, Pieces};
use crate::jacoco_view::View;
use crate::java_class::{self, Class};
use crate::limits::Budget;
use crate::{Format, Member, Notes, Place, Read, ReadError, Results, Together};
use crate::{jacoco_filters, jacoco_flow, jacoco_xml, java_code};

/// The format.
pub const FORMAT: Format = Format {
    id: "jacoco_exec",
    name: "JaCoCo execution data",
    extensions: &["exec", "ec"],
    sniff: |head| head.starts_with(&[1, 0xc0, 0xc0]),
    read: Read::Together(Together { companion: |_, head| java_class::sniff(head), read }),
    write: None,
};

/// What was passed of a class.
struct Passed {
    name: String,
    probes: Vec<bool>,
}

/// A class that was given.
struct Given<'a> {
    name: &'a str,
    id: u64,
    class: Class<'a>,
}

/// A profile for each file of execution data, in the order of their names.
fn read(members: &[&Member], notes: &mut Notes) -> Results {
    let mut members = members.to_vec();
    members.sort_by(|a, b| a.name.cmp(&b.name));
    let mut results = Results::new();
    let mut classes: Vec<Given<'_>> = Vec::new();
    for member in members.iter().filter(|member| member.is_companion) {
        match java_class::read(&member.bytes) {
            Ok(class) => {
                classes.push(Given { name: &member.name, id: class_id(&member.bytes), class });
            }
            Err(error) => results.push((member.name.clone(), Err(error))),
        }
    }
    for member in members.iter().filter(|member| !member.is_companion) {
        let profile = passed(&member.bytes).and_then(|passed| {
            if classes.is_empty() {
                Ok(without_classes(&passed, &member.name, notes))
            } else {
                with_classes(&passed, &classes, &member.name, notes)
            }
        });
        results.push((member.name.clone(), profile));
    }
    results
}

/// The classes in execution data, by id. Of a class that comes again, probes of either count.
fn passed(bytes: &[u8]) -> Result<BTreeMap<u64, Passed>, ReadError> {
    let mut cursor = Cursor::new(bytes);
    let mut found: BTreeMap<u64, Passed> = BTreeMap::new();
    while cursor.remaining() > 0 {
        let offset = cursor.offset();
        match cursor.byte("a block")? {
            0x01 => {
                let head = cursor.array::<4>("the head")?;
                if let [0xc0, 0xc0, rest @ ..] = head {
                    let version = u16::from_be_bytes(rest);
                    if version != 0x1007 {
                        let reason =
                            format!("version {version:04x} is not that of JaCoCo 0.5 and later");
                        return Err(ReadError::unsupported(Place::Byte(offset + 3), reason));
                    }
                } else {
                    return Err(malformed(offset, "no head of execution data"));
                }
            }
            0x10 => {
                text(&mut cursor)?;
                cursor.take(16, "a session")?;
            }
            0x11 => {
                let id = cursor.array("a class").map(u64::from_be_bytes)?;
                let name = text(&mut cursor)?;
                let n_probes = usize::try_from(cursor.uleb("probes")?).unwrap_or(usize::MAX);
                let bits = cursor.take(n_probes.div_ceil(8), "probes")?;
                let all = bits.iter().flat_map(|byte| (0..8).map(move |bit| byte >> bit & 1 != 0));
                let probes = all.take(n_probes);
                match found.get_mut(&id) {
                    Some(known) if known.name != name || known.probes.len() != n_probes => {
                        let reason = format!(
                            "class {id:016x} is {name} with {n_probes} probes here, and {} with {} before",
                            known.name,
                            known.probes.len()
                        );
                        return Err(ReadError::malformed(Place::Byte(offset), reason));
                    }
                    Some(known) => {
                        known.probes.iter_mut().zip(probes).for_each(|(known, new)| *known |= new);
                    }
                    None => {
                        found.insert(id, Passed { name, probes: probes.collect() });
                    }
                }
            }
            _ => return Err(malformed(offset, "a block of an unknown kind")),
        }
    }
    Ok(found)
}

fn text(cursor: &mut Cursor<'_>) -> Result<String, ReadError> {
    let length = cursor.array("a text").map(u16::from_be_bytes)?;
    let bytes = cursor.take(usize::from(length), "a text")?;
    Ok(String::from_utf8_lossy(bytes).into_owned())
}

/// The CRC-64 of ISO 3309 of a class file. JaCoCo took classes of Java 9 for ones of Java 8 once,
/// and their ids have stayed those.
fn class_id(bytes: &[u8]) -> u64 {
    let is_nine = bytes.get(6..8) == Some(&[0, 53]);
    (0..).zip(bytes).fold(0u64, |sum, (at, &byte)| {
        let byte = if is_nine && at == 7 { 52 } else { byte };
        let mut sum = sum ^ u64::from(byte);
        for _ in 0..8 {
            sum = if sum & 1 == 1 { sum >> 1 ^ 0xd800_0000_0000_0000 } else { sum >> 1 };
        }
        sum
    })
}

fn without_classes(passed: &BTreeMap<u64, Passed>, name: &str, notes: &mut Notes) -> Profile {
    let note =
        "no class files were given: classes stand for functions, and their probes for instructions";
    notes.add(name, note);
    let mut draft = Draft::new(Join::Max);
    for row in passed.values() {
        let outer = row.name.split('$').next().filter(|name| !name.ends_with('/'));
        let package =
            outer.and_then(|name| name.rsplit_once('/')).map_or("", |(package, _)| package);
        let path = format!("{}.class", outer.unwrap_or(&row.name));
        let simple = row.name.rsplit('/').next().unwrap_or(&row.name);
        let file = draft.file_in(package, "", &path);
        let n_passed = row.probes.iter().filter(|was_passed| **was_passed).count();
        file.function(simple, None, Some(u64::from(n_passed > 0)));
        let small = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
        let (covered, total) = (small(n_passed), small(row.probes.len()));
        file.tally(BranchKind::Instruction, Span::line(1), simple, covered, total);
    }
    draft.finish(Mode::Set, name, notes)
}

/// Lines of a source file: instructions and branches.
type Lines = BTreeMap<u32, (Fraction, Fraction)>;

fn with_classes(
    passed: &BTreeMap<u64, Passed>,
    classes: &[Given<'_>],
    name: &str,
    notes: &mut Notes,
) -> Result<Profile, ReadError> {
    check_builds(passed, classes, name, notes)?;
    let mut seen: BTreeSet<&str> = BTreeSet::new();
    // Of several builds of a class, that which ran.
    let mut classes: Vec<_> = classes.iter().collect();
    classes.sort_by_key(|given| !passed.contains_key(&given.id));
    let mut told: Vec<(&Class<'_>, ToldClass)> = Vec::new();
    let mut pieces = Pieces::new();
    let mut joins = Budget::of_names();
    let texts: Vec<_> = classes.iter().map(|given| debug_text(&given.class)).collect();
    for (given, text) in classes.into_iter().zip(&texts) {
        let class = &given.class;
        if class.access & MODULE != 0 {
            continue;
        }
        if !seen.insert(&class.name) {
            notes.add(given.name, "holds a class that another file holds, too, and is left out");
            continue;
        }
        let inlined = text.as_deref().map(|text| jacoco_inline::read(text, &class.name));
        if matches!(inlined, Some(None)) {
            let note = "tells of lines of other sources in an unknown way: what is inlined counts";
            notes.add(given.name, note);
        }
        let inlined = inlined.flatten().unwrap_or_default();
        let probes = passed.get(&given.id).map(|row| row.probes.as_slice()).unwrap_or_default();
        let methods = match methods(class, probes, &inlined, &mut pieces, &mut joins) {
            Ok(Some(methods)) => methods,
            Ok(None) => {
                notes.add(given.name, "has subroutines of Java 5 or older, and is left out");
                continue;
            }
            Err(error) => {
                notes.add(given.name, format!("{error}, and is left out"));
                continue;
            }
        };
        if class.source.is_none() && !methods.is_empty() {
            notes.add(given.name, "does not name its source, and stands for that itself");
        }
        if !methods.is_empty() {
            told.push((class, ToldClass::of(methods)));
        }
    }
    let mut draft = Draft::new(Join::Max);
    let mut files: BTreeMap<(&str, Cow<'_, str>), Lines> = BTreeMap::new();
    for (class, mut told) in told {
        if let Some(piece) = pieces.get(class.name.as_str()) {
            told.add_piece(piece);
        }
        let package = class.name.rsplit_once('/').map_or("", |(package, _)| package);
        let source = source(class, package);
        let n_names = told.methods.len() + 1;
        joins.take(n_names.saturating_mul(class.name.len() + source.len()))?;
        let prefix = prefix(class, package, &source);
        let file = draft.file_in(package, "", &joined(package, &source));
        for method in told.methods {
            let span = method.lines.keys().next().map(|&line| Span::line(line));
            let name = format!("{prefix}{}", method.name);
            file.function(&name, span, Some(u64::from(method.is_hit)));
        }
        if class.source.is_none() && told.outside.total > 0 {
            let (covered, total) = (small(told.outside.covered), small(told.outside.total));
            file.tally(BranchKind::Instruction, Span::line(1), OUTSIDE, covered, total);
        }
        let lines = files.entry((package, source)).or_default();
        for (line, (instructions, branches)) in told.lines {
            let row = lines.entry(line).or_default();
            row.0 += instructions;
            row.1 += branches;
        }
    }
    for ((package, source), lines) in files {
        let file = draft.file_in(package, "", &joined(package, &source));
        for (line, (instructions, branches)) in lines {
            file.line(line, u64::from(instructions.covered > 0));
            for (kind, found) in
                [(BranchKind::Instruction, instructions), (BranchKind::Branch, branches)]
            {
                file.tally(kind, Span::line(line), "", small(found.covered), small(found.total));
            }
        }
    }
    Ok(draft.finish(Mode::Set, name, notes))
}

fn small(n: u64) -> u32 {
    u32::try_from(n).unwrap_or(u32::MAX)
}

/// What instructions without a line are named.
const OUTSIDE: &str = "without line";

/// The source of a class, or what stands for it: parts of a file of Kotlin come together in a
/// class that has none.
fn source<'a>(class: &'a Class<'_>, package: &str) -> Cow<'a, str> {
    match &class.source {
        Some(source) => Cow::Borrowed(source),
        None => Cow::Owned(format!("{}.class", simple(class, package))),
    }
}

const MODULE: u16 = 0x8000;

/// Refuses classes of another build than that which ran.
fn check_builds(
    passed: &BTreeMap<u64, Passed>,
    classes: &[Given<'_>],
    name: &str,
    notes: &mut Notes,
) -> Result<(), ReadError> {
    let mut given: HashMap<&str, Vec<&Given<'_>>> = HashMap::new();
    for row in classes {
        given.entry(&row.class.name).or_default().push(row);
    }
    let mut n_unknown = 0u64;
    for (id, row) in passed {
        match given.get(row.name.as_str()).map(Vec::as_slice) {
            None | Some([]) => n_unknown += 1,
            Some(same) if same.iter().any(|given| given.id == *id) => {}
            Some([first, ..]) => {
                let reason = format!(
                    "class {} has id {id:016x}, but {:016x} in {}: it is of another build",
                    row.name, first.id, first.name
                );
                return Err(ReadError::unsupported(Place::Whole, reason));
            }
        }
    }
    if n_unknown > 0 {
        notes.add(name, format!("{n_unknown} classes that ran are not among the class files"));
    }
    Ok(())
}

/// What a class says of lines of other sources, if it is one of Kotlin.
fn debug_text<'a>(class: &Class<'a>) -> Option<Cow<'a, str>> {
    let is_kotlin = class.annotations.iter().any(|name| name == jacoco_filters::KOTLIN);
    class.debug.filter(|_| is_kotlin).map(String::from_utf8_lossy)
}

/// What is told of a class.
struct ToldClass {
    methods: Vec<Told>,
    /// Those of all methods.
    lines: Lines,
    /// Instructions without a line.
    outside: Fraction,
}

impl ToldClass {
    fn of(methods: Vec<Told>) -> Self {
        let mut lines = Lines::new();
        for (&line, (instructions, branches)) in methods.iter().flat_map(|method| &method.lines) {
            let row = lines.entry(line).or_default();
            row.0 += *instructions;
            row.1 += *branches;
        }
        let outside = methods.iter().fold(Fraction::default(), |mut sum, method| {
            sum += method.outside;
            sum
        });
        Self { methods, lines, outside }
    }

    /// Adds what was covered of the class where it was inlined.
    fn add_piece(&mut self, piece: &BTreeMap<u32, Fraction>) {
        add_piece(&mut self.lines, piece);
        for method in &mut self.methods {
            if add_piece(&mut method.lines, piece) {
                let is_hit = |(row, _): &(Fraction, Fraction)| row.covered > 0;
                method.is_hit = method.outside.covered > 0 || method.lines.values().any(is_hit);
            }
        }
    }
}

/// Lines that are inlined count as one instruction, without branches: each place may have others.
/// Whether there are any.
fn add_piece(lines: &mut Lines, piece: &BTreeMap<u32, Fraction>) -> bool {
    let (Some((&first, _)), Some((&last, _))) = (lines.first_key_value(), lines.last_key_value())
    else {
        return false;
    };
    let mut is_any = false;
    for (&line, inlined) in piece.range(first..=last) {
        let row = lines.entry(line).or_default();
        let is_hit = row.0.covered > 0 || inlined.covered > 0;
        let one = Fraction { covered: u64::from(is_hit), total: 1 };
        *row = (one, Fraction::default());
        is_any = true;
    }
    is_any
}

/// What is told of a method.
struct Told {
    /// With its parameters.
    name: String,
    is_hit: bool,
    /// Instructions without a line.
    outside: Fraction,
    lines: Lines,
}

/// Methods of a class with code in them; `None` if it can't be told where their probes are. What
/// is inlined in the class is added to `pieces`.
fn methods<'a>(
    class: &Class<'_>,
    probes: &[bool],
    inlined: &Inlined<'a>,
    pieces: &mut Pieces<'a>,
    joins: &mut Budget,
) -> Result<Option<Vec<Told>>, ReadError> {
    let mut next = 0;
    let mut found = Vec::new();
    let mut by_line = BTreeMap::new();
    let mut names = BTreeSet::new();
    for method in &class.methods {
        let Some(code) = &method.code else { continue };
        let Some(instructions) = java_code::instructions(code)? else { return Ok(None) };
        let mut covered = jacoco_flow::covered(code, &instructions, probes, &mut next);
        jacoco_inline::by_line(&covered, &mut by_line);
        let view = View::new(class, method, code, &instructions);
        let ignored = jacoco_filters::ignored(&view, inlined.first, &mut covered);
        joins.take(method.name.len() + method.descriptor.len())?;
        let mut name = format!("{}{}", method.name, jacoco_xml::parameters(&method.descriptor));
        if !names.insert(name.clone()) {
            // Others of the name and the same parameters give back something else.
            name += method.descriptor.rsplit(')').next().unwrap_or_default();
        }
        let mut told =
            Told { name, is_hit: false, outside: Fraction::default(), lines: Lines::new() };
        let mut n_instructions = 0;
        for (position, row) in covered.iter().enumerate() {
            if ignored.contains(&position) {
                continue;
            }
            n_instructions += 1;
            let is_hit = !row.taken.is_empty();
            told.is_hit |= is_hit;
            let Some(line) = row.line else {
                told.outside += Fraction { covered: u64::from(is_hit), total: 1 };
                continue;
            };
            let (instructions, branches) = told.lines.entry(line).or_default();
            *instructions += Fraction { covered: u64::from(is_hit), total: 1 };
            if row.n_branches > 1 {
                let taken = u64::try_from(row.taken.len()).unwrap_or(u64::MAX);
                *branches += Fraction { covered: taken, total: u64::from(row.n_branches) };
            }
        }
        if n_instructions > 0 {
            found.push(told);
        }
    }
    if !probes.is_empty() && next != probes.len() {
        let reason = format!("{} probes were counted, but there are {next}", probes.len());
        return Err(ReadError::malformed(Place::Whole, reason));
    }
    if !inlined.pieces(&by_line, pieces) {
        return Err(ReadError::malformed(Place::Whole, "too many lines are inlined"));
    }
    Ok(Some(found))
}

/// What stands before the names of methods of a class that its source is not named after.
fn prefix(class: &Class<'_>, package: &str, source: &str) -> String {
    let simple = simple(class, package);
    match simple == source.split('.').next().unwrap_or(source) {
        true => String::new(),
        false => format!("{simple}."),
    }
}

/// The name of a class without its package.
fn simple<'a>(class: &'a Class<'_>, package: &str) -> &'a str {
    class.name.get(package.len()..).unwrap_or_default().trim_start_matches('/')
}

fn joined(package: &str, file: &str) -> String {
    if package.is_empty() { file.to_owned() } else { format!("{package}/{file}") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::told;

    const HEAD: [u8; 5] = [1, 0xc0, 0xc0, 0x10, 0x07];

    fn text(text: &str) -> Vec<u8> {
        [&u16::try_from(text.len()).unwrap().to_be_bytes()[..], text.as_bytes()].concat()
    }

    fn block(id: u64, name: &str, probes: &[u8]) -> Vec<u8> {
        [&[0x11][..], &id.to_be_bytes(), &text(name), probes].concat()
    }

    /// A class `p/A` with one method `f(int)`: `if (n != 0) return; return;` on lines 3 and 4.
    fn class() -> Vec<u8> {
        let mut out = vec![0xca, 0xfe, 0xba, 0xbe, 0, 0, 0, 61, 0, 10];
        for name in [
            "p/A",
            "f",
            "(I)V",
            "Code",
            "LineNumberTable",
            "SourceFile",
            "A.java",
            "java/lang/Object",
        ] {
            out.extend([&[1][..], &text(name)].concat());
        }
        out.extend([7, 0, 1]);
        // Of class 9, without a super class, interfaces and fields: one method.
        out.extend([0, 1, 0, 9, 0, 0, 0, 0, 0, 0, 0, 1]);
        let lines = [&[0, 5][..], &10u32.to_be_bytes(), &[0, 2, 0, 0, 0, 3, 0, 5, 0, 4]].concat();
        // iload_0, ifeq +4, return, return.
        let code = [0x1a, 0x99, 0, 4, 0xb1, 0xb1];
        let code = [&[0, 1, 0, 1][..], &6u32.to_be_bytes(), &code, &[0, 0, 0, 1], &lines].concat();
        out.extend([0, 9, 0, 2, 0, 3, 0, 1, 0, 4]);
        out.extend(u32::try_from(code.len()).unwrap().to_be_bytes());
        out.extend(code);
        out.extend([0, 1, 0, 6, 0, 0, 0, 2, 0, 7]);
        out
    }

    #[test]
    fn classes_without_a_source_stand_for_it() {
        let mut class = class();
        let attribute = class.len() - 10;
        class.truncate(attribute);
        class.extend([0, 0]);
        let data = [&HEAD[..], &block(class_id(&class), "p/A", &[2, 1])].concat();
        let text = read_files(&[("a.exec", data), ("A.class", class)]);
        assert!(text.contains("file p/A.class\n"), "{text}");
        assert!(text.contains("instruction 3 - 3/3\n"), "{text}");
        assert!(text.contains("A.class: does not name its source, and stands for"), "{text}");
    }

    fn read_files(files: &[(&str, Vec<u8>)]) -> String {
        told::together(&FORMAT, files, java_class::sniff)
    }

    #[test]
    fn ids_are_those_of_jacoco() {
        // Of one byte it is the entry of the table that such sums are made with.
        assert_eq!(class_id(&[1]), 0x01b0_0000_0000_0000);
        assert_eq!(class_id(&[128]), 0xd800_0000_0000_0000);
        let (mut eight, mut nine) = (class(), class());
        (eight[7], nine[7]) = (52, 53);
        assert_eq!(class_id(&eight), class_id(&nine));
    }

    #[test]
    fn joined_files_add_up() {
        let id = class_id(&class());
        let session = [&[0x10][..], &text("s"), &[0; 16]].concat();
        let run = |probes: u8| [&HEAD[..], &session, &block(id, "p/A", &[2, probes])].concat();
        let expected = |branches: &str, instructions: &str| {
            format!("function f(int) 3 1\nbranch 3 - {branches}\ninstruction 3 - {instructions}\n")
        };
        for (runs, branches, instructions) in [
            (run(1), "1/2", "3/3\ninstruction 4 - 0/1"),
            (run(2), "1/2", "2/3\ninstruction 4 - 1/1"),
            ([run(1), run(2)].concat(), "2/2", "3/3\ninstruction 4 - 1/1"),
        ] {
            let text = read_files(&[("a.exec", runs), ("A.class", class())]);
            assert!(text.ends_with(&expected(branches, instructions)), "{text}");
        }
    }

    #[test]
    fn classes_of_another_build_are_refused() {
        let other = [&HEAD[..], &block(7, "p/A", &[2, 1])].concat();
        let id = class_id(&class());
        assert_eq!(
            read_files(&[("a.exec", other), ("x/A.class", class())]),
            format!(
                "a.exec: class p/A has id 0000000000000007, but {id:016x} in x/A.class: it is of another build\n"
            )
        );
        let many = [&HEAD[..], &block(id, "p/A", &[3, 1])].concat();
        let text = read_files(&[("a.exec", many), ("A.class", class())]);
        assert!(
            text.contains("A.class: 3 probes were counted, but there are 2, and is left out"),
            "{text}"
        );
    }

    #[test]
    fn broken_data_is_refused() {
        let id = 0x0102_0304_0506_0708;
        for (rest, message) in [
            (vec![0x12], "byte 5: a block of an unknown kind"),
            (
                vec![1, 0xc0, 0xc0, 0x10, 0x06],
                "byte 8: version 1006 is not that of JaCoCo 0.5 and later",
            ),
            (block(id, "A", &[0xff, 0xff, 0xff, 0xff, 0x0f]), "byte 22: probes is cut short"),
            (
                [block(id, "A", &[1, 1]), block(id, "B", &[1, 1])].concat(),
                "byte 19: class 0102030405060708 is B with 1 probes here, and A with 1 before",
            ),
        ] {
            let text = read_files(&[("a.exec", [&HEAD[..], &rest].concat())]);
            assert_eq!(text, format!("a.exec: {message}\n"));
        }
    }
}
