//! Reading JSON into the private structs of each format.

use std::fmt;

use serde::de::{DeserializeOwned, Visitor};
use serde::{Deserialize, Deserializer};

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

/// A number of hits: whatever number stands there, as far as it is one. Fractions are cut off,
/// what is below 0 is 0, and what is too large the largest.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Count {
    /// The count.
    pub(crate) value: u64,
    /// Whether it was below 0.
    pub(crate) negative: bool,
}

impl<'de> Deserialize<'de> for Count {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct CountVisitor;

        impl Visitor<'_> for CountVisitor {
            type Value = Count;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a count")
            }

            fn visit_u64<E>(self, value: u64) -> Result<Count, E> {
                Ok(Count { value, negative: false })
            }

            fn visit_i64<E>(self, value: i64) -> Result<Count, E> {
                Ok(Count { value: u64::try_from(value).unwrap_or(0), negative: value < 0 })
            }

            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "the cast saturates, which is what is wanted"
            )]
            fn visit_f64<E>(self, value: f64) -> Result<Count, E> {
                Ok(Count { value: value as u64, negative: value < 0.0 })
            }
        }

        deserializer.deserialize_any(CountVisitor)
    }
}

/// Whether the head of a file is a JSON object or array in which all of these texts occur.
pub(crate) fn sniff(head: &[u8], texts: &[&str]) -> bool {
    let head = text::decode(head);
    let head = head.trim_start();
    head.starts_with(['{', '[']) && texts.iter().all(|text| head.contains(text))
}

#[cfg(test)]
mod tests {
    use super::*;

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
        let counts = parse::<Vec<Count>>(b"[1, -2, 3.9, 1e30, 18446744073709551616]").unwrap();
        let counts: Vec<_> = counts.iter().map(|count| (count.value, count.negative)).collect();
        let most = (u64::MAX, false);
        assert_eq!(counts, [(1, false), (0, true), (3, false), most, most]);
        assert_eq!(parse::<Vec<u32>>(b"\xef\xbb\xbf[1]").unwrap(), [1]);
    }
}
