//! Istanbul's coverage-final.json.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| tests::hostile::format("istanbul", bytes));
