//! Commands on Go execution traces, as `runtime/trace`, `go test -trace` and the flight recorder
//! write them.
//!
//! What is damaged is left out: what was lost goes to standard error, and the rest is told.

mod chrome;
mod edges;
mod export;
mod facts;
mod glob;
mod goroutines;
mod messages;
mod open;
mod pprof;
mod seen;
mod show;
mod summary;
mod table;

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Result;
use clap::{Args, Subcommand};

use edges::EdgesArgs;
use export::ExportArgs;
use goroutines::GoroutinesArgs;

#[derive(Debug, Subcommand)]
pub(crate) enum TraceCommand {
    /// Print how long, how many, in which states, waiting for what, and what never ends
    Summary(SummaryArgs),
    /// Print each goroutine: where it comes from, what it spent its time with, where it is now
    Goroutines(GoroutinesArgs),
    /// Print who woke whom: how often, over what, and both source lines
    Edges(EdgesArgs),
    /// Write the trace for Perfetto, a spreadsheet, or `go tool pprof`
    Export(ExportArgs),
}

#[derive(Debug, Args)]
pub(crate) struct FileArgs {
    /// The trace, as `go test -trace`, `runtime/trace`, `/debug/pprof/trace` or a flight recorder
    /// wrote it, packed by gzip or not; - is standard input
    #[arg(value_name = "FILE")]
    file: PathBuf,
}

#[derive(Debug, Args)]
pub(crate) struct SummaryArgs {
    #[command(flatten)]
    file: FileArgs,
    /// Print JSON: every count, and hashes of the order of events
    #[arg(long)]
    json: bool,
}

/// `coverglass trace …`.
pub(crate) fn trace(command: &TraceCommand) -> Result<ExitCode> {
    match command {
        TraceCommand::Summary(args) if args.json => facts::facts(&args.file)?,
        TraceCommand::Summary(args) => summary::summary(&args.file)?,
        TraceCommand::Goroutines(args) => goroutines::goroutines(args)?,
        TraceCommand::Edges(args) => edges::edges(args)?,
        TraceCommand::Export(args) => export::export(args)?,
    }
    Ok(ExitCode::SUCCESS)
}
