//! What the flat view has told the document, and what the document asks of it.

use frontend::trace::address::Address;
use frontend::trace::colors::Shade;
use frontend::trace::detail::{Detail, Place};
use frontend::trace::filter::Filter;
use frontend::trace::joined::There;
use frontend::trace::messages::{Ask, FlatAsk, FlatTell, Hover, Look};
use frontend::trace::rows::Order;
use frontend::trace::tables::{About, Pick, Table};
use frontend::ui::bind::effect;
use gloo::timers::callback::Timeout;
use js_sys::Date;
use leptos::prelude::{
    Get, GetUntracked, GetValue, RwSignal, Set, SetValue, StoredValue, Update, UpdateValue, With,
};

use crate::desk::Desk;

/// Milliseconds for which a table of a trace that goes on stays as it is.
const CALM: u32 = 1_500;

/// The table that was asked for last.
#[derive(Debug, Clone, Copy, Default)]
struct Asked {
    what: Option<(About, Option<(u32, bool)>)>,
    at: f64,
    /// It will be asked for again.
    waits: bool,
}

/// What is known of the flat view.
#[derive(Clone, Copy)]
pub(crate) struct Flat {
    /// What is under the pointer.
    pub(crate) hover: RwSignal<Option<Hover>>,
    /// The slice that is chosen.
    pub(crate) chosen: RwSignal<Option<Box<Detail>>>,
    /// How many goroutines are shown, and of how many.
    pub(crate) shown: RwSignal<(u32, u32)>,
    /// What is looked at; nothing if it is everything.
    pub(crate) look: RwSignal<Option<Look>>,
    /// Kinds of tasks and of regions.
    pub(crate) kinds: RwSignal<(Vec<String>, Vec<String>)>,
    /// The order of rows.
    pub(crate) order: RwSignal<Order>,
    /// What is shown.
    pub(crate) filter: RwSignal<Filter>,
    /// The channel whose messages alone are shown.
    pub(crate) only: RwSignal<Option<String>>,
    /// The table that is asked for.
    pub(crate) about: RwSignal<Option<About>>,
    /// How it is sorted.
    pub(crate) sort: RwSignal<Option<(u32, bool)>>,
    /// The table.
    pub(crate) table: RwSignal<Option<Table>>,
    /// Who was at the line that is selected in the page around.
    pub(crate) there: RwSignal<Option<There>>,
}

impl Flat {
    /// Nothing is known yet.
    pub(crate) fn new() -> Self {
        Self {
            hover: RwSignal::new(None),
            chosen: RwSignal::new(None),
            shown: RwSignal::new((0, 0)),
            look: RwSignal::new(None),
            kinds: RwSignal::default(),
            order: RwSignal::new(Order::default()),
            filter: RwSignal::new(Filter::default()),
            only: RwSignal::new(None),
            about: RwSignal::new(None),
            sort: RwSignal::new(None),
            table: RwSignal::new(None),
            there: RwSignal::new(None),
        }
    }

    /// The view told something.
    pub(crate) fn told(self, tell: FlatTell) {
        match tell {
            FlatTell::Hover(hover) => self.hover.set(hover),
            FlatTell::Chosen(detail) => self.chosen.set(detail),
            FlatTell::Shown { shown, all } => self.shown.set((shown, all)),
            FlatTell::Look(look) => self.look.set(look),
            FlatTell::Only(channel) => self.only.set(channel),
            FlatTell::Table(table) => self.table.set(Some(table)),
            FlatTell::There(there) => self.there.set(there),
            FlatTell::Kinds { tasks, regions } => self.kinds.set((tasks, regions)),
        }
    }

    /// Hands on to the worker what is wanted, whenever it changes.
    pub(crate) fn keep_asking(self, desk: Desk) {
        effect(move || {
            if desk.ready.get() {
                desk.ask(&Ask::Flat(FlatAsk::Order(self.order.get())));
            }
        });
        effect(move || {
            if desk.ready.get() {
                desk.ask(&Ask::Flat(FlatAsk::Filter(self.filter.get())));
            }
        });
        let again = RwSignal::new(0_u32);
        let asked = StoredValue::new(Asked::default());
        effect(move || {
            // The table is of what is shown.
            self.shown.get();
            again.get();
            self.only.get();
            let sort = self.sort.get();
            let size = desk.summary.with(|of| of.as_ref().map(|of| of.bytes));
            let (Some(about), Some(size)) = (self.about.get(), size) else { return };
            let now = Date::now();
            let before = asked.get_value();
            let is_same = before.what == Some((about, sort));
            // A trace that goes on changes all the time, and nobody could click what does.
            if size == 0.0 && is_same && now - before.at < CALM.into() {
                if !before.waits {
                    asked.update_value(|asked| asked.waits = true);
                    Timeout::new(CALM, move || again.update(|again| *again += 1)).forget();
                }
                return;
            }
            asked.set_value(Asked { what: Some((about, sort)), at: now, waits: false });
            desk.ask(&Ask::Flat(FlatAsk::Table { about, sort }));
        });
    }

    /// Chooses a slice of a goroutine, and shows it.
    pub(crate) fn choose(desk: Desk, place: Place) {
        desk.ask(&Ask::Flat(FlatAsk::Choose(place)));
    }

    /// Does what choosing a table's row does.
    pub(crate) fn pick(self, desk: Desk, pick: Pick) {
        match pick {
            Pick::Place(place) => Self::choose(desk, place),
            Pick::Words(words) => self.filter.update(|filter| filter.words = words),
            Pick::Channel(channel) => {
                desk.ask(&Ask::Flat(FlatAsk::Only(Some(channel))));
                self.sort.set(None);
                self.about.set(Some(About::Messages));
            }
            Pick::Region(region) => self.filter.update(|filter| filter.region = region),
            Pick::Ran(ran) => self.show(Filter { ran, ..Filter::default() }),
            Pick::At(at) => self.show(Filter { at, ..Filter::default() }),
        }
    }

    /// Shows the goroutines that were in a function or at a line, all of them, and lists them.
    fn show(self, filter: Filter) {
        self.filter.set(filter);
        self.sort.set(None);
        self.about.set(Some(About::Here));
    }

    /// Shows goroutines wherever they were.
    pub(crate) fn show_anywhere(self) {
        self.filter.update(|filter| {
            filter.ran.clear();
            filter.at.clear();
        });
        self.about.update(|about| *about = about.filter(|about| *about != About::Here));
    }

    /// What the goroutines that are shown had in a stack; empty if that is not asked.
    pub(crate) fn site(self) -> String {
        self.filter.with(|filter| {
            let place = filter.at.rsplit('/').next().unwrap_or_default();
            [&*filter.ran, place]
                .into_iter()
                .filter(|part| !part.is_empty())
                .collect::<Vec<_>>()
                .join(", ")
        })
    }

    /// Wants or wants no more what has this shade.
    pub(crate) fn toggle(self, shade: Shade) {
        self.filter.update(|filter| {
            let name = shade.name();
            match filter.shades.iter().position(|of| of == name) {
                Some(at) => drop(filter.shades.remove(at)),
                None => filter.shades.push(name.to_owned()),
            }
        });
    }

    /// Looks at what an address says.
    pub(crate) fn read(self, desk: Desk, address: &Address) {
        let named = |name: &str| address.value(name).unwrap_or_default().to_owned();
        let order = Order::ALL.into_iter().find(|(_, name)| *name == named("order"));
        self.order.set(order.map_or_else(Order::default, |(order, _)| order));
        let shades = named("in");
        self.filter.set(Filter {
            words: named("q"),
            shades: shades.split(',').filter(|name| !name.is_empty()).map(str::to_owned).collect(),
            task: named("task"),
            region: named("region"),
            ran: named("ran"),
            at: named("at"),
        });
        let about = About::ALL.into_iter().find(|(_, name)| *name == named("table"));
        self.about.set(about.map(|(about, _)| about));
        if let (Some([begin, span]), rows) = (pair(&named("t")), pair(&named("rows"))) {
            let [top, row] = rows.unwrap_or([0.0, f64::NAN]);
            desk.ask(&Ask::Flat(FlatAsk::Look(Some(Look { begin, span, top, row }))));
        }
        if let Some([id, time]) = pair(&named("go")) {
            Self::choose(desk, Place { id, time });
        }
    }

    /// Writes what is looked at into an address.
    pub(crate) fn write(self, address: &mut Address) {
        let order = self.order.get();
        let name = Order::ALL.into_iter().find(|(of, _)| *of == order);
        address
            .set("order", name.map_or("", |(of, name)| if of == Order::Tree { "" } else { name }));
        let filter = self.filter.get();
        address.set("q", &filter.words);
        address.set("in", &filter.shades.join(","));
        address.set("task", &filter.task);
        address.set("region", &filter.region);
        address.set("ran", &filter.ran);
        address.set("at", &filter.at);
        let about = self.about.get();
        let name = About::ALL.into_iter().find(|(of, _)| Some(*of) == about);
        address.set("table", name.map_or("", |(_, name)| name));
        let (t, rows) = self.look.get().map_or_else(Default::default, |look| {
            let t = format!("{:.0},{:.0}", look.begin, look.span);
            (t, format!("{:.3},{:.4}", look.top, look.row))
        });
        address.set("t", &t);
        address.set("rows", &rows);
        let chosen = self.chosen.get();
        let go = chosen.map_or_else(String::new, |of| format!("{:.0},{:.0}", of.id, of.begin));
        address.set("go", &go);
    }

    /// Forgets what was known of another trace.
    pub(crate) fn forget(self, desk: Desk) {
        desk.ask(&Ask::Flat(FlatAsk::Look(None)));
        self.table.set(None);
        self.hover.set(None);
        self.there.set(None);
        self.show_anywhere();
        if !self.filter.get_untracked().is_empty() {
            self.filter.set(Filter::default());
        }
    }
}

fn pair(text: &str) -> Option<[f64; 2]> {
    let (first, second) = text.split_once(',')?;
    let numbers = [first.parse().ok()?, second.parse().ok()?];
    numbers.iter().all(|number: &f64| number.is_finite()).then_some(numbers)
}
