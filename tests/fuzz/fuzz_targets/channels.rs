//! Files of channel operations.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| tests::hostile::channels(bytes));
