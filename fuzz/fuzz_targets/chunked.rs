//! Property: the chunked decoder finds the same body, trailers and end as a slow and simple decoder, or both refuse the input.
#![no_main]

#[path = "../properties/chunked.rs"]
mod property;
#[path = "../../rust/protocol/tests/support/mod.rs"]
mod support;

libfuzzer_sys::fuzz_target!(|data: &[u8]| property::check(data));
