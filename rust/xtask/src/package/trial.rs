//! Unpacks the zip into an empty Godot project and makes a request there, as a game's author would.

use std::path::Path;

use anyhow::{Context, Result};

use super::Archive;
use crate::captured::Echo;
use crate::godot::run::{DEADLINE, Run};
use crate::godot::{Godot, editor};
use crate::script_head::ScriptHead;
use crate::servers::Servers;
use crate::workspace::ADDON;

const PROJECT: &str = "config_version=5\n\n[application]\n\nconfig/name=\"Empty\"\n";

/// Typed, so that it does not even parse where the class is missing.
const SCRIPT: &str = r#"extends SceneTree


func _initialize() -> void:
	var http := HTTPClientRust.new()
	http.blocking_mode_enabled = true
	http.connect_to_host("http://" + OS.get_cmdline_user_args()[0])
	while http.get_status() in [HTTPClientRust.STATUS_RESOLVING, HTTPClientRust.STATUS_CONNECTING]:
		http.poll()
	http.request(HTTPClientRust.METHOD_GET, "/hello", [])
	while http.get_status() == HTTPClientRust.STATUS_REQUESTING:
		http.poll()
	var body := PackedByteArray()
	while http.get_status() == HTTPClientRust.STATUS_BODY:
		body.append_array(http.read_response_body_chunk())
	print(http.get_response_code(), " ", body.get_string_from_utf8())
	quit(0 if http.get_response_code() == 200 else 1)
"#;

/// What went wrong; nothing where all is well.
pub(crate) fn try_out(godot: &Godot, archive: &Archive) -> Result<Vec<String>> {
    let project = tempfile::Builder::new()
        .prefix("http_client_rust-package-")
        .tempdir()
        .context("cannot make a temporary folder")?;
    archive.unpack(project.path())?;
    write(&project.path().join("project.godot"), PROJECT)?;
    write(&project.path().join("request.gd"), SCRIPT)?;
    announce_extension(project.path())?;
    let servers = Servers::start()?;
    let address = servers.some_arguments(&["http"]).concat().replace("--http=", "");
    let mut problems = Vec::new();
    let request = ["--script", "res://request.gd", "--", &address];
    problems.extend(start(godot, "the unpacked add-on", project.path(), &request, DEADLINE)?);
    // The plugin is enabled as by a click in the project's settings.
    let plugin = format!("\n[editor_plugins]\n\nenabled=PackedStringArray(\"res://addons/{ADDON}/plugin.cfg\")\n");
    write(&project.path().join("project.godot"), &format!("{PROJECT}{plugin}"))?;
    let editor_run = ["--editor", "--quit-after", "200"];
    problems.extend(start(
        godot,
        "the editor with the unpacked add-on",
        project.path(),
        &editor_run,
        editor::DEADLINE,
    )?);
    Ok(problems)
}

/// Writes what the editor writes when it sees the add-on for the first time.
pub(super) fn announce_extension(project: &Path) -> Result<()> {
    write(&project.join(".godot/extension_list.cfg"), &format!("res://addons/{ADDON}/{ADDON}.gdextension\n"))
}

fn start(
    godot: &Godot,
    name: &str,
    project: &Path,
    arguments: &[&str],
    deadline: std::time::Duration,
) -> Result<Vec<String>> {
    let finished = godot.run(Run {
        name,
        project,
        arguments: arguments.iter().map(Into::into).collect(),
        environment: Vec::new(),
        head: ScriptHead::default(),
        deadline,
        echo: Echo::Nothing,
    })?;
    let problems = finished.problems();
    if !problems.is_empty() {
        println!("{}", finished.output);
    }
    Ok(problems.into_iter().map(|problem| format!("{name}: {problem}")).collect())
}

fn write(path: &Path, text: &str) -> Result<()> {
    let folder = path.parent().context("a file stands in a folder")?;
    std::fs::create_dir_all(folder)
        .and_then(|()| std::fs::write(path, text))
        .with_context(|| format!("cannot write {}", path.display()))
}
