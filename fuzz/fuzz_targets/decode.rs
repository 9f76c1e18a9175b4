//! Property: for every split of a compressed body and every buffer size, decoding gives the same bytes or an error. It ends, no step writes
//! more than its buffer holds, and nothing exceeds the limit.
#![no_main]

#[path = "../properties/decode.rs"]
mod property;

libfuzzer_sys::fuzz_target!(|data: &[u8]| property::check(data));
