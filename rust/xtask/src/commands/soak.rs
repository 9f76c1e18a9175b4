//! `cargo xtask soak`: builds and starts the soak run, which is a program of its own.

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::{Command, ExitCode};

use anyhow::{Context, Result};

use crate::cargo;
use crate::process_group::Leader;
use crate::workspace::Workspace;

/// What the command line says.
#[derive(clap::Args)]
#[command(disable_help_flag = true)]
pub(crate) struct Arguments {
    /// The soak run's arguments, such as --minutes 30, --memory or --help
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, value_name = "ARGS")]
    arguments: Vec<OsString>,
}

/// Runs the command. The exit code is 1 where something did not hold.
pub(crate) fn run(workspace: &Workspace, arguments: &Arguments) -> Result<ExitCode> {
    let mut command = Command::new(build(workspace)?);
    command.args(&arguments.arguments);
    let mut leader = Leader::start(&mut command).context("cannot start the soak run")?;
    let status = leader.child.wait().context("cannot wait for the soak run")?;
    Ok(if status.success() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// The program, in a debug build: a number that overflows is to be noticed.
pub(crate) fn build(workspace: &Workspace) -> Result<PathBuf> {
    cargo::build_program(workspace, "soak", &[])
}
