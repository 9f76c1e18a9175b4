//! Property: the destination of every redirect is http or https and has no user, and no secrets are sent to another origin.
#![no_main]

#[path = "../properties/locations.rs"]
mod property;

libfuzzer_sys::fuzz_target!(|data: &[u8]| property::check(data));
