//! Property: for all records that a TLS server sends, the client returns the data in order and once, or fails permanently, and every call
//! ends.
#![no_main]

#[path = "../../rust/net/tests/support/tls_memory.rs"]
mod memory;
#[path = "../properties/tls_records.rs"]
mod property;

libfuzzer_sys::fuzz_target!(|data: &[u8]| property::check(data));
