//! `cargo xtask screenshots`: takes pictures of the sample, of the editor with the panel, and of the help page.
//!
//! Godot takes the pictures itself, controlled by scripts in `godot_project/demo/pictures`. A blank picture or an error in the
//! log fails the run. On Linux, it uses a virtual screen if Xvfb is installed.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, Result};
use tempfile::TempDir;

use super::build::build_and_stage;
use crate::captured::Echo;
use crate::godot::run::{self, Run};
use crate::godot::screen::Screen;
use crate::godot::{Godot, editor, find, suite};
use crate::script_head::ScriptHead;
use crate::servers::Servers;
use crate::workspace::{Workspace, files_in};

/// The arguments of the command.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// The folder for all pictures. Without it, those in docs/images are taken again.
    #[arg(long, value_name = "FOLDER")]
    out: Option<PathBuf>,
}

/// The editor runs that take pictures: their names, and their rounds in `demo/pictures/plugin.gd`. Each run continues with the
/// settings of the previous one.
const ROUNDS: [(&str, &str); 3] = [
    ("the editor", "dark"),
    ("the editor, light and narrow", "light"),
    ("the editor, light and twice as large", "large"),
];

const DEADLINE: Duration = Duration::from_secs(300);

/// Runs the command. The exit code is 1 if a picture is missing or a log has an error.
pub(crate) fn run(workspace: &Workspace, arguments: &Arguments) -> Result<ExitCode> {
    build_and_stage(workspace, false)?;
    let scratch = tempfile::tempdir().context("cannot make a temporary folder")?;
    let out = arguments.out.as_deref().unwrap_or(scratch.path());
    let problems = take_all(workspace, &find::find_or_get()?, Screen::open()?, out)?;
    if arguments.out.is_none() && problems.is_empty() {
        renew(&workspace.root().join("docs").join("images"), out)?;
    }
    for problem in &problems {
        eprintln!("screenshots: {problem}");
    }
    Ok(if problems.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Replaces the pictures in a folder with the new ones of the same names. Most new pictures are only for review, and are not
/// copied.
fn renew(kept: &Path, taken: &Path) -> Result<()> {
    for picture in files_in(kept, |_| true) {
        let Some(name) = picture.file_name() else { continue };
        let new = taken.join(name);
        std::fs::copy(&new, &picture).with_context(|| format!("no picture {} was taken", new.display()))?;
    }
    Ok(())
}

/// Takes the pictures of the staged add-on, and returns the problems.
pub(crate) fn take_all(workspace: &Workspace, godot: &Godot, screen: Screen, out: &Path) -> Result<Vec<String>> {
    std::fs::create_dir_all(out).with_context(|| format!("cannot make the folder {}", out.display()))?;
    let out = out.canonicalize().with_context(|| format!("cannot find {}", out.display()))?;
    let studio = Studio { godot, screen, home: run::new_home()?, servers: Servers::start()?, out };
    let mut problems = studio.sample(workspace)?;
    problems.extend(studio.editor(workspace)?);
    Ok(problems)
}

/// Everything that a run needs.
struct Studio<'a> {
    godot: &'a Godot,
    screen: Screen,
    home: TempDir,
    servers: Servers,
    out: PathBuf,
}

impl Studio<'_> {
    fn sample(&self, workspace: &Workspace) -> Result<Vec<String>> {
        let project = workspace.godot_project();
        let script = project.join("demo/pictures/sample.gd");
        let mut arguments = words(&["--resolution", "1280x720", "--script", "res://demo/pictures/sample.gd", "--"]);
        arguments.push(joined("--out=", &self.out));
        arguments.extend(self.servers.arguments().into_iter().map(OsString::from));
        self.take("the sample", &project, &script, arguments, &self.out)
    }

    /// Starts the editor four times, see `demo/pictures/plugin.gd`.
    fn editor(&self, workspace: &Workspace) -> Result<Vec<String>> {
        let project = workspace.godot_project();
        let plugin = project.join("demo/pictures");
        let script = plugin.join("plugin.gd");
        let copy = editor::copy_with_plugin(&project, &plugin)?;
        // The editor loads every script, and at its end complains about scripts with static variables. These folders have no
        // scripts for readers, so they are removed.
        for folder in ["tests", "bench", "soak"] {
            std::fs::remove_dir_all(copy.path().join(folder))
                .with_context(|| format!("cannot remove {folder} from the copy"))?;
        }
        let warm_up = words(&["--headless", "--editor"]);
        let mut problems =
            self.take("the editor's first start", copy.path(), &script, warm_up, Path::new("warm-up"))?;
        for (name, round) in ROUNDS {
            let arguments = words(&["--editor", "--single-window"]);
            problems.extend(self.take_round(name, round, copy.path(), &script, arguments, &self.out)?);
        }
        Ok(problems)
    }

    /// Runs Godot with a window, and returns the problems.
    fn take(
        &self,
        name: &str,
        project: &Path,
        script: &Path,
        arguments: Vec<OsString>,
        out: &Path,
    ) -> Result<Vec<String>> {
        self.take_round(name, "", project, script, arguments, out)
    }

    fn take_round(
        &self,
        name: &str,
        round: &str,
        project: &Path,
        script: &Path,
        arguments: Vec<OsString>,
        out: &Path,
    ) -> Result<Vec<String>> {
        let mut environment = self.servers.environment();
        environment.push(("HTTP_CLIENT_RUST_PICTURES".to_owned(), out.to_string_lossy().into_owned()));
        environment.push(("HTTP_CLIENT_RUST_PICTURES_ROUND".to_owned(), round.to_owned()));
        let finished = self.godot.run(Run {
            name,
            project,
            arguments,
            screen: Some(&self.screen),
            // Later starts of the editor continue with the settings of the first one.
            home: Some(self.home.path()),
            environment,
            head: ScriptHead::of(script)?,
            deadline: DEADLINE,
            echo: Echo::Only(is_result),
        })?;
        let mut problems = finished.problems();
        problems.extend(finished.output.lines().filter(|line| line.starts_with("FAIL ")).map(str::to_owned));
        if !problems.is_empty() {
            suite::show(&finished.output, &problems);
        }
        Ok(problems.into_iter().map(|problem| format!("{name}: {problem}")).collect())
    }
}

fn is_result(line: &str) -> bool {
    line.starts_with("took ") || line.starts_with("FAIL ")
}

fn words(words: &[&str]) -> Vec<OsString> {
    words.iter().map(OsString::from).collect()
}

fn joined(start: &str, path: &Path) -> OsString {
    let mut word = OsString::from(start);
    word.push(path);
    word
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pictures_that_are_kept_are_renewed_and_no_other_is_added() {
        let (kept, taken) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        std::fs::write(kept.path().join("a.png"), "old").unwrap();
        for name in ["a.png", "b.png"] {
            std::fs::write(taken.path().join(name), "new").unwrap();
        }
        renew(kept.path(), taken.path()).unwrap();
        assert_eq!(files_in(kept.path(), |_| true), [kept.path().join("a.png")]);
        assert_eq!(std::fs::read_to_string(kept.path().join("a.png")).unwrap(), "new");
        std::fs::write(kept.path().join("gone.png"), "old").unwrap();
        assert!(renew(kept.path(), taken.path()).unwrap_err().to_string().contains("gone.png"));
    }
}
