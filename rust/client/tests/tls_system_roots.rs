//! Tests the system's authorities. If they are files, the environment can replace them, so this starts separate processes.
#![allow(missing_docs)]
#![cfg(target_os = "linux")]

mod support;
mod support_tls;

use std::process::Command;
use std::time::Instant;

use http_client::{Context, HttpClient, Status, TlsOptions};
use http_net::memory;
use http_net::streams::TlsStream;
use support::{get, server};
use support_tls::{secured, try_connect};

const PORT: &str = "HTTP_CLIENT_TEST_PORT";

/// Runs the test with this name in a process whose system trusts the authorities in this text.
fn run_with_system_of(pem: &str, test: &str) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("system.pem");
    std::fs::write(&file, pem).unwrap();
    // The limit for open files is low, so that a test can reach it.
    let mut command = Command::new("sh");
    command.args(["-c", "ulimit -n 256; exec \"$0\" --exact \"$1\""]).arg(std::env::current_exe().unwrap()).arg(test);
    command.env(PORT, server().https().port().to_string());
    command.env("SSL_CERT_FILE", &file).env_remove("SSL_CERT_DIR");
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&[output.stdout, output.stderr].concat()));
}

fn port() -> Option<u16> {
    std::env::var(PORT).ok()?.parse().ok()
}

#[test]
fn the_systems_authorities_are_trusted() {
    let Some(port) = port() else {
        return run_with_system_of(server().ca_pem(), "the_systems_authorities_are_trusted");
    };
    let client = secured("localhost", ([127, 0, 0, 1], port).into(), &TlsOptions::default());
    assert_eq!(get(&client, "/hello").code, 200);
}

#[test]
fn without_any_on_the_system_there_are_mozillas() {
    let Some(port) = port() else {
        return run_with_system_of("nothing\n", "without_any_on_the_system_there_are_mozillas");
    };
    let error = try_connect(&HttpClient::default(), "localhost", port, &TlsOptions::default()).unwrap_err();
    // The handshake reached the certificate, so there were authorities to verify it.
    assert!(error.message.contains("was issued by an authority that is not trusted here"), "{error}");
}

#[test]
fn reading_them_keeps_no_call_waiting() {
    let Some(port) = port() else {
        // At least as many as on a large system.
        return run_with_system_of(&server().ca_pem().repeat(2000), "reading_them_keeps_no_call_waiting");
    };
    let client = HttpClient::default();
    let mut longest = std::time::Duration::ZERO;
    let started = Instant::now();
    let mut call = |work: &dyn Fn()| {
        let began = Instant::now();
        work();
        longest = longest.max(began.elapsed());
    };
    call(&|| client.connect_to_host("localhost", port.into(), true, &TlsOptions::default()).unwrap());
    while client.status() != Status::Connected {
        call(&|| client.poll().unwrap());
        support::pause(started);
    }
    // No call takes as long as reading them.
    assert!(longest * 2 < started.elapsed(), "a call took {longest:?} of {:?}", started.elapsed());
}

#[test]
fn authorities_that_could_not_be_read_for_want_of_a_descriptor_are_read_the_next_time() {
    let Some(port) = port() else {
        return run_with_system_of(
            server().ca_pem(),
            "authorities_that_could_not_be_read_for_want_of_a_descriptor_are_read_the_next_time",
        );
    };
    let all: Vec<_> = std::iter::from_fn(|| std::fs::File::open("/dev/null").ok()).collect();
    // This call returns after the authorities were read, as far as that was possible.
    let (near, _far) = memory::pair(1 << 16);
    let context = Context::shared();
    TlsStream::start(context, Box::new(near), "localhost", &TlsOptions::default()).map(drop).unwrap();
    assert!(std::fs::File::open("/dev/null").is_err(), "none was free meanwhile");
    drop(all);
    let client = secured("localhost", ([127, 0, 0, 1], port).into(), &TlsOptions::default());
    assert_eq!(get(&client, "/hello").code, 200);
}
