//! Archives of the real tools, and such as nobody makes in good faith.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use formats::archive::{Sink, unpack};
use formats::limits::Limits;
use formats::{Fault, ReadError, Reading};
use miniz_oxide::deflate::compress_to_vec;
use ruzstd::encoding::{CompressionLevel, compress_to_vec as zstd_to_vec};
use tests::{Scratch, coverglass, hostile, output, repository};

type Files = BTreeMap<String, Vec<u8>>;

fn unpacked(name: &str, bytes: &[u8], limits: &Limits) -> (Files, Result<bool, ReadError>) {
    let mut all = All::default();
    let result = unpack(name, bytes, limits, &mut all);
    (all.0, result)
}

/// Wants everything, and keeps it.
#[derive(Default)]
struct All(Files);

impl Sink for All {
    fn wants(&mut self, _: &str, _: &[u8]) -> bool {
        true
    }

    fn take(&mut self, name: &str, bytes: &[u8]) -> usize {
        let before = self.0.insert(name.to_owned(), bytes.to_vec());
        assert_eq!(before, None, "{name} came twice");
        bytes.len()
    }
}

fn files(name: &str, bytes: &[u8]) -> Files {
    let (files, result) = unpacked(name, bytes, &Limits::default());
    assert_eq!(result, Ok(true), "{name}");
    files
}

/// An error, as a person reads it, and what came out nevertheless.
fn refused(bytes: &[u8], limits: &Limits) -> (Vec<String>, Fault, String) {
    let (files, result) = unpacked("a", bytes, limits);
    let error = result.expect_err("it must be refused");
    (files.into_keys().collect(), error.fault, error.to_string())
}

struct Entry<'a> {
    name: &'a str,
    method: u16,
    crc: u32,
    packed: Vec<u8>,
    bytes: usize,
    attributes: u32,
}

fn entry<'a>(name: &'a str, method: u16, bytes: &[u8]) -> Entry<'a> {
    let packed = match method {
        8 => compress_to_vec(bytes, 9),
        93 => zstd_to_vec(bytes, CompressionLevel::Fastest),
        _ => bytes.to_vec(),
    };
    let crc = crc32fast::hash(bytes);
    Entry { name, method, crc, packed, bytes: bytes.len(), attributes: 0 }
}

fn zip(entries: &[Entry]) -> Vec<u8> {
    let mut zip = Vec::new();
    let mut directory = Vec::new();
    for entry in entries {
        let at = zip.len() as u32;
        let Entry { name, method, crc, packed, bytes, attributes } = entry;
        let mut common = vec![20, 0, 0, 0];
        common.extend(method.to_le_bytes());
        common.extend([0; 4]);
        common.extend(crc.to_le_bytes());
        common.extend((packed.len() as u32).to_le_bytes());
        common.extend((*bytes as u32).to_le_bytes());
        common.extend((name.len() as u16).to_le_bytes());
        common.extend([0; 2]);
        zip.extend(b"PK\x03\x04");
        zip.extend(&common);
        zip.extend(name.as_bytes());
        zip.extend(packed);
        directory.extend(b"PK\x01\x02\x14\x03");
        directory.extend(&common);
        directory.extend([0; 6]);
        directory.extend(attributes.to_le_bytes());
        directory.extend(at.to_le_bytes());
        directory.extend(name.as_bytes());
    }
    end(zip, &directory, entries.len())
}

fn end(mut zip: Vec<u8>, directory: &[u8], n_entries: usize) -> Vec<u8> {
    let at = zip.len() as u32;
    zip.extend(directory);
    zip.extend(b"PK\x05\x06\0\0\0\0");
    zip.extend([n_entries as u16, n_entries as u16].iter().flat_map(|n| n.to_le_bytes()));
    zip.extend((directory.len() as u32).to_le_bytes());
    zip.extend(at.to_le_bytes());
    zip.extend([0; 2]);
    zip
}

/// The bytes as gzip packs them.
pub(crate) fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut gzip = b"\x1f\x8b\x08\0\0\0\0\0\0\x03".to_vec();
    gzip.extend(compress_to_vec(bytes, 9));
    gzip.extend(crc32fast::hash(bytes).to_le_bytes());
    gzip.extend((bytes.len() as u32).to_le_bytes());
    gzip
}

fn zstd(bytes: &[u8]) -> Vec<u8> {
    zstd_to_vec(bytes, CompressionLevel::Fastest)
}

fn tar(entries: &[(&str, u8, &[u8])]) -> Vec<u8> {
    let mut tar = Vec::new();
    for (name, kind, bytes) in entries {
        let mut block = [0; 512];
        block[..name.len()].copy_from_slice(name.as_bytes());
        block[124..135].copy_from_slice(format!("{:011o}", bytes.len()).as_bytes());
        block[148..156].fill(b' ');
        block[156] = *kind;
        block[257..265].copy_from_slice(b"ustar\x0000");
        let sum: u32 = block.iter().map(|&byte| u32::from(byte)).sum();
        block[148..155].copy_from_slice(format!("{sum:06o}\0").as_bytes());
        tar.extend(block);
        tar.extend(*bytes);
        tar.resize(tar.len().next_multiple_of(512), 0);
    }
    tar.resize(tar.len() + 1024, 0);
    tar
}

/// A folder as people have them, and what is in it.
fn folder(root: &Path) -> Files {
    let long = format!("{}/{}", "deep/".repeat(30), "n".repeat(120));
    let text: String = (0..20_000).map(|n| format!("ex.com/a/a.go:{n}.2,{n}.9 1 {n}\n")).collect();
    let all = [
        ("cover.out", text.into_bytes()),
        ("empty", Vec::new()),
        ("cov/covmeta.0123", (0..=255).collect()),
        ("ünï/with space", b"x".to_vec()),
        (&long, b"long".to_vec()),
    ];
    for (name, bytes) in &all {
        let path = root.join(name);
        fs::create_dir_all(path.parent().expect("it has a folder")).expect("a folder is made");
        fs::write(path, bytes).expect("a file is written");
    }
    std::os::unix::fs::symlink("cover.out", root.join("link")).expect("a link is made");
    all.into_iter().map(|(name, bytes)| (name.replace("//", "/"), bytes)).collect()
}

/// Runs a command of the shell in a folder, where its first word is a tool that is there.
fn run(folder: &Path, command: &str) -> bool {
    let tool = command.split(' ').next().unwrap_or(command);
    let found = Command::new("sh").args(["-c", &format!("command -v {tool}")]).output();
    if !found.is_ok_and(|found| found.status.success()) {
        eprintln!("{tool} is not here: {command} is left out");
        return false;
    }
    output(Command::new("sh").args(["-c", command]).current_dir(folder));
    true
}

#[test]
fn archives_of_the_real_tools_are_read() {
    let scratch = Scratch::new("archive");
    let source = scratch.folder("source");
    let wanted = folder(&source);
    let mut n_read = 0;
    for (name, command) in [
        ("deflated.zip", "zip -qr ../deflated.zip ."),
        ("links.zip", "zip -qry ../links.zip ."),
        ("stored.zip", "zip -qr0 ../stored.zip ."),
        ("streamed.zip", "zip -qr - . | cat > ../streamed.zip"),
        ("large.zip", "zip -qr -fz ../large.zip ."),
        ("comment.zip", "echo PK | zip -qrz ../comment.zip ."),
        ("gnu.tar", "tar --format=gnu -cf ../gnu.tar ."),
        ("pax.tar", "tar --format=pax -cf ../pax.tar ."),
        ("a.tar.gz", "tar -czf ../a.tar.gz ."),
        ("a.tgz", "tar -czf ../a.tgz ."),
        ("a.tar.zst", "zstd --version >/dev/null && tar -c . | zstd -q -o ../a.tar.zst"),
        (
            "long.tar.zst",
            "zstd --version >/dev/null && tar -c . | zstd -q --long=27 -19 -o ../long.tar.zst",
        ),
    ] {
        if !run(&source, command) {
            continue;
        }
        n_read += 1;
        let bytes = fs::read(scratch.join(name)).expect("the archive is there");
        let mut found = files(name, &bytes);
        // Without -y, zip follows links.
        if found.remove(&format!("{name}/link")).is_some() {
            assert!(name.ends_with(".zip") && name != "links.zip", "{name} has a link");
        }
        let wanted = wanted.iter().map(|(file, bytes)| (format!("{name}/{file}"), bytes.clone()));
        assert_eq!(found, wanted.collect(), "{name}");
    }
    for (name, command) in
        [("cover.out.gz", "gzip -kN9 cover.out"), ("cover.out.zst", "zstd -q --check cover.out")]
    {
        if run(&source, command) {
            n_read += 1;
            let bytes = fs::read(source.join(name)).expect("the file is there");
            let found = files(name, &bytes);
            let wanted = (format!("{name}/cover.out"), wanted["cover.out"].clone());
            assert_eq!(found, Files::from([wanted]));
        }
    }
    // Any machine that tests has tar and gzip.
    assert!(n_read >= 5, "only {n_read} archives were read");
}

#[test]
fn tars_of_old_and_with_prefixes_are_read() {
    let scratch = Scratch::new("archive");
    let name = format!("{}/{}", "d".repeat(90), "f".repeat(80));
    let path = scratch.join(&name);
    fs::create_dir_all(path.parent().expect("it has a folder")).expect("a folder is made");
    fs::write(path, "x").expect("a file is written");
    fs::write(scratch.join("short"), "y").expect("a file is written");
    assert!(run(
        scratch.path(),
        "tar --format=ustar -cf u.tar ddd* && tar --format=v7 -cf v.tar short"
    ));
    let read = |name: &str| fs::read(scratch.join(name)).expect("the archive is there");
    assert_eq!(files("u", &read("u.tar")).into_keys().collect::<Vec<_>>(), [format!("u/{name}")]);
    assert_eq!(files("v", &read("v.tar")).into_keys().collect::<Vec<_>>(), ["v/short"]);
}

/// One of each kind, small.
fn samples() -> Vec<(&'static str, Vec<u8>)> {
    let text = b"mode: set\nex.com/a/a.go:1.2,3.4 1 1\n".repeat(3);
    let zipped = zip(&[
        entry("d/", 0, b""),
        entry("a", 8, &text),
        entry("b", 0, &text),
        entry("c", 93, &text),
    ]);
    let tarred = tar(&[("a", b'0', &text), ("d/", b'5', b""), ("b", b'0', b"")]);
    let pax = tar(&[("x", b'x', b"18 path=other/a.b\n19 comment=whatever"), ("a", b'0', &text)]);
    vec![
        ("gzip", gzip(&text)),
        ("zstd", zstd(&text)),
        ("tar.gz", gzip(&tarred)),
        ("tar.zst", zstd(&tarred)),
        ("zip.tar", tar(&[("z", b'0', &zipped)])),
        ("tar", tarred),
        ("zip", zipped),
        ("gnu.tar", tar(&[("L", b'L', b"a/long/name\0"), ("a", b'0', &text)])),
        ("broken-pax.tar", pax),
    ]
}

#[test]
fn an_archive_that_is_cut_short_is_never_taken_for_whole() {
    for (name, bytes) in samples() {
        for length in 0..bytes.len() {
            let (_, result) = unpacked("a", &bytes[..length], &Limits::default());
            // The second of two blocks of zeros may be missing.
            let is_padding = name.ends_with("tar") && length >= bytes.len() - 512;
            assert!(result != Ok(true) || is_padding, "{name} cut at {length} is read");
        }
    }
}

/// Wants everything, and keeps what it is but not what it is called.
struct Given<'a>(&'a mut Vec<Vec<u8>>);

impl Sink for Given<'_> {
    fn wants(&mut self, _: &str, _: &[u8]) -> bool {
        true
    }

    fn take(&mut self, _: &str, bytes: &[u8]) -> usize {
        self.0.push(bytes.to_vec());
        bytes.len()
    }
}

#[test]
fn damage_is_found_or_harmless() {
    for (name, bytes) in samples() {
        let (whole, _) = unpacked("a", &bytes, &Limits::default());
        let contents: Vec<_> = whole.values().collect();
        for at in 0..bytes.len() {
            for bit in [0x01, 0x10, 0x80] {
                let mut bytes = bytes.clone();
                bytes[at] ^= bit;
                hostile::archive(&bytes);
                let mut found: Vec<Vec<u8>> = Vec::new();
                for tar_bytes in [0, 1 << 20] {
                    let limits = Limits { tar_bytes, ..Limits::default() };
                    let _ = unpack("a", &bytes, &limits, &mut Given(&mut found));
                }
                // tar has no checksum of what is in the files.
                if !name.ends_with("tar") && name != "zstd" {
                    // A directory may become an empty file.
                    let known = |bytes: &Vec<u8>| bytes.is_empty() || contents.contains(&bytes);
                    assert!(found.iter().all(known), "{name} at {at}");
                }
            }
        }
    }
}

/// What a bomb may cost: far less than it would unpack to.
fn in_no_time<T>(bomb: impl FnOnce() -> T) -> T {
    let start = Instant::now();
    let result = bomb();
    assert!(start.elapsed() < Duration::from_secs(20), "it took {:?}", start.elapsed());
    result
}

fn tight() -> Limits {
    Limits {
        held_bytes: 4 << 20,
        held_ratio: 10,
        work_bytes: 64 << 20,
        work_ratio: 10,
        tar_bytes: 1 << 20,
        entries: 100,
        depth: 3,
    }
}

#[test]
fn bombs_are_refused() {
    let zeros = vec![0; 32 << 20];
    for bomb in [
        gzip(&zeros),
        zstd(&zeros),
        zip(&[entry("a", 8, &zeros)]),
        zip(&[entry("a", 93, &zeros)]),
        gzip(&gzip(&zeros)),
        zip(&[Entry { bytes: 10, ..entry("a", 8, &zeros) }]),
        zip(&[Entry { bytes: 10, ..entry("a", 93, &zeros) }]),
    ] {
        let (files, fault, text) = in_no_time(|| refused(&bomb, &tight()));
        assert_eq!(files, [""; 0]);
        let expected = text.contains("unpacks to") || text.contains("more bytes than");
        assert!(expected && (fault == Fault::Limit || text.contains("more bytes")), "{text}");
    }
}

#[test]
fn entries_that_share_their_data_count_each() {
    // One entry's data, named a hundred times by the directory.
    let one = zip(&[entry("a", 8, &vec![0; 1 << 20])]);
    let at = one.len() - 22 - 47;
    let directory = one[at..one.len() - 22].repeat(90);
    let bomb = end(one[..at].to_vec(), &directory, 90);
    for (stays, most) in [(true, 4 << 20), (false, 64 << 20)] {
        let mut passing = Passing { stays, ..Passing::default() };
        let error = unpack("a", &bomb, &tight(), &mut passing).expect_err("it must be refused");
        assert_eq!(error.fault, Fault::Limit);
        assert!(passing.n_bytes <= most);
    }
}

/// Wants files whose name starts with `a/cov`, or all, and only counts them.
#[derive(Default)]
struct Passing {
    only_cov: bool,
    stays: bool,
    n_files: usize,
    n_bytes: usize,
}

impl Sink for Passing {
    fn wants(&mut self, name: &str, _: &[u8]) -> bool {
        !self.only_cov || name.starts_with("a/cov")
    }

    fn take(&mut self, _: &str, bytes: &[u8]) -> usize {
        self.n_files += 1;
        self.n_bytes += bytes.len();
        if self.stays { bytes.len() } else { 0 }
    }
}

#[test]
fn files_that_do_not_stay_may_be_many_times_what_may_be_held() {
    let counters = vec![1; 300 << 10];
    let names: Vec<_> = (0..90).map(|n| format!("covcounters.{n}")).collect();
    let entries: Vec<_> = names.iter().map(|name| (&**name, b'0', &*counters)).collect();
    let tarred = tar(&entries);
    let zipped: Vec<_> = names.iter().map(|name| entry(name, 8, &counters)).collect();
    for archive in [gzip(&tarred), zstd(&tarred), zip(&zipped)] {
        let limits = Limits { held_bytes: 1 << 20, ..tight() };
        let mut passing = Passing::default();
        assert_eq!(unpack("a", &archive, &limits, &mut passing), Ok(true));
        assert_eq!((passing.n_files, passing.n_bytes), (90, 90 * counters.len()));
        let mut staying = Passing { stays: true, ..Passing::default() };
        let error = unpack("a", &archive, &limits, &mut staying).expect_err("too much stays");
        assert_eq!((error.fault, staying.n_files), (Fault::Limit, 3), "{error}");
        assert!(
            error.to_string().contains("covcounters.3: it unpacks to more than the"),
            "{error}"
        );
    }
}

#[test]
fn of_files_that_nobody_wants_only_the_first_bytes_are_unpacked() {
    let (zeros, text) = (vec![0; 4 << 20], b"text".repeat(20));
    for method in [0, 8, 93] {
        let archive = zip(&[
            entry("zeros", method, &zeros),
            entry("cover.out", method, &text),
            entry("more", method, &zeros),
        ]);
        let limits = Limits { held_bytes: 4 << 20, work_bytes: 1 << 20, work_ratio: 1, ..tight() };
        let mut passing = Passing { only_cov: true, ..Passing::default() };
        let result = unpack("a", &archive, &limits, &mut passing);
        // Work on what is stored is counted, though it is none.
        assert!(result == Ok(true) || method == 0, "{method}: {result:?}");
        assert!(passing.n_files == 1 || method == 0, "{method}");
    }
    // A tar can only be passed over by unpacking it, but nothing of it is held.
    let archive = gzip(&tar(&[("zeros", b'0', &zeros), ("cover.out", b'0', &text)]));
    let limits = Limits { held_bytes: 1000, held_ratio: 0, tar_bytes: 0, ..tight() };
    let mut passing = Passing { only_cov: true, ..Passing::default() };
    assert_eq!(unpack("a", &archive, &limits, &mut passing), Ok(true));
    assert_eq!(passing.n_bytes, text.len());
    let limits = Limits { work_bytes: 3 << 20, ..limits };
    let error = unpack("a", &archive, &limits, &mut passing).expect_err("too much work");
    assert_eq!(error.fault, Fault::Limit);
    assert!(error.to_string().contains("unpacks to far more"), "{error}");
}

#[test]
fn counters_may_come_before_their_meta_data_however_many_there_are() {
    let fixture = |name: &str| {
        fs::read(repository().join("tests/fixtures/covdata").join(name)).expect("it is there")
    };
    let (meta, counters) = (fixture("alpha.covmeta"), fixture("alpha.covcounters"));
    // What no meta-data comes for fills the room for what waits.
    let orphan = vec![0; formats::limits::LATE_BYTES];
    let archive = tar(&[
        ("covcounters.alpha.1.1", b'0', &counters),
        ("covcounters.lost.1.1", b'0', &orphan),
        ("covcounters.alpha.2.1", b'0', &counters),
        ("covcounters.gone.1.1", b'0', &counters),
        ("covmeta.alpha", b'0', &meta),
        ("covcounters.alpha.3.1", b'0', &counters),
    ]);
    let mut reading = Reading::default();
    let unpacked = reading.add_archive("a.tar", &archive, &Limits::default(), &mut ());
    assert_eq!((unpacked.error, unpacked.read.len()), (None, 5));
    let outcome = reading.finish();
    let failed: Vec<_> = outcome.failures.iter().map(|(name, _)| &**name).collect();
    assert_eq!(failed, ["a.tar/covcounters.gone.1.1", "a.tar/covcounters.lost.1.1"]);
    let mut pod = formats::go_cov::Pod::new(&meta).expect("it is whole");
    for _ in 0..3 {
        assert_eq!(pod.add(&counters), Ok(1));
    }
    assert_eq!(outcome.opened[0].profile.counts(), pod.profile().counts());
}

#[test]
fn too_many_entries_and_archives_in_archives_are_refused() {
    let many: Vec<_> = (0..101).map(|n| format!("{n}")).collect();
    let (files, fault, text) =
        refused(&zip(&many.iter().map(|name| entry(name, 0, b"x")).collect::<Vec<_>>()), &tight());
    assert_eq!((files.len(), fault), (100, Fault::Limit), "{text}");
    assert!(text.contains("more than 100 entries"), "{text}");

    let three = zip(&[entry("b.zip", 0, &zip(&[entry("c.gz", 0, &gzip(b"x"))]))]);
    assert_eq!(files_of(&three), ["a/b.zip/c.gz/c"]);
    let four = zip(&[entry("x", 0, b"x"), entry("a.zip", 0, &three)]);
    let (files, fault, text) = refused(&four, &tight());
    assert_eq!((&files[..], fault), (&["a/x".to_owned()][..], Fault::Limit));
    assert_eq!(
        text,
        "byte 349: a.zip: byte 162: b.zip: byte 55: c.gz: an archive inside of 3 others"
    );
}

fn files_of(bytes: &[u8]) -> Vec<String> {
    files("a", bytes).into_keys().collect()
}

#[test]
fn what_can_be_read_is_given_though_something_cannot() {
    let mut bad = entry("bad", 8, b"some text");
    bad.crc ^= 1;
    let locked = Entry { method: 99, ..entry("locked", 0, b"x") };
    let (files, fault, text) = refused(&zip(&[bad, locked, entry("good", 8, b"x")]), &tight());
    assert_eq!((&files[..], fault), (&["a/good".to_owned()][..], Fault::Malformed));
    assert_eq!(text, "byte 118: bad: byte 33: checksum is wrong");
}

#[test]
fn only_regular_files_are_given_and_names_lead_nowhere() {
    let link = Entry { attributes: 0o120_777 << 16, ..entry("link", 0, b"/etc/passwd") };
    let zipped =
        zip(&[entry("../../up", 0, b"1"), entry("/etc/abs", 0, b"2"), link, entry("d/", 0, b"")]);
    assert_eq!(files_of(&zipped), ["a/abs", "a/up"]);
    let tarred = tar(&[
        ("../up", b'0', b"1"),
        ("link", b'2', b""),
        ("hard", b'1', b""),
        ("device", b'3', b""),
        ("d", b'5', b""),
        ("c/./x", b'0', b"2"),
    ]);
    assert_eq!(files_of(&tarred), ["a/c/x", "a/up"]);
}

#[test]
fn gzip_members_and_zstd_frames_are_one_file() {
    let both = [gzip(b"one "), gzip(b"two"), vec![0; 100]].concat();
    assert_eq!(files("a.gz", &both)["a.gz/a"], b"one two");
    let skipped = b"\x5a\x2a\x4d\x18\x03\0\0\0abc";
    let both = [&skipped[..], &zstd(b"one "), skipped, &zstd(b"two")].concat();
    assert_eq!(files("b", &both)["b/b"], b"one two");
    let (_, fault, text) = refused(&[gzip(b"one"), b"junk".to_vec()].concat(), &tight());
    assert_eq!(fault, Fault::Malformed);
    assert_eq!(text, "byte 23: something that is not gzip follows");
}

#[test]
fn an_entry_may_have_exactly_as_many_bytes_as_are_allowed() {
    let limits = Limits { held_bytes: 70_000, held_ratio: 0, ..tight() };
    for bytes in [vec![7; 70_000], (0..70_000u32).map(|n| (n.wrapping_mul(n) >> 7) as u8).collect()]
    {
        for sample in [gzip(&bytes), zstd(&bytes), zip(&[entry("a", 8, &bytes)])] {
            assert_eq!(unpacked("a", &sample, &limits).1, Ok(true), "{:?}", &sample[..4]);
        }
        let limits = Limits { held_bytes: 69_999, ..limits.clone() };
        for sample in [gzip(&bytes), zstd(&bytes), zip(&[entry("a", 8, &bytes)])] {
            assert_eq!(refused(&sample, &limits).1, Fault::Limit);
        }
    }
}

#[test]
fn commands_take_archives_as_they_take_folders() {
    let scratch = Scratch::new("archive");
    let profile = b"mode: set\nex.com/a/a.go:1.2,3.4 1 1\nex.com/a/a.go:4.2,5.4 1 0\n";
    let mut bad = entry("more.out", 8, b"mode: set\nex.com/b/b.go:1.2,3.4 1 1\n");
    bad.crc ^= 1;
    let whole = zip(&[entry("x/cover.out", 8, profile), entry("x/README", 0, b"text")]);
    let summary = |input: &str| {
        let mut command = Command::new(coverglass());
        command.args(["summary", "--json", input]).current_dir(scratch.path());
        let output = command.output().expect("coverglass starts");
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        (text(&output.stdout), text(&output.stderr))
    };
    let put = |name: &str, bytes: &[u8]| fs::write(scratch.join(name), bytes).expect("it is kept");
    put("cover.out", profile);
    put("cover.zip", &whole);
    put("cover.out.gz", &gzip(profile));
    scratch.folder("folder");
    put("folder/all.tar.gz", &gzip(&tar(&[("cover.zip", b'0', &whole)])));
    let wanted = summary("cover.out");
    assert_eq!(wanted.1, "");
    for input in ["cover.zip", "cover.out.gz", "folder"] {
        assert_eq!(summary(input), wanted, "{input}");
    }
    put("damaged.zip", &zip(&[entry("cover.out", 8, profile), bad]));
    let (out, err) = summary("damaged.zip");
    assert_eq!(out, wanted.0);
    assert!(err.contains("part of damaged.zip is left out: byte 227: more.out: "), "{err}");
    // Named by itself it is complained of, among the files of a folder only if it is of use.
    let bad = Entry { bytes: 0, ..entry("photo", 8, b"some text") };
    put("folder/photos.zip", &zip(&[bad]));
    put("folder/broken.gz", &gzip(b"some text")[..20]);
    assert_eq!(summary("folder"), wanted);
    let (out, err) = summary("folder/broken.gz");
    assert!(out.is_empty() && err.contains("cannot read folder/broken.gz: byte 20: "), "{err}");
    put("nothing.zip", &zip(&[entry("README", 0, b"text")]));
    let (out, err) = summary("nothing.zip");
    assert!(out.is_empty() && err.contains("there is no coverage data in nothing.zip"), "{err}");
}
