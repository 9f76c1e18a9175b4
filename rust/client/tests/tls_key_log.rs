//! Tests SSLKEYLOGFILE, which allows a developer to decrypt the traffic. It is read from the environment, so this starts a separate
//! process.
#![allow(missing_docs)]

mod support;
mod support_tls;

use std::process::Command;

use support::{get, server};
use support_tls::{secured, trusting};

const CHILD: &str = "HTTP_CLIENT_TEST_CHILD";
const NAME: &str = "the_keys_are_written_in_debug_builds_only";

#[test]
fn the_keys_are_written_in_debug_builds_only() {
    if std::env::var_os(CHILD).is_some() {
        let client = secured("localhost", server().https(), &trusting(server().ca_pem()));
        assert_eq!(get(&client, "/hello").code, 200);
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("keys");
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", NAME]).env(CHILD, "1").env("SSLKEYLOGFILE", &file);
    assert!(command.output().unwrap().status.success());
    let keys = std::fs::read_to_string(&file).unwrap_or_default();
    // The library was built with the same profile as this test.
    assert_eq!(keys.contains("CLIENT_TRAFFIC_SECRET_0 "), cfg!(debug_assertions), "{keys}");
}
