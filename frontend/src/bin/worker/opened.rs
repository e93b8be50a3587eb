//! What was read, as the page opens it.

use coverage::Profile;
use formats::pods::{self, Part};
use formats::{Outcome, go_cov, go_source};
use frontend::open::frames::{self, About};
use frontend::open::named;
use frontend::session::model::{Live, hex};
use frontend::session::opened::profile_in;
use wire::RelayToViewer;
use wire::frame::Frame;

use crate::input::{Sources, bytes};

/// A profile that the page is to open.
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
        let mut about = About {
            id: frames::id(&profile),
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

/// The messages that open a profile, with what the sources say of it.
pub(crate) fn messages(about: &About, profile: &Profile, sources: &Sources) -> Vec<Vec<u8>> {
    if named::is_bare(profile) {
        frames::encode(about, &complete(profile, sources))
    } else {
        frames::encode(about, profile)
    }
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

/// The id of the profile that messages bring.
pub(crate) fn id_of(messages: &[Vec<u8>]) -> Option<String> {
    let live = live(messages)?;
    live.opened.first().map(|opened| hex(&opened.info.key))
}

/// The profile that messages bring.
pub(crate) fn profile_of(messages: &[Vec<u8>]) -> Option<Profile> {
    profile_in(&live(messages)?, &id_of(messages)?)
}

fn live(messages: &[Vec<u8>]) -> Option<Live> {
    let mut live = Live::default();
    for message in messages {
        for frame in RelayToViewer::decode(message).ok()? {
            live.apply(frame, &mut Vec::new()).ok()?;
        }
    }
    Some(live)
}

/// The profile that messages bring.
pub(crate) fn kept(messages: &[Vec<u8>]) -> Option<Kept> {
    let live = live(messages)?;
    let info = &live.opened.first()?.info;
    let profile = profile_in(&live, &hex(&info.key))?;
    let about = About {
        id: info.key,
        name: info.service.clone(),
        format: info.host.clone(),
        n_files: info.pid,
        notes: info.arguments.clone(),
    };
    Some(Kept { about, profile })
}

/// A kept profile anew, if sources that came later give names to its functions.
pub(crate) fn renamed(messages: &[Vec<u8>], sources: &Sources) -> Option<(String, Vec<Vec<u8>>)> {
    let Kept { about, profile } = kept(messages)?;
    if !named::is_bare(&profile) {
        return None;
    }
    let fresh = complete(&profile, sources);
    (fresh.shape() != profile.shape()).then(|| (hex(&about.id), frames::encode(&about, &fresh)))
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
        let messages = messages(&kept[0].about, &kept[0].profile, &Sources::default());
        assert_eq!(id_of(&messages), Some(hex(&kept[0].about.id)));
        assert!(renamed(&messages, &Sources::default()).is_none());
    }
}
