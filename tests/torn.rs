//! Real traces that are taken apart into batches and events, and put together wrongly: what is
//! damaged in a way that no flipped byte comes to.

use std::ops::Range;
use std::sync::OnceLock;

use gotrace::Reader;
use gotrace::event::What;

use crate::hostile;

/// Arguments of each type of timed event, after the time: `internal/trace/tracev2` of Go.
const ARGUMENTS: [(u8, &str); 2] =
    [(9, "2203231200223200320121112110111423342234"), (128, "331221221")];

/// How many arguments a timed event of a type has after its time, if it is the type of any.
pub fn arguments(kind: u8) -> Option<usize> {
    ARGUMENTS.iter().find_map(|(first, counts)| {
        let digit = counts.as_bytes().get(usize::from(kind.checked_sub(*first)?))?;
        Some(usize::from(digit - b'0'))
    })
}

/// The number at a place, which moves on to what follows.
pub fn uleb(bytes: &[u8], at: &mut usize) -> Option<u64> {
    let mut value = 0;
    for shift in (0..70).step_by(7) {
        let byte = *bytes.get(*at)?;
        *at += 1;
        value |= u64::from(byte & 0x7f).checked_shl(shift).unwrap_or(0);
        if byte < 0x80 {
            return Some(value);
        }
    }
    None
}

/// A batch: where it is in the file, and where its events are.
#[derive(Debug, Clone)]
pub struct Batch {
    /// All of it, with the mark of the end of a generation that follows.
    pub place: Range<usize>,
    /// What comes after its header.
    pub body: Range<usize>,
    /// It holds events, and no table.
    pub timed: bool,
}

/// The batches of a whole trace.
pub fn batches(bytes: &[u8]) -> Vec<Batch> {
    let mut all = Vec::new();
    let mut at = 16;
    while at < bytes.len() {
        let begin = at;
        let kind = bytes[at];
        at += 1;
        match kind {
            // The mark at the end of a generation belongs to what is before it.
            52 => {
                let last: &mut Batch = all.last_mut().expect("a batch comes first");
                last.place.end = at;
                continue;
            }
            49 => at += 1,
            _ => assert_eq!(kind, 1, "byte {begin}"),
        }
        let [_, _, _, size] = [(); 4].map(|()| uleb(bytes, &mut at).expect("it is whole"));
        let body = at..at + usize::try_from(size).expect("it is small");
        at = body.end;
        let tables = [2, 4, 6, 8, 50];
        let timed = kind == 1 && bytes.get(body.start).is_some_and(|kind| !tables.contains(kind));
        all.push(Batch { place: begin..at, body, timed });
    }
    all
}

/// A batch, taken apart.
#[derive(Debug, Clone)]
struct Parts {
    /// Its first byte, and that of an experiment after it.
    kind: Vec<u8>,
    /// Generation, thread, ticks, and what to add to the size.
    header: [u64; 4],
    /// Events: a type, ticks, arguments.
    events: Vec<Vec<u64>>,
    /// What it holds instead: a table.
    table: Vec<u8>,
    /// A mark follows it.
    ends: bool,
}

fn take_apart(bytes: &[u8]) -> Vec<Parts> {
    let parts = |batch: &Batch| {
        let experiment = usize::from(bytes[batch.place.start] == 49);
        let mut at = batch.place.start + 1 + experiment;
        let kind = bytes[batch.place.start..at].to_vec();
        let header = [(); 4].map(|()| uleb(bytes, &mut at).expect("it is whole"));
        let mut events = Vec::new();
        while batch.timed && at < batch.body.end {
            let kind = bytes[at];
            at += 1;
            let n_numbers = 1 + arguments(kind).expect("the trace is whole");
            let numbers = (0..n_numbers).map(|_| uleb(bytes, &mut at).expect("it is whole"));
            events.push([u64::from(kind)].into_iter().chain(numbers).collect());
        }
        let table = bytes[at..batch.body.end].to_vec();
        let [generation, thread, ticks, _] = header;
        let header = [generation, thread, ticks, 0];
        Parts { kind, header, events, table, ends: batch.place.end > batch.body.end }
    };
    batches(bytes).iter().map(parts).collect()
}

fn put(out: &mut Vec<u8>, mut number: u64, length: usize) {
    for digit in 1.. {
        let byte = number.to_le_bytes()[0] & 0x7f;
        number >>= 7;
        let more = number > 0 || digit < length;
        out.push(byte | u8::from(more) << 7);
        if !more {
            return;
        }
    }
}

fn put_together(header: &[u8], parts: &[Parts]) -> Vec<u8> {
    let mut out = header.to_vec();
    for part in parts {
        let mut body = Vec::new();
        for event in &part.events {
            body.push(event[0].to_le_bytes()[0]);
            event[1..].iter().for_each(|number| put(&mut body, *number, 1));
        }
        body.extend(&part.table);
        out.extend(&part.kind);
        let [generation, thread, ticks, size] = part.header;
        [generation, thread, ticks].into_iter().for_each(|number| put(&mut out, number, 1));
        put(&mut out, (body.len() as u64).wrapping_add(size), 10);
        out.extend(&body);
        out.extend(part.ends.then_some(52));
    }
    out
}

/// A number that is near another, or far from all.
fn number(before: u64, choice: u8) -> u64 {
    match choice {
        0..=63 => before.wrapping_add(u64::from(choice)).wrapping_sub(32),
        64..=127 => u64::from(choice - 64),
        128..=191 => (1 << (choice - 128)) - 1,
        192..=254 => u64::MAX << (choice - 192),
        255 => before.swap_bytes(),
    }
}

const TRACES: [&str; 6] = [
    "go1.22-states.trace",
    "go1.22-collected.trace",
    "go1.23-generations.trace",
    "go1.25-flight.trace",
    "go1.27-annotated.trace",
    "go1.27-generations.trace",
];

/// A trace and a list of edits. The first byte chooses the trace, and eight more are an edit: what
/// to do, a batch and another or an event (two bytes each), which of its numbers, what with it.
///
/// Reading what comes of it keeps all rules, and each event that could be told apart is told or
/// counted as lost.
pub fn trace_parts(bytes: &[u8]) {
    static WHOLE: OnceLock<Vec<(Vec<u8>, Vec<Parts>)>> = OnceLock::new();
    let whole = WHOLE.get_or_init(|| {
        let folder = crate::repository().join("tests/fixtures/trace");
        let read = |name| {
            let bytes = std::fs::read(folder.join(name)).expect("a fixture can be read");
            let parts = take_apart(&bytes);
            assert_eq!(put_together(&bytes[..16], &parts), bytes, "{name}");
            (bytes[..16].to_vec(), parts)
        };
        TRACES.into_iter().map(read).collect()
    });
    let Some((&choice, edits)) = bytes.split_first() else { return };
    let (header, parts) = &whole[usize::from(choice) % whole.len()];
    let mut parts = parts.clone();
    let mut length = usize::MAX;
    for edit in edits.as_chunks::<8>().0.iter().take(64) {
        let &[what, first, first_high, second, second_high, field, value, _] = edit;
        let [first, second] = [[first, first_high], [second, second_high]]
            .map(|number| usize::from(u16::from_le_bytes(number)));
        change(&mut parts, what, first, second, (usize::from(field), value));
        if what == 255 {
            length = first << 8 | usize::from(value);
        }
    }
    let mut torn = put_together(header, &parts);
    torn.truncate(length);
    hostile::trace_as_is(&torn);
    check_all_told(&torn);
}

fn change(parts: &mut Vec<Parts>, what: u8, first: usize, second: usize, number_of: (usize, u8)) {
    if parts.is_empty() {
        return;
    }
    let (field, value) = number_of;
    let (one, other) = (first % parts.len(), second % parts.len());
    let elsewhere = field % parts.len();
    let events = &mut parts[one].events;
    let event = second.checked_rem(events.len());
    match (what % 12, event) {
        (0, _) => drop(parts.remove(one)),
        (1, _) => parts.insert(other, parts[one].clone()),
        (2, _) => parts.swap(one, other),
        (3, _) => {
            let number_at = &mut parts[one].header[field % 4];
            *number_at = number(*number_at, value);
        }
        (4, _) => parts[one].ends ^= true,
        (5, None) => {
            let table = &mut parts[one].table;
            if let Some(at) = second.checked_rem(table.len()) {
                table[at] = value;
            }
        }
        (6, Some(event)) => drop(events.remove(event)),
        (7, Some(event)) => events.insert(event, events[event].clone()),
        (8, Some(event)) => {
            let to = (event + field) % events.len();
            events.swap(event, to);
        }
        (9, Some(event)) => {
            let moved = events.remove(event);
            let to = &mut parts[elsewhere].events;
            to.insert(usize::from(value).min(to.len()), moved);
        }
        (10, Some(event)) => {
            let event = &mut events[event];
            let at = field % event.len();
            event[at] = number(event[at], value);
        }
        (11, Some(event)) => events.truncate(event),
        _ => {}
    }
}

fn check_all_told(bytes: &[u8]) {
    let mut reader = Reader::new();
    let mut told = 0;
    let mut count = |what: What| told += u64::from(!matches!(what, What::Sync(_) | What::Sample));
    if reader.push(bytes, |_, event| count(event.what)).is_err()
        || reader.finish(|_, event| count(event.what)).is_err()
    {
        return;
    }
    let timed = |kind: u8| arguments(kind).is_some();
    let counts = (0..=255_u8).zip(reader.counts());
    let read: u64 = counts.filter(|(kind, _)| timed(*kind)).map(|(_, count)| count).sum();
    let lost = reader.losses().events;
    assert!(told + lost >= read, "{told} told, {lost} lost, of {read}");
    // The last mark may be missing without anything else.
    assert!(lost == 0 || !reader.losses().told().is_empty(), "nothing is said of {lost} events");
}
