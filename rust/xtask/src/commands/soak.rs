//! `cargo xtask soak`: builds and starts the soak run, which is a separate program. For sessions and nodes, it runs a script in
//! Godot.

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::{Command, ExitCode};
use std::time::Duration;

use anyhow::{Context, Result};
use clap::Parser;

use super::build::build_and_stage;
use crate::captured::Echo;
use crate::cargo;
use crate::godot::run::{Finished, Run};
use crate::godot::{Godot, find};
use crate::process_group::Leader;
use crate::script_head::ScriptHead;
use crate::servers::Servers;
use crate::workspace::Workspace;

/// The arguments of the command.
#[derive(clap::Args)]
#[command(disable_help_flag = true)]
pub(crate) struct Arguments {
    /// The soak run's arguments, such as --minutes 30, --sessions, --memory or --help
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, value_name = "ARGS")]
    arguments: Vec<OsString>,
}

/// The arguments for sessions and nodes in Godot.
#[derive(Parser)]
#[command(name = "cargo xtask soak")]
pub(crate) struct Sessions {
    /// Test sessions and nodes in Godot instead of clients.
    #[arg(long)]
    sessions: bool,
    /// The duration in minutes.
    #[arg(long, value_name = "N", default_value_t = 30.0)]
    minutes: f64,
    /// The seed of the random exchanges. By default, they differ every time.
    #[arg(long, value_name = "S")]
    seed: Option<u64>,
}

/// The additional time in which all running exchanges end, even on a busy machine.
const TO_END: Duration = Duration::from_secs(9 * 60);

/// Runs the command. The exit code is 1 if something was wrong.
pub(crate) fn run(workspace: &Workspace, arguments: &Arguments) -> Result<ExitCode> {
    if arguments.arguments.iter().any(|argument| argument == "--sessions") {
        let words = [&["soak".into()], &*arguments.arguments].concat();
        let sessions = Sessions::try_parse_from(words).unwrap_or_else(|error| error.exit());
        build_and_stage(workspace, false)?;
        let finished = sessions.run(workspace, &find::find_or_get()?)?;
        finished.problems().iter().for_each(|problem| eprintln!("soak: {problem}"));
        return Ok(ExitCode::from(if finished.problems().is_empty() { 0 } else { 1 }));
    }
    let mut command = Command::new(build(workspace)?);
    command.args(&arguments.arguments);
    let mut leader = Leader::start(&mut command).context("cannot start the soak run")?;
    let status = leader.child.wait().context("cannot wait for the soak run")?;
    Ok(if status.success() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Builds the program as a debug build, so that an integer overflow is detected.
pub(crate) fn build(workspace: &Workspace) -> Result<PathBuf> {
    cargo::build_program(workspace, "soak", &[])
}

impl Sessions {
    /// A run of one minute.
    pub(crate) fn a_minute() -> Self {
        Self { sessions: true, minutes: 1.0, seed: None }
    }

    /// Runs it with the staged add-on.
    pub(crate) fn run(&self, workspace: &Workspace, godot: &Godot) -> Result<Finished> {
        let servers = Servers::start()?;
        let project = workspace.godot_project();
        let mut arguments = ["--script", "res://soak/soak.gd", "--"].map(str::to_owned).to_vec();
        arguments.push(format!("--minutes={}", self.minutes));
        arguments.extend(self.seed.map(|seed| format!("--seed={seed}")));
        arguments.extend(servers.arguments());
        godot.run(Run {
            name: "soak of sessions",
            project: &project,
            arguments: arguments.into_iter().map(Into::into).collect(),
            screen: None,
            home: None,
            environment: Vec::new(),
            head: ScriptHead::of(&project.join("soak").join("soak.gd"))?,
            deadline: Duration::from_secs_f64(self.minutes.max(0.0) * 60.0) + TO_END,
            echo: Echo::All,
        })
    }
}
