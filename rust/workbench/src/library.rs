//! The name of the built library inside the add-on. The .gdextension contains these names.

use std::path::Path;

use anyhow::{Context, Result, bail};

use crate::workspace::Workspace;

/// The library's path inside the add-on for an operating system and a processor, from the section `[libraries]` of a .gdextension
/// file. The names are those of Rust (`std::env::consts`).
pub fn path_in_addon(gdextension: &str, os: &str, arch: &str) -> Result<String> {
    let arch = match arch {
        "aarch64" => "arm64",
        "x86" => "x86_32",
        "arm" => "arm32",
        other => other,
    };
    // The key of a library for all processors is the name of the system alone.
    for key in [format!("{os}.{arch}"), os.to_owned()] {
        if let Some(path) = value(gdextension, "libraries", &key) {
            if path.contains("..") || path.contains(':') || path.starts_with('/') {
                bail!("{path:?}, the library for {key}, is not a path inside the add-on");
            }
            return Ok(path.to_owned());
        }
    }
    bail!("the .gdextension has no library for {os}.{arch}; add a line to its `[libraries]`")
}

/// A quoted value of a Godot configuration file.
fn value<'a>(text: &'a str, section: &str, key: &str) -> Option<&'a str> {
    let header = format!("[{section}]");
    text.lines()
        .map(str::trim)
        .skip_while(|line| *line != header)
        .skip(1)
        .take_while(|line| !line.starts_with('['))
        .find_map(|line| {
            let (found, value) = line.split_once('=')?;
            let value = value.trim().strip_prefix('"')?.strip_suffix('"')?;
            (found.trim() == key).then_some(value)
        })
}

/// The path for this machine in a .gdextension file.
pub fn path_for_this_machine(gdextension: &Path) -> Result<String> {
    path_in_addon(&read(gdextension)?, std::env::consts::OS, std::env::consts::ARCH)
}

/// The library's path inside the add-on for a key of `[libraries]`.
pub fn path_of(workspace: &Workspace, key: &str) -> Result<String> {
    let text = read(&workspace.gdextension())?;
    value(&text, "libraries", key)
        .map(str::to_owned)
        .with_context(|| format!("the .gdextension has no library for {key}"))
}

/// The key of `[libraries]` whose library has this file name.
pub fn key_of(workspace: &Workspace, file_name: &str) -> Result<String> {
    let text = read(&workspace.gdextension())?;
    let end = format!("= \"bin/{file_name}\"");
    let key = text.lines().find_map(|line| line.trim().strip_suffix(&end)).map(|key| key.trim().to_owned());
    key.with_context(|| format!("{file_name} is not in the .gdextension; add a line with its name"))
}

fn read(gdextension: &Path) -> Result<String> {
    std::fs::read_to_string(gdextension).with_context(|| format!("cannot read {}", gdextension.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = "[configuration]\nlinux.x86_64 = \"wrong\"\n[libraries]\nlinux.x86_64 = \"bin/a.so\"\n\
                        macos = \"bin/a.dylib\"\n[icons]\nlinux.arm64 = \"wrong\"\n";

    #[test]
    fn the_library_of_a_system_and_a_processor_is_found() {
        assert_eq!(path_in_addon(FILE, "linux", "x86_64").unwrap(), "bin/a.so");
    }

    #[test]
    fn a_library_for_all_processors_serves_each() {
        for arch in ["x86_64", "aarch64"] {
            assert_eq!(path_in_addon(FILE, "macos", arch).unwrap(), "bin/a.dylib");
        }
    }

    #[test]
    fn a_machine_without_a_library_is_named_as_godot_names_it() {
        let message = path_in_addon(FILE, "linux", "aarch64").unwrap_err().to_string();
        assert!(message.contains("linux.arm64"), "{message}");
    }

    #[test]
    fn a_library_outside_the_addon_is_refused() {
        for path in ["../a.so", "/a.so", "res://a.so"] {
            let file = format!("[libraries]\nlinux = \"{path}\"");
            assert!(path_in_addon(&file, "linux", "x86_64").is_err(), "{path}");
        }
    }
}
