//! Runs the tests of our crates on another system: built like its library, started in the emulator or in Wine.

use std::path::Path;
use std::time::Duration;

use anyhow::Result;

use crate::captured::{self, Echo};
use crate::closing_line::Counts;
use crate::cross::{self, Row, Tools};
use crate::report::{Outcome, Report};
use crate::way::Way;
use crate::workspace::Workspace;

/// The crates that know nothing of Godot.
const CRATES: [&str; 4] = ["protocol", "net", "client", "fetch"];
const DEADLINE: Duration = Duration::from_secs(30 * 60);

/// A step for each program of tests, or for those whose names begin so, such as `fetch/`. What fails there is named in its note.
pub(crate) fn run_tests(workspace: &Workspace, row: &Row, wanted: &str, report: &mut Report) -> Result<()> {
    let way = Way::of(row.key)?;
    let tools = Tools::find_or_get()?;
    let is_wanted = |title: &str| title.starts_with(wanted) || wanted.starts_with(title);
    for name in CRATES.into_iter().filter(|name| is_wanted(&format!("{name}/"))) {
        let folder = workspace.root().join("rust").join(name);
        for program in cross::build_tests(workspace, &tools, row, &format!("http-{name}"))? {
            let test = program.file_stem().unwrap_or_default().to_string_lossy().into_owned();
            let title = format!("{name}/{}", test.rsplit_once('-').map_or(&*test, |(title, _)| title));
            if !title.starts_with(wanted) {
                continue;
            }
            report.step(title, || {
                run(workspace, &way, &program, &folder).unwrap_or_else(|error| Outcome::failed(format!("{error:#}")))
            });
        }
    }
    Ok(())
}

fn run(workspace: &Workspace, way: &Way, program: &Path, folder: &Path) -> Result<Outcome> {
    way.complete(workspace, program.parent().unwrap_or(folder))?;
    let mut command = way.command(program)?;
    command.current_dir(folder);
    let captured = captured::run(command, "the tests", DEADLINE, Echo::Nothing)?;
    let counts = Counts::of_cargo_test(&captured.output.replace("\r\n", "\n"));
    let mut notes = failed_in(&captured.output);
    if counts.failed == 0 {
        notes.extend(captured.ending.problem());
    }
    if !notes.is_empty() {
        println!("{}", captured.output);
    }
    let failed = counts.failed.max(usize::from(!notes.is_empty()));
    Ok(Outcome { passed: counts.passed, failed, note: notes.join("; "), ..Outcome::default() })
}

/// The names of the tests that failed.
fn failed_in(output: &str) -> Vec<String> {
    let name = |line: &str| Some(line.trim().strip_prefix("test ")?.strip_suffix(" ... FAILED")?.to_owned());
    output.lines().filter_map(name).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tests_that_failed_are_named() {
        let output = "test a::b ... ok\r\ntest a::c ... FAILED\r\ntest d - should panic ... ok\r\n";
        assert_eq!(failed_in(output), ["a::c"]);
    }
}
