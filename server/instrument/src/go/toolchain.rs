//! The Go toolchain that builds: where it is, what it is, and what it builds for.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use super::GoError;
use crate::cache;

/// What `go env` says, for the directory that the build runs in.
#[derive(Debug)]
pub(super) struct Toolchain {
    /// Go's root.
    pub root: PathBuf,
    /// `go1.26.8`, or what a development version calls itself.
    pub version: String,
    /// Target operating system.
    pub os: String,
    /// Target architecture.
    pub arch: String,
    /// Where downloaded modules are.
    pub module_cache: PathBuf,
    /// Flags that apply to every go command.
    pub flags: Vec<String>,
    /// Directory that the build runs in.
    pub directory: PathBuf,
    tools: PathBuf,
    /// Whether `root` is another name for the root that go itself uses.
    renamed: bool,
}

impl Toolchain {
    /// The toolchain that go chooses in `directory` (`-C`), or in the working directory.
    pub(super) fn find(directory: Option<&OsString>) -> Result<Self, GoError> {
        let names = ["GOROOT", "GOVERSION", "GOOS", "GOARCH", "GOMODCACHE", "GOFLAGS", "GOTOOLDIR"];
        let mut arguments: Vec<OsString> = vec!["env".into()];
        arguments.extend(directory.into_iter().flat_map(|path| ["-C".into(), path.clone()]));
        arguments.push("-json".into());
        arguments.extend(names.map(OsString::from));
        let mut go = Command::new("go");
        let output = go.args(arguments).stdin(Stdio::null()).output().map_err(GoError::NoGo)?;
        if !output.status.success() {
            let message = String::from_utf8_lossy(&output.stderr).trim_end().to_owned();
            return Err(GoError::Go { command: "env", message });
        }
        let mut values: BTreeMap<String, String> = serde_json::from_slice(&output.stdout)
            .map_err(|source| GoError::Json { what: "go env".into(), source })?;
        let mut value = |name: &str| values.remove(name).unwrap_or_default();
        let working = std::env::current_dir().map_err(GoError::file("."))?;
        let mut toolchain = Self {
            root: value("GOROOT").into(),
            version: value("GOVERSION"),
            os: value("GOOS"),
            arch: value("GOARCH"),
            module_cache: value("GOMODCACHE").into(),
            flags: split_quoted(&value("GOFLAGS")),
            directory: clean(&directory.map_or(working.clone(), |path| working.join(path))),
            tools: value("GOTOOLDIR").into(),
            renamed: false,
        };
        if toolchain.minor().is_some_and(|minor| minor < 23) {
            return Err(GoError::OldGo(toolchain.version));
        }
        let known = matches!(toolchain.os.as_str(), "linux" | "darwin")
            && matches!(toolchain.arch.as_str(), "amd64" | "arm64");
        if !known {
            return Err(GoError::Platform(format!("{}/{}", toolchain.os, toolchain.arch)));
        }
        toolchain.leave_module_cache()?;
        Ok(toolchain)
    }

    /// A toolchain that go has downloaded lies among the modules, where go replaces no file, not
    /// even one that isn't there. A link gives its root another name.
    fn leave_module_cache(&mut self) -> Result<(), GoError> {
        if !self.root.starts_with(&self.module_cache) {
            return Ok(());
        }
        let key = super::overlay::hex(&[self.root.as_os_str().as_encoded_bytes()]);
        let links = cache::directory().join("roots");
        let link = links.join(format!("{}-{key}", self.version.replace(['/', ' '], "_")));
        std::fs::create_dir_all(&links).map_err(GoError::file(&links))?;
        match std::os::unix::fs::symlink(&self.root, &link) {
            Err(error) if error.kind() != std::io::ErrorKind::AlreadyExists => {
                return Err(GoError::file(&link)(error));
            }
            _ => {}
        }
        self.root = link;
        self.renamed = true;
        Ok(())
    }

    /// A go command of this toolchain.
    pub(super) fn go(&self) -> Command {
        if !self.renamed {
            return Command::new("go");
        }
        let mut go = Command::new(self.root.join("bin/go"));
        go.env("GOROOT", &self.root).env("GOTOOLCHAIN", "local");
        go
    }

    /// Runs a go command to its end, with its output caught.
    pub(super) fn output(
        &self,
        arguments: impl IntoIterator<Item = OsString>,
    ) -> Result<Output, GoError> {
        self.go().args(arguments).stdin(Stdio::null()).output().map_err(GoError::NoGo)
    }

    /// Words that a page of the target has at most: its size isn't known at build time.
    pub(super) fn slack_words(&self) -> usize {
        match (self.os.as_str(), self.arch.as_str()) {
            ("linux", "amd64") => 4096 / 8,
            ("linux", _) => 65536 / 8,
            _ => 16384 / 8,
        }
    }

    /// Import paths for three packages that Go doesn't have: the runtime package, push mode, and the
    /// execution trace.
    /// They are folders of Go's root without a package of their own, because vet changes to the
    /// directory of every package, and only files can be made up.
    pub(super) fn free_paths(&self) -> [&'static str; 3] {
        const FOLDERS: [&str; 6] = ["debug", "archive", "container", "index", "text", "database"];
        let free = |name: &&&str| {
            let entries = std::fs::read_dir(self.root.join("src").join(name));
            entries.is_ok_and(|entries| {
                entries
                    .flatten()
                    .all(|entry| !entry.file_name().as_encoded_bytes().ends_with(b".go"))
            })
        };
        let mut found = FOLDERS.iter().filter(free);
        let mut next = |otherwise| found.next().copied().unwrap_or(otherwise);
        [next("coverglass_target"), next("coverglass_push"), next("coverglass_trace")]
    }

    /// Analyzers that `go test` runs, as flags of `go vet`.
    pub(super) fn test_analyzers(&self) -> Vec<String> {
        let source = self.root.join("src/cmd/go/internal/test/test.go");
        let text = std::fs::read_to_string(source).unwrap_or_default();
        let list = text.split_once("var defaultVetFlags = []string{").map_or("", |(_, rest)| rest);
        let lines = list.lines().take_while(|line| *line != "}");
        let flags = lines.filter_map(|line| line.trim().strip_prefix('"')?.strip_suffix("\","));
        let flags: Vec<String> = flags.map(str::to_owned).collect();
        // Without the sources: what all versions run.
        let usual = ["-atomic", "-bool", "-buildtags", "-ifaceassert", "-nilfunc", "-printf"];
        if flags.is_empty() { usual.map(str::to_owned).to_vec() } else { flags }
    }

    /// Path of the cover tool.
    pub(super) fn cover(&self) -> Result<PathBuf, GoError> {
        let shipped = self.tools.join(if cfg!(windows) { "cover.exe" } else { "cover" });
        if shipped.is_file() {
            return Ok(shipped);
        }
        // Later versions build their tools when they are first wanted.
        let output = self.output(["tool", "-n", "cover"].map(OsString::from))?;
        let path = String::from_utf8_lossy(&output.stdout).trim().to_owned();
        if output.status.success() && Path::new(&path).is_file() {
            return Ok(path.into());
        }
        let message = String::from_utf8_lossy(&output.stderr).trim_end().to_owned();
        Err(GoError::Go { command: "tool -n cover", message })
    }

    /// The second number of the version; none for a development version.
    fn minor(&self) -> Option<u32> {
        let digits = self.version.strip_prefix("go1.")?;
        let end = digits.find(|c: char| !c.is_ascii_digit()).unwrap_or(digits.len());
        digits[..end].parse().ok()
    }
}

/// The path without `.` and `..`, as Go's `filepath.Clean` gives it.
pub(super) fn clean(path: &Path) -> PathBuf {
    use std::path::Component;
    let mut out = PathBuf::new();
    for component in path.components() {
        match component {
            Component::CurDir => {}
            Component::ParentDir => {
                if !out.pop() {
                    out.push("..");
                }
            }
            other => out.push(other),
        }
    }
    out
}

/// Words separated by blanks, where quotes keep blanks in a word, as in `GOFLAGS`.
pub(super) fn split_quoted(text: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut rest = text.trim_start();
    while let Some(first) = rest.chars().next() {
        let (word, after) = match first {
            '\'' | '"' => rest[1..].split_once(first).unwrap_or((&rest[1..], "")),
            _ => rest.split_once(char::is_whitespace).unwrap_or((rest, "")),
        };
        words.push(word.to_owned());
        rest = after.trim_start();
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flags_keep_quoted_blanks() {
        let words = split_quoted(" -v  '-ldflags=-s -w' \"-tags=a b\"\t-x ");
        assert_eq!(words, ["-v", "-ldflags=-s -w", "-tags=a b", "-x"]);
    }

    #[test]
    fn paths_are_cleaned() {
        assert_eq!(clean(Path::new("/a/./b/../c")), Path::new("/a/c"));
    }
}
