//! The checks that need no Godot: formatting, lints, Rust tests, dependency rules and documentation.

use std::process::Command;
use std::time::Duration;

use anyhow::{Result, bail};

use crate::captured::{self, Echo};
use crate::cargo;
use crate::closing_line::Counts;
use crate::report::Outcome;
use crate::workspace::Workspace;

/// The time limit of one call of cargo, on a slow machine that compiles everything.
const DEADLINE: Duration = Duration::from_secs(45 * 60);

/// Crates, and the crates that they must not depend on. The layers depend on each other in one direction, and the tasks are built
/// before everything else.
const FORBIDDEN: [(&str, &[&str]); 6] = [
    ("http-client", &["godot"]),
    ("http-fetch", &["godot", "http-client"]),
    ("http-net", &["godot", "http-client", "http-fetch"]),
    ("http-protocol", &["godot", "http-client", "http-fetch", "http-net", "polling", "rustls", "socket2"]),
    ("packaging", &["aws", "godot", "http", "hyper", "rustls", "test", "tokio"]),
    ("xtask", &["aws", "godot", "http", "hyper", "rustls", "test", "tokio"]),
];

/// `cargo fmt --check`.
pub(crate) fn format(workspace: &Workspace) -> Outcome {
    plain(cargo::command(workspace, ["fmt", "--all", "--check"]), "cargo fmt", "run `cargo fmt --all`")
}

/// `cargo clippy` with warnings as errors.
pub(crate) fn lints(workspace: &Workspace) -> Outcome {
    let arguments = ["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"];
    plain(cargo::command(workspace, arguments), "cargo clippy", "see its messages above")
}

/// `cargo doc` with warnings as errors: broken links and missing documentation.
pub(crate) fn documentation(workspace: &Workspace) -> Outcome {
    let mut command = cargo::command(workspace, ["doc", "--workspace", "--no-deps"]);
    command.env("RUSTDOCFLAGS", "-D warnings");
    plain(command, "cargo doc", "see its messages above")
}

/// Runs all Rust tests, or those whose names contain `filter`. Also returns how many ran.
pub(crate) fn rust_tests(workspace: &Workspace, filter: Option<&str>) -> (Outcome, usize) {
    let mut command = cargo::command(workspace, ["test", "--workspace", "--no-fail-fast"]);
    command.args(filter);
    coloured(&mut command);
    let captured = match captured::run(command, "cargo test", DEADLINE, Echo::All) {
        Ok(captured) => captured,
        Err(error) => return (Outcome::failed(format!("{error:#}")), 0),
    };
    let counts = Counts::of_cargo_test(&crate::log_rule::without_colours(&captured.output));
    let note = format!("{} tests passed, {} failed", counts.passed, counts.failed);
    let outcome = match captured.ending.problem() {
        None => Outcome::passed(note),
        Some(problem) => Outcome::failed(format!("{note}; {problem}")),
    };
    (outcome.with_left_out_of(&captured.output), counts.passed + counts.failed)
}

/// Checks the dependency rules with `cargo tree`.
pub(crate) fn dependency_rules(workspace: &Workspace) -> Outcome {
    let mut broken = Vec::new();
    for (package, forbidden) in FORBIDDEN {
        match dependencies(workspace, package) {
            Ok(tree) => broken.extend(
                forbidden_in(&tree, forbidden)
                    .into_iter()
                    .map(|found| format!("{package} depends on {found}, which is not allowed")),
            ),
            Err(error) => broken.push(format!("{error:#}")),
        }
    }
    if broken.is_empty() { Outcome::passed("") } else { Outcome::failed(broken.join("; ")) }
}

/// All dependencies of a package, one `name vVERSION` per line. Those of its tests do not count.
fn dependencies(workspace: &Workspace, package: &str) -> Result<String> {
    let command = cargo::command(
        workspace,
        ["tree", "--package", package, "--edges", "normal", "--prefix", "none", "--target", "all"],
    );
    let captured = captured::run(command, "cargo tree", DEADLINE, Echo::Nothing)?;
    match captured.ending.problem() {
        None => Ok(captured.output),
        Some(problem) => bail!("cargo tree --package {package}: {problem}: {}", captured.output.trim()),
    }
}

/// The forbidden crates in a tree, including their families (such as `godot-core`).
fn forbidden_in(tree: &str, forbidden: &[&str]) -> Vec<String> {
    let mut found: Vec<String> = tree
        .lines()
        .filter_map(|line| line.split_whitespace().next())
        .filter(|name| forbidden.iter().any(|family| is_of(family, name)))
        .map(str::to_owned)
        .collect();
    found.sort();
    found.dedup();
    found
}

/// Whether a crate belongs to a family: it has the family's name, or this name with a hyphen and more after it.
fn is_of(family: &str, name: &str) -> bool {
    name.strip_prefix(family).is_some_and(|rest| rest.is_empty() || rest.starts_with('-'))
}

fn plain(mut command: Command, what: &str, advice: &str) -> Outcome {
    coloured(&mut command);
    match captured::run(command, what, DEADLINE, Echo::All) {
        Err(error) => Outcome::failed(format!("{error:#}")),
        Ok(captured) => match captured.ending.problem() {
            None => Outcome::passed(""),
            Some(problem) => Outcome::failed(format!("{problem}; {advice}")),
        },
    }
}

/// Cargo sees a pipe, and would omit colors that the user can see.
fn coloured(command: &mut Command) {
    use std::io::IsTerminal;
    if std::io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none() {
        command.env("CARGO_TERM_COLOR", "always");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_forbidden_crate_and_its_family_are_found_once() {
        let tree = "http-client v0.1.0 (/x)\ngodot v0.5.5\ngodot-core v0.5.5\ngodot v0.5.5 (*)\n";
        assert_eq!(forbidden_in(tree, &["godot"]), ["godot", "godot-core"]);
    }

    #[test]
    fn a_crate_whose_name_only_contains_the_word_is_allowed() {
        assert!(forbidden_in("not-godot v1.0.0\ngodotty v1.0.0\n\n", &["godot"]).is_empty());
    }

    #[test]
    fn a_floor_above_is_forbidden_and_a_neighbour_of_its_name_is_not() {
        let tree = "http-net v0.1.0 (/x)\nhttp-client v0.1.0 (/x)\nhttp v1.0.0\n";
        assert_eq!(forbidden_in(tree, &["godot", "http-client"]), ["http-client"]);
    }
}
