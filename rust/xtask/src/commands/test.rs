//! `cargo xtask test`: every check and every test, one after the other, whatever became of those before.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Result, bail};

use super::build::build_and_stage;
use crate::captured::Echo;
use crate::cargo;
use crate::checks;
use crate::godot::{Godot, find, suite};
use crate::report::{Outcome, Report};
use crate::stage;
use crate::workspace::Workspace;

/// What the command line says.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Only the tests whose names contain this: Rust tests by their path, Godot's by their file. Leaves out the lints.
    #[arg(long, value_name = "NAME")]
    filter: Option<String>,
    /// Only one part of it all.
    #[arg(long, value_enum)]
    only: Option<Part>,
}

/// A part of the tests.
#[derive(Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Part {
    /// The Rust tests.
    Rust,
    /// What runs in Godot.
    Godot,
    /// Format, lints, dependency rules, documentation.
    Lint,
}

impl Arguments {
    fn wants(&self, part: Part) -> bool {
        match self.only {
            Some(only) => only == part,
            None => part != Part::Lint || self.filter.is_none(),
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
    if arguments.wants(Part::Godot) {
        let jobs = jobs(workspace, arguments);
        found += jobs.len();
        // Without a match there is nothing to build for.
        if arguments.filter.is_none() || !jobs.is_empty() {
            run_in_godot(workspace, &jobs, &mut report);
        }
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
}

impl Job {
    fn name(&self) -> String {
        let named = |folder: &str, path: &Path| format!("{folder}/{}", suite::name_of(path));
        match self {
            Self::TestFile(path) | Self::Editor(path) => named("tests", path),
            Self::Transcript => "demo/transcript".to_owned(),
            Self::Example(path) => named("examples", path),
        }
    }

    fn run(&self, godot: &Godot, workspace: &Workspace) -> Outcome {
        match self {
            Self::TestFile(file) => suite::run_test_file(godot, workspace, file),
            Self::Editor(folder) => suite::run_editor_test(godot, workspace, folder),
            Self::Example(file) => suite::run_example(godot, workspace, file),
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
    jobs.retain(|job| arguments.matches(&job.name()));
    jobs
}

/// The add-on, and the extension that is there for the tests.
fn build_all(workspace: &Workspace) -> Result<()> {
    build_and_stage(workspace, false)?;
    let peer = cargo::build_dynamic_library(workspace, "test-peer", &[])?;
    stage::stage_test_peer(workspace, &peer)
}

fn run_in_godot(workspace: &Workspace, jobs: &[Job], report: &mut Report) {
    let mut built = false;
    report.step("build", || match build_all(workspace) {
        Ok(()) => {
            built = true;
            Outcome::passed("")
        }
        Err(error) => Outcome::failed(format!("{error:#}")),
    });
    let mut godot = None;
    report.step("Godot", || match find::find_or_get() {
        Ok(found) => Outcome::passed(godot.insert(found).version.to_string()),
        Err(error) => Outcome::failed(format!("{error:#}")),
    });
    for job in jobs {
        report.step(job.name(), || match &godot {
            Some(godot) if built => job.run(godot, workspace),
            _ => Outcome::failed("not run, for want of the library or of Godot"),
        });
    }
}
