//! `cargo xtask screenshots`: pictures of the sample, of the editor with the panel, and of the help page.
//!
//! Godot takes them itself, driven by scripts in `godot_project/demo/pictures`; a blank screen or an error in the log fails
//! the run. On Linux it runs on a display of its own (Xvfb), wherever there is one.

use std::ffi::OsString;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use tempfile::TempDir;

use super::build::build_and_stage;
use crate::captured::{self, Echo};
use crate::godot::{Godot, editor, find};
use crate::log_rule;
use crate::process_group::Leader;
use crate::script_head::ScriptHead;
use crate::servers::Servers;
use crate::workspace::{Workspace, files_in};

/// What the command line says.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Where the pictures go, instead of docs/images.
    #[arg(long, value_name = "FOLDER")]
    out: Option<PathBuf>,
}

/// The screen, which is also the size of the largest picture.
const SCREEN: &str = "1920x1080x24";
const DEADLINE: Duration = Duration::from_secs(300);

/// Runs the command. The exit code is 1 where a picture is missing or a log has an error.
pub(crate) fn run(workspace: &Workspace, arguments: &Arguments) -> Result<ExitCode> {
    let out = arguments.out.clone().unwrap_or_else(|| workspace.root().join("docs").join("images"));
    std::fs::create_dir_all(&out).with_context(|| format!("cannot make the folder {}", out.display()))?;
    let out = out.canonicalize().with_context(|| format!("cannot find {}", out.display()))?;

    build_and_stage(workspace, false)?;
    let godot = find::find_or_get()?;
    let studio = Studio { godot, display: Display::open()?, home: home()?, servers: Servers::start()?, out };
    let mut problems = studio.sample(workspace)?;
    problems.extend(studio.editor(workspace)?);
    for problem in &problems {
        eprintln!("screenshots: {problem}");
    }
    Ok(if problems.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// What a run needs.
struct Studio {
    godot: Godot,
    display: Display,
    /// A home folder of its own, as for every other run.
    home: TempDir,
    servers: Servers,
    out: PathBuf,
}

impl Studio {
    fn sample(&self, workspace: &Workspace) -> Result<Vec<String>> {
        let project = workspace.godot_project();
        let script = project.join("demo/pictures/sample.gd");
        let mut arguments = words(&["--resolution", "1280x720", "--script", "res://demo/pictures/sample.gd", "--"]);
        arguments.push(joined("--out=", &self.out));
        arguments.extend(self.servers.arguments().into_iter().map(OsString::from));
        self.take("the sample", &project, &script, arguments, &self.out)
    }

    /// Starts the editor twice: see `demo/pictures/plugin.gd`.
    fn editor(&self, workspace: &Workspace) -> Result<Vec<String>> {
        let project = workspace.godot_project();
        let plugin = project.join("demo/pictures");
        let script = plugin.join("plugin.gd");
        let copy = editor::copy_with_plugin(&project, &plugin)?;
        let warm_up = words(&["--headless", "--editor"]);
        let mut problems =
            self.take("the editor's first start", copy.path(), &script, warm_up, Path::new("warm-up"))?;
        let arguments = words(&["--editor", "--single-window", "--resolution", "1600x900"]);
        problems.extend(self.take("the editor", copy.path(), &script, arguments, &self.out)?);
        Ok(problems)
    }

    /// Runs Godot with a window, and says what was wrong.
    fn take(
        &self,
        name: &str,
        project: &Path,
        script: &Path,
        arguments: Vec<OsString>,
        out: &Path,
    ) -> Result<Vec<String>> {
        let head = ScriptHead::of(script)?;
        let mut command = Command::new(&self.godot.program);
        command.arg("--path").arg(project).args(["--rendering-driver", "opengl3", "--audio-driver", "Dummy"]);
        command.args(arguments).envs(self.servers.environment()).env("HTTP_CLIENT_RUST_PICTURES", out);
        self.display.apply(&mut command);
        draw_in_software(&mut command, &self.godot.program);
        for (variable, folder) in HOME {
            let folder = self.home.path().join(folder);
            std::fs::create_dir_all(&folder).with_context(|| format!("cannot make the folder {}", folder.display()))?;
            command.env(variable, folder);
        }
        let deadline = head.deadline.unwrap_or(DEADLINE);
        let captured = captured::run(command, name, deadline, Echo::Only(is_result))?;
        let mut problems = log_rule::violations(&captured.output, &head.announced);
        problems.extend(captured.ending.problem());
        problems.extend(captured.output.lines().filter(|line| line.starts_with("FAIL ")).map(str::to_owned));
        Ok(problems.into_iter().map(|problem| format!("{name}: {problem}")).collect())
    }
}

/// Where Godot draws.
enum Display {
    /// The screen that is there: Windows and macOS always have one.
    Present,
    /// A screen of our own.
    Own { number: String, _server: Leader },
}

impl Display {
    fn open() -> Result<Self> {
        if !cfg!(target_os = "linux") {
            return Ok(Self::Present);
        }
        let mut command = Command::new("Xvfb");
        command.args(["-displayfd", "1", "-screen", "0", SCREEN, "-nolisten", "tcp"]);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut server = match Leader::start(&mut command) {
            Ok(server) => server,
            Err(_) if std::env::var_os("DISPLAY").is_some() => return Ok(Self::Present),
            Err(error) => bail!("there is no display, and Xvfb does not start ({error}); install the package xvfb"),
        };
        let output = server.child.stdout.take().context("Xvfb has an output")?;
        let mut number = String::new();
        BufReader::new(output).read_line(&mut number).context("Xvfb does not say its number")?;
        let number = number.trim().to_owned();
        if number.is_empty() {
            bail!("Xvfb ended at once; start it by hand to see why");
        }
        Ok(Self::Own { number, _server: server })
    }

    fn apply(&self, command: &mut Command) {
        if let Self::Own { number, .. } = self {
            command.env("DISPLAY", format!(":{number}")).env_remove("WAYLAND_DISPLAY");
        }
    }
}

/// A machine without a graphics card draws all the same. A Godot that was unpacked brings its drivers with it.
fn draw_in_software(command: &mut Command, program: &Path) {
    if !cfg!(target_os = "linux") {
        return;
    }
    command.env("LIBGL_ALWAYS_SOFTWARE", "1");
    let libraries = program.parent().map(|folder| folder.join("root/usr/lib")).unwrap_or_default();
    let drivers = files_in(&libraries, |name| name.ends_with("-linux-gnu"))
        .into_iter()
        .map(|folder| folder.join("dri"))
        .find(|folder| folder.is_dir());
    if let Some(drivers) = drivers {
        command.env("LIBGL_DRIVERS_PATH", drivers);
    }
}

fn home() -> Result<TempDir> {
    tempfile::Builder::new().prefix("http_client_rust-home-").tempdir().context("cannot make a temporary folder")
}

const HOME: [(&str, &str); 6] = [
    ("HOME", ""),
    ("XDG_DATA_HOME", "data"),
    ("XDG_CONFIG_HOME", "config"),
    ("XDG_CACHE_HOME", "cache"),
    ("APPDATA", "appdata"),
    ("LOCALAPPDATA", "localappdata"),
];

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
