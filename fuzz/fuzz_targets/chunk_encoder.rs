//! Property: what the chunk encoder writes, the chunked decoder gives back, at every split.
#![no_main]

#[path = "../properties/chunk_encoder.rs"]
mod property;
#[path = "../../rust/protocol/tests/support/mod.rs"]
mod support;

libfuzzer_sys::fuzz_target!(|data: &[u8]| property::check(data));
