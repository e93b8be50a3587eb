//! `patch`: coverage of the lines that a diff changes.

use std::io::Read;
use std::path::PathBuf;
use std::process::{Command, ExitCode};

use algebra::patch::{Diff, LineState, Patch, PatchFile};
use anyhow::{Context, Result, anyhow, bail};
use clap::Args;
use coverage::Fraction;
use serde_json::{Value, json};

use super::{Inputs, SelectArgs};

#[derive(Debug, Args)]
pub(crate) struct PatchArgs {
    /// Files and folders with coverage data, merged
    #[arg(required = true, value_name = "INPUT")]
    inputs: Vec<PathBuf>,
    /// The unified diff; - for standard input
    #[arg(long, value_name = "FILE", conflicts_with = "base")]
    diff: Option<PathBuf>,
    /// What git says has changed since this revision
    #[arg(long, value_name = "REVISION")]
    base: Option<String>,
    /// End with 1 if less than this share of changed lines is covered, in percent
    #[arg(long, value_name = "PERCENT")]
    fail_under: Option<f64>,
    /// Print JSON, with lines
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    select: SelectArgs,
}

/// `coverglass patch`.
pub(crate) fn patch(args: PatchArgs) -> Result<ExitCode> {
    let (name, text) = match (&args.diff, &args.base) {
        (Some(path), _) if path.as_os_str() == "-" => {
            let mut text = Vec::new();
            std::io::stdin().read_to_end(&mut text).context("cannot read standard input")?;
            ("standard input".to_owned(), text)
        }
        (Some(path), _) => {
            let name = path.display().to_string();
            (name.clone(), std::fs::read(path).with_context(|| format!("cannot read {name}"))?)
        }
        (None, Some(revision)) => (format!("git diff {revision}"), git_diff(revision)?),
        (None, None) => bail!("name a diff with --diff, or a revision with --base"),
    };
    let diff = Diff::parse(&String::from_utf8_lossy(&text))
        .map_err(|error| anyhow!("cannot read {name}: {error}"))?;
    let profile = Inputs::open(&args.inputs, &args.select)?.united(&args.select)?;
    let patch = algebra::patch(&profile, &diff);
    if args.json {
        crate::print_json(&to_json(&patch))?;
    } else {
        crate::print(&to_text(&patch))?;
    }
    if let (Some(least), Some(percent)) = (args.fail_under, patch.fraction().percent())
        && percent < least
    {
        crate::complain(&format!("{percent:.1}% of changed lines are covered, less than {least}%"));
        return Ok(ExitCode::from(1));
    }
    Ok(ExitCode::SUCCESS)
}

/// What changed since the point where a revision and the working tree parted.
fn git_diff(revision: &str) -> Result<Vec<u8>> {
    if revision.starts_with('-') {
        bail!("--base {revision}: not a revision");
    }
    let git = |arguments: &[&str]| {
        Command::new("git").args(arguments).output().context("cannot start git")
    };
    // Without a common point, the revision itself.
    let parted = git(&["merge-base", revision, "HEAD"])?;
    let from = String::from_utf8_lossy(&parted.stdout).trim().to_owned();
    let from = if parted.status.success() && !from.is_empty() { from } else { revision.to_owned() };
    let diff = git(&["diff", "--no-color", "--no-ext-diff", "--unified=0", &from, "--"])?;
    if !diff.status.success() {
        bail!("git diff {revision}: {}", String::from_utf8_lossy(&diff.stderr).trim());
    }
    Ok(diff.stdout)
}

/// Lines in a state as ranges: `3-5,9`.
fn ranges(file: &PatchFile, states: &[LineState]) -> String {
    let lines: Vec<u32> =
        file.lines.iter().filter(|(_, state)| states.contains(state)).map(|(n, _)| *n).collect();
    let ranges = lines.chunk_by(|a, b| a + 1 == *b).map(|run| match run {
        [first, .., last] => format!("{first}-{last}"),
        run => run.first().map(ToString::to_string).unwrap_or_default(),
    });
    ranges.collect::<Vec<_>>().join(",")
}

fn to_text(patch: &Patch) -> String {
    let mut rows: Vec<_> = patch
        .files
        .iter()
        .map(|file| (file.path.clone(), file.fraction()))
        .filter(|(_, fraction)| fraction.total > 0)
        .collect();
    rows.push(("total".to_owned(), patch.fraction()));
    let mut text = crate::table(&rows);
    for file in &patch.files {
        let missed = ranges(file, &[LineState::Partial, LineState::Uncovered]);
        if !missed.is_empty() {
            text.push_str(&format!("{}: not covered: {missed}\n", file.path));
        }
    }
    for path in &patch.unknown {
        text.push_str(&format!("{path}: not in the coverage data\n"));
    }
    text
}

fn to_json(patch: &Patch) -> Value {
    let numbers =
        |fraction: Fraction| json!({"covered": fraction.covered, "total": fraction.total});
    let files: Vec<Value> = patch
        .files
        .iter()
        .map(|file| {
            let lines = |state| -> Vec<u32> {
                let lines = file.lines.iter().filter(|(_, own)| *own == state);
                lines.map(|(number, _)| *number).collect()
            };
            json!({
                "path": file.path,
                "lines": numbers(file.fraction()),
                "covered": lines(LineState::Covered),
                "partial": lines(LineState::Partial),
                "uncovered": lines(LineState::Uncovered),
                "not_coverable": lines(LineState::NotCoverable),
            })
        })
        .collect();
    json!({"files": files, "unknown": patch.unknown, "total": {"lines": numbers(patch.fraction())}})
}
