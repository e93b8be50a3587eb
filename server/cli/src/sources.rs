//! Where the sources of a profile are: from names in profiles to files, by go.mod, without Go.
//!
//! A name is `import/path/file.go`, or a path where it starts with `/` or `.`. Import paths belong
//! to the module in whose folder one is, to those of its go.work, to modules that it replaces by
//! folders, to `vendor`, to Go's own library, or to a module in the cache at the version that
//! go.mod requires.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Finds files by their names in profiles.
#[derive(Debug, Default)]
pub(crate) struct Sources {
    /// Folders of modules by module path.
    modules: BTreeMap<String, PathBuf>,
    /// Folders of whole import paths: `vendor`, and Go's library.
    roots: Vec<PathBuf>,
    /// Folders to look in by the end of the name.
    folders: Vec<PathBuf>,
}

impl Sources {
    /// What can be found from a folder: the module around it, and what that needs.
    pub(crate) fn around(folder: &Path) -> Self {
        let mut sources = Self::default();
        let folder = folder.canonicalize().unwrap_or_else(|_| folder.to_owned());
        let work = crate::variable("GOWORK").filter(|work| work == "off").is_none();
        let work = if work { upwards(&folder, "go.work") } else { None };
        if let Some((root, text)) = work {
            for line in directives(&text, "use") {
                sources.add_module(&root.join(unquoted(line)));
            }
        }
        if let Some((root, _)) = upwards(&folder, "go.mod") {
            sources.add_module(&root);
        }
        sources.roots.extend(goroot().map(|goroot| goroot.join("src")));
        sources
    }

    /// What lies in a folder: its modules if it has a go.mod, and files by the end of their names.
    pub(crate) fn add_folder(&mut self, folder: &Path) {
        self.add_module(folder);
        self.folders.push(folder.to_owned());
    }

    fn add_module(&mut self, root: &Path) {
        let Ok(text) = std::fs::read_to_string(root.join("go.mod")) else { return };
        let Some(path) = directives(&text, "module").next().map(unquoted) else { return };
        self.modules.insert(path.to_owned(), root.to_owned());
        let vendor = root.join("vendor");
        if vendor.is_dir() {
            self.roots.push(vendor);
        }
        let cache = module_cache();
        for line in directives(&text, "require") {
            let mut words = line.split_whitespace();
            if let (Some(path), Some(version), Some(cache)) = (words.next(), words.next(), &cache) {
                let path = unquoted(path);
                let folder = cache.join(format!("{}@{version}", escaped(path)));
                self.modules.entry(path.to_owned()).or_insert(folder);
            }
        }
        for line in directives(&text, "replace") {
            let Some((old, new)) = line.split_once("=>") else { continue };
            let Some(old) = old.split_whitespace().next().map(unquoted) else { continue };
            let mut new = new.split_whitespace();
            let Some(target) = new.next().map(unquoted) else { continue };
            let folder = match (new.next(), &cache) {
                (Some(version), Some(cache)) => {
                    cache.join(format!("{}@{version}", escaped(target)))
                }
                _ => root.join(target),
            };
            self.modules.insert(old.to_owned(), folder);
        }
    }

    /// The module that a package belongs to, if it is one of those that can be found.
    pub(crate) fn module_of(&self, package: &str) -> Option<&str> {
        let ends = package.rmatch_indices('/').map(|(at, _)| at);
        let mut prefixes = std::iter::once(package.len()).chain(ends).map(|end| &package[..end]);
        let (module, _) = prefixes.find_map(|prefix| self.modules.get_key_value(prefix))?;
        Some(module.as_str())
    }

    /// The file of this name, if there is one.
    pub(crate) fn find(&self, name: &str) -> Option<PathBuf> {
        if name.starts_with('.') || Path::new(name).is_absolute() {
            return Some(PathBuf::from(name)).filter(|path| path.is_file());
        }
        // The module with the longest path is the one that a package belongs to.
        let mut prefix = name;
        while let Some((shorter, _)) = prefix.rsplit_once('/') {
            prefix = shorter;
            if let Some(root) = self.modules.get(prefix) {
                let path = root.join(&name[prefix.len() + 1..]);
                if path.is_file() {
                    return Some(path);
                }
            }
        }
        let whole = self.roots.iter().map(|root| root.join(name));
        // The longest end of the name that is there.
        let ends = self.folders.iter().flat_map(|folder| {
            let ends = name.match_indices('/').map(|(at, _)| &name[at + 1..]);
            std::iter::once(name).chain(ends).map(|end| folder.join(end))
        });
        whole.chain(ends).find(|path| path.is_file())
    }
}

/// The file of this name in a folder or the nearest one above, and that folder.
fn upwards(folder: &Path, name: &str) -> Option<(PathBuf, String)> {
    folder.ancestors().find_map(|folder| {
        Some((folder.to_owned(), std::fs::read_to_string(folder.join(name)).ok()?))
    })
}

/// What stands behind a directive of go.mod or go.work, alone or in parentheses.
fn directives<'a>(text: &'a str, directive: &'a str) -> impl Iterator<Item = &'a str> {
    let mut inside = false;
    text.lines().filter_map(move |line| {
        let line = line.split("//").next().unwrap_or(line).trim();
        if inside {
            inside = line != ")";
            return Some(line).filter(|line| inside && !line.is_empty());
        }
        let rest = line.strip_prefix(directive)?;
        if !rest.starts_with([' ', '\t', '(']) {
            return None;
        }
        let rest = rest.trim();
        inside = rest.trim_start() == "(";
        Some(rest).filter(|_| !inside)
    })
}

fn unquoted(word: &str) -> &str {
    word.trim_matches(['"', '`'])
}

/// A module path as the cache spells it: capitals are `!` and the small letter.
fn escaped(path: &str) -> String {
    let mut escaped = String::with_capacity(path.len());
    for c in path.chars() {
        if c.is_ascii_uppercase() {
            escaped.push('!');
        }
        escaped.push(c.to_ascii_lowercase());
    }
    escaped
}

fn module_cache() -> Option<PathBuf> {
    let from = |name, rest: &str| crate::variable(name).map(|path| PathBuf::from(path).join(rest));
    from("GOMODCACHE", "")
        .or_else(|| from("GOPATH", "pkg/mod"))
        .or_else(|| from("HOME", "go/pkg/mod"))
        .or_else(|| from("USERPROFILE", "go/pkg/mod"))
}

/// Where Go is: what `GOROOT` says, or around the `go` in `PATH`.
fn goroot() -> Option<PathBuf> {
    if let Some(root) = crate::variable("GOROOT") {
        return Some(PathBuf::from(root));
    }
    let paths = std::env::var_os("PATH")?;
    let go =
        std::env::split_paths(&paths).map(|folder| folder.join("go")).find(|go| go.is_file())?;
    let root = go.canonicalize().ok()?.parent()?.parent()?.to_owned();
    root.join("src").is_dir().then_some(root)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn directives_stand_alone_or_in_parentheses() {
        let text = "module \"ex.com/a\" // name\n\nrequire ex.com/b v1.0.0\nrequire (\n\
                    \tex.com/c v2.0.0 // indirect\n\n)\nrequired x\nreplace(\n\ta => ../a\n)\n";
        let all = |directive| directives(text, directive).collect::<Vec<_>>();
        assert_eq!(all("module"), ["\"ex.com/a\""]);
        assert_eq!(all("require"), ["ex.com/b v1.0.0", "ex.com/c v2.0.0"]);
        assert_eq!(all("replace"), ["a => ../a"]);
        assert_eq!(escaped("github.com/BurntSushi/toml"), "github.com/!burnt!sushi/toml");
    }
}
