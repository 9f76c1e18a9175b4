//! Property: for all Set-Cookie lines, no cookie is sent to a host, path or scheme that it is not for, the jar stays within its limits, and
//! the text of a file restores the written cookies. Any other text is accepted or refused.
#![no_main]

#[path = "../properties/cookies.rs"]
mod property;

libfuzzer_sys::fuzz_target!(|data: &[u8]| property::check(data));
