//! Builds the library for every desktop platform on one Linux machine, out of packages alone.
//!
//! ```text
//! mod.rs     the table: what is built, for which oldest system, and how
//! tools.rs   Rust, linkers and a C compiler, by name and pinned version, in the cache folder
//! apple.rs   stubs of Apple's libraries to link with, from the list of what may be imported
//! ```
//!
//! The standard library is built along, from Rust's own sources: no target needs a download of its own. C, and the linking for
//! Linux and Windows, is the business of Zig; macOS is linked by LLVM.

mod apple;
mod tools;

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail};

use crate::cargo;
use crate::godot::debian;
use crate::source_paths::{self, Replacement};
use crate::workspace::{ADDON, Workspace};
pub(crate) use tools::Tools;

/// A library of the add-on that is built here.
pub(crate) struct Row {
    /// Its line in the .gdextension.
    pub(crate) key: &'static str,
    /// For one processor each; more than one are joined into one file.
    pub(crate) targets: &'static [Target],
}

/// What is built for one processor.
pub(crate) struct Target {
    /// As Rust calls it.
    triple: &'static str,
    /// The oldest system that it is for: glibc's version, or that of macOS.
    oldest: &'static str,
    linker: Linker,
}

#[derive(PartialEq, Eq)]
enum Linker {
    Zig,
    Lld,
}

const fn zig(triple: &'static str, oldest: &'static str) -> Target {
    Target { triple, oldest, linker: Linker::Zig }
}

const fn lld(triple: &'static str, oldest: &'static str) -> Target {
    Target { triple, oldest, linker: Linker::Lld }
}

/// Everything that `package --all-targets` builds.
#[rustfmt::skip]
pub(crate) const ROWS: [Row; 5] = [
    Row { key: "linux.x86_64", targets: &[zig("x86_64-unknown-linux-gnu", "2.17")] },
    Row { key: "linux.arm64", targets: &[zig("aarch64-unknown-linux-gnu", "2.17")] },
    Row { key: "windows.x86_64", targets: &[zig("x86_64-pc-windows-gnu", "")] },
    Row { key: "windows.arm64", targets: &[zig("aarch64-pc-windows-gnullvm", "")] },
    Row { key: "macos", targets: &[lld("aarch64-apple-darwin", "11.0"), lld("x86_64-apple-darwin", "10.13")] },
];

/// What is only compiled here, since linking needs Apple's or Google's own tools: the target, the one of Zig's whose headers are
/// near enough for the C in it, and what C is told. Android's headers show everything without being asked, musl's do not.
const ONLY_COMPILED: [(&str, &str, Option<&str>); 3] = [
    ("aarch64-apple-ios", "aarch64-macos", None),
    ("aarch64-linux-android", "aarch64-linux-musl", Some("-D_DEFAULT_SOURCE")),
    ("armv7-linux-androideabi", "arm-linux-musleabi", Some("-D_DEFAULT_SOURCE")),
];

/// Compiles for iOS and Android, and links nothing.
pub(crate) fn check_mobile(workspace: &Workspace, tools: &Tools) -> Result<()> {
    let scratch = target_folder(workspace).join("mobile");
    apple::write_sdk(&scratch)?;
    for (triple, zig_target, flags) in ONLY_COMPILED {
        println!("Compiling for {triple} ...");
        let name = triple.replace('-', "_");
        let mut command = tools.command(&tools.program("cargo"))?;
        command
            .current_dir(workspace.root())
            .env("CARGO_TARGET_DIR", target_folder(workspace))
            .env("SDKROOT", &scratch)
            .env(format!("CC_{name}"), tools.write_compiler(&scratch, zig_target)?)
            .env(format!("AR_{name}"), tools.program("llvm-ar"))
            .envs(flags.map(|flags| (format!("CFLAGS_{name}"), flags)))
            .args(["check", "--quiet", "--locked", "--package", ADDON, "--target", triple])
            .arg("-Zbuild-std=std,panic_unwind");
        if !command.stdin(Stdio::null()).status().context("cannot start cargo")?.success() {
            bail!("the library does not compile for {triple}; see cargo's messages above");
        }
    }
    Ok(())
}

/// A library that was built.
pub(crate) struct Built {
    /// As the linker made it, with the names of functions.
    pub(crate) with_symbols: Vec<u8>,
    /// As a game gets it.
    pub(crate) published: Vec<u8>,
}

/// Builds a row of the table. Cargo's own messages go to standard error as they come.
pub(crate) fn build(workspace: &Workspace, tools: &Tools, row: &Row, options: &[String]) -> Result<Built> {
    let (mut with_symbols, mut published) = (Vec::new(), Vec::new());
    for target in row.targets {
        println!("Building for {} ...", target.triple);
        let built =
            build_target(workspace, tools, target, options).with_context(|| format!("for {}", target.triple))?;
        published.push(strip(tools, target, &built)?);
        with_symbols.push(built);
    }
    let whole = |parts: &[PathBuf]| match parts {
        [only] => read(only),
        parts => join(tools, parts, &target_folder(workspace)),
    };
    Ok(Built { with_symbols: whole(&with_symbols)?, published: whole(&published)? })
}

/// The folders of this machine that such a library must not name, and what stands for them.
pub(crate) fn replacements(workspace: &Workspace, tools: &Tools) -> Result<Vec<Replacement>> {
    let mut all = source_paths::replacements(workspace)?;
    all.push(Replacement { folder: target_folder(workspace), by: "target" });
    all.push(Replacement { folder: tools.sysroot(), by: "rust" });
    Ok(all)
}

/// Not the one of other builds: another compiler would make everything anew, here and there.
fn target_folder(workspace: &Workspace) -> PathBuf {
    workspace.root().join("target/platforms")
}

fn build_target(workspace: &Workspace, tools: &Tools, target: &Target, options: &[String]) -> Result<PathBuf> {
    let mut command = match target.linker {
        Linker::Zig => {
            let mut command = tools.command(&tools.zigbuild())?;
            let version = if target.oldest.is_empty() { String::new() } else { format!(".{}", target.oldest) };
            command.args(["rustc", "--lib", "--target"]).arg(format!("{}{version}", target.triple));
            command
        }
        Linker::Lld => {
            let mut command = tools.command(&tools.program("cargo"))?;
            command.args(["rustc", "--lib", "--target", target.triple]);
            for_apple(&mut command, &target_folder(workspace).join("apple-sdk"), tools, target)?;
            command
        }
    };
    let flags = source_paths::config_of(&replacements(workspace, tools)?)?;
    command
        .current_dir(workspace.root())
        .env("CARGO_TARGET_DIR", target_folder(workspace))
        .args(["--release", "--locked", "--package", ADDON, "-Zbuild-std=std,panic_unwind", "--config", &flags])
        .arg("--message-format=json-render-diagnostics")
        .args(options)
        // Zig would take the names of functions off too.
        .args(["--", "-Cstrip=none", "-L"])
        .arg(empty_libraries(workspace)?);
    if target.triple.contains("windows") {
        // The collector of randomness in AWS-LC exports its functions otherwise.
        command.env(format!("CFLAGS_{}", target.triple.replace('-', "_")), "-Ddllexport=nothrow");
        command.arg(format!("-Clink-arg={}", export_for_windows(workspace, tools, target)?.display()));
    }
    let output = command.stdin(Stdio::null()).stderr(Stdio::inherit()).output().context("cannot start cargo")?;
    if !output.status.success() {
        bail!("the library does not build; see cargo's messages above");
    }
    cargo::library_in(&String::from_utf8_lossy(&output.stdout), ADDON).context("cargo built no dynamic library")
}

/// Builds the tests of one of our crates for a library's system, without optimizations, and says where the programs are.
pub(crate) fn build_tests(workspace: &Workspace, tools: &Tools, row: &Row, package: &str) -> Result<Vec<PathBuf>> {
    let target = row.targets.iter().find(|target| target.linker == Linker::Zig);
    let target = target.with_context(|| format!("programs for {} cannot be linked on this machine", row.key))?;
    let mut command = tools.command(&tools.zigbuild())?;
    command
        .current_dir(workspace.root())
        .env("CARGO_TARGET_DIR", target_folder(workspace))
        .env(
            format!("CARGO_TARGET_{}_RUSTFLAGS", target.triple.replace('-', "_").to_uppercase()),
            format!("-L{}", empty_libraries(workspace)?.display()),
        )
        .args(["test", "--no-run", "--locked", "--package", package, "--target", target.triple])
        .args(["-Zbuild-std=std,panic_unwind,test", "--message-format=json-render-diagnostics"]);
    let output = command.stdin(Stdio::null()).stderr(Stdio::inherit()).output().context("cannot start cargo")?;
    if !output.status.success() {
        bail!("the tests of {package} do not build; see cargo's messages above");
    }
    Ok(cargo::tests_in(&String::from_utf8_lossy(&output.stdout)))
}

/// An object that does nothing but have the linker export the entry symbol. What rustc says of exports does not get through Zig.
fn export_for_windows(workspace: &Workspace, tools: &Tools, target: &Target) -> Result<PathBuf> {
    let processor = target.triple.split('-').next().unwrap_or_default();
    let source = target_folder(workspace).join("export.c");
    let object = target_folder(workspace).join(format!("export-{processor}.o"));
    let text = r#"__asm__(".section .drectve,\"yn\"\n.ascii \" -export:gdext_rust_init\"\n.text");"#;
    std::fs::write(&source, format!("{text}\n")).context("cannot write a source")?;
    let mut command = tools.command(&tools.zig())?;
    command.args(["cc", "-target", &format!("{processor}-windows-gnu"), "-c"]).arg(&source).arg("-o").arg(&object);
    if !command.status().context("cannot start zig")?.success() {
        bail!("zig cannot compile {}", source.display());
    }
    Ok(object)
}

/// Debian's rustc names these for Windows, as the GCC of its MinGW has parts of its own in them. Zig has nothing for them to hold.
fn empty_libraries(workspace: &Workspace) -> Result<PathBuf> {
    let folder = target_folder(workspace).join("empty");
    std::fs::create_dir_all(&folder).with_context(|| format!("cannot make the folder {}", folder.display()))?;
    for name in ["libssp.a", "libssp_nonshared.a"] {
        std::fs::write(folder.join(name), "!<arch>\n").context("cannot write an empty library")?;
    }
    Ok(folder)
}

/// Zig compiles C for macOS too, but LLVM's own linker needs no SDK of Apple's to know what Apple's libraries have.
fn for_apple(command: &mut Command, sdk: &Path, tools: &Tools, target: &Target) -> Result<()> {
    apple::write_sdk(sdk)?;
    let processor = target.triple.split('-').next().unwrap_or_default();
    let compiler = tools.write_compiler(sdk, &format!("{processor}-macos.{}", target.oldest))?;
    let name = target.triple.replace('-', "_");
    let flags = [
        "-Clinker-flavor=ld64.lld",
        // What rustc would do after the link, with a tool that is not there.
        "-Clink-arg=-S",
        "-Clink-arg=-dead_strip_dylibs",
        // Else the path of the machine that builds.
        "-Clink-arg=-install_name",
        "-Clink-arg=@rpath/libhttp_client_rust.macos.universal.dylib",
    ];
    command
        .env("SDKROOT", sdk)
        .env("MACOSX_DEPLOYMENT_TARGET", target.oldest)
        .env(format!("CC_{name}"), &compiler)
        .env(format!("AR_{name}"), tools.program("llvm-ar"))
        .env(format!("CARGO_TARGET_{}_LINKER", name.to_uppercase()), tools.program("ld64.lld"))
        .env("CARGO_PROFILE_RELEASE_STRIP", "none")
        .env(format!("CARGO_TARGET_{}_RUSTFLAGS", name.to_uppercase()), flags.join(" "));
    Ok(())
}

/// Takes the names of functions off, into a file beside the library. Says where that is.
fn strip(tools: &Tools, target: &Target, library: &Path) -> Result<PathBuf> {
    // Under the same name, which goes into the signature of a Mac's library.
    let folder = library.with_file_name("published");
    std::fs::create_dir_all(&folder).with_context(|| format!("cannot make the folder {}", folder.display()))?;
    let stripped = folder.join(library.file_name().context("a library has a name")?);
    let how = if target.linker == Linker::Lld { "--discard-all" } else { "--strip-all" };
    let mut command = Command::new(tools.program("llvm-strip"));
    command.args([how, "-o"]).arg(&stripped).arg(library);
    debian::step(command, "llvm-strip", Duration::from_secs(60))?;
    Ok(stripped)
}

/// A *universal* library, which has a part for each processor.
fn join(tools: &Tools, parts: &[PathBuf], folder: &Path) -> Result<Vec<u8>> {
    let joined = folder.join("universal.dylib");
    let mut command = Command::new(tools.program("llvm-lipo"));
    command.arg("-create").args(parts).arg("-output").arg(&joined);
    debian::step(command, "llvm-lipo", Duration::from_secs(60))?;
    read(&joined)
}

fn read(path: &Path) -> Result<Vec<u8>> {
    std::fs::read(path).with_context(|| format!("cannot read {}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::library;

    #[test]
    fn every_row_is_a_line_of_the_gdextension() {
        let workspace = Workspace::find().unwrap();
        for row in &ROWS {
            library::path_of(&workspace, row.key).unwrap();
        }
    }
}
