//! Patterns for paths and packages.

/// A pattern for source paths and import paths, as people write them in ignore files:
///
/// | in the pattern | stands for |
/// |---|---|
/// | `?` | one character but `/` |
/// | `*` | any characters but `/` |
/// | `**`, `...` | any characters |
/// | `**/` | any folders, or none |
/// | `/...`, `/**` at the end | everything below, and the folder itself |
///
/// A pattern without `/` is compared with the last component, any other with the whole path or,
/// unless it starts with `/`, with any end of it that follows a `/`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pattern {
    parts: Vec<Part>,
    base_only: bool,
    anchored: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    Text(String),
    One,
    Any,
    Deep,
    Folders,
    Below,
}

impl Pattern {
    /// The pattern in this text.
    pub fn new(text: &str) -> Self {
        let anchored = text.starts_with('/');
        let text = text.strip_prefix('/').unwrap_or(text);
        let text = text.strip_prefix("./").unwrap_or(text);
        let text = text.replace("...", "**");
        let mut parts = Vec::new();
        let mut rest = text.as_str();
        while let Some(first) = rest.chars().next() {
            let (part, length) = if rest == "/**" {
                (Part::Below, 3)
            } else if rest.starts_with("**/") {
                (Part::Folders, 3)
            } else if rest.starts_with("**") {
                (Part::Deep, 2)
            } else if first == '*' {
                (Part::Any, 1)
            } else if first == '?' {
                (Part::One, 1)
            } else {
                let end = rest.find(['*', '?']).unwrap_or(rest.len());
                // A slash before a final `**` belongs to that.
                let end = if rest[end..] == *"**" && rest[..end].ends_with('/') && end > 1 {
                    end - 1
                } else {
                    end
                };
                (Part::Text(rest[..end].to_owned()), end)
            };
            parts.push(part);
            rest = &rest[length..];
        }
        Self { parts, base_only: !text.contains('/') && !anchored, anchored }
    }

    /// Whether a path matches.
    pub fn matches(&self, path: &str) -> bool {
        let path = path.strip_prefix('/').unwrap_or(path);
        if self.base_only {
            let base = path.rsplit('/').next().unwrap_or(path);
            return matches(&self.parts, base) || matches(&self.parts, path);
        }
        if matches(&self.parts, path) {
            return true;
        }
        !self.anchored
            && path.match_indices('/').any(|(at, _)| matches(&self.parts, &path[at + 1..]))
    }
}

/// Whether all of `text` matches.
fn matches(parts: &[Part], text: &str) -> bool {
    let Some((first, parts)) = parts.split_first() else { return text.is_empty() };
    match first {
        Part::Text(own) => text.strip_prefix(own.as_str()).is_some_and(|rest| matches(parts, rest)),
        Part::One => {
            let mut chars = text.chars();
            chars.next().is_some_and(|c| c != '/') && matches(parts, chars.as_str())
        }
        Part::Below => text.is_empty() || text.starts_with('/'),
        Part::Folders => {
            matches(parts, text)
                || text.match_indices('/').any(|(at, _)| matches(parts, &text[at + 1..]))
        }
        Part::Any | Part::Deep => {
            let end = match first {
                Part::Any => text.find('/').unwrap_or(text.len()),
                _ => text.len(),
            };
            if parts.is_empty() {
                return end == text.len();
            }
            let mut ends = text.char_indices().map(|(at, _)| at).chain([text.len()]);
            ends.by_ref().take_while(|&at| at <= end).any(|at| matches(parts, &text[at..]))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_are_those_of_ignore_files() {
        for (pattern, path, expected) in [
            ("*.pb.go", "example.com/a/b.pb.go", true),
            ("*.pb.go", "example.com/a.pb.go/b.go", false),
            ("mock_?.go", "a/mock_1.go", true),
            ("mock_?.go", "a/mock_12.go", false),
            ("internal/**", "example.com/internal/a/b.go", true),
            ("internal/**", "example.com/xinternal/a.go", false),
            ("internal/...", "example.com/a/internal", true),
            ("/internal/**", "example.com/internal/a.go", false),
            ("/internal/**", "internal/a.go", true),
            ("example.com/**/gen/*.go", "example.com/gen/a.go", true),
            ("example.com/**/gen/*.go", "example.com/x/y/gen/a.go", true),
            ("example.com/**/gen/*.go", "example.com/x/gen/y/a.go", false),
            ("example.com/...", "example.com", true),
            ("**", "anything/at/all", true),
            ("./cmd/*", "cmd/a", true),
            ("a/*/c", "a/b/c", true),
            ("a/*/c", "a/b/b/c", false),
            ("ä?.go", "x/äö.go", true),
            ("", "a", false),
        ] {
            assert_eq!(Pattern::new(pattern).matches(path), expected, "{pattern} {path}");
        }
    }
}
