//! The version of a Godot program.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use regex::Regex;
use semver::Version;

use crate::captured::{self, Echo};

/// The oldest Godot that can load the add-on: `compatibility_minimum` in the .gdextension.
pub const OLDEST: Version = Version::new(4, 3, 0);

/// The time limit of `--version`. A machine that reads the program for the first time needs some seconds.
const DEADLINE: Duration = Duration::from_secs(60);

/// Asks a program for its version. An error says that the program did not print one, or that it is too old.
pub fn version_of(program: &Path) -> Result<Version> {
    let mut command = Command::new(program);
    command.arg("--version");
    let captured = captured::run(command, "godot --version", DEADLINE, Echo::Nothing)?;
    let output = captured.output.trim();
    if let Some(problem) = captured.ending.problem() {
        bail!("{} --version: {problem} {output}", program.display());
    }
    let version =
        in_output(output).with_context(|| format!("{} --version printed no version: {output:?}", program.display()))?;
    if version < OLDEST {
        bail!("{} is Godot {version}; {OLDEST} or newer is needed", program.display());
    }
    Ok(version)
}

/// The first line that starts like `4.6.3.stable` or `4.3.stable`. The first release of a series has no third number.
fn in_output(output: &str) -> Option<Version> {
    let pattern = Regex::new(r"(?m)^\s*(\d+)\.(\d+)(?:\.(\d+))?\.").ok()?;
    let found = pattern.captures(output)?;
    let number = |index| found.get(index).map_or(Some(0), |digits| digits.as_str().parse().ok());
    Some(Version::new(number(1)?, number(2)?, number(3)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn version(output: &str) -> Option<String> {
        in_output(output).map(|version| version.to_string())
    }

    #[test]
    fn a_version_is_read_from_what_godot_prints() {
        assert_eq!(version("4.6.3.stable.debian.abc\n").as_deref(), Some("4.6.3"));
        assert_eq!(version("4.3.stable.official.77dcf97d8").as_deref(), Some("4.3.0"));
        assert_eq!(version("some warning\n4.4.1.rc2\n").as_deref(), Some("4.4.1"));
    }

    #[test]
    fn other_output_has_no_version() {
        assert_eq!(version(""), None);
        assert_eq!(version("usage: godot"), None);
    }

    #[test]
    fn versions_compare_by_their_numbers() {
        assert!(in_output("4.10.stable").unwrap() > OLDEST);
        assert!(in_output("4.2.2.stable").unwrap() < OLDEST);
        assert!(in_output("3.6.stable").unwrap() < OLDEST);
    }

    #[cfg(unix)]
    #[test]
    fn a_program_that_is_no_godot_is_refused_with_what_it_said() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let program = folder.path().join("godot");
        for (script, expected) in [("echo hello", "hello"), ("echo 3.5.stable", "4.3.0 or newer"), ("exit 2", "code 2")]
        {
            std::fs::write(&program, format!("#!/bin/sh\n{script}\n")).unwrap();
            std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).unwrap();
            let message = format!("{:#}", version_of(&program).unwrap_err());
            assert!(message.contains(expected), "{message}");
        }
    }
}
