//! Finds files that use each other. A reader must know all files of such a circle to understand one of them.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use regex::Regex;

use crate::workspace::Workspace;

/// The files of a crate, or folders of files, with those that each of them uses.
type Uses = BTreeMap<String, BTreeSet<String>>;

/// The folders with the sources of the crates.
const CRATES: [&str; 11] = [
    "rust/binding",
    "rust/client/src",
    "rust/fetch/src",
    "rust/net/src",
    "rust/packaging/src",
    "rust/protocol/src",
    "rust/soak/src",
    "rust/supervised/src",
    "rust/test-server/src",
    "rust/workbench/src",
    "rust/xtask/src",
];

#[test]
fn no_file_uses_one_that_uses_it() {
    let workspace = Workspace::find().unwrap();
    for folder in CRATES {
        let mut uses = Uses::new();
        read(&workspace.root().join(folder), None, &mut uses);
        assert!(uses.values().any(|used| !used.is_empty()), "{folder}: nothing uses anything: {uses:?}");
        let circles: Vec<String> = circles(uses).into_keys().collect();
        assert!(circles.is_empty(), "{folder}: these files depend on each other in a circle: {circles:?}");
    }
}

#[test]
fn a_circle_is_found_and_what_stands_above_and_below_it_is_not_of_it() {
    let uses = [("top", vec!["a"]), ("a", vec!["b"]), ("b", vec!["a", "low"]), ("low", vec![])];
    let uses = uses.map(|(name, used)| (name.to_owned(), used.into_iter().map(str::to_owned).collect()));
    assert_eq!(circles(uses.into()).into_keys().collect::<Vec<_>>(), ["a", "b"]);
}

#[test]
fn what_a_file_uses_is_read_from_paths_and_from_lists() {
    let text = "use crate::a::B;\n// crate::comment\nuse crate::{c, d::{E, F}, g};\nlet x = crate::h::i();\n";
    assert_eq!(used_in(text).into_iter().collect::<Vec<_>>(), ["a", "c", "d", "g", "h"]);
}

/// Removes files that use no remaining file, and files that no remaining file uses, until only circles are left.
fn circles(mut uses: Uses) -> Uses {
    loop {
        let all: BTreeSet<String> = uses.keys().cloned().collect();
        uses.values_mut().for_each(|used| used.retain(|name| all.contains(name)));
        let is_used: BTreeSet<String> = uses.values().flatten().cloned().collect();
        uses.retain(|name, used| !used.is_empty() && is_used.contains(name));
        if uses.len() == all.len() {
            return uses;
        }
    }
}

/// Reads the files in a folder. Files in a subfolder count as this subfolder.
fn read(folder: &Path, part: Option<&str>, uses: &mut Uses) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let stem = path.file_stem().unwrap().to_string_lossy().into_owned();
        let part = part.unwrap_or(&stem);
        if path.is_dir() {
            read(&path, Some(part), uses);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let used = used_in(&fs::read_to_string(&path).unwrap());
            uses.entry(part.to_owned()).or_default().extend(used.into_iter().filter(|name| name != part));
        }
    }
}

/// Finds the modules in paths like `crate::a::B` and lists like `crate::{a, b::C}`.
fn used_in(text: &str) -> BTreeSet<String> {
    let code = Regex::new("(?m)//.*$").unwrap().replace_all(text, "");
    let paths = Regex::new(r"\bcrate::([a-z_0-9]+)").unwrap();
    let lists = Regex::new(r"\bcrate::\{([^;]*)\};").unwrap();
    let deeper = Regex::new(r"\{[^{}]*\}").unwrap();
    let items = Regex::new(r"(?:^|,)\s*([a-z_0-9]+)").unwrap();
    let mut used: BTreeSet<String> = paths.captures_iter(&code).map(|found| found[1].to_owned()).collect();
    for list in lists.captures_iter(&code) {
        let list = deeper.replace_all(&list[1], "").into_owned();
        used.extend(items.captures_iter(&list).map(|found| found[1].to_owned()));
    }
    used
}
