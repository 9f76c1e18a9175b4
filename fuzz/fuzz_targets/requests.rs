//! Property: whatever `Request::encode` emits, a server reads as exactly one request, with the parts that the caller gave.
#![no_main]

#[path = "../properties/requests.rs"]
mod property;

libfuzzer_sys::fuzz_target!(|data: &[u8]| property::check(data));
