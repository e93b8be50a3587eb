//! What ran just now.

use leptos::prelude::*;
use web_sys::HtmlElement;

use super::layout::Active;
use crate::files::{self, layout::Node};
use crate::session::{Session, read};
use crate::ui::dom::{Classed, Words, child};
use crate::ui::dynamic::shown;
use crate::ui::list::{Cells, Content, Look, list_box};
use crate::ui::text::{age, rate};

/// Longer lists help nobody.
const ROWS: usize = 300;

struct Functions {
    session: Session,
    rows: Vec<Active>,
    empty: RwSignal<bool>,
}

impl Content for Functions {
    fn collect(&mut self) -> usize {
        self.rows = read(|data| data.activity.sorted(&data.view, data.now_ms()));
        self.rows.truncate(ROWS);
        if self.empty.get_untracked() != self.rows.is_empty() {
            self.empty.set(self.rows.is_empty());
        }
        self.rows.len()
    }

    fn make(&self, element: &HtmlElement) -> Cells {
        let heat = Some(Classed::child(element, "span", "heat"));
        let names = child(element, "span", "names");
        let numbers = child(element, "span", "numbers");
        let words = vec![
            Words::child(&names, "span", "name"),
            Words::child(&names, "span", "place"),
            Words::child(&numbers, "span", "rate"),
            Words::child(&numbers, "span", "age"),
        ];
        Cells { words, heat, bar: None }
    }

    fn show(&mut self, row: &mut Cells, index: usize) {
        let Some(active) = self.rows.get(index) else { return };
        read(|data| {
            let functions = data.view.shape().functions();
            let Some(function) = functions.get(active.function as usize) else { return };
            let mut speed = rate(active.rate);
            if !speed.is_empty() {
                speed.push_str("/s");
            }
            let last = data.view.function_last[active.function as usize];
            let past = data.now_ms().saturating_sub(last);
            let place = data.view.short_path(function.file);
            row.set(&[&function.name, place, &speed, &age(past)]);
            if let Some(heat) = &mut row.heat {
                heat.set(if past < files::layout::HOT_MS { "heat hot" } else { "heat" });
            }
        });
    }

    fn pick(&mut self, index: usize) {
        if let Some(active) = self.rows.get(index) {
            files::open(self.session, Node::Function(active.function));
        }
    }

    fn key(&self, index: usize) -> u64 {
        self.rows.get(index).map_or(u64::MAX, |row| u64::from(row.function))
    }
}

/// Functions by last hit, with their rate.
#[component]
pub fn Now() -> impl IntoView {
    let session = Session::expect();
    let empty = RwSignal::new(true);
    let content = Functions { session, rows: Vec::new(), empty };
    let look = Look { label: "Functions that ran just now", id: "now", row_px: 40.0, class: "now" };
    view! {
        {list_box(look, content)}
        {shown(move || empty.get(), || view! {
            <div class="nothing">
                <p>"Nothing has run since this page was opened"</p>
                <p class="dim">"Functions appear here as they are called, the newest on top"</p>
            </div>
        }.into_any())}
    }
}
