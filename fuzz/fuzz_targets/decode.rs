//! Property: however a packed body is split and whatever room there is, it comes to the same bytes, or to an error; it ends, no
//! step writes more than its room, and nothing goes over the limit.
#![no_main]

#[path = "../properties/decode.rs"]
mod property;

libfuzzer_sys::fuzz_target!(|data: &[u8]| property::check(data));
