//! What ran between two marks.

pub mod layout;

use std::sync::Arc;

use leptos::prelude::*;
use web_sys::HtmlElement;

use crate::session::recording::Recorded;
use crate::session::url::Tab;
use crate::session::{Session, api, paint, read};
use crate::ui::dom::{Words, child};
use crate::ui::dynamic::{click, flag, part, shown, text};
use crate::ui::icon::icon;
use crate::ui::list::{Cells, Content, Look, list_box};
use crate::ui::text::{ago, length, plural, short};
use layout::{Ran, ran, words};

struct Functions {
    session: Session,
    recorded: Option<Arc<Recorded>>,
    rows: Vec<Ran>,
}

impl Content for Functions {
    fn collect(&mut self) -> usize {
        let recorded = self.session.lens.get_untracked().and_then(|position| {
            self.session.recorded.with_untracked(|list| list.get(position).cloned())
        });
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
#[component]
pub fn Recordings() -> impl IntoView {
    let session = Session::expect();
    // The last one is shown to who comes here without having chosen.
    if session.lens.get_untracked().is_none() {
        session.lens.set(session.recorded.with_untracked(Vec::len).checked_sub(1));
    }
    let any = move || session.recorded.with(|list| !list.is_empty());
    view! {
        <section class="recordings" aria-label="Recordings">
            {shown(any, move || view! {
                <div class="recording-tabs" role="group" aria-label="Recordings">
                    {part(move || tabs(session))}
                </div>
                {part(move || head(session))}
                {list_box(
                    Look { label: "Functions that ran", id: "ran", row_px: 50.0, class: "ran" },
                    Functions { session, recorded: None, rows: Vec::new() },
                )}
            }.into_any())}
            {shown(move || !any(), move || nothing(session))}
        </section>
    }
}

fn tabs(session: Session) -> AnyView {
    let tabs = session.recorded.get().into_iter().enumerate().map(|(position, recorded)| {
        view! {
            <button
                class="plain"
                aria-pressed=flag(move || session.lens.get() == Some(position))
                on:click=click(move || {
                    session.lens.set(Some(position));
                    paint::request();
                })
            >{recorded.name.clone()}</button>
        }
    });
    tabs.collect_view().into_any()
}

fn nothing(session: Session) -> AnyView {
    view! {
        <div class="empty">
            <h2>"What did this click execute?"</h2>
            <ol>
                <li>"Set a mark: the recording begins"</li>
                <li>"Do one thing in your program: click, request, run a test"</li>
                <li>"Mark again: here are the functions and lines that ran in between, with their counts, and nothing else"</li>
            </ol>
            <button class="primary" on:click=click(move || session.mark())>
                {icon("mark")}
                {text(move || {
                    let under_way = session.recording.get().is_some();
                    (if under_way { "Mark the end" } else { "Start recording" }).into()
                })}
                <kbd>"m"</kbd>
            </button>
        </div>
    }
    .into_any()
}

fn head(session: Session) -> AnyView {
    let position = session.lens.get();
    let chosen = position.and_then(|at| session.recorded.with(|list| list.get(at).cloned()));
    let (Some(position), Some(recorded)) = (position, chosen) else {
        return view! { <p class="hint dim">"Choose a recording"</p> }.into_any();
    };
    let totals = recorded.profile.totals();
    let hits = recorded.profile.counts().iter().fold(0u64, |sum, &n| sum.saturating_add(n));
    let took = length(recorded.length_ms);
    let facts = format!(
        "{} · {} · {} in {took}",
        plural(totals.functions.covered, "function"),
        plural(totals.units.covered, "unit"),
        plural(hits, "hit"),
    );
    let since = read(|data| data.now_ms()).saturating_sub(recorded.started_ms);
    let hint = if hits == 0 {
        format!("Nothing ran in these {took}")
    } else {
        "Counts are what was added between the marks; pick a function to see only them in the source".into()
    };
    let name = recorded.name.clone();
    let save = move || {
        api::save(&file_name(&recorded.name), &formats::go_text::write(&recorded.profile));
    };
    view! {
        <div class="recording-head">
            <input
                aria-label="Name of the recording"
                maxlength="80"
                prop:value=name
                on:change=move |event| session.rename(position, event_target_value(&event))
            />
            <span class="facts" title=format!("started {}", ago(since))>{facts}</span>
            <button class="plain" title="Download as Go text profile" on:click=click(save)>
                {icon("download")}
                "Profile"
            </button>
            <button
                class="tool"
                title="Discard"
                aria-label="Discard this recording"
                on:click=click(move || session.discard(position))
            >{icon("trash")}</button>
        </div>
        <p class="dim hint">{hint}</p>
    }
    .into_any()
}

/// A name that every file system takes.
fn file_name(name: &str) -> String {
    let safe = |c: char| if c.is_alphanumeric() || c == '-' || c == '.' { c } else { '-' };
    let name: String = name.trim().chars().map(safe).collect();
    let name = name.trim_matches(['.', '-']).to_owned();
    if name.is_empty() { "recording.out".into() } else { format!("{name}.out") }
}
