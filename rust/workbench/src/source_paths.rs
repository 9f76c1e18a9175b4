//! Keeps the folders of the machine that builds out of a library that is published: the compiler writes the paths of its
//! sources into what it makes, for the messages of panics.
//!
//! Cargo has `trim-paths` for this, but not yet in its stable releases.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};
use cargo_metadata::MetadataCommand;

use crate::workspace::Workspace;

/// A folder of this machine, and what stands for it in the library.
pub struct Replacement {
    /// Where sources stand here.
    pub folder: PathBuf,
    /// What is written in its place.
    pub by: &'static str,
}

/// The argument of cargo's `--config` that has the compiler replace this machine's folders. It adds to the flags of
/// `.cargo/config.toml`; flags in the variable `RUSTFLAGS` would take the place of both.
pub fn config(workspace: &Workspace) -> Result<String> {
    config_of(&replacements(workspace)?)
}

/// The same, for these folders.
pub fn config_of(replacements: &[Replacement]) -> Result<String> {
    let flags: Vec<String> = replacements
        .iter()
        .map(|Replacement { folder, by }| format!("--remap-path-prefix={}={by}", folder.display()))
        .collect();
    // An array of strings is written alike in JSON and in TOML.
    Ok(format!("target.'cfg(all())'.rustflags={}", serde_json::to_string(&flags)?))
}

/// The folder of this machine that a library names; none if it names none.
pub fn named_in<'a>(library: &[u8], replacements: &'a [Replacement]) -> Option<&'a Path> {
    let folders = replacements.iter().map(|replacement| replacement.folder.as_path());
    folders.into_iter().find(|folder| contains(library, folder.as_os_str().as_encoded_bytes()))
}

/// Where sources stand on this machine. Of several that match a path, the compiler takes the last.
pub fn replacements(workspace: &Workspace) -> Result<Vec<Replacement>> {
    Ok(vec![
        Replacement { folder: workspace.root().to_path_buf(), by: "http_client_rust" },
        Replacement { folder: target_folder(workspace)?, by: "target" },
        Replacement { folder: cargo_home()?.join("registry").join("src"), by: "crates" },
        Replacement { folder: sysroot()?, by: "rust" },
    ])
}

/// Build scripts write sources there.
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

/// Where the standard library's sources are, if they are installed.
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
