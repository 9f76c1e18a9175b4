//! Downloads Godot from the configured Debian mirror with `get_debian.sh`, and unpacks it into a folder of the cache.
//!
//! The packages of the newer suite contain their own C library. Their programs are started with its loader.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail};

use super::version::version_of;
use crate::captured::{self, Echo};
use crate::workspace::Workspace;

/// A suite whose package `godot` has version 4.
pub const SUITE: &str = "forky";
/// Godot in the version that the tests were written for, its template for exported games, and Mesa's OpenGL, which draws without
/// a graphics card.
pub const PACKAGES: [&str; 6] =
    ["godot=4.6.3*", "godot-template-release=4.6.3*", "libgl1", "libglx-mesa0", "libgl1-mesa-dri", "libegl1"];
/// The stamp of the recipe for Godot.
pub const RECIPE: &str = "2";
/// The path of the template, relative to the folder of the program that [`install_once`] returns.
pub const TEMPLATE: &str = "root/usr/bin/godot-template-release";
const STAMP: &str = "recipe";
const DEADLINE: Duration = Duration::from_secs(30 * 60);

/// Whether this machine has apt with a Debian mirror, and a supported processor.
pub fn is_possible() -> bool {
    let checks = || script().stdin(Stdio::null()).status().is_ok_and(|status| status.success());
    Machine::of_this_processor().is_some() && checks()
}

/// The loader of an unpacked C library, inside its root.
pub fn loader_in(root: &Path) -> Option<PathBuf> {
    let loader = root.join(Machine::of_this_processor()?.loader);
    loader.is_file().then_some(loader)
}

/// The names and paths for one kind of processor.
pub struct Machine {
    /// Debian's name of the architecture.
    pub debian_name: &'static str,
    /// The loader of the C library, relative to the root.
    loader: &'static str,
    triplet: &'static str,
}

impl Machine {
    /// 64-bit processors of Intel and AMD.
    pub const AMD64: Self =
        Self { debian_name: "amd64", loader: "usr/lib64/ld-linux-x86-64.so.2", triplet: "x86_64-linux-gnu" };
    /// 64-bit Arm processors.
    pub const ARM64: Self =
        Self { debian_name: "arm64", loader: "usr/lib/ld-linux-aarch64.so.1", triplet: "aarch64-linux-gnu" };

    /// The machine of this program, if it runs Linux on a supported processor.
    pub fn of_this_processor() -> Option<Self> {
        match (std::env::consts::OS, std::env::consts::ARCH) {
            ("linux", "x86_64") => Some(Self::AMD64),
            ("linux", "aarch64") => Some(Self::ARM64),
            _ => None,
        }
    }

    /// A script that starts a program in the folder `root` next to it, with the C library in this folder. It works in any
    /// location. `emulator` is put before the command, for another processor. `libraries` are further library folders, relative
    /// to the root.
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

    /// The path of the loader, and its arguments before the program, which select the C library of this root.
    pub fn loader_arguments(&self, root: &Path) -> [PathBuf; 3] {
        [root.join(self.loader), "--library-path".into(), root.join("usr/lib").join(self.triplet)]
    }

    /// The launcher of Godot. Its sound libraries are in a separate folder.
    pub fn godot_launcher(&self, emulator: &str) -> String {
        self.launcher("usr/bin/godot", emulator, &[&format!("usr/lib/{}/pulseaudio", self.triplet)])
    }
}

/// The path of Godot in the cache folder. Downloads it if it is not there yet.
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

/// The Debian packages that are unpacked into one folder of the cache.
pub struct Recipe<'a> {
    /// The folder's name in the cache.
    pub folder: String,
    /// The name of the downloaded program, for messages.
    pub what: &'a str,
    /// The approximate size of the download.
    pub megabytes: u32,
    /// Debian's name of the architecture.
    pub architecture: &'a str,
    /// The packages in the syntax of `apt-get install`, with or without a version.
    pub packages: &'a [&'a str],
    /// Written into a complete folder. It changes with the recipe, so that an older folder is created again.
    pub stamp: &'a str,
}

impl Recipe<'_> {
    /// The folder in the cache, with the packages in its `root`. Downloads them if they are not there yet. `finish` adds files to
    /// the new folder and tests it.
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

    /// Moves a complete folder to its name in one step. Another xtask may have done this before.
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

/// Unpacks the packages into `folder/root`.
fn unpack(mut script: Command, folder: &Path, architecture: &str, packages: &[&str]) -> Result<()> {
    script.arg(folder).args([SUITE, architecture]).args(packages);
    step(script, "apt", DEADLINE)
}

/// Runs a command that must succeed. Shows its output only if it fails.
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

/// Writes an executable script.
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

    /// A fake apt with these sources that records its calls. `pinned` is the command that says whether the requested versions
    /// exist.
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

        /// Unpacks the packages, and returns the calls of apt.
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
