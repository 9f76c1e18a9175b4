//! Which file uses which.

use std::collections::BTreeMap;
use std::path::Path;

#[test]
fn no_file_uses_one_that_uses_it() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut uses: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let text = std::fs::read_to_string(&path).unwrap();
        // `crate::a::B` and `crate::{a, b::C}`.
        let lists = text.split("crate::").skip(1).map(|rest| match rest.strip_prefix('{') {
            Some(list) => list.split('}').next().unwrap().split(',').collect(),
            None => vec![rest],
        });
        let is_end = |c: char| !c.is_alphanumeric() && c != '_';
        let used = lists.flatten().map(|item| item.trim().split(is_end).next().unwrap().to_owned()).collect();
        uses.insert(path.file_stem().unwrap().to_string_lossy().into_owned(), used);
    }
    assert!(uses.len() > 10 && uses["raw"].contains(&"faults".to_owned()), "{uses:?}");

    // Files that use none of those that are left are taken away, until none is left: a circle would be.
    while let Some(free) = uses.iter().find(|(_, used)| !used.iter().any(|name| uses.contains_key(name))) {
        let free = free.0.clone();
        uses.remove(&free);
    }
    assert!(uses.is_empty(), "these use each other, or what does: {uses:?}");
}
