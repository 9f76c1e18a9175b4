//! `cargo xtask coverage`: which lines of the protocol and the client their tests reach.

use std::process::{ExitCode, Stdio};

use anyhow::{Context, Result, bail};
use serde_json::Value;

use crate::cargo;
use crate::workspace::Workspace;

/// What the command line says.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Every file, too.
    #[arg(long)]
    files: bool,
}

/// The folders that are measured, and the share of their lines that tests must reach, in percent.
const MEASURED: [(&str, f64); 2] = [("rust/protocol/src/", 95.0), ("rust/client/src/", 85.0)];

/// Runs the command. The exit code is 1 if less is reached than must be.
pub(crate) fn run(workspace: &Workspace, arguments: &Arguments) -> Result<ExitCode> {
    let known =
        cargo::command(workspace, ["llvm-cov", "--version"]).stdout(Stdio::null()).stderr(Stdio::null()).status();
    if !known.is_ok_and(|status| status.success()) {
        bail!(
            "cargo-llvm-cov is not installed: cargo install cargo-llvm-cov --locked, and rustup component add llvm-tools"
        );
    }
    let report = tempfile::NamedTempFile::new().context("cannot make a temporary file")?;
    let status =
        cargo::command(workspace, ["llvm-cov", "test", "--package", "http-protocol", "--package", "http-client"])
            .args(["--json", "--summary-only", "--output-path"])
            .arg(report.path())
            .stdin(Stdio::null())
            .status()
            .context("cannot start cargo")?;
    if !status.success() {
        bail!("the tests did not pass, so nothing was measured; their messages stand above");
    }
    let report = std::fs::read(report.path()).context("cannot read the report")?;
    let files = lines_of_files(&serde_json::from_slice(&report).context("the report is not JSON")?);

    let mut enough = true;
    println!("| | lines | reached | % | at least |\n| --- | ---: | ---: | ---: | ---: |");
    for (folder, least) in MEASURED {
        let inside: Vec<_> = files.iter().filter(|file| file.name.contains(folder)).collect();
        let (lines, reached) = inside.iter().fold((0, 0), |sum, file| (sum.0 + file.lines, sum.1 + file.reached));
        let percent = share(lines, reached);
        enough &= percent >= least;
        println!("| {folder} | {lines} | {reached} | {percent:.1} | {least:.0} |");
        for file in inside.iter().filter(|_| arguments.files) {
            let name = file.name.rsplit_once(folder).map_or(&*file.name, |(_, name)| name);
            println!("| {name} | {} | {} | {:.1} | |", file.lines, file.reached, share(file.lines, file.reached));
        }
    }
    Ok(if enough { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// One source file.
#[derive(Debug, PartialEq, Eq)]
struct File {
    name: String,
    lines: u64,
    reached: u64,
}

/// What the report, in the format of `llvm-cov export`, says about each file.
fn lines_of_files(report: &Value) -> Vec<File> {
    let files = report["data"][0]["files"].as_array().map(Vec::as_slice).unwrap_or_default();
    let read = |file: &Value| {
        let lines = &file["summary"]["lines"];
        Some(File {
            name: file["filename"].as_str()?.replace('\\', "/"),
            lines: lines["count"].as_u64()?,
            reached: lines["covered"].as_u64()?,
        })
    };
    files.iter().filter_map(read).collect()
}

fn share(lines: u64, reached: u64) -> f64 {
    if lines == 0 { 0.0 } else { reached as f64 * 100.0 / lines as f64 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_report_says_how_many_lines_of_a_file_were_reached() {
        let report = serde_json::json!({"data": [{"files": [
            {"filename": "a\\b.rs", "summary": {"lines": {"count": 10, "covered": 9, "percent": 90.0}}},
            {"no": "file"},
        ]}]});
        assert_eq!(lines_of_files(&report), [File { name: "a/b.rs".to_owned(), lines: 10, reached: 9 }]);
        assert_eq!(share(10, 9) as u64, 90);
    }
}
