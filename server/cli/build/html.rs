//! The little of HTML that it takes to find the links which Trunk replaces, `<link data-trunk …>`
//! and `<script data-trunk …>`.

use std::collections::BTreeMap;
use std::ops::Range;

/// An element for Trunk to replace.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Element {
    /// Where it is in the page, its end tag included.
    pub(crate) range: Range<usize>,
    /// Its attributes, by lowercase name; those without a value have an empty one.
    pub(crate) attributes: BTreeMap<String, String>,
    /// `link` or `script`.
    pub(crate) tag: &'static str,
}

/// All elements with an attribute `data-trunk`, in order. Comments are skipped.
pub(crate) fn elements(html: &str) -> Vec<Element> {
    let mut found = Vec::new();
    let mut at = 0;
    while let Some(next) = html[at..].find('<').map(|offset| at + offset) {
        if html[next..].starts_with("<!--") {
            at = html[next..].find("-->").map_or(html.len(), |end| next + end + 3);
            continue;
        }
        at = next + 1;
        for tag in ["link", "script"] {
            let Some(name) = html.get(at..at + tag.len()) else { continue };
            let after = html[at + tag.len()..].chars().next().unwrap_or(' ');
            if !name.eq_ignore_ascii_case(tag) || !(after.is_whitespace() || after == '>') {
                continue;
            }
            let (attributes, mut end) = attributes(html, at + tag.len());
            if tag == "script"
                && let Some(offset) = html[end..].find("</script>")
            {
                end += offset + "</script>".len();
            }
            if attributes.contains_key("data-trunk") {
                found.push(Element { range: next..end, attributes, tag });
            }
            at = end;
            break;
        }
    }
    found
}

/// The attributes from `at` to the end of the tag, and where that is.
fn attributes(html: &str, mut at: usize) -> (BTreeMap<String, String>, usize) {
    let mut attributes = BTreeMap::new();
    let rest = |at: usize| html.get(at..).unwrap_or_default();
    loop {
        at += rest(at).len() - rest(at).trim_start_matches([' ', '\t', '\r', '\n', '/']).len();
        match rest(at).chars().next() {
            None => return (attributes, at),
            Some('>') => return (attributes, at + 1),
            Some(_) => {}
        }
        let ends = |c: char| c.is_whitespace() || matches!(c, '=' | '>' | '/');
        // A name that starts with an equals sign would be empty, and go nowhere.
        let length = rest(at + 1).find(ends).map_or(rest(at).len(), |length| length + 1);
        let name = rest(at)[..length].to_lowercase();
        at += length;
        let blank = rest(at).len() - rest(at).trim_start().len();
        let mut value = String::new();
        if rest(at + blank).starts_with('=') {
            at += blank + 1;
            at += rest(at).len() - rest(at).trim_start().len();
            let quote = rest(at).chars().next().filter(|c| matches!(c, '"' | '\''));
            if let Some(quote) = quote {
                at += 1;
                let length = rest(at).find(quote).unwrap_or(rest(at).len());
                value = rest(at)[..length].to_owned();
                at = (at + length + 1).min(html.len());
            } else {
                let ends = |c: char| c.is_whitespace() || c == '>';
                let length = rest(at).find(ends).unwrap_or(rest(at).len());
                value = rest(at)[..length].to_owned();
                at += length;
            }
        }
        attributes.insert(name, value);
    }
}
