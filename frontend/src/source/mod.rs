//! The source of a file with what ran of it.

pub mod go;
pub mod layout;
mod row;
mod ruler;

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::Arc;

use coverage::{FileIdx, Fraction};
use leptos::prelude::*;
use leptos::task::spawn_local;
use wasm_bindgen::JsCast;
use web_sys::{Element, HtmlCanvasElement, HtmlElement, MouseEvent};
use wire::SourceId;

use crate::files::layout::{HOT_MS, Node};
use crate::session::api::ApiError;
use crate::session::patch::Patch;
use crate::session::recording::Recorded;
use crate::session::{Data, Session, paint, read, sources};
use crate::ui::bind::{self, click, effect, memo, on, shown, text};
use crate::ui::rows::{Rows, pixels, reveal};
use crate::ui::state::State;
use crate::ui::text::{grouped, percent, plural};
use layout::Sheet;
use row::{LineRow, Pace, Paint, describe};
use ruler::Ruler;

/// Height of a line in pixels, as in the style sheet.
const ROW_PX: f64 = 20.0;

/// What of a file is at hand.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
enum Load {
    /// No file is asked for.
    #[default]
    Nothing,
    /// The file is not in what is looked at.
    Unknown(String),
    /// Its text is on its way.
    Loading,
    /// It is shown.
    Shown,
    /// It is shown, but it is not the text that was measured.
    Misfit,
    /// Only its units are: why.
    Missing(String),
}

impl Load {
    /// Whether there are rows.
    fn has_rows(&self) -> bool {
        matches!(self, Load::Shown | Load::Misfit | Load::Missing(_))
    }
}

/// The open file.
#[derive(Default)]
struct Open {
    path: String,
    file: Option<FileIdx>,
    source: Option<SourceId>,
    version: u64,
    sheet: Sheet,
    fresh: bool,
    goto: Option<usize>,
    /// What of it is at hand: shown or missing.
    load: Load,
}

/// A file that is to be opened.
struct Wanted {
    path: String,
    file: FileIdx,
    source: SourceId,
    version: u64,
    /// Whether the link has changed, not only what is known of the file.
    moved: bool,
    function: Option<String>,
    lines: Option<(u32, u32)>,
}

/// The source view.
struct Source {
    session: Session,
    load: State<Load>,
    open: RefCell<Open>,
    code: HtmlElement,
    ruler: HtmlCanvasElement,
}

/// Where to go in the open file.
enum Place {
    /// Uncovered code, back or forth.
    Uncovered { back: bool },
    /// A line, from 0.
    Line(usize),
}

type Go = Rc<dyn Fn(Place)>;

thread_local! {
    static LOAD: State<Load> = State::default();
    static GO: RefCell<Option<Go>> = const { RefCell::new(None) };
}

/// Lines are painted from the columns of the view, or of the recording that is looked at.
fn paint_of<'a>(
    data: &'a Data,
    sheet: &'a Sheet,
    lens: Option<&'a Recorded>,
    patch: Option<(&'a Patch, &'a str)>,
    frame_ms: f64,
    selection: Option<(u32, u32)>,
) -> Paint<'a> {
    let view = &data.view;
    Paint {
        sheet,
        shape: view.shape(),
        counts: lens.map_or(&view.counts, |recorded| recorded.profile.counts()),
        last: if lens.is_some() { &[] } else { &view.last },
        now_ms: data.now_ms(),
        frame_ms,
        selection,
        patch,
        glows: lens.is_none(),
    }
}

/// The source view.
pub fn show(session: Session) -> HtmlElement {
    let section = bind::copy("source");
    let load = LOAD.with(|load| *load);
    load.set(Load::Nothing);
    let code = bind::at(&section, ".code");
    let ruler = bind::at(&section, ".ruler").unchecked_into();
    let source = Rc::new(Source { session, load, open: RefCell::default(), code, ruler });

    let lens_name = memo(move || session.lens_recording().map(|recorded| recorded.name.clone()));
    let lens = bind::at(&section, ".lens");
    shown(&lens, move || lens_name.with(Option::is_some));
    text(&bind::at(&lens, "span"), move || {
        format!("Counts of “{}” only", lens_name.get().unwrap_or_default())
    });
    click(&bind::at(&lens, "button"), move || session.lens.set(None));
    let shared = source.clone();
    effect(move || {
        // A line shows other counts when the lens does, and whether the diff that is open changes it.
        lens_name.with(|_| ());
        session.patch.track();
        shared.open.borrow_mut().fresh = true;
        paint::request();
    });

    head(session, load, &bind::at(&section, ".file-head"));
    let banner = bind::at(&section, ".banner");
    shown(&banner, move || load.with(|load| matches!(load, Load::Misfit | Load::Missing(_))));
    text(&banner, move || match load.get() {
        Load::Missing(reason) => format!(
            "Counts only: {reason}. Lines, columns and numbers are right; the text is not here."
        ),
        Load::Misfit => {
            "This source is of another version than the counts: marks may be in wrong places".into()
        }
        _ => String::new(),
    });
    shown(&bind::at(&section, ".sheet"), move || load.with(Load::has_rows));
    empty(session, load, &bind::at(&section, ".empty"));
    let shared = source.clone();
    text(&bind::at(&section, ".status-line"), move || {
        let hint = "Click a line for what is known of it; n and p go to what is uncovered";
        let hint = if load.with(Load::has_rows) { hint } else { "" };
        shared.status().unwrap_or_else(|| hint.into())
    });

    // Which file, and its text.
    let target = memo(move || {
        session.route.with(|route| (route.file.clone(), route.function.clone(), route.lines))
    });
    let shared = source.clone();
    let mut before = None;
    let mut n_sources = 0;
    effect(move || {
        session.structure.track();
        let now = session.sources.get();
        if std::mem::replace(&mut n_sources, now) != now {
            // What had no text may have one now.
            shared.open.borrow_mut().source = None;
        }
        let target = target.get();
        let moved = before.as_ref() != Some(&target);
        before = Some(target.clone());
        let (path, function, lines) = target;
        find(&shared, path, function, lines, moved);
        paint::request();
    });

    let shared = source.clone();
    let mut painter = Painter::default();
    paint::on_paint(move |frame_ms| shared.paint(&mut painter, frame_ms));
    let shared = source.clone();
    on(&source.code, "click", move |event: MouseEvent| shared.clicked(&event));
    let shared = source.clone();
    on(&source.ruler, "click", move |event: MouseEvent| shared.jumped(&event));
    GO.set(Some(Rc::new(move |place| match place {
        Place::Uncovered { back } => source.go_uncovered(back),
        Place::Line(line) => reveal(&source.code, ROW_PX, line, true),
    })));
    on_cleanup(|| GO.set(None));
    section
}

/// What is painted by hand, as long as there are rows.
#[derive(Default)]
struct Painter {
    rows: Option<Rows<LineRow>>,
    ruler: Ruler,
    pace: Pace,
    drawn: Cell<u64>,
}

impl Source {
    /// The recording that is looked at, for what doesn't run again when it is another one.
    fn lens(&self) -> Option<Arc<Recorded>> {
        untrack(|| self.session.lens_recording())
    }

    fn paint(&self, painter: &mut Painter, frame_ms: f64) {
        let Painter { rows, ruler, pace, drawn } = painter;
        if !self.load.with_untracked(Load::has_rows) {
            if rows.take().is_some() {
                self.code.set_text_content(None);
            }
            return;
        }
        let rows = rows.get_or_insert_with(|| Rows::new(self.code.clone(), ROW_PX, "line"));
        let mut open = self.open.borrow_mut();
        let selection = self.session.route.with_untracked(|route| route.lines);
        let lens = self.lens();
        let patch = self.session.patch.get_untracked();
        read(|data| {
            // A sheet of another shape names other units.
            if open.file.is_none() || open.version != data.view.shape_version {
                return;
            }
            if let Some(line) = open.goto.take() {
                let length = pixels("", open.sheet.n_lines(), ROW_PX, "");
                if let Some(spacer) = self.code.first_element_child() {
                    let spacer: HtmlElement = spacer.unchecked_into();
                    let _ = spacer.style().set_property("height", &length);
                }
                rows.reveal(line, true);
            }
            let fresh = std::mem::take(&mut open.fresh);
            let sheet = &open.sheet;
            let patch = patch.as_deref().map(|patch| (patch, open.path.as_str()));
            let paint = paint_of(data, sheet, lens.as_deref(), patch, frame_ms, selection);
            rows.update(sheet.n_lines(), fresh, LineRow::new, |row, _, line| {
                row.show(&paint, line);
            });
            let turn = pace.turn(frame_ms);
            rows.each(|row, _, _| pace.count(row.refresh(&paint, turn)));
            if pace.waits(turn) {
                paint::request();
            }
            let tick = self.session.tick.get_untracked();
            if fresh || drawn.replace(tick) != tick {
                ruler.draw(&self.ruler, sheet, paint.counts, paint.last, paint.now_ms);
            }
        });
    }

    fn clicked(&self, event: &MouseEvent) {
        let selecting = window().get_selection().ok().flatten();
        if selecting.is_some_and(|selection| !selection.is_collapsed()) {
            return;
        }
        let top = self.code.get_bounding_client_rect().top();
        let y = f64::from(event.client_y()) - top + f64::from(self.code.scroll_top());
        let line = (y / ROW_PX) as u32 + 1;
        let extend = event.shift_key();
        self.session.adjust(|route| {
            route.function = None;
            route.lines = match route.lines {
                Some((from, _)) if extend => Some((from.min(line), from.max(line))),
                Some(lines) if lines == (line, line) => None,
                _ => Some((line, line)),
            };
        });
    }

    fn jumped(&self, event: &MouseEvent) {
        let rect = self.ruler.get_bounding_client_rect();
        let y = f64::from(event.client_y()) - rect.top();
        let line = self.open.borrow().sheet.overview_line(y, rect.height());
        reveal(&self.code, ROW_PX, line, true);
    }

    /// What is known of the selected line.
    fn status(&self) -> Option<String> {
        self.session.tick.track();
        self.load.track();
        let (from, to) = self.session.route.with(|route| route.lines)?;
        let lens = self.session.lens_recording();
        let open = self.open.try_borrow().ok()?;
        let patch = self.session.patch.get();
        read(|data| {
            if open.version != data.view.shape_version || open.file.is_none() {
                return None;
            }
            let line = from.saturating_sub(1) as usize;
            let patch = patch.as_deref().map(|patch| (patch, open.path.as_str()));
            let paint = paint_of(data, &open.sheet, lens.as_deref(), patch, 0.0, None);
            let text = describe(&paint, line);
            Some(if from == to { text } else { format!("Lines {from}–{to} · {text}") })
        })
    }

    fn go_uncovered(&self, back: bool) {
        let open = self.open.borrow();
        let lens = self.lens();
        let at = self.session.route.with_untracked(|route| route.lines).map_or(0, |lines| lines.0);
        let next = read(|data| {
            let counts = lens.as_ref().map_or(&data.view.counts[..], |r| r.profile.counts());
            open.sheet.next_uncovered(at.saturating_sub(1) as usize, back, counts)
        });
        match next {
            Some(line) => {
                let number = line as u32 + 1;
                self.session.adjust(|route| {
                    route.function = None;
                    route.lines = Some((number, number));
                });
                reveal(&self.code, ROW_PX, line, true);
            }
            None if open.file.is_some() => self.session.tell("Nothing in this file is uncovered"),
            None => {}
        }
    }

    fn set_load(&self, to: Load) {
        if self.load.with_untracked(|load| *load != to) {
            self.load.set(to);
        }
    }

    /// Shows a file, with its text or only with its units.
    fn show(&self, wanted: Wanted, text: Option<String>, mut load: Load) {
        let Wanted { path, file, source, version, moved, function, lines } = wanted;
        let sheet = read(|data| {
            let same = data.view.shape_version == version;
            same.then(|| {
                let mut sheet = Sheet::new(data.view.shape(), file, text);
                let details = data.details().and_then(|details| details.file(&path));
                sheet.details = details.and_then(|file| file.lines().ok()).unwrap_or_default();
                sheet
            })
        });
        // What was looked at has changed meanwhile; this runs again for that.
        if let Some(sheet) = sheet {
            let mut open = self.open.borrow_mut();
            let first = open.path != path || open.source != Some(source);
            let (file, source) = (Some(file), Some(source));
            if sheet.misfits {
                load = Load::Misfit;
            }
            let load = load.clone();
            *open = Open { path, file, source, version, sheet, fresh: true, goto: None, load };
            if first || moved {
                go_to(&mut open, function.as_deref(), lines, first);
            }
            drop(open);
            paint::request();
        }
        self.set_load(load);
    }
}

/// Goes to the next uncovered line of the open file, or back to the one before.
pub fn go_uncovered(back: bool) {
    go(Place::Uncovered { back });
}

/// Scrolls the open file, if there is one, to a line, from 0.
pub fn scroll_to(line: usize) {
    go(Place::Line(line));
}

fn go(place: Place) {
    let go = GO.with_borrow(Clone::clone);
    if let Some(go) = go {
        go(place);
    }
}

/// Opens the file of the route, and fetches its text if need be.
fn find(
    view: &Rc<Source>,
    path: Option<String>,
    function: Option<String>,
    lines: Option<(u32, u32)>,
    moved: bool,
) {
    let Some(path) = path else {
        choose(view.session);
        return view.set_load(Load::Nothing);
    };
    let found = read(|data| {
        let file = data.view.file_named(&path)?;
        Some((file, data.view.source(file), data.view.shape_version))
    });
    let Some((file, source, version)) = found else {
        view.open.borrow_mut().file = None;
        return view.set_load(Load::Unknown(path));
    };
    let mut open = view.open.borrow_mut();
    let known = open.path == path && open.source == Some(source) && open.file.is_some();
    if known && open.version == version {
        if moved {
            go_to(&mut open, function.as_deref(), lines, false);
        }
        // Another file may be on its way, and is not wanted any more.
        let load = open.load.clone();
        if view.load.with_untracked(|now| *now != load) {
            open.fresh = true;
            drop(open);
            view.load.set(load);
            paint::request();
        }
        return;
    }
    drop(open);
    let wanted = Wanted { path, file, source, version, moved, function, lines };
    if let Some(text) = sources::known(source) {
        return view.show(wanted, Some(text.to_string()), Load::Shown);
    }
    if !known {
        view.set_load(Load::Loading);
    }
    let view = view.clone();
    let opened = view.session.route.with_untracked(|route| route.scope.is_opened());
    spawn_local(async move {
        let got = sources::get(source, &wanted.path).await;
        let load = match &got {
            Ok(_) => Load::Shown,
            Err(ApiError::NotFound) if view.session.is_report() => {
                Load::Missing("the report was made without this source".into())
            }
            Err(ApiError::NotFound) if opened => Load::Missing(
                "no source of this file was opened: drop the folder with the sources".into(),
            ),
            Err(ApiError::NotFound) => Load::Missing(if source == SourceId::UNKNOWN {
                "the source was not there when the program was built".into()
            } else {
                "nobody who is connected has the source as it was built".into()
            }),
            Err(error @ ApiError::Failed(_)) => Load::Missing(error.text().to_ascii_lowercase()),
        };
        // Another file may have been asked for meanwhile.
        let path = view.session.route.with_untracked(|route| route.file.clone());
        let still = read(|data| {
            path.and_then(|path| data.view.file_named(&path)) == Some(file)
                && data.view.shape_version == version
        });
        if still {
            view.show(wanted, got.ok().map(|text| text.to_string()), load);
        }
    });
}

/// Scrolls to what the link names; a file that is opened anew starts at its first function
/// otherwise.
fn go_to(open: &mut Open, function: Option<&str>, lines: Option<(u32, u32)>, first: bool) {
    let named = function.and_then(|name| {
        read(|data| {
            let functions = data.view.shape().functions();
            let row = open
                .sheet
                .functions
                .iter()
                .find(|(_, row)| functions.get(*row as usize).is_some_and(|f| f.name == name));
            row.map(|(line, _)| *line as usize)
        })
    });
    let line = lines.map(|(from, _)| from.saturating_sub(1) as usize).or(named);
    // What can run is of more interest than what is imported.
    let start = open.sheet.functions.first().map_or(0, |(line, _)| *line as usize);
    open.goto = line.or(first.then_some(start));
    // A line that the person clicked is in sight already.
    if !first && function.is_none() {
        open.goto = None;
    }
}

/// Opens a file when nobody has asked for one: of those that run now, the one with most to see.
fn choose(session: Session) {
    let path = read(|data| {
        let view = &data.view;
        let now = data.now_ms();
        let hot = |row: usize| now.saturating_sub(view.file_last[row]) < HOT_MS;
        let files = view.shape().files();
        let best = (0..files.len()).max_by_key(|&row| {
            (hot(row), view.tree.files[row].statements.covered, usize::MAX - row)
        })?;
        Some(files[best].path.to_string())
    });
    if let Some(path) = path {
        session.adjust(|route| route.file = Some(path));
    }
}

/// What stands above the source: the file's name, its total, and what can be done with it.
fn head(session: Session, load: State<Load>, head: &Element) {
    let path = memo(move || session.route.with(|route| route.file.clone()).unwrap_or_default());
    let file = memo(move || {
        load.track();
        session.structure.track();
        path.with(|path| read(|data| data.view.file_named(path)))
    });
    let statements = memo(move || {
        session.tick.track();
        let statements = |file: FileIdx| {
            read(|data| data.view.tree.files.get(file.index()).map(|totals| totals.statements))
        };
        file.get().and_then(statements).unwrap_or_default()
    });
    text(&bind::at(head, ".folder"), move || {
        path.with(|path| {
            path.rsplit_once('/').map_or(String::new(), |(folder, _)| format!("{folder}/"))
        })
    });
    text(&bind::at(head, ".folder + span"), move || {
        path.with(|path| match path.rsplit('/').next() {
            Some("") | None => "Source".to_owned(),
            Some(name) => name.to_owned(),
        })
    });
    shown(&bind::at(head, ".file-tools"), move || file.get().is_some());
    text(&bind::at(head, ".words"), move || {
        let Fraction { covered, total } = statements.get();
        format!("{} of {}", grouped(covered), plural(total, read(Data::word)))
    });
    text(&bind::at(head, "b"), move || {
        let Fraction { covered, total } = statements.get();
        percent(covered, total)
    });
    click(&bind::at(head, ".previous"), || go_uncovered(true));
    click(&bind::at(head, ".next"), || go_uncovered(false));
    click(&bind::at(head, ".trace-file"), move || {
        let path = session.route.with_untracked(|route| route.file.clone()).unwrap_or_default();
        if let Some(file) = read(|data| data.view.file_named(&path)) {
            crate::live::trace::toggle(session, Node::File(file.0));
        }
    });
    click(&bind::at(head, ".copy-link"), move || {
        let address = window().location().href().unwrap_or_default();
        spawn_local(async move {
            let write = window().navigator().clipboard().write_text(&address);
            match wasm_bindgen_futures::JsFuture::from(write).await {
                Ok(_) => session.tell("Link copied"),
                Err(_) => session.fail("The browser doesn't allow it; copy the address instead"),
            }
        });
    });
}

/// What stands in the place of the source when there is none to show.
fn empty(session: Session, load: State<Load>, place: &Element) {
    let why = memo(move || {
        session.structure.track();
        let (any, in_scope) =
            read(|data| (!data.live.processes.is_empty(), !data.view.members.is_empty()));
        let opened = session.route.with(|route| route.scope.is_opened());
        let reading = session.opening.with(Option::is_some);
        load.with(|load| match load {
            Load::Shown | Load::Misfit | Load::Missing(_) => "",
            Load::Loading => "loading",
            _ if opened && !in_scope && reading => "loading",
            _ if opened && !in_scope => "closed",
            _ if !opened && !any => "welcome",
            _ if !in_scope => "scope",
            Load::Unknown(_) => "unknown",
            Load::Nothing => "nothing",
        })
    });
    shown(place, move || !why.get().is_empty());
    for reason in ["loading", "welcome", "scope", "closed", "unknown", "nothing"] {
        let part = bind::at(place, &format!("[data-why={reason}]"));
        shown(&part, move || why.get() == reason);
        if reason == "welcome" {
            let _ = part.append_child(&crate::welcome::show(session));
        }
    }
    text(&bind::at(place, ".mono"), move || match load.get() {
        Load::Unknown(path) => path,
        _ => String::new(),
    });
    click(&bind::at(place, "[data-why=scope] button"), move || {
        session.go(|route| route.scope = crate::session::scope::Scope::Newest);
    });
    click(&bind::at(place, "[data-why=unknown] button"), move || {
        session.go(|route| {
            route.file = None;
            route.function = None;
            route.lines = None;
        });
    });
}
