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

impl Score {
    fn percent(&self) -> f64 {
        100.0 * self.right as f64 / self.all as f64
    }
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
    "3 5 0 500 try,sleep",
    "4 4 0 300 trysend,spin",
    "4 4 1 500 -",
    "1 1 16 5000 range",
    "4 1 16 1000 select",
    "1 4 16 1000 -",
    "4 4 16 1000 sleep",
    "4 4 16 1000 both,try",
    "16 16 64 200 sleep,spin,range",
];

#[test]
fn messages_are_those_that_the_program_tells() {
    if without_go("messages_are_those_that_the_program_tells") {
        return;
    }
    for way in WAYS {
        let mut played = play(way);
        let with_values = score(&played, Some(&played.trace));
        let untraced = score(&played, None);
        let n = with_values.all;
        for operation in &mut played.channels.operations {
            operation.value.kind = Kind::Unknown;
        }
        let blind = score(&played, Some(&played.trace));
        eprintln!("{way}\n  values {with_values:?}\n  untraced {untraced:?}\n  blind {blind:?}");
        assert_eq!(played.channels.lost + played.channels.torn, 0, "{way}");
        let _ = n;
    }
}
