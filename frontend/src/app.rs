//! The page as a whole: header, panes, and what lies over them.

use web_sys::{Element, Event};

use crate::dialogs::{self, Dialog, download};
use crate::keys;
use crate::session::live::Link;
use crate::session::theme::Theme;
use crate::session::url::{Panel, Tab};
use crate::session::{Data, Session, read, token};
use crate::ui::bind::{self, attribute, body, by_id, click, effect, flag, memo, on, shown, text};
use crate::ui::dom::Bar;
use crate::ui::splitter::splitter;
use crate::ui::state::State;
use crate::ui::text::{grouped, length, percent, rate};
use crate::{compare, files, live, open, patch, source, summary};

/// Brings the page in `index.html` to life.
pub fn start() {
    token::take();
    let session = Session::start();
    keys::listen(session);
    panes(session);
    tabs(session);
    header(session);
    files::bind(session);
    live::bind(session);
    if !session.is_report() {
        open::bind(session);
    }
    open::mark(session);
    notices(session);
    dialogs::bind(session);
}

/// The three panes, their widths, and the buttons that choose one on a narrow screen.
fn panes(session: Session) {
    splitter(&bind::at(&body(), ".splitter.after"), "--left", false);
    splitter(&bind::at(&body(), ".splitter.before"), "--right", true);
    on(&bind::at(&body(), ".skip"), "click", |event: Event| {
        event.prevent_default();
        keys::focus("main");
    });
    let chosen = State::new("middle");
    // On a narrow screen, whoever picks something wants to see it.
    let target = memo(move || {
        session.route.with(|route| (route.tab, route.file.clone(), route.function.clone()))
    });
    effect(move || {
        // Reading it is what keeps a memo awake.
        target.with(|_| ());
        chosen.set("middle");
    });
    attribute(&bind::at(&body(), ".panes"), "data-shown", move || chosen.get());
    for (id, pane) in [("show-files", "files"), ("show-middle", "middle"), ("show-live", "live")] {
        let button = by_id(id);
        flag(&button, "aria-pressed", move || chosen.get() == pane);
        click(&button, move || chosen.set(pane));
    }
}

/// The tabs in the middle, and what the chosen one shows.
fn tabs(session: Session) {
    let tab = memo(move || session.route.with(|route| route.tab));
    for &item in Tab::ALL {
        let button = by_id(&format!("tab-{}", item.word()));
        flag(&button, "aria-selected", move || tab.get() == item);
        click(&button, move || session.go(|route| route.tab = item));
    }
    let badge = bind::at(&by_id("tab-recordings"), ".badge");
    text(&badge, move || session.recorded.with(Vec::len).to_string());
    shown(&badge, move || session.recorded.with(|list| !list.is_empty()));
    shown(&by_id("tab-patch"), move || {
        session.diff.with(Option::is_some) || tab.get() == Tab::Patch
    });
    let place = by_id("middle-body");
    attribute(&place, "aria-labelledby", move || format!("tab-{}", tab.get().word()));
    effect(move || {
        place.set_text_content(None);
        match tab.get() {
            Tab::Source => drop(place.append_child(&source::show(session))),
            Tab::Functions => drop(place.append_child(&summary::show(session))),
            Tab::Recordings => drop(place.append_child(&compare::show(session))),
            Tab::Patch => drop(place.append_child(&patch::show(session))),
        }
    });
}

/// The header.
fn header(session: Session) {
    let top = bind::at(&body(), ".top");
    let title = memo(move || {
        session.structure.track();
        let scope = session.route.with(|route| route.scope.clone());
        read(|data| scope.title(&data.live))
    });
    text(&bind::at(&top, ".scope-name"), move || title.get());
    text(&bind::at(&top, ".scope-count"), move || {
        if session.route.with(|route| route.scope.is_opened()) {
            return "from files".into();
        }
        match session.header.with(|header| header.processes) {
            0 => String::new(),
            1 => "1 process".into(),
            n => format!("{n} processes"),
        }
    });
    click(&bind::at(&top, ".scope"), move || {
        let panel = match session.route.with_untracked(|route| route.scope.is_opened()) {
            true => Panel::Opened,
            false => Panel::Processes,
        };
        session.adjust(|route| route.panel = panel);
        keys::focus(&format!("tab-{}", panel.word()));
    });
    connection(session, &bind::at(&top, ".pill"));
    totals(session, &bind::at(&top, ".totals"));
    recording(session);

    let pause = by_id("pause");
    picture(&pause, move || if session.paused.get() { "#i-play" } else { "#i-pause" });
    text(&bind::at(&pause, ".word"), move || if session.paused.get() { "Resume" } else { "Pause" });
    attribute(&pause, "data-state", move || if session.paused.get() { "on" } else { "" });
    click(&pause, move || session.toggle_pause());
    click(&by_id("reset"), || Dialog::Reset.open());
    click(&by_id("profile"), move || download(session));
    click(&by_id("help"), || Dialog::Keys.open());
    for theme in Theme::ALL {
        let button = by_id(&format!("theme-{}", theme.word()));
        flag(&button, "aria-pressed", move || session.theme.get() == theme);
        click(&button, move || session.theme.set(theme));
    }
}

/// Keeps the icon of a button.
fn picture(button: &Element, name: impl FnMut() -> &'static str + 'static) {
    attribute(&bind::at(button, "use"), "href", name);
}

fn connection(session: Session, pill: &Element) {
    let state = memo(move || session.pill());
    text(pill, move || state.get().1);
    attribute(pill, "data-state", move || state.get().0);
    attribute(pill, "title", move || match session.link.get() {
        Link::Refused(reason) => reason,
        Link::Lost(_) => "The relay is not there; what you see is kept".into(),
        Link::Live(release) => format!("Relay {release}"),
        Link::Connecting | Link::Report => String::new(),
    });
    let retry = by_id("retry");
    shown(&retry, move || session.link.with(Link::is_down));
    click(&retry, move || session.retry());
}

fn totals(session: Session, place: &Element) {
    let header = session.header;
    let mut bar = Bar::of(bind::at(place, ".fill"));
    effect(move || {
        let statements = header.with(|header| header.totals.statements);
        bar.set(statements.covered, statements.total);
    });
    attribute(&bind::at(place, ".total"), "title", move || {
        session.structure.track();
        let totals = header.with(|header| header.totals);
        if let Some(metrics) = read(Data::metrics) {
            return metrics;
        }
        format!(
            "{} of {} statements, {} of {} functions",
            grouped(totals.statements.covered),
            grouped(totals.statements.total),
            grouped(totals.functions.covered),
            grouped(totals.functions.total),
        )
    });
    text(&by_id("share"), move || {
        let statements = header.with(|header| header.totals.statements);
        percent(statements.covered, statements.total)
    });
    text(&by_id("rate"), move || {
        let text = rate(header.with(|header| header.rate));
        if text.is_empty() { "0".into() } else { text }
    });
}

/// The button that starts and ends a recording, and the one that drops it.
fn recording(session: Session) {
    let started = memo(move || session.recording.get());
    let record = by_id("record");
    picture(&record, move || if started.get().is_some() { "#i-stop" } else { "#i-mark" });
    text(&bind::at(&record, ".word"), move || {
        session.tick.track();
        match started.get() {
            Some(started) => format!("Mark end · {}", running(started)),
            None => "Record".into(),
        }
    });
    attribute(&record, "data-state", move || match started.get() {
        Some(_) => "recording",
        None => "",
    });
    click(&record, move || session.mark());
    let cancel = by_id("record-drop");
    shown(&cancel, move || started.get().is_some());
    click(&cancel, move || session.cancel_recording());
}

/// How long a recording runs, in whole seconds.
fn running(started_ms: u64) -> String {
    let passed = read(|data| data.now_ms()).saturating_sub(started_ms) / 1_000;
    if passed < 60 { format!("{passed} s") } else { length(passed * 1_000) }
}

/// Messages stay for this long, in milliseconds.
const NOTICE_MS: u32 = 6_000;

fn notices(session: Session) {
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
    let place = bind::at(&body(), ".notice");
    let failed = move || session.notice.with(|notice| notice.as_ref().is_some_and(|n| n.failed));
    shown(&place, move || session.notice.with(Option::is_some));
    attribute(&place, "class", move || if failed() { "notice failed" } else { "notice" });
    text(&bind::at(&place, "span"), move || {
        session.notice.with(|notice| notice.as_ref().map_or(String::new(), |n| n.text.clone()))
    });
    click(&bind::at(&place, "button"), move || session.notice.set(None));
}
