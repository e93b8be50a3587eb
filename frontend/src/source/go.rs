//! Go source, line by line, for syntax colours.
//!
//! The only state between two lines is whether a comment or a raw string is open, so any line can
//! be coloured once the states are known. Every byte of a line falls in exactly one token.

use std::ops::Range;

/// What is open at the end of a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum State {
    /// Nothing.
    #[default]
    Code,
    /// A `/* comment`.
    Comment,
    /// A raw string.
    Raw,
}

/// What a token is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// White space, operators, names.
    Plain,
    /// `func`, `range`, …
    Keyword,
    /// Predeclared types, functions and constants.
    Builtin,
    /// A name before `(`.
    Function,
    /// A string or rune.
    String,
    /// A number.
    Number,
    /// A comment.
    Comment,
}

impl Kind {
    /// Its class in the style sheet; empty for plain text.
    pub fn class(self) -> &'static str {
        match self {
            Kind::Plain => "",
            Kind::Keyword => "k",
            Kind::Builtin => "b",
            Kind::Function => "f",
            Kind::String => "s",
            Kind::Number => "n",
            Kind::Comment => "c",
        }
    }
}

/// Sorted, as [`slice::binary_search`] wants them.
const KEYWORDS: &[&str] = &[
    "break",
    "case",
    "chan",
    "const",
    "continue",
    "default",
    "defer",
    "else",
    "fallthrough",
    "for",
    "func",
    "go",
    "goto",
    "if",
    "import",
    "interface",
    "map",
    "package",
    "range",
    "return",
    "select",
    "struct",
    "switch",
    "type",
    "var",
];
/// Sorted too. Go's spec, "Predeclared identifiers".
const BUILTINS: &[&str] = &[
    "any",
    "append",
    "bool",
    "byte",
    "cap",
    "clear",
    "close",
    "comparable",
    "complex",
    "complex128",
    "complex64",
    "copy",
    "delete",
    "error",
    "false",
    "float32",
    "float64",
    "imag",
    "int",
    "int16",
    "int32",
    "int64",
    "int8",
    "iota",
    "len",
    "make",
    "max",
    "min",
    "new",
    "nil",
    "panic",
    "print",
    "println",
    "real",
    "recover",
    "rune",
    "string",
    "true",
    "uint",
    "uint16",
    "uint32",
    "uint64",
    "uint8",
    "uintptr",
];

/// Splits a line into tokens. Gives what is open at its end.
pub fn line(text: &str, mut state: State, mut token: impl FnMut(Kind, Range<usize>)) -> State {
    let bytes = text.as_bytes();
    let mut at = 0;
    while at < bytes.len() {
        let start = at;
        let (kind, next) = match state {
            State::Comment => (Kind::Comment, close(text, at, "*/", &mut state)),
            State::Raw => (Kind::String, close(text, at, "`", &mut state)),
            State::Code => code(text, at, &mut state),
        };
        at = next;
        token(kind, start..at);
    }
    state
}

/// The end of what is open, which it closes, or the end of the line.
fn close(text: &str, at: usize, end: &str, state: &mut State) -> usize {
    // In bytes: a search for text takes 4 KB of code.
    let mut places = text.as_bytes()[at..].windows(end.len());
    match places.position(|place| place == end.as_bytes()) {
        Some(found) => {
            *state = State::Code;
            at + found + end.len()
        }
        None => text.len(),
    }
}

fn code(text: &str, at: usize, state: &mut State) -> (Kind, usize) {
    let bytes = text.as_bytes();
    let rest = &bytes[at..];
    match rest[0] {
        b'/' if rest.get(1) == Some(&b'/') => (Kind::Comment, bytes.len()),
        b'/' if rest.get(1) == Some(&b'*') => {
            *state = State::Comment;
            (Kind::Comment, close(text, at + 2, "*/", state))
        }
        b'`' => {
            *state = State::Raw;
            (Kind::String, close(text, at + 1, "`", state))
        }
        quote @ (b'"' | b'\'') => (Kind::String, quoted(bytes, at + 1, quote)),
        b'0'..=b'9' => (Kind::Number, number(bytes, at)),
        first if is_name(first) => {
            let end = at + rest.iter().position(|&byte| !is_name(byte)).unwrap_or(rest.len());
            (name(text.get(at..end).unwrap_or_default(), &bytes[end..]), end)
        }
        _ => {
            let stop = |&byte: &u8| is_name(byte) || b"/`\"'".contains(&byte);
            let length = rest[1..].iter().position(stop).unwrap_or(rest.len() - 1);
            (Kind::Plain, at + 1 + length)
        }
    }
}

/// Letters, digits, `_`, and all that is not ASCII: a name never ends within a character.
fn is_name(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || byte >= 0x80
}

fn quoted(bytes: &[u8], mut at: usize, quote: u8) -> usize {
    while let Some(&byte) = bytes.get(at) {
        at += 1;
        if byte == quote {
            return at;
        }
        // What is escaped may be the first byte of several; the others are neither.
        at += usize::from(byte == b'\\' && bytes.get(at).is_some_and(u8::is_ascii));
    }
    bytes.len()
}

fn number(bytes: &[u8], mut at: usize) -> usize {
    let hex = bytes[at] == b'0' && matches!(bytes.get(at + 1), Some(b'x' | b'X'));
    while let Some(&byte) = bytes.get(at) {
        let sign = matches!(byte, b'+' | b'-')
            && if hex {
                matches!(bytes[at - 1], b'p' | b'P')
            } else {
                matches!(bytes[at - 1], b'e' | b'E' | b'p' | b'P')
            };
        if !(byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'.' || sign) {
            break;
        }
        at += 1;
    }
    at
}

fn name(word: &str, after: &[u8]) -> Kind {
    if KEYWORDS.binary_search(&word).is_ok() {
        Kind::Keyword
    } else if BUILTINS.binary_search(&word).is_ok() {
        Kind::Builtin
    } else if after.first() == Some(&b'(') {
        Kind::Function
    } else {
        Kind::Plain
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The tokens that are not plain, with the first letter of their kind.
    fn check(text: &str, expected: &[&str]) {
        let mut state = State::Code;
        let mut found = Vec::new();
        for text in text.lines() {
            let mut end = 0;
            state = line(text, state, |kind, range| {
                assert_eq!(range.start, end, "{text:?} has a hole");
                assert!(!range.is_empty(), "{text:?} has an empty token");
                end = range.end;
                if kind != Kind::Plain {
                    found.push(format!("{}:{}", kind.class(), &text[range]));
                }
            });
            assert_eq!(end, text.len());
        }
        assert_eq!(found, expected);
    }

    #[test]
    fn words_of_the_language_are_told_from_names() {
        check(
            "func (t *T) Add(n int) { return len(t.rangex) + größe(1) }",
            &["k:func", "f:Add", "b:int", "k:return", "b:len", "f:größe", "n:1"],
        );
    }

    #[test]
    fn strings_and_runes_end_where_they_end() {
        check(
            r#"x := "a\"b" + "ü\ü" + '\'' + 'é' + "open"#,
            &[r#"s:"a\"b""#, r#"s:"ü\ü""#, r"s:'\''", "s:'é'", "s:\"open"],
        );
    }

    #[test]
    fn comments_and_raw_strings_run_over_lines() {
        check(
            "a /* one\ntwo */ b `x\n// y` c /**/ // z\nd",
            &["c:/* one", "c:two */", "s:`x", "s:// y`", "c:/**/", "c:// z"],
        );
    }

    #[test]
    fn numbers_keep_their_signs_and_marks() {
        check(
            "0x1p-2 1e+9 1_000 0b11 2.5i a-1 0xe+1",
            &["n:0x1p-2", "n:1e+9", "n:1_000", "n:0b11", "n:2.5i", "n:1", "n:0xe", "n:1"],
        );
    }

    #[test]
    fn lists_are_sorted() {
        assert!(KEYWORDS.is_sorted());
        assert!(BUILTINS.is_sorted());
    }
}
