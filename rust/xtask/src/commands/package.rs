//! `cargo xtask package`: the zip that a game's author unpacks, and whether it works.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Result;

use crate::godot::find;
use crate::package::cross::{ROWS, Row};
use crate::package::{self, Build, Trial};
use crate::report::Report;
use crate::workspace::Workspace;

/// What the command line says.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Only put together what is in dist/lib, and build nothing: the last step of a release.
    #[arg(long)]
    prebuilt: bool,
    /// Build the libraries of every platform that one Linux machine can build for, with tools that it gets from packages.
    #[arg(long, conflicts_with = "prebuilt")]
    all_targets: bool,
    /// Build one of these alone, such as linux.arm64; more than one may be named.
    #[arg(long, value_name = "PLATFORM", conflicts_with_all = ["prebuilt", "all_targets"], value_parser = row_of)]
    platform: Vec<&'static Row>,
    /// Call the class HTTPClient, for engines that were built without their own.
    #[arg(long)]
    engine_names: bool,
    /// Only see whether the library compiles for iOS and Android; to link it needs Apple's and Google's own tools.
    #[arg(long, conflicts_with_all = ["prebuilt", "all_targets", "platform"])]
    check_mobile: bool,
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
    if arguments.check_mobile {
        report.step("package/mobile", || package::check_mobile(workspace));
        return Ok(report.conclude());
    }
    let build = match &arguments.platform[..] {
        _ if arguments.prebuilt => Build::Nothing,
        _ if arguments.all_targets => Build::Platforms(ROWS.iter().collect()),
        [] => Build::ThisMachine,
        named => Build::Platforms(named.to_vec()),
    };
    let archive = package::make_as_step(workspace, &build, arguments.engine_names, &mut report);
    if !arguments.untried
        && let Some(archive) = archive
    {
        let godot = find::find_or_get()?;
        if arguments.engine_names {
            report.step("package/engine-names", || package::try_engine_names(&godot, workspace, &archive));
            return Ok(report.conclude());
        }
        for trial in Trial::ALL {
            report.step(trial.name(), || trial.run(&godot, workspace, &archive, arguments.template.as_deref()));
        }
    }
    Ok(report.conclude())
}

fn row_of(name: &str) -> Result<&'static Row, String> {
    let known = || ROWS.iter().map(|row| row.key).collect::<Vec<_>>().join(", ");
    ROWS.iter().find(|row| row.key == name).ok_or_else(|| format!("there are {}", known()))
}
