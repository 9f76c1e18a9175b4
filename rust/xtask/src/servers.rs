//! The embedded server as a Godot run sees it: addresses, on the command line or in the environment.

use std::net::SocketAddr;

use anyhow::{Context, Result};
use tempfile::NamedTempFile;
use test_server::TestServer;

/// A running server, and the file with its certificate authority. Both end with this value.
pub(crate) struct Servers {
    server: TestServer,
    ca_file: NamedTempFile,
}

impl Servers {
    /// Starts the server.
    pub(crate) fn start() -> Result<Self> {
        let server = TestServer::start().context("cannot start the embedded server")?;
        let ca_file = tempfile::Builder::new()
            .prefix("http_client_rust-ca-")
            .suffix(".pem")
            .tempfile()
            .context("cannot make a temporary file")?;
        std::fs::write(&ca_file, server.ca_pem())
            .with_context(|| format!("cannot write {}", ca_file.path().display()))?;
        Ok(Self { server, ca_file })
    }

    /// Name and value of everything there is to know.
    fn facts(&self) -> [(&'static str, String); 7] {
        let address = |address: SocketAddr| address.to_string();
        [
            ("http", address(self.server.http())),
            ("https", address(self.server.https())),
            ("raw", address(self.server.raw())),
            ("speaks-first", address(self.server.speaks_first())),
            ("never-accepts", address(self.server.never_accepts())),
            ("refused-port", self.server.refused_port().to_string()),
            ("ca-file", self.ca_file.path().display().to_string()),
        ]
    }

    /// Those of the facts that are named, as `--NAME=VALUE`.
    pub(crate) fn some_arguments(&self, names: &[&str]) -> Vec<String> {
        self.facts()
            .into_iter()
            .filter(|(name, _)| names.contains(name))
            .map(|(name, value)| format!("--{name}={value}"))
            .collect()
    }

    /// All facts, as `--NAME=VALUE`.
    pub(crate) fn arguments(&self) -> Vec<String> {
        self.facts().into_iter().map(|(name, value)| format!("--{name}={value}")).collect()
    }

    /// All facts, as environment variables `HTTP_CLIENT_RUST_TEST_NAME`: an editor has no arguments for its plugins.
    pub(crate) fn environment(&self) -> Vec<(String, String)> {
        self.facts().into_iter().map(|(name, value)| (variable(name), value)).collect()
    }
}

fn variable(name: &str) -> String {
    format!("HTTP_CLIENT_RUST_TEST_{}", name.to_uppercase().replace('-', "_"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_variable_has_the_arguments_name() {
        assert_eq!(variable("refused-port"), "HTTP_CLIENT_RUST_TEST_REFUSED_PORT");
    }
}
