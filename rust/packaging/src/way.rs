//! The ways to run here what was built for other systems: qemu for another processor, Wine for Windows.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, bail};

use crate::cross::Tools;
use crate::godot::debian::{self, Machine, PACKAGES, RECIPE, Recipe, SUITE};
use crate::godot::find;
use crate::workspace::Workspace;

/// Zig compiles the C library of a system the first time.
pub(crate) const COMPILE_DEADLINE: Duration = Duration::from_secs(900);

/// The line of the library that a Godot of another processor runs with.
pub(crate) const OTHER_PROCESSOR: &str = "linux.arm64";

/// A way to run a library here.
pub(crate) enum Way {
    Natively,
    /// With qemu's user mode, and the C library of the other processor.
    Emulated,
    Wine(PathBuf),
}

impl Way {
    /// The way for a library, by its line in the .gdextension; an error says what is missing.
    pub(crate) fn of(key: &str) -> Result<Self> {
        let arch = if cfg!(target_arch = "aarch64") { "arm64" } else { "x86_64" };
        let own = format!("{}.{arch}", std::env::consts::OS);
        match key {
            _ if key == own || key == std::env::consts::OS => match Command::new("cc").arg("--version").output() {
                Ok(_) => Ok(Self::Natively),
                Err(_) => bail!("the mini host needs the C compiler cc; install gcc"),
            },
            OTHER_PROCESSOR if cfg!(target_os = "linux") => Ok(Self::Emulated),
            "windows.x86_64" => {
                let chosen = std::env::var_os("WINE").map(PathBuf::from);
                let wine = chosen.or_else(|| ["wine64", "wine"].iter().find_map(|name| which::which(name).ok()));
                wine.or_else(|| Some(PathBuf::from("/usr/lib/wine/wine64")).filter(|wine| wine.is_file()))
                    .map(Self::Wine)
                    .context("this needs wine64 (package wine64) in the PATH, or its path in WINE")
            }
            _ => bail!("no program on this machine can run it"),
        }
    }

    pub(crate) fn note(&self) -> &'static str {
        match self {
            Self::Natively => "natively",
            Self::Emulated => "in qemu",
            Self::Wine(_) => "in Wine",
        }
    }

    /// Starts a program that was compiled for it.
    pub(crate) fn command(&self, program: &Path) -> Result<Command> {
        Ok(match self {
            Self::Natively => Command::new(program),
            Self::Emulated => {
                let mut command = Command::new(qemu()?);
                command.args(Machine::ARM64.loader_arguments(&arm64_godot()?.join("root"))).arg(program);
                command
            }
            Self::Wine(wine) => {
                let mut command = Command::new(wine);
                command
                    .arg(program)
                    .env("WINEDEBUG", "-all")
                    .env("LC_ALL", "C.UTF-8")
                    .env("WINEPREFIX", find::cache_folder().join("wine"));
                command
            }
        })
    }

    /// A compiler of C for it: this machine's own, for others Zig.
    pub(crate) fn compiler(&self) -> Result<Command> {
        let target = match self {
            Self::Natively => return Ok(Command::new("cc")),
            Self::Emulated => "aarch64-linux-gnu.2.28",
            Self::Wine(_) => "x86_64-windows-gnu",
        };
        let tools = Tools::find_or_get()?;
        let mut command = tools.command(&tools.zig())?;
        command.args(["cc", "-target", target]);
        Ok(command)
    }

    /// Puts beside a program what it does not find there: a DLL that older versions of Wine lack.
    pub(crate) fn complete(&self, workspace: &Workspace, folder: &Path) -> Result<()> {
        if !matches!(self, Self::Wine(_)) {
            return Ok(());
        }
        let mut command = self.compiler()?;
        command.args(["-shared", "-o"]).arg(folder.join("bcryptprimitives.dll"));
        command.arg(workspace.root().join("rust/minihost/bcryptprimitives.c")).arg("-ladvapi32");
        debian::step(command, "the compiler of a DLL that Wine lacks", COMPILE_DEADLINE)
    }
}

/// qemu's user mode for arm64, from the PATH or out of Debian's package.
fn qemu() -> Result<PathBuf> {
    if let Some(program) = ["qemu-aarch64", "qemu-aarch64-static"].iter().find_map(|name| which::which(name).ok()) {
        return Ok(program);
    }
    let machine = Machine::of_this_processor().context("there is no qemu-aarch64; install the package qemu-user")?;
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
pub(crate) fn arm64_godot() -> Result<PathBuf> {
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
