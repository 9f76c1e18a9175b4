//! Which Godot a program is.

use std::fmt;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, bail};

use crate::captured::{self, Echo};

/// The oldest Godot that loads the add-on: `compatibility_minimum` of the .gdextension.
pub(crate) const OLDEST: Version = Version { major: 4, minor: 3, patch: 0 };

/// How long `--version` may take; a machine that reads the program for the first time needs some seconds.
const DEADLINE: Duration = Duration::from_secs(60);

/// A version of Godot.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Version {
    major: u32,
    minor: u32,
    patch: u32,
}

impl Version {
    /// Asks a program for its version. An error says what the program did instead, or that it is too old.
    pub(crate) fn of(program: &Path) -> Result<Self> {
        let mut command = Command::new(program);
        command.arg("--version");
        let captured = captured::run(command, "godot --version", DEADLINE, Echo::Nothing)?;
        if let Some(problem) = captured.ending.problem() {
            let output = captured.output.trim();
            bail!("{} --version: {problem} {output}", program.display());
        }
        let version = Self::in_output(&captured.output).with_context(|| {
            format!("{} --version names no version: {:?}", program.display(), captured.output.trim())
        })?;
        if version < OLDEST {
            bail!("{} is Godot {version}; {OLDEST} or newer is needed", program.display());
        }
        Ok(version)
    }

    /// The first line that begins like `4.6.3.stable` or `4.3.stable`.
    fn in_output(output: &str) -> Option<Self> {
        output.lines().find_map(|line| {
            let mut parts = line.trim().split('.');
            Some(Self {
                major: parts.next()?.parse().ok()?,
                minor: parts.next()?.parse().ok()?,
                // A first release of a series has no third number.
                patch: parts.next().and_then(|patch| patch.parse().ok()).unwrap_or(0),
            })
        })
    }
}

impl fmt::Display for Version {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}.{}", self.major, self.minor)?;
        if self.patch > 0 {
            write!(formatter, ".{}", self.patch)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn version(output: &str) -> Option<String> {
        Version::in_output(output).map(|version| version.to_string())
    }

    #[test]
    fn a_version_is_read_from_what_godot_prints() {
        assert_eq!(version("4.6.3.stable.debian.abc\n").as_deref(), Some("4.6.3"));
        assert_eq!(version("4.3.stable.official.77dcf97d8").as_deref(), Some("4.3"));
        assert_eq!(version("some warning\n4.4.1.rc2\n").as_deref(), Some("4.4.1"));
    }

    #[test]
    fn other_output_has_no_version() {
        assert_eq!(version(""), None);
        assert_eq!(version("usage: godot"), None);
    }

    #[test]
    fn versions_compare_by_their_numbers() {
        assert!(Version::in_output("4.10.stable").unwrap() > OLDEST);
        assert!(Version::in_output("4.2.2.stable").unwrap() < OLDEST);
        assert!(Version::in_output("3.6.stable").unwrap() < OLDEST);
    }

    #[cfg(unix)]
    #[test]
    fn a_program_that_is_no_godot_is_refused_with_what_it_said() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let program = folder.path().join("godot");
        for (script, expected) in [("echo hello", "hello"), ("echo 3.5.stable", "4.3 or newer"), ("exit 2", "code 2")] {
            std::fs::write(&program, format!("#!/bin/sh\n{script}\n")).unwrap();
            std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).unwrap();
            let message = format!("{:#}", Version::of(&program).unwrap_err());
            assert!(message.contains(expected), "{message}");
        }
    }
}
