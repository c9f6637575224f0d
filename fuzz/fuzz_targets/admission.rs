//! See `tagger_fuzz::admission`.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| tagger_fuzz::admission::check(input));
