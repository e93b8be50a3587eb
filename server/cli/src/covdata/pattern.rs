//! Package patterns of `-pkg`.

/// Patterns, of which a package must match one. Without any, every package is kept.
#[derive(Debug, Clone, Default)]
pub(super) struct Patterns(Option<Vec<String>>);

impl Patterns {
    /// The patterns of a flag's value, separated by commas; none if it is empty.
    pub(super) fn of(value: &str) -> Self {
        Self((!value.is_empty()).then(|| value.split(',').map(str::to_owned).collect()))
    }

    /// Whether every package is kept.
    pub(super) fn keep_all(&self) -> bool {
        self.0.is_none()
    }

    /// Whether a package is kept.
    pub(super) fn keep(&self, path: &str) -> bool {
        match &self.0 {
            None => true,
            Some(patterns) => patterns.iter().any(|pattern| matches(pattern, path)),
        }
    }
}

/// Whether an import path matches: `...` stands for any text, and `/...` at the end for none, too.
fn matches(pattern: &str, path: &str) -> bool {
    if let Some(parent) = pattern.strip_suffix("/...")
        && wild(parent, path)
    {
        return true;
    }
    wild(pattern, path)
}

fn wild(pattern: &str, path: &str) -> bool {
    let mut parts = pattern.split("...");
    let first = parts.next().unwrap_or_default();
    let Some(mut rest) = path.strip_prefix(first) else { return false };
    let mut parts: Vec<_> = parts.collect();
    let Some(last) = parts.pop() else { return rest.is_empty() };
    for part in parts {
        match rest.find(part) {
            Some(at) => rest = &rest[at + part.len()..],
            None => return false,
        }
    }
    rest.ends_with(last)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dots_stand_for_any_text() {
        for (patterns, path, expected) in [
            ("", "a/b", true),
            ("a/b", "a/b", true),
            ("a", "a/b", false),
            ("x,a/b", "a/b", true),
            ("a/...", "a", true),
            ("a/...", "a/b/c", true),
            ("a/...", "ab", false),
            ("a...", "ab/c", true),
            ("...", "anything", true),
            ("a.../b/...", "ax/y/b", true),
            ("ex...ple.com/.../deep", "example.com/lang/deep", true),
            ("./...", "a", false),
            (",", "a", false),
            ("...a...a", "a", false),
            ("...a...a", "aa", true),
        ] {
            assert_eq!(Patterns::of(patterns).keep(path), expected, "{patterns} {path}");
        }
    }
}
