//! Text of files, whatever encoding they are in.

use std::borrow::Cow;

use crate::Place;

/// The text in these bytes, without a byte order mark: UTF-8, or UTF-16 if a mark says so. Bytes
/// that are no UTF-8 become U+FFFD, each run of them one, so that lines and ASCII stay in place.
pub(crate) fn decode(bytes: &[u8]) -> Cow<'_, str> {
    match bytes {
        [0xef, 0xbb, 0xbf, rest @ ..] => String::from_utf8_lossy(rest),
        [0xff, 0xfe, rest @ ..] => utf16(rest, u16::from_le_bytes),
        [0xfe, 0xff, rest @ ..] => utf16(rest, u16::from_be_bytes),
        _ => String::from_utf8_lossy(bytes),
    }
}

fn utf16(bytes: &[u8], unit: fn([u8; 2]) -> u16) -> Cow<'_, str> {
    let units = bytes.chunks_exact(2).filter_map(|pair| <[u8; 2]>::try_from(pair).ok()).map(unit);
    let chars = char::decode_utf16(units).map(|char| char.unwrap_or(char::REPLACEMENT_CHARACTER));
    chars.collect::<String>().into()
}

/// Text of ISO 8859-1, of which every byte is a character.
pub(crate) fn latin1(bytes: &[u8]) -> String {
    bytes.iter().map(|&byte| char::from(byte)).collect()
}

/// The path that a `file:` URL names, or the text itself if it is none.
pub(crate) fn path_of_url(url: &str) -> Cow<'_, str> {
    let Some(path) = url.strip_prefix("file://") else { return url.into() };
    let path = path.strip_prefix("localhost").unwrap_or(path);
    // A drive stands behind a slash.
    let drive = path.strip_prefix('/').filter(|rest| rest.as_bytes().get(1) == Some(&b':'));
    let path = drive.unwrap_or(path);
    if !path.contains('%') {
        return path.into();
    }
    let mut bytes = Vec::with_capacity(path.len());
    let mut rest = path.as_bytes();
    while let [byte, tail @ ..] = rest {
        let hex = tail.get(..2).and_then(|hex| str::from_utf8(hex).ok());
        match hex.and_then(|hex| u8::from_str_radix(hex, 16).ok()) {
            Some(value) if *byte == b'%' => {
                bytes.push(value);
                rest = tail.get(2..).unwrap_or_default();
            }
            _ => {
                bytes.push(*byte);
                rest = tail;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned().into()
}

/// The line and column of a byte of a text.
pub(crate) fn place(text: &[u8], offset: usize) -> Place {
    let before = text.get(..offset).unwrap_or(text);
    let line = before.iter().filter(|byte| **byte == b'\n').count() + 1;
    let column = before.iter().rev().take_while(|byte| **byte != b'\n').count() + 1;
    Place::Column(line, column)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_say_what_the_bytes_are() {
        assert_eq!(decode(b"\xef\xbb\xbfa\xc3\xa4"), "a\u{e4}");
        assert_eq!(decode(b"\xff\xfea\0\xe4\0"), "a\u{e4}");
        assert_eq!(decode(b"\xfe\xff\0a\0\xe4"), "a\u{e4}");
        assert_eq!(decode(b"a\xe4b"), "a\u{fffd}b");
        assert_eq!(latin1(b"a\xe4b"), "a\u{e4}b");
    }

    #[test]
    fn urls_of_files_are_paths() {
        assert_eq!(path_of_url("file:///a%20b/c.js"), "/a b/c.js");
        assert_eq!(path_of_url("file:///C:/a.js"), "C:/a.js");
        assert_eq!(path_of_url("/a%20b.js"), "/a%20b.js");
        assert_eq!(path_of_url("file:///50%"), "/50%");
    }

    #[test]
    fn places_count_from_one() {
        assert_eq!(place(b"ab\ncd", 0), Place::Column(1, 1));
        assert_eq!(place(b"ab\ncd", 4), Place::Column(2, 2));
        assert_eq!(place(b"ab\n", 99), Place::Column(2, 1));
    }
}
