//! Above and over the flat view: order, filters, and what is under the pointer.

use frontend::trace::colors::Shade;
use frontend::trace::messages::{Ask, FlatAsk, View};
use frontend::trace::rows::Order;
use frontend::ui::bind::{
    at, attribute, by_id, click, copy, edited, effect, flag, part, shown, text, value,
};
use frontend::ui::dom::child;
use frontend::ui::text::grouped;
use leptos::prelude::{Get, Set, Update, With};
use wasm_bindgen::JsCast;
use web_sys::{HtmlElement, HtmlInputElement};

use crate::desk::Desk;

/// Binds the tools.
pub(crate) fn bind(desk: Desk) {
    let flat = desk.flat;
    shown(&by_id("flat-tools"), move || {
        desk.view.get() == View::Flat
            && (desk.summary.with(Option::is_some) || desk.progress.get().is_some())
    });
    let order = by_id("order");
    value(&order, move || {
        let order = flat.order.get();
        Order::ALL.into_iter().find(|(of, _)| *of == order).map_or("", |(_, name)| name)
    });
    edited(&order, "change", move |name| {
        let order = Order::ALL.into_iter().find(|(_, of)| *of == name);
        flat.order.set(order.map_or_else(Order::default, |(order, _)| order));
    });
    let search = by_id("search");
    value(&search, move || flat.filter.with(|filter| filter.words.clone()));
    edited(&search, "input", move |words| flat.filter.update(|filter| filter.words = words));
    kinds(&by_id("task"), "any", move || flat.kinds.with(|kinds| kinds.0.clone()));
    value(&by_id("task"), move || {
        flat.kinds.with(|_| ());
        flat.filter.with(|filter| filter.task.clone())
    });
    edited(&by_id("task"), "change", move |task| flat.filter.update(|filter| filter.task = task));
    kinds(&by_id("region"), "any", move || flat.kinds.with(|kinds| kinds.1.clone()));
    value(&by_id("region"), move || {
        flat.kinds.with(|_| ());
        flat.filter.with(|filter| filter.region.clone())
    });
    edited(&by_id("region"), "change", move |region| {
        flat.filter.update(|filter| filter.region = region);
    });
    let shades = by_id("shades");
    for shade in Shade::ALL {
        let button = copy("shade-template");
        let _ = at(&button, ".swatch").set_attribute("data-shade", shade.name());
        at(&button, "span:last-child").set_text_content(Some(shade.title()));
        flag(&button, "aria-pressed", move || {
            flat.filter.with(|filter| filter.shades.iter().any(|name| name == shade.name()))
        });
        click(&button, move || flat.toggle(shade));
        let _ = shades.append_child(&button);
    }
    text(&by_id("shown"), move || {
        let (shown, all) = flat.shown.get();
        if shown == all {
            format!("{} goroutines", grouped(all.into()))
        } else {
            format!("{} of {} goroutines", grouped(shown.into()), grouped(all.into()))
        }
    });
    let site = by_id("site");
    shown(&site, move || !flat.site().is_empty() && desk.summary.with(Option::is_some));
    text(&at(&site, "code"), move || flat.site());
    attribute(&at(&site, "code"), "title", move || flat.filter.with(|filter| filter.at.clone()));
    text(&at(&site, "span"), move || {
        let (shown, all) = flat.shown.get();
        format!("{} of {} goroutines", grouped(shown.into()), grouped(all.into()))
    });
    click(&at(&site, "button"), move || flat.show_anywhere());
    let only = by_id("only");
    shown(&only, move || flat.only.with(Option::is_some));
    text(&at(&only, "span"), move || flat.only.get().unwrap_or_default());
    click(&only, move || desk.ask(&Ask::Flat(FlatAsk::Only(None))));
    click(&by_id("fit"), move || desk.ask(&Ask::Key { key: "f".to_owned(), shift: false }));
    hover(desk);
}

/// Fills a choice of kinds; it is not there where there are none.
fn kinds(
    select: &HtmlElement,
    any: &'static str,
    kinds: impl Fn() -> Vec<String> + Copy + 'static,
) {
    if let Some(label) = select.parent_element() {
        shown(&label, move || !kinds().is_empty());
    }
    part(select, move || {
        let mut options = vec![option("", any)];
        options.extend(kinds().iter().map(|kind| option(kind, kind)));
        options
    });
}

fn option(value: &str, title: &str) -> HtmlElement {
    let place = leptos::prelude::document().create_document_fragment();
    let option = child(&place, "option", "");
    let _ = option.set_attribute("value", value);
    option.set_text_content(Some(title));
    option
}

fn hover(desk: Desk) {
    let flat = desk.flat;
    let place = by_id("hover");
    shown(&place, move || flat.hover.with(Option::is_some));
    attribute(&place, "data-shade", move || {
        flat.hover
            .with(|hover| hover.as_ref().map_or_else(String::new, |hover| hover.shade.clone()))
    });
    text(&at(&place, ".title"), move || {
        flat.hover
            .with(|hover| hover.as_ref().map_or_else(String::new, |hover| hover.title.clone()))
    });
    let list = at(&place, "ul");
    effect(move || {
        flat.hover.with(|hover| {
            let Some(hover) = hover else { return };
            list.set_text_content(None);
            for line in &hover.lines {
                child(&list, "li", "").set_text_content(Some(line));
            }
            let stage = by_id("stage");
            let (width, height) =
                (f64::from(stage.client_width()), f64::from(stage.client_height()));
            let (own, tall) = (f64::from(place.offset_width()), f64::from(place.offset_height()));
            let x =
                if hover.x + own + 24.0 > width { hover.x - own - 14.0 } else { hover.x + 16.0 };
            let y =
                if hover.y + tall + 24.0 > height { hover.y - tall - 12.0 } else { hover.y + 16.0 };
            let place = format!("translate({:.0}px, {:.0}px)", x.max(0.0), y.max(0.0));
            let _ = at(&stage, "#hover").style().set_property("transform", &place);
        });
    });
}

/// Puts the cursor into the search.
pub(crate) fn search() {
    let search: HtmlInputElement = by_id("search").unchecked_into();
    let _ = search.focus();
    search.select();
}
