//! Property: wherever a redirect leads, it is http or https, carries no user, and takes nothing secret to another origin.
#![no_main]

#[path = "../properties/locations.rs"]
mod property;

libfuzzer_sys::fuzz_target!(|data: &[u8]| property::check(data));
