//! Sessions against programs that we did not write. Each is started for one test, on a free port of this machine: `httpbin` with the form
//! parser of `werkzeug` and the compressors of PyPI, nginx, and tinyproxy. `.ci/run` installs them. Tests of missing programs are skipped,
//! with a message.
#![allow(missing_docs)]

mod forms;
mod httpbin;
mod nginx;
mod packed;
mod servers;
mod tinyproxy;

use std::sync::Arc;
use std::time::Duration;

use http_fetch::{Request, RequestBody, Response, Session, Settings};
use http_protocol::Method;

/// A hang is a failure, but a slow machine is not.
const PATIENCE: Duration = Duration::from_secs(60);

/// Creates a session whose URLs are relative to a server.
fn session(server: &servers::Server) -> Session {
    Session::new(Settings { base_url: server.url("/"), timeout: Some(PATIENCE), ..Settings::default() })
}

fn get(session: &Session, url: &str) -> Arc<Response> {
    session.fetch(Request::get(url)).wait()
}

fn send(session: &Session, method: Method, url: &str, body: RequestBody) -> Arc<Response> {
    session.fetch(Request::with_body(method, url, body)).wait()
}

/// Returns the text of a response, which must be successful.
fn text(response: &Response) -> String {
    assert!(response.is_ok(), "{} {} {}", response.result, response.code(), response.error);
    response.text()
}

/// Returns 1 MiB of bytes with a long period.
fn content() -> Vec<u8> {
    (0..1u32 << 18).flat_map(|word| word.wrapping_mul(0x9E37_79B9).to_le_bytes()).collect()
}
