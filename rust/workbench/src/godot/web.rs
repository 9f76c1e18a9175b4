//! Exports the sample for the web, which has no library, and runs the pack on this machine in a folder without the library. Other exports
//! must be the same as without the plugin.

use std::path::{Path, PathBuf};
use std::time::Duration;

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

/// The kinds of exports.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Export {
    /// Scripts as text.
    Text,
    /// Scripts as tokens.
    Tokens,
    /// Scripts as compressed tokens, as Godot exports them unless told otherwise.
    Compressed,
    /// For Linux, with the plugin and without it.
    Others,
}

/// The scripts that run in every pack. A run with `KEEP_RECIPES` has put the recipes with the addresses of the servers into it.
const SCRIPTS: &[&str] = &["test_web_scripts.gd", LIMITS, "web/named.gd", RECIPES];
const LIMITS: &str = "web/limits.gd";
const RECIPES: &str = "test_recipes.gd";
const KEEP_RECIPES: &str = "--keep-recipes";
/// The tests that run in one of the packs, because the script mode makes no difference to them. The tests in `LEFT_OUT` are skipped.
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
/// A script that quits during a request, and the text that it then prints.
const QUITS: (&str, &str) = ("web/quits.gd", "cancelled at the end");
/// The text that the sample prints.
const SAMPLE: &str = "JSON: 200 OK";
/// Runs before the exports: saves scenes and resources in the binary format, which the repository does not contain.
const SAVES_BINARY: &str = "web/save_binary.gd";
const LEFT_OUT: &str = "res://tests/web/left_out.json";
/// The example that cannot work in a browser, and the text that it prints.
const BLOCKING: (&str, &str) = ("thread_blocking", "Cannot connect: a browser cannot block");
const SAID: &str = "HTTPClientRust: there is no library for this platform";
/// The log of the engine's own client, and messages about features that tests use in passing and that browsers do not support.
const LOGGED: &[&str] = &[
    "^ERROR: TLS handshake error",
    r"^ERROR: HTTPClientRust\.connect_to_host\(\): a browser (cannot block|only trusts its own certificates)",
    r"^ERROR: HTTPSessionRust\.\w+\(\): a browser manages the cookies itself",
    "^WARNING: HTTPClientRust: a browser .+ (has no effect|is always empty)",
];
/// A damaged scene, and the message of the export about it. Godot prints more.
const DAMAGED: (&str, &[u8]) = ("tests/web/damaged.scn", b"RSRC\0\0\0\0\0\0\0\0HTTPRequestRust");
const SAID_OF_DAMAGED: &str = "res://tests/web/damaged.scn could not be changed and will not work in this export";
const LOGGED_OF_DAMAGED: &[&str] = &["^(ERROR|WARNING): .*damaged\\.scn"];
/// The setting to export text scenes and resources without conversion.
const KEEPS_TEXT: &str = "\n[editor]\n\nexport/convert_text_resources_to_binary=false\n";
/// The script that replaces the plugin, to export without it.
const NO_PLUGIN: &str = "@tool\nextends EditorExportPlugin\n\n\nfunc _get_name() -> String:\n\treturn \"Nothing\"\n";

impl Export {
    /// All kinds.
    pub const ALL: [Self; 4] = [Self::Text, Self::Tokens, Self::Compressed, Self::Others];

    /// Returns the name in reports and in the presets.
    pub fn name(self) -> &'static str {
        match self {
            Self::Text => "web/text",
            Self::Tokens => "web/tokens",
            Self::Compressed => "web/compressed",
            Self::Others => "web/others",
        }
    }

    /// Returns whether text scenes and resources are converted to binary ones in the export, which is Godot's default.
    fn converts_text(self) -> bool {
        self != Self::Text
    }

    /// Exports, and runs the result.
    pub fn run(self, godot: &Godot, workspace: &Workspace) -> Outcome {
        self.try_out(godot, workspace).unwrap_or_else(|error| Outcome::failed(format!("{error:#}")))
    }

    fn try_out(self, godot: &Godot, workspace: &Workspace) -> Result<Outcome> {
        let project = project(godot, workspace, self.converts_text())?;
        if self == Self::Others {
            compare(godot, project.path())?;
            return Ok(Outcome::passed(""));
        }
        let servers = Servers::start()?;
        make_recipes(godot, workspace, project.path(), &servers)?;
        let (pack, output) = export(godot, project.path(), self.name(), "game.pck")?;
        for said in [SAID, SAID_OF_DAMAGED] {
            if !output.contains(said) {
                bail!("the export does not say {said:?}");
            }
        }
        let game = Game { godot, workspace, pack: &pack, servers: &servers };
        let mut outcome = Outcome::default();
        let more = if self == Self::Compressed { TESTS } else { &[] };
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
        Ok(outcome.and(suite::outcome_of_script(game.sample().and_then(|finished| says(finished, SAMPLE)))))
    }
}

/// An exported pack, and everything that is needed to run it.
struct Game<'a> {
    godot: &'a Godot,
    workspace: &'a Workspace,
    pack: &'a Path,
    servers: &'a Servers,
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
        let folder = tempfile::tempdir().context("cannot make a temporary folder")?;
        let mut head = ScriptHead::of(judged_by)?;
        if !judged_by.ends_with(LIMITS) {
            // Some tests with expected log lines are skipped.
            head.announced.iter_mut().for_each(|announced| announced.required = false);
        }
        head.announced.extend(logged(LOGGED)?);
        let mut all: Vec<std::ffi::OsString> = vec!["--main-pack".into(), self.pack.into()];
        all.extend(arguments.iter().map(Into::into));
        all.extend(self.servers.arguments().into_iter().map(Into::into));
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

/// Returns the lines that a log may contain.
fn logged(patterns: &[&str]) -> Result<Vec<Announced>> {
    let announced = |pattern: &&str| {
        Ok(Announced { pattern: Regex::new(pattern).context("a regular expression")?, required: false })
    };
    patterns.iter().map(announced).collect()
}

/// Returns the run if it printed this text.
fn says(finished: Finished, text: &str) -> Result<Finished> {
    if !finished.output.contains(text) {
        suite::show(&finished.output, &finished.problems());
        bail!("it did not print {text:?}");
    }
    Ok(finished)
}

/// Runs the recipes with the library. This creates the scripts that are exported.
fn make_recipes(godot: &Godot, workspace: &Workspace, project: &Path, servers: &Servers) -> Result<()> {
    let mut arguments: Vec<std::ffi::OsString> =
        ["--script", "res://tests/run.gd", "--", KEEP_RECIPES].map(Into::into).into();
    arguments.extend([format!("--test=res://tests/{RECIPES}"), format!("--left-out={LEFT_OUT}")].map(Into::into));
    arguments.extend(servers.arguments().into_iter().map(Into::into));
    let head = ScriptHead::of(&workspace.godot_project().join("tests").join(RECIPES))?;
    run_alone(godot, project, "the recipes", arguments, head, DEADLINE).map(drop)
}

/// Runs Godot, and fails if there are problems.
fn run_alone(
    godot: &Godot,
    project: &Path,
    name: &str,
    arguments: Vec<std::ffi::OsString>,
    head: ScriptHead,
    deadline: Duration,
) -> Result<Finished> {
    let finished = godot.run(Run {
        name,
        project,
        arguments,
        screen: None,
        home: None,
        environment: Vec::new(),
        head,
        deadline,
        echo: Echo::Nothing,
    })?;
    let problems = finished.problems();
    if !problems.is_empty() {
        suite::show(&finished.output, &problems);
        bail!("{name}: {}", problems.join("; "));
    }
    Ok(finished)
}

/// Creates a copy of the sample with the plugin and presets.
fn project(godot: &Godot, workspace: &Workspace, converts_text: bool) -> Result<TempDir> {
    let sample = workspace.godot_project();
    let copy = editor::copy_with_plugin(&sample, &sample.join("addons").join(ADDON))?;
    let others = Export::Others.name();
    let presets = [
        (Export::Text.name(), "Web", 0),
        (Export::Tokens.name(), "Web", 1),
        (Export::Compressed.name(), "Web", 2),
        (others, "Linux", 2),
    ];
    let is_run = |file: &PathBuf| SCRIPTS.iter().chain(TESTS).any(|test| file.ends_with(Path::new("tests").join(test)));
    let not_run = suite::test_files(workspace).into_iter().filter(|file| !is_run(file));
    let left_out =
        not_run.map(|file| Ok(format!(",{}", suite::in_project(workspace, &file)?))).collect::<Result<String>>()?;
    let text: String = presets.iter().enumerate().map(|(index, preset)| described(index, *preset, &left_out)).collect();
    std::fs::write(copy.path().join("export_presets.cfg"), text).context("cannot write export_presets.cfg")?;
    if !converts_text {
        let settings = copy.path().join("project.godot");
        let text = std::fs::read_to_string(&settings).context("cannot read project.godot")?;
        std::fs::write(&settings, text + KEEPS_TEXT).context("cannot write project.godot")?;
    }
    std::fs::write(copy.path().join(DAMAGED.0), DAMAGED.1).context("cannot write a damaged scene")?;
    let saves = sample.join("tests").join(SAVES_BINARY);
    let arguments = vec!["--script".into(), suite::in_project(workspace, &saves)?.into()];
    run_alone(godot, copy.path(), "scenes in the binary form", arguments, ScriptHead::of(&saves)?, DEADLINE)?;
    Ok(copy)
}

fn described(index: usize, (name, platform, script_mode): (&str, &str, u8), left_out: &str) -> String {
    format!(
        r#"[preset.{index}]

name="{name}"
platform="{platform}"
runnable=true
export_filter="all_resources"
include_filter="tests/*.json"
exclude_filter="bench/*,demo/pictures/*,tests/editor_*,addons/{ADDON}/export/*{left_out}"
export_path=""
script_export_mode={script_mode}

[preset.{index}.options]

custom_template/debug=""

"#
    )
}

/// Exports a pack, and returns the output.
fn export(godot: &Godot, project: &Path, preset: &str, pack: &str) -> Result<(PathBuf, String)> {
    let pack = project.join(".godot").join(pack);
    let arguments = vec!["--export-pack".into(), preset.into(), pack.clone().into()];
    let head = ScriptHead { announced: logged(LOGGED_OF_DAMAGED)?, ..ScriptHead::default() };
    let finished = run_alone(godot, project, "the export", arguments, head, editor::DEADLINE)?;
    let list = std::fs::read_to_string(project.join(".godot/extension_list.cfg")).unwrap_or_default();
    if !list.contains(ADDON) {
        bail!("the export: the list of extensions in .godot no longer contains the add-on");
    }
    Ok((pack, finished.output))
}

/// Checks that an export for a system with a library is identical with and without the plugin, byte by byte.
fn compare(godot: &Godot, project: &Path) -> Result<()> {
    let read = |pack: &Path| std::fs::read(pack).with_context(|| format!("there is no {}", pack.display()));
    // The first export creates the cache that later ones use.
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_run_in_a_browser_has_the_same_tests() {
        let script = Workspace::find().unwrap().root().join(".github/web/run.py");
        let script = std::fs::read_to_string(script).unwrap();
        let (_, behind) = script.split_once("\nTESTS = [").unwrap();
        let (list, _) = behind.split_once(']').unwrap();
        let mut there: Vec<&str> = list.split('"').skip(1).step_by(2).collect();
        let mut here: Vec<&str> = SCRIPTS.iter().chain(TESTS).copied().collect();
        there.sort_unstable();
        here.sort_unstable();
        assert_eq!(there, here);
    }
}
