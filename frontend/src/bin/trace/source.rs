//! The source of lines that stacks name, with how often they ran: from the relay where it knows
//! the program, and from what is opened in the page.
//!
//! What was opened is kept in the browser, so the page is not asked: its worker is, which reads
//! files for it otherwise. All lines that are shown together are looked up at once.

mod opened;
mod relay;

use std::cell::RefCell;
use std::rc::Rc;

use frontend::session::scope::Scope;
use frontend::session::url::Route;
use frontend::trace::lines::FileLines;
use frontend::ui::bind::on;
use frontend::ui::dom::child;
use frontend::ui::text::grouped;
use js_sys::{Date, Function, Promise};
use leptos::prelude::window;
use leptos::task::spawn_local;
use wasm_bindgen::JsCast;
use wasm_bindgen_futures::JsFuture;
use web_sys::{Element, HtmlElement, MouseEvent};

pub(crate) use relay::look_at;

use crate::around;

/// Milliseconds for which it is believed that a file is not known, or not changed.
const FRESH: f64 = 10_000.0;
/// Files of which something is kept.
const KEPT: usize = 256;

thread_local! {
    static WAITING: RefCell<Vec<Wish>> = const { RefCell::new(Vec::new()) };
}

/// A line that is wanted.
struct Wish {
    place: Element,
    file: String,
    line: u32,
}

/// A file of a program that was measured.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
struct Measured {
    /// How often its lines ran.
    lines: FileLines,
    /// Its text; empty where it is not at hand.
    text: Rc<str>,
}

/// Puts the line of a file below `place`, once it is known.
pub(crate) fn show(place: &Element, file: &str, line: u32) {
    let wish = Wish { place: place.clone(), file: file.to_owned(), line };
    let is_first = WAITING.with_borrow_mut(|waiting| {
        waiting.push(wish);
        waiting.len() == 1
    });
    if is_first {
        spawn_local(async {
            // The others of this moment come too.
            pause(0).await;
            fulfil(WAITING.take()).await;
        });
    }
}

async fn fulfil(wishes: Vec<Wish>) {
    let mut files: Vec<String> = wishes.iter().map(|wish| wish.file.clone()).collect();
    files.retain(|file| !file.is_empty());
    files.sort_unstable();
    files.dedup();
    let route = around::route();
    let is_opened = matches!(&route, Some(Route { scope: Scope::Opened(_), .. }));
    // What the page looks at comes first.
    let mut measured = match is_opened {
        true => opened::files(&files, route.as_ref()).await,
        false => relay::files(&files, route.as_ref()).await,
    };
    let missing: Vec<String> =
        files.iter().filter(|file| !measured.iter().any(|(of, _)| of == *file)).cloned().collect();
    if !missing.is_empty() {
        measured.extend(match is_opened {
            true => relay::files(&missing, route.as_ref()).await,
            false => opened::files(&missing, route.as_ref()).await,
        });
    }
    for Wish { place, file, line } in wishes {
        if let Some((_, of)) = measured.iter().find(|(of, _)| *of == file) {
            put(&place, of, line);
        }
    }
}

fn put(place: &Element, of: &Measured, line: u32) {
    let at = usize::try_from(line).ok().and_then(|line| line.checked_sub(1));
    let text = at.and_then(|at| of.text.lines().nth(at)).unwrap_or_default().trim();
    let count = of.lines.count(line);
    if text.is_empty() && count.is_none() {
        return;
    }
    let shown = count.map(|count| format!("{}× ", grouped(count))).unwrap_or_default();
    let element = child(place, "code", "source-line");
    element.set_text_content(Some(&format!("{shown}{text}")));
    // The line does what its place does.
    if let Ok(Some(button)) = place.query_selector(".at") {
        on(&element, "click", move |_: MouseEvent| {
            if let Some(button) = button.dyn_ref::<HtmlElement>() {
                button.click();
            }
        });
    }
    if let Some(count) = count {
        let covered = if count > 0 { "covered" } else { "uncovered" };
        let _ = element.set_attribute("data-line", covered);
        let title = if count > 0 { "Covered" } else { "Not covered" };
        let _ = element.set_attribute("title", &format!("{title}: {} line {line}", of.lines.path));
    }
}

/// Milliseconds of the clock.
fn now() -> f64 {
    Date::now()
}

async fn pause(millis: i32) {
    let mut wait = |done: Function, _| {
        let _ = window().set_timeout_with_callback_and_timeout_and_arguments_0(&done, millis);
    };
    let _ = JsFuture::from(Promise::new(&mut wait)).await;
}
