//! The embedded server as a separate program. A run of Godot gets its addresses as arguments or environment variables.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;

use anyhow::{Context, Result};
use serde_json::Value;
use tempfile::NamedTempFile;

use crate::cargo;
use crate::process_group::Leader;
use crate::workspace::Workspace;

const PROGRAM: &str = "test-server";

/// Each fact: its name in the arguments, and its key in the server's output.
const FACTS: [(&str, &str); 7] = [
    ("http", "http"),
    ("https", "https"),
    ("raw", "raw"),
    ("speaks-first", "speaks_first"),
    ("never-accepts", "never_accepts"),
    ("refused-port", "refused"),
    ("ca-file", "ca_file"),
];

/// A running server, and the file with its certificate authority. Both are removed when this value is dropped.
pub struct Servers {
    /// The process also ends when its input is closed, so it never outlives xtask.
    _process: Leader,
    _ca_file: NamedTempFile,
    /// Name and value of each fact.
    facts: Vec<(&'static str, String)>,
}

impl Servers {
    /// Starts the server. The first call builds it.
    pub fn start() -> Result<Self> {
        static BUILT: OnceLock<PathBuf> = OnceLock::new();
        if let Some(program) = BUILT.get() {
            return Self::run(program);
        }
        let program = cargo::build_program(&Workspace::find()?, PROGRAM, &[])?;
        Self::run(BUILT.get_or_init(|| program))
    }

    /// Starts a server that is built with optimizations.
    pub fn start_optimized(workspace: &Workspace) -> Result<Self> {
        Self::run(&cargo::build_program(workspace, PROGRAM, &["--release"])?)
    }

    fn run(program: &Path) -> Result<Self> {
        let ca_file = tempfile::Builder::new()
            .prefix("http_client_rust-ca-")
            .suffix(".pem")
            .tempfile()
            .context("cannot make a temporary file")?;
        let mut command = Command::new(program);
        command.arg("--ca-file").arg(ca_file.path()).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut process = Leader::start(&mut command).context("cannot start the embedded server")?;
        let output = process.child.stdout.take().context("the server has an output")?;
        let mut line = String::new();
        BufReader::new(output).read_line(&mut line).context("cannot read the server's addresses")?;
        Ok(Self { _process: process, _ca_file: ca_file, facts: facts(&line)? })
    }

    /// The port of a listener.
    pub fn port(&self, name: &str) -> Result<&str> {
        let (_, address) =
            self.facts.iter().find(|(fact, _)| *fact == name).context("the server has no such listener")?;
        Ok(port(address))
    }

    /// The named facts, as `--NAME=VALUE`.
    pub fn some_arguments(&self, names: &[&str]) -> Vec<String> {
        let named = self.facts.iter().filter(|(name, _)| names.contains(name));
        named.map(|(name, value)| format!("--{name}={value}")).collect()
    }

    /// All facts, as `--NAME=VALUE`.
    pub fn arguments(&self) -> Vec<String> {
        self.facts.iter().map(|(name, value)| format!("--{name}={value}")).collect()
    }

    /// All facts, as environment variables `HTTP_CLIENT_RUST_TEST_NAME`, because an editor passes no arguments to its plugins.
    pub fn environment(&self) -> Vec<(String, String)> {
        self.facts.iter().map(|(name, value)| (variable(name), value.clone())).collect()
    }
}

/// Parses the first line that the server prints.
fn facts(line: &str) -> Result<Vec<(&'static str, String)>> {
    let printed: Value = serde_json::from_str(line).context("the server printed no addresses")?;
    let fact = |(name, key): (&'static str, &str)| {
        let value = printed[key].as_str().with_context(|| format!("the server printed no {key}"))?;
        Ok((name, if name == "refused-port" { port(value) } else { value }.to_owned()))
    };
    FACTS.into_iter().map(fact).collect()
}

fn port(address: &str) -> &str {
    address.rsplit(':').next().unwrap_or_default()
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

    #[test]
    fn the_server_says_where_it_is_and_ends_with_the_value_that_stands_for_it() {
        let servers = Servers::start().unwrap();
        let [address, ca_file] = ["http", "ca-file"].map(|name| {
            servers.some_arguments(&[name]).concat().split_once('=').map(|(_, value)| value.to_owned()).unwrap()
        });
        assert_eq!(address, format!("127.0.0.1:{}", servers.port("http").unwrap()));
        assert!(std::net::TcpStream::connect(&address).is_ok());
        assert!(std::fs::read_to_string(&ca_file).unwrap().contains("BEGIN CERTIFICATE"));

        drop(servers);

        assert!(std::net::TcpStream::connect(&address).is_err());
        assert!(!Path::new(&ca_file).exists());
    }

    #[test]
    fn a_server_that_prints_something_else_is_an_error_that_names_what_is_missing() {
        let message = format!("{:#}", facts(r#"{"http":"127.0.0.1:1"}"#).unwrap_err());
        assert!(message.contains("https"), "{message}");
        assert!(facts("").is_err());
    }
}
