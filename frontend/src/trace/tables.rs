//! What all goroutines together did, in tables: by state, by function, by place, and what the
//! program told of itself.

use std::collections::BTreeMap;

use gotrace::event::GoState;
use gotrace::joined::{Joined, Seen};
use gotrace::trace::{Go, Goroutine, Slice};
use gotrace::{Names, StackId, StringId, Trace};
use serde::{Deserialize, Serialize};

use super::colors::{Shade, Shades};
use super::detail::{Place, function, site, state};
use super::joined::place;
use super::passed::Passed;
use super::time;
use crate::ui::text::grouped;

/// Most rows of a table that are told at once.
pub const MOST_ROWS: usize = 300;

/// What a table is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, Default)]
#[serde(rename_all = "kebab-case")]
pub enum About {
    /// States, with their reasons.
    #[default]
    States,
    /// Functions that goroutines began with.
    Functions,
    /// Places where goroutines waited.
    Places,
    /// Goroutines that wait to the end of the trace.
    Stuck,
    /// User tasks.
    Tasks,
    /// Regions, by kind.
    Regions,
    /// Messages.
    Logs,
    /// Functions that any of them was in.
    Executed,
    /// Goroutines that were in the function or at the line of the filter.
    Here,
    /// Channels, where the program recorded what it did with them.
    Channels,
    /// Values that went through channels.
    Messages,
}

impl About {
    /// All, with their names in addresses.
    pub const ALL: [(Self, &str); 11] = [
        (Self::States, "states"),
        (Self::Functions, "functions"),
        (Self::Places, "places"),
        (Self::Stuck, "stuck"),
        (Self::Tasks, "tasks"),
        (Self::Regions, "regions"),
        (Self::Logs, "logs"),
        (Self::Executed, "executed"),
        (Self::Here, "here"),
        (Self::Channels, "channels"),
        (Self::Messages, "messages"),
    ];

    /// It tells what stacks tell, and no more.
    pub fn is_of_stacks(self) -> bool {
        matches!(self, Self::Executed | Self::Here)
    }

    fn columns(self) -> &'static [&'static str] {
        match self {
            Self::States => &["State", "Goroutines", "Times", "Total", "Longest"],
            Self::Functions => &[
                "Function",
                "Goroutines",
                "Running",
                "Runnable",
                "System call",
                "Channel",
                "Lock",
                "Network",
                "Sleep",
                "Other wait",
            ],
            Self::Places => &["Place", "Function", "State", "Times", "Total", "Longest"],
            Self::Stuck => &["Goroutine", "Function", "State", "For", "Since", "Place"],
            Self::Tasks => &["Task", "Id", "Goroutine", "Begin", "Length", "Regions"],
            Self::Regions => &["Region", "Times", "Goroutines", "Total", "Longest"],
            Self::Logs => &["Time", "Goroutine", "Category", "Message", "Place"],
            Self::Executed => &["Function", "Goroutines", "Stacks", "First", "Last"],
            Self::Here => &["Goroutine", "Function", "Stacks", "First", "Last", "State"],
            Self::Channels => &[
                "Channel",
                "Made at",
                "Capacity",
                "Sends",
                "Receives",
                "Held at most",
                "Waited for",
                "Closed",
            ],
            Self::Messages => &[
                "Received",
                "Value",
                "From",
                "Sent at",
                "To",
                "Received at",
                "Channel",
                "Under way",
                "Certain",
            ],
        }
    }
}

/// What choosing a cell does.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Pick {
    /// Shows a goroutine.
    Place(Place),
    /// Shows only goroutines that these words fit.
    Words(String),
    /// Shows only goroutines that were in a region of this kind.
    Region(String),
    /// Shows only goroutines that had this function in a stack.
    Ran(String),
    /// Shows only goroutines that had this line in a stack, as `FILE:LINE`.
    At(String),
    /// Shows only messages of this channel.
    Channel(u32),
}

/// A row of a table.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Line {
    /// Its cells.
    pub cells: Vec<String>,
    /// Name of the shade it is about, if there is one.
    pub shade: String,
    /// What choosing a cell does, by its column.
    pub picks: Vec<(u32, Pick)>,
}

/// A table.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Table {
    /// What it is about.
    pub about: About,
    /// Titles of its columns, and whether they hold numbers.
    pub columns: Vec<(String, bool)>,
    /// Its first rows.
    pub lines: Vec<Line>,
    /// Number of all its rows.
    pub all: u32,
    /// The column that it is sorted by.
    pub sort: u32,
    /// The largest or last comes first.
    pub down: bool,
}

pub(super) enum Cell {
    Text(String),
    Count(u64),
    Length(u64),
    Point(u64),
}

pub(super) struct Record {
    pub(super) cells: Vec<Cell>,
    pub(super) shade: Option<Shade>,
    pub(super) picks: Vec<(u32, Pick)>,
}

/// What a table is of.
#[derive(Debug, Clone, Copy)]
pub struct Scope<'a> {
    /// The names of the trace.
    pub names: &'a Names,
    /// The trace.
    pub trace: &'a Trace,
    /// What went through channels, where that is known.
    pub passed: Option<&'a Passed>,
    /// Which goroutines are wanted, by number; those beyond are, too.
    pub wanted: &'a [bool],
    /// The stacks, where the table is of those.
    pub joined: &'a Joined,
    /// Who was in the function or at the line of the filter.
    pub here: &'a [(Go, Seen)],
}

/// A table of the goroutines that are wanted. Without a column it is sorted by what is largest or
/// first.
pub fn table(scope: &Scope<'_>, about: About, sort: Option<(u32, bool)>) -> Table {
    let mut all = None;
    let (mut records, first) = match about {
        About::States => (scope.states(), (3, true)),
        About::Functions => (scope.functions(), (1, true)),
        About::Places => (scope.places(), (4, true)),
        About::Stuck => (scope.stuck(), (3, true)),
        About::Tasks => (scope.tasks(), (3, false)),
        About::Regions => (scope.regions(), (3, true)),
        About::Logs => (scope.logs(), (0, false)),
        About::Executed => (scope.executed(), (1, true)),
        About::Here => (scope.here(), (0, false)),
        About::Channels => (scope.passed.map_or_else(Vec::new, Passed::channel_rows), (3, true)),
        About::Messages => {
            let first = (0, false);
            let (rows, count) = scope.passed.map_or_else(Default::default, |passed| {
                let is_wanted = |index| {
                    passed
                        .ends(index)
                        .is_some_and(|(from, to)| scope.is_wanted(from) || scope.is_wanted(to))
                };
                passed.message_rows(scope.trace, is_wanted, sort.unwrap_or(first))
            });
            all = Some(count);
            (rows, first)
        }
    };
    let (sort, down) = sort.unwrap_or(first);
    let at = sort as usize;
    records.sort_by(|a, b| {
        let order = match (a.cells.get(at), b.cells.get(at)) {
            (Some(Cell::Text(a)), Some(Cell::Text(b))) => a.cmp(b),
            (a, b) => number(a).cmp(&number(b)),
        };
        if down { order.reverse() } else { order }
    });
    let numeric = |column: usize| {
        records
            .first()
            .is_none_or(|record| !matches!(record.cells.get(column), Some(Cell::Text(_))))
    };
    let columns = about.columns().iter().enumerate();
    Table {
        about,
        columns: columns.map(|(at, title)| ((*title).to_owned(), numeric(at))).collect(),
        all: u32::try_from(all.unwrap_or(records.len())).unwrap_or(u32::MAX),
        lines: records.into_iter().take(MOST_ROWS).map(Record::line).collect(),
        sort,
        down,
    }
}

fn number(cell: Option<&Cell>) -> u64 {
    match cell {
        Some(Cell::Count(number) | Cell::Length(number) | Cell::Point(number)) => *number,
        Some(Cell::Text(_)) | None => 0,
    }
}

impl Record {
    fn line(self) -> Line {
        let text = |cell| match cell {
            Cell::Text(text) => text,
            Cell::Count(count) => grouped(count),
            Cell::Length(nanos) => time::length(nanos as f64),
            Cell::Point(nanos) => time::point(nanos as f64),
        };
        Line {
            cells: self.cells.into_iter().map(text).collect(),
            shade: self.shade.map_or_else(String::new, |shade| shade.name().to_owned()),
            picks: self.picks,
        }
    }
}

/// How often, how long in all, and where the longest was.
#[derive(Default)]
struct Sum {
    times: u64,
    nanos: u64,
    longest: u64,
    at: Option<(Go, u64)>,
    goroutines: u64,
    last: Option<Go>,
}

impl Sum {
    fn add(&mut self, go: Go, begin: u64, nanos: u64) {
        self.times += 1;
        self.nanos += nanos;
        if nanos >= self.longest {
            self.longest = nanos;
            self.at = Some((go, begin));
        }
        if self.last != Some(go) {
            self.last = Some(go);
            self.goroutines += 1;
        }
    }
}

impl Scope<'_> {
    fn is_wanted(&self, go: Go) -> bool {
        go.index().is_some_and(|at| self.wanted.get(at).copied().unwrap_or(true))
    }

    fn goroutines(&self) -> impl Iterator<Item = (Go, &Goroutine)> {
        let all = (0..).map(Go).zip(&self.trace.goroutines);
        all.filter(|(go, _)| self.is_wanted(*go))
    }

    fn slices(&self) -> impl Iterator<Item = (Go, &Slice, u64)> {
        self.goroutines().flat_map(move |(go, goroutine)| {
            let slices = goroutine.track.slices().iter().enumerate();
            slices.map(move |(index, slice)| {
                let end = goroutine.track.end(index, self.trace.duration);
                (go, slice, end.saturating_sub(slice.begin))
            })
        })
    }

    /// Goes to a goroutine, from a column.
    fn go(&self, column: u32, at: Option<(Go, u64)>) -> Vec<(u32, Pick)> {
        let of = at.and_then(|(go, time)| Some((self.trace.goroutine(go)?.id, time)));
        let pick = of.map(|(id, time)| Pick::Place(Place { id: id as f64, time: time as f64 }));
        pick.map(|pick| (column, pick)).into_iter().collect()
    }

    /// Shows who else was where a stack was, from a column.
    fn at(&self, column: u32, stack: StackId) -> Vec<(u32, Pick)> {
        let call = site(self.names, stack).map(|call| place(&call.file, call.line));
        let call = call.filter(|place| !place.is_empty());
        call.map(|place| (column, Pick::At(place))).into_iter().collect()
    }

    fn id(&self, go: Go) -> Cell {
        Cell::Count(self.trace.goroutine(go).map_or(0, |goroutine| goroutine.id))
    }

    fn site(&self, stack: StackId) -> String {
        site(self.names, stack).map_or_else(String::new, |call| {
            let file = call.file.rsplit('/').next().unwrap_or_default();
            format!("{file}:{}", call.line)
        })
    }

    fn states(&self) -> Vec<Record> {
        let mut sums: BTreeMap<(GoState, StringId), (Sum, Slice)> = BTreeMap::new();
        for (go, slice, nanos) in self.slices() {
            let sum = sums.entry((slice.state, slice.reason));
            sum.or_insert_with(|| (Sum::default(), *slice)).0.add(go, slice.begin, nanos);
        }
        let mut shades = Shades::default();
        let records = sums.into_values().map(|(sum, slice)| Record {
            cells: vec![
                Cell::Text(state(self.names, &slice)),
                Cell::Count(sum.goroutines),
                Cell::Count(sum.times),
                Cell::Length(sum.nanos),
                Cell::Length(sum.longest),
            ],
            shade: shades.of(self.names, slice.state, slice.reason),
            picks: self.go(0, sum.at),
        });
        records.collect()
    }

    fn functions(&self) -> Vec<Record> {
        let mut sums: BTreeMap<StringId, (u64, [u64; Shade::COUNT])> = BTreeMap::new();
        let mut shades = Shades::default();
        for (_, goroutine) in self.goroutines() {
            let (count, nanos) = sums.entry(goroutine.function).or_default();
            *count += 1;
            for (index, slice) in goroutine.track.slices().iter().enumerate() {
                let end = goroutine.track.end(index, self.trace.duration);
                if let Some(shade) = shades.of(self.names, slice.state, slice.reason) {
                    nanos[shade as usize] += end.saturating_sub(slice.begin);
                }
            }
        }
        // The order of the columns.
        const ORDER: [Shade; Shade::COUNT] = [
            Shade::Running,
            Shade::Runnable,
            Shade::Syscall,
            Shade::Channel,
            Shade::Sync,
            Shade::Network,
            Shade::Sleep,
            Shade::Other,
        ];
        let records = sums.into_iter().map(|(name, (count, nanos))| {
            let name = self.names.text(name);
            let title = if name.is_empty() { "(unknown)" } else { name };
            let mut cells = vec![Cell::Text(title.to_owned()), Cell::Count(count)];
            cells.extend(ORDER.map(|shade| Cell::Length(nanos[shade as usize])));
            Record { cells, shade: None, picks: vec![(0, Pick::Words(name.to_owned()))] }
        });
        records.collect()
    }

    fn places(&self) -> Vec<Record> {
        let mut sums: BTreeMap<(StackId, StringId), (Sum, Slice)> = BTreeMap::new();
        for (go, slice, nanos) in self.slices() {
            if slice.state == GoState::Waiting && slice.stack != StackId::NONE {
                let sum = sums.entry((slice.stack, slice.reason));
                sum.or_insert_with(|| (Sum::default(), *slice)).0.add(go, slice.begin, nanos);
            }
        }
        // Stacks that differ further out only are one place.
        let mut places: BTreeMap<(String, String, u32, StringId), (Sum, Slice)> = BTreeMap::new();
        for (sum, slice) in sums.into_values() {
            let Some(call) = site(self.names, slice.stack) else { continue };
            let place = places.entry((call.function, call.file, call.line, slice.reason));
            let (all, _) = place.or_insert_with(|| (Sum::default(), slice));
            all.times += sum.times;
            all.nanos += sum.nanos;
            if sum.longest >= all.longest {
                (all.longest, all.at) = (sum.longest, sum.at);
            }
        }
        let mut shades = Shades::default();
        let records = places.into_iter().map(|((function, file, line, _), (sum, slice))| Record {
            cells: vec![
                Cell::Text(format!("{}:{line}", file.rsplit('/').next().unwrap_or_default())),
                Cell::Text(function),
                Cell::Text(self.names.text(slice.reason).to_owned()),
                Cell::Count(sum.times),
                Cell::Length(sum.nanos),
                Cell::Length(sum.longest),
            ],
            shade: shades.of(self.names, slice.state, slice.reason),
            picks: [self.at(0, slice.stack), self.go(5, sum.at)].concat(),
        });
        records.collect()
    }

    fn stuck(&self) -> Vec<Record> {
        let now = self.trace.duration;
        let mut shades = Shades::default();
        let records = self.goroutines().filter_map(|(go, goroutine)| {
            let slice = goroutine.track.last()?;
            let name = function(self.names, self.trace, go);
            // Those of the runtime wait by design.
            let own = name.starts_with("runtime.") && name != "runtime.main";
            if goroutine.end.is_some() || slice.state != GoState::Waiting || own {
                return None;
            }
            Some(Record {
                cells: vec![
                    Cell::Count(goroutine.id),
                    Cell::Text(name),
                    Cell::Text(state(self.names, slice)),
                    Cell::Length(now.saturating_sub(slice.begin)),
                    Cell::Point(slice.begin),
                    Cell::Text(self.site(slice.stack)),
                ],
                shade: shades.of(self.names, slice.state, slice.reason),
                picks: [self.go(0, Some((go, slice.begin))), self.at(5, slice.stack)].concat(),
            })
        });
        records.collect()
    }

    fn tasks(&self) -> Vec<Record> {
        let mut regions: BTreeMap<u64, u64> = BTreeMap::new();
        for region in &self.trace.regions {
            *regions.entry(region.task).or_default() += 1;
        }
        let tasks = self.trace.tasks.iter().filter(|task| self.is_wanted(task.go));
        let records = tasks.map(|task| Record {
            cells: vec![
                Cell::Text(self.names.text(task.name).to_owned()),
                Cell::Count(task.id),
                self.id(task.go),
                Cell::Point(task.begin),
                Cell::Length(task.end.unwrap_or(self.trace.duration).saturating_sub(task.begin)),
                Cell::Count(regions.get(&task.id).copied().unwrap_or(0)),
            ],
            shade: None,
            picks: self.go(0, Some((task.go, task.begin))),
        });
        records.collect()
    }

    fn regions(&self) -> Vec<Record> {
        let mut sums: BTreeMap<StringId, (Sum, Vec<Go>)> = BTreeMap::new();
        for region in self.trace.regions.iter().filter(|region| self.is_wanted(region.go)) {
            let end = region.end.unwrap_or(self.trace.duration);
            let (sum, gos) = sums.entry(region.name).or_default();
            sum.add(region.go, region.begin, end.saturating_sub(region.begin));
            gos.push(region.go);
        }
        let records = sums.into_iter().map(|(name, (sum, mut gos))| {
            gos.sort_unstable();
            gos.dedup();
            let name = self.names.text(name).to_owned();
            Record {
                cells: vec![
                    Cell::Text(name.clone()),
                    Cell::Count(sum.times),
                    Cell::Count(gos.len() as u64),
                    Cell::Length(sum.nanos),
                    Cell::Length(sum.longest),
                ],
                shade: None,
                picks: vec![(0, Pick::Region(name))],
            }
        });
        records.collect()
    }

    fn logs(&self) -> Vec<Record> {
        let logs = self.trace.logs.iter().filter(|log| self.is_wanted(log.go));
        let records = logs.map(|log| Record {
            cells: vec![
                Cell::Point(log.time),
                self.id(log.go),
                Cell::Text(self.names.text(log.key).to_owned()),
                Cell::Text(self.names.text(log.value).to_owned()),
                Cell::Text(self.site(log.stack)),
            ],
            shade: None,
            picks: [self.go(0, Some((log.go, log.time))), self.at(4, log.stack)].concat(),
        });
        records.collect()
    }

    fn executed(&self) -> Vec<Record> {
        let all = self.joined.shared(self.names, |go| self.is_wanted(go));
        let records = all.into_iter().map(|of| {
            let name = self.names.text(of.function).to_owned();
            Record {
                cells: vec![
                    Cell::Text(name.clone()),
                    Cell::Count(of.goroutines),
                    Cell::Count(of.seen.times),
                    Cell::Point(of.seen.first),
                    Cell::Point(of.seen.last),
                ],
                shade: None,
                picks: vec![(0, Pick::Ran(name))],
            }
        });
        records.collect()
    }

    fn here(&self) -> Vec<Record> {
        let mut shades = Shades::default();
        let here = self.here.iter().filter(|(go, _)| self.is_wanted(*go));
        let records = here.map(|(go, seen)| {
            let goroutine = self.trace.goroutine(*go);
            let now = goroutine.filter(|of| of.end.is_none()).and_then(|of| of.track.last());
            Record {
                cells: vec![
                    self.id(*go),
                    Cell::Text(function(self.names, self.trace, *go)),
                    Cell::Count(seen.times),
                    Cell::Point(seen.first),
                    Cell::Point(seen.last),
                    Cell::Text(match now {
                        Some(slice) => state(self.names, slice),
                        None => "ended".to_owned(),
                    }),
                ],
                shade: now.and_then(|slice| shades.of(self.names, slice.state, slice.reason)),
                picks: self.go(0, Some((*go, seen.first))),
            }
        });
        records.collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trace::filter::Filter;
    use crate::trace::joined::here;
    use crate::trace::testing;

    fn lines(about: About, wanted: &[bool], sort: Option<(u32, bool)>) -> Vec<String> {
        let (names, trace) = testing::family();
        let joined = Joined::of(&trace);
        let filter = Filter { at: "main.go:20".to_owned(), ..Filter::default() };
        let here = here(&names, &joined, &filter).unwrap();
        let passed = testing::passed(&trace);
        let scope = Scope {
            names: &names,
            trace: &trace,
            passed: Some(&passed),
            wanted,
            joined: &joined,
            here: &here,
        };
        let table = table(&scope, about, sort);
        table.lines.iter().map(|line| line.cells.join(" | ")).collect()
    }

    #[test]
    fn states_are_summed_with_their_reasons() {
        assert_eq!(
            lines(About::States, &[], None),
            [
                "runnable | 5 | 5 | 375 ns | 155 ns",
                "running | 3 | 4 | 170 ns | 90 ns",
                "waiting: sync | 1 | 1 | 150 ns | 150 ns",
                "waiting: chan receive | 1 | 1 | 60 ns | 60 ns",
            ]
        );
        assert_eq!(lines(About::States, &[false, false, true], Some((0, false))).len(), 2);
    }

    #[test]
    fn functions_have_a_column_for_each_shade() {
        let functions = lines(About::Functions, &[], Some((0, false)));
        assert_eq!(
            functions[1],
            "main.main | 1 | 120 ns | 20 ns | 0 ns | 60 ns | 0 ns | 0 ns | 0 ns | 0 ns"
        );
        assert_eq!(functions.len(), 3);
    }

    #[test]
    fn those_that_are_stuck_are_named_with_reason_and_line() {
        assert_eq!(
            lines(About::Stuck, &[], None),
            [
                "2 | main.worker | waiting: sync | 150 ns | 0.000\u{202f}000\u{202f}050 s | main.go:20"
            ]
        );
        assert_eq!(lines(About::Stuck, &[true, false], None), [""; 0]);
    }

    #[test]
    fn places_are_those_of_the_program() {
        assert_eq!(
            lines(About::Places, &[], None),
            [
                "main.go:20 | main.worker | sync | 1 | 150 ns | 150 ns",
                "main.go:10 | main.main | chan receive | 1 | 60 ns | 60 ns",
            ]
        );
        assert_eq!(lines(About::Tasks, &[], None), [""; 0]);
    }

    #[test]
    fn functions_of_stacks_have_their_goroutines_and_lines_theirs() {
        let at = |nanos: u64| time::point(nanos as f64);
        let executed = lines(About::Executed, &[], Some((0, false)));
        assert_eq!(executed[1], format!("main.worker | 2 | 4 | {} | {}", at(45), at(90)));
        assert_eq!(executed.len(), 4);
        let first = lines(About::Executed, &[true, false, false, false, false], None);
        assert_eq!(first[0], format!("main.main | 1 | 3 | {} | {}", at(10), at(30)));
        assert_eq!(
            lines(About::Here, &[], None),
            [
                format!("2 | main.worker | 2 | {} | {} | waiting: sync", at(45), at(50)),
                format!("3 | main.worker | 2 | {} | {} | ended", at(70), at(90)),
            ]
        );
    }

    #[test]
    fn channels_and_their_messages_are_told() {
        assert_eq!(
            lines(About::Channels, &[], None),
            [
                "chan int | 0xb | 4 | 2 | 2 | 2 | 0 ns | no",
                "chan int | main main.go:5 | 0 | 1 | 1 | 0 | 60 ns | no",
                "chan int | 0xc | 1 | 1 | 1 | 1 | 0 ns | no",
            ]
        );
        let messages = lines(About::Messages, &[], Some((7, true)));
        assert_eq!(messages.len(), 4);
        assert_eq!(
            messages[0],
            "0.000\u{202f}000\u{202f}120 s | 1 | 2 | work main.go:20 | 1 | main main.go:10 | \
             chan int 0xb | 70 ns | exact"
        );
        assert_eq!(lines(About::Messages, &[true, false, false], None).len(), 3);
    }
}
