//! Exports of LLVM's coverage tool.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| tests::hostile::format("llvm_json", bytes));
