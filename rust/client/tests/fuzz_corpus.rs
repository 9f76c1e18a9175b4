//! Runs the corpora of the fuzz targets with every test run. The properties are in `fuzz/properties`.
#![allow(missing_docs)]

#[path = "../../../fuzz/properties/hosts.rs"]
#[allow(unreachable_pub, reason = "the fuzz target uses it too")]
mod hosts;

use std::path::Path;

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
fn hosts_that_fuzzing_found_are_named_unmistakably_or_refused() {
    let inputs = corpus("hosts");
    inputs.iter().for_each(|input| hosts::check(input));
    assert!(inputs.len() >= 5, "{} inputs", inputs.len());
}
