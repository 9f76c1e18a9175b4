//! Property: whatever Set-Cookie lines come, no cookie goes to a host, path or scheme that did not get it, the jar stays within
//! its limits, and a file's text gives back what was written; any other text is taken or refused.
#![no_main]

#[path = "../properties/cookies.rs"]
mod property;

libfuzzer_sys::fuzz_target!(|data: &[u8]| property::check(data));
