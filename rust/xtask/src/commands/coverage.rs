//! `cargo xtask coverage`: shows which lines of the protocol, the connections, the client and the sessions their tests cover,
//! with cargo-llvm-cov.

use std::process::{ExitCode, Stdio};

use anyhow::{Context, Result, bail};

use crate::cargo;
use crate::workspace::Workspace;

/// The measured crates, and the minimum coverage of their lines, in percent.
const MEASURED: [(&str, &str); 4] =
    [("http-protocol", "95"), ("http-net", "85"), ("http-client", "85"), ("http-fetch", "85")];

/// Runs the command. The exit code is 1 if the coverage is too low.
pub(crate) fn run(workspace: &Workspace) -> Result<ExitCode> {
    let known =
        cargo::command(workspace, ["llvm-cov", "--version"]).stdout(Stdio::null()).stderr(Stdio::null()).status();
    if !known.is_ok_and(|status| status.success()) {
        bail!(
            "cargo-llvm-cov is not installed: cargo install cargo-llvm-cov --locked, and rustup component add llvm-tools. \
            Other tools of the same LLVM version work too: set LLVM_COV and LLVM_PROFDATA"
        );
    }
    let packages = MEASURED.iter().flat_map(|(package, _)| ["--package", package]);
    if !succeeds(workspace, ["llvm-cov", "test", "--no-report"].into_iter().chain(packages))? {
        bail!("the tests did not pass, so nothing was measured; see their messages above");
    }
    let mut enough = true;
    for (package, least) in MEASURED {
        println!("\n{package}: at least {least} % of the lines");
        // A test ends processes while they run, which leaves a file that cannot be read.
        let report = ["llvm-cov", "report", "--failure-mode", "all", "--package", package, "--fail-under-lines", least];
        enough &= succeeds(workspace, report)?;
    }
    Ok(if enough { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn succeeds<'a>(workspace: &Workspace, arguments: impl IntoIterator<Item = &'a str>) -> Result<bool> {
    let status = cargo::command(workspace, arguments).stdin(Stdio::null()).status().context("cannot start cargo")?;
    Ok(status.success())
}
