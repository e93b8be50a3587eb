//! Class files of Java, as far as JaCoCo's probes have to be told from them.
//!
//! ```text
//! u32 CAFEBABE, u16 minor, major version
//! u16 n, then n - 1 constants: u8 tag and content
//! u16 access, class, super class; u16 n, interfaces
//! u16 n, fields; u16 n, methods: u16 access, name, descriptor, attributes
//! attributes: u16 n, then for each u16 name, u32 length and content
//! Code: u16 stack, locals, u32 length, code, u16 n, handlers (u16 start, end, handler, type),
//!       attributes, of them LineNumberTable: u16 n, then u16 offset and line for each, and
//!       LocalVariableTable: u16 n, then u16 offset, length, name, descriptor and number for each
//! ```
//!
//! Spec: The Java Virtual Machine Specification, chapter 4. All numbers are big-endian.

use crate::ReadError;
use crate::bytes::{Cursor, malformed};
use crate::limits::Budget;

/// A class.
#[derive(Debug, Default)]
pub(crate) struct Class<'a> {
    pub(crate) access: u16,
    /// With slashes.
    pub(crate) name: String,
    pub(crate) super_name: String,
    pub(crate) source: Option<String>,
    pub(crate) annotations: Vec<String>,
    /// What Kotlin says of lines that come from elsewhere.
    pub(crate) debug: Option<&'a [u8]>,
    pub(crate) is_scala: bool,
    pub(crate) methods: Vec<Method<'a>>,
    pub(crate) constants: Constants<'a>,
}

/// A method.
#[derive(Debug, Default)]
pub(crate) struct Method<'a> {
    pub(crate) access: u16,
    pub(crate) name: String,
    pub(crate) descriptor: String,
    pub(crate) annotations: Vec<String>,
    pub(crate) code: Option<Code<'a>>,
}

impl Method<'_> {
    /// Types of its parameters.
    pub(crate) fn parameters(&self) -> Vec<&str> {
        let list = self.descriptor.strip_prefix('(').and_then(|rest| rest.split_once(')'));
        let mut rest = list.map_or("", |(list, _)| list);
        let mut found = Vec::new();
        while !rest.is_empty() {
            let element = rest.find(|c| c != '[').unwrap_or(rest.len());
            let is_object = rest.get(element..).is_some_and(|element| element.starts_with('L'));
            let end = if is_object { rest.find(';').map(|end| end + 1) } else { Some(element + 1) };
            let (first, others) =
                end.and_then(|end| rest.split_at_checked(end)).unwrap_or((rest, ""));
            found.push(first);
            rest = others;
        }
        found
    }

    /// Whether this is its last parameter, and not the only one.
    pub(crate) fn ends_with_marker(&self, name: &str) -> bool {
        let parameters = self.parameters();
        parameters.len() > 1 && parameters.last() == Some(&name)
    }
}

/// The code of a method.
#[derive(Debug, Default)]
pub(crate) struct Code<'a> {
    pub(crate) bytes: &'a [u8],
    pub(crate) handlers: Vec<Handler>,
    /// Offset and line, in their order.
    pub(crate) lines: Vec<(usize, u32)>,
    /// Offsets where a local variable begins or ends to be.
    pub(crate) scopes: Vec<usize>,
}

/// What catches exceptions of a stretch of code. Places are offsets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Handler {
    pub(crate) start: usize,
    pub(crate) end: usize,
    pub(crate) handler: usize,
    /// The constant that names what it catches; 0 for everything.
    pub(crate) type_idx: u16,
}

pub(crate) const PRIVATE: u16 = 0x0002;
pub(crate) const STATIC: u16 = 0x0008;
pub(crate) const BRIDGE: u16 = 0x0040;
pub(crate) const SYNTHETIC: u16 = 0x1000;

/// Whether a file is a class by its first bytes. Programs of macOS for several processors begin
/// with the same four, and then the number of processors.
pub(crate) fn sniff(head: &[u8]) -> bool {
    let major = head.get(6..8).map(|major| [major.first(), major.last()]);
    head.starts_with(&[0xca, 0xfe, 0xba, 0xbe]) && matches!(major, Some([Some(0), Some(45..)]))
}

/// The class in these bytes.
pub(crate) fn read(bytes: &[u8]) -> Result<Class<'_>, ReadError> {
    let mut cursor = Cursor::new(bytes);
    if cursor.array::<4>("the magic number")? != [0xca, 0xfe, 0xba, 0xbe] {
        return Err(malformed(0, "no class file"));
    }
    cursor.take(4, "the version")?;
    // Methods may share their names, so that these multiply.
    let most = bytes.len().saturating_mul(NAMES_RATIO);
    let mut joins = Budget::new(most, "bytes of names in a class of that size");
    let mut class = Class { constants: Constants::read(&mut cursor)?, ..Class::default() };
    class.access = half(&mut cursor)?;
    class.name = class.constants.class(half(&mut cursor)?);
    class.super_name = class.constants.class(half(&mut cursor)?);
    let n_interfaces = usize::from(half(&mut cursor)?);
    cursor.take(n_interfaces * 2, "interfaces")?;
    for _ in 0..half(&mut cursor)? {
        cursor.take(6, "a field")?;
        attributes(&mut cursor, &class.constants, |_, _| Ok(()))?;
    }
    for _ in 0..half(&mut cursor)? {
        let access = half(&mut cursor)?;
        let (name, descriptor) = (half(&mut cursor)?, half(&mut cursor)?);
        joins.take(class.constants.bytes(name).len() + class.constants.bytes(descriptor).len())?;
        let (name, descriptor) = (class.constants.text(name), class.constants.text(descriptor));
        let mut method = Method { access, name, descriptor, ..Method::default() };
        attributes(&mut cursor, &class.constants, |name, mut content| {
            match name {
                b"Code" => method.code = Some(code(content, &class.constants)?),
                b"RuntimeVisibleAnnotations" | b"RuntimeInvisibleAnnotations" => {
                    annotations(
                        &mut content,
                        &class.constants,
                        &mut joins,
                        &mut method.annotations,
                    )?;
                }
                _ => {}
            }
            Ok(())
        })?;
        class.methods.push(method);
    }
    let mut found = Vec::new();
    attributes(&mut cursor, &class.constants, |name, mut content| {
        match name {
            b"SourceFile" => class.source = Some(class.constants.text(half(&mut content)?)),
            b"SourceDebugExtension" => class.debug = Some(content.rest()),
            b"Scala" | b"ScalaSig" => class.is_scala = true,
            b"RuntimeVisibleAnnotations" | b"RuntimeInvisibleAnnotations" => {
                annotations(&mut content, &class.constants, &mut joins, &mut found)?;
            }
            _ => {}
        }
        Ok(())
    })?;
    class.annotations = found;
    Ok(class)
}

fn half(cursor: &mut Cursor<'_>) -> Result<u16, ReadError> {
    cursor.array("a number").map(u16::from_be_bytes)
}

fn word(cursor: &mut Cursor<'_>) -> Result<usize, ReadError> {
    let word = cursor.array("a number").map(u32::from_be_bytes)?;
    Ok(usize::try_from(word).unwrap_or(usize::MAX))
}

fn attributes<'a>(
    cursor: &mut Cursor<'a>,
    constants: &Constants<'a>,
    mut take: impl FnMut(&'a [u8], Cursor<'a>) -> Result<(), ReadError>,
) -> Result<(), ReadError> {
    for _ in 0..half(cursor)? {
        let name = constants.bytes(half(cursor)?);
        let length = word(cursor)?;
        let start = cursor.offset();
        cursor.take(length, "an attribute")?;
        // Keeps offsets those of the file.
        let mut content = cursor.before();
        content.seek(start);
        take(name, content)?;
    }
    Ok(())
}

fn code<'a>(mut cursor: Cursor<'a>, constants: &Constants<'a>) -> Result<Code<'a>, ReadError> {
    cursor.take(4, "code")?;
    let length = word(&mut cursor)?;
    let mut code = Code { bytes: cursor.take(length, "code")?, ..Code::default() };
    for _ in 0..half(&mut cursor)? {
        let mut place = || half(&mut cursor).map(usize::from);
        let (start, end, handler) = (place()?, place()?, place()?);
        let type_idx = half(&mut cursor)?;
        code.handlers.push(Handler { start, end, handler, type_idx });
    }
    attributes(&mut cursor, constants, |name, mut content| {
        match name {
            b"LineNumberTable" => {
                for _ in 0..half(&mut content)? {
                    let offset = usize::from(half(&mut content)?);
                    code.lines.push((offset, u32::from(half(&mut content)?)));
                }
            }
            b"LocalVariableTable" => {
                for _ in 0..half(&mut content)? {
                    let start = usize::from(half(&mut content)?);
                    let length = usize::from(half(&mut content)?);
                    content.take(6, "a variable")?;
                    code.scopes.extend([start, start + length]);
                }
            }
            _ => {}
        }
        Ok(())
    })?;
    Ok(code)
}

/// Descriptors of annotations, such as `Llombok/Generated;`.
fn annotations(
    cursor: &mut Cursor<'_>,
    constants: &Constants<'_>,
    joins: &mut Budget,
    names: &mut Vec<String>,
) -> Result<(), ReadError> {
    for _ in 0..half(cursor)? {
        let name = annotation(cursor, constants, 0)?;
        joins.take(constants.bytes(name).len())?;
        names.push(constants.text(name));
    }
    Ok(())
}

/// How many times its own size the names of what is in a class may have.
const NAMES_RATIO: usize = 64;

/// Annotations may hold others, deeper than any compiler writes them.
const DEPTH: u32 = 64;

/// Reads past an annotation; the constant that is its descriptor.
fn annotation(
    cursor: &mut Cursor<'_>,
    constants: &Constants<'_>,
    depth: u32,
) -> Result<u16, ReadError> {
    let name = half(cursor)?;
    for _ in 0..half(cursor)? {
        cursor.take(2, "an annotation")?;
        value(cursor, constants, depth + 1)?;
    }
    Ok(name)
}

fn value(cursor: &mut Cursor<'_>, constants: &Constants<'_>, depth: u32) -> Result<(), ReadError> {
    if depth > DEPTH {
        return Err(cursor.malformed("annotations are too deep"));
    }
    match cursor.byte("an annotation")? {
        b'e' => cursor.take(4, "an annotation").map(|_| ()),
        b'@' => annotation(cursor, constants, depth).map(|_| ()),
        b'[' => (0..half(cursor)?).try_for_each(|_| value(cursor, constants, depth + 1)),
        _ => cursor.take(2, "an annotation").map(|_| ()),
    }
}

/// The constants of a class.
#[derive(Debug, Default)]
pub(crate) struct Constants<'a> {
    entries: Vec<Constant<'a>>,
}

#[derive(Debug, Clone, Copy)]
enum Constant<'a> {
    Text(&'a [u8]),
    /// Numbers of one or two other constants.
    Of(u16, u16),
    Other,
}

impl<'a> Constants<'a> {
    fn read(cursor: &mut Cursor<'a>) -> Result<Self, ReadError> {
        let n_entries = usize::from(half(cursor)?);
        // The first is number 1.
        let mut entries = vec![Constant::Other];
        while entries.len() < n_entries {
            let tag = cursor.byte("a constant")?;
            let entry = match tag {
                1 => {
                    let length = usize::from(half(cursor)?);
                    Constant::Text(cursor.take(length, "a constant")?)
                }
                7 | 8 | 16 | 19 | 20 => Constant::Of(half(cursor)?, 0),
                9..=12 | 17 | 18 => Constant::Of(half(cursor)?, half(cursor)?),
                3 | 4 => cursor.take(4, "a constant").map(|_| Constant::Other)?,
                15 => cursor.take(3, "a constant").map(|_| Constant::Other)?,
                5 | 6 => cursor.take(8, "a constant").map(|_| Constant::Other)?,
                _ => return Err(cursor.malformed("constant of an unknown kind")),
            };
            entries.push(entry);
            // Long ones take two numbers.
            if matches!(tag, 5 | 6) {
                entries.push(Constant::Other);
            }
        }
        Ok(Self { entries })
    }

    fn bytes(&self, idx: u16) -> &'a [u8] {
        match self.entries.get(usize::from(idx)) {
            Some(Constant::Text(bytes)) => bytes,
            _ => b"",
        }
    }

    fn of(&self, idx: u16) -> (u16, u16) {
        match self.entries.get(usize::from(idx)) {
            Some(Constant::Of(first, second)) => (*first, *second),
            _ => (0, 0),
        }
    }

    fn text(&self, idx: u16) -> String {
        String::from_utf8_lossy(self.bytes(idx)).into_owned()
    }

    /// The text that a constant of the program holds.
    pub(crate) fn string(&self, idx: u16) -> &'a [u8] {
        self.bytes(self.of(idx).0)
    }

    /// The name of a class.
    pub(crate) fn class(&self, idx: u16) -> String {
        self.text(self.of(idx).0)
    }

    /// Class, name and descriptor of a field or method.
    pub(crate) fn member(&self, idx: u16) -> (&'a [u8], &'a [u8], &'a [u8]) {
        let (class, name_and_type) = self.of(idx);
        let (name, descriptor) = self.of(name_and_type);
        (self.bytes(self.of(class).0), self.bytes(name), self.bytes(descriptor))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A class of so many methods, all with this name and descriptor.
    fn class(name: &[u8], n_methods: u16) -> Vec<u8> {
        let half = |n: u16| n.to_be_bytes();
        let mut bytes = vec![0xca, 0xfe, 0xba, 0xbe, 0, 0, 0, 61, 0, 2, 1];
        bytes.extend(half(u16::try_from(name.len()).unwrap()));
        bytes.extend(name);
        // Access, class, super class; interfaces, fields, methods.
        bytes.extend([[0; 2], [0; 2], [0; 2], [0; 2], [0; 2], half(n_methods)].concat());
        for _ in 0..n_methods {
            bytes.extend([0, 0, 0, 1, 0, 1, 0, 0]);
        }
        bytes.extend(half(0));
        bytes
    }

    #[test]
    fn methods_that_share_a_long_name_are_limited() {
        let small = class(b"f", 500);
        assert_eq!(read(&small).unwrap().methods.len(), 500);
        let error = read(&class(&[b'f'; 60_000], 500)).unwrap_err();
        assert_eq!(error.to_string(), "more than 4097728 bytes of names in a class of that size");
    }

    #[test]
    fn parameters_are_told_apart() {
        for (descriptor, expected) in [
            ("()V", &[][..]),
            ("(I[[JLp/A;[Lp/B;D)V", &["I", "[[J", "Lp/A;", "[Lp/B;", "D"]),
            ("(Lp/A", &[]),
            ("(Lp/A)V", &["Lp/A"]),
            ("([)V", &["["]),
        ] {
            let method = Method { descriptor: descriptor.to_owned(), ..Method::default() };
            assert_eq!(method.parameters(), expected, "{descriptor}");
        }
        let method = Method { descriptor: "(ILp/Marker;)V".to_owned(), ..Method::default() };
        assert!(method.ends_with_marker("Lp/Marker;"));
        let method = Method { descriptor: "(Lp/Marker;)V".to_owned(), ..Method::default() };
        assert!(!method.ends_with_marker("Lp/Marker;"));
    }
}
