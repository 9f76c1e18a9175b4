//! The hosts that the fuzz target found, played again on every run of the tests. The property stands in `fuzz/properties`.
#![allow(missing_docs)]

#[path = "../../../fuzz/properties/hosts.rs"]
#[allow(unreachable_pub, reason = "the fuzz target uses it too")]
mod hosts;

use std::path::Path;

#[test]
fn hosts_that_fuzzing_found_are_named_unmistakably_or_refused() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus/hosts");
    let mut inputs = 0;
    for entry in std::fs::read_dir(&folder).expect("the target's corpus") {
        let path = entry.expect("a file of the corpus").path();
        println!("{}", path.display());
        hosts::check(&std::fs::read(&path).expect("a file of the corpus"));
        inputs += 1;
    }
    assert!(inputs >= 5, "{inputs} inputs in {}", folder.display());
}
