//! `report`: the page with a profile and its sources inside, as one file that opens from disk.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use ::report::{Asset, Page};
use anyhow::{Context, Result, bail};
use clap::Args;
use coverage::Profile;
use wire::limits;

use super::{Inputs, SelectArgs};
use crate::embedded::ASSETS;
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
    super::warn_of_misfits(&profile, |path| texts.get(path).map(Vec::as_slice));
    let modules = |package: &str| finder.module_of(package);
    let title = args.title.clone().unwrap_or_else(|| ::report::title(&profile, &modules));
    let assets = |path: &str| {
        let asset = ASSETS.iter().find(|asset| asset.path == path)?;
        Some(Asset { mime: asset.mime, bytes: asset.raw })
    };
    let html = ::report::write(Page::of(&assets)?, &profile, &title, &texts, &modules)?;
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
