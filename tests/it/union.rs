//! Reports of several tools on one source, made in several places, as one.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;
use tests::{Scratch, coverglass};

const GO: &str = "mode: count\nexample.com/acme/cmd/main.go:3.13,5.2 1 4\n\
                  example.com/acme/cmd/main.go:7.13,9.2 2 0\n";

const WINDOWS: &str = "TN:\nSF:D:\\a\\acme\\web\\src\\calc.js\nFN:1,add\nFNDA:0,add\nDA:1,1\nDA:2,0\n\
                       BRDA:2,0,0,0\nBRDA:2,0,1,3\nend_of_record\nSF:D:\\a\\acme\\web\\src\\str.js\nDA:1,2\n\
                       end_of_record\n";

const XML: &str = r#"<?xml version="1.0"?>
<coverage line-rate="0.5" version="7"><sources><source>/builds/ci/acme/web</source></sources><packages>
<package name="src"><classes><class name="calc.js" filename="src/calc.js"><methods/><lines>
<line number="1" hits="1"/><line number="2" hits="3" branch="true" condition-coverage="50% (1/2)"/>
<line number="3" hits="0"/></lines></class></classes></package></packages></coverage>
"#;

const AMBIGUOUS: &str = "SF:src/str.js\nDA:1,1\nDA:2,1\nend_of_record\nSF:/b/7/acme/web/src/gone.js\n\
                         DA:1,1\nend_of_record\nSF:WEB/SRC/CALC.JS\nDA:1,1\nend_of_record\n";

fn sources(scratch: &Scratch) {
    for path in ["go.mod", "cmd/main.go", "web/src/calc.js", "web/src/str.js", "admin/src/str.js"] {
        let path = scratch.join(format!("repo/{path}"));
        fs::create_dir_all(path.parent().expect("a folder")).expect("folders can be made");
        fs::write(&path, "module example.com/acme\n").expect("files can be written");
    }
    for (name, text) in
        [("go.out", GO), ("windows.info", WINDOWS), ("py.xml", XML), ("ambiguous.info", AMBIGUOUS)]
    {
        fs::write(scratch.join(name), text).expect("files can be written");
    }
}

fn run(folder: &Path, arguments: &[&str]) -> Output {
    Command::new(coverglass()).args(arguments).current_dir(folder).output().expect("it starts")
}

fn summary(folder: &Path, arguments: &[&str]) -> (Value, String) {
    let output = run(folder, &[&["summary", "--json", "--source", "repo"], arguments].concat());
    let message = String::from_utf8(output.stderr).expect("text");
    assert!(output.status.success(), "{message}");
    (serde_json::from_slice(&output.stdout).expect("JSON"), message)
}

fn paths(summary: &Value) -> Vec<&str> {
    let files = summary["files"].as_array().expect("files").iter();
    files.map(|file| file["path"].as_str().expect("a path")).collect()
}

#[test]
fn reports_of_several_tools_are_one() {
    let scratch = Scratch::new("union");
    sources(&scratch);
    let (all, message) = summary(scratch.path(), &["go.out", "windows.info", "py.xml"]);
    assert_eq!(all["format"], "cobertura+go_text+lcov");
    assert_eq!(paths(&all), ["cmd/main.go", "web/src/calc.js", "web/src/str.js"]);
    let share = |file: usize, metric: &str| {
        let share = &all["files"][file][metric];
        (share["covered"].as_u64().expect("a number"), share["total"].as_u64().expect("a number"))
    };
    // Lines 3 to 5 and 7 to 9 of the blocks.
    assert_eq!(share(0, "lines"), (3, 6));
    // Line 1 in both, 2 in the second only, 3 in neither; of its two arms it is told which.
    assert_eq!((share(1, "lines"), share(1, "branches")), ((2, 3), (1, 2)));
    assert_eq!(share(2, "lines"), (1, 1));
    assert!(all["total"].get("statements").is_none(), "units of several tools don't mix");
    for shown in ["D:/a/acme is the root in 2", "example.com/acme is the root in 1"] {
        assert!(message.contains(shown), "{message}");
    }
    // The order of the reports decides nothing.
    let (other, _) = summary(scratch.path(), &["py.xml", "windows.info", "go.out"]);
    assert_eq!(all, other);
}

#[test]
fn what_is_not_certain_is_said_and_left_alone() {
    let scratch = Scratch::new("doubts");
    sources(&scratch);
    let (all, message) = summary(scratch.path(), &["windows.info", "ambiguous.info"]);
    let gone = "/b/7/acme/web/src/gone.js";
    let names = [gone, "WEB/SRC/CALC.JS", "src/str.js", "web/src/calc.js", "web/src/str.js"];
    assert_eq!(paths(&all), names);
    for doubt in [
        "src/str.js may be admin/src/str.js or web/src/str.js: left as it is",
        "WEB/SRC/CALC.JS is web/src/calc.js but for the case of letters: left as it is",
        "/b/7/acme/web/src/gone.js is not in the sources",
    ] {
        assert!(message.contains(doubt), "{doubt}:\n{message}");
    }
    // A person knows better; rules may lie in a file.
    fs::write(scratch.join("rules"), "# of admin\nsrc=admin/src\n").expect("it can be written");
    let arguments = ["windows.info", "ambiguous.info", "--ignore-case", "--remap", "@rules"];
    let (all, _) = summary(scratch.path(), &arguments);
    let names = [gone, "admin/src/str.js", "web/src/calc.js", "web/src/str.js"];
    assert_eq!(paths(&all), names);
    fs::write(scratch.join("rules"), "src\n").expect("it can be written");
    let output = run(scratch.path(), &["summary", "windows.info", "--remap", "@rules"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("rules, line 1: not FROM=TO"));
}

#[test]
fn packages_of_tools_are_no_difference_between_them() {
    let scratch = Scratch::new("packages");
    let java = r#"<?xml version="1.0"?><report name="r"><package name="a"><sourcefile name="X.java">
        <line nr="1" mi="0" ci="2" mb="0" cb="0"/><line nr="2" mi="0" ci="1" mb="0" cb="0"/>
        </sourcefile></package></report>"#;
    let xml = r#"<coverage line-rate="1" version="1"><packages><package name="com.acme"><classes>
        <class name="X" filename="a/X.java"><methods/><lines><line number="2" hits="5"/></lines>
        </class></classes></package></packages></coverage>"#;
    fs::write(scratch.join("jacoco.xml"), java).expect("files can be written");
    fs::write(scratch.join("cobertura.xml"), xml).expect("files can be written");
    let arguments = ["subtract", "jacoco.xml", "cobertura.xml", "--to", "lcov"];
    let output = run(scratch.path(), &arguments);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).expect("text");
    assert!(text.contains("DA:1,1\nDA:2,0\n"), "{text}");
}

#[test]
fn what_one_tool_ran_is_taken_from_another_by_line() {
    let scratch = Scratch::new("subtract");
    sources(&scratch);
    let arguments = ["subtract", "--source", "repo", "py.xml", "windows.info", "--to", "lcov"];
    let output = run(scratch.path(), &arguments);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).expect("text");
    assert!(text.contains("SF:web/src/calc.js\n"), "{text}");
    for line in ["DA:1,0\n", "DA:2,3\n", "DA:3,0\n"] {
        assert!(text.contains(line), "{text}");
    }
}
