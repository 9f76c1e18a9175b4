//! Exports the sample with the add-on of the zip, and runs the exported game: there is no editor then, and no `.gdextension` on
//! the disk.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result};
use regex::Regex;

use super::Archive;
use super::trial::announce_extension;
use crate::captured::{self, Echo};
use crate::godot::Godot;
use crate::godot::run::Run;
use crate::log_rule::{self, Announced};
use crate::script_head::ScriptHead;
use crate::servers::Servers;
use crate::stage;
use crate::workspace::{Workspace, files_in};

const DEADLINE: Duration = Duration::from_secs(180);
/// The console's words for a request that went well.
const EXPECTED: &str = "JSON: 200 OK";
/// What Debian's release template of 4.6.3 says of every container that it frees, in projects without any add-on too.
const NOISE_OF_THE_TEMPLATE: &str = "Attempt to disconnect a nonexistent connection from";

/// What went wrong; nothing where all is well.
pub(crate) fn try_export(
    godot: &Godot,
    workspace: &Workspace,
    archive: &Archive,
    template: &Path,
) -> Result<Vec<String>> {
    let folder = tempfile::Builder::new()
        .prefix("http_client_rust-export-")
        .tempdir()
        .context("cannot make a temporary folder")?;
    let (project, game) = (folder.path().join("project"), folder.path().join("game"));
    std::fs::create_dir_all(&game).context("cannot make a temporary folder")?;
    stage::copy_folder(&workspace.godot_project(), &project, &|below| {
        below == Path::new("addons") || below == Path::new(".godot")
    })?;
    archive.unpack(&project)?;
    announce_extension(&project)?;
    let presets = presets(template);
    std::fs::write(project.join("export_presets.cfg"), presets).context("cannot write export_presets.cfg")?;

    let program = game.join("game.x86_64");
    let exported = godot.run(Run {
        name: "the export",
        project: &project,
        arguments: vec!["--export-release".into(), "Linux".into(), program.clone().into()],
        environment: Vec::new(),
        head: ScriptHead::default(),
        deadline: DEADLINE,
        echo: Echo::Nothing,
    })?;
    let mut problems: Vec<String> =
        exported.problems().into_iter().map(|problem| format!("the export: {problem}")).collect();
    if !program.is_file() {
        println!("{}", exported.output);
        problems.push("the export: there is no game".to_owned());
        return Ok(problems);
    }
    problems.extend(start(godot, &program)?);
    Ok(problems)
}

fn start(godot: &Godot, program: &Path) -> Result<Vec<String>> {
    let servers = Servers::start()?;
    let mut command = command_of(godot, program)?;
    command.args(["--headless", "--"]).args(servers.arguments()).arg("--once=JSON");
    let captured = captured::run(command, "the exported game", DEADLINE, Echo::Nothing)?;
    let pattern = Regex::new(NOISE_OF_THE_TEMPLATE).context("a regular expression")?;
    let mut problems = log_rule::violations(&captured.output, &[Announced { pattern, required: false }]);
    problems.extend(captured.ending.problem());
    if !captured.output.contains(EXPECTED) {
        problems.push(format!("it does not print {EXPECTED:?}"));
        println!("{}", captured.output);
    }
    Ok(problems.into_iter().map(|problem| format!("the exported game: {problem}")).collect())
}

/// Starts a game. One whose template needs a newer C library than this machine's is started as an unpacked Godot is, by the
/// loader that came with it. The loader stands beside the game under its name, because the game looks there for its data.
fn command_of(godot: &Godot, program: &Path) -> Result<Command> {
    let root = godot.program.parent().map(|folder| folder.join("root")).unwrap_or_default();
    let Some(loader) = loader_in(&root) else { return Ok(Command::new(program)) };
    let own = program.with_extension("loader");
    std::fs::copy(&loader, &own).with_context(|| format!("cannot copy {}", loader.display()))?;
    let mut libraries = OsString::new();
    for folder in files_in(&root.join("usr/lib"), |name| name.ends_with("-linux-gnu")) {
        libraries.push(&folder);
        libraries.push(":");
        libraries.push(folder.join("pulseaudio"));
    }
    let mut command = Command::new(own);
    command.arg("--library-path").arg(libraries).arg(program);
    Ok(command)
}

fn loader_in(root: &Path) -> Option<PathBuf> {
    ["usr/lib64/ld-linux-x86-64.so.2", "usr/lib/ld-linux-aarch64.so.1"]
        .iter()
        .map(|path| root.join(path))
        .find(|loader| loader.is_file())
}

fn presets(template: &Path) -> String {
    let arch = if cfg!(target_arch = "aarch64") { "arm64" } else { "x86_64" };
    format!(
        r#"[preset.0]

name="Linux"
platform="Linux"
runnable=true
export_filter="all_resources"
include_filter=""
exclude_filter="tests/*,bench/*,demo/pictures/*"
export_path=""

[preset.0.options]

custom_template/release="{}"
binary_format/architecture="{arch}"
"#,
        template.display()
    )
}
