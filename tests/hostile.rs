//! Readers under bytes from anybody: whatever comes in, they refuse it or read it, and what was
//! read holds to its own rules. The fuzz targets and the smoke run of the tests call these.

use coverage::{Metrics, Profile, dump};
use formats::go_cov::{self, Pod};
use formats::limits::Limits;
use formats::{Member, Notes, Read, archive, go_counters, go_meta, go_text};
use gotrace::channels::ChannelsReader;
use gotrace::messages::Messages;
use gotrace::{Channels, Trace};
use instrument::collector::{Collector, Config};
use wire::frame::Frame;
use wire::{AgentToRelay, RelayToAgent, RelayToViewer, Table};

use crate::{Scratch, forge, traces};

/// Frames of every direction: those that can be read can be written and read again.
pub fn frames(bytes: &[u8]) {
    fn direction<F: Frame + PartialEq + std::fmt::Debug>(bytes: &[u8]) {
        for frame in F::decode(bytes).unwrap_or_default() {
            let mut message = Vec::new();
            frame.encode(&mut message);
            assert_eq!(F::decode(&message), Ok(vec![frame]));
        }
    }
    direction::<AgentToRelay>(bytes);
    direction::<RelayToAgent>(bytes);
    direction::<RelayToViewer>(bytes);
}

/// A unit table, as it is and with the magic that a fuzzer would take long to find: one that can
/// be read can be written and read again, and has a shape.
pub fn table(bytes: &[u8]) {
    table_as_is(bytes);
    table_as_is(&[b"CGT\x01", bytes].concat());
}

fn table_as_is(bytes: &[u8]) {
    let Ok(table) = Table::decode(bytes) else { return };
    let again = Table::decode(&table.encode());
    assert_eq!(again.as_ref(), Ok(&table));
    assert_eq!(table.shape().n_units(), table.n_units());
}

/// Go's meta-data. As Go's tools read it it has as many packages, functions and units at most as
/// there are bytes.
pub fn meta(bytes: &[u8]) {
    let Ok(meta) = go_meta::read_as_go(bytes) else { return };
    assert!(meta.packages.len() + meta.functions.len() + meta.units.len() <= bytes.len());
    assert_eq!(go_meta::read(bytes).is_ok(), {
        let stated = meta.stated;
        stated.mode().is_some() && stated.granularity().is_some()
    });
}

/// Go's counters: reading them and adding them come to the same, also to the same refusal.
pub fn counters(bytes: &[u8]) {
    const N_SUMS: usize = 1000;
    let place = |package: u32, function: u32| {
        let start = (package as usize).wrapping_mul(31).wrapping_add(function as usize) % N_SUMS;
        if function == 77 { Err("no such function") } else { Ok(start) }
    };
    let mut sums = [0u32; N_SUMS];
    let read = go_counters::read(bytes, |record| {
        let start = place(record.package, record.function)?;
        let end = start.checked_add(record.counts.len()).filter(|end| *end <= N_SUMS);
        let sums = &mut sums
            [start..end.ok_or("counters of a function that the meta-data does not have")?];
        for (sum, &count) in sums.iter_mut().zip(record.counts) {
            *sum = sum.saturating_add(count);
        }
        Ok(())
    });
    let mut added = [0u32; N_SUMS];
    let add = go_counters::add(bytes, &mut added, |head| place(head.package, head.function));
    assert_eq!(add.map(|(file, _)| file), read);
    if read.is_ok() {
        assert!(added == sums, "reading and adding differ");
    }
}

/// A pod, from the bytes of its meta-data and of its counters: one that can be read can be written
/// and read again.
pub fn pod(bytes: &[u8]) {
    let Some((length, rest)) = bytes.split_first_chunk::<4>() else { return };
    let length = (u32::from_le_bytes(*length) as usize).min(rest.len());
    let (meta, counters) = rest.split_at(length);
    let Ok(mut pod) = Pod::new(meta) else { return };
    let _ = pod.add(counters);
    let profile = pod.profile();
    let write = go_cov::FORMAT.write.expect("pods can be written");
    let [(_, meta), (_, counters)] = &(write.files)(&profile)[..] else {
        panic!("a pod is two files")
    };
    let mut again = Pod::new(meta).unwrap_or_else(|error| panic!("{error}"));
    again.add(counters).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(again.profile().totals(), profile.totals());
}

/// A profile of LLVM with its program, from the bytes of both: what can be read has a dump that
/// can be read.
pub fn llvm_profile(bytes: &[u8]) {
    let Some((length, rest)) = bytes.split_first_chunk::<4>() else { return };
    let length = (u32::from_le_bytes(*length) as usize).min(rest.len());
    let (counts, program) = rest.split_at(length);
    let Read::Together(together) = formats::llvm_profile::FORMAT.read else {
        panic!("a profile is read with its program")
    };
    let member = |name: &str, bytes: &[u8], is_companion| Member {
        name: name.to_owned(),
        bytes: bytes.to_vec(),
        is_companion,
    };
    let members = [member("counts", counts, false), member("program", program, true)];
    let results = (together.read)(&members.each_ref()[..], &mut Notes::default());
    results.iter().flat_map(|(_, result)| result).for_each(dumped);
}

/// Two files of these names of a format that is read together, from the bytes of both: what can be
/// read has a dump that can be read.
pub fn pair(id: &str, names: [&str; 2], bytes: &[u8]) {
    let Some((length, rest)) = bytes.split_first_chunk::<4>() else { return };
    let length = (u32::from_le_bytes(*length) as usize).min(rest.len());
    let (first, second) = rest.split_at(length);
    let Read::Together(together) = formats::by_id(id).expect("there is such a format").read else {
        panic!("{id} is not read together")
    };
    let member = |(name, bytes): (&str, &[u8])| Member {
        name: name.to_owned(),
        bytes: bytes.to_vec(),
        is_companion: (together.companion)(name, bytes),
    };
    let members = [member((names[0], first)), member((names[1], second))];
    let results = (together.read)(&members.each_ref()[..], &mut Notes::default());
    results.iter().flat_map(|(_, result)| result).for_each(dumped);
}

fn dumped(profile: &Profile) {
    let text = dump::write(profile);
    let again = dump::parse(&text).unwrap_or_else(|error| panic!("{error}"));
    assert!(dump::write(&again) == text, "the dump reads as another");
}

/// The input of [`pod`], [`llvm_profile`] or [`pair`] for these files.
pub fn join(first: &[u8], second: &[u8]) -> Vec<u8> {
    let length = u32::try_from(first.len()).expect("a sample is small").to_le_bytes();
    [&length[..], first, second].concat()
}

/// A Go text profile: one that can be read can be written and read again.
pub fn text(bytes: &[u8]) {
    let read = |bytes: &[u8]| go_text::read("", bytes, &mut Notes::default());
    let Ok(profile) = read(bytes) else { return };
    let written = go_text::write(&profile);
    let again = read(written.as_bytes()).unwrap_or_else(|error| panic!("{error}: {written}"));
    assert_eq!(go_text::write(&again), written);
}

/// A file of this format: what can be read can be written, if the format can, and read again, with
/// the same totals of what the format keeps.
pub fn format(id: &str, bytes: &[u8]) {
    let format = formats::by_id(id).expect("there is such a format");
    let read = |bytes: &[u8]| match format.read {
        formats::Read::File(read) => read("", bytes, &mut Notes::default()),
        formats::Read::Together(together) => {
            let (name, bytes) = (String::new(), bytes.to_vec());
            let member = formats::Member { name, bytes, is_companion: false };
            let mut results = (together.read)(&[&member], &mut Notes::default());
            results.pop().expect("a file comes to something").1
        }
        formats::Read::Pods => panic!("{id} is read from several files"),
    };
    let (Ok(profile), Some(write)) = (read(bytes), format.write) else { return };
    let written = |profile: &Profile| {
        let files = (write.files)(&algebra::units_for(profile, write.blocks));
        let [(_, bytes)] = &files[..] else { panic!("{id} is written as several files") };
        bytes.clone()
    };
    let first = written(&profile);
    // Nothing may be left of what was read.
    let Ok(again) = read(&first) else { return };
    let (before, after) = (Metrics::of(&profile), Metrics::of(&again));
    for metric in write.keeps {
        assert_eq!(after.named(metric), before.named(metric), "{metric}");
    }
    assert_eq!(dump::write(&read(&written(&again)).expect("it was")), dump::write(&again));
}

/// An archive, as it is and with the first bytes of each kind: no more comes out of it than is
/// allowed, and names lead nowhere.
pub fn archive(bytes: &[u8]) {
    archive_as_is(bytes);
    for magic in [&b"PK\x03\x04"[..], b"\x1f\x8b\x08", b"\x28\xb5\x2f\xfd"] {
        archive_as_is(&[magic, bytes].concat());
    }
}

fn archive_as_is(bytes: &[u8]) {
    // Compressed tars are held as a whole, or unpacked twice.
    for tar_bytes in [1 << 20, 0] {
        let limits = Limits {
            held_bytes: 2 << 20,
            held_ratio: 1,
            work_bytes: 8 << 20,
            work_ratio: 1,
            tar_bytes,
            entries: 1_000,
            depth: 3,
        };
        let mut sink = Counted::default();
        let result = archive::unpack("a", bytes, &limits, &mut sink);
        let most = bytes.len().max(limits.held_bytes);
        assert!(sink.most_bytes <= most, "a file of {} bytes", sink.most_bytes);
        assert!(sink.n_files <= limits.entries + 1);
        assert!(sink.n_bytes <= limits.work_bytes.max(bytes.len() * 3));
        assert_eq!(archive::sniff(bytes), result != Ok(false));
    }
}

/// Wants everything, and keeps nothing.
#[derive(Default)]
struct Counted {
    n_files: usize,
    n_bytes: usize,
    most_bytes: usize,
}

impl archive::Sink for Counted {
    fn wants(&mut self, name: &str, head: &[u8]) -> bool {
        assert!(name.starts_with("a/") && !name.split('/').any(|part| part == ".."), "{name}");
        assert!(head.len() <= formats::HEAD_BYTES);
        true
    }

    fn take(&mut self, _: &str, bytes: &[u8]) -> usize {
        self.n_files += 1;
        self.n_bytes += bytes.len();
        self.most_bytes = self.most_bytes.max(bytes.len());
        0
    }
}

/// Channel operations, as they are and as chunks of a file: what is read of them has its order,
/// whatever the pieces in which it came, and each value that came out had gone in before.
pub fn channels(bytes: &[u8]) {
    channels_as_is(bytes, None);
    let told = traces::read(include_bytes!("fixtures/trace/go1.26-states.trace"));
    let trace = told.map(|told| told.trace()).unwrap_or_default();
    channels_as_is(&file_of_channels(bytes, trace.origin.unsigned_abs()), Some(&trace));
}

/// A file with the chunks that these bytes stand for: each is as many records of 72 bytes as its
/// first byte says, the first of them its head. Every other record has the number of its place,
/// and a time from `begin` on.
fn file_of_channels(bytes: &[u8], begin: u64) -> Vec<u8> {
    const CHUNK: usize = 1 << 16;
    const RECORD: usize = 72;
    let mut file = b"CGCHAN1\0".to_vec();
    for number in [1_u32, 8, 1 << 16, 72] {
        file.extend(number.to_le_bytes());
    }
    file.resize(4096, 0);
    let mut rest = bytes;
    while let Some((count, after)) = rest.split_first() {
        let start = file.len();
        let (records, after) = after.split_at(after.len().min(usize::from(count % 32) * RECORD));
        file.extend(records);
        rest = after;
        let word = |at: usize, file: &[u8]| {
            let found = file.get(at..at + 8).and_then(|found| found.first_chunk());
            found.map_or(0, |found| u64::from_le_bytes(*found))
        };
        let serial = word(start, &file).wrapping_sub(1);
        for (index, at) in (1_u64..).zip((start + RECORD..).step_by(RECORD)) {
            if at + RECORD > file.len() || file.len() - start > CHUNK {
                break;
            }
            if word(at, &file) % 2 == 0 {
                let number = (serial << 16).wrapping_add(index);
                let end = begin.wrapping_add(word(at + 24, &file) % 10_000_000);
                file[at..at + 8].copy_from_slice(&number.to_le_bytes());
                file[at + 24..at + 32].copy_from_slice(&end.to_le_bytes());
            }
        }
        file.resize(start + CHUNK, 0);
    }
    file
}

fn channels_as_is(bytes: &[u8], trace: Option<&Trace>) {
    let whole = Channels::read(bytes);
    let mut reader = ChannelsReader::new(usize::MAX);
    let size = 1 + bytes.len() / 3;
    let pushed = bytes.chunks(size).try_for_each(|piece| reader.push(piece));
    assert_eq!(pushed.and_then(|()| reader.finish()), whole);
    let Ok(channels) = whole else { return };
    let operations = &channels.operations;
    assert!(operations.len() * 72 <= bytes.len());
    assert!(operations.is_sorted_by_key(|operation| operation.end));
    if let Some(trace) = trace {
        let _ = channels.check_run(trace);
    }
    let Messages { messages, channels: found } = Messages::of(&channels, trace);
    assert!(messages.is_sorted_by_key(|message| message.received));
    assert!(messages.len() * 2 <= operations.len());
    for message in &messages {
        assert!(message.sent <= message.received, "{message:?}");
        assert!(found.get(message.channel as usize).is_some(), "{message:?}");
        assert!(!message.value.to_string().is_empty());
    }
}

/// An execution trace, as it is and with a header: what is read of it has its order, whatever the
/// pieces that it comes in, and every goroutine was in one state at each time.
pub fn trace(bytes: &[u8]) {
    trace_as_is(bytes);
    trace_as_is(&[b"go 1.26 trace\0\0\0", bytes].concat());
}

/// The same of a trace as it is.
pub fn trace_as_is(bytes: &[u8]) {
    let whole = traces::read(bytes);
    // Pieces of many sizes, which depend on nothing but the bytes.
    let mut pieces = Vec::new();
    let mut rest = bytes;
    while !rest.is_empty() {
        let size = (rest.len().wrapping_mul(0x9e37_79b9) >> 7) % (1 + (rest.len() >> 2)) + 1;
        let (piece, after) = rest.split_at(size.min(rest.len()));
        pieces.push(piece);
        rest = after;
    }
    let pieces = traces::read_pieces(pieces);
    let told = match (whole, pieces) {
        (Ok(whole), Ok(pieces)) => {
            assert!(whole.events == pieces.events, "pieces come to other events");
            assert_eq!(whole.losses, pieces.losses);
            whole
        }
        (whole, pieces) => {
            assert_eq!(whole.err(), pieces.err());
            return;
        }
    };
    assert!(told.events.len() <= bytes.len() + 2);
    assert!(told.events.is_sorted_by(|one, next| one.time < next.time || next.time == i64::MAX));
    let trace = told.trace();
    for go in &trace.goroutines {
        assert!(go.track.slices().is_sorted_by_key(|slice| slice.begin));
        let spent = go.track.times(0, trace.duration, trace.duration).sum();
        let first = go.track.slices().first().map_or(trace.duration, |slice| slice.begin);
        let end = go.end.unwrap_or(trace.duration);
        assert!(spent <= trace.duration && spent <= trace.duration.saturating_sub(first));
        assert!(first <= end, "goroutine {} ends before it begins", go.id);
    }
    assert!(trace.edges.is_sorted_by_key(|edge| edge.time));
    told.facts();
}

/// The file that a target shares with the collector, valid at first and then changed while it is
/// read. The bytes are a list of edits: offset (2 bytes), length (1 byte, 0 for another poll, 255
/// to cut the file there), and so many bytes. Frames that the collector sends can be read.
pub fn shared_file(bytes: &[u8]) {
    let folder = Scratch::in_memory("hostile");
    let mut target = forge::Target::new(folder.path(), std::process::id(), &["shop", "-v"]);
    target.register(&forge::table("example.com/a", "a", 3, 3));
    target.register(&forge::table("example.com/b", "main", 2, 2));
    target.count(0, 1, 7);
    let mut collector = Collector::new(Config {
        directory: folder.path().to_owned(),
        poll: std::time::Duration::ZERO,
        list: std::time::Duration::ZERO,
        life: std::time::Duration::ZERO,
        grace: std::time::Duration::ZERO,
        hold: std::time::Duration::ZERO,
        sources: Vec::new(),
        host: "host".to_owned(),
    });
    let mut rest = bytes;
    while let Some((&[low, high, length], after)) = rest.split_first_chunk::<3>() {
        let offset = u64::from(u16::from_le_bytes([low, high]));
        rest = after;
        match length {
            0 => poll(&mut collector),
            255 => target.set_length(offset),
            _ => {
                let (edit, after) = rest.split_at(rest.len().min(usize::from(length)));
                target.put(offset, edit);
                rest = after;
            }
        }
    }
    poll(&mut collector);
    poll(&mut collector);
}

fn poll(collector: &mut Collector) {
    let mut sent = Vec::new();
    collector.poll(forge::now_ms(), &mut sent);
    for frame in sent {
        let mut message = Vec::new();
        frame.encode(&mut message);
        assert_eq!(AgentToRelay::decode(&message), Ok(vec![frame]));
    }
}
