//! Copies the add-on and the built library into a project, as a game developer would.
//!
//! It uses copies instead of symbolic links, so that the sample is like a real game, and works on Windows too.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::library;
use crate::workspace::{ADDON, Workspace};

/// Stages the add-on with this library in the sample project, and returns the path of the library.
pub fn stage(workspace: &Workspace, built: &Path) -> Result<PathBuf> {
    let addon = workspace.addon();
    let name = library::path_for_this_machine(&addon.join(format!("{ADDON}.gdextension")))?;
    let project = workspace.godot_project();
    let staged = project.join("addons").join(ADDON);

    mirror(&addon, &staged)?;
    let library = staged.join(name);
    copy_over(built, &library)?;
    announce_extension(&project)?;
    Ok(library)
}

/// Writes the .gdextension of the extension for tests to the path where the tests look for it.
pub fn stage_test_peer(workspace: &Workspace, built: &Path) -> Result<()> {
    let description = workspace.godot_project().join(".godot/test_peer.gdextension");
    let key = format!("{}.{}", std::env::consts::OS, std::env::consts::ARCH.replace("aarch64", "arm64"));
    let library = built.to_string_lossy().replace('\\', "/");
    let text = format!(
        "[configuration]\n\nentry_symbol = \"gdext_rust_init\"\ncompatibility_minimum = \"4.3\"\n\n\
         [libraries]\n\n{key} = \"{library}\"\n"
    );
    std::fs::write(&description, text).with_context(|| format!("cannot write {}", description.display()))
}

/// Whether the sample project has the add-on with a library for this machine.
pub fn is_staged(workspace: &Workspace) -> bool {
    let staged = workspace.godot_project().join("addons").join(ADDON);
    library::path_for_this_machine(&staged.join(format!("{ADDON}.gdextension")))
        .is_ok_and(|name| staged.join(name).is_file())
}

/// Copies a folder and everything in it. `skip` gets each path relative to the folder, and returns whether to leave it out.
pub fn copy_folder(from: &Path, to: &Path, skip: &dyn Fn(&Path) -> bool) -> Result<()> {
    copy_below(from, to, Path::new(""), skip)
}

fn copy_below(from: &Path, to: &Path, below: &Path, skip: &dyn Fn(&Path) -> bool) -> Result<()> {
    let folder = from.join(below);
    for entry in read_folder(&folder)? {
        let below = below.join(entry.file_name());
        if skip(&below) {
            continue;
        }
        // Symbolic links are followed, so their targets are copied.
        if entry.path().is_dir() {
            copy_below(from, to, &below, skip)?;
        } else {
            copy_over(&entry.path(), &to.join(&below))?;
        }
    }
    Ok(())
}

/// Makes the staged add-on equal to the repository's, except for the libraries and the files that Godot writes there.
fn mirror(addon: &Path, staged: &Path) -> Result<()> {
    let bin = Path::new("bin");
    copy_folder(addon, staged, &|below| below == bin || is_godots_own(below))?;
    remove_stale(addon, staged, Path::new(""))
}

fn remove_stale(addon: &Path, staged: &Path, below: &Path) -> Result<()> {
    for entry in read_folder(&staged.join(below))? {
        let below = below.join(entry.file_name());
        if below == Path::new("bin") || is_godots_own(&below) {
            continue;
        }
        let source = addon.join(&below);
        let path = entry.path();
        let removed = match (path.is_dir(), source.exists()) {
            (true, true) => remove_stale(addon, staged, &below).map(|()| Ok(()))?,
            (true, false) => std::fs::remove_dir_all(&path),
            (false, true) => Ok(()),
            (false, false) => std::fs::remove_file(&path),
        };
        removed.with_context(|| format!("cannot remove {}", path.display()))?;
    }
    Ok(())
}

/// Whether Godot writes this file. It creates `.uid` and `.import` files next to many others.
fn is_godots_own(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "uid" || extension == "import")
}

/// Copies a file under a temporary name and renames it, unless the target is equal already.
///
/// A running Godot has the library mapped, and writing into this file would crash it. A rename lets it keep the old file.
fn copy_over(from: &Path, to: &Path) -> Result<()> {
    if same_content(from, to) {
        return Ok(());
    }
    let folder = to.parent().context("a file stands in a folder")?;
    std::fs::create_dir_all(folder).with_context(|| format!("cannot make the folder {}", folder.display()))?;
    let name = to.file_name().context("a file has a name")?;
    let temporary = folder.join(format!(".{}.{}.new", name.to_string_lossy(), std::process::id()));
    std::fs::copy(from, &temporary).and_then(|_| std::fs::rename(&temporary, to)).with_context(|| {
        let _ = std::fs::remove_file(&temporary);
        format!(
            "cannot copy {} to {} (on Windows, close Godot first, because it locks the library)",
            from.display(),
            to.display()
        )
    })
}

fn same_content(left: &Path, right: &Path) -> bool {
    let length = |path: &Path| std::fs::metadata(path).map(|metadata| metadata.len()).ok();
    length(left).is_some() && length(left) == length(right) && std::fs::read(left).ok() == std::fs::read(right).ok()
}

/// Lists the extension for Godot. Only the editor searches for extensions. A headless run of a fresh checkout reads this list,
/// and without it, scripts do not know the class.
fn announce_extension(project: &Path) -> Result<()> {
    let folder = project.join(".godot");
    let list = folder.join("extension_list.cfg");
    std::fs::create_dir_all(&folder)
        .and_then(|()| std::fs::write(&list, format!("res://addons/{ADDON}/{ADDON}.gdextension\n")))
        .with_context(|| format!("cannot write {}", list.display()))
}

fn read_folder(folder: &Path) -> Result<Vec<std::fs::DirEntry>> {
    std::fs::read_dir(folder)
        .and_then(Iterator::collect)
        .with_context(|| format!("cannot read the folder {}", folder.display()))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn write(path: &Path, text: &str) {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    #[test]
    fn staging_again_removes_what_the_addon_has_no_longer_and_keeps_libraries_and_godots_files() {
        let folder = tempfile::tempdir().unwrap();
        let (addon, staged) = (folder.path().join("addon"), folder.path().join("staged"));
        write(&addon.join("plugin.gd"), "new");
        write(&addon.join("bin/not-staged.so"), "");
        write(&staged.join("plugin.gd"), "old");
        write(&staged.join("plugin.gd.uid"), "uid");
        write(&staged.join("gone.gd"), "");
        write(&staged.join("gone/a.gd"), "");
        write(&staged.join("bin/library.so"), "");

        mirror(&addon, &staged).unwrap();

        assert_eq!(fs::read_to_string(staged.join("plugin.gd")).unwrap(), "new");
        for (path, there) in [
            ("plugin.gd.uid", true),
            ("bin/library.so", true),
            ("bin/not-staged.so", false),
            ("gone.gd", false),
            ("gone", false),
        ] {
            assert_eq!(staged.join(path).exists(), there, "{path}");
        }
    }

    #[cfg(unix)]
    #[test]
    fn a_file_that_is_in_use_is_replaced_and_not_written_into() {
        use std::io::Read;
        let folder = tempfile::tempdir().unwrap();
        let (built, staged) = (folder.path().join("built"), folder.path().join("staged"));
        write(&built, "new");
        write(&staged, "old");
        let mut in_use = fs::File::open(&staged).unwrap();

        copy_over(&built, &staged).unwrap();

        let mut text = String::new();
        in_use.read_to_string(&mut text).unwrap();
        assert_eq!(text, "old");
        assert_eq!(fs::read_to_string(&staged).unwrap(), "new");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2);
    }

    #[test]
    fn a_folder_is_copied_without_what_is_skipped() {
        let folder = tempfile::tempdir().unwrap();
        let (from, to) = (folder.path().join("from"), folder.path().join("to"));
        write(&from.join("a/b.gd"), "b");
        write(&from.join(".godot/cache"), "");

        copy_folder(&from, &to, &|below| below == Path::new(".godot")).unwrap();

        assert!(to.join("a/b.gd").is_file());
        assert!(!to.join(".godot").exists());
    }
}
