//! JaCoCo's execution data with a class.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    tests::hostile::pair("jacoco_exec", ["a.exec", "A.class"], bytes)
});
