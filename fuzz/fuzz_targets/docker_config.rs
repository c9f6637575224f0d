//! See `tagger_fuzz::docker_config`.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| tagger_fuzz::docker_config::check(input));
