//! One row of the tree, painted by hand.

use coverage::Fraction;
use web_sys::HtmlElement;

use super::layout::{HOT_MS, Node, Outline, Row};
use crate::session::Data;
use crate::session::view::View;
use crate::ui::dom::{Bar, Classed, Words, child};
use crate::ui::text::{grouped, percent};

/// Elements of a row.
pub(super) struct TreeRow {
    label: Words,
    heat: Classed,
    bar: Bar,
    fraction: Words,
    percent: Words,
    outer: Classed,
    base: &'static str,
    shown: Option<Fraction>,
    flags: Option<(bool, bool)>,
    name: String,
}

impl TreeRow {
    pub(super) fn new(element: &HtmlElement) -> Self {
        let _ = element.set_attribute("role", "treeitem");
        let twisty = child(element, "span", "twisty");
        let _ = twisty.set_attribute("aria-hidden", "true");
        let label = Words::child(element, "span", "label");
        let trace = child(element, "span", "trace");
        trace.set_title("Trace who calls it (t)");
        trace.set_text_content(Some("∿"));
        let _ = trace.set_attribute("aria-hidden", "true");
        let heat = Classed::child(element, "span", "heat");
        let fraction = Words::child(element, "span", "fraction");
        let bar = Bar::child(element);
        let percent = Words::child(element, "span", "percent");
        Self {
            label,
            heat,
            bar,
            fraction,
            percent,
            outer: Classed::of(element),
            base: "",
            shown: None,
            flags: None,
            name: String::new(),
        }
    }

    /// Makes it another node.
    pub(super) fn show(
        &mut self,
        element: &HtmlElement,
        view: &View,
        outline: &Outline,
        row: &Row,
        index: usize,
    ) {
        self.name = outline.label(view, row.node);
        self.label.set(&self.name);
        let indent = format!("{}px", 6 + (row.level - 1) * 14);
        let _ = element.style().set_property("padding-left", &indent);
        element.set_id(&format!("node{index}"));
        let _ = element.set_attribute("aria-level", &row.level.to_string());
        let _ = element.set_attribute("aria-posinset", &row.position.to_string());
        let _ = element.set_attribute("aria-setsize", &row.siblings.to_string());
        match row.open {
            Some(open) => {
                let _ = element.set_attribute("aria-expanded", if open { "true" } else { "false" });
            }
            None => {
                let _ = element.remove_attribute("aria-expanded");
            }
        }
        self.base = match row.node {
            Node::Module(_) => "node module",
            Node::Package(_) => "node package",
            Node::File(_) => "node file",
            Node::Function(_) => "node function",
        };
        self.shown = None;
        self.flags = None;
    }

    /// Brings its numbers up to date.
    pub(super) fn numbers(
        &mut self,
        element: &HtmlElement,
        data: &Data,
        outline: &Outline,
        node: Node,
        now_ms: u64,
    ) {
        let view = &data.view;
        let statements = outline.statements(view, node);
        if self.shown != Some(statements) {
            self.shown = Some(statements);
            let Fraction { covered, total } = statements;
            self.bar.set(covered, total);
            self.percent.set(&percent(covered, total));
            self.fraction.set(&format!("{covered}/{total}"));
            let mut title = format!(
                "{}: {} of {} {}s covered",
                self.name,
                grouped(covered),
                grouped(total),
                data.word()
            );
            if let Node::File(row) = node
                && let Some(file) = view.shape().files().get(row as usize)
                && let Some(details) = data.details()
                && let Some(file) = details.file(file.path.as_str()).filter(|file| file.total > 0)
            {
                title.push_str(&format!(", {} of {} branches", file.taken, file.total));
            }
            element.set_title(&title);
        }
        let last = outline.last(view, node);
        let hot = last > 0 && now_ms.saturating_sub(last) < HOT_MS;
        self.heat.set(match (hot, last) {
            (true, _) => "heat hot",
            (false, 0) => "heat never",
            (false, _) => "heat",
        });
    }

    /// Shows whether it is selected, and whether its file is open.
    pub(super) fn state(&mut self, element: &HtmlElement, selected: bool, open: bool) {
        let class = match (selected, open) {
            (true, true) => " selected current",
            (true, false) => " selected",
            (false, true) => " current",
            (false, false) => "",
        };
        self.outer.set(&format!("{}{class}", self.base));
        if self.flags != Some((selected, open)) {
            self.flags = Some((selected, open));
            let _ = element.set_attribute("aria-selected", if selected { "true" } else { "false" });
        }
    }
}
