//! `cargo xtask library`: builds the library for a release, for this machine or another platform. The release workflow uses it.

use std::process::ExitCode;

use anyhow::Result;

use crate::cargo;
use crate::interface;
use crate::workspace::Workspace;

/// The arguments of the command.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// The target platform, as named by Rust. The default is this machine.
    #[arg(long, value_name = "TRIPLE")]
    target: Option<String>,
    /// Name the classes HTTPClient and HTTPRequest, for an engine that was built without these classes.
    #[arg(long)]
    engine_names: bool,
}

/// Runs the command, and prints the path of the library.
pub(crate) fn run(workspace: &Workspace, arguments: &Arguments) -> Result<ExitCode> {
    let more = if arguments.engine_names { interface::options_for_engine_names(workspace)? } else { Vec::new() };
    let built = cargo::build_published_library(workspace, arguments.target.as_deref(), &more)?;
    println!("{}", built.display());
    Ok(ExitCode::SUCCESS)
}
