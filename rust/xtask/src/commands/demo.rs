//! `cargo xtask demo`: runs the sample against the embedded server, as a transcript without a window, or in a window.

use std::process::{Command, ExitCode};

use anyhow::{Context, Result};

use super::build::build_and_stage;
use crate::captured::Echo;
use crate::godot::{Godot, find, suite};
use crate::servers::Servers;
use crate::workspace::Workspace;

/// The arguments of the command.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Build with optimizations, like a release.
    #[arg(long, short)]
    release: bool,
    /// Open the window of the sample project instead, until you close it.
    #[arg(long)]
    window: bool,
    /// Also make a request to this address: cargo xtask demo -- http://host/path
    #[arg(last = true, value_name = "URL")]
    url: Option<String>,
}

/// Runs the command. The exit code is that of Godot, or 1 if only its log was wrong.
pub(crate) fn run(workspace: &Workspace, arguments: &Arguments) -> Result<ExitCode> {
    build_and_stage(workspace, arguments.release)?;
    let godot = find::find_or_get()?;
    if arguments.window {
        return window(workspace, &godot);
    }
    let finished = suite::run_transcript(&godot, workspace, arguments.url.as_deref(), Echo::All)?;
    let problems = finished.problems();
    for problem in &problems {
        eprintln!("demo: {problem}");
    }
    Ok(match (finished.code, problems.is_empty()) {
        (0, true) => ExitCode::SUCCESS,
        (0, false) => ExitCode::FAILURE,
        (code, _) => ExitCode::from(code),
    })
}

/// Opens the sample with the server's addresses, and waits until the user closes it.
fn window(workspace: &Workspace, godot: &Godot) -> Result<ExitCode> {
    let servers = Servers::start()?;
    let mut command = Command::new(&godot.program);
    command.arg("--path").arg(workspace.godot_project()).arg("--").args(servers.arguments());
    let status = command.status().context("cannot start Godot")?;
    Ok(if status.success() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
