//! Counts equal those of `go build -cover -covermode=count`, unit for unit.

use std::path::PathBuf;

use tests::oracle::{self, Counts};
use tests::program;

use super::{Module, run, text, without_go};

/// Builds the package in `folder` with Go's own coverage and with ours, runs both, compares.
fn check(name: &str, folder: PathBuf, package: &str, flags: &[&str], arguments: &[&str]) -> Counts {
    let module = Module::new(name, "");
    let theirs = oracle::build(&module.scratch, &folder, package, flags);
    let ours = module.scratch.join("ours");
    let mut build = module.coverglass(".", &["build"]);
    build.args(flags).arg("-o").arg(&ours).arg(package).current_dir(&folder);
    let output = tests::output(&mut build);
    assert_eq!(text(&output.stderr), "", "{name}");
    let mut command = module.program(&theirs);
    command.args(arguments).current_dir(&folder);
    let expected = oracle::run(&module.scratch, &mut command);
    let without_coverage = run(command.env("GOCOVERDIR", module.scratch.folder("second")));
    let output = run(module.program(&ours).args(arguments).current_dir(&folder));
    assert_eq!(text(&output.stdout), text(&without_coverage.stdout), "{name}: output");
    assert_eq!(output.status.code(), without_coverage.status.code(), "{name}: exit code");
    let found = module.counts();
    assert_eq!(oracle::difference(&expected, &found), "", "{name}");
    found
}

#[test]
fn every_construct_counts_as_go_counts_it() {
    if without_go("every_construct_counts_as_go_counts_it") {
        return;
    }
    let counts = check("conformance", program("conformance"), ".", &[], &[]);
    assert!(counts.len() > 400, "only {} units", counts.len());
    check("cgo", program("cgo"), ".", &[], &[]);
}

#[test]
fn gos_own_commands_count_as_go_counts_them() {
    if without_go("gos_own_commands_count_as_go_counts_them") {
        return;
    }
    let root =
        text(&tests::output(std::process::Command::new("go").args(["env", "GOROOT"])).stdout);
    let source = PathBuf::from(root.trim()).join("src");
    let folder = source.join("go/types").to_string_lossy().into_owned();
    let counts = check("gofmt", source.join("cmd/gofmt"), ".", &[], &["-l", "-s", &folder]);
    assert!(counts.len() > 300, "only {} units", counts.len());
    // One file: how many printers a pool makes depends on how files are formatted side by side.
    let file = source.join("go/types/stmt.go").to_string_lossy().into_owned();
    let all = ["-coverpkg=./...,go/..."];
    let counts = check("gofmt-std", source.join("cmd/gofmt"), ".", &all, &["-s", &file]);
    assert!(counts.len() > 2000, "only {} units", counts.len());
    let scratch = tests::Scratch::new("asm");
    let assembly = source.join("internal/bytealg/count_amd64.s").to_string_lossy().into_owned();
    let include = source.join("../pkg/include").to_string_lossy().into_owned();
    let include_runtime = source.join("runtime").to_string_lossy().into_owned();
    let object = scratch.join("count.o").to_string_lossy().into_owned();
    let arguments = [
        "-p",
        "internal/bytealg",
        "-I",
        &include,
        "-I",
        &include_runtime,
        "-o",
        &object,
        &assembly,
    ];
    check(
        "asm",
        source.join("cmd/asm"),
        ".",
        &["-coverpkg=cmd/asm/...,cmd/internal/obj/..."],
        &arguments,
    );
    check("vet", source.join("cmd/vet"), ".", &["-coverpkg=cmd/..."], &["-flags"]);
}

#[test]
fn tests_count_as_go_test_counts_them() {
    if without_go("tests_count_as_go_test_counts_them") {
        return;
    }
    let module = Module::new("tested", "");
    let folder = program("tested");
    let profile = module.scratch.join("profile");
    let words = ["test", "-count=1", "-covermode=count", "-coverpkg=./...", "-coverprofile"];
    let mut go = module.go(".", &words);
    tests::output(go.arg(&profile).arg("./...").current_dir(&folder).env("GOMAXPROCS", "1"));
    let expected = oracle::counts(&std::fs::read_to_string(profile).unwrap());
    let mut ours = module.coverglass(".", &["test", "-count=1", "./..."]);
    let output = tests::output(ours.current_dir(&folder).env("GOMAXPROCS", "1"));
    assert_eq!(text(&output.stderr), "");
    let found = module.counts();
    // Only packages that a test binary links are in its memory; go's profile has them all.
    let linked: Counts =
        expected.into_iter().filter(|(unit, _)| !unit.contains("/untested/")).collect();
    let found = found.into_iter().filter(|(unit, _)| !unit.contains("/untested/")).collect();
    assert_eq!(oracle::difference(&linked, &found), "");
}
