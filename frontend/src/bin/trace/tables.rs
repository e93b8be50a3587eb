//! Tables below the view.

use frontend::trace::messages::View;
use frontend::trace::tables::{About, Line, Pick, Table};
use frontend::ui::bind::{at, attribute, by_id, click, flag, part, set, shown, text};
use frontend::ui::dom::child;
use frontend::ui::text::grouped;
use leptos::prelude::{Get, GetUntracked, Set, With, document};
use web_sys::HtmlElement;

use crate::desk::Desk;

/// Binds the tabs and the table.
pub(crate) fn bind(desk: Desk) {
    let flat = desk.flat;
    shown(&by_id("tables"), move || {
        desk.summary.with(Option::is_some) && desk.view.get() == View::Flat
    });
    for (about, name) in About::ALL {
        let tab = by_id(&format!("tab-{name}"));
        if about == About::Here {
            shown(&tab, move || !flat.site().is_empty());
        }
        flag(&tab, "aria-selected", move || flat.about.get() == Some(about));
        if matches!(about, About::Channels | About::Messages) {
            shown(&tab, move || {
                desk.summary.with(|summary| summary.as_ref().is_some_and(|of| of.channels > 0))
            });
        }
        click(&tab, move || {
            // Choosing it again closes it.
            let open = flat.about.get_untracked() == Some(about);
            flat.sort.set(None);
            flat.about.set((!open).then_some(about));
        });
    }
    let is_open = move || flat.about.get().is_some();
    shown(&by_id("table-hint"), move || flat.about.get().is_some_and(About::is_of_stacks));
    shown(&by_id("table"), is_open);
    shown(&by_id("table-close"), is_open);
    click(&by_id("table-close"), move || flat.about.set(None));
    attribute(&by_id("table"), "aria-labelledby", move || {
        let about = flat.about.get();
        let name = About::ALL.into_iter().find(|(of, _)| Some(*of) == about);
        name.map_or_else(String::new, |(_, name)| format!("tab-{name}"))
    });
    text(&by_id("table-note"), move || {
        flat.table.with(|table| match table {
            Some(table) if is_open() => note(table),
            _ => String::new(),
        })
    });
    part(&at(&by_id("table"), "thead tr"), move || {
        flat.table.with(|table| table.as_ref().map_or_else(Vec::new, |table| heads(desk, table)))
    });
    part(&at(&by_id("table"), "tbody"), move || {
        flat.table.with(|table| {
            let Some(table) = table else { return Vec::new() };
            table.lines.iter().map(|line| row(desk, table, line)).collect()
        })
    });
}

fn note(table: &Table) -> String {
    match (table.all as usize, table.lines.len()) {
        (0, _) => "Nothing of this is in what is shown".to_owned(),
        (all, lines) if all > lines => {
            format!("{} of {} rows", grouped(lines as u64), grouped(all as u64))
        }
        (1, _) => "1 row".to_owned(),
        (all, _) => format!("{} rows", grouped(all as u64)),
    }
}

fn element(tag: &str) -> HtmlElement {
    child(&document().create_document_fragment(), tag, "")
}

fn heads(desk: Desk, table: &Table) -> Vec<HtmlElement> {
    let flat = desk.flat;
    let (sort, down) = (table.sort, table.down);
    let columns = (0..).zip(&table.columns);
    let heads = columns.map(|(column, (title, numeric))| {
        let head = element("th");
        set(&head, "scope", "col");
        if *numeric {
            head.set_class_name("number");
        }
        let button = child(&head, "button", "");
        let sorted = sort == column;
        if sorted {
            set(&head, "aria-sort", if down { "descending" } else { "ascending" });
        }
        let sign = match (sorted, down) {
            (false, _) => "",
            (true, true) => " ▾",
            (true, false) => " ▴",
        };
        button.set_text_content(Some(&format!("{title}{sign}")));
        let numeric = *numeric;
        click(&button, move || {
            // Numbers are wanted from the largest down.
            let down = if sorted { !down } else { numeric };
            flat.sort.set(Some((column, down)));
        });
        head
    });
    heads.collect()
}

/// What choosing a cell does, for people.
fn title(pick: &Pick) -> &'static str {
    match pick {
        Pick::Place(_) => "Show this goroutine",
        Pick::Words(_) => "Only goroutines that began with this function",
        Pick::Region(_) => "Only goroutines that were in such a region",
        Pick::Channel(_) => "Only messages of this channel",
        Pick::Ran(_) => "Goroutines that had this function in a stack",
        Pick::At(_) => "Goroutines that had this line in a stack",
    }
}

fn row(desk: Desk, table: &Table, line: &Line) -> HtmlElement {
    let row = element("tr");
    for (at, (text, (_, numeric))) in line.cells.iter().zip(&table.columns).enumerate() {
        let cell = child(&row, "td", if *numeric { "number" } else { "" });
        if at == 0 && !line.shade.is_empty() {
            set(&child(&cell, "span", "swatch"), "data-shade", &line.shade);
        }
        let pick = line.picks.iter().find(|(column, _)| *column as usize == at);
        if let Some((_, pick)) = pick {
            let button = child(&cell, "button", "link");
            button.set_text_content(Some(text));
            set(&button, "title", title(pick));
            let pick = pick.clone();
            click(&button, move || desk.flat.pick(desk, pick.clone()));
        } else {
            child(&cell, "span", "").set_text_content(Some(text));
            set(&cell, "title", text);
        }
    }
    row
}
