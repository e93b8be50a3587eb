//! `coverglass trace`, on the recordings that the page offers.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::Value;
use tests::{Scratch, coverglass, repository};

use crate::archive::gzip;

/// The example programs that are recorded.
const PROGRAMS: [&str; 10] = [
    "deadlock", "fanin", "hello", "leak", "pingpong", "pipeline", "select", "server", "sieve",
    "workers",
];

fn recording(program: &str) -> PathBuf {
    repository().join("static/gallery").join(format!("{program}.trace"))
}

/// What went through the channels of a program.
fn operations(program: &str) -> PathBuf {
    repository().join("static/gallery").join(format!("{program}.channels.gz"))
}

fn run(arguments: &[&str], file: &Path) -> Output {
    let mut command = Command::new(coverglass());
    command.arg("trace").args(arguments).arg(file);
    command.output().expect("coverglass starts")
}

/// Standard output of a command that does what it is asked and has nothing to complain of.
fn ok(arguments: &[&str], file: &Path) -> String {
    let output = run(arguments, file);
    let message = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && message.is_empty(), "{arguments:?}: {message}");
    String::from_utf8(output.stdout).expect("text")
}

fn json(arguments: &[&str], file: &Path) -> Value {
    serde_json::from_str(&ok(arguments, file)).expect("JSON")
}

fn rows(arguments: &[&str], file: &Path) -> Vec<Value> {
    json(arguments, file).as_array().expect("rows").clone()
}

fn number(value: &Value) -> u64 {
    value.as_u64().unwrap_or_else(|| panic!("{value} is no count"))
}

/// The line of a program's source with a text.
fn line_of(program: &str, text: &str) -> u64 {
    let source = repository().join("tests/programs/gallery").join(program).join("main.go");
    let source = fs::read_to_string(source).expect("the program is there");
    let lines: Vec<_> = (1..).zip(source.lines()).filter(|(_, line)| line.contains(text)).collect();
    assert_eq!(lines.len(), 1, "{program}: {text:?}");
    lines[0].0
}

#[test]
fn each_program_has_a_small_recording_and_a_link_on_the_page() {
    let folders = fs::read_dir(repository().join("tests/programs/gallery")).expect("a folder");
    let folders = folders.map(|entry| entry.expect("a folder can be read").path());
    let programs: BTreeSet<String> = folders
        .filter(|path| path.join("main.go").exists())
        .filter_map(|path| Some(path.file_name()?.to_str()?.to_owned()))
        .collect();
    assert!(programs.iter().eq(PROGRAMS.iter()), "{programs:?}");
    let page = fs::read_to_string(repository().join("static/trace.html")).expect("the page");
    let list = page.split_once("<ul id=\"gallery\"").expect("a list").1;
    let list = list.split_once("</ul>").expect("the list ends").0;
    let links = list.split("href=\"?gallery=").skip(1);
    let links: BTreeSet<String> =
        links.filter_map(|link| Some(link.split_once('"')?.0.to_owned())).collect();
    assert_eq!(links, programs);
    let with_channels: Vec<&str> = list
        .split("href=\"?gallery=")
        .filter_map(|link| Some(link.split_once("\" data-channels>")?.0))
        .collect();
    assert_eq!(with_channels, ["sieve", "pipeline"]);
    let mut expected: BTreeSet<PathBuf> =
        PROGRAMS.iter().map(|program| recording(program)).collect();
    expected.extend(with_channels.into_iter().map(operations));
    let recordings = fs::read_dir(repository().join("static/gallery")).expect("a folder");
    let recordings = recordings.map(|entry| entry.expect("a file can be listed").path());
    assert_eq!(recordings.collect::<BTreeSet<_>>(), expected);
    let mut together = 0;
    for file in expected {
        let bytes = fs::read(&file).expect("a recording");
        assert!(bytes.len() <= 60_000, "{file:?}: {} bytes", bytes.len());
        together += bytes.len();
    }
    assert!(together <= 400_000, "{together} bytes");
}

/// What Go's own reader finds in them stands in the fixtures, see their README.
#[test]
fn summary_json_is_what_go_finds() {
    let folder = repository().join("tests/fixtures/gallery");
    for program in PROGRAMS {
        let found = json(&["summary", "--json"], &recording(program));
        let path = folder.join(format!("{program}.json"));
        if std::env::var_os("UPDATE_FIXTURES").is_some() {
            let text = serde_json::to_string_pretty(&found).expect("JSON") + "\n";
            fs::write(&path, text).expect("a fixture can be written");
        }
        let text = fs::read_to_string(&path).expect("a fixture");
        let expected: Value = serde_json::from_str(&text).expect("JSON");
        let (found, expected) =
            (found.as_object().expect("an object"), expected.as_object().expect("an object"));
        let keys: BTreeSet<&String> = found.keys().chain(expected.keys()).collect();
        for key in keys {
            assert_eq!(found.get(key), expected.get(key), "{program}: {key}");
        }
        assert!(found.len() >= 35, "{program}: {} keys", found.len());
    }
}

#[test]
fn summary_names_what_is_stuck() {
    let line = line_of("deadlock", "right.Lock()");
    let text = ok(&["summary"], &recording("deadlock"));
    let stuck = text.split_once("still waiting at the end").expect("a section").1;
    let words = |line: &str| line.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
    let row = words(stuck.lines().nth(1).expect("a row"));
    assert_eq!(row[..4], ["main.dine", &format!("main.go:{line}"), "sync", "5"]);
    assert!(!text.contains("damaged"), "{text}");
    // Who prints primes has nobody waiting that it did not leave behind.
    let text = ok(&["summary"], &recording("hello"));
    assert!(!text.contains("still waiting"), "{text}");
    let sends = text.lines().map(words).find(|row| row.first().is_some_and(|word| word == "send"));
    assert_eq!(sends.expect("a row of sends")[1..], ["1", "1"]);
}

#[test]
fn goroutines_tell_where_they_come_from_and_where_they_hang() {
    let file = recording("leak");
    let line = line_of("leak", "answers <- replica");
    let stuck = rows(&["goroutines", "--stuck", "--function", "main.ask", "--json"], &file);
    let sending: Vec<_> = stuck.iter().filter(|row| row["reason"] == "chan send").collect();
    // Of three each time two are late; those of the last time may still be asleep.
    assert!((14..=16).contains(&sending.len()), "{} are stuck", sending.len());
    for row in sending {
        assert_eq!(row["stack"][0]["function"], "runtime.chansend1");
        assert_eq!(row["stack"][1]["function"], "main.ask");
        assert_eq!(row["stack"][1]["line"], line);
        assert_eq!(row["stack"][1]["file"], "gallery/leak/main.go");
        assert_eq!(row["created_at"]["line"], line_of("leak", "go ask("));
        assert_eq!(row["end_ns"], Value::Null);
    }
    let text = ok(&["goroutines", "--stuck", "--function", "main.ask"], &file);
    assert!(text.contains(&format!("    main.ask gallery/leak/main.go:{line}\n")), "{text}");

    let all = rows(&["goroutines", "--json"], &file);
    let groups = rows(&["goroutines", "--by", "function", "--json"], &file);
    let sum: u64 = groups.iter().map(|group| number(&group["goroutines"])).sum();
    assert_eq!(sum, all.len() as u64);
    let ask = groups.iter().find(|group| group["function"] == "main.ask").expect("a group");
    assert_eq!(number(&ask["goroutines"]), 24);
    assert_eq!(number(&ask["stuck"]), stuck.len() as u64);
    assert_eq!(number(&ask["ended"]), 8);
}

/// Twelve workers share 36 jobs: each sleeps for its job at one line, and waits for it at another.
#[test]
fn goroutines_of_a_line_and_functions_of_a_goroutine_are_those_of_the_program() {
    let file = recording("workers");
    let sleeps = line_of("workers", "time.Sleep(job)");
    let sends = line_of("workers", "jobs <- time");
    for place in ["main.go", "./workers/main.go", "gallery/workers/main.go", "/src/workers/main.go"]
    {
        let at = format!("{place}:{sleeps}");
        let rows = rows(&["goroutines", "--at", &at, "--json"], &file);
        assert_eq!(rows.len(), 12, "{place}");
        assert!(rows.iter().all(|row| row["function"] == "main.work"));
        let stacks: u64 = rows.iter().map(|row| number(&row["seen"]["stacks"])).sum();
        assert_eq!(stacks, 36, "{place}");
        for row in &rows {
            assert!(number(&row["seen"]["first_ns"]) <= number(&row["seen"]["last_ns"]));
            assert!(number(&row["seen"]["first_ns"]) >= number(&row["begin_ns"]));
        }
    }
    let sender = rows(&["goroutines", "--at", &format!("main.go:{sends}"), "--json"], &file);
    assert_eq!(sender.len(), 1);
    assert_eq!(sender[0]["id"], 1);

    let all = ["goroutines", "--ran", "main.work", "--functions", "--json"];
    let workers = rows(&all, &file);
    assert_eq!(workers.len(), 12);
    for row in &workers {
        let functions = row["functions"].as_array().expect("a list");
        let work = functions.iter().find(|of| of["function"] == "main.work").expect("it works");
        let lines = work["lines"].as_array().expect("a list");
        let sleep = lines.iter().find(|of| of["line"] == sleeps).expect("it sleeps");
        assert_eq!(sleep["file"], "gallery/workers/main.go");
        assert!(number(&sleep["stacks"]) <= number(&work["stacks"]));
        assert!(functions.iter().any(|of| of["function"] == "time.Sleep"));
        assert!(!functions.iter().any(|of| of["function"] == "main.main"));
    }
    let groups = rows(&["goroutines", "--ran", "time.Sleep", "--by", "function", "--json"], &file);
    assert_eq!(groups[0]["function"], "main.work");
    assert_eq!(groups[0]["goroutines"], 12);

    let text = ok(&["goroutines", "--at", &format!("main.go:{sleeps}"), "--functions"], &file);
    assert!(
        text.lines().next().is_some_and(|head| head.ends_with("stacks    first     last")),
        "{text}"
    );
    let work = text.lines().filter(|line| line.starts_with("    main.work ")).count();
    assert_eq!(work, 12, "{text}");
    assert!(text.contains(&format!("gallery/workers/main.go:{sleeps}")), "{text}");
}

#[test]
fn goroutines_are_sorted_and_limited_as_asked() {
    let file = recording("workers");
    for state in ["running", "runnable", "waiting", "syscall"] {
        let rows = rows(&["goroutines", "--sort", state, "--limit", "5", "--json"], &file);
        let times: Vec<u64> = rows.iter().map(|row| number(&row["time_ns"][state])).collect();
        assert_eq!(times.len(), 5);
        assert!(times.is_sorted_by(|a, b| a >= b), "{state}: {times:?}");
    }
    let ids = |arguments: &[&str]| -> Vec<u64> {
        rows(arguments, &file).iter().map(|row| number(&row["id"])).collect()
    };
    let all = ids(&["goroutines", "--json"]);
    assert!(all.is_sorted() && all.len() > 12, "{all:?}");
    assert_eq!(ids(&["goroutines", "--function", "main.w?rk", "--json"]).len(), 12);
    // The same in columns: a line for each, and one of names.
    assert_eq!(ok(&["goroutines"], &file).lines().count(), all.len() + 1);
}

#[test]
fn edges_are_those_of_the_program() {
    let file = recording("hello");
    let edges = rows(&["edges", "--kind", "send", "--json"], &file);
    let [edge] = &edges[..] else { panic!("{edges:?}") };
    assert_eq!(
        (edge["from"].as_str(), edge["to"].as_str()),
        (Some("main.send"), Some("main.main"))
    );
    assert_eq!(edge["waker"]["line"], line_of("hello", "numbers <- 42"));
    assert_eq!(edge["waiting"]["line"], line_of("hello", "<-numbers)"));

    for program in PROGRAMS {
        let file = recording(program);
        let each = rows(&["edges", "--each", "--json"], &file);
        let pairs = rows(&["edges", "--json"], &file);
        let sum: u64 = pairs.iter().map(|pair| number(&pair["count"])).sum();
        assert_eq!(sum, each.len() as u64, "{program}");
        let summary = json(&["summary", "--json"], &file);
        assert_eq!(summary["unblock_events"], sum, "{program}");
        let times: Vec<u64> = each.iter().map(|edge| number(&edge["time_ns"])).collect();
        assert!(times.is_sorted(), "{program}");
        // Each is of one kind, so the kinds add up.
        let mut kinds: BTreeMap<&str, usize> = BTreeMap::new();
        for edge in &each {
            *kinds.entry(edge["kind"].as_str().expect("a kind")).or_default() += 1;
        }
        for (kind, count) in kinds {
            let of_kind = rows(&["edges", "--each", "--kind", kind, "--json"], &file);
            assert_eq!(of_kind.len(), count, "{program}: {kind}");
        }
    }
    // Nobody wakes who waits for a fork.
    let text = ok(&["edges", "--function", "main.dine", "--kind", "sync"], &recording("deadlock"));
    assert_eq!(text.lines().count(), 1, "{text}");
    // The producers hand over 24 numbers, however that comes about.
    let arguments = ["edges", "--kind", "send,receive", "--function", "main.read", "--json"];
    let taken = rows(&arguments, &recording("fanin"));
    assert_eq!(taken.iter().map(|pair| number(&pair["count"])).sum::<u64>(), 24);
}

/// Nanoseconds of a time in microseconds.
fn nanoseconds(value: &Value) -> u64 {
    let micros = value.as_f64().unwrap_or_else(|| panic!("{value} is no time"));
    (micros * 1000.0).round() as u64
}

#[test]
fn chrome_json_holds_what_viewers_need() {
    for program in PROGRAMS {
        let file = recording(program);
        let export = json(&["export"], &file);
        let events = export["traceEvents"].as_array().expect("events");
        let goroutines = rows(&["goroutines", "--json"], &file);
        let mut tracks: BTreeMap<(u64, u64), Vec<(u64, u64)>> = BTreeMap::new();
        let mut names = BTreeSet::new();
        let mut open: BTreeMap<(String, String), i64> = BTreeMap::new();
        for event in events {
            let text = |key: &str| event[key].as_str().unwrap_or_default().to_owned();
            let track = (number(&event["pid"]), number(&event["tid"]));
            assert!(!text("name").is_empty(), "{event}");
            match &*text("ph") {
                "M" if text("name") == "thread_name" => {
                    names.insert(track);
                }
                "M" => {}
                "X" => {
                    let (begin, took) = (nanoseconds(&event["ts"]), nanoseconds(&event["dur"]));
                    tracks.entry(track).or_default().push((begin, begin + took));
                }
                "b" => *open.entry((text("cat"), text("id"))).or_default() += 1,
                "e" => *open.entry((text("cat"), text("id"))).or_default() -= 1,
                "s" | "f" => assert!(event["id"].is_u64(), "{event}"),
                "i" => assert_eq!(text("s"), "t"),
                "C" => assert!(event["args"].as_object().is_some_and(|args| args.len() == 1)),
                other => panic!("{other:?} is no phase that is written: {event}"),
            }
        }
        assert!(open.values().all(|open| *open == 0), "{program}: {open:?}");
        assert!(goroutines.iter().all(|row| names.contains(&(1, number(&row["id"])))));
        for (track, slices) in &mut tracks {
            assert!(names.contains(track), "{program}: {track:?} has no name");
            // Perfetto has one track 0 for all processes.
            assert_ne!(track.1, 0, "{program}: {track:?}");
            slices.sort_unstable();
            let in_turn = slices.windows(2).all(|pair| pair[0].1 <= pair[1].0);
            assert!(in_turn, "{program}: slices of {track:?} overlap");
        }
        // An arrow is drawn only from inside of a slice to inside of another.
        let mut arrows = BTreeMap::new();
        for event in events.iter().filter(|event| event["ph"] == "s" || event["ph"] == "f") {
            let track = (number(&event["pid"]), number(&event["tid"]));
            let time = nanoseconds(&event["ts"]);
            let inside = |slice: &(u64, u64)| (slice.0..=slice.1).contains(&time);
            assert!(tracks[&track].iter().any(inside), "{program}: {event}");
            *arrows.entry(number(&event["id"])).or_insert(0) += 1;
        }
        assert!(arrows.values().all(|ends| *ends == 2), "{program}");
        let summary = json(&["summary", "--json"], &file);
        let created = goroutines.iter().filter(|row| row["parent"].is_u64()).count() as u64;
        let woken = number(&summary["unblock_events_with_waker_goroutine"]);
        assert_eq!(arrows.len() as u64, created + woken, "{program}");
    }
}

#[test]
fn tasks_regions_and_messages_are_exported() {
    let export = json(&["export"], &recording("server"));
    let events = export["traceEvents"].as_array().expect("events");
    let count = |phase: &str, kind: &str, name: &str| {
        let wanted =
            |event: &&Value| event["ph"] == phase && event["cat"] == kind && event["name"] == name;
        events.iter().filter(wanted).count()
    };
    assert_eq!(count("b", "task", "request"), 12);
    assert_eq!(count("b", "region", "work"), 12);
    assert_eq!(count("i", "log", "line"), 12);
    let messages = events.iter().filter_map(|event| event["args"]["message"].as_str());
    assert!(messages.into_iter().any(|message| message == "client 5, question 1"));
}

#[test]
fn an_export_to_a_file_is_the_same() {
    let scratch = Scratch::new("trace-export");
    let file = scratch.join("out.json");
    let name = file.to_str().expect("text");
    for format in ["chrome", "csv"] {
        let printed = ok(&["export", "--format", format], &recording("select"));
        assert!(ok(&["export", "--format", format, "-o", name], &recording("select")).is_empty());
        assert_eq!(fs::read_to_string(&file).expect("the export"), printed);
    }
    let folder = scratch.join("none/out.json");
    let name = folder.to_str().expect("text");
    let refused = run(&["export", "-o", name], &recording("select"));
    assert_eq!(refused.status.code(), Some(2));
    let message = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(message.starts_with(&format!("coverglass: cannot write {name}: ")), "{message}");
}

/// A row of the CSV export: goroutine, begin, end, state, reason.
fn slices(file: &Path) -> Vec<(u64, u64, u64, String, String)> {
    let text = ok(&["export", "--format", "csv"], file);
    let mut lines = text.lines();
    let head =
        "goroutine,function,begin_ns,end_ns,state,reason,processor,at_function,at_file,at_line";
    assert_eq!(lines.next(), Some(head));
    lines
        .map(|line| {
            let cells: Vec<&str> = line.split(',').collect();
            assert_eq!(cells.len(), 10, "{line}");
            let number = |at: usize| cells[at].parse().unwrap_or_else(|_| panic!("{line}"));
            (number(0), number(2), number(3), cells[4].to_owned(), cells[5].to_owned())
        })
        .collect()
}

#[test]
fn slices_of_the_csv_add_up_to_the_times_of_goroutines() {
    for program in PROGRAMS {
        let file = recording(program);
        let mut times: BTreeMap<(u64, String), u64> = BTreeMap::new();
        for (goroutine, begin, end, state, _) in slices(&file) {
            *times.entry((goroutine, state)).or_default() += end - begin;
        }
        for row in rows(&["goroutines", "--json"], &file) {
            for (state, time) in row["time_ns"].as_object().expect("times") {
                let sum = times.get(&(number(&row["id"]), state.clone())).copied();
                assert_eq!(sum.unwrap_or(0), number(time), "{program}: {row} {state}");
            }
        }
    }
}

/// An integer of a message of protocol buffers, and what follows it.
fn varint(bytes: &[u8]) -> (u64, &[u8]) {
    let length = bytes.iter().position(|byte| byte & 0x80 == 0).expect("an integer ends") + 1;
    let value =
        bytes[..length].iter().rev().fold(0, |value, byte| value << 7 | u64::from(byte & 0x7f));
    (value, &bytes[length..])
}

/// The fields of a message whose values are bytes.
fn fields(mut bytes: &[u8]) -> Vec<(u64, &[u8])> {
    let mut fields = Vec::new();
    while !bytes.is_empty() {
        let (key, rest) = varint(bytes);
        let (value, rest) = varint(rest);
        bytes = rest;
        if key & 7 == 2 {
            let length = usize::try_from(value).expect("a length");
            fields.push((key >> 3, &bytes[..length]));
            bytes = &bytes[length..];
        }
    }
    fields
}

#[test]
fn pprof_has_the_delays_that_ended() {
    let file = recording("pipeline");
    let end = slices(&file).iter().map(|slice| slice.2).max().expect("slices");
    for (delay, state, reasons) in [
        ("sync", "waiting", &["chan send", "chan receive", "sync", "select"][..]),
        ("sched", "runnable", &[]),
    ] {
        let output = run(&["export", "--pprof", delay], &file);
        assert!(output.status.success());
        // A header of ten bytes, and eight at the end.
        let packed = &output.stdout[10..output.stdout.len() - 8];
        let profile = miniz_oxide::inflate::decompress_to_vec(packed).expect("gzip");
        let mut sum = [0, 0];
        for (_, sample) in fields(&profile).into_iter().filter(|(field, _)| *field == 2) {
            let values = fields(sample).into_iter().find(|(field, _)| *field == 2).expect("values");
            let (count, rest) = varint(values.1);
            sum[0] += count;
            sum[1] += varint(rest).0;
        }
        let meant = slices(&file).into_iter().filter(|(_, _, until, of, reason)| {
            of == state && *until < end && (reasons.is_empty() || reasons.contains(&&**reason))
        });
        let spent: Vec<u64> = meant.map(|slice| slice.2 - slice.1).collect();
        assert_eq!(sum, [spent.len() as u64, spent.iter().sum()], "{delay}");
        assert!(sum[0] > 20, "{delay}: {sum:?}");
        let texts = fields(&profile).into_iter().filter(|(field, _)| *field == 6);
        let texts: Vec<&[u8]> = texts.map(|(_, text)| text).collect();
        assert!(texts.first().is_some_and(|text| text.is_empty()));
        assert!(texts.contains(&&b"gallery/pipeline/main.go"[..]));
    }
}

#[test]
fn a_trace_may_come_through_a_pipe() {
    let file = recording("fanin");
    let mut command = Command::new(coverglass());
    command.args(["trace", "summary", "--json", "-"]).stdin(Stdio::piped());
    let mut process = command.stdout(Stdio::piped()).spawn().expect("coverglass starts");
    let mut input = process.stdin.take().expect("a pipe");
    input.write_all(&fs::read(&file).expect("a recording")).expect("it is read");
    drop(input);
    let output = process.wait_with_output().expect("it ends");
    let mut found: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let mut expected = json(&["summary", "--json"], &file);
    found["file"].take();
    expected["file"].take();
    assert_eq!(found, expected);
}

#[test]
fn a_trace_may_be_packed_by_gzip() {
    let scratch = Scratch::new("trace-packed");
    let path = scratch.join("fanin.trace.gz");
    let packed = gzip(&fs::read(recording("fanin")).expect("a recording"));
    fs::write(&path, &packed).expect("a file");
    let [found, expected] = [&path, &recording("fanin")].map(|file| ok(&["edges", "--json"], file));
    assert_eq!(found, expected);
    fs::write(&path, &packed[..packed.len() / 2]).expect("a file");
    let cut = run(&["summary"], &path);
    let message = String::from_utf8_lossy(&cut.stderr).into_owned();
    assert!(message.contains("fanin.trace.gz: cannot unpack all of it: "), "{message}");
    assert!(cut.status.success() && !cut.stdout.is_empty(), "{message}");
    fs::write(&path, gzip(b"mode: set")).expect("a file");
    let message = String::from_utf8_lossy(&run(&["summary"], &path).stderr).into_owned();
    assert!(message.contains("this is no Go execution trace"), "{message}");
}

#[test]
fn what_is_left_of_a_damaged_trace_is_told_with_what_was_lost() {
    let scratch = Scratch::new("trace-damaged");
    let whole = fs::read(recording("server")).expect("a recording");
    let all = number(&json(&["summary", "--json"], &recording("server"))["events"]);
    let path = scratch.join("cut.trace");
    let mut salvaged = 0;
    for tenths in 1..10 {
        fs::write(&path, &whole[..whole.len() * tenths / 10]).expect("a file");
        let output = run(&["summary", "--json"], &path);
        let message = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(0), "{tenths}: {message}");
        assert!(message.contains(&format!("{}: byte ", path.display())), "{message}");
        let found: Value = serde_json::from_slice(&output.stdout).expect("JSON");
        let places = found["losses"]["places"].as_array().expect("what was lost");
        assert!(places.iter().all(|place| place["what"].is_string() && place["byte"].is_u64()));
        assert!(number(&found["events"]) <= all + 1);
        salvaged = number(&found["events"]);
        for command in ["summary", "goroutines", "edges", "export"] {
            let output = run(&[command], &path);
            assert_eq!(output.status.code(), Some(0), "{command} {tenths}");
            assert!(!output.stdout.is_empty());
        }
        let text = String::from_utf8(run(&["summary"], &path).stdout).expect("text");
        assert!(text.contains("\ndamaged in "), "{text}");
        let export = run(&["export"], &path).stdout;
        assert!(serde_json::from_slice::<Value>(&export).is_ok(), "{tenths}");
    }
    assert!(salvaged * 10 >= all * 9, "{salvaged} of {all}");
}

#[test]
fn what_is_no_trace_is_refused_in_a_sentence() {
    let scratch = Scratch::new("trace-refused");
    let path = scratch.join("x.trace");
    let refused = |bytes: &[u8]| {
        fs::write(&path, bytes).expect("a file");
        let outputs =
            ["summary", "goroutines", "edges", "export"].map(|command| run(&[command], &path));
        let messages = outputs.map(|output| {
            assert_eq!(output.status.code(), Some(2));
            assert!(output.stdout.is_empty());
            String::from_utf8(output.stderr).expect("text")
        });
        assert!(messages.iter().all(|message| message == &messages[0]));
        let start = format!("coverglass: cannot read {}: ", path.display());
        let [message, ..] = messages;
        message.strip_prefix(&start).unwrap_or_else(|| panic!("{message}")).trim_end().to_owned()
    };
    let no_trace = "byte 0: this is no Go execution trace, which starts with `go 1.NN trace`";
    for bytes in [&b""[..], b"go 1.2", b"mode: count\n", b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0\0"]
    {
        assert_eq!(refused(bytes), no_trace);
    }
    let old = refused(b"go 1.21 trace\0\0\0anything");
    assert!(old.contains("the format of Go 1.21, which is not read"), "{old}");
    assert!(old.contains("Go 1.22 or later"), "{old}");
    let empty = refused(b"go 1.26 trace\0\0\0");
    assert!(empty.starts_with("byte 16: the trace holds no events"), "{empty}");

    let missing = run(&["summary"], &scratch.join("none.trace"));
    assert_eq!(missing.status.code(), Some(2));
    let message = String::from_utf8_lossy(&missing.stderr).into_owned();
    assert!(message.contains("cannot read ") && message.contains("none.trace: "), "{message}");
}

#[test]
fn what_is_not_understood_is_refused() {
    let file = recording("hello");
    let refused = run(&["edges", "--kind", "send,gift"], &file);
    assert_eq!(refused.status.code(), Some(2));
    let message = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert_eq!(
        message.trim_end(),
        "coverglass: --kind gift: kinds are send, receive, select, close, sync, condition, \
         network, timer, switch, runtime"
    );
    for arguments in [
        &["goroutines", "--sort", "color"][..],
        &["goroutines", "--by", "color"],
        &["goroutines", "--by", "function", "--functions"],
        &["goroutines", "--at", "main.go"],
        &["goroutines", "--at", "main.go:0"],
        &["goroutines", "--at", "nowhere.go:1"],
        &["export", "--format", "xml"],
        &["export", "--format", "csv", "--pprof", "sync"],
    ] {
        assert_eq!(run(arguments, &file).status.code(), Some(2), "{arguments:?}");
    }
}

/// Each channel of the chain carries what the primes before it do not divide, and no more.
#[test]
fn values_of_a_sieve_are_those_that_its_primes_leave() {
    let file = operations("sieve");
    let file = file.to_str().expect("text");
    let messages = rows(&["edges", "--channels", file, "--each", "--json"], &recording("sieve"));
    let mut by_channel: BTreeMap<u64, Vec<u64>> = BTreeMap::new();
    for message in &messages {
        assert_eq!(message["grade"], "exact", "{message}");
        assert_eq!(message["capacity"], 0, "{message}");
        let value = message["value"].as_str().and_then(|value| value.parse().ok());
        let channel = by_channel.entry(number(&message["channel"])).or_default();
        channel.push(value.expect("a number"));
    }
    let mut primes: Vec<u64> = Vec::new();
    let mut all = 0;
    for values in by_channel.values() {
        let left = (2..).filter(|number| primes.iter().all(|prime| number % prime != 0));
        let expected: Vec<u64> = left.take(values.len()).collect();
        assert_eq!(*values, expected, "behind {primes:?}");
        primes.push(values[0]);
        all += values.len();
    }
    assert_eq!(primes, [2, 3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37]);
    // Those that were looked at until 37 was through.
    assert!(all >= 222, "{all}");
}

#[test]
fn channel_operations_of_another_run_are_refused() {
    let file = operations("pipeline");
    let file = file.to_str().expect("text");
    let output = run(&["edges", "--channels", file], &recording("sieve"));
    let message = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success(), "{message}");
    assert!(
        message.contains("pipeline.channels.gz is of another run: its operations were "),
        "{message}"
    );
    assert!(
        message.contains(" s after the trace had ended")
            || message.contains(" s before the trace began"),
        "{message}"
    );
}
