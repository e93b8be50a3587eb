//! What does not build fails in go's own words, and what can't be instrumented is named.

use super::{Module, run, text, without_go};

const FAILING: [(&str, &str); 6] = [
    ("type error", "-- a/a.go --\npackage a\nfunc F() int { var x string = 1; return 2 + y }"),
    ("syntax error", "-- a/a.go --\npackage a\nfunc F() int { return 1 +++ }"),
    (
        "missing package",
        "-- a/a.go --\npackage a\nimport \"ex.com/nowhere\"\nfunc F() int { return 1 }",
    ),
    ("unused import", "-- a/a.go --\npackage a\nimport \"fmt\"\nfunc F() int { return 1 }"),
    (
        "missing return",
        "-- a/a.go --\npackage a\nfunc F() int { for i := range 3 { if i > 1 { return i } } }",
    ),
    ("two packages", "-- a/a.go --\npackage a\nfunc F() int { return 1 }\n-- a/b.go --\npackage b"),
];

#[test]
fn errors_are_gos_own() {
    if without_go("errors_are_gos_own") {
        return;
    }
    for (name, file) in FAILING {
        let module = Module::new("errors", "-- go.mod --\nmodule ex.com/m\ngo 1.23");
        module.write("-- main.go --\npackage main\nimport \"ex.com/m/a\"\nfunc main() { a.F() }");
        module.write(
            "-- a/a_test.go --\npackage a\nimport \"testing\"\nfunc TestF(t *testing.T) { F() }",
        );
        module.write(file);
        for verb in ["build", "run", "test"] {
            let package = if verb == "test" { "./..." } else { "." };
            let theirs = run(&mut module.go("", &[verb, package]));
            let ours = run(&mut module.coverglass("", &[verb, package]));
            assert!(!theirs.status.success(), "{name}: {verb}");
            assert_eq!(text(&ours.stderr), text(&theirs.stderr), "{name}: {verb}");
            assert_eq!(text(&ours.stdout), text(&theirs.stdout), "{name}: {verb}");
            assert_eq!(ours.status.code(), theirs.status.code(), "{name}: {verb}");
        }
    }
}

#[test]
fn vet_and_failing_tests_speak_as_in_go_test() {
    if without_go("vet_and_failing_tests_speak_as_in_go_test") {
        return;
    }
    let files = "-- go.mod --\nmodule ex.com/m\ngo 1.23\n\
        -- a/a.go --\npackage a\nimport \"fmt\"\nfunc F() { if true { fmt.Printf(\"%d\\n\", \"x\") } }\n\
        -- a/a_test.go --\npackage a\nimport \"testing\"\nfunc TestF(t *testing.T) { F() }\n\
        -- b/b.go --\npackage b\nfunc G() int { return 1 }\n\
        -- b/b_test.go --\npackage b\nimport \"testing\"\nfunc TestG(t *testing.T) {\n\tif G() != 2 {\n\t\tt.Error(\"no\")\n\t}\n}";
    let module = Module::new("vet", files);
    let without_times = |bytes: &[u8]| {
        let lines = text(bytes);
        let word = |word: &str| !word.ends_with("s)") && !word.ends_with('s');
        let lines = lines
            .lines()
            .map(|line| line.split_whitespace().filter(|w| word(w)).collect::<Vec<_>>().join(" "));
        lines.collect::<Vec<_>>().join("\n")
    };
    for flags in [&["test", "-count=1", "./..."][..], &["test", "-count=1", "-vet=off", "./..."]] {
        let theirs = run(&mut module.go("", flags));
        let ours = run(&mut module.coverglass("", flags));
        assert_eq!(without_times(&ours.stderr), without_times(&theirs.stderr), "{flags:?}");
        assert_eq!(without_times(&ours.stdout), without_times(&theirs.stdout), "{flags:?}");
        assert_eq!(ours.status.code(), theirs.status.code(), "{flags:?}");
        // The package that is in order was counted.
        let counts = module.counts();
        assert!(counts.iter().any(|(unit, &n)| unit.starts_with("ex.com/m/b/b.go:2.") && n == 1));
    }
}

#[test]
fn what_is_refused_is_named() {
    if without_go("what_is_refused_is_named") {
        return;
    }
    let module = Module::new(
        "refused",
        "-- go.mod --\nmodule ex.com/m\ngo 1.23\n\
        -- main.go --\npackage main\nimport \"errors\"\nfunc main() { println(errors.New(\"x\") == nil) }",
    );
    let said = |arguments: &[&str], variables: &[(&str, &str)]| {
        let mut command = module.coverglass("", arguments);
        let output = run(command.envs(variables.iter().copied()));
        (text(&output.stderr), output.status.code())
    };
    let (message, code) = said(&["build", "-o", "x", "-coverpkg=./...,errors,nope/..."], &[]);
    assert!(message.contains("no packages being built depend on matches for pattern nope/..."));
    assert!(
        message.contains("not instrumented (the counters need it themselves): errors"),
        "{message}"
    );
    assert_eq!(code, Some(0));
    for (arguments, variables, words) in [
        (&["build", "-covermode=often"][..], &[][..], "only set, count and atomic"),
        (&["build", "."], &[("GOOS", "windows")], "windows/amd64"),
        (&["test", "-coverprofile=c.out"], &[], "coverglass profile -o c.out"),
        (&["build", "--flow=maybe"], &[], "only on and off"),
        (&["build", "-overlay", "nope.json"], &[], "nope.json"),
    ] {
        let (message, code) = said(arguments, variables);
        assert!(message.contains(words) && message.lines().count() == 1, "{message}");
        assert_eq!(code, Some(2), "{message}");
    }
    // A flag that neither knows is go's to refuse.
    let ours = run(&mut module.coverglass("", &["build", "-nope"]));
    let theirs = run(&mut module.go("", &["build", "-nope"]));
    assert_eq!(
        (text(&ours.stderr), ours.status.code()),
        (text(&theirs.stderr), theirs.status.code())
    );
}
