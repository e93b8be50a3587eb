//! Services, their builds and processes, and the choice among them.

use std::cell::RefCell;
use std::rc::Rc;

use wasm_bindgen::JsCast;
use web_sys::{HtmlElement, MouseEvent, Node};
use wire::frame::State;

use crate::session::scope::{Scope, newest_build, services};
use crate::session::{Data, Session, read};
use crate::ui::bind::{self, effect, memo, on};
use crate::ui::order::by_key;
use crate::ui::text::{age, percent};

/// A choice in the list, as it is shown.
#[derive(Debug, Clone, PartialEq)]
struct Item {
    scope: Scope,
    level: u8,
    name: String,
    detail: String,
    state: Option<State>,
    percent: String,
    title: String,
}

fn items(data: &Data) -> Vec<Item> {
    let live = &data.live;
    let services = services(live);
    let mut items = Vec::new();
    if services.len() > 1 {
        items.push(Item {
            scope: Scope::Newest,
            level: 0,
            name: "All services".into(),
            detail: "newest build of each".into(),
            state: None,
            percent: String::new(),
            title: String::new(),
        });
    }
    for service in services {
        let newest = newest_build(live, &service).cloned().unwrap_or_default();
        let mut processes: Vec<_> =
            live.processes.iter().filter(|process| process.info.service == service).collect();
        // Newest build first, and in it the newest process.
        by_key(&mut processes, |process| {
            let older = u64::from(process.build != newest);
            let build = u64::from_str_radix(&process.build, 16).unwrap_or(0);
            [older << 63 | build >> 1, u64::MAX - process.info.started_ms]
        });
        let n_running = processes.iter().filter(|p| p.state == State::Running).count();
        items.push(Item {
            scope: Scope::Service(service.clone()),
            level: 0,
            name: service.clone(),
            detail: format!("{n_running} running"),
            state: None,
            percent: String::new(),
            title: format!("{service}: all processes of the newest build, added up"),
        });
        let mut build = None;
        for process in processes {
            if build != Some(&process.build) {
                build = Some(&process.build);
                let latest = process.build == newest;
                items.push(Item {
                    scope: Scope::Build(service.clone(), process.build.clone()),
                    level: 1,
                    name: format!("build {}", process.build.get(..8).unwrap_or(&process.build)),
                    detail: if latest { "newest".into() } else { "older".into() },
                    state: None,
                    percent: String::new(),
                    title: format!("Build {}", process.build),
                });
            }
            let statements = process.statements(&live.packs);
            let info = &process.info;
            let since = data.now_ms().saturating_sub(info.started_ms);
            let mut detail = format!("{} · {} old", info.host, age(since));
            if since < 1_000 {
                detail = format!("{} · new", info.host);
            }
            if process.tracing > 0 {
                detail.push_str(" · traced");
            }
            let go = if info.go_version.is_empty() { "" } else { " · " };
            items.push(Item {
                scope: Scope::Process(process.key()),
                level: 2,
                name: format!("pid {}", info.pid),
                detail,
                state: Some(process.state),
                percent: percent(statements.covered, statements.total),
                title: format!("{}{go}{}", info.arguments.join(" "), info.go_version),
            });
        }
    }
    items
}

/// A row on the page and what it shows.
struct Line {
    row: HtmlElement,
    item: Item,
}

/// The list.
pub(super) fn bind(session: Session, panel: &HtmlElement) {
    // Once in two seconds is enough for ages and totals.
    let beat = memo(move || session.tick.get() / 8);
    let items = memo(move || {
        session.structure.track();
        // Reading it is what keeps a memo awake.
        beat.get();
        read(items)
    });
    let list = bind::at(panel, "ul");
    let lines = Rc::new(RefCell::new(Vec::<Line>::new()));

    let shown = lines.clone();
    on(&list, "click", move |event: MouseEvent| {
        let target = event.target().and_then(|target| target.dyn_into::<Node>().ok());
        let lines = shown.borrow();
        let line = lines.iter().find(|line| line.row.contains(target.as_ref()));
        if let Some(wanted) = line.map(|line| line.item.scope.clone()) {
            session.go(|route| route.scope = wanted);
        }
    });

    let nothing = bind::at(panel, ".nothing");
    effect(move || {
        let items = items.get();
        let scope = session.route.with(|route| route.scope.clone());
        nothing.set_hidden(!items.is_empty());
        let mut lines = lines.borrow_mut();
        while lines.len() > items.len() {
            lines.pop().inspect(|line| line.row.remove());
        }
        // Rows stay where they are, so that the keyboard does not lose its place.
        for (at, item) in items.into_iter().enumerate() {
            let chosen = scope == item.scope;
            match lines.get_mut(at) {
                Some(line) if line.item == item => {}
                Some(line) => {
                    fill(&line.row, &item);
                    line.item = item;
                }
                None => {
                    let row = bind::copy("process");
                    fill(&row, &item);
                    let _ = list.append_child(&row);
                    lines.push(Line { row, item });
                }
            }
            let button = bind::at(&lines[at].row, "button");
            bind::set(&button, "aria-pressed", if chosen { "true" } else { "false" });
        }
    });
}

fn fill(row: &HtmlElement, item: &Item) {
    row.set_class_name(["level0", "level1", "level2"][usize::from(item.level.min(2))]);
    bind::set(&bind::at(row, "button"), "title", &item.title);
    let (class, word) = match item.state {
        None => ("", ""),
        Some(State::Running) => ("state running", "running"),
        Some(State::Ended) => ("state ended", "ended"),
        Some(State::Unreachable) => ("state unreachable", "unreachable"),
    };
    let state = bind::at(row, "span");
    state.set_class_name(class);
    state.set_hidden(class.is_empty());
    let texts = [
        ("span", word),
        (".name", &item.name),
        (".place", &item.detail),
        (".percent", &item.percent),
    ];
    for (selector, text) in texts {
        bind::at(row, selector).set_text_content(Some(text));
    }
}
