//! Runs the corpora of the fuzz targets with every test run. The properties are in `fuzz/properties`.
#![allow(missing_docs)]

#[path = "support/tls_memory.rs"]
mod memory;
#[path = "../../../fuzz/properties/tls_records.rs"]
#[allow(unreachable_pub, reason = "the fuzz target uses it too")]
mod tls_records;

use std::path::Path;

use proptest::prelude::*;

/// Returns every input of a target's corpus.
fn corpus(target: &str) -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus").join(target);
    std::fs::read_dir(&folder)
        .expect("the target's corpus")
        .map(|entry| {
            let path = entry.expect("a file of the corpus").path();
            println!("{}", path.display());
            std::fs::read(&path).expect("a file of the corpus")
        })
        .collect()
}

#[test]
fn records_that_fuzzing_found_give_what_was_sent_or_fail_for_good() {
    let inputs = corpus("tls_records");
    inputs.iter().for_each(|input| tls_records::check(input));
    assert!(inputs.len() >= 5, "{} inputs", inputs.len());
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 50, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn random_records_give_what_was_sent_or_fail_for_good(input in proptest::collection::vec(any::<u8>(), 0..300)) {
        tls_records::check(&input);
    }

    #[test]
    fn honest_records_give_all_that_was_sent(
        flags in any::<u8>(),
        operations in proptest::collection::vec((prop_oneof![0_u8..4, 9_u8..12], any::<u8>()), 0..150),
        goodbye in any::<bool>(),
    ) {
        let mut input = vec![flags];
        input.extend(operations.into_iter().flat_map(|(operation, size)| [operation, size]));
        if goodbye {
            input.extend([5, 0]);
        }
        tls_records::check(&input);
    }
}
