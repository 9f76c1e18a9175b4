//! Runs the corpora of the fuzz targets with every test run. The properties are in `fuzz/properties`.
#![allow(missing_docs)]

mod support;

#[path = "../../../fuzz/properties/chunk_encoder.rs"]
#[allow(unreachable_pub, reason = "fuzz targets use it too")]
mod chunk_encoder;
#[path = "../../../fuzz/properties/chunked.rs"]
#[allow(unreachable_pub, reason = "fuzz targets use it too")]
mod chunked;
#[path = "../../../fuzz/properties/query_strings.rs"]
#[allow(unreachable_pub, reason = "fuzz targets use it too")]
mod query_strings;
#[path = "../../../fuzz/properties/replies.rs"]
#[allow(unreachable_pub, reason = "fuzz targets use it too")]
mod replies;
#[path = "../../../fuzz/properties/requests.rs"]
#[allow(unreachable_pub, reason = "fuzz targets use it too")]
mod requests;

use std::path::Path;

/// Checks every input of a target's corpus, and all its prefixes: a fuzzer keeps few inputs, and the prefixes add many more.
fn replay(target: &str, check: fn(&[u8])) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus").join(target);
    let mut inputs = 0;
    for entry in std::fs::read_dir(&folder).expect("the target's corpus") {
        let path = entry.expect("a file of the corpus").path();
        let input = std::fs::read(&path).expect("a file of the corpus");
        println!("{}", path.display());
        for end in (0..input.len()).step_by(input.len() / 16 + 1).chain([input.len()]) {
            check(&input[..end]);
        }
        inputs += 1;
    }
    assert!(inputs >= 5, "{inputs} inputs in {}", folder.display());
}

#[test]
fn replies_that_fuzzing_found_come_to_the_same_however_they_are_split() {
    replay("replies", replies::check);
}

#[test]
fn chunked_bodies_that_fuzzing_found_are_decoded_as_the_slow_decoder_does() {
    replay("chunked", chunked::check);
}

#[test]
fn bodies_that_are_sent_in_chunks_are_given_back_by_the_decoder_at_every_split() {
    replay("chunk_encoder", chunk_encoder::check);
}

#[test]
fn requests_that_fuzzing_found_are_read_back_as_one_request_with_the_same_parts() {
    replay("requests", requests::check);
}

#[test]
fn query_strings_that_fuzzing_found_can_be_taken_apart_again() {
    replay("query_strings", query_strings::check);
}
