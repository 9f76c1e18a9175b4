//! Runs Godot on a project under a deadline, headless or on a screen, and checks the result.

use std::ffi::OsString;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result};
use tempfile::TempDir;

use super::Godot;
use super::screen::Screen;
use crate::captured::{self, Echo};
use crate::log_rule;
use crate::script_head::ScriptHead;

/// The time limit of a run, unless its script sets another one.
pub const DEADLINE: Duration = Duration::from_secs(120);

/// The settings of a run.
pub struct Run<'a> {
    /// The name in messages.
    pub name: &'a str,
    /// The project's folder.
    pub project: &'a Path,
    /// The arguments after `--path PROJECT`.
    pub arguments: Vec<OsString>,
    /// The screen for its window. `None` for a headless run.
    pub screen: Option<&'a Screen>,
    /// The home folder. `None` for an empty, temporary one.
    pub home: Option<&'a Path>,
    /// Additional environment variables.
    pub environment: Vec<(String, String)>,
    /// The settings of the script: the announced lines of its log, and its deadline.
    pub head: ScriptHead,
    /// The deadline, unless the head sets one.
    pub deadline: Duration,
    /// Which output is shown during the run.
    pub echo: Echo,
}

/// The result of a run.
pub struct Finished {
    /// The problem with its end. `None` for an exit with code 0.
    pub ending: Option<String>,
    /// The problems of its log.
    pub violations: Vec<String>,
    /// All output in order, without colors.
    pub output: String,
    /// The exit code to pass on.
    pub code: u8,
}

impl Finished {
    /// All problems.
    pub fn problems(&self) -> Vec<String> {
        self.ending.iter().chain(&self.violations).cloned().collect()
    }
}

impl Godot {
    /// Runs Godot. It never uses the user's home folder, so the user's settings have no influence.
    pub fn run(&self, run: Run<'_>) -> Result<Finished> {
        let own_home = new_home()?;
        let home = run.home.unwrap_or(own_home.path());
        let mut command = Command::new(&self.program);
        match run.screen {
            None => drop(command.arg("--headless")),
            Some(screen) => screen.apply(&mut command, &self.program),
        }
        command
            .arg("--path")
            .arg(run.project)
            .args(run.arguments)
            .envs(run.environment)
            // A test that starts another Godot needs this variable, because the running program may be a loader instead of Godot.
            .env("GODOT", &self.program);
        set_home(&mut command, home)?;
        let deadline = run.head.deadline.unwrap_or(run.deadline);
        let captured = captured::run(command, run.name, deadline, run.echo)?;
        let code = match &captured.ending {
            captured::Ending::Exited(status) => status.code(),
            _ => None,
        };
        Ok(Finished {
            ending: captured.ending.problem(),
            violations: log_rule::violations(&captured.output, &run.head.announced),
            output: log_rule::without_colours(&captured.output),
            code: code.and_then(|code| u8::try_from(code).ok()).unwrap_or(1),
        })
    }
}

/// A new, empty home folder.
pub fn new_home() -> Result<TempDir> {
    tempfile::Builder::new().prefix("http_client_rust-home-").tempdir().context("cannot make a temporary folder")
}

/// Sets the home folder of a command.
pub fn set_home(command: &mut Command, home: &Path) -> Result<()> {
    for (variable, folder) in HOME {
        let folder = home.join(folder);
        std::fs::create_dir_all(&folder).with_context(|| format!("cannot make the folder {}", folder.display()))?;
        command.env(variable, folder);
    }
    Ok(())
}

/// All variables that Godot uses to find the user's folders, on all systems.
const HOME: [(&str, &str); 6] = [
    ("HOME", ""),
    ("XDG_DATA_HOME", "data"),
    ("XDG_CONFIG_HOME", "config"),
    ("XDG_CACHE_HOME", "cache"),
    ("APPDATA", "appdata"),
    ("LOCALAPPDATA", "localappdata"),
];

#[cfg(all(test, unix))]
mod tests {
    use std::os::unix::fs::PermissionsExt;
    use std::path::PathBuf;

    use super::*;
    use crate::godot::version::OLDEST;

    /// Runs a shell script instead of Godot.
    fn run(script: &str, head: ScriptHead, deadline: Duration) -> Finished {
        let folder = tempfile::tempdir().unwrap();
        let program: PathBuf = folder.path().join("godot");
        std::fs::write(&program, format!("#!/bin/sh\n{script}\n")).unwrap();
        std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).unwrap();
        let godot = Godot { program, version: OLDEST };
        godot
            .run(Run {
                name: "it",
                project: Path::new("the project"),
                arguments: vec!["--quit".into()],
                screen: None,
                home: None,
                environment: vec![("ADDRESS".into(), "here".into())],
                head,
                deadline,
                echo: Echo::Nothing,
            })
            .unwrap()
    }

    #[test]
    fn a_run_gets_its_arguments_its_environment_and_a_home_that_is_not_the_users() {
        let script = r#"echo "$1 $2 $3 $4 $ADDRESS $HOME""#;
        let finished = run(script, ScriptHead::default(), DEADLINE);
        let expected = "--headless --path the project --quit here ";
        let home = finished.output.strip_prefix(expected).unwrap().trim();
        assert_ne!(Some(home.into()), std::env::var_os("HOME"));
        assert!(!Path::new(home).exists());
        assert!(finished.problems().is_empty());
    }

    #[test]
    fn a_code_is_passed_on_and_an_error_in_the_log_is_found() {
        let finished = run("echo ERROR: no >&2; exit 7", ScriptHead::default(), DEADLINE);
        assert_eq!(finished.code, 7);
        assert_eq!(finished.problems().len(), 2);
    }

    #[test]
    fn the_deadline_of_the_head_counts_more_than_the_usual_one() {
        let head = ScriptHead { deadline: Some(Duration::from_secs(1)), ..ScriptHead::default() };
        let finished = run("echo before; sleep 600", head, DEADLINE);
        assert_eq!(finished.output, "before\n");
        assert!(finished.ending.unwrap().contains("after 1 s"));
        assert_eq!(finished.code, 1);
    }
}
