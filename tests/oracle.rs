//! Go's own answer: what `go build -cover -covermode=count` says of a run.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::{Scratch, output};

/// Counts by block as a text profile names it: `path:line.column,line.column statements`.
pub type Counts = BTreeMap<String, u64>;

/// Builds `package` of the module in `folder` as Go itself covers it, and returns the binary.
pub fn build(scratch: &Scratch, folder: &Path, package: &str, flags: &[&str]) -> PathBuf {
    let binary = scratch.join("oracle");
    output(
        Command::new("go")
            .args(["build", "-cover", "-covermode=count"])
            .args(flags)
            .arg("-o")
            .arg(&binary)
            .arg(package)
            .current_dir(folder),
    );
    binary
}

/// Runs a binary of [`build`] and returns its counts.
pub fn run(scratch: &Scratch, command: &mut Command) -> Counts {
    let raw = scratch.folder("covdata");
    command.env("GOCOVERDIR", &raw);
    let ran = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let text = scratch.join("oracle.txt");
    let mut covdata = Command::new("go");
    covdata.args(["tool", "covdata", "textfmt", "-i"]).arg(&raw).arg("-o").arg(&text);
    output(&mut covdata);
    let _ = std::fs::remove_dir_all(&raw);
    let text = std::fs::read_to_string(&text).unwrap_or_default();
    assert!(!text.is_empty(), "{command:?} ended with {} and left no counts", ran.status);
    counts(&text)
}

/// The counts of a text profile; blocks that occur more than once are added.
pub fn counts(text: &str) -> Counts {
    let mut counts = Counts::new();
    for line in text.lines().skip(1) {
        let (block, count) = line.rsplit_once(' ').expect("a line of a text profile has a count");
        *counts.entry(block.to_owned()).or_default() +=
            count.parse::<u64>().expect("the count of a text profile is a number");
    }
    counts
}

/// Says how two sets of counts differ, a line for each block, at most 20; empty when they don't.
pub fn difference(expected: &Counts, found: &Counts) -> String {
    let mut lines = Vec::new();
    for (block, count) in expected {
        match found.get(block) {
            None => lines.push(format!("{block}: {count} expected, not there")),
            Some(other) if other != count => {
                lines.push(format!("{block}: {count} expected, {other} found"));
            }
            Some(_) => {}
        }
    }
    for (block, count) in found.iter().filter(|(block, _)| !expected.contains_key(*block)) {
        lines.push(format!("{block}: not expected, {count} found"));
    }
    let more = lines.len().saturating_sub(20);
    lines.truncate(20);
    if more > 0 {
        lines.push(format!("and {more} more"));
    }
    lines.join("\n")
}
