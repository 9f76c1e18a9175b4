//! Checks the commands that the README and other texts tell people to type, and the figures that the README quotes.

use std::path::{Path, PathBuf};

use clap::Parser;
use clap::error::ErrorKind;
use regex::Regex;

use crate::Arguments;
use crate::workspace::{Workspace, files_in};

/// The kinds of blocks that tests check. This file checks commands, `test_readme.gd` the scripts, `test_recipes.gd` the C#, and
/// `rust/client/tests/states.rs` the states in `mermaid`. A `text` block is a drawing.
const KINDS: [&str; 5] = ["sh", "gdscript", "csharp", "text", "mermaid"];

/// The beginnings of commands of other projects that a text may contain. Their arguments are not checked.
const OF_OTHERS: [&str; 3] = ["cargo install ", "cargo deny check", "rustup toolchain install "];

/// The header of the README's table of figures. Its columns are the first ones of the table in `docs/performance.md`.
const FIGURES: &str = "| case | built-in | ours | ratio: median (min–max) |";

#[test]
fn every_block_is_of_a_kind_that_a_test_looks_at() {
    for (path, text) in texts() {
        for (kind, _) in blocks(&text) {
            assert!(KINDS.contains(&&*kind), "{}: no test checks blocks of the kind {kind:?}", path.display());
        }
        let indented = text.lines().find(|line| line.starts_with("    cargo "));
        assert_eq!(indented, None, "{}: put commands into a block that begins with ```sh", path.display());
    }
}

#[test]
fn every_command_in_the_texts_is_one_that_there_is() {
    let inline = Regex::new("`(cargo (?:xtask|bench|run) [^`]+)`").unwrap();
    let mut count = 0;
    for (path, text) in texts() {
        let in_blocks = blocks(&text).into_iter().filter(|(kind, _)| kind == "sh").flat_map(|(_, lines)| lines);
        let between = inline.captures_iter(&text).map(|found| found[1].to_owned());
        for line in in_blocks.chain(between) {
            let command = line.split(" #").next().unwrap_or_default().trim();
            if let Err(problem) = check(command) {
                panic!("{}: `{command}`: {problem}", path.display());
            }
            count += 1;
        }
    }
    assert!(count >= 20, "the texts contain many commands, but only {count} were found");
}

#[test]
fn the_figures_in_readme_are_those_of_the_last_run() {
    let root = root();
    let [readme, performance] =
        ["README.md", "docs/performance.md"].map(|name| std::fs::read_to_string(root.join(name)).unwrap());
    let run = performance.split("## One run").nth(1).unwrap();
    let quoted: Vec<&str> = rows(&readme);
    let current: Vec<String> = quoted
        .iter()
        .map(|row| {
            let case = row.split('|').nth(1).unwrap();
            let start = format!("|{case}|");
            let found: Vec<&str> = run.lines().filter(|line| line.starts_with(&start)).collect();
            assert_eq!(found.len(), 1, "lines about{case}in the table of docs/performance.md");
            found[0].split('|').take(5).collect::<Vec<_>>().join("|") + "|"
        })
        .collect();
    assert!(quoted.len() >= 5, "README quotes {} lines under {FIGURES}", quoted.len());
    assert!(quoted == current, "README quotes another run; its lines are now\n{}", current.join("\n"));
}

/// The lines of the README's table after its header.
fn rows(readme: &str) -> Vec<&str> {
    readme.lines().skip_while(|line| *line != FIGURES).skip(2).take_while(|line| line.starts_with('|')).collect()
}

/// Checks a command line. An error says what is wrong with it.
fn check(command: &str) -> Result<(), String> {
    let words: Vec<&str> = command.split_whitespace().collect();
    let behind = |option: &str| words.iter().position(|word| *word == option).and_then(|at| words.get(at + 1));
    match words[..] {
        ["cargo", "xtask", "package", ..] => parsed(packaging::Arguments::try_parse_from(&words[2..])),
        ["cargo", "xtask", ..] => parsed(Arguments::try_parse_from(&words[1..])),
        ["cargo", "+nightly", "fuzz", "run", target, ..] => there_is(format!("fuzz/fuzz_targets/{target}.rs")),
        ["cargo", "run" | "bench", ..] => match behind("-p") {
            Some(package) => {
                let folder = package.strip_prefix("http-").unwrap_or(package);
                there_is(format!("rust/{folder}/Cargo.toml"))
            }
            None => Err("it names no package".to_owned()),
        },
        // Godot imports twice, because the first run of a fresh checkout can crash after its work.
        ["godot", "--headless", "--import", "||", "godot", "--headless", "--import"] => Ok(()),
        _ if OF_OTHERS.iter().any(|start| command.starts_with(start)) => Ok(()),
        _ => Err("no test knows this command; add it to rust/xtask/src/texts.rs".to_owned()),
    }
}

fn parsed<T>(arguments: Result<T, clap::Error>) -> Result<(), String> {
    match arguments {
        Err(error) if error.kind() != ErrorKind::DisplayHelp => Err(error.to_string()),
        _ => Ok(()),
    }
}

fn there_is(path: String) -> Result<(), String> {
    if root().join(&path).is_file() { Ok(()) } else { Err(format!("there is no {path}")) }
}

/// The blocks of a text: the word after the opening fence, and the lines.
fn blocks(text: &str) -> Vec<(String, Vec<String>)> {
    let mut blocks: Vec<(String, Vec<String>)> = Vec::new();
    let mut is_open = false;
    for line in text.lines() {
        match line.strip_prefix("```") {
            Some(_) if is_open => is_open = false,
            Some(kind) => {
                is_open = true;
                blocks.push((kind.to_owned(), Vec::new()));
            }
            None if is_open => blocks.last_mut().unwrap().1.push(line.to_owned()),
            None => {}
        }
    }
    blocks
}

fn texts() -> Vec<(PathBuf, String)> {
    let is_text = |name: &str| name.ends_with(".md");
    let paths = [files_in(&root(), is_text), files_in(&root().join("docs"), is_text)].concat();
    paths.into_iter().map(|path| (path.clone(), std::fs::read_to_string(path).unwrap())).collect()
}

fn root() -> PathBuf {
    Workspace::find().map(|workspace| Path::to_owned(workspace.root())).unwrap()
}
