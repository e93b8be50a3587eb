//! The recording in the repository: whole, of this protocol, and silent about where it was made.

use std::collections::BTreeSet;
use std::process::Command;

use relay::recording::Recording;
use tests::served::Served;
use tests::{Scratch, coverglass, until};
use wire::AgentToRelay;

fn frames(recording: &Recording) -> impl Iterator<Item = &AgentToRelay> {
    recording.records.iter().flat_map(|record| &record.frames)
}

#[test]
fn the_recorded_demo_is_worth_watching() {
    let path = tests::repository().join("static/demo.cgr");
    let bytes = std::fs::read(path).expect("the recording is there");
    assert!(bytes.len() < 100_000, "{} bytes", bytes.len());
    let recording = Recording::read(&bytes).expect("it can be read");
    let last = recording.records.last().expect("it has records").at_ms;
    assert!(last > 50_000, "it lasts {last} ms");
    let sources: BTreeSet<_> = frames(&recording)
        .filter_map(|frame| match frame {
            AgentToRelay::Source { id, bytes: Some(bytes) } => {
                assert_eq!(wire::SourceId::of(bytes), *id);
                Some(*id)
            }
            _ => None,
        })
        .collect();
    assert_eq!(sources.iter().copied().collect::<Vec<_>>(), recording.sources());
    let counts = frames(&recording).filter(|frame| matches!(frame, AgentToRelay::Counts(_)));
    assert!(counts.count() > 200);
    for frame in frames(&recording) {
        if let AgentToRelay::Process(process) = frame {
            assert_eq!(process.host, "recorded");
            assert!(!process.arguments.concat().contains(['/', '\\']), "{process:?}");
        }
    }
}

#[test]
fn the_recorded_demo_plays_without_go() {
    let scratch = Scratch::new("recorded");
    let mut command = Command::new(coverglass());
    // An empty folder is all the programs there are.
    command.args(["demo", "--listen", "127.0.0.1:0"]).env("PATH", scratch.folder("nothing"));
    command.env("COVERGLASS_DIR", scratch.folder("counters"));
    command.env("COVERGLASS_CACHE", scratch.folder("cache"));
    let demo = Served::spawn(command);
    let summary = until("the recorded program", || {
        let mut summary = Command::new(coverglass());
        summary.args(["summary", "--url", &demo.address]);
        let output = summary.output().expect("coverglass starts");
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        (output.status.success() && text.contains("example.com/demo/shop/cart")).then_some(text)
    });
    assert!(summary.lines().last().is_some_and(|line| line.starts_with("total ")), "{summary}");
}
