//! `cargo xtask package`: the zip that a game's author unpacks, and whether it works.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Result;

use crate::godot::find;
use crate::package::{self, Trial};
use crate::report::Report;
use crate::workspace::Workspace;

/// What the command line says.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Only put together what is in dist/lib, and build nothing: the last step of a release.
    #[arg(long)]
    prebuilt: bool,
    /// Do not try the zip out in Godot.
    #[arg(long)]
    untried: bool,
    /// Export the sample with this release template of Linux, instead of Debian's.
    #[arg(long, value_name = "PROGRAM")]
    template: Option<PathBuf>,
}

/// Runs the command. The exit code is 1 where the zip is too large or does not work.
pub(crate) fn run(workspace: &Workspace, arguments: &Arguments) -> Result<ExitCode> {
    let mut report = Report::default();
    let archive = package::make_as_step(workspace, arguments.prebuilt, &mut report);
    if !arguments.untried
        && let Some(archive) = archive
    {
        let godot = find::find_or_get()?;
        for trial in Trial::ALL {
            report.step(trial.name(), || trial.run(&godot, workspace, &archive, arguments.template.as_deref()));
        }
    }
    Ok(report.conclude())
}
