//! What is told of the slice that was chosen.

use frontend::trace::detail::{Call, Detail, Woken};
use frontend::trace::joined::{self, Ran};
use frontend::trace::messages::{Ask, FlatAsk};
use frontend::trace::passed::{Parcel, Parcels};
use frontend::trace::tables::Pick;
use frontend::trace::time;
use frontend::ui::bind::{at, by_id, click, copy, part, set, shown, text};
use frontend::ui::dom::child;
use frontend::ui::text::{grouped, plural};
use leptos::prelude::{With, document};
use web_sys::{Element, HtmlElement};

use crate::desk::Desk;
use crate::flat::Flat;
use crate::source;

/// Names of the states that a goroutine's times are summed by, and of their shades.
const STATES: [(&str, &str); 4] = [
    ("Runnable", "runnable"),
    ("Running", "running"),
    ("Waiting", "channel"),
    ("System call", "syscall"),
];

/// Binds the panel.
pub(crate) fn bind(desk: Desk) {
    let chosen = desk.flat.chosen;
    let panel = by_id("detail");
    shown(&panel, move || chosen.with(Option::is_some));
    let of = move |tell: fn(&Detail) -> String| {
        move || chosen.with(|detail| detail.as_ref().map_or_else(String::new, |of| tell(of)))
    };
    text(&at(&panel, "h2"), of(|of| format!("{} #{}", of.function, of.id)));
    let state = by_id("detail-state");
    text(&at(&state, "b"), of(|of| of.state.clone()));
    text(&at(&state, ".length"), of(|of| time::length(of.end - of.begin)));
    frontend::ui::bind::attribute(&at(&state, ".swatch"), "data-shade", of(|of| of.shade.clone()));
    text(
        &by_id("number"),
        of(|of| format!("{} of {}", grouped(of.number[0].into()), grouped(of.number[1].into()))),
    );
    // Those who don't see the picture are told what was chosen.
    text(
        &by_id("told"),
        of(|of| {
            let length = time::length(of.end - of.begin);
            format!(
                "{} {}, {}, {length} from {}",
                of.function,
                of.id,
                of.state,
                time::point(of.begin)
            )
        }),
    );
    for (id, key) in [("before", "["), ("after", "]")] {
        click(&by_id(id), move || desk.ask(&Ask::Key { key: key.to_owned(), shift: false }));
    }
    click(&by_id("detail-close"), move || desk.ask(&Ask::Flat(FlatAsk::Leave)));
    let made = move |make: fn(Desk, &Detail) -> Vec<HtmlElement>| {
        move || chosen.with(|of| of.as_ref().map_or_else(Vec::new, |of| make(desk, of)))
    };
    part(&by_id("facts"), made(facts));
    part(&by_id("calls"), made(|desk, of| of.stack.iter().map(|of| call(desk, of)).collect()));
    part(&by_id("ran"), made(|desk, of| of.ran.iter().map(|of| ran(desk, of)).collect()));
    let more = by_id("ran-more");
    let untold = move || {
        let count = |of: &Detail| (of.n_ran as usize).saturating_sub(of.ran.len());
        chosen.with(|of| of.as_ref().map_or(0, |of| count(of)))
    };
    shown(&more, move || untold() > 0);
    text(&more, move || format!("and {} more", plural(untold() as u64, "function")));
    part(
        &by_id("woken"),
        made(|desk, of| match &of.woken {
            Some(woken) => vec![wake(desk, woken)],
            None if of.stuck && of.state.starts_with("waiting") => {
                vec![sentence("Nobody: it waits to the end of the trace")]
            }
            None => vec![sentence("Not in the trace")],
        }),
    );
    part(
        &by_id("wakes"),
        made(|desk, of| match &of.wakes {
            Some(woken) => vec![wake(desk, woken)],
            None => vec![sentence("Nobody")],
        }),
    );
    let has_passed = move || chosen.with(|of| of.as_ref().is_some_and(|of| of.passed.is_some()));
    shown(&by_id("passed-title"), has_passed);
    shown(&by_id("passed"), has_passed);
    part(
        &by_id("passed"),
        made(|desk, of| of.passed.as_ref().map_or_else(Vec::new, |of| parcels(desk, of))),
    );
    part(&by_id("totals"), made(|_, of| totals(of)));
}

/// An element that is not in the page yet.
fn element(tag: &str, class: &str) -> HtmlElement {
    child(&document().create_document_fragment(), tag, class)
}

fn sentence(text: &str) -> HtmlElement {
    let sentence = element("p", "dim");
    sentence.set_text_content(Some(text));
    sentence
}

/// A button that shows the goroutines that were somewhere.
pub(crate) fn pick(button: &HtmlElement, desk: Desk, text: &str, pick: Pick) {
    button.set_text_content(Some(text));
    click(button, move || desk.flat.pick(desk, pick.clone()));
}

fn call(desk: Desk, call: &Call) -> HtmlElement {
    let item = copy("call-template");
    pick(&at(&item, ".ran"), desk, &call.function, Pick::Ran(call.function.clone()));
    pick(&at(&item, ".at"), desk, &place(call), Pick::At(place(call)));
    source::show(&item, &call.file, call.line);
    item
}

/// A function that the goroutine was in.
fn ran(desk: Desk, of: &Ran) -> HtmlElement {
    let item = copy("ran-template");
    pick(&at(&item, ".ran"), desk, &of.function, Pick::Ran(of.function.clone()));
    let span = match of.first == of.last {
        true => time::point(of.first),
        false => format!("{} to {}", time::point(of.first), time::point(of.last)),
    };
    let times = grouped(time::whole(of.times));
    at(&item, "small").set_text_content(Some(&format!("{times}×, {span}")));
    let list = at(&item, "ul");
    for spot in &of.lines {
        let line = child(&list, "li", "");
        let name = joined::place(spot.file.rsplit('/').next().unwrap_or_default(), spot.line);
        let button = child(&line, "button", "link at");
        set(
            &button,
            "title",
            &format!("Goroutines that had {}:{} in a stack", spot.file, spot.line),
        );
        pick(&button, desk, &name, Pick::At(joined::place(&spot.file, spot.line)));
        let times = format!(" {}×", grouped(spot.times.into()));
        child(&line, "span", "dim").set_text_content(Some(&times));
        source::show(&line, &spot.file, spot.line);
    }
    item
}

fn place(call: &Call) -> String {
    joined::place(&call.file, call.line)
}

/// A term and what is told of it.
fn fact(list: &mut Vec<HtmlElement>, term: &str, tell: impl FnOnce(&HtmlElement)) {
    let name = element("dt", "");
    name.set_text_content(Some(term));
    let value = element("dd", "");
    tell(&value);
    list.extend([name, value]);
}

fn words(text: String) -> impl FnOnce(&HtmlElement) {
    move |value| value.set_text_content(Some(&text))
}

fn facts(desk: Desk, of: &Detail) -> Vec<HtmlElement> {
    let mut list = Vec::new();
    fact(&mut list, "From", words(time::point(of.begin)));
    fact(
        &mut list,
        "To",
        words(match of.stuck {
            true => format!("{}, the end of the trace", time::point(of.end)),
            false => time::point(of.end),
        }),
    );
    if let Some(proc) = of.proc {
        fact(&mut list, "Processor", words(proc.to_string()));
    }
    if let Some(creator) = of.creator {
        fact(&mut list, "Created by", |value| {
            let button = child(value, "button", "link");
            button.set_text_content(Some(&format!("{} #{}", of.creator_function, creator.id)));
            click(&button, move || Flat::choose(desk, creator));
        });
    }
    if let Some(call) = &of.created_at {
        fact(&mut list, "At", |value| {
            pick(&child(value, "button", "link at"), desk, &place(call), Pick::At(place(call)));
        });
    }
    let lived = match (of.born, of.died) {
        (Some(born), Some(died)) => {
            format!("{} to {}", time::point(born), time::point(died))
        }
        (Some(born), None) => format!("{} on, never ends", time::point(born)),
        (None, Some(died)) => format!("until {}", time::point(died)),
        (None, None) => "longer than the trace".to_owned(),
    };
    fact(&mut list, "Lives", words(lived));
    if of.children > 0 {
        fact(&mut list, "Created", words(plural(of.children.into(), "goroutine")));
    }
    if !of.regions.is_empty() {
        fact(&mut list, "Regions", words(of.regions.join(", ")));
    }
    if !of.tasks.is_empty() {
        fact(&mut list, "Tasks", words(of.tasks.join(", ")));
    }
    list
}

fn wake(desk: Desk, woken: &Woken) -> HtmlElement {
    let element = copy("woken-template");
    let button = at(&element, "button");
    match woken.other {
        Some(other) => {
            button.set_text_content(Some(&format!("{} #{}", woken.function, other.id)));
            click(&button, move || Flat::choose(desk, other));
        }
        None => {
            button.set_hidden(true);
        }
    }
    let about = match woken.other {
        Some(_) => format!("{} at {}", woken.about, time::point(woken.time)),
        None => format!("{}, at {}", woken.function, time::point(woken.time)),
    };
    at(&element, "p").set_text_content(Some(&about));
    let list = at(&element, "dl");
    for (term, at) in [("Waker at", &woken.waker), ("Waiting at", &woken.waiting)] {
        if let Some(at) = at {
            child(&list, "dt", "").set_text_content(Some(term));
            let value = child(&list, "dd", "");
            child(&value, "code", "").set_text_content(Some(&format!("{} ", at.function)));
            pick(&child(&value, "button", "link at"), desk, &place(at), Pick::At(place(at)));
        }
    }
    element
}

/// What the goroutine sent and received.
fn parcels(desk: Desk, of: &Parcels) -> Vec<HtmlElement> {
    let count = |number: u32| grouped(number.into());
    let mut list =
        vec![sentence(&format!("{} sent, {} received", count(of.sent), count(of.received)))];
    list.extend(of.parcels.iter().map(|of| parcel(desk, of)));
    list
}

fn parcel(desk: Desk, of: &Parcel) -> HtmlElement {
    let item = copy("parcel-template");
    if of.here {
        let _ = item.set_attribute("data-here", "");
    }
    at(&item, "b").set_text_content(Some(&of.value));
    let way = if of.sent { "Sent to " } else { "Received from " };
    at(&item, "span").set_text_content(Some(way));
    let other = at(&item, "button");
    other.set_text_content(Some(&format!("#{}", of.other.id)));
    let place = of.other;
    click(&other, move || Flat::choose(desk, place));
    let under_way = match of.under_way {
        0.0 => "handed over".to_owned(),
        nanos => format!("{} under way", time::length(nanos)),
    };
    let words = format!(
        "{}, {under_way}, {}. {}, {} → {}",
        time::point(of.time),
        of.certain,
        of.channel,
        of.sent_at,
        of.received_at
    );
    at(&item, "small").set_text_content(Some(&words));
    item
}

fn totals(of: &Detail) -> Vec<HtmlElement> {
    let all: f64 = of.totals.iter().sum::<f64>().max(1.0);
    let rows = STATES.into_iter().zip(of.totals).map(|((title, shade), nanos)| {
        let row = element("div", "");
        child(&row, "span", "").set_text_content(Some(title));
        let bar: Element = child(&row, "span", "bar").into();
        let fill = child(&bar, "span", "swatch");
        set(&fill, "data-shade", shade);
        let width = format!("{:.1}%", nanos / all * 100.0);
        let _ = fill.style().set_property("width", &width);
        child(&row, "span", "length").set_text_content(Some(&time::length(nanos)));
        row
    });
    rows.collect()
}
