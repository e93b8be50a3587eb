//! `report`: the page with a profile and its sources inside, as one file that opens from disk.

mod frames;
mod page;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use clap::Args;
use coverage::Profile;
use wire::{SourceId, limits};

use super::{Inputs, SelectArgs};
use crate::sources::Sources;

#[derive(Debug, Args)]
pub(crate) struct ReportArgs {
    /// Files, archives and folders with coverage data, merged
    #[arg(required = true, value_name = "INPUT")]
    inputs: Vec<PathBuf>,
    /// Write the report here
    #[arg(short, long, value_name = "FILE")]
    output: PathBuf,
    /// What the report calls itself [default: the name of the module]
    #[arg(long, value_name = "TEXT")]
    title: Option<String>,
    #[command(flatten)]
    select: SelectArgs,
}

/// `coverglass report INPUT… -o FILE`.
pub(crate) fn report(args: &ReportArgs) -> Result<ExitCode> {
    let profile = Inputs::open(&args.inputs, &args.select)?.united(&args.select)?;
    let profile = algebra::units_for(&profile, true);
    if profile.shape().n_units() == 0 {
        bail!("nothing is left to report: no code matches");
    }
    let finder = args.select.sources();
    let texts = texts(&profile, &finder);
    let n_files = profile.shape().files().len();
    if texts.len() < n_files {
        let n_missing = n_files - texts.len();
        crate::complain(&format!(
            "{n_missing} of {n_files} files are without their source: say with --source where it is"
        ));
    }
    let title = args.title.clone().unwrap_or_else(|| title(&profile, &finder));
    let frames = frames::encode(&profile, &title, &finder, &texts)?;
    let mut sources = Vec::new();
    for (id, text) in
        texts.values().map(|text| (SourceId::of(text), text)).collect::<BTreeMap<_, _>>()
    {
        sources.extend(id.0);
        sources.extend(u32::try_from(text.len()).unwrap_or(0).to_le_bytes());
        sources.extend(text);
    }
    let html = page::write(&title, &frames, &sources)?;
    write(&args.output, html.as_bytes())?;
    Ok(ExitCode::SUCCESS)
}

fn write(path: &Path, bytes: &[u8]) -> Result<()> {
    let refused = || format!("cannot write {}", path.display());
    crate::client::write_whole(path, bytes).with_context(refused)
}

/// The sources that are at hand, by the names of files in the profile.
fn texts(profile: &Profile, sources: &Sources) -> BTreeMap<String, Vec<u8>> {
    let names = profile.shape().files().iter().map(|file| file.path.as_str());
    names
        .filter_map(|name| {
            let text = std::fs::read(sources.find(name)?).ok()?;
            (text.len() <= limits::SOURCE_BYTES).then(|| (name.to_owned(), text))
        })
        .collect()
}

/// The main module; what all packages have in common where there is none or several.
fn title(profile: &Profile, sources: &Sources) -> String {
    let shape = profile.shape();
    if let [only] = algebra::main_modules(shape)[..] {
        return only.to_owned();
    }
    let mut packages = shape.packages().iter().map(|package| package.path.as_str());
    let module = packages.clone().next().and_then(|first| sources.module_of(first));
    match module {
        Some(module) if packages.all(|package| sources.module_of(package) == Some(module)) => {
            module.to_owned()
        }
        _ => match common(shape.packages().iter().map(|package| package.path.as_str())) {
            "" => "Coverage".to_owned(),
            common => common.to_owned(),
        },
    }
}

/// The path that all of these lie below, or are.
fn common<'a>(mut packages: impl Iterator<Item = &'a str>) -> &'a str {
    let first = packages.next().unwrap_or_default();
    packages.fold(first, |common, package| {
        let ends = common.rmatch_indices('/').map(|(at, _)| at);
        let is_above = |end: &usize| {
            let rest = package.strip_prefix(&common[..*end]);
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        };
        let end = std::iter::once(common.len()).chain(ends).find(is_above);
        end.map_or("", |end| &common[..end])
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_packages_have_in_common_is_whole_parts() {
        let is = |packages: &[&str], wanted| assert_eq!(common(packages.iter().copied()), wanted);
        is(&["ex.com/a/b", "ex.com/a/c", "ex.com/a"], "ex.com/a");
        is(&["ex.com/ab", "ex.com/ac"], "ex.com");
        is(&["ex.com/a", "ex.com/ab"], "ex.com");
        is(&["a", "b"], "");
        is(&["ex.com/a"], "ex.com/a");
        is(&[], "");
    }
}
