//! `cargo xtask package`: the zip that a game's author unpacks, and one with the symbols that a crash report needs.

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use anyhow::{Context, Result, bail};

use crate::cargo;
use crate::godot::find;
use crate::library;
use crate::package::{Archive, Entry, licences, try_export, try_out};
use crate::source_paths;
use crate::workspace::{ADDON, Workspace, files_in};

/// What the command line says.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Only put together what is in dist/lib, and build nothing: the last step of a release.
    #[arg(long)]
    prebuilt: bool,
    /// Do not try the zip out in Godot.
    #[arg(long)]
    untried: bool,
    /// Export the sample with this release template of Linux too, and run the exported game.
    #[arg(long, value_name = "PROGRAM")]
    template: Option<PathBuf>,
}

/// The most bytes that one library may have in the zip.
const LARGEST_LIBRARY: u64 = 10 << 20;
const THIRD_PARTY: &str = "THIRD_PARTY_LICENSES.txt";

/// Runs the command. The exit code is 1 where the zip is too large or does not work.
pub(crate) fn run(workspace: &Workspace, arguments: &Arguments) -> Result<ExitCode> {
    let dist = workspace.root().join("dist");
    let collected = dist.join("lib");
    let symbols = dist.join("symbols");
    for folder in [&collected, &symbols] {
        std::fs::create_dir_all(folder).with_context(|| format!("cannot make the folder {}", folder.display()))?;
    }
    let mut problems = Vec::new();
    if !arguments.prebuilt {
        let library = build(workspace, &collected, &symbols)?;
        // Microsoft's compiler cannot replace the paths of C sources.
        if !cfg!(windows)
            && let Some(folder) = source_paths::named_in(&library, workspace)?
        {
            problems.push(format!(
                "{} names {}, a folder of this machine",
                shown(workspace, &library),
                folder.display()
            ));
        }
    }

    let version = env!("CARGO_PKG_VERSION");
    let archive = Archive::write(&dist.join(format!("{ADDON}-{version}.zip")), addon(workspace, &collected)?)?;
    let with_symbols = Archive::write(&dist.join(format!("{ADDON}-{version}-symbols.zip")), entries_of(&symbols)?)?;
    println!("Wrote {}", shown(workspace, &archive.path));
    println!("Wrote {}", shown(workspace, &with_symbols.path));

    for (name, size) in archive.sizes()?.into_iter().filter(|(name, _)| name.contains("/bin/")) {
        println!("  {name}: {:.1} MiB", size as f64 / f64::from(1 << 20));
        if size > LARGEST_LIBRARY {
            problems.push(format!("{name} has {size} bytes; the most is {LARGEST_LIBRARY}"));
        }
    }
    if !arguments.untried {
        let godot = find::find_or_get()?;
        problems.extend(try_out(&godot, &archive)?);
        if let Some(template) = &arguments.template {
            let template = template.canonicalize().with_context(|| format!("cannot find {}", template.display()))?;
            problems.extend(try_export(&godot, workspace, &archive, &template)?);
        }
    }
    for problem in &problems {
        eprintln!("package: {problem}");
    }
    Ok(if problems.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Builds the library for this machine and puts it beside those of other machines, without its symbols. Says where it is.
fn build(workspace: &Workspace, collected: &Path, symbols: &Path) -> Result<PathBuf> {
    let built = cargo::build_published_library(workspace, None)?;
    let gdextension = workspace.addon().join(format!("{ADDON}.gdextension"));
    let path = library::path_for_this_machine(&gdextension)?;
    let name = Path::new(&path).file_name().context("a library has a name")?;
    copy(&built, &symbols.join(name))?;
    copy(&built, &collected.join(name))?;
    // Windows has its symbols in a file of their own.
    let database = built.with_extension("pdb");
    if database.is_file() {
        copy(&database, &symbols.join(name).with_extension("pdb"))?;
    }
    let library = collected.join(name);
    strip(&library)?;
    Ok(library)
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
    let output = command.arg(library).output().context("cannot start strip; it comes with the linker (binutils)")?;
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
    let gdextension =
        std::fs::read_to_string(folder.join(format!("{ADDON}.gdextension"))).context("cannot read the .gdextension")?;
    let mut count = 0;
    for library in files_in(collected, |_| true) {
        let name = library.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if !gdextension.contains(&format!("\"bin/{name}\"")) {
            bail!("{} is in no line of the .gdextension; its name must stand there", library.display());
        }
        entries.push(Entry::of_file(format!("{top}/bin/{name}"), &library)?);
        count += 1;
    }
    if count == 0 {
        bail!("there is no library in {}", collected.display());
    }
    let licences = licences::collect(workspace)?;
    entries.push(Entry { name: format!("{top}/{THIRD_PARTY}"), content: licences.into_bytes() });
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

fn copy(from: &Path, to: &Path) -> Result<()> {
    std::fs::copy(from, to).map(drop).with_context(|| format!("cannot copy {} to {}", from.display(), to.display()))
}

fn shown(workspace: &Workspace, path: &Path) -> String {
    path.strip_prefix(workspace.root()).unwrap_or(path).display().to_string()
}
