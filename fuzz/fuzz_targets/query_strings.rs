//! Property: a query string only contains unreserved characters, `%`, `&` and `=`, and splitting it returns the original keys and values.
#![no_main]

#[path = "../properties/query_strings.rs"]
mod property;

libfuzzer_sys::fuzz_target!(|data: &[u8]| property::check(data));
