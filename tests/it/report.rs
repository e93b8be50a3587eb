//! `coverglass report`: one file with everything in it.

use std::fs;
use std::process::{Command, Output};

use tests::{Scratch, coverglass};

const PROFILE: &str = "mode: count\nex.com/a/a.go:3.10,5.2 2 7\nex.com/a/b/b.go:3.10,5.2 1 0\n";

fn run(scratch: &Scratch, arguments: &[&str]) -> Output {
    let mut command = Command::new(coverglass());
    command.arg("report").args(arguments).current_dir(scratch.path());
    command.output().expect("coverglass starts")
}

fn errors(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// A profile, and the source of one of its files.
fn scratch() -> Scratch {
    let scratch = Scratch::new("report");
    let put = |name: &str, text: &str| fs::write(scratch.join(name), text).expect("it is kept");
    put("cover.out", PROFILE);
    scratch.folder("source");
    put("source/go.mod", "module ex.com/a\n");
    put("source/a.go", "package a\n\nfunc A() {\n\t_ = \"</script><!--\"\n}\n");
    scratch
}

#[test]
fn a_report_is_one_file_that_needs_nothing_else() {
    let scratch = scratch();
    let arguments = ["cover.out", "-o", "r.html", "--source", "source", "--title", "A <b> & c"];
    let output = run(&scratch, &arguments);
    assert!(output.status.success(), "{}", errors(&output));
    let expected =
        "coverglass: 1 of 2 files are without their source: say with --source where it is\n";
    assert_eq!(errors(&output), expected);
    assert!(output.stdout.is_empty());
    let html = fs::read_to_string(scratch.join("r.html")).expect("the report is text");
    assert!(html.contains("<title>A &lt;b&gt; &amp; c</title>"));
    for link in ["href=\"/", "src=", "url(\"/", "@import", "from '/"] {
        assert!(!html.contains(link), "it links: {link}");
    }
    assert!(html.contains("default-src 'none'"), "it has no policy");
    for id in ["program", "frames", "sources"] {
        assert_eq!(html.matches(&format!("id=\"report-{id}\"")).count(), 1, "{id}");
    }
    assert!(html.len() < 600 << 10, "it has {} bytes", html.len());
    // The same input gives the same bytes.
    assert!(run(&scratch, &arguments).status.success());
    assert!(fs::read_to_string(scratch.join("r.html")).is_ok_and(|again| again == html));
}

#[test]
fn a_report_calls_itself_what_its_packages_have_in_common() {
    let scratch = scratch();
    for (arguments, title) in [
        (&["cover.out", "-o", "r.html"][..], "ex.com/a"),
        (&["cover.out", "-o", "r.html", "--pkg", "ex.com/a/b"], "ex.com/a/b"),
        (&["cover.out", "-o", "r.html", "--pkg", "ex.com/a/b", "--source", "source"], "ex.com/a"),
    ] {
        let output = run(&scratch, arguments);
        assert!(output.status.success(), "{}", errors(&output));
        let html = fs::read_to_string(scratch.join("r.html")).expect("the report is text");
        assert!(html.contains(&format!("<title>{title}</title>")), "{arguments:?}");
    }
}

#[test]
fn what_can_be_no_report_is_refused_and_nothing_written() {
    let scratch = scratch();
    fs::write(scratch.join("text"), "no coverage").expect("it is kept");
    for (arguments, expected) in [
        (&["cover.out"][..], "--output <FILE>"),
        (&["-o", "r.html"], "<INPUT>"),
        (&["missing", "-o", "r.html"], "cannot read missing"),
        (&["text", "-o", "r.html"], "cannot read text: no coverage data of a known format"),
        (&["cover.out", "-o", "r.html", "--pkg", "other"], "nothing is left to report"),
        (&["cover.out", "-o", "none/r.html"], "cannot write none/r.html"),
    ] {
        let output = run(&scratch, arguments);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        assert!(errors(&output).contains(expected), "{arguments:?}: {}", errors(&output));
        assert!(!scratch.join("r.html").exists(), "{arguments:?}");
    }
}

#[test]
fn a_source_of_another_version_is_warned_of() {
    let scratch = scratch();
    scratch.folder("source/b");
    fs::write(scratch.join("source/b/b.go"), "package b\n\nfunc B() {}\n").expect("it is kept");
    let output = run(&scratch, &["cover.out", "-o", "r.html", "--source", "source"]);
    assert!(output.status.success(), "{}", errors(&output));
    let expected = "coverglass: warning: ex.com/a/b/b.go: the source is of another version than \
                    the counts: it has no 3.10,5.2\n";
    assert_eq!(errors(&output), expected);
    let mut command = Command::new(coverglass());
    command.args(["summary", "--by", "function", "cover.out", "--source", "source"]);
    let output = command.current_dir(scratch.path()).output().expect("coverglass starts");
    assert!(output.status.success(), "{}", errors(&output));
    assert_eq!(errors(&output), expected);
}
