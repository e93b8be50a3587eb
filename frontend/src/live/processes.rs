//! Services, their builds and processes, and the choice among them.

use leptos::prelude::*;
use wire::frame::State;

use crate::session::scope::{Scope, newest_build, services};
use crate::session::{Data, Session, read};
use crate::ui::dynamic::{click, flag, memo, part};
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
                    name: format!("build {}", &process.build[..8.min(process.build.len())]),
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

/// The list.
#[component]
pub fn Processes() -> impl IntoView {
    let session = Session::expect();
    // Once in two seconds is enough for ages and totals.
    let beat = memo(move || session.tick.get() / 8);
    let items = memo(move || {
        session.structure.track();
        beat.with(|_| ());
        read(items)
    });
    let scope = memo(move || session.route.with(|route| route.scope.clone()));
    view! {
        <div class="processes">
            {part(move || {
                let items = items.get();
                if items.is_empty() {
                    return view! { <div class="nothing"><p>"No process yet"</p></div> }.into_any();
                }
                let items = items.into_iter().map(|item| row(session, scope, item));
                view! { <ul>{items.collect_view()}</ul> }.into_any()
            })}
        </div>
    }
}

fn row(session: Session, scope: Memo<Scope>, item: Item) -> AnyView {
    let Item { scope: wanted, level, name, detail, state, percent, title } = item;
    let same = wanted.clone();
    let state = state.map(|state| {
        let (class, word) = match state {
            State::Running => ("state running", "running"),
            State::Ended => ("state ended", "ended"),
            State::Unreachable => ("state unreachable", "unreachable"),
        };
        view! { <span class=class>{word}</span> }
    });
    let choose = move || {
        let wanted = wanted.clone();
        session.go(|route| route.scope = wanted);
    };
    view! {
        <li class=format!("level{level}")>
            <button
                class="process"
                title=title
                aria-pressed=flag(move || scope.get() == same)
                on:click=click(choose)
            >
                {state}
                <span class="name">{name}</span>
                <span class="place">{detail}</span>
                <span class="percent">{percent}</span>
            </button>
        </li>
    }
    .into_any()
}
