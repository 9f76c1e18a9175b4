//! `cargo xtask demo`: the sample's transcript, headless, against the embedded server.

use std::process::ExitCode;

use anyhow::Result;

use super::build::build_and_stage;
use crate::captured::Echo;
use crate::godot::{find, suite};
use crate::workspace::Workspace;

/// What the command line says.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Build with optimizations, as a release has it.
    #[arg(long, short)]
    release: bool,
    /// Also make a request to this address: cargo xtask demo -- http://host/path
    #[arg(last = true, value_name = "URL")]
    url: Option<String>,
}

/// Runs the command. The exit code is Godot's, or 1 where only its log was wrong.
pub(crate) fn run(workspace: &Workspace, arguments: &Arguments) -> Result<ExitCode> {
    build_and_stage(workspace, arguments.release)?;
    let godot = find::find_or_get()?;
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
