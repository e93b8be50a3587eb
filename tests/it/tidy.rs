//! What a text search can see of the house's rules.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use tests::repository;

/// Every arrow between members, from the one that depends; `tests` may depend on all, and nothing
/// on `tests`. A new arrow is a change of the design: it goes down a floor or more, never sideways.
const ARROWS: &[(&str, &[&str])] = &[
    (
        "cli",
        &["algebra", "coverage", "formats", "gotrace", "instrument", "relay", "report", "wire"],
    ),
    ("frontend", &["algebra", "coverage", "formats", "gotrace", "report", "wire"]),
    ("report", &["algebra", "coverage", "formats", "wire"]),
    ("relay", &["algebra", "coverage", "formats", "wire"]),
    ("instrument", &["coverage", "formats", "wire"]),
    ("algebra", &["coverage"]),
    ("formats", &["coverage"]),
    ("wire", &["coverage"]),
    ("gotrace", &[]),
    ("coverage", &[]),
];

/// Floors, from the ground up: an arrow of [`ARROWS`] leads to a lower one.
const FLOORS: &[&[&str]] = &[
    &["coverage"],
    &["algebra", "formats", "gotrace", "wire"],
    &["instrument", "relay", "report"],
    &["cli", "frontend"],
];

/// What may lie at the top besides dot-files.
const TOP_LEVEL: &[&str] = &[
    "CHANGELOG.md",
    "Cargo.lock",
    "Cargo.toml",
    "DEVELOPERS.md",
    "LICENSE",
    "Makefile",
    "README.md",
    "Trunk.toml",
    "frontend",
    "server",
    "shared",
    "static",
    "tests",
];

const SHARED: &[&str] = &["shared"];
const CRATES: &[&str] = &["shared", "server", "frontend"];
const ALL: &[&str] = &["shared", "server", "frontend", "tests"];

/// Text that crates below these folders don't contain, and why. Pieces are put together so that
/// this file doesn't contain them either.
const FORBIDDEN: &[(&[&str], &[&str], &str)] = &[
    (SHARED, &["std::", "path"], "source paths are `SourcePath`"),
    (SHARED, &["std::", "fs"], "shared crates do no IO"),
    (SHARED, &["std::", "net"], "shared crates do no IO"),
    (SHARED, &["std::", "io"], "shared crates do no IO"),
    (SHARED, &["std::", "time"], "shared crates have no clock"),
    (SHARED, &["std::", "env"], "shared crates see no environment"),
    (SHARED, &["std::", "process"], "shared crates start nothing"),
    (SHARED, &["std::", "thread"], "shared crates have no threads"),
    (CRATES, &["unbounded", "_channel"], "every queue is bounded"),
    (CRATES, &["mpsc::", "unbounded"], "every queue is bounded"),
    (CRATES, &["mpsc::", "channel()"], "every queue is bounded: use `sync_channel`"),
    (ALL, &["#[", "ignore"], "a test runs or isn't there"),
    (ALL, &["should", "_panic"], "nothing panics on input"),
    (ALL, &["#[", "allow("], "exceptions are `#[expect(…, reason = …)]`"),
    (ALL, &["#![", "allow("], "exceptions are `#[expect(…, reason = …)]`"),
    (ALL, &["unimplemented", "!("], "nothing is half there"),
    (ALL, &["/ho", "me/"], "no path of one machine"),
    (ALL, &["/ro", "ot/"], "no path of one machine"),
    (ALL, &["/Us", "ers/"], "no path of one machine"),
    (ALL, &["/wo", "rk/"], "no path of one machine"),
];

/// Longest source file, in lines.
const LINES: usize = 800;

struct Member {
    name: String,
    folder: PathBuf,
    manifest: String,
}

/// The members of the workspace.
fn members() -> Vec<Member> {
    let workspace = read(&repository().join("Cargo.toml"));
    let list = workspace
        .split_once("members = [")
        .and_then(|(_, rest)| rest.split_once(']'))
        .expect("the workspace lists its members")
        .0;
    let members: Vec<_> = list
        .split('"')
        .skip(1)
        .step_by(2)
        .map(|path| {
            let folder = repository().join(path);
            let manifest = read(&folder.join("Cargo.toml"));
            let name = path.rsplit('/').next().unwrap_or(path).to_owned();
            Member { name, folder, manifest }
        })
        .collect();
    assert!(members.len() >= 9, "found only {} members", members.len());
    members
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Files below a folder whose name ends so, sorted, without what builds leave behind.
fn files(folder: &Path, endings: &[&str]) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        let entries =
            fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
        for entry in entries {
            let entry = entry.expect("a folder can be read to its end");
            let name = entry.file_name().to_string_lossy().into_owned();
            let is_folder = entry.file_type().expect("a file has a type").is_dir();
            if is_folder && !["target", "dist", "node_modules", ".git", ".tools"].contains(&&*name)
            {
                folders.push(entry.path());
            } else if !is_folder && endings.iter().any(|ending| name.ends_with(ending)) {
                found.push(entry.path());
            }
        }
    }
    found.sort();
    found
}

/// Rust files of the workspace, at least as many as there surely are.
fn rust_files(folder: &Path) -> Vec<PathBuf> {
    let found = files(folder, &[".rs"]);
    assert!(!found.is_empty(), "no Rust file below {}", folder.display());
    found
}

fn relative(path: &Path) -> String {
    path.strip_prefix(repository()).unwrap_or(path).display().to_string()
}

/// Names in the dependency tables of a manifest, of every kind and for every target.
fn dependencies(manifest: &str) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    let mut inside = false;
    for line in manifest.lines() {
        let line = line.trim();
        if let Some(section) = line.strip_prefix('[') {
            let section = section.trim_end_matches(']');
            inside = section.ends_with("dependencies");
            if let Some((_, name)) = section.split_once("dependencies.") {
                names.insert(name.to_owned());
            }
        } else if inside
            && let Some((name, value)) = line.split_once(['.', '=', ' '])
            && !line.starts_with('#')
        {
            names.insert(name.trim().to_owned());
            assert!(!value.contains("package ="), "{line}: a dependency goes by its own name");
        }
    }
    names
}

#[test]
fn arrows_lead_down_and_are_those_of_the_design() {
    let floor = |name: &str| FLOORS.iter().position(|floor| floor.contains(&name));
    for (from, targets) in ARROWS {
        for to in *targets {
            assert!(floor(to) < floor(from), "{from} → {to} does not lead down");
        }
    }
    let allowed: BTreeMap<&str, BTreeSet<&str>> =
        ARROWS.iter().map(|(from, to)| (*from, to.iter().copied().collect())).collect();
    let members = members();
    let names: BTreeSet<&str> = members.iter().map(|member| member.name.as_str()).collect();
    for member in members.iter().filter(|member| member.name != "tests") {
        let found = dependencies(&member.manifest);
        let found: BTreeSet<&str> =
            found.iter().map(String::as_str).filter(|name| names.contains(name)).collect();
        let allowed = allowed
            .get(member.name.as_str())
            .unwrap_or_else(|| panic!("{} has no row in ARROWS", member.name));
        let wrong: Vec<_> = found.difference(allowed).collect();
        assert!(wrong.is_empty(), "{} must not depend on {wrong:?}", member.name);
        let gone: Vec<_> = allowed.difference(&found).collect();
        assert!(gone.is_empty(), "{} no longer depends on {gone:?}: take it out", member.name);
    }
}

#[test]
fn members_are_named_as_their_folders_and_share_version_and_lints() {
    for member in members() {
        let has = |line: &str| member.manifest.lines().any(|l| l.trim() == line);
        assert!(has(&format!("name = \"{}\"", member.name)), "{}: another name", member.name);
        for key in ["version", "edition", "rust-version", "license", "publish"] {
            assert!(has(&format!("{key}.workspace = true")), "{}: own {key}", member.name);
        }
        let lints = member.manifest.split_once("[lints]").map(|(_, rest)| rest.trim_start());
        assert!(
            lints.is_some_and(|rest| rest.starts_with("workspace = true")),
            "{}: lints are not the workspace's",
            member.name
        );
    }
}

#[test]
fn lints_of_the_workspace_are_on() {
    let workspace = read(&repository().join("Cargo.toml"));
    for lint in [
        "unsafe_code",
        "unreachable_pub",
        "unwrap_used",
        "iter_over_hash_type",
        "dbg_macro",
        "todo",
        "print_stdout",
    ] {
        assert!(workspace.contains(&format!("{lint} = \"deny\"")), "{lint} is not denied");
    }
}

#[test]
fn nothing_else_lies_at_the_top() {
    let ignored = read(&repository().join(".gitignore"));
    let ignored: Vec<&str> = ignored.lines().map(|line| line.trim_matches('/')).collect();
    let mut seen = 0;
    for entry in fs::read_dir(repository()).expect("the repository can be read") {
        let name = entry.expect("the repository can be read").file_name();
        let name = name.to_string_lossy();
        if name.starts_with('.') || ignored.contains(&&*name) {
            continue;
        }
        assert!(TOP_LEVEL.contains(&&*name), "{name} lies at the top level");
        seen += 1;
    }
    assert!(seen >= 8, "saw only {seen} names");
}

#[test]
fn files_are_short_enough_to_read() {
    let mut seen = 0;
    for member in members() {
        for path in rust_files(&member.folder) {
            let lines = read(&path).lines().count();
            assert!(lines <= LINES, "{} has {lines} lines: split it by idea", relative(&path));
            seen += 1;
        }
    }
    assert!(seen >= 40, "read only {seen} files");
}

#[test]
fn forbidden_text_is_nowhere() {
    for (folders, pieces, reason) in FORBIDDEN {
        let text = pieces.concat();
        let mut seen = 0;
        for member in members() {
            if !folders.iter().any(|folder| relative(&member.folder).starts_with(folder)) {
                continue;
            }
            for path in rust_files(&member.folder) {
                let source = read(&path);
                if let Some(line) = source.lines().position(|line| contains(line, &text)) {
                    panic!("{}:{}: `{text}`: {reason}", relative(&path), line + 1);
                }
                seen += 1;
            }
        }
        assert!(seen >= 8, "looked for `{text}` in only {seen} files");
    }
}

/// Whether the line has the text, and not only as the start of a longer word.
fn contains(line: &str, text: &str) -> bool {
    line.match_indices(text).any(|(at, _)| {
        let next = line[at + text.len()..].chars().next();
        !text.ends_with(char::is_alphabetic)
            || !next.is_some_and(|next| next.is_alphanumeric() || next == '_')
    })
}

#[test]
fn what_is_left_to_do_names_a_condition() {
    let mark = ["TO", "DO"].concat();
    for member in members() {
        for path in files(&member.folder, &[".rs", ".mjs", ".js", ".css", ".html", ".go", ".sh"]) {
            for (index, line) in read(&path).lines().enumerate() {
                let Some((_, rest)) = line.split_once(&mark) else { continue };
                let condition = ["when ", "once ", "until ", "if ", "as soon as "]
                    .iter()
                    .any(|word| rest.trim_start_matches([':', ' ']).starts_with(word));
                assert!(condition, "{}:{}: {mark} without when", relative(&path), index + 1);
            }
        }
    }
}

#[test]
fn crates_say_what_they_are_for() {
    for member in members() {
        let roots = ["src/lib.rs", "src/main.rs", "lib.rs"];
        let roots: Vec<_> = roots
            .iter()
            .map(|root| member.folder.join(root))
            .filter(|root| root.exists())
            .collect();
        assert!(!roots.is_empty(), "{} has no root", member.name);
        for root in roots {
            let source = read(&root);
            let docs: String = source.lines().take_while(|line| line.starts_with("//!")).collect();
            assert!(docs.len() > 20, "{}: no crate docs on top", relative(&root));
        }
    }
}

#[test]
fn texts_for_people_hold_no_path_of_one_machine() {
    let texts = files(repository(), &[".md", ".toml", ".mjs", ".sh", "Makefile", "run"]);
    assert!(texts.len() >= 10, "found only {} texts", texts.len());
    for path in texts {
        let text = read(&path);
        for (_, pieces, reason) in
            FORBIDDEN.iter().filter(|(_, pieces, _)| pieces[0].starts_with('/'))
        {
            let place = text.lines().position(|line| line.contains(&pieces.concat()));
            if let Some(line) = place {
                panic!("{}:{}: {reason}", relative(&path), line + 1);
            }
        }
    }
}

#[test]
fn go_programs_are_listed_and_are_modules_of_their_own() {
    let folder = repository().join("tests/programs");
    let list = read(&folder.join("README.md"));
    let mut seen = 0;
    for entry in fs::read_dir(&folder).expect("the programs can be read") {
        let path = entry.expect("the programs can be read").path();
        if !path.is_dir() {
            continue;
        }
        let name = path.file_name().expect("a folder has a name").to_string_lossy().into_owned();
        assert!(list.contains(&format!("| `{name}` |")), "{name} has no row in the README");
        seen += 1;
    }
    assert!(seen >= 7, "found only {seen} programs");
    for name in ["demo", "conformance", "cgo", "tested", "exits", "ticker", "bench"] {
        assert!(folder.join(name).join("go.mod").exists(), "{name} is no module");
    }
}
