//! Property: any bytes are read as a recording or refused with a sentence, and everything that is read can be replayed.
#![no_main]

#[path = "../properties/recordings.rs"]
mod property;

libfuzzer_sys::fuzz_target!(|data: &[u8]| property::check(data));
