//! What of a diff is covered: its files in a table, and the way from line to line.

pub mod layout;

use std::sync::Arc;

use coverage::Fraction;
use web_sys::HtmlElement;

use crate::session::patch::{self, Patch, PatchFile};
use crate::session::url::Tab;
use crate::session::{Session, read};
use crate::source;
use crate::ui::bind::{self, click, effect, shown, text};
use crate::ui::dom::{Bar, Words, child};
use crate::ui::list::{self, Cells, Content, Look};
use crate::ui::text::{grouped, percent, plural};
use layout::{first_line, fraction};

struct Table {
    session: Session,
    patch: Arc<Patch>,
}

impl Content for Table {
    fn collect(&mut self) -> usize {
        self.patch = self.session.patch.get_untracked().unwrap_or_default();
        self.patch.files.len() + self.patch.unknown.len()
    }

    fn make(&self, element: &HtmlElement) -> Cells {
        let names = child(element, "span", "names");
        let mut words = Vec::new();
        for class in ["name", "place", "note"] {
            words.push(Words::child(&names, "span", class));
        }
        for class in ["lines missed", "lines partly", "lines", "lines"] {
            words.push(Words::child(element, "span", class));
        }
        let bar = Some(Bar::child(element));
        words.push(Words::child(element, "span", "percent"));
        Cells { words, bar, heat: None }
    }

    fn show(&mut self, row: &mut Cells, index: usize) {
        let n_files = self.patch.files.len();
        let file = self.patch.files.get(index);
        let unknown = || self.patch.unknown.get(index - n_files);
        let Some(path) = file.map(|file| &file.path).or_else(unknown) else { return };
        let (folder, name) = path.rsplit_once('/').unwrap_or(("", path));
        let sums = file.map(|file| file.sums).unwrap_or_default();
        let Fraction { covered, total } = fraction(sums);
        let note = match file {
            None => "not in the coverage data",
            Some(_) if total == 0 => "nothing to cover",
            Some(_) => "",
        };
        let [covered_text, partial, uncovered, others] = sums.map(|count| match count {
            0 => String::new(),
            count => grouped(u64::from(count)),
        });
        row.set(&[
            name,
            folder,
            note,
            &uncovered,
            &partial,
            &covered_text,
            &others,
            &percent(covered, total),
        ]);
        if let Some(bar) = &mut row.bar {
            bar.set(covered, total);
        }
    }

    fn pick(&mut self, index: usize) {
        match self.patch.files.get(index) {
            Some(file) => open(self.session, file, first_line(file)),
            None => self.session.fail("The coverage data doesn't know this file"),
        }
    }

    fn key(&self, index: usize) -> u64 {
        index as u64
    }
}

/// Shows a line of a file of the patch.
fn open(session: Session, file: &PatchFile, line: Option<u32>) {
    let name = file.name.clone();
    session.go(|route| {
        route.tab = Tab::Source;
        route.file = Some(name);
        route.function = None;
        route.lines = line.map(|line| (line, line));
    });
    if let Some(line) = line {
        source::scroll_to(line.saturating_sub(1) as usize);
    }
}

/// Goes to the next changed line that is not covered, or back to the one before.
pub fn go(session: Session, back: bool) {
    let Some(patch) = session.patch.get_untracked() else { return };
    let (name, line) = session.route.with_untracked(|route| {
        (route.file.clone().unwrap_or_default(), route.lines.map_or(0, |lines| lines.0))
    });
    match layout::next(&patch, &name, line, back) {
        Some((at, line)) => open(session, &patch.files[at], Some(line)),
        None => session.tell("Every changed line on which there is something to run is covered"),
    }
}

/// The table of the files of the diff.
pub fn show(session: Session) -> HtmlElement {
    let section = bind::copy("patch");
    effect(move || {
        session.patch.track();
        session.tick.update(|tick| *tick += 1);
    });
    let at = |selector: &str| bind::at(&section, selector);
    let name = move || session.diff.with(|diff| diff.as_ref().map(|diff| diff.name.clone()));
    let sums = move || session.patch.with(|patch| patch.as_ref().map(|patch| patch.sums));
    let lines = move || fraction(sums().unwrap_or_default());
    text(&at("h2"), move || name().unwrap_or_else(|| "Patch".into()));
    shown(&at(".file-tools"), move || name().is_some());
    text(&at(".words"), move || {
        let Fraction { covered, total } = lines();
        format!("{} of {} covered", grouped(covered), plural(total, "changed line"))
    });
    text(&at(".file-total b"), move || percent(lines().covered, lines().total));
    click(&at(".previous"), move || go(session, true));
    click(&at(".next"), move || go(session, false));
    click(&at(".shut"), move || patch::close(session));
    shown(&at(".patch-body"), move || sums().is_some());
    for (place, class) in ["covered", "partial", "uncovered", "other"].into_iter().enumerate() {
        let count = move || u64::from(sums().unwrap_or_default()[place]);
        text(&at(&format!(".{class} b")), move || grouped(count()));
    }
    let look = Look { id: "changed", row_px: 32.0, class: "function-row" };
    list::fill(&at(".list"), look, Table { session, patch: Arc::default() });

    shown(&at(".empty"), move || sums().is_none());
    text(&at(".empty h2"), move || {
        session.structure.track();
        let scope = session.route.with(|route| route.scope.clone());
        let any = read(|data| !scope.members(&data.live).is_empty());
        let reading = session.opening.with(Option::is_some);
        match name().is_some() {
            _ if reading => "Reading…",
            true if any => "The diff is not compared yet",
            true => "A diff is open, and no coverage data",
            false => "No diff is open",
        }
    });
    section
}
