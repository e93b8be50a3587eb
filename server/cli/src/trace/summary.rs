//! `summary`: a trace on one screen.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::fmt::Write;

use anyhow::Result;
use gotrace::Wake;
use gotrace::event::{GoState, Metric};
use gotrace::facts::range_name;
use gotrace::trace::{Slice, StateTimes};

use super::open::{self, Opened};
use super::show::Site;
use super::table::{Column, Table, share, time};
use super::{FileArgs, show};

/// Most functions and places that are told.
const ROWS: usize = 10;

/// `coverglass trace summary`.
pub(super) fn summary(args: &FileArgs) -> Result<()> {
    let opened = open::open(args)?;
    let mut text = head(&opened);
    for section in [states, functions, waits, wakes, stuck, runtime] {
        let section = section(&opened);
        if !section.is_empty() {
            text.push('\n');
            text += &section;
        }
    }
    let losses = &opened.losses;
    if !losses.is_empty() {
        let places = losses.told().len() as u64 + losses.untold();
        let sums = open::sums(losses).map_or_else(String::new, |sums| format!(": {sums}"));
        let _ = writeln!(text, "\ndamaged in {places} {}{sums}", plural(places, "place"));
        text += "what is above is what is left of it\n";
    }
    crate::print(&text)
}

fn plural(count: u64, word: &str) -> String {
    if count == 1 { word.to_owned() } else { format!("{word}s") }
}

fn head(opened: &Opened) -> String {
    let Opened { name, version, trace, .. } = opened;
    let count = |count: usize, what: &str| format!("{count} {}", plural(count as u64, what));
    let procs = trace.metrics.iter().filter(|(_, metric, _)| *metric == Metric::Procs);
    let procs = procs.map(|(_, _, value)| *value).max();
    let mut text = format!(
        "{name}: {}, {}",
        time(trace.duration),
        count(usize::try_from(trace.events).unwrap_or(usize::MAX), "event"),
    );
    if let Some(procs) = procs {
        let _ = write!(text, ", {procs} {}", plural(procs, "processor"));
    }
    let _ = writeln!(text, ", in the format of Go 1.{version}");
    let created = trace.goroutines.iter().filter(|goroutine| goroutine.created).count();
    let ended = trace.goroutines.iter().filter(|goroutine| goroutine.end.is_some()).count();
    let all = trace.goroutines.len();
    let _ = writeln!(
        text,
        "{}: {} from before, {created} created, {ended} ended, at most {} at once",
        count(all, "goroutine"),
        all - created,
        peak(opened),
    );
    let others = [
        (trace.tasks.len(), "task"),
        (trace.regions.len(), "region"),
        (trace.logs.len(), "log message"),
        (trace.samples.len(), "CPU sample"),
    ];
    let others: Vec<_> =
        others.iter().filter(|(n, _)| *n > 0).map(|(n, what)| count(*n, what)).collect();
    if !others.is_empty() {
        let _ = writeln!(text, "{}", others.join(", "));
    }
    text
}

/// The most goroutines that there were at once.
fn peak(opened: &Opened) -> i64 {
    let mut changes = Vec::new();
    for goroutine in &opened.trace.goroutines {
        changes.push((goroutine.begin, 1));
        changes.extend(goroutine.end.map(|end| (end, -1)));
    }
    changes.sort_unstable();
    let counts = changes.iter().scan(0, |live, (_, change)| {
        *live += change;
        Some(*live)
    });
    counts.max().unwrap_or(0)
}

fn states(opened: &Opened) -> String {
    let mut all = StateTimes::default();
    for goroutine in &opened.trace.goroutines {
        all.join(&show::times(opened, goroutine));
    }
    let mut table = Table::new(vec![
        Column::Words("state"),
        Column::Numbers("time of all goroutines"),
        Column::Numbers("share"),
    ]);
    for state in [GoState::Running, GoState::Runnable, GoState::Waiting, GoState::Syscall] {
        let spent = all.of(state);
        table.add(vec![show::state(state).to_owned(), time(spent), share(spent, all.sum())]);
    }
    table.text()
}

fn functions(opened: &Opened) -> String {
    let mut functions: BTreeMap<&str, (u64, StateTimes)> = BTreeMap::new();
    for goroutine in &opened.trace.goroutines {
        let function = show::text(&opened.names, goroutine.function);
        let (count, times) = functions.entry(function).or_default();
        *count += 1;
        times.join(&show::times(opened, goroutine));
    }
    let mut rows: Vec<_> = functions.into_iter().collect();
    rows.sort_by_key(|(_, (count, times))| Reverse((*count, times.of(GoState::Running))));
    let mut table = Table::new(vec![
        Column::Words("most goroutines begin with"),
        Column::Numbers("goroutines"),
        Column::Numbers("running"),
        Column::Numbers("runnable"),
        Column::Numbers("waiting"),
    ]);
    for (function, (count, times)) in rows.into_iter().take(ROWS) {
        let states = [GoState::Running, GoState::Runnable, GoState::Waiting];
        let mut row = vec![function.to_owned(), count.to_string()];
        row.extend(states.map(|state| time(times.of(state))));
        table.add(row);
    }
    table.text()
}

/// Where a goroutine waits.
type Wait<'t> = (&'t str, Option<Site<'t>>, &'t str);

fn wait<'t>(opened: &'t Opened, function: &'t str, slice: &Slice) -> Wait<'t> {
    (function, Site::of(&opened.names, slice.stack), show::text(&opened.names, slice.reason))
}

fn waits_text(
    name: &'static str,
    rows: Vec<(Wait<'_>, (u64, u64))>,
    count: &'static str,
) -> String {
    let mut table = Table::new(vec![
        Column::Words(name),
        Column::Words("at"),
        Column::Words("for"),
        Column::Numbers(count),
        Column::Numbers("time"),
    ]);
    let n_more = rows.len().saturating_sub(ROWS);
    for ((function, site, reason), (count, spent)) in rows.into_iter().take(ROWS) {
        let site = site.map_or_else(|| show::NOTHING.to_owned(), |site| site.short());
        let row = [function.to_owned(), site, reason.to_owned(), count.to_string(), time(spent)];
        table.add(row);
    }
    let more = if n_more > 0 { format!("and {n_more} more\n") } else { String::new() };
    table.text() + &more
}

/// Where goroutines of the program spent most time waiting.
fn waits(opened: &Opened) -> String {
    let mut waits: BTreeMap<Wait<'_>, (u64, u64)> = BTreeMap::new();
    for goroutine in &opened.trace.goroutines {
        if show::is_system(&opened.names, goroutine) {
            continue;
        }
        let function = show::text(&opened.names, goroutine.function);
        for (index, slice) in goroutine.track.slices().iter().enumerate() {
            if slice.state == GoState::Waiting {
                let end = goroutine.track.end(index, opened.trace.duration);
                let (count, spent) = waits.entry(wait(opened, function, slice)).or_default();
                *count += 1;
                *spent = spent.saturating_add(end.saturating_sub(slice.begin));
            }
        }
    }
    let mut rows: Vec<_> = waits.into_iter().collect();
    if rows.is_empty() {
        return String::new();
    }
    rows.sort_by_key(|(_, (_, spent))| Reverse(*spent));
    rows.truncate(ROWS);
    waits_text("waited longest", rows, "times")
}

fn wakes(opened: &Opened) -> String {
    let mut table = Table::new(vec![
        Column::Words("woken over"),
        Column::Numbers("times"),
        Column::Numbers("by goroutines"),
    ]);
    for wake in Wake::ALL {
        let edges = opened.trace.edges.iter().filter(|edge| edge.wake == wake);
        let (all, by_goroutines) = edges
            .fold((0, 0), |(all, by), edge| (all + 1, by + u64::from(edge.from.index().is_some())));
        if all > 0 {
            table.add(vec![wake.name().to_owned(), all.to_string(), by_goroutines.to_string()]);
        }
    }
    if opened.trace.edges.is_empty() { String::new() } else { table.text() }
}

/// Goroutines that are not woken before the trace ends.
fn stuck(opened: &Opened) -> String {
    let mut waits: BTreeMap<Wait<'_>, (u64, u64)> = BTreeMap::new();
    for goroutine in &opened.trace.goroutines {
        if !show::is_stuck(&opened.names, goroutine) {
            continue;
        }
        let Some(slice) = show::now(goroutine) else { continue };
        let function = show::text(&opened.names, goroutine.function);
        let (count, longest) = waits.entry(wait(opened, function, slice)).or_default();
        *count += 1;
        *longest = opened.trace.duration.saturating_sub(slice.begin).max(*longest);
    }
    if waits.is_empty() {
        return String::new();
    }
    let mut rows: Vec<_> = waits.into_iter().collect();
    rows.sort_by_key(|(_, (count, longest))| Reverse((*count, *longest)));
    waits_text("still waiting at the end", rows, "goroutines")
}

/// What the runtime did meanwhile.
fn runtime(opened: &Opened) -> String {
    let mut spans: BTreeMap<String, (u64, u64, u64)> = BTreeMap::new();
    for span in &opened.trace.spans {
        let spent = span.end.unwrap_or(opened.trace.duration).saturating_sub(span.begin);
        let (count, all, longest) = spans.entry(range_name(span.range, &opened.names)).or_default();
        *count += 1;
        *all = spent.saturating_add(*all);
        *longest = spent.max(*longest);
    }
    if spans.is_empty() {
        return String::new();
    }
    let mut table = Table::new(vec![
        Column::Words("runtime"),
        Column::Numbers("times"),
        Column::Numbers("time"),
        Column::Numbers("longest"),
    ]);
    for (name, (count, all, longest)) in spans {
        table.add(vec![name, count.to_string(), time(all), time(longest)]);
    }
    table.text()
}
