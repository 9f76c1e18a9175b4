//! Has the mini host (`rust/minihost`) load the libraries of the zip: natively, in an emulator of another processor, in Wine. It acts
//! as Godot 4.3, the oldest that the add-on promises to run in, which no machine has to have for this.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, bail};

use crate::archive::Archive;
use crate::captured::{self, Echo};
use crate::godot::Godot;
use crate::godot::debian;
use crate::godot::version::version_of;
use crate::report::Outcome;
use crate::servers::Servers;
use crate::way::{COMPILE_DEADLINE, OTHER_PROCESSOR, Way, arm64_godot};
use crate::workspace::{ADDON, Workspace, files_in};
use crate::{interface, library, unpacked};

/// An emulated processor may take its time.
const DEADLINE: Duration = Duration::from_secs(180);
/// What the library says of a certificate whose authority the system does not know.
const NOT_TRUSTED: &str = "issued by an authority that is not trusted here";
/// Prints in Godot what the mini host prints.
const LISTED: &str = include_str!("listed.gd");

/// Libraries that the mini host loaded, by their lines in the .gdextension, and how.
type Loaded = Vec<(String, &'static str)>;

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
        .unwrap_or_else(|| Outcome::failed("the zip contains no library"))
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
    let mut command = way.command(program)?;
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
        bail!("{who} registers: {line} ({} lines differ)", listed.symmetric_difference(&own).count());
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
        bail!("Godot lists no classes");
    }
    Ok(listed)
}

/// Compiles the mini host: for this machine with its own compiler, for others with Zig.
fn compile(workspace: &Workspace, folder: &Path, way: &Way) -> Result<PathBuf> {
    std::fs::write(folder.join("interface.h"), interface::functions_of_4_3(workspace)?)
        .context("cannot write interface.h")?;
    let program = folder.join("minihost.exe");
    let mut command = way.compiler()?;
    command.args(["-std=gnu11", "-O1", "-Wall", "-Wextra", "-Werror", "-I"]).arg(folder).arg("-o").arg(&program);
    command.arg(workspace.root().join("rust/minihost/minihost.c"));
    command.arg(if matches!(way, Way::Wine(_)) || cfg!(windows) { "-lshell32" } else { "-ldl" });
    debian::step(command, "the mini host's compiler", COMPILE_DEADLINE)?;
    way.complete(workspace, folder)?;
    Ok(program)
}

/// A request in Debian's Godot for arm64, in qemu.
pub(crate) fn try_arm64_godot(workspace: &Workspace, archive: &Archive) -> Outcome {
    if !library::path_of(workspace, OTHER_PROCESSOR).is_ok_and(|path| archive.has(&path)) {
        return Outcome::left_out(
            "Godot for arm64: the zip contains no library for it; build one with --platform \
            linux.arm64",
        );
    }
    if !cfg!(all(target_os = "linux", not(target_arch = "aarch64"))) {
        return Outcome::left_out("Godot for arm64 in qemu: this needs Linux on another processor");
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
