//! Patterns of `-coverpkg`, with go's meaning.

use std::path::{Path, PathBuf};

use super::toolchain::clean;

/// A pattern of `-coverpkg`.
#[derive(Debug)]
pub(super) enum Pattern {
    /// `all`: every package.
    All,
    /// `std`: the standard library.
    Std,
    /// `cmd`: Go's own commands.
    Cmd,
    /// `work`: the main modules.
    Work,
    /// `./x` or `./x/...`: packages whose directory, relative to this one, matches.
    Directory(PathBuf, Option<String>),
    /// Import paths that match.
    Path(String),
}

/// Stands for path elements `vendor`, which `...` doesn't match.
const VENDOR: &str = "\0";

impl Pattern {
    /// The pattern of this text, for a build in `directory`.
    pub(super) fn new(text: &str, directory: &Path) -> Self {
        let relative =
            text == "." || text == ".." || text.starts_with("./") || text.starts_with("../");
        match text {
            "all" => Self::All,
            "std" => Self::Std,
            "cmd" => Self::Cmd,
            "work" => Self::Work,
            _ if !relative => Self::Path(text.to_owned()),
            _ => match text.find("...") {
                None => Self::Directory(clean(&directory.join(text)), None),
                Some(dots) => {
                    let slash = text[..dots].rfind('/').unwrap_or(0);
                    let rest = text[slash..].trim_start_matches('/').to_owned();
                    Self::Directory(clean(&directory.join(&text[..slash])), Some(rest))
                }
            },
        }
    }

    /// Whether a package matches.
    pub(super) fn matches(&self, path: &str, directory: &Path, standard: bool, main: bool) -> bool {
        match self {
            Self::All => true,
            Self::Std => standard,
            Self::Cmd => standard && path.starts_with("cmd/"),
            Self::Work => main,
            Self::Path(pattern) => matches_path(pattern, path),
            Self::Directory(base, None) => directory == base,
            Self::Directory(base, Some(pattern)) => {
                directory.strip_prefix(base).is_ok_and(|relative| {
                    let relative = relative.to_string_lossy().replace('\\', "/");
                    matches_path(pattern, if relative.is_empty() { "." } else { &relative })
                })
            }
        }
    }
}

/// Go's `pkgpattern.MatchPattern`: `...` matches any text without an element `vendor`; at the end,
/// `/...` also matches nothing.
fn matches_path(pattern: &str, name: &str) -> bool {
    if pattern.contains(VENDOR) || name.contains(VENDOR) {
        return false;
    }
    let (pattern, name) = (hide_vendor(pattern), hide_vendor(name));
    if let Some(stem) = pattern.strip_suffix("/...") {
        if stem == VENDOR {
            return name.starts_with("\0/") || name.ends_with("/vendor");
        }
        if matches_dots(stem, &name) {
            return true;
        }
        // `x/vendor/...` names vendored packages, so the element itself is matched.
        if stem.ends_with("/\0") {
            return name.starts_with(&format!("{stem}/"));
        }
    }
    matches_dots(&pattern, &name)
}

fn hide_vendor(path: &str) -> String {
    let elements =
        path.split('/').map(|element| if element == "vendor" { VENDOR } else { element });
    elements.collect::<Vec<_>>().join("/")
}

fn matches_dots(pattern: &str, name: &str) -> bool {
    let Some((head, tail)) = pattern.split_once("...") else { return pattern == name };
    let Some(rest) = name.strip_prefix(head) else { return false };
    let visible = rest.find(VENDOR).unwrap_or(rest.len());
    let places = (0..=visible).filter(|&at| rest.is_char_boundary(at));
    // The last part must match at the end; trying all places is quadratic at worst, on paths.
    places.into_iter().any(|at| matches_dots(tail, &rest[at..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dots_match_as_gos_do() {
        let cases = [
            ("net/...", "net", true),
            ("net/...", "net/http", true),
            ("net/...", "network", false),
            ("net...", "network", true),
            ("...", "a/b", true),
            ("...", "vendor/golang.org/x", false),
            ("a/.../c", "a/b/b/c", true),
            ("a/.../c", "a/c", false),
            ("a/b", "a/b/c", false),
        ];
        for (pattern, path, expected) in cases {
            let pattern_read = Pattern::new(pattern, Path::new("/w"));
            let found = pattern_read.matches(path, Path::new("/x"), false, false);
            assert_eq!(found, expected, "{pattern} and {path}");
        }
    }

    #[test]
    fn relative_patterns_match_directories() {
        let cases = [
            ("./...", "/w", true),
            ("./...", "/w/a/b", true),
            ("./a", "/w/a", true),
            ("./a", "/w/a/b", false),
            ("../v/...", "/v/x", true),
            ("./a...", "/w/ab", true),
            ("./...", "/v", false),
        ];
        for (pattern, directory, expected) in cases {
            let pattern_read = Pattern::new(pattern, Path::new("/w"));
            let found = pattern_read.matches("p", Path::new(directory), false, false);
            assert_eq!(found, expected, "{pattern} and {directory}");
        }
    }
}
