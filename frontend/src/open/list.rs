//! The panel of opened profiles: what is open, what was odd in it, and what could not be read.

use coverage::Fraction;
use wasm_bindgen::JsCast;
use web_sys::{Element, HtmlElement, HtmlInputElement, HtmlSelectElement};

use super::frames::UNITED;
use crate::patch::layout::fraction;
use crate::session::model::hex;
use crate::session::opened::{self, close};
use crate::session::patch;
use crate::session::scope::Scope;
use crate::session::url::Tab;
use crate::session::{Data, Session, read};
use crate::ui::bind::{self, click, effect, flag, memo, part, shown, text};
use crate::ui::dom::{Bar, child};
use crate::ui::state::Derived;
use crate::ui::text::{grouped, percent, plural};

/// An opened profile, as it is shown.
#[derive(Debug, Clone, PartialEq)]
struct Item {
    id: String,
    name: String,
    detail: String,
    covered: u64,
    total: u64,
    lines: bool,
    notes: Vec<String>,
}

fn items(data: &Data) -> Vec<Item> {
    let opened = data.live.opened.iter();
    opened
        .map(|opened| {
            let statements = opened.statements(&data.live.packs);
            let files = match opened.info.pid {
                0 | 1 => String::new(),
                n => format!(" · {} files", grouped(u64::from(n))),
            };
            Item {
                id: opened.key(),
                name: opened.info.service.clone(),
                detail: format!("{}{files}", opened.info.host),
                covered: statements.covered,
                total: statements.total,
                lines: opened.details.lines,
                notes: opened.info.arguments.clone(),
            }
        })
        .collect()
}

/// The panel.
pub fn bind(session: Session, panel: &HtmlElement) {
    let items = memo(move || {
        session.structure.track();
        read(items)
    });
    part(&bind::at(panel, "ul"), move || {
        let rows = items.with(|items| items.iter().map(|item| row(session, item)).collect());
        with_diff(session, rows)
    });
    compare(session, &bind::at(panel, ".compare"), items);
    save_as(session, bind::at(panel, ".as").unchecked_into(), items);
    rules(session, &bind::at(panel, ".rules"));
    let unread = session.unread;
    let failures = bind::at(panel, ".unread");
    shown(&failures, move || unread.with(|unread| !unread.is_empty()));
    text(&bind::at(&failures, "summary"), move || {
        plural(unread.with(Vec::len) as u64, "file") + " could not be read"
    });
    let place = bind::at(&failures, "ol");
    part(&place.clone(), move || lines(&place, &unread.get()));
    shown(&bind::at(panel, ".kept"), move || {
        items.with(|items| !items.is_empty())
            || session.sources.with(|version| *version > 0)
            || session.diff.with(Option::is_some)
    });
}

/// The form that compares two profiles, where there are two.
fn compare(session: Session, form: &HtmlElement, items: Derived<Vec<Item>>) {
    shown(form, move || items.with(|items| items.len() > 1));
    let sides = ["a", "b"].map(|name| -> HtmlSelectElement {
        bind::at(form, &format!("[name={name}]")).unchecked_into()
    });
    for (default, side) in sides.clone().into_iter().enumerate() {
        effect(move || {
            let chosen = side.value();
            side.set_text_content(None);
            items.with(|items| {
                for item in items {
                    let option = child(&side, "option", "");
                    option.set_text_content(Some(&item.name));
                    bind::set(&option, "value", &item.id);
                }
                let is_there = items.iter().any(|item| item.id == chosen);
                let id =
                    if is_there { Some(&chosen) } else { items.get(default).map(|item| &item.id) };
                side.set_value(id.map_or("", |id| id));
            });
        });
    }
    for operation in ["merge", "intersect", "subtract", "new"] {
        let sides = sides.clone();
        click(&bind::at(form, &format!("[value={operation}]")), move || {
            let [a, b] = sides.each_ref().map(HtmlSelectElement::value);
            match operation {
                "new" => opened::compare(session, "subtract", b, a),
                _ => opened::compare(session, operation, a, b),
            }
        });
    }
}

/// The menu of formats to save what is looked at in.
fn save_as(session: Session, menu: HtmlSelectElement, items: Derived<Vec<Item>>) {
    shown(&menu, move || {
        items.with(|items| !items.is_empty()) && session.route.with(|route| route.scope.is_opened())
    });
    let list = menu.clone();
    effect(move || {
        // Whoever told of items told of formats before.
        items.with(Vec::len);
        if list.length() < 2 {
            for name in opened::formats() {
                child(&list, "option", "").set_text_content(Some(&name));
            }
        }
    });
    let list = menu.clone();
    bind::edited(&menu, "change", move |_| {
        if let Ok(format) = usize::try_from(list.selected_index() - 1) {
            opened::save(session, format);
        }
        list.set_selected_index(0);
    });
}

/// The form with what the person says of names.
fn rules(session: Session, form: &HtmlElement) {
    let field: HtmlInputElement = bind::at(form, "textarea").unchecked_into();
    let case: HtmlInputElement = bind::at(form, "input").unchecked_into();
    let set = move |rules: &str, ignore_case| {
        field.set_value(rules);
        case.set_checked(ignore_case);
        (field.clone(), case.clone())
    };
    let (rules, ignore_case) = opened::rules();
    let (field, case) = set(&rules, ignore_case);
    click(&bind::at(form, "[value=apply]"), move || {
        opened::set_rules(session, &field.value(), case.checked());
    });
    click(&bind::at(form, "[value=forget]"), move || {
        set("", false);
        opened::set_rules(session, "", false);
    });
}

/// Most lines that a list shows.
const LINES: usize = 200;

fn lines(place: &Element, lines: &[String]) -> Vec<HtmlElement> {
    let shown = lines.iter().take(LINES).cloned();
    let more = lines.len().saturating_sub(LINES);
    let more = (more > 0).then(|| format!("and {} more", grouped(more as u64)));
    shown
        .chain(more)
        .map(|line| {
            let row = child(place, "li", "");
            row.set_text_content(Some(&line));
            row
        })
        .collect()
}

/// The rows with one more for the diff that is open.
fn with_diff(session: Session, mut rows: Vec<HtmlElement>) -> Vec<HtmlElement> {
    let Some(diff) = session.diff.get() else { return rows };
    let patch = session.patch.get();
    let n_files = patch.as_ref().map(|patch| (patch.files.len() + patch.unknown.len()) as u64);
    let files = n_files.map_or(String::new(), |n| format!(" · {}", plural(n, "file")));
    let lines = patch.map_or(Fraction::default(), |patch| fraction(patch.sums));
    let item = Item {
        id: String::new(),
        name: diff.name,
        detail: format!("unified diff{files}"),
        covered: lines.covered,
        total: lines.total,
        lines: true,
        notes: Vec::new(),
    };
    let row = filled(&item, "changed lines");
    let choose = bind::at(&row, ".process");
    flag(&choose, "aria-pressed", move || session.route.with(|route| route.tab == Tab::Patch));
    click(&choose, move || session.go(|route| route.tab = Tab::Patch));
    click(&bind::at(&row, ".shut"), move || patch::close(session));
    rows.push(row);
    rows
}

fn row(session: Session, item: &Item) -> HtmlElement {
    let row = filled(item, if item.lines { "lines" } else { "statements" });
    let id = item.id.clone();
    let choose = bind::at(&row, ".process");
    flag(&choose, "aria-pressed", move || {
        session.route.with(|route| route.scope == Scope::Opened(id.clone()))
    });
    let id = item.id.clone();
    click(&choose, move || {
        session.go(|route| route.scope = Scope::Opened(id.clone()));
    });
    let id = item.id.clone();
    let shut = bind::at(&row, ".shut");
    // What is put together goes with what it is made of.
    shut.set_hidden(id == hex(&UNITED));
    click(&shut, move || close(session, &id));
    row
}

/// A row with its texts; `what` is counted in it.
fn filled(item: &Item, what: &str) -> HtmlElement {
    let row = bind::copy("opened");
    for (selector, text) in [
        (".name", &item.name),
        (".place", &item.detail),
        (".percent", &percent(item.covered, item.total)),
    ] {
        bind::at(&row, selector).set_text_content(Some(text));
    }
    bind::set(
        &bind::at(&row, ".process"),
        "title",
        &format!("{}: {} of {} {what}", item.name, grouped(item.covered), grouped(item.total)),
    );
    Bar::of(bind::at(&row, ".fill")).set(item.covered, item.total);
    let shut = bind::at(&row, ".shut");
    bind::set(&shut, "aria-label", &format!("Close {}", item.name));
    let notes = bind::at(&row, "details");
    notes.set_hidden(item.notes.is_empty());
    let count = plural(item.notes.len() as u64, "note");
    bind::at(&notes, "summary").set_text_content(Some(&count));
    lines(&bind::at(&notes, "ol"), &item.notes);
    row
}
