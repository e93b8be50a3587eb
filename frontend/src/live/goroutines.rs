//! Goroutines that were traced, and what each of them entered.

use std::cell::Cell;
use std::rc::Rc;

use coverage::UnitIdx;
use leptos::prelude::*;
use web_sys::HtmlElement;

use super::trace::{self, Target};
use crate::files::{self, layout::Node};
use crate::session::flow::{Event, Flow, Goroutine};
use crate::session::model::Live;
use crate::session::{Data, Session, read, write};
use crate::ui::bind::{self, attribute, by_id, click, flag, memo, shown, text};
use crate::ui::dom::{Words, child};
use crate::ui::list::{self, Cells, Content, Look};
use crate::ui::order::by_key;
use crate::ui::text::{age, grouped, plural};

/// Name of the function that an entry belongs to; a literal inside it shows its line.
fn entered(live: &Live, event: &Event) -> String {
    let Some(pack) = live.packs.get(event.pack as usize) else { return "?".into() };
    let Some(position) = pack.function_of(event.unit) else { return "?".into() };
    let function = &pack.table.functions[position];
    let within = (event.unit - pack.starts[position]) as usize;
    let line = function.units.get(within).map_or(0, |unit| unit.span.start.line);
    if within == 0 {
        format!("{}.{}", pack.table.name, function.name)
    } else {
        format!("{}.{} func at line {line}", pack.table.name, function.name)
    }
}

type Chosen = Rc<Cell<Option<(u32, u64)>>>;

struct List {
    chosen: Chosen,
    picked: RwSignal<bool>,
    rows: Vec<(u32, u64)>,
}

fn find(data: &Data, key: (u32, u64)) -> Option<&Goroutine> {
    data.flow.goroutines.iter().find(|g| (g.handle, g.number) == key)
}

impl Content for List {
    fn collect(&mut self) -> usize {
        self.rows = read(|data| {
            let mut rows: Vec<_> = data.flow.goroutines.iter().collect();
            // In whole seconds, so that busy ones keep their places.
            by_key(&mut rows, |g| {
                [u64::MAX - g.last_ms() / 1_000, u64::from(g.handle) << 48 ^ g.number]
            });
            rows.into_iter().map(|g| (g.handle, g.number)).collect()
        });
        self.rows.len()
    }

    fn make(&self, element: &HtmlElement) -> Cells {
        let head = child(element, "span", "head");
        let words = vec![
            Words::child(&head, "span", "name"),
            Words::child(&head, "span", "place"),
            Words::child(&head, "span", "rate"),
            Words::child(&head, "span", "age"),
            Words::child(element, "span", "trail"),
        ];
        Cells { words, ..Cells::default() }
    }

    fn show(&mut self, row: &mut Cells, index: usize) {
        let Some(&key) = self.rows.get(index) else { return };
        read(|data| {
            let Some(goroutine) = find(data, key) else { return };
            let process = data.live.by_handle(goroutine.handle);
            let process = process.map_or(String::new(), |process| {
                format!("{} {}", process.info.service, process.info.pid)
            });
            let mut trail = String::new();
            let from = goroutine.events.len().saturating_sub(4);
            for event in goroutine.events.iter().skip(from) {
                if !trail.is_empty() {
                    trail.push_str(" › ");
                }
                trail.push_str(&entered(&data.live, event));
            }
            row.set(&[
                &format!("goroutine {}", goroutine.number),
                &process,
                &grouped(goroutine.n_events),
                &age(data.now_ms().saturating_sub(goroutine.last_ms())),
                &trail,
            ]);
        });
    }

    fn pick(&mut self, index: usize) {
        self.chosen.set(self.rows.get(index).copied());
        self.picked.set(true);
    }

    fn key(&self, index: usize) -> u64 {
        // Numbers of goroutines are far below 2^48, handles below 2^16.
        self.rows.get(index).map_or(u64::MAX, |row| u64::from(row.0) << 48 ^ row.1)
    }
}

struct Entries {
    session: Session,
    chosen: Chosen,
    rows: Vec<Event>,
    /// Number of the newest entry.
    first: u64,
}

impl Content for Entries {
    fn collect(&mut self) -> usize {
        (self.rows, self.first) = read(|data| {
            let goroutine = self.chosen.get().and_then(|key| find(data, key));
            goroutine.map_or((Vec::new(), 0), |goroutine| {
                (goroutine.events.iter().rev().copied().collect(), goroutine.n_events)
            })
        });
        self.rows.len()
    }

    fn make(&self, element: &HtmlElement) -> Cells {
        let words =
            vec![Words::child(element, "span", "name"), Words::child(element, "span", "age")];
        Cells { words, ..Cells::default() }
    }

    fn show(&mut self, row: &mut Cells, index: usize) {
        let Some(event) = self.rows.get(index) else { return };
        read(|data| {
            let past = data.now_ms().saturating_sub(event.at_ms);
            let past = if past < 10_000 {
                format!("{}.{:02} s", past / 1_000, past % 1_000 / 10)
            } else {
                age(past)
            };
            row.set(&[&entered(&data.live, event), &past]);
        });
    }

    fn pick(&mut self, index: usize) {
        let Some(event) = self.rows.get(index) else { return };
        let function = read(|data| {
            let unit_idx: UnitIdx = data.view.unit_of(event.pack, event.unit)?;
            Some(data.view.shape().unit_functions()[unit_idx.index()])
        });
        if let Some(function) = function {
            files::open(self.session, Node::Function(function.0));
        }
    }

    fn key(&self, index: usize) -> u64 {
        // The newest is on top; counted from the first, an entry keeps its number.
        self.first.saturating_sub(index as u64)
    }
}

/// The panel: switches, goroutines, and the entries of the chosen one.
pub(super) fn bind(session: Session, panel: &HtmlElement) {
    switches(session, panel);
    let numbers = memo(move || {
        session.tick.track();
        read(|data| summary(&data.flow))
    });
    shown(&bind::at(panel, ".nothing"), move || numbers.with(String::is_empty));
    let line = bind::at(panel, ".count-line");
    shown(&line, move || !numbers.with(String::is_empty));
    text(&bind::at(&line, "span"), move || numbers.get());
    click(&bind::at(&line, "button"), || write(|data| data.flow.clear()));

    let picked = RwSignal::new(false);
    let chosen = Chosen::default();
    let list = List { chosen: chosen.clone(), picked, rows: Vec::new() };
    let entries = Entries { session, chosen, rows: Vec::new(), first: 0 };
    let halves = bind::at(panel, ".halves");
    flag(&halves, "data-two", move || picked.get());
    list::fill(&bind::at(&halves, ".list"), LIST, list);
    list::fill(&bind::at(&halves, ".list + .list"), ENTRIES, entries);
}

const LIST: Look = Look { id: "goroutine", row_px: 46.0, class: "goroutine" };
const ENTRIES: Look = Look { id: "entry", row_px: 24.0, class: "entry" };

fn switches(session: Session, panel: &HtmlElement) {
    let traced = memo(move || {
        session.structure.track();
        read(|data| {
            let members = data.live.processes.iter().filter(|p| data.view.contains(p));
            members.map(|process| u64::from(process.tracing)).sum::<u64>()
        })
    });
    let selection = memo(move || {
        session.structure.track();
        let node = session.selected.get();
        node.and_then(|node| read(|data| name(data, node))).unwrap_or_default()
    });
    let disabled = |disabled| if disabled { "disabled" } else { "" };
    let selected = by_id("trace-selected");
    attribute(&selected, "disabled", move || disabled(selection.with(String::is_empty)));
    text(&bind::at(&selected, "span"), move || {
        let name = selection.get();
        format!("Trace {}", if name.is_empty() { "the selection" } else { &name })
    });
    click(&selected, move || {
        if let Some(node) = session.selected.get_untracked() {
            trace::switch(session, Target::Node(node), true);
        }
    });
    click(&by_id("trace-all"), move || trace::switch(session, Target::Program, true));
    let stop = by_id("trace-stop");
    attribute(&stop, "disabled", move || disabled(traced.get() == 0));
    click(&stop, move || trace::switch(session, Target::Program, false));
    text(&bind::at(panel, "[role=status]"), move || match traced.get() {
        0 => "Off: it costs next to nothing until you switch it on".into(),
        n => format!("{} traced", entries_of(n)),
    });
}

/// How much is there; nothing while nothing has been traced.
fn summary(flow: &Flow) -> String {
    if flow.n_events == 0 {
        return String::new();
    }
    let mut text = format!(
        "{} · {}",
        plural(flow.goroutines.len() as u64, "goroutine"),
        entries_of(flow.n_events),
    );
    if flow.dropped > 0 {
        text.push_str(&format!(" · {} older not kept", grouped(flow.dropped)));
    }
    text.push_str(&format!(" · {} lost", grouped(flow.lost)));
    text
}

/// How many entries: `1 entry`, `2 entries`.
fn entries_of(count: u64) -> String {
    if count == 1 { "1 entry".into() } else { format!("{} entries", grouped(count)) }
}

fn name(data: &Data, node: Node) -> Option<String> {
    let shape = data.view.shape();
    Some(match node {
        Node::Module(_) => return None,
        Node::Package(row) => shape.packages().get(row as usize)?.path.rsplit('/').next()?.into(),
        Node::File(row) => shape.files().get(row as usize)?.path.file_name().into(),
        Node::Function(row) => shape.functions().get(row as usize)?.name.clone(),
    })
}
