//! `cargo xtask build`: builds the library, and copies the add-on with it into the sample project.

use std::process::ExitCode;

use anyhow::Result;

use crate::workspace::Workspace;
use crate::{cargo, stage};

/// The arguments of the command.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Build with optimizations, like a release.
    #[arg(long, short)]
    release: bool,
}

/// Runs the command.
pub(crate) fn run(workspace: &Workspace, arguments: &Arguments) -> Result<ExitCode> {
    build_and_stage(workspace, arguments.release)?;
    Ok(ExitCode::SUCCESS)
}

/// Builds the library and stages the add-on in the sample project.
pub(crate) fn build_and_stage(workspace: &Workspace, release: bool) -> Result<()> {
    let built = cargo::build_library(workspace, release)?;
    let staged = stage::stage(workspace, &built)?;
    let shown = staged.strip_prefix(workspace.root()).unwrap_or(&staged);
    println!("Staged {}", shown.display());
    Ok(())
}
