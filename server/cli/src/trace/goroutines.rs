//! `goroutines`: what became of each, or of all that began with the same function.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use anyhow::Result;
use clap::{Args, ValueEnum};
use gotrace::event::GoState;
use gotrace::joined::{Ran, Seen};
use gotrace::trace::{Go, Goroutine, StateTimes};
use serde_json::{Value, json};

use super::glob::Glob;
use super::open::{self, Opened};
use super::seen::{self, Place, Where};
use super::show::Site;
use super::table::{self, Column, Table, time};
use super::{FileArgs, show};

#[derive(Debug, Args)]
pub(crate) struct GoroutinesArgs {
    #[command(flatten)]
    file: FileArgs,
    /// One row for each function that goroutines begin with
    #[arg(long, value_name = "WHAT")]
    by: Option<By>,
    /// Only those of the program that still wait when the trace ends, with where they do
    #[arg(long)]
    stuck: bool,
    /// Only those that begin with a function that matches, as in `main.*` or `http.(*conn).serve`
    #[arg(long, value_name = "GLOB")]
    function: Option<String>,
    /// Only those that had this line in a stack, with how often and when. Of paths the end is
    /// enough. A trace has stacks only where goroutines wait, are stopped, make system calls, wake
    /// or create others, log, or are sampled
    #[arg(long, value_name = "FILE:LINE")]
    at: Option<Place>,
    /// Only those that had a function in a stack that matches, as in `store.*`
    #[arg(long, value_name = "GLOB")]
    ran: Option<String>,
    /// With the functions that each was in, as far as stacks tell: how often, when, and their lines
    #[arg(long, conflicts_with = "by")]
    functions: bool,
    /// What comes first: the earliest, or the most [default: by id; of functions the most
    /// goroutines]
    #[arg(long, value_name = "COLUMN")]
    sort: Option<Sort>,
    /// Only so many rows
    #[arg(long, value_name = "N")]
    limit: Option<usize>,
    /// Print JSON, with whole stacks
    #[arg(long)]
    json: bool,
}

/// What a row is, if it is no goroutine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum By {
    /// Functions
    Function,
}

/// What rows are sorted by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Sort {
    /// When they began
    Begin,
    /// Name
    Function,
    /// Time from begin to end
    Life,
    /// Time running
    Running,
    /// Time in which they could have run
    Runnable,
    /// Time waiting
    Waiting,
    /// Time in system calls
    Syscall,
}

impl Sort {
    /// The state whose time is meant.
    fn state(self) -> Option<GoState> {
        match self {
            Self::Running => Some(GoState::Running),
            Self::Runnable => Some(GoState::Runnable),
            Self::Waiting => Some(GoState::Waiting),
            Self::Syscall => Some(GoState::Syscall),
            Self::Begin | Self::Function | Self::Life => None,
        }
    }
}

/// `coverglass trace goroutines`.
pub(super) fn goroutines(args: &GoroutinesArgs) -> Result<()> {
    let opened = open::open(&args.file)?;
    let glob = args.function.as_deref().map(Glob::new);
    let ran = args.ran.as_deref().map(Glob::new);
    let is_of_stacks = args.at.is_some() || ran.is_some() || args.functions;
    let seen = is_of_stacks.then(|| Where::new(&opened, args.at.as_ref(), ran.as_ref()));
    let seen = seen.transpose()?;
    let all = (0..).map(Go).zip(&opened.trace.goroutines);
    let mut chosen: Vec<Row<'_>> = all
        .filter(|(go, goroutine)| {
            let function = opened.names.text(goroutine.function);
            glob.as_ref().is_none_or(|glob| glob.matches(function))
                && (!args.stuck || show::is_stuck(&opened.names, goroutine))
                && seen.as_ref().is_none_or(|seen| seen.has(*go))
        })
        .map(|(go, goroutine)| Row { go, goroutine, times: show::times(&opened, goroutine) })
        .collect();
    let limit = args.limit.unwrap_or(usize::MAX);
    if args.by.is_some() {
        let mut groups = groups(&opened, &chosen);
        sort_groups(&mut groups, args.sort);
        groups.truncate(limit);
        return match args.json {
            true => table::print_json(groups.iter().map(Group::to_json)),
            false => table::print(groups_table(&groups).lines()),
        };
    }
    sort_rows(&mut chosen, args.sort, &opened);
    chosen.truncate(limit);
    let told = Told { opened: &opened, seen: seen.as_ref(), functions: args.functions };
    match args.json {
        true => table::print_json(chosen.iter().map(|row| row.to_json(&told))),
        false => table::print(lines(&chosen, &told, args.stuck)),
    }
}

/// What is told of rows.
struct Told<'t> {
    opened: &'t Opened,
    /// What stacks tell.
    seen: Option<&'t Where>,
    /// The functions of each, too.
    functions: bool,
}

impl Told<'_> {
    /// The functions that a goroutine was in, if they are told.
    fn functions(&self, go: Go) -> Option<Vec<Ran>> {
        self.seen.filter(|_| self.functions).map(|seen| seen.functions(&self.opened.names, go))
    }
}

struct Row<'t> {
    go: Go,
    goroutine: &'t Goroutine,
    times: StateTimes,
}

fn sort_rows(rows: &mut [Row<'_>], sort: Option<Sort>, opened: &Opened) {
    rows.sort_by_key(|row| row.goroutine.id);
    match sort {
        None => {}
        Some(Sort::Begin) => rows.sort_by_key(|row| row.goroutine.begin),
        Some(Sort::Function) => rows.sort_by_key(|row| opened.names.text(row.goroutine.function)),
        Some(sort) => rows.sort_by_key(|row| Reverse(measure(&row.times, sort))),
    }
}

fn measure(times: &StateTimes, sort: Sort) -> u64 {
    sort.state().map_or_else(|| times.sum(), |state| times.of(state))
}

impl Row<'_> {
    fn parent(&self, opened: &Opened) -> Option<u64> {
        opened.trace.goroutine(self.goroutine.parent).map(|parent| parent.id)
    }

    fn to_json(&self, told: &Told<'_>) -> Value {
        let Self { go, goroutine, times } = self;
        let opened = told.opened;
        let names = &opened.names;
        let now = show::now(goroutine);
        let mut json = json!({
            "id": goroutine.id,
            "function": names.text(goroutine.function),
            "created": goroutine.created,
            "parent": self.parent(opened),
            "created_at": Site::of(names, goroutine.created_at).map(Site::to_json),
            "begin_ns": goroutine.begin,
            "end_ns": goroutine.end,
            "time_ns": show::times_json(times),
            "state": now.map_or("ended", |slice| show::state(slice.state)),
            "stuck": show::is_stuck(names, goroutine),
        });
        if let Some(slice) = now {
            json["reason"] = names.text(slice.reason).into();
            json["since_ns"] = slice.begin.into();
            json["stack"] = show::stack(names, slice.stack);
        }
        if let Some(seen) = told.seen.and_then(|seen| seen.seen(*go)) {
            json["seen"] = seen::seen_json(seen);
        }
        if let Some(functions) = told.functions(*go) {
            json["functions"] = functions.iter().map(|ran| seen::ran_json(names, ran)).collect();
        }
        json
    }
}

fn rows_table(rows: &[Row<'_>], told: &Told<'_>) -> Table {
    let opened = told.opened;
    let names = &opened.names;
    let chosen = told.seen.filter(|seen| seen.is_some_only());
    let mut columns = vec![
        Column::Numbers("id"),
        Column::Words("function"),
        Column::Numbers("by"),
        Column::Words("created at"),
        Column::Numbers("begin"),
        Column::Numbers("end"),
        Column::Numbers("running"),
        Column::Numbers("runnable"),
        Column::Numbers("waiting"),
        Column::Numbers("syscall"),
        Column::Words("now"),
        Column::Words("at"),
    ];
    if chosen.is_some() {
        columns.extend([
            Column::Numbers("stacks"),
            Column::Numbers("first"),
            Column::Numbers("last"),
        ]);
    }
    let mut table = Table::new(columns);
    for row in rows {
        let Row { go, goroutine, times } = row;
        let now = show::now(goroutine);
        let begin = if goroutine.created { time(goroutine.begin) } else { "before".to_owned() };
        let dash = || show::NOTHING.to_owned();
        let mut cells = vec![
            goroutine.id.to_string(),
            show::text(names, goroutine.function).to_owned(),
            row.parent(opened).map_or_else(dash, |parent| parent.to_string()),
            show::line(names, goroutine.created_at),
            begin,
            goroutine.end.map_or_else(dash, time),
        ];
        let states = [GoState::Running, GoState::Runnable, GoState::Waiting, GoState::Syscall];
        cells.extend(states.map(|state| time(times.of(state))));
        cells.push(now.map_or_else(|| "ended".to_owned(), |slice| show::state_of(names, slice)));
        cells.push(now.map_or_else(dash, |slice| show::line(names, slice.stack)));
        if let Some(Seen { times, first, last }) = chosen.and_then(|seen| seen.seen(*go)) {
            cells.extend([times.to_string(), time(first), time(last)]);
        }
        table.add(cells);
    }
    table
}

/// The rows, and after each the stack at which it is, where `stacks` asks for that, and the
/// functions that it was in.
fn lines(rows: &[Row<'_>], told: &Told<'_>, stacks: bool) -> impl Iterator<Item = String> {
    let names = &told.opened.names;
    let lines: Vec<String> = rows_table(rows, told).lines().collect();
    let rows = std::iter::once(None).chain(rows.iter().map(Some));
    lines.into_iter().zip(rows).flat_map(move |(line, row)| {
        let slice = row.filter(|_| stacks).and_then(|row| show::now(row.goroutine));
        let calls = slice.map(|slice| show::calls(names, slice.stack));
        let calls = calls.into_iter().flatten().map(|call| format!("    {call}"));
        let ran = row.and_then(|row| told.functions(row.go)).unwrap_or_default();
        let ran = ran.into_iter().map(|ran| format!("    {}", seen::ran_line(names, &ran)));
        std::iter::once(line).chain(calls).chain(ran)
    })
}

/// Goroutines that began with the same function.
struct Group<'t> {
    function: &'t str,
    count: u64,
    ended: u64,
    stuck: u64,
    begin: u64,
    times: StateTimes,
}

fn groups<'t>(opened: &'t Opened, rows: &[Row<'t>]) -> Vec<Group<'t>> {
    let mut groups: BTreeMap<&str, Group<'t>> = BTreeMap::new();
    for Row { goroutine, times, .. } in rows {
        let function = show::text(&opened.names, goroutine.function);
        let group = groups.entry(function).or_insert_with(|| Group {
            function,
            count: 0,
            ended: 0,
            stuck: 0,
            begin: u64::MAX,
            times: StateTimes::default(),
        });
        group.count += 1;
        group.ended += u64::from(goroutine.end.is_some());
        group.stuck += u64::from(show::is_stuck(&opened.names, goroutine));
        group.begin = group.begin.min(goroutine.begin);
        group.times.join(times);
    }
    groups.into_values().collect()
}

fn sort_groups(groups: &mut [Group<'_>], sort: Option<Sort>) {
    match sort {
        None => groups.sort_by_key(|group| Reverse(group.count)),
        Some(Sort::Begin) => groups.sort_by_key(|group| group.begin),
        Some(Sort::Function) => groups.sort_by_key(|group| group.function),
        Some(sort) => groups.sort_by_key(|group| Reverse(measure(&group.times, sort))),
    }
}

impl Group<'_> {
    fn to_json(&self) -> Value {
        json!({
            "function": self.function,
            "goroutines": self.count,
            "ended": self.ended,
            "stuck": self.stuck,
            "time_ns": show::times_json(&self.times),
        })
    }
}

fn groups_table(groups: &[Group<'_>]) -> Table {
    let mut table = Table::new(vec![
        Column::Words("function"),
        Column::Numbers("goroutines"),
        Column::Numbers("ended"),
        Column::Numbers("stuck"),
        Column::Numbers("running"),
        Column::Numbers("runnable"),
        Column::Numbers("waiting"),
        Column::Numbers("syscall"),
    ]);
    for group in groups {
        let counts = [group.count, group.ended, group.stuck];
        let states = [GoState::Running, GoState::Runnable, GoState::Waiting, GoState::Syscall];
        let mut cells = vec![group.function.to_owned()];
        cells.extend(counts.map(|count| count.to_string()));
        cells.extend(states.map(|state| time(group.times.of(state))));
        table.add(cells);
    }
    table
}
