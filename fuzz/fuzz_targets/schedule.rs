//! See `tagger_fuzz::schedule`.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| tagger_fuzz::schedule::check(input));
