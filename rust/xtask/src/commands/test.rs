//! `cargo xtask test`: runs all checks and tests one after the other, even if some fail.

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::time::Duration;

use anyhow::{Result, bail};

use super::build::build_and_stage;
use super::{screenshots, soak};
use crate::captured::{self, Echo};
use crate::cargo;
use crate::checks;
use crate::closing_line::Counts;
use crate::godot::screen::Screen;
use crate::godot::web::Export;
use crate::godot::{Godot, find, suite};
use crate::report::{Outcome, Report};
use crate::stage;
use crate::workspace::Workspace;

/// The arguments of the command.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Run only the tests whose names contain this: the path of Rust tests, the file of Godot tests. Skips the lints.
    #[arg(long, value_name = "NAME")]
    filter: Option<String>,
    /// Run only one part.
    #[arg(long, value_enum)]
    only: Option<Part>,
    /// Also take the pictures and run two minutes of soak, like CI.
    #[arg(long)]
    all: bool,
}

/// A part of the tests.
#[derive(Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Part {
    /// The Rust tests.
    Rust,
    /// The tests in Godot.
    Godot,
    /// Format, lints, dependency rules, documentation.
    Lint,
    /// The zip for game developers, in an empty project.
    Package,
    /// The pictures of the documentation, in target/pictures.
    Pictures,
    /// A minute of `cargo xtask soak` with clients, and one with sessions and nodes.
    Soak,
}

impl Arguments {
    fn wants(&self, part: Part) -> bool {
        match self.only {
            Some(only) => only == part,
            None => match part {
                Part::Lint => self.filter.is_none(),
                Part::Pictures | Part::Soak => self.all,
                _ => true,
            },
        }
    }

    fn matches(&self, name: &str) -> bool {
        self.filter.as_deref().is_none_or(|filter| name.contains(filter))
    }
}

/// Runs the command. The exit code is 1 if anything failed.
pub(crate) fn run(workspace: &Workspace, arguments: &Arguments) -> Result<ExitCode> {
    let mut report = Report::default();
    let mut found = 0;
    let lint = arguments.wants(Part::Lint);
    if lint {
        report.step("format", || checks::format(workspace));
        report.step("lints", || checks::lints(workspace));
    }
    if arguments.wants(Part::Rust) {
        report.step("Rust tests", || {
            let (outcome, ran) = checks::rust_tests(workspace, arguments.filter.as_deref());
            found += ran;
            outcome
        });
    }
    if lint {
        report.step("dependency rules", || checks::dependency_rules(workspace));
        report.step("documentation", || checks::documentation(workspace));
    }
    let wanted = |part: Part, name: &str| arguments.wants(part) && arguments.matches(name);
    let jobs = jobs(workspace, arguments);
    let package = arguments.wants(Part::Package) && arguments.filter.as_deref().is_none_or(is_of_package);
    let pictures = wanted(Part::Pictures, PICTURES);
    let soaked = wanted(Part::Soak, SOAK);
    let sessions_soaked = wanted(Part::Soak, SOAK_OF_SESSIONS);
    found += jobs.len() + [package, pictures, soaked, sessions_soaked].map(usize::from).iter().sum::<usize>();

    let mut godot = None;
    if !jobs.is_empty() || pictures || sessions_soaked {
        report.step("Godot", || match find::find_or_get() {
            Ok(found) => Outcome::passed(godot.insert(found).version.to_string()),
            Err(error) => Outcome::failed(format!("{error:#}")),
        });
    }
    if !jobs.is_empty() || pictures || sessions_soaked {
        let staged = stage_all(workspace, &mut report);
        let godot = godot.as_ref().filter(|_| staged);
        for job in jobs {
            report.step(job.name(), || godot.map_or_else(not_run, |godot| job.run(godot, workspace)));
        }
        if pictures {
            report.step(PICTURES, || godot.map_or_else(not_run, |godot| take_pictures(godot, workspace)));
        }
        if sessions_soaked {
            report.step(SOAK_OF_SESSIONS, || godot.map_or_else(not_run, |godot| soak_sessions(godot, workspace)));
        }
    }
    if package {
        report.step(PACKAGE, || make_and_try_package(workspace, arguments.filter.as_deref()));
    }
    if soaked {
        report.step(SOAK, || soak_a_minute(workspace));
    }
    if let Some(filter) = &arguments.filter
        && found == 0
        && report.sums().1 == 0
    {
        bail!("no test has {filter:?} in its name");
    }
    Ok(report.conclude())
}

/// One run of Godot.
enum Job {
    TestFile(PathBuf),
    Editor(PathBuf),
    Transcript,
    Example(PathBuf),
    Web(Export),
}

impl Job {
    fn name(&self) -> String {
        let named = |folder: &str, path: &Path| format!("{folder}/{}", suite::name_of(path));
        match self {
            Self::TestFile(path) | Self::Editor(path) => named("tests", path),
            Self::Transcript => "demo/transcript".to_owned(),
            Self::Example(path) => named("examples", path),
            Self::Web(export) => export.name().to_owned(),
        }
    }

    fn run(&self, godot: &Godot, workspace: &Workspace) -> Outcome {
        match self {
            Self::TestFile(file) => suite::run_test_file(godot, workspace, file),
            Self::Editor(folder) => suite::run_editor_test(godot, workspace, folder),
            Self::Example(file) => suite::run_example(godot, workspace, file),
            Self::Web(export) => export.run(godot, workspace),
            Self::Transcript => {
                let finished = suite::run_transcript(godot, workspace, None, Echo::Nothing);
                suite::outcome_of_script(finished)
            }
        }
    }
}

fn jobs(workspace: &Workspace, arguments: &Arguments) -> Vec<Job> {
    let mut jobs: Vec<Job> = Vec::new();
    jobs.extend(suite::test_files(workspace).into_iter().map(Job::TestFile));
    jobs.extend(suite::editor_tests(workspace).into_iter().map(Job::Editor));
    jobs.push(Job::Transcript);
    jobs.extend(suite::examples(workspace).into_iter().map(Job::Example));
    jobs.extend(Export::ALL.map(Job::Web));
    jobs.retain(|job| arguments.wants(Part::Godot) && arguments.matches(&job.name()));
    jobs
}

const PICTURES: &str = "pictures";
const PACKAGE: &str = "package";
/// It compiles the library with all optimizations, possibly on a slow machine.
const PACKAGE_DEADLINE: Duration = Duration::from_secs(60 * 60);
const SOAK: &str = "soak";
const SOAK_OF_SESSIONS: &str = "soak of sessions";
/// Much longer than a minute, because the machine may be busy, and all running exchanges must end.
const SOAK_DEADLINE: Duration = Duration::from_secs(10 * 60);

/// Copies the add-on and the extension for tests into the sample project. Returns whether this worked.
fn stage_all(workspace: &Workspace, report: &mut Report) -> bool {
    let mut staged = false;
    report.step("build", || {
        let done = build_and_stage(workspace, false)
            .and_then(|()| cargo::build_dynamic_library(workspace, "test-peer", &[]))
            .and_then(|peer| stage::stage_test_peer(workspace, &peer));
        staged = done.is_ok();
        done.map_or_else(|error| Outcome::failed(format!("{error:#}")), |()| Outcome::passed(""))
    });
    staged
}

fn take_pictures(godot: &Godot, workspace: &Workspace) -> Outcome {
    let screen = match Screen::own() {
        Ok(Some(screen)) => screen,
        Ok(None) => return Outcome::left_out("the pictures: this needs Linux and Xvfb"),
        Err(error) => return Outcome::failed(format!("{error:#}")),
    };
    let out = workspace.root().join("target").join("pictures");
    match screenshots::take_all(workspace, godot, screen, &out) {
        Ok(problems) if problems.is_empty() => Outcome::passed("in target/pictures"),
        Ok(problems) => Outcome::failed(problems.join("; ")),
        Err(error) => Outcome::failed(format!("{error:#}")),
    }
}

/// Whether a filter selects the packaging or one of its steps, which are named `package/…`.
fn is_of_package(filter: &str) -> bool {
    PACKAGE.starts_with(filter) || filter.starts_with(PACKAGE)
}

/// Creates and tests the zip for this machine. A separate program runs the steps, and prints at its end how many passed.
fn make_and_try_package(workspace: &Workspace, filter: Option<&str>) -> Outcome {
    let ran = cargo::build_packaging(workspace).and_then(|program| {
        let mut command = Command::new(program);
        if let Some(step) = filter.filter(|filter| !PACKAGE.starts_with(filter)) {
            command.args(["--step", step]);
        }
        captured::run(command, PACKAGE, PACKAGE_DEADLINE, Echo::All)
    });
    match ran {
        Ok(captured) => {
            let counts = Counts::of_godot_tests(&captured.output).unwrap_or_default();
            let outcome = match captured.ending.problem() {
                Some(problem) if counts.failed == 0 => Outcome::failed(problem),
                _ => Outcome { passed: counts.passed, failed: counts.failed, ..Outcome::default() },
            };
            outcome.with_left_out_of(&captured.output)
        }
        Err(error) => Outcome::failed(format!("{error:#}")),
    }
}

fn soak_a_minute(workspace: &Workspace) -> Outcome {
    if !cfg!(target_os = "linux") {
        return Outcome::left_out("soak: this reads /proc, which only Linux has");
    }
    let soaked = soak::build(workspace).and_then(|program| {
        let mut command = Command::new(program);
        command.args(["--minutes", "1", "--clients", "60"]);
        captured::run(command, SOAK, SOAK_DEADLINE, Echo::All)
    });
    match soaked {
        Ok(captured) => match captured.ending.problem() {
            None => Outcome::passed(""),
            Some(problem) => Outcome::failed(format!("{problem}; see the mismatches above")),
        },
        Err(error) => Outcome::failed(format!("{error:#}")),
    }
}

fn soak_sessions(godot: &Godot, workspace: &Workspace) -> Outcome {
    if !cfg!(target_os = "linux") {
        return Outcome::left_out("soak: this reads /proc, which only Linux has");
    }
    match soak::Sessions::a_minute().run(workspace, godot) {
        Ok(finished) if finished.problems().is_empty() => Outcome::passed(""),
        Ok(finished) => Outcome::failed(format!("{}; see the mismatches above", finished.problems().join("; "))),
        Err(error) => Outcome::failed(format!("{error:#}")),
    }
}

fn not_run() -> Outcome {
    Outcome::failed("not run, because there is no library or no Godot")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_filter_that_names_the_package_or_a_step_of_it_runs_it_and_no_other_does() {
        assert!(["pack", "package", "package/minihost"].into_iter().all(is_of_package));
        assert!(["test_proxy", "minihost", "mypackage"].into_iter().all(|filter| !is_of_package(filter)));
    }
}
