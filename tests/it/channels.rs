//! `coverglass build --channels` against the arithmetic truth: programs that say which goroutine
//! got what from which, and programs that behave as they do without it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use gotrace::channels::{Did, Kind};
use gotrace::messages::{Grade, Messages};
use gotrace::{Channels, Reader, Trace};
use tests::{Scratch, has_go, output, program};

/// Whether the test can't run for lack of Go. On CI that is a failure, elsewhere it is said aloud.
fn without_go(test: &str) -> bool {
    if has_go() {
        return false;
    }
    assert!(std::env::var("CI").is_err(), "{test} needs Go, and there is none");
    eprintln!("SKIPPED {test}: it needs Go, and there is none");
    true
}

/// The programs, built once.
struct Built {
    scratch: Scratch,
}

impl Built {
    fn get() -> &'static Self {
        static BUILT: OnceLock<Built> = OnceLock::new();
        BUILT.get_or_init(|| {
            let built = Self { scratch: Scratch::new("channels") };
            built.scratch.folder("memory");
            for name in ["truth", "shapes"] {
                let package = format!("./{name}");
                let to = |kind: &str| built.scratch.join(format!("{name}-{kind}"));
                let mut ours = built.command(tests::coverglass());
                ours.args(["build", "--channels", "-o"]).arg(to("channels")).arg(&package);
                output(&mut ours);
                output(built.command("go").args(["build", "-o"]).arg(to("plain")).arg(&package));
            }
            built
        })
    }

    /// A command in the folder of the programs.
    fn command(&self, program_name: impl AsRef<std::ffi::OsStr>) -> Command {
        let mut command = Command::new(program_name);
        command
            .current_dir(program("channels"))
            .env("COVERGLASS_CACHE", self.scratch.join("cache"))
            .env("COVERGLASS_DIR", self.scratch.join("memory"))
            .env_remove("COVERGLASS_CHANNELS")
            .env_remove("GOFLAGS")
            .env_remove("COVERGLASS_URL");
        command
    }

    fn binary(&self, name: &str) -> PathBuf {
        self.scratch.join(name)
    }
}

fn read_channels(path: &Path) -> Channels {
    let bytes = std::fs::read(path).expect("the program wrote its channel operations");
    Channels::read(&bytes).expect("they can be read")
}

fn read_trace(path: &Path) -> Trace {
    let bytes = std::fs::read(path).expect("the program wrote a trace");
    let mut trace = Trace::default();
    let mut reader = Reader::default();
    let mut sink = |names: &gotrace::Names, event: &gotrace::Event| trace.add(names, event);
    reader.push(&bytes, &mut sink).expect("the trace can be read");
    reader.finish(&mut sink).expect("the trace is whole");
    trace
}

/// A run of `truth`.
struct Played {
    channels: Channels,
    trace: Trace,
    /// Who sent each number, and who received it.
    truth: BTreeMap<u64, (u64, u64)>,
}

fn play(way: &str) -> Played {
    let built = Built::get();
    let scratch = Scratch::new("played");
    let (records, trace) = (scratch.join("x.channels"), scratch.join("x.trace"));
    let mut truth = built.command(built.binary("truth-channels"));
    let words: Vec<&str> = way.split(' ').collect();
    let said = output(truth.arg(&trace).args(words).env("COVERGLASS_CHANNELS", &records));
    let said = String::from_utf8(said.stdout).expect("it prints text");
    let truth = said.lines().map(|line| {
        let numbers: Vec<u64> = line.split(' ').map(|word| word.parse().expect(line)).collect();
        let [from, to, number] = numbers[..] else { panic!("{line}") };
        (number, (from, to))
    });
    let truth = truth.collect();
    Played { channels: read_channels(&records), trace: read_trace(&trace), truth }
}

/// How many of the numbers were paired, and how.
#[derive(Debug, Default)]
struct Score {
    all: usize,
    found: usize,
    right: usize,
    wrong_but_sure: usize,
    exact: usize,
    ambiguous: usize,
}

fn score(played: &Played, trace: Option<&Trace>) -> Score {
    let messages = Messages::of(&played.channels, trace);
    let mut score = Score { all: played.truth.len(), ..Score::default() };
    for message in &messages.messages {
        let channel = &messages.channels[message.channel as usize];
        if channel.element != "chan uint64" {
            continue;
        }
        score.found += 1;
        let right = played.truth.get(&message.value.bits) == Some(&(message.from, message.to));
        score.right += usize::from(right);
        score.wrong_but_sure += usize::from(!right && message.grade != Grade::Ambiguous);
        score.exact += usize::from(message.grade == Grade::Exact);
        score.ambiguous += usize::from(message.grade == Grade::Ambiguous);
    }
    score
}

const WAYS: &[&str] = &[
    "1 1 0 2000 -",
    "4 4 0 500 range",
    "4 4 0 500 sleep",
    "4 4 0 500 both,select",
    "3 5 0 300 both,select,sleep",
    "4 4 1 500 both,select",
    "4 4 16 500 both,select",
    "5 3 16 300 both,select,spin",
    "3 5 0 500 try,sleep",
    "4 4 0 300 trysend,spin",
    "4 4 1 500 -",
    "1 1 16 5000 range",
    "4 1 16 1000 select",
    "1 4 16 1000 -",
    "4 4 16 1000 sleep",
    "4 4 16 1000 both,try",
    "3 5 4 500 trysend,try",
    "16 16 64 200 sleep,spin,range",
];

#[test]
fn messages_are_those_that_the_program_tells() {
    if without_go("messages_are_those_that_the_program_tells") {
        return;
    }
    for way in WAYS {
        let mut played = play(way);
        let traced = score(&played, Some(&played.trace));
        let untraced = score(&played, None);
        for operation in &mut played.channels.operations {
            operation.value.kind = Kind::Unknown;
        }
        let blind = score(&played, Some(&played.trace));
        let said = format!("{way}\n{traced:?}\nwithout trace {untraced:?}\nblind {blind:?}");
        eprintln!("{said}");
        assert_eq!(played.channels.lost + played.channels.torn, 0, "{said}");
        for score in [&traced, &untraced] {
            assert!(1000 * score.right >= 999 * score.all, "{said}");
            assert_eq!(score.wrong_but_sure, 0, "{said}");
        }
        if way.split(' ').nth(2) == Some("0") {
            assert_eq!((traced.right, traced.exact), (traced.all, traced.all), "{said}");
        }
        // Without values the order alone decides, and what it can't is said to be ambiguous, however
        // the program was interrupted.
        assert!(1000 * blind.wrong_but_sure <= blind.all, "{said}");
    }
}

/// What a program did: its code, output, and complaints without what differs from run to run.
fn done(command: &mut Command) -> (Option<i32>, String, Vec<String>) {
    let output = command.output().expect("the program can be started");
    let complaints = String::from_utf8_lossy(&output.stderr).into_owned();
    let kept = complaints.lines().filter_map(|line| {
        // Of stacks, functions have arguments and places have offsets.
        let place = line.trim_start().split(" +0x").next().unwrap_or_default();
        let told = ["panic:", "fatal error:", "goroutine ", "WARNING:"];
        let keep = place.ends_with(|c: char| c.is_ascii_digit()) && place.contains("main.go:")
            || told.iter().any(|start| line.starts_with(start));
        keep.then(|| place.to_owned())
    });
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    (output.status.code(), said, kept.collect())
}

#[test]
fn programs_behave_as_they_do_without_records() {
    if without_go("programs_behave_as_they_do_without_records") {
        return;
    }
    let built = Built::get();
    for how in
        ["-", "closed", "again", "nil", "select", "receive", "send", "range", "nobody", "ordered"]
    {
        let plain = done(built.command(built.binary("shapes-plain")).arg(how));
        let off = done(built.command(built.binary("shapes-channels")).arg(how));
        let file = built.scratch.join(format!("shapes-{how}.channels"));
        let mut on = built.command(built.binary("shapes-channels"));
        let on = done(on.arg(how).env("COVERGLASS_CHANNELS", &file));
        assert!(plain.1.contains("fair true"), "{how}: {plain:?}");
        assert_eq!(plain, off, "{how}, switched off");
        assert_eq!(plain, on, "{how}, switched on");
        assert!(!read_channels(&file).operations.is_empty(), "{how}");
    }
}

#[test]
fn every_form_is_recorded_with_its_place_and_value() {
    if without_go("every_form_is_recorded_with_its_place_and_value") {
        return;
    }
    let built = Built::get();
    let file = built.scratch.join("forms.channels");
    output(built.command(built.binary("shapes-channels")).env("COVERGLASS_CHANNELS", &file));
    let channels = read_channels(&file);
    let text = std::fs::read_to_string(program("channels").join("shapes/main.go"))
        .expect("the source is there");
    let lines: Vec<&str> = text.lines().collect();
    for site in channels.sites.values() {
        let line = lines[site.line as usize - 1].get(site.column as usize - 1..).unwrap_or("");
        let begins = match site.did {
            Did::Send => line.contains("<-"),
            Did::Receive => line.starts_with("<-") || line.starts_with("for "),
            Did::Close => line.starts_with("close("),
            Did::Make => line.starts_with("make(chan") || line.starts_with("make(Ch"),
            Did::Default => line.starts_with("default:"),
        };
        assert!(begins, "{site:?}: {line}");
        assert!(site.file.ends_with("/shapes/main.go"), "{site:?}");
    }
    let values = |line: &str| -> Vec<String> {
        let at = lines.iter().position(|text| text.contains(line)).expect(line) + 1;
        let on_line = channels.operations.iter().filter(|operation| {
            channels.site(operation).is_some_and(|site| site.line as usize == at)
        });
        on_line.map(|operation| format!("{} {}", operation.did.name(), operation.value)).collect()
    };
    assert_eq!(values("c <- 1; c <- 2"), ["send 1", "send 2"]);
    assert_eq!(values("case f <- 4:"), ["send 4"]);
    assert_eq!(values("fmt.Println(<-f, <-f)"), ["receive 3", "receive 4"]);
    assert_eq!(values("case bs <- n < 4:"), ["send ?"]);
    assert_eq!(values("u <- 1 << n"), ["send 8"]);
    assert_eq!(values("gen(make(chan string, 1)"), ["make ?"]);
    assert_eq!(
        values("func gen["),
        ["send \"hi\"", "receive \"hi\"", "send \"hi\"", "receive \"hi\""]
    );
    assert_eq!(values("e <- nil"), ["send nil"]);
    let of = |wanted: Did| channels.operations.iter().filter(|o| o.did == wanted).count();
    assert!(of(Did::Close) >= 2 && of(Did::Default) >= 1 && of(Did::Make) >= 10);
    let closed = channels.operations.iter().filter(|o| o.ok == Some(false)).count();
    assert!(closed >= 1, "{closed}");
}

#[test]
fn values_are_told_in_words_where_they_are_asked_for() {
    if without_go("values_are_told_in_words_where_they_are_asked_for") {
        return;
    }
    let built = Built::get();
    let to = built.scratch.join("values");
    let mut ours = built.command(tests::coverglass());
    ours.args(["build", "--channels-values", "-o"]).arg(&to).arg("./values");
    output(&mut ours);
    let file = built.scratch.join("values.channels");
    let lines = |command: &mut Command| {
        let said = String::from_utf8_lossy(&output(command).stdout).into_owned();
        said.lines().map(str::to_owned).collect::<Vec<_>>()
    };
    let expected = lines(built.command(&to).env("COVERGLASS_CHANNELS", &file));
    let channels = read_channels(&file);
    assert_eq!((channels.lost, channels.torn), (0, 0));
    let of = |did| {
        let all = channels.operations.iter().filter(move |operation| operation.did == did);
        all.map(|operation| channels.words(&operation.value)).collect::<Vec<_>>()
    };
    assert!(expected.len() > 20, "{expected:?}");
    assert_eq!(of(Did::Send), expected);
    assert_eq!(of(Did::Receive), expected);
}

#[test]
fn detectors_of_races_see_the_same() {
    if without_go("detectors_of_races_see_the_same") {
        return;
    }
    let built = Built::get();
    let to = built.scratch.join("shapes-race");
    let mut ours = built.command(tests::coverglass());
    ours.args(["build", "--channels", "-race", "-o"]).arg(&to).arg("./shapes");
    let build = ours.output().expect("coverglass can be started");
    if !build.status.success() {
        assert!(std::env::var("CI").is_err(), "-race needs a C compiler, and there is none");
        eprintln!("SKIPPED detectors_of_races_see_the_same: no program can be built with -race");
        return;
    }
    for (how, races) in [("racy", true), ("ordered", false)] {
        for on in [false, true] {
            let mut program = built.command(&to);
            if on {
                program.env("COVERGLASS_CHANNELS", built.scratch.join(format!("{how}.channels")));
            }
            let (code, _, complaints) = done(program.arg(how));
            let told = complaints.iter().any(|line| line.starts_with("WARNING: DATA RACE"));
            assert_eq!((told, code), (races, Some(if races { 66 } else { 0 })), "{complaints:?}");
        }
    }
}
