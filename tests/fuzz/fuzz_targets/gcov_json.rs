//! GCC's coverage as JSON.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| tests::hostile::format("gcov_json", bytes));
