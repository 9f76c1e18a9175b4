//! The embedded server as a program of its own, built with optimizations: in this program it would be a debug build.

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use crate::cargo;
use crate::process_group::Leader;
use crate::workspace::Workspace;

/// A running server, which ends with this value.
pub(crate) struct ReleaseServer {
    leader: Leader,
    /// The port of plain HTTP.
    pub(crate) http: u16,
    /// The port of HTTP over TLS.
    pub(crate) https: u16,
    /// The authority that signed its certificate.
    pub(crate) ca_file: String,
}

impl ReleaseServer {
    /// Builds and starts the server.
    pub(crate) fn start(workspace: &Workspace) -> Result<Self> {
        let built = cargo::command(workspace, ["build", "--release", "--package", "test-server"])
            .stdin(Stdio::null())
            .status()
            .context("cannot start cargo")?;
        ensure!(built.success(), "the server does not build; cargo's messages stand above");
        let run = ["run", "--quiet", "--release", "--package", "test-server"];
        let mut command: Command = cargo::command(workspace, run);
        // The server ends when its input does.
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut leader = Leader::start(&mut command).context("cannot start the server")?;
        let mut line = String::new();
        let output = leader.child.stdout.take().context("the server has an output")?;
        BufReader::new(output).read_line(&mut line).context("cannot read the server's addresses")?;
        let facts: Value = serde_json::from_str(&line).context("the server printed no addresses")?;
        let port = |name: &str| -> Result<u16> {
            let address: SocketAddr = facts[name].as_str().unwrap_or_default().parse()?;
            Ok(address.port())
        };
        let ca_file = facts["ca_file"].as_str().context("the server names no certificate")?.to_owned();
        Ok(Self { http: port("http")?, https: port("https")?, ca_file, leader })
    }
}

impl Drop for ReleaseServer {
    fn drop(&mut self) {
        drop(self.leader.child.stdin.take());
        // It removes its certificate before it ends; whether it did is of no interest.
        let _ = self.leader.child.wait();
    }
}
