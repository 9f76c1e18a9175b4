//! Runs the tests in Godot: test files, editor plugins, and scripts that only have to succeed.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use super::Godot;
use super::editor;
use super::run::{DEADLINE, Finished, Run};
use crate::captured::Echo;
use crate::closing_line::Counts;
use crate::log_rule::is_suspicious;
use crate::report::{Outcome, says_left_out};
use crate::script_head::ScriptHead;
use crate::servers::Servers;
use crate::workspace::{Workspace, files_in};

/// The GDScript test files.
pub fn test_files(workspace: &Workspace) -> Vec<PathBuf> {
    files_in(&workspace.godot_project().join("tests"), |name| name.starts_with("test_") && name.ends_with(".gd"))
}

/// The example scripts.
pub fn examples(workspace: &Workspace) -> Vec<PathBuf> {
    files_in(&workspace.godot_project().join("examples"), |name| name.ends_with(".gd"))
}

/// The editor plugins with tests.
pub fn editor_tests(workspace: &Workspace) -> Vec<PathBuf> {
    let tests = workspace.godot_project().join("tests");
    let mut folders = files_in(&tests, |name| name.starts_with("editor_"));
    folders.retain(|folder| folder.join("plugin.cfg").is_file());
    folders
}

/// The name of a file or folder of the project in reports.
pub fn name_of(path: &Path) -> String {
    let name = path.file_stem().unwrap_or_default();
    name.to_string_lossy().into_owned()
}

/// Runs one test file in its own Godot.
pub fn run_test_file(godot: &Godot, workspace: &Workspace, file: &Path) -> Outcome {
    outcome_of_tests((|| {
        let servers = Servers::start()?;
        let mut arguments = vec![format!("--test={}", in_project(workspace, file)?)];
        arguments.extend(servers.arguments());
        if let Some(shared) = workspace.shared() {
            arguments.push(format!("--shared={}", shared.display()));
        }
        let run_gd = "res://tests/run.gd";
        run_script(godot, workspace, file, run_gd, &arguments, Echo::Only(is_result))
    })())
}

/// Runs one editor test in its own editor, on a copy of the project in which the plugin is enabled.
pub fn run_editor_test(godot: &Godot, workspace: &Workspace, folder: &Path) -> Outcome {
    outcome_of_tests((|| {
        let servers = Servers::start()?;
        let copy = editor::copy_with_plugin(&workspace.godot_project(), folder)?;
        godot.run(Run {
            name: &name_of(folder),
            project: copy.path(),
            arguments: vec!["--editor".into()],
            screen: None,
            home: None,
            environment: servers.environment(),
            head: ScriptHead::of(&folder.join("plugin.gd"))?,
            deadline: editor::DEADLINE,
            echo: Echo::Only(is_result),
        })
    })())
}

/// Runs a script of the project that must exit with 0 and leave a clean log. `judged_by` is the file with the script head.
pub fn run_script(
    godot: &Godot,
    workspace: &Workspace,
    judged_by: &Path,
    script: &str,
    arguments: &[String],
    echo: Echo,
) -> Result<Finished> {
    let head = ScriptHead::of(judged_by)?;
    let mut all = vec!["--script".into(), script.into(), "--".into()];
    all.extend(arguments.iter().map(Into::into));
    godot.run(Run {
        name: &name_of(judged_by),
        project: &workspace.godot_project(),
        arguments: all,
        screen: None,
        home: None,
        environment: Vec::new(),
        head,
        deadline: DEADLINE,
        echo,
    })
}

/// Runs one example, with the addresses that examples use.
pub fn run_example(godot: &Godot, workspace: &Workspace, file: &Path) -> Outcome {
    outcome_of_script((|| {
        let servers = Servers::start()?;
        let arguments = servers.some_arguments(&["http", "raw"]);
        let script = in_project(workspace, file)?;
        run_script(godot, workspace, file, &script, &arguments, Echo::Nothing)
    })())
}

/// Runs the sample's transcript against the embedded server, and also against a server of the user if `url` names one.
pub fn run_transcript(godot: &Godot, workspace: &Workspace, url: Option<&str>, echo: Echo) -> Result<Finished> {
    let servers = Servers::start()?;
    let mut arguments = servers.some_arguments(&["http", "raw", "refused-port"]);
    arguments.extend(url.map(|url| format!("--url={url}")));
    let file = workspace.godot_project().join("demo").join("transcript.gd");
    let script = in_project(workspace, &file)?;
    run_script(godot, workspace, &file, &script, &arguments, echo)
}

/// The outcome of a script that counts as one check. Shows its output if it failed.
pub fn outcome_of_script(finished: Result<Finished>) -> Outcome {
    let finished = match finished {
        Ok(finished) => finished,
        Err(error) => return Outcome::failed(format!("{error:#}")),
    };
    let problems = finished.problems();
    let outcome = if problems.is_empty() {
        Outcome::passed("")
    } else {
        show(&finished.output, &problems);
        Outcome::failed(problems.join("; "))
    };
    outcome.with_left_out_of(&finished.output)
}

/// The outcome of a test run: the counted tests, and one more failure if the run itself had problems.
pub fn outcome_of_tests(finished: Result<Finished>) -> Outcome {
    let finished = match finished {
        Ok(finished) => finished,
        Err(error) => return Outcome::failed(format!("{error:#}")),
    };
    let (counts, problems) = judge_tests(&finished);
    let mut notes = Vec::new();
    if counts.failed > 0 {
        notes.push(format!("{} of its tests failed", counts.failed));
    }
    notes.extend(problems.iter().cloned());
    let failed = counts.failed + usize::from(!problems.is_empty());
    if failed > 0 {
        show(&finished.output, &notes);
    } else {
        notes.push(match counts.passed {
            1 => "1 test".to_owned(),
            passed => format!("{passed} tests"),
        });
    }
    let outcome = Outcome { passed: counts.passed, failed, note: notes.join("; "), ..Outcome::default() };
    outcome.with_left_out_of(&finished.output)
}

/// The counts of a test run, and its problems besides failed tests.
fn judge_tests(finished: &Finished) -> (Counts, Vec<String>) {
    let mut problems = finished.violations.clone();
    let counts = Counts::of_godot_tests(&finished.output);
    if counts.is_none() {
        problems.insert(0, "it did not print the closing line `N passed, N failed`".to_owned());
    }
    let counts = counts.unwrap_or_default();
    if counts.failed == 0 {
        if counts.passed == 0 && problems.is_empty() {
            problems.push("it ran no test".to_owned());
        }
        // If a test failed, the exit code adds nothing new.
        problems.splice(0..0, finished.ending.clone());
    } else if finished.ending.is_none() {
        problems.push("tests failed, but it exited with code 0".to_owned());
    }
    (counts, problems)
}

/// How many lines are shown from the start and from the end of a long output. One test printed 15,000 lines when the class was
/// missing.
const SHOWN: usize = 200;

/// Prints the output of a failed run and its problems.
pub fn show(output: &str, problems: &[String]) {
    println!("  --- its output (! marks lines that a good log never has)");
    let total = output.lines().count();
    for (index, line) in output.lines().enumerate() {
        if total > 2 * SHOWN && (SHOWN..total - SHOWN).contains(&index) {
            if index == SHOWN {
                println!("  ... {} lines more ...", total - 2 * SHOWN);
            }
            continue;
        }
        let mark = if is_suspicious(line) { '!' } else { '|' };
        println!("  {mark} {line}");
    }
    for problem in problems {
        println!("  --- {problem}");
    }
}

/// Whether a line is the result of a test.
pub fn is_result(line: &str) -> bool {
    line.starts_with("ok ") || line.starts_with("FAIL ") || says_left_out(line)
}

/// The `res://` path of a file.
pub(crate) fn in_project(workspace: &Workspace, file: &Path) -> Result<String> {
    let below = file
        .strip_prefix(workspace.godot_project())
        .with_context(|| format!("{} is not in the sample project", file.display()))?;
    let parts: Vec<_> = below.iter().map(|part| part.to_string_lossy()).collect();
    Ok(format!("res://{}", parts.join("/")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judged(output: &str, ending: Option<&str>, violations: &[&str]) -> (usize, usize, usize) {
        let finished = Finished {
            ending: ending.map(str::to_owned),
            violations: violations.iter().map(|&text| text.to_owned()).collect(),
            output: output.to_owned(),
            code: 0,
        };
        let (counts, problems) = judge_tests(&finished);
        (counts.passed, counts.failed, problems.len())
    }

    #[test]
    fn a_run_whose_tests_hold_has_no_problem() {
        assert_eq!(judged("ok   a\n1 passed, 0 failed\n", None, &[]), (1, 0, 0));
    }

    #[test]
    fn failed_tests_are_counted_and_their_exit_code_is_no_problem_of_its_own() {
        assert_eq!(judged("1 passed, 2 failed\n", Some("code 1"), &[]), (1, 2, 0));
        assert_eq!(judged("1 passed, 2 failed\n", None, &[]), (1, 2, 1));
    }

    #[test]
    fn a_run_without_a_closing_line_or_without_tests_has_failed() {
        assert_eq!(judged("ok   a\n", None, &[]), (0, 0, 1));
        assert_eq!(judged("0 passed, 0 failed\n", None, &[]), (0, 0, 1));
    }

    #[test]
    fn a_crash_after_the_closing_line_is_a_problem() {
        assert_eq!(judged("3 passed, 0 failed\n", Some("signal 11"), &[]), (3, 0, 1));
    }

    #[test]
    fn a_log_that_breaks_the_rule_is_a_problem_beside_tests_that_hold() {
        assert_eq!(judged("3 passed, 0 failed\n", None, &["ERROR: no"]), (3, 0, 1));
    }

    #[test]
    fn a_projects_file_has_its_res_path() {
        let workspace = Workspace::find().unwrap();
        let file = workspace.godot_project().join("tests").join("test_a.gd");
        assert_eq!(in_project(&workspace, &file).unwrap(), "res://tests/test_a.gd");
    }
}
