//! Go's coverage data: meta-data and counters that belong to it.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| tests::hostile::pod(bytes));
