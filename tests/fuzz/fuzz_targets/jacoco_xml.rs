//! JaCoCo XML.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| tests::hostile::format("jacoco_xml", bytes));
