//! What a build leaves alone: packages that haven't changed, and how a program behaves.

use std::io::Write as _;
use std::os::unix::process::ExitStatusExt as _;
use std::process::Stdio;

use super::{Module, memory, run, text, without_go};

const TWO_PACKAGES: &str = "-- go.mod --\nmodule ex.com/m\ngo 1.23\n\
    -- lib/lib.go --\npackage lib\nfunc F() int { return 1 }\n\
    -- other/other.go --\npackage other\nfunc G() int { return 2 }\n\
    -- main.go --\npackage main\nimport (\n\t\"ex.com/m/lib\"\n\t\"ex.com/m/other\"\n)\n\
    func main() { println(lib.F(), other.G()) }";

#[test]
fn an_unchanged_project_compiles_nothing_and_an_edit_only_what_depends_on_it() {
    if without_go("an_unchanged_project_compiles_nothing_and_an_edit_only_what_depends_on_it") {
        return;
    }
    let module = Module::new("unchanged", TWO_PACKAGES);
    let build = ["build", "-v", "-o", "x", "."];
    let compiled = || {
        let output = tests::output(&mut module.coverglass("", &build));
        let mut lines: Vec<String> = text(&output.stderr).lines().map(str::to_owned).collect();
        lines.retain(|line| line.starts_with("ex.com/"));
        lines.sort();
        lines
    };
    assert_eq!(compiled(), ["ex.com/m", "ex.com/m/lib", "ex.com/m/other"]);
    let output = tests::output(&mut module.coverglass("", &["build", "-x", "-o", "x", "."]));
    let printed = text(&output.stderr);
    assert!(!printed.contains("/compile ") && !printed.contains("/link "), "{printed}");
    module.write("-- other/other.go --\npackage other\nfunc G() int { return 3 }");
    assert_eq!(compiled(), ["ex.com/m", "ex.com/m/other"]);
    // Back to what it was: everything is still in the cache.
    module.write("-- other/other.go --\npackage other\nfunc G() int { return 2 }");
    assert!(compiled().is_empty());
}

#[test]
fn sources_are_kept_as_they_were_built() {
    if without_go("sources_are_kept_as_they_were_built") {
        return;
    }
    let module = Module::new("sources", TWO_PACKAGES);
    module.write("-- gram.y --\n%%\n-- gen.go --\npackage main\n\n//line gram.y:7\nfunc gen() {}");
    tests::output(&mut module.coverglass("", &["build", "-o", "x", "."]));
    run(&mut module.program(&module.root().join("x")));
    let memory = memory::files(&module.scratch.join("memory"));
    let mut paths = Vec::new();
    for (table, _) in memory::packages(&memory[0]) {
        for file in table.files {
            let kept = module.scratch.join("cache/sources").join(file.source.hex());
            let relative = file.path.strip_prefix("ex.com/m/").unwrap();
            let original = module.root().join(relative);
            assert_eq!(std::fs::read(kept).unwrap(), std::fs::read(original).unwrap());
            paths.push(file.path);
        }
    }
    paths.sort();
    let expected = ["gram.y", "lib/lib.go", "main.go", "other/other.go"];
    assert_eq!(paths, expected.map(|path| format!("ex.com/m/{path}")));
}

#[test]
fn run_passes_everything_through() {
    if without_go("run_passes_everything_through") {
        return;
    }
    let files = "-- go.mod --\nmodule ex.com/m\ngo 1.23\n\
        -- main.go --\npackage main\nimport (\n\t\"bufio\"\n\t\"fmt\"\n\t\"os\"\n\t\"os/signal\"\n\t\"syscall\"\n)\n\
        func main() {\n\tline, _ := bufio.NewReader(os.Stdin).ReadString('\\n')\n\
        \tfmt.Println(os.Args[1:], os.Getenv(\"PASSED\"), line)\n\tswitch os.Args[1] {\n\
        \tcase \"wait\":\n\t\tc := make(chan os.Signal, 1)\n\t\tsignal.Notify(c, syscall.SIGTERM)\n\
        \t\tfmt.Println(\"ready\")\n\t\t<-c\n\t\tos.Exit(7)\n\
        \tcase \"kill\":\n\t\tsyscall.Kill(os.Getpid(), syscall.SIGKILL)\n\t}\n}";
    let module = Module::new("run", files);
    let start = |arguments: &[&str]| {
        let mut command = module.coverglass("", &["run", "."]);
        command.args(arguments).env("PASSED", "yes").stdin(Stdio::piped());
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        child.stdin.take().unwrap().write_all(b"typed\n").unwrap();
        child
    };
    let output = start(&["-race", "b c"]).wait_with_output().unwrap();
    assert_eq!(text(&output.stdout), "[-race b c] yes typed\n\n");
    assert_eq!((text(&output.stderr), output.status.code()), (String::new(), Some(0)));
    let output = start(&["kill"]).wait_with_output().unwrap();
    assert_eq!((text(&output.stderr), output.status.code()), ("signal: killed\n".into(), Some(1)));
    // What was counted before the end is there.
    assert!(module.counts().values().any(|&count| count > 0));

    let mut child = start(&["wait"]);
    let mut stdout = std::io::BufReader::new(child.stdout.take().unwrap());
    let mut seen = String::new();
    while !seen.contains("ready") {
        let n = std::io::BufRead::read_line(&mut stdout, &mut seen).unwrap();
        assert!(n > 0, "{seen}");
    }
    let pid = rustix::process::Pid::from_child(&child);
    rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!((text(&output.stderr), output.status.code()), ("exit status 7\n".into(), Some(1)));
    assert_eq!(output.status.signal(), None);
}

#[test]
fn a_program_behaves_as_before() {
    if without_go("a_program_behaves_as_before") {
        return;
    }
    // Open files, goroutines, what a stack trace says, and that a deadlock is still found.
    let files = "-- go.mod --\nmodule ex.com/m\ngo 1.23\n\
        -- main.go --\npackage main\n\nimport (\n\t\"os\"\n\t\"runtime\"\n)\n\nfunc main() {\n\
        \tfiles, _ := os.ReadDir(\"/proc/self/fd\")\n\tprintln(len(files), runtime.NumGoroutine())\n\
        \tfor i := 0; i < 3; i++ { func() { if i == 2 { deep() } }() }\n}\n\n\
        func deep() {\n\tif len(os.Args) > 1 {\n\t\tpanic(os.Args[1])\n\t}\n\tselect {}\n}";
    let module = Module::new("behaves", files);
    tests::output(&mut module.go("", &["build", "-o", "plain", "."]));
    tests::output(&mut module.coverglass("", &["build", "-o", "ours", "."]));
    for arguments in [&["now"][..], &[]] {
        let said = |name| {
            let output = run(module.program(&module.root().join(name)).args(arguments));
            // Addresses, frame sizes and what is inlined may differ.
            let clean =
                |line: &str| line.split(" +0x").next().unwrap_or_default().replace("(...)", "()");
            let lines: Vec<String> = text(&output.stderr).lines().map(clean).collect();
            (lines.join("\n"), output.status.code())
        };
        assert_eq!(said("ours"), said("plain"));
    }
    assert_eq!(memory::files(&module.scratch.join("memory")).len(), 2);
    // Without a place for the shared file, a program still runs.
    let output = run(module.program(&module.root().join("ours")).env("COVERGLASS_DIR", "/nowhere"));
    assert!(text(&output.stderr).contains("deadlock"));
}
