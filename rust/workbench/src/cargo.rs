//! Runs cargo on this workspace.

use std::ffi::OsStr;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};
use cargo_metadata::camino::Utf8PathBuf;
use cargo_metadata::{Artifact, Message, Metadata, MetadataCommand};

use crate::source_paths;
use crate::workspace::{ADDON, Workspace};

/// A cargo command in the root of the checkout. It uses the cargo that started this program.
pub fn command<S: AsRef<OsStr>>(workspace: &Workspace, arguments: impl IntoIterator<Item = S>) -> Command {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    command.current_dir(workspace.root()).args(arguments);
    command
}

/// Cargo's metadata about all packages of this workspace and their dependencies, with the versions in Cargo.lock.
pub fn metadata(workspace: &Workspace) -> Result<Metadata> {
    MetadataCommand::new()
        .current_dir(workspace.root())
        .other_options(["--locked".to_owned()])
        .exec()
        .context("cannot ask cargo for the packages of the workspace")
}

/// Builds the add-on's library and returns its path. Cargo's messages go directly to standard error.
pub fn build_library(workspace: &Workspace, release: bool) -> Result<PathBuf> {
    build_dynamic_library(workspace, ADDON, if release { &["--release"] } else { &[] })
}

/// Builds the add-on's library for a release and returns its path. `target` can name another platform than this machine. The
/// build uses the versions in Cargo.lock, and the library contains no path of this machine. `more` contains further options of
/// cargo.
pub fn build_published_library(workspace: &Workspace, target: Option<&str>, more: &[String]) -> Result<PathBuf> {
    let config = source_paths::config(workspace)?;
    let mut options = vec!["--release", "--locked", "--config", &config];
    options.extend(target.iter().flat_map(|target| ["--target", target]));
    options.extend(more.iter().map(String::as_str));
    build_dynamic_library(workspace, ADDON, &options)
}

/// Builds the dynamic library of a package with further options of cargo, and returns its path.
pub fn build_dynamic_library(workspace: &Workspace, package: &str, options: &[&str]) -> Result<PathBuf> {
    library_in(&build(workspace, package, options)?, package)
        .context("cargo built no dynamic library; Cargo.toml must have crate-type = [\"cdylib\"]")
}

/// Builds the packaging program, and returns its path.
pub fn build_packaging(workspace: &Workspace) -> Result<PathBuf> {
    program_in(&build(workspace, "packaging", &[])?, "packaging")
}

/// Builds the embedded server or a program that talks to it, with further options of cargo, and returns its path.
pub fn build_program(workspace: &Workspace, program: &str, options: &[&str]) -> Result<PathBuf> {
    // Both packages are named, so that their shared dependencies are compiled once, with the features of both.
    let messages = build(workspace, "test-server", &[&["--package", "soak", "--bin", program], options].concat())?;
    program_in(&messages, program)
}

fn program_in(messages: &str, program: &str) -> Result<PathBuf> {
    let built = artifacts(messages).filter_map(|artifact| artifact.executable).last();
    built.map(Utf8PathBuf::into_std_path_buf).with_context(|| format!("cargo built no program {program}"))
}

/// The paths of the test programs in cargo's messages. `cargo test` also builds examples.
pub fn tests_in(messages: &str) -> Vec<PathBuf> {
    let tests = artifacts(messages).filter(|artifact| artifact.profile.test);
    tests.filter_map(|artifact| artifact.executable).map(Utf8PathBuf::into_std_path_buf).collect()
}

/// Builds a package, and returns cargo's messages. They contain the real paths, even if `CARGO_TARGET_DIR` or another setting
/// changes these.
fn build(workspace: &Workspace, package: &str, options: &[&str]) -> Result<String> {
    let mut build = command(workspace, ["build", "--package", package, "--message-format=json-render-diagnostics"]);
    build.args(options);
    let output = build.stdin(Stdio::null()).stderr(Stdio::inherit()).output().context("cannot start cargo")?;
    if !output.status.success() {
        bail!("{package} does not build; see cargo's messages above");
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// The path of the library in cargo's messages.
pub fn library_in(messages: &str, package: &str) -> Option<PathBuf> {
    let target = package.replace('-', "_");
    let is_library = |path: &Utf8PathBuf| path.extension().is_some_and(|end| ["so", "dylib", "dll"].contains(&end));
    artifacts(messages)
        .filter(|artifact| artifact.target.name == target)
        .filter_map(|artifact| artifact.filenames.into_iter().find(is_library))
        .last()
        .map(Utf8PathBuf::into_std_path_buf)
}

fn artifacts(messages: &str) -> impl Iterator<Item = Artifact> {
    Message::parse_stream(messages.as_bytes()).filter_map(|message| match message {
        Ok(Message::CompilerArtifact(artifact)) => Some(artifact),
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_library_and_a_program_are_read_out_of_cargos_messages() {
        let artifact = |name: &str, files: &str, executable: &str| {
            format!(
                r#"{{"reason":"compiler-artifact","package_id":"a","manifest_path":"/a","target":{{"name":"{name}","kind":["bin"],
                "src_path":"/a"}},"profile":{{"opt_level":"0","debug_assertions":true,"overflow_checks":true,"test":false}},
                "features":[],"filenames":[{files}],"executable":{executable},"fresh":true}}"#
            )
            .replace('\n', "")
        };
        let messages = [
            artifact("godot", r#""/t/libgodot.so""#, "null"),
            artifact("http_client_rust", r#""/t/a.d","/t/liba.so""#, "null"),
            artifact("test-server", r#""/t/test-server""#, r#""/t/test-server""#),
            r#"{"reason":"build-finished","success":true}"#.to_owned(),
        ]
        .join("\n");
        assert_eq!(library_in(&messages, ADDON), Some(PathBuf::from("/t/liba.so")));
        assert_eq!(library_in(&messages, "test-server"), None);
        assert_eq!(artifacts(&messages).filter_map(|artifact| artifact.executable).count(), 1);
        assert_eq!(library_in("not json", ADDON), None);
    }
}
