//! See `tagger_fuzz::challenge`.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| tagger_fuzz::challenge::check(input));
