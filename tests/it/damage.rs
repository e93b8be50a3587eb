//! A smoke run of what `tests/fuzz` does at length: valid inputs, a little damaged.

use proptest::collection::vec;
use proptest::prelude::*;
use tests::{forge, hostile, repository, torn};
use wire::AgentToRelay;
use wire::frame::{Counts, Frame as _, PackageCounts};

fn fixture(path: &str) -> Vec<u8> {
    let path = repository().join("tests/fixtures").join(path);
    std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn message() -> Vec<u8> {
    let mut message = Vec::new();
    AgentToRelay::Table(forge::table("example.com/a", "a", 2, 3).encode()).encode(&mut message);
    let units = PackageCounts { units: vec![0, 2], counts: vec![1, 9], ..PackageCounts::default() };
    let counts = Counts { handle: 1, at_ms: 5, packages: vec![units] };
    AgentToRelay::Counts(counts).encode(&mut message);
    message
}

/// `bytes` with a few of them changed, removed or added.
fn damaged(bytes: Vec<u8>) -> impl Strategy<Value = Vec<u8>> {
    vec(any::<(prop::sample::Index, u8, u8)>(), 1..8).prop_map(move |edits| {
        let mut bytes = bytes.clone();
        for (place, kind, value) in edits {
            if bytes.is_empty() {
                break;
            }
            let place = place.index(bytes.len());
            match kind % 6 {
                0 => bytes.truncate(place),
                1 => bytes.insert(place, value),
                2 => drop(bytes.remove(place)),
                3 => bytes[place] ^= 1 << (value % 8),
                4 => bytes[place] = 0xff,
                _ => bytes[place] = value,
            }
        }
        bytes
    })
}

/// Edits of [`hostile::shared_file`]: mostly of the header and the regions' heads, where a few
/// bytes say the most.
fn edits() -> impl Strategy<Value = Vec<u8>> {
    let places = vec![0u16, 8, 12, 16, 40, 48, 56, 60, 72, 80, 88, 128, 4096, 4104, 4112, 4160];
    let offset = prop_oneof![
        3 => prop::sample::select(places).prop_flat_map(|place| place..place + 8),
        1 => 0u16..20_480,
    ];
    let edit = (offset, prop_oneof![2 => 0u8..1, 4 => 1u8..9, 1 => 255u8..=255]).prop_flat_map(
        |(offset, length)| {
            let n_bytes = if length == 255 { 0 } else { usize::from(length) };
            let byte = prop_oneof![any::<u8>(), Just(0), Just(1), Just(0xff)];
            vec(byte, n_bytes).prop_map(move |bytes| {
                let mut edit = offset.to_le_bytes().to_vec();
                edit.push(length);
                edit.extend(bytes);
                edit
            })
        },
    );
    vec(edit, 0..8).prop_map(|edits| edits.concat())
}

/// A record of [`hostile::channels`]: of few goroutines, channels and values, so that they meet.
fn operation() -> impl Strategy<Value = Vec<u8>> {
    let times = (0..400_u64, 0..3_u32, any::<bool>());
    let whats = (1..7_u8, 0..8_u8, 0..32_u16, any::<u64>());
    ((1..9_u64, 0..4_u64, 0..4_u64, 0..3_u32), times, whats).prop_map(
        |((goroutine, channel, bits, capacity), (end, long, odd), (did, kind, flags, text))| {
            let mut record = Vec::new();
            for word in [u64::from(odd), goroutine, channel, end * 25_000, bits] {
                record.extend(word.to_le_bytes());
            }
            for half in [1, long, capacity, capacity] {
                record.extend(half.to_le_bytes());
            }
            record.extend([did, kind]);
            record.extend(flags.to_le_bytes());
            record.extend(9_u32.to_le_bytes());
            record.extend(text.to_le_bytes());
            record
        },
    )
}

proptest! {
    #[test]
    fn damaged_messages_do_no_harm(bytes in damaged(message())) {
        hostile::frames(&bytes);
    }

    #[test]
    fn damaged_tables_do_no_harm(bytes in damaged(forge::table("a/b", "b", 3, 2).encode())) {
        hostile::table(&bytes);
    }

    #[test]
    fn damaged_meta_data_does_no_harm(bytes in damaged(fixture("go_meta/exits.covmeta"))) {
        hostile::meta(&bytes);
    }

    #[test]
    fn damaged_text_profiles_do_no_harm(bytes in damaged(fixture("go_text/exits.txt"))) {
        hostile::text(&bytes);
    }

    #[test]
    fn damaged_tracefiles_do_no_harm(bytes in damaged(fixture("lcov/lcov-1.16-joined.info"))) {
        hostile::format("lcov", &bytes);
    }

    #[test]
    fn damaged_exports_of_llvm_do_no_harm(bytes in damaged(fixture("llvm_json/shapes.json"))) {
        hostile::format("llvm_json", &bytes);
    }

    #[test]
    fn damaged_profiles_of_llvm_do_no_harm(
        counts in damaged(fixture("llvm_profile/shapes/first.profraw")),
        merged in damaged(fixture("llvm_profile/shapes-merged/shapes.profdata")),
        program in damaged(fixture("llvm_profile/shapes/shapes.o")),
    ) {
        let whole = fixture("llvm_profile/shapes/shapes.o");
        hostile::llvm_profile(&hostile::join(&counts, &whole));
        hostile::llvm_profile(&hostile::join(&merged, &whole));
        let whole = fixture("llvm_profile/shapes/first.profraw");
        hostile::llvm_profile(&hostile::join(&whole, &program));
    }

    #[test]
    fn damaged_traces_do_no_harm(
        old in damaged(fixture("trace/go1.22-states.trace")),
        new in damaged(fixture("trace/go1.27-generations.trace")),
        flight in damaged(fixture("trace/go1.25-flight.trace")),
    ) {
        hostile::trace(&old);
        hostile::trace(&new);
        hostile::trace(&flight);
    }

    #[test]
    fn damaged_channel_operations_do_no_harm(
        chunks in vec((1..4_u64, 0..2_u8, vec(operation(), 0..12)), 0..4),
        edits in damaged(Vec::new()),
    ) {
        let mut bytes = Vec::new();
        for (serial, run, operations) in chunks {
            bytes.push(1 + u8::try_from(operations.len()).unwrap());
            bytes.extend([serial, run.into(), 0, 0, 0, 0, 0, 0, 0].map(u64::to_le_bytes).concat());
            bytes.extend(operations.concat());
        }
        hostile::channels(&bytes);
        hostile::channels(&[bytes, edits].concat());
    }

    #[test]
    fn damaged_shared_files_do_no_harm(bytes in edits()) {
        hostile::shared_file(&bytes);
    }
}

type Target = fn(&[u8]);

/// The fuzz targets, by name; the folders of their samples are called the same.
const TARGETS: &[(&str, Target)] = &[
    ("frames", hostile::frames),
    ("table", hostile::table),
    ("shared_file", hostile::shared_file),
    ("go_meta", hostile::meta),
    ("go_counters", hostile::counters),
    ("go_cov", hostile::pod),
    ("go_text", hostile::text),
    ("lcov", |bytes| hostile::format("lcov", bytes)),
    ("coveralls", |bytes| hostile::format("coveralls", bytes)),
    ("codecov", |bytes| hostile::format("codecov", bytes)),
    ("llvm_json", |bytes| hostile::format("llvm_json", bytes)),
    ("istanbul", |bytes| hostile::format("istanbul", bytes)),
    ("v8", |bytes| hostile::format("v8", bytes)),
    ("coveragepy_json", |bytes| hostile::format("coveragepy_json", bytes)),
    ("coveragepy_db", |bytes| hostile::format("coveragepy_db", bytes)),
    ("simplecov", |bytes| hostile::format("simplecov", bytes)),
    ("xccov", |bytes| hostile::format("xccov", bytes)),
    ("cobertura", |bytes| hostile::format("cobertura", bytes)),
    ("clover", |bytes| hostile::format("clover", bytes)),
    ("gcov_json", |bytes| hostile::format("gcov_json", bytes)),
    ("gcov_text", |bytes| hostile::format("gcov_text", bytes)),
    ("gcovr_json", |bytes| hostile::format("gcovr_json", bytes)),
    ("dotcover", |bytes| hostile::format("dotcover", bytes)),
    ("visualstudio", |bytes| hostile::format("visualstudio", bytes)),
    ("jacoco_xml", |bytes| hostile::format("jacoco_xml", bytes)),
    ("sonar", |bytes| hostile::format("sonar", bytes)),
    ("opencover", |bytes| hostile::format("opencover", bytes)),
    ("archive", hostile::archive),
    ("trace", hostile::trace),
    ("trace_parts", torn::trace_parts),
    ("channels", hostile::channels),
];

#[test]
fn samples_and_what_fuzzing_found_do_no_harm() {
    for (name, target) in TARGETS {
        let folders = ["tests/fixtures/hostile", "tests/fixtures"];
        let folders = folders.map(|folder| repository().join(folder).join(name));
        let mut n_samples = 0;
        for folder in folders.iter().filter(|folder| folder.is_dir()) {
            for entry in std::fs::read_dir(folder).expect("it can be listed") {
                let path = entry.expect("it can be listed").path();
                // Formats of several files have a folder for each sample.
                if path.is_dir() {
                    continue;
                }
                target(&std::fs::read(path).expect("a sample can be read"));
                n_samples += 1;
            }
        }
        assert!(n_samples > 0, "{name} has no samples");
        let targets = std::fs::read_to_string(repository().join("tests/fuzz/Cargo.toml"))
            .expect("it is there");
        assert!(targets.contains(&format!("name = \"{name}\"")), "{name} is not run");
    }
}

#[test]
fn samples_are_whole() {
    assert!(formats::go_meta::read(&fixture("go_meta/exits.covmeta")).is_ok());
    let text = fixture("go_text/exits.txt");
    assert!(
        formats::go_text::read("", &text, &mut formats::Notes::default())
            .unwrap()
            .totals()
            .statements
            .covered
            > 0
    );
    assert_eq!(AgentToRelay::decode(&message()).unwrap().len(), 2);
}

/// Files that say what they are and then open one thing inside of another.
fn nested(depth: usize) -> Vec<(&'static str, String)> {
    let open = |head: &str, unit: &str| format!("{head}{}", unit.repeat(depth));
    vec![
        ("istanbul.json", open(r#"{"b.js":{"statementMap":{}},"a.js":"#, r#"{"data":"#)),
        ("v8.json", open(r#"[{"scriptId":"1","url":"file:///a","functions":["#, r#"{"ranges":["#)),
        ("simplecov.json", open(r#"{"RSpec":{"coverage":{"/a.rb":{"lines":[1,"#, r#"{"a":["#)),
        ("coveralls.json", open(r#"{"source_files":[{"name":"a","coverage":["#, "[")),
        ("codecov.json", open(r#"{"coverage":{"a":[1,"#, "[")),
        ("gcovr.json", open(r#"{"gcovr/format_version":"0.6","files":[{"file":"a","x":"#, "[")),
        ("gcov.json", open(r#"{"gcc_version":"14","files":[{"file":"a","x":"#, r#"{"a":"#)),
        ("cobertura.xml", open(r#"<coverage line-rate="1"><packages>"#, "<package>")),
        ("jacoco.xml", open(r#"<report name="a">"#, "<group>")),
        ("dotcover.xml", open(r#"<Root ReportType="DetailedXml">"#, r#"<Type Name="a">"#)),
    ]
}

#[test]
fn what_nests_without_end_is_refused_within_the_stack_of_a_browser() {
    // The page's worker has a stack of 1 MB, and smaller frames than a build for tests.
    let read = || {
        for depth in [120, 100_000] {
            for (name, text) in nested(depth) {
                let mut reading = formats::Reading::default();
                reading.add(name, text.as_bytes());
                let failures = reading.finish().failures;
                assert_eq!(failures.len(), 1, "{name}");
                let reason = failures[0].1.to_string();
                assert!(!reason.contains(formats::UNKNOWN), "{name}: {reason}");
            }
        }
    };
    let thread = std::thread::Builder::new().stack_size(1 << 20);
    thread.spawn(read).expect("a thread").join().expect("it refuses them");
}
