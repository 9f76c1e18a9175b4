//! Keeps the folders of the build machine out of a published library. The compiler writes the paths of its sources into the
//! library, for panic messages.
//!
//! Cargo has `trim-paths` for this, but not yet in its stable releases.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};
use cargo_metadata::MetadataCommand;

use crate::workspace::Workspace;

/// A folder of this machine, and its replacement in the library.
pub struct Replacement {
    /// A folder with sources.
    pub folder: PathBuf,
    /// The text that replaces it.
    pub by: &'static str,
}

/// The argument of cargo's `--config` that makes the compiler replace this machine's folders. It adds to the flags in
/// `.cargo/config.toml`. Flags in the variable `RUSTFLAGS` would override both.
pub fn config(workspace: &Workspace) -> Result<String> {
    config_of(&replacements(workspace)?)
}

/// The same for these folders.
pub fn config_of(replacements: &[Replacement]) -> Result<String> {
    let flags: Vec<String> = replacements
        .iter()
        .map(|Replacement { folder, by }| format!("--remap-path-prefix={}={by}", folder.display()))
        .collect();
    // JSON and TOML use the same syntax for an array of strings.
    Ok(format!("target.'cfg(all())'.rustflags={}", serde_json::to_string(&flags)?))
}

/// The first folder of this machine that a library contains, if any.
pub fn named_in<'a>(library: &[u8], replacements: &'a [Replacement]) -> Option<&'a Path> {
    let folders = replacements.iter().map(|replacement| replacement.folder.as_path());
    folders.into_iter().find(|folder| contains(library, folder.as_os_str().as_encoded_bytes()))
}

/// The folders with sources on this machine. If several match a path, the compiler uses the last one.
pub fn replacements(workspace: &Workspace) -> Result<Vec<Replacement>> {
    Ok(vec![
        Replacement { folder: workspace.root().to_path_buf(), by: "http_client_rust" },
        Replacement { folder: target_folder(workspace)?, by: "target" },
        Replacement { folder: cargo_home()?.join("registry").join("src"), by: "crates" },
        Replacement { folder: sysroot()?, by: "rust" },
    ])
}

/// The target folder, where build scripts write sources.
fn target_folder(workspace: &Workspace) -> Result<PathBuf> {
    let metadata = MetadataCommand::new()
        .current_dir(workspace.root())
        .no_deps()
        .other_options(["--offline".to_owned()])
        .exec()
        .context("cannot ask cargo for its target folder")?;
    Ok(metadata.target_directory.into())
}

fn cargo_home() -> Result<PathBuf> {
    let chosen = std::env::var_os("CARGO_HOME").filter(|path| !path.is_empty()).map(PathBuf::from);
    chosen
        .or_else(|| Some(std::env::home_dir()?.join(".cargo")))
        .context("there is no home folder, and CARGO_HOME is not set")
}

/// The folder with the sources of the standard library, if they are installed.
fn sysroot() -> Result<PathBuf> {
    let compiler = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let output = Command::new(compiler).args(["--print", "sysroot"]).output().context("cannot start rustc")?;
    if !output.status.success() {
        bail!("rustc did not print its folder: {}", String::from_utf8_lossy(&output.stderr).trim());
    }
    Ok(String::from_utf8_lossy(&output.stdout).trim().into())
}

fn contains(content: &[u8], wanted: &[u8]) -> bool {
    content.windows(wanted.len()).any(|part| part == wanted)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_folder_of_sources_is_replaced() {
        let workspace = Workspace::find().unwrap();
        let config = config(&workspace).unwrap();
        let flags = config.strip_prefix("target.'cfg(all())'.rustflags=").unwrap();
        let flags: Vec<String> = serde_json::from_str(flags).unwrap();
        assert_eq!(flags.len(), 4);
        assert_eq!(flags[0], format!("--remap-path-prefix={}=http_client_rust", workspace.root().display()));
    }

    #[test]
    fn a_library_that_names_a_folder_of_this_machine_is_found_out() {
        let workspace = Workspace::find().unwrap();
        let folders = replacements(&workspace).unwrap();
        assert_eq!(named_in(b"...rust/client/src/lib.rs...", &folders), None);
        let library = format!("...{}/src/lib.rs...", workspace.root().display());
        assert_eq!(named_in(library.as_bytes(), &folders), Some(workspace.root()));
    }
}
