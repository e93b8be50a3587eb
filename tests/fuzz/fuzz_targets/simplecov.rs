//! SimpleCov's result sets and reports.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| tests::hostile::format("simplecov", bytes));
