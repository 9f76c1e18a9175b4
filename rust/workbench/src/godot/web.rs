//! Exports the sample for the web, where there is no library, and runs the pack on this machine in a folder without the library.
//! Other exports must come out as they would without the plugin.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use regex::Regex;
use tempfile::TempDir;

use super::run::{DEADLINE, Finished, Run};
use super::{Godot, editor, suite};
use crate::captured::Echo;
use crate::log_rule::Announced;
use crate::report::Outcome;
use crate::script_head::ScriptHead;
use crate::servers::Servers;
use crate::workspace::{ADDON, Workspace};

/// What is exported, and what is done with it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Export {
    /// Scripts as text.
    Text,
    /// Scripts as tokens.
    Tokens,
    /// Scripts as compressed tokens, as Godot exports them unless told otherwise.
    Compressed,
    /// For Linux, with and without the plugin.
    Others,
}

/// What runs in every pack.
const SCRIPTS: &[&str] = &["test_web_scripts.gd", "web/limits.gd"];
/// What runs in one of them: how scripts are packed makes no difference to it. Less what `LEFT_OUT` names.
const TESTS: &[&str] = &[
    "test_web_client.gd",
    "web/replays.gd",
    "test_session.gd",
    "test_task.gd",
    "test_form.gd",
    "test_request_node.gd",
    "test_query_string.gd",
    "test_bad_input.gd",
    "test_fetch_bad_input.gd",
];
/// What runs where scripts are text: it reads them, and tries them out with other addresses.
const READERS: &[&str] = &["test_recipes.gd"];
/// A script that ends while a request is under way, and what it prints then.
const QUITS: (&str, &str) = ("web/quits.gd", "cancelled at the end");
/// What the sample prints.
const SAMPLE: &str = "JSON: 200 OK";
/// Run before the exports: saves a scene in the binary form, which the repository does not have.
const SAVES_BINARY: &str = "web/save_binary.gd";
const LEFT_OUT: &str = "res://tests/web/left_out.json";
/// The example that cannot do there what it is about, and what it says.
const BLOCKING: (&str, &str) = ("thread_blocking", "Cannot connect: a browser cannot block");
const SAID: &str = "HTTPClientRust: there is no library for this platform";
/// What the engine's own client logs, and what tests ask for in passing that a browser cannot do.
const LOGGED: &[&str] = &[
    "^ERROR: TLS handshake error",
    r"^ERROR: HTTPClientRust\.connect_to_host\(\): a browser cannot block",
    r"^ERROR: HTTPSessionRust\.\w+\(\): a browser manages the cookies itself",
];
/// In place of the plugin, to export without it.
const NO_PLUGIN: &str = "@tool\nextends EditorExportPlugin\n\n\nfunc _get_name() -> String:\n\treturn \"Nothing\"\n";

impl Export {
    /// Each of them once.
    pub const ALL: [Self; 4] = [Self::Text, Self::Tokens, Self::Compressed, Self::Others];

    /// What it is called in reports, and in the presets.
    pub fn name(self) -> &'static str {
        match self {
            Self::Text => "web/text",
            Self::Tokens => "web/tokens",
            Self::Compressed => "web/compressed",
            Self::Others => "web/others",
        }
    }

    /// Exports, and runs what came out.
    pub fn run(self, godot: &Godot, workspace: &Workspace) -> Outcome {
        let project = match project(godot, workspace) {
            Ok(project) => project,
            Err(error) => return Outcome::failed(format!("{error:#}")),
        };
        if self == Self::Others {
            return match compare(godot, project.path()) {
                Ok(()) => Outcome::passed(""),
                Err(error) => Outcome::failed(format!("{error:#}")),
            };
        }
        match export(godot, project.path(), self.name(), "game.pck") {
            Ok((pack, output)) if output.contains(SAID) => self.try_out(godot, workspace, &pack),
            Ok(_) => Outcome::failed("the export did not print that it uses stand-ins"),
            Err(error) => Outcome::failed(format!("{error:#}")),
        }
    }

    fn try_out(self, godot: &Godot, workspace: &Workspace, pack: &Path) -> Outcome {
        let game = Game { godot, workspace, pack };
        let mut outcome = Outcome::default();
        let more = match self {
            Self::Compressed => TESTS,
            Self::Text => READERS,
            _ => &[],
        };
        for test in SCRIPTS.iter().chain(more) {
            outcome = outcome.and(suite::outcome_of_tests(game.test(test)));
        }
        for example in suite::examples(workspace) {
            outcome = outcome.and(game.example(&example));
        }
        outcome =
            outcome.and(suite::outcome_of_script(game.script(&workspace.godot_project().join("demo/transcript.gd"))));
        let quits = workspace.godot_project().join("tests").join(QUITS.0);
        outcome =
            outcome.and(suite::outcome_of_script(game.script(&quits).and_then(|finished| says(finished, QUITS.1))));
        outcome.and(suite::outcome_of_script(game.sample().and_then(|finished| says(finished, SAMPLE))))
    }
}

/// A pack that is run.
struct Game<'a> {
    godot: &'a Godot,
    workspace: &'a Workspace,
    pack: &'a Path,
}

impl Game<'_> {
    fn test(&self, name: &str) -> Result<Finished> {
        let file = self.workspace.godot_project().join("tests").join(name);
        let test = format!("--test=res://tests/{name}");
        let left_out = format!("--left-out={LEFT_OUT}");
        self.start(&file, &["--script", "res://tests/run.gd", "--", &test, &left_out])
    }

    fn example(&self, file: &Path) -> Outcome {
        let finished = self.script(file);
        if suite::name_of(file) != BLOCKING.0 {
            return suite::outcome_of_script(finished);
        }
        match finished {
            Ok(finished) if finished.output.contains(BLOCKING.1) && finished.violations.is_empty() => {
                Outcome::passed("")
            }
            Ok(finished) => {
                suite::show(&finished.output, &finished.problems());
                Outcome::failed(format!("{} did not print that a browser cannot block", BLOCKING.0))
            }
            Err(error) => Outcome::failed(format!("{error:#}")),
        }
    }

    fn script(&self, file: &Path) -> Result<Finished> {
        let script = suite::in_project(self.workspace, file)?;
        self.start(file, &["--script", &script, "--"])
    }

    fn sample(&self) -> Result<Finished> {
        self.start(&self.workspace.godot_project().join("demo/main.gd"), &["--", "--once=JSON"])
    }

    fn start(&self, judged_by: &Path, arguments: &[&str]) -> Result<Finished> {
        let servers = Servers::start()?;
        let folder = tempfile::tempdir().context("cannot make a temporary folder")?;
        let mut head = ScriptHead::of(judged_by)?;
        // Some of the tests that say what they log are left out.
        head.announced.iter_mut().for_each(|announced| announced.required = false);
        for pattern in LOGGED {
            let pattern = Regex::new(pattern).context("a regular expression")?;
            head.announced.push(Announced { pattern, required: false });
        }
        let mut all: Vec<std::ffi::OsString> = vec!["--main-pack".into(), self.pack.into()];
        all.extend(arguments.iter().map(Into::into));
        all.extend(servers.arguments().into_iter().map(Into::into));
        self.godot.run(Run {
            name: &suite::name_of(judged_by),
            project: folder.path(),
            arguments: all,
            screen: None,
            home: None,
            environment: Vec::new(),
            head,
            deadline: DEADLINE,
            echo: Echo::Only(suite::is_result),
        })
    }
}

/// The run, if it printed this.
fn says(finished: Finished, text: &str) -> Result<Finished> {
    if !finished.output.contains(text) {
        suite::show(&finished.output, &finished.problems());
        bail!("it did not print {text:?}");
    }
    Ok(finished)
}

/// A copy of the sample with the plugin and presets.
fn project(godot: &Godot, workspace: &Workspace) -> Result<TempDir> {
    let sample = workspace.godot_project();
    let copy = editor::copy_with_plugin(&sample, &sample.join("addons").join(ADDON))?;
    let others = Export::Others.name();
    let presets = [
        (Export::Text.name(), "Web", 0),
        (Export::Tokens.name(), "Web", 1),
        (Export::Compressed.name(), "Web", 2),
        (others, "Linux", 2),
    ];
    let text: String = presets.iter().enumerate().map(|(index, preset)| described(index, *preset)).collect();
    std::fs::write(copy.path().join("export_presets.cfg"), text).context("cannot write export_presets.cfg")?;
    let saves = sample.join("tests").join(SAVES_BINARY);
    let finished = godot.run(Run {
        name: "a scene in the binary form",
        project: copy.path(),
        arguments: vec!["--script".into(), suite::in_project(workspace, &saves)?.into()],
        screen: None,
        home: None,
        environment: Vec::new(),
        head: ScriptHead::of(&saves)?,
        deadline: DEADLINE,
        echo: Echo::Nothing,
    })?;
    let problems = finished.problems();
    if !problems.is_empty() {
        suite::show(&finished.output, &problems);
        bail!("a scene in the binary form: {}", problems.join("; "));
    }
    Ok(copy)
}

fn described(index: usize, (name, platform, script_mode): (&str, &str, u8)) -> String {
    format!(
        r#"[preset.{index}]

name="{name}"
platform="{platform}"
runnable=true
export_filter="all_resources"
include_filter="tests/*.json"
exclude_filter="bench/*,demo/pictures/*,tests/editor_*,addons/{ADDON}/export/*"
export_path=""
script_export_mode={script_mode}

[preset.{index}.options]

custom_template/debug=""

"#
    )
}

/// Exports a pack, and says what was printed.
fn export(godot: &Godot, project: &Path, preset: &str, pack: &str) -> Result<(PathBuf, String)> {
    let pack = project.join(".godot").join(pack);
    let finished = godot.run(Run {
        name: "the export",
        project,
        arguments: vec!["--export-pack".into(), preset.into(), pack.clone().into()],
        screen: None,
        home: None,
        environment: Vec::new(),
        head: ScriptHead::default(),
        deadline: editor::DEADLINE,
        echo: Echo::Nothing,
    })?;
    let list = std::fs::read_to_string(project.join(".godot/extension_list.cfg")).unwrap_or_default();
    let mut problems = finished.problems();
    if !list.contains(ADDON) {
        problems.push("the list of extensions in .godot no longer contains the add-on".to_owned());
    }
    if !problems.is_empty() {
        suite::show(&finished.output, &problems);
        bail!("the export: {}", problems.join("; "));
    }
    Ok((pack, finished.output))
}

/// Whether an export for a system that has a library is the same, byte for byte, with the plugin and without.
fn compare(godot: &Godot, project: &Path) -> Result<()> {
    let read = |pack: &Path| std::fs::read(pack).with_context(|| format!("there is no {}", pack.display()));
    // The first export makes what later ones take from the cache.
    export(godot, project, Export::Others.name(), "first.pck")?;
    let (pack, output) = export(godot, project, Export::Others.name(), "with.pck")?;
    if output.contains(SAID) {
        bail!("the export uses stand-ins, although there is a library");
    }
    let with = read(&pack)?;
    let plugin = project.join("addons").join(ADDON).join("export/stand_ins.gd");
    std::fs::write(&plugin, NO_PLUGIN).with_context(|| format!("cannot write {}", plugin.display()))?;
    let (pack, _) = export(godot, project, Export::Others.name(), "without.pck")?;
    let without = read(&pack)?;
    if with.len() < 100_000 {
        bail!("the pack has only {} bytes", with.len());
    }
    if with != without {
        let at = with.iter().zip(&without).position(|(a, b)| a != b);
        bail!("the packs differ: {} bytes with the plugin, {} without, from byte {at:?}", with.len(), without.len());
    }
    Ok(())
}
