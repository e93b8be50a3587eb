//! Messages of every direction of the wire.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| tests::hostile::frames(bytes));
