//! Inputs to profiles, with one name for each file.

use std::path::{Path, PathBuf};

use algebra::Remap;
use algebra::roots::{self, Alignment, PathDoubt};
use anyhow::{Context, Result, anyhow};
use coverage::Profile;
use formats::Opened;

use super::open::{companions, list, open};
use super::{NAMED, SelectArgs};

/// What inputs hold, before it is put together.
pub(crate) struct Inputs {
    /// For each input what was read from it.
    parts: Vec<Vec<Part>>,
    /// Names of the files that the sources have, where the inputs don't speak of Go alone.
    tree: Vec<String>,
}

struct Part {
    /// The file that it was read from.
    name: String,
    format: &'static str,
    profile: Profile,
}

impl Part {
    /// What counted: profiles of one kind have the same units.
    fn kind(&self) -> &'static str {
        match self.format {
            "go_text" | "go_cov" => "go",
            format => format,
        }
    }
}

impl Inputs {
    /// Opens inputs, and gives every file one name, as far as that can be found out. Warns of
    /// names that it can't decide.
    pub(crate) fn open(paths: &[PathBuf], select: &SelectArgs) -> Result<Self> {
        let mut with_sources = Vec::new();
        let mut inputs = Vec::new();
        for path in paths {
            let companions = companions(path)?;
            if companions.is_empty() {
                inputs.push(path);
            }
            with_sources.extend(companions);
        }
        // Alone it is for the reader to say what it lacks.
        if inputs.is_empty() {
            with_sources.clear();
            inputs.extend(paths);
        }
        let sources = select.listed()?;
        with_sources.extend(sources.iter().flat_map(|(_, files)| files.iter().cloned()));
        let rules = select.rules()?;
        let mut parts = Vec::with_capacity(paths.len());
        let mut buffer = Vec::new();
        for path in inputs {
            let opened = open(path, &with_sources, &mut buffer)?;
            let part = |Opened { name, format, profile }| {
                let profile =
                    if rules.is_empty() { profile } else { algebra::remap(&profile, &rules) };
                Part { name, format: format.id, profile }
            };
            parts.push(opened.into_iter().map(part).collect());
        }
        drop(buffer);
        let mut inputs = Self { parts, tree: Vec::new() };
        if inputs.parts.iter().flatten().any(|part| part.kind() != "go") {
            inputs.tree = tree(&sources);
            inputs.align(select.ignore_case);
        }
        Ok(inputs)
    }

    /// Ids of the formats that were read, each once, sorted.
    pub(crate) fn formats(&self) -> Vec<&'static str> {
        let mut formats: Vec<_> = self.parts.iter().flatten().map(|part| part.format).collect();
        formats.sort_unstable();
        formats.dedup();
        formats
    }

    /// The format of the first input.
    pub(crate) fn first_format(&self) -> Option<&'static str> {
        self.parts.iter().flatten().next().map(|part| part.format)
    }

    /// Everything in all inputs, of what is meant.
    pub(crate) fn united(self, select: &SelectArgs) -> Result<Profile> {
        let parts: Vec<_> = self.parts.into_iter().flatten().collect();
        let profile = united(parts);
        super::warn_of_doubts(&profile);
        select.apply(profile, &self.tree)
    }

    /// What is meant of each input; by line where they don't all have the same units.
    pub(crate) fn each(self, select: &SelectArgs) -> Result<Vec<Profile>> {
        let mut kinds = self.parts.iter().flatten().map(Part::kind);
        let first = kinds.next();
        let differ = kinds.any(|kind| Some(kind) != first);
        let profiles = self.parts.into_iter().map(|parts| {
            let profile = united(parts);
            select.apply(if differ { algebra::in_common(&profile) } else { profile }, &self.tree)
        });
        profiles.collect()
    }

    fn align(&mut self, ignore_case: bool) {
        let parts: Vec<&Part> = self.parts.iter().flatten().collect();
        let profiles: Vec<&Profile> = parts.iter().map(|part| &part.profile).collect();
        let tree: Vec<&str> = self.tree.iter().map(String::as_str).collect();
        let alignment = roots::align(&profiles, &tree, ignore_case);
        tell(&alignment, &parts);
        for (part, names) in self.parts.iter_mut().flatten().zip(&alignment.names) {
            let files = part.profile.shape().files().iter().map(|file| file.path.as_str());
            if !files.eq(names.iter().map(String::as_str)) {
                part.profile = roots::rename(&part.profile, names);
            }
        }
    }
}

fn united(mut parts: Vec<Part>) -> Profile {
    if parts.len() == 1
        && let Some(only) = parts.pop()
    {
        return only.profile;
    }
    let named: Vec<_> = parts.iter().map(|part| (part.kind(), &part.profile)).collect();
    algebra::unite(&named)
}

/// Says which names were changed, and which could not be decided.
fn tell(alignment: &Alignment, parts: &[&Part]) {
    let name = |profile: usize| parts.get(profile).map_or("", |part| &*part.name);
    let shown = |root: &str| if root.is_empty() { "the root".to_owned() } else { root.to_owned() };
    for root in alignment.roots.iter().take(NAMED * 4) {
        crate::complain(&format!(
            "{}: {} is {} in {} of its files",
            name(root.profile),
            shown(&root.from),
            shown(&root.to),
            root.n_files
        ));
    }
    let mut n_missing = 0;
    for doubt in &alignment.doubts {
        let is_missing = matches!(doubt, PathDoubt::Missing { .. });
        n_missing += usize::from(is_missing);
        if !is_missing || n_missing <= NAMED {
            crate::complain(&format!("{}: {doubt}", name(doubt.profile())));
        }
    }
    if n_missing > NAMED {
        crate::complain(&format!("so are {} more files not", n_missing - NAMED));
    }
}

impl SelectArgs {
    /// The rules of `--remap`: each given, or in a file that is named with `@`.
    fn rules(&self) -> Result<Vec<Remap>> {
        let mut rules = Vec::new();
        for rule in &self.remap {
            let Some(path) = rule.strip_prefix('@') else {
                rules.push(
                    Remap::parse(rule).ok_or_else(|| anyhow!("--remap {rule}: not FROM=TO"))?,
                );
                continue;
            };
            let text =
                std::fs::read_to_string(path).with_context(|| format!("cannot read {path}"))?;
            for (index, line) in text.lines().enumerate() {
                let line = line.trim();
                if !(line.is_empty() || line.starts_with('#')) {
                    let refused = || anyhow!("{path}, line {}: not FROM=TO", index + 1);
                    rules.push(Remap::parse(line).ok_or_else(refused)?);
                }
            }
        }
        Ok(rules)
    }

    /// The folders of `--source`, each with the files below it.
    fn listed(&self) -> Result<Vec<(&Path, Vec<PathBuf>)>> {
        let listed = |folder: &PathBuf| {
            let mut files = Vec::new();
            list(folder, &mut files).map(|()| files)
        };
        self.source.iter().map(|folder| Ok((folder.as_path(), listed(folder)?))).collect()
    }
}

/// The files below folders, by their names in there.
fn tree(folders: &[(&Path, Vec<PathBuf>)]) -> Vec<String> {
    let inside = |(folder, files): &(&Path, Vec<PathBuf>)| -> Vec<String> {
        let names = files.iter().filter_map(|file| file.strip_prefix(folder).ok()?.to_str());
        names.map(|name| name.replace('\\', "/")).collect()
    };
    let mut names: Vec<String> = folders.iter().flat_map(inside).collect();
    names.sort();
    names.dedup();
    names
}
