//! Tests proxies from the environment. The environment belongs to the process, so this runs in a separate process.
#![allow(missing_docs)]

mod support;
mod support_tls;

use std::process::Command;

use http_client::{HttpClient, Status, TlsOptions};
use support::{get, open, server, until};

/// The environment variable of the child process with its task: a host, and whether to use TLS.
const TASK: &str = "HTTP_CLIENT_TEST_HOST";

/// Returns what a client in a process with this environment connects to for `host`.
fn route(variables: &[(&str, &str)], host: &str, secure: bool) -> String {
    let mut command = Command::new(std::env::current_exe().expect("this test"));
    command.args(["--exact", "--nocapture", "the_process_with_the_environment"]);
    for name in ["http_proxy", "https_proxy", "all_proxy", "no_proxy"] {
        command.env_remove(name).env_remove(name.to_uppercase());
    }
    command.env(TASK, format!("{host} {secure}")).envs(variables.iter().copied());
    let output = command.output().expect("this test starts");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let found = text.lines().find_map(|line| line.split_once("went to ").map(|(_, what)| what.to_owned()));
    found.unwrap_or_else(|| panic!("{text}{}", String::from_utf8_lossy(&output.stderr)))
}

#[test]
fn the_process_with_the_environment() {
    let Ok(task) = std::env::var(TASK) else { return };
    let (host, secure) = task.split_once(' ').expect("two words");
    let client = HttpClient::default();
    let unusable = client.set_proxy_from_environment().err();
    // All these ports refuse connections, so that the message names the address that was tried.
    if let Err(error) = client.connect_to_host(host, 1, secure == "true", &TlsOptions::default()) {
        assert_eq!(Some(&error), unusable.as_ref(), "it was said before");
        println!("went to error: {error}");
        return;
    }
    client.set_blocking_mode(true);
    while client.poll().is_ok() {}
    println!("went to {}", client.error_message());
}

#[test]
fn the_variables_choose_the_proxy() {
    let proxy = "cannot connect to proxy 127.0.0.1:2";
    let unusable = "error: cannot use the proxy \"socks5://…@127.0.0.1:2\" from the environment variable all_proxy: ";
    // Names of variables are not case-sensitive on Windows.
    let http_proxy_in_capitals = if cfg!(windows) { proxy } else { "cannot connect to 127.0.0.1:1" };
    for (variables, host, secure, expected) in [
        (&[("http_proxy", "http://127.0.0.1:2/")][..], "127.0.0.1", false, proxy),
        (&[("http_proxy", "127.0.0.1:2")], "127.0.0.1", true, "cannot connect to 127.0.0.1:1"),
        (&[("https_proxy", "http://user:pw@127.0.0.1:2")], "127.0.0.1", true, proxy),
        (&[("HTTPS_PROXY", "127.0.0.1:2")], "127.0.0.1", true, proxy),
        (&[("HTTP_PROXY", "127.0.0.1:2")], "127.0.0.1", false, http_proxy_in_capitals),
        (&[("ALL_PROXY", "127.0.0.1:2")], "127.0.0.1", false, proxy),
        (&[("all_proxy", "127.0.0.1:2")], "127.0.0.1", true, proxy),
        (
            &[("all_proxy", "127.0.0.1:2"), ("no_proxy", "127.0.0.0/8")],
            "127.0.0.1",
            true,
            "cannot connect to 127.0.0.1:1",
        ),
        (&[("all_proxy", "127.0.0.1:2"), ("NO_PROXY", "*")], "127.0.0.1", false, "cannot connect to 127.0.0.1:1"),
        (
            &[("all_proxy", "127.0.0.1:2"), ("no_proxy", ".localhost")],
            "a.localhost",
            false,
            "cannot connect to a.localhost:1",
        ),
        (&[("all_proxy", "127.0.0.1:2"), ("no_proxy", "other.test")], "host.test", false, proxy),
        (&[], "127.0.0.1", false, "cannot connect to 127.0.0.1:1"),
        // A proxy that cannot be used affects its own connections only.
        (&[("all_proxy", "socks5://u:p@127.0.0.1:2")], "127.0.0.1", false, unusable),
        (&[("all_proxy", "socks5://u:p@127.0.0.1:2")], "127.0.0.1", true, unusable),
        (&[("all_proxy", "socks5://u:p@127.0.0.1:2"), ("http_proxy", "127.0.0.1:2")], "127.0.0.1", false, proxy),
        (&[("http_proxy", "127.0.0.1:2"), ("https_proxy", "https://127.0.0.1:2")], "127.0.0.1", false, proxy),
        (
            &[("http_proxy", "socks5://127.0.0.1:2"), ("no_proxy", "127.0.0.1")],
            "127.0.0.1",
            false,
            "cannot connect to 127.0.0.1:1",
        ),
        (&[("http_proxy", "http://127.0.0.1:2/path")], "127.0.0.1", false, proxy),
    ] {
        let went = route(variables, host, secure);
        // A system that does not resolve names below localhost has also connected directly.
        let direct =
            went.replace("the host name \"a.localhost\" could not be resolved", "cannot connect to a.localhost:1");
        assert!(direct.starts_with(expected), "{variables:?} {host} {secure}: {went}");
    }
}

#[test]
fn the_environment_counts_only_if_it_is_asked_for() {
    // No other test of this file reads these variables in this process.
    let client = HttpClient::default();
    open(&client, "127.0.0.1", server().http().port().into()).unwrap();
    until(&client, Status::Connected);
    assert_eq!(get(&client, "/hello").code, 200);
}
