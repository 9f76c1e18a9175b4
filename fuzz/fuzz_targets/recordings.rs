//! Property: any bytes are read as a recording or refused with a sentence, and what is read can be played.
#![no_main]

#[path = "../properties/recordings.rs"]
mod property;

libfuzzer_sys::fuzz_target!(|data: &[u8]| property::check(data));
