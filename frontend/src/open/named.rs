//! What a text profile doesn't say: which functions its units are of, and which module its
//! packages. The first stands in the sources, the second in their go.mod, or else in the names.

use coverage::{Package, Profile, Span};

/// Hosts whose modules are mostly `host/owner/name`.
const FORGES: &[&str] =
    &["github.com", "gitlab.com", "bitbucket.org", "codeberg.org", "golang.org"];

/// First components of the import paths of Go's own packages.
const STD: &[&str] = &[
    "archive",
    "bufio",
    "builtin",
    "bytes",
    "cmp",
    "compress",
    "container",
    "context",
    "crypto",
    "database",
    "debug",
    "embed",
    "encoding",
    "errors",
    "expvar",
    "flag",
    "fmt",
    "go",
    "hash",
    "html",
    "image",
    "index",
    "internal",
    "io",
    "iter",
    "log",
    "maps",
    "math",
    "mime",
    "net",
    "os",
    "path",
    "plugin",
    "reflect",
    "regexp",
    "runtime",
    "slices",
    "sort",
    "strconv",
    "strings",
    "structs",
    "sync",
    "syscall",
    "testing",
    "text",
    "time",
    "unicode",
    "unique",
    "unsafe",
    "vendor",
    "weak",
];

/// Whether a profile lacks what [`complete`] can find out.
pub fn is_bare(profile: &Profile) -> bool {
    let shape = profile.shape();
    shape.functions().iter().any(|function| function.name.is_empty())
        || shape.packages().iter().any(|package| package.module.is_empty())
}

/// The profile with names for functions and modules, where it has none itself. `functions` gives
/// those of a source by its name in profiles, in the order of the source. Counts stay the same,
/// and units keep their order.
pub fn complete(
    profile: &Profile,
    modules: &[&str],
    mut functions: impl FnMut(&str) -> Vec<(String, Span)>,
) -> Profile {
    let packages = profile.shape().packages();
    let paths: Vec<&str> = packages.iter().map(|package| package.path.as_str()).collect();
    let module = |package: &Package| match package.module.as_str() {
        "" => module_of(&package.path, modules, &paths),
        module => module.to_owned(),
    };
    algebra::with_names(profile, module, |path| functions(path.as_str()))
}

/// The module of a package: the longest of those that are known, or what its name and those of
/// the other packages suggest. Empty for Go's own packages.
fn module_of(path: &str, modules: &[&str], paths: &[&str]) -> String {
    let known = modules.iter().filter(|module| below(path, module)).max_by_key(|m| m.len());
    if let Some(module) = known {
        return (*module).to_owned();
    }
    let mut words = path.split('/');
    let first = words.next().unwrap_or_default();
    if STD.contains(&first) {
        return String::new();
    }
    if FORGES.contains(&first) && words.clone().count() >= 2 {
        let rest: Vec<&str> = words.take(2).collect();
        return format!("{first}/{}", rest.join("/"));
    }
    // What all packages of this root have in common.
    let mut common = path;
    for other in paths.iter().filter(|other| below(other, first)) {
        while !below(other, common) {
            common = common.rsplit_once('/').map_or(first, |(parent, _)| parent);
        }
    }
    common.to_owned()
}

/// Whether a path is this one or lies below it.
fn below(path: &str, root: &str) -> bool {
    path.strip_prefix(root).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

#[cfg(test)]
mod tests {
    use coverage::dump;
    use formats::{Notes, go_source, go_text};

    use super::*;

    #[test]
    fn functions_and_modules_get_their_names() {
        let text = "mode: set\nexample.com/m/a/a.go:2.10,4.2 1 1\nexample.com/m/a/a.go:5.18,6.2 2 0\n\
                    example.com/m/a/a.go:9.1,9.9 1 1\nexample.com/m/b.go:1.1,2.2 1 1\nfmt/print.go:1.1,2.2 1 0\n";
        let profile = go_text::read("c.out", text.as_bytes(), &mut Notes::default()).unwrap();
        assert!(is_bare(&profile));
        let source = "package a\nfunc F() {\n\n}\nfunc (t *T) G() {\n}\n\n\nvar x = 1\n";
        let named = complete(&profile, &[], |path| match path {
            "example.com/m/a/a.go" => go_source::named_extents(source),
            _ => Vec::new(),
        });
        assert_eq!(named.counts(), profile.counts());
        assert_eq!(
            dump::write(&named),
            "mode set\npackage example.com/m - example.com/m\nfile example.com/m/b.go\n\
             function -\n1.1,2.2 1 1\npackage example.com/m/a - example.com/m\n\
             file example.com/m/a/a.go\nfunction -\n9.1,9.9 1 1\nfunction *T.G\n5.18,6.2 2 0\n\
             function F\n2.10,4.2 1 1\npackage fmt - -\nfile fmt/print.go\nfunction -\n1.1,2.2 1 0\n"
        );
    }

    #[test]
    fn modules_are_those_of_go_mod_or_what_names_suggest() {
        let paths = ["corp.example/x/api", "corp.example/x/store/disk", "m/a"];
        assert_eq!(module_of("github.com/a/b/c/d", &[], &[]), "github.com/a/b");
        assert_eq!(module_of("corp.example/x/api", &[], &paths), "corp.example/x");
        assert_eq!(module_of("m/a", &[], &paths), "m/a");
        assert_eq!(module_of("m/a", &["m", "corp.example"], &paths), "m");
        assert_eq!(module_of("net/http", &["m"], &paths), "");
    }
}
