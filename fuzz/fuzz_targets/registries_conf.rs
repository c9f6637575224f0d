//! See `tagger_fuzz::registries_conf`.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| tagger_fuzz::registries_conf::check(input));
