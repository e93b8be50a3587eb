//! The file that a target shares with the collector, changed while it is read.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| tests::hostile::shared_file(bytes));
