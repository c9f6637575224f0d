//! See `tagger_fuzz::generate`.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| tagger_fuzz::generate::check(input));
