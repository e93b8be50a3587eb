//! GCC's coverage as text.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| tests::hostile::format("gcov_text", bytes));
