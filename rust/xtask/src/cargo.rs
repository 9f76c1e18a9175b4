//! Calls of cargo on this workspace.

use std::ffi::OsStr;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};
use cargo_metadata::camino::Utf8PathBuf;
use cargo_metadata::{Artifact, Message};

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
    let target = package.replace('-', "_");
    build(workspace, package, options, |artifact| {
        let is_library =
            |path: &&Utf8PathBuf| path.extension().is_some_and(|end| ["so", "dylib", "dll"].contains(&end));
        artifact.filenames.iter().find(is_library).filter(|_| artifact.target.name == target).cloned()
    })?
    .context("cargo built no dynamic library; Cargo.toml must have crate-type = [\"cdylib\"]")
}

/// Builds one of the programs that are started from here, with more of cargo's options, and says where it is.
pub(crate) fn build_program(workspace: &Workspace, program: &str, options: &[&str]) -> Result<PathBuf> {
    // Both packages are named, so that what they share is compiled once, with the features that both ask for.
    let options = [&["--package", "soak", "--bin", program], options].concat();
    build(workspace, "test-server", &options, |artifact| artifact.executable.clone())?
        .with_context(|| format!("cargo built no program {program}"))
}

/// Builds a package, and asks of each thing that was built whether it is what is wanted. Cargo's messages know of
/// `CARGO_TARGET_DIR` and everything else that moves things.
fn build(
    workspace: &Workspace,
    package: &str,
    options: &[&str],
    wanted: impl Fn(&Artifact) -> Option<Utf8PathBuf>,
) -> Result<Option<PathBuf>> {
    let mut build = command(workspace, ["build", "--package", package, "--message-format=json-render-diagnostics"]);
    build.args(options);
    let output = build.stdin(Stdio::null()).stderr(Stdio::inherit()).output().context("cannot start cargo")?;
    if !output.status.success() {
        bail!("{package} does not build; cargo's messages stand above");
    }
    let mut found = None;
    for message in Message::parse_stream(output.stdout.as_slice()) {
        if let Message::CompilerArtifact(artifact) = message.context("cannot read cargo's messages")? {
            found = wanted(&artifact).or(found);
        }
    }
    Ok(found.map(Utf8PathBuf::into_std_path_buf))
}
