//! Property: however an event stream is split, the parser finds the events that a slow and obvious reader finds in the whole.
#![no_main]

#[path = "../properties/events.rs"]
mod property;

libfuzzer_sys::fuzz_target!(|data: &[u8]| property::check(data));
