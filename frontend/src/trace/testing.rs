//! A small trace for tests, written byte by byte as the runtime would.

use gotrace::channels::{Did, Kind, Operation, Site, Value};
use gotrace::messages::{Channel, Grade, Mark, Message, Messages};
use gotrace::{Channels, Names, Reader, Trace};

use super::passed::Passed;

fn uleb(bytes: &mut Vec<u8>, mut value: u64) {
    while value >= 128 {
        bytes.push(u8::try_from(value % 128).expect("it is below 128") + 128);
        value /= 128;
    }
    bytes.push(u8::try_from(value).expect("it is below 128"));
}

fn batch(file: &mut Vec<u8>, time: u64, thread: u64, bytes: &[u8]) {
    file.push(1);
    for value in [1, thread, time, bytes.len() as u64] {
        uleb(file, value);
    }
    file.extend(bytes);
}

const NAMES: [&str; 8] = [
    "main.main",
    "main.worker",
    "main.child",
    "main.go",
    "chan receive",
    "sync",
    "runtime.chansend1",
    "runtime.chanrecv1",
];

/// Five goroutines: 1 (`main.main`) creates 2 and 3 (`main.worker`), then waits for a channel from
/// 30 to 90; 2 creates 4, 3 creates 5 (`main.child`); 2 waits for a lock from 50 on and is stuck;
/// 3 sends to 1 at 90 and ends at 100; 1 runs from 110 until the end at 200.
pub(crate) fn family() -> (Names, Trace) {
    let mut file = b"go 1.22 trace\0\0\0".to_vec();
    let mut strings = vec![4];
    for (id, name) in (1..).zip(NAMES) {
        strings.push(5);
        uleb(&mut strings, id);
        uleb(&mut strings, name.len() as u64);
        strings.extend(name.bytes());
    }
    // Each frame: program counter, function, file, line.
    let main = [10, 1, 4, 10];
    let worker = [20, 2, 4, 20];
    let child = [30, 3, 4, 30];
    let send = [40, 7, 4, 40];
    let receive = [50, 8, 4, 50];
    let mut stacks = vec![2];
    let all: [&[[u64; 4]]; 5] = [&[main], &[worker], &[child], &[send, worker], &[receive, main]];
    for (id, frames) in (1..).zip(all) {
        stacks.push(3);
        uleb(&mut stacks, id);
        uleb(&mut stacks, frames.len() as u64);
        for value in frames.iter().copied().flatten() {
            uleb(&mut stacks, value);
        }
    }
    let mut frequency = vec![8];
    uleb(&mut frequency, 1_000_000_000);
    let mut events = Vec::new();
    for event in [
        &[13, 0, 0, 1][..], // processor 0 runs
        &[25, 1, 1, 1, 2],  // goroutine 1 runs
        &[14, 11, 2, 2, 1], // 10: creates 2; the events before are 1 ns apart
        &[14, 10, 3, 2, 1], // 20: creates 3
        &[20, 10, 5, 5],    // 30: waits for a channel
        &[16, 10, 2, 1],    // 40: 2 starts
        &[14, 5, 4, 3, 2],  // 45: creates 4
        &[20, 5, 6, 2],     // 50: waits for a lock
        &[16, 10, 3, 1],    // 60: 3 starts
        &[14, 10, 5, 3, 2], // 70: creates 5
        &[21, 20, 1, 1, 4], // 90: wakes 1
        &[17, 10],          // 100: ends
        &[16, 10, 1, 2],    // 110: 1 starts
        &[37, 90, 7],       // 200: a metric
    ] {
        for value in event {
            uleb(&mut events, *value);
        }
    }
    batch(&mut file, 0, 1, &events);
    batch(&mut file, 0, 1, &strings);
    batch(&mut file, 0, 1, &stacks);
    batch(&mut file, 0, 1, &frequency);
    let (mut reader, mut trace) = (Reader::new(), Trace::default());
    reader.push(&file, |names, event| trace.add(names, event)).expect("it is a trace");
    reader.finish(|names, event| trace.add(names, event)).expect("it is whole");
    assert_eq!(reader.losses().told(), []);
    (reader.into_names(), trace)
}

/// What the goroutines of [`family`] might have recorded: 3 sends 7 to 1, which waits for it; 2
/// and 3 send 1 and 2 into a buffer, which 1 takes out later; and 3 sends itself a 9.
pub(crate) fn passed(trace: &Trace) -> Passed {
    let mut channels = Channels::default();
    for (number, did, line, function) in
        [(1, Did::Make, 5, "main"), (2, Did::Send, 20, "work"), (3, Did::Receive, 10, "main")]
    {
        let (file, function) = ("/src/main.go".to_owned(), function.to_owned());
        let (column, channel) = (2, "chan int".to_owned());
        channels.sites.insert(number, Site { did, line, column, file, function, channel });
    }
    channels.operations.push(Operation {
        goroutine: 1,
        channel: 0xa,
        begin: Some(trace.origin + 30),
        end: trace.origin + 90,
        did: Did::Receive,
        select: false,
        range: false,
        ok: None,
        value: Value::default(),
        site: 3,
        capacity: 0,
        length: 0,
    });
    let message = |channel, (from, sent), (to, received), bits| Message {
        channel,
        from,
        to,
        sent,
        received,
        value: Value { kind: Kind::Int, bits, ..Value::default() },
        sent_at: 2,
        received_at: 3,
        grade: Grade::Exact,
    };
    let channel = |address, capacity, sends, length| Channel {
        address,
        capacity,
        element: "chan int".to_owned(),
        sends,
        receives: sends,
        lengths: vec![(60, length), (130, 0)],
        ..Channel::default()
    };
    let made = Some(Mark { time: 2, goroutine: 1, site: 1 });
    let found = Messages {
        messages: vec![
            message(2, (3, 65), (3, 68), 9),
            message(0, (3, 90), (1, 90), 7),
            message(1, (2, 50), (1, 120), 1),
            message(1, (3, 66), (1, 130), 2),
        ],
        channels: vec![
            Channel { made, ..channel(0xa, 0, 1, 0) },
            channel(0xb, 4, 2, 2),
            channel(0xc, 1, 1, 1),
        ],
    };
    Passed::new(&channels, found, trace)
}
