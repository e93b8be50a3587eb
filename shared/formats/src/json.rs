//! Reading JSON into the private structs of each format.

use serde::de::DeserializeOwned;

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
        assert_eq!(parse::<Vec<u32>>(b"\xef\xbb\xbf[1]").unwrap(), [1]);
    }
}
