//! Property: whatever records a TLS server sends, its data comes in order and once, or the connection fails for good, and no call goes on for ever.
#![no_main]

#[path = "../../rust/net/tests/support/tls_memory.rs"]
mod memory;
#[path = "../properties/tls_records.rs"]
mod property;

libfuzzer_sys::fuzz_target!(|data: &[u8]| property::check(data));
