//! Go's own placement of counters: the cover tool, and what it says about a package.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use formats::go_meta::{self, Meta};
use serde::Serialize;
use wire::table::{SourceId, Table};

use super::GoError;
use super::packages::Package;
use super::rewrite::{Covered, Names};

/// A source file, read once.
#[derive(Debug, Clone)]
pub(super) struct Source {
    /// Where go looks for it.
    pub path: PathBuf,
    /// Its text.
    pub text: String,
    /// Hash of its bytes.
    pub id: SourceId,
}

/// An instrumented package.
pub(super) struct Placed {
    /// Encoded table.
    pub table: Vec<u8>,
    /// Rewritten text for each source, `None` where the source stays as it is.
    pub files: Vec<Option<String>>,
}

/// What the cover tool wants to know, in its own names.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct CoverConfig<'a> {
    out_config: &'a Path,
    pkg_path: &'a str,
    pkg_name: &'a str,
    granularity: &'static str,
    module_path: &'a str,
    local: bool,
    emit_meta_file: &'a Path,
}

/// Instruments a package, working in `directory`. `others` are sources that `//line` directives
/// name, by base name.
pub(super) fn place(
    cover: &Path,
    directory: &Path,
    package: &Package,
    sources: &[Source],
    others: &BTreeMap<String, SourceId>,
    names: &Names,
) -> Result<Placed, GoError> {
    let nothing = Placed { table: Vec::new(), files: vec![None; sources.len()] };
    let Some(output) = run_cover(cover, directory, package, sources, names)? else {
        return Ok(nothing);
    };
    // Of one package only: its functions and units are those of the file.
    let meta = go_meta::read(&output.meta)?;
    if meta.units.is_empty() {
        return Ok(nothing);
    }
    let units: Vec<_> = meta.functions.iter().map(|function| function.units.clone()).collect();
    let mut files = Vec::with_capacity(output.sources.len());
    for text in &output.sources {
        files.push(Covered::read(text, names, &units)?);
    }
    let mut entries: Vec<u32> = files.iter().flat_map(Covered::entries).collect();
    entries.sort_unstable();
    entries.dedup();
    let scratch = directory.join("source");
    let table = table(package, &meta, sources, others, names, entries, &scratch);
    let files = files.iter().enumerate().map(|(index, file)| {
        let first = index == 0;
        (first || file.counts()).then(|| file.write(names, &table, first)).transpose()
    });
    Ok(Placed { files: files.collect::<Result<_, _>>()?, table: table.encode() })
}

/// What the cover tool wrote.
struct CoverOutput {
    /// The package's meta-data.
    meta: Vec<u8>,
    /// The sources, in their order, with its counters.
    sources: Vec<String>,
}

/// Runs the cover tool on copies of the sources: it then sees the bytes that were hashed. `None`
/// for a package without functions.
fn run_cover(
    cover: &Path,
    directory: &Path,
    package: &Package,
    sources: &[Source],
    names: &Names,
) -> Result<Option<CoverOutput>, GoError> {
    let inputs = directory.join("source");
    let outputs = directory.join("covered");
    for path in [&inputs, &outputs] {
        fs::create_dir(path).map_err(GoError::file(path))?;
    }
    let name = |source: &Source| source.path.file_name().unwrap_or_default().to_owned();
    let (config, meta) = (directory.join("coverage"), directory.join("meta"));
    let mut list = directory.join("vars.go").into_os_string();
    for source in sources {
        let input = inputs.join(name(source));
        fs::write(&input, &source.text).map_err(GoError::file(input))?;
        list.push("\n");
        list.push(outputs.join(name(source)));
    }
    list.push("\n");
    let write = |file: &str, bytes: &[u8]| {
        let path = directory.join(file);
        fs::write(&path, bytes).map_err(GoError::file(&path)).map(|()| path)
    };
    let list = write("list", list.as_encoded_bytes())?;
    let cover_config = CoverConfig {
        out_config: &config,
        pkg_path: &package.path,
        pkg_name: &package.name,
        granularity: "perblock",
        module_path: &package.module,
        local: package.local,
        emit_meta_file: &meta,
    };
    let json = serde_json::to_vec(&cover_config)
        .map_err(|source| GoError::Json { what: "configuration of cover".into(), source })?;
    let cover_config = write("package.json", &json)?;
    let output = Command::new(cover)
        .arg("-pkgcfg")
        .arg(cover_config)
        .args(["-mode", "count", "-var", &names.variable(), "-outfilelist"])
        .arg(list)
        .args(sources.iter().map(|source| inputs.join(name(source))))
        .current_dir(directory)
        .stdin(Stdio::null())
        .output()
        .map_err(GoError::file(cover))?;
    if !output.status.success() {
        let message = String::from_utf8_lossy(&output.stderr);
        let shown =
            message.replace(&*inputs.to_string_lossy(), &package.directory.to_string_lossy());
        // `date time cover: file: file:line:column: reason`
        let reason = shown.split_once("cover: ").map_or(&*shown, |(_, reason)| reason).trim_end();
        let twice = reason.split_once(": ").filter(|(file, place)| place.starts_with(file));
        return Err(GoError::Cover(twice.map_or(reason, |(_, place)| place).to_owned()));
    }
    let meta = fs::read(&meta).map_err(GoError::file(&meta))?;
    // The tool leaves the file empty for a package without functions.
    if meta.is_empty() {
        return Ok(None);
    }
    let covered = sources.iter().map(|source| {
        let path = outputs.join(name(source));
        fs::read_to_string(&path).map_err(GoError::file(path))
    });
    Ok(Some(CoverOutput { meta, sources: covered.collect::<Result<_, _>>()? }))
}

/// The package's table. Files stand in the order in which the meta-data first names them.
fn table(
    package: &Package,
    meta: &Meta<'_>,
    sources: &[Source],
    others: &BTreeMap<String, SourceId>,
    names: &Names,
    entries: Vec<u32>,
    scratch: &Path,
) -> Table {
    let Table { mut files, functions, .. } = crate::table_of(meta, names.style.mode);
    for file in &mut files {
        let base = file.path.rsplit('/').next().unwrap_or_default();
        let is_base = |source: &&Source| source.path.file_name().is_some_and(|name| name == base);
        let source = sources.iter().find(is_base).map(|source| source.id);
        let source = source.or_else(|| others.get(base).copied());
        file.source = source.unwrap_or(SourceId::UNKNOWN);
        // The tool saw copies; a list of files goes by the paths that it is given.
        if let Ok(relative) = Path::new(&file.path).strip_prefix(scratch) {
            file.path = package.directory.join(relative).to_string_lossy().into_owned();
        }
    }
    Table {
        package: package.path.clone(),
        name: package.name.clone(),
        module: package.module.clone(),
        mode: names.style.mode,
        origin: package.origin,
        files,
        functions,
        entries,
    }
}
