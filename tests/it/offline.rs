//! Commands on coverage data that is there, against what Go's tools say of the same.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use tests::{Scratch, coverglass, output, program};

/// Coverage of the tests of `tests/programs/tested`, made by Go: a text profile.
fn tested(scratch: &Scratch, mode: &str) -> PathBuf {
    let path = scratch.join(format!("{mode}.out"));
    output(
        Command::new("go")
            .args(["test", "-count=1", "-coverpkg=./...", "-covermode", mode, "-coverprofile"])
            .arg(&path)
            .arg("./...")
            .current_dir(program("tested")),
    );
    path
}

fn run(folder: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(coverglass());
    command.args(arguments).current_dir(folder);
    command.output().expect("coverglass starts")
}

fn ok(folder: &Path, arguments: &[&str]) -> String {
    let output = run(folder, arguments);
    let message = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{arguments:?}: {}\n{message}", output.status);
    String::from_utf8(output.stdout).expect("text")
}

/// Exit code and the one sentence on standard error.
fn refused(folder: &Path, arguments: &[&str]) -> (i32, String) {
    let output = run(folder, arguments);
    assert!(output.stdout.is_empty(), "{}", String::from_utf8_lossy(&output.stdout));
    let message = String::from_utf8(output.stderr).expect("text");
    (output.status.code().expect("it ended by itself"), message.trim_end().to_owned())
}

/// What Go's tool answers to the same arguments: exit code, standard output, and the file of `-o`.
fn go_cover(folder: &Path, arguments: &[&str]) -> (bool, String) {
    let mut command = Command::new("go");
    command.args(["tool", "cover"]).args(arguments).current_dir(folder);
    let output = command.output().expect("go starts");
    (output.status.success(), String::from_utf8(output.stdout).expect("text"))
}

#[test]
fn cover_func_and_html_are_those_of_go() {
    let scratch = Scratch::new("offline");
    let folder = program("tested");
    for mode in ["set", "count", "atomic"] {
        let profile = tested(&scratch, mode);
        let argument = format!("-func={}", profile.display());
        let (_, expected) = go_cover(&folder, &[&argument]);
        assert!(expected.contains("total:"), "{expected}");
        assert_eq!(ok(&folder, &["cover", &argument]), expected);

        let argument = format!("-html={}", profile.display());
        let (theirs, ours) = (scratch.join("theirs.html"), scratch.join("ours.html"));
        let file = |path: &Path| format!("-o={}", path.display());
        assert!(go_cover(&folder, &[&argument, &file(&theirs)]).0);
        ok(&folder, &["cover", &argument, &file(&ours)]);
        let read = |path: &Path| std::fs::read_to_string(path).expect("the page was written");
        assert_eq!(read(&ours), read(&theirs));
    }
}

#[test]
fn cover_refuses_what_go_refuses() {
    let scratch = Scratch::new("offline");
    for (text, reason) in [
        ("hello\n", "line 1: not a mode line"),
        ("mode: set\n\n", "line 2: not file:span statements count"),
        ("mode: set\na.go:1.1,2.2 1 x\n", "line 2: count is not a number"),
        ("mode: set\na.go:1.1,2.2 1 1\na.go:1.1,2.2 2 1\n", "inconsistent number of statements"),
        ("mode: set\nno/such.go:1.1,2.2 1 1\n", "no/such.go: the source is not found from here"),
    ] {
        let path = scratch.join("bad.out");
        std::fs::write(&path, text).expect("it can be written");
        let (code, message) = refused(scratch.path(), &["cover", "-func=bad.out"]);
        assert_eq!(code, 2);
        assert!(message.contains(reason), "{message}");
        assert!(!go_cover(scratch.path(), &["-func=bad.out"]).0);
    }
    for arguments in [&["cover"][..], &["cover", "-func=a", "-html=b"], &["cover", "-mode=set"]] {
        assert_eq!(refused(scratch.path(), arguments).0, 2);
    }
}

#[test]
fn summary_counts_each_block_once() {
    let scratch = Scratch::new("offline");
    let profile = tested(&scratch, "count");
    let text = std::fs::read_to_string(&profile).expect("go wrote it");
    // Each test binary lists every block.
    let counts = tests::oracle::counts(&text);
    assert!(counts.len() < text.lines().count() - 1, "nothing is listed twice");
    let statements = |block: &str| -> u64 {
        block.rsplit(' ').next().and_then(|n| n.parse().ok()).expect("statements")
    };
    let total: u64 = counts.keys().map(|block| statements(block)).sum();
    let covered: u64 =
        counts.iter().filter(|(_, count)| **count > 0).map(|(block, _)| statements(block)).sum();
    let summary = ok(scratch.path(), &["summary", "count.out", "--json"]);
    let summary: serde_json::Value = serde_json::from_str(&summary).expect("JSON");
    let expected = serde_json::json!({"covered": covered, "total": total});
    assert_eq!(summary["total"]["statements"], expected);
    assert_eq!(summary["format"], "go_text");
    assert!(summary["total"].get("functions").is_none(), "a text profile has no functions");

    let last = |text: &str| text.lines().last().unwrap_or_default().to_owned();
    let table = ok(scratch.path(), &["summary", "count.out", "--by", "file"]);
    assert!(last(&table).ends_with(&format!("{covered}/{total}")), "{table}");
    // Functions have names where the sources are.
    let functions =
        ok(&program("tested"), &["summary", &profile.to_string_lossy(), "--by", "function"]);
    assert!(functions.contains("greet.go:"), "{functions}");
    assert!(last(&functions).ends_with(&format!("{covered}/{total}")), "{functions}");
    let one = ok(scratch.path(), &["summary", "count.out", "--exclude", "*/roman/**"]);
    assert!(!one.contains("roman"), "{one}");
    let (code, message) = {
        let output = run(scratch.path(), &["summary", "count.out", "--fail-under", "99.9"]);
        (output.status.code(), String::from_utf8(output.stderr).expect("text"))
    };
    assert_eq!(code, Some(1));
    assert!(message.contains("less than 99.9%"), "{message}");
}

#[test]
fn profiles_are_merged_subtracted_and_intersected() {
    let scratch = Scratch::new("offline");
    let write = |name: &str, text: &str| {
        std::fs::write(scratch.join(name), text).expect("it can be written");
    };
    write("a.out", "mode: count\np/a.go:1.1,2.2 1 5\np/a.go:3.1,4.2 2 0\np/b.go:1.1,2.2 1 2\n");
    write("b.out", "mode: count\np/a.go:1.1,2.2 1 1\np/a.go:3.1,4.2 2 7\n");
    let go = |arguments: &[&str]| ok(scratch.path(), arguments);
    assert_eq!(
        go(&["merge", "a.out", "b.out"]),
        "mode: count\np/a.go:1.1,2.2 1 6\np/a.go:3.1,4.2 2 7\np/b.go:1.1,2.2 1 2\n"
    );
    assert_eq!(
        go(&["subtract", "a.out", "b.out"]),
        "mode: count\np/a.go:1.1,2.2 1 0\np/a.go:3.1,4.2 2 0\np/b.go:1.1,2.2 1 2\n"
    );
    assert_eq!(
        go(&["intersect", "a.out", "b.out"]),
        "mode: count\np/a.go:1.1,2.2 1 5\np/a.go:3.1,4.2 2 0\np/b.go:1.1,2.2 1 0\n"
    );
    // There and back again: Go's binary form keeps all that a text profile says.
    assert_eq!(go(&["convert", "a.out", "--to", "go_cov", "-o", "raw"]), "");
    assert_eq!(go(&["convert", "raw", "--to", "go_text", "-o", "back.out"]), "");
    let read = |name: &str| std::fs::read_to_string(scratch.join(name)).expect("it was written");
    assert_eq!(read("back.out"), read("a.out"));
    let theirs = scratch.join("theirs.out");
    let mut covdata = Command::new("go");
    covdata.args(["tool", "covdata", "textfmt", "-i=raw", "-o"]).arg(&theirs);
    output(covdata.current_dir(scratch.path()));
    assert_eq!(read("theirs.out"), read("a.out"));
    assert_eq!(
        go(&["merge", "a.out", "--remap", "p=q", "--include", "b.go"]),
        "mode: count\nq/b.go:1.1,2.2 1 2\n"
    );

    for (arguments, reason) in [
        (&["merge", "none.out"][..], "cannot read none.out"),
        (&["subtract", "a.out"], "give 2 inputs or more"),
        (&["merge", "raw"], "Go binary coverage data is several files: name a folder with -o"),
        (&["merge", "a.out", "--to", "bmp"], "--to bmp: what can be written is go_text, go_cov"),
        (&["merge", "a.out", "--remap", "x"], "--remap x: not FROM=TO"),
    ] {
        let (code, message) = refused(scratch.path(), arguments);
        assert_eq!(code, 2, "{arguments:?}");
        assert!(message.contains(reason), "{message}");
    }
}

#[test]
fn a_damaged_file_leaves_the_rest_of_its_folder() {
    let scratch = Scratch::new("offline");
    let folder = scratch.folder("mixed");
    let text = "mode: set\np/a.go:1.1,2.2 1 1\n";
    std::fs::write(folder.join("good.out"), text).expect("it can be written");
    std::fs::write(folder.join("bad.out"), format!("{text}p/a.go:1.1\n")).expect("written");
    std::fs::write(folder.join("covcounters.00.1.1"), "nothing").expect("written");
    std::fs::write(folder.join("notes.txt"), "nothing of ours").expect("written");
    let output = run(scratch.path(), &["merge", "mixed"]);
    assert!(output.status.success());
    assert_eq!(String::from_utf8(output.stdout).expect("text"), text);
    let message = String::from_utf8(output.stderr).expect("text");
    let mut lines: Vec<_> = message.lines().collect();
    lines.sort_unstable();
    assert_eq!(
        lines,
        [
            "coverglass: mixed/bad.out is left out: line 3: not file:span statements count",
            "coverglass: mixed/covcounters.00.1.1 is left out: its meta-data, covmeta.00, is missing",
        ]
    );
    let (code, message) = refused(scratch.path(), &["summary", "mixed/notes.txt"]);
    assert_eq!((code, message.contains("no coverage data of a known format")), (2, true));
    assert!(message.contains("what can be read is Go text profile, "), "{message}");
}

#[test]
fn a_patch_has_the_lines_that_git_says_have_changed() {
    let scratch = Scratch::new("offline");
    let repository = scratch.folder("repository");
    let git = |arguments: &[&str]| {
        let mut command = Command::new("git");
        command.args(["-c", "user.name=a", "-c", "user.email=a@b", "-c", "commit.gpgsign=false"]);
        output(command.args(arguments).current_dir(&repository));
    };
    let write = |name: &str, text: &str| {
        std::fs::write(repository.join(name), text).expect("it can be written");
    };
    git(&["init", "--quiet"]);
    write("a.go", "package a\n\nfunc F() {\n\tprintln(1)\n}\n");
    git(&["add", "."]);
    git(&["commit", "--quiet", "--message", "first"]);
    write("a.go", "package a\n\nfunc F() {\n\tprintln(2)\n}\n\nfunc G() {\n\tprintln(3)\n}\n");
    write("c.out", "mode: set\nex.com/a/a.go:3.10,5.2 1 1\nex.com/a/a.go:7.10,9.2 1 0\n");
    git(&["add", "--intent-to-add", "."]);

    // git takes the last brace for the old one, so lines 5 to 8 are new to it.
    let patch = ok(&repository, &["patch", "c.out", "--base", "HEAD"]);
    assert_eq!(
        patch,
        "a.go    50.0%  2/4\ntotal   50.0%  2/4\na.go: not covered: 7-8\n\
         c.out: not in the coverage data\n"
    );
    let json = ok(&repository, &["patch", "c.out", "--base", "HEAD", "--json"]);
    let json: serde_json::Value = serde_json::from_str(&json).expect("JSON");
    assert_eq!(json["files"][0]["covered"], serde_json::json!([4, 5]));
    assert_eq!(json["files"][0]["not_coverable"], serde_json::json!([6]));
    let failed = run(&repository, &["patch", "c.out", "--base", "HEAD", "--fail-under", "80"]);
    assert_eq!(failed.status.code(), Some(1));
    let (code, message) = refused(&repository, &["patch", "c.out", "--base", "no-such"]);
    assert_eq!((code, message.contains("git diff no-such")), (2, true), "{message}");
    let (code, message) = refused(&repository, &["patch", "c.out", "--diff", "a.go"]);
    assert_eq!((code, message.contains("a.go: line 1: no unified diff")), (2, true), "{message}");
}

#[test]
fn a_context_is_what_ran_in_it() {
    let scratch = Scratch::new("offline");
    let text = "TN:adds\nSF:web/a.js\nFN:1,f\nFNDA:1,f\nFN:5,g\nFNDA:0,g\nDA:1,1\nDA:2,1\nDA:5,0\n\
                DA:6,0\nBRDA:2,0,0,1\nBRDA:2,0,1,0\nend_of_record\n\
                TN:takes/all\nSF:web/a.js\nFN:1,f\nFNDA:0,f\nFN:5,g\nFNDA:3,g\nDA:1,0\nDA:2,0\nDA:5,3\n\
                DA:6,3\nend_of_record\nTN:takes/none\nSF:web/a.js\nDA:5,1\nend_of_record\n";
    std::fs::write(scratch.join("a.info"), text).expect("it can be written");
    let total = |arguments: &[&str]| {
        let mut all = vec!["summary", "a.info", "--json"];
        all.extend(arguments);
        let summary = ok(scratch.path(), &all);
        let summary: serde_json::Value = serde_json::from_str(&summary).expect("JSON");
        let lines = &summary["total"]["lines"];
        (lines["covered"].clone(), summary["total"]["functions"]["covered"].clone())
    };
    assert_eq!(total(&[]), (4.into(), 2.into()));
    assert_eq!(total(&["--context", "adds"]), (2.into(), 1.into()));
    assert_eq!(total(&["--context", "takes/none"]), (1.into(), 0.into()));
    assert_eq!(total(&["--context", "takes/*"]), (2.into(), 1.into()));
    assert_eq!(total(&["--context", "adds", "--context", "takes/all"]), (4.into(), 2.into()));
    assert_eq!(
        ok(scratch.path(), &["summary", "a.info", "--by", "context"]),
        "adds         50.0%  2/4\ntakes/all    50.0%  2/4\ntakes/none   25.0%  1/4\n\
         total       100.0%  4/4\n"
    );
    let written = ok(scratch.path(), &["convert", "a.info", "--context", "adds"]);
    assert!(written.contains("TN:adds") && written.contains("DA:5,0"), "{written}");
    assert!(!written.contains("BRDA"), "arms of a context are not known: {written}");
    let (code, message) = refused(scratch.path(), &["summary", "a.info", "--context", "no"]);
    assert_eq!((code, message.contains("there is only adds, takes/all, takes/none")), (2, true));
    std::fs::write(scratch.join("c.out"), "mode: set\nm/a.go:1.1,2.2 1 1\n").expect("written");
    let (code, message) = refused(scratch.path(), &["convert", "c.out", "--context", "no"]);
    assert_eq!((code, message.contains("don't say what ran in which context")), (2, true));
}
