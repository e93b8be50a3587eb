//! What was read, as the page opens it.

use algebra::contexts::shares as shares_of;
use coverage::Profile;
use formats::pods::{self, Part};
use formats::{Outcome, go_cov, go_source};
use frontend::open::frames::{self, About};
use frontend::open::named;
use frontend::session::model::{Live, hex};
use frontend::session::opened::profile_in;
use frontend::ui::text::plural;
use report::shown;
use wire::frame::Frame;
use wire::{RelayToViewer, TableId, whole};

use crate::input::{Sources, bytes};

/// A profile that the page is to open.
#[derive(Debug, Clone)]
pub(crate) struct Kept {
    pub(crate) about: About,
    pub(crate) profile: Profile,
}

/// Profiles as a person means them: the pods of a folder are one, as `go tool covdata` has it.
/// `read` names the files that were read.
pub(crate) fn group(outcome: Outcome, read: &[String]) -> Vec<Kept> {
    let Outcome { opened, notes, .. } = outcome;
    let mut groups: Vec<(String, Vec<formats::Opened>)> = Vec::new();
    for opened in opened {
        let is_pod = opened.format.id == go_cov::FORMAT.id;
        let name = if is_pod { folder(&opened.name) } else { &opened.name }.to_owned();
        let same = |(other, members): &&mut (String, Vec<formats::Opened>)| {
            let mode = members.first().map(|member| member.profile.mode());
            is_pod && *other == name && mode == Some(opened.profile.mode())
        };
        match groups.iter_mut().find(same) {
            Some((_, members)) => members.push(opened),
            None => groups.push((name, vec![opened])),
        }
    }
    let mut kept: Vec<Kept> = Vec::new();
    let mut places = Vec::new();
    for (name, members) in groups {
        let Some(first) = members.first() else { continue };
        let is_pod = first.format.id == go_cov::FORMAT.id;
        let format = first.format.name;
        let tags: Vec<&str> = members.iter().filter_map(|member| tag(&member.name)).collect();
        let n_files = match is_pod {
            true => {
                read.iter().filter(|file| tag(file).is_some_and(|tag| tags.contains(&tag))).count()
            }
            false => 1,
        };
        let title = match name.as_str() {
            "" => "Coverage data".to_owned(),
            name => name.to_owned(),
        };
        let profile = match members.as_slice() {
            [only] => only.profile.clone(),
            more => algebra::merge(&more.iter().map(|member| &member.profile).collect::<Vec<_>>()),
        };
        let mut id = frames::id(&profile);
        if shown::is_by_line(&profile) {
            // Reports of several tools may say the same.
            id = TableId::of(&[&id, format.as_bytes(), name.as_bytes()].concat()).0;
        }
        let mut about = About {
            id,
            name: title,
            format: format.into(),
            n_files: u32::try_from(n_files).unwrap_or(u32::MAX),
            notes: Vec::new(),
        };
        if members.len() > 1 {
            about.notes.push(format!("{} builds, added up", members.len()));
        }
        places.push((is_pod, name));
        kept.push(Kept { about, profile });
    }
    for note in notes.all() {
        let at = places.iter().position(|(is_pod, name)| {
            if *is_pod { folder(&note.file) == name } else { note.file == *name }
        });
        let times = if note.times > 1 { format!(", {} times", note.times) } else { String::new() };
        if let Some(kept) = kept.get_mut(at.unwrap_or(0)) {
            kept.about.notes.push(format!("{}: {}{times}", note.file, note.what));
        }
    }
    kept
}

fn folder(name: &str) -> &str {
    name.rsplit_once('/').map_or("", |(folder, _)| folder)
}

fn tag(name: &str) -> Option<&str> {
    match pods::part(name)? {
        Part::Meta(tag) | Part::Counters { tag, .. } => Some(tag),
    }
}

/// How much each test of a profile ran, for people.
pub(crate) fn shares(Kept { profile, .. }: &Kept) -> Vec<String> {
    let what = if shown::is_by_line(profile) { "line" } else { "statement" };
    shares_of(profile).iter().map(|share| plural(share.covered, what)).collect()
}

/// What ran in a test, as if nothing else had run.
pub(crate) fn only(Kept { about, profile }: &Kept, test: &str) -> Kept {
    let format = format!("{} · only {test}", about.format);
    let profile = algebra::in_contexts(profile, |name| name == test);
    Kept { about: About { format, ..about.clone() }, profile }
}

/// The messages that open a profile: it closes first, for it may be open under other names.
pub(crate) fn messages(Kept { about, profile }: &Kept) -> Vec<Vec<u8>> {
    let handle = frames::handle(about.id);
    let mut first = Vec::new();
    RelayToViewer::Forget { handle }.encode(&mut first);
    let mut messages = vec![first];
    messages.extend(frames::encode(about, &shown::units(profile)));
    let Some(mut details) = shown::details(profile, handle) else { return messages };
    let files = std::mem::take(&mut details.files);
    let mut n_bytes = 0;
    for file in files {
        n_bytes += file.n_bytes();
        details.files.push(file);
        if n_bytes > frames::MESSAGE_BYTES {
            messages.push(message(&RelayToViewer::Details(details.clone())));
            (n_bytes, details.files) = (0, Vec::new());
        }
    }
    messages.push(message(&RelayToViewer::Details(details)));
    messages
}

fn message(frame: &RelayToViewer) -> Vec<u8> {
    let mut message = Vec::new();
    frame.encode(&mut message);
    message
}

/// The profile with the names that sources give to its functions and modules.
pub(crate) fn complete(profile: &Profile, sources: &Sources) -> Profile {
    let modules: Vec<&str> = sources.modules.iter().map(String::as_str).collect();
    named::complete(profile, &modules, |path| {
        let text = text_of(profile, sources, path);
        text.map_or_else(Vec::new, |text| go_source::named_extents(&String::from_utf8_lossy(&text)))
    })
}

/// The text of a file of a profile, if it is among sources.
pub(crate) fn text_of(profile: &Profile, sources: &Sources, path: &str) -> Option<Vec<u8>> {
    let names = || sources.names.iter().map(String::as_str);
    let at = names().position(|name| name == path).or_else(|| {
        let found = algebra::paths::best_match(path, names())?;
        let files = profile.shape().files().iter().map(|file| file.path.as_str());
        algebra::paths::best_match(found, files).filter(|&back| back == path)?;
        names().position(|name| name == found)
    })?;
    let blob = sources.blobs.get(at)?;
    bytes(blob, blob.size(), &mut |_| {}).ok()
}

/// What the browser keeps of a profile: what is known of it, as the page is told, and the whole of
/// it as bytes.
pub(crate) fn stored(Kept { about, profile }: &Kept) -> Vec<Vec<u8>> {
    vec![message(&RelayToViewer::Process(about.process())), whole::encode(profile)]
}

/// A profile as the browser keeps it.
pub(crate) struct Stored(Vec<Vec<u8>>);

impl Stored {
    /// What was kept, in the form of this release or of the first ones: the messages that went to
    /// the page.
    pub(crate) fn new(parts: Vec<Vec<u8>>) -> Self {
        Self(parts)
    }

    /// What is known of it besides its content.
    pub(crate) fn about(&self) -> Option<About> {
        let frames = RelayToViewer::decode(self.0.first()?).ok()?;
        frames.into_iter().find_map(|frame| match frame {
            RelayToViewer::Process(process) => Some(About::of(process)),
            _ => None,
        })
    }

    /// All of it; `None` where it can't be read any more.
    pub(crate) fn kept(&self) -> Option<Kept> {
        let about = self.about()?;
        if let [_, bytes] = &self.0[..]
            && let Ok(profile) = whole::decode(bytes)
        {
            return Some(Kept { about, profile });
        }
        let mut live = Live::default();
        for message in &self.0 {
            for frame in RelayToViewer::decode(message).ok()? {
                live.apply(frame, &mut Vec::new()).ok()?;
            }
        }
        let profile = profile_in(&live, &hex(&about.id))?;
        Some(Kept { about, profile })
    }
}

/// A profile anew, if sources that came later give names to its functions.
pub(crate) fn renamed(kept: &Kept, sources: &Sources) -> Option<Kept> {
    let Kept { about, profile } = kept;
    let fresh = completed(profile, sources)?;
    (fresh.shape() != profile.shape()).then(|| Kept { about: about.clone(), profile: fresh })
}

/// A profile of Go with the names that its format leaves to the sources; `None` where it has all.
pub(crate) fn completed(profile: &Profile, sources: &Sources) -> Option<Profile> {
    let lacks = !shown::is_by_line(profile) && named::is_bare(profile);
    lacks.then(|| complete(profile, sources))
}

#[cfg(test)]
mod tests {
    use formats::Reading;

    use super::*;

    #[test]
    fn text_profiles_stand_alone_with_their_notes() {
        let mut reading = Reading::default();
        reading.add("a/c.out", b"mode: set\nm/a.go:1.1,2.2 1 1\n");
        reading.add("b/c.out", b"mode: set\nm/a.go:1.1,2.2 1 0\n");
        reading.add("b/d.out", b"mode: set\nm/a.go\n");
        let outcome = reading.finish();
        assert_eq!(outcome.failures.len(), 1);
        let kept = group(outcome, &["a/c.out".into(), "b/c.out".into()]);
        let names: Vec<_> = kept.iter().map(|k| (&*k.about.name, k.about.n_files)).collect();
        assert_eq!(names, [("a/c.out", 1), ("b/c.out", 1)]);
        assert_ne!(kept[0].about.id, kept[1].about.id);
        for one in &kept {
            let again = Stored::new(stored(one)).kept().expect("it was just stored");
            assert_eq!(again.about, one.about);
            assert_eq!(whole::encode(&again.profile), whole::encode(&one.profile));
            // As the first releases kept it.
            let old = Stored::new(frames::encode(&one.about, &one.profile)).kept().expect("old");
            assert_eq!((&old.about, old.profile.counts()), (&one.about, one.profile.counts()));
        }
        let named =
            renamed(&kept[0], &Sources::default()).expect("its module is known by its name");
        assert_eq!(named.about.id, kept[0].about.id);
        assert!(renamed(&named, &Sources::default()).is_none());
        assert!(Stored::new(vec![b"CGP".to_vec()]).kept().is_none());
    }

    #[test]
    fn a_test_alone_is_what_it_ran() {
        let mut reading = Reading::default();
        let text = "TN:one\nSF:a.js\nDA:1,2\nDA:2,0\nend_of_record\nTN:two\nSF:a.js\nDA:1,1\n\
                    DA:2,1\nend_of_record\n";
        reading.add("a.info", text.as_bytes());
        let kept = group(reading.finish(), &["a.info".into()]).swap_remove(0);
        assert_eq!(shares(&kept), ["1 line", "2 lines"]);
        let one = only(&kept, "one");
        assert_eq!((one.profile.counts(), one.about.id), (&[1, 0][..], kept.about.id));
        assert!(one.about.format.ends_with(" · only one"));
        assert_eq!(only(&kept, "gone").profile.counts(), [0, 0]);
    }
}
