//! A profile with all that it holds, as bytes: what the browser keeps, and what its worker hands on.
//!
//! ```text
//! whole    := "CGP" · version u8 · mode u8 · n uleb · package* · n uleb · file* · n uleb · function*
//!             · n uleb · label str* · n uleb · branch* · n uleb · context*
//! package  := path str · name str · module str
//! file     := package uleb · path str
//! function := name str · file uleb · flags u8 (1 literal, 2 with a span, 4 with a count)
//!             · span? · count uleb? · n uleb · unit*
//! unit     := kind u8 · start line zigzag (from the previous unit's, first from 0) · count uleb
//!             · of all but lines: start column uleb · lines to the end uleb · end column uleb
//!             · statements uleb
//! span     := 0 u8 · line uleb   or   1 u8 · start line · start column · lines to the end
//!             · end column, all uleb
//! branch   := file uleb · kind u8 (16 more where arms are not told apart) · span · name uleb
//!             · n uleb · arm*        arm := label uleb · count uleb
//! context  := name str · n uleb · unit uleb* (from the previous one's, first from 0)
//! ```

use coverage::{
    BranchKind, Context, FunctionIdx, Mode, Profile, ProfileBuilder, Span, Unit, UnitIdx, UnitKind,
};

use crate::codec::{Reader, WireError, Writer};

const MAGIC: &[u8; 3] = b"CGP";

/// Version of this form.
const VERSION: u8 = 1;

/// Most rows of any table.
const ROWS: usize = 1 << 28;

const KINDS: [UnitKind; 4] =
    [UnitKind::Block, UnitKind::Line, UnitKind::Statement, UnitKind::Region];
const BRANCH_KINDS: [BranchKind; 3] =
    [BranchKind::Branch, BranchKind::Condition, BranchKind::Instruction];
const MODES: [Mode; 3] = [Mode::Set, Mode::Count, Mode::Atomic];
const TALLY: u8 = 16;

/// The profile's bytes; the same profile always gives the same.
pub fn encode(profile: &Profile) -> Vec<u8> {
    let shape = profile.shape();
    let mut writer = Writer::default();
    writer.raw(MAGIC);
    writer.byte(VERSION);
    writer.byte(profile.mode() as u8);
    writer.uleb(shape.packages().len() as u64);
    for package in shape.packages() {
        writer.string(&package.path);
        writer.string(&package.name);
        writer.string(&package.module);
    }
    writer.uleb(shape.files().len() as u64);
    for file in shape.files() {
        writer.uleb(u64::from(file.package.0));
        writer.string(file.path.as_str());
    }
    writer.uleb(shape.functions().len() as u64);
    let mut line = 0;
    for (index, function) in (0u32..).map(FunctionIdx).zip(shape.functions()) {
        let count = profile.function_count(index);
        writer.string(&function.name);
        writer.uleb(u64::from(function.file.0));
        let flags = [function.literal, function.span.is_some(), count.is_some()];
        writer.byte(flags.iter().rev().fold(0, |bits, &flag| bits << 1 | u8::from(flag)));
        if let Some(place) = function.span {
            span(&mut writer, place);
        }
        if let Some(count) = count {
            writer.uleb(count);
        }
        writer.uleb(function.units.len() as u64);
        for unit_idx in shape.units_of(index) {
            let Unit { kind, span, statements, .. } = shape.unit(unit_idx);
            writer.byte(kind as u8);
            writer.zigzag(i64::from(span.start.line) - line);
            line = i64::from(span.start.line);
            writer.uleb(profile.count(unit_idx));
            if kind != UnitKind::Line {
                writer.uleb(u64::from(span.start.column));
                writer.uleb(u64::from(span.end.line.saturating_sub(span.start.line)));
                writer.uleb(u64::from(span.end.column));
                writer.uleb(u64::from(statements));
            }
        }
    }
    writer.uleb(shape.labels().len() as u64);
    shape.labels().iter().for_each(|label| writer.string(label));
    writer.uleb(shape.branches().len() as u64);
    for branch in shape.branches() {
        writer.uleb(u64::from(branch.file.0));
        writer.byte(branch.kind as u8 | if branch.exact { 0 } else { TALLY });
        span(&mut writer, branch.span);
        writer.uleb(u64::from(branch.name.0));
        let arms = branch.arms.start as usize..branch.arms.end as usize;
        writer.uleb(arms.len() as u64);
        let labels = shape.arm_labels().iter().zip(profile.arm_counts());
        for (label, &count) in labels.skip(arms.start).take(arms.len()) {
            writer.uleb(u64::from(label.0));
            writer.uleb(count);
        }
    }
    writer.uleb(profile.contexts().len() as u64);
    for Context { name, units } in profile.contexts().iter() {
        writer.string(name);
        writer.uleb(units.len() as u64);
        let mut previous = 0;
        for unit in units {
            writer.uleb(u64::from(unit.0.saturating_sub(previous)));
            previous = unit.0;
        }
    }
    writer.into_bytes()
}

fn span(writer: &mut Writer, span: Span) {
    match span.as_line() {
        Some(line) => {
            writer.byte(0);
            writer.uleb(u64::from(line));
        }
        None => {
            writer.byte(1);
            writer.uleb(u64::from(span.start.line));
            writer.uleb(u64::from(span.start.column));
            writer.uleb(u64::from(span.end.line.saturating_sub(span.start.line)));
            writer.uleb(u64::from(span.end.column));
        }
    }
}

/// The profile in these bytes, and nothing after it.
///
/// # Errors
/// Where and why the bytes are no profile of this version.
pub fn decode(bytes: &[u8]) -> Result<Profile, WireError> {
    let mut reader = Reader::new(bytes);
    if &reader.array::<3>("magic")? != MAGIC {
        return Err(WireError::Malformed { offset: 0, what: "not a profile" });
    }
    let version = reader.byte("version")?;
    if version != VERSION {
        return Err(WireError::Version { found: version.into(), expected: VERSION.into() });
    }
    let mode = one_of(&mut reader, &MODES, "mode")?;
    let mut builder = ProfileBuilder::default();
    let mut packages = Vec::new();
    for _ in 0..reader.length("package list", ROWS, 3)? {
        let path = reader.string("package path")?;
        let name = reader.string("package name")?;
        packages.push(builder.package(path, name, reader.string("module path")?));
    }
    let mut files = Vec::new();
    for _ in 0..reader.length("file list", ROWS, 2)? {
        let package = row(&mut reader, &packages, "package of a file")?;
        files.push(builder.file(package, reader.string("file path")?));
    }
    let mut n_units = 0u32;
    let mut line = 0i64;
    for _ in 0..reader.length("function list", ROWS, 4)? {
        let name = reader.string("function name")?;
        let file = row(&mut reader, &files, "file of a function")?;
        let flags = reader.byte("function flags")?;
        let place = if flags & 2 != 0 { Some(read_span(&mut reader)?) } else { None };
        let count = if flags & 4 != 0 { Some(reader.uleb("function count")?) } else { None };
        let function = match flags & 1 {
            1 => builder.function(file, name, true),
            _ => builder.declared_function(file, name, place, count),
        };
        for _ in 0..reader.length("unit list", ROWS, 3)? {
            let kind = one_of(&mut reader, &KINDS, "kind of a unit")?;
            let step = reader.zigzag("line")?;
            line = line.checked_add(step).ok_or_else(|| reader.malformed("line overflows"))?;
            let first =
                u32::try_from(line).map_err(|_| reader.malformed("line is out of range"))?;
            let count = reader.uleb("count")?;
            let (span, statements) = if kind == UnitKind::Line {
                (Span::line(first), 1)
            } else {
                (rest_of_span(&mut reader, first)?, reader.uleb32("statements")?)
            };
            builder.unit(Unit { kind, span, statements, function }, count);
            n_units = n_units.saturating_add(1);
        }
    }
    let mut labels = Vec::new();
    for _ in 0..reader.length("label list", ROWS, 1)? {
        labels.push(reader.string("label")?);
    }
    for _ in 0..reader.length("branch list", ROWS, 6)? {
        let file = row(&mut reader, &files, "file of a branch")?;
        let byte = reader.byte("kind of a branch")?;
        let kind = BRANCH_KINDS.get(usize::from(byte & !TALLY)).copied();
        let kind = kind.ok_or_else(|| reader.malformed("unknown kind of a branch"))?;
        let place = read_span(&mut reader)?;
        let name = row(&mut reader, &labels, "name of a branch")?;
        builder.branch(file, kind, place, name, byte & TALLY == 0);
        for _ in 0..reader.length("arm list", ROWS, 2)? {
            let label = row(&mut reader, &labels, "label of an arm")?;
            builder.arm(label, reader.uleb("count")?);
        }
    }
    for _ in 0..reader.length("context list", ROWS, 2)? {
        let name = reader.string("context")?;
        let mut unit = 0u32;
        for _ in 0..reader.length("units of a context", ROWS, 1)? {
            unit = unit.saturating_add(reader.uleb32("unit")?);
            if unit >= n_units {
                return Err(reader.malformed("context names a unit that is not there"));
            }
            builder.hit_in(name, UnitIdx(unit));
        }
    }
    if reader.remaining() > 0 {
        return Err(reader.malformed("bytes after the profile"));
    }
    Ok(builder.build(mode))
}

fn one_of<T: Copy>(reader: &mut Reader<'_>, all: &[T], what: &'static str) -> Result<T, WireError> {
    let byte = reader.byte(what)?;
    all.get(usize::from(byte)).copied().ok_or_else(|| reader.malformed(what))
}

fn row<T: Copy>(reader: &mut Reader<'_>, rows: &[T], what: &'static str) -> Result<T, WireError> {
    let index = reader.uleb32(what)?;
    rows.get(index as usize).copied().ok_or_else(|| reader.malformed(what))
}

fn read_span(reader: &mut Reader<'_>) -> Result<Span, WireError> {
    let kind = reader.byte("span")?;
    let first = reader.uleb32("line")?;
    match kind {
        0 => Ok(Span::line(first)),
        1 => rest_of_span(reader, first),
        _ => Err(reader.malformed("unknown kind of a span")),
    }
}

fn rest_of_span(reader: &mut Reader<'_>, first: u32) -> Result<Span, WireError> {
    let column = reader.uleb32("start column")?;
    let last = first.checked_add(reader.uleb32("end line")?);
    let last = last.ok_or_else(|| reader.malformed("line is out of range"))?;
    Ok(Span::new(first, column, last, reader.uleb32("end column")?))
}

#[cfg(test)]
mod tests {
    use coverage::dump;

    use super::*;

    const TEXT: &str = "mode count\npackage p p m\nfile p/a.c\nfunction -\nline 1 5\nline 9 0\n\
                        statement 1.1,2.9 5\nregion 1.1,9.9 7\ncontext s 9\ncontext t 1 1.1,2.9\n\
                        function f 1,9 5\nfunction g - 2\nliteral func.L9\n9.1,9.9 3 1\n\
                        branch 1 if then=5 else=0\nbranch 9.2,9.4 - 1/3\ncondition 1 0 0t=1\n";

    #[test]
    fn everything_reads_back() {
        let profile = dump::parse(TEXT).unwrap();
        let bytes = encode(&profile);
        let again = decode(&bytes).unwrap();
        assert_eq!(dump::write(&again), dump::write(&profile));
        assert_eq!(again.shape(), profile.shape());
        assert_eq!(encode(&again), bytes);
    }

    #[test]
    fn every_damage_is_refused_or_something_else() {
        let bytes = encode(&dump::parse(TEXT).unwrap());
        for length in 0..bytes.len() {
            assert!(decode(&bytes[..length]).is_err(), "cut at {length}");
        }
        for at in 0..bytes.len() {
            for bit in 0..8 {
                let mut bytes = bytes.clone();
                bytes[at] ^= 1 << bit;
                if let Ok(profile) = decode(&bytes) {
                    assert!(encode(&profile).len() <= bytes.len() * 2);
                }
            }
        }
        let mut longer = bytes;
        longer.push(0);
        assert!(decode(&longer).unwrap_err().to_string().ends_with("bytes after the profile"));
    }
}
