//! Where a build runs, how its module is laid out, and with which flags: each counts as Go does.

use tests::oracle;

use super::{Module, run, text, without_go};

/// A module, and a build of it that Go's own coverage understands as well.
struct Case {
    name: &'static str,
    files: &'static str,
    /// Folder that the build runs in.
    folder: &'static str,
    /// Flags and packages; the binary's place comes before.
    arguments: &'static [&'static str],
    /// How many units at least.
    n_units: usize,
}

const CASES: &[Case] = &[
    Case {
        name: "subdirectory",
        files: "-- go.mod --\nmodule ex.com/m\ngo 1.23\n\
                -- lib/lib.go --\npackage lib\nfunc F() int { return 1 }\n\
                -- cmd/a/main.go --\npackage main\nimport \"ex.com/m/lib\"\nfunc main() { println(lib.F()) }",
        folder: "cmd/a",
        arguments: &[],
        n_units: 2,
    },
    Case {
        name: "chdir",
        files: "-- go.mod --\nmodule ex.com/m\ngo 1.23\n\
                -- a/main.go --\npackage main\nfunc main() { println(1) }",
        folder: "",
        arguments: &["./a"],
        n_units: 1,
    },
    Case {
        name: "tags",
        files: "-- go.mod --\nmodule ex.com/m\ngo 1.23\n\
                -- main.go --\npackage main\nfunc main() { f() }\n\
                -- on.go --\n//go:build special\n\npackage main\nfunc f() { println(\"on\") }\n\
                -- off.go --\n//go:build !special\n\npackage main\nfunc f() { println(\"off\"); println() }",
        folder: "",
        arguments: &["-tags", "special,other"],
        n_units: 2,
    },
    Case {
        name: "linker flags and trimmed paths",
        files: "-- go.mod --\nmodule ex.com/m\ngo 1.23\n\
                -- main.go --\npackage main\nimport \"runtime\"\nvar version = \"none\"\n\
                func main() { _, file, line, _ := runtime.Caller(0); println(version, file, line) }",
        folder: "",
        arguments: &["-trimpath", "-ldflags=-s -w -X main.version=7"],
        n_units: 1,
    },
    Case {
        name: "vendor",
        files: "-- go.mod --\nmodule ex.com/m\ngo 1.23\nrequire ex.org/dep v1.0.0\n\
                -- vendor/modules.txt --\n# ex.org/dep v1.0.0\n## explicit; go 1.23\nex.org/dep\n\
                -- vendor/ex.org/dep/dep.go --\npackage dep\nfunc F() int {\n\tif x := 1; x > 0 {\n\t\treturn x\n\t}\n\treturn 2\n}\n\
                -- main.go --\npackage main\nimport \"ex.org/dep\"\nfunc main() { println(dep.F()) }",
        folder: "",
        arguments: &["-mod=vendor", "-coverpkg=./...,ex.org/..."],
        n_units: 4,
    },
    Case {
        name: "replaced by a neighbour",
        files: "-- app/go.mod --\nmodule ex.com/m\ngo 1.23\nrequire ex.org/dep v0.0.0\nreplace ex.org/dep => ../dep\n\
                -- dep/go.mod --\nmodule ex.org/dep\ngo 1.23\n\
                -- dep/dep.go --\npackage dep\nfunc F() int { return 2 }\n\
                -- app/main.go --\npackage main\nimport \"ex.org/dep\"\nfunc main() { println(dep.F()) }",
        folder: "app",
        arguments: &["-coverpkg=ex.com/m,ex.org/dep"],
        n_units: 2,
    },
    Case {
        name: "workspace",
        files: "-- go.work --\ngo 1.23\nuse (\n\t./app\n\t./dep\n)\n\
                -- app/go.mod --\nmodule ex.com/m\ngo 1.23\n\
                -- dep/go.mod --\nmodule ex.org/dep\ngo 1.23\n\
                -- dep/dep.go --\npackage dep\nfunc F() int { return 2 }\n\
                -- app/main.go --\npackage main\nimport \"ex.org/dep\"\nfunc main() { println(dep.F()) }",
        folder: "app",
        arguments: &[],
        n_units: 2,
    },
    Case {
        name: "embedded files and internal packages",
        files: "-- go.mod --\nmodule ex.com/m\ngo 1.23\n\
                -- internal/text/text.go --\npackage text\nimport _ \"embed\"\n//go:embed a.txt\nvar A string\nfunc Get() string { return A }\n\
                -- internal/text/a.txt --\nembedded\n\
                -- main.go --\npackage main\nimport \"ex.com/m/internal/text\"\nfunc main() { print(text.Get()) }",
        folder: "",
        arguments: &[],
        n_units: 2,
    },
    Case {
        name: "names of ours and of Go's",
        files: "-- go.mod --\nmodule ex.com/m\ngo 1.23\n\
                -- main.go --\npackage main\nimport cg_R \"fmt\"\ntype uint64 string\nvar cg_C, cg_P, cg1_V = 1, uint64(\"p\"), true\n\
                func cg_T() {}\nfunc main() { len := cg_C; string := cg_P; cg_R.Println(len, string, cg1_V); cg_T() }",
        folder: "",
        arguments: &[],
        n_units: 2,
    },
    Case {
        name: "before anything else",
        files: "-- go.mod --\nmodule ex.com/m\ngo 1.23\n\
                -- a.go --\n// Package doc.\n\npackage main // why\n\nimport ( // these\n\t\"fmt\" // that\n) // end\n\n\
                var first = count(3)\n\nvar (\n\tdone = func() bool { return first > 2 }()\n)\n\n\
                func count(n int) (sum int) {\n\tfor i := range n {\n\t\tsum += i\n\t}\n\treturn\n}\n\
                func init() { fmt.Println(first, done) }\n\
                -- b.go --\npackage main\nvar second = count(first)\nfunc init() { println(second) }\nfunc main() {}",
        folder: "",
        arguments: &[],
        n_units: 7,
    },
    Case {
        name: "line ends and nested heads",
        files: "-- go.mod --\nmodule ex.com/m\ngo 1.23\n\
                -- main.go --\npackage main\r\n\r\nfunc main() {\r\n\tprintln(`a\r\nb`) // ü\r\n\tif len(\"öä\") > 2 { println() }\r\n}\r\n\
                -- two.go --\npackage main; func two() { type func_ struct{}; _ = []func(){ func() {} } }\nfunc init() { two() }",
        folder: "",
        arguments: &[],
        n_units: 5,
    },
    Case {
        name: "standard packages",
        files: "-- go.mod --\nmodule ex.com/m\ngo 1.23\n\
                -- main.go --\npackage main\nimport (\n\t\"fmt\"\n\t\"strings\"\n\t\"encoding/json\"\n)\n\
                func main() {\n\tb, _ := json.Marshal([]string{strings.ToUpper(\"a\")})\n\tfmt.Println(string(b))\n}",
        folder: "",
        // Not fmt and strings: Go's own coverage counts its own use of them.
        arguments: &["-coverpkg=ex.com/...,encoding/json"],
        n_units: 1000,
    },
];

#[test]
fn every_surrounding_counts_as_go_counts_it() {
    if without_go("every_surrounding_counts_as_go_counts_it") {
        return;
    }
    for case in CASES {
        let module = Module::new("surroundings", case.files);
        let theirs = module.scratch.join("theirs").to_string_lossy().into_owned();
        let ours = module.scratch.join("ours").to_string_lossy().into_owned();
        let build = ["build", "-cover", "-covermode=count", "-o", &theirs];
        tests::output(module.go(case.folder, &build).args(case.arguments));
        let build = ["build", "-o", &ours];
        let output = tests::output(module.coverglass(case.folder, &build).args(case.arguments));
        assert_eq!(text(&output.stderr), "", "{}", case.name);
        let expected = oracle::run(&module.scratch, &mut module.program(theirs.as_ref()));
        let output = run(&mut module.program(ours.as_ref()));
        assert!(output.status.success(), "{}: {}", case.name, text(&output.stderr));
        let found = module.counts();
        assert_eq!(oracle::difference(&expected, &found), "", "{}", case.name);
        assert!(found.len() >= case.n_units, "{}: only {} units", case.name, found.len());
    }
}

#[test]
fn every_mode_counts_what_it_should() {
    if without_go("every_mode_counts_what_it_should") {
        return;
    }
    let files = "-- go.mod --\nmodule ex.com/m\ngo 1.23\n\
                 -- main.go --\npackage main\nimport \"sync\"\nfunc main() {\n\tvar group sync.WaitGroup\n\
                 \tfor range 4 {\n\t\tgroup.Add(1)\n\t\tgo func() {\n\t\t\tdefer group.Done()\n\
                 \t\t\tfor range 1000 {\n\t\t\t\twork()\n\t\t\t}\n\t\t}()\n\t}\n\tgroup.Wait()\n}\n\
                 func work() {}";
    let module = Module::new("modes", files);
    let binary = module.scratch.join("binary").to_string_lossy().into_owned();
    for (flags, expected) in [
        (&["-covermode=set"][..], 1),
        (&["-covermode=atomic"], 4000),
        (&["-covermode=atomic", "--flow=off"], 4000),
        (&["-race"], 4000),
        (&["-race", "-covermode=set"], 1),
    ] {
        let (own, gos): (Vec<&str>, Vec<&str>) = flags.iter().partition(|f| f.starts_with("--"));
        let mut build = module.coverglass("", &["build"]);
        tests::output(build.args(own).args(gos).args(["-o", &binary]));
        // As many threads as there are, so that the race detector has something to see.
        let output = run(module.program(binary.as_ref()).env("GOMAXPROCS", "4"));
        assert_eq!(text(&output.stderr), "", "{flags:?}");
        let counts = module.counts();
        let (_, count) = counts.iter().find(|(unit, _)| unit.contains(":16.")).unwrap();
        assert_eq!(*count, expected, "{flags:?}: {counts:?}");
    }
}

#[test]
fn files_overlays_and_several_programs_build() {
    if without_go("files_overlays_and_several_programs_build") {
        return;
    }
    let files = "-- go.mod --\nmodule ex.com/m\ngo 1.23\n\
                 -- lib/lib.go --\npackage lib\nfunc F() int { return 1 }\n\
                 -- cmd/a/main.go --\npackage main\nimport \"ex.com/m/lib\"\nfunc main() { println(lib.F()) }\n\
                 -- cmd/b/main.go --\npackage main\nimport \"ex.com/m/lib\"\nfunc main() { f(); println(lib.F()) }\n\
                 -- cmd/b/b.go --\npackage main\nfunc f() {}\n\
                 -- other.txt --\npackage main\nfunc f() { println(\"other\"); println() }\n\
                 -- overlay.json --\n{\"Replace\": {\"cmd/b/b.go\": \"other.txt\"}}";
    let module = Module::new("several", files);
    tests::output(&mut module.coverglass("", &["build", "-o", "bin/", "./..."]));
    for name in ["a", "b"] {
        assert!(run(&mut module.program(&module.root().join("bin").join(name))).status.success());
        assert_eq!(module.counts().len(), if name == "a" { 2 } else { 3 });
    }
    // Files go by their absolute paths, as Go has it.
    tests::output(&mut module.coverglass("cmd", &["build", "-o", "../x", "b/b.go", "b/main.go"]));
    run(&mut module.program(&module.root().join("x")));
    let main = module.root().join("cmd/b/main.go");
    let counts = module.counts();
    assert!(counts.keys().any(|unit| unit.starts_with(&*main.to_string_lossy())), "{counts:?}");
    assert_eq!(counts.len(), 3);
    let overlaid = ["build", "-overlay", "overlay.json", "-o", "y", "./cmd/b"];
    tests::output(&mut module.coverglass("", &overlaid));
    let output = run(&mut module.program(&module.root().join("y")));
    assert_eq!(text(&output.stderr), "other\n\n1\n");
    assert!(
        module
            .counts()
            .keys()
            .any(|unit| unit.contains("cmd/b/b.go:2.10,") && unit.ends_with(" 2"))
    );
    for platform in [("darwin", "arm64"), ("darwin", "amd64"), ("linux", "arm64")] {
        let mut build = module.coverglass("", &["build", "-o", "z", "./cmd/a"]);
        tests::output(build.env("GOOS", platform.0).env("GOARCH", platform.1));
    }
}

#[test]
fn a_byte_order_mark_is_no_obstacle() {
    if without_go("a_byte_order_mark_is_no_obstacle") {
        return;
    }
    // Go's own coverage refuses the file.
    let files = "-- go.mod --\nmodule ex.com/m\ngo 1.23\n\
                 -- main.go --\n\u{feff}package main\n\nfunc main() { println(1) }";
    let module = Module::new("mark", files);
    tests::output(&mut module.coverglass("", &["build", "-o", "x"]));
    run(&mut module.program(&module.root().join("x")));
    let counts = module.counts();
    assert_eq!(counts.get("ex.com/m/main.go:3.13,3.27 1"), Some(&1), "{counts:?}");
}
