//! `cargo xtask library`: the library as it is published, for a machine that need not be this one. Releases use it.

use std::process::ExitCode;

use anyhow::Result;

use crate::cargo;
use crate::interface;
use crate::workspace::Workspace;

/// What the command line says.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// The target platform, as named by Rust. The default is this machine.
    #[arg(long, value_name = "TRIPLE")]
    target: Option<String>,
    /// Name the classes HTTPClient and HTTPRequest, for an engine that was built without these classes.
    #[arg(long)]
    engine_names: bool,
}

/// Runs the command, and prints where the library is.
pub(crate) fn run(workspace: &Workspace, arguments: &Arguments) -> Result<ExitCode> {
    let more = if arguments.engine_names { interface::options_for_engine_names(workspace)? } else { Vec::new() };
    let built = cargo::build_published_library(workspace, arguments.target.as_deref(), &more)?;
    println!("{}", built.display());
    Ok(ExitCode::SUCCESS)
}
