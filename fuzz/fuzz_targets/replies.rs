//! Property: for every split of a reply, the client has the same result as for the whole reply, and never panics.
#![no_main]

#[path = "../properties/replies.rs"]
mod property;
#[path = "../../rust/protocol/tests/support/mod.rs"]
mod support;

libfuzzer_sys::fuzz_target!(|data: &[u8]| property::check(data));
