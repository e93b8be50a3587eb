//! Reports of coverage.py.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| tests::hostile::format("coveragepy_json", bytes));
