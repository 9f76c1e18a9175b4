//! Runs the embedded server until its standard input ends or Ctrl-C is pressed.

use std::error::Error;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::{env, fs, io, thread};

use serde_json::json;
use test_server::{Ports, TestServer};
use tokio::sync::oneshot;

const HELP: &str = "\
The embedded HTTP server of HTTPClientRust's demo and tests.

Usage: test-server [--http-port N] [--https-port N] [--raw-port N] [--ca-file PATH]

Ports are on 127.0.0.1. The default 0 means any free port. The root certificate is written to PATH, by default a file
in the system's temporary folder, and removed at the end.

Prints one line of JSON with the addresses, then runs until standard input ends or Ctrl-C is pressed. The routes
are on the first page of the crate's documentation: cargo doc --open -p test-server
";

fn main() -> ExitCode {
    let outcome = Arguments::parse(env::args().skip(1)).and_then(|arguments| match arguments {
        Some(arguments) => run(&arguments),
        None => Ok(io::stdout().write_all(HELP.as_bytes())?),
    });
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("test-server: {error}");
            ExitCode::FAILURE
        }
    }
}

struct Arguments {
    ports: Ports,
    ca_file: PathBuf,
}

impl Arguments {
    /// `None` if the user asks for help.
    fn parse(mut words: impl Iterator<Item = String>) -> Result<Option<Arguments>, Box<dyn Error>> {
        let mut ports = Ports::default();
        let file_name = format!("http-client-rust-test-root-{}.pem", std::process::id());
        let mut ca_file = env::temp_dir().join(file_name);
        while let Some(option) = words.next() {
            if option == "--help" || option == "-h" {
                return Ok(None);
            }
            let value = words.next().ok_or_else(|| format!("{option}: the value is missing; see --help"))?;
            let port =
                || value.parse().map_err(|_| format!("{option} {value}: the port must be a number from 0 to 65535"));
            match option.as_str() {
                "--http-port" => ports.http = port()?,
                "--https-port" => ports.https = port()?,
                "--raw-port" => ports.raw = port()?,
                "--ca-file" => ca_file = PathBuf::from(value),
                _ => return Err(format!("{option}: there is no such option; see --help").into()),
            }
        }
        Ok(Some(Arguments { ports, ca_file }))
    }
}

fn run(arguments: &Arguments) -> Result<(), Box<dyn Error>> {
    let server = TestServer::start_at(arguments.ports)?;
    let ca_file = &arguments.ca_file;
    fs::write(ca_file, server.ca_pem()).map_err(|error| format!("{}: {error}", ca_file.display()))?;
    let served = print_addresses(&server, ca_file).and_then(|()| wait_for_the_end());
    fs::remove_file(ca_file)?;
    Ok(served?)
}

fn print_addresses(server: &TestServer, ca_file: &Path) -> io::Result<()> {
    let line = json!({
        "http": server.http().to_string(),
        "https": server.https().to_string(),
        "hyper": server.hyper().to_string(),
        "hyper_tls": server.hyper_tls().to_string(),
        "raw": server.raw().to_string(),
        "speaks_first": server.speaks_first().to_string(),
        "never_accepts": server.never_accepts().to_string(),
        "refused": format!("127.0.0.1:{}", server.refused_port()),
        "ca_file": ca_file.to_string_lossy(),
    });
    let mut stdout = io::stdout();
    writeln!(stdout, "{line}")?;
    stdout.flush()
}

fn wait_for_the_end() -> io::Result<()> {
    let (ended, input_ended) = oneshot::channel();
    // Ctrl-C leaves this thread running, because nothing can interrupt its read.
    thread::spawn(move || {
        let mut stdin = io::stdin();
        let mut ignored = [0; 1024];
        while matches!(stdin.read(&mut ignored), Ok(count) if count > 0) {}
        ended.send(())
    });
    tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
        tokio::select! {
            outcome = tokio::signal::ctrl_c() => outcome,
            _ = input_ended => Ok(()),
        }
    })
}
