//! Calls of cargo on this workspace.

use std::ffi::OsStr;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};
use serde_json::Value;

use crate::source_paths;
use crate::workspace::{ADDON, Workspace};

/// A cargo command in the checkout's root; the same cargo that started this program.
pub(crate) fn command<S: AsRef<OsStr>>(workspace: &Workspace, arguments: impl IntoIterator<Item = S>) -> Command {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    command.current_dir(workspace.root()).args(arguments);
    command
}

/// Builds the add-on's library and says where it is. Cargo's own messages go to standard error as they come.
pub(crate) fn build_library(workspace: &Workspace, release: bool) -> Result<PathBuf> {
    build_dynamic_library(workspace, ADDON, if release { &["--release"] } else { &[] })
}

/// Builds the add-on's library as it is published, for another machine than this one if `target` names one, and says where
/// it is. What it is built from are the versions in Cargo.lock, and no path of this machine is in it.
pub(crate) fn build_published_library(workspace: &Workspace, target: Option<&str>) -> Result<PathBuf> {
    let config = source_paths::config(workspace)?;
    let mut options = vec!["--release", "--locked", "--config", &config];
    options.extend(target.iter().flat_map(|target| ["--target", target]));
    build_dynamic_library(workspace, ADDON, &options)
}

/// Builds the dynamic library of a package with more of cargo's options, and says where it is.
pub(crate) fn build_dynamic_library(workspace: &Workspace, package: &str, options: &[&str]) -> Result<PathBuf> {
    let mut build = command(workspace, ["build", "--package", package, "--message-format=json-render-diagnostics"]);
    build.args(options);
    let output = build.stdin(Stdio::null()).stderr(Stdio::inherit()).output().context("cannot start cargo")?;
    if !output.status.success() {
        bail!("the library does not build; cargo's messages stand above");
    }
    library_in(&String::from_utf8_lossy(&output.stdout), package)
        .context("cargo built no dynamic library; Cargo.toml must have crate-type = [\"cdylib\"]")
}

/// The library in cargo's messages: these know of `CARGO_TARGET_DIR` and everything else that moves it.
fn library_in(messages: &str, package: &str) -> Option<PathBuf> {
    let target = package.replace('-', "_");
    messages
        .lines()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok())
        .filter(|message| message["reason"] == "compiler-artifact")
        .filter(|message| message["target"]["name"] == target.as_str())
        .filter_map(|message| {
            let files = message["filenames"].as_array()?.clone();
            files.iter().find_map(|file| {
                let path = PathBuf::from(file.as_str()?);
                let extension = path.extension()?.to_str()?;
                ["so", "dylib", "dll"].contains(&extension).then_some(path)
            })
        })
        .next_back()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_library_is_read_out_of_cargos_messages() {
        let messages = r#"
            not json
            {"reason":"compiler-artifact","target":{"name":"godot"},"filenames":["/t/libgodot.so"]}
            {"reason":"compiler-artifact","target":{"name":"http_client_rust"},"filenames":["/t/a.d","/t/liba.so"]}
            {"reason":"build-finished","success":true}
        "#;
        assert_eq!(library_in(messages, ADDON), Some(PathBuf::from("/t/liba.so")));
    }

    #[test]
    fn messages_without_a_library_have_none() {
        assert_eq!(library_in(r#"{"reason":"build-finished","success":true}"#, ADDON), None);
    }
}
