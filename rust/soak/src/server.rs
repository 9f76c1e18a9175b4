//! The embedded server in its own process, so that its memory does not count as the clients' memory.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;

use anyhow::{Context, Result};
use serde_json::{Value, json};
use test_server::TestServer;

/// A running server. It ends when this value is dropped.
pub(crate) struct Server {
    process: Child,
    pub(crate) addresses: Addresses,
}

/// The addresses of the server, and the certificate authority of its certificate.
#[derive(Clone)]
pub(crate) struct Addresses {
    pub(crate) http: SocketAddr,
    pub(crate) https: SocketAddr,
    pub(crate) raw: SocketAddr,
    pub(crate) never_accepts: SocketAddr,
    pub(crate) refused: SocketAddr,
    pub(crate) ca_pem: Arc<[u8]>,
}

impl Server {
    /// Starts this program again, with `--serve`.
    pub(crate) fn start() -> Result<Self> {
        let mut command = Command::new(std::env::current_exe().context("cannot find this program")?);
        command.arg("--serve").stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut process = command.spawn().context("cannot start the server")?;
        let addresses = Addresses::read(&mut process)?;
        Ok(Self { process, addresses })
    }
}

/// The work of the other process: serves until its input ends.
pub(crate) fn serve() -> Result<()> {
    let server = TestServer::start().context("cannot start the embedded server")?;
    let facts = json!({
        "http": server.http().to_string(),
        "https": server.https().to_string(),
        "raw": server.raw().to_string(),
        "never_accepts": server.never_accepts().to_string(),
        "refused": format!("127.0.0.1:{}", server.refused_port()),
        "ca_pem": server.ca_pem(),
    });
    let mut output = std::io::stdout();
    writeln!(output, "{facts}")?;
    output.flush()?;
    let mut ignored = Vec::new();
    std::io::stdin().read_to_end(&mut ignored)?;
    Ok(())
}

impl Addresses {
    fn read(child: &mut Child) -> Result<Self> {
        let output = child.stdout.take().context("the server has an output")?;
        let mut line = String::new();
        BufReader::new(output).read_line(&mut line).context("cannot read the server's addresses")?;
        let facts: Value = serde_json::from_str(&line).context("the server printed no addresses")?;
        let address = |name: &str| -> Result<SocketAddr> {
            facts[name].as_str().unwrap_or_default().parse().with_context(|| format!("the server names no {name}"))
        };
        let ca_pem = facts["ca_pem"].as_str().context("the server has no certificate")?;
        Ok(Self {
            http: address("http")?,
            https: address("https")?,
            raw: address("raw")?,
            never_accepts: address("never_accepts")?,
            refused: address("refused")?,
            ca_pem: ca_pem.as_bytes().into(),
        })
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.process.stdin.take());
        // Its exit code does not matter.
        let _ = self.process.wait();
    }
}
