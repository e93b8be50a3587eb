//! Commands on coverage data that is there: any format in, any writable format out.
//!
//! An input is a file, an archive, or a folder with everything below it. Each becomes one profile:
//! what the files of a folder hold is merged, by unit where one tool counted, otherwise by line.

pub(crate) mod combine;
pub(crate) mod grid;
mod inputs;
mod open;
pub(crate) mod patch;
pub(crate) mod report;
pub(crate) mod summary;

use std::collections::BTreeMap;
use std::path::PathBuf;

use algebra::contexts::is_meant;
use algebra::{Origin, Pattern};
use anyhow::{Result, bail};
use clap::{Args, ValueEnum};
use coverage::{FileIdx, Profile, SourcePath, Span};
use formats::go_source;

use crate::sources::Sources;

pub(crate) use self::inputs::Inputs;

/// How many files are named of those to be doubted.
const NAMED: usize = 5;

/// Warns of files whose numbers are not what they seem to be.
fn warn_of_doubts(profile: &Profile) {
    let doubts = algebra::doubts(profile);
    for (file, doubt) in doubts.iter().take(NAMED) {
        let file = &profile.shape().file(*file).path;
        crate::complain(&format!("warning: {file}: {}", doubt.sentence()));
    }
    if doubts.len() > NAMED {
        crate::complain(&format!("warning: so are {} more files", doubts.len() - NAMED));
    }
}

/// Warns of sources that are not the ones that were measured: units lie where they have nothing.
/// `source` gives that of a file, if it was found.
pub(crate) fn warn_of_misfits<'s>(profile: &Profile, source: impl Fn(&str) -> Option<&'s [u8]>) {
    let shape = profile.shape();
    let lengths = |text: &[u8]| text.split(|byte| *byte == b'\n').map(<[u8]>::len).collect();
    let lines: Vec<Option<Vec<usize>>> =
        shape.files().iter().map(|file| source(file.path.as_str()).map(lengths)).collect();
    let mut misfits: BTreeMap<FileIdx, Span> = BTreeMap::new();
    for unit_idx in shape.unit_indexes() {
        let (file, span) = (shape.file_of(unit_idx), shape.unit(unit_idx).span);
        let Some(Some(lines)) = lines.get(file.index()) else { continue };
        if !span.lies_in(|line| lines.get(line.checked_sub(1)? as usize).copied()) {
            misfits.entry(file).or_insert(span);
        }
    }
    for (file, span) in misfits.iter().take(NAMED) {
        let file = &shape.file(*file).path;
        crate::complain(&format!(
            "warning: {file}: the source is of another version than the counts: it has no {span}"
        ));
    }
    if misfits.len() > NAMED {
        crate::complain(&format!("warning: so are {} more sources", misfits.len() - NAMED));
    }
}

/// Whose code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Only {
    /// The main module's
    Main,
    /// Other modules'
    Dependency,
    /// Go's own library's
    Std,
}

/// What of the inputs is meant.
#[derive(Debug, Args)]
pub(crate) struct SelectArgs {
    /// Only packages that match, as in `a/b` or `a/...`; may be repeated
    #[arg(long, value_name = "PATTERN")]
    pkg: Vec<String>,
    /// Only files that match, as in `*.go` or `internal/**`; may be repeated
    #[arg(long, value_name = "PATTERN")]
    include: Vec<String>,
    /// No files that match; may be repeated
    #[arg(long, value_name = "PATTERN")]
    exclude: Vec<String>,
    /// Only what ran in this context, or test, where `*` stands for any characters; may be repeated.
    /// `summary --by context` lists them
    #[arg(long, value_name = "NAME")]
    context: Vec<String>,
    /// Only code of this kind
    #[arg(long, value_name = "KIND")]
    only: Option<Only>,
    /// Give paths that begin with FROM the beginning TO; may be repeated. @FILE holds such rules,
    /// one in each line
    #[arg(long, value_name = "FROM=TO")]
    remap: Vec<String>,
    /// Take paths for those of sources also where the case of letters differs
    #[arg(long)]
    ignore_case: bool,
    /// Leave out generated files (sources must be found)
    #[arg(long)]
    no_generated: bool,
    /// Leave out what comments say to ignore, as `coverglass:ignore` does (sources must be found)
    #[arg(long)]
    marks: bool,
    /// Look for sources here, besides the module around the working directory; may be repeated.
    /// Paths of coverage data are matched to the files in there
    #[arg(long, value_name = "FOLDER")]
    source: Vec<PathBuf>,
}

impl SelectArgs {
    /// The sources that can be found.
    pub(crate) fn sources(&self) -> Sources {
        let mut sources = Sources::around(&PathBuf::from("."));
        for folder in &self.source {
            sources.add_folder(folder);
        }
        sources
    }

    /// The profile with the names of functions, where it has none and the sources are found.
    pub(crate) fn name_functions(&self, profile: &Profile) -> Profile {
        let sources = self.sources();
        let mut texts = BTreeMap::new();
        let named = algebra::with_functions(profile, |path| {
            let text = sources.find(path.as_str()).and_then(|path| std::fs::read(path).ok());
            let text = texts.entry(path.clone()).or_insert(text).as_deref();
            go_source::named_extents(&String::from_utf8_lossy(text.unwrap_or_default()))
        });
        warn_of_misfits(profile, |path| texts.get(&SourcePath::from(path))?.as_deref());
        named
    }

    /// What ran in the contexts that are meant. A name that none has is a mistake.
    fn in_contexts(&self, profile: Profile) -> Result<Profile> {
        let contexts = profile.contexts();
        let mut wanted = self.context.iter();
        let is_unknown =
            |wanted: &&String| !contexts.iter().any(|context| is_meant(wanted, &context.name));
        if let Some(unknown) = wanted.find(is_unknown) {
            let names: Vec<_> = contexts.iter().take(NAMED).map(|it| it.name.as_str()).collect();
            match contexts.len() {
                0 => bail!("--context {unknown}: the inputs don't say what ran in which context"),
                n if n > NAMED => bail!(
                    "--context {unknown}: there is no such context among {} and {} more",
                    names.join(", "),
                    n - NAMED
                ),
                _ => bail!("--context {unknown}: there is only {}", names.join(", ")),
            }
        }
        if self.context.is_empty() {
            return Ok(profile);
        }
        let any = |name: &str| self.context.iter().any(|wanted| is_meant(wanted, name));
        Ok(algebra::in_contexts(&profile, any))
    }

    /// The part of a profile that is meant. `tree` names the files of the sources, sorted, where
    /// names in the profile are like those.
    fn apply(&self, profile: Profile, tree: &[String]) -> Result<Profile> {
        let profile = self.in_contexts(profile)?;
        let patterns = |texts: &[String]| -> Vec<Pattern> {
            texts.iter().map(|text| Pattern::new(text)).collect()
        };
        let (include, exclude) = (patterns(&self.include), patterns(&self.exclude));
        // Packages are named whole: `a/b` is not `x/a/b`.
        let anchored: Vec<_> = self.pkg.iter().map(|text| format!("/{text}")).collect();
        let packages = patterns(&anchored);
        let any = |patterns: &[Pattern], path: &str| patterns.iter().any(|p| p.matches(path));
        let main: Vec<String> =
            algebra::main_modules(profile.shape()).into_iter().map(str::to_owned).collect();
        let main: Vec<&str> = main.iter().map(String::as_str).collect();
        let mut kept = algebra::filter(&profile, |package, file| {
            let path = file.path.as_str();
            let origin = match self.only {
                None => true,
                Some(only) => {
                    let wanted = match only {
                        Only::Main => Origin::Main,
                        Only::Dependency => Origin::Dependency,
                        Only::Std => Origin::Std,
                    };
                    let is_source = |name: &String| name.as_str().cmp(path);
                    if tree.binary_search_by(is_source).is_ok() {
                        wanted == Origin::Main
                    } else {
                        algebra::origin(package, &main) == wanted
                    }
                }
            };
            origin
                && (packages.is_empty() || any(&packages, &package.path))
                && (include.is_empty() || any(&include, path))
                && !any(&exclude, path)
        });
        if self.no_generated || self.marks {
            let sources = self.sources();
            let texts: std::collections::HashMap<SourcePath, String> = kept
                .shape()
                .files()
                .iter()
                .filter_map(|file| {
                    let bytes = std::fs::read(sources.find(file.path.as_str())?).ok()?;
                    Some((file.path.clone(), String::from_utf8_lossy(&bytes).into_owned()))
                })
                .collect();
            let wanted =
                algebra::ignore::Wanted { generated: !self.no_generated, marked: !self.marks };
            kept = algebra::ignore::without_ignored(&kept, wanted, |path| {
                texts.get(path).map(String::as_str)
            });
        }
        Ok(kept)
    }
}
