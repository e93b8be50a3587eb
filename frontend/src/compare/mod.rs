//! What ran between two marks.

pub mod layout;

use std::sync::Arc;

use wasm_bindgen::JsCast;
use web_sys::{HtmlElement, HtmlInputElement};

use crate::session::recording::Recorded;
use crate::session::url::Tab;
use crate::session::{Session, api, paint, read};
use crate::ui::bind::{self, click, effect, flag, part, shown, text};
use crate::ui::dom::{Words, child};
use crate::ui::list::{self, Cells, Content, Look};
use crate::ui::text::{ago, length, plural, short};
use layout::{Ran, ran, words};

struct Functions {
    session: Session,
    recorded: Option<Arc<Recorded>>,
    rows: Vec<Ran>,
}

impl Content for Functions {
    fn collect(&mut self) -> usize {
        let recorded = chosen(self.session);
        let same = match (&recorded, &self.recorded) {
            (Some(a), Some(b)) => Arc::ptr_eq(a, b),
            (None, None) => true,
            _ => false,
        };
        if !same {
            self.rows = recorded.as_ref().map_or(Vec::new(), |recorded| ran(&recorded.profile));
            self.recorded = recorded;
        }
        self.rows.len()
    }

    fn make(&self, element: &HtmlElement) -> Cells {
        let head = child(element, "span", "head");
        let mut words = Vec::new();
        for class in ["name", "place", "units", "calls"] {
            words.push(Words::child(&head, "span", class));
        }
        words.push(Words::child(element, "span", "trail"));
        Cells { words, ..Cells::default() }
    }

    fn show(&mut self, row: &mut Cells, index: usize) {
        let (Some(ran), Some(recorded)) = (self.rows.get(index), &self.recorded) else { return };
        let shape = recorded.profile.shape();
        let Some(function) = shape.functions().get(ran.function as usize) else { return };
        // It was entered before the first mark, or only a literal inside it ran.
        let calls = match ran.calls {
            0 => "–".into(),
            calls => format!("×{}", short(calls)),
        };
        row.set(&[
            if function.name.is_empty() { "(no function)" } else { &function.name },
            shape.file(function.file).path.as_str(),
            &format!("{} of {}", ran.units.0, plural(u64::from(ran.units.1), "unit")),
            &calls,
            &format!("lines {}", words(&ran.lines)),
        ]);
    }

    fn pick(&mut self, index: usize) {
        let (Some(ran), Some(recorded)) = (self.rows.get(index), &self.recorded) else { return };
        let shape = recorded.profile.shape();
        let Some(function) = shape.functions().get(ran.function as usize) else { return };
        let (file, name) = (shape.file(function.file).path.to_string(), function.name.clone());
        self.session.go(|route| {
            route.tab = Tab::Source;
            route.file = Some(file);
            route.function = Some(name);
            route.lines = None;
        });
    }

    fn key(&self, index: usize) -> u64 {
        self.rows.get(index).map_or(u64::MAX, |row| u64::from(row.function))
    }
}

/// Recordings: a list of them, and what ran in the chosen one.
pub fn show(session: Session) -> HtmlElement {
    // The last one is shown to who comes here without having chosen.
    if session.lens.get_untracked().is_none() {
        session.lens.set(session.recorded.with_untracked(Vec::len).checked_sub(1));
    }
    let section = bind::copy("recordings");
    let any = move || session.recorded.with(|list| !list.is_empty());
    shown(&bind::at(&section, ".tab-body"), any);
    part(&bind::at(&section, ".recording-tabs"), move || tabs(session));
    head(session, &section);
    let look = Look { id: "ran", row_px: 50.0, class: "ran" };
    let content = Functions { session, recorded: None, rows: Vec::new() };
    list::fill(&bind::at(&section, ".list"), look, content);

    let nothing = bind::at(&section, ".empty");
    shown(&nothing, move || !any());
    let mark = bind::at(&nothing, "button");
    click(&mark, move || session.mark());
    text(&bind::at(&mark, "span"), move || {
        if session.recording.get().is_some() { "Mark the end" } else { "Start recording" }
    });
    section
}

fn tabs(session: Session) -> Vec<HtmlElement> {
    let names = session
        .recorded
        .with(|list| -> Vec<_> { list.iter().map(|recorded| recorded.name.clone()).collect() });
    let mut tabs = Vec::new();
    for (position, name) in names.iter().enumerate() {
        let tab = bind::copy("recording-tab");
        tab.set_text_content(Some(name));
        flag(&tab, "aria-pressed", move || session.lens.get() == Some(position));
        click(&tab, move || {
            session.lens.set(Some(position));
            paint::request();
        });
        tabs.push(tab);
    }
    tabs
}

/// What stands above the functions: name and facts of the chosen recording.
fn head(session: Session, section: &HtmlElement) {
    let choose = bind::at(section, ".choose");
    let head = bind::at(section, ".recording-head");
    let name: HtmlInputElement = bind::at(&head, "input").unchecked_into();
    let facts = bind::at(&head, ".facts");
    let about = bind::at(section, ".about");
    bind::edited(&name, "change", move |name| {
        if let Some(position) = session.lens.get_untracked() {
            session.rename(position, name);
        }
    });
    click(&bind::at(&head, ".plain"), move || {
        if let Some(recorded) = chosen(session) {
            api::save(&file_name(&recorded.name), &formats::go_text::write(&recorded.profile));
        }
    });
    click(&bind::at(&head, ".tool"), move || {
        if let Some(position) = session.lens.get_untracked() {
            session.discard(position);
        }
    });
    effect(move || {
        session.lens.track();
        session.recorded.track();
        let recorded = chosen(session);
        choose.set_hidden(recorded.is_some());
        head.set_hidden(recorded.is_none());
        about.set_hidden(recorded.is_none());
        let Some(recorded) = recorded else { return };
        name.set_value(&recorded.name);
        let totals = recorded.profile.totals();
        let hits = recorded.profile.counts().iter().fold(0u64, |sum, &n| sum.saturating_add(n));
        let took = length(recorded.length_ms);
        let functions = plural(totals.functions.covered, "function");
        let units = plural(totals.units.covered, "unit");
        let hits_text = plural(hits, "hit");
        facts.set_text_content(Some(&format!("{functions} · {units} · {hits_text} in {took}")));
        let since = read(|data| data.now_ms()).saturating_sub(recorded.started_ms);
        bind::set(&facts, "title", &format!("started {}", ago(since)));
        let nothing = format!("Nothing ran in these {took}");
        about.set_text_content(Some(if hits == 0 {
            &nothing
        } else {
            "Counts are what was added between the marks; pick a function to see only them in the source"
        }));
    });
}

/// The chosen recording.
fn chosen(session: Session) -> Option<Arc<Recorded>> {
    let position = session.lens.get_untracked()?;
    session.recorded.with_untracked(|list| list.get(position).cloned())
}

/// A name that every file system takes.
fn file_name(name: &str) -> String {
    // Only ASCII has what a file system refuses.
    let fine = |c: char| !c.is_ascii() || c.is_ascii_alphanumeric() || c == '-' || c == '.';
    let safe = |c| if fine(c) { c } else { '-' };
    let name: String = name.trim_ascii().chars().map(safe).collect();
    let name = name.trim_matches(['.', '-']).to_owned();
    if name.is_empty() { "recording.out".into() } else { format!("{name}.out") }
}
