//! One name for each file, however the tools of several machines call it.
//!
//! Reports name files from where they were made: `/build/42/acme/web/a.js`, `D:\a\acme\web\a.js`,
//! `./web/a.js`, `example.com/acme/web/a.go`. [`align`] finds which of these mean one file, from
//! the names alone or from the list of files that the sources have, and says how it did.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt;

use coverage::{Profile, ProfileBuilder};

use crate::merge::joined;

/// New names for the files of several profiles.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Alignment {
    /// For each profile and each of its files, in the order of the shape, its new name.
    pub names: Vec<Vec<String>>,
    /// How names changed: what they began with, and what is there now.
    pub roots: Vec<Root>,
    /// What could not be decided, or was by less than a name.
    pub doubts: Vec<PathDoubt>,
}

/// A beginning of names that was replaced.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Root {
    /// Position of the profile.
    pub profile: usize,
    /// What the names began with, with separators as they are written here; may be empty.
    pub from: String,
    /// What they begin with now; may be empty.
    pub to: String,
    /// How many files.
    pub n_files: usize,
}

/// A file whose name leaves a doubt.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum PathDoubt {
    /// Several files may be meant; it was left alone.
    Ambiguous {
        /// Position of the profile.
        profile: usize,
        /// The name as it was given.
        path: String,
        /// What it may be.
        candidates: Vec<String>,
    },
    /// Only the case of its letters differs from that of a file; it was left alone.
    Case {
        /// Position of the profile.
        profile: usize,
        /// The name as it was given.
        path: String,
        /// What it may be.
        candidate: String,
    },
    /// The sources are known, and it is not among them.
    Missing {
        /// Position of the profile.
        profile: usize,
        /// The name as it was given.
        path: String,
    },
    /// Two names in one profile mean the same file, and were joined.
    Joined {
        /// Position of the profile.
        profile: usize,
        /// The names as they were given.
        paths: Vec<String>,
        /// The file.
        name: String,
    },
}

impl PathDoubt {
    /// Position of the profile that the doubt is about.
    pub fn profile(&self) -> usize {
        match self {
            Self::Ambiguous { profile, .. }
            | Self::Case { profile, .. }
            | Self::Missing { profile, .. }
            | Self::Joined { profile, .. } => *profile,
        }
    }
}

/// A fragment that reads well after "REPORT: ".
impl fmt::Display for PathDoubt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ambiguous { path, candidates, .. } => {
                write!(f, "{path} may be {}: left as it is", candidates.join(" or "))
            }
            Self::Case { path, candidate, .. } => {
                write!(f, "{path} is {candidate} but for the case of letters: left as it is")
            }
            Self::Missing { path, .. } => write!(f, "{path} is not in the sources"),
            Self::Joined { paths, name, .. } => {
                write!(f, "{} are one file, {name}", paths.join(" and "))
            }
        }
    }
}

/// Finds the files that profiles have in common. `tree` names the files that the sources have,
/// relative to their root, where they are at hand; without any, the names of the profiles have to
/// do, and those of profiles with relative names are kept.
///
/// A name means a file if one of both names ends with the whole of the other, and no other file
/// ends so; or if it begins as names do that were decided. Nothing else is ever joined, but for
/// names of which only the case of letters differs if `ignore_case` is wanted.
pub fn align(profiles: &[&Profile], tree: &[&str], ignore_case: bool) -> Alignment {
    let given: Vec<Vec<&str>> = profiles
        .iter()
        .map(|profile| profile.shape().files().iter().map(|file| file.path.as_str()).collect())
        .collect();
    let plain: Vec<Vec<String>> =
        given.iter().map(|names| names.iter().map(|name| plain(name)).collect()).collect();
    let mut known = Known::default();
    tree.iter().for_each(|name| known.add(&self::plain(name)));
    let has_tree = !tree.is_empty();
    // Relative names first, and then by the position of the profile.
    let mut order: Vec<usize> = (0..profiles.len()).collect();
    let is_absolute = |name: &String| root_length(name) > 0;
    order.sort_by_key(|&at| {
        plain[at].iter().filter(|name| is_absolute(name)).count() * 2 > plain[at].len()
    });
    let mut alignment = Alignment { names: plain.clone(), ..Alignment::default() };
    let last = order.last().copied();
    for at in order {
        let decided = decide(&plain[at], &known, has_tree);
        let names = &mut alignment.names[at];
        for (index, verdict) in decided.into_iter().enumerate() {
            let path = given[at][index].to_owned();
            match verdict {
                Verdict::Known(name) | Verdict::Moved(name) => names[index] = name,
                Verdict::Ambiguous(candidates) => {
                    alignment.doubts.push(PathDoubt::Ambiguous { profile: at, path, candidates });
                }
                Verdict::Case(candidate) if ignore_case => names[index] = candidate,
                Verdict::Case(candidate) => {
                    alignment.doubts.push(PathDoubt::Case { profile: at, path, candidate });
                }
                Verdict::New => {}
            }
            if has_tree && !known.contains(&names[index]) {
                let path = given[at][index].to_owned();
                let said = |doubt: &PathDoubt| {
                    doubt.profile() == at
                        && matches!(doubt, PathDoubt::Ambiguous { path: known, .. } | PathDoubt::Case { path: known, .. } if *known == path)
                };
                if !alignment.doubts.iter().rev().take(1).any(said) {
                    alignment.doubts.push(PathDoubt::Missing { profile: at, path });
                }
            }
        }
        if !has_tree && Some(at) != last {
            alignment.names[at].iter().for_each(|name| known.add(name));
        }
    }
    for (at, names) in alignment.names.iter().enumerate() {
        let mut roots: BTreeMap<(String, String), usize> = BTreeMap::new();
        let mut same: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
        for (index, name) in names.iter().enumerate() {
            same.entry(name).or_default().insert(given[at][index]);
            let (from, to) = difference(&plain[at][index], name);
            if from != to || plain[at][index] != given[at][index] {
                *roots.entry((from.to_owned(), to.to_owned())).or_default() += 1;
            }
        }
        let roots = roots.into_iter().filter(|((from, to), _)| from != to);
        alignment.roots.extend(roots.map(|((from, to), n_files)| Root {
            profile: at,
            from,
            to,
            n_files,
        }));
        for (name, paths) in same.into_iter().filter(|(_, paths)| paths.len() > 1) {
            let paths = paths.into_iter().map(str::to_owned).collect();
            alignment.doubts.push(PathDoubt::Joined { profile: at, paths, name: name.to_owned() });
        }
    }
    alignment.doubts.sort();
    alignment
}

/// The profile with other names for its files, given in the order of its shape. Files stand in
/// the package of their folder then, if their name changed; files of one name become one, counts
/// of equal units added.
pub fn rename(profile: &Profile, names: &[String]) -> Profile {
    let shape = profile.shape();
    let mut builder = ProfileBuilder::default();
    let mut packages: HashMap<String, coverage::PackageIdx> = HashMap::new();
    let mut known = HashMap::new();
    let files: Vec<_> = shape
        .files()
        .iter()
        .zip(names)
        .map(|(file, name)| {
            let row = shape.package(file.package);
            let folder = name.rsplit_once('/').map_or("", |(folder, _)| folder);
            let path = if *name == file.path.as_str() { row.path.as_str() } else { folder };
            let package = *packages
                .entry(path.to_owned())
                .or_insert_with(|| builder.package(path, &row.name, &row.module));
            *known.entry((package, name)).or_insert_with(|| builder.file(package, name))
        })
        .collect();
    builder.copy_files(profile, &files);
    let renamed = builder.build(profile.mode());
    if files.len() > known.len() {
        // Joined files may hold a unit twice.
        joined(&renamed)
    } else {
        renamed
    }
}

/// A name with slashes, without `.`, `..` and doubled separators. What is before the first folder
/// stays: `/`, or a drive as in `C:/`.
pub fn plain(name: &str) -> String {
    let name = name.strip_prefix("file://").unwrap_or(name);
    let drive = |name: &str| {
        let bytes = name.as_bytes();
        bytes.len() > 2
            && bytes[0].is_ascii_alphabetic()
            && bytes[1] == b':'
            && matches!(bytes[2], b'/' | b'\\')
    };
    // A URL has a slash before the drive.
    let name = name.strip_prefix('/').filter(|rest| drive(rest)).unwrap_or(name);
    let windows = drive(name) || (name.contains('\\') && !name.contains('/'));
    let name = if windows { name.replace('\\', "/") } else { name.to_owned() };
    let start = root_length(&name);
    let (root, rest) = name.split_at(start);
    let mut parts: Vec<&str> = Vec::new();
    for part in rest.split('/') {
        match part {
            "" | "." => {}
            ".." if parts.last().is_some_and(|last| *last != "..") => {
                parts.pop();
            }
            ".." if start > 0 => {}
            part => parts.push(part),
        }
    }
    format!("{root}{}", parts.join("/"))
}

/// Length of what stands before the first folder of an absolute name.
fn root_length(name: &str) -> usize {
    match name.as_bytes() {
        [b'/', ..] => 1,
        [letter, b':', b'/', ..] if letter.is_ascii_alphabetic() => 3,
        _ => 0,
    }
}

/// What is to be done with a name.
enum Verdict {
    /// It is this file.
    Known(String),
    /// It is no known file, but lies where known ones do.
    Moved(String),
    Ambiguous(Vec<String>),
    Case(String),
    New,
}

/// Names that are known, by their last part in lower case.
#[derive(Debug, Default)]
struct Known {
    names: BTreeSet<String>,
    by_end: HashMap<String, Vec<String>>,
}

impl Known {
    fn add(&mut self, name: &str) {
        if self.names.insert(name.to_owned()) {
            let end = last(name).to_lowercase();
            self.by_end.entry(end).or_default().push(name.to_owned());
        }
    }

    fn contains(&self, name: &str) -> bool {
        self.names.contains(name)
    }

    fn alike(&self, name: &str) -> &[String] {
        self.by_end.get(&last(name).to_lowercase()).map_or(&[], Vec::as_slice)
    }
}

fn last(name: &str) -> &str {
    name.rsplit('/').next().unwrap_or(name)
}

/// How many parts two names have in common at their ends, and whether that is all of either.
fn ends(a: &str, b: &str, same: impl Fn(&str, &str) -> bool) -> (usize, bool) {
    let parts =
        |name: &str| name[root_length(name)..].rsplit('/').map(str::to_owned).collect::<Vec<_>>();
    let (parts_a, parts_b) = (parts(a), parts(b));
    let n = parts_a.iter().zip(&parts_b).take_while(|(a, b)| same(a, b)).count();
    // The whole of an absolute name is the end of itself alone.
    let whole = |name: &str, n_parts: usize| n == n_parts && root_length(name) == 0;
    (n, n > 0 && (whole(a, parts_a.len()) || whole(b, parts_b.len())))
}

/// What two names begin with where they differ.
fn difference<'a>(from: &'a str, to: &'a str) -> (&'a str, &'a str) {
    let mut common = 0;
    for (a, b) in from.rsplit('/').zip(to.rsplit('/')) {
        if a != b {
            break;
        }
        common += a.len() + 1;
    }
    let start = |name: &'a str| {
        let end = name.len().saturating_sub(common);
        // The root itself belongs to what is before.
        if end < root_length(name) {
            &name[..root_length(name).min(name.len())]
        } else {
            &name[..end]
        }
    };
    (start(from), start(to))
}

/// Decides the names of one profile.
fn decide(names: &[String], known: &Known, has_tree: bool) -> Vec<Verdict> {
    if known.names.is_empty() {
        return names.iter().map(|_| Verdict::New).collect();
    }
    let mut verdicts: Vec<Verdict> = Vec::with_capacity(names.len());
    // Beginnings of names that were decided, with how many files say so.
    let mut votes: BTreeMap<(String, String), usize> = BTreeMap::new();
    for name in names {
        if known.contains(name) {
            *votes.entry((String::new(), String::new())).or_default() += 1;
            verdicts.push(Verdict::Known(name.clone()));
            continue;
        }
        let found = contained(name, known, |a, b| a == b);
        if let [only] = &found[..] {
            let (from, to) = difference(name, only);
            *votes.entry((from.to_owned(), to.to_owned())).or_default() += 1;
            verdicts.push(Verdict::Known(only.clone()));
        } else {
            verdicts.push(match found.is_empty() {
                true => Verdict::New,
                false => Verdict::Ambiguous(found),
            });
        }
    }
    if !has_tree {
        unsure(names, known, &mut verdicts, &mut votes);
    }
    let mut roots: Vec<_> = votes.into_iter().collect();
    roots.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| b.0.cmp(&a.0)));
    for (name, verdict) in names.iter().zip(&mut verdicts) {
        if matches!(verdict, Verdict::Known(_) | Verdict::Moved(_)) {
            continue;
        }
        let moved = |(from, to): &(String, String)| moved(name, from, to);
        let there =
            roots.iter().filter_map(|(root, _)| moved(root)).find(|name| known.contains(name));
        if let Some(there) = there {
            *verdict = Verdict::Known(there);
        } else if matches!(verdict, Verdict::New) {
            let alike = contained(name, known, |a, b| a.to_lowercase() == b.to_lowercase());
            let change = |root: &&((String, String), usize)| root.0.0 != root.0.1;
            *verdict = match &alike[..] {
                [only] => Verdict::Case(only.clone()),
                _ => match roots.iter().filter(change).find_map(|(root, _)| moved(root)) {
                    Some(name) => Verdict::Moved(name),
                    None => Verdict::New,
                },
            };
        }
    }
    verdicts
}

/// Without a list of files, names alone decide: a root that only one short name speaks for, where
/// others that begin like it say nothing, is no evidence.
fn unsure(
    names: &[String],
    known: &Known,
    verdicts: &mut [Verdict],
    votes: &mut BTreeMap<(String, String), usize>,
) {
    // How many others below the same beginning are known by their last part, but elsewhere.
    let mut against: BTreeMap<(String, String), usize> = BTreeMap::new();
    for (from, to) in votes.keys() {
        let elsewhere = |name: &&String| {
            let is_there = || moved(name, from, to).is_some_and(|name| known.contains(&name));
            name.starts_with(from) && !known.alike(name).is_empty() && !is_there()
        };
        against.insert((from.clone(), to.clone()), names.iter().filter(elsewhere).count());
    }
    let mut sure = BTreeSet::new();
    for (name, verdict) in names.iter().zip(verdicts) {
        let Verdict::Known(found) = verdict else { continue };
        let (from, to) = difference(name, found);
        let root = (from.to_owned(), to.to_owned());
        let (n_parts, _) = ends(name, found, |a, b| a == b);
        let n_votes = votes.get(&root).copied().unwrap_or(0);
        let n_against = against.get(&root).copied().unwrap_or(0);
        if name != found && (n_votes < 2 && n_parts < 2 || n_against > n_votes) {
            *verdict = Verdict::New;
        } else {
            sure.insert(root);
        }
    }
    votes.retain(|root, _| sure.contains(root));
}

/// The name with another beginning, if it has this one.
fn moved(name: &str, from: &str, to: &str) -> Option<String> {
    let rest = name.strip_prefix(from)?;
    let rest = match from.is_empty() || from.ends_with('/') {
        true => rest,
        false => rest.strip_prefix('/')?,
    };
    let joint = if to.is_empty() || to.ends_with('/') { "" } else { "/" };
    Some(format!("{to}{joint}{rest}"))
}

/// Known names of which one ends with the whole of the other, those with the longest end.
fn contained(name: &str, known: &Known, same: impl Fn(&str, &str) -> bool + Copy) -> Vec<String> {
    let mut best = 0;
    let mut found: Vec<String> = Vec::new();
    for candidate in known.alike(name) {
        let (n_parts, whole) = ends(name, candidate, same);
        if !whole || n_parts < best {
            continue;
        }
        if n_parts > best {
            found.clear();
            best = n_parts;
        }
        found.push(candidate.clone());
    }
    found
}

#[cfg(test)]
mod tests {
    use coverage::{Mode, dump};

    use super::*;

    fn profile(paths: &[&str]) -> Profile {
        let mut builder = ProfileBuilder::default();
        let package = builder.package("p", "", "");
        for path in paths {
            let file = builder.file(package, path);
            let function = builder.function(file, "", false);
            builder.line(function, 1, 1);
        }
        builder.build(Mode::Count)
    }

    fn aligned(reports: &[&[&str]], tree: &[&str]) -> Alignment {
        let profiles: Vec<_> = reports.iter().map(|paths| profile(paths)).collect();
        align(&profiles.iter().collect::<Vec<_>>(), tree, false)
    }

    fn said(alignment: &Alignment) -> Vec<String> {
        alignment.doubts.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn names_become_plain() {
        for (name, expected) in [
            ("./a/./b//c.js", "a/b/c.js"),
            (r"D:\a\b\..\c.js", "D:/a/c.js"),
            ("file:///C:/a/b.ts", "C:/a/b.ts"),
            ("/build/../src/x.h", "/src/x.h"),
            ("../src/x.h", "../src/x.h"),
            (r"src\x.cs", "src/x.cs"),
            (r"odd\name/x.c", r"odd\name/x.c"),
            ("", ""),
        ] {
            assert_eq!(plain(name), expected);
        }
    }

    #[test]
    fn the_tree_decides() {
        let tree = [
            "web/src/str.js",
            "admin/src/str.js",
            "web/src/calc.js",
            "py/pkg/text.py",
            "cmd/main.go",
        ];
        let found = aligned(
            &[
                &["/build/7/acme/web/src/str.js", "/build/7/acme/web/src/gone.js"],
                &[r"D:\a\acme\web\src\calc.js", r"D:\a\acme\web\src\str.js"],
                &["pkg/text.py", "src/str.js", "WEB/SRC/CALC.JS"],
                &["example.com/acme/cmd/main.go", "/usr/include/x.h"],
            ],
            &tree,
        );
        assert_eq!(found.names[0], ["web/src/str.js", "web/src/gone.js"]);
        assert_eq!(found.names[1], ["web/src/calc.js", "web/src/str.js"]);
        assert_eq!(found.names[2], ["py/pkg/text.py", "src/str.js", "WEB/SRC/CALC.JS"]);
        assert_eq!(found.names[3], ["cmd/main.go", "/usr/include/x.h"]);
        assert_eq!(
            said(&found),
            [
                "src/str.js may be web/src/str.js or admin/src/str.js: left as it is",
                "WEB/SRC/CALC.JS is web/src/calc.js but for the case of letters: left as it is",
                "/build/7/acme/web/src/gone.js is not in the sources",
                "/usr/include/x.h is not in the sources",
            ]
        );
        let roots: Vec<_> = found
            .roots
            .iter()
            .map(|root| (root.profile, &*root.from, &*root.to, root.n_files))
            .collect();
        assert_eq!(
            roots,
            [
                (0, "/build/7/acme", "", 2),
                (1, "D:/a/acme", "", 2),
                (2, "", "py", 1),
                (3, "example.com/acme", "", 1)
            ]
        );
    }

    #[test]
    fn what_is_ambiguous_follows_its_neighbors() {
        let tree = ["web/src/str.js", "admin/src/str.js", "web/src/calc.js"];
        let found = aligned(&[&["src/str.js", "src/calc.js"]], &tree);
        assert_eq!(found.names[0], ["web/src/str.js", "web/src/calc.js"]);
        assert!(found.doubts.is_empty());
    }

    #[test]
    fn without_a_tree_names_have_to_do() {
        let found = aligned(
            &[
                &["/build/7/acme/web/src/str.js", "/build/7/acme/web/src/calc.js"],
                &["web/src/str.js", "web/src/new.js"],
                &["index.js", "lib/other.js"],
            ],
            &[],
        );
        assert_eq!(found.names[0], ["web/src/str.js", "web/src/calc.js"]);
        assert_eq!(found.names[1], ["web/src/str.js", "web/src/new.js"]);
        assert_eq!(found.names[2], ["index.js", "lib/other.js"]);
        assert!(said(&found).is_empty());
        // One short name in common is no evidence.
        let found = aligned(&[&["web/index.js", "web/a.js"], &["index.js", "b.js"]], &[]);
        assert_eq!(found.names[1], ["index.js", "b.js"]);
    }

    #[test]
    fn a_file_under_two_names_is_one() {
        let found = aligned(&[&["/b/x/src/a.c", "/b/x/build/../src/a.c"]], &["src/a.c"]);
        assert_eq!(found.names[0], ["src/a.c", "src/a.c"]);
        assert_eq!(said(&found), ["/b/x/build/../src/a.c and /b/x/src/a.c are one file, src/a.c"]);
        let renamed = rename(&profile(&["/b/x/src/a.c", "/b/x/build/../src/a.c"]), &found.names[0]);
        assert_eq!(
            dump::write(&renamed),
            "mode count\npackage src - -\nfile src/a.c\nfunction -\nline 1 2\n"
        );
    }
}
