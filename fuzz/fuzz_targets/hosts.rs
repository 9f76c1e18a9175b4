//! Property: whatever host is taken, the bytes that are sent name exactly one host, and giving that name again leads to the same.
#![no_main]

#[path = "../properties/hosts.rs"]
mod property;

libfuzzer_sys::fuzz_target!(|data: &[u8]| property::check(data));
