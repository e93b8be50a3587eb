//! `export`: a trace in the formats of other tools.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use clap::{Args, ValueEnum};
use gotrace::event::GoState;

use super::open::{self, Opened};
use super::pprof::{self, Delay};
use super::show::Site;
use super::{FileArgs, chrome, show};
use crate::offline::grid::quoted;

#[derive(Debug, Args)]
pub(crate) struct ExportArgs {
    #[command(flatten)]
    file: FileArgs,
    /// What to write
    #[arg(long, value_name = "FORMAT", default_value = "chrome")]
    format: Format,
    /// Write a profile for `go tool pprof` instead, as `go tool trace -pprof` does
    #[arg(long, value_name = "DELAY", conflicts_with = "format")]
    pprof: Option<Delay>,
    /// Write to this file instead of standard output
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// JSON for Perfetto (ui.perfetto.dev) and chrome://tracing
    Chrome,
    /// A row for each stretch of time that a goroutine was in a state
    Csv,
}

/// `coverglass trace export`.
pub(super) fn export(args: &ExportArgs) -> Result<()> {
    let opened = open::open(&args.file)?;
    let write = |out: &mut dyn Write| match (args.pprof, args.format) {
        (Some(delay), _) => pprof::write(&opened, delay, out),
        (None, Format::Chrome) => chrome::write(&opened, out),
        (None, Format::Csv) => csv(&opened, out),
    };
    match args.output.as_deref().filter(|path| *path != Path::new("-")) {
        Some(path) => {
            to_file(path, write).with_context(|| format!("cannot write {}", path.display()))
        }
        None => {
            let mut out = BufWriter::with_capacity(1 << 16, std::io::stdout().lock());
            match write(&mut out).and_then(|()| out.flush()) {
                Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => {
                    Err(error).context("cannot write to standard output")
                }
                _ => Ok(()),
            }
        }
    }
}

/// Writes beside the file, then moves, as all commands do; in pieces, since it may be long.
fn to_file(
    path: &Path,
    write: impl Fn(&mut dyn Write) -> std::io::Result<()>,
) -> std::io::Result<()> {
    let to = |path: &Path| {
        let mut out = BufWriter::with_capacity(1 << 16, File::create(path)?);
        write(&mut out)?;
        out.flush()
    };
    let special = std::fs::metadata(path).is_ok_and(|metadata| !metadata.is_file());
    let name = path.file_name().filter(|_| !special && !path.is_symlink());
    let Some(name) = name else { return to(path) };
    let mut beside = name.to_owned();
    beside.push(format!(".{}.partial", std::process::id()));
    let beside = path.with_file_name(beside);
    let written = to(&beside).and_then(|()| std::fs::rename(&beside, path));
    if written.is_err() {
        let _ = std::fs::remove_file(&beside);
    }
    written
}

/// A row for each slice of each goroutine, by goroutine and time.
fn csv(opened: &Opened, out: &mut dyn Write) -> std::io::Result<()> {
    let names = &opened.names;
    writeln!(
        out,
        "goroutine,function,begin_ns,end_ns,state,reason,processor,at_function,at_file,at_line"
    )?;
    for goroutine in &opened.trace.goroutines {
        let function = quoted(names.text(goroutine.function));
        for (index, slice) in goroutine.track.slices().iter().enumerate() {
            let end = goroutine.track.end(index, opened.trace.duration);
            let proc = match slice.state {
                GoState::Running if slice.proc != u16::MAX => slice.proc.to_string(),
                _ => String::new(),
            };
            let site = Site::of(names, slice.stack).map_or_else(
                || ",,".to_owned(),
                |site| format!("{},{},{}", quoted(site.function), quoted(site.file), site.line),
            );
            writeln!(
                out,
                "{},{function},{},{end},{},{},{proc},{site}",
                goroutine.id,
                slice.begin,
                show::state(slice.state),
                quoted(names.text(slice.reason)),
            )?;
        }
    }
    Ok(())
}
