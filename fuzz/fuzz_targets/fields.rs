//! Property: header values and notes of a download are read as what they say, or not at all; a date of a cookie is none before
//! 1970.
#![no_main]

#[path = "../properties/fields.rs"]
mod property;

libfuzzer_sys::fuzz_target!(|data: &[u8]| property::check(data));
