//! Puts the zip together, and one with the symbols that a crash report needs.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use super::{Archive, Entry, licences};
use crate::cargo;
use crate::library;
use crate::source_paths;
use crate::workspace::{ADDON, Workspace, files_in};

/// The most bytes that one library may have in the zip.
const LARGEST_LIBRARY: u64 = 10 << 20;
const THIRD_PARTY: &str = "THIRD_PARTY_LICENSES.txt";

/// Makes the zip in `dist`, of a library built for this machine and of those that are in `dist/lib` already; `prebuilt` builds
/// none. An error where a library is too large, or the new one names a folder of this machine.
pub(crate) fn make(workspace: &Workspace, prebuilt: bool) -> Result<Archive> {
    let dist = workspace.root().join("dist");
    let collected = dist.join("lib");
    let symbols = dist.join("symbols");
    for folder in [&collected, &symbols] {
        std::fs::create_dir_all(folder).with_context(|| format!("cannot make the folder {}", folder.display()))?;
    }
    if !prebuilt {
        let library = build(workspace, &collected, &symbols)?;
        // Microsoft's compiler cannot replace the paths of C sources.
        if !cfg!(windows)
            && let Some(folder) = source_paths::named_in(&library, workspace)?
        {
            bail!("{} names {}, a folder of this machine", shown(workspace, &library), folder.display());
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
            bail!("{name} has {size} bytes in the zip; the most is {LARGEST_LIBRARY}");
        }
    }
    Ok(archive)
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
