//! The structure of one package as it was built.
//!
//! ```text
//! table    := "CGT" · version u8 · package str · name str · module str · mode u8 · origin u8
//!             · n_files uleb · file* · n_functions uleb · function* · n_entries uleb · entry*
//! file     := path str · source [16]
//! function := name str · file uleb · literal u8 · n_units uleb · unit*
//! unit     := start line zigzag (from the previous unit's, first from 0) · start column uleb
//!             · lines to the end uleb · end column uleb · statements uleb
//! entry    := unit uleb (from the previous entry's, first from 0)
//! ```
//!
//! Units stand in the order of their counters. The table holds no path of the machine that built
//! it, so every machine that builds the same sources gets the same bytes, and so the same id.

use coverage::{FunctionIdx, Mode, Package, Shape, ShapeBuilder, Span};
use sha2::{Digest, Sha256};

use crate::codec::{Reader, WireError, Writer};
use crate::{VERSION, limits};

const MAGIC: &[u8; 3] = b"CGT";

macro_rules! id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub [u8; 16]);

        impl $name {
            /// The id of these bytes: the first half of their SHA-256.
            pub fn of(bytes: &[u8]) -> Self {
                let digest: [u8; 32] = Sha256::digest(bytes).into();
                let mut id = [0; 16];
                id.copy_from_slice(&digest[..16]);
                Self(id)
            }

            /// 32 lowercase hex digits.
            pub fn hex(&self) -> String {
                self.0.iter().map(|byte| format!("{byte:02x}")).collect()
            }

            /// The id that 32 hex digits stand for.
            pub fn from_hex(text: &str) -> Option<Self> {
                u128::from_str_radix(text, 16)
                    .ok()
                    .filter(|_| text.len() == 32 && text.bytes().all(|b| b.is_ascii_hexdigit()))
                    .map(|value| Self(value.to_be_bytes()))
            }
        }
    };
}

id!(
    /// Hash of an encoded [`Table`].
    TableId
);
id!(
    /// Hash of a source file's bytes as they were built.
    SourceId
);

impl SourceId {
    /// Stands for a source that was not at hand when the table was made.
    pub const UNKNOWN: Self = Self([0; 16]);
}

/// Where a package comes from, seen from the program that was built.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub enum Origin {
    /// The main module, or a module of the workspace.
    #[default]
    Main,
    /// Another module.
    Dependency,
    /// The standard library.
    Std,
}

/// A source file of a package.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TableFile {
    /// Name in profiles: `import/path/file.go`.
    pub path: String,
    /// Its content as built; [`SourceId::UNKNOWN`] where a `//line` directive names a file that
    /// was not there.
    pub source: SourceId,
}

/// A function of a package.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TableFunction {
    /// Name as Go's tools print it.
    pub name: String,
    /// Position of its file in [`Table::files`].
    pub file: u32,
    /// Whether it is a package-level function literal.
    pub literal: bool,
    /// Its units, in counter order.
    pub units: Vec<TableUnit>,
}

/// One coverable stretch of source.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TableUnit {
    /// Where it is.
    pub span: Span,
    /// How many statements it stands for.
    pub statements: u32,
}

/// The structure of one package as it was built.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Table {
    /// Import path.
    pub package: String,
    /// Name in the package clause.
    pub name: String,
    /// Module path; empty for std.
    pub module: String,
    /// How its units are counted.
    pub mode: Mode,
    /// Where it comes from.
    pub origin: Origin,
    /// Source files.
    pub files: Vec<TableFile>,
    /// Functions, in counter order.
    pub functions: Vec<TableFunction>,
    /// First units of the functions and function literals where flow tracing can be switched,
    /// ascending. The position in this list is the number of the entry's mode word.
    pub entries: Vec<u32>,
}

impl Table {
    /// How many units, and so counters, the package has.
    pub fn n_units(&self) -> usize {
        self.functions.iter().map(|function| function.units.len()).sum()
    }

    /// The table's bytes; the same table always gives the same.
    pub fn encode(&self) -> Vec<u8> {
        let mut writer = Writer::default();
        writer.raw(MAGIC);
        writer.byte((VERSION & 0xff) as u8);
        writer.string(&self.package);
        writer.string(&self.name);
        writer.string(&self.module);
        writer.byte(self.mode as u8);
        writer.byte(self.origin as u8);
        writer.uleb(self.files.len() as u64);
        for file in &self.files {
            writer.string(&file.path);
            writer.raw(&file.source.0);
        }
        writer.uleb(self.functions.len() as u64);
        let mut line = 0;
        for function in &self.functions {
            writer.string(&function.name);
            writer.uleb(u64::from(function.file));
            writer.byte(u8::from(function.literal));
            writer.uleb(function.units.len() as u64);
            for TableUnit { span, statements } in &function.units {
                writer.zigzag(i64::from(span.start.line) - line);
                line = i64::from(span.start.line);
                writer.uleb(u64::from(span.start.column));
                writer.uleb(u64::from(span.end.line.saturating_sub(span.start.line)));
                writer.uleb(u64::from(span.end.column));
                writer.uleb(u64::from(*statements));
            }
        }
        writer.uleb(self.entries.len() as u64);
        let mut previous = 0;
        for &unit in &self.entries {
            writer.uleb(u64::from(unit.saturating_sub(previous)));
            previous = unit;
        }
        writer.into_bytes()
    }

    /// The table in these bytes, and nothing after it.
    ///
    /// # Errors
    /// Where and why the bytes are no table of this version, or one beyond [`limits`].
    pub fn decode(bytes: &[u8]) -> Result<Self, WireError> {
        let mut reader = Reader::new(bytes);
        if bytes.len() > limits::TABLE_BYTES {
            let limit = limits::TABLE_BYTES;
            return Err(WireError::Limit { offset: 0, what: "unit table", limit });
        }
        if &reader.array::<3>("magic")? != MAGIC {
            return Err(WireError::Malformed { offset: 0, what: "not a unit table" });
        }
        let version = reader.byte("version")?;
        if u32::from(version) != VERSION {
            return Err(WireError::Version { found: u64::from(version), expected: VERSION });
        }
        let mut table = Table {
            package: reader.string("package path")?.to_owned(),
            name: reader.string("package name")?.to_owned(),
            module: reader.string("module path")?.to_owned(),
            mode: read_mode(&mut reader)?,
            origin: match reader.byte("origin")? {
                0 => Origin::Main,
                1 => Origin::Dependency,
                2 => Origin::Std,
                _ => return Err(reader.malformed("unknown origin")),
            },
            ..Table::default()
        };
        for _ in 0..reader.length("file list", limits::UNITS, 17)? {
            let path = reader.string("file path")?.to_owned();
            table.files.push(TableFile { path, source: SourceId(reader.array("source id")?) });
        }
        let mut n_units = 0u32;
        let mut line = 0i64;
        for _ in 0..reader.length("function list", limits::UNITS, 4)? {
            let function = read_function(&mut reader, table.files.len(), &mut line)?;
            n_units += u32::try_from(function.units.len()).unwrap_or(u32::MAX);
            table.functions.push(function);
        }
        let mut unit = 0u32;
        for position in 0..reader.length("entry list", limits::UNITS, 1)? {
            let step = reader.uleb32("entry")?;
            unit = unit.checked_add(step).ok_or_else(|| reader.malformed("entry overflows"))?;
            if (position > 0 && step == 0) || unit >= n_units {
                return Err(reader.malformed("entries are not ascending units"));
            }
            table.entries.push(unit);
        }
        if reader.remaining() > 0 {
            return Err(reader.malformed("bytes after the table"));
        }
        Ok(table)
    }

    /// The packages of a shape, in its order, each with the positions of its units in the shape, in
    /// the order of the table. Sources, entries and where a package comes from are left open.
    pub fn of_shape(shape: &Shape, mode: Mode) -> Vec<(Self, Vec<u32>)> {
        let empty = |package: &Package| {
            let Package { path, name, module } = package.clone();
            (Self { package: path, name, module, mode, ..Self::default() }, Vec::new())
        };
        let mut tables: Vec<_> = shape.packages().iter().map(empty).collect();
        // Position of each file in its table.
        let mut positions = Vec::with_capacity(shape.files().len());
        for file in shape.files() {
            let Some((table, _)) = tables.get_mut(file.package.index()) else { continue };
            positions.push(u32::try_from(table.files.len()).unwrap_or(u32::MAX));
            let path = file.path.to_string();
            table.files.push(TableFile { path, source: SourceId::UNKNOWN });
        }
        for (function_idx, function) in (0..).map(FunctionIdx).zip(shape.functions()) {
            let package = shape.file(function.file).package;
            let Some((table, places)) = tables.get_mut(package.index()) else { continue };
            let units = shape.units_of(function_idx).map(|unit_idx| {
                let unit = shape.unit(unit_idx);
                TableUnit { span: unit.span, statements: unit.statements }
            });
            places.extend(function.units.clone());
            table.functions.push(TableFunction {
                name: function.name.clone(),
                file: positions.get(function.file.index()).copied().unwrap_or(u32::MAX),
                literal: function.literal,
                units: units.collect(),
            });
        }
        tables
    }

    /// Adds the package to a shape; its units follow those built before, in counter order.
    pub fn add_to(&self, builder: &mut ShapeBuilder) {
        let package = builder.package(&self.package, &self.name, &self.module);
        let files: Vec<_> =
            self.files.iter().map(|file| builder.file(package, &file.path)).collect();
        for function in &self.functions {
            // `decode` has checked the index; a table made by hand may lack the file.
            let Some(&file) = files.get(function.file as usize) else { continue };
            let function_idx = builder.function(file, &function.name, function.literal);
            for unit in &function.units {
                builder.unit(function_idx, unit.span, unit.statements);
            }
        }
    }

    /// The shape of this package alone.
    pub fn shape(&self) -> Shape {
        let mut builder = ShapeBuilder::default();
        self.add_to(&mut builder);
        builder.build()
    }
}

fn read_mode(reader: &mut Reader<'_>) -> Result<Mode, WireError> {
    match reader.byte("mode")? {
        0 => Ok(Mode::Set),
        1 => Ok(Mode::Count),
        2 => Ok(Mode::Atomic),
        _ => Err(reader.malformed("unknown mode")),
    }
}

fn read_function(
    reader: &mut Reader<'_>,
    n_files: usize,
    line: &mut i64,
) -> Result<TableFunction, WireError> {
    let name = reader.string("function name")?.to_owned();
    let file = reader.uleb32("file index")?;
    if file as usize >= n_files {
        return Err(reader.malformed("function names a file that is not there"));
    }
    let literal = reader.byte("literal flag")? != 0;
    let n_units = reader.length("unit list", limits::UNITS, 5)?;
    let mut units = Vec::with_capacity(n_units);
    for _ in 0..n_units {
        let step = reader.zigzag("start line")?;
        *line = line.checked_add(step).ok_or_else(|| reader.malformed("line overflows"))?;
        let start_line =
            u32::try_from(*line).map_err(|_| reader.malformed("line is out of range"))?;
        let start_column = reader.uleb32("start column")?;
        let end_line = start_line
            .checked_add(reader.uleb32("end line")?)
            .ok_or_else(|| reader.malformed("line is out of range"))?;
        let end_column = reader.uleb32("end column")?;
        let span = Span::new(start_line, start_column, end_line, end_column);
        units.push(TableUnit { span, statements: reader.uleb32("statements")? });
    }
    Ok(TableFunction { name, file, literal, units })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> Table {
        Table {
            package: "example.com/a".into(),
            name: "a".into(),
            module: "example.com".into(),
            mode: Mode::Count,
            origin: Origin::Main,
            files: vec![TableFile {
                path: "example.com/a/a.go".into(),
                source: SourceId::of(b"package a"),
            }],
            functions: vec![TableFunction {
                name: "*T.Add".into(),
                file: 0,
                literal: false,
                units: vec![
                    TableUnit { span: Span::new(9, 24, 12, 2), statements: 2 },
                    TableUnit { span: Span::new(7, 1, 7, 9), statements: 0 },
                ],
            }],
            entries: vec![0],
        }
    }

    #[test]
    fn tables_read_back() {
        let table = sample();
        assert_eq!(Table::decode(&table.encode()), Ok(table));
    }

    #[test]
    fn every_truncation_is_refused() {
        let bytes = sample().encode();
        for length in 0..bytes.len() {
            assert!(Table::decode(&bytes[..length]).is_err(), "{length} bytes were accepted");
        }
    }

    #[test]
    fn ids_read_back_from_hex() {
        let id = TableId::of(b"x");
        assert_eq!(TableId::from_hex(&id.hex()), Some(id));
        assert_eq!(TableId::from_hex("+2"), None);
        assert_eq!(TableId::from_hex(&id.hex().replace('a', "+")), None);
    }
}
