//! See `tagger_fuzz::reference`.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| tagger_fuzz::reference::check(input));
