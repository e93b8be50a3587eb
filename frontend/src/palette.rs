//! The palette: go to any file, function or command by a few letters.

use crate::ui::state::State;
use wasm_bindgen::JsCast;
use web_sys::{Event, HtmlElement, HtmlInputElement, KeyboardEvent};

use crate::dialogs::{self, Dialog, download};
use crate::files::{self, layout::Node};
use crate::session::theme::Theme;
use crate::session::url::{Panel, Tab};
use crate::session::{Session, opened, read};
use crate::ui::bind::{self, attribute, by_id, click, flag, memo, on, part, shown};
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
    Open(&'static str),
    Keys,
}

impl Command {
    /// Whether it does something where nothing runs.
    fn is_for_reports(self) -> bool {
        use Command::{Mark, Open, Panel, Pause, Reset, Tab};
        !matches!(
            self,
            Mark | Pause
                | Reset
                | Panel(_)
                | Open(_)
                | Tab(self::Tab::Recordings | self::Tab::Patch)
        )
    }
}

const COMMANDS: &[(&str, &str, Command)] = &[
    ("Record: set a mark", "m", Command::Mark),
    ("Pause or resume", "Space", Command::Pause),
    ("Reset counts…", "", Command::Reset),
    ("Download profile", "", Command::Download),
    ("Show source", "1", Command::Tab(Tab::Source)),
    ("Show functions", "2", Command::Tab(Tab::Functions)),
    ("Show recordings", "3", Command::Tab(Tab::Recordings)),
    ("Show what of the diff is covered", "4", Command::Tab(Tab::Patch)),
    ("Show what ran just now", "", Command::Panel(Panel::Now)),
    ("Show goroutines", "", Command::Panel(Panel::Goroutines)),
    ("Choose a process", "", Command::Panel(Panel::Processes)),
    ("Choose an opened profile", "", Command::Panel(Panel::Opened)),
    ("Save report: this page with the data inside", "", Command::Open("report")),
    ("Open files…", "", Command::Open("open-files")),
    ("Open a folder…", "", Command::Open("open-folder")),
    ("Light colors", "", Command::Theme(Theme::Light)),
    ("Dark colors", "", Command::Theme(Theme::Dark)),
    ("Colors as the system", "", Command::Theme(Theme::System)),
    ("Keys", "?", Command::Keys),
];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Choice {
    Command(Command),
    Node(Node),
    Format(usize),
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
        .filter(|(_, _, command)| !Session::expect().is_report() || command.is_for_reports())
        .filter_map(|(name, key, command)| {
            let entry = Entry {
                choice: Choice::Command(*command),
                name: (*name).into(),
                detail: (*key).into(),
            };
            Some((query.score(name)?, entry))
        })
        .collect();
    for (at, name) in opened::formats().into_iter().enumerate() {
        let name = format!("Download as {name}");
        if let Some(score) = query.score(&name) {
            let (choice, detail) = (Choice::Format(at), String::new());
            found.push((score, Entry { choice, name, detail }));
        }
    }
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

fn run(session: Session, choice: Choice) {
    dialogs::close();
    match choice {
        Choice::Node(node) => files::open(session, node),
        Choice::Format(at) => opened::save(session, at),
        Choice::Command(Command::Mark) => session.mark(),
        Choice::Command(Command::Pause) => session.toggle_pause(),
        Choice::Command(Command::Open(id)) => by_id(id).click(),
        Choice::Command(Command::Reset) => Dialog::Reset.open(),
        Choice::Command(Command::Keys) => Dialog::Keys.open(),
        Choice::Command(Command::Download) => download(session),
        Choice::Command(Command::Theme(theme)) => session.theme.set(theme),
        Choice::Command(Command::Tab(tab)) => session.go(|route| route.tab = tab),
        Choice::Command(Command::Panel(panel)) => session.adjust(|route| route.panel = panel),
    }
}

/// Brings the palette in `index.html` to life.
pub fn bind(session: Session) {
    let dialog = Dialog::Palette.element();
    let input: HtmlInputElement = bind::at(&dialog, "input").unchecked_into();
    let text = State::new(String::new());
    let at = State::new(0usize);
    let found = memo(move || entries(&text.get()));
    bind::edited(&input, "input", move |typed| {
        text.set(typed);
        at.set(0);
    });
    on(&input, "keydown", move |event: KeyboardEvent| {
        let last = found.with(Vec::len).saturating_sub(1);
        match event.key().as_str() {
            "ArrowDown" => at.update(|at| *at = (*at + 1).min(last)),
            "ArrowUp" => at.update(|at| *at = at.saturating_sub(1)),
            "Enter" => {
                let choice = found.with(|found| found.get(at.get_untracked()).map(|e| e.choice));
                if let Some(choice) = choice {
                    run(session, choice);
                }
            }
            _ => return,
        }
        event.prevent_default();
    });
    attribute(&input, "aria-activedescendant", move || format!("palette{}", at.get()));
    part(&by_id("palette-list"), move || {
        let entries = found.get().into_iter().enumerate();
        entries.map(|(position, entry)| row(session, at, position, &entry)).collect()
    });
    shown(&bind::at(&dialog, ".dim"), move || found.with(Vec::is_empty));
    // The next one who opens it starts anew.
    on(&dialog, "close", move |_: Event| {
        input.set_value("");
        text.set(String::new());
        at.set(0);
    });
}

fn row(session: Session, at: State<usize>, position: usize, entry: &Entry) -> HtmlElement {
    let row = bind::copy("palette-row");
    row.set_id(&format!("palette{position}"));
    bind::at(&row, ".name").set_text_content(Some(&entry.name));
    bind::at(&row, ".place").set_text_content(Some(&entry.detail));
    flag(&row, "aria-selected", move || at.get() == position);
    let choice = entry.choice;
    click(&row, move || run(session, choice));
    row
}
