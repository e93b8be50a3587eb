//! Other names for files.

use std::collections::HashMap;

use coverage::{Profile, ProfileBuilder};

use crate::merge::joined;

/// A rule that gives files and packages other names: what begins with `from` begins with `to`
/// afterwards. Both ends lie at a `/` or at the end of the name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Remap {
    from: String,
    to: String,
}

impl Remap {
    /// The rule in `FROM=TO`; `None` without a `=`. Either may be empty.
    pub fn parse(text: &str) -> Option<Self> {
        let (from, to) = text.split_once('=')?;
        Some(Self::new(from, to))
    }

    /// The rule that puts `to` where `from` is.
    pub fn new(from: &str, to: &str) -> Self {
        let end = |text: &str| text.trim_end_matches('/').to_owned();
        Self { from: end(from), to: end(to) }
    }

    /// The new name, if the rule applies.
    pub fn apply(&self, path: &str) -> Option<String> {
        let rest = path.strip_prefix(self.from.as_str())?;
        let rest = match rest.strip_prefix('/') {
            Some(rest) => rest,
            None if rest.is_empty() || self.from.is_empty() => rest,
            None => return None,
        };
        Some(match (self.to.is_empty(), rest.is_empty()) {
            (true, _) => rest.to_owned(),
            (false, true) => self.to.clone(),
            (false, false) => format!("{}/{rest}", self.to),
        })
    }
}

/// Renames files and packages; the first rule that applies to a name decides. Files that get the
/// same name in the same package become one, counts of equal units added.
pub fn remap(profile: &Profile, rules: &[Remap]) -> Profile {
    let rename = |path: &str| {
        rules.iter().find_map(|rule| rule.apply(path)).unwrap_or_else(|| path.to_owned())
    };
    let shape = profile.shape();
    let mut builder = ProfileBuilder::default();
    let mut known = HashMap::new();
    let packages: Vec<_> = shape
        .packages()
        .iter()
        .map(|row| {
            let (path, module) = (rename(&row.path), rename(&row.module));
            let module = if row.module.is_empty() { "" } else { &module };
            *known.entry(path.clone()).or_insert_with(|| builder.package(&path, &row.name, module))
        })
        .collect();
    let mut known = HashMap::new();
    let files: Vec<_> = shape
        .files()
        .iter()
        .map(|row| {
            let (package, path) = (packages[row.package.index()], rename(row.path.as_str()));
            let make = || builder.file(package, &path);
            *known.entry((package, path.clone())).or_insert_with(make)
        })
        .collect();
    builder.copy_files(profile, &files);
    let renamed = builder.build(profile.mode());
    // Joined files may hold a unit twice.
    if files.len() > known.len() { joined(&renamed) } else { renamed }
}

#[cfg(test)]
mod tests {
    use coverage::dump;

    use super::*;

    #[test]
    fn names_change_at_slashes_only() {
        for (rule, path, expected) in [
            ("a/b=x", "a/b/c.go", Some("x/c.go")),
            ("a/b/=x/", "a/b/c.go", Some("x/c.go")),
            ("a/b=x", "a/bc.go", None),
            ("a/b=x", "a/b", Some("x")),
            ("a=", "a/b", Some("b")),
            ("=x", "a/b", Some("x/a/b")),
        ] {
            let new = Remap::parse(rule).unwrap().apply(path);
            assert_eq!(new.as_deref(), expected, "{rule} {path}");
        }
        assert_eq!(Remap::parse("a"), None);
    }

    #[test]
    fn files_of_one_new_name_become_one() {
        let profile = dump::parse(
            "mode count\npackage x/p p m\nfile x/p/a.go\nfunction F\n1.1,2.2 1 5\n\
             package y/p p m\nfile y/p/a.go\nfunction F\n1.1,2.2 1 2\n",
        );
        let rules = ["x=z", "y=z"].map(|rule| Remap::parse(rule).unwrap());
        assert_eq!(
            dump::write(&remap(&profile.unwrap(), &rules)),
            "mode count\npackage z/p p m\nfile z/p/a.go\nfunction F\n1.1,2.2 1 7\n"
        );
    }
}
