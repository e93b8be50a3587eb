//! `coverglass covdata` against `go tool covdata`: same output, same files, same exit codes.

mod damage;

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use formats::go_counters;
use tests::{Scratch, coverglass, has_go, output, program};

/// Whether the test can't run for lack of Go. On CI that is a failure, elsewhere it is said aloud.
fn without_go(test: &str) -> bool {
    if has_go() {
        return false;
    }
    assert!(std::env::var("CI").is_err(), "{test} needs Go, and there is none");
    eprintln!("SKIPPED {test}: it needs Go, and there is none");
    true
}

/// Folders of coverage data, made by the program `pods`.
struct Data(Scratch);

impl Data {
    /// Builds both binaries in a mode and runs them into the folders `a` and `b`, in which both
    /// have data, `alpha`, `alpha2` and `beta`, in which only one has, and `empty`.
    fn new(mode: &str) -> Self {
        let data = Self(Scratch::new(&format!("covdata-{mode}")));
        for name in ["alpha", "beta"] {
            data.build(name, mode, "./...");
        }
        for folder in ["a", "b", "alpha", "alpha2", "beta", "empty"] {
            data.0.folder(folder);
        }
        data.run("alpha", "a", &["x", "yy"]);
        data.run("alpha", "a", &["z"]);
        data.run("beta", "a", &["3", "-4"]);
        data.run("alpha", "b", &[]);
        data.run("beta", "b", &["no number"]);
        data.run("alpha", "alpha", &["x", "yy", "zzz"]);
        data.run("alpha", "alpha", &["1", "2", "3", "4", "5", "6", "7", "8", "9"]);
        data.run("alpha", "alpha2", &["x"]);
        data.run("beta", "beta", &["0"]);
        data
    }

    fn build(&self, name: &str, mode: &str, packages: &str) {
        output(
            Command::new("go")
                .current_dir(program("pods"))
                .args(["build", "-cover", "-trimpath", "-o"])
                .arg(self.0.join(format!("{name}.bin")))
                .arg(format!("-covermode={mode}"))
                .arg(format!("-coverpkg={packages}"))
                .arg(format!("./{name}")),
        );
    }

    fn run(&self, name: &str, folder: &str, arguments: &[&str]) {
        Command::new(self.0.join(format!("{name}.bin")))
            .args(arguments)
            .env("GOCOVERDIR", self.0.join(folder))
            .output()
            .expect("the program runs");
    }

    /// Runs both tools with these arguments, in which `OUT` is a file or folder to write. Both
    /// must do the same; where Go's tool panics, ours must fail and say why.
    fn compare(&self, arguments: &str) {
        let out = self.0.join("out");
        let mut outcomes = ["go", "coverglass"].map(|tool| {
            let _ = std::fs::remove_dir_all(&out);
            let _ = std::fs::remove_file(&out);
            if ["merge", "subtract", "intersect"].iter().any(|verb| arguments.starts_with(verb)) {
                std::fs::create_dir(&out).expect("a folder for the output");
            }
            let mut command = match tool {
                "go" => Command::new("go"),
                _ => Command::new(coverglass()),
            };
            if tool == "go" {
                command.arg("tool");
            }
            let words = arguments.split(' ').map(|word| word.replace("OUT", "out"));
            command.arg("covdata").args(words).current_dir(self.0.path());
            let ran = command.output().expect("the tool starts");
            (ran, written(&out))
        });
        let [(go, go_files), (own, own_files)] = &mut outcomes;
        let errors = String::from_utf8_lossy(&own.stderr).into_owned();
        if String::from_utf8_lossy(&go.stderr).contains("panic:") {
            assert_eq!(own.status.code(), Some(1), "{arguments}: {errors}");
            assert!(errors.contains("several binaries"), "{arguments}: {errors}");
            return;
        }
        assert_eq!(own.status.code(), go.status.code(), "{arguments}: {errors}");
        assert_eq!(text(own), text(go), "{arguments}: {errors}");
        if go.status.success() {
            assert_eq!(own_files, go_files, "{arguments}: {errors}");
        } else {
            assert!(!errors.is_empty(), "{arguments}: nothing is said");
        }
    }
}

/// Standard output, but for the line that names the tool.
fn text(output: &Output) -> String {
    let text = String::from_utf8_lossy(&output.stdout);
    text.lines().filter(|line| !line.starts_with(" *\t")).flat_map(|line| [line, "\n"]).collect()
}

/// Files of an output by name: counter files without their time and decoded, since the order of
/// their strings is left to chance.
fn written(out: &Path) -> Vec<(String, String)> {
    let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    let read = |path: &PathBuf| std::fs::read(path).expect("an output can be read");
    if out.is_file() {
        return vec![(String::new(), String::from_utf8_lossy(&read(&out.into())).into())];
    }
    let Ok(entries) = std::fs::read_dir(out) else { return Vec::new() };
    let files = entries.map(|entry| entry.expect("the output can be listed").path());
    let mut files: Vec<_> = files
        .map(|path| {
            let name = path.file_name().expect("a file has a name").to_string_lossy().into_owned();
            let bytes = read(&path);
            if !name.starts_with("covcounters.") {
                return (name, hex(&bytes));
            }
            let mut lines = String::new();
            let file = go_counters::read(&bytes, |record| {
                lines.push_str(&format!("{record:?}\n"));
                Ok(())
            });
            let file = file.unwrap_or_else(|error| panic!("{name}: {error}"));
            let (name, _) = name.rsplit_once('.').expect("a counter file ends in its time");
            (name.to_owned(), format!("{file:?}\n{lines}"))
        })
        .collect();
    files.sort();
    files
}

/// Every command, over each way in which folders can hold data of one and of two binaries.
const ALIKE: &[&str] = &[
    "percent -i=a",
    "percent -i=a,b,beta -pkg=example.com/pods/shared",
    "percent -i=a -o=OUT",
    "percent -i=empty",
    "percent -i=a -v=1",
    "percent -i=a,b -v=2",
    "func -i=a,alpha -v=2 -pkg=example.com/pods/shared",
    "textfmt -i=a -o=OUT -v=2",
    "pkglist -i=a -v=2",
    "debugdump -i=a,b -v=2",
    "merge -i=a,b -o=OUT -v=2",
    "merge -i=a,b -o=OUT -v=2 -pcombine",
    "merge -i=a -o=OUT -v=2 -pcombine -pkg=...shared",
    "subtract -i=alpha,alpha2 -o=OUT -v=2",
    "intersect -i=alpha,alpha2 -o=OUT -v=2",
    "percent -i=a,a",
    "func -i=a,b",
    "func -i=alpha -pkg=.../limits",
    "func -i=empty",
    "pkglist -i=a,b",
    "pkglist -i=a -pkg=example.com/pods/...",
    "textfmt -i=a,b -o=OUT",
    "textfmt -i=alpha -o=OUT -pkg=example.com/pods/shared,example.com/pods/alpha",
    "textfmt -i=empty -o=OUT",
    "textfmt -i=a -o=missing/OUT",
    "textfmt -i=a",
    "debugdump -i=a",
    "debugdump -i=alpha,b -live",
    "debugdump -i=beta -live -pkg=example.com/pods/shared",
    "debugdump -i=empty",
    "debugdump -i=missing",
    "merge -i=a,b -o=OUT",
    "merge -i=a -o=OUT -pkg=example.com/pods/shared",
    "merge -i=a,b -o=OUT -pcombine",
    "merge -i=alpha,beta -o=OUT -pcombine -pkg=...shared",
    "merge -i=empty -o=OUT",
    "merge -i=empty -o=OUT -pcombine",
    "merge -i=a -o=missing/OUT",
    "merge -i=missing -o=OUT",
    "merge -i=a,,b -o=OUT",
    "subtract -i=alpha,alpha2 -o=OUT",
    "subtract -i=alpha2,alpha -o=OUT",
    "subtract -i=alpha,alpha -o=OUT -pkg=example.com/pods/shared",
    "subtract -i=alpha,beta -o=OUT",
    "subtract -i=beta,alpha -o=OUT",
    "subtract -i=a,alpha -o=OUT",
    "subtract -i=a,b -o=OUT",
    "subtract -i=a -o=OUT",
    "subtract -i=alpha,empty -o=OUT",
    "intersect -i=alpha,alpha2 -o=OUT",
    "intersect -i=alpha2,alpha -o=OUT",
    "intersect -i=alpha,alpha2,a -o=OUT",
    "intersect -i=alpha -o=OUT",
    "intersect -i=a -o=OUT",
    "intersect -i=a,b -o=OUT",
    "intersect -i=a,alpha -o=OUT",
    "intersect -i=a,beta -o=OUT",
    "intersect -i=alpha,beta -o=OUT",
    "intersect -i=beta,alpha -o=OUT",
    "intersect -i=empty,alpha -o=OUT",
    "nonsense -i=a",
    "percent",
    "percent -i",
    "percent -i=a b",
    "percent -live -i=a",
];

/// Compares everything for a mode.
fn compare_all(mode: &str) {
    if without_go("covdata") {
        return;
    }
    let data = Data::new(mode);
    for arguments in ALIKE {
        data.compare(arguments);
    }
}

#[test]
fn set_mode_is_that_of_go() {
    compare_all("set");
}

#[test]
fn count_mode_is_that_of_go() {
    compare_all("count");
}

#[test]
fn atomic_mode_is_that_of_go() {
    compare_all("atomic");
}

#[test]
fn builds_of_different_modes_meet_as_in_go() {
    if without_go("covdata") {
        return;
    }
    let data = Data::new("set");
    data.build("alpha", "count", "./...");
    data.run("alpha", "a", &["other", "mode"]);
    data.run("alpha", "alpha2", &["other", "mode"]);
    for arguments in ALIKE {
        data.compare(arguments);
    }
}

#[test]
fn words_of_the_command_line_may_be_any_bytes() {
    use std::os::unix::ffi::OsStrExt as _;
    if without_go("covdata") {
        return;
    }
    let data = Data::new("count");
    Command::new(data.0.join("alpha.bin"))
        .arg(std::ffi::OsStr::from_bytes(b"\xff\xfe"))
        .env("GOCOVERDIR", data.0.folder("bytes"))
        .output()
        .expect("the program runs");
    for arguments in ["debugdump -i=bytes", "merge -i=bytes -o=OUT", "percent -i=bytes"] {
        data.compare(arguments);
    }
}
