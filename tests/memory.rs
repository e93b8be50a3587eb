//! Damage in every region of real files, and archives made to eat memory: refused with a place or
//! read, in little memory, and the files beside them are read all the same.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

use formats::limits::Limits;
use formats::{Fault, Outcome, Place, Reading, archive};
use miniz_oxide::deflate::compress_to_vec;
use ruzstd::encoding::{CompressionLevel, compress_to_vec as zstd_to_vec};
use tests::{repository, traces};

/// Counts what this thread holds, and the most that it held.
struct Counting;

thread_local! {
    static HELD: Cell<isize> = const { Cell::new(0) };
    static MOST: Cell<isize> = const { Cell::new(0) };
}

fn count(change: isize) {
    // A thread that ends has no such variables any more.
    let _ = HELD.try_with(|held| {
        held.set(held.get() + change);
        let _ = MOST.try_with(|most| most.set(most.get().max(held.get())));
    });
}

#[expect(unsafe_code, reason = "there is no other way to see what is allocated")]
// SAFETY: everything is left to the system's allocator.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(layout.size() as isize);
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        count(-(layout.size() as isize));
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// What came of it, and the bytes that were held at most on the way.
fn measured<T>(work: impl FnOnce() -> T) -> (T, usize) {
    let before = HELD.get();
    MOST.set(before);
    let result = work();
    (result, (MOST.get() - before) as usize)
}

fn fixture(path: &str) -> Vec<u8> {
    let path = repository().join("tests/fixtures").join(path);
    std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Numbers that are too large, as fixed ones and as LEB128.
const ABSURD: [&[u8]; 6] = [
    &[0xff; 4],
    &[0xff; 8],
    &[0xff, 0xff, 0xff, 0x7f],
    &[0xff, 0xff, 0xff, 0xff, 0x0f],
    &[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01],
    b"99999999999999999999",
];

/// The bytes with every kind of damage at one place.
fn damaged_at(whole: &[u8], at: usize) -> Vec<Vec<u8>> {
    let (before, after) = whole.split_at(at);
    let mut all = vec![
        before.to_vec(),
        after.to_vec(),
        [before, &after[1..]].concat(),
        [before, &[0; 8], after].concat(),
        [before, before, after].concat(),
        [before, &after[after.len() / 2..]].concat(),
    ];
    for value in [0, 1, 0x7f, 0x80, 0xff, whole[at] ^ 1, whole[at] ^ 0x80] {
        all.push([before, &[value], &after[1..]].concat());
    }
    for absurd in ABSURD {
        all.push([before, absurd, after].concat());
        all.push([before, absurd, after.get(absurd.len()..).unwrap_or_default()].concat());
    }
    all
}

/// Reads a folder of which one file is damaged everywhere in turn; gives how many were refused.
fn check_damage(files: &[(&str, Vec<u8>)], damaged: usize) -> usize {
    const BESIDE: &[u8] = b"mode: set\nex.com/beside/a.go:1.1,2.2 1 1\n";
    let (name, whole) = &files[damaged];
    let mut n_refused = 0;
    for at in 0..whole.len() {
        for bytes in damaged_at(whole, at) {
            let (outcome, most) = measured(|| {
                let mut reading = Reading::default();
                for (position, (name, whole)) in files.iter().enumerate() {
                    reading.add(name, if position == damaged { &bytes } else { whole });
                }
                reading.add("beside.out", BESIDE);
                reading.finish()
            });
            let n_bytes: usize = files.iter().map(|(_, bytes)| bytes.len()).sum();
            assert!(most < 20 * (n_bytes + bytes.len()) + (64 << 10), "{name}, {at}: {most} bytes");
            let Outcome { opened, failures, .. } = outcome;
            assert!(opened.iter().any(|opened| opened.name == "beside.out"), "{name}, {at}");
            n_refused += usize::from(!failures.is_empty());
            for (file, error) in failures {
                assert!(files.iter().any(|(name, _)| *name == file), "{name}, {at}: {file}");
                // What is of no known kind, or belongs to no other file, is so as a whole.
                let is_placed = error.place != Place::Whole || error.fault == Fault::Unsupported;
                assert!(is_placed && !error.reason.is_empty(), "{name}, {at}: {file}: {error}");
            }
        }
    }
    n_refused
}

fn pod() -> [(&'static str, Vec<u8>); 2] {
    [
        ("covmeta.alpha", fixture("covdata/alpha.covmeta")),
        ("covcounters.alpha.1.1", fixture("covdata/alpha.covcounters")),
    ]
}

#[test]
fn damaged_meta_data_is_refused_with_a_place_in_little_memory() {
    assert!(check_damage(&pod(), 0) > pod()[0].1.len());
}

#[test]
fn damaged_counters_are_refused_with_a_place_in_little_memory() {
    assert!(check_damage(&pod(), 1) > pod()[1].1.len());
}

#[test]
fn damaged_text_profiles_are_refused_with_a_place_in_little_memory() {
    let text = fixture("go_text/exits.txt");
    let n_bytes = text.len();
    assert!(check_damage(&[("exits.out", text)], 0) > n_bytes);
}

/// Wants all files and keeps none.
struct Nobody;

impl archive::Sink for Nobody {
    fn wants(&mut self, _: &str, _: &[u8]) -> bool {
        true
    }

    fn take(&mut self, _: &str, _: &[u8]) -> usize {
        0
    }
}

#[test]
fn damaged_archives_take_little_memory() {
    for name in ["gzip", "tar", "tar-gzip", "tar-pax", "zip", "zip-streamed", "zstd"] {
        let whole = fixture(&format!("hostile/archive/{name}"));
        // Most of a tar of one line is zeros.
        for at in (0..whole.len()).filter(|at| at % 7 == 0 || whole[*at] != 0) {
            for bytes in damaged_at(&whole, at) {
                let (_, most) = measured(|| {
                    archive::unpack("a", &bytes, &Limits::default(), &mut Nobody).is_ok()
                });
                assert!(most < 1 << 20, "{name}, {at}: {most} bytes");
            }
        }
    }
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut gzip = b"\x1f\x8b\x08\0\0\0\0\0\0\x03".to_vec();
    gzip.extend(compress_to_vec(bytes, 9));
    gzip.extend(crc32fast::hash(bytes).to_le_bytes());
    gzip.extend((bytes.len() as u32).to_le_bytes());
    gzip
}

#[test]
fn bombs_take_what_may_be_held_and_little_more() {
    let line = b"ex.com/a/a.go:1.1,2.2 1 1\n";
    let text = [b"mode: set\n", &line.repeat((16 << 20) / line.len())[..]].concat();
    let limits = Limits { held_bytes: 4 << 20, tar_bytes: 1 << 20, ..Limits::default() };
    // A window of 64 MiB is declared, and a block of nothing follows.
    let window = [&[0x28, 0xb5, 0x2f, 0xfd, 0, 16 << 3][..], &[1, 0, 0]].concat();
    for (name, bomb, is_refused) in [
        ("gzip", gzip(&text), true),
        ("gzip in gzip", gzip(&gzip(&text)), true),
        ("zstd", zstd_to_vec(&*text, CompressionLevel::Fastest), true),
        ("zip", archive::pack(&vec![("a".to_owned(), text.clone())]), true),
        ("zip in gzip", gzip(&archive::pack(&vec![("a".to_owned(), text.clone())])), true),
        ("windows", window.repeat(1000), false),
    ] {
        let (result, most) = measured(|| archive::unpack("a", &bomb, &limits, &mut Nobody));
        assert_eq!(result.is_err(), is_refused, "{name}: {result:?}");
        // A buffer that grows is there twice for a moment; two windows and tables come on top.
        assert!(most < 2 * limits.held_bytes + (1 << 20), "{name}: {most} bytes");
    }
}

/// Reads a trace as the page does, and returns the bytes that were held at most.
fn held_by_trace(bytes: &[u8]) -> usize {
    let (_, most) = measured(|| {
        let mut trace = gotrace::Trace::default();
        let mut reader = gotrace::Reader::new();
        for piece in bytes.chunks(4096) {
            reader.push(piece, |names, event| trace.add(names, event))?;
        }
        reader.finish(|names, event| trace.add(names, event))?;
        Ok::<_, gotrace::TraceError>((trace, reader))
    });
    most
}

/// What a trace may take: an event of five bytes may be a goroutine. Ids that are large, but not
/// very large, make for tables that are.
fn trace_may_hold(n_bytes: usize) -> usize {
    100 * n_bytes + (24 << 20)
}

#[test]
fn damaged_traces_take_little_memory() {
    for (name, whole, _) in traces::fixtures().into_iter().step_by(4) {
        let most = held_by_trace(&whole);
        assert!(most < 20 * whole.len() + (256 << 10), "{name}: {most} bytes");
        for at in (0..whole.len()).filter(|at| at % 211 == 0 || *at < 40) {
            for bytes in damaged_at(&whole, at) {
                let most = held_by_trace(&bytes);
                assert!(most < trace_may_hold(bytes.len()), "{name}, {at}: {most} bytes");
            }
        }
    }
}

#[test]
fn traces_of_nothing_but_large_numbers_take_little_memory() {
    // Goroutines, tasks, regions, strings and stacks that are as short as can be.
    let uleb = |mut number: u64| {
        let mut bytes = Vec::new();
        while number > 0x7f {
            bytes.push(0x80 | (number & 0x7f) as u8);
            number >>= 7;
        }
        bytes.push(number as u8);
        bytes
    };
    type Event = fn(u64, &dyn Fn(u64) -> Vec<u8>) -> Vec<u8>;
    let events: [(&str, &[u8], Event); 8] = [
        ("goroutines", &[], |n, uleb| [&[14, 0], &uleb(n + 9)[..], &[0, 0]].concat()),
        ("goroutines far apart", &[], |n, uleb| {
            [&[14, 0], &uleb((n + 9) << 40)[..], &[0, 0]].concat()
        }),
        ("unknown ones", &[], |n, uleb| [&[16, 0], &uleb(n * 1000)[..], &[1]].concat()),
        ("tasks", &[], |n, uleb| [&[40, 0], &uleb(n)[..], &[0, 0, 0]].concat()),
        ("regions", &[], |_, _| vec![42, 0, 0, 0, 0]),
        ("strings", &[4], |n, uleb| [&[5], &uleb(n * 7)[..], &[0]].concat()),
        ("stacks", &[2], |n, uleb| [&[3], &uleb(n * 7)[..], &[1], &uleb(n), &[0, 0, 0]].concat()),
        ("samples", &[6], |n, uleb| [&[7], &uleb(n)[..], &[0, 0, 1, 0]].concat()),
    ];
    for (name, begin, event) in events {
        let mut trace = b"go 1.23 trace\0\0\0".to_vec();
        // A processor and a goroutine that run.
        trace.extend([1, 1, 5, 0, 9, 13, 0, 0, 1, 25, 0, 1, 5, 2]);
        let mut n = 1;
        for _ in 0..20 {
            let mut body = begin.to_vec();
            while body.len() < 60_000 {
                body.extend(event(n, &uleb));
                n += 1;
            }
            trace.extend([1, 1, 5, 0]);
            trace.extend(uleb(body.len() as u64));
            trace.extend(body);
        }
        let most = held_by_trace(&trace);
        assert!(most < trace_may_hold(trace.len()), "{name}: {most} of {} bytes", trace.len());
    }
}
