//! Property: a server reads all output of `Request::encode` as exactly one request with the parts that the caller passed.
#![no_main]

#[path = "../properties/requests.rs"]
mod property;

libfuzzer_sys::fuzz_target!(|data: &[u8]| property::check(data));
