//! Property: however a reply is split on its way, the client makes of it what it makes of the whole, and panics at none.
#![no_main]

#[path = "../properties/replies.rs"]
mod property;
#[path = "../../rust/protocol/tests/support/mod.rs"]
mod support;

libfuzzer_sys::fuzz_target!(|data: &[u8]| property::check(data));
