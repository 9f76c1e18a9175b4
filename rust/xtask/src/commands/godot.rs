//! `cargo xtask godot`: runs Godot interactively on the sample project.

use std::ffi::OsString;
use std::process::{Command, ExitCode, ExitStatus};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};

use super::build::build_and_stage;
use crate::godot::find;
use crate::process_group::Leader;
use crate::stage;
use crate::workspace::Workspace;

/// The arguments of the command.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// End Godot after this number of seconds. Put it before Godot's own arguments.
    #[arg(long, value_name = "SECONDS")]
    deadline: Option<u64>,
    /// Godot's arguments, such as --editor or --headless --script res://demo/transcript.gd
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, value_name = "ARGS")]
    arguments: Vec<OsString>,
}

/// Runs the command. It builds only if the add-on was never staged. `cargo xtask build` updates it.
pub(crate) fn run(workspace: &Workspace, arguments: &Arguments) -> Result<ExitCode> {
    if !stage::is_staged(workspace) {
        build_and_stage(workspace, false)?;
    }
    let godot = find::find_or_get()?;
    let mut command = Command::new(&godot.program);
    command.arg("--path").arg(workspace.godot_project()).args(&arguments.arguments);
    let status = match arguments.deadline.map(Duration::from_secs) {
        None => Some(command.status().context("cannot start Godot")?),
        Some(deadline) => run_until(&mut command, deadline)?,
    };
    let Some(status) = status else {
        eprintln!("Godot was still running after its deadline and was killed");
        return Ok(ExitCode::FAILURE);
    };
    let code = status.code().and_then(|code| u8::try_from(code).ok());
    Ok(ExitCode::from(code.unwrap_or(1)))
}

/// Waits until the command ends. `None` if it had to be killed.
fn run_until(command: &mut Command, deadline: Duration) -> Result<Option<ExitStatus>> {
    let started = Instant::now();
    let mut leader = Leader::start(command).context("cannot start Godot")?;
    loop {
        if let Some(status) = leader.child.try_wait().context("cannot wait for Godot")? {
            return Ok(Some(status));
        }
        if started.elapsed() > deadline {
            return Ok(None);
        }
        std::thread::sleep(Duration::from_millis(50));
    }
}
