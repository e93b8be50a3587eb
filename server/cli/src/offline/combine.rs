//! `merge`, `subtract`, `intersect` and `convert`.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use clap::Args;
use coverage::Profile;
use formats::Format;

use super::{Inputs, SelectArgs};

#[derive(Debug, Args)]
pub(crate) struct CombineArgs {
    /// Files and folders with coverage data
    #[arg(required = true, value_name = "INPUT")]
    inputs: Vec<PathBuf>,
    /// Write here instead of standard output; a folder for formats of several files
    #[arg(short, long, value_name = "PATH")]
    output: Option<PathBuf>,
    /// Write this format [default: that of the first input if it can be written]
    #[arg(long, value_name = "FORMAT")]
    to: Option<String>,
    #[command(flatten)]
    select: SelectArgs,
}

/// What becomes of several inputs.
type Operation = fn(Inputs, &SelectArgs) -> Result<Profile>;

/// `coverglass merge` and `convert`: everything, counts added.
pub(crate) fn merge(args: CombineArgs) -> Result<ExitCode> {
    combine(&args, 1, Inputs::united)
}

/// `coverglass subtract`: the first without what the others hit.
pub(crate) fn subtract(args: CombineArgs) -> Result<ExitCode> {
    combine(&args, 2, |inputs, select| Ok(fold(inputs.each(select)?, algebra::subtract)))
}

/// `coverglass intersect`: of the first what all others hit too.
pub(crate) fn intersect(args: CombineArgs) -> Result<ExitCode> {
    combine(&args, 2, |inputs, select| Ok(fold(inputs.each(select)?, algebra::intersect)))
}

fn fold(profiles: Vec<Profile>, operation: fn(&Profile, &Profile) -> Profile) -> Profile {
    let mut profiles = profiles.into_iter();
    let first = profiles.next();
    let first = first.unwrap_or_else(|| algebra::merge(&[]));
    profiles.fold(first, |left, right| operation(&left, &right))
}

fn combine(args: &CombineArgs, least: usize, operation: Operation) -> Result<ExitCode> {
    if args.inputs.len() < least {
        bail!("give {least} inputs or more");
    }
    let inputs = Inputs::open(&args.inputs, &args.select)?;
    let format = self::format(args.to.as_deref(), inputs.first_format())?;
    let Some(write) = format.write else { bail!("{} can't be written", format.name) };
    let files = (write.files)(&algebra::units_for(&operation(inputs, &args.select)?, write.blocks));
    match (&args.output, &files[..]) {
        (None, [(_, bytes)]) => {
            let mut out = std::io::stdout().lock();
            match out.write_all(bytes).and_then(|()| out.flush()) {
                Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => {
                    return Err(error).context("cannot write to standard output");
                }
                _ => {}
            }
        }
        (None, _) => bail!("{} is several files: name a folder with -o", format.name),
        (Some(path), [(name, bytes)]) => {
            let path = if path.is_dir() { path.join(name) } else { path.clone() };
            crate::client::write_whole(&path, bytes)
                .with_context(|| format!("cannot write {}", path.display()))?;
        }
        (Some(folder), files) => write_folder(folder, files)?,
    }
    Ok(ExitCode::SUCCESS)
}

/// The format of `--to`, or else of the first input.
fn format(wanted: Option<&str>, first: Option<&'static str>) -> Result<&'static Format> {
    let writable: Vec<_> = formats::FORMATS
        .iter()
        .filter(|format| format.write.is_some())
        .map(|format| format.id)
        .collect();
    match wanted {
        Some(id) => match formats::by_id(id).filter(|format| format.write.is_some()) {
            Some(format) => Ok(format),
            None => bail!("--to {id}: what can be written is {}", writable.join(", ")),
        },
        None => {
            let first = first.and_then(formats::by_id).filter(|format| format.write.is_some());
            first.with_context(|| format!("say with --to what to write: {}", writable.join(", ")))
        }
    }
}

fn write_folder(folder: &Path, files: &[(String, Vec<u8>)]) -> Result<()> {
    std::fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
    for (name, bytes) in files {
        let path = folder.join(name);
        crate::client::write_whole(&path, bytes)
            .with_context(|| format!("cannot write {}", path.display()))?;
    }
    Ok(())
}
