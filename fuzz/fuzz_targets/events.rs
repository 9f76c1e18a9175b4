//! Property: for every split of an event stream, the parser finds the events that a slow and simple reader finds in the whole stream.
#![no_main]

#[path = "../properties/events.rs"]
mod property;

libfuzzer_sys::fuzz_target!(|data: &[u8]| property::check(data));
