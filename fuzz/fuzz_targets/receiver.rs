//! See `tagger_fuzz::receiver`.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| tagger_fuzz::receiver::check(input));
