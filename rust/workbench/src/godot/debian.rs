//! Gets Godot from the Debian mirror that this machine is configured to use, by `get_debian.sh`, into a folder of the cache.
//!
//! The packages of the newer suite bring their own C library; what is in them is started through that one's loader.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail};

use super::version::version_of;
use crate::captured::{self, Echo};
use crate::workspace::Workspace;

/// The suite whose `godot` is version 4.
pub const SUITE: &str = "forky";
/// Godot of the version that the tests were written for, the template of exported games that belongs to it, and Mesa's OpenGL,
/// which draws without a graphics card.
pub const PACKAGES: [&str; 6] =
    ["godot=4.6.3*", "godot-template-release=4.6.3*", "libgl1", "libglx-mesa0", "libgl1-mesa-dri", "libegl1"];
/// The stamp of Godot's own recipe.
pub const RECIPE: &str = "2";
/// Where the template stands beside the program that [`install_once`] names.
pub const TEMPLATE: &str = "root/usr/bin/godot-template-release";
const STAMP: &str = "recipe";
const DEADLINE: Duration = Duration::from_secs(30 * 60);

/// Whether this machine has apt with a Debian mirror, and a processor that the recipe knows.
pub fn is_possible() -> bool {
    let checks = || script().stdin(Stdio::null()).status().is_ok_and(|status| status.success());
    Machine::of_this_processor().is_some() && checks()
}

/// The loader of an unpacked C library, below its root.
pub fn loader_in(root: &Path) -> Option<PathBuf> {
    let loader = root.join(Machine::of_this_processor()?.loader);
    loader.is_file().then_some(loader)
}

/// Where things stand on one kind of processor.
pub struct Machine {
    /// As Debian calls it.
    pub debian_name: &'static str,
    /// The loader of the C library, below the root.
    loader: &'static str,
    triplet: &'static str,
}

impl Machine {
    /// Intel's and AMD's with 64 bits.
    pub const AMD64: Self =
        Self { debian_name: "amd64", loader: "usr/lib64/ld-linux-x86-64.so.2", triplet: "x86_64-linux-gnu" };
    /// Arm's with 64 bits.
    pub const ARM64: Self =
        Self { debian_name: "arm64", loader: "usr/lib/ld-linux-aarch64.so.1", triplet: "aarch64-linux-gnu" };

    /// The one that this program runs on, where it is Linux on one of them.
    pub fn of_this_processor() -> Option<Self> {
        match (std::env::consts::OS, std::env::consts::ARCH) {
            ("linux", "x86_64") => Some(Self::AMD64),
            ("linux", "aarch64") => Some(Self::ARM64),
            _ => None,
        }
    }

    /// A script that starts a program of the folder `root` beside it with the C library that is there, wherever both were
    /// moved to. `emulator` stands before it, for another processor; `libraries` are more of their folders, below the root.
    pub fn launcher(&self, program: &str, emulator: &str, libraries: &[&str]) -> String {
        let more: String = libraries.iter().map(|folder| format!(":$root/{folder}")).collect();
        format!(
            "#!/bin/sh\n\
             # Starts the program in the folder beside this file with the C library that came with it.\n\
             root=$(cd \"$(dirname \"$0\")\" && pwd)/root\n\
             exec {emulator}\"$root/{loader}\" --library-path \"$root/usr/lib/{triplet}{more}\" \
             \"$root/{program}\" \"$@\"\n",
            triplet = self.triplet,
            loader = self.loader,
        )
    }

    /// The loader's path and what stands before the program that it starts, with the C library of this root.
    pub fn loader_arguments(&self, root: &Path) -> [PathBuf; 3] {
        [root.join(self.loader), "--library-path".into(), root.join("usr/lib").join(self.triplet)]
    }

    /// The launcher of Godot, whose sound has libraries of its own.
    pub fn godot_launcher(&self, emulator: &str) -> String {
        self.launcher("usr/bin/godot", emulator, &[&format!("usr/lib/{}/pulseaudio", self.triplet)])
    }
}

/// Godot in the cache folder; gets it first if it is not there yet.
pub fn install_once(cache: &Path) -> Result<PathBuf> {
    let machine = Machine::of_this_processor().context("there is no Debian package for this processor")?;
    let recipe = Recipe {
        folder: format!("debian-{SUITE}-{}", machine.debian_name),
        what: "Godot",
        megabytes: 180,
        architecture: machine.debian_name,
        packages: &PACKAGES,
        stamp: RECIPE,
    };
    let folder = recipe.install_once(cache, |folder| {
        let program = folder.join("godot");
        write_program(&program, &machine.godot_launcher(""))?;
        version_of(&program).map(drop).context("the unpacked Godot does not start")
    })?;
    Ok(folder.join("godot"))
}

/// What is unpacked from Debian's packages into one folder of the cache.
pub struct Recipe<'a> {
    /// The folder's name in the cache.
    pub folder: String,
    /// What it gets, for people.
    pub what: &'a str,
    /// How much comes down.
    pub megabytes: u32,
    /// As Debian calls it.
    pub architecture: &'a str,
    /// With a version or without, as `apt-get install` takes them.
    pub packages: &'a [&'a str],
    /// Written into a finished folder; a change of the recipe changes it, and an older folder is then made anew.
    pub stamp: &'a str,
}

impl Recipe<'_> {
    /// The folder in the cache, with the packages in its `root`; gets it first if it is not there yet. `finish` adds to the new
    /// folder and tries it.
    pub fn install_once(&self, cache: &Path, finish: impl Fn(&Path) -> Result<()>) -> Result<PathBuf> {
        let folder = cache.join(&self.folder);
        if self.is_complete(&folder) {
            return Ok(folder);
        }
        std::fs::create_dir_all(cache).with_context(|| format!("cannot make the folder {}", cache.display()))?;
        let unfinished = tempfile::Builder::new()
            .prefix(".unfinished-")
            .tempdir_in(cache)
            .with_context(|| format!("cannot make a folder in {}", cache.display()))?;
        let Self { what, megabytes, .. } = self;
        println!("Getting {what} from this machine's Debian mirror (suite {SUITE}, about {megabytes} MB) ...");
        unpack(script(), unfinished.path(), self.architecture, self.packages)?;
        finish(unfinished.path())?;
        std::fs::write(unfinished.path().join(STAMP), self.stamp).context("cannot write into the cache")?;
        self.put_in_place(unfinished.path(), &folder)?;
        Ok(folder)
    }

    fn is_complete(&self, folder: &Path) -> bool {
        std::fs::read_to_string(folder.join(STAMP)).is_ok_and(|stamp| stamp == self.stamp)
    }

    /// Makes a complete folder appear under its name at once. Another xtask may have been quicker.
    fn put_in_place(&self, finished: &Path, folder: &Path) -> Result<()> {
        if folder.exists() && !self.is_complete(folder) {
            std::fs::remove_dir_all(folder).with_context(|| format!("cannot remove {}", folder.display()))?;
        }
        match std::fs::rename(finished, folder) {
            Err(error) if !self.is_complete(folder) => {
                Err(error).with_context(|| format!("cannot move the unpacked files to {}", folder.display()))
            }
            _ => Ok(()),
        }
    }
}

/// Fills `folder/root`.
fn unpack(mut script: Command, folder: &Path, architecture: &str, packages: &[&str]) -> Result<()> {
    script.arg(folder).args([SUITE, architecture]).args(packages);
    step(script, "apt", DEADLINE)
}

/// Runs a command that has to succeed, and shows what it printed only where it does not.
pub fn step(command: Command, what: &str, deadline: Duration) -> Result<()> {
    let captured = captured::run(command, what, deadline, Echo::Nothing)?;
    match captured.ending.problem() {
        None => Ok(()),
        Some(problem) => bail!("{what}: {problem}\n{}", captured.output.trim_end()),
    }
}

fn script() -> Command {
    let mut script = Command::new("sh");
    let root = Workspace::find().map(|workspace| workspace.root().to_path_buf()).unwrap_or_default();
    script.arg(root.join("rust/workbench/get_debian.sh"));
    script
}

/// Writes a script that can be started.
pub fn write_program(path: &Path, text: &str) -> Result<()> {
    std::fs::write(path, text).with_context(|| format!("cannot write {}", path.display()))?;
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755))
            .with_context(|| format!("cannot make {} executable", path.display()))?;
    }
    Ok(())
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use tempfile::TempDir;

    use super::*;

    const DEBIAN: &str = "'http://mirror.test/debian/dists/bookworm/InRelease' a 0\n\
                          'http://mirror.test/debian/dists/bookworm-updates/InRelease' a 0\n\
                          'http://mirror.test/debian-security/dists/bookworm-security/InRelease' a 0\n";
    const REFUSED: &str = "'http://refused.test/linux/debian/dists/stable/InRelease' a 0\n";

    /// A machine whose apt has these sources and notes what it is told; `pinned` tells whether it has the versions asked for.
    struct Apt(TempDir);

    impl Apt {
        fn new(sources: &str, pinned: bool) -> Self {
            let apt = Self(tempfile::tempdir().unwrap());
            std::fs::write(apt.file("sources"), sources).unwrap();
            let notes = format!(
                r#"#!/bin/sh
cd "{}" && echo "$*" >>calls
case "$*" in
    "update --print-uris") cat sources ;;
    *--simulate*) {pinned} ;;
    *" update") cat "${{2%/*}}/parts/suite.sources" >>calls; ! grep -q refused "${{2%/*}}/parts/suite.sources" ;;
    *) touch "${{2%/*}}/cache/archives/a.deb" ;;
esac
"#,
                apt.0.path().display()
            );
            write_program(&apt.file("apt-get"), &notes).unwrap();
            write_program(&apt.file("dpkg"), "#!/bin/sh\ntouch \"$3/unpacked\"\n").unwrap();
            apt
        }

        fn file(&self, name: &str) -> PathBuf {
            self.0.path().join(name)
        }

        fn script(&self) -> Command {
            let mut script = script();
            script.env("PATH", format!("{}:/usr/bin:/bin", self.0.path().display()));
            script
        }

        /// What apt was told, where the package was unpacked.
        fn unpack(&self) -> Result<String> {
            unpack(self.script(), self.0.path(), "amd64", &["godot=1.2*", "mesa"])?;
            assert!(self.file("root/unpacked").exists() && !self.file("apt").exists());
            Ok(std::fs::read_to_string(self.file("calls"))?)
        }
    }

    #[test]
    fn packages_come_from_debians_main_archive_and_no_other() {
        let calls = Apt::new(DEBIAN, true).unpack().unwrap();
        assert_eq!(calls.matches(" update\n").count(), 1, "{calls}");
        assert!(calls.contains("URIs: http://mirror.test/debian/\nSuites: forky\n"), "{calls}");
        assert!(calls.contains("--download-only godot=1.2* mesa\n"), "{calls}");
    }

    #[test]
    fn a_suite_that_has_moved_on_gives_what_it_has() {
        let calls = Apt::new(DEBIAN, false).unpack().unwrap();
        assert!(calls.contains("--download-only godot mesa\n"), "{calls}");
    }

    #[test]
    fn a_mirror_that_fails_is_followed_by_the_next() {
        let calls = Apt::new(&format!("{DEBIAN}{REFUSED}").replace("mirror", "the-mirror"), true).unpack().unwrap();
        assert!(calls.contains("the-mirror.test") && calls.contains("--download-only"), "{calls}");
        assert!(Apt::new(REFUSED, true).unpack().is_err());
    }

    #[test]
    fn a_machine_of_another_system_is_no_debian() {
        let ubuntu = "'http://mirror.test/ubuntu/dists/noble/InRelease' a 0\n";
        for (sources, code) in [(DEBIAN, 0), ("", 2), (ubuntu, 2), (&*DEBIAN.replace("bookworm", "a-b"), 2)] {
            let status = Apt::new(sources, true).script().status().unwrap();
            assert_eq!(status.code(), Some(code), "{sources}");
        }
    }

    #[test]
    fn a_folder_of_an_older_recipe_is_replaced_and_a_complete_one_is_kept() {
        let recipe =
            Recipe { folder: String::new(), what: "", megabytes: 0, architecture: "", packages: &[], stamp: "2" };
        let cache = tempfile::tempdir().unwrap();
        let [folder, new, late] = ["godot", "new", "late"].map(|name| cache.path().join(name));
        for (path, stamp) in [(&folder, "0"), (&new, "2"), (&late, "2")] {
            std::fs::create_dir(path).unwrap();
            std::fs::write(path.join(STAMP), stamp).unwrap();
        }
        std::fs::write(new.join("mine"), "").unwrap();
        recipe.put_in_place(&new, &folder).unwrap();
        recipe.put_in_place(&late, &folder).unwrap();
        assert!(recipe.is_complete(&folder) && folder.join("mine").exists());
    }
}
