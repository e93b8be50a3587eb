//! Files that no target would write.

use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use instrument::collector::{Collector, Config};
use tests::{Scratch, forge};
use wire::frame::State;

use super::{Seen, collector, config, poll, refusal};

fn target(folder: &Scratch) -> forge::Target {
    let mut target = forge::Target::new(folder.path(), std::process::id(), &["shop"]);
    target.register(&forge::table("example.com/a", "a", 2, 3));
    target.count(0, 1, 7);
    target
}

/// What is said of a file that was spoilt, which must be left alone, and told nothing of.
fn refused(spoil: impl FnOnce(&mut forge::Target)) -> String {
    let folder = Scratch::in_memory("collector");
    let mut target = target(&folder);
    spoil(&mut target);
    let mut collector = collector(folder.path());
    assert_eq!(poll(&mut collector), []);
    let refusal = refusal(&collector);
    // Once refused, it isn't looked at any more.
    assert_eq!(poll(&mut collector), []);
    assert!(target.path.symlink_metadata().is_ok(), "it was removed");
    refusal
}

#[test]
fn headers_are_checked() {
    let cases: [(u64, &[u8], &str); 9] = [
        (0, b"CGLIVE2\0", "byte 0: not a Coverglass file"),
        (8, &[2], "byte 8: layout version 2 is not the version 1 of this build"),
        (12, &[0, 0], "byte 12: page size is none"),
        (12, &[1], "byte 12: page size is none"),
        (16, &[0; 8], "byte 16: process id is out of range"),
        (23, &[1], "byte 16: process id is out of range"),
        (30, &[9], "byte 16: process and time are not those of the file's name"),
        (60, &[0x81, 7], "byte 60: arguments are longer than their room"),
        (48, &[0xff; 4], "byte 48: number of packages exceeds the limit of 65536"),
    ];
    for (offset, bytes, expected) in cases {
        assert_eq!(refused(|target| target.put(offset, bytes)), expected);
    }
}

#[test]
fn regions_are_checked() {
    let end = forge::PAGE * 3;
    let cases: [(u64, &[u8], &str); 14] = [
        (0, &[0; 8], "byte 4096: region is no whole number of pages"),
        (0, &[1], "byte 4096: region is no whole number of pages"),
        (0, &[0, 0x40], "byte 4096: region reaches beyond the file"),
        (
            0,
            &[0, 0xf0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff],
            "byte 4096: region reaches beyond the file",
        ),
        (8, &[0xff; 8], "byte 4104: counters are not inside their region"),
        (8, &[1], "byte 4104: counters are not inside their region"),
        (8, &[0; 8], "byte 4104: counters are not inside their region"),
        (16, &[0xff; 4], "byte 4112: number of counters exceeds the limit of 4194304"),
        (16, &[7], "byte 4120: mode words and counters overlap"),
        (20, &[7], "byte 4116: more entries than counters"),
        (24, &[0xff; 8], "byte 4120: mode words are not inside their region"),
        (32, &[0xff; 4], "byte 4128: unit table exceeds the limit of 16777216"),
        (32, &[0, 0x30], "byte 4128: unit table reaches beyond its region"),
        (40, &[1; 16], "unit table at byte 4160: byte 0: its bytes are not those its id names"),
    ];
    for (offset, bytes, expected) in cases {
        let message = refused(|target| {
            assert_eq!(target.length(), end);
            target.put(4096 + offset, bytes);
        });
        assert_eq!(message, expected, "at {offset}");
    }
}

#[test]
fn tables_are_checked_against_their_region() {
    // The table of another package, with its right id, which has more units or entries.
    let put_table = |target: &mut forge::Target, other: wire::Table| {
        let bytes = other.encode();
        target.put_u32(4096 + 32, bytes.len() as u32);
        target.put(4096 + 40, &wire::TableId::of(&bytes).0);
        target.put(4096 + 64, &bytes);
    };
    let units = refused(|target| put_table(target, forge::table("example.com/a", "a", 2, 2)));
    assert_eq!(units, "byte 4112: its table has another number of units");
    let mut other = forge::table("example.com/a", "a", 2, 3);
    other.entries.pop();
    let entries = refused(|target| put_table(target, other));
    assert_eq!(entries, "byte 4116: its table has another number of entries");
    let broken = refused(|target| {
        let bytes = *b"CGT\x01\xff\xff\xff\xff\x7f";
        target.put_u32(4096 + 32, bytes.len() as u32);
        target.put(4096 + 40, &wire::TableId::of(&bytes).0);
        target.put(4096 + 64, &bytes);
    });
    assert_eq!(broken, "unit table at byte 4160: byte 4: package path exceeds the limit of 65536");
}

#[test]
fn every_truncation_is_refused() {
    let folder = Scratch::in_memory("collector");
    let whole = target(&folder);
    let counters_end = whole.regions[0].modes_at;
    let bytes = std::fs::read(&whole.path).expect("it can be read");
    for length in (1..2100).chain((2100..counters_end).step_by(97)) {
        let path = &whole.path;
        let bytes = &bytes[..usize::try_from(length).expect("it is short")];
        std::fs::write(path, bytes).expect("it can be written");
        let mut collector = collector(folder.path());
        let frames = poll(&mut collector);
        let refusal = refusal(&collector);
        assert_eq!(frames, [], "{length} bytes: {refusal}");
        assert!(path.exists());
    }
}

#[test]
fn no_spoilt_byte_is_harmful() {
    let folder = Scratch::in_memory("collector");
    let target = target(&folder);
    let bytes = std::fs::read(&target.path).expect("it can be read");
    let region = target.regions[0].start;
    let table_end = region + 64 + 200;
    for at in (0..128).chain(region..table_end) {
        for value in [0, 1, 0x7f, 0x80, 0xff] {
            target.put(at, &[value]);
            let mut collector = collector(folder.path());
            let mut seen = Seen::default();
            // Whatever is told must keep to the protocol.
            seen.poll(&mut collector).poll(&mut collector);
            assert!(seen.processes.len() + collector.refused().count() <= 2);
            let original = bytes[usize::try_from(at).expect("it is small")];
            target.put(at, &[original]);
            target.put_u64(64, 0);
        }
    }
}

#[test]
fn only_private_plain_files_are_opened() {
    let mode = |mode| {
        refused(move |target| {
            let mode = std::fs::Permissions::from_mode(mode);
            std::fs::set_permissions(&target.path, mode).expect("it is ours");
        })
    };
    for wrong in [0o644, 0o660, 0o601, 0o700, 0o400, 0o4600] {
        assert_eq!(mode(wrong), "its mode is not 0600", "{wrong:o}");
    }
    let hard_link = refused(|target| {
        let other = target.path.with_file_name("other");
        std::fs::hard_link(&target.path, other).expect("it can have two names");
    });
    assert_eq!(hard_link, "it has a second name");
    let symbolic_link = refused(|target| {
        let other = target.path.with_file_name("other");
        std::fs::rename(&target.path, &other).expect("it can be renamed");
        symlink(other, &target.path).expect("a link can be made");
    });
    assert_eq!(symbolic_link, "not a plain file");
    let folder = refused(|target| {
        std::fs::remove_file(&target.path).expect("it can be removed");
        std::fs::create_dir(&target.path).expect("a folder can be made");
    });
    assert_eq!(folder, "not a plain file");
    let pipe = refused(|target| {
        std::fs::remove_file(&target.path).expect("it can be removed");
        tests::output(Command::new("mkfifo").args(["-m", "600"]).arg(&target.path));
    });
    assert_eq!(pipe, "not a plain file");
    let hole = refused(|target| target.set_length(5 << 30));
    assert_eq!(hole, "byte 0: file exceeds the limit of 4294967296");
}

#[test]
fn files_of_others_are_refused() {
    let folder = Scratch::in_memory("collector");
    let target = target(&folder);
    // Only root can give a file away; anybody else has no such file to test with.
    if std::os::unix::fs::chown(&target.path, Some(12345), None).is_ok() {
        let mut collector = collector(folder.path());
        assert_eq!(poll(&mut collector), []);
        assert_eq!(refusal(&collector), "it belongs to another user");
        assert!(target.path.exists());
    }
}

#[test]
fn names_of_other_things_are_not_looked_at() {
    let folder = Scratch::in_memory("collector");
    for name in ["sem.x", "coverglass", "coverglass.0.1", "coverglass.99999999.1.1", "c.flow"] {
        std::fs::write(folder.join(name), "x").expect("it can be written");
    }
    let mut collector = collector(folder.path());
    assert_eq!(poll(&mut collector), []);
    assert_eq!(collector.refused().count(), 0);
    assert_eq!(std::fs::read_dir(folder.path()).expect("it is there").count(), 5);
}

#[test]
fn a_file_gets_time_to_be_completed() {
    let folder = Scratch::in_memory("collector");
    let target = target(&folder);
    target.put(0, &[0; 8]);
    let patient = Config { grace: Duration::from_secs(3600), ..config(folder.path()) };
    let mut collector = Collector::new(patient);
    assert_eq!(poll(&mut collector), []);
    target.put(12, &[0; 4]);
    target.put(0, b"CGLIVE1\0");
    assert_eq!(poll(&mut collector), []);
    assert_eq!(collector.refused().count(), 0);
    target.put_u32(12, 4096);
    let mut seen = Seen::default();
    assert_eq!(seen.poll(&mut collector).only().counts_of(0), [(1, 7)]);
}

#[test]
fn what_a_process_never_began_to_write_goes_with_it() {
    let folder = Scratch::in_memory("collector");
    let mut sleeper = super::Sleeper::new();
    let path = forge::Target::new(folder.path(), sleeper.pid(), &[]).path;
    std::fs::OpenOptions::new().write(true).truncate(true).open(&path).expect("it can be cut");
    let mut collector = collector(folder.path());
    assert_eq!(poll(&mut collector), []);
    assert_eq!(refusal(&collector), "byte 0: nothing was written");
    sleeper.kill(true);
    let mut collector = super::collector(folder.path());
    assert_eq!(poll(&mut collector), []);
    assert_eq!(collector.refused().count(), 0);
    assert!(!path.exists());
}

#[test]
fn a_file_that_is_cut_while_it_is_watched_is_unreachable() {
    let folder = Scratch::in_memory("collector");
    let target = target(&folder);
    let mut collector = collector(folder.path());
    let mut seen = Seen::default();
    seen.poll(&mut collector);
    target.set_length(target.regions[0].counters_at);
    let process = seen.poll(&mut collector).only();
    assert_eq!(process.state, State::Unreachable);
    assert_eq!(process.counts_of(0), [(1, 7)]);
    assert_eq!(
        refusal(&collector),
        format!("byte {}: the file ends here", target.regions[0].counters_at)
    );
    assert_eq!(poll(&mut collector), []);
    assert!(target.path.exists());
}

#[test]
fn a_file_that_shrinks_and_grows_all_the_time_does_no_harm() {
    let folder = Scratch::in_memory("collector");
    let mut target = target(&folder);
    target.register(&forge::table("example.com/b", "b", 100, 100));
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let mut seed = 1u64;
            while !stop.load(Ordering::Relaxed) {
                seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                target.set_length((seed >> 33) % target.length());
                target.set_length(target.length());
                target.put_u64(target.regions[1].counters_at, seed);
            }
        });
        for _ in 0..2000 {
            let mut collector = collector(folder.path());
            let mut seen = Seen::default();
            seen.poll(&mut collector).poll(&mut collector);
        }
        stop.store(true, Ordering::Relaxed);
    });
}

#[test]
fn a_folder_that_is_not_there_is_no_reason_to_stop() {
    let folder = Scratch::in_memory("collector");
    let later = folder.join("later");
    let mut collector = collector(&later);
    assert_eq!(poll(&mut collector), []);
    std::fs::create_dir(&later).expect("it can be made");
    forge::Target::new(&later, std::process::id(), &["shop"]);
    assert_eq!(Seen::default().poll(&mut collector).only().process.service, "shop");
}
