//! Damaged coverage data: refused with the file, the byte and the reason, or read; never a panic.

use std::path::Path;
use std::process::Command;

use proptest::collection::vec;
use proptest::prelude::*;
use tests::{Scratch, coverglass, hostile, repository};

const META: &str = "covmeta.alpha";
const COUNTERS: &str = "covcounters.alpha.1.1";

/// The whole file that stands for one of these names.
fn fixture(name: &str) -> Vec<u8> {
    let name = if name == META { "alpha.covmeta" } else { "alpha.covcounters" };
    let path = repository().join("tests/fixtures/covdata").join(name);
    std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// What `coverglass covdata percent` says of a folder with these two files.
fn percent(folder: &Path, meta: &[u8], counters: &[u8]) -> (Option<i32>, String) {
    std::fs::write(folder.join(META), meta).expect("a file can be written");
    std::fs::write(folder.join(COUNTERS), counters).expect("a file can be written");
    let ran = Command::new(coverglass())
        .args(["covdata", "percent", "-i=."])
        .current_dir(folder)
        .output()
        .expect("coverglass starts");
    (ran.status.code(), String::from_utf8_lossy(&ran.stderr).into_owned())
}

#[test]
fn what_is_cut_short_is_refused_by_file_and_byte() {
    let scratch = Scratch::new("covdata-cut");
    let (meta, counters) = (fixture(META), fixture(COUNTERS));
    assert_eq!(percent(scratch.path(), &meta, &counters).0, Some(0));
    for (name, whole) in [(META, &meta), (COUNTERS, &counters)] {
        for length in (0..whole.len()).step_by(whole.len() / 40) {
            let cut = &whole[..length];
            let (code, said) = match name {
                META => percent(scratch.path(), cut, &counters),
                _ => percent(scratch.path(), &meta, cut),
            };
            assert_eq!(code, Some(1), "{name}, {length} bytes: {said}");
            assert!(said.contains(&format!("cannot read {name}: byte ")), "{length}: {said}");
        }
    }
}

#[test]
fn every_truncation_is_refused() {
    let (meta, counters) = (fixture(META), fixture(COUNTERS));
    let pod = formats::go_cov::Pod::new(&meta).expect("the fixture is whole");
    for length in 0..meta.len() {
        assert!(formats::go_meta::read(&meta[..length]).is_err(), "{length} bytes were accepted");
    }
    for length in 0..counters.len() {
        assert!(pod.clone().add(&counters[..length]).is_err(), "{length} bytes were accepted");
    }
    assert_eq!(pod.clone().add(&counters), Ok(1));
}

/// `bytes` with a few of them changed.
fn damaged(bytes: Vec<u8>) -> impl Strategy<Value = Vec<u8>> {
    vec(any::<(prop::sample::Index, u8)>(), 1..6).prop_map(move |edits| {
        let mut bytes = bytes.clone();
        for (place, value) in edits {
            let place = place.index(bytes.len());
            bytes[place] = value;
        }
        bytes
    })
}

proptest! {
    #[test]
    fn damaged_counters_do_no_harm(bytes in damaged(fixture(COUNTERS))) {
        hostile::counters(&bytes);
        hostile::pod(&hostile::join(&fixture(META), &bytes));
    }

    #[test]
    fn damaged_meta_data_does_no_harm(bytes in damaged(fixture(META))) {
        hostile::meta(&bytes);
        hostile::pod(&hostile::join(&bytes, &fixture(COUNTERS)));
    }
}
