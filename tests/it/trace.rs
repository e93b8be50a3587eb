//! Execution traces: what is read of them is what Go's own reader says, event for event, and who
//! woke whom is what the programs did.

use gotrace::trace::Edge;
use gotrace::{Reader, Trace, Wake};
use tests::has_go;
use tests::traces::{self, Told};

/// Programs of `tests/programs/tracetruth`, and settings of the runtime: generations of a
/// millisecond, events of experiments.
const PROGRAMS: &[(&str, &str)] = &[
    ("sieve 100", ""),
    ("fan 4 4 200", ""),
    ("try 200", ""),
    ("tryrecv 200", ""),
    ("select 200", ""),
    ("mixed 100", ""),
    ("states", ""),
    ("locks 50", ""),
    ("annotated 20", ""),
    ("collected 4", ""),
    ("sampled 200", ""),
    ("parked 2000", ""),
    ("threads 30 20", ""),
    ("nested 3000", ""),
    ("woken", ""),
    ("storm 8 200", ""),
    ("states", "traceadvanceperiod=1000000"),
    ("locks 50", "traceadvanceperiod=1000000"),
    ("annotated 20", "traceadvanceperiod=1000000"),
    ("collected 4", "traceadvanceperiod=1000000"),
    ("storm 8 200", "traceadvanceperiod=1000000"),
    ("threads 50 50", "traceadvanceperiod=1000000"),
    ("fan 2 2 50", "traceallocfree=1"),
];

fn check_equal(name: &str, told: &Told, facts: &serde_json::Value) {
    assert!(told.losses.is_empty(), "{name}: {:?}", told.losses);
    let difference = traces::difference(facts, &told.facts());
    assert!(difference.is_empty(), "{name}:\n{difference}");
}

#[test]
fn events_are_those_of_gos_reader_in_its_order() {
    if !has_go() {
        return;
    }
    for (program, debug) in PROGRAMS {
        let (bytes, _) = traces::record(program, debug);
        let (facts, lines) = traces::ask(&bytes);
        let told = traces::read(&bytes).unwrap_or_else(|error| panic!("{program}: {error}"));
        for (at, (expected, found)) in lines.iter().zip(told.lines()).enumerate() {
            assert_eq!(found, *expected, "{program} {debug}: event {at}");
        }
        check_equal(program, &told, &facts);
    }
}

#[test]
fn recorded_traces_of_all_versions_are_read_as_gos_reader_does() {
    let fixtures = traces::fixtures();
    let versions = ["go1.22", "go1.23", "go1.24", "go1.25", "go1.26", "go1.27"];
    for version in versions {
        assert!(fixtures.iter().any(|(name, ..)| name.starts_with(version)), "{version}");
    }
    for (name, bytes, facts) in &fixtures {
        let told = traces::read(bytes).unwrap_or_else(|error| panic!("{name}: {error}"));
        check_equal(name, &told, facts);
    }
}

#[test]
fn pieces_of_any_size_come_to_the_same_as_the_whole() {
    for (name, bytes, facts) in traces::fixtures() {
        for size in [1, 2, 7, 100, 4096, 65_537] {
            let told = traces::read_pieces(bytes.chunks(size));
            let told = told.unwrap_or_else(|error| panic!("{name}: {error}"));
            check_equal(&format!("{name} by {size}"), &told, &facts);
        }
    }
}

#[test]
fn events_told_a_few_at_a_time_are_those_told_at_once() {
    for (name, bytes, _) in traces::fixtures() {
        let mut expected = Vec::new();
        let mut reader = Reader::new();
        reader.push(&bytes, |_, event| expected.push(*event)).unwrap();
        reader.finish(|_, event| expected.push(*event)).unwrap();
        for (most, size) in [(1, 4096), (10, 1000), (1000, 100_000)] {
            let mut told = Vec::new();
            let mut reader = Reader::new();
            let mut tell = |reader: &mut Reader| {
                loop {
                    let before = told.len();
                    let more = reader.tell(most, |_, event| told.push(*event)).unwrap();
                    // One that switches from a coroutine to another is told as three.
                    assert!(told.len() <= before + 3 * most + 1, "{name}: {most} of {size}");
                    if !more {
                        break;
                    }
                }
            };
            for piece in bytes.chunks(size) {
                reader.add(piece);
                tell(&mut reader);
            }
            reader.end();
            tell(&mut reader);
            assert_eq!(told, expected, "{name}: {most} of {size}");
        }
    }
}

/// Wake-ups through channels among the program's goroutines, whichever way data went. The library
/// has a few of its own, such as one that the collector wakes by a channel.
fn through(told: &Told, trace: &Trace) -> usize {
    let is_own = |go| {
        let function = trace.goroutine(go).map_or("", |go| told.names.text(go.function));
        function.starts_with("main.") || matches!(function, "" | "runtime.main")
    };
    let own = |edge: &&Edge| edge.wake.is_channel() && is_own(edge.from) && is_own(edge.to);
    trace.edges.iter().filter(own).count()
}

/// Values that the sieve of [the program](traces::recorder) sends: each filter lets through what
/// its prime doesn't divide.
fn sieved(most: usize) -> usize {
    let mut numbers: Vec<usize> = (2..=most).collect();
    let mut sent = 0;
    while let Some(&prime) = numbers.first() {
        sent += numbers.len();
        numbers.retain(|number| number % prime != 0);
    }
    sent
}

#[test]
fn wake_ups_through_channels_are_as_many_as_values_were_sent() {
    if !has_go() {
        return;
    }
    for (program, values) in [
        ("sieve 50", Some(sieved(50))),
        ("sieve 200", Some(sieved(200))),
        ("fan 1 1 500", Some(500)),
        ("fan 4 4 200", Some(800)),
        ("fan 7 3 50", Some(350)),
        ("fan 1 9 90", Some(90)),
        ("select 400", Some(400)),
        ("mixed 200", Some(400)),
        ("storm 8 100", Some(800)),
        // How many there are depends on the machine; the program counts them.
        ("try 400", None),
        ("tryrecv 400", None),
    ] {
        for debug in ["", "traceadvanceperiod=1000000"] {
            let (bytes, printed) = traces::record(program, debug);
            let told = traces::read(&bytes).unwrap_or_else(|error| panic!("{program}: {error}"));
            let expected = values.unwrap_or(printed as usize);
            assert!(expected > 0, "{program} sent nothing");
            let found = through(&told, &told.trace());
            let facts = told.facts();
            let edges = &facts["edges_by_top"];
            assert_eq!(found, expected, "{program} {debug}: {edges:#}");
        }
    }
}

#[test]
fn each_way_to_wake_is_told_from_the_others_with_both_lines() {
    if !has_go() {
        return;
    }
    let (bytes, _) = traces::record("woken", "");
    let told = traces::read(&bytes).expect("it is a trace");
    let trace = told.trace();
    let function = |go| trace.goroutine(go).map_or("", |go| told.names.text(go.function));
    let mut ways = std::collections::BTreeMap::<_, usize>::new();
    let names = |stack| told.names.frames(stack).map(|frame| told.names.text(frame.function));
    let is_meant = |edge: &&Edge| {
        function(edge.to) == "main.wait"
            && names(edge.waker).any(|name| name.starts_with("main.woken"))
            // Others want the same locks, and who looks whether all wait stops the world.
            && function(edge.from) != "main.wait"
            && names(edge.waker).all(|name| name != "main.park")
    };
    for edge in trace.edges.iter().filter(is_meant) {
        *ways.entry(edge.wake.name()).or_default() += 1;
        assert!(names(edge.waiting).any(|name| name.starts_with("main.")), "{edge:?}");
    }
    let expected = [("close", 7), ("condition", 5), ("receive", 4), ("send", 5), ("sync", 5)];
    assert_eq!(ways, expected.into());
}

#[test]
fn each_value_of_a_plain_channel_has_its_direction_and_both_lines() {
    if !has_go() {
        return;
    }
    let (bytes, _) = traces::record("fan 3 2 100", "");
    let told = traces::read(&bytes).expect("it is a trace");
    let trace = told.trace();
    let function = |go| trace.goroutine(go).map_or("", |go| told.names.text(go.function));
    let mut seen = [0; 2];
    let is_own = |go| function(go).starts_with("main.");
    for edge in trace.edges.iter().filter(|edge| edge.wake.is_channel() && is_own(edge.to)) {
        let (sender, receiver) = match edge.wake {
            Wake::Send => (edge.from, edge.to),
            Wake::Receive => (edge.to, edge.from),
            other => panic!("{other:?} where nobody selects"),
        };
        // The functions of a closure each, in the order of the source.
        assert_eq!(function(sender), "main.fan.func1");
        assert_eq!(function(receiver), "main.fan.func2");
        let lines = [edge.waker, edge.waiting].map(|stack| {
            let mut frames = told.names.frames(stack);
            frames.find(|frame| told.names.text(frame.function).starts_with("main.")).is_some()
        });
        assert_eq!(lines, [true; 2]);
        seen[usize::from(edge.wake == Wake::Send)] += 1;
    }
    assert_eq!(seen.iter().sum::<usize>(), 300);
}

#[test]
fn times_in_states_are_those_of_gos_reader() {
    for (name, bytes, facts) in traces::fixtures() {
        let told = traces::read(&bytes).unwrap_or_else(|error| panic!("{name}: {error}"));
        let trace = told.trace();
        let mut sums = std::collections::BTreeMap::<_, u64>::new();
        for go in &trace.goroutines {
            // Go's reader says nothing of the time before it first tells of one that is older.
            let times = go.track.times(go.seen, trace.duration, trace.duration);
            for state in gotrace::trace::StateTimes::STATES {
                *sums.entry(state.name()).or_default() += times.of(state);
            }
        }
        for (state, sum) in sums {
            let expected: i64 = facts["state_time"]
                .as_object()
                .expect("an object")
                .iter()
                .filter(|(key, _)| key.split(':').next() == Some(state))
                .filter_map(|(_, time)| time.as_i64())
                .sum();
            assert_eq!(i64::try_from(sum), Ok(expected), "{name}: {state}");
        }
        assert_eq!(trace.goroutines.len() as i64, facts["goroutines"], "{name}");
        let by_goroutine = trace.edges.iter().filter(|edge| edge.from.index().is_some()).count();
        assert_eq!(trace.edges.len() as i64, facts["unblocks"], "{name}");
        assert_eq!(by_goroutine as i64, facts["unblocks_by_goroutine"], "{name}");
    }
}

#[test]
fn what_is_older_than_a_trace_is_there_from_its_begin() {
    for (name, bytes, facts) in traces::fixtures() {
        let told = traces::read(&bytes).unwrap_or_else(|error| panic!("{name}: {error}"));
        let trace = told.trace();
        let older: Vec<_> = trace.goroutines.iter().filter(|go| !go.created).collect();
        assert_eq!(older.len() as i64, facts["preexisting"], "{name}");
        assert!(older.iter().any(|go| go.seen > 0), "{name}: all are told of at once");
        for go in older {
            let first = go.track.slices().first().map(|slice| slice.begin);
            assert_eq!((go.begin, first), (0, Some(0)), "{name}: {}", go.id);
            let lived = go.track.times(0, trace.duration, trace.duration).sum();
            assert_eq!(lived, go.end.unwrap_or(trace.duration), "{name}: {}", go.id);
        }
    }
}
