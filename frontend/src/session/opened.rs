//! Profiles that were opened from files, and the sources that were opened with them.
//!
//! A worker of its own reads, for as long as that takes, and answers in frames ([`crate::open::frames`]): they
//! go into [`Live::opened`], where no greeting of a relay clears them, and everything that shows
//! live counts shows them, by a [`Scope::Opened`]. The worker also keeps what was opened in the
//! browser's database, and brings it back when the page is loaded again.
//!
//! ```text
//! page → worker   ["read", names, blobs, source names, source blobs]     ["url", address]
//!                 ["forget", id or ""]   ["restore"]   ["write", id, format]   ["align"]
//!                 ["rules", text, whether case is ignored, look], before anything else; look is an
//!                 id and the test of which only is meant what it ran of that profile, or empty
//!                 ["look", former look]   the profiles of both anew
//!                 ["compare", operation, id, id]   of merge, intersect, subtract
//!                 ["report", id or "", text profile where there is no id, names, sources]
//!                 ["lines", id or "", files] of the document of traces, which has a worker of its own
//! worker → page   ["ready", ids, names] of the formats that can be written   ["progress", thousandths, text]   ["frames", buffer]
//!                 ["tests", id, names, how much each ran], before the frames of a profile
//!                 ["sources", names, blobs]   ["file", name, bytes]   ["failed", reason]
//!                 ["done", unread files*, id to show] when all is there to be shown
//!                 ["trace", markup of a frame for it, name, blob]
//!                 ["lines", whether there is such a profile, for each of the files: undefined, or
//!                 its path in the profile, counts by line (NaN where there is nothing to cover) and
//!                 its text or undefined]
//!                 ["over"] at the end, when it is kept too
//! for diffs       see [`patch`]
//! ```

use std::cell::RefCell;
use std::rc::Rc;

use algebra::paths::best_match;
use coverage::{FileIdx, Profile};
use formats::go_text;
use gloo::storage::{LocalStorage, Storage};
use js_sys::{Array, ArrayBuffer, Object, Reflect, Uint8Array};
use leptos::task::spawn_local;
use wasm_bindgen::prelude::Closure;
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;
use web_sys::{Blob, Event, MessageEvent, Worker, WorkerOptions, WorkerType};
use wire::RelayToViewer;
use wire::frame::{Frame, Process as ProcessInfo};

use super::model::{Live, hex};
use super::scope::Scope;
use super::url::{self, Panel, Route};
use super::view::View;
use super::{Session, api, paint, patch, read, sources, write};
use crate::open::frames::{COMPUTED, UNITED, handle};
use crate::ui::bind::{body, effect};

/// Where the worker is; both ways to build the page put it there.
pub const WORKER: &str = "/worker_loader.js";
/// What the person says of names: rules, one in a line, after [`IGNORE_CASE`] or not.
const RULES: &str = "coverglass.rules";
const IGNORE_CASE: &str = "ignore case\n";
/// Says that the browser keeps something.
pub const KEPT: &str = "coverglass.opened";

/// How far the worker is; without text where there is nothing to wait for.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Progress {
    /// Thousandths of all bytes.
    pub thousandths: u32,
    /// Files and bytes, and what is being read.
    pub text: String,
}

/// A worker at work.
struct Running {
    worker: Worker,
    is_ready: bool,
    is_busy: bool,
    _message: Closure<dyn FnMut(MessageEvent)>,
    _error: Closure<dyn FnMut(Event)>,
}

#[derive(Default)]
struct Desk {
    running: Option<Running>,
    waiting: Array,
    /// Names of sources, and their content, as the worker sent them.
    names: Array,
    blobs: Array,
    /// Ids and names of the formats that can be written.
    formats: Array,
    format_names: Array,
    /// By id, what the worker told of tests.
    tests: Object,
    /// What the worker was told last that is meant.
    look: String,
}

thread_local! {
    static DESK: RefCell<Desk> = RefCell::default();
}

/// The opened profile with this id, its packages by path; `None` where it is not open.
pub fn profile_in(live: &Live, id: &str) -> Option<Profile> {
    let mut view = View::default();
    view.rebuild(live, &Scope::Opened(id.to_owned()));
    (!view.members.is_empty()).then(|| profile(&view))
}

fn profile(view: &View) -> Profile {
    Profile::new(view.mode(), view.shape().clone(), view.counts.clone())
}

/// What is looked at as a Go text profile.
pub fn counts() -> String {
    read(|data| go_text::write(&profile(&data.view)))
}

/// Names of the formats that what was opened can be saved as, once a worker has told them.
pub fn formats() -> Vec<String> {
    let names = DESK.with_borrow(|desk| desk.format_names.clone());
    names.iter().filter_map(|name| name.as_string()).collect()
}

/// Names of the tests of what is looked at, and how much each ran.
pub fn tests(session: Session) -> [Array; 2] {
    session.structure.track();
    let id = session.route.with(|route| match &route.scope {
        Scope::Opened(id) => JsValue::from_str(id),
        _ => JsValue::UNDEFINED,
    });
    let told = DESK.with_borrow(|desk| Reflect::get(&desk.tests, &id).unwrap_or_default());
    let told: Array = told.dyn_into().unwrap_or_default();
    [2, 3].map(|at| told.get(at).dyn_into().unwrap_or_default())
}

/// What the worker is to mean: the id of a profile, and the test of which only is meant what it
/// ran. Empty where everything is meant.
fn look(route: &Route) -> String {
    match &route.scope {
        Scope::Opened(id) if !route.test.is_empty() => [id, route.test.as_str()].concat(),
        _ => String::new(),
    }
}

/// Asks the worker for profiles anew of which another part is meant.
fn follow(session: Session) {
    effect(move || {
        let now = session.route.with(look);
        let before = DESK.with_borrow(|desk| desk.look.clone());
        // What is not open yet comes as it is meant.
        if now != before && read(|data| !data.live.opened.is_empty()) {
            order(session, Array::of2(&"look".into(), &before.into()));
        }
    });
}

/// Gives the person what is looked at in a format, by its position in [`formats()`].
pub fn save(session: Session, format: usize) {
    let format = DESK.with_borrow(|desk| desk.formats.get(format as u32));
    match session.route.with_untracked(|route| route.scope.clone()) {
        Scope::Opened(id) => order(session, Array::of3(&"write".into(), &id.into(), &format)),
        _ => session.fail("Only opened profiles can be saved so"),
    }
}

/// What is looked at, for the worker: the id of what it keeps, or else the counts as text.
pub(super) fn looked_at(scope: &Scope) -> (JsValue, JsValue) {
    if let Scope::Opened(id) = scope {
        return (id.into(), JsValue::UNDEFINED);
    }
    ("".into(), counts().into())
}

/// Gives the person what is looked at as a report: this page with the data inside, as one file.
pub fn report(session: Session) {
    let scope = session.route.with_untracked(|route| route.scope.clone());
    let (id, counts) = looked_at(&scope);
    let job = Array::of3(&"report".into(), &id, &counts);
    if scope.is_opened() {
        DESK.with_borrow(|desk| {
            job.push(&desk.names);
            job.push(&desk.blobs);
        });
        return order(session, job);
    }
    let files: Vec<_> = read(|data| {
        let files = (0..).map(FileIdx).zip(data.view.shape().files());
        files.map(|(file, it)| (it.path.to_string(), data.view.source(file))).collect()
    });
    if files.is_empty() {
        return session.fail("There is nothing to save yet");
    }
    spawn_local(async move {
        let (names, texts) = (Array::new(), Array::new());
        for (path, source) in files {
            if let Ok(text) = sources::get(source, &path).await {
                names.push(&path.into());
                texts.push(&(&*text).into());
            }
        }
        job.push(&names);
        job.push(&texts);
        order(session, job);
    });
}

/// Brings back what the browser keeps, and what the address names.
pub(super) fn start(session: Session) {
    follow(session);
    if LocalStorage::raw().get_item(KEPT).ok().flatten().is_some() {
        order(session, Array::of1(&"restore".into()));
    }
    let search = leptos::prelude::window().location().search().unwrap_or_default();
    let mut fields = search.trim_start_matches('?').split('&');
    if let Some(address) = fields.find_map(|field| field.strip_prefix("url=")) {
        order(session, Array::of2(&"url".into(), &url::decode(address).into()));
    }
}

/// Reads files: `names` with the folders that lead to them, and their content.
pub fn open(session: Session, names: &Array, files: &Array) {
    let job = Array::of3(&"read".into(), names, files);
    DESK.with_borrow(|desk| {
        job.push(&desk.names);
        job.push(&desk.blobs);
    });
    order(session, job);
}

/// Computes a profile of two opened ones and shows it.
pub fn compare(session: Session, operation: &str, a: String, b: String) {
    order(session, Array::of4(&"compare".into(), &operation.into(), &a.into(), &b.into()));
}

/// What the person says of names: rules in the form FROM=TO, one in a line, and whether case is
/// ignored.
pub fn rules() -> (String, bool) {
    let text = LocalStorage::raw().get_item(RULES).ok().flatten().unwrap_or_default();
    match text.strip_prefix(IGNORE_CASE) {
        Some(rules) => (rules.to_owned(), true),
        None => (text, false),
    }
}

/// Keeps [`rules`], and gives everything that is open the names that follow from them.
pub fn set_rules(session: Session, rules: &str, ignore_case: bool) {
    let prefix = if ignore_case { IGNORE_CASE } else { "" };
    let _ = LocalStorage::raw().set_item(RULES, &format!("{prefix}{rules}"));
    order(session, Array::of1(&"align".into()));
}

/// Closes an opened profile and forgets it.
pub fn close(session: Session, id: &str) {
    write(|data| {
        let found = data.live.opened.iter().find(|opened| opened.key() == id);
        if let Some(handle) = found.map(|opened| opened.info.handle) {
            data.live.close(handle);
        }
        let is_report = |info: &ProcessInfo| info.key != UNITED && !info.host.starts_with(COMPUTED);
        let reports = data.live.opened.iter().filter(|opened| is_report(&opened.info));
        if reports.count() < 2 {
            data.live.close(handle(UNITED));
        }
    });
    order(session, Array::of2(&"forget".into(), &id.into()));
    away(session);
}

/// Closes all opened profiles and sources and forgets them.
pub fn forget(session: Session) {
    write(|data| {
        while let Some(handle) = data.live.opened.last().map(|opened| opened.info.handle) {
            data.live.close(handle);
        }
    });
    DESK.with_borrow_mut(|desk| {
        desk.names = Array::new();
        desk.blobs = Array::new();
    });
    LocalStorage::delete(KEPT);
    patch::release(session);
    session.unread.set(Vec::new());
    session.sources.set(0);
    order(session, Array::of2(&"forget".into(), &"".into()));
    away(session);
    session.tell("Forgotten: this browser keeps nothing of what was opened");
}

/// Looks at something that is there.
fn away(session: Session) {
    let gone = session.route.with_untracked(|route| {
        route.scope.is_opened() && read(|data| route.scope.members(&data.live).is_empty())
    });
    if gone {
        let next = read(|data| data.live.opened.first().map(|opened| opened.key()));
        session.go(|route| {
            route.scope = next.map_or(Scope::Newest, Scope::Opened);
            route.file = None;
            route.function = None;
            route.lines = None;
        });
    }
    paint::request();
}

/// Ends the reading under way, and those that wait. What is open stays.
pub fn cancel(session: Session) {
    DESK.with_borrow_mut(|desk| {
        desk.waiting = Array::new();
        if let Some(running) = desk.running.take() {
            running.worker.terminate();
        }
    });
    patch::over();
    session.opening.set(None);
    session.tell("Cancelled: nothing of it was opened");
}

/// Gives the worker something to do, when it is done with what came before.
pub(super) fn order(session: Session, job: Array) {
    DESK.with_borrow_mut(|desk| desk.waiting.push(&job));
    next(session);
}

/// Hands the worker the job that waits, once there is a worker that waits for one.
fn next(session: Session) {
    if DESK.with_borrow(|desk| desk.waiting.length() == 0) {
        return;
    }
    prepare(session);
    if session.opening.with_untracked(Option::is_none) {
        session.opening.set(Some(Progress::default()));
    }
    DESK.with_borrow_mut(|desk| {
        let Some(running) = desk.running.as_mut().filter(|it| it.is_ready && !it.is_busy) else {
            return;
        };
        running.is_busy = true;
        let (rules, case) = rules();
        let look = session.route.with_untracked(look);
        let rules = Array::of4(&"rules".into(), &rules.into(), &case.into(), &(&look).into());
        desk.look = look;
        let _ = running.worker.post_message(&rules);
        let _ = running.worker.post_message(&desk.waiting.shift());
    });
}

/// Starts a worker if none runs: it takes a while until one can be given something to do.
pub fn prepare(session: Session) {
    DESK.with_borrow_mut(|desk| {
        if desk.running.is_some() {
            return;
        }
        let options = WorkerOptions::new();
        options.set_type(WorkerType::Module);
        let Ok(worker) = Worker::new_with_options(WORKER, &options) else {
            session.fail("This browser lets no worker read files");
            return;
        };
        let message = Closure::<dyn FnMut(MessageEvent)>::new(move |event: MessageEvent| {
            answered(session, &event.data().unchecked_into());
        });
        let error = Closure::<dyn FnMut(Event)>::new(move |_| {
            end(session);
            session
                .fail("The files can't be read: the reader stopped; what was open is still here");
        });
        worker.set_onmessage(Some(message.as_ref().unchecked_ref()));
        worker.set_onerror(Some(error.as_ref().unchecked_ref()));
        desk.running = Some(Running {
            worker,
            is_ready: false,
            is_busy: false,
            _message: message,
            _error: error,
        });
    });
}

/// Lets the worker go, which frees its memory, and goes on with what waits.
fn end(session: Session) {
    let running = DESK.with_borrow_mut(|desk| desk.running.take());
    if let Some(running) = running {
        running.worker.terminate();
        // The closure that runs now is its own.
        gloo::timers::callback::Timeout::new(0, move || drop(running)).forget();
    }
    patch::over();
    session.opening.set(None);
    next(session);
}

fn answered(session: Session, message: &Array) {
    let text = |at| message.get(at).as_string().unwrap_or_default();
    match text(0).as_str() {
        "ready" => {
            DESK.with_borrow_mut(|desk| {
                desk.formats = message.get(1).unchecked_into();
                desk.format_names = message.get(2).unchecked_into();
                if let Some(running) = &mut desk.running {
                    running.is_ready = true;
                }
            });
            next(session);
        }
        "progress" => {
            let thousandths = message.get(1).as_f64().unwrap_or_default() as u32;
            session.opening.set(Some(Progress { thousandths, text: text(2) }));
        }
        "frames" => {
            let buffer: ArrayBuffer = message.get(1).unchecked_into();
            receive(session, &Uint8Array::new(&buffer).to_vec());
        }
        "tests" => DESK.with_borrow(|desk| {
            let _ = Reflect::set(&desk.tests, &message.get(1), message);
        }),
        "sources" => {
            DESK.with_borrow_mut(|desk| {
                desk.names = message.get(1).unchecked_into();
                desk.blobs = message.get(2).unchecked_into();
            });
            let _ = LocalStorage::raw().set_item(KEPT, "1");
            session.sources.update(|version| *version += 1);
        }
        "file" => {
            api::save_part(&text(1), &message.get(2));
            session.tell(format!("Saved as {}", text(1)));
        }
        "trace" => {
            // The frame takes it from there, and goes by itself.
            let body = body();
            let _ = Reflect::set(&body, &"trace".into(), message);
            let _ = body.insert_adjacent_html("beforeend", &text(1));
        }
        "diff" => patch::hold(session, message),
        "patch" => patch::receive(session, message),
        "over" => end(session),
        "failed" => session.fail(text(1)),
        "done" => {
            let unread: Array = message.get(1).unchecked_into();
            done(session, unread.iter().filter_map(|line| line.as_string()).collect(), &text(2));
        }
        _ => {}
    }
}

/// Takes frames in. Nobody hears of them before all are there.
fn receive(session: Session, message: &[u8]) {
    let taken = RelayToViewer::decode(message).and_then(|frames| {
        write(|data| {
            let structure = data.live.structure;
            let mut result = Ok(());
            for frame in frames {
                result = result.and(data.live.apply(frame, &mut Vec::new()));
            }
            data.live.structure = structure;
            result
        })
    });
    if let Err(error) = taken {
        session.fail(format!("A profile is too large for this page: {error}"));
    }
}

fn done(session: Session, unread: Vec<String>, id: &str) {
    let n_unread = unread.len();
    if !id.is_empty() || n_unread > 0 {
        session.unread.set(unread);
    }
    write(|data| data.live.structure += 1);
    if read(|data| !data.live.opened.is_empty()) {
        let _ = LocalStorage::raw().set_item(KEPT, "1");
    }
    if !id.is_empty() {
        session.go(|route| {
            let scope = Scope::Opened(id.to_owned());
            // Where nothing was looked at, a file is named by the link that also named the profile.
            if route.scope != scope && read(|data| !data.view.members.is_empty()) {
                route.file = None;
                route.function = None;
                route.lines = None;
            }
            route.scope = scope;
            route.panel = Panel::Opened;
        });
    } else if n_unread > 0 {
        session.adjust(|route| route.panel = Panel::Opened);
    }
    let united = Scope::Opened(hex(&UNITED));
    if session.route.with_untracked(|route| route.scope == united)
        && read(|data| !data.live.opened.is_empty())
    {
        away(session);
    }
    match n_unread {
        0 => {}
        1 => session.fail("A file could not be read; see “Opened” for the place and the reason"),
        n => session.fail(format!("{n} files could not be read; see “Opened” for the reasons")),
    }
    paint::request();
}

/// The source of a file of a profile, among those that were opened.
pub async fn source(path: &str) -> Option<Rc<str>> {
    let (names, blobs) = DESK.with_borrow(|desk| (desk.names.clone(), desk.blobs.clone()));
    let names: Vec<String> = names.iter().filter_map(|name| name.as_string()).collect();
    let at = names.iter().position(|name| name == path).or_else(|| {
        let found = best_match(path, names.iter().map(String::as_str))?;
        // The file may be meant for another one of the profile.
        let shape = read(|data| data.view.shape().clone());
        let back = best_match(found, shape.files().iter().map(|file| file.path.as_str()))?;
        names.iter().position(|name| back == path && name == found)
    })?;
    let blob: Blob = blobs.get(at as u32).unchecked_into();
    let text = JsFuture::from(blob.text()).await.ok()?;
    text.as_string().map(Into::into)
}
