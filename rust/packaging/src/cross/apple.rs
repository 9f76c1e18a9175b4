//! What Apple's linker finds in an SDK: for each library a text with the symbols that it has (a *text-based stub*). Ours has what
//! a library of the add-on may import, and nothing else; so one that imports more does not even link.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context, Result};

use crate::verify::MACOS_IMPORTS;

/// Writes the folder that `SDKROOT` names.
pub(super) fn write_sdk(sdk: &Path) -> Result<()> {
    for (library, symbols) in symbols_by_library(MACOS_IMPORTS) {
        let (file, install_name) = places(library);
        // The C library has other names too, which rustc uses.
        let more =
            if library.starts_with("libSystem.") { ["usr/lib/libc.tbd", "usr/lib/libm.tbd"].as_slice() } else { &[] };
        for file in more.iter().copied().chain([file.as_str()]) {
            let file = sdk.join(file);
            let folder = file.parent().context("a file stands in a folder")?;
            std::fs::create_dir_all(folder)
                .and_then(|()| std::fs::write(&file, stub(&install_name, &symbols)))
                .with_context(|| format!("cannot write {}", file.display()))?;
        }
    }
    Ok(())
}

fn symbols_by_library(list: &str) -> BTreeMap<&str, Vec<&str>> {
    let mut libraries: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for (library, symbol) in list.lines().filter(|line| !line.starts_with('#')).filter_map(|line| line.split_once(' '))
    {
        libraries.entry(library).or_default().push(symbol);
    }
    libraries
}

/// Where the linker looks for a library, and where macOS does.
fn places(library: &str) -> (String, String) {
    match library.strip_suffix(".dylib") {
        Some(versioned) => {
            let name = versioned.split('.').next().unwrap_or(versioned);
            (format!("usr/lib/{name}.tbd"), format!("/usr/lib/{library}"))
        }
        None => {
            let framework = format!("System/Library/Frameworks/{library}.framework");
            (format!("{framework}/{library}.tbd"), format!("/{framework}/Versions/A/{library}"))
        }
    }
}

fn stub(install_name: &str, symbols: &[&str]) -> String {
    let targets = "[ x86_64-macos, arm64-macos ]";
    format!(
        "--- !tapi-tbd\ntbd-version: 4\ntargets: {targets}\ninstall-name: '{install_name}'\nexports:\n  \
         - targets: {targets}\n    symbols: [ {} ]\n...\n",
        symbols.join(", ")
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_linker_and_the_system_look_for_a_library_in_different_places() {
        let own = |(one, two): (&str, &str)| (one.to_owned(), two.to_owned());
        assert_eq!(places("libSystem.B.dylib"), own(("usr/lib/libSystem.tbd", "/usr/lib/libSystem.B.dylib")));
        let security = "System/Library/Frameworks/Security.framework";
        let expected = (format!("{security}/Security.tbd"), format!("/{security}/Versions/A/Security"));
        assert_eq!(places("Security"), expected);
    }

    #[test]
    fn every_line_of_the_list_is_a_library_and_a_symbol_of_it_and_in_order() {
        let lines: Vec<&str> = MACOS_IMPORTS.lines().filter(|line| !line.starts_with('#')).collect();
        assert!(lines.is_sorted(), "sort macos_imports.txt");
        let count: usize = symbols_by_library(MACOS_IMPORTS).values().map(Vec::len).sum();
        assert!(count > 0 && count == lines.len());
    }

    #[test]
    fn a_stub_lists_its_symbols_for_both_processors() {
        let text = stub("/usr/lib/libx.dylib", &["_a", "_b"]);
        assert!(text.contains("targets: [ x86_64-macos, arm64-macos ]\n    symbols: [ _a, _b ]"), "{text}");
    }
}
