//! Unpacks the zip into an empty Godot project, as a game's author would, and uses it there.

use std::path::Path;

use anyhow::{Context, Result};
use tempfile::TempDir;

use crate::archive::Archive;
use crate::captured::Echo;
use crate::cargo;
use crate::godot::run::{DEADLINE, Finished, Run};
use crate::godot::screen::Screen;
use crate::godot::{Godot, editor, suite};
use crate::report::Outcome;
use crate::script_head::ScriptHead;
use crate::servers::Servers;
use crate::stage;
use crate::workspace::{ADDON, Workspace};

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

const TESTS: &[&str] = &["test_fetch_lifetime.gd", "test_lifetime.gd", "test_threads.gd"];

/// What a script does that has to run everywhere.
const WITHOUT_LIBRARY: &str = include_str!("without_library.gd");

/// The second line is Godot's own.
const WHERE_THE_CLASS_IS: &str = r#"# expect-log: this library contains the classes HTTPClient and HTTPRequest, which this engine already has
# allow-log: GDExtension initialization function 'gdext_rust_init' returned an error
# allow-log: Error loading extension
extends SceneTree


func _initialize() -> void:
	print(HTTPClient.new().get_status())
	quit()
"#;

/// What looks around in the editor.
const VISITOR: &str = include_str!("first_start.gd");
const VISITORS_PLUGIN: &str =
    "[plugin]\n\nname=\"First start\"\ndescription=\"\"\nauthor=\"\"\nversion=\"\"\nscript=\"plugin.gd\"\n";
const VISITOR_ENABLED: &str = "\n[editor_plugins]\n\nenabled=PackedStringArray(\"res://visitor/plugin.cfg\")\n";

/// A request in a project that no editor has seen. Where there is none, as on a server, the list of extensions is written by
/// hand.
pub(crate) fn try_without_editor(godot: &Godot, archive: &Archive) -> Outcome {
    suite::outcome_of_script((|| {
        let project = unpack(archive)?;
        announce_extension(project.path())?;
        request(godot, project.path(), ScriptHead::default())
    })())
}

/// The very first start of the editor, then a request in a game. Nothing but the add-on tells Godot of the extension.
pub(crate) fn try_first_start(godot: &Godot, archive: &Archive, screen: Option<&Screen>) -> Outcome {
    let started = (|| {
        let project = unpack(archive)?;
        let visitor = project.path().join("visitor");
        write(&visitor.join("plugin.cfg"), VISITORS_PLUGIN)?;
        write(&visitor.join("plugin.gd"), VISITOR)?;
        write(&project.path().join("project.godot"), &format!("{PROJECT}{VISITOR_ENABLED}"))?;
        let finished = godot.run(Run {
            name: "the editor's first start",
            project: project.path(),
            arguments: vec!["--editor".into()],
            screen,
            home: None,
            environment: Vec::new(),
            head: ScriptHead::parse(VISITOR)?,
            deadline: editor::DEADLINE,
            echo: Echo::Only(suite::is_result),
        })?;
        Ok((project, finished))
    })();
    match started {
        Ok((project, finished)) => {
            let outcome = suite::outcome_of_tests(Ok(finished));
            outcome.and(suite::outcome_of_script(request(godot, project.path(), ScriptHead::default())))
        }
        Err(error) => suite::outcome_of_tests(Err(error)),
    }
}

/// A request where the `.gdextension` has no line for the system, as on the web: this system's is taken out.
pub(crate) fn try_without_library(godot: &Godot, archive: &Archive) -> Outcome {
    suite::outcome_of_script((|| {
        let project = unpack(archive)?;
        let addon = project.path().join("addons").join(ADDON);
        let description = addon.join(format!("{ADDON}.gdextension"));
        let text = std::fs::read_to_string(&description).context("cannot read the .gdextension")?;
        let others = text.lines().filter(|line| !line.starts_with(std::env::consts::OS));
        write(&description, &others.map(|line| format!("{line}\n")).collect::<String>())?;
        std::fs::remove_dir_all(addon.join("bin")).context("cannot remove the libraries")?;
        announce_extension(project.path())?;
        write(&project.path().join("request.gd"), WITHOUT_LIBRARY)?;
        request(godot, project.path(), ScriptHead::parse(WITHOUT_LIBRARY)?)
    })())
}

/// A library that is called as the engine's class, in an engine that has it: it says so, and nothing else happens.
pub(crate) fn try_where_the_class_is(godot: &Godot, archive: &Archive) -> Outcome {
    suite::outcome_of_script((|| {
        let project = unpack(archive)?;
        announce_extension(project.path())?;
        run_script(godot, project.path(), WHERE_THE_CLASS_IS)
    })())
}

/// Tests of the sample project with the library as it is published.
pub(crate) fn run_tests(godot: &Godot, workspace: &Workspace, archive: &Archive) -> Outcome {
    let copied = (|| {
        let folder = tempfile::Builder::new()
            .prefix("http_client_rust-package-")
            .tempdir()
            .context("cannot make a temporary folder")?;
        let copy = Workspace::at(folder.path());
        copy_sample(workspace, archive, &copy.godot_project())?;
        // Some tests hand over a stream of another extension.
        let peer = cargo::build_dynamic_library(workspace, "test-peer", &[])?;
        stage::stage_test_peer(&copy, &peer)?;
        Ok((folder, copy))
    })();
    match copied {
        Ok((_folder, copy)) => TESTS
            .iter()
            .map(|name| suite::run_test_file(godot, &copy, &copy.godot_project().join("tests").join(name)))
            .reduce(Outcome::and)
            .unwrap_or_else(|| Outcome::failed("there is no program to run")),
        Err(error) => suite::outcome_of_tests(Err(error)),
    }
}

/// Copies the sample project, with the add-on of the zip in place of the one that is staged there.
pub(crate) fn copy_sample(workspace: &Workspace, archive: &Archive, project: &Path) -> Result<()> {
    stage::copy_folder(&workspace.godot_project(), project, &|below| {
        below == Path::new("addons") || below == Path::new(".godot")
    })?;
    archive.unpack(project)?;
    announce_extension(project)
}

/// Writes what the editor writes when it sees the add-on for the first time.
pub(crate) fn announce_extension(project: &Path) -> Result<()> {
    write(&project.join(".godot/extension_list.cfg"), &format!("res://addons/{ADDON}/{ADDON}.gdextension\n"))
}

/// A project that has nothing but the add-on and a script that makes a request.
/// Its folder has a name as people have them: with a space, and with a letter that is not in ASCII.
pub(crate) fn unpack(archive: &Archive) -> Result<TempDir> {
    let project = tempfile::Builder::new()
        .prefix("http_client_rust pâckage-")
        .tempdir()
        .context("cannot make a temporary folder")?;
    archive.unpack(project.path())?;
    write(&project.path().join("project.godot"), PROJECT)?;
    write(&project.path().join("request.gd"), SCRIPT)?;
    Ok(project)
}

fn request(godot: &Godot, project: &Path, head: ScriptHead) -> Result<Finished> {
    let servers = Servers::start()?;
    let address = servers.some_arguments(&["http"]).concat().replace("--http=", "");
    run(godot, project, &["--script", "res://request.gd", "--", &address], head)
}

/// Runs another script in such a project.
pub(crate) fn run_script(godot: &Godot, project: &Path, script: &str) -> Result<Finished> {
    write(&project.join("script.gd"), script)?;
    run(godot, project, &["--script", "res://script.gd"], ScriptHead::parse(script)?)
}

fn run(godot: &Godot, project: &Path, arguments: &[&str], head: ScriptHead) -> Result<Finished> {
    godot.run(Run {
        name: "a script with the unpacked add-on",
        project,
        arguments: arguments.iter().map(Into::into).collect(),
        screen: None,
        home: None,
        environment: Vec::new(),
        head,
        deadline: DEADLINE,
        echo: Echo::Nothing,
    })
}

fn write(path: &Path, text: &str) -> Result<()> {
    let folder = path.parent().context("a file stands in a folder")?;
    std::fs::create_dir_all(folder)
        .and_then(|()| std::fs::write(path, text))
        .with_context(|| format!("cannot write {}", path.display()))
}
