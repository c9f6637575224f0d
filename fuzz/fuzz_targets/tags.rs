//! See `tagger_fuzz::tags`.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| tagger_fuzz::tags::check(input));
