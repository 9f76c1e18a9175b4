//! Has the mini host (`rust/minihost`) load the libraries of the zip: natively, in an emulator of another processor, in Wine. It acts
//! as Godot 4.3, the oldest that the add-on promises to run in, which no machine has to have for this.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, bail};

use crate::archive::Archive;
use crate::captured::{self, Echo};
use crate::cross::Tools;
use crate::godot::debian::{self, Machine, PACKAGES, RECIPE, Recipe, SUITE};
use crate::godot::version::version_of;
use crate::godot::{Godot, find};
use crate::report::Outcome;
use crate::servers::Servers;
use crate::workspace::{ADDON, Workspace, files_in};
use crate::{interface, library, unpacked};

/// An emulated processor may take its time.
const DEADLINE: Duration = Duration::from_secs(180);
/// What the library says of a certificate whose authority the system does not know.
const NOT_TRUSTED: &str = "issued by an authority that is not trusted here";
/// Zig compiles the C library of a system the first time.
const COMPILE_DEADLINE: Duration = Duration::from_secs(900);
/// Prints in Godot what the mini host prints.
const LISTED: &str = include_str!("listed.gd");

/// Libraries that the mini host loaded, by their lines in the .gdextension, and how.
type Loaded = Vec<(String, &'static str)>;

/// The line of the library that a Godot of another processor runs with.
pub(crate) const OTHER_PROCESSOR: &str = "linux.arm64";

/// A way to run a library here.
enum Way {
    Natively,
    /// With qemu's user mode, and the C library of the other processor.
    Emulated,
    Wine(PathBuf),
}

impl Way {
    /// The way for a library, by its line in the .gdextension; an error says what is missing.
    fn of(key: &str) -> Result<Self> {
        let arch = if cfg!(target_arch = "aarch64") { "arm64" } else { "x86_64" };
        let own = format!("{}.{arch}", std::env::consts::OS);
        match key {
            _ if key == own || key == std::env::consts::OS => match Command::new("cc").arg("--version").output() {
                Ok(_) => Ok(Self::Natively),
                Err(_) => bail!("the mini host needs cc, a C compiler"),
            },
            OTHER_PROCESSOR if cfg!(target_os = "linux") => Ok(Self::Emulated),
            "windows.x86_64" => {
                let chosen = std::env::var_os("WINE").map(PathBuf::from);
                let wine = chosen.or_else(|| ["wine64", "wine"].iter().find_map(|name| which::which(name).ok()));
                wine.or_else(|| Some(PathBuf::from("/usr/lib/wine/wine64")).filter(|wine| wine.is_file()))
                    .map(Self::Wine)
                    .context("it needs wine64 (Wine, package wine64), on the PATH or named by WINE")
            }
            _ => bail!("nothing here runs it"),
        }
    }

    fn note(&self) -> &'static str {
        match self {
            Self::Natively => "natively",
            Self::Emulated => "in qemu",
            Self::Wine(_) => "in Wine",
        }
    }
}

/// Every library of the zip that can be run here: what it registers must be what Godot says that it registers.
pub(crate) fn try_beside_godot(
    godot: &Godot,
    workspace: &Workspace,
    archive: &Archive,
    loaded: &mut Loaded,
) -> Outcome {
    match unpacked::unpack(archive).and_then(|project| listed_by_godot(godot, project.path())) {
        Ok(listed) => try_all(workspace, archive, loaded, |output| compare(&listed, output)),
        Err(error) => failed(&error),
    }
}

/// Every library of the zip that can be run here: a request must succeed over HTTP and over TLS, and `judge` must like the output.
pub(crate) fn try_all(
    workspace: &Workspace,
    archive: &Archive,
    loaded: &mut Loaded,
    judge: impl Fn(&str) -> Result<()>,
) -> Outcome {
    let project = match unpacked::unpack(archive) {
        Ok(project) => project,
        Err(error) => return failed(&error),
    };
    files_in(&project.path().join("addons").join(ADDON).join("bin"), |_| true)
        .iter()
        .map(|library| try_one(workspace, project.path(), library, loaded, &judge))
        .reduce(Outcome::and)
        .unwrap_or_else(|| Outcome::failed("the zip has no library"))
}

fn failed(error: &anyhow::Error) -> Outcome {
    Outcome::failed(format!("{error:#}"))
}

fn try_one(
    workspace: &Workspace,
    folder: &Path,
    library: &Path,
    loaded: &mut Loaded,
    judge: &impl Fn(&str) -> Result<()>,
) -> Outcome {
    let key = match library::key_of(workspace, &library.file_name().unwrap_or_default().to_string_lossy()) {
        Ok(key) => key,
        Err(error) => return failed(&error),
    };
    let way = match Way::of(&key) {
        Ok(way) => way,
        Err(error) => return Outcome::left_out(format!("loading the library for {key}: {error:#}")),
    };
    let tried = compile(workspace, folder, &way).and_then(|program| {
        let servers = Servers::start()?;
        let fact = |name: &str| servers.some_arguments(&[name]).concat().replace(&format!("--{name}="), "");
        let (http, https) = (fact("http"), fact("https"));
        let port = |address: &str| address.rsplit(':').next().unwrap_or_default().to_owned();
        let plain = start(&way, &program, library, &["127.0.0.1".into(), port(&http)])?;
        judge(&plain)?;
        // Programs of Windows find the files of this system on a drive of their own.
        let drive = if matches!(way, Way::Wine(_)) { "Z:" } else { "" };
        let ca_file = format!("{drive}{}", fact("ca-file"));
        start(&way, &program, library, &["https://localhost".into(), port(&https), ca_file])?;
        // With the system's own authorities, which are read in another way on each system, and do not know the server's.
        let (_, refused) = run(&way, &program, library, &["https://localhost".into(), port(&https)])?;
        refused.contains(NOT_TRUSTED).then_some(()).with_context(|| format!("no {NOT_TRUSTED:?}: {}", end_of(&refused)))
    });
    match tried {
        Ok(()) => {
            loaded.push((key.clone(), way.note()));
            Outcome::passed(format!("{key} {}", way.note()))
        }
        Err(error) => Outcome::failed(format!("{key} {}: {error:#}", way.note())),
    }
}

/// Runs the mini host; its output, where all went well.
fn start(way: &Way, program: &Path, library: &Path, request: &[String]) -> Result<String> {
    match run(way, program, library, request)? {
        (None, output) => Ok(output),
        (Some(problem), output) => bail!("{problem}: {}", end_of(&output)),
    }
}

fn end_of(output: &str) -> String {
    let last: Vec<&str> = output.lines().rev().take(5).collect();
    last.into_iter().rev().collect::<Vec<_>>().join(" | ")
}

/// Runs the mini host; what was wrong with how it ended, and its output.
fn run(way: &Way, program: &Path, library: &Path, request: &[String]) -> Result<(Option<String>, String)> {
    let mut command = match way {
        Way::Natively => Command::new(program),
        Way::Emulated => {
            let mut command = Command::new(qemu()?);
            command.args(Machine::ARM64.loader_arguments(&arm64_godot()?.join("root")));
            command.arg(program);
            command
        }
        Way::Wine(wine) => {
            let mut command = Command::new(wine);
            command
                .arg(program)
                .env("WINEDEBUG", "-all")
                .env("LC_ALL", "C.UTF-8")
                .env("WINEPREFIX", find::cache_folder().join("wine"));
            command
        }
    };
    command.arg(library).args(request);
    let captured = captured::run(command, "the mini host", DEADLINE, Echo::Nothing)?;
    Ok((captured.ending.problem(), captured.output.replace("\r\n", "\n")))
}

/// The lines that name something registered.
fn registered(output: &str) -> BTreeSet<String> {
    let kinds = ["class ", "method ", "constant ", "property ", "signal "];
    output.lines().filter(|line| kinds.iter().any(|kind| line.starts_with(kind))).map(str::to_owned).collect()
}

fn compare(listed: &BTreeSet<String>, output: &str) -> Result<()> {
    let own = registered(output);
    if let Some(line) = listed.symmetric_difference(&own).next() {
        let who = if own.contains(line) { "only the mini host" } else { "only Godot" };
        bail!("{who} sees: {line} ({} lines differ)", listed.symmetric_difference(&own).count());
    }
    Ok(())
}

fn listed_by_godot(godot: &Godot, project: &Path) -> Result<BTreeSet<String>> {
    unpacked::announce_extension(project)?;
    let finished = unpacked::run_script(godot, project, LISTED)?;
    let problems = finished.problems();
    if !problems.is_empty() {
        bail!("the list in Godot: {}", problems.join("; "));
    }
    let listed = registered(&finished.output);
    if listed.is_empty() {
        bail!("Godot lists nothing");
    }
    Ok(listed)
}

/// Compiles the mini host: for this machine with its own compiler, for others with Zig.
fn compile(workspace: &Workspace, folder: &Path, way: &Way) -> Result<PathBuf> {
    std::fs::write(folder.join("interface.h"), interface::functions_of_4_3(workspace)?)
        .context("cannot write interface.h")?;
    let program = folder.join("minihost.exe");
    let zig = |target: &str| {
        let tools = Tools::find_or_get()?;
        let mut command = tools.command(&tools.zig())?;
        command.args(["cc", "-target", target]);
        Ok::<_, anyhow::Error>(command)
    };
    let mut command = match way {
        Way::Natively => Command::new("cc"),
        Way::Emulated => zig("aarch64-linux-gnu.2.28")?,
        Way::Wine(_) => zig("x86_64-windows-gnu")?,
    };
    command.args(["-std=gnu11", "-O1", "-Wall", "-Wextra", "-Werror", "-I"]).arg(folder).arg("-o").arg(&program);
    command.arg(workspace.root().join("rust/minihost/minihost.c"));
    command.arg(if matches!(way, Way::Wine(_)) || cfg!(windows) { "-lshell32" } else { "-ldl" });
    debian::step(command, "the mini host's compiler", COMPILE_DEADLINE)?;
    if matches!(way, Way::Wine(_)) {
        let mut command = zig("x86_64-windows-gnu")?;
        command.args(["-shared", "-o"]).arg(folder.join("bcryptprimitives.dll"));
        command.arg(workspace.root().join("rust/minihost/bcryptprimitives.c")).arg("-ladvapi32");
        debian::step(command, "the compiler of a DLL that Wine lacks", COMPILE_DEADLINE)?;
    }
    Ok(program)
}

/// qemu's user mode for arm64, from the PATH or out of Debian's package.
fn qemu() -> Result<PathBuf> {
    if let Some(program) = ["qemu-aarch64", "qemu-aarch64-static"].iter().find_map(|name| which::which(name).ok()) {
        return Ok(program);
    }
    let machine = Machine::of_this_processor().context("there is no qemu-aarch64 here (package qemu-user)")?;
    let recipe = Recipe {
        folder: format!("qemu-{}", machine.debian_name),
        what: "qemu",
        megabytes: 73,
        architecture: machine.debian_name,
        packages: &["qemu-user"],
        stamp: "1",
    };
    Ok(recipe.install_once(&find::cache_folder(), |_| Ok(()))?.join("root/usr/bin/qemu-aarch64"))
}

/// The folder with Debian's Godot for arm64, and a program in it that starts it in qemu.
fn arm64_godot() -> Result<PathBuf> {
    let emulator = qemu()?;
    let recipe = Recipe {
        folder: format!("debian-{SUITE}-arm64-emulated"),
        what: "Godot for arm64",
        megabytes: 180,
        architecture: "arm64",
        packages: &PACKAGES,
        stamp: RECIPE,
    };
    recipe.install_once(&find::cache_folder(), |folder| {
        let launcher = Machine::ARM64.godot_launcher(&format!("'{}' ", emulator.display()));
        debian::write_program(&folder.join("godot"), &launcher)
    })
}

/// A request in Debian's Godot for arm64, in qemu.
pub(crate) fn try_arm64_godot(workspace: &Workspace, archive: &Archive) -> Outcome {
    if !library::path_of(workspace, OTHER_PROCESSOR).is_ok_and(|path| archive.has(&path)) {
        return Outcome::left_out("Godot for arm64: the zip has no library for it; --platform linux.arm64 builds one");
    }
    if !cfg!(all(target_os = "linux", not(target_arch = "aarch64"))) {
        return Outcome::left_out("Godot for arm64 in qemu: that is for Linux on another processor");
    }
    let found = arm64_godot().and_then(|folder| {
        let program = folder.join("godot");
        let version = version_of(&program).context("Godot does not start in qemu")?;
        Ok(Godot { program, version })
    });
    match found {
        Ok(godot) => unpacked::try_without_editor(&godot, archive),
        Err(error) => Outcome::left_out(format!("Godot for arm64: {error:#}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_difference_between_two_lists_is_told_with_the_side_it_stands_on() {
        let listed = registered("class A: B\nmethod A.b()\nnoise\n");
        assert!(compare(&listed, "method A.b()\nclass A: B\n").is_ok());
        let error = compare(&listed, "class A: B\n").unwrap_err().to_string();
        assert_eq!(error, "only Godot sees: method A.b() (1 lines differ)");
    }
}
