//! What is known and what is looked at: the only home of state that panels share.
//!
//! Two kinds of state. What changes with every hit lies in plain columns ([`Data`]), outside the
//! reactive graph, and is painted in one animation frame. What changes when a person does
//! something lies in [`State`]s ([`Session`]).

pub mod api;
pub mod embed;
pub mod embedded;
pub mod flow;
pub mod live;
pub mod marks;
pub mod model;
pub mod navigate;
pub mod opened;
pub mod paint;
pub mod patch;
pub mod recording;
pub mod scope;
pub mod sources;
pub mod theme;
pub mod token;
pub mod url;
pub mod view;

use std::cell::{OnceCell, Ref, RefCell, RefMut};
use std::sync::Arc;

use coverage::Totals;

use crate::live::layout::Activity;
use crate::ui::bind::effect;
use crate::ui::state::State;
use crate::ui::text::grouped;
use live::Link;
use model::{Change, Live};
use recording::Recorded;
use scope::Scope;
use theme::Theme;
use url::Route;
use view::View;
use wire::details::Details;

/// What changes with every hit.
#[derive(Debug, Default)]
pub struct Data {
    /// All that the relay has told.
    pub live: Live,
    /// The processes that are looked at, added up.
    pub view: View,
    /// Traced function entries.
    pub flow: flow::Flow,
    /// What ran just now.
    pub activity: Activity,
    /// Milliseconds that the relay's clock is ahead of this machine's.
    pub ahead_ms: f64,
    /// Whether the view stands still.
    pub paused: bool,
    scope: Scope,
    seen_structure: u64,
    scope_changed: bool,
}

impl Data {
    /// The relay's clock, in Unix milliseconds.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a clock is positive and far below 2^53"
    )]
    pub fn now_ms(&self) -> u64 {
        (js_sys::Date::now() + self.ahead_ms).max(0.0) as u64
    }

    /// What is known of what is looked at besides counts, where it comes from files.
    pub fn details(&self) -> Option<&Details> {
        let handle = *self.view.members.first()?;
        let mut all = self.live.opened.iter().chain(&self.live.processes);
        let details = &all.find(|process| process.info.handle == handle)?.details;
        (!details.metrics.is_empty()).then_some(details)
    }

    /// What is counted: statements, or lines where nothing else is known.
    pub fn word(&self) -> &'static str {
        if self.details().is_some_and(|details| details.lines) { "line" } else { "statement" }
    }

    /// Totals of all metrics, where there are others than Go's.
    pub fn metrics(&self) -> Option<String> {
        let mut text = String::new();
        for metric in &self.details()?.metrics {
            text.push_str(if text.is_empty() { "" } else { ", " });
            text.push_str(&grouped(metric.covered));
            text.push_str(" of ");
            text.push_str(&grouped(metric.total));
            text.push(' ');
            text.push_str(&metric.name);
        }
        Some(text)
    }

    /// Adds hits to the view, unless it stands still.
    pub fn add(&mut self, changes: &[Change]) {
        if !self.paused {
            // A view that must be added up anew will find the hits in the processes.
            for change in changes {
                self.view.add(change);
            }
        }
    }

    /// Adds the view up anew where something else than hits has changed. Says whether it did.
    pub fn settle(&mut self) -> bool {
        if self.paused && !self.scope_changed {
            return false;
        }
        if self.seen_structure == self.live.structure && !self.scope_changed {
            return false;
        }
        self.seen_structure = self.live.structure;
        self.scope_changed = false;
        self.view.rebuild(&self.live, &self.scope);
        true
    }
}

thread_local! {
    static SESSION: OnceCell<Session> = const { OnceCell::new() };
    static DATA: &'static RefCell<Data> = Box::leak(Box::default());
}

// Both are compiled anew for each of a hundred closures; so they hold next to nothing.

/// Looks at the columns.
pub fn read<R>(look: impl FnOnce(&Data) -> R) -> R {
    look(&shared())
}

/// Changes the columns.
pub fn write<R>(change: impl FnOnce(&mut Data) -> R) -> R {
    change(&mut exclusive())
}

#[inline(never)]
fn shared() -> Ref<'static, Data> {
    DATA.with(|data| data.borrow())
}

#[inline(never)]
fn exclusive() -> RefMut<'static, Data> {
    DATA.with(|data| data.borrow_mut())
}

/// The numbers in the header, four times a second.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Header {
    /// Totals of what is looked at.
    pub totals: Totals,
    /// Hits in a second.
    pub rate: f64,
    /// Processes that are looked at.
    pub processes: usize,
}

/// A message to the person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notice {
    /// One sentence.
    pub text: String,
    /// Whether something went wrong.
    pub failed: bool,
}

/// What changes when a person does something. Copies share the state.
#[derive(Debug, Clone, Copy)]
pub struct Session {
    /// What is looked at.
    pub route: State<Route>,
    /// The connection.
    pub link: State<Link>,
    /// Numbers in the header.
    pub header: State<Header>,
    /// Grows when processes, packages or states have changed.
    pub structure: State<u64>,
    /// Whether the view stands still.
    pub paused: State<bool>,
    /// Light, dark, or as the system.
    pub theme: State<Theme>,
    /// When the recording under way started, in Unix milliseconds of the relay.
    pub recording: State<Option<u64>>,
    /// Finished recordings, oldest first.
    pub recorded: State<Vec<Arc<Recorded>>>,
    /// Recording whose counts the source shows instead of the live ones.
    pub lens: State<Option<usize>>,
    /// How far the worker is that reads files.
    pub opening: State<Option<opened::Progress>>,
    /// What could not be read of the files opened last: file, place and reason of each.
    pub unread: State<Vec<String>>,
    /// Grows when sources were opened; 0 without any.
    pub sources: State<u64>,
    /// The diff that is open.
    pub diff: State<Option<patch::Diff>>,
    /// What of it is covered, once that is known.
    pub patch: State<Option<Arc<patch::Patch>>>,
    /// What to tell the person.
    pub notice: State<Option<Notice>>,
    /// Four times a second: for what shows times.
    pub tick: State<u64>,
    /// Row of the tree that the keyboard is on.
    pub selected: State<Option<crate::files::layout::Node>>,
}

impl Session {
    /// The state at the start, as the link says.
    pub fn start() -> Self {
        let route = navigate::current();
        write(|data| data.scope = route.scope.clone());
        let session = Self {
            route: State::new(route),
            link: State::new(Link::Connecting),
            header: State::default(),
            structure: State::default(),
            paused: State::new(false),
            theme: State::new(theme::stored()),
            recording: State::new(None),
            recorded: State::default(),
            lens: State::new(None),
            opening: State::new(None),
            unread: State::default(),
            sources: State::default(),
            diff: State::new(None),
            patch: State::new(None),
            notice: State::new(None),
            tick: State::default(),
            selected: State::new(None),
        };
        SESSION.with(|slot| {
            let _ = slot.set(session);
        });
        theme::follow(session);
        navigate::follow(session);
        if !embedded::open(session) {
            live::connect(session);
            opened::start(session);
            patch::follow(session);
        }
        live::beat(session);
        embed::serve(session);
        effect(move || {
            let scope = session.route.with(|route| route.scope.clone());
            let changed = read(|data| data.scope != scope);
            if changed {
                write(|data| {
                    data.scope = scope;
                    data.scope_changed = true;
                });
                paint::request();
            }
        });
        paint::on_paint(move |_| {
            if write(Data::settle) {
                session.structure.update(|version| *version += 1);
            }
        });
        session
    }

    /// The session of the page.
    ///
    /// # Panics
    /// Before it has started, which is a mistake in this crate.
    pub fn expect() -> Self {
        SESSION.with(|slot| *slot.get().expect("the page starts with its session"))
    }

    /// Tells the person that something went as asked.
    pub fn tell(self, text: impl Into<String>) {
        self.notice.set(Some(Notice { text: text.into(), failed: false }));
    }

    /// Tells the person that something went wrong.
    pub fn fail(self, text: impl Into<String>) {
        self.notice.set(Some(Notice { text: text.into(), failed: true }));
    }

    /// Says so where what is looked at was opened from files: nothing in it runs.
    pub fn stands_still(self) -> bool {
        let opened = self.route.with_untracked(|route| route.scope.is_opened());
        if opened {
            self.fail("This profile comes from files: nothing in it runs");
        }
        opened
    }

    /// Lets the view stand still, or run on.
    pub fn toggle_pause(self) {
        if self.stands_still() {
            return;
        }
        let paused = !self.paused.get_untracked();
        write(|data| {
            data.paused = paused;
            // On resuming, what happened meanwhile is in the processes.
            data.scope_changed |= !paused;
        });
        self.paused.set(paused);
        paint::request();
    }
}
