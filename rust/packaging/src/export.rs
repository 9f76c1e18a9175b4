//! Exports the sample with the add-on of the zip, and runs the exported game: there is no editor then, and no `.gdextension` on
//! the disk.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result};
use regex::Regex;

use crate::archive::Archive;
use crate::captured::{self, Echo};
use crate::godot::Godot;
use crate::godot::run::{self, Run};
use crate::godot::template::Template;
use crate::log_rule::{self, Announced};
use crate::script_head::ScriptHead;
use crate::servers::Servers;
use crate::unpacked::copy_sample;
use crate::workspace::Workspace;

const DEADLINE: Duration = Duration::from_secs(180);
/// The console's words for a request that went well.
const EXPECTED: &str = "JSON: 200 OK";
/// What Debian's release template of 4.6.3 says of every container that it frees, in projects without any add-on too.
const NOISE_OF_THE_TEMPLATE: &str = "Attempt to disconnect a nonexistent connection from";

/// What went wrong; nothing where all is well.
pub(crate) fn try_out(
    godot: &Godot,
    workspace: &Workspace,
    archive: &Archive,
    template: &Template,
) -> Result<Vec<String>> {
    let folder = tempfile::Builder::new()
        .prefix("http_client_rust-export-")
        .tempdir()
        .context("cannot make a temporary folder")?;
    let (project, game) = (folder.path().join("project"), folder.path().join("game"));
    std::fs::create_dir_all(&game).context("cannot make a temporary folder")?;
    copy_sample(workspace, archive, &project)?;
    let presets = presets(&template.program);
    std::fs::write(project.join("export_presets.cfg"), presets).context("cannot write export_presets.cfg")?;

    let program = game.join("game.x86_64");
    let exported = godot.run(Run {
        name: "the export",
        project: &project,
        arguments: vec!["--export-release".into(), "Linux".into(), program.clone().into()],
        screen: None,
        home: None,
        environment: Vec::new(),
        head: ScriptHead::default(),
        deadline: DEADLINE,
        echo: Echo::Nothing,
    })?;
    let mut problems: Vec<String> =
        exported.problems().into_iter().map(|problem| format!("the export: {problem}")).collect();
    if program.is_file() {
        problems.extend(start(template, &program)?);
    } else {
        println!("{}", exported.output);
        problems.push("the export: no game was created".to_owned());
    }
    Ok(problems)
}

fn start(template: &Template, program: &Path) -> Result<Vec<String>> {
    let servers = Servers::start()?;
    let mut command = template.command(program)?;
    command.args(["--headless", "--"]).args(servers.arguments()).arg("--once=JSON");
    let home = run::new_home()?;
    run::set_home(&mut command, home.path())?;
    let captured = captured::run(command, "the exported game", DEADLINE, Echo::Nothing)?;
    let pattern = Regex::new(NOISE_OF_THE_TEMPLATE).context("a regular expression")?;
    let mut problems = log_rule::violations(&captured.output, &[Announced { pattern, required: false }]);
    problems.extend(captured.ending.problem());
    if !captured.output.contains(EXPECTED) {
        problems.push(format!("it did not print {EXPECTED:?}"));
        println!("{}", captured.output);
    }
    Ok(problems.into_iter().map(|problem| format!("the exported game: {problem}")).collect())
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
