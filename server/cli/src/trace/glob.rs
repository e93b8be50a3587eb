//! Patterns for names of functions.

/// A pattern in which `*` stands for any text and `?` for one character. Without the folders of
/// its package a name matches too: `http.(*conn).serve` is `net/http.(*conn).serve`.
#[derive(Debug, Clone)]
pub(super) struct Glob(Vec<char>);

impl Glob {
    /// Takes a pattern. Each text is one.
    pub(super) fn new(pattern: &str) -> Self {
        Self(pattern.chars().collect())
    }

    /// Whether the name is meant.
    pub(super) fn matches(&self, name: &str) -> bool {
        // A dot may be inside of a folder's name, a slash inside of a type argument's.
        let package = name.split(['[', '(']).next().unwrap_or(name);
        let short = package.rfind('/').and_then(|slash| name.get(slash + 1..));
        self.matches_whole(name) || short.is_some_and(|short| self.matches_whole(short))
    }

    /// Goes on from the last `*` where it fails, which is enough: an earlier one could not do more.
    fn matches_whole(&self, name: &str) -> bool {
        let name: Vec<char> = name.chars().collect();
        let (mut at, mut in_name) = (0, 0);
        let mut star = None;
        while in_name < name.len() {
            match self.0.get(at) {
                Some('*') => {
                    star = Some((at, in_name));
                    at += 1;
                }
                Some(wanted) if *wanted == '?' || name.get(in_name) == Some(wanted) => {
                    at += 1;
                    in_name += 1;
                }
                _ => {
                    let Some((star_at, taken)) = star else { return false };
                    star = Some((star_at, taken + 1));
                    at = star_at + 1;
                    in_name = taken + 1;
                }
            }
        }
        self.0.iter().skip(at).all(|rest| *rest == '*')
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_match_with_and_without_folders() {
        let matches = |pattern: &str, name: &str| Glob::new(pattern).matches(name);
        assert!(matches("main.worker", "main.worker"));
        assert!(!matches("main.work", "main.worker"));
        assert!(matches("main.w*r", "main.worker"));
        assert!(matches("main.w????r", "main.worker"));
        assert!(matches("*func1*", "main.main.func12"));
        assert!(matches("http.(*conn).serve", "net/http.(*conn).serve"));
        assert!(matches("net/http.*", "net/http.(*conn).serve"));
        assert!(matches("pool.Map[*", "example.com/a/pool.Map[example.com/b.T]"));
        assert!(!matches("http.*", "main.http"));
        assert!(matches("*a*b*c", "xaybzcc"));
        assert!(!matches("*a*b*c", "xaybzcd"));
        assert!(matches("*", ""));
        assert!(!matches("?", ""));
    }
}
