//! The export template: Godot without its editor, in the same version.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use super::version::version_of;
use super::{Godot, debian, find};
use crate::workspace::files_in;

/// A release template for this machine.
pub struct Template {
    /// The path of the program.
    pub program: PathBuf,
    /// The root of the unpacked packages, which its games also need.
    root: Option<PathBuf>,
}

impl Template {
    /// A template that the user names.
    pub fn named(program: &Path) -> Result<Self> {
        let program = program.canonicalize().with_context(|| format!("cannot find {}", program.display()))?;
        Ok(Self { program, root: None })
    }

    /// Finds the template for this Godot, or downloads it. An error says why this is not possible.
    pub fn find_or_get(godot: &Godot) -> Result<Self> {
        if !cfg!(target_os = "linux") {
            bail!("the game is exported for Linux, so it needs Linux to run");
        }
        if let Some(program) = which::which("godot-template-release").ok()
            && version_of(&program).is_ok_and(|version| version == godot.version)
        {
            return Ok(Self { program, root: None });
        }
        if !debian::is_possible() {
            bail!("there is no release template of Godot {}; pass one with --template", godot.version);
        }
        let debians = debian::install_once(&find::cache_folder())?;
        let version = version_of(&debians)?;
        if version != godot.version {
            bail!("Debian's release template is for Godot {version}, but this is Godot {}", godot.version);
        }
        let program = debians.with_file_name(debian::TEMPLATE);
        Ok(Self { program, root: Some(debians.with_file_name("root")) })
    }

    /// A command that starts a game exported with this template. If the template came with a C library, the game needs this
    /// library too. Its loader is copied next to the game, under the game's name, because a game finds its data by the name of
    /// the running program.
    pub fn command(&self, game: &Path) -> Result<Command> {
        let Some((root, loader)) = self.root.as_ref().and_then(|root| Some((root, debian::loader_in(root)?))) else {
            return Ok(Command::new(game));
        };
        let copy = game.with_extension("loader");
        std::fs::copy(&loader, &copy).with_context(|| format!("cannot copy {}", loader.display()))?;
        let mut libraries = OsString::new();
        for folder in files_in(&root.join("usr/lib"), |name| name.ends_with("-linux-gnu")) {
            libraries.push(&folder);
            libraries.push(":");
            libraries.push(folder.join("pulseaudio"));
        }
        let mut command = Command::new(copy);
        command.arg("--library-path").arg(libraries).arg(game);
        Ok(command)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_template_that_is_not_there_is_named_in_the_error() {
        let message = Template::named(Path::new("no/such/template")).err().map(|error| format!("{error:#}"));
        assert!(message.is_some_and(|message| message.contains("no/such/template")));
    }

    #[test]
    fn a_game_of_a_template_without_a_c_library_is_started_as_it_is() {
        let template = Template { program: PathBuf::new(), root: None };
        assert_eq!(template.command(Path::new("game.x86_64")).unwrap().get_program(), "game.x86_64");
    }

    #[cfg(all(target_os = "linux", target_arch = "x86_64"))]
    #[test]
    fn a_game_of_a_template_with_a_c_library_is_started_by_a_loader_of_its_name() {
        let folder = tempfile::tempdir().unwrap();
        let loader = folder.path().join("root/usr/lib64/ld-linux-x86-64.so.2");
        std::fs::create_dir_all(loader.parent().unwrap()).unwrap();
        std::fs::write(&loader, "the loader").unwrap();
        let game = folder.path().join("game.x86_64");

        let template = Template { program: PathBuf::new(), root: Some(folder.path().join("root")) };
        let command = template.command(&game).unwrap();

        let copy = folder.path().join("game.loader");
        assert_eq!(command.get_program(), copy.as_os_str());
        assert_eq!(std::fs::read(copy).unwrap(), b"the loader");
        assert_eq!(command.get_args().last(), Some(game.as_os_str()));
    }
}
