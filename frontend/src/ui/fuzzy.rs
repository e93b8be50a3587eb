//! Fuzzy matching, as in a palette: each character of the query continues a run or starts a word.

/// A query, ready to match. Upper case in the query asks for upper case.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Query {
    words: Vec<Vec<u8>>,
    exact_case: bool,
}

/// Worse than any match.
const NONE: i32 = i32::MIN / 2;

impl Query {
    /// The query that a text field holds; its words must all match, in any order.
    pub fn new(text: &str) -> Self {
        let exact_case = text.bytes().any(|byte| byte.is_ascii_uppercase());
        let words = text.split_ascii_whitespace().map(|word| word.as_bytes().to_vec()).collect();
        Self { words, exact_case }
    }

    /// Whether it matches everything.
    pub fn is_empty(&self) -> bool {
        self.words.is_empty()
    }

    /// How well a text matches; higher is better, `None` is not at all.
    pub fn score(&self, text: &str) -> Option<i32> {
        self.words.iter().map(|word| self.word(word, text.as_bytes())).sum()
    }

    fn same(&self, a: u8, b: u8) -> bool {
        if self.exact_case { a == b } else { a.eq_ignore_ascii_case(&b) }
    }

    /// `best[at]` is the best score of the word so far with its last character matched at `at`.
    fn word(&self, word: &[u8], text: &[u8]) -> Option<i32> {
        // Most texts fail here, without an allocation.
        let mut rest = text.iter();
        if !word.iter().all(|&wanted| rest.any(|&byte| self.same(wanted, byte))) {
            return None;
        }
        let name = text.iter().rposition(|&byte| byte == b'/').map_or(0, |slash| slash + 1);
        let mut best = vec![NONE; text.len()];
        for (position, &wanted) in word.iter().enumerate() {
            let (mut before, mut diagonal) = (NONE, NONE);
            for at in 0..text.len() {
                let above = best[at];
                best[at] = if !self.same(wanted, text[at]) {
                    NONE
                } else if position == 0 {
                    1 + if starts_word(text, at) { 4 } else { 0 } + if at >= name { 20 } else { 0 }
                } else {
                    let run = diagonal + 7;
                    if starts_word(text, at) { run.max(before + 5) } else { run }
                };
                before = before.max(above);
                diagonal = above;
            }
        }
        let score = best.into_iter().max().filter(|&score| score > NONE / 2)?;
        Some(score - i32::try_from(text.len() / 16).unwrap_or(i32::MAX))
    }
}

fn starts_word(text: &[u8], at: usize) -> bool {
    let Some(before) = at.checked_sub(1).map(|before| text[before]) else { return true };
    !before.is_ascii_alphanumeric()
        || (before.is_ascii_lowercase() && text[at].is_ascii_uppercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn best<'a>(query: &str, texts: &[&'a str]) -> Option<&'a str> {
        let query = Query::new(query);
        texts
            .iter()
            .filter_map(|text| query.score(text).map(|score| (score, *text)))
            .max()
            .map(|(_, text)| text)
    }

    #[test]
    fn names_beat_folders() {
        let paths = ["store/x/server.go", "server/x/store.go", "a/restore.go"];
        assert_eq!(best("store", &paths), Some("server/x/store.go"));
        assert_eq!(best("server", &paths), Some("store/x/server.go"));
        assert_eq!(best("zebra", &paths), None);
    }

    #[test]
    fn characters_continue_a_run_or_start_a_word() {
        assert!(Query::new("hsg").score("http/serve_get.go").is_some());
        assert!(Query::new("sget").score("serveGet").is_some());
        assert!(Query::new("estor").score("m/restore.go").is_some());
        assert!(Query::new("store").score("session_tools_or_errors").is_some());
        assert!(Query::new("store").score("postal/more").is_none());
    }

    #[test]
    fn words_match_in_any_order_and_capitals_are_meant() {
        assert!(Query::new("go store").score("m/store.go").is_some());
        assert!(Query::new("Store").score("m/store.go").is_none());
        assert!(Query::new("store").score("m.Store").is_some());
        assert_eq!(Query::new("").score("anything"), Some(0));
    }
}
