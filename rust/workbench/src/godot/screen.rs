//! A screen for runs with a window: on Linux one of its own (Xvfb), where nobody watches and nobody is disturbed.

use std::io::{BufRead, BufReader, ErrorKind};
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

use crate::process_group::Leader;
use crate::workspace::files_in;

/// Also the size of the largest picture.
const SIZE: &str = "2560x1440x24";

/// Where Godot draws.
pub enum Screen {
    /// The one that is there: Windows and macOS always have one.
    Present,
    /// One of our own, which ends with this value.
    Own {
        /// What X calls it, such as `:1`.
        number: String,
        /// The program that shows it.
        _server: Leader,
    },
}

impl Screen {
    /// One of our own, or the one that is there.
    pub fn open() -> Result<Self> {
        if let Some(own) = Self::own()? {
            return Ok(own);
        }
        if cfg!(target_os = "linux") && std::env::var_os("DISPLAY").is_none() {
            bail!("there is no screen and no Xvfb; install the package xvfb");
        }
        Ok(Self::Present)
    }

    /// One of our own; `None` where there is no Xvfb.
    pub fn own() -> Result<Option<Self>> {
        if !cfg!(target_os = "linux") {
            return Ok(None);
        }
        let mut command = Command::new("Xvfb");
        command.args(["-displayfd", "1", "-screen", "0", SIZE, "-nolisten", "tcp"]);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut server = match Leader::start(&mut command) {
            Ok(server) => server,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error).context("cannot start Xvfb"),
        };
        let output = server.child.stdout.take().context("Xvfb has an output")?;
        let mut number = String::new();
        BufReader::new(output).read_line(&mut number).context("Xvfb did not print the number of its display")?;
        let number = number.trim().to_owned();
        if number.is_empty() {
            bail!("Xvfb ended at once; start it by hand to see why");
        }
        Ok(Some(Self::Own { number, _server: server }))
    }

    /// Has Godot draw here, silently.
    pub fn apply(&self, command: &mut Command, program: &Path) {
        command.args(["--rendering-driver", "opengl3", "--audio-driver", "Dummy"]);
        if let Self::Own { number, .. } = self {
            command.env("DISPLAY", format!(":{number}")).env_remove("WAYLAND_DISPLAY");
        }
        if cfg!(target_os = "linux") {
            draw_in_software(command, program);
        }
    }
}

/// A machine without a graphics card draws all the same. A Godot that was unpacked brings its drivers with it.
fn draw_in_software(command: &mut Command, program: &Path) {
    command.env("LIBGL_ALWAYS_SOFTWARE", "1");
    let libraries = program.parent().map(|folder| folder.join("root/usr/lib")).unwrap_or_default();
    let drivers = files_in(&libraries, |name| name.ends_with("-linux-gnu"))
        .into_iter()
        .map(|folder| folder.join("dri"))
        .find(|folder| folder.is_dir());
    if let Some(drivers) = drivers {
        command.env("LIBGL_DRIVERS_PATH", drivers);
    }
}
