//! The sources of a binary, where they still lie on this machine.
//!
//! A binary names the files of its functions, by the paths they had where it was built. From these,
//! from where the process and the binary are, and from where Go keeps modules, follows which
//! folder holds which module: the one whose `go.mod` says so. A source is taken only if all units
//! lie inside of it and nobody has written it after the binary: no line is shown that was not
//! built. For anything else there are counts only.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::Read as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use coverage::Span;
use rustix::fs::OFlags;
use wire::{SourceId, limits as wire_limits};

use super::binary::{Binary, BuildInfo};
use super::limits;

/// File systems and clocks round.
const ROUNDING: Duration = Duration::from_secs(2);

/// What is known of where a process comes from.
#[derive(Debug, Default, Clone)]
pub(super) struct Surroundings {
    /// Folders in which, or above which, the main module may lie.
    pub(super) folders: Vec<PathBuf>,
    /// Folders in which Go keeps the modules that it downloads.
    pub(super) module_caches: Vec<PathBuf>,
    /// Folders of Go itself.
    pub(super) go_roots: Vec<PathBuf>,
}

/// The sources of one binary.
#[derive(Debug)]
pub(super) struct Sources {
    /// Folders of each module, most likely first; of std under the empty name.
    roots: BTreeMap<String, Vec<PathBuf>>,
    written: SystemTime,
    /// Where each source lies that was found.
    found: BTreeMap<SourceId, PathBuf>,
}

impl Sources {
    pub(super) fn new(binary: &Binary, surroundings: &Surroundings) -> Self {
        let mut roots = Roots::default();
        let named: BTreeSet<&Path> =
            binary.sources.iter().filter_map(|name| Path::new(name).parent()).collect();
        let named = named.into_iter().filter(|folder| folder.is_absolute());
        for folder in named.take(limits::FOLDERS) {
            roots.look_at(folder, &binary.build);
        }
        let runtime = "/src/runtime/proc.go";
        let go_root = binary.sources.iter().find_map(|name| name.strip_suffix(runtime));
        roots.add("", go_root.map(|root| Path::new(root).join("src")));
        for root in &surroundings.go_roots {
            if says(&root.join("VERSION"), &binary.build.go_version) {
                roots.add("", Some(root.join("src")));
            }
        }
        for folder in &surroundings.folders {
            roots.look_at(folder, &binary.build);
        }
        for cache in &surroundings.module_caches {
            for (module, version) in &binary.build.modules {
                roots.add(module, Some(cache.join(escaped(module) + "@" + &escaped(version))));
            }
        }
        Self { roots: roots.by_module, written: binary.written, found: BTreeMap::new() }
    }

    /// The source at `file`, its path in profiles: `package/name.go`, or an absolute one.
    pub(super) fn find(
        &mut self,
        module: &str,
        package: &str,
        file: &str,
        spans: impl Iterator<Item = Span>,
    ) -> SourceId {
        let mut candidates = Vec::new();
        if Path::new(file).is_absolute() {
            candidates.push(PathBuf::from(file));
        } else if file.starts_with(package) {
            let below = file.strip_prefix(module).unwrap_or_default().trim_start_matches('/');
            let roots = self.roots.get(module).map(Vec::as_slice).unwrap_or_default();
            candidates.extend(roots.iter().map(|root| root.join(below)));
        }
        let needed = Extent::of(spans);
        for path in candidates {
            if let Some(text) = read(&path, self.written + ROUNDING)
                && needed.fits(&text)
            {
                let id = SourceId::of(text.as_bytes());
                self.found.insert(id, path);
                return id;
            }
        }
        SourceId::UNKNOWN
    }

    /// The bytes of a source that was found, if it is still the same.
    pub(super) fn bytes(&self, id: SourceId) -> Option<Vec<u8>> {
        let text = read(self.found.get(&id)?, self.written + ROUNDING)?;
        (SourceId::of(text.as_bytes()) == id).then(|| text.into_bytes())
    }
}

#[derive(Default)]
struct Roots {
    by_module: BTreeMap<String, Vec<PathBuf>>,
    seen: BTreeSet<PathBuf>,
}

impl Roots {
    fn add(&mut self, module: &str, root: Option<PathBuf>) {
        let Some(root) = root else { return };
        let roots = self.by_module.entry(module.to_owned()).or_default();
        if !roots.contains(&root) {
            roots.push(root);
        }
    }

    /// Notes of which module this folder is: its own `go.mod` says so, or one above.
    fn look_at(&mut self, folder: &Path, build: &BuildInfo) {
        if let Some((_, below)) = folder.to_string_lossy().rsplit_once("/vendor/") {
            for (module, _) in &build.modules {
                let rest = below.strip_prefix(module.as_str());
                if let Some(rest) = rest.filter(|rest| rest.is_empty() || rest.starts_with('/')) {
                    let depth = rest.matches('/').count();
                    self.add(module, folder.ancestors().nth(depth).map(Path::to_owned));
                }
            }
        }
        for folder in folder.ancestors() {
            // Whatever is above was looked at then, too.
            if !self.seen.insert(folder.to_owned()) {
                return;
            }
            let go_mod = folder.join("go.mod");
            if let Some(module) = go_mod.is_file().then(|| module_of(&go_mod)).flatten() {
                self.add(&module, Some(folder.to_owned()));
            }
        }
    }
}

/// The module that a `go.mod` declares.
fn module_of(go_mod: &Path) -> Option<String> {
    let mut text = String::new();
    File::open(go_mod).ok()?.take(limits::GO_MOD_BYTES).read_to_string(&mut text).ok()?;
    let line = text.lines().find_map(|line| line.trim().strip_prefix("module "))?;
    let name = line.split("//").next().unwrap_or_default().trim();
    Some(name.trim_matches(['"', '`']).to_owned())
}

fn says(file: &Path, first_line: &str) -> bool {
    let mut text = String::new();
    let read = File::open(file).map(|file| file.take(1024).read_to_string(&mut text));
    read.is_ok() && !first_line.is_empty() && text.lines().next() == Some(first_line)
}

/// A module's path or version as the module cache has it: capitals follow an exclamation mark.
fn escaped(path: &str) -> String {
    let mut escaped = String::new();
    for c in path.chars() {
        if c.is_ascii_uppercase() {
            escaped.push('!');
        }
        escaped.push(c.to_ascii_lowercase());
    }
    escaped
}

/// A Go file that was not written later than `latest`.
fn read(path: &Path, latest: SystemTime) -> Option<String> {
    if path.extension()? != "go" {
        return None;
    }
    // A binary may name whatever it likes: only a plain Go file is opened, and no link followed.
    let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY;
    let file = File::options().read(true).custom_flags(flags.bits().cast_signed()).open(path);
    let file = file.ok()?;
    let found = file.metadata().ok()?;
    let fits = found.is_file() && found.len() <= wire_limits::SOURCE_BYTES as u64;
    if !fits || found.modified().ok()? > latest {
        return None;
    }
    let mut text = String::new();
    file.take(wire_limits::SOURCE_BYTES as u64).read_to_string(&mut text).ok()?;
    Some(text)
}

/// How far units reach: the last column of each line that any names.
#[derive(Debug, Default)]
struct Extent(BTreeMap<u32, u32>);

impl Extent {
    fn of(spans: impl Iterator<Item = Span>) -> Self {
        let mut lines = BTreeMap::new();
        for position in spans.flat_map(|span| [span.start, span.end]) {
            let column = lines.entry(position.line).or_insert(0);
            *column = position.column.max(*column);
        }
        Self(lines)
    }

    /// Whether a text has all these places.
    fn fits(&self, text: &str) -> bool {
        let mut rest = self.0.iter().peekable();
        for (number, line) in (1u32..).zip(text.split('\n')) {
            while let Some((_, &column)) = rest.next_if(|(line, _)| **line == number) {
                if column as usize > line.len() + 1 {
                    return false;
                }
            }
        }
        rest.next().is_none()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_that_is_too_short_is_not_the_source() {
        let extent = Extent::of([Span::new(1, 3, 2, 4)].into_iter());
        assert!(extent.fits("abc\nabc"));
        assert!(!extent.fits("abc\nab"));
        assert!(!extent.fits("abcd"));
        assert!(Extent::default().fits(""));
    }

    #[test]
    fn capitals_of_modules_are_escaped() {
        assert_eq!(escaped("github.com/BurntSushi/toml"), "github.com/!burnt!sushi/toml");
    }
}
