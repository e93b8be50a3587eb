//! Files as the browser gives them: what they are, and their bytes.

use algebra::patch::Diff;
use formats::limits::Limits;
use formats::pods::{self, Part};
use formats::{HEAD_BYTES, Outcome, Place, ReadError, Reading, archive};
use js_sys::{Array, JsString, Uint8Array};
use wasm_bindgen::{JsCast, JsValue};
use web_sys::{Blob, File, FileReaderSync};

use crate::{answer, progress};

/// A file of which only the name and the handle are known.
pub(crate) struct Input {
    /// Its name, with the folders that lead to it.
    pub(crate) name: String,
    /// Its content, still on the disk.
    pub(crate) blob: Blob,
}

/// What came of reading.
#[derive(Default)]
pub(crate) struct Found {
    /// Profiles, failures and notes.
    pub(crate) outcome: Outcome,
    /// Names of the files that were read as coverage data.
    pub(crate) read: Vec<String>,
    /// Sources.
    pub(crate) sources: Sources,
    /// Diffs: name and text of each.
    pub(crate) diffs: Vec<(String, String)>,
    /// Execution traces, which have a document of their own: name and content of each.
    pub(crate) traces: Vec<(String, Blob)>,
    /// What could not be read: file, place and reason.
    pub(crate) unread: Vec<String>,
}

/// Sources by name. Below a go.mod, names are those of profiles.
#[derive(Default)]
pub(crate) struct Sources {
    pub(crate) names: Vec<String>,
    pub(crate) blobs: Vec<Blob>,
    /// Paths of modules, as go.mod files say.
    pub(crate) modules: Vec<String>,
}

/// Bytes that are read at once.
const CHUNK_BYTES: f64 = (4 << 20) as f64;
/// A file of which only the first bytes can tell what it is, is read whole up to this size.
const SMALL_BYTES: f64 = (64 << 10) as f64;
/// Largest file. A browser's memory for a program ends at twice that.
const FILE_BYTES: f64 = (2u32 << 30) as f64;
/// Least time between two reports, in milliseconds.
const REPORT_MS: f64 = 100.0;
/// Ends of the names of files that are taken as sources.
const SOURCES: &[&str] = &[
    "go", "y", "c", "h", "cc", "hh", "cpp", "hpp", "cxx", "hxx", "m", "mm", "rs", "py", "js",
    "jsx", "mjs", "cjs", "ts", "tsx", "mts", "cts", "vue", "svelte", "java", "kt", "kts", "scala",
    "groovy", "rb", "erb", "rake", "php", "cs", "fs", "vb", "swift", "dart", "ex", "exs", "pl",
    "pm", "lua", "zig", "hs", "clj", "d", "f90", "sh",
];
/// Folders of other people's sources, a great many of them.
const PASSED_OVER: &str = "node_modules";

/// Ends of the names of diffs and of mails with diffs, whose heads say nothing yet.
const DIFFS: &[&str] = &[".diff", ".patch", ".eml", ".mbox"];
/// Largest file that may be a diff.
const DIFF_BYTES: f64 = (64 << 20) as f64;

/// What was expected of a file.
fn expected() -> String {
    let formats: Vec<_> = formats::FORMATS.iter().map(|format| format.name).collect();
    format!(
        "neither coverage data nor a source: expected one of {}, an archive of them, sources, a \
         unified diff, or an execution trace of Go",
        formats.join(", ")
    )
}

impl Sources {
    /// Those that the page knows.
    pub(crate) fn of(names: &Array, blobs: &Array) -> Self {
        let names: Vec<String> = names.iter().filter_map(|name| name.as_string()).collect();
        let modules = names.iter().filter_map(|name| name.strip_suffix("/go.mod"));
        Self {
            modules: modules.map(str::to_owned).collect(),
            blobs: blobs.iter().map(blob).collect(),
            names,
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.names.is_empty()
    }

    fn push(&mut self, name: String, blob: Blob) {
        self.names.push(name);
        self.blobs.push(blob);
    }

    /// These with others, which take the places of those of their names.
    pub(crate) fn with(self, others: Self) -> Self {
        let mut all = others;
        let fresh: std::collections::HashSet<String> = all.names.iter().cloned().collect();
        for (name, blob) in self.names.into_iter().zip(self.blobs) {
            if !fresh.contains(&name) {
                all.push(name, blob);
            }
        }
        all.modules.extend(self.modules);
        all
    }

    /// Tells the page of them.
    pub(crate) fn send(&self) {
        let names: Array = self.names.iter().map(|name| JsValue::from_str(name)).collect();
        let blobs: Array = self.blobs.iter().collect();
        answer(&Array::of3(&"sources".into(), &names, &blobs));
    }

    /// Names of sources as reports may have them: those of one folder as seen from there.
    pub(crate) fn tree(&self) -> Vec<&str> {
        let of_module = |name: &str| {
            let mut modules = self.modules.iter();
            modules.any(|module| name.strip_prefix(&**module).is_some_and(|r| r.starts_with('/')))
        };
        let is_file = |name: &&str| *name != "go.mod" && !name.ends_with("/go.mod");
        let names: Vec<&str> = self.names.iter().map(String::as_str).filter(is_file).collect();
        let folder = |name: &&str| name.split_once('/').map_or("", |(folder, _)| folder).to_owned();
        let mut folders: Vec<String> =
            names.iter().filter(|name| !of_module(name)).map(folder).collect();
        folders.sort_unstable();
        folders.dedup();
        let [folder] = &folders[..] else { return sorted(names) };
        let inside = |name: &str| name.strip_prefix(&**folder)?.strip_prefix('/').map(str::len);
        let seen = |name| match inside(name) {
            Some(length) if !of_module(name) => &name[name.len() - length..],
            _ => name,
        };
        sorted(names.into_iter().map(seen).collect())
    }

    /// Gives the files of Go below each go.mod the names that they have in profiles.
    fn rename(&mut self) {
        let mut roots = Vec::new();
        for (name, blob) in self.names.iter().zip(&self.blobs) {
            let Some(folder) =
                name.strip_suffix("go.mod").filter(|f| f.is_empty() || f.ends_with('/'))
            else {
                continue;
            };
            let text = bytes(blob, blob.size(), &mut |_| {}).unwrap_or_default();
            let text = String::from_utf8_lossy(&text).into_owned();
            if let Some(module) = module_of(&text) {
                roots.push((folder.to_owned(), module.to_owned()));
            }
        }
        // The innermost module has a file.
        roots.sort_by_key(|(folder, _)| std::cmp::Reverse(folder.len()));
        let is_go = |name: &&mut String| {
            name.ends_with(".go") || name.ends_with(".y") || name.ends_with("go.mod")
        };
        for name in self.names.iter_mut().filter(is_go) {
            let root = roots.iter().find(|(folder, _)| name.starts_with(folder.as_str()));
            if let Some((folder, module)) = root {
                *name = format!("{module}/{}", &name[folder.len()..]);
            }
        }
        self.modules.extend(roots.into_iter().map(|(_, module)| module));
    }
}

/// A browser gives files in whatever order.
fn sorted(mut names: Vec<&str>) -> Vec<&str> {
    names.sort_unstable();
    names
}

/// The path in a go.mod.
fn module_of(text: &str) -> Option<&str> {
    let line = text.lines().find_map(|line| line.trim().strip_prefix("module "))?;
    let path = line.split("//").next().unwrap_or_default().trim().trim_matches('"');
    (!path.is_empty()).then_some(path)
}

/// Reports how far reading is, now and then.
struct Report {
    all_bytes: f64,
    done_bytes: f64,
    n_files: usize,
    n_done: usize,
    last_ms: f64,
}

impl Report {
    fn step(&mut self, name: &str, bytes: f64) {
        self.done_bytes += bytes;
        let now = js_sys::Date::now();
        if now - self.last_ms < REPORT_MS {
            return;
        }
        self.last_ms = now;
        let thousandths = self.done_bytes * 1_000.0 / self.all_bytes.max(1.0);
        let text = format!(
            "{} of {} files, {} of {} MB: {name}",
            self.n_done,
            self.n_files,
            megabytes(self.done_bytes),
            megabytes(self.all_bytes),
        );
        progress(thousandths as u32, &text);
    }
}

/// Megabytes with one decimal, without a printer of floating-point numbers.
fn megabytes(bytes: f64) -> String {
    let tenths = (bytes / 100_000.0).round() as u64;
    format!("{}.{}", tenths / 10, tenths % 10)
}

/// Reads files. What belongs to them may also be among the sources that are known.
pub(crate) fn read(mut inputs: Vec<Input>, known: &Sources) -> Found {
    // Counters wait in memory for their meta-data, so that comes first.
    inputs.sort_by_key(|input| match pods::part(&input.name) {
        Some(Part::Meta(_)) => 0,
        None => 1,
        Some(Part::Counters { .. }) => 2,
    });
    let mut report = Report {
        all_bytes: inputs.iter().map(|input| input.blob.size()).sum(),
        done_bytes: 0.0,
        n_files: inputs.len(),
        n_done: 0,
        last_ms: 0.0,
    };
    let mut found = Found::default();
    let mut reading = Reading::default();
    let mut strangers = Vec::new();
    let mut ahead = Ahead::default();
    for (at, Input { name, blob }) in inputs.iter().enumerate() {
        report.n_done += 1;
        report.step(name, 0.0);
        let size = blob.size();
        if is_hidden(name) {
            report.done_bytes += size;
        } else if is_source(name) {
            found.sources.push(name.clone(), blob.clone());
            report.done_bytes += size;
        } else {
            let taken = match ahead.bytes(&inputs, at) {
                Some(bytes) if is_trace(bytes) => {
                    report.done_bytes += size;
                    found.traces.push((name.clone(), blob.clone()));
                    Ok(true)
                }
                Some(bytes) => {
                    report.done_bytes += size;
                    take(name, bytes, &mut reading, &mut found)
                }
                None => read_one(name, blob, &mut reading, &mut found, &mut report),
            };
            match taken {
                Ok(true) => {}
                Ok(false) => strangers.push((name.clone(), blob.clone())),
                Err(error) => found.unread.push(format!("{name}: {error}")),
            }
        }
    }
    let strangers = companions(&mut reading, &found.sources, known, strangers);
    found.sources.rename();
    let mut outcome = reading.finish();
    for (name, error) in std::mem::take(&mut outcome.failures) {
        found.unread.push(format!("{name}: {error}"));
    }
    // A folder holds all sorts of things; what was given by itself is meant.
    let nothing = outcome.opened.is_empty()
        && found.sources.is_empty()
        && found.diffs.is_empty()
        && found.traces.is_empty();
    for name in strangers {
        if !name.contains('/') || nothing {
            found.unread.push(format!("{name}: {}", expected()));
        }
    }
    found.outcome = outcome;
    found
}

/// Hands on what belongs to files that were read, of what came now and of what is known. Gives the
/// names of what is left over.
fn companions(
    reading: &mut Reading,
    fresh: &Sources,
    known: &Sources,
    strangers: Vec<(String, Blob)>,
) -> Vec<String> {
    let mut take = |name: &str, blob: &Blob| {
        let head = bytes(blob, blob.size().min(HEAD_BYTES as f64), &mut |_| {}).ok()?;
        if !reading.wants(name, &head) {
            return None;
        }
        reading.add(name, &bytes(blob, blob.size(), &mut |_| {}).ok()?);
        Some(())
    };
    let known = known.names.iter().zip(&known.blobs);
    let known = known.filter(|(name, _)| !fresh.names.contains(*name));
    for (name, blob) in fresh.names.iter().zip(&fresh.blobs).chain(known) {
        take(name, blob);
    }
    let left = strangers.into_iter().filter(|(name, blob)| take(name, blob).is_none());
    left.map(|(name, _)| name).collect()
}

/// Whether it is one of the files that belong to tools. A data file of coverage.py begins with a
/// dot too.
fn is_hidden(name: &str) -> bool {
    let is_data = name.rsplit('/').next().is_some_and(|file| file.starts_with(".coverage"));
    let mut parts = name.split('/').skip(1);
    !is_data && parts.clone().any(|part| part.starts_with('.'))
        || parts.any(|part| part == PASSED_OVER)
}

fn is_source(name: &str) -> bool {
    let file = name.rsplit('/').next().unwrap_or(name);
    let end = file.rsplit_once('.').map(|(_, end)| end);
    file == "go.mod" || end.is_some_and(|end| SOURCES.contains(&end))
}

/// Files that are read with one question to the browser, which takes as long to answer as to read
/// many small files.
#[derive(Default)]
struct Ahead {
    bytes: Vec<u8>,
    /// Position of the first of them.
    first: usize,
    /// Where each ends; the same as the one before for those that are not read here.
    ends: Vec<usize>,
}

impl Ahead {
    /// The bytes of the file at this position, unless it is one to be read by itself.
    fn bytes(&mut self, inputs: &[Input], at: usize) -> Option<&[u8]> {
        if at >= self.first + self.ends.len() {
            self.fill(inputs, at);
        }
        let start = if at == self.first { 0 } else { *self.ends.get(at - self.first - 1)? };
        let end = *self.ends.get(at - self.first)?;
        self.bytes.get(start..end).filter(|bytes| !bytes.is_empty())
    }

    /// Reads from this position on.
    fn fill(&mut self, inputs: &[Input], at: usize) {
        *self = Self { first: at, ..Self::default() };
        let blobs = Array::new();
        let mut all = 0.0;
        for Input { name, blob } in inputs.get(at..).unwrap_or_default() {
            let size = blob.size();
            if !is_hidden(name) && !is_source(name) {
                let most = if pods::part(name).is_some() { CHUNK_BYTES } else { SMALL_BYTES };
                if size > most || all + size > CHUNK_BYTES {
                    break;
                }
                blobs.push(blob);
                all += size;
            }
            self.ends.push(all as usize);
        }
        // One that can't be read spoils them all; each by itself says which it is, and why.
        self.bytes = Blob::new_with_blob_sequence(&blobs)
            .ok()
            .and_then(|blob| bytes(&blob, all, &mut |_| {}).ok())
            .filter(|bytes| bytes.len() == all as usize)
            .unwrap_or_default();
    }
}

/// Reads a file, if it is of a kind that is known by its name or its first bytes.
fn read_one(
    name: &str,
    blob: &Blob,
    reading: &mut Reading,
    found: &mut Found,
    report: &mut Report,
) -> Result<bool, ReadError> {
    let size = blob.size();
    let head = bytes(blob, size.min(HEAD_BYTES as f64), &mut |_| {})?;
    if is_trace(&head) {
        report.done_bytes += size;
        found.traces.push((name.to_owned(), blob.clone()));
        return Ok(true);
    }
    if !is_known(name, &head) && !archive::sniff(&head) {
        report.done_bytes += size;
        if size > DIFF_BYTES || !may_be_diff(name, name, &head) {
            return Ok(false);
        }
        return Ok(found.diff(name, &bytes(blob, size, &mut |_| {})?));
    }
    let all = if size <= HEAD_BYTES as f64 {
        report.done_bytes += size;
        head
    } else {
        bytes(blob, size, &mut |n_bytes| report.step(name, n_bytes))?
    };
    take(name, &all, reading, found)
}

/// Whether it is coverage data, by its name or its first bytes.
fn is_known(name: &str, head: &[u8]) -> bool {
    pods::part(name).is_some() || formats::sniff(head).is_some()
}

/// Whether it is an execution trace of Go, of any version: its reader says which it can't read.
fn is_trace(head: &[u8]) -> bool {
    let head = head.get(..16).unwrap_or_default();
    let rest = head.strip_prefix(b"go 1.").unwrap_or_default();
    let digits = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
    digits > 0 && rest[digits..].starts_with(b" trace\0")
}

/// Takes what a file holds; says whether it is of a known kind.
fn take(
    name: &str,
    bytes: &[u8],
    reading: &mut Reading,
    found: &mut Found,
) -> Result<bool, ReadError> {
    let head = bytes.get(..HEAD_BYTES).unwrap_or(bytes);
    if is_known(name, head) {
        reading.add(name, bytes);
        found.read.push(name.to_owned());
        return Ok(true);
    }
    if !archive::sniff(head) {
        return Ok(may_be_diff(name, name, head) && found.diff(name, bytes));
    }
    let mut others = ArchiveOthers { archive: name, found: &mut *found };
    let unpacked = reading.add_archive(name, bytes, &Limits::default(), &mut others);
    found.read.extend(unpacked.read);
    match unpacked.error {
        // Folders hold archives of all sorts, damaged ones for tests among them.
        Some(error) if unpacked.is_of_use || !name.contains('/') => Err(error),
        _ => Ok(unpacked.is_of_use),
    }
}

/// Takes sources and diffs out of an archive.
struct ArchiveOthers<'a> {
    archive: &'a str,
    found: &'a mut Found,
}

impl archive::Sink for ArchiveOthers<'_> {
    fn wants(&mut self, name: &str, head: &[u8]) -> bool {
        let inner = name.strip_prefix(self.archive).unwrap_or(name);
        !is_hidden(inner) && (is_source(name) || is_trace(head) || may_be_diff(inner, name, head))
    }

    fn take(&mut self, name: &str, bytes: &[u8]) -> usize {
        if is_source(name) {
            self.found.sources.push(name.to_owned(), blob_of(bytes));
        } else if is_trace(bytes) {
            self.found.traces.push((name.to_owned(), blob_of(bytes)));
        } else if !self.found.diff(name, bytes) {
            self.found.unread.push(format!("{name}: no unified diff"));
        }
        bytes.len()
    }
}

/// Whether it is worth a look whether a file is a diff; `place` is where it lies in what was given.
/// Sources have diffs deep in their folders that are about something else.
fn may_be_diff(place: &str, name: &str, head: &[u8]) -> bool {
    place.matches('/').count() <= 1
        && (DIFFS.iter().any(|end| name.ends_with(end))
            || head.starts_with(b"From ")
            || Diff::is_in(&String::from_utf8_lossy(head)))
}

impl Found {
    /// Takes a diff, or says what is wrong with it; `false` if it is none.
    fn diff(&mut self, name: &str, bytes: &[u8]) -> bool {
        let text = String::from_utf8_lossy(bytes);
        if !Diff::is_in(&text) {
            return false;
        }
        match Diff::parse(&text) {
            Ok(_) => self.diffs.push((name.to_owned(), text.into_owned())),
            Err(error) => self.unread.push(format!("{name}: {error}")),
        }
        true
    }
}

/// A blob as it is, or that of a text.
fn blob(value: JsValue) -> Blob {
    match value.as_string() {
        Some(text) => blob_of(text.as_bytes()),
        None => value.unchecked_into(),
    }
}

fn blob_of(bytes: &[u8]) -> Blob {
    let parts = Array::of1(&Uint8Array::from(bytes));
    // The name is of no use; a blob can't be made in fewer words.
    File::new_with_u8_array_sequence(&parts, "source")
        .map_or_else(|_| Blob::new().expect("an empty blob"), Into::into)
}

/// The first bytes of a blob, chunk by chunk.
pub(crate) fn bytes(
    blob: &Blob,
    size: f64,
    step: &mut dyn FnMut(f64),
) -> Result<Vec<u8>, ReadError> {
    if size > FILE_BYTES {
        return Err(ReadError::limit(Place::Whole, "more than the 2 GB that a browser can hold"));
    }
    let mut all = Vec::new();
    if all.try_reserve_exact(size as usize).is_err() {
        return Err(ReadError::limit(Place::Whole, "too little memory in this browser"));
    }
    let unreadable = |at: usize, error: JsValue| {
        let why: JsString = js_sys::Object::from(error).to_string();
        ReadError::malformed(Place::Byte(at), format!("the browser can't read on: {why}"))
    };
    let reader = FileReaderSync::new().map_err(|error| unreadable(0, error))?;
    let mut at = 0.0;
    while at < size {
        let end = (at + CHUNK_BYTES).min(size);
        let start = all.len();
        let chunk = blob
            .slice_with_f64_and_f64(at, end)
            .and_then(|slice| reader.read_as_array_buffer(&slice))
            .map_err(|error| unreadable(start, error))?;
        let chunk = Uint8Array::new(&chunk);
        all.resize(start + chunk.length() as usize, 0);
        chunk.copy_to(&mut all[start..]);
        step(end - at);
        at = end;
    }
    Ok(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_told_apart_by_name_and_first_bytes() {
        assert!(is_source("a/b.go") && is_source("go.mod") && is_source("a/go.mod"));
        assert!(!is_source("a/b.gob") && !is_source("a/ago.mod"));
        assert!(is_source("web/a.js") && !is_source("b/.py.swp"));
        assert!(is_hidden("a/.git/b") && !is_hidden(".cover.out") && !is_hidden("a/b"));
        assert!(is_hidden("a/node_modules/b.js") && !is_hidden("a/.coverage"));
        assert!(may_be_diff("x.patch", "x.patch", b"") && !may_be_diff("a/b/x.patch", "", b""));
        assert!(
            may_be_diff("/x", "a.zip/x", b"diff --git a/x b/x\n") && !may_be_diff("x", "x", b"x")
        );
        assert!(is_trace(b"go 1.22 trace\0\0\0") && is_trace(b"go 1.9 trace\0\0\0\0\x01"));
        assert!(!is_trace(b"go 1.22 trace") && !is_trace(b"go 1.26\n\nrequire trace v1"));
        assert_eq!(module_of("// x\nmodule \"example.com/m\" // y\n"), Some("example.com/m"));
        assert_eq!(module_of("go 1.26\n"), None);
        assert_eq!(megabytes(3_449_999.0), "3.4");
    }

    #[test]
    fn sources_of_one_folder_are_named_from_there() {
        let sources = |names: &[&str], modules: &[&str]| Sources {
            names: names.iter().map(|&name| name.to_owned()).collect(),
            modules: modules.iter().map(|&module| module.to_owned()).collect(),
            ..Sources::default()
        };
        let one = sources(&["shop/web/a.js", "ex.com/s/b.go", "ex.com/s/go.mod"], &["ex.com/s"]);
        assert_eq!(one.tree(), ["ex.com/s/b.go", "web/a.js"]);
        let two = sources(&["shop/web/a.js", "other/web/a.js"], &[]);
        assert_eq!(two.tree(), ["other/web/a.js", "shop/web/a.js"]);
        let file = sources(&["a.js"], &[]);
        assert_eq!(file.tree(), ["a.js"]);
    }

    #[test]
    fn diffs_are_taken_whole_or_refused_with_their_place() {
        let mut found = Found::default();
        assert!(!found.diff("notes.patch", b"nothing of the kind\n"));
        assert!(found.diff("a.diff", b"--- a/x.go\n+++ b/x.go\n@@ -1 +1 @@\n-x\n+y\n"));
        assert!(found.diff("b.diff", b"--- a/x.go\n+++ b/x.go\n@@ -1,3 +1 @@\n-x\n"));
        assert_eq!(found.diffs.len(), 1);
        assert_eq!(found.unread, ["b.diff: line 3: the hunk is cut short"]);
    }
}
