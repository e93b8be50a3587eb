//! Reading JSON into the private structs of each format.

use std::fmt;
use std::marker::PhantomData;

use serde::de::{Deserialize, DeserializeOwned, Deserializer, Error, MapAccess, Visitor};

use crate::{Place, ReadError, text};

/// The value in these bytes: UTF-8 or, by its mark, UTF-16. Nesting is bounded.
///
/// # Errors
/// Line, column and reason of the first thing that is no JSON, or not of this shape.
pub(crate) fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, ReadError> {
    let text = text::decode(bytes);
    serde_json::from_str(&text).map_err(|error| {
        let reason = error.to_string();
        // The place is said apart.
        let reason = reason.split(" at line ").next().unwrap_or(&reason).to_owned();
        ReadError::malformed(Place::Column(error.line(), error.column()), reason)
    })
}

/// A number as programs of many languages write it: whole or not, negative or `null`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Number(Option<i128>);

impl Number {
    /// As a count; 0 where it is missing.
    ///
    /// # Errors
    /// It is negative; `what` says of what it is the count.
    pub(crate) fn count(self, what: impl FnOnce() -> String) -> Result<u64, ReadError> {
        match self.0 {
            Some(value) if value < 0 => Err(ReadError::negative(Place::Whole, what(), value)),
            _ => Ok(self.checked().unwrap_or(0)),
        }
    }

    /// The number, unless it is negative or missing; at most `u64::MAX`.
    pub(crate) fn checked(self) -> Option<u64> {
        self.0.filter(|value| *value >= 0).map(|value| u64::try_from(value).unwrap_or(u64::MAX))
    }

    /// As a number of a line or column, unless it is negative or missing; at most `u32::MAX`.
    pub(crate) fn position(self) -> Option<u32> {
        self.checked().map(|value| u32::try_from(value).unwrap_or(u32::MAX))
    }

    /// Whether it is there.
    pub(crate) fn is_some(self) -> bool {
        self.0.is_some()
    }
}

impl From<u64> for Number {
    fn from(value: u64) -> Self {
        Self(Some(value.into()))
    }
}

impl From<i64> for Number {
    fn from(value: i64) -> Self {
        Self(Some(value.into()))
    }
}

impl From<f64> for Number {
    #[expect(clippy::cast_possible_truncation, reason = "casts of floats saturate")]
    fn from(value: f64) -> Self {
        Self(Some(value as i128))
    }
}

impl<'de> Deserialize<'de> for Number {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Numbers;
        impl Visitor<'_> for Numbers {
            type Value = Number;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a number")
            }
            fn visit_u64<E: Error>(self, value: u64) -> Result<Number, E> {
                Ok(value.into())
            }
            fn visit_i64<E: Error>(self, value: i64) -> Result<Number, E> {
                Ok(value.into())
            }
            fn visit_f64<E: Error>(self, value: f64) -> Result<Number, E> {
                Ok(value.into())
            }
            fn visit_unit<E: Error>(self) -> Result<Number, E> {
                Ok(Number(None))
            }
        }
        deserializer.deserialize_any(Numbers)
    }
}

/// An object as its keys and values, in the order in which they stand; keys may occur again.
#[derive(Debug)]
pub(crate) struct Pairs<T>(pub(crate) Vec<(String, T)>);

impl<T> Default for Pairs<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Pairs<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Entries<T>(PhantomData<T>);
        impl<'de, T: Deserialize<'de>> Visitor<'de> for Entries<T> {
            type Value = Pairs<T>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Pairs<T>, A::Error> {
                let mut pairs = Vec::new();
                while let Some(pair) = map.next_entry()? {
                    pairs.push(pair);
                }
                Ok(Pairs(pairs))
            }
            fn visit_unit<E: Error>(self) -> Result<Pairs<T>, E> {
                Ok(Pairs::default())
            }
        }
        deserializer.deserialize_any(Entries(PhantomData))
    }
}

/// A text as JSON, in quotes.
pub(crate) fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// Whether the head of a file is a JSON object or array in which all of these texts occur.
pub(crate) fn sniff(head: &[u8], texts: &[&str]) -> bool {
    let head = text::decode(head);
    let head = head.trim_start();
    head.starts_with(['{', '[']) && texts.iter().all(|text| head.contains(text))
}

/// What follows the colon of this member of an object whose end may be cut off.
pub(crate) fn member<'a>(object: &'a str, key: &str) -> Option<&'a str> {
    let mut rest = object.trim_start().strip_prefix('{')?;
    let mut depth = 0usize;
    loop {
        rest = rest.get(rest.find(['{', '}', '[', ']', '"'])?..)?;
        if let Some((text, after)) = string(rest) {
            let value = after.trim_start().strip_prefix(':').filter(|_| depth == 0);
            if let Some(value) = value.filter(|_| text == key) {
                return Some(value.trim_start());
            }
            rest = after;
            continue;
        }
        match rest.as_bytes().first()? {
            b'{' | b'[' => depth += 1,
            b'}' | b']' => depth = depth.checked_sub(1)?,
            _ => return None,
        }
        rest = rest.get(1..)?;
    }
}

/// Key and what follows the colon of the first member of an object whose end may be cut off.
pub(crate) fn first_member(object: &str) -> Option<(&str, &str)> {
    let (key, rest) = string(object.trim_start().strip_prefix('{')?.trim_start())?;
    Some((key, rest.trim_start().strip_prefix(':')?.trim_start()))
}

/// What stands between the quotes that a text starts with, escapes as they are, and after them.
fn string(text: &str) -> Option<(&str, &str)> {
    let text = text.strip_prefix('"')?;
    let mut from = 0;
    loop {
        let at = from + text.get(from..)?.find(['"', '\\'])?;
        let (before, after) = text.split_at_checked(at)?;
        match after.strip_prefix('"') {
            Some(after) => return Some((before, after)),
            // Whatever is escaped is one character, or starts with one.
            None => from = at + 1 + after.chars().nth(1)?.len_utf8(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_what_they_look_like() {
        let numbers: Vec<Number> = parse(b"[7, -3, 2.0, 1e99, null]").unwrap();
        let count = |number: &Number| number.count(|| "a.c: line 3".to_owned());
        let counts: Vec<_> = numbers.iter().map(|number| count(number).ok()).collect();
        assert_eq!(counts, [Some(7), None, Some(2), Some(u64::MAX), Some(0)]);
        assert_eq!(
            count(&numbers[1]).unwrap_err().to_string(),
            "a.c: line 3: count -3 is below zero: its counter wrapped or was overwritten"
        );
        let places: Vec<_> = numbers.iter().map(|number| number.position()).collect();
        assert_eq!(places, [Some(7), None, Some(2), Some(u32::MAX), None]);
        assert!(numbers[1].is_some() && !numbers[4].is_some());
        assert!(parse::<Number>(b"\"7\"").is_err());
    }

    #[test]
    fn pairs_keep_order_and_repetitions() {
        let pairs: Pairs<u8> = parse(br#"{"b":1,"a":2,"b":3}"#).unwrap();
        assert_eq!(pairs.0, [("b".to_owned(), 1), ("a".to_owned(), 2), ("b".to_owned(), 3)]);
        assert_eq!(quoted("a\"\n"), r#""a\"\n""#);
    }

    #[test]
    fn members_are_found_where_they_belong() {
        let text = r#" {"a": {"x": 1}, "b\"": "x", "c": ["x", {"x": 2}], "x" : [3], "y": 4"#;
        assert_eq!(member(text, "x"), Some(r#"[3], "y": 4"#));
        assert_eq!(first_member(text), Some(("a", member(text, "a").unwrap())));
        assert_eq!(member(text, "z"), None);
        assert_eq!(member("[\"x\":1]", "x"), None);
        assert_eq!(member("{\"x\\", "x"), None);
        assert_eq!(member("{}} {\"x\":1", "x"), None);
    }

    #[test]
    fn errors_have_a_place() {
        let error = parse::<Vec<u32>>(b"[1,\n2,x]").unwrap_err();
        assert_eq!(error.to_string(), "line 2, column 3: expected value");
        let deep = "[".repeat(100_000);
        assert!(
            parse::<serde_json::Value>(deep.as_bytes())
                .unwrap_err()
                .to_string()
                .contains("recursion")
        );
        assert_eq!(parse::<Vec<u32>>(b"\xef\xbb\xbf[1]").unwrap(), [1]);
    }
}
