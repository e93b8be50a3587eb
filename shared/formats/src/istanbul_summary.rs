//! Istanbul's `coverage-summary.json`, which is known but not read.
//!
//! ```text
//! { "total": { "lines": { "total": 24, "covered": 20, "skipped": 0, "pct": 83.33 }, … },
//!   "/src/a.js": { "lines": …, "statements": …, "functions": …, "branches": … } }
//! ```
//!
//! It says how many lines, statements, functions and branches of each file are covered, but not
//! which: a profile of it would have to make places up. The same run writes `coverage-final.json`
//! if it is asked to, which has everything.

use crate::{Place, ReadError, json};

/// Why these first bytes of a file are not read, if they are of such a summary.
pub(crate) fn refusal(head: &[u8]) -> Option<ReadError> {
    let texts = ["\"total\"", "\"covered\"", "\"skipped\"", "\"pct\""];
    let reason = "only totals, without lines: this is Istanbul's coverage-summary.json; give \
                  coverage-final.json of the same run (reporter `json`) instead";
    json::sniff(head, &texts).then(|| ReadError::unsupported(Place::Whole, reason))
}

#[cfg(test)]
mod tests {
    use crate::Reading;

    #[test]
    fn the_refusal_names_the_file_to_give() {
        let mut reading = Reading::default();
        let text = r#"{"total":{"lines":{"total":24,"covered":20,"skipped":0,"pct":83.33}}}"#;
        reading.add("coverage-summary.json", text.as_bytes());
        reading.add("other.json", b"{\"total\":{\"lines\":1}}");
        let outcome = reading.finish();
        let reasons: Vec<_> = outcome.failures.iter().map(|row| row.1.to_string()).collect();
        assert!(reasons[0].contains("give coverage-final.json of the same run"), "{reasons:?}");
        assert_eq!(reasons[1], "no coverage data of a known format");
    }
}
