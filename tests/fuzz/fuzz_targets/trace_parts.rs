//! Execution traces that were taken apart and put together wrongly.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| tests::torn::trace_parts(bytes));
