//! Property: header values and the notes of a download are read correctly or not at all, and the date of a cookie is never before 1970.
#![no_main]

#[path = "../properties/fields.rs"]
mod property;

libfuzzer_sys::fuzz_target!(|data: &[u8]| property::check(data));
