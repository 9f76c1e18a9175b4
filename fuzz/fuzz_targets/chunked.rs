//! Property: the chunked decoder finds the body, the trailers and the end that a slow and obvious decoder finds, or refuses with it.
#![no_main]

#[path = "../properties/chunked.rs"]
mod property;
#[path = "../../rust/protocol/tests/support/mod.rs"]
mod support;

libfuzzer_sys::fuzz_target!(|data: &[u8]| property::check(data));
