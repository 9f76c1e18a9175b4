//! What it takes to build for other systems, in the cache folder: Rust with the sources of its standard library and LLVM's tools
//! from Debian, Zig and its helper for cargo from PyPI. Nothing is installed, and nobody needs to be root.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, bail};

use crate::godot::debian::{self, Machine, Recipe};
use crate::godot::find;

/// The versions that were tried. A mirror that has newer ones says so in apt's words; then these numbers are to be changed, and
/// `cargo xtask package --all-targets` run.
const PACKAGES: [&str; 5] = ["rustc=1.97.*", "cargo=1.97.*", "rust-src=1.97.*", "llvm=1:21.*", "lld=1:21.*"];
const WHEELS: &str = include_str!("wheels.txt");
/// To be changed with the lists above.
const STAMP: &str = "2";
const DOWNLOAD_DEADLINE: Duration = Duration::from_secs(20 * 60);

/// The tools, where they stand.
pub(crate) struct Tools {
    folder: PathBuf,
}

impl Tools {
    /// Finds them in the cache folder, or gets them.
    pub(crate) fn find_or_get() -> Result<Self> {
        let needs = "libraries for every platform are built on Linux (x86_64 or arm64) with apt and a Debian mirror";
        let machine = Machine::of_this_processor().filter(|_| debian::is_possible()).with_context(|| {
            format!(
                "{needs}, which this machine does not have; `cargo xtask library --target` builds one library with \
                 your own tools"
            )
        })?;
        if Command::new("cc").arg("--version").output().is_err() {
            bail!("cargo needs cc to link build scripts; install gcc");
        }
        let recipe = Recipe {
            folder: format!("cross-{}", machine.debian_name),
            what: "Rust and LLVM",
            megabytes: 310,
            architecture: machine.debian_name,
            packages: &PACKAGES,
            stamp: STAMP,
        };
        let folder = recipe
            .install_once(&find::cache_folder(), |folder| {
                for name in ["rustc", "cargo", "llvm-ar", "llvm-lipo", "llvm-strip", "ld64.lld"] {
                    let launcher = machine.launcher(&format!("usr/bin/{name}"), "", &["usr/lib/llvm-21/lib"]);
                    debian::write_program(&folder.join(name), &launcher)?;
                    let mut command = Command::new(folder.join(name));
                    command.arg("--version");
                    debian::step(command, name, Duration::from_secs(60))?;
                }
                get_wheels(folder)
            })
            .with_context(|| format!("cannot get the tools for other systems ({needs})"))?;
        Ok(Self { folder })
    }

    /// One of Debian's programs.
    pub(crate) fn program(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// Where the sources of Rust's standard library are.
    pub(crate) fn sysroot(&self) -> PathBuf {
        self.folder.join("root/usr")
    }

    pub(crate) fn zig(&self) -> PathBuf {
        self.folder.join("wheels/ziglang/zig")
    }

    /// The helper that has Zig compile and link for cargo.
    pub(crate) fn zigbuild(&self) -> PathBuf {
        self.folder.join("wheels/bin/cargo-zigbuild")
    }

    /// A C compiler for one of Zig's targets, in this folder. It leaves out what cc says of the target in other words.
    pub(super) fn write_compiler(&self, folder: &Path, zig_target: &str) -> Result<PathBuf> {
        let compiler = folder.join(format!("cc-{zig_target}"));
        let (zig, helper) = (self.zig(), self.zigbuild());
        // Without the version, the helper asks for it before every file.
        let text = format!(
            "#!/bin/sh\n\
             for argument; do\n\
             shift\n\
             case $argument in -miphoneos-version-min=*) ;; *) set -- \"$@\" \"$argument\" ;; esac\n\
             done\n\
             export CARGO_ZIGBUILD_ZIG_COMMAND='{}' CARGO_ZIGBUILD_ZIG_VERSION={}\n\
             exec '{}' zig cc -- -fno-sanitize=all -target {zig_target} \"$@\"\n",
            zig.display(),
            zig_version(),
            helper.display(),
        );
        debian::write_program(&compiler, &text)?;
        Ok(compiler)
    }

    /// A command that finds these tools and no others of the same names, with the folders that Zig writes to.
    pub(crate) fn command(&self, program: &Path) -> Result<Command> {
        let mut folders = vec![self.folder.clone()];
        folders.extend(std::env::split_paths(&std::env::var_os("PATH").unwrap_or_default()));
        let scratch = self.folder.join("scratch");
        let mut command = Command::new(program);
        command
            .env("PATH", std::env::join_paths(folders).context("the PATH cannot be written")?)
            .env("CARGO", self.program("cargo"))
            .env("RUSTC", self.program("rustc"))
            // For -Zbuild-std, which stable versions have too.
            .env("RUSTC_BOOTSTRAP", "1")
            .env("CARGO_ZIGBUILD_ZIG_PATH", self.zig())
            .env("CARGO_ZIGBUILD_CACHE_DIR", scratch.join("zigbuild"))
            .env("ZIG_GLOBAL_CACHE_DIR", scratch.join("zig"))
            .env("ZIG_LOCAL_CACHE_DIR", scratch.join("zig"));
        for of_this_machine in
            ["RUSTFLAGS", "CARGO_ENCODED_RUSTFLAGS", "RUSTUP_TOOLCHAIN", "RUSTC_WRAPPER", "CC", "CFLAGS", "AR"]
        {
            command.env_remove(of_this_machine);
        }
        Ok(command)
    }
}

/// The version in the list of wheels.
fn zig_version() -> &'static str {
    let version = WHEELS.lines().find_map(|line| line.strip_prefix("ziglang=="));
    version.and_then(|rest| rest.split_whitespace().next()).unwrap_or_default()
}

/// Zig and its helper, into the folder `wheels`.
fn get_wheels(folder: &Path) -> Result<()> {
    println!("Getting Zig from PyPI (about 103 MB) ...");
    let list = folder.join("wheels.txt");
    std::fs::write(&list, WHEELS).context("cannot write pip's list")?;
    let mut pip = Command::new("python3");
    pip.args([
        "-m",
        "pip",
        "install",
        "--quiet",
        "--no-deps",
        "--no-compile",
        "--only-binary=:all:",
        "--require-hashes",
    ])
    .args(["--disable-pip-version-check", "--root-user-action=ignore", "--target"])
    .arg(folder.join("wheels"))
    .arg("--requirement")
    .arg(&list);
    debian::step(pip, "python3 -m pip (it comes with the package python3-pip)", DOWNLOAD_DEADLINE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(target_os = "linux")]
    #[test]
    fn a_compiler_for_ios_has_the_headers_of_macos_and_is_not_told_of_another_system() {
        let folder = tempfile::tempdir().unwrap();
        let tools = Tools { folder: folder.path().to_path_buf() };
        let helper = tools.zigbuild();
        std::fs::create_dir_all(helper.parent().unwrap()).unwrap();
        debian::write_program(&helper, "#!/bin/sh\nprintf '<%s>' \"$@\"\n").unwrap();
        let compiler = tools.write_compiler(folder.path(), "aarch64-macos").unwrap();
        let output = Command::new(compiler).args(["-c", "-miphoneos-version-min=7.0", "a b.c"]).output().unwrap();
        let told = String::from_utf8_lossy(&output.stdout).into_owned();
        assert_eq!(told, "<zig><cc><--><-fno-sanitize=all><-target><aarch64-macos><-c><a b.c>");
    }

    #[test]
    fn every_wheel_is_pinned_by_version_and_by_the_hashes_of_both_processors() {
        let wheels: Vec<&str> = WHEELS.split("==").skip(1).collect();
        assert_eq!(wheels.len(), 2);
        assert!(wheels.iter().all(|wheel| wheel.matches("--hash=sha256:").count() == 2), "{WHEELS}");
        assert!(
            zig_version().split('.').count() == 3 && zig_version().starts_with(|first: char| first.is_ascii_digit())
        );
    }
}
