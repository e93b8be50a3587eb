//! The source of a file with what ran of it.

pub mod go;
pub mod layout;
mod row;
mod ruler;

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use coverage::{FileIdx, Fraction};
use leptos::html::{Canvas, Div};
use leptos::prelude::*;
use leptos::task::spawn_local;
use wasm_bindgen::JsCast;
use web_sys::MouseEvent;
use wire::SourceId;

use crate::files::layout::{HOT_MS, Node};
use crate::session::api::ApiError;
use crate::session::recording::Recorded;
use crate::session::{Data, Session, paint, read, sources};
use crate::ui::dynamic::{click, effect, memo, part, shown, text};
use crate::ui::icon::icon;
use crate::ui::rows::{Rows, pixels, reveal};
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
    /// Only its units are: why.
    Missing(String),
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

type Shared = Rc<RefCell<Open>>;
/// File, function and lines that the link names.
type Target = (Option<String>, Option<String>, Option<(u32, u32)>);
/// Goes to uncovered code, back or forth.
type Go = Rc<dyn Fn(bool)>;

/// Paints with the columns of the view, or of the recording that is looked at.
fn with_paint<R>(
    data: &Data,
    sheet: &Sheet,
    lens: Option<&Recorded>,
    frame_ms: f64,
    selection: Option<(u32, u32)>,
    paint: impl FnOnce(&Paint<'_>) -> R,
) -> R {
    let view = &data.view;
    paint(&Paint {
        sheet,
        shape: view.shape(),
        counts: lens.map_or(&view.counts, |recorded| recorded.profile.counts()),
        last: if lens.is_some() { &[] } else { &view.last },
        now_ms: data.now_ms(),
        frame_ms,
        selection,
        glows: lens.is_none(),
    })
}

/// The source view.
#[component]
pub fn Source() -> impl IntoView {
    let session = Session::expect();
    let open: Shared = Rc::default();
    let load = RwSignal::new(Load::Nothing);
    let scroller: NodeRef<Div> = NodeRef::new();
    let canvas: NodeRef<Canvas> = NodeRef::new();
    let lens = move || session.lens_recording();
    let lens_name = memo(move || lens().map(|recorded| recorded.name.clone()));
    // A line shows other counts when the lens does.
    let again = open.clone();
    effect(move || {
        lens_name.with(|_| ());
        again.borrow_mut().fresh = true;
        paint::request();
    });

    // Which file, and its text.
    let target = memo(move || {
        session.route.with(|route| (route.file.clone(), route.function.clone(), route.lines))
    });
    let shared = open.clone();
    Effect::new(move |before: Option<Target>| {
        session.structure.track();
        let target = target.get();
        let moved = before.as_ref() != Some(&target);
        find(session, &shared, load, target.clone(), moved);
        paint::request();
        target
    });

    let shared = open.clone();
    let mut rows: Option<Rows<LineRow>> = None;
    let mut ruler = Ruler::default();
    let mut pace = Pace::default();
    let drawn = Cell::new(0u64);
    paint::on_paint(move |frame_ms| {
        let Some(element) = scroller.get_untracked() else {
            rows = None;
            return;
        };
        let element: web_sys::HtmlElement = element.unchecked_into();
        let rows = match &mut rows {
            Some(rows) if rows.scroller().is_same_node(Some(&element)) => rows,
            slot => slot.insert(Rows::new(element, ROW_PX, "line")),
        };
        let mut open = shared.borrow_mut();
        let selection = session.route.with_untracked(|route| route.lines);
        let lens = untrack(lens);
        read(|data| {
            // A sheet of another shape names other units.
            if open.file.is_none() || open.version != data.view.shape_version {
                return;
            }
            if let Some(line) = open.goto.take() {
                let length = pixels("", open.sheet.n_lines(), ROW_PX, "");
                if let Some(spacer) = rows.scroller().first_element_child() {
                    let spacer: web_sys::HtmlElement = spacer.unchecked_into();
                    let _ = spacer.style().set_property("height", &length);
                }
                rows.reveal(line, true);
            }
            let fresh = std::mem::take(&mut open.fresh);
            let sheet = &open.sheet;
            with_paint(data, sheet, lens.as_deref(), frame_ms, selection, |paint| {
                rows.update(sheet.n_lines(), fresh, LineRow::new, |row, _, line| {
                    row.show(paint, line);
                });
                let turn = pace.turn(frame_ms);
                rows.each(|row, _, _| pace.count(row.refresh(paint, turn)));
                if pace.waits(turn) {
                    paint::request();
                }
                let tick = session.tick.get_untracked();
                if let Some(canvas) = canvas.get_untracked()
                    && (fresh || drawn.replace(tick) != tick)
                {
                    ruler.draw(&canvas, sheet, paint.counts, paint.last, paint.now_ms);
                }
            });
        });
    });

    let clicked = move |event: MouseEvent| {
        let selecting = window().get_selection().ok().flatten();
        if selecting.is_some_and(|selection| !selection.is_collapsed()) {
            return;
        }
        let Some(element) = scroller.get_untracked() else { return };
        let top = element.get_bounding_client_rect().top();
        let y = f64::from(event.client_y()) - top + f64::from(element.scroll_top());
        let line = (y / ROW_PX) as u32 + 1;
        let extend = event.shift_key();
        session.adjust(|route| {
            route.function = None;
            route.lines = match route.lines {
                Some((from, _)) if extend => Some((from.min(line), from.max(line))),
                Some(lines) if lines == (line, line) => None,
                _ => Some((line, line)),
            };
        });
    };
    let held = StoredValue::new_local(open.clone());
    let jumped = move |event: MouseEvent| {
        let (Some(canvas), Some(element)) = (canvas.get_untracked(), scroller.get_untracked())
        else {
            return;
        };
        let rect = canvas.get_bounding_client_rect();
        let y = f64::from(event.client_y()) - rect.top();
        let line = held.get_value().borrow().sheet.overview_line(y, rect.height());
        reveal(&element, ROW_PX, line, true);
    };
    let status = move || {
        session.tick.track();
        load.track();
        let (from, to) = session.route.with(|route| route.lines)?;
        let lens = lens();
        let open = held.get_value();
        let open = open.try_borrow().ok()?;
        read(|data| {
            if open.version != data.view.shape_version || open.file.is_none() {
                return None;
            }
            let line = from.saturating_sub(1) as usize;
            let text = with_paint(data, &open.sheet, lens.as_deref(), 0.0, None, |paint| {
                describe(paint, line)
            });
            Some(if from == to { text } else { format!("Lines {from}–{to} · {text}") })
        })
    };
    let shared = open.clone();
    on_uncovered(move |back| {
        let open = shared.borrow();
        let lens = untrack(lens);
        let at = session.route.with_untracked(|route| route.lines).map_or(0, |lines| lines.0);
        let next = read(|data| {
            let counts = lens.as_ref().map_or(&data.view.counts[..], |r| r.profile.counts());
            open.sheet.next_uncovered(at.saturating_sub(1) as usize, back, counts)
        });
        match next {
            Some(line) => {
                let line = line as u32 + 1;
                session.adjust(|route| {
                    route.function = None;
                    route.lines = Some((line, line));
                });
                if let Some(element) = scroller.get_untracked() {
                    reveal(&element, ROW_PX, line as usize - 1, true);
                }
            }
            None if open.file.is_some() => session.tell("Nothing in this file is uncovered"),
            None => {}
        }
    });

    let has_rows = move || load.with(|load| matches!(load, Load::Shown | Load::Missing(_)));
    view! {
        <section class="source" aria-label="Source">
            {header(session, load)}
            {part(move || match lens_name.get() {
                None => ().into_any(),
                Some(name) => view! {
                    <div class="lens">
                        <span>{format!("Counts of “{name}” only")}</span>
                        <button class="plain" on:click=click(move || session.lens.set(None))>"Back to live"</button>
                    </div>
                }.into_any(),
            })}
            {part(move || match load.get() {
                Load::Missing(reason) => view! {
                    <p class="banner" role="status">
                        {format!("Counts only: {reason}. Lines, columns and numbers are right; the text is not here.")}
                    </p>
                }.into_any(),
                _ => ().into_any(),
            })}
            {shown(has_rows, move || view! {
                <div class="sheet">
                    <div
                        class="code"
                        role="region"
                        aria-label="Lines of the source"
                        tabindex="0"
                        node_ref=scroller
                        on:click=clicked
                    ></div>
                    <canvas
                        class="ruler"
                        aria-hidden="true"
                        title="The whole file: wide is uncovered, yellow is hot"
                        node_ref=canvas
                        on:click=jumped
                    ></canvas>
                </div>
            }.into_any())}
            {shown(move || !has_rows(), move || part(move || empty(session, load)).into_any())}
            <div class="status-line">
                {text(move || status().unwrap_or_else(|| {
                    let hint = "Click a line for its units; n and p go to what is uncovered";
                    if has_rows() { hint.into() } else { String::new() }
                }))}
            </div>
        </section>
    }
}

thread_local! {
    static UNCOVERED: RefCell<Option<Go>> = const { RefCell::new(None) };
}

/// What [`go_uncovered`] does, as long as the source is on the page.
fn on_uncovered(go: impl Fn(bool) + 'static) {
    UNCOVERED.set(Some(Rc::new(go)));
    on_cleanup(|| UNCOVERED.set(None));
}

/// Goes to the next uncovered line of the open file, or back to the one before.
pub fn go_uncovered(back: bool) {
    let go = UNCOVERED.with_borrow(Clone::clone);
    if let Some(go) = go {
        go(back);
    }
}

/// Opens the file of the route, and fetches its text if need be.
fn find(
    session: Session,
    shared: &Shared,
    load: RwSignal<Load>,
    (path, function, lines): Target,
    moved: bool,
) {
    let set = |to: Load| {
        if load.get_untracked() != to {
            load.set(to);
        }
    };
    let Some(path) = path else {
        choose(session);
        return set(Load::Nothing);
    };
    let found = read(|data| {
        let file = data.view.file_named(&path)?;
        Some((file, data.view.source(file), data.view.shape_version))
    });
    let Some((file, source, version)) = found else {
        shared.borrow_mut().file = None;
        return set(Load::Unknown(path));
    };
    let known = {
        let open = shared.borrow();
        open.path == path && open.source == Some(source) && open.file.is_some()
    };
    if known && shared.borrow().version == version {
        if moved {
            go_to(&mut shared.borrow_mut(), function.as_deref(), lines, false);
        }
        // Another file may be on its way, and is not wanted any more.
        let load_of_open = shared.borrow().load.clone();
        if load.get_untracked() != load_of_open {
            shared.borrow_mut().fresh = true;
            load.set(load_of_open);
            paint::request();
        }
        return;
    }
    let shared = shared.clone();
    let show = move |text: Option<String>, load: &Load| {
        let mut open = shared.borrow_mut();
        let sheet = read(|data| {
            let same = data.view.shape_version == version;
            same.then(|| Sheet::new(data.view.shape(), file, text))
        });
        // What was looked at has changed meanwhile; this runs again for that.
        let Some(sheet) = sheet else { return };
        let first = open.path != path || open.source != Some(source);
        *open = Open {
            path: path.clone(),
            file: Some(file),
            source: Some(source),
            version,
            sheet,
            fresh: true,
            goto: None,
            load: load.clone(),
        };
        if first || moved {
            go_to(&mut open, function.as_deref(), lines, first);
        }
        drop(open);
        paint::request();
    };
    if let Some(text) = sources::known(source) {
        show(Some(text.to_string()), &Load::Shown);
        return set(Load::Shown);
    }
    if !known {
        set(Load::Loading);
    }
    spawn_local(async move {
        let got = sources::get(source).await;
        let to = match &got {
            Ok(_) => Load::Shown,
            Err(ApiError::NotFound) => Load::Missing(if source == SourceId::UNKNOWN {
                "the source was not there when the program was built".into()
            } else {
                "nobody who is connected has the source as it was built".into()
            }),
            Err(error @ ApiError::Failed(_)) => Load::Missing(error.text().to_lowercase()),
        };
        // Another file may have been asked for meanwhile.
        let wanted = session.route.with_untracked(|route| route.file.clone());
        let still = read(|data| {
            wanted.and_then(|path| data.view.file_named(&path)) == Some(file)
                && data.view.shape_version == version
        });
        if still {
            show(got.ok().map(|text| text.to_string()), &to);
            load.set(to);
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
fn header(session: Session, load: RwSignal<Load>) -> AnyView {
    let path = memo(move || session.route.with(|route| route.file.clone()));
    let file = memo(move || {
        load.track();
        session.structure.track();
        path.get().and_then(|path| read(|data| data.view.file_named(&path)))
    });
    let statements = memo(move || {
        session.tick.track();
        let statements = |file: FileIdx| {
            read(|data| data.view.tree.files.get(file.index()).map(|totals| totals.statements))
        };
        file.get().and_then(statements).unwrap_or_default()
    });
    let copy = move || {
        let address = window().location().href().unwrap_or_default();
        spawn_local(async move {
            let write = window().navigator().clipboard().write_text(&address);
            match wasm_bindgen_futures::JsFuture::from(write).await {
                Ok(_) => session.tell("Link copied"),
                Err(_) => session.fail("The browser doesn't allow it; copy the address instead"),
            }
        });
    };
    let trace = move || {
        if let Some(file) = file.get_untracked() {
            crate::live::trace::toggle(session, Node::File(file.0));
        }
    };
    let tools = move || {
        view! {
            <span class="file-total" title="Statements covered">
                <span class="words">
                    {text(move || {
                        let Fraction { covered, total } = statements.get();
                        format!("{} of {}", grouped(covered), plural(total, "statement"))
                    })}
                </span>
                <b>{text(move || {
                    let Fraction { covered, total } = statements.get();
                    percent(covered, total)
                })}</b>
            </span>
            {tool("up", "Previous uncovered (p)", || go_uncovered(true))}
            {tool("down", "Next uncovered (n)", || go_uncovered(false))}
            {tool("trace", "Trace who calls into this file", trace)}
            {tool("link", "Copy a link to this view", copy)}
        }
        .into_any()
    };
    view! {
        <div class="file-head">
            <h2>
                <span class="folder">{text(move || {
                    let path = path.get().unwrap_or_default();
                    path.rsplit_once('/').map_or(String::new(), |(folder, _)| format!("{folder}/"))
                })}</span>
                {text(move || match path.get() {
                    Some(path) => path.rsplit('/').next().unwrap_or_default().to_owned(),
                    None => "Source".into(),
                })}
            </h2>
            {shown(move || file.get().is_some(), tools)}
        </div>
    }
    .into_any()
}

fn tool(name: &'static str, title: &'static str, run: impl FnMut() + 'static) -> AnyView {
    view! {
        <button class="tool" title=title aria-label=title on:click=click(run)>{icon(name)}</button>
    }
    .into_any()
}

/// What stands in the place of the source when there is none to show.
fn empty(session: Session, load: RwSignal<Load>) -> AnyView {
    session.structure.track();
    let (any, in_scope) =
        read(|data| (!data.live.processes.is_empty(), !data.view.members.is_empty()));
    let content = match load.get() {
        Load::Loading => view! { <p class="dim">"Loading the source…"</p> }.into_any(),
        _ if !any => view! { <crate::app::Welcome/> }.into_any(),
        _ if !in_scope => view! {
            <h2>"No process matches this choice"</h2>
            <p>"The service, build or process of this link is not here (any more)"</p>
            <button class="plain" on:click=click(move || session.go(|route| {
                route.scope = crate::session::scope::Scope::Newest;
            }))>"Show the newest builds"</button>
        }
        .into_any(),
        Load::Unknown(path) => view! {
            <h2>"This file is not in what you look at"</h2>
            <p class="mono">{path}</p>
            <button class="plain" on:click=click(move || session.go(|route| {
                route.file = None;
                route.function = None;
                route.lines = None;
            }))>"Open the file that runs most"</button>
        }
        .into_any(),
        _ => view! { <p class="dim">"Choose a file in the tree"</p> }.into_any(),
    };
    view! { <div class="empty">{content}</div> }.into_any()
}
