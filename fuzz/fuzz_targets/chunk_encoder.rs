//! Property: the chunked decoder returns what the chunk encoder writes, at every split.
#![no_main]

#[path = "../properties/chunk_encoder.rs"]
mod property;
#[path = "../../rust/protocol/tests/support/mod.rs"]
mod support;

libfuzzer_sys::fuzz_target!(|data: &[u8]| property::check(data));
