//! Keeps names and versions in one place: Cargo.toml. The add-on's own files must repeat them, because Godot reads only those.
//! This script stops the build if they differ.
//!
//! It cannot copy the library into the add-on, because it runs before the library is built. `cargo xtask build` does that.

use std::fs;
use std::path::Path;

/// The godot crate's name for the entry point that Godot calls.
const ENTRY_SYMBOL: &str = "gdext_rust_init";
/// The names of the client and the node in scripts. The feature `engine-names` uses the engine's names, so the engine must not
/// have these classes.
const CLASS_NAMES: [&str; 2] =
    if cfg!(feature = "engine-names") { ["HTTPClient", "HTTPRequest"] } else { ["HTTPClientRust", "HTTPRequestRust"] };

fn main() {
    let package = env!("CARGO_PKG_NAME");
    let addon = Path::new("addons").join(package);
    println!("cargo:rerun-if-changed=build.rs");
    let [client, node] = CLASS_NAMES;
    println!("cargo:rustc-env=CLASS_NAME={client}");
    println!("cargo:rustc-env=NODE_CLASS_NAME={node}");

    let extension = addon.join(format!("{package}.gdextension"));
    let text = read(&extension);
    demand(&extension, &text, "entry_symbol", ENTRY_SYMBOL);
    let libraries = values_of_section(&text, "libraries");
    assert!(
        !libraries.is_empty(),
        "{}: its section [libraries] is empty; add a line for each system, such as \
         linux.x86_64 = \"bin/lib{package}.linux.x86_64.so\"",
        extension.display()
    );
    for (target, path) in libraries {
        let expected = library_of(package, target);
        assert!(
            path == expected,
            "{}: the library for {target} is {path:?}; write {target} = {expected:?}, because the package in \
             Cargo.toml is called {package}",
            extension.display()
        );
    }

    // An add-on without an editor plugin has no plugin.cfg.
    let plugin = addon.join("plugin.cfg");
    if plugin.exists() {
        demand(&plugin, &read(&plugin), "version", env!("CARGO_PKG_VERSION"));
    }
}

/// The path of the library for a target in the add-on: cargo's name for it, with the target added.
fn library_of(package: &str, target: &str) -> String {
    let system = target.split('.').next().unwrap_or_default();
    let (prefix, extension) = match system {
        "windows" => ("", "dll"),
        "macos" | "ios" => ("lib", "dylib"),
        _ => ("lib", "so"),
    };
    // One file is for all processors of a Mac.
    let target = if target == "macos" { "macos.universal" } else { target };
    format!("bin/{prefix}{package}.{target}.{extension}")
}

/// Reads a file of the add-on, and lets cargo run this script again when it changes.
fn read(path: &Path) -> String {
    println!("cargo:rerun-if-changed={}", path.display());
    fs::read_to_string(path)
        .unwrap_or_else(|error| panic!("{}: cannot be read ({error}); restore this file of the add-on", path.display()))
}

/// Stops the build unless the file gives this key this value.
fn demand(path: &Path, text: &str, key: &str, expected: &str) {
    let found = entries(text).find(|(name, _)| *name == key);
    let found = found.map(|(_, value)| value);
    assert!(
        found == Some(expected),
        "{}: {key} is {}; write {key}=\"{expected}\"",
        path.display(),
        found.map_or("missing".to_owned(), |value| format!("{value:?}"))
    );
}

/// The keys and quoted values of one section.
fn values_of_section<'a>(text: &'a str, section: &str) -> Vec<(&'a str, &'a str)> {
    let header = format!("[{section}]");
    let Some(start) = text.find(&header) else {
        return Vec::new();
    };
    let body = &text[start + header.len()..];
    let end = body.find("\n[").unwrap_or(body.len());
    entries(&body[..end]).collect()
}

/// All lines of the form `key = "value"`.
fn entries(text: &str) -> impl Iterator<Item = (&str, &str)> {
    text.lines().filter_map(|line| {
        let (key, value) = line.split_once('=')?;
        let value = value.trim().strip_prefix('"')?.strip_suffix('"')?;
        Some((key.trim(), value))
    })
}
