//! Puts the zip together, and one with the symbols that a crash report needs.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::archive::{Archive, Entry};
use crate::cross::{self, Row, Tools};
use crate::page::Findings;
use crate::source_paths::{self, Replacement};
use crate::verify::{self, Limits, Verdict};
use crate::workspace::{ADDON, Workspace, files_in};
use crate::{cargo, interface, library, licences};

const THIRD_PARTY: &str = "THIRD_PARTY_LICENSES.txt";

/// Which libraries are built, to go into the zip with those that are in `dist/lib` already.
pub(crate) enum Build {
    Nothing,
    ThisMachine,
    /// On Linux alone, by their lines in the .gdextension.
    Platforms(Vec<&'static Row>),
}

/// Makes the zip in `dist`; one with the engine's names is made in a folder of its own. An error where a library breaks one of
/// the rules in [`verify`].
pub(crate) fn make(
    workspace: &Workspace,
    build: &Build,
    engine_names: bool,
    findings: &mut Findings,
) -> Result<Archive> {
    let dist = workspace.root().join(if engine_names { "dist/engine-names" } else { "dist" });
    let more = if engine_names { interface::options_for_engine_names(workspace)? } else { Vec::new() };
    let collected = dist.join("lib");
    let symbols = dist.join("symbols");
    for folder in [&collected, &symbols] {
        std::fs::create_dir_all(folder).with_context(|| format!("cannot make the folder {}", folder.display()))?;
    }
    let mut folders = source_paths::replacements(workspace)?;
    match build {
        Build::Nothing => {}
        Build::ThisMachine => {
            build_for_this_machine(workspace, &collected, &symbols, &more)?;
        }
        Build::Platforms(rows) => {
            let tools = Tools::find_or_get()?;
            folders = cross::replacements(workspace, &tools)?;
            for row in rows {
                let built = cross::build(workspace, &tools, row, &more)?;
                let path = library::path_of(workspace, row.key)?;
                let name = Path::new(&path).file_name().context("a library has a name")?;
                write(&symbols.join(name), &built.with_symbols)?;
                write(&collected.join(name), &built.published)?;
            }
        }
    }
    findings.verdicts = check(workspace, &collected, build, &folders)?;
    println!("\n{}", findings.table());
    let problems: Vec<String> = findings.verdicts.iter().flat_map(problems_of).collect();
    if !problems.is_empty() {
        bail!(problems.join("\n"));
    }

    let version = env!("CARGO_PKG_VERSION");
    let archive = Archive::write(&dist.join(format!("{ADDON}-{version}.zip")), addon(workspace, &collected)?)?;
    let with_symbols = Archive::write(&dist.join(format!("{ADDON}-{version}-symbols.zip")), entries_of(&symbols)?)?;
    println!("Wrote {}", shown(workspace, &archive.path));
    println!("Wrote {}", shown(workspace, &with_symbols.path));
    for (name, size) in archive.sizes()?.into_iter().filter(|(name, _)| name.contains("/bin/")) {
        println!("  {name}: {:.1} MiB packed", size as f64 / f64::from(1 << 20));
    }
    Ok(archive)
}

/// Judges every library.
fn check(workspace: &Workspace, collected: &Path, build: &Build, folders: &[Replacement]) -> Result<Vec<Verdict>> {
    let of_this_machine = library::path_for_this_machine(&workspace.gdextension())?;
    let of_this_machine = library::key_of(workspace, of_this_machine.trim_start_matches("bin/"))?;
    let limits = |key: &str| match build {
        Build::Platforms(rows) if rows.iter().any(|row| row.key == key) => Limits::PUBLISHED,
        Build::Nothing => Limits::PUBLISHED,
        // What this machine's own compiler makes needs what this machine has.
        _ if key == of_this_machine => Limits::THIS_MACHINE,
        _ => Limits::PUBLISHED,
    };
    let mut verdicts = Vec::new();
    for library in files_in(collected, |_| true) {
        let key = library::key_of(workspace, &library.file_name().unwrap_or_default().to_string_lossy())?;
        verdicts.push(verify::judge(&key, &library, limits(&key), folders)?);
    }
    verdicts.sort_by(|left, right| left.key.cmp(&right.key));
    Ok(verdicts)
}

fn problems_of(verdict: &Verdict) -> impl Iterator<Item = String> {
    verdict.problems.iter().map(|problem| format!("the library for {} {problem}", verdict.key))
}

/// Builds the library for this machine and puts it beside those of other machines, without its symbols.
fn build_for_this_machine(workspace: &Workspace, collected: &Path, symbols: &Path, more: &[String]) -> Result<()> {
    let built = cargo::build_published_library(workspace, None, more)?;
    let path = library::path_for_this_machine(&workspace.gdextension())?;
    let name = Path::new(&path).file_name().context("a library has a name")?;
    copy(&built, &symbols.join(name))?;
    copy(&built, &collected.join(name))?;
    // Windows has its symbols in a file of their own.
    let database = built.with_extension("pdb");
    if database.is_file() {
        copy(&database, &symbols.join(name).with_extension("pdb"))?;
    }
    strip(&collected.join(name))
}

/// Takes the names of functions off. The linker's own tool does it, which is there wherever something was linked.
fn strip(library: &Path) -> Result<()> {
    let mut command = Command::new("strip");
    if cfg!(target_os = "macos") {
        command.arg("-x");
    } else if cfg!(unix) {
        command.arg("--strip-all");
    } else {
        return Ok(());
    }
    let output = command.arg(library).output().context("cannot start strip; install binutils")?;
    if !output.status.success() {
        bail!("strip {}: {}", library.display(), String::from_utf8_lossy(&output.stderr).trim());
    }
    Ok(())
}

/// The add-on's files under `addons/`, with every library that the .gdextension knows and that is there.
fn addon(workspace: &Workspace, collected: &Path) -> Result<Vec<Entry>> {
    let folder = workspace.addon();
    let top = format!("addons/{ADDON}");
    let mut entries: Vec<Entry> = entries_of(&folder)?
        .into_iter()
        .filter(|entry| {
            let is_godots_own = [".uid", ".import"].iter().any(|end| entry.name.ends_with(end));
            !entry.name.starts_with("bin/") && !is_godots_own
        })
        .map(|entry| Entry { name: format!("{top}/{}", entry.name), ..entry })
        .collect();
    let mut count = 0;
    for library in files_in(collected, |_| true) {
        let name = library.file_name().unwrap_or_default().to_string_lossy().into_owned();
        library::key_of(workspace, &name)?;
        entries.push(Entry::of_file(format!("{top}/bin/{name}"), &library)?);
        count += 1;
    }
    if count == 0 {
        bail!("there is no library in {}", collected.display());
    }
    entries.extend(for_readers(workspace, &top)?);
    let licences = licences::collect(workspace)?;
    entries.push(Entry { name: format!("{top}/{THIRD_PARTY}"), content: licences.into_bytes() });
    Ok(entries)
}

/// README, its pages and the examples. Godot leaves the pages and the examples out of the project: they cost an export nothing.
fn for_readers(workspace: &Workspace, top: &str) -> Result<Vec<Entry>> {
    let root = workspace.root();
    let mut entries = vec![
        Entry::of_file(format!("{top}/README.md"), &root.join("README.md"))?,
        Entry::of_file(format!("{top}/CHANGELOG.md"), &root.join("CHANGELOG.md"))?,
    ];
    for (name, folder) in [("docs", root.join("docs")), ("examples", workspace.godot_project().join("examples"))] {
        let ignored = Entry { name: ".gdignore".to_owned(), content: Vec::new() };
        let files = entries_of(&folder)?.into_iter().filter(|entry| !entry.name.ends_with(".uid"));
        entries.extend(
            files.chain([ignored]).map(|entry| Entry { name: format!("{top}/{name}/{}", entry.name), ..entry }),
        );
    }
    for entry in entries.iter_mut().filter(|entry| entry.name.ends_with(".md")) {
        // Where the examples are in the zip.
        let text = std::str::from_utf8(&entry.content).with_context(|| format!("{} is not UTF-8", entry.name))?;
        entry.content = text.replace("godot_project/examples/", "examples/").into_bytes();
    }
    Ok(entries)
}

/// All files below a folder, by their paths below it.
fn entries_of(folder: &Path) -> Result<Vec<Entry>> {
    let mut entries = Vec::new();
    let mut open = vec![PathBuf::new()];
    while let Some(below) = open.pop() {
        for path in files_in(&folder.join(&below), |_| true) {
            let below = below.join(path.file_name().context("a file has a name")?);
            if path.is_dir() {
                open.push(below);
            } else {
                let parts: Vec<_> = below.iter().map(|part| part.to_string_lossy()).collect();
                entries.push(Entry::of_file(parts.join("/"), &path)?);
            }
        }
    }
    Ok(entries)
}

fn write(path: &Path, content: &[u8]) -> Result<()> {
    std::fs::write(path, content).with_context(|| format!("cannot write {}", path.display()))
}

fn copy(from: &Path, to: &Path) -> Result<()> {
    std::fs::copy(from, to).map(drop).with_context(|| format!("cannot copy {} to {}", from.display(), to.display()))
}

fn shown(workspace: &Workspace, path: &Path) -> String {
    path.strip_prefix(workspace.root()).unwrap_or(path).display().to_string()
}
