//! All that is open: each report under names that agree with the others', and what they are together.
//!
//! As long as everything is Go's own coverage data, profiles stand side by side as they are. Where
//! another tool has a report among them, names of files are aligned, with those of the sources
//! where there are any, and two reports or more have a profile that is made of all of them.

use algebra::Remap;
use algebra::roots::{self, Alignment, PathDoubt};
use coverage::Profile;
use frontend::open::frames::{self, About};
use frontend::session::model::hex;
use frontend::ui::text::plural;
use report::shown;

use crate::input::Sources;
use crate::keep::Keep;
use crate::opened::{Kept, Stored};

/// Missing files of a report that are named.
const NAMED: usize = 5;

/// What a person says of names.
#[derive(Debug, Clone, Default)]
pub(crate) struct Rules {
    remaps: Vec<Remap>,
    ignore_case: bool,
}

impl Rules {
    /// Rules in the form FROM=TO, one in a line. Gives lines that are none too.
    pub(crate) fn parse(text: &str, ignore_case: bool) -> (Self, Vec<String>) {
        let mut odd = Vec::new();
        let mut remaps = Vec::new();
        for line in text.lines().map(str::trim).filter(|line| !line.is_empty()) {
            match Remap::parse(line) {
                Some(remap) => remaps.push(remap),
                None => odd.push(line.to_owned()),
            }
        }
        (Self { remaps, ignore_case }, odd)
    }

    /// A name by these rules.
    pub(crate) fn renamed(&self, name: &str) -> String {
        let renamed = self.remaps.iter().find_map(|rule| rule.apply(name));
        renamed.unwrap_or_else(|| name.to_owned())
    }
}

/// What is open, by name; what was computed last.
#[derive(Debug, Default)]
pub(crate) struct Reports {
    /// Of all reports, where there are several and not all are of Go.
    pub(crate) united: Option<Kept>,
    /// Each by itself.
    pub(crate) each: Vec<Kept>,
    /// Whether names were aligned, so that all may be other than before.
    pub(crate) is_aligned: bool,
}

impl Reports {
    /// The profile of this id.
    pub(crate) fn by_id(&self, id: &str) -> Option<&Kept> {
        self.all().find(|kept| hex(&kept.about.id) == id)
    }

    /// All that there are.
    pub(crate) fn all(&self) -> impl Iterator<Item = &Kept> {
        self.united.iter().chain(&self.each)
    }

    /// Puts reports together.
    pub(crate) fn of(mut each: Vec<Kept>, sources: &Sources, rules: &Rules) -> Self {
        each.sort_by(|a, b| (&a.about.name, a.about.id).cmp(&(&b.about.name, b.about.id)));
        // What was computed has the names of what it was computed from.
        let (computed, mut each): (Vec<Kept>, Vec<Kept>) =
            each.into_iter().partition(|kept| is_computed(&kept.about));
        if !rules.remaps.is_empty() {
            for kept in &mut each {
                kept.profile = algebra::remap(&kept.profile, &rules.remaps);
            }
        }
        let is_aligned = each.iter().any(|kept| kind(kept) != "go");
        let mut united = None;
        if is_aligned {
            let notes = align(&mut each, sources, rules.ignore_case);
            match &mut each[..] {
                [only] => only.about.notes.extend(notes),
                all => united = Some(unite(all, notes)),
            }
        }
        let is_aligned = is_aligned || !rules.remaps.is_empty();
        each.extend(computed);
        Self { united, each, is_aligned }
    }

    /// Puts together what is kept, with `fresh` in the place of what has its id.
    pub(crate) async fn kept(
        keep: Option<&Keep>,
        fresh: &[Kept],
        sources: &Sources,
        rules: &Rules,
    ) -> Self {
        let stored = match keep {
            Some(keep) => keep.profiles().await,
            None => Vec::new(),
        };
        let is_fresh = |kept: &Kept| fresh.iter().any(|new| new.about.id == kept.about.id);
        let mut each: Vec<Kept> =
            stored.iter().filter_map(Stored::kept).filter(|kept| !is_fresh(kept)).collect();
        each.extend(fresh.iter().cloned());
        Self::of(each, sources, rules)
    }
}

/// Whether a profile was computed of others.
pub(crate) fn is_computed(about: &About) -> bool {
    about.format.starts_with(frames::COMPUTED)
}

/// What counted: profiles of one kind have the same units.
pub(crate) fn kind(kept: &Kept) -> &str {
    if shown::is_by_line(&kept.profile) { &kept.about.format } else { "go" }
}

/// Gives all files one name each. Says how, for people.
fn align(each: &mut [Kept], sources: &Sources, ignore_case: bool) -> Vec<String> {
    let profiles: Vec<&Profile> = each.iter().map(|kept| &kept.profile).collect();
    let alignment = roots::align(&profiles, &sources.tree(), ignore_case);
    let notes = told(&alignment, each);
    for (kept, names) in each.iter_mut().zip(&alignment.names) {
        let files = kept.profile.shape().files().iter().map(|file| file.path.as_str());
        if !files.eq(names.iter().map(String::as_str)) {
            kept.profile = roots::rename(&kept.profile, names);
        }
    }
    notes
}

/// Which names were changed, and which are in doubt: doubts first.
fn told(alignment: &Alignment, each: &[Kept]) -> Vec<String> {
    let name = |at: usize| each.get(at).map_or("", |kept| &*kept.about.name);
    let shown = |root: &str| if root.is_empty() { "the root".to_owned() } else { root.to_owned() };
    let mut notes = Vec::new();
    let mut n_missing = 0;
    for doubt in &alignment.doubts {
        let is_missing = matches!(doubt, PathDoubt::Missing { .. });
        n_missing += usize::from(is_missing);
        if !is_missing || n_missing <= NAMED {
            notes.push(format!("{}: {doubt}", name(doubt.profile())));
        }
    }
    if let n @ 1.. = n_missing.saturating_sub(NAMED) {
        notes.push(format!("so are {} more not", plural(n as u64, "file")));
    }
    notes.extend(alignment.roots.iter().map(|root| {
        let files = plural(root.n_files as u64, "file");
        let (from, to) = (shown(&root.from), shown(&root.to));
        format!("{}: {from} is {to} in {files}", name(root.profile))
    }));
    notes
}

fn unite(each: &[Kept], notes: Vec<String>) -> Kept {
    let named: Vec<_> = each.iter().map(|kept| (kind(kept), &kept.profile)).collect();
    let mut formats: Vec<&str> = each.iter().map(|kept| &*kept.about.format).collect();
    formats.sort_unstable();
    formats.dedup();
    let about = About {
        id: frames::UNITED,
        name: format!("{} united", plural(each.len() as u64, "report")),
        format: formats.join(", "),
        n_files: 0,
        notes,
    };
    Kept { about, profile: algebra::unite(&named) }
}

#[cfg(test)]
mod tests {
    use coverage::{Metrics, dump};

    use super::*;

    fn kept(name: &str, format: &str, text: &str) -> Kept {
        let id = wire::TableId::of(name.as_bytes()).0;
        let about = About { id, name: name.into(), format: format.into(), ..About::default() };
        Kept { about, profile: dump::parse(text).expect("the dump is right") }
    }

    fn three() -> Vec<Kept> {
        vec![
            kept(
                "b.info",
                "lcov",
                "mode count\npackage web - -\nfile web/a.js\nfunction -\nline 1 1\nline 2 0\nbranch 1 - 1/2\n",
            ),
            kept(
                "c.xml",
                "Cobertura",
                "mode count\npackage p - -\nfile /ci/x/web/a.js\nfunction -\nline 2 3\nline 3 0\n",
            ),
            kept(
                "a.out",
                "Go",
                "mode set\npackage e/m m e\nfile e/m/a.go\nfunction F\n3.1,5.2 2 1\n",
            ),
        ]
    }

    #[test]
    fn reports_of_several_tools_are_united() {
        let found = Reports::of(three(), &Sources::default(), &Rules::default());
        let united = found.united.expect("there are three");
        assert_eq!(united.about.name, "3 reports united");
        assert_eq!(united.about.format, "Cobertura, Go, lcov");
        assert_eq!(united.about.notes, ["c.xml: /ci/x is the root in 1 file"]);
        let metrics = Metrics::of(&united.profile);
        assert_eq!((metrics.lines.covered, metrics.lines.total), (5, 6));
        let names: Vec<_> = found.each.iter().map(|kept| &*kept.about.name).collect();
        assert_eq!(names, ["a.out", "b.info", "c.xml"]);
        assert_eq!(found.each[2].profile.shape().files()[0].path.as_str(), "web/a.js");
    }

    #[test]
    fn profiles_of_go_stand_by_themselves() {
        let go = |name| {
            kept(name, "Go", "mode set\npackage e/m m e\nfile e/m/a.go\nfunction F\n3.1,5.2 2 1\n")
        };
        let found = Reports::of(vec![go("a"), go("b")], &Sources::default(), &Rules::default());
        assert!(found.united.is_none() && !found.is_aligned && found.each.len() == 2);
    }

    #[test]
    fn rules_come_before_names_are_aligned() {
        let (rules, odd) = Rules::parse("/ci/x/web=app\n\n nonsense ", false);
        assert_eq!(odd, ["nonsense"]);
        let found = Reports::of(three(), &Sources::default(), &rules);
        assert_eq!(found.each[2].profile.shape().files()[0].path.as_str(), "app/a.js");
        let metrics = Metrics::of(&found.united.expect("there are three").profile);
        assert_eq!((metrics.lines.covered, metrics.lines.total), (5, 7));
    }

    #[test]
    fn what_the_sources_lack_is_said_of_a_report_alone() {
        let sources = Sources { names: vec!["repo/web/a.js".into()], ..Sources::default() };
        let mut one = three().swap_remove(1);
        one.profile = dump::parse("mode count\npackage p - -\nfile /ci/x/web/a.js\nfunction -\nline 2 3\nfile /ci/x/web/b.js\nfunction -\nline 2 3\n").expect("dump");
        let found = Reports::of(vec![one], &sources, &Rules::default());
        assert!(found.united.is_none());
        assert_eq!(
            found.each[0].about.notes,
            ["c.xml: /ci/x/web/b.js is not in the sources", "c.xml: /ci/x is the root in 2 files"]
        );
    }
}
