//! GCC's notes with counters.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    tests::hostile::pair("gcno", ["a.gcno", "a.gcda"], bytes)
});
