//! Which files are read together.
//!
//! Go pairs by file name alone: `covmeta.<tag>` with every `covcounters.<tag>.<pid>.<time>`. Such
//! a group is a *pod*: the runs of one build.

use std::collections::BTreeMap;

/// What the name of a file says about its part in a pod.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Part<'a> {
    /// Meta-data with this tag: 32 hex digits in whatever Go itself writes.
    Meta(&'a str),
    /// Counters for the meta-data with this tag.
    Counters {
        /// Tag of the meta-data.
        tag: &'a str,
        /// Process that counted.
        pid: i64,
    },
}

/// The part that a file plays in a pod, by its name, which may have folders in front; `None` for
/// any other file.
pub fn part(name: &str) -> Option<Part<'_>> {
    let base = name.rsplit('/').next().unwrap_or(name);
    let wordy = |text: &str| !text.is_empty() && !text.contains(char::is_whitespace);
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if let Some(tag) = base.strip_prefix("covmeta.") {
        return wordy(tag).then_some(Part::Meta(tag));
    }
    let rest = base.strip_prefix("covcounters.")?;
    let (rest, nanos) = rest.rsplit_once('.')?;
    let (tag, pid) = rest.rsplit_once('.')?;
    if !wordy(tag) || !digits(nanos) || !digits(pid) {
        return None;
    }
    Some(Part::Counters { tag, pid: pid.parse().ok()? })
}

/// Files of one pod, as positions in the list that was given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pod {
    /// The meta-data file.
    pub meta: usize,
    /// Counter files: first those of the first folder, and in a folder by name.
    pub counters: Vec<Counters>,
}

/// A counter file of a pod.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Counters {
    /// Position of the file in the list that was given.
    pub file: usize,
    /// Position of its folder among the folders that were given.
    pub folder: usize,
    /// Process that counted.
    pub pid: i64,
}

/// What files belong together.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Pods {
    /// Pods, by the name of their meta-data file.
    pub pods: Vec<Pod>,
    /// Counter files without meta-data, as positions in the list.
    pub orphans: Vec<usize>,
    /// Meta-data files whose tag an earlier one has already, as positions in the list.
    pub repeated: Vec<usize>,
}

/// Groups files into pods. A file is given by the position of its folder and its name with that
/// folder in front; those that are no part of a pod are left out.
///
/// As Go has it, the first meta-data file of a tag counts, and pods stand in the order of the
/// names of their meta-data files, folders included.
pub fn group(files: &[(usize, &str)]) -> Pods {
    let mut found = Pods::default();
    let mut by_tag: BTreeMap<&str, Pod> = BTreeMap::new();
    for (file, (_, name)) in files.iter().enumerate() {
        if let Some(Part::Meta(tag)) = part(name) {
            match by_tag.get(tag) {
                Some(_) => found.repeated.push(file),
                None => {
                    by_tag.insert(tag, Pod { meta: file, counters: Vec::new() });
                }
            }
        }
    }
    for (file, &(folder, name)) in files.iter().enumerate() {
        if let Some(Part::Counters { tag, pid }) = part(name) {
            match by_tag.get_mut(tag) {
                Some(pod) => pod.counters.push(Counters { file, folder, pid }),
                None => found.orphans.push(file),
            }
        }
    }
    let name = |file: usize| files.get(file).map(|(_, name)| *name);
    found.pods = by_tag.into_values().collect();
    found.pods.sort_by_key(|pod| name(pod.meta));
    for pod in &mut found.pods {
        pod.counters.sort_by_key(|counters| (counters.folder, name(counters.file)));
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_say_what_a_file_is() {
        assert_eq!(part("a/b/covmeta.00ff"), Some(Part::Meta("00ff")));
        assert_eq!(part("covcounters.x.y.12.34"), Some(Part::Counters { tag: "x.y", pid: 12 }));
        for name in [
            "covmeta.",
            "covmeta",
            "covmeta.a b",
            "covcounters.a.1",
            "covcounters.a.1.b",
            "covcounters.a.99999999999999999999.1",
            "tmp.covmeta.a",
            "notes.txt",
        ] {
            assert_eq!(part(name), None, "{name}");
        }
    }

    #[test]
    fn pods_stand_by_the_name_of_their_meta_data() {
        let files = [
            (0, "z/covcounters.a.2.1"),
            (0, "z/covmeta.a"),
            (0, "z/covcounters.a.1.1"),
            (1, "b/covmeta.a"),
            (1, "b/covmeta.c"),
            (1, "b/covcounters.a.1.1"),
            (1, "b/covcounters.lost.1.1"),
        ];
        let found = group(&files);
        let metas: Vec<_> = found.pods.iter().map(|pod| pod.meta).collect();
        assert_eq!(metas, [4, 1]);
        let counters: Vec<_> = found.pods[1].counters.iter().map(|c| c.file).collect();
        assert_eq!(counters, [2, 0, 5]);
        assert_eq!((found.orphans, found.repeated), (vec![6], vec![3]));
    }
}
