//! Commands on coverage data that is there: any format in, any writable format out.
//!
//! An input is a file, an archive, or a folder with everything below it. Each becomes one profile: what the
//! files of a folder hold is merged.

pub(crate) mod combine;
mod open;
pub(crate) mod patch;
pub(crate) mod report;
pub(crate) mod summary;

use std::path::PathBuf;

use algebra::{Origin, Pattern, Remap};
use anyhow::{Result, anyhow};
use clap::{Args, ValueEnum};
use coverage::{Profile, SourcePath};
use formats::go_source;

use crate::sources::Sources;

pub(crate) use self::open::open;

/// How many files are named of those to be doubted.
const NAMED: usize = 5;

/// Everything in several profiles, with a warning where that is not what it seems to be.
pub(crate) fn merged(profiles: Vec<Profile>) -> Profile {
    let profile = match <[_; 1]>::try_from(profiles) {
        Ok([only]) => only,
        Err(profiles) => algebra::merge(&profiles.iter().collect::<Vec<_>>()),
    };
    let doubts = algebra::doubts(&profile);
    for (file, doubt) in doubts.iter().take(NAMED) {
        let file = &profile.shape().file(*file).path;
        crate::complain(&format!("warning: {file}: {}", doubt.sentence()));
    }
    if doubts.len() > NAMED {
        crate::complain(&format!("warning: so are {} more files", doubts.len() - NAMED));
    }
    profile
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
    /// Only code of this kind
    #[arg(long, value_name = "KIND")]
    only: Option<Only>,
    /// Give paths that begin with FROM the beginning TO; may be repeated
    #[arg(long, value_name = "FROM=TO")]
    remap: Vec<String>,
    /// Leave out generated files (sources must be found)
    #[arg(long)]
    no_generated: bool,
    /// Leave out what comments say to ignore, as `coverglass:ignore` does (sources must be found)
    #[arg(long)]
    marks: bool,
    /// Look for sources here, besides the module around the working directory; may be repeated
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
        algebra::with_functions(profile, |path| {
            let text = sources.find(path.as_str()).and_then(|path| std::fs::read(path).ok());
            go_source::named_extents(&String::from_utf8_lossy(&text.unwrap_or_default()))
        })
    }

    /// The part of a profile that is meant.
    pub(crate) fn apply(&self, profile: Profile) -> Result<Profile> {
        let mut profile = profile;
        if !self.remap.is_empty() {
            let rules = self.remap.iter().map(|rule| {
                Remap::parse(rule).ok_or_else(|| anyhow!("--remap {rule}: not FROM=TO"))
            });
            profile = algebra::remap(&profile, &rules.collect::<Result<Vec<_>>>()?);
        }
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
                    algebra::origin(package, &main) == wanted
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
