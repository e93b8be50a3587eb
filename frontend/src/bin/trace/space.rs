//! The tools of the view in space: what they ask of the worker, and what it tells.

use frontend::trace::address::Address;
use frontend::trace::messages::{Ask, View};
use frontend::trace::space::link::Link;
use frontend::trace::space::look::Highlight;
use frontend::trace::space::messages::{Frames, SpaceAsk, SpaceTell, State};
use frontend::trace::time;
use frontend::ui::bind::{at, attribute, by_id, click, edited, effect, flag, on, set, shown, text};
use js_sys::Array;
use leptos::prelude::{
    Get, GetValue, RwSignal, Set, SetValue, StoredValue, With, WithUntracked, document, window,
};
use wasm_bindgen::JsCast;
use web_sys::{Blob, Event, HtmlAnchorElement, HtmlElement, HtmlInputElement, Url};

use crate::desk::Desk;

/// Milliseconds after which what is shown goes into the address.
const SETTLED: u32 = 300;

/// Steps of the scrubber.
const STEPS: f64 = 1_000.0;

/// What the worker told of space.
#[derive(Clone, Copy)]
pub(crate) struct SpaceDesk {
    state: RwSignal<State>,
    missing: RwSignal<String>,
    /// Camera, time and looks as an address, when they have been the same for a while.
    link: RwSignal<String>,
}

impl Default for SpaceDesk {
    fn default() -> Self {
        Self {
            state: RwSignal::new(State::default()),
            missing: RwSignal::new(String::new()),
            link: RwSignal::new(String::new()),
        }
    }
}

impl SpaceDesk {
    /// The worker told something; what goes along stands after it.
    pub(crate) fn told(self, desk: Desk, tell: SpaceTell, message: &Array) {
        match tell {
            SpaceTell::State(state) => self.state.set(*state),
            SpaceTell::Missing { reason } => self.missing.set(reason),
            SpaceTell::Picture => {
                if let Ok(blob) = message.get(1).dyn_into() {
                    save(&blob, &picture_name(desk));
                }
            }
            SpaceTell::Frames(frames) => report(frames),
        }
    }

    /// Looks at what an address says.
    pub(crate) fn read(desk: Desk, address: &Address) {
        desk.ask(&Ask::Space(SpaceAsk::Link { hash: address.write() }));
    }

    /// Writes into an address what is looked at.
    pub(crate) fn write(self, address: &mut Address) {
        let link = self.link.get();
        if link.is_empty() {
            return;
        }
        let told = Address::read(&link);
        for name in Link::NAMES {
            address.set(name, told.value(name).unwrap_or_default());
        }
    }
}

/// Binds the tools.
pub(crate) fn bind(desk: Desk) {
    let SpaceDesk { state, missing, .. } = desk.space;
    let in_space = move || desk.view.get() == View::Space;
    let can = move || missing.with(String::is_empty);
    shown(&by_id("space-tools"), move || in_space() && can() && desk.summary.with(Option::is_some));
    let sentence = by_id("space-missing");
    shown(&sentence, move || in_space() && !can());
    text(&sentence, move || missing.get());

    // Buttons do what keys do.
    for (id, key) in [
        ("space-restart", "r"),
        ("space-play", "p"),
        ("space-slower", "s"),
        ("space-faster", "f"),
        ("space-thinner", "-"),
        ("space-wider", "+"),
        ("space-row", "l"),
        ("space-names", "n"),
        ("space-spin", "a"),
        ("space-fit", "Home"),
    ] {
        click(&by_id(id), move || {
            desk.ask(&Ask::Key { key: key.to_owned(), shift: false });
            focus_stage();
        });
    }
    let play = by_id("space-play");
    flag(&play, "aria-pressed", move || state.with(|state| state.playing));
    text(&play, move || if state.with(|state| state.playing) { "Pause" } else { "Play" });
    flag(&by_id("space-row"), "aria-pressed", move || state.with(|state| state.row));
    flag(&by_id("space-names"), "aria-pressed", move || state.with(|state| state.labels));
    flag(&by_id("space-spin"), "aria-pressed", move || state.with(|state| state.spin));
    text(&by_id("space-speed"), move || {
        state.with(|state| format!("{}/s", time::length(state.rate)))
    });
    text(&by_id("space-shown"), move || state.with(|state| state.shown.clone()));
    text(&by_id("space-time"), move || {
        state
            .with(|state| format!("{} of {}", time::length(state.at), time::length(state.duration)))
    });
    let tools = by_id("space-tools");
    attribute(&tools, "data-now", move || state.with(|state| format!("{:.0}", state.at)));
    attribute(&tools, "data-width", move || state.with(|state| format!("{:.2}", state.width)));
    attribute(&tools, "data-hash", move || state.with(|state| state.hash.clone()));
    highlights(desk);
    scrubber(desk);
    click(&by_id("space-picture"), move || desk.ask(&Ask::Space(SpaceAsk::Picture)));
    click(&by_id("space-link"), move || {
        let href = window().location().href().unwrap_or_default();
        // It fails where the page may not write to the clipboard; the address has it, too.
        let _ = window().navigator().clipboard().write_text(&href);
    });
    on(&tools, "measure", move |_: Event| desk.ask(&Ask::Space(SpaceAsk::Frames)));
    links(desk);
    calm(desk);
}

/// Keeps the worker informed whether the reader wants things to move.
fn calm(desk: Desk) {
    let calm = window().match_media("(prefers-reduced-motion: reduce)").ok().flatten();
    let Some(calm) = calm else { return };
    let media = calm.clone();
    let tell = move || desk.ask(&Ask::Space(SpaceAsk::Calm { calm: media.matches() }));
    let now = tell.clone();
    effect(move || {
        if desk.ready.get() {
            now();
        }
    });
    on(&calm, "change", move |_: Event| tell());
}

fn highlights(desk: Desk) {
    let state = desk.space.state;
    for highlight in Highlight::ALL {
        let button = at(&by_id("space-tools"), &format!("[data-bright={}]", highlight.name()));
        flag(&button, "aria-pressed", move || state.with(|state| state.highlight == highlight));
        click(&button, move || {
            desk.ask(&Ask::Space(SpaceAsk::Highlight(highlight)));
            focus_stage();
        });
    }
}

fn scrubber(desk: Desk) {
    let state = desk.space.state;
    let scrubber = by_id("space-scrubber");
    let input: HtmlInputElement = scrubber.clone().unchecked_into();
    edited(&scrubber, "input", move |value| {
        let part = value.parse::<f64>().unwrap_or(0.0) / STEPS;
        let duration = state.with_untracked(|state| state.duration);
        desk.ask(&Ask::Space(SpaceAsk::Seek { at: part * duration }));
    });
    let spoken = scrubber;
    effect(move || {
        let (at, duration) = state.with(|state| (state.at, state.duration));
        let value = format!("{:.1}", at / duration.max(1.0) * STEPS);
        if input.value() != value {
            input.set_value(&value);
        }
        set(&spoken, "aria-valuetext", &time::length(at));
    });
}

/// The link follows what is shown once that stands still: browsers forbid to change the address
/// with every frame.
fn links(desk: Desk) {
    let SpaceDesk { state, link, .. } = desk.space;
    let waits = StoredValue::new(false);
    effect(move || {
        let settled = state.with(|state| !state.playing && state.duration > 0.0);
        if !settled || waits.get_value() {
            return;
        }
        waits.set_value(true);
        gloo::timers::callback::Timeout::new(SETTLED, move || {
            waits.set_value(false);
            // Something to write even where all is as usual.
            link.set(
                state.with_untracked(|state| format!("#{}", state.hash.trim_start_matches('#'))),
            );
        })
        .forget();
    });
}

fn focus_stage() {
    let stage: HtmlElement = by_id("stage");
    let _ = stage.focus();
}

fn picture_name(desk: Desk) -> String {
    let name = desk.summary.with_untracked(|summary| {
        summary.as_ref().map_or_else(String::new, |summary| summary.name.clone())
    });
    let base = name.rsplit(['/', '\\']).next().unwrap_or_default();
    format!("{}.png", if base.is_empty() { "goroutines" } else { base })
}

/// Saves a blob as a file.
fn save(blob: &Blob, name: &str) {
    let Ok(url) = Url::create_object_url_with_blob(blob) else { return };
    if let Ok(link) = document().create_element("a") {
        let link: HtmlAnchorElement = link.unchecked_into();
        link.set_href(&url);
        link.set_download(name);
        link.click();
    }
    // The browser reads it after the click was handled.
    gloo::timers::callback::Timeout::new(10_000, move || {
        let _ = Url::revoke_object_url(&url);
    })
    .forget();
}

/// What frames cost, for whoever measures: as attributes of the tools.
fn report(frames: Frames) {
    let tools = by_id("space-tools");
    for (name, value) in [
        ("data-frames", frames.frames),
        ("data-cpu", frames.cpu),
        ("data-longest", frames.longest),
        ("data-primitives", frames.primitives),
        ("data-segments", frames.segments),
        ("data-links", frames.links),
        ("data-lines", frames.lines),
        ("data-grouped", frames.grouped),
        ("data-builds", frames.builds),
        ("data-build", frames.build),
        ("data-uploaded", frames.uploaded),
    ] {
        set(&tools, name, &format!("{value:.3}"));
    }
}
