//! A screen for runs with a window. On Linux, it is a virtual one (Xvfb), so that no windows disturb the user.

use std::io::{BufRead, BufReader, ErrorKind};
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

use crate::process_group::Leader;
use crate::workspace::files_in;

/// The size of the screen and its color depth. The largest picture has the same size.
const SIZE: &str = "2560x1440x24";

/// The screen on which Godot draws.
pub enum Screen {
    /// The existing screen. Windows and macOS always have one.
    Present,
    /// A virtual screen. It ends when this value is dropped.
    Own {
        /// The number of the display, without the colon.
        number: String,
        /// The process of Xvfb.
        _server: Leader,
    },
}

impl Screen {
    /// Starts a virtual screen, or uses the existing one.
    pub fn open() -> Result<Self> {
        if let Some(own) = Self::own()? {
            return Ok(own);
        }
        if cfg!(target_os = "linux") && std::env::var_os("DISPLAY").is_none() {
            bail!("there is no screen and no Xvfb; install the package xvfb");
        }
        Ok(Self::Present)
    }

    /// Starts a virtual screen. `None` without Xvfb.
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

    /// Makes a command draw on this screen, without sound.
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

/// Enables drawing in software, which needs no graphics card. A Godot from Debian's packages brings its own drivers.
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
