//! Property: a query string is in the safe alphabet, and taking it apart gives back the keys and values that went in.
#![no_main]

#[path = "../properties/query_strings.rs"]
mod property;

libfuzzer_sys::fuzz_target!(|data: &[u8]| property::check(data));
