//! `cargo xtask package`: builds and starts the packaging, which is a separate program.

use std::ffi::OsString;
use std::process::{Command, ExitCode};

use anyhow::{Context, Result};

use crate::cargo;
use crate::process_group::Leader;
use crate::workspace::Workspace;

/// The arguments of the command.
#[derive(clap::Args)]
#[command(disable_help_flag = true)]
pub(crate) struct Arguments {
    /// The packaging's arguments, such as --all-targets, --untried or --help
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, value_name = "ARGS")]
    arguments: Vec<OsString>,
}

/// Runs the command. The exit code is 1 if the zip does not work or must not be published.
pub(crate) fn run(workspace: &Workspace, arguments: &Arguments) -> Result<ExitCode> {
    let mut command = Command::new(cargo::build_packaging(workspace)?);
    command.args(&arguments.arguments);
    let mut leader = Leader::start(&mut command).context("cannot start the packaging")?;
    let status = leader.child.wait().context("cannot wait for the packaging")?;
    Ok(status.code().and_then(|code| u8::try_from(code).ok()).map_or(ExitCode::FAILURE, ExitCode::from))
}
