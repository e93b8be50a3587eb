//! Reading XML element by element.
//!
//! Entities other than the five of XML itself stay unknown and nothing outside of the file is ever
//! asked for, so no file can make itself larger than it is.

use std::borrow::Cow;

use quick_xml::Reader;
use quick_xml::events::attributes::Attributes;
use quick_xml::events::{BytesRef, BytesStart, Event};

use crate::{Place, ReadError, limits, text};

/// What comes next in a document.
#[derive(Debug)]
pub(crate) enum Node<'a> {
    /// An element opens; [`Node::Close`] follows also where it is empty.
    Open(Element<'a>),
    /// The element opened last, of those that are open, closes.
    Close,
    /// Text of the element that is open up to the next tag, without white space around it; never
    /// empty.
    Text(Cow<'a, str>),
}

/// An element that opened.
#[derive(Debug, Clone)]
pub(crate) struct Element<'a> {
    /// Its name, without a namespace's prefix.
    pub(crate) name: &'a str,
    attributes: Vec<(&'a str, Cow<'a, str>)>,
    place: Place,
}

impl Element<'_> {
    /// The value of an attribute.
    pub(crate) fn attribute(&self, name: &str) -> Option<&str> {
        self.attributes.iter().find(|(known, _)| *known == name).map(|(_, value)| value.as_ref())
    }

    /// The value of an attribute that has to be there.
    pub(crate) fn required(&self, name: &str) -> Result<&str, ReadError> {
        self.attribute(name).ok_or_else(|| self.malformed(format!("<{}> has no {name}", self.name)))
    }

    /// The number in an attribute; `None` where it is missing. Counts beyond [`u64::MAX`] are
    /// that, and thousands may stand apart by commas.
    pub(crate) fn number(&self, name: &str) -> Result<Option<u64>, ReadError> {
        let Some(value) = self.attribute(name) else { return Ok(None) };
        let value = value.trim();
        let digits: Cow<'_, str> =
            if value.contains(',') { value.replace(',', "").into() } else { value.into() };
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

    /// The line number in an attribute; beyond [`u32::MAX`] it is that and below 0 it is 0, which
    /// no file has.
    pub(crate) fn line(&self, name: &str) -> Result<Option<u32>, ReadError> {
        if self.is_negative(name) {
            return Ok(Some(0));
        }
        Ok(self.number(name)?.map(|number| u32::try_from(number).unwrap_or(u32::MAX)))
    }

    /// The count in an attribute; 0 where it is missing.
    pub(crate) fn count(&self, name: &str) -> Result<u64, ReadError> {
        match self.attribute(name) {
            Some(value) if self.is_negative(name) => {
                let value: String = value.trim().chars().take(40).collect();
                let what = format!("{name} of <{}>", self.name);
                Err(ReadError::negative(self.place, what, value))
            }
            _ => Ok(self.number(name)?.unwrap_or(0)),
        }
    }

    fn is_negative(&self, name: &str) -> bool {
        let digits = self.attribute(name).and_then(|value| value.trim().strip_prefix('-'));
        digits.is_some_and(|digits| {
            !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit())
        })
    }

    /// An error at this element.
    pub(crate) fn malformed(&self, reason: impl Into<Cow<'static, str>>) -> ReadError {
        ReadError::malformed(self.place, reason)
    }
}

/// A document that is read from its start to its end.
pub(crate) struct Document<'a> {
    text: &'a str,
    reader: Reader<&'a [u8]>,
    open: Vec<&'a str>,
    /// Whether the element opened last was empty, so that its close is still to be told.
    pending_close: bool,
    /// What ended the text that was told last, and where it starts.
    held: Option<(Event<'a>, usize)>,
    /// A byte of the text, the line that it is on, and where that starts.
    known: (usize, usize, usize),
}

/// The text of a document in UTF-8, as its mark or its declaration says.
pub(crate) fn decode(bytes: &[u8]) -> Cow<'_, str> {
    let head = bytes.get(..200).unwrap_or(bytes).to_ascii_lowercase();
    let says = |name: &[u8]| head.windows(name.len()).any(|window| window == name);
    if (says(b"iso-8859-1") || says(b"windows-1252")) && str::from_utf8(bytes).is_err() {
        return text::latin1(bytes).into();
    }
    text::decode(bytes)
}

impl<'a> Document<'a> {
    /// A document; `text` is what [`decode`] gave.
    pub(crate) fn new(text: &'a str) -> Self {
        let reader = Reader::from_str(text);
        let (open, known) = (Vec::new(), (0, 1, 0));
        Self { text, reader, open, pending_close: false, held: None, known }
    }

    /// The names of the elements that are open, outermost first.
    pub(crate) fn path(&self) -> &[&'a str] {
        &self.open
    }

    /// What comes next; `None` at the end.
    ///
    /// # Errors
    /// Where the document is no XML, ends early, or nests too deep.
    pub(crate) fn next(&mut self) -> Result<Option<Node<'a>>, ReadError> {
        if std::mem::take(&mut self.pending_close) {
            self.open.pop();
            return Ok(Some(Node::Close));
        }
        if let Some((event, start)) = self.held.take() {
            return self.node(event, start);
        }
        let mut text = Cow::Borrowed("");
        loop {
            let start = self.position();
            let event = self.reader.read_event().map_err(|error| {
                let at = usize::try_from(self.reader.error_position()).unwrap_or(usize::MAX);
                ReadError::malformed(text::place(self.text.as_bytes(), at), error.to_string())
            })?;
            match event {
                Event::Text(_) => {
                    let more = self.text.get(start..self.position()).unwrap_or_default();
                    join(&mut text, more);
                }
                Event::CData(more) => text.to_mut().push_str(more.trim()),
                Event::GeneralRef(entity) => text.to_mut().push_str(&resolved(&entity)),
                Event::Comment(_) | Event::Decl(_) | Event::PI(_) | Event::DocType(_) => {}
                event if text.trim().is_empty() => return self.node(event, start),
                event => {
                    self.held = Some((event, start));
                    return Ok(Some(Node::Text(match text {
                        Cow::Borrowed(text) => text.trim().into(),
                        Cow::Owned(text) => text.trim().to_owned().into(),
                    })));
                }
            }
        }
    }

    fn position(&self) -> usize {
        usize::try_from(self.reader.buffer_position()).unwrap_or(usize::MAX)
    }

    fn node(&mut self, event: Event<'a>, start: usize) -> Result<Option<Node<'a>>, ReadError> {
        match event {
            Event::Start(tag) => self.element(&tag, start).map(|e| Some(Node::Open(e))),
            Event::Empty(tag) => {
                self.pending_close = true;
                self.element(&tag, start).map(|e| Some(Node::Open(e)))
            }
            Event::End(_) => {
                self.open.pop();
                Ok(Some(Node::Close))
            }
            _ => match self.open.last() {
                None => Ok(None),
                Some(name) => {
                    let place = text::place(self.text.as_bytes(), self.text.len());
                    Err(ReadError::malformed(place, format!("the file ends inside <{name}>")))
                }
            },
        }
    }

    fn element(&mut self, tag: &BytesStart<'a>, start: usize) -> Result<Element<'a>, ReadError> {
        let place = self.place(start);
        if self.open.len() >= limits::DEPTH {
            return Err(ReadError::limit(place, "elements nest too deep"));
        }
        let name_length = AsRef::<str>::as_ref(&tag.name()).len();
        // The tag as the text has it, so that what it says is borrowed from there.
        let content = self.text.get(start + 1..start + 1 + tag.len()).unwrap_or_default();
        let name = content.get(..name_length).unwrap_or_default();
        let name = name.rsplit(':').next().unwrap_or(name);
        let mut attributes = Vec::new();
        for attribute in Attributes::new(content, name_length).with_checks(false) {
            let attribute =
                attribute.map_err(|error| ReadError::malformed(place, error.to_string()))?;
            if attributes.len() >= limits::ATTRIBUTES {
                return Err(ReadError::limit(place, format!("<{name}> has too many attributes")));
            }
            let key: &'a str = attribute.key.into_inner();
            let key = key.rsplit(':').next().unwrap_or(key);
            attributes.push((key, unescaped(attribute.value)));
        }
        self.open.push(name);
        Ok(Element { name, attributes, place })
    }

    /// The line and column of a byte that is not before the one asked for last.
    fn place(&mut self, offset: usize) -> Place {
        let (from, mut line, mut line_start) = self.known;
        let between = self.text.as_bytes().get(from..offset).unwrap_or_default();
        if let Some(last) = between.iter().rposition(|byte| *byte == b'\n') {
            line += between.iter().filter(|byte| **byte == b'\n').count();
            line_start = from + last + 1;
        }
        self.known = (offset, line, line_start);
        Place::Column(line, offset - line_start + 1)
    }
}

/// Adds text to what may still be borrowed.
fn join<'a>(text: &mut Cow<'a, str>, more: &'a str) {
    if text.trim().is_empty() { *text = more.into() } else { *text += more }
}

/// What an attribute means. An entity that XML does not have is left as it stands.
fn unescaped(raw: Cow<'_, str>) -> Cow<'_, str> {
    if !raw.contains('&') {
        return raw;
    }
    match quick_xml::escape::unescape(&raw) {
        Ok(value) => value.into_owned().into(),
        Err(_) => raw,
    }
}

/// What an entity in text means, likewise.
fn resolved(entity: &BytesRef<'_>) -> Cow<'static, str> {
    let raw = format!("&{};", AsRef::<str>::as_ref(&**entity));
    unescaped(raw.into())
}

/// A text as the value of an attribute, between double quotes. Characters that XML has no place
/// for become U+FFFD.
pub(crate) fn escape(text: &str) -> Cow<'_, str> {
    let odd = |c: char| {
        matches!(c, '<' | '>' | '&' | '"' | '\'' | '\u{fffe}' | '\u{ffff}') || c.is_control()
    };
    if !text.contains(odd) {
        return text.into();
    }
    let mut out = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        match c {
            '<' => out += "&lt;",
            '>' => out += "&gt;",
            '&' => out += "&amp;",
            '"' => out += "&quot;",
            '\'' => out += "&apos;",
            '\t' => out += "&#9;",
            '\n' => out += "&#10;",
            '\r' => out += "&#13;",
            '\0'..' ' | '\u{fffe}' | '\u{ffff}' => out.push(char::REPLACEMENT_CHARACTER),
            c => out.push(c),
        }
    }
    out.into()
}

/// Whether the head of a file is XML with this root, whose tag holds one of these texts, or one of
/// these elements follows.
pub(crate) fn sniff(head: &[u8], name: &str, tag_texts: &[&str], elements: &[&str]) -> bool {
    let Some((found, tag)) = root(head) else { return false };
    let text = decode(head);
    let follows = |element: &&str| {
        text.match_indices(*element).any(|(at, _)| {
            text.get(..at).is_some_and(|before| before.ends_with(['<', ':']))
                && text
                    .get(at + element.len()..)
                    .is_some_and(|after| after.starts_with([' ', '>', '/', '\n', '\r', '\t']))
        })
    };
    found == name
        && (tag_texts.iter().any(|text| tag.contains(text)) || elements.iter().any(follows))
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
                Node::Text(text) => text.into_owned(),
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
        let found =
            read("<x> a &lt;b&#x26;&c; <![CDATA[ <d> ]]> <!-- e -->f<y> </y> g</x>").unwrap();
        assert_eq!(found, ["<x None", "a <b&&c; <d> f", "<y None", ">1", "g", ">0"]);
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
        assert_eq!(y.line("m").unwrap(), Some(0));
        assert_eq!((y.count("n").unwrap(), y.count("o").unwrap()), (1_234, 0));
        assert_eq!(
            y.count("m").unwrap_err().to_string(),
            "line 2, column 2: m of <y>: count -1 is below zero: its counter wrapped or was \
             overwritten"
        );
        assert_eq!(
            y.number("m").unwrap_err().to_string(),
            "line 2, column 2: m=\"-1\" of <y> is not a number"
        );
    }

    #[test]
    fn what_is_escaped_reads_back() {
        let text = "a<b>&\"c'\td\n";
        let element = format!("<x a=\"{}\"/>", escape(text));
        let mut document = Document::new(&element);
        let Some(Node::Open(x)) = document.next().unwrap() else { panic!("no element") };
        assert_eq!(x.attribute("a"), Some(text));
        assert_eq!(escape("a\0b"), "a\u{fffd}b");
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
