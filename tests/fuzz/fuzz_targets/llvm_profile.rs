//! Profiles of LLVM with the program that wrote them.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| tests::hostile::llvm_profile(bytes));
