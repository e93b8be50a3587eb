//! The palette: go to any file, function or command by a few letters.

use leptos::html::Input;
use leptos::prelude::*;

use crate::app::download;
use crate::files::{self, layout::Node};
use crate::keys::Overlay;
use crate::session::theme::Theme;
use crate::session::url::{Panel, Tab};
use crate::session::{Session, read};
use crate::ui::dynamic::{self, click, effect, flag, memo, part, shown};
use crate::ui::fuzzy::Query;
use crate::ui::order::by_key;

/// Rows that are offered.
const ROWS: usize = 12;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Command {
    Mark,
    Pause,
    Reset,
    Download,
    Theme(Theme),
    Tab(Tab),
    Panel(Panel),
    Keys,
}

const COMMANDS: &[(&str, &str, Command)] = &[
    ("Record: set a mark", "m", Command::Mark),
    ("Pause or resume", "Space", Command::Pause),
    ("Reset counts…", "", Command::Reset),
    ("Download profile", "", Command::Download),
    ("Show source", "1", Command::Tab(Tab::Source)),
    ("Show functions", "2", Command::Tab(Tab::Functions)),
    ("Show recordings", "3", Command::Tab(Tab::Recordings)),
    ("Show what ran just now", "", Command::Panel(Panel::Now)),
    ("Show goroutines", "", Command::Panel(Panel::Goroutines)),
    ("Choose a process", "", Command::Panel(Panel::Processes)),
    ("Light colors", "", Command::Theme(Theme::Light)),
    ("Dark colors", "", Command::Theme(Theme::Dark)),
    ("Colors as the system", "", Command::Theme(Theme::System)),
    ("Keys", "?", Command::Keys),
];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Choice {
    Command(Command),
    Node(Node),
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Entry {
    choice: Choice,
    name: String,
    detail: String,
}

fn entries(text: &str) -> Vec<Entry> {
    let query = Query::new(text);
    let mut found: Vec<(i32, Entry)> = COMMANDS
        .iter()
        .filter_map(|(name, key, command)| {
            let entry = Entry {
                choice: Choice::Command(*command),
                name: (*name).into(),
                detail: (*key).into(),
            };
            Some((query.score(name)?, entry))
        })
        .collect();
    if !query.is_empty() {
        read(|data| {
            let shape = data.view.shape();
            for (row, file) in (0..).zip(shape.files()) {
                if let Some(score) = query.score(file.path.as_str()) {
                    let entry = Entry {
                        choice: Choice::Node(Node::File(row)),
                        name: file.path.file_name().into(),
                        detail: file.path.to_string(),
                    };
                    found.push((score + 2, entry));
                }
            }
            for (row, function) in (0..).zip(shape.functions()) {
                if let Some(score) = query.score(&function.name) {
                    let entry = Entry {
                        choice: Choice::Node(Node::Function(row)),
                        name: function.name.clone(),
                        detail: shape.file(function.file).path.to_string(),
                    };
                    found.push((score, entry));
                }
            }
        });
        by_key(&mut found, |(score, _)| [u64::from(i32::MAX.abs_diff(*score)), 0]);
    }
    found.truncate(ROWS);
    found.into_iter().map(|(_, entry)| entry).collect()
}

fn run(session: Session, overlay: RwSignal<Option<Overlay>>, choice: Choice) {
    overlay.set(None);
    match choice {
        Choice::Node(node) => files::open(session, node),
        Choice::Command(Command::Mark) => session.mark(),
        Choice::Command(Command::Pause) => session.toggle_pause(),
        Choice::Command(Command::Reset) => overlay.set(Some(Overlay::Reset)),
        Choice::Command(Command::Keys) => overlay.set(Some(Overlay::Keys)),
        Choice::Command(Command::Download) => download(session),
        Choice::Command(Command::Theme(theme)) => session.theme.set(theme),
        Choice::Command(Command::Tab(tab)) => session.go(|route| route.tab = tab),
        Choice::Command(Command::Panel(panel)) => session.adjust(|route| route.panel = panel),
    }
}

/// The palette, inside a dialog.
#[component]
pub fn Palette(overlay: RwSignal<Option<Overlay>>) -> impl IntoView {
    let session = Session::expect();
    let input: NodeRef<Input> = NodeRef::new();
    let text = RwSignal::new(String::new());
    let at = RwSignal::new(0usize);
    let found = memo(move || entries(&text.get()));
    effect(move || {
        if let Some(input) = input.get() {
            let _ = input.focus();
        }
    });
    let pressed = move |event: web_sys::KeyboardEvent| {
        let last = found.with(Vec::len).saturating_sub(1);
        match event.key().as_str() {
            "ArrowDown" => at.update(|at| *at = (*at + 1).min(last)),
            "ArrowUp" => at.update(|at| *at = at.saturating_sub(1)),
            "Enter" => {
                let choice = found.with(|found| found.get(at.get_untracked()).map(|e| e.choice));
                if let Some(choice) = choice {
                    run(session, overlay, choice);
                }
            }
            _ => return,
        }
        event.prevent_default();
    };
    view! {
        <div class="palette">
            <input
                type="text"
                role="combobox"
                aria-label="Go to a file, function or command"
                aria-expanded="true"
                aria-controls="palette-list"
                aria-activedescendant=dynamic::text(move || format!("palette{}", at.get()))
                placeholder="Go to a file, function or command…"
                autocomplete="off"
                spellcheck="false"
                node_ref=input
                on:input=move |event| {
                    text.set(event_target_value(&event));
                    at.set(0);
                }
                on:keydown=pressed
            />
            <ul id="palette-list" role="listbox" aria-label="Found">
                {part(move || found.get().into_iter().enumerate().map(|(position, entry)| view! {
                    <li
                        id=format!("palette{position}")
                        role="option"
                        aria-selected=flag(move || at.get() == position)
                        on:click=click(move || run(session, overlay, entry.choice))
                    >
                        <span class="name">{entry.name}</span>
                        <span class="place">{entry.detail}</span>
                    </li>
                }).collect_view().into_any())}
            </ul>
            {shown(move || found.with(Vec::is_empty), || view! {
                <p class="dim">"Nothing found"</p>
            }.into_any())}
        </div>
    }
}
