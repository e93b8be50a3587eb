//! The page as a whole: header, panes, and what lies over them.

use leptos::html::Dialog;
use leptos::prelude::*;
use leptos::task::spawn_local;

use crate::compare::Recordings;
use crate::files::Files;
use crate::keys::{self, KEYS, Overlay};
use crate::live::LivePanel;
use crate::palette::Palette;
use crate::session::live::Link;
use crate::session::scope::Scope;
use crate::session::theme::Theme;
use crate::session::url::{Panel, Tab};
use crate::session::{Session, api, read, token};
use crate::source::Source;
use crate::summary::Functions;
use crate::ui::dom::Bar;
use crate::ui::dynamic::{Part, Text, Word, click, effect, flag, memo, part, shown, text, word};
use crate::ui::icon::icon;
use crate::ui::splitter::{Pane, Splitter};
use crate::ui::text::{grouped, length, percent, rate};

/// Pane that a narrow screen shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Shown {
    Files,
    Middle,
    Live,
}

/// The page.
#[component]
pub fn App() -> impl IntoView {
    token::take();
    let session = Session::start();
    let overlay = RwSignal::new(None::<Overlay>);
    keys::listen(session, overlay);
    let pane_shown = RwSignal::new(Shown::Middle);
    // On a narrow screen, whoever picks something wants to see it.
    let target = memo(move || {
        session.route.with(|route| (route.tab, route.file.clone(), route.function.clone()))
    });
    effect(move || {
        // Reading it is what keeps a memo awake.
        target.with(|_| ());
        pane_shown.set(Shown::Middle);
    });
    let tab = memo(move || session.route.with(|route| route.tab));
    let pane = move |wanted: Shown, name: &'static str, picture: &'static str| {
        view! {
            <button
                aria-pressed=flag(move || pane_shown.get() == wanted)
                on:click=click(move || pane_shown.set(wanted))
            >
                {icon(picture)}
                {name}
            </button>
        }
        .into_any()
    };
    let left = Pane {
        label: "Width of the tree",
        property: "--left",
        width: 300,
        limits: (200, 640),
        on_right: false,
    };
    let right = Pane {
        label: "Width of the live panel",
        property: "--right",
        width: 300,
        limits: (220, 640),
        on_right: true,
    };
    view! {
        <a class="skip" href="#main" on:click=move |event| {
            event.prevent_default();
            keys::focus("main");
        }>"Skip to the source"</a>
        {top(session, overlay)}
        <div class="panes" data-shown=word(move || match pane_shown.get() {
            Shown::Files => "files",
            Shown::Middle => "middle",
            Shown::Live => "live",
        })>
            <nav class="left" aria-label="Packages">
                <Files/>
                <Splitter pane=left/>
            </nav>
            <main id="main" class="middle" tabindex="-1">
                <div class="tabs" role="tablist" aria-label="Views">
                    {Tab::ALL.iter().map(|&item| tab_button(session, tab, item)).collect_view()}
                </div>
                <div
                    id="middle-body"
                    class="tab-body"
                    role="tabpanel"
                    aria-labelledby=text(move || format!("tab-{}", tab.get().word()))
                >
                    {part(move || match tab.get() {
                        Tab::Source => view! { <Source/> }.into_any(),
                        Tab::Functions => view! { <Functions/> }.into_any(),
                        Tab::Recordings => view! { <Recordings/> }.into_any(),
                    })}
                </div>
            </main>
            <aside class="panel" aria-label="Live">
                <Splitter pane=right/>
                <LivePanel/>
            </aside>
        </div>
        <div class="bottom" role="group" aria-label="Panes">
            {pane(Shown::Files, "Files", "files")}
            {pane(Shown::Middle, "Source", "code")}
            {pane(Shown::Live, "Live", "pulse")}
        </div>
        {notices(session)}
        {overlays(session, overlay)}
    }
}

fn tab_button(session: Session, tab: Memo<Tab>, item: Tab) -> AnyView {
    let name = match item {
        Tab::Source => "Source",
        Tab::Functions => "Functions",
        Tab::Recordings => "Recordings",
    };
    let badge = (item == Tab::Recordings).then(|| {
        part(move || match session.recorded.with(Vec::len) {
            0 => ().into_any(),
            n => view! { <span class="badge">{n.to_string()}</span> }.into_any(),
        })
    });
    view! {
        <button
            role="tab"
            id=format!("tab-{}", item.word())
            aria-controls="middle-body"
            aria-selected=flag(move || tab.get() == item)
            on:click=click(move || session.go(|route| route.tab = item))
        >
            {name}
            {badge}
        </button>
    }
    .into_any()
}

/// How long a recording runs, in whole seconds.
fn running(started_ms: u64) -> String {
    let passed = read(|data| data.now_ms()).saturating_sub(started_ms) / 1_000;
    if passed < 60 { format!("{passed} s") } else { length(passed * 1_000) }
}

fn action(
    picture: Part,
    title: &'static str,
    name: Text,
    state: Word,
    run: impl FnMut() + 'static,
) -> AnyView {
    view! {
        <button class="action" title=title data-state=state on:click=click(run)>
            {picture}
            <span class="word">{name}</span>
        </button>
    }
    .into_any()
}

/// The header.
fn top(session: Session, overlay: RwSignal<Option<Overlay>>) -> AnyView {
    let recording = memo(move || session.recording.get());
    let record = action(
        part(move || icon(if recording.get().is_some() { "stop" } else { "mark" })),
        "What did this click execute? (m)",
        text(move || {
            session.tick.track();
            match recording.get() {
                Some(started) => format!("Mark end · {}", running(started)),
                None => "Record".into(),
            }
        }),
        word(move || if recording.get().is_some() { "recording" } else { "" }),
        move || session.mark(),
    );
    let drop_recording = shown(
        move || recording.get().is_some(),
        move || {
            view! {
                <button
                    class="action"
                    title="Drop the recording"
                    aria-label="Drop the recording"
                    on:click=click(move || session.cancel_recording())
                >{icon("close")}</button>
            }
            .into_any()
        },
    );
    let pause = action(
        part(move || icon(if session.paused.get() { "play" } else { "pause" })),
        "Let the page stand still; nothing is lost (Space)",
        text(move || (if session.paused.get() { "Resume" } else { "Pause" }).into()),
        word(move || if session.paused.get() { "on" } else { "" }),
        move || session.toggle_pause(),
    );
    let reset = action(
        part(|| icon("reset")),
        "Counts start again from 0",
        text(|| "Reset…".into()),
        word(|| ""),
        move || overlay.set(Some(Overlay::Reset)),
    );
    let profile = action(
        part(|| icon("download")),
        "Download a Go text profile of what you look at",
        text(|| "Profile".into()),
        word(|| ""),
        move || download(session),
    );
    view! {
        <header class="top">
            <h1><span class="logo" aria-hidden="true"></span>"Coverglass"</h1>
            {scope_button(session)}
            {pill(session)}
            {totals(session)}
            <div class="actions">
                {record}
                {drop_recording}
                {pause}
                {reset}
                {profile}
                {theme_switch(session)}
                <button
                    class="action"
                    title="Keys (?)"
                    aria-label="Keys"
                    on:click=click(move || overlay.set(Some(Overlay::Keys)))
                >{icon("help")}</button>
            </div>
        </header>
    }
    .into_any()
}

fn scope_button(session: Session) -> AnyView {
    let title = memo(move || {
        session.structure.track();
        let scope = session.route.with(|route| route.scope.clone());
        read(|data| scope.title(&data.live))
    });
    let choose = move || {
        session.adjust(|route| route.panel = Panel::Processes);
        keys::focus("tab-processes");
    };
    view! {
        <button class="scope" title="Choose a service, build or process" on:click=click(choose)>
            <span class="scope-name">{text(move || title.get())}</span>
            <span class="scope-count">{text(move || {
                match session.header.with(|header| header.processes) {
                    0 => String::new(),
                    1 => "1 process".into(),
                    n => format!("{n} processes"),
                }
            })}</span>
            {icon("down")}
        </button>
    }
    .into_any()
}

fn pill(session: Session) -> AnyView {
    let pill = memo(move || session.pill());
    let reason = move || match session.link.get() {
        Link::Refused(reason) => reason,
        Link::Lost(_) => "The relay is not there; what you see is kept".into(),
        Link::Live(release) => format!("Relay {release}"),
        Link::Connecting => String::new(),
    };
    let down = move || matches!(session.link.get(), Link::Lost(_) | Link::Refused(_));
    view! {
        <span class="pill" data-state=word(move || pill.get().0) role="status" title=text(reason)>
            {text(move || pill.get().1)}
        </span>
        {shown(down, move || view! {
            <button class="plain" on:click=click(move || session.retry())>"Retry now"</button>
        }.into_any())}
    }
    .into_any()
}

fn totals(session: Session) -> AnyView {
    let place: NodeRef<leptos::html::Span> = NodeRef::new();
    let header = session.header;
    let mut bar = None::<Bar>;
    effect(move || {
        let Some(element) = place.get() else { return };
        let statements = header.with(|header| header.totals.statements);
        bar.get_or_insert_with(|| Bar::child(&element)).set(statements.covered, statements.total);
    });
    let title = move || {
        let totals = header.with(|header| header.totals);
        format!(
            "{} of {} statements, {} of {} functions",
            grouped(totals.statements.covered),
            grouped(totals.statements.total),
            grouped(totals.functions.covered),
            grouped(totals.functions.total),
        )
    };
    let share = move || {
        let statements = header.with(|header| header.totals.statements);
        percent(statements.covered, statements.total)
    };
    let speed = move || {
        let text = rate(header.with(|header| header.rate));
        if text.is_empty() { "0".into() } else { text }
    };
    view! {
        <div class="totals">
            <span class="total" title=text(title)>
                <b>{text(share)}</b>
                <span class="dim">"covered"</span>
                <span class="total-bar" node_ref=place></span>
            </span>
            <span class="total rate" title="Units hit in a second">
                <b>{text(speed)}</b>
                <span class="dim">"hits/s"</span>
            </span>
        </div>
    }
    .into_any()
}

fn theme_switch(session: Session) -> AnyView {
    let choice = move |theme: Theme| {
        let name = match theme {
            Theme::System => "Colors as the system",
            Theme::Light => "Light colors",
            Theme::Dark => "Dark colors",
        };
        view! {
            <button
                title=name
                aria-label=name
                aria-pressed=flag(move || session.theme.get() == theme)
                on:click=click(move || session.theme.set(theme))
            >{icon(theme.word())}</button>
        }
    };
    view! {
        <div class="segments theme" role="group" aria-label="Colors">
            {Theme::ALL.map(choice).collect_view()}
        </div>
    }
    .into_any()
}

/// The command that the welcome offers.
const COMMAND: &str = "coverglass run ./cmd/yours";

/// What a page without any process says.
#[component]
pub fn Welcome() -> impl IntoView {
    let session = Session::expect();
    let copied = RwSignal::new(false);
    let copy = move || {
        spawn_local(async move {
            let write = window().navigator().clipboard().write_text(COMMAND);
            copied.set(wasm_bindgen_futures::JsFuture::from(write).await.is_ok());
        });
    };
    view! {
        <div class="welcome">
            {part(move || match session.link.get() {
                Link::Live(_) => view! {
                    <h2>"Connected, waiting for a program"</h2>
                    <p>"Run your Go program with Coverglass and watch its lines light up here:"</p>
                    <p class="command">
                        <code>{COMMAND}</code>
                        <button class="plain" on:click=click(copy)>
                            {text(move || (if copied.get() { "Copied" } else { "Copy" }).into())}
                        </button>
                    </p>
                    <p class="dim">"build, run and test take the flags of the go commands of that name. What was built that way and runs already appears here too"</p>
                }.into_any(),
                Link::Connecting => view! { <h2>"Connecting to the relay…"</h2> }.into_any(),
                Link::Lost(_) => view! {
                    <h2>"The relay can't be reached"</h2>
                    <p>"Start it with "<code>"coverglass serve"</code>"; this page connects by itself"</p>
                }.into_any(),
                Link::Refused(reason) => view! {
                    <h2>"This page and its relay don't fit"</h2>
                    <p>{reason}</p>
                }.into_any(),
            })}
        </div>
    }
}

/// Messages stay for this long, in milliseconds.
const NOTICE_MS: u32 = 6_000;

fn notices(session: Session) -> AnyView {
    effect(move || {
        let notice = session.notice.get();
        if notice.is_some() {
            gloo::timers::callback::Timeout::new(NOTICE_MS, move || {
                if session.notice.get_untracked() == notice {
                    session.notice.set(None);
                }
            })
            .forget();
        }
    });
    view! {
        <div class="notices" role="status" aria-live="polite">
            {part(move || match session.notice.get() {
                None => ().into_any(),
                Some(notice) => view! {
                    <div class=if notice.failed { "notice failed" } else { "notice" }>
                        <span>{notice.text}</span>
                        <button
                            class="tool"
                            aria-label="Close the message"
                            on:click=click(move || session.notice.set(None))
                        >{icon("close")}</button>
                    </div>
                }.into_any(),
            })}
        </div>
    }
    .into_any()
}

fn overlays(session: Session, overlay: RwSignal<Option<Overlay>>) -> AnyView {
    let dialog: NodeRef<Dialog> = NodeRef::new();
    effect(move || {
        let shown = overlay.get().is_some();
        let Some(dialog) = dialog.get() else { return };
        if shown && !dialog.open() {
            let _ = dialog.show_modal();
        } else if !shown && dialog.open() {
            dialog.close();
        }
    });
    let beside = move |event: web_sys::MouseEvent| {
        // A click beside the dialog hits the dialog element itself.
        let own = dialog.get_untracked().map(web_sys::EventTarget::from);
        if own.is_some() && event.target() == own {
            overlay.set(None);
        }
    };
    view! {
        <dialog
            node_ref=dialog
            aria-label=word(move || match overlay.get() {
                Some(Overlay::Keys) => "Keys",
                Some(Overlay::Palette) => "Go to",
                _ => "Reset counts",
            })
            on:close=move |_| overlay.set(None)
            on:click=beside
        >
            {part(move || match overlay.get() {
                None => ().into_any(),
                Some(Overlay::Keys) => key_list(overlay),
                Some(Overlay::Reset) => reset(session, overlay),
                Some(Overlay::Palette) => view! { <Palette overlay=overlay/> }.into_any(),
            })}
        </dialog>
    }
    .into_any()
}

fn key_list(overlay: RwSignal<Option<Overlay>>) -> AnyView {
    let row = |(keys, does): &(&'static str, &'static str)| {
        let keys = keys.split("  ").map(|key| view! { <kbd>{key}</kbd> }).collect_view();
        view! { <div><dt>{keys}</dt><dd>{*does}</dd></div> }
    };
    let mark =
        |class: &'static str, glyph: &'static str, unit: &'static str, says: &'static str| {
            view! {
                <li class=class>
                    <span class="glyph">{glyph}</span>
                    <span class="edge"></span>
                    <span class=unit>{says}</span>
                </li>
            }
        };
    view! {
        <div class="sheet-box">
            <h2>"Keys"</h2>
            <dl class="keys">{KEYS.iter().map(row).collect_view()}</dl>
            <h2>"Marks in the source"</h2>
            <ul class="legend">
                {mark("line covered", "✓", "unit hit", "every unit of the line ran")}
                {mark("line partial", "◐", "", "some units ran, the hatched ones did not")}
                {mark("line uncovered", "✗", "unit missed", "no unit of the line ran")}
            </ul>
            <p class="buttons">
                <button class="primary" autofocus on:click=click(move || overlay.set(None))>
                    "Close"
                </button>
            </p>
        </div>
    }
    .into_any()
}

fn reset(session: Session, overlay: RwSignal<Option<Overlay>>) -> AnyView {
    let scope = session.route.with_untracked(|route| route.scope.clone());
    let (what, service, process) = read(|data| match &scope {
        Scope::Newest => ("all services".to_owned(), None, None),
        Scope::Service(service) | Scope::Build(service, _) => {
            (format!("the service {service}"), Some(service.clone()), None)
        }
        Scope::Process(key) => (scope.title(&data.live), None, handle_of(key)),
    });
    let confirm = move || {
        overlay.set(None);
        let request = api::Reset { service: service.clone(), process };
        spawn_local(async move {
            match api::reset(&request).await {
                Ok(()) => session.tell("Counts start again from 0"),
                Err(error) => session.fail(format!("The counts can't be reset: {}", error.text())),
            }
        });
    };
    view! {
        <div class="sheet-box">
            <h2>"Reset counts?"</h2>
            <p>{format!("All counts of {what} start again from 0, for everybody who watches. The program goes on undisturbed; what was counted so far can't be brought back.")}</p>
            <p class="buttons">
                <button class="plain" autofocus on:click=click(move || overlay.set(None))>"Keep them"</button>
                <button class="primary danger" on:click=click(confirm)>"Reset"</button>
            </p>
        </div>
    }
    .into_any()
}

/// The relay's number of the process with this key.
fn handle_of(key: &str) -> Option<u32> {
    read(|data| {
        let mut processes = data.live.processes.iter();
        processes.find(|process| process.key() == key).map(|process| process.info.handle)
    })
}

/// Gives the person the relay's profile of what is looked at.
pub fn download(session: Session) {
    let scope = session.route.with_untracked(|route| route.scope.clone());
    let query = api::scope_query(&scope, handle_of);
    spawn_local(async move {
        match api::profile(&query).await {
            Ok(text) => {
                api::save("coverage.out", &text);
                session.tell("Saved as coverage.out; go tool cover reads it");
            }
            Err(error) => session.fail(format!("There is no profile: {}", error.text())),
        }
    });
}
