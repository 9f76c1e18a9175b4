//! The command line: which libraries go into the zip, and what is tried.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Result;

use crate::addon::{self, Build};
use crate::archive::Archive;
use crate::cross::{self, ROWS, Row};
use crate::elsewhere;
use crate::godot::find;
use crate::page::{self, Findings};
use crate::report::{Outcome, Report};
use crate::trial::{self, Trial};
use crate::workspace::Workspace;

/// Creates the zip for game developers in dist/, and tests it.
#[derive(clap::Parser)]
#[command(name = "cargo xtask package", bin_name = "cargo xtask package")]
pub struct Arguments {
    /// Only pack the libraries in dist/lib, and build nothing. This is the last step of a release.
    #[arg(long)]
    prebuilt: bool,
    /// Build the libraries of every platform that a Linux machine can build for. The tools are downloaded.
    #[arg(long, conflicts_with = "prebuilt")]
    all_targets: bool,
    /// Build only this platform, such as linux.arm64. Can be repeated.
    #[arg(long, value_name = "PLATFORM", conflicts_with_all = ["prebuilt", "all_targets"], value_parser = row_of)]
    platform: Vec<&'static Row>,
    /// Name the classes HTTPClient and HTTPRequest, for engines that were built without these classes.
    #[arg(long)]
    engine_names: bool,
    /// Only check that the library compiles for iOS and Android. Linking it needs the tools of Apple and Google.
    #[arg(long, conflicts_with_all = ["prebuilt", "all_targets", "platform"])]
    check_mobile: bool,
    /// Only run the tests of the Rust crates for one of these platforms, in the emulator or in Wine.
    #[arg(long, value_name = "PLATFORM", conflicts_with_all = ["prebuilt", "all_targets", "platform"], value_parser = row_of)]
    rust_tests: Option<&'static Row>,
    /// Do not test the zip in Godot.
    #[arg(long)]
    untried: bool,
    /// Run only the tests whose names contain this, such as package/minihost. For --rust-tests, those that start with it, such as fetch/.
    #[arg(long, value_name = "NAME", conflicts_with = "untried")]
    step: Option<String>,
    /// Write the results for each library of the zip into docs/platforms.md.
    #[arg(long, conflicts_with_all = ["untried", "step", "engine_names"])]
    record: bool,
    /// Export the sample project with this release template for Linux, instead of Debian's.
    #[arg(long, value_name = "PROGRAM")]
    template: Option<PathBuf>,
}

/// Runs the command. The exit code is 1 where a library breaks a rule, or the zip does not work.
pub fn run(workspace: &Workspace, arguments: &Arguments) -> Result<ExitCode> {
    let mut report = Report::default();
    if arguments.check_mobile {
        report.step("package/mobile", || check_mobile(workspace));
        return Ok(report.conclude());
    }
    if let Some(row) = arguments.rust_tests {
        elsewhere::run_tests(workspace, row, arguments.step.as_deref().unwrap_or_default(), &mut report)?;
        return Ok(report.conclude());
    }
    let build = match &arguments.platform[..] {
        _ if arguments.prebuilt => Build::Nothing,
        _ if arguments.all_targets => Build::Platforms(ROWS.iter().collect()),
        [] => Build::ThisMachine,
        named => Build::Platforms(named.to_vec()),
    };
    let mut findings = Findings::default();
    let mut archive: Option<Archive> = None;
    report.step("package/zip", || {
        outcome_of(
            addon::make(workspace, &build, arguments.engine_names, &mut findings).map(|made| archive = Some(made)),
        )
    });
    let Some(archive) = archive.filter(|_| !arguments.untried) else { return Ok(report.conclude()) };
    let godot = find::find_or_get()?;
    if arguments.engine_names {
        report.step("package/engine-names", || trial::try_engine_names(&godot, workspace, &archive, &mut findings));
        return Ok(report.conclude());
    }
    let wanted = |trial: &Trial| arguments.step.as_deref().is_none_or(|step| trial.name().contains(step));
    for trial in Trial::ALL.into_iter().filter(wanted) {
        let template = arguments.template.as_deref();
        report.step(trial.name(), || trial.run(&godot, workspace, &archive, template, &mut findings));
    }
    println!("\n{}", findings.table());
    if arguments.record && report.sums().1 == 0 {
        report.step("package/page", || outcome_of(page::record(workspace, &findings)));
    }
    Ok(report.conclude())
}

/// Whether the library compiles for what it cannot be linked for here.
fn check_mobile(workspace: &Workspace) -> Outcome {
    outcome_of(cross::Tools::find_or_get().and_then(|tools| cross::check_mobile(workspace, &tools)))
}

fn outcome_of(done: Result<()>) -> Outcome {
    done.map_or_else(|error| Outcome::failed(format!("{error:#}")), |()| Outcome::passed(""))
}

fn row_of(name: &str) -> Result<&'static Row, String> {
    let known = || ROWS.iter().map(|row| row.key).collect::<Vec<_>>().join(", ");
    ROWS.iter().find(|row| row.key == name).ok_or_else(|| format!("there are {}", known()))
}

#[cfg(test)]
mod tests {
    use clap::{CommandFactory, Parser};

    use super::*;

    #[test]
    fn the_command_line_is_well_formed() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn a_platform_that_nobody_builds_is_refused_with_those_that_there_are() {
        let refused = Arguments::try_parse_from(["package", "--platform", "web"]).err().unwrap().to_string();
        assert!(refused.contains("linux.arm64") && refused.contains("macos"), "{refused}");
    }
}
