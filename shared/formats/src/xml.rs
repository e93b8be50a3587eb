//! Reading XML element by element.
//!
//! Entities other than the five of XML itself stay unknown and nothing outside of the file is ever
//! asked for, so no file can make itself larger than it is.

use std::borrow::Cow;

use quick_xml::Reader;
use quick_xml::events::{BytesStart, Event};

use crate::{Place, ReadError, limits, text};

/// What comes next in a document.
#[derive(Debug)]
pub(crate) enum Node {
    /// An element opens; [`Node::Close`] follows also where it is empty.
    Open(Element),
    /// The element opened last, of those that are open, closes.
    Close,
    /// Text of the element that is open, without white space around it; never empty.
    Text(String),
}

/// An element that opened.
#[derive(Debug, Clone)]
pub(crate) struct Element {
    /// Its name, without a namespace's prefix.
    pub(crate) name: String,
    attributes: Vec<(String, String)>,
    place: Place,
}

impl Element {
    /// The value of an attribute.
    pub(crate) fn attribute(&self, name: &str) -> Option<&str> {
        self.attributes.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// The value of an attribute that has to be there.
    pub(crate) fn required(&self, name: &str) -> Result<&str, ReadError> {
        self.attribute(name).ok_or_else(|| self.malformed(format!("<{}> has no {name}", self.name)))
    }

    /// The number in an attribute; `None` where it is missing. Counts beyond [`u64::MAX`] are
    /// that, and thousands may stand apart by commas.
    pub(crate) fn number(&self, name: &str) -> Result<Option<u64>, ReadError> {
        let Some(value) = self.attribute(name) else { return Ok(None) };
        let digits: String = value.trim().chars().filter(|c| *c != ',').collect();
        let is_number = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
        match digits.parse() {
            Ok(number) => Ok(Some(number)),
            Err(_) if is_number => Ok(Some(u64::MAX)),
            Err(_) => {
                let value: String = value.chars().take(40).collect();
                Err(self
                    .malformed(format!("{name}=\"{value}\" of <{}> is not a number", self.name)))
            }
        }
    }

    /// The line number in an attribute; beyond [`u32::MAX`] it is that, which no file has.
    pub(crate) fn line(&self, name: &str) -> Result<Option<u32>, ReadError> {
        Ok(self.number(name)?.map(|number| u32::try_from(number).unwrap_or(u32::MAX)))
    }

    /// An error at this element.
    pub(crate) fn malformed(&self, reason: impl Into<Cow<'static, str>>) -> ReadError {
        ReadError::malformed(self.place, reason)
    }
}

/// A document that is read from its start to its end.
pub(crate) struct Document<'a> {
    bytes: &'a [u8],
    reader: Reader<&'a [u8]>,
    open: Vec<String>,
    /// Whether the element opened last was empty, so that its close is still to be told.
    pending_close: bool,
}

/// The text of a document in UTF-8, as its mark or its declaration says.
pub(crate) fn decode(bytes: &[u8]) -> Cow<'_, str> {
    let head = bytes.get(..200).unwrap_or(bytes).to_ascii_lowercase();
    let says = |name: &[u8]| head.windows(name.len()).any(|window| window == name);
    if str::from_utf8(bytes).is_err() && (says(b"iso-8859-1") || says(b"windows-1252")) {
        return text::latin1(bytes).into();
    }
    text::decode(bytes)
}

impl<'a> Document<'a> {
    /// A document; `text` is what [`decode`] gave.
    pub(crate) fn new(text: &'a str) -> Self {
        let mut reader = Reader::from_str(text);
        reader.config_mut().trim_text(true);
        Self { bytes: text.as_bytes(), reader, open: Vec::new(), pending_close: false }
    }

    /// The names of the elements that are open, outermost first.
    pub(crate) fn path(&self) -> &[String] {
        &self.open
    }

    /// What comes next; `None` at the end.
    ///
    /// # Errors
    /// Where the document is no XML, ends early, or nests too deep.
    pub(crate) fn next(&mut self) -> Result<Option<Node>, ReadError> {
        if std::mem::take(&mut self.pending_close) {
            self.open.pop();
            return Ok(Some(Node::Close));
        }
        loop {
            let start = usize::try_from(self.reader.buffer_position()).unwrap_or(usize::MAX);
            let event = self.reader.read_event().map_err(|error| {
                let at = usize::try_from(self.reader.error_position()).unwrap_or(usize::MAX);
                ReadError::malformed(text::place(self.bytes, at), error.to_string())
            })?;
            match event {
                Event::Start(tag) => return self.element(&tag, start).map(|e| Some(Node::Open(e))),
                Event::Empty(tag) => {
                    self.pending_close = true;
                    return self.element(&tag, start).map(|e| Some(Node::Open(e)));
                }
                Event::End(_) => {
                    self.open.pop();
                    return Ok(Some(Node::Close));
                }
                Event::Text(text) => {
                    let text = text.trim().to_owned();
                    if !text.is_empty() {
                        return Ok(Some(Node::Text(text)));
                    }
                }
                Event::CData(text) => {
                    return Ok(Some(Node::Text(text.to_string())));
                }
                Event::Eof => {
                    return match self.open.last() {
                        None => Ok(None),
                        Some(name) => {
                            let place = text::place(self.bytes, self.bytes.len());
                            Err(ReadError::malformed(
                                place,
                                format!("the file ends inside <{name}>"),
                            ))
                        }
                    };
                }
                Event::Comment(_) | Event::Decl(_) | Event::PI(_) | Event::DocType(_) => {}
                Event::GeneralRef(_) => {}
            }
        }
    }

    fn element(&mut self, tag: &BytesStart<'_>, start: usize) -> Result<Element, ReadError> {
        let start = self.bytes.get(start..).map_or(start, |rest| {
            start + rest.iter().take_while(|byte| byte.is_ascii_whitespace()).count()
        });
        let place = text::place(self.bytes, start);
        let name = AsRef::<str>::as_ref(&tag.local_name()).to_owned();
        if self.open.len() >= limits::DEPTH {
            return Err(ReadError::limit(place, "elements nest too deep"));
        }
        let mut attributes = Vec::new();
        for attribute in tag.attributes().with_checks(false) {
            let attribute =
                attribute.map_err(|error| ReadError::malformed(place, error.to_string()))?;
            if attributes.len() >= limits::ATTRIBUTES {
                return Err(ReadError::limit(place, format!("<{name}> has too many attributes")));
            }
            let key = AsRef::<str>::as_ref(&attribute.key.local_name()).to_owned();
            let raw = attribute.value.into_owned();
            // An entity that XML does not have is left as it stands.
            let value = match quick_xml::escape::unescape(&raw) {
                Ok(value) => value.into_owned(),
                Err(_) => raw,
            };
            attributes.push((key, value));
        }
        self.open.push(name.clone());
        Ok(Element { name, attributes, place })
    }
}

/// The name of the root element in the head of a file, and the text of its tag as far as it is
/// there; `None` if this is no XML.
pub(crate) fn root(head: &[u8]) -> Option<(String, String)> {
    let text = decode(head);
    let mut rest = text.trim_start();
    if !rest.starts_with('<') {
        return None;
    }
    loop {
        rest = rest.get(rest.find('<')?..)?;
        if let Some(comment) = rest.strip_prefix("<!--") {
            rest = comment.get(comment.find("-->")? + 3..)?;
        } else if rest.starts_with("<?") {
            rest = rest.get(rest.find("?>")? + 2..)?;
        } else if rest.starts_with("<!") {
            // A document type, which may hold declarations in brackets.
            let end = rest.find('>')?;
            let end = match rest.get(..end)?.contains('[') {
                true => rest.find("]>").map(|at| at + 1)?,
                false => end,
            };
            rest = rest.get(end + 1..)?;
        } else {
            let tag = rest.get(1..rest.find('>').unwrap_or(rest.len()))?;
            let name = tag.split(|c: char| c.is_whitespace() || c == '/').next()?;
            let name = name.rsplit(':').next()?;
            return Some((name.to_owned(), tag.to_owned()));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Vec<String>, ReadError> {
        let mut document = Document::new(text);
        let mut found = Vec::new();
        while let Some(node) = document.next()? {
            found.push(match node {
                Node::Open(element) => format!("<{} {:?}", element.name, element.attribute("a")),
                Node::Close => format!(">{}", document.path().len()),
                Node::Text(text) => text,
            });
        }
        Ok(found)
    }

    #[test]
    fn elements_open_and_close() {
        let text =
            "<?xml version='1.0'?><!DOCTYPE x [<!ENTITY e 'ee'>]><x a='1&lt;&e;'>\n<p:y/> t </x>";
        let found = read(text).unwrap();
        assert_eq!(found, ["<x Some(\"1&lt;&e;\")", "<y None", ">1", "t", ">0"]);
    }

    #[test]
    fn errors_have_a_place() {
        assert_eq!(
            read("<x>\n <y>").unwrap_err().to_string(),
            "line 2, column 5: the file ends inside <y>"
        );
        assert!(read("<x></y>").is_err());
        let deep = "<x>".repeat(100_000);
        assert!(read(&deep).unwrap_err().to_string().contains("too deep"));
        let mut document = Document::new("<x>\n <y n='1,234' m='-1'/></x>");
        document.next().unwrap();
        let Some(Node::Open(y)) = document.next().unwrap() else { panic!("no element") };
        assert_eq!(y.number("n").unwrap(), Some(1_234));
        assert_eq!(y.number("o").unwrap(), None);
        assert_eq!(
            y.number("m").unwrap_err().to_string(),
            "line 2, column 2: m=\"-1\" of <y> is not a number"
        );
    }

    #[test]
    fn roots_are_found_behind_whatever_stands_first() {
        let text = "\u{feff}<?xml?>\n<!-- <no> -->\n<!DOCTYPE a SYSTEM 'x' [ <!ELEMENT b> ]><c:a d='1'><b/>";
        assert_eq!(root(text.as_bytes()), Some(("a".into(), "c:a d='1'".into())));
        assert_eq!(root(b"<a"), Some(("a".into(), "a".into())));
        assert_eq!(root(b"{}"), None);
        assert_eq!(root(b"<!-- "), None);
    }
}
