//! What go compiles instead of the user's files: rewritten sources and the runtime package.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, SystemTime};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use wire::SourceId;

use super::GoError;
use super::channels::Channels;
use super::packages::Package;
use super::place::{Placed, Source, place};
use super::rewrite::{Names, Style};
use super::toolchain::{Toolchain, clean};
use crate::cache;

/// Part of every key: other code writes other files.
const GENERATION: &str = concat!("7 ", env!("CARGO_PKG_VERSION"));
const MANIFEST: &str = "manifest.json";

/// The Go files of the runtime package.
const RUNTIME: [(&str, &str); 6] = [
    ("target.go", include_str!("../runtime/target.go")),
    ("target_linux.go", include_str!("../runtime/target_linux.go")),
    ("target_darwin.go", include_str!("../runtime/target_darwin.go")),
    ("limit.go", include_str!("../runtime/limit.go")),
    ("flow.go", include_str!("../runtime/flow.go")),
    ("channels.go", include_str!("../runtime/channels.go")),
];
/// The file of the runtime package that tells values in words, or doesn't.
const VALUES: [(&str, &str); 2] = [
    ("values_off.go", include_str!("../runtime/values_off.go")),
    ("values.go", include_str!("../runtime/values.go")),
];
/// Push mode, a package of its own.
const PUSH: (&str, &str) = ("push.go", include_str!("../runtime/push.go"));
/// The execution trace, a package of its own.
const TRACE: (&str, &str) = ("trace.go", include_str!("../runtime/trace.go"));
/// How push mode imports the runtime package; the path is the one of this build.
const PUSH_IMPORT: &str = "target \"debug\"";

/// Replacements of files, in the form that `go -overlay` reads.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(super) struct Overlay {
    /// What is replaced, and with which file; an empty one deletes.
    pub replace: BTreeMap<PathBuf, PathBuf>,
}

/// An instrumented package in the cache: which of its sources are replaced there.
#[derive(Debug, Serialize, Deserialize)]
struct Manifest {
    replaced: Vec<bool>,
}

/// What instruments packages.
pub(super) struct Instrumenter<'a> {
    /// The toolchain that builds.
    pub toolchain: &'a Toolchain,
    /// Path of the cover tool.
    pub cover: PathBuf,
    /// Directory of the cache.
    pub cache: PathBuf,
    /// How to count.
    pub style: Style,
    /// Import paths of the runtime package, of push mode and of the execution trace.
    pub runtime_paths: [&'static str; 3],
    /// The user's own overlay.
    pub user: &'a Overlay,
    /// What places records of channel operations, if they are wanted.
    pub channels: Option<Channels>,
    /// Whether their values are told in words.
    pub values: bool,
}

/// A package that could not be instrumented, and why.
pub(super) type Failure = (String, GoError);

impl Overlay {
    /// Reads an overlay, with its paths made absolute as go does it, in the build's directory.
    pub(super) fn read(path: &Path, directory: &Path) -> Result<Self, GoError> {
        let path = directory.join(path);
        let bytes = fs::read(&path).map_err(GoError::file(&path))?;
        let what = path.to_string_lossy().into_owned();
        let read: Self =
            serde_json::from_slice(&bytes).map_err(|source| GoError::Json { what, source })?;
        let absolute = |path: PathBuf| clean(&directory.join(path));
        let replace = read.replace.into_iter().map(|(from, to)| {
            let deletes = to.as_os_str().is_empty();
            (absolute(from), if deletes { to } else { absolute(to) })
        });
        Ok(Self { replace: replace.collect() })
    }

    /// Writes the overlay to the cache, named by its content.
    pub(super) fn write(&self, cache: &Path) -> Result<PathBuf, GoError> {
        let json = serde_json::to_vec_pretty(self)
            .map_err(|source| GoError::Json { what: "overlay".into(), source })?;
        let path = cache.join("overlays").join(format!("{}.json", hex(&[&json])));
        if !cache::touch(&path) {
            cache::write(&path, &json)?;
        }
        Ok(path)
    }
}

impl Instrumenter<'_> {
    /// Instruments packages and says what replaces what, package by package, and which failed.
    pub(super) fn run(
        &self,
        packages: &[Package],
    ) -> Result<(BTreeMap<String, Overlay>, Vec<Failure>), GoError> {
        let results = Mutex::new((BTreeMap::new(), Vec::new()));
        let next = AtomicUsize::new(0);
        let work = || {
            while let Some(package) = packages.get(next.fetch_add(1, Ordering::Relaxed)) {
                let result = self.package(package);
                let mut results = results.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
                match result {
                    Ok(overlay) => {
                        results.0.insert(package.path.clone(), overlay);
                    }
                    Err(error) => results.1.push((package.path.clone(), error)),
                }
            }
        };
        let n_threads = std::thread::available_parallelism().map_or(1, usize::from);
        std::thread::scope(|scope| {
            for _ in 1..n_threads.min(packages.len()) {
                scope.spawn(work);
            }
            work();
        });
        let (overlays, mut failures) =
            results.into_inner().unwrap_or_else(|poisoned| poisoned.into_inner());
        failures.sort_by(|left, right| left.0.cmp(&right.0));
        // A cache that can't be written fails every package the same way.
        if overlays.is_empty() && matches!(failures.first(), Some((_, GoError::Cache(_)))) {
            let (_, error) = failures.remove(0);
            return Err(match error {
                GoError::Cache(source) => GoError::File { path: self.cache.clone(), source },
                error => error,
            });
        }
        Ok((overlays, failures))
    }

    /// The runtime package, and what is compiled where a program imports it: push mode and the
    /// execution trace.
    pub(super) fn runtime(&self) -> Result<Overlay, GoError> {
        let [runtime, push, trace] = self.runtime_paths;
        let push_text = PUSH.1.replace(PUSH_IMPORT, &format!("target \"{runtime}\""));
        let files = RUNTIME.map(|(name, text)| (runtime, name, text));
        let (name, text) = VALUES[usize::from(self.values)];
        let values = (runtime, name, text);
        let linked = [(push, PUSH.0, push_text.as_str()), (trace, TRACE.0, TRACE.1)];
        let files: Vec<_> = files.into_iter().chain([values]).chain(linked).collect();
        let parts: Vec<&[u8]> = files.iter().map(|(_, _, text)| text.as_bytes()).collect();
        let key = hex(&parts);
        let directory = self.cache.join("runtime").join(&key);
        if !cache::touch(&directory) {
            cache::write_directory(&directory, |directory| {
                files.iter().try_for_each(|(_, name, text)| {
                    let path = directory.join(name);
                    fs::write(&path, text)?;
                    fs::File::options().write(true).open(&path)?.set_modified(long_ago(&key))
                })
            })?;
        }
        let source = self.toolchain.root.join("src");
        let place = |path: &str, name: &str| (source.join(path).join(name), directory.join(name));
        Ok(Overlay { replace: files.iter().map(|(path, name, _)| place(path, name)).collect() })
    }

    fn package(&self, package: &Package) -> Result<Overlay, GoError> {
        let sources: Vec<Source> =
            package.files.iter().map(|path| self.source(path)).collect::<Result<_, _>>()?;
        let tests: Vec<String> = package
            .test_files
            .iter()
            .filter_map(|path| fs::read_to_string(self.actual(path)).ok())
            .collect();
        let others = self.line_directives(&sources)?;
        let texts = sources.iter().map(|source| source.text.as_str());
        let mut names = Names::of(
            texts.chain(tests.iter().map(String::as_str)),
            self.style,
            self.runtime_paths[0],
        );
        let [_, push, trace] = self.runtime_paths;
        let linked = [(package.push, push), (package.trace, trace)];
        let linked = linked.into_iter().filter(|(wanted, _)| *wanted);
        names.linked = linked.map(|(_, path)| path.to_owned()).collect();
        let directory =
            self.cache.join("packages").join(self.key(package, &sources, &others, &names));
        let manifest = directory.join(MANIFEST);
        if !cache::touch(&directory) {
            cache::write_directory(&directory, |directory| {
                let work = directory.join("work");
                fs::create_dir(&work)?;
                let mut placed = place(&self.cover, &work, package, &sources, &others, &names)?;
                if let Some(channels) = self.channels(package) {
                    channels.place(package, &sources, &names, &mut placed)?;
                }
                fs::remove_dir_all(&work)?;
                write_package(directory, &sources, &placed)
            })?;
        }
        let bytes = fs::read(&manifest).map_err(GoError::file(&manifest))?;
        let Manifest { replaced } = serde_json::from_slice(&bytes)
            .map_err(|source| GoError::Json { what: manifest.display().to_string(), source })?;
        let replaced = sources.iter().zip(replaced).filter(|(_, replaced)| *replaced);
        let replace = replaced.map(|(source, _)| {
            (source.path.clone(), directory.join(source.path.file_name().unwrap_or_default()))
        });
        Ok(Overlay { replace: replace.collect() })
    }

    /// What places records in this package.
    fn channels(&self, package: &Package) -> Option<&Channels> {
        self.channels.as_ref().filter(|_| !Channels::refuses(package))
    }

    fn source(&self, path: &Path) -> Result<Source, GoError> {
        let bytes = fs::read(self.actual(path)).map_err(GoError::file(path))?;
        let id = SourceId::of(&bytes);
        cache::store_source(&self.cache, id, &bytes)?;
        let not_text = |_| GoError::Cover(format!("{}: not UTF-8", path.display()));
        let text = String::from_utf8(bytes).map_err(not_text)?;
        Ok(Source { path: path.to_owned(), text, id })
    }

    /// Where the content of a file really is, seen through the user's overlay.
    fn actual<'p>(&'p self, path: &'p Path) -> &'p Path {
        self.user.replace.get(path).map_or(path, PathBuf::as_path)
    }

    /// Sources that `//line` directives name, as far as they are there, by base name.
    fn line_directives(&self, sources: &[Source]) -> Result<BTreeMap<String, SourceId>, GoError> {
        let mut others = BTreeMap::new();
        for source in sources {
            let directory = source.path.parent().unwrap_or(Path::new("."));
            for name in line_files(&source.text) {
                let path = clean(&directory.join(name));
                let Some(base) = path.file_name().map(|base| base.to_string_lossy().into_owned())
                else {
                    continue;
                };
                if others.contains_key(&base) || sources.iter().any(|source| source.path == path) {
                    continue;
                }
                let small = |metadata: &fs::Metadata| {
                    metadata.is_file() && metadata.len() <= wire::limits::SOURCE_BYTES as u64
                };
                let actual = self.actual(&path);
                if fs::metadata(actual).is_ok_and(|metadata| small(&metadata))
                    && let Ok(bytes) = fs::read(actual)
                {
                    let id = SourceId::of(&bytes);
                    cache::store_source(&self.cache, id, &bytes)?;
                    others.insert(base, id);
                }
            }
        }
        Ok(others)
    }

    /// Name of the package in the cache: a hash of all that its rewritten files are made from.
    fn key(
        &self,
        package: &Package,
        sources: &[Source],
        others: &BTreeMap<String, SourceId>,
        names: &Names,
    ) -> String {
        let style = &names.style;
        let mut parts = vec![
            GENERATION.to_owned(),
            self.toolchain.version.clone(),
            package.path.clone(),
            package.name.clone(),
            package.module.clone(),
            format!("{:?}", package.origin),
            names.prefix.clone(),
            names.runtime.clone(),
            names.linked.join(" "),
            format!("{:?} {} {} {}", style.mode, style.flow, style.pointer, style.slack),
        ];
        if let Some(channels) = self.channels(package) {
            parts.push(channels.key(package));
        }
        // Records name the files that they are in.
        if package.local || self.channels.is_some() {
            parts.push(package.directory.to_string_lossy().into_owned());
        }
        for source in sources {
            parts.push(source.path.file_name().unwrap_or_default().to_string_lossy().into_owned());
            parts.push(source.id.hex());
        }
        for (name, id) in others {
            parts.push(name.clone());
            parts.push(id.hex());
        }
        hex(&parts.iter().map(String::as_bytes).collect::<Vec<_>>())
    }
}

fn write_package(directory: &Path, sources: &[Source], placed: &Placed) -> Result<(), GoError> {
    for (source, text) in sources.iter().zip(&placed.files) {
        if let Some(text) = text {
            fs::write(directory.join(source.path.file_name().unwrap_or_default()), text)?;
        }
    }
    fs::write(directory.join("table"), &placed.table)?;
    let manifest = Manifest { replaced: placed.files.iter().map(Option::is_some).collect() };
    let json = serde_json::to_vec(&manifest)
        .map_err(|source| GoError::Json { what: MANIFEST.into(), source })?;
    Ok(fs::write(directory.join(MANIFEST), json)?)
}

/// Files that `//line` directives of a source name.
fn line_files(text: &str) -> impl Iterator<Item = &str> {
    let at_line_start = text.lines().filter_map(|line| line.strip_prefix("//line "));
    let inside = text.split("/*line ").skip(1).filter_map(|rest| Some(rest.split_once("*/")?.0));
    let name = |directive: &'_ str| -> Option<usize> {
        let numbers = |text: &str| {
            text.rfind(':').filter(|&at| text[at + 1..].trim_end().parse::<u32>().is_ok())
        };
        let line = numbers(directive)?;
        Some(numbers(&directive[..line]).unwrap_or(line)).filter(|&end| end > 0)
    };
    at_line_start.chain(inside).filter_map(move |directive| Some(&directive[..name(directive)?]))
}

/// A time for files with a key, long ago. Up to Go 1.23 a package that is only made up is none of
/// the standard library's as long as one of its files is younger than two seconds. What go knows
/// of its imports it keeps by the time and size of files, so other contents have another time.
fn long_ago(key: &str) -> SystemTime {
    let seconds = key.get(..7).and_then(|digits| u64::from_str_radix(digits, 16).ok());
    SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000_000 + seconds.unwrap_or(0))
}

/// Hex digits of a hash over these parts and their lengths.
pub(super) fn hex(parts: &[&[u8]]) -> String {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update((part.len() as u64).to_le_bytes());
        hash.update(part);
    }
    hash.finalize().iter().take(16).map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_of_other_contents_have_other_times_long_ago() {
        let (one, other) = (hex(&[b"one"]), hex(&[b"other"]));
        assert_ne!(long_ago(&one), long_ago(&other));
        assert_eq!(long_ago(&one), long_ago(&one));
        let year_2010 = SystemTime::UNIX_EPOCH + Duration::from_secs(1_270_000_000);
        assert!([one, other].iter().all(|key| long_ago(key) < year_2010));
    }

    #[test]
    fn line_directives_name_files() {
        let text = "//line a.y:3\n//line :7\nx /*line /b/c.y:10:2*/ y\n // line no.y:1\n//line d\n";
        assert_eq!(line_files(text).collect::<Vec<_>>(), ["a.y", "/b/c.y"]);
    }
}
