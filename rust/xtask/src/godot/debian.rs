//! Gets Godot from the Debian mirror that this machine is configured to use, without root and without touching what is
//! installed: apt with a configuration of its own downloads, and dpkg unpacks into a folder of the cache.
//!
//! The packages of the newer suite bring their own C library; Godot is started through that one's loader.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, bail};

use super::debian_source::{self, DebianSource};
use super::version::Version;
use crate::captured::{self, Echo};
use crate::workspace::files_in;

/// The suite whose `godot` is version 4.
const SUITE: &str = "forky";
/// Godot, the template of exported games that belongs to it, and Mesa's OpenGL, which draws without a graphics card.
const PACKAGES: [&str; 6] = ["godot", "godot-template-release", "libgl1", "libglx-mesa0", "libgl1-mesa-dri", "libegl1"];
/// Where the template stands beside the program that [`install_once`] names.
pub(crate) const TEMPLATE: &str = "root/usr/bin/godot-template-release";
/// Written into a finished folder; a change of the recipe changes it, and an older folder is then made anew.
const RECIPE: &str = "2";
const STAMP: &str = "recipe";
const DOWNLOAD_DEADLINE: Duration = Duration::from_secs(20 * 60);
const UNPACK_DEADLINE: Duration = Duration::from_secs(5 * 60);

/// Whether this machine has apt with a Debian mirror, and a processor that the recipe knows.
pub(crate) fn is_possible() -> bool {
    Machine::of_this_processor().is_some()
        && Path::new("/usr/bin/apt-get").is_file()
        && Path::new("/usr/bin/dpkg").is_file()
        && !debian_source::of_this_machine().is_empty()
}

/// The loader of an unpacked C library, below its root.
pub(crate) fn loader_in(root: &Path) -> Option<PathBuf> {
    let loader = root.join(Machine::of_this_processor()?.loader);
    loader.is_file().then_some(loader)
}

/// Where things stand on one kind of processor.
struct Machine {
    debian_name: &'static str,
    /// The loader of the C library, below the root.
    loader: &'static str,
    triplet: &'static str,
}

impl Machine {
    fn of_this_processor() -> Option<Self> {
        match (std::env::consts::OS, std::env::consts::ARCH) {
            ("linux", "x86_64") => Some(Self {
                debian_name: "amd64",
                loader: "usr/lib64/ld-linux-x86-64.so.2",
                triplet: "x86_64-linux-gnu",
            }),
            ("linux", "aarch64") => Some(Self {
                debian_name: "arm64",
                loader: "usr/lib/ld-linux-aarch64.so.1",
                triplet: "aarch64-linux-gnu",
            }),
            _ => None,
        }
    }

    /// A script that starts Godot, wherever its folder was moved to.
    fn launcher(&self) -> String {
        format!(
            "#!/bin/sh\n\
             # Starts the Godot in the folder beside this file with the C library that came with it.\n\
             root=$(cd \"$(dirname \"$0\")\" && pwd)/root\n\
             libraries=$root/usr/lib/{triplet}\n\
             exec \"$root/{loader}\" --library-path \"$libraries:$libraries/pulseaudio\" \"$root/usr/bin/godot\" \"$@\"\n",
            triplet = self.triplet,
            loader = self.loader
        )
    }
}

/// The program in the cache folder; gets it first if it is not there yet.
pub(crate) fn install_once(cache: &Path) -> Result<PathBuf> {
    let machine = Machine::of_this_processor().context("no recipe for this processor")?;
    let folder = cache.join(format!("debian-{SUITE}-{}", machine.debian_name));
    let program = folder.join("godot");
    if is_complete(&folder) {
        return Ok(program);
    }

    std::fs::create_dir_all(cache).with_context(|| format!("cannot make the folder {}", cache.display()))?;
    let mut failures = Vec::new();
    for source in debian_source::of_this_machine() {
        let unfinished = tempfile::Builder::new()
            .prefix(".unfinished-")
            .tempdir_in(cache)
            .with_context(|| format!("cannot make a folder in {}", cache.display()))?;
        match get(&source, &machine, unfinished.path()) {
            Ok(()) => {
                put_in_place(unfinished, &folder)?;
                return Ok(program);
            }
            Err(error) => failures.push(format!("{error:#}")),
        }
    }
    bail!(failures.join("\n"))
}

fn is_complete(folder: &Path) -> bool {
    std::fs::read_to_string(folder.join(STAMP)).is_ok_and(|stamp| stamp == RECIPE)
}

/// Makes a complete folder appear under its name at once. Another xtask may have been quicker.
fn put_in_place(finished: tempfile::TempDir, folder: &Path) -> Result<()> {
    if is_complete(folder) {
        return Ok(());
    }
    let old = finished.path().with_extension("old");
    if folder.exists() {
        std::fs::rename(folder, &old).with_context(|| format!("cannot move {} away", folder.display()))?;
    }
    let moved = std::fs::rename(finished.path(), folder);
    // What is left of an older recipe is only in the way of disk space.
    let _ = std::fs::remove_dir_all(&old);
    match moved {
        Ok(()) => Ok(()),
        Err(_) if is_complete(folder) => Ok(()),
        Err(error) => Err(error).with_context(|| format!("cannot move Godot to {}", folder.display())),
    }
}

/// Downloads, unpacks and tries Godot inside an empty folder.
fn get(source: &DebianSource, machine: &Machine, folder: &Path) -> Result<()> {
    println!("Getting Godot from this machine's Debian mirror (suite {SUITE}, about 180 MB) ...");
    let apt = folder.join("apt");
    let archives = apt.join("cache/archives");
    for path in ["parts", "state/lists/partial", "cache/archives/partial"] {
        std::fs::create_dir_all(apt.join(path)).context("cannot make apt's folders")?;
    }
    write(&apt.join("status"), "")?;
    write(&apt.join("parts/suite.sources"), &source.stanza(SUITE))?;
    let configuration = apt.join("apt.conf");
    write(&configuration, &apt_configuration(&apt, machine))?;

    let apt_get = |arguments: &[&str]| {
        let mut command = Command::new("apt-get");
        command
            .arg("--config-file")
            .arg(&configuration)
            .args(arguments)
            .env("DEBIAN_FRONTEND", "noninteractive")
            .env("LC_ALL", "C");
        step(command, "apt-get", DOWNLOAD_DEADLINE)
    };
    apt_get(&["update"])?;
    let mut install = vec!["install", "--download-only", "--assume-yes"];
    install.extend(PACKAGES);
    apt_get(&install)?;

    let root = folder.join("root");
    std::fs::create_dir(&root).context("cannot make a folder")?;
    let packages = files_in(&archives, |name| name.ends_with(".deb"));
    println!("Unpacking {} packages ...", packages.len());
    for package in packages {
        let mut dpkg = Command::new("dpkg");
        dpkg.arg("--extract").arg(package).arg(&root);
        step(dpkg, "dpkg", UNPACK_DEADLINE)?;
    }
    std::fs::remove_dir_all(&apt).context("cannot remove the downloaded packages")?;

    let program = folder.join("godot");
    write(&program, &machine.launcher())?;
    make_executable(&program)?;
    Version::of(&program).context("the Godot that was unpacked does not start")?;
    write(&folder.join(STAMP), RECIPE)
}

/// Settings over those of the machine: these stay in force, as a proxy may stand there.
fn apt_configuration(apt: &Path, machine: &Machine) -> String {
    let apt = apt.display();
    let architecture = machine.debian_name;
    let mut configuration = format!(
        r#"#clear APT::Update::Post-Invoke;
#clear APT::Update::Post-Invoke-Success;
#clear APT::Default-Release;
#clear APT::Architectures;
APT::Architecture "{architecture}";
APT::Architectures {{ "{architecture}"; }};
APT::Install-Recommends "false";
Acquire::Retries "3";
Acquire::Languages "none";
Dir::State "{apt}/state";
Dir::State::status "{apt}/status";
Dir::Cache "{apt}/cache";
Dir::Cache::archives "archives";
Dir::Etc::sourcelist "/dev/null";
Dir::Etc::sourceparts "{apt}/parts";
Dir::Etc::preferences "/dev/null";
Dir::Etc::preferencesparts "/dev/null";
"#
    );
    if is_root() {
        // apt would download as a user who may not write into this folder, and warn.
        configuration.push_str("APT::Sandbox::User \"root\";\n");
    }
    configuration
}

#[cfg(unix)]
fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

#[cfg(not(unix))]
fn is_root() -> bool {
    false
}

fn step(command: Command, what: &str, deadline: Duration) -> Result<()> {
    let captured = captured::run(command, what, deadline, Echo::Nothing)?;
    match captured.ending.problem() {
        None => Ok(()),
        Some(problem) => bail!("{what}: {problem}\n{}", captured.output.trim_end()),
    }
}

fn write(path: &Path, text: &str) -> Result<()> {
    std::fs::write(path, text).with_context(|| format!("cannot write {}", path.display()))
}

fn make_executable(path: &Path) -> Result<()> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755))
            .with_context(|| format!("cannot make {} executable", path.display()))?;
    }
    #[cfg(not(unix))]
    let _ = path;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_of_an_older_recipe_is_replaced_by_the_new_one() {
        let cache = tempfile::tempdir().unwrap();
        let folder = cache.path().join("godot");
        std::fs::create_dir(&folder).unwrap();
        std::fs::write(folder.join(STAMP), "0").unwrap();
        let new = tempfile::tempdir_in(cache.path()).unwrap();
        std::fs::write(new.path().join(STAMP), RECIPE).unwrap();

        put_in_place(new, &folder).unwrap();

        assert!(is_complete(&folder));
        assert_eq!(std::fs::read_dir(cache.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_folder_that_someone_else_completed_meanwhile_is_kept() {
        let cache = tempfile::tempdir().unwrap();
        let folder = cache.path().join("godot");
        std::fs::create_dir(&folder).unwrap();
        std::fs::write(folder.join(STAMP), RECIPE).unwrap();
        std::fs::write(folder.join("theirs"), "").unwrap();
        let mine = tempfile::tempdir_in(cache.path()).unwrap();

        put_in_place(mine, &folder).unwrap();

        assert!(folder.join("theirs").exists());
    }
}
