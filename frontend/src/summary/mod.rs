//! All functions in a table.

pub mod layout;

use web_sys::HtmlElement;

use crate::files::{self, layout::Node};
use crate::session::{Data, Session, read};
use crate::ui::bind::{self, click, effect, flag, text};
use crate::ui::dom::{Bar, Words, child};
use crate::ui::fuzzy::Query;
use crate::ui::list::{self, Cells, Content, Look};
use crate::ui::state::State;
use crate::ui::text::{age, percent, plural, short};
use layout::{Column, Row, rows};

struct Table {
    session: Session,
    column: State<Column>,
    rows: Vec<Row>,
    /// Version of the shape, beat, filter and column that the rows are of.
    made: Option<(u64, u64, String, Column)>,
}

impl Content for Table {
    fn collect(&mut self) -> usize {
        let column = self.column.get_untracked();
        let query = self.session.route.with_untracked(|route| route.query.clone());
        // Sorting a hundred thousand functions is for every second, not for every frame.
        let beat = self.session.tick.get_untracked() / 4;
        let made = (read(|data| data.view.shape_version), beat, query, column);
        if self.made.as_ref() != Some(&made) {
            self.rows = read(|data| rows(&data.view, &Query::new(&made.2), column));
            self.made = Some(made);
        }
        self.rows.len()
    }

    fn make(&self, element: &HtmlElement) -> Cells {
        let names = child(element, "span", "names");
        let mut words =
            vec![Words::child(&names, "span", "name"), Words::child(&names, "span", "place")];
        for class in ["age", "calls", "missing"] {
            words.push(Words::child(element, "span", class));
        }
        let bar = Some(Bar::child(element));
        words.push(Words::child(element, "span", "percent"));
        Cells { words, bar, heat: None }
    }

    fn show(&mut self, row: &mut Cells, index: usize) {
        let Some(shown) = self.rows.get(index) else { return };
        read(|data| {
            let functions = data.view.shape().functions();
            let Some(function) = functions.get(shown.function as usize) else { return };
            let last = match shown.last {
                0 => "never".into(),
                last => age(data.now_ms().saturating_sub(last)),
            };
            let (covered, total) = (shown.statements.covered, shown.statements.total);
            row.set(&[
                if function.name.is_empty() { "(no function)" } else { &function.name },
                data.view.short_path(function.file),
                &last,
                &short(shown.calls),
                &format!("{covered}/{total}"),
                &percent(covered, total),
            ]);
            if let Some(bar) = &mut row.bar {
                bar.set(covered, total);
            }
        });
    }

    fn pick(&mut self, index: usize) {
        if let Some(row) = self.rows.get(index) {
            files::open(self.session, Node::Function(row.function));
        }
    }

    fn key(&self, index: usize) -> u64 {
        self.rows.get(index).map_or(u64::MAX, |row| u64::from(row.function))
    }
}

thread_local! {
    /// What the table is sorted by.
    static COLUMN: State<Column> = State::default();
}

/// The table of functions.
pub fn show(session: Session) -> HtmlElement {
    let section = bind::copy("functions");
    let column = COLUMN.with(|column| *column);
    column.set(Column::default());
    effect(move || {
        column.track();
        session.tick.update(|tick| *tick += 1);
    });
    text(&bind::at(&section, ".file-total"), move || {
        let functions = session.header.with(|header| header.totals.functions);
        if let Some(metrics) = read(Data::metrics) {
            return metrics;
        }
        format!("{} of {} ran", functions.covered, plural(functions.total, "function"))
    });
    for (class, wanted) in [
        (".names", Column::Name),
        (".calls", Column::Calls),
        (".uncovered-head", Column::Uncovered),
    ] {
        let button = bind::at(&section, class);
        flag(&button, "aria-pressed", move || column.get() == wanted);
        click(&button, move || column.set(wanted));
    }
    let look = Look { id: "function", row_px: 32.0, class: "function-row" };
    let content = Table { session, column, rows: Vec::new(), made: None };
    list::fill(&bind::at(&section, ".list"), look, content);
    section
}
