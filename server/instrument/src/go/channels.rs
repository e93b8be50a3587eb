//! Records of channel operations: a program in Go places them, since only Go's own type checker
//! knows what is a channel.
//!
//! It is compiled once for each toolchain, and sees each package after the text step, with what
//! the compiler says of the packages that it imports.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs;
use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde::{Deserialize, Serialize};

use super::arguments::Arguments;
use super::packages::Package;
use super::place::{Placed, Source};
use super::rewrite::Names;
use super::toolchain::Toolchain;
use super::{GoError, Verb, overlay};
use crate::cache;

/// The program that places records.
const HELPER: &str = include_str!("../helper/channels.go");
/// Operations that a chunk of the file holds; see `src/runtime/channels.go`.
const CHUNK_RECORDS: u64 = 65536 / 72 - 1;
/// Generics, which the records need, came with this version.
const OLDEST_MINOR: u32 = 18;

/// What places records of channel operations.
#[derive(Debug)]
pub(super) struct Channels {
    program: PathBuf,
    /// Import paths, and files with what the compiler says of these packages.
    exports: BTreeMap<String, PathBuf>,
    /// Files are named by the import path of their package, as `-trimpath` has it.
    trim: bool,
}

/// What the program is asked, in its own names.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Request<'a> {
    path: &'a str,
    prefix: &'a str,
    runtime: &'a str,
    folder: &'a str,
    files: Vec<RequestFile<'a>>,
    exports: &'a BTreeMap<String, PathBuf>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct RequestFile<'a> {
    name: &'a Path,
    original: &'a str,
    text: &'a str,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Answer {
    files: Vec<String>,
}

/// A package as `go list -export` prints it.
#[derive(Deserialize, Default)]
#[serde(rename_all = "PascalCase", default)]
struct Exported {
    import_path: String,
    export: PathBuf,
}

impl Channels {
    /// Compiles the program, unless it is there, and what the packages of the build import.
    pub(super) fn prepare(
        verb: Verb,
        arguments: &Arguments,
        toolchain: &Toolchain,
        user_overlay: Option<&Path>,
        cache: &Path,
    ) -> Result<Self, GoError> {
        let program = compile(toolchain, cache)?;
        let mut words: Vec<OsString> = vec!["list".into()];
        words.extend(arguments.chdir.iter().flat_map(|path| ["-C".into(), path.clone()]));
        let fields = "-json=ImportPath,Export";
        words.extend(["-e", "-export", "-deps", "-buildvcs=false", fields].map(OsString::from));
        if verb == Verb::Test {
            words.push("-test".into());
        }
        if super::packages::mentions_cover(toolchain) {
            words.push("-cover=false".into());
        }
        words.extend(user_overlay.map(|path| {
            let mut flag = OsString::from("-overlay=");
            flag.push(path);
            flag
        }));
        words.extend(arguments.list.iter().cloned());
        words.push("--".into());
        words.extend(arguments.packages.iter().cloned());
        let output = toolchain.output(words)?;
        let mut exports = BTreeMap::new();
        for package in serde_json::Deserializer::from_slice(&output.stdout).into_iter::<Exported>()
        {
            let package =
                package.map_err(|source| GoError::Json { what: "go list".into(), source })?;
            // Variants for tests have a blank in their path.
            if !package.export.as_os_str().is_empty() && !package.import_path.contains(' ') {
                exports.insert(package.import_path, package.export);
            }
        }
        Ok(Self { program, exports, trim: arguments.trimpath })
    }

    /// Why the operations of a package can't be recorded.
    pub(super) fn refuses(package: &Package) -> bool {
        let minor = package.go_version.strip_prefix("1.").and_then(|rest| {
            let end = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
            rest[..end].parse().ok()
        });
        minor.is_some_and(|minor: u32| minor < OLDEST_MINOR)
    }

    /// What the result for a package depends on, besides its sources.
    pub(super) fn key(&self, package: &Package) -> String {
        let mut key = overlay::hex(&[HELPER.as_bytes(), &[self.trim.into()]]);
        for import in &package.imports {
            key.push('\n');
            key.push_str(import);
            // Its name is a hash of what is in it.
            let export = self.exports.get(import).and_then(|path| path.file_name());
            key.push_str(&export.unwrap_or_default().to_string_lossy());
        }
        key
    }

    /// Places records in a package that counts already.
    pub(super) fn place(
        &self,
        package: &Package,
        sources: &[Source],
        names: &Names,
        placed: &mut Placed,
    ) -> Result<(), GoError> {
        let files = sources.iter().zip(&placed.files);
        let files = files.map(|(source, text)| RequestFile {
            name: &source.path,
            original: &source.text,
            text: text.as_deref().unwrap_or(&source.text),
        });
        let request = Request {
            path: &package.path,
            prefix: &names.prefix,
            runtime: &names.runtime,
            // Variants for tests have more behind a blank.
            folder: package.path.split(' ').next().filter(|_| self.trim).unwrap_or_default(),
            files: files.collect(),
            exports: &self.exports,
        };
        let failed =
            |source| GoError::Json { what: "placing of channel operations".into(), source };
        let bytes = serde_json::to_vec(&request).map_err(failed)?;
        let mut child = Command::new(&self.program)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(GoError::file(&self.program))?;
        if let Some(mut input) = child.stdin.take() {
            // It reads all before it writes anything. If it can't, it says why.
            let _ = input.write_all(&bytes);
        }
        let output = child.wait_with_output().map_err(GoError::file(&self.program))?;
        if !output.status.success() {
            let message = String::from_utf8_lossy(&output.stderr).trim_end().to_owned();
            return Err(GoError::Channels(message));
        }
        let answer: Answer = serde_json::from_slice(&output.stdout).map_err(failed)?;
        for (file, text) in placed.files.iter_mut().zip(answer.files) {
            if !text.is_empty() {
                *file = Some(text);
            }
        }
        Ok(())
    }
}

/// What is to be said of a file that a program should have written.
pub(super) fn complaint(path: &Path) -> Option<String> {
    let mut header = [0; 64];
    let read = fs::File::open(path).and_then(|mut file| file.read_exact(&mut header));
    if let Err(error) = read {
        let path = path.display();
        return Some(format!("no channel operations were recorded in {path}: {error}"));
    }
    let word = |at: usize| header[at..].first_chunk().map_or(0, |bytes| u64::from_le_bytes(*bytes));
    let chunks = word(8) >> 32;
    let overwritten = word(48).saturating_sub(chunks).saturating_mul(CHUNK_RECORDS);
    let lost = word(56).saturating_add(overwritten);
    (lost > 0)
        .then(|| format!("{} has the newest channel operations, {lost} are lost", path.display()))
}

/// Compiles the program for this machine, whatever the build is for.
fn compile(toolchain: &Toolchain, cache: &Path) -> Result<PathBuf, GoError> {
    let key = overlay::hex(&[toolchain.version.as_bytes(), HELPER.as_bytes()]);
    let directory = cache.join("runtime").join(key);
    if !cache::touch(&directory) {
        cache::write_directory(&directory, |directory| {
            fs::write(directory.join("channels.go"), HELPER)?;
            let output = toolchain
                .go()
                .args(["build", "-o", "channels", "channels.go"])
                .current_dir(directory)
                .env("GO111MODULE", "off")
                .env("GOWORK", "off")
                .env("GOFLAGS", "")
                .env("CGO_ENABLED", "0")
                .env("GOTOOLCHAIN", "local")
                .env_remove("GOOS")
                .env_remove("GOARCH")
                .stdin(Stdio::null())
                .output()
                .map_err(GoError::NoGo)?;
            if output.status.success() {
                return Ok(());
            }
            let message = String::from_utf8_lossy(&output.stderr).trim_end().to_owned();
            Err(GoError::Go { command: "build", message })
        })?;
    }
    Ok(directory.join("channels"))
}
