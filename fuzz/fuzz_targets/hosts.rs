//! Property: for every accepted host, the sent bytes name exactly one host, and using that name as the host gives the same result.
#![no_main]

#[path = "../properties/hosts.rs"]
mod property;

libfuzzer_sys::fuzz_target!(|data: &[u8]| property::check(data));
