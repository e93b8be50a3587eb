//! `edges`: who woke whom.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::path::PathBuf;

use anyhow::{Result, bail};
use clap::Args;
use gotrace::Wake;
use gotrace::trace::Edge;
use serde_json::{Value, json};

use super::glob::Glob;
use super::open::{self, Opened};
use super::show::Site;
use super::table::{self, Column, Table, micros};
use super::{FileArgs, messages, show};

#[derive(Debug, Args)]
pub(crate) struct EdgesArgs {
    #[command(flatten)]
    pub(super) file: FileArgs,
    /// Print the values that went through channels instead, from what a program recorded that was
    /// built with --channels: each send with its receive, where channels have a buffer, too
    #[arg(long, value_name = "FILE", conflicts_with = "kind")]
    channels: Option<PathBuf>,
    /// One row for each wake-up, by time, instead of their counts
    #[arg(long)]
    pub(super) each: bool,
    /// Only those over this: send, receive, select, close, sync, condition, network, timer, switch
    /// or runtime; may be repeated, or several with commas
    #[arg(long, value_name = "KIND", value_delimiter = ',')]
    kind: Vec<String>,
    /// Only those in which one of the two goroutines began with a function that matches
    #[arg(long, value_name = "GLOB")]
    pub(super) function: Option<String>,
    /// Only so many rows
    #[arg(long, value_name = "N")]
    pub(super) limit: Option<usize>,
    /// Print JSON
    #[arg(long)]
    pub(super) json: bool,
}

/// `coverglass trace edges`.
pub(super) fn edges(args: &EdgesArgs) -> Result<()> {
    if let Some(channels) = &args.channels {
        return messages::messages(args, channels);
    }
    let kinds = kinds(&args.kind)?;
    let glob = args.function.as_deref().map(Glob::new);
    let opened = open::open(&args.file)?;
    let chosen = opened.trace.edges.iter().filter(|edge| {
        let ends = [edge.from, edge.to];
        let mut functions = ends.iter().filter_map(|go| {
            let goroutine = opened.trace.goroutine(*go)?;
            Some(opened.names.text(goroutine.function))
        });
        (kinds.is_empty() || kinds.contains(&edge.wake))
            && glob.as_ref().is_none_or(|glob| functions.any(|name| glob.matches(name)))
    });
    let limit = args.limit.unwrap_or(usize::MAX);
    if args.each {
        let rows = chosen.take(limit);
        return match args.json {
            true => table::print_json(rows.map(|edge| each_json(edge, &opened))),
            false => table::print(each(rows, &opened).lines()),
        };
    }
    // By what is cheap to compare first: few of many have other stacks.
    let function = |go| opened.trace.goroutine(go).map(|goroutine| goroutine.function);
    let mut alike: BTreeMap<_, (&Edge, u64)> = BTreeMap::new();
    for edge in chosen {
        let ends = (function(edge.from), function(edge.to));
        let key = (edge.wake, ends, edge.waker, edge.waiting);
        alike.entry(key).or_insert((edge, 0)).1 += 1;
    }
    let mut counts: BTreeMap<Pair<'_>, u64> = BTreeMap::new();
    for (edge, count) in alike.into_values() {
        *counts.entry(Pair::of(edge, &opened)).or_default() += count;
    }
    let mut rows: Vec<_> = counts.into_iter().collect();
    rows.sort_by_key(|(_, count)| Reverse(*count));
    rows.truncate(limit);
    match args.json {
        true => table::print_json(rows.iter().map(|(pair, count)| pair.to_json(*count))),
        false => table::print(pairs(&rows).lines()),
    }
}

fn kinds(names: &[String]) -> Result<Vec<Wake>> {
    let kind = |name: &String| match Wake::ALL.into_iter().find(|wake| wake.name() == name) {
        Some(wake) => Ok(wake),
        None => bail!("--kind {name}: kinds are {}", Wake::ALL.map(Wake::name).join(", ")),
    };
    names.iter().map(kind).collect()
}

/// What wake-ups have in common that are counted together.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Pair<'t> {
    wake: Wake,
    from: &'t str,
    to: &'t str,
    waker: Option<Site<'t>>,
    waiting: Option<Site<'t>>,
}

impl<'t> Pair<'t> {
    fn of(edge: &Edge, opened: &'t Opened) -> Self {
        let Opened { trace, names, .. } = opened;
        Self {
            wake: edge.wake,
            from: show::function(trace, names, edge.from),
            to: show::function(trace, names, edge.to),
            waker: Site::of(names, edge.waker),
            waiting: Site::of(names, edge.waiting),
        }
    }

    fn to_json(&self, count: u64) -> Value {
        json!({
            "count": count,
            "kind": self.wake.name(),
            "from": known(self.from),
            "to": known(self.to),
            "waker": self.waker.map(Site::to_json),
            "waiting": self.waiting.map(Site::to_json),
        })
    }
}

/// A function's name, if there is one.
fn known(function: &str) -> Option<&str> {
    Some(function).filter(|name| *name != show::NOTHING)
}

fn pairs(rows: &[(Pair<'_>, u64)]) -> Table {
    let mut table = Table::new(vec![
        Column::Numbers("count"),
        Column::Words("over"),
        Column::Words("from"),
        Column::Words("at"),
        Column::Words("to"),
        Column::Words("waiting at"),
    ]);
    let line =
        |site: Option<Site<'_>>| site.map_or_else(|| show::NOTHING.to_owned(), |site| site.short());
    for (pair, count) in rows {
        table.add(vec![
            count.to_string(),
            pair.wake.name().to_owned(),
            pair.from.to_owned(),
            line(pair.waker),
            pair.to.to_owned(),
            line(pair.waiting),
        ]);
    }
    table
}

fn each_json(edge: &Edge, opened: &Opened) -> Value {
    let Opened { trace, names, .. } = opened;
    let end = |go| {
        let goroutine = trace.goroutine(go)?;
        Some(json!({"id": goroutine.id, "function": names.text(goroutine.function)}))
    };
    json!({
        "time_ns": edge.time,
        "kind": edge.wake.name(),
        "from": end(edge.from),
        "to": end(edge.to),
        "waker": show::stack(names, edge.waker),
        "waiting": show::stack(names, edge.waiting),
    })
}

fn each<'t>(rows: impl Iterator<Item = &'t Edge>, opened: &Opened) -> Table {
    let Opened { trace, names, .. } = opened;
    let mut table = Table::new(vec![
        Column::Numbers("µs"),
        Column::Words("over"),
        Column::Numbers("from"),
        Column::Words("function"),
        Column::Words("at"),
        Column::Numbers("to"),
        Column::Words("function"),
        Column::Words("waiting at"),
    ]);
    let id = |go| {
        let goroutine = trace.goroutine(go);
        goroutine.map_or_else(|| show::NOTHING.to_owned(), |goroutine| goroutine.id.to_string())
    };
    for edge in rows {
        table.add(vec![
            micros(edge.time),
            edge.wake.name().to_owned(),
            id(edge.from),
            show::function(trace, names, edge.from).to_owned(),
            show::line(names, edge.waker),
            id(edge.to),
            show::function(trace, names, edge.to).to_owned(),
            show::line(names, edge.waiting),
        ]);
    }
    table
}
