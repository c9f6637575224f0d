//! See `tagger_fuzz::link`.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| tagger_fuzz::link::check(input));
