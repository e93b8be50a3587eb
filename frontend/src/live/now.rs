//! What ran just now.

use web_sys::HtmlElement;

use super::layout::Active;
use crate::files::{self, layout::Node};
use crate::session::{Session, read};
use crate::ui::bind;
use crate::ui::dom::{Classed, Words, child};
use crate::ui::list::{self, Cells, Content, Look};
use crate::ui::text::{age, rate};

/// Longer lists help nobody.
const ROWS: usize = 300;
const LOOK: Look = Look { id: "now", row_px: 40.0, class: "now" };

struct Functions {
    session: Session,
    rows: Vec<Active>,
    nothing: HtmlElement,
}

impl Content for Functions {
    fn collect(&mut self) -> usize {
        self.rows = read(|data| data.activity.sorted(&data.view, data.now_ms()));
        self.rows.truncate(ROWS);
        self.nothing.set_hidden(!self.rows.is_empty());
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
pub(super) fn bind(session: Session, panel: &HtmlElement) {
    let nothing = bind::at(panel, ".nothing");
    let content = Functions { session, rows: Vec::new(), nothing };
    list::fill(&bind::at(panel, ".list"), LOOK, content);
}
